//! Appeals: making, taking back and deciding them.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::actions::{Hidden, Order, act, audit_actions, case_of_action, take_back, take_back_rules};
use super::cases::{Charge, Circumstances, Happened, count, go, last_decision, standing, tell};
use super::hits::Unentered;
use super::legal_notices::{Occasion, tell_appellant, tell_notifiers};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Object};
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, insert, one, sql, update};
use crate::decisions;
use crate::decisions::rules::ActionKind;
use crate::entity::{appeal, mod_action, moderation_case, report};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, ActionId, AppealId, CaseId, ReportId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::moderation::rules::appeal::{AppealOutcome, AppealReasons, AppealState, AppealText, appeal_until};
use crate::moderation::rules::{CaseEventKind, CaseOutcome, ReportOutcome};
use crate::policy::{Actor, Appeal, AppealByReceipt, DecideAppeal, Permit};

/// What somebody appeals against.
#[derive(Debug)]
pub(in crate::moderation) enum Against {
    /// Something that was done to them.
    Action(Box<mod_action::Model>),
    /// That nothing was done about what they reported.
    Report(report::Model),
}

impl Against {
    /// Whom it concerns.
    pub(in crate::moderation) fn concerned(&self) -> Option<AccountId> {
        match self {
            Self::Action(action) => Some(action.target_id),
            Self::Report(report) => report.reporter_id,
        }
    }

    /// The same as it is by now, under the lock of its case.
    async fn again(&self, tx: &Tx) -> Result<Self> {
        Ok(match self {
            Self::Action(action) => Self::Action(Box::new(decisions::find(tx.conn(), action.id).await?)),
            Self::Report(report) => {
                let found = report::Entity::find_by_id(report.id).one(tx.conn()).await?;
                Self::Report(found.ok_or_else(Error::not_found)?)
            }
        })
    }

    fn decided_at(&self) -> Result<Time> {
        match self {
            Self::Action(action) if action.kind == ActionKind::Revert => Err(Error::not_found()),
            Self::Action(action) => Ok(action.created_at),
            Self::Report(report) => match (report.outcome, report.closed_at) {
                (
                    Some(ReportOutcome::Rejected | ReportOutcome::Ignored | ReportOutcome::AlreadyReviewed),
                    Some(at),
                ) => Ok(at),
                _ => Err(Code::InvalidStateTransition.error(
                    "One appeals where a report was rejected or ignored, or the same had been reviewed before.",
                )),
            },
        }
    }
}

/// Who appeals.
#[derive(Debug, Clone, Copy)]
pub(in crate::moderation) enum Appellant<'a> {
    /// Somebody with an account.
    Account(&'a Permit<Appeal>),
    /// Somebody with the receipt of a notice, who need not have one.
    Notifier(&'a Permit<AppealByReceipt, ()>),
}

impl Appellant<'_> {
    /// Their account; of whoever has a receipt, that of whoever gave the notice, if they had one.
    fn account(self, against: &Against) -> Option<AccountId> {
        match self {
            Self::Account(permit) => Some(permit.by()),
            Self::Notifier(_) => against.concerned(),
        }
    }

    /// Whether this is what they may appeal against.
    fn may(self, against: &Against) -> bool {
        match (self, against) {
            (Self::Account(permit), _) => against.concerned() == Some(permit.by()),
            (Self::Notifier(permit), Against::Report(report)) => report.id == permit.act().report_id,
            (Self::Notifier(_), Against::Action(_)) => false,
        }
    }
}

