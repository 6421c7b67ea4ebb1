//! What is kept of bulk jobs.

mod plan;
mod run;

pub(super) use plan::{MAX_ITEMS, New, Subjects, plan, plan_undo};
pub use run::run_next;

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::rules::{Counts, ItemState, JobKind, JobState, Move};
use crate::app::App;
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{Tx, all, one, sql, update};
use crate::decisions::rules::SubjectKind;
use crate::entity::{mod_job, mod_job_item};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, JobId};
use crate::policy::Actor;

/// Where whoever sees to jobs listens.
pub const CHANNEL: &str = "otherwise_mod_job";

/// Calls whoever sees to jobs.
async fn ring(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

/// What a reader is told of: not of what is about themselves, unless they planned it.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "SELECT j.* FROM mod_job j
             WHERE (j.author_id = $1 OR NOT EXISTS (
                 SELECT FROM mod_job_item i WHERE i.job_id = j.id AND i.owner_id = $1)) AND ",
            $rest
        )
    };
}

/// Finds a job that a reader may be told of, as far as it is not about themselves.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: JobId, reader: AccountId) -> Result<mod_job::Model> {
    let statement = sql(told!("j.id = $2"), [reader.into(), id.into()]);
    mod_job::Entity::find().from_raw_sql(statement).one(db).await?.ok_or_else(Error::not_found)
}

/// The same, and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find_for_update(tx: &Tx, id: JobId, reader: AccountId) -> Result<mod_job::Model> {
    let statement = sql(told!("j.id = $2 FOR UPDATE OF j"), [reader.into(), id.into()]);
    let found = mod_job::Entity::find().from_raw_sql(statement).one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Which jobs are listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    /// Who asks.
    pub(super) reader: AccountId,
    /// Whether they see those of others.
    pub(super) of_all: bool,
    /// Those that stand there, if anywhere.
    pub(super) state: Option<JobState>,
}

/// Jobs, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    Listed { reader, of_all, state }: Listed,
    before: Option<JobId>,
    limit: Limit,
) -> Result<Vec<mod_job::Model>> {
    let statement = told!(
        "($2 OR j.author_id = $1) AND ($3::text IS NULL OR j.state = $3) AND j.id < $4 ORDER BY j.id DESC LIMIT $5"
    );
    let values = [
        reader.into(),
        of_all.into(),
        state.as_ref().map(ActiveEnum::to_value).into(),
        before.unwrap_or(JobId(Uuid::max())).into(),
        limit.and_one().into(),
    ];
    Ok(mod_job::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// The items of a job in their order, of one state or all: those after one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn items(
    db: &impl ConnectionTrait,
    id: JobId,
    state: Option<ItemState>,
    after: Option<i32>,
    limit: Limit,
) -> Result<Vec<mod_job_item::Model>> {
    let mut rows = mod_job_item::Entity::find()
        .filter(mod_job_item::Column::JobId.eq(id))
        .filter(mod_job_item::Column::Ordinal.gt(after.unwrap_or(-1)));
    if let Some(state) = state {
        rows = rows.filter(mod_job_item::Column::State.eq(state));
    }
    let rows = rows
        .order_by_asc(mod_job_item::Column::Ordinal)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

#[derive(FromQueryResult)]
struct CountRow {
    job_id: JobId,
    state: ItemState,
    code: Option<String>,
    items: i64,
    last_minute: i64,
}

/// How far a job has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// How many items have become what.
    pub(super) counts: Counts,
    /// Why how many were left alone, or went wrong, the most first.
    pub(super) left_alone: Vec<(String, i64)>,
    /// How many were seen to in the last minute.
    pub(super) last_minute: i64,
}

/// How far jobs have come, counted from their items.
///
/// # Errors
/// The database is away.
pub(super) async fn progress(
    db: &impl ConnectionTrait,
    ids: &[JobId],
    now: Time,
) -> Result<HashMap<JobId, Progress>> {
    let statement = "SELECT job_id, state, code, count(*) AS items,
                            count(*) FILTER (WHERE finished_at > $2) AS last_minute
                     FROM mod_job_item WHERE job_id = ANY ($1) GROUP BY job_id, state, code
                     ORDER BY items DESC, code";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<CountRow> =
        all(db, sql(statement, [ids.into(), (now - TimeDelta::minutes(1)).into()])).await?;
    let mut found = HashMap::<JobId, Progress>::new();
    for CountRow { job_id, state, code, items, last_minute } in rows {
        let progress = found.entry(job_id).or_default();
        progress.last_minute += last_minute;
        let counts = &mut progress.counts;
        match (state, code.as_deref()) {
            (ItemState::Pending, _) => counts.pending += items,
            (ItemState::Done, _) => counts.done += items,
            (ItemState::Undone, _) => counts.undone += items,
            (ItemState::Skipped, Some(code)) if code == Code::AlreadySo.name() => counts.already += items,
            (ItemState::Skipped, _) => counts.skipped += items,
            (ItemState::Failed, _) => counts.failed += items,
        }
        progress.left_alone.extend(code.map(|code| (code, items)));
    }
    Ok(found)
}

/// What comes of a job besides.
#[derive(Debug, Clone, Copy, Default, FromQueryResult)]
pub(super) struct SideEffects {
    /// How many people are told.
    pub(super) people: i64,
    /// How many votes are on what it is about.
    pub(super) votes: i64,
}

/// What comes of a job besides, of the items whose turn has not come.
///
/// # Errors
/// The database is away.
pub(super) async fn side_effects(db: &impl ConnectionTrait, id: JobId) -> Result<SideEffects> {
    let statement = "SELECT (SELECT count(DISTINCT owner_id) FROM mod_job_item
                             WHERE job_id = $1 AND state = 'pending') AS people,
                            (SELECT count(*) FROM mod_job_item i JOIN vote v ON v.post_id = i.subject_id
                             WHERE i.job_id = $1 AND i.state = 'pending' AND i.subject_kind = 'post') AS votes";
    Ok(one(db, sql(statement, [id.into()])).await?.unwrap_or_default())
}

