//! Personal access tokens on the wire.

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth::rules::{Scope, TokenName};
use crate::auth::store;
use crate::clock::{Time, Timestamp};
use crate::db::keyset;
use crate::entity::personal_access_token;
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query};
use crate::ids::TokenId;
use crate::policy::{Actor, CreateToken};

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

/// List one's own personal access tokens
///
/// Those in force, newest first.
#[utoipa::path(get, path = "/me/tokens", tag = "sessions", params(PageQuery), responses((status = 200, body = Page<TokenView>)), security(("bearer" = [])))]
async fn list_tokens(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let name = format!("tokens/{}", own.id);
    let before = query.place(&app, &name)?;
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

/// The paths about personal access tokens.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_token))
}
