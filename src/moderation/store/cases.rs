//! Cases: where they stand, what happens to them, and whose turn it is.

use chrono::TimeDelta;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::legal_notices::{Occasion, tell_notifiers};
use super::subjects::{Reported, tags_of};
use crate::accounts::rules::Role;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql, update};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::{case_event, case_queue, moderation_case, report};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, ActionId, AppealId, CaseId, PostId, QueueId, TopicId};
use crate::moderation::rules::case::{Move, Standing};
use crate::moderation::rules::weight::priority;
use crate::moderation::rules::{CaseEventKind, CaseNote, CaseState, ReportOutcome};
use crate::policy::{DecideCase, Permit};
use crate::roles;
use crate::roles::rules::{Permission, Place, Powers};

/// The case of a subject, which nobody else changes until the transaction ends.
pub(super) async fn case_of(tx: &Tx, subject: Subject) -> Result<Option<moderation_case::Model>> {
    let column = match subject.kind {
        SubjectKind::Post => moderation_case::Column::SubjectPostId,
        SubjectKind::Topic => moderation_case::Column::SubjectTopicId,
        SubjectKind::Account => moderation_case::Column::SubjectAccountId,
    };
    let found = moderation_case::Entity::find().filter(column.eq(subject.id)).lock_exclusive();
    Ok(found.one(tx.conn()).await?)
}

/// The case of a subject, which nobody else changes until the transaction ends; it is opened with this event where there is
/// none, and whether it was is told. Of several who come to a subject at once the first makes its case.
pub(super) async fn case_or_open(
    app: &App,
    tx: &Tx,
    reported: &Reported,
    opened: Happened,
) -> Result<(moderation_case::Model, bool)> {
    tx.queue(&format!("report {}", reported.subject.id)).await?;
    Ok(match case_of(tx, reported.subject).await? {
        Some(case) => (case, false),
        None => (open(app, tx, reported, opened).await?, true),
    })
}

/// Makes a case, with the event that it begins with.
async fn open(app: &App, tx: &Tx, reported: &Reported, opened: Happened) -> Result<moderation_case::Model> {
    let row = new_case(app, reported, app.ids.next());
    insert(tx, row.clone()).await?;
    tell(app, tx, &row, opened, None).await?;
    Ok(row)
}

/// A case as it is when it is opened.
pub(super) fn new_case(app: &App, reported: &Reported, id: CaseId) -> moderation_case::Model {
    let Reported { subject, topic_id, owner_id, .. } = reported;
    let when = |kind| (subject.kind == kind).then_some(subject.id);
    let now = app.now();
    moderation_case::Model {
        id,
        subject_kind: subject.kind,
        subject_post_id: when(SubjectKind::Post).map(PostId),
        subject_topic_id: when(SubjectKind::Topic).map(TopicId),
        subject_account_id: when(SubjectKind::Account).map(AccountId),
        topic_id: *topic_id,
        owner_id: *owner_id,
        state: CaseState::Open,
        is_escalated: false,
        assignee_id: None,
        claim_expires_at: None,
        resolution: None,
        resolved_at: None,
        muted_until: None,
        merged_into_id: None,
        tags: Vec::new(),
        report_count: 0,
        reporter_count: 0,
        score: 0,
        priority: 0,
        version: 1,
        opened_at: now,
        updated_at: now,
    }
}

#[derive(FromQueryResult)]
struct OpenReports {
    reports: i32,
    reporters: i32,
    score: i32,
}