/// One of the items of a job, with the beginning of what it says.
#[derive(Debug, FromQueryResult)]
pub(super) struct Sample {
    pub(super) subject_kind: SubjectKind,
    pub(super) subject_id: Uuid,
    pub(super) owner_id: Option<AccountId>,
    pub(super) excerpt: String,
}

/// Twenty of the items of a job whose turn has not come, as far apart as can be.
///
/// # Errors
/// The database is away.
pub(super) async fn samples(db: &impl ConnectionTrait, id: JobId) -> Result<Vec<Sample>> {
    let statement = "SELECT i.subject_kind, i.subject_id, i.owner_id,
                            coalesce(left(p.body, 200), t.title, a.username, '') AS excerpt
                     FROM (SELECT *, row_number() OVER (ORDER BY ordinal) - 1 AS place, count(*) OVER () AS total
                           FROM mod_job_item WHERE job_id = $1 AND state = 'pending') i
                     LEFT JOIN post p ON i.subject_kind = 'post' AND p.id = i.subject_id
                     LEFT JOIN topic t ON i.subject_kind = 'topic' AND t.id = i.subject_id
                     LEFT JOIN account a ON i.subject_kind = 'account' AND a.id = i.subject_id
                     WHERE i.place * 20 / i.total <> (i.place - 1) * 20 / i.total OR i.place = 0
                     ORDER BY i.ordinal LIMIT 20";
    all(db, sql(statement, [id.into()])).await
}

#[derive(FromQueryResult)]
struct Undoing {
    undoes_id: JobId,
    id: JobId,
}

/// The jobs by which each of these is or was taken back, in order; those that were only planned are left out.
///
/// # Errors
/// The database is away.
pub(super) async fn undone_by(
    db: &impl ConnectionTrait,
    ids: &[JobId],
) -> Result<HashMap<JobId, Vec<JobId>>> {
    let statement = "SELECT undoes_id, id FROM mod_job
                     WHERE undoes_id = ANY ($1) AND executed_at IS NOT NULL ORDER BY id";
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<Undoing> = all(db, sql(statement, [ids.into()])).await?;
    let mut found = HashMap::<JobId, Vec<JobId>>::new();
    for row in rows {
        found.entry(row.undoes_id).or_default().push(row.id);
    }
    Ok(found)
}

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Has a job, which is locked, go where a move takes it.
///
/// # Errors
/// 409 where there is no such move from where it stands, its plan has expired, too many jobs of its author are under way, or
/// one of them is about some of the same.
pub(super) async fn go(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    mut job: mod_job::Model,
    (act, to): (Move, JobState),
) -> Result<mod_job::Model> {
    let (by, now) = (actor.require()?, app.now());
    if matches!(act, Move::Execute { .. } | Move::Approve) {
        if job.plan_expires_at <= now {
            return Err(Code::PlanExpired.error("What it would come to may have changed: plan it anew."));
        }
        // One after another, so that two of them do not begin at once about the same.
        tx.queue("mod jobs").await?;
        require_room(app, tx, &job).await?;
    }
    match act {
        Move::Execute { .. } => {
            job.credential_id = Some(by.credential_id().0);
            job.executed_at = Some(now);
            if to == JobState::AwaitingApproval {
                job.plan_expires_at = now + TimeDelta::hours(app.config.jobs.approval_hours.into());
            }
            if let Some(undoes) = job.undoes_id {
                begin_undo(app, tx, (undoes, job.id), to == JobState::Queued).await?;
            }
        }
        Move::Approve => {
            (job.approved_by, job.approved_at) = (Some(by.id), Some(now));
            job.approval_credential_id = Some(by.credential_id().0);
            if let Some(undoes) = job.undoes_id {
                begin_undo(app, tx, (undoes, job.id), true).await?;
            }
        }
        Move::Cancel => return cancel(app, tx, job).await,
        Move::Pause | Move::Resume => {}
    }
    job.state = to;
    update(tx, job.clone()).await?;
    if to == JobState::Queued {
        ring(tx).await?;
    }
    Ok(job)
}

