//! Reading and writing accounts.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::TimeDelta;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::rules::{AccountKind, AccountState, Email, Role, Username};
use crate::app::App;
use crate::audit::{Entry, Object};
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert as insert_row, one, sql, update};
use crate::entity::{account, erased_username, username_history};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::AccountId;
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
use crate::policy::{EditAccount, EraseAccount, Moderate, Permit};

/// Who wrote something, as readers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Author {
    /// The account.
    pub id: AccountId,
    /// Its name.
    pub username: String,
    /// The highest role it has for the whole site.
    pub role: Role,
}

/// An account to be made.
#[derive(Debug)]
pub struct NewAccount {
    /// Its identifier.
    pub id: AccountId,
    /// Its name.
    pub username: Username,
    /// Whether somebody can sign in.
    pub kind: AccountKind,
    /// Where its owner reads mail; only for people.
    pub email: Option<Email>,
    /// PHC string; only for people.
    pub password_hash: Option<String>,
    /// How it wants to be called.
    pub display_name: Option<String>,
    /// The role that readers see; what it may do is a matter of its grants.
    pub role: Role,
}

/// Adds an account.
///
/// # Errors
/// 409 where somebody has the name, or one that looks like it.
pub async fn insert(app: &App, tx: &Tx, new: NewAccount, now: Time) -> Result<()> {
    let row = account::Model {
        id: new.id,
        username_skeleton: new.username.skeleton(),
        username: new.username.to_string(),
        kind: new.kind,
        email_key: new.email.as_ref().map(Email::key),
        email: new.email.as_ref().map(ToString::to_string),
        email_verified_at: None,
        password_changed_at: None,
        password_hash: new.password_hash,
        display_name: new.display_name,
        bio: None,
        role: new.role,
        trust_level: 0,
        state: AccountState::Active,
        shows_track_record: false,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let skeleton = row.username_skeleton.clone();
    unless_taken(insert_row(tx, row).await)?;
    refuse_erased(app, tx, &skeleton).await
}

/// Makes the account of somebody who registers, without a password where they sign in otherwise, and asks the
/// address for its proof: the same whether or not somebody has the address. The audit log is for the caller.
///
/// # Errors
/// 409 where somebody has the name, or one that looks like it.
pub async fn register(
    app: &App,
    tx: &Tx,
    username: Username,
    email: Email,
    password_hash: Option<String>,
) -> Result<account::Model> {
    let id = app.ids.next();
    let address = email.to_string();
    let new = NewAccount {
        id,
        username,
        kind: AccountKind::Person,
        email: Some(email),
        password_hash,
        display_name: None,
        role: Role::Member,
    };
    insert(app, tx, new, app.now()).await?;
    let event =
        Event { kind: "account_created", actor_id: Some(id), subject_id: Some(id.0), ..Event::default() };
    events::record(app, tx, event).await?;
    let verification = Order { kind: MailKind::EmailVerification, account_id: Some(id), email: address };
    mail::order(app, tx, verification).await?;
    require(tx.conn(), id).await
}

/// What is recorded of somebody who registered.
pub fn registered(account: &account::Model, client: IpAddr) -> Entry {
    Entry {
        actor_id: Some(account.id),
        client: Some(client),
        object: Some(Object::account(account.id)),
        ..Entry::of("register")
    }
}

fn had_lately() -> Error {
    Code::UsernameTaken.error("Somebody had this username within the last year, or one that looks like it.")
}

/// Stands for a name that an erased account had.
fn erased_hash(app: &App, skeleton: &str) -> Vec<u8> {
    app.keys.pseudonym("erased usernames", skeleton.as_bytes()).to_vec()
}

/// Refuses a name that an erased account had within a year. Asked once the row has the name: two who want
/// one name wait for each other at its index, and whoever comes second must see what the first one gave up.
async fn refuse_erased(app: &App, tx: &Tx, skeleton: &str) -> Result<()> {
    let released = erased_username::Entity::find_by_id(erased_hash(app, skeleton))
        .filter(erased_username::Column::ReleasedAt.gt(app.now() - YEAR))
        .one(tx.conn())
        .await?;
    if released.is_some() { Err(had_lately()) } else { Ok(()) }
}

/// For how long the names of erased accounts are nobody's.
const YEAR: TimeDelta = TimeDelta::days(365);

/// Removes everything that an account says of a person. The row stays under the name of a deleted account: what
/// it wrote has an author, its votes are counted, and nobody learns by it who that was. For a year nobody gets a
/// name it had, as far as that can be said without keeping the name.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, permit: &Permit<EraseAccount<'_>>) -> Result<()> {
    let now = app.now();
    let row = permit.act().0.clone();
    let id = row.id;
    let tombstone = Username::tombstone(id);
    let version = row.version + 1;
    tx.changes(Change::Everywhere);
    update(
        tx,
        account::Model {
            id,
            username_skeleton: tombstone.skeleton(),
            username: tombstone.to_string(),
            kind: row.kind,
            email: None,
            email_key: None,
            email_verified_at: None,
            password_hash: None,
            // Whoever proved the password a moment ago signs in no more.
            password_changed_at: Some(now),
            display_name: None,
            bio: None,
            role: Role::Member,
            trust_level: 0,
            state: AccountState::Deleted,
            shows_track_record: false,
            version,
            created_at: row.created_at,
            updated_at: now,
        },
    )
    .await?;
    // The database itself has put the last name there.
    let names =
        username_history::Entity::find().filter(username_history::Column::AccountId.eq(id)).all(tx.conn());
    for name in names.await? {
        let statement = "INSERT INTO erased_username AS e (skeleton_hash, released_at) VALUES ($1, $2)
             ON CONFLICT ON CONSTRAINT erased_username_pkey
             DO UPDATE SET released_at = greatest(e.released_at, excluded.released_at)";
        let hash = erased_hash(app, &name.username_skeleton);
        tx.conn().execute_raw(sql(statement, [hash.into(), name.released_at.into()])).await?;
    }
    let statement = "DELETE FROM username_history WHERE account_id = $1";
    tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    Ok(())
}

