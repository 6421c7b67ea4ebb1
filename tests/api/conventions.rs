//! What all requests and answers have in common: problems, lists, entity tags, retries, headers.

use std::collections::HashSet;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use axum::routing::get;
use chrono::TimeDelta;
use expect_test::expect;
use http_body_util::BodyExt;
use sea_orm::sqlx::{Connection, PgConnection, query_scalar};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::support::builders::{action, judged_topic, open_topic};
use crate::support::{Client, PASSWORD, Reply, TestApp};

fn registration(username: &str) -> Value {
    json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD })
}

async fn send(client: &Client, method: &str, path: &str) -> Reply {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    client.send(method, path, None).await
}

async fn post_bytes(client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Reply {
    client.send(Method::POST, path, Some(body.into())).await
}

async fn count(app: &TestApp, query: &'static str) -> i64 {
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    query_scalar(query).fetch_one(&mut db).await.unwrap()
}

async fn register(client: &Client, username: &str) -> Reply {
    client.post("/accounts", registration(username)).await
}

#[tokio::test]
async fn a_problem_says_what_is_wrong() {
    let app = TestApp::new().await;
    let guest = app.guest().with("x-request-id", "test-1");
    guest.post("/accounts", json!({ "username": "a", "extra": 1 })).await.matches(expect![[r#"
            {
              "code": "invalid",
              "detail": "extra: There is no such field here.",
              "errors": [
                {
                  "code": "unknown_field",
                  "detail": "There is no such field here.",
                  "field": "extra"
                }
              ],
              "request_id": "test-1",
              "status": 422,
              "title": "Some fields are not valid",
              "type": "urn:otherwise:problem:invalid"
            }
        "#]]);
    guest.get("/nothing/here").await.matches(expect![[r#"
        {
          "code": "not_found",
          "detail": "No such thing, or none that you may see.",
          "request_id": "test-1",
          "status": 404,
          "title": "There is nothing here",
          "type": "urn:otherwise:problem:not_found"
        }
    "#]]);
}

#[tokio::test]
async fn b4_what_is_not_json_is_malformed() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let surrogates = r#"{"username":"\ud800","email":"a@example.org","password":"\udfff long enough it is"}"#;
    let deep = format!(r#"{{"username":{}{}}}"#, "[".repeat(1000), "]".repeat(1000));
    let deep_objects = format!("{}1{}", r#"{"a":"#.repeat(1000), "}".repeat(1000));
    for body in [
        "",
        " ",
        "{",
        "nonsense",
        "{'username':'alice'}",
        r#"{"username":"alice",}"#,
        &format!("{} {{}}", registration("alice")),
        r#"{"username":NaN}"#,
        "{\"username\":\"a\u{1}b\"}",
        surrogates,
        &deep,
        &deep_objects,
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ] {
        post_bytes(&guest, "/accounts", body).await.is_problem(400, "malformed_json");
    }
    // Bytes that are no text.
    for body in [&b"{\"username\":\"\xff\xfe\"}"[..], b"\xff", b"\x00", b"\xed\xa0\x80"] {
        post_bytes(&guest, "/accounts", body).await.is_problem(400, "malformed_json");
    }
}

#[tokio::test]
async fn l1_json_nests_at_most_32_levels() {
    let app = TestApp::new().await;
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!(r#"{{"username":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };
    post_bytes(&app.guest(), "/accounts", nested(32)).await.refuses(&[("username", "wrong_type")]);
    post_bytes(&app.guest(), "/accounts", nested(33)).await.is_problem(400, "malformed_json");
}

#[tokio::test]
async fn l1_a_list_has_at_most_1000_items() {
    let app = TestApp::new().await;
    let list = |items: usize| format!(r#"{{"username":[{}]}}"#, vec!["0"; items].join(","));
    post_bytes(&app.guest(), "/accounts", list(1000)).await.refuses(&[("username", "wrong_type")]);
    post_bytes(&app.guest(), "/accounts", list(1001)).await.refuses(&[("(body)", "too_many")]);
}

#[tokio::test]
async fn b4_bodies_are_json_and_say_so() {
    let app = TestApp::new().await;
    for media_type in [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "json",
        "",
    ] {
        register(&app.guest().with("content-type", media_type), "alice")
            .await
            .is_problem(415, "unsupported_media_type");
    }
    // Without a body, nothing says what it would be.
    send(&app.guest(), "POST", "/accounts").await.is_problem(415, "unsupported_media_type");
    register(&app.guest().with("content-type", "Application/JSON; charset=utf-8"), "alice").await.is(201);
}

#[tokio::test]
async fn b4_what_is_not_there_is_a_problem() {
    let app = TestApp::new().await;
    for path in [
        "/nothing",
        "/",
        "",
        "//",
        "//nothing",
        "//api",
        "//api/v1",
        "//api/v2/topics",
        "/topics/",
        "/topics/a/b/c",
        "/accounts/a/b",
        "//docs/nothing.js",
        "//docs/../config",
    ] {
        app.guest().get(path).await.is_problem(404, "not_found");
    }
    let alice = app.member("alice").await;
    for id in ["x", "1", "-", "018c2f7a-0000-7000-8000", "018c2f7a-0000-7000-8000-00000000000g", "%00"] {
        for path in ["", "/replies", "/revisions"] {
            let path = format!("/posts/{id}{path}");
            app.guest().get(&path).await.is_problem(404, "not_found");
        }
        alice.put(&format!("/posts/{id}/vote"), json!({ "quality": 1 })).await.is_problem(404, "not_found");
        alice.with("if-match", "*").delete(&format!("/posts/{id}")).await.is_problem(404, "not_found");
        alice.delete(&format!("/sessions/{id}")).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn x9_bytes_that_no_text_has_do_no_harm() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for text in ["%00", "a%00b", "%FF", "%ED%A0%80", "%27%20OR%201=1", "%25", "%5C", "_"] {
        for path in [
            format!("/topics/{text}"),
            format!("/topics/{text}/thread"),
            format!("/accounts/{text}"),
            format!("/posts/{text}"),
        ] {
            alice.get(&path).await.is_problem(404, "not_found");
        }
        for path in [
            format!("/topics?tag={text}"),
            format!("/topics?after={text}"),
            format!("/topics?sort={text}"),
            format!("/topics?limit={text}"),
            format!("/topics?{text}=1"),
            format!("/sessions?after={text}"),
        ] {
            let reply = alice.get(&path).await;
            assert!(reply.status < 500, "{path}: {:#}", reply.body);
        }
        let path = format!("/topics/{text}/posts");
        alice.post(&path, json!({ "body": "Text." })).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn b5_a_method_that_a_path_does_not_have_is_refused_with_those_it_has() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for (path, has) in [
        ("/accounts", "POST"),
        ("/me", "GET HEAD PATCH"),
        ("/sessions", "DELETE GET HEAD POST"),
        ("/sessions/current", "DELETE"),
        ("/topics", "GET HEAD POST"),
        ("/posts/018c2f7a-0000-7000-8000-000000000001", "DELETE GET HEAD PATCH"),
        ("/posts/018c2f7a-0000-7000-8000-000000000001/vote", "DELETE PUT"),
        ("/openapi.json", "GET HEAD"),
        ("//healthz", "GET HEAD"),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"] {
            if has.split(' ').any(|other| other == method) {
                continue;
            }
            let reply = send(&alice, method, path).await;
            let allow = reply.header("allow").unwrap_or_default().to_owned();
            let mut allow: Vec<_> = allow.split(',').map(str::trim).collect();
            allow.sort_unstable();
            assert_eq!(allow.join(" "), has, "{method} {path}");
            reply.is_problem(405, "method_not_allowed");
        }
    }
    alice.get("/me").await.is(200);
}

#[tokio::test]
async fn l1_a_body_has_at_most_256_kib() {
    let app = TestApp::new().await;
    let padded = |username: &str, length: usize| {
        let body = registration(username).to_string();
        body.clone() + &" ".repeat(length - body.len())
    };
    let limit = 256 * 1024;
    post_bytes(&app.guest(), "/accounts", padded("alice", limit)).await.is(201);
    post_bytes(&app.guest(), "/accounts", padded("bob", limit + 1)).await.is_problem(413, "too_large");
    post_bytes(&app.guest(), "/accounts", vec![b'['; 4 * limit]).await.is_problem(413, "too_large");
    app.guest().get("/accounts/bob").await.is(404);

    let small = TestApp::with("[server]\nbody_limit_bytes = 200").await;
    post_bytes(&small.guest(), "/accounts", padded("alice", 200)).await.is(201);
    post_bytes(&small.guest(), "/accounts", padded("bob", 201)).await.is_problem(413, "too_large");
}

#[tokio::test]
async fn l1_an_address_has_at_most_8_kib() {
    let app = TestApp::new().await;
    let of_length = |length: usize| format!("//{}", "a".repeat(length - 1));
    app.guest().get(&of_length(8192)).await.is_problem(404, "not_found");
    app.guest().get(&of_length(8193)).await.is_problem(414, "uri_too_long");
    let query = format!("/topics?after={}", "a".repeat(8192));
    app.guest().get(&query).await.is_problem(414, "uri_too_long");
}

#[tokio::test]
async fn b4_a_panic_tells_nothing_but_that_there_was_one() {
    async fn panics() {
        panic!("the secret is 42");
    }
    let app = TestApp::new().await;
    let router = Router::new().route("/api/v1/panic", get(panics));
    let mut server = app.clone();
    server.router = otherwise::http::middleware::wrap(router, &app.app);
    let reply = server.guest().with("x-request-id", "test-1").get("/panic").await;
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    reply.is_problem(500, "internal").matches(expect![[r#"
        {
          "code": "internal",
          "detail": "The fault is logged under this request's id.",
          "request_id": "test-1",
          "status": 500,
          "title": "Something went wrong on our side",
          "type": "urn:otherwise:problem:internal"
        }
    "#]]);
}

#[tokio::test]
async fn l3_a_request_that_takes_too_long_is_given_up() {
    let app = TestApp::with("[server]\nrequest_timeout_secs = 1").await;
    let router = Router::new().route("/api/v1/never", get(std::future::pending::<()>));
    let mut server = app.clone();
    server.router = otherwise::http::middleware::wrap(router, &app.app);
    server.guest().get("/never").await.is_problem(408, "timeout");
}

#[tokio::test]
async fn b4_faults_keep_their_cause_to_themselves() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    sea_orm::sqlx::query("ALTER TABLE account RENAME COLUMN bio TO away").execute(&mut db).await.unwrap();
    let reply = alice.get("/me").await.is_problem(500, "internal");
    let text = String::from_utf8(reply.bytes).unwrap().to_lowercase();
    for word in ["bio", "column", "select", "sqlx", "account"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[tokio::test]
async fn a_client_may_name_its_request() {
    let app = TestApp::new().await;
    for path in ["/topics", "/nothing"] {
        for id in ["a", "Order-66", &"x".repeat(64)] {
            let reply = app.guest().with("x-request-id", id).get(path).await;
            assert_eq!(reply.header("x-request-id"), Some(id));
            if reply.status >= 400 {
                assert_eq!(reply.body["request_id"], id);
            }
        }
        let mut names = HashSet::new();
        for id in ["", " ", "a b", "a/b", "a_b", "a\"b", "<script>", "a,b", &"x".repeat(65)] {
            let reply = app.guest().with("x-request-id", id).get(path).await;
            let name = reply.header("x-request-id").unwrap();
            assert!(name != id && name.len() == 16, "{id:?} became {name:?}");
            if reply.status >= 400 {
                assert_eq!(reply.body["request_id"], name);
            }
            assert!(names.insert(name.to_owned()), "{name} was there before");
        }
    }
}

#[tokio::test]
async fn b3_every_answer_has_the_security_headers() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let etag = alice.get("/me").await.header("etag").unwrap().to_owned();
    let dora = app.member("dora").await;
    let replies = [
        alice.get("/me").await.is(200),
        alice.with("if-none-match", &etag).get("/me").await.is(304),
        alice.get(&format!("/topics/{topic}")).await.is(200),
        app.guest().get("/topics").await.is(200),
        register(&app.guest(), "bob").await.is(201),
        app.guest().get("//healthz").await.is(200),
        app.guest().get("//readyz").await.is(200),
        app.guest().get("/openapi.json").await.is(200),
        app.guest().get("//docs").await.is(308),
        post_bytes(&app.guest(), "/accounts", "{").await.is(400),
        app.guest().get("/me").await.is(401),
        dora.patch(&format!("/topics/{topic}"), json!({})).await.is(403),
        app.guest().get("/nothing").await.is(404),
        app.guest().delete("/topics").await.is(405),
        register(&app.guest(), "bob").await.is(409),
        alice.with("if-match", "\"0\"").send(Method::PATCH, "/me", Some(b"{}".to_vec())).await.is(412),
        post_bytes(&app.guest(), "/accounts", vec![b' '; 300_000]).await.is(413),
        app.guest().get(&format!("//{}", "a".repeat(9000))).await.is(414),
        register(&app.guest().with("content-type", "text/plain"), "carol").await.is(415),
        register(&app.guest(), "x").await.is(422),
        alice.send(Method::PATCH, "/me", Some(b"{}".to_vec())).await.is(428),
        alice.delete("/sessions/current").await.is(204),
    ];
    for reply in &replies {
        let status = reply.status;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name} of a {status}");
        }
        assert!(reply.header("x-request-id").is_some(), "{status}");
        assert_eq!(reply.header("server"), None, "{status}");
        // Over plain HTTP nobody heeds it, and none is sent.
        assert_eq!(reply.header("strict-transport-security"), None, "{status}");
        if status >= 400 {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{status}");
            assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        }
    }
    // The page that shows the API's document needs scripts and styles, and only ours.
    let page = app.guest().get("//docs/").await.is(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn b3_over_https_clients_are_told_to_stay_there() {
    let app = TestApp::with("[server]\npublic_url = \"https://debates.example\"").await;
    for path in ["/topics", "/nothing", "//healthz"] {
        let reply = app.guest().get(path).await;
        let policy = reply.header("strict-transport-security").unwrap_or_default();
        let age = policy
            .split(';')
            .find_map(|part| part.trim().strip_prefix("max-age="))
            .and_then(|age| age.parse::<u64>().ok());
        assert!(age >= Some(365 * 24 * 3600), "{path}: {policy:?}");
    }
}

/// A server with something behind every path that can be read, and those paths.
pub async fn everything_readable() -> (TestApp, Client, Vec<String>) {
    let app = TestApp::with(
        "[identity_providers.example]
         title = 'An identity provider'
         issuer = 'https://id.example'
         client_id = 'otherwise'
         redirect_uri = 'https://debates.example/signed-in'
         [webhooks]
         enabled = true",
    )
    .await;
    let alice = app.member("alice").await;
    let mut question = judged_topic("Had the Armada landed in Kent");
    question["crowd_shown_to_guests"] = json!(true);
    let made = alice.post("/topics", question).await.is(201);
    let (topic, scenario) = (made.text("/slug"), made.text("/scenarios/0/id"));
    let topic_id = made.text("/id");
    let post = alice.posts_in(&topic, "It would have.").await;
    alice.replies_to(&topic, &post, "Or not.").await;
    alice.states_credences(&topic, &[6000, 2000, 1000, 1000]).await;
    alice.predicts(&topic, &[5000, 3000, 1000, 1000]).await;
    let zoe = app.member("zoe").await;
    for vector in [[6000, 2000, 1000, 1000], [5000, 3000, 1000, 1000]] {
        zoe.states_credences(&topic, &vector).await;
    }
    let moved = json!({ "explanation": "I had not thought of the tides, and without them nobody lands." });
    zoe.post(&format!("/posts/{post}/mind-changes"), moved).await.is(201);
    let never = json!({ "inevitable_from": null });
    alice.put(&format!("/topics/{topic}/inevitability/mine"), never).await.is(200);
    let proposal = alice.proposes_part(&topic).await;
    let implication = alice.proposes_in(&topic, "The muster rolls of Kent are short.").await;
    alice.forecasts(&implication, 7000).await;
    alice.put(&format!("/topics/{topic}/outcome-likelihood/mine"), json!({ "bp": 7000 })).await.is(200);
    let class = alice.names_reference_class(&topic, 9, 3).await;
    alice.patch("/me", json!({ "shows_track_record": true })).await.is(200);
    let zoes = zoe.get("/me").await.text("/id");
    let report = alice.reports("account", &zoes, "spam").await;
    let case = app.rows("SELECT id::text FROM moderation_case").await.remove(0);
    let carol = app.administrator("carol").await;
    let alices = alice.get("/me").await.text("/id");
    let decision = carol.acts("account", &alices, action("warn")).await;
    let appeal = alice.appeals(&decision).await;
    let others_appeal = zoe.appeals(&carol.acts("account", &zoes, action("warn")).await).await;
    let role = json!({ "permissions": ["report.read", "rule.edit", "vote.inspect", "job.bulk", "pii.read"], "scope": { "kind": "site" }, "reason": "Asked for." });
    let granted = carol.post("/accounts/alice/role-grants", role).await;
    let grant = granted.is(201).text("/id");
    let rule = json!({
        "name": "Links", "explanation": "Nobody links to a place.", "policy_rule": "spam", "mode": "shadow",
        "triggers": { "post_created": true }, "when": { "links": { "at_least": 1 } }, "action": "queue",
    });
    let rule = alice.post("/mod/automation-rules", rule).await.is(201).text("/id");
    zoe.posts_in(&topic, "At https://example.org.").await;
    let set = alice.post("/mod/sets", json!({ "name": "Words", "kind": "words" })).await.is(201).text("/id");
    let values = json!({ "values": [{ "value": "spam" }] });
    alice.post(&format!("/mod/sets/{set}/values"), values).await.is(200);
    let judged = zoe.posts_in(&topic, "It would have, in summer.").await;
    let template =
        json!({ "name": "Shop", "kind": "message", "language": "en", "text": "Is this your shop?" });
    let template = carol.post("/mod/templates", template).await.is(201).text("/id");
    let queue = json!({ "name": "Spam", "audience": "team", "rules": ["spam"] });
    let queue = carol.post("/mod/queues", queue).await.is(201).text("/id");
    let strike = json!({
        "accounts": [zoes], "reason": "They are one person.",
        "explanation": "Several accounts judged the same posts as one.",
    });
    let nullification = carol.post("/mod/vote-nullifications", strike).await.is(201).text("/id");
    let job = json!({
        "subjects": { "kind": "post", "ids": [judged] }, "actions": [action("hide")], "note": "Let us see.",
    });
    let job = carol.post("/mod/jobs", job).await.is(201).text("/id");
    let webhook = json!({ "url": "https://scripts.example/hook", "kinds": ["case_opened"], "note": "The bot of the desk." });
    let webhook = alice.post("/mod/webhooks", webhook).await.is(201).text("/id");
    alice.send(Method::POST, &format!("/mod/webhooks/{webhook}/test"), None).await.is(202);
    // What is over is watched to its end at once.
    carol.post(&format!("/mod/jobs/{job}/cancel"), json!({})).await.is(200);
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    let alice = app.sign_in("alice").await.with("inspection-reason", "Asked for.");
    alice.send(Method::POST, "/me/export", None).await.is(202);
    assert!(otherwise::worker::own_data_next(&app.app).await.unwrap());
    let document = app.guest().get("/openapi.json").await.is(200);
    let paths = document.body["paths"].as_object().unwrap();
    let paths: Vec<String> = paths
        .iter()
        .filter(|(_, operations)| operations.get("get").is_some())
        .map(|(path, _)| {
            let id = match path {
                path if path.ends_with("/votes") => &judged,
                path if path.contains("/posts/") => &post,
                path if path.contains("/vote-nullifications/") => &nullification,
                path if path.contains("/implications/") => &implication,
                path if path.contains("/reports/") => &report,
                path if path.contains("/mod/cases/") => &case,
                path if path.contains("/mod/jobs/") => &job,
                path if path.contains("/mod/automation-rules/") => &rule,
                path if path.contains("/mod/sets/") => &set,
                path if path.contains("/mod/webhooks/") => &webhook,
                path if path.contains("/mod/templates/") => &template,
                path if path.contains("/mod/queues/") => &queue,
                path if path.contains("/role-grants/") => &grant,
                path if path.contains("/me/decisions/") => &decision,
                path if path.contains("/mod/appeals/") => &others_appeal,
                path if path.contains("/appeals/") => &appeal,
                path if path.contains("/scenarios/") => &scenario,
                path if path.contains("/scenario-proposals/") => &proposal,
                path if path.contains("/reference-classes/") => &class,
                _ => &topic,
            };
            let whose = if path.contains("/mod/accounts/") { "zoe" } else { "alice" };
            let path = path.replace("{username}", whose).replace("{topic}", &topic).replace("{id}", id);
            assert!(!path.contains('{'), "{path}: name what is to be read here");
            let query = if path.ends_with("/stances") { format!("?topic={topic_id}") } else { String::new() };
            format!("/{path}{query}")
        })
        .collect();
    assert!(paths.len() >= 12, "{paths:?}");
    (app, alice, paths)
}

/// What belongs to one account, or changes without anybody changing anything.
fn is_kept_nowhere(path: &str) -> bool {
    is_own(path) || path.contains("/track-record") || path.ends_with("healthz") || path.ends_with("readyz")
}

/// What is shown to those whom it concerns only.
fn is_own(path: &str) -> bool {
    path.contains("/me")
        || path.contains("/mine")
        || path.ends_with("/sessions")
        || path.contains("/role-grants")
        || path.contains("/reports")
        || path.contains("/appeals")
        || path.contains("/mod/")
        || path.ends_with("/votes")
}

/// The headers of a request that an answer depends on.
fn varies_by(headers: &HeaderMap) -> HashSet<String> {
    let values = headers.get_all("vary").iter().flat_map(|value| value.to_str().unwrap().split(','));
    values.map(|name| name.trim().to_lowercase()).collect()
}

/// What HEAD answers: a type of content, and none.
async fn head(reader: &Client, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::head(path.strip_prefix('/').unwrap());
    if let Some(token) = &reader.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("inspection-reason", "Asked for.").body(Body::empty()).unwrap();
    let response = reader.server.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status.as_u16(), parts.headers, body)
}

#[tokio::test]
async fn everything_that_can_be_read_can_be_asked_about() {
    let (app, alice, paths) = everything_readable().await;
    for path in &paths {
        for reader in [&alice, &app.guest()] {
            if is_own(path) && reader.token.is_none() {
                reader.get(path).await.is_problem(401, "unauthenticated");
                continue;
            }
            let read = reader.get(path).await.is(200);
            let again = reader.get(path).await.is(200);
            assert_eq!(read.header("etag"), again.header("etag"), "{path}");
            if !is_kept_nowhere(path) {
                assert!(read.header("etag").is_some(), "{path}");
            }

            let (status, headers, body) = head(reader, path).await;
            assert_eq!((status, body.len()), (200, 0), "{path}");
            for name in ["etag", "cache-control", "content-type"] {
                assert_eq!(headers.get(name), read.headers.get(name), "{name} of {path}");
            }
            assert_eq!(varies_by(&headers), varies_by(&read.headers), "{path}");

            let Some(tag) = read.header("etag") else { continue };
            assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
            for known in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
                let reader = reader.with("if-none-match", &known);
                for method in ["GET", "HEAD"] {
                    let unchanged = send(&reader, method, path).await.is(304);
                    assert!(unchanged.bytes.is_empty(), "{path}");
                    for name in ["etag", "cache-control"] {
                        assert_eq!(unchanged.header(name), read.header(name), "{name} of {path}");
                    }
                    assert_eq!(varies_by(&unchanged.headers), varies_by(&read.headers), "{path}");
                }
            }
            reader.with("if-none-match", "\"x\"").get(path).await.is(200);
        }
    }
}

#[tokio::test]
async fn t6_what_is_personal_is_kept_nowhere() {
    let (app, alice, paths) = everything_readable().await;
    for path in &paths {
        let reply = alice.get(path).await;
        let cache = reply.header("cache-control").unwrap();
        let vary = varies_by(&reply.headers);
        if is_kept_nowhere(path) {
            assert_eq!(cache, "no-store", "{path}");
        } else if path.ends_with("openapi.json") || path.ends_with("identity-providers") {
            assert_eq!(cache, "public, no-cache");
        } else {
            assert_eq!(cache, "private, no-cache", "{path}");
            assert!(vary.contains("authorization"), "{path}: {vary:?}");
            let reply = app.guest().get(path).await;
            assert_eq!(reply.header("cache-control"), Some("public, no-cache"), "{path}");
        }
    }
    assert_eq!(register(&app.guest(), "bob").await.is(201).header("cache-control"), Some("no-store"));
    let edited = alice.patch("/me", json!({ "bio": "Text." })).await.is(200);
    assert_eq!(edited.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_change_makes_a_new_tag() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "It would have.").await;
    let path = format!("/posts/{post}");
    let tag = app.guest().get(&path).await.header("etag").unwrap().to_owned();
    let reader = app.guest().with("if-none-match", &tag);
    reader.get(&path).await.is(304);
    bob.judges(&post, 1).await;
    let voted = reader.get(&path).await.is(200);
    assert_eq!(voted.body["tallies"]["quality"]["up"], 1);
    // A vote is no new version: an edit of what was read before it is let through.
    let edit = json!({ "body": "It would not have." }).to_string();
    alice.with("if-match", &tag).send(Method::PATCH, &path, Some(edit.clone().into())).await.is(200);
    alice
        .with("if-match", &tag)
        .send(Method::PATCH, &path, Some(edit.into()))
        .await
        .is_problem(412, "precondition_failed");
}

#[tokio::test]
async fn b7_queries_are_read_strictly() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "It would have.").await;
    for list in [
        "/topics".to_owned(),
        "/sessions".to_owned(),
        format!("/topics/{topic}/thread"),
        format!("/posts/{post}/replies"),
        format!("/posts/{post}/revisions"),
        format!("/topics/{topic}/implications"),
        "/me/forecasts".to_owned(),
        "/reports".to_owned(),
        "/me/decisions".to_owned(),
        "/me/appeals".to_owned(),
        "/me/notes".to_owned(),
        "/me/messages".to_owned(),
        "/modlog".to_owned(),
    ] {
        for (query, field, code) in [
            ("limit=0", "limit", "out_of_range"),
            ("limit=101", "limit", "out_of_range"),
            ("limit=256", "limit", "out_of_range"),
            ("limit=4294967297", "limit", "out_of_range"),
            ("limit=x", "limit", "wrong_type"),
            ("limit=-1", "limit", "wrong_type"),
            ("limit=1.5", "limit", "wrong_type"),
            ("limit=", "limit", "wrong_type"),
            ("limit=99999999999999999999", "limit", "wrong_type"),
            ("limit=1&limit=1", "limit", "duplicate_field"),
            ("after=x&after=x", "after", "duplicate_field"),
            ("page=2", "page", "unknown_field"),
            ("Limit=1", "Limit", "unknown_field"),
            ("=", "", "unknown_field"),
        ] {
            let path = format!("{list}?{query}");
            let reply = alice.get(&path).await;
            let expected = json!([{ "field": field, "code": code }]);
            let mut errors = reply.body["errors"].clone();
            if let Some(error) = errors.get_mut(0).and_then(Value::as_object_mut) {
                error.remove("detail");
            }
            assert!(
                errors == expected || field.is_empty() && errors[0]["code"] == code,
                "{path}: {:#}",
                reply.body
            );
            reply.is_problem(422, "invalid");
        }
        for query in ["", "limit=1", "limit=100", "limit=%2B7", "limit=007"] {
            alice.get(&format!("{list}?{query}")).await.is(200);
        }
        for cursor in ["", "x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "e30", "%00", "null", "0"] {
            alice.get(&format!("{list}?after={cursor}")).await.is_problem(400, "invalid_cursor");
        }
    }
    alice.get("/topics?sort=worst").await.refuses(&[("sort", "unknown_value")]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    app.sign_in("alice").await;
    let bob = app.member("bob").await;
    app.sign_in("bob").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let other = alice.opens_topic("Had the Armada landed in Ireland").await;
    let mut posts = Vec::new();
    for topic in [&topic, &other] {
        let post = alice.posts_in(topic, "It would have.").await;
        for reply in ["Or not.", "Or later."] {
            bob.replies_to(topic, &post, reply).await;
        }
        alice.posts_in(topic, "And then?").await;
        alice.patch(&format!("/posts/{post}"), json!({ "body": "It would." })).await.is(200);
        posts.push(post);
    }
    // Each with a list that goes on after its first item, and with whose eyes it is read.
    let mut lists = Vec::new();
    for sort in ["active", "new", "top"] {
        lists.push((&alice, format!("/topics?sort={sort}")));
    }
    for sort in ["best", "top", "new", "old", "hot", "controversial"] {
        lists.push((&alice, format!("/topics/{topic}/thread?sort={sort}")));
        lists.push((&alice, format!("/posts/{}/replies?sort={sort}", posts[0])));
    }
    lists.push((&alice, format!("/topics/{other}/thread?sort=best")));
    lists.push((&alice, format!("/posts/{}/replies?sort=best", posts[1])));
    for post in &posts {
        lists.push((&alice, format!("/posts/{post}/revisions?")));
    }
    alice.proposes_part(&topic).await;
    alice.proposes_part(&topic).await;
    alice.proposes_part(&other).await;
    alice.proposes_part(&other).await;
    lists.push((&alice, format!("/topics/{topic}/scenario-proposals?")));
    lists.push((&alice, format!("/topics/{topic}/scenario-proposals?status=open")));
    lists.push((&alice, format!("/topics/{other}/scenario-proposals?")));
    lists.push((&alice, "/sessions?".to_owned()));
    lists.push((&bob, "/sessions?".to_owned()));

    let mut cursors = Vec::new();
    for (reader, path) in &lists {
        let page = reader.get(&format!("{path}&limit=1")).await.is(200);
        let next = page.body["next"].as_str().or(page.body["posts"]["next"].as_str());
        cursors.push(next.unwrap_or_else(|| panic!("{path} has no next: {:#}", page.body)).to_owned());
    }
    for (i, (reader, path)) in lists.iter().enumerate() {
        for (j, cursor) in cursors.iter().enumerate() {
            let reply = reader.get(&format!("{path}&limit=1&after={cursor}")).await;
            if i == j {
                reply.is(200);
            } else {
                assert_eq!(reply.status, 400, "{path} took the cursor of {}", lists[j].1);
                reply.is_problem(400, "invalid_cursor");
            }
        }
    }
}

#[tokio::test]
async fn a_tampered_cursor_is_refused() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for title in ["Had the Armada landed in Kent", "Had the Armada landed in Ireland"] {
        alice.opens_topic(title).await;
    }
    let page = app.guest().get("/topics?limit=1").await.is(200);
    let cursor = page.text("/next");
    let follow = |cursor: String| {
        let guest = app.guest();
        async move { guest.get(&format!("/topics?limit=1&after={cursor}")).await }
    };
    follow(cursor.clone()).await.is(200);
    for i in 0..cursor.len() {
        let mut bytes = cursor.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        follow(String::from_utf8(bytes).unwrap()).await.is_problem(400, "invalid_cursor");
    }
    for cursor in [
        cursor[1..].to_owned(),
        cursor[..cursor.len() - 1].to_owned(),
        format!("{cursor}A"),
        format!("{cursor}=="),
    ] {
        follow(cursor).await.is_problem(400, "invalid_cursor");
    }
}

#[tokio::test]
async fn a_cursor_can_be_followed_for_six_hours_and_on_any_server() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for title in ["Had the Armada landed in Kent", "Had the Armada landed in Ireland"] {
        alice.opens_topic(title).await;
    }
    let cursor = app.guest().get("/topics?limit=1").await.text("/next");
    let path = format!("/topics?limit=1&after={cursor}");
    app.another("").await.guest().get(&path).await.is(200);
    app.app.clock.advance(TimeDelta::hours(6));
    app.guest().get(&path).await.is(200);
    app.app.clock.advance(TimeDelta::seconds(1));
    app.guest().get(&path).await.is_problem(400, "cursor_expired");
}

/// A request that makes something, who makes it, and how to count what was made.
struct Creation {
    client: Client,
    path: String,
    body: Value,
    other_body: Value,
    rows: &'static str,
}

/// One of each kind.
async fn creations(app: &TestApp) -> Vec<Creation> {
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let first = alice.get(&format!("/topics/{topic}")).await.is(200).text("/scenarios/0/id");
    let proposal = |label: &str| {
        let part = json!({
            "label": label, "statement": "The court is safe in Wales.", "outcome_vs_actual": "absent",
            "parent_scenario_id": first,
        });
        json!({ "change": { "kind": "add", "scenario": part }, "reason": "It happened to others before her." })
    };
    vec![
        Creation {
            client: alice.clone(),
            path: format!("/topics/{topic}/scenario-proposals"),
            body: proposal("She flees"),
            other_body: proposal("She sails"),
            rows: "SELECT count(*) FROM scenario_proposal",
        },
        Creation {
            client: alice.clone(),
            path: format!("/topics/{topic}/posts"),
            body: json!({ "body": "It would have." }),
            other_body: json!({ "body": "It would not have." }),
            rows: "SELECT count(*) FROM post",
        },
        Creation {
            client: alice,
            path: "/topics".to_owned(),
            body: open_topic("Had the Armada landed in Ireland"),
            other_body: open_topic("Had the Armada landed in Wales"),
            rows: "SELECT count(*) FROM topic",
        },
        Creation {
            client: app.guest(),
            path: "/accounts".to_owned(),
            body: registration("bob"),
            other_body: registration("carol"),
            rows: "SELECT count(*) FROM account",
        },
        Creation {
            client: app.guest(),
            path: "/sessions".to_owned(),
            body: json!({ "login": "alice", "password": PASSWORD }),
            other_body: json!({ "login": "alice@example.org", "password": PASSWORD }),
            rows: "SELECT count(*) FROM session",
        },
    ]
}

/// What a retry must give again.
fn answer_of(reply: &Reply) -> (u16, Option<String>, Option<String>, Option<String>, Vec<u8>) {
    let header = |name| reply.header(name).map(str::to_owned);
    (reply.status, header("location"), header("etag"), header("cache-control"), reply.bytes.clone())
}

#[tokio::test]
async fn l6_a_retry_gets_the_first_answer() {
    let app = TestApp::new().await;
    for creation in creations(&app).await {
        let Creation { client, path, body, other_body, rows } = creation;
        let before = count(&app, rows).await;
        let key = format!("key-of-{}", path.replace('/', "-"));
        let client = client.with("idempotency-key", &key);
        let first = client.post(&path, body.clone()).await.is(201);
        assert!(first.header("location").is_some(), "{path}");
        app.app.clock.advance(TimeDelta::seconds(60));
        let again = client.post(&path, body.clone()).await;
        assert_eq!(answer_of(&first), answer_of(&again), "{path}");
        // The draft writes the key in quotes; it is the same key.
        let quoted = client.with("idempotency-key", &format!("\"{key}\""));
        assert_eq!(answer_of(&first), answer_of(&quoted.post(&path, body.clone()).await));
        assert_eq!(count(&app, rows).await, before + 1, "{path}");

        client.post(&path, other_body.clone()).await.is_problem(422, "idempotency_key_reused");
        assert_eq!(count(&app, rows).await, before + 1, "{path}");
        client.with("idempotency-key", &format!("{key}-2")).post(&path, other_body).await.is(201);
        assert_eq!(count(&app, rows).await, before + 2, "{path}");
    }
}

#[tokio::test]
async fn l6_a_key_is_for_one_path() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await.with("idempotency-key", "key-1");
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    alice
        .post(&format!("/topics/{topic}/posts"), json!({ "body": "It would have." }))
        .await
        .is_problem(422, "idempotency_key_reused");
    let other = alice.with("idempotency-key", "key-2").opens_topic("Had the Armada landed in Ireland").await;
    let body = json!({ "body": "It would have." });
    let third = alice.with("idempotency-key", "key-3");
    third.post(&format!("/topics/{topic}/posts"), body.clone()).await.is(201);
    third.post(&format!("/topics/{other}/posts"), body).await.is_problem(422, "idempotency_key_reused");
}

#[tokio::test]
async fn l6_keys_of_different_people_never_meet() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await.with("idempotency-key", "key-1");
    let bob = app.member("bob").await.with("idempotency-key", "key-1");
    let topic = app.sign_in("alice").await.opens_topic("Had the Armada landed in Kent").await;
    let path = format!("/topics/{topic}/posts");
    let by_alice = alice.post(&path, json!({ "body": "It would have." })).await.is(201);
    let by_bob = bob.post(&path, json!({ "body": "It would have." })).await.is(201);
    assert_ne!(by_alice.text("/id"), by_bob.text("/id"));
    assert_eq!(by_bob.text("/author/username"), "bob");
    bob.server
        .guest()
        .with("idempotency-key", "key-1")
        .post(&path, json!({ "body": "It would have." }))
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn l6_of_50_retries_at_once_one_does_the_work() {
    let app = TestApp::new().await;
    for creation in creations(&app).await {
        let Creation { client, path, body, rows, .. } = creation;
        let before = count(&app, rows).await;
        let key = format!("key-of-{}", path.replace('/', "-"));
        let client = client.with("idempotency-key", &key);
        let retries: JoinSet<Reply> = (0..50)
            .map(|_| {
                let (client, path, body) = (client.clone(), path.clone(), body.clone());
                async move { client.post(&path, body).await }
            })
            .collect();
        let mut replies = retries.join_all().await.into_iter();
        let first = replies.next().unwrap().is(201);
        for reply in replies {
            assert_eq!(answer_of(&reply), answer_of(&first), "{path}");
        }
        assert_eq!(count(&app, rows).await, before + 1, "{path}");
    }
}

#[tokio::test]
async fn l6_a_failure_uses_no_key_up() {
    let app = TestApp::new().await;
    let guest = app.guest().with("idempotency-key", "key-1");
    register(&guest, "x").await.is(422);
    register(&app.guest(), "alice").await.is(201);
    register(&guest, "alice").await.is_problem(409, "username_taken");
    let made = register(&guest, "bob").await.is(201);
    assert_eq!(answer_of(&register(&guest, "bob").await), answer_of(&made));
    let wrong = json!({ "login": "alice", "password": "wrong" });
    let guest = guest.with("idempotency-key", "key-2");
    guest.post("/sessions", wrong).await.is_problem(401, "wrong_credentials");
    let right = json!({ "login": "alice", "password": PASSWORD });
    guest.post("/sessions", right).await.is(201);
}

#[tokio::test]
async fn l6_while_the_first_request_is_at_work_the_second_is_told_so() {
    let app = TestApp::with("[database]\nlock_timeout_ms = 50").await;
    let alice = app.member("alice").await.with("idempotency-key", "key-1");
    let mut first = PgConnection::connect(app.database_url()).await.unwrap();
    // The first request has written its key and not yet committed.
    sea_orm::sqlx::raw_sql(
        "BEGIN; INSERT INTO idempotency_key (scope, key, operation, fingerprint, created_at)
                SELECT id::text, 'key-1', 'POST /api/v1/topics', ''::bytea, now() FROM account",
    )
    .execute(&mut first)
    .await
    .unwrap();
    let body = json!({ "title": "Had the Armada landed in Kent" });
    let told = alice.post("/topics", body.clone()).await.is_problem(409, "idempotency_key_in_use");
    assert!(told.header("retry-after").is_some());
    assert_eq!(count(&app, "SELECT count(*) FROM topic").await, 0);
    sea_orm::sqlx::raw_sql("ROLLBACK").execute(&mut first).await.unwrap();
    alice.post("/topics", body).await.is(201);
}

#[tokio::test]
async fn a_location_leads_to_what_was_made_in_any_script() {
    let app = TestApp::new().await;
    let made = register(&app.guest(), "жуков").await.is(201);
    let location = made.header("location").unwrap().to_owned();
    assert!(location.is_ascii(), "{location}");
    let found = app.guest().get(&format!("/{location}")).await.is(200);
    assert_eq!(found.body["username"], "жуков");
}

#[tokio::test]
async fn l6_a_key_is_printable_and_short() {
    let app = TestApp::new().await;
    for key in ["", "\"\"", "a b", "a\tb", "clé", &"x".repeat(256), " "] {
        register(&app.guest().with("idempotency-key", key), "alice")
            .await
            .is_problem(400, "malformed_request");
    }
    app.guest().get("/accounts/alice").await.is(404);
    for (key, username) in [
        ("x", "alice"),
        (&*"x".repeat(255), "bob"),
        ("018c2f7a-0000-7000-8000-000000000001", "carol"),
        ("' OR 1=1 --".replace(' ', "+").as_str(), "dave"),
    ] {
        register(&app.guest().with("idempotency-key", key), username).await.is(201);
    }
}

#[tokio::test]
async fn l6_keys_hold_on_every_server_of_a_database() {
    let app = TestApp::new().await;
    for creation in creations(&app).await {
        let Creation { client, path, body, rows, .. } = creation;
        let key = format!("key-of-{}", path.replace('/', "-"));
        let client = client.with("idempotency-key", &key);
        let first = client.post(&path, body.clone()).await.is(201);
        let before = count(&app, rows).await;
        let mut beside = client;
        beside.server = app.another("").await;
        assert_eq!(answer_of(&beside.post(&path, body).await), answer_of(&first), "{path}");
        assert_eq!(count(&app, rows).await, before, "{path}");
    }
}

#[tokio::test]
async fn l6_keys_are_forgotten_after_a_day() {
    let app = TestApp::new().await;
    register(&app.guest(), "alice").await.is(201);
    let guest = app.guest().with("idempotency-key", "key-1");
    let body = json!({ "login": "alice", "password": PASSWORD });
    let first = guest.post("/sessions", body.clone()).await.is(201);
    app.app.clock.advance(TimeDelta::hours(24));
    otherwise::worker::tidy(&app.app).await.unwrap();
    let again = guest.post("/sessions", body.clone()).await.is(201);
    assert_eq!(answer_of(&first), answer_of(&again));
    app.app.clock.advance(TimeDelta::seconds(1));
    assert!(otherwise::worker::tidy(&app.app).await.unwrap() >= 1);
    assert_eq!(count(&app, "SELECT count(*) FROM idempotency_key").await, 0);
    let later = guest.post("/sessions", body).await.is(201);
    assert_ne!(first.text("/refresh_token"), later.text("/refresh_token"));
}
