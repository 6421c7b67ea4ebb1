//! What moderators do with cases besides deciding them.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD};

fn decision(resolution: &str) -> Value {
    json!({ "resolution": resolution, "note": "As the rule says." })
}

fn note() -> Value {
    json!({ "note": "I was too quick." })
}

/// The next case in somebody's queue, which they let go again.
async fn next(who: &Client) -> Option<String> {
    let reply = who.send(Method::POST, "/mod/cases/next", None).await;
    if reply.status == 204 {
        return None;
    }
    let id = reply.is(200).text("/id");
    moves(who, &id, "release", Some(json!({}))).await.is(200);
    Some(id)
}

/// The kinds of what happened to a case.
fn kinds(case: &Value) -> Value {
    case["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect()
}

#[tokio::test]
async fn a_case_is_opened_by_hand_once_and_nothing_is_done_by_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, post, .. } = &watched;
    let new = |note: &str| json!({ "subject": { "kind": "post", "id": post }, "note": note });
    bob.post("/mod/cases", new("I saw it.")).await.is_problem(403, "not_allowed");
    let opened = mallory.post("/mod/cases", new("I saw it.")).await.is(201);
    let id = opened.text("/id");
    assert_eq!(opened.header("location"), Some(format!("/api/v1/mod/cases/{id}").as_str()));
    assert_eq!(opened.header("etag"), mallory.get(&format!("/mod/cases/{id}")).await.header("etag"));
    let parts = ["state", "priority", "reports", "actions", "sla_due_at", "muted_until", "events"];
    let shown: serde_json::Map<_, _> =
        parts.iter().map(|part| ((*part).to_owned(), opened.body[part].clone())).collect();
    expect![[r#"
        {
          "actions": [],
          "events": [
            {
              "action_id": null,
              "actor": {
                "id": "00000000-0000-7000-8000-000000000005",
                "role": "moderator",
                "username": "mallory"
              },
              "appeal_id": null,
              "batch_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "from_state": null,
              "kind": "opened",
              "muted_until": null,
              "note": "I saw it.",
              "related_case_id": null,
              "resolution": null,
              "seq": 1,
              "tags": null,
              "to_state": "open"
            }
          ],
          "muted_until": null,
          "priority": 0,
          "reports": [],
          "sla_due_at": "2026-01-18T12:00:00Z",
          "state": "open"
        }
    "#]]
    .assert_eq(&format!("{:#}\n", json!(shown)));
    // One case a subject, whoever opens it, and as it stands.
    moves(mallory, &id, "resolve", Some(decision("ignored"))).await.is(200);
    let again = mallory.post("/mod/cases", new("Look again.")).await.is(201);
    assert_eq!((again.text("/id"), again.text("/state")), (id.clone(), "resolved".to_owned()));
    assert_eq!(again.body["sla_due_at"], Value::Null);
    assert_eq!(kinds(&again.body), json!(["opened", "resolved"]));
    assert_eq!(app.rows("SELECT count(*)::text FROM moderation_case").await, ["1"]);
    // A retry gets the same answer, and whoever's it is opens none.
    let once = mallory.with("idempotency-key", "a");
    let topic = alice.get(&format!("/topics/{}", watched.topic)).await.text("/id");
    let about = json!({ "subject": { "kind": "topic", "id": topic }, "note": "It is a shop." });
    let first = once.post("/mod/cases", about.clone()).await.is(201);
    assert_eq!(once.post("/mod/cases", about).await.is(201).body, first.body);
    let own = mallory.posts_in(&watched.topic, "And of Essex.").await;
    let about = json!({ "subject": { "kind": "post", "id": own }, "note": "Mine." });
    mallory.post("/mod/cases", about).await.is_problem(403, "own_subject");
    let nothing = "0198c5f0-0000-7000-8000-00000000dead";
    let about = json!({ "subject": { "kind": "post", "id": nothing }, "note": "Who knows." });
    mallory.post("/mod/cases", about).await.refuses(&[("subject.id", "unknown_id")]);
    // Nor about somebody of their own rank.
    app.member("nick").await;
    grants(&app.sign_in("carol").await, "nick", json!({ "kind": "site" })).await;
    let nicks = app.sign_in("nick").await.posts_in(&watched.topic, "And of Kent.").await;
    let about = json!({ "subject": { "kind": "post", "id": nicks }, "note": "A shop." });
    mallory.post("/mod/cases", about).await.is_problem(403, "outranked");
    assert_eq!(app.rows("SELECT count(*)::text FROM moderation_case").await, ["2"]);
}

#[tokio::test]
async fn a_case_is_opened_again_with_the_reports_that_its_decision_closed() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, .. } = &watched;
    let case = watched.reported().await;
    // It waits already.
    let open = moves(mallory, &case, "reopen", Some(note())).await.is(200);
    assert_eq!(kinds(&open.body), json!(["opened"]));
    moves(mallory, &case, "claim", None).await.is(200);
    moves(mallory, &case, "reopen", Some(note())).await.is_problem(409, "invalid_state_transition");
    moves(mallory, &case, "resolve", Some(decision("rejected"))).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(bob.get("/reports").await.is(200).body["items"][0]["outcome"], "rejected");
    let path = format!("/mod/cases/{case}/reopen");
    mallory.post(&path, note()).await.is_problem(428, "precondition_required");
    mallory.with("if-match", "\"77\"").post(&path, note()).await.is_problem(412, "precondition_failed");
    moves(mallory, &case, "reopen", Some(json!({}))).await.refuses(&[("note", "missing")]);
    let again = moves(mallory, &case, "reopen", Some(note())).await.is(200);
    assert_eq!(
        (
            &again.body["state"],
            &again.body["resolution"],
            &again.body["report_count"],
            &again.body["opened_at"]
        ),
        (&json!("open"), &Value::Null, &json!(1), &json!("2026-01-15T12:01:00Z"))
    );
    assert_eq!(again.body["events"][3]["note"], "I was too quick.");
    let report = &bob.get("/reports").await.is(200).body["items"][0];
    assert_eq!((&report["outcome"], &report["closed_at"]), (&Value::Null, &Value::Null));
    // Sent again, it is what it is.
    let stale = mallory.with("if-match", "\"77\"");
    assert_eq!(stale.post(&path, note()).await.is(200).body, again.body);
    moves(mallory, &case, "resolve", Some(decision("upheld"))).await.is(200);
    assert_eq!(bob.get("/reports").await.is(200).body["items"][0]["outcome"], "upheld");
    let entries = "SELECT verb FROM audit_log WHERE object_kind = 'moderation_case' ORDER BY seq";
    assert_eq!(app.rows(entries).await, ["resolve_case", "reopen_case", "resolve_case"]);
}

