//! Reports and cases: every query and write.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::rules::case::{Move, Standing};
use super::rules::weight::{Accuracy, priority, weight};
use super::rules::{
    CaseEventKind, CaseNote, CaseOutcome, CaseState, ReportOutcome, RuleCode, Subject, SubjectKind,
};
use crate::accounts::rules::{AccountKind, AccountState, Role};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql, update};
use crate::entity::{case_event, moderation_case, policy_rule, report};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CaseId, PostId, ReportId, TopicId};
use crate::policy::{Actor, DecideCase, Permit, ReportSubject};
use crate::posts::rules::PostStatus;
use crate::roles::rules::{Permission, Place, Powers};
use crate::topics::rules::TopicStatus;
use crate::{accounts, posts, roles, topics};

/// The rules of the site as they are, the gravest last.
///
/// # Errors
/// The database is away.
pub(super) async fn rules(db: &impl ConnectionTrait) -> Result<Vec<policy_rule::Model>> {
    let statement =
        "SELECT * FROM (SELECT DISTINCT ON (code) * FROM policy_rule ORDER BY code, version DESC) r
                     ORDER BY severity, code";
    Ok(policy_rule::Entity::find().from_raw_sql(sql(statement, [])).all(db).await?)
}

/// A rule as it is.
async fn rule(db: &impl ConnectionTrait, code: &str) -> Result<policy_rule::Model> {
    let found = policy_rule::Entity::find()
        .filter(policy_rule::Column::Code.eq(code))
        .order_by_desc(policy_rule::Column::Version)
        .one(db)
        .await?;
    found.ok_or_else(|| Error::field("rule", "unknown_rule", "GET /rules lists those there are."))
}

/// What is reported, as it is.
#[derive(Debug, Clone)]
pub(super) struct Reported {
    subject: Subject,
    topic_id: Option<TopicId>,
    /// Whose it is.
    pub(super) owner_id: AccountId,
    revision: i32,
}

/// Finds what somebody wants to report, as far as they may see it.
///
/// # Errors
/// 422 where there is no such thing, or none that they may see; 409 where it is gone.
pub(super) async fn find_subject(tx: &Tx, actor: &Actor, subject: Subject) -> Result<Reported> {
    let unknown =
        || Error::field("subject.id", "unknown_id", "There is no such thing, or you may not see it.");
    let hide = |error: Error| if error.code == Code::NotFound { unknown() } else { error };
    match subject.kind {
        SubjectKind::Post => {
            let post = posts::find(tx.conn(), PostId(subject.id)).await.map_err(hide)?;
            topics::find(tx.conn(), actor, &post.topic_id.to_string()).await.map_err(hide)?;
            let (PostStatus::Visible, Some(owner_id)) = (post.status, post.author_id) else {
                return Err(Code::PostDeleted.error("It is gone already."));
            };
            Ok(Reported { subject, topic_id: Some(post.topic_id), owner_id, revision: post.revision })
        }
        SubjectKind::Topic => {
            let topic = topics::find(tx.conn(), actor, &subject.id.to_string()).await.map_err(hide)?;
            // Whoever is in charge of cases need not be one who sees drafts.
            if topic.status == TopicStatus::Draft {
                return Err(Code::TopicNotOpen.error("Nobody but its author and the staff sees a draft."));
            }
            Ok(Reported {
                subject,
                topic_id: Some(topic.id),
                owner_id: topic.author_id,
                revision: topic.version,
            })
        }
        SubjectKind::Account => {
            let found = accounts::find_by_id(tx.conn(), AccountId(subject.id)).await?;
            let account = found.filter(|account| {
                account.kind == AccountKind::Person && account.state != AccountState::Deleted
            });
            let account = account.ok_or_else(unknown)?;
            Ok(Reported { subject, topic_id: None, owner_id: account.id, revision: account.version })
        }
    }
}

