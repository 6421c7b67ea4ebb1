//! How somebody rates a scenario or a variant by the criteria for counterfactuals.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ScenarioId, TopicId, VariantId};

/// A row of `criterion_rating`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "criterion_rating")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The scenario that is rated.
    pub scenario_id: Option<ScenarioId>,
    /// The variant that is rated.
    pub variant_id: Option<VariantId>,
    /// Whichever of the two it is; the database fills it in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub target_id: Uuid,
    /// Whose ratings these are.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// 0 to 4, as all that follow; none where they did not rate.
    pub clarity: Option<i16>,
    /// Whether its principles go together with the antecedent.
    pub cotenability: Option<i16>,
    /// Whether little history is rewritten.
    pub historical_consistency: Option<i16>,
    /// Whether it fits theory.
    pub theoretical_consistency: Option<i16>,
    /// Whether it fits statistics.
    pub statistical_consistency: Option<i16>,
    /// Whether the record can show its implications.
    pub projectability: Option<i16>,
    /// When they last changed one.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
