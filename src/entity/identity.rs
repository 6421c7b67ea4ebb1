//! An identity at a provider, and the account that it signs in to.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, IdentityId};

/// A row of `identity`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "identity")]
pub struct Model {
    /// The identity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdentityId,
    /// Whose it is here.
    pub account_id: AccountId,
    /// The name that the configuration had for the issuer.
    pub provider: String,
    /// Who says so.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// When it was linked with the account.
    pub linked_at: Time,
    /// When somebody last proved who they are with it.
    pub last_used_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
