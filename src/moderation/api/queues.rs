//! Queues of cases on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cases::Priority;
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions::rules::SubjectKind;
use crate::entity::case_queue;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::{AccountId, QueueId, TopicId};
use crate::invalid::Invalid;
use crate::moderation::rules::{QueueAudience, QueueName, RuleCode};
use crate::moderation::store::{self, Charge, NewQueue, QueueCounts};
use crate::policy::{Actor, EditQueue, ReadCases, ReadQueue};
use crate::roles::rules::Permission;
use crate::text::Tag;

/// How soon the cases of a queue are to be decided after they were opened, in hours: 1 to 8760.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i64, minimum = 1, maximum = 8760)]
struct SlaHours(i32);

impl TryFrom<i64> for SlaHours {
    type Error = Invalid;

    fn try_from(hours: i64) -> Result<Self, Invalid> {
        match i32::try_from(hours) {
            Ok(hours @ 1..=8760) => Ok(Self(hours)),
            _ => Err(Invalid::new("out_of_range", "From 1 to 8760 hours.")),
        }
    }
}

/// A choice of cases that has a name: those that are as each of its criteria says.
#[derive(Debug, Serialize, ToSchema)]
struct QueueView {
    id: QueueId,
    name: String,
    audience: QueueAudience,
    /// Who made it; null once their account was erased.
    owner: Option<Author>,
    /// Cases about one of these kinds of things; about any where it is empty.
    subject_kinds: Vec<SubjectKind>,
    /// Cases that were reported by one of the rules with these codes; by any where it is empty.
    rules: Vec<String>,
    /// Cases within this topic; within any, and those about accounts, where it is null.
    topic_id: Option<TopicId>,
    /// Cases within topics that have one of these tags; all cases where it is empty.
    tags: Vec<String>,
    /// Cases that have one of these tags themselves; all where it is empty.
    case_tags: Vec<String>,
    /// Cases at least so urgent, 0 to 100.
    priority_min: i16,
    /// Cases that were passed on, or those that were not; both where it is null.
    escalated: Option<bool>,
    /// The codes of the rules by which its cases are decided as a rule; this binds nobody.
    recommended_rules: Vec<String>,
    /// How soon after they were opened its cases are to be decided, in hours; null where that is as on the whole site.
    sla_hours: Option<i32>,
    /// How many of its cases are not decided and not muted, of those that the reader is in charge of and that are not about
    /// them.
    waiting: i64,
    /// How many of these were to be decided by now.
    overdue: i64,
    /// Counts its changes, from 1.
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl QueueView {
    fn of(row: case_queue::Model, counts: QueueCounts, people: &HashMap<AccountId, Author>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            audience: row.audience,
            owner: row.owner_id.and_then(|id| people.get(&id).cloned()),
            subject_kinds: row.subject_kinds,
            rules: row.rules,
            topic_id: row.topic_id,
            tags: row.tags,
            case_tags: row.case_tags,
            priority_min: row.priority_min,
            escalated: row.escalated,
            recommended_rules: row.recommended_rules,
            sla_hours: row.sla_hours,
            waiting: counts.waiting,
            overdue: counts.overdue,
            version: row.version,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

/// Queues as this reader sees them, with what waits in them.
async fn views(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    rows: Vec<case_queue::Model>,
) -> Result<Vec<QueueView>> {
    let reader = actor.require()?;
    let charge = Charge::of(&reader.powers, Permission::ReportRead);
    let sla = (app.config.moderation.sla_hours, app.now());
    let counts = store::count_queues(db, (reader.id, &charge), &rows, sla).await?;
    let people = authors(db, rows.iter().filter_map(|row| row.owner_id).collect()).await?;
    let counted = |row: &case_queue::Model| counts.get(&row.id).copied().unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| {
            let counts = counted(&row);
            QueueView::of(row, counts, &people)
        })
        .collect())
}

/// The same of one queue.
async fn view(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: case_queue::Model,
) -> Result<QueueView> {
    views(app, db, actor, vec![row]).await?.pop().ok_or_else(Error::not_found)
}

/// The queue that a request asks for the cases of, if for those of one.
///
/// # Errors
/// 422 where there is no such queue, or none that they may see.
pub(super) async fn asked_for(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: Option<QueueId>,
) -> Result<Option<case_queue::Model>> {
    let Some(id) = id else { return Ok(None) };
    let unknown = || Error::field("queue", "unknown_id", "There is no such queue, or you may not see it.");
    let hide = |error: Error| if error.code == Code::NotFound { unknown() } else { error };
    let queue = store::find_queue(db, id).await.map_err(hide)?;
    actor.may(ReadQueue(&queue)).map_err(hide)?;
    Ok(Some(queue))
}

/// A queue to be made. Its cases are those that are as each of its criteria says; what is left out says nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueueInput {
    name: QueueName,
    /// Who has it, for good.
    audience: QueueAudience,
    /// Cases about one of these kinds of things.
    #[serde(default)]
    #[schema(max_items = 3)]
    subject_kinds: Vec<SubjectKind>,
    /// Cases that were reported by one of the rules with these codes.
    #[serde(default)]
    #[schema(max_items = 20)]
    rules: Vec<RuleCode>,
    /// Cases within this topic.
    #[serde(default)]
    topic_id: Option<TopicId>,
    /// Cases within topics that have one of these tags.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<Tag>,
    /// Cases that have one of these tags themselves.
    #[serde(default)]
    #[schema(max_items = 20)]
    case_tags: Vec<Tag>,
    /// Cases at least so urgent.
    #[serde(default)]
    priority_min: Priority,
    /// Cases that were passed on, or those that were not.
    #[serde(default)]
    escalated: Option<bool>,
    /// The codes of the rules by which its cases are decided as a rule; this binds nobody.
    #[serde(default)]
    #[schema(max_items = 20)]
    recommended_rules: Vec<RuleCode>,
    /// How soon its cases are to be decided, if not as on the whole site (`moderation.sla_hours`).
    #[serde(default)]
    sla_hours: Option<SlaHours>,
}