/// Keeps a case, which is locked, with what its open reports come to.
pub(super) async fn count(
    app: &App,
    tx: &Tx,
    mut case: moderation_case::Model,
) -> Result<moderation_case::Model> {
    // Whoever finds several rules broken weighs as much as by the gravest of them; rules of automatic moderation do so
    // all together, and are nobody.
    let statement = "SELECT coalesce(sum(reports), 0)::integer AS reports, count(reporter)::integer AS reporters,
                            least(coalesce(sum(weight), 0), 2000000000)::integer AS score
                     FROM (SELECT reporter, count(*) AS reports, max(weight)::bigint AS weight
                           FROM report CROSS JOIN LATERAL
                                (SELECT CASE WHEN rule_hit_id IS NULL THEN coalesce(reporter_id, id) END AS reporter) by
                           WHERE case_id = $1 AND outcome IS NULL AND NOT is_muted GROUP BY reporter) r";
    let open: Option<OpenReports> = one(tx.conn(), sql(statement, [case.id.into()])).await?;
    let Some(OpenReports { reports, reporters, score }) = open else { return Ok(case) };
    let half = i32::try_from(app.config.moderation.half_priority_weight).unwrap_or(i32::MAX);
    (case.report_count, case.reporter_count, case.score) = (reports, reporters, score);
    case.priority = priority(score, half);
    case.version += 1;
    case.updated_at = app.now();
    update(tx, case.clone()).await?;
    Ok(case)
}

/// What happened to a case.
pub(super) struct Happened {
    kind: CaseEventKind,
    by: Option<AccountId>,
    note: String,
    action_id: Option<ActionId>,
    appeal_id: Option<AppealId>,
    related_case_id: Option<CaseId>,
    batch_id: Option<Uuid>,
    /// What its reports find came of it, where that is another thing than what came of the case.
    finding: Option<ReportOutcome>,
}

impl Happened {
    /// By somebody, who said nothing about it.
    pub(super) fn by(kind: CaseEventKind, by: AccountId) -> Self {
        Self { by: Some(by), ..Self::by_itself(kind) }
    }

    /// By nobody.
    pub(super) fn by_itself(kind: CaseEventKind) -> Self {
        Self {
            kind,
            by: None,
            note: String::new(),
            action_id: None,
            appeal_id: None,
            related_case_id: None,
            batch_id: None,
            finding: None,
        }
    }

    /// By somebody, who said this about it.
    pub(super) fn noted(kind: CaseEventKind, by: AccountId, note: CaseNote) -> Self {
        Self { note: note.into(), ..Self::by(kind, by) }
    }

    /// It was merged into another case, or taken out of it.
    pub(super) fn related(self, case_id: Option<CaseId>) -> Self {
        Self { related_case_id: case_id, ..self }
    }

    /// By a rule, with what is to be said about it.
    pub(super) fn by_rule(kind: CaseEventKind, note: String) -> Self {
        Self { note, ..Self::by_itself(kind) }
    }

    /// Something was done to the subject.
    pub(super) fn acted(by: Option<AccountId>, action_id: ActionId) -> Self {
        Self { by, action_id: Some(action_id), ..Self::by_itself(CaseEventKind::Acted) }
    }

    /// An appeal was made, taken back or decided.
    pub(super) fn appeal(kind: CaseEventKind, by: Option<AccountId>, appeal_id: AppealId) -> Self {
        Self { by, appeal_id: Some(appeal_id), ..Self::by_itself(kind) }
    }
}

/// What that is in the log of events, and to what, where it belongs there: said in this one place, what happens by itself is
/// not missing.
fn event(
    kind: CaseEventKind,
    case: CaseId,
    appeal: Option<AppealId>,
) -> Option<(&'static str, Option<Uuid>)> {
    let of_appeal = appeal.map(|id| id.0);
    Some(match kind {
        CaseEventKind::Opened => ("case_opened", Some(case.0)),
        CaseEventKind::Reopened => ("case_reopened", Some(case.0)),
        CaseEventKind::Resolved => ("case_resolved", Some(case.0)),
        CaseEventKind::Appealed => ("appeal_filed", of_appeal),
        CaseEventKind::AppealDecided => ("appeal_decided", of_appeal),
        _ => return None,
    })
}

