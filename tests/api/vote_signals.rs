//! Votes under attack: what is found, who may see who voted, and votes that do not count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{nullify_votes_next, own_data_next, tidy};
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

/// A topic with posts of alice's, people who vote, and moderators.
pub struct Watched {
    pub app: TestApp,
    pub alice: Client,
    pub bob: Client,
    /// An administrator.
    pub carol: Client,
    /// A moderator of the whole site.
    pub mallory: Client,
    pub topic: String,
    pub posts: Vec<String>,
}

/// What those are told whose votes are not to count.
pub const BECAUSE: &str = "Several accounts judged the same posts as one.";

impl Watched {
    pub async fn new() -> Self {
        Self::with("").await
    }

    pub async fn with(settings: &str) -> Self {
        let app = TestApp::with(settings).await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        let mallory = app.member("mallory").await;
        let carol = app.administrator("carol").await;
        grants(&carol, "mallory", json!({ "kind": "site" })).await;
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        let mut posts = Vec::new();
        for n in 0..3 {
            posts.push(alice.posts_in(&topic, &format!("Argument {n}.")).await);
        }
        Self { app, alice, bob, carol, mallory, topic, posts }
    }

    /// Everything that is counted from votes: tallies, and the places in force.
    pub async fn counted(&self) -> Vec<String> {
        self.app
            .rows(
                "SELECT concat_ws(' ', t.post_id, quality_up, quality_down, agree, disagree, best, top, hot, controversial)
                 FROM post_tally t JOIN post_rank r ON r.post_id = t.post_id AND r.until IS NULL ORDER BY 1",
            )
            .await
    }

    /// The tallies of a post: up, down, agree, disagree.
    pub async fn tallies(&self, post: &str) -> [i64; 4] {
        let read = self.app.guest().get(&format!("/posts/{post}")).await.is(200).body;
        let count = |at: &str| read["tallies"].pointer(at).unwrap().as_i64().unwrap();
        [
            count("/quality/up"),
            count("/quality/down"),
            count("/agreement/agree"),
            count("/agreement/disagree"),
        ]
    }

    pub async fn nullifies(&self, body: Value) -> String {
        let made = self.mallory.post("/mod/vote-nullifications", body).await.is(201);
        assert_eq!(made.body["state"], "applying");
        let path = format!("/mod/vote-nullifications/{}", made.text("/id"));
        assert_eq!(made.header("location"), Some(format!("/api/v1{path}").as_str()));
        path
    }

    /// Does all that the background work has to do with votes.
    pub async fn work(&self) {
        while nullify_votes_next(&self.app.app).await.unwrap() {
            assert_eq!(miscounted(&self.app).await, Vec::<String>::new());
        }
    }

    pub async fn undoes(&self, path: &str) {
        let undone = self.mallory.send(Method::POST, &format!("{path}/undo"), None).await.is(200);
        assert_eq!(undone.body["state"], "undoing");
        self.work().await;
        let read = self.mallory.get(path).await.is(200);
        assert_eq!((&read.body["state"], &read.body["votes"]), (&json!("undone"), &json!(0)));
    }
}

/// Posts whose tallies are not the sum of the votes that no nullification has struck, and votes that are not struck as
/// often as they are in nullifications; none, unless something is wrong.
pub async fn miscounted(app: &TestApp) -> Vec<String> {
    app.rows(
        "SELECT t.post_id::text FROM post_tally t CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
                    count(*) FILTER (WHERE agreement = 1) AS yes, count(*) FILTER (WHERE agreement = -1) AS no
             FROM vote WHERE vote.post_id = t.post_id AND nullified = 0) v
         WHERE (quality_up, quality_down, agree, disagree) <> (v.up, v.down, v.yes, v.no)
         UNION ALL SELECT v.post_id::text FROM vote v WHERE v.nullified <> (
             SELECT count(*) FROM vote_nullification_item i
             WHERE (i.post_id, i.account_id) = (v.post_id, v.account_id) AND i.in_force)",
    )
    .await
}

pub async fn grants(carol: &Client, name: &str, scope: Value) {
    let grant = json!({ "role": "moderator", "scope": scope, "reason": "Asked for." });
    carol.post(&format!("/accounts/{name}/role-grants"), grant).await.is(201);
}

pub async fn id(who: &Client) -> String {
    who.get("/me").await.is(200).text("/id")
}

pub async fn votes(who: &Client, post: &str, quality: i8, agreement: i8) {
    let vote = json!({ "quality": quality, "agreement": agreement });
    who.put(&format!("/posts/{post}/vote"), vote).await.is(200);
}

