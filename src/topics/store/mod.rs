//! Reading and writing topics.

mod list;
mod read;

pub(super) use list::{SummaryRow, TopicOrder, list};
pub(super) use read::{Similar, event_content, similar};
pub use read::{StoredTopic, StoredVariant, numbered, read};

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
};

use crate::app::App;
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, insert as insert_row, insert_all, one, sql, update};
use crate::decisions::rules::{Image, Restrictions};
use crate::entity::{
    antecedent_variant, background_fact, checkpoint, historical_event, topic, topic_activity, topic_tag,
    variant_step,
};
use crate::error::{Code, Error, Result};
use crate::historic_date::HistoricDate;
use crate::ids::{AccountId, BackgroundFactId, TopicId, VariantId};
use crate::policy::{Actor, CreateTopic, DecideProposal, EditTopic, EraseAccount, Moderate, Permit};
use crate::ranking;
use crate::roles::rules::{Permission, Place};
use crate::scenarios::rules::NewScenario;
use crate::scenarios::{self, InsertedScenarios, ScenarioToInsert};
use crate::sources::rules::Key;
use crate::sources::{Bibliography, CitationOwner, cite, insert_bibliography};
use crate::topics::rules::{
    DatedStatement, EventContent, NewBackgroundFact, NewVariant, TopicContent, TopicStatus, VariantStepKind,
};

/// The topic, if this reader may see it: drafts are for their author and for whoever may edit them, what was taken out
/// of sight for its author and for whoever looks after it.
async fn visible_to(
    db: &impl ConnectionTrait,
    actor: &Actor,
    topic: Option<topic::Model>,
) -> Result<topic::Model> {
    let topic = topic.ok_or_else(Error::not_found)?;
    let seen = match topic.status {
        TopicStatus::Open | TopicStatus::Archived => true,
        _ if actor.is(Some(topic.author_id)) => true,
        TopicStatus::Draft => has_in(db, actor, topic.id, &[Permission::TopicEdit]).await?,
        TopicStatus::Hidden | TopicStatus::Removed => sees_hidden(db, actor, topic.id).await?,
    };
    if seen { Ok(topic) } else { Err(Error::not_found()) }
}

/// Whether somebody has any of these permissions in a topic.
async fn has_in(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: TopicId,
    permissions: &[Permission],
) -> Result<bool> {
    if actor.signed_in().is_none_or(|account| account.powers.is_empty()) {
        return Ok(false);
    }
    let tags = tags(db, id).await?;
    Ok(permissions.iter().any(|permission| actor.has(*permission, Place::Topic { id, tags: &tags })))
}

/// Whether somebody looks after a topic, and sees what was taken out of sight in it.
///
/// # Errors
/// The database is away.
pub async fn sees_hidden(db: &impl ConnectionTrait, actor: &Actor, id: TopicId) -> Result<bool> {
    has_in(db, actor, id, &[Permission::ContentHide, Permission::ReportRead]).await
}

/// Has a topic, which is locked, be as an action made it, or as it was before one; gives how it was until now, in the
/// same respect.
///
/// # Errors
/// 409 where nothing is to close; a defect where the image is of something else.
pub async fn apply(
    app: &App,
    tx: &Tx,
    _: &Permit<Moderate<'_>>,
    topic: &topic::Model,
    image: &Image,
) -> Result<Image> {
    let mut row = topic.clone();
    let (status, restrictions, before) = match image {
        Image::Closing { status, summary } => {
            let is_shown = matches!(topic.status, TopicStatus::Open | TopicStatus::Archived);
            if !is_shown && *status == TopicStatus::Archived.to_value() {
                return Err(Code::TopicNotOpen.error("A debate is closed that is open, or archived already."));
            }
            row.closing_summary.clone_from(summary);
            let before =
                Image::Closing { status: topic.status.to_value(), summary: topic.closing_summary.clone() };
            (status.clone(), topic.restrictions.clone(), before)
        }
        Image::Pinned(is_pinned) => {
            row.is_pinned = *is_pinned;
            (topic.status.to_value(), topic.restrictions.clone(), Image::Pinned(topic.is_pinned))
        }
        _ => image.applied(topic.status.to_value(), &topic.restrictions),
    };
    row.status = TopicStatus::try_from_value(&status).map_err(Error::internal)?;
    row.restrictions = restrictions;
    row.version += 1;
    row.updated_at = app.now();
    update(tx, row).await?;
    // Whether it is listed concerns more than itself.
    tx.changes(Change::Everywhere);
    Ok(before)
}

