//! Judging by criteria, and counting what people judged.

mod import;
mod reference_classes;

pub use import::{import_class, import_disputes, import_flag, import_likelihoods, import_rating};
pub(super) use reference_classes::{
    ClassToInsert, StoredClass, delete_class, find_class, insert_class, read_class, read_classes,
};

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::rules::{ByCriterion, Count, Median, Rating, RatingCounts, Ratings, likelihood_without};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::db::{Tx, all, sql};
use crate::entity::{
    antecedent_variant, background_fact, chain_step, cotenability_flag, criterion_rating, kind_dispute,
    outcome_likelihood, scenario, topic,
};
use crate::error::{Error, Result};
use crate::ids::{AccountId, BackgroundFactId, ChainStepId, ScenarioId, TopicId, VariantId};
use crate::policy::{JudgeByCriteria, Permit, StateOutcomeLikelihood};
use crate::posts::rules::{Criterion, TargetKind};
use crate::{credences, topics};

/// A part of a topic that people judge.
#[derive(Debug, Clone, Copy)]
pub enum Judged {
    /// A scenario: rated.
    Scenario(ScenarioId),
    /// A variant: rated, and its kind disputed.
    Variant(VariantId),
    /// A step: whether it clashes with the antecedent.
    ChainStep(ChainStepId),
    /// A fact: the same.
    BackgroundFact(BackgroundFactId),
}

impl Judged {
    /// Its identifier.
    pub(super) fn id(self) -> Uuid {
        match self {
            Self::Scenario(id) => id.0,
            Self::Variant(id) => id.0,
            Self::ChainStep(id) => id.0,
            Self::BackgroundFact(id) => id.0,
        }
    }

    /// What kind of part it is.
    pub(super) fn kind(self) -> TargetKind {
        match self {
            Self::Scenario(_) => TargetKind::Scenario,
            Self::Variant(_) => TargetKind::Variant,
            Self::ChainStep(_) => TargetKind::ChainStep,
            Self::BackgroundFact(_) => TargetKind::BackgroundFact,
        }
    }

    fn scenario(self) -> Option<ScenarioId> {
        if let Self::Scenario(id) = self { Some(id) } else { None }
    }

    fn variant(self) -> Option<VariantId> {
        if let Self::Variant(id) = self { Some(id) } else { None }
    }

    fn chain_step(self) -> Option<ChainStepId> {
        if let Self::ChainStep(id) = self { Some(id) } else { None }
    }

    fn background_fact(self) -> Option<BackgroundFactId> {
        if let Self::BackgroundFact(id) = self { Some(id) } else { None }
    }
}

/// Finds the topic of a part, and the scenario that it is or belongs to.
///
/// # Errors
/// 404 where there is no such part.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    judged: Judged,
) -> Result<(TopicId, Option<scenario::Model>)> {
    let of_scenario = async |id: ScenarioId| -> Result<(TopicId, Option<scenario::Model>)> {
        let scenario = scenario::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)?;
        Ok((scenario.topic_id, Some(scenario)))
    };
    match judged {
        Judged::Scenario(id) => of_scenario(id).await,
        Judged::Variant(id) => {
            let variant = antecedent_variant::Entity::find_by_id(id).one(db).await?;
            Ok((variant.ok_or_else(Error::not_found)?.topic_id, None))
        }
        Judged::ChainStep(id) => {
            let step = chain_step::Entity::find_by_id(id).one(db).await?;
            of_scenario(step.ok_or_else(Error::not_found)?.scenario_id).await
        }
        Judged::BackgroundFact(id) => {
            let fact = background_fact::Entity::find_by_id(id).one(db).await?;
            Ok((fact.ok_or_else(Error::not_found)?.topic_id, None))
        }
    }
}

