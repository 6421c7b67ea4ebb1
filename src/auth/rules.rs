//! What a token for bots and scripts looks like, and what it may be good for.

use data_encoding::BASE32_NOPAD;

use crate::text::{text, text_enum};

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

#[cfg(test)]
mod tests {
    use super::*;

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
