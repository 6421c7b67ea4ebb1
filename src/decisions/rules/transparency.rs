//! How decisions are told of in the words of the transparency database of the European Union.

use super::ActionKind;
use crate::text::text_enum;

text_enum! {
    /// How much of a decision was made without a person.
    pub enum Automation {
        /// Nothing.
        None = "none",
        /// It was found, or proposed, automatically.
        Partial = "partial",
        /// All of it.
        Full = "full",
    }
}

text_enum! {
    /// By whom what is decided about was found, in the words of the transparency database of the European Union.
    pub enum NoticeSource {
        /// By a notice of illegal content, as article 16 of the Digital Services Act has it.
        Article16 = "SOURCE_ARTICLE_16",
        /// By somebody whose notices come first, as article 22 has it.
        TrustedFlagger = "SOURCE_TRUSTED_FLAGGER",
        /// By a report.
        OtherNotification = "SOURCE_TYPE_OTHER_NOTIFICATION",
        /// By those who look after the site.
        Voluntary = "SOURCE_VOLUNTARY",
    }
}

/// How a decision restricts somebody, in the words of the transparency database of the European Union: what is seen, what
/// of the service can be used, and the account. A warning restricts nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restricts {
    /// `decision_visibility`.
    pub visibility: Option<&'static str>,
    /// `decision_provision`.
    pub provision: Option<&'static str>,
    /// `decision_account`.
    pub account: Option<&'static str>,
}

impl ActionKind {
    /// How it restricts whom it concerns.
    pub fn restricts(self) -> Restricts {
        let visibility = |visibility| Restricts { visibility: Some(visibility), ..Restricts::default() };
        match self {
            Self::Hide => visibility("DECISION_VISIBILITY_CONTENT_DISABLED"),
            Self::Remove | Self::Redact | Self::Purge => visibility("DECISION_VISIBILITY_CONTENT_REMOVED"),
            Self::Annotate => visibility("DECISION_VISIBILITY_CONTENT_LABELLED"),
            Self::Lock | Self::FreezeVotes | Self::SlowMode | Self::Merge | Self::Close => {
                visibility("DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED")
            }
            Self::Silence | Self::Restrict | Self::VoteBan | Self::NullifyVotes => {
                Restricts { provision: Some("DECISION_PROVISION_PARTIAL_SUSPENSION"), ..Restricts::default() }
            }
            Self::Suspend => Restricts {
                provision: Some("DECISION_PROVISION_TOTAL_SUSPENSION"),
                account: Some("DECISION_ACCOUNT_SUSPENDED"),
                visibility: None,
            },
            Self::Ban => Restricts {
                provision: Some("DECISION_PROVISION_TOTAL_TERMINATION"),
                account: Some("DECISION_ACCOUNT_TERMINATED"),
                visibility: None,
            },
            // What is moved, or bears on something else from now on, is seen and answered as before.
            Self::Warn | Self::Move | Self::Relabel | Self::Pin | Self::Rename | Self::Revert => {
                Restricts::default()
            }
        }
    }
}

impl Automation {
    /// `automated_decision`.
    pub fn automated_decision(self) -> &'static str {
        match self {
            Self::None => "AUTOMATED_DECISION_NOT_AUTOMATED",
            Self::Partial => "AUTOMATED_DECISION_PARTIALLY",
            Self::Full => "AUTOMATED_DECISION_FULLY",
        }
    }
}
