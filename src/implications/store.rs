//! Implications and forecasts: every query.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::rules::{CrowdForecast, Resolution, Score, shows_crowd};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::clock::Time;
use crate::db::{Tx, all, insert as insert_row, insert_all, one, sql, update};
use crate::entity::{citation, forecast, forecast_in_force, implication, implication_scenario, scenario};
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, ForecastId, ImplicationId, ScenarioId, TopicId};
use crate::policy::{
    DeleteImplication, EditImplication, Permit, ProposeImplication, ResolveImplication, StateForecast,
};
use crate::posts::rules::TestKind;
use crate::sources::rules::{CitationById, CitationByKey};
use crate::sources::{Bibliography, CitationOwner, CitationView, OwnedCitation, cite, cite_by_id};

/// What an implication says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    pub(super) statement: String,
    pub(super) bears_on: Vec<ScenarioId>,
    pub(super) test_kind: TestKind,
}

/// An implication as a reader sees it.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) implication: implication::Model,
    pub(super) author: Option<Author>,
    pub(super) bears_on: Vec<ScenarioId>,
    pub(super) resolved_by: Option<Author>,
    pub(super) citation: Option<CitationView>,
    /// What the crowd forecasts, where the reader is shown that.
    pub(super) crowd: Option<CrowdForecast>,
    /// What the reader forecast last.
    pub(super) mine: Option<BasisPoints>,
}

/// The scenarios of a topic, and whether each is in force.
///
/// # Errors
/// The database is away.
pub(super) async fn scenarios(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
) -> Result<BTreeMap<ScenarioId, bool>> {
    let scenarios = scenario::Entity::find().filter(scenario::Column::TopicId.eq(topic_id)).all(db).await?;
    Ok(scenarios.into_iter().map(|scenario| (scenario.id, scenario.retired_in_version.is_none())).collect())
}

/// Finds an implication, whoever asks.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: ImplicationId) -> Result<implication::Model> {
    implication::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds an implication and keeps others from changing, resolving and forecasting it until the transaction ends.
