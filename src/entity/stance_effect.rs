//! Which way a post moves a scenario, in its author's view.

use sea_orm::entity::prelude::*;

use crate::ids::{PostId, ScenarioId, TopicId};
use crate::posts::rules::Direction;

/// A row of `stance_effect`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "stance_effect")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Its topic.
    pub topic_id: TopicId,
    /// The scenario.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scenario_id: ScenarioId,
    /// Up or down.
    pub direction: Direction,
}

impl ActiveModelBehavior for ActiveModel {}
