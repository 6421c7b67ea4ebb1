//! That a rule of automatic moderation met a post, or somebody who signed up.

use sea_orm::entity::prelude::*;

use crate::automation::rules::{RuleEffect, RuleMode, RuleTrigger};
use crate::clock::Time;
use crate::ids::{AccountId, AutomationRuleId, CaseId, PostId, RuleHitId};

/// A row of `rule_hit`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_hit")]
pub struct Model {
    /// The hit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RuleHitId,
    /// The rule.
    pub rule_id: AutomationRuleId,
    /// Its version.
    pub version: i32,
    /// Whether it was applied.
    pub mode: RuleMode,
    /// At what.
    pub trigger: RuleTrigger,
    /// The post; none where it was not taken, and where somebody signed up.
    pub post_id: Option<PostId>,
    /// Its revision.
    pub revision: Option<i32>,
    /// Whose post was not taken, or who signed up; nobody once their account was erased.
    pub author_id: Option<AccountId>,
    /// Why, as JSON of a list of `HitReason`.
    pub reasons: Json,
    /// What the rule does: `filter`, `queue` or `rate_limit`.
    pub would_do: String,
    /// What it did.
    pub did: RuleEffect,
    /// When.
    pub created_at: Time,
    /// The case in which people look at what it did; none yet where that is still to be opened.
    pub case_id: Option<CaseId>,
}

impl ActiveModelBehavior for ActiveModel {}
