//! A quotation from a source.

use sea_orm::entity::prelude::*;

use crate::ids::{PostId, QuotationId, SourceId, TopicId};

/// A row of `quotation`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "quotation")]
pub struct Model {
    /// The quotation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QuotationId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i32,
    /// Whose words.
    pub source_id: SourceId,
    /// Where they were found, if elsewhere.
    pub quoted_in_source_id: Option<SourceId>,
    /// The words.
    pub text: String,
    /// Whom they are ascribed to.
    pub attribution: String,
    /// Where in the source.
    pub locator: Option<String>,
    /// BCP 47 tag of the words.
    pub language: String,
    /// The quotation this translates.
    pub translation_of: Option<QuotationId>,
    /// The post that brought it; none where it came with the topic.
    pub brought_by_post_id: Option<PostId>,
}

impl ActiveModelBehavior for ActiveModel {}
