//! Somebody on their way to an identity provider and back, by the hash of what their client knows of it.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::identities::rules::Purpose;
use crate::ids::{AccountId, SessionId};

/// A row of `authorization_request`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_request")]
pub struct Model {
    /// SHA-256 of the client's secret.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub secret_hash: Vec<u8>,
    /// The provider's name in the configuration.
    pub provider: String,
    /// What it is for.
    pub purpose: Purpose,
    /// For whom, unless they are still to sign in.
    pub account_id: Option<AccountId>,
    /// In which of their sessions.
    pub session_id: Option<SessionId>,
    /// When it was made.
    pub created_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// SHA-256 of the code that came back.
    #[sea_orm(column_type = "Blob", nullable)]
    pub code_hash: Option<Vec<u8>>,
    /// When that was taken to the provider.
    pub redeemed_at: Option<Time>,
    /// Who says who it is.
    pub issuer: Option<String>,
    /// Who it is there.
    pub subject: Option<String>,
    /// When it did what it was for, or turned out to be good for nothing.
    pub used_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