/// Adds a report to the case of its subject, which it makes where there is none, and opens again where it says something
/// new; says whether it is another one. The same person reports a subject by one rule once at a time.
///
/// # Errors
/// 422 where there is no such rule.
pub(super) async fn file(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReportSubject>,
    reported: &Reported,
    rule_code: &RuleCode,
    comment: String,
) -> Result<(report::Model, bool)> {
    let rule = rule(tx.conn(), rule_code.as_str()).await?;
    // Of several who report a subject at once, the first makes the case.
    tx.queue(&format!("report {}", reported.subject.id)).await?;
    let (mut case, is_new) = match case_of(tx, reported.subject).await? {
        Some(case) => (case, false),
        None => (open(app, tx, reported, permit.by()).await?, true),
    };
    let by = permit.by();
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
    let is_settled =
        case.state == CaseState::Resolved && was_reviewed(tx, &case, &rule.code, reported).await?;
    let now = app.now();
    let row = report::Model {
        id: app.ids.next(),
        case_id: case.id,
        reporter_id: Some(by),
        rule_code: rule.code,
        rule_version: rule.version,
        subject_revision: reported.revision,
        comment,
        weight: weight(author.trust_level, author.role != Role::Member, accuracy, rule.severity),
        outcome: is_settled.then_some(ReportOutcome::AlreadyReviewed),
        created_at: now,
        closed_at: is_settled.then_some(now),
    };
    insert(tx, row.clone()).await?;
    // The event that a new case begins with is its first report.
    if !is_new {
        let from = case.state;
        let is_reopened = from == CaseState::Resolved && !is_settled;
        if is_reopened {
            stand(&mut case, Standing::OPEN, now);
            case.opened_at = now;
        }
        let kind = if is_reopened { CaseEventKind::Reopened } else { CaseEventKind::Reported };
        tell(app, tx, &case, Happened::by(kind, by), Some(from)).await?;
    }
    count(app, tx, case).await?;
    Ok((row, true))
}

/// The case of a subject, which nobody else changes until the transaction ends.
async fn case_of(tx: &Tx, subject: Subject) -> Result<Option<moderation_case::Model>> {
    let column = match subject.kind {
        SubjectKind::Post => moderation_case::Column::SubjectPostId,
        SubjectKind::Topic => moderation_case::Column::SubjectTopicId,
        SubjectKind::Account => moderation_case::Column::SubjectAccountId,
    };
    let found = moderation_case::Entity::find().filter(column.eq(subject.id)).lock_exclusive();
    Ok(found.one(tx.conn()).await?)
}

/// Makes a case, with the event that it begins with.
async fn open(app: &App, tx: &Tx, reported: &Reported, by: AccountId) -> Result<moderation_case::Model> {
    let Reported { subject, topic_id, owner_id, .. } = reported;
    let when = |kind| (subject.kind == kind).then_some(subject.id);
    let now = app.now();
    let row = moderation_case::Model {
        id: app.ids.next(),
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
        report_count: 0,
        reporter_count: 0,
        score: 0,
        priority: 0,
        version: 1,
        opened_at: now,
        updated_at: now,
    };
    insert(tx, row.clone()).await?;
    tell(app, tx, &row, Happened::by(CaseEventKind::Opened, by), None).await?;
    Ok(row)
}

/// Whether the same was decided before: of this version of the subject, by this rule.
async fn was_reviewed(
    tx: &Tx,
    case: &moderation_case::Model,
    rule_code: &str,
    reported: &Reported,
) -> Result<bool> {
    let decided = report::Entity::find()
        .filter(report::Column::CaseId.eq(case.id))
        .filter(report::Column::RuleCode.eq(rule_code))
        .filter(report::Column::SubjectRevision.eq(reported.revision))
        .filter(report::Column::Outcome.is_not_null());
    Ok(decided.one(tx.conn()).await?.is_some())
}

#[derive(FromQueryResult)]
struct AccuracyRow {
    upheld: i64,
    rejected: i64,
}

