//! A record of what happened.

use sea_orm::entity::prelude::*;

use crate::clock::Time;

/// A row of `event`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Its place in the log.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor_id: Option<Uuid>,
    /// In which session.
    pub session_id: Option<Uuid>,
    /// In which topic.
    pub topic_id: Option<Uuid>,
    /// To what.
    pub subject_id: Option<Uuid>,
    /// Further facts.
    pub data: Json,
    /// When.
    pub created_at: Time,
    /// By which transaction it was written; unknown of those from before that was noted.
    #[sea_orm(select_as = "text", save_as = "xid8")]
    pub xid: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
