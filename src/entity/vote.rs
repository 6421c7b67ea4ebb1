//! What one person thinks of a post, on both axes.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, PostId};

/// A row of `vote`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// The person.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// Whether it is a good argument: -1, 0, 1.
    pub quality: i16,
    /// Whether the person agrees: -1, 0, 1.
    pub agreement: i16,
    /// When they last changed their mind.
    pub updated_at: Time,
    /// When they last judged the quality; never where they have not.
    pub quality_at: Option<Time>,
    /// In how many nullifications in force it is. It counts where it is in none.
    pub nullified: i32,
}

impl ActiveModelBehavior for ActiveModel {}
