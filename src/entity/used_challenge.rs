//! A challenge that a passkey has answered, as long as it could be answered again.

use sea_orm::entity::prelude::*;

use crate::clock::Time;

/// A row of `used_challenge`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "used_challenge")]
pub struct Model {
    /// The SHA-256 of the challenge as its client carried it.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub challenge_hash: Vec<u8>,
    /// Until when it would have been good.
    pub expires_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
