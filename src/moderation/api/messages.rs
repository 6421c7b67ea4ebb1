//! What moderators and those whom a case concerns write to each other, on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Author, authors};
use crate::app::App;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions::rules::Subject;
use crate::entity::case_message;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query};
use crate::ids::{AccountId, CaseId, CaseMessageId};
use crate::moderation::rules::MessageText;
use crate::moderation::store::{self, Messages};
use crate::policy::{Actor, AnswerMessage, ReadCase, ReadCases};

/// Something to be said to somebody whom a case concerns.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    /// To whom: the owner of the subject, or somebody who reported it.
    to: AccountId,
    text: MessageText,
}

/// A message, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
struct CaseMessageView {
    id: CaseMessageId,
    /// With whom the moderators talk.
    with: Option<Author>,
    /// Whether moderators wrote it, and not they.
    is_from_team: bool,
    /// Which moderator; null once their account was erased. They themselves are not told.
    sender: Option<Author>,
    text: String,
    created_at: Timestamp,
}

impl CaseMessageView {
    async fn of(db: &impl ConnectionTrait, rows: Vec<case_message::Model>) -> Result<Vec<Self>> {
        let named = rows.iter().flat_map(|row| [Some(row.account_id), row.sender_id]).flatten();
        let people = authors(db, named.collect()).await?;
        let view = |row: case_message::Model| Self {
            id: row.id,
            with: people.get(&row.account_id).cloned(),
            is_from_team: row.is_from_team,
            sender: row.sender_id.and_then(|id| people.get(&id).cloned()),
            text: row.text,
            created_at: row.created_at.into(),
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

/// Write to somebody whom a case concerns
///
/// To whoever the subject belongs to, or to somebody who reported it, in the name of all moderators: without a sanction, and
/// without a strike. They are told by mail, and answer with `POST /me/messages`.
#[utoipa::path(post, path = "/mod/cases/{id}/messages", tag = "moderation", params(("id" = CaseId, Path)), request_body = NewMessage, responses((status = 201, body = CaseMessageView)), security(("bearer" = [])))]
async fn write_message(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    create: Create<NewMessage>,
) -> Result<Answer> {
    actor.require_scope(Scope::Moderate)?;
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let case = store::find_for_update(&tx, id).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let permit = actor.may(circumstances.decide(&case))?;
    let row = store::write_message(&app, &tx, &permit, (new.to, new.text)).await?;
    let event = Event { kind: "message_written", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = CaseMessageView::of(tx.conn(), vec![row]).await?.pop();
    let answer = Answer::created(format!("/api/v1/mod/cases/{id}/messages"), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List what was written about a case
///
/// By moderators and to them, the last first.
#[utoipa::path(get, path = "/mod/cases/{id}/messages", tag = "moderation", params(("id" = CaseId, Path), PageQuery), responses((status = 200, body = Page<CaseMessageView>)), security(("bearer" = [])))]
async fn list_case_messages(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let case = store::find(&app.db, id).await?;
    let circumstances = store::circumstances(&app.db, &case, by, app.now()).await?;
    actor.may(ReadCase { case: &case, tags: &circumstances.tags })?;
    let list = format!("case-messages/{id}");
    let before = query.place(&app, &list)?;
    let rows = store::list_messages(&app.db, Messages::About(id), before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = CaseMessageView::of(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// An answer to what moderators wrote.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAnswer {
    /// The case that they wrote about.
    case_id: CaseId,
    text: MessageText,
}

/// A message, as the one sees it with whom the moderators talk.
#[derive(Debug, Serialize, ToSchema)]
struct MessageView {
    id: CaseMessageId,
    /// Answer to this.
    case_id: CaseId,
    /// What it is about.
    subject: Subject,
    /// Whether moderators wrote it, and not the reader. Which of them, is not told.
    is_from_team: bool,
    text: String,
    created_at: Timestamp,
}

/// List what one and the moderators wrote to each other
///
/// The last first.
#[utoipa::path(get, path = "/me/messages", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<MessageView>)), security(("bearer" = [])))]
async fn list_messages(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("messages/{own}");
    let before = query.place(&app, &list)?;
    let rows = store::list_messages(&app.db, Messages::With(own), before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = views(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

async fn views(db: &impl ConnectionTrait, rows: Vec<case_message::Model>) -> Result<Vec<MessageView>> {
    let cases = store::cases_of(db, rows.iter().map(|row| row.case_id).collect()).await?;
    let subjects: HashMap<CaseId, Subject> =
        cases.iter().map(|case| (case.id, store::subject_of(case))).collect();
    let view = |row: case_message::Model| {
        let subject = subjects.get(&row.case_id).copied();
        Ok(MessageView {
            id: row.id,
            case_id: row.case_id,
            subject: subject.ok_or_else(|| Error::internal(anyhow::anyhow!("a message without a case")))?,
            is_from_team: row.is_from_team,
            text: row.text,
            created_at: row.created_at.into(),
        })
    };
    rows.into_iter().map(view).collect()
}

/// Answer the moderators
///
/// About a case that they wrote about, whatever else one is kept from.
#[utoipa::path(post, path = "/me/messages", tag = "moderation", request_body = NewAnswer, responses((status = 201, body = MessageView)), security(("bearer" = [])))]
async fn answer_message(State(app): State<App>, actor: Actor, create: Create<NewAnswer>) -> Result<Answer> {
    let own = actor.require_scope(Scope::Profile)?.id;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let was_written_to = store::was_written_to(tx.conn(), new.case_id, own).await?;
    let permit = actor.may(AnswerMessage { was_written_to })?;
    let case = store::find_for_update(&tx, new.case_id).await?;
    let row = store::answer_message(&app, &tx, &permit, case, new.text).await?;
    let event = Event { kind: "message_answered", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = views(tx.conn(), vec![row]).await?.pop();
    let answer = Answer::created("/api/v1/me/messages".to_owned(), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// The paths about messages.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_case_messages, write_message))
        .routes(routes!(list_messages, answer_message))
}
