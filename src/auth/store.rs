//! Sessions and refresh tokens.

use std::collections::HashMap;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::factors;
use super::rules::{Scope, TokenName, read_token, write_token};
use crate::accounts::rules::{AccountState, Role};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql};
use crate::decisions::rules::Sanction;
use crate::entity::{account, personal_access_token, refresh_token, session};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, SessionId, TokenId, TopicId};
use crate::keys::{random, sha256};
use crate::policy::{Actor, Bearer, CreateToken, Credential, Permit, SignedIn};
use crate::roles;
use crate::roles::rules::{Power, Powers};

/// An account and one of its grants in force, or none.
#[derive(FromQueryResult)]
struct Standing {
    account_id: AccountId,
    state: AccountState,
    email_verified: bool,
    granted: bool,
    role: Option<Role>,
    permissions: Option<Vec<String>>,
    topic_id: Option<TopicId>,
    tag: Option<String>,
    sanctions: Option<serde_json::Value>,
    acted_at: Option<Time>,
}

/// The columns of [`Standing`] and the tables they come from, for whoever owns `by`; `$2` is the moment.
macro_rules! standing {
    (columns) => {
        "a.id AS account_id, a.state, a.email_verified_at IS NOT NULL AS email_verified, g.id IS NOT NULL AS granted, g.role, g.permissions, g.topic_id, g.tag,
         (SELECT jsonb_agg(jsonb_build_object('id', s.id, 'kind', s.kind, 'topic_id', s.topic_id, 'ends_at', s.ends_at))
          FROM sanction s WHERE s.account_id = a.id AND s.lifted_at IS NULL AND s.kind <> 'warn'
                            AND (s.ends_at IS NULL OR s.ends_at > $2)) AS sanctions, "
    };
    (acted_at) => {
        "GREATEST((SELECT max(updated_at) FROM vote
                   WHERE vote.account_id = a.id AND updated_at > $2 - interval '10 minutes'),
                  (SELECT max(GREATEST(created_at, edited_at, deleted_at)) FROM post
                   WHERE post.author_id = a.id
                     AND GREATEST(created_at, edited_at, deleted_at) > $2 - interval '10 minutes')) AS acted_at "
    };
    (not acted_at) => {
        "NULL::timestamptz AS acted_at "
    };
    (of sessions, $($acted_at:tt)+) => {
        concat!(
            "SELECT w.place, by.authenticated_at, by.second_factor, ",
            standing!(columns),
            standing!($($acted_at)+),
            "FROM unnest($1::uuid[], $3::uuid[]) WITH ORDINALITY AS w (session_id, account_id, place)
             CROSS JOIN LATERAL (
                 SELECT * FROM session
                 WHERE session.id = w.session_id AND session.account_id = w.account_id
                   AND session.ended_at IS NULL AND session.expires_at > $2 OFFSET 0) by ",
            standing!(tables)
        )
    };
    (tables) => {
        "CROSS JOIN LATERAL (SELECT * FROM account WHERE account.id = by.account_id OFFSET 0) a
         LEFT JOIN LATERAL (
             SELECT * FROM role_grant WHERE role_grant.account_id = a.id AND role_grant.revoked_at IS NULL
                                        AND (role_grant.expires_at IS NULL OR role_grant.expires_at > $2) OFFSET 0) g ON true"
    };
}

