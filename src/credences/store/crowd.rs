//! Counting a crowd: what each vector changes of the tallies, and what they come to.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};

use super::further;
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::changes::Change;
use crate::clock::Time;
use crate::credences::rules::crowd::{Counted, Further, Summary};
use crate::credences::rules::pool::{FEWEST, Tally};
use crate::credences::rules::popular::Predictions;
use crate::credences::rules::{Vector, favourite};
use crate::db::{Tx, all, one, sql};
use crate::entity::{credence_in_force, crowd, scenario, scenario_set_version, topic};
use crate::error::{Error, Result};
use crate::ids::{AccountId, ScenarioId, TopicId};

/// The channel on which whoever changes the tallies of a large crowd calls.
pub const CHANNEL: &str = "otherwise_crowd";

/// Up to so many people whoever changes what a crowd thinks counts it; above, the background work does, within a moment.
const COUNTED_AT_ONCE: i32 = 250;

/// What is kept of a crowd that has changed is shown for so long; then whoever reads counts.
const LATEST: TimeDelta = TimeDelta::seconds(1);

/// What one person adds to the tallies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Their vector, in the scenarios of the present.
    pub(super) vector: Option<Vector>,
    /// What they predict of the others.
    pub(super) prediction: Option<Vector>,
}

/// Lines of the tallies and what is added to them, in the order in which they are written.
#[derive(Default)]
struct Changes {
    credences: BTreeMap<(ScenarioId, i32), i32>,
    favourites: BTreeMap<ScenarioId, i32>,
    /// People, basis points and their squares.
    predictions: BTreeMap<(ScenarioId, ScenarioId), (i32, i64, i64)>,
}

impl Changes {
    fn add(&mut self, share: &Share, sign: i32) {
        let Some(vector) = &share.vector else { return };
        for (scenario, bp) in vector {
            *self.credences.entry((*scenario, i32::from(*bp))).or_default() += sign;
        }
        let Some(favourite) = favourite(vector) else { return };
        *self.favourites.entry(favourite).or_default() += sign;
        for (scenario, bp) in share.prediction.iter().flatten() {
            let (bp, sign_of) = (i64::from(i32::from(*bp)), i64::from(sign));
            let line = self.predictions.entry((favourite, *scenario)).or_default();
            *line = (line.0 + sign, line.1 + sign_of * bp, line.2 + sign_of * bp * bp);
        }
    }
}

/// Keeps others from counting in a crowd until the transaction ends. What a person says in several places is read
/// under this lock, so that all of it is counted together.
///
/// # Errors
/// The database is away.
pub(super) async fn hold(tx: &Tx, basis: Basis) -> Result<()> {
    let statement =
        "INSERT INTO crowd AS c (topic_id, comparable_since, people, moved_on, changes, summarised_changes)
         VALUES ($1, $2, 0, 0, 1, 0)
         ON CONFLICT ON CONSTRAINT crowd_pkey DO UPDATE SET changes = c.changes + 1";
    tx.conn().execute_raw(sql(statement, [basis.topic_id.into(), basis.since.into()])).await?;
    Ok(())
}

/// Counts what a person says now in place of what they said before, in a crowd that is held.
///
/// # Errors
/// The database is away.
pub(super) async fn count(app: &App, tx: &Tx, basis: Basis, before: &Share, after: &Share) -> Result<()> {
    let people = i32::from(after.vector.is_some()) - i32::from(before.vector.is_some());
    if people != 0 {
        let statement = "UPDATE crowd SET people = people + $3 WHERE topic_id = $1 AND comparable_since = $2";
        tx.conn()
            .execute_raw(sql(statement, [basis.topic_id.into(), basis.since.into(), people.into()]))
            .await?;
    }
    let mut changes = Changes::default();
    changes.add(before, -1);
    changes.add(after, 1);
    write(tx, basis, changes).await?;
    see_to_summary(app, tx, basis).await
}

