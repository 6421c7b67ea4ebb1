//! Whether somebody's numbers agree with one another. What follows is told them alone, and stops nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pool::rounded;
use crate::basis_points::BasisPoints;
use crate::ids::{RelationId, ScenarioId};
use crate::posts::rules::TestKind;
use crate::scenarios::rules::OutcomeVsActual;

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

/// How far numbers that should agree may be apart before a word is said, in basis points: people round.
pub const TOLERANCE: i32 = 100;

/// What somebody believes as of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointCredence {
    /// Which, from 1; 0 is the horizon.
    #[schema(minimum = 0, maximum = 6)]
    pub position: i16,
    /// How likely the outcome in question has occurred by then, given the antecedent.
    #[serde(default)]
    pub occurred_by: Option<BasisPoints>,
    /// How likely history as it stood then was to end as it did.
    #[serde(default)]
    pub actual: Option<BasisPoints>,
    /// How likely it was to end in any other way.
    #[serde(default)]
    pub alternatives: Option<BasisPoints>,
}

/// A scenario with what somebody says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which.
    pub scenario_id: ScenarioId,
    /// What it is a part of.
    pub parent: Option<ScenarioId>,
    /// The outcome in it.
    pub outcome: OutcomeVsActual,
    /// How likely they take it to be.
    pub credence: Option<BasisPoints>,
    /// The steps of its chain, each given those before it.
    pub steps: Vec<Option<BasisPoints>>,
}

/// Evidence that somebody brings, with likelihoods and what kind of test they take it to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedTest {
    /// The link.
    pub relation_id: RelationId,
    /// What they take it to be.
    pub kind: TestKind,
    /// How likely they say it is if what it bears on does not hold.
    pub p_if_false: BasisPoints,
}

/// Everything that somebody says of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether the outcome really occurred.
    pub outcome_occurred: bool,
    /// Of scenarios that are in force.
    pub scenarios: Vec<Said>,
    /// Of checkpoints, in the order of their dates; the horizon last.
    pub checkpoints: Vec<CheckpointCredence>,
    /// Of evidence.
    pub claimed_tests: Vec<ClaimedTest>,
}

/// Numbers that do not agree. Credences are in basis points, what is computed from them from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "check", rename_all = "snake_case")]
pub enum Warning {
    /// The parts of a scenario are likelier than the whole.
    PartsExceedWhole {
        /// The whole.
        scenario_id: ScenarioId,
        /// What it was given.
        whole: BasisPoints,
        /// What its parts were given together.
        parts: i32,
    },
    /// The steps of a chain imply something else than was said of where it leads.
    ChainGap(ChainWarning),
    /// More was said of a scenario than the least likely step allows. Where that step is not necessary there may be
    /// another road.
    BeyondWeakestStep(ChainWarning),
    /// The outcome is said to be likelier by an earlier date than by a later one.
    NotMonotone {
        /// The earlier checkpoint.
        earlier: i16,
        /// What was said of it.
        by_earlier: BasisPoints,
        /// The later one; 0 is the horizon.
        later: i16,
        /// What was said of it.
        by_later: BasisPoints,
    },
    /// What is said of the outcome by the horizon does not fit the scenarios in which it occurs, and in which not.
    Necessity {
        /// That the outcome occurs by the horizon.
        occurred_by: BasisPoints,
        /// The scenarios in which it does, together.
        least: i32,
        /// All but those in which it does not.
        most: i32,
    },
    /// As of a checkpoint, that history would end as it did and that it would not do not make a whole.
    TwoFrames {
        /// Which.
        position: i16,
        /// That it would.
        actual: BasisPoints,
        /// That it would not.
        alternatives: BasisPoints,
    },
    /// Evidence is called a smoking gun, or doubly decisive, which is a smoking gun as well, though it would be found
    /// often enough in any case.
    NoSmokingGun {
        /// The link.
        relation_id: RelationId,
        /// What it is called.
        claimed_test_kind: TestKind,
        /// How likely it is said to be found if what it bears on does not hold.
        p_if_false: BasisPoints,
    },
}

/// A chain beside the credence in where it leads.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ChainWarning {
    /// Where it leads.
    pub scenario_id: ScenarioId,
    /// What was said of it, 0 to 1.
    pub direct: f64,
    /// The product of the steps.
    pub implied: f64,
    /// How far the two are apart, in logits; null where one is certain and the other is not.
    pub gap: Option<f64>,
    /// The number of the least likely step.
    pub weakest_step: usize,
    /// What that step was given.
    pub weakest_credence: f64,
}

