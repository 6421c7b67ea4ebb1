//! An argument in a thread.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::{Annotations, Restrictions};
use crate::ids::{AccountId, PostId, TopicId};
use crate::posts::rules::{CitationStatus, Criterion, PostStatus};

/// A row of `post`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "post")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PostId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Who wrote it.
    pub author_id: Option<AccountId>,
    /// The post it answers.
    pub parent_id: Option<PostId>,
    /// The first post of its branch; itself at the root.
    pub root_id: PostId,
    /// Replies above it; 0 at the root.
    pub depth: i32,
    /// The text, as Markdown.
    pub body: String,
    /// The text, rendered and sanitised.
    pub body_html: String,
    /// Which renderer did that.
    pub renderer_version: i32,
    /// Whether it says where it has things from.
    pub citation_status: CitationStatus,
    /// Which test of a counterfactual it applies.
    pub criterion: Option<Criterion>,
    /// There, out of sight, or a tombstone.
    pub status: PostStatus,
    /// Counts the revisions, from 1.
    pub revision: i32,
    /// When it was posted.
    pub created_at: Time,
    /// When it was last revised.
    pub edited_at: Option<Time>,
    /// When it became a tombstone.
    pub deleted_at: Option<Time>,
    /// What nobody may do to it.
    pub restrictions: Restrictions,
    /// What it lacks, as moderators say.
    pub annotations: Annotations,
    /// The older post that says the same, where moderators found that.
    pub duplicate_of: Option<PostId>,
}

impl ActiveModelBehavior for ActiveModel {}
