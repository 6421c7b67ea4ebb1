//! How likely somebody takes the scenarios of a topic to be.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CredenceId, TopicId};

/// A row of `credence`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credence")]
pub struct Model {
    /// The vector.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CredenceId,
    /// The topic.
    pub topic_id: TopicId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Counts their vectors in this topic, from 1.
    pub number: i32,
    /// The version of the set of scenarios that it covers.
    pub scenario_set_version: i32,
    /// Whether its author could have seen what the crowd thinks before.
    pub saw_crowd: bool,
    /// When it was stated.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
