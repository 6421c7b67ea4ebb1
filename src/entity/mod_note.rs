//! What a moderator notes of an account or a case.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CaseId, ModNoteId};
use crate::moderation::rules::NoteAudience;

/// A row of `mod_note`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mod_note")]
pub struct Model {
    /// The note.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ModNoteId,
    /// The case it is about, if it is one.
    pub case_id: Option<CaseId>,
    /// The account it is about, if it is one.
    pub account_id: Option<AccountId>,
    /// Who may read it besides moderators.
    pub audience: NoteAudience,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author_id: AccountId,
    /// When.
    pub created_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
