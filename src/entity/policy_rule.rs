//! The rules of the site, version by version.

use sea_orm::entity::prelude::*;

use crate::clock::Time;

/// A row of `policy_rule`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_rule")]
pub struct Model {
    /// What reports call it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub code: String,
    /// Which version of it, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// In a few words.
    pub title: String,
    /// In full.
    pub body: String,
    /// How much breaking it weighs: 1 little, 4 most.
    pub severity: i16,
    /// From when on it holds.
    pub effective_from: Time,
}

impl ActiveModelBehavior for ActiveModel {}