#[tokio::test]
async fn what_a_moderator_reported_others_open_again_and_what_is_gone_nobody() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, post, .. } = &watched;
    mallory.reports("post", post, "off_topic").await;
    let carol = app.sign_in("carol").await;
    let case = watched.case().await;
    moves(&carol, &case, "resolve", Some(decision("rejected"))).await.is(200);
    moves(mallory, &case, "reopen", Some(note())).await.is_problem(403, "own_case");
    // Nor does he do anything about it since.
    let about = json!({ "subject": { "kind": "post", "id": post }, "actions": [action("remove")] });
    mallory.post("/mod/actions", about).await.is_problem(403, "own_case");
    moves(&carol, &case, "reopen", Some(note())).await.is(200);
    let dora = app.member("dora").await;
    bob.reports("account", &dora.get("/me").await.text("/id"), "spam").await;
    let gone =
        app.rows("SELECT id::text FROM moderation_case WHERE subject_kind = 'account'").await.remove(0);
    dora.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let mallory = app.sign_in("mallory").await;
    assert_eq!(mallory.get(&format!("/mod/cases/{gone}")).await.is(200).body["resolution"], "moot");
    moves(&mallory, &gone, "reopen", Some(note())).await.is_problem(409, "invalid_state_transition");
}

#[tokio::test]
async fn a_muted_case_is_out_of_the_queue_until_then_and_no_longer() {
    let watched = Watched::new().await;
    let Watched { app, mallory, .. } = &watched;
    let case = watched.reported().await;
    let path = format!("/mod/cases/{case}/mute");
    let mute = |ends_at: &str| json!({ "ends_at": ends_at, "note": "The same person again." });
    for (ends_at, code) in [
        ("2026-01-15T12:00:00Z", "in_the_past"),
        ("2027-01-17T12:00:00Z", "too_late"),
        ("tomorrow", "malformed_time"),
    ] {
        moves(mallory, &case, "mute", Some(mute(ends_at))).await.refuses(&[("ends_at", code)]);
    }
    let muted = moves(mallory, &case, "mute", Some(mute("2026-01-15T12:10:00Z"))).await.is(200);
    assert_eq!(
        (&muted.body["state"], &muted.body["muted_until"], &muted.body["events"][1]["muted_until"]),
        (&json!("open"), &json!("2026-01-15T12:10:00Z"), &json!("2026-01-15T12:10:00Z"))
    );
    let stale = mallory.with("if-match", "\"77\"");
    assert_eq!(stale.post(&path, mute("2026-01-15T12:10:00Z")).await.is(200).body, muted.body);
    stale.post(&path, mute("2026-01-15T12:20:00Z")).await.is_problem(412, "precondition_failed");
    let listed = async |query: &str| {
        mallory.get(&format!("/mod/cases{query}")).await.is(200).body["items"].as_array().unwrap().len()
    };
    assert_eq!((listed("").await, listed("?muted=true").await), (0, 1));
    assert_eq!(next(mallory).await, None);
    // Decided meanwhile and reported anew, it is open again and as quiet.
    moves(mallory, &case, "resolve", Some(decision("ignored"))).await.is(200);
    app.member("dora").await.reports("post", &watched.post, "hatred").await;
    assert_eq!(watched.read(&case).await["state"], "open");
    assert_eq!(next(mallory).await, None);
    app.app.clock.advance(TimeDelta::minutes(10));
    assert_eq!((listed("").await, listed("?muted=true").await), (1, 0));
    let present = watched.read(&case).await;
    assert_eq!((&present["muted_until"], &present["state"]), (&Value::Null, &json!("open")));
    assert_eq!(next(mallory).await, Some(case.clone()));
    // Nobody noticed: there is nothing to end, and nothing that happened.
    let unmuted = moves(mallory, &case, "unmute", Some(json!({}))).await.is(200);
    assert_eq!(
        kinds(&unmuted.body),
        json!(["opened", "muted", "resolved", "reopened", "claimed", "released"])
    );
    moves(mallory, &case, "mute", Some(mute("2026-01-15T13:00:00Z"))).await.is(200);
    let unmuted = moves(mallory, &case, "unmute", Some(json!({ "note": "It is new." }))).await.is(200);
    assert_eq!(
        (&unmuted.body["muted_until"], &unmuted.body["events"][7]["kind"]),
        (&Value::Null, &json!("unmuted"))
    );
    // Whoever passes it on wants it to be seen.
    moves(mallory, &case, "mute", Some(mute("2026-01-15T13:00:00Z"))).await.is(200);
    let escalated = moves(mallory, &case, "escalate", Some(note())).await.is(200);
    assert_eq!(escalated.body["muted_until"], Value::Null);
    assert_eq!(next(&app.sign_in("carol").await).await, Some(case));
}

