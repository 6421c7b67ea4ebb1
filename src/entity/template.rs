//! A text that moderators use again and again.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::TemplateId;
use crate::moderation::rules::TemplateKind;

/// A row of `template`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "template")]
pub struct Model {
    /// The template.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TemplateId,
    /// What moderators call it.
    pub name: String,
    /// What it is for.
    pub kind: TemplateKind,
    /// In which language it is.
    pub language: String,
    /// The rule of the site that it goes with, if with one.
    pub rule_code: Option<String>,
    /// What it says.
    pub text: String,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
