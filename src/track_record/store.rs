//! Reading track records.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};

use crate::clock::Time;
use crate::db::{all, one, sql};
use crate::entity::topic;
use crate::error::Result;
use crate::http::page::Limit;
use crate::ids::{AccountId, CredenceId, ScenarioId, TopicId};

/// How much somebody did.
#[derive(Debug, FromQueryResult)]
pub(super) struct Counts {
    pub(super) topics: i64,
    pub(super) mind_changes_made: i64,
    pub(super) people_moved: i64,
    pub(super) posts_that_moved: i64,
    pub(super) implications: i64,
}

/// Counts what somebody did.
///
/// # Errors
/// The database is away.
pub(super) async fn counts(db: &impl ConnectionTrait, id: AccountId) -> Result<Option<Counts>> {
    let statement = "SELECT
            (SELECT count(*) FROM credence_in_force WHERE account_id = $1) AS topics,
            (SELECT count(*) FROM mind_change WHERE account_id = $1) AS mind_changes_made,
            (SELECT count(DISTINCT m.account_id) FROM mind_change m JOIN post p ON p.id = m.post_id
             WHERE p.author_id = $1 AND is_shown(p.status) AND m.counts) AS people_moved,
            (SELECT count(DISTINCT m.post_id) FROM mind_change m JOIN post p ON p.id = m.post_id
             WHERE p.author_id = $1 AND is_shown(p.status) AND m.counts) AS posts_that_moved,
            (SELECT count(*) FROM implication WHERE author_id = $1) AS implications";
    one(db, sql(statement, [id.into()])).await
}

/// What somebody believes in one topic.
#[derive(Debug, FromQueryResult)]
pub(super) struct Belief {
    pub(super) credence_id: CredenceId,
    pub(super) topic_id: TopicId,
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) number: i32,
    pub(super) scenario_set_version: i32,
    pub(super) stale: bool,
    pub(super) created_at: Time,
    /// Whether the reader stated credences there too.
    pub(super) is_open_to_reader: bool,
}

/// What somebody believes, topic by topic, the one they spoke of last first: those before a vector, and one more than
/// fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn beliefs(
    db: &impl ConnectionTrait,
    of: AccountId,
    reader: Option<AccountId>,
    before: Option<CredenceId>,
    limit: Limit,
) -> Result<Vec<Belief>> {
    let statement =
        "SELECT c.id AS credence_id, t.id AS topic_id, t.slug, t.title, c.number, c.scenario_set_version,
                c.scenario_set_version < t.comparable_since AS stale, c.created_at,
                CASE WHEN $2::uuid IS NULL THEN t.crowd_shown_to_guests
                     ELSE EXISTS (SELECT FROM credence_in_force own
                                  WHERE own.topic_id = t.id AND own.account_id = $2) END AS is_open_to_reader
         FROM credence_in_force f
         JOIN credence c ON (c.topic_id, c.account_id, c.number) = (f.topic_id, f.account_id, f.number)
         JOIN topic t ON t.id = f.topic_id
         WHERE f.account_id = $1 AND is_shown(t.status) AND ($3::uuid IS NULL OR c.id < $3)
         ORDER BY c.id DESC LIMIT $4";
    let values = [of.into(), reader.into(), before.into(), limit.and_one().into()];
    all(db, sql(statement, values)).await
}

/// What vectors give the top-level scenarios.
///
/// # Errors
/// The database is away.
pub(super) async fn vectors(
    db: &impl ConnectionTrait,
    ids: Vec<CredenceId>,
) -> Result<HashMap<CredenceId, Vec<(ScenarioId, i32)>>> {
    let mut vectors: HashMap<CredenceId, Vec<(ScenarioId, i32)>> = HashMap::new();
    let statement = "SELECT p.credence_id, p.scenario_id, p.bp FROM credence_part p
                     JOIN scenario s ON s.id = p.scenario_id AND s.parent_scenario_id IS NULL
                     WHERE p.credence_id = ANY ($1) ORDER BY p.scenario_id";
    let ids: Vec<_> = ids.into_iter().map(|id| id.0).collect();
    let parts: Vec<PartRow> = all(db, sql(statement, [ids.into()])).await?;
    for part in parts {
        vectors.entry(part.credence_id).or_default().push((part.scenario_id, part.bp));
    }
    Ok(vectors)
}

#[derive(FromQueryResult)]
struct PartRow {
    credence_id: CredenceId,
    scenario_id: ScenarioId,
    bp: i32,
}

/// The slugs of topics.
///
/// # Errors
/// The database is away.
pub(super) async fn slugs(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = TopicId>,
) -> Result<HashMap<TopicId, String>> {
    let rows = topic::Entity::find()
        .select_only()
        .columns([topic::Column::Id, topic::Column::Slug])
        .filter(topic::Column::Id.is_in(ids))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}
