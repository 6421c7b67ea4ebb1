//! The versions of the set of scenarios, proposals to change it, implications and reference classes.

use std::collections::{HashMap, HashSet};

use super::super::format::{ChangeRecord, DebateFile, MergeRecord, ProposedRecord};
use super::check_order;
use crate::accounts::rules::Username;
use crate::criteria::rules::{MAX_REFERENCE_CLASSES, check_cases};
use crate::error::Field;
use crate::implications::rules::{MAX_BEARS_ON, Resolution};
use crate::scenario_sets::rules::ProposalStatus;
use crate::scenarios::rules::{MAX_STEPS, SetChange};
use crate::sources::rules::{CitationByKey, Key, check_keyed_citations};

/// Who is named, each with the place where that is.
pub(super) fn people(file: &DebateFile) -> Vec<(String, &Username)> {
    let mut people = Vec::new();
    for (i, record) in file.scenario_proposals.iter().enumerate() {
        people.push((format!("scenario_proposals[{i}].proposer"), &record.proposer));
        people.extend(
            record.decided_by.as_ref().map(|name| (format!("scenario_proposals[{i}].decided_by"), name)),
        );
    }
    for (i, record) in file.implications.iter().enumerate() {
        people.push((format!("implications[{i}].author"), &record.author));
        people
            .extend(record.resolved_by.as_ref().map(|name| (format!("implications[{i}].resolved_by"), name)));
    }
    for (i, record) in file.reference_classes.iter().enumerate() {
        people.push((format!("reference_classes[{i}].author"), &record.author));
    }
    people
}

/// Checks these parts against the rest of the file.
pub(super) fn check(file: &DebateFile) -> Vec<Field> {
    let mut wrong = check_versions(file);
    wrong.extend(check_proposals(file));
    wrong.extend(check_implications(file));
    wrong.extend(check_classes(file));
    wrong
}

fn is_scenario(file: &DebateFile, key: &Key) -> bool {
    file.topic.scenarios.iter().any(|scenario| scenario.key == *key)
}

fn check_versions(file: &DebateFile) -> Vec<Field> {
    let set = &file.scenario_set;
    let since = set.comparable_since();
    let mut wrong = Vec::new();
    if set.versions.last().is_some_and(|last| last.version < set.version) {
        let detail = "The last of `scenario_set.versions` is the present one.";
        wrong.push(Field::new("scenario_set.version", "gap", detail));
    }
    if since < 1 || since > set.version {
        let detail = "The set has no such version.";
        wrong.push(Field::new("scenario_set.comparable_since", "not_yet", detail));
    }
    for (i, record) in set.versions.iter().enumerate() {
        let place = format!("scenario_set.versions[{i}]");
        let mut refuse =
            |field: &str, code, detail: &str| wrong.push(Field::new(format!("{place}{field}"), code, detail));
        if record.version > set.version {
            refuse(".version", "not_yet", "The set has no such version.");
        }
        if let Some(before) = i.checked_sub(1).and_then(|i| set.versions.get(i)) {
            if before.version >= record.version {
                refuse(".version", "out_of_order", "Versions stand in their order, each once.");
            } else if before.version + 1 < record.version {
                refuse(".version", "gap", "The versions before it are not there, and one that is older is.");
            }
            if before.created_at > record.created_at {
                refuse(".created_at", "out_of_order", "A version is not older than the one before.");
            }
        }
        // Credences can be compared since the last version that could not be compared with the one before it.
        if record.version > since && !record.comparable {
            refuse(".comparable", "comparable", "Later than `comparable_since`, each version is comparable.");
        }
        if record.version == since && record.comparable {
            refuse(
                ".comparable",
                "not_comparable",
                "The version `comparable_since` itself is not comparable.",
            );
        }
    }
    wrong
}

