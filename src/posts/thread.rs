//! Reading threads: one bounded statement for a page, whose cost follows the size of the answer.
//!
//! A recursive query takes the first posts of a branch in the order asked for and, level by level, the
//! first replies of each, always through an index on (branch, key, post). Joins are written as lateral
//! subqueries that the planner may not reorder, so that the plan does not depend on statistics.

use sea_orm::{ConnectionTrait, FromQueryResult, Statement};
use uuid::Uuid;

use crate::clock::Time;
use crate::db::keyset::{RankPosition, Snapshot, bound};
use crate::db::{all, sql};
use crate::decisions::rules::{Annotations, Restrictions};
use crate::error::Result;
use crate::ids::{AccountId, PostId, TopicId};
use crate::posts::rules::{CitationStatus, Criterion, PostStatus};
use crate::ranking::rules::Order;
use crate::topics::rules::TopicStatus;

/// The part of a thread that is asked for.
#[derive(Debug, Clone)]
pub struct Branch<'a> {
    /// Whose children: a post, or a topic for its roots.
    pub id: Uuid,
    /// In which order, at every level.
    pub order: Order,
    /// After which child.
    pub after: Option<&'a RankPosition>,
    /// How many children.
    pub limit: i64,
    /// How many replies to each, on every level below.
    pub children: i64,
    /// How many levels below.
    pub depth: i32,
}

/// The columns of a post as it is read, and the tables they come from; `w.post_id` says which post.
macro_rules! post_columns {
    () => {
        "p.id, p.topic_id, p.parent_id, p.depth, p.author_id, a.username, a.role, p.body, p.body_html,
         p.citation_status, p.criterion, p.status, p.revision, p.created_at, p.edited_at, p.restrictions, p.annotations,
         p.duplicate_of,
         t.quality_up, t.quality_down, t.agree, t.disagree, t.reply_count, t.descendant_count, t.people_moved, t.median_moved,
         (SELECT jsonb_agg(r.document ORDER BY r.position) FROM relation_document r WHERE r.post_id = p.id) AS relations,
         (SELECT jsonb_agg(c.document ORDER BY c.position) FROM citation_document c WHERE c.post_id = p.id) AS citations,
         (SELECT jsonb_agg(jsonb_build_object('scenario_id', s.scenario_id, 'direction', s.direction)
                           ORDER BY s.scenario_id)
          FROM stance_effect s WHERE s.post_id = p.id) AS stance_effects"
    };
}

macro_rules! post_tables {
    () => {
        "CROSS JOIN LATERAL (SELECT * FROM post WHERE post.id = w.post_id OFFSET 0) p
         CROSS JOIN LATERAL (SELECT * FROM post_tally WHERE post_tally.post_id = w.post_id OFFSET 0) t
         LEFT JOIN LATERAL (SELECT username, role FROM account WHERE account.id = p.author_id OFFSET 0) a ON true"
    };
}

