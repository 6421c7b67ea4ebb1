//! A grant of a role, or of permissions.

use sea_orm::entity::prelude::*;

use crate::accounts::rules::Role;
use crate::clock::Time;
use crate::ids::{AccountId, RoleGrantId, TopicId};

/// A row of `role_grant`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "role_grant")]
pub struct Model {
    /// The grant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RoleGrantId,
    /// To whom.
    pub account_id: AccountId,
    /// The role, where it is one.
    pub role: Option<Role>,
    /// The permissions, where it is a set of them.
    pub permissions: Vec<String>,
    /// Within which topic.
    pub topic_id: Option<TopicId>,
    /// Within which tag.
    pub tag: Option<String>,
    /// By whom; nobody where the operator did it.
    pub granted_by: Option<AccountId>,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub granted_at: Time,
    /// Until when.
    pub expires_at: Option<Time>,
    /// When it was taken back.
    pub revoked_at: Option<Time>,
    /// By whom.
    pub revoked_by: Option<AccountId>,
}

impl ActiveModelBehavior for ActiveModel {}
