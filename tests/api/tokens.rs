//! Personal access tokens, what asks for a session, and what asks for a recent proof.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, Reply, TestApp};

impl Client {
    async fn makes_token(&self, scopes: Value) -> Reply {
        let expires_at = "2026-02-15T12:00:00Z";
        self.post("/me/tokens", json!({ "name": "A script", "scopes": scopes, "expires_at": expires_at }))
            .await
    }
}

#[tokio::test]
async fn k1_a_token_is_shown_once_listed_and_revoked() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut made = alice.makes_token(json!(["read", "vote"])).await.is(201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let token = made.text("/token");
    assert!(token.starts_with("otw_pat_") && token.len() == 67, "{token}");
    made.body["token"] = json!("…");
    made.matches(expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "expires_at": "2026-02-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000003",
          "last_used_at": null,
          "name": "A script",
          "scopes": [
            "read",
            "vote"
          ],
          "token": "…"
        }
    "#]]);
    let script = app.bearer(&token);
    assert_eq!(script.get("/me").await.is(200).text("/username"), "alice");
    let listed = alice.get("/me/tokens").await.is(200);
    assert_eq!(listed.body["items"][0]["last_used_at"], "2026-01-15T12:00:00Z");
    assert!(!String::from_utf8_lossy(&listed.bytes).contains("otw_pat_"));
    // Only its hash is kept.
    let kept = app.rows("SELECT string_agg(t::text, ' ') FROM personal_access_token t").await;
    assert!(!kept[0].contains("otw_pat_") && kept[0].contains("A script"), "{kept:?}");

    let id = listed.text("/items/0/id");
    app.member("bob").await.delete(&format!("/me/tokens/{id}")).await.is_problem(404, "not_found");
    script.get("/me").await.is(200);
    alice.delete(&format!("/me/tokens/{id}")).await.is(204);
    script.get("/me").await.is_problem(401, "invalid_token");
    alice.delete(&format!("/me/tokens/{id}")).await.is_problem(404, "not_found");
    assert_eq!(alice.get("/me/tokens").await.is(200).body["items"], json!([]));
}

