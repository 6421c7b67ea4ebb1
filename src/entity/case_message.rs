//! What moderators and somebody whom a case concerns write to each other.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CaseId, CaseMessageId};

/// A row of `case_message`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "case_message")]
pub struct Model {
    /// The message.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CaseMessageId,
    /// What it is about.
    pub case_id: CaseId,
    /// With whom the moderators talk.
    pub account_id: AccountId,
    /// Whether the moderators wrote it, and not they.
    pub is_from_team: bool,
    /// Which of the moderators; nobody once their account was erased.
    pub sender_id: Option<AccountId>,
    /// What it says.
    pub text: String,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
