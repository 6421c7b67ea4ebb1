//! Queues: choices of cases that have a name, of the team and of single moderators.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::open_topic;
use crate::support::{Client, PASSWORD, Reply};

/// An identifier that nothing has.
const NOTHING: &str = "0198c5f0-0000-7000-8000-00000000dead";

fn queue(name: &str, audience: &str) -> Value {
    json!({ "name": name, "audience": audience })
}

/// The same with further fields.
fn with(queue: &Value, fields: &Value) -> Value {
    let mut queue = queue.clone();
    queue.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    queue
}

/// Makes a queue and gives its identifier.
async fn makes(who: &Client, queue: Value) -> String {
    who.post("/mod/queues", queue).await.is(201).text("/id")
}

/// The cases of a queue that somebody sees, the one that was opened first first.
async fn cases(who: &Client, queue: &str, more: &str) -> Vec<String> {
    let page = who.get(&format!("/mod/cases?sort=old&queue={queue}{more}")).await.is(200).body;
    let id = |case: &Value| case["id"].as_str().unwrap().to_owned();
    page["items"].as_array().unwrap().iter().map(id).collect()
}

/// How many cases of a queue wait for somebody, and how many of them are late.
async fn counts(who: &Client, queue: &str) -> (i64, i64) {
    let read = who.get(&format!("/mod/queues/{queue}")).await.is(200).body;
    (read["waiting"].as_i64().unwrap(), read["overdue"].as_i64().unwrap())
}

/// The names of the queues that somebody has, in order.
async fn names(who: &Client) -> Value {
    let page = who.get("/mod/queues").await.is(200).body;
    page["items"].as_array().unwrap().iter().map(|queue| queue["name"].clone()).collect()
}

async fn next(who: &Client, queue: &str) -> Reply {
    who.send(Method::POST, &format!("/mod/cases/next?queue={queue}"), None).await
}

fn decision(resolution: &str) -> Value {
    json!({ "resolution": resolution, "note": "As the rule says." })
}

