//! A name that an account had.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `username_history`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "username_history")]
pub struct Model {
    /// Whose it was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub username: String,
    /// What it looks like.
    pub username_skeleton: String,
    /// When it was given up.
    #[sea_orm(primary_key, auto_increment = false)]
    pub released_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
