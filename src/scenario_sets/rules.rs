//! What a change does to a set of scenarios, and whether it fits the set, without a database.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Field;
use crate::ids::ScenarioId;
use crate::scenarios::rules::{
    MAX_SCENARIOS, MAX_SCENARIOS_EVER, MAX_STEPS, OutcomeVsActual, ProposedScenario, SetChange, same_label,
};
use crate::text::{text, text_enum};

text_enum! {
    /// What came of a proposal.
    pub enum ProposalStatus {
        /// Nothing yet.
        Open = "open",
        /// The set was changed so.
        Accepted = "accepted",
        /// The set was not changed so.
        Rejected = "rejected",
        /// Whoever made it took it back.
        Withdrawn = "withdrawn",
    }
}

text_enum! {
    /// What is said to a proposal.
    pub enum Decision {
        /// The set is changed so.
        Accept = "accept",
        /// It is not.
        Reject = "reject",
    }
}

text! {
    /// Why a set of scenarios should change, or why it does or does not.
    pub struct ProposalReason, 10..=1000, prose
}

/// A change of a set of scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Another scenario.
    Add {
        /// It.
        scenario: ProposedScenario,
    },
    /// What a scenario stands for becomes part of the residual; of a part of a scenario, no part of its own any more.
    Retire {
        /// Which.
        scenario_id: ScenarioId,
    },
    /// Scenarios become one.
    Merge {
        /// Which.
        scenario_ids: Vec<ScenarioId>,
        /// What takes their place.
        into: MergeInto,
    },
    /// A scenario becomes several.
    Split {
        /// Which.
        scenario_id: ScenarioId,
        /// What takes its place.
        into: Vec<ProposedScenario>,
    },
}

/// What takes the place of merged scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeInto {
    /// One that is there.
    ScenarioId(ScenarioId),
    /// A new one.
    Scenario(ProposedScenario),
}

impl Change {
    /// What kind of change it is.
    pub fn kind(&self) -> SetChange {
        match self {
            Self::Add { .. } => SetChange::Add,
            Self::Retire { .. } => SetChange::Retire,
            Self::Merge { .. } => SetChange::Merge,
            Self::Split { .. } => SetChange::Split,
        }
    }
}

/// A scenario in force, as far as changes of the set look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveScenario {
    /// The scenario.
    pub id: ScenarioId,
    /// Its short name.
    pub label: String,
    /// The scenario it is a part of.
    pub parent: Option<ScenarioId>,
    /// Whether it stands for everything not named.
    pub is_residual: bool,
}

/// A set of scenarios, as far as changes look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    /// Those in force.
    pub live: Vec<LiveScenario>,
    /// Those that were.
    pub retired: BTreeSet<ScenarioId>,
    /// Whether the outcome asked about really occurred.
    pub outcome_occurred: Option<bool>,
}

/// What takes the place of a scenario that is retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Successor {
    /// One that is there.
    Known(ScenarioId),
    /// The one that is added.
    Added,
    /// Several.
    Several,
}

/// What a change comes to in a set that it fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<'a> {
    /// What goes out, and what takes its place.
    pub retired: Vec<(ScenarioId, Successor)>,
    /// What comes in.
    pub added: Vec<&'a ProposedScenario>,
    /// The scenario that all of this are parts of; none where it is about whole ones.
    pub parent: Option<ScenarioId>,
    /// Whether credences in the set before can be compared with the set after it (I6).
    pub comparable: bool,
}

/// What is wrong with a change, while it is looked at.
struct Finding<'c, 'a> {
    set: &'a Set,
    /// What comes in, with its place in the change.
    added: Vec<(String, &'c ProposedScenario)>,
    wrong: Vec<Field>,
}

impl<'c, 'a> Finding<'c, 'a> {
    fn refuse(&mut self, at: &str, code: &'static str, detail: impl Into<String>) {
        self.wrong.push(Field::new(format!("change.{at}"), code, detail));
    }

    /// A scenario in force.
    fn live(&mut self, at: &str, id: ScenarioId) -> Option<&'a LiveScenario> {
        let set = self.set;
        let found = set.live.iter().find(|scenario| scenario.id == id);
        if found.is_none() && set.retired.contains(&id) {
            self.refuse(at, "retired", "This scenario is no longer in force.");
        } else if found.is_none() {
            self.refuse(at, "unknown_scenario", "This topic has no such scenario.");
        }
        found
    }

