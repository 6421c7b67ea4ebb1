//! Bulk jobs on the wire.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::rules::{Counts, ItemState, JobKind, JobNote, JobState, Move, Selector};
use super::store::{self, Listed, New, Progress, Sample, SideEffects, Subjects};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::auth;
use crate::auth::rules::Scope;
use crate::clock::{Time, Timestamp};
use crate::db::{ConnectionTrait, keyset};
use crate::decisions::rules::{Explanation, Subject, SubjectKind};
use crate::entity::{mod_job, mod_job_item};
use crate::error::{Error, Result};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query};
use crate::ids::{AccountId, JobId, TopicId};
use crate::invalid::{Invalid, distinct};
use crate::moderation::rules::CaseOutcome;
use crate::moderation::{CaseResolution, NewAction, orders};
use crate::policy::{Actor, ApproveJob, ExecuteJob, HandleJob, PlanJobs};
use crate::roles::rules::{Permission, Place};

/// So many items a job has at the most.
const MAX_ITEMS: usize = store::MAX_ITEMS;

/// 1 to 10,000 identifiers, each once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Uuid>")]
#[schema(value_type = Vec<Uuid>, min_items = 1, max_items = 10_000)]
struct SubjectIds(Vec<Uuid>);

impl TryFrom<Vec<Uuid>> for SubjectIds {
    type Error = Invalid;

    fn try_from(ids: Vec<Uuid>) -> Result<Self, Invalid> {
        distinct(ids, MAX_ITEMS).map(Self)
    }
}

/// What a job is about, by name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NamedSubjects {
    /// What kind of things.
    kind: SubjectKind,
    ids: SubjectIds,
}

/// What is to be done to many things.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewJob {
    /// What it is about, by name; either this or `selector`.
    #[serde(default)]
    subjects: Option<NamedSubjects>,
    /// By what the items are chosen, once and for all, when the job is planned.
    #[serde(default)]
    selector: Option<Selector>,
    /// What is done to each. What is done to people is done to each of them once, however much of theirs is among the items.
    #[serde(default)]
    #[schema(max_items = 10)]
    actions: Vec<NewAction>,
    /// How the case of each is decided. Where this is not said, cases that are open stay open, and those that the job opens
    /// are upheld.
    #[serde(default)]
    resolution: Option<CaseResolution>,
    /// Why, for other moderators.
    note: JobNote,
    /// Before which moment it does not begin, however early it is executed: up to 366 days ahead. Its items are chosen when it
    /// is planned all the same, and those that are changed by then are left alone.
    #[serde(default)]
    starts_at: Option<Timestamp>,
}

/// Why what a job did is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUndo {
    /// To whom it concerns.
    explanation: Explanation,
}

/// Why so many items were left alone, or would be.
#[derive(Debug, Serialize, ToSchema)]
struct LeftAlone {
    /// The code, as a request about the item alone would be answered with: `already_so`, `changed_since`, `not_allowed` …
    code: String,
    items: i64,
}

/// One of the items.
#[derive(Debug, Serialize, ToSchema)]
struct SampleView {
    subject: Subject,
    /// Whose it is.
    owner: Option<Author>,
    /// The beginning of what it says.
    excerpt: String,
}

/// What a job would come to besides.
#[derive(Debug, Serialize, ToSchema)]
struct PlanView {
    /// What `If-Match` says where the job is executed or approved.
    hash: String,
    /// Until when it can be executed, and after that, approved.
    expires_at: Timestamp,
    /// How many people are told.
    people: i64,
    /// How many votes there are on what it is about; they stay.
    votes: i64,
    /// Up to twenty of the items that it would do something about.
    samples: Vec<SampleView>,
}

impl PlanView {
    fn new(
        row: &mod_job::Model,
        (besides, samples): (SideEffects, Vec<Sample>),
        people: &HashMap<AccountId, Author>,
    ) -> Self {
        let sample = |one: Sample| SampleView {
            subject: Subject { kind: one.subject_kind, id: one.subject_id },
            owner: one.owner_id.and_then(|id| people.get(&id).cloned()),
            excerpt: one.excerpt,
        };
        Self {
            hash: row.plan_hash.clone(),
            expires_at: row.plan_expires_at.into(),
            people: besides.people,
            votes: besides.votes,
            samples: samples.into_iter().map(sample).collect(),
        }
    }
}