fn unless_taken(written: Result<()>) -> Result<()> {
    let taken = || Code::UsernameTaken.error("Somebody has this username, or one that looks like it.");
    written
        .on_constraint("account_username_key", taken)
        .on_constraint("account_username_skeleton_key", taken)
        .on_constraint("account_username_released", had_lately)
}

#[derive(FromQueryResult)]
struct Renamed {
    at: Option<Time>,
}

/// Gives an account another name. The old one is kept in the history, by the database itself.
///
/// # Errors
/// 409 where it was renamed not long ago, or somebody has the name or had it within a year.
pub(super) async fn rename(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    username: &Username,
) -> Result<account::Model> {
    let row = permit.act().0.clone();
    let now = app.now();
    let last = "SELECT max(released_at) AS at FROM username_history WHERE account_id = $1";
    let last: Option<Renamed> = one(tx.conn(), sql(last, [row.id.into()])).await?;
    let interval = TimeDelta::days(app.config.accounts.rename_interval_days.into());
    if let Some(next) = last.and_then(|last| last.at).map(|at| at + interval).filter(|next| *next > now) {
        let next = next.format("%Y-%m-%d %H:%M");
        return Err(Code::RenamedLately.error(format!("It can be changed again after {next} UTC.")));
    }
    give_name(app, tx, row, username).await
}

/// Gives an account, which is locked, another name, however long it has had the one it has. It is not free to take the old
/// one again before it might rename itself.
///
/// # Errors
/// 409 where somebody has the name or had it within a year.
pub async fn rename_by_moderator(
    app: &App,
    tx: &Tx,
    _: &Permit<Moderate<'_>>,
    account: account::Model,
    username: &Username,
) -> Result<account::Model> {
    give_name(app, tx, account, username).await
}

async fn give_name(
    app: &App,
    tx: &Tx,
    mut row: account::Model,
    username: &Username,
) -> Result<account::Model> {
    row.username = username.to_string();
    row.username_skeleton = username.skeleton();
    row.version += 1;
    row.updated_at = app.now();
    tx.changes(Change::Everywhere);
    unless_taken(update(tx, row.clone()).await)?;
    refuse_erased(app, tx, &row.username_skeleton).await?;
    Ok(row)
}

/// Finds the account that had a name within the last year, the last one that did.
///
/// # Errors
/// The database is away.
pub(super) async fn find_by_old_username(
    db: &impl ConnectionTrait,
    username: &str,
    now: Time,
) -> Result<Option<account::Model>> {
    let had: Option<Had> = one(
        db,
        sql(
            "SELECT account_id FROM username_history WHERE username = $1 AND released_at > $2 - interval '1 year'
             ORDER BY released_at DESC LIMIT 1",
            [username.into(), now.into()],
        ),
    )
    .await?;
    let Some(Had { account_id }) = had else { return Ok(None) };
    Ok(account::Entity::find_by_id(account_id).one(db).await?)
}

