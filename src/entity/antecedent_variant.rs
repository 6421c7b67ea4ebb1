//! A more exact way in which the antecedent could hold.

use sea_orm::entity::prelude::*;

use crate::ids::{TopicId, VariantId};
use crate::topics::rules::AntecedentKind;

/// A row of `antecedent_variant`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "antecedent_variant")]
pub struct Model {
    /// The variant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VariantId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its place, from 1.
    pub position: i16,
    /// What it supposes.
    pub statement: String,
    /// Plausible, or a miracle.
    pub antecedent_kind: AntecedentKind,
}

impl ActiveModelBehavior for ActiveModel {}
