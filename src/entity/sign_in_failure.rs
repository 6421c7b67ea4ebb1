//! Wrong passwords in a row.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `sign_in_failure`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_failure")]
pub struct Model {
    /// The keyed hash of the account or login.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject_hash: Vec<u8>,
    /// The account, where there is one.
    pub account_id: Option<AccountId>,
    /// How many.
    pub failures: i32,
    /// When the last one was.
    pub last_failed_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
