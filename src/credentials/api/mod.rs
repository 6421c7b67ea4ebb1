//! Passwords and addresses on the wire.

mod emails;
mod passwords;

use utoipa_axum::router::OpenApiRouter;

use crate::accounts;
use crate::accounts::rules::PasswordAttempt;
use crate::app::App;
use crate::entity::account;
use crate::error::{Error, Result};
use crate::hashing::Verdict;
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
    let verdict = app.hasher.verify(password.expose().clone(), account.password_hash.clone()).await?;
    if verdict == Verdict::Wrong { Err(wrong_password(field)) } else { Ok(account) }
}

fn wrong_password(field: &'static str) -> Error {
    Error::field(field, "wrong_password", "This is not your password; mind capitals.")
}
