//! Signals, looks at who voted, and nullifications: every query and write.

mod inspection;
mod nullification;
mod signals;
mod striking;

pub(super) use inspection::{look, voters_of};
pub(super) use nullification::{
    Nullified, WouldStrike, approve, create, find, find_for_update, hold_cases, lifted, list, of_staff,
    struck, undo, votes_in,
};
pub use nullification::{agreed_by, hold, lift, require_unconcerned};
pub(super) use signals::{Listed, list_signals, named};
pub use signals::{forget_old, watch};
pub use striking::{CHANNEL, nullify_next};

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
        // What people were to be told may be about this one: whoever wants it has to say it anew.
        "UPDATE vote_nullification SET explanation = NULL
         WHERE explanation IS NOT NULL AND (created_by = $1 OR $1 = ANY (account_ids))",
        "UPDATE vote_nullification SET created_by = NULL, credential_id = NULL, reason = '' WHERE created_by = $1",
        "UPDATE vote_nullification SET approved_by = NULL WHERE approved_by = $1",
        "UPDATE vote_nullification SET undone_by = NULL WHERE undone_by = $1",
        // What is left of a group without one of them is found again.
        "DELETE FROM vote_signal WHERE id IN (SELECT signal_id FROM vote_signal_account WHERE account_id = $1)",
    ] {
        tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    }
    Ok(())
}
