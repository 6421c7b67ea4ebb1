//! Sets of scenarios: proposed changes, who decides them, and what they make of credences stated before.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::exchange::{Extent, Progress, export, import};
use otherwise::worker::own_data_next;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::builders::{day, open_topic};
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// A scenario to be proposed.
pub fn new(label: &str) -> Value {
    json!({ "label": label, "statement": "What it says is of no matter here.", "outcome_vs_actual": "later" })
}

pub fn part_of(whole: &str, label: &str) -> Value {
    let mut part = new(label);
    part["parent_scenario_id"] = json!(whole);
    part
}

pub fn add(scenario: Value) -> Value {
    json!({ "kind": "add", "scenario": scenario })
}

pub fn retire(id: &str) -> Value {
    json!({ "kind": "retire", "scenario_id": id })
}

pub fn merge(ids: &[&str], into: Value) -> Value {
    json!({ "kind": "merge", "scenario_ids": ids, "into": into })
}

pub fn split(id: &str, into: &[Value]) -> Value {
    json!({ "kind": "split", "scenario_id": id, "into": into })
}

/// An open topic of alice's with three rivals, the first of which has a part, and the residual.
struct Set {
    app: TestApp,
    alice: Client,
    bob: Client,
    topic: String,
}

impl Set {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        let topic = opens(&alice).await;
        Self { app, alice, bob, topic }
    }

    async fn read(&self) -> Value {
        self.app.guest().get(&format!("/topics/{}", self.topic)).await.is(200).body
    }

    /// The identifier of the scenario with this label.
    async fn id(&self, label: &str) -> String {
        let read = self.read().await;
        let found = read["scenarios"].as_array().unwrap().iter().find(|scenario| scenario["label"] == label);
        found.unwrap_or_else(|| panic!("no {label}"))["id"].as_str().unwrap().to_owned()
    }

    async fn tries(&self, who: &Client, change: Value) -> Reply {
        proposes(who, &self.topic, change).await
    }

    async fn propose(&self, change: Value) -> String {
        self.tries(&self.bob, change).await.is(201).text("/id")
    }

    /// Proposes a change, and has it accepted.
    async fn change(&self, change: Value) {
        let id = self.propose(change).await;
        decides(&self.alice, &id, "accept").await.is(200);
    }

    fn mine(&self) -> String {
        format!("/topics/{}/credences/mine", self.topic)
    }

    /// The present vector of somebody by labels, retired scenarios left out.
    async fn present(&self, who: &Client) -> Option<BTreeMap<String, i64>> {
        let mine = who.get(&self.mine()).await.is(200).body;
        assert_eq!(mine["stale"], mine["present"].is_null());
        let read = self.read().await;
        let label = |id: &Value| {
            let scenarios = read["scenarios"].as_array().unwrap();
            let found = scenarios.iter().find(|scenario| scenario["id"] == *id).unwrap();
            assert_eq!(found["retired_in_version"], Value::Null);
            found["label"].as_str().unwrap().to_owned()
        };
        let parts = mine["present"].as_array()?;
        Some(parts.iter().map(|part| (label(&part["scenario_id"]), part["bp"].as_i64().unwrap())).collect())
    }
}

async fn opens(author: &Client) -> String {
    let mut topic = open_topic("Had the Armada landed in Kent");
    let scenarios = topic["scenarios"].as_array_mut().unwrap();
    scenarios.insert(
        2,
        json!({ "key": "shares", "label": "Elizabeth shares", "statement": "A council rules with her.",
                                "outcome_vs_actual": "different" }),
    );
    scenarios
        .push(json!({ "key": "wales", "label": "Flees to Wales", "statement": "She is safe there for now.",
                           "outcome_vs_actual": "absent", "parent": "falls" }));
    author.post("/topics", topic).await.is(201).text("/slug")
}

pub async fn proposes(who: &Client, topic: &str, change: Value) -> Reply {
    let proposal = json!({ "change": change, "reason": "The question is better put so." });
    who.post(&format!("/topics/{topic}/scenario-proposals"), proposal).await
}

pub async fn decides(who: &Client, id: &str, decision: &str) -> Reply {
    let etag = who.get(&format!("/scenario-proposals/{id}")).await.is(200).header("etag").unwrap().to_owned();
    let decision = json!({ "decision": decision, "reason": "It was talked over at length." });
    who.with("if-match", &etag).put(&format!("/scenario-proposals/{id}/decision"), decision).await
}

