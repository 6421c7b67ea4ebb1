//! What rules did that people are to look at, and in which cases they do.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::content_of;
use crate::automation::rules::{RuleContent, RuleVersion};
use crate::db::{Tx, sql};
use crate::entity::{automation_rule_version, rule_hit};
use crate::error::{Error, Result};
use crate::ids::{CaseId, RuleHitId};

/// Where whoever opens the cases of what rules did listens.
pub const CHANNEL: &str = "otherwise_rule_hit";

/// Calls for whoever opens the cases of what rules did. It is heard when this transaction is committed.
///
/// # Errors
/// The database is away.
pub async fn ring(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

/// Finds the oldest hit, after one if it is named, whose case is still to be opened, and locks it; what others are about to
/// see to is passed over, and so is what met somebody whose account was erased since.
///
/// # Errors
/// The database is away.
pub async fn next_waiting(tx: &Tx, after: Option<RuleHitId>) -> Result<Option<rule_hit::Model>> {
    let statement = "SELECT * FROM rule_hit
                     WHERE did IN ('filtered', 'queued') AND case_id IS NULL
                       AND (post_id IS NOT NULL OR author_id IS NOT NULL) AND id > $1
                     ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let after = after.unwrap_or(RuleHitId(Uuid::nil()));
    Ok(rule_hit::Entity::find().from_raw_sql(sql(statement, [after.into()])).one(tx.conn()).await?)
}

/// Finds a hit and keeps others from opening its case until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub async fn find_hit_for_update(tx: &Tx, id: RuleHitId) -> Result<rule_hit::Model> {
    rule_hit::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Keeps in which case people look at a hit, which is locked.
///
/// # Errors
/// The database is away.
pub async fn note_case(tx: &Tx, id: RuleHitId, case_id: CaseId) -> Result<()> {
    let statement = "UPDATE rule_hit SET case_id = $2 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [id.into(), case_id.into()])).await?;
    Ok(())
}

/// What the rule consisted of that met something.
///
/// # Errors
/// The database is away.
pub async fn content_at(db: &impl ConnectionTrait, hit: &rule_hit::Model) -> Result<RuleContent> {
    let version = automation_rule_version::Entity::find_by_id((hit.rule_id, hit.version)).one(db).await?;
    content_of(&version.ok_or_else(|| Error::internal(anyhow::anyhow!("a hit without a rule")))?)
}

/// Which rules made these hits.
///
/// # Errors
/// The database is away.
pub async fn rules_of(
    db: &impl ConnectionTrait,
    hits: impl IntoIterator<Item = RuleHitId>,
) -> Result<HashMap<RuleHitId, RuleVersion>> {
    let ids: Vec<RuleHitId> = hits.into_iter().collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = rule_hit::Entity::find().filter(rule_hit::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|hit| (hit.id, RuleVersion { id: hit.rule_id, version: hit.version })).collect())
}