/// Makes an appeal, and gives what is still to be entered in the audit log in the end: a rule's decision may be appealed against
/// before its case was opened, which is opened then.
///
/// # Errors
/// 409 where there was one, the time is over, or nothing is left to appeal against.
pub(in crate::moderation) async fn file_appeal(
    app: &App,
    tx: &Tx,
    appellant: Appellant<'_>,
    against: &Against,
    text: AppealText,
) -> Result<(appeal::Model, Unentered)> {
    if !appellant.may(against) {
        return Err(Error::not_found());
    }
    let (case_id, unentered) = match against {
        Against::Action(action) => case_of_action(app, tx, action).await?,
        Against::Report(report) => (report.case_id, Unentered::default()),
    };
    let mut case = super::find_for_update(tx, case_id).await?;
    let against = &against.again(tx).await?;
    let now = app.now();
    let decided_at = against.decided_at()?;
    if now >= appeal_until(decided_at, app.config.moderation.appeal_months) {
        let months = app.config.moderation.appeal_months;
        return Err(
            Code::AppealTooLate.error(format!("That is possible for {months} months after it was decided."))
        );
    }
    let (action_id, report_id) = match against {
        Against::Action(action) => (Some(action.id), None),
        Against::Report(report) => (None, Some(report.id)),
    };
    if let Some(id) = action_id
        && decisions::reverted_by(tx.conn(), &[id]).await?.contains_key(&id)
    {
        return Err(Code::InvalidStateTransition.error("It was taken back already."));
    }
    let decider_id = match against {
        Against::Action(action) if action.actor_id.is_some() => action.actor_id,
        // Whoever found right what a rule had done decided it.
        Against::Action(_) => last_decision(tx, case_id).await?.actor_id,
        Against::Report(report) => decider_of(tx, report).await?,
    };
    let row = appeal::Model {
        id: app.ids.next(),
        case_id,
        action_id,
        report_id,
        appellant_id: appellant.account(against),
        text: text.into(),
        state: AppealState::Open,
        decider_id,
        reviewer_id: None,
        outcome: None,
        reasons: String::new(),
        version: 1,
        created_at: now,
        closed_at: None,
    };
    let exists = || {
        Code::AppealExists.error("What is decided about an appeal stands; one that waits can be taken back.")
    };
    insert(tx, row.clone())
        .await
        .on_constraint("appeal_action_key", exists)
        .on_constraint("appeal_report_key", exists)?;
    let happened = Happened::appeal(CaseEventKind::Appealed, row.appellant_id, row.id);
    match standing(&case).appealed() {
        Some(appealed) => go(app, tx, &mut case, appealed, happened).await?,
        None => tell(app, tx, &case, happened, Some(case.state)).await?,
    }
    count(app, tx, case).await?;
    Ok((row, unentered))
}

#[derive(FromQueryResult)]
struct Reviewer {
    reviewer_id: Option<AccountId>,
}

/// Who decided what came of a report: whoever decided the appeal that changed it, or else its case.
async fn decider_of(tx: &Tx, report: &report::Model) -> Result<Option<AccountId>> {
    let statement = "SELECT reviewer_id FROM appeal
                     WHERE case_id = $1 AND state = 'decided' AND outcome <> 'upheld' AND closed_at = $2
                     ORDER BY id DESC LIMIT 1";
    let values = [report.case_id.into(), report.closed_at.into()];
    let changed: Option<Reviewer> = one(tx.conn(), sql(statement, values)).await?;
    match changed {
        Some(changed) => Ok(changed.reviewer_id),
        None => Ok(round_of_report(tx, report).await?.and_then(|round| round.actor_id)),
    }
}

/// From when on what was decided of a case held, and until when: when it was decided anew.
#[derive(Debug, FromQueryResult)]
struct Round {
    actor_id: Option<AccountId>,
    since: Time,
    until: Option<Time>,
}

macro_rules! round {
    ($which:literal) => {
        concat!(
            "SELECT e.actor_id, e.created_at AS since,
                    (SELECT min(n.created_at) FROM case_event n
                     WHERE n.case_id = e.case_id AND n.kind = 'resolved' AND n.seq > e.seq) AS until
             FROM case_event e WHERE e.case_id = $1 AND e.kind = 'resolved' AND ",
            $which,
            " LIMIT 1"
        )
    };
}

/// The round of decisions in which a report was closed.
async fn round_of_report(tx: &Tx, report: &report::Model) -> Result<Option<Round>> {
    let statement = round!("e.created_at <= $2 ORDER BY e.seq DESC");
    one(tx.conn(), sql(statement, [report.case_id.into(), report.closed_at.into()])).await
}

