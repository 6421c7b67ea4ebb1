//! Notices that something is against the law: taking them, and telling what came of them.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde::{Deserialize, Serialize};

use super::cases::{Happened, case_or_open, count, standing};
use super::reports::{insert_report, is_trusted, take_in, was_reviewed};
use super::subjects::Reported;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql};
use crate::decisions;
use crate::decisions::rules::LegalGround;
use crate::entity::{appeal, legal_notice, report};
use crate::error::{Error, Result};
use crate::ids::{AccountId, CaseId, LegalNoticeId, ReportId};
use crate::keys::{random, sha256};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::mail::{NoticeOutcome, Text};
use crate::moderation::rules::notice::{NoticeExplanation, ReceiptSecret};
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
/// something new; and mails the receipt. Its secret is told there and to whoever asks, and nowhere again.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn file_notice(
    app: &App,
    tx: &Tx,
    giver: &NoticeGiver,
    reported: &Reported,
    notice: Notice,
) -> Result<(legal_notice::Model, ReceiptSecret)> {
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
    let is_trusted = match giver.by() {
        Some(by) => is_trusted(tx, by, reported, now).await?,
        None => false,
    };
    let row = report::Model {
        id: app.ids.next(),
        case_id: case.id,
        reporter_id,
        rule_code: rule.code,
        rule_version: rule.version,
        subject_revision: reported.revision,
        comment: notice.explanation.into(),
        // But of a trusted flagger as of somebody whom nobody knows.
        weight: weight(0, is_trusted, Accuracy::default(), rule.severity),
        is_muted: false,
        is_trusted,
        rule_hit_id: None,
        outcome,
        created_at: now,
        closed_at: outcome.map(|_| now),
    };
    insert_report(tx, reported, row.clone()).await?;
    let id = app.ids.next();
    let sealed_contact = match &notice.contact {
        Some(contact) => {
            let text = serde_json::to_vec(contact).map_err(Error::internal)?;
            Some(app.keys.seal(&context(id), text)?)
        }
        None => None,
    };
    let secret = ReceiptSecret(random()?);
    let kept = legal_notice::Model {
        id,
        report_id: row.id,
        legal_ground: notice.legal_ground.to_string(),
        is_child_abuse: notice.is_child_abuse,
        sealed_contact,
        secret_hash: Some(sha256(&secret.0).to_vec()),
        created_at: now,
        decided_at: None,
    };
    insert(tx, kept.clone()).await?;
    if !is_new {
        take_in(app, tx, &mut case, is_decided && !is_settled, happened).await?;
    }
    let case = count(app, tx, case).await?;
    if let Some(contact) = &notice.contact {
        let text = mail::notice_received(&id.to_string(), &secret.expose());
        mail::order_written(app, tx, MailKind::NoticeReceived, (&contact.email, text)).await?;
    }
    tell_notifiers(app, tx, case.id, Occasion::Decision).await?;
    Ok((kept, secret))
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
    has_secret: bool,
    outcome: ReportOutcome,
    is_ours: bool,
}

/// After what somebody is told what came of their notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// It was decided.
    Decision,
    /// It was decided otherwise, after an appeal.
    Appeal,
}

/// The statement that notes that something came of notices, and gives what is told of it.
macro_rules! decided {
    ($which:literal) => {
        concat!(
            "UPDATE legal_notice n SET decided_at = $2 FROM report r
             WHERE r.id = n.report_id AND r.outcome IS NOT NULL AND ",
            $which,
            " RETURNING n.id, n.report_id, n.sealed_contact, n.secret_hash IS NOT NULL AS has_secret, r.outcome,
                       r.reporter_id IS NOT NULL AS is_ours"
        )
    };
}

/// Tells those by mail who gave notice of the subject of a case, which is locked, what came of it, as far as they do not know.
///
/// # Errors
/// The database is away.
pub(super) async fn tell_notifiers(app: &App, tx: &Tx, case_id: CaseId, occasion: Occasion) -> Result<()> {
    let statement = decided!("r.case_id = $1 AND (n.decided_at IS NULL OR n.decided_at < r.closed_at)");
    let decided: Vec<Decided> = all(tx.conn(), sql(statement, [case_id.into(), app.now().into()])).await?;
    if decided.is_empty() {
        return Ok(());
    }
    let is_automated = was_automated(tx, case_id).await?;
    for row in decided {
        tell_outcome(app, tx, row, (is_automated, occasion), None).await?;
    }
    Ok(())
}

