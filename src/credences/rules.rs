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
    /// Those that are no longer in force, each with the one that took its place, if one did.
    pub retired: BTreeMap<ScenarioId, Option<ScenarioId>>,
}

/// A vector over an earlier version of a set as it reads in the present one: what was merged since adds up under what
/// took its place (I6). None where that does not cover the present set: nothing is filled in.
pub fn present(vector: &Vector, live: &Live) -> Option<Vector> {
    let mut sums: BTreeMap<ScenarioId, i64> = BTreeMap::new();
    for (scenario_id, bp) in vector {
        let mut heir = *scenario_id;
        // As many steps as there are retired scenarios lead to the end of any chain without a circle.
        for _ in 0..=live.retired.len() {
            match live.retired.get(&heir) {
                Some(next) => heir = (*next)?,
                None => break,
            }
        }
        *sums.entry(heir).or_default() += i64::from(i32::from(*bp));
    }
    if !sums.keys().eq(&live.whole) {
        return None;
    }
    sums.into_iter().map(|(id, sum)| Some((id, BasisPoints::try_from(sum).ok()?))).collect()
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
        if live.retired.contains_key(scenario_id) {
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
        if live.retired.contains_key(scenario_id) {
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn i4_a_whole_is_10000_basis_points() {
        assert!(sum_to_all(percent([60, 5, 20, 10, 5])));
        assert!(!sum_to_all(percent([60, 5, 20, 10, 4])));
        assert!(!sum_to_all(percent([60, 41])));
    }

    fn id(n: u128) -> ScenarioId {
        ScenarioId(uuid::Uuid::from_u128(n))
    }

    fn live(whole: &[u128], retired: &[(u128, Option<u128>)]) -> Live {
        Live {
            whole: whole.iter().copied().map(id).collect(),
            parts: BTreeSet::new(),
            retired: retired.iter().map(|(gone, heir)| (id(*gone), heir.map(id))).collect(),
        }
    }

    fn vector(parts: &[(u128, i64)]) -> Vector {
        parts.iter().map(|(n, bp)| (id(*n), BasisPoints::try_from(*bp).unwrap())).collect()
    }

    #[test]
    fn i6_what_was_merged_adds_up_and_nothing_is_filled_in() {
        let stated = vector(&[(1, 5000), (2, 3000), (3, 1500), (4, 500)]);
        assert_eq!(present(&stated, &live(&[1, 2, 3, 4], &[])), Some(stated.clone()));
        // 2 and 3 became 5, and that became part of 4.
        let merged = live(&[1, 4], &[(2, Some(5)), (3, Some(5)), (5, Some(4))]);
        assert_eq!(present(&stated, &merged), Some(vector(&[(1, 5000), (4, 5000)])));
        // 2 was split, 5 was added, 3 is gone without a trace, and two became each other.
        assert_eq!(present(&stated, &live(&[1, 3, 4, 5, 6], &[(2, None)])), None);
        assert_eq!(present(&stated, &live(&[1, 2, 3, 4, 5], &[])), None);
        assert_eq!(present(&stated, &live(&[1, 2, 4], &[])), None);
        assert_eq!(present(&stated, &live(&[1, 4], &[(2, Some(3)), (3, Some(2))])), None);
    }

    proptest! {
        #[test]
        fn i6_however_often_scenarios_are_merged_the_whole_stays_a_whole(
            shares in prop::collection::vec(0_i64..100, 3..12),
            merges in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>()), 0..12),
        ) {
            let total: i64 = shares.iter().sum::<i64>().max(1);
            let mut stated: Vec<i64> = shares.iter().map(|share| share * 10_000 / total).collect();
            stated[0] += 10_000 - stated.iter().sum::<i64>();
            let stated: Vec<(u128, i64)> = (1..).zip(stated).collect();
            let mut whole: Vec<u128> = stated.iter().map(|(n, _)| *n).collect();
            let (mut retired, mut next) = (Vec::new(), 100);
            for (one, other, into_new) in merges {
                let (one, other) = (*one.get(&whole), *other.get(&whole));
                if one == other {
                    continue;
                }
                // Into a new one, or the one into the other.
                let heir = if into_new { next += 1; next } else { other };
                let gone: &[u128] = if into_new { &[one, other] } else { &[one] };
                whole.retain(|n| !gone.contains(n));
                retired.extend(gone.iter().map(|gone| (*gone, Some(heir))));
                if into_new {
                    whole.push(heir);
                }
            }
            let now = present(&vector(&stated), &live(&whole, &retired)).unwrap();
            prop_assert!(sum_to_all(now.values().copied()));
            prop_assert_eq!(now.len(), whole.len());
        }
    }

    #[test]
    fn who_holds_two_scenarios_likeliest_has_no_favourite() {
        let of = |bp| favourite(&(1..).map(id).zip(percent::<3>(bp)).collect());
        assert_eq!(of([30, 50, 20]), Some(id(2)));
        assert_eq!(of([40, 40, 20]), None);
        assert_eq!(favourite(&Vector::new()), None);
    }
}
