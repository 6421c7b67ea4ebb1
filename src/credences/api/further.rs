//! On the wire: what people say besides their credences in scenarios, and whether it agrees.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{listed, record_statement, require_version};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::clock::Timestamp;
use crate::credences::rules::coherence::{ChainWarning, CheckpointCredence, Warning, chains, warnings};
use crate::credences::rules::{Part, check_vector};
use crate::credences::store::{self, Inevitability, StoredPrediction};
use crate::entity::topic;
use crate::error::{Code, Error, Field, Result};
use crate::historic_date::HistoricDate;
use crate::http::{Answer, Body, Cache, Path};
use crate::ids::{ChainStepId, ScenarioId, TopicId};
use crate::policy::{Actor, StateCredences};
use crate::topics;

/// What share of people will hold which scenario likeliest.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMetaPrediction {
    /// The version of the set of scenarios that was read, and is covered.
    scenario_set_version: i32,
    /// Each live top-level scenario once, with the share of people who will hold it likeliest. They sum to 10000.
    #[schema(min_items = 3, max_items = 40)]
    vector: Vec<Part>,
}

/// What share of people somebody thinks will hold which scenario likeliest.
#[derive(Debug, Serialize, ToSchema)]
struct MetaPredictionView {
    topic_id: TopicId,
    /// The version of the set of scenarios that it covers.
    scenario_set_version: i32,
    /// Whether a scenario was added or split since.
    stale: bool,
    /// By the identifiers of the scenarios.
    vector: Vec<Part>,
    updated_at: Timestamp,
}

impl MetaPredictionView {
    fn of(stored: &StoredPrediction, topic: &topic::Model) -> Self {
        Self {
            topic_id: topic.id,
            scenario_set_version: stored.row.scenario_set_version,
            stale: stored.row.scenario_set_version < topic.comparable_since,
            vector: listed(&stored.vector),
            updated_at: stored.row.updated_at.into(),
        }
    }
}

/// Predict what others hold likeliest
///
/// What share of people will hold each scenario likeliest. It takes the place of what you predicted before.
#[utoipa::path(put, path = "/topics/{topic}/meta-prediction/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewMetaPrediction, responses((status = 200, body = MetaPredictionView)), security(("bearer" = [])))]
async fn predict(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(new): Body<NewMetaPrediction>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    require_version(&tx, &topic, new.scenario_set_version).await?;
    let live = store::live(tx.conn(), topic.id).await?;
    let vector = check_vector(&new.vector, &live).map_err(Error::fields)?;
    let stored = store::predict(&app, &tx, &permit, &vector, &live).await?;
    record_statement(&app, &tx, &actor, "meta_prediction_made", topic.id, topic.id.0).await?;
    tx.commit().await?;
    Answer::ok(&MetaPredictionView::of(&stored, &topic), Cache::No)
}

/// Read what one predicts of others
#[utoipa::path(get, path = "/topics/{topic}/meta-prediction/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = MetaPredictionView)), security(("bearer" = [])))]
async fn read_own_meta_prediction(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let topic = topics::find(&app.db, &actor, &name).await?;
    let stored = store::own_prediction(&app.db, topic.id, own).await?.ok_or_else(Error::not_found)?;
    Answer::ok(&MetaPredictionView::of(&stored, &topic), Cache::No)
}

/// How likely the steps of a chain are, each given those before it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStepCredences {
    /// Steps that are left out have no figure.
    #[schema(max_items = 8)]
    steps: Vec<StepPart>,
}

/// How likely a step is, given those before it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StepPart {
    /// Which step.
    chain_step_id: ChainStepId,
    /// How likely, in basis points.
    bp: BasisPoints,
}

/// How likely somebody takes the steps of a chain to be.
#[derive(Debug, Serialize, ToSchema)]
struct StepCredencesView {
    /// Where the chain leads.
    scenario_id: ScenarioId,
    /// In order, those that have a figure.
    steps: Vec<StepPart>,
}

