//! Choices of cases that have a name. Which cases are in one says `queue_takes` in the database, and nothing else.

use std::collections::HashMap;

use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::actions::scope_tags;
use super::cases::Charge;
use crate::app::App;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert, one, sql, update};
use crate::decisions;
use crate::decisions::rules::SubjectKind;
use crate::entity::case_queue;
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, QueueId, TopicId};
use crate::moderation::rules::queue::check_list;
use crate::moderation::rules::{QueueAudience, QueueName, RuleCode};
use crate::policy::{Actor, EditQueue, Permit};
use crate::text::Tag;

/// So many queues has the team, and so many of their own has each moderator, at the most.
const MAX_QUEUES: i64 = 100;

/// A queue that was read from a request.
#[derive(Debug)]
pub(in crate::moderation) struct NewQueue {
    /// What moderators call it.
    pub(in crate::moderation) name: QueueName,
    /// Cases about one of these kinds of things, if any is named.
    pub(in crate::moderation) subject_kinds: Vec<SubjectKind>,
    /// Cases that were reported by one of these rules, if any is named.
    pub(in crate::moderation) rules: Vec<RuleCode>,
    /// Cases within this topic, if one is named.
    pub(in crate::moderation) topic_id: Option<TopicId>,
    /// Cases within topics that have one of these tags, if any is named.
    pub(in crate::moderation) tags: Vec<Tag>,
    /// Cases that have one of these tags themselves, if any is named.
    pub(in crate::moderation) case_tags: Vec<Tag>,
    /// Cases at least so urgent, 0 to 100.
    pub(in crate::moderation) priority_min: i16,
    /// Only cases that were passed on, or only those that were not, if either.
    pub(in crate::moderation) escalated: Option<bool>,
    /// By which rules its cases are decided as a rule.
    pub(in crate::moderation) recommended_rules: Vec<RuleCode>,
    /// How soon after they were opened its cases are to be decided, in hours, if not as on the whole site.
    pub(in crate::moderation) sla_hours: Option<i32>,
}