    /// A scenario in force that may go out.
    fn mortal(&mut self, at: &str, id: ScenarioId) -> Option<&'a LiveScenario> {
        let found = self.live(at, id)?;
        if found.is_residual {
            self.refuse(
                at,
                "residual_stays",
                "The residual stands for whatever has no scenario of its own: it is neither retired, split nor merged into another.",
            );
            return None;
        }
        Some(found)
    }

    /// What a new scenario must be, and where it stands among those whose place it takes.
    fn add(&mut self, at: &str, new: &'c ProposedScenario, parent: Option<ScenarioId>) {
        self.added.push((at.to_owned(), new));
        if new.outcome_vs_actual == OutcomeVsActual::Unspecified {
            self.refuse(
                &format!("{at}.outcome_vs_actual"),
                "residual_is_unspecified",
                "The residual scenario, and only it, has the outcome `unspecified`.",
            );
        } else if self
            .set
            .outcome_occurred
            .is_some_and(|occurred| !new.outcome_vs_actual.allowed_when(occurred))
        {
            self.refuse(
                &format!("{at}.outcome_vs_actual"),
                "outcome_not_allowed",
                "Where the outcome occurred: absent, earlier, same, later, different; where not: present, same, different.",
            );
        }
        if new.chain_steps.len() > MAX_STEPS {
            self.refuse(&format!("{at}.chain_steps"), "too_many", format!("At most {MAX_STEPS} steps."));
        }
        if new.parent_scenario_id.is_some_and(|named| Some(named) != parent) {
            self.refuse(
                &format!("{at}.parent_scenario_id"),
                "not_in_its_place",
                "It is a part of what those are parts of whose place it takes.",
            );
        }
    }
}

/// Looks at what a change comes to in a set.
///
/// # Errors
/// Why it does not fit, by the fields of the change.
pub fn plan<'a>(change: &'a Change, set: &Set) -> Result<Plan<'a>, Vec<Field>> {
    let mut finding = Finding { set, added: Vec::new(), wrong: Vec::new() };
    let (mut retired, mut parent) = (Vec::new(), None);
    match change {
        Change::Add { scenario } => {
            if let Some(id) = scenario.parent_scenario_id {
                parent = finding.live("scenario.parent_scenario_id", id).map(|found| found.id);
            }
            finding.add("scenario", scenario, scenario.parent_scenario_id);
        }
        Change::Retire { scenario_id } => {
            if let Some(found) = finding.mortal("scenario_id", *scenario_id) {
                parent = found.parent;
                let residual = set.live.iter().find(|scenario| scenario.is_residual);
                match parent.or(residual.map(|residual| residual.id)) {
                    Some(successor) => retired.push((found.id, Successor::Known(successor))),
                    None => finding.refuse(
                        "scenario_id",
                        "no_residual",
                        "There is nothing that it could be part of.",
                    ),
                }
            }
        }
        Change::Merge { scenario_ids, into } => {
            (retired, parent) = merged(&mut finding, scenario_ids, into);
            if let MergeInto::Scenario(new) = into {
                finding.add("into.scenario", new, parent);
            }
        }
        Change::Split { scenario_id, into } => {
            if let Some(found) = finding.mortal("scenario_id", *scenario_id) {
                parent = found.parent;
                retired.push((found.id, Successor::Several));
            }
            if into.len() < 2 {
                finding.refuse("into", "too_few", "A scenario is split into two or more.");
            }
            for (i, new) in into.iter().enumerate() {
                finding.add(&format!("into[{i}]"), new, parent);
            }
        }
    }
    retire_parts(set, &mut retired);
    check_labels(&mut finding, &retired, parent);
    check_what_is_left(&mut finding, &retired, parent);
    if !finding.wrong.is_empty() {
        return Err(finding.wrong);
    }
    let comparable = parent.is_some() || matches!(change, Change::Retire { .. } | Change::Merge { .. });
    let added = finding.added.into_iter().map(|(_, new)| new).collect();
    Ok(Plan { retired, added, parent, comparable })
}

