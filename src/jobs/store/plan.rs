//! Planning: what is chosen, and what would come of it.

use std::collections::HashMap;

use base64::Engine;
use chrono::TimeDelta;
use sea_orm::sea_query::{Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::require_undoable;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, insert, insert_all, sql};
use crate::decisions::rules::{ActionKind, SanctionKind, SubjectKind};
use crate::entity::{mod_job, mod_job_item, moderation_case, post, report, rule_hit, topic_tag};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, JobId, PostId};
use crate::jobs::rules::{ItemState, JobKind, JobState, Selector, Weight, check_start};
use crate::keys::sha256;
use crate::moderation::rules::CaseOutcome;
use crate::moderation::{self, Order, Planned};
use crate::policy::{Actor, HandleJob, Permit, PlanJobs};
use crate::posts::rules::PostStatus;
use crate::roles::rules::{Permission, Place};

/// So many items a job has at the most.
pub(in crate::jobs) const MAX_ITEMS: usize = 10_000;

/// What a job is about.
#[derive(Debug)]
pub(in crate::jobs) enum Subjects {
    /// These of a kind.
    Named(SubjectKind, Vec<Uuid>),
    /// Those that this chooses.
    Chosen(Selector),
}

/// A job to be planned.
#[derive(Debug)]
pub(in crate::jobs) struct New {
    pub(in crate::jobs) subjects: Subjects,
    pub(in crate::jobs) orders: Vec<Order>,
    pub(in crate::jobs) resolution: Option<CaseOutcome>,
    pub(in crate::jobs) note: String,
    pub(in crate::jobs) starts_at: Option<Time>,
}

/// Plans a job: what would come of it for each of its items, as things are.
///
/// # Errors
/// 422 where something does not fit, or nothing is chosen, or too much.
pub(in crate::jobs) async fn plan(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<PlanJobs>,
    new: New,
) -> Result<mod_job::Model> {
    let soonest = app.now();
    if let Some(wrong) = new.starts_at.and_then(|start| check_start(start, soonest)) {
        return Err(Error::fields(vec![wrong]));
    }
    let (kind, ids, selector) = match new.subjects {
        Subjects::Named(kind, ids) => (kind, ids, None),
        Subjects::Chosen(selector) => {
            let ids = choose(tx.conn(), actor, &selector).await?;
            (selector.kind, ids, Some(serde_json::to_value(&selector).map_err(Error::internal)?))
        }
    };
    let planned =
        moderation::plan(app, tx.conn(), actor, (kind, &ids), (&new.orders, new.resolution)).await?;
    let open = planned.iter().filter(|item| item.blocked.is_none());
    let weight = Weight {
        items: open.clone().count(),
        of_staff: open.clone().any(|item| item.of_staff),
        without_end: new.orders.iter().any(|order| keeps_from(order.kind) && order.ends_at.is_none()),
        for_good: new.orders.iter().any(|order| order.kind == ActionKind::Purge),
    };
    let orders = serde_json::to_value(&new.orders).map_err(Error::internal)?;
    let items = planned.iter().map(item).collect();
    let draft = Draft {
        kind: JobKind::Act,
        undoes_id: None,
        orders,
        resolution: new.resolution,
        selector,
        note: new.note,
        starts_at: new.starts_at,
        weight,
    };
    insert_plan(app, tx, permit.by(), draft, items).await
}

/// Whether an action keeps people from something, for as long as it lasts.
fn keeps_from(kind: ActionKind) -> bool {
    kind.sanction().is_some_and(|sanction| sanction != SanctionKind::Warn)
}

/// A planned item; `job_id` and `ordinal` are filled in when the job is kept.
fn item(planned: &Planned) -> mod_job_item::Model {
    mod_job_item::Model {
        job_id: JobId(Uuid::nil()),
        ordinal: 0,
        subject_kind: planned.subject.kind,
        subject_id: planned.subject.id,
        owner_id: planned.owner_id,
        topic_id: planned.topic_id,
        revision: planned.revision,
        state: if planned.blocked.is_some() { ItemState::Skipped } else { ItemState::Pending },
        code: planned.blocked.map(str::to_owned),
        finished_at: None,
    }
}

/// What a plan consists of, but for its items.
struct Draft {
    kind: JobKind,
    undoes_id: Option<JobId>,
    orders: serde_json::Value,
    resolution: Option<CaseOutcome>,
    selector: Option<serde_json::Value>,
    note: String,
    starts_at: Option<Time>,
    weight: Weight,
}

