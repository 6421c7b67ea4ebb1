//! What can be done to posts, topics and people, and what sanctions keep people from; without a database.

mod image;
mod order;
mod restriction;
mod sanction;
mod transparency;

pub use image::{Annotation, Annotations, FormerText, Image, RelationImage};
pub use order::{Bounds, Detail, LONGEST_SUSPENSION_DAYS, LONGEST_WAIT, check_action};
pub use restriction::{Restriction, RestrictionKind, Restrictions};
pub use sanction::{Deed, Sanction, SanctionKind};
pub use transparency::{Automation, NoticeSource, Restricts};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::text::{string_value, text, text_enum};

text_enum! {
    /// What kind of thing something is decided about.
    pub enum SubjectKind {
        /// A post.
        Post = "post",
        /// A topic.
        Topic = "topic",
        /// An account: a name or a profile.
        Account = "account",
    }
}

/// What something is decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Which one.
    pub id: Uuid,
}

text_enum! {
    /// Something that moderators do.
    pub enum ActionKind {
        /// Take a post or a topic out of sight, until it was looked into.
        Hide = "hide",
        /// Take a post or a topic out of sight.
        Remove = "remove",
        /// Nobody replies to a post, nor below it; nobody posts in a topic.
        Lock = "lock",
        /// Nobody votes on a post, or on any in a topic.
        FreezeVotes = "freeze_votes",
        /// Everybody waits before they post in a topic again.
        SlowMode = "slow_mode",
        /// Put a post, with all below it, where it belongs in the thread of its topic.
        Move = "move",
        /// Say what a post really does to what it bears on.
        Relabel = "relabel",
        /// Mark a post as a duplicate of an older one, which takes its replies.
        Merge = "merge",
        /// Close a topic, and sum up what the debate came to.
        Close = "close",
        /// Have everybody see a topic first.
        Pin = "pin",
        /// Say under a post what it lacks.
        Annotate = "annotate",
        /// Black passages out of a post, and of all it said before.
        Redact = "redact",
        /// Make a tombstone of a post and of all it said before, for good.
        Purge = "purge",
        /// Give an account another name.
        Rename = "rename",
        /// Tell somebody that they broke a rule, and leave it at that.
        Warn = "warn",
        /// Keep somebody from posting, everywhere or in a topic.
        Silence = "silence",
        /// Keep somebody out of one debate: they read it, and do nothing there.
        Restrict = "restrict",
        /// Keep somebody from voting and stating credences, everywhere or in a topic.
        VoteBan = "vote_ban",
        /// Have votes of somebody not count.
        NullifyVotes = "nullify_votes",
        /// Keep somebody from doing anything but reading, for a while.
        Suspend = "suspend",
        /// The same without an end.
        Ban = "ban",
        /// Take an action back.
        Revert = "revert",
    }
}

/// What an action is directed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The subject itself.
    Content,
    /// Whoever it belongs to.
    Person,
}

impl ActionKind {
    /// What it is directed at; taking back is directed at what the action was.
    pub fn aim(self) -> Aim {
        match self {
            Self::Hide
            | Self::Remove
            | Self::Lock
            | Self::FreezeVotes
            | Self::SlowMode
            | Self::Move
            | Self::Relabel
            | Self::Merge
            | Self::Close
            | Self::Pin
            | Self::Annotate
            | Self::Redact
            | Self::Purge => Aim::Content,
            Self::Rename
            | Self::Warn
            | Self::Silence
            | Self::Restrict
            | Self::VoteBan
            | Self::NullifyVotes
            | Self::Suspend
            | Self::Ban
            | Self::Revert => Aim::Person,
        }
    }

    /// Whether there is such an action on such a subject, for whoever asks for it by its kind.
    pub fn fits(self, subject: SubjectKind) -> bool {
        match self {
            // Whose votes count is asked for many at a time, by another call.
            Self::Revert | Self::NullifyVotes => false,
            Self::SlowMode | Self::Close | Self::Pin => subject == SubjectKind::Topic,
            Self::Move | Self::Relabel | Self::Merge | Self::Annotate | Self::Redact | Self::Purge => {
                subject == SubjectKind::Post
            }
            Self::Rename => subject == SubjectKind::Account,
            _ => self.aim() == Aim::Person || subject != SubjectKind::Account,
        }
    }

    /// Whether it can be confined to one topic.
    pub fn takes_scope(self) -> bool {
        matches!(self, Self::Restrict | Self::Silence | Self::VoteBan)
    }

    /// Whether it makes something else of the subject itself, a post, a topic or the name of an account.
    pub fn changes_subject(self) -> bool {
        self.aim() == Aim::Content || self == Self::Rename
    }

    /// The sanction that it is, if it is one.
    pub fn sanction(self) -> Option<SanctionKind> {
        match self {
            Self::Warn => Some(SanctionKind::Warn),
            Self::Silence => Some(SanctionKind::Silence),
            Self::Restrict => Some(SanctionKind::Restrict),
            Self::VoteBan => Some(SanctionKind::VoteBan),
            Self::Suspend => Some(SanctionKind::Suspend),
            Self::Ban => Some(SanctionKind::Ban),
            _ => None,
        }
    }

    /// The restriction of a post or topic that it is, if it is one.
    pub fn restriction(self) -> Option<RestrictionKind> {
        match self {
            Self::Lock => Some(RestrictionKind::Lock),
            Self::FreezeVotes => Some(RestrictionKind::FreezeVotes),
            Self::SlowMode => Some(RestrictionKind::SlowMode),
            _ => None,
        }
    }
}

text_enum! {
    /// Who did something.
    pub enum ActorKind {
        /// A person.
        Human = "human",
        /// A rule of automatic moderation.
        Rule = "rule",
        /// The server.
        System = "system",
    }
}

text! {
    /// What whoever is restricted is told of the reasons.
    pub struct Explanation, 10..=2000, prose;
    /// What a debate came to, in the words of whoever closed it.
    pub struct ClosingSummary, 10..=4000, prose;
    /// The law that content breaks, by its name and section.
    pub struct LegalGround, 3..=200, line;
    /// A passage that is blacked out, letter by letter as it stands in the Markdown.
    pub struct Passage, 1..=1000, prose;
}

string_value! {
    /// What a client calls an act of its own, so that it is done once: 1 to 200 printable ASCII characters.
    pub struct ExternalId,
    |text| {
        if (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(text.to_owned())
        } else {
            Err(crate::invalid::Invalid::new("not_an_external_id", "1 to 200 printable ASCII characters, without spaces."))
        }
    },
    |schema| schema.min_length(Some(1)).max_length(Some(200))
}
