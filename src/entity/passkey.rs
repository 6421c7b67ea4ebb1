//! A passkey: the public half of a key pair that somebody's authenticator has.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, PasskeyId};

/// A row of `passkey`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "passkey")]
pub struct Model {
    /// The passkey.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PasskeyId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// What the authenticator calls it.
    #[sea_orm(column_type = "Blob")]
    pub credential_id: Vec<u8>,
    /// The public key, with what else the next signature is checked against.
    pub credential: Json,
    /// When it was made.
    pub created_at: Time,
    /// When somebody last signed in with it, or proved who they are.
    pub last_used_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
