//! Topics: what they consist of, who sees and changes them, and what the database itself refuses.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::builders::{day, open_topic};
use crate::support::{Client, Reply, TestApp};

const FIRST_DEBATE: &str = "/topics/khrushchev-no-secret-speech-1956";

/// An open topic with some fields changed; `null` takes one out.
fn topic_with(changes: Value) -> Value {
    let mut topic = open_topic("Had the Armada landed in Kent");
    for (name, value) in changes.as_object().unwrap().clone() {
        if value.is_null() {
            topic.as_object_mut().unwrap().remove(&name);
        } else {
            topic[name] = value;
        }
    }
    topic
}

fn scenario(key: &str, outcome: &str) -> Value {
    json!({
        "key": key, "label": format!("Scenario {key}"), "statement": "What it says is of no matter here.",
        "outcome_vs_actual": outcome, "is_residual": outcome == "unspecified",
    })
}

fn year(value: &str) -> Value {
    json!({ "value": value, "precision": "year" })
}

impl Client {
    async fn tries_topic(&self, changes: Value) -> Reply {
        self.post("/topics", topic_with(changes)).await
    }

    async fn drafts(&self, title: &str) -> String {
        self.post("/topics", json!({ "title": title })).await.is(201).text("/slug")
    }
}

fn slugs(page: &Reply) -> Vec<&str> {
    page.body["items"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_topic_opens_and_is_answered_whole() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let created = alice
        .tries_topic(json!({ "tags": ["tudors", "naval-war"], "checkpoints": [day("1590-01-01")] }))
        .await
        .is(201);
    assert_eq!(created.header("location"), Some("/api/v1/topics/had-the-armada-landed-in-kent"));
    let location = "/topics/had-the-armada-landed-in-kent";
    let read = alice.get(location).await.is(200);
    assert_eq!(read.body, created.body);
    assert_eq!(read.header("etag"), created.header("etag"));
    assert_eq!(read.header("cache-control"), Some("private, no-cache"));
    let by_id = app.guest().get(&format!("/topics/{}", created.text("/id"))).await.is(200);
    assert_eq!(by_id.body, created.body);
    assert_eq!(by_id.header("cache-control"), Some("public, no-cache"));
    created.matches(expect![[r#"
        {
          "actual_outcome": "England stayed Protestant under Elizabeth.",
          "antecedent": {
            "operation": "replace_event",
            "point_of_divergence": {
              "calendar": "gregorian",
              "circa": false,
              "precision": "day",
              "value": "1588-08-07"
            },
            "primary_variant_id": null,
            "statement": "Parma's army crosses and lands in Kent."
          },
          "author": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "background_facts": [],
          "checkpoints": [
            {
              "calendar": "gregorian",
              "circa": false,
              "precision": "day",
              "value": "1590-01-01"
            }
          ],
          "comparable_since": 1,
          "consequent_in_question": "Whether Elizabeth keeps her throne.",
          "created_at": "2026-01-15T12:00:00Z",
          "crowd_shown_to_guests": false,
          "event": {
            "date": {
              "calendar": "gregorian",
              "circa": false,
              "precision": "day",
              "value": "1588-08-08"
            },
            "summary": "The fleet was scattered off Gravelines and never landed an army.",
            "title": "Defeat of the Spanish Armada"
          },
          "horizon": {
            "calendar": "gregorian",
            "circa": false,
            "precision": "day",
            "value": "1603-03-24"
          },
          "horizon_reason": null,
          "id": "00000000-0000-7000-8000-000000000003",
          "last_activity_at": "2026-01-15T12:00:00Z",
          "missing": null,
          "outcome_actual_date": {
            "calendar": "gregorian",
            "circa": false,
            "precision": "year",
            "value": "1588"
          },
          "outcome_definition": "Elizabeth reigns at the date asked about.",
          "outcome_occurred": true,
          "participant_count": 0,
          "post_count": 0,
          "question_text": "What would have become of England if the Armada had landed?",
          "quotations": [],
          "restrictions": [],
          "scenario_set_version": 1,
          "scenario_set_versions": [],
          "scenarios": [
            {
              "causal_reading": "produced",
              "chain_steps": [
                {
                  "citations": [],
                  "generalisation": null,
                  "happens_by": null,
                  "id": "00000000-0000-7000-8000-000000000008",
                  "statement": "The army reaches London.",
                  "step_no": 1
                },
                {
                  "citations": [],
                  "generalisation": null,
                  "happens_by": null,
                  "id": "00000000-0000-7000-8000-000000000009",
                  "statement": "The court flees.",
                  "step_no": 2
                }
              ],
              "citations": [],
              "id": "00000000-0000-7000-8000-000000000005",
              "introduced_in_version": 1,
              "is_residual": false,
              "key": "scenario-1",
              "label": "Elizabeth falls",
              "merged_into": null,
              "outcome_vs_actual": "absent",
              "parent_scenario_id": null,
              "proposer": {
                "id": "00000000-0000-7000-8000-000000000001",
                "role": "member",
                "username": "alice"
              },
              "retired_in_version": null,
              "statement": "London is taken within the year."
            },
            {
              "causal_reading": "no_difference",
              "chain_steps": [],
              "citations": [],
              "id": "00000000-0000-7000-8000-000000000006",
              "introduced_in_version": 1,
              "is_residual": false,
              "key": "scenario-2",
              "label": "Elizabeth holds",
              "merged_into": null,
              "outcome_vs_actual": "same",
              "parent_scenario_id": null,
              "proposer": {
                "id": "00000000-0000-7000-8000-000000000001",
                "role": "member",
                "username": "alice"
              },
              "retired_in_version": null,
              "statement": "The landing is beaten back in weeks."
            },
            {
              "causal_reading": null,
              "chain_steps": [],
              "citations": [],
              "id": "00000000-0000-7000-8000-000000000007",
              "introduced_in_version": 1,
              "is_residual": true,
              "key": "scenario-3",
              "label": "Something else",
              "merged_into": null,
              "outcome_vs_actual": "unspecified",
              "parent_scenario_id": null,
              "proposer": {
                "id": "00000000-0000-7000-8000-000000000001",
                "role": "member",
                "username": "alice"
              },
              "retired_in_version": null,
              "statement": "None of the above; say what in a post."
            }
          ],
          "similar_topics": null,
          "slug": "had-the-armada-landed-in-kent",
          "sources": [],
          "status": "open",
          "tags": [
            "tudors",
            "naval-war"
          ],
          "title": "Had the Armada landed in Kent",
          "tolerance_days": 365,
          "updated_at": "2026-01-15T12:00:00Z",
          "variants": []
        }
    "#]]);
}

#[tokio::test]
async fn a_draft_may_lack_everything_but_its_title() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    alice.post("/topics", json!({ "title": "Had Elizabeth married Leicester" })).await.is(201).matches(
        expect![[r#"
            {
              "actual_outcome": null,
              "antecedent": null,
              "author": {
                "id": "00000000-0000-7000-8000-000000000001",
                "role": "member",
                "username": "alice"
              },
              "background_facts": [],
              "checkpoints": [],
              "comparable_since": 1,
              "consequent_in_question": null,
              "created_at": "2026-01-15T12:00:00Z",
              "crowd_shown_to_guests": false,
              "event": null,
              "horizon": null,
              "horizon_reason": null,
              "id": "00000000-0000-7000-8000-000000000003",
              "last_activity_at": "2026-01-15T12:00:00Z",
              "missing": [
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "question_text"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "event"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "actual_outcome"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "antecedent"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "consequent_in_question"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "outcome_definition"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "outcome_occurred"
                },
                {
                  "code": "missing",
                  "detail": "An open topic needs this.",
                  "field": "horizon"
                },
                {
                  "code": "too_few",
                  "detail": "An open topic needs two rival scenarios or more.",
                  "field": "scenarios"
                },
                {
                  "code": "no_residual",
                  "detail": "An open topic needs a residual scenario, which stands for everything not named.",
                  "field": "scenarios"
                }
              ],
              "outcome_actual_date": null,
              "outcome_definition": null,
              "outcome_occurred": null,
              "participant_count": 0,
              "post_count": 0,
              "question_text": null,
              "quotations": [],
              "restrictions": [],
              "scenario_set_version": 1,
              "scenario_set_versions": [],
              "scenarios": [],
              "similar_topics": [],
              "slug": "had-elizabeth-married-leicester",
              "sources": [],
              "status": "draft",
              "tags": [],
              "title": "Had Elizabeth married Leicester",
              "tolerance_days": 365,
              "updated_at": "2026-01-15T12:00:00Z",
              "variants": []
            }
        "#]],
    );
    alice.post("/topics", json!({})).await.refuses(&[("title", "missing")]);
}

#[tokio::test]
async fn i1_i2_opening_names_everything_that_is_missing() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let missing = [
        ("question_text", "missing"),
        ("event", "missing"),
        ("actual_outcome", "missing"),
        ("antecedent", "missing"),
        ("consequent_in_question", "missing"),
        ("outcome_definition", "missing"),
        ("outcome_occurred", "missing"),
        ("horizon", "missing"),
        ("scenarios", "too_few"),
        ("scenarios", "no_residual"),
    ];
    let empty = json!({ "title": "Had Elizabeth married Leicester", "status": "open" });
    alice.post("/topics", empty).await.refuses(&missing);
    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    let url = format!("/topics/{draft}");
    alice.patch(&url, json!({ "status": "open" })).await.refuses(&missing);
    let reply = alice.get(&url).await.is(200);
    assert_eq!(reply.body["status"], "draft");

    let mut rest = topic_with(json!({ "title": null, "status": "open" }));
    rest.as_object_mut().unwrap().remove("horizon");
    alice.patch(&url, rest).await.refuses(&[("horizon", "missing")]);
    let all = topic_with(json!({ "title": null }));
    let opened = alice.patch(&url, all).await.is(200);
    assert_eq!(opened.body["status"], "open");
    assert_eq!(opened.body["title"], "Had Elizabeth married Leicester");
    assert_eq!(opened.body["slug"], "had-elizabeth-married-leicester");
    assert_eq!(opened.body["scenarios"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn i1_every_single_part_is_needed() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for part in [
        "question_text",
        "event",
        "actual_outcome",
        "antecedent",
        "consequent_in_question",
        "outcome_definition",
        "horizon",
        "outcome_actual_date",
    ] {
        alice.tries_topic(json!({ part: null })).await.refuses(&[(part, "missing")]);
    }
}

#[tokio::test]
async fn i1_an_actual_date_is_there_exactly_where_the_outcome_occurred() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let did_not = [scenario("a", "present"), scenario("b", "same"), scenario("c", "unspecified")];
    alice
        .tries_topic(json!({ "outcome_occurred": false, "scenarios": did_not }))
        .await
        .refuses(&[("outcome_actual_date", "outcome_did_not_occur")]);
    alice
        .tries_topic(json!({ "outcome_occurred": false, "outcome_actual_date": null, "scenarios": did_not }))
        .await
        .is(201);
    alice
        .tries_topic(json!({ "status": "draft", "outcome_occurred": null }))
        .await
        .refuses(&[("outcome_actual_date", "outcome_did_not_occur")]);
}

#[tokio::test]
async fn i2_two_rivals_and_one_residual() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let with = |scenarios: Vec<Value>| json!({ "scenarios": scenarios });
    let (a, b, rest) = (scenario("a", "absent"), scenario("b", "later"), scenario("rest", "unspecified"));
    let mut part_of_a = scenario("b", "later");
    part_of_a["parent"] = json!("a");

    alice.tries_topic(with(vec![a.clone(), rest.clone()])).await.refuses(&[("scenarios", "too_few")]);
    alice
        .tries_topic(with(vec![a.clone(), part_of_a.clone(), rest.clone()]))
        .await
        .refuses(&[("scenarios", "too_few")]);
    alice.tries_topic(with(vec![a.clone(), b.clone()])).await.refuses(&[("scenarios", "no_residual")]);
    alice
        .tries_topic(with(vec![a.clone(), b.clone(), rest.clone(), scenario("more", "unspecified")]))
        .await
        .refuses(&[("scenarios", "two_residuals")]);
    let mut unspecified_rival = b.clone();
    unspecified_rival["outcome_vs_actual"] = json!("unspecified");
    let mut specified_residual = rest.clone();
    specified_residual["outcome_vs_actual"] = json!("same");
    alice
        .tries_topic(with(vec![a.clone(), b.clone(), unspecified_rival.clone(), specified_residual]))
        .await
        .refuses(&[
            ("scenarios[2].key", "duplicate_key"),
            ("scenarios[2].outcome_vs_actual", "residual_is_unspecified"),
            ("scenarios[3].outcome_vs_actual", "residual_is_unspecified"),
            ("scenarios[2].label", "duplicate"),
        ]);
    let mut residual_part = rest.clone();
    residual_part["parent"] = json!("a");
    alice
        .tries_topic(with(vec![a.clone(), b.clone(), residual_part]))
        .await
        .refuses(&[("scenarios[2].parent", "residual_is_top_level")]);
    let mut orphan = scenario("c", "same");
    orphan["parent"] = json!("rest");
    alice
        .tries_topic(with(vec![a.clone(), b.clone(), orphan, rest.clone()]))
        .await
        .refuses(&[("scenarios[2].parent", "unknown_key")]);
    let mut again = scenario("c", "later");
    again["label"] = json!(a["label"].as_str().unwrap().to_uppercase());
    alice
        .tries_topic(with(vec![a.clone(), again, rest.clone()]))
        .await
        .refuses(&[("scenarios[1].label", "duplicate")]);
    let opened = alice.tries_topic(with(vec![a, scenario("c", "later"), part_of_a, rest])).await.is(201);
    assert_eq!(opened.body["scenarios"][2]["parent_scenario_id"], opened.body["scenarios"][0]["id"]);
}

#[tokio::test]
async fn i2_outcomes_fit_what_really_happened() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut table = String::new();
    for occurred in [true, false] {
        for outcome in ["absent", "later", "earlier", "same", "different", "present"] {
            let scenarios =
                [scenario("asked", outcome), scenario("other", "same"), scenario("rest", "unspecified")];
            let mut changes = json!({ "outcome_occurred": occurred, "scenarios": scenarios });
            if !occurred {
                changes["outcome_actual_date"] = Value::Null;
            }
            let reply = alice.tries_topic(changes).await;
            let verdict = match reply.status {
                201 => reply.text("/scenarios/0/causal_reading"),
                _ => reply
                    .refuses(&[("scenarios[0].outcome_vs_actual", "outcome_not_allowed")])
                    .text("/errors/0/code"),
            };
            table += &format!("occurred: {occurred:<5}  {outcome:<9}  {verdict}\n");
        }
    }
    expect![[r#"
        occurred: true   absent     produced
        occurred: true   later      hastened
        occurred: true   earlier    delayed
        occurred: true   same       no_difference
        occurred: true   different  redirected
        occurred: true   present    outcome_not_allowed
        occurred: false  absent     outcome_not_allowed
        occurred: false  later      outcome_not_allowed
        occurred: false  earlier    outcome_not_allowed
        occurred: false  same       no_difference
        occurred: false  different  redirected
        occurred: false  present    prevented
    "#]]
    .assert_eq(&table);
}

#[tokio::test]
async fn i3_dates_are_in_order() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    alice
        .tries_topic(json!({ "horizon": day("1588-08-06") }))
        .await
        .refuses(&[("horizon", "before_divergence")]);
    // The latest day counts: the year of the divergence ends after it.
    alice.tries_topic(json!({ "horizon": year("1588") })).await.is(201);
    alice.tries_topic(json!({ "horizon": day("1588-08-07") })).await.is(201);
    alice
        .tries_topic(json!({ "checkpoints": [day("1588-08-06"), day("1588-08-07"), day("1603-03-24"), day("1603-03-25")] }))
        .await
        .refuses(&[("checkpoints[0]", "outside_horizon"), ("checkpoints[3]", "outside_horizon")]);
    alice.tries_topic(json!({ "checkpoints": vec![day("1590-01-01"); 7] })).await.refuses(&[
        ("checkpoints", "too_many"),
        ("checkpoints[1]", "duplicate"),
        ("checkpoints[2]", "duplicate"),
        ("checkpoints[3]", "duplicate"),
        ("checkpoints[4]", "duplicate"),
        ("checkpoints[5]", "duplicate"),
        ("checkpoints[6]", "duplicate"),
    ]);
    let variant = |date: Value| {
        json!({ "variants": [{
            "key": "v", "statement": "Parma has barges enough.", "antecedent_kind": "plausible",
            "enabling_steps": [{ "date": date, "statement": "The barges are built." }],
            "further_changes": [{ "date": day("1588-09-01"), "statement": "The wind turns." }],
        }] })
    };
    alice
        .tries_topic(variant(day("1588-08-08")))
        .await
        .refuses(&[("variants[0].enabling_steps[0].date", "after_divergence")]);
    alice
        .tries_topic(variant(year("1588")))
        .await
        .refuses(&[("variants[0].enabling_steps[0].date", "after_divergence")]);
    alice.tries_topic(variant(day("1588-08-07"))).await.is(201);
    // A draft that has the dates has them in order, too.
    alice
        .tries_topic(json!({ "status": "draft", "horizon": day("1500-01-01") }))
        .await
        .refuses(&[("horizon", "before_divergence")]);
}

#[tokio::test]
async fn dates_before_christ_and_of_both_calendars_are_kept_as_written() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let marathon = json!({ "value": "-0489-09-12", "precision": "day", "calendar": "julian", "circa": true });
    let changes = json!({
        "event": { "title": "Battle of Marathon", "date": marathon, "summary": "Athens beats the Persian landing." },
        "antecedent": { "statement": "The Persians win.", "operation": "replace_event", "point_of_divergence": marathon },
        "outcome_actual_date": { "value": "-0500", "precision": "century" },
        "horizon": { "value": "-0480", "precision": "decade", "circa": false },
        "checkpoints": [{ "value": "-0479-08", "precision": "month", "calendar": "gregorian" }],
    });
    let topic = alice.tries_topic(changes).await.is(201);
    let whole = |value: &str, precision: &str, calendar: &str, circa: bool| json!({ "value": value, "precision": precision, "calendar": calendar, "circa": circa });
    assert_eq!(topic.body["event"]["date"], marathon);
    assert_eq!(topic.body["outcome_actual_date"], whole("-0500", "century", "gregorian", false));
    assert_eq!(topic.body["horizon"], whole("-0480", "decade", "gregorian", false));
    assert_eq!(topic.body["checkpoints"], json!([whole("-0479-08", "month", "gregorian", false)]));
    // 25 October Julian is 7 November Gregorian: neither comes before the other.
    let october = whole("1917-10-25", "day", "julian", false);
    let november = day("1917-11-07");
    for (divergence, horizon, status) in [
        (&october, &november, 201),
        (&november, &october, 201),
        (&october, &day("1917-11-06"), 422),
        (&day("1917-11-08"), &october, 422),
    ] {
        let antecedent = json!({ "statement": "No revolution.", "operation": "omit_event", "point_of_divergence": divergence });
        alice.tries_topic(json!({ "antecedent": antecedent, "horizon": horizon })).await.is(status);
    }
}

#[tokio::test]
async fn dates_that_are_none_are_refused_by_name() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for (date, code) in [
        (json!({ "value": "1900-02-29", "precision": "day" }), "no_such_date"),
        (json!({ "value": "1588-13", "precision": "month" }), "no_such_date"),
        (json!({ "value": "1588", "precision": "day" }), "malformed_date"),
        (json!({ "value": "489", "precision": "year" }), "malformed_date"),
        (json!({ "value": "-0000", "precision": "year" }), "malformed_date"),
        (json!({ "value": "1955", "precision": "decade" }), "not_a_decade"),
        (json!({ "value": "1850", "precision": "century" }), "not_a_century"),
        (json!({ "value": "1956-02-25T00:00:00Z", "precision": "day" }), "malformed_date"),
    ] {
        alice.tries_topic(json!({ "horizon": date })).await.refuses(&[("horizon", code)]);
    }
    let leap = json!({ "value": "1900-02-29", "precision": "day", "calendar": "julian" });
    alice.tries_topic(json!({ "horizon": leap })).await.is(201);
    let chinese = json!({ "value": "1900", "precision": "year", "calendar": "chinese" });
    alice.tries_topic(json!({ "horizon": chinese })).await.refuses(&[("horizon.calendar", "unknown_value")]);
    let named = json!({ "value": "1900", "precision": "year", "era": "ad" });
    alice.tries_topic(json!({ "horizon": named })).await.refuses(&[("horizon.era", "unknown_field")]);
}

#[tokio::test]
async fn drafts_are_there_for_their_author_and_the_staff_only() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    let id = alice.get(&format!("/topics/{draft}")).await.text("/id");
    for name in [&draft, &id] {
        for (client, status) in [(&app.guest(), 404), (&bob, 404), (&alice, 200), (&carol, 200)] {
            client.get(&format!("/topics/{name}")).await.is(status);
            client.get(&format!("/topics/{name}/thread")).await.is(status);
        }
    }
    bob.patch(&format!("/topics/{draft}"), json!({ "title": "Had Bob married Leicester" }))
        .await
        .is_problem(404, "not_found");
    bob.with("if-match", "*")
        .send(Method::PATCH, &format!("/topics/{draft}"), Some(b"{}".to_vec()))
        .await
        .is_problem(404, "not_found");
    bob.post(&format!("/topics/{draft}/posts"), json!({ "body": "hm" })).await.is_problem(404, "not_found");
    for sort in ["active", "new", "top"] {
        for (client, seen) in [(&app.guest(), 0), (&bob, 0), (&alice, 1), (&carol, 1)] {
            let page = client.get(&format!("/topics?sort={sort}")).await.is(200);
            assert_eq!(slugs(&page).len(), seen, "{sort}");
        }
    }
}

