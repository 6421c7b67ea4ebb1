//! Stating credences and reading one's own.

mod crowd;
mod further;
mod import;
mod predictions;

pub use crowd::{CHANNEL, crowd_changed, recount, summarise_next};
pub(super) use crowd::{Crowd, Shown, crowd, crowd_as_of, show_to};
pub(super) use further::{
    Inevitability, chain, checkpoint_places, checkpoints, everything_said, forget_inevitability,
    inevitability, scenario, set_checkpoints, set_inevitability, set_steps, steps,
};
pub use import::{Said, import};
pub(super) use predictions::{StoredPrediction, own_prediction, predict};

use std::collections::HashMap;

use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};

use self::crowd::{Basis, Share};
use super::rules::{Live, Vector, present};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::changes::Change;
use crate::db::{Tx, all, insert, insert_all, sql};
use crate::entity::{credence, credence_in_force, credence_part, scenario, scenario_set_version, topic};
use crate::error::{Error, Named, Result, SetChanged};
use crate::http::page::Limit;
use crate::ids::{AccountId, CredenceId, ScenarioId, TopicId};
use crate::policy::{Permit, StateCredences};

/// A vector with its parts.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) credence: credence::Model,
    /// Over the top-level scenarios.
    pub(super) vector: Vector,
    /// Over parts of them, as far as anything was said of these.
    pub(super) sub_vector: Vector,
}