#[tokio::test]
async fn merged_cases_are_left_to_one_and_decided_with_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, post, .. } = &watched;
    let main = watched.reported().await;
    let mut others = Vec::new();
    for rule in ["harassment", "hatred", "hatred"] {
        let other = alice.posts_in(topic, "Buy maps of Essex, cheap!").await;
        bob.reports("post", &other, rule).await;
        others.push(case_of(app, &other).await);
    }
    let merge = |into: Option<&String>| Some(json!({ "into": into, "note": "The same shop." }));
    let nothing = "0198c5f0-0000-7000-8000-00000000dead".to_owned();
    for (into, code) in [(&others[0], "does_not_fit"), (&nothing, "unknown_id")] {
        moves(mallory, &others[0], "merge", merge(Some(into))).await.refuses(&[("into", code)]);
    }
    let merged = moves(mallory, &others[0], "merge", merge(Some(&main))).await.is(200);
    expect![[r#"
        [
          {
            "id": "00000000-0000-7000-8000-000000000013",
            "relation": "main",
            "resolution": null,
            "state": "open",
            "subject": {
              "id": "00000000-0000-7000-8000-000000000012",
              "kind": "post"
            }
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", merged.body["related_cases"]));
    assert_eq!(
        (&merged.body["events"][1]["kind"], &merged.body["events"][1]["related_case_id"]),
        (&json!("merged"), &json!(main))
    );
    // Again is nothing; elsewhere, or the other way round, there is no such move.
    let path = format!("/mod/cases/{}/merge", others[0]);
    let again = mallory.with("if-match", "\"77\"").post(&path, merge(Some(&main)).unwrap()).await.is(200);
    assert_eq!(again.body, merged.body);
    let refused = [(&others[0], &others[1]), (&main, &others[1])];
    for (case, into) in refused {
        moves(mallory, case, "merge", merge(Some(into))).await.is_problem(409, "invalid_state_transition");
    }
    moves(mallory, &others[1], "merge", merge(Some(&others[0]))).await.refuses(&[("into", "does_not_fit")]);
    let taken = "UPDATE moderation_case SET merged_into_id";
    app.refuses_sql("moderation_case_merges_once", &format!("{taken} = '{}' WHERE id = '{main}'", others[1]))
        .await;
    app.refuses_sql(
        "moderation_case_merges_once",
        &format!("{taken} = '{0}' WHERE id = '{1}'", others[0], others[1]),
    )
    .await;
    for other in &others[1..] {
        moves(mallory, other, "merge", merge(Some(&main))).await.is(200);
    }
    // They are more urgent, and left to the one that decides them.
    assert_eq!(next(mallory).await, Some(main.clone()));
    // Taken out of it, it is by itself again.
    moves(mallory, &others[2], "merge", merge(None)).await.is(200);
    assert_eq!(next(mallory).await, Some(others[2].clone()));
    moves(mallory, &others[2], "merge", merge(Some(&main))).await.is(200);
    // Somebody else is at one of them: that is left to them.
    let carol = app.sign_in("carol").await;
    moves(&carol, &others[1], "claim", None).await.is(200);
    moves(mallory, &others[1], "merge", merge(None)).await.is_problem(409, "case_claimed");
    let decided = json!({ "resolution": "upheld", "note": "A shop.", "resolves_merged": true, "actions": [action("remove")] });
    let decided = moves(mallory, &main, "resolve", Some(decided)).await.is(200);
    let related: Vec<_> = decided.body["related_cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["relation"].clone(), case["state"].clone(), case["resolution"].clone()))
        .collect();
    let duplicate = || (json!("duplicate"), json!("resolved"), json!("duplicate"));
    assert_eq!(related, [duplicate(), (json!("duplicate"), json!("claimed"), Value::Null), duplicate()]);
    let outcomes: Vec<_> = bob.get("/reports").await.is(200).body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["outcome"].clone())
        .collect();
    assert_eq!(
        json!(outcomes),
        json!(["upheld", null, "upheld", "upheld"]),
        "what came of the one that decided them"
    );
    assert_eq!(alice.get(&format!("/posts/{post}")).await.is(200).body["status"], "removed");
    moves(mallory, &others[0], "merge", merge(None)).await.is_problem(409, "invalid_state_transition");
    // What is left comes up by itself, now that the main one was decided.
    moves(&carol, &others[1], "release", Some(json!({}))).await.is(200);
    assert_eq!(next(mallory).await, Some(others[1].clone()));
}

#[tokio::test]
async fn what_is_not_for_a_moderator_is_not_shown_as_related_either() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, topic, .. } = &watched;
    let main = watched.reported().await;
    let own = mallory.posts_in(topic, "And of Essex.").await;
    bob.reports("post", &own, "spam").await;
    let about_mallory = case_of(app, &own).await;
    let carol = app.sign_in("carol").await;
    let merge = |into: &str| Some(json!({ "into": into, "note": "The same shop." }));
    moves(mallory, &main, "merge", merge(&about_mallory)).await.refuses(&[("into", "unknown_id")]);
    moves(mallory, &about_mallory, "merge", merge(&main)).await.is_problem(404, "not_found");
    moves(&carol, &about_mallory, "merge", merge(&main)).await.is(200);
    assert_eq!(watched.read(&main).await["related_cases"], json!([]));
    let decided = json!({ "resolution": "upheld", "note": "A shop.", "resolves_merged": true });
    moves(mallory, &main, "resolve", Some(decided)).await.is(200);
    assert_eq!(carol.get(&format!("/mod/cases/{about_mallory}")).await.is(200).body["state"], "open");
}

#[tokio::test]
async fn cases_are_found_by_what_they_are_about() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let dora = app.member("dora").await;
    let id = async |who: &Client| who.get("/me").await.is(200).text("/id");
    let mut cases = vec![watched.reported().await];
    app.app.clock.advance(TimeDelta::minutes(1));
    let other = bob.posts_in(topic, "And of Essex.").await;
    for rule in ["hatred", "harassment"] {
        dora.reports("post", &other, rule).await;
    }
    alice.reports("post", &other, "hatred").await;
    cases.push(case_of(app, &other).await);
    let claimed = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200).text("/id");
    assert_eq!(claimed, cases[1]);
    let found = async |query: String| {
        let page = mallory.get(&format!("/mod/cases?sort=old&{query}")).await.is(200).body;
        let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect();
        json!(ids)
    };
    let (alices, bobs, doras, mallorys) =
        (id(alice).await, id(bob).await, id(&dora).await, id(mallory).await);
    assert_eq!(found(String::new()).await, json!(cases));
    for (query, expected) in [
        ("rule=spam".to_owned(), &cases[..1]),
        ("rule=harassment".to_owned(), &cases[1..]),
        ("rule=illegal".to_owned(), &[]),
        (format!("reporter={bobs}"), &cases[..1]),
        (format!("reporter={doras}"), &cases[1..]),
        (format!("reporter={mallorys}"), &[]),
        (format!("author={alices}"), &cases[..1]),
        (format!("author={bobs}"), &cases[1..]),
        (format!("assignee={mallorys}"), &cases[1..]),
        (format!("assignee={alices}"), &[]),
        ("priority_min=17".to_owned(), &cases[..]),
        ("priority_min=18".to_owned(), &cases[1..]),
        ("opened_before=2026-01-15T12:01:00Z".to_owned(), &cases[..1]),
        ("overdue=true".to_owned(), &[]),
    ] {
        assert_eq!(found(query.clone()).await, json!(expected), "{query}");
    }
    mallory.get("/mod/cases?priority_min=101").await.refuses(&[("priority_min", "out_of_range")]);
    mallory.get("/mod/cases?sort=due").await.refuses(&[("sort", "unknown_value")]);
    // Three days later the first is due, and a minute later both are.
    app.app.clock.advance(TimeDelta::days(3) - TimeDelta::minutes(1));
    let mallory = &app.sign_in("mallory").await;
    let overdue = async |query: &str| {
        let page = mallory.get(&format!("/mod/cases?sort=old&overdue=true{query}")).await.is(200).body;
        (page["items"].as_array().unwrap().len(), page["next"].clone())
    };
    assert_eq!(overdue("").await, (0, Value::Null));
    app.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(overdue("").await, (1, Value::Null));
    app.app.clock.advance(TimeDelta::minutes(1));
    let (len, cursor) = overdue("&limit=1").await;
    assert_eq!(len, 1);
    app.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!(overdue(&format!("&limit=1&after={}", cursor.as_str().unwrap())).await, (1, Value::Null));
    moves(mallory, &cases[0], "resolve", Some(decision("ignored"))).await.is(200);
    assert_eq!(overdue("").await.0, 1);
}

