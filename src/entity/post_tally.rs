//! The counters of a post.

use sea_orm::entity::prelude::*;

use crate::ids::PostId;

/// A row of `post_tally`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "post_tally")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Votes for its quality.
    pub quality_up: i32,
    /// Votes against its quality.
    pub quality_down: i32,
    /// People who agree.
    pub agree: i32,
    /// People who disagree.
    pub disagree: i32,
    /// Direct replies, tombstones too.
    pub reply_count: i32,
    /// All replies below, tombstones too.
    pub descendant_count: i32,
    /// How many people it moved.
    pub people_moved: i32,
    /// The median of what their credences changed by, in basis points.
    pub median_moved: Option<f64>,
}

impl ActiveModelBehavior for ActiveModel {}