#[tokio::test]
async fn a_queue_is_made_changed_and_deleted() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, carol, .. } = &watched;
    watched.reported().await;
    let new = with(
        &queue("Legal, urgent", "team"),
        &json!({
            "subject_kinds": ["post"], "rules": ["spam", "illegal"], "priority_min": 10, "escalated": false,
            "recommended_rules": ["illegal"], "sla_hours": 4,
        }),
    );
    bob.post("/mod/queues", new.clone()).await.is_problem(403, "not_allowed");
    let once = carol.with("idempotency-key", "a");
    let made = once.post("/mod/queues", new.clone()).await.is(201);
    expect![[r#"
        {
          "audience": "team",
          "case_tags": [],
          "created_at": "2026-01-15T12:00:00Z",
          "escalated": false,
          "id": "00000000-0000-7000-8000-000000000015",
          "name": "Legal, urgent",
          "overdue": 0,
          "owner": {
            "id": "00000000-0000-7000-8000-000000000007",
            "role": "administrator",
            "username": "carol"
          },
          "priority_min": 10,
          "recommended_rules": [
            "illegal"
          ],
          "rules": [
            "spam",
            "illegal"
          ],
          "sla_hours": 4,
          "subject_kinds": [
            "post"
          ],
          "tags": [],
          "topic_id": null,
          "updated_at": "2026-01-15T12:00:00Z",
          "version": 1,
          "waiting": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", made.body));
    assert_eq!(once.post("/mod/queues", new.clone()).await.is(201).body, made.body);
    let path = format!("/mod/queues/{}", made.text("/id"));
    assert_eq!(made.header("location"), Some(format!("/api/v1{path}").as_str()));
    let read = mallory.get(&path).await.is(200);
    assert_eq!((&read.body, read.header("etag")), (&made.body, made.header("etag")));

    let edit = json!({ "rules": ["hatred"], "escalated": null, "sla_hours": null, "name": "Hatred" });
    let patch = async |who: &Client, tag: Option<&str>| {
        let who = tag.map_or_else(|| who.clone(), |tag| who.with("if-match", tag));
        who.send(Method::PATCH, &path, Some(edit.to_string().into())).await
    };
    patch(carol, None).await.is_problem(428, "precondition_required");
    patch(carol, Some("\"7\"")).await.is_problem(412, "precondition_failed");
    patch(mallory, Some("\"1\"")).await.is_problem(403, "not_allowed");
    app.app.clock.advance(TimeDelta::minutes(1));
    let edited = patch(carol, Some("\"1\"")).await.is(200);
    let shown =
        ["name", "rules", "escalated", "sla_hours", "subject_kinds", "priority_min", "waiting", "version"];
    let shown: Vec<_> = shown.iter().map(|field| edited.body[*field].clone()).collect();
    assert_eq!(json!(shown), json!(["Hatred", ["hatred"], null, null, ["post"], 10, 0, 2]));
    assert_eq!(edited.body["updated_at"], "2026-01-15T12:01:00Z");
    // As it stands already, it is no other version.
    assert_eq!(carol.patch(&path, edit.clone()).await.is(200).body, edited.body);
    for (edit, field, code) in [
        (json!({ "audience": "own" }), "audience", "unknown_field"),
        (json!({ "name": null }), "name", "wrong_type"),
        (json!({ "rules": null }), "rules", "wrong_type"),
        (json!({ "sla_hours": 0 }), "sla_hours", "out_of_range"),
        (json!({ "topic_id": NOTHING }), "topic_id", "unknown_id"),
        (json!({ "tags": ["armada", "armada"] }), "tags[1]", "duplicate"),
    ] {
        carol.patch(&path, edit).await.refuses(&[(field, code)]);
    }

    carol.delete(&path).await.is_problem(428, "precondition_required");
    carol.with("if-match", "\"1\"").delete(&path).await.is_problem(412, "precondition_failed");
    mallory.delete_as_read(&path).await.is_problem(403, "not_allowed");
    carol.delete_as_read(&path).await.is(204);
    carol.get(&path).await.is_problem(404, "not_found");
    let told = app.rows("SELECT kind FROM event WHERE kind LIKE 'queue%' ORDER BY seq").await;
    assert_eq!(told, ["queue_created", "queue_edited", "queue_deleted"]);
}

#[tokio::test]
async fn what_a_queue_cannot_be_is_refused_field_by_field() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    let own = queue("Mine", "own");
    let many = |word: &str| (0..21).map(|n| format!("{word}{n}")).collect::<Vec<_>>();
    for (fields, place, code) in [
        (json!({ "name": "ab" }), "name", "too_short"),
        (json!({ "name": "x".repeat(81) }), "name", "too_long"),
        (json!({ "audience": "everybody" }), "audience", "unknown_value"),
        (json!({ "subject_kinds": ["vote"] }), "subject_kinds[0]", "unknown_value"),
        (json!({ "subject_kinds": ["post", "post"] }), "subject_kinds[1]", "duplicate"),
        (json!({ "subject_kinds": null }), "subject_kinds", "wrong_type"),
        (json!({ "rules": ["spam", "heresy"] }), "rules[1]", "unknown_rule"),
        (json!({ "rules": ["No rule"] }), "rules[0]", "not_a_rule_code"),
        (json!({ "rules": ["spam", "spam"] }), "rules[1]", "duplicate"),
        (json!({ "rules": many("rule") }), "rules", "too_many"),
        (json!({ "topic_id": NOTHING }), "topic_id", "unknown_id"),
        (json!({ "topic_id": "armada" }), "topic_id", "wrong_type"),
        (json!({ "tags": ["Armada"] }), "tags[0]", "not_a_tag"),
        (json!({ "tags": ["kent", "armada", "kent"] }), "tags[2]", "duplicate"),
        (json!({ "tags": many("tag") }), "tags", "too_many"),
        (json!({ "priority_min": 101 }), "priority_min", "out_of_range"),
        (json!({ "priority_min": -1 }), "priority_min", "wrong_type"),
        (json!({ "escalated": "yes" }), "escalated", "wrong_type"),
        (json!({ "recommended_rules": ["heresy"] }), "recommended_rules[0]", "unknown_rule"),
        (json!({ "sla_hours": 0 }), "sla_hours", "out_of_range"),
        (json!({ "sla_hours": 8761 }), "sla_hours", "out_of_range"),
        (json!({ "sla_hours": "4h" }), "sla_hours", "wrong_type"),
        (json!({ "priority": 5 }), "priority", "unknown_field"),
    ] {
        mallory.post("/mod/queues", with(&own, &fields)).await.refuses(&[(place, code)]);
    }
    mallory.post("/mod/queues", json!({ "name": "Mine" })).await.refuses(&[("audience", "missing")]);
    let wrong = json!({ "tags": ["a", "a"], "rules": ["heresy"], "topic_id": NOTHING });
    mallory.post("/mod/queues", with(&own, &wrong)).await.refuses(&[
        ("tags[1]", "duplicate"),
        ("rules[0]", "unknown_rule"),
        ("topic_id", "unknown_id"),
    ]);

    // A name is there once in the team, and once among one's own.
    for who in [mallory, carol] {
        makes(who, own.clone()).await;
        who.post("/mod/queues", own.clone()).await.refuses(&[("name", "duplicate")]);
    }
    makes(carol, queue("Mine", "team")).await;
    let other = makes(carol, queue("Other", "team")).await;
    carol.post("/mod/queues", queue("Other", "team")).await.refuses(&[("name", "duplicate")]);
    let path = format!("/mod/queues/{other}");
    carol.patch(&path, json!({ "name": "Mine" })).await.refuses(&[("name", "duplicate")]);

    // What it named before is not asked about again: the rule may hold no more.
    carol.patch(&path, json!({ "rules": ["spam"] })).await.is(200);
    app.sql("INSERT INTO policy_rule VALUES ('spam', 2, 'Spam', 'Advertising of any kind.', 3, now(), 'remove', 1, 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC', true)")
        .await
        .unwrap();
    carol.patch(&path, json!({ "rules": ["hatred", "spam"] })).await.is(200);
    mallory
        .post("/mod/queues", with(&queue("Spam", "own"), &json!({ "rules": ["spam"] })))
        .await
        .refuses(&[("rules[0]", "unknown_rule")]);
}

#[tokio::test]
async fn each_criterion_chooses_cases_alone_and_together() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, .. } = &watched;
    let dora = app.member("dora").await;
    let mut tagged = open_topic("Had the Armada landed in Essex");
    tagged["tags"] = json!(["armada", "essex"]);
    let tagged = alice.post("/topics", tagged).await.is(201);
    let (slug, topic) = (tagged.text("/slug"), tagged.text("/id"));
    // A post elsewhere by a rule that is not grave, one here by several, this topic, and an account.
    let spam = watched.reported().await;
    let post = bob.posts_in(&slug, "And of Essex.").await;
    for (who, rule) in [(&dora, "hatred"), (&dora, "harassment"), (alice, "hatred")] {
        who.reports("post", &post, rule).await;
    }
    let hatred = case_of(app, &post).await;
    moves(mallory, &hatred, "escalate", Some(json!({ "note": "It is not for me." }))).await.is(200);
    bob.reports("topic", &topic, "off_topic").await;
    let account = dora.get("/me").await.text("/id");
    bob.reports("account", &account, "harassment").await;
    let of = async |kind: &str| {
        app.rows(&format!("SELECT id::text FROM moderation_case WHERE subject_kind = '{kind}'"))
            .await
            .remove(0)
    };
    let all = [spam, hatred, of("topic").await, of("account").await];

    let id = makes(mallory, queue("Mine", "own")).await;
    let every = json!({
        "subject_kinds": [], "rules": [], "topic_id": null, "tags": [], "priority_min": 0, "escalated": null,
    });
    let chosen = async |criteria: &Value| {
        mallory.patch(&format!("/mod/queues/{id}"), with(&every, criteria)).await.is(200);
        let chosen = cases(mallory, &id, "").await;
        assert_eq!(counts(mallory, &id).await.0, chosen.len() as i64, "{criteria}");
        let place = |case: &String| all.iter().position(|one| one == case).unwrap();
        chosen.iter().map(place).collect::<Vec<_>>()
    };
    for (criteria, expected) in [
        (json!({}), &[0, 1, 2, 3][..]),
        (json!({ "recommended_rules": ["illegal"] }), &[0, 1, 2, 3]),
        (json!({ "subject_kinds": ["post"] }), &[0, 1]),
        (json!({ "subject_kinds": ["account", "topic"] }), &[2, 3]),
        (json!({ "rules": ["spam"] }), &[0]),
        (json!({ "rules": ["harassment"] }), &[1, 3]),
        (json!({ "rules": ["off_topic", "spam"] }), &[0, 2]),
        (json!({ "rules": ["illegal"] }), &[]),
        (json!({ "topic_id": topic }), &[1, 2]),
        (json!({ "tags": ["armada"] }), &[1, 2]),
        (json!({ "tags": ["kent", "essex"] }), &[1, 2]),
        (json!({ "tags": ["kent"] }), &[]),
        (json!({ "priority_min": 17 }), &[0, 1, 3]),
        (json!({ "priority_min": 24 }), &[1]),
        (json!({ "escalated": true }), &[1]),
        (json!({ "escalated": false }), &[0, 2, 3]),
        (json!({ "subject_kinds": ["post"], "tags": ["armada"] }), &[1]),
        (json!({ "subject_kinds": ["account"], "topic_id": topic }), &[]),
        (json!({ "rules": ["harassment"], "escalated": false }), &[3]),
        (json!({ "rules": ["off_topic", "hatred"], "priority_min": 17 }), &[1]),
        (
            json!({
                "subject_kinds": ["post"], "rules": ["hatred"], "topic_id": topic, "tags": ["armada"],
                "priority_min": 24, "escalated": true,
            }),
            &[1],
        ),
        (
            json!({
                "subject_kinds": ["post"], "rules": ["hatred"], "topic_id": topic, "tags": ["armada"],
                "priority_min": 24, "escalated": false,
            }),
            &[],
        ),
    ] {
        assert_eq!(chosen(&criteria).await, expected, "{criteria}");
    }

    // Beside the other filters, and page by page.
    assert_eq!(chosen(&json!({ "rules": ["harassment", "off_topic"] })).await, [1, 2, 3]);
    assert_eq!(cases(mallory, &id, "&subject_kind=topic").await, [all[2].clone()]);
    assert_eq!(cases(mallory, &id, "&rule=hatred").await, [all[1].clone()]);
    for sort in ["old", "new", "urgent"] {
        let (mut walked, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/mod/cases?sort={sort}&queue={id}&limit=1{after}");
            let page = mallory.get(&path).await.is(200).body;
            walked.extend(page["items"].as_array().unwrap().iter().map(|case| case["id"].clone()));
            match page["next"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        walked.sort_unstable_by_key(|case| all.iter().position(|one| case == one));
        assert_eq!(json!(walked), json!(all[1..]), "{sort}");
    }
    let first = mallory.get(&format!("/mod/cases?queue={id}&limit=1")).await.is(200).text("/next");
    mallory.get(&format!("/mod/cases?limit=1&after={first}")).await.is_problem(400, "invalid_cursor");
    mallory.get("/mod/cases?queue=mine").await.refuses(&[("queue", "wrong_type")]);
}

#[tokio::test]
async fn own_queues_are_their_owners_and_those_of_the_team_are_everybodys() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, carol, .. } = &watched;
    app.member("dave").await;
    grants(carol, "dave", json!({ "kind": "site" })).await;
    let dave = app.sign_in("dave").await;
    watched.reported().await;
    mallory.post("/mod/queues", queue("All", "team")).await.is_problem(403, "not_allowed");
    let own = makes(mallory, queue("Mine", "own")).await;
    let team = makes(carol, queue("All", "team")).await;
    makes(&dave, queue("His", "own")).await;
    assert_eq!(names(mallory).await, json!(["All", "Mine"]));
    assert_eq!(names(&dave).await, json!(["His", "All"]));
    assert_eq!(names(carol).await, json!(["All"]));
    bob.get("/mod/queues").await.is_problem(403, "not_allowed");
    app.guest().get("/mod/queues").await.is_problem(401, "unauthenticated");

    // For others, administrators too, it is as if it were not there.
    for who in [&dave, carol] {
        for id in [own.as_str(), NOTHING] {
            let path = format!("/mod/queues/{id}");
            let who = who.with("if-match", "*");
            who.get(&path).await.is_problem(404, "not_found");
            let edit = json!({ "name": "Theirs" }).to_string();
            who.send(Method::PATCH, &path, Some(edit.into())).await.is_problem(404, "not_found");
            who.delete(&path).await.is_problem(404, "not_found");
            who.get(&format!("/mod/cases?queue={id}")).await.refuses(&[("queue", "unknown_id")]);
            next(&who, id).await.refuses(&[("queue", "unknown_id")]);
        }
    }
    for id in [own.as_str(), &team, NOTHING] {
        let bob = bob.with("if-match", "*");
        bob.get(&format!("/mod/queues/{id}")).await.is_problem(403, "not_allowed");
        bob.delete(&format!("/mod/queues/{id}")).await.is_problem(403, "not_allowed");
        bob.get(&format!("/mod/cases?queue={id}")).await.is_problem(403, "not_allowed");
    }
    for who in [mallory, &dave, carol] {
        assert_eq!(cases(who, &team, "").await.len(), 1);
    }
    // Page by page, and whose page it is.
    let first = mallory.get("/mod/queues?limit=1").await.is(200).body;
    let cursor = first["next"].as_str().unwrap();
    let rest = mallory.get(&format!("/mod/queues?limit=1&after={cursor}")).await.is(200).body;
    assert_eq!((&rest["items"][0]["name"], &rest["next"]), (&json!("Mine"), &Value::Null));
    dave.get(&format!("/mod/queues?after={cursor}")).await.is_problem(400, "invalid_cursor");
    // Whoever is no moderator any more has none, and finds theirs when they are one again.
    let revoke = |at: &str| {
        format!(
            "UPDATE role_grant g SET revoked_at = {at} FROM account a WHERE a.id = g.account_id AND a.username = 'mallory'"
        )
    };
    app.sql(&revoke("granted_at")).await.unwrap();
    mallory.get(&format!("/mod/queues/{own}")).await.is_problem(403, "not_allowed");
    app.sql(&revoke("NULL")).await.unwrap();
    mallory.delete_as_read(&format!("/mod/queues/{own}")).await.is(204);
    assert_eq!(names(mallory).await, json!(["All"]));
}