/// Looks at who voted on a post, with a reason.
async fn looks(who: &Client, post: &str) -> crate::support::Reply {
    who.with("inspection-reason", "All of them in one minute.").get(&format!("/posts/{post}/votes")).await
}

/// Accounts that vote alike, without signing in each: their names begin so.
pub async fn crowd(app: &TestApp, name: &str, size: usize) {
    app.sql(&format!(
        "INSERT INTO account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at, updated_at)
         SELECT gen_random_uuid(), '{name}' || n, '{name}' || n, 'person', 'member', 0, 'active', 1,
                '2025-01-01T00:00:00Z'::timestamptz + n * interval '1 day', '2026-01-01T00:00:00Z'
         FROM generate_series(1, {size}) n"
    ))
    .await
    .unwrap();
}

/// Votes of everybody whose name begins so, on all posts of alice's, a second apart; tallies follow.
pub async fn crowd_votes(app: &TestApp, name: &str, quality: i8) {
    app.sql(&format!(
        "INSERT INTO vote (post_id, account_id, quality, agreement, updated_at, quality_at)
         SELECT p.id, a.id, {quality}, 0, at, at FROM post p
         CROSS JOIN (SELECT id, row_number() OVER (ORDER BY username) AS n FROM account WHERE username LIKE '{name}%') a
         CROSS JOIN LATERAL (SELECT p.created_at + a.n * interval '1 second' AS at) moment
         WHERE p.author_id = (SELECT id FROM account WHERE username = 'alice')
         ON CONFLICT DO NOTHING;
         UPDATE post_tally t SET (quality_up, quality_down) = (
             SELECT count(*) FILTER (WHERE quality = 1), count(*) FILTER (WHERE quality = -1)
             FROM vote v WHERE v.post_id = t.post_id AND nullified = 0)"
    ))
    .await
    .unwrap();
}

