//! A refresh token, by its hash.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::SessionId;

/// A row of `refresh_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    /// SHA-256 of the token.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub token_hash: Vec<u8>,
    /// The session it prolongs.
    pub session_id: SessionId,
    /// When it was given out.
    pub created_at: Time,
    /// When it was used; from then on its successor counts.
    pub rotated_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
