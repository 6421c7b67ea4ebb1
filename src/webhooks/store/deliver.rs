//! Sending what is to be sent.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QuerySelect};
use serde_json::json;

use super::{DeliveryFailure, DeliveryState, WebhookState, disable, keys_at};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::Time;
use crate::db::{Tx, one, sql, update};
use crate::entity::{webhook, webhook_delivery};
use crate::error::{Error, Result};
use crate::keys::{hmac_sha256, random};
use crate::mail::rules::MailKind;
use crate::outbound::Call;
use crate::policy::ReceiveEvents;
use crate::webhooks::rules::{
    Attempt, Message, MessageKind, Receiver, shown_signatures, signed_content, wait,
};
use crate::{accounts, auth, mail};

/// A delivery that is this server's for a while.
struct Taken {
    webhook: webhook::Model,
    delivery: webhook_delivery::Model,
    /// Until when.
    until: Time,
}

/// What became of a delivery.
enum Sent {
    /// It was tried.
    Tried(Attempt),
    /// It is not to be sent.
    Dropped(DeliveryFailure),
}

/// Sends what is due first to the webhook that waited longest for its turn, and says whether there was any.
///
/// # Errors
/// The database is away. What was sent and could not be noted is sent again when its time is over.
pub async fn deliver_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    let Some(taken) = take(app, &tx).await? else {
        tx.undo().await?;
        return Ok(false);
    };
    // Committed first: nothing is locked while somebody else takes their time.
    tx.commit().await?;
    let sent = send(app, &taken).await?;
    finish(app, &taken, sent).await?;
    Ok(true)
}

/// Takes a delivery for as long as an attempt may take: no other server sends anything to the webhook meanwhile, and should
/// this one not come back, another one takes it up then.
async fn take(app: &App, tx: &Tx) -> Result<Option<Taken>> {
    let now = app.now();
    let until = now + TimeDelta::milliseconds(i64::from(app.config.webhooks.timeout_ms) * 2 + 30_000);
    let statement = "SELECT w.* FROM webhook w
         WHERE w.state = 'enabled' AND (w.busy_until IS NULL OR w.busy_until <= $1)
           AND EXISTS (SELECT FROM webhook_delivery d
                       WHERE d.webhook_id = w.id AND d.state = 'pending' AND d.next_attempt_at <= $1)
         ORDER BY w.turn_at, w.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED";
    let found = webhook::Entity::find().from_raw_sql(sql(statement, [now.into()]));
    let Some(webhook) = found.one(tx.conn()).await? else { return Ok(None) };
    let statement = "UPDATE webhook_delivery SET attempts = attempts + 1, next_attempt_at = $3
         WHERE id = (SELECT id FROM webhook_delivery
                     WHERE webhook_id = $1 AND state = 'pending' AND next_attempt_at <= $2
                     ORDER BY next_attempt_at, id LIMIT 1)
         RETURNING *";
    let statement = sql(statement, [webhook.id.into(), now.into(), until.into()]);
    let Some(delivery) = webhook_delivery::Entity::find().from_raw_sql(statement).one(tx.conn()).await?
    else {
        return Ok(None);
    };
    let statement = "UPDATE webhook SET busy_until = $2, turn_at = $3 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [webhook.id.into(), until.into(), now.into()])).await?;
    Ok(Some(Taken { webhook, delivery, until }))
}

/// Sends a delivery, if whoever the webhook belongs to may still be told of it.
async fn send(app: &App, Taken { webhook, delivery, .. }: &Taken) -> Result<Sent> {
    let kinds: Vec<_> = delivery.kind.event().into_iter().collect();
    let owner = auth::on_behalf(app, webhook.owner_id, webhook.credential_id).await?;
    if owner.is_none_or(|owner| owner.may(ReceiveEvents(&kinds)).is_err()) {
        return Ok(Sent::Dropped(DeliveryFailure::NotAllowed));
    }
    let Ok(receiver) = Receiver::read(&webhook.url, &app.config.webhooks.trusted_origins) else {
        return Ok(Sent::Tried(Attempt::Unanswered(DeliveryFailure::AddressRefused)));
    };
    let now = app.now();
    let keys = match keys_at(app, webhook, now) {
        Ok(keys) => keys,
        Err(error) => {
            tracing::error!(webhook = %webhook.id, %error, "what signs for a webhook cannot be opened; give it another key");
            return Ok(Sent::Dropped(DeliveryFailure::KeyLost));
        }
    };
    let message = Message {
        id: delivery.id,
        kind: delivery.kind,
        at: delivery.happened_at.into(),
        subject_id: delivery.subject_id,
        case_id: delivery.case_id,
    };
    let body = serde_json::to_string(&message).map_err(Error::internal)?;
    let content = signed_content(delivery.id, now.timestamp(), &body);
    let signatures: Vec<_> = keys.iter().map(|key| hmac_sha256(key, content.as_bytes())).collect();
    let numbers: Vec<String> =
        (0..).zip(&keys).map(|(before, _): (i32, _)| (webhook.key_number - before).to_string()).collect();
    let headers = [
        ("webhook-id", delivery.id.to_string()),
        ("webhook-timestamp", now.timestamp().to_string()),
        ("webhook-signature", shown_signatures(&signatures)),
        ("webhook-key-numbers", numbers.join(" ")),
    ];
    Ok(Sent::Tried(app.caller.call(Call { receiver: &receiver, headers, body }).await))
}

