//! Reports and cases without a database: what they consist of, how they weigh, and where a case goes from where.

pub mod case;
pub mod weight;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

pub use crate::text::RuleCode;
use crate::text::{text, text_enum};

text_enum! {
    /// What kind of thing is reported.
    pub enum SubjectKind {
        /// A post.
        Post = "post",
        /// A topic.
        Topic = "topic",
        /// An account: a name or a profile.
        Account = "account",
    }
}

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Which one.
    pub id: Uuid,
}

text_enum! {
    /// What came of a report.
    pub enum ReportOutcome {
        /// The rule was broken.
        Upheld = "upheld",
        /// It was not.
        Rejected = "rejected",
        /// It was not decided: there was nothing to it, either way.
        Ignored = "ignored",
        /// Another case decides it.
        Duplicate = "duplicate",
        /// The same had been decided before, of the same version of the subject.
        AlreadyReviewed = "already_reviewed",
        /// The subject is gone.
        Moot = "moot",
    }
}

text_enum! {
    /// What came of a case.
    pub enum CaseOutcome {
        /// A rule was broken.
        Upheld = "upheld",
        /// None was.
        Rejected = "rejected",
        /// It was not decided: there was nothing to it, either way.
        Ignored = "ignored",
        /// Another case decides it.
        Duplicate = "duplicate",
        /// The subject is gone.
        Moot = "moot",
    }
}

impl From<CaseOutcome> for ReportOutcome {
    fn from(outcome: CaseOutcome) -> Self {
        match outcome {
            CaseOutcome::Upheld => Self::Upheld,
            CaseOutcome::Rejected => Self::Rejected,
            CaseOutcome::Ignored => Self::Ignored,
            CaseOutcome::Duplicate => Self::Duplicate,
            CaseOutcome::Moot => Self::Moot,
        }
    }
}

text_enum! {
    /// Where a case stands.
    pub enum CaseState {
        /// Anybody who may decide it can claim it.
        Open = "open",
        /// Somebody is at it.
        Claimed = "claimed",
        /// Whoever decides what others pass on can claim it.
        Escalated = "escalated",
        /// It was decided.
        Resolved = "resolved",
    }
}

text_enum! {
    /// What happens to a case.
    pub enum CaseEventKind {
        /// The first report made it.
        Opened = "opened",
        /// Another report came.
        Reported = "reported",
        /// A report of something else opened it again.
        Reopened = "reopened",
        /// Somebody took it on.
        Claimed = "claimed",
        /// Whoever had it let the time run out.
        Lapsed = "lapsed",
        /// Whoever had it gave it back.
        Released = "released",
        /// It was passed on to those who decide what is difficult.
        Escalated = "escalated",
        /// It was decided.
        Resolved = "resolved",
    }
}

text! {
    /// What somebody says with a report.
    pub struct ReportComment, 1..=2000, prose;
    /// What moderators say to each other about a case.
    pub struct CaseNote, 3..=2000, prose
}
