//! Topics on the wire.

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{
    AntecedentKind, DatedStatement, EventContent, Operation, TopicContent, TopicStatus, VariantStepKind,
    check, check_open,
};
use super::store::{self, StoredTopic, SummaryRow, TopicOrder};
use crate::accounts::Author;
use crate::app::App;
use crate::changes::About;
use crate::clock::{Time, Timestamp};
use crate::db::keyset::{self, Walk};
use crate::decisions::rules::Restriction;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::historic_date::HistoricDate;
use crate::http::page::{Limit, Page};
use crate::http::{
    Answer, Body, Cache, Claimed, Create, FieldProblem, IfMatch, Path, Query, StrictValue, parse_json, shared,
};
use crate::ids::{BackgroundFactId, ChainStepId, QuotationId, ScenarioId, SourceId, TopicId, VariantId};
use crate::policy::{Actor, CreateTopic, EditTopic};
use crate::scenarios::StoredScenario;
use crate::scenarios::rules::{OutcomeVsActual, SetChange, check_labels, check_number};
use crate::sources::rules::{Key, SourceClass};
use crate::sources::{CitationView, OwnedCitation};
use crate::trust::{self, Contribution};

/// A line of the list of topics.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopicSummary {
    id: TopicId,
    slug: String,
    title: String,
    question_text: Option<String>,
    /// What really happened, and when; null while a draft has none.
    event: Option<EventContent>,
    tags: Vec<String>,
    status: TopicStatus,
    /// Posts that are not tombstones.
    post_count: i32,
    /// People who posted.
    participant_count: i32,
    last_activity_at: Timestamp,
    /// Whether moderators have everybody see it first; left out where they do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_pinned: bool,
}

/// Everything a reader sees above the thread.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TopicView {
    id: TopicId,
    slug: String,
    title: String,
    status: TopicStatus,
    question_text: Option<String>,
    event: Option<EventContent>,
    /// What came of the event in reality.
    actual_outcome: Option<String>,
    antecedent: Option<AntecedentView>,
    consequent_in_question: Option<String>,
    outcome_definition: Option<String>,
    outcome_occurred: Option<bool>,
    outcome_actual_date: Option<HistoricDate>,
    tolerance_days: i32,
    horizon: Option<HistoricDate>,
    horizon_reason: Option<String>,
    checkpoints: Vec<HistoricDate>,
    /// Whether guests are shown what the crowd thinks.
    crowd_shown_to_guests: bool,
    /// What nobody may do in it.
    restrictions: Vec<Restriction>,
    /// Whether moderators have everybody see it first; left out where they do not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_pinned: bool,
    /// What the debate came to, in the words of whoever closed it; left out where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    closing_summary: Option<String>,
    tags: Vec<String>,
    variants: Vec<VariantView>,
    background_facts: Vec<BackgroundFactView>,
    /// Counts the changes of the set of scenarios.
    scenario_set_version: i32,
    /// Since which version of the set credences can be compared with the present one.
    comparable_since: i32,
    /// What made the versions of the set after the first, as far as it happened here.
    scenario_set_versions: Vec<SetVersionView>,
    /// Those of every version: retired ones say since when, and what took their place.
    scenarios: Vec<ScenarioView>,
    sources: Vec<SourceView>,
    quotations: Vec<QuotationView>,
    author: Option<Author>,
    /// What a draft lacks to be opened; null for others.
    missing: Option<Vec<FieldProblem>>,
    /// Topics that ask about much the same as this draft, the likest first, at most five; null for others.
    similar_topics: Option<Vec<SimilarTopic>>,
    post_count: i32,
    participant_count: i32,
    last_activity_at: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What made a version of a set of scenarios.
#[derive(Debug, Serialize, ToSchema)]
struct SetVersionView {
    version: i32,
    change: SetChange,
    /// Whether credences in the version before can be compared with this one.
    comparable: bool,
    created_at: Timestamp,
}

/// A topic that asks about much the same.
#[derive(Debug, Serialize, ToSchema)]
struct SimilarTopic {
    id: TopicId,
    slug: String,
    title: String,
    /// Where it is read.
    url: String,
    /// Which share of the trigrams of both, in event and antecedent, they have in common: 0.3 to 1.
    similarity: f64,
}

/// What is supposed to be otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AntecedentView {
    statement: String,
    operation: Operation,
    /// Until when the past is shared.
    point_of_divergence: HistoricDate,
    /// The variant meant where none is named.
    primary_variant_id: Option<VariantId>,
}

