//! From a draft to an open topic that grows: what is missing, what there is already, and what may be added.

use expect_test::expect;
use otherwise::db::embedded::as_app;
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::builders::{day, open_topic};
use crate::support::{Client, Reply, TestApp};

/// The fields that an answer says are missing, with their codes.
fn missing(reply: &Reply) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let missing = reply.body["missing"].as_array().unwrap().iter();
    missing.map(|field| (text(&field["field"]), text(&field["code"]))).collect()
}

#[tokio::test]
async fn i1_i2_a_draft_says_what_it_lacks_and_opening_is_refused_with_that_list() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let made = alice.post("/topics", json!({ "title": "Had Elizabeth married Leicester" })).await.is(201);
    let path = format!("/topics/{}", made.text("/slug"));
    assert_eq!(missing(&made).len(), 10);
    assert_eq!(made.body["missing"][0]["detail"], "An open topic needs this.");
    let whole = open_topic("Had Elizabeth married Leicester");
    let mut parts: Vec<&str> = whole.as_object().unwrap().keys().map(String::as_str).collect();
    parts.retain(|name| !["title", "status"].contains(name));
    for part in parts {
        // What is right by itself is taken, and the rest goes on being missing.
        let reply = alice.patch(&path, json!({ part: whole[part] })).await;
        if reply.status == 422 {
            assert_eq!(part, "outcome_actual_date", "{:#}", reply.body);
            continue;
        }
        let reply = reply.is(200);
        assert!(
            missing(&reply).iter().all(|(field, _)| field != part),
            "{part}: {:#}",
            reply.body["missing"]
        );
        assert_eq!(alice.get(&path).await.is(200).body["missing"], reply.body["missing"]);
        let listed = missing(&reply);
        if !listed.is_empty() {
            let listed: Vec<_> = listed.iter().map(|(field, code)| (field.as_str(), code.as_str())).collect();
            alice.patch(&path, json!({ "status": "open" })).await.refuses(&listed);
        }
    }
    let last =
        alice.patch(&path, json!({ "outcome_actual_date": whole["outcome_actual_date"] })).await.is(200);
    assert_eq!(missing(&last), []);
    let opened = alice.patch(&path, json!({ "status": "open" })).await.is(200);
    assert_eq!((&opened.body["missing"], &opened.body["similar_topics"]), (&Value::Null, &Value::Null));
}

fn about(title: &str, event: &str, antecedent: &str) -> Value {
    let mut topic = open_topic(title);
    topic["event"]["title"] = json!(event);
    topic["antecedent"]["statement"] = json!(antecedent);
    topic
}