/// What a merger retires, and what all of it is part of.
fn merged(
    finding: &mut Finding<'_, '_>,
    scenario_ids: &[ScenarioId],
    into: &MergeInto,
) -> (Vec<(ScenarioId, Successor)>, Option<ScenarioId>) {
    let mut retired: Vec<(ScenarioId, Successor)> = Vec::new();
    let mut level: Option<Option<ScenarioId>> = None;
    let successor = match into {
        MergeInto::ScenarioId(id) => Successor::Known(*id),
        MergeInto::Scenario(_) => Successor::Added,
    };
    for (i, id) in scenario_ids.iter().enumerate() {
        let at = format!("scenario_ids[{i}]");
        if scenario_ids[..i].contains(id) {
            finding.refuse(&at, "duplicate", "This scenario was named before.");
            continue;
        }
        let Some(found) = finding.mortal(&at, *id) else { continue };
        if *level.get_or_insert(found.parent) != found.parent {
            finding.refuse(
                &at,
                "not_siblings",
                "Those are merged that are parts of the same, or of nothing.",
            );
        }
        retired.push((*id, successor));
    }
    let least = match into {
        MergeInto::ScenarioId(id) => {
            let found = finding.live("into.scenario_id", *id);
            if scenario_ids.contains(id) {
                finding.refuse(
                    "into.scenario_id",
                    "among_the_merged",
                    "It stays: leave it out of `scenario_ids`.",
                );
            } else if let (Some(found), Some(level)) = (found, level)
                && found.parent != level
            {
                finding.refuse(
                    "into.scenario_id",
                    "not_siblings",
                    "Those are merged that are parts of the same, or of nothing.",
                );
            }
            1
        }
        MergeInto::Scenario(_) => 2,
    };
    if scenario_ids.len() < least {
        finding.refuse(
            "scenario_ids",
            "too_few",
            "Two or more become a new one, one or more become part of one that is there.",
        );
    }
    (retired, level.flatten())
}

/// Parts go out with their whole, and stay parts of it.
fn retire_parts(set: &Set, retired: &mut Vec<(ScenarioId, Successor)>) {
    let mut next = 0;
    while let Some((whole, _)) = retired.get(next).copied() {
        for part in set.live.iter().filter(|scenario| scenario.parent == Some(whole)) {
            if !retired.iter().any(|(id, _)| *id == part.id) {
                retired.push((part.id, Successor::Known(whole)));
            }
        }
        next += 1;
    }
}

/// No two siblings in force have one label.
fn check_labels(
    finding: &mut Finding<'_, '_>,
    retired: &[(ScenarioId, Successor)],
    parent: Option<ScenarioId>,
) {
    let stays = |scenario: &&LiveScenario| !retired.iter().any(|(id, _)| *id == scenario.id);
    let siblings = finding.set.live.iter().filter(|scenario| scenario.parent == parent).filter(stays);
    let mut labels: Vec<&str> = siblings.map(|scenario| scenario.label.as_str()).collect();
    for (at, new) in &finding.added {
        let label = new.label.as_str();
        if labels.iter().any(|other| same_label(other, label)) {
            let field = format!("change.{at}.label");
            finding.wrong.push(Field::new(field, "duplicate", "Another scenario has this label."));
        }
        labels.push(label);
    }
}

