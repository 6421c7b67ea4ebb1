//! Where bulk jobs stand and go, without a database.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Time, Timestamp};
use crate::decisions::rules::SubjectKind;
use crate::error::{Code, Error, Field};
use crate::ids::{AccountId, AutomationRuleId, TopicId};
use crate::text::{RuleCode, text, text_enum};

text_enum! {
    /// What a job is.
    pub enum JobKind {
        /// Something is done to each item.
        Act = "act",
        /// What another job did is taken back.
        Undo = "undo",
    }
}

text_enum! {
    /// Where a job stands.
    pub enum JobState {
        /// It says what would come of it, and waits to be executed.
        Planned = "planned",
        /// It waits for a second person.
        AwaitingApproval = "awaiting_approval",
        /// It is about to begin.
        Queued = "queued",
        /// Its items are being seen to.
        Running = "running",
        /// It waits to be resumed.
        Paused = "paused",
        /// All was done, or was so already.
        Succeeded = "succeeded",
        /// Some items were skipped, or failed.
        Partial = "partial",
        /// Nothing was done.
        Failed = "failed",
        /// It was called off; what was done by then stays done.
        Cancelled = "cancelled",
        /// It is being taken back by another job.
        Undoing = "undoing",
        /// All that it did was taken back.
        Undone = "undone",
        /// Some of what it did was taken back.
        UndoPartial = "undo_partial",
    }
}

text_enum! {
    /// What became of an item.
    pub enum ItemState {
        /// Its turn has not come.
        Pending = "pending",
        /// It was done.
        Done = "done",
        /// It was left alone: `code` says why.
        Skipped = "skipped",
        /// It went wrong: `code` says how.
        Failed = "failed",
        /// It was done, and taken back.
        Undone = "undone",
    }
}

text! {
    /// Why a job is planned, for other moderators.
    pub struct JobNote, 3..=2000, prose;
    /// Part of a text that is looked for, in either case.
    pub struct Phrase, 3..=200, line;
}

/// By what the items of a job are chosen: all that is said holds of each.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// `post` for posts, `account` for the people who wrote them.
    pub kind: SubjectKind,
    /// In this topic.
    #[serde(default)]
    pub topic_id: Option<TopicId>,
    /// By one of these people.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub author_ids: Vec<AccountId>,
    /// Made at this moment or later.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// Made before this moment.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// That say this, in either case.
    #[serde(default)]
    pub contains: Option<Phrase>,
    /// That this rule of automatic moderation met, enforced or not.
    #[serde(default)]
    pub met_by: Option<AutomationRuleId>,
    /// That were reported by this rule of the site, which nobody has decided yet.
    #[serde(default)]
    pub reported_for: Option<RuleCode>,
}

/// How many people a selector may name.
pub const MAX_AUTHORS: usize = 100;

impl Selector {
    /// What is wrong with it, field by field.
    pub fn check(&self) -> Vec<Field> {
        let mut wrong = Vec::new();
        if self.kind == SubjectKind::Topic {
            wrong.push(Field::new(
                "selector.kind",
                "does_not_fit",
                "Posts, or the people who wrote them: name topics by their identifiers.",
            ));
        }
        if self.author_ids.len() > MAX_AUTHORS {
            wrong.push(Field::new("selector.author_ids", "too_many", "At most 100 people."));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && Time::from(from) >= Time::from(until)
        {
            wrong.push(Field::new("selector.until", "out_of_order", "It begins before it ends."));
        }
        let is_narrow = self.topic_id.is_some()
            || !self.author_ids.is_empty()
            || self.from.is_some()
            || self.met_by.is_some()
            || self.reported_for.is_some();
        if !is_narrow {
            wrong.push(Field::new(
                "selector",
                "too_wide",
                "Name a topic, people, a beginning, a rule that met them, or one by which they were reported.",
            ));
        }
        wrong
    }
}

/// So many days ahead a job begins at the most.
pub const LATEST_START_DAYS: i64 = 366;

/// What is wrong with the moment before which a job does not begin.
pub fn check_start(start: Time, now: Time) -> Option<Field> {
    if start <= now {
        return Some(Field::new("starts_at", "in_the_past", "It begins in the future, or leave it out."));
    }
    let latest = now + TimeDelta::days(LATEST_START_DAYS);
    (start > latest).then(|| Field::new("starts_at", "too_late", "It begins within 366 days."))
}

/// What is done with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Begin with it, or ask for a second person.
    Execute {
        /// Whether it takes one.
        needs_approval: bool,
    },
    /// Agree to it.
    Approve,
    /// Have it wait.
    Pause,
    /// Go on with it.
    Resume,
    /// Call it off.
    Cancel,
}

