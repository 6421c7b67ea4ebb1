//! What moderation comes to, on the wire: the transparency report, statistics, the statements of reasons, and the audit log.

use std::collections::HashMap;

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::decisions::StatementOfReasons;
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit;
use crate::audit::rules::{Outcome, Word};
use crate::clock::{Time, Timestamp};
use crate::db::keyset;
use crate::entity::{audit_log, statement_of_reasons};
use crate::error::{Error, Result};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Cache, Query};
use crate::ids::{AccountId, ActionId, TopicId};
use crate::invalid::Invalid;
use crate::moderation::rules::agreement::{agreement, findings};
use crate::moderation::rules::period::Period;
use crate::moderation::store::{self, Backlog, Counts, Day, Duration, Stance};
use crate::policy::{Actor, Oversee, ReadAuditLog};
use crate::topics;

/// Which time is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeriodQuery {
    /// A year or a month, in UTC; this year where nothing is said.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
}

/// What moderation did in a year or a month. What came of things is what came of them by now.
#[derive(Debug, Serialize, ToSchema)]
struct TransparencyReport {
    #[schema(value_type = String)]
    period: Period,
    from: Timestamp,
    /// The first moment after it.
    to: Timestamp,
    /// Reports that people filed, by their outcome; notices among them.
    reports: Counts,
    /// How long it took until something came of those that were closed in it, without those that were closed the moment they
    /// came: what had been decided before, and what weighed nothing where all was decided.
    report_time: Duration,
    /// Notices that something is against the law, by their outcome.
    notices: Counts,
    /// How many of them are about the sexual abuse of children.
    notices_of_child_abuse: i64,
    /// How long those took that were decided in it, without those that were closed the moment they came.
    notice_time: Duration,
    /// Actions by kind, without those that took others back.
    actions: Counts,
    /// The same by the rule that was broken.
    actions_by_rule: Counts,
    /// The same by who acted: a person (`human`), a rule of automatic moderation (`rule`) or the server (`system`).
    actions_by_actor: Counts,
    /// The same by how what they are about was found.
    actions_by_source: Counts,
    /// Of the actions, those that were taken back, by who had acted.
    reverted_by_actor: Counts,
    /// Appeals that were filed, by their outcome, or state where they have none.
    appeals: Counts,
    /// How long those took that were decided in it.
    appeal_time: Duration,
}

/// Read the transparency report
///
/// Counted anew from what is kept, each time.
#[utoipa::path(get, path = "/transparency", tag = "moderation", params(PeriodQuery), responses((status = 200, body = TransparencyReport)), security((), ("bearer" = [])))]
async fn read_transparency_report(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PeriodQuery>,
) -> Result<Answer> {
    let period = query.period.unwrap_or_else(|| Period::year_of(app.now()));
    let (from, to) = period.span();
    let snapshot = app.snapshot().await?;
    let account = store::account_of(&snapshot, (from, to)).await?;
    let noticed = store::account_of_notices(&snapshot, (from, to)).await?;
    let report = TransparencyReport {
        period,
        from: from.into(),
        to: to.into(),
        reports: account.reports,
        report_time: account.report_time,
        notices: noticed.outcomes,
        notices_of_child_abuse: noticed.of_child_abuse,
        notice_time: noticed.time,
        actions: account.actions,
        actions_by_rule: account.actions_by_rule,
        actions_by_actor: account.actions_by_actor,
        actions_by_source: account.actions_by_source,
        reverted_by_actor: account.reverted_by_actor,
        appeals: account.appeals,
        appeal_time: account.appeal_time,
    };
    Answer::ok(&report, Cache::for_reader(&actor))
}

/// A statement of reasons as the transparency database of the European Union takes it.
#[derive(Debug, Serialize, ToSchema)]
struct FiledStatement {
    /// What it is known by there.
    puid: ActionId,
    #[serde(flatten)]
    statement: StatementOfReasons,
}

