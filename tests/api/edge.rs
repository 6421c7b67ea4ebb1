//! The server's edge: other origins, headers of every answer, what reading leaves alone, fields that
//! nobody may send, and tokens that stand nowhere but in bodies.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::task::{Context, Waker};

use axum::http::Method;
use otherwise::clock::Time;
use otherwise::db::{all, sql};
use sea_orm::FromQueryResult;
use serde_json::{Value, json};

use crate::conventions::everything_readable;
use crate::openapi::{document, operations};
use crate::support::{Client, PASSWORD, Reply, TestApp};

const ORIGIN: &str = "https://good.example";

fn with_origins(lines: &str) -> String {
    format!("[server]\nallowed_origins = [\"{ORIGIN}\", \"http://localhost:3000\"]\n{lines}")
}

fn varies_by_origin(reply: &Reply) -> bool {
    let names = reply.headers.get_all("vary").iter().flat_map(|value| value.to_str().unwrap().split(','));
    names.map(|name| name.trim().to_lowercase()).any(|name| name == "origin")
}

fn preflight(client: &Client, origin: &str) -> Client {
    client
        .with("origin", origin)
        .with("access-control-request-method", "PATCH")
        .with("access-control-request-headers", "authorization,content-type,if-match")
}

#[tokio::test]
async fn b2_listed_origins_may_call_and_read() {
    let app = TestApp::with(&with_origins("")).await;
    app.member("alice").await;
    for origin in [ORIGIN, "http://localhost:3000"] {
        let page = app.guest().with("origin", origin);
        for (reply, status) in [
            (page.get("/topics").await, 200),
            (page.get("//healthz").await, 200),
            (page.get("/me").await, 401),
            (page.get("/nothing").await, 404),
            (page.delete("/topics").await, 405),
            (page.get(&format!("//{}", "a".repeat(9000))).await, 414),
            (page.post("/accounts", json!({ "username": "x" })).await, 422),
            (page.with("x-long", &"x".repeat(17_000)).get("/topics").await, 431),
        ] {
            let reply = reply.is(status);
            assert_eq!(reply.header("access-control-allow-origin"), Some(origin), "{status}");
            assert_eq!(reply.header("access-control-allow-credentials"), None);
            assert!(varies_by_origin(&reply), "{status}");
            let exposed = reply.header("access-control-expose-headers").unwrap();
            let exposed: BTreeSet<_> = exposed.split(',').collect();
            assert_eq!(
                exposed,
                ["etag", "location", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"].into()
            );
        }
    }
    // Whoever sends no origin is no page, and is answered as ever, by an answer that caches keep apart.
    let reply = app.guest().get("/topics").await.is(200);
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert!(varies_by_origin(&reply));
}

#[tokio::test]
async fn b2_other_origins_get_no_permission_whatever_they_look_like() {
    let app = TestApp::with(&with_origins("")).await;
    for origin in [
        "null",
        "*",
        "https://good.example.evil",
        "https://good.example.evil.example",
        "https://evilgood.example",
        "https://evil.example/https://good.example",
        "https://good.example@evil.example",
        "https://good.example:8443",
        "https://good.example:443",
        "https://good.example/",
        "https://good.exam",
        "https://sub.good.example",
        "https://GOOD.example",
        "http://good.example",
        "http://localhost:3001",
        "http://localhost",
        "good.example",
        "https://good.example https://evil.example",
        "https://good.example, https://evil.example",
        "",
    ] {
        let replies = [
            app.guest().with("origin", origin).get("/topics").await.is(200),
            preflight(&app.guest(), origin).send(Method::OPTIONS, "/topics", None).await.is(204),
        ];
        for reply in replies {
            assert_eq!(reply.header("access-control-allow-origin"), None, "{origin}");
            assert!(varies_by_origin(&reply), "{origin}");
        }
    }
}

#[tokio::test]
async fn b2_a_preflight_is_answered_and_counts_for_nothing() {
    let limits = "[rate_limits]\nenabled = true\nread_per_minute = 1\nwrite_per_minute = 1";
    let app = TestApp::with(&with_origins(limits)).await;
    for path in ["/me", "/topics", "/posts/018c2f7a-0000-7000-8000-000000000001", "/nothing", "//healthz"] {
        let page = preflight(&app.guest(), ORIGIN);
        let reply = page.send(Method::OPTIONS, path, None).await.is(204);
        assert!(reply.bytes.is_empty());
        assert_eq!(reply.header("access-control-allow-origin"), Some(ORIGIN));
        let list = |name| reply.header(name).unwrap().split(',').map(str::trim).collect::<BTreeSet<_>>();
        assert_eq!(
            list("access-control-allow-methods"),
            ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"].into()
        );
        assert_eq!(
            list("access-control-allow-headers"),
            [
                "authorization",
                "content-type",
                "idempotency-key",
                "if-match",
                "if-none-match",
                "inspection-reason",
                "x-request-id"
            ]
            .into()
        );
        assert_eq!(reply.header("access-control-max-age"), Some("7200"));
        assert_eq!(reply.header("ratelimit-policy"), None);
        has_security_headers(&reply, false, path);
    }
    app.guest().get("/topics").await.is(200);
    app.guest().get("/topics").await.is(429);
    // An OPTIONS that is no preflight is a method like any other.
    let reply =
        app.guest().send(Method::OPTIONS, "/topics", None).await.is_problem(405, "method_not_allowed");
    assert!(reply.header("allow").is_some());
}

#[tokio::test]
async fn b2_without_a_list_nobody_is_allowed() {
    let app = TestApp::new().await;
    let page = preflight(&app.guest(), ORIGIN);
    let refused = page.send(Method::OPTIONS, "/topics", None).await.is_problem(405, "method_not_allowed");
    let read = app.guest().with("origin", ORIGIN).get("/topics").await.is(200);
    for reply in [refused, read] {
        assert!(reply.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
    }
}

#[track_caller]
fn has_security_headers(reply: &Reply, https: bool, what: &str) {
    let what = format!("{what}: {}", reply.status);
    for (name, value) in [
        ("x-content-type-options", Some("nosniff")),
        ("referrer-policy", Some("no-referrer")),
        ("cross-origin-resource-policy", Some("same-origin")),
        ("strict-transport-security", https.then_some("max-age=31536000")),
        ("server", None),
        ("x-powered-by", None),
    ] {
        assert_eq!(reply.header(name), value, "{name}, {what}");
    }
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src") && policy.contains("frame-ancestors 'none'"), "{policy}, {what}");
    assert!(reply.header("x-request-id").is_some_and(|id| !id.is_empty()), "{what}");
    if reply.status >= 400 {
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{what}");
    }
}

/// A path of the document with something in it that may be there.
fn filled(path: &str, topic: &str, post: &str) -> String {
    let id = if path.contains("/topics/") { topic } else { post };
    format!("/{}", path.replace("{username}", "alice").replace("{topic}", topic).replace("{id}", id))
}

#[tokio::test]
async fn b3_every_answer_of_every_operation_has_the_security_headers() {
    for public_url in ["http://debates.example", "https://debates.example"] {
        let https = public_url.starts_with("https");
        let app = TestApp::with(&format!("[server]\npublic_url = \"{public_url}\"")).await;
        let alice = app.member("alice").await;
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        let post = alice.posts_in(&topic, "It would have.").await;
        let document = document();
        let mut statuses = BTreeMap::new();
        for (path, method, _) in operations(&document) {
            // Those that end the session are asked at the end.
            if method == Method::DELETE
                && (path.ends_with("/sessions") || path.ends_with("/sessions/current"))
            {
                continue;
            }
            let asked = filled(&path, &topic, &post);
            for client in [&app.guest(), &alice, &alice.with("if-match", "*"), &app.bearer("x")] {
                for body in [None, Some(b"{".to_vec()), Some(b"{}".to_vec()), Some(vec![b' '; 300_000])] {
                    let reply = client.send(method.clone(), &asked, body).await;
                    has_security_headers(&reply, https, &format!("{method} {path}"));
                    *statuses.entry(reply.status).or_insert(0) += 1;
                }
            }
        }
        for status in [200, 400, 401, 403, 404, 409, 413, 415, 422, 428] {
            assert!(statuses.contains_key(&status), "{statuses:?}");
        }
        for (method, path, status) in [
            (Method::DELETE, "/sessions/current", 204),
            (Method::GET, "/nothing", 404),
            (Method::TRACE, "/topics", 405),
            (Method::OPTIONS, "/topics", 405),
            (Method::GET, "//docs", 308),
            (Method::GET, "//docs/", 200),
            (Method::GET, "//docs/swagger-ui.css", 200),
            (Method::GET, &format!("//{}", "a".repeat(9000)), 414),
        ] {
            let reply = alice.send(method.clone(), path, None).await.is(status);
            has_security_headers(&reply, https, path);
        }
    }
}

#[tokio::test]
async fn l1_headers_have_at_most_16_kib() {
    let app = TestApp::new().await;
    // A name, a value and four bytes between and after them.
    let long = |length: usize| app.guest().with("x-long", &"x".repeat(length - 10));
    long(16 * 1024).get("/topics").await.is(200);
    let reply = long(16 * 1024 + 1).get("/topics").await.is_problem(431, "headers_too_large");
    has_security_headers(&reply, false, "431");
    // Many small ones count together.
    let mut many = app.guest();
    for name in ["x-one", "x-two", "x-three", "x-four"] {
        many = many.with(name, &"x".repeat(4095));
    }
    many.get("/topics").await.is_problem(431, "headers_too_large");
}

#[tokio::test]
async fn l3_a_body_that_does_not_arrive_is_given_up_and_so_is_its_connection() {
    struct Never;
    impl hyper::body::Body for Never {
        type Data = axum::body::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }
    let app = TestApp::with("[server]\nbody_timeout_secs = 1\nrequest_timeout_secs = 1000000").await;
    let request = axum::http::Request::post("/api/v1/accounts")
        .header("content-type", "application/json")
        .body(axum::body::Body::new(Never))
        .unwrap();
    let response = tower::ServiceExt::oneshot(app.router.clone(), request).await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(response.headers()["connection"], "close");
}

/// A digest of every row of every table.
async fn digest(app: &TestApp) -> BTreeMap<String, String> {
    let tables = app
        .rows("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
        .await;
    assert!(tables.len() > 25, "{tables:?}");
    let mut digests = BTreeMap::new();
    for table in tables {
        let digest = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t::text)), '') FROM {table} t"
        );
        digests.insert(table, app.rows(&digest).await.remove(0));
    }
    digests
}

