//! Implications and forecasts on the wire.

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{
    CrowdForecast, ImplicationStatement, Resolution, Score, brier, check_bears_on, check_resolution,
};
use super::store::{self, Content, OwnForecast, Stored, Summary};
use crate::accounts::Author;
use crate::app::App;
use crate::auth::rules::Scope;
use crate::basis_points::BasisPoints;
use crate::changes::About;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::entity::{forecast, implication};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch, shared};
use crate::ids::{ImplicationId, ScenarioId, TopicId};
use crate::policy::{
    Actor, DeleteImplication, EditImplication, ProposeImplication, ResolveImplication, StateForecast,
};
use crate::posts::rules::TestKind;
use crate::sources::CitationView;
use crate::sources::rules::CitationById;
use crate::topics;

/// What the record should show if scenarios are right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewImplication {
    /// What it should show.
    statement: ImplicationStatement,
    /// Scenarios in force that it speaks for or against.
    #[schema(min_items = 1, max_items = 20)]
    bears_on: Vec<ScenarioId>,
    /// What kind of test of them it is.
    test_kind: TestKind,
}

/// What an author changes of an implication.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ImplicationEdit {
    /// What the record should show.
    #[serde(default, deserialize_with = "patch::required")]
    statement: Option<ImplicationStatement>,
    /// All scenarios that it bears on from now on.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(min_items = 1, max_items = 20)]
    bears_on: Option<Vec<ScenarioId>>,
    /// What kind of test of them it is.
    #[serde(default, deserialize_with = "patch::required")]
    test_kind: Option<TestKind>,
}

/// What the record shows of an implication.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewResolution {
    /// Whether it shows it; `unresolved` opens it again.
    resolution: Resolution,
    /// What settles it, from the topic's bibliography: needed with all but `unresolved`, which has none.
    #[serde(default)]
    citation: Option<CitationById>,
}

/// What the record should show if scenarios are right, and whether it does.
#[derive(Debug, Serialize, ToSchema)]
struct ImplicationView {
    id: ImplicationId,
    topic_id: TopicId,
    /// Who proposed it.
    author: Option<Author>,
    /// What the record should show.
    statement: String,
    /// The scenarios that it speaks for or against, in the order of their identifiers.
    bears_on: Vec<ScenarioId>,
    /// What kind of test of them it is.
    test_kind: TestKind,
    /// Whether the record shows it.
    resolution: Resolution,
    /// Who said so; null while it is unresolved.
    resolved_by: Option<Author>,
    resolved_at: Option<Timestamp>,
    /// What settles it; null while it is unresolved.
    citation: Option<CitationView>,
    /// What the crowd forecasts; null until the reader has forecast, or it is resolved.
    crowd: Option<CrowdForecast>,
    /// What the reader forecast last, in basis points; there if they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<BasisPoints>,
    created_at: Timestamp,
    /// When it was last edited, resolved or opened again.
    updated_at: Timestamp,
}

impl From<Stored> for ImplicationView {
    fn from(stored: Stored) -> Self {
        let row = stored.implication;
        Self {
            id: row.id,
            topic_id: row.topic_id,
            author: stored.author,
            statement: row.statement,
            bears_on: stored.bears_on,
            test_kind: row.test_kind,
            resolution: row.resolution,
            resolved_by: stored.resolved_by,
            resolved_at: row.resolved_at.map(Timestamp::from),
            citation: stored.citation,
            crowd: stored.crowd,
            mine: stored.mine,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

/// How many implications of a topic are resolved in which way.
#[derive(Debug, Serialize, ToSchema)]
struct ImplicationSummary {
    found: i64,
    not_found: i64,
    unclear: i64,
    unresolved: i64,
}

impl From<Summary> for ImplicationSummary {
    fn from(summary: Summary) -> Self {
        let Summary { found, not_found, unclear, unresolved } = summary;
        Self { found, not_found, unclear, unresolved }
    }
}

/// One page of the implications of a topic.
#[derive(Debug, Serialize, ToSchema)]
struct ImplicationPage {
    /// The items, newest first.
    items: Vec<ImplicationView>,
    /// Where the next page starts: send it as `after`. Null at the end.
    next: Option<String>,
    /// All implications of the topic, whatever the list was asked for.
    summary: ImplicationSummary,
}

/// How likely somebody takes it to be that the record shows an implication.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewForecast {
    /// How likely, in basis points, 0 to 10000.
    bp: BasisPoints,
}

/// How likely somebody took it to be that the record shows an implication.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastView {
    implication_id: ImplicationId,
    /// Counts the forecasts of this person for this implication, from 1.
    number: i32,
    /// Basis points, 0 to 10000.
    bp: i32,
    created_at: Timestamp,
}

impl From<forecast::Model> for ForecastView {
    fn from(row: forecast::Model) -> Self {
        Self {
            implication_id: row.implication_id,
            number: row.number,
            bp: row.bp,
            created_at: row.created_at.into(),
        }
    }
}

/// The topic of what was forecast.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastTopic {
    id: TopicId,
    slug: String,
    title: String,
}