/// Which statements are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    /// A year or a month, in UTC; this year where nothing is said.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List statements of reasons
///
/// Of a year or a month, in the fields of the transparency database of the European Union, without whom they are to; not of
/// what restricts nobody, such as a warning.
#[utoipa::path(get, path = "/mod/transparency/statements", tag = "moderation", params(StatementQuery), responses((status = 200, body = Page<FiledStatement>)), security(("bearer" = [])))]
async fn list_statements(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<StatementQuery>,
) -> Result<Answer> {
    actor.may(Oversee)?;
    let period = query.period.unwrap_or_else(|| Period::year_of(app.now()));
    let list = format!("statements/{}", String::from(period));
    let after = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::statements(&app.db, period.span(), after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.action_id));
    let rules = store::rules_of_statements(&app.db, &page.items).await?;
    let filed = |row: statement_of_reasons::Model| {
        let rule = rules.get(&row.action_id).map(String::as_str);
        FiledStatement { puid: row.action_id, statement: StatementOfReasons::of(&app, row, rule) }
    };
    let items = page.items.into_iter().map(filed).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read what waits
///
/// How many cases and appeals, and for how long the oldest.
#[utoipa::path(get, path = "/mod/stats/live", tag = "moderation", responses((status = 200, body = Backlog)), security(("bearer" = [])))]
async fn read_backlog(State(app): State<App>, actor: Actor) -> Result<Answer> {
    actor.may(Oversee)?;
    Answer::ok(&store::backlog(&app.db, app.now()).await?, Cache::No)
}

/// How many days are counted, 1 to 366.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Days(i32);

impl TryFrom<u64> for Days {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(days @ 1..=366) => Ok(Self(days)),
            _ => Err(Invalid::new("out_of_range", "From 1 to 366 days.")),
        }
    }
}

/// How far back it is counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysQuery {
    /// Days, 1 to 366, today among them; 30 where nothing is said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 366)]
    days: Option<Days>,
}

/// What moderation did day by day.
#[derive(Debug, Serialize, ToSchema)]
struct DailyStatistics {
    /// The last first.
    items: Vec<Day>,
}

/// Read what moderation did day by day
#[utoipa::path(get, path = "/mod/stats/daily", tag = "moderation", params(DaysQuery), responses((status = 200, body = DailyStatistics)), security(("bearer" = [])))]
async fn read_daily(State(app): State<App>, actor: Actor, Query(query): Query<DaysQuery>) -> Result<Answer> {
    actor.may(Oversee)?;
    let days = query.days.map_or(30, |days| days.0);
    Answer::ok(&DailyStatistics { items: store::daily(&app.db, app.now(), days).await? }, Cache::No)
}

/// Which topic is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StanceQuery {
    /// The topic.
    topic: TopicId,
}

/// How those fared who argue for a scenario.
#[derive(Debug, Serialize, ToSchema)]
struct Stances {
    /// In the order of the scenarios.
    items: Vec<Stance>,
}

/// Read how each side is treated
///
/// Scenario by scenario of a topic: posts that make it likelier in their authors' view, and how many of them and of their
/// authors something was done about. Nothing is decided by this.
#[utoipa::path(get, path = "/mod/stats/stances", tag = "moderation", params(StanceQuery), responses((status = 200, body = Stances)), security(("bearer" = [])))]
async fn read_stances(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<StanceQuery>,
) -> Result<Answer> {
    actor.may(Oversee)?;
    let topic = topics::find(&app.db, &actor, &query.topic.to_string()).await?;
    Answer::ok(&Stances { items: store::stances(&app.db, topic.id).await? }, Cache::No)
}

/// How far people agree who decided the same thing. The second one knew what the first had decided, so it is more than it
/// would be had nobody known of the other.
#[derive(Debug, Serialize, ToSchema)]
struct AgreementView {
    /// Krippendorff's alpha for nominal data, of whether a rule was broken: 1 where they always agree, 0 where they do as
    /// often as by chance; null where nothing tells that apart.
    alpha: Option<f64>,
    /// Of a hundred pairs, how many found the same; null where there are none.
    percent: Option<f64>,
    /// Cases that two people decided or more. One that a report of something new opened again is another one from then on.
    cases: usize,
    /// Pairs of people who decided the same case.
    pairs: usize,
}

