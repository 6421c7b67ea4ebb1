//! The rules of the site, and what moderation comes to: both for everybody to see.

use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::moderation::{Watched, grants, moves};
use crate::support::builders::{action, judged_topic};

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

    let statements = mallory.get("/mod/transparency/statements?period=2026-01&limit=2").await.is(200);
    let first = &statements.body["items"][0];
    assert_eq!(
        (&first["decision_visibility"], &first["puid"]),
        (&json!("DECISION_VISIBILITY_CONTENT_REMOVED"), &json!(removed))
    );
    assert!(
        !statements.body.to_string().contains("recipient") && !statements.body.to_string().contains("alice")
    );
    let next = statements.text("/next");
    let rest = mallory
        .get(&format!("/mod/transparency/statements?period=2026-01&limit=2&after={next}"))
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
    for path in ["/mod/stats/live", "/mod/stats/daily", "/mod/transparency/statements"] {
        bob.get(path).await.is_problem(403, "not_allowed");
        dora.get(path).await.is_problem(403, "not_allowed");
    }
}

#[tokio::test]
async fn how_each_side_fares_is_there_to_be_seen() {
    let watched = Watched::new().await;
    let Watched { alice, bob, mallory, .. } = &watched;
    let made = alice.post("/topics", judged_topic("Had it rained at Waterloo")).await.is(201);
    let (slug, id) = (made.text("/slug"), made.text("/id"));
    let scenario = |i: usize| made.body["scenarios"][i]["id"].clone();
    let argues = async |who: &crate::support::Client, i: usize| {
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
