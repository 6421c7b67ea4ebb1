//! Credences on the wire.

mod crowd;
mod further;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::rules::{Live, Part, Vector, check_sub_vector, check_vector};
use super::store::{self, Stored};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{Tx, keyset};
use crate::entity::topic;
use crate::error::{Code, Error, Named, Result, SetChanged};
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
    /// How what a scenario has is shared out among parts of it, as far as you want to say.
    #[serde(default)]
    #[schema(max_items = 40)]
    sub_vector: Vec<Part>,
}

/// How likely somebody took the scenarios to be.
#[derive(Debug, Serialize, ToSchema)]
struct CredenceView {
    topic_id: TopicId,
    /// Counts the vectors of this person in this topic, from 1.
    number: i32,
    /// The version of the set of scenarios that it covers.
    scenario_set_version: i32,
    /// Whether a scenario was added or split since: then it says nothing of what is asked now.
    stale: bool,
    /// By the identifiers of the scenarios, those of its version.
    vector: Vec<Part>,
    /// The same in the scenarios of today: what was merged is added up. Null where it is stale.
    present: Option<Vec<Part>>,
    /// What parts of scenarios were given.
    sub_vector: Vec<Part>,
    /// Whether you could have seen what the crowd thinks before.
    saw_crowd: bool,
    created_at: Timestamp,
}

/// A vector as the wire has it.
fn listed(vector: &Vector) -> Vec<Part> {
    vector.iter().map(|(scenario_id, bp)| Part { scenario_id: *scenario_id, bp: *bp }).collect()
}

impl CredenceView {
    fn of(stored: &Stored, topic: &topic::Model, live: &Live) -> Self {
        let Stored { credence, vector, sub_vector } = stored;
        Self {
            topic_id: credence.topic_id,
            number: credence.number,
            scenario_set_version: credence.scenario_set_version,
            stale: stored.is_stale(topic),
            vector: listed(vector),
            present: stored.present(topic, live).as_ref().map(listed),
            sub_vector: listed(sub_vector),
            saw_crowd: credence.saw_crowd,
            created_at: credence.created_at.into(),
        }
    }
}

/// Refuses what was said of another version of the set of scenarios than the present one.
async fn require_version(tx: &Tx, topic: &topic::Model, said: i32) -> Result<()> {
    if said == topic.scenario_set_version { Ok(()) } else { Err(scenarios_changed(tx, topic, said).await?) }
}

/// Says what changed since the version that somebody read.
async fn scenarios_changed(tx: &Tx, topic: &topic::Model, read: i32) -> Result<Error> {
    let changes = store::changes_since(tx.conn(), topic, read).await?;
    let mut told = vec![format!(
        "The scenarios are at version {} by now: read the topic again, and decide again.",
        topic.scenario_set_version
    )];
    // For people, who want to know what happened last; `changes` has all of it.
    told.extend(changes.iter().skip(changes.len().saturating_sub(5)).map(tell));
    let mut error = Code::ScenariosChanged.error(told.join(" "));
    error.changes = changes;
    Ok(error)
}

/// A change of a set of scenarios in words.
fn tell(changed: &SetChanged) -> String {
    let labels = |named: Vec<&Named>| {
        named.iter().map(|named| format!("“{}”", named.label)).collect::<Vec<_>>().join(", ")
    };
    let mut told = Vec::new();
    if !changed.retired.is_empty() {
        told.push(format!("without {}", labels(changed.retired.iter().map(|(named, _)| named).collect())));
    }
    if !changed.added.is_empty() {
        told.push(format!("with {}", labels(changed.added.iter().collect())));
    }
    let change = changed.change.as_deref().unwrap_or("change");
    format!("Version {} ({change}): {}.", changed.version, told.join(", "))
}

/// Notes that somebody said something that changes what the crowd thinks.
async fn record_statement(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    kind: &'static str,
    topic_id: TopicId,
    subject_id: Uuid,
) -> Result<()> {
    let event = Event { kind, topic_id: Some(topic_id), subject_id: Some(subject_id), ..actor.event() };
    events::record(app, tx, event).await
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
    let tx = app.begin_as(&actor).await?;
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(StateCredences(&topic))?;
    require_version(&tx, &topic, new.scenario_set_version).await?;
    let live = store::live(tx.conn(), topic.id).await?;
    let statement = match (check_vector(&new.vector, &live), check_sub_vector(&new.sub_vector, &live)) {
        (Ok(vector), Ok(sub_vector)) => store::Statement { vector, sub_vector },
        (vector, sub_vector) => {
            let wrong = vector.err().into_iter().chain(sub_vector.err()).flatten().collect();
            return Err(Error::fields(wrong));
        }
    };
    let (stored, added) = store::state(&app, &tx, &permit, statement, &live).await?;
    if added {
        let id = stored.credence.id.0;
        record_statement(&app, &tx, &actor, "credences_stated", topic.id, id).await?;
    }
    tx.commit().await?;
    Answer::ok(&CredenceView::of(&stored, &topic, &live), Cache::No)
}

/// Read one's credences
///
/// The last vector, which is the one that counts, also as it reads in the present set of scenarios.
#[utoipa::path(get, path = "/topics/{topic}/credences/mine", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = CredenceView)), security(("bearer" = [])))]
async fn read_own_credences(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    // In one snapshot: the set may change meanwhile.
    let snapshot = app.snapshot().await?;
    let topic = topics::find(&snapshot, &actor, &name).await?;
    let stored = store::own(&snapshot, topic.id, own).await?.ok_or_else(Error::not_found)?;
    let live = store::live(&snapshot, topic.id).await?;
    Answer::ok(&CredenceView::of(&stored, &topic, &live), Cache::No)
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
    let snapshot = app.snapshot().await?;
    let topic = topics::find(&snapshot, &actor, &name).await?;
    let list = format!("credences/{}/{own}", topic.id);
    let before = query.place(&app, &list)?;
    let stored = store::list_own(&snapshot, topic.id, own, before, query.limit).await?;
    let page = Page::cut(stored, query.limit, |last| keyset::encode(&app, &list, &last.credence.number));
    let live = store::live(&snapshot, topic.id).await?;
    let view = |stored: &Stored| CredenceView::of(stored, &topic, &live);
    Answer::ok(&Page { items: page.items.iter().map(view).collect(), next: page.next }, Cache::No)
}

/// Every path about credences.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_own_credences, state_credences))
        .routes(routes!(list_own_credences))
        .merge(crowd::router())
        .merge(further::router())
}
