//! What a vote is, and what of a post it depends on whether there may be one.

use crate::clock::Time;
use crate::decisions::rules::Restrictions;
use crate::ids::{AccountId, PostId, TopicId};
use crate::posts::rules::PostStatus;
use crate::topics::rules::TopicStatus;

/// What somebody thinks of a post. An axis that is not there is left as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ballot {
    /// Whether it is a good argument: -1, 0 or 1.
    pub quality: Option<i16>,
    /// Whether they agree: -1, 0 or 1.
    pub agreement: Option<i16>,
}

impl Ballot {
    /// Both axes taken back.
    pub const NONE: Self = Self { quality: Some(0), agreement: Some(0) };
}

/// A post as far as votes depend on it and on its topic. It has no texts: votes come by the thousand.
#[derive(Debug, Clone)]
pub struct VotedPost {
    /// The post.
    pub id: PostId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Who wrote it.
    pub author_id: Option<AccountId>,
    /// Whether it is shown.
    pub status: PostStatus,
    /// The older post that says the same, where moderators found that.
    pub duplicate_of: Option<PostId>,
    /// What nobody may do to it.
    pub restrictions: Restrictions,
    /// When it was posted.
    pub created_at: Time,
    /// How its topic is.
    pub topic_status: TopicStatus,
    /// What nobody may do in its topic.
    pub topic_restrictions: Restrictions,
}
