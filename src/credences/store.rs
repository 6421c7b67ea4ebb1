//! Stating credences and reading one's own.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::rules::{Live, Vector};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::db::{Tx, insert, insert_all, sql};
use crate::entity::{credence, credence_in_force, credence_part, scenario};
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CredenceId, ScenarioId, TopicId};
use crate::policy::{Permit, StateCredences};

/// A vector with its parts.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) credence: credence::Model,
    pub(super) parts: Vector,
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
            live.retired.insert(scenario.id);
        } else if scenario.parent_scenario_id.is_some() {
            live.parts.insert(scenario.id);
        } else {
            live.whole.insert(scenario.id);
        }
    }
    Ok(live)
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
    vector: &Vector,
) -> Result<(Stored, bool)> {
    let (topic, account_id) = (permit.act().0, permit.by());
    let first =
        "INSERT INTO credence_in_force (topic_id, account_id, number, saw_crowd) VALUES ($1, $2, 0, false)
         ON CONFLICT ON CONSTRAINT credence_in_force_pkey DO NOTHING";
    tx.conn().execute_raw(sql(first, [topic.id.into(), account_id.into()])).await?;
    let in_force = credence_in_force::Entity::find_by_id((topic.id, account_id))
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a row that was just there is gone")))?;
    if let Some(last) = own(tx.conn(), topic.id, account_id).await?
        && last.credence.scenario_set_version == topic.scenario_set_version
        && last.parts == *vector
    {
        return Ok((last, false));
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
    insert(tx, credence.clone()).await?;
    let part = |(scenario_id, bp): (&ScenarioId, &BasisPoints)| credence_part::Model {
        credence_id: credence.id,
        topic_id: topic.id,
        scenario_id: *scenario_id,
        bp: i32::from(*bp),
    };
    insert_all(tx, vector.iter().map(part).collect()).await?;
    let counts = "UPDATE credence_in_force SET number = $3 WHERE topic_id = $1 AND account_id = $2";
    let values = [topic.id.into(), account_id.into(), credence.number.into()];
    tx.conn().execute_raw(sql(counts, values)).await?;
    Ok((Stored { credence, parts: vector.clone() }, true))
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
    let mut parts: HashMap<CredenceId, Vector> = HashMap::new();
    let ids = credences.iter().map(|credence| credence.id);
    for part in
        credence_part::Entity::find().filter(credence_part::Column::CredenceId.is_in(ids)).all(db).await?
    {
        let bp = BasisPoints::try_from(i64::from(part.bp)).map_err(Error::internal)?;
        parts.entry(part.credence_id).or_default().insert(part.scenario_id, bp);
    }
    let whole = |credence: credence::Model| Stored {
        parts: parts.remove(&credence.id).unwrap_or_default(),
        credence,
    };
    Ok(credences.into_iter().map(whole).collect())
}

/// Takes away what somebody believed, whose account is erased.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    for statement in
        ["DELETE FROM credence_in_force WHERE account_id = $1", "DELETE FROM credence WHERE account_id = $1"]
    {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
