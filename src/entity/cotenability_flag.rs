//! Whether somebody holds that a step or a fact clashes with the antecedent.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, BackgroundFactId, ChainStepId, TopicId};

/// A row of `cotenability_flag`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "cotenability_flag")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The step that is judged.
    pub chain_step_id: Option<ChainStepId>,
    /// The fact that is judged.
    pub background_fact_id: Option<BackgroundFactId>,
    /// Whichever of the two it is; the database fills it in.
    #[sea_orm(primary_key, auto_increment = false)]
    pub target_id: Uuid,
    /// Whose judgement this is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// Whether it clashes.
    pub clashes: bool,
    /// When they last changed it.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
