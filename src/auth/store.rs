//! Sessions and refresh tokens.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use crate::accounts::rules::{AccountState, Role};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql};
use crate::entity::{account, refresh_token, session};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, SessionId};
use crate::keys::{random, sha256};
use crate::policy::{Actor, SignedIn};

#[derive(FromQueryResult)]
struct Standing {
    role: Role,
    state: AccountState,
    email_verified: bool,
}

/// The bearer of a verified token, if the session is in force: one read by primary key.
///
/// # Errors
/// 401 where the session ended or the account is gone.
pub(super) async fn actor(app: &App, session_id: SessionId, account_id: AccountId) -> Result<Actor> {
    let standing: Option<Standing> = one(
        &app.db,
        sql(
            "SELECT a.role, a.state, a.email_verified_at IS NOT NULL AS email_verified FROM session s JOIN account a ON a.id = s.account_id
             WHERE s.id = $1 AND s.account_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3",
            [session_id.into(), account_id.into(), app.now().into()],
        ),
    )
    .await?;
    match standing {
        Some(Standing { role, state, email_verified }) if state != AccountState::Deleted => {
            let takes_part = email_verified || !app.config.accounts.require_verified_email;
            Ok(Actor::Account(SignedIn { id: account_id, session_id, role, state, takes_part }))
        }
        _ => Err(Code::InvalidToken.error("This session has ended; sign in again.")),
    }
}

/// A refresh token on its way to the client: 256 random bits, in base64url behind a prefix that secret
/// scanners can look for.
#[derive(Clone)]
pub(super) struct RefreshToken([u8; 32]);

const PREFIX: &str = "otw_rt_";

impl RefreshToken {
    fn new() -> Result<Self> {
        random().map(Self)
    }

    /// Reads what a client sent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token as the client gets it.
    pub(super) fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    fn hash(&self) -> Vec<u8> {
        sha256(&self.0).to_vec()
    }
}

/// How long a session may stay idle, and how long it may last.
fn lifetimes(app: &App, role: Role) -> (TimeDelta, TimeDelta) {
    let auth = &app.config.auth;
    let (idle, absolute) = match role {
        Role::Member => (auth.session_idle_hours, auth.session_absolute_hours),
        Role::Moderator | Role::Administrator => {
            (auth.staff_session_idle_hours, auth.staff_session_absolute_hours)
        }
    };
    (TimeDelta::hours(idle.into()), TimeDelta::hours(absolute.into()))
}

/// Begins a session, and gives its first refresh token.
///
/// # Errors
/// The database is away.
pub(super) async fn begin(
    app: &App,
    tx: &Tx,
    account: &account::Model,
    user_agent: Option<String>,
    client_address: String,
) -> Result<(session::Model, RefreshToken)> {
    let now = app.now();
    let (idle, absolute) = lifetimes(app, account.role);
    let session = session::Model {
        id: app.ids.next(),
        account_id: account.id,
        user_agent,
        client_address,
        created_at: now,
        last_used_at: now,
        idle_expires_at: now + idle,
        expires_at: now + absolute,
        ended_at: None,
        ended_because: None,
    };
    insert(tx, session.clone()).await?;
    let token = RefreshToken::new()?;
    give_out(tx, session.id, &token, now).await?;
    Ok((session, token))
}

async fn give_out(tx: &Tx, session_id: SessionId, token: &RefreshToken, now: Time) -> Result<()> {
    let row =
        refresh_token::Model { token_hash: token.hash(), session_id, created_at: now, rotated_at: None };
    insert(tx, row).await
}

/// What came of using a refresh token.
pub(super) enum Refreshed {
    /// The session goes on, with this token.
    Next(SessionId, AccountId, RefreshToken),
    /// A token was used twice: the session was ended, and this must be committed before it is refused.
    Reused(SessionId, AccountId),
}