#[tokio::test]
async fn b5_reading_changes_nothing() {
    let (app, alice, mut paths) = everything_readable().await;
    // Getting a copy of one's data is recorded, and so is looking at who voted, at what accounts share and at the audit log,
    // like all that is done with what is personal.
    let recorded = ["/me/export/file", "/votes", "/related", "/mod/audit", "/mod/audit/verify"];
    paths.retain(|path| !recorded.iter().any(|end| path.ends_with(end)));
    // Other settings over the same database: reading is counted, and not there.
    let mut alice = alice;
    alice.server = app.another("[rate_limits]\nenabled = true").await;
    // That somebody was shown the crowd is noted once, since their next vector is told from one without.
    for crowd in paths.iter().filter(|path| path.contains("/topics/") && path.ends_with("/credences")) {
        alice.get(crowd).await.is(200);
    }
    let before = digest(&app).await;
    let (guest, stranger) = (alice.server.guest(), alice.server.bearer("x"));
    app.app.clock.advance(chrono::TimeDelta::seconds(60));
    alice.server.app.clock.advance(chrono::TimeDelta::seconds(60));
    for path in &paths {
        for client in [&alice, &guest, &stranger, &alice.with("if-none-match", "*")] {
            for method in [Method::GET, Method::HEAD] {
                let reply = client.send(method.clone(), path, None).await;
                assert!(reply.status < 500, "{method} {path}");
            }
            // Neither does a body make it something else.
            client.send(Method::GET, path, Some(b"{\"state\":\"deleted\"}".to_vec())).await;
        }
    }
    assert_eq!(digest(&app).await, before);
}