#[tokio::test]
async fn v4_who_voted_is_seen_with_a_reason_that_is_kept() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, carol, mallory, posts, .. } = &watched;
    votes(bob, &posts[0], -1, 1).await;
    votes(carol, &posts[0], 1, 0).await;
    // Who agrees and judges nothing is seen by nobody.
    votes(mallory, &posts[0], 0, 1).await;
    let path = format!("/posts/{}/votes", posts[0]);
    for who in [alice, bob] {
        looks(who, &posts[0]).await.is_problem(403, "not_allowed");
    }
    // Whether somebody may is said before what is wrong with the reason.
    bob.get(&path).await.is_problem(403, "not_allowed");
    mallory.get(&path).await.refuses(&[("Inspection-Reason", "missing")]);
    for (reason, code) in [("ab", "too_short"), (&*"x".repeat(501), "too_long")] {
        mallory.with("inspection-reason", reason).get(&path).await.refuses(&[("Inspection-Reason", code)]);
    }
    let seen = looks(mallory, &posts[0]).await.is(200);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    seen.matches(expect![[r#"
        {
          "items": [
            {
              "account": {
                "id": "00000000-0000-7000-8000-000000000003",
                "role": "member",
                "username": "bob"
              },
              "counts": true,
              "quality": -1,
              "voted_at": "2026-01-15T12:00:00Z"
            },
            {
              "account": {
                "id": "00000000-0000-7000-8000-000000000007",
                "role": "administrator",
                "username": "carol"
              },
              "counts": true,
              "quality": 1,
              "voted_at": "2026-01-15T12:00:00Z"
            }
          ],
          "next": null
        }
    "#]]);
    let kept = "SELECT concat_ws(' ', a.username, i.post_id, i.reason, i.created_at = '2026-01-15T12:00:00Z')
                FROM vote_inspection i JOIN account a ON a.id = i.actor_id ORDER BY i.id";
    let kept = app.rows(kept).await;
    assert_eq!(kept, [format!("mallory {} All of them in one minute. t", posts[0])]);
    let logged =
        "SELECT concat_ws(' ', object_kind, object_id, data) FROM audit_log WHERE verb = 'inspect_votes'";
    assert_eq!(app.rows(logged).await, [format!("post {} {{}}", posts[0])]);
    // Any language will do, and what is not there is not there.
    mallory.with("inspection-reason", "Zwölf auf einmal").get(&path).await.is(200);
    looks(mallory, "0198c5f0-0000-7000-8000-00000000dead").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn v4_nobody_sees_who_voted_on_their_own_posts() {
    let watched = Watched::new().await;
    let Watched { app, bob, carol, mallory, topic, .. } = &watched;
    for who in [mallory, carol] {
        let own = who.posts_in(topic, "I moderate.").await;
        votes(bob, &own, -1, 0).await;
        looks(who, &own).await.is_problem(403, "own_post");
    }
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_inspection").await, ["0"], "nothing was seen");
}

#[tokio::test]
async fn v4_who_voted_is_seen_where_the_permission_holds_a_page_at_a_time() {
    let watched = Watched::new().await;
    let Watched { app, alice, carol, mallory, posts, .. } = &watched;
    crowd(app, "sock", 7).await;
    crowd_votes(app, "sock", 1).await;
    let dora = app.member("dora").await;
    let of_topic = |id: &str| json!({ "kind": "topic", "topic_id": id });
    let here = alice.get(&format!("/posts/{}", posts[0])).await.text("/topic_id");
    let there = alice.opens_topic("Had Elizabeth married").await;
    let there = alice.get(&format!("/topics/{there}")).await.text("/id");
    grants(carol, "dora", of_topic(&there)).await;
    looks(&dora, &posts[0]).await.is_problem(403, "not_allowed");
    grants(carol, "dora", of_topic(&here)).await;
    looks(&dora, &posts[0]).await.is(200);
    // Signals and nullifications are of the whole site.
    for path in ["/mod/vote-signals", "/mod/vote-nullifications"] {
        dora.get(path).await.is_problem(403, "not_allowed");
    }
    let looking = mallory.with("inspection-reason", "All of them in one minute.");
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let page = looking.get(&format!("/posts/{}/votes?limit=3{next}", posts[0])).await.is(200);
        names.extend(
            page.body["items"].as_array().unwrap().iter().map(|item| item["account"]["username"].clone()),
        );
        let Some(after) = page.body["next"].as_str() else { break };
        next = format!("&after={after}");
    }
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, (1..=7).map(|n| format!("sock{n}")).collect::<Vec<_>>());
    // Each page is a look.
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_inspection").await, ["4"]);
}

#[tokio::test]
async fn v3_what_is_undone_is_exactly_what_it_was() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, carol, mallory, posts, .. } = &watched;
    let dave = app.member("dave").await;
    votes(bob, &posts[0], -1, 1).await;
    votes(&dave, &posts[0], 1, -1).await;
    votes(&dave, &posts[1], -1, 0).await;
    votes(carol, &posts[1], 1, 1).await;
    let before = watched.counted().await;
    let socks = [id(bob).await, id(&dave).await];
    let path = watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": socks, "reason": "They are one person." }))
        .await;
    assert_eq!(watched.counted().await, before, "it is done in the background");
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [0, 0, 0, 0]);
    assert_eq!(watched.tallies(&posts[1]).await, [1, 0, 1, 0]);
    let struck = mallory.get(&path).await.is(200);
    struck.matches(expect![[r#"
        {
          "accounts": [
            {
              "id": "00000000-0000-7000-8000-000000000003",
              "role": "member",
              "username": "bob"
            },
            {
              "id": "00000000-0000-7000-8000-000000000015",
              "role": "member",
              "username": "dave"
            }
          ],
          "approval_expires_at": null,
          "approval_reasons": [],
          "approved_at": null,
          "approved_by": null,
          "author": null,
          "created_at": "2026-01-15T12:00:00Z",
          "created_by": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "explanation": null,
          "id": "00000000-0000-7000-8000-000000000017",
          "lifted": [],
          "post_ids": null,
          "reason": "They are one person.",
          "rule": "vote_manipulation",
          "state": "in_force",
          "undone_at": null,
          "undone_by": null,
          "votes": 3,
          "would_strike": null
        }
    "#]]);
    // Who voted sees their vote as they cast it, whoever else looks.
    let mine = bob.get(&format!("/posts/{}", posts[0])).await.is(200);
    assert_eq!(mine.body["mine"], json!({ "quality": -1, "agreement": 1 }));
    let seen = looks(mallory, &posts[1]).await.is(200);
    assert_eq!(
        seen.body["items"].as_array().unwrap().iter().map(|item| item["counts"].clone()).collect::<Vec<_>>(),
        [json!(true), json!(false)]
    );
    // Voting again moves nothing, and neither does taking it back; others' votes do.
    votes(bob, &posts[0], 1, -1).await;
    assert_eq!(watched.tallies(&posts[0]).await, [0, 0, 0, 0]);
    bob.delete(&format!("/posts/{}/vote", posts[0])).await.is(200);
    votes(bob, &posts[0], -1, 1).await;
    votes(carol, &posts[0], 1, 0).await;
    votes(bob, &posts[2], 1, 0).await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    assert_eq!(watched.tallies(&posts[2]).await, [1, 0, 0, 0], "only what was cast by then");
    carol.delete(&format!("/posts/{}/vote", posts[0])).await.is(200);
    bob.delete(&format!("/posts/{}/vote", posts[2])).await.is(200);
    watched.undoes(&path).await;
    assert_eq!(watched.counted().await, before);
    // Saying it again changes nothing.
    let again = mallory.send(Method::POST, &format!("{path}/undo"), None).await.is(200);
    assert_eq!(again.body["state"], "undone");
    assert!(!nullify_votes_next(&app.app).await.unwrap());
    let logged = "SELECT verb FROM audit_log WHERE object_kind = 'vote_nullification' ORDER BY seq";
    assert_eq!(app.rows(logged).await, ["nullify_votes", "undo_vote_nullification"]);
    // The author is told of none of it.
    alice.get(&path).await.is_problem(403, "not_allowed");
}

#[tokio::test]
async fn v3_votes_cast_meanwhile_count_as_if_nothing_had_been_struck() {
    let (told, untouched) = (Watched::new().await, Watched::new().await);
    for (world, strikes) in [(&told, true), (&untouched, false)] {
        let Watched { bob, carol, posts, .. } = world;
        votes(bob, &posts[0], -1, 1).await;
        votes(carol, &posts[0], -1, 1).await;
        let mut path = String::new();
        if strikes {
            path = world
                .nullifies(
                    json!({ "explanation": BECAUSE, "accounts": [id(bob).await], "reason": "It is a sock." }),
                )
                .await;
            world.work().await;
        }
        // One changes their mind while it is struck, others vote beside it.
        votes(bob, &posts[0], 1, -1).await;
        votes(carol, &posts[0], 1, 0).await;
        votes(carol, &posts[1], -1, 0).await;
        if strikes {
            assert_eq!(world.tallies(&posts[0]).await, [1, 0, 0, 0]);
            world.undoes(&path).await;
        }
        assert_eq!(world.tallies(&posts[0]).await, [2, 0, 0, 1]);
    }
    assert_eq!(told.counted().await, untouched.counted().await, "identifiers are the same in every run");
}

#[tokio::test]
async fn v3_a_vote_in_two_nullifications_counts_once_both_are_undone() {
    let watched = Watched::new().await;
    let Watched { bob, carol, alice, posts, .. } = &watched;
    for post in &posts[..2] {
        votes(bob, post, 1, 0).await;
        votes(carol, post, 1, 0).await;
    }
    let before = watched.counted().await;
    let socks = [id(bob).await];
    let author = id(alice).await;
    let first = watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": socks, "post_ids": [posts[0]], "author_id": author, "reason": "One of them." }))
        .await;
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    assert_eq!(watched.tallies(&posts[1]).await, [2, 0, 0, 0]);
    let second = watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": socks, "reason": "All of them." }))
        .await;
    watched.work().await;
    assert_eq!(watched.tallies(&posts[1]).await, [1, 0, 0, 0]);
    watched.undoes(&first).await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0], "the other one holds");
    watched.undoes(&second).await;
    assert_eq!(watched.counted().await, before);
    // Undone before it was begun, it strikes nothing.
    let third =
        watched.nullifies(json!({ "explanation": BECAUSE, "accounts": socks, "reason": "Again." })).await;
    watched.undoes(&third).await;
    assert_eq!(watched.counted().await, before);
}

