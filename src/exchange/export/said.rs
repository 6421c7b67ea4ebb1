//! What people said as a file has it: under pseudonyms that say nothing of who they are.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use uuid::Uuid;

use super::{Parts, points};
use crate::basis_points::BasisPoints;
use crate::clock::Time;
use crate::criteria::rules::Rating;
use crate::entity::{
    checkpoint_credence, cotenability_flag, credence, credence_part, criterion_rating, forecast, implication,
    inevitability, kind_dispute, meta_prediction, meta_prediction_part, mind_change, outcome_likelihood,
    step_credence,
};
use crate::error::{Error, Result};
use crate::exchange::format::{
    CheckpointCredenceRecord, CotenabilityFlagRecord, CredenceRecord, CriterionRatingRecord, DebateFile,
    ForecastRecord, InevitabilityRecord, KindDisputeRecord, MindChangeRecord, OutcomeLikelihoodRecord,
    PartRecord, PredictionRecord, StepCredenceRecord, TargetRecord,
};
use crate::ids::{AccountId, CredenceId, ImplicationId, ScenarioId, TopicId};
use crate::invalid::Invalid;
use crate::posts::rules::{Target, TargetKind};
use crate::sources::rules::Key;

/// What people said of a topic.
pub(super) struct Said {
    credences: Vec<credence::Model>,
    parts: HashMap<CredenceId, Vec<(ScenarioId, i32)>>,
    predictions: Vec<meta_prediction::Model>,
    prediction_parts: HashMap<AccountId, Vec<(ScenarioId, i32)>>,
    steps: Vec<step_credence::Model>,
    inevitability: Vec<inevitability::Model>,
    checkpoints: Vec<checkpoint_credence::Model>,
    mind_changes: Vec<mind_change::Model>,
    forecasts: Vec<forecast::Model>,
    ratings: Vec<criterion_rating::Model>,
    flags: Vec<cotenability_flag::Model>,
    disputes: Vec<kind_dispute::Model>,
    likelihoods: Vec<outcome_likelihood::Model>,
}

/// All rows of a topic in one table.
macro_rules! of_topic {
    ($db:ident, $id:ident, $table:ident) => {
        $table::Entity::find().filter($table::Column::TopicId.eq($id)).all($db).await?
    };
}

impl Said {
    pub(super) async fn read(db: &impl ConnectionTrait, id: TopicId) -> Result<Self> {
        let mut parts: HashMap<_, Vec<_>> = HashMap::new();
        for row in of_topic!(db, id, credence_part) {
            parts.entry(row.credence_id).or_default().push((row.scenario_id, row.bp));
        }
        let mut prediction_parts: HashMap<_, Vec<_>> = HashMap::new();
        for row in of_topic!(db, id, meta_prediction_part) {
            prediction_parts.entry(row.account_id).or_default().push((row.scenario_id, row.bp));
        }
        let of_this = implication::Entity::find()
            .select_only()
            .column(implication::Column::Id)
            .filter(implication::Column::TopicId.eq(id))
            .into_query();
        let forecasts = forecast::Entity::find()
            .filter(forecast::Column::ImplicationId.in_subquery(of_this))
            .all(db)
            .await?;
        Ok(Self {
            credences: of_topic!(db, id, credence),
            parts,
            predictions: of_topic!(db, id, meta_prediction),
            prediction_parts,
            steps: of_topic!(db, id, step_credence),
            inevitability: of_topic!(db, id, inevitability),
            checkpoints: of_topic!(db, id, checkpoint_credence),
            mind_changes: of_topic!(db, id, mind_change),
            forecasts,
            ratings: of_topic!(db, id, criterion_rating),
            flags: of_topic!(db, id, cotenability_flag),
            disputes: of_topic!(db, id, kind_dispute),
            likelihoods: of_topic!(db, id, outcome_likelihood),
        })
    }

    /// Everybody who said anything.
    fn people(&self) -> impl Iterator<Item = AccountId> {
        let credences = self.credences.iter().map(|row| row.account_id);
        let further = self.predictions.iter().map(|row| row.account_id);
        let further = further.chain(self.steps.iter().map(|row| row.account_id));
        let further = further.chain(self.inevitability.iter().map(|row| row.account_id));
        let further = further.chain(self.checkpoints.iter().map(|row| row.account_id));
        let moved = self.mind_changes.iter().map(|row| row.account_id);
        let forecasts = self.forecasts.iter().map(|row| row.account_id);
        let judged = self.ratings.iter().map(|row| row.account_id);
        let judged = judged.chain(self.flags.iter().map(|row| row.account_id));
        let judged = judged.chain(self.disputes.iter().map(|row| row.account_id));
        let judged = judged.chain(self.likelihoods.iter().map(|row| row.account_id));
        credences.chain(further).chain(moved).chain(forecasts).chain(judged)
    }

