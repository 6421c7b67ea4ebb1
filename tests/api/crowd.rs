//! What the crowd thinks: pools, the mask before them, and what people say besides.

use std::collections::BTreeMap;

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::credences::{recount, summarise_next};
use otherwise::worker::own_data_next;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::sqlx::{Connection, PgConnection, raw_sql};
use serde_json::{Value, json};

use crate::conventions::everything_readable;
use crate::support::builders::open_topic;
use crate::support::{Client, PASSWORD, TestApp};

/// The vectors of five people over five scenarios, in per cent.
const FIVE: [[i64; 5]; 5] =
    [[60, 5, 20, 10, 5], [30, 30, 20, 10, 10], [10, 0, 70, 15, 5], [45, 10, 15, 25, 5], [5, 80, 5, 5, 5]];

/// A topic with five scenarios.
fn five_scenarios(title: &str) -> Value {
    let mut topic = open_topic(title);
    let scenarios = topic["scenarios"].as_array_mut().unwrap();
    for (key, label, outcome) in
        [("later", "Falls later", "later"), ("other_way", "Falls otherwise", "different")]
    {
        let new = json!({ "key": key, "label": label, "statement": "It takes longer than that.",
                          "outcome_vs_actual": outcome });
        scenarios.insert(1, new);
    }
    topic
}

async fn members<const N: usize>(app: &TestApp, names: [&str; N]) -> [Client; N] {
    let mut members = Vec::new();
    for name in names {
        members.push(app.member(name).await);
    }
    members.try_into().unwrap_or_else(|_| unreachable!())
}

const NAMES: [&str; 5] = ["alice", "bob", "dora", "erin", "frank"];

/// Five people who said what they think of a topic with five scenarios.
async fn five_people(app: &TestApp) -> ([Client; 5], String) {
    let people = members(app, NAMES).await;
    let made = people[0].post("/topics", five_scenarios("Had the Armada landed in Kent")).await.is(201);
    let topic = made.text("/slug");
    for (person, percent) in people.iter().zip(FIVE) {
        person.states_credences(&topic, &percent.map(|percent| percent * 100)).await;
    }
    (people, topic)
}