/// Calls a job off, which is locked: what was not done is left alone.
async fn cancel(app: &App, tx: &Tx, mut job: mod_job::Model) -> Result<mod_job::Model> {
    let now = app.now();
    let was_under_way = JobState::UNDER_WAY.contains(&job.state);
    let statement = "UPDATE mod_job_item SET state = 'skipped', code = 'cancelled', finished_at = $2
                     WHERE job_id = $1 AND state = 'pending'";
    tx.conn().execute_raw(sql(statement, [job.id.into(), now.into()])).await?;
    (job.state, job.finished_at) = (JobState::Cancelled, Some(now));
    update(tx, job.clone()).await?;
    if was_under_way {
        ended(app, tx, &job).await?;
    }
    if let Some(undoes) = job.undoes_id.filter(|_| was_under_way) {
        end_undo(tx, undoes, now).await?;
    }
    Ok(job)
}

/// Adds to the log of events that a job which was under way is over.
async fn ended(app: &App, tx: &Tx, job: &mod_job::Model) -> Result<()> {
    // Whoever is told so sees what it did: its items went unnoticed.
    tx.changes(Change::Everywhere);
    let event = Event {
        kind: "job_finished",
        actor_id: job.author_id,
        subject_id: Some(job.id.0),
        ..Event::default()
    };
    events::record(app, tx, event).await
}

/// Whether a job may begin beside those that are under way.
async fn require_room(app: &App, tx: &Tx, job: &mod_job::Model) -> Result<()> {
    // Those that begin later are counted by themselves.
    let statement = "SELECT count(*) AS count FROM mod_job
                     WHERE author_id = $1 AND state IN ('queued', 'running', 'paused') AND id <> $2
                       AND (starts_at > $3) IS TRUE = $4";
    let now = app.now();
    let is_later = job.starts_at.is_some_and(|start| start > now);
    let values = [job.author_id.into(), job.id.into(), now.into(), is_later.into()];
    let own: Option<Count> = one(tx.conn(), sql(statement, values)).await?;
    let (most, what) = if is_later {
        (app.config.jobs.scheduled_at_most, "that begin later")
    } else {
        (app.config.jobs.at_a_time, "at a time")
    };
    if own.is_some_and(|own| own.count >= most.into()) {
        return Err(Code::TooManyJobs.error(format!("At most {most} {what}: wait for one, or cancel it.")));
    }
    if is_later {
        // What others are about by then is found item by item.
        return Ok(());
    }
    let statement = "SELECT count(*) AS count FROM mod_job_item mine
                     JOIN mod_job_item other ON other.subject_id = mine.subject_id AND other.state = 'pending'
                                            AND other.job_id <> mine.job_id
                     JOIN mod_job j ON j.id = other.job_id AND j.state IN ('queued', 'running', 'paused')
                          AND (j.starts_at > $2) IS NOT TRUE
                     WHERE mine.job_id = $1 AND mine.state = 'pending'";
    let shared: Option<Count> = one(tx.conn(), sql(statement, [job.id.into(), now.into()])).await?;
    match shared.map(|shared| shared.count) {
        Some(shared) if shared > 0 => Err(Code::JobOverlaps
            .error(format!("Jobs that are under way are about {shared} of these: wait for them."))),
        _ => Ok(()),
    }
}