async fn write(tx: &Tx, basis: Basis, changes: Changes) -> Result<()> {
    let Basis { topic_id, since, .. } = basis;
    let Changes { credences, favourites, predictions } = changes;
    let lines: Vec<_> = credences.into_iter().filter(|(_, people)| *people != 0).collect();
    if !lines.is_empty() {
        let scenarios: Vec<_> = lines.iter().map(|((scenario, _), _)| scenario.0).collect();
        let bp: Vec<_> = lines.iter().map(|((_, bp), _)| *bp).collect();
        let people: Vec<_> = lines.iter().map(|(_, people)| *people).collect();
        // Lines that lose people are there; a line that would begin below nothing would be refused.
        let statement = "WITH change AS (SELECT * FROM unnest($3::uuid[], $4::integer[], $5::integer[])
                                  AS line (scenario_id, bp, people)),
                  fewer AS (UPDATE credence_tally t SET people = t.people + change.people FROM change
                            WHERE t.topic_id = $1 AND t.comparable_since = $2 AND t.scenario_id = change.scenario_id
                              AND t.bp = change.bp AND change.people < 0)
             INSERT INTO credence_tally AS t (topic_id, comparable_since, scenario_id, bp, people)
             SELECT $1, $2, scenario_id, bp, people FROM change WHERE people > 0
             ON CONFLICT ON CONSTRAINT credence_tally_pkey DO UPDATE SET people = t.people + excluded.people";
        let values = [topic_id.into(), since.into(), scenarios.into(), bp.into(), people.into()];
        tx.conn().execute_raw(sql(statement, values)).await?;
    }
    let lines: Vec<_> = favourites.into_iter().filter(|(_, people)| *people != 0).collect();
    if !lines.is_empty() {
        let scenarios: Vec<_> = lines.iter().map(|(scenario, _)| scenario.0).collect();
        let people: Vec<_> = lines.iter().map(|(_, people)| *people).collect();
        let statement = "WITH change AS (SELECT * FROM unnest($3::uuid[], $4::integer[]) AS line (scenario_id, people)),
                  fewer AS (UPDATE favourite_tally t SET people = t.people + change.people FROM change
                            WHERE t.topic_id = $1 AND t.comparable_since = $2 AND t.scenario_id = change.scenario_id
                              AND change.people < 0)
             INSERT INTO favourite_tally AS t (topic_id, comparable_since, scenario_id, people)
             SELECT $1, $2, scenario_id, people FROM change WHERE people > 0
             ON CONFLICT ON CONSTRAINT favourite_tally_pkey DO UPDATE SET people = t.people + excluded.people";
        let values = [topic_id.into(), since.into(), scenarios.into(), people.into()];
        tx.conn().execute_raw(sql(statement, values)).await?;
    }
    let lines: Vec<_> = predictions.into_iter().filter(|(_, line)| *line != (0, 0, 0)).collect();
    if !lines.is_empty() {
        let favourites: Vec<_> = lines.iter().map(|((favourite, _), _)| favourite.0).collect();
        let scenarios: Vec<_> = lines.iter().map(|((_, scenario), _)| scenario.0).collect();
        let people: Vec<_> = lines.iter().map(|(_, line)| line.0).collect();
        let sums: Vec<_> = lines.iter().map(|(_, line)| line.1).collect();
        let squares: Vec<_> = lines.iter().map(|(_, line)| line.2).collect();
        let statement = "WITH change AS (
                 SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::bigint[], $7::bigint[])
                   AS line (favourite_id, scenario_id, people, sum, sum_of_squares)),
                  known AS (UPDATE meta_prediction_tally t
                            SET people = t.people + change.people, sum = t.sum + change.sum,
                                sum_of_squares = t.sum_of_squares + change.sum_of_squares
                            FROM change
                            WHERE t.topic_id = $1 AND t.comparable_since = $2
                              AND t.favourite_id = change.favourite_id AND t.scenario_id = change.scenario_id
                            RETURNING t.favourite_id, t.scenario_id)
             INSERT INTO meta_prediction_tally
                 (topic_id, comparable_since, favourite_id, scenario_id, people, sum, sum_of_squares)
             SELECT $1, $2, favourite_id, scenario_id, people, sum, sum_of_squares FROM change
             WHERE (favourite_id, scenario_id) NOT IN (SELECT favourite_id, scenario_id FROM known)";
        let values = [
            topic_id.into(),
            since.into(),
            favourites.into(),
            scenarios.into(),
            people.into(),
            sums.into(),
            squares.into(),
        ];
        tx.conn().execute_raw(sql(statement, values)).await?;
    }
    Ok(())
}

