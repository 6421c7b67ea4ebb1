//! Transactions: every write has one.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, FromQueryResult, IsolationLevel,
    TransactionSession, TransactionTrait,
};
use tracing::Instrument;
use uuid::Uuid;

use super::{all, one, sql};
use crate::changes::{Change, Changes, Pending};
use crate::clock::Time;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, ActionId};

#[derive(FromQueryResult)]
struct InForce {
    ids: Vec<Uuid>,
}

#[derive(FromQueryResult)]
struct Held {
    id: AccountId,
}

#[derive(FromQueryResult)]
struct Tried {
    is_ours: bool,
}

/// A transaction. Writes ask for one, so a write outside a transaction does not compile; dropped without
/// [`Tx::commit`], it leaves no trace.
pub struct Tx {
    transaction: DatabaseTransaction,
    changes: Pending,
}

/// Begins a transaction, in a task of its own that goes on when nobody waits for it any more: sqlx 0.9 knows that a transaction
/// is open only once the database has said so, and would give a connection back with one that was given up before.
///
/// # Errors
/// The database is away, or no connection became free in time.
pub(crate) async fn begin(
    db: &DatabaseConnection,
    isolation: Option<IsolationLevel>,
    access: Option<AccessMode>,
) -> Result<DatabaseTransaction> {
    let db = db.clone();
    let begin = async move { db.begin_with_config(isolation, access).await };
    Ok(tokio::spawn(begin.in_current_span()).await.map_err(Error::internal)??)
}

impl Tx {
    pub(crate) fn new(transaction: DatabaseTransaction, changes: Arc<Changes>) -> Self {
        Self { transaction, changes: Pending::new(changes) }
    }

    /// Says what this changes of what everybody may read, so that no answer from before is given afterwards.
    pub fn changes(&self, change: Change) {
        self.changes.add(change);
    }

    /// Has readers find out what this changes when what is kept for them is no longer, as if another server had done it.
    /// Where one transaction follows another, each would have everybody wait for the same answer anew.
    pub fn changes_unnoticed(&mut self) {
        self.changes.leave_unnoticed();
    }

    /// The connection, for reads and writes inside the transaction.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Waits for whoever else has this name, and has it alone until the transaction ends. Names are given in the order in
    /// which they were asked for, shared or not, unlike rows: those who share one of these pass whoever waits to have it
    /// alone, for as long as any more of them come.
    ///
    /// # Errors
    /// The wait was too long, or the database is away.
    pub async fn queue(&self, name: &str) -> Result<()> {
        let statement = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))";
        self.transaction.execute_raw(sql(statement, [name.into()])).await?;
        Ok(())
    }

    /// The same where nobody else has it at the moment; says whether that was so.
    ///
    /// # Errors
    /// The database is away.
    pub async fn try_queue(&self, name: &str) -> Result<bool> {
        let statement = "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0)) AS is_ours";
        let found: Option<Tried> = one(&self.transaction, sql(statement, [name.into()])).await?;
        Ok(found.is_some_and(|found| found.is_ours))
    }

    /// The same as [`Tx::queue`], together with others who share it.
    ///
    /// # Errors
    /// As [`Tx::queue`].
    pub async fn queue_shared(&self, name: &str) -> Result<()> {
        let statement = "SELECT pg_advisory_xact_lock_shared(hashtextextended($1::text, 0))";
        self.transaction.execute_raw(sql(statement, [name.into()])).await?;
        Ok(())
    }

    /// What keeps somebody from something at a moment. Until this transaction ends, nobody else is kept from anything they
    /// may do in it: whoever is about to has the queue of their account alone.
    ///
    /// # Errors
    /// As [`Tx::queue`].
    pub async fn sanctions_of(&self, account: AccountId, now: Time) -> Result<Vec<ActionId>> {
        let statement = "SELECT sanctions_of($1, $2) AS ids";
        let found: Option<InForce> =
            one(&self.transaction, sql(statement, [account.into(), now.into()])).await?;
        Ok(found.map_or_else(Vec::new, |found| found.ids.into_iter().map(ActionId).collect()))
    }

    /// Shares the queue of each of these accounts, as [`Tx::sanctions_of`] does, but without a wait: gives those that nobody is
    /// about to keep from something. What is read by the next statement of their sanctions holds until the end.
    ///
    /// # Errors
    /// The database is away.
    pub async fn hold_accounts(&self, accounts: Vec<Uuid>) -> Result<HashSet<AccountId>> {
        let statement = "SELECT account AS id FROM unnest($1::uuid[]) AS account
                         WHERE pg_try_advisory_xact_lock_shared(hashtextextended('account ' || account, 0))";
        let held: Vec<Held> = all(&self.transaction, sql(statement, [accounts.into()])).await?;
        Ok(held.into_iter().map(|held| held.id).collect())
    }

    /// Has the statements of this transaction use the plans that hold for all values, which are made once for a connection.
    ///
    /// # Errors
    /// The database is away.
    pub(crate) async fn plan_once(&self) -> Result<()> {
        let statement = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)";
        self.transaction.execute_raw(sql(statement, [])).await?;
        Ok(())
    }

    /// Undoes everything since the beginning, and lets go of what it held before this returns; a transaction that is dropped
    /// does so some time later.
    ///
    /// # Errors
    /// The database is away, which undoes it as well.
    pub async fn undo(self) -> Result<()> {
        Ok(TransactionSession::rollback(self.transaction).await?)
    }

    /// Makes everything since the beginning durable.
    ///
    /// # Errors
    /// A deferred constraint refused it, or the database went away: then nobody knows whether it is durable.
    pub async fn commit(self) -> Result<()> {
        // What was changed is noted when `changes` is dropped: after the commit, or when it is given up.
        let Self { transaction, changes } = self;
        let committed = TransactionSession::commit(transaction).await;
        drop(changes);
        committed.map_err(|error| {
            let mut error = Error::from(error);
            // A transaction given up for another one is undone for sure; of one whose answer was lost
            // nothing is sure.
            if error.code == Code::Unavailable && !error.contended {
                error.detail =
                    "The answer of the database was lost, so this may have been done or not: look, or \
                                repeat it with the same Idempotency-Key."
                        .into();
            }
            error
        })
    }
}

/// Runs a whole transaction again, at most three times, when the database gave it up for the sake of
/// another one (deadlock or serialisation failure).
///
/// # Errors
/// Those of `attempt`; the last one when every attempt was given up.
pub async fn retry<T, F, Fut>(mut attempt: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    for tried in 1..=3u64 {
        match attempt().await {
            Err(error) if error.code == Code::Unavailable && error.contended => {
                // Chance keeps two transactions that met once from meeting again.
                let jitter = u64::from(crate::keys::random::<1>()?[0]) / 16;
                tokio::time::sleep(Duration::from_millis(tried * 4 + jitter)).await;
            }
            done => return done,
        }
    }
    attempt().await
}