#[tokio::test]
async fn h9_the_document_has_exactly_the_routes() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let document = document();
    let mut routes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, method, _) in operations(&document) {
        routes.entry(path).or_default().insert(method.to_string());
    }
    for (path, documented) in &routes {
        let asked = filled(path, "nothing", "018c2f7a-0000-7000-8000-000000000001");
        let mut documented = documented.clone();
        if documented.contains("GET") {
            documented.insert("HEAD".to_owned());
        }
        for method in [
            "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND",
            "QUERY", "get",
        ] {
            if path.ends_with("/current") && method == "DELETE" {
                continue;
            }
            let reply = alice.send(Method::from_bytes(method.as_bytes()).unwrap(), &asked, None).await;
            if documented.contains(method) {
                assert_ne!(reply.status, 405, "{method} {path} is in the document and not served");
            } else {
                assert_eq!(reply.status, 405, "{method} {path} is served and not in the document");
                let allow = reply.header("allow").unwrap();
                let allow: BTreeSet<_> = allow.split(',').map(|name| name.trim().to_owned()).collect();
                assert_eq!(allow, documented, "{path}");
            }
        }
    }
    // What is routed without the document's knowledge is the page that shows it.
    let mut bare = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let line = line.trim();
                if line.contains(".route(")
                    || line.contains(".nest_service(")
                    || line.contains(".route_service(")
                {
                    let name = path.file_name().unwrap().to_str().unwrap();
                    bare.push(format!("{name}: {}", line.split('"').nth(1).unwrap_or(line)));
                }
            }
        }
    }
    bare.sort();
    assert_eq!(
        bare,
        ["router.rs: /docs", "router.rs: /docs/", "router.rs: /docs/{*file}", "serve.rs: /metrics"]
    );
    // And numbers about the server are not to be had here.
    app.guest().get("//metrics").await.is_problem(404, "not_found");
}

