//! That somebody, who needs no account, holds something to be against the law.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{LegalNoticeId, ReportId};

/// A row of `legal_notice`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "legal_notice")]
pub struct Model {
    /// The notice.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: LegalNoticeId,
    /// What it says, as a report.
    pub report_id: ReportId,
    /// Which law.
    pub legal_ground: String,
    /// Whether it is about the sexual abuse of children.
    pub is_child_abuse: bool,
    /// Name and address of whoever gave it, sealed; nothing where they did not say, or it was forgotten.
    #[sea_orm(column_type = "Blob", nullable)]
    pub sealed_contact: Option<Vec<u8>>,
    /// The hash of the secret in the receipt; none in older ones, or where it is good for nothing any more.
    #[sea_orm(column_type = "Blob", nullable)]
    pub secret_hash: Option<Vec<u8>>,
    /// When it came.
    pub created_at: Time,
    /// When they were told what came of it.
    pub decided_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
