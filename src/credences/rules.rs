//! Credences and what follows from them, without a database: values, pools of a crowd, scores, and coherence.

pub mod coherence;
pub mod pool;
pub mod popular;

use crate::basis_points::BasisPoints;

/// Whether credences in exclusive scenarios, of which one must come true, make a whole.
pub fn sum_to_all(credences: impl IntoIterator<Item = BasisPoints>) -> bool {
    credences.into_iter().map(i32::from).sum::<i32>() == i32::from(BasisPoints::ALL)
}

/// How far somebody moved: half of what their credences in all scenarios changed by (total variation distance), 0 to 1.
/// The two name the same scenarios in the same order.
pub fn shift(before: &[BasisPoints], after: &[BasisPoints]) -> f64 {
    let moved: i32 =
        before.iter().zip(after).map(|(one, other)| (i32::from(*one) - i32::from(*other)).abs()).sum();
    f64::from(moved) / 2.0 / f64::from(i32::from(BasisPoints::ALL))
}

/// Credences as a person writes them in per cent, for tests.
#[cfg(test)]
pub(crate) fn percent<const N: usize>(values: [i64; N]) -> [BasisPoints; N] {
    values.map(|value| BasisPoints::try_from(value * 100).expect("a test gives probabilities"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i4_a_whole_is_10000_basis_points() {
        assert!(sum_to_all(percent([60, 5, 20, 10, 5])));
        assert!(!sum_to_all(percent([60, 5, 20, 10, 4])));
        assert!(!sum_to_all(percent([60, 41])));
    }

    #[test]
    fn a_shift_is_half_of_all_that_moved() {
        let (before, after) = (percent([60, 30, 10]), percent([40, 30, 30]));
        assert!((shift(&before, &after) - 0.2).abs() < 1e-12);
        assert!(shift(&before, &before).abs() < 1e-12);
        assert!((shift(&percent([100, 0]), &percent([0, 100])) - 1.0).abs() < 1e-12);
    }
}