/// The tags of a topic.
///
/// # Errors
/// The database is away.
pub async fn tags(db: &impl ConnectionTrait, id: TopicId) -> Result<Vec<String>> {
    let rows = topic_tag::Entity::find().filter(topic_tag::Column::TopicId.eq(id)).all(db).await?;
    Ok(rows.into_iter().map(|row| row.tag).collect())
}

/// Finds a topic by identifier or slug.
///
/// # Errors
/// 404 where there is none, or none that this reader may see.
pub async fn find(db: &impl ConnectionTrait, actor: &Actor, name: &str) -> Result<topic::Model> {
    let found = match name.parse::<TopicId>() {
        Ok(id) => topic::Entity::find_by_id(id).one(db).await?,
        Err(_) => topic::Entity::find().filter(topic::Column::Slug.eq(name)).one(db).await?,
    };
    visible_to(db, actor, found).await
}

/// Finds a topic by identifier and keeps others from changing it until the transaction ends.
///
/// # Errors
/// As [`find`].
pub async fn find_for_update(tx: &Tx, actor: &Actor, id: TopicId) -> Result<topic::Model> {
    tx.queue(&format!("topic {id}")).await?;
    let found = topic::Entity::find_by_id(id).lock(LockType::NoKeyUpdate).one(tx.conn()).await?;
    visible_to(tx.conn(), actor, found).await
}

/// Finds a topic by identifier or slug, and keeps it as it is until the transaction ends. Many may hold it at a time.
///
/// # Errors
/// As [`find`].
pub async fn hold(tx: &Tx, actor: &Actor, name: &str) -> Result<topic::Model> {
    let id = find(tx.conn(), actor, name).await?.id;
    // Before the row, which is not queued for: whoever waits to change the topic is not passed.
    tx.queue_shared(&format!("topic {id}")).await?;
    let found = topic::Entity::find_by_id(id).lock_shared().one(tx.conn()).await?;
    visible_to(tx.conn(), actor, found).await
}

/// Finds a topic whoever asks.
///
/// # Errors
/// 404 where there is none.
pub async fn find_any(tx: &Tx, id: TopicId) -> Result<topic::Model> {
    topic::Entity::find_by_id(id).one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// A topic that was checked, and what an import knows beyond its content.
#[derive(Debug)]
pub struct TopicToInsert<'a> {
    /// What it consists of.
    pub content: &'a TopicContent,
    /// Who asks.
    pub author_id: AccountId,
    /// When it was made.
    pub created_at: Time,
    /// The version of its set of scenarios.
    pub scenario_set_version: i32,
    /// Since which version credences can be compared with the present set.
    pub comparable_since: i32,
    /// Its scenarios, as many as the content has.
    pub scenarios: Vec<ScenarioToInsert<'a>>,
    /// What the debate came to, where it was closed elsewhere.
    pub closing_summary: Option<String>,
}

/// What the keys of a document became in the database.
#[derive(Debug)]
pub struct Inserted {
    /// The topic.
    pub id: TopicId,
    /// Sources and quotations.
    pub bibliography: Bibliography,
    /// Variants by their keys.
    pub variants: HashMap<Key, VariantId>,
    /// Facts by their keys.
    pub background_facts: HashMap<Key, BackgroundFactId>,
    /// Scenarios and steps.
    pub scenarios: InsertedScenarios,
}

impl<'a> TopicToInsert<'a> {
    /// A topic as somebody writes it now.
    pub fn new(content: &'a TopicContent, author_id: AccountId, now: Time) -> Self {
        let proposed = |new: &'a NewScenario| ScenarioToInsert {
            new,
            proposer_id: author_id,
            introduced_in_version: 1,
            retired_in_version: None,
            merged_into: None,
        };
        Self {
            content,
            author_id,
            created_at: now,
            scenario_set_version: 1,
            comparable_since: 1,
            scenarios: content.scenarios.iter().map(proposed).collect(),
            closing_summary: None,
        }
    }
}

