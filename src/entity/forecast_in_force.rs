//! Which forecast of a person counts.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, ImplicationId};

/// A row of `forecast_in_force`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "forecast_in_force")]
pub struct Model {
    /// The implication.
    #[sea_orm(primary_key, auto_increment = false)]
    pub implication_id: ImplicationId,
    /// Whose it is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// The number of the forecast.
    pub number: i32,
}

impl ActiveModelBehavior for ActiveModel {}