#[tokio::test]
async fn a_patch_of_a_draft_is_a_merge_patch() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let changes = json!({ "status": "draft", "tags": ["a", "b"], "tolerance_days": 30 });
    let slug = alice.tries_topic(changes).await.is(201).text("/slug");
    let url = format!("/topics/{slug}");
    let before = alice.get(&url).await;

    app.app.clock.advance(TimeDelta::seconds(5));
    let patched = alice
        .patch(
            &url,
            json!({
                "title": "  Had the Armada landed in Sussex ",
                "horizon_reason": "The end of her reign.",
                "tolerance_days": null,
                "actual_outcome": null,
                "tags": ["c"],
                "event": { "place": "Gravelines", "summary": "They never landed." },
                "scenarios": [scenario("only", "absent")],
            }),
        )
        .await
        .is(200);
    assert_eq!(patched.body["title"], "Had the Armada landed in Sussex");
    assert_eq!(patched.body["slug"], *slug);
    assert_eq!(patched.body["horizon_reason"], "The end of her reign.");
    assert_eq!(patched.body["tolerance_days"], 365);
    assert_eq!(patched.body["actual_outcome"], Value::Null);
    assert_eq!(patched.body["tags"], json!(["c"]));
    assert_eq!(patched.body["event"]["title"], before.body["event"]["title"]);
    assert_eq!(patched.body["event"]["place"], "Gravelines");
    assert_eq!(patched.body["event"]["summary"], "They never landed.");
    assert_eq!(patched.body["scenarios"].as_array().unwrap().len(), 1);
    assert_eq!(patched.body["scenarios"][0]["label"], "Scenario only");
    assert_eq!(patched.body["created_at"], "2026-01-15T12:00:00Z");
    assert_eq!(patched.body["updated_at"], "2026-01-15T12:00:05Z");
    assert_eq!(alice.get(&url).await.body, patched.body);

    // `null` inside an object takes out that part only; a part that is needed is missed.
    let placeless = alice.patch(&url, json!({ "event": { "place": null } })).await.is(200);
    assert_eq!(placeless.body["event"]["place"], Value::Null);
    alice.patch(&url, json!({ "event": { "summary": null } })).await.refuses(&[("event.summary", "missing")]);
    alice.patch(&url, json!({ "title": null })).await.refuses(&[("title", "missing")]);
    alice.patch(&url, json!({ "slug": null })).await.refuses(&[("slug", "missing")]);
    let gone = alice.patch(&url, json!({ "event": null, "antecedent": null })).await.is(200);
    assert_eq!((&gone.body["event"], &gone.body["antecedent"]), (&Value::Null, &Value::Null));

    for (patch, field, code) in [
        (json!({ "title": 1 }), "title", "wrong_type"),
        (json!({ "tags": "c" }), "tags", "wrong_type"),
        (json!({ "tolerance_days": "30" }), "tolerance_days", "wrong_type"),
        (json!({ "tolerance_days": 1.5 }), "tolerance_days", "wrong_type"),
        (json!({ "tolerance_days": -1 }), "tolerance_days", "out_of_range"),
        (json!({ "outcome_occurred": "true" }), "outcome_occurred", "wrong_type"),
        (json!({ "status": "closed" }), "status", "unknown_value"),
        (json!({ "status": "archived" }), "status", "not_open"),
        (json!({ "author": "bob" }), "author", "unknown_field"),
        (json!({ "event": { "year": 1588 } }), "event.year", "unknown_field"),
        (json!([]), "(body)", "wrong_type"),
        (json!("title"), "(body)", "wrong_type"),
    ] {
        let status = if field == "status" && code == "not_open" { "status" } else { field };
        let refused = alice.patch(&url, patch).await.is_problem(422, "invalid");
        let named = refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|error| error["field"] == status && error["code"] == code);
        assert!(named, "{field} {code}: {:#}", refused.body);
    }
}

