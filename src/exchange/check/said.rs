//! What people said under pseudonyms.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::format::{CredenceRecord, DebateFile, PartRecord, TargetRecord};
use super::{Before, check_order, check_target};
use crate::credences::rules::sum_to_all;
use crate::criteria::rules::Ratings;
use crate::error::Field;
use crate::posts::rules::TargetKind;
use crate::sources::rules::Key;
use crate::topics::rules::TopicStatus;

/// Checks what people said against the rest of the file.
pub(super) fn check(file: &DebateFile, before: &Before<'_>) -> Vec<Field> {
    let mut wrong = Vec::new();
    if file.topic.status == TopicStatus::Draft && file.pseudonyms().next().is_some() {
        let detail = "Nobody is asked what they think of a draft.";
        wrong.push(Field::new("topic.status", "draft_with_credences", detail));
    }
    wrong.extend(check_credences(file));
    wrong.extend(check_predictions(file));
    wrong.extend(check_further(file));
    wrong.extend(check_mind_changes(file, before));
    wrong.extend(check_forecasts(file));
    wrong.extend(check_judgements(file, before));
    wrong
}

/// The scenarios that were in force in a version of the set: whole ones, and parts of others.
fn live(file: &DebateFile, version: i32) -> (HashSet<&Key>, HashSet<&Key>) {
    let set = &file.scenario_set;
    let is_live = |key: &Key| {
        let record = set.history.iter().find(|record| record.scenario == *key);
        let (introduced, retired) =
            record.map_or((1, None), |record| (record.introduced_in_version, record.retired_in_version));
        introduced <= version && retired.is_none_or(|retired| retired > version)
    };
    let (mut whole, mut parts) = (HashSet::new(), HashSet::new());
    for scenario in file.topic.scenarios.iter().filter(|scenario| is_live(&scenario.key)) {
        if scenario.parent.is_none() { &mut whole } else { &mut parts }.insert(&scenario.key);
    }
    (whole, parts)
}

/// The scenarios in force by version, as far as anybody asked.
struct Sets<'a> {
    file: &'a DebateFile,
    known: HashMap<i32, (HashSet<&'a Key>, HashSet<&'a Key>)>,
}

impl<'a> Sets<'a> {
    fn of(file: &'a DebateFile) -> Self {
        Self { file, known: HashMap::new() }
    }

    /// Checks a vector over the whole scenarios of a version, and one over parts.
    fn check(
        &mut self,
        place: &str,
        version: i32,
        vector: &[PartRecord],
        sub_vector: &[PartRecord],
    ) -> Vec<Field> {
        let set = &self.file.scenario_set;
        let mut wrong = Vec::new();
        if version < 1 || version > set.version {
            let detail = "The set has no such version.";
            wrong.push(Field::new(format!("{place}.scenario_set_version"), "not_yet", detail));
            return wrong;
        }
        // What came of older versions has to be known, or nothing could be said of vectors of theirs.
        let recorded = |version: &i32| set.versions.iter().any(|record| record.version == *version);
        if version < set.comparable_since() && !(version + 1..=set.comparable_since()).all(|v| recorded(&v)) {
            let detail = "`scenario_set.versions` does not say what became of this version.";
            wrong.push(Field::new(format!("{place}.scenario_set_version"), "unknown_version", detail));
        }
        let file = self.file;
        let (whole, parts) = self.known.entry(version).or_insert_with(|| live(file, version));
        wrong.extend(check_parts(&format!("{place}.vector"), vector, whole));
        for key in whole.iter().filter(|key| !vector.iter().any(|part| part.scenario == ***key)) {
            let detail = format!("The scenario {} was in force in this version.", key.as_str());
            wrong.push(Field::new(format!("{place}.vector"), "incomplete", detail));
        }
        if !sum_to_all(vector.iter().map(|part| part.bp)) {
            let detail = "A vector sums to 10000 basis points.";
            wrong.push(Field::new(format!("{place}.vector"), "not_a_whole", detail));
        }
        wrong.extend(check_parts(&format!("{place}.sub_vector"), sub_vector, parts));
        wrong
    }
}

fn check_parts(place: &str, vector: &[PartRecord], known: &HashSet<&Key>) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut named = HashSet::new();
    for (i, part) in vector.iter().enumerate() {
        let at = format!("{place}[{i}].scenario");
        if !known.contains(&part.scenario) {
            let detail = "No scenario that belongs here was in force in this version under this key.";
            wrong.push(Field::new(at, "unknown_key", detail));
        } else if !named.insert(&part.scenario) {
            wrong.push(Field::new(at, "duplicate", "This scenario was named before."));
        }
    }
    wrong
}