/// What of a queue is to be otherwise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct QueueEdit {
    #[serde(default, deserialize_with = "patch::required")]
    name: Option<QueueName>,
    /// Cases about one of these kinds of things.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 3)]
    subject_kinds: Option<Vec<SubjectKind>>,
    /// Cases that were reported by one of the rules with these codes.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 20)]
    rules: Option<Vec<RuleCode>>,
    /// Null has it hold cases of every topic, and those about accounts.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<TopicId>)]
    topic_id: Option<Option<TopicId>>,
    /// Cases within topics that have one of these tags.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 20)]
    tags: Option<Vec<Tag>>,
    /// Cases that have one of these tags themselves.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 20)]
    case_tags: Option<Vec<Tag>>,
    /// Cases at least so urgent.
    #[serde(default, deserialize_with = "patch::required")]
    priority_min: Option<Priority>,
    /// Null has it hold cases whether they were passed on or not.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<bool>)]
    escalated: Option<Option<bool>>,
    /// The codes of the rules by which its cases are decided as a rule; this binds nobody.
    #[serde(default, deserialize_with = "patch::required")]
    #[schema(max_items = 20)]
    recommended_rules: Option<Vec<RuleCode>>,
    /// Null has its cases decided as soon as on the whole site.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<SlaHours>)]
    sla_hours: Option<Option<SlaHours>>,
}

impl QueueEdit {
    /// The queue as it is with these changes.
    fn of(self, old: case_queue::Model) -> case_queue::Model {
        let codes = |codes: Vec<RuleCode>| codes.into_iter().map(Into::into).collect();
        let tags = |tags: Vec<Tag>| tags.into_iter().map(Into::into).collect();
        case_queue::Model {
            name: self.name.map_or(old.name, Into::into),
            subject_kinds: self.subject_kinds.unwrap_or(old.subject_kinds),
            rules: self.rules.map_or(old.rules, codes),
            topic_id: self.topic_id.unwrap_or(old.topic_id),
            tags: self.tags.map_or(old.tags, tags),
            case_tags: self.case_tags.map_or(old.case_tags, tags),
            priority_min: self.priority_min.map_or(old.priority_min, |priority| priority.0),
            escalated: self.escalated.unwrap_or(old.escalated),
            recommended_rules: self.recommended_rules.map_or(old.recommended_rules, codes),
            sla_hours: self.sla_hours.map_or(old.sla_hours, |sla| sla.map(|hours| hours.0)),
            ..old
        }
    }
}

