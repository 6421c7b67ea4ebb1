//! Credences: whole vectors, a history that only grows, and one's own business.

use std::collections::BTreeMap;

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::builders::open_topic;
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// The scenarios of a topic by their labels.
async fn scenarios(app: &TestApp, topic: &str) -> BTreeMap<String, String> {
    let read = app.guest().get(&format!("/topics/{topic}")).await.is(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let scenarios = read.body["scenarios"].as_array().unwrap();
    scenarios.iter().map(|scenario| (text(&scenario["label"]), text(&scenario["id"]))).collect()
}

/// A topic with its three scenarios.
struct Asked {
    app: TestApp,
    alice: Client,
    topic: String,
    falls: String,
    holds: String,
    other: String,
}

impl Asked {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let alice = app.member("alice").await;
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        let ids = scenarios(&app, &topic).await;
        let id = |label: &str| ids[label].clone();
        let (falls, holds, other) = (id("Elizabeth falls"), id("Elizabeth holds"), id("Something else"));
        Self { app, alice, topic, falls, holds, other }
    }

    fn mine(&self) -> String {
        format!("/topics/{}/credences/mine", self.topic)
    }

    fn vector(&self, bp: [i64; 3]) -> Value {
        let parts = [&self.falls, &self.holds, &self.other].into_iter().zip(bp);
        let parts: Vec<_> = parts.map(|(id, bp)| json!({ "scenario_id": id, "bp": bp })).collect();
        json!({ "scenario_set_version": 1, "vector": parts })
    }

    async fn state(&self, who: &Client, bp: [i64; 3]) -> Reply {
        who.put(&self.mine(), self.vector(bp)).await
    }
}

