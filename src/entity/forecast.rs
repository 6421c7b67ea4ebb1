//! How likely somebody takes it to be that the record shows an implication.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, ForecastId, ImplicationId};

/// A row of `forecast`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "forecast")]
pub struct Model {
    /// The forecast.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ForecastId,
    /// Of what.
    pub implication_id: ImplicationId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Counts their forecasts for this implication, from 1.
    pub number: i32,
    /// Basis points, 0 to 10000.
    pub bp: i32,
    /// When it was stated.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