#[tokio::test]
async fn reports_of_somebody_who_is_muted_are_taken_and_raise_nothing_and_they_are_told() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, post, topic, .. } = &watched;
    let case = watched.reported().await;
    let mute =
        json!({ "ends_at": "2026-01-16T12:00:00Z", "reason": "You report whoever disagrees with you." });
    app.member("dora").await;
    let path = "/mod/accounts/dora/mute-reports";
    bob.post(path, mute.clone()).await.is_problem(403, "not_allowed");
    mallory.post("/mod/accounts/mallory/mute-reports", mute.clone()).await.is_problem(403, "own_subject");
    mallory.post("/mod/accounts/carol/mute-reports", mute.clone()).await.is_problem(403, "outranked");
    mallory.post("/mod/accounts/nobody/mute-reports", mute.clone()).await.is_problem(404, "not_found");
    let past = json!({ "ends_at": "2026-01-15T12:00:00Z", "reason": "Asked for." });
    mallory.post(path, past).await.refuses(&[("ends_at", "in_the_past")]);
    let muted = mallory.post(path, mute.clone()).await.is(200);
    assert_eq!(mallory.post(path, mute).await.is(200).body, muted.body);
    let dora = app.sign_in("dora").await;
    let record = mallory.get("/mod/accounts/dora").await.is(200).body;
    let own = dora.get("/me/sanctions").await.is(200).body;
    assert_eq!((&record["report_mute"], &own["report_mute"]), (&muted.body, &muted.body));
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "ends_at": "2026-01-16T12:00:00Z",
          "reason": "You report whoever disagrees with you."
        }
    "#]]
    .assert_eq(&format!("{:#}\n", own["report_mute"]));

    let before = watched.read(&case).await;
    let report = dora.reports("post", post, "hatred").await;
    let told = dora.get(&format!("/reports/{report}")).await.is(200).body;
    assert_eq!((&told["is_muted"], &told["outcome"]), (&json!(true), &Value::Null));
    let after = watched.read(&case).await;
    for part in ["priority", "report_count", "reporter_count"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    assert_eq!(after["reports"].as_array().unwrap().len(), 2);
    // It is decided with the others, and opens nothing that was decided.
    moves(mallory, &case, "resolve", Some(decision("upheld"))).await.is(200);
    assert_eq!(dora.get(&format!("/reports/{report}")).await.is(200).body["outcome"], "upheld");
    let late = dora.reports("post", post, "harassment").await;
    assert_eq!(dora.get(&format!("/reports/{late}")).await.is(200).body["outcome"], "ignored");
    assert_eq!(watched.read(&case).await["state"], "resolved");
    // What nobody else reported is looked at last.
    let quiet = alice.posts_in(topic, "Or of Wales.").await;
    dora.reports("post", &quiet, "hatred").await;
    let other = alice.posts_in(topic, "Or of Ireland.").await;
    bob.reports("post", &other, "off_topic").await;
    assert_eq!(next(mallory).await, Some(case_of(app, &other).await));
    // Until it ends, or is lifted.
    mallory.send(Method::POST, "/mod/accounts/dora/unmute-reports", None).await.is(204);
    mallory.send(Method::POST, "/mod/accounts/dora/unmute-reports", None).await.is(204);
    assert_eq!(dora.get("/me/sanctions").await.is(200).body["report_mute"], Value::Null);
    let weighs = dora.reports("post", post, "personal_data").await;
    assert_eq!(dora.get(&format!("/reports/{weighs}")).await.is(200).body["is_muted"], false);
    assert_eq!(watched.read(&case).await["state"], "open");
    let entries = "SELECT verb FROM audit_log WHERE verb LIKE '%mute_reports' ORDER BY seq";
    assert_eq!(app.rows(entries).await, ["mute_reports", "unmute_reports"]);
}

