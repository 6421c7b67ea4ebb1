//! What moderators do with cases besides deciding them: opening them by hand, tagging them, and having one decided with
//! another.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::cases::{Happened, case_or_open, count, find_for_update, lapse, tell};
use super::subjects::Reported;
use crate::app::App;
use crate::db::Tx;
use crate::entity::moderation_case;
use crate::error::{Error, Result};
use crate::ids::CaseId;
use crate::moderation::rules::{CaseEventKind, CaseNote};
use crate::policy::{ActOn, DecideCase, Permit};

/// The case of what a moderator wants to have looked at, which is opened where there is none, and whether it was.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn open_by_hand(
    app: &App,
    tx: &Tx,
    permit: &Permit<ActOn<'_>>,
    reported: &Reported,
    note: CaseNote,
) -> Result<(moderation_case::Model, bool)> {
    let opened = Happened::noted(CaseEventKind::Opened, permit.by(), note);
    case_or_open(app, tx, reported, opened).await
}

/// The name under which those wait for each other who merge cases, or decide several at once.
const MERGING: &str = "merged cases";

/// A case and the one that it is to be merged into, if any: nobody else changes either until the transaction ends.
///
/// # Errors
/// 404 where there is no such case, 422 where there is none to merge it into.
pub(in crate::moderation) async fn find_to_merge(
    tx: &Tx,
    id: CaseId,
    into: Option<CaseId>,
) -> Result<(moderation_case::Model, Option<moderation_case::Model>)> {
    tx.queue(MERGING).await?;
    let mut ids: Vec<CaseId> = into.into_iter().chain([id]).collect();
    ids.sort_unstable_by_key(|id| id.0);
    ids.dedup();
    let mut found = Vec::new();
    for id in ids {
        match find_for_update(tx, id).await {
            Err(_) if Some(id) == into => return Err(unknown_main()),
            case => found.push(case?),
        }
    }
    let named = |id: CaseId| found.iter().find(|case| case.id == id).cloned();
    Ok((named(id).ok_or_else(Error::not_found)?, into.and_then(named)))
}

/// There is no such case to merge another into, or none that whoever asks may know of.
pub(in crate::moderation) fn unknown_main() -> Error {
    Error::field("into", "unknown_id", "There is no such case, or you may not see it.")
}

/// The cases that were merged into one, in order.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn merged_into(
    db: &impl ConnectionTrait,
    id: CaseId,
) -> Result<Vec<moderation_case::Model>> {
    let rows = moderation_case::Entity::find()
        .filter(moderation_case::Column::MergedIntoId.eq(id))
        .order_by_asc(moderation_case::Column::Id);
    Ok(rows.all(db).await?)
}

/// A case with those that were merged into it, the case itself first: nobody else changes any of them until the transaction
/// ends, or merges others.
///
/// # Errors
/// 404 where there is no such case.
pub(in crate::moderation) async fn find_with_merged(
    tx: &Tx,
    id: CaseId,
) -> Result<(moderation_case::Model, Vec<moderation_case::Model>)> {
    tx.queue(MERGING).await?;
    let either =
        [moderation_case::Column::Id, moderation_case::Column::MergedIntoId].map(|column| column.eq(id));
    let rows = moderation_case::Entity::find()
        .filter(either.into_iter().fold(Condition::any(), Condition::add))
        .order_by_asc(moderation_case::Column::Id)
        .lock_exclusive();
    let (own, merged): (Vec<_>, Vec<_>) =
        rows.all(tx.conn()).await?.into_iter().partition(|case| case.id == id);
    Ok((own.into_iter().next().ok_or_else(Error::not_found)?, merged))
}

/// Has a case, which is locked, be decided with another one, or by itself again.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn merge(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideCase<'_>>,
    into: Option<CaseId>,
    note: CaseNote,
) -> Result<moderation_case::Model> {
    let mut case = permit.act().case.clone();
    lapse(app, tx, &mut case).await?;
    let kind = if into.is_some() { CaseEventKind::Merged } else { CaseEventKind::Unmerged };
    let other = into.or(case.merged_into_id);
    case.merged_into_id = into;
    let happened = Happened::noted(kind, permit.by(), note).related(other);
    tell(app, tx, &case, happened, Some(case.state)).await?;
    count(app, tx, case).await
}

/// Has a case, which is locked, have these tags and no others.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn tag(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideCase<'_>>,
    tags: Vec<String>,
) -> Result<moderation_case::Model> {
    let mut case = permit.act().case.clone();
    lapse(app, tx, &mut case).await?;
    case.tags = tags;
    tell(app, tx, &case, Happened::by(CaseEventKind::Tagged, permit.by()), Some(case.state)).await?;
    count(app, tx, case).await
}
