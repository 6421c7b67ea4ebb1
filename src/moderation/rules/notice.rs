//! Notices that something is against the law: where they point.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::invalid::Invalid;
use crate::text::text;

text! {
    /// Why somebody holds something to be against the law.
    pub struct NoticeExplanation, 10..=2000, prose;
    /// Who gives notice of something.
    pub struct NotifierName, 2..=200, line;
    /// An address on the web.
    pub struct NoticeUrl, 8..=2000, line
}

/// By this whoever gave a notice is known without an account: 128 random bits, in base64url behind a prefix that secret
/// scanners can look for. `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = "password", example = "otw_ln_AAAAAAAAAAAAAAAAAAAAAA")]
pub struct ReceiptSecret(pub [u8; 16]);

const PREFIX: &str = "otw_ln_";

impl ReceiptSecret {
    /// The secret as the reader of the receipt gets it.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl TryFrom<String> for ReceiptSecret {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| BASE64_URL_SAFE_NO_PAD.decode(rest).ok());
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| Invalid::new("not_a_receipt", "Send the `secret` as the receipt has it."))
    }
}

impl fmt::Debug for ReceiptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptSecret(…)")
    }
}

/// What an address of the site points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Located {
    /// A post.
    Post(Uuid),
    /// A topic, by its slug or identifier.
    Topic(String),
    /// An account, by its name.
    Account(String),
}

/// What an address points to: `…/posts/{id}`, `…/topics/{slug}` or `…/accounts/{username}`, below one of the addresses of the
/// site or of its API. An identifier of a post in the part behind the `#` is more exact. None where it is elsewhere.
pub fn locate(url: &str, bases: &[&str]) -> Option<Located> {
    let path = bases.iter().filter(|base| !base.is_empty()).find_map(|base| url.strip_prefix(base))?;
    let (path, fragment) = path.split_once('#').map_or((path, ""), |(path, fragment)| (path, fragment));
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/api/v1").unwrap_or(path).strip_prefix('/')?;
    let post = |id: &str| Uuid::try_parse(id).ok().map(Located::Post);
    let below = post(fragment.trim_start_matches("post-"));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["posts", id, ..] | ["topics", _, "posts", id, ..] => post(id),
        ["topics", slug, ..] if !slug.is_empty() => below.or(Some(Located::Topic((*slug).to_owned()))),
        ["accounts", name, ..] => percent_encoding::percent_decode_str(name)
            .decode_utf8()
            .ok()
            .map(|name| Located::Account(name.into_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_has_one_secret_in_one_form() {
        let secret = ReceiptSecret([7; 16]);
        let text = secret.expose();
        assert_eq!(text, "otw_ln_BwcHBwcHBwcHBwcHBwcHBw");
        assert_eq!(ReceiptSecret::try_from(text.clone()).unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "ReceiptSecret(…)");
        for wrong in ["", "otw_ln_", "otw_et_BwcHBwcHBwcHBwcHBwcHBw", &text[..28], &format!("{text}=")] {
            assert_eq!(
                ReceiptSecret::try_from(wrong.to_owned()).unwrap_err().code,
                "not_a_receipt",
                "{wrong}"
            );
        }
    }

    #[test]
    fn addresses_of_the_site_are_found_and_no_others() {
        let bases = ["https://api.example", "https://debates.example/app", ""];
        let id = "0198c5f0-0000-7000-8000-00000000dead";
        let found = |url: &str| locate(url, &bases);
        let post = || Some(Located::Post(id.parse().unwrap()));
        for url in [
            format!("https://api.example/api/v1/posts/{id}"),
            format!("https://debates.example/app/posts/{id}?from=mail"),
            format!("https://debates.example/app/topics/the-armada/posts/{id}"),
            format!("https://debates.example/app/topics/the-armada#post-{id}"),
            format!("https://debates.example/app/topics/the-armada?sort=new#{id}"),
        ] {
            assert_eq!(found(&url), post(), "{url}");
        }
        let topic = || Some(Located::Topic("the-armada".to_owned()));
        assert_eq!(found("https://debates.example/app/topics/the-armada"), topic());
        assert_eq!(found("https://api.example/api/v1/topics/the-armada/thread#top"), topic());
        let account = Some(Located::Account("зоя".to_owned()));
        assert_eq!(found("https://debates.example/app/accounts/%D0%B7%D0%BE%D1%8F"), account);
        for url in [
            "https://elsewhere.example/posts/0198c5f0-0000-7000-8000-00000000dead",
            "https://api.example.evil.example/posts/0198c5f0-0000-7000-8000-00000000dead",
            "https://debates.example/app/posts/first",
            "https://debates.example/app/",
            "https://debates.example/app",
            "/posts/0198c5f0-0000-7000-8000-00000000dead",
        ] {
            assert_eq!(found(url), None, "{url}");
        }
    }
}
