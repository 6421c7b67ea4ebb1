//! Roles: given and taken back, at once; within their scope; never above one's own rank.

use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::builders::open_topic;
use crate::support::{Client, PASSWORD, Reply, TestApp};

fn site() -> Value {
    json!({ "kind": "site" })
}

fn tag(tag: &str) -> Value {
    json!({ "kind": "tag", "tag": tag })
}

async fn grant(by: &Client, to: &str, what: Value, scope: Value) -> Reply {
    let mut grant = json!({ "scope": scope, "reason": "Asked for." });
    grant.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
    by.post(&format!("/accounts/{to}/role-grants"), grant).await
}

async fn moderator(by: &Client, to: &str, scope: Value) -> String {
    grant(by, to, json!({ "role": "moderator" }), scope).await.is(201).text("/id")
}

/// Tries what only moderators of a topic may.
async fn edits(who: &Client, topic: &str) -> Reply {
    let body = json!({ "horizon_reason": "Her death." }).to_string().into();
    who.with("if-match", "*").send(axum::http::Method::PATCH, &format!("/topics/{topic}"), Some(body)).await
}

async fn tagged(author: &Client, slug: &str, tags: &[&str], status: &str) {
    let mut topic = open_topic("Had the Armada landed in Kent");
    topic["slug"] = json!(slug);
    topic["tags"] = json!(tags);
    topic["status"] = json!(status);
    author.post("/topics", topic).await.is(201);
}

