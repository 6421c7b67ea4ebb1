//! What versions of rules would have made of posts that were there, or of those who signed up.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, AutomationRuleId, TrialId};

/// A row of `automation_trial`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_trial")]
pub struct Model {
    /// The trial.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TrialId,
    /// Of which rule.
    pub rule_id: AutomationRuleId,
    /// Of which version.
    pub version: i32,
    /// Who ran it; nobody once their account was erased.
    pub run_by: Option<AccountId>,
    /// How many posts, or sign-ups, it looked at.
    pub posts: i32,
    /// How many it met.
    pub matched: i32,
    /// Of how many people.
    pub authors: i32,
    /// Whether it looked at all that it was asked to look at.
    pub is_complete: bool,
    /// When it was run.
    pub ran_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
