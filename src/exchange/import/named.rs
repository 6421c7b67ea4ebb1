//! Taking over versions, proposals, implications and reference classes.

use super::{Import, dangling};
use crate::criteria;
use crate::entity::{implication, reference_class, scenario_proposal, scenario_set_version, topic};
use crate::error::{Error, Result};
use crate::exchange::format::{ChangeRecord, MergeRecord, ProposalRecord, ProposedRecord, VersionRecord};
use crate::ids::ScenarioId;
use crate::implications;
use crate::implications::rules::Resolution;
use crate::policy::{CreateReferenceClass, Permit, ProposeImplication, ProposeScenarios, ResolveImplication};
use crate::scenario_sets;
use crate::scenario_sets::rules::{Change, MergeInto, ProposalStatus};
use crate::scenarios::rules::ProposedScenario;
use crate::sources::rules::Key;

impl Import<'_> {
    pub(super) fn scenario(&self, key: &Key) -> Result<ScenarioId> {
        self.topic.scenarios.scenarios.get(key).copied().ok_or_else(|| dangling(key))
    }

    /// Adds what made the versions of the set, and what was proposed to it.
    pub(super) async fn insert_set(&self, topic: &topic::Model) -> Result<()> {
        let version = |record: &VersionRecord| scenario_set_version::Model {
            topic_id: topic.id,
            version: record.version,
            change: record.change,
            comparable: record.comparable,
            created_at: record.created_at.into(),
        };
        let versions = self.file.scenario_set.versions.iter().map(version).collect();
        let proposal = |record: &ProposalRecord| {
            Ok(scenario_proposal::Model {
                id: self.app.ids.next(),
                topic_id: topic.id,
                proposer_id: self.people[&record.proposer],
                change: serde_json::to_value(self.change(&record.change)?).map_err(Error::internal)?,
                reason: record.reason.to_string(),
                status: record.status,
                decided_by: record.decided_by.as_ref().map(|name| self.people[name]),
                decided_at: record.decided_at.map(Into::into),
                decision_reason: record.decision_reason.as_ref().map(ToString::to_string),
                accepted_in_version: record.accepted_in_version,
                // Of a proposal, only what comes of it changes, once.
                version: if record.status == ProposalStatus::Open { 1 } else { 2 },
                created_at: record.created_at.into(),
            })
        };
        let proposals = self.file.scenario_proposals.iter().map(proposal).collect::<Result<_>>()?;
        let permit = Permit::operator(ProposeScenarios(topic), topic.author_id);
        scenario_sets::import(self.tx, &permit, versions, proposals).await
    }

    fn change(&self, record: &ChangeRecord) -> Result<Change> {
        Ok(match record {
            ChangeRecord::Add { scenario } => Change::Add { scenario: self.proposed(scenario)? },
            ChangeRecord::Retire { scenario_key } => {
                Change::Retire { scenario_id: self.scenario(scenario_key)? }
            }
            ChangeRecord::Merge { scenario_keys, into } => Change::Merge {
                scenario_ids: scenario_keys.iter().map(|key| self.scenario(key)).collect::<Result<_>>()?,
                into: match into {
                    MergeRecord::ScenarioKey(key) => MergeInto::ScenarioId(self.scenario(key)?),
                    MergeRecord::Scenario(new) => MergeInto::Scenario(self.proposed(new)?),
                },
            },
            ChangeRecord::Split { scenario_key, into } => Change::Split {
                scenario_id: self.scenario(scenario_key)?,
                into: into.iter().map(|new| self.proposed(new)).collect::<Result<_>>()?,
            },
        })
    }

    fn proposed(&self, record: &ProposedRecord) -> Result<ProposedScenario> {
        let ProposedRecord { label, statement, outcome_vs_actual, parent, chain_steps } = record.clone();
        let parent_scenario_id = parent.map(|key| self.scenario(&key)).transpose()?;
        Ok(ProposedScenario { label, statement, outcome_vs_actual, parent_scenario_id, chain_steps })
    }

    /// Adds implications, as yet unresolved so that they can be forecast.
    pub(super) async fn insert_implications(&mut self, topic: &topic::Model) -> Result<()> {
        for record in &self.file.implications {
            let created_at = record.created_at.into();
            let row = implication::Model {
                id: self.app.ids.next(),
                topic_id: topic.id,
                author_id: self.people[&record.author],
                statement: record.statement.to_string(),
                test_kind: record.test_kind,
                resolution: Resolution::Unresolved,
                citation_id: None,
                resolved_by: None,
                resolved_at: None,
                version: 1,
                created_at,
                updated_at: created_at,
            };
            let bears_on: Vec<_> =
                record.bears_on.iter().map(|key| self.scenario(key)).collect::<Result<_>>()?;
            let permit = Permit::operator(ProposeImplication(topic), row.author_id);
            self.implications.insert(&record.key, row.clone());
            implications::import(self.tx, &permit, row, &bears_on).await?;
        }
        Ok(())
    }

    /// Adds what the record showed of implications.
    pub(super) async fn resolve_implications(&self, topic: &topic::Model) -> Result<()> {
        for record in &self.file.implications {
            let (Some(name), Some(at), Some(citation)) =
                (&record.resolved_by, record.resolved_at, &record.citation)
            else {
                continue;
            };
            let implication = self.implications.get(&record.key).ok_or_else(|| dangling(&record.key))?;
            let act = ResolveImplication { implication, topic, tags: &[] };
            let permit = Permit::operator(act, self.people[name]);
            let bibliography = &self.topic.bibliography;
            let resolution = record.resolution;
            implications::import_resolution(
                self.app,
                self.tx,
                &permit,
                resolution,
                citation,
                bibliography,
                at.into(),
            )
            .await?;
        }
        Ok(())
    }

    /// Adds reference classes.
    pub(super) async fn insert_classes(&self, topic: &topic::Model) -> Result<()> {
        for record in &self.file.reference_classes {
            let row = reference_class::Model {
                id: self.app.ids.next(),
                topic_id: topic.id,
                scenario_id: self.scenario(&record.scenario)?,
                author_id: self.people[&record.author],
                description: record.description.to_string(),
                cases: record.cases.into(),
                with_outcome: record.with_outcome.into(),
                created_at: record.created_at.into(),
            };
            let permit = Permit::operator(CreateReferenceClass(topic), row.author_id);
            let bibliography = &self.topic.bibliography;
            criteria::import_class(self.app, self.tx, &permit, row, &record.citation, bibliography).await?;
        }
        Ok(())
    }
}