/// The alternatives of a schema but null, references followed.
fn shapes<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        return shapes(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            return choices.iter().flat_map(|choice| shapes(document, choice)).collect();
        }
    }
    if schema["type"] == "null" { Vec::new() } else { vec![schema] }
}

fn type_of(schema: &Value) -> &str {
    let named = schema["type"].as_str();
    let listed = || schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null");
    named.or_else(listed).unwrap_or("object")
}

/// A place in a body: the fields and list items that lead to it, and what stands there.
struct Place<'a> {
    path: Vec<String>,
    schema: &'a Value,
}

/// Every place in the bodies that a schema describes, to a depth.
fn places<'a>(document: &'a Value, schema: &'a Value, path: &[String], found: &mut Vec<Place<'a>>) {
    if path.len() > 6 {
        return;
    }
    for shape in shapes(document, schema) {
        found.push(Place { path: path.to_vec(), schema: shape });
        match type_of(shape) {
            "object" => {
                for (name, property) in shape["properties"].as_object().into_iter().flatten() {
                    places(document, property, &[path, &[name.clone()]].concat(), found);
                }
            }
            "array" => places(document, &shape["items"], &[path, &["[]".to_owned()]].concat(), found),
            _ => {}
        }
    }
}

/// A body with this value at that place, and nothing else on the way there.
fn body_with(path: &[String], value: &str) -> String {
    path.iter().rev().fold(value.to_owned(), |inner, step| {
        if step == "[]" { format!("[{inner}]") } else { format!("{{{}:{inner}}}", json!(step)) }
    })
}

/// Makes alice an administrator.
const MAKE_ALICE_ADMINISTRATOR: &str = "INSERT INTO role_grant (id, account_id, role, permissions, reason, granted_at)
     SELECT gen_random_uuid(), id, 'administrator', '{}', 'For this test.', now() FROM account WHERE username = 'alice'";

/// The operations that take bodies: method, path, and the schema.
fn with_bodies(document: &Value) -> Vec<(Method, String, Value)> {
    operations(document)
        .into_iter()
        .filter_map(|(path, method, operation)| {
            let schema = operation.pointer("/requestBody/content/application~1json/schema")?;
            Some((method, path, schema.clone()))
        })
        .collect()
}