    /// Numbers people by the time of their first vector; those without any come last.
    fn pseudonyms(&self) -> Pseudonyms {
        let mut first: HashMap<AccountId, Option<Time>> = self.people().map(|id| (id, None)).collect();
        for row in &self.credences {
            let first = first.entry(row.account_id).or_default();
            *first = Some(first.map_or(row.created_at, |first| first.min(row.created_at)));
        }
        let mut order: Vec<_> = first.into_iter().map(|(id, first)| (first.is_none(), first, id)).collect();
        order.sort_unstable();
        Pseudonyms((1..).zip(order).map(|(number, (_, _, id))| (id, number)).collect())
    }
}

/// The number of each person.
struct Pseudonyms(HashMap<AccountId, usize>);

impl Pseudonyms {
    fn number(&self, id: AccountId) -> usize {
        self.0.get(&id).copied().unwrap_or_default()
    }

    fn key(&self, id: AccountId) -> Key {
        Key::numbered("person", self.number(id))
    }
}

/// By what targets are sorted: the kind, and their place.
fn place(target: &TargetRecord) -> (bool, usize, Option<Key>, Option<i16>) {
    let later = matches!(target.kind, TargetKind::Variant | TargetKind::BackgroundFact);
    let length = target.key.as_ref().map_or(0, |key| key.as_str().len());
    (later, length, target.key.clone(), target.step_no)
}

