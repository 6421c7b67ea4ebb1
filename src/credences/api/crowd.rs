//! What a crowd thinks, on the wire.

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::changes::About;
use crate::clock::Timestamp;
use crate::credences::rules::crowd::Summary;
use crate::credences::rules::pool;
use crate::credences::store::{self, Crowd, Shown};
use crate::entity::topic;
use crate::error::{Code, Error, Result};
use crate::http::{Answer, Cache, Path, Query, shared};
use crate::ids::{ScenarioId, TopicId};
use crate::policy::Actor;
use crate::topics;

/// What a crowd thinks of a topic.
#[derive(Debug, Serialize, ToSchema)]
struct CrowdView {
    topic_id: TopicId,
    /// The version of the set of scenarios.
    scenario_set_version: i32,
    people: People,
    /// What they think together; null where there never were five people to ask.
    pool: Option<PoolView>,
    /// Where people with a fresh vector are fewer than five: what they gave each scenario, the smallest first. Else
    /// empty.
    dots: Vec<Dots>,
}

/// How many people stated credences.
#[derive(Debug, Serialize, ToSchema)]
struct People {
    /// Their last vector covers the present scenarios.
    fresh: u64,
    /// It does not, since a scenario was added or split meanwhile; nothing is filled in for them.
    stale: u64,
}

/// Credences that are pooled.
#[derive(Debug, Serialize, ToSchema)]
struct PoolView {
    /// Of which version of the set of scenarios.
    scenario_set_version: i32,
    /// The first version whose vectors are pooled: what was merged since then is added up.
    comparable_since: i32,
    /// Whether it is the pool of a former set, since too few people have spoken of the present one.
    stale: bool,
    /// By which method the headline pool is made, and what is summed up by outcome.
    method: &'static str,
    /// What a credence counts as at least in the geometric pool, in basis points.
    floor: BasisPoints,
    /// The time of what is shown.
    as_of: Timestamp,
    #[serde(flatten)]
    summary: Summary,
}

/// What a few people gave one scenario.
#[derive(Debug, Serialize, ToSchema)]
struct Dots {
    scenario_id: ScenarioId,
    /// In basis points.
    bp: Vec<BasisPoints>,
}

impl CrowdView {
    fn of(topic: &topic::Model, crowd: Crowd, scenario_set_version: i32) -> Result<Self> {
        let Crowd { fresh, stale, shown, dots } = crowd;
        let floor = BasisPoints::try_from(pool::FLOOR_BP).map_err(Error::internal)?;
        let pool = |Shown { version, since, summary, at, is_former }| PoolView {
            scenario_set_version: version,
            comparable_since: since,
            stale: is_former,
            method: "median",
            floor,
            as_of: at.into(),
            summary,
        };
        Ok(Self {
            topic_id: topic.id,
            scenario_set_version,
            people: People { fresh, stale },
            pool: shown.map(pool),
            dots: dots.into_iter().map(|(scenario_id, bp)| Dots { scenario_id, bp }).collect(),
        })
    }
}

/// What the crowd is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CrowdQuery {
    /// A moment of the past, to see what the crowd thought then.
    as_of: Option<Timestamp>,
}

/// Read what the crowd thinks
///
/// For whoever stated credences of their own in the topic, at any time; for guests where the topic says so. The rest is
/// asked to think first, for nobody can forget a number that they have seen (Fischhoff, 1975).
#[utoipa::path(get, path = "/topics/{topic}/credences", tag = "credences", params(("topic" = String, Path, description = "Slug or identifier"), CrowdQuery), responses((status = 200, body = CrowdView)), security((), ("bearer" = [])))]
async fn read_crowd(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<CrowdQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let topic = topics::find(&app.db, &actor, &name).await?;
        require_own_credences(&app, &actor, &topic).await?;
        let snapshot = app.snapshot().await?;
        // As it is in the snapshot: scenarios may have been merged since.
        let topic = topics::find(&snapshot, &actor, &name).await?;
        let (crowd, version) = match query.as_of.map(Into::into) {
            Some(moment) if moment > app.now() => {
                return Err(Error::field("as_of", "in_the_future", "Nobody knows what people will think."));
            }
            Some(moment) => store::crowd_as_of(&snapshot, &topic, moment).await?,
            None => (store::crowd(&app, &snapshot, &topic).await?, topic.scenario_set_version),
        };
        let view = CrowdView::of(&topic, crowd, version)?;
        Ok((Answer::ok(&view, Cache::for_reader(&actor))?, About::Topic(topic.id)))
    })
    .await
}

/// Withholds what the crowd thinks from those who have not said what they think (I13).
async fn require_own_credences(app: &App, actor: &Actor, topic: &topic::Model) -> Result<()> {
    let (may_see, detail) = match actor.id() {
        None => (
            topic.crowd_shown_to_guests,
            "In this topic it is shown to those who stated credences of their own.",
        ),
        Some(id) => (
            store::show_to(app, topic.id, id).await?,
            "PUT /topics/{topic}/credences/mine says what you think; then you see what the others do.",
        ),
    };
    if may_see { Ok(()) } else { Err(Code::CrowdWithheld.error(detail)) }
}

/// The paths about what crowds think.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_crowd))
}
