//! Names that people give up: whose they are, for how long, and where they lead.

use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Client, PASSWORD, Reply, TestApp};

async fn rename(who: &Client, to: &str) -> Reply {
    who.put("/me/username", json!({ "username": to })).await
}

async fn registers(app: &TestApp, username: &str) -> Reply {
    let registration = json!({ "username": username, "email": "somebody@example.org", "password": PASSWORD });
    app.guest().post("/accounts", registration).await
}

#[tokio::test]
async fn people_change_their_name_and_stay_who_they_are() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
    let before = alice.get("/me").await.is(200);
    let renamed = rename(&alice, "  Alicia ").await.is(422);
    assert_eq!(renamed.body["errors"][0]["field"], "username");
    let renamed = rename(&alice, "Alicia").await.is(200);
    assert_eq!(renamed.body["username"], "alicia");
    assert_eq!(renamed.body["id"], before.body["id"]);
    assert_ne!(renamed.header("etag"), before.header("etag"));
    // The same session and token, and posts under the new name.
    assert_eq!(alice.get("/me").await.is(200).body, renamed.body);
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["author"]["username"], "alicia");
    app.sign_in("alicia").await;
    // Nobody signs in by the old name, whatever they know.
    let old = json!({ "login": "alice", "password": PASSWORD });
    app.guest().post("/sessions", old).await.is_problem(401, "wrong_credentials");
    let recorded =
        app.rows("SELECT format('%s %s %s', verb, outcome, data) FROM audit_log WHERE verb = 'rename'").await;
    assert_eq!(recorded, ["rename done {}"]);
}

