//! Sessions, tokens and second factors on the wire.

mod passkeys;
mod second_factors;
mod sessions;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use super::factors::{self, Check};
use super::rules::FactorProof;
use super::throttle::{self, Subject};
use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry};
use crate::db::Tx;
use crate::entity::account;
use crate::error::{Code, Error, Result};

pub use sessions::{Arrival, SignedInView, begin};

/// What an entry says of the second factor that was shown.
fn shown(passed: bool, proof: Option<&FactorProof>) -> serde_json::Value {
    match proof.filter(|_| passed) {
        Some(proof) => serde_json::json!({ "second_factor": proof.kind() }),
        None => serde_json::Value::Null,
    }
}

/// Asks somebody who proved one factor for the second, where the account has one. Says whether it was shown, and
/// goes on with the transaction.
///
/// # Errors
/// 401 where it was not, which is recorded as the refusal of `entry`.
async fn pass_factor(
    app: &App,
    tx: Tx,
    account: &account::Model,
    proof: Option<&FactorProof>,
    entry: Entry,
) -> Result<(Tx, bool)> {
    match factors::check(app, &tx, account, proof).await? {
        Check::NotAsked => Ok((tx, false)),
        Check::Passed => Ok((tx, true)),
        check => Err(refuse_factor(app, tx, entry, &check, proof).await?),
    }
}

/// The attempt of somebody who proved one factor, and not by a password, at showing the second. Where the account
/// has one, it is counted like a sign-in by its name: codes are guessed no faster this way. Where it has none,
/// nothing is guessed and nothing is counted.
#[derive(Default)]
pub struct FactorAttempt(Option<Subject>);

impl FactorAttempt {
    /// Counts the attempt, as a failure until it succeeds.
    ///
    /// # Errors
    /// 429 where it comes too soon, 403 where there were too many failures in a row.
    pub async fn count(app: &App, account: &account::Model) -> Result<Self> {
        if !factors::any(&app.db, account.id).await? {
            return Ok(Self(None));
        }
        let subject = Subject::of(account);
        throttle::attempt(app, &subject).await?;
        Ok(Self(Some(subject)))
    }

    /// Asks for the second factor, where there is one. Gives the transaction back, and the kind of the factor that
    /// was shown.
    ///
    /// # Errors
    /// 401 where it was not shown: the transaction is undone, and the refusal recorded as that of `entry`.
    pub async fn pass(
        self,
        app: &App,
        tx: Tx,
        account: &account::Model,
        proof: Option<&FactorProof>,
        entry: Entry,
    ) -> Result<(Tx, Option<&'static str>)> {
        let (tx, passed) = pass_factor(app, tx, account, proof, entry).await?;
        if passed {
            self.succeeded(app, &tx).await?;
        }
        Ok((tx, proof.filter(|_| passed).map(FactorProof::kind)))
    }

    /// Forgets the failures: the factor was shown, now or in the request that this one repeats.
    ///
    /// # Errors
    /// The database is away.
    pub async fn succeeded(&self, app: &App, tx: &Tx) -> Result<()> {
        match &self.0 {
            Some(subject) => throttle::succeeded(app, tx, subject).await,
            None => Ok(()),
        }
    }
}

/// Undoes what was done so far and records that the second factor was not shown. The attempt stays counted.
async fn refuse_factor(
    app: &App,
    tx: Tx,
    entry: Entry,
    check: &Check,
    proof: Option<&FactorProof>,
) -> Result<Error> {
    drop(tx);
    let data = serde_json::json!({ "second_factor": proof.map_or("missing", FactorProof::kind) });
    audit::record_alone(app, Entry { outcome: Outcome::Refused, data, ..entry }).await?;
    Ok(match check {
        Check::Missing => Code::SecondFactorRequired
            .error("Send the same with the app's `totp_code`, a `passkey`, or a `recovery_code`."),
        _ => Code::WrongSecondFactor
            .error("A code is good once and for about a minute: wait for the next one, and mind the clock of the device."),
    })
}

/// Every path about sessions, tokens and second factors.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(sessions::router())
        .merge(tokens::router())
        .merge(second_factors::router())
        .merge(passkeys::router())
}