/// Sets how somebody rates a scenario or a variant, whole, and says whether that changed anything. No rating at
/// all takes the row away.
///
/// # Errors
/// The database is away.
pub(super) async fn rate(
    app: &App,
    tx: &Tx,
    permit: &Permit<JudgeByCriteria<'_>>,
    judged: Judged,
    ratings: &Ratings,
) -> Result<bool> {
    let (topic_id, account_id) = (permit.act().topic.id, permit.by());
    let statement = if *ratings == Ratings::default() {
        sql(
            "DELETE FROM criterion_rating WHERE topic_id = $1 AND target_id = $2 AND account_id = $3",
            [topic_id.into(), judged.id().into(), account_id.into()],
        )
    } else {
        let value = |rating: Option<Rating>| rating.map(i16::from).into();
        sql(
            "INSERT INTO criterion_rating AS r (topic_id, scenario_id, variant_id, account_id, clarity, cotenability,
                 historical_consistency, theoretical_consistency, statistical_consistency, projectability, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT ON CONSTRAINT criterion_rating_pkey DO UPDATE
                SET clarity = excluded.clarity, cotenability = excluded.cotenability,
                    historical_consistency = excluded.historical_consistency,
                    theoretical_consistency = excluded.theoretical_consistency,
                    statistical_consistency = excluded.statistical_consistency,
                    projectability = excluded.projectability, updated_at = excluded.updated_at
              WHERE (r.clarity, r.cotenability, r.historical_consistency, r.theoretical_consistency,
                     r.statistical_consistency, r.projectability)
                    IS DISTINCT FROM
                    (excluded.clarity, excluded.cotenability, excluded.historical_consistency,
                     excluded.theoretical_consistency, excluded.statistical_consistency, excluded.projectability)",
            [
                topic_id.into(),
                judged.scenario().into(),
                judged.variant().into(),
                account_id.into(),
                value(ratings.clarity),
                value(ratings.cotenability),
                value(ratings.historical_consistency),
                value(ratings.theoretical_consistency),
                value(ratings.statistical_consistency),
                value(ratings.projectability),
                app.now().into(),
            ],
        )
    };
    Ok(tx.conn().execute_raw(statement).await?.rows_affected() > 0)
}

/// Sets whether somebody holds that a step or a fact clashes with the antecedent, or takes that back, and says
/// whether that changed anything.
///
/// # Errors
/// The database is away.
pub(super) async fn flag(
    app: &App,
    tx: &Tx,
    permit: &Permit<JudgeByCriteria<'_>>,
    judged: Judged,
    clashes: Option<bool>,
) -> Result<bool> {
    let (topic_id, account_id) = (permit.act().topic.id, permit.by());
    let statement = match clashes {
        None => sql(
            "DELETE FROM cotenability_flag WHERE topic_id = $1 AND target_id = $2 AND account_id = $3",
            [topic_id.into(), judged.id().into(), account_id.into()],
        ),
        Some(clashes) => sql(
            "INSERT INTO cotenability_flag AS f (topic_id, chain_step_id, background_fact_id, account_id, clashes, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT cotenability_flag_pkey
             DO UPDATE SET clashes = excluded.clashes, updated_at = excluded.updated_at
             WHERE f.clashes <> excluded.clashes",
            [
                topic_id.into(),
                judged.chain_step().into(),
                judged.background_fact().into(),
                account_id.into(),
                clashes.into(),
                app.now().into(),
            ],
        ),
    };
    Ok(tx.conn().execute_raw(statement).await?.rows_affected() > 0)
}

/// Sets whether somebody disputes the kind of a variant, or takes that back, and says whether that changed
/// anything.
///
/// # Errors
/// The database is away.
pub(super) async fn dispute_kind(
    app: &App,
    tx: &Tx,
    permit: &Permit<JudgeByCriteria<'_>>,
    variant_id: VariantId,
    disputes: Option<bool>,
) -> Result<bool> {
    let (topic_id, account_id) = (permit.act().topic.id, permit.by());
    let statement = match disputes {
        None => sql(
            "DELETE FROM kind_dispute WHERE topic_id = $1 AND variant_id = $2 AND account_id = $3",
            [topic_id.into(), variant_id.into(), account_id.into()],
        ),
        Some(disputes) => sql(
            "INSERT INTO kind_dispute AS d (topic_id, variant_id, account_id, disputes, updated_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT ON CONSTRAINT kind_dispute_pkey
             DO UPDATE SET disputes = excluded.disputes, updated_at = excluded.updated_at
             WHERE d.disputes <> excluded.disputes",
            [topic_id.into(), variant_id.into(), account_id.into(), disputes.into(), app.now().into()],
        ),
    };
    Ok(tx.conn().execute_raw(statement).await?.rows_affected() > 0)
}

#[derive(FromQueryResult)]
struct RatingLine {
    target_id: Uuid,
    criterion: Criterion,
    rating: i16,
    people: i64,
}