async fn insert_plan(
    app: &App,
    tx: &Tx,
    by: AccountId,
    draft: Draft,
    mut items: Vec<mod_job_item::Model>,
) -> Result<mod_job::Model> {
    let (id, now): (JobId, Time) = (app.ids.next(), app.now());
    for (ordinal, item) in (0..).zip(&mut items) {
        (item.job_id, item.ordinal) = (id, ordinal);
    }
    let limit = usize::try_from(app.config.jobs.second_person_above).unwrap_or(usize::MAX);
    let reasons = draft.weight.approval_reasons(limit);
    let row = mod_job::Model {
        id,
        kind: draft.kind,
        state: JobState::Planned,
        author_id: Some(by),
        credential_id: None,
        undoes_id: draft.undoes_id,
        plan_hash: hash(&draft, &items),
        orders: draft.orders,
        resolution: draft.resolution,
        selector: draft.selector,
        note: draft.note,
        starts_at: draft.starts_at,
        plan_expires_at: now + TimeDelta::minutes(app.config.jobs.plan_minutes.into()),
        approval_reasons: reasons.into_iter().map(str::to_owned).collect(),
        approved_by: None,
        approved_at: None,
        approval_credential_id: None,
        created_at: now,
        executed_at: None,
        finished_at: None,
        turn_at: now,
    };
    insert(tx, row.clone()).await?;
    insert_all(tx, items).await?;
    Ok(row)
}

/// What is agreed to by whoever repeats it: what is done, to what, in which version, and what is left alone.
fn hash(draft: &Draft, items: &[mod_job_item::Model]) -> String {
    let items: Vec<_> = items.iter().map(|item| (item.subject_id, item.revision, &item.code)).collect();
    let plan = serde_json::json!({
        "kind": draft.kind,
        "undoes": draft.undoes_id,
        "actions": draft.orders,
        "resolution": draft.resolution,
        "starts_at": draft.starts_at,
        "items": items,
    });
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(sha256(plan.to_string().as_bytes()))
}

/// What a selector chooses, in the order in which it was made: of what whoever asks may act on in bulk, so that what is out of
/// sight elsewhere cannot be guessed at; and nothing of their own, so that nobody learns what was reported of them.
async fn choose(db: &impl ConnectionTrait, actor: &Actor, selector: &Selector) -> Result<Vec<Uuid>> {
    let wrong = selector.check();
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    let who = actor.require()?;
    let mut posts = post::Entity::find()
        .select_only()
        .filter(post::Column::Status.ne(PostStatus::Deleted))
        .filter(post::Column::AuthorId.ne(who.id));
    if !who.powers.include(Permission::JobBulk, Place::Site) {
        let (topics, tags) = who.powers.scopes_of(Permission::JobBulk);
        let tagged: SelectStatement = Query::select()
            .column(topic_tag::Column::TopicId)
            .from(topic_tag::Entity)
            .and_where(Expr::col(topic_tag::Column::Tag).is_in(tags))
            .take();
        let within = Condition::any()
            .add(post::Column::TopicId.is_in(topics))
            .add(post::Column::TopicId.in_subquery(tagged));
        posts = posts.filter(within);
    }
    if let Some(topic) = selector.topic_id {
        posts = posts.filter(post::Column::TopicId.eq(topic));
    }
    if !selector.author_ids.is_empty() {
        posts = posts.filter(post::Column::AuthorId.is_in(selector.author_ids.iter().copied()));
    }
    if let Some(from) = selector.from {
        posts = posts.filter(post::Column::CreatedAt.gte(Time::from(from)));
    }
    if let Some(until) = selector.until {
        posts = posts.filter(post::Column::CreatedAt.lt(Time::from(until)));
    }
    if let Some(phrase) = &selector.contains {
        let body = Func::lower(Expr::col((post::Entity, post::Column::Body)));
        let place = Func::cust("strpos").arg(body).arg(phrase.as_str().to_lowercase());
        posts = posts.filter(Expr::expr(place).gt(0));
    }
    if let Some(rule) = selector.met_by {
        let met: SelectStatement = Query::select()
            .column(rule_hit::Column::PostId)
            .from(rule_hit::Entity)
            .and_where(Expr::col(rule_hit::Column::RuleId).eq(rule))
            .take();
        posts = posts.filter(post::Column::Id.in_subquery(met));
    }
    if let Some(rule) = &selector.reported_for {
        let reported: SelectStatement = Query::select()
            .column((moderation_case::Entity, moderation_case::Column::SubjectPostId))
            .from(report::Entity)
            .inner_join(
                moderation_case::Entity,
                Expr::col((moderation_case::Entity, moderation_case::Column::Id))
                    .equals((report::Entity, report::Column::CaseId)),
            )
            .and_where(Expr::col((report::Entity, report::Column::RuleCode)).eq(rule.as_str()))
            .and_where(Expr::col((report::Entity, report::Column::Outcome)).is_null())
            .and_where(
                Expr::col((moderation_case::Entity, moderation_case::Column::SubjectPostId)).is_not_null(),
            )
            .take();
        posts = posts.filter(post::Column::Id.in_subquery(reported));
    }
    let limit = MAX_ITEMS as u64 + 1;
    let ids: Vec<Uuid> = if selector.kind == SubjectKind::Account {
        let authors =
            posts.column(post::Column::AuthorId).filter(post::Column::AuthorId.is_not_null()).distinct();
        authors.order_by_asc(post::Column::AuthorId).limit(limit).into_tuple().all(db).await?
    } else {
        let posts = posts.column(post::Column::Id).order_by_asc(post::Column::Id).limit(limit);
        let ids: Vec<PostId> = posts.into_tuple().all(db).await?;
        ids.into_iter().map(|id| id.0).collect()
    };
    match ids.len() {
        0 => Err(Error::field("selector", "no_match", "It chooses nothing.")),
        n if n > MAX_ITEMS => Err(Error::field(
            "selector",
            "too_many",
            format!("It chooses more than {MAX_ITEMS}: narrow it, and repeat it."),
        )),
        _ => Ok(ids),
    }
}