#[tokio::test]
async fn v3_the_work_goes_on_where_it_was_cut_off() {
    let watched = Watched::with("[jobs]\nsecond_person_above = 1000").await;
    let Watched { app, alice, carol, mallory, topic, .. } = &watched;
    for n in 0..200 {
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 3).await;
    crowd_votes(app, "sock", 1).await;
    let of_a_sock = "SELECT id::text FROM account WHERE username LIKE 'sock%' ORDER BY username";
    let socks = app.rows(of_a_sock).await;
    let struck = "SELECT format('%s votes, %s posts', count(*), count(DISTINCT post_id)) FROM vote WHERE nullified = 1";
    let path = watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": socks, "reason": "They are one person." }))
        .await;
    // Places are counted from the rows when they are struck, so what they were is what an undoing gives.
    assert!(nullify_votes_next(&app.app).await.unwrap());
    assert_eq!(app.rows(struck).await, ["600 votes, 200 posts"], "a lot at a time");
    // What breaks off in the midst of a lot leaves no trace of it.
    app.sql(
        "CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'cut off'; END $$;
         CREATE TRIGGER breaks BEFORE INSERT ON post_rank FOR EACH ROW EXECUTE FUNCTION breaks();
         UPDATE post_rank SET top = 7 WHERE until IS NULL",
    )
    .await
    .unwrap();
    nullify_votes_next(&app.app).await.unwrap_err();
    assert_eq!(app.rows(struck).await, ["600 votes, 200 posts"]);
    app.sql("DROP TRIGGER breaks ON post_rank").await.unwrap();
    let another = app.another("").await;
    assert_eq!(mallory.get(&path).await.is(200).body["state"], "applying");
    while nullify_votes_next(&another.app).await.unwrap() {}
    assert_eq!(app.rows(struck).await, ["609 votes, 203 posts"]);
    let read = carol.get(&path).await.is(200);
    assert_eq!((&read.body["state"], &read.body["votes"]), (&json!("in_force"), &json!(609)));
    assert_eq!(miscounted(app).await, Vec::<String>::new());
    watched.undoes(&path).await;
    assert_eq!(app.rows("SELECT count(*)::text FROM post_tally WHERE quality_up = 3").await, ["203"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_background_work_is_called_and_ends_with_the_server() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, posts, .. } = &watched;
    votes(bob, &posts[0], 1, 0).await;
    let (stop, stopped) = tokio::sync::watch::channel(());
    let work = tokio::spawn(otherwise::worker::run(app.app.clone(), stopped));
    let path = watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": [id(bob).await], "reason": "It is a sock." }))
        .await;
    // Much shorter than it rests uncalled: the second time it rests when it is called.
    let soon = std::time::Duration::from_secs(30);
    let stands = async |state: &str| {
        while mallory.get(&path).await.is(200).body["state"] != state {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(soon, stands("in_force")).await.unwrap();
    assert_eq!(watched.tallies(&posts[0]).await, [0, 0, 0, 0]);
    mallory.send(Method::POST, &format!("{path}/undo"), None).await.is(200);
    tokio::time::timeout(soon, stands("undone")).await.unwrap();
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    drop(stop);
    tokio::time::timeout(soon, work).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn v3_votes_and_replies_go_on_while_votes_are_struck() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, carol, mallory, topic, posts } = &watched;
    let socks = [id(bob).await];
    let going = Arc::new(AtomicBool::new(true));
    let mut tasks = Vec::new();
    for (n, who) in [bob, carol, bob, alice].into_iter().enumerate() {
        let (who, posts, topic, going) = (who.clone(), posts.clone(), topic.clone(), going.clone());
        tasks.push(tokio::spawn(async move {
            let mut round = n;
            while going.load(Ordering::Relaxed) {
                let post = &posts[round % posts.len()];
                if n == 3 {
                    who.replies_to(&topic, post, &format!("Reply {round}.")).await;
                } else {
                    let value = i8::try_from(round / posts.len() % 3).unwrap() - 1;
                    votes(&who, post, value, -value).await;
                }
                round += 1;
            }
            round - n
        }));
    }
    for _ in 0..8 {
        let strike = json!({ "explanation": BECAUSE, "accounts": socks, "reason": "They are one person." });
        let made = mallory.post("/mod/vote-nullifications", strike).await.is(201);
        for act in [None, Some(format!("/mod/vote-nullifications/{}/undo", made.text("/id")))] {
            if let Some(undo) = act {
                mallory.send(Method::POST, &undo, None).await.is(200);
            }
            while nullify_votes_next(&app.app).await.unwrap() {}
            // At every moment: somebody looks again and again, each time in one snapshot.
            for _ in 0..5 {
                assert_eq!(miscounted(app).await, Vec::<String>::new());
            }
        }
    }
    going.store(false, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 8);
    }
    assert_eq!(miscounted(app).await, Vec::<String>::new());
    assert_eq!(app.rows("SELECT count(*)::text FROM vote WHERE nullified > 0").await, ["0"]);
}

#[tokio::test]
async fn v3_nobody_decides_about_their_own_votes_nor_who_judges_them() {
    let watched = Watched::new().await;
    let Watched { bob, carol, mallory, topic, posts, .. } = &watched;
    let own = mallory.posts_in(topic, "I moderate.").await;
    votes(bob, &own, -1, 0).await;
    votes(bob, &posts[0], -1, 0).await;
    let (bobs, mallorys, carols) = (id(bob).await, id(mallory).await, id(carol).await);
    let nullify = async |who: &Client, body: Value| who.post("/mod/vote-nullifications", body).await;
    let of = |accounts: &[&String]| json!({ "explanation": BECAUSE, "accounts": accounts, "reason": "They are one person." });
    nullify(bob, of(&[&carols])).await.is_problem(403, "not_allowed");
    nullify(mallory, of(&[&bobs, &mallorys])).await.is_problem(403, "not_allowed");
    nullify(mallory, of(&[&carols])).await.is_problem(403, "outranked");
    let mut on_own = of(&[&bobs]);
    on_own["author_id"] = json!(mallorys);
    nullify(mallory, on_own).await.is_problem(403, "own_post");
    // Administrators decide about the staff.
    let of_staff = nullify(carol, of(&[&mallorys])).await.is(201).text("/id");
    mallory.get(&format!("/mod/vote-nullifications/{of_staff}")).await.is_problem(404, "not_found");
    // Everywhere is everywhere but there.
    let path = watched.nullifies(of(&[&bobs])).await;
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [0, 0, 0, 0]);
    assert_eq!(watched.tallies(&own).await, [0, 1, 0, 0]);
    // Somebody else's nullification of whoever votes on one's posts is not there.
    let theirs = nullify(carol, of(&[&bobs])).await.is(201).text("/id");
    let theirs = format!("/mod/vote-nullifications/{theirs}");
    mallory.get(&theirs).await.is_problem(404, "not_found");
    mallory.send(Method::POST, &format!("{theirs}/undo"), None).await.is_problem(404, "not_found");
    let listed = mallory.get("/mod/vote-nullifications").await.is(200);
    let listed: Vec<_> =
        listed.body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(listed, [json!(path.rsplit_once('/').unwrap().1)]);
    assert_eq!(
        carol.get("/mod/vote-nullifications").await.is(200).body["items"].as_array().unwrap().len(),
        3
    );
    watched.work().await;
    assert_eq!(watched.tallies(&own).await, [0, 0, 0, 0]);
}

