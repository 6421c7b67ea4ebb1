//! What somebody thinks the others hold likeliest.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, TopicId};

/// A row of `meta_prediction`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "meta_prediction")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The version of the set of scenarios that it covers.
    pub scenario_set_version: i32,
    /// When it was last said.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
