//! What is kept of webhooks, and of what is sent to them.

mod deliver;
mod plan;

pub use deliver::{deliver_next, next_due};
pub use plan::plan_next;

use chrono::TimeDelta;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::rules::{
    DeliveryFailure, DeliveryState, MessageKind, Receiver, WebhookKind, WebhookKinds, WebhookNote,
    WebhookState,
};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql, update};
use crate::entity::{webhook, webhook_delivery};
use crate::error::{Code, Error, Result};
use crate::events;
use crate::http::page::Limit;
use crate::ids::{AccountId, DeliveryId, SessionId, WebhookId};
use crate::keys::random;
use crate::policy::{HandleWebhooks, Permit, ReceiveEvents};

/// A key that signs what is sent.
pub(super) type Key = [u8; 32];

/// What a key is sealed in the context of.
fn context(id: WebhookId, number: i32) -> String {
    format!("webhook\0{id}\0{number}")
}

#[derive(FromQueryResult)]
struct Seen {
    snapshot: String,
}

/// Which transactions have ended by now.
async fn snapshot(tx: &Tx) -> Result<String> {
    let statement = sql("SELECT pg_current_snapshot()::text AS snapshot", []);
    let seen: Option<Seen> = one(tx.conn(), statement).await?;
    Ok(seen.map(|seen| seen.snapshot).unwrap_or_default())
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// A webhook to be made.
#[derive(Debug)]
pub(super) struct New {
    pub(super) receiver: Receiver,
    pub(super) kinds: WebhookKinds,
    pub(super) note: WebhookNote,
}

fn names(kinds: &WebhookKinds) -> Vec<String> {
    kinds.as_slice().iter().map(ActiveEnum::to_value).collect()
}

/// What a webhook is told of.
pub(super) fn kinds(row: &webhook::Model) -> Vec<WebhookKind> {
    row.kinds.iter().filter_map(|name| WebhookKind::try_from_value(name).ok()).collect()
}

/// Adds a webhook, and gives the key that it signs with.
///
/// # Errors
/// 409 where its owner has as many as they may have.
pub(super) async fn make(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReceiveEvents<'_>>,
    session: SessionId,
    New { receiver, kinds, note }: New,
) -> Result<(webhook::Model, Key)> {
    require_room(app, tx, permit.by()).await?;
    let (id, now) = (app.ids.next(), app.now());
    let key: Key = random()?;
    let row = webhook::Model {
        id,
        owner_id: permit.by(),
        credential_id: session,
        url: receiver.url.into(),
        kinds: names(&kinds),
        note: note.into(),
        state: WebhookState::Enabled,
        key_number: 1,
        sealed_key: app.keys.seal(&context(id, 1), key.to_vec())?,
        sealed_former_key: None,
        former_key_until: None,
        failures: 0,
        position: snapshot(tx).await?,
        enabled_at: now,
        busy_until: None,
        turn_at: now,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(tx, row.clone()).await?;
    Ok((row, key))
}

/// Whether somebody may have another webhook.
async fn require_room(app: &App, tx: &Tx, owner: AccountId) -> Result<()> {
    // One after another, so that two do not come in at once.
    tx.queue(&format!("webhooks {owner}")).await?;
    let statement = sql("SELECT count(*) AS count FROM webhook WHERE owner_id = $1", [owner.into()]);
    let there: Option<Count> = one(tx.conn(), statement).await?;
    let most = app.config.webhooks.per_account;
    if there.is_some_and(|there| there.count >= most.into()) {
        return Err(Code::TooManyWebhooks.error(format!("At most {most}: delete one first.")));
    }
    Ok(())
}

/// Finds a webhook.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: WebhookId) -> Result<webhook::Model> {
    webhook::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds a webhook, and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find_for_update(tx: &Tx, id: WebhookId) -> Result<webhook::Model> {
    let found = webhook::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// The webhooks, the last made first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    before: Option<WebhookId>,
    limit: Limit,
) -> Result<Vec<webhook::Model>> {
    let rows = webhook::Entity::find()
        .filter(webhook::Column::Id.lt(before.unwrap_or(WebhookId(Uuid::max()))))
        .order_by_desc(webhook::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// What is sent to a webhook, or was, the last first: what is before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn deliveries(
    db: &impl ConnectionTrait,
    id: WebhookId,
    before: Option<DeliveryId>,
    limit: Limit,
) -> Result<Vec<webhook_delivery::Model>> {
    let rows = webhook_delivery::Entity::find()
        .filter(webhook_delivery::Column::WebhookId.eq(id))
        .filter(webhook_delivery::Column::Id.lt(before.unwrap_or(DeliveryId(Uuid::max()))))
        .order_by_desc(webhook_delivery::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// What is changed of a webhook.
#[derive(Debug, Default)]
pub(super) struct Edit {
    pub(super) receiver: Option<Receiver>,
    pub(super) kinds: Option<WebhookKinds>,
    pub(super) note: Option<WebhookNote>,
    /// Whether it is to be enabled, where it is not.
    pub(super) enables: bool,
}

/// Changes a webhook, which is locked. It belongs from then on to whoever did: what they had it do ends with what they may.
///
/// # Errors
/// 409 where they have as many as they may have.
pub(super) async fn edit(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReceiveEvents<'_>>,
    session: SessionId,
    (old, edit): (&webhook::Model, Edit),
) -> Result<webhook::Model> {
    let mut row = old.clone();
    if let Some(receiver) = edit.receiver {
        row.url = receiver.url.into();
    }
    if let Some(kinds) = edit.kinds {
        row.kinds = names(&kinds);
    }
    if let Some(note) = edit.note {
        row.note = note.into();
    }
    if edit.enables && row.state != WebhookState::Enabled {
        // What happened meanwhile is not sent.
        (row.state, row.failures, row.busy_until) = (WebhookState::Enabled, 0, None);
        (row.enabled_at, row.position) = (app.now(), snapshot(tx).await?);
    }
    if row == *old {
        return Ok(row);
    }
    take_over(app, tx, permit, session, &mut row).await?;
    keep(app, tx, row).await
}

/// Has a webhook belong to whoever changes it.
async fn take_over(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReceiveEvents<'_>>,
    session: SessionId,
    row: &mut webhook::Model,
) -> Result<()> {
    if row.owner_id != permit.by() {
        require_room(app, tx, permit.by()).await?;
    }
    (row.owner_id, row.credential_id) = (permit.by(), session);
    Ok(())
}

/// Keeps a webhook, which is locked, as its next version.
async fn keep(app: &App, tx: &Tx, mut row: webhook::Model) -> Result<webhook::Model> {
    (row.version, row.updated_at) = (row.version + 1, app.now());
    update(tx, row.clone()).await?;
    Ok(row)
}

/// Has a webhook, which is locked, sign with another key. The one before signs besides for a while, and those before that no
/// more.
///
/// # Errors
/// 409 where whoever asks has as many webhooks as they may have.
pub(super) async fn rotate(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReceiveEvents<'_>>,
    session: SessionId,
    old: &webhook::Model,
) -> Result<(webhook::Model, Key)> {
    let mut row = old.clone();
    let key: Key = random()?;
    let until = app.now() + TimeDelta::hours(app.config.webhooks.former_key_hours.into());
    (row.sealed_former_key, row.former_key_until) = (Some(old.sealed_key.clone()), Some(until));
    row.key_number += 1;
    row.sealed_key = app.keys.seal(&context(row.id, row.key_number), key.to_vec())?;
    take_over(app, tx, permit, session, &mut row).await?;
    Ok((keep(app, tx, row).await?, key))
}

/// The keys that sign at a moment, the present one first.
fn keys_at(app: &App, row: &webhook::Model, now: Time) -> Result<Vec<Vec<u8>>> {
    let mut keys = vec![app.keys.open(&context(row.id, row.key_number), &row.sealed_key)?];
    if let Some(former) = &row.sealed_former_key
        && row.former_key_until.is_some_and(|until| now < until)
    {
        keys.push(app.keys.open(&context(row.id, row.key_number - 1), former)?);
    }
    Ok(keys)
}

/// Turns a webhook off, which is locked and enabled: what it was still to be sent is not.
///
/// # Errors
/// The database is away.
pub(super) async fn turn_off(
    app: &App,
    tx: &Tx,
    _: &Permit<HandleWebhooks>,
    row: webhook::Model,
) -> Result<webhook::Model> {
    disable(app, tx, row, WebhookState::Disabled).await
}

async fn disable(app: &App, tx: &Tx, mut row: webhook::Model, state: WebhookState) -> Result<webhook::Model> {
    let statement = "UPDATE webhook_delivery
                     SET state = 'dropped', next_attempt_at = NULL, finished_at = $2, last_failure = $3
                     WHERE webhook_id = $1 AND state = 'pending'";
    let why = DeliveryFailure::WebhookDisabled.to_value();
    tx.conn().execute_raw(sql(statement, [row.id.into(), app.now().into(), why.into()])).await?;
    row.state = state;
    keep(app, tx, row).await
}

/// Deletes a webhook, with what was sent to it.
///
/// # Errors
/// The database is away.
pub(super) async fn delete(tx: &Tx, _: &Permit<HandleWebhooks>, id: WebhookId) -> Result<()> {
    webhook::Entity::delete_by_id(id).exec(tx.conn()).await?;
    Ok(())
}

/// Has a webhook, which is locked, be sent something that says nothing.
///
/// # Errors
/// 409 where it is disabled.
pub(super) async fn ping(
    app: &App,
    tx: &Tx,
    _: &Permit<HandleWebhooks>,
    row: &webhook::Model,
) -> Result<webhook_delivery::Model> {
    if row.state != WebhookState::Enabled {
        return Err(Code::InvalidStateTransition.error("It is disabled: enable it first."));
    }
    let now = app.now();
    let delivery = webhook_delivery::Model {
        id: app.ids.next(),
        webhook_id: row.id,
        event_seq: None,
        kind: MessageKind::Ping,
        subject_id: None,
        case_id: None,
        happened_at: now,
        state: DeliveryState::Pending,
        attempts: 0,
        next_attempt_at: Some(now),
        last_status: None,
        last_failure: None,
        created_at: now,
        finished_at: None,
    };
    insert(tx, delivery.clone()).await?;
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [events::CHANNEL.into()])).await?;
    Ok(delivery)
}

/// Removes the webhooks of an account that is being erased, with what was sent to them.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    tx.conn().execute_raw(sql("DELETE FROM webhook WHERE owner_id = $1", [account_id.into()])).await?;
    Ok(())
}

/// Forgets what was sent long ago, and keys that sign no more.
///
/// # Errors
/// The database is away.
pub async fn forget_old(app: &App, tx: &Tx) -> Result<u64> {
    let now = app.now();
    let before = now - TimeDelta::days(app.config.webhooks.kept_days.into());
    let statement = sql("DELETE FROM webhook_delivery WHERE created_at < $1", [before.into()]);
    let forgotten = tx.conn().execute_raw(statement).await?.rows_affected();
    let statement =
        "UPDATE webhook SET sealed_former_key = NULL, former_key_until = NULL WHERE former_key_until <= $1";
    let ended = tx.conn().execute_raw(sql(statement, [now.into()])).await?.rows_affected();
    Ok(forgotten + ended)
}
