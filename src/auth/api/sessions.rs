//! Sessions on the wire: signing in, refreshing, listing and ending them.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{pass_factor, shown};
use crate::accounts::rules::PasswordAttempt;
use crate::accounts::{self, OwnAccount};
use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry, Object};
use crate::auth::passkeys::{self, Shown};
use crate::auth::rules::{Assertion, CodeAttempt, FactorProof};
use crate::auth::store::{self, RefreshToken, Refreshed};
use crate::auth::throttle::{self, Subject};
use crate::auth::token;
use crate::clock::Timestamp;
use crate::db::{Tx, keyset};
use crate::entity::{account, session};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::hashing::Verdict;
use crate::http::limits::Guest;
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, Once, Path, Query};
use crate::ids::{AccountId, SessionId};
use crate::mail;
use crate::mail::rules::MailKind;
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
    /// Six digits, where the account has an authenticator app. Not looked at where it has none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    totp_code: Option<CodeAttempt>,
    /// Instead of it, one of the account's recovery codes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    recovery_code: Option<CodeAttempt>,
    /// Instead of both, one of the account's passkeys. By itself it signs in without the password: see
    /// `POST /sessions/by-passkey`.
    #[serde(default)]
    passkey: Option<Box<Assertion>>,
}

/// Tokens, and whose they are.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedInView {
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
    client_address: Option<String>,
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

/// Somebody who proved who they are.
pub struct Arrival<'a> {
    /// Who.
    pub account: &'a account::Model,
    /// Whether they showed a second factor.
    pub second_factor: bool,
    /// What the audit log is told of the proof.
    pub data: serde_json::Value,
    /// Keeps the answer for a retry, where there may be one.
    pub once: Option<Once>,
}

/// Begins the session of somebody who arrived, however they proved who they are, and gives its tokens.
///
/// # Errors
/// The database is away.
pub async fn begin(
    app: &App,
    tx: &Tx,
    guest: &Guest,
    headers: &HeaderMap,
    arrival: Arrival<'_>,
) -> Result<Answer> {
    let Arrival { account, second_factor, data, once } = arrival;
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(|value| value.chars().take(200).collect());
    let (session, refresh_token) =
        store::begin(app, tx, account, user_agent, guest.address().to_string(), second_factor).await?;
    let event = Event {
        kind: "session_began",
        actor_id: Some(account.id),
        session_id: Some(session.id),
        subject_id: Some(session.id.0),
        ..Event::default()
    };
    events::record(app, tx, event).await?;
    let view = tokens(app, tx.conn(), account.id, session.id, &refresh_token).await?;
    let mut answer = Answer::created(format!("/api/v1/sessions/{}", session.id), &view, Cache::No)?;
    if let Some(once) = once {
        answer = once.record(app, tx, answer).await?;
    }
    let entry = Entry {
        actor_id: Some(account.id),
        session_id: Some(session.id),
        client: Some(guest.address()),
        object: Some(Object::session(session.id)),
        data,
        ..Entry::of("sign_in")
    };
    audit::record(app, tx, entry).await?;
    Ok(answer)
}

