//! Requests to providers: made, answered by a code that is taken to the provider once, and used once.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait};

use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, sql};
use crate::entity::authorization_request::{self, Model};
use crate::error::{Code, Error, Result};
use crate::identities::rules::{Brought, GOOD_FOR_MINUTES, Purpose, RequestSecret};
use crate::ids::{AccountId, SessionId};
use crate::keys::{random, sha256};
use crate::openid::{Bindings, Failure, Person, Provider, Redemption};

/// What a request must be for, and in which session it must have been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::identities) struct Wanted {
    pub(in crate::identities) purpose: Purpose,
    /// Whoever is signed in, unless it is about signing in.
    pub(in crate::identities) session: Option<(AccountId, SessionId)>,
}

/// What a client brings back from a provider.
#[derive(Debug)]
pub(in crate::identities) struct Answered<'a> {
    pub(in crate::identities) secret: &'a RequestSecret,
    pub(in crate::identities) state: &'a Brought,
    pub(in crate::identities) code: &'a Brought,
    pub(in crate::identities) iss: Option<&'a Brought>,
}

/// Who a provider says that it is, in answer to one request.
#[derive(Debug)]
pub(in crate::identities) struct Proven {
    secret_hash: Vec<u8>,
    /// The provider's name in the configuration.
    pub(in crate::identities) provider: String,
    pub(in crate::identities) person: Person,
    /// Whether that did what it was for: then it does so no more, but its answer can be given again.
    pub(in crate::identities) used: bool,
}

fn hash(secret: &RequestSecret) -> Vec<u8> {
    sha256(&secret.0).to_vec()
}

/// What the provider's answer must be tied to, always the same for one request: whoever has the client's secret
/// lacks our key, and whoever has our database and keys lacks the secret.
fn bindings(app: &App, secret: &RequestSecret) -> Bindings {
    let derived = |what| BASE64_URL_SAFE_NO_PAD.encode(app.keys.pseudonym(what, &secret.0));
    Bindings {
        state: derived("authorization state"),
        nonce: derived("authorization nonce"),
        verifier: derived("authorization verifier"),
    }
}

fn refused(detail: &'static str) -> Error {
    Code::InvalidAuthorizationRequest.error(detail)
}

fn used() -> Error {
    refused("It was used, and is good once. Start again with POST /authorization-requests.")
}

fn not_proven(failure: Failure) -> Error {
    match failure {
        Failure::Away(why) => {
            let mut error = Code::IdentityProviderUnavailable
                .error("Try again in a moment, or sign in otherwise; nothing was changed.")
                .retry_after(5);
            error.source = Some(anyhow::anyhow!("an identity provider: {why}"));
            error
        }
        Failure::Refused(why) => {
            let mut error = Code::IdentityNotProven
                .error("What came back is not the provider's answer to this request. Start again.");
            error.source = Some(anyhow::anyhow!("an identity provider: {why}"));
            error
        }
    }
}

/// Makes a request: gives what the client keeps, where it sends the person, and until when that is good.
///
/// # Errors
/// 503 where the provider is away.
pub(in crate::identities) async fn begin(
    app: &App,
    wanted: Wanted,
    (name, provider): (&str, &Provider),
) -> Result<(RequestSecret, url::Url, Time)> {
    let secret = RequestSecret(random()?);
    let now = app.now();
    let anew = wanted.purpose == Purpose::Reauthenticate;
    let url = provider.authorization_url(bindings(app, &secret), anew, now).await.map_err(not_proven)?;
    let expires_at = now + TimeDelta::minutes(GOOD_FOR_MINUTES);
    let row = Model {
        secret_hash: hash(&secret),
        provider: name.to_owned(),
        purpose: wanted.purpose,
        account_id: wanted.session.map(|(account, _)| account),
        session_id: wanted.session.map(|(_, session)| session),
        created_at: now,
        expires_at,
        code_hash: None,
        redeemed_at: None,
        issuer: None,
        subject: None,
        used_at: None,
    };
    let tx = app.begin().await?;
    insert(&tx, row).await?;
    tx.commit().await?;
    Ok((secret, url, expires_at))
}

/// Finds a request that is still good for this, used or not.
async fn find(app: &App, wanted: Wanted, secret: &RequestSecret) -> Result<Model> {
    let found = authorization_request::Entity::find_by_id(hash(secret)).one(&app.db).await?;
    let made_for = |row: &Model| Wanted { purpose: row.purpose, session: row.account_id.zip(row.session_id) };
    let row = found.filter(|row| made_for(row) == wanted).ok_or_else(|| {
        refused("There is none for this purpose here. Start with POST /authorization-requests, in the same session.")
    })?;
    if row.expires_at <= app.now() {
        return Err(refused("It was made too long ago. Start again with POST /authorization-requests."));
    }
    Ok(row)
}

fn person(row: &Model) -> Option<Proven> {
    let person = Person { issuer: row.issuer.clone()?, subject: row.subject.clone()? };
    let (secret_hash, provider) = (row.secret_hash.clone(), row.provider.clone());
    Some(Proven { secret_hash, provider, person, used: row.used_at.is_some() })
}

