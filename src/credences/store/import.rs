//! Taking over what people said elsewhere, and counting it.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;

use super::crowd::recount_before;
use crate::app::App;
use crate::db::{Tx, insert_all, sql};
use crate::entity::{
    checkpoint_credence, credence, credence_in_force, credence_part, inevitability, meta_prediction,
    meta_prediction_part, step_credence, topic,
};
use crate::error::Result;
use crate::policy::{Permit, StateCredences};

/// Everything that people said of one topic that has nothing of the kind yet.
#[derive(Debug, Default)]
pub struct Said {
    /// The vectors, each person's numbered from 1 without a gap.
    pub credences: Vec<credence::Model>,
    /// What they consist of.
    pub parts: Vec<credence_part::Model>,
    /// What people predict of the others.
    pub predictions: Vec<meta_prediction::Model>,
    /// What the predictions consist of.
    pub prediction_parts: Vec<meta_prediction_part::Model>,
    /// How likely they take steps to be.
    pub steps: Vec<step_credence::Model>,
    /// From when on they take the actual outcome to have been near certain.
    pub inevitability: Vec<inevitability::Model>,
    /// What they believe as of the checkpoints.
    pub checkpoints: Vec<checkpoint_credence::Model>,
}

/// Adds what people said of a topic, and counts every crowd of it.
///
/// # Errors
/// The database refuses what is no whole, or is away.
pub async fn import(app: &App, tx: &Tx, permit: &Permit<StateCredences<'_>>, said: Said) -> Result<()> {
    let topic = permit.act().0;
    let mut in_force = BTreeMap::new();
    for vector in &said.credences {
        let row = credence_in_force::Model {
            topic_id: topic.id,
            account_id: vector.account_id,
            number: vector.number,
            saw_crowd: vector.saw_crowd,
        };
        in_force.insert(vector.account_id, row);
    }
    insert_all(tx, said.credences).await?;
    insert_all(tx, said.parts).await?;
    insert_all(tx, in_force.into_values().collect()).await?;
    insert_all(tx, said.predictions).await?;
    insert_all(tx, said.prediction_parts).await?;
    insert_all(tx, said.steps).await?;
    insert_all(tx, said.inevitability).await?;
    insert_all(tx, said.checkpoints).await?;
    recount_all(app, tx, topic).await
}

/// Counts all crowds that the vectors of a topic make, present and former ones, whether they were counted before or
/// not. A vector belongs to the crowd that begins with the last version before it, or its own, that could not be
/// compared with the one before.
async fn recount_all(app: &App, tx: &Tx, topic: &topic::Model) -> Result<()> {
    let statement =
        "INSERT INTO crowd (topic_id, comparable_since, people, moved_on, changes, summarised_changes)
         SELECT DISTINCT c.topic_id,
                CASE WHEN c.scenario_set_version >= t.comparable_since THEN t.comparable_since ELSE coalesce(
                    (SELECT max(v.version) FROM scenario_set_version v
                     WHERE v.topic_id = c.topic_id AND NOT v.comparable AND v.version <= c.scenario_set_version), 1) END,
                0, 0, 1, 0
         FROM credence c JOIN topic t ON t.id = c.topic_id
         WHERE c.topic_id = $1
         ON CONFLICT ON CONSTRAINT crowd_pkey DO NOTHING";
    tx.conn().execute_raw(sql(statement, [topic.id.into()])).await?;
    recount_before(app, tx, topic, i32::MAX).await
}
