//! Retries that land once: the answer to a creating request is kept, in the transaction that creates.

use sea_orm::ConnectionTrait;
use sea_orm::FromQueryResult;

use crate::app::App;
use crate::db::{Tx, one, sql};
use crate::error::{Code, Result};

/// How long an answer is kept, in hours.
pub const KEPT_HOURS: i32 = 24;

/// A creating request that may be a retry.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Who asks: keys of different people never meet.
    pub scope: String,
    /// The client's key.
    pub key: String,
    /// Method and path.
    pub operation: String,
    /// The keyed hash of the body.
    pub fingerprint: Vec<u8>,
}

impl Attempt {
    fn context(&self) -> String {
        format!("idempotency\0{}\0{}", self.scope, self.key)
    }
}

#[derive(FromQueryResult)]
struct Kept {
    operation: String,
    fingerprint: Vec<u8>,
    sealed_answer: Option<Vec<u8>>,
}

/// Takes the key for this transaction, or finds the answer that the first request with it got. While
/// another request with the key is at work, this waits for it.
///
/// # Errors
/// The key was used for another request, or the first one is at work for too long.
pub async fn claim(app: &App, tx: &Tx, attempt: &Attempt) -> Result<Option<Vec<u8>>> {
    let inserted = tx
        .conn()
        .execute_raw(sql(
            "INSERT INTO idempotency_key (scope, key, operation, fingerprint, created_at)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT ON CONSTRAINT idempotency_key_pkey DO NOTHING",
            [
                attempt.scope.as_str().into(),
                attempt.key.as_str().into(),
                attempt.operation.as_str().into(),
                attempt.fingerprint.clone().into(),
                app.now().into(),
            ],
        ))
        .await
        .map_err(|error| {
            let error = crate::error::Error::from(error);
            if error.lock_timeout {
                Code::IdempotencyKeyInUse
                    .error("Wait for its answer, or ask again in a moment.")
                    .retry_after(2)
            } else {
                error
            }
        })?
        .rows_affected();
    if inserted == 1 {
        return Ok(None);
    }
    let kept: Option<Kept> = one(
        tx.conn(),
        sql(
            "SELECT operation, fingerprint, sealed_answer FROM idempotency_key WHERE scope = $1 AND key = $2",
            [attempt.scope.as_str().into(), attempt.key.as_str().into()],
        ),
    )
    .await?;
    let Some(Kept { operation, fingerprint, sealed_answer: Some(sealed) }) = kept else {
        return Err(Code::IdempotencyKeyInUse.error("Ask again in a moment.").retry_after(2));
    };
    if operation != attempt.operation || fingerprint != attempt.fingerprint {
        return Err(
            Code::IdempotencyKeyReused.error("Use a new Idempotency-Key for every new thing you create.")
        );
    }
    app.keys.open(&attempt.context(), &sealed).map(Some)
}

/// Keeps the answer beside the key.
///
/// # Errors
/// The database is away.
pub async fn record(app: &App, tx: &Tx, attempt: &Attempt, answer: Vec<u8>) -> Result<()> {
    let sealed = app.keys.seal(&attempt.context(), answer)?;
    tx.conn()
        .execute_raw(sql(
            "UPDATE idempotency_key SET sealed_answer = $3 WHERE scope = $1 AND key = $2",
            [attempt.scope.as_str().into(), attempt.key.as_str().into(), sealed.into()],
        ))
        .await?;
    Ok(())
}

/// Forgets the answers to one asker.
///
/// # Errors
/// The database is away.
pub async fn forget_of(tx: &Tx, scope: &str) -> Result<()> {
    tx.conn().execute_raw(sql("DELETE FROM idempotency_key WHERE scope = $1", [scope.into()])).await?;
    Ok(())
}

/// Forgets the answers that are older than [`KEPT_HOURS`].
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - chrono::TimeDelta::hours(KEPT_HOURS.into());
    let forgotten = tx
        .conn()
        .execute_raw(sql(
            "DELETE FROM idempotency_key WHERE ctid = ANY(ARRAY(
                 SELECT ctid FROM idempotency_key WHERE created_at < $1 LIMIT 10000))",
            [before.into()],
        ))
        .await?;
    Ok(forgotten.rows_affected())
}
