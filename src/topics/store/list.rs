//! Reading the list of topics.

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::clock::Time;
use crate::db::keyset::{RankPosition, Snapshot, Walk, bound};
use crate::db::{all, sql};
use crate::error::Result;
use crate::historic_date::HistoricDate;
use crate::http::page::Limit;
use crate::ids::TopicId;
use crate::policy::Actor;
use crate::roles::rules::{Permission, Place};
use crate::topics::rules::TopicStatus;

/// The order of the list of topics.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub(in crate::topics) enum TopicOrder {
    /// The one that was posted in last comes first.
    #[default]
    Active,
    /// The one that was made last comes first.
    New,
    /// The one with the most participants comes first.
    Top,
}

/// A line of the list of topics.
#[derive(Debug, Clone, FromQueryResult)]
pub(in crate::topics) struct SummaryRow {
    pub id: TopicId,
    pub slug: String,
    pub title: String,
    pub question_text: Option<String>,
    pub status: TopicStatus,
    pub event_title: Option<String>,
    pub event_date: Option<HistoricDate>,
    pub event_place: Option<String>,
    pub event_summary: Option<String>,
    pub tags: serde_json::Value,
    pub post_count: i32,
    pub participant_count: i32,
    pub last_activity_at: Time,
    pub is_pinned: bool,
    key: f64,
    snapshot: String,
}

impl SummaryRow {
    /// The place after this line in a walk.
    pub(in crate::topics) fn position(&self, walk: &Walk) -> RankPosition {
        RankPosition::after(self.key, self.id.0, walk)
    }

    /// The snapshot of the database that this answer was read in.
    pub(in crate::topics) fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::parse(&self.snapshot)
    }
}

/// The statement that reads the list of topics in one order. Drafts are shown to their
/// author and to whoever may edit them, what was taken out of sight to its author alone: moderators find it by its case.
macro_rules! topics_by {
    ($key:literal, $after:literal, $direction:literal) => {
        concat!(
            "WITH listed AS (
                 (SELECT r.topic_id, r.", $key, " AS key FROM topic_rank r
                  WHERE r.until IS NULL AND (r.", $key, ", r.topic_id) ", $after, " ($1, $2)
                    AND ($3::text IS NULL OR pg_visible_in_snapshot(r.since, $3::pg_snapshot))
                    AND ($4::text IS NULL OR EXISTS (SELECT FROM topic_tag g WHERE g.topic_id = r.topic_id AND g.tag = $4))
                    AND EXISTS (SELECT FROM topic t WHERE t.id = r.topic_id AND (t.is_pinned OR NOT $10)
                                AND (is_shown(t.status) OR t.author_id = $5 OR (t.status = 'draft' AND ($6 OR t.id = ANY ($8)
                                     OR coalesce((SELECT true FROM topic_tag g WHERE g.topic_id = t.id
                                                  AND g.tag = ANY ($9) LIMIT 1), false)))))
                  ORDER BY r.", $key, " ", $direction, ", r.topic_id ", $direction, " LIMIT $7)
                 UNION ALL
                 (SELECT r.topic_id, r.", $key, " FROM topic_rank r
                  WHERE $3::text IS NOT NULL AND r.until >= pg_snapshot_xmin($3::pg_snapshot) AND (r.", $key, ", r.topic_id) ", $after, " ($1, $2)
                    AND pg_visible_in_snapshot(r.since, $3::pg_snapshot)
                    AND NOT pg_visible_in_snapshot(r.until, $3::pg_snapshot)
                    AND ($4::text IS NULL OR EXISTS (SELECT FROM topic_tag g WHERE g.topic_id = r.topic_id AND g.tag = $4))
                    AND EXISTS (SELECT FROM topic t WHERE t.id = r.topic_id AND (t.is_pinned OR NOT $10)
                                AND (is_shown(t.status) OR t.author_id = $5 OR (t.status = 'draft' AND ($6 OR t.id = ANY ($8)
                                     OR coalesce((SELECT true FROM topic_tag g WHERE g.topic_id = t.id
                                                  AND g.tag = ANY ($9) LIMIT 1), false)))))
                  ORDER BY r.", $key, " ", $direction, ", r.topic_id ", $direction, " LIMIT $7)
             )
             SELECT t.id, t.slug, t.title, t.question_text, t.status, e.title AS event_title, e.date AS event_date,
                    e.place AS event_place, e.summary AS event_summary,
                    (SELECT coalesce(jsonb_agg(g.tag ORDER BY g.position), '[]') FROM topic_tag g WHERE g.topic_id = t.id) AS tags,
                    a.post_count, a.participant_count, a.last_activity_at, t.is_pinned,
                    l.key, pg_current_snapshot()::text AS snapshot
             FROM listed l
             JOIN topic t ON t.id = l.topic_id
             JOIN topic_activity a ON a.topic_id = l.topic_id
             LEFT JOIN historical_event e ON e.id = t.event_id
             ORDER BY l.key ", $direction, ", l.topic_id ", $direction, " LIMIT $7"
        )
    };
}

/// Reads a page of the list of topics, one line more than asked for.
///
/// # Errors
/// The database is away.
pub(in crate::topics) async fn list(
    db: &impl ConnectionTrait,
    actor: &Actor,
    order: TopicOrder,
    (tag, pinned): (Option<&str>, bool),
    after: Option<&RankPosition>,
    limit: Limit,
) -> Result<Vec<SummaryRow>> {
    let (text, descending) = match order {
        TopicOrder::Active => (topics_by!("active", ">", "ASC"), false),
        TopicOrder::Top => (topics_by!("top", ">", "ASC"), false),
        TopicOrder::New => (topics_by!("created", "<", "DESC"), true),
    };
    let (key, id) = bound(after, descending);
    let powers = actor.signed_in().map(|account| &account.powers);
    let (topics, tags) = powers.map(|powers| powers.scopes_of(Permission::TopicEdit)).unwrap_or_default();
    all(
        db,
        sql(
            text,
            [
                key.into(),
                id.into(),
                after.map(RankPosition::snapshot).into(),
                tag.map(str::to_owned).into(),
                actor.id().into(),
                actor.has(Permission::TopicEdit, Place::Site).into(),
                limit.and_one().into(),
                topics.into_iter().map(|id| id.0).collect::<Vec<_>>().into(),
                tags.into(),
                pinned.into(),
            ],
        ),
    )
    .await
}