/// The round of decisions that an action belongs to: the one that it came before, or the one that stood when it was taken.
async fn round_of_action(tx: &Tx, case_id: CaseId, id: ActionId) -> Result<Option<Round>> {
    let statement = round!(
        "EXISTS (SELECT FROM case_event a WHERE a.case_id = e.case_id AND a.kind = 'acted' AND a.action_id = $2
                 AND CASE WHEN a.to_state IN ('resolved', 'appealed') THEN e.seq < a.seq ELSE e.seq > a.seq END)
         ORDER BY abs(e.seq - (SELECT min(a.seq) FROM case_event a WHERE a.case_id = e.case_id AND a.action_id = $2))"
    );
    one(tx.conn(), sql(statement, [case_id.into(), id.into()])).await
}

#[derive(FromQueryResult)]
struct Approver {
    approved_by: Option<AccountId>,
}

/// Who agreed to the bulk job that an action was part of, as the second person.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn approver_of(
    db: &impl ConnectionTrait,
    action: &mod_action::Model,
) -> Result<Option<AccountId>> {
    let Some(batch_id) = action.batch_id else { return Ok(None) };
    let statement = sql("SELECT approved_by FROM mod_job WHERE id = $1", [batch_id.into()]);
    let found: Option<Approver> = one(db, statement).await?;
    Ok(found.and_then(|job| job.approved_by))
}

