//! Reading and writing scenarios and their chains.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};

use super::rules::{NewScenario, ProposedScenario};
use crate::db::{Tx, insert_all, one, sql};
use crate::entity::{chain_step, scenario};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ChainStepId, Ids, ScenarioId, TopicId};
use crate::sources::rules::Key;
use crate::sources::{Bibliography, CitationOwner, cite};

/// A scenario that was checked, and what an import knows of its past.
#[derive(Debug)]
pub struct ScenarioToInsert<'a> {
    /// What it says.
    pub new: &'a NewScenario,
    /// Who proposed it.
    pub proposer_id: AccountId,
    /// The version of the set that brought it in.
    pub introduced_in_version: i32,
    /// The version of the set that took it out.
    pub retired_in_version: Option<i32>,
    /// The key of the scenario that took its place.
    pub merged_into: Option<&'a Key>,
}

/// What the keys of a document's scenarios became in the database.
#[derive(Debug, Default)]
pub struct InsertedScenarios {
    /// The scenarios by their keys.
    pub scenarios: HashMap<Key, ScenarioId>,
    /// The steps by the key of their scenario and their number.
    pub steps: HashMap<(Key, i16), ChainStepId>,
}

/// A scenario with its chain.
#[derive(Debug, Clone)]
pub struct StoredScenario {
    /// The scenario.
    pub scenario: scenario::Model,
    /// Its steps, in order.
    pub steps: Vec<chain_step::Model>,
}

/// Adds the scenarios of a topic, in order.
///
/// # Errors
/// The database is away.
pub async fn insert(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    scenarios: &[ScenarioToInsert<'_>],
    known: &Bibliography,
) -> Result<InsertedScenarios> {
    let mut inserted = InsertedScenarios::default();
    for scenario in scenarios {
        inserted.scenarios.insert(scenario.new.key.clone(), ids.next());
    }
    let mut rows = Vec::with_capacity(scenarios.len());
    let mut steps = Vec::new();
    let mut citing = Vec::new();
    for (position, scenario) in (1..).zip(scenarios) {
        let new = scenario.new;
        let id = inserted.scenarios[&new.key];
        rows.push(scenario::Model {
            id,
            topic_id,
            position,
            label: new.label.to_string(),
            statement: new.statement.to_string(),
            outcome_vs_actual: new.outcome_vs_actual,
            is_residual: new.is_residual,
            introduced_in_version: scenario.introduced_in_version,
            retired_in_version: scenario.retired_in_version,
            merged_into: scenario.merged_into.and_then(|key| inserted.scenarios.get(key).copied()),
            parent_scenario_id: new.parent.as_ref().and_then(|key| inserted.scenarios.get(key).copied()),
            proposer_id: scenario.proposer_id,
        });
        citing.push((CitationOwner::Scenario(id), &new.citations));
        for (step_no, step) in (1..).zip(&new.chain_steps) {
            let step_id: ChainStepId = ids.next();
            inserted.steps.insert((new.key.clone(), step_no), step_id);
            steps.push(chain_step::Model {
                id: step_id,
                topic_id,
                scenario_id: id,
                step_no,
                statement: step.statement.to_string(),
                happens_by: step.happens_by.clone(),
                generalisation: step.generalisation.as_ref().map(ToString::to_string),
            });
            citing.push((CitationOwner::ChainStep(step_id), &step.citations));
        }
    }
    insert_all(tx, rows).await?;
    insert_all(tx, steps).await?;
    for (owner, citations) in citing {
        cite(tx, ids, topic_id, owner, citations, known).await?;
    }
    Ok(inserted)
}

#[derive(FromQueryResult)]
struct Last {
    position: i16,
}

/// Adds scenarios to the set of a topic, which nobody else changes meanwhile, behind those that are there: all with
/// one version, as parts of one scenario or of none. Gives their identifiers, in their order.
///
/// # Errors
/// The database is away.
pub async fn add(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    version: i32,
    (proposer_id, parent_scenario_id): (AccountId, Option<ScenarioId>),
    new: &[&ProposedScenario],
) -> Result<Vec<ScenarioId>> {
    let last = "SELECT coalesce(max(position), 0::smallint) AS position FROM scenario WHERE topic_id = $1";
    let last: Option<Last> = one(tx.conn(), sql(last, [topic_id.into()])).await?;
    let mut position = last.map_or(0, |last| last.position);
    let (mut added, mut rows, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for new in new {
        let id: ScenarioId = ids.next();
        let full = || Error::internal(anyhow::anyhow!("topic {topic_id} has no place for another scenario"));
        position = position.checked_add(1).ok_or_else(full)?;
        added.push(id);
        rows.push(scenario::Model {
            id,
            topic_id,
            position,
            label: new.label.to_string(),
            statement: new.statement.to_string(),
            outcome_vs_actual: new.outcome_vs_actual,
            is_residual: false,
            introduced_in_version: version,
            retired_in_version: None,
            merged_into: None,
            parent_scenario_id,
            proposer_id,
        });
        for (step_no, step) in (1..).zip(&new.chain_steps) {
            steps.push(chain_step::Model {
                id: ids.next(),
                topic_id,
                scenario_id: id,
                step_no,
                statement: step.statement.to_string(),
                happens_by: step.happens_by.clone(),
                generalisation: step.generalisation.as_ref().map(ToString::to_string),
            });
        }
    }
    insert_all(tx, rows).await?;
    insert_all(tx, steps).await?;
    Ok(added)
}

/// Takes a scenario out of the set with a version of it, and notes what takes its place.
///
/// # Errors
/// The database is away.
pub async fn retire(tx: &Tx, id: ScenarioId, version: i32, merged_into: Option<ScenarioId>) -> Result<()> {
    let statement = "UPDATE scenario SET retired_in_version = $2, merged_into = $3
                     WHERE id = $1 AND retired_in_version IS NULL";
    let values = [id.into(), version.into(), merged_into.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Reads the scenarios of a topic, in order; retired ones too.
///
/// # Errors
/// The database is away.
pub async fn read(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Vec<StoredScenario>> {
    let scenarios = scenario::Entity::find()
        .filter(scenario::Column::TopicId.eq(topic_id))
        .order_by_asc(scenario::Column::Position)
        .all(db)
        .await?;
    let mut steps: HashMap<ScenarioId, Vec<chain_step::Model>> = HashMap::new();
    let stored = chain_step::Entity::find()
        .filter(chain_step::Column::TopicId.eq(topic_id))
        .order_by_asc(chain_step::Column::StepNo)
        .all(db)
        .await?;
    for step in stored {
        steps.entry(step.scenario_id).or_default().push(step);
    }
    let with_steps = |scenario: scenario::Model| StoredScenario {
        steps: steps.remove(&scenario.id).unwrap_or_default(),
        scenario,
    };
    Ok(scenarios.into_iter().map(with_steps).collect())
}
