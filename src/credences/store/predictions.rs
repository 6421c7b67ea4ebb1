//! What people think the others hold likeliest.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::crowd::{self, Basis, Share};
use super::own;
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::credences::rules::{Live, Vector, present};
use crate::db::{Tx, insert_all, sql};
use crate::entity::{meta_prediction, meta_prediction_part, topic};
use crate::error::Result;
use crate::ids::{AccountId, ScenarioId, TopicId};
use crate::policy::{Permit, StateCredences};

/// What somebody predicts, and the version of the set that it covers.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::credences) struct StoredPrediction {
    pub(in crate::credences) row: meta_prediction::Model,
    pub(in crate::credences) vector: Vector,
}

/// What somebody predicts, if they did.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn own_prediction(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<Option<StoredPrediction>> {
    let row = meta_prediction::Entity::find_by_id((topic_id, account_id)).one(db).await?;
    let Some(row) = row else { return Ok(None) };
    let parts = meta_prediction_part::Entity::find()
        .filter(meta_prediction_part::Column::TopicId.eq(topic_id))
        .filter(meta_prediction_part::Column::AccountId.eq(account_id))
        .all(db)
        .await?;
    let mut vector = Vector::new();
    for part in parts {
        let bp = BasisPoints::stored(part.bp)?;
        vector.insert(part.scenario_id, bp);
    }
    Ok(Some(StoredPrediction { row, vector }))
}

/// What somebody predicts of the present scenarios, if it can be compared with them.
///
/// # Errors
/// The database is away.
pub(super) async fn comparable(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    account_id: AccountId,
    live: &Live,
) -> Result<Option<Vector>> {
    let stored = own_prediction(db, topic.id, account_id).await?;
    let fresh = stored.filter(|stored| stored.row.scenario_set_version >= topic.comparable_since);
    Ok(fresh.and_then(|stored| present(&stored.vector, live)))
}

/// Keeps what somebody predicts, in place of what they predicted before.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn predict(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateCredences<'_>>,
    vector: &Vector,
    live: &Live,
) -> Result<StoredPrediction> {
    let (topic, account_id) = (permit.act().0, permit.by());
    crowd::hold(tx, Basis::present(topic)).await?;
    let before = comparable(tx.conn(), topic, account_id, live).await?;
    tx.conn()
        .execute_raw(sql(
            "DELETE FROM meta_prediction_part WHERE topic_id = $1 AND account_id = $2",
            [topic.id.into(), account_id.into()],
        ))
        .await?;
    let row = meta_prediction::Model {
        topic_id: topic.id,
        account_id,
        scenario_set_version: topic.scenario_set_version,
        updated_at: app.now(),
    };
    let statement = "INSERT INTO meta_prediction (topic_id, account_id, scenario_set_version, updated_at)
         VALUES ($1, $2, $3, $4) ON CONFLICT ON CONSTRAINT meta_prediction_pkey
         DO UPDATE SET scenario_set_version = excluded.scenario_set_version, updated_at = excluded.updated_at";
    let values =
        [topic.id.into(), account_id.into(), topic.scenario_set_version.into(), row.updated_at.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    let part = |(scenario_id, bp): (&ScenarioId, &BasisPoints)| meta_prediction_part::Model {
        topic_id: topic.id,
        account_id,
        scenario_id: *scenario_id,
        bp: i32::from(*bp),
    };
    insert_all(tx, vector.iter().map(part).collect()).await?;
    // It counts together with what they hold likeliest themselves.
    let last = own(tx.conn(), topic.id, account_id).await?;
    if let Some(stated) = last.and_then(|last| last.present(topic, live)) {
        let before = Share { vector: Some(stated.clone()), prediction: before };
        let after = Share { vector: Some(stated), prediction: Some(vector.clone()) };
        crowd::count(app, tx, Basis::present(topic), &before, &after).await?;
    }
    Ok(StoredPrediction { row, vector: vector.clone() })
}
