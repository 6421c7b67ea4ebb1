//! What the parts of a debate file must be to each other, each refusal with its path.

mod named;
mod said;

pub(super) use said::{around, by_person, moved};

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::format::{BroughtRecord, DebateFile, PostRecord, RelationRecord, TargetRecord};
use crate::accounts::rules::{DisplayName, Username};
use crate::basis_points::BasisPoints;
use crate::clock::{Time, Timestamp};
use crate::criteria::rules::{Cases, CasesWithOutcome, ClassDescription, Rating};
use crate::decisions::rules::ClosingSummary;
use crate::error::Field;
use crate::historic_date::HistoricDate;
use crate::implications::rules::ImplicationStatement;
use crate::invalid::Invalid;
use crate::mind_changes::rules::MindChangeExplanation;
use crate::posts::rules::{MAX_RELATIONS, PostBody, TargetKind, check_relation};
use crate::scenario_sets::rules::ProposalReason;
use crate::scenarios::rules::{ScenarioLabel, ScenarioStatement, StepStatement, check_labels, check_number};
use crate::sources::rules::{
    Attribution, AuthorName, BibliographyKey, Key, Language, Locator, QuotationText, SourceNote, SourceTitle,
    SourceType, SourceUrl, check_keyed_citations,
};
use crate::topics::rules::{
    EventName, QuestionText, Slug, Statement, Tag, ToleranceDays, TopicStatus, TopicTitle, check,
};

/// `/posts/3/body` as `posts[3].body`, the form that every other error has.
pub(super) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push('[');
            path.push_str(part);
            path.push(']');
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    if path.is_empty() { "(file)".to_owned() } else { path }
}

/// Reads a value as a type, only to see whether it is one.
type Reader = fn(&Value) -> Result<(), serde_json::Error>;

/// The types whose values have rules that a schema cannot say: which characters a text may hold, that a
/// month has no 31st day.
fn reader(name: &str) -> Option<Reader> {
    macro_rules! readers {
        ($($type:ident)*) => {
            match name {
                $(stringify!($type) => Some(|value: &Value| $type::deserialize(value).map(drop)),)*
                _ => None,
            }
        };
    }
    readers!(
        Attribution AuthorName BasisPoints Cases CasesWithOutcome ClassDescription ClosingSummary DisplayName EventName
        HistoricDate ImplicationStatement Key Language Locator MindChangeExplanation PostBody ProposalReason QuestionText
        QuotationText Rating
        ScenarioLabel ScenarioStatement Slug SourceNote SourceTitle SourceType SourceUrl Statement StepStatement Tag
        Timestamp ToleranceDays TopicTitle Username
    )
}

/// Finds every value that is of the shape the schema asks for and still not valid.
pub(super) fn find_bad_values(schema: &Value, value: &Value, wrong: &mut Vec<Field>) {
    find_below(schema, schema, value, String::new(), wrong);
}

fn find_below(whole: &Value, schema: &Value, value: &Value, path: String, wrong: &mut Vec<Field>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        match reader(name) {
            Some(read) => {
                if let Err(error) = read(value) {
                    refuse(path, &error.to_string(), wrong);
                }
            }
            None => find_below(whole, &whole["$defs"][name], value, path, wrong),
        }
        return;
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        if !value.is_null() {
            find_below(whole, choice, value, path.clone(), wrong);
        }
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, value) in fields {
            if let Some(schema) = properties.get(name) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                find_below(whole, schema, value, path, wrong);
            }
        }
    }
    for (i, value) in value.as_array().into_iter().flatten().enumerate() {
        find_below(whole, &schema["items"], value, format!("{path}[{i}]"), wrong);
    }
}