/// Say how likely the steps of a chain are
///
/// Each given those before it. It takes the place of what you said of this chain before.
#[utoipa::path(put, path = "/scenarios/{id}/step-credences/mine", tag = "credences", params(("id" = ScenarioId, Path)), request_body = NewStepCredences, responses((status = 200, body = StepCredencesView)), security(("bearer" = [])))]
async fn state_step_credences(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioId>,
    Body(new): Body<NewStepCredences>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let scenario = store::scenario(tx.conn(), id).await?;
    let topic = topics::hold(&tx, &actor, &scenario.topic_id.to_string()).await?;
    let permit = actor.may(StateCredences(&topic))?;
    if scenario.retired_in_version.is_some() {
        return Err(Code::ScenarioRetired.error("Speak of the steps of one that is in force."));
    }
    let chain = store::chain(tx.conn(), id).await?;
    let (mut steps, mut wrong) = (BTreeMap::new(), Vec::new());
    for (i, StepPart { chain_step_id, bp }) in new.steps.iter().enumerate() {
        let mut refuse =
            |code, detail| wrong.push(Field::new(format!("steps[{i}].chain_step_id"), code, detail));
        if !chain.iter().any(|step| step.id == *chain_step_id) {
            refuse("unknown_step", "The chain of this scenario has no such step.");
        } else if steps.insert(*chain_step_id, *bp).is_some() {
            refuse("duplicate", "This step was named before.");
        }
    }
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    store::set_steps(&app, &tx, &permit, id, &steps).await?;
    record_statement(&app, &tx, &actor, "step_credences_stated", topic.id, id.0).await?;
    tx.commit().await?;
    answer_steps(&app, &actor, id).await
}

/// Read what one says of a chain
#[utoipa::path(get, path = "/scenarios/{id}/step-credences/mine", tag = "credences", params(("id" = ScenarioId, Path)), responses((status = 200, body = StepCredencesView)), security(("bearer" = [])))]
async fn read_own_step_credences(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioId>,
) -> Result<Answer> {
    answer_steps(&app, &actor, id).await
}

async fn answer_steps(app: &App, actor: &Actor, id: ScenarioId) -> Result<Answer> {
    let own = actor.require()?.id;
    let scenario = store::scenario(&app.db, id).await?;
    let topic = topics::find(&app.db, actor, &scenario.topic_id.to_string()).await?;
    let said = store::steps(&app.db, topic.id, own).await?;
    let part = |step: crate::entity::chain_step::Model| {
        said.get(&step.id).map(|bp| StepPart { chain_step_id: step.id, bp: *bp })
    };
    let steps = store::chain(&app.db, id).await?.into_iter().filter_map(part).collect();
    Answer::ok(&StepCredencesView { scenario_id: id, steps }, Cache::No)
}

/// From when on the actual outcome was near certain.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InevitabilityView {
    /// Nine in ten or more from then on; null where it never was.
    #[serde(deserialize_with = "given")]
    inevitable_from: Option<HistoricDate>,
}

/// A field that may be null and has to be there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Say when the outcome became near certain
///
/// When did what really happened become near certain (90%)? It takes the place of what you said before.
#[utoipa::path(put, path = "/topics/{topic}/inevitability/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), request_body = InevitabilityView, responses((status = 200, body = InevitabilityView)), security(("bearer" = [])))]
async fn state_inevitability(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(new): Body<InevitabilityView>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    let known_by = topic.outcome_actual_date.as_ref().or(topic.horizon.as_ref());
    if let (Some(from), Some(known_by)) = (&new.inevitable_from, known_by)
        && !from.not_after(known_by)
    {
        return Err(Error::field(
            "inevitable_from",
            "after_outcome",
            "What had happened was certain: a date up to that of the outcome, or up to the horizon where it never came.",
        ));
    }
    let said = Inevitability { from: new.inevitable_from };
    store::set_inevitability(&app, &tx, &permit, &said).await?;
    record_statement(&app, &tx, &actor, "inevitability_stated", topic.id, topic.id.0).await?;
    tx.commit().await?;
    Answer::ok(&InevitabilityView { inevitable_from: said.from }, Cache::No)
}

/// Read when one takes the outcome to be certain
#[utoipa::path(get, path = "/topics/{topic}/inevitability/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = InevitabilityView)), security(("bearer" = [])))]
async fn read_own_inevitability(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let topic = topics::find(&app.db, &actor, &name).await?;
    let said = store::inevitability(&app.db, topic.id, own).await?.ok_or_else(Error::not_found)?;
    Answer::ok(&InevitabilityView { inevitable_from: said.from }, Cache::No)
}

