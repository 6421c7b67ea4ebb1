//! Webhooks on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::rules::{
    DeliveryFailure, DeliveryState, MessageKind, Receiver, WebhookKind, WebhookKinds, WebhookNote,
    WebhookState, shown_key,
};
use super::store::{self, Edit, Key, New};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, Tx, keyset};
use crate::entity::{webhook, webhook_delivery};
use crate::error::{Code, Error, Result};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::{AccountId, CaseId, DeliveryId, SessionId, WebhookId};
use crate::policy::{Actor, HandleWebhooks, ReceiveEvents};

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    /// Where it is sent: by https, to port 443 of an address of the internet.
    #[schema(max_length = 1000)]
    url: String,
    /// What it is told of.
    kinds: WebhookKinds,
    /// What it is for, for others who look after webhooks.
    note: WebhookNote,
}

/// What is changed of a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookEdit {
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_length = 1000)]
    url: Option<String>,
    #[serde(default, deserialize_with = "patch::required")]
    kinds: Option<WebhookKinds>,
    #[serde(default, deserialize_with = "patch::required")]
    note: Option<WebhookNote>,
    /// Whether anything is sent. What happens while it is not is not sent later.
    #[serde(default, deserialize_with = "patch::required")]
    enabled: Option<bool>,
}

/// Where events of moderation are told of.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookView {
    id: WebhookId,
    /// Who made or changed it last: it is told what they may know.
    owner: Option<Author>,
    url: String,
    kinds: Vec<WebhookKind>,
    note: String,
    state: WebhookState,
    /// The number of the key that signs, from 1.
    key_number: i32,
    /// Until when the key before it signs besides; null where it does not.
    former_key_until: Option<Timestamp>,
    /// How many deliveries were given up in a row.
    failures: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl WebhookView {
    fn new(app: &App, row: webhook::Model, people: &HashMap<AccountId, Author>) -> Self {
        Self {
            id: row.id,
            owner: people.get(&row.owner_id).cloned(),
            kinds: store::kinds(&row),
            url: row.url,
            note: row.note,
            state: row.state,
            key_number: row.key_number,
            former_key_until: row.former_key_until.filter(|until| app.now() < *until).map(Into::into),
            failures: row.failures,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }

    async fn of(app: &App, db: &impl ConnectionTrait, row: webhook::Model) -> Result<Self> {
        let people = authors(db, vec![row.owner_id]).await?;
        Ok(Self::new(app, row, &people))
    }
}

/// A webhook with a key that it was just given.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookWithKey {
    #[serde(flatten)]
    about: WebhookView,
    /// The key that signs from now on, as libraries for Standard Webhooks take it. Shown this once.
    secret: String,
}

impl WebhookWithKey {
    async fn of(app: &App, db: &impl ConnectionTrait, row: webhook::Model, key: &Key) -> Result<Self> {
        Ok(Self { about: WebhookView::of(app, db, row).await?, secret: shown_key(key) })
    }
}

/// Something that is sent to a webhook, or was.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryView {
    /// What the header `webhook-id` says, the same at every attempt.
    id: DeliveryId,
    kind: MessageKind,
    /// The case, appeal, action or job, as the kind says; null with a ping.
    subject_id: Option<Uuid>,
    /// The case that this is, or belongs to; null where there was none by then.
    case_id: Option<CaseId>,
    happened_at: Timestamp,
    state: DeliveryState,
    /// How often it was tried.
    attempts: i32,
    /// The status that the last attempt was answered with; null where there was no answer.
    last_status: Option<i32>,
    /// Why the last attempt failed, or why it is not sent.
    last_failure: Option<DeliveryFailure>,
    /// When it is tried next; null where it is done with.
    next_attempt_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl From<webhook_delivery::Model> for DeliveryView {
    fn from(row: webhook_delivery::Model) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            subject_id: row.subject_id,
            case_id: row.case_id,
            happened_at: row.happened_at.into(),
            state: row.state,
            attempts: row.attempts,
            last_status: row.last_status,
            last_failure: row.last_failure,
            next_attempt_at: row.next_attempt_at.map(Into::into),
            finished_at: row.finished_at.map(Into::into),
        }
    }
}

/// The session of whoever proved lately who they are.
fn fresh(app: &App, actor: &Actor) -> Result<SessionId> {
    Ok(actor.require_fresh_session(app.fresh_since())?.1)
}

