//! That somebody holds a subject to break a rule.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CaseId, ReportId, RuleHitId};
use crate::moderation::rules::ReportOutcome;

/// A row of `report`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "report")]
pub struct Model {
    /// The report.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReportId,
    /// The case of its subject.
    pub case_id: CaseId,
    /// Who made it; nobody once their account was erased.
    pub reporter_id: Option<AccountId>,
    /// Which rule is said to be broken.
    pub rule_code: String,
    /// In which version.
    pub rule_version: i32,
    /// Of the subject, as it was reported.
    pub subject_revision: i32,
    /// What the reporter says.
    pub comment: String,
    /// What it weighs, in hundredths.
    pub weight: i32,
    /// Whether moderators had decided by then that reports of this person weigh nothing for a while.
    pub is_muted: bool,
    /// Whether it was made by a trusted flagger, as they stood then.
    pub is_trusted: bool,
    /// What came of it; none while it is open.
    pub outcome: Option<ReportOutcome>,
    /// When it was made.
    pub created_at: Time,
    /// When something came of it.
    pub closed_at: Option<Time>,
    /// What a rule of automatic moderation met, where it is no person's.
    pub rule_hit_id: Option<RuleHitId>,
}

impl ActiveModelBehavior for ActiveModel {}
