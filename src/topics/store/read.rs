//! Reading a topic whole, and as the document it consists of.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};

use crate::accounts::{Author, authors};
use crate::db::{all, sql};
use crate::entity::{
    antecedent_variant, background_fact, checkpoint, historical_event, scenario_set_version, topic,
    topic_activity, topic_tag, variant_step,
};
use crate::error::{Error, Result};
use crate::historic_date::HistoricDate;
use crate::ids::{AccountId, ImplicationId, PostId, ReferenceClassId, ScenarioId, TopicId, VariantId};
use crate::scenarios::rules::{NewChainStep, NewScenario};
use crate::scenarios::{self, StoredScenario};
use crate::sources::rules::{CitationByKey, Key, NewQuotation, NewSource};
use crate::sources::{OwnedCitation, StoredBibliography, read_bibliography};
use crate::topics::rules::{
    Antecedent, DatedStatement, EventContent, NewBackgroundFact, NewVariant, TopicContent, VariantStepKind,
};

/// A variant with its steps.
#[derive(Debug, Clone)]
pub struct StoredVariant {
    /// The variant.
    pub variant: antecedent_variant::Model,
    /// Its steps, of both kinds, in order.
    pub steps: Vec<variant_step::Model>,
}

impl StoredVariant {
    /// The key by which documents refer to it.
    pub fn key(&self) -> Key {
        numbered("variant", self.variant.position.into())
    }

    /// Its steps of one kind.
    pub fn steps_of(&self, kind: VariantStepKind) -> impl Iterator<Item = &variant_step::Model> {
        self.steps.iter().filter(move |step| step.kind == kind)
    }
}

/// A topic with everything that stands above its thread.
#[derive(Debug, Clone)]
pub struct StoredTopic {
    /// The topic.
    pub topic: topic::Model,
    /// The event it turns on.
    pub event: Option<historical_event::Model>,
    /// Who asks, and who proposed scenarios.
    pub people: HashMap<AccountId, Author>,
    /// How busy it is.
    pub activity: topic_activity::Model,
    /// Its tags, in order.
    pub tags: Vec<String>,
    /// Its checkpoints, in order.
    pub checkpoints: Vec<HistoricDate>,
    /// Its variants, in order.
    pub variants: Vec<StoredVariant>,
    /// Its facts, in order.
    pub background_facts: Vec<background_fact::Model>,
    /// Its scenarios, in order.
    pub scenarios: Vec<StoredScenario>,
    /// What made each version of the set of them, in order.
    pub set_versions: Vec<scenario_set_version::Model>,
    /// Its bibliography, and the citations by its parts.
    pub bibliography: StoredBibliography,
}

/// The key that documents use for the item at this place, counted from 1.
pub fn numbered(kind: &str, position: i32) -> Key {
    Key::numbered(kind, usize::try_from(position).unwrap_or_default())
}

