//! Criteria: medians and shares of what many judge, what follows from the question, and one's own business.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::builders::{day, judged_topic};
use crate::support::{Client, PASSWORD, Reply, TestApp};

const CRITERIA: [&str; 6] = [
    "clarity",
    "cotenability",
    "historical_consistency",
    "theoretical_consistency",
    "statistical_consistency",
    "projectability",
];

/// Identifiers of nothing.
const NOBODY: &str = "0198c5f0-0000-7000-8000-00000000dead";

/// An open topic with everything that is judged.
struct Judged {
    app: TestApp,
    alice: Client,
    topic: String,
    read: Value,
}

impl Judged {
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With other fields at the top of the topic.
    async fn with(fields: Value) -> Self {
        let app = TestApp::new().await;
        let alice = app.member("alice").await;
        let mut topic = judged_topic("Had the Armada landed in Kent");
        for (name, value) in fields.as_object().unwrap() {
            topic[name] = value.clone();
        }
        let made = alice.post("/topics", topic).await.is(201);
        Self { app, alice, topic: made.text("/slug"), read: made.body }
    }

    fn id(&self, pointer: &str) -> String {
        self.read.pointer(pointer).unwrap().as_str().unwrap().to_owned()
    }

    fn scenario(&self, place: usize) -> String {
        self.id(&format!("/scenarios/{place}/id"))
    }

    fn rated_scenario(&self) -> String {
        format!("/scenarios/{}/ratings/mine", self.scenario(0))
    }

    fn rated_variant(&self) -> String {
        format!("/variants/{}/ratings/mine", self.id("/variants/0/id"))
    }

    fn flagged_step(&self) -> String {
        format!("/chain-steps/{}/cotenability/mine", self.id("/scenarios/0/chain_steps/0/id"))
    }

    fn flagged_fact(&self) -> String {
        format!("/background-facts/{}/cotenability/mine", self.id("/background_facts/0/id"))
    }

    fn disputed_kind(&self) -> String {
        format!("/variants/{}/kind-dispute/mine", self.id("/variants/0/id"))
    }

    fn likelihood(&self) -> String {
        format!("/topics/{}/outcome-likelihood/mine", self.topic)
    }

    fn classes(&self) -> String {
        format!("/topics/{}/reference-classes", self.topic)
    }

    fn class(&self) -> Value {
        json!({
            "scenario_id": self.scenario(0), "description": "Landings in England since 1066.", "cases": 9,
            "with_outcome": 3, "citation": { "source_id": self.id("/sources/0/id"), "locator": "p. 12" },
        })
    }

    async fn assessment(&self, who: &Client) -> Reply {
        who.get(&format!("/topics/{}/assessment", self.topic)).await.is(200)
    }

    async fn archive(&self) {
        let carol = self.app.administrator("carol").await;
        carol.patch(&format!("/topics/{}", self.topic), json!({ "status": "archived" })).await.is(200);
    }

    /// Merges the second live scenario into the first, as a change of the set does.
    async fn merge(&self, gone: usize, into: usize) {
        let (gone, into) = (self.scenario(gone), self.scenario(into));
        let merge = format!(
            "BEGIN; UPDATE topic SET scenario_set_version = 2;
             UPDATE scenario SET retired_in_version = 2, merged_into = '{into}' WHERE id = '{gone}'; COMMIT"
        );
        self.app.sql(&merge).await.unwrap();
    }

    /// How much of everything there is: what was refused changes none of it.
    async fn everything(&self) -> Vec<String> {
        self.app
            .rows(
                "SELECT concat_ws(' ', (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM criterion_rating t),
                    (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM cotenability_flag t),
                    (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM kind_dispute t),
                    (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM outcome_likelihood t),
                    (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) FROM reference_class t),
                    (SELECT count(*) FROM citation), (SELECT count(*) FROM event))",
            )
            .await
    }
}

fn ratings(values: &[(&str, i64)]) -> Value {
    let ratings: serde_json::Map<_, _> =
        values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({ "ratings": ratings })
}

