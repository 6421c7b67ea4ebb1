//! Sessions, tokens and second factors on the wire.

mod second_factors;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::factors::{self, Check};
use super::rules::{CodeAttempt, FactorProof, Scope, TokenName};
use super::store::{self, RefreshToken, Refreshed};
use super::throttle::{self, Subject};
use super::token;
use crate::accounts::rules::{AccountKind, AccountState, PasswordAttempt};
use crate::accounts::{self, OwnAccount};
use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry, Object};
use crate::clock::{Time, Timestamp};
use crate::db::{Tx, keyset};
use crate::entity::{personal_access_token, session};
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::hashing::Verdict;
use crate::http::limits::Guest;
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, Path, Query};
use crate::ids::{AccountId, SessionId, TokenId};
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
use crate::policy::{Actor, CreateToken};

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

/// What an entry says of the second factor that was shown.
fn shown(passed: bool, proof: Option<&FactorProof>) -> serde_json::Value {
    match proof.filter(|_| passed) {
        Some(proof) => serde_json::json!({ "second_factor": proof.kind() }),
        None => serde_json::Value::Null,
    }
}

/// Undoes what was done so far and records that the second factor was not shown. The attempt stays counted.
async fn refuse_factor(
    app: &App,
    tx: Tx,
    entry: Entry,
    check: &Check,
    proof: Option<&FactorProof>,
) -> Result<Error> {
    drop(tx);
    let data = serde_json::json!({ "second_factor": proof.map_or("missing", FactorProof::kind) });
    audit::record_alone(app, Entry { outcome: Outcome::Refused, data, ..entry }).await?;
    Ok(match check {
        Check::Missing => Code::SecondFactorRequired
            .error("Send the same with the app's `totp_code`, or with a `recovery_code`."),
        _ => Code::WrongSecondFactor
            .error("A code is good once and for about a minute: wait for the next one, and mind the clock of the device."),
    })
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
    let proof = FactorProof::read(create.input.totp_code.clone(), create.input.recovery_code.clone())?;
    let account = accounts::find_by_login(&app.db, &create.input.login).await?;
    let subject = Subject::new(account.as_ref().map(|account| account.id), &create.input.login);
    throttle::attempt(&app, &subject).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let verdict = app.hasher.verify(create.input.password.expose().clone(), stored.clone()).await?;
    let signs_in = |account: &crate::entity::account::Model| {
        verdict != Verdict::Wrong
            && account.kind == AccountKind::Person
            && account.state != AccountState::Deleted
    };
    let tried = account.as_ref().map(|account| account.id);
    let Some(account) = account.filter(signs_in) else {
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
    let second_factor = match factors::check(&app, &tx, &account, proof.as_ref()).await? {
        Check::NotAsked => false,
        Check::Passed => true,
        refused => {
            let entry = Entry {
                client: Some(guest.address()),
                object: Some(Object::account(account.id)),
                ..Entry::of("sign_in")
            };
            return Err(refuse_factor(&app, tx, entry, &refused, proof.as_ref()).await?);
        }
    };
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.map(|value| value.chars().take(200).collect());
    let (session, refresh_token) =
        store::begin(&app, &tx, &account, user_agent, guest.address().to_string(), second_factor).await?;
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
    let entry = Entry {
        actor_id: Some(account.id),
        session_id: Some(session.id),
        client: Some(guest.address()),
        object: Some(Object::session(session.id)),
        data: shown(second_factor, proof.as_ref()),
        ..Entry::of("sign_in")
    };
    audit::record(&app, &tx, entry).await?;
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
            if let Some(email) = accounts::require(tx.conn(), account_id).await?.email {
                let notice =
                    Order { kind: MailKind::RefreshTokenReused, account_id: Some(account_id), email };
                mail::order(&app, &tx, notice).await?;
            }
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
    let (own, current) = actor.require_session()?;
    let name = format!("sessions/{}", own.id);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &name, after)).transpose()?;
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

/// A proof of who asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reauthentication {
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
}

