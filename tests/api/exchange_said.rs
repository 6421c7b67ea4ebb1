//! Debates as files with everything that people said: under pseudonyms, counted anew where they land, or left out.

use chrono::TimeDelta;
use otherwise::error::Code;
use otherwise::exchange::{Progress, export, import};
use serde_json::{Value, json};

use crate::exchange::{WITH_ALL, WITH_VOTES, bring, comes_back, contents, time_passes, without_identifiers};
use crate::support::builders::{day, judged_topic};
use crate::support::{Client, TestApp};

/// Why somebody was moved.
const WHY: &str = "I had not thought of the tides, and without them nobody lands.";

/// What is in a file only where credences are.
const SAID: [&str; 11] = [
    "credences",
    "meta_predictions",
    "step_credences",
    "inevitability",
    "checkpoint_credences",
    "mind_changes",
    "forecasts",
    "criterion_ratings",
    "cotenability_flags",
    "kind_disputes",
    "outcome_likelihoods",
];

fn new(label: &str, parent: Option<&str>) -> Value {
    let mut scenario =
        json!({ "label": label, "statement": "What it says is of no matter.", "outcome_vs_actual": "later" });
    if let Some(parent) = parent {
        scenario["parent_scenario_id"] = json!(parent);
    }
    scenario
}

/// States how likely scenarios are, and how one is shared out among its parts.
async fn states_with_part(who: &Client, topic: &str, bp: &[i64], part: &str) {
    let mut statement = who.vector(topic, bp).await;
    statement["sub_vector"] = json!([{ "scenario_id": part, "bp": 1500 }]);
    who.put(&format!("/topics/{topic}/credences/mine"), statement).await.is(200);
}

