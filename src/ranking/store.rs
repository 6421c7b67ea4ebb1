//! Writing the stored places of posts and topics.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::rules::Standing;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, sql};
use crate::error::Result;
use crate::ids::{PostId, TopicId};

/// Microseconds since 1970; exact in a double until the year 2255.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 microseconds, the year 2255")]
fn micros(time: Time) -> f64 {
    time.timestamp_micros() as f64
}

/// Gives a new post its place among the children of its branch: its parent, or the topic for a root.
///
/// # Errors
/// The database is away.
pub async fn insert_post(
    tx: &Tx,
    id: PostId,
    branch: Uuid,
    standing: Standing,
    created_at: Time,
) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "INSERT INTO post_rank (post_id, branch_id, best, top, hot, controversial, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                id.into(),
                branch.into(),
                standing.best.into(),
                standing.top.into(),
                standing.hot.into(),
                standing.controversial.into(),
                micros(created_at).into(),
            ],
        ))
        .await?;
    Ok(())
}

/// Moves posts to other places, where they are others: closes the versions in force and adds one for each.
///
/// # Errors
/// The database is away.
pub async fn update_posts(tx: &Tx, standings: &[(PostId, Standing)], now: Time) -> Result<()> {
    if standings.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = standings.iter().map(|(id, _)| id.0).collect();
    let keys = |key: fn(&Standing) -> f64| -> Vec<f64> {
        standings.iter().map(|(_, standing)| key(standing)).collect()
    };
    tx.conn()
        .execute_raw(sql(
            "WITH closed AS (
                 UPDATE post_rank r SET until = pg_current_xact_id(), closed_at = $6
                 FROM unnest($1::uuid[], $2::float8[], $3::float8[], $4::float8[], $5::float8[])
                      AS s (post_id, best, top, hot, controversial)
                 WHERE r.post_id = s.post_id AND r.until IS NULL
                   AND (r.best, r.top, r.hot, r.controversial) IS DISTINCT FROM (s.best, s.top, s.hot, s.controversial)
                 RETURNING r.post_id, r.branch_id, s.best, s.top, s.hot, s.controversial, r.created)
             INSERT INTO post_rank (post_id, branch_id, best, top, hot, controversial, created)
             SELECT post_id, branch_id, best, top, hot, controversial, created FROM closed",
            [
                ids.into(),
                keys(|standing| standing.best).into(),
                keys(|standing| standing.top).into(),
                keys(|standing| standing.hot).into(),
                keys(|standing| standing.controversial).into(),
                now.into(),
            ],
        ))
        .await?;
    Ok(())
}

/// Lists a post among the children of another branch, in the place that it had among those of the one before.
///
/// # Errors
/// The database is away.
pub async fn move_post(tx: &Tx, id: PostId, branch: Uuid, now: Time) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "WITH closed AS (
                 UPDATE post_rank SET until = pg_current_xact_id(), closed_at = $3
                 WHERE post_id = $1 AND until IS NULL
                 RETURNING best, top, hot, controversial, created)
             INSERT INTO post_rank (post_id, branch_id, best, top, hot, controversial, created)
             SELECT $1, $2, best, top, hot, controversial, created FROM closed",
            [id.into(), branch.into(), now.into()],
        ))
        .await?;
    Ok(())
}

/// Gives a topic its place in the list of topics.
///
/// # Errors
/// The database is away.
pub async fn insert_topic(tx: &Tx, id: TopicId, created_at: Time) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "INSERT INTO topic_rank (topic_id, active, top, created) VALUES ($1, $2, 0, $3)",
            [id.into(), (-micros(created_at)).into(), micros(created_at).into()],
        ))
        .await?;
    Ok(())
}

/// Moves a topic to the place that its last activity and its participants give it.
///
/// # Errors
/// The database is away.
pub async fn update_topic(
    tx: &Tx,
    id: TopicId,
    last_activity_at: Time,
    participants: i32,
    now: Time,
) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "WITH closed AS (
                 UPDATE topic_rank SET until = pg_current_xact_id(), closed_at = $4
                 WHERE topic_id = $1 AND until IS NULL
                   AND (active, top) IS DISTINCT FROM ($2::float8, $3::float8)
                 RETURNING created)
             INSERT INTO topic_rank (topic_id, active, top, created) SELECT $1, $2, $3, created FROM closed",
            [id.into(), (-micros(last_activity_at)).into(), f64::from(-participants).into(), now.into()],
        ))
        .await?;
    Ok(())
}

/// Drops versions of places that no walk can ask for any more, a lot of them at a time.
///
/// # Errors
/// The database is away.
pub async fn forget_closed(app: &App, tx: &Tx) -> Result<u64> {
    let lifetime = TimeDelta::seconds(app.config.lists.cursor_lifetime_secs.into());
    // A walk is ended by the second; an hour more keeps clocks that differ out of it.
    let before = app.now() - lifetime - TimeDelta::hours(1);
    let mut forgotten = 0;
    for statement in [
        "DELETE FROM post_rank WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM post_rank WHERE closed_at < $1 AND until IS NOT NULL LIMIT 10000))",
        "DELETE FROM topic_rank WHERE ctid = ANY(ARRAY(
             SELECT ctid FROM topic_rank WHERE closed_at < $1 AND until IS NOT NULL LIMIT 10000))",
    ] {
        forgotten += tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected();
    }
    Ok(forgotten)
}