/// Read how far moderators agree
///
/// By the cases of which something was decided in these days, and that different people decided: again on appeal, or since
/// they were opened again by hand. What was ignored counts as no rule broken.
#[utoipa::path(get, path = "/mod/stats/agreement", tag = "moderation", params(DaysQuery), responses((status = 200, body = AgreementView)), security(("bearer" = [])))]
async fn read_agreement(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<DaysQuery>,
) -> Result<Answer> {
    actor.may(Oversee)?;
    let days = query.days.map_or(30, |days| days.0);
    let history = store::decided_again(&app.db, app.now() - TimeDelta::days(days.into())).await?;
    let found = agreement(&findings(&history));
    let rounded = |value: f64, to: f64| (value * to).round() / to;
    let view = AgreementView {
        alpha: found.alpha.map(|alpha| rounded(alpha, 1000.0)),
        percent: found.percent.map(|percent| rounded(percent, 100.0)),
        cases: found.units,
        pairs: found.pairs,
    };
    Answer::ok(&view, Cache::No)
}

/// Which entries are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only what this account did or tried.
    actor: Option<AccountId>,
    /// Only what has this verb, such as `sign_in`.
    #[param(value_type = Option<String>)]
    verb: Option<Word>,
    /// Only what is about a thing of this kind, such as `account`.
    #[param(value_type = Option<String>)]
    object_kind: Option<Word>,
    /// Only what is about this thing, of that kind.
    object_id: Option<Uuid>,
    /// Only what was from this moment on.
    from: Option<Timestamp>,
    /// Only what was before this moment.
    until: Option<Timestamp>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

impl AuditQuery {
    fn filter(&self) -> Result<audit::Filter> {
        if self.object_id.is_some() && self.object_kind.is_none() {
            return Err(Error::field("object_kind", "missing", "Say of what kind it is."));
        }
        let (from, until) = (self.from.map(Time::from), self.until.map(Time::from));
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            return Err(Error::field("until", "out_of_order", "It begins before it ends."));
        }
        Ok(audit::Filter {
            actor_id: self.actor,
            verb: self.verb.clone(),
            object_kind: self.object_kind.clone(),
            object_id: self.object_id,
            from,
            until,
        })
    }
}

/// What an entry is about.
#[derive(Debug, Serialize, ToSchema)]
struct AuditObject {
    kind: String,
    /// Null where it is a session.
    id: Option<Uuid>,
}

/// An entry of the audit log, without from where and in which session.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEntry {
    /// Its place, from 1 without gaps.
    seq: i64,
    at: Timestamp,
    /// Null where it is not known, or where the server or its operator acted.
    actor: Option<Author>,
    verb: String,
    object: Option<AuditObject>,
    /// Whether it was done, or tried and refused.
    outcome: Outcome,
    /// Further facts.
    #[schema(value_type = Object)]
    data: Value,
}

impl AuditEntry {
    fn of(row: audit_log::Model, people: &HashMap<AccountId, Author>) -> Self {
        let actor = row.actor_id.and_then(|id| people.get(&AccountId(id)).cloned());
        let id = row.object_id.filter(|_| row.object_kind.as_deref() != Some("session"));
        let mut data = row.data;
        // What was denied says which identifiers stood in the path.
        let of_sessions =
            data.get("route").and_then(Value::as_str).is_some_and(|route| route.contains("/sessions"));
        if of_sessions && let Some(fields) = data.as_object_mut() {
            fields.remove("ids");
        }
        Self {
            seq: row.seq,
            at: row.at.into(),
            actor,
            verb: row.verb,
            object: row.object_kind.map(|kind| AuditObject { kind, id }),
            outcome: row.outcome,
            data,
        }
    }
}