#[tokio::test]
async fn k1_a_token_ends_by_itself_and_with_its_owner() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let script = app.bearer(&alice.makes_token(json!(["read", "post"])).await.is(201).text("/token"));
    let topic = script.post("/topics", json!({ "title": "Had the Armada landed in Kent" })).await.is(201);
    assert_eq!(topic.text("/author/username"), "alice");
    app.suspend("alice").await;
    let again = json!({ "title": "Had the Armada turned back" });
    script.post("/topics", again.clone()).await.is_problem(403, "sanctioned");
    app.lift_all().await;
    script.post("/topics", again.clone()).await.is(201);
    app.app.clock.advance(TimeDelta::days(31) - TimeDelta::seconds(1));
    script.get("/me").await.is(200);
    app.app.clock.advance(TimeDelta::seconds(1));
    script.get("/me").await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn k1_a_token_is_good_for_its_scopes_and_no_more() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let slug = bob.opens_topic("Had the Armada landed in Kent").await;
    let post = bob.posts_in(&slug, "London had no walls worth the name.").await;
    let mut table = String::new();
    for scope in ["read", "post", "vote", "profile", "moderate"] {
        let token = alice.makes_token(json!([scope])).await.is(201).text("/token");
        let script = app.bearer(&token).with("if-match", "*");
        let mut line = format!("{scope:9}");
        for (method, path, body) in [
            (Method::GET, format!("/topics/{slug}/thread"), None),
            (Method::GET, "/me".to_owned(), None),
            (Method::POST, format!("/topics/{slug}/posts"), Some(json!({ "body": "So." }))),
            (Method::POST, "/topics".to_owned(), Some(json!({ "title": "Had Elizabeth married" }))),
            (Method::PUT, format!("/posts/{post}/vote"), Some(json!({ "quality": 1 }))),
            (Method::PATCH, "/me".to_owned(), Some(json!({ "bio": "A bot's." }))),
        ] {
            let reply = script.send(method.clone(), &path, body.map(|body| body.to_string().into())).await;
            let code = reply.body["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            line += &format!("  {:17}", format!("{}{code}", reply.status));
        }
        table += line.trim_end();
        table.push('\n');
    }
    expect![[r"
        read       200                200                403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing
        post       403 scope_missing  403 scope_missing  201                201                403 scope_missing  403 scope_missing
        vote       403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing  200                403 scope_missing
        profile    403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing  200
        moderate   403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing  403 scope_missing
    "]]
    .assert_eq(&table);
}

#[tokio::test]
async fn k1_a_token_has_no_powers_that_were_not_given_to_it_and_never_more_than_its_owner() {
    let app = TestApp::new().await;
    let (carol, bob) = (app.administrator("carol").await, app.member("bob").await);
    let draft = bob.post("/topics", json!({ "title": "Had Elizabeth married" })).await.is(201).text("/slug");
    let plain = app.bearer(&carol.makes_token(json!(["read", "post"])).await.is(201).text("/token"));
    let staff =
        app.bearer(&carol.makes_token(json!(["read", "post", "moderate"])).await.is(201).text("/token"));
    let draft = format!("/topics/{draft}");
    plain.get(&draft).await.is_problem(404, "not_found");
    staff.get(&draft).await.is(200);
    staff.patch(&draft, json!({ "title": "Had Elizabeth married Robert" })).await.is(200);
    app.sql("UPDATE role_grant SET revoked_at = granted_at").await.unwrap();
    staff.get(&draft).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn k1_what_concerns_the_safety_of_an_account_asks_for_a_session() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let all = json!(["read", "post", "vote", "profile", "moderate"]);
    let script = app.bearer(&alice.makes_token(all.clone()).await.is(201).text("/token"));
    let session = alice.get("/sessions").await.is(200).text("/items/0/id");
    script.get("/sessions").await.is_problem(403, "session_required");
    script.delete(&format!("/sessions/{session}")).await.is_problem(403, "session_required");
    script.delete("/sessions/current").await.is_problem(403, "session_required");
    script.delete("/sessions").await.is_problem(403, "session_required");
    script
        .post("/sessions/current/reauthentication", json!({ "password": PASSWORD }))
        .await
        .is_problem(403, "session_required");
    script.get("/me/tokens").await.is_problem(403, "session_required");
    script.makes_token(all).await.is_problem(403, "session_required");
    alice.get("/me").await.is(200);
}

#[tokio::test]
async fn k1_what_cannot_be_a_token_is_refused_without_a_question_to_the_database() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let token = alice.makes_token(json!(["read"])).await.is(201).text("/token");
    let mut unlike = token.clone();
    unlike.replace_range(20..21, if &token[20..21] == "a" { "b" } else { "a" });
    app.sql("ALTER TABLE personal_access_token RENAME TO away").await.unwrap();
    for wrong in [&unlike, "otw_pat_", &token[..60], &token.to_uppercase()] {
        app.bearer(wrong).get("/me").await.is_problem(401, "invalid_token");
    }
    // One that is well-formed does ask.
    app.bearer(&token).get("/me").await.is_problem(500, "internal");
}

#[tokio::test]
async fn k1_what_a_token_is_asked_to_be() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for (field, value, refused) in [
        ("name", json!(""), ("name", "blank")),
        ("name", json!("x".repeat(61)), ("name", "too_long")),
        ("scopes", json!([]), ("scopes", "too_few")),
        ("scopes", json!(["read", "read"]), ("scopes[1]", "duplicate")),
        ("scopes", json!(["everything"]), ("scopes[0]", "unknown_value")),
        ("expires_at", json!("2026-01-15T12:00:00Z"), ("expires_at", "out_of_range")),
        ("expires_at", json!("2027-01-16T12:00:01Z"), ("expires_at", "out_of_range")),
        ("expires_at", json!("tomorrow"), ("expires_at", "malformed_time")),
        ("token", json!("of my own"), ("token", "unknown_field")),
    ] {
        let mut token =
            json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-15T12:00:00Z" });
        token[field] = value;
        alice.post("/me/tokens", token).await.refuses(&[refused]);
    }
    assert_eq!(app.rows("SELECT count(*)::text FROM personal_access_token").await, ["0"]);
    for _ in 0..50 {
        alice.makes_token(json!(["read"])).await.is(201);
    }
    alice.makes_token(json!(["read"])).await.is_problem(409, "too_many_tokens");
    let page = alice.get("/me/tokens?limit=40").await.is(200);
    let rest = alice.get(&format!("/me/tokens?limit=40&after={}", page.text("/next"))).await.is(200);
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn m4_what_is_dear_to_lose_asks_for_a_recent_proof() {
    let app = TestApp::with("[auth]\naccess_token_ttl_secs = 600\nfresh_secs = 60").await;
    let alice = app.member("alice").await;
    alice.makes_token(json!(["read"])).await.is(201);
    app.app.clock.advance(TimeDelta::seconds(60));
    alice.makes_token(json!(["read"])).await.is(201);
    app.app.clock.advance(TimeDelta::seconds(1));
    alice.makes_token(json!(["read"])).await.is_problem(403, "step_up_required");
    let prove = async |password: &str| {
        alice.post("/sessions/current/reauthentication", json!({ "password": password })).await
    };
    prove("wrong").await.is_problem(401, "wrong_credentials");
    alice.makes_token(json!(["read"])).await.is_problem(403, "step_up_required");
    prove(PASSWORD).await.is(204);
    alice.makes_token(json!(["read"])).await.is(201);
    // It is this session that proved it.
    app.app.clock.advance(TimeDelta::seconds(61));
    app.sign_in("alice").await.makes_token(json!(["read"])).await.is(201);
    alice.makes_token(json!(["read"])).await.is_problem(403, "step_up_required");
}

#[tokio::test]
async fn r4_all_sessions_are_ended_at_once_or_all_but_this() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let (phone, laptop) = (app.sign_in("alice").await, app.sign_in("alice").await);
    laptop.delete("/sessions?keep_current=true").await.is(204);
    for ended in [&alice, &phone] {
        ended.get("/me").await.is_problem(401, "invalid_token");
    }
    assert_eq!(laptop.get("/sessions").await.is(200).body["items"].as_array().unwrap().len(), 1);
    let phone = app.sign_in("alice").await;
    laptop.delete("/sessions").await.is(204);
    for ended in [&phone, &laptop] {
        ended.get("/me").await.is_problem(401, "invalid_token");
    }
    bob.get("/me").await.is(200);
    app.guest().delete("/sessions").await.is_problem(401, "unauthenticated");
    bob.delete("/sessions?keep_current=yes").await.is(422);
}