/// How often somebody's reports were right, as far as it was decided.
async fn accuracy(db: &impl ConnectionTrait, reporter: AccountId) -> Result<Accuracy> {
    let statement = "SELECT count(*) FILTER (WHERE outcome = 'upheld') AS upheld,
                            count(*) FILTER (WHERE outcome = 'rejected') AS rejected
                     FROM report WHERE reporter_id = $1";
    let row: Option<AccuracyRow> = one(db, sql(statement, [reporter.into()])).await?;
    Ok(row.map(|AccuracyRow { upheld, rejected }| Accuracy { upheld, rejected }).unwrap_or_default())
}

#[derive(FromQueryResult)]
struct OpenReports {
    reports: i32,
    reporters: i32,
    score: i32,
}

/// Keeps a case, which is locked, with what its open reports come to.
async fn count(app: &App, tx: &Tx, mut case: moderation_case::Model) -> Result<moderation_case::Model> {
    // Whoever finds several rules broken weighs as much as by the gravest of them.
    let statement = "SELECT coalesce(sum(reports), 0)::integer AS reports, count(*)::integer AS reporters,
                            least(coalesce(sum(weight), 0), 2000000000)::integer AS score
                     FROM (SELECT count(*) AS reports, max(weight)::bigint AS weight FROM report
                           WHERE case_id = $1 AND outcome IS NULL GROUP BY coalesce(reporter_id, id)) r";
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
struct Happened {
    kind: CaseEventKind,
    by: Option<AccountId>,
    note: String,
}

impl Happened {
    /// By somebody, who said nothing about it.
    fn by(kind: CaseEventKind, by: AccountId) -> Self {
        Self { kind, by: Some(by), note: String::new() }
    }

    /// By nobody.
    fn by_itself(kind: CaseEventKind) -> Self {
        Self { kind, by: None, note: String::new() }
    }
}

/// Adds to the history of a case, which is locked, and stands where this took it.
async fn tell(
    app: &App,
    tx: &Tx,
    case: &moderation_case::Model,
    Happened { kind, by, note }: Happened,
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
        created_at: app.now(),
    };
    insert(tx, row).await
}

/// Has a case, which is locked, go somewhere else, and tells of it; where it is resolved, its reports are closed.
async fn go(
    app: &App,
    tx: &Tx,
    case: &mut moderation_case::Model,
    to: Standing,
    happened: Happened,
) -> Result<()> {
    let from = case.state;
    stand(case, to, app.now());
    tell(app, tx, case, happened, Some(from)).await?;
    if let Some(outcome) = to.resolution {
        close_reports(tx, case.id, outcome.into(), app.now()).await?;
    }
    Ok(())
}

/// Ends a claim of a case, which is locked, that has run out.
async fn lapse(app: &App, tx: &Tx, case: &mut moderation_case::Model) -> Result<()> {
    let stored = standing(case);
    let present = stored.at(app.now());
    if present == stored {
        return Ok(());
    }
    go(app, tx, case, present, Happened::by_itself(CaseEventKind::Lapsed)).await
}

/// Where a row stands, apart from a claim that has run out.
pub(super) fn standing(case: &moderation_case::Model) -> Standing {
    Standing {
        state: case.state,
        is_escalated: case.is_escalated,
        claim: case.assignee_id.zip(case.claim_expires_at),
        resolution: case.resolution,
    }
}

/// Has a row stand somewhere from now on.
fn stand(case: &mut moderation_case::Model, standing: Standing, now: Time) {
    let Standing { state, is_escalated, claim, resolution } = standing;
    (case.state, case.is_escalated, case.resolution) = (state, is_escalated, resolution);
    (case.assignee_id, case.claim_expires_at) = claim.unzip();
    case.resolved_at = resolution.map(|_| now);
}

/// Until when somebody has a case that they claim now.
pub(super) fn claimed_until(app: &App) -> Time {
    app.now() + TimeDelta::minutes(app.config.moderation.claim_minutes.into())
}