#[derive(FromQueryResult)]
struct Had {
    account_id: AccountId,
}

/// Forgets names that are free again.
///
/// # Errors
/// The database is away.
pub async fn forget_released(app: &App, tx: &Tx) -> Result<u64> {
    let statement = "DELETE FROM username_history WHERE released_at <= $1 - interval '1 year'";
    let renamed = tx.conn().execute_raw(sql(statement, [app.now().into()])).await?.rows_affected();
    let erased = erased_username::Entity::delete_many()
        .filter(erased_username::Column::ReleasedAt.lte(app.now() - YEAR))
        .exec(tx.conn())
        .await?
        .rows_affected;
    Ok(renamed + erased)
}

/// Finds an account by its name.
///
/// # Errors
/// The database is away.
pub async fn find_by_username(db: &impl ConnectionTrait, username: &str) -> Result<Option<account::Model>> {
    Ok(account::Entity::find().filter(account::Column::Username.eq(username)).one(db).await?)
}

/// Finds what everybody sees of an account by its name, together with those that others look for at about the same time;
/// none where there is no such account, or none any more.
///
/// # Errors
/// The database is away.
pub(super) async fn find_profile(app: &App, username: String) -> Result<Option<account::Profile>> {
    let db = app.db.clone();
    app.profiles.find(username, move |names| find_profiles(db.clone(), names)).await
}

async fn find_profiles(
    db: DatabaseConnection,
    names: Vec<String>,
) -> Result<Vec<Result<Option<account::Profile>>>> {
    let statement = sql(
        "SELECT id, username, kind, display_name, bio, role, created_at
         FROM account WHERE username = ANY($1) AND state <> 'deleted'",
        [names.clone().into()],
    );
    let found: Vec<account::Profile> = all(&db, statement).await?;
    let of = |name: &String| Ok(found.iter().find(|row| row.username == *name).cloned());
    Ok(names.iter().map(of).collect())
}

/// Finds an account.
///
/// # Errors
/// The database is away.
pub async fn find_by_id(db: &impl ConnectionTrait, id: AccountId) -> Result<Option<account::Model>> {
    Ok(account::Entity::find_by_id(id).one(db).await?)
}

/// Finds the account that an address stands for: the one whose owner confirmed it, or, while nobody has, the
/// one that claimed it last: the same answer whether or not anybody claimed it before.
///
/// # Errors
/// The database is away.
pub async fn find_by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<account::Model>> {
    let claims = account::Entity::find()
        .filter(account::Column::EmailKey.eq(email.key()))
        .order_by_desc(account::Column::EmailVerifiedAt.is_not_null())
        .order_by_desc(account::Column::CreatedAt)
        .order_by_desc(account::Column::Id);
    Ok(claims.one(db).await?)
}

/// Finds the account whose owner confirmed an address.
///
/// # Errors
/// The database is away.
pub async fn find_verified_owner(db: &impl ConnectionTrait, email: &Email) -> Result<Option<account::Model>> {
    let owner = account::Entity::find()
        .filter(account::Column::EmailKey.eq(email.key()))
        .filter(account::Column::EmailVerifiedAt.is_not_null());
    Ok(owner.one(db).await?)
}

/// Whether somebody signs in to such an account at all, however they prove who they are.
pub fn may_sign_in(account: &account::Model) -> bool {
    account.kind == AccountKind::Person && account.state != AccountState::Deleted
}

/// Finds the account that somebody signs in to, by name or address.
///
/// # Errors
/// The database is away.
pub async fn find_by_login(db: &impl ConnectionTrait, login: &str) -> Result<Option<account::Model>> {
    if let Ok(email) = Email::try_from(login) {
        return find_by_email(db, &email).await;
    }
    match Username::try_from(login) {
        Ok(username) => find_by_username(db, username.as_str()).await,
        Err(_) => Ok(None),
    }
}

/// What somebody signs in with in the form in which it is compared, whether or not there is an account.
pub fn login_key(login: &str) -> String {
    Email::try_from(login)
        .map(|email| email.key())
        .or_else(|_| Username::try_from(login).map(String::from))
        .unwrap_or_else(|_| login.to_owned())
}

