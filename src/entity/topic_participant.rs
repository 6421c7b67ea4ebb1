//! Who posted in a topic.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, TopicId};

/// A row of `topic_participant`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "topic_participant")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The participant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
}

impl ActiveModelBehavior for ActiveModel {}
