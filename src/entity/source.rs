//! An entry in a topic's bibliography.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::{PostId, SourceId, TopicId};
use crate::sources::rules::SourceClass;

/// A row of `source`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "source")]
pub struct Model {
    /// The source.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SourceId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i32,
    /// The type, in the terms of CSL.
    #[sea_orm(column_name = "type")]
    pub source_type: String,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its title.
    pub title: Option<String>,
    /// What it appeared in.
    pub container_title: Option<String>,
    /// Who published it.
    pub publisher: Option<String>,
    /// When.
    pub published: Option<HistoricDate>,
    /// Where it can be read.
    pub url: Option<String>,
    /// How close it is to the event.
    pub source_class: SourceClass,
    /// What a reader should know of it.
    pub note: Option<String>,
    /// The post that brought it; none where it came with the topic.
    pub brought_by_post_id: Option<PostId>,
}

impl ActiveModelBehavior for ActiveModel {}