#[tokio::test]
async fn what_cannot_be_struck_is_refused() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, posts, .. } = &watched;
    let nothing = "0198c5f0-0000-7000-8000-00000000dead";
    let bobs = id(bob).await;
    let refused = async |body: Value, fields: &[(&str, &str)]| {
        mallory.post("/mod/vote-nullifications", body).await.refuses(fields);
    };
    let reason = "They are one person.";
    refused(json!({ "explanation": BECAUSE, "accounts": [], "reason": reason }), &[("accounts", "too_few")])
        .await;
    refused(
        json!({ "explanation": BECAUSE, "accounts": [bobs, bobs], "reason": reason }),
        &[("accounts", "duplicate")],
    )
    .await;
    let many: Vec<_> = (0..101).map(|n| format!("0198c5f0-0000-7000-8000-{n:012}")).collect();
    refused(
        json!({ "explanation": BECAUSE, "accounts": many, "reason": reason }),
        &[("accounts", "too_many")],
    )
    .await;
    refused(
        json!({ "explanation": BECAUSE, "accounts": [bobs], "reason": "No" }),
        &[("reason", "too_short")],
    )
    .await;
    refused(json!({ "explanation": BECAUSE, "accounts": [bobs] }), &[("reason", "missing")]).await;
    refused(json!({ "accounts": [bobs], "reason": reason }), &[("explanation", "missing")]).await;
    for (rule, code) in [("no_such_rule", "unknown_rule"), ("illegal", "does_not_fit")] {
        let by = json!({ "explanation": BECAUSE, "accounts": [bobs], "reason": reason, "rule": rule });
        refused(by, &[("rule", code)]).await;
    }
    refused(
        json!({ "explanation": BECAUSE, "accounts": [bobs, nothing], "author_id": nothing, "post_ids": [posts[0], nothing], "reason": reason }),
        &[("accounts[1]", "unknown_id"), ("post_ids[1]", "unknown_id"), ("author_id", "unknown_id")],
    )
    .await;
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_nullification").await, ["0"]);
    // A retry lands once.
    let body = json!({ "explanation": BECAUSE, "accounts": [bobs], "reason": reason });
    let once = mallory.with("idempotency-key", "one");
    let first = once.post("/mod/vote-nullifications", body.clone()).await.is(201);
    assert_eq!(once.post("/mod/vote-nullifications", body).await.is(201).body, first.body);
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_nullification").await, ["1"]);
}