/// What the reader forecast last for an implication, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
struct OwnForecastView {
    implication_id: ImplicationId,
    topic: ForecastTopic,
    statement: String,
    resolution: Resolution,
    /// Counts their forecasts for this implication, from 1.
    number: i32,
    /// Basis points, 0 to 10000.
    bp: BasisPoints,
    /// The score of this forecast, 0 to 1, less being better; null unless it is settled.
    score: Option<f64>,
    created_at: Timestamp,
}

impl OwnForecastView {
    fn of(own: OwnForecast) -> Result<Self> {
        let bp = BasisPoints::stored(own.bp)?;
        Ok(Self {
            implication_id: own.implication_id,
            topic: ForecastTopic { id: own.topic_id, slug: own.topic_slug, title: own.topic_title },
            statement: own.statement,
            resolution: own.resolution,
            number: own.number,
            bp,
            score: own.resolution.outcome().map(|shown| brier(bp, shown)),
            created_at: own.created_at.into(),
        })
    }
}

/// One page of what the reader forecast.
#[derive(Debug, Serialize, ToSchema)]
struct OwnForecastPage {
    /// The items, in order.
    items: Vec<OwnForecastView>,
    /// Where the next page starts: send it as `after`. Null at the end.
    next: Option<String>,
    /// How well the reader forecasts, by all that is settled.
    score: Score,
}

/// What the list of implications is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those that are resolved in this way.
    #[param(inline)]
    resolution: Option<Resolution>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// An implication whose topic this reader may see.
async fn readable(db: &impl ConnectionTrait, actor: &Actor, id: ImplicationId) -> Result<implication::Model> {
    let implication = store::find(db, id).await?;
    topics::find(db, actor, &implication.topic_id.to_string()).await?;
    Ok(implication)
}

/// The implication as this reader sees it, with its version.
async fn view(db: &impl ConnectionTrait, actor: &Actor, id: ImplicationId) -> Result<(ImplicationView, i32)> {
    let implication = store::find(db, id).await?;
    let version = implication.version;
    let stored = store::read(db, actor.id(), vec![implication]).await?.pop().ok_or_else(Error::not_found)?;
    Ok((stored.into(), version))
}

/// Propose an implication
///
/// Something that the record should show if scenarios are right, so that sources can settle it.
#[utoipa::path(post, path = "/topics/{topic}/implications", tag = "implications", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewImplication, responses((status = 201, body = ImplicationView)), security(("bearer" = [])))]
async fn create_implication(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    create: Create<NewImplication>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Post)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(ProposeImplication(&topic))?;
    let wrong = check_bears_on(&new.bears_on, &store::scenarios(tx.conn(), topic.id).await?);
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    let content =
        Content { statement: new.statement.into(), bears_on: new.bears_on, test_kind: new.test_kind };
    let id = store::insert(&app, &tx, &permit, content).await?;
    let event = Event {
        kind: "implication_created",
        topic_id: Some(topic.id),
        subject_id: Some(id.0),
        ..actor.event()
    };
    events::record(&app, &tx, event).await?;
    let (view, version) = view(tx.conn(), &actor, id).await?;
    let answer = Answer::created(format!("/api/v1/implications/{id}"), &view, Cache::Private)?;
    let answer = once.record(&app, &tx, answer.version(version)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List the implications of a topic
///
/// Newest first, with how many there are of each kind.
#[utoipa::path(get, path = "/topics/{topic}/implications", tag = "implications", params(("topic" = String, Path, description = "Slug or identifier"), ListQuery), responses((status = 200, body = ImplicationPage)), security((), ("bearer" = [])))]
async fn list_implications(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<ListQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        // In one snapshot: what is counted is what is listed.
        let snapshot = app.snapshot().await?;
        let topic = topics::find(&snapshot, &actor, &name).await?;
        let list = format!("implications/{}/{:?}", topic.id, query.resolution);
        let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
        let rows = store::list(&snapshot, topic.id, query.resolution, before, query.limit).await?;
        let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
        let items = store::read(&snapshot, actor.id(), page.items).await?;
        let page = ImplicationPage {
            items: items.into_iter().map(ImplicationView::from).collect(),
            next: page.next,
            summary: store::summary(&snapshot, topic.id).await?.into(),
        };
        Ok((Answer::ok(&page, Cache::for_reader(&actor))?, About::Topic(topic.id)))
    })
    .await
}

