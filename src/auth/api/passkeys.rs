//! Passkeys on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::second_factors::{PasskeyView, Proof, proved};
use super::shown;
use crate::accounts;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth::passkeys::{self, Challenge};
use crate::auth::rules::{ChallengeToken, MadeCredential, PasskeyName};
use crate::auth::{factors, store};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::limits::Guest;
use crate::http::{Answer, Body, Cache, Path};
use crate::ids::PasskeyId;
use crate::mail;
use crate::mail::rules::MailKind;
use crate::policy::Actor;

/// What a browser is to be asked.
#[derive(Debug, Serialize, ToSchema)]
struct ChallengeView {
    /// Send it back with the answer. Good once.
    challenge: String,
    /// For the browser: `PublicKeyCredential.parseCreationOptionsFromJSON` or `.parseRequestOptionsFromJSON`
    /// reads it into the `publicKey` of `navigator.credentials.create` or `.get`.
    #[schema(value_type = Object)]
    options: Value,
    /// Until when the challenge is good.
    expires_at: Timestamp,
}

impl From<Challenge> for ChallengeView {
    fn from(challenge: Challenge) -> Self {
        Self {
            challenge: challenge.token,
            options: challenge.options,
            expires_at: challenge.expires_at.into(),
        }
    }
}

/// Ask for a passkey to be shown
///
/// For signing in, and wherever a second factor is asked for. The passkey is found by the authenticator: nobody
/// has to say who they are.
#[utoipa::path(post, path = "/passkey-challenges", tag = "factors", responses((status = 200, body = ChallengeView)), security(()))]
async fn create_passkey_challenge(State(app): State<App>, _guest: Guest) -> Result<Answer> {
    Answer::ok(&ChallengeView::from(passkeys::ask_to_show(&app)?), Cache::No)
}

/// Ask for a passkey to be made
///
/// Asks for a proof of who asks that is not older than ten minutes.
#[utoipa::path(post, path = "/me/passkey-challenges", tag = "factors", responses((status = 200, body = ChallengeView)), security(("bearer" = [])))]
async fn create_own_passkey_challenge(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let (own, _) = actor.require_fresh_session(app.fresh_since())?;
    let account = accounts::require(&app.db, own.id).await?;
    Answer::ok(&ChallengeView::from(passkeys::ask_to_make(&app, &account).await?), Cache::No)
}

/// A passkey that was made in answer to a challenge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPasskey {
    name: PasskeyName,
    /// From `POST /me/passkey-challenges`.
    challenge: ChallengeToken,
    /// The browser's answer.
    credential: MadeCredential,
}

/// A passkey that counts from now on.
#[derive(Debug, Serialize, ToSchema)]
struct MadePasskey {
    #[serde(flatten)]
    about: PasskeyView,
    /// Codes for when it is lost, each good once, shown this once. Null where the account had a second factor
    /// before: its codes stay good.
    recovery_codes: Option<Vec<String>>,
}

/// Add a passkey
///
/// It signs in by itself from then on, and the password alone does not. Asks for a proof of who asks that is not
/// older than ten minutes. Ends all other sessions; a mail tells of it.
#[utoipa::path(post, path = "/me/passkeys", tag = "factors", request_body = NewPasskey, responses((status = 201, body = MadePasskey)), security(("bearer" = [])))]
async fn create_passkey(State(app): State<App>, actor: Actor, Body(new): Body<NewPasskey>) -> Result<Answer> {
    let (own, session) = actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    let first = !factors::any(tx.conn(), own.id).await?;
    let made = passkeys::keep(&app, &tx, own.id, &new.challenge, &new.name, &new.credential.0).await?;
    let recovery_codes = factors::codes_of_first(&app, &tx, own.id, first).await?;
    store::end_all(&tx, own.id, Some(session), "factor_changed", app.now()).await?;
    factors::note_passed(&tx, session).await?;
    mail::notify(&app, &tx, &account, MailKind::PasskeyAdded).await?;
    let event = Event { kind: "factor_added", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let (object, data) = (Some(Object::account(own.id)), serde_json::json!({ "passkey": made.id }));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("add_factor") }).await?;
    let view = MadePasskey { about: made.into(), recovery_codes };
    let answer = Answer::created("/api/v1/me/factors".to_owned(), &view, Cache::No)?;
    tx.commit().await?;
    Ok(answer)
}

/// Remove one of one's own passkeys
///
/// And the recovery codes with the last factor. Takes a second factor, the same passkey included, and a proof of
/// who asks that is not older than ten minutes. Ends all other sessions; a mail tells of it.
#[utoipa::path(post, path = "/me/passkeys/{id}/removal", tag = "factors", params(("id" = PasskeyId, Path)), request_body = Proof, responses((status = 204)), security(("bearer" = [])))]
async fn remove_passkey(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<PasskeyId>,
    Body(proof): Body<Proof>,
) -> Result<Answer> {
    let (own, session) = actor.require_fresh_session(app.fresh_since())?;
    let proof = proof.read()?;
    if !passkeys::list(&app.db, own.id).await?.iter().any(|passkey| passkey.id == id) {
        return Err(Error::not_found());
    }
    let (tx, account) = proved(&app, &actor, &proof, "remove_factors").await?;
    passkeys::remove(&tx, &account, id).await?;
    factors::settle(&tx, own.id).await?;
    store::end_all(&tx, own.id, Some(session), "factor_changed", app.now()).await?;
    mail::notify(&app, &tx, &account, MailKind::PasskeyRemoved).await?;
    let event = Event { kind: "factor_removed", subject_id: Some(own.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let mut data = shown(true, Some(&proof));
    data["passkey"] = serde_json::json!(id);
    let object = Some(Object::account(own.id));
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("remove_factors") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about passkeys.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_passkey_challenge))
        .routes(routes!(create_own_passkey_challenge))
        .routes(routes!(create_passkey))
        .routes(routes!(remove_passkey))
}