/// Adds a refusal, unless the schema refused the value, or a part of it, already.
fn refuse(path: String, message: &str, wrong: &mut Vec<Field>) {
    let is_known = |field: &Field| {
        field.field.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if wrong.iter().any(is_known) {
        return;
    }
    let (code, detail) = Invalid::split(message).unwrap_or(("not_valid", message));
    wrong.push(Field { field: path, code: code.to_owned().into(), detail: detail.to_owned() });
}

/// What a file dates later than this: what has not happened yet would stay the newest for as long.
pub(super) fn check_times(file: &DebateFile, latest: Time) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut past = |at: String, time: Option<Timestamp>| {
        if time.is_some_and(|time| Time::from(time) > latest) {
            wrong.push(Field::new(at, "in_the_future", "This has not happened yet."));
        }
    };
    past("created_at".to_owned(), file.created_at);
    for (i, post) in file.posts.iter().enumerate() {
        past(format!("posts[{i}].created_at"), post.created_at);
        for (k, relation) in post.relations.iter().enumerate() {
            past(format!("posts[{i}].relations[{k}].created_at"), relation.created_at);
            past(format!("posts[{i}].relations[{k}].withdrawn_at"), relation.withdrawn_at);
        }
        for (k, revision) in post.revisions.iter().enumerate() {
            past(format!("posts[{i}].revisions[{k}].created_at"), Some(revision.created_at));
        }
    }
    for (i, vote) in file.votes.iter().enumerate() {
        past(format!("votes[{i}].cast_at"), vote.cast_at);
    }
    for (i, record) in file.scenario_set.versions.iter().enumerate() {
        past(format!("scenario_set.versions[{i}].created_at"), Some(record.created_at));
    }
    for (i, record) in file.scenario_proposals.iter().enumerate() {
        past(format!("scenario_proposals[{i}].created_at"), Some(record.created_at));
        past(format!("scenario_proposals[{i}].decided_at"), record.decided_at);
    }
    for (i, record) in file.implications.iter().enumerate() {
        past(format!("implications[{i}].created_at"), Some(record.created_at));
        past(format!("implications[{i}].resolved_at"), record.resolved_at);
    }
    macro_rules! past {
        ($($field:ident.$time:ident)*) => {$(
            for (i, record) in file.$field.iter().enumerate() {
                past(format!(concat!(stringify!($field), "[{}].", stringify!($time)), i), Some(record.$time));
            }
        )*};
    }
    past! {
        reference_classes.created_at credences.created_at meta_predictions.updated_at step_credences.updated_at
        inevitability.updated_at checkpoint_credences.updated_at mind_changes.created_at forecasts.created_at
        criterion_ratings.updated_at cotenability_flags.updated_at kind_disputes.updated_at
        outcome_likelihoods.updated_at
    }
    wrong
}

/// Refuses what stands before something older.
fn check_order<'a>(name: &str, what: &str, times: impl Iterator<Item = &'a Timestamp>) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut last: Option<&Timestamp> = None;
    for (i, time) in times.enumerate() {
        if last.is_some_and(|last| last > time) {
            let detail = format!("{what} stand in the order of time.");
            wrong.push(Field::new(format!("{name}[{i}].created_at"), "out_of_order", detail));
        }
        last = Some(time);
    }
    wrong
}

/// Everything that a file's parts must be to each other.
pub(super) fn check_file(file: &DebateFile) -> Vec<Field> {
    let mut wrong = check("topic.", &file.topic);
    let mut unknown_person = |at: String, name: &Username| {
        if !file.people.iter().any(|person| person.username == *name) {
            wrong.push(Field::new(at, "unknown_person", format!("`people` has no {name}.")));
        }
    };
    unknown_person("author".to_owned(), &file.author);
    for (i, record) in file.scenario_set.history.iter().enumerate() {
        unknown_person(format!("scenario_set.history[{i}].proposer"), &record.proposer);
    }
    for (i, post) in file.posts.iter().enumerate() {
        if let Some(author) = &post.author {
            unknown_person(format!("posts[{i}].author"), author);
        }
    }
    for (i, vote) in file.votes.iter().enumerate() {
        unknown_person(format!("votes[{i}].voter"), &vote.voter);
    }
    for (at, name) in named::people(file) {
        unknown_person(at, name);
    }
    for (i, person) in file.people.iter().enumerate() {
        if file.people[..i].iter().any(|other| other.username.skeleton() == person.username.skeleton()) {
            wrong.push(Field::new(
                format!("people[{i}].username"),
                "duplicate",
                "Another name looks like this one.",
            ));
        }
    }
    if file.topic.status == TopicStatus::Draft && !file.posts.is_empty() {
        wrong.push(Field::new("topic.status", "draft_with_posts", "A draft has no posts."));
    }
    if file.topic.status.is_out_of_sight() {
        wrong.push(Field::new(
            "topic.status",
            "moderated",
            "What moderators took out of sight is in no file.",
        ));
    }
    wrong.extend(check_scenario_set(file));
    let mut before = Before::default();
    wrong.extend(check_posts(file, &mut before));
    wrong.extend(check_brought(file));
    wrong.extend(check_votes(file));
    wrong.extend(named::check(file));
    wrong.extend(said::check(file, &before));
    wrong
}

