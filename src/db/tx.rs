//! Transactions: every write has one.

use std::future::Future;
use std::time::Duration;

use sea_orm::{DatabaseTransaction, TransactionSession};

use crate::error::{Code, Error, Result};

/// A transaction. Writes ask for one, so a write outside a transaction does not compile; dropped without
/// [`Tx::commit`], it leaves no trace.
pub struct Tx(DatabaseTransaction);

impl Tx {
    pub(crate) fn new(transaction: DatabaseTransaction) -> Self {
        Self(transaction)
    }

    /// The connection, for reads and writes inside the transaction.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.0
    }

    /// Makes everything since the beginning durable.
    ///
    /// # Errors
    /// A deferred constraint refused it, or the database went away: then nobody knows whether it is durable.
    pub async fn commit(self) -> Result<()> {
        TransactionSession::commit(self.0).await.map_err(|error| {
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