/// List queues
///
/// Those of the team, and one's own; the last made first.
#[utoipa::path(get, path = "/mod/queues", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<QueueView>)), security(("bearer" = [])))]
async fn list_queues(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Result<Answer> {
    actor.may(ReadCases)?;
    let reader = actor.require()?.id;
    let list = format!("queues/{reader}");
    let before = query.place(&app, &list)?;
    let snapshot = app.snapshot().await?;
    let rows = store::list_queues(&snapshot, reader, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = views(&app, &snapshot, &actor, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Make a queue
///
/// For the team, which takes `rule.edit` for the whole site, or for oneself. A name is one queue's of the team, and one of
/// each moderator's own.
#[utoipa::path(post, path = "/mod/queues", tag = "moderation", request_body = QueueInput, responses((status = 201, body = QueueView)), security(("bearer" = [])))]
async fn create_queue(State(app): State<App>, actor: Actor, create: Create<QueueInput>) -> Result<Answer> {
    actor.require_scope(Scope::Moderate)?;
    let permit = actor.may(EditQueue { audience: create.input.audience, owner_id: actor.id() })?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let new = NewQueue {
        name: new.name,
        subject_kinds: new.subject_kinds,
        rules: new.rules,
        topic_id: new.topic_id,
        tags: new.tags,
        case_tags: new.case_tags,
        priority_min: new.priority_min.0,
        escalated: new.escalated,
        recommended_rules: new.recommended_rules,
        sla_hours: new.sla_hours.map(|hours| hours.0),
    };
    let row = store::insert_queue(&app, &tx, &actor, &permit, new).await?;
    let id = row.id;
    let event = Event { kind: "queue_created", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let view = view(&app, tx.conn(), &actor, row).await?;
    let answer = Answer::created(format!("/api/v1/mod/queues/{id}"), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer.version(1)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a queue
#[utoipa::path(get, path = "/mod/queues/{id}", tag = "moderation", params(("id" = QueueId, Path)), responses((status = 200, body = QueueView)), security(("bearer" = [])))]
async fn read_queue(State(app): State<App>, actor: Actor, Path(id): Path<QueueId>) -> Result<Answer> {
    // Before it is looked for: whoever may see no case does not learn which there are.
    actor.may(ReadCases)?;
    let snapshot = app.snapshot().await?;
    let row = store::find_queue(&snapshot, id).await?;
    actor.may(ReadQueue(&row))?;
    let version = row.version;
    Ok(Answer::ok(&view(&app, &snapshot, &actor, row).await?, Cache::No)?.version(version))
}

/// Change a queue
///
/// A JSON Merge Patch; lists are replaced as a whole. Who has it stays as it is.
#[utoipa::path(patch, path = "/mod/queues/{id}", tag = "moderation", params(("id" = QueueId, Path), ("If-Match" = String, Header)), request_body = QueueEdit, responses((status = 200, body = QueueView)), security(("bearer" = [])))]
async fn edit_queue(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<QueueId>,
    if_match: IfMatch,
    Body(edit): Body<QueueEdit>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_queue_for_update(&tx, id).await?;
    let permit = actor.may(EditQueue::of(&old))?;
    if_match.check(old.version)?;
    let new = edit.of(old.clone());
    let row = store::edit_queue(&app, &tx, &actor, &permit, (&old, new)).await?;
    let version = row.version;
    if version != old.version {
        let event = Event { kind: "queue_edited", subject_id: Some(id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
    }
    let view = view(&app, tx.conn(), &actor, row).await?;
    tx.commit().await?;
    Ok(Answer::ok(&view, Cache::No)?.version(version))
}

/// Delete a queue
///
/// Its cases stay as they are.
#[utoipa::path(delete, path = "/mod/queues/{id}", tag = "moderation", params(("id" = QueueId, Path), ("If-Match" = String, Header)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_queue(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<QueueId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let tx = app.begin_as(&actor).await?;
    let row = store::find_queue_for_update(&tx, id).await?;
    let permit = actor.may(EditQueue::of(&row))?;
    if_match.check(row.version)?;
    store::delete_queue(&tx, &permit, &row).await?;
    let event = Event { kind: "queue_deleted", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about queues.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_queues, create_queue)).routes(routes!(
        read_queue,
        edit_queue,
        delete_queue
    ))
}
