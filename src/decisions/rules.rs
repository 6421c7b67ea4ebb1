//! What can be done to posts, topics and people, and what sanctions keep people from; without a database.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::clock::{Time, Timestamp};
use crate::error::Field;
use crate::ids::{ActionId, PostId, RelationId, TopicId};
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
    /// What a post lacks, as moderators say under it. It is seen, answered and voted on as before.
    pub enum Annotation {
        /// It does not say where it has things from.
        NeedsSource = "needs_source",
        /// It does not argue from the antecedent of its topic.
        OffPremise = "off_premise",
        /// What it takes for granted of what really happened is wrong, or disputed.
        InaccurateBaseline = "inaccurate_baseline",
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
    /// What somebody may not do. A warning keeps nobody from anything.
    pub enum SanctionKind {
        /// A warning.
        Warn = "warn",
        /// Posting.
        Silence = "silence",
        /// Anything in one debate.
        Restrict = "restrict",
        /// Voting and stating credences.
        VoteBan = "vote_ban",
        /// Anything but reading, for a while.
        Suspend = "suspend",
        /// Anything but reading.
        Ban = "ban",
    }
}

/// A sanction in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sanction {
    /// The action that it comes from.
    pub id: ActionId,
    /// What it keeps somebody from.
    pub kind: SanctionKind,
    /// In which topic, if not everywhere.
    pub topic_id: Option<TopicId>,
    /// Until when; no end where there is none.
    pub ends_at: Option<Timestamp>,
}

/// What somebody is about to do, as far as sanctions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// To say something for others to read.
    Speak,
    /// To vote, or to state what one believes.
    Vote,
    /// Anything else that changes something.
    Other,
}

impl Sanction {
    /// Whether it keeps somebody from this, in this topic or in none.
    pub fn forbids(&self, deed: Deed, topic: Option<TopicId>) -> bool {
        let holds_here = self.topic_id.is_none() || self.topic_id == topic;
        holds_here
            && match self.kind {
                SanctionKind::Warn => false,
                SanctionKind::Silence => deed == Deed::Speak,
                SanctionKind::VoteBan => deed == Deed::Vote,
                SanctionKind::Restrict => deed != Deed::Other,
                SanctionKind::Suspend | SanctionKind::Ban => true,
            }
    }

    /// Whether nothing but reading is left.
    pub fn is_total(&self) -> bool {
        matches!(self.kind, SanctionKind::Suspend | SanctionKind::Ban)
    }
}

text_enum! {
    /// What nobody may do to a post or in a topic.
    pub enum RestrictionKind {
        /// Reply to the post or below it; post in the topic.
        Lock = "lock",
        /// Vote on the post, or on any in the topic.
        FreezeVotes = "freeze_votes",
        /// Post in the topic again before so many seconds have passed.
        SlowMode = "slow_mode",
    }
}

/// What nobody may do to a post or in a topic, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Restriction {
    /// What.
    pub kind: RestrictionKind,
    /// How long everybody waits between two posts, in seconds; null but for `slow_mode`.
    pub seconds: Option<i32>,
    /// Until when; null where there is no end.
    pub ends_at: Option<Timestamp>,
}

/// What nobody may do to a post or in a topic: at most one of each kind. Those whose end has come may still be among them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Restrictions(Vec<Restriction>);

impl Restrictions {
    /// The one of a kind that is in force at a moment.
    pub fn in_force(&self, kind: RestrictionKind, now: Time) -> Option<&Restriction> {
        self.at(now).find(|restriction| restriction.kind == kind)
    }

    /// Those in force at a moment.
    pub fn at(&self, now: Time) -> impl Iterator<Item = &Restriction> {
        self.0.iter().filter(move |restriction| restriction.ends_at.is_none_or(|end| Time::from(end) > now))
    }

    /// The one of a kind that was set last, in force or not.
    pub fn of(&self, kind: RestrictionKind) -> Option<&Restriction> {
        self.0.iter().find(|restriction| restriction.kind == kind)
    }