/// Reads everything that stands above a topic's thread; for an export, the citations of its posts and of its reference
/// classes too.
///
/// # Errors
/// The database is away.
pub async fn read(db: &impl ConnectionTrait, topic: topic::Model, with_posts: bool) -> Result<StoredTopic> {
    let id = topic.id;
    let event = match topic.event_id {
        Some(event_id) => historical_event::Entity::find_by_id(event_id).one(db).await?,
        None => None,
    };
    let activity = topic_activity::Entity::find_by_id(id).one(db).await?;
    let tags = topic_tag::Entity::find()
        .filter(topic_tag::Column::TopicId.eq(id))
        .order_by_asc(topic_tag::Column::Position)
        .all(db)
        .await?;
    let checkpoints = checkpoint::Entity::find()
        .filter(checkpoint::Column::TopicId.eq(id))
        .order_by_asc(checkpoint::Column::Position)
        .all(db)
        .await?;
    let variants = antecedent_variant::Entity::find()
        .filter(antecedent_variant::Column::TopicId.eq(id))
        .order_by_asc(antecedent_variant::Column::Position)
        .all(db)
        .await?;
    let mut steps: HashMap<VariantId, Vec<variant_step::Model>> = HashMap::new();
    let stored = variant_step::Entity::find()
        .filter(variant_step::Column::VariantId.is_in(variants.iter().map(|variant| variant.id)))
        .order_by_asc(variant_step::Column::Position)
        .all(db)
        .await?;
    for step in stored {
        steps.entry(step.variant_id).or_default().push(step);
    }
    let background_facts = background_fact::Entity::find()
        .filter(background_fact::Column::TopicId.eq(id))
        .order_by_asc(background_fact::Column::Position)
        .all(db)
        .await?;
    let scenarios = scenarios::read(db, id).await?;
    let set_versions = scenario_set_version::Entity::find()
        .filter(scenario_set_version::Column::TopicId.eq(id))
        .order_by_asc(scenario_set_version::Column::Version)
        .all(db)
        .await?;
    let mut people: Vec<AccountId> = scenarios.iter().map(|stored| stored.scenario.proposer_id).collect();
    people.push(topic.author_id);
    Ok(StoredTopic {
        event,
        activity: activity
            .ok_or_else(|| Error::internal(anyhow::anyhow!("topic {id} has no activity row")))?,
        tags: tags.into_iter().map(|tag| tag.tag).collect(),
        checkpoints: checkpoints.into_iter().map(|checkpoint| checkpoint.date).collect(),
        variants: variants
            .into_iter()
            .map(|variant| StoredVariant { steps: steps.remove(&variant.id).unwrap_or_default(), variant })
            .collect(),
        background_facts,
        scenarios,
        set_versions,
        people: authors(db, people).await?,
        bibliography: read_bibliography(db, id, with_posts).await?,
        topic,
    })
}

/// A topic that asks about much the same.
#[derive(Debug, Clone, FromQueryResult)]
pub(in crate::topics) struct Similar {
    /// The topic.
    pub(in crate::topics) id: TopicId,
    /// Its name in addresses.
    pub(in crate::topics) slug: String,
    /// Its title.
    pub(in crate::topics) title: String,
    /// How many of the trigrams of both they share, 0.3 to 1.
    pub(in crate::topics) similarity: f64,
}

/// The topics that everybody sees and that resemble this one most, at most five.
///
/// # Errors
/// The database is away.
pub(in crate::topics) async fn similar(
    db: &impl ConnectionTrait,
    topic: &topic::Model,
) -> Result<Vec<Similar>> {
    match &topic.likeness {
        Some(likeness) => {
            let found = "SELECT id, slug, title, similarity FROM similar_topics($1)";
            all(db, sql(found, [likeness.as_str().into()])).await
        }
        None => Ok(Vec::new()),
    }
}

impl TopicContent {
    /// Whether the parts that arguments bear on, and what these lean on, are the same.
    pub fn has_same_parts(&self, other: &Self) -> bool {
        self.sources == other.sources
            && self.quotations == other.quotations
            && self.variants == other.variants
            && self.background_facts == other.background_facts
            && self.scenarios == other.scenarios
    }
}

/// Text that was valid when it was stored is not judged again when it is read.
fn known<T: TryFrom<String>>(text: &str) -> Result<T>
where
    T::Error: std::fmt::Display,
{
    T::try_from(text.to_owned())
        .map_err(|error| Error::internal(anyhow::anyhow!("stored text is not valid: {error}")))
}

fn maybe<T: TryFrom<String>>(text: Option<&String>) -> Result<Option<T>>
where
    T::Error: std::fmt::Display,
{
    text.map(|text| known(text)).transpose()
}