/// Adds to the history of a case, which is locked, and stands where this took it; and to the log of events.
pub(super) async fn tell(
    app: &App,
    tx: &Tx,
    case: &moderation_case::Model,
    Happened { kind, by, note, action_id, appeal_id, related_case_id, batch_id, finding: _ }: Happened,
    from_state: Option<CaseState>,
) -> Result<()> {
    let last = case_event::Entity::find()
        .filter(case_event::Column::CaseId.eq(case.id))
        .order_by_desc(case_event::Column::Seq)
        .one(tx.conn())
        .await?;
    let row = case_event::Model {
        case_id: case.id,
        seq: last.map_or(1, |last| last.seq + 1),
        kind,
        actor_id: by,
        from_state,
        to_state: case.state,
        resolution: case.resolution.filter(|_| kind == CaseEventKind::Resolved),
        note,
        action_id,
        appeal_id,
        muted_until: case.muted_until.filter(|_| kind == CaseEventKind::Muted),
        related_case_id,
        tags: Some(case.tags.clone()).filter(|_| kind == CaseEventKind::Tagged),
        batch_id,
        created_at: app.now(),
    };
    insert(tx, row).await?;
    let Some((kind, subject_id)) = event(kind, case.id, appeal_id) else { return Ok(()) };
    events::record(app, tx, Event { kind, actor_id: by, subject_id, ..Event::default() }).await
}

/// Has a case, which is locked, go somewhere else, and tells of it; where it is resolved, its reports are closed.
pub(super) async fn go(
    app: &App,
    tx: &Tx,
    case: &mut moderation_case::Model,
    to: Standing,
    happened: Happened,
) -> Result<()> {
    let (from, finding) = (case.state, happened.finding);
    stand(case, to, app.now());
    tell(app, tx, case, happened, Some(from)).await?;
    if let Some(outcome) = to.resolution.filter(|_| to.state == CaseState::Resolved) {
        close_reports(tx, case.id, finding.unwrap_or(outcome.into()), app.now()).await?;
        tell_notifiers(app, tx, case.id, Occasion::Decision).await?;
    }
    Ok(())
}

/// Ends a claim of a case, which is locked, that has run out.
pub(super) async fn lapse(app: &App, tx: &Tx, case: &mut moderation_case::Model) -> Result<()> {
    let stored = standing(case);
    let present = stored.at(app.now());
    // Not to be muted any more is nothing that happens.
    if present.claim == stored.claim {
        return Ok(());
    }
    go(app, tx, case, present, Happened::by_itself(CaseEventKind::Lapsed)).await
}

/// Where a row stands, apart from a claim that has run out.
pub(in crate::moderation) fn standing(case: &moderation_case::Model) -> Standing {
    Standing {
        state: case.state,
        is_escalated: case.is_escalated,
        claim: case.assignee_id.zip(case.claim_expires_at),
        resolution: case.resolution,
        muted_until: case.muted_until,
    }
}

/// Has a row stand somewhere from now on.
pub(super) fn stand(case: &mut moderation_case::Model, standing: Standing, now: Time) {
    let was_decided = self::standing(case).is_decided();
    let Standing { state, is_escalated, claim, resolution, muted_until } = standing;
    (case.state, case.is_escalated, case.resolution) = (state, is_escalated, resolution);
    (case.assignee_id, case.claim_expires_at) = claim.unzip();
    case.muted_until = muted_until;
    // What is appealed against was decided when it was.
    case.resolved_at = resolution.map(|_| case.resolved_at.filter(|_| was_decided).unwrap_or(now));
}

/// Until when somebody has a case that they claim now.
pub(in crate::moderation) fn claimed_until(app: &App) -> Time {
    app.now() + TimeDelta::minutes(app.config.moderation.claim_minutes.into())
}

/// What is said of a move, and what it is part of.
#[derive(Debug, Clone, Default)]
pub(in crate::moderation) struct Said {
    /// To other moderators.
    pub(in crate::moderation) note: Option<CaseNote>,
    /// The bulk job that it is part of.
    pub(in crate::moderation) batch_id: Option<Uuid>,
    /// What its reports find came of it, where that is what came of the case that decides it.
    pub(in crate::moderation) finding: Option<ReportOutcome>,
}