/// Notes that somebody whose vector of an older version is counted in another crowd has stated one since.
///
/// # Errors
/// The database is away.
pub(super) async fn note_moved_on(tx: &Tx, topic_id: TopicId, version: i32, by: i32) -> Result<()> {
    let statement = "UPDATE crowd SET moved_on = moved_on + $3
         WHERE topic_id = $1 AND comparable_since =
               (SELECT max(comparable_since) FROM crowd WHERE topic_id = $1 AND comparable_since <= $2)";
    tx.conn().execute_raw(sql(statement, [topic_id.into(), version.into(), by.into()])).await?;
    Ok(())
}

/// Where one crowd stands in the history of a set of scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Basis {
    topic_id: TopicId,
    /// The first version whose vectors are pooled.
    since: i32,
    /// The last one: its scenarios are those that are pooled.
    version: i32,
    /// Whether the outcome really occurred.
    outcome_occurred: bool,
}

/// A line of the tallies.
#[derive(FromQueryResult)]
struct CredenceLine {
    scenario_id: ScenarioId,
    bp: i32,
    people: i64,
}

#[derive(FromQueryResult)]
struct FavouriteLine {
    scenario_id: ScenarioId,
    people: i64,
}

#[derive(FromQueryResult)]
struct PredictionLine {
    favourite_id: ScenarioId,
    scenario_id: ScenarioId,
    people: i64,
    sum: i64,
    sum_of_squares: i64,
}

/// Everything that is counted of a crowd.
struct Lines {
    credences: Vec<CredenceLine>,
    favourites: Vec<FavouriteLine>,
    predictions: Vec<PredictionLine>,
    people: u64,
}

/// What each person said last up to a moment, in the scenarios of one version: what was merged since is added up. The
/// parameters are the topic, the first and the last version, and the moment; up to now where there is none, also for
/// what came from a server whose clock is ahead of ours.
macro_rules! said {
    ($rest:literal) => {
        concat!(
            "WITH RECURSIVE became AS (
                 SELECT id AS was_id, id AS scenario_id FROM scenario
                 WHERE topic_id = $1 AND parent_scenario_id IS NULL AND introduced_in_version <= $3
                   AND (retired_in_version IS NULL OR retired_in_version > $3)
                 UNION ALL
                 SELECT s.id, b.scenario_id FROM became b JOIN scenario s ON s.merged_into = b.was_id
                 WHERE s.topic_id = $1 AND s.parent_scenario_id IS NULL AND s.retired_in_version <= $3
             ), last AS (
                 SELECT DISTINCT ON (account_id) id, account_id FROM credence
                 WHERE topic_id = $1 AND scenario_set_version BETWEEN $2 AND $3
                   AND created_at <= coalesce($4::timestamptz, 'infinity')
                 ORDER BY account_id, number DESC
             ), said AS MATERIALIZED (
                 SELECT last.id, last.account_id, b.scenario_id, sum(p.bp)::integer AS bp
                 FROM last JOIN credence_part p ON p.credence_id = last.id JOIN became b ON b.was_id = p.scenario_id
                 GROUP BY last.id, last.account_id, b.scenario_id
             ), favourite AS (
                 SELECT s.account_id, min(s.scenario_id::text)::uuid AS scenario_id
                 FROM said s JOIN (SELECT id, max(bp) AS most FROM said GROUP BY id) m ON m.id = s.id AND m.most = s.bp
                 GROUP BY s.account_id HAVING count(*) = 1
             ) ",
            $rest
        )
    };
}