#[tokio::test]
async fn a8_a_grant_counts_from_the_next_request_on_and_so_does_its_end() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let slug = app.member("bob").await.opens_topic("Had the Armada landed in Kent").await;
    edits(&alice, &slug).await.is_problem(403, "not_your_topic");
    let given = grant(&carol, "alice", json!({ "role": "moderator" }), site()).await.is(201);
    let url = given.header("location").unwrap().trim_start_matches("/api/v1").to_owned();
    assert_eq!(carol.get(&url).await.is(200).body, given.body);
    given.matches(expect![[r#"
        {
          "account": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "moderator",
            "username": "alice"
          },
          "expires_at": null,
          "granted_at": "2026-01-15T12:00:00Z",
          "granted_by": {
            "id": "00000000-0000-7000-8000-000000000003",
            "role": "administrator",
            "username": "carol"
          },
          "id": "00000000-0000-7000-8000-00000000000f",
          "in_force": true,
          "permissions": [],
          "reason": "Asked for.",
          "revoked_at": null,
          "revoked_by": null,
          "role": "moderator",
          "scope": {
            "kind": "site",
            "tag": null,
            "topic_id": null
          }
        }
    "#]]);
    // The same token, and the same session.
    edits(&alice, &slug).await.is(200);
    assert_eq!(alice.get("/me").await.body["role"], "moderator");
    assert_eq!(app.guest().get("/accounts/alice").await.body["role"], "moderator");

    carol.delete(&url).await.is(204);
    edits(&alice, &slug).await.is_problem(403, "not_your_topic");
    assert_eq!(alice.get("/me").await.body["role"], "member");
    let over = carol.get(&url).await.is(200);
    assert_eq!(
        (&over.body["in_force"], &over.body["revoked_by"]["username"]),
        (&json!(false), &json!("carol"))
    );
    carol.delete(&url).await.is_problem(404, "not_found");
    let recorded = app
        .rows(
            "SELECT format('%s %s %s', verb, outcome, data - 'grant') FROM audit_log l
             JOIN account o ON o.id = l.object_id WHERE o.username = 'alice' AND verb LIKE '%role' ORDER BY seq",
        )
        .await;
    expect![[r#"
        grant_role done {"tag": null, "role": "moderator", "topic": null, "expires_at": null, "permissions": []}
        revoke_role done {"tag": null, "role": "moderator", "topic": null, "expires_at": null, "permissions": []}
    "#]].assert_eq(&format!("{}\n", recorded.join("\n")));
}

#[tokio::test]
async fn a7_a_grant_holds_within_its_scope() {
    let app = TestApp::new().await;
    let (alice, bob, carol) =
        (app.member("alice").await, app.member("bob").await, app.administrator("carol").await);
    for (slug, tags, status) in [
        ("open-here", &["armada", "england"][..], "open"),
        ("draft-here", &["england"], "draft"),
        ("open-there", &["cold-war"], "open"),
        ("draft-there", &[], "draft"),
    ] {
        tagged(&bob, slug, tags, status).await;
    }
    let seen = async |who: &Client| {
        let mut seen = Vec::new();
        for slug in ["open-here", "draft-here", "open-there", "draft-there"] {
            seen.push((who.get(&format!("/topics/{slug}")).await.status, edits(who, slug).await.status));
        }
        let listed = who.get("/topics?sort=new").await.is(200);
        (seen, listed.body["items"].as_array().unwrap().len())
    };
    assert_eq!(seen(&alice).await, (vec![(200, 403), (404, 404), (200, 403), (404, 404)], 2));
    let of_tag = moderator(&carol, "alice", tag("england")).await;
    assert_eq!(seen(&alice).await, (vec![(200, 200), (200, 200), (200, 403), (404, 404)], 3));
    // Readers see no role that is not for the whole site.
    assert_eq!(app.guest().get("/accounts/alice").await.body["role"], "member");
    let id = bob.get("/topics/draft-there").await.text("/id");
    let of_topic = moderator(&carol, "alice", json!({ "kind": "topic", "topic_id": id })).await;
    assert_eq!(seen(&alice).await, (vec![(200, 200), (200, 200), (200, 403), (200, 200)], 4));
    carol.delete(&format!("/role-grants/{of_tag}")).await.is(204);
    assert_eq!(seen(&alice).await, (vec![(200, 403), (404, 404), (200, 403), (200, 200)], 3));
    carol.delete(&format!("/role-grants/{of_topic}")).await.is(204);
    assert_eq!(seen(&alice).await, (vec![(200, 403), (404, 404), (200, 403), (404, 404)], 2));

    // A set of permissions gives what is in it.
    grant(&carol, "alice", json!({ "permissions": ["report.read"] }), site()).await.is(201);
    assert_eq!(seen(&alice).await.1, 2);
    grant(&carol, "alice", json!({ "permissions": ["topic.edit"] }), site()).await.is(201);
    assert_eq!(seen(&alice).await, (vec![(200, 200); 4], 4));
    // Who is suspended has no use of it.
    app.suspend("alice").await;
    assert_eq!(seen(&alice).await, (vec![(200, 403), (404, 404), (200, 403), (404, 404)], 2));
}

#[tokio::test]
async fn a_grant_ends_when_it_says_so() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let slug = app.member("bob").await.opens_topic("Had the Armada landed in Kent").await;
    let until = json!({ "role": "moderator", "expires_at": "2026-01-15T12:05:00Z" });
    let id = grant(&carol, "alice", until, site()).await.is(201).text("/id");
    app.app.clock.advance(TimeDelta::seconds(299));
    edits(&alice, &slug).await.is(200);
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(alice.get("/me").await.body["role"], "moderator");
    app.app.clock.advance(TimeDelta::seconds(1));
    // By the clock: nobody has done anything.
    edits(&alice, &slug).await.is_problem(403, "not_your_topic");
    carol.delete(&format!("/role-grants/{id}")).await.is_problem(404, "not_found");
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.guest().get("/accounts/alice").await.body["role"], "member");
    assert_eq!(app.guest().get("/accounts/carol").await.body["role"], "administrator");
}

#[tokio::test]
async fn a7_nobody_acts_on_themselves_nor_above_their_rank() {
    let app = TestApp::new().await;
    let carol = app.administrator("carol").await;
    let dora = app.administrator("dora").await;
    let (alice, bob, mallory) =
        (app.member("alice").await, app.member("bob").await, app.member("mallory").await);
    let role = |role: &str| json!({ "role": role });
    let of = async |username: &str| {
        carol.get(&format!("/accounts/{username}/role-grants")).await.text("/items/0/id")
    };
    let take = async |by: &Client, id: &str| by.delete(&format!("/role-grants/{id}")).await;

    grant(&app.guest(), "alice", role("moderator"), site()).await.is_problem(401, "unauthenticated");
    grant(&mallory, "mallory", role("administrator"), site()).await.is_problem(403, "not_allowed");
    grant(&carol, "carol", role("moderator"), site()).await.is_problem(403, "own_role");
    take(&carol, &of("carol").await).await.is_problem(403, "own_role");
    // Moderators do not make moderators.
    moderator(&carol, "alice", site()).await;
    grant(&alice, "bob", role("moderator"), site()).await.is_problem(403, "not_allowed");

    // Whoever may grant gives what they have, where they have it.
    moderator(&carol, "bob", tag("armada")).await;
    grant(&carol, "bob", json!({ "permissions": ["role.grant"] }), tag("armada")).await.is(201);
    let given = moderator(&bob, "mallory", tag("armada")).await;
    for (what, scope) in [
        (role("administrator"), site()),
        (role("moderator"), site()),
        (role("moderator"), tag("cold-war")),
        (json!({ "permissions": ["purge"] }), tag("armada")),
        (json!({ "permissions": ["topic.edit", "pii.read"] }), tag("armada")),
    ] {
        grant(&bob, "mallory", what, scope).await.is_problem(403, "outranked");
    }
    grant(&bob, "carol", role("moderator"), tag("armada")).await.is_problem(403, "outranked");
    take(&bob, &of("carol").await).await.is_problem(403, "outranked");
    take(&bob, &of("alice").await).await.is_problem(403, "outranked");
    take(&bob, &given).await.is(204);
    // Others are not told which grants there are.
    take(&mallory, &of("alice").await).await.is_problem(404, "not_found");
    mallory.get(&format!("/role-grants/{}", of("alice").await)).await.is_problem(404, "not_found");
    take(&dora, &of("carol").await).await.is(204);
    grant(&carol, "mallory", role("moderator"), site()).await.is_problem(403, "not_allowed");

    app.load_first_debate().await;
    let imported = app.rows("SELECT username FROM account WHERE kind = 'imported' LIMIT 1").await;
    grant(&dora, &imported[0], role("moderator"), site()).await.is_problem(403, "not_allowed");
    grant(&dora, "nobody.here", role("moderator"), site()).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn of_two_administrators_who_depose_each_other_one_stays() {
    let app = TestApp::new().await;
    let (carol, dora) = (app.administrator("carol").await, app.administrator("dora").await);
    let of = async |username: &str| {
        carol.get(&format!("/accounts/{username}/role-grants")).await.text("/items/0/id")
    };
    let (of_carol, of_dora) = (of("carol").await, of("dora").await);
    // Dora's request is let in and waits here, while Carol's is done.
    use sea_orm::sqlx::{Connection, PgConnection, query};
    let mut holder = PgConnection::connect(app.database_url()).await.unwrap();
    query("BEGIN").execute(&mut holder).await.unwrap();
    query("SELECT FROM account WHERE username = 'carol' FOR NO KEY UPDATE")
        .execute(&mut holder)
        .await
        .unwrap();
    let waits = tokio::spawn(async move { dora.delete(&format!("/role-grants/{of_carol}")).await });
    while app.waiting().await == 0 {}
    carol.delete(&format!("/role-grants/{of_dora}")).await.is(204);
    query("ROLLBACK").execute(&mut holder).await.unwrap();
    waits.await.unwrap().is_problem(409, "last_administrator");
    assert_eq!(carol.get("/me").await.body["role"], "administrator");
}

#[tokio::test]
async fn a_grant_that_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    let carol = app.administrator("carol").await;
    app.member("alice").await;
    let post = async |body: Value| carol.post("/accounts/alice/role-grants", body).await;
    let whole = json!({ "role": "moderator", "scope": site(), "reason": "Asked for." });
    for (field, value, wrong, code) in [
        ("role", json!("member"), "role", "not_granted"),
        ("role", json!("emperor"), "role", "unknown_value"),
        ("role", Value::Null, "role", "missing"),
        ("permissions", json!(["topic.edit"]), "permissions", "ambiguous"),
        ("permissions", json!(["everything"]), "permissions[0]", "unknown_value"),
        ("scope", json!({ "kind": "topic" }), "scope.topic_id", "missing"),
        ("scope", json!({ "kind": "tag" }), "scope.tag", "missing"),
        ("scope", json!({ "kind": "tag", "tag": "No Tag" }), "scope.tag", "not_a_tag"),
        ("scope", json!({ "kind": "site", "tag": "armada" }), "scope", "ambiguous"),
        (
            "scope",
            json!({ "kind": "topic", "topic_id": "0198c5f0-0000-7000-8000-00000000dead" }),
            "scope.topic_id",
            "not_found",
        ),
        ("reason", json!(" "), "reason", "blank"),
        ("reason", json!("a".repeat(501)), "reason", "too_long"),
        ("expires_at", json!("2026-01-15T12:00:00Z"), "expires_at", "not_in_future"),
        ("granted_by", json!("alice"), "granted_by", "unknown_field"),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        post(body).await.refuses(&[(wrong, code)]);
    }
    let elsewhere = json!({ "role": "administrator", "scope": tag("armada"), "reason": "Asked for." });
    post(elsewhere).await.refuses(&[("scope", "site_only")]);
    assert_eq!(app.rows("SELECT id::text FROM role_grant").await.len(), 1, "Carol's own");
    let once = carol.with("idempotency-key", "one-grant");
    let first = once.post("/accounts/alice/role-grants", whole.clone()).await.is(201);
    assert_eq!(once.post("/accounts/alice/role-grants", whole).await.is(201).body, first.body);
    assert_eq!(app.rows("SELECT id::text FROM role_grant").await.len(), 2);
}

#[tokio::test]
async fn grants_are_listed_for_whoever_has_them_and_whoever_may_grant() {
    let app = TestApp::new().await;
    let (alice, bob, carol) =
        (app.member("alice").await, app.member("bob").await, app.administrator("carol").await);
    let mut ids = Vec::new();
    for name in ["armada", "england", "spain"] {
        ids.insert(0, moderator(&carol, "alice", tag(name)).await);
    }
    carol.delete(&format!("/role-grants/{}", ids[1])).await.is(204);
    let path = "/accounts/alice/role-grants?limit=2";
    for reader in [&alice, &carol] {
        let first = reader.get(path).await.is(200);
        assert_eq!(first.header("cache-control"), Some("no-store"));
        let second = reader.get(&format!("{path}&after={}", first.text("/next"))).await.is(200);
        let read: Vec<&str> = [&first, &second]
            .iter()
            .flat_map(|page| page.body["items"].as_array().unwrap())
            .map(|item| item["id"].as_str().unwrap())
            .collect();
        assert_eq!(read, ids);
        assert_eq!(second.body["next"], Value::Null);
    }
    bob.get(path).await.is_problem(403, "not_allowed");
    app.guest().get(path).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn r1_the_session_of_somebody_with_a_grant_is_short() {
    let app = TestApp::new().await;
    let carol = app.administrator("carol").await;
    let mut tokens = Vec::new();
    for username in ["alice", "bob"] {
        app.member(username).await;
        let credentials = json!({ "login": username, "password": PASSWORD });
        tokens.push(app.guest().post("/sessions", credentials).await.is(201).text("/refresh_token"));
    }
    // The sessions began before.
    moderator(&carol, "alice", tag("armada")).await;
    app.app.clock.advance(TimeDelta::hours(12));
    let refresh =
        async |token: &str| app.guest().post("/sessions/refresh", json!({ "refresh_token": token })).await;
    refresh(&tokens[0]).await.is_problem(401, "invalid_refresh_token");
    refresh(&tokens[1]).await.is(200);
}

#[tokio::test]
async fn the_database_holds_what_a_grant_is() {
    let app = TestApp::new().await;
    app.member("alice").await;
    app.administrator("carol").await;
    for (constraint, columns, values) in [
        ("role_grant_role_known", "role", "'member'"),
        ("role_grant_role_or_permissions", "role, permissions", "'moderator', '{purge}'"),
        ("role_grant_role_or_permissions", "reason", "''"),
        ("role_grant_permissions_known", "permissions", "'{everything}'"),
        ("role_grant_tag_shape", "role, tag", "'moderator', 'No Tag'"),
        ("role_grant_administrator_of_all", "role, tag", "'administrator', 'armada'"),
        (
            "role_grant_not_to_oneself",
            "role, granted_by",
            "'moderator', (SELECT id FROM account WHERE username = 'alice')",
        ),
        ("role_grant_expires_later", "role, expires_at", "'moderator', '2026-01-15T12:00:00Z'"),
        (
            "role_grant_revoked_by_somebody",
            "role, revoked_by",
            "'moderator', (SELECT id FROM account WHERE username = 'carol')",
        ),
        ("role_grant_topic_fkey", "role, topic_id", "'moderator', gen_random_uuid()"),
    ] {
        let (mut names, mut given) = (columns.to_owned(), values.to_owned());
        for (name, value) in [("permissions", "'{}'"), ("reason", "'Asked for.'")] {
            if !columns.contains(name) {
                names = format!("{name}, {names}");
                given = format!("{value}, {given}");
            }
        }
        let insert = format!(
            "INSERT INTO role_grant (id, account_id, granted_at, {names})
             SELECT gen_random_uuid(), id, '2026-01-15T12:00:00Z', {given} FROM account WHERE username = 'alice'"
        );
        app.refuses_sql(constraint, &insert).await;
    }
}