fn check_proposals(file: &DebateFile) -> Vec<Field> {
    let times = file.scenario_proposals.iter().map(|record| &record.created_at);
    let mut wrong = check_order("scenario_proposals", "Proposals", times);
    let versions: HashMap<i32, SetChange> =
        file.scenario_set.versions.iter().map(|record| (record.version, record.change)).collect();
    let mut made = HashSet::new();
    for (i, record) in file.scenario_proposals.iter().enumerate() {
        let place = format!("scenario_proposals[{i}]");
        let said =
            [record.decided_by.is_some(), record.decided_at.is_some(), record.decision_reason.is_some()];
        let decided = matches!(record.status, ProposalStatus::Accepted | ProposalStatus::Rejected);
        if said != [decided; 3] {
            let detail = "What was accepted or rejected, and only that, says by whom, when and why.";
            wrong.push(Field::new(format!("{place}.status"), "half_decided", detail));
        }
        if record.decided_at.is_some_and(|decided| decided < record.created_at) {
            let detail = "Nothing is decided before it is proposed.";
            wrong.push(Field::new(format!("{place}.decided_at"), "out_of_order", detail));
        }
        let at = format!("{place}.accepted_in_version");
        match (record.status == ProposalStatus::Accepted, record.accepted_in_version) {
            (true, Some(version)) => {
                match versions.get(&version) {
                    None => wrong.push(Field::new(
                        &at,
                        "unknown_version",
                        "`scenario_set.versions` has no such version.",
                    )),
                    Some(change) if *change != kind(&record.change) => {
                        let detail = "Another kind of change made this version.";
                        wrong.push(Field::new(&at, "other_change", detail));
                    }
                    Some(_) => {}
                }
                if !made.insert(version) {
                    wrong.push(Field::new(&at, "duplicate", "Another proposal made this version."));
                }
            }
            (false, None) => {}
            _ => {
                let detail = "What was accepted, and only that, made a version.";
                wrong.push(Field::new(&at, "half_decided", detail));
            }
        }
        wrong.extend(check_change(&format!("{place}.change"), file, &record.change));
    }
    wrong
}

fn kind(change: &ChangeRecord) -> SetChange {
    match change {
        ChangeRecord::Add { .. } => SetChange::Add,
        ChangeRecord::Retire { .. } => SetChange::Retire,
        ChangeRecord::Merge { .. } => SetChange::Merge,
        ChangeRecord::Split { .. } => SetChange::Split,
    }
}

fn check_change(place: &str, file: &DebateFile, change: &ChangeRecord) -> Vec<Field> {
    let mut keys: Vec<(String, &Key)> = Vec::new();
    let mut proposed: Vec<(String, &ProposedRecord)> = Vec::new();
    match change {
        ChangeRecord::Add { scenario } => proposed.push((format!("{place}.scenario"), scenario)),
        ChangeRecord::Retire { scenario_key } => keys.push((format!("{place}.scenario_key"), scenario_key)),
        ChangeRecord::Merge { scenario_keys, into } => {
            let named = scenario_keys.iter().enumerate();
            keys.extend(named.map(|(i, key)| (format!("{place}.scenario_keys[{i}]"), key)));
            match into {
                MergeRecord::ScenarioKey(key) => keys.push((format!("{place}.into.scenario_key"), key)),
                MergeRecord::Scenario(new) => proposed.push((format!("{place}.into.scenario"), new)),
            }
        }
        ChangeRecord::Split { scenario_key, into } => {
            keys.push((format!("{place}.scenario_key"), scenario_key));
            let new = into.iter().enumerate();
            proposed.extend(new.map(|(i, new)| (format!("{place}.into[{i}]"), new)));
        }
    }
    let mut wrong = Vec::new();
    for (at, new) in proposed {
        if new.chain_steps.len() > MAX_STEPS {
            let detail = format!("At most {MAX_STEPS} steps.");
            wrong.push(Field::new(format!("{at}.chain_steps"), "too_many", detail));
        }
        keys.extend(new.parent.as_ref().map(|key| (format!("{at}.parent"), key)));
    }
    let unknown = keys.into_iter().filter(|(_, key)| !is_scenario(file, key));
    wrong.extend(unknown.map(|(at, _)| Field::new(at, "unknown_key", "No scenario has this key.")));
    wrong
}

