//! The authorisation matrix: every operation of the document, by everybody, on what is theirs, another's or
//! hidden. An operation that is not here fails the test.

mod answers;
mod bodies;
mod tried_on;
mod world;

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Value, json};

use self::bodies::body;
use self::tried_on::{On, tried_on};
use self::world::{roles, world};
use crate::support::{Client, Reply};

fn operations() -> Vec<(String, Method, String)> {
    let document = serde_json::to_value(otherwise::router::document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let (Ok(method), Some(id)) = (method.to_uppercase().parse(), operation["operationId"].as_str())
            {
                // Which value is to go is said there.
                let query = if id == "remove_set_value" { "?value=spam" } else { "" };
                found.push((id.to_owned(), method, format!("{path}{query}")));
            }
        }
    }
    found
}

fn filled(path: &str, thing: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { thing.to_owned() } else { part.to_owned() };
    format!("/{}", path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

async fn attempt(who: &Client, method: &Method, path: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string().into_bytes());
    let who = who.with("if-match", "*").with("inspection-reason", "Asked for.");
    who.send(method.clone(), path, body).await
}

#[tokio::test]
async fn a1_every_operation_by_everybody_on_everything() {
    let world = world().await;
    let (mut table, mut number) = (String::new(), 0);
    for (operation, method, path) in operations() {
        for on in tried_on(&operation) {
            let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for role in roles(&world).await {
                number += 1;
                let thing = world.thing(&operation, *on, number).await;
                let body = body(&operation, number, &role);
                let reply = attempt(&role.client, &method, &filled(&path, &thing), body).await;
                world.put_back().await;
                assert!(reply.status < 500, "{operation} {on:?} {}: {:#}", role.name, reply.body);
                let code = reply.body["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
                outcomes.entry(format!("{}{code}", reply.status)).or_default().push(role.name);
            }
            let on = if *on == On::Itself { String::new() } else { format!(" on {on:?}") };
            table += &format!("{operation}{on}\n");
            for (outcome, names) in outcomes {
                let everybody = names.len() == 11;
                table += &format!(
                    "  {outcome}: {}\n",
                    if everybody { "everybody".to_owned() } else { names.join(" ") }
                );
            }
        }
        world.app.sql("DELETE FROM personal_access_token WHERE name LIKE 'owner%'").await.unwrap();
    }
    answers::of_everybody().assert_eq(&table);
}

#[tokio::test]
async fn a2_what_is_hidden_is_answered_like_what_is_not_there() {
    let world = world().await;
    let mut compared = 0;
    for (operation, method, path) in operations() {
        let hidden: &[On] = match tried_on(&operation) {
            [On::Open, On::Draft] => &[On::Draft],
            [On::Alices]
                if ![
                    "read_profile",
                    "read_track_record",
                    "list_recorded_credences",
                    "list_recorded_mind_changes",
                    "list_role_grants",
                    "create_role_grant",
                ]
                .contains(&&*operation) =>
            {
                &[On::Alices]
            }
            _ => continue,
        };
        for on in hidden {
            for role in roles(&world).await {
                if !["anonymous", "member", "unverified"].contains(&role.name) {
                    continue;
                }
                compared += 1;
                let thing = world.thing(&operation, *on, 1000 + compared).await;
                let nothing = "0198c5f0-0000-7000-8000-00000000dead";
                let mut answers = Vec::new();
                for id in [&*thing, nothing] {
                    let body = body(&operation, compared, &role);
                    let mut reply = attempt(&role.client, &method, &filled(&path, id), body).await;
                    reply.body["request_id"] = json!("");
                    let headers: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
                    answers.push((reply.status, reply.body, headers));
                }
                assert_eq!(answers[0], answers[1], "{operation} by {}", role.name);
                assert!([401, 403, 404].contains(&answers[0].0), "{operation} by {}: {answers:?}", role.name);
                world.put_back().await;
            }
        }
        world.app.sql("DELETE FROM personal_access_token WHERE name LIKE 'owner%'").await.unwrap();
    }
    assert!(compared >= 20, "{compared}");
}