/// Counts the present crowd of a topic anew, after scenarios were merged: what people said of the parts is added up.
///
/// # Errors
/// The database is away.
pub async fn recount(app: &App, tx: &Tx, topic_id: TopicId) -> Result<()> {
    let topic = topic::Entity::find_by_id(topic_id).one(tx.conn()).await?.ok_or_else(Error::not_found)?;
    recount_on(app, tx, Basis::present(&topic)).await
}

/// Counts the crowds of a topic anew that begin before a version of the set of scenarios.
///
/// # Errors
/// The database is away.
pub(super) async fn recount_before(app: &App, tx: &Tx, topic: &topic::Model, version: i32) -> Result<()> {
    let crowds = crowd::Entity::find()
        .filter(crowd::Column::TopicId.eq(topic.id))
        .filter(crowd::Column::ComparableSince.lt(version))
        .order_by_desc(crowd::Column::ComparableSince)
        .all(tx.conn())
        .await?;
    for crowd in crowds {
        recount_on(app, tx, basis_of(tx.conn(), topic, crowd.comparable_since).await?).await?;
    }
    Ok(())
}

/// Counts a crowd anew, if there is one.
async fn recount_on(app: &App, tx: &Tx, basis: Basis) -> Result<()> {
    // Who counts waits until this is done.
    if !bump(tx, basis).await? {
        return Ok(());
    }
    for statement in [
        "DELETE FROM credence_tally WHERE topic_id = $1 AND comparable_since = $2",
        "DELETE FROM favourite_tally WHERE topic_id = $1 AND comparable_since = $2",
        "DELETE FROM meta_prediction_tally WHERE topic_id = $1 AND comparable_since = $2",
    ] {
        tx.conn().execute_raw(sql(statement, [basis.topic_id.into(), basis.since.into()])).await?;
    }
    for statement in [
        said!(
            "UPDATE crowd SET people = (SELECT count(*) FROM last), moved_on = (
                 SELECT count(*) FROM last
                 JOIN credence_in_force f ON f.topic_id = $1 AND f.account_id = last.account_id
                 JOIN credence c ON (c.topic_id, c.account_id, c.number) = (f.topic_id, f.account_id, f.number)
                 WHERE c.scenario_set_version > $3)
             WHERE topic_id = $1 AND comparable_since = $2"
        ),
        said!(
            "INSERT INTO credence_tally (topic_id, comparable_since, scenario_id, bp, people)
             SELECT $1, $2, scenario_id, bp, count(*) FROM said GROUP BY scenario_id, bp"
        ),
        said!(
            "INSERT INTO favourite_tally (topic_id, comparable_since, scenario_id, people)
             SELECT $1, $2, scenario_id, count(*) FROM favourite GROUP BY scenario_id"
        ),
        said!(
            ", predicted AS (
                 SELECT m.account_id, b.scenario_id, sum(p.bp) AS bp
                 FROM meta_prediction m
                 JOIN meta_prediction_part p ON (p.topic_id, p.account_id) = (m.topic_id, m.account_id)
                 JOIN became b ON b.was_id = p.scenario_id
                 WHERE m.topic_id = $1 AND m.scenario_set_version BETWEEN $2 AND $3
                 GROUP BY m.account_id, b.scenario_id
             )
             INSERT INTO meta_prediction_tally
                 (topic_id, comparable_since, favourite_id, scenario_id, people, sum, sum_of_squares)
             SELECT $1, $2, f.scenario_id, p.scenario_id, count(*), sum(p.bp), sum(p.bp * p.bp)
             FROM favourite f JOIN predicted p ON p.account_id = f.account_id GROUP BY f.scenario_id, p.scenario_id"
        ),
    ] {
        tx.conn().execute_raw(sql(statement, basis.until(None))).await?;
    }
    see_to_summary(app, tx, basis).await
}

