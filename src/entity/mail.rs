//! A mail: ordered, on its way, or done with.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, MailId};
use crate::mail::rules::MailKind;

/// A row of `mail`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mail")]
pub struct Model {
    /// The mail.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MailId,
    /// Its `Message-ID`, the same at every attempt.
    pub message_id: String,
    /// What it is about.
    pub kind: MailKind,
    /// The account it is about.
    pub account_id: Option<AccountId>,
    /// To whom it goes and what it says, sealed; gone when it is done with.
    #[sea_orm(column_type = "Blob", nullable)]
    pub sealed_content: Option<Vec<u8>>,
    /// How often it was taken up.
    pub attempts: i32,
    /// When it was ordered.
    pub created_at: Time,
    /// When it is taken up next.
    pub due_at: Time,
    /// From when on it is not worth sending.
    pub gives_up_at: Time,
    /// When it was done with.
    pub finished_at: Option<Time>,
    /// What became of it: `sent`, `dropped` or `given_up`.
    pub outcome: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