///
/// # Errors
/// As [`find`].
pub(super) async fn find_for_update(tx: &Tx, id: ImplicationId) -> Result<implication::Model> {
    let found = implication::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Finds an implication and keeps it as it is until the transaction ends. Many may hold it at a time.
///
/// # Errors
/// As [`find`].
pub(super) async fn hold(tx: &Tx, id: ImplicationId) -> Result<implication::Model> {
    let found = implication::Entity::find_by_id(id).lock_shared().one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// Whether others than its author have forecast an implication, which is locked.
///
/// # Errors
/// The database is away.
pub(super) async fn others_forecast(tx: &Tx, implication: &implication::Model) -> Result<bool> {
    let other = forecast_in_force::Entity::find()
        .filter(forecast_in_force::Column::ImplicationId.eq(implication.id))
        .filter(forecast_in_force::Column::AccountId.ne(implication.author_id));
    Ok(other.one(tx.conn()).await?.is_some())
}

/// What an implication says at the moment.
///
/// # Errors
/// The database is away.
pub(super) async fn content(db: &impl ConnectionTrait, implication: &implication::Model) -> Result<Content> {
    Ok(Content {
        statement: implication.statement.clone(),
        bears_on: bears_on(db, vec![implication.id]).await?.remove(&implication.id).unwrap_or_default(),
        test_kind: implication.test_kind,
    })
}

/// Adds an implication that was checked against the topic, which is held as it is.
///
/// # Errors
/// The database is away.
pub(super) async fn insert(
    app: &App,
    tx: &Tx,
    permit: &Permit<ProposeImplication<'_>>,
    new: Content,
) -> Result<ImplicationId> {
    let (id, topic_id, now) = (app.ids.next(), permit.act().0.id, app.now());
    let row = implication::Model {
        id,
        topic_id,
        author_id: permit.by(),
        statement: new.statement,
        test_kind: new.test_kind,
        resolution: Resolution::Unresolved,
        citation_id: None,
        resolved_by: None,
        resolved_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert_row(tx, row).await?;
    insert_bears_on(tx, topic_id, id, &new.bears_on).await?;
    Ok(id)
}

/// Takes over an implication that nobody has resolved yet.
///
/// # Errors
/// The database is away.
pub async fn import(
    tx: &Tx,
    permit: &Permit<ProposeImplication<'_>>,
    row: implication::Model,
    bears_on: &[ScenarioId],
) -> Result<()> {
    let id = row.id;
    insert_row(tx, row).await?;
    insert_bears_on(tx, permit.act().0.id, id, bears_on).await
}

/// Takes over what people forecast of implications that nobody has resolved yet, each person's of each numbered from 1
/// without a gap.
///
/// # Errors
/// The database is away.
pub async fn import_forecasts(
    tx: &Tx,
    _: &Permit<ProposeImplication<'_>>,
    forecasts: Vec<forecast::Model>,
) -> Result<()> {
    let mut in_force = BTreeMap::new();
    for forecast in &forecasts {
        let (implication_id, account_id, number) =
            (forecast.implication_id, forecast.account_id, forecast.number);
        let row = forecast_in_force::Model { implication_id, account_id, number };
        in_force.insert((implication_id, account_id), row);
    }
    insert_all(tx, forecasts).await?;
    insert_all(tx, in_force.into_values().collect()).await
}

/// Takes over what the record showed of an implication, and who said so when.
///
/// # Errors
/// The database is away.
pub async fn import_resolution(
    app: &App,
    tx: &Tx,
    permit: &Permit<ResolveImplication<'_>>,
    resolution: Resolution,
    citation: &CitationByKey,
    bibliography: &Bibliography,
    at: Time,
) -> Result<()> {
    let mut row = permit.act().implication.clone();
    let owner = CitationOwner::Implication(row.id);
    cite(tx, &app.ids, row.topic_id, owner, std::slice::from_ref(citation), bibliography).await?;
    let cited =
        citation::Entity::find().filter(citation::Column::ImplicationId.eq(row.id)).one(tx.conn()).await?;
    row.citation_id = cited.map(|cited| cited.id);
    row.resolution = resolution;
    row.resolved_by = Some(permit.by());
    row.resolved_at = Some(at);
    row.version += 1;
    row.updated_at = at;
    update(tx, row).await
}

async fn insert_bears_on(
    tx: &Tx,
    topic_id: TopicId,
    implication_id: ImplicationId,
    scenarios: &[ScenarioId],
) -> Result<()> {
    let row = |scenario_id: &ScenarioId| implication_scenario::Model {
        implication_id,
        topic_id,
        scenario_id: *scenario_id,
    };
    insert_all(tx, scenarios.iter().map(row).collect()).await
}

/// Changes an implication, which is locked, to what was checked; says whether that is something else.
///
/// # Errors
/// The database is away.
pub(super) async fn revise(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditImplication<'_>>,
    before: &Content,
    mut new: Content,
) -> Result<bool> {
    let mut row = permit.act().implication.clone();
    new.bears_on.sort_unstable();
    if new == *before {
        return Ok(false);
    }
    if new.bears_on != before.bears_on {
        let statement = "DELETE FROM implication_scenario WHERE implication_id = $1";
        tx.conn().execute_raw(sql(statement, [row.id.into()])).await?;
        insert_bears_on(tx, row.topic_id, row.id, &new.bears_on).await?;
    }
    row.statement = new.statement;
    row.test_kind = new.test_kind;
    row.version += 1;
    row.updated_at = app.now();
    update(tx, row).await?;
    Ok(true)
}

/// Takes an implication away, which is locked, with all forecasts of it.
///
/// # Errors
/// The database is away.
pub(super) async fn delete(tx: &Tx, permit: &Permit<DeleteImplication<'_>>) -> Result<()> {
    implication::Entity::delete_by_id(permit.act().implication.id).exec(tx.conn()).await?;
    Ok(())
}

/// Says what the record shows of an implication, or opens it again; says whether it was otherwise. Resolution and
/// citation were checked; the implication is locked, and before it the topic's activity.
///
/// # Errors
/// 422 where the citation names nothing in this topic.
pub(super) async fn resolve(
    app: &App,
    tx: &Tx,
    permit: &Permit<ResolveImplication<'_>>,
    resolution: Resolution,
    citation: Option<&CitationById>,
) -> Result<bool> {
    let mut row = permit.act().implication.clone();
    let cited =
        citation::Entity::find().filter(citation::Column::ImplicationId.eq(row.id)).one(tx.conn()).await?;
    let same_citation = match (&cited, citation) {
        (None, None) => true,
        (Some(old), Some(new)) => {
            let locator = new.locator.as_ref().map(ToString::to_string);
            (old.source_id, old.quotation_id, &old.locator) == (new.source_id, new.quotation_id, &locator)
        }
        _ => false,
    };
    if resolution == row.resolution && same_citation {
        return Ok(false);
    }
    if let Some(old) = cited {
        citation::Entity::delete_by_id(old.id).exec(tx.conn()).await?;
    }
    row.citation_id = match citation {
        Some(new) => {
            let owner = CitationOwner::Implication(row.id);
            Some(cite_by_id(tx, &app.ids, row.topic_id, owner, "citation", new).await?)
        }
        None => None,
    };
    let resolved = resolution != Resolution::Unresolved;
    row.resolution = resolution;
    row.resolved_by = resolved.then(|| permit.by());
    row.resolved_at = resolved.then(|| app.now());
    row.version += 1;
    row.updated_at = app.now();
    update(tx, row).await?;
    Ok(true)
}

/// Adds a forecast of an implication, which is held as it is; one that says what the last one says is that one.
/// Forecasts of one person queue up here, so their numbers have no gap.
///
/// # Errors
/// The database is away.
pub(super) async fn state_forecast(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateForecast<'_>>,
    bp: BasisPoints,
) -> Result<(forecast::Model, bool)> {
    let (implication_id, account_id) = (permit.act().implication.id, permit.by());
    let first = "INSERT INTO forecast_in_force (implication_id, account_id, number) VALUES ($1, $2, 0)
         ON CONFLICT ON CONSTRAINT forecast_in_force_pkey DO NOTHING";
    tx.conn().execute_raw(sql(first, [implication_id.into(), account_id.into()])).await?;
    let in_force = forecast_in_force::Entity::find_by_id((implication_id, account_id))
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a row that was just there is gone")))?;
    if let Some(last) = own_forecast(tx.conn(), implication_id, account_id).await?
        && last.bp == i32::from(bp)
    {
        return Ok((last, false));
    }
    let forecast = forecast::Model {
        id: app.ids.next(),
        implication_id,
        account_id,
        number: in_force.number + 1,
        bp: bp.into(),
        created_at: app.now(),
    };
    insert_row(tx, forecast.clone()).await?;
    let counts = "UPDATE forecast_in_force SET number = $3 WHERE implication_id = $1 AND account_id = $2";
    let values = [implication_id.into(), account_id.into(), forecast.number.into()];
    tx.conn().execute_raw(sql(counts, values)).await?;
    Ok((forecast, true))
}

/// The forecast of a person that counts, if they stated any.
///
/// # Errors
/// The database is away.
pub(super) async fn own_forecast(
    db: &impl ConnectionTrait,
    implication_id: ImplicationId,
    account_id: AccountId,
) -> Result<Option<forecast::Model>> {
    Ok(forecast::Entity::find()
        .filter(forecast::Column::ImplicationId.eq(implication_id))
        .filter(forecast::Column::AccountId.eq(account_id))
        .order_by_desc(forecast::Column::Number)
        .one(db)
        .await?)
}

/// How many implications of a topic are resolved in which way.
#[derive(Debug, Clone, Copy, FromQueryResult)]
pub(super) struct Summary {
    pub(super) found: i64,
    pub(super) not_found: i64,
    pub(super) unclear: i64,
    pub(super) unresolved: i64,
}

/// Counts the implications of a topic.
///
/// # Errors
/// The database is away.
pub(super) async fn summary(db: &impl ConnectionTrait, topic_id: TopicId) -> Result<Summary> {
    let statement = "SELECT count(*) FILTER (WHERE resolution = 'found') AS found,
                count(*) FILTER (WHERE resolution = 'not_found') AS not_found,
                count(*) FILTER (WHERE resolution = 'unclear') AS unclear,
                count(*) FILTER (WHERE resolution = 'unresolved') AS unresolved
         FROM implication WHERE topic_id = $1";
    one(db, sql(statement, [topic_id.into()]))
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a count has no row")))
}

/// The implications of a topic, newest first: those before one of them, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    resolution: Option<Resolution>,
    before: Option<ImplicationId>,
    limit: Limit,
) -> Result<Vec<implication::Model>> {
    let mut query = implication::Entity::find().filter(implication::Column::TopicId.eq(topic_id));
    if let Some(resolution) = resolution {
        query = query.filter(implication::Column::Resolution.eq(resolution));
    }
    if let Some(before) = before {
        query = query.filter(implication::Column::Id.lt(before));
    }
    let most = u64::try_from(limit.and_one()).unwrap_or_default();
    Ok(query.order_by_desc(implication::Column::Id).limit(most).all(db).await?)
}

/// Which scenarios these bear on, each in the order of the scenarios' identifiers.
async fn bears_on(
    db: &impl ConnectionTrait,
    ids: Vec<ImplicationId>,
) -> Result<HashMap<ImplicationId, Vec<ScenarioId>>> {
    let rows = implication_scenario::Entity::find()
        .filter(implication_scenario::Column::ImplicationId.is_in(ids))
        .order_by_asc(implication_scenario::Column::ScenarioId)
        .all(db)
        .await?;
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        found.entry(row.implication_id).or_default().push(row.scenario_id);
    }
    Ok(found)
}

/// Reads what belongs to these implications, as far as this reader is shown it.
///
/// # Errors
/// The database is away.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    reader: Option<AccountId>,
    implications: Vec<implication::Model>,
) -> Result<Vec<Stored>> {
    let mut bears_on = bears_on(db, implications.iter().map(|row| row.id).collect()).await?;
    let people = implications.iter().flat_map(|row| [Some(row.author_id), row.resolved_by]);
    let people = authors(db, people.flatten().collect()).await?;
    let cited = implications.iter().filter(|row| row.citation_id.is_some()).map(|row| row.id.0);
    let mut citations = citations(db, cited.collect()).await?;
    let mine = match reader {
        Some(reader) => last_of(db, reader, implications.iter().map(|row| row.id.0).collect()).await?,
        None => HashMap::new(),
    };
    let shown = |row: &implication::Model| shows_crowd(row.resolution, mine.contains_key(&row.id));
    let crowds =
        crowds(db, implications.iter().filter(|row| shown(row)).map(|row| row.id.0).collect()).await?;
    let stored = |implication: implication::Model| Stored {
        author: people.get(&implication.author_id).cloned(),
        bears_on: bears_on.remove(&implication.id).unwrap_or_default(),
        resolved_by: implication.resolved_by.and_then(|id| people.get(&id).cloned()),
        citation: citations.remove(&implication.id),
        crowd: shown(&implication)
            .then(|| crowds.get(&implication.id).copied().unwrap_or_else(|| CrowdForecast::of(0, None))),
        mine: mine.get(&implication.id).copied(),
        implication,
    };
    Ok(implications.into_iter().map(stored).collect())
}