/// I2 after the change, and how many there may be.
fn check_what_is_left(
    finding: &mut Finding<'_, '_>,
    retired: &[(ScenarioId, Successor)],
    parent: Option<ScenarioId>,
) {
    let (set, added) = (finding.set, finding.added.len());
    let stays = |scenario: &&LiveScenario| !retired.iter().any(|(id, _)| *id == scenario.id);
    let left = set.live.iter().filter(stays).count();
    if left + added > MAX_SCENARIOS {
        let detail = format!("There may be {MAX_SCENARIOS} scenarios at a time, parts included.");
        finding.wrong.push(Field::new("change", "too_many", detail));
    }
    if set.live.len() + set.retired.len() + added > MAX_SCENARIOS_EVER {
        let detail =
            format!("A topic has {MAX_SCENARIOS_EVER} scenarios in its life, retired ones included.");
        finding.wrong.push(Field::new("change", "too_many", detail));
    }
    let rival = |scenario: &&LiveScenario| scenario.parent.is_none() && !scenario.is_residual;
    let rivals = set.live.iter().filter(stays).filter(rival).count();
    if rivals + if parent.is_none() { added } else { 0 } < 2 {
        let detail = "Two rival scenarios must stay, besides the residual.";
        finding.wrong.push(Field::new("change", "too_few", detail));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ScenarioId {
        ScenarioId(Uuid::from_u128(n))
    }

    fn new(outcome_vs_actual: OutcomeVsActual, parent: Option<u128>) -> ProposedScenario {
        ProposedScenario {
            label: "Elizabeth flees".try_into().unwrap(),
            statement: "She is safe in Scotland.".try_into().unwrap(),
            outcome_vs_actual,
            parent_scenario_id: parent.map(id),
            chain_steps: Vec::new(),
        }
    }

    fn later() -> ProposedScenario {
        new(OutcomeVsActual::Later, None)
    }

    fn named(label: &str) -> ProposedScenario {
        ProposedScenario { label: label.try_into().unwrap(), ..later() }
    }

    fn live(scenario: ScenarioId, parent: Option<ScenarioId>) -> LiveScenario {
        LiveScenario { id: scenario, label: scenario.to_string(), parent, is_residual: scenario == id(9) }
    }

    /// Rivals 1, 2 and 3, the residual 9, parts 11 and 12 of 1, and 21 of 2; 7 was retired.
    fn set() -> Set {
        let all = [(1, None), (2, None), (3, None), (9, None), (11, Some(1)), (12, Some(1)), (21, Some(2))];
        Set {
            live: all.into_iter().map(|(n, parent)| live(id(n), parent.map(id))).collect(),
            retired: [id(7)].into(),
            outcome_occurred: Some(true),
        }
    }

    fn merge(ids: &[u128], into: MergeInto) -> Change {
        Change::Merge { scenario_ids: ids.iter().map(|n| id(*n)).collect(), into }
    }

    /// Who goes out into what, how many come in, part of what, and whether it is comparable.
    fn comes_to(change: &Change) -> (Vec<(ScenarioId, Successor)>, usize, Option<ScenarioId>, bool) {
        let plan = plan(change, &set()).unwrap();
        (plan.retired, plan.added.len(), plan.parent, plan.comparable)
    }

    fn refusals(change: &Change, set: &Set) -> Vec<(String, String)> {
        let wrong = plan(change, set).unwrap_err();
        wrong.into_iter().map(|field| (field.field, field.code.into_owned())).collect()
    }

    #[track_caller]
    fn refused(change: &Change, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(at, code)| ((*at).to_owned(), (*code).to_owned())).collect();
        assert_eq!(refusals(change, &set()), expected);
    }

    #[test]
    fn i6_only_what_was_not_asked_before_is_not_comparable() {
        use Successor::{Added, Known, Several};
        let add = Change::Add { scenario: later() };
        assert_eq!(comes_to(&add), (vec![], 1, None, false));
        let part = Change::Add { scenario: new(OutcomeVsActual::Later, Some(2)) };
        assert_eq!(comes_to(&part), (vec![], 1, Some(id(2)), true));
        let retire = Change::Retire { scenario_id: id(3) };
        assert_eq!(comes_to(&retire), (vec![(id(3), Known(id(9)))], 0, None, true));
        let split = Change::Split { scenario_id: id(3), into: vec![later(), named("She stays")] };
        assert_eq!(comes_to(&split), (vec![(id(3), Several)], 2, None, false));
        let split = Change::Split { scenario_id: id(11), into: vec![later(), named("She stays")] };
        assert_eq!(comes_to(&split), (vec![(id(11), Several)], 2, Some(id(1)), true));
        let into = MergeInto::ScenarioId(id(2));
        assert_eq!(comes_to(&merge(&[3], into)), (vec![(id(3), Known(id(2)))], 0, None, true));
        let into = MergeInto::Scenario(new(OutcomeVsActual::Later, Some(1)));
        let both = vec![(id(11), Added), (id(12), Added)];
        assert_eq!(comes_to(&merge(&[11, 12], into)), (both, 1, Some(id(1)), true));
        // Several at once may become part of the residual.
        let mut four = set();
        four.live.push(live(id(4), None));
        let into = merge(&[3, 4], MergeInto::ScenarioId(id(9)));
        assert!(plan(&into, &four).unwrap().comparable);
    }

    #[test]
    fn parts_go_out_with_their_whole_and_a_part_alone_becomes_its_whole() {
        use Successor::Known;
        let whole = Change::Retire { scenario_id: id(1) };
        let out = vec![(id(1), Known(id(9))), (id(11), Known(id(1))), (id(12), Known(id(1)))];
        assert_eq!(comes_to(&whole).0, out);
        let part = Change::Retire { scenario_id: id(11) };
        assert_eq!(comes_to(&part), (vec![(id(11), Known(id(1)))], 0, Some(id(1)), true));
        let mut deep = set();
        deep.live.push(live(id(111), Some(id(11))));
        assert_eq!(plan(&whole, &deep).unwrap().retired.len(), 4);
    }

    #[test]
    fn the_residual_stays_and_what_is_gone_is_gone() {
        refused(&Change::Retire { scenario_id: id(9) }, &[("change.scenario_id", "residual_stays")]);
        let split = Change::Split { scenario_id: id(9), into: vec![later(), named("She stays")] };
        refused(&split, &[("change.scenario_id", "residual_stays")]);
        let into = MergeInto::ScenarioId(id(1));
        refused(&merge(&[9], into.clone()), &[("change.scenario_ids[0]", "residual_stays")]);
        refused(&Change::Retire { scenario_id: id(7) }, &[("change.scenario_id", "retired")]);
        refused(&Change::Retire { scenario_id: id(8) }, &[("change.scenario_id", "unknown_scenario")]);
        refused(&merge(&[2], MergeInto::ScenarioId(id(7))), &[("change.into.scenario_id", "retired")]);
        let part = Change::Add { scenario: new(OutcomeVsActual::Later, Some(7)) };
        refused(&part, &[("change.scenario.parent_scenario_id", "retired")]);
    }

    #[test]
    fn siblings_merge_and_two_or_more_of_them() {
        let into = || MergeInto::ScenarioId(id(1));
        refused(&merge(&[2, 2], into()), &[("change.scenario_ids[1]", "duplicate")]);
        refused(
            &merge(&[1, 2], into()),
            &[("change.into.scenario_id", "among_the_merged"), ("change", "too_few")],
        );
        refused(&merge(&[], into()), &[("change.scenario_ids", "too_few")]);
        refused(&merge(&[3], MergeInto::Scenario(later())), &[("change.scenario_ids", "too_few")]);
        refused(&merge(&[3, 11], into()), &[("change.scenario_ids[1]", "not_siblings")]);
        refused(&merge(&[11], MergeInto::ScenarioId(id(21))), &[("change.into.scenario_id", "not_siblings")]);
        refused(&merge(&[11], into()), &[("change.into.scenario_id", "not_siblings")]);
        let elsewhere = MergeInto::Scenario(new(OutcomeVsActual::Later, Some(2)));
        refused(
            &merge(&[11, 12], elsewhere),
            &[("change.into.scenario.parent_scenario_id", "not_in_its_place")],
        );
        let split = Change::Split { scenario_id: id(3), into: vec![later()] };
        refused(&split, &[("change.into", "too_few")]);
    }

    #[test]
    fn i2_two_rivals_stay_and_outcomes_fit() {
        refused(&merge(&[1, 2, 3], MergeInto::Scenario(later())), &[("change", "too_few")]);
        refused(&merge(&[2, 3], MergeInto::ScenarioId(id(9))), &[("change", "too_few")]);
        let add = |outcome| Change::Add { scenario: new(outcome, None) };
        let at = "change.scenario.outcome_vs_actual";
        refused(&add(OutcomeVsActual::Present), &[(at, "outcome_not_allowed")]);
        refused(&add(OutcomeVsActual::Unspecified), &[(at, "residual_is_unspecified")]);
        let mut never = set();
        never.outcome_occurred = Some(false);
        assert_eq!(
            refusals(&add(OutcomeVsActual::Later), &never),
            [(at.to_owned(), "outcome_not_allowed".to_owned())]
        );
    }

    #[test]
    fn there_are_so_many_scenarios_and_no_more() {
        let mut many = set();
        for n in 100..133 {
            many.live.push(live(id(n), None));
        }
        assert_eq!(many.live.len(), MAX_SCENARIOS);
        let add = Change::Add { scenario: later() };
        assert_eq!(refusals(&add, &many), [("change".to_owned(), "too_many".to_owned())]);
        let split =
            Change::Split { scenario_id: id(1), into: vec![later(), named("She stays"), named("She sails")] };
        assert_eq!(plan(&split, &many).unwrap().retired.len(), 3, "its parts make room");
        many.live.truncate(10);
        many.retired = (1000..1990).map(id).collect();
        assert_eq!(refusals(&add, &many), [("change".to_owned(), "too_many".to_owned())]);
    }

    #[test]
    fn changes_are_kept_as_they_are_sent() {
        for change in [
            Change::Add { scenario: later() },
            Change::Retire { scenario_id: id(1) },
            merge(&[1, 2], MergeInto::ScenarioId(id(3))),
            merge(&[1, 2], MergeInto::Scenario(later())),
            Change::Split { scenario_id: id(1), into: vec![later(), named("She stays")] },
        ] {
            let kept = serde_json::to_value(&change).unwrap();
            assert_eq!(kept["kind"], serde_json::to_value(change.kind()).unwrap());
            assert_eq!(serde_json::from_value::<Change>(kept).unwrap(), change);
        }
        let into = serde_json::to_value(MergeInto::ScenarioId(id(3))).unwrap();
        assert_eq!(into, serde_json::json!({ "scenario_id": id(3) }));
    }
}
