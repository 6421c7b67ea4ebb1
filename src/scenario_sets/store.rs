//! Proposals to change sets of scenarios, and making the changes.

use std::collections::HashMap;

use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};

use super::rules::{Change, Decision, LiveScenario, Plan, ProposalStatus, Set, Successor, plan};
use crate::app::App;
use crate::db::{Tx, all, insert, insert_all, sql, update};
use crate::entity::{scenario, scenario_proposal, scenario_set_version, topic};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, ScenarioId, ScenarioProposalId, TopicId};
use crate::policy::{DecideProposal, Permit, ProposeScenarios, WithdrawProposal};
use crate::{credences, scenarios, topics};

/// The change that a proposal is about.
///
/// # Errors
/// The database holds what the rules refuse: a defect.
pub(super) fn change_of(proposal: &scenario_proposal::Model) -> Result<Change> {
    serde_json::from_value(proposal.change.clone()).map_err(Error::internal)
}

/// The set of scenarios of a topic, as far as changes look at it.
///
/// # Errors
/// The database is away.
async fn set_of(db: &impl ConnectionTrait, topic: &topic::Model) -> Result<Set> {
    let rows = scenario::Entity::find()
        .filter(scenario::Column::TopicId.eq(topic.id))
        .order_by_asc(scenario::Column::Position)
        .all(db)
        .await?;
    let (live, retired): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.retired_in_version.is_none());
    let scenario = |row: scenario::Model| LiveScenario {
        id: row.id,
        label: row.label,
        parent: row.parent_scenario_id,
        is_residual: row.is_residual,
    };
    Ok(Set {
        live: live.into_iter().map(scenario).collect(),
        retired: retired.into_iter().map(|row| row.id).collect(),
        outcome_occurred: topic.outcome_occurred,
    })
}

/// Proposes a change of the set of a topic, which is held as it is.
///
/// # Errors
/// 422 where the change does not fit the set.
pub(super) async fn propose(
    app: &App,
    tx: &Tx,
    permit: &Permit<ProposeScenarios<'_>>,
    change: &Change,
    reason: String,
) -> Result<scenario_proposal::Model> {
    let topic = permit.act().0;
    plan(change, &set_of(tx.conn(), topic).await?).map_err(Error::fields)?;
    let row = scenario_proposal::Model {
        id: app.ids.next(),
        topic_id: topic.id,
        proposer_id: permit.by(),
        change: serde_json::to_value(change).map_err(Error::internal)?,
        reason,
        status: ProposalStatus::Open,
        decided_by: None,
        decided_at: None,
        decision_reason: None,
        accepted_in_version: None,
        version: 1,
        created_at: app.now(),
    };
    insert(tx, row.clone()).await?;
    Ok(row)
}

