//! The log: lines for programs, each request named, and nothing in it that people confided to the server.

use std::fs;

use otherwise::db::embedded;
use reqwest::Method;
use sea_orm::sqlx::{self, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::{FIRST_DEBATE, Folder, PASSWORD};

#[tokio::test]
async fn g2_the_log_names_requests_and_tells_no_secrets() {
    let folder = Folder::new();
    // More talkative than usual: what is not said then is never said.
    let server = folder.serve_with(&[("OTHERWISE__LOG__FILTER", "debug")]);
    let guest = server.guest();
    let email = "alice.confided@example.org";
    let registration = json!({ "username": "alice", "email": email, "password": PASSWORD });
    guest.post("/accounts", &registration).await.is(201);
    let session = guest.post("/sessions", &json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    let wrong = "a wrong password that is nearly right";
    guest.post("/sessions", &json!({ "login": "alice", "password": wrong })).await.is(401);
    let refreshed = guest
        .post("/sessions/refresh", &json!({ "refresh_token": session.text("/refresh_token") }))
        .await
        .is(200);
    let alice = guest.bearer(&refreshed.text("/access_token"));

    let said = "What only readers of the debate should see";
    let key = "a-key-that-only-alice-knows";
    let named = "named-by-the-client-1";
    let post = json!({ "body": said });
    let path = format!("/topics/{FIRST_DEBATE}/posts");
    let posted = alice
        .try_send(Method::POST, &path, Some(&post), &[("x-request-id", named), ("idempotency-key", key)])
        .await
        .unwrap()
        .is(201);
    assert_eq!(posted.header("x-request-id"), Some(named));
    // Refusals are where careless programs quote what they were sent.
    let refused =
        json!({ "body": said, "relations": [{ "type": said, "target": { "kind": "post", "id": said } }] });
    alice.post(&path, &refused).await.is(422);
    alice.post(&path, &json!({ "bodi": said })).await.is(422);
    let secret_query = "what-alice-looked-for";
    let looked = guest.get(&format!("/topics?tag={secret_query}")).await;
    let id = looked.header("x-request-id").unwrap().to_owned();

    let log = server.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();
    for id in [named, &id] {
        let answered = |line: &&Value| line["message"] == "answered" && line["id"] == id;
        let line = lines.iter().find(answered).unwrap_or_else(|| panic!("{id} in\n{log}"));
        assert!(line["status"].is_u64() && line["ms"].is_f64(), "{line}");
        assert!(line["route"].as_str().unwrap().starts_with("/api/v1/topics"), "{line}");
    }
    let owner = embedded::running(&folder.data()).unwrap();
    let mut connection = PgConnection::connect(&owner).await.unwrap();
    let recorded: String = sqlx::query_scalar("SELECT string_agg(to_jsonb(l)::text, E'\n') FROM audit_log l")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    server.stop();
    let database = fs::read_to_string(folder.data().join("postgres.log")).unwrap();
    for secret in [
        PASSWORD,
        wrong,
        email,
        &session.text("/access_token"),
        &session.text("/refresh_token"),
        &refreshed.text("/access_token"),
        &refreshed.text("/refresh_token"),
        said,
        key,
        secret_query,
    ] {
        let told = log.lines().find(|line| line.contains(secret));
        assert_eq!(told, None, "logged: {secret}");
        assert!(!database.contains(secret), "logged by PostgreSQL: {secret}");
        assert!(!recorded.contains(secret), "in the audit log: {secret}");
    }
}

#[tokio::test]
async fn the_log_can_be_for_people() {
    let folder = Folder::new();
    let server = folder.serve_with(&[("OTHERWISE__LOG__FORMAT", "human")]);
    server.guest().get("/topics").await.is(200);
    let log = server.log();
    let line = log.lines().find(|line| line.contains("answered")).unwrap();
    assert!(serde_json::from_str::<Value>(line).is_err() && line.contains("INFO"), "{line}");
    // It goes to a file here, which shows no colours.
    assert!(!log.contains('\u{1b}'), "{log}");
}
