//! Reading and writing the bibliography.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::{
    BibliographyKey, CitationById, CitationByKey, Key, Language, MAX_BIBLIOGRAPHY, NewCitation, NewQuotation,
    NewSource, SourceClass,
};
use crate::db::{Tx, all, insert, insert_all, sql};
use crate::entity::{citation, quotation, source};
use crate::error::{Error, Result};
use crate::historic_date::HistoricDate;
use crate::ids::{
    BackgroundFactId, ChainStepId, CitationId, Ids, ImplicationId, PostId, QuotationId, ReferenceClassId,
    ScenarioId, SourceId, TopicId, VariantId,
};

/// What the keys of a document became in the database.
#[derive(Debug, Default)]
pub struct Bibliography {
    sources: HashMap<Key, SourceId>,
    quotations: HashMap<Key, QuotationId>,
}

/// The part of a debate that a citation belongs to.
#[derive(Debug, Clone, Copy)]
pub enum CitationOwner {
    /// A post.
    Post(PostId),
    /// A scenario.
    Scenario(ScenarioId),
    /// A step in a chain.
    ChainStep(ChainStepId),
    /// A fact.
    BackgroundFact(BackgroundFactId),
    /// A variant, whose contemporary evidence it is.
    Variant(VariantId),
    /// An implication, which it resolves.
    Implication(ImplicationId),
    /// A reference class, whose numbers are from there.
    ReferenceClass(ReferenceClassId),
}

/// What a citation points at.
#[derive(Debug, Clone, Copy)]
enum Cited {
    Source(SourceId),
    Quotation(QuotationId),
}

fn row(
    ids: &Ids,
    topic_id: TopicId,
    owner: CitationOwner,
    position: i16,
    cited: Cited,
    locator: Option<String>,
) -> citation::Model {
    let (source_id, quotation_id) = match cited {
        Cited::Source(id) => (Some(id), None),
        Cited::Quotation(id) => (None, Some(id)),
    };
    let mut row = citation::Model {
        id: ids.next(),
        topic_id,
        position,
        post_id: None,
        scenario_id: None,
        chain_step_id: None,
        background_fact_id: None,
        variant_id: None,
        implication_id: None,
        reference_class_id: None,
        source_id,
        quotation_id,
        locator,
    };
    match owner {
        CitationOwner::Post(id) => row.post_id = Some(id),
        CitationOwner::Scenario(id) => row.scenario_id = Some(id),
        CitationOwner::ChainStep(id) => row.chain_step_id = Some(id),
        CitationOwner::BackgroundFact(id) => row.background_fact_id = Some(id),
        CitationOwner::Variant(id) => row.variant_id = Some(id),
        CitationOwner::Implication(id) => row.implication_id = Some(id),
        CitationOwner::ReferenceClass(id) => row.reference_class_id = Some(id),
    }
    row
}

fn source_row(
    ids: &Ids,
    topic_id: TopicId,
    position: i32,
    new: &NewSource,
    brought_by: Option<PostId>,
) -> source::Model {
    source::Model {
        id: ids.next(),
        topic_id,
        position,
        source_type: new.source_type.to_string(),
        authors: new.authors.iter().map(ToString::to_string).collect(),
        title: new.title.as_ref().map(ToString::to_string),
        container_title: new.container_title.as_ref().map(ToString::to_string),
        publisher: new.publisher.as_ref().map(ToString::to_string),
        published: new.published.clone(),
        url: new.url.clone().map(String::from),
        source_class: new.source_class,
        note: new.note.as_ref().map(ToString::to_string),
        brought_by_post_id: brought_by,
    }
}

/// A key that names nothing, though the document was checked.
fn dangling(key: &Key) -> Error {
    Error::internal(anyhow::anyhow!("the key `{}` passed the checks and names nothing", key.as_str()))
}

