//! The rules of the site, and what moderation comes to: both for everybody to see.

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::audit::rules::Flaw;
use otherwise::audit::{Stretch, verify_stretch};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::{action, judged_topic};
use crate::support::{Client, TestApp};

fn rule(code: &str, version: i32) -> Value {
    json!({
        "code": code, "version": version, "title": "Sock puppets", "body": "One person, one account.", "severity": 3,
        "default_action": "remove", "strikes": 2, "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    })
}

#[tokio::test]
async fn rules_are_written_in_versions_and_what_was_decided_by_one_stays_decided_by_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, post, .. } = &watched;
    let written = carol.post("/mod/rules", rule("sock_puppets", 1)).await.is(201);
    expect![[r#"
        {
          "body": "One person, one account.",
          "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
          "code": "sock_puppets",
          "default_action": "remove",
          "effective_from": "2026-01-15T12:00:00Z",
          "is_retired": false,
          "severity": 3,
          "strikes": 2,
          "title": "Sock puppets",
          "version": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", written.body));
    assert_eq!(
        carol.post("/mod/rules", rule("sock_puppets", 1)).await.is(201).body,
        written.body,
        "twice is once"
    );
    bob.reports("post", post, "sock_puppets").await;
    let mut broken = action("warn");
    broken["rule"] = json!("sock_puppets");
    mallory.acts("post", post, broken.clone()).await;
    let mut second = rule("sock_puppets", 2);
    second["strikes"] = json!(0);
    carol.post("/mod/rules", rule("sock_puppets", 3)).await.is_problem(412, "precondition_failed");
    carol.post("/mod/rules", second.clone()).await.is(201);
    second["strikes"] = json!(1);
    carol.post("/mod/rules", second.clone()).await.is_problem(412, "precondition_failed");
    mallory.acts("post", post, broken.clone()).await;
    let decided = alice.get("/me/decisions").await.is(200);
    let versions: Vec<_> = decided.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| (decision["rule_version"].clone(), decision["strikes"].clone()))
        .collect();
    assert_eq!(versions, [(json!(2), json!(0)), (json!(1), json!(2))]);
    let mut third = rule("sock_puppets", 3);
    third["is_retired"] = json!(true);
    carol.post("/mod/rules", third).await.is(201);
    let about = json!({ "subject": { "kind": "post", "id": post }, "actions": [broken] });
    mallory.post("/mod/actions", about).await.refuses(&[("actions[0].rule", "unknown_rule")]);
    let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "sock_puppets" });
    bob.post("/reports", report).await.refuses(&[("rule", "unknown_rule")]);
    let listed = app.guest().get("/rules").await.is(200);
    assert!(!listed.body.to_string().contains("sock_puppets"));
    let versions = app.guest().get("/rules?rule=sock_puppets").await.is(200);
    assert_eq!(versions.body["items"].as_array().unwrap().len(), 3);
    app.guest().get("/rules?rule=fun").await.is_problem(404, "not_found");
    for nobody in [mallory, bob] {
        nobody.post("/mod/rules", rule("fun", 1)).await.is_problem(403, "not_allowed");
    }
    let mut wrong = rule("fun", 0);
    wrong["severity"] = json!(5);
    wrong["strikes"] = json!(-1);
    wrong["default_action"] = json!("ban");
    carol.post("/mod/rules", wrong).await.refuses(&[
        ("severity", "out_of_range"),
        ("strikes", "out_of_range"),
        ("version", "out_of_range"),
        ("default_action", "does_not_fit"),
    ]);
    let mut lawless = rule("illegal", 2);
    lawless["is_retired"] = json!(true);
    carol.post("/mod/rules", lawless).await.refuses(&[("is_retired", "does_not_fit")]);
    for (field, value, code) in [
        ("code", json!("Fun"), "not_a_rule_code"),
        ("category", json!("FUN"), "not_a_category"),
        ("title", json!("x"), "too_short"),
    ] {
        let mut wrong = rule("fun", 1);
        wrong[field] = value;
        carol.post("/mod/rules", wrong).await.refuses(&[(field, code)]);
    }
}

