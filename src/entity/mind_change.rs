//! That a post moved somebody.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CredenceId, MindChangeId, PostId, TopicId};

/// A row of `mind_change`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mind_change")]
pub struct Model {
    /// The change of mind.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MindChangeId,
    /// The topic.
    pub topic_id: TopicId,
    /// The post.
    pub post_id: PostId,
    /// Whose mind.
    pub account_id: AccountId,
    /// What they thought before.
    pub before_credence_id: CredenceId,
    /// What they thought after.
    pub after_credence_id: CredenceId,
    /// What their credences changed by, all together, in basis points.
    pub moved: i32,
    /// Whether the account was there before the post.
    pub counts: bool,
    /// What about the post made them think otherwise.
    pub explanation: String,
    /// When they said so.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
