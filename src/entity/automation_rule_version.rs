//! What rules of automatic moderation consist of, version by version.

use sea_orm::entity::prelude::*;
use uuid::Uuid;

use crate::clock::Time;
use crate::ids::{AccountId, AutomationRuleId};

/// A row of `automation_rule_version`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_rule_version")]
pub struct Model {
    /// The rule.
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_id: AutomationRuleId,
    /// Counts its versions, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// What it consists of, as JSON of `RuleContent`.
    pub content: Json,
    /// The sets that it looks into.
    pub set_ids: Vec<Uuid>,
    /// Who made it; nobody once their account was erased.
    pub made_by: Option<AccountId>,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