    /// With this one in place of that of its kind, or without one of the kind.
    #[must_use]
    pub fn with(&self, kind: RestrictionKind, restriction: Option<Restriction>) -> Self {
        let others = self.0.iter().filter(|other| other.kind != kind).cloned();
        Self(others.chain(restriction).collect())
    }
}

/// What a post lacks, as moderators say under it: each kind once, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Annotations(Vec<Annotation>);

impl Annotations {
    /// Says it, or says it no more; gives whether it was said before.
    pub fn set(&mut self, kind: Annotation, is_set: bool) -> bool {
        let was_set = self.0.contains(&kind);
        self.0.retain(|other| *other != kind);
        if is_set {
            self.0.push(kind);
            self.0.sort_unstable_by_key(|kind| *kind as u8);
        }
        was_set
    }
}

impl From<Annotations> for Vec<Annotation> {
    fn from(annotations: Annotations) -> Self {
        annotations.0
    }
}

/// What an action changed of a post, a topic or an account, as it was before or after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, FromJsonQueryResult)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// Nothing: it was about a person, or what it was is to be forgotten.
    Nothing,
    /// The status.
    Status(String),
    /// What nobody may do.
    Restriction {
        /// Of this kind.
        kind: RestrictionKind,
        /// As it was; null where nothing was restricted.
        set: Option<Restriction>,
    },
    /// Its place in the thread.
    Place {
        /// The post that it answers; null at the root.
        parent_id: Option<PostId>,
        /// The relation to its parent that came with the move.
        relation_id: Option<RelationId>,
    },
    /// What it does to something.
    Relation(RelationImage),
    /// What it is a duplicate of.
    Duplicate {
        /// The older post that says the same; null where it is no duplicate.
        of: Option<PostId>,
        /// Which of its direct replies are below that one.
        replies: Vec<PostId>,
    },
    /// Whether the debate is closed.
    Closing {
        /// The status.
        status: String,
        /// What it came to; null where nobody summed it up.
        summary: Option<String>,
    },
    /// Whether everybody sees it first.
    Pinned(bool),
    /// Whether moderators say under it that it lacks something.
    Annotation {
        /// What.
        kind: Annotation,
        /// Whether they do.
        is_set: bool,
    },
    /// The text, and what other texts it had before, where these were changed.
    Text {
        /// Which revision it is.
        revision: i32,
        /// What it says.
        body: String,
        /// What others say.
        former: Vec<FormerText>,
    },
    /// The name of an account.
    Username(String),
}

/// What a post said in a revision that is not its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FormerText {
    /// Which revision.
    pub number: i32,
    /// What it says.
    pub body: String,
}

/// What a post does to something, as it was before or after somebody changed it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RelationImage {
    /// The relation.
    pub id: RelationId,
    /// What the post does.
    #[serde(rename = "type")]
    pub relation_type: String,
    /// To what kind of thing.
    pub target_kind: String,
    /// To which one.
    pub target_id: Uuid,
    /// For evidence: how likely it is if the target holds, in basis points.
    pub p_if_true: Option<i32>,
    /// For evidence: how likely it is if not.
    pub p_if_false: Option<i32>,
    /// For evidence: what kind of test its author takes it to be.
    pub claimed_test_kind: Option<String>,
    /// Whether a moderator said so.
    pub by_moderator: bool,
}

impl Image {
    /// A status and restrictions as this makes them, and the image of how they were in the same respect.
    /// What is of the structure of a debate is put in place by whoever keeps that, and changes neither here.
    pub fn applied(&self, status: String, restrictions: &Restrictions) -> (String, Restrictions, Self) {
        match self {
            Self::Status(wanted) => (wanted.clone(), restrictions.clone(), Self::Status(status)),
            Self::Restriction { kind, set } => {
                let before = Self::Restriction { kind: *kind, set: restrictions.of(*kind).cloned() };
                (status, restrictions.with(*kind, set.clone()), before)
            }
            _ => (status, restrictions.clone(), Self::Nothing),
        }
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

/// Something that an order says besides, which few kinds of action take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Below which post it goes.
    Parent,
    /// What a post does from now on.
    RelationType,
    /// Which relation.
    Relation,
    /// What that bears on from now on.
    Target,
    /// What it is a duplicate of.
    DuplicateOf,
    /// What a debate came to.
    Summary,
    /// What is said under a post.
    Annotation,
    /// What is blacked out of it.
    Passages,
    /// What an account is called from now on.
    Username,
}

impl Detail {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Parent,
        Self::RelationType,
        Self::Relation,
        Self::Target,
        Self::DuplicateOf,
        Self::Summary,
        Self::Annotation,
        Self::Passages,
        Self::Username,
    ];

