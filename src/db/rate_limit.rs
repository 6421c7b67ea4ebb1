//! Limits that are kept in the database, so that restarts do not forget them and servers share them.

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::clock::Time;
use crate::db::{Tx, one, sql};
use crate::error::{Error, LimitState, Result};

/// One bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The limit.
    pub name: String,
    /// The keyed hash of who is counted.
    pub key_hash: [u8; 32],
    /// So many are let through in a window, at once or spread.
    pub quota: u32,
    /// The window, in seconds.
    pub window: u32,
}

#[derive(FromQueryResult)]
struct Counted {
    /// The bucket after it was counted; nothing where it was not let through.
    counted: Option<Time>,
    /// The bucket as it was before.
    before: Option<Time>,
}

/// Counts one event, and says whether it is let through and how the limit stands. Those that are not let
/// through leave the bucket as it was. The caller commits before it does the work, so that work that fails
/// is counted as well.
///
/// This is GCRA (ITU-T I.371, Annex A): a bucket is full again at its theoretical arrival time, each event
/// moves that by `window / quota`, and none may move it further than a window from now.
///
/// # Errors
/// The database is away.
pub async fn count(tx: &Tx, bucket: &Bucket, now: Time) -> Result<(bool, LimitState)> {
    // An upsert decides on the newest version of the row, so events at the same time queue up.
    let statement = "WITH counted AS (
             INSERT INTO rate_limit AS r (name, key_hash, full_at)
             VALUES ($1, $2, $3 + $4 * interval '1 microsecond')
             ON CONFLICT ON CONSTRAINT rate_limit_pkey DO UPDATE
                SET full_at = greatest(r.full_at, $3) + $4 * interval '1 microsecond'
              WHERE greatest(r.full_at, $3) + $4 * interval '1 microsecond' <= $3 + $5 * interval '1 second'
             RETURNING full_at)
         SELECT (SELECT full_at FROM counted) AS counted,
                (SELECT full_at FROM rate_limit WHERE name = $1 AND key_hash = $2) AS before";
    let window = i64::from(bucket.window);
    // A microsecond at least: that is how exactly the database keeps times, and more than a million a second is no limit.
    let each = (window * 1_000_000 / i64::from(bucket.quota.max(1))).max(1);
    let values = [
        bucket.name.as_str().into(),
        bucket.key_hash.to_vec().into(),
        now.into(),
        each.into(),
        window.into(),
    ];
    let found: Option<Counted> = one(tx.conn(), sql(statement, values)).await?;
    let Counted { counted, before } =
        found.ok_or_else(|| Error::internal(anyhow::anyhow!("a limit was not counted")))?;
    let until = |time: Time| (time - now).num_microseconds().unwrap_or(i64::MAX).max(0);
    let state = |remaining: i64, reset: i64| LimitState {
        name: bucket.name.clone().into(),
        quota: bucket.quota,
        window: bucket.window,
        remaining: u32::try_from(remaining).unwrap_or(0),
        reset: u32::try_from(reset).unwrap_or(u32::MAX),
    };
    let window_micros = window * 1_000_000;
    let Some(full_at) = counted else {
        let wait = before.map_or(0, until) + each - window_micros;
        return Ok((false, state(0, wait.max(0) / 1_000_000 + 1)));
    };
    Ok((true, state((window_micros - until(full_at)) / each, window)))
}

/// Forgets buckets that are full again.
///
/// # Errors
/// The database is away.
pub async fn forget_full(tx: &Tx, now: Time) -> Result<u64> {
    // Those in use are left for the next time: who counts holds several, and must not be waited for.
    let statement = "DELETE FROM rate_limit WHERE (name, key_hash) IN
         (SELECT name, key_hash FROM rate_limit WHERE full_at <= $1 LIMIT 10000 FOR UPDATE SKIP LOCKED)";
    Ok(tx.conn().execute_raw(sql(statement, [now.into()])).await?.rows_affected())
}