impl JobState {
    /// Every state that a job is in while items may be seen to, or wait for it.
    pub const UNDER_WAY: [Self; 3] = [Self::Queued, Self::Running, Self::Paused];

    /// Where a move takes a job; nothing where it stands there already.
    ///
    /// # Errors
    /// 409 where there is no such move from here.
    pub fn after(self, act: Move) -> Result<Option<Self>, Error> {
        let to = match (self, act) {
            (Self::Planned, Move::Execute { needs_approval: true }) => Self::AwaitingApproval,
            (Self::Planned, Move::Execute { needs_approval: false })
            | (Self::AwaitingApproval, Move::Approve)
            | (Self::Paused, Move::Resume) => Self::Queued,
            (Self::Queued | Self::Running, Move::Pause) => Self::Paused,
            (
                Self::Planned | Self::AwaitingApproval | Self::Queued | Self::Running | Self::Paused,
                Move::Cancel,
            ) => Self::Cancelled,
            // What is sent again lands once.
            (Self::AwaitingApproval, Move::Execute { .. })
            | (Self::Queued | Self::Running, Move::Execute { .. } | Move::Approve | Move::Resume)
            | (Self::Paused, Move::Pause)
            | (Self::Cancelled, Move::Cancel) => return Ok(None),
            (Self::Planned, Move::Approve) => {
                return Err(no_such_move("Nobody has executed it yet: there is nothing to approve."));
            }
            (Self::AwaitingApproval, _) => return Err(no_such_move("It waits for a second person.")),
            (Self::Planned, _) => return Err(no_such_move("It was not executed.")),
            (Self::Paused, _) => return Err(no_such_move("It is paused: resume it, or cancel it.")),
            (Self::Cancelled, _) => return Err(no_such_move("It was cancelled: plan another one.")),
            (Self::Succeeded | Self::Partial | Self::Failed, _) => {
                return Err(no_such_move("It has ended: undo it, or plan another one."));
            }
            (Self::Undoing | Self::Undone | Self::UndoPartial, _) => {
                return Err(no_such_move("It was taken back: plan another one."));
            }
        };
        Ok(Some(to))
    }

    /// Whether what it did can be taken back, if it did anything: nothing of it is under way, and not all is taken back.
    pub fn can_be_undone(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial | Self::Failed | Self::Cancelled | Self::UndoPartial)
    }

    /// Whether nothing more comes of it by itself.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Succeeded
                | Self::Partial
                | Self::Failed
                | Self::Cancelled
                | Self::Undone
                | Self::UndoPartial
        )
    }
}

fn no_such_move(detail: &'static str) -> Error {
    Code::InvalidStateTransition.error(detail)
}

/// How many items have become what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those whose turn has not come.
    pub pending: i64,
    /// Those that were done.
    pub done: i64,
    /// Those that were so already.
    pub already: i64,
    /// Those that were left alone for another reason.
    pub skipped: i64,
    /// Those that went wrong.
    pub failed: i64,
    /// Those that were done and taken back.
    pub undone: i64,
}

impl Counts {
    /// How many there are.
    pub fn total(self) -> i64 {
        let Self { pending, done, already, skipped, failed, undone } = self;
        pending + done + already + skipped + failed + undone
    }

