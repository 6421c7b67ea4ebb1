//! Changes of mind: between two vectors, by somebody else's post, and counted once.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, PASSWORD, Reply, TestApp};

const WHY: &str = "I had not thought of the tides, and without them nobody lands.";

/// Bob argues in a topic of alice's.
struct Argued {
    app: TestApp,
    alice: Client,
    bob: Client,
    topic: String,
    post: String,
}

impl Argued {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        // Older than the post.
        app.app.clock.advance(TimeDelta::minutes(1));
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        let post = bob.posts_in(&topic, "The tides were against it.").await;
        Self { app, alice, bob, topic, post }
    }

    fn path(&self) -> String {
        format!("/posts/{}/mind-changes", self.post)
    }

    async fn credit(&self, who: &Client) -> Reply {
        who.post(&self.path(), json!({ "explanation": WHY })).await
    }

    async fn persuasion(&self) -> Value {
        self.app.guest().get(&format!("/posts/{}", self.post)).await.is(200).body["persuasion"].clone()
    }
}

#[tokio::test]
async fn i11_a_post_is_credited_with_what_lies_between_two_vectors() {
    let argued = Argued::new().await;
    let alice = &argued.alice;
    assert_eq!(argued.persuasion().await, json!({ "people": 0, "median_shift": null }));
    argued.credit(alice).await.is_problem(409, "credences_unmoved");
    alice.states_credences(&argued.topic, &[6000, 3000, 1000]).await;
    argued.credit(alice).await.is_problem(409, "credences_unmoved");
    alice.states_credences(&argued.topic, &[4000, 3000, 3000]).await;
    argued.credit(alice).await.is(201).matches(expect![[r#"
        {
          "counts": true,
          "created_at": "2026-01-15T12:01:00Z",
          "explanation": "I had not thought of the tides, and without them nobody lands.",
          "id": "00000000-0000-7000-8000-00000000000f",
          "person": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "post_id": "00000000-0000-7000-8000-00000000000c",
          "shift": 0.2,
          "topic_id": "00000000-0000-7000-8000-000000000005"
        }
    "#]]);
    argued.credit(alice).await.is_problem(409, "mind_change_exists");
    assert_eq!(argued.persuasion().await, json!({ "people": 1, "median_shift": 0.2 }));
    for path in [argued.path(), format!("/topics/{}/mind-changes", argued.topic)] {
        let listed = argued.app.guest().get(&path).await.is(200);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(listed.text("/items/0/explanation"), WHY);
    }
    // The thread shows it too.
    let thread = argued.app.guest().get(&format!("/topics/{}/thread", argued.topic)).await.is(200);
    assert_eq!(thread.body["posts"]["items"][0]["persuasion"]["people"], 1);

    // Taken back, it leaves no trace, and can be said again: of an earlier step too.
    let mine = format!("{}/mine", argued.path());
    alice.send(Method::DELETE, &mine, None).await.is(204);
    alice.send(Method::DELETE, &mine, None).await.is_problem(404, "not_found");
    assert_eq!(argued.persuasion().await, json!({ "people": 0, "median_shift": null }));
    alice.states_credences(&argued.topic, &[4000, 2900, 3100]).await;
    let earlier = json!({ "explanation": WHY, "after_number": 2 });
    assert_eq!(alice.post(&argued.path(), earlier).await.is(201).body["shift"], 0.2);
}

#[tokio::test]
async fn i11_what_moved_nobody_is_refused_and_changes_nothing() {
    let argued = Argued::new().await;
    let Argued { app, alice, bob, topic, .. } = &argued;
    // Before the post there was another topic, and another post.
    alice.states_credences(topic, &[6000, 3000, 1000]).await;
    alice.states_credences(topic, &[4000, 3000, 3000]).await;
    bob.states_credences(topic, &[6000, 3000, 1000]).await;
    bob.states_credences(topic, &[4000, 3000, 3000]).await;
    argued.credit(bob).await.is_problem(403, "own_argument");
    app.guest().post(&argued.path(), json!({ "explanation": WHY })).await.is_problem(401, "unauthenticated");
    let short = WHY.chars().take(49).collect::<String>();
    alice
        .post(&argued.path(), json!({ "explanation": short }))
        .await
        .refuses(&[("explanation", "too_short")]);
    let padded = format!("It{}was.", " ".repeat(60));
    alice
        .post(&argued.path(), json!({ "explanation": padded }))
        .await
        .refuses(&[("explanation", "too_short")]);
    for number in [-1, 0, 1] {
        let body = json!({ "explanation": WHY, "after_number": number });
        alice.post(&argued.path(), body).await.refuses(&[("after_number", "out_of_range")]);
    }
    let body = json!({ "explanation": WHY, "after_number": 3 });
    let unknown = alice.post(&argued.path(), body).await.is_problem(409, "credences_unmoved");
    assert_eq!(unknown.text("/detail"), "You stated no vector of this number.");
    // Stated before the post was there.
    app.app.clock.advance(TimeDelta::minutes(1));
    let later = bob.posts_in(topic, "And so were the winds.").await;
    let later = format!("/posts/{later}/mind-changes");
    alice.post(&later, json!({ "explanation": WHY })).await.is_problem(409, "credences_unmoved");
    alice
        .post("/posts/00000000-0000-7000-8000-0000000fffff/mind-changes", json!({ "explanation": WHY }))
        .await
        .is_problem(404, "not_found");
    assert_eq!(app.rows("SELECT count(*)::text FROM mind_change").await, ["0"]);
    assert_eq!(argued.persuasion().await["people"], 0);
    // Of a tombstone, and in a topic that is over.
    bob.delete_as_read(&format!("/posts/{}", argued.post)).await.is(200);
    argued.credit(alice).await.is_problem(409, "post_deleted");
}

#[tokio::test]
async fn who_came_after_the_post_is_not_counted_and_the_median_is_of_the_others() {
    let argued = Argued::new().await;
    let mut people = vec![argued.alice.clone()];
    for name in ["dora", "erin"] {
        people.push(argued.app.member(name).await);
    }
    // Their accounts are younger than the post, unless it is told otherwise.
    argued
        .app
        .sql("UPDATE account SET created_at = created_at - interval '1 day' WHERE username = 'dora'")
        .await
        .unwrap();
    for (person, bp) in people.iter().zip([4000, 2000, 0]) {
        person.states_credences(&argued.topic, &[6000, 3000, 1000]).await;
        person.states_credences(&argued.topic, &[bp, 3000, 7000 - bp]).await;
        let counts = argued.credit(person).await.is(201).body["counts"].clone();
        assert_eq!(counts, json!(bp > 0));
    }
    assert_eq!(argued.persuasion().await, json!({ "people": 2, "median_shift": 0.3 }));
    let listed = argued.app.guest().get(&format!("{}?limit=2", argued.path())).await.is(200);
    let rest =
        argued.app.guest().get(&format!("{}?after={}", argued.path(), listed.text("/next"))).await.is(200);
    let names: Vec<_> = [&listed, &rest]
        .iter()
        .flat_map(|page| page.body["items"].as_array().unwrap())
        .map(|item| item["person"]["username"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["erin", "dora", "alice"]);

    // D2, I15: what moved somebody is in the copy of their data, and goes with their account.
    let dora = &people[1];
    dora.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&argued.app.app).await.unwrap() {}
    let copy = dora.send(Method::GET, "/me/export/file", None).await.is(200);
    assert_eq!(copy.body["mind_changes"][0]["explanation"], WHY);
    dora.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    argued.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&argued.app.app).await.unwrap() {}
    assert_eq!(argued.persuasion().await, json!({ "people": 1, "median_shift": 0.2 }));
}

#[tokio::test]
async fn a_crowd_that_is_moved_at_once_is_counted_whole() {
    let argued = Argued::new().await;
    let mut moved = JoinSet::new();
    for n in 0..10 {
        let person = argued.app.member(&format!("person{n}")).await;
        person.states_credences(&argued.topic, &[6000, 3000, 1000]).await;
        person.states_credences(&argued.topic, &[4000 - n, 3000 + n, 3000]).await;
        let (path, body) = (argued.path(), json!({ "explanation": WHY }));
        // Each says so twice.
        for _ in 0..2 {
            let (person, path, body) = (person.clone(), path.clone(), body.clone());
            moved.spawn(async move { person.post(&path, body).await.status });
        }
    }
    argued.app.sql("UPDATE account SET created_at = created_at - interval '1 day'").await.unwrap();
    let mut statuses = moved.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 10], [409; 10]].concat());
    let counted = argued.app.rows("SELECT count(*)::text FROM mind_change WHERE counts").await;
    assert_eq!(argued.persuasion().await["people"].to_string(), counted[0]);
    assert_eq!(argued.app.rows("SELECT count(*)::text FROM mind_change").await, ["10"]);
}

