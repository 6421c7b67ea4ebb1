//! That somebody signed in for the first time.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `sign_up`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_up")]
pub struct Model {
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// When.
    pub at: Time,
    /// When rules of automatic moderation judged that; none where they have yet to.
    pub judged_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
