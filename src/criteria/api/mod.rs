//! Judging by criteria on the wire.

mod assessment;
mod likelihood;
mod reference_classes;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{ByCriterion, Count, Median, Ratings};
use super::store::{self, Judged};
use crate::app::App;
use crate::db::Tx;
use crate::entity::{scenario, topic};
use crate::error::Result;
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache, Path};
use crate::ids::{BackgroundFactId, ChainStepId, ScenarioId, VariantId};
use crate::policy::{Actor, JudgeByCriteria};
use crate::posts::rules::Target;
use crate::topics;

/// How somebody rates a scenario or a variant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRatings {
    /// All their ratings of it: a criterion that is null or not there is not rated, or no longer.
    ratings: ByCriterion<Option<super::rules::Rating>>,
}

/// Whether somebody holds that a step or a fact clashes with the antecedent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewFlag {
    /// Whether it does.
    clashes: bool,
}

/// Whether somebody disputes the kind of a variant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKindDispute {
    /// Whether they do.
    disputes: bool,
}

/// The ratings of a scenario or a variant, and the reader's own.
#[derive(Debug, Serialize, ToSchema)]
struct RatingsView {
    target: Target,
    /// For each criterion the median of all ratings, and how many there are.
    ratings: ByCriterion<Median>,
    mine: ByCriterion<Option<super::rules::Rating>>,
}

/// Whether a step or a fact goes together with the antecedent.
#[derive(Debug, Serialize, ToSchema)]
struct Cotenability {
    /// How many hold that it clashes.
    flags: i64,
    /// How many judged it.
    n: i64,
    /// Which part of them, 0 to 1, rounded to ten-thousandths; null where nobody judged it.
    share: Option<f64>,
    /// Whether five or more judged it and a third of them or more hold that it clashes.
    disputed: bool,
}

impl From<Count> for Cotenability {
    fn from(count: Count) -> Self {
        Self { flags: count.yes, n: count.n, share: count.share(), disputed: count.is_disputed() }
    }
}

/// What is judged of a step or a fact, and the reader's own judgement.
#[derive(Debug, Serialize, ToSchema)]
struct CotenabilityView {
    target: Target,
    cotenability: Cotenability,
    mine: OwnFlag,
}

/// What the reader holds of a step or a fact.
#[derive(Debug, Serialize, ToSchema)]
struct OwnFlag {
    /// Whether it clashes; null where they did not say.
    clashes: Option<bool>,
}

/// How many dispute the kind of a variant.
#[derive(Debug, Serialize, ToSchema)]
struct KindDisputes {
    /// How many dispute it.
    disputes: i64,
    /// How many judged it.
    n: i64,
    /// Which part of them, 0 to 1, rounded to ten-thousandths; null where nobody judged it.
    share: Option<f64>,
}

impl From<Count> for KindDisputes {
    fn from(count: Count) -> Self {
        Self { disputes: count.yes, n: count.n, share: count.share() }
    }
}

/// What is judged of the kind of a variant, and the reader's own judgement.
#[derive(Debug, Serialize, ToSchema)]
struct KindDisputeView {
    target: Target,
    kind_disputes: KindDisputes,
    mine: OwnDispute,
}

/// What the reader holds of the kind of a variant.
#[derive(Debug, Serialize, ToSchema)]
struct OwnDispute {
    /// Whether they dispute it; null where they did not say.
    disputes: Option<bool>,
}

impl Judged {
    fn target(self) -> Target {
        Target { kind: self.kind(), id: self.id() }
    }
}

/// Holds the topic of what is judged, with the scenario that it is or belongs to.
async fn hold(tx: &Tx, actor: &Actor, judged: Judged) -> Result<(topic::Model, Option<scenario::Model>)> {
    let (topic_id, _) = store::find(tx.conn(), judged).await?;
    let topic = topics::hold(tx, actor, &topic_id.to_string()).await?;
    // Read again: it may have been retired before this held the topic.
    let (_, scenario) = store::find(tx.conn(), judged).await?;
    Ok((topic, scenario))
}

async fn record(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    topic: &topic::Model,
    kind: &'static str,
    of: Judged,
) -> Result<()> {
    let event = Event { kind, topic_id: Some(topic.id), subject_id: Some(of.id()), ..actor.event() };
    events::record(app, tx, event).await
}

async fn rate(app: &App, actor: &Actor, judged: Judged, mine: Ratings) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(actor).await?;
    let (topic, scenario) = hold(&tx, actor, judged).await?;
    let permit = actor.may(JudgeByCriteria { topic: &topic, scenario: scenario.as_ref() })?;
    if store::rate(app, &tx, &permit, judged, &mine).await? {
        record(app, &tx, actor, &topic, "criteria_rated", judged).await?;
    }
    let medians = store::medians(tx.conn(), topic.id, vec![judged.id()]).await?;
    tx.commit().await?;
    let ratings = medians.get(&judged.id()).copied().unwrap_or_default();
    Answer::ok(&RatingsView { target: judged.target(), ratings, mine }, Cache::No)
}

async fn flag(app: &App, actor: &Actor, judged: Judged, clashes: Option<bool>) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(actor).await?;
    let (topic, scenario) = hold(&tx, actor, judged).await?;
    let permit = actor.may(JudgeByCriteria { topic: &topic, scenario: scenario.as_ref() })?;
    if store::flag(app, &tx, &permit, judged, clashes).await? {
        record(app, &tx, actor, &topic, "cotenability_judged", judged).await?;
    }
    let counts = store::clashes(tx.conn(), topic.id, vec![judged.id()]).await?;
    tx.commit().await?;
    let count = counts.get(&judged.id()).copied().unwrap_or_default();
    let view =
        CotenabilityView { target: judged.target(), cotenability: count.into(), mine: OwnFlag { clashes } };
    Answer::ok(&view, Cache::No)
}