fn check_credences(file: &DebateFile) -> Vec<Field> {
    let mut wrong = check_order("credences", "These", file.credences.iter().map(|record| &record.created_at));
    let mut sets = Sets::of(file);
    let mut last: HashMap<&Key, &CredenceRecord> = HashMap::new();
    for (i, record) in file.credences.iter().enumerate() {
        let place = format!("credences[{i}]");
        let CredenceRecord { person, scenario_set_version: version, vector, sub_vector, .. } = record;
        wrong.extend(sets.check(&place, *version, vector, sub_vector));
        let Some(last) = last.insert(person, record) else { continue };
        if last.scenario_set_version > *version {
            let detail = "Nobody states credences in an older version than before.";
            wrong.push(Field::new(format!("{place}.scenario_set_version"), "out_of_order", detail));
        }
        if last.scenario_set_version == *version && (&last.vector, &last.sub_vector) == (vector, sub_vector) {
            wrong.push(Field::new(place, "unmoved", "This person said the same before."));
        }
    }
    wrong
}

/// Refuses the same thing of the same person again.
#[derive(Default)]
struct Once<'a>(HashSet<(&'a Key, String)>);

impl<'a> Once<'a> {
    fn check(&mut self, place: &str, person: &'a Key, of: impl Into<String>) -> Option<Field> {
        (!self.0.insert((person, of.into())))
            .then(|| Field::new(place, "duplicate", "This person said so of this before."))
    }
}

fn check_predictions(file: &DebateFile) -> Vec<Field> {
    let mut wrong = Vec::new();
    let (mut sets, mut once) = (Sets::of(file), Once::default());
    for (i, record) in file.meta_predictions.iter().enumerate() {
        let place = format!("meta_predictions[{i}]");
        wrong.extend(sets.check(&place, record.scenario_set_version, &record.vector, &[]));
        wrong.extend(once.check(&place, &record.person, ""));
    }
    wrong
}

fn check_further(file: &DebateFile) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut once = Once::default();
    for (i, record) in file.step_credences.iter().enumerate() {
        let place = format!("step_credences[{i}]");
        let chain = file.topic.scenarios.iter().find(|scenario| scenario.key == record.scenario);
        let steps = chain.map_or(0, |scenario| scenario.chain_steps.len());
        if usize::try_from(record.step_no).is_ok_and(|step| step < 1 || step > steps) || record.step_no < 1 {
            wrong.push(Field::new(&place, "unknown_key", "No scenario has this key and such a step."));
        }
        let step = format!("{}.{}", record.scenario.as_str(), record.step_no);
        wrong.extend(once.check(&place, &record.person, step));
    }
    let mut once = Once::default();
    for (i, record) in file.inevitability.iter().enumerate() {
        wrong.extend(once.check(&format!("inevitability[{i}]"), &record.person, ""));
    }
    let mut once = Once::default();
    for (i, record) in file.checkpoint_credences.iter().enumerate() {
        let place = format!("checkpoint_credences[{i}]");
        if usize::try_from(record.position).map_or(true, |place| place > file.topic.checkpoints.len()) {
            let detail = "The topic has no such checkpoint.";
            wrong.push(Field::new(format!("{place}.position"), "no_such_checkpoint", detail));
        }
        if record.occurred_by.or(record.actual).or(record.alternatives).is_none() {
            wrong.push(Field::new(&place, "empty", "It says nothing of this checkpoint."));
        }
        wrong.extend(once.check(&place, &record.person, record.position.to_string()));
    }
    let mut once = Once::default();
    for (i, record) in file.outcome_likelihoods.iter().enumerate() {
        wrong.extend(once.check(&format!("outcome_likelihoods[{i}]"), &record.person, ""));
    }
    wrong
}

/// What the top-level scenarios gained and lost from one vector to another, all together.
pub(in crate::exchange) fn moved(before: &CredenceRecord, after: &CredenceRecord) -> i32 {
    let bp = |record: &CredenceRecord| -> BTreeMap<Key, i32> {
        record.vector.iter().map(|part| (part.scenario.clone(), part.bp.into())).collect()
    };
    let (before, after) = (bp(before), bp(after));
    before.iter().map(|(key, bp)| (after.get(key).copied().unwrap_or_default() - bp).abs()).sum()
}

/// The vectors of each person, in the order of time.
pub(in crate::exchange) fn by_person(file: &DebateFile) -> HashMap<&Key, Vec<&CredenceRecord>> {
    let mut vectors: HashMap<&Key, Vec<&CredenceRecord>> = HashMap::new();
    for record in &file.credences {
        vectors.entry(&record.person).or_default().push(record);
    }
    vectors
}

/// Two vectors of one person, the second of them with this number.
pub(in crate::exchange) fn around<'a>(
    vectors: &[&'a CredenceRecord],
    after_number: i32,
) -> Option<(&'a CredenceRecord, &'a CredenceRecord)> {
    let after = usize::try_from(after_number).ok()?.checked_sub(1)?;
    Some((vectors.get(after.checked_sub(1)?)?, vectors.get(after)?))
}