/// Notes what became of a delivery, unless that is another server's business by now.
async fn finish(app: &App, taken: &Taken, sent: Sent) -> Result<()> {
    let tx = app.begin().await?;
    let (id, now) = (taken.delivery.id, app.now());
    let row = webhook::Entity::find_by_id(taken.webhook.id).lock_exclusive().one(tx.conn()).await?;
    let delivery = webhook_delivery::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    let (Some(mut row), Some(mut delivery)) = (row, delivery) else { return tx.undo().await };
    if row.busy_until == Some(taken.until) {
        row.busy_until = None;
    }
    if delivery.state != DeliveryState::Pending || delivery.attempts != taken.delivery.attempts {
        update(&tx, row).await?;
        return tx.commit().await;
    }
    let (state, status, failure) = match sent {
        Sent::Dropped(failure) => (DeliveryState::Dropped, None, Some(failure)),
        Sent::Tried(attempt) => {
            let (status, failure) = attempt.outcome();
            let is_last =
                attempt.is_gone() || delivery.attempts.unsigned_abs() >= app.config.webhooks.attempts;
            let state = match failure {
                None => DeliveryState::Delivered,
                Some(_) if is_last => DeliveryState::Failed,
                Some(_) => DeliveryState::Pending,
            };
            (state, status, failure)
        }
    };
    delivery.state = state;
    (delivery.last_status, delivery.last_failure) = (status.map(i32::from), failure);
    if state == DeliveryState::Pending {
        delivery.next_attempt_at = Some(now + wait_after(app, delivery.attempts.unsigned_abs())?);
    } else {
        (delivery.next_attempt_at, delivery.finished_at) = (None, Some(now));
    }
    let kind = delivery.kind;
    update(&tx, delivery).await?;
    let disabled = match (state, &sent) {
        (DeliveryState::Delivered, _) => {
            row.failures = 0;
            None
        }
        (DeliveryState::Failed, Sent::Tried(attempt)) if attempt.is_gone() => {
            Some(WebhookState::DisabledAsGone)
        }
        (DeliveryState::Failed, _) => {
            row.failures += 1;
            let is_enough = row.failures.unsigned_abs() >= app.config.webhooks.disable_after;
            is_enough.then_some(WebhookState::DisabledByFailures)
        }
        _ => None,
    };
    note(taken, kind, state, status, failure);
    match disabled {
        // Boxed: it is rare, and large.
        Some(state) => Box::pin(give_up(app, &tx, row, state)).await?,
        None => update(&tx, row).await?,
    }
    tx.commit().await
}

/// How long a delivery waits that failed so often.
fn wait_after(app: &App, attempts: u32) -> Result<TimeDelta> {
    let settings = &app.config.webhooks;
    let milliseconds = |ms: u32| Duration::from_millis(ms.into());
    let (first, longest) = (milliseconds(settings.retry_first_ms), milliseconds(settings.retry_longest_ms));
    let wait = wait(attempts, first, longest, u16::from_be_bytes(random()?));
    Ok(TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX))
}

/// Says in the server's log what became of a delivery: neither where it went nor what it said.
fn note(
    taken: &Taken,
    kind: MessageKind,
    state: DeliveryState,
    status: Option<u16>,
    failure: Option<DeliveryFailure>,
) {
    let (webhook, delivery, attempts) = (taken.webhook.id, taken.delivery.id, taken.delivery.attempts);
    if state == DeliveryState::Delivered {
        tracing::info!(%webhook, %delivery, ?kind, attempts, "a webhook was told");
    } else {
        tracing::warn!(%webhook, %delivery, ?kind, attempts, ?state, status, ?failure, "a webhook was not told");
    }
}

/// Disables a webhook, which is locked, in the name of nobody, and tells whoever looks after it.
async fn give_up(app: &App, tx: &Tx, row: webhook::Model, state: WebhookState) -> Result<()> {
    let row = disable(app, tx, row, state).await?;
    let owner = accounts::require(tx.conn(), row.owner_id).await?;
    mail::notify(app, tx, &owner, MailKind::WebhookDisabled).await?;
    tracing::warn!(webhook = %row.id, ?state, "a webhook was disabled");
    let entry = Entry {
        object: Some(Object::webhook(row.id)),
        data: json!({ "state": state, "failures": row.failures }),
        ..Entry::of("disable_webhook")
    };
    audit::record(app, tx, entry).await
}

#[derive(FromQueryResult)]
struct Due {
    due_at: Option<Time>,
}

/// When something is due next.
///
/// # Errors
/// The database is away.
pub async fn next_due(db: &impl ConnectionTrait) -> Result<Option<Time>> {
    let statement = "SELECT min(greatest(w.busy_until, d.due_at)) AS due_at
         FROM webhook w CROSS JOIN LATERAL (
             SELECT min(next_attempt_at) AS due_at FROM webhook_delivery
             WHERE webhook_id = w.id AND state = 'pending') d
         WHERE w.state = 'enabled' AND d.due_at IS NOT NULL";
    Ok(one::<Due>(db, sql(statement, [])).await?.and_then(|due| due.due_at))
}
