//! Votes: two axes that do not touch each other, and counters that are never wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use axum::extract::FromRequestParts;
use axum::http::{Method, Request};
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::http::Asker;
use otherwise::ids::PostId;
use otherwise::votes::rules::Ballot;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp};

impl Client {
    /// Votes on a post.
    async fn votes(&self, post: &str, vote: Value) -> Reply {
        self.put(&format!("/posts/{post}/vote"), vote).await
    }
}

/// The votes of an answer, in short: up, down, agree, disagree.
fn tallies(value: &Value) -> [i64; 4] {
    let count = |axis: &str, side: &str| value["tallies"][axis][side].as_i64().unwrap();
    [
        count("quality", "up"),
        count("quality", "down"),
        count("agreement", "agree"),
        count("agreement", "disagree"),
    ]
}

/// Posts whose counters differ from the sum of the votes; none, unless something is wrong.
async fn miscounted(app: &TestApp) -> Vec<String> {
    app.rows(
        "SELECT format('%s: %s/%s/%s/%s counted, %s/%s/%s/%s cast', t.post_id, quality_up, quality_down, agree, disagree,
                       v.up, v.down, v.yes, v.no)
         FROM post_tally t CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
                    count(*) FILTER (WHERE agreement = 1) AS yes, count(*) FILTER (WHERE agreement = -1) AS no
             FROM vote WHERE vote.post_id = t.post_id) v
         WHERE (quality_up, quality_down, agree, disagree) <> (v.up, v.down, v.yes, v.no)",
    )
    .await
}