/// The medians of some scenarios and variants of a topic; those that nobody rated are not in it. The database
/// counts how many gave which rating, so however many they are, few rows are read.
///
/// # Errors
/// The database is away.
pub(super) async fn medians(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    targets: Vec<Uuid>,
) -> Result<HashMap<Uuid, ByCriterion<Median>>> {
    let lines: Vec<RatingLine> = all(
        db,
        sql(
            "SELECT r.target_id, given.criterion, given.rating, count(*) AS people
             FROM criterion_rating r
             CROSS JOIN LATERAL (VALUES
                 ('clarity', r.clarity), ('cotenability', r.cotenability),
                 ('historical_consistency', r.historical_consistency),
                 ('theoretical_consistency', r.theoretical_consistency),
                 ('statistical_consistency', r.statistical_consistency),
                 ('projectability', r.projectability)) AS given (criterion, rating)
             WHERE r.topic_id = $1 AND r.target_id = ANY($2) AND given.rating IS NOT NULL
             GROUP BY r.target_id, given.criterion, given.rating",
            [topic_id.into(), targets.into()],
        ),
    )
    .await?;
    let mut counts: HashMap<Uuid, ByCriterion<RatingCounts>> = HashMap::new();
    for RatingLine { target_id, criterion, rating, people } in lines {
        let of_target = counts.entry(target_id).or_default().of(criterion);
        let place = usize::try_from(rating).ok();
        if let Some(counted) = of_target.zip(place).and_then(|(counts, place)| counts.get_mut(place)) {
            *counted = people;
        }
    }
    Ok(counts.into_iter().map(|(target, counts)| (target, counts.map(Median::of))).collect())
}

#[derive(FromQueryResult)]
struct CountLine {
    target_id: Uuid,
    yes: i64,
    n: i64,
}

fn counts(lines: Vec<CountLine>) -> HashMap<Uuid, Count> {
    lines.into_iter().map(|line| (line.target_id, Count { yes: line.yes, n: line.n })).collect()
}

/// How many hold that some steps and facts of a topic clash with the antecedent; those that nobody judged are not
/// in it.
///
/// # Errors
/// The database is away.
pub(super) async fn clashes(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    targets: Vec<Uuid>,
) -> Result<HashMap<Uuid, Count>> {
    let statement =
        "SELECT target_id, count(*) FILTER (WHERE clashes) AS yes, count(*) AS n FROM cotenability_flag
                     WHERE topic_id = $1 AND target_id = ANY($2) GROUP BY target_id";
    Ok(counts(all(db, sql(statement, [topic_id.into(), targets.into()])).await?))
}

/// How many dispute the kinds of some variants of a topic; those that nobody judged are not in it.
///
/// # Errors
/// The database is away.
pub(super) async fn kind_disputes(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    variants: Vec<Uuid>,
) -> Result<HashMap<Uuid, Count>> {
    let statement =
        "SELECT variant_id AS target_id, count(*) FILTER (WHERE disputes) AS yes, count(*) AS n FROM kind_dispute
         WHERE topic_id = $1 AND variant_id = ANY($2) GROUP BY variant_id";
    Ok(counts(all(db, sql(statement, [topic_id.into(), variants.into()])).await?))
}

/// What one person judged in a topic, by what they judged.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Their ratings of scenarios and variants.
    pub(super) ratings: HashMap<Uuid, Ratings>,
    /// Whether they hold that steps and facts clash with the antecedent.
    pub(super) clashes: HashMap<Uuid, bool>,
    /// Whether they dispute the kinds of variants.
    pub(super) disputes: HashMap<Uuid, bool>,
}

fn ratings_of(row: &criterion_rating::Model) -> Result<Ratings> {
    let rating = |value: Option<i16>| -> Result<Option<Rating>> {
        value.map(|value| Rating::try_from(i64::from(value))).transpose().map_err(Error::internal)
    };
    Ok(Ratings {
        clarity: rating(row.clarity)?,
        cotenability: rating(row.cotenability)?,
        historical_consistency: rating(row.historical_consistency)?,
        theoretical_consistency: rating(row.theoretical_consistency)?,
        statistical_consistency: rating(row.statistical_consistency)?,
        projectability: rating(row.projectability)?,
    })
}

