//! How full the bucket of a limit is.

use sea_orm::entity::prelude::*;

use crate::clock::Time;

/// A row of `rate_limit`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_limit")]
pub struct Model {
    /// The limit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The keyed hash of who is counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_hash: Vec<u8>,
    /// When the bucket is full again.
    pub full_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
