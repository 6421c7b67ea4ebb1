//! Votes under attack, without a database: what speaks for it, how findings are told apart, and what is said of them.
//!
//! Nothing here is computed from agreement, and no type here can carry it. Whoever looked for groups by what they
//! agree with would find schools of thought, and a debate is there for those to meet. Quality is the axis that moves
//! posts, so it is the one that is worth an attack.

pub mod detect;
pub mod rings;
#[cfg(test)]
mod simulation;

use std::collections::HashSet;

use crate::ids::AccountId;
use crate::text::{text, text_enum};

text! {
    /// Why somebody looks at what is not for everybody, such as who voted, for whoever asks later.
    pub struct InspectionReason, 3..=500, line;
    /// Why votes are not to count, for other moderators.
    pub struct NullificationReason, 3..=500, prose;
}

text_enum! {
    /// What speaks for an attack by votes.
    pub enum SignalKind {
        /// One account votes down many posts of one author at a stretch.
        BurstOnAuthor = "burst_on_author",
        /// Most of what an account judges is by one author.
        SingleAuthor = "single_author",
        /// Accounts judge the same posts in the same way, and few others.
        CoVoting = "co_voting",
        /// Accounts judge the same posts in the same way, within minutes of each other each time.
        Lockstep = "lockstep",
        /// Most of a burst of votes on a post is by accounts that were just made.
        NewAccountBurst = "new_account_burst",
        /// A post gets far more votes in an hour than is usual.
        Velocity = "velocity",
        /// Accounts that sign in from one address, or were made in one minute, judge posts together.
        SharedOrigin = "shared_origin",
        /// Three accounts or more that vote as one.
        Ring = "ring",
    }
}

impl SignalKind {
    /// The word on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::BurstOnAuthor => "burst_on_author",
            Self::SingleAuthor => "single_author",
            Self::CoVoting => "co_voting",
            Self::Lockstep => "lockstep",
            Self::NewAccountBurst => "new_account_burst",
            Self::Velocity => "velocity",
            Self::SharedOrigin => "shared_origin",
            Self::Ring => "ring",
        }
    }
}

text_enum! {
    /// Where a nullification stands.
    pub enum NullificationState {
        /// It waits for a second person, and strikes nothing.
        AwaitingApproval = "awaiting_approval",
        /// The background work strikes its votes, a lot of posts at a time.
        Applying = "applying",
        /// Its votes do not count.
        InForce = "in_force",
        /// The background work lets the votes of those count again for whom it was taken back, and of nobody else.
        Lifting = "lifting",
        /// The background work lets its votes count again.
        Undoing = "undoing",
        /// Its votes count as if it had never been.
        Undone = "undone",
    }
}

text_enum! {
    /// What an account has to do with a signal.
    pub enum SignalPart {
        /// It voted.
        Voter = "voter",
        /// Its posts were voted on.
        Author = "author",
    }
}

/// The rule of the site that those broke whose votes are not to count, where nothing else is said.
pub const USUAL_RULE: &str = "vote_manipulation";

/// Why it takes a second person to have so many votes not count, where it does: for `more_than` votes and fewer one is enough,
/// unless any is of somebody with a rank.
pub fn approval_reasons(votes: i64, more_than: i64, of_staff: bool) -> Vec<&'static str> {
    let reasons = [(votes > more_than, "many_votes"), (of_staff, "staff")];
    reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

/// Whether a group that was found is one that was found before: more than half of all who are in either are in both
/// (Jaccard). A ring keeps its row so, while accounts join it and others are left behind.
pub fn is_same_group(before: &[AccountId], now: &[AccountId]) -> bool {
    let (before, now): (HashSet<_>, HashSet<_>) = (before.iter().collect(), now.iter().collect());
    let common = before.intersection(&now).count();
    2 * common > before.len() + now.len() - common
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn kinds_have_one_name() {
        for kind in SignalKind::iter() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn many_votes_and_those_of_the_staff_take_two_people() {
        assert!(approval_reasons(500, 500, false).is_empty());
        assert_eq!(approval_reasons(501, 500, false), ["many_votes"]);
        assert_eq!(approval_reasons(0, 500, true), ["staff"]);
        assert_eq!(approval_reasons(501, 500, true), ["many_votes", "staff"]);
    }

    #[test]
    fn a_group_is_the_same_while_most_of_it_is() {
        let group =
            |ids: std::ops::Range<u128>| ids.map(|id| AccountId(Uuid::from_u128(id))).collect::<Vec<_>>();
        assert!(is_same_group(&group(0..5), &group(0..5)));
        assert!(is_same_group(&group(0..5), &group(0..9)));
        assert!(!is_same_group(&group(0..5), &group(0..10)));
        assert!(!is_same_group(&group(0..5), &group(5..10)));
        assert!(!is_same_group(&[], &[]));
    }
}
