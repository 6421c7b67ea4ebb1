//! What a token from a mail is good for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sea_orm::{DeriveActiveEnum, EnumIter};

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Purpose {
    /// Confirm that the account's address is theirs.
    #[sea_orm(string_value = "verify")]
    Verify,
    /// Set a new password.
    #[sea_orm(string_value = "reset")]
    Reset,
    /// Give the account the address they read this at.
    #[sea_orm(string_value = "change")]
    Change,
    /// Give the account the address back that they read this at.
    #[sea_orm(string_value = "revert")]
    Revert,
}

/// A token on its way to a reader of mail: 256 random bits, in base64url behind a prefix that secret scanners
/// can look for.
#[derive(Clone, Copy)]
pub struct EmailToken(pub [u8; 32]);

const PREFIX: &str = "otw_et_";

impl EmailToken {
    /// Reads what a client sent.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token as the reader gets it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_form() {
        let token = EmailToken([7; 32]);
        assert_eq!(EmailToken::parse(&token.expose()).unwrap().0, token.0);
        for wrong in [
            "",
            "otw_et_",
            "otw_rt_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
            "otw_et_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
            // The last character has two bits that stand for nothing: another way to write the same bytes.
            "otw_et_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwd",
        ] {
            assert!(EmailToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
