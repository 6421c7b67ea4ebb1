//! Own data on the wire.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::ExportOutcome;
use super::store;
use crate::accounts;
use crate::accounts::rules::PasswordAttempt;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth;
use crate::clock::Timestamp;
use crate::entity::{data_export, erasure};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::policy::{Actor, EraseAccount, ExportAccount};

/// How far a copy is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExportState {
    /// It is being prepared.
    Pending,
    /// It can be had.
    Ready,
    /// It would be larger than copies are here: ask the operator.
    TooLarge,
}

/// The copy of one's data that was asked for last.
#[derive(Debug, Serialize, ToSchema)]
struct ExportView {
    state: ExportState,
    requested_at: Timestamp,
    /// When it was done.
    finished_at: Option<Timestamp>,
    /// Until when it can be had.
    expires_at: Option<Timestamp>,
}

impl From<data_export::Model> for ExportView {
    fn from(job: data_export::Model) -> Self {
        Self {
            state: match job.outcome {
                None => ExportState::Pending,
                Some(ExportOutcome::Ready) => ExportState::Ready,
                Some(ExportOutcome::TooLarge) => ExportState::TooLarge,
            },
            requested_at: job.requested_at.into(),
            finished_at: job.finished_at.map(Into::into),
            expires_at: job.expires_at.map(Into::into),
        }
    }
}

/// Ask for a copy of one's data
///
/// It is prepared in the background; a mail tells when it is ready. One at a time: asking again while it is being
/// prepared gives that one, and later a new one that takes its place. Asks for a proof of who asks that is not
/// older than ten minutes.
#[utoipa::path(post, path = "/me/export", tag = "own data", responses((status = 202, body = ExportView)), security(("bearer" = [])))]
async fn request_export(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let id = actor.require_fresh_session(app.fresh_since())?.0.id;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, id).await?;
    let permit = actor.may(ExportAccount(&account))?;
    let job = store::request_export(&app, &tx, &permit).await?;
    let event = Event { kind: "export_requested", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(id)), ..actor.entry("request_export") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Answer::accepted_as("/api/v1/me/export".to_owned(), &ExportView::from(job))
}

/// See how far the copy of one's data is
#[utoipa::path(get, path = "/me/export", tag = "own data", responses((status = 200, body = ExportView)), security(("bearer" = [])))]
async fn read_export(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let id = actor.require_session()?.0.id;
    Answer::ok(&ExportView::from(store::find_export(&app, id).await?), Cache::No)
}

/// Get the copy of one's data
///
/// One JSON object in the format `otherwise-own-data/1`. Asks for a proof of who asks that is not older than ten
/// minutes.
#[utoipa::path(get, path = "/me/export/file", tag = "own data", responses((status = 200, description = "The file")), security(("bearer" = [])))]
async fn read_export_file(State(app): State<App>, actor: Actor) -> Result<Response> {
    let id = actor.require_fresh_session(app.fresh_since())?.0.id;
    let job = store::find_export(&app, id).await?;
    let file = store::open(&app, &job)?;
    let entry = Entry { object: Some(Object::account(id)), ..actor.entry("download_export") };
    audit::record_alone(&app, entry).await?;
    // Made here and of nothing that anybody chose.
    let name = format!("otherwise-own-data-{}.json", job.requested_at.format("%Y-%m-%d"));
    Ok((
        [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ],
        file,
    )
        .into_response())
}

/// That one's account is to be erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErasureRequest {
    /// The account's password.
    #[schema(value_type = String, format = "password")]
    password: PasswordAttempt,
    /// Whether one's posts become tombstones. Else they stay, under the name of a deleted account.
    #[serde(default)]
    erase_posts: bool,
}

/// An account that is to be erased.
#[derive(Debug, Serialize, ToSchema)]
struct ErasureView {
    requested_at: Timestamp,
    /// From when on it is done; until then it can be taken back.
    due_at: Timestamp,
    erase_posts: bool,
}

impl From<erasure::Model> for ErasureView {
    fn from(job: erasure::Model) -> Self {
        Self {
            requested_at: job.requested_at.into(),
            due_at: job.due_at.into(),
            erase_posts: job.erase_posts,
        }
    }
}

/// Ask for one's account to be erased
///
/// It is done after a week, unless the server says otherwise. All sessions end and all tokens are revoked at once;
/// whoever signs in until then can take it back. Asks for a proof of who asks that is not older than ten minutes,
/// and for the password.
#[utoipa::path(post, path = "/me/erasure", tag = "own data", request_body = ErasureRequest, responses((status = 202, body = ErasureView)), security(("bearer" = [])))]
async fn request_erasure(
    State(app): State<App>,
    actor: Actor,
    Body(request): Body<ErasureRequest>,
) -> Result<Answer> {
    let id = actor.require_fresh_session(app.fresh_since())?.0.id;
    let wrong = || Error::field("password", "wrong_password", "This is not your password; mind capitals.");
    let before = accounts::require(&app.db, id).await?;
    if !auth::proves(&app, &before, &request.password).await? {
        return Err(wrong());
    }
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, id).await?;
    if account.password_changed_at != before.password_changed_at {
        return Err(wrong());
    }
    let permit = actor.may(EraseAccount(&account))?;
    let job = store::request_erasure(&app, &tx, &permit, request.erase_posts).await?;
    auth::end_all(&tx, id, None, "signed_out", app.now()).await?;
    auth::revoke_all_tokens(&tx, id, app.now()).await?;
    mail::notify(&app, &tx, &account, MailKind::ErasureRequested).await?;
    let event = Event { kind: "erasure_requested", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(id)), ..actor.entry("request_erasure") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Answer::accepted_as("/api/v1/me/erasure".to_owned(), &ErasureView::from(job))
}

/// See when one's account is to be erased
///
/// 404 where it is not.
#[utoipa::path(get, path = "/me/erasure", tag = "own data", responses((status = 200, body = ErasureView)), security(("bearer" = [])))]
async fn read_erasure(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let id = actor.require_session()?.0.id;
    Answer::ok(&ErasureView::from(store::find_erasure(&app.db, id).await?), Cache::No)
}

/// Keep one's account
///
/// Takes back that it is to be erased, as long as that is not due.
#[utoipa::path(delete, path = "/me/erasure", tag = "own data", responses((status = 204)), security(("bearer" = [])))]
async fn cancel_erasure(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let id = actor.require_session()?.0.id;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, id).await?;
    let permit = actor.may(EraseAccount(&account))?;
    store::cancel(&app, &tx, &permit).await?;
    mail::notify(&app, &tx, &account, MailKind::ErasureCancelled).await?;
    let event = Event { kind: "erasure_cancelled", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(id)), ..actor.entry("cancel_erasure") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about one's own data.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(request_export, read_export))
        .routes(routes!(read_export_file))
        .routes(routes!(request_erasure, read_erasure, cancel_erasure))
}