#[tokio::test]
async fn ratings_are_replaced_whole_and_shown_as_medians() {
    let judged = Judged::new().await;
    let (bob, dora) = (judged.app.member("bob").await, judged.app.member("dora").await);
    let path = judged.rated_scenario();
    bob.put(&path, ratings(&[("clarity", 4), ("projectability", 1)])).await.is(200).matches(expect![[r#"
        {
          "mine": {
            "clarity": 4,
            "cotenability": null,
            "historical_consistency": null,
            "projectability": 1,
            "statistical_consistency": null,
            "theoretical_consistency": null
          },
          "ratings": {
            "clarity": {
              "median": 4.0,
              "n": 1
            },
            "cotenability": {
              "median": null,
              "n": 0
            },
            "historical_consistency": {
              "median": null,
              "n": 0
            },
            "projectability": {
              "median": 1.0,
              "n": 1
            },
            "statistical_consistency": {
              "median": null,
              "n": 0
            },
            "theoretical_consistency": {
              "median": null,
              "n": 0
            }
          },
          "target": {
            "id": "00000000-0000-7000-8000-00000000000e",
            "kind": "scenario"
          }
        }
    "#]]);
    judged.app.app.clock.advance(TimeDelta::minutes(1));
    // The same again is the same, to the moment at which it was said.
    let before = judged.everything().await;
    bob.put(&path, ratings(&[("clarity", 4), ("projectability", 1)])).await.is(200);
    assert_eq!(judged.everything().await, before);
    let second = dora.put(&path, ratings(&[("clarity", 1), ("cotenability", 0)])).await.is(200);
    assert_eq!(second.header("cache-control"), Some("no-store"));
    let shown = &second.body["ratings"];
    assert_eq!(shown["clarity"], json!({ "median": 2.5, "n": 2 }), "the mean of the two in the middle");
    assert_eq!(shown["projectability"], json!({ "median": 1.0, "n": 1 }));
    assert_eq!(shown["cotenability"], json!({ "median": 0.0, "n": 1 }));
    assert_eq!(shown["historical_consistency"], json!({ "median": null, "n": 0 }));
    assert_eq!(judged.assessment(&judged.app.guest()).await.body["scenarios"][0]["ratings"], *shown);

    // Those left out are taken back, and so are those that are null.
    let fewer = json!({ "ratings": { "clarity": 0, "projectability": null } });
    let fewer = bob.put(&path, fewer).await.is(200);
    assert_eq!(fewer.body["ratings"]["projectability"], json!({ "median": null, "n": 0 }));
    assert_eq!(fewer.body["ratings"]["clarity"], json!({ "median": 0.5, "n": 2 }));
    let none = bob.put(&path, ratings(&[])).await.is(200);
    assert_eq!(none.body["ratings"]["clarity"], json!({ "median": 1.0, "n": 1 }));
    assert_eq!(none.body["mine"]["clarity"], Value::Null);
    let before = judged.everything().await;
    bob.put(&path, ratings(&[])).await.is(200);
    assert_eq!(judged.everything().await, before);

    // A variant has its own.
    let variant = bob.put(&judged.rated_variant(), ratings(&[("clarity", 3)])).await.is(200);
    assert_eq!(variant.body["target"], json!({ "kind": "variant", "id": judged.read["variants"][0]["id"] }));
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(read["variants"][0]["ratings"]["clarity"], json!({ "median": 3.0, "n": 1 }));
    assert_eq!(read["scenarios"][0]["ratings"]["clarity"], json!({ "median": 1.0, "n": 1 }));
    assert_eq!(read["scenarios"][1]["ratings"]["clarity"], json!({ "median": null, "n": 0 }));
}

#[tokio::test]
async fn medians_of_many_are_those_of_their_sorted_ratings() {
    let judged = Judged::new().await;
    judged
        .app
        .sql(
            "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
             SELECT gen_random_uuid(), 'rater' || n, 'rater' || n, 'imported', 'member', 0, 'active', 1, now(), now()
             FROM generate_series(1, 40) n",
        )
        .await
        .unwrap();
    let (scenario, variant) = (judged.scenario(0), judged.id("/variants/0/id"));
    // Whether somebody rates, and how, by each criterion: for both targets.
    let cell = prop::option::of(0..5_i64);
    let tables = prop::collection::vec(prop::array::uniform6(cell), 2..=80);
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let table = tables.new_tree(&mut runner).unwrap().current();
        let mut insert = "DELETE FROM criterion_rating;".to_owned();
        for (place, row) in table.iter().enumerate().filter(|(_, row)| row.iter().any(Option::is_some)) {
            let (column, target) =
                if place % 2 == 0 { ("scenario_id", &scenario) } else { ("variant_id", &variant) };
            let values: Vec<_> =
                row.iter().map(|value| value.map_or("NULL".to_owned(), |value| value.to_string())).collect();
            insert += &format!(
                "INSERT INTO criterion_rating (topic_id, {column}, account_id, {}, updated_at)
                 SELECT t.id, '{target}', a.id, {}, now() FROM topic t, account a WHERE a.username = 'rater{}';",
                CRITERIA.join(", "),
                values.join(", "),
                place / 2 + 1,
            );
        }
        judged.app.sql(&insert).await.unwrap();
        // Somebody signed in: what is kept for guests knows nothing of rows that came behind its back.
        let read = judged.assessment(&judged.alice).await.body;
        for (side, shown) in
            [&read["scenarios"][0]["ratings"], &read["variants"][0]["ratings"]].iter().enumerate()
        {
            for (place, criterion) in CRITERIA.iter().enumerate() {
                let mut sorted: Vec<i64> =
                    table.iter().skip(side).step_by(2).filter_map(|row| row[place]).collect();
                sorted.sort_unstable();
                let n = sorted.len();
                let median = match n {
                    0 => Value::Null,
                    n if n % 2 == 1 => json!(sorted[n / 2] as f64),
                    n => json!((sorted[n / 2 - 1] + sorted[n / 2]) as f64 / 2.0),
                };
                assert_eq!(
                    shown[criterion],
                    json!({ "median": median, "n": n }),
                    "{criterion} of {sorted:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_judgement_is_refused_and_changes_nothing() {
    let judged = Judged::new().await;
    let (alice, before) = (&judged.alice, judged.everything().await);
    for path in [judged.rated_scenario(), judged.rated_variant()] {
        for (value, field, code) in [
            (json!({ "ratings": { "clarity": 5 } }), "ratings.clarity", "out_of_range"),
            (json!({ "ratings": { "clarity": -1 } }), "ratings.clarity", "out_of_range"),
            (json!({ "ratings": { "clarity": 2.5 } }), "ratings.clarity", "wrong_type"),
            (json!({ "ratings": { "clarity": "2" } }), "ratings.clarity", "wrong_type"),
            (json!({ "ratings": { "second_order": 2 } }), "ratings.second_order", "unknown_field"),
            (json!({ "ratings": { "proximity": 2 } }), "ratings.proximity", "unknown_field"),
            (json!({ "clarity": 2 }), "clarity", "unknown_field"),
            (json!({}), "ratings", "missing"),
            (json!({ "ratings": null }), "ratings", "wrong_type"),
        ] {
            alice.put(&path, value).await.refuses(&[(field, code)]);
        }
    }
    for path in [judged.flagged_step(), judged.flagged_fact()] {
        for (value, field, code) in [
            (json!({ "clashes": 1 }), "clashes", "wrong_type"),
            (json!({ "clashes": null }), "clashes", "wrong_type"),
            (json!({}), "clashes", "missing"),
            (json!({ "clashes": true, "why": "So." }), "why", "unknown_field"),
        ] {
            alice.put(&path, value).await.refuses(&[(field, code)]);
        }
    }
    alice
        .put(&judged.disputed_kind(), json!({ "disputes": "yes" }))
        .await
        .refuses(&[("disputes", "wrong_type")]);
    for (bp, code) in
        [(json!(-1), "out_of_range"), (json!(10_001), "out_of_range"), (json!(0.5), "wrong_type")]
    {
        alice.put(&judged.likelihood(), json!({ "bp": bp })).await.refuses(&[("bp", code)]);
    }
    for path in [
        "/scenarios/{}/ratings/mine",
        "/variants/{}/ratings/mine",
        "/chain-steps/{}/cotenability/mine",
        "/background-facts/{}/cotenability/mine",
        "/variants/{}/kind-dispute/mine",
    ] {
        let body = match path {
            _ if path.contains("ratings") => ratings(&[("clarity", 2)]),
            _ if path.contains("cotenability") => json!({ "clashes": true }),
            _ => json!({ "disputes": true }),
        };
        alice.put(&path.replace("{}", NOBODY), body.clone()).await.is_problem(404, "not_found");
        // A thing of another kind is no such thing.
        alice.put(&path.replace("{}", &judged.id("/id")), body.clone()).await.is_problem(404, "not_found");
        judged.app.guest().put(&path.replace("{}", NOBODY), body).await.is_problem(401, "unauthenticated");
    }
    assert_eq!(judged.everything().await, before);
}

/// Every way to judge something, with a body that is right.
fn acts(judged: &Judged) -> Vec<(Method, String, Value)> {
    let nothing = Value::Null;
    vec![
        (Method::PUT, judged.rated_scenario(), ratings(&[("clarity", 2)])),
        (Method::PUT, judged.rated_variant(), ratings(&[("clarity", 2)])),
        (Method::PUT, judged.flagged_step(), json!({ "clashes": true })),
        (Method::DELETE, judged.flagged_step(), nothing.clone()),
        (Method::PUT, judged.flagged_fact(), json!({ "clashes": true })),
        (Method::DELETE, judged.flagged_fact(), nothing.clone()),
        (Method::PUT, judged.disputed_kind(), json!({ "disputes": true })),
        (Method::DELETE, judged.disputed_kind(), nothing.clone()),
        (Method::PUT, judged.likelihood(), json!({ "bp": 5000 })),
        (Method::DELETE, judged.likelihood(), nothing),
        (Method::POST, judged.classes(), judged.class()),
    ]
}

async fn act(who: &Client, (method, path, body): &(Method, String, Value)) -> Reply {
    let body = (!body.is_null()).then(|| body.to_string().into_bytes());
    who.send(method.clone(), path, body).await
}

#[tokio::test]
async fn judgements_are_made_while_the_topic_is_open() {
    let draft = Judged::with(json!({ "status": "draft" })).await;
    let (bob, before) = (draft.app.member("bob").await, draft.everything().await);
    for done in acts(&draft) {
        act(&bob, &done).await.is_problem(404, "not_found");
        act(&draft.alice, &done).await.is_problem(409, "topic_not_open");
    }
    let assessment = format!("/topics/{}/assessment", draft.topic);
    bob.get(&assessment).await.is_problem(404, "not_found");
    draft.app.guest().get(&assessment).await.is_problem(404, "not_found");
    draft.alice.get(&assessment).await.is(200);
    bob.get(&draft.likelihood()).await.is_problem(404, "not_found");
    assert_eq!(draft.everything().await, before);

    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    for done in acts(&judged) {
        let reply = act(&bob, &done).await;
        assert!(reply.status < 300, "{done:?}: {:#}", reply.body);
    }
    act(&bob, &acts(&judged)[8]).await.is(200);
    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let script = judged.app.bearer(&bob.post("/me/tokens", token).await.is(201).text("/token"));
    for done in acts(&judged) {
        act(&script, &done).await.is_problem(403, "scope_missing");
    }
    judged.archive().await;
    let before = judged.everything().await;
    for done in acts(&judged) {
        act(&bob, &done).await.is_problem(409, "topic_not_open");
    }
    assert_eq!(judged.everything().await, before);
    // What was said can be read on.
    bob.get(&judged.likelihood()).await.is(200);
    let read = judged.assessment(&judged.app.guest()).await;
    assert_eq!(read.body["scenarios"][0]["ratings"]["clarity"]["n"], 1);
}

#[tokio::test]
async fn a_retired_scenario_is_judged_no_more() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    bob.put(&judged.rated_scenario(), ratings(&[("clarity", 2)])).await.is(200);
    bob.put(&judged.flagged_step(), json!({ "clashes": true })).await.is(200);
    judged.merge(0, 2).await;
    let before = judged.everything().await;
    bob.put(&judged.rated_scenario(), ratings(&[("clarity", 3)])).await.is_problem(409, "scenario_retired");
    bob.put(&judged.flagged_step(), json!({ "clashes": false })).await.is_problem(409, "scenario_retired");
    bob.delete(&judged.flagged_step()).await.is_problem(409, "scenario_retired");
    bob.post(&judged.classes(), judged.class()).await.refuses(&[("scenario_id", "retired")]);
    assert_eq!(judged.everything().await, before);
    let read = judged.assessment(&bob).await.body;
    let shown: Vec<_> =
        read["scenarios"].as_array().unwrap().iter().map(|scenario| &scenario["id"]).collect();
    assert_eq!(shown, [&judged.scenario(1), &judged.scenario(2), &judged.scenario(3)]);
}

#[tokio::test]
async fn a_third_of_five_disputes_a_step_or_a_fact() {
    let judged = Judged::new().await;
    let mut people = Vec::new();
    for name in ["bob", "dora", "emil", "frida", "gus"] {
        people.push(judged.app.member(name).await);
    }
    for (path, at) in [
        (judged.flagged_step(), "/scenarios/0/chain_steps/0/cotenability"),
        (judged.flagged_fact(), "/background_facts/0/cotenability"),
    ] {
        for (n, who) in people.iter().enumerate() {
            let said = who.put(&path, json!({ "clashes": n < 2 })).await.is(200).body;
            assert_eq!(said["cotenability"]["n"], n + 1);
            assert_eq!(said["cotenability"]["disputed"], n == 4, "{n}");
            assert_eq!(said["mine"], json!({ "clashes": n < 2 }));
        }
        let shown = json!({ "flags": 2, "n": 5, "share": 0.4, "disputed": true });
        assert_eq!(judged.assessment(&judged.app.guest()).await.body.pointer(at), Some(&shown));
        // Whoever thinks again is counted once.
        let again = people[0].put(&path, json!({ "clashes": false })).await.is(200).body;
        assert_eq!(again["cotenability"], json!({ "flags": 1, "n": 5, "share": 0.2, "disputed": false }));
        let before = judged.everything().await;
        people[0].put(&path, json!({ "clashes": false })).await.is(200);
        assert_eq!(judged.everything().await, before);
        let back = people[0].delete(&path).await.is(200).body;
        assert_eq!(back["cotenability"], json!({ "flags": 1, "n": 4, "share": 0.25, "disputed": false }));
        assert_eq!(back["mine"], json!({ "clashes": null }));
        let before = judged.everything().await;
        assert_eq!(people[0].delete(&path).await.is(200).body, back);
        assert_eq!(judged.everything().await, before);
        let shown = judged.assessment(&judged.app.guest()).await;
        assert_eq!(shown.body.pointer(at), Some(&back["cotenability"]));
    }
}

#[tokio::test]
async fn the_kind_of_a_variant_is_disputed_by_a_share_of_those_who_judge_it() {
    let judged = Judged::new().await;
    let (bob, dora) = (judged.app.member("bob").await, judged.app.member("dora").await);
    let path = judged.disputed_kind();
    bob.put(&path, json!({ "disputes": true })).await.is(200).matches(expect![[r#"
        {
          "kind_disputes": {
            "disputes": 1,
            "n": 1,
            "share": 1.0
          },
          "mine": {
            "disputes": true
          },
          "target": {
            "id": "00000000-0000-7000-8000-000000000008",
            "kind": "variant"
          }
        }
    "#]]);
    let both = dora.put(&path, json!({ "disputes": false })).await.is(200).body;
    assert_eq!(both["kind_disputes"], json!({ "disputes": 1, "n": 2, "share": 0.5 }));
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(read["variants"][0]["kind_disputes"], both["kind_disputes"]);
    assert_eq!(read["variants"][1]["kind_disputes"], json!({ "disputes": 0, "n": 0, "share": null }));
    let back = bob.delete(&path).await.is(200).body;
    assert_eq!(back["kind_disputes"], json!({ "disputes": 0, "n": 1, "share": 0.0 }));
    let before = judged.everything().await;
    assert_eq!(bob.delete(&path).await.is(200).body, back);
    assert_eq!(judged.everything().await, before);
}

#[tokio::test]
async fn a_reference_class_says_how_often_such_cases_end_so() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    let sends = bob.with("idempotency-key", "once");
    let made = sends.post(&judged.classes(), judged.class()).await.is(201).matches(expect![[r#"
        {
          "author": {
            "id": "00000000-0000-7000-8000-000000000017",
            "role": "member",
            "username": "bob"
          },
          "base_rate": 0.35,
          "cases": 9,
          "citation": {
            "id": "00000000-0000-7000-8000-00000000001a",
            "locator": "p. 12",
            "quotation": null,
            "source": {
              "authors": [
                "Colin Martin",
                "Geoffrey Parker"
              ],
              "container_title": null,
              "id": "00000000-0000-7000-8000-000000000005",
              "published": null,
              "source_class": "secondary",
              "title": "The Spanish Armada",
              "type": "book",
              "url": null
            }
          },
          "created_at": "2026-01-15T12:00:00Z",
          "description": "Landings in England since 1066.",
          "id": "00000000-0000-7000-8000-000000000019",
          "scenario_id": "00000000-0000-7000-8000-00000000000e",
          "topic_id": "00000000-0000-7000-8000-000000000003",
          "with_outcome": 3
        }
    "#]]);
    let path = format!("/reference-classes/{}", made.text("/id"));
    assert_eq!(made.header("location"), Some(&*format!("/api/v1{path}")));
    let again = sends.post(&judged.classes(), judged.class()).await.is(201);
    assert_eq!(again.bytes, made.bytes, "a retry lands once");
    let read = judged.app.guest().get(&path).await.is(200);
    assert_eq!((&read.body, read.header("cache-control")), (&made.body, Some("public, no-cache")));
    assert_eq!(bob.get(&path).await.header("cache-control"), Some("private, no-cache"));
    let quoted = json!({
        "scenario_id": judged.scenario(1), "description": "All of them.", "cases": 1, "with_outcome": 1,
        "citation": { "quotation_id": judged.id("/quotations/0/id") },
    });
    let quoted = bob.post(&judged.classes(), quoted).await.is(201);
    assert_eq!(quoted.body["base_rate"], 0.75);
    assert_eq!(quoted.text("/citation/quotation/text"), "The Prince of Parma is ready.");
    let shown = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(shown["scenarios"][0]["reference_classes"], json!([made.body]));
    assert_eq!(shown["scenarios"][1]["reference_classes"], json!([quoted.body]));
    // They are no citations of the topic's own.
    let topic = judged.app.guest().get(&format!("/topics/{}", judged.topic)).await.is(200);
    assert_eq!(topic.body["scenarios"], judged.read["scenarios"]);
}

#[tokio::test]
async fn a_reference_class_that_is_not_right_is_refused_and_leaves_nothing() {
    let judged = Judged::new().await;
    let elsewhere =
        judged.alice.post("/topics", judged_topic("Had the Armada landed in Essex")).await.is(201);
    let before = judged.everything().await;
    let refuses = async |at: &str, value: Value, fields: &[(&str, &str)]| {
        let mut class = judged.class();
        *class.pointer_mut(at).unwrap() = value;
        judged.alice.post(&judged.classes(), class).await.refuses(fields);
    };
    refuses("/with_outcome", json!(10), &[("with_outcome", "more_than_cases")]).await;
    refuses("/with_outcome", json!(-1), &[("with_outcome", "out_of_range")]).await;
    refuses("/cases", json!(0), &[("cases", "out_of_range")]).await;
    refuses("/cases", json!(1_000_001), &[("cases", "out_of_range")]).await;
    refuses("/cases", json!(9.5), &[("cases", "wrong_type")]).await;
    refuses("/description", json!("  "), &[("description", "blank")]).await;
    refuses("/description", json!("x".repeat(1001)), &[("description", "too_long")]).await;
    refuses("/citation", json!({}), &[("citation", "ambiguous_citation")]).await;
    let both =
        json!({ "source_id": judged.id("/sources/0/id"), "quotation_id": judged.id("/quotations/0/id") });
    refuses("/citation", both, &[("citation", "ambiguous_citation")]).await;
    let foreign = |pointer: &str| json!(elsewhere.text(pointer));
    let source = json!({ "source_id": foreign("/sources/0/id") });
    refuses("/citation", source, &[("citation.source_id", "unknown_id")]).await;
    let quotation = json!({ "quotation_id": foreign("/quotations/0/id") });
    refuses("/citation", quotation, &[("citation.quotation_id", "unknown_id")]).await;
    refuses("/scenario_id", foreign("/scenarios/0/id"), &[("scenario_id", "unknown_scenario")]).await;
    let mut without = judged.class();
    without.as_object_mut().unwrap().remove("citation");
    judged.alice.post(&judged.classes(), without).await.refuses(&[("citation", "missing")]);
    assert_eq!(judged.everything().await, before);

    for n in 0..20 {
        judged.alice.names_reference_class(&judged.topic, 9, n % 9).await;
    }
    judged.alice.post(&judged.classes(), judged.class()).await.refuses(&[("scenario_id", "too_many")]);
    let shown = judged.assessment(&judged.app.guest()).await.body;
    let shown = shown["scenarios"][0]["reference_classes"].as_array().unwrap().clone();
    let named: Vec<_> = shown.iter().map(|class| class["with_outcome"].as_i64().unwrap()).collect();
    assert_eq!(named, (0..20).map(|n| n % 9).collect::<Vec<_>>(), "in the order in which they were named");
}

#[tokio::test]
async fn a_reference_class_is_deleted_by_its_author_or_whoever_may_edit_the_topic() {
    let judged = Judged::new().await;
    let (bob, carol) = (judged.app.member("bob").await, judged.app.administrator("carol").await);
    let path = format!("/reference-classes/{}", bob.names_reference_class(&judged.topic, 9, 3).await);
    let before = judged.everything().await;
    judged.app.guest().with("if-match", "*").delete(&path).await.is_problem(401, "unauthenticated");
    judged.alice.delete_as_read(&path).await.is_problem(403, "not_allowed");
    bob.delete(&path).await.is_problem(428, "precondition_required");
    bob.with("if-match", "\"2.x\"").delete(&path).await.is_problem(412, "precondition_failed");
    assert_eq!(judged.everything().await, before);
    bob.delete_as_read(&path).await.is(204);
    bob.get(&path).await.is_problem(404, "not_found");
    judged.app.guest().get(&path).await.is_problem(404, "not_found");
    bob.with("if-match", "*").delete(&path).await.is_problem(404, "not_found");
    assert_eq!(
        judged.app.rows("SELECT id::text FROM citation WHERE reference_class_id IS NOT NULL").await.len(),
        0
    );
    let shown = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(shown["scenarios"][0]["reference_classes"], json!([]));

    let path = format!("/reference-classes/{}", bob.names_reference_class(&judged.topic, 9, 3).await);
    carol.delete_as_read(&path).await.is(204);
    // As a post, it can be taken back when the debate is over.
    let path = format!("/reference-classes/{}", bob.names_reference_class(&judged.topic, 9, 3).await);
    carol.patch(&format!("/topics/{}", judged.topic), json!({ "status": "archived" })).await.is(200);
    bob.delete_as_read(&path).await.is(204);
}

#[tokio::test]
async fn what_a_deleted_post_brought_stays_as_long_as_a_reference_class_leans_on_it() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    let source = json!({ "source": { "type": "book", "title": "Landings", "source_class": "secondary", "authors": [] } });
    let post = json!({ "body": "Read this.", "citations": [source] });
    let post = bob.post(&format!("/topics/{}/posts", judged.topic), post).await.is(201);
    let mut class = judged.class();
    class["citation"] = json!({ "source_id": post.text("/citations/0/source/id") });
    let class = judged.alice.post(&judged.classes(), class).await.is(201).text("/id");
    bob.delete_as_read(&format!("/posts/{}", post.text("/id"))).await.is(200);
    let titles = async || judged.app.rows("SELECT title FROM source WHERE title = 'Landings'").await;
    assert_eq!(titles().await, ["Landings"]);
    judged.alice.delete_as_read(&format!("/reference-classes/{class}")).await.is(204);
    assert!(titles().await.is_empty());
}

#[tokio::test]
async fn adequacy_is_how_much_likelier_the_event_made_the_outcome() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    let path = judged.likelihood();
    bob.get(&path).await.is_problem(404, "not_found");
    bob.put(&path, json!({ "bp": 7000 })).await.is(200).matches(expect![[r#"
        {
          "adequacy_bp": null,
          "bp": 7000,
          "topic_id": "00000000-0000-7000-8000-000000000003",
          "updated_at": "2026-01-15T12:00:00Z",
          "without_event_bp": null
        }
    "#]]);
    // Falls, holds, flees, and something else: it occurs where she holds or flees.
    bob.states_credences(&judged.topic, &[6000, 2000, 500, 1500]).await;
    let read = bob.get(&path).await.is(200);
    assert_eq!(read.header("cache-control"), Some("no-store"));
    assert_eq!((&read.body["without_event_bp"], &read.body["adequacy_bp"]), (&json!(2500), &json!(4500)));
    judged.app.app.clock.advance(TimeDelta::minutes(1));
    let before = judged.everything().await;
    assert_eq!(bob.put(&path, json!({ "bp": 7000 })).await.is(200).body, read.body);
    assert_eq!(judged.everything().await, before);
    assert_eq!(bob.put(&path, json!({ "bp": 0 })).await.is(200).body["adequacy_bp"], -2500);

    // What was merged counts with what took its place: where she flees she falls, and the outcome is absent.
    judged.merge(2, 0).await;
    let merged = bob.get(&path).await.is(200).body;
    assert_eq!((&merged["without_event_bp"], &merged["adequacy_bp"]), (&json!(2000), &json!(-2000)));
    // Where another scenario came in, nobody was asked about it.
    judged.app.sql("UPDATE topic SET scenario_set_version = 3, comparable_since = 3").await.unwrap();
    let stale = bob.get(&path).await.is(200).body;
    assert_eq!(
        (&stale["bp"], &stale["without_event_bp"], &stale["adequacy_bp"]),
        (&json!(0), &Value::Null, &Value::Null)
    );

    // Nobody else's business.
    judged.alice.get(&path).await.is_problem(404, "not_found");
    judged.app.guest().get(&path).await.is_problem(401, "unauthenticated");
    bob.delete(&path).await.is(204);
    bob.get(&path).await.is_problem(404, "not_found");
    let before = judged.everything().await;
    bob.delete(&path).await.is(204);
    assert_eq!(judged.everything().await, before);
}

#[tokio::test]
async fn what_never_happened_occurs_where_it_is_present() {
    let mut scenarios = judged_topic("Had the Armada landed in Kent")["scenarios"].clone();
    for (place, outcome) in ["present", "same", "different"].iter().enumerate() {
        scenarios[place]["outcome_vs_actual"] = json!(outcome);
    }
    let judged = Judged::with(
        json!({ "scenarios": scenarios, "outcome_occurred": false, "outcome_actual_date": null }),
    )
    .await;
    judged.alice.states_credences(&judged.topic, &[1000, 2000, 3000, 4000]).await;
    let said = judged.alice.put(&judged.likelihood(), json!({ "bp": 500 })).await.is(200).body;
    assert_eq!((&said["without_event_bp"], &said["adequacy_bp"]), (&json!(1000), &json!(-500)));
}

#[tokio::test]
async fn what_many_take_the_likelihood_to_be_is_pooled_with_what_they_think_without() {
    let judged = Judged::new().await;
    let crowd = format!("/topics/{}/credences", judged.topic);
    let names = ["bob", "dora", "emil", "frida", "george", "harry"];
    for (name, bp) in names.into_iter().zip([9999, 0, 1, 4, 6001, 8000]) {
        let person = judged.app.member(name).await;
        person.states_credences(&judged.topic, &[6000, 2000, 1000, 1000]).await;
        person.put(&judged.likelihood(), json!({ "bp": bp })).await.is(200);
    }
    let bob = judged.app.sign_in("bob").await;
    let pool = bob.get(&crowd).await.is(200).body["pool"].clone();
    // Halfway between 4 and 6001.
    assert_eq!(pool["given_event"], json!({ "people": 6, "median": 0.30025 }));
    let without: f64 =
        judged.alice.put(&judged.likelihood(), json!({ "bp": 0 })).await.is(200).body["without_event_bp"]
            .as_f64()
            .unwrap_or_default();
    assert!(without < 1.0, "alice has no vector");
    let own = bob.get(&judged.likelihood()).await.is(200).body["without_event_bp"].as_f64().unwrap();
    // All think the same of the scenarios, so that the pool is what each of them thinks.
    assert!((pool["adequacy"].as_f64().unwrap() - (0.30025 - own / 10_000.0)).abs() < 1e-6, "{pool:#}");
    // Taken back, it no longer counts, at once.
    bob.delete(&judged.likelihood()).await.is(204);
    let pool = bob.get(&crowd).await.is(200).body["pool"].clone();
    assert_eq!(pool["given_event"], json!({ "people": 6, "median": 0.00025 }));
}

#[tokio::test]
async fn the_assessment_says_what_is_judged_and_what_follows_from_the_question() {
    let judged = Judged::new().await;
    let read = judged.assessment(&judged.app.guest()).await;
    assert_eq!(read.header("cache-control"), Some("public, no-cache"));
    read.matches(expect![[r#"
        {
          "background_facts": [
            {
              "assumed": false,
              "cotenability": {
                "disputed": false,
                "flags": 0,
                "n": 0,
                "share": null
              },
              "id": "00000000-0000-7000-8000-00000000000b"
            },
            {
              "assumed": true,
              "cotenability": {
                "disputed": false,
                "flags": 0,
                "n": 0,
                "share": null
              },
              "id": "00000000-0000-7000-8000-00000000000c"
            },
            {
              "assumed": false,
              "cotenability": {
                "disputed": false,
                "flags": 0,
                "n": 0,
                "share": null
              },
              "id": "00000000-0000-7000-8000-00000000000d"
            }
          ],
          "proximity": {
            "lag": {
              "days": 5342,
              "years": 14.6
            },
            "warnings": []
          },
          "scenarios": [
            {
              "chain_steps": [
                {
                  "cotenability": {
                    "disputed": false,
                    "flags": 0,
                    "n": 0,
                    "share": null
                  },
                  "has_cited_rule": true,
                  "id": "00000000-0000-7000-8000-000000000012",
                  "step_no": 1
                },
                {
                  "cotenability": {
                    "disputed": false,
                    "flags": 0,
                    "n": 0,
                    "share": null
                  },
                  "has_cited_rule": false,
                  "id": "00000000-0000-7000-8000-000000000013",
                  "step_no": 2
                },
                {
                  "cotenability": {
                    "disputed": false,
                    "flags": 0,
                    "n": 0,
                    "share": null
                  },
                  "has_cited_rule": false,
                  "id": "00000000-0000-7000-8000-000000000014",
                  "step_no": 3
                }
              ],
              "cited_rule_share": 0.3333,
              "id": "00000000-0000-7000-8000-00000000000e",
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "reference_classes": [],
              "step_count": 3,
              "warnings": []
            },
            {
              "chain_steps": [],
              "cited_rule_share": null,
              "id": "00000000-0000-7000-8000-00000000000f",
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "reference_classes": [],
              "step_count": 0,
              "warnings": []
            },
            {
              "chain_steps": [],
              "cited_rule_share": null,
              "id": "00000000-0000-7000-8000-000000000010",
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "reference_classes": [],
              "step_count": 0,
              "warnings": []
            },
            {
              "chain_steps": [],
              "cited_rule_share": null,
              "id": "00000000-0000-7000-8000-000000000011",
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "reference_classes": [],
              "step_count": 0,
              "warnings": []
            }
          ],
          "topic_id": "00000000-0000-7000-8000-000000000003",
          "variants": [
            {
              "contemporary": "shown",
              "id": "00000000-0000-7000-8000-000000000008",
              "kind_disputes": {
                "disputes": 0,
                "n": 0,
                "share": null
              },
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "rewrite_count": 3,
              "rewrite_lead_days": 219
            },
            {
              "contemporary": "not_shown",
              "id": "00000000-0000-7000-8000-00000000000a",
              "kind_disputes": {
                "disputes": 0,
                "n": 0,
                "share": null
              },
              "ratings": {
                "clarity": {
                  "median": null,
                  "n": 0
                },
                "cotenability": {
                  "median": null,
                  "n": 0
                },
                "historical_consistency": {
                  "median": null,
                  "n": 0
                },
                "projectability": {
                  "median": null,
                  "n": 0
                },
                "statistical_consistency": {
                  "median": null,
                  "n": 0
                },
                "theoretical_consistency": {
                  "median": null,
                  "n": 0
                }
              },
              "rewrite_count": 1,
              "rewrite_lead_days": null
            }
          ]
        }
    "#]]);
}

#[tokio::test]
async fn whoever_is_signed_in_finds_their_own_judgements_in_the_assessment() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    bob.put(&judged.rated_scenario(), ratings(&[("clarity", 2)])).await.is(200);
    bob.put(&judged.rated_variant(), ratings(&[("projectability", 4)])).await.is(200);
    bob.put(&judged.flagged_step(), json!({ "clashes": true })).await.is(200);
    bob.put(&judged.flagged_fact(), json!({ "clashes": false })).await.is(200);
    bob.put(&judged.disputed_kind(), json!({ "disputes": true })).await.is(200);
    let own = judged.assessment(&bob).await;
    assert_eq!(own.header("cache-control"), Some("private, no-cache"));
    let at = |reply: &Reply, pointer: &str| reply.body.pointer(pointer).cloned();
    assert_eq!(at(&own, "/scenarios/0/mine/ratings/clarity"), Some(json!(2)));
    assert_eq!(at(&own, "/scenarios/0/mine/ratings/projectability"), Some(Value::Null));
    assert_eq!(at(&own, "/scenarios/1/mine/ratings/clarity"), Some(Value::Null));
    assert_eq!(at(&own, "/variants/0/mine/ratings/projectability"), Some(json!(4)));
    assert_eq!(at(&own, "/variants/0/mine/disputes"), Some(json!(true)));
    assert_eq!(at(&own, "/variants/1/mine/disputes"), Some(Value::Null));
    assert_eq!(at(&own, "/scenarios/0/chain_steps/0/mine"), Some(json!({ "clashes": true })));
    assert_eq!(at(&own, "/scenarios/0/chain_steps/1/mine"), Some(json!({ "clashes": null })));
    assert_eq!(at(&own, "/background_facts/0/mine"), Some(json!({ "clashes": false })));
    let alices = judged.assessment(&judged.alice).await;
    assert_eq!(at(&alices, "/scenarios/0/mine/ratings/clarity"), Some(Value::Null));
    assert_eq!(at(&alices, "/scenarios/0/ratings/clarity"), at(&own, "/scenarios/0/ratings/clarity"));
    let guests = judged.assessment(&judged.app.guest()).await;
    assert!(!guests.body.to_string().contains("mine"), "{:#}", guests.body);
}

#[tokio::test]
async fn what_is_far_away_is_marked() {
    let step = json!({ "statement": "And so on." });
    let mut scenarios = judged_topic("Had the Armada landed in Kent")["scenarios"].clone();
    scenarios[0]["chain_steps"] = json!(vec![step.clone(); 6]);
    scenarios[1]["chain_steps"] = json!(vec![step; 7]);
    let judged = Judged::with(json!({ "scenarios": scenarios, "horizon": day("1613-08-08") })).await;
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(read["proximity"]["lag"], json!({ "days": 9132, "years": 25.0 }));
    assert_eq!(read["proximity"]["warnings"], json!([]));
    assert_eq!(
        (&read["scenarios"][0]["step_count"], &read["scenarios"][0]["warnings"]),
        (&json!(6), &json!([]))
    );
    assert_eq!(read["scenarios"][1]["warnings"], json!(["many_steps"]));

    // A year lasts until its end.
    let judged = Judged::with(json!({ "horizon": { "value": "1613", "precision": "year" } })).await;
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(
        read["proximity"],
        json!({ "lag": { "days": 9277, "years": 25.4 }, "warnings": ["long_lag"] })
    );

    // A draft may lack dates.
    let draft = judged.alice.post("/topics", json!({ "title": "Had Elizabeth married" })).await.is(201);
    let read = judged.alice.get(&format!("/topics/{}/assessment", draft.text("/slug"))).await.is(200);
    assert_eq!(read.body["proximity"], json!({ "lag": null, "warnings": [] }));
}

#[tokio::test]
async fn twenty_people_at_once_are_all_counted() {
    let judged = Judged::new().await;
    let mut people = Vec::new();
    for n in 0..20 {
        people.push(judged.app.member(&format!("person{n}")).await);
    }
    let (mut rating, scenario) = (JoinSet::new(), judged.rated_scenario());
    for (n, who) in (0..).zip(people) {
        let (scenario, step, kind) = (scenario.clone(), judged.flagged_step(), judged.disputed_kind());
        let (likelihood, classes, class) = (judged.likelihood(), judged.classes(), judged.class());
        rating.spawn(async move {
            // Twice at once, as a client does that lost its patience.
            let again = who.put(&scenario, ratings(&[("clarity", n % 5)]));
            let (first, second) = tokio::join!(who.put(&scenario, ratings(&[("clarity", n % 5)])), again);
            first.is(200);
            second.is(200);
            who.put(&step, json!({ "clashes": n % 4 == 0 })).await.is(200);
            who.put(&kind, json!({ "disputes": n % 2 == 0 })).await.is(200);
            who.put(&likelihood, json!({ "bp": n * 100 })).await.is(200);
            who.post(&classes, class).await.status
        });
    }
    let made = rating.join_all().await;
    assert_eq!(made, [201; 20]);
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(read["scenarios"][0]["ratings"]["clarity"], json!({ "median": 2.0, "n": 20 }));
    assert_eq!(
        read["scenarios"][0]["chain_steps"][0]["cotenability"],
        json!({ "flags": 5, "n": 20, "share": 0.25, "disputed": false })
    );
    assert_eq!(read["variants"][0]["kind_disputes"], json!({ "disputes": 10, "n": 20, "share": 0.5 }));
    assert_eq!(read["scenarios"][0]["reference_classes"].as_array().unwrap().len(), 20);
    assert_eq!(judged.app.rows("SELECT sum(bp)::text FROM outcome_likelihood").await, ["19000"]);
    judged.alice.post(&judged.classes(), judged.class()).await.refuses(&[("scenario_id", "too_many")]);
}

#[tokio::test]
async fn two_requests_of_one_person_at_once_leave_one_or_the_other() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    let mut rating = JoinSet::new();
    for n in 0..40 {
        let (bob, path) = (bob.clone(), judged.rated_variant());
        let (one, other) = (ratings(&[("clarity", 1)]), ratings(&[("cotenability", 2)]));
        rating.spawn(async move { drop(bob.put(&path, if n % 2 == 0 { one } else { other }).await.is(200)) });
    }
    rating.join_all().await;
    let own = judged.assessment(&bob).await.body["variants"][0]["mine"]["ratings"].clone();
    let rated: Vec<_> = CRITERIA.iter().filter(|criterion| !own[**criterion].is_null()).collect();
    assert_eq!(rated.len(), 1, "{own}");
}

#[tokio::test]
async fn the_database_refuses_what_is_no_judgement() {
    let judged = Judged::new().await;
    judged.alice.put(&judged.rated_scenario(), ratings(&[("clarity", 2)])).await.is(200);
    judged.alice.put(&judged.flagged_step(), json!({ "clashes": true })).await.is(200);
    judged.alice.put(&judged.disputed_kind(), json!({ "disputes": true })).await.is(200);
    judged.alice.put(&judged.likelihood(), json!({ "bp": 5000 })).await.is(200);
    let class = judged.alice.names_reference_class(&judged.topic, 9, 3).await;
    let elsewhere =
        judged.alice.post("/topics", judged_topic("Had the Armada landed in Essex")).await.is(201);
    let refuses =
        async |constraint: &str, statements: &str| judged.app.refuses_sql(constraint, statements).await;
    for criterion in CRITERIA {
        for value in [-1, 5] {
            refuses("criterion_rating_range", &format!("UPDATE criterion_rating SET {criterion} = {value}"))
                .await;
        }
    }
    refuses("criterion_rating_not_empty", "UPDATE criterion_rating SET clarity = NULL").await;
    let variant = judged.id("/variants/0/id");
    let both = format!("UPDATE criterion_rating SET variant_id = '{variant}'");
    refuses("criterion_rating_one_target", &both).await;
    let there = |pointer: &str| elsewhere.text(pointer);
    let foreign = format!("UPDATE criterion_rating SET scenario_id = '{}'", there("/scenarios/0/id"));
    refuses("criterion_rating_scenario_fkey", &foreign).await;
    let foreign =
        format!("UPDATE criterion_rating SET scenario_id = NULL, variant_id = '{}'", there("/variants/0/id"));
    refuses("criterion_rating_variant_fkey", &foreign).await;
    let twice = "INSERT INTO criterion_rating (topic_id, scenario_id, account_id, clarity, updated_at)
                 SELECT topic_id, scenario_id, account_id, 1, now() FROM criterion_rating";
    refuses("criterion_rating_pkey", twice).await;

    let fact = judged.id("/background_facts/0/id");
    let both = format!("UPDATE cotenability_flag SET background_fact_id = '{fact}'");
    refuses("cotenability_flag_one_target", &both).await;
    let foreign =
        format!("UPDATE cotenability_flag SET chain_step_id = '{}'", there("/scenarios/0/chain_steps/0/id"));
    refuses("cotenability_flag_chain_step_fkey", &foreign).await;
    let foreign = format!(
        "UPDATE cotenability_flag SET chain_step_id = NULL, background_fact_id = '{}'",
        there("/background_facts/0/id")
    );
    refuses("cotenability_flag_background_fact_fkey", &foreign).await;
    let foreign = format!("UPDATE kind_dispute SET variant_id = '{}'", there("/variants/0/id"));
    refuses("kind_dispute_variant_fkey", &foreign).await;
    for bp in [-1, 10_001] {
        refuses("outcome_likelihood_bp_range", &format!("UPDATE outcome_likelihood SET bp = {bp}")).await;
    }

    let class_with = |cases: i32, with_outcome: i32, description: &str| {
        format!(
            "INSERT INTO reference_class (id, topic_id, scenario_id, author_id, description, cases, with_outcome, created_at)
             SELECT gen_random_uuid(), topic_id, scenario_id, author_id, {description}, {cases}, {with_outcome}, now()
             FROM reference_class"
        )
    };
    refuses("reference_class_cases_range", &class_with(0, 0, "'x'")).await;
    refuses("reference_class_with_outcome_range", &class_with(3, 4, "'x'")).await;
    refuses("reference_class_with_outcome_range", &class_with(3, -1, "'x'")).await;
    refuses("reference_class_description_length", &class_with(3, 1, "''")).await;
    refuses("reference_class_description_length", &class_with(3, 1, "repeat('x', 1001)")).await;
    refuses("reference_class_is_cited", &class_with(3, 1, "'x'")).await;
    let uncited = format!("DELETE FROM citation WHERE reference_class_id = '{class}'");
    refuses("reference_class_is_cited", &uncited).await;
    let moved = format!(
        "UPDATE citation SET reference_class_id = NULL, scenario_id = '{}' WHERE reference_class_id = '{class}'",
        judged.scenario(0)
    );
    refuses("reference_class_is_cited", &moved).await;
    refuses("reference_class_is_fixed", "UPDATE reference_class SET cases = 10").await;
    let second = "INSERT INTO citation (id, topic_id, position, reference_class_id, source_id)
                  SELECT gen_random_uuid(), topic_id, 2, reference_class_id, source_id
                  FROM citation WHERE reference_class_id IS NOT NULL";
    refuses("citation_reference_class_idx", second).await;
    let owners = format!(
        "UPDATE citation SET scenario_id = '{}' WHERE reference_class_id = '{class}'",
        judged.scenario(0)
    );
    refuses("citation_one_owner", &owners).await;
    // With its citation it is taken, and goes with it.
    judged
        .app
        .sql(&format!(
            "BEGIN; {}; INSERT INTO citation (id, topic_id, position, reference_class_id, source_id)
             SELECT gen_random_uuid(), r.topic_id, 1, r.id, c.source_id FROM reference_class r, citation c
             WHERE r.description = 'x' AND c.reference_class_id = '{class}';
             DELETE FROM reference_class; COMMIT",
            class_with(3, 1, "'x'")
        ))
        .await
        .unwrap();
    assert!(
        judged
            .app
            .rows("SELECT id::text FROM citation WHERE reference_class_id IS NOT NULL")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn d2_judgements_are_in_the_copy_of_ones_data_and_go_with_the_account_and_reference_classes_stay() {
    let judged = Judged::new().await;
    let bob = judged.app.member("bob").await;
    let bobs = bob.get("/me").await.text("/id");
    for who in [&bob, &judged.alice] {
        for done in acts(&judged).into_iter().filter(|(method, ..)| method != Method::DELETE) {
            let reply = act(who, &done).await;
            assert!(reply.status < 300, "{done:?}: {:#}", reply.body);
        }
    }
    bob.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&judged.app.app).await.unwrap() {}
    let copy = bob.send(Method::GET, "/me/export/file", None).await.is(200).body;
    let lists = [
        "criterion_ratings",
        "cotenability_flags",
        "kind_disputes",
        "outcome_likelihoods",
        "reference_classes",
    ];
    let kept: serde_json::Map<_, _> =
        lists.iter().map(|list| ((*list).to_owned(), copy[*list].clone())).collect();
    expect![[r#"
        {
          "cotenability_flags": [
            {
              "background_fact_id": "00000000-0000-7000-8000-00000000000b",
              "chain_step_id": null,
              "clashes": true,
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z"
            },
            {
              "background_fact_id": null,
              "chain_step_id": "00000000-0000-7000-8000-000000000012",
              "clashes": true,
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z"
            }
          ],
          "criterion_ratings": [
            {
              "ratings": {
                "clarity": 2,
                "cotenability": null,
                "historical_consistency": null,
                "projectability": null,
                "statistical_consistency": null,
                "theoretical_consistency": null
              },
              "scenario_id": null,
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z",
              "variant_id": "00000000-0000-7000-8000-000000000008"
            },
            {
              "ratings": {
                "clarity": 2,
                "cotenability": null,
                "historical_consistency": null,
                "projectability": null,
                "statistical_consistency": null,
                "theoretical_consistency": null
              },
              "scenario_id": "00000000-0000-7000-8000-00000000000e",
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z",
              "variant_id": null
            }
          ],
          "kind_disputes": [
            {
              "disputes": true,
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z",
              "variant_id": "00000000-0000-7000-8000-000000000008"
            }
          ],
          "outcome_likelihoods": [
            {
              "bp": 5000,
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "updated_at": "2026-01-15T12:00:00Z"
            }
          ],
          "reference_classes": [
            {
              "cases": 9,
              "citation": {
                "locator": "p. 12",
                "quotation_id": null,
                "source_id": "00000000-0000-7000-8000-000000000005"
              },
              "created_at": "2026-01-15T12:00:00Z",
              "description": "Landings in England since 1066.",
              "id": "00000000-0000-7000-8000-000000000019",
              "scenario_id": "00000000-0000-7000-8000-00000000000e",
              "topic_id": "00000000-0000-7000-8000-000000000003",
              "with_outcome": 3
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{:#}\n", Value::Object(kept)));

    bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    judged.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&judged.app.app).await.unwrap() {}
    for table in ["criterion_rating", "cotenability_flag", "kind_dispute", "outcome_likelihood"] {
        let left = judged.app.rows(&format!("SELECT DISTINCT account_id::text FROM {table}")).await;
        assert!(left.len() == 1 && left[0] != bobs, "{table}: {left:?}");
    }
    let read = judged.assessment(&judged.app.guest()).await.body;
    assert_eq!(read["scenarios"][0]["ratings"]["clarity"]["n"], 1);
    assert_eq!(read["scenarios"][0]["chain_steps"][0]["cotenability"]["n"], 1);
    assert_eq!(read["variants"][0]["kind_disputes"]["n"], 1);
    let classes = read["scenarios"][0]["reference_classes"].as_array().unwrap();
    let authors: Vec<_> = classes.iter().map(|class| class["author"]["username"].as_str().unwrap()).collect();
    assert_eq!(authors, [&*format!("deleted-{}", &bobs[24..]), "alice"]);
}
