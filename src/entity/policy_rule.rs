//! The rules of the site, version by version.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::ActionKind;

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
    /// What is usually done about it.
    pub default_action: Option<ActionKind>,
    /// How many strikes that brings, 0 to 3.
    pub strikes: i16,
    /// What the transparency database of the European Union calls it.
    pub category: String,
    /// Whether it holds no more.
    pub is_retired: bool,
}

impl ActiveModelBehavior for ActiveModel {}