/// Sign in
///
/// Unknown accounts and wrong passwords get the same answer, after the same work. Where the password is right
/// and the account has a second factor, a code of it is needed in the same request.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = Credentials, responses((status = 201, body = SignedInView)), security(()))]
async fn create_session(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    create: Create<Credentials>,
) -> Result<Answer> {
    let Credentials { totp_code, recovery_code, passkey, .. } = &create.input;
    let proof = FactorProof::read(totp_code.clone(), recovery_code.clone(), passkey.clone())?;
    let account = accounts::find_by_login(&app.db, &create.input.login).await?;
    let subject = Subject::new(account.as_ref().map(|account| account.id), &create.input.login);
    throttle::attempt(&app, &subject).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = app.hasher.verify(create.input.password.expose().clone(), stored.clone()).await?;
    let tried = account.as_ref().map(|account| account.id);
    let Some(account) = account.filter(|account| verdict != Verdict::Wrong && accounts::may_sign_in(account))
    else {
        // Whether or not there is such an account, so that both take the same time.
        let entry = Entry {
            client: Some(guest.address()),
            object: tried.map(Object::account),
            outcome: Outcome::Refused,
            ..Entry::of("sign_in")
        };
        audit::record_alone(&app, entry).await?;
        return Err(Code::WrongCredentials.error("Check both, and mind capitals in the password."));
    };
    let dearer = match verdict {
        Verdict::RightButWeak => Some(app.hasher.hash(create.input.password.expose().clone()).await?),
        _ => None,
    };
    let tx = app.begin().await?;
    throttle::succeeded(&app, &tx, &subject).await?;
    let (_, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => {
            tx.commit().await?;
            return Ok(answer);
        }
        Claimed::Now(once) => once,
    };
    if let (Some(old), Some(new)) = (&stored, &dearer) {
        // Locked for writing at once: two that hold it for reading would wait for each other.
        accounts::find_for_update(&tx, account.id).await?;
        accounts::store_password_hash(&tx, account.id, old, new).await?;
    }
    accounts::hold_unchanged(&tx, &account).await?;
    let entry = Entry {
        client: Some(guest.address()),
        object: Some(Object::account(account.id)),
        ..Entry::of("sign_in")
    };
    let (tx, second_factor) = pass_factor(&app, tx, &account, proof.as_ref(), entry).await?;
    let data = shown(second_factor, proof.as_ref());
    let arrival = Arrival { account: &account, second_factor, data, once: Some(once) };
    let answer = begin(&app, &tx, &guest, &headers, arrival).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Sign in with a passkey
///
/// Takes no password and no name: the passkey tells whose it is, and the authenticator verified its owner. Ask
/// for a challenge first (`POST /passkey-challenges`).
#[utoipa::path(post, path = "/sessions/by-passkey", tag = "sessions", request_body = Assertion, responses((status = 201, body = SignedInView)), security(()))]
async fn create_session_by_passkey(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    Body(assertion): Body<Assertion>,
) -> Result<Answer> {
    let refused = async |tried: Option<AccountId>, why: &'static str| {
        let entry = Entry {
            client: Some(guest.address()),
            object: tried.map(Object::account),
            outcome: Outcome::Refused,
            data: serde_json::json!({ "passkey": why }),
            ..Entry::of("sign_in")
        };
        audit::record_alone(&app, entry).await?;
        Err(Code::InvalidPasskey.error(
            "Ask for another challenge, which is good once and for five minutes; the passkey may have been removed.",
        ))
    };
    let Some(account) = passkeys::owner(&app.db, &assertion).await?.filter(accounts::may_sign_in) else {
        return refused(None, "unknown_passkey").await;
    };
    let tx = app.begin().await?;
    accounts::hold_unchanged(&tx, &account).await?;
    let passkey = match passkeys::show(&app, &tx, &assertion, account.id).await? {
        Shown::Passed(passkey) => passkey,
        Shown::Refused(why) => {
            drop(tx);
            return refused(Some(account.id), why).await;
        }
    };
    let data = serde_json::json!({ "passkey": passkey.id });
    let arrival = Arrival { account: &account, second_factor: true, data, once: None };
    let answer = begin(&app, &tx, &guest, &headers, arrival).await?;
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
async fn refresh_session(
    State(app): State<App>,
    guest: Guest,
    Body(refresh): Body<Refresh>,
) -> Result<Answer> {
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
            let account = accounts::require(tx.conn(), account_id).await?;
            mail::notify(&app, &tx, &account, MailKind::RefreshTokenReused).await?;
            let entry = Entry {
                actor_id: Some(account_id),
                client: Some(guest.address()),
                object: Some(Object::session(session_id)),
                outcome: Outcome::Refused,
                ..Entry::of("reuse_refresh_token")
            };
            audit::record(&app, &tx, entry).await?;
            tx.commit().await?;
            tracing::warn!(%session_id, "a refresh token was used twice: its session was ended");
            Err(refused())
        }
    }
}

/// List one's own sessions
///
/// Those in force, newest first.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(PageQuery), responses((status = 200, body = Page<SessionView>)), security(("bearer" = [])))]
async fn list_sessions(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let (own, current) = actor.require_session()?;
    let name = format!("sessions/{}", own.id);
    let before = query.place(&app, &name)?;
    let sessions = store::list(&app.db, own.id, before, query.limit, app.now()).await?;
    let page = Page::cut(sessions, query.limit, |last| keyset::encode(&app, &name, &last.id));
    let view = |session: session::Model| SessionView {
        id: session.id,
        current: session.id == current,
        user_agent: session.user_agent,
        client_address: session.client_address,
        created_at: session.created_at.into(),
        last_used_at: session.last_used_at.into(),
        expires_at: session.expires_at.into(),
    };
    Answer::ok(&Page { items: page.items.into_iter().map(view).collect(), next: page.next }, Cache::No)
}

