//! Who asks: the bearer of an access token whose session is still in force.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{store, token};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::http::limits::{self, Client};
use crate::http::{AskedBy, ClientAddress};
use crate::policy::Actor;

impl FromRequestParts<App> for Actor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let actor = read(parts, app, address).await;
        // A bad token counts for the address it comes from.
        let id = actor.as_ref().ok().and_then(Actor::id);
        limits::count(app, parts, id.map_or(Client::Address(address), Client::Account))?;
        if let (Ok(actor), Some(asked)) = (&actor, parts.extensions.get::<AskedBy>()) {
            asked.set(actor);
        }
        actor
    }
}

async fn read(parts: &Parts, app: &App, client: IpAddr) -> Result<Actor> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else {
        return Ok(Actor::Anonymous);
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
    let claims = token::verify(app, credentials.trim())?;
    store::actor(app, claims.sid, claims.sub, client).await
}
