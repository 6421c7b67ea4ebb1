//! Proposals to change sets of scenarios on the wire.

use std::collections::HashMap;
use std::fmt;

use axum::extract::State;
use axum::http::Uri;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{Change, Decision, MergeInto, ProposalReason, ProposalStatus};
use super::store;
use crate::accounts::Author;
use crate::app::App;
use crate::auth::rules::Scope;
use crate::changes::About;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::entity::scenario_proposal;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, shared};
use crate::ids::{AccountId, ScenarioId, ScenarioProposalId, TopicId};
use crate::policy::{Actor, DecideProposal, ProposeScenarios, WithdrawProposal};
use crate::scenarios::rules::{MAX_SCENARIOS, ProposedScenario, SetChange};
use crate::topics;

/// A change of a set of scenarios. `add` has a `scenario`; `retire` a `scenario_id`; `merge` has `scenario_ids`, and
/// `into`, one scenario; `split` has a `scenario_id`, and `into`, a list of scenarios.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewChange {
    kind: SetChange,
    /// What is added.
    #[serde(default)]
    scenario: Option<ProposedScenario>,
    /// What is retired or split.
    #[serde(default)]
    scenario_id: Option<ScenarioId>,
    /// What is merged: two or more, or one and more into a scenario that is there.
    #[serde(default)]
    #[schema(max_items = 40)]
    scenario_ids: Option<Vec<ScenarioId>>,
    /// What takes the place of what is merged or split.
    #[serde(default)]
    into: Option<NewInto>,
}

/// One scenario, or several.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum NewInto {
    One(NewMergeInto),
    Several(Vec<ProposedScenario>),
}

/// What takes the place of merged scenarios: one that is there, or a new one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewMergeInto {
    /// One that is there.
    #[serde(default)]
    scenario_id: Option<ScenarioId>,
    /// A new one.
    #[serde(default)]
    scenario: Option<ProposedScenario>,
}

// By hand, since what is wrong in either form is to be named by its place.
impl<'de> Deserialize<'de> for NewInto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = NewInto;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object, or a list of scenarios")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<NewInto, A::Error> {
                NewMergeInto::deserialize(MapAccessDeserializer::new(fields)).map(NewInto::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<NewInto, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(NewInto::Several)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl NewChange {
    /// The change, if it has what its kind has and nothing else.
    fn read(self) -> Result<Change> {
        let several = self.scenario_ids.as_ref().map_or(0, Vec::len);
        let into = match &self.into {
            Some(NewInto::Several(list)) => list.len(),
            Some(NewInto::One(_)) | None => 0,
        };
        for (field, count) in [("change.scenario_ids", several), ("change.into", into)] {
            if count > MAX_SCENARIOS {
                return Err(Error::field(field, "too_many", format!("At most {MAX_SCENARIOS}.")));
            }
        }
        match (self.kind, self.scenario, self.scenario_id, self.scenario_ids, self.into) {
            (SetChange::Add, Some(scenario), None, None, None) => Ok(Change::Add { scenario }),
            (SetChange::Retire, None, Some(scenario_id), None, None) => Ok(Change::Retire { scenario_id }),
            (SetChange::Merge, None, None, Some(scenario_ids), Some(NewInto::One(into))) => {
                Ok(Change::Merge { scenario_ids, into: into.read()? })
            }
            (SetChange::Split, None, Some(scenario_id), None, Some(NewInto::Several(into))) => {
                Ok(Change::Split { scenario_id, into })
            }
            (kind, ..) => Err(Error::field(
                "change",
                "not_of_its_kind",
                match kind {
                    SetChange::Add => "`add` has `scenario`, and nothing else.",
                    SetChange::Retire => "`retire` has `scenario_id`, and nothing else.",
                    SetChange::Merge => "`merge` has `scenario_ids` and `into`, an object, and nothing else.",
                    SetChange::Split => "`split` has `scenario_id` and `into`, a list, and nothing else.",
                },
            )),
        }
    }
}

impl NewMergeInto {
    fn read(self) -> Result<MergeInto> {
        match (self.scenario_id, self.scenario) {
            (Some(id), None) => Ok(MergeInto::ScenarioId(id)),
            (None, Some(scenario)) => Ok(MergeInto::Scenario(scenario)),
            (Some(_), Some(_)) => {
                Err(Error::field("change.into", "ambiguous", "One that is there, or a new one."))
            }
            (None, None) => {
                Err(Error::field("change.into", "missing", "`scenario_id`, or a new `scenario`."))
            }
        }
    }
}

/// A proposal to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewScenarioProposal {
    change: NewChange,
    reason: ProposalReason,
}