fn taken() -> Error {
    Error::field("name", "duplicate", "Another queue of the team, or of your own, has this name.")
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Keeps others from adding queues beside one that somebody is about to make, where there is room for it.
async fn make_room(tx: &Tx, audience: QueueAudience, by: AccountId) -> Result<()> {
    let (name, whose) = match audience {
        QueueAudience::Team => ("queues of the team".to_owned(), "The team has"),
        QueueAudience::Own => (format!("queues of {by}"), "You have"),
    };
    tx.queue(&name).await?;
    let statement = "SELECT count(*) AS count FROM case_queue
                     WHERE audience = $1 AND ($1 = 'team' OR owner_id = $2)";
    let there: Option<Count> =
        one(tx.conn(), sql(statement, [audience.to_value().into(), by.into()])).await?;
    if there.is_some_and(|there| there.count >= MAX_QUEUES) {
        let detail = format!("{whose} {MAX_QUEUES} queues: delete one that is not needed any more.");
        return Err(Code::TooManyQueues.error(detail));
    }
    Ok(())
}

/// Refuses what a queue, as it is to be, names that is not there, that whoever asks may not see, or that it names twice. What
/// it named before is not asked about: a rule may have been retired since.
async fn check(
    tx: &Tx,
    actor: &Actor,
    old: Option<&case_queue::Model>,
    new: &case_queue::Model,
) -> Result<()> {
    let mut wrong = check_list("subject_kinds", &new.subject_kinds);
    wrong.extend(check_list("tags", &new.tags));
    wrong.extend(check_list("case_tags", &new.case_tags));
    let lists = [
        ("rules", &new.rules, old.map(|old| &old.rules)),
        ("recommended_rules", &new.recommended_rules, old.map(|old| &old.recommended_rules)),
    ];
    for (field, codes, known) in lists {
        let refused = check_list(field, codes);
        if !refused.is_empty() {
            wrong.extend(refused);
            continue;
        }
        for (i, code) in codes.iter().enumerate() {
            if known.is_some_and(|known| known.contains(code)) {
                continue;
            }
            match decisions::rule(tx.conn(), &format!("{field}[{i}]"), code).await {
                Err(error) if error.code == Code::Invalid => wrong.extend(error.fields),
                found => drop(found?),
            }
        }
    }
    if let Some(topic_id) = new.topic_id.filter(|_| old.and_then(|old| old.topic_id) != new.topic_id) {
        match scope_tags(tx.conn(), actor, topic_id, "").await {
            Err(error) if error.code == Code::Invalid => wrong.extend(error.fields),
            found => drop(found?),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// Adds a queue.
///
/// # Errors
/// 409 where there are as many as there may be; 422 where another one has its name, or it names what is not there.
pub(in crate::moderation) async fn insert_queue(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<EditQueue>,
    new: NewQueue,
) -> Result<case_queue::Model> {
    let now = app.now();
    let codes = |codes: Vec<RuleCode>| codes.into_iter().map(Into::into).collect();
    let tags = |tags: Vec<Tag>| tags.into_iter().map(Into::into).collect();
    let row = case_queue::Model {
        id: app.ids.next(),
        name: new.name.into(),
        audience: permit.act().audience,
        owner_id: Some(permit.by()),
        subject_kinds: new.subject_kinds,
        rules: codes(new.rules),
        topic_id: new.topic_id,
        tags: tags(new.tags),
        case_tags: tags(new.case_tags),
        priority_min: new.priority_min,
        escalated: new.escalated,
        recommended_rules: codes(new.recommended_rules),
        sla_hours: new.sla_hours,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    check(tx, actor, None, &row).await?;
    make_room(tx, row.audience, permit.by()).await?;
    let inserted = insert(tx, row.clone()).await;
    inserted
        .on_constraint("case_queue_team_name_key", taken)
        .on_constraint("case_queue_own_name_key", taken)?;
    Ok(row)
}

/// Finds a queue, whoever asks.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_queue(
    db: &impl ConnectionTrait,
    id: QueueId,
) -> Result<case_queue::Model> {
    case_queue::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds a queue, whoever asks, and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_queue_for_update(tx: &Tx, id: QueueId) -> Result<case_queue::Model> {
    case_queue::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Keeps a queue, which is locked, as it was changed; one that was not stays as it is.
///
/// # Errors
/// 422 where another one has its name, or it names what is not there.
pub(in crate::moderation) async fn edit_queue(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    _: &Permit<EditQueue>,
    (old, new): (&case_queue::Model, case_queue::Model),
) -> Result<case_queue::Model> {
    if *old == new {
        return Ok(new);
    }
    check(tx, actor, Some(old), &new).await?;
    let row = case_queue::Model { version: old.version + 1, updated_at: app.now(), ..new };
    let updated = update(tx, row.clone()).await;
    updated
        .on_constraint("case_queue_team_name_key", taken)
        .on_constraint("case_queue_own_name_key", taken)?;
    Ok(row)
}

/// Deletes a queue, which is locked; its cases stay as they are.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn delete_queue(
    tx: &Tx,
    _: &Permit<EditQueue>,
    queue: &case_queue::Model,
) -> Result<()> {
    case_queue::Entity::delete_by_id(queue.id).exec(tx.conn()).await?;
    Ok(())
}

/// The queues of the team and somebody's own, the last made first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_queues(
    db: &impl ConnectionTrait,
    reader: AccountId,
    before: Option<QueueId>,
    limit: Limit,
) -> Result<Vec<case_queue::Model>> {
    let theirs = Condition::any()
        .add(case_queue::Column::Audience.eq(QueueAudience::Team))
        .add(case_queue::Column::OwnerId.eq(reader));
    let rows = case_queue::Entity::find()
        .filter(theirs)
        .filter(case_queue::Column::Id.lt(before.unwrap_or(QueueId(Uuid::max()))))
        .order_by_desc(case_queue::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// How many cases of a queue wait for somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::moderation) struct QueueCounts {
    /// All of them.
    pub(in crate::moderation) waiting: i64,
    /// Those that were to be decided by now.
    pub(in crate::moderation) overdue: i64,
}

#[derive(FromQueryResult)]
struct Counted {
    queue_id: QueueId,
    waiting: i64,
    overdue: i64,
}

/// Counts what waits in queues of what somebody is in charge of, without cases about themselves and those that are muted. The
/// site's own time, in hours, is that of queues which have none.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn count_queues(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    queues: &[case_queue::Model],
    (sla_hours, now): (u32, Time),
) -> Result<HashMap<QueueId, QueueCounts>> {
    // Each case is looked at once, however many queues there are: then those are asked for each lot of cases that are alike,
    // between two of the moments before which cases of one of the queues are late.
    let statement = "WITH wanted AS MATERIALIZED (
             SELECT q.id, q AS queue, $6 - make_interval(hours => coalesce(q.sla_hours, $7)) AS late_before
             FROM case_queue q WHERE q.id = ANY ($4)
         ), moments AS MATERIALIZED (
             SELECT array_agg(DISTINCT late_before ORDER BY late_before) AS list FROM wanted
         ), reported AS MATERIALIZED (
             SELECT r.case_id, array_agg(DISTINCT r.rule_code) AS rules
             FROM report r JOIN moderation_case c ON c.id = r.case_id
             WHERE r.rule_code = ANY (ARRAY(SELECT unnest((queue).rules) FROM wanted))
               AND c.state NOT IN ('resolved', 'appealed')
             GROUP BY r.case_id
         ), alike AS MATERIALIZED (
             SELECT c.subject_kind, c.topic_id, c.priority, c.is_escalated, c.tags, coalesce(r.rules, '{}') AS rules,
                    width_bucket(c.opened_at, m.list) AS moments_before, count(*) AS cases
             FROM moderation_case c CROSS JOIN moments m LEFT JOIN reported r ON r.case_id = c.id
             WHERE c.state NOT IN ('resolved', 'appealed') AND c.owner_id <> $5
               AND (c.muted_until IS NULL OR c.muted_until <= $6)
               AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                    (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
             GROUP BY 1, 2, 3, 4, 5, 6, 7
         )
         SELECT w.id AS queue_id, coalesce(sum(a.cases), 0)::bigint AS waiting,
                coalesce(sum(a.cases) FILTER (WHERE a.moments_before < array_position(m.list, w.late_before)), 0)::bigint
                    AS overdue
         FROM wanted w CROSS JOIN moments m
         LEFT JOIN alike a ON queue_takes(w.queue, a.subject_kind, a.topic_id, a.priority, a.is_escalated, a.tags,
                                          a.rules, tags_of_topic(a.topic_id))
         GROUP BY w.id";
    let ids: Vec<Uuid> = queues.iter().map(|queue| queue.id.0).collect();
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        ids.into(),
        reader.into(),
        now.into(),
        i32::try_from(sla_hours).unwrap_or(i32::MAX).into(),
    ];
    let rows: Vec<Counted> = all(db, sql(statement, values)).await?;
    let counts = |row: Counted| {
        let Counted { queue_id, waiting, overdue } = row;
        (queue_id, QueueCounts { waiting, overdue })
    };
    Ok(rows.into_iter().map(counts).collect())
}