/// Notes that something else than a vector changes what the present crowd of a topic thinks.
///
/// # Errors
/// The database is away.
pub async fn crowd_changed(app: &App, tx: &Tx, topic: &topic::Model) -> Result<()> {
    let basis = Basis::present(topic);
    if bump(tx, basis).await? { see_to_summary(app, tx, basis).await } else { Ok(()) }
}

/// Notes that what a crowd comes to has changed, and says whether there is a crowd.
async fn bump(tx: &Tx, basis: Basis) -> Result<bool> {
    let statement = "UPDATE crowd SET changes = changes + 1 WHERE topic_id = $1 AND comparable_since = $2";
    let changed = tx.conn().execute_raw(sql(statement, [basis.topic_id.into(), basis.since.into()])).await?;
    Ok(changed.rows_affected() > 0)
}

impl Basis {
    /// The crowd of the present.
    pub(super) fn present(topic: &topic::Model) -> Self {
        Self::of(topic, topic.comparable_since, topic.scenario_set_version)
    }

    /// A crowd of these versions.
    fn of(topic: &topic::Model, since: i32, version: i32) -> Self {
        Self {
            topic_id: topic.id,
            since,
            version,
            outcome_occurred: topic.outcome_occurred.unwrap_or_default(),
        }
    }

    /// The parameters of `said!`.
    fn until(self, moment: Option<Time>) -> [sea_orm::Value; 4] {
        [self.topic_id.into(), self.since.into(), self.version.into(), moment.into()]
    }

    /// What was counted comes to this, where there are enough people.
    async fn summary(self, db: &impl ConnectionTrait) -> Result<Option<Summary>> {
        let lines = self.kept_lines(db).await?;
        if lines.people < FEWEST {
            return Ok(None);
        }
        let further = further::of_crowd(db, self.topic_id).await?;
        Ok(Summary::of(&self.counted(db, &lines).await?, lines.people, further))
    }

    /// What was counted.
    async fn kept_lines(self, db: &impl ConnectionTrait) -> Result<Lines> {
        let key = || [self.topic_id.into(), self.since.into()];
        let credences = "SELECT scenario_id, bp, people::bigint AS people FROM credence_tally
                         WHERE topic_id = $1 AND comparable_since = $2 AND people > 0";
        let favourites = "SELECT scenario_id, people::bigint AS people FROM favourite_tally
                          WHERE topic_id = $1 AND comparable_since = $2";
        let predictions = "SELECT favourite_id, scenario_id, people::bigint AS people, sum, sum_of_squares
                           FROM meta_prediction_tally WHERE topic_id = $1 AND comparable_since = $2";
        let people = crowd::Entity::find_by_id((self.topic_id, self.since)).one(db).await?;
        Ok(Lines {
            credences: all(db, sql(credences, key())).await?,
            favourites: all(db, sql(favourites, key())).await?,
            predictions: all(db, sql(predictions, key())).await?,
            people: people.map_or(0, |crowd| crowd.people.unsigned_abs().into()),
        })
    }

    /// What there was to count at a moment of the past.
    async fn past_lines(self, db: &impl ConnectionTrait, moment: Time) -> Result<Lines> {
        let credences =
            said!("SELECT scenario_id, bp, count(*) AS people FROM said GROUP BY scenario_id, bp");
        let favourites = said!("SELECT scenario_id, count(*) AS people FROM favourite GROUP BY scenario_id");
        let people = said!("SELECT count(*) AS people FROM last");
        let people: Option<Count> = one(db, sql(people, self.until(Some(moment)))).await?;
        Ok(Lines {
            credences: all(db, sql(credences, self.until(Some(moment)))).await?,
            favourites: all(db, sql(favourites, self.until(Some(moment)))).await?,
            // Of predictions only the last ones are kept.
            predictions: Vec::new(),
            people: people.map_or(0, |count| count.people.unsigned_abs()),
        })
    }

