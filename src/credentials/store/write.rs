//! Writing mails that were ordered: only here is it found out whom an address belongs to.

use super::issue;
use crate::accounts::rules::{AccountState, Email};
use crate::accounts::{find_by_email, find_by_id, find_verified_owner};
use crate::app::App;
use crate::clock::Time;
use crate::config::Config;
use crate::credentials::rules::Purpose;
use crate::db::Tx;
use crate::entity::{account, mail};
use crate::error::Result;
use crate::mail::rules::MailKind;
use crate::mail::{self as mails, Link, Name, Page, Text};
use crate::mailer::Message;

/// What a mail says.
enum Saying {
    /// Something that happened.
    Notice(fn(Name) -> Text),
    /// Something that is so for a while, and what can be done meanwhile by whoever signs in.
    Lasting(Lasting),
    /// Something that can be done, by whoever has this link.
    Offer(Offer),
}

struct Lasting {
    /// The page of the client.
    page: &'static str,
    operation: &'static str,
    span_secs: u32,
    text: fn(Name, Page) -> Text,
}

struct Offer {
    purpose: Purpose,
    /// The page of the client.
    page: &'static str,
    operation: &'static str,
    ttl_secs: u32,
    text: fn(Name, Link) -> Text,
}

/// What a mail about an account says; nothing where it is written by those who order it.
fn saying(kind: MailKind, config: &Config) -> Option<Saying> {
    let settings = &config.mail;
    Some(match kind {
        MailKind::NoticeReceived | MailKind::NoticeDecided => return None,
        MailKind::EmailVerification => Saying::Offer(Offer {
            purpose: Purpose::Verify,
            page: "verify-email",
            operation: "POST /api/v1/email-verifications/confirmation",
            ttl_secs: settings.verification_ttl_secs,
            text: mails::email_verification,
        }),
        MailKind::PasswordReset => Saying::Offer(Offer {
            purpose: Purpose::Reset,
            page: "reset-password",
            operation: "POST /api/v1/password-resets/confirmation",
            ttl_secs: settings.reset_ttl_secs,
            text: mails::password_reset,
        }),
        MailKind::EmailChange => Saying::Offer(Offer {
            purpose: Purpose::Change,
            page: "change-email",
            operation: "POST /api/v1/email-changes/confirmation",
            ttl_secs: settings.verification_ttl_secs,
            text: mails::email_change,
        }),
        MailKind::EmailChanged => Saying::Offer(Offer {
            purpose: Purpose::Revert,
            page: "revert-email",
            operation: "POST /api/v1/email-changes/reversion",
            ttl_secs: settings.reversion_ttl_secs,
            text: mails::email_changed,
        }),
        MailKind::PasswordChanged => Saying::Notice(mails::password_changed),
        MailKind::EmailChangeRequested => Saying::Notice(mails::email_change_requested),
        MailKind::EmailReverted => Saying::Notice(mails::email_reverted),
        MailKind::RefreshTokenReused => Saying::Notice(mails::refresh_token_reused),
        MailKind::SessionsRevoked => Saying::Notice(mails::sessions_revoked),
        MailKind::FactorAdded => Saying::Notice(mails::factor_added),
        MailKind::FactorRemoved => Saying::Notice(mails::factor_removed),
        MailKind::PasskeyAdded => Saying::Notice(mails::passkey_added),
        MailKind::PasskeyRemoved => Saying::Notice(mails::passkey_removed),
        MailKind::RecoveryCodeUsed => Saying::Notice(mails::recovery_code_used),
        MailKind::RecoveryCodesReplaced => Saying::Notice(mails::recovery_codes_replaced),
        MailKind::ErasureCancelled => Saying::Notice(mails::erasure_cancelled),
        MailKind::IdentityLinked => Saying::Notice(mails::identity_linked),
        MailKind::IdentityUnlinked => Saying::Notice(mails::identity_unlinked),
        MailKind::WebhookDisabled => Saying::Notice(mails::webhook_disabled),
        MailKind::DecisionMade => Saying::Notice(mails::decision_made),
        MailKind::MessageReceived => Saying::Notice(mails::message_received),
        MailKind::AppealDecided => Saying::Notice(mails::appeal_decided),
        MailKind::ExportReady => Saying::Lasting(Lasting {
            page: "own-data",
            operation: "GET /api/v1/me/export/file",
            span_secs: config.own_data.export_kept_hours * 3_600,
            text: mails::export_ready,
        }),
        MailKind::ErasureRequested => Saying::Lasting(Lasting {
            page: "keep-account",
            operation: "DELETE /api/v1/me/erasure",
            span_secs: config.own_data.erasure_grace_days * 86_400,
            text: mails::erasure_requested,
        }),
    })
}