    /// The field that says it.
    pub fn field(self) -> &'static str {
        match self {
            Self::Parent => "parent_id",
            Self::RelationType => "relation_type",
            Self::Relation => "relation_id",
            Self::Target => "target",
            Self::DuplicateOf => "duplicate_of",
            Self::Summary => "summary",
            Self::Annotation => "annotation",
            Self::Passages => "passages",
            Self::Username => "username",
        }
    }

    /// Whether an action may have it, and whether it must.
    fn of(self, kind: ActionKind) -> (bool, bool) {
        match (self, kind) {
            (Self::Parent | Self::RelationType, ActionKind::Move) | (Self::Target, ActionKind::Relabel) => {
                (true, false)
            }
            (Self::RelationType | Self::Relation, ActionKind::Relabel)
            | (Self::DuplicateOf, ActionKind::Merge)
            | (Self::Summary, ActionKind::Close)
            | (Self::Annotation, ActionKind::Annotate)
            | (Self::Passages, ActionKind::Redact)
            | (Self::Username, ActionKind::Rename) => (true, true),
            _ => (false, false),
        }
    }
}

/// How an action is confined, as it was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds<'a> {
    /// Until when.
    pub ends_at: Option<Time>,
    /// In which topic.
    pub scope: Option<TopicId>,
    /// How many seconds between two posts.
    pub seconds: Option<i32>,
    /// Whether a legal ground is named.
    pub names_law: bool,
    /// Whether the rule is that which forbids what the law forbids.
    pub is_illegal: bool,
    /// What is said besides.
    pub details: &'a [Detail],
}

/// The longest that a suspension lasts, in days. Who stays away longer is banned.
pub const LONGEST_SUSPENSION_DAYS: i64 = 366;

/// The longest wait between two posts in slow mode, in seconds: a day.
pub const LONGEST_WAIT: i32 = 86_400;

