//! What implications and forecasts of them consist of, and how forecasts are scored.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::basis_points::BasisPoints;
use crate::credences::rules::pool::FEWEST;
use crate::error::Field;
use crate::ids::ScenarioId;
use crate::sources::rules::CitationById;
use crate::text::{text, text_enum};

text! {
    /// What the record should show.
    pub struct ImplicationStatement, 10..=1000, prose
}

text_enum! {
    /// Whether the record shows what an implication says.
    pub enum Resolution {
        /// Nobody has said yet.
        Unresolved = "unresolved",
        /// It does.
        Found = "found",
        /// It does not.
        NotFound = "not_found",
        /// Sources were looked at and do not settle it.
        Unclear = "unclear",
    }
}

impl Resolution {
    /// What forecasts are scored against: whether the record shows it, where that is settled.
    pub fn outcome(self) -> Option<bool> {
        match self {
            Self::Found => Some(true),
            Self::NotFound => Some(false),
            Self::Unclear | Self::Unresolved => None,
        }
    }
}

/// How many scenarios an implication may bear on.
pub const MAX_BEARS_ON: usize = 20;

/// Checks which scenarios an implication bears on, against those of the topic and whether each is in force.
pub fn check_bears_on(bears_on: &[ScenarioId], scenarios: &BTreeMap<ScenarioId, bool>) -> Vec<Field> {
    let mut wrong = Vec::new();
    if bears_on.is_empty() {
        wrong.push(Field::new("bears_on", "too_few", "It bears on a scenario at least."));
    }
    if bears_on.len() > MAX_BEARS_ON {
        wrong.push(Field::new("bears_on", "too_many", format!("At most {MAX_BEARS_ON}.")));
        return wrong;
    }
    for (i, id) in bears_on.iter().enumerate() {
        let mut refuse = |code, detail| wrong.push(Field::new(format!("bears_on[{i}]"), code, detail));
        match scenarios.get(id) {
            None => refuse("unknown_scenario", "This topic has no such scenario."),
            Some(false) => refuse("retired", "This scenario is no longer in force."),
            Some(true) if bears_on[..i].contains(id) => {
                refuse("duplicate", "This scenario was named before.");
            }
            Some(true) => {}
        }
    }
    wrong
}

/// Checks that what is resolved has a citation (I17), and what is not has none.
pub fn check_resolution(resolution: Resolution, citation: Option<&CitationById>) -> Option<Field> {
    match (resolution, citation) {
        (Resolution::Unresolved, None) => None,
        (Resolution::Unresolved, Some(_)) => {
            Some(Field::new("citation", "nothing_to_cite", "What is unresolved has no citation."))
        }
        (_, None) => {
            Some(Field::new("citation", "citation_required", "Say which source of the topic settles it."))
        }
        (_, Some(citation)) => citation.check("citation"),
    }
}

/// Whether a reader is shown what the crowd forecasts: whoever has forecast, or everybody once it is resolved. It is
/// the mask that covers what a crowd makes of its credences: nobody is led by others before they have thought.
pub fn shows_crowd(resolution: Resolution, has_forecast: bool) -> bool {
    has_forecast || resolution != Resolution::Unresolved
}

/// What the crowd forecasts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CrowdForecast {
    /// How many people have forecast.
    pub n: i64,
    /// The median of their last forecasts in basis points, of an even number the mean of the two in the middle; null
    /// below five people.
    pub median_bp: Option<f64>,
}

impl CrowdForecast {
    /// So many people with this median, which is not shown of few.
    pub fn of(n: i64, median_bp: Option<f64>) -> Self {
        let enough = u64::try_from(n).is_ok_and(|n| n >= FEWEST);
        Self { n, median_bp: median_bp.filter(|_| enough) }
    }
}

/// The square of what a forecast was off by, in basis points squared.
fn squared_error(forecast: BasisPoints, shown: bool) -> u64 {
    let outcome = if shown { BasisPoints::ALL } else { BasisPoints::NONE };
    let error = i32::from(forecast).abs_diff(i32::from(outcome));
    u64::from(error) * u64::from(error)
}

/// A mean of so many squared errors, as probabilities.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact below 2^53, which are 90 million forecasts that were all wrong"
)]
fn as_score(squares: u64, n: u64) -> f64 {
    squares as f64 / n as f64 / 1e8
}

/// The score of one forecast: (p − o)², where o is 1 if the record shows it and 0 if not. From 0, which is best, to 1
/// (Brier, 1950). Brier sums over both categories, what happens and what does not, which makes twice as much.
pub fn brier(forecast: BasisPoints, shown: bool) -> f64 {
    as_score(squared_error(forecast, shown), 1)
}

/// How well somebody forecasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Score {
    /// How many of their forecasts are settled.
    pub n: u64,
    /// The mean of their scores, 0 to 1, less being better; null where nothing is settled.
    pub mean: Option<f64>,
}

