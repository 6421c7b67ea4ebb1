//! Answers that all who did not sign in share: kept, and never older than what the server acknowledged.

use std::future::pending;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Uri;
use chrono::TimeDelta;
use otherwise::changes::{About, Change};
use otherwise::error::{Error, Result};
use otherwise::http::{Answer, Cache, shared};
use otherwise::policy::Actor;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::support::builders::action;
use crate::support::{PASSWORD, TestApp};

const KEPT_FOR: TimeDelta = TimeDelta::milliseconds(100);

/// What a guest reads of a topic and of one of its posts, wherever it shows.
async fn everything(app: &TestApp, topic: &str, post: &str) -> Vec<(u16, Value)> {
    let guest = app.guest();
    let mut read = Vec::new();
    for path in [
        "/topics".to_owned(),
        format!("/topics/{topic}"),
        format!("/topics/{topic}/thread"),
        format!("/posts/{post}"),
        format!("/posts/{post}/replies"),
    ] {
        let reply = guest.get(&path).await;
        let mut body = reply.body;
        // Names a request, not what was asked for.
        if let Some(body) = body.as_object_mut() {
            body.remove("request_id");
        }
        read.push((reply.status, body));
    }
    read
}

#[tokio::test]
async fn whatever_is_changed_is_seen_by_the_next_who_asks() {
    let app = TestApp::new().await;
    let keeps_nothing = app.another("[shared_answers]\nmemory_bytes = 0").await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let post = alice.posts_in(&topic, "The weather was not to be foreseen.").await;
    let reply = bob.replies_to(&topic, &post, "It was foreseen.").await;
    let mut before = everything(&app, &topic, &post).await;

    let grant = json!({ "role": "moderator", "scope": { "kind": "site" }, "reason": "She knows it." });
    let (topic_path, post_path, reply_path) =
        (format!("/topics/{topic}"), format!("/posts/{post}"), format!("/posts/{reply}"));
    for (what, who, method, path, body) in [
        ("vote on quality", &bob, "PUT", format!("{post_path}/vote"), json!({ "quality": 1 })),
        ("vote of agreement", &bob, "PUT", format!("{post_path}/vote"), json!({ "agreement": -1 })),
        ("vote taken back", &bob, "DELETE", format!("{post_path}/vote"), Value::Null),
        ("reply", &bob, "POST", format!("{topic_path}/posts"), json!({ "body": "No.", "parent_id": post })),
        ("revision", &alice, "PATCH", post_path.clone(), json!({ "body": "The weather was as usual." })),
        ("tombstone", &bob, "DELETE", reply_path.clone(), Value::Null),
        ("title", &carol, "PATCH", topic_path.clone(), json!({ "title": "Had the Armada arrived in 1588" })),
        ("name", &alice, "PUT", "/me/username".to_owned(), json!({ "username": "alicia" })),
        ("role", &carol, "POST", "/accounts/alicia/role-grants".to_owned(), grant),
    ] {
        match method {
            "PUT" => drop(who.put(&path, body).await.is(200)),
            "POST" => drop(who.post(&path, body).await.is(201)),
            "PATCH" => drop(who.patch(&path, body).await.is(200)),
            _ if path.ends_with("/vote") => drop(who.delete(&path).await.is(200)),
            _ => drop(who.delete_as_read(&path).await.is(200)),
        }
        let after = everything(&app, &topic, &post).await;
        assert_ne!(after, before, "{what} is seen");
        assert_eq!(after, everything(&keeps_nothing, &topic, &post).await, "{what} is seen as it is");
        before = after;
    }

    // Another topic, and drafts that nobody sees.
    alice.opens_topic("Had the Armada turned back in 1588").await;
    let after = everything(&app, &topic, &post).await;
    assert_ne!(after[0], before[0], "the list has another topic");

    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    let before = everything(&app, &topic, &post).await;
    while own_data_next(&app.app).await.unwrap() {}
    let after = everything(&app, &topic, &post).await;
    assert_ne!(after, before, "an erasure is seen");
    assert_eq!(after, everything(&keeps_nothing, &topic, &post).await);
}