/// Who the provider said it is, in answer to a request whose code was taken to it before.
///
/// # Errors
/// 400 where there is no such request, or nothing was said.
pub(in crate::identities) async fn proven(
    app: &App,
    wanted: Wanted,
    secret: &RequestSecret,
) -> Result<Proven> {
    let row = find(app, wanted, secret).await?;
    person(&row).ok_or_else(|| refused("Bring the provider's answer first, to POST /sessions/by-identity."))
}

/// Learns who it is from what a client brings back: from the provider the first time, and from then on from
/// what it said. Holds no connection to the database while the provider takes its time.
///
/// # Errors
/// 400 where the request is not good for this, 401 where the answer is not one to it, 409 where it is being
/// looked at, 503 where the provider is away.
pub(in crate::identities) async fn prove(
    app: &App,
    wanted: Wanted,
    answered: Answered<'_>,
) -> Result<Proven> {
    let Answered { secret, state, code, iss } = answered;
    let row = find(app, wanted, secret).await?;
    let bindings = bindings(app, secret);
    // Hashes, so that the time this takes says nothing of how much of it is right.
    if sha256(state.expose().as_bytes()) != sha256(bindings.state.as_bytes()) {
        return Err(not_proven(Failure::Refused("it came with another state".to_owned())));
    }
    let code_hash = sha256(code.expose().as_bytes()).to_vec();
    if let Some(proven) = person(&row) {
        return if row.code_hash == Some(code_hash) { Ok(proven) } else { Err(used()) };
    }
    let provider = app.identity_providers.get(&row.provider).cloned();
    let provider = provider.ok_or_else(|| refused("Nobody signs in with this provider any more."))?;
    provider.is_answer_of(iss.map(Brought::expose), app.now()).await.map_err(not_proven)?;
    if !take(app, &row, &code_hash).await? {
        return Err(if row.used_at.is_some() {
            used()
        } else {
            Code::AuthorizationRequestInUse.error("Ask again in a moment.").retry_after(1)
        });
    }
    let proved_since = (row.purpose == Purpose::Reauthenticate).then_some(row.created_at);
    let redemption = Redemption { code: code.expose().to_owned(), bindings, proved_since };
    // In a task of its own: a code is good once, so a client that hangs up must not leave it half used.
    tokio::spawn(redeem(app.clone(), row, provider, redemption)).await.map_err(Error::internal)?
}

/// Takes the right to redeem the code of a request. Whoever comes first has it.
async fn take(app: &App, row: &Model, code_hash: &[u8]) -> Result<bool> {
    let tx = app.begin().await?;
    let statement = "UPDATE authorization_request SET redeemed_at = $2, code_hash = $3
                     WHERE secret_hash = $1 AND redeemed_at IS NULL AND used_at IS NULL";
    let values = [row.secret_hash.clone().into(), app.now().into(), code_hash.to_vec().into()];
    let taken = tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() == 1;
    tx.commit().await?;
    Ok(taken)
}

/// Takes a code to the provider, and notes what it said: who it is, or nothing, which is the end of the request.
/// Where the provider was away, the request is as it was.
async fn redeem(app: App, mut row: Model, provider: Arc<Provider>, redemption: Redemption) -> Result<Proven> {
    let said = provider.redeem(redemption, app.now()).await;
    let tx = app.begin().await?;
    let hash = row.secret_hash.clone().into();
    match &said {
        Ok(person) => {
            let statement =
                "UPDATE authorization_request SET issuer = $2, subject = $3 WHERE secret_hash = $1";
            let values = [hash, person.issuer.clone().into(), person.subject.clone().into()];
            tx.conn().execute_raw(sql(statement, values)).await?;
        }
        Err(Failure::Refused(_)) => {
            let statement = "UPDATE authorization_request SET used_at = $2 WHERE secret_hash = $1";
            tx.conn().execute_raw(sql(statement, [hash, app.now().into()])).await?;
        }
        Err(Failure::Away(_)) => {
            let statement = "UPDATE authorization_request SET redeemed_at = NULL, code_hash = NULL WHERE secret_hash = $1";
            tx.conn().execute_raw(sql(statement, [hash])).await?;
        }
    }
    tx.commit().await?;
    let Person { issuer, subject } = said.map_err(not_proven)?;
    (row.issuer, row.subject) = (Some(issuer), Some(subject));
    person(&row).ok_or_else(used)
}

/// Uses a request up, in the transaction that does what it was for: of many attempts at once, one succeeds.
///
/// # Errors
/// 400 where it was used.
pub(in crate::identities) async fn use_up(tx: &Tx, proven: &Proven, now: Time) -> Result<()> {
    let statement =
        "UPDATE authorization_request SET used_at = $2 WHERE secret_hash = $1 AND used_at IS NULL";
    let values = [proven.secret_hash.clone().into(), now.into()];
    match tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() {
        0 => Err(used()),
        _ => Ok(()),
    }
}