#[tokio::test]
async fn v2_a_ring_is_found_and_named_to_those_whom_it_does_not_concern() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, carol, mallory, topic, .. } = &watched;
    for n in 0..9 {
        app.app.clock.advance(TimeDelta::seconds(30));
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 4).await;
    crowd_votes(app, "sock", -1).await;
    bob.judges(&watched.posts[0], 1).await;
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 5);
    let found = mallory.get("/mod/vote-signals?kind=ring").await.is(200);
    assert_eq!(found.header("cache-control"), Some("no-store"));
    let ring = &found.body["items"][0];
    let names = |part: &str| -> Vec<Value> {
        let mut names: Vec<_> =
            ring[part].as_array().unwrap().iter().map(|account| account["username"].clone()).collect();
        names.sort_by_key(ToString::to_string);
        names
    };
    assert_eq!(names("voters"), ["sock1", "sock2", "sock3", "sock4"]);
    assert_eq!(names("authors"), ["alice"]);
    assert_eq!(ring["evidence"], json!(["co_voting", "lockstep", "single_author"]));
    assert!(ring["strength"].as_f64().unwrap() > 0.8, "{ring:#}");
    assert_eq!(mallory.get("/mod/vote-signals").await.is(200).body["items"].as_array().unwrap().len(), 5);
    let first = mallory.get("/mod/vote-signals?limit=2").await.is(200);
    let next = format!("/mod/vote-signals?limit=2&after={}", first.text("/next"));
    assert_eq!(mallory.get(&next).await.is(200).body["items"].as_array().unwrap().len(), 2);

    // Found again, and grown, it is the same.
    crowd(app, "late", 2).await;
    crowd_votes(app, "late", -1).await;
    otherwise::vote_signals::watch(&app.app).await.unwrap();
    otherwise::vote_signals::watch(&app.app).await.unwrap();
    let again = mallory.get("/mod/vote-signals?kind=ring").await.is(200);
    assert_eq!(again.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(again.body["items"][0]["id"], ring["id"]);
    assert_eq!(again.body["items"][0]["voters"].as_array().unwrap().len(), 6);
    assert_eq!(again.body["items"][0]["first_seen"], ring["first_seen"]);

    // Alice is not told who votes on her posts, and nobody that they were found, whatever they may.
    grants(carol, "alice", json!({ "kind": "site" })).await;
    assert_eq!(alice.get("/mod/vote-signals").await.is(200).body["items"], json!([]));
    let of = |name: &str| format!("(SELECT id FROM account WHERE username = '{name}')");
    let becomes = format!(
        "UPDATE vote_signal_account SET account_id = {} WHERE account_id = {}",
        of("mallory"),
        of("sock1")
    );
    app.sql(&becomes).await.unwrap();
    assert_eq!(mallory.get("/mod/vote-signals?kind=ring").await.is(200).body["items"], json!([]));
    let others = carol.get("/mod/vote-signals?kind=ring").await.is(200);
    assert_eq!(others.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn v2_one_address_is_seen_while_it_is_kept_and_shown_to_nobody() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, posts, .. } = &watched;
    // All of these sign in from one address.
    for who in [bob, &app.member("dave").await, &app.member("erin").await] {
        for post in posts {
            who.judges(post, 1).await;
        }
    }
    // They were not made in one minute, though.
    app.sql(
        "UPDATE account a SET created_at = created_at - n * interval '1 day'
         FROM (SELECT id, row_number() OVER () AS n FROM account) numbered WHERE numbered.id = a.id",
    )
    .await
    .unwrap();
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 1);
    let found = mallory.get("/mod/vote-signals").await.is(200);
    let signal = &found.body["items"][0];
    assert_eq!(signal["kind"], "shared_origin");
    let voters = signal["voters"].as_array().unwrap();
    assert_eq!(voters.iter().map(|voter| &voter["username"]).collect::<Vec<_>>(), ["bob", "dave", "erin"]);
    assert!(!String::from_utf8(found.bytes.clone()).unwrap().contains("203.0.113"), "{found:?}");
    app.sql("UPDATE session SET client_address = NULL").await.unwrap();
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 0);
}