/// Whether an account still is as it was when the mail about this address was ordered.
fn is_overtaken(mail: &mail::Model, account: &account::Model, email: &Email) -> bool {
    match mail.kind {
        MailKind::EmailVerification => {
            account.email_verified_at.is_some() || account.email_key.as_deref() != Some(&email.key())
        }
        // Whoever sets another password takes back what was asked for under the old one.
        MailKind::EmailChange | MailKind::PasswordReset => {
            account.password_changed_at.is_some_and(|changed| changed > mail.created_at)
        }
        _ => false,
    }
}

/// Writes a mail about this address. Gives nothing where there is nothing to say any more, or nobody to say
/// it to; else the mail, and the time from which on it is useless.
///
/// # Errors
/// The database is away.
pub async fn write(
    app: &App,
    tx: &Tx,
    mail: &mail::Model,
    email: &str,
) -> Result<Option<(Message, Option<Time>)>> {
    let Ok(email) = Email::try_from(email) else {
        return Ok(None);
    };
    let account = match mail.account_id {
        Some(id) => find_by_id(tx.conn(), id).await?,
        None => find_by_email(tx.conn(), &email).await?,
    };
    let account = account.filter(|account| account.state != AccountState::Deleted);
    let Some(account) = account.filter(|account| !is_overtaken(mail, account, &email)) else {
        return Ok(None);
    };
    let to = match (mail.kind, &account.email) {
        // To the address as the account has it: what was typed in may only look like it.
        (MailKind::PasswordReset, Some(stored)) => stored.clone(),
        _ => email.to_string(),
    };
    let name = Name(&account.username);
    let Some(saying) = saying(mail.kind, &app.config) else { return Ok(None) };
    let (text, useless_at) = match saying {
        Saying::Notice(text) => (text(name), None),
        Saying::Lasting(Lasting { page, operation, span_secs, text }) => {
            (text(name, Page { base: app.config.link_base(), page, operation, span_secs }), None)
        }
        Saying::Offer(offer)
            if offer.claims_an_address() && belongs_to_another(tx, &email, &account).await? =>
        {
            (mails::email_in_use(), None)
        }
        Saying::Offer(Offer { purpose, page, operation, ttl_secs, text }) => {
            let (token, expires_at) = issue(app, tx, purpose, account.id, to.clone(), ttl_secs).await?;
            let token = token.expose();
            let link = Link { base: app.config.link_base(), page, operation, token: &token, ttl_secs };
            (text(name, link), Some(expires_at))
        }
    };
    let message = Message {
        message_id: mail.message_id.clone(),
        to,
        subject: text.subject.to_owned(),
        body: text.body,
        date: mail.created_at,
    };
    Ok(Some((message, useless_at)))
}

impl Offer {
    fn claims_an_address(&self) -> bool {
        matches!(self.purpose, Purpose::Verify | Purpose::Change)
    }
}

async fn belongs_to_another(tx: &Tx, email: &Email, account: &account::Model) -> Result<bool> {
    let owner = find_verified_owner(tx.conn(), email).await?;
    Ok(owner.is_some_and(|owner| owner.id != account.id))
}