/// Finds an account that is known to be there, and keeps others from changing it.
///
/// # Errors
/// 404 where it is gone.
pub async fn find_for_update(tx: &Tx, id: AccountId) -> Result<account::Model> {
    // Rows that name the account as theirs can be written meanwhile.
    account::Entity::find_by_id(id)
        .lock(LockType::NoKeyUpdate)
        .one(tx.conn())
        .await?
        .ok_or_else(Error::not_found)
}

/// Finds an account whose password was just proved, and keeps others from setting another one until the
/// transaction ends: a session that begins now is not missed by whoever ends all sessions.
///
/// # Errors
/// 401 where the password was changed since.
pub async fn hold_unchanged(tx: &Tx, proved: &account::Model) -> Result<()> {
    let held = account::Entity::find_by_id(proved.id).lock_shared().one(tx.conn()).await?;
    match held {
        Some(held) if held.password_changed_at == proved.password_changed_at => Ok(()),
        _ => Err(Code::WrongCredentials.error("The password was changed a moment ago.")),
    }
}

/// Finds an account that is known to be there.
///
/// # Errors
/// 404 where it is gone.
pub async fn require(db: &impl ConnectionTrait, id: AccountId) -> Result<account::Model> {
    account::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Changes what people say of themselves.
///
/// # Errors
/// The database is away.
pub(super) async fn edit(
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    display_name: Option<Option<String>>,
    bio: Option<Option<String>>,
    shows_track_record: Option<bool>,
    now: Time,
) -> Result<account::Model> {
    let mut row = permit.act().0.clone();
    row.display_name = display_name.unwrap_or(row.display_name);
    row.bio = bio.unwrap_or(row.bio);
    row.shows_track_record = shows_track_record.unwrap_or(row.shows_track_record);
    row.version += 1;
    row.updated_at = now;
    update(tx, row.clone()).await?;
    Ok(row)
}

/// Sets another password.
///
/// # Errors
/// The database is away.
pub async fn set_password(
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    password_hash: String,
    now: Time,
) -> Result<()> {
    let mut row = permit.act().0.clone();
    row.password_hash = Some(password_hash);
    row.password_changed_at = Some(now);
    row.version += 1;
    row.updated_at = now;
    update(tx, row).await
}

/// Gives an account an address that its owner has just proved to be theirs.
///
/// # Errors
/// 409 where another account's owner has proved that before.
pub async fn set_verified_email(
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    email: &Email,
    now: Time,
) -> Result<()> {
    let mut row = permit.act().0.clone();
    row.email = Some(email.to_string());
    row.email_key = Some(email.key());
    row.email_verified_at = Some(now);
    row.version += 1;
    row.updated_at = now;
    let taken = || Code::EmailTaken.error("Its owner confirmed it for another account; sign in to that one.");
    update(tx, row).await.on_constraint("account_verified_email_key", taken)
}

/// Stores a dearer hash of the same password, unless the password was changed meanwhile.
///
/// # Errors
/// The database is away.
pub async fn store_password_hash(tx: &Tx, id: AccountId, old: &str, new: &str) -> Result<()> {
    let statement = "UPDATE account SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    tx.conn().execute_raw(sql(statement, [id.into(), old.into(), new.into()])).await?;
    Ok(())
}

/// Reads the public side of accounts.
///
/// # Errors
/// The database is away.
pub async fn authors(db: &impl ConnectionTrait, ids: Vec<AccountId>) -> Result<HashMap<AccountId, Author>> {
    let found = account::Entity::find().filter(account::Column::Id.is_in(ids)).all(db).await?;
    let author = |account: account::Model| {
        (account.id, Author { id: account.id, username: account.username, role: account.role })
    };
    Ok(found.into_iter().map(author).collect())
}

/// Raises a trust level, and says whether it was lower.
///
/// # Errors
/// The database is away.
pub async fn raise_trust_level(tx: &Tx, id: AccountId, level: i16) -> Result<bool> {
    let statement = "UPDATE account SET trust_level = $2 WHERE id = $1 AND trust_level < $2";
    Ok(tx.conn().execute_raw(sql(statement, [id.into(), level.into()])).await?.rows_affected() > 0)
}

/// Changes the role that readers see; what the account may do is a matter of its grants.
///
/// # Errors
/// The database is away.
pub async fn show_role(tx: &Tx, id: AccountId, role: Role) -> Result<()> {
    tx.changes(Change::Everywhere);
    let statement = "UPDATE account SET role = $2 WHERE id = $1 AND role <> $2";
    tx.conn().execute_raw(sql(statement, [id.into(), role.into()])).await?;
    Ok(())
}
