//! Rules by which posts are judged without a human.

use sea_orm::entity::prelude::*;

use crate::automation::rules::RuleMode;
use crate::clock::Time;
use crate::ids::AutomationRuleId;

/// A row of `automation_rule`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_rule")]
pub struct Model {
    /// The rule.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AutomationRuleId,
    /// Which version of it counts.
    pub version: i32,
    /// Whether it is applied.
    pub mode: RuleMode,
    /// Counts its changes, those of the mode too, from 1.
    pub edits: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// When it was given up.
    pub retired_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
