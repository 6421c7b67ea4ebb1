//! The copy of their data that somebody asked for.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::AccountId;
use crate::own_data::rules::ExportOutcome;

/// A row of `data_export`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "data_export")]
pub struct Model {
    /// Whose data.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// When it was asked for.
    pub requested_at: Time,
    /// When the work was done.
    pub finished_at: Option<Time>,
    /// What came of it.
    pub outcome: Option<ExportOutcome>,
    /// The file, sealed.
    #[sea_orm(column_type = "Blob", nullable)]
    pub sealed_file: Option<Vec<u8>>,
    /// Until when it is kept.
    pub expires_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