/// What resolves these.
async fn citations(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<HashMap<ImplicationId, CitationView>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement =
        "SELECT post_id, scenario_id, chain_step_id, background_fact_id, variant_id, reference_class_id, implication_id,
                source_id, quotation_id, locator, document
         FROM citation_document WHERE implication_id = ANY($1)";
    let rows: Vec<OwnedCitation> = all(db, sql(statement, [ids.into()])).await?;
    let owned = rows.iter().filter_map(|row| Some((row.implication_id?, row)));
    owned.map(|(id, row)| Ok((id, row.view()?))).collect()
}

#[derive(FromQueryResult)]
struct Last {
    implication_id: ImplicationId,
    bp: i32,
}

/// What a person forecast last for each of these.
async fn last_of(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    ids: Vec<Uuid>,
) -> Result<HashMap<ImplicationId, BasisPoints>> {
    let statement = "SELECT f.implication_id, f.bp
         FROM forecast_in_force l
         JOIN forecast f ON (f.implication_id, f.account_id, f.number) = (l.implication_id, l.account_id, l.number)
         WHERE l.account_id = $1 AND l.implication_id = ANY($2)";
    let rows: Vec<Last> = all(db, sql(statement, [account_id.into(), ids.into()])).await?;
    rows.into_iter().map(|row| Ok((row.implication_id, BasisPoints::stored(row.bp)?))).collect()
}

