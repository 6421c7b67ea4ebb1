//! What moderators note, what they write to people and are answered, and texts for that.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};

use crate::moderation::{Watched, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD};

fn note(text: &str, audience: &str) -> Value {
    json!({ "text": text, "audience": audience })
}

/// The texts of a list, in order.
async fn texts(who: &Client, path: &str) -> Value {
    let page = who.get(path).await.is(200).body;
    page["items"].as_array().unwrap().iter().map(|item| item["text"].clone()).collect()
}

#[tokio::test]
async fn notes_are_read_by_those_they_are_for_and_nobody_learns_whose_they_are() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, .. } = &watched;
    let case = watched.reported().await;
    let notes = format!("/mod/cases/{case}/notes");
    bob.post(&notes, note("Mine.", "moderators")).await.is_problem(403, "not_allowed");
    mallory.post(&notes, note("Whose?", "everybody")).await.refuses(&[("audience", "unknown_value")]);
    let made = mallory.post(&notes, note("She has a shop.", "moderators")).await.is(201);
    expect![[r#"
        {
          "audience": "moderators",
          "author": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000015",
          "text": "She has a shop."
        }
    "#]]
    .assert_eq(&format!("{:#}\n", made.body));
    mallory.post(&notes, note("We look into it.", "reporter")).await.is(201);
    mallory.post(&notes, note("Name your shop.", "author")).await.is(201);
    let account = "/mod/accounts/alice/notes";
    mallory.post(account, note("Reported?", "reporter")).await.refuses(&[("audience", "does_not_fit")]);
    mallory.post(account, note("The third time.", "moderators")).await.is(201);
    mallory.post(account, note("Read the rules.", "author")).await.is(201);
    let own = mallory.post("/mod/accounts/mallory/notes", note("Fine.", "moderators")).await;
    own.is_problem(403, "own_subject");
    mallory.get("/mod/accounts/mallory/notes").await.is_problem(403, "not_allowed");
    mallory.get("/mod/accounts/nobody/notes").await.is_problem(404, "not_found");

    assert_eq!(texts(alice, "/me/notes").await, json!(["Read the rules.", "Name your shop."]));
    assert_eq!(texts(bob, "/me/notes").await, json!(["We look into it."]));
    assert_eq!(texts(mallory, "/me/notes").await, json!([]));
    let first = &alice.get("/me/notes").await.is(200).body["items"][0];
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000019",
          "subject": {
            "id": "00000000-0000-7000-8000-000000000001",
            "kind": "account"
          },
          "text": "Read the rules."
        }
    "#]]
    .assert_eq(&format!("{first:#}\n"));
    let shown: Vec<_> = watched.read(&case).await["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["text"].clone())
        .collect();
    assert_eq!(json!(shown), json!(["Name your shop.", "We look into it.", "She has a shop."]));
    let record = mallory.get("/mod/accounts/alice").await.is(200).body;
    assert_eq!(record["notes"], mallory.get(account).await.is(200).body["items"]);
    assert_eq!(record["notes"].as_array().unwrap().len(), 2);

    // Only whoever wrote one deletes it.
    let path = format!("/mod/notes/{}", made.text("/id"));
    let carol = app.sign_in("carol").await;
    carol.delete(&path).await.is_problem(404, "not_found");
    bob.delete(&path).await.is_problem(403, "not_allowed");
    mallory.delete(&path).await.is(204);
    mallory.delete(&path).await.is_problem(404, "not_found");
    assert_eq!(watched.read(&case).await["notes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn whoever_may_not_decide_a_case_notes_for_moderators_only_and_of_their_own_nothing() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, topic, post, .. } = &watched;
    mallory.reports("post", post, "spam").await;
    let notes = format!("/mod/cases/{}/notes", watched.case().await);
    mallory.post(&notes, note("I reported it.", "moderators")).await.is(201);
    mallory.post(&notes, note("Name your shop.", "author")).await.is_problem(403, "own_case");
    let own = mallory.posts_in(topic, "And of Essex.").await;
    bob.reports("post", &own, "spam").await;
    let about_mallory = crate::moderation::case_of(app, &own).await;
    let path = format!("/mod/cases/{about_mallory}/notes");
    mallory.post(&path, note("It is no shop.", "moderators")).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn moderators_talk_with_whom_a_case_concerns_without_a_strike() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let case = watched.reported().await;
    let id = async |who: &Client| who.get("/me").await.is(200).text("/id");
    let (alices, bobs, mallorys) = (id(alice).await, id(bob).await, id(mallory).await);
    let path = format!("/mod/cases/{case}/messages");
    let to = |account: &str, text: &str| json!({ "to": account, "text": text });
    bob.post(&path, to(&alices, "Is this your shop?")).await.is_problem(403, "not_allowed");
    mallory.post(&path, to(&mallorys, "Is this your shop?")).await.refuses(&[("to", "unknown_id")]);
    let answer = json!({ "case_id": case, "text": "It is a museum." });
    alice.post("/me/messages", answer.clone()).await.is_problem(404, "not_found");
    app.mails().await;
    let written = mallory.post(&path, to(&alices, "Is this your shop?")).await.is(201);
    let mail = app.mail("alice@example.org", "The moderators wrote to you").await;
    expect![[r#"
        The moderators wrote to the account "alice", about something that it
        posted or reported. It is no decision, and keeps you from nothing.

        Sign in to read it: GET /api/v1/me/messages
        Answer with POST /api/v1/me/messages.

        If you did not post or report anything, somebody is signed in to your account:
        change your password and end all sessions.
    "#]]
    .assert_eq(&mail.body);
    let read = &alice.get("/me/messages").await.is(200).body["items"][0];
    expect![[r#"
        {
          "case_id": "00000000-0000-7000-8000-000000000013",
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000015",
          "is_from_team": true,
          "subject": {
            "id": "00000000-0000-7000-8000-000000000012",
            "kind": "post"
          },
          "text": "Is this your shop?"
        }
    "#]]
    .assert_eq(&format!("{read:#}\n"));
    // What is known of the case by then goes with it: also while suspended.
    app.suspend("alice").await;
    let again = alice.with("idempotency-key", "a");
    let answered = again.post("/me/messages", answer.clone()).await.is(201);
    assert_eq!(again.post("/me/messages", answer.clone()).await.is(201).body, answered.body);
    bob.post("/me/messages", answer).await.is_problem(404, "not_found");
    app.lift_all().await;
    mallory.post(&path, to(&bobs, "Do you know the shop?")).await.is(201);
    assert_eq!(texts(bob, "/me/messages").await, json!(["Do you know the shop?"]));
    assert_eq!(texts(alice, "/me/messages").await, json!(["It is a museum.", "Is this your shop?"]));
    let all = mallory.get(&path).await.is(200).body;
    let all: Vec<_> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let sender = &message["sender"]["username"];
            (message["with"]["username"].clone(), sender.clone(), message["text"].clone())
        })
        .collect();
    assert_eq!(
        json!(all),
        json!([
            ["bob", "mallory", "Do you know the shop?"],
            ["alice", null, "It is a museum."],
            ["alice", "mallory", "Is this your shop?"]
        ])
    );
    assert_eq!(written.body["sender"]["username"], "mallory");
    let read = watched.read(&case).await;
    let kinds: Vec<_> =
        read["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(json!(kinds), json!(["opened", "messaged", "answered", "messaged"]));
    assert_eq!(alice.get("/me/sanctions").await.is(200).body["strikes"], 0);
    alice.posts_in(topic, "It is open on Sundays.").await;
    // Whoever else is at the case talks alone.
    grants(&app.sign_in("carol").await, "bob", json!({ "kind": "site" })).await;
    let carol = app.sign_in("carol").await;
    moves(&carol, &case, "claim", None).await.is(200);
    mallory.post(&path, to(&alices, "Since when?")).await.is_problem(409, "case_claimed");
}

#[tokio::test]
async fn what_was_noted_and_written_is_in_the_copy_and_goes_with_the_account() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, .. } = &watched;
    let case = watched.reported().await;
    let alices = alice.get("/me").await.text("/id");
    mallory.post(&format!("/mod/cases/{case}/notes"), note("Bob always does.", "moderators")).await.is(201);
    mallory.post(&format!("/mod/cases/{case}/notes"), note("Name your shop.", "author")).await.is(201);
    mallory.post("/mod/accounts/alice/notes", note("The third time.", "moderators")).await.is(201);
    let message = json!({ "to": alices, "text": "Is this your shop?" });
    mallory.post(&format!("/mod/cases/{case}/messages"), message).await.is(201);
    mallory.acts("account", &alices, action("warn")).await;
    alice.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let copy = alice.send(Method::GET, "/me/export/file", None).await.is(200).body;
    expect![[r#"
        [
          {
            "audience": "author",
            "case_id": "00000000-0000-7000-8000-000000000013",
            "created_at": "2026-01-15T12:00:00Z",
            "text": "Name your shop."
          },
          {
            "audience": "moderators",
            "case_id": null,
            "created_at": "2026-01-15T12:00:00Z",
            "text": "The third time."
          }
        ]
        [
          {
            "case_id": "00000000-0000-7000-8000-000000000013",
            "created_at": "2026-01-15T12:00:00Z",
            "is_from_team": true,
            "text": "Is this your shop?"
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n{:#}\n", copy["moderator_notes"], copy["moderator_messages"]));
    assert!(!copy.to_string().contains("mallory"), "{copy:#}");
    for who in [alice, mallory] {
        who.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    }
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    for table in ["mod_note", "case_message"] {
        assert_eq!(app.rows(&format!("SELECT count(*)::text FROM {table}")).await, ["0"], "{table}");
    }
}

#[tokio::test]
async fn templates_are_written_by_those_who_write_the_rules_and_read_by_moderators() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, .. } = &watched;
    let carol = app.sign_in("carol").await;
    let shop = json!({
        "name": "A shop", "kind": "explanation", "language": "en", "rule": "spam",
        "text": "It advertises a shop, and nothing else.",
    });
    let with = |field: &str, value: Value| {
        let mut other = shop.clone();
        other[field] = value;
        other
    };
    mallory.post("/mod/templates", shop.clone()).await.is_problem(403, "not_allowed");
    let made = carol.post("/mod/templates", shop.clone()).await.is(201);
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000014",
          "kind": "explanation",
          "language": "en",
          "name": "A shop",
          "rule": "spam",
          "text": "It advertises a shop, and nothing else.",
          "updated_at": "2026-01-15T12:00:00Z",
          "version": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", made.body));
    for (field, value, code) in [
        ("name", json!("A shop"), "duplicate"),
        ("language", json!("English"), "not_a_language"),
        ("rule", json!("heresy"), "unknown_rule"),
        ("kind", json!("joke"), "unknown_value"),
        ("text", json!("x".repeat(2001)), "too_long"),
    ] {
        carol.post("/mod/templates", with(field, value)).await.refuses(&[(field, code)]);
    }
    carol.post("/mod/templates", with("language", json!("de-AT"))).await.is(201);
    let question =
        json!({ "name": "Whose shop", "kind": "message", "language": "en", "text": "Is this your shop?" });
    carol.post("/mod/templates", question).await.is(201);
    bob.get("/mod/templates").await.is_problem(403, "not_allowed");
    let listed = async |query: &str| {
        let page = mallory.get(&format!("/mod/templates?{query}")).await.is(200).body;
        let found: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| format!("{} {}", item["name"].as_str().unwrap(), item["language"].as_str().unwrap()))
            .collect();
        found
    };
    assert_eq!(listed("").await, ["Whose shop en", "A shop de-AT", "A shop en"]);
    assert_eq!(listed("kind=message").await, ["Whose shop en"]);
    assert_eq!(listed("language=de-AT").await, ["A shop de-AT"]);
    assert_eq!(listed("rule=spam&language=en").await, ["A shop en"]);

    let path = format!("/mod/templates/{}", made.text("/id"));
    assert_eq!(mallory.get(&path).await.is(200).body, made.body);
    let edit = json!({ "text": "It advertises something.", "rule": null });
    carol.with("if-match", "\"7\"").send(Method::PATCH, &path, Some(edit.to_string().into())).await.is(412);
    mallory.patch(&path, edit.clone()).await.is_problem(403, "not_allowed");
    let edited = carol.patch(&path, edit.clone()).await.is(200);
    assert_eq!(
        (&edited.body["version"], &edited.body["rule"], &edited.body["text"]),
        (&json!(2), &Value::Null, &json!("It advertises something."))
    );
    // As it stands already, it is no other version.
    assert_eq!(carol.patch(&path, edit).await.is(200).body, edited.body);
    carol.patch(&path, json!({ "name": null })).await.refuses(&[("name", "wrong_type")]);
    carol.patch(&path, json!({ "name": "Whose shop" })).await.refuses(&[("name", "duplicate")]);
    carol.delete_as_read(&path).await.is(204);
    carol.get(&path).await.is_problem(404, "not_found");
}
