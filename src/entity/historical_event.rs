//! What really happened, and when.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::HistoricalEventId;

/// A row of `historical_event`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "historical_event")]
pub struct Model {
    /// The event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: HistoricalEventId,
    /// Its name.
    pub title: String,
    /// When it happened.
    pub date: HistoricDate,
    /// Where it happened.
    pub place: Option<String>,
    /// What happened.
    pub summary: String,
}

impl ActiveModelBehavior for ActiveModel {}
