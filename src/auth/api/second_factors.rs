//! Authenticator apps and recovery codes on the wire.

use axum::extract::State;
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{refuse_factor, shown};
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth::factors::{self, Check};
use crate::auth::rules::{Assertion, CodeAttempt, FactorProof};
use crate::auth::throttle::{self, Subject};
use crate::auth::{passkeys, store, totp};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::entity::{account, passkey};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache};
use crate::ids::PasskeyId;
use crate::mail;
use crate::mail::rules::MailKind;
use crate::policy::Actor;

/// An authenticator app that counts.
#[derive(Debug, Serialize, ToSchema)]
struct TotpView {
    confirmed_at: Timestamp,
}

/// A passkey, without its key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PasskeyView {
    pub(super) id: PasskeyId,
    name: String,
    created_at: Timestamp,
    /// Null if it never was.
    last_used_at: Option<Timestamp>,
}

impl From<passkey::Model> for PasskeyView {
    fn from(passkey: passkey::Model) -> Self {
        Self {
            id: passkey.id,
            name: passkey.name,
            created_at: passkey.created_at.into(),
            last_used_at: passkey.last_used_at.map(Into::into),
        }
    }
}

/// The second factors of an account: without any, the password alone signs in.
#[derive(Debug, Serialize, ToSchema)]
struct FactorsView {
    /// Null where there is none.
    totp: Option<TotpView>,
    /// Each also signs in without the password.
    passkeys: Vec<PasskeyView>,
    /// How many are not used yet.
    recovery_codes_left: u64,
}

/// List one's own second factors
///
/// Without anything secret.
#[utoipa::path(get, path = "/me/factors", tag = "factors", responses((status = 200, body = FactorsView)), security(("bearer" = [])))]
async fn read_factors(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let factor = factors::in_force(&app.db, own.id).await?;
    let confirmed_at = factor.and_then(|factor| factor.confirmed_at);
    let view = FactorsView {
        totp: confirmed_at.map(|at| TotpView { confirmed_at: at.into() }),
        passkeys: passkeys::list(&app.db, own.id).await?.into_iter().map(PasskeyView::from).collect(),
        recovery_codes_left: factors::codes_left(&app.db, own.id).await?,
    };
    Answer::ok(&view, Cache::No)
}

/// What an authenticator app is to be told.
#[derive(Debug, Serialize, ToSchema)]
struct NewTotp {
    /// In base 32 (RFC 4648), to be typed in.
    secret: String,
    /// The same as an `otpauth:` address, to be shown as a QR code.
    otpauth_url: String,
}

/// Set an authenticator app up
///
/// It counts when it is confirmed with a code of it; asking again before that gives another secret, and the
/// former one is good for nothing. Asks for a proof of who asks that is not older than ten minutes.
#[utoipa::path(post, path = "/me/totp", tag = "factors", responses((status = 201, body = NewTotp)), security(("bearer" = [])))]
async fn create_totp(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let (own, _) = actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    let secret = factors::begin(&app, &tx, own.id).await?;
    let view = NewTotp {
        secret: BASE32_NOPAD.encode(&secret),
        otpauth_url: totp::otpauth_url(&secret, &account.username).map_err(Error::internal)?,
    };
    let answer = Answer::created("/api/v1/me/factors".to_owned(), &view, Cache::No)?;
    tx.commit().await?;
    Ok(answer)
}

/// A code of the app that is set up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// Six digits.
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 64)]
    code: CodeAttempt,
}

/// Codes for when the app is lost.
#[derive(Debug, Serialize, ToSchema)]
struct RecoveryCodes {
    /// Each is good once. They are shown this once.
    #[schema(min_items = 10, max_items = 10)]
    recovery_codes: Vec<String>,
}

/// An authenticator app that counts from now on.
#[derive(Debug, Serialize, ToSchema)]
struct ConfirmedTotp {
    /// Codes for when the app is lost, each good once, shown this once. Null where the account had a second factor
    /// before: its codes stay good.
    recovery_codes: Option<Vec<String>>,
}