impl Parts<'_> {
    /// Adds what people said to the file.
    pub(super) fn say(
        &self,
        said: Said,
        implications: &HashMap<ImplicationId, Key>,
        file: &mut DebateFile,
    ) -> Result<()> {
        let names = said.pseudonyms();
        let numbers = self.say_credences(&said, &names, file)?;
        self.say_further(&said, &names, file)?;
        let mut rows = said.mind_changes;
        rows.sort_by_key(|row| (row.created_at, row.id));
        for row in rows {
            file.mind_changes.push(MindChangeRecord {
                post: self.post_key(row.post_id)?,
                person: names.key(row.account_id),
                after_number: numbers.get(&row.after_credence_id).copied().unwrap_or_default(),
                explanation: row.explanation.try_into().map_err(Error::internal)?,
                counts: row.counts,
                created_at: row.created_at.into(),
            });
        }
        let mut rows = said.forecasts;
        let key = |id: &ImplicationId| {
            let unknown =
                || Error::internal(anyhow::anyhow!("a forecast is of {id}, which is not in its topic"));
            implications.get(id).cloned().ok_or_else(unknown)
        };
        let implication =
            |id: &ImplicationId| implications.get(id).map(|key| (key.as_str().len(), key.clone()));
        rows.sort_by_key(|row| {
            (row.created_at, implication(&row.implication_id), names.number(row.account_id), row.number)
        });
        for row in rows {
            file.forecasts.push(ForecastRecord {
                implication: key(&row.implication_id)?,
                person: names.key(row.account_id),
                bp: BasisPoints::stored(row.bp)?,
                created_at: row.created_at.into(),
            });
        }
        self.say_judgements(said.ratings, said.flags, said.disputes, &names, file)?;
        let mut rows = said.likelihoods;
        rows.sort_by_key(|row| names.number(row.account_id));
        for row in rows {
            file.outcome_likelihoods.push(OutcomeLikelihoodRecord {
                person: names.key(row.account_id),
                bp: BasisPoints::stored(row.bp)?,
                updated_at: row.updated_at.into(),
            });
        }
        Ok(())
    }

    /// Adds the vectors, and gives the number that each has among those of its person.
    fn say_credences(
        &self,
        said: &Said,
        names: &Pseudonyms,
        file: &mut DebateFile,
    ) -> Result<HashMap<CredenceId, i32>> {
        let mut rows: Vec<_> = said.credences.iter().collect();
        rows.sort_by_key(|row| (row.created_at, names.number(row.account_id), row.number));
        let mut last: HashMap<AccountId, i32> = HashMap::new();
        let mut numbers = HashMap::new();
        for row in rows {
            let number = last.entry(row.account_id).or_default();
            *number += 1;
            numbers.insert(row.id, *number);
            let (vector, sub_vector) = self.vector(said.parts.get(&row.id))?;
            file.credences.push(CredenceRecord {
                person: names.key(row.account_id),
                scenario_set_version: row.scenario_set_version,
                vector,
                sub_vector,
                saw_crowd: row.saw_crowd,
                created_at: row.created_at.into(),
            });
        }
        Ok(numbers)
    }

    /// What a vector gives whole scenarios and parts of them, in the order of the scenarios.
    fn vector(&self, parts: Option<&Vec<(ScenarioId, i32)>>) -> Result<(Vec<PartRecord>, Vec<PartRecord>)> {
        let by_place: BTreeMap<_, _> =
            parts.into_iter().flatten().map(|(id, bp)| (self.place(*id), (*id, *bp))).collect();
        let (mut vector, mut sub_vector) = (Vec::new(), Vec::new());
        for (id, points) in by_place.into_values() {
            let record = PartRecord { scenario: self.scenario_key(id)?, bp: BasisPoints::stored(points)? };
            let is_part = self
                .stored
                .scenarios
                .iter()
                .any(|stored| stored.scenario.id == id && stored.scenario.parent_scenario_id.is_some());
            if is_part { &mut sub_vector } else { &mut vector }.push(record);
        }
        Ok((vector, sub_vector))
    }

    fn say_further(&self, said: &Said, names: &Pseudonyms, file: &mut DebateFile) -> Result<()> {
        for row in &said.predictions {
            file.meta_predictions.push(PredictionRecord {
                person: names.key(row.account_id),
                scenario_set_version: row.scenario_set_version,
                vector: self.vector(said.prediction_parts.get(&row.account_id))?.0,
                updated_at: row.updated_at.into(),
            });
        }
        let number = |person: &Key| (person.as_str().len(), person.clone());
        file.meta_predictions.sort_by_key(|record| number(&record.person));
        for row in &said.steps {
            let step = self.keys.target(Target { kind: TargetKind::ChainStep, id: row.chain_step_id.0 })?;
            let (Some(scenario), Some(step_no)) = (step.key, step.step_no) else { continue };
            file.step_credences.push(StepCredenceRecord {
                person: names.key(row.account_id),
                scenario,
                step_no,
                bp: BasisPoints::stored(row.bp)?,
                updated_at: row.updated_at.into(),
            });
        }
        file.step_credences
            .sort_by_key(|record| (number(&record.scenario), record.step_no, number(&record.person)));
        for row in &said.inevitability {
            file.inevitability.push(InevitabilityRecord {
                person: names.key(row.account_id),
                inevitable_from: row.inevitable_from.clone(),
                updated_at: row.updated_at.into(),
            });
        }
        file.inevitability.sort_by_key(|record| number(&record.person));
        // What was said of a checkpoint that is no longer there says nothing.
        let there = |row: &&checkpoint_credence::Model| {
            usize::try_from(row.position).is_ok_and(|place| place <= self.stored.checkpoints.len())
        };
        for row in said.checkpoints.iter().filter(there) {
            file.checkpoint_credences.push(CheckpointCredenceRecord {
                person: names.key(row.account_id),
                position: row.position,
                occurred_by: points(row.occurred_by)?,
                actual: points(row.actual)?,
                alternatives: points(row.alternatives)?,
                updated_at: row.updated_at.into(),
            });
        }
        file.checkpoint_credences.sort_by_key(|record| (record.position, number(&record.person)));
        Ok(())
    }

    fn say_judgements(
        &self,
        ratings: Vec<criterion_rating::Model>,
        flags: Vec<cotenability_flag::Model>,
        disputes: Vec<kind_dispute::Model>,
        names: &Pseudonyms,
        file: &mut DebateFile,
    ) -> Result<()> {
        let target = |kind: TargetKind, id: Uuid| self.keys.target(Target { kind, id });
        let number = |person: &Key| (person.as_str().len(), person.clone());
        for row in ratings {
            let kind = if row.scenario_id.is_some() { TargetKind::Scenario } else { TargetKind::Variant };
            file.criterion_ratings.push(CriterionRatingRecord {
                person: names.key(row.account_id),
                target: target(kind, row.target_id)?,
                clarity: rating(row.clarity)?,
                cotenability: rating(row.cotenability)?,
                historical_consistency: rating(row.historical_consistency)?,
                theoretical_consistency: rating(row.theoretical_consistency)?,
                statistical_consistency: rating(row.statistical_consistency)?,
                projectability: rating(row.projectability)?,
                updated_at: row.updated_at.into(),
            });
        }
        file.criterion_ratings.sort_by_key(|record| (place(&record.target), number(&record.person)));
        for row in flags {
            let is_step = row.chain_step_id.is_some();
            let kind = if is_step { TargetKind::ChainStep } else { TargetKind::BackgroundFact };
            file.cotenability_flags.push(CotenabilityFlagRecord {
                person: names.key(row.account_id),
                target: target(kind, row.target_id)?,
                clashes: row.clashes,
                updated_at: row.updated_at.into(),
            });
        }
        file.cotenability_flags.sort_by_key(|record| (place(&record.target), number(&record.person)));
        for row in disputes {
            let Some(variant) = target(TargetKind::Variant, row.variant_id.0)?.key else { continue };
            file.kind_disputes.push(KindDisputeRecord {
                person: names.key(row.account_id),
                variant,
                disputes: row.disputes,
                updated_at: row.updated_at.into(),
            });
        }
        file.kind_disputes.sort_by_key(|record| (number(&record.variant), number(&record.person)));
        Ok(())
    }
}

fn rating(stored: Option<i16>) -> Result<Option<Rating>> {
    stored
        .map(|value| Rating::try_from(i64::from(value)).map_err(|error: Invalid| Error::internal(error)))
        .transpose()
}