#[tokio::test]
async fn a_doubled_field_is_refused_in_a_new_topic_and_in_a_patch() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let doubled = br#"{"title": "Had Elizabeth married", "title": "Had Elizabeth not married"}"#;
    alice
        .send(Method::POST, "/topics", Some(doubled.to_vec()))
        .await
        .refuses(&[("title", "duplicate_field")]);
    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    alice
        .with("if-match", "*")
        .send(Method::PATCH, &format!("/topics/{draft}"), Some(doubled.to_vec()))
        .await
        .refuses(&[("title", "duplicate_field")]);
}

#[tokio::test]
async fn an_edit_says_which_version_it_edits() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    let url = format!("/topics/{draft}");
    let first = alice.get(&url).await.header("etag").unwrap().to_owned();
    let patch = |etag: Option<&str>, title: &str| {
        let client = etag.map_or(alice.clone(), |etag| alice.with("if-match", etag));
        let (url, body) = (url.clone(), json!({ "title": title }).to_string());
        async move { client.send(Method::PATCH, &url, Some(body.into())).await }
    };
    patch(None, "Had Elizabeth married Essex").await.is_problem(428, "precondition_required");
    let second = patch(Some(&first), "Had Elizabeth married Essex").await.is(200);
    patch(Some(&first), "Had Elizabeth married Anjou").await.is_problem(412, "precondition_failed");
    let second = second.header("etag").unwrap();
    assert_ne!(second, first);
    assert_eq!(alice.get(&url).await.header("etag"), Some(second));
    patch(Some(&format!("W/{second}")), "Had Elizabeth married Anjou")
        .await
        .is_problem(412, "precondition_failed");
    patch(Some(&format!("{first}, {second}")), "Had Elizabeth married Anjou").await.is(200);
    alice.with("if-none-match", "\"x\"").get(&url).await.is(200);
    let current = alice.get(&url).await.header("etag").unwrap().to_owned();
    let unchanged = alice.with("if-none-match", &current).get(&url).await.is(304);
    assert!(unchanged.bytes.is_empty());
}