/// A debate in which people said everything that they can say, about a set of scenarios that changed under them.
async fn debate_with_opinions(app: &TestApp) -> String {
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let root = app.administrator("rosa").await;
    let mut question = judged_topic("Had the Armada landed in Kent");
    question["checkpoints"] = json!([day("1590-01-01"), day("1595-01-01")]);
    let made = alice.post("/topics", question).await.is(201);
    let slug = made.text("/slug");
    let steps = [0, 1, 2].map(|i| made.text(&format!("/scenarios/0/chain_steps/{i}/id")));
    let (step, fact) = (&steps[0], made.text("/background_facts/1/id"));
    let (falls, holds, flees) =
        (made.text("/scenarios/0/id"), made.text("/scenarios/1/id"), made.text("/scenarios/2/id"));
    let (calm, fog) = (made.text("/variants/0/id"), made.text("/variants/1/id"));
    let mut people = Vec::new();
    for name in ["dora", "emil", "fred", "gina", "hans", "inge"] {
        people.push(app.member(name).await);
    }
    // The first two in the same instant, in the order that is not that of their accounts.
    for (i, bp) in
        [[4000, 3000, 2000, 1000], [1000, 7000, 1000, 1000], [2500, 2500, 2500, 2500]].iter().enumerate()
    {
        people[5 - i].states_credences(&slug, bp).await;
        people[i].states_credences(&slug, bp).await;
        people[i].predicts(&slug, bp).await;
        time_passes(app);
    }
    alice.states_credences(&slug, &[10_000, 0, 0, 0]).await;
    let merge = json!({ "kind": "merge", "scenario_ids": [flees], "into": { "scenario_id": falls } });
    alice.changes_scenarios(&slug, merge).await;
    time_passes(app);
    people[0].states_credences(&slug, &[5000, 4000, 1000]).await;
    people[4].predicts(&slug, &[5000, 4000, 1000]).await;
    alice
        .changes_scenarios(&slug, json!({ "kind": "add", "scenario": new("A Spanish regency", None) }))
        .await;
    alice
        .changes_scenarios(&slug, json!({ "kind": "add", "scenario": new("In spring", Some(&falls)) }))
        .await;
    let read = alice.get(&format!("/topics/{slug}")).await.is(200);
    let part = read.text("/scenarios/5/id");
    time_passes(app);
    for (i, who) in people[..5].iter().enumerate() {
        let share = 500 * i64::try_from(i).unwrap();
        let bp = [6000 - share, 2000, 1000, 1000 + share];
        if i == 2 {
            states_with_part(who, &slug, &bp, &part).await
        } else {
            who.states_credences(&slug, &bp).await
        }
        time_passes(app);
    }
    people[1].predicts(&slug, &[1000, 2000, 3000, 4000]).await;

    // What is proposed and not, or not yet, done.
    bob.proposes_part(&slug).await;
    let path = format!("/topics/{slug}/scenario-proposals");
    for change in [
        json!({ "kind": "retire", "scenario_id": holds }),
        json!({ "kind": "merge", "scenario_ids": [falls, holds], "into": { "scenario": new("Either way", None) } }),
        json!({ "kind": "split", "scenario_id": holds, "into": [new("By land", None), new("By sea", None)] }),
    ] {
        time_passes(app);
        let reason = "The question is better put so.";
        let made = bob.post(&path, json!({ "change": change, "reason": reason })).await.is(201);
        let one = format!("/scenario-proposals/{}", made.text("/id"));
        let bob = bob.with("if-match", made.header("etag").unwrap());
        match change["kind"].as_str() {
            Some("split") => drop(bob.delete(&one).await.is(200)),
            Some("merge") => {}
            _ => {
                let root = root.with("if-match", made.header("etag").unwrap());
                let no = json!({ "decision": "reject", "reason": "It says what it should." });
                root.put(&format!("{one}/decision"), no).await.is(200);
            }
        }
    }

    // What moved whom; one account is younger than the post.
    let post = bob.posts_in(&slug, "Think of the tides.").await;
    time_passes(app);
    let kate = app.member("kate").await;
    for bp in [[2000, 2000, 3000, 3000], [2000, 2000, 2000, 4000]] {
        kate.states_credences(&slug, &bp).await;
    }
    people[0].states_credences(&slug, &[1000, 2000, 3000, 4000]).await;
    for who in [&kate, &people[0]] {
        time_passes(app);
        who.post(&format!("/posts/{post}/mind-changes"), json!({ "explanation": WHY })).await.is(201);
    }
    people[0].states_credences(&slug, &[0, 2000, 4000, 4000]).await;

    // What the record should show.
    let first = bob.proposes_in(&slug, "The muster rolls of Kent are short.").await;
    time_passes(app);
    let second = alice.proposes_in(&slug, "Parma's letters speak of barges.").await;
    for (i, who) in people.iter().enumerate() {
        who.forecasts(&first, 1000 * i64::try_from(i).unwrap()).await;
        time_passes(app);
    }
    people[0].forecasts(&first, 9900).await;
    people[0].forecasts(&second, 100).await;
    app.member("lena").await.forecasts(&second, 200).await;
    let path = format!("/implications/{first}");
    let etag = root.get(&path).await.is(200).header("etag").unwrap().to_owned();
    let found = json!({ "resolution": "found",
                        "citation": { "quotation_id": made.text("/quotations/0/id"), "locator": "f. 3" } });
    root.with("if-match", &etag).put(&format!("{path}/resolution"), found).await.is(200);

    // What is judged.
    bob.names_reference_class(&slug, 9, 3).await;
    time_passes(app);
    alice.names_reference_class(&slug, 1, 0).await;
    for (i, who) in people.iter().enumerate() {
        let rating = json!({ "ratings": { "clarity": i % 5, "projectability": 4 } });
        who.put(&format!("/scenarios/{falls}/ratings/mine"), rating.clone()).await.is(200);
        who.put(&format!("/variants/{calm}/ratings/mine"), rating).await.is(200);
        let clashes = json!({ "clashes": i % 2 == 0 });
        who.put(&format!("/chain-steps/{step}/cotenability/mine"), clashes.clone()).await.is(200);
        who.put(&format!("/background-facts/{fact}/cotenability/mine"), clashes).await.is(200);
        who.put(&format!("/variants/{fog}/kind-dispute/mine"), json!({ "disputes": i % 3 == 0 }))
            .await
            .is(200);
        who.put(&format!("/topics/{slug}/outcome-likelihood/mine"), json!({ "bp": 1000 * i })).await.is(200);
        let said: Vec<_> =
            steps.iter().map(|step| json!({ "chain_step_id": step, "bp": 9000 - 100 * i })).collect();
        let steps = json!({ "steps": said });
        who.put(&format!("/scenarios/{falls}/step-credences/mine"), steps).await.is(200);
        let from = if i == 2 { json!(null) } else { json!({ "value": "1588", "precision": "year" }) };
        who.put(&format!("/topics/{slug}/inevitability/mine"), json!({ "inevitable_from": from }))
            .await
            .is(200);
        let said = json!({ "checkpoints": [{ "position": 0, "occurred_by": 9000 },
                                           { "position": 2, "actual": 8000, "alternatives": 1000 + i }] });
        who.put(&format!("/topics/{slug}/checkpoint-credences/mine"), said).await.is(200);
        time_passes(app);
    }
    let shown = json!({ "crowd_shown_to_guests": true });
    root.patch(&format!("/topics/{slug}"), shown).await.is(200);
    slug
}