#[derive(FromQueryResult)]
struct Crowd {
    implication_id: ImplicationId,
    n: i64,
    median_bp: Option<f64>,
}

/// What the crowd forecasts of each of these, where anybody does.
async fn crowds(db: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<HashMap<ImplicationId, CrowdForecast>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    // Of whole numbers, so that the mean of two in the middle is exact.
    let statement =
        "SELECT f.implication_id, count(*) AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY f.bp) AS median_bp
         FROM forecast_in_force l
         JOIN forecast f ON (f.implication_id, f.account_id, f.number) = (l.implication_id, l.account_id, l.number)
         WHERE l.implication_id = ANY($1)
         GROUP BY f.implication_id";
    let rows: Vec<Crowd> = all(db, sql(statement, [ids.into()])).await?;
    let crowd = |row: Crowd| (row.implication_id, CrowdForecast::of(row.n, row.median_bp));
    Ok(rows.into_iter().map(crowd).collect())
}

/// The last forecast that somebody stated for one implication, with what it is of.
#[derive(Debug, Clone, FromQueryResult)]
pub(super) struct OwnForecast {
    /// Their first one for it: the place in the list.
    pub(super) first_id: ForecastId,
    pub(super) implication_id: ImplicationId,
    pub(super) statement: String,
    pub(super) resolution: Resolution,
    pub(super) topic_id: TopicId,
    pub(super) topic_slug: String,
    pub(super) topic_title: String,
    pub(super) number: i32,
    pub(super) bp: i32,
    pub(super) created_at: Time,
}

