//! Credences and what follows from them, without a database: values, pools of a crowd, scores, and coherence.

pub mod coherence;
pub mod pool;
pub mod popular;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::basis_points::BasisPoints;
use crate::error::Field;
use crate::ids::ScenarioId;

/// How likely somebody takes one scenario to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which scenario.
    pub scenario_id: ScenarioId,
    /// How likely, in basis points, 0 to 10000.
    pub bp: BasisPoints,
}

/// Credences that cover what they should and sum to 10000.
pub type Vector = BTreeMap<ScenarioId, BasisPoints>;

/// The scenarios of a topic, by whether credences are asked about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live {
    /// Top-level ones in force: these.
    pub whole: BTreeSet<ScenarioId>,
    /// Parts of others.
    pub parts: BTreeSet<ScenarioId>,
    /// Those that are no longer in force.
    pub retired: BTreeSet<ScenarioId>,
}

/// Checks that a vector names each live top-level scenario once, nothing else, and sums to 10000 (I4).
///
/// # Errors
/// What is wrong with which part.
pub fn check_vector(parts: &[Part], live: &Live) -> Result<Vector, Vec<Field>> {
    let (mut vector, mut wrong) = (Vector::new(), Vec::new());
    for (i, Part { scenario_id, bp }) in parts.iter().enumerate() {
        let mut refuse =
            |code, detail| wrong.push(Field::new(format!("vector[{i}].scenario_id"), code, detail));
        if live.retired.contains(scenario_id) {
            refuse("retired", "This scenario is no longer in force.");
        } else if live.parts.contains(scenario_id) {
            refuse("not_top_level", "This scenario is a part of another one, which has the whole.");
        } else if !live.whole.contains(scenario_id) {
            refuse("unknown_scenario", "This topic has no such scenario.");
        } else if vector.insert(*scenario_id, *bp).is_some() {
            refuse("duplicate", "This scenario was named before.");
        }
    }
    for missing in live.whole.iter().filter(|id| !vector.contains_key(id)) {
        let detail = format!("Scenario {missing} is missing: say 0 if it is impossible.");
        wrong.push(Field::new("vector", "incomplete", detail));
    }
    if wrong.is_empty() && !sum_to_all(vector.values().copied()) {
        let sum: i32 = vector.values().copied().map(i32::from).sum();
        let detail =
            format!("The credences sum to {sum} basis points; one of the scenarios must come true: 10000.");
        wrong.push(Field::new("vector", "not_a_whole", detail));
    }
    if wrong.is_empty() { Ok(vector) } else { Err(wrong) }
}

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
