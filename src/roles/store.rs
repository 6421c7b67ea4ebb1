//! Reading and writing grants.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::rules::{Power, Powers, Scope};
use crate::accounts::rules::{AccountKind, Email, NewPassword, Role, Username, refuse_guessable};
use crate::accounts::{self, NewAccount};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert, one, sql};
use crate::entity::{account, role_grant};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, RoleGrantId};
use crate::policy::{EditAccount, GrantRole, Permit, RevokeGrant};

/// What a row of `role_grant` gives.
pub(super) fn power_of(row: &role_grant::Model) -> Power {
    Power::read(row.role, &row.permissions, row.topic_id, row.tag.clone())
}

/// What an account may do at the moment.
///
/// # Errors
/// The database is away.
pub async fn powers(db: &impl ConnectionTrait, account_id: AccountId, now: Time) -> Result<Powers> {
    let rows = role_grant::Entity::find()
        .filter(role_grant::Column::AccountId.eq(account_id))
        .filter(role_grant::Column::RevokedAt.is_null())
        .filter(role_grant::Column::ExpiresAt.is_null().or(role_grant::Column::ExpiresAt.gt(now)));
    Ok(rows.all(db).await?.iter().map(power_of).collect())
}

/// The ranks of accounts at the moment; those who have none are left out.
///
/// # Errors
/// The database is away.
pub async fn ranks(
    db: &impl ConnectionTrait,
    account_ids: Vec<uuid::Uuid>,
    now: Time,
) -> Result<HashMap<AccountId, Role>> {
    let statement = "SELECT g.* FROM role_grant g WHERE g.account_id = ANY ($1) AND g.revoked_at IS NULL
                       AND (g.expires_at IS NULL OR g.expires_at > $2) AND gives_rank(g)";
    let rows = role_grant::Entity::find().from_raw_sql(sql(statement, [account_ids.into(), now.into()]));
    let mut ranks = HashMap::new();
    for row in rows.all(db).await? {
        let rank = ranks.entry(row.account_id).or_insert(Role::Member);
        *rank = Ord::max(*rank, power_of(&row).rank());
    }
    Ok(ranks)
}

/// Finds a grant, in force or not.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: RoleGrantId) -> Result<role_grant::Model> {
    role_grant::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// The grants of an account, newest first, in force or not, one more than asked for.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<RoleGrantId>,
    limit: Limit,
) -> Result<Vec<role_grant::Model>> {
    let rows = role_grant::Entity::find()
        .filter(role_grant::Column::AccountId.eq(account_id))
        .filter(role_grant::Column::Id.lt(before.unwrap_or(RoleGrantId(uuid::Uuid::max()))))
        .order_by_desc(role_grant::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// Adds a grant. The account was read under its lock.
///
/// # Errors
/// 422 where the topic is not there, or no topic could have the tag.
pub(super) async fn grant(
    app: &App,
    tx: &Tx,
    permit: &Permit<GrantRole<'_>>,
    reason: String,
    expires_at: Option<Time>,
) -> Result<role_grant::Model> {
    let GrantRole { to, given, .. } = permit.act();
    let row = row(app, to.id, given, Some(permit.by()), reason, expires_at);
    insert(tx, row.clone())
        .await
        .on_constraint("role_grant_topic_fkey", || {
            Error::field("scope.topic_id", "not_found", "There is no such topic.")
        })
        .on_constraint("role_grant_tag_shape", || {
            Error::field("scope.tag", "not_a_tag", "No topic can have such a tag.")
        })?;
    show_role(tx, to.id, app.now()).await?;
    Ok(row)
}

fn row(
    app: &App,
    account_id: AccountId,
    given: &Power,
    granted_by: Option<AccountId>,
    reason: String,
    expires_at: Option<Time>,
) -> role_grant::Model {
    let (topic_id, tag) = match &given.scope {
        Scope::Site => (None, None),
        Scope::Topic(id) => (Some(*id), None),
        Scope::Tag(tag) => (None, Some(tag.clone())),
    };
    role_grant::Model {
        id: app.ids.next(),
        account_id,
        role: given.role,
        permissions: given.permissions.iter().map(|permission| permission.name().to_owned()).collect(),
        topic_id,
        tag,
        granted_by,
        reason,
        granted_at: app.now(),
        expires_at,
        revoked_at: None,
        revoked_by: None,
    }
}

#[derive(FromQueryResult)]
struct Another {
    account_id: AccountId,
}

/// Refuses what would leave nobody who can grant anything, and keeps all administrators until the transaction
/// ends.
///
/// # Errors
/// 409 where this account is the only administrator.
pub async fn require_another_administrator(tx: &Tx, than: AccountId, now: Time) -> Result<()> {
    // Locked in one order: of two administrators who take back each other's role, one stays.
    let administrators: Vec<Another> = all(
        tx.conn(),
        sql(
            "SELECT g.account_id FROM role_grant g
             WHERE g.role = 'administrator' AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > $1)
               AND EXISTS (SELECT FROM account a WHERE a.id = g.account_id AND a.state = 'active')
               AND NOT EXISTS (SELECT FROM sanction s WHERE s.account_id = g.account_id AND s.kind IN ('suspend', 'ban')
                               AND s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > $1))
             ORDER BY g.id FOR UPDATE OF g",
            [now.into()],
        ),
    )
    .await?;
    if administrators.iter().any(|other| other.account_id != than) {
        return Ok(());
    }
    Err(Code::LastAdministrator.error("Make another administrator first."))
}