impl Warning {
    /// The same for people.
    pub fn detail(&self) -> String {
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        // What people said is given back to the digit: two numbers that differ are not to look the same.
        let sum = |bp: &i32| format!("{}%", f64::from(*bp) / 100.0);
        let of = |bp: &BasisPoints| sum(&i32::from(*bp));
        match self {
            Self::PartsExceedWhole { whole, parts, .. } => {
                format!(
                    "The parts of this scenario add up to {}, and you gave the whole {}.",
                    sum(parts),
                    of(whole)
                )
            }
            Self::ChainGap(chain) => format!(
                "Your steps imply {}, you said {}; the weakest is step {} with {}.",
                percent(chain.implied),
                percent(chain.direct),
                chain.weakest_step,
                percent(chain.weakest_credence),
            ),
            Self::BeyondWeakestStep(chain) => format!(
                "You said {}, and step {} alone has {}: is there a road around it?",
                percent(chain.direct),
                chain.weakest_step,
                percent(chain.weakest_credence),
            ),
            Self::NotMonotone { by_earlier, by_later, .. } => format!(
                "What has occurred by the earlier date has by the later one too, and you said {} and {}.",
                of(by_earlier),
                of(by_later),
            ),
            Self::Necessity { occurred_by, least, most } if least == most => {
                format!(
                    "You said {} for the outcome by the horizon; by your scenarios it is {}.",
                    of(occurred_by),
                    sum(least)
                )
            }
            Self::Necessity { occurred_by, least, most } => format!(
                "You said {} for the outcome by the horizon; by your scenarios it is from {} to {}.",
                of(occurred_by),
                sum(least),
                sum(most),
            ),
            Self::TwoFrames { actual, alternatives, .. } => format!(
                "It would end as it did: {}. It would not: {}. One of the two must hold, so they make 100%.",
                of(actual),
                of(alternatives),
            ),
            Self::NoSmokingGun { p_if_false, .. } => format!(
                "What nearly confirms is found 5 times in 100 at most unless what it shows holds; you said {}.",
                of(p_if_false),
            ),
        }
    }
}

/// The chains whose steps somebody gave figures for, all of them, beside what they said of where these lead.
pub fn chains(own: &Own) -> Vec<ChainWarning> {
    let beside = |said: &Said| {
        let steps: Vec<f64> =
            said.steps.iter().map(|step| step.map(BasisPoints::probability)).collect::<Option<_>>()?;
        let direct = said.credence?.probability();
        let chain = chain(&steps, direct)?;
        Some(ChainWarning {
            scenario_id: said.scenario_id,
            direct,
            implied: rounded(chain.implied),
            gap: chain.gap.is_finite().then(|| rounded(chain.gap)),
            weakest_step: chain.weakest,
            weakest_credence: chain.weakest_credence,
        })
    };
    own.scenarios.iter().filter_map(beside).collect()
}

/// Everything that does not agree.
pub fn warnings(own: &Own) -> Vec<Warning> {
    let mut found = parts(own);
    for chain in chains(own) {
        if chain.gap.is_none_or(|gap| gap > GAP) {
            found.push(Warning::ChainGap(chain.clone()));
        }
        if chain.direct > chain.weakest_credence + f64::from(TOLERANCE) / 10_000.0 {
            found.push(Warning::BeyondWeakestStep(chain));
        }
    }
    found.extend(in_time(own));
    found.extend(necessity(own));
    for said in &own.checkpoints {
        if let (Some(actual), Some(alternatives)) = (said.actual, said.alternatives)
            && (i32::from(actual) + i32::from(alternatives) - i32::from(BasisPoints::ALL)).abs() > TOLERANCE
        {
            found.push(Warning::TwoFrames { position: said.position, actual, alternatives });
        }
    }
    for ClaimedTest { relation_id, kind, p_if_false } in own.claimed_tests.iter().copied() {
        let made = TestKind::of(BasisPoints::NONE, p_if_false);
        if kind.confirms() && !made.confirms() {
            found.push(Warning::NoSmokingGun { relation_id, claimed_test_kind: kind, p_if_false });
        }
    }
    found
}

