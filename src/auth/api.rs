//! Sessions on the wire.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::store::{self, RefreshToken, Refreshed};
use super::token;
use crate::accounts::rules::{AccountKind, AccountState, PasswordAttempt};
use crate::accounts::{self, OwnAccount};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::keyset;
use crate::entity::session;
use crate::error::{Code, Result};
use crate::events::{self, Event};
use crate::hashing::Verdict;
use crate::http::limits::{Client, Guest};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, Path, Query};
use crate::ids::{AccountId, SessionId};
use crate::keys::sha256;
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
use crate::policy::Actor;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    /// Username or address.
    #[schema(max_length = 254)]
    login: String,
    #[schema(value_type = String, format = "password")]
    password: PasswordAttempt,
}

/// Tokens, and whose they are.
#[derive(Debug, Serialize, ToSchema)]
struct SignedInView {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// How long the access token is good, in seconds.
    expires_in: u32,
    /// Good once, for the next access token.
    refresh_token: String,
    account: OwnAccount,
}

/// A sign-in that is in force.
#[derive(Debug, Serialize, ToSchema)]
struct SessionView {
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// What the client said of itself.
    user_agent: Option<String>,
    /// Where the sign-in came from.
    client_address: String,
    created_at: Timestamp,
    /// When it was last refreshed.
    last_used_at: Timestamp,
    /// When it ends in any case.
    expires_at: Timestamp,
}

async fn tokens(
    app: &App,
    db: &impl crate::db::ConnectionTrait,
    account_id: AccountId,
    session_id: SessionId,
    refresh_token: &RefreshToken,
) -> Result<SignedInView> {
    Ok(SignedInView {
        access_token: token::sign(app, account_id, session_id)?,
        token_type: "Bearer",
        expires_in: app.config.auth.access_token_ttl_secs,
        refresh_token: refresh_token.expose(),
        account: OwnAccount::from(&accounts::require(db, account_id).await?),
    })
}

/// Sign in
///
/// Unknown accounts and wrong passwords get the same answer, after the same work.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = Credentials, responses((status = 201, body = SignedInView)), security(()))]
async fn create_session(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    create: Create<Credentials>,
) -> Result<Answer> {
    let account = accounts::find_by_login(&app.db, &create.input.login).await?;
    let client = match &account {
        Some(account) => Client::Account(account.id),
        None => Client::Login(sha256(accounts::login_key(&create.input.login).as_bytes())),
    };
    guest.signs_in_to(&app, client)?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = app.hasher.verify(create.input.password.expose().clone(), stored.clone()).await?;
    let signs_in = |account: &crate::entity::account::Model| {
        verdict != Verdict::Wrong
            && account.kind == AccountKind::Person
            && account.state != AccountState::Deleted
    };
    let Some(account) = account.filter(signs_in) else {
        return Err(Code::WrongCredentials.error("Check both, and mind capitals in the password."));
    };
    let dearer = match verdict {
        Verdict::RightButWeak => Some(app.hasher.hash(create.input.password.expose().clone()).await?),
        _ => None,
    };
    let tx = app.begin().await?;
    let (_, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    if let (Some(old), Some(new)) = (&stored, &dearer) {
        // Locked for writing at once: two that hold it for reading would wait for each other.
        accounts::find_for_update(&tx, account.id).await?;
        accounts::store_password_hash(&tx, account.id, old, new).await?;
    }
    accounts::hold_unchanged(&tx, &account).await?;
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(|value| value.chars().take(200).collect());
    let (session, refresh_token) =
        store::begin(&app, &tx, &account, user_agent, guest.address().to_string()).await?;
    let event = Event {
        kind: "session_began",
        actor_id: Some(account.id),
        session_id: Some(session.id),
        subject_id: Some(session.id.0),
        ..Event::default()
    };
    events::record(&app, &tx, event).await?;
    let view = tokens(&app, tx.conn(), account.id, session.id, &refresh_token).await?;
    let answer = Answer::created(format!("/api/v1/sessions/{}", session.id), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    refresh_token: String,
}

/// Refresh a session
///
/// A refresh token is good once. Repeat the request if its answer was lost: within ten seconds the answer
/// has the same refresh token. Later, a token used twice ends the session.
#[utoipa::path(post, path = "/sessions/refresh", tag = "sessions", request_body = Refresh, responses((status = 200, body = SignedInView)), security(()))]
async fn refresh_session(State(app): State<App>, _: Guest, Body(refresh): Body<Refresh>) -> Result<Answer> {
    let refused = || Code::InvalidRefreshToken.error("Sign in again.");
    let used = RefreshToken::parse(&refresh.refresh_token).ok_or_else(refused)?;
    let tx = app.begin().await?;
    match store::refresh(&app, &tx, &used).await? {
        Refreshed::Next(session_id, account_id, next) => {
            let view = tokens(&app, tx.conn(), account_id, session_id, &next).await?;
            tx.commit().await?;
            Answer::ok(&view, Cache::No)
        }
        Refreshed::Reused(session_id, account_id) => {
            let event = Event {
                kind: "refresh_token_reused",
                actor_id: Some(account_id),
                session_id: Some(session_id),
                subject_id: Some(session_id.0),
                ..Event::default()
            };
            events::record(&app, &tx, event).await?;
            if let Some(email) = accounts::require(tx.conn(), account_id).await?.email {
                let notice =
                    Order { kind: MailKind::RefreshTokenReused, account_id: Some(account_id), email };
                mail::order(&app, &tx, notice).await?;
            }
            tx.commit().await?;
            tracing::warn!(%session_id, "a refresh token was used twice: its session was ended");
            Err(refused())
        }
    }
}

/// What a list of sessions is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Sessions a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List one's own sessions
///
/// Those in force, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(SessionsQuery), responses((status = 200, body = Page<SessionView>)), security(("bearer" = [])))]
async fn list_sessions(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<SessionsQuery>,
) -> Result<Answer> {
    let own = actor.require()?;
    let name = format!("sessions/{}", own.id);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &name, after)).transpose()?;
    let sessions = store::list(&app.db, own.id, before, query.limit, app.now()).await?;
    let page = Page::cut(sessions, query.limit, |last| keyset::encode(&app, &name, &last.id));
    let view = |session: session::Model| SessionView {
        id: session.id,
        current: session.id == own.session_id,
        user_agent: session.user_agent,
        client_address: session.client_address,
        created_at: session.created_at.into(),
        last_used_at: session.last_used_at.into(),
        expires_at: session.expires_at.into(),
    };
    Answer::ok(&Page { items: page.items.into_iter().map(view).collect(), next: page.next }, Cache::No)
}

async fn end(app: &App, actor: &Actor, id: SessionId) -> Result<Answer> {
    let own = actor.require()?;
    let tx = app.begin().await?;
    let session = store::find_own(tx.conn(), own.id, id).await?;
    store::end(&tx, &[session.id], "signed_out", app.now()).await?;
    let event = Event { kind: "session_ended", subject_id: Some(id.0), ..actor.event() };
    events::record(app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Sign out
///
/// Ends the session that asks. Its access token is refused from then on.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", responses((status = 204)), security(("bearer" = [])))]
async fn end_current_session(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let id = actor.require()?.session_id;
    end(&app, &actor, id).await
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn end_session(State(app): State<App>, actor: Actor, Path(id): Path<SessionId>) -> Result<Answer> {
    end(&app, &actor, id).await
}

/// Every path about sessions.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, create_session))
        .routes(routes!(refresh_session))
        .routes(routes!(end_current_session))
        .routes(routes!(end_session))
}
