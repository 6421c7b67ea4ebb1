//! What scenarios and their chains consist of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Field;
use crate::historic_date::HistoricDate;
use crate::ids::ScenarioId;
use crate::sources::rules::{CitationByKey, Key, NewQuotation, NewSource, check_keyed_citations};
use crate::text::{text, text_enum};

text_enum! {
    /// What the counterfactual world does by the horizon, set beside what really happened. The causal
    /// reading of the real event is the mirror image, and is derived: see [`OutcomeVsActual::causal_reading`].
    pub enum OutcomeVsActual {
        /// The outcome does not occur by the horizon.
        Absent = "absent",
        /// It occurs after the actual date, beyond the tolerance, and by the horizon.
        Later = "later",
        /// It occurs before the actual date, beyond the tolerance.
        Earlier = "earlier",
        /// It occurs at about the actual time, or stays away as it really did.
        Same = "same",
        /// Something of comparable scale but another kind occurs.
        Different = "different",
        /// It occurs by the horizon although it never did.
        Present = "present",
        /// Whatever the residual scenario stands for.
        Unspecified = "unspecified",
    }
}

impl OutcomeVsActual {
    /// What the scenario says of the real event, as a verb.
    pub fn causal_reading(self) -> Option<&'static str> {
        match self {
            Self::Absent => Some("produced"),
            Self::Later => Some("hastened"),
            Self::Earlier => Some("delayed"),
            Self::Same => Some("no_difference"),
            Self::Different => Some("redirected"),
            Self::Present => Some("prevented"),
            Self::Unspecified => None,
        }
    }

    /// Whether the outcome in question occurs by the horizon where this scenario comes true, given whether it really
    /// did. None where another one does, and for the residual, since nobody has said what that would bring.
    pub fn occurs(self, outcome_occurred: bool) -> Option<bool> {
        match self {
            Self::Earlier | Self::Later | Self::Present => Some(true),
            // As it really was.
            Self::Same => Some(outcome_occurred),
            Self::Absent => Some(false),
            Self::Different | Self::Unspecified => None,
        }
    }

    /// Whether a scenario may have this outcome, given whether the outcome really occurred.
    pub fn allowed_when(self, outcome_occurred: bool) -> bool {
        match self {
            Self::Same | Self::Different | Self::Unspecified => true,
            Self::Absent | Self::Earlier | Self::Later => outcome_occurred,
            Self::Present => !outcome_occurred,
        }
    }
}

text_enum! {
    /// What makes a new version of a set of scenarios.
    pub enum SetChange {
        /// A scenario was added.
        Add = "add",
        /// A scenario was retired: what it stood for is part of the residual.
        Retire = "retire",
        /// Several scenarios became one.
        Merge = "merge",
        /// A scenario became several.
        Split = "split",
    }
}

text! {
    /// The short name of a scenario.
    pub struct ScenarioLabel, 3..=80, line
}
text! {
    /// What a scenario says.
    pub struct ScenarioStatement, 10..=1000, prose
}
text! {
    /// What happens in a step, or the general rule that makes it go.
    pub struct StepStatement, 1..=1000, prose
}

/// A scenario as its proposer writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScenario {
    /// By what the rest of the document refers to it.
    pub key: Key,
    /// Its short name.
    pub label: ScenarioLabel,
    /// What it says.
    pub statement: ScenarioStatement,
    /// The outcome in it, set beside the actual one.
    pub outcome_vs_actual: OutcomeVsActual,
    /// Whether it stands for everything not named; then its outcome is `unspecified`.
    #[serde(default)]
    pub is_residual: bool,
    /// The key of the scenario that this is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Key>,
    /// What it leans on.
    #[serde(default)]
    pub citations: Vec<CitationByKey>,
    /// The chain that leads to it, at most 8 steps.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub chain_steps: Vec<NewChainStep>,
}

/// A step in the causal chain of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChainStep {
    /// What happens, given the steps before.
    pub statement: StepStatement,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happens_by: Option<HistoricDate>,
    /// The general rule that makes it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalisation: Option<StepStatement>,
    /// What it leans on.
    #[serde(default)]
    pub citations: Vec<CitationByKey>,
}

/// A scenario as somebody proposes it for the set of an open topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposedScenario {
    /// Its short name.
    pub label: ScenarioLabel,
    /// What it says.
    pub statement: ScenarioStatement,
    /// The outcome in it, set beside the actual one; not `unspecified`, which is the residual's.
    pub outcome_vs_actual: OutcomeVsActual,
    /// The scenario that it is to be a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_scenario_id: Option<ScenarioId>,
    /// The chain that leads to it, at most 8 steps.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub chain_steps: Vec<ProposedStep>,
}

/// A step in the chain of a proposed scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposedStep {
    /// What happens, given the steps before.
    pub statement: StepStatement,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happens_by: Option<HistoricDate>,
    /// The general rule that makes it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generalisation: Option<StepStatement>,
}

/// How many scenarios a topic may have at a time, parts of others included.
pub const MAX_SCENARIOS: usize = 40;

/// How many it may ever have had.
pub const MAX_SCENARIOS_EVER: usize = 1000;