fn check_scenario_set(file: &DebateFile) -> Vec<Field> {
    let mut wrong = Vec::new();
    let history = &file.scenario_set.history;
    let is_retired = |key: &Key| {
        history.iter().any(|record| record.scenario == *key && record.retired_in_version.is_some())
    };
    let live = || {
        file.topic.scenarios.iter().filter(|scenario| scenario.parent.is_none() && !is_retired(&scenario.key))
    };
    let rivals = live().filter(|scenario| !scenario.is_residual).count();
    if file.topic.status != TopicStatus::Draft && (rivals < 2 || live().count() != rivals + 1) {
        wrong.push(Field::new(
            "scenario_set.history",
            "too_few",
            "An open topic has two rival scenarios or more and one residual that are not retired.",
        ));
    }
    let live = file.topic.scenarios.iter().filter(|scenario| !is_retired(&scenario.key)).count();
    wrong.extend(check_number("topic.", live));
    wrong.extend(check_labels("topic.", &file.topic.scenarios, |key| !is_retired(key)));
    let is_known = |key: &Key| file.topic.scenarios.iter().any(|scenario| scenario.key == *key);
    for (i, record) in file.scenario_set.history.iter().enumerate() {
        let place = format!("scenario_set.history[{i}]");
        if !is_known(&record.scenario) {
            wrong.push(Field::new(format!("{place}.scenario"), "unknown_key", "No scenario has this key."));
        }
        if file.scenario_set.history[..i].iter().any(|other| other.scenario == record.scenario) {
            wrong.push(Field::new(
                format!("{place}.scenario"),
                "duplicate",
                "This scenario has a record already.",
            ));
        }
        if record.introduced_in_version > file.scenario_set.version {
            wrong.push(Field::new(
                format!("{place}.introduced_in_version"),
                "not_yet",
                "The set has no such version.",
            ));
        }
        if record.retired_in_version.is_some_and(|retired| {
            retired <= record.introduced_in_version || retired > file.scenario_set.version
        }) {
            wrong.push(Field::new(
                format!("{place}.retired_in_version"),
                "out_of_order",
                "After it was introduced, and no later than now.",
            ));
        }
        if record.merged_into.as_ref().is_some_and(|key| !is_known(key) || *key == record.scenario) {
            wrong.push(Field::new(
                format!("{place}.merged_into"),
                "unknown_key",
                "No other scenario has this key.",
            ));
        }
        if record.merged_into.is_some() && record.retired_in_version.is_none() {
            wrong.push(Field::new(
                format!("{place}.merged_into"),
                "not_retired",
                "What was merged was retired.",
            ));
        }
    }
    wrong
}

/// What came before a post in the file: where posts and relations stand, by their keys.
#[derive(Default)]
struct Before<'a> {
    posts: HashMap<&'a Key, (usize, &'a PostRecord)>,
    relations: HashMap<&'a Key, Option<Timestamp>>,
}

fn check_posts<'a>(file: &'a DebateFile, before: &mut Before<'a>) -> Vec<Field> {
    let mut wrong = Vec::new();
    if file.closing_summary.is_some() && file.topic.status != TopicStatus::Archived {
        let detail = "Only a topic that is archived was closed.";
        wrong.push(Field::new("closing_summary", "not_archived", detail));
    }
    for (i, post) in file.posts.iter().enumerate() {
        let place = format!("posts[{i}]");
        let earlier = i.checked_sub(1).and_then(|i| file.posts[i].created_at);
        // Undated posts get the time of import, or that of the last dated one where that is later.
        if i > 0 && post.created_at.is_some() && (earlier.is_none() || post.created_at < earlier) {
            wrong.push(Field::new(
                format!("{place}.created_at"),
                "out_of_order",
                "Posts stand in the order of time, undated ones last.",
            ));
        }
        wrong.extend(check_post(&place, file, post, before));
        before.posts.insert(&post.key, (i, post));
        let made = |relation: &RelationRecord| relation.created_at.or(post.created_at);
        before.relations.extend(post.relations.iter().map(|relation| (&relation.key, made(relation))));
    }
    wrong
}

