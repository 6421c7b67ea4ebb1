//! Testable implications: what the record should show, forecasts that nobody is led to, and scores against facts.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::ids::AccountId;
use otherwise::implications::score_of;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::builders::open_topic;
use crate::support::{Client, PASSWORD, Reply, TestApp};

const NOTHING: &str = "0198c5f0-0000-7000-8000-00000000dead";

const ROLLS: &str = "The muster rolls of Kent name fewer than 5,000 men.";

/// A topic with a bibliography and four scenarios.
fn topic(title: &str) -> Value {
    let mut topic = open_topic(title);
    topic["sources"] = json!([
        { "key": "s", "type": "book", "authors": ["Garrett Mattingly"],
          "title": "The Defeat of the Spanish Armada", "source_class": "secondary" },
        { "key": "m", "type": "manuscript", "title": "Muster roll of Kent", "source_class": "primary" },
    ]);
    topic["quotations"] = json!([{ "key": "q", "source": "m", "text": "In all, 4,200 men.",
                                   "attribution": "The Lord Lieutenant" }]);
    let wavers = json!({ "key": "wavers", "label": "Elizabeth wavers", "statement": "She rules from Wales for a while.",
                         "outcome_vs_actual": "later" });
    topic["scenarios"].as_array_mut().unwrap().push(wavers);
    topic
}

/// A topic of alice's, and bob, who proposes.
struct Asked {
    app: TestApp,
    alice: Client,
    bob: Client,
    topic: String,
    read: Value,
}

impl Asked {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(settings: &str) -> Self {
        let app = TestApp::with(settings).await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        let read = alice.post("/topics", topic("Had the Armada landed in Kent")).await.is(201);
        let topic = read.text("/slug");
        Self { app, alice, bob, topic, read: read.body }
    }

    fn id(&self, pointer: &str) -> String {
        self.read.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }

    fn scenario(&self, number: usize) -> String {
        self.id(&format!("/scenarios/{number}/id"))
    }

    fn list(&self) -> String {
        format!("/topics/{}/implications", self.topic)
    }

    fn new_implication(&self) -> Value {
        json!({ "statement": ROLLS, "bears_on": [self.scenario(1), self.scenario(0)], "test_kind": "hoop" })
    }

    /// Bob's, and the path to it.
    async fn proposed(&self) -> (String, String) {
        let id = self.bob.post(&self.list(), self.new_implication()).await.is(201).text("/id");
        let path = format!("/implications/{id}");
        (id, path)
    }

    fn citing(&self, resolution: &str) -> Value {
        json!({ "resolution": resolution, "citation": { "quotation_id": self.id("/quotations/0/id"), "locator": "f. 3" } })
    }

    async fn settles(&self, who: &Client, implication: &str, resolution: &str) -> Reply {
        let body = if resolution == "unresolved" {
            json!({ "resolution": "unresolved" })
        } else {
            self.citing(resolution)
        };
        put_as_read(who, implication, body).await
    }
}

/// Resolves an implication as it is now.
async fn put_as_read(who: &Client, implication: &str, body: Value) -> Reply {
    let path = format!("/implications/{implication}");
    let etag = who.get(&path).await.header("etag").unwrap_or("\"none\"").to_owned();
    who.with("if-match", &etag).put(&format!("{path}/resolution"), body).await
}