/// Has a case, which is locked, go where a move takes it that was found to be one.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn take(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideCase<'_>>,
    (act, to): (Move, Standing),
    Said { note, batch_id, finding }: Said,
) -> Result<moderation_case::Model> {
    let mut case = permit.act().case.clone();
    lapse(app, tx, &mut case).await?;
    if act == Move::Reopen {
        open_reports(tx, &case).await?;
        case.opened_at = app.now();
    }
    if case.state == CaseState::Claimed && matches!(act, Move::Claim(_)) {
        // Who goes on with what they have has not done anything to it.
        stand(&mut case, to, app.now());
    } else {
        let note = note.map_or_else(String::new, Into::into);
        let happened = Happened { note, batch_id, finding, ..Happened::by(act.event(), permit.by()) };
        go(app, tx, &mut case, to, happened).await?;
    }
    count(app, tx, case).await
}

async fn close_reports(tx: &Tx, id: CaseId, outcome: ReportOutcome, now: Time) -> Result<()> {
    let statement = "UPDATE report SET outcome = $2, closed_at = $3 WHERE case_id = $1 AND outcome IS NULL";
    let outcome: sea_orm::Value = outcome.to_value().into();
    tx.conn().execute_raw(sql(statement, [id.into(), outcome, now.into()])).await?;
    Ok(())
}

/// Opens the reports of a case again that were closed when it was decided last, unless their author has made the same anew.
/// Those of one that another case decided had found what came of that.
async fn open_reports(tx: &Tx, case: &moderation_case::Model) -> Result<()> {
    let statement = "UPDATE report r SET outcome = NULL, closed_at = NULL
                     WHERE r.case_id = $1 AND r.closed_at >= $3
                       AND (r.outcome = $2 OR ($2 = 'duplicate' AND r.outcome IN ('upheld', 'rejected', 'ignored')))
                       AND NOT EXISTS (SELECT FROM report o WHERE o.case_id = r.case_id AND o.reporter_id = r.reporter_id
                                       AND o.rule_code = r.rule_code AND o.id > r.id
                                       AND (o.outcome IS NULL OR (o.outcome = r.outcome AND o.closed_at >= $3)))";
    let outcome = case.resolution.map(ReportOutcome::from).as_ref().map(ActiveEnum::to_value);
    let values = [case.id.into(), outcome.into(), case.resolved_at.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Who decided a case last, and as part of which bulk job.
#[derive(Debug, Default, FromQueryResult)]
pub(in crate::moderation) struct Decision {
    pub(in crate::moderation) actor_id: Option<AccountId>,
    pub(super) batch_id: Option<Uuid>,
}

/// Who decided a case last; nobody where nobody has.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn last_decision(tx: &Tx, id: CaseId) -> Result<Decision> {
    let statement = "SELECT actor_id, batch_id FROM case_event WHERE case_id = $1 AND kind = 'resolved'
                     ORDER BY seq DESC LIMIT 1";
    Ok(one(tx.conn(), sql(statement, [id.into()])).await?.unwrap_or_default())
}

/// Finds a case and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_for_update(tx: &Tx, id: CaseId) -> Result<moderation_case::Model> {
    let found = moderation_case::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Finds a case, whoever asks.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find(
    db: &impl ConnectionTrait,
    id: CaseId,
) -> Result<moderation_case::Model> {
    moderation_case::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// What decides who may do something with a case, besides the case.
#[derive(Debug)]
pub(in crate::moderation) struct Circumstances {
    /// The tags of its topic, by which moderators may be in charge of it.
    pub(in crate::moderation) tags: Vec<String>,
    pub(super) owner_rank: Role,
    pub(super) is_reporter: bool,
}

impl Circumstances {
    /// To decide the case, for the policy.
    pub(in crate::moderation) fn decide<'a>(&'a self, case: &'a moderation_case::Model) -> DecideCase<'a> {
        let Self { tags, owner_rank, is_reporter } = self;
        DecideCase { case, tags, owner_rank: *owner_rank, is_reporter: *is_reporter }
    }
}

/// The circumstances in which somebody asks for a case.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn circumstances(
    db: &impl ConnectionTrait,
    case: &moderation_case::Model,
    by: AccountId,
    now: Time,
) -> Result<Circumstances> {
    Ok(Circumstances {
        tags: tags_of(db, case.topic_id).await?,
        owner_rank: roles::powers(db, case.owner_id, now).await?.rank(),
        is_reporter: has_reported(db, case.id, by).await?,
    })
}

/// Whether somebody has ever reported the subject of a case.
///
/// # Errors
/// The database is away.
pub(super) async fn has_reported(db: &impl ConnectionTrait, id: CaseId, who: AccountId) -> Result<bool> {
    let theirs = report::Entity::find()
        .filter(report::Column::CaseId.eq(id))
        .filter(report::Column::ReporterId.eq(who));
    Ok(theirs.one(db).await?.is_some())
}

/// Where somebody is in charge: everywhere, or within topics and tags.
#[derive(Debug, Clone)]
pub(in crate::moderation) struct Charge {
    pub(super) everywhere: bool,
    pub(super) topics: Vec<Uuid>,
    pub(super) tags: Vec<String>,
}

impl Charge {
    /// Everywhere.
    pub(in crate::moderation) const EVERYWHERE: Self =
        Self { everywhere: true, topics: Vec::new(), tags: Vec::new() };

    /// Where these powers include a permission.
    pub(in crate::moderation) fn of(powers: &Powers, permission: Permission) -> Self {
        let (topics, tags) = powers.scopes_of(permission);
        Self {
            everywhere: powers.include(permission, Place::Site),
            topics: topics.into_iter().map(|id| id.0).collect(),
            tags,
        }
    }
}

/// In which order cases are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::moderation) enum CaseOrder {
    /// The most urgent first. A case whose urgency changes while the list is walked may come twice, or not at all.
    #[default]
    Urgent,
    /// The one whose subject was reported last for the first time first.
    New,
    /// The same the other way round.
    Old,
}