#[tokio::test]
async fn what_waits_is_what_somebody_is_in_charge_of_and_not_about_them() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let mut tagged = open_topic("Had the Armada landed in Essex");
    tagged["tags"] = json!(["armada"]);
    let tagged = alice.post("/topics", tagged).await.is(201).text("/slug");
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "armada" })).await;
    let elsewhere = watched.reported().await;
    let here = alice.posts_in(&tagged, "Buy maps of Essex.").await;
    bob.reports("post", &here, "spam").await;
    let here = case_of(app, &here).await;
    let own = mallory.posts_in(topic, "And of Wales.").await;
    bob.reports("post", &own, "spam").await;
    let about_mallory = case_of(app, &own).await;
    let team = makes(carol, with(&queue("Spam", "team"), &json!({ "rules": ["spam"] }))).await;
    for (who, expected) in [
        (carol, vec![&elsewhere, &here, &about_mallory]),
        (mallory, vec![&elsewhere, &here]),
        (&dora, vec![&here]),
    ] {
        assert_eq!(json!(cases(who, &team, "").await), json!(expected));
        assert_eq!(counts(who, &team).await.0, expected.len() as i64);
        assert_eq!(who.get("/mod/queues").await.is(200).body["items"][0]["waiting"], expected.len());
    }
    // Nor are they given what is not theirs to decide.
    assert_eq!(next(&dora, &team).await.is(200).text("/id"), here);
    next(&dora, &team).await.is(204);
    assert_eq!(next(mallory, &team).await.is(200).text("/id"), elsewhere);
    next(mallory, &team).await.is(204);
    assert_eq!(next(carol, &team).await.is(200).text("/id"), about_mallory);
    // What somebody is at waits to be decided all the same; what is muted or decided does not.
    assert_eq!(counts(carol, &team).await.0, 3);
    let ends_at = json!({ "ends_at": "2026-01-15T12:10:00Z" });
    moves(mallory, &elsewhere, "mute", Some(ends_at)).await.is(200);
    assert_eq!(counts(carol, &team).await.0, 2);
    moves(&dora, &here, "resolve", Some(decision("upheld"))).await.is(200);
    assert_eq!(counts(carol, &team).await.0, 1);
    // It is listed where it belongs, whether it waits or not.
    assert_eq!(cases(carol, &team, "").await, [here, about_mallory]);
    assert_eq!(cases(carol, &team, "&muted=true").await, [elsewhere]);
    app.app.clock.advance(TimeDelta::minutes(10));
    assert_eq!(counts(&app.sign_in("carol").await, &team).await.0, 2);
}

