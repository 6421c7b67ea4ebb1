//! Which scenarios an implication bears on.

use sea_orm::entity::prelude::*;

use crate::ids::{ImplicationId, ScenarioId, TopicId};

/// A row of `implication_scenario`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "implication_scenario")]
pub struct Model {
    /// The implication.
    #[sea_orm(primary_key, auto_increment = false)]
    pub implication_id: ImplicationId,
    /// Its topic.
    pub topic_id: TopicId,
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
}

impl ActiveModelBehavior for ActiveModel {}
