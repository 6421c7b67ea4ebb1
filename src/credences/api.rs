//! Credences on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{Part, check_vector};
use super::store::{self, Stored};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::keyset;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Path, Query};
use crate::ids::TopicId;
use crate::policy::{Actor, StateCredences};
use crate::topics;

/// How likely somebody takes the scenarios to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCredence {
    /// The version of the set of scenarios that was read, and is covered.
    scenario_set_version: i32,
    /// Each live top-level scenario once. They sum to 10000.
    #[schema(min_items = 3, max_items = 40)]
    vector: Vec<Part>,
}

/// How likely somebody took the scenarios to be.
#[derive(Debug, Serialize, ToSchema)]
struct CredenceView {
    topic_id: TopicId,
    /// Counts the vectors of this person in this topic, from 1.
    number: i32,
    /// The version of the set of scenarios that it covers.
    scenario_set_version: i32,
    /// Whether the set has changed since: then it says nothing of what is asked now.
    stale: bool,
    /// By the identifiers of the scenarios.
    vector: Vec<Part>,
    created_at: Timestamp,
}

impl CredenceView {
    fn of(stored: Stored, current: i32) -> Self {
        let Stored { credence, parts } = stored;
        Self {
            topic_id: credence.topic_id,
            number: credence.number,
            scenario_set_version: credence.scenario_set_version,
            stale: credence.scenario_set_version < current,
            vector: parts.into_iter().map(|(scenario_id, bp)| Part { scenario_id, bp }).collect(),
            created_at: credence.created_at.into(),
        }
    }
}

/// State one's credences
///
/// How likely each scenario is, given the antecedent. Adds to the history; what says the same as the last vector is
/// that one, so doing it twice is doing it once.
#[utoipa::path(put, path = "/topics/{topic}/credences/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewCredence, responses((status = 200, body = CredenceView)), security(("bearer" = [])))]
async fn state_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Body(new): Body<NewCredence>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin().await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    if new.scenario_set_version != topic.scenario_set_version {
        return Err(Code::ScenariosChanged.error(format!(
            "The scenarios are at version {} by now: read the topic again, and decide again.",
            topic.scenario_set_version
        )));
    }
    let vector =
        check_vector(&new.vector, &store::live(tx.conn(), topic.id).await?).map_err(Error::fields)?;
    let (stored, added) = store::state(&app, &tx, &permit, &vector).await?;
    if added {
        let event = Event {
            kind: "credences_stated",
            topic_id: Some(topic.id),
            subject_id: Some(stored.credence.id.0),
            ..actor.event()
        };
        events::record(&app, &tx, event).await?;
    }
    tx.commit().await?;
    Answer::ok(&CredenceView::of(stored, topic.scenario_set_version), Cache::No)
}

/// Read one's credences
///
/// The last vector, which is the one that counts.
#[utoipa::path(get, path = "/topics/{topic}/credences/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = CredenceView)), security(("bearer" = [])))]
async fn read_own_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let topic = topics::find(&app.db, &actor, &name).await?;
    let stored = store::own(&app.db, topic.id, own).await?.ok_or_else(Error::not_found)?;
    Answer::ok(&CredenceView::of(stored, topic.scenario_set_version), Cache::No)
}

/// List one's credences
///
/// All vectors that were stated, the last first.
#[utoipa::path(get, path = "/topics/{topic}/credences/mine/history", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier"), PageQuery), responses((status = 200, body = Page<CredenceView>)), security(("bearer" = [])))]
async fn list_own_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let topic = topics::find(&app.db, &actor, &name).await?;
    let list = format!("credences/{}/{own}", topic.id);
    let before = query.place(&app, &list)?;
    let stored = store::list_own(&app.db, topic.id, own, before, query.limit).await?;
    let page = Page::cut(stored, query.limit, |last| keyset::encode(&app, &list, &last.credence.number));
    let view = |stored| CredenceView::of(stored, topic.scenario_set_version);
    Answer::ok(&Page { items: page.items.into_iter().map(view).collect(), next: page.next }, Cache::No)
}

/// Every path about credences.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_own_credences, state_credences))
        .routes(routes!(list_own_credences))
}