/// How many items have become what.
#[derive(Debug, Serialize, ToSchema)]
struct CountsView {
    total: i64,
    /// Those whose turn has not come.
    pending: i64,
    /// Those that were done.
    done: i64,
    /// Those that were so already.
    already: i64,
    /// Those that were left alone for another reason.
    skipped: i64,
    /// Those that went wrong.
    failed: i64,
    /// Those that were done, and taken back.
    undone: i64,
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts { pending, done, already, skipped, failed, undone } = counts;
        Self { total: counts.total(), pending, done, already, skipped, failed, undone }
    }
}

/// A bulk job, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
struct JobView {
    id: JobId,
    kind: JobKind,
    state: JobState,
    /// Null once their account was erased.
    author: Option<Author>,
    /// The job that it takes back.
    undoes: Option<JobId>,
    /// The jobs by which it is or was taken back.
    undone_by: Vec<JobId>,
    /// What is done to each, as it was ordered.
    #[schema(value_type = Vec<Object>)]
    actions: serde_json::Value,
    resolution: Option<CaseOutcome>,
    /// By what the items were chosen; null where they were named.
    #[schema(value_type = Option<Object>)]
    selector: Option<serde_json::Value>,
    /// Why, for other moderators; of a job that takes back, what those are told whom it concerns.
    note: String,
    /// Null once it was begun with, or called off.
    plan: Option<PlanView>,
    /// Why it takes a second person: `many_items`, `staff`, `without_end`, `for_good`; empty where one is enough.
    approval_reasons: Vec<String>,
    approved_by: Option<Author>,
    approved_at: Option<Timestamp>,
    counts: CountsView,
    /// Why items were left alone, or would be, the most first.
    left_alone: Vec<LeftAlone>,
    /// Items a second, over the last minute.
    rate: f64,
    /// How long it will still take, in seconds, at this rate; null while nobody knows.
    remaining_secs: Option<i64>,
    /// Before which moment it does not begin; null where it waits for none.
    starts_at: Option<Timestamp>,
    created_at: Timestamp,
    executed_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl JobView {
    async fn of(app: &App, db: &impl ConnectionTrait, row: mod_job::Model) -> Result<Self> {
        let view = Self::of_all(app, db, vec![row]).await?.pop();
        view.ok_or_else(|| Error::internal(anyhow::anyhow!("a job without a view")))
    }

    /// Several, in as many queries as one takes, and two for each that is but planned.
    async fn of_all(app: &App, db: &impl ConnectionTrait, rows: Vec<mod_job::Model>) -> Result<Vec<Self>> {
        let ids: Vec<JobId> = rows.iter().map(|row| row.id).collect();
        let mut progress = store::progress(db, &ids, app.now()).await?;
        let mut undone_by = store::undone_by(db, &ids).await?;
        let mut plans = HashMap::new();
        for row in &rows {
            if matches!(row.state, JobState::Planned | JobState::AwaitingApproval) {
                let besides = store::side_effects(db, row.id).await?;
                plans.insert(row.id, (besides, store::samples(db, row.id).await?));
            }
        }
        let of_samples = plans.values().flat_map(|(_, samples)| samples.iter().map(|one| one.owner_id));
        let named = rows.iter().flat_map(|row| [row.author_id, row.approved_by]).chain(of_samples);
        let people = authors(db, named.flatten().collect()).await?;
        let view = |row: mod_job::Model| {
            let plan = plans.remove(&row.id).map(|plan| PlanView::new(&row, plan, &people));
            let undone_by = undone_by.remove(&row.id).unwrap_or_default();
            let progress = progress.remove(&row.id).unwrap_or_default();
            Self::new(row, progress, (plan, undone_by), &people)
        };
        Ok(rows.into_iter().map(view).collect())
    }

    fn new(
        row: mod_job::Model,
        progress: Progress,
        (plan, undone_by): (Option<PlanView>, Vec<JobId>),
        people: &HashMap<AccountId, Author>,
    ) -> Self {
        let person = |id: Option<AccountId>| id.and_then(|id| people.get(&id).cloned());
        let remaining = progress.counts.pending * 60 / progress.last_minute.max(1);
        let goes_on = row.state == JobState::Running && progress.last_minute > 0;
        let tenths = progress.last_minute * 10 / 60;
        Self {
            id: row.id,
            kind: row.kind,
            state: row.state,
            author: person(row.author_id),
            undoes: row.undoes_id,
            undone_by,
            actions: row.orders,
            resolution: row.resolution,
            selector: row.selector,
            note: row.note,
            plan,
            approval_reasons: row.approval_reasons,
            approved_by: person(row.approved_by),
            approved_at: row.approved_at.map(Into::into),
            counts: progress.counts.into(),
            left_alone: progress
                .left_alone
                .into_iter()
                .map(|(code, items)| LeftAlone { code, items })
                .collect(),
            rate: f64::from(i32::try_from(tenths).unwrap_or(i32::MAX)) / 10.0,
            remaining_secs: goes_on.then_some(remaining),
            starts_at: row.starts_at.map(Into::into),
            created_at: row.created_at.into(),
            executed_at: row.executed_at.map(Into::into),
            finished_at: row.finished_at.map(Into::into),
        }
    }
}

impl JobView {
    /// After how many seconds it is worth being looked at again; nothing where it goes no further by itself.
    fn worth_another_look(&self, now: Time) -> Option<i64> {
        let until_start = self.starts_at.map(|start| (Time::from(start) - now).num_seconds() + 1);
        match self.state {
            JobState::Queued if until_start.is_some_and(|left| left > 0) => Some(until_start?.clamp(1, 3600)),
            JobState::Queued | JobState::Running => Some(self.remaining_secs.unwrap_or(1).clamp(1, 60)),
            _ => None,
        }
    }
}

/// Plan a bulk job
///
/// Does nothing yet: it says what would come of it, item by item as things are, and for fifteen minutes can be executed so.
/// What was chosen stays chosen; what is changed meanwhile is left alone.
#[utoipa::path(post, path = "/mod/jobs", tag = "bulk jobs", request_body = NewJob, responses((status = 201, body = JobView)), security(("bearer" = [])))]
async fn plan_job(State(app): State<App>, actor: Actor, create: Create<NewJob, MAX_ITEMS>) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Moderate)?;
    let permit = actor.may(PlanJobs)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let job = store::plan(&app, &tx, &actor, &permit, read(new)?).await?;
    let answer = created(&JobView::of(&app, tx.conn(), job).await?)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

