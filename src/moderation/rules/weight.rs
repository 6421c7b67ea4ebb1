//! What reports weigh, and how urgent that makes a case.

/// What came of the reports of somebody, as far as it was decided whether they were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accuracy {
    /// Reports that were upheld.
    pub upheld: i64,
    /// Reports that were rejected.
    pub rejected: i64,
}

/// Up to so many decided reports nothing is concluded from them.
const TOO_FEW: i64 = 5;

/// Which share of somebody's reports is right if they neither weigh more nor less for it.
const USUAL_SHARE: f64 = 0.7;

/// What a report weighs by whoever made it, in hundredths: 1, and 1 for each level of trust; 6 for the staff and for trusted
/// flaggers (`comes_first`). More
/// where more than seven in ten of their reports were upheld, and less where fewer were, the surer the more were decided;
/// and 1 for each grade of the rule's severity above the first. Never less than nothing: nobody takes the weight of
/// others away. (The scale is the one by which Discourse weighs flags.)
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "reports are fewer than 2^53"
)]
pub fn weight(trust_level: i16, comes_first: bool, accuracy: Accuracy, severity: i16) -> i32 {
    let level = if comes_first { 5 } else { trust_level };
    let decided = accuracy.upheld + accuracy.rejected;
    let bonus = if decided <= TOO_FEW {
        0.0
    } else {
        let share = accuracy.upheld as f64 / decided as f64;
        (share - USUAL_SHARE) * 5.0 * (decided as f64).log(4.0)
    };
    let weight = 1.0 + f64::from(level) + bonus + f64::from(severity - 1);
    (weight.max(0.0) * 100.0).round() as i32
}

/// What a report weighs that a rule of automatic moderation makes, in hundredths: as much as one of somebody new of whom
/// nothing is known. A rule meets what it was written for, and has no record of being right.
pub fn weight_of_rule(severity: i16) -> i32 {
    weight(0, false, Accuracy::default(), severity)
}

/// How urgent a case is by what its reports weigh together, both in hundredths: 0 to 100, half of that at `half`, and
/// ever slower above. So a hundred reports come before ten, and the tenth thousand changes nothing.
#[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 100")]
pub fn priority(score: i32, half: i32) -> i16 {
    let (score, half) = (f64::from(score.max(0)), f64::from(half.max(1)));
    (100.0 * score / (score + half)).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_right_before_weighs_more() {
        let of = |upheld, rejected| weight(1, false, Accuracy { upheld, rejected }, 1);
        assert_eq!((of(0, 0), of(5, 0), of(0, 5)), (200, 200, 200), "too few to tell");
        // 6 decided: log4 6 = 1.2925; 0.3 · 5 · 1.2925 = 1.94.
        assert_eq!(of(6, 0), 394);
        assert_eq!(of(7, 3), 200);
        assert!(of(16, 0) > of(6, 0) && of(0, 6) == 0 && of(8, 8) < 200);
        let by_anybody = |level, severity| weight(level, false, Accuracy::default(), severity);
        assert_eq!((by_anybody(0, 1), by_anybody(3, 4)), (100, 700));
        assert_eq!(weight(0, true, Accuracy::default(), 1), 600);
        assert_eq!((weight_of_rule(1), weight_of_rule(4)), (100, 400));
    }

    #[test]
    fn priority_grows_with_the_score_and_ends() {
        assert_eq!((priority(0, 1000), priority(1000, 1000), priority(3000, 1000)), (0, 50, 75));
        assert_eq!((priority(i32::MAX, 1000), priority(-5, 1000), priority(1, 0)), (100, 0, 50));
        let all: Vec<i16> = (0..100).map(|score| priority(score * 100, 1000)).collect();
        assert!(all.is_sorted());
    }
}
