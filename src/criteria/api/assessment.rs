//! How a topic stands up to the criteria, on the wire.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::reference_classes::ReferenceClassView;
use super::{Cotenability, KindDisputes, OwnFlag};
use crate::app::App;
use crate::changes::About;
use crate::criteria::rules::{
    ByCriterion, Contemporary, Count, Lag, Median, Rating, Ratings, Remoteness, is_assumed,
    remoteness_of_chain, rewrite_count, rewrite_lead_days, share,
};
use crate::criteria::store::{self, Own};
use crate::db::ConnectionTrait;
use crate::entity::{background_fact, chain_step, topic};
use crate::error::Result;
use crate::http::{Answer, Cache, Path, shared};
use crate::ids::{BackgroundFactId, ChainStepId, ScenarioId, TopicId, VariantId};
use crate::policy::Actor;
use crate::scenarios::StoredScenario;
use crate::sources::OwnedCitation;
use crate::topics::rules::VariantStepKind;
use crate::topics::{self, StoredTopic, StoredVariant};

/// How a topic stands up to the criteria by which counterfactuals are judged. There is no score of it all: the
/// criteria trade off.
#[derive(Debug, Serialize, ToSchema)]
struct Assessment {
    topic_id: TopicId,
    proximity: Proximity,
    variants: Vec<VariantAssessment>,
    /// Those in force.
    scenarios: Vec<ScenarioAssessment>,
    background_facts: Vec<BackgroundFactAssessment>,
}

/// How far the horizon is from the divergence.
#[derive(Debug, Serialize, ToSchema)]
struct Proximity {
    /// The time between them, by the last days that the dates may mean; null while a draft lacks one.
    lag: Option<Lag>,
    /// `long_lag` where it is more than 25 years.
    warnings: Vec<Remoteness>,
}

/// How a variant of the antecedent stands up to the criteria.
#[derive(Debug, Serialize, ToSchema)]
struct VariantAssessment {
    id: VariantId,
    /// For each criterion the median of all ratings, and how many there are.
    ratings: ByCriterion<Median>,
    /// How many facts it changes: the antecedent, and what else must change.
    rewrite_count: usize,
    /// How many days before the divergence the earliest of the further changes is, by the first days that the
    /// dates may mean; negative if it is after, null without any.
    rewrite_lead_days: Option<i32>,
    /// Whether it cites people of the time who considered it.
    contemporary: Contemporary,
    kind_disputes: KindDisputes,
    /// What the reader judges; there when the reader is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<OwnVariant>,
}

/// What the reader judges of a variant.
#[derive(Debug, Serialize, ToSchema)]
struct OwnVariant {
    ratings: ByCriterion<Option<Rating>>,
    /// Whether they dispute its kind; null where they did not say.
    disputes: Option<bool>,
}

/// How a scenario stands up to the criteria.
#[derive(Debug, Serialize, ToSchema)]
struct ScenarioAssessment {
    id: ScenarioId,
    /// For each criterion the median of all ratings, and how many there are.
    ratings: ByCriterion<Median>,
    /// How many steps its chain has.
    step_count: usize,
    /// Which part of the steps have a general rule and a citation, 0 to 1, rounded to ten-thousandths; null
    /// without any step.
    cited_rule_share: Option<f64>,
    /// `many_steps` where there are more than 6.
    warnings: Vec<Remoteness>,
    chain_steps: Vec<ChainStepAssessment>,
    reference_classes: Vec<ReferenceClassView>,
    /// What the reader judges; there when the reader is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<OwnScenario>,
}

/// What the reader judges of a scenario.
#[derive(Debug, Serialize, ToSchema)]
struct OwnScenario {
    ratings: ByCriterion<Option<Rating>>,
}

/// How a step stands up to the criteria.
#[derive(Debug, Serialize, ToSchema)]
struct ChainStepAssessment {
    id: ChainStepId,
    step_no: i16,
    cotenability: Cotenability,
    /// Whether it gives a general rule, and a citation.
    has_cited_rule: bool,
    /// What the reader judges; there when the reader is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<OwnFlag>,
}

/// How a fact stands up to the criteria.
#[derive(Debug, Serialize, ToSchema)]
struct BackgroundFactAssessment {
    id: BackgroundFactId,
    cotenability: Cotenability,
    /// Whether it is held though it is dated after the divergence, by the last days that the dates may mean.
    assumed: bool,
    /// What the reader judges; there when the reader is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<OwnFlag>,
}

/// What many people judged in a topic, and the reader.
struct Judgements {
    medians: HashMap<Uuid, ByCriterion<Median>>,
    clashes: HashMap<Uuid, Count>,
    disputes: HashMap<Uuid, Count>,
    classes: Vec<ReferenceClassView>,
    /// None where nobody is signed in.
    own: Option<Own>,
}

impl Judgements {
    async fn read(db: &impl ConnectionTrait, actor: &Actor, stored: &StoredTopic) -> Result<Self> {
        let id = stored.topic.id;
        let variants: Vec<Uuid> = stored.variants.iter().map(|stored| stored.variant.id.0).collect();
        let scenarios = live(stored).map(|stored| stored.scenario.id.0);
        let rated = variants.iter().copied().chain(scenarios).collect();
        let steps = live(stored).flat_map(|stored| &stored.steps).map(|step| step.id.0);
        let facts = stored.background_facts.iter().map(|fact| fact.id.0);
        let own = match actor.id() {
            Some(reader) => Some(store::own(db, id, reader).await?),
            None => None,
        };
        let classes = store::read_classes(db, id).await?;
        Ok(Self {
            medians: store::medians(db, id, rated).await?,
            clashes: store::clashes(db, id, steps.chain(facts).collect()).await?,
            disputes: store::kind_disputes(db, id, variants).await?,
            classes: classes.into_iter().map(ReferenceClassView::from).collect(),
            own,
        })
    }