/// Each part is at most as likely as the whole, and so are all together; no part is negative, so the sum says it of each.
/// A part that nothing was said of is as likely as its own parts at least.
fn parts(own: &Own) -> Vec<Warning> {
    let mut parts_of: BTreeMap<ScenarioId, Vec<&Said>> = BTreeMap::new();
    for said in &own.scenarios {
        if let Some(parent) = said.parent {
            parts_of.entry(parent).or_default().push(said);
        }
    }
    let exceeds = |said: &Said| {
        let (whole, parts) = (said.credence?, of_parts(said.scenario_id, &parts_of));
        (parts > i32::from(whole)).then_some(Warning::PartsExceedWhole {
            scenario_id: said.scenario_id,
            whole,
            parts,
        })
    };
    own.scenarios.iter().filter_map(exceeds).collect()
}

/// What the parts of a scenario are given together.
fn of_parts(whole: ScenarioId, parts_of: &BTreeMap<ScenarioId, Vec<&Said>>) -> i32 {
    let least = |part: &&Said| part.credence.map_or_else(|| of_parts(part.scenario_id, parts_of), i32::from);
    parts_of.get(&whole).into_iter().flatten().map(least).sum()
}

/// What has occurred by a date has occurred by every later one.
fn in_time(own: &Own) -> Vec<Warning> {
    let said: Vec<_> =
        own.checkpoints.iter().filter_map(|said| Some((said.position, said.occurred_by?))).collect();
    let backwards = |pair: &[(i16, BasisPoints)]| match pair {
        [(earlier, by_earlier), (later, by_later)] if by_earlier > by_later => Some(Warning::NotMonotone {
            earlier: *earlier,
            by_earlier: *by_earlier,
            later: *later,
            by_later: *by_later,
        }),
        _ => None,
    };
    said.windows(2).filter_map(backwards).collect()
}

