//! Confirming an address, changing it, and taking a change back.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{by_mail, proved, wrong_password};
use crate::accounts;
use crate::accounts::rules::{Email, PasswordAttempt};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth;
use crate::credentials::rules::Purpose;
use crate::credentials::store;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::limits::{self, Guest, MailRoute};
use crate::http::{Answer, Body, ClientAddress};
use crate::ids::AccountId;
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
use crate::policy::{Actor, EditAccount, Permit};

/// A token from a mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenInput {
    token: String,
}

/// Read the address that a token is bound to.
fn bound(email: &str) -> Result<Email> {
    Email::try_from(email).map_err(|refused| Error::internal(anyhow::anyhow!("a stored address: {refused}")))
}

fn event(kind: &'static str, id: AccountId) -> Event {
    Event { kind, actor_id: Some(id), subject_id: Some(id.0), ..Event::default() }
}

/// Ask for the confirming mail again
///
/// The token in an earlier one is good for nothing from then on.
#[utoipa::path(post, path = "/email-verifications", tag = "credentials", responses((status = 202)), security(("bearer" = [])))]
async fn request_email_verification(
    State(app): State<App>,
    actor: Actor,
    ClientAddress(client): ClientAddress,
) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let account = accounts::require(&app.db, own.id).await?;
    actor.may(EditAccount(&account))?;
    if let (Some(email), Some(key)) = (account.email, account.email_key) {
        limits::mail(&app, MailRoute::EmailVerification, &key, Some(own.id), client).await?;
        let tx = app.begin().await?;
        let verification = Order { kind: MailKind::EmailVerification, account_id: Some(account.id), email };
        mail::order(&app, &tx, verification).await?;
        tx.commit().await?;
    }
    Ok(Answer::accepted())
}

/// Confirm one's address
///
/// From then on it stands for this account alone.
#[utoipa::path(post, path = "/email-verifications/confirmation", tag = "credentials", request_body = TokenInput, responses((status = 204)), security(()))]
async fn confirm_email(
    State(app): State<App>,
    guest: Guest,
    Body(input): Body<TokenInput>,
) -> Result<Answer> {
    let tx = app.begin().await?;
    let (token, account) = store::redeem(&app, &tx, Purpose::Verify, &input.token).await?;
    let email = bound(&token.email)?;
    if account.email_key.as_deref() != Some(&email.key()) {
        return Err(Code::InvalidEmailToken.error("The account has another address by now."));
    }
    let permit = Permit::by_mail(EditAccount(&account), account.id);
    accounts::set_verified_email(&tx, &permit, &email, app.now()).await?;
    events::record(&app, &tx, event("email_verified", account.id)).await?;
    audit::record(&app, &tx, by_mail("verify_email", account.id, &guest)).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// An address to have from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmailChange {
    email: Email,
    /// The account's password.
    #[schema(value_type = String, format = "password")]
    password: PasswordAttempt,
}

/// Ask for another address
///
/// Nothing changes until it is confirmed with the token that is mailed to it; the answer is the same whether
/// or not the address can be had. A mail to the present address tells of it.
#[utoipa::path(post, path = "/me/email", tag = "credentials", request_body = EmailChange, responses((status = 202)), security(("bearer" = [])))]
async fn request_email_change(
    State(app): State<App>,
    actor: Actor,
    ClientAddress(client): ClientAddress,
    Body(change): Body<EmailChange>,
) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    limits::mail(&app, MailRoute::EmailChange, &change.email.key(), Some(own.id), client).await?;
    let before = proved(&app, own.id, &change.password, "password").await?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    if account.password_changed_at != before.password_changed_at {
        return Err(wrong_password("password"));
    }
    actor.may(EditAccount(&account))?;
    let account_id = Some(own.id);
    let confirmation = Order { kind: MailKind::EmailChange, account_id, email: change.email.to_string() };
    mail::order(&app, &tx, confirmation).await?;
    if let Some(email) = account.email {
        mail::order(&app, &tx, Order { kind: MailKind::EmailChangeRequested, account_id, email }).await?;
    }
    let event = Event { kind: "email_change_requested", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(own.id)), ..actor.entry("request_email_change") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::accepted())
}

/// Confirm one's new address
///
/// The account has it from then on. The address before, if it was confirmed, is sent a token that takes the
/// change back within a week.
#[utoipa::path(post, path = "/email-changes/confirmation", tag = "credentials", request_body = TokenInput, responses((status = 204)), security(()))]
async fn confirm_email_change(
    State(app): State<App>,
    guest: Guest,
    Body(input): Body<TokenInput>,
) -> Result<Answer> {
    let tx = app.begin().await?;
    let (token, account) = store::redeem(&app, &tx, Purpose::Change, &input.token).await?;
    let permit = Permit::by_mail(EditAccount(&account), account.id);
    accounts::set_verified_email(&tx, &permit, &bound(&token.email)?, app.now()).await?;
    // They are bound to the address that was.
    store::forget_unused(&tx, account.id, &[Purpose::Verify, Purpose::Reset]).await?;
    // An address that nobody confirmed may be a stranger's, who must not get an account by it.
    let former = account.email.clone().filter(|_| account.email_verified_at.is_some());
    if let Some(email) = former.filter(|email| *email != token.email) {
        let way_back = Order { kind: MailKind::EmailChanged, account_id: Some(account.id), email };
        mail::order(&app, &tx, way_back).await?;
    }
    events::record(&app, &tx, event("email_changed", account.id)).await?;
    audit::record(&app, &tx, by_mail("change_email", account.id, &guest)).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Take a change of address back
///
/// Restores the address that the token was sent to and ends all sessions. Whoever changed it knew the
/// password, so a mail for a new one follows.
#[utoipa::path(post, path = "/email-changes/reversion", tag = "credentials", request_body = TokenInput, responses((status = 204)), security(()))]
async fn revert_email_change(
    State(app): State<App>,
    guest: Guest,
    Body(input): Body<TokenInput>,
) -> Result<Answer> {
    let tx = app.begin().await?;
    let (token, account) = store::redeem(&app, &tx, Purpose::Revert, &input.token).await?;
    let restored = bound(&token.email)?;
    let permit = Permit::by_mail(EditAccount(&account), account.id);
    accounts::set_verified_email(&tx, &permit, &restored, app.now()).await?;
    auth::end_all(&tx, account.id, None, "email_reverted", app.now()).await?;
    auth::revoke_all_tokens(&tx, account.id, app.now()).await?;
    store::forget_unused(&tx, account.id, &[Purpose::Verify, Purpose::Reset, Purpose::Change]).await?;
    store::forget_later_reversions(&tx, &token).await?;
    let account_id = Some(account.id);
    if let Some(email) = account.email.clone() {
        mail::order(&app, &tx, Order { kind: MailKind::EmailReverted, account_id, email }).await?;
    }
    let reset = Order { kind: MailKind::PasswordReset, account_id, email: restored.to_string() };
    mail::order(&app, &tx, reset).await?;
    events::record(&app, &tx, event("email_reverted", account.id)).await?;
    audit::record(&app, &tx, by_mail("revert_email", account.id, &guest)).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about addresses.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(request_email_verification))
        .routes(routes!(confirm_email))
        .routes(routes!(request_email_change))
        .routes(routes!(confirm_email_change))
        .routes(routes!(revert_email_change))
}