#[tokio::test]
async fn a_mute_of_reports_ends_by_itself_and_goes_with_the_account() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, .. } = &watched;
    let dora = app.member("dora").await;
    let mute = |minute: u8| json!({ "ends_at": format!("2026-01-15T12:{minute:02}:00Z"), "reason": "Thrice today." });
    for minute in [5, 3] {
        mallory.post("/mod/accounts/dora/mute-reports", mute(minute)).await.is(200);
    }
    app.app.clock.advance(TimeDelta::minutes(3));
    assert_eq!(dora.get("/me/sanctions").await.is(200).body["report_mute"], Value::Null);
    dora.reports("post", post, "spam").await;
    assert_eq!(watched.read(&watched.case().await).await["report_count"], 1);
    dora.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let copy = dora.send(Method::GET, "/me/export/file", None).await.is(200);
    expect![[r#"
        [
          {
            "created_at": "2026-01-15T12:00:00Z",
            "ends_at": "2026-01-15T12:05:00Z",
            "lifted_at": "2026-01-15T12:00:00Z",
            "reason": "Thrice today."
          },
          {
            "created_at": "2026-01-15T12:00:00Z",
            "ends_at": "2026-01-15T12:03:00Z",
            "lifted_at": null,
            "reason": "Thrice today."
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", copy.body["report_mutes"]));
    dora.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    assert_eq!(app.rows("SELECT id::text FROM report_mute").await, Vec::<String>::new());
}

#[tokio::test]
async fn the_database_keeps_what_is_muted_and_noted_as_it_was() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, .. } = &watched;
    let case = watched.reported().await;
    let ends_at = json!({ "ends_at": "2026-01-15T13:00:00Z" });
    moves(mallory, &case, "mute", Some(ends_at)).await.is(200);
    app.refuses_sql("case_event_is_fixed", "UPDATE case_event SET muted_until = now() WHERE seq = 2").await;
    app.refuses_sql("moderation_case_merged_into_another", "UPDATE moderation_case SET merged_into_id = id")
        .await;
    app.refuses_sql("report_muted_weighs_nothing", "UPDATE report SET is_muted = true").await;
    let mute = json!({ "ends_at": "2026-01-16T12:00:00Z", "reason": "Thrice today." });
    mallory.post("/mod/accounts/bob/mute-reports", mute).await.is(200);
    let twice = "INSERT INTO report_mute SELECT gen_random_uuid(), account_id, created_by, reason, created_at, ends_at, NULL
                 FROM report_mute";
    app.refuses_sql("report_mute_one_key", twice).await;
    app.refuses_sql("report_mute_ends_later", "UPDATE report_mute SET ends_at = created_at").await;
    let note = json!({ "text": "She has a shop.", "audience": "author" });
    mallory.post("/mod/accounts/alice/notes", note).await.is(201);
    app.refuses_sql("mod_note_is_fixed", "UPDATE mod_note SET text = 'No shop.'").await;
    let message = json!({ "to": alice.get("/me").await.text("/id"), "text": "Is this your shop?" });
    mallory.post(&format!("/mod/cases/{case}/messages"), message).await.is(201);
    app.refuses_sql("case_message_is_fixed", "UPDATE case_message SET text = 'No shop.'").await;
}

#[tokio::test]
async fn who_reported_what_a_main_case_rejected_appeals_and_all_are_open_again() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let main = watched.reported().await;
    let other = alice.posts_in(topic, "Buy maps of Essex, cheap!").await;
    let report = bob.reports("post", &other, "spam").await;
    let merged = case_of(app, &other).await;
    let merge = json!({ "into": main, "note": "The same shop." });
    moves(mallory, &merged, "merge", Some(merge)).await.is(200);
    let decided = json!({ "resolution": "rejected", "note": "A museum.", "resolves_merged": true });
    moves(mallory, &main, "resolve", Some(decided)).await.is(200);
    let outcome = async || bob.get(&format!("/reports/{report}")).await.is(200).body["outcome"].clone();
    assert_eq!(outcome().await, "rejected");
    moves(carol, &merged, "reopen", Some(note())).await.is(200);
    assert_eq!(outcome().await, Value::Null);
    moves(mallory, &merged, "resolve", Some(decision("rejected"))).await.is(200);
    let appeal = json!({ "text": "It is a shop: I have bought there." });
    bob.post(&format!("/reports/{report}/appeal"), appeal).await.is(201);
}

