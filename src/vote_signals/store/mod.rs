//! Signals, looks at who voted, and nullifications: every query and write.

mod inspection;
mod nullification;
mod signals;

pub(super) use inspection::{look, voters_of};
pub use nullification::{CHANNEL, nullify_next};
pub(super) use nullification::{Nullified, create, find, find_for_update, list, of_staff, struck, undo};
pub(super) use signals::{Listed, list_signals, named};
pub use signals::{forget_old, watch};

use sea_orm::ConnectionTrait;

use crate::db::{Tx, sql};
use crate::error::Result;
use crate::ids::AccountId;

/// Takes away what somebody gave as a reason and that it was they, and what was found of them, where their account is
/// erased. Votes that were struck stay struck.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, id: AccountId) -> Result<()> {
    for statement in [
        "UPDATE vote_inspection SET actor_id = NULL, reason = '' WHERE actor_id = $1",
        "UPDATE vote_nullification SET created_by = NULL, reason = '' WHERE created_by = $1",
        "UPDATE vote_nullification SET undone_by = NULL WHERE undone_by = $1",
        // What is left of a group without one of them is found again.
        "DELETE FROM vote_signal WHERE id IN (SELECT signal_id FROM vote_signal_account WHERE account_id = $1)",
    ] {
        tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    }
    Ok(())
}