#[tokio::test]
async fn a_draft_names_the_topics_that_ask_about_the_same() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    for (title, event, antecedent) in [
        ("Had the Armada landed", "Defeat of the Spanish Armada", "Parma's army crosses and lands in Kent."),
        ("Had Drake died early", "Defeat of the Spanish Armada", "Drake dies before the fleet sails."),
        (
            "Had the archduke lived",
            "Assassination of Franz Ferdinand",
            "The driver does not take the wrong turn.",
        ),
        ("Had Constantinople held", "Fall of Constantinople", "The Ottoman siege of 1453 fails."),
    ] {
        alice.post("/topics", about(title, event, antecedent)).await.is(201);
    }
    let mut hidden = about("Had Parma landed", "Defeat of the Spanish Armada", "Parma's army lands in Kent.");
    hidden["status"] = json!("draft");
    alice.post("/topics", hidden).await.is(201);
    let mut draft =
        about("Had Parma come", "The Armada is defeated", "The army of Parma crosses and lands in Kent.");
    draft["status"] = json!("draft");
    let made = bob.post("/topics", draft).await.is(201);
    let similar = json!({ "similar_topics": made.body["similar_topics"] });
    expect![[r#"
        {
          "similar_topics": [
            {
              "id": "00000000-0000-7000-8000-000000000005",
              "similarity": 0.77,
              "slug": "had-the-armada-landed",
              "title": "Had the Armada landed",
              "url": "/api/v1/topics/had-the-armada-landed"
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{similar:#}\n"));
    let path = format!("/topics/{}", made.text("/slug"));
    assert_eq!(bob.get(&path).await.is(200).body["similar_topics"], made.body["similar_topics"]);
    let found =
        app.guest().get(made.text("/similar_topics/0/url").trim_start_matches("/api/v1")).await.is(200);
    assert_eq!(found.body["title"], "Had the Armada landed");
    // It follows what the draft says, and what is archived is found as well.
    let carol = app.administrator("carol").await;
    carol.patch("/topics/had-constantinople-held", json!({ "status": "archived" })).await.is(200);
    let other = json!({
        "event": { "title": "Fall of Constantinople", "date": day("1453-05-29"), "summary": "The city fell." },
        "antecedent": { "statement": "The siege of 1453 fails.", "point_of_divergence": day("1453-05-28") },
    });
    let changed = bob.patch(&path, other).await.is(200);
    let slugs = |reply: &Reply| -> Vec<String> {
        let similar = reply.body["similar_topics"].as_array().unwrap().iter();
        similar.map(|topic| topic["slug"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(slugs(&changed), ["had-constantinople-held"]);
    let nothing = bob.patch(&path, json!({ "event": null, "antecedent": null })).await.is(200);
    assert_eq!(slugs(&nothing), Vec::<String>::new());
    // Accents are no difference.
    alice
        .post("/topics", about("Had Orleans fallen", "Siège d'Orléans", "Jeanne ne délivre pas la ville."))
        .await
        .is(201);
    let without = json!({
        "event": { "title": "Siege d'Orleans", "date": day("1429-05-08"), "summary": "It was relieved." },
        "antecedent": { "statement": "Jeanne ne delivre pas la ville.", "operation": "omit_event",
                        "point_of_divergence": day("1429-05-01") },
    });
    let found = bob.patch(&path, without).await.is(200);
    assert_eq!(
        (&found.body["similar_topics"][0]["slug"], &found.body["similar_topics"][0]["similarity"]),
        (&json!("had-orleans-fallen"), &json!(1.0))
    );
    // At most five.
    for n in 0..6 {
        let again =
            about(&format!("Had Orleans fallen {n}"), "Siege d'Orleans", "Jeanne ne delivre pas la ville.");
        alice.post("/topics", again).await.is(201);
    }
    assert_eq!(slugs(&bob.get(&path).await.is(200)).len(), 5);
}

#[tokio::test]
async fn similar_topics_are_found_by_an_index_whatever_the_threshold_of_the_database() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    alice.opens_topic("Had the Armada landed in Kent").await;
    let mut connection = PgConnection::connect(&as_app(app.database_url())).await.unwrap();
    for statement in
        ["SET enable_seqscan = off", "SET pg_trgm.similarity_threshold = 1", "SET enable_bitmapscan = on"]
    {
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT id FROM topic WHERE status <> 'draft' AND likeness % 'the Armada'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(plan.join("\n").contains("topic_likeness_idx"), "{plan:#?}");
    sqlx::query("SET enable_bitmapscan = off").execute(&mut connection).await.unwrap();
    let found = "SELECT count(*) FROM similar_topics('Defeat of the Spanish Armada Parma lands in Kent')";
    let found: i64 = sqlx::query_scalar(found).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, 1);
}

/// An open topic with one source, quotation, variant and fact, and the staff.
async fn with_parts(app: &TestApp) -> (Client, String) {
    let alice = app.member("alice").await;
    let mut topic = open_topic("Had the Armada landed in Kent");
    topic["sources"] = json!([source("mattingly", "The Defeat of the Spanish Armada")]);
    topic["quotations"] = json!([quotation("wind", "mattingly", "God breathed.")]);
    topic["variants"] = json!([variant("barges", "The barges cross at night.")]);
    topic["background_facts"] = json!([fact("walls", "London has no walls worth the name.")]);
    let path = format!("/topics/{}", alice.post("/topics", topic).await.is(201).text("/slug"));
    (app.administrator("carol").await, path)
}

fn source(key: &str, title: &str) -> Value {
    json!({ "key": key, "type": "book", "authors": ["Garrett Mattingly"], "title": title, "source_class": "secondary" })
}

fn quotation(key: &str, source: &str, text: &str) -> Value {
    json!({ "key": key, "source": source, "text": text, "attribution": "A medal of 1588", "language": "en" })
}

fn variant(key: &str, statement: &str) -> Value {
    json!({ "key": key, "statement": statement, "antecedent_kind": "plausible",
            "enabling_steps": [{ "date": day("1588-08-01"), "statement": "The tides are right." }] })
}

fn fact(key: &str, statement: &str) -> Value {
    json!({ "key": key, "statement": statement, "held": true })
}

#[tokio::test]
async fn an_open_topic_grows_at_its_end_and_what_is_there_stays() {
    let app = TestApp::new().await;
    let (carol, path) = with_parts(&app).await;
    let bob = app.member("bob").await;
    let brought = json!({ "body": "As Parker says.", "citations": [{ "source": {
        "type": "book", "authors": ["Geoffrey Parker"], "title": "The Grand Strategy of Philip II",
        "source_class": "secondary" } }] });
    bob.post(&format!("{path}/posts"), brought).await.is(201);
    let before = carol.get(&path).await.is(200).body;
    // As they are read: a source that a post brought is one of them.
    let old_sources = [
        source("source-1", "The Defeat of the Spanish Armada"),
        json!({ "key": "source-2", "type": "book", "authors": ["Geoffrey Parker"],
                "title": "The Grand Strategy of Philip II", "source_class": "secondary" }),
    ];
    let citation = json!([{ "quotation": "fire", "locator": "p. 12" }]);
    let mut new_variant = variant("pilots", "Pilots guide them past the banks.");
    new_variant["contemporary_evidence"] = citation.clone();
    let mut new_fact = fact("storm", "The wind turns on the ninth.");
    new_fact["citations"] = json!([{ "source": "source-1" }, { "source": "new" }]);
    let grown = json!({
        "sources": [old_sources[0], old_sources[1], source("new", "The Armada")],
        "quotations": [quotation("quotation-1", "source-1", "God breathed."), quotation("fire", "new", "Fireships!")],
        "variants": [variant("variant-1", "The barges cross at night."), new_variant],
        "background_facts": [fact("fact-1", "London has no walls worth the name."), new_fact],
        "antecedent": { "primary_variant": "pilots" },
        "horizon_reason": "Her death.",
    });
    let after = carol.patch(&path, grown).await.is(200).body;
    assert_eq!(after["horizon_reason"], "Her death.");
    for (part, count) in [("sources", 3), ("quotations", 2), ("variants", 2), ("background_facts", 2)] {
        let (before, after) = (before[part].as_array().unwrap(), after[part].as_array().unwrap());
        assert_eq!(after.len(), count, "{part}");
        assert_eq!(after[..before.len()], before[..], "{part} keep what they were, identifiers included");
    }
    assert_eq!(after["scenarios"], before["scenarios"]);
    assert_eq!(after["antecedent"]["primary_variant_id"], after["variants"][1]["id"]);
    let evidence = &after["variants"][1]["contemporary_evidence"][0];
    assert_eq!(
        (&evidence["quotation"]["text"], &evidence["locator"]),
        (&json!("Fireships!"), &json!("p. 12"))
    );
    assert_eq!(after["quotations"][1]["source_id"], after["sources"][2]["id"]);
    assert_eq!(after["background_facts"][1]["citations"].as_array().unwrap().len(), 2);
    assert_eq!(after["variants"][1]["enabling_steps"][0]["statement"], "The tides are right.");
    // The new parts can be argued about, and so can the old ones.
    for part in ["/variants/1/id", "/background_facts/0/id"] {
        let kind = if part.contains("variants") { "variant" } else { "background_fact" };
        let target = json!({ "kind": kind, "id": after.pointer(part).unwrap() });
        let post = json!({ "body": "Hardly.", "relations": [{ "type": "rebut", "target": target }] });
        bob.post(&format!("{path}/posts"), post).await.is(201);
    }
    assert_eq!(carol.get(&path).await.is(200).body["sources"], after["sources"]);
    // Back to its first variant, with nothing else said.
    let back = carol.patch(&path, json!({ "antecedent": { "primary_variant": "variant-1" } })).await.is(200);
    assert_eq!(back.body["antecedent"]["primary_variant_id"], after["variants"][0]["id"]);
}

#[tokio::test]
async fn an_open_topic_grows_in_no_other_way() {
    let app = TestApp::new().await;
    let (carol, path) = with_parts(&app).await;
    let before = carol.get(&path).await.is(200).body;
    let first = || fact("fact-1", "London has no walls worth the name.");
    let more = || fact("storm", "The wind turns on the ninth.");
    for (patch, field, code) in [
        (json!({ "background_facts": [more(), first()] }), "background_facts", "fixed_once_open"),
        (json!({ "background_facts": [more()] }), "background_facts", "fixed_once_open"),
        (json!({ "background_facts": [] }), "background_facts", "fixed_once_open"),
        (
            json!({ "background_facts": [fact("fact-1", "London has walls."), more()] }),
            "background_facts",
            "fixed_once_open",
        ),
        (json!({ "background_facts": [first(), first()] }), "background_facts[1].key", "duplicate_key"),
        (json!({ "variants": [variant("x", "Another one.")] }), "variants", "fixed_once_open"),
        (json!({ "slug": "another-name" }), "slug", "fixed_once_open"),
    ] {
        carol.patch(&path, patch).await.refuses(&[(field, code)]);
    }
    let mut late = variant("late", "The tides are late.");
    late["enabling_steps"][0]["date"] = day("1588-09-01");
    carol
        .patch(&path, json!({ "variants": [variant("variant-1", "The barges cross at night."), late] }))
        .await
        .refuses(&[("variants[1].enabling_steps[0].date", "after_divergence")]);
    let refused = carol.patch(&path, json!({ "scenarios": [] })).await.is_problem(422, "invalid");
    let fixed = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["code"] == "fixed_once_open")
        .unwrap();
    assert_eq!(fixed["field"], "scenarios");
    assert!(fixed["detail"].as_str().unwrap().contains("scenario-proposals"), "{fixed:#}");
    assert_eq!(carol.get(&path).await.is(200).body, before);
    // The archive takes nothing more, not even together with being archived again.
    let grown = json!({ "background_facts": [first(), more()] });
    carol.patch(&path, json!({ "status": "archived" })).await.is(200);
    carol.patch(&path, grown.clone()).await.refuses(&[("background_facts", "fixed_once_open")]);
    // Its author is not the staff.
    let alice = app.sign_in("alice").await;
    alice.patch(&path, grown).await.is_problem(409, "topic_not_draft");
}
