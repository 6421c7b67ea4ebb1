//! A date at which the question is asked again.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::TopicId;

/// A row of `checkpoint`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "checkpoint")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// Its place, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i16,
    /// The date.
    pub date: HistoricDate,
}

impl ActiveModelBehavior for ActiveModel {}
