//! The format of debate files, and its JSON Schema.
//!
//! One document; its parts refer to each other by keys, and to people by usernames. What is theirs alone to read
//! stands under pseudonyms, which nothing in the file ties to usernames.

mod named;
mod said;

pub(super) use named::{
    ChangeRecord, ImplicationRecord, MergeRecord, ProposalRecord, ProposedRecord, ReferenceClassRecord,
    VersionRecord,
};
pub(super) use said::{
    CheckpointCredenceRecord, CotenabilityFlagRecord, CredenceRecord, CriterionRatingRecord, ForecastRecord,
    InevitabilityRecord, KindDisputeRecord, MindChangeRecord, OutcomeLikelihoodRecord, PartRecord,
    PredictionRecord, StepCredenceRecord,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::accounts::rules::{DisplayName, Username};
use crate::basis_points::BasisPoints;
use crate::clock::Timestamp;
use crate::decisions::rules::ClosingSummary;
use crate::posts::rules::{
    CitationStatus, Criterion, Direction, Evidence, PostBody, RelationType, TargetKind, TestKind,
};
use crate::sources::rules::{BibliographyKey, CitationByKey, Key};
use crate::topics::rules::TopicContent;

/// The name and version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) enum Format {
    /// The first version.
    #[serde(rename = "otherwise-debate/1")]
    One,
}

/// A whole debate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DebateFile {
    /// The name and version of the format.
    pub format: Format,
    /// Everybody the file names. On import they become accounts that nobody can sign in to.
    pub people: Vec<Person>,
    /// Who asks the question.
    pub author: Username,
    /// When the topic was made; the time of import where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The question, its bibliography and its scenarios.
    pub topic: TopicContent,
    /// What the debate came to, where moderators closed it; the topic is archived then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closing_summary: Option<ClosingSummary>,
    /// The version of the set of scenarios, and what became of each.
    #[serde(default)]
    pub scenario_set: ScenarioSet,
    /// The thread, oldest post first.
    #[serde(default)]
    pub posts: Vec<PostRecord>,
    /// Which entries of the bibliography came with a post, and so go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brought: Vec<BroughtRecord>,
    /// Who judged which post how.
    #[serde(default)]
    pub votes: Vec<VoteRecord>,
    /// What was proposed to change of the set of scenarios, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenario_proposals: Vec<ProposalRecord>,
    /// What the record should show, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub implications: Vec<ImplicationRecord>,
    /// Cases to compare scenarios with, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_classes: Vec<ReferenceClassRecord>,
    /// How likely people took the scenarios to be, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credences: Vec<CredenceRecord>,
    /// What they think the others hold likeliest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meta_predictions: Vec<PredictionRecord>,
    /// How likely they take steps to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub step_credences: Vec<StepCredenceRecord>,
    /// From when on they take the actual outcome to have been near certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inevitability: Vec<InevitabilityRecord>,
    /// What they believe as of the checkpoints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoint_credences: Vec<CheckpointCredenceRecord>,
    /// Which post moved whom, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mind_changes: Vec<MindChangeRecord>,
    /// How likely they take it to be that the record shows the implications, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forecasts: Vec<ForecastRecord>,
    /// How they rate scenarios and variants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub criterion_ratings: Vec<CriterionRatingRecord>,
    /// Which steps and facts they hold to clash with the antecedent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cotenability_flags: Vec<CotenabilityFlagRecord>,
    /// Which variants they hold to be of another kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind_disputes: Vec<KindDisputeRecord>,
    /// How likely they take the outcome to have been given the event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcome_likelihoods: Vec<OutcomeLikelihoodRecord>,
}

impl DebateFile {
    /// Every pseudonym in the file, as often as it stands there.
    pub(super) fn pseudonyms(&self) -> impl Iterator<Item = &Key> {
        let credences = self.credences.iter().map(|record| &record.person);
        let further = self.meta_predictions.iter().map(|record| &record.person);
        let further = further.chain(self.step_credences.iter().map(|record| &record.person));
        let further = further.chain(self.inevitability.iter().map(|record| &record.person));
        let further = further.chain(self.checkpoint_credences.iter().map(|record| &record.person));
        let moved = self.mind_changes.iter().map(|record| &record.person);
        let forecasts = self.forecasts.iter().map(|record| &record.person);
        let judged = self.criterion_ratings.iter().map(|record| &record.person);
        let judged = judged.chain(self.cotenability_flags.iter().map(|record| &record.person));
        let judged = judged.chain(self.kind_disputes.iter().map(|record| &record.person));
        let judged = judged.chain(self.outcome_likelihoods.iter().map(|record| &record.person));
        credences.chain(further).chain(moved).chain(forecasts).chain(judged)
    }
}

/// Somebody the file names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    /// By what the rest of the file refers to them.
    pub username: Username,
    /// How they want to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,
}

/// The set of scenarios over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioSet {
    /// Counts the changes of the set, from 1.
    #[schema(minimum = 1)]
    pub version: i32,
    /// Since which version credences can be compared with the present set; that one, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub comparable_since: Option<i32>,
    /// What made the versions after the first, in their order, as far as it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionRecord>,
    /// What is not as usual: scenarios that are left out were proposed by the topic's author in version 1.
    #[serde(default)]
    pub history: Vec<ScenarioRecord>,
}

