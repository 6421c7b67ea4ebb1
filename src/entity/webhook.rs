//! Where events of moderation are told of.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, SessionId, WebhookId};
use crate::webhooks::rules::WebhookState;

/// A row of `webhook`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    /// The webhook.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookId,
    /// Who made it, or changed it last: it is told what they may know.
    pub owner_id: AccountId,
    /// With which session they did.
    pub credential_id: SessionId,
    /// Where it is sent.
    pub url: String,
    /// What it is told of: names of kinds of events.
    pub kinds: Vec<String>,
    /// What it is for, in its owner's words.
    pub note: String,
    /// Whether anything is sent.
    pub state: WebhookState,
    /// The number of the key that signs, from 1.
    pub key_number: i32,
    /// The key that signs, sealed.
    #[sea_orm(column_type = "Blob")]
    pub sealed_key: Vec<u8>,
    /// The key before it, which signs besides for a while.
    #[sea_orm(column_type = "Blob", nullable)]
    pub sealed_former_key: Option<Vec<u8>>,
    /// Until when.
    pub former_key_until: Option<Time>,
    /// How many deliveries were given up in a row.
    pub failures: i32,
    /// What had been written when events were looked for last: a `pg_snapshot`.
    pub position: String,
    /// Since when it has been enabled, the last time.
    pub enabled_at: Time,
    /// Until when a server is sending something there, unless it was killed.
    pub busy_until: Option<Time>,
    /// When it had its last turn.
    pub turn_at: Time,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
