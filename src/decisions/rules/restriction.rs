//! What nobody may do to a post or in a topic.

use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::{Time, Timestamp};
use crate::text::text_enum;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn time(day: u32) -> Time {
        format!("2026-01-{day:02}T12:00:00Z").parse().unwrap()
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
}
