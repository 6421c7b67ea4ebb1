//! What people say besides their credences in scenarios: of steps, dates and checkpoints.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};

use super::crowd::crowd_changed;
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::credences::rules::Vector;
use crate::credences::rules::coherence::{CheckpointCredence, ClaimedTest, Own, Said};
use crate::credences::rules::crowd::{
    CrowdChain, CrowdCheckpoint, CrowdInevitability, CrowdStep, Further, MedianOf,
};
use crate::credences::rules::pool::{FEWEST, rounded};
use crate::db::{Tx, all, insert_all, one, sql};
use crate::entity::{
    chain_step, checkpoint, checkpoint_credence, inevitability, scenario, step_credence, topic,
};
use crate::error::{Error, Result};
use crate::historic_date::HistoricDate;
use crate::ids::{AccountId, ChainStepId, ScenarioId, TopicId};
use crate::policy::{Permit, StateCredences};
use crate::posts;
use crate::scenarios;

/// Finds a scenario, whoever asks.
///
/// # Errors
/// 404 where there is none.
pub(in crate::credences) async fn scenario(
    db: &impl ConnectionTrait,
    id: ScenarioId,
) -> Result<scenario::Model> {
    scenario::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// The steps of the chain that leads to a scenario, in order.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn chain(
    db: &impl ConnectionTrait,
    scenario_id: ScenarioId,
) -> Result<Vec<chain_step::Model>> {
    let steps = chain_step::Entity::find()
        .filter(chain_step::Column::ScenarioId.eq(scenario_id))
        .order_by_asc(chain_step::Column::StepNo);
    Ok(steps.all(db).await?)
}

/// How likely somebody takes the steps of a topic's chains to be, each given those before it.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn steps(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<BTreeMap<ChainStepId, BasisPoints>> {
    let rows = step_credence::Entity::find()
        .filter(step_credence::Column::TopicId.eq(topic_id))
        .filter(step_credence::Column::AccountId.eq(account_id))
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((row.chain_step_id, BasisPoints::stored(row.bp)?))).collect()
}

/// Keeps what somebody says of the steps of one chain, in place of what they said of it before.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn set_steps(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
    scenario_id: ScenarioId,
    steps: &BTreeMap<ChainStepId, BasisPoints>,
) -> Result<()> {
    let (topic, account_id) = (permit.act().0, permit.by());
    queue_up(tx, topic.id, account_id).await?;
    let statement = "DELETE FROM step_credence WHERE account_id = $1
         AND chain_step_id IN (SELECT id FROM chain_step WHERE scenario_id = $2)";
    tx.conn().execute_raw(sql(statement, [account_id.into(), scenario_id.into()])).await?;
    let row = |(chain_step_id, bp): (&ChainStepId, &BasisPoints)| step_credence::Model {
        chain_step_id: *chain_step_id,
        account_id,
        topic_id: topic.id,
        bp: i32::from(*bp),
        updated_at: app.now(),
    };
    insert_all(tx, steps.iter().map(row).collect()).await?;
    crowd_changed(app, tx, topic).await
}

/// Has requests of one person in one topic wait for each other, so that one replaces what the other wrote.
async fn queue_up(tx: &Tx, topic_id: TopicId, account_id: AccountId) -> Result<()> {
    tx.queue(&format!("{topic_id}{account_id}")).await
}

/// From when on somebody takes the actual outcome to have been near certain.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::credences) struct Inevitability {
    /// Never where there is none.
    pub(in crate::credences) from: Option<HistoricDate>,
}

/// From when on somebody takes the actual outcome to have been near certain, if they said.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn inevitability(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<Option<Inevitability>> {
    let row = inevitability::Entity::find_by_id((topic_id, account_id)).one(db).await?;
    Ok(row.map(|row| Inevitability { from: row.inevitable_from }))
}