fn created(view: &JobView) -> Result<Answer> {
    Answer::created(format!("/api/v1/mod/jobs/{}", view.id), view, Cache::No)
}

/// What a request asks for, if it makes sense.
fn read(new: NewJob) -> Result<New> {
    let subjects = match (new.subjects, new.selector) {
        (Some(named), None) => Subjects::Named(named.kind, named.ids.0),
        (None, Some(selector)) => Subjects::Chosen(selector),
        (None, None) => return Err(Error::field("subjects", "missing", "Name them, or send a selector.")),
        (Some(_), Some(_)) => {
            return Err(Error::field("selector", "does_not_fit", "Name them or choose them, not both."));
        }
    };
    let resolution: Option<CaseOutcome> = new.resolution.map(Into::into);
    if new.actions.is_empty() && resolution.is_none() {
        return Err(Error::field(
            "actions",
            "missing",
            "Say what is to be done, or how the cases are decided.",
        ));
    }
    if !new.actions.is_empty() && resolution.is_some_and(|outcome| outcome != CaseOutcome::Upheld) {
        return Err(Error::field("resolution", "does_not_fit", "Where no rule was broken, nothing is done."));
    }
    let orders = orders(new.actions)?;
    Ok(New { subjects, orders, resolution, note: new.note.into(), starts_at: new.starts_at.map(Into::into) })
}

/// Which jobs are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobQuery {
    /// Only those that stand there.
    #[param(inline)]
    state: Option<JobState>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List bulk jobs
