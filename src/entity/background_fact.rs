//! A fact held fixed, or named as open.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::{BackgroundFactId, TopicId};

/// A row of `background_fact`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "background_fact")]
pub struct Model {
    /// The fact.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BackgroundFactId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i16,
    /// The fact.
    pub statement: String,
    /// Whether it is held fixed.
    pub held: bool,
    /// When.
    pub date: Option<HistoricDate>,
}

impl ActiveModelBehavior for ActiveModel {}
