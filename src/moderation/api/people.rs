//! What moderators find out about people, and the sessions they end, on the wire.

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::actions::SanctionView;
use super::notes::NoteView;
use super::report_mutes::ReportMuteView;
use crate::accounts::{self, Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions;
use crate::decisions::rules::Subject;
use crate::entity::account;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, InspectionReason, Path, Query};
use crate::ids::TopicId;
use crate::invalid::Invalid;
use crate::moderation::rules::{CaseNote, SharedSignal, TimelineKind};
use crate::moderation::store::{self, Happening, RevokedSessions, Shared, Timeline};
use crate::policy::{Actor, ReadAccountRecord, ReadRelated, RevokeSessions};
use crate::roles;
use crate::roles::rules::{Permission, Place};

async fn found(db: &impl ConnectionTrait, username: &str) -> Result<account::Model> {
    accounts::find_by_username(db, username).await?.ok_or_else(Error::not_found)
}

/// How often somebody's reports were right.
#[derive(Debug, Serialize, ToSchema)]
struct ReporterRecord {
    upheld: i64,
    rejected: i64,
}

/// What moderators know of somebody.
#[derive(Debug, Serialize, ToSchema)]
struct AccountRecord {
    account: Option<Author>,
    trust_level: i16,
    created_at: Timestamp,
    /// Strikes that count at the moment.
    strikes: i64,
    /// The hundred last, the last first.
    sanctions: Vec<SanctionView>,
    /// What came of what they reported.
    reports: ReporterRecord,
    /// Until when what they report weighs nothing, and why; null where it weighs what it does.
    report_mute: Option<ReportMuteView>,
    /// What was noted of them, the last first: the hundred last. The rest is in `GET /mod/accounts/{username}/notes`.
    notes: Vec<NoteView>,
}

/// Read somebody's record
///
/// For those who decide about people everywhere (`user.suspend` or `report.read`, for the whole site). What was done to
/// them is in `GET /mod/actions?target=`, all that happened in `GET /mod/accounts/{username}/timeline`.
#[utoipa::path(get, path = "/mod/accounts/{username}", tag = "moderation", params(("username" = String, Path)), responses((status = 200, body = AccountRecord)), security(("bearer" = [])))]
async fn read_account_record(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
) -> Result<Answer> {
    actor.may(ReadAccountRecord)?;
    let account = found(&app.db, &username).await?;
    if actor.is(Some(account.id)) {
        return Err(Code::NotAllowed.error("GET /me/sanctions says what concerns you."));
    }
    let now = app.now();
    let accuracy = store::accuracy(&app.db, account.id).await?;
    let sanctions = decisions::sanctions_of(&app.db, account.id).await?;
    let mut notes = store::notes_on_account(&app.db, account.id, None, Limit::MOST).await?;
    notes.truncate(Limit::MOST.size());
    let view = AccountRecord {
        account: authors(&app.db, vec![account.id]).await?.remove(&account.id),
        trust_level: account.trust_level,
        created_at: account.created_at.into(),
        strikes: decisions::strikes_of(&app.db, account.id, now).await?,
        sanctions: sanctions.iter().map(|row| SanctionView::of(row, now)).collect(),
        reports: ReporterRecord { upheld: accuracy.upheld, rejected: accuracy.rejected },
        notes: NoteView::of(&app.db, notes).await?,
        report_mute: store::report_mute_of(&app.db, account.id, now).await?.map(Into::into),
    };
    Answer::ok(&view, Cache::No)
}

/// Why somebody's sessions are ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// For other moderators, and for whom it concerns in the copy of their data.
    reason: CaseNote,
}

/// End somebody's sessions
///
/// All of them, and their personal access tokens, at once: for an account that somebody else has got into. They are told by
/// mail, and can sign in again. Says how many were ended, those that had run out among them; once more, it is none.
#[utoipa::path(post, path = "/mod/accounts/{username}/revoke-sessions", tag = "moderation", params(("username" = String, Path)), request_body = Revocation, responses((status = 200, body = RevokedSessions)), security(("bearer" = [])))]
async fn revoke_sessions(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Body(new): Body<Revocation>,
) -> Result<Answer> {
    actor.may(RevokeSessions::AT_ALL)?;
    let tx = app.begin_as(&actor).await?;
    let account = found(tx.conn(), &username).await?;
    // Whatever they do at the moment is done first: a token that they make now is revoked.
    tx.queue(&decisions::account_queue(account.id)).await?;
    let rank = roles::powers(tx.conn(), account.id, app.now()).await?.rank();
    let permit = actor.may(RevokeSessions { account_id: account.id, rank })?;
    let ended = store::revoke_sessions(&app, &tx, &permit, new.reason).await?;
    let answer = Answer::ok(&ended, Cache::No)?;
    if ended.sessions + ended.tokens > 0 {
        let event = Event {
            kind: "sessions_revoked",
            subject_id: Some(account.id.0),
            data: json!(ended),
            ..actor.event()
        };
        events::record(&app, &tx, event).await?;
        let entry = audit::Entry {
            object: Some(Object::account(account.id)),
            data: json!(ended),
            ..actor.entry("revoke_sessions")
        };
        audit::record(&app, &tx, entry).await?;
        tx.commit().await?;
    }
    Ok(answer)
}

/// Something that happened with an account.
#[derive(Debug, Serialize, ToSchema)]
struct TimelineEntry {
    kind: TimelineKind,
    at: Timestamp,
    /// The post, report, case, action (also of a sanction) or note; null where it is the account itself.
    id: Option<Uuid>,
    /// What a report, a case or an action is about.
    subject: Option<Subject>,
    /// In which topic that is; of a sanction, where it holds, if not everywhere.
    topic_id: Option<TopicId>,
    /// More, by the kind.
    detail: Option<String>,
    /// What came of a report or a case.
    outcome: Option<String>,
    /// What a moderator wrote.
    text: Option<String>,
    /// Until when an action or a sanction holds, if it has an end.
    ends_at: Option<Timestamp>,
}