/// Finds an appeal.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_appeal(
    db: &impl ConnectionTrait,
    id: AppealId,
) -> Result<appeal::Model> {
    appeal::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds an appeal with its case, and keeps others from changing either until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_appeal_for_update(
    tx: &Tx,
    id: AppealId,
) -> Result<(appeal::Model, moderation_case::Model)> {
    // The case first, as everybody takes them.
    let case = super::find_for_update(tx, find_appeal(tx.conn(), id).await?.case_id).await?;
    let found = appeal::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    Ok((found.ok_or_else(Error::not_found)?, case))
}

/// Takes an appeal back, which is locked with its case.
///
/// # Errors
/// 409 where it was decided.
pub(in crate::moderation) async fn withdraw_appeal(
    app: &App,
    tx: &Tx,
    permit: &Permit<Appeal>,
    (row, case): (appeal::Model, moderation_case::Model),
) -> Result<appeal::Model> {
    match row.state {
        AppealState::Open => {}
        AppealState::Withdrawn => return Ok(row),
        AppealState::Decided => return Err(Code::InvalidStateTransition.error("It was decided.")),
    }
    let id = row.id;
    let row = appeal::Model {
        state: AppealState::Withdrawn,
        closed_at: Some(app.now()),
        version: row.version + 1,
        ..row
    };
    update(tx, row.clone()).await?;
    let resolution = case.resolution.unwrap_or(CaseOutcome::Upheld);
    settle(
        app,
        tx,
        case,
        Happened::appeal(CaseEventKind::AppealWithdrawn, Some(permit.by()), id),
        resolution,
    )
    .await?;
    Ok(row)
}

#[derive(FromQueryResult)]
struct Waiting {
    waiting: i64,
}

/// Tells that an appeal was closed, and has the case stand decided where no other waits.
async fn settle(
    app: &App,
    tx: &Tx,
    mut case: moderation_case::Model,
    happened: Happened,
    resolution: CaseOutcome,
) -> Result<()> {
    let statement = "SELECT count(*) AS waiting FROM appeal WHERE case_id = $1 AND state = 'open'";
    let waiting: Option<Waiting> = one(tx.conn(), sql(statement, [case.id.into()])).await?;
    let is_last = waiting.is_none_or(|row| row.waiting == 0);
    match standing(&case).settled(resolution).filter(|_| is_last) {
        Some(settled) => go(app, tx, &mut case, settled, happened).await?,
        None => tell(app, tx, &case, happened, Some(case.state)).await?,
    }
    count(app, tx, case).await?;
    Ok(())
}

/// How an appeal is to be decided.
#[derive(Debug)]
pub(in crate::moderation) struct Verdict {
    /// What comes of it.
    pub(in crate::moderation) outcome: AppealOutcome,
    /// Why.
    pub(in crate::moderation) reasons: AppealReasons,
    /// What is done instead.
    pub(in crate::moderation) orders: Vec<Order>,
}

/// Decides an appeal, which is locked with its case. What was wrong is undone, with its strikes; what is done instead is
/// done; and whoever reported the subject finds another outcome, all at once.
///
/// # Errors
/// What the policy says; 409 where it was decided otherwise or withdrawn, or what is to be undone was changed since.
pub(in crate::moderation) async fn decide_appeal(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<DecideAppeal<'_>>,
    (mut case, circumstances): (moderation_case::Model, &Circumstances),
    verdict: Verdict,
) -> Result<appeal::Model> {
    let (row, now) = (permit.act().appeal.clone(), app.now());
    let Verdict { outcome, reasons, orders } = verdict;
    if row.state != AppealState::Open {
        return Err(Code::InvalidStateTransition.error("It was decided or taken back."));
    }
    let mut done = Vec::new();
    if outcome != AppealOutcome::Upheld
        && let Some(action) = row.action_id
    {
        let why = reasons.to_string();
        let action = decisions::find(tx.conn(), action).await?;
        done.push(take_back(app, tx, actor, (&mut case, circumstances), &action, why, None).await?);
    }
    if outcome == AppealOutcome::Overturned && row.action_id.is_some() && !people_stand(tx, case.id).await? {
        // What a rule had hidden before somebody found it right was wrong then as well.
        let what = (&mut case, circumstances);
        done.extend(take_back_rules(app, tx, actor, what, Hidden::AtAll).await?);
    }
    done.extend(act(app, tx, actor, (&mut case, circumstances), &orders, None).await?);
    let resolution = match (outcome, row.action_id) {
        (AppealOutcome::Upheld, _) => case.resolution.unwrap_or(CaseOutcome::Upheld),
        (AppealOutcome::Modified, _) | (_, None) => CaseOutcome::Upheld,
        // What else was done in the case and stands was not found wrong.
        (AppealOutcome::Overturned, Some(_)) if anything_stands(tx, case.id).await? => CaseOutcome::Upheld,
        (AppealOutcome::Overturned, Some(_)) => CaseOutcome::Rejected,
    };
    if outcome != AppealOutcome::Upheld {
        revise_reports(tx, &row, resolution, now).await?;
    }
    let row = appeal::Model {
        state: AppealState::Decided,
        outcome: Some(outcome),
        reviewer_id: Some(permit.by()),
        reasons: reasons.into(),
        version: row.version + 1,
        closed_at: Some(now),
        ..row
    };
    update(tx, row.clone()).await?;
    tell_appellant(app, tx, &row).await?;
    tell_notifiers(app, tx, case.id, Occasion::Appeal).await?;
    let happened = Happened::appeal(CaseEventKind::AppealDecided, Some(permit.by()), row.id);
    settle(app, tx, case, happened, resolution).await?;
    if let Some(appellant) = row.appellant_id {
        let appellant = accounts::require(tx.conn(), appellant).await?;
        mail::notify(app, tx, &appellant, MailKind::AppealDecided).await?;
    }
    let entry = audit::Entry {
        object: Some(Object::appeal(row.id)),
        data: serde_json::json!({ "outcome": outcome, "case_id": row.case_id }),
        ..actor.entry("decide_appeal")
    };
    audit_actions(app, tx, actor, &done).await?;
    audit::record(app, tx, entry).await?;
    Ok(row)
}

macro_rules! stands {
    ($which:literal) => {
        concat!(
            "SELECT count(*) AS waiting FROM mod_action a WHERE a.case_id = $1 AND a.kind <> 'revert'
               AND NOT EXISTS (SELECT FROM mod_action r WHERE r.reverts_id = a.id)",
            $which
        )
    };
}

/// Whether anything that was done in a case was not taken back.
async fn anything_stands(tx: &Tx, id: CaseId) -> Result<bool> {
    let standing: Option<Waiting> = one(tx.conn(), sql(stands!(""), [id.into()])).await?;
    Ok(standing.is_some_and(|row| row.waiting > 0))
}

/// Whether anything that people did in a case was not taken back.
async fn people_stand(tx: &Tx, id: CaseId) -> Result<bool> {
    let statement = stands!(" AND a.rule_hit_id IS NULL");
    let standing: Option<Waiting> = one(tx.conn(), sql(statement, [id.into()])).await?;
    Ok(standing.is_some_and(|row| row.waiting > 0))
}

/// Has the reports of a case that were decided in the same round as what an appeal is against say what came of them by now.
async fn revise_reports(tx: &Tx, appeal: &appeal::Model, resolution: CaseOutcome, now: Time) -> Result<()> {
    let (from, to) = match resolution {
        CaseOutcome::Rejected => (vec!["upheld"], "rejected"),
        CaseOutcome::Upheld => (vec!["rejected", "ignored", "already_reviewed"], "upheld"),
        _ => return Ok(()),
    };
    let round = match (appeal.action_id, appeal.report_id) {
        (Some(action), _) => round_of_action(tx, appeal.case_id, action).await?,
        (None, Some(report)) => match report::Entity::find_by_id(report).one(tx.conn()).await? {
            Some(report) => round_of_report(tx, &report).await?,
            None => None,
        },
        (None, None) => None,
    };
    let Some(Round { since, until, .. }) = round else { return Ok(()) };
    let from: Vec<String> = from.into_iter().map(str::to_owned).collect();
    // What weighed nothing, and was closed as it came, stays ignored.
    let statement = "UPDATE report SET outcome = $2, closed_at = $4 WHERE case_id = $1 AND outcome = ANY ($3)
                     AND closed_at >= $5 AND ($6::timestamptz IS NULL OR closed_at < $6)
                     AND NOT (is_muted AND outcome = 'ignored')";
    let values = [appeal.case_id.into(), to.into(), from.into(), now.into(), since.into(), until.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// The appeals that wait in the places that somebody is in charge of, those they may not decide among them, the oldest
/// first: those after one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_appeals(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    after: Option<AppealId>,
    limit: Limit,
) -> Result<Vec<appeal::Model>> {
    let statement = "SELECT p.* FROM appeal p JOIN moderation_case c ON c.id = p.case_id
         WHERE p.state = 'open' AND p.id > $5
           AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
           AND c.owner_id <> $4 AND p.appellant_id IS DISTINCT FROM $4
         ORDER BY p.id LIMIT $6";
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        reader.into(),
        after.unwrap_or(AppealId(Uuid::nil())).into(),
        limit.and_one().into(),
    ];
    Ok(appeal::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// The appeals that somebody made, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_own_appeals(
    db: &impl ConnectionTrait,
    own: AccountId,
    before: Option<AppealId>,
    limit: Limit,
) -> Result<Vec<appeal::Model>> {
    let rows = appeal::Entity::find()
        .filter(appeal::Column::AppellantId.eq(own))
        .filter(appeal::Column::Id.lt(before.unwrap_or(AppealId(Uuid::max()))))
        .order_by_desc(appeal::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// The appeals against actions that were not taken back.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn of_actions(
    db: &impl ConnectionTrait,
    ids: &[ActionId],
) -> Result<HashMap<ActionId, appeal::Model>> {
    let rows = appeal::Entity::find()
        .filter(appeal::Column::ActionId.is_in(ids.iter().copied()))
        .filter(appeal::Column::State.ne(AppealState::Withdrawn));
    Ok(rows.all(db).await?.into_iter().filter_map(|row| Some((row.action_id?, row))).collect())
}

/// The appeals about reports that were not taken back.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn of_reports(
    db: &impl ConnectionTrait,
    ids: &[ReportId],
) -> Result<HashMap<ReportId, appeal::Model>> {
    let rows = appeal::Entity::find()
        .filter(appeal::Column::ReportId.is_in(ids.iter().copied()))
        .filter(appeal::Column::State.ne(AppealState::Withdrawn));
    Ok(rows.all(db).await?.into_iter().filter_map(|row| Some((row.report_id?, row))).collect())
}