#[tokio::test]
async fn a5_no_body_takes_a_field_that_it_does_not_have() {
    let (app, alice, _) = everything_readable().await;
    // The topic is open, and such are the staff's to change.
    app.sql(MAKE_ALICE_ADMINISTRATOR).await.unwrap();
    let topic = alice.get("/topics").await.text("/items/0/slug");
    let post = alice.get(&format!("/topics/{topic}/thread")).await.text("/posts/items/0/id");
    let document = document();
    let before = digest(&app).await;
    let (mut objects, mut bodies, mut of_others) = (0, 0, BTreeSet::new());
    for (method, path, schema) in with_bodies(&document) {
        bodies += 1;
        let mut found = Vec::new();
        places(&document, &schema, &[], &mut found);
        for place in found.iter().filter(|place| type_of(place.schema) == "object") {
            // What another standard describes is passed on as it is.
            if place.schema.get("properties").is_none() {
                of_others.insert(place.path.last().cloned().unwrap_or_default());
                continue;
            }
            objects += 1;
            for field in [
                "role",
                "is_admin",
                "author_id",
                "score",
                "created_at",
                "state",
                "verified",
                "user_id",
                "__proto__",
            ] {
                if place.schema["properties"].get(field).is_some() {
                    continue;
                }
                let body = body_with(&place.path, &format!("{{\"{field}\":true}}"));
                let client = alice.with("if-match", "*");
                let reply = client
                    .send(method.clone(), &filled(&path, &topic, &post), Some(body.clone().into()))
                    .await;
                assert_eq!(reply.status, 422, "{method} {path} {body}: {:#}", reply.body);
                let named = reply.body["errors"][0]["field"].as_str().unwrap().to_owned();
                let code = reply.body["errors"][0]["code"].as_str().unwrap();
                // One of several that are known by their only field is told by that.
                let is_choice =
                    place.schema["properties"].as_object().is_some_and(|fields| fields.len() == 1);
                assert!(
                    code == "unknown_field" && named.ends_with(field) || is_choice && code == "unknown_value",
                    "{method} {path} {body}: {:#}",
                    reply.body
                );
            }
        }
    }
    assert_eq!(Vec::from_iter(of_others), ["credential"]);
    assert!(bodies >= 9 && objects >= 30, "{bodies} bodies, {objects} objects");
    assert_eq!(digest(&app).await, before);
}

#[tokio::test]
async fn a_stranger_is_turned_away_before_what_they_sent_is_looked_at() {
    let (app, alice, _) = everything_readable().await;
    let topic = alice.get("/topics").await.text("/items/0/slug");
    let post = alice.get(&format!("/topics/{topic}/thread")).await.text("/posts/items/0/id");
    let document = document();
    let mut tried = 0;
    for (method, path, _) in with_bodies(&document) {
        let named = &document["paths"][&path][method.as_str().to_lowercase()]["security"];
        if named.as_array().unwrap().iter().any(|one| one.as_object().unwrap().is_empty()) {
            continue;
        }
        tried += 1;
        // Neither JSON nor the version that an edit has to name.
        let reply =
            app.guest().send(method.clone(), &filled(&path, &topic, &post), Some(b"{".to_vec())).await;
        reply.is_problem(401, "unauthenticated");
    }
    assert!(tried >= 8, "{tried} operations");
}