/// Either the outcome occurs by the horizon or it does not: what is said of it directly lies between the scenarios that
/// say that it does, and all but those that say that it does not.
fn necessity(own: &Own) -> Option<Warning> {
    let occurred_by = own.checkpoints.iter().find(|said| said.position == 0)?.occurred_by?;
    let top: Vec<_> = own.scenarios.iter().filter(|said| said.parent.is_none()).collect();
    let (mut least, mut none) = (0, 0);
    for said in &top {
        let credence = i32::from(said.credence?);
        match said.outcome.occurs(own.outcome_occurred) {
            Some(true) => least += credence,
            Some(false) => none += credence,
            None => {}
        }
    }
    let most = i32::from(BasisPoints::ALL) - none;
    let said = i32::from(occurred_by);
    let fits = (least - TOLERANCE..=most + TOLERANCE).contains(&said);
    (!top.is_empty() && !fits).then_some(Warning::Necessity { occurred_by, least, most })
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

    fn bp(value: i64) -> BasisPoints {
        value.try_into().unwrap()
    }

    fn id(number: u128) -> ScenarioId {
        ScenarioId(uuid::Uuid::from_u128(number))
    }

    fn said(number: u128, outcome: OutcomeVsActual, credence: i64) -> Said {
        Said {
            scenario_id: id(number),
            parent: None,
            outcome,
            credence: Some(bp(credence)),
            steps: Vec::new(),
        }
    }

    fn at(position: i16, occurred_by: i64) -> CheckpointCredence {
        CheckpointCredence { position, occurred_by: Some(bp(occurred_by)), actual: None, alternatives: None }
    }

    #[test]
    fn parts_are_at_most_the_whole() {
        let part =
            |number, credence| Said { parent: Some(id(1)), ..said(number, OutcomeVsActual::Later, credence) };
        let whole = said(1, OutcomeVsActual::Later, 3000);
        let fits = Own { scenarios: vec![whole.clone(), part(2, 1000), part(3, 2000)], ..Own::default() };
        assert_eq!(warnings(&fits), []);
        let unsaid = Said { credence: None, ..part(2, 0) };
        let below = Said { parent: Some(id(2)), ..part(4, 3001) };
        let deep = Own { scenarios: vec![whole.clone(), unsaid, below], ..Own::default() };
        let exceeds = Warning::PartsExceedWhole { scenario_id: id(1), whole: bp(3000), parts: 3001 };
        assert_eq!(warnings(&deep), [exceeds]);
        let exceeds = Own { scenarios: vec![whole, part(2, 1000), part(3, 2001)], ..Own::default() };
        let warning = Warning::PartsExceedWhole { scenario_id: id(1), whole: bp(3000), parts: 3001 };
        assert_eq!(warnings(&exceeds), [warning]);
    }

    #[test]
    fn a_chain_is_compared_when_every_step_has_a_figure() {
        let mut scenario = said(1, OutcomeVsActual::Later, 5500);
        scenario.steps = [8000, 7000, 6000, 9000].map(|step| Some(bp(step))).to_vec();
        let own = Own { scenarios: vec![scenario.clone()], ..Own::default() };
        let found = warnings(&own);
        let [Warning::ChainGap(chain)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (chain.weakest_step, Warning::ChainGap(chain.clone()).detail().as_str()),
            (3, "Your steps imply 30%, you said 55%; the weakest is step 3 with 60%.")
        );
        close(&[chain.implied, chain.gap.unwrap()], &[0.3024, 1.036_566]);
        scenario.credence = Some(bp(6500));
        let beyond = warnings(&Own { scenarios: vec![scenario.clone()], ..Own::default() });
        assert!(
            matches!(beyond.as_slice(), [Warning::ChainGap(_), Warning::BeyondWeakestStep(_)]),
            "{beyond:?}"
        );
        scenario.steps[1] = None;
        assert_eq!(warnings(&Own { scenarios: vec![scenario], ..Own::default() }), []);
    }

    #[test]
    fn what_has_occurred_has_occurred_later_too() {
        let own =
            |checkpoints: &[CheckpointCredence]| Own { checkpoints: checkpoints.to_vec(), ..Own::default() };
        assert_eq!(warnings(&own(&[at(1, 1000), at(2, 1000), at(0, 4000)])), []);
        let found = warnings(&own(&[at(1, 5000), at(2, 6000), at(0, 4000)]));
        let warning = Warning::NotMonotone { earlier: 2, by_earlier: bp(6000), later: 0, by_later: bp(4000) };
        assert_eq!(found, [warning]);
    }

    #[test]
    fn the_outcome_occurs_or_it_does_not() {
        use OutcomeVsActual::{Absent, Different, Later, Present, Same, Unspecified};
        let own = |outcomes: [OutcomeVsActual; 4], by| Own {
            outcome_occurred: outcomes[0] == Later,
            scenarios: (1..)
                .zip(outcomes)
                .zip([4000, 3000, 2000, 1000])
                .map(|((n, o), bp)| said(n, o, bp))
                .collect(),
            checkpoints: vec![at(0, by)],
            ..Own::default()
        };
        let occurred = [Later, Absent, Different, Unspecified];
        for by in [4000, 7000, 3900, 7100] {
            assert_eq!(warnings(&own(occurred, by)), [], "{by}");
        }
        for by in [3899, 7101] {
            let warning = Warning::Necessity { occurred_by: bp(by), least: 4000, most: 7000 };
            assert_eq!(warnings(&own(occurred, by)), [warning]);
        }
        // It never did: `same` says that it stays away.
        let warning = Warning::Necessity { occurred_by: bp(9000), least: 4000, most: 7000 };
        assert_eq!(warnings(&own([Present, Same, Different, Unspecified], 9000)), [warning]);
    }

    #[test]
    fn two_frames_make_a_whole_and_smoking_guns_are_rare() {
        let frames = |actual, alternatives| CheckpointCredence {
            position: 2,
            occurred_by: None,
            actual: Some(bp(actual)),
            alternatives: Some(bp(alternatives)),
        };
        let relation_id = RelationId(uuid::Uuid::nil());
        let claimed = |kind, p_if_false| ClaimedTest { relation_id, kind, p_if_false: bp(p_if_false) };
        let own = Own {
            checkpoints: vec![frames(6000, 4100), frames(6000, 4101)],
            claimed_tests: vec![
                claimed(TestKind::SmokingGun, 500),
                claimed(TestKind::SmokingGun, 501),
                claimed(TestKind::Hoop, 9000),
                claimed(TestKind::DoublyDecisive, 2000),
            ],
            ..Own::default()
        };
        let not = |claimed_test_kind, p_if_false| Warning::NoSmokingGun {
            relation_id,
            claimed_test_kind,
            p_if_false: bp(p_if_false),
        };
        let expected = [
            Warning::TwoFrames { position: 2, actual: bp(6000), alternatives: bp(4101) },
            not(TestKind::SmokingGun, 501),
            not(TestKind::DoublyDecisive, 2000),
        ];
        assert_eq!(warnings(&own), expected);
        let said: Vec<_> = expected.iter().map(Warning::detail).collect();
        assert!(said[1].ends_with("you said 5.01%."), "{said:?}");
    }
}