/// Which cases are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::moderation) struct Listed {
    /// In which order.
    pub(in crate::moderation) order: CaseOrder,
    /// Those of this queue, if one is named.
    pub(in crate::moderation) queue: Option<QueueId>,
    /// Those in this state at the moment, if any is named.
    pub(in crate::moderation) state: Option<CaseState>,
    /// Those about this kind of subject, if any is named.
    pub(in crate::moderation) subject_kind: Option<SubjectKind>,
    /// Those that somebody has claimed, if anybody is named.
    pub(in crate::moderation) assignee: Option<AccountId>,
    /// Those at least so urgent.
    pub(in crate::moderation) priority_min: i16,
    /// Those that have this tag, if one is named.
    pub(in crate::moderation) tag: Option<String>,
    /// Those that were reported by this rule, if one is named.
    pub(in crate::moderation) rule: Option<String>,
    /// Those that somebody has reported, if anybody is named.
    pub(in crate::moderation) reporter: Option<AccountId>,
    /// Those about what belongs to somebody, if anybody is named.
    pub(in crate::moderation) author: Option<AccountId>,
    /// Those that were opened before a moment, if one is named.
    pub(in crate::moderation) opened_before: Option<Time>,
    /// Those that wait to be decided.
    pub(in crate::moderation) undecided: bool,
    /// Those that are left out of the queue, in place of those that are not.
    pub(in crate::moderation) muted: bool,
}