/// Somebody whose account is there, with what they may do at the moment.
fn signed_in(
    app: &App,
    rows: Vec<Standing>,
    credential: Credential,
    second_factor: bool,
    client: Option<IpAddr>,
) -> Result<Option<Actor>> {
    let Some(first) = rows.first().filter(|row| row.state != AccountState::Deleted) else { return Ok(None) };
    let (id, acted_at) = (first.account_id, first.acted_at);
    let takes_part = first.email_verified || !app.config.accounts.require_verified_email;
    let sanctions: Vec<Sanction> = match first.sanctions.clone() {
        Some(sanctions) => serde_json::from_value(sanctions).map_err(Error::internal)?,
        None => Vec::new(),
    };
    // Who is suspended keeps their grants and has no use of them.
    let is_suspended = sanctions.iter().any(Sanction::is_total);
    let granted = rows.into_iter().filter(|row| row.granted && !is_suspended);
    let held: Powers = granted
        .map(|row| Power::read(row.role, &row.permissions.unwrap_or_default(), row.topic_id, row.tag))
        .collect();
    let (powers, withheld) = if second_factor || !app.config.auth.require_second_factor_for_staff {
        (held, Powers::default())
    } else {
        (Powers::default(), held)
    };
    let role = powers.role();
    Ok(Some(Actor::Account(SignedIn {
        id,
        credential,
        role,
        powers,
        withheld,
        sanctions,
        client,
        takes_part,
        acted_at,
    })))
}

#[derive(FromQueryResult)]
struct SessionStanding {
    place: i64,
    authenticated_at: Time,
    second_factor: bool,
    #[sea_orm(nested)]
    standing: Standing,
}

/// The bearer of a verified token, if the session is in force. Those who ask at about the same time are read together.
///
/// # Errors
/// 401 where the session ended or the account is gone.
pub async fn actor(app: &App, bearer: Bearer) -> Result<Actor> {
    let server = app.clone();
    let read = move |bearers: Vec<Bearer>| {
        let app = server.clone();
        async move { standings(&app, &app.db, &bearers, Whose::Readers).await }
    };
    app.standings.find(bearer, read).await
}

/// For what it is asked how people stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// For anything.
    Readers,
    /// For votes, to which it is nothing when they acted last: that is left out.
    Voters,
}

/// How the bearers of verified tokens stand, each as [`actor`] says: one read, of sessions, accounts and their grants, by
/// keys.
///
/// # Errors
/// The database is away.
pub async fn standings(
    app: &App,
    db: &impl ConnectionTrait,
    bearers: &[Bearer],
    whose: Whose,
) -> Result<Vec<Result<Actor>>> {
    let sessions: Vec<Uuid> = bearers.iter().map(|bearer| bearer.session_id.0).collect();
    let accounts: Vec<Uuid> = bearers.iter().map(|bearer| bearer.account_id.0).collect();
    let statement = match whose {
        Whose::Readers => standing!(of sessions, acted_at),
        Whose::Voters => standing!(of sessions, not acted_at),
    };
    let values = [sessions.into(), app.now().into(), accounts.into()];
    let rows: Vec<SessionStanding> = all(db, sql(statement, values)).await?;
    let mut found: HashMap<i64, Vec<SessionStanding>> = HashMap::new();
    for row in rows {
        found.entry(row.place).or_default().push(row);
    }
    let one = |(place, bearer): (i64, &Bearer)| {
        let rows = found.remove(&place).unwrap_or_default();
        let ended = || Code::InvalidToken.error("This session has ended; sign in again.");
        let first = rows.first().ok_or_else(ended)?;
        let (authenticated_at, second_factor) = (first.authenticated_at, first.second_factor);
        let credential = Credential::Session { id: bearer.session_id, authenticated_at, second_factor };
        let rows = rows.into_iter().map(|row| row.standing).collect();
        signed_in(app, rows, credential, second_factor, Some(bearer.client))?.ok_or_else(ended)
    };
    Ok((1..).zip(bearers).map(one).collect())
}

