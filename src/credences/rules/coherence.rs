//! Whether somebody's numbers agree with one another. What follows is told them alone, and stops nothing.

/// From so much on, in logits, a direct credence and the product of its chain are said to differ.
pub const GAP: f64 = 1.0;

/// What a person's chain says beside what they say directly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chain {
    /// The product of the credences in its steps, each given those before it, 0 to 1.
    pub implied: f64,
    /// The number of the least likely step, from 1.
    pub weakest: usize,
    /// What they give that step, 0 to 1.
    pub weakest_credence: f64,
    /// How far the direct credence is from the product, in logits; infinite where one of them is certain and the other
    /// is not.
    pub gap: f64,
    /// Whether the direct credence is more than the weakest step allows: of account only where the steps are
    /// necessary, for a scenario may come about by another road.
    pub beyond_weakest: bool,
}

impl Chain {
    /// Whether the difference is worth a word.
    pub fn is_notable(&self) -> bool {
        self.gap > GAP
    }
}

/// Compares the steps of a chain with the direct credence in where it leads; people overrate conjunctions (Tversky and
/// Kahneman, 1983). None without steps.
pub fn chain(steps: &[f64], direct: f64) -> Option<Chain> {
    let (weakest, weakest_credence) =
        (1..).zip(steps.iter().copied()).min_by(|one, other| one.1.total_cmp(&other.1))?;
    let implied: f64 = steps.iter().product();
    let gap =
        if (implied - direct).abs() < f64::EPSILON { 0.0 } else { (logit(direct) - logit(implied)).abs() };
    Some(Chain { implied, weakest, weakest_credence, gap, beyond_weakest: direct > weakest_credence })
}

/// The logarithm of the odds.
fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// Whether the parts of a scenario fit into it: each at most as likely as the whole, and all together too.
pub fn parts_fit(whole: i32, parts: impl IntoIterator<Item = i32>) -> bool {
    // No part is negative, so the sum says it of each.
    parts.into_iter().sum::<i32>() <= whole
}

#[cfg(test)]
mod tests {
    use super::super::pool::tests::close;
    use super::*;

    #[test]
    fn a_chain_implies_less_than_was_said() {
        let found = chain(&[0.8, 0.7, 0.6, 0.9], 0.55).unwrap();
        close(&[found.implied, found.weakest_credence], &[0.3024, 0.6]);
        assert!((found.gap - 1.0366).abs() < 0.000_05, "{}", found.gap);
        assert_eq!((found.weakest, found.is_notable(), found.beyond_weakest), (3, true, false));
        assert!(chain(&[0.8, 0.7, 0.6, 0.9], 0.65).unwrap().beyond_weakest);
        assert_eq!(chain(&[], 0.5), None);
    }

    #[test]
    fn certainty_is_as_far_from_doubt_as_can_be() {
        assert!(chain(&[1.0, 0.0], 0.5).unwrap().gap.is_infinite());
        for sure in [0.0, 1.0] {
            assert!(chain(&[sure], sure).unwrap().gap.abs() < f64::EPSILON);
        }
    }

    #[test]
    fn parts_are_at_most_the_whole() {
        assert!(parts_fit(3000, [1000, 2000]) && parts_fit(0, []));
        assert!(!parts_fit(3000, [1000, 2001]));
    }
}