impl Score {
    /// The score of these forecasts, each with whether the record shows what was forecast: the mean of (p − o)²
    /// (Brier, 1950), half of what his sum over both categories comes to.
    pub fn of(settled: impl IntoIterator<Item = (BasisPoints, bool)>) -> Self {
        let (mut n, mut squares) = (0, 0);
        for (forecast, shown) in settled {
            n += 1;
            squares += squared_error(forecast, shown);
        }
        Self { n, mean: (n > 0).then(|| as_score(squares, n)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::credences::rules::percent;

    fn close(score: f64, expected: f64) {
        assert!((score - expected).abs() < 1e-12, "{score} is not {expected}");
    }

    fn codes(wrong: &[Field]) -> Vec<(&str, &str)> {
        wrong.iter().map(|field| (field.field.as_str(), field.code.as_ref())).collect()
    }

    #[test]
    fn a_score_is_the_mean_of_squared_errors() {
        let [never, little, even, likely, sure] = percent([0, 20, 50, 70, 100]);
        for (forecast, shown, expected) in [
            (sure, true, 0.0),
            (never, true, 1.0),
            (never, false, 0.0),
            (sure, false, 1.0),
            (even, true, 0.25),
            (even, false, 0.25),
            (likely, true, 0.09),
            (likely, false, 0.49),
            (little, false, 0.04),
        ] {
            close(brier(forecast, shown), expected);
        }
        // By hand: (0.09 + 0.04 + 0.25 + 1) / 4.
        let score = Score::of([(likely, true), (little, false), (even, true), (sure, false)]);
        assert_eq!(score.n, 4);
        close(score.mean.unwrap(), 0.345);
        assert_eq!(Score::of([]), Score { n: 0, mean: None });
    }

    #[test]
    fn only_what_is_settled_is_scored() {
        let outcomes = [Resolution::Found, Resolution::NotFound, Resolution::Unclear, Resolution::Unresolved]
            .map(Resolution::outcome);
        assert_eq!(outcomes, [Some(true), Some(false), None, None]);
    }

    #[test]
    fn nothing_pooled_is_said_of_few() {
        assert_eq!(CrowdForecast::of(4, Some(5000.0)), CrowdForecast { n: 4, median_bp: None });
        assert_eq!(CrowdForecast::of(5, Some(5000.5)), CrowdForecast { n: 5, median_bp: Some(5000.5) });
        assert!(!shows_crowd(Resolution::Unresolved, false) && shows_crowd(Resolution::Unresolved, true));
        assert!(shows_crowd(Resolution::Unclear, false));
    }

    #[test]
    fn an_implication_bears_on_scenarios_in_force() {
        let id = |number| ScenarioId(Uuid::from_u128(number));
        let scenarios: BTreeMap<_, _> = (1..=21).map(|number| (id(number), number != 2)).collect();
        assert!(check_bears_on(&[id(1)], &scenarios).is_empty());
        assert_eq!(codes(&check_bears_on(&[], &scenarios)), [("bears_on", "too_few")]);
        let mixed = [id(1), id(2), id(1), id(99)];
        assert_eq!(
            codes(&check_bears_on(&mixed, &scenarios)),
            [("bears_on[1]", "retired"), ("bears_on[2]", "duplicate"), ("bears_on[3]", "unknown_scenario")]
        );
        let live: BTreeMap<_, _> = (1..=21).map(|number| (id(number), true)).collect();
        let all: Vec<_> = live.keys().copied().collect();
        assert!(check_bears_on(&all[..20], &live).is_empty());
        assert_eq!(codes(&check_bears_on(&all, &live)), [("bears_on", "too_many")]);
    }

    fn forecasts() -> impl Strategy<Value = Vec<(BasisPoints, bool)>> {
        let forecast = (0_i64..=10_000).prop_map(|bp| BasisPoints::try_from(bp).unwrap());
        proptest::collection::vec((forecast, any::<bool>()), 1..50)
    }

    proptest! {
        #[test]
        fn a_score_is_between_0_and_1_and_the_mean_of_its_parts(forecasts in forecasts()) {
            let score = Score::of(forecasts.clone());
            let mean = score.mean.unwrap();
            prop_assert!((0.0..=1.0).contains(&mean), "{}", mean);
            let sum: f64 = forecasts.iter().map(|(forecast, shown)| brier(*forecast, *shown)).sum();
            #[expect(clippy::cast_precision_loss, reason = "few")]
            let of_parts = sum / forecasts.len() as f64;
            prop_assert!((mean - of_parts).abs() < 1e-12, "{} is not {}", mean, of_parts);
        }

        #[test]
        fn whoever_forecasts_what_happens_scores_nothing(outcomes in proptest::collection::vec(any::<bool>(), 1..50)) {
            let outcome = |shown| if shown { BasisPoints::ALL } else { BasisPoints::NONE };
            let right = Score::of(outcomes.iter().map(|shown| (outcome(*shown), *shown)));
            prop_assert_eq!(right.mean, Some(0.0));
            let wrong = Score::of(outcomes.iter().map(|shown| (outcome(!*shown), *shown)));
            prop_assert_eq!(wrong.mean, Some(1.0));
        }
    }
}