fn check_mind_changes(file: &DebateFile, before: &Before<'_>) -> Vec<Field> {
    let mut wrong =
        check_order("mind_changes", "These", file.mind_changes.iter().map(|record| &record.created_at));
    let vectors = by_person(file);
    let mut once = Once::default();
    for (i, record) in file.mind_changes.iter().enumerate() {
        let place = format!("mind_changes[{i}]");
        let post = before.posts.get(&record.post).map(|(_, post)| post);
        if post.is_none() {
            wrong.push(Field::new(format!("{place}.post"), "unknown_key", "No post has this key."));
        }
        let at = format!("{place}.after_number");
        let mut refuse = |code, detail| wrong.push(Field::new(&at, code, detail));
        match vectors.get(&record.person).map(|vectors| around(vectors, record.after_number)) {
            None => {
                let detail = "Nobody of this pseudonym stated credences.";
                wrong.push(Field::new(format!("{place}.person"), "unknown_person", detail));
            }
            Some(None) => refuse("no_such_vector", "This person has no such vector and one before it."),
            Some(Some((earlier, later))) if earlier.scenario_set_version != later.scenario_set_version => {
                refuse("not_comparable", "The scenarios changed between these vectors.");
            }
            Some(Some((earlier, later))) if moved(earlier, later) == 0 => {
                refuse("unmoved", "Nothing moved between these vectors.");
            }
            Some(Some((_, later)))
                if post.is_some_and(|post| post.created_at.is_some_and(|at| later.created_at < at)) =>
            {
                refuse("before_the_post", "This vector was stated before the post was there.");
            }
            Some(Some((_, later))) if record.created_at < later.created_at => {
                refuse("not_yet", "Nobody says what moved them before they moved.");
            }
            Some(Some(_)) => {}
        }
        wrong.extend(once.check(&place, &record.person, record.post.as_str()));
    }
    wrong
}

fn check_forecasts(file: &DebateFile) -> Vec<Field> {
    let mut wrong = check_order("forecasts", "These", file.forecasts.iter().map(|record| &record.created_at));
    let known: HashMap<_, _> =
        file.implications.iter().map(|record| (&record.key, record.resolved_at.as_ref())).collect();
    for (i, record) in file.forecasts.iter().enumerate() {
        match known.get(&record.implication) {
            None => {
                let at = format!("forecasts[{i}].implication");
                wrong.push(Field::new(at, "unknown_key", "No implication has this key."));
            }
            Some(resolved) if resolved.is_some_and(|resolved| record.created_at > *resolved) => {
                let at = format!("forecasts[{i}].created_at");
                wrong.push(Field::new(at, "resolved", "What is resolved is forecast no more."));
            }
            Some(_) => {}
        }
    }
    wrong
}

fn check_judgements(file: &DebateFile, before: &Before<'_>) -> Vec<Field> {
    let mut wrong = Vec::new();
    let target = |wrong: &mut Vec<Field>, place: &str, target: &TargetRecord, kinds: [TargetKind; 2]| {
        if kinds.contains(&target.kind) {
            wrong.extend(check_target(place, file, target, before));
        } else {
            let detail = "Nothing of this kind is judged so.";
            wrong.push(Field::new(format!("{place}.target.kind"), "wrong_kind", detail));
        }
    };
    let name = |target: &TargetRecord| {
        let key = target.key.as_ref().map_or("", Key::as_str);
        format!("{:?} {key} {:?}", target.kind, target.step_no)
    };
    let mut once = Once::default();
    for (i, record) in file.criterion_ratings.iter().enumerate() {
        let place = format!("criterion_ratings[{i}]");
        target(&mut wrong, &place, &record.target, [TargetKind::Scenario, TargetKind::Variant]);
        if record.ratings() == Ratings::default() {
            wrong.push(Field::new(&place, "empty", "It rates by no criterion."));
        }
        wrong.extend(once.check(&place, &record.person, name(&record.target)));
    }
    let mut once = Once::default();
    for (i, record) in file.cotenability_flags.iter().enumerate() {
        let place = format!("cotenability_flags[{i}]");
        target(&mut wrong, &place, &record.target, [TargetKind::ChainStep, TargetKind::BackgroundFact]);
        wrong.extend(once.check(&place, &record.person, name(&record.target)));
    }
    let mut once = Once::default();
    for (i, record) in file.kind_disputes.iter().enumerate() {
        let place = format!("kind_disputes[{i}]");
        if !file.topic.variants.iter().any(|variant| variant.key == record.variant) {
            wrong.push(Field::new(format!("{place}.variant"), "unknown_key", "No variant has this key."));
        }
        wrong.extend(once.check(&place, &record.person, record.variant.as_str()));
    }
    wrong
}
