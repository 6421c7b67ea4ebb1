//! What those who hold one scenario likeliest predict for another, added up.

use sea_orm::entity::prelude::*;

use crate::ids::{ScenarioId, TopicId};

/// A row of `meta_prediction_tally`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "meta_prediction_tally")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Since which version of the set the vectors can be compared.
    #[sea_orm(primary_key, auto_increment = false)]
    pub comparable_since: i32,
    /// What they hold likeliest.
    #[sea_orm(primary_key, auto_increment = false)]
    pub favourite_id: ScenarioId,
    /// What they predict for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
    /// How many they are.
    pub people: i32,
    /// The sum of their basis points.
    pub sum: i64,
    /// The sum of the squares of these.
    pub sum_of_squares: i64,
}

impl ActiveModelBehavior for ActiveModel {}
