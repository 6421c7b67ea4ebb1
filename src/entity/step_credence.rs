//! How likely somebody takes a step in a chain to be, given the steps before it.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ChainStepId, TopicId};

/// A row of `step_credence`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "step_credence")]
pub struct Model {
    /// The step.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain_step_id: ChainStepId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The topic.
    pub topic_id: TopicId,
    /// Basis points, 0 to 10000.
    pub bp: i32,
    /// When it was last said.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