#[tokio::test]
async fn of_many_who_write_the_next_version_one_does() {
    let watched = Watched::new().await;
    let mut writers = JoinSet::new();
    for n in 0..6 {
        let carol = watched.carol.clone();
        writers.spawn(async move {
            let mut next = rule("spam", 2);
            next["title"] = json!(format!("Spam, as {n} has it"));
            carol.post("/mod/rules", next).await.status
        });
    }
    let mut outcomes = writers.join_all().await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [201, 412, 412, 412, 412, 412]);
    assert_eq!(
        watched.app.rows("SELECT version::text FROM policy_rule WHERE code = 'spam' ORDER BY 1").await,
        ["1", "2"]
    );
}

#[tokio::test]
async fn the_transparency_report_counts_what_was_done_and_what_came_of_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, topic, .. } = &watched;
    let case = watched.reported().await;
    let second = alice.posts_in(topic, "More maps!").await;
    bob.reports("post", &second, "harassment").await;
    app.app.clock.advance(TimeDelta::minutes(90));
    let (alice, bob) = (app.sign_in("alice").await, app.sign_in("bob").await);
    let (mallory, carol) = (app.sign_in("mallory").await, app.sign_in("carol").await);
    let resolved = json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [action("remove"), action("silence")] });
    moves(&mallory, &case, "resolve", Some(resolved)).await.is(200);
    let own = bob.posts_in(topic, "I agree.").await;
    mallory.acts("post", &own, action("warn")).await;
    let removed = alice.get("/me/decisions").await.text("/items/1/id");
    let appeal = alice.appeals(&removed).await;
    app.app.clock.advance(TimeDelta::minutes(8));
    let path = format!("/mod/appeals/{appeal}/decide");
    let overturned = json!({ "outcome": "overturned", "reasons": "It was a museum after all." });
    carol.with("if-match", "*").post(&path, overturned).await.is(200);
    let report = app.guest().get("/transparency?period=2026-01").await.is(200);
    expect![[r#"
        {
          "actions": {
            "remove": 1,
            "silence": 1,
            "warn": 1
          },
          "actions_by_actor": {
            "human": 3
          },
          "actions_by_rule": {
            "spam": 3
          },
          "actions_by_source": {
            "SOURCE_TYPE_OTHER_NOTIFICATION": 2,
            "SOURCE_VOLUNTARY": 1
          },
          "appeal_time": {
            "median_hours": 0.13,
            "p90_hours": 0.13
          },
          "appeals": {
            "overturned": 1
          },
          "from": "2026-01-01T00:00:00Z",
          "notice_time": {
            "median_hours": null,
            "p90_hours": null
          },
          "notices": {},
          "notices_of_child_abuse": 0,
          "period": "2026-01",
          "report_time": {
            "median_hours": 1.5,
            "p90_hours": 1.5
          },
          "reports": {
            "open": 1,
            "upheld": 1
          },
          "reverted_by_actor": {
            "human": 1
          },
          "to": "2026-02-01T00:00:00Z"
        }
    "#]]
    .assert_eq(&format!("{:#}\n", report.body));
    let year = app.guest().get("/transparency").await.is(200);
    assert_eq!((&year.body["period"], &year.body["actions"]), (&json!("2026"), &report.body["actions"]));
    let empty = app.guest().get("/transparency?period=2025").await.is(200);
    assert_eq!(
        (&empty.body["actions"], &empty.body["report_time"]["median_hours"]),
        (&json!({}), &Value::Null)
    );
    app.guest().get("/transparency?period=2026-13").await.refuses(&[("period", "not_a_period")]);

    let statements = mallory.get("/mod/transparency/statements?period=2026-01&limit=1").await.is(200);
    let first = &statements.body["items"][0];
    assert_eq!(
        (&first["decision_visibility"], &first["puid"]),
        (&json!(["DECISION_VISIBILITY_CONTENT_REMOVED"]), &json!(removed))
    );
    assert!(
        !statements.body.to_string().contains("recipient") && !statements.body.to_string().contains("alice")
    );
    let next = statements.text("/next");
    let rest = mallory
        .get(&format!("/mod/transparency/statements?period=2026-01&limit=1&after={next}"))
        .await
        .is(200);
    assert_eq!((rest.body["items"].as_array().unwrap().len(), &rest.body["next"]), (1, &Value::Null));
    mallory
        .get(&format!("/mod/transparency/statements?period=2026&after={next}"))
        .await
        .is_problem(400, "invalid_cursor");
    expect![[r#"
        {
          "appeals": 0,
          "claimed": 0,
          "escalated": 0,
          "oldest_appeal_hours": null,
          "oldest_case_hours": 1.63,
          "open": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", mallory.get("/mod/stats/live").await.is(200).body));
    let daily = mallory.get("/mod/stats/daily?days=2").await.is(200);
    expect![[r#"
        {
          "items": [
            {
              "actions": 3,
              "date": "2026-01-15",
              "median_hours": 1.5,
              "p90_hours": 1.5,
              "reports": 2,
              "resolved": 2,
              "reverted": 1
            },
            {
              "actions": 0,
              "date": "2026-01-14",
              "median_hours": null,
              "p90_hours": null,
              "reports": 0,
              "resolved": 0,
              "reverted": 0
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{:#}\n", daily.body));
    mallory.get("/mod/stats/daily?days=0").await.refuses(&[("days", "out_of_range")]);
    let dora = app.member("dora").await;
    grants(&carol, "dora", json!({ "kind": "tag", "tag": "elsewhere" })).await;
    for path in
        ["/mod/stats/live", "/mod/stats/daily", "/mod/stats/agreement", "/mod/transparency/statements"]
    {
        bob.get(path).await.is_problem(403, "not_allowed");
        dora.get(path).await.is_problem(403, "not_allowed");
    }
}

#[tokio::test]
async fn what_restricts_somebody_is_listed_in_the_fields_of_the_transparency_database() {
    let watched = Watched::new().await;
    let Watched { alice, mallory, topic, post, .. } = &watched;
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let mut listed = vec![mallory.acts("post", post, action("lock")).await];
    let mut lacking = action("annotate");
    lacking["annotation"] = json!("needs_source");
    listed.push(mallory.acts("post", post, lacking).await);
    let warned = mallory.acts("post", post, action("warn")).await;
    let pinned = mallory.acts("topic", &topic_id, action("pin")).await;
    listed.push(mallory.acts("post", post, action("silence")).await);
    let mut unlawful = action("remove");
    unlawful["rule"] = json!("illegal");
    unlawful["legal_ground"] = json!("Copyright Act, section 16");
    listed.push(mallory.acts("post", post, unlawful).await);
    let page = mallory.get("/mod/transparency/statements?period=2026-01").await.is(200);
    let items = page.body["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|item| item["puid"].as_str().unwrap()).collect();
    assert_eq!(ids, listed, "neither the warning {warned} nor {pinned}, which restrict nobody");
    let told =
        async |id: &str| alice.get(&format!("/me/decisions/{id}")).await.is(200).body["statement"].clone();
    for item in items {
        // What its recipient can do is for them: the database has no such field. All else is the same.
        let mut item = item.clone();
        let id = item.as_object_mut().unwrap().remove("puid").unwrap();
        let mut own = told(id.as_str().unwrap()).await;
        assert!(own.as_object_mut().unwrap().remove("redress").is_some());
        assert_eq!(item, own);
    }
    // Whoever was warned reads why all the same.
    assert_eq!(told(&warned).await["decision_visibility"], json!([]));
    let grounds = |item: &Value| {
        let fields = [
            "decision_visibility",
            "decision_provision",
            "decision_ground",
            "decision_ground_reference_url",
            "incompatible_content_illegal",
            "category_specification",
            "content_language",
        ];
        let fields: serde_json::Map<_, _> =
            fields.iter().map(|field| ((*field).to_owned(), item[field].clone())).collect();
        Value::from(fields)
    };
    let shown: Vec<_> = items.iter().map(grounds).collect();
    expect![[r#"
        [
          {
            "category_specification": [],
            "content_language": null,
            "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            "decision_ground_reference_url": "http://127.0.0.1:8080/api/v1/rules?rule=spam",
            "decision_provision": null,
            "decision_visibility": [
              "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED"
            ],
            "incompatible_content_illegal": "No"
          },
          {
            "category_specification": [],
            "content_language": null,
            "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            "decision_ground_reference_url": "http://127.0.0.1:8080/api/v1/rules?rule=spam",
            "decision_provision": null,
            "decision_visibility": [
              "DECISION_VISIBILITY_CONTENT_LABELLED"
            ],
            "incompatible_content_illegal": "No"
          },
          {
            "category_specification": [],
            "content_language": null,
            "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            "decision_ground_reference_url": "http://127.0.0.1:8080/api/v1/rules?rule=spam",
            "decision_provision": "DECISION_PROVISION_PARTIAL_SUSPENSION",
            "decision_visibility": [],
            "incompatible_content_illegal": "No"
          },
          {
            "category_specification": [],
            "content_language": null,
            "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
            "decision_ground_reference_url": null,
            "decision_provision": null,
            "decision_visibility": [
              "DECISION_VISIBILITY_CONTENT_REMOVED"
            ],
            "incompatible_content_illegal": null
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", json!(shown)));
    // The address leads to the rule, for everybody.
    let url = items[0]["decision_ground_reference_url"].as_str().unwrap();
    let base = &watched.app.app.config.server.public_url;
    let path = url.strip_prefix(&format!("{base}/api/v1")).unwrap();
    let rule = watched.app.guest().get(path).await.is(200);
    assert_eq!(rule.body["items"][0]["code"], "spam");
}

#[tokio::test]
async fn what_was_closed_the_moment_it_came_took_no_time() {
    let watched = Watched::new().await;
    let Watched { app, post, .. } = &watched;
    let case = watched.reported().await;
    app.member("dora").await;
    app.app.clock.advance(TimeDelta::minutes(60));
    let mallory = app.sign_in("mallory").await;
    let dora = app.sign_in("dora").await;
    let rejected = json!({ "resolution": "rejected", "note": "It is a museum." });
    moves(&mallory, &case, "resolve", Some(rejected)).await.is(200);
    dora.reports("post", post, "spam").await;
    let mute = json!({ "ends_at": "2026-02-01T00:00:00Z", "reason": "Reports whatever mentions maps." });
    mallory.post("/mod/accounts/dora/mute-reports", mute).await.is(200);
    dora.reports("post", post, "harassment").await;
    let outcomes = "SELECT outcome FROM report WHERE closed_at = created_at ORDER BY id";
    assert_eq!(app.rows(outcomes).await, ["already_reviewed", "ignored"]);
    let took = json!({ "median_hours": 1.0, "p90_hours": 1.0 });
    let report = app.guest().get("/transparency?period=2026-01").await.is(200);
    assert_eq!(report.body["report_time"], took);
    assert_eq!(report.body["reports"], json!({ "already_reviewed": 1, "ignored": 1, "rejected": 1 }));
    let daily = mallory.get("/mod/stats/daily?days=1").await.is(200);
    let today = &daily.body["items"][0];
    assert_eq!((&today["median_hours"], &today["p90_hours"]), (&json!(1.0), &json!(1.0)));
    assert_eq!(today["reports"], 3);
}

#[tokio::test]
async fn how_each_side_fares_is_there_to_be_seen() {
    let watched = Watched::new().await;
    let Watched { alice, bob, mallory, .. } = &watched;
    let made = alice.post("/topics", judged_topic("Had it rained at Waterloo")).await.is(201);
    let (slug, id) = (made.text("/slug"), made.text("/id"));
    let scenario = |i: usize| made.body["scenarios"][i]["id"].clone();
    let argues = async |who: &Client, i: usize| {
        let effect = json!([{ "scenario_id": scenario(i), "direction": "raises" }]);
        let post = json!({ "body": "The guns would have stuck.", "stance_effects": effect });
        who.post(&format!("/topics/{slug}/posts"), post).await.is(201).text("/id")
    };
    let first = argues(bob, 0).await;
    argues(bob, 0).await;
    argues(alice, 1).await;
    let hidden = mallory.acts("post", &first, action("hide")).await;
    mallory.acts("post", &first, action("silence")).await;
    let table = async || {
        let stances = mallory.get(&format!("/mod/stats/stances?topic={id}")).await.is(200);
        let line = |stance: &Value| {
            format!(
                "{}: {} of {} posts, {} of {} authors\n",
                stance["label"].as_str().unwrap(),
                stance["out_of_sight"],
                stance["posts"],
                stance["sanctioned"],
                stance["authors"]
            )
        };
        stances.body["items"].as_array().unwrap().iter().map(line).collect::<String>()
    };
    expect![[r#"
        Elizabeth falls: 1 of 2 posts, 1 of 1 authors
        Elizabeth holds: 0 of 1 posts, 0 of 1 authors
        Elizabeth flees: 0 of 0 posts, 0 of 0 authors
        Something else: 0 of 0 posts, 0 of 0 authors
    "#]]
    .assert_eq(&table().await);
    let why = json!({ "explanation": "It was a museum after all." });
    mallory.post(&format!("/mod/actions/{hidden}/revert"), why).await.is(200);
    assert!(table().await.starts_with("Elizabeth falls: 0 of 2 posts, 1 of 1 authors"));
    bob.get(&format!("/mod/stats/stances?topic={id}")).await.is_problem(403, "not_allowed");
    let nowhere = "0198c5f0-0000-7000-8000-00000000dead";
    mallory.get(&format!("/mod/stats/stances?topic={nowhere}")).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn g1_what_moderators_did_is_compared_with_the_audit_log() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, .. } = &watched;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoints");
    let hidden = mallory.acts("post", post, action("hide")).await;
    mallory.acts("post", post, action("warn")).await;
    let verify = async || otherwise::audit::verify(&app.app, &file).await.map_err(|flaw| flaw.to_string());
    verify().await.unwrap();
    let change = |what: &str| {
        format!(
            "ALTER TABLE mod_action DISABLE TRIGGER mod_action_is_fixed; {what};
                 ALTER TABLE mod_action ENABLE TRIGGER mod_action_is_fixed"
        )
    };
    app.sql(&change(&format!("UPDATE mod_action SET kind = 'remove' WHERE id = '{hidden}'"))).await.unwrap();
    assert_eq!(
        verify().await.unwrap_err(),
        format!("the action {hidden} is not what the audit log says was done")
    );
    app.sql(&change(&format!("UPDATE mod_action SET kind = 'hide' WHERE id = '{hidden}'"))).await.unwrap();
    verify().await.unwrap();
    let secret = "0198c5f0-0000-7000-8000-00000000dead";
    app.sql(&format!(
        "WITH made AS (INSERT INTO mod_action SELECT (jsonb_populate_record(a, '{{\"id\": \"{secret}\"}}')).*
                       FROM mod_action a WHERE kind = 'warn' RETURNING id)
         INSERT INTO statement_of_reasons
         SELECT (jsonb_populate_record(s, jsonb_build_object('action_id', made.id))).*
         FROM statement_of_reasons s, made WHERE s.action_id = '{hidden}'"
    ))
    .await
    .unwrap();
    assert_eq!(
        verify().await.unwrap_err(),
        format!("the action {secret} was never recorded in the audit log")
    );
    let erase = "DELETE FROM case_event WHERE action_id IS NOT NULL; DELETE FROM sanction; DELETE FROM statement_of_reasons;
                 DELETE FROM mod_action WHERE kind = 'hide'";
    app.sql(erase).await.unwrap();
    assert_eq!(
        verify().await.unwrap_err(),
        format!("the action {hidden} is gone, though the audit log says that it was done")
    );
}

#[tokio::test]
async fn how_far_moderators_agree_is_read_off_the_cases_that_two_decided() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    mallory.get("/mod/stats/agreement").await.is(200).matches(expect![[r#"
        {
          "alpha": null,
          "cases": 0,
          "pairs": 0,
          "percent": null
        }
    "#]]);
    let decides = async |who: &Client, case: &str, resolution: &str, actions: Value| {
        let decision = json!({ "resolution": resolution, "note": "As the rule says.", "actions": actions });
        moves(who, case, "resolve", Some(decision)).await.is(200).text("/actions/0/id")
    };
    let rejects = async |who: &Client, case: &str| {
        let decision = json!({ "resolution": "rejected", "note": "It is nothing." });
        moves(who, case, "resolve", Some(decision)).await.is(200);
    };
    let mut cases = Vec::new();
    for n in 0..6 {
        let post = alice.posts_in(topic, &format!("Map {n}, cheap!")).await;
        bob.reports("post", &post, "spam").await;
        cases.push((case_of(app, &post).await, post));
    }
    // One decides, and somebody else finds the same on appeal, and the opposite.
    for (n, outcome) in ["upheld", "overturned"].into_iter().enumerate() {
        let hidden = decides(mallory, &cases[n].0, "upheld", json!([action("hide")])).await;
        let appeal = alice.appeals(&hidden).await;
        let decision = json!({ "outcome": outcome, "reasons": "It was looked at again." });
        carol.with("if-match", "*").post(&format!("/mod/appeals/{appeal}/decide"), decision).await.is(200);
    }
    // Somebody else has it decided anew, and finds the opposite; and the same.
    for (case, _) in &cases[2..4] {
        rejects(mallory, case).await;
        moves(carol, case, "reopen", Some(json!({ "note": "Look again." }))).await.is(200);
    }
    decides(carol, &cases[2].0, "upheld", json!([action("warn")])).await;
    rejects(carol, &cases[3].0).await;
    // Nobody else decides; or it is another version of it.
    rejects(mallory, &cases[4].0).await;
    rejects(mallory, &cases[5].0).await;
    alice.patch(&format!("/posts/{}", cases[5].1), json!({ "body": "Maps, cheaper!" })).await.is(200);
    bob.reports("post", &cases[5].1, "spam").await;
    decides(carol, &cases[5].0, "upheld", json!([action("warn")])).await;
    // Two of four pairs found the same, of as many of the one as of the other.
    mallory.get("/mod/stats/agreement").await.is(200).matches(expect![[r#"
        {
          "alpha": 0.125,
          "cases": 4,
          "pairs": 4,
          "percent": 50.0
        }
    "#]]);
    app.app.clock.advance(TimeDelta::days(3));
    let mallory = app.sign_in("mallory").await;
    for (days, cases) in [(2, 0), (4, 4)] {
        let found = mallory.get(&format!("/mod/stats/agreement?days={days}")).await.is(200);
        assert_eq!(found.body["cases"], cases, "{days} days");
    }
    mallory.get("/mod/stats/agreement?days=0").await.refuses(&[("days", "out_of_range")]);
}

/// The places of the entries on a page of the audit log.
fn places(page: &crate::support::Reply) -> Vec<i64> {
    page.body["items"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn g2_the_audit_log_is_read_a_page_at_a_time_and_each_reading_is_in_it() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let alices = alice.get("/me").await.text("/id");
    alice.patch("/me", json!({ "bio": "Draws maps." })).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    carol.delete_as_read("/posts/0198c5f0-0000-7000-8000-00000000dead").await.is(404);
    alice.get("/mod/audit").await.is_problem(403, "not_allowed");
    alice.delete("/sessions/current").await.is(204);
    let first = carol.get("/mod/audit?limit=3").await.is(200);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let actor = json!({ "id": alices, "role": "member", "username": "alice" });
    let refusal = json!({ "code": "not_allowed", "method": "GET", "route": "/api/v1/mod/audit", "ids": [] });
    let expected = json!([
        { "seq": 7, "at": "2026-01-15T12:01:00Z", "actor": actor, "verb": "sign_out", "outcome": "done",
          "object": { "kind": "session", "id": null }, "data": {} },
        { "seq": 6, "at": "2026-01-15T12:01:00Z", "actor": actor, "verb": "request", "outcome": "refused",
          "object": null, "data": refusal },
        { "seq": 5, "at": "2026-01-15T12:00:00Z", "actor": actor, "verb": "edit_account", "outcome": "done",
          "object": { "kind": "account", "id": alices }, "data": { "fields": ["bio"] } },
    ]);
    assert_eq!(first.body["items"], expected);
    // The first page begins with the last entry; the one about reading it comes afterwards.
    let (mut walked, mut after) = (Vec::new(), String::new());
    loop {
        let page = carol.get(&format!("/mod/audit?limit=2{after}")).await.is(200);
        walked.extend(places(&page));
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(walked, (1..=8).rev().collect::<Vec<_>>());
    let readings = "SELECT count(*)::text FROM audit_log WHERE verb = 'read_audit_log'";
    assert_eq!(app.rows(readings).await, ["5"], "each page is a reading");
    for (query, found) in [
        (format!("actor={alices}"), vec![7, 6, 5, 2, 1]),
        ("verb=sign_in".to_owned(), vec![4, 2]),
        ("object_kind=session".to_owned(), vec![7, 4, 2]),
        (format!("object_kind=account&object_id={alices}"), vec![5, 1]),
        (format!("actor={alices}&verb=edit_account"), vec![5]),
        ("verb=canary_verb".to_owned(), vec![]),
        ("until=2026-01-15T12:01:00Z".to_owned(), vec![5, 4, 3, 2, 1]),
        (format!("from=2026-01-15T12:01:00Z&actor={alices}"), vec![7, 6]),
    ] {
        assert_eq!(places(&carol.get(&format!("/mod/audit?{query}")).await.is(200)), found, "{query}");
    }
    let last = "SELECT data::text FROM audit_log WHERE verb = 'read_audit_log' ORDER BY seq DESC LIMIT 1";
    let kept: Value = serde_json::from_str(&app.rows(last).await[0]).unwrap();
    assert_eq!((&kept["from"], &kept["until"]), (&json!("2026-01-15T12:01:00Z"), &Value::Null));
    let log = app.rows("SELECT to_jsonb(l)::text FROM audit_log l").await.join("\n");
    assert!(!log.contains("canary_verb"), "nobody writes a word of their own into the log");
    // Neither from where, nor in which session.
    let whole = carol.get("/mod/audit?limit=100").await.is(200).body.to_string();
    let sessions = app.rows("SELECT id::text FROM session").await;
    let hashes =
        app.rows("SELECT encode(client_hash, 'hex') FROM audit_log WHERE client_hash IS NOT NULL").await;
    for secret in
        sessions.iter().chain(&hashes).map(String::as_str).chain(["203.0.113", "example.org", "hash"])
    {
        assert!(!whole.contains(secret), "{secret} in {whole}");
    }
}

#[tokio::test]
async fn a7_the_audit_log_is_for_those_who_may_read_personal_data() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, carol, .. } = &watched;
    let permission =
        |scope: Value| json!({ "permissions": ["pii.read"], "scope": scope, "reason": "Asked for." });
    carol
        .post("/accounts/bob/role-grants", permission(json!({ "kind": "tag", "tag": "armada" })))
        .await
        .is(201);
    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let token = app.sign_in("carol").await.post("/me/tokens", token).await.is(201).text("/token");
    for path in ["/mod/audit", "/mod/audit/verify"] {
        for who in [bob, mallory] {
            who.get(path).await.is_problem(403, "not_allowed");
        }
        app.guest().get(path).await.is_problem(401, "unauthenticated");
        app.bearer(&token).get(path).await.is_problem(403, "scope_missing");
    }
    for (query, field, code) in [
        ("verb=Sign-in", "verb", "not_a_word"),
        ("object_kind=%00", "object_kind", "not_a_word"),
        ("object_id=0198c5f0-0000-7000-8000-00000000dead", "object_kind", "missing"),
        ("from=2026-01-02T00:00:00Z&until=2026-01-02T00:00:00Z", "until", "out_of_order"),
        ("from=yesterday", "from", "malformed_time"),
        ("session_id=0198c5f0-0000-7000-8000-00000000dead", "session_id", "unknown_field"),
    ] {
        carol.get(&format!("/mod/audit?{query}")).await.refuses(&[(field, code)]);
    }
    let next = carol.get("/mod/audit?limit=1").await.is(200).text("/next");
    carol.get(&format!("/mod/audit?verb=sign_in&after={next}")).await.is_problem(400, "invalid_cursor");
    // What stood in the path of what was denied is told, unless it was a session.
    let (case, session) =
        (watched.reported().await, app.rows("SELECT id::text FROM session LIMIT 1").await.remove(0));
    let script = app.bearer(&token);
    script.post(&format!("/mod/cases/{case}/claim"), json!({})).await;
    script.delete(&format!("/sessions/{session}")).await.is_problem(403, "session_required");
    let denied = carol.get("/mod/audit?verb=request&limit=1").await.is(200);
    assert_eq!(denied.body["items"][0]["data"]["route"], "/api/v1/sessions/{id}");
    assert_eq!(denied.body["items"][0]["data"]["ids"], Value::Null);
    carol.post("/accounts/bob/role-grants", permission(json!({ "kind": "site" }))).await.is(201);
    bob.get("/mod/audit").await.is(200);
}

#[tokio::test]
async fn g1_the_audit_log_is_checked_a_stretch_at_a_time() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, post, .. } = &watched;
    let hidden = mallory.acts("post", post, action("hide")).await;
    let last: i64 = app.rows("SELECT max(seq)::text FROM audit_log").await[0].parse().unwrap();
    let checked = carol.get("/mod/audit/verify").await.is(200);
    let whole = json!({ "verified": true, "from": 1, "to": last, "next": null, "flaw": null });
    assert_eq!(checked.body, whole);
    let logged = "SELECT l.data::text FROM audit_log l WHERE verb = 'verify_audit_log'";
    assert_eq!(app.rows(logged).await, [format!("{{\"to\": {last}, \"from\": 1, \"verified\": true}}")]);
    // From anywhere on, and no further than it is let.
    let rest = carol.get("/mod/audit/verify?after=3").await.is(200);
    assert_eq!((&rest.body["from"], &rest.body["next"]), (&json!(4), &Value::Null));
    let stretch = async |behind: i64| verify_stretch(&app.app, behind, 2).await.unwrap();
    assert_eq!(stretch(0).await, Stretch { from: 1, to: 2, goes_on: true, flaw: None });
    assert_eq!(stretch(2).await, Stretch { from: 3, to: 4, goes_on: true, flaw: None });
    let end: i64 = app.rows("SELECT max(seq)::text FROM audit_log").await[0].parse().unwrap();
    assert_eq!(stretch(end - 2).await, Stretch { from: end - 1, to: end, goes_on: false, flaw: None });
    assert_eq!(stretch(end).await, Stretch { from: end + 1, to: end, goes_on: false, flaw: None });
    for beyond in ["1000000", "9223372036854775807"] {
        let path = format!("/mod/audit/verify?after={beyond}");
        carol.get(&path).await.refuses(&[("after", "unknown_id")]);
    }
    for (after, code) in [("9223372036854775808", "out_of_range"), ("x", "wrong_type")] {
        carol.get(&format!("/mod/audit/verify?after={after}")).await.refuses(&[("after", code)]);
    }
    // What was done is not what the log says was done.
    let act = |kind: &str| {
        format!(
            "ALTER TABLE mod_action DISABLE TRIGGER mod_action_is_fixed;
             UPDATE mod_action SET kind = '{kind}' WHERE id = '{hidden}';
             ALTER TABLE mod_action ENABLE TRIGGER mod_action_is_fixed"
        )
    };
    app.sql(&act("remove")).await.unwrap();
    let found = carol.get("/mod/audit/verify").await.is(200);
    assert_eq!(
        (&found.body["verified"], &found.body["flaw"]["kind"]),
        (&json!(false), &json!("action_changed"))
    );
    assert_eq!(found.body["flaw"]["seq"], Value::Null);
    app.sql(&act("hide")).await.unwrap();
    app.sql("ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET verb = 'other' WHERE seq = 3")
        .await
        .unwrap();
    let flaw = json!({ "kind": "changed", "seq": 3, "detail": "entry 3 was changed after it was written" });
    let found = carol.get("/mod/audit/verify").await.is(200);
    assert_eq!(found.body, json!({ "verified": false, "from": 1, "to": 2, "next": null, "flaw": flaw }));
    app.sql("DELETE FROM audit_log WHERE seq = 3").await.unwrap();
    assert_eq!(stretch(2).await.flaw, Some(Flaw::Missing { seq: 3, found: 4 }));
    let behind = carol.get("/mod/audit/verify?after=3").await.is(200);
    assert_eq!((&behind.body["flaw"]["kind"], &behind.body["flaw"]["seq"]), (&json!("missing"), &json!(3)));
    assert_eq!(behind.body["next"], Value::Null);
}
