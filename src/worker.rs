//! Work that no request waits for, done from time to time in the same process as the server.

use std::time::Duration;

use crate::app::App;
use crate::db::{idempotency, rate_limit};
use crate::error::Result;
use crate::{auth, ranking};

/// A statement drops so many rows at the most: fewer in all means that nothing is left.
const LOT: u64 = 10_000;

/// How long it rests between two rounds.
const REST: Duration = Duration::from_mins(5);

/// Does what is due, rests, and starts again, until it is dropped.
pub async fn run(app: App) {
    loop {
        match tidy(&app).await {
            Ok(forgotten) if forgotten > 0 => {
                tracing::info!(forgotten, "dropped what nobody can ask for any more");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "tidying up; will try again in {REST:?}"),
        }
        app.limits.forget_idle();
        tokio::time::sleep(REST).await;
    }
}

/// Drops what nobody can ask for any more: kept answers, old places in lists, and counts of limits that
/// would refuse nobody.
///
/// # Errors
/// The database is away.
pub async fn tidy(app: &App) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        // So many at a time, each lot for good: however much has gathered, no statement takes long.
        let tx = app.begin().await?;
        let lot = idempotency::forget_old(app, &tx).await?
            + ranking::forget_closed(app, &tx).await?
            + rate_limit::forget_full(&tx, app.now()).await?
            + auth::forget_unknown(app, &tx).await?;
        tx.commit().await?;
        forgotten += lot;
        if lot < LOT {
            return Ok(forgotten);
        }
    }
}
