//! Whose reports weigh nothing for a while.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, sql};
use crate::entity::report_mute;
use crate::error::Result;
use crate::ids::AccountId;
use crate::moderation::rules::CaseNote;
use crate::policy::{MuteReports, Permit};

/// By which decision reports of somebody weigh nothing at a moment, if by any.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn report_mute_of(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    now: Time,
) -> Result<Option<report_mute::Model>> {
    let found = report_mute::Entity::find()
        .filter(report_mute::Column::AccountId.eq(account_id))
        .filter(report_mute::Column::LiftedAt.is_null())
        .filter(report_mute::Column::EndsAt.gt(now));
    Ok(found.one(db).await?)
}

/// Has reports of somebody weigh nothing until then, in place of what was decided about that before; says whether it is
/// something new.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn mute_reports(
    app: &App,
    tx: &Tx,
    permit: &Permit<MuteReports>,
    (ends_at, reason): (Time, CaseNote),
) -> Result<(report_mute::Model, bool)> {
    let now = app.now();
    let account_id = permit.act().account_id;
    if let Some(present) = report_mute_of(tx.conn(), account_id, now).await?
        && (present.ends_at, present.reason.as_str()) == (ends_at, reason.as_str())
    {
        return Ok((present, false));
    }
    unmute_reports(app, tx, permit).await?;
    let row = report_mute::Model {
        id: app.ids.next(),
        account_id,
        created_by: Some(permit.by()),
        reason: reason.into(),
        created_at: now,
        ends_at,
        lifted_at: None,
    };
    insert(tx, row.clone()).await?;
    Ok((row, true))
}

/// Has what somebody reports from now on weigh what it does; says whether anything was lifted.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn unmute_reports(
    app: &App,
    tx: &Tx,
    permit: &Permit<MuteReports>,
) -> Result<bool> {
    let statement = "UPDATE report_mute SET lifted_at = $2 WHERE account_id = $1 AND lifted_at IS NULL";
    let values = [permit.act().account_id.into(), app.now().into()];
    Ok(tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() > 0)
}
