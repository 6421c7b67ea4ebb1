//! What happened to a case.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ActionId, AppealId, CaseId};
use crate::moderation::rules::{CaseEventKind, CaseOutcome, CaseState};

/// A row of `case_event`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "case_event")]
pub struct Model {
    /// The case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub case_id: CaseId,
    /// Its place among what happened to it, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i32,
    /// What happened.
    pub kind: CaseEventKind,
    /// Who did it; nobody where the server did.
    pub actor_id: Option<AccountId>,
    /// Where the case stood before; nowhere before the first.
    pub from_state: Option<CaseState>,
    /// Where it stood then.
    pub to_state: CaseState,
    /// What came of it, where it was resolved.
    pub resolution: Option<CaseOutcome>,
    /// What they say about it, to other moderators.
    pub note: String,
    /// What was done, where it was something to the subject.
    pub action_id: Option<ActionId>,
    /// The appeal that was made, withdrawn or decided.
    pub appeal_id: Option<AppealId>,
    /// Until when the case is left out of the queue, where it was muted.
    pub muted_until: Option<Time>,
    /// The case that this one was merged into, or taken out of.
    pub related_case_id: Option<CaseId>,
    /// Which tags the case has since, where it was tagged.
    pub tags: Option<Vec<String>>,
    /// The bulk job that it was part of.
    pub batch_id: Option<Uuid>,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