#[tokio::test]
async fn what_others_change_is_missing_for_a_moment_and_what_one_did_oneself_never() {
    let app = TestApp::new().await;
    let elsewhere = app.another("").await;
    let alice = app.member("alice").await;
    // Identifiers that count begin again at the other server: what it makes is of another kind.
    let bob = elsewhere.bearer(app.member("bob").await.token.as_deref().unwrap());
    let bob_here = app.bearer(bob.token.as_deref().unwrap());
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let thread = format!("/topics/{topic}/thread");
    // Nobody here did anything lately.
    let pause = TimeDelta::seconds(10);
    for server in [&app, &elsewhere] {
        server.app.clock.advance(pause);
    }
    let before = app.guest().get(&thread).await.is(200).body;

    let post = bob.posts_in(&topic, "Another server took this.").await;
    let after = elsewhere.guest().get(&thread).await.is(200).body;
    assert_ne!(after, before);
    let with_mine = |body: &Value| {
        let mut mine = body.clone();
        mine["posts"]["items"][0]["mine"] = json!({ "quality": 0, "agreement": 0 });
        mine
    };
    for reader in [&app.guest(), &alice] {
        assert_eq!(reader.get(&thread).await.body, before, "it is kept");
    }
    // Not in its last quarter, when it would be renewed.
    app.app.clock.advance(KEPT_FOR * 3 / 4 - TimeDelta::milliseconds(1));
    assert_eq!(app.guest().get(&thread).await.body, before, "for as long as it may be");
    // Whoever did it sees it, wherever they ask; and once it was looked for anew, everybody does.
    assert_eq!(bob_here.get(&thread).await.body, with_mine(&after));
    assert_eq!(alice.get(&thread).await.body, with_mine(&after));

    // The same of all else that people do in a thread.
    for (what, method, path, body) in [
        ("a vote", "PUT", format!("/posts/{post}/vote"), json!({ "quality": 1, "agreement": -1 })),
        ("a revision", "PATCH", format!("/posts/{post}"), json!({ "body": "And revised it." })),
        ("a tombstone", "DELETE", format!("/posts/{post}"), Value::Null),
    ] {
        for server in [&app, &elsewhere] {
            server.app.clock.advance(pause);
        }
        let (doer, doer_here) = if what == "a vote" {
            (elsewhere.bearer(alice.token.as_deref().unwrap()), &alice)
        } else {
            (bob.clone(), &bob_here)
        };
        let before = app.guest().get(&thread).await.body;
        match method {
            "PUT" => drop(doer.put(&path, body).await.is(200)),
            "PATCH" => drop(doer.patch(&path, body).await.is(200)),
            _ => drop(doer.delete_as_read(&path).await.is(200)),
        }
        assert_eq!(app.guest().get(&thread).await.body, before, "{what} elsewhere is missing");
        let seen = doer_here.get(&thread).await.body;
        assert_eq!(seen, doer.get(&thread).await.body, "{what} is seen by whoever did it");
        assert_ne!(seen, with_mine(&before), "{what} is seen");
    }

    // A clock that was set back makes nothing young again.
    bob.posts_in(&topic, "And this.").await;
    app.app.clock.advance(-TimeDelta::hours(1));
    assert_eq!(app.guest().get(&thread).await.body, elsewhere.guest().get(&thread).await.body);
}

