//! Changes of mind on the wire.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::MindChangeExplanation;
use super::store::{self, Of};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::basis_points::shift;
use crate::changes::About;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, Tx, keyset};
use crate::entity::{mind_change, post, topic};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query, shared};
use crate::ids::{AccountId, MindChangeId, PostId, TopicId};
use crate::policy::{Actor, CreditPost};
use crate::{posts, topics};

/// That a post moved somebody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMindChange {
    /// What about the post made them think otherwise.
    explanation: MindChangeExplanation,
    /// The number of the vector that they came to; their last where none is named. What they had before is the one
    /// before it.
    #[serde(default)]
    #[schema(minimum = 2)]
    after_number: Option<i32>,
}

/// That a post moved somebody, and how far.
#[derive(Debug, Serialize, ToSchema)]
pub struct MindChangeView {
    id: MindChangeId,
    /// Where.
    pub topic_id: TopicId,
    /// By what.
    post_id: PostId,
    /// Who was moved.
    person: Option<Author>,
    /// What about the post made them think otherwise.
    explanation: String,
    /// Half of what their credences in all scenarios changed by, 0 to 1 (total variation distance).
    shift: f64,
    /// Whether it is counted for the post: accounts that are younger than it are not.
    counts: bool,
    created_at: Timestamp,
}

impl MindChangeView {
    fn of(row: mind_change::Model, people: &HashMap<AccountId, Author>) -> Self {
        Self {
            id: row.id,
            topic_id: row.topic_id,
            post_id: row.post_id,
            person: people.get(&row.account_id).cloned(),
            explanation: row.explanation,
            shift: shift(row.moved.into()),
            counts: row.counts,
            created_at: row.created_at.into(),
        }
    }
}

/// Finds a post under the lock on its tally, and its topic, as whoever asks may see them.
async fn find(tx: &Tx, actor: &Actor, id: PostId) -> Result<(post::Model, topic::Model)> {
    posts::lock_tally(tx, id).await?;
    let post = posts::find(tx.conn(), id).await?;
    let topic = topics::find(tx.conn(), actor, &post.topic_id.to_string()).await?;
    Ok((post, topic))
}

/// Credit a post with changing one's mind
///
/// Ties the post to two vectors of credences that you stated one after the other, about the same scenarios: the later one
/// after the post was there. One a person and post, and none for your own.
#[utoipa::path(post, path = "/posts/{id}/mind-changes", tag = "mind changes", params(("id" = PostId, Path)), request_body = NewMindChange, responses((status = 201, body = MindChangeView)), security(("bearer" = [])))]
async fn credit_post(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    create: Create<NewMindChange>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    if new.after_number.is_some_and(|number| number < 2) {
        let detail = "From 2: there is a vector before it.";
        return Err(Error::field("after_number", "out_of_range", detail));
    }
    let (post, topic) = find(&tx, &actor, id).await?;
    let permit = actor.may(CreditPost { post: &post, topic: &topic })?;
    let row = store::credit(&app, &tx, &permit, &new.explanation, new.after_number).await?;
    record(&app, &tx, &actor, "mind_changed", &row).await?;
    let people = authors(tx.conn(), vec![row.account_id]).await?;
    let view = MindChangeView::of(row, &people);
    let answer = Answer::created(format!("/api/v1/posts/{id}/mind-changes"), &view, Cache::Private)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Take back what one credited a post with
#[utoipa::path(delete, path = "/posts/{id}/mind-changes/mine", tag = "mind changes", params(("id" = PostId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn retract_mind_change(State(app): State<App>, actor: Actor, Path(id): Path<PostId>) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let (post, topic) = find(&tx, &actor, id).await?;
    let permit = actor.may(CreditPost { post: &post, topic: &topic })?;
    let row = store::retract(&tx, &permit).await?;
    record(&app, &tx, &actor, "mind_change_retracted", &row).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

async fn record(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    kind: &'static str,
    row: &mind_change::Model,
) -> Result<()> {
    let event =
        Event { kind, topic_id: Some(row.topic_id), subject_id: Some(row.post_id.0), ..actor.event() };
    events::record(app, tx, event).await
}

/// List whom a post moved
///
/// The last first.
#[utoipa::path(get, path = "/posts/{id}/mind-changes", tag = "mind changes", params(("id" = PostId, Path), PageQuery), responses((status = 200, body = Page<MindChangeView>)), security((), ("bearer" = [])))]
async fn list_post_mind_changes(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PostId>,
    Query(query): Query<PageQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let post = posts::find(&app.db, id).await?;
        let topic = topics::find(&app.db, &actor, &post.topic_id.to_string()).await?;
        Ok((list(&app, &app.db, &actor, Of::Post(id), &query).await?, About::Topic(topic.id)))
    })
    .await
}

/// List whom the posts of a topic moved
///
/// The last first.
#[utoipa::path(get, path = "/topics/{topic}/mind-changes", tag = "mind changes", params(("topic" = String, Path, description = "Slug or identifier"), PageQuery), responses((status = 200, body = Page<MindChangeView>)), security((), ("bearer" = [])))]
async fn list_topic_mind_changes(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<PageQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let topic = topics::find(&app.db, &actor, &name).await?;
        Ok((list(&app, &app.db, &actor, Of::Topic(topic.id), &query).await?, About::Topic(topic.id)))
    })
    .await
}

async fn list(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    of: Of,
    query: &PageQuery,
) -> Result<Answer> {
    Answer::ok(&page(app, db, of, query).await?, Cache::for_reader(actor))
}

/// A page of changes of mind, the last first.
///
/// # Errors
/// 400 where the cursor is of another list; the database is away.
pub async fn page(
    app: &App,
    db: &impl ConnectionTrait,
    of: Of,
    query: &PageQuery,
) -> Result<Page<MindChangeView>> {
    let name = format!("mind_changes/{of:?}");
    let before = query.place(app, &name)?;
    let rows = store::list(db, of, before, query.limit).await?;
    let people = authors(db, rows.iter().map(|row| row.account_id).collect()).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(app, &name, &last.id));
    let items = page.items.into_iter().map(|row| MindChangeView::of(row, &people)).collect();
    Ok(Page { items, next: page.next })
}

/// Every path about changes of mind.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_post_mind_changes, credit_post))
        .routes(routes!(retract_mind_change))
        .routes(routes!(list_topic_mind_changes))
}
