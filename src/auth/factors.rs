//! Second factors: what is kept of them, and using a code once.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter};

use super::passkeys::{self, Shown};
use super::rules::{FactorProof, RECOVERY_CODES, RecoveryCode};
use super::totp;
use crate::accounts;
use crate::accounts::rules::Username;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::db::{Tx, insert_all, one, sql};
use crate::entity::{account, recovery_code, totp_factor};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::{AccountId, SessionId};
use crate::keys::random;
use crate::mail;
use crate::mail::rules::MailKind;

/// What came of asking for a second factor.
#[derive(Debug)]
pub(super) enum Check {
    /// The account has none.
    NotAsked,
    /// It was shown. Its use is part of the transaction.
    Passed,
    /// The account has one, and nothing was given for it.
    Missing,
    /// What was given is wrong, or was used.
    Wrong,
}

fn context(account_id: AccountId) -> String {
    format!("totp\0{account_id}")
}

/// The app of an account, if it was confirmed.
///
/// # Errors
/// The database is away.
pub(super) async fn in_force(
    db: &impl ConnectionTrait,
    account_id: AccountId,
) -> Result<Option<totp_factor::Model>> {
    let factor = totp_factor::Entity::find_by_id(account_id).one(db).await?;
    Ok(factor.filter(|factor| factor.confirmed_at.is_some()))
}

#[derive(FromQueryResult)]
struct Any {
    any: bool,
}

/// Whether the password of an account signs nobody in by itself: it has an app or a passkey.
///
/// # Errors
/// The database is away.
pub(super) async fn any(db: &impl ConnectionTrait, account_id: AccountId) -> Result<bool> {
    let statement =
        "SELECT EXISTS (SELECT FROM totp_factor WHERE account_id = $1 AND confirmed_at IS NOT NULL)
             OR EXISTS (SELECT FROM passkey WHERE account_id = $1) AS any";
    let found: Option<Any> = one(db, sql(statement, [account_id.into()])).await?;
    Ok(found.is_some_and(|found| found.any))
}

/// How many recovery codes an account has left.
///
/// # Errors
/// The database is away.
pub(super) async fn codes_left(db: &impl ConnectionTrait, account_id: AccountId) -> Result<u64> {
    let unused = recovery_code::Entity::find()
        .filter(recovery_code::Column::AccountId.eq(account_id))
        .filter(recovery_code::Column::UsedAt.is_null());
    Ok(unused.count(db).await?)
}

/// Makes a secret for an app, in the place of one that was not confirmed.
///
/// # Errors
/// 409 where the account has an app.
pub(super) async fn begin(app: &App, tx: &Tx, account_id: AccountId) -> Result<[u8; totp::SECRET_BYTES]> {
    let secret = random()?;
    let sealed = app.keys.seal(&context(account_id), secret.to_vec())?;
    let statement = "INSERT INTO totp_factor AS f (account_id, sealed_secret, created_at) VALUES ($1, $2, $3)
         ON CONFLICT ON CONSTRAINT totp_factor_pkey DO UPDATE
            SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at
          WHERE f.confirmed_at IS NULL";
    let values = [account_id.into(), sealed.into(), app.now().into()];
    if tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() == 0 {
        return Err(exists());
    }
    Ok(secret)
}

fn exists() -> Error {
    Code::SecondFactorExists.error("Remove it first (POST /me/totp/removal), with a code of it.")
}

/// Lets an app count from now on, if this is a code of it, and gives recovery codes where it is the first
/// factor. The account was read under its lock.
///
/// # Errors
/// 404 where none was begun, 409 where it counts already, 422 where the code is wrong.
pub(super) async fn confirm(
    app: &App,
    tx: &Tx,
    account_id: AccountId,
    code: &str,
) -> Result<Option<Vec<String>>> {
    let factor =
        totp_factor::Entity::find_by_id(account_id).one(tx.conn()).await?.ok_or_else(Error::not_found)?;
    if factor.confirmed_at.is_some() {
        return Err(exists());
    }
    let now = app.now();
    let Some(step) = step_of(app, &factor, code)? else {
        return Err(Error::field("code", "wrong_code", "Is the clock of the device right?"));
    };
    let first = !any(tx.conn(), account_id).await?;
    let statement = "UPDATE totp_factor SET confirmed_at = $2, last_used_step = $3 WHERE account_id = $1";
    tx.conn().execute_raw(sql(statement, [account_id.into(), now.into(), step.into()])).await?;
    codes_of_first(app, tx, account_id, first).await
}

/// Gives recovery codes with the first factor of an account; with another one, those that it has stay good.
///
/// # Errors
/// The database is away.
pub(super) async fn codes_of_first(
    app: &App,
    tx: &Tx,
    account_id: AccountId,
    first: bool,
) -> Result<Option<Vec<String>>> {
    if first { replace_codes(app, tx, account_id).await.map(Some) } else { Ok(None) }
}

fn step_of(app: &App, factor: &totp_factor::Model, code: &str) -> Result<Option<i64>> {
    let secret = app.keys.open(&context(factor.account_id), &factor.sealed_secret)?;
    totp::step_of(&secret, code, app.now()).map_err(Error::internal)
}