/// The statement for one order. The first page reads the places in force; a later one, which comes with
/// a snapshot, reads the places as that snapshot had them, so that a walk repeats and skips nothing.
macro_rules! thread_by {
    ($key:literal, $after:literal, $direction:literal) => {
        concat!(
            "WITH RECURSIVE first AS (
                 (SELECT r.post_id, r.branch_id, r.",
            $key,
            " AS key FROM post_rank r
                  WHERE r.branch_id = $1 AND r.until IS NULL AND (r.",
            $key,
            ", r.post_id) ",
            $after,
            " ($2, $3)
                    AND ($4::text IS NULL OR pg_visible_in_snapshot(r.since, $4::pg_snapshot))
                  ORDER BY r.",
            $key,
            " ",
            $direction,
            ", r.post_id ",
            $direction,
            " LIMIT $5 + 1)
                 UNION ALL
                 (SELECT r.post_id, r.branch_id, r.",
            $key,
            " FROM post_rank r
                  WHERE $4::text IS NOT NULL AND r.branch_id = $1 AND r.until >= pg_snapshot_xmin($4::pg_snapshot)
                    AND (r.",
            $key,
            ", r.post_id) ",
            $after,
            " ($2, $3)
                    AND pg_visible_in_snapshot(r.since, $4::pg_snapshot)
                    AND NOT pg_visible_in_snapshot(r.until, $4::pg_snapshot)
                  ORDER BY r.",
            $key,
            " ",
            $direction,
            ", r.post_id ",
            $direction,
            " LIMIT $5 + 1)
             ), walk AS (
                 (SELECT post_id, branch_id, key, 0 AS level FROM first
                  ORDER BY key ",
            $direction,
            ", post_id ",
            $direction,
            " LIMIT $5)
                 UNION ALL
                 SELECT c.post_id, c.branch_id, c.key, walk.level + 1
                 FROM walk CROSS JOIN LATERAL (
                     SELECT r.post_id, r.branch_id, r.",
            $key,
            " AS key FROM post_rank r
                     WHERE r.branch_id = walk.post_id AND r.until IS NULL
                     ORDER BY r.",
            $key,
            " ",
            $direction,
            ", r.post_id ",
            $direction,
            " LIMIT $6) c
                 WHERE walk.level < $7
             )
             SELECT w.branch_id, w.key, w.level,
                    pg_current_snapshot()::text AS snapshot, (SELECT count(*) FROM first) > $5 AS more, ",
            post_columns!(),
            " FROM (SELECT * FROM walk LIMIT 500) w ",
            post_tables!()
        )
    };
}

/// The statement that reads a part of a thread. Public so that its plan can be examined.
pub fn statement(branch: &Branch<'_>) -> Statement {
    let (text, descending) = match branch.order {
        Order::Best => (thread_by!("best", ">", "ASC"), false),
        Order::Top => (thread_by!("top", ">", "ASC"), false),
        Order::Hot => (thread_by!("hot", ">", "ASC"), false),
        Order::Controversial => (thread_by!("controversial", ">", "ASC"), false),
        Order::Old => (thread_by!("created", ">", "ASC"), false),
        Order::New => (thread_by!("created", "<", "DESC"), true),
    };
    let (key, id) = bound(branch.after, descending);
    sql(
        text,
        [
            branch.id.into(),
            key.into(),
            id.into(),
            branch.after.map(RankPosition::snapshot).into(),
            branch.limit.into(),
            branch.children.into(),
            branch.depth.into(),
        ],
    )
}

/// A post as it is read.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct PostRow {
    pub id: PostId,
    pub topic_id: TopicId,
    pub parent_id: Option<PostId>,
    pub depth: i32,
    pub author_id: Option<AccountId>,
    pub username: Option<String>,
    pub role: Option<crate::accounts::rules::Role>,
    pub body: String,
    pub body_html: String,
    pub citation_status: CitationStatus,
    pub criterion: Option<Criterion>,
    pub status: PostStatus,
    pub revision: i32,
    pub created_at: Time,
    pub edited_at: Option<Time>,
    pub restrictions: Restrictions,
    pub annotations: Annotations,
    pub duplicate_of: Option<PostId>,
    pub quality_up: i32,
    pub quality_down: i32,
    pub agree: i32,
    pub disagree: i32,
    pub reply_count: i32,
    pub descendant_count: i32,
    pub people_moved: i32,
    pub median_moved: Option<f64>,
    pub relations: Option<serde_json::Value>,
    pub citations: Option<serde_json::Value>,
    pub stance_effects: Option<serde_json::Value>,
}

/// A post in its place in a thread.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct PlacedRow {
    pub branch_id: Uuid,
    pub key: f64,
    snapshot: String,
    /// Whether the branch asked for has more children than came.
    pub more: bool,
    #[sea_orm(nested)]
    pub post: PostRow,
}

impl PlacedRow {
    /// The snapshot of the database that this answer was read in.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::parse(&self.snapshot)
    }
}

/// Reads a part of a thread, at most 500 posts, level by level.
///
/// # Errors
/// The database is away.
pub(super) async fn read(db: &impl ConnectionTrait, branch: &Branch<'_>) -> Result<Vec<PlacedRow>> {
    all(db, statement(branch)).await
}

/// Reads posts by their identifiers, in no order.
///
/// # Errors
/// The database is away.
pub(super) async fn read_posts(db: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<Vec<PostRow>> {
    all(
        db,
        sql(
            concat!("SELECT ", post_columns!(), " FROM unnest($1::uuid[]) AS w (post_id) ", post_tables!()),
            [ids.into()],
        ),
    )
    .await
}

/// Where a post stands.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct Lineage {
    pub id: PostId,
    pub topic_id: TopicId,
    pub topic_status: TopicStatus,
    pub root_id: PostId,
    pub depth: i32,
    /// The posts above it, nearest first.
    pub above: Vec<Uuid>,
}

/// Finds where posts stand, in no order; of those above them `most` at the most.
///
/// # Errors
/// The database is away.
pub(super) async fn lineages(db: &impl ConnectionTrait, ids: Vec<Uuid>, most: i32) -> Result<Vec<Lineage>> {
    let statement = "SELECT p.*, t.status AS topic_status, l.above
         FROM unnest($1::uuid[]) AS w (post_id)
         CROSS JOIN LATERAL (
             SELECT id, topic_id, root_id, parent_id, depth FROM post WHERE post.id = w.post_id OFFSET 0) p
         CROSS JOIN LATERAL (SELECT status FROM topic WHERE topic.id = p.topic_id OFFSET 0) t
         CROSS JOIN LATERAL (
             SELECT ARRAY(
                 WITH RECURSIVE up AS (
                     SELECT p.parent_id AS id, 1 AS steps WHERE p.parent_id IS NOT NULL
                     UNION ALL
                     SELECT above.parent_id, up.steps + 1
                     FROM up CROSS JOIN LATERAL (SELECT parent_id FROM post WHERE post.id = up.id OFFSET 0) above
                     WHERE above.parent_id IS NOT NULL AND up.steps < $2)
                 SELECT id FROM up ORDER BY steps) AS above) l";
    all(db, sql(statement, [ids.into(), most.into()])).await
}