#[tokio::test]
async fn a_muted_report_settles_nothing_for_anybody_else() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, post, .. } = &watched;
    let case = watched.reported().await;
    moves(mallory, &case, "resolve", Some(decision("rejected"))).await.is(200);
    let dora = app.member("dora").await;
    let mute =
        json!({ "ends_at": "2026-01-16T12:00:00Z", "reason": "You report whoever disagrees with you." });
    mallory.post("/mod/accounts/dora/mute-reports", mute).await.is(200);
    let muted = dora.reports("post", post, "harassment").await;
    assert_eq!(dora.get(&format!("/reports/{muted}")).await.text("/outcome"), "ignored");
    let report = bob.reports("post", post, "harassment").await;
    assert_eq!(bob.get(&format!("/reports/{report}")).await.is(200).body["outcome"], Value::Null);
    assert_eq!(watched.read(&case).await["state"], "open");
}

#[tokio::test]
async fn who_comes_too_late_to_decide_is_told_that_nothing_was_done() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    let case = watched.reported().await;
    let first = json!({ "resolution": "upheld", "note": "A shop.", "actions": [action("remove")] });
    let path = format!("/mod/cases/{case}/resolve");
    let etag = mallory.get(&format!("/mod/cases/{case}")).await.header("etag").unwrap().to_owned();
    let resolved = mallory.with("if-match", &etag).post(&path, first.clone()).await.is(200);
    // Sent again, it is what it is.
    assert_eq!(mallory.with("if-match", &etag).post(&path, first).await.is(200).body, resolved.body);
    let second = json!({ "resolution": "upheld", "note": "A shop.", "actions": [action("silence")] });
    let late = carol.with("if-match", &etag).post(&path, second).await;
    late.is_problem(409, "invalid_state_transition");
    assert_eq!(app.rows("SELECT kind FROM mod_action").await, ["remove"]);
    // Who has nothing else in mind agrees.
    carol.with("if-match", &etag).post(&path, decision("upheld")).await.is(200);
}