/// Whoever asks, as they stand now, by what they asked with; nobody where that is not in force any more.
///
/// # Errors
/// The database is away.
pub async fn again(app: &App, asking: &Actor) -> Result<Option<Actor>> {
    let Some(SignedIn { id: account_id, credential, client, .. }) = asking.signed_in() else {
        return Ok(Some(Actor::Anonymous));
    };
    let found = match (credential, client) {
        (Credential::Session { id, .. }, Some(client)) => {
            actor(app, Bearer { session_id: *id, account_id: *account_id, client: *client }).await
        }
        (Credential::Token { id, scopes }, _) => {
            let statement = concat!(
                "SELECT by.second_factor, ",
                standing!(columns),
                standing!(acted_at),
                "FROM personal_access_token by ",
                standing!(tables),
                " WHERE by.id = $1 AND by.revoked_at IS NULL AND by.expires_at > $2"
            );
            let rows: Vec<TokenInForce> =
                all(&app.db, sql(statement, [(*id).into(), app.now().into()])).await?;
            let second_factor = rows.first().is_some_and(|row| row.second_factor);
            let credential = Credential::Token { id: *id, scopes: scopes.clone() };
            let rows = rows.into_iter().map(|row| row.standing).collect();
            return signed_in(app, rows, credential, second_factor, *client);
        }
        (Credential::Session { id, .. } | Credential::Deferred { id }, _) => {
            return on_behalf(app, *account_id, *id).await;
        }
    };
    match found {
        Ok(actor) => Ok(Some(actor)),
        Err(error) if error.code == Code::InvalidToken => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(FromQueryResult)]
struct TokenInForce {
    second_factor: bool,
    #[sea_orm(nested)]
    standing: Standing,
}

/// Somebody as they stand now, for what they asked for before with this session or token; nobody where their account is
/// gone, where the session was ended since somebody else may have had it, or the token was revoked. Powers that take a second
/// factor take that they still have one.
///
/// # Errors
/// The database is away.
pub async fn on_behalf(app: &App, account_id: AccountId, asked_with: SessionId) -> Result<Option<Actor>> {
    let statement = concat!(
        "SELECT ",
        standing!(columns),
        standing!(acted_at),
        "FROM (SELECT $1::uuid AS account_id
                WHERE NOT EXISTS (SELECT FROM session s WHERE s.id = $3 AND s.ended_because IN
                                  ('revoked_by_moderator', 'refresh_token_reused', 'email_reverted', 'password_reset',
                                   'password_changed'))
                  AND NOT EXISTS (SELECT FROM personal_access_token t WHERE t.id = $3 AND t.revoked_at IS NOT NULL)) by ",
        standing!(tables)
    );
    let values = [account_id.into(), app.now().into(), asked_with.into()];
    let rows: Vec<Standing> = all(&app.db, sql(statement, values)).await?;
    let second_factor = factors::any(&app.db, account_id).await?;
    signed_in(app, rows, Credential::Deferred { id: asked_with }, second_factor, None)
}

#[derive(FromQueryResult)]
struct TokenStanding {
    id: TokenId,
    scopes: Vec<String>,
    second_factor: bool,
    last_used_at: Option<Time>,
    #[sea_orm(nested)]
    standing: Standing,
}

/// How exactly it is kept when a token was last used: a write at every read would be dear.
const LAST_USED: TimeDelta = TimeDelta::hours(1);

/// The owner of a personal access token that is in force: one read by the token's hash.
///
/// # Errors
/// 401 for what is no token of ours, or none any more.
pub(super) async fn token_owner(app: &App, text: &str, client: IpAddr) -> Result<Actor> {
    let refused = || Code::InvalidToken.error("Make a new personal access token.");
    // The checksum tells most of what is no token without a question to the database.
    let secret = read_token(text).ok_or_else(refused)?;
    let now = app.now();
    let rows: Vec<TokenStanding> = all(
        &app.db,
        sql(
            concat!(
                "SELECT by.id, by.scopes, by.second_factor, by.last_used_at, ",
                standing!(columns),
                standing!(acted_at),
                "FROM personal_access_token by ",
                standing!(tables),
                " WHERE by.token_hash = $1 AND by.revoked_at IS NULL AND by.expires_at > $2"
            ),
            [sha256(&secret).to_vec().into(), now.into()],
        ),
    )
    .await?;
    let found = rows.first().ok_or_else(refused)?;
    let (id, second_factor, last_used_at) = (found.id, found.second_factor, found.last_used_at);
    let scopes = found.scopes.iter().filter_map(|name| Scope::named(name)).collect();
    let rows = rows.into_iter().map(|row| row.standing).collect();
    let credential = Credential::Token { id, scopes };
    let actor = signed_in(app, rows, credential, second_factor, Some(client))?.ok_or_else(refused)?;
    if last_used_at.is_none_or(|used| now - used >= LAST_USED) {
        let tx = app.begin().await?;
        let statement = "UPDATE personal_access_token SET last_used_at = $2 WHERE id = $1";
        tx.conn().execute_raw(sql(statement, [id.into(), now.into()])).await?;
        tx.commit().await?;
    }
    Ok(actor)
}

