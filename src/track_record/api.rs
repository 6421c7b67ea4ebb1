//! Track records on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, Belief};
use crate::accounts;
use crate::accounts::rules::{AccountKind, AccountState, Username};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::clock::Timestamp;
use crate::credences::rules::Part;
use crate::db::keyset;
use crate::entity::account;
use crate::error::{Code, Error, Result};
use crate::http::page::{Limit, Page, PageQuery};
use crate::http::{Answer, Cache, Path, Query};
use crate::ids::TopicId;
use crate::implications;
use crate::mind_changes::{self, MindChangeView, Of};
use crate::policy::Actor;

/// What somebody has to show for their thinking.
#[derive(Debug, Serialize, ToSchema)]
struct TrackRecord {
    username: String,
    /// Whether everybody sees it; else its owner alone.
    shown: bool,
    /// In how many topics they state credences.
    topics: i64,
    /// How often something changed their mind.
    mind_changes_made: i64,
    /// How many people their posts moved.
    people_moved: i64,
    /// How many of their posts moved somebody.
    posts_that_moved: i64,
    /// How many testable implications they proposed.
    implications: i64,
    forecasts: Forecasts,
}

/// How somebody's forecasts turned out.
#[derive(Debug, Serialize, ToSchema)]
struct Forecasts {
    /// How many were settled.
    settled: u64,
    /// The mean of their squared errors, 0 to 1: 0 is perfect, 0.25 is what "half and half" gets (Brier, 1950). Null
    /// where none was settled.
    brier_score: Option<f64>,
}

/// A topic, in short.
#[derive(Debug, Serialize, ToSchema)]
struct TopicName {
    id: TopicId,
    slug: String,
    title: String,
}

/// What somebody believes in one topic.
#[derive(Debug, Serialize, ToSchema)]
struct BeliefView {
    topic: TopicName,
    /// How many vectors they stated there.
    number: i32,
    scenario_set_version: i32,
    /// Whether a scenario was added or split since.
    stale: bool,
    /// By the identifiers of the scenarios; null where the reader stated no credences of their own in the topic.
    vector: Option<Vec<Part>>,
    created_at: Timestamp,
}

/// A change of mind that somebody made or caused.
#[derive(Debug, Serialize, ToSchema)]
struct RecordedMindChange {
    #[serde(flatten)]
    mind_change: MindChangeView,
    topic_slug: String,
}

/// Which changes of mind of somebody.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Side {
    /// Those of their own mind.
    #[default]
    Made,
    /// Those that their posts caused.
    Caused,
}

/// Finds an account whose track record this reader may see.
async fn find(app: &App, actor: &Actor, username: String) -> Result<account::Model> {
    let username = Username::try_from(username).map_err(|_| Error::not_found())?;
    let found = accounts::find_by_username(&app.db, username.as_str()).await?;
    let account = found
        .filter(|account| account.kind == AccountKind::Person && account.state != AccountState::Deleted)
        .ok_or_else(Error::not_found)?;
    if account.shows_track_record || actor.is(Some(account.id)) {
        return Ok(account);
    }
    Err(Code::TrackRecordPrivate.error("Its owner keeps it to themselves."))
}

/// What caches may do: what is shown depends on who reads, and is its owner's to hide again.
const CACHE: Cache = Cache::No;

/// Read a track record
///
/// What somebody did with their mind. Private unless its owner says otherwise (`PATCH /me`, `shows_track_record`).
#[utoipa::path(get, path = "/accounts/{username}/track-record", tag = "track records", params(("username" = String, Path)), responses((status = 200, body = TrackRecord)), security((), ("bearer" = [])))]
async fn read_track_record(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
) -> Result<Answer> {
    let account = find(&app, &actor, username).await?;
    let counts = store::counts(&app.db, account.id)
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("counting gave no row")))?;
    let score = implications::score_of(&app.db, account.id).await?;
    let view = TrackRecord {
        username: account.username,
        shown: account.shows_track_record,
        topics: counts.topics,
        mind_changes_made: counts.mind_changes_made,
        people_moved: counts.people_moved,
        posts_that_moved: counts.posts_that_moved,
        implications: counts.implications,
        forecasts: Forecasts { settled: score.n, brier_score: score.mean },
    };
    Answer::ok(&view, CACHE)
}

/// List what somebody believes
///
/// Their vector that counts in each topic, the one they stated last first.
#[utoipa::path(get, path = "/accounts/{username}/track-record/credences", tag = "track records", params(("username" = String, Path), PageQuery), responses((status = 200, body = Page<BeliefView>)), security((), ("bearer" = [])))]
async fn list_recorded_credences(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let account = find(&app, &actor, username).await?;
    let list = format!("track_record/{}/credences", account.id);
    let before = query.place(&app, &list)?;
    let rows = store::beliefs(&app.db, account.id, actor.id(), before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.credence_id));
    // Of what is withheld nothing is even read.
    let open = page.items.iter().filter(|belief| belief.is_open_to_reader).map(|belief| belief.credence_id);
    let mut vectors = store::vectors(&app.db, open.collect()).await?;
    let mut items = Vec::with_capacity(page.items.len());
    for belief in page.items {
        let Belief { topic_id, slug, title, number, scenario_set_version, stale, created_at, .. } = belief;
        let vector = vectors.remove(&belief.credence_id).map(|parts| {
            let part = |(scenario_id, bp): (_, i32)| Ok(Part { scenario_id, bp: BasisPoints::stored(bp)? });
            parts.into_iter().map(part).collect::<Result<Vec<_>>>()
        });
        items.push(BeliefView {
            topic: TopicName { id: topic_id, slug, title },
            number,
            scenario_set_version,
            stale,
            vector: vector.transpose()?,
            created_at: created_at.into(),
        });
    }
    Answer::ok(&Page { items, next: page.next }, CACHE)
}

/// Which changes of mind are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MindChangeQuery {
    /// Those of their own mind (`made`), or those that their posts caused (`caused`); `made` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    side: Side,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List what moved somebody, or whom they moved
///
/// The last first.
#[utoipa::path(get, path = "/accounts/{username}/track-record/mind-changes", tag = "track records", params(("username" = String, Path), MindChangeQuery), responses((status = 200, body = Page<RecordedMindChange>)), security((), ("bearer" = [])))]
async fn list_recorded_mind_changes(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Query(query): Query<MindChangeQuery>,
) -> Result<Answer> {
    let account = find(&app, &actor, username).await?;
    let of = match query.side {
        Side::Made => Of::MadeBy(account.id),
        Side::Caused => Of::CausedBy(account.id),
    };
    let asked = PageQuery { after: query.after, limit: query.limit };
    let page = mind_changes::page(&app, &app.db, of, &asked).await?;
    let slugs = store::slugs(&app.db, page.items.iter().map(|change| change.topic_id)).await?;
    let record = |mind_change: MindChangeView| RecordedMindChange {
        topic_slug: slugs.get(&mind_change.topic_id).cloned().unwrap_or_default(),
        mind_change,
    };
    let items = page.items.into_iter().map(record).collect();
    Answer::ok(&Page { items, next: page.next }, CACHE)
}

/// Every path about track records.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_track_record))
        .routes(routes!(list_recorded_credences))
        .routes(routes!(list_recorded_mind_changes))
}
