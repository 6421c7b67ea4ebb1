//! A step in the causal chain of a scenario.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::{ChainStepId, ScenarioId, TopicId};

/// A row of `chain_step`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "chain_step")]
pub struct Model {
    /// The step.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ChainStepId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its scenario.
    pub scenario_id: ScenarioId,
    /// Its place in the chain, 1 to 8.
    pub step_no: i16,
    /// What happens, given the steps before.
    pub statement: String,
    /// Until when.
    pub happens_by: Option<HistoricDate>,
    /// The general rule that makes it go.
    pub generalisation: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
