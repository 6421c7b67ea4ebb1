//! Reports: filing them, and what comes of them.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::cases::{Happened, case_or_open, count, stand, standing, tell};
use super::report_mutes::report_mute_of;
use super::subjects::{Reported, keep_version, subject_of, tags_of};
use crate::accounts::rules::Role;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql};
use crate::decisions::rules::Subject;
use crate::entity::{moderation_case, report};
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CaseId, ReportId};
use crate::moderation::rules::weight::{Accuracy, weight};
use crate::moderation::rules::{CaseEventKind, ReportOutcome, RuleCode};
use crate::policy::{Permit, ReportSubject};
use crate::roles::rules::{Permission, Place};
use crate::{accounts, decisions, roles};

/// Adds a report to the case of its subject, which it makes where there is none, and opens again where it says something
/// new; says whether it is another one. The same person reports a subject by one rule once at a time.
///
/// # Errors
/// 422 where there is no such rule.
pub(in crate::moderation) async fn file(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReportSubject>,
    reported: &Reported,
    rule_code: &RuleCode,
    comment: String,
) -> Result<(report::Model, bool)> {
    let rule = decisions::rule(tx.conn(), "rule", rule_code.as_str()).await?;
    let by = permit.by();
    let (mut case, is_new) = case_or_open(app, tx, reported, Happened::by(CaseEventKind::Opened, by)).await?;
    let theirs = report::Entity::find()
        .filter(report::Column::CaseId.eq(case.id))
        .filter(report::Column::ReporterId.eq(by))
        .filter(report::Column::RuleCode.eq(&rule.code))
        .filter(report::Column::Outcome.is_null());
    if let Some(open) = theirs.one(tx.conn()).await? {
        return Ok((open, false));
    }
    let author = accounts::require(tx.conn(), by).await?;
    let accuracy = accuracy(tx.conn(), by).await?;
    let is_decided = standing(&case).is_decided();
    let is_settled = is_decided && was_reviewed(tx, &case, &rule.code, reported).await?;
    let now = app.now();
    let is_muted = report_mute_of(tx.conn(), by, now).await?.is_some();
    // What weighs nothing opens nothing that was decided.
    let outcome = match is_decided {
        _ if is_settled => Some(ReportOutcome::AlreadyReviewed),
        true if is_muted => Some(ReportOutcome::Ignored),
        _ => None,
    };
    let is_trusted = is_trusted(tx, by, reported, now).await?;
    let comes_first = is_trusted || author.role != Role::Member;
    let row = report::Model {
        id: app.ids.next(),
        case_id: case.id,
        reporter_id: Some(by),
        rule_code: rule.code,
        rule_version: rule.version,
        subject_revision: reported.revision,
        comment,
        weight: if is_muted { 0 } else { weight(author.trust_level, comes_first, accuracy, rule.severity) },
        is_muted,
        is_trusted,
        outcome,
        created_at: now,
        closed_at: outcome.map(|_| now),
        rule_hit_id: None,
    };
    insert_report(tx, reported, row.clone()).await?;
    // The event that a new case begins with is its first report.
    if !is_new {
        let reopens = is_decided && outcome.is_none();
        take_in(app, tx, &mut case, reopens, |kind| Happened::by(kind, by)).await?;
    }
    count(app, tx, case).await?;
    Ok((row, true))
}

/// Adds a report, and keeps what its subject says in the version that it is about.
pub(super) async fn insert_report(tx: &Tx, reported: &Reported, row: report::Model) -> Result<()> {
    keep_version(tx, row.case_id, reported).await?;
    insert(tx, row).await
}

/// Whether somebody is a trusted flagger of what is somewhere.
pub(super) async fn is_trusted(tx: &Tx, by: AccountId, reported: &Reported, now: Time) -> Result<bool> {
    let powers = roles::powers(tx.conn(), by, now).await?;
    let tags = tags_of(tx.conn(), reported.topic_id).await?;
    let place = reported.topic_id.map_or(Place::Site, |id| Place::Topic { id, tags: &tags });
    Ok(powers.name(Permission::NoticeTrusted, place))
}

/// Tells that a case, which is locked, has another report; opens it again where that says something new.
pub(super) async fn take_in(
    app: &App,
    tx: &Tx,
    case: &mut moderation_case::Model,
    reopens: bool,
    happened: impl FnOnce(CaseEventKind) -> Happened,
) -> Result<()> {
    let from = case.state;
    if reopens {
        let to = standing(case).at(app.now()).reopened();
        stand(case, to, app.now());
        case.opened_at = app.now();
    }
    let kind = if reopens { CaseEventKind::Reopened } else { CaseEventKind::Reported };
    tell(app, tx, case, happened(kind), Some(from)).await
}

/// Whether the same was decided before: of this version of the subject, by this rule. What was muted was not looked at where it
/// was closed as soon as it came.
pub(super) async fn was_reviewed(
    tx: &Tx,
    case: &moderation_case::Model,
    rule_code: &str,
    reported: &Reported,
) -> Result<bool> {
    let decided = report::Entity::find()
        .filter(report::Column::CaseId.eq(case.id))
        .filter(report::Column::RuleCode.eq(rule_code))
        .filter(report::Column::SubjectRevision.eq(reported.revision))
        .filter(report::Column::Outcome.is_not_null())
        .filter(report::Column::IsMuted.eq(false));
    Ok(decided.one(tx.conn()).await?.is_some())
}

#[derive(FromQueryResult)]
struct AccuracyRow {
    upheld: i64,
    rejected: i64,
}

/// How often somebody's reports were right, as far as it was decided.
pub(in crate::moderation) async fn accuracy(
    db: &impl ConnectionTrait,
    reporter: AccountId,
) -> Result<Accuracy> {
    let statement = "SELECT count(*) FILTER (WHERE outcome = 'upheld') AS upheld,
                            count(*) FILTER (WHERE outcome = 'rejected') AS rejected
                     FROM report WHERE reporter_id = $1";
    let row: Option<AccuracyRow> = one(db, sql(statement, [reporter.into()])).await?;
    Ok(row.map(|AccuracyRow { upheld, rejected }| Accuracy { upheld, rejected }).unwrap_or_default())
}

/// Finds a report by whoever made it.
///
/// # Errors
/// 404 where there is none, or it is somebody else's.
pub(in crate::moderation) async fn find_own_report(
    db: &impl ConnectionTrait,
    id: ReportId,
    own: AccountId,
) -> Result<report::Model> {
    let found = report::Entity::find_by_id(id).filter(report::Column::ReporterId.eq(own));
    found.one(db).await?.ok_or_else(Error::not_found)
}

/// The reports that somebody made, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_own_reports(
    db: &impl ConnectionTrait,
    own: AccountId,
    before: Option<ReportId>,
    limit: Limit,
) -> Result<Vec<report::Model>> {
    let rows = report::Entity::find()
        .filter(report::Column::ReporterId.eq(own))
        .filter(report::Column::Id.lt(before.unwrap_or(ReportId(Uuid::max()))))
        .order_by_desc(report::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// What reports are about, by their cases.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn subjects(
    db: &impl ConnectionTrait,
    reports: &[report::Model],
) -> Result<HashMap<CaseId, Subject>> {
    let cases = moderation_case::Entity::find()
        .filter(moderation_case::Column::Id.is_in(reports.iter().map(|report| report.case_id)));
    Ok(cases.all(db).await?.iter().map(|case| (case.id, subject_of(case))).collect())
}
