//! That a moderator did something with an account that is no decision about its owner.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountAccessId, AccountId};
use crate::moderation::rules::AccountAccess;

/// A row of `account_access`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "account_access")]
pub struct Model {
    /// The deed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AccountAccessId,
    /// With whose account.
    pub account_id: AccountId,
    /// What was done.
    pub kind: AccountAccess,
    /// Who did it; nobody once their account was erased.
    pub actor_id: Option<AccountId>,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