#[tokio::test]
async fn v2_nothing_is_found_in_agreement_nor_in_what_does_not_count() {
    let watched = Watched::new().await;
    let Watched { app, alice, topic, .. } = &watched;
    for n in 0..9 {
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 4).await;
    crowd_votes(app, "sock", 1).await;
    app.sql("UPDATE vote SET quality = 0, agreement = 1").await.unwrap();
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 0);
    app.sql("UPDATE vote SET quality = 1, agreement = 0, nullified = 1").await.unwrap();
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 0);
    app.sql("UPDATE vote SET nullified = 0").await.unwrap();
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 5);
    // A change of agreement leaves the moment of judging alone.
    let bob = &watched.bob;
    bob.judges(&watched.posts[0], 1).await;
    app.app.clock.advance(TimeDelta::seconds(60));
    bob.put(&format!("/posts/{}/vote", watched.posts[0]), json!({ "agreement": 1 })).await.is(200);
    let moments =
        "SELECT format('%s %s', v.quality_at = '2026-01-15T12:00:00Z', v.updated_at = '2026-01-15T12:01:00Z')
                   FROM vote v JOIN account a ON a.id = v.account_id WHERE a.username = 'bob'";
    assert_eq!(app.rows(moments).await, ["t t"]);
}

#[tokio::test]
async fn findings_are_kept_for_a_time_and_votes_of_long_ago_are_not_looked_at() {
    let watched = Watched::with("[vote_signals]\nwindow_days = 2\nkept_days = 5").await;
    let Watched { app, alice, topic, .. } = &watched;
    for n in 0..9 {
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 4).await;
    crowd_votes(app, "sock", 1).await;
    let kept = async || app.rows("SELECT count(*)::text FROM vote_signal").await.remove(0);
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 5);
    app.app.clock.advance(TimeDelta::days(2) + TimeDelta::minutes(1));
    assert_eq!(otherwise::vote_signals::watch(&app.app).await.unwrap(), 0);
    tidy(&app.app).await.unwrap();
    assert_eq!(kept().await, "5");
    app.app.clock.advance(TimeDelta::days(3));
    tidy(&app.app).await.unwrap();
    assert_eq!(kept().await, "0");
    // So many votes at most, the last ones: they are one account's, of four.
    let few = app.another("[vote_signals]\nwindow_days = 30\nmost_votes = 12").await;
    assert_eq!(otherwise::vote_signals::watch(&few.app).await.unwrap(), 1);
}