/// A job, which nobody else changes until the transaction ends, whoever asks.
async fn locked(tx: &Tx, id: JobId) -> Result<mod_job::Model> {
    let found = mod_job::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Has a job be taken back from now on, if it still can be.
async fn begin_undo(app: &App, tx: &Tx, (id, undo): (JobId, JobId), begins: bool) -> Result<()> {
    let mut undone = locked(tx, id).await?;
    require_undoable(app, &undone)?;
    if begins {
        // What somebody had taken back by hand needs no turn.
        let statement = "UPDATE mod_job_item done SET state = 'undone' FROM mod_job_item already
                         WHERE already.job_id = $2 AND already.state = 'skipped' AND already.code = $3
                           AND done.job_id = $1 AND done.subject_id = already.subject_id AND done.state = 'done'";
        let values = [id.into(), undo.into(), Code::AlreadySo.name().into()];
        tx.conn().execute_raw(sql(statement, values)).await?;
        undone.state = JobState::Undoing;
        update(tx, undone).await?;
    }
    Ok(())
}

/// Whether a job can be taken back.
fn require_undoable(app: &App, job: &mod_job::Model) -> Result<()> {
    if job.kind == JobKind::Undo {
        return Err(Code::NothingToUndo.error("It took something back: do that anew instead."));
    }
    if !job.state.can_be_undone() {
        return Err(
            Code::InvalidStateTransition.error("It is not over, or was taken back: pause it, or cancel it.")
        );
    }
    let days = app.config.jobs.undo_days;
    if job.finished_at.is_none_or(|at| at + TimeDelta::days(days.into()) <= app.now()) {
        return Err(Code::NothingToUndo.error(format!(
            "Jobs are taken back within {days} days: take back what is still wrong, one by one."
        )));
    }
    Ok(())
}

/// Has a job stand where it stands now that no more of it is being taken back.
async fn end_undo(tx: &Tx, id: JobId, now: Time) -> Result<()> {
    let mut undone = locked(tx, id).await?;
    let counts = progress(tx.conn(), &[id], now).await?.remove(&id).unwrap_or_default().counts;
    undone.state = if counts.undone == 0 { counts.outcome() } else { counts.undo_outcome() };
    update(tx, undone).await
}

/// What jobs were about something of.
enum Of {
    /// Of this.
    Subject(Uuid),
    /// Of theirs.
    Owner(AccountId),
}

/// Forgets which passages jobs blacked out that are over, or whose plan is, where what they were about is gone for good.
async fn forget_passages(tx: &Tx, of: Of, now: Time) -> Result<()> {
    macro_rules! forget {
        ($whose:literal) => {
            concat!(
                "UPDATE mod_job j SET orders = (
                     SELECT jsonb_agg(e.o - 'passages' ORDER BY e.place)
                     FROM jsonb_array_elements(j.orders) WITH ORDINALITY e (o, place))
                 WHERE jsonb_path_exists(j.orders, '$[*].passages')
                   AND (j.finished_at IS NOT NULL OR (j.state = 'planned' AND j.plan_expires_at <= $2))
                   AND EXISTS (SELECT FROM mod_job_item i WHERE i.job_id = j.id AND ",
                $whose,
                " = $1)"
            )
        };
    }
    let (statement, id) = match of {
        Of::Subject(id) => (forget!("i.subject_id"), id),
        Of::Owner(id) => (forget!("i.owner_id"), id.0),
    };
    tx.conn().execute_raw(sql(statement, [id.into(), now.into()])).await?;
    Ok(())
}

/// Takes away who planned and approved what, and what they said about it, where their account is erased. What is under way
/// is called off: nobody is there any more in whose name it would be done.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let open = mod_job::Entity::find()
        .filter(mod_job::Column::AuthorId.eq(account_id))
        .filter(mod_job::Column::State.is_in([
            JobState::Planned,
            JobState::AwaitingApproval,
            JobState::Queued,
            JobState::Running,
            JobState::Paused,
        ]))
        .order_by_asc(mod_job::Column::Id)
        .lock_exclusive();
    for job in open.all(tx.conn()).await? {
        cancel(app, tx, job).await?;
    }
    forget_passages(tx, Of::Owner(account_id), app.now()).await?;
    for statement in [
        "UPDATE mod_job SET author_id = NULL, note = '', credential_id = NULL WHERE author_id = $1",
        "UPDATE mod_job SET approved_by = NULL, approval_credential_id = NULL WHERE approved_by = $1",
        "UPDATE mod_job_item SET owner_id = NULL WHERE owner_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
