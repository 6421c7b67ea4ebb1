//! The jobs, and the work on them.

mod erasure;
mod export;

pub use erasure::erase_next;
pub(super) use erasure::{cancel, find as find_erasure, request as request_erasure};
pub(super) use export::{find as find_export, open, request as request_export};
pub use export::{forget_expired, prepare_next};

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::clock::Time;
use crate::db::{Tx, one, sql};
use crate::error::Result;

/// The channel on which the database says that a copy or an erasure was asked for.
pub const CHANNEL: &str = "otherwise_own_data";

/// Wakes the workers when this transaction is committed.
async fn ring(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Next {
    due_at: Option<Time>,
}

/// When the next account is to be erased.
///
/// # Errors
/// The database is away.
pub async fn next_due(db: &impl ConnectionTrait) -> Result<Option<Time>> {
    let statement = "SELECT min(greatest(due_at, hold_until)) AS due_at FROM erasure";
    Ok(one::<Next>(db, sql(statement, [])).await?.and_then(|next| next.due_at))
}
