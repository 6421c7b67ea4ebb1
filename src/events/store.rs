//! Adding to the log.

use sea_orm::ConnectionTrait;
use serde_json::Value;
use uuid::Uuid;

use super::rules::OF_MODERATION;
use crate::app::App;
use crate::changes::Change;
use crate::db::{Tx, sql};
use crate::error::Result;
use crate::ids::{AccountId, SessionId, TopicId};
use crate::policy::{Actor, SignedIn};

/// Where whoever tells others of what happens in moderation listens.
pub const CHANNEL: &str = "otherwise_event";

/// What happened.
#[derive(Debug, Clone, Default)]
pub struct Event {
    /// Its kind, in the past tense: `post_created`.
    pub kind: &'static str,
    /// Who did it; nobody where the server did.
    pub actor_id: Option<AccountId>,
    /// In which session.
    pub session_id: Option<SessionId>,
    /// In which topic.
    pub topic_id: Option<TopicId>,
    /// To what.
    pub subject_id: Option<Uuid>,
    /// Further facts; no secrets, and no text that people wrote.
    pub data: Value,
}

impl Actor {
    /// An event of this actor's doing, for the rest to be filled in.
    pub fn event(&self) -> Event {
        let signed_in = self.signed_in();
        Event {
            actor_id: signed_in.map(|account| account.id),
            session_id: signed_in.and_then(SignedIn::session_id),
            ..Event::default()
        }
    }
}

/// Adds an event to the log, in the transaction that makes it true. An event of a topic is a change of it.
///
/// # Errors
/// The database is away.
pub async fn record(app: &App, tx: &Tx, event: Event) -> Result<()> {
    if let Some(id) = event.topic_id {
        tx.changes(Change::Topic(id));
    }
    let data = if event.data.is_null() { serde_json::json!({}) } else { event.data };
    tx.conn()
        .execute_raw(sql(
            "INSERT INTO event (kind, actor_id, session_id, topic_id, subject_id, data, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                event.kind.into(),
                event.actor_id.into(),
                event.session_id.into(),
                event.topic_id.into(),
                event.subject_id.into(),
                data.into(),
                app.now().into(),
            ],
        ))
        .await?;
    if OF_MODERATION.contains(&event.kind) {
        // Heard when this transaction is committed, and not at all if it is not.
        tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    }
    Ok(())
}
