//! What it costs to read what a crowd thinks, and how soon a change of it is seen.

use std::time::{Duration, Instant};

use otherwise::db::embedded;
use reqwest::Method;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::{Client, Folder, Server};
use crate::{Bound, Row, percentile};

/// A small crowd and a large one.
const PEOPLE: [i32; 2] = [1_000, 100_000];

/// Scenarios of each question, the residual included.
const SCENARIOS: usize = 8;

/// Measures all of it.
pub(crate) async fn measure() -> Vec<Row> {
    let folder = Folder::new();
    let server = folder.serve();
    let alice = server.member("alice").await;
    let mut database = PgConnection::connect(&embedded::running(&folder.data()).unwrap()).await.unwrap();
    let mut crowds = Vec::new();
    for people in PEOPLE {
        println!("Having {people} people state credences over {SCENARIOS} scenarios …");
        let topic = open(&alice, people).await;
        fill(&mut database, &topic, people).await;
        state(&alice, &topic, 0).await;
        let crowd = format!("/topics/{topic}/credences");
        counted(&alice, &crowd, i64::from(people) + 1).await;
        check(&mut database, &alice, &topic).await;
        crowds.push((topic, crowd));
    }
    let mut rows = vec![reading(&alice, &crowds[0].1, &crowds[1].1).await];
    rows.push(seeing(&server, &alice, &crowds[1]).await);
    check(&mut database, &alice, &crowds[1].0).await;
    database.close().await.unwrap();
    server.stop();
    rows
}

async fn open(alice: &Client, people: i32) -> String {
    let day = |value: &str| json!({ "value": value, "precision": "day" });
    let mut scenarios =
        vec![json!({ "key": "other", "label": "Something else", "statement": "None of the others.",
                                     "outcome_vs_actual": "unspecified", "is_residual": true })];
    for number in 1..SCENARIOS {
        scenarios.push(json!({ "key": format!("s{number}"), "label": format!("Scenario {number}"),
                               "statement": "What happens in it.", "outcome_vs_actual": "different" }));
    }
    let topic = json!({
        "title": format!("What {people} people think"), "status": "open",
        "question_text": "What would have become of it, had it been otherwise?",
        "event": { "title": "An event", "date": day("1588-08-08"), "summary": "It happened." },
        "actual_outcome": "What came of it.",
        "antecedent": { "statement": "It does not happen.", "operation": "omit_event",
                        "point_of_divergence": day("1588-08-07") },
        "consequent_in_question": "Whether it comes.", "outcome_definition": "It is there.",
        "outcome_occurred": true, "outcome_actual_date": day("1589-08-08"), "horizon": day("1603-03-24"),
        "scenarios": scenarios,
    });
    alice.post("/topics", &topic).await.is(201).text("/slug")
}

/// Has people state vectors of all kinds, as if they had done so one after the other: straight into the tables, and
/// counted from scratch as an upgrade counts them.
async fn fill(database: &mut PgConnection, topic: &str, people: i32) {
    let statements = format!(
        "ALTER TABLE credence DISABLE TRIGGER USER;
         ALTER TABLE credence_part DISABLE TRIGGER USER;
         INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), 'p{people}x' || n, 'p{people}x' || n, 'person', 'member', 0, 'active', 1, now(), now()
         FROM generate_series(1, {people}) n;
         INSERT INTO credence (id, topic_id, account_id, number, scenario_set_version, saw_crowd, created_at)
         SELECT gen_random_uuid(), t.id, a.id, 1, 1, false, now()
         FROM account a, topic t WHERE a.username LIKE 'p{people}x%' AND t.slug = '{topic}';
         INSERT INTO credence_part (credence_id, topic_id, scenario_id, bp)
         SELECT c.id, c.topic_id, s.id, c.cuts[s.position + 1] - c.cuts[s.position]
         FROM (SELECT c.id, c.topic_id, (SELECT array_agg(cut ORDER BY cut) FROM (
                   SELECT 0 AS cut UNION ALL SELECT 10000
                   UNION ALL SELECT floor(random() * 10001)::integer FROM generate_series(1, {SCENARIOS} - c.number)) cuts) AS cuts
               FROM credence c JOIN topic t ON t.id = c.topic_id WHERE t.slug = '{topic}') c
         JOIN scenario s ON s.topic_id = c.topic_id;
         INSERT INTO credence_in_force (topic_id, account_id, number, saw_crowd)
         SELECT c.topic_id, c.account_id, 1, false FROM credence c JOIN topic t ON t.id = c.topic_id WHERE t.slug = '{topic}';
         ALTER TABLE credence ENABLE TRIGGER USER;
         ALTER TABLE credence_part ENABLE TRIGGER USER;
         INSERT INTO credence_tally (topic_id, comparable_since, scenario_id, bp, people)
         SELECT p.topic_id, 1, p.scenario_id, p.bp, count(*)
         FROM credence_part p JOIN topic t ON t.id = p.topic_id WHERE t.slug = '{topic}'
         GROUP BY p.topic_id, p.scenario_id, p.bp;
         INSERT INTO favourite_tally (topic_id, comparable_since, scenario_id, people)
         SELECT topic_id, 1, favourite::uuid, count(*)
         FROM (SELECT p.topic_id, min(p.scenario_id::text) AS favourite
               FROM credence_part p JOIN topic t ON t.id = p.topic_id
               WHERE t.slug = '{topic}' AND p.bp = (SELECT max(bp) FROM credence_part WHERE credence_id = p.credence_id)
               GROUP BY p.credence_id, p.topic_id HAVING count(*) = 1) held
         GROUP BY topic_id, favourite;
         INSERT INTO crowd (topic_id, comparable_since, people, moved_on, changes, summarised_changes)
         SELECT id, 1, {people}, 0, 1, 0 FROM topic WHERE slug = '{topic}';
         ANALYZE;"
    );
    // Numbers, and the slug of a topic that was made here.
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(database).await.unwrap();
}