/// The scenarios that a vector has to cover, and those that it may no longer name.
///
/// # Errors
/// The database is away.
pub(super) async fn live(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Live> {
    let scenarios = scenario::Entity::find().filter(scenario::Column::TopicId.eq(topic_id)).all(db).await?;
    let mut live = Live::default();
    for scenario in scenarios {
        if scenario.retired_in_version.is_some() {
            live.retired.insert(scenario.id, scenario.merged_into);
        } else if scenario.parent_scenario_id.is_some() {
            live.parts.insert(scenario.id);
        } else {
            live.whole.insert(scenario.id);
        }
    }
    Ok(live)
}

/// What somebody states.
#[derive(Debug)]
pub(super) struct Statement {
    /// Over the live top-level scenarios.
    pub(super) vector: Vector,
    /// Over parts of them.
    pub(super) sub_vector: Vector,
}

/// Adds a vector that was checked against the topic, which is held as it is; one that says what the last one says is
/// that one. Vectors of one person queue up here, so their numbers have no gap.
///
/// # Errors
/// The database is away.
pub(super) async fn state(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
    statement: Statement,
    live: &Live,
) -> Result<(Stored, bool)> {
    let (topic, account_id) = (permit.act().0, permit.by());
    let in_force = lock(tx, topic.id, account_id).await?;
    let last = own(tx.conn(), topic.id, account_id).await?;
    if let Some(last) = &last
        && last.credence.scenario_set_version == topic.scenario_set_version
        && (&last.vector, &last.sub_vector) == (&statement.vector, &statement.sub_vector)
    {
        return Ok((last.clone(), false));
    }
    let credence = credence::Model {
        id: app.ids.next(),
        topic_id: topic.id,
        account_id,
        number: in_force.number + 1,
        scenario_set_version: topic.scenario_set_version,
        saw_crowd: in_force.saw_crowd || topic.crowd_shown_to_guests,
        created_at: app.now(),
    };
    let Statement { vector, sub_vector } = statement;
    insert(tx, credence.clone()).await?;
    let part = |(scenario_id, bp): (&ScenarioId, &BasisPoints)| credence_part::Model {
        credence_id: credence.id,
        topic_id: topic.id,
        scenario_id: *scenario_id,
        bp: i32::from(*bp),
    };
    insert_all(tx, vector.iter().chain(&sub_vector).map(part).collect()).await?;
    let counts = "UPDATE credence_in_force SET number = $3 WHERE topic_id = $1 AND account_id = $2";
    let values = [topic.id.into(), account_id.into(), credence.number.into()];
    tx.conn().execute_raw(sql(counts, values)).await?;

    crowd::hold(tx, Basis::present(topic)).await?;
    let prediction = predictions::comparable(tx.conn(), topic, account_id, live).await?;
    let before = last.as_ref().and_then(|last| last.present(topic, live));
    let before = Share { vector: before, prediction: prediction.clone() };
    let after = Share { vector: Some(vector.clone()), prediction };
    crowd::count(app, tx, Basis::present(topic), &before, &after).await?;
    if let Some(last) = last.filter(|last| last.is_stale(topic)) {
        crowd::note_moved_on(tx, topic.id, last.credence.scenario_set_version, 1).await?;
    }
    Ok((Stored { credence, vector, sub_vector }, true))
}

impl Stored {
    /// Whether what is asked has changed since, so that it says nothing of what is asked now.
    pub(super) fn is_stale(&self, topic: &topic::Model) -> bool {
        self.credence.scenario_set_version < topic.comparable_since
    }

    /// What it says of the present scenarios; nothing where it is stale.
    pub(super) fn present(&self, topic: &topic::Model, live: &Live) -> Option<Vector> {
        if self.is_stale(topic) { None } else { present(&self.vector, live) }
    }
}

/// Takes the lock on what a person says in a topic, whether they said anything before or not.
async fn lock(tx: &Tx, topic_id: TopicId, account_id: AccountId) -> Result<credence_in_force::Model> {
    let first =
        "INSERT INTO credence_in_force (topic_id, account_id, number, saw_crowd) VALUES ($1, $2, 0, false)
         ON CONFLICT ON CONSTRAINT credence_in_force_pkey DO NOTHING";
    tx.conn().execute_raw(sql(first, [topic_id.into(), account_id.into()])).await?;
    credence_in_force::Entity::find_by_id((topic_id, account_id))
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a row that was just there is gone")))
}

/// The vector of a person that counts, if they stated any.
///
/// # Errors
/// The database is away.
pub(super) async fn own(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<Option<Stored>> {
    Ok(history(db, topic_id, account_id, None, 1).await?.pop())
}

/// What the vector of a person that counts says of the present scenarios; none where they stated none, or a stale one.
///
/// # Errors
/// The database is away.
pub async fn present_of(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    account_id: AccountId,
) -> Result<Option<Vector>> {
    let Some(last) = own(db, topic.id, account_id).await? else { return Ok(None) };
    Ok(last.present(topic, &live(db, topic.id).await?))
}

/// The vectors that a person stated, the last first: those before a number, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list_own(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
    before: Option<i32>,
    limit: Limit,
) -> Result<Vec<Stored>> {
    history(db, topic_id, account_id, before, u64::try_from(limit.and_one()).unwrap_or_default()).await
}

async fn history(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
    before: Option<i32>,
    most: u64,
) -> Result<Vec<Stored>> {
    let credences = credence::Entity::find()
        .filter(credence::Column::TopicId.eq(topic_id))
        .filter(credence::Column::AccountId.eq(account_id))
        .filter(credence::Column::Number.lt(before.unwrap_or(i32::MAX)))
        .order_by_desc(credence::Column::Number)
        .limit(most)
        .all(db)
        .await?;
    with_parts(db, credences).await
}

/// Reads what vectors consist of.
async fn with_parts(db: &impl ConnectionTrait, credences: Vec<credence::Model>) -> Result<Vec<Stored>> {
    let ids: Vec<_> = credences.iter().map(|credence| credence.id.0).collect();
    let statement = "SELECT p.credence_id, p.scenario_id, p.bp, s.parent_scenario_id IS NULL AS is_whole
                     FROM credence_part p JOIN scenario s ON s.id = p.scenario_id WHERE p.credence_id = ANY ($1)";
    let rows: Vec<PartRow> = all(db, sql(statement, [ids.into()])).await?;
    let mut parts: HashMap<CredenceId, (Vector, Vector)> = HashMap::new();
    for row in rows {
        let bp = BasisPoints::stored(row.bp)?;
        let (vector, sub_vector) = parts.entry(row.credence_id).or_default();
        if row.is_whole { vector } else { sub_vector }.insert(row.scenario_id, bp);
    }
    let whole = |credence: credence::Model| {
        let (vector, sub_vector) = parts.remove(&credence.id).unwrap_or_default();
        Stored { credence, vector, sub_vector }
    };
    Ok(credences.into_iter().map(whole).collect())
}

#[derive(FromQueryResult)]
struct PartRow {
    credence_id: CredenceId,
    scenario_id: ScenarioId,
    bp: i32,
    is_whole: bool,
}

/// What became of the scenarios of a topic since a version of the set of them.
///
/// # Errors
/// The database is away.
pub(super) async fn changes_since(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    version: i32,
) -> Result<Vec<SetChanged>> {
    let known = scenario_set_version::Entity::find()
        .filter(scenario_set_version::Column::TopicId.eq(topic.id))
        .filter(scenario_set_version::Column::Version.gt(version))
        .all(db)
        .await?;
    let scenarios = scenario::Entity::find()
        .filter(scenario::Column::TopicId.eq(topic.id))
        .order_by_asc(scenario::Column::Position)
        .all(db)
        .await?;
    let named = |scenario: &scenario::Model| Named { id: scenario.id, label: scenario.label.clone() };
    let changed = |version: i32| SetChanged {
        version,
        change: known.iter().find(|row| row.version == version).map(|row| row.change.to_value().into()),
        added: scenarios.iter().filter(|row| row.introduced_in_version == version).map(named).collect(),
        retired: scenarios
            .iter()
            .filter(|row| row.retired_in_version == Some(version))
            .map(|row| (named(row), row.merged_into))
            .collect(),
    };
    let first = version.clamp(1, topic.scenario_set_version) + 1;
    Ok((first..=topic.scenario_set_version).map(changed).collect())
}

/// Takes away what somebody believed, whose account is erased, and from what their crowds think (I15).
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let topics = topic::Entity::find()
        .filter(topic::Column::Id.is_in(spoken_of(tx, account_id).await?))
        .order_by_asc(topic::Column::Id)
        .lock_shared()
        .all(tx.conn())
        .await?;
    for topic in &topics {
        take_out(app, tx, topic, account_id).await?;
    }
    for statement in [
        "DELETE FROM credence_in_force WHERE account_id = $1",
        "DELETE FROM credence WHERE account_id = $1",
        "DELETE FROM meta_prediction WHERE account_id = $1",
        "DELETE FROM step_credence WHERE account_id = $1",
        "DELETE FROM inevitability WHERE account_id = $1",
        "DELETE FROM checkpoint_credence WHERE account_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    for topic in &topics {
        // From the present one they were taken out already.
        crowd::recount_before(app, tx, topic, topic.comparable_since).await?;
        crowd_changed(app, tx, topic).await?;
        tx.changes(Change::Topic(topic.id));
    }
    Ok(())
}

