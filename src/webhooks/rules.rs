//! Webhooks without a database: what they are told of, where they may lead, what is signed, and when it is tried again.

pub mod address;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use utoipa::ToSchema;
use uuid::Uuid;

use self::address::is_public;
use crate::clock::Timestamp;
use crate::config::Origin;
use crate::ids::{CaseId, DeliveryId};
use crate::invalid::Invalid;
use crate::roles::rules::Permission;
use crate::text::{text, text_enum};

text_enum! {
    /// What a webhook is told of.
    pub enum WebhookKind {
        /// There is something new for moderators to decide.
        CaseOpened = "case_opened",
        /// There is again.
        CaseReopened = "case_reopened",
        /// It was decided.
        CaseResolved = "case_resolved",
        /// Somebody appealed against a decision.
        AppealFiled = "appeal_filed",
        /// The appeal was decided.
        AppealDecided = "appeal_decided",
        /// A moderator did something, or a rule.
        ActionTaken = "action_taken",
        /// That was taken back.
        ActionReverted = "action_reverted",
        /// A bulk job has ended, or was called off.
        JobFinished = "job_finished",
    }
}

text_enum! {
    /// What a webhook is sent.
    pub enum MessageKind {
        /// Nothing happened: somebody wants to see whether it arrives.
        Ping = "ping",
        /// There is something new for moderators to decide.
        CaseOpened = "case_opened",
        /// There is again.
        CaseReopened = "case_reopened",
        /// It was decided.
        CaseResolved = "case_resolved",
        /// Somebody appealed against a decision.
        AppealFiled = "appeal_filed",
        /// The appeal was decided.
        AppealDecided = "appeal_decided",
        /// A moderator did something, or a rule.
        ActionTaken = "action_taken",
        /// That was taken back.
        ActionReverted = "action_reverted",
        /// A bulk job has ended, or was called off.
        JobFinished = "job_finished",
    }
}

text_enum! {
    /// Whether a webhook is sent anything.
    pub enum WebhookState {
        /// It is.
        Enabled = "enabled",
        /// Somebody turned it off.
        Disabled = "disabled",
        /// Too many deliveries in a row were given up.
        DisabledByFailures = "disabled_by_failures",
        /// Whoever received it said that it is gone for good (410).
        DisabledAsGone = "disabled_as_gone",
    }
}

text_enum! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// It is still to be sent.
        Pending = "pending",
        /// It was taken.
        Delivered = "delivered",
        /// It was tried as often as is worth it.
        Failed = "failed",
        /// It is not sent, and nobody is to blame.
        Dropped = "dropped",
    }
}

text_enum! {
    /// Why a delivery was not taken, or is not sent.
    pub enum DeliveryFailure {
        /// The address is not one that is called: not everybody's, or not by https.
        AddressRefused = "address_refused",
        /// The name has no address.
        NameNotFound = "name_not_found",
        /// Nobody answers there, or not as agreed.
        ConnectionFailed = "connection_failed",
        /// It took too long.
        Timeout = "timeout",
        /// It was answered that it is elsewhere: nobody is followed there.
        Redirect = "redirect",
        /// It was answered with another status than one of success.
        Status = "status",
        /// The owner of the webhook may not be told of this, or of nothing any more.
        NotAllowed = "not_allowed",
        /// The webhook was disabled before its turn came.
        WebhookDisabled = "webhook_disabled",
        /// The key that signs cannot be opened: the server's own keys were replaced.
        KeyLost = "key_lost",
    }
}

text! {
    /// What a webhook is for.
    pub struct WebhookNote, 1..=200, line
}

impl WebhookKind {
    /// What its owner must be permitted for the whole site, to be told.
    pub fn takes(self) -> Permission {
        match self {
            Self::CaseOpened
            | Self::CaseReopened
            | Self::CaseResolved
            | Self::AppealFiled
            | Self::AppealDecided
            | Self::ActionTaken
            | Self::ActionReverted => Permission::ReportRead,
            Self::JobFinished => Permission::JobBulk,
        }
    }
}

impl MessageKind {
    /// What it is told as, where it is told of an event.
    pub fn event(self) -> Option<WebhookKind> {
        Some(match self {
            Self::Ping => return None,
            Self::CaseOpened => WebhookKind::CaseOpened,
            Self::CaseReopened => WebhookKind::CaseReopened,
            Self::CaseResolved => WebhookKind::CaseResolved,
            Self::AppealFiled => WebhookKind::AppealFiled,
            Self::AppealDecided => WebhookKind::AppealDecided,
            Self::ActionTaken => WebhookKind::ActionTaken,
            Self::ActionReverted => WebhookKind::ActionReverted,
            Self::JobFinished => WebhookKind::JobFinished,
        })
    }
}

