//! What may be ordered: which action on what subject, how it is confined, and what else an order says.

use super::{ActionKind, SubjectKind};
use crate::clock::Time;
use crate::error::Field;
use crate::ids::TopicId;

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
    use uuid::Uuid;

    use super::*;

    fn time(day: u32) -> Time {
        format!("2026-01-{day:02}T12:00:00Z").parse().unwrap()
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