/// Adds to the bibliography of a topic what a document that was checked has beyond what is known.
///
/// # Errors
/// The database is away.
pub async fn insert_bibliography(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    mut known: Bibliography,
    sources: &[NewSource],
    quotations: &[NewQuotation],
) -> Result<Bibliography> {
    let mut rows = Vec::with_capacity(sources.len());
    let last =
        last_position::<source::Entity>(tx, source::Column::TopicId, source::Column::Position, topic_id);
    for (position, new) in (last.await? + 1..).zip(sources) {
        let row = source_row(ids, topic_id, position, new, None);
        if let Some(key) = &new.key {
            known.sources.insert(key.clone(), row.id);
        }
        rows.push(row);
    }
    insert_all(tx, rows).await?;
    let mut rows = Vec::with_capacity(quotations.len());
    let last = last_position::<quotation::Entity>(
        tx,
        quotation::Column::TopicId,
        quotation::Column::Position,
        topic_id,
    );
    for (position, new) in (last.await? + 1..).zip(quotations) {
        let source = |key: &Key| known.sources.get(key).copied().ok_or_else(|| dangling(key));
        let translated = |key: &Key| known.quotations.get(key).copied().ok_or_else(|| dangling(key));
        let row = quotation::Model {
            id: ids.next(),
            topic_id,
            position,
            source_id: source(&new.source)?,
            quoted_in_source_id: new.quoted_in.as_ref().map(source).transpose()?,
            text: new.text.to_string(),
            attribution: new.attribution.to_string(),
            locator: new.locator.as_ref().map(ToString::to_string),
            language: new.language.clone().into(),
            translation_of: new.translation_of.as_ref().map(translated).transpose()?,
            brought_by_post_id: None,
        };
        known.quotations.insert(new.key.clone(), row.id);
        rows.push(row);
    }
    insert_all(tx, rows).await?;
    Ok(known)
}

/// Adds the citations that one part of a document makes.
///
/// # Errors
/// The database is away.
pub async fn cite(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    owner: CitationOwner,
    citations: &[CitationByKey],
    known: &Bibliography,
) -> Result<()> {
    let mut rows = Vec::with_capacity(citations.len());
    for (position, new) in (1..).zip(citations) {
        let cited = match (&new.source, &new.quotation) {
            (Some(key), _) => Cited::Source(known.sources.get(key).copied().ok_or_else(|| dangling(key))?),
            (None, Some(key)) => {
                Cited::Quotation(known.quotations.get(key).copied().ok_or_else(|| dangling(key))?)
            }
            (None, None) => continue,
        };
        rows.push(row(ids, topic_id, owner, position, cited, new.locator.as_ref().map(ToString::to_string)));
    }
    insert_all(tx, rows).await
}

/// Adds the citations of a post, with the sources that are new to the topic. The caller holds the lock
/// on the topic's activity, so that two posts do not number their sources alike.
///
/// # Errors
/// 422 where an identifier names nothing in this topic, or the bibliography is as long as it may be.
pub async fn cite_in_post(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    post_id: PostId,
    citations: &[NewCitation],
) -> Result<()> {
    let mut rows = Vec::with_capacity(citations.len());
    for (i, (position, new)) in (1..).zip(citations).enumerate() {
        let at = format!("citations[{i}]");
        let cited =
            if let Some(cited) = find_cited(tx, topic_id, &at, new.source_id, new.quotation_id).await? {
                cited
            } else if let Some(new_source) = &new.source {
                let position = next_position::<source::Entity>(
                    tx,
                    source::Column::TopicId,
                    source::Column::Position,
                    topic_id,
                );
                let position = position.await?.ok_or_else(|| full(i))?;
                let source = source_row(ids, topic_id, position, new_source, Some(post_id));
                let source_id = source.id;
                insert(tx, source).await?;
                match &new.quotation {
                    None => Cited::Source(source_id),
                    Some(quote) => {
                        let position = next_position::<quotation::Entity>(
                            tx,
                            quotation::Column::TopicId,
                            quotation::Column::Position,
                            topic_id,
                        );
                        let quotation = quotation::Model {
                            id: ids.next(),
                            topic_id,
                            position: position.await?.ok_or_else(|| full(i))?,
                            source_id,
                            quoted_in_source_id: None,
                            text: quote.text.to_string(),
                            attribution: quote.attribution.to_string(),
                            locator: None,
                            language: quote.language.clone().into(),
                            translation_of: None,
                            brought_by_post_id: Some(post_id),
                        };
                        let id = quotation.id;
                        insert(tx, quotation).await?;
                        Cited::Quotation(id)
                    }
                }
            } else {
                continue;
            };
        let owner = CitationOwner::Post(post_id);
        rows.push(row(ids, topic_id, owner, position, cited, new.locator.as_ref().map(ToString::to_string)));
    }
    insert_all(tx, rows).await
}