/// Uses a refresh token. Repeated within the grace period while its successor is unused, it gives the
/// same successor: the answer may have been lost. Repeated otherwise, it was stolen, by whoever came
/// first or second: the session ends.
///
/// # Errors
/// 401 for a token that is unknown or whose session ended.
pub(super) async fn refresh(app: &App, tx: &Tx, token: &RefreshToken) -> Result<Refreshed> {
    let refused = || Code::InvalidRefreshToken.error("Sign in again.");
    let used = refresh_token::Entity::find_by_id(token.hash())
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .ok_or_else(refused)?;
    let session = session::Entity::find_by_id(used.session_id)
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .ok_or_else(refused)?;
    let account =
        account::Entity::find_by_id(session.account_id).one(tx.conn()).await?.ok_or_else(refused)?;
    let now = app.now();
    let over = session.ended_at.is_some() || session.expires_at <= now || session.idle_expires_at <= now;
    if over || account.state == AccountState::Deleted {
        return Err(refused());
    }
    let successor = RefreshToken(app.keys.refresh_successor(&token.0));
    if let Some(rotated_at) = used.rotated_at {
        let grace = TimeDelta::seconds(app.config.auth.refresh_grace_secs.into());
        let next = refresh_token::Entity::find_by_id(successor.hash()).one(tx.conn()).await?;
        let unused = next.is_some_and(|next| next.rotated_at.is_none());
        if unused && now - rotated_at <= grace {
            return Ok(Refreshed::Next(session.id, account.id, successor));
        }
        end(tx, &[session.id], "refresh_token_reused", now).await?;
        return Ok(Refreshed::Reused(session.id, account.id));
    }
    let statement = "UPDATE refresh_token SET rotated_at = $2 WHERE token_hash = $1";
    tx.conn().execute_raw(sql(statement, [used.token_hash.into(), now.into()])).await?;
    give_out(tx, session.id, &successor, now).await?;
    let (idle, _) = lifetimes(app, account.role);
    let statement = "UPDATE session SET last_used_at = $2, idle_expires_at = $3 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [session.id.into(), now.into(), (now + idle).into()])).await?;
    Ok(Refreshed::Next(session.id, account.id, successor))
}

/// Ends sessions.
///
/// # Errors
/// The database is away.
pub(super) async fn end(tx: &Tx, sessions: &[SessionId], because: &'static str, now: Time) -> Result<()> {
    let ids: Vec<uuid::Uuid> = sessions.iter().map(|id| id.0).collect();
    let statement =
        "UPDATE session SET ended_at = $2, ended_because = $3 WHERE id = ANY($1) AND ended_at IS NULL";
    tx.conn().execute_raw(sql(statement, [ids.into(), now.into(), because.into()])).await?;
    Ok(())
}

/// Ends every session of an account, or every other one.
///
/// # Errors
/// The database is away.
pub async fn end_all(
    tx: &Tx,
    account_id: AccountId,
    except: Option<SessionId>,
    because: &'static str,
    now: Time,
) -> Result<()> {
    let statement = "UPDATE session SET ended_at = $3, ended_because = $4
                     WHERE account_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id <> $2)";
    let values = [account_id.into(), except.map(|id| id.0).into(), now.into(), because.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Finds a session of this account that is in force.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find_own(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    id: SessionId,
) -> Result<session::Model> {
    let found = session::Entity::find_by_id(id)
        .filter(session::Column::AccountId.eq(account_id))
        .filter(session::Column::EndedAt.is_null());
    found.one(db).await?.ok_or_else(Error::not_found)
}

/// The sessions of an account that are in force, newest first, one more than asked for.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<SessionId>,
    limit: Limit,
    now: Time,
) -> Result<Vec<session::Model>> {
    let sessions = session::Entity::find()
        .filter(session::Column::AccountId.eq(account_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .filter(session::Column::IdleExpiresAt.gt(now))
        .filter(session::Column::Id.lt(before.unwrap_or(SessionId(uuid::Uuid::max()))))
        .order_by_desc(session::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(sessions.all(db).await?)
}
