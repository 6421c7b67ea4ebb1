//! What a person gives to a bot or a script instead of a password.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, TokenId};

/// A row of `personal_access_token`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "personal_access_token")]
pub struct Model {
    /// The token, by a name that is no secret.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TokenId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// The SHA-256 of its secret.
    pub token_hash: Vec<u8>,
    /// What it is good for: names of [`Scope`](crate::auth::rules::Scope)s.
    pub scopes: Vec<String>,
    /// Whether the session that made it had passed a second factor.
    pub second_factor: bool,
    /// When it was made.
    pub created_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// When it was last used, give or take an hour.
    pub last_used_at: Option<Time>,
    /// When its owner revoked it.
    pub revoked_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
