//! What share of people somebody thinks will hold one scenario likeliest.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, ScenarioId, TopicId};

/// A row of `meta_prediction_part`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "meta_prediction_part")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
    /// Basis points, 0 to 10000.
    pub bp: i32,
}

impl ActiveModelBehavior for ActiveModel {}