#[tokio::test]
async fn the_next_case_is_one_of_the_queue() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let spam = watched.reported().await;
    let grave = alice.posts_in(topic, "And of Essex.").await;
    bob.reports("post", &grave, "hatred").await;
    let grave = case_of(app, &grave).await;
    let off = alice.posts_in(topic, "And of Wales.").await;
    bob.reports("post", &off, "off_topic").await;
    let off = case_of(app, &off).await;
    let rules = |codes: &[&str]| json!({ "rules": codes });
    let light = makes(mallory, with(&queue("Light", "own"), &rules(&["spam", "off_topic"]))).await;
    let none = makes(mallory, with(&queue("Illegal", "own"), &rules(&["illegal"]))).await;
    next(mallory, &none).await.is(204);
    // The most urgent of the queue, though another case is more urgent.
    for expected in [&spam, &off] {
        assert_eq!(next(mallory, &light).await.is(200).text("/id"), *expected);
    }
    next(mallory, &light).await.is(204);
    assert_eq!(mallory.send(Method::POST, "/mod/cases/next", None).await.is(200).text("/id"), grave);
    mallory.send(Method::POST, "/mod/cases/next?queue=light", None).await.refuses(&[("queue", "wrong_type")]);
    // What was passed on is given to those who decide it, of the queue too.
    moves(mallory, &spam, "escalate", Some(json!({ "note": "It is not for me." }))).await.is(200);
    next(mallory, &light).await.is(204);
    let carol = app.sign_in("carol").await;
    let passed_on = json!({ "rules": ["spam"], "escalated": true });
    let passed_on = makes(&carol, with(&queue("Passed on", "team"), &passed_on)).await;
    assert_eq!(next(&carol, &passed_on).await.is(200).text("/id"), spam);
}

