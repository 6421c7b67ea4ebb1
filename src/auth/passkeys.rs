//! Passkeys (Web Authentication, W3C): asking an authenticator to make one or to show one, and what is kept.
//!
//! A passkey proves two things at once, that somebody has the authenticator and that it verified them, so it
//! signs in by itself; beside a password it is a second factor. Challenges are carried by the client, sealed,
//! so that strangers who ask for them leave nothing behind; which of them were answered is kept.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyRegistration, RegisterPublicKeyCredential,
    WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_proto::ResidentKeyRequirement;

use super::rules::{Assertion, CHALLENGE_PREFIX, ChallengeToken, PasskeyName};
use crate::app::App;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, insert, sql};
use crate::entity::{account, identity, passkey, used_challenge};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PasskeyId};
use crate::keys::sha256;

/// How long a challenge is good.
const CHALLENGE_LIFE: TimeDelta = TimeDelta::minutes(5);

/// How many passkeys an account may have.
const MAX_PASSKEYS: u64 = 20;

/// The context in which challenges are sealed that ask for any passkey.
const SHOWN: &str = "passkey shown";

/// A challenge on its way to the client and back.
pub(super) struct Challenge {
    /// What the client sends back with the answer.
    pub(super) token: String,
    /// What the browser is asked: the `publicKey` of its options.
    pub(super) options: Value,
    pub(super) expires_at: Time,
}

/// What a challenge holds when it comes back.
#[derive(Serialize, Deserialize)]
struct Sealed<S> {
    #[serde(rename = "s")]
    state: S,
    /// Until when it is good, in seconds since 1970.
    #[serde(rename = "u")]
    until: i64,
}

/// A challenge that came back, opened.
struct Opened<S> {
    state: S,
    hash: [u8; 32],
    until: Time,
}

fn relying_party(app: &App) -> Result<Webauthn> {
    let party = app.config.relying_party().map_err(Error::internal)?.ok_or_else(|| {
        Code::PasskeysOff.error("They are bound to a domain, and it has none: see `passkeys.rp_id`.")
    })?;
    let mut builder = WebauthnBuilder::new(&party.id, &party.origins.0).map_err(Error::internal)?;
    for origin in &party.origins.1 {
        builder = builder.append_allowed_origin(origin);
    }
    let life = CHALLENGE_LIFE.to_std().map_err(Error::internal)?;
    builder.rp_name("Otherwise").timeout(life).build().map_err(Error::internal)
}

fn give_out<S: Serialize>(app: &App, context: &str, state: S, options: &impl Serialize) -> Result<Challenge> {
    let until = (app.now() + CHALLENGE_LIFE).timestamp();
    let plain = serde_json::to_vec(&Sealed { state, until }).map_err(Error::internal)?;
    let token =
        format!("{CHALLENGE_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(app.keys.seal(context, plain)?));
    let options = serde_json::to_value(options).map_err(Error::internal)?;
    Ok(Challenge { token, options, expires_at: DateTime::from_timestamp(until, 0).unwrap_or_default() })
}

/// Opens a challenge that came back; nothing for what is none, is too old, or is of another context.
fn open<S: DeserializeOwned>(app: &App, context: &str, token: &ChallengeToken) -> Option<Opened<S>> {
    let token = token.as_str();
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(CHALLENGE_PREFIX)?).ok()?;
    let plain = app.keys.open(context, &sealed).ok()?;
    let Sealed { state, until } = serde_json::from_slice(&plain).ok()?;
    let until = DateTime::from_timestamp(until, 0)?;
    (until > app.now()).then(|| Opened { state, hash: sha256(token.as_bytes()), until })
}

/// Uses up a challenge, and says whether it was to be had.
async fn use_up<S>(tx: &Tx, opened: &Opened<S>) -> Result<bool> {
    let statement = "INSERT INTO used_challenge (challenge_hash, expires_at) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT used_challenge_pkey DO NOTHING";
    let values = [opened.hash.to_vec().into(), opened.until.into()];
    Ok(tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() == 1)
}

/// Forgets which challenges were answered that are too old to be answered again.
///
/// # Errors
/// The database is away.
pub async fn forget_challenges(app: &App, tx: &Tx) -> Result<u64> {
    let forgotten = used_challenge::Entity::delete_many()
        .filter(used_challenge::Column::ExpiresAt.lte(app.now()))
        .exec(tx.conn())
        .await?;
    Ok(forgotten.rows_affected)
}