/// A more exact way in which the antecedent could hold.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VariantView {
    id: VariantId,
    key: Key,
    statement: String,
    antecedent_kind: AntecedentKind,
    enabling_steps: Vec<DatedStatement>,
    further_changes: Vec<DatedStatement>,
    contemporary_evidence: Vec<CitationView>,
}

/// A fact held fixed, or named as open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BackgroundFactView {
    id: BackgroundFactId,
    key: Key,
    statement: String,
    held: bool,
    date: Option<HistoricDate>,
    citations: Vec<CitationView>,
}

/// A rival answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScenarioView {
    id: ScenarioId,
    key: Key,
    label: String,
    statement: String,
    outcome_vs_actual: OutcomeVsActual,
    /// What the scenario says of the real event: produced, hastened, delayed, `no_difference`, redirected
    /// or prevented; null for the residual.
    causal_reading: Option<&'static str>,
    is_residual: bool,
    introduced_in_version: i32,
    retired_in_version: Option<i32>,
    merged_into: Option<ScenarioId>,
    parent_scenario_id: Option<ScenarioId>,
    proposer: Option<Author>,
    citations: Vec<CitationView>,
    chain_steps: Vec<ChainStepView>,
}

/// A step in the causal chain of a scenario.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChainStepView {
    id: ChainStepId,
    step_no: i16,
    statement: String,
    happens_by: Option<HistoricDate>,
    generalisation: Option<String>,
    citations: Vec<CitationView>,
}

/// An entry in the bibliography.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceView {
    id: SourceId,
    key: Key,
    #[serde(rename = "type")]
    source_type: String,
    authors: Vec<String>,
    title: Option<String>,
    container_title: Option<String>,
    publisher: Option<String>,
    published: Option<HistoricDate>,
    url: Option<String>,
    source_class: SourceClass,
    note: Option<String>,
}

/// What is quoted from a source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QuotationView {
    id: QuotationId,
    key: Key,
    source_id: SourceId,
    quoted_in_source_id: Option<SourceId>,
    text: String,
    attribution: String,
    locator: Option<String>,
    language: String,
    translation_of: Option<QuotationId>,
}

impl TopicSummary {
    fn of(row: SummaryRow) -> Result<Self> {
        let event = match (row.event_title, row.event_date, row.event_summary) {
            (Some(title), Some(date), Some(summary)) => {
                Some(store::event_content(&crate::entity::historical_event::Model {
                    id: uuid::Uuid::nil().into(),
                    title,
                    date,
                    place: row.event_place,
                    summary,
                })?)
            }
            _ => None,
        };
        Ok(Self {
            id: row.id,
            slug: row.slug,
            title: row.title,
            question_text: row.question_text,
            event,
            tags: serde_json::from_value(row.tags).map_err(Error::internal)?,
            status: row.status,
            post_count: row.post_count,
            participant_count: row.participant_count,
            last_activity_at: row.last_activity_at.into(),
            is_pinned: row.is_pinned,
        })
    }
}

/// The citations of a stored topic that belong to one of its parts.
fn cited(stored: &StoredTopic, owned: impl Fn(&OwnedCitation) -> bool) -> Result<Vec<CitationView>> {
    let citations = stored.bibliography.citations.iter();
    citations.filter(|citation| owned(citation)).map(OwnedCitation::view).collect()
}

impl VariantView {
    fn of(stored: &StoredTopic, variant: &store::StoredVariant) -> Result<Self> {
        let steps = |kind| -> Result<Vec<DatedStatement>> {
            let step = |step: &crate::entity::variant_step::Model| {
                let statement = step.statement.clone().try_into().map_err(Error::internal)?;
                Ok(DatedStatement { date: step.date.clone(), statement })
            };
            variant.steps_of(kind).map(step).collect()
        };
        let id = variant.variant.id;
        Ok(Self {
            id,
            key: variant.key(),
            statement: variant.variant.statement.clone(),
            antecedent_kind: variant.variant.antecedent_kind,
            enabling_steps: steps(VariantStepKind::EnablingStep)?,
            further_changes: steps(VariantStepKind::FurtherChange)?,
            contemporary_evidence: cited(stored, |citation| citation.variant_id == Some(id))?,
        })
    }
}

impl BackgroundFactView {
    fn of(stored: &StoredTopic, fact: &crate::entity::background_fact::Model) -> Result<Self> {
        Ok(Self {
            id: fact.id,
            key: store::numbered("fact", fact.position.into()),
            statement: fact.statement.clone(),
            held: fact.held,
            date: fact.date.clone(),
            citations: cited(stored, |citation| citation.background_fact_id == Some(fact.id))?,
        })
    }
}

