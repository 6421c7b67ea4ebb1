//! Taking over what people said: each pseudonym becomes an account that nobody can sign in to.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Import, dangling};
use crate::accounts::rules::{AccountKind, Role, Username};
use crate::accounts::{self, NewAccount};
use crate::clock::{Time, Timestamp};
use crate::credences::{self, Said};
use crate::criteria::{self, Judged};
use crate::entity::{
    account, checkpoint_credence, credence, credence_part, forecast, inevitability, kind_dispute,
    meta_prediction, meta_prediction_part, mind_change, outcome_likelihood, step_credence, topic,
};
use crate::error::{Error, Result};
use crate::exchange::check::{around, by_person, moved};
use crate::exchange::format::{PartRecord, TargetRecord};
use crate::ids::{
    AccountId, BackgroundFactId, ChainStepId, CredenceId, ForecastId, MindChangeId, ScenarioId, VariantId,
};
use crate::implications;
use crate::mind_changes;
use crate::policy::{
    CreditPost, JudgeByCriteria, Permit, ProposeImplication, StateCredences, StateOutcomeLikelihood,
};
use crate::posts;
use crate::posts::rules::TargetKind;
use crate::sources::rules::Key;

/// Who the pseudonyms of a file became, and which vectors each has, in order.
struct Persons<'a> {
    ids: HashMap<&'a Key, AccountId>,
    vectors: HashMap<&'a Key, Vec<CredenceId>>,
}

impl Persons<'_> {
    fn id(&self, key: &Key) -> Result<AccountId> {
        self.ids.get(key).copied().ok_or_else(|| dangling(key))
    }
}

impl<'a> Import<'a> {
    /// Adds everything that people said, and counts it.
    pub(super) async fn insert_said(&self, topic: &topic::Model) -> Result<()> {
        let mut persons = Persons { ids: self.insert_persons().await?, vectors: HashMap::new() };
        if persons.ids.is_empty() {
            return Ok(());
        }
        self.insert_credences(topic, &mut persons).await?;
        self.insert_mind_changes(topic, &persons).await?;
        self.insert_forecasts(topic, &persons).await?;
        self.insert_judgements(topic, &persons).await?;
        // What came last is part of what the crowd thinks too.
        credences::crowd_changed(self.app, self.tx, topic).await
    }