/// What a citation names by its identifier, if it does.
async fn find_cited(
    tx: &Tx,
    topic_id: TopicId,
    field: &str,
    source_id: Option<SourceId>,
    quotation_id: Option<QuotationId>,
) -> Result<Option<Cited>> {
    let unknown = |name: &str, what: &str| {
        Error::field(format!("{field}.{name}"), "unknown_id", format!("This topic has no such {what}."))
    };
    if let Some(id) = source_id {
        let found = source::Entity::find_by_id(id).filter(source::Column::TopicId.eq(topic_id));
        found.one(tx.conn()).await?.ok_or_else(|| unknown("source_id", "source"))?;
        return Ok(Some(Cited::Source(id)));
    }
    let Some(id) = quotation_id else { return Ok(None) };
    let found = quotation::Entity::find_by_id(id).filter(quotation::Column::TopicId.eq(topic_id));
    found.one(tx.conn()).await?.ok_or_else(|| unknown("quotation_id", "quotation"))?;
    Ok(Some(Cited::Quotation(id)))
}

/// Adds the only citation of a part of a topic, which was checked. The caller holds the lock on the topic's activity,
/// so that no post takes away what it brought meanwhile.
///
/// # Errors
/// 422 where its identifier names nothing in this topic.
pub async fn cite_by_id(
    tx: &Tx,
    ids: &Ids,
    topic_id: TopicId,
    owner: CitationOwner,
    field: &str,
    new: &CitationById,
) -> Result<CitationId> {
    let cited = find_cited(tx, topic_id, field, new.source_id, new.quotation_id)
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a citation passed the checks and names nothing")))?;
    let row = row(ids, topic_id, owner, 1, cited, new.locator.as_ref().map(ToString::to_string));
    let id = row.id;
    insert(tx, row).await?;
    Ok(id)
}

fn full(citation: usize) -> Error {
    Error::field(
        format!("citations[{citation}].source"),
        "bibliography_full",
        format!(
            "The bibliography of a topic has at most {MAX_BIBLIOGRAPHY} sources and as many quotations: cite one of them."
        ),
    )
}

/// The last place that is taken.
async fn last_position<E: EntityTrait>(
    tx: &Tx,
    topic: E::Column,
    position: E::Column,
    id: TopicId,
) -> Result<i32> {
    let last: Option<Option<i32>> = E::find()
        .select_only()
        .column_as(position.max(), "last")
        .filter(topic.eq(id))
        .into_tuple()
        .one(tx.conn())
        .await?;
    Ok(last.flatten().unwrap_or(0))
}

/// The place after the last one, or none where there are as many as there may be.
async fn next_position<E: EntityTrait>(
    tx: &Tx,
    topic: E::Column,
    position: E::Column,
    id: TopicId,
) -> Result<Option<i32>> {
    let (count, last): (i64, Option<i32>) = E::find()
        .select_only()
        .column_as(position.count(), "count")
        .column_as(position.max(), "last")
        .filter(topic.eq(id))
        .into_tuple()
        .one(tx.conn())
        .await?
        .unwrap_or_default();
    let is_full = usize::try_from(count).unwrap_or(usize::MAX) >= MAX_BIBLIOGRAPHY;
    Ok((!is_full).then(|| last.unwrap_or(0) + 1))
}

/// Takes the citations of a deleted post away, and what [`forget_unused`] takes.
///
/// # Errors
/// The database is away.
pub async fn forget_deleted(tx: &Tx, topic_id: TopicId, post_id: PostId) -> Result<()> {
    tx.conn().execute_raw(sql("DELETE FROM citation WHERE post_id = $1", [post_id.into()])).await?;
    forget_unused(tx, topic_id).await
}