#[tokio::test]
async fn what_is_late_goes_by_the_hours_of_the_queue() {
    let watched = Watched::new().await;
    let Watched { app, carol, topic, .. } = &watched;
    let case = watched.reported().await;
    let hour = makes(carol, with(&queue("Soon", "team"), &json!({ "sla_hours": 1 }))).await;
    let usual = makes(carol, queue("Usual", "team")).await;
    app.app.clock.advance(TimeDelta::minutes(30));
    let carol = app.sign_in("carol").await;
    let later = app.sign_in("alice").await.posts_in(topic, "And of Essex.").await;
    app.sign_in("bob").await.reports("post", &later, "spam").await;
    let later = case_of(app, &later).await;
    let due = async |who: &Client, query: &str| {
        let page = who.get(&format!("/mod/cases?sort=old&{query}")).await.is(200).body;
        page["items"].as_array().unwrap().iter().map(|case| case["sla_due_at"].clone()).collect::<Value>()
    };
    let soon = json!(["2026-01-15T13:00:00Z", "2026-01-15T13:30:00Z"]);
    assert_eq!(due(&carol, &format!("queue={hour}")).await, soon);
    let usually = json!(["2026-01-18T12:00:00Z", "2026-01-18T12:30:00Z"]);
    assert_eq!(due(&carol, &format!("queue={usual}")).await, usually);
    assert_eq!(due(&carol, "").await, usually);
    // To the moment.
    app.app.clock.advance(TimeDelta::minutes(30));
    let carol = app.sign_in("carol").await;
    let overdue = "&overdue=true";
    assert_eq!((cases(&carol, &hour, overdue).await.len(), counts(&carol, &hour).await), (0, (2, 0)));
    app.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(cases(&carol, &hour, overdue).await, [case.clone()]);
    assert_eq!(counts(&carol, &hour).await, (2, 1));
    assert_eq!((cases(&carol, &usual, overdue).await.len(), counts(&carol, &usual).await), (0, (2, 0)));
    assert_eq!(due(&carol, "overdue=true").await, json!([]));
    // Other hours, other cases that are late.
    app.app.clock.advance(TimeDelta::minutes(30));
    let carol = app.sign_in("carol").await;
    assert_eq!(cases(&carol, &hour, overdue).await, [case.clone(), later]);
    carol.patch(&format!("/mod/queues/{hour}"), json!({ "sla_hours": 2 })).await.is(200);
    assert_eq!(counts(&carol, &hour).await, (2, 0));
    carol.patch(&format!("/mod/queues/{hour}"), json!({ "sla_hours": null })).await.is(200);
    assert_eq!(due(&carol, &format!("queue={hour}")).await, usually);
    // After the site's own time, where there is no other; what is decided is late no more.
    app.app.clock.advance(TimeDelta::days(3));
    let carol = app.sign_in("carol").await;
    assert_eq!(counts(&carol, &usual).await, (2, 2));
    moves(&carol, &case, "resolve", Some(decision("ignored"))).await.is(200);
    assert_eq!(counts(&carol, &usual).await, (1, 1));
}