#[tokio::test]
async fn an_old_name_leads_to_the_new_one_for_a_year() {
    let app = TestApp::with("[accounts]\nrename_interval_days = 0\n").await;
    let alice = app.member("alice").await;
    rename(&alice, "alicia").await.is(200);
    app.app.clock.advance(TimeDelta::days(1));
    let alice = app.sign_in("alicia").await;
    rename(&alice, "alina").await.is(200);
    for old in ["alice", "ALICE", "alicia"] {
        let moved = app.guest().get(&format!("/accounts/{old}")).await.is(301);
        assert_eq!(moved.header("location"), Some("/api/v1/accounts/alina"));
        assert_eq!(moved.header("cache-control"), Some("public, no-cache"));
    }
    app.guest().get("/accounts/alina").await.is(200);
    app.app.clock.advance(TimeDelta::days(364));
    app.guest().get("/accounts/alice").await.is_problem(404, "not_found");
    app.guest().get("/accounts/alicia").await.is(301);
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT username FROM username_history").await, ["alicia"]);
    // Where the account is gone, so is the way to it.
    app.sql("UPDATE account SET state = 'deleted' WHERE username = 'alina'").await.unwrap();
    app.guest().get("/accounts/alicia").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn x4_a_name_that_was_given_up_is_nobody_else_s_for_a_year() {
    let app = TestApp::with("[accounts]\nrename_interval_days = 0\n").await;
    let alice = app.member("bill.alice").await;
    app.member("mallory").await;
    rename(&alice, "alice").await.is(200);
    app.app.clock.advance(TimeDelta::days(364));
    // Access tokens have expired meanwhile.
    let (alice, mallory) = (app.sign_in("alice").await, app.sign_in("mallory").await);
    for taken in ["bill.alice", "Bill.Alice", "bi1l.alice", "bill.a1ice"] {
        registers(&app, taken).await.is_problem(409, "username_taken");
        rename(&mallory, taken).await.is_problem(409, "username_taken");
    }
    assert_eq!(mallory.get("/me").await.body["username"], "mallory");
    // Whoever had it may take it back.
    rename(&alice, "bill.alice").await.is(200);
    rename(&alice, "alice").await.is(200);
    app.app.clock.advance(TimeDelta::days(366));
    let mallory = app.sign_in("mallory").await;
    rename(&mallory, "bill.alice").await.is(200);
    registers(&app, "bi1l.alice").await.is_problem(409, "username_taken");
}

#[tokio::test]
async fn x4_the_database_itself_keeps_names() {
    let app = TestApp::new().await;
    app.member("alice").await;
    app.member("bob").await;
    let anonymise = "UPDATE account SET username = 'gone-1', username_skeleton = 'gone-1', state = 'deleted' WHERE username = 'alice'";
    app.sql(anonymise).await.unwrap();
    registers(&app, "alice").await.is_problem(409, "username_taken");
    app.refuses_sql(
        "account_username_released",
        "UPDATE account SET username = 'alice', username_skeleton = 'alice' WHERE username = 'bob'",
    )
    .await;
    app.sql("DELETE FROM session; DELETE FROM account WHERE username = 'bob'").await.unwrap();
    registers(&app, "bob").await.is_problem(409, "username_taken");
}

#[tokio::test]
async fn x4_renames_at_once_have_one_winner() {
    let app = TestApp::new().await;
    let mut people = Vec::new();
    for i in 0..8 {
        people.push(app.member(&format!("member-{i}")).await);
    }
    let rivals: JoinSet<Reply> =
        people.iter().cloned().map(|who| async move { rename(&who, "wanted").await }).collect();
    let mut statuses: Vec<u16> = rivals.join_all().await.iter().map(|reply| reply.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(app.rows("SELECT username FROM username_history").await.len(), 1, "one name was given up");
}

#[tokio::test]
async fn x4_nobody_slips_in_while_a_name_is_given_up() {
    use sea_orm::sqlx::{Connection, PgConnection, query};
    let app = TestApp::new().await;
    app.member("alice").await;
    // Alice is being renamed …
    let mut renaming = PgConnection::connect(app.database_url()).await.unwrap();
    query("BEGIN").execute(&mut renaming).await.unwrap();
    query("UPDATE account SET username = 'alicia', username_skeleton = 'alicia' WHERE username = 'alice'")
        .execute(&mut renaming)
        .await
        .unwrap();
    // … when somebody wants the name that is still hers, and waits.
    let server = app.clone();
    let waits = tokio::spawn(async move { registers(&server, "alice").await });
    while app.waiting().await == 0 {}
    query("COMMIT").execute(&mut renaming).await.unwrap();
    waits.await.unwrap().is_problem(409, "username_taken");
}

#[tokio::test]
async fn a_name_is_not_changed_often_nor_without_a_recent_proof() {
    let app = TestApp::with("[auth]\nfresh_secs = 60").await;
    let alice = app.member("alice").await;
    app.app.clock.advance(TimeDelta::seconds(61));
    rename(&alice, "alicia").await.is_problem(403, "step_up_required");
    let proof = json!({ "password": PASSWORD });
    alice.post("/sessions/current/reauthentication", proof).await.is(204);
    rename(&app.guest(), "alicia").await.is_problem(401, "unauthenticated");
    for (name, code) in
        [("alice", "unchanged"), ("admin", "reserved"), ("раypal", "mixed_scripts"), ("a", "too_short")]
    {
        rename(&alice, name).await.refuses(&[("username", code)]);
    }
    for body in [
        json!({}),
        json!({ "username": "alicia", "password": PASSWORD }),
        json!({ "username": "alicia", "role": "moderator" }),
    ] {
        alice.put("/me/username", body).await.is_problem(422, "invalid");
    }
    app.suspend("alice").await;
    rename(&alice, "alicia").await.is_problem(403, "sanctioned");
    app.lift_all().await;
    assert_eq!(app.rows("SELECT username FROM username_history").await, Vec::<String>::new());

    rename(&alice, "alicia").await.is(200);
    rename(&alice, "alina").await.is_problem(409, "renamed_lately");
    app.app.clock.advance(TimeDelta::days(30) - TimeDelta::seconds(1));
    let alice = app.sign_in("alicia").await;
    let refused = rename(&alice, "alice").await.is_problem(409, "renamed_lately");
    assert!(refused.text("/detail").contains("2026-02-14 12:01"), "{:#}", refused.body);
    app.app.clock.advance(TimeDelta::seconds(1));
    rename(&alice, "alice").await.is(200);
}