/// How many steps a chain may have.
pub const MAX_STEPS: usize = 8;

/// Checks how many scenarios there are at a time: retired ones do not count.
pub fn check_number(at: &str, live: usize) -> Option<Field> {
    let too_many = || Field::new(format!("{at}scenarios"), "too_many", format!("At most {MAX_SCENARIOS}."));
    (live > MAX_SCENARIOS).then(too_many)
}

/// Whether readers could not tell two scenarios apart by these labels.
pub fn same_label(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Refuses labels that two scenarios in force would have which are parts of the same, or of nothing.
pub fn check_labels(at: &str, scenarios: &[NewScenario], is_live: impl Fn(&Key) -> bool) -> Vec<Field> {
    let live = || scenarios.iter().enumerate().filter(|(_, scenario)| is_live(&scenario.key));
    let is_taken = |(i, scenario): &(usize, &NewScenario)| {
        live().take_while(|(k, _)| k < i).any(|(_, other)| {
            other.parent == scenario.parent && same_label(other.label.as_str(), scenario.label.as_str())
        })
    };
    let field = |(i, _): (usize, &NewScenario)| {
        Field::new(format!("{at}scenarios[{i}].label"), "duplicate", "Another scenario has this label.")
    };
    live().filter(is_taken).map(field).collect()
}

/// Checks what a set of scenarios must be whether the topic is open or not.
pub fn check_scenarios(
    at: &str,
    scenarios: &[NewScenario],
    outcome_occurred: Option<bool>,
    sources: &[NewSource],
    quotations: &[NewQuotation],
) -> Vec<Field> {
    let mut wrong = Vec::new();
    if scenarios.len() > MAX_SCENARIOS_EVER {
        let detail = format!("At most {MAX_SCENARIOS_EVER}, retired ones included.");
        wrong.push(Field::new(format!("{at}scenarios"), "too_many", detail));
    }
    for (i, scenario) in scenarios.iter().enumerate() {
        let place = format!("{at}scenarios[{i}]");
        if scenarios[..i].iter().any(|other| other.key == scenario.key) {
            wrong.push(Field::new(format!("{place}.key"), "duplicate_key", "Another scenario has this key."));
        }
        if scenario.is_residual != (scenario.outcome_vs_actual == OutcomeVsActual::Unspecified) {
            wrong.push(Field::new(
                format!("{place}.outcome_vs_actual"),
                "residual_is_unspecified",
                "The residual scenario, and only it, has the outcome `unspecified`.",
            ));
        }
        if outcome_occurred.is_some_and(|occurred| !scenario.outcome_vs_actual.allowed_when(occurred)) {
            wrong.push(Field::new(
                format!("{place}.outcome_vs_actual"),
                "outcome_not_allowed",
                "Where the outcome occurred: absent, earlier, same, later, different; where not: present, same, different.",
            ));
        }
        match &scenario.parent {
            Some(key) if *key == scenario.key || !scenarios[..i].iter().any(|other| other.key == *key) => {
                wrong.push(Field::new(
                    format!("{place}.parent"),
                    "unknown_key",
                    "No scenario before this one has this key.",
                ));
            }
            Some(_) if scenario.is_residual => wrong.push(Field::new(
                format!("{place}.parent"),
                "residual_is_top_level",
                "The residual scenario is part of no other.",
            )),
            _ => {}
        }
        if scenario.chain_steps.len() > MAX_STEPS {
            wrong.push(Field::new(format!("{place}.chain_steps"), "too_many", "At most 8 steps."));
        }
        wrong.extend(check_keyed_citations(
            &format!("{place}.citations"),
            &scenario.citations,
            sources,
            quotations,
        ));
        for (k, step) in scenario.chain_steps.iter().enumerate() {
            let place = format!("{place}.chain_steps[{k}].citations");
            wrong.extend(check_keyed_citations(&place, &step.citations, sources, quotations));
        }
    }
    if scenarios.iter().filter(|scenario| scenario.is_residual).count() > 1 {
        wrong.push(Field::new(
            format!("{at}scenarios"),
            "two_residuals",
            "Only one scenario is the residual.",
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_outcomes_fit_what_really_happened() {
        use OutcomeVsActual::{Absent, Different, Earlier, Later, Present, Same, Unspecified};
        let allowed = |occurred| {
            [Absent, Later, Earlier, Same, Different, Present, Unspecified]
                .into_iter()
                .filter(|outcome| outcome.allowed_when(occurred))
                .collect::<Vec<_>>()
        };
        assert_eq!(allowed(true), [Absent, Later, Earlier, Same, Different, Unspecified]);
        assert_eq!(allowed(false), [Same, Different, Present, Unspecified]);
        let occurs = |occurred| {
            [Absent, Later, Earlier, Same, Different, Present, Unspecified].map(|o| o.occurs(occurred))
        };
        let [yes, no] = [Some(true), Some(false)];
        assert_eq!(occurs(true), [no, yes, yes, yes, None, yes, None]);
        assert_eq!(occurs(false), [no, yes, yes, no, None, yes, None]);
    }
}
