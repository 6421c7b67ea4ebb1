//! That what somebody reports is taken and weighs nothing for a while.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ReportMuteId};

/// A row of `report_mute`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "report_mute")]
pub struct Model {
    /// The decision.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ReportMuteId,
    /// Whose reports.
    pub account_id: AccountId,
    /// Who decided it; nobody once their account was erased.
    pub created_by: Option<AccountId>,
    /// Why, to whom it concerns.
    pub reason: String,
    /// From when on.
    pub created_at: Time,
    /// Until when, unless it was lifted before.
    pub ends_at: Time,
    /// When it was lifted, or another took its place.
    pub lifted_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
