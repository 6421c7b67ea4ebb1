//! What a token for bots and scripts looks like and may be good for, and what is given for a second factor.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use serde::Deserialize;
use serde_json::json;
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use webauthn_rs::prelude::{PublicKeyCredential, RegisterPublicKeyCredential};

use crate::error::{Error, Result};
use crate::ids::{AccountId, SessionId};
use crate::invalid::Invalid;
use crate::text::{text, text_enum};

/// What an access token says whose signature is good: who, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The key that signed it.
    pub kid: Arc<str>,
    /// The account.
    pub account_id: AccountId,
    /// The session.
    pub session_id: SessionId,
    /// Until when it is good, in seconds since 1970.
    pub expires_at: i64,
    /// Since when, in seconds since 1970.
    pub starts_at: i64,
}

text_enum! {
    /// What a personal access token is good for. A session is good for all of it, and for what no token is:
    /// whatever concerns the safety of the account.
    pub enum Scope {
        /// Reading as its owner: drafts, own votes, the own account.
        Read = "read",
        /// Starting topics, posting, revising and deleting.
        Post = "post",
        /// Voting.
        Vote = "vote",
        /// Changing what the owner says of themselves.
        Profile = "profile",
        /// Using the powers that the owner has as a moderator or an administrator.
        Moderate = "moderate",
    }
}

impl Scope {
    /// Every scope with its name on the wire and in the database.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Read, "read"),
        (Self::Post, "post"),
        (Self::Vote, "vote"),
        (Self::Profile, "profile"),
        (Self::Moderate, "moderate"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(scope, _)| *scope == self).map_or("", |(_, name)| name)
    }

    /// The scope of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(scope, _)| *scope)
    }
}

text! {
    /// What its owner calls a passkey.
    pub struct PasskeyName, 1..=60, line
}

text! {
    /// What its owner calls a token.
    pub struct TokenName, 1..=60, line
}

/// By this a personal access token is known, to people and to programs that look for secrets in the wrong place.
pub const PREFIX: &str = "otw_pat_";

/// How many characters follow the prefix: 52 for 256 bits and 7 for the checksum.
const SECRET_CHARS: usize = 52;
const CHECKSUM_CHARS: usize = 7;

/// Writes a personal access token: the prefix, 256 bits in base 32 (RFC 4648, in lower case), and the CRC-32
/// of what stands before it. A double click selects the whole, and who looks for leaked secrets can tell a
/// token from other text without asking anybody.
pub fn write_token(secret: &[u8; 32]) -> String {
    let body = format!("{PREFIX}{}", BASE32_NOPAD.encode(secret).to_ascii_lowercase());
    let checksum = BASE32_NOPAD.encode(&crc32fast::hash(body.as_bytes()).to_be_bytes());
    body + &checksum.to_ascii_lowercase()
}

/// Reads a personal access token; nothing for anything else, a single wrong character included.
pub fn read_token(text: &str) -> Option<[u8; 32]> {
    let rest = text.strip_prefix(PREFIX)?;
    if rest.len() != SECRET_CHARS + CHECKSUM_CHARS || !rest.is_ascii() {
        return None;
    }
    let secret = BASE32_NOPAD.decode(rest[..SECRET_CHARS].to_ascii_uppercase().as_bytes()).ok()?;
    let secret: [u8; 32] = secret.try_into().ok()?;
    (write_token(&secret) == text).then_some(secret)
}

/// A code as somebody typed it. `Debug` does not show it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct CodeAttempt(String);

impl TryFrom<String> for CodeAttempt {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let possible = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-');
        if (1..=64).contains(&text.len()) && text.chars().all(possible) {
            Ok(Self(text))
        } else {
            Err(Invalid::new("not_a_code", "At most 64 letters a–z, digits, spaces and hyphens."))
        }
    }
}

impl CodeAttempt {
    /// The code without the spaces and hyphens that make it easy to read.
    pub fn compact(&self) -> String {
        self.0.replace([' ', '-'], "")
    }
}

impl fmt::Debug for CodeAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeAttempt(…)")
    }
}

/// Declares what a browser answers, which another standard describes: it is read by the library of that standard
/// and has an example in the API document.
macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $example:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let described = "The `toJSON()` of the browser's `PublicKeyCredential` (Web Authentication, W3C).";
                Object::builder().description(Some(described)).examples([json!($example)]).build().into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

answers! {
    /// A passkey that a browser shows.
    ShownCredential(PublicKeyCredential) = {
        "id": "AAAA", "rawId": "AAAA", "type": "public-key",
        "response": { "authenticatorData": "AAAA", "clientDataJSON": "AAAA", "signature": "AAAA" },
    };
    /// A passkey that a browser made.
    MadeCredential(RegisterPublicKeyCredential) = {
        "id": "AAAA", "rawId": "AAAA", "type": "public-key",
        "response": { "attestationObject": "AAAA", "clientDataJSON": "AAAA" },
    };
}

/// By this a challenge is known.
pub const CHALLENGE_PREFIX: &str = "otw_pc_";

/// A challenge as the client carries it: sealed, in base64url behind a prefix.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, pattern = "^otw_pc_[A-Za-z0-9_-]+$", max_length = 65536, example = "otw_pc_AAAA")]
pub struct ChallengeToken(String);