    /// What was counted at a moment of the past comes to this, where there were enough people.
    async fn past(self, db: &impl ConnectionTrait, lines: &Lines, moment: Time) -> Result<Option<Shown>> {
        if lines.people < FEWEST {
            return Ok(None);
        }
        // Of what people say besides their vectors, only the last is kept.
        let summary = Summary::of(&self.counted(db, lines).await?, lines.people, Further::default());
        let Self { since, version, .. } = self;
        Ok(summary.map(|summary| Shown { version, since, summary, at: moment, is_former: false }))
    }

    /// The scenarios of its version, with what was counted of each.
    async fn counted(self, db: &impl ConnectionTrait, lines: &Lines) -> Result<Vec<Counted>> {
        let scenarios: Vec<_> = scenario::Entity::find()
            .filter(scenario::Column::TopicId.eq(self.topic_id))
            .filter(scenario::Column::ParentScenarioId.is_null())
            .order_by_asc(scenario::Column::Position)
            .all(db)
            .await?
            .into_iter()
            .filter(|scenario| {
                scenario.introduced_in_version <= self.version
                    && scenario.retired_in_version.is_none_or(|retired| retired > self.version)
            })
            .collect();
        let places: HashMap<ScenarioId, usize> =
            (0..).zip(&scenarios).map(|(place, s)| (s.id, place)).collect();
        let mut counted: Vec<Counted> = scenarios
            .iter()
            .map(|scenario| Counted {
                scenario_id: scenario.id,
                outcome: scenario.outcome_vs_actual,
                occurs: scenario.outcome_vs_actual.occurs(self.outcome_occurred),
                tally: Tally::default(),
                favourite_of: 0,
                predictions: Predictions {
                    people: 0,
                    sums: vec![0; scenarios.len()],
                    squares: vec![0; scenarios.len()],
                },
            })
            .collect();
        let place = |id: &ScenarioId| places.get(id).copied().unwrap_or(usize::MAX);
        for line in &lines.credences {
            if let Some(counted) = counted.get_mut(place(&line.scenario_id)) {
                let bp = BasisPoints::stored(line.bp)?;
                counted.tally.add_many(bp, line.people.unsigned_abs());
            }
        }
        for line in &lines.favourites {
            if let Some(counted) = counted.get_mut(place(&line.scenario_id)) {
                counted.favourite_of = line.people.unsigned_abs();
            }
        }
        for line in &lines.predictions {
            if let Some(counted) = counted.get_mut(place(&line.favourite_id)) {
                let of = place(&line.scenario_id);
                let Predictions { people, sums, squares } = &mut counted.predictions;
                *people = line.people;
                if let (Some(sum), Some(square)) = (sums.get_mut(of), squares.get_mut(of)) {
                    (*sum, *square) = (line.sum, line.sum_of_squares);
                }
            }
        }
        Ok(counted)
    }
}

#[derive(FromQueryResult)]
struct Count {
    people: i64,
}

/// Sees to it that readers learn of a change: a small crowd is counted at once, a large one in the background.
async fn see_to_summary(app: &App, tx: &Tx, basis: Basis) -> Result<()> {
    let lines = crowd::Entity::find_by_id((basis.topic_id, basis.since)).one(tx.conn()).await?;
    let Some(crowd) = lines else { return Ok(()) };
    if crowd.people > COUNTED_AT_ONCE {
        tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
        return Ok(());
    }
    let summary = basis.summary(tx.conn()).await?;
    keep(tx, basis, crowd.changes, summary.as_ref(), app.now()).await
}