#[tokio::test]
async fn of_twenty_edits_of_one_version_one_is_made() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    let url = format!("/topics/{draft}");
    let etag = alice.get(&url).await.header("etag").unwrap().to_owned();
    let edits = (0..20).map(|n| {
        let (client, url) = (alice.with("if-match", &etag), url.clone());
        let body = json!({ "title": format!("Had Elizabeth married {n}") }).to_string();
        tokio::spawn(async move { client.send(Method::PATCH, &url, Some(body.into())).await.status })
    });
    let mut answers = Vec::new();
    for edit in edits.collect::<Vec<_>>() {
        answers.push(edit.await.unwrap());
    }
    answers.sort_unstable();
    assert_eq!(answers, [vec![200], vec![412; 19]].concat());
}

#[tokio::test]
async fn its_author_changes_a_draft_and_the_staff_any_topic() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let url = format!("/topics/{}", alice.opens_topic("Had the Armada landed in Kent").await);
    let reason = json!({ "horizon_reason": "The end of her reign." });
    alice.patch(&url, reason.clone()).await.is_problem(409, "topic_not_draft");
    bob.patch(&url, reason.clone()).await.is_problem(403, "not_your_topic");
    app.guest().patch(&url, reason.clone()).await.is_problem(401, "unauthenticated");
    let changed = carol.patch(&url, reason).await.is(200);
    assert_eq!(changed.body["horizon_reason"], "The end of her reign.");
    assert_eq!(changed.body["author"]["username"], "alice");
    let archived = carol.patch(&url, json!({ "status": "archived" })).await.is(200);
    assert_eq!(archived.body["status"], "archived");
    app.guest().get(&url).await.is(200);
    carol.patch(&url, json!({ "status": "draft" })).await.refuses(&[("status", "no_way_back")]);
    carol.patch(&url, json!({ "status": "open" })).await.is(200);

    let draft = alice.drafts("Had Elizabeth married Leicester").await;
    let tagged = carol.patch(&format!("/topics/{draft}"), json!({ "tags": ["tudors"] })).await.is(200);
    assert_eq!(tagged.body["tags"], json!(["tudors"]));
}