#[tokio::test]
async fn i11_the_database_takes_no_change_of_mind_that_is_none() {
    let argued = Argued::new().await;
    let Argued { app, alice, bob, topic, .. } = &argued;
    for person in [alice, bob] {
        for vector in [[6000, 3000, 1000], [4000, 3000, 3000], [4000, 2000, 4000]] {
            person.states_credences(topic, &vector).await;
        }
    }
    let add = |who: &str, before: i32, after: i32, moved: i32, words: &str| {
        format!(
            "INSERT INTO mind_change
             SELECT gen_random_uuid(), p.topic_id, p.id, a.id, b.id, c.id, {moved}, true, '{words}', now()
             FROM post p, account a, credence b, credence c
             WHERE a.username = '{who}' AND b.account_id = a.id AND c.account_id = a.id
               AND b.number = {before} AND c.number = {after}"
        )
    };
    let refuses = async |constraint: &str, statement: &str| app.refuses_sql(constraint, statement).await;
    refuses("mind_change_not_by_own_post", &add("bob", 1, 2, 4000, WHY)).await;
    refuses("mind_change_between_consecutive", &add("alice", 1, 3, 6000, WHY)).await;
    refuses("mind_change_between_consecutive", &add("alice", 2, 1, 4000, WHY)).await;
    refuses("mind_change_moved_so_much", &add("alice", 1, 2, 3999, WHY)).await;
    refuses("mind_change_explanation_length", &add("alice", 1, 2, 4000, "Because.")).await;
    app.sql(&add("alice", 1, 2, 4000, WHY)).await.unwrap();
    refuses("mind_change_once_key", &add("alice", 2, 3, 2000, WHY)).await;
}
