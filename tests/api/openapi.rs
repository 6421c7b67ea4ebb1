//! The document that describes the API: complete, true where that can be tried, and kept in docs/.

use std::collections::{HashMap, HashSet};

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::builders::open_topic;

/// What stands for an identifier, a name or a slug in a path.
const ID: &str = "0198c5f0-0000-7000-8000-00000000dead";

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

pub fn document() -> Value {
    serde_json::to_value(otherwise::router::document()).unwrap()
}

/// Every operation with its path and method.
pub fn operations(document: &Value) -> Vec<(String, Method, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (name, operation) in item.as_object().unwrap() {
            if METHODS.contains(&&**name) {
                let method = name.to_uppercase().parse().unwrap();
                operations.push((path.clone(), method, operation.clone()));
            }
        }
    }
    operations
}

/// Whether an operation says that it may be called without signing in.
fn allows_anonymous(operation: &Value) -> bool {
    operation["security"].as_array().is_none_or(|ways| ways.is_empty() || ways.contains(&json!({})))
}

/// The smallest value that a schema takes: what is required, and no more.
fn sample(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return sample(document, document.pointer(pointer).unwrap());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return sample(document, &choices[0]);
    }
    if let Some(choices) = schema["enum"].as_array() {
        return choices[0].clone();
    }
    if let Some(example) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return example.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let field = |name: &Value| {
                let name = name.as_str().unwrap();
                (name.to_owned(), sample(document, &schema["properties"][name]))
            };
            required.iter().map(field).collect()
        }
        Some("array") if schema["minItems"] == 1 => json!([sample(document, &schema["items"])]),
        Some("array") => json!([]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(false),
        Some("string") if schema["format"] == "uuid" => json!(ID),
        Some("string") if schema["format"] == "email" => json!("alice@example.org"),
        Some("string") => json!("x".repeat(schema["minLength"].as_u64().unwrap_or(1).try_into().unwrap())),
        other => panic!("no sample of a schema of type {other:?}: {schema:#}"),
    }
}

#[test]
fn every_operation_says_what_it_is() {
    let document = document();
    let operations = operations(&document);
    assert!(operations.len() >= 25, "{}", operations.len());
    let known: HashSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids: HashMap<&str, &str> = HashMap::new();
    for (path, method, operation) in &operations {
        let place = format!("{method} {path}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!((1..=60).contains(&summary.chars().count()), "{place}: summary {summary:?}");
        assert!(!summary.ends_with('.'), "{place}: summary {summary:?}");
        let tags = operation["tags"].as_array().unwrap();
        assert_eq!(tags.len(), 1, "{place}: {tags:?}");
        assert!(known.contains(tags[0].as_str().unwrap()), "{place}: {tags:?}");
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "{place}: no operationId");
        if let Some(other) = ids.insert(id, path) {
            panic!("{place}: {id} is the operationId of {other} as well");
        }
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
        assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{place}");
        let succeeds =
            operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2'));
        assert!(succeeds, "{place}: no success");
        assert!(operation["security"].is_array(), "{place}: no word on signing in");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_part_of_a_path_is_described() {
    let document = document();
    let mut parts = vec![&document];
    while let Some(part) = parts.pop() {
        match part {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
                    assert!(target.is_some(), "{reference} leads nowhere");
                }
                parts.extend(fields.values());
            }
            Value::Array(items) => parts.extend(items),
            _ => {}
        }
    }
    for (path, method, operation) in operations(&document) {
        let mut described: Vec<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let mut named: Vec<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        described.sort_unstable();
        named.sort_unstable();
        assert_eq!(described, named, "{method} {path}");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_is_answered_401_wherever_that_is_needed() {
    let app = TestApp::new().await;
    let document = document();
    let (mut closed, mut open) = (0, 0);
    for (path, method, operation) in operations(&document) {
        let segment = |part: &str| if part.starts_with('{') { ID.to_owned() } else { part.to_owned() };
        let path: Vec<_> = path.split('/').map(segment).collect();
        let path = path.join("/");
        let mut client = app.guest();
        let mut body = None;
        if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
            body = Some(sample(&document, schema).to_string().into_bytes());
        }
        let needs_version = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|parameter| parameter["name"] == "If-Match");
        if needs_version {
            client = client.with("if-match", "*");
        }
        let reply = client.send(method.clone(), &format!("/{path}"), body).await;
        if allows_anonymous(&operation) {
            open += 1;
            // Wrong credentials and tokens are refused in words of their own.
            assert_ne!(reply.body["code"], "unauthenticated", "{method} {path}");
        } else {
            closed += 1;
            assert_eq!(
                (reply.status, reply.body["code"].as_str()),
                (401, Some("unauthenticated")),
                "{method} {path}: {:#}",
                reply.body
            );
            assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{method} {path}");
        }
        let bad = client.with("authorization", "Bearer nonsense");
        if !operation["security"].as_array().unwrap().iter().all(|way| *way == json!({})) {
            bad.send(method.clone(), &format!("/{path}"), None).await.is_problem(401, "invalid_token");
        }
    }
    assert!(closed >= 10 && open >= 10, "{closed} closed, {open} open");
}