/// Read an implication
#[utoipa::path(get, path = "/implications/{id}", tag = "implications", params(("id" = ImplicationId, Path)), responses((status = 200, body = ImplicationView)), security((), ("bearer" = [])))]
async fn read_implication(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let snapshot = app.snapshot().await?;
        let topic_id = readable(&snapshot, &actor, id).await?.topic_id;
        let (view, version) = view(&snapshot, &actor, id).await?;
        let answer = Answer::ok(&view, Cache::for_reader(&actor))?.version(version);
        Ok((answer, About::Topic(topic_id)))
    })
    .await
}

/// Revise an implication
///
/// A JSON Merge Patch, by its author, while nobody else has forecast it and it is unresolved.
#[utoipa::path(patch, path = "/implications/{id}", tag = "implications", params(("id" = ImplicationId, Path), ("If-Match" = String, Header)), request_body = ImplicationEdit, responses((status = 200, body = ImplicationView)), security(("bearer" = [])))]
async fn revise_implication(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
    if_match: IfMatch,
    Body(edit): Body<ImplicationEdit>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = store::find(tx.conn(), id).await?.topic_id;
    let topic = topics::hold(&tx, &actor, &topic_id.to_string()).await?;
    let implication = store::find_for_update(&tx, id).await?;
    let others_forecast = store::others_forecast(&tx, &implication).await?;
    let permit = actor.may(EditImplication { implication: &implication, topic: &topic, others_forecast })?;
    if_match.check(implication.version)?;
    if let Some(bears_on) = &edit.bears_on {
        let wrong = check_bears_on(bears_on, &store::scenarios(tx.conn(), topic_id).await?);
        if !wrong.is_empty() {
            return Err(Error::fields(wrong));
        }
    }
    let before = store::content(tx.conn(), &implication).await?;
    let new = Content {
        statement: edit.statement.map_or_else(|| before.statement.clone(), String::from),
        bears_on: edit.bears_on.unwrap_or_else(|| before.bears_on.clone()),
        test_kind: edit.test_kind.unwrap_or(before.test_kind),
    };
    if store::revise(&app, &tx, &permit, &before, new).await? {
        let event = Event {
            kind: "implication_revised",
            topic_id: Some(topic_id),
            subject_id: Some(id.0),
            ..actor.event()
        };
        events::record(&app, &tx, event).await?;
    }
    let (view, version) = view(tx.conn(), &actor, id).await?;
    tx.commit().await?;
    Ok(Answer::ok(&view, Cache::Private)?.version(version))
}