/// What is wrong with an action on such a subject, field by field; `at` is put before every field.
pub fn check_action(
    at: &str,
    kind: ActionKind,
    subject: SubjectKind,
    bounds: &Bounds<'_>,
    now: Time,
) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut refuse = |field: &str, code: &'static str, detail: &str| {
        wrong.push(Field::new(format!("{at}{field}"), code, detail));
    };
    if !kind.fits(subject) {
        refuse("kind", "does_not_fit", "There is no such action on such a subject.");
    }
    let takes_end = matches!(
        kind,
        ActionKind::Lock
            | ActionKind::FreezeVotes
            | ActionKind::SlowMode
            | ActionKind::Silence
            | ActionKind::Restrict
            | ActionKind::VoteBan
            | ActionKind::Suspend
    );
    match bounds.ends_at {
        Some(_) if !takes_end => refuse("ends_at", "no_end", "This has no end: it is taken back."),
        Some(end) if end <= now => refuse("ends_at", "in_the_past", "It ends in the future."),
        Some(end)
            if kind == ActionKind::Suspend
                && end > now + chrono::TimeDelta::days(LONGEST_SUSPENSION_DAYS) =>
        {
            refuse("ends_at", "too_late", "A suspension lasts 366 days at the most: a ban has no end.");
        }
        None if kind == ActionKind::Suspend => {
            refuse("ends_at", "missing", "A suspension has an end: a ban has none.");
        }
        _ => {}
    }
    match (kind, bounds.scope) {
        (ActionKind::Restrict, None) => {
            refuse("topic_id", "missing", "Say which debate they are kept out of.");
        }
        (_, Some(_)) if !kind.takes_scope() => {
            refuse("topic_id", "does_not_fit", "Only silence, restrict and vote_ban hold within a topic.");
        }
        _ => {}
    }
    match (kind, bounds.seconds) {
        (ActionKind::SlowMode, Some(seconds)) if (1..=LONGEST_WAIT).contains(&seconds) => {}
        (ActionKind::SlowMode, _) => {
            refuse("seconds", "out_of_range", "From 1 to 86400 seconds between two posts.");
        }
        (_, None) => {}
        _ => refuse("seconds", "does_not_fit", "Only slow_mode makes everybody wait."),
    }
    for detail in Detail::ALL {
        match (detail.of(kind), bounds.details.contains(&detail)) {
            ((_, true), false) => refuse(detail.field(), "missing", "This action needs it."),
            ((false, _), true) => {
                refuse(detail.field(), "does_not_fit", "This action has nothing of the kind.");
            }
            _ => {}
        }
    }
    if bounds.names_law != bounds.is_illegal {
        refuse(
            "legal_ground",
            if bounds.is_illegal { "missing" } else { "does_not_fit" },
            "The rule `illegal` needs the law that forbids it, and no other rule has one.",
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use sea_orm::Iterable;

    use super::*;

    fn time(day: u32) -> Time {
        format!("2026-01-{day:02}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn what_sanctions_forbid() {
        let (here, elsewhere) = (TopicId(Uuid::from_u128(1)), TopicId(Uuid::from_u128(2)));
        let mut table = String::new();
        for kind in SanctionKind::iter() {
            for topic_id in [None, Some(here)] {
                let sanction = Sanction { id: ActionId(Uuid::nil()), kind, topic_id, ends_at: None };
                let place = if topic_id.is_some() { "here" } else { "everywhere" };
                write!(table, "{kind:?} {place}:").unwrap();
                for deed in [Deed::Speak, Deed::Vote, Deed::Other] {
                    for (name, topic) in
                        [("here", Some(here)), ("elsewhere", Some(elsewhere)), ("nowhere", None)]
                    {
                        if sanction.forbids(deed, topic) {
                            write!(table, " {deed:?}/{name}").unwrap();
                        }
                    }
                }
                writeln!(table).unwrap();
            }
        }
        expect_test::expect![[r"
            Warn everywhere:
            Warn here:
            Silence everywhere: Speak/here Speak/elsewhere Speak/nowhere
            Silence here: Speak/here
            Restrict everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere
            Restrict here: Speak/here Vote/here
            VoteBan everywhere: Vote/here Vote/elsewhere Vote/nowhere
            VoteBan here: Vote/here
            Suspend everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere Other/here Other/elsewhere Other/nowhere
            Suspend here: Speak/here Vote/here Other/here
            Ban everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere Other/here Other/elsewhere Other/nowhere
            Ban here: Speak/here Vote/here Other/here
        "]].assert_eq(&table);
    }

    #[test]
    fn a_restriction_is_over_when_its_end_has_come() {
        let restriction = |ends_at: Option<Time>| Restriction {
            kind: RestrictionKind::Lock,
            seconds: None,
            ends_at: ends_at.map(Into::into),
        };
        let until_the_third =
            Restrictions::default().with(RestrictionKind::Lock, Some(restriction(Some(time(3)))));
        assert!(until_the_third.in_force(RestrictionKind::Lock, time(2)).is_some());
        assert!(until_the_third.in_force(RestrictionKind::Lock, time(3)).is_none());
        assert!(until_the_third.in_force(RestrictionKind::FreezeVotes, time(2)).is_none());
        let for_ever = until_the_third.with(RestrictionKind::Lock, Some(restriction(None)));
        assert_eq!(for_ever.at(time(30)).count(), 1, "one of a kind");
        assert_eq!(for_ever.with(RestrictionKind::Lock, None), Restrictions::default());
    }

    #[test]
    fn every_action_on_every_subject() {
        let mut table = String::new();
        for kind in ActionKind::iter() {
            for subject in SubjectKind::iter() {
                let bounds =
                    |ends_at, scope, seconds| Bounds { ends_at, scope, seconds, ..Bounds::default() };
                let here = Some(TopicId(Uuid::from_u128(1)));
                let says = |details| Bounds { details, ..Bounds::default() };
                let tried = [
                    ("parent", says(&[Detail::Parent])),
                    ("relation", says(&[Detail::RelationType, Detail::Relation])),
                    ("target", says(&[Detail::RelationType, Detail::Relation, Detail::Target])),
                    ("type", says(&[Detail::RelationType])),
                    ("duplicate", says(&[Detail::DuplicateOf])),
                    ("summary", says(&[Detail::Summary])),
                    ("annotation", says(&[Detail::Annotation])),
                    ("passages", says(&[Detail::Passages])),
                    ("username", says(&[Detail::Username])),
                    ("plain", bounds(None, None, None)),
                    ("until", bounds(Some(time(3)), None, None)),
                    ("here", bounds(None, here, None)),
                    ("slow", bounds(None, None, Some(30))),
                ];
                let fine: Vec<_> = tried
                    .iter()
                    .filter(|(_, bounds)| check_action("", kind, subject, bounds, time(2)).is_empty())
                    .map(|(name, _)| *name)
                    .collect();
                writeln!(table, "{kind:?} {subject:?}: {}", fine.join(" ")).unwrap();
            }
        }
        expect_test::expect![[r"
            Hide Post: plain
            Hide Topic: plain
            Hide Account: 
            Remove Post: plain
            Remove Topic: plain
            Remove Account: 
            Lock Post: plain until
            Lock Topic: plain until
            Lock Account: 
            FreezeVotes Post: plain until
            FreezeVotes Topic: plain until
            FreezeVotes Account: 
            SlowMode Post: 
            SlowMode Topic: slow
            SlowMode Account: 
            Move Post: parent type plain
            Move Topic: 
            Move Account: 
            Relabel Post: relation target
            Relabel Topic: 
            Relabel Account: 
            Merge Post: duplicate
            Merge Topic: 
            Merge Account: 
            Close Post: 
            Close Topic: summary
            Close Account: 
            Pin Post: 
            Pin Topic: plain
            Pin Account: 
            Annotate Post: annotation
            Annotate Topic: 
            Annotate Account: 
            Redact Post: passages
            Redact Topic: 
            Redact Account: 
            Purge Post: plain
            Purge Topic: 
            Purge Account: 
            Rename Post: 
            Rename Topic: 
            Rename Account: username
            Warn Post: plain
            Warn Topic: plain
            Warn Account: plain
            Silence Post: plain until here
            Silence Topic: plain until here
            Silence Account: plain until here
            Restrict Post: here
            Restrict Topic: here
            Restrict Account: here
            VoteBan Post: plain until here
            VoteBan Topic: plain until here
            VoteBan Account: plain until here
            NullifyVotes Post: 
            NullifyVotes Topic: 
            NullifyVotes Account: 
            Suspend Post: until
            Suspend Topic: until
            Suspend Account: until
            Ban Post: plain
            Ban Topic: plain
            Ban Account: plain
            Revert Post: 
            Revert Topic: 
            Revert Account: 
        "]]
        .assert_eq(&table);
    }

    #[test]
    fn what_is_wrong_with_an_action_is_named() {
        let wrong = |bounds: &Bounds| {
            let fields = check_action("actions[0].", ActionKind::Suspend, SubjectKind::Post, bounds, time(2));
            fields
                .iter()
                .map(|field| format!("{} {}", field.field, field.code))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(
            wrong(&Bounds { ends_at: Some(time(2)), ..Bounds::default() }),
            "actions[0].ends_at in_the_past"
        );
        let late = Some(time(2) + chrono::TimeDelta::days(367));
        assert_eq!(wrong(&Bounds { ends_at: late, ..Bounds::default() }), "actions[0].ends_at too_late");
        let moved = check_action("", ActionKind::Relabel, SubjectKind::Post, &Bounds::default(), time(2));
        let missing: Vec<_> = moved.iter().map(|field| (field.field.as_str(), field.code.as_ref())).collect();
        assert_eq!(missing, [("relation_type", "missing"), ("relation_id", "missing")]);
        let unnamed = Bounds { ends_at: Some(time(3)), is_illegal: true, ..Bounds::default() };
        assert_eq!(wrong(&unnamed), "actions[0].legal_ground missing");
    }
}