#[tokio::test]
async fn what_arguments_bear_on_is_fixed_once_a_topic_is_open() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let carol = app.administrator("carol").await;
    let before = carol.get(FIRST_DEBATE).await;
    for patch in [
        json!({ "slug": "another-name" }),
        json!({ "sources": [] }),
        json!({ "quotations": [] }),
        json!({ "variants": null, "antecedent": { "primary_variant": null } }),
        json!({ "background_facts": [{ "key": "x", "statement": "Something else.", "held": true }] }),
        json!({ "scenarios": [scenario("a", "same"), scenario("b", "absent"), scenario("c", "unspecified")] }),
    ] {
        let refused = carol.patch(FIRST_DEBATE, patch.clone()).await.is_problem(422, "invalid");
        let codes: Vec<_> = refused.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|error| error["code"] == "fixed_once_open")
            .map(|error| error["field"].as_str().unwrap())
            .collect();
        let field = patch.as_object().unwrap().keys().next_back().unwrap();
        // What leaves references without an end is refused for that as well.
        assert_eq!(codes, [field], "{patch}: {:#}", refused.body);
    }
    assert_eq!(carol.get(FIRST_DEBATE).await.body, before.body);
    // Everything else may be put right, and the parts keep their identifiers.
    let changed = carol
        .patch(
            FIRST_DEBATE,
            json!({ "question_text": "What if the speech of 1956 had not been made?", "tags": [] }),
        )
        .await
        .is(200);
    for part in ["scenarios", "variants", "background_facts", "sources", "quotations", "antecedent"] {
        assert_eq!(changed.body[part], before.body[part], "{part}");
    }
    assert_eq!(changed.body["tags"], json!([]));
}

#[tokio::test]
async fn a_slug_is_one_topics_own() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let create = async |body: Value| alice.post("/topics", body).await;
    let title = "Ægir’s wrath & Ünïcode — again!";
    let first = create(json!({ "title": title })).await.is(201).text("/slug");
    assert_eq!(first, "girs-wrath-unicode-again");
    let second = create(json!({ "title": title })).await.is(201).text("/slug");
    assert!(second.starts_with("girs-wrath-unicode-again-"), "{second}");
    create(json!({ "title": title, "slug": first })).await.is_problem(409, "slug_taken");
    create(json!({ "title": title, "slug": "chosen-1" })).await.is(201);
    alice.patch("/topics/chosen-1", json!({ "slug": first })).await.is_problem(409, "slug_taken");
    let renamed = alice.patch("/topics/chosen-1", json!({ "slug": "chosen-2" })).await.is(200);
    assert_eq!(renamed.body["slug"], "chosen-2");
    alice.get("/topics/chosen-1").await.is_problem(404, "not_found");
    for slug in [
        "ab",
        "Chosen",
        "a--b",
        "-ab",
        "ab-",
        "a b",
        "ünï",
        "0198c5f0-0000-7000-8000-000000000000",
        &"a".repeat(81),
    ] {
        create(json!({ "title": title, "slug": slug })).await.refuses(&[("slug", "not_a_slug")]);
    }
    create(json!({ "title": title, "slug": "a".repeat(80) })).await.is(201);
}

#[tokio::test]
async fn a_title_that_reads_as_an_identifier_still_gives_a_topic_that_can_be_read() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for title in [
        "0198c5f0 0000 7000 8000 000000000000",
        "0198c5f0000070008000000000000000",
        "何が起こったか、もしも？？？",
    ] {
        let slug = alice.post("/topics", json!({ "title": title })).await.is(201).text("/slug");
        assert_eq!(alice.get(&format!("/topics/{slug}")).await.is(200).body["title"], title);
    }
}

