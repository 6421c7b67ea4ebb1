//! Cases like a scenario, and how many of them ended so.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ReferenceClassId, ScenarioId, TopicId};

/// A row of `reference_class`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reference_class")]
pub struct Model {
    /// The reference class.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReferenceClassId,
    /// Its topic.
    pub topic_id: TopicId,
    /// The scenario that it speaks to.
    pub scenario_id: ScenarioId,
    /// Who named it.
    pub author_id: AccountId,
    /// Which cases belong to it.
    pub description: String,
    /// How many there are.
    pub cases: i32,
    /// How many ended as the scenario does.
    pub with_outcome: i32,
    /// When it was named.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