/// Takes from the bibliography what a deleted post brought and nobody leans on any more. What others lean on
/// stays, without the note, which was the deleted author's own words. The caller holds the lock on the topic's
/// activity.
///
/// # Errors
/// The database is away.
pub async fn forget_unused(tx: &Tx, topic_id: TopicId) -> Result<()> {
    for statement in [
        "DELETE FROM quotation q USING post p
         WHERE q.topic_id = $1 AND p.id = q.brought_by_post_id AND p.status = 'deleted'
           AND NOT EXISTS (SELECT FROM citation c WHERE c.quotation_id = q.id)
           AND NOT EXISTS (SELECT FROM quotation other WHERE other.translation_of = q.id)",
        "DELETE FROM source s USING post p
         WHERE s.topic_id = $1 AND p.id = s.brought_by_post_id AND p.status = 'deleted'
           AND NOT EXISTS (SELECT FROM citation c WHERE c.source_id = s.id)
           AND NOT EXISTS (SELECT FROM quotation q WHERE s.id IN (q.source_id, q.quoted_in_source_id))",
        "UPDATE source s SET note = NULL FROM post p
         WHERE s.topic_id = $1 AND p.id = s.brought_by_post_id AND p.status = 'deleted' AND s.note IS NOT NULL",
    ] {
        tx.conn().execute_raw(sql(statement, [topic_id.into()])).await?;
    }
    Ok(())
}

/// Notes which post brought an entry of the bibliography, where an import says so.
///
/// # Errors
/// The database is away.
pub async fn note_brought(
    tx: &Tx,
    known: &Bibliography,
    entry: &BibliographyKey,
    post: PostId,
) -> Result<()> {
    let (statement, id) = match entry {
        BibliographyKey::Source(key) => (
            "UPDATE source SET brought_by_post_id = $2 WHERE id = $1",
            known.sources.get(key).map(|id| id.0).ok_or_else(|| dangling(key))?,
        ),
        BibliographyKey::Quotation(key) => (
            "UPDATE quotation SET brought_by_post_id = $2 WHERE id = $1",
            known.quotations.get(key).map(|id| id.0).ok_or_else(|| dangling(key))?,
        ),
    };
    tx.conn().execute_raw(sql(statement, [id.into(), post.into()])).await?;
    Ok(())
}

/// A source as a citation shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CitedSource {
    /// The source.
    pub id: SourceId,
    /// What kind of thing it is, in the terms of CSL.
    #[serde(rename = "type")]
    pub source_type: String,
    /// Who wrote it, in order.
    pub authors: Vec<String>,
    /// Its title.
    pub title: Option<String>,
    /// What it appeared in.
    pub container_title: Option<String>,
    /// When it was published.
    pub published: Option<HistoricDate>,
    /// Where it can be read.
    pub url: Option<String>,
    /// How close it is to what it tells of.
    pub source_class: SourceClass,
}

/// A quotation as a citation shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CitedQuotation {
    /// The quotation.
    pub id: QuotationId,
    /// The words.
    pub text: String,
    /// Whom they are ascribed to.
    pub attribution: String,
    /// Where in the source they stand.
    pub locator: Option<String>,
    /// Their language.
    pub language: Language,
    /// The source in which they were found, if that is another one.
    pub quoted_in: Option<CitedSource>,
}

/// A citation, with its source and, where it quotes, the words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CitationView {
    /// The citation.
    pub id: CitationId,
    /// The source.
    pub source: CitedSource,
    /// What is quoted from it.
    pub quotation: Option<CitedQuotation>,
    /// Where in the source.
    pub locator: Option<String>,
}

