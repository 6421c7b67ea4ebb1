//! That somebody holds a decision to be wrong.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ActionId, AppealId, CaseId, ReportId};
use crate::moderation::rules::appeal::{AppealOutcome, AppealState};

/// A row of `appeal`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "appeal")]
pub struct Model {
    /// The appeal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AppealId,
    /// The case of what it is about.
    pub case_id: CaseId,
    /// The action it is against, if it is one.
    pub action_id: Option<ActionId>,
    /// The report that was refused, if it is about one.
    pub report_id: Option<ReportId>,
    /// Who appeals; nobody once their account was erased.
    pub appellant_id: Option<AccountId>,
    /// Why, in their words.
    pub text: String,
    /// Where it stands.
    pub state: AppealState,
    /// Who decided what it is against.
    pub decider_id: Option<AccountId>,
    /// Who decided it.
    pub reviewer_id: Option<AccountId>,
    /// What came of it.
    pub outcome: Option<AppealOutcome>,
    /// Why, to whoever appealed.
    pub reasons: String,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was decided or withdrawn.
    pub closed_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
