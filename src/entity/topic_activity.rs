//! How busy a topic is.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::TopicId;

/// A row of `topic_activity`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "topic_activity")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Posts that are not tombstones.
    pub post_count: i32,
    /// People who posted.
    pub participant_count: i32,
    /// When somebody last posted.
    pub last_activity_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