#[tokio::test]
async fn there_are_a_hundred_queues_of_the_team_and_a_hundred_of_ones_own() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    let fill = |audience: &str, who: &str| {
        format!(
            "INSERT INTO case_queue (id, name, audience, owner_id, subject_kinds, rules, tags, priority_min,
                                     recommended_rules, version, created_at, updated_at)
             SELECT gen_random_uuid(), 'Queue ' || n, '{audience}', a.id, '{{}}', '{{}}', '{{}}', 0, '{{}}', 1, now(), now()
             FROM account a, generate_series(1, 99) n WHERE a.username = '{who}'"
        )
    };
    app.sql(&fill("team", "carol")).await.unwrap();
    app.sql(&fill("own", "mallory")).await.unwrap();
    // However many come at once, for the last place.
    for (who, audience) in [(carol, "team"), (mallory, "own")] {
        let mut attempts = JoinSet::new();
        for n in 0..6 {
            let (who, new) = (who.clone(), queue(&format!("Another {n}"), audience));
            attempts.spawn(async move { who.post("/mod/queues", new).await });
        }
        let mut made = 0;
        for reply in attempts.join_all().await {
            if reply.status == 201 {
                made += 1;
            } else {
                reply.is_problem(409, "too_many_queues");
            }
        }
        assert_eq!(made, 1, "{audience}");
    }
    // Each for themselves, and the team for itself.
    let own = makes(carol, queue("Mine", "own")).await;
    mallory.post("/mod/queues", queue("Mine", "own")).await.is_problem(409, "too_many_queues");
    carol.delete_as_read(&format!("/mod/queues/{own}")).await.is(204);
    let first = carol.get("/mod/queues?limit=1").await.is(200).text("/items/0/id");
    carol.delete_as_read(&format!("/mod/queues/{first}")).await.is(204);
    makes(carol, queue("In its place", "team")).await;
}

