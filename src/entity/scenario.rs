//! A rival answer.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, ScenarioId, TopicId};
use crate::scenarios::rules::OutcomeVsActual;

/// A row of `scenario`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenario")]
pub struct Model {
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ScenarioId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i16,
    /// Its short name.
    pub label: String,
    /// What the counterfactual world does.
    pub statement: String,
    /// The outcome there, set beside the actual one.
    pub outcome_vs_actual: OutcomeVsActual,
    /// Whether it stands for everything not named.
    pub is_residual: bool,
    /// The version of the set that brought it in.
    pub introduced_in_version: i32,
    /// The version of the set that took it out.
    pub retired_in_version: Option<i32>,
    /// The scenario that took its place.
    pub merged_into: Option<ScenarioId>,
    /// The scenario it is a part of.
    pub parent_scenario_id: Option<ScenarioId>,
    /// Who proposed it.
    pub proposer_id: AccountId,
}

impl ActiveModelBehavior for ActiveModel {}
