//! Taking over what people judged elsewhere.

use sea_orm::ConnectionTrait;

use super::{Judged, Rating, Ratings};
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, insert_all, sql};
use crate::entity::{kind_dispute, outcome_likelihood, reference_class};
use crate::error::Result;
use crate::ids::AccountId;
use crate::policy::{CreateReferenceClass, JudgeByCriteria, Permit, StateOutcomeLikelihood};
use crate::sources::rules::CitationByKey;
use crate::sources::{Bibliography, CitationOwner, cite};

/// Takes over a reference class.
///
/// # Errors
/// The database is away.
pub async fn import_class(
    app: &App,
    tx: &Tx,
    permit: &Permit<CreateReferenceClass<'_>>,
    row: reference_class::Model,
    citation: &CitationByKey,
    bibliography: &Bibliography,
) -> Result<()> {
    let owner = CitationOwner::ReferenceClass(row.id);
    insert(tx, row).await?;
    let citations = std::slice::from_ref(citation);
    cite(tx, &app.ids, permit.act().0.id, owner, citations, bibliography).await
}

/// Takes over how somebody rates a scenario or a variant.
///
/// # Errors
/// The database is away.
pub async fn import_rating(
    tx: &Tx,
    permit: &Permit<JudgeByCriteria<'_>>,
    judged: Judged,
    account_id: AccountId,
    ratings: &Ratings,
    at: Time,
) -> Result<()> {
    let value = |rating: Option<Rating>| rating.map(i16::from).into();
    let statement = "INSERT INTO criterion_rating (topic_id, scenario_id, variant_id, account_id, clarity, cotenability,
             historical_consistency, theoretical_consistency, statistical_consistency, projectability, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = [
        permit.act().topic.id.into(),
        judged.scenario().into(),
        judged.variant().into(),
        account_id.into(),
        value(ratings.clarity),
        value(ratings.cotenability),
        value(ratings.historical_consistency),
        value(ratings.theoretical_consistency),
        value(ratings.statistical_consistency),
        value(ratings.projectability),
        at.into(),
    ];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Takes over whether somebody holds that a step or a fact clashes with the antecedent.
///
/// # Errors
/// The database is away.
pub async fn import_flag(
    tx: &Tx,
    permit: &Permit<JudgeByCriteria<'_>>,
    judged: Judged,
    account_id: AccountId,
    clashes: bool,
    at: Time,
) -> Result<()> {
    let statement = "INSERT INTO cotenability_flag
             (topic_id, chain_step_id, background_fact_id, account_id, clashes, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let values = [
        permit.act().topic.id.into(),
        judged.chain_step().into(),
        judged.background_fact().into(),
        account_id.into(),
        clashes.into(),
        at.into(),
    ];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Takes over who disputes the kinds of variants.
///
/// # Errors
/// The database is away.
pub async fn import_disputes(
    tx: &Tx,
    _: &Permit<JudgeByCriteria<'_>>,
    rows: Vec<kind_dispute::Model>,
) -> Result<()> {
    insert_all(tx, rows).await
}

/// Takes over how likely people take the outcome to have been given the event.
///
/// # Errors
/// The database is away.
pub async fn import_likelihoods(
    tx: &Tx,
    _: &Permit<StateOutcomeLikelihood<'_>>,
    rows: Vec<outcome_likelihood::Model>,
) -> Result<()> {
    insert_all(tx, rows).await
}
