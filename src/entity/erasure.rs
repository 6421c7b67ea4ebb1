//! An account that is to be erased.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `erasure`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "erasure")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// When its owner asked for it.
    pub requested_at: Time,
    /// From when on it is done.
    pub due_at: Time,
    /// Whether posts become tombstones as well.
    pub erase_posts: bool,
    /// Until when the operator holds it up.
    pub hold_until: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
