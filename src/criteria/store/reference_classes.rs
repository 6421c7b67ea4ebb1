//! Reference classes: made, read and deleted whole.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter};
use std::collections::HashMap;

use super::super::rules::{Cases, CasesWithOutcome, ClassDescription, MAX_REFERENCE_CLASSES};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::db::{Tx, all, insert, sql};
use crate::entity::{reference_class, scenario};
use crate::error::{Error, Result};
use crate::ids::{ReferenceClassId, ScenarioId, TopicId};
use crate::policy::{CreateReferenceClass, DeleteReferenceClass, Permit};
use crate::sources::rules::CitationById;
use crate::sources::{CitationOwner, CitationView, cite_by_id, forget_unused};

/// A reference class that was checked.
#[derive(Debug)]
pub(in crate::criteria) struct ClassToInsert<'a> {
    /// The scenario that it speaks to.
    pub(in crate::criteria) scenario_id: ScenarioId,
    /// Which cases belong to it.
    pub(in crate::criteria) description: &'a ClassDescription,
    /// How many there are.
    pub(in crate::criteria) cases: Cases,
    /// How many ended as the scenario does.
    pub(in crate::criteria) with_outcome: CasesWithOutcome,
    /// Where the numbers are from.
    pub(in crate::criteria) citation: &'a CitationById,
}

/// A reference class with its author and its citation.
#[derive(Debug)]
pub(in crate::criteria) struct StoredClass {
    /// The reference class.
    pub(in crate::criteria) class: reference_class::Model,
    /// Who named it.
    pub(in crate::criteria) author: Option<Author>,
    /// Where the numbers are from.
    pub(in crate::criteria) citation: CitationView,
}

/// Adds a reference class. The caller holds the lock on the topic's activity, so that there are not more than
/// there may be.
///
/// # Errors
/// 422 where the scenario is no rival answer of this topic or has as many as it may have, or the citation names
/// nothing.
pub(in crate::criteria) async fn insert_class(
    app: &App,
    tx: &Tx,
    permit: &Permit<CreateReferenceClass<'_>>,
    new: &ClassToInsert<'_>,
) -> Result<ReferenceClassId> {
    let topic_id = permit.act().0.id;
    let refused = |code, detail: String| Error::field("scenario_id", code, detail);
    let scenario = scenario::Entity::find_by_id(new.scenario_id)
        .filter(scenario::Column::TopicId.eq(topic_id))
        .one(tx.conn())
        .await?
        .ok_or_else(|| refused("unknown_scenario", "This topic has no such scenario.".to_owned()))?;
    if scenario.retired_in_version.is_some() {
        return Err(refused("retired", "This scenario is no longer in force.".to_owned()));
    }
    let there = reference_class::Entity::find()
        .filter(reference_class::Column::TopicId.eq(topic_id))
        .filter(reference_class::Column::ScenarioId.eq(scenario.id))
        .count(tx.conn())
        .await?;
    if there >= MAX_REFERENCE_CLASSES {
        let detail = format!("A scenario has at most {MAX_REFERENCE_CLASSES} reference classes.");
        return Err(refused("too_many", detail));
    }
    let id = app.ids.next();
    let class = reference_class::Model {
        id,
        topic_id,
        scenario_id: scenario.id,
        author_id: permit.by(),
        description: new.description.to_string(),
        cases: new.cases.into(),
        with_outcome: new.with_outcome.into(),
        created_at: app.now(),
    };
    insert(tx, class).await?;
    let owner = CitationOwner::ReferenceClass(id);
    cite_by_id(tx, &app.ids, topic_id, owner, "citation", new.citation).await?;
    Ok(id)
}

/// Finds a reference class.
///
/// # Errors
/// 404 where there is none.
pub(in crate::criteria) async fn find_class(
    db: &impl ConnectionTrait,
    id: ReferenceClassId,
) -> Result<reference_class::Model> {
    reference_class::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Deletes a reference class, and what only it kept in the bibliography. The caller holds the lock on the topic's
/// activity.
///
/// # Errors
/// The database is away.
pub(in crate::criteria) async fn delete_class(
    tx: &Tx,
    permit: &Permit<DeleteReferenceClass<'_>>,
) -> Result<()> {
    let class = permit.act().class;
    reference_class::Entity::delete_by_id(class.id).exec(tx.conn()).await?;
    forget_unused(tx, class.topic_id).await
}

#[derive(FromQueryResult)]
struct CitationLine {
    reference_class_id: ReferenceClassId,
    document: serde_json::Value,
}

async fn whole(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    classes: Vec<reference_class::Model>,
) -> Result<Vec<StoredClass>> {
    if classes.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<uuid::Uuid> = classes.iter().map(|class| class.id.0).collect();
    let statement = "SELECT reference_class_id, document FROM citation_document
                     WHERE topic_id = $1 AND reference_class_id = ANY($2)";
    let lines: Vec<CitationLine> = all(db, sql(statement, [topic_id.into(), ids.into()])).await?;
    let mut citations: HashMap<_, _> =
        lines.into_iter().map(|line| (line.reference_class_id, line.document)).collect();
    let authors = authors(db, classes.iter().map(|class| class.author_id).collect()).await?;
    let stored = |class: reference_class::Model| {
        let document = citations.remove(&class.id).ok_or_else(|| {
            Error::internal(anyhow::anyhow!("reference class {} has no citation", class.id))
        })?;
        let citation = serde_json::from_value(document).map_err(Error::internal)?;
        Ok(StoredClass { author: authors.get(&class.author_id).cloned(), class, citation })
    };
    classes.into_iter().map(stored).collect()
}

/// Reads a reference class.
///
/// # Errors
/// 404 where there is none.
pub(in crate::criteria) async fn read_class(
    db: &impl ConnectionTrait,
    id: ReferenceClassId,
) -> Result<StoredClass> {
    let class = find_class(db, id).await?;
    whole(db, class.topic_id, vec![class]).await?.pop().ok_or_else(Error::not_found)
}

/// Reads the reference classes of a topic, in the order in which they were named.
///
/// # Errors
/// The database is away.
pub(in crate::criteria) async fn read_classes(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
) -> Result<Vec<StoredClass>> {
    let mut classes =
        reference_class::Entity::find().filter(reference_class::Column::TopicId.eq(topic_id)).all(db).await?;
    classes.sort_by_key(|class| (class.created_at, class.id));
    whole(db, topic_id, classes).await
}