#[tokio::test]
async fn the_document_is_served_and_kept_in_docs() {
    let app = TestApp::new().await;
    let served = app.guest().get("/openapi.json").await.is(200);
    assert_eq!(served.body, document());
    assert_eq!(served.body["openapi"], "3.1.0");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    let kept: Value = serde_json::from_str(&kept).unwrap_or_default();
    assert!(
        kept == document(),
        "docs/openapi.json is not what the program says; renew it: cargo run -- openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn the_page_of_the_document_loads_nothing_from_elsewhere() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let moved = guest.get("//docs").await.is(308);
    assert_eq!(moved.header("location"), Some("/docs/"));
    let page = guest.get("//docs/").await.is(200);
    assert_eq!(page.header("content-type"), Some("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';"), "{policy}");
    assert!(!policy.contains("http"), "{policy}");
    let mut waiting = vec!["index.html".to_owned(), "swagger-initializer.js".to_owned()];
    let mut seen = HashSet::new();
    while let Some(file) = waiting.pop() {
        if !seen.insert(file.clone()) {
            continue;
        }
        let asset = guest.get(&format!("//docs/{file}")).await.is(200);
        let text = String::from_utf8_lossy(&asset.bytes).into_owned();
        assert!(!text.is_empty(), "{file}");
        if file.ends_with(".js") && file != "swagger-initializer.js" {
            continue;
        }
        for load in loads(&text) {
            assert!(!load.contains("//") || load.starts_with("data:"), "{file} loads {load}");
            if !load.starts_with("data:") && !load.starts_with('#') {
                waiting.push(load.trim_start_matches("./").to_owned());
            }
        }
        if file == "swagger-initializer.js" {
            assert!(text.contains("/api/v1/openapi.json"), "{text}");
            assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
        }
    }
    assert!(seen.len() >= 6, "{seen:?}");
    guest.get("//docs/nothing.js").await.is_problem(404, "not_found");
    guest.get("//docs/..%2f..%2fCargo.toml").await.is_problem(404, "not_found");
}

/// What a page or a style sheet loads: values of `src` and `href`, and of `url()`.
fn loads(text: &str) -> Vec<String> {
    let mut loads = Vec::new();
    for (start, end) in [("src=\"", '"'), ("href=\"", '"'), ("url(", ')'), ("@import \"", '"')] {
        for rest in text.split(start).skip(1) {
            let value = rest.split(end).next().unwrap_or_default();
            loads.push(value.trim_matches(['"', '\'']).to_owned());
        }
    }
    loads
}

#[tokio::test]
async fn the_server_says_how_it_is() {
    let app = TestApp::new().await;
    for path in ["//healthz", "//readyz"] {
        let reply = app.guest().get(path).await.is(200);
        assert_eq!(reply.body, json!({ "status": "ok" }));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    // A schema that is not this program's: alive, and not ready.
    app.sql("DELETE FROM seaql_migrations").await.unwrap();
    app.guest().get("//healthz").await.is(200);
    let reply = app.guest().get("//readyz").await.is_problem(503, "unavailable");
    assert!(reply.header("retry-after").is_some());
}

/// Every text in a schema, by the way that leads to it: names of fields, and `0` for the first item of a list.
fn texts(document: &Value, schema: &Value, way: &[String], found: &mut Vec<Vec<String>>) {
    texts_within(document, schema, way, &[], found);
}

/// The same within schemas, each of which is followed once where it contains itself.
fn texts_within(
    document: &Value,
    schema: &Value,
    way: &[String],
    within: &[&str],
    found: &mut Vec<Vec<String>>,
) {
    if let Some(reference) = schema["$ref"].as_str() {
        if !within.contains(&reference) {
            let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
            texts_within(document, schema, way, &[within, &[reference]].concat(), found);
        }
        return;
    }
    let texts = |document: &Value, schema: &Value, way: &[String], found: &mut Vec<Vec<String>>| {
        texts_within(document, schema, way, within, found);
    };
    let deeper = |step: &str| [way, &[step.to_owned()]].concat();
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        texts(document, choice, way, found);
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        texts(document, schema, &deeper(name), found);
    }
    if schema["items"].is_object() {
        texts(document, &schema["items"], &deeper("0"), found);
    }
    let is_text = schema["type"] == "string"
        || schema["type"].as_array().is_some_and(|types| types.contains(&json!("string")));
    if is_text && schema.get("enum").is_none() && !found.iter().any(|known| known == way) {
        found.push(way.to_vec());
    }
}

/// Whether a way through a schema goes on with this step.
fn leads_on(document: &Value, schema: &Value, step: &str) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return leads_on(document, document.pointer(reference.trim_start_matches('#')).unwrap(), step);
    }
    let choices = schema["oneOf"].as_array();
    choices.is_some_and(|choices| choices.iter().any(|choice| leads_on(document, choice, step)))
        || schema["properties"].get(step).is_some()
        || step == "0" && schema["items"].is_object()
}