fn making(account_id: AccountId) -> String {
    format!("passkey made\0{account_id}")
}

/// Asks for a passkey to be made for an account. It is one that the authenticator finds by itself: whoever
/// signs in with it need not say who they are.
///
/// # Errors
/// 409 where the account has as many as it may have, or there are none on this server.
pub(super) async fn ask_to_make(app: &App, account: &account::Model) -> Result<Challenge> {
    let party = relying_party(app)?;
    let known: Vec<CredentialID> =
        list(&app.db, account.id).await?.into_iter().map(|passkey| passkey.credential_id).collect();
    if known.len() as u64 >= MAX_PASSKEYS {
        return Err(too_many());
    }
    let called = account.display_name.as_deref().unwrap_or(&account.username);
    let (mut asked, state) = party
        .start_passkey_registration(account.id.0, &account.username, called, Some(known))
        .map_err(Error::internal)?;
    if let Some(selection) = &mut asked.public_key.authenticator_selection {
        selection.resident_key = Some(ResidentKeyRequirement::Required);
        selection.require_resident_key = true;
    }
    give_out(app, &making(account.id), state, &asked.public_key)
}

fn too_many() -> Error {
    Code::TooManyPasskeys.error(format!("At most {MAX_PASSKEYS}: remove one first."))
}

/// Keeps a passkey that was made. The account was read under its lock.
///
/// # Errors
/// 422 where the challenge or what was made is not good, 409 where it is known, or there are too many.
pub(super) async fn keep(
    app: &App,
    tx: &Tx,
    account_id: AccountId,
    challenge: &ChallengeToken,
    name: &PasskeyName,
    made: &RegisterPublicKeyCredential,
) -> Result<passkey::Model> {
    let stale = || Error::field("challenge", "stale", "It was used, or is older than five minutes.");
    let opened: Opened<PasskeyRegistration> = open(app, &making(account_id), challenge).ok_or_else(stale)?;
    if !use_up(tx, &opened).await? {
        return Err(stale());
    }
    let passkey = relying_party(app)?.finish_passkey_registration(made, &opened.state).map_err(|error| {
        tracing::info!(%account_id, %error, "a passkey was not made as it was asked for");
        Error::field("credential", "not_verified", "It does not answer this challenge for this site.")
    })?;
    let held = passkey::Entity::find().filter(passkey::Column::AccountId.eq(account_id));
    if held.count(tx.conn()).await? >= MAX_PASSKEYS {
        return Err(too_many());
    }
    let row = passkey::Model {
        id: app.ids.next(),
        account_id,
        name: name.to_string(),
        credential_id: passkey.cred_id().clone(),
        credential: serde_json::to_value(&passkey).map_err(Error::internal)?,
        created_at: app.now(),
        last_used_at: None,
    };
    insert(tx, row.clone()).await.on_constraint("passkey_credential_id_key", || {
        Code::PasskeyExists.error("The authenticator made it before, for this account or for another one.")
    })?;
    Ok(row)
}

/// Asks for any passkey of this site to be shown.
///
/// # Errors
/// 409 where there are none on this server.
pub(super) fn ask_to_show(app: &App) -> Result<Challenge> {
    let (asked, state) = relying_party(app)?.start_discoverable_authentication().map_err(Error::internal)?;
    give_out(app, SHOWN, state, &asked.public_key)
}

