//! Seeing to the items of jobs, one after another.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::{JobState, Of, end_undo, ended, forget_passages, locked, progress};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::auth;
use crate::db::{Tx, sql, update};
use crate::decisions::rules::{ActionKind, Subject};
use crate::entity::{mod_job, mod_job_item};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, SessionId};
use crate::jobs::rules::{ItemState, JobKind};
use crate::moderation::{self, Order};
use crate::policy::{Actor, ApproveJob};

/// So many jobs are tried, should others be at them.
const TRIED: i64 = 10;

/// What came of seeing to an item.
enum Seen {
    /// It was done, or was so already; it was marked, and that is durable.
    To,
    /// Another server has it, or the job does not go on.
    ToByOthers,
}

/// Sees to one item of the job that waited longest for its turn, or ends that job where none is left; says whether there
/// was any that no other server is at.
///
/// # Errors
/// The database is away, or gave the transaction up: nothing was done, and it is tried again.
pub async fn run_next(app: &App) -> Result<bool> {
    // Of those that were to begin at one moment, and those that were resumed, no more go on at a time than anybody may begin.
    let statement = "SELECT j.* FROM mod_job j
         WHERE j.state IN ('queued', 'running') AND (j.starts_at IS NULL OR j.starts_at <= $1)
           AND (SELECT count(*) FROM mod_job o
                WHERE o.author_id = j.author_id AND o.state IN ('queued', 'running')
                  AND (o.starts_at IS NULL OR o.starts_at <= $1)
                  AND (o.executed_at, o.id) < (j.executed_at, j.id)) < $2
         ORDER BY j.turn_at, j.id LIMIT $3";
    let values = [app.now().into(), i64::from(app.config.jobs.at_a_time).into(), TRIED.into()];
    let waiting = mod_job::Entity::find().from_raw_sql(sql(statement, values));
    for job in waiting.all(&app.db).await? {
        let next = mod_job_item::Entity::find()
            .filter(mod_job_item::Column::JobId.eq(job.id))
            .filter(mod_job_item::Column::State.eq(ItemState::Pending))
            .order_by_asc(mod_job_item::Column::Ordinal)
            .one(&app.db)
            .await?;
        let seen = match next {
            Some(item) => see_to(app, &job, &item).await?,
            None => finish(app, &job).await?,
        };
        if matches!(seen, Seen::To) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sees to an item in the name of whoever asked for it, as they stand now.
async fn see_to(app: &App, job: &mod_job::Model, item: &mod_job_item::Model) -> Result<Seen> {
    let refused = match author(app, job).await? {
        Some(actor) if is_agreed_to(app, job).await? => match perform(app, &actor, job, item).await {
            Ok(seen) => return Ok(seen),
            Err(error) if error.code == Code::Unavailable => return Err(error),
            Err(error) => error,
        },
        Some(_) => Code::NotAllowed.error("Whoever agreed to it could not do so any more."),
        None => Code::NotAllowed.error("Whoever asked for it is gone."),
    };
    leave_alone(app, job, item, &refused).await
}

/// Whoever asked for a job, as they stand now.
async fn author(app: &App, job: &mod_job::Model) -> Result<Option<Actor>> {
    match (job.author_id, job.credential_id) {
        (Some(author), Some(credential)) => auth::on_behalf(app, author, SessionId(credential)).await,
        _ => Ok(None),
    }
}

/// Whether the second person, where the job takes one, might agree to it as they stand now.
async fn is_agreed_to(app: &App, job: &mod_job::Model) -> Result<bool> {
    if job.approval_reasons.is_empty() {
        return Ok(true);
    }
    let Some(approver) = job.approved_by else {
        return Ok(false);
    };
    let agreed_with = SessionId(job.approval_credential_id.unwrap_or_default());
    let approver = auth::on_behalf(app, approver, agreed_with).await?;
    Ok(approver.is_some_and(|approver| approver.may(ApproveJob(job)).is_ok()))
}

/// Does what is to be done about an item, and marks it, in one transaction.
async fn perform(app: &App, actor: &Actor, job: &mod_job::Model, item: &mod_job_item::Model) -> Result<Seen> {
    let mut tx = app.begin_as(actor).await?;
    // Nobody was told yet: readers do not look again for each item.
    tx.changes_unnoticed();
    match perform_in(app, &tx, actor, job, item).await {
        Ok(Seen::To) => {
            tx.commit().await?;
            Ok(Seen::To)
        }
        seen => {
            // Before it is said why it is left alone: that takes the same lock.
            tx.undo().await?;
            seen
        }
    }
}

async fn perform_in(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    job: &mod_job::Model,
    item: &mod_job_item::Model,
) -> Result<Seen> {
    // Before all that people wait for: of several servers one has the job, and none waits for it.
    if !tx.try_queue(&format!("mod job {}", job.id)).await? {
        return Ok(Seen::ToByOthers);
    }
    let orders: Vec<Order> = serde_json::from_value(job.orders.clone()).map_err(Error::internal)?;
    moderation::hold_back(tx, &orders, item.owner_id.unwrap_or(AccountId(uuid::Uuid::nil()))).await?;
    let Some((mut job, mut item)) = take(tx, job, item).await? else {
        return Ok(Seen::ToByOthers);
    };
    let subject = Subject { kind: item.subject_kind, id: item.subject_id };
    let changed = if let (JobKind::Undo, Some(undoes)) = (job.kind, job.undoes_id) {
        let what = (subject, undoes.0);
        moderation::take_back_item(app, tx, actor, what, (&job.note, job.id.0)).await?
    } else {
        let what = (subject, item.revision);
        moderation::act_on_item(app, tx, actor, what, (&orders, job.resolution), job.id.0).await?
    };
    if orders.iter().any(|order| order.kind == ActionKind::Purge) {
        forget_passages(tx, Of::Subject(item.subject_id), app.now()).await?;
    }
    item.finished_at = Some(app.now());
    (item.state, item.code) = if changed {
        (ItemState::Done, None)
    } else {
        (ItemState::Skipped, Some(Code::AlreadySo.name().to_owned()))
    };
    if let Some(undoes) = job.undoes_id {
        let statement = "UPDATE mod_job_item SET state = 'undone' WHERE job_id = $1 AND subject_id = $2";
        tx.conn().execute_raw(sql(statement, [undoes.into(), item.subject_id.into()])).await?;
    }
    update(tx, item).await?;
    (job.state, job.turn_at) = (JobState::Running, app.now());
    update(tx, job).await?;
    Ok(Seen::To)
}

/// A job and one of its items, locked, if it goes on and nobody saw to the item since.
async fn take(
    tx: &Tx,
    job: &mod_job::Model,
    item: &mod_job_item::Model,
) -> Result<Option<(mod_job::Model, mod_job_item::Model)>> {
    let job = locked(tx, job.id).await?;
    if !matches!(job.state, JobState::Queued | JobState::Running) {
        return Ok(None);
    }
    let item = mod_job_item::Entity::find_by_id((item.job_id, item.ordinal))
        .filter(mod_job_item::Column::State.eq(ItemState::Pending))
        .lock_exclusive()
        .one(tx.conn())
        .await?;
    Ok(item.map(|item| (job, item)))
}

/// Marks an item as left alone, and why.
async fn leave_alone(
    app: &App,
    job: &mod_job::Model,
    item: &mod_job_item::Model,
    why: &Error,
) -> Result<Seen> {
    let tx = app.begin().await?;
    if !tx.try_queue(&format!("mod job {}", job.id)).await? {
        return Ok(Seen::ToByOthers);
    }
    let Some((mut job, mut item)) = take(&tx, job, item).await? else {
        return Ok(Seen::ToByOthers);
    };
    let went_wrong = why.code.status() >= 500;
    if went_wrong {
        let cause = why.source.as_ref().map(|cause| format!("{cause:#}"));
        tracing::error!(job = %job.id, item = item.ordinal, error = %why, cause, "an item of a job went wrong");
    }
    // Of what does not fit, the field says more than that it does not.
    let code = why.fields.first().map_or_else(|| why.code.name().into(), |field| field.code.clone());
    item.state = if went_wrong { ItemState::Failed } else { ItemState::Skipped };
    item.code = Some(code.into_owned());
    item.finished_at = Some(app.now());
    update(&tx, item).await?;
    (job.state, job.turn_at) = (JobState::Running, app.now());
    update(&tx, job).await?;
    tx.commit().await?;
    Ok(Seen::To)
}

/// Ends a job whose items have all been seen to.
async fn finish(app: &App, job: &mod_job::Model) -> Result<Seen> {
    let tx = app.begin().await?;
    if !tx.try_queue(&format!("mod job {}", job.id)).await? {
        return Ok(Seen::ToByOthers);
    }
    let mut job = locked(&tx, job.id).await?;
    if !matches!(job.state, JobState::Queued | JobState::Running) {
        return Ok(Seen::ToByOthers);
    }
    let now = app.now();
    let found = progress(tx.conn(), &[job.id], now).await?;
    let counts = found.get(&job.id).map(|progress| progress.counts).unwrap_or_default();
    (job.state, job.finished_at) = (counts.outcome(), Some(now));
    if let Some(undoes) = job.undoes_id {
        end_undo(&tx, undoes, now).await?;
    }
    let left_alone: HashMap<String, i64> =
        found.into_values().flat_map(|progress| progress.left_alone).collect();
    let entry = Entry {
        actor_id: job.author_id,
        session_id: job.credential_id.map(SessionId),
        object: Some(Object::job(job.id)),
        data: json!({ "state": job.state, "done": counts.done, "left_alone": left_alone }),
        ..Entry::of("finish_job")
    };
    tracing::info!(job = %job.id, state = ?job.state, done = counts.done, ?left_alone, "a bulk job has ended");
    ended(app, &tx, &job).await?;
    update(&tx, job).await?;
    audit::record(app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Seen::To)
}