async fn end(app: &App, actor: &Actor, id: SessionId) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let tx = app.begin().await?;
    let session = store::find_own(tx.conn(), own.id, id).await?;
    store::end(&tx, &[session.id], "signed_out", app.now()).await?;
    let event = Event { kind: "session_ended", subject_id: Some(id.0), ..actor.event() };
    events::record(app, &tx, event).await?;
    let entry = Entry { object: Some(Object::session(id)), ..actor.entry("sign_out") };
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Sign out
///
/// Ends the session that asks. Its access token is refused from then on.
#[utoipa::path(delete, path = "/sessions/current", tag = "sessions", responses((status = 204)), security(("bearer" = [])))]
async fn end_current_session(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let (_, id) = actor.require_session()?;
    end(&app, &actor, id).await
}

/// End one of one's own sessions
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn end_session(State(app): State<App>, actor: Actor, Path(id): Path<SessionId>) -> Result<Answer> {
    end(&app, &actor, id).await
}

/// Which sessions are ended.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EndAllQuery {
    /// Whether the session that asks goes on.
    #[serde(default)]
    keep_current: bool,
}

/// End all of one's own sessions
#[utoipa::path(delete, path = "/sessions", tag = "sessions", params(EndAllQuery), responses((status = 204)), security(("bearer" = [])))]
async fn end_all_sessions(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<EndAllQuery>,
) -> Result<Answer> {
    let (own, current) = actor.require_session()?;
    let tx = app.begin().await?;
    let ended =
        store::end_all(&tx, own.id, query.keep_current.then_some(current), "signed_out", app.now()).await?;
    let data = serde_json::json!({ "ended": ended });
    let event =
        Event { kind: "sessions_ended", subject_id: Some(own.id.0), data: data.clone(), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let object = Some(Object::account(own.id));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("sign_out") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// A proof of who asks: the password, with a second factor where there is one, or a passkey alone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reauthentication {
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password")]
    password: Option<PasswordAttempt>,
    /// Six digits, where the account has an authenticator app. Not looked at where it has none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    totp_code: Option<CodeAttempt>,
    /// Instead of it, one of the account's recovery codes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    recovery_code: Option<CodeAttempt>,
    /// Instead of both, or of everything, one of the account's passkeys.
    #[serde(default)]
    passkey: Option<Box<Assertion>>,
}

/// Prove again who one is
///
/// What is dear to lose, such as making a personal access token, asks for a proof that is not older than ten
/// minutes; signing in is one. Where the account has a second factor, it is part of the proof; a passkey is a
/// proof by itself.
#[utoipa::path(post, path = "/sessions/current/reauthentication", tag = "sessions", request_body = Reauthentication, responses((status = 204)), security(("bearer" = [])))]
async fn reauthenticate(
    State(app): State<App>,
    actor: Actor,
    Body(proof): Body<Reauthentication>,
) -> Result<Answer> {
    let (own, session) = actor.require_session()?;
    let factor = FactorProof::read(proof.totp_code, proof.recovery_code, proof.passkey)?;
    let account = accounts::require(&app.db, own.id).await?;
    let object = Some(Object::account(own.id));
    let subject = match (&proof.password, &factor) {
        (Some(password), _) => {
            let Some(subject) = throttle::is_password(&app, &account, password).await? else {
                let entry = Entry { object, outcome: Outcome::Refused, ..actor.entry("reauthenticate") };
                audit::record_alone(&app, entry).await?;
                return Err(Code::WrongCredentials.error("Mind capitals in the password."));
            };
            Some(subject)
        }
        (None, Some(FactorProof::Passkey(_))) => None,
        (None, _) => return Err(Error::field("password", "missing", "The password, or a passkey alone.")),
    };
    let tx = app.begin().await?;
    accounts::hold_unchanged(&tx, &account).await?;
    let entry = Entry { object, ..actor.entry("reauthenticate") };
    let (tx, second_factor) = pass_factor(&app, tx, &account, factor.as_ref(), entry).await?;
    if let Some(subject) = &subject {
        throttle::succeeded(&app, &tx, subject).await?;
    }
    store::note_authentication(&tx, session, second_factor, app.now()).await?;
    let event = Event { kind: "session_reauthenticated", subject_id: Some(session.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let data = shown(second_factor, factor.as_ref());
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("reauthenticate") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about sessions.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, create_session, end_all_sessions))
        .routes(routes!(create_session_by_passkey))
        .routes(routes!(refresh_session))
        .routes(routes!(end_current_session))
        .routes(routes!(reauthenticate))
        .routes(routes!(end_session))
}