#[derive(FromQueryResult)]
struct Standing {
    ordinal: i32,
    /// Nothing that it did stands, nor is its case decided by that still.
    is_undone: bool,
    is_changed: bool,
    is_purged: bool,
}

/// Plans to take back what a job did, as far as it is still so.
///
/// # Errors
/// 409 where it cannot be taken back, or nothing is left of it.
pub(in crate::jobs) async fn plan_undo(
    app: &App,
    tx: &Tx,
    permit: &Permit<HandleJob<'_>>,
    explanation: String,
) -> Result<mod_job::Model> {
    let job = permit.act().0;
    require_undoable(app, job)?;
    let done = mod_job_item::Entity::find()
        .filter(mod_job_item::Column::JobId.eq(job.id))
        .filter(mod_job_item::Column::State.eq(ItemState::Done))
        .order_by_asc(mod_job_item::Column::Ordinal);
    let done = done.all(tx.conn()).await?;
    let has_orders = job.orders.as_array().is_some_and(|orders| !orders.is_empty());
    if done.is_empty() || !(has_orders || job.resolution.is_some()) {
        return Err(Code::NothingToUndo.error("It changed nothing that could be put back."));
    }
    // What was restricted is compared when it is its turn.
    let statement =
        "SELECT i.ordinal,
                coalesce(bool_and(EXISTS (SELECT FROM mod_action r WHERE r.reverts_id = a.id)), true)
                    AND NOT EXISTS (
                        SELECT FROM moderation_case c
                        CROSS JOIN LATERAL (SELECT e.batch_id FROM case_event e
                                            WHERE e.case_id = c.id AND e.kind = 'resolved'
                                            ORDER BY e.seq DESC LIMIT 1) last
                        WHERE i.subject_id IN (c.subject_post_id, c.subject_topic_id, c.subject_account_id)
                          AND c.state = 'resolved' AND last.batch_id = i.job_id) AS is_undone,
                coalesce(bool_or(a.after_image->>'status' IS DISTINCT FROM coalesce(p.status, t.status))
                         FILTER (WHERE a.after_image->>'status' IS NOT NULL
                                   AND NOT EXISTS (SELECT FROM mod_action r WHERE r.reverts_id = a.id)), false)
                    AS is_changed,
                coalesce(bool_or(a.kind = 'purge'), false) AS is_purged
         FROM mod_job_item i
         LEFT JOIN mod_action a ON a.batch_id = i.job_id AND a.kind <> 'revert'
              AND coalesce(a.subject_post_id, a.subject_topic_id, a.subject_account_id) = i.subject_id
         LEFT JOIN post p ON p.id = a.subject_post_id
         LEFT JOIN topic t ON t.id = a.subject_topic_id
         WHERE i.job_id = $1 AND i.state = 'done' GROUP BY i.job_id, i.ordinal, i.subject_id";
    let standing: Vec<Standing> = all(tx.conn(), sql(statement, [job.id.into()])).await?;
    let standing: HashMap<i32, Standing> = standing.into_iter().map(|row| (row.ordinal, row)).collect();
    let items: Vec<mod_job_item::Model> = done
        .into_iter()
        .map(|row| {
            let blocked = standing.get(&row.ordinal).and_then(|found| match found {
                Standing { is_undone: true, .. } => Some(Code::AlreadySo.name()),
                Standing { is_purged: true, .. } => Some(Code::NothingToUndo.name()),
                Standing { is_changed: true, .. } => Some(Code::ChangedSince.name()),
                _ => None,
            });
            let state = if blocked.is_some() { ItemState::Skipped } else { ItemState::Pending };
            mod_job_item::Model { state, code: blocked.map(str::to_owned), finished_at: None, ..row }
        })
        .collect();
    let weight = Weight {
        items: items.iter().filter(|item| item.state == ItemState::Pending).count(),
        of_staff: job.approval_reasons.iter().any(|reason| reason == "staff"),
        without_end: false,
        for_good: false,
    };
    let draft = Draft {
        kind: JobKind::Undo,
        undoes_id: Some(job.id),
        orders: serde_json::json!([]),
        resolution: None,
        selector: None,
        note: explanation,
        starts_at: None,
        weight,
    };
    insert_plan(app, tx, permit.by(), draft, items).await
}