impl StoredTopic {
    /// The topic as a document: its parts by keys that follow from their places.
    ///
    /// # Errors
    /// The database holds what the rules refuse: a defect.
    pub fn content(&self) -> Result<TopicContent> {
        let topic = &self.topic;
        Ok(TopicContent {
            slug: Some(known(&topic.slug)?),
            title: known(&topic.title)?,
            status: topic.status,
            question_text: maybe(topic.question_text.as_ref())?,
            event: self.event.as_ref().map(event_content).transpose()?,
            actual_outcome: maybe(topic.actual_outcome.as_ref())?,
            antecedent: self.antecedent()?,
            consequent_in_question: maybe(topic.consequent_in_question.as_ref())?,
            outcome_definition: maybe(topic.outcome_definition.as_ref())?,
            outcome_occurred: topic.outcome_occurred,
            outcome_actual_date: topic.outcome_actual_date.clone(),
            tolerance_days: i64::from(topic.tolerance_days)
                .try_into()
                .map_err(|error: crate::invalid::Invalid| Error::internal(error))?,
            horizon: topic.horizon.clone(),
            horizon_reason: maybe(topic.horizon_reason.as_ref())?,
            checkpoints: self.checkpoints.clone(),
            crowd_shown_to_guests: topic.crowd_shown_to_guests,
            tags: self.tags.iter().map(|tag| known(tag)).collect::<Result<_>>()?,
            sources: self.bibliography.source_documents()?,
            quotations: self.bibliography.quotation_documents()?,
            variants: self
                .variants
                .iter()
                .map(|variant| self.variant_content(variant))
                .collect::<Result<_>>()?,
            background_facts: self
                .background_facts
                .iter()
                .map(|fact| {
                    Ok(NewBackgroundFact {
                        key: numbered("fact", fact.position.into()),
                        statement: known(&fact.statement)?,
                        held: fact.held,
                        date: fact.date.clone(),
                        citations: self.keyed(|citation| citation.background_fact_id == Some(fact.id))?,
                    })
                })
                .collect::<Result<_>>()?,
            scenarios: self
                .scenarios
                .iter()
                .map(|stored| self.scenario_content(stored))
                .collect::<Result<_>>()?,
        })
    }

    fn antecedent(&self) -> Result<Option<Antecedent>> {
        let topic = &self.topic;
        let (Some(statement), Some(operation), Some(point_of_divergence)) =
            (&topic.antecedent_statement, topic.antecedent_operation, &topic.point_of_divergence)
        else {
            return Ok(None);
        };
        let primary = self.variants.iter().find(|stored| Some(stored.variant.id) == topic.primary_variant_id);
        Ok(Some(Antecedent {
            statement: known(statement)?,
            operation,
            point_of_divergence: point_of_divergence.clone(),
            primary_variant: primary.map(StoredVariant::key),
        }))
    }

    fn variant_content(&self, stored: &StoredVariant) -> Result<NewVariant> {
        let steps = |kind| -> Result<Vec<DatedStatement>> {
            let step = |step: &variant_step::Model| {
                Ok(DatedStatement { date: step.date.clone(), statement: known(&step.statement)? })
            };
            stored.steps_of(kind).map(step).collect()
        };
        Ok(NewVariant {
            key: stored.key(),
            statement: known(&stored.variant.statement)?,
            antecedent_kind: stored.variant.antecedent_kind,
            enabling_steps: steps(VariantStepKind::EnablingStep)?,
            further_changes: steps(VariantStepKind::FurtherChange)?,
            contemporary_evidence: self.keyed(|citation| citation.variant_id == Some(stored.variant.id))?,
        })
    }

    fn scenario_content(&self, stored: &StoredScenario) -> Result<NewScenario> {
        let scenario = &stored.scenario;
        let steps = stored.steps.iter().map(|step| {
            Ok(NewChainStep {
                statement: known(&step.statement)?,
                happens_by: step.happens_by.clone(),
                generalisation: maybe(step.generalisation.as_ref())?,
                citations: self.keyed(|citation| citation.chain_step_id == Some(step.id))?,
            })
        });
        Ok(NewScenario {
            key: numbered("scenario", scenario.position.into()),
            label: known(&scenario.label)?,
            statement: known(&scenario.statement)?,
            outcome_vs_actual: scenario.outcome_vs_actual,
            is_residual: scenario.is_residual,
            parent: scenario.parent_scenario_id.and_then(|id| self.scenario_key(id)),
            citations: self.keyed(|citation| citation.scenario_id == Some(scenario.id))?,
            chain_steps: steps.collect::<Result<_>>()?,
        })
    }

