//! What the subject of a case said when it was reported.

use sea_orm::entity::prelude::*;

use crate::ids::CaseId;

/// A row of `reported_version`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reported_version")]
pub struct Model {
    /// The case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub case_id: CaseId,
    /// Which version of its subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i32,
    /// What it said; nothing here where it is among the revisions of a post.
    pub text: Option<String>,
    /// The SHA-256 of that.
    pub sha256: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