impl ScenarioView {
    fn of(stored: &StoredTopic, StoredScenario { scenario, steps }: &StoredScenario) -> Result<Self> {
        let step = |step: &crate::entity::chain_step::Model| {
            Ok(ChainStepView {
                id: step.id,
                step_no: step.step_no,
                statement: step.statement.clone(),
                happens_by: step.happens_by.clone(),
                generalisation: step.generalisation.clone(),
                citations: cited(stored, |citation| citation.chain_step_id == Some(step.id))?,
            })
        };
        Ok(Self {
            id: scenario.id,
            key: store::numbered("scenario", scenario.position.into()),
            label: scenario.label.clone(),
            statement: scenario.statement.clone(),
            outcome_vs_actual: scenario.outcome_vs_actual,
            causal_reading: scenario.outcome_vs_actual.causal_reading(),
            is_residual: scenario.is_residual,
            introduced_in_version: scenario.introduced_in_version,
            retired_in_version: scenario.retired_in_version,
            merged_into: scenario.merged_into,
            parent_scenario_id: scenario.parent_scenario_id,
            proposer: stored.people.get(&scenario.proposer_id).cloned(),
            citations: cited(stored, |citation| citation.scenario_id == Some(scenario.id))?,
            chain_steps: steps.iter().map(step).collect::<Result<_>>()?,
        })
    }
}

impl TopicView {
    fn of(stored: &StoredTopic, similar: Option<Vec<store::Similar>>, now: Time) -> Result<Self> {
        let content = stored.content()?;
        let topic = &stored.topic;
        let is_draft = topic.status == TopicStatus::Draft;
        let missing = is_draft.then(|| check_open("", &content).iter().map(FieldProblem::from).collect());
        let set_version = |version: &crate::entity::scenario_set_version::Model| SetVersionView {
            version: version.version,
            change: version.change,
            comparable: version.comparable,
            created_at: version.created_at.into(),
        };
        let similar_topic = |similar: store::Similar| SimilarTopic {
            id: similar.id,
            url: format!("/api/v1/topics/{}", similar.slug),
            slug: similar.slug,
            title: similar.title,
            similarity: similar.similarity,
        };
        let variants = stored.variants.iter().map(|variant| VariantView::of(stored, variant));
        let facts = stored.background_facts.iter().map(|fact| BackgroundFactView::of(stored, fact));
        let scenarios = stored.scenarios.iter().map(|scenario| ScenarioView::of(stored, scenario));
        Ok(Self {
            id: topic.id,
            slug: topic.slug.clone(),
            title: topic.title.clone(),
            status: topic.status,
            question_text: topic.question_text.clone(),
            event: content.event,
            actual_outcome: topic.actual_outcome.clone(),
            antecedent: content.antecedent.map(|antecedent| AntecedentView {
                statement: antecedent.statement.to_string(),
                operation: antecedent.operation,
                point_of_divergence: antecedent.point_of_divergence,
                primary_variant_id: topic.primary_variant_id,
            }),
            consequent_in_question: topic.consequent_in_question.clone(),
            outcome_definition: topic.outcome_definition.clone(),
            outcome_occurred: topic.outcome_occurred,
            outcome_actual_date: topic.outcome_actual_date.clone(),
            tolerance_days: topic.tolerance_days,
            horizon: topic.horizon.clone(),
            horizon_reason: topic.horizon_reason.clone(),
            checkpoints: stored.checkpoints.clone(),
            crowd_shown_to_guests: topic.crowd_shown_to_guests,
            restrictions: topic.restrictions.at(now).cloned().collect(),
            is_pinned: topic.is_pinned,
            closing_summary: topic.closing_summary.clone(),
            tags: stored.tags.clone(),
            variants: variants.collect::<Result<_>>()?,
            background_facts: facts.collect::<Result<_>>()?,
            scenario_set_version: topic.scenario_set_version,
            comparable_since: topic.comparable_since,
            scenario_set_versions: stored.set_versions.iter().map(set_version).collect(),
            scenarios: scenarios.collect::<Result<_>>()?,
            sources: stored.bibliography.sources.iter().map(SourceView::of).collect(),
            quotations: stored.bibliography.quotations.iter().map(QuotationView::of).collect(),
            author: stored.people.get(&topic.author_id).cloned(),
            missing,
            similar_topics: similar.map(|similar| similar.into_iter().map(similar_topic).collect()),
            post_count: stored.activity.post_count,
            participant_count: stored.activity.participant_count,
            last_activity_at: stored.activity.last_activity_at.into(),
            created_at: topic.created_at.into(),
            updated_at: topic.updated_at.into(),
        })
    }
}

