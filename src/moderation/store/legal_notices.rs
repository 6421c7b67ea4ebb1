//! Notices that something is against the law: taking them, and telling what came of them.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

use super::cases::{Happened, case_or_open, count, standing};
use super::reports::{take_in, was_reviewed};
use super::subjects::Reported;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql};
use crate::decisions;
use crate::decisions::rules::LegalGround;
use crate::entity::{legal_notice, report};
use crate::error::{Error, Result};
use crate::ids::{AccountId, CaseId, LegalNoticeId, ReportId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::moderation::rules::notice::NoticeExplanation;
use crate::moderation::rules::weight::{Accuracy, weight};
use crate::moderation::rules::{CaseEventKind, ReportOutcome};
use crate::policy::NoticeGiver;

/// Who gave notice of something, as they say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::moderation) struct Contact {
    /// Their name.
    pub(in crate::moderation) name: String,
    /// Their mail address.
    pub(in crate::moderation) email: String,
}

/// What somebody gives notice of.
#[derive(Debug)]
pub(in crate::moderation) struct Notice {
    /// Which law it breaks.
    pub(in crate::moderation) legal_ground: LegalGround,
    /// Why.
    pub(in crate::moderation) explanation: NoticeExplanation,
    /// Whether it is about the sexual abuse of children.
    pub(in crate::moderation) is_child_abuse: bool,
    /// Who says so.
    pub(in crate::moderation) contact: Option<Contact>,
}

fn context(id: LegalNoticeId) -> String {
    format!("legal notice\0{id}")
}

/// Keeps a notice as a report of the case of its subject, which it makes where there is none, and opens again where it says
/// something new; and mails the receipt.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn file_notice(
    app: &App,
    tx: &Tx,
    giver: &NoticeGiver,
    reported: &Reported,
    notice: Notice,
) -> Result<legal_notice::Model> {
    let rule = decisions::rule(tx.conn(), "legal_ground", "illegal").await?;
    let happened = |kind| giver.by().map_or_else(|| Happened::by_itself(kind), |by| Happened::by(kind, by));
    let (mut case, is_new) = case_or_open(app, tx, reported, happened(CaseEventKind::Opened)).await?;
    let is_decided = standing(&case).is_decided();
    let is_settled = is_decided && was_reviewed(tx, &case, &rule.code, reported).await?;
    let now = app.now();
    let outcome = is_settled.then_some(ReportOutcome::AlreadyReviewed);
    // Whoever has an account finds what comes of it among their reports, unless they reported the same already.
    let reporter_id = match giver.by() {
        Some(by) if reports_now(tx, case.id, by, &rule.code).await? => None,
        by => by,
    };
    let row = report::Model {
        id: app.ids.next(),
        case_id: case.id,
        reporter_id,
        rule_code: rule.code,
        rule_version: rule.version,
        subject_revision: reported.revision,
        comment: notice.explanation.into(),
        // As of somebody whom nobody knows.
        weight: weight(0, false, Accuracy::default(), rule.severity),
        is_muted: false,
        rule_hit_id: None,
        outcome,
        created_at: now,
        closed_at: outcome.map(|_| now),
    };
    insert(tx, row.clone()).await?;
    let id = app.ids.next();
    let sealed_contact = match &notice.contact {
        Some(contact) => {
            let text = serde_json::to_vec(contact).map_err(Error::internal)?;
            Some(app.keys.seal(&context(id), text)?)
        }
        None => None,
    };
    let kept = legal_notice::Model {
        id,
        report_id: row.id,
        legal_ground: notice.legal_ground.to_string(),
        is_child_abuse: notice.is_child_abuse,
        sealed_contact,
        created_at: now,
        decided_at: None,
    };
    insert(tx, kept.clone()).await?;
    if !is_new {
        take_in(app, tx, &mut case, is_decided && !is_settled, happened).await?;
    }
    let case = count(app, tx, case).await?;
    if let Some(contact) = &notice.contact {
        let text = mail::notice_received(&id.to_string());
        mail::order_written(app, tx, MailKind::NoticeReceived, (&contact.email, text)).await?;
    }
    tell_notifiers(app, tx, case.id).await?;
    Ok(kept)
}

/// Whether somebody has an open report of a case by a rule.
async fn reports_now(tx: &Tx, case_id: CaseId, by: AccountId, rule_code: &str) -> Result<bool> {
    let open = report::Entity::find()
        .filter(report::Column::CaseId.eq(case_id))
        .filter(report::Column::ReporterId.eq(by))
        .filter(report::Column::RuleCode.eq(rule_code))
        .filter(report::Column::Outcome.is_null());
    Ok(open.one(tx.conn()).await?.is_some())
}

