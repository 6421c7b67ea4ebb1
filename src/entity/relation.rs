//! What a post does to a target.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{BackgroundFactId, ChainStepId, PostId, RelationId, ScenarioId, TopicId, VariantId};
use crate::posts::rules::{RelationType, TargetKind, TestKind};

/// A row of `relation`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "relation")]
pub struct Model {
    /// The relation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RelationId,
    /// Its topic.
    pub topic_id: TopicId,
    /// The post that makes it.
    pub post_id: PostId,
    /// Its place among the post's relations, from 1.
    pub position: i16,
    /// What the post does.
    #[sea_orm(column_name = "type")]
    pub relation_type: RelationType,
    /// To what kind of thing.
    pub target_kind: TargetKind,
    /// The target, if it is the topic.
    pub target_topic_id: Option<TopicId>,
    /// The target, if it is a post.
    pub target_post_id: Option<PostId>,
    /// The target, if it is a relation.
    pub target_relation_id: Option<RelationId>,
    /// The target, if it is a scenario.
    pub target_scenario_id: Option<ScenarioId>,
    /// The target, if it is a step.
    pub target_chain_step_id: Option<ChainStepId>,
    /// The target, if it is a fact.
    pub target_background_fact_id: Option<BackgroundFactId>,
    /// The target, if it is a variant.
    pub target_variant_id: Option<VariantId>,
    /// How likely the evidence is if the target holds, in basis points.
    pub p_if_true: Option<i32>,
    /// How likely it is if not.
    pub p_if_false: Option<i32>,
    /// What kind of test the author of the evidence takes it to be.
    pub claimed_test_kind: Option<TestKind>,
    /// When it was made.
    pub created_at: Time,
    /// When an edit took it back.
    pub withdrawn_at: Option<Time>,
    /// Whether a moderator said so; otherwise the author of the post did.
    pub by_moderator: bool,
}

impl ActiveModelBehavior for ActiveModel {}
