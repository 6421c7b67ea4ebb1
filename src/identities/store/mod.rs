//! Identities, and the requests by which people show them.

mod proof;

use chrono::TimeDelta;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

pub(super) use proof::{Answered, Proven, Wanted, begin, prove, proven, use_up};

use crate::app::App;
use crate::auth;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, insert, sql};
use crate::entity::{account, identity};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, IdentityId};
use crate::openid::Person;
use crate::policy::{EditAccount, Permit};

/// Finds the identity that a provider says somebody has.
///
/// # Errors
/// The database is away.
pub(super) async fn find(db: &impl ConnectionTrait, person: &Person) -> Result<Option<identity::Model>> {
    let found = identity::Entity::find()
        .filter(identity::Column::Issuer.eq(&person.issuer))
        .filter(identity::Column::Subject.eq(&person.subject));
    Ok(found.one(db).await?)
}

/// The identities of an account, newest first, one more than asked for.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<IdentityId>,
    limit: Limit,
) -> Result<Vec<identity::Model>> {
    let identities = identity::Entity::find()
        .filter(identity::Column::AccountId.eq(account_id))
        .filter(identity::Column::Id.lt(before.unwrap_or(IdentityId(uuid::Uuid::max()))))
        .order_by_desc(identity::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(identities.all(db).await?)
}

/// Links an identity with an account.
///
/// # Errors
/// 409 where an account has it.
pub(super) async fn link(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    proven: &Proven,
) -> Result<identity::Model> {
    let row = identity::Model {
        id: app.ids.next(),
        account_id: permit.act().0.id,
        provider: proven.provider.clone(),
        issuer: proven.person.issuer.clone(),
        subject: proven.person.subject.clone(),
        linked_at: app.now(),
        last_used_at: None,
    };
    let taken =
        || Code::IdentityTaken.error("Sign in with it; whoever wants it elsewhere unlinks it there first.");
    insert(tx, row.clone()).await.on_constraint("identity_subject_key", taken)?;
    Ok(row)
}

/// Unlinks an identity of this account, and gives it once more. The account was read under its lock.
///
/// # Errors
/// 404 where there is none, 409 where nobody could sign in any more.
pub(super) async fn unlink(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    id: IdentityId,
) -> Result<identity::Model> {
    let account = permit.act().0;
    let own =
        identity::Entity::find().filter(identity::Column::AccountId.eq(account.id)).all(tx.conn()).await?;
    let unlinked = own.iter().find(|row| row.id == id).cloned().ok_or_else(Error::not_found)?;
    if !has_another_way_in(app, tx, account, &own, id).await? {
        return Err(Code::LastWayIn.error(
            "Set a password first (POST /password-resets), add a passkey, or link another identity.",
        ));
    }
    identity::Entity::delete_by_id(id).exec(tx.conn()).await?;
    Ok(unlinked)
}

/// Whether the owner of an account can sign in without one of its identities.
async fn has_another_way_in(
    app: &App,
    tx: &Tx,
    account: &account::Model,
    own: &[identity::Model],
    without: IdentityId,
) -> Result<bool> {
    // What a provider says that is configured no more signs nobody in.
    let others = || own.iter().filter(|row| row.id != without);
    let known = account.password_hash.is_some()
        || others().any(|row| app.identity_providers.have_issuer(&row.issuer));
    Ok(known || auth::has_passkey(app, tx, account.id).await?)
}

/// Notes that an identity was shown, in the transaction that does what it was shown for, and keeps others from
/// unlinking it until that ends.
///
/// # Errors
/// 409 where it was unlinked a moment ago.
pub(super) async fn note_used(tx: &Tx, used: &identity::Model, now: Time) -> Result<()> {
    let statement = "UPDATE identity SET last_used_at = $3 WHERE id = $1 AND account_id = $2";
    let values = [used.id.into(), used.account_id.into(), now.into()];
    match tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() {
        0 => Err(unknown()),
        _ => Ok(()),
    }
}

/// The refusal of an identity that no account has.
pub(super) fn unknown() -> Error {
    Code::IdentityUnknown
        .error("Register with it (POST /accounts/by-identity), or sign in otherwise and link it (POST /me/identities).")
}

/// Removes the identities of an account, and everything that leads to them.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    for statement in [
        "DELETE FROM authorization_request r USING identity i
          WHERE i.account_id = $1 AND i.issuer = r.issuer AND i.subject = r.subject",
        "DELETE FROM authorization_request WHERE account_id = $1",
        "DELETE FROM identity WHERE account_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}

/// Forgets requests to providers that are good for nothing any more.
///
/// # Errors
/// The database is away.
pub async fn forget_expired(app: &App, tx: &Tx) -> Result<u64> {
    // An hour longer, so that whoever comes too late is told so.
    let before = app.now() - TimeDelta::hours(1);
    let statement = "DELETE FROM authorization_request WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM authorization_request WHERE expires_at < $1 LIMIT 10000))";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}
