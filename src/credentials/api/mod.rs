//! Passwords and addresses on the wire.

mod emails;
mod passwords;

use utoipa_axum::router::OpenApiRouter;

use crate::accounts;
use crate::accounts::rules::PasswordAttempt;
use crate::app::App;
use crate::audit::{Entry, Object};
use crate::auth;
use crate::entity::account;
use crate::error::{Error, Result};
use crate::http::limits::Guest;
use crate::ids::AccountId;

/// Every path about passwords and addresses.
pub fn router() -> OpenApiRouter<App> {
    emails::router().merge(passwords::router())
}

/// Finds the account of somebody who has just given its password in this field.
async fn proved(
    app: &App,
    id: AccountId,
    password: &PasswordAttempt,
    field: &'static str,
) -> Result<account::Model> {
    let account = accounts::require(&app.db, id).await?;
    if auth::proves(app, &account, password).await? { Ok(account) } else { Err(wrong_password(field)) }
}

/// What is recorded where somebody did something with a token from a mail.
fn by_mail(verb: &'static str, id: AccountId, guest: &Guest) -> Entry {
    Entry {
        actor_id: Some(id),
        client: Some(guest.address()),
        object: Some(Object::account(id)),
        ..Entry::of(verb)
    }
}

fn wrong_password(field: &'static str) -> Error {
    Error::field(field, "wrong_password", "This is not your password; mind capitals.")
}
