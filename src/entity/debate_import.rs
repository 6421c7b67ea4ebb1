//! That a debate file was imported.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::TopicId;

/// A row of `debate_import`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "debate_import")]
pub struct Model {
    /// The topic it became.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The hash of its content.
    #[sea_orm(column_type = "Blob")]
    pub content_sha256: Vec<u8>,
    /// When.
    pub imported_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