/// Adds a topic with everything it consists of.
///
/// # Errors
/// 409 where another topic has the slug.
pub async fn insert(
    app: &App,
    tx: &Tx,
    _: &Permit<CreateTopic>,
    new: &TopicToInsert<'_>,
) -> Result<Inserted> {
    let content = new.content;
    let id: TopicId = app.ids.next();
    let slug = match &content.slug {
        Some(slug) => slug.as_str().to_owned(),
        None => free_slug(tx, content, id).await?,
    };
    let mut row = topic::Model {
        id,
        slug,
        title: String::new(),
        question_text: None,
        event_id: None,
        actual_outcome: None,
        antecedent_statement: None,
        antecedent_operation: None,
        point_of_divergence: None,
        primary_variant_id: None,
        consequent_in_question: None,
        outcome_definition: None,
        outcome_occurred: None,
        outcome_actual_date: None,
        tolerance_days: 0,
        horizon: None,
        horizon_reason: None,
        status: content.status,
        scenario_set_version: new.scenario_set_version,
        comparable_since: new.comparable_since,
        crowd_shown_to_guests: false,
        likeness: None,
        author_id: new.author_id,
        version: 1,
        revision: 1,
        created_at: new.created_at,
        updated_at: new.created_at,
        restrictions: Restrictions::default(),
        is_pinned: false,
        closing_summary: new.closing_summary.clone(),
    };
    set_scalars(&mut row, content);
    set_event(app, tx, &mut row, content.event.as_ref()).await?;
    insert_row(tx, row.clone()).await.on_constraint("topic_slug_key", || {
        Code::SlugTaken
            .error("Another topic has this slug; choose one, or send none and one is made of the title.")
    })?;
    insert_row(
        tx,
        topic_activity::Model {
            topic_id: id,
            post_count: 0,
            participant_count: 0,
            last_activity_at: new.created_at,
        },
    )
    .await?;
    ranking::insert_topic(tx, id, new.created_at).await?;
    let inserted = insert_parts(app, tx, id, content, &new.scenarios).await?;
    set_primary_variant(tx, row, content, &inserted.variants).await?;
    Ok(inserted)
}

/// The title's slug, with the topic's number behind it where another topic has it.
async fn free_slug(tx: &Tx, content: &TopicContent, id: TopicId) -> Result<String> {
    let tail = id.0.simple().to_string();
    let tail = &tail[tail.len() - 6..];
    let slug = crate::topics::rules::Slug::from_title(content.title.as_str(), tail).as_str().to_owned();
    let taken = topic::Entity::find().filter(topic::Column::Slug.eq(&slug)).one(tx.conn()).await?.is_some();
    Ok(if taken { format!("{slug}-{tail}") } else { slug })
}

fn set_scalars(row: &mut topic::Model, content: &TopicContent) {
    let antecedent = content.antecedent.as_ref();
    row.title = content.title.to_string();
    row.question_text = content.question_text.as_ref().map(ToString::to_string);
    row.actual_outcome = content.actual_outcome.as_ref().map(ToString::to_string);
    row.antecedent_statement = antecedent.map(|antecedent| antecedent.statement.to_string());
    row.antecedent_operation = antecedent.map(|antecedent| antecedent.operation);
    row.point_of_divergence = antecedent.map(|antecedent| antecedent.point_of_divergence.clone());
    row.consequent_in_question = content.consequent_in_question.as_ref().map(ToString::to_string);
    row.outcome_definition = content.outcome_definition.as_ref().map(ToString::to_string);
    row.outcome_occurred = content.outcome_occurred;
    row.outcome_actual_date.clone_from(&content.outcome_actual_date);
    row.tolerance_days = content.tolerance_days.into();
    row.horizon.clone_from(&content.horizon);
    row.horizon_reason = content.horizon_reason.as_ref().map(ToString::to_string);
    row.crowd_shown_to_guests = content.crowd_shown_to_guests;
    row.likeness = content.likeness();
    row.status = content.status;
}