#[tokio::test]
async fn what_names_no_topic_is_not_found() {
    let app = TestApp::new().await;
    for name in [
        "nothing",
        "0198c5f0-0000-7000-8000-000000000000",
        "%00",
        "a%00b",
        "%FF",
        "%F0%9F%99%82",
        "..",
        "'%20OR%201=1",
    ] {
        app.guest().get(&format!("/topics/{name}")).await.is_problem(404, "not_found");
        app.guest().get(&format!("/topics/{name}/thread")).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn titles_and_tags_have_their_limits() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let create = async |body: Value| alice.post("/topics", body).await;
    for (title, code) in [
        ("Too short", "too_short"),
        (&*"x".repeat(141), "too_long"),
        ("          ", "blank"),
        ("Had Elizabeth\nmarried", "control_character"),
        ("Had Elizabeth \u{202E}married", "bidi_control"),
        ("Had Elizabeth \0married", "control_character"),
    ] {
        create(json!({ "title": title })).await.refuses(&[("title", code)]);
    }
    create(json!({ "title": "é".repeat(140) })).await.is(201);
    // Composed: e and the accent are one character.
    let composed = create(json!({ "title": "Had Rene\u{301} Descartes lived" })).await.is(201);
    assert_eq!(composed.body["title"], "Had René Descartes lived");
    create(json!({ "title": "Had Elizabeth married", "tags": ["a", "b", "a"] }))
        .await
        .refuses(&[("tags[2]", "duplicate")]);
    create(json!({ "title": "Had Elizabeth married", "tags": ["Tudors"] }))
        .await
        .refuses(&[("tags[0]", "not_a_tag")]);
    let eleven: Vec<_> = (0..11).map(|n| format!("t{n}")).collect();
    create(json!({ "title": "Had Elizabeth married", "tags": eleven }))
        .await
        .refuses(&[("tags", "too_many")]);
    create(json!({ "title": "Had Elizabeth married", "status": "archived" }))
        .await
        .is_problem(422, "invalid");
}

#[tokio::test]
async fn unknown_and_doubled_names_are_refused_where_they_stand() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let source = |key: &str| json!({ "key": key, "type": "book", "source_class": "secondary" });
    let quotation = |key: &str, source: &str| json!({ "key": key, "source": source, "text": "So it was.", "attribution": "Camden" });
    let fact = |key: &str, citations: Value| json!({ "key": key, "statement": "Parma was at Dunkirk.", "held": true, "citations": citations });
    let variant = |key: &str| json!({ "key": key, "statement": "Parma has barges enough.", "antecedent_kind": "plausible" });
    alice
        .tries_topic(json!({
            "sources": [source("s"), source("s")],
            "quotations": [quotation("q", "s"), quotation("q", "t")],
            "variants": [variant("v"), variant("v")],
            "background_facts": [
                fact("f", json!([{ "source": "t" }, { "quotation": "r" }])),
                fact("f", json!([{ "source": "s", "quotation": "q" }, { "locator": "p. 1" }])),
            ],
        }))
        .await
        .refuses(&[
            ("sources[1].key", "duplicate_key"),
            ("quotations[1].key", "duplicate_key"),
            ("quotations[1].source", "unknown_key"),
            ("variants[1].key", "duplicate_key"),
            ("background_facts[0].citations[0].source", "unknown_key"),
            ("background_facts[0].citations[1].quotation", "unknown_key"),
            ("background_facts[1].key", "duplicate_key"),
            ("background_facts[1].citations[0]", "ambiguous_citation"),
            ("background_facts[1].citations[1]", "ambiguous_citation"),
        ]);
    let mut antecedent = open_topic("x")["antecedent"].clone();
    antecedent["primary_variant"] = json!("w");
    alice
        .tries_topic(json!({ "antecedent": antecedent, "variants": [variant("v")] }))
        .await
        .refuses(&[("antecedent.primary_variant", "unknown_key")]);
    alice
        .tries_topic(json!({ "scenarios": [{ "key": "a", "colour": "red" }] }))
        .await
        .refuses(&[("scenarios[0].colour", "unknown_field")]);
    alice
        .tries_topic(json!({ "sources": [source("Not A Key")] }))
        .await
        .refuses(&[("sources[0].key", "not_a_key")]);
}