#[tokio::test]
async fn all_that_waits_is_counted_however_much_it_is() {
    let watched = Watched::new().await;
    let Watched { app, carol, .. } = &watched;
    app.sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), 'extra' || n, 'extra' || n, 'person', 'member', 0, 'active', 1, now(), now()
         FROM generate_series(1, 1010) n;
         INSERT INTO moderation_case (id, subject_kind, subject_account_id, owner_id, state, is_escalated, report_count,
                                      reporter_count, score, priority, version, opened_at, updated_at)
         SELECT gen_random_uuid(), 'account', id, id, 'open', false, 1, 1, 100, 9, 1,
                timestamptz '2026-01-15T12:00:00Z' - CASE WHEN username < 'extra2' THEN interval '2 hours' ELSE '0' END, now()
         FROM account WHERE username LIKE 'extra%';
         INSERT INTO case_event (case_id, seq, kind, to_state, note, created_at)
         SELECT id, 1, 'opened', 'open', '', opened_at FROM moderation_case",
    )
    .await
    .unwrap();
    let soon = makes(carol, with(&queue("Soon", "team"), &json!({ "sla_hours": 1 }))).await;
    let late: i64 = app
        .rows(
            "SELECT count(*)::text FROM moderation_case WHERE opened_at < timestamptz '2026-01-15T12:00:00Z'",
        )
        .await[0]
        .parse()
        .unwrap();
    assert!(late > 100);
    assert_eq!(counts(carol, &soon).await, (1010, late));
    let posts = makes(carol, with(&queue("Posts", "team"), &json!({ "subject_kinds": ["post"] }))).await;
    assert_eq!(counts(carol, &posts).await, (0, 0));
}