#[tokio::test]
async fn a_scenario_is_proposed_and_added() {
    let set = Set::new().await;
    let before = set.alice.get(&format!("/topics/{}", set.topic)).await.is(200);
    let mut scenario = new("A Spanish regency");
    scenario["chain_steps"] = json!([
        { "statement": "Elizabeth is taken.", "happens_by": { "value": "1589", "precision": "year" } },
        { "statement": "Parma rules in Philip's name.", "generalisation": "Who holds the capital rules." },
    ]);
    let made = set.tries(&set.bob, add(scenario)).await.is(201);
    let path = format!("/scenario-proposals/{}", made.text("/id"));
    assert_eq!(made.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(set.app.guest().get(&path).await.is(200).body, made.body);
    set.app.app.clock.advance(TimeDelta::minutes(5));
    let accepted = decides(&set.alice, &made.text("/id"), "accept").await.is(200);
    assert_eq!(set.app.guest().get(&path).await.is(200).body, accepted.body);
    accepted.matches(expect![[r#"
        {
          "accepted_in_version": 2,
          "change": {
            "kind": "add",
            "scenario": {
              "chain_steps": [
                {
                  "happens_by": {
                    "calendar": "gregorian",
                    "circa": false,
                    "precision": "year",
                    "value": "1589"
                  },
                  "statement": "Elizabeth is taken."
                },
                {
                  "generalisation": "Who holds the capital rules.",
                  "statement": "Parma rules in Philip's name."
                }
              ],
              "label": "A Spanish regency",
              "outcome_vs_actual": "later",
              "statement": "What it says is of no matter here."
            }
          },
          "created_at": "2026-01-15T12:00:00Z",
          "decided_at": "2026-01-15T12:05:00Z",
          "decided_by": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "decision_reason": "It was talked over at length.",
          "id": "00000000-0000-7000-8000-00000000000e",
          "proposer": {
            "id": "00000000-0000-7000-8000-000000000003",
            "role": "member",
            "username": "bob"
          },
          "reason": "The question is better put so.",
          "status": "accepted",
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
    let after = set.alice.get(&format!("/topics/{}", set.topic)).await.is(200);
    let tag = |reply: &Reply| reply.header("etag").unwrap().split('.').next().unwrap().to_owned();
    assert_eq!((tag(&before), tag(&after)), ("\"1".to_owned(), "\"2".to_owned()));
    assert_eq!(after.body["updated_at"], "2026-01-15T12:05:00Z");
    assert_eq!(
        after.body["scenario_set_versions"],
        json!([{ "version": 2, "change": "add", "comparable": false, "created_at": "2026-01-15T12:05:00Z" }])
    );
    assert_eq!(
        (&after.body["scenario_set_version"], &after.body["comparable_since"]),
        (&json!(2), &json!(2))
    );
    let added = after.body["scenarios"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(after.body["scenarios"].as_array().unwrap().len(), 6);
    assert_eq!((&added["proposer"]["username"], &added["introduced_in_version"]), (&json!("bob"), &json!(2)));
    assert_eq!(added["chain_steps"][1]["step_no"], 2);
    assert_eq!(added["chain_steps"][0]["happens_by"]["value"], "1589");
    // It can be argued about like any other.
    let relation = json!({ "type": "rebut", "target": { "kind": "scenario", "id": added["id"] } });
    let post = json!({ "body": "Parma had no such orders.", "relations": [relation] });
    set.bob.post(&format!("/topics/{}/posts", set.topic), post).await.is(201);
}

#[tokio::test]
async fn i6_what_is_merged_adds_up_and_what_is_new_makes_credences_stale() {
    let set = Set::new().await;
    set.bob.states_credences(&set.topic, &[5000, 2500, 1500, 1000]).await;
    let (falls, holds) = (set.id("Elizabeth falls").await, set.id("Elizabeth holds").await);
    let (shares, wales) = (set.id("Elizabeth shares").await, set.id("Flees to Wales").await);
    let other = set.id("Something else").await;
    let present =
        |parts: &[(&str, i64)]| Some(parts.iter().map(|(label, bp)| ((*label).to_owned(), *bp)).collect());
    // Parts are nobody's credences.
    set.change(add(part_of(&falls, "Flees to Scotland"))).await;
    let scotland = set.id("Flees to Scotland").await;
    set.change(merge(&[&wales, &scotland], json!({ "scenario": new("Flees") }))).await;
    let flees = set.id("Flees").await;
    set.change(split(&flees, &[new("Flees by land"), new("Flees by sea")])).await;
    let by_land = set.id("Flees by land").await;
    set.change(retire(&by_land)).await;
    let all = [
        ("Elizabeth falls", 5000),
        ("Elizabeth holds", 2500),
        ("Elizabeth shares", 1500),
        ("Something else", 1000),
    ];
    assert_eq!(set.present(&set.bob).await, present(&all));
    // A third, so that two are left.
    set.change(merge(&[&shares], json!({ "scenario_id": holds }))).await;
    let merged = [("Elizabeth falls", 5000), ("Elizabeth holds", 4000), ("Something else", 1000)];
    assert_eq!(set.present(&set.bob).await, present(&merged));
    let read = set.read().await;
    assert_eq!((&read["scenario_set_version"], &read["comparable_since"]), (&json!(6), &json!(1)));
    let became: Vec<String> = read["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|scenario| !scenario["retired_in_version"].is_null())
        .map(|scenario| {
            format!("{} {} {}", scenario["label"], scenario["retired_in_version"], scenario["merged_into"])
        })
        .collect();
    assert_eq!(
        became,
        [
            format!("\"Elizabeth shares\" 6 \"{holds}\""),
            format!("\"Flees to Wales\" 3 \"{flees}\""),
            format!("\"Flees to Scotland\" 3 \"{flees}\""),
            "\"Flees\" 4 null".to_owned(),
            format!("\"Flees by land\" 5 \"{falls}\""),
        ]
    );
    // What was stated stays as it was stated, in the history as well.
    let mine = set.bob.get(&set.mine()).await.is(200).body;
    assert_eq!((mine["vector"].as_array().unwrap().len(), &mine["scenario_set_version"]), (4, &json!(1)));
    assert_eq!(set.bob.get(&format!("{}/history", set.mine())).await.is(200).body["items"][0], mine);
    // Another rival was not asked about: nothing is filled in.
    set.change(add(new("A Spanish regency"))).await;
    assert_eq!(set.present(&set.bob).await, None);
    // Whoever states credences anew is asked about what there is now, and a merger keeps that.
    let regency = set.id("A Spanish regency").await;
    let vector: Vec<_> = [(&falls, 4000), (&holds, 3000), (&other, 2000), (&regency, 1000)]
        .iter()
        .map(|(id, bp)| json!({ "scenario_id": id, "bp": bp }))
        .collect();
    let stated = json!({ "scenario_set_version": 7, "vector": vector });
    let anew = set.bob.put(&set.mine(), stated).await.is(200);
    assert_eq!((&anew.body["stale"], &anew.body["present"]), (&json!(false), &anew.body["vector"]));
    set.change(retire(&regency)).await;
    let retired = [("Elizabeth falls", 4000), ("Elizabeth holds", 3000), ("Something else", 3000)];
    assert_eq!(set.present(&set.bob).await, present(&retired));
    // A whole that is split takes its parts with it.
    set.change(split(&falls, &[new("Falls at once"), new("Falls later")])).await;
    assert_eq!(set.present(&set.bob).await, None);
    let read = set.read().await;
    let by_sea =
        read["scenarios"].as_array().unwrap().iter().find(|one| one["label"] == "Flees by sea").unwrap();
    assert_eq!((&by_sea["retired_in_version"], &by_sea["merged_into"]), (&json!(9), &json!(falls)));
    let numbers = |name: &str| -> Vec<Value> {
        read["scenario_set_versions"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
    };
    assert_eq!(numbers("version"), (2..=9).map(|n| json!(n)).collect::<Vec<_>>());
    assert_eq!(
        json!(numbers("change")),
        json!(["add", "merge", "split", "retire", "merge", "add", "retire", "split"])
    );
    assert_eq!(json!(numbers("comparable")), json!([true, true, true, true, true, false, true, false]));
}

#[tokio::test]
async fn whoever_read_an_earlier_version_is_told_what_changed_since() {
    let set = Set::new().await;
    let (falls, holds) = (set.id("Elizabeth falls").await, set.id("Elizabeth holds").await);
    let (shares, other) = (set.id("Elizabeth shares").await, set.id("Something else").await);
    set.change(merge(&[&holds, &shares], json!({ "scenario": new("Elizabeth stays") }))).await;
    set.change(add(new("A Spanish regency"))).await;
    let vector: Vec<_> = [(&falls, 5000), (&holds, 2500), (&shares, 1500), (&other, 1000)]
        .iter()
        .map(|(id, bp)| json!({ "scenario_id": id, "bp": bp }))
        .collect();
    let old = |version: i32| json!({ "scenario_set_version": version, "vector": vector });
    let mut told = set.bob.put(&set.mine(), old(1)).await.is_problem(409, "scenarios_changed");
    told.body["request_id"] = json!("");
    told.matches(expect![[r#"
        {
          "changes": [
            {
              "added": [
                {
                  "id": "00000000-0000-7000-8000-00000000000f",
                  "label": "Elizabeth stays"
                }
              ],
              "change": "merge",
              "retired": [
                {
                  "id": "00000000-0000-7000-8000-000000000008",
                  "label": "Elizabeth holds",
                  "merged_into": "00000000-0000-7000-8000-00000000000f"
                },
                {
                  "id": "00000000-0000-7000-8000-000000000009",
                  "label": "Elizabeth shares",
                  "merged_into": "00000000-0000-7000-8000-00000000000f"
                }
              ],
              "version": 2
            },
            {
              "added": [
                {
                  "id": "00000000-0000-7000-8000-000000000011",
                  "label": "A Spanish regency"
                }
              ],
              "change": "add",
              "retired": [],
              "version": 3
            }
          ],
          "code": "scenarios_changed",
          "detail": "The scenarios are at version 3 by now: read the topic again, and decide again. Version 2 (merge): without “Elizabeth holds”, “Elizabeth shares”, with “Elizabeth stays”. Version 3 (add): with “A Spanish regency”.",
          "request_id": "",
          "status": 409,
          "title": "The scenarios have changed",
          "type": "urn:otherwise:problem:scenarios_changed"
        }
    "#]]);
    let told = set.bob.put(&set.mine(), old(2)).await.is_problem(409, "scenarios_changed");
    assert_eq!(told.body["changes"].as_array().unwrap().len(), 1);
    let told = set.bob.put(&set.mine(), old(4)).await.is_problem(409, "scenarios_changed");
    assert_eq!(told.body.get("changes"), None);
    set.bob.put(&set.mine(), old(-1)).await.is_problem(409, "scenarios_changed");
    set.bob.put(&set.mine(), old(i32::MIN)).await.is_problem(409, "scenarios_changed");
    set.bob.put(&set.mine(), old(i32::MAX)).await.is_problem(409, "scenarios_changed");
    set.bob.get(&set.mine()).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn i2_changes_that_do_not_fit_are_not_proposed() {
    let set = Set::new().await;
    let (falls, holds) = (set.id("Elizabeth falls").await, set.id("Elizabeth holds").await);
    let (shares, wales) = (set.id("Elizabeth shares").await, set.id("Flees to Wales").await);
    let other = set.id("Something else").await;
    let refuses = async |change: Value, fields: &[(&str, &str)]| {
        set.tries(&set.bob, change).await.refuses(fields);
    };
    refuses(retire(&other), &[("change.scenario_id", "residual_stays")]).await;
    refuses(
        split(&other, &[new("One of them"), new("Another")]),
        &[("change.scenario_id", "residual_stays")],
    )
    .await;
    let into_known = json!({ "scenario_id": falls });
    refuses(merge(&[&other], into_known.clone()), &[("change.scenario_ids[0]", "residual_stays")]).await;
    refuses(merge(&[&holds, &shares], into_known.clone()), &[("change", "too_few")]).await;
    refuses(merge(&[&wales], into_known.clone()), &[("change.into.scenario_id", "not_siblings")]).await;
    let mut residual = new("Yet something else");
    residual["outcome_vs_actual"] = json!("unspecified");
    refuses(add(residual), &[("change.scenario.outcome_vs_actual", "residual_is_unspecified")]).await;
    let mut never = new("It never was");
    never["outcome_vs_actual"] = json!("present");
    refuses(
        split(&falls, &[new("One of them"), never]),
        &[("change.into[1].outcome_vs_actual", "outcome_not_allowed")],
    )
    .await;
    refuses(split(&falls, &[new("Alone")]), &[("change.into", "too_few")]).await;
    let mut long = new("Step by step");
    long["chain_steps"] = json!(vec![json!({ "statement": "On." }); 9]);
    refuses(add(long), &[("change.scenario.chain_steps", "too_many")]).await;
    refuses(
        add(part_of("0198c5f0-0000-7000-8000-00000000dead", "A part")),
        &[("change.scenario.parent_scenario_id", "unknown_scenario")],
    )
    .await;
    // Whatever has no scenario in the topic has none in another.
    let elsewhere = opens(&set.alice).await;
    let foreign = set.alice.get(&format!("/topics/{elsewhere}")).await.text("/scenarios/0/id");
    refuses(retire(&foreign), &[("change.scenario_id", "unknown_scenario")]).await;
    // Readers tell scenarios apart by their labels.
    let taken = &[("change.scenario.label", "duplicate")];
    refuses(add(new("elizabeth HOLDS")), taken).await;
    refuses(add(part_of(&falls, "Flees to Wales")), taken).await;
    refuses(split(&falls, &[new("Sooner"), new("Sooner")]), &[("change.into[1].label", "duplicate")]).await;
    let again = json!({ "scenario": new("Elizabeth shares") });
    refuses(merge(&[&falls, &holds], again.clone()), &[("change.into.scenario.label", "duplicate")]).await;
    // Each kind has what it has.
    for change in [
        json!({ "kind": "add" }),
        json!({ "kind": "add", "scenario": new("One"), "scenario_id": falls }),
        json!({ "kind": "retire", "scenario_ids": [falls] }),
        json!({ "kind": "merge", "scenario_ids": [falls, holds], "into": [new("One"), new("Two")] }),
        json!({ "kind": "split", "scenario_id": falls, "into": into_known }),
    ] {
        refuses(change, &[("change", "not_of_its_kind")]).await;
    }
    refuses(merge(&[&falls, &holds], json!({})), &[("change.into", "missing")]).await;
    let both = json!({ "scenario_id": shares, "scenario": new("One") });
    refuses(merge(&[&falls, &holds], both), &[("change.into", "ambiguous")]).await;
    refuses(split(&falls, &vec![new("One of many"); 41]), &[("change.into", "too_many")]).await;
    refuses(add(json!({ "label": "No" })), &[("change.scenario.label", "too_short")]).await;
    refuses(
        merge(&[&falls], json!({ "scenario": { "name": "No" } })),
        &[("change.into.scenario.name", "unknown_field")],
    )
    .await;
    refuses(
        split(&falls, &[new("One of them"), json!({ "label": "x" })]),
        &[("change.into[1].label", "too_short")],
    )
    .await;
    refuses(json!({ "kind": "rename" }), &[("change.kind", "unknown_value")]).await;
    let path = format!("/topics/{}/scenario-proposals", set.topic);
    let hasty = json!({ "change": retire(&falls), "reason": "Because." });
    set.bob.post(&path, hasty).await.refuses(&[("reason", "too_short")]);
    assert!(set.app.rows("SELECT id::text FROM scenario_proposal").await.is_empty());
    // A label is free elsewhere, and where what has it goes.
    set.tries(&set.bob, add(part_of(&holds, "Flees to Wales"))).await.is(201);
    set.tries(&set.bob, merge(&[&falls, &shares], again)).await.is(201);
}

#[tokio::test]
async fn a_topic_has_forty_scenarios_at_a_time_and_may_have_had_more() {
    let set = Set::new().await;
    for n in 0..35 {
        set.change(add(new(&format!("Number {n}")))).await;
    }
    set.tries(&set.bob, add(new("Number 35"))).await.refuses(&[("change", "too_many")]);
    let first = set.id("Number 0").await;
    set.change(retire(&first)).await;
    set.change(add(new("Number 35"))).await;
    assert_eq!(set.read().await["scenarios"].as_array().unwrap().len(), 41);
    // The rest of the topic can still be put right, and the debate be taken elsewhere.
    let carol = set.app.administrator("carol").await;
    carol.patch(&format!("/topics/{}", set.topic), json!({ "horizon_reason": "Her death." })).await.is(200);
    let written = export(&set.app.app, &set.topic, Extent { votes: true, credences: true }).await.unwrap();
    let other = TestApp::new().await;
    import(&other.app, written.as_bytes(), &Progress::none()).await.unwrap();
    assert_eq!(
        export(&other.app, &set.topic, Extent { votes: true, credences: true }).await.unwrap(),
        written
    );
    let taken = other.guest().get(&format!("/topics/{}", set.topic)).await.is(200).body;
    assert_eq!((&taken["scenario_set_version"], &taken["comparable_since"]), (&json!(38), &json!(38)));
    let retired = taken["scenarios"].as_array().unwrap().iter().filter(|one| !one["merged_into"].is_null());
    assert_eq!(retired.count(), 1);
}

#[tokio::test]
async fn the_author_and_the_staff_decide_once_and_what_no_longer_fits_stays_open() {
    let set = Set::new().await;
    let carol = set.app.administrator("carol").await;
    let shares = set.id("Elizabeth shares").await;
    let (first, second) = (set.propose(retire(&shares)).await, set.propose(retire(&shares)).await);
    let third = set.propose(add(new("A Spanish regency"))).await;
    let place = |id: &str| format!("/scenario-proposals/{id}/decision");
    let accept = json!({ "decision": "accept", "reason": "It was talked over at length." });
    decides(&set.bob, &first, "accept").await.is_problem(403, "not_your_topic");
    set.app
        .guest()
        .with("if-match", "*")
        .put(&place(&first), accept.clone())
        .await
        .is_problem(401, "unauthenticated");
    set.alice.put(&place(&first), accept.clone()).await.is_problem(428, "precondition_required");
    set.alice
        .with("if-match", "\"2.x\"")
        .put(&place(&first), accept.clone())
        .await
        .is_problem(412, "precondition_failed");
    let any = set.alice.with("if-match", "*");
    any.put(&place(&first), json!({ "decision": "perhaps", "reason": "It was talked over." }))
        .await
        .refuses(&[("decision", "unknown_value")]);
    any.put(&place(&first), json!({ "decision": "accept", "reason": "So be it" }))
        .await
        .refuses(&[("reason", "too_short")]);
    any.put(&place("0198c5f0-0000-7000-8000-00000000dead"), accept.clone())
        .await
        .is_problem(404, "not_found");
    decides(&set.alice, &first, "accept").await.is(200);
    decides(&set.alice, &first, "accept").await.is_problem(409, "proposal_closed");
    decides(&set.alice, &first, "reject").await.is_problem(409, "proposal_closed");
    // The same again is not possible any more, and can be rejected.
    let misfit = decides(&set.alice, &second, "accept").await.is_problem(409, "change_does_not_fit");
    assert!(misfit.text("/detail").contains("no longer in force"), "{:#}", misfit.body);
    let still = set.app.guest().get(&format!("/scenario-proposals/{second}")).await.is(200);
    assert_eq!((&still.body["status"], &still.body["decided_at"]), (&json!("open"), &Value::Null));
    let rejected = decides(&carol, &second, "reject").await.is(200);
    assert_eq!(rejected.body["decided_by"]["username"], "carol");
    assert_eq!(
        (&rejected.body["status"], &rejected.body["accepted_in_version"]),
        (&json!("rejected"), &Value::Null)
    );
    assert_eq!(set.read().await["scenario_set_version"], 2);
    // Nothing changes in the archive.
    carol.patch(&format!("/topics/{}", set.topic), json!({ "status": "archived" })).await.is(200);
    decides(&set.alice, &third, "accept").await.is_problem(409, "topic_not_open");
    set.tries(&set.bob, retire(&shares)).await.is_problem(409, "topic_not_open");
    let events = "SELECT kind FROM event WHERE kind LIKE 'scenario%' ORDER BY seq";
    assert_eq!(
        set.app.rows(events).await,
        [
            "scenarios_proposed",
            "scenarios_proposed",
            "scenarios_proposed",
            "scenario_set_changed",
            "scenario_proposal_rejected"
        ]
    );
}

#[tokio::test]
async fn a_proposal_is_withdrawn_by_whoever_made_it() {
    let set = Set::new().await;
    let id = set.propose(add(new("A Spanish regency"))).await;
    let path = format!("/scenario-proposals/{id}");
    set.alice.delete_as_read(&path).await.is_problem(403, "not_your_proposal");
    set.bob.delete(&path).await.is_problem(428, "precondition_required");
    let withdrawn = set.bob.delete_as_read(&path).await.is(200);
    assert_eq!(
        (&withdrawn.body["status"], &withdrawn.body["decided_by"]),
        (&json!("withdrawn"), &Value::Null)
    );
    assert_eq!(set.app.guest().get(&path).await.is(200).body, withdrawn.body);
    set.bob.delete_as_read(&path).await.is_problem(409, "proposal_closed");
    decides(&set.alice, &id, "accept").await.is_problem(409, "proposal_closed");
    assert_eq!(set.read().await["scenario_set_version"], 1);
}

#[tokio::test]
async fn proposals_are_listed_the_last_first_for_everybody() {
    let set = Set::new().await;
    let path = format!("/topics/{}/scenario-proposals", set.topic);
    let guest = set.app.guest();
    assert_eq!(guest.get(&path).await.is(200).body, json!({ "items": [], "next": null }));
    let mut made = Vec::new();
    for n in 0..4 {
        made.push(set.propose(add(new(&format!("Number {n}")))).await);
    }
    decides(&set.alice, &made[0], "accept").await.is(200);
    decides(&set.alice, &made[1], "reject").await.is(200);
    set.bob.delete_as_read(&format!("/scenario-proposals/{}", made[2])).await.is(200);
    let ids = |reply: &Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let newest: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(ids(&guest.get(&path).await.is(200)), newest);
    for (n, status) in ["accepted", "rejected", "withdrawn", "open"].iter().enumerate() {
        assert_eq!(
            ids(&guest.get(&format!("{path}?status={status}")).await.is(200)),
            [made[n].clone()],
            "{status}"
        );
    }
    let first = guest.get(&format!("{path}?limit=3")).await.is(200);
    let rest = guest.get(&format!("{path}?after={}", first.text("/next"))).await.is(200);
    assert_eq!([ids(&first), ids(&rest)].concat(), newest);
    guest
        .get(&format!("{path}?status=open&after={}", first.text("/next")))
        .await
        .is_problem(400, "invalid_cursor");
    guest.get(&format!("{path}?status=none")).await.refuses(&[("status", "unknown_value")]);
    // What is not open has none, and says to whom it is hidden that it is not there.
    let draft =
        set.alice.post("/topics", json!({ "title": "Had Elizabeth married" })).await.is(201).text("/slug");
    let path = format!("/topics/{draft}/scenario-proposals");
    set.bob.get(&path).await.is_problem(404, "not_found");
    assert_eq!(set.alice.get(&path).await.is(200).body["items"], json!([]));
    proposes(&set.bob, &draft, add(new("Too early"))).await.is_problem(404, "not_found");
    proposes(&set.alice, &draft, add(new("Too early"))).await.is_problem(409, "topic_not_open");
}

#[tokio::test]
async fn the_database_refuses_proposals_that_break_the_rules() {
    let set = Set::new().await;
    let open = set.propose(add(new("A Spanish regency"))).await;
    let closed = set.propose(add(new("A French regency"))).await;
    decides(&set.alice, &closed, "reject").await.is(200);
    let change = async |constraint: &str, what: &str| {
        let statement = format!("UPDATE scenario_proposal SET {what} WHERE id = '{open}'");
        set.app.refuses_sql(constraint, &statement).await;
    };
    change("scenario_proposal_is_fixed", "reason = reason || '!'").await;
    change("scenario_proposal_is_fixed", "change = '{\"kind\": \"retire\"}'").await;
    change("scenario_proposal_status_known", "status = 'lost'").await;
    change("scenario_proposal_decided_by_somebody", "status = 'rejected'").await;
    change("scenario_proposal_decided_by_somebody", "decided_by = proposer_id").await;
    let decided = "status = 'accepted', decided_by = proposer_id, decided_at = now(), decision_reason = 'For no reason.'";
    change("scenario_proposal_accepted_makes_version", decided).await;
    change("scenario_proposal_set_version_fkey", &format!("{decided}, accepted_in_version = 2")).await;
    change(
        "scenario_proposal_decision_reason_length",
        &decided.replace("accepted", "rejected").replace("For no reason.", "No."),
    )
    .await;
    change("scenario_proposal_version_positive", "version = 0").await;
    let reopened = format!("UPDATE scenario_proposal SET version = version + 1 WHERE id = '{closed}'");
    set.app.refuses_sql("scenario_proposal_is_fixed", &reopened).await;
    let copy = |change: &str, reason: &str| {
        format!(
            "INSERT INTO scenario_proposal (id, topic_id, proposer_id, change, reason, status, version, created_at)
             SELECT gen_random_uuid(), topic_id, proposer_id, {change}, {reason}, 'open', 1, now()
             FROM scenario_proposal WHERE id = '{open}'"
        )
    };
    set.app.refuses_sql("scenario_proposal_change_known", &copy("'{\"kind\": \"rename\"}'", "reason")).await;
    set.app.refuses_sql("scenario_proposal_reason_length", &copy("change", "'Short.'")).await;
    // I2, whoever writes.
    let gone =
        "UPDATE scenario SET retired_in_version = 2 WHERE label <> 'Elizabeth falls' AND NOT is_residual";
    set.app.refuses_sql("topic_open_has_scenarios", gone).await;
    let gone = "UPDATE scenario SET retired_in_version = 2 WHERE is_residual";
    set.app.refuses_sql("topic_open_has_scenarios", gone).await;
}

#[tokio::test]
async fn d2_proposals_are_in_the_copy_of_ones_data_and_open_ones_go_with_the_account() {
    let set = Set::new().await;
    let accepted = set.propose(add(new("A Spanish regency"))).await;
    let open = set.propose(add(new("A French regency"))).await;
    decides(&set.alice, &accepted, "accept").await.is(200);
    for (who, list, count) in [
        (&set.bob, "scenario_proposals", 2),
        (&set.bob, "scenario_decisions", 0),
        (&set.alice, "scenario_proposals", 0),
        (&set.alice, "scenario_decisions", 1),
    ] {
        who.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
        while own_data_next(&set.app.app).await.unwrap() {}
        let copy = who.get("/me/export/file").await.is(200);
        assert_eq!(copy.body[list].as_array().unwrap().len(), count, "{list}: {:#}", copy.body);
    }
    let path = format!("/scenario-proposals/{open}");
    assert_eq!(set.app.guest().get(&path).await.is(200).body["status"], "open");
    set.bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    set.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&set.app.app).await.unwrap() {}
    let left = set.app.guest().get(&path).await.is(200).body;
    assert_eq!(left["status"], "withdrawn");
    assert!(left["proposer"]["username"].as_str().unwrap().starts_with("deleted-"), "{left:#}");
    let kept = set.app.guest().get(&format!("/scenario-proposals/{accepted}")).await.is(200).body;
    assert_eq!(kept["status"], "accepted");
    assert_eq!(set.read().await["scenarios"][5]["label"], "A Spanish regency");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i4_vectors_and_a_merger_at_once_lose_nothing_and_never_mix() {
    let set = Set::new().await;
    let mut people = vec![set.alice.clone(), set.bob.clone()];
    for n in 0..8 {
        people.push(set.app.member(&format!("person{n}")).await);
    }
    let (holds, shares) = (set.id("Elizabeth holds").await, set.id("Elizabeth shares").await);
    let proposal =
        set.propose(merge(&[&holds, &shares], json!({ "scenario": new("Elizabeth stays") }))).await;
    // What a vector covers, by the version of the set.
    let covered = |read: &Value| -> Vec<String> {
        let scenarios = read["scenarios"].as_array().unwrap().iter();
        let live = scenarios
            .filter(|one| one["retired_in_version"].is_null() && one["parent_scenario_id"].is_null());
        live.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = covered(&set.read().await);
    let mut stating: JoinSet<Vec<Value>> = JoinSet::new();
    for (n, person) in people.iter().enumerate() {
        let (person, topic, mine, mut scenarios) =
            (person.clone(), set.topic.clone(), set.mine(), first.clone());
        stating.spawn(async move {
            let (mut answers, mut version) = (Vec::new(), 1);
            for turn in 0..5 {
                loop {
                    let share = i64::try_from(n * 10 + turn + 1).unwrap();
                    let last = scenarios.len() - 1;
                    let bp = |i: usize| {
                        if i == last { 10_000 - share * i64::try_from(last).unwrap() } else { share }
                    };
                    let vector: Vec<_> = scenarios
                        .iter()
                        .enumerate()
                        .map(|(i, id)| json!({ "scenario_id": id, "bp": bp(i) }))
                        .collect();
                    let reply =
                        person.put(&mine, json!({ "scenario_set_version": version, "vector": vector })).await;
                    if reply.status == 200 {
                        answers.push(reply.body);
                        break;
                    }
                    reply.is_problem(409, "scenarios_changed");
                    let read = person.get(&format!("/topics/{topic}")).await.is(200).body;
                    version = read["scenario_set_version"].as_i64().unwrap();
                    let scenario = read["scenarios"].as_array().unwrap().iter();
                    scenarios = scenario
                        .filter(|one| {
                            one["retired_in_version"].is_null() && one["parent_scenario_id"].is_null()
                        })
                        .map(|one| one["id"].as_str().unwrap().to_owned())
                        .collect();
                }
            }
            answers
        });
    }
    decides(&set.alice, &proposal, "accept").await.is(200);
    let answers: Vec<Vec<Value>> = stating.join_all().await;
    let second = covered(&set.read().await);
    assert_eq!((first.len(), second.len()), (4, 3));
    let sorted = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
    for answer in answers.iter().flatten() {
        let parts = answer["vector"].as_array().unwrap();
        let ids =
            parts.iter().map(|part| part["scenario_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let of = if answer["scenario_set_version"] == 1 { &first } else { &second };
        assert_eq!(sorted(&ids), sorted(of), "{answer:#}");
        assert_eq!(parts.iter().map(|part| part["bp"].as_i64().unwrap()).sum::<i64>(), 10_000);
    }
    let stored: usize = set.app.rows("SELECT count(*)::text FROM credence").await[0].parse().unwrap();
    assert_eq!((stored, answers.iter().flatten().count()), (50, 50));
    for person in &people {
        let now = set.present(person).await.unwrap();
        assert_eq!(now.values().sum::<i64>(), 10_000);
        assert_eq!(now.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_decisions_at_once_one_is_made() {
    let set = Set::new().await;
    let proposal = set.propose(add(new("A Spanish regency"))).await;
    let mut deciding: JoinSet<u16> = JoinSet::new();
    for n in 0..10 {
        let (alice, path) =
            (set.alice.with("if-match", "*"), format!("/scenario-proposals/{proposal}/decision"));
        let decision = if n % 2 == 0 { "accept" } else { "reject" };
        let decision = json!({ "decision": decision, "reason": "It was talked over at length." });
        deciding.spawn(async move { alice.put(&path, decision).await.status });
    }
    let mut statuses = deciding.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200], vec![409; 9]].concat());
}

/// Something that is done to a topic; numbers choose among what there is at the moment.
#[derive(Debug, Clone)]
enum Move {
    Add(usize),
    AddPart(usize, usize),
    Retire(usize),
    MergeIntoNew(usize, usize),
    MergeIntoKnown(usize, usize),
    Split(usize),
    /// Somebody states credences, in these shares.
    State(usize, Vec<i64>),
    /// The staff try a patch of the topic, that is right or wrong.
    Patch(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let n = || 0_usize..40;
    let shares = prop::collection::vec(0_i64..100, 12);
    let one = prop_oneof![
        2 => n().prop_map(Move::Add),
        2 => (n(), n()).prop_map(|(whole, steps)| Move::AddPart(whole, steps)),
        3 => n().prop_map(Move::Retire),
        2 => (n(), n()).prop_map(|(one, other)| Move::MergeIntoNew(one, other)),
        3 => (n(), n()).prop_map(|(one, other)| Move::MergeIntoKnown(one, other)),
        2 => n().prop_map(Move::Split),
        4 => (n(), shares).prop_map(|(who, shares)| Move::State(who, shares)),
        1 => n().prop_map(Move::Patch),
    ];
    prop::collection::vec(one, 6..12)
}

/// A scenario with a label and as many steps as the number says.
pub fn stepped(number: usize, steps: usize) -> Value {
    let mut scenario = new(&format!("Number {number}"));
    scenario["chain_steps"] = json!(vec![json!({ "statement": "On it goes." }); steps % 9]);
    scenario
}

/// A scenario in force, as the API shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub id: String,
    pub parent: Option<String>,
    pub residual: bool,
}

pub fn live(read: &Value) -> Vec<Live> {
    let scenarios = read["scenarios"].as_array().unwrap().iter();
    let live = |one: &Value| Live {
        id: one["id"].as_str().unwrap().to_owned(),
        parent: one["parent_scenario_id"].as_str().map(str::to_owned),
        residual: one["is_residual"].as_bool().unwrap(),
    };
    scenarios.filter(|one| one["retired_in_version"].is_null()).map(live).collect()
}

/// I1, I2, I3 and I18 of an open topic.
fn assert_right(read: &Value, accepted: usize) {
    for needed in
        ["question_text", "event", "antecedent", "consequent_in_question", "outcome_definition", "horizon"]
    {
        assert!(!read[needed].is_null(), "{needed}");
    }
    let divergence = read["antecedent"]["point_of_divergence"]["value"].as_str().unwrap();
    let horizon = read["horizon"]["value"].as_str().unwrap();
    assert!(divergence <= horizon, "{divergence} {horizon}");
    for checkpoint in read["checkpoints"].as_array().unwrap() {
        let checkpoint = checkpoint["value"].as_str().unwrap();
        assert!(divergence <= checkpoint && checkpoint <= horizon, "{checkpoint}");
    }
    let live = live(read);
    assert_eq!(live.iter().filter(|one| one.residual).count(), 1);
    assert!(live.iter().filter(|one| !one.residual && one.parent.is_none()).count() >= 2);
    for one in &live {
        // A part is a part of something in force.
        assert!(one.parent.iter().all(|parent| live.iter().any(|other| other.id == *parent)), "{one:?}");
    }
    for scenario in read["scenarios"].as_array().unwrap() {
        let steps = scenario["chain_steps"].as_array().unwrap();
        for (step, number) in steps.iter().zip(1..) {
            assert_eq!(step["step_no"], number);
        }
        if scenario["is_residual"] == false {
            assert!(
                ["absent", "earlier", "same", "later", "different"]
                    .contains(&scenario["outcome_vs_actual"].as_str().unwrap())
            );
        }
    }
    assert_eq!(read["scenario_set_version"], 1 + accepted);
    assert_eq!(read["scenario_set_versions"].as_array().unwrap().len(), accepted);
}

/// What a vector must come to after a change, worked out from what was asked for alone.
fn after(
    change: &Value,
    before: &[Live],
    now: &[Live],
    vector: &BTreeMap<String, i64>,
) -> Option<BTreeMap<String, i64>> {
    let whole = |id: &str| before.iter().any(|one| one.id == id && one.parent.is_none());
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let came = now.iter().find(|one| one.parent.is_none() && !before.iter().any(|old| old.id == one.id));
    let residual = now.iter().find(|one| one.residual).unwrap().id.clone();
    let (gone, heir): (Vec<String>, String) = match change["kind"].as_str().unwrap() {
        "add" if change["scenario"]["parent_scenario_id"].is_null() => return None,
        "split" if whole(&id(&change["scenario_id"])) => return None,
        "retire" => (vec![id(&change["scenario_id"])], residual),
        "merge" => {
            let gone: Vec<String> = change["scenario_ids"].as_array().unwrap().iter().map(id).collect();
            let known = change["into"]["scenario_id"].as_str().map(str::to_owned);
            (gone, known.or(came.map(|one| one.id.clone())).unwrap_or_default())
        }
        _ => return Some(vector.clone()),
    };
    if !whole(&gone[0]) {
        return Some(vector.clone());
    }
    let mut after = vector.clone();
    let sum: i64 = gone.iter().map(|id| after.remove(id).unwrap()).sum();
    *after.entry(heir).or_default() += sum;
    Some(after)
}

#[tokio::test]
async fn i1_i2_i3_i6_i18_hold_whatever_is_done_to_a_topic() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let people = [alice.clone(), app.member("bob").await, app.member("dora").await];
    let carol = app.administrator("carol").await;
    let mut runner = TestRunner::deterministic();
    let (mut changed, mut refused, mut stale, mut counted) = (0, 0, 0, 0);
    for case in 0..24 {
        let moves = moves().new_tree(&mut runner).unwrap().current();
        let topic = opens(&alice).await;
        let path = format!("/topics/{topic}");
        let mine = format!("{path}/credences/mine");
        let mut vectors: [Option<Option<BTreeMap<String, i64>>>; 3] = [None, None, None];
        let mut accepted = 0;
        for (number, step) in moves.iter().enumerate() {
            let told = format!("case {case}, move {number} of {moves:?}");
            let read = carol.get(&path).await.is(200).body;
            let before = live(&read);
            let pick = |n: &usize| before[n % before.len()].id.as_str();
            let change = match step {
                Move::Add(steps) => add(stepped(number, *steps)),
                Move::AddPart(whole, steps) => {
                    let mut part = stepped(number, *steps);
                    part["parent_scenario_id"] = json!(pick(whole));
                    add(part)
                }
                Move::Retire(one) => retire(pick(one)),
                Move::MergeIntoNew(one, other) => {
                    merge(&[pick(one), pick(other)], json!({ "scenario": stepped(number, *one) }))
                }
                Move::MergeIntoKnown(one, other) => {
                    merge(&[pick(one)], json!({ "scenario_id": pick(other) }))
                }
                Move::Split(one) => split(pick(one), &[stepped(number, *one), stepped(number + 100, 0)]),
                Move::State(who, shares) => {
                    let wholes: Vec<&Live> = before.iter().filter(|one| one.parent.is_none()).collect();
                    let total: i64 = shares.iter().take(wholes.len()).sum::<i64>().max(1);
                    let mut bp: Vec<i64> = wholes
                        .iter()
                        .zip(shares.iter().cycle())
                        .map(|(_, share)| share * 10_000 / total)
                        .collect();
                    let (sum, last) = (bp.iter().sum::<i64>(), bp.len() - 1);
                    // What does not fit in goes to whoever has room: the last, or the largest.
                    let at = if bp[last] + 10_000 - sum >= 0 {
                        last
                    } else {
                        (0..=last).max_by_key(|i| bp[*i]).unwrap()
                    };
                    bp[at] += 10_000 - sum;
                    let vector: BTreeMap<String, i64> =
                        wholes.iter().map(|one| one.id.clone()).zip(bp).collect();
                    let parts: Vec<_> =
                        vector.iter().map(|(id, bp)| json!({ "scenario_id": id, "bp": bp })).collect();
                    if vector.values().all(|bp| (0..=10_000).contains(bp)) {
                        let stated =
                            json!({ "scenario_set_version": read["scenario_set_version"], "vector": parts });
                        people[who % 3].put(&mine, stated).await.is(200);
                        vectors[who % 3] = Some(Some(vector));
                    }
                    continue;
                }
                Move::Patch(n) => {
                    let patches = [
                        (json!({ "horizon": null }), 422),
                        (json!({ "horizon": day("1500-01-01") }), 422),
                        (json!({ "checkpoints": [day("1700-01-01")] }), 422),
                        (json!({ "antecedent": null }), 422),
                        (json!({ "scenarios": [] }), 422),
                        (json!({ "checkpoints": [day("1590-01-01")] }), 200),
                        (json!({ "horizon": day("1604-01-01") }), 200),
                    ];
                    let (patch, status) = &patches[n % patches.len()];
                    carol.patch(&path, patch.clone()).await.is(*status);
                    assert_right(&carol.get(&path).await.is(200).body, accepted);
                    continue;
                }
            };
            let proposed = proposes(&people[number % 3], &topic, change.clone()).await;
            if proposed.status == 422 {
                refused += 1;
                assert_eq!(carol.get(&path).await.is(200).body["scenarios"], read["scenarios"], "{told}");
                continue;
            }
            decides(&alice, &proposed.is(201).text("/id"), "accept").await.is(200);
            accepted += 1;
            changed += 1;
            let read = carol.get(&path).await.is(200).body;
            assert_right(&read, accepted);
            let now = live(&read);
            for (person, vector) in people.iter().zip(&mut vectors) {
                let Some(stated) = vector else {
                    person.get(&mine).await.is(404);
                    continue;
                };
                *stated = stated.take().and_then(|stated| after(&change, &before, &now, &stated));
                let answer = person.get(&mine).await.is(200).body;
                assert_eq!(answer["stale"], stated.is_none(), "{told}");
                let present = answer["present"].as_array().map(|parts| {
                    let part = |part: &Value| {
                        (part["scenario_id"].as_str().unwrap().to_owned(), part["bp"].as_i64().unwrap())
                    };
                    parts.iter().map(part).collect::<BTreeMap<_, _>>()
                });
                assert_eq!(present, *stated, "{told}");
                match present {
                    None => stale += 1,
                    Some(present) => {
                        counted += 1;
                        assert_eq!(present.values().sum::<i64>(), 10_000, "{told}");
                        let wholes = now.iter().filter(|one| one.parent.is_none()).map(|one| &one.id);
                        assert_eq!(present.keys().collect::<BTreeSet<_>>(), wholes.collect(), "{told}");
                    }
                }
            }
        }
    }
    // The moves went everywhere.
    assert!(
        changed > 50 && refused > 10 && stale > 10 && counted > 10,
        "{changed} {refused} {stale} {counted}"
    );
}
