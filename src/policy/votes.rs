//! Votes, who looks into them, and whether they count.

use uuid::Uuid;

use super::posts::{is_free, is_no_duplicate, is_there};
use super::{Action, Actor, allow_if};
use crate::accounts::rules::Role;
use crate::auth::rules::Scope;
use crate::clock::Time;
use crate::decisions::rules::RestrictionKind;
use crate::entity::{post, vote_nullification};
use crate::error::{Code, Result};
use crate::ids::{AccountId, TopicId};
use crate::roles::rules::{Permission, Place};
use crate::topics::rules::TopicStatus;
use crate::votes::rules::VotedPost;

/// Vote on a post, or take a vote back.
#[derive(Debug)]
pub struct Vote<'a> {
    /// On which post.
    pub post: &'a VotedPost,
    /// The moment.
    pub now: Time,
}

impl Action for Vote<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.post.topic_id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        let post = self.post;
        allow_if(!who.is(post.author_id), Code::OwnPost, "Others judge it.")?;
        is_there(post.status, "Nobody votes on a tombstone.")?;
        is_no_duplicate(post.duplicate_of)?;
        allow_if(
            post.topic_status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Votes are cast in open topics.",
        )?;
        is_free(&post.topic_restrictions, RestrictionKind::FreezeVotes, self.now)?;
        is_free(&post.restrictions, RestrictionKind::FreezeVotes, self.now)
    }
}

/// See what speaks for attacks by votes, and which votes do not count.
#[derive(Debug)]
pub struct ReadVoteSignals;

impl Action for ReadVoteSignals {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Site),
            Code::NotAllowed,
            "Whoever has vote.inspect for the whole site sees that.",
        )
    }
}

/// See who judged a post how.
#[derive(Debug)]
pub struct InspectVotes<'a> {
    /// Which post.
    pub post: &'a post::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
}

impl Action for InspectVotes<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Topic { id: self.post.topic_id, tags: self.tags }),
            Code::NotAllowed,
            "Whoever has vote.inspect there sees who voted.",
        )?;
        allow_if(!who.is(self.post.author_id), Code::OwnPost, "Others look into it.")
    }
}

/// Have votes not count, and have them count again.
#[derive(Debug)]
pub struct NullifyVotes<'a> {
    /// Whose.
    pub account_ids: &'a [Uuid],
    /// On whose posts, where it is on those of one author.
    pub author_id: Option<AccountId>,
    /// Whether any of the voters has a rank.
    pub of_staff: bool,
}

impl NullifyVotes<'_> {
    /// Of nobody yet: whoever may not even that does not learn whom there is.
    pub const AT_ALL: Self = Self { account_ids: &[], author_id: None, of_staff: false };
}

impl Action for NullifyVotes<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Site) && who.has(Permission::JobBulk, Place::Site),
            Code::NotAllowed,
            "It takes vote.inspect and job.bulk for the whole site.",
        )?;
        let account = who.require()?;
        allow_if(
            !self.account_ids.contains(&account.id.0),
            Code::NotAllowed,
            "Others decide whether your votes count.",
        )?;
        allow_if(!who.is(self.author_id), Code::OwnPost, "Others decide who judges your posts.")?;
        allow_if(
            !self.of_staff || account.powers.rank() == Role::Administrator,
            Code::Outranked,
            "Only administrators decide about votes of the staff.",
        )
    }
}

/// Agree, as the second person, that votes are not to count.
#[derive(Debug)]
pub struct ApproveNullification<'a> {
    /// What is agreed to.
    pub row: &'a vote_nullification::Model,
    /// Whether any of the voters has a rank.
    pub of_staff: bool,
}

impl Action for ApproveNullification<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let Self { row, of_staff } = *self;
        let act = NullifyVotes { account_ids: &row.account_ids, author_id: row.author_id, of_staff };
        act.decide(who)?;
        allow_if(!who.is(row.created_by), Code::OwnDecision, "It takes somebody else.")
    }
}