#[tokio::test]
async fn what_moderators_do_to_a_topic_is_no_reason_to_report_it_anew() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let read = alice.get(&format!("/topics/{topic}")).await.is(200);
    let id = read.text("/id");
    bob.reports("topic", &id, "off_topic").await;
    let case = app.rows("SELECT id::text FROM moderation_case").await.remove(0);
    let mut slow = action("slow_mode");
    slow["seconds"] = json!(60);
    let slowly = json!({ "resolution": "upheld", "note": "Not so fast.", "actions": [slow] });
    moves(mallory, &case, "resolve", Some(slowly)).await.is(200);
    let dora = app.member("dora").await;
    let same = dora.reports("topic", &id, "off_topic").await;
    assert_eq!(dora.get(&format!("/reports/{same}")).await.text("/outcome"), "already_reviewed");
    assert_eq!(watched.read(&case).await["state"], "resolved");
    // What is changed of what it says is.
    let read = alice.get(&format!("/topics/{topic}")).await.is(200);
    let edit = json!({ "title": "Had the Armada landed in Essex" });
    carol
        .with("if-match", read.header("etag").unwrap())
        .patch(&format!("/topics/{topic}"), edit)
        .await
        .is(200);
    let anew = app.member("erin").await.reports("topic", &id, "off_topic").await;
    assert_eq!(
        app.rows(&format!("SELECT coalesce(outcome, 'open') FROM report WHERE id = '{anew}'")).await,
        ["open"]
    );
}