/// Take back when the outcome became certain
#[utoipa::path(delete, path = "/topics/{topic}/inevitability/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 204)), security(("bearer" = [])))]
async fn retract_inevitability(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    store::forget_inevitability(&app, &tx, &permit).await?;
    record_statement(&app, &tx, &actor, "inevitability_retracted", topic.id, topic.id.0).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// What is believed as of the checkpoints of a topic.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckpointCredences {
    /// Those that are left out have no figures.
    #[schema(max_items = 7)]
    checkpoints: Vec<CheckpointCredence>,
}

/// Say what you believe as of the checkpoints
///
/// By which of them the outcome has occurred, given the antecedent; and how likely history as it stood then was to end
/// as it did, and to end otherwise. It takes the place of what you said before.
#[utoipa::path(put, path = "/topics/{topic}/checkpoint-credences/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), request_body = CheckpointCredences, responses((status = 200, body = CheckpointCredences)), security(("bearer" = [])))]
async fn state_checkpoint_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(new): Body<CheckpointCredences>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    let places = store::checkpoint_places(tx.conn(), topic.id).await?;
    let mut wrong = Vec::new();
    for (i, said) in new.checkpoints.iter().enumerate() {
        let mut refuse = |field: &str, code, detail| {
            wrong.push(Field::new(format!("checkpoints[{i}]{field}"), code, detail));
        };
        if said.position != 0 && !places.contains(&said.position) {
            refuse(".position", "unknown_checkpoint", "The topic has no such checkpoint; 0 is its horizon.");
        }
        if new.checkpoints.iter().take(i).any(|other| other.position == said.position) {
            refuse(".position", "duplicate", "This checkpoint was named before.");
        }
        if said.occurred_by.is_none() && said.actual.is_none() && said.alternatives.is_none() {
            refuse("", "says_nothing", "Give one of occurred_by, actual and alternatives, or leave it out.");
        }
    }
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    store::set_checkpoints(&app, &tx, &permit, &new.checkpoints).await?;
    record_statement(&app, &tx, &actor, "checkpoint_credences_stated", topic.id, topic.id.0).await?;
    tx.commit().await?;
    answer_checkpoints(&app, &actor, &name).await
}

/// Read what one believes as of the checkpoints
#[utoipa::path(get, path = "/topics/{topic}/checkpoint-credences/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = CheckpointCredences)), security(("bearer" = [])))]
async fn read_own_checkpoint_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    answer_checkpoints(&app, &actor, &name).await
}

async fn answer_checkpoints(app: &App, actor: &Actor, name: &str) -> Result<Answer> {
    let own = actor.require()?.id;
    let topic = topics::find(&app.db, actor, name).await?;
    let checkpoints = store::checkpoints(&app.db, topic.id, own).await?;
    Answer::ok(&CheckpointCredences { checkpoints }, Cache::No)
}

/// Whether somebody's numbers agree.
#[derive(Debug, Serialize, ToSchema)]
struct CoherenceView {
    topic_id: TopicId,
    /// What does not agree, with the numbers behind it; empty where everything does. It stops nothing.
    warnings: Vec<Told>,
    /// The chains whose steps all have a figure, beside what was said of where they lead.
    chains: Vec<ChainWarning>,
}

/// Numbers that do not agree, and the same for people.
#[derive(Debug, Serialize, ToSchema)]
struct Told {
    #[serde(flatten)]
    warning: Warning,
    /// The same for people.
    detail: String,
}

/// Read whether one's numbers agree
///
/// Your credences, steps and checkpoints beside one another. Nobody else sees this, and nothing depends on it.
#[utoipa::path(get, path = "/topics/{topic}/coherence/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = CoherenceView)), security(("bearer" = [])))]
async fn read_own_coherence(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let snapshot = app.snapshot().await?;
    let topic = topics::find(&snapshot, &actor, &name).await?;
    let said = store::everything_said(&snapshot, &topic, own).await?;
    let told = |warning: Warning| Told { detail: warning.detail(), warning };
    let view = CoherenceView {
        topic_id: topic.id,
        warnings: warnings(&said).into_iter().map(told).collect(),
        chains: chains(&said),
    };
    Answer::ok(&view, Cache::No)
}

/// The paths about what people say besides their credences in scenarios.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_own_meta_prediction, predict))
        .routes(routes!(read_own_step_credences, state_step_credences))
        .routes(routes!(read_own_inevitability, state_inevitability, retract_inevitability))
        .routes(routes!(read_own_checkpoint_credences, state_checkpoint_credences))
        .routes(routes!(read_own_coherence))
}
