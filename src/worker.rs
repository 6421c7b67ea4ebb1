//! Work that no request waits for, done from time to time in the same process as the server.

use std::time::Duration;

use crate::accounts;
use crate::app::App;
use crate::audit;
use crate::auth;
use crate::db::{idempotency, rate_limit};
use crate::error::Result;
use crate::ranking;
use crate::roles;
use crate::trust;

/// A statement drops so many rows at the most: fewer in all means that nothing is left.
const LOT: u64 = 10_000;

/// How long it rests between two rounds.
const REST: Duration = Duration::from_mins(5);

/// Does what is due, rests, and starts again, until it is dropped.
pub async fn run(app: App) {
    let mut trusted = None;
    loop {
        match tidy(&app).await {
            Ok(forgotten) if forgotten > 0 => {
                tracing::info!(forgotten, "dropped what nobody can ask for any more");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "tidying up; will try again in {REST:?}"),
        }
        match trust::raise(&app, trusted).await {
            Ok(next) => trusted = next,
            Err(error) => tracing::warn!(%error, "raising trust levels; will try again in {REST:?}"),
        }
        if let Err(error) = audit::checkpoint(&app).await {
            let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
            tracing::error!(%error, cause, "signing where the audit log stands; will try again in {REST:?}");
        }
        app.limits.forget_idle();
        tokio::time::sleep(REST).await;
    }
}

/// Drops what nobody can ask for any more: kept answers, old places in lists, counts of limits that would
/// refuse nobody, and roles shown beside names after they expired.
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
            + auth::forget_unknown(app, &tx).await?
            + roles::forget_expired(app, &tx).await?
            + accounts::forget_released(app, &tx).await?;
        tx.commit().await?;
        forgotten += lot;
        if lot < LOT {
            return Ok(forgotten);
        }
    }
}
