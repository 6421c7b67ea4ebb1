//! A code for when the authenticator app is lost, by its hash.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `recovery_code`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recovery_code")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The keyed hash of the code.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub code_hash: Vec<u8>,
    /// When it was made.
    pub created_at: Time,
    /// When it was used.
    pub used_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
