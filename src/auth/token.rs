//! Access tokens: JWTs by RFC 9068, signed with Ed25519.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rules::Verified;
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, SessionId};
use crate::keys::sha256;

/// The longest token that is looked at, in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;

/// The media type in the header of an access token (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

/// For whom tokens are.
const AUDIENCE: &str = "otherwise";

/// The one client there is: all use the same API.
const CLIENT: &str = "otherwise-api";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The server that signed it.
    pub iss: String,
    /// For whom it is.
    pub aud: String,
    /// The account.
    pub sub: AccountId,
    /// Until when it is good, in seconds since 1970.
    pub exp: i64,
    /// When it was signed, in seconds since 1970.
    pub iat: i64,
    /// Before when it is not good. We never write it; were it there, it would count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Its own name.
    pub jti: Uuid,
    /// The client it was given to.
    pub client_id: String,
    /// The session.
    pub sid: SessionId,
}

/// Signs an access token for a session.
///
/// # Errors
/// The key does not sign: a defect.
pub fn sign(app: &App, account: AccountId, session: SessionId) -> Result<String> {
    let now = app.now().timestamp();
    let claims = Claims {
        iss: app.config.server.public_url.clone(),
        aud: AUDIENCE.to_owned(),
        sub: account,
        exp: now + i64::from(app.config.auth.access_token_ttl_secs),
        iat: now,
        nbf: None,
        jti: Uuid::from_bytes(crate::keys::random()?),
        client_id: CLIENT.to_owned(),
        sid: session,
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TYPE.to_owned());
    let key = app.keys.signing_key();
    header.kid = Some(key.kid().to_owned());
    let key = EncodingKey::from_ed_der(key.pkcs8());
    encode(&header, &claims, &key).map_err(Error::internal)
}

/// Reads an access token: signed by a key of ours for us, of the right type, and in its time. A signature that was found
/// good is remembered, and not computed anew for each request; whether its key is still one of ours is looked at each time.
///
/// # Errors
/// 401 for anything else; what is wrong is not told apart.
pub fn verify(app: &App, token: &str) -> Result<Verified> {
    let refused = || Code::InvalidToken.error("Refresh it, or sign in again.");
    if token.len() > MAX_LENGTH {
        return Err(refused());
    }
    let now = app.now().timestamp();
    let hash = sha256(token.as_bytes());
    let known = app.verified_tokens.get(&hash);
    let is_known = known.is_some();
    let verified = known.or_else(|| check(app, token, now)).ok_or_else(refused)?;
    let leeway = i64::from(app.config.auth.leeway_secs);
    let is_over = verified.expires_at.saturating_add(leeway) <= now;
    if is_over || verified.starts_at.saturating_sub(leeway) > now {
        return Err(refused());
    }
    if !is_known {
        app.verified_tokens.insert(hash, verified.clone());
    } else if app.keys.verifying_key(&verified.kid, now).is_none() {
        return Err(refused());
    }
    Ok(verified)
}

/// What a token says that is signed by a key of ours for us, whenever it is good.
fn check(app: &App, token: &str, now: i64) -> Option<Verified> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let kid = header.kid?;
    let key = app.keys.verifying_key(&kid, now)?;
    // A key, or a place to find one, that comes with the token is the forger's.
    let brings_a_key = header.jku.is_some()
        || header.jwk.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.x5t.is_some()
        || header.x5t_s256.is_some();
    // Compressed, encrypted, or with extensions that must be understood: never ours.
    let is_special = header.zip.is_some() || header.enc.is_some() || header.crit.is_some();
    let is_access_token = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE));
    if brings_a_key || is_special || !is_access_token {
        return None;
    }
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[&app.config.server.public_url]);
    validation.set_audience(&[AUDIENCE]);
    // Compared with the clock of the server, which tests can set.
    validation.validate_exp = false;
    let key = DecodingKey::from_ed_der(&key);
    let claims = decode::<Claims>(token, &key, &validation).ok()?.claims;
    (claims.client_id == CLIENT).then(|| Verified {
        kid: kid.into(),
        account_id: claims.sub,
        session_id: claims.sid,
        expires_at: claims.exp,
        starts_at: claims.iat.max(claims.nbf.unwrap_or(i64::MIN)),
    })
}