/// Delete an implication
///
/// By its author, while nobody else has forecast it, or by whoever may edit the topic; only while it is unresolved.
#[utoipa::path(delete, path = "/implications/{id}", tag = "implications", params(("id" = ImplicationId, Path), ("If-Match" = String, Header)), responses((status = 204, description = "It is gone, with all forecasts of it")), security(("bearer" = [])))]
async fn delete_implication(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = readable(tx.conn(), &actor, id).await?.topic_id;
    let tags = topics::tags(tx.conn(), topic_id).await?;
    let implication = store::find_for_update(&tx, id).await?;
    let others_forecast = store::others_forecast(&tx, &implication).await?;
    let permit = actor.may(DeleteImplication { implication: &implication, tags: &tags, others_forecast })?;
    if_match.check(implication.version)?;
    store::delete(&tx, &permit).await?;
    let event = Event {
        kind: "implication_deleted",
        topic_id: Some(topic_id),
        subject_id: Some(id.0),
        ..actor.event()
    };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Resolve an implication
///
/// Says whether the record shows it, with a citation; `unresolved` opens it again. By the author of the topic, unless
/// they proposed it themselves, or by whoever may edit the topic.
#[utoipa::path(put, path = "/implications/{id}/resolution", tag = "implications", params(("id" = ImplicationId, Path), ("If-Match" = String, Header)), request_body = NewResolution, responses((status = 200, body = ImplicationView)), security(("bearer" = [])))]
async fn resolve_implication(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
    if_match: IfMatch,
    Body(new): Body<NewResolution>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = readable(tx.conn(), &actor, id).await?.topic_id;
    // A post that is deleted meanwhile would take away the source that it brought.
    topics::lock_activity(&tx, topic_id).await?;
    let topic = topics::find(tx.conn(), &actor, &topic_id.to_string()).await?;
    let tags = topics::tags(tx.conn(), topic_id).await?;
    let implication = store::find_for_update(&tx, id).await?;
    let permit = actor.may(ResolveImplication { implication: &implication, topic: &topic, tags: &tags })?;
    if_match.check(implication.version)?;
    if let Some(wrong) = check_resolution(new.resolution, new.citation.as_ref()) {
        return Err(Error::fields(vec![wrong]));
    }
    if store::resolve(&app, &tx, &permit, new.resolution, new.citation.as_ref()).await? {
        let reopened = new.resolution == Resolution::Unresolved;
        let event = Event {
            kind: if reopened { "implication_reopened" } else { "implication_resolved" },
            topic_id: Some(topic_id),
            subject_id: Some(id.0),
            data: json!({ "resolution": new.resolution }),
            ..actor.event()
        };
        events::record(&app, &tx, event).await?;
    }
    let (view, version) = view(tx.conn(), &actor, id).await?;
    tx.commit().await?;
    Ok(Answer::ok(&view, Cache::Private)?.version(version))
}

/// Forecast an implication
///
/// How likely it is that the record shows it. Adds to the history; what says the same as the last forecast is that one,
/// so doing it twice is doing it once.
#[utoipa::path(put, path = "/implications/{id}/forecast/mine", tag = "implications", params(("id" = ImplicationId, Path)), request_body = NewForecast, responses((status = 200, body = ForecastView)), security(("bearer" = [])))]
async fn state_forecast(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
    Body(new): Body<NewForecast>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = store::find(tx.conn(), id).await?.topic_id;
    let topic = topics::hold(&tx, &actor, &topic_id.to_string()).await?;
    let implication = store::hold(&tx, id).await?;
    let permit = actor.may(StateForecast { implication: &implication, topic: &topic })?;
    let (forecast, added) = store::state_forecast(&app, &tx, &permit, new.bp).await?;
    if added {
        let event = Event {
            kind: "forecast_stated",
            topic_id: Some(topic_id),
            subject_id: Some(forecast.id.0),
            ..actor.event()
        };
        events::record(&app, &tx, event).await?;
    }
    tx.commit().await?;
    Answer::ok(&ForecastView::from(forecast), Cache::No)
}

/// Read one's forecast
///
/// The last one, which is the one that counts.
#[utoipa::path(get, path = "/implications/{id}/forecast/mine", tag = "implications", params(("id" = ImplicationId, Path)), responses((status = 200, body = ForecastView)), security(("bearer" = [])))]
async fn read_own_forecast(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ImplicationId>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    readable(&app.db, &actor, id).await?;
    let forecast = store::own_forecast(&app.db, id, own).await?.ok_or_else(Error::not_found)?;
    Answer::ok(&ForecastView::from(forecast), Cache::No)
}

/// List one's forecasts
///
/// The last one for each implication, those that one came to last first, with their scores and the mean of these.
#[utoipa::path(get, path = "/me/forecasts", tag = "implications", params(PageQuery), responses((status = 200, body = OwnForecastPage)), security(("bearer" = [])))]
async fn list_own_forecasts(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("forecasts/{own}");
    let before = query.place(&app, &list)?;
    let snapshot = app.snapshot().await?;
    let rows = store::list_own_forecasts(&snapshot, own, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.first_id));
    let items = page.items.into_iter().map(OwnForecastView::of).collect::<Result<_>>()?;
    let score = store::score_of(&snapshot, own).await?;
    Answer::ok(&OwnForecastPage { items, next: page.next, score }, Cache::No)
}

/// Every path about implications.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_implications, create_implication))
        .routes(routes!(read_implication, revise_implication, delete_implication))
        .routes(routes!(resolve_implication))
        .routes(routes!(read_own_forecast, state_forecast))
        .routes(routes!(list_own_forecasts))
}