impl From<Happening> for TimelineEntry {
    fn from(row: Happening) -> Self {
        let of_account = matches!(
            row.kind,
            TimelineKind::Joined
                | TimelineKind::Renamed
                | TimelineKind::TrustLevelRaised
                | TimelineKind::SessionsRevoked
        );
        Self {
            kind: row.kind,
            at: row.at.into(),
            id: (!of_account).then_some(row.id),
            subject: row.subject_kind.zip(row.subject_id).map(|(kind, id)| Subject { kind, id }),
            topic_id: row.topic_id,
            detail: row.detail,
            outcome: row.outcome,
            text: row.text,
            ends_at: row.ends_at.map(Into::into),
        }
    }
}

/// Which part of a timeline is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TimelineQuery {
    /// Only what is of this kind.
    #[param(inline)]
    kind: Option<TimelineKind>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List what happened with somebody's account
///
/// The last first. For those who read the record; reports and cases for those who have `report.read`, without reports
/// about the reader.
#[utoipa::path(get, path = "/mod/accounts/{username}/timeline", tag = "moderation", params(("username" = String, Path), TimelineQuery), responses((status = 200, body = Page<TimelineEntry>)), security(("bearer" = [])))]
async fn list_timeline(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Query(query): Query<TimelineQuery>,
) -> Result<Answer> {
    actor.may(ReadAccountRecord)?;
    let account = found(&app.db, &username).await?;
    if actor.is(Some(account.id)) {
        return Err(Code::NotAllowed.error("GET /me/decisions says what concerns you."));
    }
    let of = Timeline {
        account_id: account.id,
        kind: query.kind,
        reader: actor.require()?.id,
        reads_reports: actor.has(Permission::ReportRead, Place::Site),
    };
    let list = format!("timeline/{of:?}");
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::timeline(&app.db, of, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.place()));
    let items: Vec<TimelineEntry> = page.items.into_iter().map(Into::into).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// How far back it is looked, 1 to 90 days: longer nothing of it is kept.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct DaysBack(u32);

impl TryFrom<u64> for DaysBack {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match u32::try_from(value) {
            Ok(days @ 1..=90) => Ok(Self(days)),
            _ => Err(Invalid::new("out_of_range", "From 1 to 90 days.")),
        }
    }
}

/// How far back it is looked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RelatedQuery {
    /// Days, 1 to 90; 30 where nothing is said.
    #[param(value_type = Option<u8>, minimum = 1, maximum = 90)]
    days: Option<DaysBack>,
}

/// That accounts share something. It is no proof that they are of one person.
#[derive(Debug, Serialize, ToSchema)]
struct SharedView {
    kind: SharedSignal,
    /// How many sessions of the other account share it; of registering it is one.
    times: i64,
}

/// An account that shares something with the one that was asked about.
#[derive(Debug, Serialize, ToSchema)]
struct RelatedAccount {
    account: Author,
    /// What they share, and never by which address.
    signals: Vec<SharedView>,
}

impl RelatedAccount {
    fn of(row: &Shared, account: Author) -> Self {
        let signals = [
            (SharedSignal::Address, row.addresses),
            (SharedSignal::Client, row.clients),
            (SharedSignal::SignUp, row.sign_ups),
        ];
        let signals = signals.into_iter().filter(|(_, times)| *times > 0);
        Self { account, signals: signals.map(|(kind, times)| SharedView { kind, times }).collect() }
    }
}

/// Accounts that share something with one.
#[derive(Debug, Serialize, ToSchema)]
struct RelatedAccounts {
    /// Those that share most first; a hundred at most.
    items: Vec<RelatedAccount>,
}

/// List accounts that belong together
///
/// Those that share an address, a client or the minute of registering with this one, by what is kept anyway. Takes
/// `pii.read` for the whole site, and of a session a recent proof of who one is. Each look is kept with its reason.
#[utoipa::path(get, path = "/mod/accounts/{username}/related", tag = "moderation", params(("username" = String, Path), ("Inspection-Reason" = String, Header, description = "Why, in 3 to 500 characters (UTF-8)"), RelatedQuery), responses((status = 200, body = RelatedAccounts)), security(("bearer" = [])))]
async fn list_related_accounts(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    reason: InspectionReason,
    Query(query): Query<RelatedQuery>,
) -> Result<Answer> {
    actor.may(ReadRelated::AT_ALL)?;
    actor.require_fresh(app.fresh_since())?;
    let tx = app.begin_as(&actor).await?;
    let account = found(tx.conn(), &username).await?;
    let permit = actor.may(ReadRelated { account_id: account.id })?;
    let reason = reason.read()?;
    let days = query.days.map_or(30, |days| days.0);
    let since = app.now() - TimeDelta::days(days.into());
    let rows = store::related(&app, &tx, &permit, since, reason).await?;
    let mut people = authors(tx.conn(), rows.iter().map(|row| row.account_id).collect()).await?;
    let items = rows.iter().filter_map(|row| Some(RelatedAccount::of(row, people.remove(&row.account_id)?)));
    let answer = Answer::ok(&RelatedAccounts { items: items.collect() }, Cache::No)?;
    let entry = audit::Entry {
        object: Some(Object::account(account.id)),
        data: json!({ "days": days }),
        ..actor.entry("read_related")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// The paths about people.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_account_record))
        .routes(routes!(revoke_sessions))
        .routes(routes!(list_timeline))
        .routes(routes!(list_related_accounts))
}
