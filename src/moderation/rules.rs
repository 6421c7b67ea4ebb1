//! Reports and cases without a database: what they consist of, how they weigh, and where a case goes from where.

pub mod agreement;
pub mod appeal;
pub mod case;
pub mod notice;
pub mod period;
pub mod queue;
pub mod weight;

use crate::invalid::Invalid;
pub use crate::text::RuleCode;
use crate::text::{string_value, text, text_enum};

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
        /// It was decided, and somebody holds that to be wrong.
        Appealed = "appealed",
    }
}

text_enum! {
    /// What happens to a case.
    pub enum CaseEventKind {
        /// The first report made it, or a moderator did.
        Opened = "opened",
        /// Another report came.
        Reported = "reported",
        /// A report of something else opened it again, or a moderator did.
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
        /// Something was done to the subject, or taken back.
        Acted = "acted",
        /// Somebody appealed against what was decided.
        Appealed = "appealed",
        /// They took that back.
        AppealWithdrawn = "appeal_withdrawn",
        /// The appeal was decided.
        AppealDecided = "appeal_decided",
        /// It was left out of the queue for a while.
        Muted = "muted",
        /// It was put back there.
        Unmuted = "unmuted",
        /// Another case decides it as well.
        Merged = "merged",
        /// It is decided by itself again.
        Unmerged = "unmerged",
        /// Moderators wrote to somebody whom it concerns.
        Messaged = "messaged",
        /// They answered.
        Answered = "answered",
        /// It has other tags.
        Tagged = "tagged",
    }
}

text_enum! {
    /// Who may read a note besides moderators.
    pub enum NoteAudience {
        /// Nobody.
        Moderators = "moderators",
        /// Those who reported the subject of the case.
        Reporter = "reporter",
        /// Whoever the subject of the case belongs to, or the account that it is about.
        Author = "author",
    }
}

text_enum! {
    /// What moderators do with an account that is no decision about its owner.
    pub enum AccountAccess {
        /// They ended its sessions and revoked its tokens.
        SessionsRevoked = "sessions_revoked",
        /// They looked at what it shares with others.
        RelatedRead = "related_read",
    }
}

text_enum! {
    /// What happens with an account.
    pub enum TimelineKind {
        /// It was made.
        Joined = "joined",
        /// It was given another name; `detail` is the one it had.
        Renamed = "renamed",
        /// A post of theirs; `detail` is its status by now.
        Post = "post",
        /// A post of theirs became a tombstone.
        PostDeleted = "post_deleted",
        /// They reported something; `detail` is the rule, `outcome` what came of it.
        Report = "report",
        /// A case about something of theirs was opened.
        CaseOpened = "case_opened",
        /// It was opened again.
        CaseReopened = "case_reopened",
        /// It was decided; `outcome` says how.
        CaseResolved = "case_resolved",
        /// Something was done about them or something of theirs, or taken back; `detail` is its kind.
        Action = "action",
        /// A sanction began; `detail` is its kind.
        SanctionStarted = "sanction_started",
        /// It was taken back before its end.
        SanctionLifted = "sanction_lifted",
        /// Something was noted of them; `detail` says for whom.
        Note = "note",
        /// They earned a higher level of trust; `detail` is the level.
        TrustLevelRaised = "trust_level_raised",
        /// Moderators ended their sessions; `text` says why.
        SessionsRevoked = "sessions_revoked",
    }
}

text_enum! {
    /// What accounts share.
    pub enum SharedSignal {
        /// People signed in to both from one address: an IPv4 address, or a network of 64 bits.
        Address = "address",
        /// They did with a client that said the same of itself.
        Client = "client",
        /// Both were registered within the same minute, from one address.
        SignUp = "sign_up",
    }
}

text_enum! {
    /// What a template is for.
    pub enum TemplateKind {
        /// For what whoever is restricted is told.
        Explanation = "explanation",
        /// For messages about a case.
        Message = "message",
    }
}

text_enum! {
    /// Who has a queue of cases.
    pub enum QueueAudience {
        /// Every moderator.
        Team = "team",
        /// Whoever made it.
        Own = "own",
    }
}

string_value! {
    /// A language, and perhaps a country, by their codes (BCP 47): `en`, `de-AT`.
    pub struct Language,
    |text| {
        let (language, country) = text.split_once('-').map_or((text, None), |(language, country)| (language, Some(country)));
        let fits = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase())
            && country.is_none_or(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
        if fits {
            Ok(text.to_owned())
        } else {
            Err(Invalid::new("not_a_language", "A code of a language, and perhaps of a country, such as en or de-AT."))
        }
    },
    |schema| schema.pattern(Some("^[a-z]{2,3}(-[A-Z]{2})?$")).examples(["en", "de-AT"])
}

text! {
    /// What moderators call a template.
    pub struct TemplateName, 3..=80, line;
    /// What moderators call a queue of cases.
    pub struct QueueName, 3..=80, line;
    /// What a template says.
    pub struct TemplateText, 3..=2000, prose;
    /// What moderators and somebody whom a case concerns write to each other.
    pub struct MessageText, 3..=4000, prose;
    /// What somebody says with a report.
    pub struct ReportComment, 1..=2000, prose;
    /// What a rule of the site forbids, in a few words.
    pub struct RuleTitle, 3..=80, line;
    /// The same in full.
    pub struct RuleBody, 10..=2000, prose;
    /// What moderators say to each other about a case.
    pub struct CaseNote, 3..=2000, prose
}

string_value! {
    /// What the transparency database of the European Union calls a kind of wrong: `STATEMENT_CATEGORY_…`.
    pub struct RuleCategory,
    |text| {
        let name = text.strip_prefix("STATEMENT_CATEGORY_").unwrap_or_default();
        if (3..=80).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            Ok(text.to_owned())
        } else {
            Err(Invalid::new("not_a_category", "STATEMENT_CATEGORY_ and capitals, such as STATEMENT_CATEGORY_SCAMS_AND_FRAUD."))
        }
    },
    |schema| {
        schema
            .pattern(Some("^STATEMENT_CATEGORY_[A-Z_]{3,80}$"))
            .examples(["STATEMENT_CATEGORY_SCAMS_AND_FRAUD"])
    }
}