fn check_post(place: &str, file: &DebateFile, post: &PostRecord, before: &Before<'_>) -> Vec<Field> {
    let mut wrong = Vec::new();
    let mut refuse =
        |field: &str, code, detail: &str| wrong.push(Field::new(format!("{place}{field}"), code, detail));
    if before.posts.contains_key(&post.key) {
        refuse(".key", "duplicate_key", "Another post has this key.");
    }
    if post.parent.as_ref().is_some_and(|key| !before.posts.contains_key(key)) {
        refuse(".parent", "unknown_key", "No post before this one has this key.");
    }
    let is_duplicate = |key: &Key| before.posts.get(key).is_some_and(|(_, post)| post.duplicate_of.is_some());
    if post.parent.as_ref().is_some_and(is_duplicate) {
        refuse(
            ".parent",
            "post_is_duplicate",
            "What answers a duplicate stands below the post that says the same.",
        );
    }
    match &post.duplicate_of {
        Some(key) if !before.posts.contains_key(key) => {
            refuse(".duplicate_of", "unknown_key", "No post before this one has this key.");
        }
        Some(key) if is_duplicate(key) => {
            refuse(".duplicate_of", "post_is_duplicate", "That post is a duplicate itself.");
        }
        _ => {}
    }
    if post.author.is_some() != post.body.is_some() {
        refuse("", "half_a_tombstone", "A post has an author and a body; a tombstone has neither.");
    }
    // Withdrawn relations are kept, so there may be more than a post has at one time.
    if post.relations.len() > MAX_RELATIONS * 10 || post.stance_effects.len() > MAX_RELATIONS {
        refuse("", "too_many", "Too many relations or stance effects.");
    }
    if let (Some(last), Some(body)) = (post.revisions.last(), &post.body)
        && last.body != *body
    {
        refuse(".revisions", "not_the_last", "The last revision is the present text.");
    }
    if post.revisions.windows(2).any(|pair| pair[1].created_at < pair[0].created_at) {
        refuse(".revisions", "out_of_order", "Revisions stand in the order of time.");
    }
    for (k, effect) in post.stance_effects.iter().enumerate() {
        let at = format!(".stance_effects[{k}].scenario");
        if !file.topic.scenarios.iter().any(|scenario| scenario.key == effect.scenario) {
            refuse(&at, "unknown_key", "No scenario has this key.");
        }
        if post.stance_effects[..k].iter().any(|other| other.scenario == effect.scenario) {
            refuse(&at, "duplicate", "One direction for each scenario.");
        }
    }
    let at = format!("{place}.citations");
    wrong.extend(check_keyed_citations(&at, &post.citations, &file.topic.sources, &file.topic.quotations));
    for (k, relation) in post.relations.iter().enumerate() {
        let at = format!("{place}.relations[{k}]");
        wrong.extend(check_relation_record(&at, file, relation, before));
        let made = relation.target.key.as_ref().and_then(|key| before.relations.get(key)).copied().flatten();
        let is_younger = made.is_some_and(|made| post.created_at.is_none_or(|posted| made > posted));
        if relation.target.kind == TargetKind::Relation && is_younger {
            wrong.push(Field::new(
                format!("{at}.target"),
                "not_older",
                "A post bears on what was there before it.",
            ));
        }
        let again = |other: &RelationRecord| {
            other.relation_type == relation.relation_type
                && other.target == relation.target
                && other.withdrawn_at.is_none()
        };
        if relation.withdrawn_at.is_none() && post.relations[..k].iter().any(again) {
            wrong.push(Field::new(&at, "duplicate", "The post says this already."));
        }
        let key_is_taken = post.relations[..k].iter().any(|other| other.key == relation.key);
        if key_is_taken || before.relations.contains_key(&relation.key) {
            wrong.push(Field::new(format!("{at}.key"), "duplicate_key", "Another relation has this key."));
        }
    }
    for (k, revision) in post.revisions.iter().enumerate() {
        for (n, recorded) in revision.relations.iter().enumerate() {
            let at = format!("{place}.revisions[{k}].relations[{n}]");
            wrong.extend(check_target(&at, file, &recorded.target, before));
        }
    }
    wrong
}

fn check_relation_record(
    at: &str,
    file: &DebateFile,
    relation: &RelationRecord,
    before: &Before<'_>,
) -> Vec<Field> {
    let RelationRecord { relation_type, target, .. } = relation;
    let mut wrong: Vec<Field> =
        check_relation(at, *relation_type, target.kind, relation.evidence()).into_iter().collect();
    wrong.extend(check_target(at, file, target, before));
    wrong
}