#[tokio::test]
async fn i9_the_axes_are_independent_and_a_missing_one_is_left_as_it_was() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.member("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    for (voter, vote, counted, mine) in [
        (&bob, json!({ "quality": 1 }), [1, 0, 0, 0], [1, 0]),
        (&bob, json!({ "agreement": -1 }), [1, 0, 0, 1], [1, -1]),
        (&bob, json!({ "agreement": -1 }), [1, 0, 0, 1], [1, -1]),
        (&bob, json!({}), [1, 0, 0, 1], [1, -1]),
        (&carol, json!({ "quality": 1, "agreement": 1 }), [2, 0, 1, 1], [1, 1]),
        (&bob, json!({ "quality": -1 }), [1, 1, 1, 1], [-1, -1]),
        (&bob, json!({ "quality": 0 }), [1, 0, 1, 1], [0, -1]),
        (&carol, json!({ "agreement": 0 }), [1, 0, 0, 1], [1, 0]),
        (&bob, json!({ "quality": 0, "agreement": 0 }), [1, 0, 0, 0], [0, 0]),
    ] {
        let reply = voter.votes(&post, vote.clone()).await.is(200);
        assert_eq!(tallies(&reply.body), counted, "{vote}");
        assert_eq!(reply.body["mine"], json!({ "quality": mine[0], "agreement": mine[1] }), "{vote}");
        assert_eq!(tallies(&app.guest().get(&format!("/posts/{post}")).await.body), counted);
        assert_eq!(miscounted(&app).await, Vec::<String>::new());
    }
    let reply = carol.votes(&post, json!({ "quality": -1, "agreement": 1 })).await.is(200);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.matches(expect![[r#"
        {
          "mine": {
            "agreement": 1,
            "quality": -1
          },
          "post_id": "00000000-0000-7000-8000-00000000000e",
          "tallies": {
            "agreement": {
              "agree": 1,
              "disagree": 0
            },
            "quality": {
              "down": 1,
              "up": 0
            }
          }
        }
    "#]]);
    assert_eq!(app.rows("SELECT count(*)::text FROM vote").await, ["2"]);
}

#[tokio::test]
async fn taking_a_vote_back_takes_both_axes_back() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    let url = format!("/posts/{post}/vote");
    let none = json!({ "quality": 0, "agreement": 0 });
    assert_eq!(bob.delete(&url).await.is(200).body["mine"], none);
    bob.votes(&post, json!({ "quality": -1, "agreement": 1 })).await.is(200);
    for _ in 0..2 {
        let reply = bob.delete(&url).await.is(200);
        assert_eq!(tallies(&reply.body), [0; 4]);
        assert_eq!(reply.body["mine"], none);
    }
    let again = bob.votes(&post, json!({ "agreement": 1 })).await.is(200);
    assert_eq!(tallies(&again.body), [0, 0, 1, 0]);
    assert_eq!(again.body["mine"], json!({ "quality": 0, "agreement": 1 }));
}

#[tokio::test]
async fn what_is_no_vote_is_refused() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    for axis in ["quality", "agreement"] {
        for (value, code) in [
            (json!(null), "wrong_type"),
            (json!(2), "out_of_range"),
            (json!(-2), "out_of_range"),
            (json!(256), "out_of_range"),
            (json!(i64::MAX), "out_of_range"),
            (json!(2.0), "wrong_type"),
            (json!(1.0), "wrong_type"),
            (json!("1"), "wrong_type"),
            (json!(true), "wrong_type"),
            (json!([1]), "wrong_type"),
        ] {
            bob.votes(&post, json!({ axis: value })).await.refuses(&[(axis, code)]);
        }
    }
    bob.votes(&post, json!({ "quality": 1, "value": 1 })).await.refuses(&[("value", "unknown_field")]);
    bob.votes(&post, json!([1, 1])).await.refuses(&[("(body)", "wrong_type")]);
    bob.send(Method::PUT, &format!("/posts/{post}/vote"), Some(br#"{"quality": 1, "quality": -1}"#.to_vec()))
        .await
        .refuses(&[("quality", "duplicate_field")]);
    bob.send(Method::PUT, &format!("/posts/{post}/vote"), Some(b"{".to_vec()))
        .await
        .is_problem(400, "malformed_json");
    assert_eq!(tallies(&bob.get(&format!("/posts/{post}")).await.body), [0; 4]);
    assert_eq!(app.rows("SELECT count(*)::text FROM vote").await, ["0"]);
}

#[tokio::test]
async fn nobody_votes_where_they_may_not() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    let gone = alice.posts_in(&topic, "Gone.").await;
    bob.votes(&gone, json!({ "quality": 1 })).await.is(200);
    alice.delete_as_read(&format!("/posts/{gone}")).await.is(200);
    bob.votes(&post, json!({ "quality": 1 })).await.is(200);
    let refused = async |client: &Client, post: &str, status: u16, code: &str| {
        client.votes(post, json!({ "quality": -1 })).await.is_problem(status, code);
        client.delete(&format!("/posts/{post}/vote")).await.is_problem(status, code);
    };
    refused(&alice, &post, 403, "own_post").await;
    refused(&alice, &gone, 403, "own_post").await;
    refused(&bob, &gone, 409, "post_deleted").await;
    refused(&app.guest(), &post, 401, "unauthenticated").await;
    carol.patch(&format!("/topics/{topic}"), json!({ "status": "archived" })).await.is(200);
    refused(&bob, &post, 409, "topic_not_open").await;
    assert_eq!(tallies(&bob.get(&format!("/posts/{post}")).await.body), [1, 0, 0, 0]);
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn i9_the_database_refuses_votes_that_break_the_rules() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    let cast = |voter: &str, quality: i8, agreement: i8| {
        format!(
            "INSERT INTO vote SELECT '{post}', id, {quality}, {agreement}, now() FROM account WHERE username = '{voter}'"
        )
    };
    app.refuses_sql("vote_not_on_own_post", &cast("alice", 1, 0)).await;
    app.refuses_sql("vote_quality_range", &cast("bob", 2, 0)).await;
    app.refuses_sql("vote_agreement_range", &cast("bob", 0, -2)).await;
    app.refuses_sql("post_tally_not_negative", "UPDATE post_tally SET agree = -1").await;
    bob.votes(&post, json!({ "quality": 1 })).await.is(200);
    app.refuses_sql("vote_pkey", &cast("bob", 1, 0)).await;
}

#[tokio::test]
async fn a_reader_sees_their_own_vote_wherever_the_post_is_shown() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let root = alice.posts_in(&topic, "A root.").await;
    let reply = alice.replies_to(&topic, &root, "A reply.").await;
    let leaf = alice.replies_to(&topic, &reply, "A leaf.").await;
    bob.votes(&root, json!({ "quality": 1, "agreement": -1 })).await.is(200);
    bob.votes(&reply, json!({ "agreement": 1 })).await.is(200);
    let thread = format!("/topics/{topic}/thread");
    let replies = format!("/posts/{root}/replies?depth=1");
    let leaf = format!("/posts/{leaf}");
    for (path, pointer, quality, agreement) in [
        (&thread, "/posts/items/0", 1, -1),
        (&thread, "/posts/items/0/replies/items/0", 0, 1),
        (&thread, "/posts/items/0/replies/items/0/replies/items/0", 0, 0),
        (&replies, "/items/0", 0, 1),
        (&replies, "/items/0/replies/items/0", 0, 0),
        (&leaf, "", 0, 0),
        (&leaf, "/ancestors/0", 1, -1),
        (&leaf, "/ancestors/1", 0, 1),
    ] {
        let seen = async |client: &Client| {
            let reply = client.get(path).await.is(200);
            reply.body.pointer(pointer).unwrap()["mine"].clone()
        };
        let none = json!({ "quality": 0, "agreement": 0 });
        assert_eq!(
            seen(&bob).await,
            json!({ "quality": quality, "agreement": agreement }),
            "{path} {pointer}"
        );
        assert_eq!(seen(&alice).await, none, "{path} {pointer}");
        assert_eq!(seen(&app.guest()).await, Value::Null, "{path} {pointer}");
    }
}

