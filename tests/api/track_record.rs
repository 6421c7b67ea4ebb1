//! Track records: private until their owner says otherwise, and what is withheld elsewhere is withheld here.

use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const WHY: &str = "I had not thought of the tides, and without them nobody lands.";

/// Bob, who was moved by alice, and moved her.
async fn moved() -> (TestApp, Client, Client, String) {
    let app = TestApp::new().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    app.app.clock.advance(chrono::TimeDelta::minutes(1));
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    for (author, reader) in [(&alice, &bob), (&bob, &alice)] {
        let post = author.posts_in(&topic, "The tides were against it.").await;
        reader.states_credences(&topic, &[6000, 3000, 1000]).await;
        reader.states_credences(&topic, &[4000, 5000, 1000]).await;
        reader.post(&format!("/posts/{post}/mind-changes"), json!({ "explanation": WHY })).await.is(201);
    }
    (app, alice, bob, topic)
}

async fn shows(client: &Client, shown: bool) {
    client.patch("/me", json!({ "shows_track_record": shown })).await.is(200);
}

const PATHS: [&str; 4] = ["", "/credences", "/mind-changes", "/mind-changes?side=caused"];

#[tokio::test]
async fn a_track_record_is_its_owners_until_they_show_it() {
    let (app, alice, bob, _) = moved().await;
    for path in PATHS {
        let path = format!("/accounts/bob/track-record{path}");
        bob.get(&path).await.is(200);
        for reader in [&alice, &app.guest()] {
            reader.get(&path).await.is_problem(403, "track_record_private");
        }
    }
    shows(&bob, true).await;
    for path in PATHS {
        let path = format!("/accounts/bob/track-record{path}");
        for reader in [&alice, &app.guest()] {
            assert_eq!(reader.get(&path).await.is(200).header("cache-control"), Some("no-store"), "{path}");
        }
    }
    app.guest().get("/accounts/bob/track-record").await.is(200).matches(expect![[r#"
        {
          "forecasts": {
            "brier_score": null,
            "settled": 0
          },
          "implications": 0,
          "mind_changes_made": 1,
          "people_moved": 1,
          "posts_that_moved": 1,
          "shown": true,
          "topics": 1,
          "username": "bob"
        }
    "#]]);
    shows(&bob, false).await;
    alice.get("/accounts/bob/track-record").await.is_problem(403, "track_record_private");
    alice.get("/accounts/nobody/track-record").await.is_problem(404, "not_found");
    bob.patch("/me", json!({ "shows_track_record": null }))
        .await
        .refuses(&[("shows_track_record", "wrong_type")]);
}

#[tokio::test]
async fn what_moved_somebody_and_whom_they_moved_are_listed() {
    let (_, alice, bob, topic) = moved().await;
    shows(&bob, true).await;
    for (side, person) in [("made", "bob"), ("caused", "alice")] {
        let listed = alice.get(&format!("/accounts/bob/track-record/mind-changes?side={side}")).await.is(200);
        let [item] = listed.body["items"].as_array().unwrap().as_slice() else { panic!("{:#}", listed.body) };
        assert_eq!((&item["person"]["username"], &item["topic_slug"]), (&json!(person), &json!(topic)));
        assert_eq!((&item["shift"], &item["explanation"]), (&json!(0.2), &json!(WHY)));
    }
    alice.get("/accounts/bob/track-record/mind-changes?side=both").await.is(422);
    // A post that is gone moved nobody any more that its author could show.
    let caused = alice.get("/accounts/bob/track-record/mind-changes?side=caused").await.is(200);
    bob.delete_as_read(&format!("/posts/{}", caused.text("/items/0/post_id"))).await.is(200);
    let caused = alice.get("/accounts/bob/track-record/mind-changes?side=caused").await.is(200);
    assert_eq!(caused.body["items"], json!([]));
    assert_eq!(alice.get("/accounts/bob/track-record").await.is(200).body["people_moved"], 0);
}

#[tokio::test]
async fn i13_vectors_are_shown_to_those_who_stated_their_own() {
    let (app, alice, bob, topic) = moved().await;
    let elsewhere = alice.opens_topic("Had the Armada landed in Essex").await;
    bob.states_credences(&elsewhere, &[1000, 2000, 7000]).await;
    shows(&bob, true).await;
    let path = "/accounts/bob/track-record/credences";
    let vectors = |read: &Value| {
        let items = read["items"].as_array().unwrap();
        let slug = |item: &Value| item["topic"]["slug"].as_str().unwrap().to_owned();
        items.iter().map(|item| (slug(item), !item["vector"].is_null())).collect::<Vec<_>>()
    };
    let read = async |reader: &Client| vectors(&reader.get(path).await.is(200).body);
    assert_eq!(read(&bob).await, [(elsewhere.clone(), true), (topic.clone(), true)]);
    assert_eq!(read(&alice).await, [(elsewhere.clone(), false), (topic.clone(), true)]);
    assert_eq!(read(&app.guest()).await, [(elsewhere.clone(), false), (topic.clone(), false)]);
    alice.states_credences(&elsewhere, &[5000, 2000, 3000]).await;
    assert_eq!(read(&alice).await, [(elsewhere.clone(), true), (topic.clone(), true)]);
    let first = alice.get(&format!("{path}?limit=1")).await.is(200);
    let rest = alice.get(&format!("{path}?after={}", first.text("/next"))).await.is(200);
    assert_eq!(vectors(&rest.body), [(topic, true)]);
    let bp: Vec<_> =
        first.body["items"][0]["vector"].as_array().unwrap().iter().map(|part| &part["bp"]).collect();
    assert_eq!(bp, [1000, 2000, 7000]);
}