/// The headline pool, in the order of the scenarios.
fn medians(crowd: &Value) -> Vec<f64> {
    let scenarios = crowd["pool"]["scenarios"].as_array().unwrap();
    scenarios.iter().map(|scenario| scenario["median"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn i14_a_crowd_is_shown_with_everything_that_it_is_a_function_of() {
    let app = TestApp::new().await;
    let ([alice, ..], topic) = five_people(&app).await;
    let read = alice.get(&format!("/topics/{topic}/credences")).await.is(200);
    assert_eq!(read.header("cache-control"), Some("private, no-cache"));
    read.matches(expect![[r#"
        {
          "dots": [],
          "people": {
            "fresh": 5,
            "stale": 0
          },
          "pool": {
            "adequacy": null,
            "as_of": "2026-01-15T12:00:00Z",
            "by_outcome": [
              {
                "causal_reading": "produced",
                "outcome_vs_actual": "absent",
                "share": 0.4
              },
              {
                "causal_reading": "redirected",
                "outcome_vs_actual": "different",
                "share": 0.133333
              },
              {
                "causal_reading": "hastened",
                "outcome_vs_actual": "later",
                "share": 0.266667
              },
              {
                "causal_reading": "no_difference",
                "outcome_vs_actual": "same",
                "share": 0.133333
              },
              {
                "causal_reading": null,
                "outcome_vs_actual": "unspecified",
                "share": 0.066667
              }
            ],
            "chains": [],
            "checkpoints": [],
            "comparable_since": 1,
            "disagreement": 0.215569,
            "floor": 100,
            "given_event": null,
            "inevitability": null,
            "method": "median",
            "people": 5,
            "predicted_by": 0,
            "reversion": 0.4,
            "scenario_set_version": 1,
            "scenarios": [
              {
                "favourite_of": 2,
                "geometric": 0.313828,
                "histogram": [
                  1,
                  1,
                  0,
                  1,
                  1,
                  0,
                  1,
                  0,
                  0,
                  0
                ],
                "mean": 0.3,
                "median": 0.4,
                "quantiles": {
                  "p10": 0.07,
                  "p25": 0.1,
                  "p50": 0.3,
                  "p75": 0.45,
                  "p90": 0.54
                },
                "scenario_id": "00000000-0000-7000-8000-00000000000d",
                "than_predicted": null
              },
              {
                "favourite_of": 1,
                "geometric": 0.155252,
                "histogram": [
                  2,
                  1,
                  0,
                  1,
                  0,
                  0,
                  0,
                  0,
                  1,
                  0
                ],
                "mean": 0.25,
                "median": 0.133333,
                "quantiles": {
                  "p10": 0.02,
                  "p25": 0.05,
                  "p50": 0.1,
                  "p75": 0.3,
                  "p90": 0.6
                },
                "scenario_id": "00000000-0000-7000-8000-00000000000e",
                "than_predicted": null
              },
              {
                "favourite_of": 1,
                "geometric": 0.275198,
                "histogram": [
                  1,
                  1,
                  2,
                  0,
                  0,
                  0,
                  0,
                  1,
                  0,
                  0
                ],
                "mean": 0.26,
                "median": 0.266667,
                "quantiles": {
                  "p10": 0.09,
                  "p25": 0.15,
                  "p50": 0.2,
                  "p75": 0.2,
                  "p90": 0.5
                },
                "scenario_id": "00000000-0000-7000-8000-00000000000f",
                "than_predicted": null
              },
              {
                "favourite_of": 0,
                "geometric": 0.169747,
                "histogram": [
                  1,
                  3,
                  1,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0
                ],
                "mean": 0.13,
                "median": 0.133333,
                "quantiles": {
                  "p10": 0.07,
                  "p25": 0.1,
                  "p50": 0.1,
                  "p75": 0.15,
                  "p90": 0.21
                },
                "scenario_id": "00000000-0000-7000-8000-000000000010",
                "than_predicted": null
              },
              {
                "favourite_of": 0,
                "geometric": 0.085976,
                "histogram": [
                  4,
                  1,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0
                ],
                "mean": 0.06,
                "median": 0.066667,
                "quantiles": {
                  "p10": 0.05,
                  "p25": 0.05,
                  "p50": 0.05,
                  "p75": 0.05,
                  "p90": 0.08
                },
                "scenario_id": "00000000-0000-7000-8000-000000000011",
                "than_predicted": null
              }
            ],
            "several_favourites": 1,
            "shared_doubt": 0.711486,
            "stale": false
          },
          "scenario_set_version": 1,
          "topic_id": "00000000-0000-7000-8000-00000000000b"
        }
    "#]]);
}

#[tokio::test]
async fn fewer_than_five_are_dots_and_no_pool() {
    let app = TestApp::new().await;
    let [alice, bob] = members(&app, ["alice", "bob"]).await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    alice.states_credences(&topic, &[6000, 3000, 1000]).await;
    bob.states_credences(&topic, &[2000, 3000, 5000]).await;
    bob.get(&format!("/topics/{topic}/credences")).await.is(200).matches(expect![[r#"
        {
          "dots": [
            {
              "bp": [
                2000,
                6000
              ],
              "scenario_id": "00000000-0000-7000-8000-000000000007"
            },
            {
              "bp": [
                3000,
                3000
              ],
              "scenario_id": "00000000-0000-7000-8000-000000000008"
            },
            {
              "bp": [
                1000,
                5000
              ],
              "scenario_id": "00000000-0000-7000-8000-000000000009"
            }
          ],
          "people": {
            "fresh": 2,
            "stale": 0
          },
          "pool": null,
          "scenario_set_version": 1,
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
}

#[tokio::test]
async fn whoever_thinks_again_is_counted_once_and_whoever_goes_is_not_counted() {
    let app = TestApp::new().await;
    let ([alice, bob, ..], topic) = five_people(&app).await;
    let crowd = format!("/topics/{topic}/credences");
    let before = alice.get(&crowd).await.is(200).body;
    app.app.clock.advance(TimeDelta::minutes(1));
    bob.states_credences(&topic, &[0, 0, 0, 0, 10_000]).await;
    let between = alice.get(&crowd).await.is(200).body;
    assert_eq!(between["pool"]["people"], 5);
    assert_eq!(between["pool"]["scenarios"][4]["quantiles"]["p90"], 0.62);
    assert_eq!(between["pool"]["scenarios"][4]["favourite_of"], 1);
    app.app.clock.advance(TimeDelta::minutes(1));
    bob.states_credences(&topic, &FIVE[1].map(|percent| percent * 100)).await;
    let mut after = alice.get(&crowd).await.is(200).body;
    assert_eq!(after["pool"]["as_of"], "2026-01-15T12:02:00Z");
    after["pool"]["as_of"] = before["pool"]["as_of"].clone();
    assert_eq!(after, before, "taken back, it leaves no trace");

    // I15: what somebody believed goes with their account.
    let sixth = app.member("george").await;
    sixth.states_credences(&topic, &[0, 10_000, 0, 0, 0]).await;
    assert_eq!(alice.get(&crowd).await.body["people"], json!({ "fresh": 6, "stale": 0 }));
    sixth.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let mut after = app.sign_in("alice").await.get(&crowd).await.is(200).body;
    after["pool"]["as_of"] = before["pool"]["as_of"].clone();
    assert_eq!(after, before);
}

/// What should be shown of vectors in basis points, computed in the plainest way.
pub fn plainly(vectors: &[Vec<i64>]) -> Vec<f64> {
    let median = |scenario: usize| {
        let mut bp: Vec<i64> = vectors.iter().map(|vector| vector[scenario]).collect();
        bp.sort_unstable();
        let n = bp.len();
        f64::from(i32::try_from(bp[(n - 1) / 2] + bp[n / 2]).unwrap()) / 2.0
    };
    let medians: Vec<f64> = (0..vectors[0].len()).map(median).collect();
    let sum: f64 = medians.iter().sum();
    medians.iter().map(|median| median / sum).collect()
}

#[tokio::test]
async fn the_kept_pools_are_those_of_the_vectors_whatever_people_say() {
    let app = TestApp::new().await;
    let people = members(&app, NAMES).await;
    let mut runner = TestRunner::deterministic();
    // Whoever takes a turn, and where they cut the whole in three.
    let turns = prop::collection::vec((0..5_usize, 0..=10_000_i64, 0..=10_000_i64), 8..20);
    for case in 0..12 {
        let title = format!("Had the Armada landed in Kent {case}");
        let topic = people[0].opens_topic(&title).await;
        let mut last: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
        for (person, one, other) in turns.new_tree(&mut runner).unwrap().current() {
            let (one, other) = (one.min(other), one.max(other));
            // A little in each, so that not all medians can be nothing.
            let vector = vec![one, other - one, 10_000 - other];
            people[person].states_credences(&topic, &vector).await;
            last.insert(person, vector);
        }
        let vectors: Vec<_> = last.values().cloned().collect();
        let asks = &people[*last.keys().next().unwrap()];
        let crowd = asks.get(&format!("/topics/{topic}/credences")).await.is(200).body;
        assert_eq!(crowd["people"]["fresh"], last.len());
        if last.len() < 5 {
            assert_eq!(crowd["pool"], Value::Null);
            continue;
        }
        for (got, expected) in medians(&crowd).iter().zip(plainly(&vectors)) {
            assert!((got - expected).abs() < 1e-6, "{crowd:#} {vectors:?}");
        }
        // And the lines they are made of are those of the vectors, no more and no fewer.
        let wrong = app
            .rows(
                "SELECT coalesce(t.scenario_id, p.scenario_id)::text
                 FROM (SELECT * FROM credence_tally WHERE people > 0) t
                 FULL JOIN (SELECT c.topic_id, p.scenario_id, p.bp, count(*) AS people
                            FROM credence_in_force f
                            JOIN credence c USING (topic_id, account_id, number)
                            JOIN credence_part p ON p.credence_id = c.id
                            GROUP BY c.topic_id, p.scenario_id, p.bp) p
                   USING (topic_id, scenario_id, bp, people)
                 WHERE t.comparable_since IS NULL OR p.topic_id IS NULL",
            )
            .await;
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_crowd_of_the_past_is_what_it_was() {
    let app = TestApp::new().await;
    let people = members(&app, NAMES).await;
    let made = people[0].post("/topics", five_scenarios("Had the Armada landed in Kent")).await.is(201);
    let crowd = format!("/topics/{}/credences", made.text("/slug"));
    let mut shown = Vec::new();
    for round in 0..2 {
        for (person, percent) in people.iter().zip(FIVE) {
            let mut bp = percent.map(|percent| percent * 100);
            bp.rotate_left(round);
            person.states_credences(&made.text("/slug"), &bp).await;
            shown.push((app.app.now(), person.get(&crowd).await.is(200).body));
            app.app.clock.advance(TimeDelta::minutes(1));
        }
    }
    for (moment, mut then) in shown {
        let moment = moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
        let mut now = people[0].get(&format!("{crowd}?as_of={moment}")).await.is(200).body;
        for crowd in [&mut then, &mut now] {
            if let Some(pool) = crowd["pool"].as_object_mut() {
                pool.remove("as_of");
            }
        }
        assert_eq!(now, then, "{moment}");
    }
    let future = format!("{crowd}?as_of=2027-01-01T00:00:00Z");
    people[0].get(&future).await.refuses(&[("as_of", "in_the_future")]);
    people[0].get(&format!("{crowd}?as_of=yesterday")).await.is(422);
}

#[tokio::test]
async fn i6_what_is_merged_adds_up_and_after_a_split_the_former_pool_is_shown_as_what_it_is() {
    let app = TestApp::new().await;
    let (people, topic) = five_people(&app).await;
    let [alice, bob, ..] = &people;
    let crowd = format!("/topics/{topic}/credences");
    bob.predicts(&topic, &[2000, 2000, 2000, 2000, 2000]).await;
    let read = alice.get(&format!("/topics/{topic}")).await.is(200).body;
    let id = |place: usize| read["scenarios"][place]["id"].as_str().unwrap().to_owned();
    let first = alice.get(&crowd).await.is(200).body;
    let at = |minutes: i64| {
        let moment = app.app.now() - TimeDelta::minutes(minutes);
        format!("{crowd}?as_of={}", moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
    };
    let is_as_it_was = |mut now: Value, mut then: Value, minutes: i64| {
        for crowd in [&mut now, &mut then] {
            crowd["pool"]["as_of"] = Value::Null;
            // Only the last of these are kept.
            crowd["pool"]["predicted_by"] = Value::Null;
        }
        assert_eq!(now, then, "{minutes} minutes ago");
    };

    app.app.clock.advance(TimeDelta::minutes(1));
    let merger = json!({ "kind": "merge", "scenario_ids": [id(1), id(2)], "into": { "scenario_id": id(0) } });
    alice.changes_scenarios(&topic, merger).await;
    let merged = alice.get(&crowd).await.is(200).body;
    assert_eq!(merged["people"], json!({ "fresh": 5, "stale": 0 }));
    assert_eq!(
        (&merged["pool"]["scenario_set_version"], &merged["pool"]["stale"]),
        (&json!(2), &json!(false))
    );
    let vectors: Vec<Vec<i64>> =
        FIVE.iter().map(|v| vec![(v[0] + v[1] + v[2]) * 100, v[3] * 100, v[4] * 100]).collect();
    for (got, expected) in medians(&merged).iter().zip(plainly(&vectors)) {
        assert!((got - expected).abs() < 1e-6, "{merged:#}");
    }
    assert_eq!(medians(&merged).len(), 3);
    assert_eq!(merged["pool"]["scenarios"][0]["favourite_of"], 5);
    assert_eq!(merged["pool"]["predicted_by"], 1);
    // Whoever speaks after a merger takes the place of what was added up for them.
    bob.states_credences(&topic, &[10_000, 0, 0]).await;
    let spoken = alice.get(&crowd).await.is(200).body;
    assert_eq!(spoken["pool"]["people"], 5);
    is_as_it_was(alice.get(&at(1)).await.is(200).body, first.clone(), 1);

    app.app.clock.advance(TimeDelta::minutes(1));
    let part = |label: &str| json!({ "label": label, "statement": "What happens in it.", "outcome_vs_actual": "absent" });
    let split =
        json!({ "kind": "split", "scenario_id": id(0), "into": [part("At once"), part("In a year")] });
    alice.changes_scenarios(&topic, split).await;
    let mut former = alice.get(&crowd).await.is(200).body;
    assert_eq!(former["people"], json!({ "fresh": 0, "stale": 5 }));
    assert_eq!((&former["pool"]["stale"], &former["scenario_set_version"]), (&json!(true), &json!(3)));
    former["pool"]["stale"] = json!(false);
    assert_eq!(former["pool"], spoken["pool"], "of the former set, and nothing filled in");
    is_as_it_was(alice.get(&at(1)).await.is(200).body, spoken.clone(), 1);
    is_as_it_was(alice.get(&at(2)).await.is(200).body, first.clone(), 2);
    former["pool"]["stale"] = json!(true);
    is_as_it_was(alice.get(&at(0)).await.is(200).body, former.clone(), 0);

    for (number, person) in (1..).zip(&people) {
        person.states_credences(&topic, &[2000, 2000, 4000, 2000]).await;
        let now = person.get(&crowd).await.is(200).body;
        assert_eq!(now["people"], json!({ "fresh": number, "stale": 5 - number }));
        assert_eq!(now["pool"]["stale"], json!(number < 5));
        assert_eq!(now["dots"].as_array().unwrap().is_empty(), number == 5);
    }
    let now = alice.get(&crowd).await.is(200).body;
    assert_eq!(medians(&now).len(), 4);

    // I15: whoever goes is gone from the former pool too.
    bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    assert_eq!(
        app.rows("SELECT people || ' ' || moved_on FROM crowd ORDER BY comparable_since").await,
        ["4 4", "4 0"]
    );
    let counted = "SELECT sum(people)::text FROM credence_tally GROUP BY comparable_since, scenario_id";
    assert!(app.rows(counted).await.iter().all(|people| people == "4"));
}

#[tokio::test]
async fn whoever_waits_to_change_a_topic_is_not_overtaken_by_those_who_think_of_it() {
    let app = TestApp::with("[database]\nlock_timeout_ms = 60000\nstatement_timeout_ms = 60000").await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    // Somebody thinks of it for long.
    let mut thinking = PgConnection::connect(app.database_url()).await.unwrap();
    raw_sql("BEGIN; SELECT FROM topic FOR SHARE").execute(&mut thinking).await.unwrap();
    let path = format!("/topics/{topic}");
    let archives = tokio::spawn(async move { carol.patch(&path, json!({ "status": "archived" })).await });
    while app.waiting().await == 0 {}
    // Bob comes after carol, and has to see what she did.
    let path = format!("/topics/{topic}/credences/mine");
    let vector = bob.vector(&topic, &[6000, 3000, 1000]).await;
    let states = tokio::spawn(async move { bob.put(&path, vector).await });
    while app.waiting().await < 2 && !states.is_finished() {}
    raw_sql("ROLLBACK").execute(&mut thinking).await.unwrap();
    archives.await.unwrap().is(200);
    states.await.unwrap().is_problem(409, "topic_not_open");
}

#[tokio::test]
async fn a_large_crowd_is_counted_in_the_background() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    alice.states_credences(&topic, &[6000, 3000, 1000]).await;
    // Four hundred people who are of one mind.
    app.sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), 'person' || n, 'person' || n, 'person', 'member', 0, 'active', 1, now(), now()
         FROM generate_series(1, 400) n;
         INSERT INTO credence SELECT gen_random_uuid(), t.id, a.id, 1, 1, '2026-01-01', false
         FROM topic t CROSS JOIN account a WHERE a.username LIKE 'person%';
         INSERT INTO credence_part SELECT c.id, c.topic_id, s.id, CASE s.position WHEN 1 THEN 2000 WHEN 2 THEN 8000 ELSE 0 END
         FROM credence c JOIN scenario s ON s.topic_id = c.topic_id WHERE c.created_at = '2026-01-01';
         INSERT INTO credence_in_force SELECT topic_id, account_id, 1, false FROM credence WHERE created_at = '2026-01-01';",
    )
    .await
    .unwrap();
    let id = alice.get(&format!("/topics/{topic}")).await.text("/id").parse().unwrap();
    let tx = app.app.begin().await.unwrap();
    recount(&app.app, &tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(summarise_next(&app.app).await.unwrap());
    assert!(!summarise_next(&app.app).await.unwrap());
    let crowd = format!("/topics/{topic}/credences");
    let first = alice.get(&crowd).await.is(200).body;
    assert_eq!((first["pool"]["people"].clone(), medians(&first)), (json!(401), vec![0.2, 0.8, 0.0]));

    alice.states_credences(&topic, &[0, 10_000, 0]).await;
    assert_eq!(alice.get(&crowd).await.is(200).body, first, "not yet");
    assert!(summarise_next(&app.app).await.unwrap());
    let second = alice.get(&crowd).await.is(200).body;
    assert_eq!(second["pool"]["scenarios"][1]["histogram"], json!([0, 0, 0, 0, 0, 0, 0, 0, 400, 1]));

    // Should nobody count, whoever reads does, once a second has passed.
    alice.states_credences(&topic, &[10_000, 0, 0]).await;
    app.app.clock.advance(TimeDelta::milliseconds(999));
    assert_eq!(alice.get(&crowd).await.is(200).body, second);
    app.app.clock.advance(TimeDelta::milliseconds(1));
    let third = alice.get(&crowd).await.is(200).body;
    assert_eq!(third["pool"]["scenarios"][0]["histogram"], json!([0, 0, 400, 0, 0, 0, 0, 0, 0, 1]));
}

#[tokio::test]
async fn i13_the_crowd_is_shown_to_those_who_said_what_they_think() {
    let app = TestApp::new().await;
    let ([alice, ..], topic) = five_people(&app).await;
    let (crowd, mine) = (format!("/topics/{topic}/credences"), format!("/topics/{topic}/credences/mine"));
    let george = app.member("george").await;
    for path in [crowd.clone(), format!("{crowd}?as_of=2026-01-15T12:00:00Z")] {
        george.get(&path).await.is_problem(403, "crowd_withheld");
        app.guest().get(&path).await.is_problem(403, "crowd_withheld");
    }
    george.states_credences(&topic, &[2000, 2000, 2000, 2000, 2000]).await;
    let first = george.get(&mine).await.is(200).body;
    assert_eq!(first["saw_crowd"], false);
    george.get(&crowd).await.is(200);
    george.states_credences(&topic, &[6000, 1000, 1000, 1000, 1000]).await;
    assert_eq!(george.get(&mine).await.is(200).body["saw_crowd"], true);
    assert_eq!(alice.get(&mine).await.is(200).body["saw_crowd"], false);

    // Where guests are shown it, nobody knows who has seen it.
    let mut public = five_scenarios("Had the Armada landed in Essex");
    public["crowd_shown_to_guests"] = json!(true);
    let public = alice.post("/topics", public).await.is(201).text("/slug");
    app.guest().get(&format!("/topics/{public}/credences")).await.is(200);
    george.get(&format!("/topics/{public}/credences")).await.is_problem(403, "crowd_withheld");
    george.states_credences(&public, &[2000, 2000, 2000, 2000, 2000]).await;
    let stated = george.get(&format!("/topics/{public}/credences/mine")).await.is(200);
    assert_eq!(stated.body["saw_crowd"], true);
}

/// Everything that somebody who said nothing can read, in a world where others said this.
async fn seen_by_somebody_else(vectors: &[[i64; 4]]) -> BTreeMap<String, (u16, Value)> {
    let (app, _, paths) = everything_readable().await;
    let topic = app.rows("SELECT slug FROM topic").await.remove(0);
    let people = members(&app, ["bob", "dora", "erin", "frank", "george", "harry"]).await;
    let walker = app.member("walker").await;
    for (person, vector) in people.iter().zip(vectors) {
        person.states_credences(&topic, vector).await;
        person.predicts(&topic, vector).await;
    }
    let lists = ["active", "new", "top"].map(|sort| format!("/topics?sort={sort}"));
    let threads = ["best", "top", "new", "old", "hot", "controversial"];
    let threads = threads.map(|sort| format!("/topics/{topic}/thread?sort={sort}"));
    let mut seen = BTreeMap::new();
    for path in paths.into_iter().chain(lists).chain(threads) {
        let mut reply = walker.get(&path).await;
        if let Some(problem) = reply.body.as_object_mut() {
            problem.remove("request_id");
        }
        let etag = json!(reply.header("etag"));
        seen.insert(path, (reply.status, json!([etag, reply.body])));
    }
    seen
}

#[tokio::test]
async fn i13_nothing_that_can_be_read_tells_what_others_think_to_who_said_nothing() {
    let nobody = seen_by_somebody_else(&[]).await;
    let crowd =
        nobody.iter().find(|(path, _)| path.contains("/topics/") && path.ends_with("/credences")).unwrap();
    assert_eq!(crowd.1.0, 403, "{crowd:?}");
    assert!(nobody.values().filter(|(status, _)| *status == 200).count() > 20, "{nobody:#?}");
    let one_way = [[10_000, 0, 0, 0]; 6];
    let another = [
        [0, 5000, 5000, 0],
        [100, 9000, 900, 0],
        [0, 0, 10_000, 0],
        [1, 1, 1, 9997],
        [0, 9999, 1, 0],
        [3, 3, 9994, 0],
    ];
    for vectors in [one_way, another] {
        let seen = seen_by_somebody_else(&vectors).await;
        for (path, expected) in &nobody {
            assert_eq!(&seen[path], expected, "{path} tells what others think");
        }
    }
}

/// A number from 0 to 1, as basis points.
fn chain_of(read: &Value) -> Vec<String> {
    let steps = read["scenarios"][0]["chain_steps"].as_array().unwrap();
    steps.iter().map(|step| step["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_people_say_besides_is_theirs_and_their_numbers_are_compared() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut question = open_topic("Had the Armada landed in Kent");
    question["checkpoints"] =
        json!([{ "value": "1590", "precision": "year" }, { "value": "1595", "precision": "year" }]);
    let made = alice.post("/topics", question).await.is(201);
    let (topic, scenario, steps) = (made.text("/slug"), made.text("/scenarios/0/id"), chain_of(&made.body));
    alice.states_credences(&topic, &[6000, 3000, 1000]).await;
    let coherence = format!("/topics/{topic}/coherence/mine");
    assert_eq!(alice.get(&coherence).await.is(200).body["warnings"], json!([]));

    let said = json!({ "steps": [
        { "chain_step_id": steps[0], "bp": 5000 }, { "chain_step_id": steps[1], "bp": 4000 },
    ] });
    let path = format!("/scenarios/{scenario}/step-credences/mine");
    let kept = alice.put(&path, said.clone()).await.is(200);
    assert_eq!(kept.body, json!({ "scenario_id": scenario, "steps": said["steps"] }));
    assert_eq!(alice.get(&path).await.is(200).body, kept.body);
    let checkpoints = json!({ "checkpoints": [
        { "position": 2, "occurred_by": 2000, "actual": 7000, "alternatives": 4000 },
        { "position": 1, "occurred_by": 3000 },
        { "position": 0, "occurred_by": 9500 },
    ] });
    let at = format!("/topics/{topic}/checkpoint-credences/mine");
    alice.put(&at, checkpoints).await.is(200).matches(expect![[r#"
        {
          "checkpoints": [
            {
              "actual": null,
              "alternatives": null,
              "occurred_by": 9500,
              "position": 0
            },
            {
              "actual": null,
              "alternatives": null,
              "occurred_by": 3000,
              "position": 1
            },
            {
              "actual": 7000,
              "alternatives": 4000,
              "occurred_by": 2000,
              "position": 2
            }
          ]
        }
    "#]]);
    alice.get(&coherence).await.is(200).matches(expect![[r#"
        {
          "chains": [
            {
              "direct": 0.6,
              "gap": 1.791759,
              "implied": 0.2,
              "scenario_id": "00000000-0000-7000-8000-000000000005",
              "weakest_credence": 0.4,
              "weakest_step": 2
            }
          ],
          "topic_id": "00000000-0000-7000-8000-000000000003",
          "warnings": [
            {
              "check": "chain_gap",
              "detail": "Your steps imply 20%, you said 60%; the weakest is step 2 with 40%.",
              "direct": 0.6,
              "gap": 1.791759,
              "implied": 0.2,
              "scenario_id": "00000000-0000-7000-8000-000000000005",
              "weakest_credence": 0.4,
              "weakest_step": 2
            },
            {
              "check": "beyond_weakest_step",
              "detail": "You said 60%, and step 2 alone has 40%: is there a road around it?",
              "direct": 0.6,
              "gap": 1.791759,
              "implied": 0.2,
              "scenario_id": "00000000-0000-7000-8000-000000000005",
              "weakest_credence": 0.4,
              "weakest_step": 2
            },
            {
              "by_earlier": 3000,
              "by_later": 2000,
              "check": "not_monotone",
              "detail": "What has occurred by the earlier date has by the later one too, and you said 30% and 20%.",
              "earlier": 1,
              "later": 2
            },
            {
              "check": "necessity",
              "detail": "You said 95% for the outcome by the horizon; by your scenarios it is from 30% to 40%.",
              "least": 3000,
              "most": 4000,
              "occurred_by": 9500
            },
            {
              "actual": 7000,
              "alternatives": 4000,
              "check": "two_frames",
              "detail": "It would end as it did: 70%. It would not: 40%. One of the two must hold, so they make 100%.",
              "position": 2
            }
          ]
        }
    "#]]);

    // Whatever was said can be said otherwise, and taken back.
    alice.put(&path, json!({ "steps": [{ "chain_step_id": steps[1], "bp": 9000 }] })).await.is(200);
    alice.put(&at, json!({ "checkpoints": [] })).await.is(200);
    let read = alice.get(&coherence).await.is(200).body;
    assert_eq!((&read["warnings"], &read["chains"]), (&json!([]), &json!([])));
    let from = json!({ "inevitable_from": { "value": "1588-08", "precision": "month", "calendar": "gregorian", "circa": true } });
    let inevitable = format!("/topics/{topic}/inevitability/mine");
    alice.get(&inevitable).await.is_problem(404, "not_found");
    assert_eq!(alice.put(&inevitable, from.clone()).await.is(200).body, from);
    assert_eq!(alice.get(&inevitable).await.is(200).body, from);
    for _ in 0..2 {
        alice.send(Method::DELETE, &inevitable, None).await.is(204);
    }
    alice.get(&inevitable).await.is_problem(404, "not_found");

    // Nobody else's business.
    let bob = app.member("bob").await;
    assert_eq!(bob.get(&path).await.is(200).body["steps"], json!([]));
    assert_eq!(bob.get(&at).await.is(200).body["checkpoints"], json!([]));
    assert_eq!(bob.get(&coherence).await.is(200).body["chains"], json!([]));
    for path in [path, at, coherence, inevitable] {
        app.guest().get(&path).await.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn whoever_calls_evidence_a_smoking_gun_is_asked_whether_it_is() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = bob.opens_topic("Had the Armada landed in Kent").await;
    let scenario = bob.get(&format!("/topics/{topic}")).await.is(200).text("/scenarios/0/id");
    let coherence = format!("/topics/{topic}/coherence/mine");
    let brings = async |who: &Client, claimed: &str, p_if_false: i32| {
        let target = json!({ "kind": "scenario", "id": scenario });
        let evidence = json!({ "type": "evidence", "target": target, "p_if_true": 6000, "p_if_false": p_if_false,
                               "claimed_test_kind": claimed });
        let post = json!({ "body": "A letter of his.", "relations": [evidence] });
        who.post(&format!("/topics/{topic}/posts"), post).await.is(201)
    };
    let post = brings(&alice, "smoking_gun", 2000).await;
    brings(&alice, "smoking_gun", 500).await;
    brings(&alice, "straw_in_the_wind", 2000).await;
    brings(&bob, "doubly_decisive", 9000).await;
    alice.get(&coherence).await.is(200).matches(expect![[r#"
        {
          "chains": [],
          "topic_id": "00000000-0000-7000-8000-000000000005",
          "warnings": [
            {
              "check": "no_smoking_gun",
              "claimed_test_kind": "smoking_gun",
              "detail": "What nearly confirms is found 5 times in 100 at most unless what it shows holds; you said 20%.",
              "p_if_false": 2000,
              "relation_id": "00000000-0000-7000-8000-00000000000d"
            }
          ]
        }
    "#]]);
    assert_eq!(bob.get(&coherence).await.is(200).body["warnings"][0]["claimed_test_kind"], "doubly_decisive");

    // Nothing is asked of what was said otherwise since, or taken back.
    let path = format!("/posts/{}", post.text("/id"));
    let mut relation = post.body["relations"][0].clone();
    for gone in ["id", "test_kind", "weight_decibans"] {
        relation.as_object_mut().unwrap().remove(gone);
    }
    relation["p_if_false"] = json!(400);
    alice.patch(&path, json!({ "relations": [relation] })).await.is(200);
    assert_eq!(alice.get(&coherence).await.is(200).body["warnings"], json!([]));
    relation["p_if_false"] = json!(600);
    alice.patch(&path, json!({ "relations": [relation] })).await.is(200);
    assert_eq!(alice.get(&coherence).await.is(200).body["warnings"][0]["p_if_false"], 600);
    alice.delete_as_read(&path).await.is(200);
    assert_eq!(alice.get(&coherence).await.is(200).body["warnings"], json!([]));
}

#[tokio::test]
async fn what_is_said_of_what_is_not_there_is_refused_and_changes_nothing() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let made = alice.post("/topics", open_topic("Had the Armada landed in Kent")).await.is(201);
    let (topic, scenario, steps) = (made.text("/slug"), made.text("/scenarios/0/id"), chain_of(&made.body));
    let put = async |path: &str, body: Value| alice.put(path, body).await;
    let chain = format!("/scenarios/{scenario}/step-credences/mine");
    put(&chain, json!({ "steps": [{ "chain_step_id": scenario, "bp": 1 }] }))
        .await
        .refuses(&[("steps[0].chain_step_id", "unknown_step")]);
    let twice =
        json!({ "steps": [{ "chain_step_id": steps[0], "bp": 1 }, { "chain_step_id": steps[0], "bp": 2 }] });
    put(&chain, twice).await.refuses(&[("steps[1].chain_step_id", "duplicate")]);
    put(&chain, json!({ "steps": [{ "chain_step_id": steps[0], "bp": 10_001 }] }))
        .await
        .refuses(&[("steps[0].bp", "out_of_range")]);
    put("/scenarios/00000000-0000-7000-8000-0000000fffff/step-credences/mine", json!({ "steps": [] }))
        .await
        .is_problem(404, "not_found");
    let at = format!("/topics/{topic}/checkpoint-credences/mine");
    put(&at, json!({ "checkpoints": [{ "position": 1, "actual": 1 }] }))
        .await
        .refuses(&[("checkpoints[0].position", "unknown_checkpoint")]);
    put(&at, json!({ "checkpoints": [{ "position": 0 }, { "position": 0, "actual": 1 }] }))
        .await
        .refuses(&[("checkpoints[0]", "says_nothing"), ("checkpoints[1].position", "duplicate")]);
    let inevitable = format!("/topics/{topic}/inevitability/mine");
    put(&inevitable, json!({ "inevitable_from": { "value": "1589", "precision": "year" } }))
        .await
        .refuses(&[("inevitable_from", "after_outcome")]);
    put(&inevitable, json!({})).await.is(422);
    let prediction = format!("/topics/{topic}/meta-prediction/mine");
    let mut vector = alice.vector(&topic, &[5000, 5000, 1]).await;
    put(&prediction, vector.clone()).await.refuses(&[("vector", "not_a_whole")]);
    vector["scenario_set_version"] = json!(2);
    put(&prediction, vector).await.is_problem(409, "scenarios_changed");
    for table in [
        "step_credence",
        "checkpoint_credence",
        "inevitability",
        "meta_prediction",
        "meta_prediction_part",
        "crowd",
    ] {
        assert_eq!(app.rows(&format!("SELECT count(*)::text FROM {table}")).await, ["0"], "{table}");
    }
    // Nor when the scenario is, or the topic.
    let carol = app.administrator("carol").await;
    let another = json!({ "label": "She shares it", "statement": "A council rules with her.",
                          "outcome_vs_actual": "different" });
    alice.changes_scenarios(&topic, json!({ "kind": "add", "scenario": another })).await;
    alice.changes_scenarios(&topic, json!({ "kind": "retire", "scenario_id": scenario })).await;
    put(&chain, json!({ "steps": [{ "chain_step_id": steps[0], "bp": 1 }] }))
        .await
        .is_problem(409, "scenario_retired");
    carol.patch(&format!("/topics/{topic}"), json!({ "status": "archived" })).await.is(200);
    put(&chain, json!({ "steps": [] })).await.is_problem(409, "topic_not_open");
    put(&at, json!({ "checkpoints": [] })).await.is_problem(409, "topic_not_open");
    put(&inevitable, json!({ "inevitable_from": null })).await.is_problem(409, "topic_not_open");
}

#[tokio::test]
async fn what_five_people_say_besides_is_pooled() {
    let app = TestApp::new().await;
    let people = members(&app, NAMES).await;
    let made = people[0].post("/topics", open_topic("Had the Armada landed in Kent")).await.is(201);
    let (topic, scenario, steps) = (made.text("/slug"), made.text("/scenarios/0/id"), chain_of(&made.body));
    let crowd = format!("/topics/{topic}/credences");
    for (person, bp) in (0..).zip([1000, 2000, 3000, 4000, 5000]) {
        let client = &people[person];
        client.states_credences(&topic, &[bp, 10_000 - bp, 0]).await;
        let said = json!({ "steps": [
            { "chain_step_id": steps[0], "bp": bp }, { "chain_step_id": steps[1], "bp": 10_000 - bp },
        ] });
        client.put(&format!("/scenarios/{scenario}/step-credences/mine"), said).await.is(200);
        let from = if person < 2 {
            json!(null)
        } else {
            json!({ "value": format!("158{}", person + 3), "precision": "year" })
        };
        let from = json!({ "inevitable_from": from });
        client.put(&format!("/topics/{topic}/inevitability/mine"), from).await.is(200);
        let at = json!({ "checkpoints": [{ "position": 0, "occurred_by": bp, "actual": 8000, "alternatives": bp }] });
        client.put(&format!("/topics/{topic}/checkpoint-credences/mine"), at).await.is(200);
        let likelihood = json!({ "bp": 10_000 - bp });
        client.put(&format!("/topics/{topic}/outcome-likelihood/mine"), likelihood).await.is(200);
        let pool = client.get(&crowd).await.is(200).body["pool"].clone();
        assert_eq!(pool.is_null(), person < 4);
    }
    let pool = people[0].get(&crowd).await.is(200).body["pool"].clone();
    let further: BTreeMap<_, _> = ["chains", "inevitability", "checkpoints", "given_event", "adequacy"]
        .into_iter()
        .map(|name| (name, &pool[name]))
        .collect();
    expect![[r#"
        {
          "adequacy": 0.0,
          "chains": [
            {
              "implied": 0.21,
              "scenario_id": "00000000-0000-7000-8000-00000000000d",
              "steps": [
                {
                  "median": 0.3,
                  "people": 5,
                  "step_no": 1
                },
                {
                  "median": 0.7,
                  "people": 5,
                  "step_no": 2
                }
              ],
              "weakest_step": 1
            }
          ],
          "checkpoints": [
            {
              "actual": {
                "median": 0.8,
                "people": 5
              },
              "alternatives": {
                "median": 0.3,
                "people": 5
              },
              "both": 1.1,
              "occurred_by": {
                "median": 0.3,
                "people": 5
              },
              "position": 0
            }
          ],
          "given_event": {
            "median": 0.7,
            "people": 5
          },
          "inevitability": {
            "median": {
              "calendar": "gregorian",
              "circa": false,
              "precision": "year",
              "value": "1587"
            },
            "never": 2,
            "people": 5
          }
        }
    "#]]
    .assert_eq(&format!("{}\n", serde_json::to_string_pretty(&further).unwrap()));
}

#[tokio::test]
async fn more_people_may_hold_a_view_than_was_expected() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    for number in 0..20 {
        let person = if number == 0 { alice.clone() } else { app.member(&format!("person{number}")).await };
        // Half say before what they think, half after; all expect the first scenario to win.
        let vector: [i64; 3] = if number < 14 { [1000, 8000, 1000] } else { [8000, 1000, 1000] };
        if number % 2 == 0 {
            person.predicts(&topic, &[7000, 2000, 1000]).await;
            person.states_credences(&topic, &vector).await;
        } else {
            person.states_credences(&topic, &vector).await;
            person.predicts(&topic, &[1000, 1000, 8000]).await;
            person.predicts(&topic, &[7000, 2000, 1000]).await;
        }
    }
    let crowd = alice.get(&format!("/topics/{topic}/credences")).await.is(200).body;
    assert_eq!(crowd["pool"]["predicted_by"], 20);
    let than_predicted: Vec<_> =
        crowd["pool"]["scenarios"].as_array().unwrap().iter().map(|s| &s["than_predicted"]).collect();
    expect![[r#"
        [
          {
            "excess": -0.4,
            "more_than_predicted": false,
            "predicted": 0.7,
            "share": 0.3,
            "standard_error": 0.105131
          },
          {
            "excess": 0.5,
            "more_than_predicted": true,
            "predicted": 0.2,
            "share": 0.7,
            "standard_error": 0.105131
          },
          {
            "excess": -0.1,
            "more_than_predicted": false,
            "predicted": 0.1,
            "share": 0.0,
            "standard_error": 0.0
          }
        ]
    "#]]
    .assert_eq(&format!("{}\n", serde_json::to_string_pretty(&than_predicted).unwrap()));
    // Whoever holds two likeliest has no favourite, and is not among those who predicted.
    alice.states_credences(&topic, &[4500, 4500, 1000]).await;
    let crowd = alice.get(&format!("/topics/{topic}/credences")).await.is(200).body;
    assert_eq!(
        (&crowd["pool"]["predicted_by"], &crowd["pool"]["several_favourites"]),
        (&json!(19), &json!(1))
    );
}

#[tokio::test]
async fn parts_of_a_scenario_share_out_what_it_has() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut question = open_topic("Had the Armada landed in Kent");
    for (key, label) in [("wales", "Flees to Wales"), ("tower", "Is in the Tower")] {
        let part = json!({ "key": key, "label": label, "statement": "She is safe there for now.",
                           "outcome_vs_actual": "absent", "parent": "falls" });
        question["scenarios"].as_array_mut().unwrap().push(part);
    }
    let kent = json!({ "key": "kent", "label": "Holds in Kent", "statement": "The landing gets no further.",
                       "outcome_vs_actual": "same", "parent": "holds" });
    question["scenarios"].as_array_mut().unwrap().push(kent);
    let made = alice.post("/topics", question).await.is(201);
    let topic = made.text("/slug");
    let kent = made.text("/scenarios/5/id");
    let (wales, tower) = (made.text("/scenarios/3/id"), made.text("/scenarios/4/id"));
    let mine = format!("/topics/{topic}/credences/mine");
    let mut vector = alice.vector(&topic, &[6000, 3000, 1000]).await;
    vector["sub_vector"] =
        json!([{ "scenario_id": wales, "bp": 4000 }, { "scenario_id": tower, "bp": 3000 }]);
    let stated = alice.put(&mine, vector.clone()).await.is(200).body;
    assert_eq!(stated["sub_vector"], vector["sub_vector"]);
    assert_eq!(alice.put(&mine, vector.clone()).await.is(200).body["number"], 1);
    let coherence = alice.get(&format!("/topics/{topic}/coherence/mine")).await.is(200).body;
    assert_eq!(coherence["warnings"][0]["check"], "parts_exceed_whole");
    assert_eq!(coherence["warnings"][0]["parts"], 7000);
    vector["sub_vector"][1]["bp"] = json!(2000);
    assert_eq!(alice.put(&mine, vector.clone()).await.is(200).body["number"], 2);
    let coherence = alice.get(&format!("/topics/{topic}/coherence/mine")).await.is(200).body;
    assert_eq!(coherence["warnings"], json!([]));
    let refuses = async |id: &str, code: &str| {
        let mut wrong = vector.clone();
        wrong["sub_vector"][1]["scenario_id"] = json!(id);
        alice.put(&mine, wrong).await.refuses(&[("sub_vector[1].scenario_id", code)]);
    };
    refuses(&made.text("/scenarios/0/id"), "top_level").await;
    refuses(&wales, "duplicate").await;
    refuses(&made.text("/id"), "unknown_scenario").await;
    // Wherever vectors are read, the parts are in the whole already.
    vector["sub_vector"].as_array_mut().unwrap().push(json!({ "scenario_id": kent, "bp": 3000 }));
    alice.put(&mine, vector.clone()).await.is(200);
    let likelihood =
        alice.put(&format!("/topics/{topic}/outcome-likelihood/mine"), json!({ "bp": 5000 })).await;
    assert_eq!(likelihood.is(200).body["without_event_bp"], 3000);
    let record = alice.get("/accounts/alice/track-record/credences").await.is(200).body;
    assert_eq!(record["items"][0]["vector"], vector["vector"]);
    // The whole is pooled, and its parts are not.
    assert_eq!(app.rows("SELECT count(*)::text FROM credence_tally").await, ["3"]);
}