macro_rules! cases_by {
    ($order:literal) => {
        concat!(
            // A claim that has run out is none, so the state is that of the moment.
            "SELECT c.* FROM moderation_case c
             CROSS JOIN LATERAL (SELECT CASE WHEN c.state = 'claimed' AND c.claim_expires_at <= $8
                 THEN CASE WHEN c.is_escalated THEN 'escalated' ELSE 'open' END ELSE c.state END AS state) now
             LEFT JOIN case_queue q ON q.id = $19
             WHERE ($1 OR c.topic_id = ANY ($2) OR EXISTS
                    (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
               AND ($4::text IS NULL OR now.state = $4) AND ($5::text IS NULL OR c.subject_kind = $5)
               AND ($6::uuid IS NULL OR (c.assignee_id = $6 AND now.state = 'claimed'))
               AND c.owner_id <> $11
               AND (coalesce(c.muted_until, $8) > $8) = $12 AND c.priority >= $13
               AND ($14::text IS NULL OR EXISTS
                    (SELECT FROM report r WHERE r.case_id = c.id AND r.rule_code = $14))
               AND ($15::uuid IS NULL OR EXISTS
                    (SELECT FROM report r WHERE r.case_id = c.id AND r.reporter_id = $15))
               AND ($16::uuid IS NULL OR c.owner_id = $16) AND ($17::timestamptz IS NULL OR c.opened_at < $17)
               AND (NOT $18 OR c.state NOT IN ('resolved', 'appealed'))
               AND ($19::uuid IS NULL OR case_is_in_queue(c, q))
               AND ($20::text IS NULL OR c.tags @> ARRAY[$20])
               AND ($10::uuid IS NULL OR ",
            $order,
            " LIMIT $7"
        )
    };
}

/// The cases that somebody is in charge of, without those about themselves: those after one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    listed: Listed,
    after: Option<(i16, CaseId)>,
    (limit, now): (Limit, Time),
) -> Result<Vec<moderation_case::Model>> {
    let statement = match listed.order {
        CaseOrder::Urgent => {
            cases_by!("(c.priority, c.id) < ($9::smallint, $10)) ORDER BY c.priority DESC, c.id DESC")
        }
        CaseOrder::New => {
            cases_by!("(c.id < $10 AND $9::smallint IS NOT NULL)) ORDER BY c.id DESC")
        }
        CaseOrder::Old => {
            cases_by!("(c.id > $10 AND $9::smallint IS NOT NULL)) ORDER BY c.id")
        }
    };
    let text = |value: Option<String>| -> sea_orm::Value { value.into() };
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        text(listed.state.as_ref().map(ActiveEnum::to_value)),
        text(listed.subject_kind.as_ref().map(ActiveEnum::to_value)),
        listed.assignee.into(),
        limit.and_one().into(),
        now.into(),
        after.map(|(priority, _)| priority).into(),
        after.map(|(_, id)| id).into(),
        reader.into(),
        listed.muted.into(),
        listed.priority_min.into(),
        listed.rule.into(),
        listed.reporter.into(),
        listed.author.into(),
        listed.opened_before.into(),
        listed.undecided.into(),
        listed.queue.into(),
        listed.tag.into(),
    ];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// So many of the cases that somebody could be given next are looked at together: more than anybody else can be about to claim
/// at the moment, as each of them needs a connection to the database.
const CANDIDATES: i64 = 50;

/// Finds the most urgent case that waits, and that somebody may decide, and locks it; what others are about to claim is
/// passed over, so however many ask at once, no two find the same. A claim that has run out is ended first. Where a queue is
/// named, only its cases are looked at.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn next(
    app: &App,
    tx: &Tx,
    (by, powers): (AccountId, &Powers),
    queue: Option<&case_queue::Model>,
) -> Result<Option<moderation_case::Model>> {
    let now = app.now();
    let lapsed = "SELECT * FROM moderation_case WHERE state = 'claimed' AND claim_expires_at <= $1
                  ORDER BY claim_expires_at LIMIT 10 FOR UPDATE SKIP LOCKED";
    let lapsed = moderation_case::Entity::find().from_raw_sql(sql(lapsed, [now.into()]));
    for mut case in lapsed.all(tx.conn()).await? {
        lapse(app, tx, &mut case).await?;
        count(app, tx, case).await?;
    }
    let candidates = async |state, permission| {
        if !powers.include_somewhere(permission) {
            return Ok(Vec::new());
        }
        let charge = Charge::of(powers, permission);
        candidates_in(tx, state, (by, powers), &charge, (queue, now)).await
    };
    loop {
        let open = candidates(CaseState::Open, Permission::ReportRead).await?;
        let escalated = candidates(CaseState::Escalated, Permission::EscalationDecide).await?;
        if open.is_empty() && escalated.is_empty() {
            return Ok(None);
        }
        // What was passed over may be let go, such as by a request that came to nothing: before it is said that nothing
        // waits, whoever holds something is waited for.
        for wait in [false, true] {
            let found = first_of(tx, (&open, &escalated), wait, now).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        // All of them were claimed meanwhile. It goes on only as fast as moderators do.
    }
}

#[derive(FromQueryResult)]
struct Candidate {
    id: CaseId,
}

/// The most urgent cases that wait in a state, and that somebody may decide; none of them is locked.
async fn candidates_in(
    tx: &Tx,
    state: CaseState,
    (by, powers): (AccountId, &Powers),
    charge: &Charge,
    (queue, now): (Option<&case_queue::Model>, Time),
) -> Result<Vec<Uuid>> {
    // As the policy decides, for what it would refuse would stand in the way for ever.
    // What is asked of each case is written so that it is asked of one after another, along an index of those that wait:
    // of a NOT EXISTS the planner makes a join with all of them, whose cost grows with the queue.
    macro_rules! waiting {
        ($state:literal, $within:literal) => {
            concat!(
                "SELECT c.id, c.priority FROM moderation_case c LEFT JOIN case_queue q ON q.id = $7
                 WHERE c.state = '",
                $state,
                "' AND ",
                $within,
                " AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                        (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
                   AND c.owner_id <> $4 AND (c.muted_until IS NULL OR c.muted_until <= $6)
                   AND coalesce((SELECT false FROM moderation_case m WHERE m.id = c.merged_into_id
                                 AND m.state NOT IN ('resolved', 'appealed')), true)
                   AND coalesce((SELECT false FROM report r WHERE r.case_id = c.id AND r.reporter_id = $4 LIMIT 1), true)
                   AND ($5 OR coalesce((SELECT false FROM role_grant g WHERE g.account_id = c.owner_id AND g.revoked_at IS NULL
                                        AND (g.expires_at IS NULL OR g.expires_at > $6) AND gives_rank(g) LIMIT 1), true))
                   AND ($7::uuid IS NULL OR case_is_in_queue(c, q))
                   AND ($9 OR c.topic_id = ANY ($10) OR EXISTS
                        (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($11)))
                 ORDER BY c.priority DESC, c.id LIMIT $8"
            )
        };
    }
    // Whoever is in charge of few places is not led through the queue of all others: the first of each place are compared.
    macro_rules! placed {
        ($state:literal) => {
            concat!(
                "SELECT n.id FROM (SELECT unnest($12::uuid[]) AS topic_id
                                   UNION SELECT t.topic_id FROM topic_tag t WHERE t.tag = ANY ($13)) place
                 CROSS JOIN LATERAL (",
                waiting!($state, "c.topic_id = place.topic_id"),
                ") n ORDER BY n.priority DESC, n.id LIMIT $8"
            )
        };
    }
    // Of a queue for what was reported by some rule, or is tagged, the planner knows better from which side to come.
    macro_rules! reported {
        ($state:literal) => {
            waiting!($state, "c.id IN (SELECT r.case_id FROM report r WHERE r.rule_code = ANY ($12))")
        };
    }
    macro_rules! tagged {
        ($state:literal) => {
            waiting!($state, "c.tags && $12")
        };
    }
    macro_rules! anywhere {
        ($state:literal) => {
            waiting!($state, "true")
        };
    }
    let is_open = state == CaseState::Open;
    let seen = Charge::of(powers, Permission::ReportRead);
    let mut values: Vec<sea_orm::Value> = vec![
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        by.into(),
        (powers.rank() == Role::Administrator).into(),
        now.into(),
        queue.map(|queue| queue.id).into(),
        CANDIDATES.into(),
        // Whoever may decide a case is one who may see it.
        seen.everywhere.into(),
        seen.topics.into(),
        seen.tags.into(),
    ];
    let place = match queue {
        Some(case_queue::Model { topic_id: Some(topic_id), .. }) => Some((vec![topic_id.0], Vec::new())),
        Some(queue) if !queue.tags.is_empty() => Some((Vec::new(), queue.tags.clone())),
        _ if !charge.everywhere => Some((charge.topics.clone(), charge.tags.clone())),
        _ => None,
    };
    let statement = match (place, queue) {
        (Some((topics, tags)), _) => {
            values.extend([topics.into(), tags.into()]);
            if is_open { placed!("open") } else { placed!("escalated") }
        }
        (None, Some(queue)) if !queue.case_tags.is_empty() => {
            values.push(queue.case_tags.clone().into());
            if is_open { tagged!("open") } else { tagged!("escalated") }
        }
        (None, Some(queue)) if !queue.rules.is_empty() => {
            values.push(queue.rules.clone().into());
            if is_open { reported!("open") } else { reported!("escalated") }
        }
        (None, _) => {
            if is_open {
                anywhere!("open")
            } else {
                anywhere!("escalated")
            }
        }
    };
    let rows: Vec<Candidate> = all(tx.conn(), sql(statement, values)).await?;
    Ok(rows.into_iter().map(|row| row.id.0).collect())
}

/// Locks the most urgent of these cases that still waits: past those that others hold, or once they let go of them.
async fn first_of(
    tx: &Tx,
    (open, escalated): (&[Uuid], &[Uuid]),
    wait: bool,
    now: Time,
) -> Result<Option<moderation_case::Model>> {
    macro_rules! first {
        ($lock:literal) => {
            concat!(
                "SELECT * FROM moderation_case
                 WHERE (state = 'open' AND id = ANY ($1) OR state = 'escalated' AND id = ANY ($2))
                   AND (muted_until IS NULL OR muted_until <= $3)
                 ORDER BY priority DESC, id LIMIT 1 FOR UPDATE ",
                $lock
            )
        };
    }
    let statement = if wait { first!("") } else { first!("SKIP LOCKED") };
    let values = [open.to_vec().into(), escalated.to_vec().into(), now.into()];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).one(tx.conn()).await?)
}

/// So many of the reports of a case, and so much of its history, are shown.
pub(super) const SHOWN: u64 = 100;

/// The weightiest reports of a case, those that are open first, with the titles of the rules.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn reports(
    db: &impl ConnectionTrait,
    id: CaseId,
) -> Result<Vec<report::Model>> {
    let rows = report::Entity::find()
        .filter(report::Column::CaseId.eq(id))
        .order_by_asc(report::Column::Outcome.is_not_null())
        .order_by_desc(report::Column::Weight)
        .order_by_asc(report::Column::Id)
        .limit(SHOWN);
    Ok(rows.all(db).await?)
}

/// The last that happened to a case, in order.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn history(
    db: &impl ConnectionTrait,
    id: CaseId,
) -> Result<Vec<case_event::Model>> {
    let rows = case_event::Entity::find()
        .filter(case_event::Column::CaseId.eq(id))
        .order_by_desc(case_event::Column::Seq)
        .limit(SHOWN);
    let mut rows = rows.all(db).await?;
    rows.reverse();
    Ok(rows)
}