/// Finds a proposal.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    id: ScenarioProposalId,
) -> Result<scenario_proposal::Model> {
    scenario_proposal::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds a proposal and keeps others from deciding it until the transaction ends.
///
/// # Errors
/// As [`find`].
pub(super) async fn find_for_update(tx: &Tx, id: ScenarioProposalId) -> Result<scenario_proposal::Model> {
    let found = scenario_proposal::Entity::find_by_id(id).lock(LockType::NoKeyUpdate);
    found.one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// The proposals to a topic, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    status: Option<ProposalStatus>,
    before: Option<ScenarioProposalId>,
    limit: Limit,
) -> Result<Vec<scenario_proposal::Model>> {
    let mut rows = scenario_proposal::Entity::find()
        .filter(scenario_proposal::Column::TopicId.eq(topic_id))
        .filter(scenario_proposal::Column::Id.lt(before.unwrap_or(ScenarioProposalId(uuid::Uuid::max()))))
        .order_by_desc(scenario_proposal::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    if let Some(status) = status {
        rows = rows.filter(scenario_proposal::Column::Status.eq(status));
    }
    Ok(rows.all(db).await?)
}

/// Decides a proposal; one that is accepted is done. The topic and the proposal were locked.
///
/// # Errors
/// 409 where the change does not fit the set any more.
pub(super) async fn decide(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideProposal<'_>>,
    decision: Decision,
    reason: String,
) -> Result<scenario_proposal::Model> {
    let mut row = permit.act().proposal.clone();
    (row.status, row.accepted_in_version) = match decision {
        Decision::Accept => (ProposalStatus::Accepted, Some(accept(app, tx, permit).await?)),
        Decision::Reject => (ProposalStatus::Rejected, None),
    };
    row.decided_by = Some(permit.by());
    row.decided_at = Some(app.now());
    row.decision_reason = Some(reason);
    row.version += 1;
    update(tx, row.clone()).await?;
    Ok(row)
}

/// Does what a proposal is about, and gives the version of the set that this makes.
async fn accept(app: &App, tx: &Tx, permit: &Permit<DecideProposal<'_>>) -> Result<i32> {
    let DecideProposal { proposal, topic, .. } = permit.act();
    let change = change_of(proposal)?;
    let plan = plan(&change, &set_of(tx.conn(), topic).await?).map_err(|wrong| {
        let wrong: Vec<String> =
            wrong.iter().map(|field| format!("{}: {}", field.field, field.detail)).collect();
        Code::ChangeDoesNotFit.error(wrong.join(" "))
    })?;
    let version = topics::next_scenario_set(app, tx, permit, plan.comparable).await?;
    apply(app, tx, topic.id, proposal.proposer_id, version, &plan).await?;
    let row = scenario_set_version::Model {
        topic_id: topic.id,
        version,
        change: change.kind(),
        comparable: plan.comparable,
        created_at: app.now(),
    };
    insert(tx, row).await?;
    if plan.comparable && plan.parent.is_none() {
        credences::recount(app, tx, topic.id).await?;
    }
    Ok(version)
}

async fn apply(
    app: &App,
    tx: &Tx,
    topic_id: TopicId,
    proposer_id: AccountId,
    version: i32,
    plan: &Plan<'_>,
) -> Result<()> {
    let added =
        scenarios::add(tx, &app.ids, topic_id, version, (proposer_id, plan.parent), &plan.added).await?;
    for (id, successor) in &plan.retired {
        let merged_into: Option<ScenarioId> = match successor {
            Successor::Known(id) => Some(*id),
            Successor::Added => added.first().copied(),
            Successor::Several => None,
        };
        scenarios::retire(tx, *id, version, merged_into).await?;
    }
    Ok(())
}

/// Takes a proposal back, which was locked.
///
/// # Errors
/// The database is away.
pub(super) async fn withdraw(
    tx: &Tx,
    permit: &Permit<WithdrawProposal<'_>>,
) -> Result<scenario_proposal::Model> {
    let mut row = permit.act().0.clone();
    row.status = ProposalStatus::Withdrawn;
    row.version += 1;
    update(tx, row.clone()).await?;
    Ok(row)
}

/// Takes over what made the versions of the set of a topic, and what was proposed to it.
///
/// # Errors
/// The database is away.
pub async fn import(
    tx: &Tx,
    _: &Permit<ProposeScenarios<'_>>,
    versions: Vec<scenario_set_version::Model>,
    proposals: Vec<scenario_proposal::Model>,
) -> Result<()> {
    insert_all(tx, versions).await?;
    insert_all(tx, proposals).await
}

#[derive(FromQueryResult)]
struct Withdrawn {
    id: ScenarioProposalId,
    topic_id: TopicId,
}

/// Takes back what somebody proposed and nobody decided, whose account is erased. What was decided stays, since sets
/// of scenarios came of it.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let statement = "UPDATE scenario_proposal SET status = 'withdrawn', version = version + 1
                     WHERE proposer_id = $1 AND status = 'open' RETURNING id, topic_id";
    let withdrawn: Vec<Withdrawn> = all(tx.conn(), sql(statement, [account_id.into()])).await?;
    for Withdrawn { id, topic_id } in withdrawn {
        let event = Event {
            kind: "scenario_proposal_withdrawn",
            topic_id: Some(topic_id),
            subject_id: Some(id.0),
            ..Event::default()
        };
        events::record(app, tx, event).await?;
    }
    Ok(())
}

/// What an account is known by to readers, for those that proposals name.
///
/// # Errors
/// The database is away.
pub(super) async fn people(
    db: &impl ConnectionTrait,
    proposals: &[scenario_proposal::Model],
) -> Result<HashMap<AccountId, crate::accounts::Author>> {
    let named = proposals.iter().flat_map(|row| [Some(row.proposer_id), row.decided_by]).flatten();
    crate::accounts::authors(db, named.collect()).await
}