async fn dispute_kind(app: &App, actor: &Actor, id: VariantId, disputes: Option<bool>) -> Result<Answer> {
    actor.require()?;
    let (tx, judged) = (app.begin_as(actor).await?, Judged::Variant(id));
    let (topic, _) = hold(&tx, actor, judged).await?;
    let permit = actor.may(JudgeByCriteria { topic: &topic, scenario: None })?;
    if store::dispute_kind(app, &tx, &permit, id, disputes).await? {
        record(app, &tx, actor, &topic, "kind_disputed", judged).await?;
    }
    let counts = store::kind_disputes(tx.conn(), topic.id, vec![id.0]).await?;
    tx.commit().await?;
    let count = counts.get(&id.0).copied().unwrap_or_default();
    let view = KindDisputeView {
        target: judged.target(),
        kind_disputes: count.into(),
        mine: OwnDispute { disputes },
    };
    Answer::ok(&view, Cache::No)
}

/// Rate a scenario by the criteria
///
/// From 0 (fails) by 2 (arguable) to 4 (clearly met). The ratings take the place of those given before; an empty
/// object takes all of them back.
#[utoipa::path(put, path = "/scenarios/{id}/ratings/mine", tag = "criteria", params(("id" = ScenarioId, Path)), request_body = NewRatings, responses((status = 200, body = RatingsView)), security(("bearer" = [])))]
async fn rate_scenario(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioId>,
    Body(new): Body<NewRatings>,
) -> Result<Answer> {
    rate(&app, &actor, Judged::Scenario(id), new.ratings).await
}

/// Rate a variant of the antecedent by the criteria
///
/// As a scenario is rated.
#[utoipa::path(put, path = "/variants/{id}/ratings/mine", tag = "criteria", params(("id" = VariantId, Path)), request_body = NewRatings, responses((status = 200, body = RatingsView)), security(("bearer" = [])))]
async fn rate_variant(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VariantId>,
    Body(new): Body<NewRatings>,
) -> Result<Answer> {
    rate(&app, &actor, Judged::Variant(id), new.ratings).await
}

/// Say whether a step clashes with the antecedent
#[utoipa::path(put, path = "/chain-steps/{id}/cotenability/mine", tag = "criteria", params(("id" = ChainStepId, Path)), request_body = NewFlag, responses((status = 200, body = CotenabilityView)), security(("bearer" = [])))]
async fn flag_chain_step(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ChainStepId>,
    Body(new): Body<NewFlag>,
) -> Result<Answer> {
    flag(&app, &actor, Judged::ChainStep(id), Some(new.clashes)).await
}

/// Take back what one said of a step
///
/// Doing it twice is doing it once.
#[utoipa::path(delete, path = "/chain-steps/{id}/cotenability/mine", tag = "criteria", params(("id" = ChainStepId, Path)), responses((status = 200, body = CotenabilityView)), security(("bearer" = [])))]
async fn unflag_chain_step(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ChainStepId>,
) -> Result<Answer> {
    flag(&app, &actor, Judged::ChainStep(id), None).await
}

/// Say whether a fact clashes with the antecedent
#[utoipa::path(put, path = "/background-facts/{id}/cotenability/mine", tag = "criteria", params(("id" = BackgroundFactId, Path)), request_body = NewFlag, responses((status = 200, body = CotenabilityView)), security(("bearer" = [])))]
async fn flag_background_fact(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<BackgroundFactId>,
    Body(new): Body<NewFlag>,
) -> Result<Answer> {
    flag(&app, &actor, Judged::BackgroundFact(id), Some(new.clashes)).await
}

/// Take back what one said of a fact
///
/// Doing it twice is doing it once.
#[utoipa::path(delete, path = "/background-facts/{id}/cotenability/mine", tag = "criteria", params(("id" = BackgroundFactId, Path)), responses((status = 200, body = CotenabilityView)), security(("bearer" = [])))]
async fn unflag_background_fact(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<BackgroundFactId>,
) -> Result<Answer> {
    flag(&app, &actor, Judged::BackgroundFact(id), None).await
}

/// Say whether one disputes the kind of a variant
///
/// That it is plausible, or a miracle, as its author says.
#[utoipa::path(put, path = "/variants/{id}/kind-dispute/mine", tag = "criteria", params(("id" = VariantId, Path)), request_body = NewKindDispute, responses((status = 200, body = KindDisputeView)), security(("bearer" = [])))]
async fn dispute_variant_kind(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VariantId>,
    Body(new): Body<NewKindDispute>,
) -> Result<Answer> {
    dispute_kind(&app, &actor, id, Some(new.disputes)).await
}

/// Take back what one said of the kind of a variant
///
/// Doing it twice is doing it once.
#[utoipa::path(delete, path = "/variants/{id}/kind-dispute/mine", tag = "criteria", params(("id" = VariantId, Path)), responses((status = 200, body = KindDisputeView)), security(("bearer" = [])))]
async fn retract_variant_kind_dispute(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<VariantId>,
) -> Result<Answer> {
    dispute_kind(&app, &actor, id, None).await
}

/// Every path about criteria.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(rate_scenario))
        .routes(routes!(rate_variant))
        .routes(routes!(flag_chain_step, unflag_chain_step))
        .routes(routes!(flag_background_fact, unflag_background_fact))
        .routes(routes!(dispute_variant_kind, retract_variant_kind_dispute))
        .merge(reference_classes::router())
        .merge(likelihood::router())
        .merge(assessment::router())
}
