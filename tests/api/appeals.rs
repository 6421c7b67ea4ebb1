//! Appeals: by whom, until when, and what comes of them.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::moderation::{Watched, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, Reply, TestApp};

const TEXT: &str = "I sell nothing: the shop is a museum.";

/// Decides an appeal as somebody has just read it.
async fn decides(who: &Client, appeal: &str, decision: Value) -> Reply {
    let path = format!("/mod/appeals/{appeal}");
    let etag = who.get(&path).await.header("etag").unwrap_or("\"0\"").to_owned();
    let body = Some(decision.to_string().into_bytes());
    who.with("if-match", &etag).send(Method::POST, &format!("{path}/decide"), body).await
}

fn verdict(outcome: &str) -> Value {
    json!({ "outcome": outcome, "reasons": "It was looked at again, by somebody else." })
}

async fn state_of(watched: &Watched) -> Value {
    watched.read(&watched.case().await).await["state"].clone()
}

#[tokio::test]
async fn an_appeal_is_decided_by_somebody_else_and_overturning_undoes_all_at_once() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, post, .. } = &watched;
    let case = watched.reported().await;
    let decision = json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [action("remove"), action("silence")] });
    let resolved = moves(mallory, &case, "resolve", Some(decision)).await.is(200);
    let mut done: Vec<_> = resolved.body["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["id"].as_str().unwrap().to_owned())
        .collect();
    done.sort_unstable();
    let [removed, silenced] = done.as_slice() else { panic!("{done:?}") };
    let appeal =
        alice.post(&format!("/me/decisions/{removed}/appeal"), json!({ "text": TEXT })).await.is(201);
    expect![[r#"
        {
          "closed_at": null,
          "created_at": "2026-01-15T12:00:00Z",
          "decision_id": "00000000-0000-7000-8000-000000000015",
          "id": "00000000-0000-7000-8000-000000000017",
          "outcome": null,
          "reasons": "",
          "report_id": null,
          "state": "open",
          "text": "I sell nothing: the shop is a museum."
        }
    "#]]
    .assert_eq(&format!("{:#}\n", appeal.body));
    let id = appeal.text("/id");
    assert_eq!(alice.get(&format!("/appeals/{id}")).await.is(200).body, appeal.body);
    assert_eq!(alice.get("/me/appeals").await.is(200).body["items"], json!([appeal.body]));
    assert_eq!(alice.get(&format!("/me/decisions/{removed}")).await.body["appeal"], appeal.body);
    assert_eq!(state_of(&watched).await, "appealed");
    let second = alice.post(&format!("/me/decisions/{removed}/appeal"), json!({ "text": TEXT })).await;
    second.is_problem(409, "appeal_exists");
    moves(carol, &case, "claim", None).await.is_problem(409, "invalid_state_transition");
    for stranger in [bob, mallory] {
        stranger.get(&format!("/appeals/{id}")).await.is_problem(404, "not_found");
        stranger.delete(&format!("/appeals/{id}")).await.is_problem(404, "not_found");
        stranger
            .post(&format!("/me/decisions/{removed}/appeal"), json!({ "text": TEXT }))
            .await
            .is_problem(404, "not_found");
    }
    // Whoever decided sees that it waits, and does not decide it.
    assert_eq!(mallory.get("/mod/appeals").await.is(200).body["items"][0]["id"], id);
    decides(mallory, &id, verdict("overturned")).await.is_problem(403, "own_decision");
    decides(bob, &id, verdict("overturned")).await.is_problem(403, "not_allowed");
    decides(alice, &id, verdict("overturned")).await.is_problem(403, "not_allowed");
    carol
        .with("if-match", "\"7\"")
        .post(&format!("/mod/appeals/{id}/decide"), verdict("upheld"))
        .await
        .is_problem(412, "precondition_failed");
    let both = alice.appeals(silenced).await;
    let decided = decides(carol, &id, verdict("overturned")).await.is(200);
    expect![[r#"
        {
          "appellant": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "case_id": "00000000-0000-7000-8000-000000000013",
          "closed_at": "2026-01-15T12:00:00Z",
          "created_at": "2026-01-15T12:00:00Z",
          "decider": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "decision_id": "00000000-0000-7000-8000-000000000015",
          "id": "00000000-0000-7000-8000-000000000017",
          "legal_notice_id": null,
          "outcome": "overturned",
          "reasons": "It was looked at again, by somebody else.",
          "report_id": null,
          "reviewer": {
            "id": "00000000-0000-7000-8000-000000000007",
            "role": "administrator",
            "username": "carol"
          },
          "state": "decided",
          "text": "I sell nothing: the shop is a museum."
        }
    "#]]
    .assert_eq(&format!("{:#}\n", decided.body));
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["status"], "visible");
    // The silence stands, so the rule counts as broken, until that is overturned too.
    assert_eq!(state_of(&watched).await, "appealed");
    assert_eq!(bob.get("/reports").await.body["items"][0]["outcome"], "upheld");
    assert_eq!(alice.get("/me/sanctions").await.body["strikes"], 1);
    decides(carol, &both, verdict("overturned")).await.is(200);
    let read = watched.read(&case).await;
    assert_eq!((&read["state"], &read["resolution"]), (&json!("resolved"), &json!("rejected")));
    assert_eq!(bob.get("/reports").await.body["items"][0]["outcome"], "rejected");
    assert_eq!(alice.get("/me/sanctions").await.body["strikes"], 0);
    alice.posts_in(&watched.topic, "Thank you.").await;
    let told = app.mails().await.iter().filter(|mail| mail.subject == "Your appeal was decided").count();
    assert_eq!(told, 2);
    // Twice is once; another verdict comes too late.
    decides(carol, &id, verdict("overturned")).await.is(200);
    decides(carol, &id, verdict("upheld")).await.is_problem(409, "invalid_state_transition");
    alice.delete(&format!("/appeals/{id}")).await.is_problem(409, "invalid_state_transition");
    alice
        .post(&format!("/me/decisions/{removed}/appeal"), json!({ "text": TEXT }))
        .await
        .is_problem(409, "invalid_state_transition");
    let events: Vec<_> =
        read["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    expect![[r#"
        opened acted acted resolved appealed appealed acted appeal_decided acted appeal_decided
    "#]]
    .assert_eq(&format!("{}\n", events.join(" ")));
}

#[tokio::test]
async fn an_appeal_can_be_upheld_answered_with_something_milder_or_taken_back() {
    let watched = Watched::new().await;
    let Watched { alice, bob, mallory, carol, post, .. } = &watched;
    let removed = mallory.acts("post", post, action("remove")).await;
    let appeal = alice.appeals(&removed).await;
    let withdrawn = alice.delete(&format!("/appeals/{appeal}")).await.is(200);
    assert_eq!(withdrawn.body["state"], "withdrawn");
    assert_eq!(alice.delete(&format!("/appeals/{appeal}")).await.is(200).body, withdrawn.body);
    assert_eq!(state_of(&watched).await, "resolved");
    decides(carol, &appeal, verdict("upheld")).await.is_problem(409, "invalid_state_transition");
    let appeal = alice.appeals(&removed).await;
    let mut milder = verdict("modified");
    decides(carol, &appeal, milder.clone()).await.refuses(&[("actions", "missing")]);
    milder["actions"] = json!([action("lock")]);
    let mut upheld = verdict("upheld");
    upheld["actions"] = json!([action("lock")]);
    decides(carol, &appeal, upheld).await.refuses(&[("actions", "does_not_fit")]);
    milder["actions"][0]["kind"] = json!("slow_mode");
    decides(carol, &appeal, milder.clone()).await.is_problem(422, "invalid");
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["status"], "removed", "all of it or nothing");
    milder["actions"][0]["kind"] = json!("lock");
    decides(carol, &appeal, milder).await.is(200);
    let read = bob.get(&format!("/posts/{post}")).await;
    assert_eq!(
        (&read.body["status"], &read.body["restrictions"][0]["kind"]),
        (&json!("visible"), &json!("lock"))
    );
    let decisions = alice.get("/me/decisions").await.is(200);
    let lines: Vec<_> = decisions.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| format!("{} reverted {} appeal {}", d["kind"], d["is_reverted"], d["appeal"]["outcome"]))
        .collect();
    expect![[r#"
        "lock" reverted false appeal null
        "remove" reverted true appeal "modified"
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
    let lock = decisions.text("/items/0/id");
    let appeal = alice.appeals(&lock).await;
    // She decided the lock.
    decides(carol, &appeal, verdict("upheld")).await.is_problem(403, "own_decision");
    decides(mallory, &appeal, verdict("upheld")).await.is(200);
    assert_eq!(alice.get(&format!("/appeals/{appeal}")).await.body["outcome"], "upheld");
    assert_eq!(state_of(&watched).await, "resolved");
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["restrictions"][0]["kind"], "lock");
}

#[tokio::test]
async fn whoever_reported_appeals_too_and_is_told() {
    let watched = Watched::new().await;
    let Watched { alice, bob, mallory, carol, post, .. } = &watched;
    let case = watched.reported().await;
    let report = bob.get("/reports").await.text("/items/0/id");
    let appeals = async || bob.post(&format!("/reports/{report}/appeal"), json!({ "text": TEXT })).await;
    appeals().await.is_problem(409, "invalid_state_transition");
    let rejected = json!({ "resolution": "rejected", "note": "As the rule says." });
    moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
    alice
        .post(&format!("/reports/{report}/appeal"), json!({ "text": TEXT }))
        .await
        .is_problem(404, "not_found");
    let appeal = appeals().await.is(201).text("/id");
    assert_eq!(bob.get(&format!("/reports/{report}")).await.body["appeal"]["id"], appeal);
    decides(mallory, &appeal, verdict("overturned")).await.is_problem(403, "own_decision");
    let mut after_all = verdict("overturned");
    after_all["actions"] = json!([action("remove")]);
    decides(carol, &appeal, after_all).await.is(200);
    assert_eq!(bob.get(&format!("/reports/{report}")).await.body["outcome"], "upheld");
    assert_eq!(alice.get(&format!("/posts/{post}")).await.body["status"], "removed");
    let read = watched.read(&case).await;
    assert_eq!((&read["state"], &read["resolution"]), (&json!("resolved"), &json!("upheld")));
}

#[tokio::test]
async fn one_appeals_until_the_last_minute_of_six_months_and_while_banned() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, topic, .. } = &watched;
    let early = mallory.acts("post", post, action("warn")).await;
    let late = mallory.acts("post", post, action("ban")).await;
    let alice = app.sign_in("alice").await;
    alice
        .post(&format!("/topics/{topic}/posts"), json!({ "body": "So." }))
        .await
        .is_problem(403, "sanctioned");
    assert_eq!(
        alice.get(&format!("/me/decisions/{late}")).await.is(200).body["appeal_until"],
        "2026-07-15T12:00:00Z"
    );
    // From 15 January to 15 July: 181 days.
    app.app.clock.advance(TimeDelta::days(181) - TimeDelta::minutes(1));
    let alice = app.sign_in("alice").await;
    alice.appeals(&late).await;
    app.app.clock.advance(TimeDelta::minutes(1));
    let too_late = alice.post(&format!("/me/decisions/{early}/appeal"), json!({ "text": TEXT })).await;
    too_late.is_problem(409, "appeal_too_late");
}

#[tokio::test]
async fn appeals_are_seen_by_those_in_charge_of_the_place() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, carol, post, .. } = &watched;
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "elsewhere" })).await;
    let appeal = alice.appeals(&mallory.acts("post", post, action("hide")).await).await;
    assert_eq!(dora.get("/mod/appeals").await.is(200).body["items"], json!([]));
    dora.get(&format!("/mod/appeals/{appeal}")).await.is_problem(404, "not_found");
    decides(&dora, &appeal, verdict("overturned")).await.is_problem(404, "not_found");
    // Whoever is in charge, and the one concerned, is no judge of their own.
    grants(carol, "alice", json!({ "kind": "site" })).await;
    assert_eq!(alice.get("/mod/appeals").await.is(200).body["items"], json!([]));
    alice.get(&format!("/mod/appeals/{appeal}")).await.is_problem(404, "not_found");
    decides(alice, &appeal, verdict("overturned")).await.is_problem(404, "not_found");
    decides(carol, &appeal, verdict("overturned")).await.is(200);
}