    /// The key of a scenario of this topic.
    pub fn scenario_key(&self, id: ScenarioId) -> Option<Key> {
        let found = self.scenarios.iter().find(|stored| stored.scenario.id == id)?;
        Some(numbered("scenario", found.scenario.position.into()))
    }

    fn keyed(&self, owned: impl Fn(&OwnedCitation) -> bool) -> Result<Vec<CitationByKey>> {
        self.bibliography
            .citations
            .iter()
            .filter(|citation| owned(citation))
            .map(|c| self.bibliography.keyed(c))
            .collect()
    }

    /// The citations of a post as a document writes them.
    ///
    /// # Errors
    /// The database holds what the rules refuse: a defect.
    pub fn post_citations(&self, id: PostId) -> Result<Vec<CitationByKey>> {
        self.keyed(|citation| citation.post_id == Some(id))
    }

    /// The citation that resolves an implication, as a document writes it.
    ///
    /// # Errors
    /// The database holds what the rules refuse: a defect.
    pub fn implication_citation(&self, id: ImplicationId) -> Result<Option<CitationByKey>> {
        Ok(self.keyed(|citation| citation.implication_id == Some(id))?.pop())
    }

    /// Where the numbers of a reference class are from, as a document writes it.
    ///
    /// # Errors
    /// The database holds what the rules refuse: a defect.
    pub fn class_citation(&self, id: ReferenceClassId) -> Result<Option<CitationByKey>> {
        Ok(self.keyed(|citation| citation.reference_class_id == Some(id))?.pop())
    }
}

impl StoredBibliography {
    fn source_documents(&self) -> Result<Vec<NewSource>> {
        let document = |source: &crate::entity::source::Model| {
            Ok(NewSource {
                key: Some(numbered("source", source.position)),
                source_type: known(&source.source_type)?,
                authors: source.authors.iter().map(|author| known(author)).collect::<Result<_>>()?,
                title: maybe(source.title.as_ref())?,
                container_title: maybe(source.container_title.as_ref())?,
                publisher: maybe(source.publisher.as_ref())?,
                published: source.published.clone(),
                url: maybe(source.url.as_ref())?,
                source_class: source.source_class,
                note: maybe(source.note.as_ref())?,
            })
        };
        self.sources.iter().map(document).collect()
    }

    fn quotation_documents(&self) -> Result<Vec<NewQuotation>> {
        let document = |quotation: &crate::entity::quotation::Model| {
            let source = |id| {
                let found = self.sources.iter().find(|source| source.id == id);
                found.map(|source| numbered("source", source.position))
            };
            let translated =
                quotation.translation_of.and_then(|id| self.quotations.iter().find(|other| other.id == id));
            Ok(NewQuotation {
                key: numbered("quotation", quotation.position),
                source: source(quotation.source_id).ok_or_else(|| {
                    Error::internal(anyhow::anyhow!("quotation {} has no source", quotation.id))
                })?,
                quoted_in: quotation.quoted_in_source_id.and_then(source),
                text: known(&quotation.text)?,
                attribution: known(&quotation.attribution)?,
                locator: maybe(quotation.locator.as_ref())?,
                language: known(&quotation.language)?,
                translation_of: translated.map(|other| numbered("quotation", other.position)),
            })
        };
        self.quotations.iter().map(document).collect()
    }

    fn keyed(&self, citation: &OwnedCitation) -> Result<CitationByKey> {
        let source = citation.source_id.and_then(|id| self.sources.iter().find(|source| source.id == id));
        let quotation =
            citation.quotation_id.and_then(|id| self.quotations.iter().find(|found| found.id == id));
        Ok(CitationByKey {
            source: source.map(|source| numbered("source", source.position)),
            quotation: quotation.map(|quotation| numbered("quotation", quotation.position)),
            locator: maybe(citation.locator.as_ref())?,
        })
    }
}

/// The event of a topic as a document.
///
/// # Errors
/// The database holds what the rules refuse: a defect.
pub(in crate::topics) fn event_content(event: &historical_event::Model) -> Result<EventContent> {
    Ok(EventContent {
        title: known(&event.title)?,
        date: event.date.clone(),
        place: maybe(event.place.as_ref())?,
        summary: known(&event.summary)?,
    })
}