/// Has a case, which is locked, go where a move takes it that was found to be one.
///
/// # Errors
/// The database is away.
pub(super) async fn take(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideCase<'_>>,
    (act, to): (Move, Standing),
    note: Option<CaseNote>,
) -> Result<moderation_case::Model> {
    let mut case = permit.act().case.clone();
    lapse(app, tx, &mut case).await?;
    if (case.state, to.state) == (CaseState::Claimed, CaseState::Claimed) {
        // Who goes on with what they have has not done anything to it.
        stand(&mut case, to, app.now());
    } else {
        let note = note.map_or_else(String::new, Into::into);
        go(app, tx, &mut case, to, Happened { note, ..Happened::by(act.event(), permit.by()) }).await?;
    }
    count(app, tx, case).await
}

async fn close_reports(tx: &Tx, id: CaseId, outcome: ReportOutcome, now: Time) -> Result<()> {
    let statement = "UPDATE report SET outcome = $2, closed_at = $3 WHERE case_id = $1 AND outcome IS NULL";
    let outcome: sea_orm::Value = outcome.to_value().into();
    tx.conn().execute_raw(sql(statement, [id.into(), outcome, now.into()])).await?;
    Ok(())
}

/// Finds a case and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find_for_update(tx: &Tx, id: CaseId) -> Result<moderation_case::Model> {
    let found = moderation_case::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Finds a case, whoever asks.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: CaseId) -> Result<moderation_case::Model> {
    moderation_case::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// What decides who may do something with a case, besides the case.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// The tags of its topic, by which moderators may be in charge of it.
    pub(super) tags: Vec<String>,
    owner_rank: Role,
    is_reporter: bool,
}

impl Circumstances {
    /// To decide the case, for the policy.
    pub(super) fn decide<'a>(&'a self, case: &'a moderation_case::Model) -> DecideCase<'a> {
        let Self { tags, owner_rank, is_reporter } = self;
        DecideCase { case, tags, owner_rank: *owner_rank, is_reporter: *is_reporter }
    }
}

/// The circumstances in which somebody asks for a case.
///
/// # Errors
/// The database is away.
pub(super) async fn circumstances(
    db: &impl ConnectionTrait,
    case: &moderation_case::Model,
    by: AccountId,
    now: Time,
) -> Result<Circumstances> {
    let theirs = report::Entity::find()
        .filter(report::Column::CaseId.eq(case.id))
        .filter(report::Column::ReporterId.eq(by))
        .filter(report::Column::Outcome.is_null());
    Ok(Circumstances {
        tags: match case.topic_id {
            Some(id) => topics::tags(db, id).await?,
            None => Vec::new(),
        },
        owner_rank: roles::powers(db, case.owner_id, now).await?.rank(),
        is_reporter: theirs.one(db).await?.is_some(),
    })
}

/// Where somebody is in charge: everywhere, or within topics and tags.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    everywhere: bool,
    topics: Vec<Uuid>,
    tags: Vec<String>,
}

