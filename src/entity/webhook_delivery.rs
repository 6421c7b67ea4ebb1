//! What is sent to webhooks, or was.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{CaseId, DeliveryId, WebhookId};
use crate::webhooks::rules::{DeliveryFailure, DeliveryState, MessageKind};

/// A row of `webhook_delivery`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// The delivery: its name to whoever receives it, the same at every attempt.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// Of which event; of none where somebody asked for a test.
    pub event_seq: Option<i64>,
    /// What happened.
    pub kind: MessageKind,
    /// To what.
    pub subject_id: Option<Uuid>,
    /// The case that the subject is, or belongs to, if there was one by then.
    pub case_id: Option<CaseId>,
    /// When.
    pub happened_at: Time,
    /// Whether it is still to be sent.
    pub state: DeliveryState,
    /// How often it was taken up.
    pub attempts: i32,
    /// When it is taken up next; never where it is done with.
    pub next_attempt_at: Option<Time>,
    /// The status that the last attempt was answered with.
    pub last_status: Option<i32>,
    /// Why the last attempt failed, or why there is none any more.
    pub last_failure: Option<DeliveryFailure>,
    /// When it was found that there is something to be sent.
    pub created_at: Time,
    /// When it was done with.
    pub finished_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
