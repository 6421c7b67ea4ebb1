//! Who asks: the bearer of an access token whose session is still in force, or of a personal access token.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::rules::{Scope, Verified};
use super::{rules, store, token};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::limits::{self, Client};
use crate::http::{AskedBy, Asker, ClientAddress, openapi};
use crate::ids::AccountId;
use crate::policy::{Actor, Bearer, Caller};

impl FromRequestParts<App> for Actor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let actor = counted(app, parts, address, read(parts, app, address).await, Actor::id).await?;
        // Before the body is read: a stranger learns nothing about what it should have been.
        if openapi::SignedInOnly::has(parts) {
            actor.require()?;
        }
        if let Some(asked) = parts.extensions.get::<AskedBy>() {
            asked.set(&actor);
        }
        // What a token may write is the policy's to say; reading has no act that would ask.
        if matches!(parts.method, Method::GET | Method::HEAD) && actor.id().is_some() {
            actor.require_scope(Scope::Read)?;
        }
        Ok(actor)
    }
}

/// Who writes something that is written together with what others write.
impl FromRequestParts<App> for Asker {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        // A token that is good counts for its account, also where its session has ended: that is not known yet.
        let caller = counted(app, parts, address, call(parts, app, address).await, Caller::id).await?;
        let asked_by = parts.extensions.get::<AskedBy>().cloned().unwrap_or_default();
        if let Caller::Known(actor) = &caller {
            if openapi::SignedInOnly::has(parts) {
                actor.require()?;
            }
            asked_by.set(actor);
        }
        Ok(Self { caller, asked_by })
    }
}

/// Whoever was read from a request, which is counted for their account. A bad token counts for the address it comes from.
async fn counted<T>(
    app: &App,
    parts: &Parts,
    address: IpAddr,
    who: Result<T>,
    id: impl FnOnce(&T) -> Option<AccountId>,
) -> Result<T> {
    let client = who.as_ref().ok().and_then(id).map_or(Client::Address(address), Client::Account);
    limits::count(app, parts, client).await?;
    who
}

async fn read(parts: &Parts, app: &App, client: IpAddr) -> Result<Actor> {
    match call(parts, app, client).await? {
        Caller::Bearer(bearer) => store::actor(app, bearer).await,
        Caller::Known(actor) => Ok(actor),
    }
}

async fn call(parts: &Parts, app: &App, client: IpAddr) -> Result<Caller> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(Caller::Known(Actor::Anonymous));
    };
    let refused = || Code::InvalidToken.error("Send one header, Authorization: Bearer with an access token.");
    if headers.next().is_some() {
        return Err(refused());
    }
    let (scheme, credentials) =
        header.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(refused)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(refused());
    }
    let credentials = credentials.trim();
    if credentials.starts_with(rules::PREFIX) {
        return Ok(Caller::Known(store::token_owner(app, credentials, client).await?));
    }
    let Verified { session_id, account_id, .. } = token::verify(app, credentials)?;
    Ok(Caller::Bearer(Bearer { session_id, account_id, client }))
}
