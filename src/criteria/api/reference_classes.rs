//! Reference classes on the wire.

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::Author;
use crate::app::App;
use crate::auth::rules::Scope;
use crate::changes::About;
use crate::clock::Timestamp;
use crate::criteria::rules::{Cases, CasesWithOutcome, ClassDescription, base_rate, check_cases};
use crate::criteria::store::{self, ClassToInsert, StoredClass};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::{Answer, Cache, Claimed, Create, IfMatch, Path, shared};
use crate::ids::{ReferenceClassId, ScenarioId, TopicId};
use crate::policy::{Actor, CreateReferenceClass, DeleteReferenceClass};
use crate::sources::CitationView;
use crate::sources::rules::CitationById;
use crate::topics;

/// Reference classes are not edited, so there is one version of each.
const VERSION: i32 = 1;

/// Cases to compare a scenario with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReferenceClass {
    /// The scenario that they speak to.
    scenario_id: ScenarioId,
    /// Which cases belong to the class.
    description: ClassDescription,
    /// How many there are.
    cases: Cases,
    /// How many of them ended as the scenario does.
    with_outcome: CasesWithOutcome,
    /// Where the numbers are from.
    citation: CitationById,
}

impl NewReferenceClass {
    fn check(&self) -> Result<()> {
        let wrong = [check_cases(self.cases, self.with_outcome), self.citation.check("citation")];
        let wrong: Vec<_> = wrong.into_iter().flatten().collect();
        if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
    }
}

/// Cases like a scenario, and how often they ended so.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReferenceClassView {
    id: ReferenceClassId,
    topic_id: TopicId,
    scenario_id: ScenarioId,
    author: Option<Author>,
    description: String,
    cases: i32,
    with_outcome: i32,
    /// How often such cases end so, (`with_outcome` + 0.5) / (`cases` + 1), 0 to 1, rounded to ten-thousandths.
    base_rate: f64,
    citation: CitationView,
    created_at: Timestamp,
}

impl From<StoredClass> for ReferenceClassView {
    fn from(StoredClass { class, author, citation }: StoredClass) -> Self {
        Self {
            id: class.id,
            topic_id: class.topic_id,
            scenario_id: class.scenario_id,
            author,
            base_rate: base_rate(class.cases, class.with_outcome),
            description: class.description,
            cases: class.cases,
            with_outcome: class.with_outcome,
            citation,
            created_at: class.created_at.into(),
        }
    }
}

impl ReferenceClassView {
    /// The scenario that it speaks to.
    pub(super) fn scenario_id(&self) -> ScenarioId {
        self.scenario_id
    }
}

/// Name a reference class
///
/// How often did such cases end as the scenario does? It is not edited afterwards: delete it, and name another
/// one.
#[utoipa::path(post, path = "/topics/{topic}/reference-classes", tag = "criteria", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewReferenceClass, responses((status = 201, body = ReferenceClassView)), security(("bearer" = [])))]
async fn create_reference_class(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    create: Create<NewReferenceClass>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Post)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    new.check()?;
    let topic_id = topics::find(tx.conn(), &actor, &name).await?.id;
    // In the order of whoever changes a topic. What is cited does not go meanwhile, nor does the scenario.
    topics::lock_activity(&tx, topic_id).await?;
    let topic = topics::hold(&tx, &actor, &topic_id.to_string()).await?;
    let permit = actor.may(CreateReferenceClass(&topic))?;
    let class = ClassToInsert {
        scenario_id: new.scenario_id,
        description: &new.description,
        cases: new.cases,
        with_outcome: new.with_outcome,
        citation: &new.citation,
    };
    let id = store::insert_class(&app, &tx, &permit, &class).await?;
    let event = Event {
        kind: "reference_class_created",
        topic_id: Some(topic_id),
        subject_id: Some(id.0),
        ..actor.event()
    };
    events::record(&app, &tx, event).await?;
    let view = ReferenceClassView::from(store::read_class(tx.conn(), id).await?);
    let location = format!("/api/v1/reference-classes/{id}");
    let answer = Answer::created(location, &view, Cache::Private)?.version(VERSION);
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a reference class
#[utoipa::path(get, path = "/reference-classes/{id}", tag = "criteria", params(("id" = ReferenceClassId, Path)), responses((status = 200, body = ReferenceClassView)), security((), ("bearer" = [])))]
async fn read_reference_class(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ReferenceClassId>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let snapshot = app.snapshot().await?;
        let stored = store::read_class(&snapshot, id).await?;
        let topic = topics::find(&snapshot, &actor, &stored.class.topic_id.to_string()).await?;
        let view = ReferenceClassView::from(stored);
        let answer = Answer::ok(&view, Cache::for_reader(&actor))?.version(VERSION);
        Ok((answer, About::Topic(topic.id)))
    })
    .await
}

/// Delete a reference class
///
/// For its author, and whoever may edit the topic.
#[utoipa::path(delete, path = "/reference-classes/{id}", tag = "criteria", params(("id" = ReferenceClassId, Path), ("If-Match" = String, Header)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_reference_class(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ReferenceClassId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = store::find_class(tx.conn(), id).await?.topic_id;
    topics::find(tx.conn(), &actor, &topic_id.to_string()).await?;
    topics::lock_activity(&tx, topic_id).await?;
    // Read under the lock: of two at once, one finds it.
    let class = store::find_class(tx.conn(), id).await?;
    let tags = topics::tags(tx.conn(), topic_id).await?;
    let permit = actor.may(DeleteReferenceClass { class: &class, tags: &tags })?;
    if_match.check(VERSION)?;
    store::delete_class(&tx, &permit).await?;
    let event = Event {
        kind: "reference_class_deleted",
        topic_id: Some(topic_id),
        subject_id: Some(id.0),
        ..actor.event()
    };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about reference classes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_reference_class))
        .routes(routes!(read_reference_class, delete_reference_class))
}
