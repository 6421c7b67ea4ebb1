//! How likely somebody takes the outcome given the event, on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::clock::Timestamp;
use crate::criteria::rules::adequacy;
use crate::criteria::store;
use crate::db::ConnectionTrait;
use crate::entity::topic;
use crate::error::Result;
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache, Path};
use crate::ids::{AccountId, TopicId};
use crate::policy::{Actor, StateOutcomeLikelihood};
use crate::topics;

/// How likely the outcome was given the event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewOutcomeLikelihood {
    /// How likely, judged as of the day before the event.
    bp: BasisPoints,
}

/// How likely somebody takes the outcome with the event and without, and what that makes of the event as a cause.
#[derive(Debug, Serialize, ToSchema)]
struct OutcomeLikelihoodView {
    topic_id: TopicId,
    /// How likely given the event, as they said.
    bp: i32,
    /// How likely without it: what their credences give the scenarios in which the outcome occurs. Null where they
    /// stated none, or none that can be compared with the scenarios of today.
    without_event_bp: Option<i32>,
    /// The first minus the second: how much likelier the event made the outcome. Null where the second is.
    adequacy_bp: Option<i32>,
    updated_at: Timestamp,
}

async fn view(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    own: AccountId,
) -> Result<OutcomeLikelihoodView> {
    let stated = store::own_likelihood(db, topic.id, own).await?;
    let without_event_bp = store::own_likelihood_without(db, topic, own).await?;
    Ok(OutcomeLikelihoodView {
        topic_id: topic.id,
        bp: stated.bp,
        without_event_bp,
        adequacy_bp: without_event_bp.map(|without| adequacy(stated.bp, without)),
        updated_at: stated.updated_at.into(),
    })
}

/// States a likelihood, or takes it back, and gives the topic.
async fn state(
    app: &App,
    tx: &crate::db::Tx,
    actor: &Actor,
    name: &str,
    bp: Option<BasisPoints>,
) -> Result<topic::Model> {
    let topic = topics::hold(tx, actor, name).await?;
    let permit = actor.may(StateOutcomeLikelihood(&topic))?;
    if store::state_likelihood(app, tx, &permit, bp).await? {
        let event = Event { kind: "outcome_likelihood_stated", topic_id: Some(topic.id), ..actor.event() };
        events::record(app, tx, event).await?;
    }
    Ok(topic)
}

/// State how likely the outcome was given the event
///
/// Judged as of the day before: with one's credences, which say how likely it was without, this tells how far one
/// takes the event to be an adequate cause.
#[utoipa::path(put, path = "/topics/{topic}/outcome-likelihood/mine", tag = "criteria", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewOutcomeLikelihood, responses((status = 200, body = OutcomeLikelihoodView)), security(("bearer" = [])))]
async fn state_outcome_likelihood(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(new): Body<NewOutcomeLikelihood>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let topic = state(&app, &tx, &actor, &name, Some(new.bp)).await?;
    let view = view(tx.conn(), &topic, own).await?;
    tx.commit().await?;
    Answer::ok(&view, Cache::No)
}

/// Read how likely one takes the outcome given the event
///
/// And without it, and the difference.
#[utoipa::path(get, path = "/topics/{topic}/outcome-likelihood/mine", tag = "criteria", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = OutcomeLikelihoodView)), security(("bearer" = [])))]
async fn read_outcome_likelihood(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let snapshot = app.snapshot().await?;
    let topic = topics::find(&snapshot, &actor, &name).await?;
    Answer::ok(&view(&snapshot, &topic, own).await?, Cache::No)
}

/// Take back how likely one takes the outcome given the event
///
/// Doing it twice is doing it once.
#[utoipa::path(delete, path = "/topics/{topic}/outcome-likelihood/mine", tag = "criteria", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 204)), security(("bearer" = [])))]
async fn retract_outcome_likelihood(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    state(&app, &tx, &actor, &name, None).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about likelihoods of the outcome.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(
        read_outcome_likelihood,
        state_outcome_likelihood,
        retract_outcome_likelihood
    ))
}