#[tokio::test]
async fn b7_no_value_is_taken_for_one_of_another_type() {
    let (app, alice, _) = everything_readable().await;
    // The topic is open, and such are the staff's to change.
    app.sql(MAKE_ALICE_ADMINISTRATOR).await.unwrap();
    let topic = alice.get("/topics").await.text("/items/0/slug");
    let post = alice.get(&format!("/topics/{topic}/thread")).await.text("/posts/items/0/id");
    let document = document();
    let before = digest(&app).await;
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    for (method, path, schema) in with_bodies(&document) {
        let mut found = Vec::new();
        places(&document, &schema, &[], &mut found);
        // Where a value may have several forms, it is wrong only if it has none of them.
        let mut types: BTreeMap<Vec<String>, BTreeSet<&str>> = BTreeMap::new();
        for place in &found {
            types.entry(place.path.clone()).or_default().insert(type_of(place.schema));
        }
        for (place, types) in types {
            let wrong = [
                ("boolean", "true"),
                ("string", "\"true\""),
                ("string", "\"yes\""),
                ("string", "\"1\""),
                ("number", "1.5"),
                ("integer", "1"),
                ("array", "[[]]"),
                ("object", "{\"true\":{}}"),
            ];
            for (kind, value) in wrong {
                let fits = types.contains(kind) || kind == "integer" && types.contains("number");
                // An object with a field that it does not have is the test above.
                if fits {
                    continue;
                }
                let body = body_with(&place, value);
                let client = alice.with("if-match", "*");
                let reply = client
                    .send(method.clone(), &filled(&path, &topic, &post), Some(body.clone().into()))
                    .await;
                assert_eq!(reply.status, 422, "{method} {path} {body}: {:#}", reply.body);
                *tried.entry(types.iter().next().unwrap().to_string()).or_default() += 1;
                // The same, said twice.
                if let [field] = place.as_slice() {
                    let name = json!(field);
                    let body = format!("{{{name}:null,{name}:null}}");
                    let reply =
                        client.send(method.clone(), &filled(&path, &topic, &post), Some(body.into())).await;
                    reply.is_problem(422, "invalid");
                }
            }
        }
    }
    for kind in ["boolean", "integer", "string", "array", "object"] {
        assert!(tried.contains_key(kind), "{tried:?}");
    }
    assert_eq!(digest(&app).await, before);
}

#[tokio::test]
async fn t6_tokens_stand_in_bodies_only() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let register = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    let mut replies = vec![guest.post("/accounts", register).await.is(201)];
    let first = guest.with("idempotency-key", "key-1").post("/sessions", credentials.clone()).await.is(201);
    let again = guest.with("idempotency-key", "key-1").post("/sessions", credentials).await.is(201);
    let token = json!({ "refresh_token": first.text("/refresh_token") });
    let next = guest.post("/sessions/refresh", token).await.is(200);
    let wrong = json!({ "refresh_token": first.text("/access_token") });
    replies.push(guest.post("/sessions/refresh", wrong).await.is(401));
    let mut secrets = vec![PASSWORD.to_owned()];
    for reply in [&first, &next] {
        secrets.extend([reply.text("/access_token"), reply.text("/refresh_token")]);
    }
    let alice = app.bearer(&next.text("/access_token"));
    let mut crawled = vec!["/me".to_owned(), "/sessions".to_owned(), "/accounts/alice".to_owned()];
    crawled.push(first.header("location").unwrap().trim_start_matches("/api/v1").to_owned());
    for path in &crawled {
        replies.push(alice.get(path).await);
    }
    for reply in &replies {
        let body = String::from_utf8_lossy(&reply.bytes);
        assert!(secrets.iter().all(|secret| !body.contains(secret)), "{body}");
    }
    replies.extend([first, again, next]);
    for reply in &replies {
        // All but the public profile.
        if reply.body.get("state").is_some()
            || reply.body.get("access_token").is_some()
            || reply.status >= 400
        {
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{:#}", reply.body);
        }
        for (name, value) in &reply.headers {
            let value = value.to_str().unwrap();
            assert!(secrets.iter().all(|secret| !value.contains(secret)), "{name}: {value}");
        }
    }
    // And no address asks for one.
    for (path, method, operation) in operations(&document()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let secret = ["token", "password", "secret", "code"].iter().any(|word| name.contains(word));
            assert!(parameter["in"] == "header" || !secret, "{method} {path}: {name}");
        }
    }
}

#[tokio::test]
async fn a_transaction_that_is_given_up_while_it_begins_is_not_left_open() {
    #[derive(FromQueryResult)]
    struct Moment {
        at: Time,
    }
    let app = TestApp::new().await;
    let moment = async |question| {
        let moments: Vec<Moment> = all(&app.app.db, sql(question, [])).await.unwrap();
        moments[0].at
    };
    for polls in 1..20 {
        {
            let mut begin = pin!(app.app.begin());
            for _ in 0..polls {
                if begin.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let given_up = moment("SELECT clock_timestamp() AS at").await;
        for _ in 0..3 {
            // In a transaction that was left open, it is still the time at which that began.
            assert!(moment("SELECT now() AS at").await >= given_up, "after {polls} polls");
        }
    }
}
