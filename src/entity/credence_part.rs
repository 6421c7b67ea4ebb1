//! How much of a vector of credences one scenario has.

use sea_orm::entity::prelude::*;

use crate::ids::{CredenceId, ScenarioId, TopicId};

/// A row of `credence_part`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credence_part")]
pub struct Model {
    /// The vector.
    #[sea_orm(primary_key, auto_increment = false)]
    pub credence_id: CredenceId,
    /// Its topic.
    pub topic_id: TopicId,
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
    /// Basis points, 0 to 10000.
    pub bp: i32,
}

impl ActiveModelBehavior for ActiveModel {}