impl TryFrom<String> for ChallengeToken {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let sealed = text.strip_prefix(CHALLENGE_PREFIX).filter(|sealed| !sealed.is_empty());
        let possible = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.len() <= 65_536 && sealed.is_some_and(|sealed| sealed.bytes().all(possible)) {
            Ok(Self(text))
        } else {
            Err(Invalid::new("not_a_challenge", "Ask for one, and send its `challenge` back as it came."))
        }
    }
}

impl ChallengeToken {
    /// The challenge as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A passkey that is shown in answer to a challenge.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// From `POST /passkey-challenges`. Good once, and for five minutes.
    pub challenge: ChallengeToken,
    /// The browser's answer.
    pub credential: ShownCredential,
}

/// What somebody gives to show a second factor.
#[derive(Debug, Clone)]
pub enum FactorProof {
    /// A code of their authenticator app.
    Totp(CodeAttempt),
    /// One of their recovery codes.
    RecoveryCode(CodeAttempt),
    /// One of their passkeys.
    Passkey(Box<Assertion>),
}

impl FactorProof {
    /// Reads the three fields in which a proof is sent.
    ///
    /// # Errors
    /// There is more than one.
    pub fn read(
        totp_code: Option<CodeAttempt>,
        recovery_code: Option<CodeAttempt>,
        passkey: Option<Box<Assertion>>,
    ) -> Result<Option<Self>> {
        let why = "A code of the app, a recovery code, or a passkey.";
        match (totp_code, recovery_code, passkey) {
            (Some(_), Some(_), _) => Err(Error::field("recovery_code", "ambiguous", why)),
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => Err(Error::field("passkey", "ambiguous", why)),
            (Some(code), None, None) => Ok(Some(Self::Totp(code))),
            (None, Some(code), None) => Ok(Some(Self::RecoveryCode(code))),
            (None, None, Some(assertion)) => Ok(Some(Self::Passkey(assertion))),
            (None, None, None) => Ok(None),
        }
    }

    /// Its kind, as the audit log names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
            Self::Passkey(_) => "passkey",
        }
    }
}

/// How many recovery codes an account gets at a time.
pub const RECOVERY_CODES: usize = 10;

/// A recovery code: 80 random bits, as many as a hash without a cost can keep from being guessed when it is
/// keyed, and few enough to copy by hand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecoveryCode(pub [u8; 10]);

impl RecoveryCode {
    /// Reads what somebody typed, in any case, with or without the hyphens.
    pub fn read(attempt: &CodeAttempt) -> Option<Self> {
        let bytes = BASE32_NOPAD.decode(attempt.compact().to_ascii_uppercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The code as its owner keeps it: four groups of four characters, in base 32 (RFC 4648) and lower case.
    pub fn expose(&self) -> String {
        let code = BASE32_NOPAD.encode(&self.0).to_ascii_lowercase();
        let groups: Vec<&str> =
            code.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m2_recovery_codes_are_read_as_people_type_them() {
        let code = RecoveryCode([0x5a; 10]);
        assert_eq!(code.expose(), "ljnf-uws2-ljnf-uws2");
        let read = |text: &str| RecoveryCode::read(&CodeAttempt::try_from(text.to_owned()).ok()?);
        for typed in ["ljnf-uws2-ljnf-uws2", "LJNFUWS2LJNFUWS2", " ljnf uws2 ljnf uws2"] {
            assert!(read(typed) == Some(code), "{typed}");
        }
        for wrong in [
            "",
            "ljnf-uws2-ljnf-uws2\n",
            "ljnf-uws2-ljnf-uws",
            "ljnf-uws2-ljnf-uws22",
            "1jnf-uws2-ljnf-uws2",
            "050471",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{:?}", FactorProof::Totp(CodeAttempt("050471".into()))), "Totp(CodeAttempt(…))");
    }

    #[test]
    fn k1_what_is_written_is_read_and_one_wrong_character_is_noticed() {
        let secret: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7 % 256).unwrap());
        let token = write_token(&secret);
        assert_eq!(token, "otw_pat_aadq4fi4emvdcob7izgviw3cnfyho7ufrsjzviniv63l3rgl2lmqinl7qri");
        assert_eq!(token.len(), PREFIX.len() + SECRET_CHARS + CHECKSUM_CHARS);
        assert_eq!(read_token(&token), Some(secret));
        for at in 0..token.len() {
            for other in ['a', 'b', '7', 'A', '!'] {
                let mut wrong = token.clone();
                wrong.replace_range(at..=at, &other.to_string());
                assert!(wrong == token || read_token(&wrong).is_none(), "{wrong}");
            }
        }
        for wrong in ["", PREFIX, &token[1..], &token[..token.len() - 1], &format!("{token}a"), "otw_pat_é"]
        {
            assert_eq!(read_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn scopes_have_the_names_that_serde_gives_them() {
        for (scope, name) in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), name);
            assert_eq!((scope.name(), Scope::named(name)), (name, Some(scope)));
        }
        assert_eq!(Scope::named("everything"), None);
    }
}
