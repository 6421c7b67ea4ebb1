//! A name that an erased account had, and that nobody gets for a year.

use sea_orm::entity::prelude::*;

use crate::clock::Time;

/// A row of `erased_username`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "erased_username")]
pub struct Model {
    /// Keyed hash of what the name looks like.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub skeleton_hash: Vec<u8>,
    /// When it was given up.
    pub released_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
