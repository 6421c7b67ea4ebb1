//! What people said that is theirs alone to read, each under a pseudonym that is good for one file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TargetRecord;
use crate::basis_points::BasisPoints;
use crate::clock::Timestamp;
use crate::criteria::rules::{Rating, Ratings};
use crate::historic_date::HistoricDate;
use crate::mind_changes::rules::MindChangeExplanation;
use crate::sources::rules::Key;

/// How likely one scenario is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct PartRecord {
    /// The scenario's key.
    pub scenario: Key,
    /// How likely, in basis points.
    pub bp: BasisPoints,
}

/// How likely somebody took the scenarios to be at some time. Vectors stand in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct CredenceRecord {
    /// The pseudonym of whoever stated it.
    pub person: Key,
    /// The version of the set that it covers.
    #[schema(minimum = 1)]
    pub scenario_set_version: i32,
    /// Over the top-level scenarios in force in that version; it sums to 10000.
    pub vector: Vec<PartRecord>,
    /// Over parts of them, as far as anything was said of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_vector: Vec<PartRecord>,
    /// Whether they could have seen before what the crowd thinks.
    pub saw_crowd: bool,
    /// When it was stated.
    pub created_at: Timestamp,
}

/// What share of people somebody thinks will hold which scenario likeliest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct PredictionRecord {
    /// Whose it is.
    pub person: Key,
    /// The version of the set that it covers.
    #[schema(minimum = 1)]
    pub scenario_set_version: i32,
    /// Over the top-level scenarios in force in that version; it sums to 10000.
    pub vector: Vec<PartRecord>,
    /// When it was last said.
    pub updated_at: Timestamp,
}

/// How likely somebody takes a step to be, given those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct StepCredenceRecord {
    /// Who.
    pub person: Key,
    /// The key of the step's scenario.
    pub scenario: Key,
    /// The number of the step.
    pub step_no: i16,
    /// How likely, in basis points.
    pub bp: BasisPoints,
    /// When it was last said.
    pub updated_at: Timestamp,
}

/// From when on somebody takes the actual outcome to have been near certain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct InevitabilityRecord {
    /// Who.
    pub person: Key,
    /// From when on; never where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inevitable_from: Option<HistoricDate>,
    /// When it was last said.
    pub updated_at: Timestamp,
}

/// What somebody believes as of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct CheckpointCredenceRecord {
    /// Who.
    pub person: Key,
    /// Which, from 1; 0 is the horizon.
    #[schema(minimum = 0, maximum = 6)]
    pub position: i16,
    /// That the outcome has occurred by then, given the antecedent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_by: Option<BasisPoints>,
    /// That history as it stood then would end as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<BasisPoints>,
    /// That it would end otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternatives: Option<BasisPoints>,
    /// When it was last said.
    pub updated_at: Timestamp,
}

/// That a post moved somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct MindChangeRecord {
    /// The post's key.
    pub post: Key,
    /// Whom.
    pub person: Key,
    /// The number of the vector after it, among those of this person, from 2: the one before it is what they thought
    /// before.
    #[schema(minimum = 2)]
    pub after_number: i32,
    /// Why, in their words.
    pub explanation: MindChangeExplanation,
    /// Whether their account was there before the post.
    pub counts: bool,
    /// When they said so.
    pub created_at: Timestamp,
}

/// How likely somebody took it to be that the record shows an implication. Forecasts stand in the order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct ForecastRecord {
    /// The implication's key.
    pub implication: Key,
    /// Who.
    pub person: Key,
    /// How likely, in basis points.
    pub bp: BasisPoints,
    /// When it was stated.
    pub created_at: Timestamp,
}

/// How somebody rates a scenario or a variant: 0 fails, 4 is clearly met; left out where they did not rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct CriterionRatingRecord {
    /// Who.
    pub person: Key,
    /// What: a scenario or a variant.
    pub target: TargetRecord,
    /// Antecedent and consequent are specified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clarity: Option<Rating>,
    /// The connecting principles go together with the antecedent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cotenability: Option<Rating>,
    /// As little history as possible is rewritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub historical_consistency: Option<Rating>,
    /// It fits well-established theory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theoretical_consistency: Option<Rating>,
    /// It fits well-established statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistical_consistency: Option<Rating>,
    /// It has implications that the record can show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projectability: Option<Rating>,
    /// When they last changed one.
    pub updated_at: Timestamp,
}

impl CriterionRatingRecord {
    /// The ratings alone.
    pub(in crate::exchange) fn ratings(&self) -> Ratings {
        Ratings {
            clarity: self.clarity,
            cotenability: self.cotenability,
            historical_consistency: self.historical_consistency,
            theoretical_consistency: self.theoretical_consistency,
            statistical_consistency: self.statistical_consistency,
            projectability: self.projectability,
        }
    }
}

/// Whether somebody holds that a step or a fact clashes with the antecedent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct CotenabilityFlagRecord {
    /// Who.
    pub person: Key,
    /// What: a step or a fact.
    pub target: TargetRecord,
    /// Whether it clashes.
    pub clashes: bool,
    /// When they last changed it.
    pub updated_at: Timestamp,
}

/// Whether somebody disputes that a variant is of the kind that is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct KindDisputeRecord {
    /// Who.
    pub person: Key,
    /// The variant's key.
    pub variant: Key,
    /// Whether they dispute it.
    pub disputes: bool,
    /// When they last changed it.
    pub updated_at: Timestamp,
}

/// How likely somebody takes the outcome to have been given the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::exchange) struct OutcomeLikelihoodRecord {
    /// Who.
    pub person: Key,
    /// How likely, in basis points.
    pub bp: BasisPoints,
    /// When they last changed it.
    pub updated_at: Timestamp,
}
