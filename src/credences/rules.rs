//! Credences and what follows from them, without a database: values, pools of a crowd, scores, and coherence.

pub mod coherence;
pub mod crowd;
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
    /// What those that were ever on top have become: themselves, or the one that took their place.
    pub became: BTreeMap<ScenarioId, ScenarioId>,
}

/// Checks that what is given to parts of scenarios is given to parts that are in force, once each.
///
/// # Errors
/// What is wrong with which.
pub fn check_sub_vector(parts: &[Part], live: &Live) -> Result<Vector, Vec<Field>> {
    let (mut vector, mut wrong) = (Vector::new(), Vec::new());
    for (i, Part { scenario_id, bp }) in parts.iter().enumerate() {
        let mut refuse =
            |code, detail| wrong.push(Field::new(format!("sub_vector[{i}].scenario_id"), code, detail));
        if live.retired.contains(scenario_id) {
            refuse("retired", "This scenario is no longer in force.");
        } else if live.whole.contains(scenario_id) {
            refuse("top_level", "This scenario is part of no other one: it belongs in `vector`.");
        } else if !live.parts.contains(scenario_id) {
            refuse("unknown_scenario", "This topic has no such scenario.");
        } else if vector.insert(*scenario_id, *bp).is_some() {
            refuse("duplicate", "This scenario was named before.");
        }
    }
    if wrong.is_empty() { Ok(vector) } else { Err(wrong) }
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

/// The scenario that somebody holds likeliest, if there is one.
pub fn favourite(vector: &Vector) -> Option<ScenarioId> {
    let most = vector.values().max()?;
    let mut likeliest = vector.iter().filter(|(_, bp)| *bp == most);
    let favourite = likeliest.next().map(|(scenario, _)| *scenario);
    favourite.filter(|_| likeliest.next().is_none())
}

/// A vector in the scenarios that those of its time have become: what was merged is added up. None where one of them
/// became nothing.
pub fn present(vector: &Vector, became: &BTreeMap<ScenarioId, ScenarioId>) -> Option<Vector> {
    let mut present = Vector::new();
    for (scenario, bp) in vector {
        let sum = present.entry(*became.get(scenario)?).or_insert(BasisPoints::NONE);
        *sum = sum.and(*bp)?;
    }
    Some(present)
}

/// Whether credences in exclusive scenarios, of which one must come true, make a whole.
pub fn sum_to_all(credences: impl IntoIterator<Item = BasisPoints>) -> bool {
    credences.into_iter().map(i32::from).sum::<i32>() == i32::from(BasisPoints::ALL)
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

    fn scenario(number: u128) -> ScenarioId {
        ScenarioId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn i6_what_was_merged_is_added_up_and_nothing_is_filled_in() {
        let vector: Vector = (1..).map(scenario).zip(percent([50, 30, 20])).collect();
        let became: BTreeMap<_, _> =
            [(1, 4), (2, 4), (3, 3)].map(|(was, is)| (scenario(was), scenario(is))).into();
        let expected: Vector = [scenario(4), scenario(3)].into_iter().zip(percent([80, 20])).collect();
        assert_eq!(present(&vector, &became), Some(expected));
        let lost: BTreeMap<_, _> = [(1, 1), (2, 2)].map(|(was, is)| (scenario(was), scenario(is))).into();
        assert_eq!(present(&vector, &lost), None);
    }

    #[test]
    fn who_holds_two_scenarios_likeliest_has_no_favourite() {
        let of = |bp| favourite(&(1..).map(scenario).zip(percent::<3>(bp)).collect());
        assert_eq!(of([30, 50, 20]), Some(scenario(2)));
        assert_eq!(of([40, 40, 20]), None);
        assert_eq!(favourite(&Vector::new()), None);
    }
}