impl Default for ScenarioSet {
    fn default() -> Self {
        Self { version: 1, comparable_since: None, versions: Vec::new(), history: Vec::new() }
    }
}

impl ScenarioSet {
    /// Since which version credences can be compared with the present set.
    pub(super) fn comparable_since(&self) -> i32 {
        self.comparable_since.unwrap_or(self.version)
    }
}

/// Where a scenario came from, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScenarioRecord {
    /// Its key.
    pub scenario: Key,
    /// Who proposed it.
    pub proposer: Username,
    /// The version of the set that brought it in.
    #[schema(minimum = 1)]
    pub introduced_in_version: i32,
    /// The version of the set that took it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_in_version: Option<i32>,
    /// The key of the scenario that took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<Key>,
}

/// A post, or its tombstone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostRecord {
    /// By what the rest of the file refers to it.
    pub key: Key,
    /// Who wrote it; nobody for a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Username>,
    /// The key of the post it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Key>,
    /// The text as Markdown; none for a tombstone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<PostBody>,
    /// Whether it says where it has things from.
    pub citation_status: CitationStatus,
    /// Which test of a counterfactual it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<Criterion>,
    /// What it bears on.
    #[serde(default)]
    pub relations: Vec<RelationRecord>,
    /// Which scenarios it moves.
    #[serde(default)]
    pub stance_effects: Vec<StanceRecord>,
    /// What it leans on.
    #[serde(default)]
    pub citations: Vec<CitationByKey>,
    /// When it was posted; the time of import where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// What it said before, oldest first, the present text last; left out where it was never revised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<RevisionRecord>,
    /// The key of the older post that says the same, where moderators found that; no post answers this one then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<Key>,
}

/// What a post does to a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationRecord {
    /// By what undercuts and questions refer to it.
    pub key: Key,
    /// What the post does.
    #[serde(rename = "type")]
    pub relation_type: RelationType,
    /// To what; always something before this post in the file.
    pub target: TargetRecord,
    /// For evidence: how likely it is if the target holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_if_true: Option<BasisPoints>,
    /// For evidence: how likely it is if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_if_false: Option<BasisPoints>,
    /// For evidence: what kind of test its author takes it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_test_kind: Option<TestKind>,
    /// When it was made, if not with its post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When an edit took it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
    /// Whether a moderator said so, and not the author.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_moderator: bool,
}

impl RelationRecord {
    /// What is said of it as evidence.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            p_if_true: self.p_if_true,
            p_if_false: self.p_if_false,
            claimed_test_kind: self.claimed_test_kind,
        }
    }
}

/// What a relation bears on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetRecord {
    /// What kind of thing.
    pub kind: TargetKind,
    /// Its key; for a step, the key of its scenario; none for the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The number of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_no: Option<i16>,
}

/// How a post moves one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StanceRecord {
    /// The scenario's key.
    pub scenario: Key,
    /// Which way.
    pub direction: Direction,
}

/// A text that a post has had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevisionRecord {
    /// The text.
    pub body: PostBody,
    /// What it bore on.
    #[serde(default)]
    pub relations: Vec<RecordedRelation>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether a moderator made it, and not the author.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_moderator: bool,
}

/// What a post bore on in an earlier revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordedRelation {
    /// What the post did.
    #[serde(rename = "type")]
    pub relation_type: RelationType,
    /// To what.
    pub target: TargetRecord,
}

/// An entry of the bibliography that came with a post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BroughtRecord {
    /// The entry.
    pub entry: BibliographyKey,
    /// The post's key.
    pub by: Key,
}

/// What somebody thinks of a post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VoteRecord {
    /// The post's key.
    pub post: Key,
    /// Who.
    pub voter: Username,
    /// Whether it is a good argument: -1, 0 or 1.
    #[schema(minimum = -1, maximum = 1)]
    pub quality: i8,
    /// Whether they agree: -1, 0 or 1.
    #[schema(minimum = -1, maximum = 1)]
    pub agreement: i8,
    /// When they last changed their mind; the time of import where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cast_at: Option<Timestamp>,
}

/// The JSON Schema of debate files, made of the types above.
///
/// # Errors
/// A type has no JSON form: a defect.
pub fn schema() -> serde_json::Result<Value> {
    let mut schemas = vec![(DebateFile::name().into_owned(), DebateFile::schema())];
    DebateFile::schemas(&mut schemas);
    let mut definitions = serde_json::Map::new();
    for (name, schema) in schemas {
        definitions.insert(name, serde_json::to_value(schema)?);
    }
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Otherwise debate file, version 1",
        "$ref": "#/$defs/DebateFile",
        "$defs": definitions,
    });
    point_at_definitions(&mut document);
    Ok(document)
}

/// Schemas stand elsewhere in an OpenAPI document than in a JSON Schema.
fn point_at_definitions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(target) if name == "$ref" => {
                        *target = target.replace("#/components/schemas/", "#/$defs/");
                    }
                    value => point_at_definitions(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(point_at_definitions),
        _ => {}
    }
}
