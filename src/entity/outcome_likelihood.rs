//! How likely somebody takes the outcome to have been given the event.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, TopicId};

/// A row of `outcome_likelihood`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "outcome_likelihood")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Who says so.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// How likely, in basis points.
    pub bp: i32,
    /// When they last changed it.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