impl SourceView {
    fn of(source: &crate::entity::source::Model) -> Self {
        Self {
            id: source.id,
            key: store::numbered("source", source.position),
            source_type: source.source_type.clone(),
            authors: source.authors.clone(),
            title: source.title.clone(),
            container_title: source.container_title.clone(),
            publisher: source.publisher.clone(),
            published: source.published.clone(),
            url: source.url.clone(),
            source_class: source.source_class,
            note: source.note.clone(),
        }
    }
}

impl QuotationView {
    fn of(quotation: &crate::entity::quotation::Model) -> Self {
        Self {
            id: quotation.id,
            key: store::numbered("quotation", quotation.position),
            source_id: quotation.source_id,
            quoted_in_source_id: quotation.quoted_in_source_id,
            text: quotation.text.clone(),
            attribution: quotation.attribution.clone(),
            locator: quotation.locator.clone(),
            language: quotation.language.clone(),
            translation_of: quotation.translation_of,
        }
    }
}

/// What the list of topics is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// The order; `active` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    sort: TopicOrder,
    /// Only topics with this tag.
    tag: Option<super::rules::Tag>,
    /// Only those that moderators have everybody see first.
    #[serde(default)]
    pinned: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List topics
///
/// Drafts are in the list of their author and of the staff only.
#[utoipa::path(get, path = "/topics", tag = "topics", params(ListQuery), responses((status = 200, body = Page<TopicSummary>)), security((), ("bearer" = [])))]
async fn list_topics(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<ListQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        Ok((list(&app, &actor, &query).await?, About::AllTopics))
    })
    .await
}

async fn list(app: &App, actor: &Actor, query: &ListQuery) -> Result<Answer> {
    let tag = query.tag.as_ref().map(super::rules::Tag::as_str);
    let name = format!("topics/{:?}/{}/{}", query.sort, tag.unwrap_or_default(), query.pinned);
    let after = query.after.as_deref().map(|after| keyset::decode_rank(app, &name, after)).transpose()?;
    let rows =
        store::list(&app.db, actor, query.sort, (tag, query.pinned), after.as_ref(), query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| {
        let walk = match &after {
            Some(after) => Some(after.walk().clone()),
            None => last.snapshot().map(|snapshot| Walk::begin(app, snapshot)),
        };
        walk.map(|walk| keyset::encode(app, &name, &last.position(&walk))).unwrap_or_default()
    });
    let items = page.items.into_iter().map(TopicSummary::of).collect::<Result<_>>()?;
    Answer::ok(&Page { items, next: page.next }, Cache::for_reader(actor))
}

/// Start a topic
///
/// A draft may lack parts. With `status: "open"` it must have everything that an open topic needs.
#[utoipa::path(post, path = "/topics", tag = "topics", request_body = TopicContent, responses((status = 201, body = TopicView)), security(("bearer" = [])))]
async fn create_topic(State(app): State<App>, actor: Actor, create: Create<TopicContent>) -> Result<Answer> {
    let permit = actor.may(CreateTopic)?;
    let tx = app.begin_as(&actor).await?;
    let (content, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let mut wrong = check("", &content);
    wrong.extend(check_labels("", &content.scenarios, |_| true));
    wrong.extend(check_number("", content.scenarios.len()));
    if !matches!(content.status, TopicStatus::Draft | TopicStatus::Open) {
        wrong.push(crate::error::Field::new("status", "not_a_start", "A topic starts as a draft or open."));
    }
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    let new = store::TopicToInsert::new(&content, permit.by(), app.now());
    let inserted = store::insert(&app, &tx, &permit, &new).await?;
    if let Some(newcomer) = trust::newcomer(&app, &tx, permit.by()).await? {
        trust::require_room(&app, &tx, newcomer, Contribution::Topic(inserted.id)).await?;
    }
    let kind = "topic_created";
    events::record(
        &app,
        &tx,
        Event { kind, topic_id: Some(inserted.id), subject_id: Some(inserted.id.0), ..actor.event() },
    )
    .await?;
    let answer = answer(&app, &actor, tx.conn(), inserted.id, true).await?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a topic
///
/// Everything above the thread: the question, its scenarios, and the bibliography.
#[utoipa::path(get, path = "/topics/{topic}", tag = "topics", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = TopicView)), security((), ("bearer" = [])))]
async fn read_topic(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        // In one snapshot: posts bring sources while the parts are read.
        let snapshot = app.snapshot().await?;
        let topic = store::find(&snapshot, &actor, &name).await?;
        Ok((answer(&app, &actor, &snapshot, topic.id, false).await?, About::Topic(topic.id)))
    })
    .await
}