#[tokio::test]
async fn cases_about_posts_of_an_erased_account_that_are_gone_are_moot() {
    let watched = Watched::new().await;
    let Watched { app, alice, .. } = &watched;
    let case = watched.reported().await;
    alice.post("/me/erasure", json!({ "password": PASSWORD, "erase_posts": true })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let mallory = app.sign_in("mallory").await;
    assert_eq!(mallory.get(&format!("/mod/cases/{case}")).await.is(200).body["resolution"], "moot");
    assert_eq!(next(&mallory).await, None);
}

#[tokio::test]
async fn cases_are_tagged_and_found_by_that() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let case = watched.reported().await;
    let other = alice.posts_in(topic, "Or of Wales.").await;
    bob.reports("post", &other, "spam").await;
    let tags = async |who: &Client, tags: Value| {
        let path = format!("/mod/cases/{case}");
        let etag = who.get(&path).await.header("etag").unwrap_or("\"0\"").to_owned();
        who.with("if-match", &etag).put(&format!("{path}/tags"), json!({ "tags": tags })).await
    };
    let tagged = tags(mallory, json!(["shops", "maps"])).await.is(200);
    expect![[r#"
        [
          "maps",
          "shops"
        ] {
          "action_id": null,
          "actor": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "appeal_id": null,
          "batch_id": null,
          "created_at": "2026-01-15T12:00:00Z",
          "from_state": "open",
          "kind": "tagged",
          "muted_until": null,
          "note": "",
          "related_case_id": null,
          "resolution": null,
          "seq": 2,
          "tags": [
            "maps",
            "shops"
          ],
          "to_state": "open"
        }
    "#]]
    .assert_eq(&format!("{:#} {:#}\n", tagged.body["tags"], tagged.body["events"][1]));
    // The same again is nothing, whichever version was read.
    let path = format!("/mod/cases/{case}/tags");
    let stale = mallory.with("if-match", "\"1\"");
    assert_eq!(stale.put(&path, json!({ "tags": ["maps", "shops"] })).await.is(200).body, tagged.body);
    stale.put(&path, json!({ "tags": [] })).await.is_problem(412, "precondition_failed");
    for (wrong, field, code) in [
        (json!(["a", "a"]), "tags[1]", "duplicate"),
        (json!(["No Tag"]), "tags[0]", "not_a_tag"),
        (json!((0..21).map(|n| format!("tag{n}")).collect::<Vec<_>>()), "tags", "too_many"),
    ] {
        tags(mallory, wrong).await.refuses(&[(field, code)]);
    }
    tags(bob, json!(["maps"])).await.is_problem(403, "not_allowed");
    tags(alice, json!(["maps"])).await.is_problem(403, "not_allowed");
    let listed = async |tag: &str| {
        let list = mallory.get(&format!("/mod/cases?tag={tag}")).await.is(200).body;
        list["items"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed("maps").await, [json!(case)]);
    assert_eq!(listed("wales").await, [] as [Value; 0]);
    // A queue of them.
    let queue = json!({ "name": "Shops", "audience": "own", "case_tags": ["shops", "markets"] });
    let queue = mallory.post("/mod/queues", queue).await.is(201);
    assert_eq!((&queue.body["waiting"], &queue.body["case_tags"]), (&json!(1), &json!(["shops", "markets"])));
    let next = format!("/mod/cases/next?queue={}", queue.text("/id"));
    assert_eq!(mallory.send(Method::POST, &next, None).await.is(200).text("/id"), case);
    assert_eq!(tags(mallory, json!([])).await.is(200).body["tags"], json!([]));
    mallory.send(Method::POST, &next, None).await.is(204);
    // The history says which tags it had, and the database that it has no others.
    let events = "SELECT array_to_string(tags, ' ') FROM case_event WHERE kind = 'tagged' ORDER BY seq";
    assert_eq!(app.rows(events).await, ["maps shops", ""]);
    app.refuses_sql(
        "moderation_case_tags_are_its_events",
        &format!("UPDATE moderation_case SET tags = '{{maps}}' WHERE id = '{case}'"),
    )
    .await;
}
