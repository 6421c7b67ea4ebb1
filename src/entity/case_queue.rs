//! A choice of cases that has a name.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::SubjectKind;
use crate::ids::{AccountId, QueueId, TopicId};
use crate::moderation::rules::QueueAudience;

/// A row of `case_queue`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "case_queue")]
pub struct Model {
    /// The queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QueueId,
    /// What moderators call it.
    pub name: String,
    /// Who has it.
    pub audience: QueueAudience,
    /// Who made it; nobody once their account was erased.
    pub owner_id: Option<AccountId>,
    /// Cases about one of these kinds of things, if any is named.
    pub subject_kinds: Vec<SubjectKind>,
    /// Cases that were reported by one of these rules of the site, if any is named.
    pub rules: Vec<String>,
    /// Cases within this topic, if one is named.
    pub topic_id: Option<TopicId>,
    /// Cases within topics that have one of these tags, if any is named.
    pub tags: Vec<String>,
    /// Cases that have one of these tags themselves, if any is named.
    pub case_tags: Vec<String>,
    /// Cases at least so urgent, 0 to 100.
    pub priority_min: i16,
    /// Only cases that were passed on, or only those that were not, if either.
    pub escalated: Option<bool>,
    /// By which rules of the site its cases are decided as a rule.
    pub recommended_rules: Vec<String>,
    /// How soon after they were opened its cases are to be decided, in hours; the site's where it is null.
    pub sla_hours: Option<i32>,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