/// Whether anything that was done in a case was found, or done, automatically.
async fn was_automated(tx: &Tx, case_id: CaseId) -> Result<bool> {
    let statement =
        "SELECT EXISTS (SELECT FROM mod_action WHERE case_id = $1 AND automation <> 'none') AS any";
    let automated: Option<Any> = one(tx.conn(), sql(statement, [case_id.into()])).await?;
    Ok(automated.is_some_and(|row| row.any))
}

/// Mails what came of a notice, with the reasons for what was decided about an appeal of whoever gave it; and how they appeal,
/// where they may.
async fn tell_outcome(
    app: &App,
    tx: &Tx,
    row: Decided,
    (is_automated, occasion): (bool, Occasion),
    reasons: Option<&str>,
) -> Result<()> {
    let Some(contact) = contact(app, row.id, row.sealed_contact.as_deref())? else { return Ok(()) };
    let is_refused = matches!(row.outcome, ReportOutcome::Rejected | ReportOutcome::Ignored);
    let operation = match (row.is_ours, row.has_secret) {
        _ if !is_refused || reasons.is_some() => None,
        (true, _) => Some(format!("/api/v1/reports/{}/appeal", row.report_id)),
        (false, true) => Some(format!("/api/v1/legal-notices/{}/appeal", row.id)),
        (false, false) => None,
    };
    let text: Text = mail::notice_decided(&NoticeOutcome {
        id: &row.id.to_string(),
        outcome: said(row.outcome),
        is_automated,
        after_appeal: occasion == Occasion::Appeal,
        reasons,
        appeal: operation.as_deref().map(|operation| (operation, !row.is_ours)),
        months: app.config.moderation.appeal_months,
    });
    mail::order_written(app, tx, MailKind::NoticeDecided, (&contact.email, text)).await
}

/// Tells whoever appealed by the receipt of their notice, and has no account to read it with, what was decided about that.
///
/// # Errors
/// The database is away.
pub(super) async fn tell_appellant(app: &App, tx: &Tx, appeal: &appeal::Model) -> Result<()> {
    let (None, Some(report_id)) = (appeal.appellant_id, appeal.report_id) else { return Ok(()) };
    let values = [report_id.into(), appeal.closed_at.into()];
    let decided: Option<Decided> = one(tx.conn(), sql(decided!("r.id = $1"), values)).await?;
    let Some(row) = decided else { return Ok(()) };
    let is_automated = was_automated(tx, appeal.case_id).await?;
    tell_outcome(app, tx, row, (is_automated, Occasion::Appeal), Some(&appeal.reasons)).await
}

/// Finds a notice, with the report that it is.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_notice(
    tx: &Tx,
    id: LegalNoticeId,
) -> Result<(legal_notice::Model, report::Model)> {
    let found = legal_notice::Entity::find_by_id(id).one(tx.conn()).await?.ok_or_else(Error::not_found)?;
    let report = report::Entity::find_by_id(found.report_id).one(tx.conn()).await?;
    Ok((found, report.ok_or_else(Error::not_found)?))
}

/// Which notices these reports are, as far as they are any.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn notice_ids(
    db: &impl ConnectionTrait,
    reports: Vec<ReportId>,
) -> Result<HashMap<ReportId, LegalNoticeId>> {
    let found = legal_notice::Entity::find().filter(legal_notice::Column::ReportId.is_in(reports));
    Ok(found.all(db).await?.into_iter().map(|row| (row.report_id, row.id)).collect())
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

/// Forgets who gave notices that were decided long ago, unless they appealed and are to be told; says of how many.
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let before: Time = app.now() - TimeDelta::days(app.config.moderation.notice_contact_days.into());
    let statement = "UPDATE legal_notice SET sealed_contact = NULL WHERE id IN (
             SELECT id FROM legal_notice n WHERE sealed_contact IS NOT NULL AND decided_at < $1
                AND NOT EXISTS (SELECT FROM appeal a WHERE a.report_id = n.report_id AND a.state = 'open')
             LIMIT 1000)";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}