/// Confirm an authenticator app
///
/// From then on the password alone signs nobody in. Ends all other sessions; a mail tells of it.
#[utoipa::path(post, path = "/me/totp/confirmation", tag = "factors", request_body = Confirmation, responses((status = 200, body = ConfirmedTotp)), security(("bearer" = [])))]
async fn confirm_totp(
    State(app): State<App>,
    actor: Actor,
    Body(confirmation): Body<Confirmation>,
) -> Result<Answer> {
    let (own, session) = actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    let recovery_codes = factors::confirm(&app, &tx, own.id, &confirmation.code.compact()).await?;
    store::end_all(&tx, own.id, Some(session), "factor_changed", app.now()).await?;
    factors::note_passed(&tx, session).await?;
    mail::notify(&app, &tx, &account, MailKind::FactorAdded).await?;
    let event = Event { kind: "factor_added", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry { object: Some(Object::account(own.id)), ..actor.entry("add_factor") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Answer::ok(&ConfirmedTotp { recovery_codes }, Cache::No)
}

/// A proof by a second factor: one of the three.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Proof {
    /// Six digits of the authenticator app.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    totp_code: Option<CodeAttempt>,
    /// A recovery code.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    recovery_code: Option<CodeAttempt>,
    /// A passkey.
    #[serde(default)]
    passkey: Option<Box<Assertion>>,
}

impl Proof {
    /// Reads the proof, without which nothing is changed about factors, however the session was begun.
    pub(super) fn read(self) -> Result<FactorProof> {
        FactorProof::read(self.totp_code, self.recovery_code, self.passkey)?.ok_or_else(|| {
            Code::SecondFactorNeeded.error("Send the app's `totp_code`, a `passkey`, or a `recovery_code`.")
        })
    }
}

/// Begins a change of the factors of somebody who shows one of them, which is counted like a sign-in. Gives
/// their account, under its lock.
pub(super) async fn proved(
    app: &App,
    actor: &Actor,
    proof: &FactorProof,
    verb: &'static str,
) -> Result<(Tx, account::Model)> {
    let (own, _) = actor.require_fresh_session(app.fresh_since())?;
    let subject = Subject::of(&accounts::require(&app.db, own.id).await?);
    throttle::attempt(app, &subject).await?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    match factors::check(app, &tx, &account, Some(proof)).await? {
        Check::Passed => {
            throttle::half_succeeded(app, &tx, &subject).await?;
            Ok((tx, account))
        }
        Check::NotAsked => {
            throttle::half_succeeded(app, &tx, &subject).await?;
            tx.commit().await?;
            Err(Code::NotFound.error("There is no second factor yet: POST /me/totp, or POST /me/passkeys."))
        }
        refused => {
            let entry = Entry { object: Some(Object::account(own.id)), ..actor.entry(verb) };
            Err(refuse_factor(app, tx, entry, &refused, Some(proof)).await?)
        }
    }
}

/// Remove one's authenticator app
///
/// And the recovery codes with the last factor. Takes a second factor, and a proof of who asks that is not older
/// than ten minutes. Ends all other sessions; a mail tells of it.
#[utoipa::path(post, path = "/me/totp/removal", tag = "factors", request_body = Proof, responses((status = 204)), security(("bearer" = [])))]
async fn remove_totp(State(app): State<App>, actor: Actor, Body(proof): Body<Proof>) -> Result<Answer> {
    let (own, session) = actor.require_fresh_session(app.fresh_since())?;
    let proof = proof.read()?;
    let (tx, account) = proved(&app, &actor, &proof, "remove_factors").await?;
    factors::remove_app(&tx, own.id).await?;
    store::end_all(&tx, own.id, Some(session), "factor_changed", app.now()).await?;
    mail::notify(&app, &tx, &account, MailKind::FactorRemoved).await?;
    let event = Event { kind: "factor_removed", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let (object, data) = (Some(Object::account(own.id)), shown(true, Some(&proof)));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("remove_factors") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Make new recovery codes
///
/// The old ones are good for nothing from then on. Takes a second factor or one of the old codes, and a proof of
/// who asks that is not older than ten minutes; a mail tells of it.
#[utoipa::path(post, path = "/me/recovery-codes", tag = "factors", request_body = Proof, responses((status = 200, body = RecoveryCodes)), security(("bearer" = [])))]
async fn replace_recovery_codes(
    State(app): State<App>,
    actor: Actor,
    Body(proof): Body<Proof>,
) -> Result<Answer> {
    let (own, _) = actor.require_fresh_session(app.fresh_since())?;
    let proof = proof.read()?;
    let (tx, account) = proved(&app, &actor, &proof, "replace_recovery_codes").await?;
    let recovery_codes = factors::replace_codes(&app, &tx, own.id).await?;
    mail::notify(&app, &tx, &account, MailKind::RecoveryCodesReplaced).await?;
    let event = Event { kind: "recovery_codes_replaced", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let (object, data) = (Some(Object::account(own.id)), shown(true, Some(&proof)));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("replace_recovery_codes") }).await?;
    tx.commit().await?;
    Answer::ok(&RecoveryCodes { recovery_codes }, Cache::No)
}

/// The paths about second factors.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_factors))
        .routes(routes!(create_totp))
        .routes(routes!(confirm_totp))
        .routes(routes!(remove_totp))
        .routes(routes!(replace_recovery_codes))
}