/// Keeps what a crowd came to after so many changes, unless a later state is kept already.
async fn keep(tx: &Tx, basis: Basis, changes: i64, summary: Option<&Summary>, at: Time) -> Result<()> {
    let Some(summary) = summary else { return Ok(()) };
    let statement = "UPDATE crowd SET summary = $3, summarised_changes = $4, summarised_at = $5
         WHERE topic_id = $1 AND comparable_since = $2 AND summarised_changes < $4";
    let summary = serde_json::to_value(summary).map_err(Error::internal)?;
    let values = [basis.topic_id.into(), basis.since.into(), summary.into(), changes.into(), at.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Counts the next large crowd that has changed, and says whether there was any.
///
/// # Errors
/// The database is away.
pub async fn summarise_next(app: &App) -> Result<bool> {
    let snapshot = app.snapshot().await?;
    let changed = crowd::Entity::find()
        .filter(Expr::cust("summarised_changes < changes"))
        .filter(crowd::Column::People.gt(COUNTED_AT_ONCE))
        .order_by_asc(crowd::Column::SummarisedAt)
        .one(&snapshot)
        .await?;
    let Some(crowd) = changed else { return Ok(false) };
    let topic =
        topic::Entity::find_by_id(crowd.topic_id).one(&snapshot).await?.ok_or_else(Error::not_found)?;
    let basis = basis_of(&snapshot, &topic, crowd.comparable_since).await?;
    let (summary, at) = (basis.summary(&snapshot).await?, app.now());
    drop(snapshot);
    let tx = app.begin().await?;
    keep(&tx, basis, crowd.changes, summary.as_ref(), at).await?;
    tx.changes(Change::Topic(topic.id));
    tx.commit().await?;
    Ok(true)
}

/// The crowd whose vectors can be compared since a version: up to the version before the next one that cannot.
async fn basis_of(db: &impl ConnectionTrait, topic: &topic::Model, since: i32) -> Result<Basis> {
    let next = scenario_set_version::Entity::find()
        .filter(scenario_set_version::Column::TopicId.eq(topic.id))
        .filter(scenario_set_version::Column::Comparable.eq(false))
        .filter(scenario_set_version::Column::Version.gt(since))
        .order_by_asc(scenario_set_version::Column::Version)
        .one(db)
        .await?;
    let version = next.map_or(topic.scenario_set_version, |next| next.version - 1);
    Ok(Basis::of(topic, since, version))
}

/// What readers are shown of a crowd.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::credences) struct Shown {
    /// The last version of the set that it covers.
    pub(in crate::credences) version: i32,
    /// The first version whose vectors are pooled.
    pub(in crate::credences) since: i32,
    /// What they come to.
    pub(in crate::credences) summary: Summary,
    /// When they were counted.
    pub(in crate::credences) at: Time,
    /// Whether the set has other scenarios by then.
    pub(in crate::credences) is_former: bool,
}

/// A crowd, as far as it is large enough to be shown.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::credences) struct Crowd {
    /// How many people's last vector covers the present scenarios.
    pub(in crate::credences) fresh: u64,
    /// How many people's last vector does not.
    pub(in crate::credences) stale: u64,
    /// What the fresh ones come to, or the last ones before that were enough.
    pub(in crate::credences) shown: Option<Shown>,
    /// Where the fresh ones are too few: what they gave each scenario, the smallest first.
    pub(in crate::credences) dots: Vec<(ScenarioId, Vec<BasisPoints>)>,
}

/// Reads what a crowd thinks now.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn crowd(
    app: &App,
    db: &impl ConnectionTrait,
    topic: &topic::Model,
) -> Result<Crowd> {
    let crowds = crowd::Entity::find()
        .filter(crowd::Column::TopicId.eq(topic.id))
        .order_by_desc(crowd::Column::ComparableSince)
        .all(db)
        .await?;
    let is_present = |crowd: &&crowd::Model| crowd.comparable_since == topic.comparable_since;
    let fresh = crowds.iter().find(is_present).map_or(0, |crowd| crowd.people);
    let stale: i32 =
        crowds.iter().filter(|crowd| !is_present(crowd)).map(|crowd| crowd.people - crowd.moved_on).sum();
    let mut found = Crowd {
        fresh: fresh.unsigned_abs().into(),
        stale: stale.unsigned_abs().into(),
        shown: None,
        dots: Vec::new(),
    };
    let enough = |crowd: &&crowd::Model| u64::from(crowd.people.unsigned_abs()) >= FEWEST;
    if let Some(crowd) = crowds.iter().find(enough) {
        found.shown = shown(app, db, topic, crowd).await?;
    }
    if found.fresh > 0 && found.fresh < FEWEST {
        let basis = Basis::present(topic);
        found.dots = dots(basis.counted(db, &basis.kept_lines(db).await?).await?);
    }
    Ok(found)
}

