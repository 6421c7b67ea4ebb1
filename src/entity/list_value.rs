//! What sets that rules look into consist of.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ListSetId};

/// A row of `list_value`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "list_value")]
pub struct Model {
    /// The set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub set_id: ListSetId,
    /// The words, the domain, the network, the keyed hash of an address of mail, or the pattern of a name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    /// From when on it counts no more.
    pub expires_at: Option<Time>,
    /// Who added it; nobody once their account was erased.
    pub added_by: Option<AccountId>,
    /// When.
    pub added_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