#[tokio::test]
async fn of_an_erased_account_no_words_stay() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, carol, post, .. } = &watched;
    let mut warning = action("warn");
    warning["explanation"] = json!("Canary-explanation, it advertises a shop.");
    let warned = mallory.acts("post", post, warning).await;
    let text = json!({ "text": "Canary-appeal, I sell nothing at all." });
    let appeal = alice.post(&format!("/me/decisions/{warned}/appeal"), text).await.is(201).text("/id");
    let reasons = json!({ "outcome": "upheld", "reasons": "Canary-reasons, it is a shop." });
    decides(carol, &appeal, reasons).await.is(200);
    alice.post("/me/erasure", json!({ "password": crate::support::PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(7));
    while otherwise::worker::own_data_next(&app.app).await.unwrap() {}
    erased(app).await;
}

async fn erased(app: &TestApp) {
    let texts = "SELECT concat(explanation) FROM mod_action UNION ALL SELECT concat(text, reasons) FROM appeal
                 UNION ALL SELECT concat(decision_facts, incompatible_content_explanation) FROM statement_of_reasons";
    let left = app.rows(texts).await;
    assert_eq!(left, ["", "", ""], "and that it was decided stays");
}

#[tokio::test]
async fn a_report_is_looked_at_again_by_another_than_who_refused_it() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, carol, post, .. } = &watched;
    let case = watched.reported().await;
    let report = bob.get("/reports").await.text("/items/0/id");
    let resolved = |resolution: &str| Some(json!({ "resolution": resolution, "note": "As the rule says." }));
    moves(mallory, &case, "resolve", resolved("rejected")).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    // Somebody else decides what came later.
    app.member("dora").await.reports("post", post, "hatred").await;
    moves(carol, &case, "resolve", resolved("upheld")).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    let appeal =
        bob.post(&format!("/reports/{report}/appeal"), json!({ "text": TEXT })).await.is(201).text("/id");
    decides(mallory, &appeal, verdict("overturned")).await.is_problem(403, "own_decision");
    decides(carol, &appeal, verdict("overturned")).await.is(200);
    assert_eq!(bob.get(&format!("/reports/{report}")).await.text("/outcome"), "upheld");
}