    fn medians(&self, of: Uuid) -> ByCriterion<Median> {
        self.medians.get(&of).copied().unwrap_or_default()
    }

    fn cotenability(&self, of: Uuid) -> Cotenability {
        self.clashes.get(&of).copied().unwrap_or_default().into()
    }

    fn own_flag(&self, of: Uuid) -> Option<OwnFlag> {
        self.own.as_ref().map(|own| OwnFlag { clashes: own.clashes.get(&of).copied() })
    }

    fn own_ratings(&self, of: Uuid) -> Option<Ratings> {
        self.own.as_ref().map(|own| own.ratings.get(&of).copied().unwrap_or_default())
    }

    fn variant(&self, stored: &StoredTopic, variant: &StoredVariant) -> VariantAssessment {
        let id = variant.variant.id;
        let changes = || variant.steps_of(VariantStepKind::FurtherChange).map(|change| &change.date);
        let divergence = stored.topic.point_of_divergence.as_ref();
        let cites = cites(stored, |citation| citation.variant_id == Some(id));
        let mine = self
            .own_ratings(id.0)
            .zip(self.own.as_ref())
            .map(|(ratings, own)| OwnVariant { ratings, disputes: own.disputes.get(&id.0).copied() });
        VariantAssessment {
            id,
            ratings: self.medians(id.0),
            rewrite_count: rewrite_count(changes().count()),
            rewrite_lead_days: divergence.and_then(|divergence| rewrite_lead_days(divergence, changes())),
            contemporary: if cites { Contemporary::Shown } else { Contemporary::NotShown },
            kind_disputes: self.disputes.get(&id.0).copied().unwrap_or_default().into(),
            mine,
        }
    }

    fn chain_step(&self, stored: &StoredTopic, step: &chain_step::Model) -> ChainStepAssessment {
        let cites = cites(stored, |citation| citation.chain_step_id == Some(step.id));
        ChainStepAssessment {
            id: step.id,
            step_no: step.step_no,
            cotenability: self.cotenability(step.id.0),
            has_cited_rule: step.generalisation.is_some() && cites,
            mine: self.own_flag(step.id.0),
        }
    }

    fn scenario(&mut self, stored: &StoredTopic, scenario: &StoredScenario) -> ScenarioAssessment {
        let id = scenario.scenario.id;
        let chain_steps: Vec<_> = scenario.steps.iter().map(|step| self.chain_step(stored, step)).collect();
        let cited = chain_steps.iter().filter(|step| step.has_cited_rule).count();
        let count = |steps: usize| i64::try_from(steps).unwrap_or(i64::MAX);
        ScenarioAssessment {
            id,
            ratings: self.medians(id.0),
            step_count: chain_steps.len(),
            cited_rule_share: share(count(cited), count(chain_steps.len())),
            warnings: remoteness_of_chain(chain_steps.len()).into_iter().collect(),
            chain_steps,
            reference_classes: self.classes.extract_if(.., |class| class.scenario_id() == id).collect(),
            mine: self.own_ratings(id.0).map(|ratings| OwnScenario { ratings }),
        }
    }

    fn background_fact(
        &self,
        topic: &topic::Model,
        fact: &background_fact::Model,
    ) -> BackgroundFactAssessment {
        BackgroundFactAssessment {
            id: fact.id,
            cotenability: self.cotenability(fact.id.0),
            assumed: is_assumed(fact.held, fact.date.as_ref(), topic.point_of_divergence.as_ref()),
            mine: self.own_flag(fact.id.0),
        }
    }
}

/// The scenarios of a topic that are in force.
fn live(stored: &StoredTopic) -> impl Iterator<Item = &StoredScenario> {
    stored.scenarios.iter().filter(|stored| stored.scenario.retired_in_version.is_none())
}

/// Whether a part of a topic has a citation.
fn cites(stored: &StoredTopic, owned: impl Fn(&OwnedCitation) -> bool) -> bool {
    stored.bibliography.citations.iter().any(owned)
}

impl Assessment {
    fn of(stored: &StoredTopic, mut judgements: Judgements) -> Self {
        let topic = &stored.topic;
        let dates = topic.point_of_divergence.as_ref().zip(topic.horizon.as_ref());
        let lag = dates.map(|(divergence, horizon)| Lag::between(divergence, horizon));
        let variants = stored.variants.iter().map(|variant| judgements.variant(stored, variant)).collect();
        let facts = stored.background_facts.iter();
        let background_facts = facts.map(|fact| judgements.background_fact(topic, fact)).collect();
        Self {
            topic_id: topic.id,
            proximity: Proximity { warnings: lag.iter().filter_map(Lag::remoteness).collect(), lag },
            variants,
            scenarios: live(stored).map(|scenario| judgements.scenario(stored, scenario)).collect(),
            background_facts,
        }
    }
}

/// Read how a topic stands up to the criteria
///
/// What people make of its variants, scenarios, steps and facts, and what follows from the question itself.
#[utoipa::path(get, path = "/topics/{topic}/assessment", tag = "criteria", params(("topic" = String, Path, description = "Slug or identifier")), responses((status = 200, body = Assessment)), security((), ("bearer" = [])))]
async fn read_assessment(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let snapshot = app.snapshot().await?;
        let topic = topics::find(&snapshot, &actor, &name).await?;
        let about = About::Topic(topic.id);
        let stored = topics::read(&snapshot, topic, false).await?;
        let judgements = Judgements::read(&snapshot, &actor, &stored).await?;
        Ok((Answer::ok(&Assessment::of(&stored, judgements), Cache::for_reader(&actor))?, about))
    })
    .await
}

/// The path of the assessment.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_assessment))
}
