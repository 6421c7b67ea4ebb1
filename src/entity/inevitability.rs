//! From when on somebody takes the actual outcome to have been near certain.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::historic_date::HistoricDate;
use crate::ids::{AccountId, TopicId};

/// A row of `inevitability`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "inevitability")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// From when on; never where it has none.
    pub inevitable_from: Option<HistoricDate>,
    /// When it was last said.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
