//! Proposals, implications and reference classes as a file has them.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::Parts;
use crate::criteria::rules::{Cases, CasesWithOutcome};
use crate::entity::{implication, implication_scenario, reference_class, scenario_proposal};
use crate::error::{Error, Result};
use crate::exchange::format::{
    ChangeRecord, ImplicationRecord, MergeRecord, ProposalRecord, ProposedRecord, ReferenceClassRecord,
};
use crate::ids::{AccountId, ImplicationId, ScenarioId, TopicId};
use crate::invalid::Invalid;
use crate::scenario_sets::rules::{Change, MergeInto};
use crate::scenarios::rules::ProposedScenario;
use crate::sources::rules::Key;

/// What belongs to a debate besides its thread, each in the order of time.
pub(super) struct Named {
    pub(super) proposals: Vec<scenario_proposal::Model>,
    pub(super) implications: Vec<implication::Model>,
    bears_on: HashMap<ImplicationId, Vec<ScenarioId>>,
    classes: Vec<reference_class::Model>,
}

impl Named {
    pub(super) async fn read(db: &impl ConnectionTrait, id: TopicId) -> Result<Self> {
        let mut proposals = scenario_proposal::Entity::find()
            .filter(scenario_proposal::Column::TopicId.eq(id))
            .all(db)
            .await?;
        proposals.sort_by_key(|row| (row.created_at, row.id));
        let mut implications =
            implication::Entity::find().filter(implication::Column::TopicId.eq(id)).all(db).await?;
        implications.sort_by_key(|row| (row.created_at, row.id));
        let rows = implication_scenario::Entity::find()
            .filter(implication_scenario::Column::TopicId.eq(id))
            .all(db)
            .await?;
        let mut bears_on: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            bears_on.entry(row.implication_id).or_default().push(row.scenario_id);
        }
        let mut classes =
            reference_class::Entity::find().filter(reference_class::Column::TopicId.eq(id)).all(db).await?;
        classes.sort_by_key(|row| (row.created_at, row.id));
        Ok(Self { proposals, implications, bears_on, classes })
    }

    /// Who is named.
    pub(super) fn people(&self) -> impl Iterator<Item = AccountId> {
        let proposals = self.proposals.iter().flat_map(|row| [Some(row.proposer_id), row.decided_by]);
        let implications = self.implications.iter().flat_map(|row| [Some(row.author_id), row.resolved_by]);
        let classes = self.classes.iter().map(|row| Some(row.author_id));
        proposals.chain(implications).chain(classes).flatten()
    }

    /// The keys of the implications.
    pub(super) fn implication_keys(&self) -> HashMap<ImplicationId, Key> {
        let keyed = (1..).zip(&self.implications);
        keyed.map(|(number, row)| (row.id, Key::numbered("implication", number))).collect()
    }
}

impl Parts<'_> {
    pub(super) fn proposals(&self, named: &Named) -> Result<Vec<ProposalRecord>> {
        let record = |row: &scenario_proposal::Model| {
            let change = serde_json::from_value(row.change.clone()).map_err(Error::internal)?;
            let decision_reason = row.decision_reason.clone();
            Ok(ProposalRecord {
                proposer: self.username(row.proposer_id)?,
                change: self.change(change)?,
                reason: row.reason.clone().try_into().map_err(Error::internal)?,
                status: row.status,
                decided_by: row.decided_by.map(|id| self.username(id)).transpose()?,
                decided_at: row.decided_at.map(Into::into),
                decision_reason: decision_reason
                    .map(|reason| reason.try_into().map_err(Error::internal))
                    .transpose()?,
                accepted_in_version: row.accepted_in_version,
                created_at: row.created_at.into(),
            })
        };
        named.proposals.iter().map(record).collect()
    }

    fn change(&self, change: Change) -> Result<ChangeRecord> {
        Ok(match change {
            Change::Add { scenario } => ChangeRecord::Add { scenario: self.proposed(scenario)? },
            Change::Retire { scenario_id } => {
                ChangeRecord::Retire { scenario_key: self.scenario_key(scenario_id)? }
            }
            Change::Merge { scenario_ids, into } => ChangeRecord::Merge {
                scenario_keys: scenario_ids
                    .into_iter()
                    .map(|id| self.scenario_key(id))
                    .collect::<Result<_>>()?,
                into: match into {
                    MergeInto::ScenarioId(id) => MergeRecord::ScenarioKey(self.scenario_key(id)?),
                    MergeInto::Scenario(new) => MergeRecord::Scenario(self.proposed(new)?),
                },
            },
            Change::Split { scenario_id, into } => ChangeRecord::Split {
                scenario_key: self.scenario_key(scenario_id)?,
                into: into.into_iter().map(|new| self.proposed(new)).collect::<Result<_>>()?,
            },
        })
    }

    fn proposed(&self, new: ProposedScenario) -> Result<ProposedRecord> {
        let ProposedScenario { label, statement, outcome_vs_actual, parent_scenario_id, chain_steps } = new;
        let parent = parent_scenario_id.map(|id| self.scenario_key(id)).transpose()?;
        Ok(ProposedRecord { label, statement, outcome_vs_actual, parent, chain_steps })
    }

    pub(super) fn implications(&self, named: &Named) -> Result<Vec<ImplicationRecord>> {
        let record = |(number, row): (usize, &implication::Model)| {
            let mut bears_on = named.bears_on.get(&row.id).cloned().unwrap_or_default();
            bears_on.sort_by_key(|id| self.place(*id));
            Ok(ImplicationRecord {
                key: Key::numbered("implication", number),
                author: self.username(row.author_id)?,
                statement: row.statement.clone().try_into().map_err(Error::internal)?,
                bears_on: bears_on.into_iter().map(|id| self.scenario_key(id)).collect::<Result<_>>()?,
                test_kind: row.test_kind,
                resolution: row.resolution,
                resolved_by: row.resolved_by.map(|id| self.username(id)).transpose()?,
                resolved_at: row.resolved_at.map(Into::into),
                citation: self.stored.implication_citation(row.id)?,
                created_at: row.created_at.into(),
            })
        };
        (1..).zip(&named.implications).map(record).collect()
    }

    pub(super) fn reference_classes(&self, named: &Named) -> Result<Vec<ReferenceClassRecord>> {
        let invalid = |error: Invalid| Error::internal(error);
        let record = |row: &reference_class::Model| {
            let uncited = || Error::internal(anyhow::anyhow!("reference class {} has no citation", row.id));
            Ok(ReferenceClassRecord {
                scenario: self.scenario_key(row.scenario_id)?,
                author: self.username(row.author_id)?,
                description: row.description.clone().try_into().map_err(Error::internal)?,
                cases: Cases::try_from(i64::from(row.cases)).map_err(invalid)?,
                with_outcome: CasesWithOutcome::try_from(i64::from(row.with_outcome)).map_err(invalid)?,
                citation: self.stored.class_citation(row.id)?.ok_or_else(uncited)?,
                created_at: row.created_at.into(),
            })
        };
        named.classes.iter().map(record).collect()
    }
}
