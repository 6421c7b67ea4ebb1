//! What an authenticator app shares with this server.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `totp_factor`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "totp_factor")]
pub struct Model {
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The secret from which codes are computed, sealed.
    pub sealed_secret: Vec<u8>,
    /// When it was made.
    pub created_at: Time,
    /// Since when it counts.
    pub confirmed_at: Option<Time>,
    /// The step whose code was used last.
    pub last_used_step: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