#[tokio::test]
async fn d2_whoever_looked_and_whoever_was_found_is_forgotten_with_their_account() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, posts, .. } = &watched;
    for n in 0..9 {
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 4).await;
    crowd_votes(app, "sock", 1).await;
    otherwise::vote_signals::watch(&app.app).await.unwrap();
    looks(mallory, &posts[0]).await.is(200);
    let path = watched
        .nullifies(
            json!({ "explanation": BECAUSE, "accounts": [id(bob).await], "reason": "They are one person." }),
        )
        .await;
    mallory.send(Method::POST, &format!("{path}/undo"), None).await.is(200);
    watched.work().await;
    // What mallory did is hers to have; what she wrote there is about others.
    mallory.send(Method::POST, "/me/export", None).await.is(202);
    assert!(own_data_next(&app.app).await.unwrap());
    let copy = mallory.get("/me/export/file").await.is(200);
    assert_eq!(
        copy.body["vote_inspections"],
        json!([{ "post_id": posts[0], "created_at": "2026-01-15T12:00:00Z" }])
    );
    assert_eq!(copy.body["vote_nullifications"][0]["undone_at"], "2026-01-15T12:00:00Z");
    mallory.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    assert!(own_data_next(&app.app).await.unwrap());
    let left = "SELECT concat_ws(' ', num_nonnulls(actor_id), '<' || reason || '>') FROM vote_inspection
                UNION ALL SELECT concat_ws(' ', num_nonnulls(created_by, undone_by), '<' || reason || '>')
                FROM vote_nullification";
    assert_eq!(app.rows(left).await, ["0 <>", "0 <>"]);
    // Of an account that is erased nothing is found any more.
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_signal WHERE kind = 'ring'").await, ["1"]);
    app.sql(
        "INSERT INTO erasure (account_id, requested_at, due_at, erase_posts)
         SELECT id, created_at, created_at, false FROM account WHERE username = 'sock1'",
    )
    .await
    .unwrap();
    assert!(own_data_next(&app.app).await.unwrap());
    assert_eq!(app.rows("SELECT count(*)::text FROM vote_signal").await, ["3"]);
    otherwise::vote_signals::watch(&app.app).await.unwrap();
    let ring = "SELECT count(*)::text FROM vote_signal_account a JOIN vote_signal s ON s.id = a.signal_id
                WHERE s.kind = 'ring' AND part = 'voter'";
    assert_eq!(app.rows(ring).await, ["3"]);
}

#[tokio::test]
async fn what_does_not_count_is_not_taken_to_another_server() {
    let watched = Watched::new().await;
    let Watched { app, bob, carol, posts, topic, .. } = &watched;
    votes(bob, &posts[0], 1, 0).await;
    votes(carol, &posts[0], 1, 0).await;
    watched
        .nullifies(json!({ "explanation": BECAUSE, "accounts": [id(bob).await], "reason": "It is a sock." }))
        .await;
    watched.work().await;
    let extent = otherwise::exchange::Extent { votes: true, credences: false };
    let file = otherwise::exchange::export(&app.app, topic, extent).await.unwrap();
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["votes"].as_array().unwrap().len(), 1);
}