/// Read the audit log
///
/// The last entry first, with who did what. Takes `pii.read` for the whole site; each reading is an entry itself.
#[utoipa::path(get, path = "/mod/audit", tag = "moderation", params(AuditQuery), responses((status = 200, body = Page<AuditEntry>)), security(("bearer" = [])))]
async fn list_audit_entries(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<AuditQuery>,
) -> Result<Answer> {
    actor.may(ReadAuditLog)?;
    actor.require_fresh(app.fresh_since())?;
    let filter = query.filter()?;
    let list = format!("audit/{filter:?}");
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let tx = app.begin_as(&actor).await?;
    let rows = audit::list(tx.conn(), &filter, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.seq));
    let named = page.items.iter().filter_map(|row| row.actor_id.map(AccountId)).collect();
    let people = authors(tx.conn(), named).await?;
    let items: Vec<_> = page.items.into_iter().map(|row| AuditEntry::of(row, &people)).collect();
    let answer = Answer::ok(&Page { items, next: page.next }, Cache::No)?;
    // Words that somebody asks by are theirs, and the log has none of those.
    let data = json!({
        "actor_id": filter.actor_id, "object_id": filter.object_id,
        "from": query.from, "until": query.until, "before": before,
    });
    audit::record(&app, &tx, audit::Entry { data, ..actor.entry("read_audit_log") }).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Where checking begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// `next` of the answer before; from the first entry on where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 0, default = 0)]
    after: Seq,
}

/// A place in the audit log; 0 is before the first.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u64")]
struct Seq(i64);

impl TryFrom<u64> for Seq {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        i64::try_from(value).map(Self).map_err(|_| Invalid::new("out_of_range", "There is no such entry."))
    }
}

/// What is wrong with the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct FlawView {
    /// `missing`, `disconnected` or `changed` entries; `action_changed` or `action_missing` where what was done is not
    /// what an entry says.
    kind: String,
    /// The first entry that is not right; null where it is an action that does not agree with the log.
    seq: Option<i64>,
    /// The same in a sentence.
    detail: String,
}

/// What came of checking a part of the audit log.
#[derive(Debug, Serialize, ToSchema)]
struct AuditVerified {
    /// Whether nothing is wrong with it.
    verified: bool,
    /// The first entry that was looked at.
    from: i64,
    /// The last one that is right.
    to: i64,
    /// Where to go on: send it as `after`. Null at the end, or where something is wrong.
    next: Option<i64>,
    flaw: Option<FlawView>,
}

/// Entries that are checked for one request.
const CHECKED: u64 = 10_000;

/// Check the audit log
///
/// At most 10,000 entries: each continues the one before and is as it was written, and what moderators did is what it says.
/// Whether it was written anew as a whole, or cut off, only `otherwise audit verify` tells, by the checkpoints.
#[utoipa::path(get, path = "/mod/audit/verify", tag = "moderation", params(VerifyQuery), responses((status = 200, body = AuditVerified)), security(("bearer" = [])))]
async fn verify_audit_log(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<VerifyQuery>,
) -> Result<Answer> {
    actor.may(ReadAuditLog)?;
    let Seq(after) = query.after;
    let found = audit::verify_stretch(&app, after, CHECKED).await?;
    let verified = found.flaw.is_none();
    let flaw = found.flaw.map(|flaw| FlawView {
        kind: flaw.kind().to_owned(),
        seq: flaw.seq(),
        detail: flaw.to_string(),
    });
    let next = found.goes_on.then_some(found.to);
    let view = AuditVerified { verified, from: found.from, to: found.to, next, flaw };
    let answer = Answer::ok(&view, Cache::No)?;
    let data = json!({ "from": found.from, "to": found.to, "verified": verified });
    let tx = app.begin_as(&actor).await?;
    audit::record(&app, &tx, audit::Entry { data, ..actor.entry("verify_audit_log") }).await?;
    tx.commit().await?;
    Ok(answer)
}

/// The paths about what moderation comes to.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_transparency_report))
        .routes(routes!(list_statements))
        .routes(routes!(read_backlog))
        .routes(routes!(read_daily))
        .routes(routes!(read_stances))
        .routes(routes!(read_agreement))
        .routes(routes!(list_audit_entries))
        .routes(routes!(verify_audit_log))
}