/// Kinds of events, one at least and each once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "Vec<WebhookKind>")]
#[schema(value_type = Vec<WebhookKind>, min_items = 1, max_items = 8)]
pub struct WebhookKinds(Vec<WebhookKind>);

impl WebhookKinds {
    /// The kinds, as they were named.
    pub fn as_slice(&self) -> &[WebhookKind] {
        &self.0
    }
}

impl TryFrom<Vec<WebhookKind>> for WebhookKinds {
    type Error = Invalid;

    fn try_from(kinds: Vec<WebhookKind>) -> Result<Self, Invalid> {
        if kinds.is_empty() {
            return Err(Invalid::new("too_few", "Name one at least."));
        }
        if (1..kinds.len()).any(|i| kinds[..i].contains(&kinds[i])) {
            return Err(Invalid::new("duplicate", "Name each once."));
        }
        Ok(Self(kinds))
    }
}

/// The longest address, in bytes.
const MAX_URL: usize = 1000;

/// Where a webhook leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The address, as it is written once for all forms of it.
    pub url: Url,
    /// Whether the operator named its origin: then it may be anywhere.
    pub is_trusted: bool,
}

impl Receiver {
    /// Reads where a webhook is to lead: by https to the usual port of an address that is everybody's, or to an origin that
    /// the operator named. What a name stands for is checked when it is called.
    ///
    /// # Errors
    /// The reason why it is not called.
    pub fn read(text: &str, trusted: &[Origin]) -> Result<Self, Invalid> {
        let refused = |code, detail: &'static str| Err(Invalid::new(code, detail));
        if text.len() > MAX_URL {
            return refused("too_long", "At most 1000 bytes.");
        }
        let Ok(url) = Url::parse(text) else {
            return refused("malformed_url", "An address such as https://scripts.example.org/moderation.");
        };
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) || url.host().is_none() {
            return refused("malformed_url", "An address such as https://scripts.example.org/moderation.");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("credentials_in_url", "What is sent is signed: no name and no password.");
        }
        if url.fragment().is_some() {
            return refused("fragment_in_url", "What stands behind # is never sent.");
        }
        let origin = url.origin().ascii_serialization();
        if trusted.iter().any(|trusted| trusted.as_str() == origin) {
            return Ok(Self { url, is_trusted: true });
        }
        if url.scheme() != "https" {
            return refused("not_https", "By https only.");
        }
        if url.port().is_some() {
            return refused("port_not_allowed", "To port 443 only.");
        }
        let is_public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            _ => true,
        };
        if !is_public {
            return refused(
                "address_not_allowed",
                "This is an address of some network, not of the internet.",
            );
        }
        Ok(Self { url, is_trusted: false })
    }
}

/// What is sent: that something happened, and nothing about it.
#[derive(Debug, Serialize)]
pub struct Message {
    /// The delivery, the same at every attempt.
    pub id: DeliveryId,
    /// What happened.
    pub kind: MessageKind,
    /// When.
    pub at: Timestamp,
    /// To which case, appeal, action or job, as the kind says; to nothing with a ping.
    pub subject_id: Option<Uuid>,
    /// The case that this is, or belongs to.
    pub case_id: Option<CaseId>,
}

/// What is signed (Standard Webhooks, `v1`): the name of the message, when it is sent (in seconds since 1970), and its body.
pub fn signed_content(id: DeliveryId, at: i64, body: &str) -> String {
    format!("{id}.{at}.{body}")
}

/// A key, as whoever receives what is signed with it is told (Standard Webhooks).
pub fn shown_key(key: &[u8]) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(key))
}

/// What stands in the header: a signature for each key, with spaces between (Standard Webhooks).
pub fn shown_signatures(macs: &[[u8; 32]]) -> String {
    let signatures: Vec<String> =
        macs.iter().map(|mac| format!("v1,{}", BASE64_STANDARD.encode(mac))).collect();
    signatures.join(" ")
}

/// How long to wait after so many attempts: any time up to twice as much as after the one before, at most `longest`, by
/// `chance`. What failed together does not come back together.
pub fn wait(attempts: u32, first: Duration, longest: Duration, chance: u16) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(longest);
    doubled.mul_f64((f64::from(chance) + 1.0) / 65_536.0)
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It was answered with this status.
    Answered(u16),
    /// It was not.
    Unanswered(DeliveryFailure),
}

impl Attempt {
    /// The status, if any, and why it counts as none of success.
    pub fn outcome(self) -> (Option<u16>, Option<DeliveryFailure>) {
        match self {
            Self::Answered(status @ 200..=299) => (Some(status), None),
            Self::Answered(status @ 300..=399) => (Some(status), Some(DeliveryFailure::Redirect)),
            Self::Answered(status) => (Some(status), Some(DeliveryFailure::Status)),
            Self::Unanswered(failure) => (None, Some(failure)),
        }
    }