fn check_target(at: &str, file: &DebateFile, target: &TargetRecord, before: &Before<'_>) -> Option<Field> {
    let topic = &file.topic;
    let there = match (target.kind, &target.key) {
        (TargetKind::Topic, None) => true,
        (TargetKind::Topic, Some(_)) | (_, None) => false,
        (TargetKind::Post, Some(key)) => before.posts.contains_key(key),
        (TargetKind::Relation, Some(key)) => before.relations.contains_key(key),
        (TargetKind::Scenario, Some(key)) => topic.scenarios.iter().any(|scenario| scenario.key == *key),
        (TargetKind::ChainStep, Some(key)) => {
            let steps = topic
                .scenarios
                .iter()
                .find(|scenario| scenario.key == *key)
                .map_or(0, |s| s.chain_steps.len());
            target
                .step_no
                .is_some_and(|step| step >= 1 && usize::try_from(step).is_ok_and(|step| step <= steps))
        }
        (TargetKind::BackgroundFact, Some(key)) => topic.background_facts.iter().any(|fact| fact.key == *key),
        (TargetKind::Variant, Some(key)) => topic.variants.iter().any(|variant| variant.key == *key),
    };
    let step_fits = target.step_no.is_some() == (target.kind == TargetKind::ChainStep);
    (!there || !step_fits).then(|| {
        Field::new(
            format!("{at}.target"),
            "unknown_key",
            "Nothing of this kind has this key; posts and relations must come before the post that bears on them.",
        )
    })
}

fn check_brought(file: &DebateFile) -> Vec<Field> {
    let mut wrong = Vec::new();
    for (i, BroughtRecord { entry, by }) in file.brought.iter().enumerate() {
        let known = match entry {
            BibliographyKey::Source(key) => {
                file.topic.sources.iter().any(|source| source.key.as_ref() == Some(key))
            }
            BibliographyKey::Quotation(key) => {
                file.topic.quotations.iter().any(|quotation| quotation.key == *key)
            }
        };
        if !known {
            wrong.push(Field::new(
                format!("brought[{i}].entry"),
                "unknown_key",
                "The bibliography has no such key.",
            ));
        }
        if !file.posts.iter().any(|post| post.key == *by) {
            wrong.push(Field::new(format!("brought[{i}].by"), "unknown_key", "No post has this key."));
        }
        if file.brought[..i].iter().any(|other| other.entry == *entry) {
            wrong.push(Field::new(format!("brought[{i}].entry"), "duplicate", "One post brings an entry."));
        }
    }
    wrong
}

fn check_votes(file: &DebateFile) -> Vec<Field> {
    let mut wrong = Vec::new();
    let posts: HashMap<&Key, &PostRecord> = file.posts.iter().map(|post| (&post.key, post)).collect();
    let mut cast = std::collections::HashSet::new();
    for (i, vote) in file.votes.iter().enumerate() {
        let place = format!("votes[{i}]");
        match posts.get(&vote.post) {
            None => wrong.push(Field::new(format!("{place}.post"), "unknown_key", "No post has this key.")),
            Some(post) if post.author.as_ref() == Some(&vote.voter) => {
                wrong.push(Field::new(
                    format!("{place}.voter"),
                    "own_post",
                    "Nobody votes on their own post.",
                ));
            }
            Some(_) => {}
        }
        if !cast.insert((&vote.post, &vote.voter)) {
            wrong.push(Field::new(place, "duplicate", "This person's vote on this post is there already."));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_with_rules_of_its_own_is_read() {
        let schema = super::super::format::schema().unwrap();
        let definitions = schema["$defs"].as_object().unwrap();
        let is_leaf = |schema: &Value| schema.get("properties").is_none() && schema.get("oneOf").is_none();
        for (name, schema) in definitions {
            // An enumeration says all there is to say.
            assert!(!is_leaf(schema) || schema.get("enum").is_some() || reader(name).is_some(), "{name}");
        }
    }

    #[test]
    fn pointers_become_paths() {
        assert_eq!(dotted("/posts/3/relations/0/target"), "posts[3].relations[0].target");
        assert_eq!(dotted(""), "(file)");
    }
}