fn dots(counted: Vec<Counted>) -> Vec<(ScenarioId, Vec<BasisPoints>)> {
    counted.into_iter().map(|counted| (counted.scenario_id, counted.tally.each().collect())).collect()
}

/// What was kept of a crowd, or what it comes to where nobody has counted for a while.
async fn shown(
    app: &App,
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    crowd: &crowd::Model,
) -> Result<Option<Shown>> {
    let basis = basis_of(db, topic, crowd.comparable_since).await?;
    let now = app.now();
    let kept = crowd.summary.as_ref().zip(crowd.summarised_at);
    let is_good = |at: Time| crowd.summarised_changes == crowd.changes || now - at < LATEST;
    let (summary, at) = if let Some((summary, at)) = kept.filter(|(_, at)| is_good(*at)) {
        (serde_json::from_value(summary.clone()).map_err(Error::internal)?, at)
    } else {
        let Some(summary) = basis.summary(db).await? else { return Ok(None) };
        (summary, now)
    };
    let is_former = basis.since < topic.comparable_since;
    Ok(Some(Shown { version: basis.version, since: basis.since, summary, at, is_former }))
}

/// Reads what a crowd thought at a moment of the past, about the scenarios that there were then.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn crowd_as_of(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    moment: Time,
) -> Result<(Crowd, i32)> {
    let versions = scenario_set_version::Entity::find()
        .filter(scenario_set_version::Column::TopicId.eq(topic.id))
        .order_by_asc(scenario_set_version::Column::Version)
        .all(db)
        .await?;
    // Where nothing is recorded, such as for what came with an import, the first version known is the first of all.
    let mut basis = match versions.first() {
        Some(first) => Basis::of(topic, 1, first.version - 1),
        None => Basis::present(topic),
    };
    let mut former = Vec::new();
    for known in versions.iter().filter(|version| version.created_at <= moment) {
        if !known.comparable {
            former.push(basis);
            basis.since = known.version;
        }
        basis.version = known.version;
    }
    let lines = basis.past_lines(db, moment).await?;
    let everybody: Option<Count> = one(
        db,
        sql(
            "SELECT count(DISTINCT account_id) AS people FROM credence WHERE topic_id = $1 AND created_at <= $2",
            [topic.id.into(), moment.into()],
        ),
    )
    .await?;
    let everybody = everybody.map_or(0, |count| count.people.unsigned_abs());
    let mut crowd = Crowd {
        fresh: lines.people,
        stale: everybody.saturating_sub(lines.people),
        shown: None,
        dots: Vec::new(),
    };
    crowd.shown = basis.past(db, &lines, moment).await?;
    if crowd.shown.is_none() && lines.people > 0 {
        crowd.dots = dots(basis.counted(db, &lines).await?);
    }
    for basis in former.into_iter().rev() {
        if crowd.shown.is_some() {
            break;
        }
        let lines = basis.past_lines(db, moment).await?;
        let shown = basis.past(db, &lines, moment).await?;
        crowd.shown = shown.map(|shown| Shown { is_former: true, ..shown });
    }
    Ok((crowd, basis.version))
}

/// Whether somebody stated credences in a topic, now or before; notes that they are shown the crowd.
///
/// # Errors
/// The database is away.
pub(in crate::credences) async fn show_to(
    app: &App,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<bool> {
    let row = credence_in_force::Entity::find_by_id((topic_id, account_id)).one(&app.db).await?;
    let Some(row) = row else { return Ok(false) };
    if !row.saw_crowd {
        let tx = app.begin().await?;
        let statement =
            "UPDATE credence_in_force SET saw_crowd = true WHERE topic_id = $1 AND account_id = $2";
        tx.conn().execute_raw(sql(statement, [topic_id.into(), account_id.into()])).await?;
        tx.commit().await?;
    }
    Ok(true)
}
