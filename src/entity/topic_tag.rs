//! A tag of a topic.

use sea_orm::entity::prelude::*;

use crate::ids::TopicId;

/// A row of `topic_tag`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "topic_tag")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    /// Its place among the topic's tags.
    pub position: i16,
}

impl ActiveModelBehavior for ActiveModel {}
