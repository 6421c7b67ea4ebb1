//! What somebody proposes to do to a set of scenarios.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ScenarioProposalId, TopicId};
use crate::scenario_sets::rules::ProposalStatus;

/// A row of `scenario_proposal`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenario_proposal")]
pub struct Model {
    /// The proposal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ScenarioProposalId,
    /// To the set of which topic.
    pub topic_id: TopicId,
    /// Whose it is.
    pub proposer_id: AccountId,
    /// What is to be done: a [`crate::scenario_sets::rules::Change`].
    pub change: Json,
    /// Why.
    pub reason: String,
    /// Open, accepted, rejected or withdrawn.
    pub status: ProposalStatus,
    /// Who accepted or rejected it.
    pub decided_by: Option<AccountId>,
    /// When.
    pub decided_at: Option<Time>,
    /// Why.
    pub decision_reason: Option<String>,
    /// The version of the set that it made.
    pub accepted_in_version: Option<i32>,
    /// Counts the changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