#[derive(FromQueryResult)]
struct Decided {
    id: LegalNoticeId,
    report_id: ReportId,
    sealed_contact: Option<Vec<u8>>,
    outcome: ReportOutcome,
    is_ours: bool,
}

/// Tells those by mail who gave notice of the subject of a case, which is locked, what came of it, as far as they do not know.
///
/// # Errors
/// The database is away.
pub(super) async fn tell_notifiers(app: &App, tx: &Tx, case_id: CaseId) -> Result<()> {
    let statement = "UPDATE legal_notice n SET decided_at = $2 FROM report r
         WHERE r.id = n.report_id AND r.case_id = $1 AND r.outcome IS NOT NULL
           AND (n.decided_at IS NULL OR n.decided_at < r.closed_at)
         RETURNING n.id, n.report_id, n.sealed_contact, r.outcome, r.reporter_id IS NOT NULL AS is_ours";
    let decided: Vec<Decided> = all(tx.conn(), sql(statement, [case_id.into(), app.now().into()])).await?;
    if decided.is_empty() {
        return Ok(());
    }
    let statement =
        "SELECT EXISTS (SELECT FROM mod_action WHERE case_id = $1 AND automation <> 'none') AS any";
    let automated: Option<Any> = one(tx.conn(), sql(statement, [case_id.into()])).await?;
    let is_automated = automated.is_some_and(|row| row.any);
    for row in decided {
        let Some(contact) = contact(app, row.id, row.sealed_contact.as_deref())? else { continue };
        let (id, report_id) = (row.id.to_string(), row.report_id.to_string());
        let report_id = row.is_ours.then_some(report_id.as_str());
        let text = mail::notice_decided(&id, said(row.outcome), is_automated, report_id);
        mail::order_written(app, tx, MailKind::NoticeDecided, (&contact.email, text)).await?;
    }
    Ok(())
}

/// What came of a notice, in a sentence.
fn said(outcome: ReportOutcome) -> &'static str {
    match outcome {
        ReportOutcome::Upheld => "It was found to be against the law or the rules of the site.",
        ReportOutcome::Rejected => "It was found not to be against the law: nothing was done.",
        ReportOutcome::Ignored => "There was nothing in it to decide: nothing was done.",
        ReportOutcome::Duplicate => "It is decided together with something else.",
        ReportOutcome::AlreadyReviewed => "The same had been looked into before, and was decided then.",
        ReportOutcome::Moot => "It is gone.",
    }
}

/// Who gave a notice, if that is known.
fn contact(app: &App, id: LegalNoticeId, sealed: Option<&[u8]>) -> Result<Option<Contact>> {
    let Some(sealed) = sealed else { return Ok(None) };
    let text = app.keys.open(&context(id), sealed)?;
    serde_json::from_slice(&text).map(Some).map_err(Error::internal)
}

/// The notices that reports are, with who gave them.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn notices_of(
    app: &App,
    db: &impl ConnectionTrait,
    reports: &[report::Model],
) -> Result<HashMap<ReportId, (legal_notice::Model, Option<Contact>)>> {
    let ids = reports.iter().map(|report| report.id);
    let rows = legal_notice::Entity::find().filter(legal_notice::Column::ReportId.is_in(ids)).all(db).await?;
    rows.into_iter()
        .map(|row| {
            let contact = contact(app, row.id, row.sealed_contact.as_deref())?;
            Ok((row.report_id, (row, contact)))
        })
        .collect()
}

#[derive(FromQueryResult)]
struct Any {
    any: bool,
}

/// Whether anybody gave notice that the subject of a case is against the law.
///
/// # Errors
/// The database is away.
pub(super) async fn was_noticed(tx: &Tx, case_id: CaseId) -> Result<bool> {
    let statement = "SELECT EXISTS (SELECT FROM legal_notice n JOIN report r ON r.id = n.report_id
                                    WHERE r.case_id = $1) AS any";
    let row: Option<Any> = one(tx.conn(), sql(statement, [case_id.into()])).await?;
    Ok(row.is_some_and(|row| row.any))
}

/// Forgets who gave notices that were decided long ago; says of how many.
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let before: Time = app.now() - TimeDelta::days(app.config.moderation.notice_contact_days.into());
    let statement = "UPDATE legal_notice SET sealed_contact = NULL WHERE id IN (
             SELECT id FROM legal_notice WHERE sealed_contact IS NOT NULL AND decided_at < $1 LIMIT 1000)";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}