/// Reads what one person judged in a topic.
///
/// # Errors
/// The database is away.
pub(super) async fn own(db: &impl ConnectionTrait, topic_id: TopicId, account_id: AccountId) -> Result<Own> {
    let ratings = criterion_rating::Entity::find()
        .filter(criterion_rating::Column::TopicId.eq(topic_id))
        .filter(criterion_rating::Column::AccountId.eq(account_id))
        .all(db)
        .await?;
    let flags = cotenability_flag::Entity::find()
        .filter(cotenability_flag::Column::TopicId.eq(topic_id))
        .filter(cotenability_flag::Column::AccountId.eq(account_id))
        .all(db)
        .await?;
    let disputes = kind_dispute::Entity::find()
        .filter(kind_dispute::Column::TopicId.eq(topic_id))
        .filter(kind_dispute::Column::AccountId.eq(account_id))
        .all(db)
        .await?;
    Ok(Own {
        ratings: ratings.iter().map(|row| Ok((row.target_id, ratings_of(row)?))).collect::<Result<_>>()?,
        clashes: flags.into_iter().map(|row| (row.target_id, row.clashes)).collect(),
        disputes: disputes.into_iter().map(|row| (row.variant_id.0, row.disputes)).collect(),
    })
}

/// Sets how likely somebody takes the outcome to have been given the event, or takes that back, and says whether
/// that changed anything.
///
/// # Errors
/// The database is away.
pub(super) async fn state_likelihood(
    app: &App,
    tx: &Tx,
    permit: &Permit<StateOutcomeLikelihood<'_>>,
    bp: Option<BasisPoints>,
) -> Result<bool> {
    let (topic_id, account_id) = (permit.act().0.id, permit.by());
    let statement = match bp {
        None => sql(
            "DELETE FROM outcome_likelihood WHERE topic_id = $1 AND account_id = $2",
            [topic_id.into(), account_id.into()],
        ),
        Some(bp) => sql(
            "INSERT INTO outcome_likelihood AS l (topic_id, account_id, bp, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT ON CONSTRAINT outcome_likelihood_pkey
             DO UPDATE SET bp = excluded.bp, updated_at = excluded.updated_at WHERE l.bp <> excluded.bp",
            [topic_id.into(), account_id.into(), i32::from(bp).into(), app.now().into()],
        ),
    };
    let changed = tx.conn().execute_raw(statement).await?.rows_affected() > 0;
    if changed {
        credences::crowd_changed(app, tx, permit.act().0).await?;
    }
    Ok(changed)
}

/// How likely somebody takes the outcome to have been given the event.
///
/// # Errors
/// 404 where they did not say.
pub(super) async fn own_likelihood(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    account_id: AccountId,
) -> Result<outcome_likelihood::Model> {
    let found = outcome_likelihood::Entity::find_by_id((topic_id, account_id)).one(db).await?;
    found.ok_or_else(Error::not_found)
}

/// How likely somebody takes the outcome without the event, in basis points, by the vector of theirs that counts;
/// none where they have none that can be compared with the scenarios of today.
///
/// # Errors
/// The database is away.
pub(super) async fn own_likelihood_without(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
    account_id: AccountId,
) -> Result<Option<i32>> {
    let (Some(occurred), Some(vector)) =
        (topic.outcome_occurred, credences::present_of(db, topic, account_id).await?)
    else {
        return Ok(None);
    };
    let scenarios = scenario::Entity::find().filter(scenario::Column::TopicId.eq(topic.id)).all(db).await?;
    let outcomes = scenarios.into_iter().map(|scenario| (scenario.id, scenario.outcome_vs_actual)).collect();
    Ok(Some(likelihood_without(&vector, &outcomes, occurred)))
}

/// Takes away what somebody judged, whose account is erased. Reference classes stay, as posts do.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let judged = outcome_likelihood::Entity::find()
        .filter(outcome_likelihood::Column::AccountId.eq(account_id))
        .order_by_asc(outcome_likelihood::Column::TopicId)
        .all(tx.conn())
        .await?;
    for statement in [
        "DELETE FROM criterion_rating WHERE account_id = $1",
        "DELETE FROM cotenability_flag WHERE account_id = $1",
        "DELETE FROM kind_dispute WHERE account_id = $1",
        "DELETE FROM outcome_likelihood WHERE account_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    for likelihood in judged {
        let topic = topics::find_any(tx, likelihood.topic_id).await?;
        credences::crowd_changed(app, tx, &topic).await?;
    }
    Ok(())
}
