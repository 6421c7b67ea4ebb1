//! Sets of words, of domains and of what somebody is known by.

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::{Count, change, email_hash};
use crate::app::App;
use crate::automation::rules::list::{MAX_VALUES, normalised};
use crate::automation::rules::{SetKind, SetName};
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert, one, sql, update};
use crate::entity::{list_set, list_value};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::ListSetId;
use crate::invalid::Invalid;
use crate::policy::{EditAutomation, Permit};

/// How many sets there may be.
const MAX_SETS: i64 = 100;

fn taken() -> Error {
    Error::field("name", "taken", "Another set has this name.")
}

/// A value as a set of a kind keeps it.
///
/// # Errors
/// It is none of the kind.
pub(in crate::automation) fn kept(
    app: &App,
    kind: SetKind,
    value: &str,
) -> std::result::Result<String, Invalid> {
    let value = normalised(kind, value)?;
    Ok(if kind == SetKind::EmailHashes { email_hash(app, &value) } else { value })
}

/// What a set of a kind keeps of a value that somebody names to take it out: of an address of mail they may have the hash
/// only.
///
/// # Errors
/// It is none of the kind.
pub(in crate::automation) fn named(
    app: &App,
    kind: SetKind,
    value: &str,
) -> std::result::Result<String, Invalid> {
    // There is no address without an `@`.
    if kind == SetKind::EmailHashes && !value.contains('@') {
        return Ok(value.to_ascii_lowercase());
    }
    kept(app, kind, value)
}

/// Adds a set without values.
///
/// # Errors
/// 422 where another one has the name, or there are too many.
pub(in crate::automation) async fn insert_set(
    app: &App,
    tx: &Tx,
    _: &Permit<EditAutomation>,
    name: SetName,
    kind: SetKind,
) -> Result<list_set::Model> {
    change(tx).await?;
    let there: Option<Count> = one(tx.conn(), sql("SELECT count(*) AS count FROM list_set", [])).await?;
    if there.is_some_and(|there| there.count >= MAX_SETS) {
        return Err(Error::field("(body)", "too_many", format!("At most {MAX_SETS} sets.")));
    }
    let now = app.now();
    let row = list_set::Model {
        id: app.ids.next(),
        name: name.into(),
        kind,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(tx, row.clone()).await.on_constraint("list_set_name_key", taken)?;
    Ok(row)
}

/// Finds a set.
///
/// # Errors
/// 404 where there is none.
pub(in crate::automation) async fn find(db: &impl ConnectionTrait, id: ListSetId) -> Result<list_set::Model> {
    super::set(db, id).await
}

/// Finds a set that is about to be changed, and keeps others from changing any until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::automation) async fn find_for_update(tx: &Tx, id: ListSetId) -> Result<list_set::Model> {
    change(tx).await?;
    super::set(tx.conn(), id).await
}