/// What is said to a proposal.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewDecision {
    decision: Decision,
    reason: ProposalReason,
}

/// A proposed change of a set of scenarios.
#[derive(Debug, Serialize, ToSchema)]
struct ScenarioProposalView {
    id: ScenarioProposalId,
    topic_id: TopicId,
    proposer: Option<Author>,
    change: Change,
    reason: String,
    status: ProposalStatus,
    /// Who accepted or rejected it.
    decided_by: Option<Author>,
    decided_at: Option<Timestamp>,
    decision_reason: Option<String>,
    /// The version of the set that it made.
    accepted_in_version: Option<i32>,
    created_at: Timestamp,
}

impl ScenarioProposalView {
    fn of(row: scenario_proposal::Model, people: &HashMap<AccountId, Author>) -> Result<Self> {
        Ok(Self {
            id: row.id,
            topic_id: row.topic_id,
            proposer: people.get(&row.proposer_id).cloned(),
            change: store::change_of(&row)?,
            reason: row.reason,
            status: row.status,
            decided_by: row.decided_by.and_then(|id| people.get(&id).cloned()),
            decided_at: row.decided_at.map(Into::into),
            decision_reason: row.decision_reason,
            accepted_in_version: row.accepted_in_version,
            created_at: row.created_at.into(),
        })
    }

    async fn read(db: &impl ConnectionTrait, row: scenario_proposal::Model) -> Result<Self> {
        let people = store::people(db, std::slice::from_ref(&row)).await?;
        Self::of(row, &people)
    }
}

/// Propose a change of the scenarios
///
/// For the topic's author or a moderator to decide. Whoever may post may propose.
#[utoipa::path(post, path = "/topics/{topic}/scenario-proposals", tag = "scenarios", params(("topic" = String, Path, description = "Slug or identifier")), request_body = NewScenarioProposal, responses((status = 201, body = ScenarioProposalView)), security(("bearer" = [])))]
async fn propose_scenarios(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    create: Create<NewScenarioProposal>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Post)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let topic = topics::hold(&tx, &actor, &name).await?;
    let permit = actor.may(ProposeScenarios(&topic))?;
    let row = store::propose(&app, &tx, &permit, &new.change.read()?, new.reason.into()).await?;
    events::record(&app, &tx, event(&actor, "scenarios_proposed", &row)).await?;
    let location = format!("/api/v1/scenario-proposals/{}", row.id);
    let version = row.version;
    let view = ScenarioProposalView::read(tx.conn(), row).await?;
    let answer = Answer::created(location, &view, Cache::for_reader(&actor))?.version(version);
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

fn event(actor: &Actor, kind: &'static str, row: &scenario_proposal::Model) -> Event {
    Event { kind, topic_id: Some(row.topic_id), subject_id: Some(row.id.0), ..actor.event() }
}

/// What a list of proposals is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only those of which this came.
    #[param(inline)]
    status: Option<ProposalStatus>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List proposed changes of the scenarios
///
/// The last first.
#[utoipa::path(get, path = "/topics/{topic}/scenario-proposals", tag = "scenarios", params(("topic" = String, Path, description = "Slug or identifier"), ListQuery), responses((status = 200, body = Page<ScenarioProposalView>)), security((), ("bearer" = [])))]
async fn list_scenario_proposals(
    State(app): State<App>,
    actor: Actor,
    Path(name): Path<String>,
    Query(query): Query<ListQuery>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let topic = topics::find(&app.db, &actor, &name).await?;
        let status = query.status.map_or("any".to_owned(), |status| format!("{status:?}"));
        let list = format!("scenario-proposals/{}/{status}", topic.id);
        let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
        let rows = store::list(&app.db, topic.id, query.status, before, query.limit).await?;
        let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
        let people = store::people(&app.db, &page.items).await?;
        let items: Result<Vec<_>> =
            page.items.into_iter().map(|row| ScenarioProposalView::of(row, &people)).collect();
        let page = Page { items: items?, next: page.next };
        Ok((Answer::ok(&page, Cache::for_reader(&actor))?, About::Topic(topic.id)))
    })
    .await
}