/// Revise a topic
///
/// A JSON Merge Patch over the fields of a new topic. To the bibliography, variants and facts of an open topic more can
/// be added at the end; what is there stays as it is, since arguments bear on it, and scenarios change by proposals.
#[utoipa::path(patch, path = "/topics/{topic}", tag = "topics", params(("topic" = String, Path, description = "Slug or identifier"), ("If-Match" = String, Header)), request_body = TopicContent, responses((status = 200, body = TopicView)), security(("bearer" = [])))]
async fn revise_topic(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    if_match: IfMatch,
    Body(StrictValue(patch)): Body<StrictValue>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let id = store::find(tx.conn(), &actor, &name).await?.id;
    // Nobody posts meanwhile: the bibliography stays as it is read, and what is archived takes nothing more.
    store::lock_activity(&tx, id).await?;
    let topic = store::find_for_update(&tx, &actor, id).await?;
    let tags = store::tags(tx.conn(), id).await?;
    let permit = actor.may(EditTopic { topic: &topic, tags: &tags })?;
    if_match.check(topic.version)?;
    let before = store::read(tx.conn(), topic.clone(), false).await?;
    let content = merged(&before, patch)?;
    store::revise(&app, &tx, &permit, &before, &content).await?;
    let kind = "topic_revised";
    events::record(&app, &tx, Event { kind, topic_id: Some(id), subject_id: Some(id.0), ..actor.event() })
        .await?;
    let answer = answer(&app, &actor, tx.conn(), id, false).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Applies a merge patch to what a topic consists of, and checks what comes of it.
fn merged(before: &StoredTopic, patch: Value) -> Result<TopicContent> {
    let old = before.content()?;
    let mut document = serde_json::to_value(&old).map_err(Error::internal)?;
    if !patch.is_object() {
        return Err(Error::field("(body)", "wrong_type", "A merge patch of a topic is an object."));
    }
    merge(&mut document, patch);
    let content: TopicContent = parse_json(&serde_json::to_vec(&document).map_err(Error::internal)?)?;
    let mut wrong = check("", &content);
    let is_moderated = content.status.is_out_of_sight()
        || before.topic.status.is_out_of_sight()
        || before.topic.closing_summary.is_some();
    if content.status != before.topic.status && is_moderated {
        wrong.push(crate::error::Field::new(
            "status",
            "moderated",
            "Moderators take topics out of sight, close them with a summary and take that back, by POST /mod/actions.",
        ));
    }
    if content.slug.is_none() {
        wrong.push(crate::error::Field::new("slug", "missing", "A topic keeps its slug or gets another."));
    }
    if before.topic.status == TopicStatus::Draft {
        wrong.extend(check_number("", content.scenarios.len()));
        wrong.extend(check_labels("", &content.scenarios, |_| true));
        if content.status == TopicStatus::Archived {
            wrong.push(crate::error::Field::new("status", "not_open", "Only an open topic is archived."));
        }
    } else {
        wrong.extend(content.check_fixed(&old, before.topic.status == TopicStatus::Open));
        if content.status == TopicStatus::Draft {
            wrong.push(crate::error::Field::new(
                "status",
                "no_way_back",
                "What was open is not a draft again: archive it.",
            ));
        }
    }
    if wrong.is_empty() { Ok(content) } else { Err(Error::fields(wrong)) }
}

/// JSON Merge Patch (RFC 7396).
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(&name);
            } else {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

async fn answer(
    app: &App,
    actor: &Actor,
    db: &impl crate::db::ConnectionTrait,
    id: TopicId,
    created: bool,
) -> Result<Answer> {
    let topic = store::find(db, actor, &id.to_string()).await?;
    let similar = match topic.status {
        TopicStatus::Draft => Some(store::similar(db, &topic).await?),
        _ => None,
    };
    let stored = store::read(db, topic, false).await?;
    let view = TopicView::of(&stored, similar, app.now())?;
    let cache = Cache::for_reader(actor);
    let answer = if created {
        Answer::created(format!("/api/v1/topics/{}", view.slug), &view, cache)?
    } else {
        Answer::ok(&view, cache)?
    };
    Ok(answer.version(stored.topic.version))
}

/// Every path about topics.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_topics, create_topic)).routes(routes!(read_topic, revise_topic))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patches_follow_rfc_7396() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, expected, "{target} + {patch}");
        }
    }
}