/// Checks a citation that stands alone.
fn check_citation(at: &str, file: &DebateFile, citation: &CitationByKey) -> Vec<Field> {
    let citations = std::slice::from_ref(citation);
    let mut wrong = check_keyed_citations(at, citations, &file.topic.sources, &file.topic.quotations);
    for field in &mut wrong {
        field.field = field.field.replace(&format!("{at}[0]"), at);
    }
    wrong
}

fn check_implications(file: &DebateFile) -> Vec<Field> {
    let times = file.implications.iter().map(|record| &record.created_at);
    let mut wrong = check_order("implications", "Implications", times);
    for (i, record) in file.implications.iter().enumerate() {
        let place = format!("implications[{i}]");
        let mut refuse = |field: String, code, detail: &str| {
            wrong.push(Field::new(format!("{place}{field}"), code, detail));
        };
        if file.implications[..i].iter().any(|other| other.key == record.key) {
            refuse(".key".to_owned(), "duplicate_key", "Another implication has this key.");
        }
        if record.bears_on.is_empty() || record.bears_on.len() > MAX_BEARS_ON {
            refuse(".bears_on".to_owned(), "not_so_many", "It bears on 1 to 20 scenarios.");
        }
        for (k, key) in record.bears_on.iter().enumerate() {
            if !is_scenario(file, key) {
                refuse(format!(".bears_on[{k}]"), "unknown_key", "No scenario has this key.");
            }
            if record.bears_on[..k].contains(key) {
                refuse(format!(".bears_on[{k}]"), "duplicate", "This scenario was named before.");
            }
        }
        let said = [record.resolved_by.is_some(), record.resolved_at.is_some(), record.citation.is_some()];
        if said != [record.resolution != Resolution::Unresolved; 3] {
            refuse(
                ".resolution".to_owned(),
                "half_resolved",
                "What is resolved, and only that, says by whom, when and by which source.",
            );
        }
        if record.resolved_at.is_some_and(|resolved| resolved < record.created_at) {
            refuse(".resolved_at".to_owned(), "out_of_order", "Nothing is resolved before it is proposed.");
        }
        if record.resolved_by.as_ref() == Some(&record.author) {
            refuse(".resolved_by".to_owned(), "own_implication", "Nobody settles their own implication.");
        }
        if let Some(citation) = &record.citation {
            wrong.extend(check_citation(&format!("{place}.citation"), file, citation));
        }
    }
    wrong
}

fn check_classes(file: &DebateFile) -> Vec<Field> {
    let times = file.reference_classes.iter().map(|record| &record.created_at);
    let mut wrong = check_order("reference_classes", "Reference classes", times);
    let mut numbers: HashMap<&Key, u64> = HashMap::new();
    for (i, record) in file.reference_classes.iter().enumerate() {
        let place = format!("reference_classes[{i}]");
        let at = format!("{place}.scenario");
        if !is_scenario(file, &record.scenario) {
            wrong.push(Field::new(&at, "unknown_key", "No scenario has this key."));
        }
        let number = numbers.entry(&record.scenario).or_default();
        *number += 1;
        if *number > MAX_REFERENCE_CLASSES {
            let detail = format!("A scenario has at most {MAX_REFERENCE_CLASSES} reference classes.");
            wrong.push(Field::new(&at, "too_many", detail));
        }
        if let Some(field) = check_cases(record.cases, record.with_outcome) {
            wrong.push(Field { field: format!("{place}.{}", field.field), ..field });
        }
        wrong.extend(check_citation(&format!("{place}.citation"), file, &record.citation));
    }
    wrong
}