/// Has alice state one of several vectors.
async fn state(alice: &Client, topic: &str, turn: usize) -> Value {
    let read = alice.get(&format!("/topics/{topic}")).await.is(200);
    let part = |(place, scenario): (usize, &Value)| {
        let bp = if place == turn % SCENARIOS { 10_000 } else { 0 };
        json!({ "scenario_id": scenario["id"], "bp": bp })
    };
    let vector: Vec<_> = read.body["scenarios"].as_array().unwrap().iter().enumerate().map(part).collect();
    let body = json!({ "scenario_set_version": 1, "vector": vector });
    let path = format!("/topics/{topic}/credences/mine");
    alice.try_send(Method::PUT, &path, Some(&body), &[]).await.unwrap().is(200).body
}

/// Waits until so many people are counted.
async fn counted(alice: &Client, crowd: &str, people: i64) {
    let done = || async { alice.get(crowd).await.is(200).body["pool"]["people"] == people };
    crate::support::until("the crowd to be counted", done).await;
}

/// What is shown is what the vectors say, exactly.
async fn check(database: &mut PgConnection, alice: &Client, topic: &str) {
    let exact: Vec<(String, f64)> = sqlx::query_as(
        "SELECT p.scenario_id::text, percentile_cont(0.5) WITHIN GROUP (ORDER BY p.bp) / 10000
         FROM credence_in_force f JOIN credence c USING (topic_id, account_id, number)
         JOIN credence_part p ON p.credence_id = c.id JOIN topic t ON t.id = f.topic_id
         WHERE t.slug = $1 GROUP BY p.scenario_id",
    )
    .bind(topic)
    .fetch_all(database)
    .await
    .unwrap();
    let read = alice.get(&format!("/topics/{topic}/credences")).await.is(200);
    for scenario in read.body["pool"]["scenarios"].as_array().unwrap() {
        let (_, median) = exact.iter().find(|(id, _)| scenario["scenario_id"] == **id).unwrap();
        let shown = scenario["quantiles"]["p50"].as_f64().unwrap();
        assert!((shown - median).abs() < 1e-6, "{shown} is not {median}");
    }
}

/// The median time to read a large crowd's view against a small one's, turn by turn.
async fn reading(alice: &Client, small: &str, large: &str) -> Row {
    let (mut ours, mut reference) = (Vec::new(), Vec::new());
    for _ in 0..300 {
        for (crowd, times) in [(large, &mut ours), (small, &mut reference)] {
            let started = Instant::now();
            alice.get(crowd).await.is(200);
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    Row {
        name: "reading what 100,000 people think, against 1,000",
        ours: percentile(ours, 50),
        reference: percentile(reference, 50),
        unit: "ms",
        bound: Bound::AtMost(1.5),
    }
}

/// How long after a vector was acknowledged readers see it: the slowest of several.
async fn seeing(server: &Server, alice: &Client, (topic, crowd): &(String, String)) -> Row {
    let reader = alice.at(server);
    let mut times = Vec::new();
    for turn in 1..=20 {
        let favourite = turn % SCENARIOS;
        let of = |read: &Value| read["pool"]["scenarios"][favourite]["favourite_of"].as_i64().unwrap();
        let before = of(&reader.get(crowd).await.is(200).body);
        state(alice, topic, turn).await;
        let acknowledged = Instant::now();
        while of(&reader.get(crowd).await.is(200).body) == before {
            assert!(acknowledged.elapsed() < Duration::from_secs(30), "nobody counts");
        }
        times.push(acknowledged.elapsed().as_secs_f64() * 1e3);
    }
    Row {
        name: "a vector is seen among 100,000, the slowest of 20, against a second",
        ours: percentile(times, 100),
        reference: 1000.0,
        unit: "ms",
        bound: Bound::AtMost(1.0),
    }
}