/// Keeps from when on somebody takes the actual outcome to have been near certain.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn set_inevitability(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
    said: &Inevitability,
) -> Result<()> {
    let (topic, account_id) = (permit.act().0, permit.by());
    delete_inevitability(tx, topic.id, account_id).await?;
    let row = inevitability::Model {
        topic_id: topic.id,
        account_id,
        inevitable_from: said.from.clone(),
        updated_at: app.now(),
    };
    crate::db::insert(tx, row).await?;
    crowd_changed(app, tx, topic).await
}

/// Forgets what somebody said of when the actual outcome became near certain.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn forget_inevitability(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
) -> Result<()> {
    delete_inevitability(tx, permit.act().0.id, permit.by()).await?;
    crowd_changed(app, tx, permit.act().0).await
}

async fn delete_inevitability(tx: &Tx, topic_id: TopicId, account_id: AccountId) -> Result<()> {
    queue_up(tx, topic_id, account_id).await?;
    let statement = "DELETE FROM inevitability WHERE topic_id = $1 AND account_id = $2";
    tx.conn().execute_raw(sql(statement, [topic_id.into(), account_id.into()])).await?;
    Ok(())
}

/// What somebody believes as of the checkpoints of a topic, by their places; 0 is the horizon.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn checkpoints(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<Vec<CheckpointCredence>> {
    let rows = checkpoint_credence::Entity::find()
        .filter(checkpoint_credence::Column::TopicId.eq(topic_id))
        .filter(checkpoint_credence::Column::AccountId.eq(account_id))
        .order_by_asc(checkpoint_credence::Column::Position)
        .all(db)
        .await?;
    let read = |row: checkpoint_credence::Model| {
        Ok(CheckpointCredence {
            position: row.position,
            occurred_by: row.occurred_by.map(BasisPoints::stored).transpose()?,
            actual: row.actual.map(BasisPoints::stored).transpose()?,
            alternatives: row.alternatives.map(BasisPoints::stored).transpose()?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Keeps what somebody believes as of the checkpoints, in place of what they said before.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn set_checkpoints(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
    said: &[CheckpointCredence],
) -> Result<()> {
    let (topic, account_id) = (permit.act().0, permit.by());
    queue_up(tx, topic.id, account_id).await?;
    let statement = "DELETE FROM checkpoint_credence WHERE topic_id = $1 AND account_id = $2";
    tx.conn().execute_raw(sql(statement, [topic.id.into(), account_id.into()])).await?;
    let row = |said: &CheckpointCredence| checkpoint_credence::Model {
        topic_id: topic.id,
        account_id,
        position: said.position,
        occurred_by: said.occurred_by.map(Into::into),
        actual: said.actual.map(Into::into),
        alternatives: said.alternatives.map(Into::into),
        updated_at: app.now(),
    };
    insert_all(tx, said.iter().map(row).collect()).await?;
    crowd_changed(app, tx, topic).await
}

#[derive(FromQueryResult)]
struct StepLine {
    scenario_id: ScenarioId,
    step_no: i16,
    people: i64,
    median: Option<f64>,
}

#[derive(FromQueryResult)]
struct MedianLine {
    people: i64,
    median: Option<f64>,
}

#[derive(FromQueryResult)]
struct InevitabilityLine {
    people: i64,
    never: i64,
}

#[derive(FromQueryResult)]
struct MedianDate {
    inevitable_from: Option<HistoricDate>,
}

#[derive(FromQueryResult)]
struct CheckpointLine {
    position: i16,
    occurred_by_people: i64,
    occurred_by: Option<f64>,
    actual_people: i64,
    actual: Option<f64>,
    alternatives_people: i64,
    alternatives: Option<f64>,
    both_people: i64,
    both: Option<f64>,
}

/// Whether so many people are enough to say what they think together.
fn enough(people: i64) -> bool {
    u64::try_from(people).is_ok_and(|people| people >= FEWEST)
}

/// A median in basis points as a number from 0 to 1.
fn share(median: f64) -> f64 {
    rounded(median / 10_000.0)
}

/// What the people of a topic say together besides their vectors.
///
/// # Errors
/// The database is away.
pub(super) async fn of_crowd(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Further> {
    Ok(Further {
        chains: crowd_chains(db, topic_id).await?,
        inevitability: crowd_inevitability(db, topic_id).await?,
        checkpoints: crowd_checkpoints(db, topic_id).await?,
        given_event: crowd_given_event(db, topic_id).await?,
    })
}

async fn crowd_chains(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Vec<CrowdChain>> {
    let statement = "SELECT k.scenario_id, k.step_no, count(c.bp) AS people,
                            percentile_cont(0.5) WITHIN GROUP (ORDER BY c.bp) AS median
         FROM chain_step k
         JOIN scenario s ON s.id = k.scenario_id AND s.retired_in_version IS NULL
         LEFT JOIN step_credence c ON c.chain_step_id = k.id
         WHERE k.topic_id = $1
         GROUP BY s.position, k.scenario_id, k.step_no ORDER BY s.position, k.step_no";
    let lines: Vec<StepLine> = all(db, sql(statement, [topic_id.into()])).await?;
    let of_one = |lines: &[StepLine]| {
        let step = |line: &StepLine| {
            let median = line.median.filter(|_| enough(line.people))?;
            Some(CrowdStep { step_no: line.step_no, people: line.people, median: share(median) })
        };
        let steps: Vec<CrowdStep> = lines.iter().map(step).collect::<Option<_>>()?;
        let weakest = steps.iter().min_by(|one, other| one.median.total_cmp(&other.median))?;
        Some(CrowdChain {
            scenario_id: lines.first()?.scenario_id,
            implied: rounded(steps.iter().map(|step| step.median).product()),
            weakest_step: weakest.step_no,
            steps,
        })
    };
    Ok(lines.chunk_by(|one, other| one.scenario_id == other.scenario_id).filter_map(of_one).collect())
}

async fn crowd_given_event(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Option<MedianOf>> {
    let statement = "SELECT count(*) AS people, percentile_cont(0.5) WITHIN GROUP (ORDER BY bp) AS median
                     FROM outcome_likelihood WHERE topic_id = $1";
    let line: Option<MedianLine> = one(db, sql(statement, [topic_id.into()])).await?;
    let enough = line.filter(|line| enough(line.people));
    Ok(enough.and_then(|line| Some(MedianOf { people: line.people, median: share(line.median?) })))
}

async fn crowd_inevitability(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
) -> Result<Option<CrowdInevitability>> {
    let statement = "SELECT count(*) AS people, count(*) FILTER (WHERE inevitable_from IS NULL) AS never
                     FROM inevitability WHERE topic_id = $1";
    let line: Option<InevitabilityLine> = one(db, sql(statement, [topic_id.into()])).await?;
    let Some(InevitabilityLine { people, never }) = line.filter(|line| enough(line.people)) else {
        return Ok(None);
    };
    let statement = "SELECT inevitable_from FROM inevitability WHERE topic_id = $1
                     ORDER BY latest_day(inevitable_from) ASC NULLS LAST, account_id OFFSET $2 LIMIT 1";
    let median: Option<MedianDate> =
        one(db, sql(statement, [topic_id.into(), ((people - 1) / 2).into()])).await?;
    Ok(Some(CrowdInevitability { people, never, median: median.and_then(|row| row.inevitable_from) }))
}

async fn crowd_checkpoints(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Vec<CrowdCheckpoint>> {
    let statement = "SELECT position,
                count(occurred_by) AS occurred_by_people,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY occurred_by) AS occurred_by,
                count(actual) AS actual_people,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY actual) AS actual,
                count(alternatives) AS alternatives_people,
                percentile_cont(0.5) WITHIN GROUP (ORDER BY alternatives) AS alternatives,
                count(actual + alternatives) AS both_people,
                avg(actual + alternatives)::float8 AS both
         FROM checkpoint_credence WHERE topic_id = $1 GROUP BY position ORDER BY position";
    let lines: Vec<CheckpointLine> = all(db, sql(statement, [topic_id.into()])).await?;
    let median = |people: i64, median: Option<f64>| {
        median.filter(|_| enough(people)).map(|median| MedianOf { people, median: share(median) })
    };
    let read = |line: CheckpointLine| CrowdCheckpoint {
        position: line.position,
        occurred_by: median(line.occurred_by_people, line.occurred_by),
        actual: median(line.actual_people, line.actual),
        alternatives: median(line.alternatives_people, line.alternatives),
        both: line.both.filter(|_| enough(line.both_people)).map(share),
    };
    let says_something = |line: &CrowdCheckpoint| {
        line.occurred_by.is_some() || line.actual.is_some() || line.alternatives.is_some()
    };
    Ok(lines.into_iter().map(read).filter(says_something).collect())
}

/// Everything that somebody says of a topic, for its coherence.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn everything_said(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    account_id: AccountId,
) -> Result<Own> {
    let live = super::live(db, topic.id).await?;
    let last = super::own(db, topic.id, account_id).await?;
    let mut credences = Vector::new();
    if let Some(last) = &last {
        credences.extend(last.present(topic, &live).unwrap_or_default());
        credences.extend(last.sub_vector.iter().filter(|(id, _)| live.parts.contains(id)));
    }
    let own_steps = steps(db, topic.id, account_id).await?;
    let mut scenarios = Vec::new();
    for stored in scenarios::read(db, topic.id).await? {
        let scenario = stored.scenario;
        if scenario.retired_in_version.is_none() {
            scenarios.push(Said {
                scenario_id: scenario.id,
                parent: scenario.parent_scenario_id,
                outcome: scenario.outcome_vs_actual,
                credence: credences.get(&scenario.id).copied(),
                steps: stored.steps.iter().map(|step| own_steps.get(&step.id).copied()).collect(),
            });
        }
    }
    Ok(Own {
        outcome_occurred: topic.outcome_occurred.unwrap_or_default(),
        scenarios,
        checkpoints: in_time(db, topic.id, checkpoints(db, topic.id, account_id).await?).await?,
        claimed_tests: claimed_tests(db, topic.id, account_id).await?,
    })
}

/// The evidence of somebody's that they take to be a test of some kind, and gave likelihoods for.
async fn claimed_tests(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<Vec<ClaimedTest>> {
    let mut found = Vec::new();
    for relation in posts::evidence_by(db, topic_id, account_id).await? {
        if let (Some(kind), Some(p_if_false)) = (relation.claimed_test_kind, relation.p_if_false) {
            found.push(ClaimedTest {
                relation_id: relation.id,
                kind,
                p_if_false: BasisPoints::stored(p_if_false)?,
            });
        }
    }
    Ok(found)
}

/// Puts what was said of checkpoints into the order of their dates; the horizon comes last.
async fn in_time(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    mut said: Vec<CheckpointCredence>,
) -> Result<Vec<CheckpointCredence>> {
    let rows = checkpoint::Entity::find().filter(checkpoint::Column::TopicId.eq(topic_id)).all(db).await?;
    let days: BTreeMap<i16, i32> = rows.iter().map(|row| (row.position, row.date.latest_day())).collect();
    // A checkpoint that is no longer there says nothing of any date.
    said.retain(|said| said.position == 0 || days.contains_key(&said.position));
    said.sort_by_key(|said| days.get(&said.position).copied().unwrap_or(i32::MAX));
    Ok(said)
}

/// The dates of a topic's checkpoints, by their places.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn checkpoint_places(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
) -> Result<Vec<i16>> {
    let rows = checkpoint::Entity::find().filter(checkpoint::Column::TopicId.eq(topic_id)).all(db).await?;
    Ok(rows.into_iter().map(|row| row.position).collect())
}
