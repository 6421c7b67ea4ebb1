//! What else a variant needs.

use sea_orm::entity::prelude::*;

use crate::historic_date::HistoricDate;
use crate::ids::VariantId;
use crate::topics::rules::VariantStepKind;

/// A row of `variant_step`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "variant_step")]
pub struct Model {
    /// The variant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub variant_id: VariantId,
    /// Before the divergence, or changed with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: VariantStepKind,
    /// Its place, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i16,
    /// When.
    pub date: HistoricDate,
    /// What.
    pub statement: String,
}

impl ActiveModelBehavior for ActiveModel {}