#[tokio::test]
async fn queues_are_in_the_copy_and_ones_own_go_with_the_account() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    let grant = json!({ "permissions": ["rule.edit"], "scope": { "kind": "site" }, "reason": "Asked for." });
    carol.post("/accounts/mallory/role-grants", grant).await.is(201);
    let topic = mallory.get(&format!("/topics/{}", watched.topic)).await.is(200).text("/id");
    let fields = json!({
        "subject_kinds": ["topic", "post"], "rules": ["spam"], "topic_id": topic, "tags": ["armada"],
        "priority_min": 7, "escalated": true, "recommended_rules": ["illegal"], "sla_hours": 9,
    });
    makes(mallory, with(&queue("Mine", "own"), &fields)).await;
    let team = makes(mallory, queue("Everybody's", "team")).await;
    makes(carol, queue("Hers", "own")).await;
    mallory.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let copy = mallory.send(Method::GET, "/me/export/file", None).await.is(200).body;
    expect![[r#"
        [
          {
            "audience": "own",
            "case_tags": [],
            "created_at": "2026-01-15T12:00:00Z",
            "escalated": true,
            "id": "00000000-0000-7000-8000-000000000014",
            "name": "Mine",
            "priority_min": 7,
            "recommended_rules": [
              "illegal"
            ],
            "rules": [
              "spam"
            ],
            "sla_hours": 9,
            "subject_kinds": [
              "topic",
              "post"
            ],
            "tags": [
              "armada"
            ],
            "topic_id": "00000000-0000-7000-8000-00000000000b",
            "updated_at": "2026-01-15T12:00:00Z"
          },
          {
            "audience": "team",
            "case_tags": [],
            "created_at": "2026-01-15T12:00:00Z",
            "escalated": null,
            "id": "00000000-0000-7000-8000-000000000015",
            "name": "Everybody's",
            "priority_min": 0,
            "recommended_rules": [],
            "rules": [],
            "sla_hours": null,
            "subject_kinds": [],
            "tags": [],
            "topic_id": null,
            "updated_at": "2026-01-15T12:00:00Z"
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", copy["case_queues"]));
    mallory.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let left = "SELECT concat_ws(' of ', q.name, a.username) FROM case_queue q
                LEFT JOIN account a ON a.id = q.owner_id ORDER BY q.name";
    assert_eq!(app.rows(left).await, ["Everybody's", "Hers of carol"]);
    let carol = app.sign_in("carol").await;
    let read = carol.get(&format!("/mod/queues/{team}")).await.is(200).body;
    assert_eq!((&read["owner"], &read["name"]), (&Value::Null, &json!("Everybody's")));
}

#[tokio::test]
async fn the_database_keeps_queues_in_order() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    makes(carol, queue("All", "team")).await;
    makes(mallory, queue("Mine", "own")).await;
    for (constraint, change) in [
        ("case_queue_own_has_owner", "audience = 'own', owner_id = NULL"),
        ("case_queue_audience_known", "audience = 'everybody'"),
        ("case_queue_subject_kinds_known", "subject_kinds = '{vote}'"),
        ("case_queue_lists_length", "tags = array_fill('a'::text, ARRAY[21])"),
        ("case_queue_priority_range", "priority_min = 101"),
        ("case_queue_sla_range", "sla_hours = 0"),
        ("case_queue_name_length", "name = ''"),
        ("case_queue_team_name_key", "name = 'All', audience = 'team'"),
        (
            "case_queue_own_name_key",
            "name = 'All', audience = 'own', owner_id = (SELECT id FROM account WHERE username = 'carol')",
        ),
    ] {
        app.refuses_sql(constraint, &format!("UPDATE case_queue SET {change}")).await;
    }
}
