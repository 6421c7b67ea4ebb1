//! Sets that rules of automatic moderation look into.

use sea_orm::entity::prelude::*;

use crate::automation::rules::SetKind;
use crate::clock::Time;
use crate::ids::ListSetId;

/// A row of `list_set`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "list_set")]
pub struct Model {
    /// The set.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ListSetId,
    /// What the staff call it.
    pub name: String,
    /// What kind of values it has.
    pub kind: SetKind,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
