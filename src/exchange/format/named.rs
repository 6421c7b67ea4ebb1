//! What belongs to a debate besides its thread, in the names of those who wrote it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::rules::Username;
use crate::clock::Timestamp;
use crate::criteria::rules::{Cases, CasesWithOutcome, ClassDescription};
use crate::implications::rules::{ImplicationStatement, Resolution};
use crate::posts::rules::TestKind;
use crate::scenario_sets::rules::{ProposalReason, ProposalStatus};
use crate::scenarios::rules::{OutcomeVsActual, ProposedStep, ScenarioLabel, ScenarioStatement, SetChange};
use crate::sources::rules::{CitationByKey, Key};

/// What made a version of the set of scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct VersionRecord {
    /// The version, from 2.
    #[schema(minimum = 2)]
    pub version: i32,
    /// What was done to the set.
    pub change: SetChange,
    /// Whether credences in the version before can be compared with this one.
    pub comparable: bool,
    /// When.
    pub created_at: Timestamp,
}

/// A proposal to change the set of scenarios, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct ProposalRecord {
    /// Whose it is.
    pub proposer: Username,
    /// What is to be done.
    pub change: ChangeRecord,
    /// Why.
    pub reason: ProposalReason,
    /// What came of it.
    pub status: ProposalStatus,
    /// Who accepted or rejected it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Username>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_reason: Option<ProposalReason>,
    /// The version of the set that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2)]
    pub accepted_in_version: Option<i32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A change of the set of scenarios, by keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::exchange) enum ChangeRecord {
    /// Another scenario.
    Add {
        /// It.
        scenario: ProposedRecord,
    },
    /// What a scenario stands for becomes part of the residual.
    Retire {
        /// Which.
        scenario_key: Key,
    },
    /// Scenarios become one.
    Merge {
        /// Which.
        scenario_keys: Vec<Key>,
        /// What takes their place.
        into: MergeRecord,
    },
    /// A scenario becomes several.
    Split {
        /// Which.
        scenario_key: Key,
        /// What takes its place.
        into: Vec<ProposedRecord>,
    },
}

/// What takes the place of merged scenarios.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::exchange) enum MergeRecord {
    /// One that is there.
    ScenarioKey(Key),
    /// A new one.
    Scenario(ProposedRecord),
}

/// A scenario that somebody proposes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct ProposedRecord {
    /// Its short name.
    pub label: ScenarioLabel,
    /// What it says.
    pub statement: ScenarioStatement,
    /// The outcome in it, set beside the actual one.
    pub outcome_vs_actual: OutcomeVsActual,
    /// The key of the scenario that it is to be a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Key>,
    /// The chain that leads to it.
    #[serde(default)]
    pub chain_steps: Vec<ProposedStep>,
}

/// What the record should show, and whether it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct ImplicationRecord {
    /// By what forecasts refer to it.
    pub key: Key,
    /// Who proposed it.
    pub author: Username,
    /// What the record should show.
    pub statement: ImplicationStatement,
    /// The scenarios it bears on, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    pub bears_on: Vec<Key>,
    /// What kind of test it is.
    pub test_kind: TestKind,
    /// Whether the record shows it.
    pub resolution: Resolution,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<Username>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// What shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<CitationByKey>,
    /// When it was proposed.
    pub created_at: Timestamp,
}

/// Cases like a scenario, and how many of them ended so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct ReferenceClassRecord {
    /// The scenario that it speaks to.
    pub scenario: Key,
    /// Who named it.
    pub author: Username,
    /// Which cases belong to it.
    pub description: ClassDescription,
    /// How many there are.
    pub cases: Cases,
    /// How many ended as the scenario does.
    pub with_outcome: CasesWithOutcome,
    /// Where the numbers are from.
    pub citation: CitationByKey,
    /// When it was named.
    pub created_at: Timestamp,
}
