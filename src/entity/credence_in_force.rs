//! Which vector of credences of a person counts.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, TopicId};

/// A row of `credence_in_force`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credence_in_force")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The number of the vector.
    pub number: i32,
    /// Whether they have seen what the crowd thinks.
    pub saw_crowd: bool,
}

impl ActiveModelBehavior for ActiveModel {}