/// How many personal access tokens an account may have at a time.
const MAX_TOKENS: i64 = 50;

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Makes a personal access token, and gives it with its secret, which nobody sees again.
///
/// # Errors
/// 409 where there are too many.
pub(super) async fn make_token(
    app: &App,
    tx: &Tx,
    permit: &Permit<CreateToken>,
    name: &TokenName,
    scopes: &[Scope],
    expires_at: Time,
    second_factor: bool,
) -> Result<(personal_access_token::Model, String)> {
    let (now, account_id) = (app.now(), permit.by());
    // The account is locked, so that the count stays true.
    account::Entity::find_by_id(account_id)
        .lock_exclusive()
        .one(tx.conn())
        .await?
        // One that was erased since it asked gets none.
        .filter(|account| account.state != AccountState::Deleted)
        .ok_or_else(Error::not_found)?;
    let in_force = "SELECT count(*) AS count FROM personal_access_token
                    WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > $2";
    let in_force: Option<Count> = one(tx.conn(), sql(in_force, [account_id.into(), now.into()])).await?;
    if in_force.is_some_and(|in_force| in_force.count >= MAX_TOKENS) {
        return Err(Code::TooManyTokens.error(format!("At most {MAX_TOKENS} at a time: revoke one first.")));
    }
    let secret: [u8; 32] = random()?;
    let token = personal_access_token::Model {
        id: app.ids.next(),
        account_id,
        name: name.to_string(),
        token_hash: sha256(&secret).to_vec(),
        scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        second_factor,
        created_at: now,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    insert(tx, token.clone()).await?;
    Ok((token, write_token(&secret)))
}

/// The personal access tokens of an account that are in force, newest first, one more than asked for.
///
/// # Errors
/// The database is away.
pub(super) async fn list_tokens(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<TokenId>,
    limit: Limit,
    now: Time,
) -> Result<Vec<personal_access_token::Model>> {
    let tokens = personal_access_token::Entity::find()
        .filter(personal_access_token::Column::AccountId.eq(account_id))
        .filter(personal_access_token::Column::RevokedAt.is_null())
        .filter(personal_access_token::Column::ExpiresAt.gt(now))
        .filter(personal_access_token::Column::Id.lt(before.unwrap_or(TokenId(uuid::Uuid::max()))))
        .order_by_desc(personal_access_token::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(tokens.all(db).await?)
}

/// Revokes a personal access token of this account.
///
/// # Errors
/// 404 where there is none in force.
pub(super) async fn revoke_token(tx: &Tx, account_id: AccountId, id: TokenId, now: Time) -> Result<()> {
    let statement = "UPDATE personal_access_token SET revoked_at = $3
                     WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL AND expires_at > $3";
    let revoked = tx.conn().execute_raw(sql(statement, [id.into(), account_id.into(), now.into()])).await?;
    if revoked.rows_affected() == 0 { Err(Error::not_found()) } else { Ok(()) }
}

/// Notes that the owner of a session proved again who they are, perhaps with a second factor.
///
/// # Errors
/// The database is away.
pub async fn note_authentication(tx: &Tx, id: SessionId, second_factor: bool, now: Time) -> Result<()> {
    let statement =
        "UPDATE session SET authenticated_at = $2, second_factor = second_factor OR $3 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [id.into(), now.into(), second_factor.into()])).await?;
    Ok(())
}

/// Revokes every personal access token of an account, as is right where its password was lost. Tells how many.
///
/// # Errors
/// The database is away.
pub async fn revoke_all_tokens(tx: &Tx, account_id: AccountId, now: Time) -> Result<u64> {
    let statement =
        "UPDATE personal_access_token SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";
    Ok(tx.conn().execute_raw(sql(statement, [account_id.into(), now.into()])).await?.rows_affected())
}

/// Removes every session and personal access token of an account, with what they say of its owner.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    session::Entity::delete_many().filter(session::Column::AccountId.eq(account_id)).exec(tx.conn()).await?;
    personal_access_token::Entity::delete_many()
        .filter(personal_access_token::Column::AccountId.eq(account_id))
        .exec(tx.conn())
        .await?;
    factors::remove_all(tx, account_id).await
}

/// Forgets from where people signed in longer ago than `accounts.address_days`.
///
/// # Errors
/// The database is away.
pub async fn forget_addresses(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - TimeDelta::days(app.config.accounts.address_days.into());
    let statement = "UPDATE session SET client_address = NULL WHERE ctid = ANY(ARRAY(
         SELECT ctid FROM session WHERE client_address IS NOT NULL AND created_at <= $1 LIMIT 10000))";
    Ok(tx.conn().execute_raw(sql(statement, [before.into()])).await?.rows_affected())
}