/// Asks for the second factor of an account, if it has one, and uses up what was given for it: of two
/// requests with one code, one passes. A code that was read off a screen, or out of a log, is good for
/// nothing after its owner used it.
///
/// # Errors
/// The database is away.
pub(super) async fn check(
    app: &App,
    tx: &Tx,
    account: &account::Model,
    proof: Option<&FactorProof>,
) -> Result<Check> {
    if !any(tx.conn(), account.id).await? {
        return Ok(Check::NotAsked);
    }
    let passed = match proof {
        None => return Ok(Check::Missing),
        Some(FactorProof::Totp(code)) => match in_force(tx.conn(), account.id).await? {
            Some(factor) => match step_of(app, &factor, &code.compact())? {
                Some(step) => use_step(tx, account.id, step).await?,
                None => false,
            },
            None => false,
        },
        Some(FactorProof::RecoveryCode(code)) => match RecoveryCode::read(code) {
            Some(code) => use_recovery_code(app, tx, account, code).await?,
            None => false,
        },
        Some(FactorProof::Passkey(assertion)) => {
            matches!(passkeys::show(app, tx, assertion, account.id).await?, Shown::Passed(_))
        }
    };
    Ok(if passed { Check::Passed } else { Check::Wrong })
}

/// Uses up a step, and all before it; says whether it was to be had.
async fn use_step(tx: &Tx, account_id: AccountId, step: i64) -> Result<bool> {
    let statement =
        "UPDATE totp_factor SET last_used_step = $2 WHERE account_id = $1 AND last_used_step < $2";
    let used = tx.conn().execute_raw(sql(statement, [account_id.into(), step.into()])).await?;
    Ok(used.rows_affected() == 1)
}

fn hash(app: &App, account_id: AccountId, code: RecoveryCode) -> Vec<u8> {
    let value = [account_id.0.as_bytes().as_slice(), &code.0].concat();
    app.keys.pseudonym("recovery code", &value).to_vec()
}

async fn use_recovery_code(app: &App, tx: &Tx, account: &account::Model, code: RecoveryCode) -> Result<bool> {
    let statement =
        "UPDATE recovery_code SET used_at = $3 WHERE account_id = $1 AND code_hash = $2 AND used_at IS NULL";
    let values = [account.id.into(), hash(app, account.id, code).into(), app.now().into()];
    let used = tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() == 1;
    if used {
        mail::notify(app, tx, account, MailKind::RecoveryCodeUsed).await?;
    }
    Ok(used)
}

/// Makes recovery codes, in the place of all that there were.
///
/// # Errors
/// The database is away.
pub(super) async fn replace_codes(app: &App, tx: &Tx, account_id: AccountId) -> Result<Vec<String>> {
    forget_codes(tx, account_id).await?;
    let (mut rows, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let code = RecoveryCode(random()?);
        let code_hash = hash(app, account_id, code);
        rows.push(recovery_code::Model { account_id, code_hash, created_at: app.now(), used_at: None });
        shown.push(code.expose());
    }
    insert_all(tx, rows).await?;
    Ok(shown)
}

async fn forget_codes(tx: &Tx, account_id: AccountId) -> Result<()> {
    recovery_code::Entity::delete_many()
        .filter(recovery_code::Column::AccountId.eq(account_id))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Removes every factor of an account, and what its sessions and tokens had by them. The account was read
/// under its lock.
///
/// # Errors
/// The database is away.
pub(super) async fn remove_all(tx: &Tx, account_id: AccountId) -> Result<()> {
    passkeys::remove_all(tx, account_id).await?;
    remove_app(tx, account_id).await
}

/// Removes the authenticator app of an account. The account was read under its lock.
///
/// # Errors
/// The database is away.
pub(super) async fn remove_app(tx: &Tx, account_id: AccountId) -> Result<()> {
    totp_factor::Entity::delete_by_id(account_id).exec(tx.conn()).await?;
    settle(tx, account_id).await
}

/// With the last factor of an account go its recovery codes, and what its sessions and tokens had by it.
///
/// # Errors
/// The database is away.
pub(super) async fn settle(tx: &Tx, account_id: AccountId) -> Result<()> {
    if any(tx.conn(), account_id).await? {
        return Ok(());
    }
    forget_codes(tx, account_id).await?;
    for statement in [
        "UPDATE session SET second_factor = false WHERE account_id = $1 AND second_factor",
        "UPDATE personal_access_token SET second_factor = false WHERE account_id = $1 AND second_factor",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}

/// Notes that the owner of a session showed a second factor in it.
///
/// # Errors
/// The database is away.
pub(super) async fn note_passed(tx: &Tx, session: SessionId) -> Result<()> {
    let statement = "UPDATE session SET second_factor = true WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [session.into()])).await?;
    Ok(())
}

/// Removes the second factors of somebody who lost them and the recovery codes too: from the command line only,
/// never over HTTP. Whoever runs it knows that it is they who ask.
///
/// # Errors
/// There is no such account, or it has no second factor.
pub async fn remove_by_operator(app: &App, username: &str) -> Result<account::Model> {
    let nobody = || Code::NotFound.error(format!("Nobody is called {username:?}."));
    let username = Username::new(username).map_err(|_| nobody())?;
    let tx = app.begin().await?;
    let found = accounts::find_by_username(tx.conn(), username.as_str()).await?.ok_or_else(nobody)?;
    let account = accounts::find_for_update(&tx, found.id).await?;
    if !any(tx.conn(), account.id).await? {
        return Err(Code::NotFound.error(format!("{} has no second factor.", account.username)));
    }
    remove_all(&tx, account.id).await?;
    mail::notify(app, &tx, &account, MailKind::FactorRemoved).await?;
    let event = Event { kind: "factor_removed", subject_id: Some(account.id.0), ..Event::default() };
    events::record(app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(account.id)), ..Entry::of("remove_factors") };
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    Ok(account)
}
