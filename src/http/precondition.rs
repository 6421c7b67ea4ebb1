//! `If-Match`: an edit says which version it edits.

use axum::extract::FromRequestParts;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::{Code, Error, Result};

/// The versions that an edit may start from.
#[derive(Debug, Clone)]
pub struct IfMatch(Vec<String>);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let mut tags = Vec::new();
        for value in parts.headers.get_all(IF_MATCH) {
            let value =
                value.to_str().map_err(|_| Code::MalformedRequest.error("If-Match is not readable text."))?;
            tags.extend(value.split(',').map(|tag| tag.trim().to_owned()));
        }
        if tags.is_empty() {
            return Err(Code::PreconditionRequired.error(
                "Send If-Match with the ETag of the version you read, so that nobody's change is lost.",
            ));
        }
        Ok(Self(tags))
    }
}

impl IfMatch {
    /// Lets through who has read what has this hash.
    ///
    /// # Errors
    /// They have read something else.
    pub fn check_hash(&self, hash: &str) -> Result<()> {
        let matches =
            |tag: &String| tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(hash);
        if self.0.iter().any(matches) {
            return Ok(());
        }
        Err(Code::PreconditionFailed.error("This is the hash of another plan: read this one again."))
    }

    /// Lets an edit of this version pass. The tag's second half, which changes with every vote, is not
    /// compared; a weak tag matches nothing (RFC 9110, 13.1.1).
    ///
    /// # Errors
    /// The resource was changed since it was read.
    pub fn check(&self, version: i32) -> Result<()> {
        let matches = |tag: &String| {
            tag == "*"
                || tag
                    .strip_prefix('"')
                    .and_then(|tag| tag.strip_suffix('"'))
                    .and_then(|tag| tag.split('.').next())
                    .is_some_and(|edited| edited == version.to_string())
        };
        if self.0.iter().any(matches) {
            Ok(())
        } else {
            Err(Code::PreconditionFailed
                .error("Read it again, and repeat your change if it still makes sense."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_is_compared() {
        let check = |tag: &str| IfMatch(vec![tag.to_owned()]).check(3).is_ok();
        assert!(check("\"3.abc\""));
        assert!(check("\"3.xyz\""));
        assert!(check("*"));
        for stale in ["\"2.abc\"", "W/\"3.abc\"", "3.abc", "\"33.abc\"", "\"\"", ""] {
            assert!(!check(stale), "{stale}");
        }
    }
}
