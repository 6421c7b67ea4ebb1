//! A reference to a source or a quotation.

use sea_orm::entity::prelude::*;

use crate::ids::{
    BackgroundFactId, ChainStepId, CitationId, ImplicationId, PostId, QuotationId, ReferenceClassId,
    ScenarioId, SourceId, TopicId, VariantId,
};

/// A row of `citation`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "citation")]
pub struct Model {
    /// The citation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CitationId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i16,
    /// The post that cites.
    pub post_id: Option<PostId>,
    /// The scenario that cites.
    pub scenario_id: Option<ScenarioId>,
    /// The step that cites.
    pub chain_step_id: Option<ChainStepId>,
    /// The fact that cites.
    pub background_fact_id: Option<BackgroundFactId>,
    /// The variant that cites, as evidence of its time.
    pub variant_id: Option<VariantId>,
    /// The reference class whose numbers are from there.
    pub reference_class_id: Option<ReferenceClassId>,
    /// The implication that it resolves.
    pub implication_id: Option<ImplicationId>,
    /// The source cited.
    pub source_id: Option<SourceId>,
    /// The quotation cited.
    pub quotation_id: Option<QuotationId>,
    /// Where in it.
    pub locator: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