impl Charge {
    /// Where these powers include a permission.
    pub(super) fn of(powers: &Powers, permission: Permission) -> Self {
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
pub(super) enum CaseOrder {
    /// The most urgent first. A case whose urgency changes while the list is walked may come twice, or not at all.
    #[default]
    Urgent,
    /// The one whose subject was reported last for the first time first.
    New,
}

/// Which cases are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// In which order.
    pub(super) order: CaseOrder,
    /// Those in this state at the moment, if any is named.
    pub(super) state: Option<CaseState>,
    /// Those about this kind of subject, if any is named.
    pub(super) subject_kind: Option<SubjectKind>,
    /// Those that somebody has claimed, if anybody is named.
    pub(super) assignee: Option<AccountId>,
}

macro_rules! cases_by {
    ($order:literal) => {
        concat!(
            // A claim that has run out is none, so the state is that of the moment.
            "SELECT c.* FROM moderation_case c
             CROSS JOIN LATERAL (SELECT CASE WHEN c.state = 'claimed' AND c.claim_expires_at <= $8
                 THEN CASE WHEN c.is_escalated THEN 'escalated' ELSE 'open' END ELSE c.state END AS state) now
             WHERE ($1 OR c.topic_id = ANY ($2) OR EXISTS
                    (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
               AND ($4::text IS NULL OR now.state = $4) AND ($5::text IS NULL OR c.subject_kind = $5)
               AND ($6::uuid IS NULL OR (c.assignee_id = $6 AND now.state = 'claimed'))
               AND c.owner_id <> $11
               AND ($10::uuid IS NULL OR ",
            $order,
            " DESC LIMIT $7"
        )
    };
}

/// The cases that somebody is in charge of, without those about themselves: those after one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    listed: Listed,
    after: Option<(i16, CaseId)>,
    (limit, now): (Limit, Time),
) -> Result<Vec<moderation_case::Model>> {
    let statement = match listed.order {
        CaseOrder::Urgent => {
            cases_by!("(c.priority, c.id) < ($9::smallint, $10)) ORDER BY c.priority DESC, c.id")
        }
        CaseOrder::New => {
            cases_by!("(c.id < $10 AND $9::smallint IS NOT NULL)) ORDER BY c.id")
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
    ];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// Finds the most urgent case that waits, and that somebody may decide, and locks it; what others are about to claim is
/// passed over, so however many ask at once, no two find the same. A claim that has run out is ended first.
///
/// # Errors
/// The database is away.
pub(super) async fn next(
    app: &App,
    tx: &Tx,
    by: AccountId,
    powers: &Powers,
) -> Result<Option<moderation_case::Model>> {
    let now = app.now();
    let lapsed = "SELECT * FROM moderation_case WHERE state = 'claimed' AND claim_expires_at <= $1
                  ORDER BY claim_expires_at LIMIT 10 FOR UPDATE SKIP LOCKED";
    let lapsed = moderation_case::Entity::find().from_raw_sql(sql(lapsed, [now.into()]));
    for mut case in lapsed.all(tx.conn()).await? {
        lapse(app, tx, &mut case).await?;
        count(app, tx, case).await?;
    }
    let mut found = Vec::new();
    // What was passed over may be let go, such as by a request that came to nothing: before it is said that nothing waits,
    // whoever holds something is waited for.
    for wait in [false, true] {
        for (state, permission) in
            [(CaseState::Open, Permission::ReportRead), (CaseState::Escalated, Permission::EscalationDecide)]
        {
            if powers.include_somewhere(permission) {
                let charge = Charge::of(powers, permission);
                found.extend(next_in(tx, (state, wait), by, powers, &charge, now).await?);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    Ok(found.into_iter().max_by_key(|case| (case.priority, std::cmp::Reverse(case.id))))
}

async fn next_in(
    tx: &Tx,
    (state, wait): (CaseState, bool),
    by: AccountId,
    powers: &Powers,
    charge: &Charge,
    now: Time,
) -> Result<Option<moderation_case::Model>> {
    // As the policy decides, for what it would refuse would stand in the way for ever.
    macro_rules! next {
        ($state:literal, $lock:literal) => {
            concat!(
                "SELECT c.* FROM moderation_case c
                 WHERE c.state = '",
                $state,
                "' AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                        (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
                   AND c.owner_id <> $4
                   AND NOT EXISTS (SELECT FROM report r WHERE r.case_id = c.id AND r.reporter_id = $4 AND r.outcome IS NULL)
                   AND ($5 OR NOT EXISTS (SELECT FROM role_grant g WHERE g.account_id = c.owner_id
                                          AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $6)))
                 ORDER BY c.priority DESC, c.id LIMIT 1 FOR UPDATE OF c ",
                $lock
            )
        };
    }
    let statement = match (state == CaseState::Open, wait) {
        (true, false) => next!("open", "SKIP LOCKED"),
        (true, true) => next!("open", ""),
        (false, false) => next!("escalated", "SKIP LOCKED"),
        (false, true) => next!("escalated", ""),
    };
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        by.into(),
        (powers.rank() == Role::Administrator).into(),
        now.into(),
    ];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).one(tx.conn()).await?)
}

/// So many of the reports of a case, and so much of its history, are shown.
const SHOWN: u64 = 100;

/// The weightiest reports of a case, those that are open first, with the titles of the rules.
///
/// # Errors
/// The database is away.
pub(super) async fn reports(db: &impl ConnectionTrait, id: CaseId) -> Result<Vec<report::Model>> {
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
pub(super) async fn history(db: &impl ConnectionTrait, id: CaseId) -> Result<Vec<case_event::Model>> {
    let rows = case_event::Entity::find()
        .filter(case_event::Column::CaseId.eq(id))
        .order_by_desc(case_event::Column::Seq)
        .limit(SHOWN);
    let mut rows = rows.all(db).await?;
    rows.reverse();
    Ok(rows)
}

/// What a subject says now.
#[derive(Debug, FromQueryResult)]
pub(super) struct Content {
    pub(super) revision: i32,
    pub(super) text: String,
    pub(super) slug: Option<String>,
}

/// What the subject of a case says now, and the slug of the topic that it is in.
///
/// # Errors
/// The database is away.
pub(super) async fn content(
    db: &impl ConnectionTrait,
    case: &moderation_case::Model,
) -> Result<Option<Content>> {
    let (statement, id) = match (case.subject_post_id, case.subject_topic_id, case.subject_account_id) {
        (Some(id), ..) => (
            "SELECT p.revision, p.body AS text, t.slug FROM post p JOIN topic t ON t.id = p.topic_id WHERE p.id = $1",
            id.0,
        ),
        (_, Some(id), _) => (
            "SELECT version AS revision, concat_ws(E'\n\n', title, question_text) AS text, slug
             FROM topic WHERE id = $1",
            id.0,
        ),
        (.., Some(id)) => (
            "SELECT version AS revision, concat_ws(E'\n\n', username, display_name, bio) AS text, NULL AS slug
             FROM account WHERE id = $1",
            id.0,
        ),
        _ => return Ok(None),
    };
    one(db, sql(statement, [id.into()])).await
}

/// What is reported, of a case.
pub(super) fn subject_of(case: &moderation_case::Model) -> Subject {
    let id = [
        case.subject_post_id.map(|id| id.0),
        case.subject_topic_id.map(|id| id.0),
        case.subject_account_id.map(|id| id.0),
    ];
    Subject { kind: case.subject_kind, id: id.into_iter().flatten().next().unwrap_or_default() }
}

/// Finds a report by whoever made it.
///
/// # Errors
/// 404 where there is none, or it is somebody else's.
pub(super) async fn find_own_report(
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
pub(super) async fn list_own_reports(
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
pub(super) async fn subjects(
    db: &impl ConnectionTrait,
    reports: &[report::Model],
) -> Result<HashMap<CaseId, Subject>> {
    let cases = moderation_case::Entity::find()
        .filter(moderation_case::Column::Id.is_in(reports.iter().map(|report| report.case_id)));
    Ok(cases.all(db).await?.iter().map(|case| (case.id, subject_of(case))).collect())
}

/// Takes away who reported what, and what they said about it, where their account is erased; what they wrote as a
/// moderator too. Cases about them are moot.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let waiting = moderation_case::Entity::find()
        .filter(moderation_case::Column::SubjectAccountId.eq(account_id))
        .filter(moderation_case::Column::State.ne(CaseState::Resolved))
        .lock_exclusive();
    for mut case in waiting.all(tx.conn()).await? {
        let moot = Standing {
            state: CaseState::Resolved,
            claim: None,
            resolution: Some(CaseOutcome::Moot),
            ..standing(&case)
        };
        go(app, tx, &mut case, moot, Happened::by_itself(CaseEventKind::Resolved)).await?;
        count(app, tx, case).await?;
    }
    for statement in [
        "UPDATE report SET reporter_id = NULL, comment = '' WHERE reporter_id = $1",
        "UPDATE case_event SET actor_id = NULL, note = '' WHERE actor_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
