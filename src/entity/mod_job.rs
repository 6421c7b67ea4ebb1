//! What moderators do to many things at a time.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, JobId};
use crate::jobs::rules::{JobKind, JobState};
use crate::moderation::rules::CaseOutcome;

/// A row of `mod_job`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mod_job")]
pub struct Model {
    /// The job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// Whether it does something or takes something back.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// Who planned it; nobody once their account was erased.
    pub author_id: Option<AccountId>,
    /// With which session or personal access token it was executed.
    pub credential_id: Option<Uuid>,
    /// Which job it takes back.
    pub undoes_id: Option<JobId>,
    /// What is done to each: a list of orders.
    #[sea_orm(column_type = "JsonBinary")]
    pub orders: Json,
    /// What is decided of the case of each.
    pub resolution: Option<CaseOutcome>,
    /// By what the items were chosen; nothing where they were named.
    #[sea_orm(column_type = "JsonBinary")]
    pub selector: Option<Json>,
    /// Why, for other moderators; empty once the account of whoever said so was erased.
    pub note: String,
    /// Before which moment it does not begin, if it waits for one.
    pub starts_at: Option<Time>,
    /// The hash of what was planned.
    pub plan_hash: String,
    /// Until when it can be executed, and then approved.
    pub plan_expires_at: Time,
    /// Why it takes a second person.
    pub approval_reasons: Vec<String>,
    /// Who approved it.
    pub approved_by: Option<AccountId>,
    /// When.
    pub approved_at: Option<Time>,
    /// With which session they did; unknown where that was before it was kept.
    pub approval_credential_id: Option<Uuid>,
    /// When it was planned.
    pub created_at: Time,
    /// When it was executed.
    pub executed_at: Option<Time>,
    /// When its last item was seen to.
    pub finished_at: Option<Time>,
    /// When it had its last turn.
    pub turn_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