/// What came of a passkey that was shown.
#[derive(Debug)]
pub(super) enum Shown {
    /// It is good. Its use is part of the transaction.
    Passed(passkey::Model),
    /// It is not; this is why, for the audit log.
    Refused(&'static str),
}

/// Finds whose passkey is shown, before it is looked whether it is good.
///
/// # Errors
/// The database is away.
pub(super) async fn owner(
    db: &impl ConnectionTrait,
    assertion: &Assertion,
) -> Result<Option<account::Model>> {
    let credential_id = assertion.credential.0.get_credential_id().to_vec();
    let found =
        passkey::Entity::find().filter(passkey::Column::CredentialId.eq(credential_id)).one(db).await?;
    match found {
        Some(found) => Ok(account::Entity::find_by_id(found.account_id).one(db).await?),
        None => Ok(None),
    }
}

/// Looks whether a passkey of this account was shown in answer to a challenge of ours, and uses the challenge
/// up: of two requests with one answer, one passes.
///
/// # Errors
/// The database is away, or there are no passkeys on this server.
pub(super) async fn show(app: &App, tx: &Tx, assertion: &Assertion, of: AccountId) -> Result<Shown> {
    let Some(opened) = open::<DiscoverableAuthentication>(app, SHOWN, &assertion.challenge) else {
        return Ok(Shown::Refused("stale_challenge"));
    };
    if !use_up(tx, &opened).await? {
        return Ok(Shown::Refused("used_challenge"));
    }
    let credential_id = assertion.credential.0.get_credential_id().to_vec();
    let found = passkey::Entity::find()
        .filter(passkey::Column::CredentialId.eq(credential_id))
        .filter(passkey::Column::AccountId.eq(of))
        .lock_exclusive()
        .one(tx.conn())
        .await?;
    let Some(row) = found else {
        return Ok(Shown::Refused("unknown_passkey"));
    };
    let party = relying_party(app)?;
    // Whom the authenticator says it belongs to.
    let named = party.identify_discoverable_authentication(&assertion.credential.0);
    if !matches!(named, Ok((owner, _)) if owner == of.0) {
        return Ok(Shown::Refused("unknown_passkey"));
    }
    let mut passkey: Passkey = serde_json::from_value(row.credential.clone()).map_err(Error::internal)?;
    match party.finish_discoverable_authentication_v2(&assertion.credential.0, opened.state, &passkey) {
        Ok(result) => {
            passkey.update_credential(&result);
            let credential = serde_json::to_value(&passkey).map_err(Error::internal)?;
            let row = passkey::Model { credential, last_used_at: Some(app.now()), ..row };
            crate::db::update(tx, row.clone()).await?;
            Ok(Shown::Passed(row))
        }
        Err(WebauthnError::CredentialPossibleCompromise) => {
            tracing::warn!(passkey = %row.id, account = %of, "a passkey counted backwards: there may be a copy of it");
            Ok(Shown::Refused("counter_regressed"))
        }
        Err(error) => {
            tracing::info!(passkey = %row.id, account = %of, %error, "a passkey was shown that is not good");
            Ok(Shown::Refused("not_verified"))
        }
    }
}

/// Whether the owner of an account can sign in with a passkey: it has one, and they are taken here.
///
/// # Errors
/// The database is away.
pub async fn has_passkey(app: &App, tx: &Tx, account_id: AccountId) -> Result<bool> {
    Ok(relying_party(app).is_ok() && !list(tx.conn(), account_id).await?.is_empty())
}

/// The passkeys of an account, the oldest first.
///
/// # Errors
/// The database is away.
pub(super) async fn list(db: &impl ConnectionTrait, account_id: AccountId) -> Result<Vec<passkey::Model>> {
    let passkeys = passkey::Entity::find()
        .filter(passkey::Column::AccountId.eq(account_id))
        .order_by_asc(passkey::Column::Id);
    Ok(passkeys.all(db).await?)
}

/// Removes a passkey of this account, which was read under its lock.
///
/// # Errors
/// 404 where it has no such passkey, 409 where nobody could sign in any more.
pub(super) async fn remove(tx: &Tx, account: &account::Model, id: PasskeyId) -> Result<()> {
    let own = list(tx.conn(), account.id).await?;
    if !own.iter().any(|passkey| passkey.id == id) {
        return Err(Error::not_found());
    }
    if account.password_hash.is_none() && own.len() == 1 {
        let identities = identity::Entity::find().filter(identity::Column::AccountId.eq(account.id));
        if identities.count(tx.conn()).await? == 0 {
            return Err(Code::LastWayIn
                .error("Set a password first (POST /password-resets), or add another passkey."));
        }
    }
    passkey::Entity::delete_by_id(id).exec(tx.conn()).await?;
    Ok(())
}

/// Removes every passkey of an account.
///
/// # Errors
/// The database is away.
pub(super) async fn remove_all(tx: &Tx, account_id: AccountId) -> Result<()> {
    passkey::Entity::delete_many().filter(passkey::Column::AccountId.eq(account_id)).exec(tx.conn()).await?;
    Ok(())
}