/// Identifiers that stand in lists differ between databases too.
fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) if text.parse::<uuid::Uuid>().is_ok() => "an identifier".clone_into(text),
        _ => {}
    }
}

#[tokio::test]
async fn what_people_said_comes_back_the_same_to_the_byte_and_counts_the_same() {
    let app = TestApp::new().await;
    let before = app.app.now();
    let slug = debate_with_opinions(&app).await;
    let (other, document) = comes_back(&app, &slug).await;
    for part in SAID.into_iter().chain(["scenario_proposals", "implications", "reference_classes"]) {
        assert!(document[part].as_array().is_some_and(|records| !records.is_empty()), "{part}");
    }
    let set = &document["scenario_set"];
    assert_eq!((&set["version"], &set["comparable_since"]), (&json!(4), &json!(3)));
    assert_eq!(set["versions"].as_array().unwrap().len(), 3);
    let numbers = |app: &TestApp| {
        let gaps = "SELECT count(*)::text FROM (SELECT max(number) AS last, count(*) AS n FROM credence
                    GROUP BY account_id) c WHERE last <> n";
        let app = app.clone();
        async move { app.rows(gaps).await }
    };
    assert_eq!(numbers(&other).await, ["0"]);

    // The clocks differ by an hour: what is seen of the past is asked for at the same moment.
    let moment = (before + TimeDelta::seconds(35)).format("%Y-%m-%dT%H:%M:%SZ");
    let first = document["implications"][0]["statement"].clone();
    for path in [
        format!("/topics/{slug}/credences"),
        format!("/topics/{slug}/credences?as_of={moment}"),
        format!("/topics/{slug}/assessment"),
        format!("/topics/{slug}/implications"),
        format!("/topics/{slug}/scenario-proposals"),
        format!("/topics/{slug}/thread?sort=old"),
    ] {
        let mut seen = Vec::new();
        for app in [&app, &other] {
            let mut body = app.guest().get(&path).await.is(200).body;
            without_identifiers(&mut body);
            mask(&mut body);
            // When it was counted.
            if let Some(pool) = body.get_mut("pool").and_then(Value::as_object_mut) {
                pool.remove("as_of");
            }
            seen.push(body);
        }
        assert_eq!(seen[0], seen[1], "{path}");
    }
    let crowd = other.guest().get(&format!("/topics/{slug}/credences")).await.is(200).body;
    assert!(crowd.to_string().contains("median"), "{crowd:#}");
    let forecast = other.guest().get(&format!("/topics/{slug}/implications")).await.is(200).body;
    assert!(forecast.to_string().contains(first.as_str().unwrap()));

    // Importing it where it came from, or where it landed, changes nothing.
    let (here, there) = (contents(&app).await, contents(&other).await);
    bring(&app, &document).await.unwrap();
    bring(&other, &document).await.unwrap();
    assert_eq!((contents(&app).await, contents(&other).await), (here, there));
}

#[tokio::test]
async fn nothing_ties_what_somebody_said_to_a_name() {
    let app = TestApp::new().await;
    let slug = debate_with_opinions(&app).await;
    let without = export(&app.app, &slug, WITH_VOTES).await.unwrap();
    let written = export(&app.app, &slug, WITH_ALL).await.unwrap();
    for name in ["dora", "emil", "fred", "gina", "hans", "inge", "kate", "lena"] {
        assert!(!written.contains(name), "{name}");
    }
    let (with, mut document): (Value, Value) =
        (serde_json::from_str(&written).unwrap(), serde_json::from_str(&without).unwrap());
    for part in SAID {
        assert!(document.as_object().unwrap().get(part).is_none(), "{part}");
        document[part] = with[part].clone();
    }
    assert!(!without.contains("person") && !without.contains(WHY));
    assert_eq!(document, with, "and everything else is there");
    // People are numbered by the time of their first vector; alice, who wrote, is one of them.
    let firsts: Vec<&str> = with["credences"].as_array().unwrap()[..7]
        .iter()
        .map(|record| record["person"].as_str().unwrap())
        .collect();
    assert_eq!(firsts, ["person-1", "person-2", "person-3", "person-4", "person-5", "person-6", "person-7"]);
    let last = with["forecasts"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["person"], &last["bp"]), (&json!("person-9"), &json!(200)));

    let other = TestApp::new().await;
    import(&other.app, written.as_bytes(), &Progress::none()).await.unwrap();
    let names =
        other.rows("SELECT username FROM account WHERE username LIKE 'participant-%' ORDER BY id").await;
    assert_eq!(names.len(), 9);
    let kinds = "SELECT DISTINCT kind || coalesce(password_hash, '') || coalesce(email, '') FROM account";
    assert_eq!(other.rows(kinds).await, ["imported"]);
}

