//! A text that a post has had.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::PostId;

/// A row of `post_revision`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "post_revision")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Which revision, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// The text, as Markdown.
    pub body: String,
    /// The text, rendered and sanitised.
    pub body_html: String,
    /// The relations as they stood.
    pub relations: Json,
    /// When it was made.
    pub created_at: Time,
    /// Whether a moderator made it, who changes what the post bears on, or blacks something out; otherwise its author did.
    pub by_moderator: bool,
}

impl ActiveModelBehavior for ActiveModel {}
