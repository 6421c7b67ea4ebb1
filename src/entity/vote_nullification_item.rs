//! A vote that a nullification has struck.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, PostId, VoteNullificationId};

/// A row of `vote_nullification_item`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote_nullification_item")]
pub struct Model {
    /// The nullification.
    #[sea_orm(primary_key, auto_increment = false)]
    pub nullification_id: VoteNullificationId,
    /// On which post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Whose vote.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// Whether it is struck: not any more once that was undone.
    pub in_force: bool,
}

impl ActiveModelBehavior for ActiveModel {}