/// Imports a debate with opinions after changes that spoil it: gives what is refused, and checks that nothing was stored.
async fn refused(app: &TestApp, file: &Value, spoil: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
    let mut file = file.clone();
    spoil(&mut file);
    let before = contents(app).await;
    let error = bring(app, &file).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid, "{error}");
    assert_eq!(contents(app).await, before);
    error.fields.into_iter().map(|field| (field.field, field.code.into_owned())).collect()
}

#[tokio::test]
async fn what_people_cannot_have_said_is_refused() {
    type Spoil = fn(&mut Value);
    fn again(file: &mut Value, part: &str) {
        let records = file[part].as_array_mut().unwrap();
        records.push(records.last().unwrap().clone());
    }
    let app = TestApp::new().await;
    let slug = debate_with_opinions(&app).await;
    let file: Value = serde_json::from_str(&export(&app.app, &slug, WITH_ALL).await.unwrap()).unwrap();
    let app = TestApp::new().await;
    app.app.clock.advance(TimeDelta::hours(1));
    let cases: [(&str, &str, Spoil); 47] = [
        ("scenario_set.comparable_since", "not_yet", |file| {
            file["scenario_set"]["comparable_since"] = json!(5)
        }),
        ("scenario_set.versions[1].comparable", "comparable", |file| {
            file["scenario_set"]["comparable_since"] = json!(2);
        }),
        ("scenario_set.versions[1].comparable", "not_comparable", |file| {
            file["scenario_set"]["versions"][1]["comparable"] = json!(true);
        }),
        ("scenario_set.versions[1].version", "out_of_order", |file| {
            file["scenario_set"]["versions"][1]["version"] = json!(2);
        }),
        ("scenario_set.versions[2].version", "not_yet", |file| {
            file["scenario_set"]["versions"][2]["version"] = json!(5);
        }),
        ("scenario_set.versions[2].created_at", "in_the_future", |file| {
            file["scenario_set"]["versions"][2]["created_at"] = json!("2030-01-01T00:00:00Z");
        }),
        ("credences[0].scenario_set_version", "unknown_version", |file| {
            file["scenario_set"]["versions"].as_array_mut().unwrap().remove(0);
        }),
        ("credences[0].vector", "not_a_whole", |file| file["credences"][0]["vector"][0]["bp"] = json!(1)),
        ("credences[0].vector", "incomplete", |file| {
            drop(file["credences"][0]["vector"].as_array_mut().unwrap().pop());
        }),
        ("credences[0].vector[0].scenario", "unknown_key", |file| {
            file["credences"][0]["vector"][0]["scenario"] = json!("scenario-5");
        }),
        ("credences[0].vector[1].scenario", "duplicate", |file| {
            file["credences"][0]["vector"][1]["scenario"] = json!("scenario-1");
        }),
        ("credences[0].vector[0].bp", "not_as_described", |file| {
            file["credences"][0]["vector"][0]["bp"] = json!(-1)
        }),
        ("credences[0].sub_vector[0].scenario", "unknown_key", |file| {
            file["credences"][0]["sub_vector"] = json!([{ "scenario": "scenario-6", "bp": 1 }]);
        }),
        ("credences[0].scenario_set_version", "not_yet", |file| {
            file["credences"][0]["scenario_set_version"] = json!(5);
        }),
        ("credences[0].vector[2].scenario", "unknown_key", |file| {
            file["credences"][0]["scenario_set_version"] = json!(2);
        }),
        ("credences[1].created_at", "out_of_order", |file| {
            file["credences"][0]["created_at"] = json!("2026-01-15T12:00:01Z");
        }),
        ("kind_disputes[0].updated_at", "in_the_future", |file| {
            file["kind_disputes"][0]["updated_at"] = json!("2030-01-01T00:00:00Z");
        }),
        ("credences[0]", "not_as_described", |file| file["credences"][0]["mood"] = json!("glad")),
        ("topic.status", "draft_with_credences", |file| file["topic"]["status"] = json!("draft")),
        ("meta_predictions[0].vector", "not_a_whole", |file| {
            file["meta_predictions"][0]["vector"][0]["bp"] = json!(1);
        }),
        ("meta_predictions[5]", "duplicate", |file| {
            again(file, "meta_predictions");
            again(file, "meta_predictions");
        }),
        ("step_credences[0]", "unknown_key", |file| file["step_credences"][0]["step_no"] = json!(4)),
        ("inevitability[6]", "duplicate", |file| again(file, "inevitability")),
        ("checkpoint_credences[0].position", "no_such_checkpoint", |file| {
            file["checkpoint_credences"][0]["position"] = json!(3);
        }),
        ("checkpoint_credences[0]", "empty", |file| {
            drop(file["checkpoint_credences"][0].as_object_mut().unwrap().remove("occurred_by"));
        }),
        ("mind_changes[2]", "duplicate", |file| again(file, "mind_changes")),
        ("mind_changes[0].person", "unknown_person", |file| {
            file["mind_changes"][0]["person"] = json!("person-99")
        }),
        ("mind_changes[0].post", "unknown_key", |file| file["mind_changes"][0]["post"] = json!("post-9")),
        ("mind_changes[0].after_number", "no_such_vector", |file| {
            file["mind_changes"][0]["after_number"] = json!(3);
        }),
        ("mind_changes[1].after_number", "not_comparable", |file| {
            file["mind_changes"][1]["after_number"] = json!(2);
        }),
        ("mind_changes[0].after_number", "unmoved", |file| {
            let records = file["credences"].as_array_mut().unwrap();
            let theirs: Vec<usize> =
                (0..records.len()).filter(|i| records[*i]["person"] == "person-8").collect();
            records[theirs[1]]["vector"] = records[theirs[0]]["vector"].clone();
        }),
        ("mind_changes[0].explanation", "not_as_described", |file| {
            file["mind_changes"][0]["explanation"] = json!("So.")
        }),
        ("forecasts[0].implication", "unknown_key", |file| {
            file["forecasts"][0]["implication"] = json!("no-1")
        }),
        ("forecasts[8].implication", "unknown_key", |file| {
            drop(file["implications"].as_array_mut().unwrap().pop());
        }),
        ("implications[0].resolution", "half_resolved", |file| {
            drop(file["implications"][0].as_object_mut().unwrap().remove("citation"));
        }),
        ("implications[0].bears_on[0]", "unknown_key", |file| {
            file["implications"][0]["bears_on"][0] = json!("scenario-9");
        }),
        ("criterion_ratings[0].target.kind", "wrong_kind", |file| {
            file["criterion_ratings"][0]["target"] = json!({ "kind": "topic" });
        }),
        ("kind_disputes[0].variant", "unknown_key", |file| {
            file["kind_disputes"][0]["variant"] = json!("no-1")
        }),
        ("reference_classes[0].with_outcome", "more_than_cases", |file| {
            file["reference_classes"][0]["with_outcome"] = json!(10);
        }),
        ("reference_classes[0].author", "unknown_person", |file| {
            file["reference_classes"][0]["author"] = json!("dora");
        }),
        ("scenario_proposals[0].accepted_in_version", "other_change", |file| {
            file["scenario_proposals"][0]["accepted_in_version"] = json!(3);
        }),
        ("scenario_proposals[0].decided_at", "out_of_order", |file| {
            file["scenario_proposals"][0]["decided_at"] = json!("1956-02-25T00:00:00Z");
        }),
        ("scenario_set.version", "gap", |file| file["scenario_set"]["version"] = json!(9)),
        ("scenario_set.versions[1].version", "gap", |file| {
            file["scenario_set"]["versions"].as_array_mut().unwrap().remove(1);
        }),
        ("credences[1]", "unmoved", |file| {
            let first = file["credences"][0].clone();
            file["credences"].as_array_mut().unwrap().insert(1, first);
        }),
        ("mind_changes[0].after_number", "not_yet", |file| {
            file["mind_changes"][0]["created_at"] = json!("2026-01-15T12:00:00Z");
        }),
        ("implications[0].resolved_by", "own_implication", |file| {
            file["implications"][0]["resolved_by"] = file["implications"][0]["author"].clone();
        }),
    ];
    let mut missed = Vec::new();
    for (field, code, spoil) in cases {
        let fields = refused(&app, &file, spoil).await;
        if !fields.contains(&(field.to_owned(), code.to_owned())) {
            missed.push(format!("{field} {code} in {fields:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    // And as it was written it lands.
    bring(&app, &file).await.unwrap();
}