#[tokio::test]
async fn i10_quality_moves_a_post_and_agreement_moves_none() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut voters = Vec::new();
    for n in 0..6 {
        voters.push(app.member(&format!("voter{n}")).await);
    }
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for n in 0..5 {
        app.app.clock.advance(TimeDelta::seconds(1));
        posts.push(alice.posts_in(&topic, &format!("Post {n}.")).await);
    }
    let orders = async || {
        let mut orders = Vec::new();
        for sort in ["best", "top", "new", "old", "hot", "controversial"] {
            let thread = app.guest().get(&format!("/topics/{topic}/thread?sort={sort}")).await.is(200);
            let order: Vec<_> = thread.body["posts"]["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|post| posts.iter().position(|id| post["id"] == **id).unwrap())
                .collect();
            orders.push((sort, order));
        }
        orders
    };
    // Post 1: three for; post 2: two against; post 3: two for, two against; post 4: one for.
    for (post, up, down) in [(1, 3, 0), (2, 0, 2), (3, 2, 2), (4, 1, 0)] {
        for voter in &voters[..up] {
            voter.votes(&posts[post], json!({ "quality": 1 })).await.is(200);
        }
        for voter in &voters[up..up + down] {
            voter.votes(&posts[post], json!({ "quality": -1 })).await.is(200);
        }
    }
    let before = orders().await;
    assert_eq!(
        before,
        [
            ("best", vec![1, 4, 3, 0, 2]),
            ("top", vec![1, 4, 0, 3, 2]),
            ("new", vec![4, 3, 2, 1, 0]),
            ("old", vec![0, 1, 2, 3, 4]),
            ("hot", vec![1, 4, 3, 0, 2]),
            ("controversial", vec![3, 0, 1, 2, 4]),
        ]
    );
    let places = "SELECT concat_ws(' ', post_id, best, top, hot, controversial, created, since, until) FROM post_rank ORDER BY 1";
    let stored = app.rows(places).await;
    // Everybody agrees with what stands last and disagrees with what stands first.
    for (n, voter) in voters.iter().enumerate() {
        for (post, agreement) in [(0, 1), (1, -1), (2, 1), (3, if n % 2 == 0 { 1 } else { -1 }), (4, -1)] {
            voter.votes(&posts[post], json!({ "agreement": agreement })).await.is(200);
        }
    }
    assert_eq!(orders().await, before);
    assert_eq!(app.rows(places).await, stored);
    for voter in &voters {
        voter.votes(&posts[2], json!({ "quality": 1 })).await.is(200);
    }
    assert_eq!(orders().await[0], ("best", vec![2, 1, 4, 3, 0]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn i9_ten_thousand_votes_on_one_post_at_once_are_counted_right() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut voters = Vec::new();
    for n in 0..16 {
        voters.push(app.member(&format!("voter{n}")).await);
    }
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    let left = Arc::new(AtomicUsize::new(10_000));
    let failed = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            // Four tasks for each voter: one person's own requests meet, too.
            let voter = voters[task % voters.len()].clone();
            let (post, left, failed) = (post.clone(), left.clone(), failed.clone());
            tokio::spawn(async move {
                let take = |left: &AtomicUsize| {
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok()
                };
                while let Some(n) = take(&left) {
                    let value = i64::try_from(n % 3).unwrap() - 1;
                    let vote = match n % 4 {
                        0 => json!({ "quality": value }),
                        1 => json!({ "agreement": value }),
                        2 => json!({ "quality": value, "agreement": -value }),
                        _ => json!({ "quality": 1, "agreement": value }),
                    };
                    if voter.votes(&post, vote).await.status != 200 {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    // At every moment: somebody looks again and again, each time in one snapshot.
    let mut looks = 0;
    while left.load(Ordering::Relaxed) > 0 {
        assert_eq!(miscounted(&app).await, Vec::<String>::new());
        looks += 1;
    }
    assert!(looks > 10, "{looks} looks");
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(failed.load(Ordering::Relaxed), 0, "votes that were not answered 200");
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
    // The place is the one that the counters give: a last vote that changes nothing moves nothing.
    assert_eq!(app.rows("SELECT count(*)::text FROM post_rank WHERE until IS NULL").await, ["1"]);
    assert_eq!(
        app.rows("SELECT (r.top = t.quality_down - t.quality_up)::text FROM post_rank r JOIN post_tally t USING (post_id) WHERE until IS NULL")
            .await,
        ["true"]
    );
}

#[tokio::test]
async fn what_the_database_gives_up_for_another_is_tried_alone_and_three_times_more() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    // A sequence goes on whatever is undone, so it counts the attempts.
    app.sql(
        "CREATE SEQUENCE attempt;
         CREATE TABLE given_up (times bigint, sqlstate text);
         INSERT INTO given_up VALUES (0, '40001');
         GRANT ALL ON SEQUENCE attempt TO PUBLIC;
         GRANT ALL ON given_up TO PUBLIC;
         CREATE FUNCTION gives_up() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF nextval('attempt') <= (SELECT times FROM given_up) THEN
                 RAISE EXCEPTION 'given up' USING ERRCODE = (SELECT sqlstate FROM given_up);
             END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER gives_up BEFORE INSERT OR UPDATE ON vote FOR EACH ROW EXECUTE FUNCTION gives_up()",
    )
    .await
    .unwrap();
    for (state, times, status, quality) in [
        ("40001", 4, 200, -1),
        ("40P01", 4, 200, 1),
        ("40001", 5, 503, -1),
        ("40P01", 5, 503, -1),
        ("40001", 0, 200, -1),
    ] {
        app.sql(&format!(
            "ALTER SEQUENCE attempt RESTART; UPDATE given_up SET times = {times}, sqlstate = '{state}'"
        ))
        .await
        .unwrap();
        let reply = bob.votes(&post, json!({ "quality": quality })).await;
        assert_eq!(reply.status, status, "{state} {times} times: {:#}", reply.body);
        assert_eq!(reply.header("retry-after").is_some(), status == 503);
        let attempts = app.rows("SELECT last_value::text FROM attempt").await;
        assert_eq!(attempts, [(times + i64::from(status == 200)).to_string()], "{state}");
        assert_eq!(miscounted(&app).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn i9_votes_on_several_posts_given_taken_back_and_overtaken_by_deletions_are_counted_right() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let mut voters = Vec::new();
    for n in 0..6 {
        voters.push(app.member(&format!("voter{n}")).await);
    }
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for n in 0..5 {
        posts.push(alice.posts_in(&topic, &format!("Post {n}.")).await);
    }
    let tasks: Vec<_> = (0..24_u64)
        .map(|task| {
            let voter = voters[usize::try_from(task).unwrap() % voters.len()].clone();
            let posts = posts.clone();
            tokio::spawn(async move {
                let mut state = task + 1;
                let mut below = |n: u64| {
                    state =
                        state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 33) % n
                };
                let mut answers = Vec::new();
                for _ in 0..60 {
                    let post = &posts[usize::try_from(below(5)).unwrap()];
                    let value = i64::try_from(below(3)).unwrap() - 1;
                    let reply = match below(4) {
                        0 => voter.delete(&format!("/posts/{post}/vote")).await,
                        1 => voter.votes(post, json!({ "quality": value })).await,
                        2 => voter.votes(post, json!({ "agreement": value })).await,
                        _ => voter.votes(post, json!({ "quality": value, "agreement": value })).await,
                    };
                    answers.push(reply.status);
                }
                answers
            })
        })
        .collect();
    // The author takes one of the posts back in the midst of it.
    let deleted = alice.delete_as_read(&format!("/posts/{}", posts[4])).await.is(200);
    assert_eq!(deleted.body["status"], "deleted");
    for task in tasks {
        for status in task.await.unwrap() {
            assert!(status == 200 || status == 409, "{status}");
        }
    }
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
    let frozen = app.guest().get(&format!("/posts/{}", posts[4])).await;
    assert_eq!(tallies(&frozen.body), tallies(&deleted.body), "a tombstone was voted on");
}

#[tokio::test]
async fn a_vote_is_a_heap_only_update_of_the_counters() {
    // One connection, so that the session that wrote is the one that is asked to report.
    let app = TestApp::with("[database]\nmax_connections = 1").await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for n in 0..20 {
        posts.push(alice.posts_in(&topic, &format!("Post {n}.")).await);
    }
    for round in 0..20 {
        for post in &posts {
            let value = if round % 2 == 0 { 1 } else { -1 };
            bob.votes(post, json!({ "quality": value, "agreement": value })).await.is(200);
        }
    }
    app.app.db.execute_unprepared("SELECT pg_stat_force_next_flush()").await.unwrap();
    let updates = app
        .rows(
            "SELECT format('%s updates, %s of them heap-only', n_tup_upd, n_tup_hot_upd)
             FROM pg_stat_user_tables WHERE relname = 'post_tally'",
        )
        .await;
    assert_eq!(updates, ["400 updates, 400 of them heap-only"]);
}

#[tokio::test]
async fn of_votes_that_come_at_once_each_gets_its_own_answer() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "London had no walls worth the name.").await;
    let gone = alice.posts_in(&topic, "It had some.").await;
    alice.delete_as_read(&format!("/posts/{gone}")).await.is(200);
    let (bob, carol, dave) = (app.member("bob").await, app.member("carol").await, app.member("dave").await);
    app.suspend("dave").await;
    let unknown = "00000000-0000-7000-8000-0000000fffff";
    let mut answers = Vec::new();
    for _ in 0..6 {
        for (voter, on, status) in [
            (&bob, post.as_str(), 200),
            (&alice, &post, 403),
            (&dave, &post, 403),
            (&carol, &post, 200),
            (&carol, &gone, 409),
            (&bob, unknown, 404),
        ] {
            let (voter, on) = (voter.clone(), on.to_owned());
            let vote = json!({ "quality": 1, "agreement": -1 });
            answers.push((status, tokio::spawn(async move { voter.votes(&on, vote).await })));
        }
    }
    for (status, answer) in answers {
        answer.await.unwrap().is(status);
    }
    assert_eq!(tallies(&app.guest().get(&format!("/posts/{post}")).await.body), [2, 0, 0, 2]);
    assert_eq!(app.rows("SELECT count(*)::text FROM vote").await, ["2"]);
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_post_that_somebody_holds_delays_the_votes_on_it_and_no_others() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let mut posts = Vec::new();
    for text in ["London had no walls.", "Nor had Canterbury.", "Dover had a castle."] {
        posts.push(alice.posts_in(&topic, text).await);
    }
    let holder = app.app.begin().await.unwrap();
    let mut waiting = Vec::new();
    for post in &posts[..2] {
        otherwise::posts::lock_tally(&holder, post.parse().unwrap()).await.unwrap();
        let (bob, post) = (bob.clone(), post.clone());
        waiting.push(tokio::spawn(async move { bob.votes(&post, json!({ "quality": 1 })).await }));
    }
    for quality in [1, 0, -1] {
        bob.votes(&posts[2], json!({ "quality": quality })).await.is(200);
    }
    assert!(waiting.iter().all(|vote| !vote.is_finished()));
    holder.undo().await.unwrap();
    for vote in waiting {
        assert_eq!(tallies(&vote.await.unwrap().is(200).body), [1, 0, 0, 0]);
    }
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
}

#[tokio::test]
async fn votes_of_one_person_on_one_post_count_in_the_order_in_which_they_came() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post: PostId = alice.posts_in(&topic, "London had no walls worth the name.").await.parse().unwrap();
    let request = Request::builder().header("authorization", format!("Bearer {}", bob.token.unwrap()));
    let mut parts = request.body(()).unwrap().into_parts().0;
    let bob = Asker::from_request_parts(&mut parts, &app.app).await.unwrap();
    // Cast here, so that nothing on the way to the queue can change the order.
    let mut cast = Vec::new();
    for number in 0..60_i16 {
        let ballot = Ballot { quality: Some(number % 3 - 1), agreement: Some((number / 3) % 3 - 1) };
        cast.push(Box::pin(otherwise::votes::cast(&app.app, bob.clone(), post, ballot)));
    }
    let counted = futures_util::future::try_join_all(cast).await.unwrap();
    for (number, (tally, vote)) in (0_i16..).zip(&counted) {
        assert_eq!((vote.quality, vote.agreement), (number % 3 - 1, (number / 3) % 3 - 1));
        let [up, down] = [1, -1].map(|side| i32::from(vote.quality == side));
        let [agree, disagree] = [1, -1].map(|side| i32::from(vote.agreement == side));
        assert_eq!(
            (tally.quality_up, tally.quality_down, tally.agree, tally.disagree),
            (up, down, agree, disagree)
        );
    }
    assert_eq!(app.rows("SELECT quality || ' ' || agreement FROM vote").await, ["1 0"]);
    assert_eq!(miscounted(&app).await, Vec::<String>::new());
}