#[tokio::test]
async fn what_had_been_reviewed_before_is_appealed_against_too() {
    let watched = Watched::new().await;
    let Watched { app, carol, mallory, post, .. } = &watched;
    let case = watched.reported().await;
    let rejected = json!({ "resolution": "rejected", "note": "As the rule says." });
    moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
    let dora = app.member("dora").await;
    let report = dora.reports("post", post, "spam").await;
    assert_eq!(dora.get(&format!("/reports/{report}")).await.text("/outcome"), "already_reviewed");
    let appeal =
        dora.post(&format!("/reports/{report}/appeal"), json!({ "text": TEXT })).await.is(201).text("/id");
    decides(mallory, &appeal, verdict("overturned")).await.is_problem(403, "own_decision");
    decides(carol, &appeal, verdict("overturned")).await.is(200);
    assert_eq!(dora.get(&format!("/reports/{report}")).await.text("/outcome"), "upheld");
}

#[tokio::test]
async fn overturning_one_act_leaves_alone_what_was_decided_in_another_round() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, post, .. } = &watched;
    let case = watched.reported().await;
    let first = bob.get("/reports").await.text("/items/0/id");
    let rejected = json!({ "resolution": "rejected", "note": "As the rule says." });
    moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    let dora = app.member("dora").await;
    let second = dora.reports("post", post, "hatred").await;
    let upheld =
        json!({ "resolution": "upheld", "note": "That is.", "actions": [action("remove"), action("warn")] });
    let upheld = moves(mallory, &case, "resolve", Some(upheld)).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    let removed =
        upheld.body["actions"].as_array().unwrap().iter().find(|act| act["kind"] == "remove").unwrap();
    let appeal = alice.appeals(removed["id"].as_str().unwrap()).await;
    decides(carol, &appeal, verdict("overturned")).await.is(200);
    // The warning stands, and so does what was said of her report; of his, nothing new was found.
    assert_eq!(dora.get(&format!("/reports/{second}")).await.text("/outcome"), "upheld");
    assert_eq!(bob.get(&format!("/reports/{first}")).await.text("/outcome"), "rejected");
    // Once the warning is gone too, hers was wrong, and his was all along.
    let warned = upheld.body["actions"].as_array().unwrap().iter().find(|act| act["kind"] == "warn").unwrap();
    let appeal = alice.appeals(warned["id"].as_str().unwrap()).await;
    decides(carol, &appeal, verdict("overturned")).await.is(200);
    assert_eq!(dora.get(&format!("/reports/{second}")).await.text("/outcome"), "rejected");
    assert_eq!(bob.get(&format!("/reports/{first}")).await.text("/outcome"), "rejected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_decide_an_appeal_at_once_one_does() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, carol, post, .. } = &watched;
    let hidden = mallory.acts("post", post, action("hide")).await;
    let appeal = alice.appeals(&hidden).await;
    let (dora, emil) = (app.administrator("dora").await, app.administrator("emil").await);
    let path = format!("/mod/appeals/{appeal}/decide");
    // Whatever it reads like: what counts is how it stands once it is theirs.
    let decide = async |who: &Client, outcome: &str| {
        who.with("if-match", "*").post(&path, verdict(outcome)).await.status
    };
    let (first, second, third) =
        tokio::join!(decide(carol, "overturned"), decide(&dora, "upheld"), decide(&emil, "overturned"));
    let mut answers = [first, second, third];
    answers.sort_unstable();
    assert_eq!(answers, [200, 409, 409]);
    assert_eq!(app.rows("SELECT count(*)::text FROM audit_log WHERE verb = 'decide_appeal'").await, ["1"]);
    assert_eq!(app.rows("SELECT count(*)::text FROM mail WHERE kind = 'appeal_decided'").await, ["1"]);
    let decided = app.rows("SELECT outcome FROM appeal").await.remove(0);
    let reverts = app.rows("SELECT count(*)::text FROM mod_action WHERE kind = 'revert'").await.remove(0);
    assert_eq!(reverts, if decided == "overturned" { "1" } else { "0" });
}
