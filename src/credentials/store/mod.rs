//! Tokens that came by mail, and the mails that bring them.

mod write;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::rules::{EmailToken, Purpose};
use crate::accounts::find_for_update;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, sql};
use crate::entity::{account, email_token};
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;
use crate::keys::{random, sha256};

pub use write::write;

fn refused() -> Error {
    Code::InvalidEmailToken.error("Ask for a new mail; only the newest one of its kind counts.")
}

/// Makes a token. The older ones for the same purpose are good for nothing from then on, except those that
/// take back a change of address: whoever changes it twice must not take the first owner's way back.
///
/// # Errors
/// The database is away.
pub(super) async fn issue(
    app: &App,
    tx: &Tx,
    purpose: Purpose,
    account_id: AccountId,
    email: String,
    ttl_secs: u32,
) -> Result<(EmailToken, Time)> {
    if purpose != Purpose::Revert {
        forget_unused(tx, account_id, &[purpose]).await?;
    }
    let token = EmailToken(random()?);
    let now = app.now();
    let expires_at = now + TimeDelta::seconds(ttl_secs.into());
    let row = email_token::Model {
        token_hash: sha256(&token.0).to_vec(),
        purpose,
        account_id,
        email,
        created_at: now,
        expires_at,
        used_at: None,
    };
    insert(tx, row).await?;
    Ok((token, expires_at))
}

/// Finds whose a token is, without using it: what is dear to do is not done for tokens that are no good.
///
/// # Errors
/// As [`redeem`].
pub(super) async fn look_up(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    token: &str,
    now: Time,
) -> Result<email_token::Model> {
    let hash = EmailToken::parse(token).map(|token| sha256(&token.0).to_vec()).ok_or_else(refused)?;
    let found = email_token::Entity::find_by_id(hash).one(db).await?;
    good(found, purpose, now)
}

fn good(found: Option<email_token::Model>, purpose: Purpose, now: Time) -> Result<email_token::Model> {
    let token = found.filter(|token| token.purpose == purpose).ok_or_else(refused)?;
    if token.used_at.is_some() {
        return Err(Code::TokenUsed.error("It is good once. Ask for a new mail if you need to do it again."));
    }
    if token.expires_at <= now { Err(refused()) } else { Ok(token) }
}

/// Uses a token up, in the transaction that does what it is for; of many attempts at once, one succeeds.
/// Gives the account too, kept from changes: it is locked before the token, as everywhere.
///
/// # Errors
/// 400 where there is no such token for this purpose or it expired, 410 where it was used.
pub(super) async fn redeem(
    app: &App,
    tx: &Tx,
    purpose: Purpose,
    token: &str,
) -> Result<(email_token::Model, account::Model)> {
    let now = app.now();
    let looked_up = look_up(tx.conn(), purpose, token, now).await?;
    let account = find_for_update(tx, looked_up.account_id).await?;
    let found = email_token::Entity::find_by_id(looked_up.token_hash).lock_exclusive().one(tx.conn()).await?;
    let token = good(found, purpose, now)?;
    let statement = "UPDATE email_token SET used_at = $2 WHERE token_hash = $1";
    tx.conn().execute_raw(sql(statement, [token.token_hash.clone().into(), now.into()])).await?;
    Ok((token, account))
}

/// Takes back the tokens of an account for these purposes.
///
/// # Errors
/// The database is away.
pub(super) async fn forget_unused(tx: &Tx, account_id: AccountId, purposes: &[Purpose]) -> Result<()> {
    for purpose in purposes {
        let statement = "DELETE FROM email_token WHERE account_id = $1 AND purpose = $2 AND used_at IS NULL";
        tx.conn().execute_raw(sql(statement, [account_id.into(), (*purpose).into()])).await?;
    }
    Ok(())
}

/// Takes back the ways back that were given out after this one: they lead to addresses that came later.
///
/// # Errors
/// The database is away.
pub(super) async fn forget_later_reversions(tx: &Tx, used: &email_token::Model) -> Result<()> {
    let statement = "DELETE FROM email_token
                     WHERE account_id = $1 AND purpose = 'revert' AND used_at IS NULL AND created_at >= $2";
    tx.conn().execute_raw(sql(statement, [used.account_id.into(), used.created_at.into()])).await?;
    Ok(())
}

/// Removes every token of an account, with the addresses they were sent to.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    let statement = "DELETE FROM email_token WHERE account_id = $1";
    tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    Ok(())
}

/// Forgets the tokens that have expired, used or not.
///
/// # Errors
/// The database is away.
pub async fn forget_expired_tokens(app: &App, tx: &Tx) -> Result<u64> {
    // A day longer, so that whoever uses one again is told that it was used rather than that it is unknown.
    let before = app.now() - TimeDelta::days(1);
    let forgotten =
        tx.conn().execute_raw(sql("DELETE FROM email_token WHERE expires_at < $1", [before.into()])).await?;
    Ok(forgotten.rows_affected())
}