/// The sets, the last made first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::automation) async fn list(
    db: &impl ConnectionTrait,
    before: Option<ListSetId>,
    limit: Limit,
) -> Result<Vec<list_set::Model>> {
    let rows = list_set::Entity::find()
        .filter(list_set::Column::Id.lt(before.unwrap_or(ListSetId(Uuid::max()))))
        .order_by_desc(list_set::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

#[derive(FromQueryResult)]
struct OfSet {
    set_id: ListSetId,
    count: i64,
}

/// How many values sets have that count at the moment.
///
/// # Errors
/// The database is away.
pub(in crate::automation) async fn value_counts(
    db: &impl ConnectionTrait,
    sets: &[list_set::Model],
    now: Time,
) -> Result<Vec<(ListSetId, i64)>> {
    let ids: Vec<Uuid> = sets.iter().map(|set| set.id.0).collect();
    let statement = "SELECT set_id, count(*) AS count FROM list_value
                     WHERE set_id = ANY ($1) AND (expires_at IS NULL OR expires_at > $2) GROUP BY set_id";
    let counts: Vec<OfSet> = all(db, sql(statement, [ids.into(), now.into()])).await?;
    Ok(counts.into_iter().map(|OfSet { set_id, count }| (set_id, count)).collect())
}

/// Gives a set, which is locked, another name.
///
/// # Errors
/// 422 where another one has it.
pub(in crate::automation) async fn rename(
    app: &App,
    tx: &Tx,
    _: &Permit<EditAutomation>,
    set: &list_set::Model,
    name: SetName,
) -> Result<list_set::Model> {
    let name: String = name.into();
    if name == set.name {
        return Ok(set.clone());
    }
    let row = list_set::Model { name, version: set.version + 1, updated_at: app.now(), ..set.clone() };
    update(tx, row.clone()).await.on_constraint("list_set_name_key", taken)?;
    Ok(row)
}

/// Deletes a set, which is locked, with its values.
///
/// # Errors
/// 409 where a rule that was not retired looks into it.
pub(in crate::automation) async fn delete(
    tx: &Tx,
    _: &Permit<EditAutomation>,
    set: &list_set::Model,
) -> Result<()> {
    let statement = "SELECT count(*) AS count FROM automation_rule r
                     JOIN automation_rule_version v ON v.rule_id = r.id AND v.number = r.version
                     WHERE r.retired_at IS NULL AND $1 = ANY (v.set_ids)";
    let used: Option<Count> = one(tx.conn(), sql(statement, [set.id.into()])).await?;
    if used.is_some_and(|used| used.count > 0) {
        return Err(Code::SetInUse.error("A rule looks into it: change or retire that first."));
    }
    list_set::Entity::delete_by_id(set.id).exec(tx.conn()).await?;
    Ok(())
}

/// The values of a set in their order, those that ended included: those after one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::automation) async fn values(
    db: &impl ConnectionTrait,
    id: ListSetId,
    after: Option<String>,
    limit: Limit,
) -> Result<Vec<list_value::Model>> {
    let rows = list_value::Entity::find()
        .filter(list_value::Column::SetId.eq(id))
        .filter(list_value::Column::Value.gt(after.unwrap_or_default()))
        .order_by_asc(list_value::Column::Value)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// Adds values to a set, which is locked; one that is there is kept until the moment that is said now. Values that ended
/// go.
///
/// # Errors
/// 422 where that would be too many.
pub(in crate::automation) async fn add_values(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAutomation>,
    set: &list_set::Model,
    values: &[(String, Option<Time>)],
) -> Result<list_set::Model> {
    let now = app.now();
    let ended = "DELETE FROM list_value WHERE set_id = $1 AND expires_at <= $2";
    tx.conn().execute_raw(sql(ended, [set.id.into(), now.into()])).await?;
    let row = |(value, expires_at): &(String, Option<Time>)| list_value::Model {
        set_id: set.id,
        value: value.clone(),
        expires_at: *expires_at,
        added_by: Some(permit.by()),
        added_at: now,
    };
    let again = OnConflict::columns([list_value::Column::SetId, list_value::Column::Value])
        .update_column(list_value::Column::ExpiresAt)
        .to_owned();
    list_value::Entity::insert_many(values.iter().map(row).map(IntoActiveModel::into_active_model))
        .on_conflict(again)
        .exec_without_returning(tx.conn())
        .await?;
    let statement = "SELECT count(*) AS count FROM list_value WHERE set_id = $1";
    let there: Option<Count> = one(tx.conn(), sql(statement, [set.id.into()])).await?;
    if there.is_some_and(|there| usize::try_from(there.count).unwrap_or(usize::MAX) > MAX_VALUES) {
        return Err(Error::field("values", "too_many", format!("A set has at most {MAX_VALUES} values.")));
    }
    touch(app, tx, set).await
}

/// Takes a value out of a set, which is locked.
///
/// # Errors
/// 404 where it is not in it.
pub(in crate::automation) async fn remove_value(
    app: &App,
    tx: &Tx,
    _: &Permit<EditAutomation>,
    set: &list_set::Model,
    value: String,
) -> Result<list_set::Model> {
    let removed = list_value::Entity::delete_by_id((set.id, value)).exec(tx.conn()).await?;
    if removed.rows_affected == 0 {
        return Err(Error::not_found());
    }
    touch(app, tx, set).await
}

async fn touch(app: &App, tx: &Tx, set: &list_set::Model) -> Result<list_set::Model> {
    let row = list_set::Model { version: set.version + 1, updated_at: app.now(), ..set.clone() };
    update(tx, row.clone()).await?;
    Ok(row)
}
