//! What a request to an identity provider is for, and what comes back of it.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::invalid::Invalid;
use crate::text::text_enum;

text_enum! {
    /// What somebody is sent to a provider for.
    pub enum Purpose {
        /// To sign in, or to register.
        SignIn = "sign_in",
        /// To link the identity with the account that they are signed in to.
        Link = "link",
        /// To prove again who they are, with an identity that is linked.
        Reauthenticate = "reauthenticate",
    }
}

/// How long somebody may be away at a provider, in minutes.
pub const GOOD_FOR_MINUTES: i64 = 10;

/// By this a client knows the request it made: 256 random bits, in base64url behind a prefix that secret
/// scanners can look for. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestSecret(pub [u8; 32]);

const PREFIX: &str = "otw_ar_";

impl RequestSecret {
    /// The secret as the client gets it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl TryFrom<String> for RequestSecret {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| BASE64_URL_SAFE_NO_PAD.decode(rest).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            Invalid::new(
                "not_a_request",
                "Send `authorization_request` as POST /authorization-requests gave it.",
            )
        })
    }
}

impl fmt::Debug for RequestSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSecret(…)")
    }
}

/// A value that a provider put into the address it sent somebody back to: visible characters of ASCII, and
/// spaces (RFC 6749, appendix A). `Debug` does not show it, since a code is a secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Brought(String);

impl Brought {
    /// The most characters it has.
    pub const MAX: usize = 2_048;

    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Brought {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let possible = |byte: u8| (b' '..=b'~').contains(&byte);
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(possible) {
            Ok(Self(text))
        } else {
            Err(Invalid::new(
                "not_from_a_provider",
                "1 to 2048 visible characters of ASCII, as the provider sent it.",
            ))
        }
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Brought(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_one_form_and_is_not_printed() {
        let secret = RequestSecret([7; 32]);
        assert_eq!(RequestSecret::try_from(secret.expose()).unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "RequestSecret(…)");
        for wrong in [
            "",
            "otw_ar_",
            "otw_et_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "otw_ar_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
            // The last character has two bits that stand for nothing: another way to write the same bytes.
            "otw_ar_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd",
        ] {
            assert!(RequestSecret::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_provider_sends_is_visible_ascii_and_not_printed() {
        let read = |text: &str| Brought::try_from(text.to_owned());
        assert_eq!(format!("{:?}", read("a code").unwrap()), "Brought(…)");
        assert!(read(&"x".repeat(Brought::MAX)).is_ok());
        for wrong in ["", "a\0b", "a\nb", "é", "\u{7f}", &"x".repeat(Brought::MAX + 1)] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