///
/// One's own; with `job.bulk` for the whole site, everybody's that are not about the reader. The last first.
#[utoipa::path(get, path = "/mod/jobs", tag = "bulk jobs", params(JobQuery), responses((status = 200, body = Page<JobView>)), security(("bearer" = [])))]
async fn list_jobs(State(app): State<App>, actor: Actor, Query(query): Query<JobQuery>) -> Result<Answer> {
    actor.may(PlanJobs)?;
    let reader = actor.require()?.id;
    let list = format!("jobs/{reader}/{:?}", query.state);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let of_all = actor.has(Permission::JobBulk, Place::Site);
    let snapshot = app.snapshot().await?;
    let listed = Listed { reader, of_all, state: query.state };
    let rows = store::list(&snapshot, listed, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = JobView::of_all(&app, &snapshot, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// The job, as far as the reader may see it.
async fn shown(app: &App, actor: &Actor, id: JobId) -> Result<JobView> {
    let reader = actor.require()?.id;
    let snapshot = app.snapshot().await?;
    let job = store::find(&snapshot, id, reader).await?;
    actor.may(HandleJob(&job))?;
    JobView::of(app, &snapshot, job).await
}

/// Read a bulk job
///
/// With how far it has come.
#[utoipa::path(get, path = "/mod/jobs/{id}", tag = "bulk jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn read_job(State(app): State<App>, actor: Actor, Path(id): Path<JobId>) -> Result<Response> {
    let job = shown(&app, &actor, id).await?;
    let retry_after = job.worth_another_look(app.now()).map(|seconds| [(header::RETRY_AFTER, seconds)]);
    Ok((retry_after, Answer::ok(&job, Cache::No)?).into_response())
}

/// An item of a bulk job.
#[derive(Debug, Serialize, ToSchema)]
struct JobItemView {
    /// Its place, from 0.
    ordinal: i32,
    subject: Subject,
    /// The topic that it is in, or is.
    topic_id: Option<TopicId>,
    /// Whose it is; null where it is not there, or their account was erased.
    owner: Option<Author>,
    /// The version that it had when the job was planned.
    revision: i32,
    state: ItemState,
    /// Why it was left alone, or went wrong.
    code: Option<String>,
    finished_at: Option<Timestamp>,
}

/// Which items are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemQuery {
    /// Only those that became this: `skipped` lists the conflicts.
    #[param(inline)]
    state: Option<ItemState>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List the items of a bulk job
///
/// In their order, with what became of each.
#[utoipa::path(get, path = "/mod/jobs/{id}/items", tag = "bulk jobs", params(("id" = JobId, Path), ItemQuery), responses((status = 200, body = Page<JobItemView>)), security(("bearer" = [])))]
async fn list_job_items(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<JobId>,
    Query(query): Query<ItemQuery>,
) -> Result<Answer> {
    let reader = actor.require()?.id;
    let job = store::find(&app.db, id, reader).await?;
    actor.may(HandleJob(&job))?;
    let list = format!("jobs/{id}/items/{reader}/{:?}", query.state);
    let after = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::items(&app.db, id, query.state, after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.ordinal));
    let people = authors(&app.db, page.items.iter().filter_map(|row| row.owner_id).collect()).await?;
    let view = |row: mod_job_item::Model| JobItemView {
        ordinal: row.ordinal,
        subject: Subject { kind: row.subject_kind, id: row.subject_id },
        topic_id: row.topic_id,
        owner: row.owner_id.and_then(|id| people.get(&id).cloned()),
        revision: row.revision,
        state: row.state,
        code: row.code,
        finished_at: row.finished_at.map(Into::into),
    };
    let items = page.items.into_iter().map(view).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// How often a watched job is looked at.
const WATCH_EVERY: Duration = Duration::from_millis(500);

/// Watch a bulk job
///
/// Server-sent events: `progress` with the job, whenever something has changed, until it is over. It ends as well where the
/// reader may not see the job any more, and where the server ends.
#[utoipa::path(get, path = "/mod/jobs/{id}/events", tag = "bulk jobs", params(("id" = JobId, Path)), responses((status = 200, content_type = "text/event-stream", body = String)), security(("bearer" = [])))]
async fn watch_job(State(app): State<App>, actor: Actor, Path(id): Path<JobId>) -> Result<Response> {
    let first = shown(&app, &actor, id).await?;
    let watcher = Watcher { app, actor, next: Some(first), last: String::new() };
    let events = stream::unfold(watcher, Watcher::step);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    let no_store = axum::http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(axum::http::header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Somebody who watches a job.
struct Watcher {
    app: App,
    actor: Actor,
    /// What they are told next; nothing once it is over.
    next: Option<JobView>,
    /// What they were told last.
    last: String,
}

impl Watcher {
    async fn step(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let mut view = self.next.take()?;
        loop {
            let text = serde_json::to_string(&view).ok()?;
            if text != self.last {
                let is_over = view.state.is_over();
                let id = view.id;
                self.next = if is_over { None } else { Some(view) };
                self.last.clone_from(&text);
                return Some((Ok(Event::default().event("progress").id(id.to_string()).data(text)), self));
            }
            let mut stopping = self.app.stopping.subscribe();
            tokio::select! {
                () = tokio::time::sleep(WATCH_EVERY) => {}
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            }
            view = self.look(view.id).await?;
        }
    }

    /// The job as it is, for the reader as they stand now.
    async fn look(&mut self, id: JobId) -> Option<JobView> {
        let present = auth::again(&self.app, &self.actor).await.ok()??;
        present.may(PlanJobs).ok()?;
        shown(&self.app, &present, id).await.ok()
    }
}

/// Has a job go where somebody moves it, commits that, and shows it. Where it stands there already, nothing happens.
async fn moves(
    app: &App,
    actor: &Actor,
    id: JobId,
    if_match: Option<IfMatch>,
    (verb, act): (&'static str, Move),
) -> Result<Answer> {
    let reader = actor.require()?.id;
    let tx = app.begin_as(actor).await?;
    let job = store::find_for_update(&tx, id, reader).await?;
    let act = match act {
        Move::Execute { .. } => {
            actor.may(ExecuteJob(&job))?;
            Move::Execute { needs_approval: !job.approval_reasons.is_empty() }
        }
        Move::Approve => {
            actor.may(ApproveJob(&job))?;
            act
        }
        Move::Pause | Move::Resume | Move::Cancel => {
            actor.may(HandleJob(&job))?;
            act
        }
    };
    if let Some(if_match) = if_match {
        if_match.check_hash(&job.plan_hash)?;
    }
    let Some(to) = job.state.after(act)? else {
        return Answer::ok(&JobView::of(app, tx.conn(), job).await?, Cache::No);
    };
    let data = json!({ "from": job.state, "to": to });
    let job = store::go(app, &tx, actor, job, (act, to)).await?;
    let answer = Answer::ok(&JobView::of(app, tx.conn(), job).await?, Cache::No)?;
    let entry = audit::Entry { object: Some(Object::job(id)), data, ..actor.entry(verb) };
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Execute a bulk job
///
/// `If-Match` is the hash of its plan. A job that takes a second person waits for them; others begin. A session takes a
/// recent proof of who one is.
#[utoipa::path(post, path = "/mod/jobs/{id}/execute", tag = "bulk jobs", params(("id" = JobId, Path), ("If-Match" = String, Header)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn execute_job(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<JobId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.may(PlanJobs)?;
    actor.require_fresh(app.fresh_since())?;
    moves(&app, &actor, id, Some(if_match), ("execute_job", Move::Execute { needs_approval: false })).await
}

/// Agree to a bulk job
///
/// As the second person, in a session with a recent proof of who one is. `If-Match` is the hash of the plan.
#[utoipa::path(post, path = "/mod/jobs/{id}/approve", tag = "bulk jobs", params(("id" = JobId, Path), ("If-Match" = String, Header)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn approve_job(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<JobId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.may(PlanJobs)?;
    actor.require_fresh_session(app.fresh_since())?;
    moves(&app, &actor, id, Some(if_match), ("approve_job", Move::Approve)).await
}

/// Have a bulk job wait
///
/// When this is answered, no further item is begun with.
#[utoipa::path(post, path = "/mod/jobs/{id}/pause", tag = "bulk jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn pause_job(State(app): State<App>, actor: Actor, Path(id): Path<JobId>) -> Result<Answer> {
    actor.may(PlanJobs)?;
    moves(&app, &actor, id, None, ("pause_job", Move::Pause)).await
}

/// Go on with a bulk job
#[utoipa::path(post, path = "/mod/jobs/{id}/resume", tag = "bulk jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn resume_job(State(app): State<App>, actor: Actor, Path(id): Path<JobId>) -> Result<Answer> {
    actor.may(PlanJobs)?;
    moves(&app, &actor, id, None, ("resume_job", Move::Resume)).await
}

/// Call a bulk job off
///
/// What was done by then stays done, and can be undone; the rest is left alone.
#[utoipa::path(post, path = "/mod/jobs/{id}/cancel", tag = "bulk jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobView)), security(("bearer" = [])))]
async fn cancel_job(State(app): State<App>, actor: Actor, Path(id): Path<JobId>) -> Result<Answer> {
    actor.may(PlanJobs)?;
    moves(&app, &actor, id, None, ("cancel_job", Move::Cancel)).await
}

/// Plan to undo a bulk job
///
/// Another job, which is planned and executed as any: it takes back each thing that the job did, where it is still so. What
/// was changed since is left alone and listed.
#[utoipa::path(post, path = "/mod/jobs/{id}/undo", tag = "bulk jobs", params(("id" = JobId, Path)), request_body = NewUndo, responses((status = 201, body = JobView)), security(("bearer" = [])))]
async fn undo_job(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<JobId>,
    Body(new): Body<NewUndo>,
) -> Result<Answer> {
    actor.may(PlanJobs)?;
    let reader = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let job = store::find_for_update(&tx, id, reader).await?;
    let permit = actor.may(HandleJob(&job))?;
    let undo = store::plan_undo(&app, &tx, &permit, new.explanation.to_string()).await?;
    let answer = created(&JobView::of(&app, tx.conn(), undo).await?)?;
    tx.commit().await?;
    Ok(answer)
}

/// Every path about bulk jobs.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs, plan_job))
        .routes(routes!(read_job))
        .routes(routes!(list_job_items))
        .routes(routes!(watch_job))
        .routes(routes!(execute_job))
        .routes(routes!(approve_job))
        .routes(routes!(pause_job))
        .routes(routes!(resume_job))
        .routes(routes!(cancel_job))
        .routes(routes!(undo_job))
}