#[tokio::test]
async fn quotations_say_where_they_were_found_and_what_they_translate() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let sources = json!([
        { "key": "annales", "type": "book", "authors": ["William Camden"], "title": "Annales",
          "published": year("1615"), "source_class": "primary" },
        { "key": "mattingly", "type": "book", "authors": ["Garrett Mattingly"], "title": "The Defeat of the Spanish Armada",
          "published": year("1959"), "url": "https://example.org/armada", "source_class": "secondary", "note": "Chapter 30." },
    ]);
    let quotations = json!([
        { "key": "latin", "source": "annales", "quoted_in": "mattingly", "text": "Classis illa invicta", "attribution": "Camden",
          "locator": "p. 3", "language": "la" },
        { "key": "english", "source": "annales", "text": "That invincible fleet", "attribution": "Camden", "translation_of": "latin" },
    ]);
    let facts = json!([{ "key": "f", "statement": "The fleet was called invincible.", "held": true, "date": year("1588"),
                         "citations": [{ "quotation": "english", "locator": "p. 4" }, { "source": "mattingly" }] }]);
    let changes = json!({ "sources": sources, "quotations": quotations, "background_facts": facts });
    let topic = alice.tries_topic(changes).await.is(201);
    assert_eq!(topic.body["quotations"][1]["translation_of"], topic.body["quotations"][0]["id"]);
    assert_eq!(topic.body["quotations"][0]["quoted_in_source_id"], topic.body["sources"][1]["id"]);
    assert_eq!(topic.body["quotations"][1]["language"], "en");
    expect![[r#"
        [
          {
            "citations": [
              {
                "id": "00000000-0000-7000-8000-00000000000a",
                "locator": "p. 4",
                "quotation": {
                  "attribution": "Camden",
                  "id": "00000000-0000-7000-8000-000000000008",
                  "language": "en",
                  "locator": null,
                  "quoted_in": null,
                  "text": "That invincible fleet"
                },
                "source": {
                  "authors": [
                    "William Camden"
                  ],
                  "container_title": null,
                  "id": "00000000-0000-7000-8000-000000000005",
                  "published": {
                    "calendar": "gregorian",
                    "circa": false,
                    "precision": "year",
                    "value": "1615"
                  },
                  "source_class": "primary",
                  "title": "Annales",
                  "type": "book",
                  "url": null
                }
              },
              {
                "id": "00000000-0000-7000-8000-00000000000b",
                "locator": null,
                "quotation": null,
                "source": {
                  "authors": [
                    "Garrett Mattingly"
                  ],
                  "container_title": null,
                  "id": "00000000-0000-7000-8000-000000000006",
                  "published": {
                    "calendar": "gregorian",
                    "circa": false,
                    "precision": "year",
                    "value": "1959"
                  },
                  "source_class": "secondary",
                  "title": "The Defeat of the Spanish Armada",
                  "type": "book",
                  "url": "https://example.org/armada"
                }
              }
            ],
            "date": {
              "calendar": "gregorian",
              "circa": false,
              "precision": "year",
              "value": "1588"
            },
            "held": true,
            "id": "00000000-0000-7000-8000-000000000009",
            "key": "fact-1",
            "statement": "The fleet was called invincible."
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", topic.body["background_facts"]));

    let refused = async |quotation: Value, errors: &[(&str, &str)]| {
        alice.tries_topic(json!({ "sources": sources, "quotations": [quotation] })).await.refuses(errors);
    };
    let words =
        |text: &str| json!({ "key": "q", "source": "annales", "text": text, "attribution": "Camden" });
    refused(words(""), &[("quotations[0].text", "blank")]).await;
    refused(words(&"x".repeat(601)), &[("quotations[0].text", "too_long")]).await;
    let mut own = words("So it was.");
    own["translation_of"] = json!("q");
    refused(own, &[("quotations[0].translation_of", "unknown_key")]).await;
    let mut found = words("So it was.");
    found["quoted_in"] = json!("elsewhere");
    refused(found, &[("quotations[0].quoted_in", "unknown_key")]).await;
    let mut language = words("So it was.");
    language["language"] = json!("english language");
    refused(language, &[("quotations[0].language", "not_a_language")]).await;
    for url in
        ["javascript:alert(1)", "ftp://example.org", "https://", "https://user@example.org", "https://a b"]
    {
        let source = json!({ "type": "webpage", "source_class": "tertiary", "url": url });
        alice.tries_topic(json!({ "sources": [source] })).await.refuses(&[("sources[0].url", "not_a_url")]);
    }
}

#[tokio::test]
async fn the_list_is_sorted_by_activity_by_age_and_by_participants() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let mut topics = Vec::new();
    for title in ["The first question", "The second question", "The third question"] {
        app.app.clock.advance(TimeDelta::seconds(1));
        topics.push(alice.opens_topic(title).await);
    }
    let [first, second, third] = topics.as_slice() else {
        panic!("three topics");
    };
    app.app.clock.advance(TimeDelta::seconds(1));
    alice.posts_in(second, "A post.").await;
    bob.posts_in(second, "Another.").await;
    app.app.clock.advance(TimeDelta::seconds(1));
    alice.posts_in(first, "A post.").await;
    alice.posts_in(first, "More of the same.").await;
    for (sort, order) in
        [("active", [first, second, third]), ("new", [third, second, first]), ("top", [second, first, third])]
    {
        let page = app.guest().get(&format!("/topics?sort={sort}")).await.is(200);
        assert_eq!(slugs(&page), order, "{sort}");
        assert_eq!(page.body["next"], Value::Null);
    }
    let usual = app.guest().get("/topics").await.is(200);
    assert_eq!(slugs(&usual), [first, second, third]);
    assert_eq!(usual.body["items"][0]["post_count"], 2);
    assert_eq!(usual.body["items"][0]["participant_count"], 1);
    assert_eq!(usual.body["items"][0]["last_activity_at"], "2026-01-15T12:00:05Z");
    assert_eq!(usual.body["items"][1]["participant_count"], 2);
    expect![[r#"
        {
          "event": {
            "date": {
              "calendar": "gregorian",
              "circa": false,
              "precision": "day",
              "value": "1588-08-08"
            },
            "summary": "The fleet was scattered off Gravelines and never landed an army.",
            "title": "Defeat of the Spanish Armada"
          },
          "id": "00000000-0000-7000-8000-000000000013",
          "last_activity_at": "2026-01-15T12:00:03Z",
          "participant_count": 0,
          "post_count": 0,
          "question_text": "What would have become of England if the Armada had landed?",
          "slug": "the-third-question",
          "status": "open",
          "tags": [],
          "title": "The third question"
        }
    "#]]
    .assert_eq(&format!("{:#}\n", usual.body["items"][2]));
    app.guest().get("/topics?sort=best").await.refuses(&[("sort", "unknown_value")]);
    app.guest().get("/topics?colour=red").await.refuses(&[("colour", "unknown_field")]);
    for limit in ["0", "101", "-1", "x"] {
        app.guest().get(&format!("/topics?limit={limit}")).await.is_problem(422, "invalid");
    }
}

#[tokio::test]
async fn the_list_is_read_to_its_end_a_page_at_a_time() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut made = Vec::new();
    for n in 0..11 {
        let tags = if n % 2 == 0 { json!(["even"]) } else { json!(["odd", "even-not"]) };
        let topic = topic_with(json!({ "title": format!("Question number {n}"), "tags": tags }));
        made.push(alice.post("/topics", topic).await.is(201).text("/slug"));
        // Two of them at the same moment each: the identifier decides.
        app.app.clock.advance(TimeDelta::seconds(n % 2));
    }
    for sort in ["active", "new", "top"] {
        for (filter, expected) in [("", 11), ("&tag=even", 6), ("&tag=odd", 5), ("&tag=none", 0)] {
            let whole = app.guest().get(&format!("/topics?sort={sort}{filter}&limit=100")).await.is(200);
            assert_eq!(slugs(&whole).len(), expected);
            let (mut walked, mut after) = (Vec::new(), String::new());
            loop {
                let page =
                    app.guest().get(&format!("/topics?sort={sort}{filter}&limit=2{after}")).await.is(200);
                walked.extend(slugs(&page).into_iter().map(str::to_owned));
                // Somebody posts during the walk: the places of the walk stay as they were.
                alice.posts_in(&made[walked.len() % 11], "Meanwhile.").await;
                match page.body["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert_eq!(walked, slugs(&whole), "{sort}{filter}");
        }
    }
    let next = app.guest().get("/topics?sort=new&limit=2").await.text("/next");
    for query in [
        format!("sort=top&limit=2&after={next}"),
        format!("sort=new&tag=even&limit=2&after={next}"),
        format!("sort=new&after={next}x"),
        "sort=new&after=".to_owned(),
    ] {
        app.guest().get(&format!("/topics?{query}")).await.is_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn the_first_debate_reads_as_a_topic() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let topic = app.guest().get(FIRST_DEBATE).await.is(200);
    let count = |part: &str| topic.body[part].as_array().unwrap().len();
    assert_eq!([count("scenarios"), count("quotations"), count("sources"), count("variants")], [6, 15, 8, 3]);
    let held: Vec<_> = topic.body["background_facts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| fact["held"].as_bool().unwrap())
        .collect();
    assert_eq!(held, [true, true, true, false, false, false]);
    assert_eq!(topic.body["antecedent"]["primary_variant_id"], topic.body["variants"][0]["id"]);
    // I12: a citation is never shown without its source, and a quotation not without its words.
    let mut cited = 0;
    let mut parts = vec![&topic.body];
    while let Some(part) = parts.pop() {
        match part {
            Value::Array(items) => parts.extend(items),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if name == "citations" || name == "contemporary_evidence" {
                        for citation in value.as_array().unwrap() {
                            cited += 1;
                            assert!(citation["source"]["id"].is_string(), "{citation:#}");
                            assert!(citation.get("locator").is_some(), "{citation:#}");
                            if !citation["quotation"].is_null() {
                                assert!(citation["quotation"]["text"].is_string(), "{citation:#}");
                                assert!(citation["quotation"].get("quoted_in").is_some(), "{citation:#}");
                            }
                        }
                    } else {
                        parts.push(value);
                    }
                }
            }
            _ => {}
        }
    }
    // One by a variant, three by facts, five by scenarios.
    assert_eq!(cited, 9);
    let mut outline = String::new();
    for scenario in topic.body["scenarios"].as_array().unwrap() {
        let text = |name: &str| scenario[name].as_str().unwrap_or("-");
        outline += &format!(
            "{} | {} | {} | {} steps | by {} | cites {}\n",
            text("label"),
            text("outcome_vs_actual"),
            text("causal_reading"),
            scenario["chain_steps"].as_array().unwrap().len(),
            scenario["proposer"]["username"].as_str().unwrap(),
            scenario["citations"][0]["quotation"]["text"].as_str().unwrap_or("nothing"),
        );
    }
    expect![[r#"
        Split anyway, only later | later | hastened | 3 steps | by blog_author | cites would have taken place sooner or later and were only hastened by the events of 1956
        No break: unity holds | absent | produced | 3 steps | by blog_author | cites the October Revolution created a world communist movement, the Twentieth Congress destroyed it.
        Hungary does it instead | same | no_difference | 3 steps | by reader_2 | cites any demoralising effect the secret speech did have was surely swamped by the effects of Hungary a few months later
        National roads, no sudden break | different | redirected | 3 steps | by reader_2 | cites it acknowledged for the first time the possibility of distinct national roads to socialism and hence ultimately made Eurocommunism possible
        Slow erosion from social causes | same | no_difference | 2 steps | by reader_1 | cites the economic and social conditions of the people of Russia and Europe, and the rise of the Stalinist bureaucracy which emerged within it
        Something else | unspecified | - | 0 steps | by editor | cites nothing
    "#]]
    .assert_eq(&outline);
    let list = app.guest().get("/topics").await.is(200);
    assert_eq!(slugs(&list), ["khrushchev-no-secret-speech-1956"]);
    assert_eq!(list.body["items"][0]["post_count"], 15);
}

#[tokio::test]
async fn the_database_refuses_topics_that_break_the_rules() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    alice
        .tries_topic(json!({ "variants": [{ "key": "v", "statement": "Parma has barges enough.", "antecedent_kind": "plausible" }] }))
        .await
        .is(201);
    for (constraint, statement) in [
        ("topic_open_has_scenarios", "DELETE FROM scenario WHERE label = 'Elizabeth holds'"),
        ("topic_open_has_scenarios", "DELETE FROM scenario WHERE is_residual"),
        (
            "topic_open_has_scenarios",
            "UPDATE scenario SET retired_in_version = 2 WHERE label = 'Elizabeth holds'",
        ),
        (
            "topic_open_has_scenarios",
            "UPDATE scenario SET parent_scenario_id = (SELECT id FROM scenario WHERE label = 'Elizabeth falls')
             WHERE label = 'Elizabeth holds'",
        ),
        (
            "scenario_one_live_residual",
            "UPDATE scenario SET is_residual = true, outcome_vs_actual = 'unspecified' WHERE label = 'Elizabeth holds'",
        ),
        (
            "scenario_residual_is_unspecified",
            "UPDATE scenario SET is_residual = true WHERE label = 'Elizabeth holds'",
        ),
        (
            "scenario_outcome_allowed_by_topic",
            "UPDATE scenario SET outcome_vs_actual = 'present' WHERE label = 'Elizabeth holds'",
        ),
        (
            "scenario_outcome_allowed_by_topic",
            "UPDATE topic SET outcome_occurred = false, outcome_actual_date = NULL",
        ),
        ("scenario_outcome_known", "UPDATE scenario SET outcome_vs_actual = 'sooner' WHERE NOT is_residual"),
        ("scenario_not_its_own_kin", "UPDATE scenario SET parent_scenario_id = id WHERE NOT is_residual"),
        ("topic_open_is_specified", "UPDATE topic SET horizon = NULL"),
        ("topic_open_is_specified", "UPDATE topic SET question_text = NULL"),
        ("topic_actual_date_iff_outcome_occurred", "UPDATE topic SET outcome_actual_date = NULL"),
        (
            "topic_divergence_not_after_horizon",
            "UPDATE topic SET horizon = point_of_divergence, point_of_divergence = horizon",
        ),
        ("topic_slug_shape", "UPDATE topic SET slug = 'Not a slug'"),
        ("topic_status_known", "UPDATE topic SET status = 'closed'"),
        ("topic_tolerance_not_negative", "UPDATE topic SET tolerance_days = -1"),
        (
            "checkpoint_within_horizon",
            r#"INSERT INTO checkpoint SELECT id, 1, '{"value": "1700", "precision": "year", "calendar": "gregorian",
               "circa": false, "earliest_day": 2341973, "latest_day": 2342337}' FROM topic"#,
        ),
        ("checkpoint_at_most_six", "INSERT INTO checkpoint SELECT id, 7, horizon FROM topic"),
        (
            "enabling_step_not_after_divergence",
            "INSERT INTO variant_step SELECT v.id, 'enabling_step', 1, t.horizon, 'Too late.'
             FROM topic t, antecedent_variant v",
        ),
        ("chain_step_contiguous", "DELETE FROM chain_step WHERE step_no = 1"),
        ("chain_step_contiguous", "UPDATE chain_step SET step_no = 3 WHERE step_no = 2"),
        ("chain_step_contiguous", "UPDATE chain_step SET step_no = 1"),
        (
            "chain_step_no_key",
            "UPDATE chain_step SET step_no = 1;
             INSERT INTO chain_step SELECT gen_random_uuid(), topic_id, scenario_id, 3, 'Another.' FROM chain_step LIMIT 1",
        ),
        ("chain_step_no_range", "UPDATE chain_step SET step_no = 9 WHERE step_no = 2"),
        ("historic_date_shape", r#"UPDATE topic SET horizon = '{"value": "1600"}'"#),
        (
            "historic_date_shape",
            r#"UPDATE topic SET horizon = '{"value": "1600", "precision": "year", "calendar": "gregorian",
               "circa": false, "earliest_day": 2, "latest_day": 1}'"#,
        ),
        ("topic_tag_shape", "INSERT INTO topic_tag SELECT id, 'Not a tag', 1 FROM topic"),
        ("topic_activity_counts_not_negative", "UPDATE topic_activity SET post_count = -1"),
        ("event_is_append_only", "UPDATE event SET kind = 'nothing'"),
        ("event_is_append_only", "DELETE FROM event"),
    ] {
        app.refuses_sql(constraint, statement).await;
    }
    // The rules are checked when the transaction ends: steps may change places within it.
    app.sql("UPDATE chain_step SET step_no = 3 - step_no").await.unwrap();
}

#[tokio::test]
async fn i12_cited_words_are_fixed_in_the_database_too() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let cited = "(SELECT quotation_id FROM citation WHERE quotation_id IS NOT NULL LIMIT 1)";
    let citation = "(SELECT id FROM citation WHERE quotation_id IS NOT NULL LIMIT 1)";
    for (constraint, statement) in [
        ("quotation_text_is_fixed", format!("UPDATE quotation SET text = 'Other words.' WHERE id = {cited}")),
        ("citation_quotation_fkey", format!("DELETE FROM quotation WHERE id = {cited}")),
        (
            "quotation_source_fkey",
            "DELETE FROM citation WHERE source_id IS NOT NULL; DELETE FROM source".to_owned(),
        ),
        (
            "quotation_not_its_own_translation",
            format!("UPDATE quotation SET translation_of = id WHERE id = {cited}"),
        ),
        (
            "citation_source_or_quotation",
            format!("UPDATE citation SET quotation_id = NULL WHERE id = {citation}"),
        ),
        (
            "citation_one_owner",
            format!(
                "UPDATE citation SET post_id = NULL, scenario_id = NULL, chain_step_id = NULL,
                                     background_fact_id = NULL, variant_id = NULL WHERE id = {citation}"
            ),
        ),
        ("source_url_is_web", "UPDATE source SET url = 'javascript:alert(1)'".to_owned()),
    ] {
        app.refuses_sql(constraint, &statement).await;
    }
    // The same words again are no change, and what nobody cites may be put right.
    app.sql("UPDATE quotation SET text = text, attribution = attribution").await.unwrap();
    app.sql("DELETE FROM citation; UPDATE quotation SET text = 'Other words.'").await.unwrap();
}
