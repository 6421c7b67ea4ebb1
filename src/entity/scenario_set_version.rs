//! What made a version of a set of scenarios.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::TopicId;
use crate::scenarios::rules::SetChange;

/// A row of `scenario_set_version`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenario_set_version")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The version, from 2.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// What was done to the set.
    pub change: SetChange,
    /// Whether vectors of the version before can be compared with this one.
    pub comparable: bool,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
