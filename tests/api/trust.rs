//! Trust levels: earned by time and good posts, and never by being agreed with.

use chrono::TimeDelta;
use expect_test::expect;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Client, Reply, TestApp};

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

/// Settings under which newcomers make so many posts and topics in a day.
fn narrow(posts: u32, topics: u32) -> String {
    format!(
        "[trust]\nnewcomer_links = 2\nnewcomer_mentions = 2\nnewcomer_posts_per_day = {posts}\n\
         newcomer_topics_per_day = {topics}\n"
    )
}

async fn posts(who: &Client, topic: &str, body: &str) -> Reply {
    who.post(&format!("/topics/{topic}/posts"), json!({ "body": body })).await
}

#[tokio::test]
async fn v5_newcomers_post_so_often_in_a_day_and_others_as_they_like() {
    let app = TestApp::with(&narrow(3, 9)).await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let first = posts(&alice, &topic, "Argument 0.").await.is(201).text("/id");
    app.app.clock.advance(TimeDelta::minutes(4));
    posts(&alice, &topic, "Argument 1.").await.is(201);
    // A retry is one post, and a tombstone makes no room.
    let once = alice.with("idempotency-key", "one");
    let made = posts(&once, &topic, "Argument 2.").await.is(201);
    assert_eq!(posts(&once, &topic, "Argument 2.").await.is(201).body, made.body);
    alice.delete_as_read(&format!("/posts/{first}")).await.is(200);
    let refused = posts(&alice, &topic, "Argument 3.").await.is_problem(429, "newcomer_limit");
    // The first of them is a day old in a day but for four minutes.
    assert_eq!(refused.header("retry-after"), Some("86161"));
    assert_eq!(refused.header("ratelimit"), Some("\"newcomer-posts\";r=0;t=86161"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"newcomer-posts\";q=3;w=86400"));
    expect!["Newcomers make 3 posts in 24 hours, and none of these is left until 2026-01-16T12:00:00Z. A level of trust, which comes with time and good posts, ends that."].assert_eq(refused.body["detail"].as_str().unwrap());
    let count = "SELECT count(*)::text FROM post";
    assert_eq!(app.rows(count).await, ["3"], "nothing of it is kept");
    // Nobody who moderates is held to it, nor whoever has a level.
    for n in 0..5 {
        posts(&carol, &topic, &format!("Of the staff {n}.")).await.is(201);
    }
    app.sql("UPDATE account SET trust_level = 1 WHERE username = 'alice'").await.unwrap();
    posts(&alice, &topic, "Argument 3.").await.is(201);
    app.sql("UPDATE account SET trust_level = 0 WHERE username = 'alice'").await.unwrap();
    // A day after the first, there is room for as many as were made then.
    app.app.clock.advance(TimeDelta::days(1) - TimeDelta::minutes(4) - TimeDelta::seconds(1));
    let alice = app.sign_in("alice").await;
    posts(&alice, &topic, "Argument 4.").await.is_problem(429, "newcomer_limit");
    app.app.clock.advance(TimeDelta::minutes(4) + TimeDelta::seconds(1));
    let alice = app.sign_in("alice").await;
    for n in 4..7 {
        posts(&alice, &topic, &format!("Argument {n}.")).await.is(201);
    }
    posts(&alice, &topic, "Argument 7.").await.is_problem(429, "newcomer_limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn v5_of_many_things_that_a_newcomer_makes_at_once_so_many_are_made() {
    let app = TestApp::with(&narrow(3, 2)).await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topics = [
        alice.opens_topic("Had the Armada landed in Kent").await,
        alice.opens_topic("Had Elizabeth married").await,
    ];
    alice.post("/topics", json!({ "title": "Had Mary lived" })).await.is_problem(429, "newcomer_limit");
    let mut making = JoinSet::new();
    for n in 0..10 {
        let (bob, topic) = (bob.clone(), topics[n % 2].clone());
        making.spawn(async move { posts(&bob, &topic, &format!("Argument {n}.")).await.status });
        let bob = app.sign_in("bob").await;
        making.spawn(async move {
            bob.post("/topics", json!({ "title": format!("Had Mary lived {n} years") })).await.status
        });
    }
    let statuses = making.join_all().await;
    let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((of(201), of(429)), (5, 15), "{statuses:?}");
    let made = "SELECT concat_ws(' ', (SELECT count(*) FROM post), (SELECT count(*) FROM topic))";
    assert_eq!(app.rows(made).await, ["3 4"]);
}

#[tokio::test]
async fn v5_a_post_of_a_newcomer_has_few_links_and_calls_few_people() {
    let app = TestApp::with(&narrow(99, 9)).await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let fine = "See https://a.example, [b](https://b.example), @bob and @dora, or `https://c.example`.";
    let much = "See https://a.example, www.b.example, <https://c.example> and ![d](https://d.example/x.png).";
    let calls = "Hear, @bob, @dora and @Carol!";
    let post = posts(&alice, &topic, fine).await.is(201).text("/id");
    posts(&alice, &topic, much).await.refuses(&[("body", "too_many_links")]);
    posts(&alice, &topic, calls).await.refuses(&[("body", "too_many_mentions")]);
    let both = format!("{much} {calls}");
    posts(&alice, &topic, &both).await.refuses(&[("body", "too_many_links"), ("body", "too_many_mentions")]);
    // What was posted is not filled up afterwards.
    let edits = async |who: &Client, body: &str| {
        who.with("if-match", "*").patch(&format!("/posts/{post}"), json!({ "body": body })).await
    };
    edits(&alice, much).await.refuses(&[("body", "too_many_links")]);
    edits(&alice, "See https://a.example.").await.is(200);
    posts(&carol, &topic, &both).await.is(201);
    app.sql("UPDATE account SET trust_level = 1 WHERE username = 'alice'").await.unwrap();
    edits(&alice, much).await.is(200);
}

#[tokio::test]
async fn v5_none_is_none_at_all() {
    let app =
        TestApp::with("[trust]\nnewcomer_posts_per_day = 0\nnewcomer_links = 0\nnewcomer_topics_per_day = 0")
            .await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = carol.opens_topic("Had the Armada landed in Kent").await;
    posts(&alice, &topic, "At https://a.example.").await.refuses(&[("body", "too_many_links")]);
    let refused = posts(&alice, &topic, "So.").await.is_problem(429, "newcomer_limit");
    assert_eq!(refused.header("retry-after"), None, "time alone ends nothing");
    alice.post("/topics", json!({ "title": "Had Mary lived" })).await.is_problem(429, "newcomer_limit");
}

#[tokio::test]
async fn v5_under_a_wave_a_rule_has_first_posts_looked_at() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = carol.opens_topic("Had the Armada landed in Kent").await;
    let rule = json!({
        "name": "First posts", "explanation": "While there is a wave, somebody looks at the posts of newcomers.",
        "policy_rule": "spam", "triggers": { "post_created": true }, "action": "queue", "mode": "shadow",
        "when": { "trust_level": { "at_most": 0 } },
    });
    let rule = carol.post("/mod/automation-rules", rule).await.is(201);
    let path = format!("/mod/automation-rules/{}", rule.text("/id"));
    carol.post(&format!("{path}/test"), json!({ "last": 10 })).await.is(200);
    let version = format!("\"{}\"", rule.body["version"]);
    carol.with("if-match", &version).patch(&path, json!({ "mode": "enforce" })).await.is(200);
    posts(&alice, &topic, "So.").await.is(201);
    posts(&carol, &topic, "Or not.").await.is(201);
    while otherwise::worker::open_cases_next(&app.app).await.unwrap() {}
    let waiting = carol.get("/mod/cases").await.is(200).body;
    assert_eq!(waiting["items"].as_array().unwrap().len(), 1, "alice's: {waiting:#}");
}
