//! A token that came by mail, by its hash.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::credentials::rules::Purpose;
use crate::ids::AccountId;

/// A row of `email_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "email_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub token_hash: Vec<u8>,
    /// What its bearer may do.
    pub purpose: Purpose,
    /// To which account.
    pub account_id: AccountId,
    /// The address it was sent to, and that it is bound to.
    pub email: String,
    /// When it was made.
    pub created_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// When it was used.
    pub used_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
