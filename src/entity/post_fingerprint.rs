//! By what posts of the last day are found that say nearly the same.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, PostId};

/// A row of `post_fingerprint`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "post_fingerprint")]
pub struct Model {
    /// The post.
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// Who wrote it.
    pub author_id: AccountId,
    /// The 64 bits.
    pub fingerprint: i64,
    /// When the text was written.
    pub made_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