fn ids(page: &Reply) -> Vec<String> {
    let items = page.body["items"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn whoever_may_post_proposes_what_the_record_should_show() {
    let asked = Asked::new().await;
    let key = asked.bob.with("idempotency-key", "rolls");
    let made = key.post(&asked.list(), asked.new_implication()).await.is(201);
    made.matches(expect![[r#"
        {
          "author": {
            "id": "00000000-0000-7000-8000-000000000003",
            "role": "member",
            "username": "bob"
          },
          "bears_on": [
            "00000000-0000-7000-8000-00000000000a",
            "00000000-0000-7000-8000-00000000000b"
          ],
          "citation": null,
          "created_at": "2026-01-15T12:00:00Z",
          "crowd": null,
          "id": "00000000-0000-7000-8000-000000000010",
          "resolution": "unresolved",
          "resolved_at": null,
          "resolved_by": null,
          "statement": "The muster rolls of Kent name fewer than 5,000 men.",
          "test_kind": "hoop",
          "topic_id": "00000000-0000-7000-8000-000000000005",
          "updated_at": "2026-01-15T12:00:00Z"
        }
    "#]]);
    let made = key.post(&asked.list(), asked.new_implication()).await.is(201);
    let path = format!("/implications/{}", made.text("/id"));
    assert_eq!(made.header("location"), Some(&*format!("/api/v1{path}")));
    let read = asked.app.guest().get(&path).await.is(200);
    assert_eq!((read.header("etag"), &read.body), (made.header("etag"), &made.body));
    assert_eq!(asked.bob.get(&path).await.is(200).body, made.body);
    let listed = asked.app.guest().get(&asked.list()).await.is(200);
    assert_eq!(listed.body["items"], json!([made.body]), "a retry lands once");
    let events = "SELECT kind FROM event WHERE kind LIKE 'implication%' AND topic_id IS NOT NULL";
    assert_eq!(asked.app.rows(events).await, ["implication_created"]);

    asked.app.guest().post(&asked.list(), asked.new_implication()).await.is_problem(401, "unauthenticated");
    let token =
        json!({ "name": "A script", "scopes": ["read", "vote"], "expires_at": "2026-02-01T00:00:00Z" });
    let script = asked.app.bearer(&asked.bob.post("/me/tokens", token).await.is(201).text("/token"));
    script.post(&asked.list(), asked.new_implication()).await.is_problem(403, "scope_missing");
    asked.app.guest().get(&format!("/implications/{NOTHING}")).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn what_bears_on_nothing_in_force_is_no_implication() {
    let asked = Asked::new().await;
    let elsewhere = asked.alice.post("/topics", topic("Had the Armada landed in Essex")).await.is(201);
    let foreign = elsewhere.text("/scenarios/0/id");
    let retire = format!(
        "UPDATE topic SET scenario_set_version = 2; UPDATE scenario SET retired_in_version = 2 WHERE id = '{}'",
        asked.scenario(3)
    );
    asked.app.sql(&retire).await.unwrap();
    let falls = asked.scenario(0);
    for (field, value, wrong) in [
        ("statement", json!("Too short"), vec![("statement", "too_short")]),
        ("statement", json!("x".repeat(1001)), vec![("statement", "too_long")]),
        ("statement", json!("          \u{200b}   "), vec![("statement", "blank")]),
        ("bears_on", json!([]), vec![("bears_on", "too_few")]),
        ("bears_on", json!([falls, NOTHING]), vec![("bears_on[1]", "unknown_scenario")]),
        ("bears_on", json!([foreign]), vec![("bears_on[0]", "unknown_scenario")]),
        ("bears_on", json!([asked.scenario(3)]), vec![("bears_on[0]", "retired")]),
        ("bears_on", json!([falls, falls]), vec![("bears_on[1]", "duplicate")]),
        ("test_kind", json!("proof"), vec![("test_kind", "unknown_value")]),
        ("resolution", json!("found"), vec![("resolution", "unknown_field")]),
    ] {
        let mut new = asked.new_implication();
        new[field] = value;
        asked.bob.post(&asked.list(), new).await.refuses(&wrong);
    }
    let (_, path) = asked.proposed().await;
    for (edit, wrong) in [
        (json!({ "statement": null }), ("statement", "wrong_type")),
        (json!({ "bears_on": [] }), ("bears_on", "too_few")),
        (json!({ "bears_on": [foreign] }), ("bears_on[0]", "unknown_scenario")),
        (json!({ "bears_on": [asked.scenario(3)] }), ("bears_on[0]", "retired")),
        (json!({ "resolution": "found" }), ("resolution", "unknown_field")),
    ] {
        asked.bob.patch(&path, edit).await.refuses(&[wrong]);
    }
    assert_eq!(asked.app.rows("SELECT statement FROM implication").await, [ROLLS]);
    // What was named while it was in force stays named, and the rest can still be changed.
    let retire = format!("UPDATE scenario SET retired_in_version = 2 WHERE id = '{}'", asked.scenario(1));
    let back = format!("UPDATE scenario SET retired_in_version = NULL WHERE id = '{}'", asked.scenario(3));
    asked.app.sql(&format!("{back}; {retire}")).await.unwrap();
    let edited = asked.bob.patch(&path, json!({ "test_kind": "smoking_gun" })).await.is(200);
    assert_eq!(edited.body["bears_on"], json!([falls, asked.scenario(1)]));
}

#[tokio::test]
async fn drafts_have_no_implications_and_archived_topics_take_none() {
    let asked = Asked::new().await;
    let mut draft = topic("Had the Armada landed in Essex");
    draft["status"] = json!("draft");
    let made = asked.alice.post("/topics", draft).await.is(201);
    let list = format!("/topics/{}/implications", made.text("/slug"));
    let new = json!({ "statement": ROLLS, "bears_on": [made.text("/scenarios/0/id")], "test_kind": "hoop" });
    asked.bob.post(&list, new.clone()).await.is_problem(404, "not_found");
    asked.bob.get(&list).await.is_problem(404, "not_found");
    asked.app.guest().get(&list).await.is_problem(404, "not_found");
    asked.alice.post(&list, new).await.is_problem(409, "topic_not_open");
    assert_eq!(asked.alice.get(&list).await.is(200).body["items"], json!([]));

    let (id, path) = asked.proposed().await;
    asked.alice.forecasts(&id, 4000).await;
    let carol = asked.app.administrator("carol").await;
    carol.patch(&format!("/topics/{}", asked.topic), json!({ "status": "archived" })).await.is(200);
    asked.bob.post(&asked.list(), asked.new_implication()).await.is_problem(409, "topic_not_open");
    let forecast = json!({ "bp": 5000 });
    asked.bob.put(&format!("{path}/forecast/mine"), forecast).await.is_problem(409, "topic_not_open");
    let other = asked.app.rows("DELETE FROM forecast_in_force RETURNING account_id::text").await;
    assert_eq!(other.len(), 1);
    asked.bob.patch(&path, json!({ "test_kind": "hoop" })).await.is_problem(409, "topic_not_open");
    assert_eq!(ids(&asked.app.guest().get(&asked.list()).await.is(200)), [&*id]);
    // The record goes on being read: what was forecast gets its score.
    asked.settles(&asked.alice, &id, "found").await.is(200);
}

#[tokio::test]
async fn a_list_is_paged_filtered_and_counted() {
    let asked = Asked::new().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(asked.bob.proposes_in(&asked.topic, &format!("The rolls have {number} names.")).await);
    }
    for (id, resolution) in [(&made[0], "found"), (&made[1], "not_found"), (&made[2], "unclear")] {
        asked.settles(&asked.alice, id, resolution).await.is(200);
    }
    let guest = asked.app.guest();
    let (mut walked, mut path) = (Vec::new(), format!("{}?limit=2", asked.list()));
    loop {
        let page = guest.get(&path).await.is(200);
        assert_eq!(
            page.body["summary"],
            json!({ "found": 1, "not_found": 1, "unclear": 1, "unresolved": 2 })
        );
        walked.extend(ids(&page));
        if walked.len() == 2 {
            // What is proposed meanwhile is not in the walk.
            asked.bob.proposes_in(&asked.topic, "There are late rolls.").await;
            let gone = asked.app.rows("SELECT id::text FROM implication ORDER BY id DESC LIMIT 1").await;
            asked.bob.delete_as_read(&format!("/implications/{}", gone[0])).await.is(204);
        }
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("{}?limit=2&after={next}", asked.list());
    }
    made.reverse();
    assert_eq!(walked, made);
    for (resolution, expected) in [
        ("found", &made[4..]),
        ("not_found", &made[3..4]),
        ("unclear", &made[2..3]),
        ("unresolved", &made[..2]),
    ] {
        let page = guest.get(&format!("{}?resolution={resolution}", asked.list())).await.is(200);
        assert_eq!((ids(&page), &page.body["summary"]["unresolved"]), (expected.to_vec(), &json!(2)));
    }
    let first = guest.get(&format!("{}?limit=1", asked.list())).await.is(200).text("/next");
    for (list, query) in [
        (asked.list(), format!("resolution=unresolved&after={first}")),
        ("/me/forecasts".to_owned(), format!("after={first}")),
    ] {
        asked.bob.get(&format!("{list}?{query}")).await.is_problem(400, "invalid_cursor");
    }
    guest.get(&format!("{}?resolution=lost", asked.list())).await.refuses(&[("resolution", "unknown_value")]);
}

#[tokio::test]
async fn an_author_changes_what_nobody_else_has_forecast() {
    let asked = Asked::new().await;
    let (id, path) = asked.proposed().await;
    let carol = asked.app.administrator("carol").await;
    let before = asked.bob.get(&path).await.is(200);
    let same = asked.bob.patch(&path, asked.new_implication()).await.is(200);
    assert_eq!((same.header("etag"), &same.body), (before.header("etag"), &before.body));
    // Their own forecast is nobody's but theirs.
    asked.bob.forecasts(&id, 8000).await;
    asked.app.app.clock.advance(TimeDelta::minutes(1));
    let edit = json!({ "statement": "The muster rolls of Kent name fewer than 6,000 men.", "bears_on": [asked.scenario(2)] });
    let edited = asked.bob.patch(&path, edit.clone()).await.is(200);
    assert_eq!(edited.body["statement"], edit["statement"]);
    assert_eq!(edited.body["bears_on"], edit["bears_on"]);
    assert_eq!(edited.body["test_kind"], "hoop");
    assert_eq!(edited.text("/updated_at"), "2026-01-15T12:01:00Z");
    assert_eq!(asked.bob.get(&path).await.is(200).body, edited.body);

    let bytes = || Some(edit.to_string().into_bytes());
    for method in [Method::PATCH, Method::DELETE] {
        let body = || if method == Method::PATCH { bytes() } else { None };
        asked.bob.send(method.clone(), &path, body()).await.is_problem(428, "precondition_required");
        let stale = asked.bob.with("if-match", before.header("etag").unwrap());
        stale.send(method.clone(), &path, body()).await.is_problem(412, "precondition_failed");
        let alice = asked.alice.with("if-match", "*");
        alice.send(method.clone(), &path, body()).await.is_problem(403, "not_your_implication");
    }
    carol.patch(&path, edit.clone()).await.is_problem(403, "not_your_implication");

    asked.alice.forecasts(&id, 2000).await;
    asked.bob.patch(&path, edit.clone()).await.is_problem(409, "implication_has_forecasts");
    asked.bob.delete_as_read(&path).await.is_problem(409, "implication_has_forecasts");
    asked.settles(&carol, &id, "found").await.is(200);
    for who in [&asked.bob, &carol] {
        who.delete_as_read(&path).await.is_problem(409, "implication_resolved");
    }
    asked.bob.patch(&path, edit).await.is_problem(409, "implication_resolved");
    asked.settles(&carol, &id, "unresolved").await.is(200);
    // Whoever may edit the topic takes it away, and the forecasts with it.
    assert!(carol.delete_as_read(&path).await.is(204).bytes.is_empty());
    asked.app.guest().get(&path).await.is_problem(404, "not_found");
    assert!(asked.app.rows("SELECT id::text FROM forecast").await.is_empty());
    assert_eq!(asked.alice.get("/me/forecasts").await.is(200).body["items"], json!([]));

    let (_, path) = asked.proposed().await;
    asked.bob.delete_as_read(&path).await.is(204);
    let events = "SELECT kind FROM event WHERE kind LIKE 'implication%' ORDER BY seq";
    assert_eq!(
        asked.app.rows(events).await,
        [
            "implication_created",
            "implication_revised",
            "implication_resolved",
            "implication_reopened",
            "implication_deleted",
            "implication_created",
            "implication_deleted"
        ]
    );
}

#[tokio::test]
async fn whoever_thinks_again_adds_a_forecast_and_the_last_one_counts() {
    let asked = Asked::new().await;
    let (_, path) = asked.proposed().await;
    let mine = format!("{path}/forecast/mine");
    asked.bob.get(&mine).await.is_problem(404, "not_found");
    asked.bob.put(&mine, json!({ "bp": 7000 })).await.is(200).matches(expect![[r#"
        {
          "bp": 7000,
          "created_at": "2026-01-15T12:00:00Z",
          "implication_id": "00000000-0000-7000-8000-000000000010",
          "number": 1
        }
    "#]]);
    asked.app.app.clock.advance(TimeDelta::minutes(1));
    let again = asked.bob.put(&mine, json!({ "bp": 7000 })).await.is(200);
    assert_eq!(
        (&again.body["number"], again.text("/created_at")),
        (&json!(1), "2026-01-15T12:00:00Z".to_owned())
    );
    let moved = asked.bob.put(&mine, json!({ "bp": 0 })).await.is(200);
    assert_eq!(moved.header("cache-control"), Some("no-store"));
    asked.bob.put(&mine, json!({ "bp": 7000 })).await.is(200);
    assert_eq!(asked.bob.get(&mine).await.is(200).body["number"], 3);
    assert_eq!(asked.bob.get(&path).await.is(200).body["mine"], 7000);
    let history = "SELECT number || ' ' || bp FROM forecast ORDER BY number";
    assert_eq!(asked.app.rows(history).await, ["1 7000", "2 0", "3 7000"]);
    let events = "SELECT kind FROM event WHERE kind = 'forecast_stated'";
    assert_eq!(asked.app.rows(events).await.len(), 3);

    for (bp, code) in [
        (json!(-1), "out_of_range"),
        (json!(10_001), "out_of_range"),
        (json!(0.5), "wrong_type"),
        (Value::Null, "wrong_type"),
    ] {
        asked.bob.put(&mine, json!({ "bp": bp })).await.refuses(&[("bp", code)]);
    }
    // Nobody else's business.
    asked.alice.get(&mine).await.is_problem(404, "not_found");
    asked.app.guest().get(&mine).await.is_problem(401, "unauthenticated");
    asked.app.guest().put(&mine, json!({ "bp": 1 })).await.is_problem(401, "unauthenticated");
    asked.app.guest().get("/me/forecasts").await.is_problem(401, "unauthenticated");
    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let script = asked.app.bearer(&asked.bob.post("/me/tokens", token).await.is(201).text("/token"));
    script.get(&mine).await.is(200);
    script.put(&mine, json!({ "bp": 1 })).await.is_problem(403, "scope_missing");
    asked
        .bob
        .put(&format!("/implications/{NOTHING}/forecast/mine"), json!({ "bp": 1 }))
        .await
        .is_problem(404, "not_found");
}

#[tokio::test]
async fn fifty_forecasts_at_once_make_one_history_without_a_gap() {
    let asked = Asked::new().await;
    let (_, path) = asked.proposed().await;
    let mut stating = JoinSet::new();
    for bp in 0..50 {
        let (bob, mine) = (asked.bob.clone(), format!("{path}/forecast/mine"));
        stating.spawn(async move { bob.put(&mine, json!({ "bp": bp })).await.is(200).body });
    }
    let mut answered: Vec<Value> = stating.join_all().await;
    answered.sort_by_key(|answer| answer["number"].as_i64().unwrap());
    let answered: Vec<_> =
        answered.iter().map(|answer| format!("{} {}", answer["number"], answer["bp"])).collect();
    let kept = asked.app.rows("SELECT number || ' ' || bp FROM forecast ORDER BY number").await;
    assert_eq!(kept, answered, "what was acknowledged is what is kept");
    let numbers: Vec<_> =
        kept.iter().map(|row| row.split(' ').next().unwrap().parse::<i32>().unwrap()).collect();
    assert_eq!(numbers, (1..=50).collect::<Vec<_>>());
    let counts = asked.bob.get(&format!("{path}/forecast/mine")).await.is(200);
    assert_eq!(format!("{} {}", counts.body["number"], counts.body["bp"]), kept[49]);
}

#[tokio::test]
async fn what_is_forecast_while_it_is_resolved_is_either_refused_or_kept() {
    let asked = Asked::new().await;
    let (id, path) = asked.proposed().await;
    let mut people = Vec::new();
    for number in 0..12 {
        people.push(asked.app.member(&format!("member{number}")).await);
    }
    let mut at_once = JoinSet::new();
    for (bp, who) in people.into_iter().enumerate() {
        let mine = format!("{path}/forecast/mine");
        at_once.spawn(async move { who.put(&mine, json!({ "bp": bp })).await.status });
    }
    let resolved = asked.settles(&asked.alice, &id, "found").await.is(200);
    let statuses = at_once.join_all().await;
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(asked.app.rows("SELECT id::text FROM forecast").await.len(), taken);
    // Nobody came after that.
    assert_eq!(resolved.body["crowd"]["n"], taken);
    assert_eq!(asked.app.guest().get(&path).await.is(200).body["crowd"], resolved.body["crowd"]);
}

/// A world in which these people forecast something and dora, who did not, reads it.
async fn read_by_dora(forecasts: &[i64]) -> (Asked, Client, Vec<Reply>) {
    let asked = Asked::new().await;
    let dora = asked.app.member("dora").await;
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(asked.app.member(&format!("member{number}")).await);
    }
    let (id, path) = asked.proposed().await;
    for (who, bp) in people.iter().zip(forecasts) {
        who.forecasts(&id, *bp).await;
    }
    let mut read = Vec::new();
    for reader in [&dora, &asked.app.guest(), &asked.alice, &asked.bob] {
        for path in [path.clone(), asked.list(), format!("{}?resolution=unresolved&limit=1", asked.list())] {
            read.push(reader.get(&path).await.is(200));
        }
        if reader.token.is_some() {
            read.push(reader.get("/me/forecasts").await.is(200));
            read.push(reader.get(&format!("/topics/{}", asked.topic)).await.is(200));
        }
    }
    (asked, dora, read)
}

#[tokio::test]
async fn i13_whoever_has_not_forecast_reads_the_same_whatever_others_forecast() {
    let (_, _, alone) = read_by_dora(&[]).await;
    for others in [&[9000_i64][..], &[9000, 100, 100, 100, 100, 100], &[1, 2, 3, 4, 5, 6]] {
        let (_, _, read) = read_by_dora(others).await;
        assert_eq!(read.len(), alone.len());
        for (one, other) in read.iter().zip(&alone) {
            assert_eq!(one.bytes, other.bytes, "{:#}", one.body);
            assert_eq!(one.header("etag"), other.header("etag"));
        }
    }
}

#[tokio::test]
async fn i13_the_crowd_is_shown_to_whoever_has_forecast_and_to_everybody_in_the_end() {
    let (asked, dora, read) = read_by_dora(&[1000, 1001, 4000]).await;
    let path = format!("/implications/{}", read[0].text("/id"));
    let id = read[0].text("/id");
    let crowd = async |who: &Client| who.get(&path).await.is(200).body["crowd"].clone();
    assert_eq!(crowd(&dora).await, Value::Null);
    dora.forecasts(&id, 9000).await;
    assert_eq!(crowd(&dora).await, json!({ "n": 4, "median_bp": null }), "of four nothing is pooled");
    asked.alice.forecasts(&id, 9000).await;
    assert_eq!(crowd(&dora).await, json!({ "n": 5, "median_bp": 4000.0 }));
    // The last forecast of each is what counts, and of an even number the two in the middle.
    let fourth = asked.app.sign_in("member3").await;
    fourth.forecasts(&id, 9000).await;
    fourth.forecasts(&id, 1002).await;
    assert_eq!(crowd(&fourth).await, json!({ "n": 6, "median_bp": 2501.0 }));
    fourth.forecasts(&id, 1001).await;
    asked.app.sign_in("member2").await.forecasts(&id, 1004).await;
    let listed = dora.get(&asked.list()).await.is(200);
    assert_eq!(listed.body["items"][0]["crowd"], json!({ "n": 6, "median_bp": 1002.5 }));
    for other in [&asked.bob, &asked.app.guest()] {
        assert_eq!(crowd(other).await, Value::Null);
    }
    // An answer that guests share is another one as soon as it is settled.
    asked.settles(&asked.alice, &id, "unclear").await.is(200);
    for other in [&asked.bob, &asked.app.guest()] {
        assert_eq!(crowd(other).await, json!({ "n": 6, "median_bp": 1002.5 }));
        let listed = other.get(&asked.list()).await.is(200);
        assert_eq!(listed.body["items"][0]["crowd"]["n"], 6);
    }
    asked.settles(&asked.alice, &id, "unresolved").await.is(200);
    for other in [&asked.bob, &asked.app.guest()] {
        assert_eq!(crowd(other).await, Value::Null);
    }
    // What nobody has forecast has an empty crowd in the end.
    let (other, path) = asked.proposed().await;
    asked.settles(&asked.alice, &other, "found").await.is(200);
    let read = asked.app.guest().get(&path).await.is(200);
    assert_eq!(read.body["crowd"], json!({ "n": 0, "median_bp": null }));
}

#[tokio::test]
async fn i17_what_is_resolved_says_by_what_and_by_whom() {
    let asked = Asked::new().await;
    let (id, path) = asked.proposed().await;
    let resolution = format!("{path}/resolution");
    let guest = asked.app.guest();
    assert_eq!(guest.get(&path).await.is(200).body["resolution"], "unresolved");
    let unread = asked.alice.put(&resolution, asked.citing("found")).await;
    unread.is_problem(428, "precondition_required");
    let stale = asked.alice.with("if-match", "\"7.x\"");
    stale.put(&resolution, asked.citing("found")).await.is_problem(412, "precondition_failed");

    let elsewhere = asked.alice.post("/topics", topic("Had the Armada landed in Essex")).await.is(201);
    let (source, quotation) = (asked.id("/sources/0/id"), asked.id("/quotations/0/id"));
    for (citation, field, code) in [
        (Value::Null, "citation", "citation_required"),
        (json!({}), "citation", "ambiguous_citation"),
        (json!({ "locator": "f. 3" }), "citation", "ambiguous_citation"),
        (json!({ "source_id": source, "quotation_id": quotation }), "citation", "ambiguous_citation"),
        (json!({ "source_id": NOTHING }), "citation.source_id", "unknown_id"),
        (json!({ "source_id": elsewhere.text("/sources/0/id") }), "citation.source_id", "unknown_id"),
        (
            json!({ "quotation_id": elsewhere.text("/quotations/0/id") }),
            "citation.quotation_id",
            "unknown_id",
        ),
        (json!({ "source_id": source, "locator": "" }), "citation.locator", "blank"),
        (
            json!({ "source": { "type": "book", "source_class": "primary" } }),
            "citation.source",
            "unknown_field",
        ),
    ] {
        for verdict in ["found", "not_found", "unclear"] {
            let body = json!({ "resolution": verdict, "citation": citation });
            put_as_read(&asked.alice, &id, body).await.refuses(&[(field, code)]);
        }
    }
    let missing = json!({ "resolution": "found" });
    put_as_read(&asked.alice, &id, missing).await.refuses(&[("citation", "citation_required")]);
    put_as_read(&asked.alice, &id, asked.citing("unresolved"))
        .await
        .refuses(&[("citation", "nothing_to_cite")]);
    put_as_read(&asked.alice, &id, json!({ "resolution": "lost" }))
        .await
        .refuses(&[("resolution", "unknown_value")]);
    assert!(
        asked.app.rows("SELECT id::text FROM citation WHERE implication_id IS NOT NULL").await.is_empty()
    );

    let resolved = asked.settles(&asked.alice, &id, "found").await.is(200);
    assert_eq!(guest.get(&path).await.is(200).header("etag"), resolved.header("etag"));
    resolved.matches(expect![[r#"
        {
          "author": {
            "id": "00000000-0000-7000-8000-000000000003",
            "role": "member",
            "username": "bob"
          },
          "bears_on": [
            "00000000-0000-7000-8000-00000000000a",
            "00000000-0000-7000-8000-00000000000b"
          ],
          "citation": {
            "id": "00000000-0000-7000-8000-00000000001c",
            "locator": "f. 3",
            "quotation": {
              "attribution": "The Lord Lieutenant",
              "id": "00000000-0000-7000-8000-000000000009",
              "language": "en",
              "locator": null,
              "quoted_in": null,
              "text": "In all, 4,200 men."
            },
            "source": {
              "authors": [],
              "container_title": null,
              "id": "00000000-0000-7000-8000-000000000008",
              "published": null,
              "source_class": "primary",
              "title": "Muster roll of Kent",
              "type": "manuscript",
              "url": null
            }
          },
          "created_at": "2026-01-15T12:00:00Z",
          "crowd": {
            "median_bp": null,
            "n": 0
          },
          "id": "00000000-0000-7000-8000-000000000010",
          "resolution": "found",
          "resolved_at": "2026-01-15T12:00:00Z",
          "resolved_by": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "statement": "The muster rolls of Kent name fewer than 5,000 men.",
          "test_kind": "hoop",
          "topic_id": "00000000-0000-7000-8000-000000000005",
          "updated_at": "2026-01-15T12:00:00Z"
        }
    "#]]);
    asked.app.app.clock.advance(TimeDelta::minutes(1));
    // The same again is nothing new, whoever says it.
    let carol = asked.app.administrator("carol").await;
    let again = asked.settles(&carol, &id, "found").await.is(200);
    assert_eq!(again.body, guest.get(&path).await.is(200).body);
    let mine = format!("{path}/forecast/mine");
    asked.bob.put(&mine, json!({ "bp": 1 })).await.is_problem(409, "implication_resolved");
    // With another source it is.
    let other = json!({ "resolution": "not_found", "citation": { "source_id": source } });
    let other = put_as_read(&carol, &id, other).await.is(200);
    assert_eq!(other.body["resolution"], "not_found");
    assert_eq!(other.body["resolved_by"]["username"], "carol");
    assert_eq!(other.text("/resolved_at"), "2026-01-15T12:01:00Z");
    assert_eq!(other.text("/citation/source/id"), source);
    assert_eq!(other.body["citation"]["quotation"], Value::Null);
    assert_eq!(
        asked.app.rows("SELECT id::text FROM citation WHERE implication_id IS NOT NULL").await.len(),
        1
    );

    let open = asked.settles(&asked.alice, &id, "unresolved").await.is(200);
    for field in ["resolved_by", "resolved_at", "citation"] {
        assert_eq!(open.body[field], Value::Null, "{field}");
    }
    assert_eq!(open.body["resolution"], "unresolved");
    assert_eq!(guest.get(&path).await.is(200).body, open.body);
    assert!(
        asked.app.rows("SELECT id::text FROM citation WHERE implication_id IS NOT NULL").await.is_empty()
    );
    asked.bob.forecasts(&id, 1).await;
    let events =
        "SELECT kind || ' ' || (data->>'resolution') FROM event WHERE data ? 'resolution' ORDER BY seq";
    assert_eq!(
        asked.app.rows(events).await,
        ["implication_resolved found", "implication_resolved not_found", "implication_reopened unresolved"]
    );
}

#[tokio::test]
async fn nobody_settles_what_they_proposed_themselves() {
    let asked = Asked::new().await;
    let (id, _) = asked.proposed().await;
    let carol = asked.app.administrator("carol").await;
    // Bob proposed it, and the topic is not his.
    asked.settles(&asked.bob, &id, "found").await.is_problem(403, "not_your_topic");
    let own = asked.alice.proposes_in(&asked.topic, "The privy council met at night.").await;
    for resolution in ["found", "unresolved"] {
        asked.settles(&asked.alice, &own, resolution).await.is_problem(403, "own_implication");
    }
    asked.settles(&carol, &own, "found").await.is(200);
    asked.settles(&asked.alice, &own, "unresolved").await.is_problem(403, "own_implication");
    // Whoever may edit the topic is no exception.
    let carols = carol.proposes_in(&asked.topic, "The tide tables were wrong.").await;
    asked.settles(&carol, &carols, "not_found").await.is_problem(403, "own_implication");
    asked.settles(&asked.alice, &carols, "not_found").await.is(200);
    let dora = asked.app.member("dora").await;
    let grant = json!({ "role": "moderator", "scope": { "kind": "topic", "topic_id": asked.id("/id") }, "reason": "Asked for." });
    carol.post("/accounts/dora/role-grants", grant).await.is(201);
    let elsewhere = asked.bob.opens_topic("Had the Armada landed in Essex").await;
    let there = asked.bob.proposes_in(&elsewhere, "Harwich kept a list of ships.").await;
    asked.settles(&dora, &own, "unresolved").await.is(200);
    let nowhere = json!({ "resolution": "unresolved" });
    put_as_read(&dora, &there, nowhere).await.is_problem(403, "not_your_topic");
}

#[tokio::test]
async fn i17_the_database_resolves_nothing_without_a_citation() {
    let asked = Asked::new().await;
    let (id, _) = asked.proposed().await;
    let (other, _) = asked.proposed().await;
    asked.bob.forecasts(&id, 7000).await;
    let refuses =
        async |constraint: &str, statements: &str| asked.app.refuses_sql(constraint, statements).await;
    let resolve = |set: &str| format!("UPDATE implication SET {set} WHERE id = '{other}'");
    let by = "resolved_by = author_id, resolved_at = now()";
    refuses("implication_resolved_has_citation", &resolve(&format!("resolution = 'found', {by}"))).await;
    let somebodys = format!("resolution = 'unclear', {by}, citation_id = gen_random_uuid()");
    refuses("implication_citation_fkey", &resolve(&somebodys)).await;
    asked.settles(&asked.alice, &id, "found").await.is(200);
    let borrowed = format!(
        "resolution = 'found', {by}, citation_id = (SELECT id FROM citation WHERE implication_id = '{id}')"
    );
    refuses("implication_citation_fkey", &resolve(&borrowed)).await;
    let where_resolved = "WHERE resolution = 'found'";
    for (constraint, statement) in [
        ("implication_citation_fkey", "DELETE FROM citation WHERE implication_id IS NOT NULL".to_owned()),
        ("implication_resolved_has_citation", format!("UPDATE implication SET citation_id = NULL {where_resolved}")),
        ("implication_resolved_by_somebody", format!("UPDATE implication SET resolved_at = NULL {where_resolved}")),
        (
            "implication_resolved_has_citation",
            format!("UPDATE implication SET resolution = 'unresolved', resolved_by = NULL, resolved_at = NULL {where_resolved}"),
        ),
        (
            "citation_implication_key",
            "INSERT INTO citation (id, topic_id, position, implication_id, source_id)
             SELECT gen_random_uuid(), c.topic_id, 2, c.implication_id, s.id FROM citation c, source s
             WHERE c.implication_id IS NOT NULL AND s.topic_id = c.topic_id"
                .to_owned(),
        ),
        ("citation_one_owner", format!("UPDATE citation SET scenario_id = '{}'", asked.scenario(0))),
        ("citation_implication_fkey", "UPDATE citation SET implication_id = gen_random_uuid()".to_owned()),
        ("forecast_before_resolution", "INSERT INTO forecast SELECT gen_random_uuid(), implication_id, account_id, 2, 1, now() FROM forecast".to_owned()),
        ("forecast_never_changes", "UPDATE forecast SET bp = 10000 - bp".to_owned()),
        ("forecast_in_force_forecast_fkey", "UPDATE forecast_in_force SET number = 2".to_owned()),
        ("forecast_in_force_forecast_fkey", "DELETE FROM forecast".to_owned()),
        ("implication_resolution_known", format!("UPDATE implication SET resolution = 'maybe' {where_resolved}")),
        ("implication_test_kind_known", "UPDATE implication SET test_kind = 'proof'".to_owned()),
        ("implication_statement_length", "UPDATE implication SET statement = 'Too short'".to_owned()),
        ("implication_bears_on_scenarios", "DELETE FROM implication_scenario".to_owned()),
        (
            "implication_bears_on_scenarios",
            "INSERT INTO implication SELECT gen_random_uuid(), topic_id, author_id, statement, test_kind, 'unresolved',
                    NULL, NULL, NULL, 1, now(), now() FROM implication"
                .to_owned(),
        ),
    ] {
        refuses(constraint, &statement).await;
    }
    asked.settles(&asked.alice, &id, "unresolved").await.is(200);
    let add = |number: i32, bp: i32| {
        format!(
            "INSERT INTO forecast SELECT gen_random_uuid(), implication_id, account_id, {number}, {bp}, now() FROM forecast"
        )
    };
    refuses("forecast_bp_range", &add(2, 10_001)).await;
    refuses("forecast_number_key", &add(1, 1)).await;
    refuses("forecast_number_positive", &add(0, 1)).await;
    // What goes, goes with all that belongs to it.
    asked.settles(&asked.alice, &id, "found").await.is(200);
    asked.app.sql("DELETE FROM implication").await.unwrap();
    for table in ["implication", "implication_scenario", "forecast", "forecast_in_force", "citation"] {
        assert_eq!(asked.app.rows(&format!("SELECT count(*)::text FROM {table}")).await, ["0"], "{table}");
    }
}

#[tokio::test]
async fn what_settles_an_implication_outlives_the_post_that_brought_it() {
    let asked = Asked::new().await;
    let (id, path) = asked.proposed().await;
    let post = json!({ "body": "There is a letter.", "citations": [
        { "source": { "type": "letter", "title": "To the Queen", "source_class": "primary" } }] });
    let post = asked.bob.post(&format!("/topics/{}/posts", asked.topic), post).await.is(201);
    let body =
        json!({ "resolution": "found", "citation": { "source_id": post.text("/citations/0/source/id") } });
    put_as_read(&asked.alice, &id, body).await.is(200);
    asked.bob.delete_as_read(&format!("/posts/{}", post.text("/id"))).await.is(200);
    let read = asked.app.guest().get(&path).await.is(200);
    assert_eq!(read.text("/citation/source/title"), "To the Queen");
}

#[tokio::test]
async fn forecasts_are_scored_against_the_record() {
    let asked = Asked::new().await;
    let mut made = Vec::new();
    for number in 0..6 {
        made.push(asked.bob.proposes_in(&asked.topic, &format!("The rolls have {number} names.")).await);
    }
    let dora = asked.app.member("dora").await;
    let empty = dora.get("/me/forecasts").await.is(200);
    assert_eq!(empty.body, json!({ "items": [], "next": null, "score": { "n": 0, "mean": null } }));
    for (id, bp) in made.iter().zip([7000, 2000, 5000, 10_000, 9000, 1]) {
        dora.forecasts(id, 123).await;
        dora.forecasts(id, bp).await;
        asked.alice.forecasts(id, 10_000 - bp).await;
    }
    for (id, resolution) in made.iter().zip(["found", "not_found", "unclear", "not_found", "found"]) {
        asked.settles(&asked.alice, id, resolution).await.is(200);
    }
    asked.settles(&asked.alice, &made[4], "unresolved").await.is(200);
    let mine = dora.get("/me/forecasts").await.is(200);
    assert_eq!(mine.header("cache-control"), Some("no-store"));
    // Thinking again moves nothing in the list.
    dora.forecasts(&made[5], 2).await;
    let (mut walked, mut path) = (Vec::new(), "/me/forecasts?limit=4".to_owned());
    loop {
        let page = dora.get(&path).await.is(200);
        walked.extend(page.body["items"].as_array().unwrap().clone());
        let Some(next) = page.body["next"].as_str() else { break };
        asked.alice.get(&format!("/me/forecasts?after={next}")).await.is_problem(400, "invalid_cursor");
        path = format!("/me/forecasts?limit=4&after={next}");
        dora.forecasts(&made[4], 9001).await;
    }
    let of = |items: &[Value]| {
        let item =
            |item: &Value| (item["implication_id"].as_str().unwrap().to_owned(), item["score"].clone());
        items.iter().map(item).collect::<Vec<_>>()
    };
    // (0.7 − 1)², (0.2 − 0)², unclear, (1 − 0)², open again, never settled.
    let scores = [json!(0.09), json!(0.04), Value::Null, json!(1.0), Value::Null, Value::Null];
    let expected: Vec<_> = made.iter().cloned().zip(scores).rev().collect();
    assert_eq!(of(&walked), expected);
    assert_eq!(of(mine.body["items"].as_array().unwrap()), expected);
    // (0.09 + 0.04 + 1) / 3.
    let mean = mine.body["score"]["mean"].as_f64().unwrap();
    assert!((mean - 1.13 / 3.0).abs() < 1e-12, "{mean}");
    assert_eq!(mine.body["score"]["n"], 3);
    let account = AccountId(dora.get("/me").await.text("/id").parse().unwrap());
    let score = score_of(&asked.app.app.db, account).await.unwrap();
    assert_eq!((score.n, score.mean), (3, Some(mean)));
    let bobs = AccountId(asked.bob.get("/me").await.text("/id").parse().unwrap());
    let score = score_of(&asked.app.app.db, bobs).await.unwrap();
    assert_eq!((score.n, score.mean), (0, None));
    // Of alice's it is the other way round: (0.3 − 1)², (0.8 − 0)², 0².
    let alices = asked.alice.get("/me/forecasts").await.is(200).body["score"]["mean"].as_f64().unwrap();
    assert!((alices - (0.49 + 0.64) / 3.0).abs() < 1e-12, "{alices}");
    // Settled otherwise, scored otherwise.
    asked.settles(&asked.alice, &made[3], "found").await.is(200);
    let score = dora.get("/me/forecasts").await.is(200).body["score"]["mean"].as_f64().unwrap();
    assert!((score - 0.13 / 3.0).abs() < 1e-12, "{score}");
    let last = dora.get("/me/forecasts?limit=1").await.is(200);
    expect![[r#"
        {
          "bp": 2,
          "created_at": "2026-01-15T12:00:00Z",
          "implication_id": "00000000-0000-7000-8000-000000000015",
          "number": 3,
          "resolution": "unresolved",
          "score": null,
          "statement": "The rolls have 5 names.",
          "topic": {
            "id": "00000000-0000-7000-8000-000000000005",
            "slug": "had-the-armada-landed-in-kent",
            "title": "Had the Armada landed in Kent"
          }
        }
    "#]]
    .assert_eq(&format!("{:#}\n", last.body["items"][0]));
}

#[tokio::test]
async fn d2_i15_forecasts_go_with_the_account_and_implications_stay() {
    let asked = Asked::new().await;
    let (id, path) = asked.proposed().await;
    for number in 0..4 {
        asked.app.member(&format!("member{number}")).await.forecasts(&id, 1000).await;
    }
    asked.bob.forecasts(&id, 6000).await;
    asked.bob.forecasts(&id, 7000).await;
    asked.settles(&asked.alice, &id, "found").await.is(200);
    assert_eq!(asked.app.guest().get(&path).await.body["crowd"], json!({ "n": 5, "median_bp": 1000.0 }));
    let carols = asked.app.administrator("carol").await;
    let other = carols.proposes_in(&asked.topic, "The tide tables were wrong.").await;
    carols.forecasts(&other, 1).await;

    asked.bob.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&asked.app.app).await.unwrap() {}
    let copy = asked.bob.send(Method::GET, "/me/export/file", None).await.is(200);
    let forecasts = copy.body["forecasts"].as_array().unwrap();
    let forecasts: Vec<_> = forecasts.iter().map(|row| (&row["implication_id"], &row["bp"])).collect();
    assert_eq!(forecasts, [(&json!(id), &json!(6000)), (&json!(id), &json!(7000))]);
    assert_eq!(copy.body["implications"].as_array().unwrap().len(), 1);
    assert_eq!(copy.body["implications"][0]["statement"], ROLLS);
    assert_eq!(copy.body["implications"][0]["bears_on"], json!([asked.scenario(0), asked.scenario(1)]));

    let account = asked.bob.get("/me").await.text("/id");
    asked.bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    asked.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&asked.app.app).await.unwrap() {}
    let read = asked.app.guest().get(&path).await.is(200);
    assert_eq!(read.text("/author/username"), format!("deleted-{}", &account[24..]));
    assert_eq!(read.body["statement"], ROLLS);
    assert_eq!(read.body["crowd"], json!({ "n": 4, "median_bp": null }));
    for table in ["forecast", "forecast_in_force"] {
        let left = format!("SELECT id::text FROM account WHERE id IN (SELECT account_id FROM {table})");
        let left = asked.app.rows(&left).await;
        assert!(left.len() == 5 && !left.contains(&account), "{table}: {left:?}");
    }
}