/// Removes what an account was ever granted, with the reasons. What it granted to others stays.
///
/// # Errors
/// 409 where it is the only administrator.
pub async fn erase(tx: &Tx, account_id: AccountId, now: Time) -> Result<()> {
    if powers(tx.conn(), account_id, now).await?.role() == Role::Administrator {
        require_another_administrator(tx, account_id, now).await?;
    }
    let statement = "DELETE FROM role_grant WHERE account_id = $1";
    tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    Ok(())
}

/// Takes a grant back. The account was read under its lock.
///
/// # Errors
/// 404 where it is not in force any more, 409 where nobody would be left who can grant anything.
pub(super) async fn revoke(tx: &Tx, permit: &Permit<RevokeGrant<'_>>, now: Time) -> Result<()> {
    let grant = permit.act().grant;
    if grant.role == Some(Role::Administrator) {
        require_another_administrator(tx, grant.account_id, now).await?;
    }
    let revoked = tx
        .conn()
        .execute_raw(sql(
            "UPDATE role_grant SET revoked_at = $2, revoked_by = $3
             WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)",
            [grant.id.into(), now.into(), permit.by().into()],
        ))
        .await?;
    if revoked.rows_affected() == 0 {
        return Err(Error::not_found());
    }
    show_role(tx, grant.account_id, now).await
}

/// Shows readers the role that an account has by its grants.
async fn show_role(tx: &Tx, account_id: AccountId, now: Time) -> Result<()> {
    let role = powers(tx.conn(), account_id, now).await?.role();
    accounts::show_role(tx, account_id, role).await
}

/// Shows the roles of those whose grants have expired as they are now, and says how many. What they may do
/// changed when the grants expired.
///
/// # Errors
/// The database is away.
pub async fn forget_expired(app: &App, tx: &Tx) -> Result<u64> {
    let now = app.now();
    let mut changed = 0;
    let stale: Vec<Another> = all(
        tx.conn(),
        sql(
            "SELECT DISTINCT g.account_id FROM role_grant g JOIN account a ON a.id = g.account_id
             WHERE g.revoked_at IS NULL AND g.expires_at <= $1 AND a.role <> 'member'
               AND NOT EXISTS (SELECT FROM role_grant h WHERE h.account_id = a.id AND h.role = a.role
                                 AND num_nonnulls(h.topic_id, h.tag) = 0 AND h.revoked_at IS NULL
                                 AND (h.expires_at IS NULL OR h.expires_at > $1))
             ORDER BY g.account_id LIMIT 1000",
            [now.into()],
        ),
    )
    .await?;
    for Another { account_id } in stale {
        // As whoever grants does: the account first.
        let lock = "SELECT id AS account_id FROM account WHERE id = $1 FOR NO KEY UPDATE";
        let _: Option<Another> = one(tx.conn(), sql(lock, [account_id.into()])).await?;
        show_role(tx, account_id, now).await?;
        changed += 1;
    }
    Ok(changed)
}

/// Makes an administrator: from the command line only, never over HTTP.
///
/// # Errors
/// A field is not valid, or somebody has the name.
pub async fn create_administrator(
    app: &App,
    username: &str,
    email: &str,
    password: &str,
) -> Result<account::Model> {
    let username = Username::new(username).map_err(|refused| Error::invalid("username", refused))?;
    let email = Email::new(email).map_err(|refused| Error::invalid("email", refused))?;
    let password = NewPassword::new(password).map_err(|refused| Error::invalid("password", refused))?;
    refuse_guessable(&password, [username.as_str(), email.as_str()])
        .map_err(|refused| Error::invalid("password", refused))?;
    let new = NewAccount {
        id: app.ids.next(),
        username,
        kind: AccountKind::Person,
        email: Some(email.clone()),
        password_hash: Some(app.hasher.hash(password.expose().clone()).await?),
        display_name: None,
        role: Role::Administrator,
    };
    let id = new.id;
    let tx = app.begin().await?;
    accounts::insert(app, &tx, new, app.now()).await?;
    // Whoever may run this vouches for the address: nobody else who claims it gets in the way.
    let made = accounts::require(tx.conn(), id).await?;
    let permit = Permit::operator(EditAccount(&made), id);
    accounts::set_verified_email(&tx, &permit, &email, app.now()).await?;
    let everything = Power { role: Some(Role::Administrator), permissions: Vec::new(), scope: Scope::Site };
    let reason = "Made at the command line.".to_owned();
    insert(&tx, row(app, id, &everything, None, reason, None)).await?;
    let event = Event { kind: "administrator_created", subject_id: Some(id.0), ..Event::default() };
    events::record(app, &tx, event).await?;
    let account = accounts::require(tx.conn(), id).await?;
    let entry = Entry { object: Some(Object::account(id)), ..Entry::of("create_administrator") };
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    Ok(account)
}
