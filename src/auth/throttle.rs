//! Guessing passwords and codes of second factors, which share one count: every attempt counts before the
//! password is looked at, so that attempts at the same time count exactly; success clears. What is counted is the login as it was sent, a name or an address, and
//! logins that nobody has like others: a count that a name and an address shared would tell whose address it
//! is, and one that only real logins have, which are real. So an account, with its two logins, bears twice as
//! many failures as one login. Sessions in force are not touched: nobody can be signed out this way.

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::factors;
use crate::accounts;
use crate::accounts::rules::PasswordAttempt;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, sql};
use crate::entity::{account, sign_in_failure};
use crate::error::{Code, Result};
use crate::hashing::Verdict;
use crate::http::limits::{Durable, Key, count_durably};
use crate::ids::AccountId;

/// So many failures in a row cost nothing; from then on the wait doubles from one second up.
const FREE_FAILURES: i32 = 5;

/// The longest wait after a failure, in seconds.
const LONGEST_WAIT: i64 = 15 * 60;

/// For how many days the failures of a login that no account has are kept.
const UNKNOWN_KEPT_DAYS: i64 = 90;

/// Whose password somebody tries.
#[derive(Debug)]
pub(super) struct Subject {
    account_id: Option<AccountId>,
    /// The login in the form in which it is compared.
    key: String,
}

impl Subject {
    /// A login, and the account that has it.
    pub(super) fn new(account_id: Option<AccountId>, login: &str) -> Self {
        Self { account_id, key: accounts::login_key(login) }
    }

    /// An account, by its name.
    pub(super) fn of(account: &account::Model) -> Self {
        Self::new(Some(account.id), &account.username)
    }

    fn hash(&self, app: &App) -> Vec<u8> {
        app.keys.pseudonym("sign-in failures", self.key.as_bytes()).to_vec()
    }
}

/// Counts an attempt, as a failure until it succeeds, and commits that.
///
/// # Errors
/// 429 where it comes too soon, 403 where there were too many failures in a row.
pub(super) async fn attempt(app: &App, subject: &Subject) -> Result<()> {
    let limits = [(Durable::SignInPerAccount, Key::Text(&subject.key)), (Durable::SignInInAll, Key::All)];
    count_durably(app, &limits).await?;
    let settings = &app.config.rate_limits;
    if !settings.enabled {
        return Ok(());
    }
    let most = i32::try_from(settings.sign_in_failures).unwrap_or(i32::MAX);
    let (now, hash) = (app.now(), subject.hash(app));
    let tx = app.begin().await?;
    let statement = "INSERT INTO sign_in_failure AS f (subject_hash, account_id, failures, last_failed_at)
         VALUES ($1, $2, 1, $3)
         ON CONFLICT ON CONSTRAINT sign_in_failure_pkey DO UPDATE SET failures = f.failures + 1, last_failed_at = $3
          WHERE f.failures < $4
            AND (f.failures < $5 OR f.last_failed_at + least(2 ^ (f.failures - $5), $6) * interval '1 second' <= $3)";
    let values = [
        hash.clone().into(),
        subject.account_id.into(),
        now.into(),
        most.into(),
        FREE_FAILURES.into(),
        LONGEST_WAIT.into(),
    ];
    let counted = tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() == 1;
    let standing = sign_in_failure::Entity::find_by_id(hash).one(tx.conn()).await?;
    tx.commit().await?;
    match standing.filter(|_| !counted) {
        None => Ok(()),
        Some(standing) if standing.failures >= most => Err(Code::PasswordLocked
            .error(format!("It was wrong {most} times in a row. Reset it; sessions in force go on."))),
        Some(standing) => {
            let seconds = wait(standing.failures, standing.last_failed_at, now);
            Err(Code::RateLimited
                .error(format!(
                    "Wrong {} times in a row: each time the wait is longer. Wait {seconds} seconds.",
                    standing.failures
                ))
                .retry_after(seconds))
        }
    }
}

/// How long the next attempt has to wait, in seconds and at least one.
fn wait(failures: i32, last_failed_at: Time, now: Time) -> u32 {
    let doublings = u32::try_from(failures - FREE_FAILURES).unwrap_or(0);
    let whole = 2_i64.checked_pow(doublings).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
    let left = last_failed_at + TimeDelta::seconds(whole) - now;
    u32::try_from((left.num_milliseconds() + 999) / 1000).unwrap_or(1).max(1)
}

/// Forgets the failures of an attempt that succeeded; part of the transaction that signs in.
///
/// # Errors
/// The database is away.
pub(super) async fn succeeded(app: &App, tx: &Tx, subject: &Subject) -> Result<()> {
    sign_in_failure::Entity::delete_by_id(subject.hash(app)).exec(tx.conn()).await?;
    Ok(())
}

/// Takes the count of an attempt back that proved one of two factors: it was no failure, and whoever has the
/// one must not get the count of guesses at the other cleared by it.
///
/// # Errors
/// The database is away.
pub(super) async fn half_succeeded(app: &App, tx: &Tx, subject: &Subject) -> Result<()> {
    let hash = subject.hash(app);
    let last = "DELETE FROM sign_in_failure WHERE subject_hash = $1 AND failures <= 1";
    if tx.conn().execute_raw(sql(last, [hash.clone().into()])).await?.rows_affected() == 0 {
        let statement = "UPDATE sign_in_failure SET failures = failures - 1 WHERE subject_hash = $1";
        tx.conn().execute_raw(sql(statement, [hash.into()])).await?;
    }
    Ok(())
}

/// Whether this is the password of an account whose owner is signed in. Counted like a sign-in by their name:
/// whoever has a session and not the password guesses no faster here. The count stands until the attempt
/// is said to have succeeded.
///
/// # Errors
/// As [`attempt`].
pub(super) async fn is_password(
    app: &App,
    account: &account::Model,
    password: &PasswordAttempt,
) -> Result<Option<Subject>> {
    let subject = Subject::of(account);
    attempt(app, &subject).await?;
    let verdict = app.hasher.verify(password.expose().clone(), account.password_hash.clone()).await?;
    Ok((verdict != Verdict::Wrong).then_some(subject))
}

/// Whether this is the password of an account whose owner is signed in, counted the same way.
///
/// # Errors
/// 429 where the next attempt has to wait, 403 where a reset is needed, 503 where too many wait for a hash.
pub async fn proves(app: &App, account: &account::Model, password: &PasswordAttempt) -> Result<bool> {
    let Some(subject) = is_password(app, account, password).await? else {
        return Ok(false);
    };
    let tx = app.begin().await?;
    if factors::any(tx.conn(), account.id).await? {
        half_succeeded(app, &tx, &subject).await?;
    } else {
        succeeded(app, &tx, &subject).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Forgets the failures of an account whose password was reset, and so unlocks it.
///
/// # Errors
/// The database is away.
pub async fn clear_failures(tx: &Tx, account_id: AccountId) -> Result<()> {
    sign_in_failure::Entity::delete_many()
        .filter(sign_in_failure::Column::AccountId.eq(account_id))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the failures of logins that no account has and nobody has tried for long. Those of accounts stay.
///
/// # Errors
/// The database is away.
pub async fn forget_unknown(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - TimeDelta::days(UNKNOWN_KEPT_DAYS);
    let forgotten = sign_in_failure::Entity::delete_many()
        .filter(sign_in_failure::Column::AccountId.is_null())
        .filter(sign_in_failure::Column::LastFailedAt.lt(before))
        .exec(tx.conn())
        .await?;
    Ok(forgotten.rows_affected)
}
