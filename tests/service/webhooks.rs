//! Webhooks of the program as it is delivered: told by the background work, at once, and after a restart.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use serde_json::{Value, json};

use crate::support::{Client, FIRST_DEBATE, Folder, PASSWORD, until};

type Told = Arc<Mutex<Vec<Value>>>;

/// Somebody who receives, and where they are.
async fn receiver() -> (String, Told) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let told = Told::default();
    let router = Router::new().fallback(keep).with_state(told.clone());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (origin, told)
}

async fn keep(State(told): State<Told>, body: String) {
    told.lock().unwrap().push(serde_json::from_str(&body).unwrap());
}

async fn is_reported(author: &Client, reporter: &Client) {
    let post = json!({ "body": "Cheap maps, the last ones." });
    let post = author.post(&format!("/topics/{FIRST_DEBATE}/posts"), &post).await.is(201).text("/id");
    let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "spam" });
    reporter.post("/reports", &report).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_told_at_once_and_by_the_server_that_comes_after() {
    let (origin, told) = receiver().await;
    let folder = Folder::new();
    let settings = [
        ("OTHERWISE__AUTH__REQUIRE_SECOND_FACTOR_FOR_STAFF", "false"),
        ("OTHERWISE__WEBHOOKS__ENABLED", "true"),
        ("OTHERWISE__WEBHOOKS__TRUSTED_ORIGINS", origin.as_str()),
    ];
    let server = folder.serve_with(&settings);
    let arguments =
        ["admin", "create", "--username", "carol", "--email", "carol@example.org", "--password-stdin"];
    folder.run(arguments, PASSWORD).succeeded();
    let carol = server.sign_in("carol").await;
    let (alice, bob) = (server.member("alice").await, server.member("bob").await);
    let new =
        json!({ "url": format!("{origin}/hook?secret=canary"), "kinds": ["case_opened"], "note": "A bot." });
    let made = carol.post("/mod/webhooks", &new).await.is(201);
    for count in 1..=3 {
        is_reported(&alice, &bob).await;
        until("the webhook is told", async || told.lock().unwrap().len() == count).await;
    }
    server.stop();
    let server = folder.serve_with(&settings);
    let (alice, bob) = (alice.at(&server), bob.at(&server));
    is_reported(&alice, &bob).await;
    until("the webhook is told", async || told.lock().unwrap().len() == 4).await;
    let test = format!("/mod/webhooks/{}/test", made.text("/id"));
    carol.at(&server).try_send(reqwest::Method::POST, &test, None, &[]).await.unwrap().is(202);
    until("the webhook is tried out", async || told.lock().unwrap().len() == 5).await;
    let mut names: Vec<String> = told.lock().unwrap().iter().map(|one| one["id"].to_string()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5);
    // The log says that it was told, and neither where nor with which key.
    let log = server.log();
    assert!(log.contains("a webhook was told"), "{log}");
    let secret = made.text("/secret");
    for hidden in ["canary", secret.trim_start_matches("whsec_")] {
        assert!(!log.contains(hidden), "{hidden}");
    }
    server.stop();
}
