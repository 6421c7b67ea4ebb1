//! Changing a password, and setting a new one where it was forgotten.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{by_mail, proved, wrong_password};
use crate::accounts;
use crate::accounts::rules::{Email, NewPassword, PasswordAttempt, refuse_guessable};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth;
use crate::credentials::rules::Purpose;
use crate::credentials::store;
use crate::db::Tx;
use crate::entity::account;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::limits::{self, Guest, MailRoute};
use crate::http::{Answer, Body};
use crate::ids::SessionId;
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
use crate::policy::{Actor, EditAccount, Permit};

/// A password and the one to replace it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(value_type = String, format = "password")]
    current_password: PasswordAttempt,
    /// 15 to 256 characters, any of them; counted after Unicode normalisation (NFC).
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 256)]
    new_password: NewPassword,
}

/// What follows from another password: sessions end, what was asked for under the old one is taken back,
/// and the owner is told.
async fn replace(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAccount<'_>>,
    password_hash: String,
    (except, because): (Option<SessionId>, &'static str),
) -> Result<()> {
    let account = permit.act().0;
    accounts::set_password(tx, permit, password_hash, app.now()).await?;
    auth::end_all(tx, account.id, except, because, app.now()).await?;
    store::forget_unused(tx, account.id, &[Purpose::Reset, Purpose::Change]).await?;
    if let Some(email) = account.email.clone() {
        let notice = Order { kind: MailKind::PasswordChanged, account_id: Some(account.id), email };
        mail::order(app, tx, notice).await?;
    }
    Ok(())
}

fn check(password: &NewPassword, account: &account::Model, field: &'static str) -> Result<()> {
    let known = [account.username.as_str(), account.email.as_deref().unwrap_or_default()];
    refuse_guessable(password, known).map_err(|refused| Error::invalid(field, refused))
}

/// Change one's password
///
/// Ends all other sessions; a mail tells of it.
#[utoipa::path(put, path = "/me/password", tag = "credentials", request_body = PasswordChange, responses((status = 204)), security(("bearer" = [])))]
async fn change_password(
    State(app): State<App>,
    actor: Actor,
    Body(change): Body<PasswordChange>,
) -> Result<Answer> {
    let (own, session) = actor.require_session()?;
    let before = proved(&app, own.id, &change.current_password, "current_password").await?;
    actor.may(EditAccount(&before))?;
    check(&change.new_password, &before, "new_password")?;
    let password_hash = app.hasher.hash(change.new_password.expose().clone()).await?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    if account.password_changed_at != before.password_changed_at {
        return Err(wrong_password("current_password"));
    }
    let permit = actor.may(EditAccount(&account))?;
    replace(&app, &tx, &permit, password_hash, (Some(session), "password_changed")).await?;
    let event = Event { kind: "password_changed", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(own.id)), ..actor.entry("change_password") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Whose password was forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetRequest {
    email: Email,
}

/// Ask for a new password
///
/// The answer is the same whether or not there is an account; if there is, a mail to its address holds a
/// token for half an hour.
#[utoipa::path(post, path = "/password-resets", tag = "credentials", request_body = ResetRequest, responses((status = 202)), security(()))]
async fn request_password_reset(
    State(app): State<App>,
    guest: Guest,
    Body(request): Body<ResetRequest>,
) -> Result<Answer> {
    limits::mail(&app, MailRoute::PasswordReset, &request.email.key(), None, guest.address()).await?;
    // Nothing here asks whether there is an account: the mail's writer does, when nobody waits for it.
    let email = request.email.to_string();
    let tx = app.begin().await?;
    mail::order(&app, &tx, Order { kind: MailKind::PasswordReset, account_id: None, email }).await?;
    tx.commit().await?;
    Ok(Answer::accepted())
}

/// A token from a mail, and the password to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordReset {
    token: String,
    /// 15 to 256 characters, any of them; counted after Unicode normalisation (NFC).
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 256)]
    password: NewPassword,
}

/// Set a new password
///
/// Ends all sessions and begins none: sign in with it, and with the second factor if there is one.
#[utoipa::path(post, path = "/password-resets/confirmation", tag = "credentials", request_body = PasswordReset, responses((status = 204)), security(()))]
async fn reset_password(
    State(app): State<App>,
    guest: Guest,
    Body(reset): Body<PasswordReset>,
) -> Result<Answer> {
    // Hashing is dear: not for whoever has no token.
    let id = store::look_up(&app.db, Purpose::Reset, &reset.token, app.now()).await?.account_id;
    check(&reset.password, &accounts::require(&app.db, id).await?, "password")?;
    let password_hash = app.hasher.hash(reset.password.expose().clone()).await?;
    let tx = app.begin().await?;
    let (token, account) = store::redeem(&app, &tx, Purpose::Reset, &reset.token).await?;
    if account.email.as_deref() != Some(&token.email) {
        return Err(Code::InvalidEmailToken.error("The account has another address by now."));
    }
    let permit = Permit::by_mail(EditAccount(&account), id);
    replace(&app, &tx, &permit, password_hash, (None, "password_reset")).await?;
    auth::clear_failures(&tx, id).await?;
    // Whoever knew the password may have made some.
    auth::revoke_all_tokens(&tx, id, app.now()).await?;
    let event =
        Event { kind: "password_reset", actor_id: Some(id), subject_id: Some(id.0), ..Event::default() };
    events::record(&app, &tx, event).await?;
    audit::record(&app, &tx, by_mail("reset_password", id, &guest)).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about passwords.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(change_password))
        .routes(routes!(request_password_reset))
        .routes(routes!(reset_password))
}