/// The same without cursors, which hold when they were made.
fn without_cursors(mut body: Value) -> Value {
    match &mut body {
        Value::Object(fields) => {
            fields.remove("next");
            fields.values_mut().for_each(|value| *value = without_cursors(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_cursors(item.take())),
        _ => {}
    }
    body
}

/// What a body says once it is read, however it was compressed.
fn uncompressed(reply: &crate::support::Reply) -> Value {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(reply.bytes.as_slice()).read_to_end(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn everybody_gets_their_own_votes_in_what_is_the_same_for_all() {
    let app = TestApp::new().await;
    let keeps_nothing = app.another("[shared_answers]\nmemory_bytes = 0").await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let root = alice
        .posts_in(&topic, "The weather was \"not\" to be foreseen: ,\"mine\":{\"quality\":0,\"agreement\":0}")
        .await;
    let mut posts = vec![root.clone()];
    for number in 0..8 {
        let parent = posts[number / 3].clone();
        posts.push(alice.replies_to(&topic, &parent, &format!("Reply {number}.")).await);
    }
    let mut readers = vec![("guest", app.guest()), ("alice", alice.clone()), ("carol", carol)];
    for (name, votes) in [("bob", [1, 0, -1]), ("dave", [-1, 1, 0]), ("erin", [0, -1, 1])] {
        let reader = app.member(name).await;
        for (place, post) in posts.iter().enumerate() {
            let vote = json!({ "quality": votes[place % 3], "agreement": votes[place / 3] });
            reader.put(&format!("/posts/{post}/vote"), vote).await.is(200);
        }
        readers.push((name, reader));
    }
    // Nobody did anything lately, so one answer is kept for all of them.
    app.app.clock.advance(TimeDelta::seconds(10));
    let mut tags = Vec::new();
    for path in
        [format!("/topics/{topic}/thread"), format!("/posts/{root}/replies"), format!("/posts/{}", posts[8])]
    {
        for (name, reader) in &readers {
            let anew = match &reader.token {
                Some(token) => keeps_nothing.bearer(token),
                None => keeps_nothing.guest(),
            };
            let (kept, anew) = (reader.get(&path).await.is(200), anew.get(&path).await.is(200));
            let anew = without_cursors(anew.body);
            assert_eq!(without_cursors(kept.body.clone()), anew, "{path} for {name}");
            let gzip = reader.with("accept-encoding", "gzip").get(&path).await.is(200);
            assert_eq!(gzip.header("content-encoding"), Some("gzip"), "{path} for {name}");
            assert_eq!(without_cursors(uncompressed(&gzip)), anew, "{path} for {name}");
            let vary: Vec<_> =
                gzip.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(vary.join(", ").to_lowercase().matches("accept-encoding").count(), 1, "{vary:?}");
            // What is found for Carol alone has cursors of its own each time.
            if name == &"carol" {
                continue;
            }
            let tag = kept.header("etag").unwrap().to_owned();
            assert_eq!(gzip.header("etag"), Some(tag.as_str()));
            reader.with("if-none-match", &tag).get(&path).await.is(304);
            tags.push(tag);
        }
    }
    // What is not the same has not the same tag.
    tags.sort_unstable();
    let all = tags.len();
    tags.dedup();
    assert_eq!(tags.len(), all);
}

#[tokio::test]
async fn votes_that_were_read_before_will_do_for_whoever_did_nothing_since() {
    let app = TestApp::new().await;
    let elsewhere = app.another("").await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    let bob_elsewhere = elsewhere.bearer(bob.token.as_deref().unwrap());
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let post = alice.posts_in(&topic, "The weather was not to be foreseen.").await;
    let (thread, vote) = (format!("/topics/{topic}/thread"), format!("/posts/{post}/vote"));
    let mine = async || bob.get(&thread).await.is(200).body["posts"]["items"][0]["mine"].clone();
    let pass = |time| [&app, &elsewhere].iter().for_each(|server| server.app.clock.advance(time));
    // Behind the back of every server: nothing says when it was done.
    let turn = async || {
        app.sql("UPDATE vote SET quality = -quality, agreement = -agreement").await.unwrap();
    };

    bob.put(&vote, json!({ "quality": 1 })).await.is(200);
    pass(TimeDelta::seconds(59));
    assert_eq!(mine().await, json!({ "quality": 1, "agreement": 0 }));
    turn().await;
    assert_eq!(mine().await, json!({ "quality": -1, "agreement": 0 }), "bob voted a moment ago");
    pass(TimeDelta::seconds(2));
    assert_eq!(mine().await, json!({ "quality": -1, "agreement": 0 }));
    turn().await;
    assert_eq!(mine().await, json!({ "quality": -1, "agreement": 0 }), "it was read before");

    // A vote elsewhere is seen here at once, and so is what is done elsewhere a while after.
    bob_elsewhere.put(&vote, json!({ "agreement": 1 })).await.is(200);
    assert_eq!(mine().await, json!({ "quality": 1, "agreement": 1 }));
    pass(TimeDelta::seconds(61));
    assert_eq!(mine().await, json!({ "quality": 1, "agreement": 1 }));
    pass(TimeDelta::minutes(5));
    bob_elsewhere.delete(&vote).await.is(200);
    assert_eq!(mine().await, json!({ "quality": 0, "agreement": 0 }));
    // Another's votes are another's.
    assert_eq!(
        alice.get(&thread).await.body["posts"]["items"][0]["mine"],
        json!({ "quality": 0, "agreement": 0 })
    );
}

#[tokio::test]
async fn what_is_hidden_is_kept_for_nobody_who_sees_it() {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let carol = app.administrator("carol").await;
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let post = alice.posts_in(&topic, "The weather was not to be foreseen.").await;
    carol.acts("post", &post, action("hide")).await;
    let path = format!("/topics/{topic}/thread");
    for _ in 0..2 {
        for (reader, body) in [
            (&app.guest(), ""),
            (&bob, ""),
            (&alice, "The weather was not to be foreseen."),
            (&carol, "The weather was not to be foreseen."),
        ] {
            assert_eq!(reader.get(&path).await.is(200).text("/posts/items/0/body"), body);
        }
    }
}

#[tokio::test]
async fn drafts_and_errors_are_kept_for_nobody() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let draft = alice.post("/topics", json!({ "title": "Had the Armada never sailed" })).await.is(201);
    let path = format!("/topics/{}", draft.text("/id"));
    for _ in 0..2 {
        alice.get(&path).await.is(200);
        app.guest().get(&path).await.is_problem(404, "not_found");
    }
    app.guest().get("/topics?limit=0").await.refuses(&[("limit", "out_of_range")]);
    app.guest().get("/topics?limit=0").await.refuses(&[("limit", "out_of_range")]);
    // Whatever is asked for in other words is another answer.
    let topic = alice.opens_topic("Had the Armada landed in 1588").await;
    let (first, second) = (alice.posts_in(&topic, "One.").await, alice.posts_in(&topic, "Two.").await);
    let order = async |sort: &str| app.guest().get(&format!("/topics/{topic}/thread?sort={sort}")).await;
    for _ in 0..2 {
        assert_eq!(order("old").await.text("/posts/items/0/id"), first);
        assert_eq!(order("new").await.text("/posts/items/0/id"), second);
    }
}

#[tokio::test]
async fn what_is_read_all_the_time_is_renewed_before_anybody_waits_for_it() {
    let app = TestApp::new().await;
    let finder = Finder::default();
    let found = || finder.found.load(Ordering::SeqCst);
    finder.finish.notify_one();
    assert_eq!(finder.ask(&app).await.unwrap(), "1");
    app.app.clock.advance(KEPT_FOR * 3 / 4 - TimeDelta::milliseconds(1));
    assert_eq!(finder.ask(&app).await.unwrap(), "1");
    tokio::task::yield_now().await;
    assert_eq!(found(), 1, "it is young");
    app.app.clock.advance(TimeDelta::milliseconds(1));
    for _ in 0..10 {
        assert_eq!(finder.ask(&app).await.unwrap(), "1", "nobody waits for the next one");
        tokio::task::yield_now().await;
    }
    assert_eq!(found(), 2, "one looks for all of them");
    finder.finish.notify_one();
    tokio::task::yield_now().await;
    app.app.clock.advance(KEPT_FOR / 4);
    assert_eq!(finder.ask(&app).await.unwrap(), "2", "it was there in time");
    assert_eq!(found(), 2);

    // One that was overtaken by a change while it was looked for is given to nobody who asks afterwards.
    app.app.clock.advance(KEPT_FOR / 2);
    assert_eq!(finder.ask(&app).await.unwrap(), "2");
    tokio::task::yield_now().await;
    assert_eq!(found(), 3);
    app.app.changes.note(Change::Everywhere);
    finder.finish.notify_one();
    tokio::task::yield_now().await;
    finder.finish.notify_one();
    assert_eq!(finder.ask(&app).await.unwrap(), "4");
}

/// Somebody who finds an answer: how often that was done, and what lets them finish.
#[derive(Clone, Default)]
struct Finder {
    found: Arc<AtomicUsize>,
    finish: Arc<Notify>,
    overtaken: bool,
}

impl Finder {
    async fn ask(&self, app: &TestApp) -> Result<Value> {
        let uri = Uri::from_static("/somewhere?sort=best");
        let finder = self.clone();
        let answer = shared(app.app.clone(), Actor::Anonymous, &uri, async move |app, _| {
            let number = finder.found.fetch_add(1, Ordering::SeqCst) + 1;
            finder.finish.notified().await;
            // What is found is old news by then, if that is what the test is about.
            if finder.overtaken {
                app.changes.note(Change::Everywhere);
            }
            Ok((Answer::ok(&number, Cache::Public)?, About::AllTopics))
        });
        Ok(serde_json::to_value(answer.await?).unwrap()["body"].clone())
    }

    /// So many ask at once, and `then` happens when all of them have.
    async fn crowd(&self, app: &TestApp, size: usize, then: impl FnOnce()) -> Vec<Value> {
        let mut crowd = JoinSet::new();
        for _ in 0..size {
            let (finder, app) = (self.clone(), app.clone());
            crowd.spawn(async move { finder.ask(&app).await.unwrap() });
        }
        // They take turns on one thread, so each has asked when this one's turn comes.
        tokio::task::yield_now().await;
        then();
        crowd.join_all().await
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_finds_the_answer() {
    let app = TestApp::new().await;
    let finder = Finder::default();
    let answers = finder.crowd(&app, 20, || finder.finish.notify_one()).await;
    assert_eq!(answers, vec![json!("1"); 20]);
    assert_eq!(finder.found.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn whoever_asks_after_a_change_is_not_given_what_was_looked_for_before_it() {
    let app = TestApp::new().await;
    let finder = Finder { overtaken: true, ..Finder::default() };
    let mut early = JoinSet::new();
    early.spawn({
        let (finder, app) = (finder.clone(), app.clone());
        async move { finder.ask(&app).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert_eq!(finder.found.load(Ordering::SeqCst), 1);
    // Acknowledged while the first is still looking.
    app.app.changes.note(Change::Everywhere);
    let late = finder.crowd(&app, 20, || {
        // However often somebody looks, they find something; and each time it is changed before they have.
        let finish = finder.finish.clone();
        tokio::spawn(async move {
            for _ in 0..1000 {
                finish.notify_one();
                tokio::task::yield_now().await;
            }
        });
    });
    assert_eq!(late.await, vec![json!("2"); 20]);
    assert_eq!(early.join_all().await, [json!("1")]);
}

#[tokio::test]
async fn nobody_waits_long_for_another_who_does_not_find_it() {
    let app = TestApp::new().await;
    let uri = Uri::from_static("/somewhere");
    let ask = async |answer: Option<Result<u8>>| {
        let find = async move |_, _| match answer {
            Some(found) => Ok((Answer::ok(&found?, Cache::Public)?, About::AllTopics)),
            None => pending().await,
        };
        let answer = shared(app.app.clone(), Actor::Anonymous, &uri, find).await?;
        Ok::<_, Error>(serde_json::to_value(answer).unwrap()["body"].clone())
    };
    // One never ends: the other finds it alone, after a while.
    tokio::select! {
        biased;
        _ = ask(None) => unreachable!("it never ends"),
        answer = ask(Some(Ok(1))) => assert_eq!(answer.unwrap(), json!("1")),
    }
    // One fails, one gives up: the next ones find it, and what they found is kept.
    ask(Some(Err(Error::not_found()))).await.unwrap_err();
    assert_eq!(ask(Some(Ok(2))).await.unwrap(), json!("2"));
    assert_eq!(ask(Some(Ok(3))).await.unwrap(), json!("2"));
}