/// What a person forecast last, of each implication once, the one that they came to last first: those before one of
/// them, and one more than fits on the page. Who thinks again moves nothing in this list.
///
/// # Errors
/// The database is away.
pub(super) async fn list_own_forecasts(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<ForecastId>,
    limit: Limit,
) -> Result<Vec<OwnForecast>> {
    let statement = "SELECT first.id AS first_id, f.implication_id, i.statement, i.resolution, i.topic_id,
                t.slug AS topic_slug, t.title AS topic_title, f.number, f.bp, f.created_at
         FROM forecast first
         JOIN forecast_in_force l ON (l.implication_id, l.account_id) = (first.implication_id, first.account_id)
         JOIN forecast f ON (f.implication_id, f.account_id, f.number) = (l.implication_id, l.account_id, l.number)
         JOIN implication i ON i.id = f.implication_id
         JOIN topic t ON t.id = i.topic_id
         WHERE first.account_id = $1 AND first.number = 1 AND first.id < $2 AND is_shown(t.status)
         ORDER BY first.id DESC LIMIT $3";
    let before = before.map_or(Uuid::max(), |id| id.0);
    all(db, sql(statement, [account_id.into(), before.into(), limit.and_one().into()])).await
}

#[derive(FromQueryResult)]
struct Settled {
    bp: i32,
    resolution: Resolution,
}

/// How well a person forecasts, by what they forecast last before each resolution in force.
///
/// # Errors
/// The database is away.
pub async fn score_of(db: &impl ConnectionTrait, account_id: AccountId) -> Result<Score> {
    let statement = "SELECT f.bp, i.resolution
         FROM forecast_in_force l
         JOIN forecast f ON (f.implication_id, f.account_id, f.number) = (l.implication_id, l.account_id, l.number)
         JOIN implication i ON i.id = l.implication_id
         WHERE l.account_id = $1 AND i.resolution IN ('found', 'not_found')";
    let rows: Vec<Settled> = all(db, sql(statement, [account_id.into()])).await?;
    let settled = rows.into_iter().filter_map(|row| Some((row.bp, row.resolution.outcome()?)));
    let settled: Vec<_> =
        settled.map(|(bp, shown)| Ok((BasisPoints::stored(bp)?, shown))).collect::<Result<_>>()?;
    Ok(Score::of(settled))
}

/// Takes away what somebody forecast, whose account is erased. What they proposed and resolved stays.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    for statement in
        ["DELETE FROM forecast_in_force WHERE account_id = $1", "DELETE FROM forecast WHERE account_id = $1"]
    {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