    /// Makes accounts of pseudonyms. An export numbers people by the time of their first vector and then by their
    /// identifiers: so these are made in that order.
    async fn insert_persons(&self) -> Result<HashMap<&'a Key, AccountId>> {
        let mut first: HashMap<&Key, Option<Timestamp>> =
            self.file.pseudonyms().map(|person| (person, None)).collect();
        for record in &self.file.credences {
            first.entry(&record.person).or_default().get_or_insert(record.created_at);
        }
        let mut order: Vec<_> = first.into_iter().collect();
        order.sort_by_key(|(key, first)| (first.is_none(), *first, key.as_str().len(), *key));
        let mut ids = HashMap::new();
        for (key, _) in order {
            let (id, username) = self.free_name().await?;
            let new = NewAccount {
                id,
                username,
                kind: AccountKind::Imported,
                email: None,
                password_hash: None,
                display_name: None,
                role: Role::Member,
            };
            accounts::insert(self.app, self.tx, new, self.now).await?;
            ids.insert(key, id);
        }
        Ok(ids)
    }

    /// An identifier, and a name made of it that nobody has and that says nothing.
    async fn free_name(&self) -> Result<(AccountId, Username)> {
        loop {
            let id: AccountId = self.app.ids.next();
            // The last digits are random, the first ones a time.
            let digits = id.0.simple().to_string();
            let name = format!("participant-{}", &digits[digits.len() - 12..]);
            let username = Username::try_from(name).map_err(Error::internal)?;
            let known = account::Entity::find()
                .filter(account::Column::UsernameSkeleton.eq(username.skeleton()))
                .one(self.tx.conn())
                .await?;
            if known.is_none() {
                return Ok((id, username));
            }
        }
    }

    fn parts(&self, parts: &[PartRecord]) -> Result<Vec<(ScenarioId, i32)>> {
        parts.iter().map(|part| Ok((self.scenario(&part.scenario)?, part.bp.into()))).collect()
    }

    async fn insert_credences(&self, topic: &topic::Model, persons: &mut Persons<'a>) -> Result<()> {
        let topic_id = topic.id;
        let mut said = Said::default();
        for record in &self.file.credences {
            let account_id = persons.id(&record.person)?;
            let credence_id = self.app.ids.next();
            let vectors = persons.vectors.entry(&record.person).or_default();
            vectors.push(credence_id);
            said.credences.push(credence::Model {
                id: credence_id,
                topic_id,
                account_id,
                number: i32::try_from(vectors.len()).map_err(Error::internal)?,
                scenario_set_version: record.scenario_set_version,
                saw_crowd: record.saw_crowd,
                created_at: record.created_at.into(),
            });
            for (scenario_id, bp) in
                self.parts(&record.vector)?.into_iter().chain(self.parts(&record.sub_vector)?)
            {
                said.parts.push(credence_part::Model { credence_id, topic_id, scenario_id, bp });
            }
        }
        for record in &self.file.meta_predictions {
            let account_id = persons.id(&record.person)?;
            said.predictions.push(meta_prediction::Model {
                topic_id,
                account_id,
                scenario_set_version: record.scenario_set_version,
                updated_at: record.updated_at.into(),
            });
            for (scenario_id, bp) in self.parts(&record.vector)? {
                said.prediction_parts.push(meta_prediction_part::Model {
                    topic_id,
                    account_id,
                    scenario_id,
                    bp,
                });
            }
        }
        for record in &self.file.step_credences {
            let step = (record.scenario.clone(), record.step_no);
            let step = self.topic.scenarios.steps.get(&step).copied();
            said.steps.push(step_credence::Model {
                chain_step_id: step.ok_or_else(|| dangling(&record.scenario))?,
                account_id: persons.id(&record.person)?,
                topic_id,
                bp: record.bp.into(),
                updated_at: record.updated_at.into(),
            });
        }
        for record in &self.file.inevitability {
            said.inevitability.push(inevitability::Model {
                topic_id,
                account_id: persons.id(&record.person)?,
                inevitable_from: record.inevitable_from.clone(),
                updated_at: record.updated_at.into(),
            });
        }
        for record in &self.file.checkpoint_credences {
            said.checkpoints.push(checkpoint_credence::Model {
                topic_id,
                account_id: persons.id(&record.person)?,
                position: record.position,
                occurred_by: record.occurred_by.map(Into::into),
                actual: record.actual.map(Into::into),
                alternatives: record.alternatives.map(Into::into),
                updated_at: record.updated_at.into(),
            });
        }
        let permit = Permit::operator(StateCredences(topic), topic.author_id);
        credences::import(self.app, self.tx, &permit, said).await
    }

    async fn insert_mind_changes(&self, topic: &topic::Model, persons: &Persons<'_>) -> Result<()> {
        let Some(first) = self.file.mind_changes.first() else { return Ok(()) };
        let vectors = by_person(self.file);
        let mut rows = Vec::new();
        for record in &self.file.mind_changes {
            let unknown = || dangling(&record.person);
            let (before, after) = vectors
                .get(&record.person)
                .and_then(|vectors| around(vectors, record.after_number))
                .ok_or_else(unknown)?;
            let ids = persons.vectors.get(&record.person).ok_or_else(unknown)?;
            let id = |number: i32| -> Result<CredenceId> {
                let place = usize::try_from(number - 1).map_err(Error::internal)?;
                ids.get(place).copied().ok_or_else(unknown)
            };
            let post = self.posts.get(&record.post).ok_or_else(|| dangling(&record.post))?;
            rows.push(mind_change::Model {
                id: self.app.ids.next::<MindChangeId>(),
                topic_id: topic.id,
                post_id: post.0,
                account_id: persons.id(&record.person)?,
                before_credence_id: id(record.after_number - 1)?,
                after_credence_id: id(record.after_number)?,
                moved: moved(before, after),
                counts: record.counts,
                explanation: record.explanation.to_string(),
                created_at: record.created_at.into(),
            });
        }
        let (id, _, _) = self.posts.get(&first.post).ok_or_else(|| dangling(&first.post))?;
        let post = posts::find(self.tx.conn(), *id).await?;
        let permit = Permit::operator(CreditPost { post: &post, topic }, topic.author_id);
        mind_changes::import(self.tx, &permit, rows).await
    }

    async fn insert_forecasts(&self, topic: &topic::Model, persons: &Persons<'_>) -> Result<()> {
        let mut last: HashMap<(&Key, &Key), i32> = HashMap::new();
        let mut rows = Vec::new();
        for record in &self.file.forecasts {
            let number = last.entry((&record.implication, &record.person)).or_default();
            *number += 1;
            let implication = self.implications.get(&record.implication);
            rows.push(forecast::Model {
                id: self.app.ids.next::<ForecastId>(),
                implication_id: implication.ok_or_else(|| dangling(&record.implication))?.id,
                account_id: persons.id(&record.person)?,
                number: *number,
                bp: record.bp.into(),
                created_at: record.created_at.into(),
            });
        }
        let permit = Permit::operator(ProposeImplication(topic), topic.author_id);
        implications::import_forecasts(self.tx, &permit, rows).await
    }

    fn judged(&self, record: &TargetRecord) -> Result<Judged> {
        let id = self.target(record)?.id;
        Ok(match record.kind {
            TargetKind::Scenario => Judged::Scenario(ScenarioId(id)),
            TargetKind::Variant => Judged::Variant(VariantId(id)),
            TargetKind::ChainStep => Judged::ChainStep(ChainStepId(id)),
            TargetKind::BackgroundFact => Judged::BackgroundFact(BackgroundFactId(id)),
            TargetKind::Topic | TargetKind::Post | TargetKind::Relation => {
                return Err(Error::internal(anyhow::anyhow!(
                    "{record:?} passed the checks and is not judged"
                )));
            }
        })
    }

    async fn insert_judgements(&self, topic: &topic::Model, persons: &Persons<'_>) -> Result<()> {
        let permit = Permit::operator(JudgeByCriteria { topic, scenario: None }, topic.author_id);
        for record in &self.file.criterion_ratings {
            let (judged, account_id) = (self.judged(&record.target)?, persons.id(&record.person)?);
            let (ratings, at) = (record.ratings(), Time::from(record.updated_at));
            criteria::import_rating(self.tx, &permit, judged, account_id, &ratings, at).await?;
        }
        for record in &self.file.cotenability_flags {
            let (judged, account_id) = (self.judged(&record.target)?, persons.id(&record.person)?);
            let at = Time::from(record.updated_at);
            criteria::import_flag(self.tx, &permit, judged, account_id, record.clashes, at).await?;
        }
        let mut disputes = Vec::new();
        for record in &self.file.kind_disputes {
            let variant_id = self.topic.variants.get(&record.variant).copied();
            disputes.push(kind_dispute::Model {
                topic_id: topic.id,
                variant_id: variant_id.ok_or_else(|| dangling(&record.variant))?,
                account_id: persons.id(&record.person)?,
                disputes: record.disputes,
                updated_at: record.updated_at.into(),
            });
        }
        criteria::import_disputes(self.tx, &permit, disputes).await?;
        let mut likelihoods = Vec::new();
        for record in &self.file.outcome_likelihoods {
            likelihoods.push(outcome_likelihood::Model {
                topic_id: topic.id,
                account_id: persons.id(&record.person)?,
                bp: record.bp.into(),
                updated_at: record.updated_at.into(),
            });
        }
        let permit = Permit::operator(StateOutcomeLikelihood(topic), topic.author_id);
        criteria::import_likelihoods(self.tx, &permit, likelihoods).await
    }
}
