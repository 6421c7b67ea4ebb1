//! How often anything was changed of what posts are judged by.

use sea_orm::entity::prelude::*;

/// The one row of `automation_state`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "automation_state")]
pub struct Model {
    /// True: there is one row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: bool,
    /// The number of changes.
    pub stamp: i64,
}

impl ActiveModelBehavior for ActiveModel {}
