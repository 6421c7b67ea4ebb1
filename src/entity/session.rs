//! A sign-in.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, SessionId};

/// A row of `session`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// The session.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Whose it is.
    pub account_id: AccountId,
    /// What the client said of itself.
    pub user_agent: Option<String>,
    /// Where the sign-in came from, for as long as that is kept.
    pub client_address: Option<String>,
    /// When it began.
    pub created_at: Time,
    /// When its owner last proved who they are.
    pub authenticated_at: Time,
    /// Whether that was with a second factor, then or before.
    pub second_factor: bool,
    /// When it was last refreshed.
    pub last_used_at: Time,
    /// When it ends unless it is refreshed.
    pub idle_expires_at: Time,
    /// When it ends in any case.
    pub expires_at: Time,
    /// When it ended before its time.
    pub ended_at: Option<Time>,
    /// Why it did.
    pub ended_because: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
