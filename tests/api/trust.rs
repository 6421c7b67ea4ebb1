//! Trust levels: earned by time and good posts, and never by being agreed with.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{Client, TestApp};

async fn level(app: &TestApp, username: &str) -> String {
    otherwise::trust::raise(&app.app, None).await.unwrap();
    app.rows(&format!("SELECT trust_level::text FROM account WHERE username = '{username}'")).await.remove(0)
}

async fn vote(who: &Client, post: &str, vote: serde_json::Value) {
    who.put(&format!("/posts/{post}/vote"), vote).await.is(200);
}

#[tokio::test]
async fn v5_quality_and_time_raise_a_level_and_agreement_does_not() {
    let settings = "[trust]\nlevel_1_days = 1\nlevel_1_accepted = 3\nlevel_1_praised = 0\n\
                    level_2_days = 2\nlevel_2_accepted = 3\nlevel_2_praised = 2\n\
                    level_3_days = 3\nlevel_3_accepted = 4\nlevel_3_praised = 3\n";
    let app = TestApp::with(settings).await;
    let (alice, carol) = (app.member("alice").await, app.member("carol").await);
    app.member("bob").await;
    let slug = carol.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for i in 0..3 {
        posts.push(alice.posts_in(&slug, &format!("Argument {i}.")).await);
    }
    app.app.clock.advance(TimeDelta::days(1) - TimeDelta::seconds(1));
    assert_eq!(level(&app, "alice").await, "0", "too young");
    app.app.clock.advance(TimeDelta::seconds(1));
    let (bob, carol) = (app.sign_in("bob").await, app.sign_in("carol").await);
    // Found bad, a post is no contribution; agreed with or not, it is what it was.
    vote(&bob, &posts[0], json!({ "quality": -1, "agreement": 1 })).await;
    vote(&carol, &posts[0], json!({ "agreement": 1 })).await;
    assert_eq!(level(&app, "alice").await, "0");
    vote(&bob, &posts[0], json!({ "quality": 0, "agreement": -1 })).await;
    vote(&carol, &posts[0], json!({ "agreement": -1 })).await;
    assert_eq!(level(&app, "alice").await, "1");

    app.app.clock.advance(TimeDelta::days(5));
    let (alice, bob, carol) =
        (app.sign_in("alice").await, app.sign_in("bob").await, app.sign_in("carol").await);
    posts.push(alice.posts_in(&slug, "One more.").await);
    for post in &posts {
        vote(&bob, post, json!({ "agreement": 1 })).await;
        vote(&carol, post, json!({ "agreement": 1 })).await;
    }
    assert_eq!(level(&app, "alice").await, "1", "agreement is no praise");
    vote(&bob, &posts[0], json!({ "quality": 1 })).await;
    vote(&carol, &posts[0], json!({ "quality": 1 })).await;
    assert_eq!(level(&app, "alice").await, "1", "one praised post, however often");
    vote(&bob, &posts[1], json!({ "quality": 1 })).await;
    assert_eq!(level(&app, "alice").await, "2");
    vote(&bob, &posts[2], json!({ "quality": 1 })).await;
    // As much praise as blame is none.
    vote(&carol, &posts[2], json!({ "quality": -1 })).await;
    assert_eq!(level(&app, "alice").await, "2");
    alice.delete_as_read(&format!("/posts/{}", posts[3])).await.is(200);
    vote(&carol, &posts[2], json!({ "quality": 0 })).await;
    assert_eq!(level(&app, "alice").await, "2", "a tombstone is no contribution");
    alice.posts_in(&slug, "And another.").await;
    assert_eq!(level(&app, "alice").await, "3");

    // What was earned stays.
    for post in &posts[..3] {
        vote(&bob, post, json!({ "quality": -1 })).await;
        vote(&carol, post, json!({ "quality": -1 })).await;
    }
    assert_eq!(level(&app, "alice").await, "3");
    assert_eq!(alice.get("/me").await.body["trust_level"], 3);
    assert_eq!(level(&app, "bob").await, "0", "voting is no contribution");
    let raised =
        app.rows("SELECT data ->> 'level' FROM event WHERE kind = 'trust_level_raised' ORDER BY seq").await;
    assert_eq!(raised, ["1", "2", "3"]);
}

#[tokio::test]
async fn v5_nobody_sets_a_level() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    alice.patch("/me", json!({ "trust_level": 3 })).await.refuses(&[("trust_level", "unknown_field")]);
    let registration = json!({
        "username": "bob", "email": "bob@example.org", "password": crate::support::PASSWORD, "trust_level": 3,
    });
    app.guest().post("/accounts", registration).await.refuses(&[("trust_level", "unknown_field")]);
    assert_eq!(level(&app, "alice").await, "0");
}

#[tokio::test]
async fn v5_a_walk_through_many_accounts_reaches_all_of_them() {
    let app = TestApp::new().await;
    let slug = app.member("alice").await.opens_topic("Had the Armada landed in Kent").await;
    let first = app.member("bob").await;
    let mut ids = Vec::new();
    for i in 0..3 {
        ids.push(first.posts_in(&slug, &format!("Argument {i}.")).await);
    }
    // A few thousand who posted as much, made as a test can: four rounds and a bit.
    app.sql(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), 'writer-' || n, 'writer-' || n, 'person', 'member', 0, 'active', 1, '2026-01-15', '2026-01-15'
         FROM generate_series(1, 4100) n;
         INSERT INTO post (id, topic_id, author_id, root_id, depth, body, body_html, renderer_version, citation_status, status, revision, created_at)
         SELECT id, t, a, id, 0, 'So.', '<p>So.</p>', 1, 'uncited', 'visible', 1, '2026-01-15'
         FROM (SELECT gen_random_uuid() AS id, a.id AS a, t.id AS t FROM account a, topic t, generate_series(1, 3) WHERE a.username LIKE 'writer-%') made;
         INSERT INTO post_tally (post_id, quality_up, quality_down, agree, disagree, reply_count, descendant_count)
         SELECT id, 0, 0, 0, 0, 0, 0 FROM post p WHERE NOT EXISTS (SELECT FROM post_tally t WHERE t.post_id = p.id)",
    )
    .await
    .unwrap();
    app.app.clock.advance(TimeDelta::days(2));
    let raised = async || app.rows("SELECT id::text FROM account WHERE trust_level = 1").await.len();
    let next = otherwise::trust::raise(&app.app, None).await.unwrap();
    assert_eq!((next.is_some(), raised().await), (true, 4000));
    let next = otherwise::trust::raise(&app.app, next).await.unwrap();
    assert_eq!((next.is_some(), raised().await), (false, 4101));
}
