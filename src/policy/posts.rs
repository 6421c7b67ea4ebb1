//! Posts: whether there may be any, and what befalls them.

use chrono::TimeDelta;

use super::{Action, Actor, allow_if};
use crate::auth::rules::Scope;
use crate::clock::{Time, Timestamp};
use crate::decisions::rules::{RestrictionKind, Restrictions};
use crate::entity::{post, topic};
use crate::error::{Code, Result};
use crate::ids::{PostId, TopicId};
use crate::posts::rules::PostStatus;
use crate::topics::rules::TopicStatus;

/// Whether a post is there for everybody.
pub(super) fn is_there(status: PostStatus, gone: &'static str) -> Result<()> {
    match status {
        PostStatus::Visible => Ok(()),
        PostStatus::Deleted => Err(Code::PostDeleted.error(gone)),
        PostStatus::Hidden | PostStatus::Removed => Err(Code::PostHidden
            .error("Moderators took it out of sight: nothing happens to it until they put it back.")),
    }
}

/// Whether nothing of this kind is restricted at the moment.
pub(super) fn is_free(restrictions: &Restrictions, kind: RestrictionKind, now: Time) -> Result<()> {
    let Some(restriction) = restrictions.in_force(kind, now) else { return Ok(()) };
    let until = restriction.ends_at.map_or_else(String::new, |end: Timestamp| {
        format!(" until {}", Time::from(end).to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    });
    Err(match kind {
        RestrictionKind::Lock | RestrictionKind::SlowMode => {
            Code::Locked.error(format!("Moderators locked this{until}: it is read, and nobody replies."))
        }
        RestrictionKind::FreezeVotes => {
            Code::VotesFrozen.error(format!("Moderators froze the votes here{until}: they stay as they are."))
        }
    })
}

/// Whether the place of a duplicate is taken by the post that says the same.
pub(super) fn is_no_duplicate(duplicate_of: Option<PostId>) -> Result<()> {
    let Some(of) = duplicate_of else { return Ok(()) };
    let detail =
        format!("It says the same as an older post, where replies and votes go: /api/v1/posts/{of}.");
    Err(Code::PostIsDuplicate.error(detail))
}

/// Whether a topic takes posts below a post, or at the root: new ones, and those that moderators put there. `above` is what
/// nobody may do to the posts above, the parent included.
///
/// # Errors
/// 409 where it does not.
pub fn takes_posts(
    topic: &topic::Model,
    parent: Option<&post::Model>,
    above: &[Restrictions],
    now: Time,
) -> Result<()> {
    allow_if(
        topic.status == TopicStatus::Open,
        Code::TopicNotOpen,
        "Only open topics take posts: a draft is not open yet, an archived topic no more.",
    )?;
    if let Some(parent) = parent {
        is_there(parent.status, "Nobody replies to a post that is no longer there.")?;
        is_no_duplicate(parent.duplicate_of)?;
    }
    is_free(&topic.restrictions, RestrictionKind::Lock, now)?;
    for restrictions in above {
        is_free(restrictions, RestrictionKind::Lock, now)?;
    }
    Ok(())
}

/// Post in a topic, and reply to a post.
#[derive(Debug)]
pub struct CreatePost<'a> {
    /// Where.
    pub topic: &'a topic::Model,
    /// To which post.
    pub parent: Option<&'a post::Model>,
    /// What nobody may do to the posts above, the parent included.
    pub above: &'a [Restrictions],
    /// When whoever asks posted there last, as far as that is so lately that it matters.
    pub last_posted_at: Option<Time>,
    /// The moment.
    pub now: Time,
}

impl Action for CreatePost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        takes_posts(self.topic, self.parent, self.above, self.now)?;
        let slow = self.topic.restrictions.in_force(RestrictionKind::SlowMode, self.now);
        let wait = slow.and_then(|slow| slow.seconds).map(|seconds| TimeDelta::seconds(seconds.into()));
        let Some(free_at) = wait.zip(self.last_posted_at).map(|(wait, last)| last + wait) else {
            return Ok(());
        };
        if free_at <= self.now {
            return Ok(());
        }
        let left = (free_at - self.now).num_milliseconds().div_euclid(1000) + 1;
        Err(Code::SlowMode
            .error("Moderators slowed this debate down: everybody waits before they post again.")
            .retry_after(u32::try_from(left).unwrap_or(u32::MAX)))
    }
}

/// Revise a post.
#[derive(Debug)]
pub struct EditPost<'a>(pub &'a post::Model);

impl Action for EditPost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.topic_id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author revises a post.")?;
        is_there(self.0.status, "A post that is gone is not revised.")
    }
}

/// Make a tombstone of a post.
#[derive(Debug)]
pub struct DeletePost<'a>(pub &'a post::Model);

impl Action for DeletePost<'_> {
    const SCOPE: Scope = Scope::Post;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author deletes a post.")?;
        is_there(self.0.status, "It is gone already.")
    }
}

/// Say that a post changed one's mind, or take that back.
#[derive(Debug)]
pub struct CreditPost<'a> {
    /// Which post.
    pub post: &'a post::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
}

impl Action for CreditPost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(!who.is(self.post.author_id), Code::OwnArgument, "Credit what others wrote.")?;
        is_there(self.post.status, "It is gone.")?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Posts are credited in open topics.",
        )
    }
}