/// Prove again who one is
///
/// What is dear to lose, such as making a personal access token, asks for a proof that is not older than ten
/// minutes; signing in is one. Where the account has a second factor, it is part of the proof.
#[utoipa::path(post, path = "/sessions/current/reauthentication", tag = "sessions", request_body = Reauthentication, responses((status = 204)), security(("bearer" = [])))]
async fn reauthenticate(
    State(app): State<App>,
    actor: Actor,
    Body(proof): Body<Reauthentication>,
) -> Result<Answer> {
    let (own, session) = actor.require_session()?;
    let factor = FactorProof::read(proof.totp_code, proof.recovery_code)?;
    let account = accounts::require(&app.db, own.id).await?;
    let object = Some(Object::account(own.id));
    let Some(subject) = throttle::is_password(&app, &account, &proof.password).await? else {
        let entry = Entry { object, outcome: Outcome::Refused, ..actor.entry("reauthenticate") };
        audit::record_alone(&app, entry).await?;
        return Err(Code::WrongCredentials.error("Mind capitals in the password."));
    };
    let tx = app.begin().await?;
    accounts::hold_unchanged(&tx, &account).await?;
    let second_factor = match factors::check(&app, &tx, &account, factor.as_ref()).await? {
        Check::NotAsked => false,
        Check::Passed => true,
        refused => {
            let entry = Entry { object, ..actor.entry("reauthenticate") };
            return Err(refuse_factor(&app, tx, entry, &refused, factor.as_ref()).await?);
        }
    };
    throttle::succeeded(&app, &tx, &subject).await?;
    store::note_authentication(&tx, session, second_factor, app.now()).await?;
    let event = Event { kind: "session_reauthenticated", subject_id: Some(session.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let data = shown(second_factor, factor.as_ref());
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("reauthenticate") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// A personal access token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: TokenName,
    /// What it is good for.
    #[schema(min_items = 1, max_items = 5)]
    scopes: Vec<Scope>,
    /// Until when it is good: a year from now at most.
    expires_at: Timestamp,
}

/// A personal access token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
struct TokenView {
    id: TokenId,
    name: String,
    scopes: Vec<Scope>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// Give or take an hour; null if never.
    last_used_at: Option<Timestamp>,
}

/// A personal access token that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeToken {
    #[serde(flatten)]
    about: TokenView,
    /// Send it as `Authorization: Bearer`. It is shown this once.
    token: String,
}

impl From<personal_access_token::Model> for TokenView {
    fn from(token: personal_access_token::Model) -> Self {
        Self {
            id: token.id,
            name: token.name,
            scopes: token.scopes.iter().filter_map(|name| Scope::named(name)).collect(),
            created_at: token.created_at.into(),
            expires_at: token.expires_at.into(),
            last_used_at: token.last_used_at.map(Into::into),
        }
    }
}

/// The longest life of a personal access token.
const LONGEST: TimeDelta = TimeDelta::days(366);

impl NewToken {
    fn check(&self, now: Time) -> Result<()> {
        let mut wrong = Vec::new();
        if self.scopes.is_empty() {
            wrong.push(Field::new("scopes", "too_few", "A token is good for something."));
        }
        for (i, scope) in self.scopes.iter().enumerate() {
            if self.scopes[..i].contains(scope) {
                wrong.push(Field::new(format!("scopes[{i}]"), "duplicate", "This scope is there already."));
            }
        }
        let expires_at = Time::from(self.expires_at);
        if expires_at <= now || expires_at > now + LONGEST {
            wrong.push(Field::new("expires_at", "out_of_range", "From now to a year from now."));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
    }
}

/// Make a personal access token
///
/// For a bot or a script. Asks for a proof of who asks that is not older than ten minutes; for the scope
/// `moderate`, one with a second factor, where powers need that.
#[utoipa::path(post, path = "/me/tokens", tag = "sessions", request_body = NewToken, responses((status = 201, body = MadeToken)), security(("bearer" = [])))]
async fn create_token(State(app): State<App>, actor: Actor, create: Create<NewToken>) -> Result<Answer> {
    let (own, _) = actor.require_fresh_session(app.fresh_since())?;
    let permit = actor.may(CreateToken)?;
    create.input.check(app.now())?;
    let second_factor = own.passed_second_factor();
    let uses_powers = create.input.scopes.contains(&Scope::Moderate);
    if uses_powers && !second_factor && app.config.auth.require_second_factor_for_staff {
        return Err(Code::SecondFactorNeeded
            .error("A token with the scope `moderate` is made in a session that passed a second factor."));
    }
    let tx = app.begin().await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let expires_at = new.expires_at.into();
    let (made, token) =
        store::make_token(&app, &tx, &permit, &new.name, &new.scopes, expires_at, second_factor).await?;
    let data = serde_json::json!({ "scopes": new.scopes });
    let event =
        Event { kind: "token_created", subject_id: Some(made.id.0), data: data.clone(), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let object = Some(Object::token(made.id));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("create_token") }).await?;
    let view = MadeToken { about: made.into(), token };
    let answer = Answer::created(format!("/api/v1/me/tokens/{}", view.about.id), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// What a list of tokens is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TokensQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// Tokens a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List one's own personal access tokens
///
/// Those in force, newest first.
#[utoipa::path(get, path = "/me/tokens", tag = "sessions", params(TokensQuery), responses((status = 200, body = Page<TokenView>)), security(("bearer" = [])))]
async fn list_tokens(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<TokensQuery>,
) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let name = format!("tokens/{}", own.id);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &name, after)).transpose()?;
    let tokens = store::list_tokens(&app.db, own.id, before, query.limit, app.now()).await?;
    let page = Page::cut(tokens, query.limit, |last| keyset::encode(&app, &name, &last.id));
    let items = page.items.into_iter().map(TokenView::from).collect();
    Answer::ok(&Page::<TokenView> { items, next: page.next }, Cache::No)
}

/// Revoke a personal access token
#[utoipa::path(delete, path = "/me/tokens/{id}", tag = "sessions", params(("id" = TokenId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn revoke_token(State(app): State<App>, actor: Actor, Path(id): Path<TokenId>) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let tx = app.begin().await?;
    store::revoke_token(&tx, own.id, id, app.now()).await?;
    let event = Event { kind: "token_revoked", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::token(id)), ..actor.entry("revoke_token") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about sessions, tokens and second factors.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, create_session, end_all_sessions))
        .routes(routes!(refresh_session))
        .routes(routes!(end_current_session))
        .routes(routes!(reauthenticate))
        .routes(routes!(end_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
        .merge(second_factors::router())
}