/// What a schema asks for, and on this way the text; where the way leads through a list, one item of it.
fn sample_with(document: &Value, schema: &Value, way: &[String], text: &str) -> Value {
    let Some((step, rest)) = way.split_first() else { return json!(text) };
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
        return sample_with(document, schema, way, text);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let choice = choices.iter().find(|choice| leads_on(document, choice, step)).unwrap();
        return sample_with(document, choice, way, text);
    }
    if step == "0" {
        return json!([sample_with(document, &schema["items"], rest, text)]);
    }
    let mut object = sample(document, schema);
    object[step] = sample_with(document, &schema["properties"][step], rest, text);
    object
}

#[tokio::test]
async fn no_text_field_takes_what_is_no_text() {
    let app = TestApp::with("[webhooks]\nenabled = true").await;
    let alice = app.administrator("alice").await;
    let made = alice.post("/topics", open_topic("Had the Armada landed in Kent")).await.is(201);
    let (topic, scenario) = (made.text("/slug"), made.text("/scenarios/0/id"));
    let post = alice.posts_in(&topic, "A post.").await;
    let document = document();
    let digest = async || {
        app.rows(
            "SELECT md5(concat((SELECT string_agg(t::text, ',' ORDER BY id) FROM account t),
                               (SELECT string_agg(t::text, ',' ORDER BY id) FROM topic t),
                               (SELECT string_agg(t::text, ',' ORDER BY id) FROM post t),
                               (SELECT count(*) FROM session), (SELECT count(*) FROM source)))",
        )
        .await
    };
    let before = digest().await;
    let mut tried = 0;
    for (path, method, operation) in operations(&document) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else {
            continue;
        };
        let place = path
            .replace("{topic}", &topic)
            .replace("{id}", if path.contains("/scenarios/") { &scenario } else { &post });
        let mut ways = Vec::new();
        texts(&document, schema, &[], &mut ways);
        for way in ways {
            let named = way.join(".").replace(".0", "[0]");
            let client = alice.with("if-match", "*");
            // U+0000 is JSON and no text that a database would keep.
            let body = sample_with(&document, schema, &way, "a\u{0}b").to_string();
            let reply =
                client.send(method.clone(), &format!("/{place}"), Some(body.clone().into_bytes())).await;
            let at = format!("{method} {path} {named}: {} {:#}", reply.status, reply.body);
            match reply.status {
                // A historic date is refused as a whole.
                422 => {
                    let field = &reply.body["errors"][0]["field"];
                    assert!(*field == *named || *field == *named.trim_end_matches(".value"), "{at}");
                }
                // Anything may be tried as a name, a password or a token; it is just never right.
                401 => assert!(["login", "password", "refresh_token"].contains(&&*named), "{at}"),
                400 => assert_eq!(
                    (&*named, &reply.body["code"]),
                    ("token", &json!("invalid_email_token")),
                    "{at}"
                ),
                _ => panic!("{at}"),
            }
            // Half of a surrogate pair is no character, so the whole is no JSON.
            let body = body.replace("a\\u0000b", "a\\ud800b");
            assert!(body.contains("ud800"), "{body}");
            let reply = client.send(method.clone(), &format!("/{place}"), Some(body.into_bytes())).await;
            reply.is_problem(400, "malformed_json");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried} text fields");
    assert_eq!(digest().await, before);
}