#[tokio::test]
async fn i5_whoever_thinks_again_adds_a_vector_and_the_last_one_counts() {
    let asked = Asked::new().await;
    let bob = asked.app.member("bob").await;
    bob.get(&asked.mine()).await.is_problem(404, "not_found");
    asked.state(&bob, [6000, 3000, 1000]).await.is(200).matches(expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "number": 1,
          "present": [
            {
              "bp": 6000,
              "scenario_id": "00000000-0000-7000-8000-000000000005"
            },
            {
              "bp": 3000,
              "scenario_id": "00000000-0000-7000-8000-000000000006"
            },
            {
              "bp": 1000,
              "scenario_id": "00000000-0000-7000-8000-000000000007"
            }
          ],
          "saw_crowd": false,
          "scenario_set_version": 1,
          "stale": false,
          "sub_vector": [],
          "topic_id": "00000000-0000-7000-8000-000000000003",
          "vector": [
            {
              "bp": 6000,
              "scenario_id": "00000000-0000-7000-8000-000000000005"
            },
            {
              "bp": 3000,
              "scenario_id": "00000000-0000-7000-8000-000000000006"
            },
            {
              "bp": 1000,
              "scenario_id": "00000000-0000-7000-8000-000000000007"
            }
          ]
        }
    "#]]);
    asked.app.app.clock.advance(TimeDelta::minutes(1));
    // A retry lands once, and saying the same again is saying nothing new.
    let again = asked.state(&bob, [6000, 3000, 1000]).await.is(200);
    assert_eq!(
        (&again.body["number"], again.text("/created_at")),
        (&json!(1), "2026-01-15T12:00:00Z".to_owned())
    );
    let moved = asked.state(&bob, [2500, 7500, 0]).await.is(200);
    assert_eq!(moved.header("cache-control"), Some("no-store"));
    assert_eq!(bob.get(&asked.mine()).await.is(200).body, moved.body);
    let back = asked.state(&bob, [6000, 3000, 1000]).await.is(200);
    assert_eq!(back.body["number"], 3);

    let history = format!("{}/history", asked.mine());
    let whole = bob.get(&history).await.is(200);
    let numbers = |reply: &Reply| {
        let items = reply.body["items"].as_array().unwrap();
        items.iter().map(|item| item["number"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((numbers(&whole), &whole.body["next"]), (vec![3, 2, 1], &Value::Null));
    assert_eq!(whole.body["items"][1], moved.body);
    let first = bob.get(&format!("{history}?limit=2")).await.is(200);
    let rest = bob.get(&format!("{history}?after={}", first.text("/next"))).await.is(200);
    assert_eq!((numbers(&first), numbers(&rest)), (vec![3, 2], vec![1]));

    // Nobody else's business.
    asked.alice.get(&asked.mine()).await.is_problem(404, "not_found");
    assert_eq!(asked.alice.get(&history).await.is(200).body["items"], json!([]));
    asked
        .alice
        .get(&format!("{history}?after={}", first.text("/next")))
        .await
        .is_problem(400, "invalid_cursor");
    for path in [&asked.mine(), &history] {
        asked.app.guest().get(path).await.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn i4_a_vector_that_is_no_whole_is_refused_and_leaves_nothing() {
    let asked = Asked::new().await;
    let mut topic = open_topic("Had the Armada landed in Essex");
    let part = json!({ "key": "part", "label": "Flees to Wales", "statement": "She is safe there for now.",
                       "outcome_vs_actual": "absent", "parent": "falls" });
    topic["scenarios"].as_array_mut().unwrap().push(part);
    let elsewhere = asked.alice.post("/topics", topic).await.is(201).text("/slug");
    let there = scenarios(&asked.app, &elsewhere).await;
    let (mine, whole) = (asked.mine(), asked.vector([6000, 3000, 1000]));
    let refuses = async |change: fn(&mut Value, &str), other: &str, fields: &[(&str, &str)]| {
        let mut vector = whole.clone();
        change(&mut vector, other);
        asked.alice.put(&mine, vector).await.refuses(fields);
    };
    let foreign = &there["Elizabeth falls"];
    refuses(|v, _| v["vector"][0]["bp"] = json!(6001), "", &[("vector", "not_a_whole")]).await;
    refuses(|v, _| v["vector"][0]["bp"] = json!(5999), "", &[("vector", "not_a_whole")]).await;
    refuses(|v, _| v["vector"][0]["bp"] = json!(-1), "", &[("vector[0].bp", "out_of_range")]).await;
    refuses(|v, _| v["vector"][0]["bp"] = json!(10_001), "", &[("vector[0].bp", "out_of_range")]).await;
    refuses(|v, _| v["vector"][0]["bp"] = json!(0.5), "", &[("vector[0].bp", "wrong_type")]).await;
    refuses(|v, _| drop(v["vector"].as_array_mut().unwrap().pop()), "", &[("vector", "incomplete")]).await;
    refuses(
        |v, id| v["vector"][0]["scenario_id"] = json!(id),
        foreign,
        &[("vector[0].scenario_id", "unknown_scenario"), ("vector", "incomplete")],
    )
    .await;
    refuses(
        |v, _| v["vector"][1]["scenario_id"] = v["vector"][0]["scenario_id"].clone(),
        "",
        &[("vector[1].scenario_id", "duplicate"), ("vector", "incomplete")],
    )
    .await;
    let version = json!({ "scenario_set_version": 2, "vector": whole["vector"] });
    asked.alice.put(&mine, version).await.is_problem(409, "scenarios_changed");
    asked.app.guest().put(&mine, whole.clone()).await.is_problem(401, "unauthenticated");
    // A part of a scenario is in its whole.
    let parts = ["Elizabeth falls", "Elizabeth holds", "Something else", "Flees to Wales"];
    let parts: Vec<_> =
        parts.iter().map(|label| json!({ "scenario_id": there[*label], "bp": 2500 })).collect();
    asked
        .alice
        .put(
            &format!("/topics/{elsewhere}/credences/mine"),
            json!({ "scenario_set_version": 1, "vector": parts }),
        )
        .await
        .refuses(&[("vector[3].scenario_id", "not_top_level")]);
    assert!(asked.app.rows("SELECT id::text FROM credence").await.is_empty());
    assert!(asked.app.rows("SELECT number::text FROM credence_in_force").await.is_empty());
    assert!(asked.app.rows("SELECT kind FROM event WHERE kind = 'credences_stated'").await.is_empty());
}

#[tokio::test]
async fn credences_are_stated_while_the_topic_is_open() {
    let asked = Asked::new().await;
    let mut draft = open_topic("Had the Armada landed in Essex");
    draft["status"] = json!("draft");
    let made = asked.alice.post("/topics", draft).await.is(201);
    let mine = format!("/topics/{}/credences/mine", made.text("/slug"));
    let bob = asked.app.member("bob").await;
    let nothing = json!({ "scenario_set_version": 1, "vector": [] });
    bob.put(&mine, nothing.clone()).await.is_problem(404, "not_found");
    asked.alice.put(&mine, nothing).await.is_problem(409, "topic_not_open");

    asked.state(&bob, [6000, 3000, 1000]).await.is(200);
    let carol = asked.app.administrator("carol").await;
    carol.patch(&format!("/topics/{}", asked.topic), json!({ "status": "archived" })).await.is(200);
    asked.state(&bob, [0, 0, 10_000]).await.is_problem(409, "topic_not_open");
    assert_eq!(bob.get(&asked.mine()).await.is(200).body["vector"].as_array().unwrap().len(), 3);

    // A script that may only read states nothing.
    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let script = asked.app.bearer(&bob.post("/me/tokens", token).await.is(201).text("/token"));
    script.get(&asked.mine()).await.is(200);
    asked.state(&script, [6000, 3000, 1000]).await.is_problem(403, "scope_missing");
}

#[tokio::test]
async fn two_hundred_vectors_at_once_make_one_history_without_a_gap() {
    let asked = Asked::new().await;
    let bob = asked.app.member("bob").await;
    let mut stating = JoinSet::new();
    for n in 0..200 {
        let (bob, mine, vector) = (bob.clone(), asked.mine(), asked.vector([n, 10_000 - n, 0]));
        stating.spawn(async move { bob.put(&mine, vector).await.is(200).body });
    }
    let mut answered: Vec<Value> = stating.join_all().await;
    answered.sort_by_key(|answer| -answer["number"].as_i64().unwrap());
    let numbers: Vec<_> = answered.iter().map(|answer| answer["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=200).rev().collect::<Vec<_>>());
    let (mut stored, mut path) = (Vec::new(), format!("{}/history?limit=100", asked.mine()));
    loop {
        let page = bob.get(&path).await.is(200);
        stored.extend(page.body["items"].as_array().unwrap().clone());
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("{}/history?limit=100&after={next}", asked.mine());
    }
    assert_eq!(stored, answered, "what was acknowledged is what is kept");
    assert_eq!(bob.get(&asked.mine()).await.is(200).body, answered[0]);
}

#[tokio::test]
async fn i4_i5_the_database_takes_no_vector_that_is_no_whole_and_changes_none() {
    let asked = Asked::new().await;
    asked.state(&asked.alice, [6000, 3000, 1000]).await.is(200);
    let (falls, holds, other) = (&asked.falls, &asked.holds, &asked.other);
    let add = |version: u8, parts: &[(&str, i32)]| {
        let parts: Vec<_> = parts.iter().map(|(id, bp)| format!("('{id}'::uuid, {bp})")).collect();
        format!(
            "BEGIN;
             INSERT INTO credence SELECT gen_random_uuid(), topic_id, account_id, 2, {version}, now(), false FROM credence;
             INSERT INTO credence_part SELECT c.id, c.topic_id, p.scenario_id, p.bp
             FROM credence c CROSS JOIN (VALUES {}) p (scenario_id, bp) WHERE c.number = 2;
             COMMIT;",
            parts.join(", ")
        )
    };
    let refuses =
        async |constraint: &str, statements: &str| asked.app.refuses_sql(constraint, statements).await;
    refuses("credence_sums_to_all", &add(1, &[(falls, 6000), (holds, 3000), (other, 999)])).await;
    refuses("credence_covers_scenarios", &add(1, &[(falls, 6000), (holds, 4000)])).await;
    refuses("credence_version_known", &add(2, &[(falls, 6000), (holds, 3000), (other, 1000)])).await;
    refuses("credence_part_bp_range", &add(1, &[(falls, 10_001), (holds, -1), (other, 0)])).await;
    refuses("credence_never_changes", "UPDATE credence SET created_at = now()").await;
    refuses("credence_never_changes", "UPDATE credence_part SET bp = 10000 - bp").await;
    let late = "INSERT INTO credence_part SELECT id, topic_id, id, 0 FROM credence";
    refuses("credence_part_comes_with_the_whole", late).await;
    refuses("credence_in_force_credence_fkey", "UPDATE credence_in_force SET number = 2").await;
    asked.app.sql(&add(1, &[(falls, 0), (holds, 0), (other, 10_000)])).await.unwrap();
}

#[tokio::test]
async fn d2_i15_credences_are_in_the_copy_of_ones_data_and_go_with_the_account() {
    let asked = Asked::new().await;
    let bob = asked.app.member("bob").await;
    let stated = asked.state(&bob, [6000, 3000, 1000]).await.is(200);
    asked.state(&asked.alice, [1000, 3000, 6000]).await.is(200);
    bob.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&asked.app.app).await.unwrap() {}
    let copy = bob.send(Method::GET, "/me/export/file", None).await.is(200);
    assert_eq!(copy.body["credences"].as_array().unwrap().len(), 1);
    assert_eq!(copy.body["credences"][0]["vector"], stated.body["vector"]);

    bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    asked.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&asked.app.app).await.unwrap() {}
    let alices = asked.app.sign_in("alice").await.get("/me").await.text("/id");
    for table in ["credence", "credence_in_force"] {
        assert_eq!(
            asked.app.rows(&format!("SELECT account_id::text FROM {table}")).await,
            [&*alices],
            "{table}"
        );
    }
    assert_eq!(asked.app.rows("SELECT count(*)::text FROM credence_part").await, ["3"]);
}
