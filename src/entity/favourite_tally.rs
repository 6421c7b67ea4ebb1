//! How many people hold a scenario, and no other, likeliest.

use sea_orm::entity::prelude::*;

use crate::ids::{ScenarioId, TopicId};

/// A row of `favourite_tally`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "favourite_tally")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Since which version of the set the vectors can be compared.
    #[sea_orm(primary_key, auto_increment = false)]
    pub comparable_since: i32,
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
    /// How many people.
    pub people: i32,
}

impl ActiveModelBehavior for ActiveModel {}
