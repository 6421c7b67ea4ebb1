//! What the tallies of a topic come to.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::TopicId;

/// A row of `crowd`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "crowd")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Since which version of the set the vectors can be compared.
    #[sea_orm(primary_key, auto_increment = false)]
    pub comparable_since: i32,
    /// How many people stated a vector that is counted here.
    pub people: i32,
    /// How many of them have stated one since that is counted elsewhere.
    pub moved_on: i32,
    /// Counts the changes of the tallies.
    pub changes: i64,
    /// Of which state of them the summary is.
    pub summarised_changes: i64,
    /// What they come to; none before it was counted.
    pub summary: Option<Json>,
    /// When it was counted.
    pub summarised_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
