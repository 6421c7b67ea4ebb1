//! Whose reports weigh nothing for a while, on the wire.

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts;
use crate::app::App;
use crate::audit::{self, Object};
use crate::clock::{Time, Timestamp};
use crate::db::Tx;
use crate::decisions;
use crate::entity::report_mute;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache, Path};
use crate::moderation::rules::CaseNote;
use crate::moderation::store;
use crate::policy::{Actor, MuteReports, Permit};
use crate::roles;

/// How long something may be muted, in days.
const LONGEST_DAYS: i64 = 366;

/// A moment until which something is muted.
///
/// # Errors
/// 422 where it is not in the future, or too far in it.
pub(super) fn muted_until(ends_at: Timestamp, now: Time) -> Result<Time> {
    let until: Time = ends_at.into();
    if until <= now {
        return Err(Error::field("ends_at", "in_the_past", "It ends in the future."));
    }
    if until > now + TimeDelta::days(LONGEST_DAYS) {
        let detail = format!("At most {LONGEST_DAYS} days from now.");
        return Err(Error::field("ends_at", "too_late", detail));
    }
    Ok(until)
}

/// That reports of somebody are taken, and weigh nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReportMuteView {
    /// Why.
    reason: String,
    created_at: Timestamp,
    /// Until when.
    ends_at: Timestamp,
}

impl From<report_mute::Model> for ReportMuteView {
    fn from(row: report_mute::Model) -> Self {
        Self { reason: row.reason, created_at: row.created_at.into(), ends_at: row.ends_at.into() }
    }
}

/// How long reports of somebody are to weigh nothing, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReportMute {
    /// Until when, within 366 days.
    ends_at: Timestamp,
    /// Why, to whom it concerns.
    reason: CaseNote,
}

/// The permit to have reports of somebody weigh nothing, once whatever they report at the moment is done.
async fn permitted(app: &App, tx: &Tx, actor: &Actor, username: &str) -> Result<Permit<MuteReports>> {
    actor.may(MuteReports::AT_ALL)?;
    let account = accounts::find_by_username(tx.conn(), username).await?.ok_or_else(Error::not_found)?;
    tx.queue(&decisions::account_queue(account.id)).await?;
    let rank = roles::powers(tx.conn(), account.id, app.now()).await?.rank();
    actor.may(MuteReports { account_id: account.id, rank })
}

/// Have reports of somebody weigh nothing
///
/// Until then: they are taken, and make no case more urgent. Those whom it concerns read it in `GET /me/sanctions` and with
/// each of their reports. Takes the place of what was decided about that before.
#[utoipa::path(post, path = "/mod/accounts/{username}/mute-reports", tag = "moderation", params(("username" = String, Path)), request_body = NewReportMute, responses((status = 200, body = ReportMuteView)), security(("bearer" = [])))]
async fn mute_reports(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Body(new): Body<NewReportMute>,
) -> Result<Answer> {
    let tx = app.begin_as(&actor).await?;
    let permit = permitted(&app, &tx, &actor, &username).await?;
    let ends_at = muted_until(new.ends_at, app.now())?;
    let (row, is_new) = store::mute_reports(&app, &tx, &permit, (ends_at, new.reason)).await?;
    let answer = Answer::ok(&ReportMuteView::from(row), Cache::No)?;
    if is_new {
        let account_id = permit.act().account_id;
        let event = Event { kind: "reports_muted", subject_id: Some(account_id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
        let entry = audit::Entry {
            object: Some(Object::account(account_id)),
            data: json!({ "ends_at": Timestamp::from(ends_at) }),
            ..actor.entry("mute_reports")
        };
        audit::record(&app, &tx, entry).await?;
        tx.commit().await?;
    }
    Ok(answer)
}

/// Have reports of somebody weigh again
///
/// Those they make from now on.
#[utoipa::path(post, path = "/mod/accounts/{username}/unmute-reports", tag = "moderation", params(("username" = String, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn unmute_reports(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
) -> Result<Answer> {
    let tx = app.begin_as(&actor).await?;
    let permit = permitted(&app, &tx, &actor, &username).await?;
    if store::unmute_reports(&app, &tx, &permit).await? {
        let account_id = permit.act().account_id;
        let event = Event { kind: "reports_unmuted", subject_id: Some(account_id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
        let object = Some(Object::account(account_id));
        audit::record(&app, &tx, audit::Entry { object, ..actor.entry("unmute_reports") }).await?;
        tx.commit().await?;
    }
    Ok(Answer::none())
}

/// The paths about whose reports weigh nothing.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(mute_reports)).routes(routes!(unmute_reports))
}