/// Writes the event of a topic: a new row, or the one it has.
async fn set_event(app: &App, tx: &Tx, row: &mut topic::Model, event: Option<&EventContent>) -> Result<()> {
    let Some(event) = event else {
        row.event_id = None;
        return Ok(());
    };
    let id = row.event_id.unwrap_or_else(|| app.ids.next());
    let model = historical_event::Model {
        id,
        title: event.title.to_string(),
        date: event.date.clone(),
        place: event.place.as_ref().map(ToString::to_string),
        summary: event.summary.to_string(),
    };
    if row.event_id.replace(id).is_some() {
        update(tx, model).await?;
    } else {
        insert_row(tx, model).await?;
    }
    Ok(())
}

async fn insert_parts(
    app: &App,
    tx: &Tx,
    id: TopicId,
    content: &TopicContent,
    scenarios: &[ScenarioToInsert<'_>],
) -> Result<Inserted> {
    insert_tags_and_checkpoints(tx, id, content).await?;
    let known = Bibliography::default();
    let bibliography =
        insert_bibliography(tx, &app.ids, id, known, &content.sources, &content.quotations).await?;
    let variants = insert_variants(app, tx, id, (1, &content.variants), &bibliography).await?;
    let background_facts =
        insert_background_facts(app, tx, id, (1, &content.background_facts), &bibliography).await?;
    let scenarios = scenarios::insert(tx, &app.ids, id, scenarios, &bibliography).await?;
    Ok(Inserted { id, bibliography, variants, background_facts, scenarios })
}

/// Adds to an open topic what its new content has behind what was there before, and gives the new variants.
async fn grow(
    app: &App,
    tx: &Tx,
    before: &StoredTopic,
    content: &TopicContent,
) -> Result<HashMap<Key, VariantId>> {
    let id = before.topic.id;
    let known = before.bibliography.known();
    let sources = content.sources.get(before.bibliography.sources.len()..).unwrap_or_default();
    let quotations = content.quotations.get(before.bibliography.quotations.len()..).unwrap_or_default();
    let bibliography = insert_bibliography(tx, &app.ids, id, known, sources, quotations).await?;
    let variants = content.variants.get(before.variants.len()..).unwrap_or_default();
    let place = before.variants.last().map_or(1, |last| last.variant.position + 1);
    let variants = insert_variants(app, tx, id, (place, variants), &bibliography).await?;
    let facts = content.background_facts.get(before.background_facts.len()..).unwrap_or_default();
    let place = before.background_facts.last().map_or(1, |last| last.position + 1);
    insert_background_facts(app, tx, id, (place, facts), &bibliography).await?;
    Ok(variants)
}

/// Adds variants from a place on.
async fn insert_variants(
    app: &App,
    tx: &Tx,
    id: TopicId,
    (place, new): (i16, &[NewVariant]),
    bibliography: &Bibliography,
) -> Result<HashMap<Key, VariantId>> {
    let mut variants = HashMap::new();
    for (position, new) in (place..).zip(new) {
        let variant_id: VariantId = app.ids.next();
        variants.insert(new.key.clone(), variant_id);
        insert_row(
            tx,
            antecedent_variant::Model {
                id: variant_id,
                topic_id: id,
                position,
                statement: new.statement.to_string(),
                antecedent_kind: new.antecedent_kind,
            },
        )
        .await?;
        let steps = |kind, steps: &[DatedStatement]| -> Vec<variant_step::Model> {
            let step = |(position, step): (i16, &DatedStatement)| variant_step::Model {
                variant_id,
                kind,
                position,
                date: step.date.clone(),
                statement: step.statement.to_string(),
            };
            (1..).zip(steps).map(step).collect()
        };
        insert_all(tx, steps(VariantStepKind::EnablingStep, &new.enabling_steps)).await?;
        insert_all(tx, steps(VariantStepKind::FurtherChange, &new.further_changes)).await?;
        let owner = CitationOwner::Variant(variant_id);
        cite(tx, &app.ids, id, owner, &new.contemporary_evidence, bibliography).await?;
    }
    Ok(variants)
}

/// Adds facts from a place on.
async fn insert_background_facts(
    app: &App,
    tx: &Tx,
    id: TopicId,
    (place, new): (i16, &[NewBackgroundFact]),
    bibliography: &Bibliography,
) -> Result<HashMap<Key, BackgroundFactId>> {
    let mut background_facts = HashMap::new();
    for (position, new) in (place..).zip(new) {
        let fact_id: BackgroundFactId = app.ids.next();
        background_facts.insert(new.key.clone(), fact_id);
        insert_row(
            tx,
            background_fact::Model {
                id: fact_id,
                topic_id: id,
                position,
                statement: new.statement.to_string(),
                held: new.held,
                date: new.date.clone(),
            },
        )
        .await?;
        cite(tx, &app.ids, id, CitationOwner::BackgroundFact(fact_id), &new.citations, bibliography).await?;
    }
    Ok(background_facts)
}

async fn insert_tags_and_checkpoints(tx: &Tx, id: TopicId, content: &TopicContent) -> Result<()> {
    let tag = |(position, tag): (i16, &crate::topics::rules::Tag)| topic_tag::Model {
        topic_id: id,
        tag: tag.as_str().to_owned(),
        position,
    };
    insert_all(tx, (1..).zip(&content.tags).map(tag).collect()).await?;
    let checkpoint = |(position, date): (i16, &HistoricDate)| checkpoint::Model {
        topic_id: id,
        position,
        date: date.clone(),
    };
    insert_all(tx, (1..).zip(&content.checkpoints).map(checkpoint).collect()).await
}

async fn set_primary_variant(
    tx: &Tx,
    mut row: topic::Model,
    content: &TopicContent,
    variants: &HashMap<Key, VariantId>,
) -> Result<()> {
    let key = content.antecedent.as_ref().and_then(|antecedent| antecedent.primary_variant.as_ref());
    if let Some(id) = key.and_then(|key| variants.get(key)) {
        row.primary_variant_id = Some(*id);
        update(tx, row).await?;
    }
    Ok(())
}

/// Replaces what a topic consists of. The parts that arguments bear on are rewritten only in a draft, and
/// only where they differ; `content` was checked, and for an open topic has the same parts as before, and
/// perhaps more behind them.
///
/// # Errors
/// 409 where another topic has the slug.
pub(super) async fn revise(
    app: &App,
    tx: &Tx,
    _: &Permit<EditTopic<'_>>,
    before: &StoredTopic,
    content: &TopicContent,
) -> Result<()> {
    let old = before.content()?;
    let mut row = before.topic.clone();
    if let Some(slug) = &content.slug {
        slug.as_str().clone_into(&mut row.slug);
    }
    set_scalars(&mut row, content);
    set_event(app, tx, &mut row, content.event.as_ref()).await?;
    row.version += 1;
    row.revision += 1;
    row.updated_at = app.now();
    let differs = !old.has_same_parts(content);
    let rewrite = differs && before.topic.status == TopicStatus::Draft;
    if rewrite {
        row.primary_variant_id = None;
    } else if let Some(antecedent) = &content.antecedent {
        let key = antecedent.primary_variant.as_ref();
        row.primary_variant_id =
            key.and_then(|key| before.variants.iter().find(|v| v.key() == *key)).map(|v| v.variant.id);
    }
    update(tx, row.clone())
        .await
        .on_constraint("topic_slug_key", || Code::SlugTaken.error("Another topic has this slug."))?;
    for statement in
        ["DELETE FROM topic_tag WHERE topic_id = $1", "DELETE FROM checkpoint WHERE topic_id = $1"]
    {
        tx.conn().execute_raw(sql(statement, [row.id.into()])).await?;
    }
    if !rewrite {
        insert_tags_and_checkpoints(tx, row.id, content).await?;
        if differs {
            let variants = grow(app, tx, before, content).await?;
            set_primary_variant(tx, row, content, &variants).await?;
        }
        return Ok(());
    }
    for statement in [
        "DELETE FROM citation WHERE topic_id = $1",
        "DELETE FROM quotation WHERE topic_id = $1",
        "DELETE FROM source WHERE topic_id = $1",
        "DELETE FROM scenario WHERE topic_id = $1",
        "DELETE FROM background_fact WHERE topic_id = $1",
        "DELETE FROM antecedent_variant WHERE topic_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [row.id.into()])).await?;
    }
    let scenarios = TopicToInsert::new(content, row.author_id, row.updated_at).scenarios;
    let inserted = insert_parts(app, tx, row.id, content, &scenarios).await?;
    set_primary_variant(tx, row, content, &inserted.variants).await
}

/// Gives the topic of a proposal, which was locked, the next version of its set of scenarios: one that vectors of
/// the version before can be compared with, or one from which they are stated anew.
///
/// # Errors
/// The database is away.
pub async fn next_scenario_set(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideProposal<'_>>,
    comparable: bool,
) -> Result<i32> {
    let topic = permit.act().topic;
    let version = topic.scenario_set_version + 1;
    let comparable_since = if comparable { topic.comparable_since } else { version };
    let statement =
        "UPDATE topic SET scenario_set_version = $2, comparable_since = $3, version = version + 1,
                            revision = revision + 1, updated_at = $4
                     WHERE id = $1";
    let values = [topic.id.into(), version.into(), comparable_since.into(), app.now().into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(version)
}

/// Counts a new post in its topic, and moves the topic in the lists. Takes the lock on the topic's
/// activity, which every new post takes first.
///
/// # Errors
/// The database is away.
pub async fn note_post(
    app: &App,
    tx: &Tx,
    topic_id: TopicId,
    author: Option<AccountId>,
    at: Time,
) -> Result<()> {
    let joined = match author {
        None => 0,
        Some(author) => tx
            .conn()
            .execute_raw(sql(
                "INSERT INTO topic_participant (topic_id, account_id) VALUES ($1, $2)
                 ON CONFLICT ON CONSTRAINT topic_participant_pkey DO NOTHING",
                [topic_id.into(), author.into()],
            ))
            .await?
            .rows_affected(),
    };
    let joined = i32::from(joined > 0);
    let counted = i32::from(author.is_some());
    let activity: Option<Activity> = one(
        tx.conn(),
        sql(
            "UPDATE topic_activity
             SET post_count = post_count + $2, participant_count = participant_count + $3,
                 last_activity_at = greatest(last_activity_at, $4)
             WHERE topic_id = $1 RETURNING participant_count, last_activity_at",
            [topic_id.into(), counted.into(), joined.into(), at.into()],
        ),
    )
    .await?;
    if let Some(activity) = activity {
        ranking::update_topic(tx, topic_id, activity.last_activity_at, activity.participant_count, app.now())
            .await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Activity {
    participant_count: i32,
    last_activity_at: Time,
}

/// Removes the drafts of an account that is being erased, which nobody else has seen or built on.
///
/// # Errors
/// The database is away.
pub async fn erase_drafts(tx: &Tx, permit: &Permit<EraseAccount<'_>>) -> Result<()> {
    let drafts = topic::Entity::find()
        .filter(topic::Column::AuthorId.eq(permit.act().0.id))
        .filter(topic::Column::Status.eq(TopicStatus::Draft))
        .lock_exclusive()
        .all(tx.conn())
        .await?;
    for draft in drafts {
        // First what leans on others of its parts.
        for statement in [
            "DELETE FROM citation WHERE topic_id = $1",
            "DELETE FROM quotation WHERE topic_id = $1",
            "DELETE FROM source WHERE topic_id = $1",
        ] {
            tx.conn().execute_raw(sql(statement, [draft.id.into()])).await?;
        }
        topic::Entity::delete_by_id(draft.id).exec(tx.conn()).await?;
        if let Some(event) = draft.event_id {
            let statement = "DELETE FROM historical_event e
                             WHERE e.id = $1 AND NOT EXISTS (SELECT FROM topic t WHERE t.event_id = e.id)";
            tx.conn().execute_raw(sql(statement, [event.into()])).await?;
        }
    }
    Ok(())
}

/// Takes the lock under which posts are added to a topic.
///
/// # Errors
/// The database is away.
pub async fn lock_activity(tx: &Tx, topic_id: TopicId) -> Result<()> {
    tx.conn()
        .execute_raw(sql("SELECT FROM topic_activity WHERE topic_id = $1 FOR UPDATE", [topic_id.into()]))
        .await?;
    Ok(())
}

/// Counts so many posts more, or less, that are shown.
///
/// # Errors
/// The database is away.
pub async fn note_shown_posts(tx: &Tx, topic_id: TopicId, difference: i32) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "UPDATE topic_activity SET post_count = post_count + $2 WHERE topic_id = $1",
            [topic_id.into(), difference.into()],
        ))
        .await?;
    Ok(())
}