/// A refresh token on its way to the client: 256 random bits, in base64url behind a prefix that secret
/// scanners can look for.
#[derive(Clone)]
pub(super) struct RefreshToken([u8; 32]);

/// By this a refresh token is known.
const REFRESH_PREFIX: &str = "otw_rt_";

impl RefreshToken {
    fn new() -> Result<Self> {
        random().map(Self)
    }

    /// Reads what a client sent.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(REFRESH_PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token as the client gets it.
    pub(super) fn expose(&self) -> String {
        format!("{REFRESH_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }

    fn hash(&self) -> Vec<u8> {
        sha256(&self.0).to_vec()
    }
}

/// How long a session may stay idle, and how long it may last: less for whoever has any grant.
async fn lifetimes(app: &App, tx: &Tx, account_id: AccountId) -> Result<(TimeDelta, TimeDelta)> {
    let auth = &app.config.auth;
    let (idle, absolute) = if roles::powers(tx.conn(), account_id, app.now()).await?.is_empty() {
        (auth.session_idle_hours, auth.session_absolute_hours)
    } else {
        (auth.staff_session_idle_hours, auth.staff_session_absolute_hours)
    };
    Ok((TimeDelta::hours(idle.into()), TimeDelta::hours(absolute.into())))
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
    second_factor: bool,
) -> Result<(session::Model, RefreshToken)> {
    let now = app.now();
    let (idle, absolute) = lifetimes(app, tx, account.id).await?;
    let session = session::Model {
        id: app.ids.next(),
        account_id: account.id,
        user_agent,
        client_address: Some(client_address),
        created_at: now,
        authenticated_at: now,
        second_factor,
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
    let (idle, absolute) = lifetimes(app, tx, account.id).await?;
    // A session that began before its account was granted anything ends when one that begins now would.
    let expires_at = session.expires_at.min(session.created_at + absolute);
    let idle_expires_at = session.idle_expires_at.min(session.last_used_at + idle);
    let over = session.ended_at.is_some() || expires_at <= now || idle_expires_at <= now;
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

/// Ends every session of an account, or every other one. Tells how many.
///
/// # Errors
/// The database is away.
pub async fn end_all(
    tx: &Tx,
    account_id: AccountId,
    except: Option<SessionId>,
    because: &'static str,
    now: Time,
) -> Result<u64> {
    let statement = "UPDATE session SET ended_at = $3, ended_because = $4
                     WHERE account_id = $1 AND ended_at IS NULL AND ($2::uuid IS NULL OR id <> $2)";
    let values = [account_id.into(), except.map(|id| id.0).into(), now.into(), because.into()];
    Ok(tx.conn().execute_raw(sql(statement, values)).await?.rows_affected())
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