    /// How a job ends whose items have all been seen to.
    pub fn outcome(self) -> JobState {
        match (self.done + self.already, self.skipped + self.failed) {
            (_, 0) => JobState::Succeeded,
            (0, _) => JobState::Failed,
            _ => JobState::Partial,
        }
    }

    /// How a job stands of which items were taken back.
    pub fn undo_outcome(self) -> JobState {
        if self.done == 0 { JobState::Undone } else { JobState::UndoPartial }
    }
}

/// What makes a job one for two people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// How many items are to be seen to.
    pub items: usize,
    /// Whether any belongs to somebody with a rank.
    pub of_staff: bool,
    /// Whether somebody is kept from something without an end.
    pub without_end: bool,
    /// Whether something is done that cannot be taken back.
    pub for_good: bool,
}

impl Weight {
    /// Why it takes a second person, where it does: for `more_than` items and fewer one is enough.
    pub fn approval_reasons(self, more_than: usize) -> Vec<&'static str> {
        let reasons = [
            (self.items > more_than, "many_items"),
            (self.of_staff, "staff"),
            (self.without_end, "without_end"),
            (self.for_good, "for_good"),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn every_move_from_everywhere() {
        let moves = [
            ("execute", Move::Execute { needs_approval: false }),
            ("ask", Move::Execute { needs_approval: true }),
            ("approve", Move::Approve),
            ("pause", Move::Pause),
            ("resume", Move::Resume),
            ("cancel", Move::Cancel),
        ];
        let mut table = String::new();
        for from in JobState::iter() {
            write!(table, "{from:?}:").unwrap();
            for (name, act) in moves {
                match from.after(act) {
                    Ok(Some(to)) => write!(table, " {name}→{to:?}").unwrap(),
                    Ok(None) => write!(table, " {name}=").unwrap(),
                    Err(error) => assert_eq!(error.code, Code::InvalidStateTransition),
                }
            }
            writeln!(table).unwrap();
        }
        expect_test::expect![[r"
            Planned: execute→Queued ask→AwaitingApproval cancel→Cancelled
            AwaitingApproval: execute= ask= approve→Queued cancel→Cancelled
            Queued: execute= ask= approve= pause→Paused resume= cancel→Cancelled
            Running: execute= ask= approve= pause→Paused resume= cancel→Cancelled
            Paused: pause= resume→Queued cancel→Cancelled
            Succeeded:
            Partial:
            Failed:
            Cancelled: cancel=
            Undoing:
            Undone:
            UndoPartial:
        "]]
        .assert_eq(&table);
    }

    #[test]
    fn what_is_over_can_be_undone_once() {
        for state in JobState::iter() {
            let is_undone = state == JobState::Undone;
            assert_eq!(state.can_be_undone(), state.is_over() && !is_undone, "{state:?}");
        }
    }

    #[test]
    fn how_jobs_end() {
        let counts =
            |done, already, skipped, failed| Counts { done, already, skipped, failed, ..Counts::default() };
        assert_eq!(counts(3, 0, 0, 0).outcome(), JobState::Succeeded);
        assert_eq!(counts(0, 3, 0, 0).outcome(), JobState::Succeeded);
        assert_eq!(counts(0, 1, 2, 0).outcome(), JobState::Partial);
        assert_eq!(counts(1, 0, 0, 1).outcome(), JobState::Partial);
        assert_eq!(counts(0, 0, 1, 1).outcome(), JobState::Failed);
        assert_eq!(Counts { undone: 3, skipped: 1, ..Counts::default() }.undo_outcome(), JobState::Undone);
        assert_eq!(Counts { undone: 3, done: 1, ..Counts::default() }.undo_outcome(), JobState::UndoPartial);
    }

    #[test]
    fn what_takes_a_second_person() {
        assert!(Weight { items: 500, ..Weight::default() }.approval_reasons(500).is_empty());
        let all = Weight { items: 501, of_staff: true, without_end: true, for_good: true };
        assert_eq!(all.approval_reasons(500), ["many_items", "staff", "without_end", "for_good"]);
    }
}