/// The topics that somebody said anything of.
async fn spoken_of(tx: &Tx, account_id: AccountId) -> Result<Vec<TopicId>> {
    let statement = "SELECT topic_id AS id FROM credence_in_force WHERE account_id = $1
         UNION SELECT topic_id FROM meta_prediction WHERE account_id = $1
         UNION SELECT topic_id FROM step_credence WHERE account_id = $1
         UNION SELECT topic_id FROM inevitability WHERE account_id = $1
         UNION SELECT topic_id FROM checkpoint_credence WHERE account_id = $1";
    let found: Vec<TopicRow> = all(tx.conn(), sql(statement, [account_id.into()])).await?;
    Ok(found.into_iter().map(|row| row.id).collect())
}

#[derive(FromQueryResult)]
struct TopicRow {
    id: TopicId,
}

/// Takes somebody out of the present crowd of a topic.
async fn take_out(app: &App, tx: &Tx, topic: &topic::Model, account_id: AccountId) -> Result<()> {
    // Their own statements wait.
    credence_in_force::Entity::find_by_id((topic.id, account_id)).lock_exclusive().one(tx.conn()).await?;
    let live = live(tx.conn(), topic.id).await?;
    let last = own(tx.conn(), topic.id, account_id).await?;
    let Some(vector) = last.and_then(|last| last.present(topic, &live)) else { return Ok(()) };
    crowd::hold(tx, Basis::present(topic)).await?;
    let prediction = predictions::comparable(tx.conn(), topic, account_id, &live).await?;
    let before = Share { vector: Some(vector), prediction };
    crowd::count(app, tx, Basis::present(topic), &before, &Share::default()).await
}
