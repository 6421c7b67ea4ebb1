//! What somebody believes as of a checkpoint, or of the horizon.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, TopicId};

/// A row of `checkpoint_credence`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoint_credence")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The checkpoint, from 1; 0 is the horizon.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i16,
    /// That the outcome has occurred by then, given the antecedent; basis points.
    pub occurred_by: Option<i32>,
    /// That history as it stood then would end as it did.
    pub actual: Option<i32>,
    /// That it would end otherwise.
    pub alternatives: Option<i32>,
    /// When it was last said.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