/// Where a webhook is to lead, if that is called at all.
fn read_url(app: &App, text: &str) -> Result<Receiver> {
    Receiver::read(text, &app.config.webhooks.trusted_origins)
        .map_err(|refused| Error::field("url", refused.code, refused.detail))
}

fn require_on(app: &App) -> Result<()> {
    if app.config.webhooks.enabled {
        return Ok(());
    }
    Err(Code::WebhooksOff.error("The operator did not turn them on: see `webhooks.enabled`."))
}

/// Adds the entry of something that was done to a webhook; neither addresses nor keys belong there.
async fn record(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    verb: &'static str,
    (id, data): (WebhookId, Value),
) -> Result<()> {
    let entry = Entry { object: Some(Object::webhook(id)), data, ..actor.entry(verb) };
    audit::record(app, tx, entry).await
}

/// Make a webhook
///
/// It is told of what happens from now on. The key that signs is shown this once. In a session with a recent proof of who
/// one is.
#[utoipa::path(post, path = "/mod/webhooks", tag = "webhooks", request_body = NewWebhook, responses((status = 201, body = WebhookWithKey)), security(("bearer" = [])))]
async fn create_webhook(State(app): State<App>, actor: Actor, create: Create<NewWebhook>) -> Result<Answer> {
    let kinds = create.input.kinds.clone();
    let permit = actor.may(ReceiveEvents(kinds.as_slice()))?;
    let session = fresh(&app, &actor)?;
    require_on(&app)?;
    let receiver = read_url(&app, &create.input.url)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let new = New { receiver, kinds: new.kinds, note: new.note };
    let (row, key) = store::make(&app, &tx, &permit, session, new).await?;
    let (id, version) = (row.id, row.version);
    let view = WebhookWithKey::of(&app, tx.conn(), row, &key).await?;
    let answer = Answer::created(format!("/api/v1/mod/webhooks/{id}"), &view, Cache::No)?.version(version);
    let answer = once.record(&app, &tx, answer).await?;
    let data = json!({ "kinds": kinds.as_slice() });
    record(&app, &tx, &actor, "create_webhook", (id, data)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List webhooks
///
/// Everybody's, the last made first. For whoever has `rule.edit`.
#[utoipa::path(get, path = "/mod/webhooks", tag = "webhooks", params(PageQuery), responses((status = 200, body = Page<WebhookView>)), security(("bearer" = [])))]
async fn list_webhooks(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(HandleWebhooks)?;
    let before = query.place(&app, "webhooks")?;
    let rows = store::list(&app.db, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, "webhooks", &last.id));
    let people = authors(&app.db, page.items.iter().map(|row| row.owner_id).collect()).await?;
    let items = page.items.into_iter().map(|row| WebhookView::new(&app, row, &people)).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// The webhook as it is now, with its version.
async fn answer(app: &App, db: &impl ConnectionTrait, row: webhook::Model) -> Result<Answer> {
    let version = row.version;
    Ok(Answer::ok(&WebhookView::of(app, db, row).await?, Cache::No)?.version(version))
}

/// Read a webhook
#[utoipa::path(get, path = "/mod/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path)), responses((status = 200, body = WebhookView)), security(("bearer" = [])))]
async fn read_webhook(State(app): State<App>, actor: Actor, Path(id): Path<WebhookId>) -> Result<Answer> {
    actor.may(HandleWebhooks)?;
    let row = store::find(&app.db, id).await?;
    answer(&app, &app.db, row).await
}

/// Change a webhook
///
/// A JSON Merge Patch, in a session with a recent proof of who one is. Whoever changes a webhook is its owner from then on,
/// unless they only turn it off.
#[utoipa::path(patch, path = "/mod/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path), ("If-Match" = String, Header)), request_body = WebhookEdit, responses((status = 200, body = WebhookView)), security(("bearer" = [])))]
async fn edit_webhook(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<WebhookId>,
    if_match: IfMatch,
    Body(edit): Body<WebhookEdit>,
) -> Result<Answer> {
    let permit = actor.may(HandleWebhooks)?;
    let session = fresh(&app, &actor)?;
    let receiver = edit.url.as_deref().map(|url| read_url(&app, url)).transpose()?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_for_update(&tx, id).await?;
    if_match.check(old.version)?;
    let mut row = old.clone();
    if receiver.is_some() || edit.kinds.is_some() || edit.note.is_some() || edit.enabled == Some(true) {
        let kinds = edit.kinds.as_ref().map_or_else(|| store::kinds(&old), |kinds| kinds.as_slice().to_vec());
        let theirs = actor.may(ReceiveEvents(&kinds))?;
        let enables = edit.enabled == Some(true);
        let edit = Edit { receiver, kinds: edit.kinds, note: edit.note, enables };
        row = store::edit(&app, &tx, &theirs, session, (&old, edit)).await?;
    }
    if edit.enabled == Some(false) && row.state == WebhookState::Enabled {
        row = store::turn_off(&app, &tx, &permit, row).await?;
    }
    let data = json!({ "kinds": row.kinds, "state": row.state, "url_changed": row.url != old.url });
    let answer = answer(&app, tx.conn(), row).await?;
    record(&app, &tx, &actor, "edit_webhook", (id, data)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Delete a webhook
///
/// With what was sent to it, in a session with a recent proof of who one is.
#[utoipa::path(delete, path = "/mod/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path), ("If-Match" = String, Header)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_webhook(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<WebhookId>,
    if_match: IfMatch,
) -> Result<Answer> {
    let permit = actor.may(HandleWebhooks)?;
    fresh(&app, &actor)?;
    let tx = app.begin_as(&actor).await?;
    let row = store::find_for_update(&tx, id).await?;
    if_match.check(row.version)?;
    store::delete(&tx, &permit, id).await?;
    record(&app, &tx, &actor, "delete_webhook", (id, json!({}))).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Give a webhook another key
///
/// The new key is shown this once. For a day both sign, each its own signature in the same header, so that whoever receives
/// them can change over; after that the old one signs nothing. Whoever asks is the owner of the webhook from then on. In a
/// session with a recent proof of who one is.
#[utoipa::path(post, path = "/mod/webhooks/{id}/rotate", tag = "webhooks", params(("id" = WebhookId, Path)), responses((status = 200, body = WebhookWithKey)), security(("bearer" = [])))]
async fn rotate_webhook(State(app): State<App>, actor: Actor, Path(id): Path<WebhookId>) -> Result<Answer> {
    actor.may(HandleWebhooks)?;
    let session = fresh(&app, &actor)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_for_update(&tx, id).await?;
    let kinds = store::kinds(&old);
    let permit = actor.may(ReceiveEvents(&kinds))?;
    let (row, key) = store::rotate(&app, &tx, &permit, session, &old).await?;
    let (version, data) = (row.version, json!({ "key_number": row.key_number }));
    let view = WebhookWithKey::of(&app, tx.conn(), row, &key).await?;
    let answer = Answer::ok(&view, Cache::No)?.version(version);
    record(&app, &tx, &actor, "rotate_webhook", (id, data)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Try a webhook out
///
/// It is sent a `ping`, as anything else is. In a session with a recent proof of who one is.
#[utoipa::path(post, path = "/mod/webhooks/{id}/test", tag = "webhooks", params(("id" = WebhookId, Path)), responses((status = 202, body = DeliveryView)), security(("bearer" = [])))]
async fn test_webhook(State(app): State<App>, actor: Actor, Path(id): Path<WebhookId>) -> Result<Answer> {
    let permit = actor.may(HandleWebhooks)?;
    fresh(&app, &actor)?;
    require_on(&app)?;
    let tx = app.begin_as(&actor).await?;
    let row = store::find_for_update(&tx, id).await?;
    let delivery = store::ping(&app, &tx, &permit, &row).await?;
    let data = json!({ "delivery": delivery.id });
    let location = format!("/api/v1/mod/webhooks/{id}/deliveries");
    let answer = Answer::accepted_as(location, &DeliveryView::from(delivery))?;
    record(&app, &tx, &actor, "test_webhook", (id, data)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List what is sent to a webhook
///
/// And what was, the last first, with what came of it.
#[utoipa::path(get, path = "/mod/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = WebhookId, Path), PageQuery), responses((status = 200, body = Page<DeliveryView>)), security(("bearer" = [])))]
async fn list_webhook_deliveries(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<WebhookId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(HandleWebhooks)?;
    store::find(&app.db, id).await?;
    let list = format!("webhook-deliveries/{id}");
    let before = query.place(&app, &list)?;
    let rows = store::deliveries(&app.db, id, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = page.items.into_iter().map(DeliveryView::from).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Every path about webhooks.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(read_webhook, edit_webhook, delete_webhook))
        .routes(routes!(rotate_webhook))
        .routes(routes!(test_webhook))
        .routes(routes!(list_webhook_deliveries))
}