/// Read a proposed change of the scenarios
#[utoipa::path(get, path = "/scenario-proposals/{id}", tag = "scenarios", params(("id" = ScenarioProposalId, Path)), responses((status = 200, body = ScenarioProposalView)), security((), ("bearer" = [])))]
async fn read_scenario_proposal(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioProposalId>,
    uri: Uri,
) -> Result<Answer> {
    shared(app, actor, &uri, async move |app, actor| {
        let row = store::find(&app.db, id).await?;
        let topic = topics::find(&app.db, &actor, &row.topic_id.to_string()).await?;
        Ok((answer(&actor, &app.db, row).await?, About::Topic(topic.id)))
    })
    .await
}

async fn answer(actor: &Actor, db: &impl ConnectionTrait, row: scenario_proposal::Model) -> Result<Answer> {
    let version = row.version;
    let view = ScenarioProposalView::read(db, row).await?;
    Ok(Answer::ok(&view, Cache::for_reader(actor))?.version(version))
}

/// Decide a proposed change of the scenarios
///
/// What is accepted is done at once and makes a new version of the set. A change that does not fit the set any more is
/// not done, and can be rejected.
#[utoipa::path(put, path = "/scenario-proposals/{id}/decision", tag = "scenarios", params(("id" = ScenarioProposalId, Path), ("If-Match" = String, Header)), request_body = NewDecision, responses((status = 200, body = ScenarioProposalView)), security(("bearer" = [])))]
async fn decide_scenario_proposal(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioProposalId>,
    if_match: IfMatch,
    Body(new): Body<NewDecision>,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let topic_id = store::find(tx.conn(), id).await?.topic_id;
    // In the order in which everybody takes them. Whoever states credences holds the topic, so a vector is of the
    // set before or of the one after.
    topics::lock_activity(&tx, topic_id).await?;
    let topic = topics::find_for_update(&tx, &actor, topic_id).await?;
    let proposal = store::find_for_update(&tx, id).await?;
    let tags = topics::tags(tx.conn(), topic_id).await?;
    let permit = actor.may(DecideProposal { proposal: &proposal, topic: &topic, tags: &tags })?;
    if_match.check(proposal.version)?;
    let row = store::decide(&app, &tx, &permit, new.decision, new.reason.into()).await?;
    let kind = match row.status {
        ProposalStatus::Accepted => "scenario_set_changed",
        _ => "scenario_proposal_rejected",
    };
    events::record(&app, &tx, event(&actor, kind, &row)).await?;
    let answer = answer(&actor, tx.conn(), row).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Take a proposed change of the scenarios back
///
/// As long as nobody decided it. It stays to be read.
#[utoipa::path(delete, path = "/scenario-proposals/{id}", tag = "scenarios", params(("id" = ScenarioProposalId, Path), ("If-Match" = String, Header)), responses((status = 200, body = ScenarioProposalView)), security(("bearer" = [])))]
async fn withdraw_scenario_proposal(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ScenarioProposalId>,
    if_match: IfMatch,
) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let proposal = store::find_for_update(&tx, id).await?;
    let permit = actor.may(WithdrawProposal(&proposal))?;
    if_match.check(proposal.version)?;
    let row = store::withdraw(&tx, &permit).await?;
    events::record(&app, &tx, event(&actor, "scenario_proposal_withdrawn", &row)).await?;
    let answer = answer(&actor, tx.conn(), row).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Every path about changes of sets of scenarios.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_scenario_proposals, propose_scenarios))
        .routes(routes!(read_scenario_proposal, withdraw_scenario_proposal))
        .routes(routes!(decide_scenario_proposal))
}
