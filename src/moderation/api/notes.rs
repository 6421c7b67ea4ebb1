//! What moderators note of people and cases, on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{self, Author, authors};
use crate::app::App;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::{account, mod_note};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query};
use crate::ids::{AccountId, CaseId, ModNoteId};
use crate::moderation::rules::{CaseNote, NoteAudience};
use crate::moderation::store;
use crate::policy::{Actor, DeleteNote, NoteOnAccount, ReadAccountRecord, ReadCase, ReadCases};

/// Something to be noted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    text: CaseNote,
    /// Who may read it besides moderators; they are not told by whom it is.
    audience: NoteAudience,
}

/// What a moderator noted, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoteView {
    id: ModNoteId,
    text: String,
    audience: NoteAudience,
    /// Who wrote it.
    author: Option<Author>,
    created_at: Timestamp,
}

impl NoteView {
    /// Several, with the names of those who wrote them.
    pub(super) async fn of(db: &impl ConnectionTrait, rows: Vec<mod_note::Model>) -> Result<Vec<Self>> {
        let people = authors(db, rows.iter().map(|row| row.author_id).collect()).await?;
        let view = |row: mod_note::Model| Self {
            id: row.id,
            text: row.text,
            audience: row.audience,
            author: people.get(&row.author_id).cloned(),
            created_at: row.created_at.into(),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    async fn one(db: &impl ConnectionTrait, row: mod_note::Model) -> Result<Self> {
        let view = Self::of(db, vec![row]).await?.pop();
        view.ok_or_else(|| Error::internal(anyhow::anyhow!("a note without a view")))
    }
}

/// Note something of a case
///
/// For other moderators, for those who reported its subject, or for whom this belongs to.
#[utoipa::path(post, path = "/mod/cases/{id}/notes", tag = "moderation", params(("id" = CaseId, Path)), request_body = NewNote, responses((status = 201, body = NoteView)), security(("bearer" = [])))]
async fn create_case_note(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    create: Create<NewNote>,
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
    let case = store::find(tx.conn(), id).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let permit = actor.may(ReadCase { case: &case, tags: &circumstances.tags })?;
    if new.audience != NoteAudience::Moderators {
        // Whoever may not decide it says nothing about it to others.
        actor.may(circumstances.decide(&case))?;
    }
    let row = store::note_on_case(&app, &tx, &permit, (new.audience, new.text)).await?;
    let event = Event { kind: "note_written", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = NoteView::one(tx.conn(), row).await?;
    let answer = Answer::created(format!("/api/v1/mod/cases/{id}"), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn noted(db: &impl ConnectionTrait, username: &str) -> Result<account::Model> {
    accounts::find_by_username(db, username).await?.ok_or_else(Error::not_found)
}

/// Note something of somebody
///
/// For other moderators, or for them. They find it in `GET /me/notes` if it is for them, and in the copy of their data in any
/// case.
#[utoipa::path(post, path = "/mod/accounts/{username}/notes", tag = "moderation", params(("username" = String, Path)), request_body = NewNote, responses((status = 201, body = NoteView)), security(("bearer" = [])))]
async fn create_account_note(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    create: Create<NewNote>,
) -> Result<Answer> {
    actor.require_scope(Scope::Moderate)?;
    actor.may(ReadAccountRecord)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    if new.audience == NoteAudience::Reporter {
        let detail = "Nobody reported an account as such: that is noted of a case.";
        return Err(Error::field("audience", "does_not_fit", detail));
    }
    let account = noted(tx.conn(), &username).await?;
    let permit = actor.may(NoteOnAccount { account_id: account.id })?;
    let row = store::note_on_account(&app, &tx, &permit, (new.audience, new.text)).await?;
    let event = Event { kind: "note_written", subject_id: Some(row.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = NoteView::one(tx.conn(), row).await?;
    let location = format!("/api/v1/mod/accounts/{}/notes", account.username);
    let answer = once.record(&app, &tx, Answer::created(location, &view, Cache::No)?).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List what was noted of somebody
///
/// The last first.
#[utoipa::path(get, path = "/mod/accounts/{username}/notes", tag = "moderation", params(("username" = String, Path), PageQuery), responses((status = 200, body = Page<NoteView>)), security(("bearer" = [])))]
async fn list_account_notes(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(ReadAccountRecord)?;
    let account = noted(&app.db, &username).await?;
    if actor.is(Some(account.id)) {
        return Err(Code::NotAllowed.error("GET /me/notes has what was noted for you."));
    }
    let list = format!("notes/{}", account.id);
    let before = query.place(&app, &list)?;
    let rows = store::notes_on_account(&app.db, account.id, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = NoteView::of(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Delete a note
///
/// Of one's own.
#[utoipa::path(delete, path = "/mod/notes/{id}", tag = "moderation", params(("id" = ModNoteId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_note(State(app): State<App>, actor: Actor, Path(id): Path<ModNoteId>) -> Result<Answer> {
    actor.may(ReadCases)?;
    let tx = app.begin_as(&actor).await?;
    let note = store::find_note_for_update(&tx, id).await?;
    store::delete_note(&tx, &actor.may(DeleteNote(&note))?).await?;
    let event = Event { kind: "note_deleted", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// What moderators noted for whoever reads it.
#[derive(Debug, Serialize, ToSchema)]
struct OwnNote {
    id: ModNoteId,
    /// What it is about: the reader, something of theirs, or something they reported.
    subject: Subject,
    text: String,
    created_at: Timestamp,
}

/// List what moderators noted for one
///
/// About oneself, about what is one's own, and about what one reported; the last first.
#[utoipa::path(get, path = "/me/notes", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<OwnNote>)), security(("bearer" = [])))]
async fn list_own_notes(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("own-notes/{own}");
    let before = query.place(&app, &list)?;
    let rows = store::notes_for(&app.db, own, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let cases = page.items.iter().filter_map(|note| note.case_id).collect();
    let cases = store::cases_of(&app.db, cases).await?;
    let subjects: HashMap<CaseId, Subject> =
        cases.iter().map(|case| (case.id, store::subject_of(case))).collect();
    let about = |note: &mod_note::Model| {
        let account = |id: AccountId| Subject { kind: SubjectKind::Account, id: id.0 };
        note.case_id.and_then(|id| subjects.get(&id).copied()).or(note.account_id.map(account))
    };
    let view = |note: mod_note::Model| {
        Some(OwnNote {
            id: note.id,
            subject: about(&note)?,
            text: note.text,
            created_at: note.created_at.into(),
        })
    };
    let items: Vec<OwnNote> = page.items.into_iter().filter_map(view).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// The paths about notes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_case_note))
        .routes(routes!(list_account_notes, create_account_note))
        .routes(routes!(delete_note))
        .routes(routes!(list_own_notes))
}