/// A citation by a part of a topic, with its owner.
#[derive(Debug, Clone, FromQueryResult)]
pub struct OwnedCitation {
    /// The post that cites.
    pub post_id: Option<PostId>,
    /// The scenario that cites.
    pub scenario_id: Option<ScenarioId>,
    /// The step that cites.
    pub chain_step_id: Option<ChainStepId>,
    /// The fact that cites.
    pub background_fact_id: Option<BackgroundFactId>,
    /// The variant that cites.
    pub variant_id: Option<VariantId>,
    /// The implication that it resolves.
    pub implication_id: Option<ImplicationId>,
    /// The reference class that cites.
    pub reference_class_id: Option<ReferenceClassId>,
    /// The source cited, where it is not a quotation.
    pub source_id: Option<SourceId>,
    /// The quotation cited.
    pub quotation_id: Option<QuotationId>,
    /// Where in it.
    pub locator: Option<String>,
    document: serde_json::Value,
}

impl OwnedCitation {
    /// The citation as readers see it.
    ///
    /// # Errors
    /// The database built a document of another shape: a defect.
    pub fn view(&self) -> Result<CitationView> {
        serde_json::from_value(self.document.clone()).map_err(Error::internal)
    }
}

/// A topic's bibliography, and its citations in order.
#[derive(Debug, Clone)]
pub struct StoredBibliography {
    /// The sources.
    pub sources: Vec<source::Model>,
    /// The quotations.
    pub quotations: Vec<quotation::Model>,
    /// The citations by parts of the topic, and by its posts and reference classes where these were asked for.
    pub citations: Vec<OwnedCitation>,
}

impl StoredBibliography {
    /// What the keys that documents use stand for.
    pub fn known(&self) -> Bibliography {
        let key =
            |kind: &str, position: i32| Key::numbered(kind, usize::try_from(position).unwrap_or_default());
        Bibliography {
            sources: self.sources.iter().map(|row| (key("source", row.position), row.id)).collect(),
            quotations: self.quotations.iter().map(|row| (key("quotation", row.position), row.id)).collect(),
        }
    }
}

/// The entries of a table of a topic's bibliography, in order, without those that only posts out of sight have brought: what
/// others lean on stays.
macro_rules! shown_entry {
    ($table:literal, $leans:literal) => {
        concat!(
            "SELECT e.* FROM ",
            $table,
            " e LEFT JOIN post brought ON brought.id = e.brought_by_post_id
             WHERE e.topic_id = $1
               AND (brought.id IS NULL OR is_shown(brought.status) OR brought.status = 'deleted'
                    OR EXISTS (SELECT FROM citation c LEFT JOIN quotation q ON q.id = c.quotation_id
                               LEFT JOIN post p ON p.id = c.post_id
                               WHERE c.topic_id = $1 AND (p.id IS NULL OR is_shown(p.status)) AND (",
            $leans,
            ")))
             ORDER BY e.position"
        )
    };
}

/// Reads a topic's bibliography; with the citations of its posts and reference classes or without.
///
/// # Errors
/// The database is away.
pub async fn read_bibliography(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    with_posts: bool,
) -> Result<StoredBibliography> {
    let mut sources = source::Entity::find()
        .from_raw_sql(sql(
            shown_entry!(
                "source",
                "c.source_id = e.id OR q.source_id = e.id OR q.quoted_in_source_id = e.id"
            ),
            [topic_id.into()],
        ))
        .all(db)
        .await?;
    let mut quotations = quotation::Entity::find()
        .from_raw_sql(sql(
            shown_entry!("quotation", "q.id = e.id OR q.translation_of = e.id"),
            [topic_id.into()],
        ))
        .all(db)
        .await?;
    // What went with its post left a gap; keys are made of places, and a file numbers them anew.
    for (place, source) in (1..).zip(&mut sources) {
        source.position = place;
    }
    for (place, quotation) in (1..).zip(&mut quotations) {
        quotation.position = place;
    }
    let citations = all(
        db,
        sql(
            "SELECT post_id, scenario_id, chain_step_id, background_fact_id, variant_id, implication_id, reference_class_id, source_id,
                    quotation_id, locator, document
             FROM citation_document
             WHERE topic_id = $1 AND (post_id IS NULL AND reference_class_id IS NULL OR $2)
             ORDER BY position",
            [topic_id.into(), with_posts.into()],
        ),
    )
    .await?;
    Ok(StoredBibliography { sources, quotations, citations })
}
