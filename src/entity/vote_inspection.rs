//! That somebody looked at who voted on a post.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, PostId, VoteInspectionId};

/// A row of `vote_inspection`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote_inspection")]
pub struct Model {
    /// The look.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VoteInspectionId,
    /// At the votes on which post.
    pub post_id: PostId,
    /// Who looked; nobody once their account was erased.
    pub actor_id: Option<AccountId>,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