    /// Whether it was said that nothing will ever be taken there.
    pub fn is_gone(self) -> bool {
        self == Self::Answered(410)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::hmac_sha256;

    #[test]
    fn x7_the_example_of_the_specification_is_signed_as_it_says() {
        let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(shown_key(&key), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let content = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let mac = hmac_sha256(&key, content.as_bytes());
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(shown_signatures(&[mac]), signature);
        assert_eq!(shown_signatures(&[mac, mac]), format!("{signature} {signature}"));
        let id = DeliveryId(Uuid::from_u128(1));
        assert_eq!(signed_content(id, 7, "{}"), "00000000-0000-0000-0000-000000000001.7.{}");
    }

    fn refusal(text: &str) -> Option<&'static str> {
        let trusted = ["http://127.0.0.1:8080", "https://scripts.internal:8443"];
        let trusted: Vec<Origin> =
            trusted.map(|text| Origin::try_from(text.to_owned()).unwrap()).into_iter().collect();
        Receiver::read(text, &trusted).err().map(|invalid| invalid.code)
    }

    #[test]
    fn x6_webhooks_lead_by_https_to_what_is_everybodys() {
        for text in [
            "https://scripts.example.org",
            "https://scripts.example.org:443/moderation?for=otherwise",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
            "https://M\u{fc}nchen.example/",
            // Those that the operator named, in any form that they have.
            "http://127.0.0.1:8080/hook",
            "http://2130706433:8080/hook",
            "https://SCRIPTS.internal:8443/",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
        for (text, code) in [
            ("", "malformed_url"),
            ("scripts.example.org", "malformed_url"),
            ("https://", "malformed_url"),
            ("https://a b.example/", "malformed_url"),
            (" https://scripts.example.org", "malformed_url"),
            ("https://scripts.exa\nmple.org", "malformed_url"),
            ("mailto:someone@example.org", "malformed_url"),
            ("https://user@scripts.example.org/", "credentials_in_url"),
            ("https://:word@scripts.example.org/", "credentials_in_url"),
            ("https://scripts.example.org/#x", "fragment_in_url"),
            ("http://scripts.example.org/", "not_https"),
            ("ftp://scripts.example.org/", "not_https"),
            ("https://scripts.example.org:8443/", "port_not_allowed"),
            ("https://scripts.example.org:80/", "port_not_allowed"),
            // Not the port, or not the scheme, that was named.
            ("http://127.0.0.1:8081/hook", "not_https"),
            ("https://127.0.0.1:8080/hook", "port_not_allowed"),
            ("https://scripts.internal:8444/", "port_not_allowed"),
        ] {
            assert_eq!(refusal(text), Some(code), "{text}");
        }
        assert_eq!(refusal(&format!("https://scripts.example.org/{}", "x".repeat(1000))), Some("too_long"));
    }

    #[test]
    fn x6_every_form_of_an_address_is_seen_through() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "017700000001",
            "0177.0.0.1",
            "127.0.0.0x1",
            "%31%32%37.0.0.1",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "0",
            "10.1.2.3",
            "100.64.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "172.16.0.1",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:169.254.169.254]",
            "[64:ff9b::169.254.169.254]",
            "[2002:7f00:1::]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
        ] {
            assert_eq!(refusal(&format!("https://{host}/")), Some("address_not_allowed"), "{host}");
        }
    }

    #[test]
    fn x7_waits_double_up_to_the_longest_and_are_any_part_of_that() {
        let wait = |attempts, chance| {
            wait(attempts, Duration::from_secs(4), Duration::from_mins(1), chance).as_millis()
        };
        assert_eq!([wait(1, u16::MAX), wait(2, u16::MAX), wait(3, u16::MAX)], [4_000, 8_000, 16_000]);
        assert_eq!([wait(5, u16::MAX), wait(99, u16::MAX), wait(u32::MAX, u16::MAX)], [60_000; 3]);
        assert_eq!([wait(1, 16_383), wait(2, 16_383), wait(99, 0)], [1_000, 2_000, 0]);
    }

    #[test]
    fn what_an_answer_means() {
        for (status, failure) in [
            (200, None),
            (204, None),
            (299, None),
            (301, Some(DeliveryFailure::Redirect)),
            (304, Some(DeliveryFailure::Redirect)),
            (400, Some(DeliveryFailure::Status)),
            (410, Some(DeliveryFailure::Status)),
            (500, Some(DeliveryFailure::Status)),
        ] {
            assert_eq!(Attempt::Answered(status).outcome(), (Some(status), failure));
            assert_eq!(Attempt::Answered(status).is_gone(), status == 410);
        }
        let timeout = Attempt::Unanswered(DeliveryFailure::Timeout);
        assert_eq!(timeout.outcome(), (None, Some(DeliveryFailure::Timeout)));
        assert!(!timeout.is_gone());
    }
}
