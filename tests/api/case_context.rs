//! What moderators are shown around a case: what its post answers, what was decided before, what says the same, and what they
//! may do.

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::audit::hex;
use otherwise::keys::sha256;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD};

/// A text that has enough words to be compared with others.
const OFFER: &str = "Cheap maps of Kent, printed on linen and sent by post today.";

fn decision(resolution: &str) -> Value {
    json!({ "resolution": resolution, "note": "As the rule says." })
}

/// A case as somebody reads it.
async fn read(who: &Client, case: &str) -> Value {
    who.get(&format!("/mod/cases/{case}")).await.is(200).body
}

/// The identifiers of what is listed, in order.
fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// A moderator of the topic that is watched, and of nothing else.
async fn of_the_topic(watched: &Watched, name: &str) -> Client {
    watched.app.member(name).await;
    let topic = watched.alice.get(&format!("/topics/{}", watched.topic)).await.text("/id");
    grants(&watched.carol, name, json!({ "kind": "topic", "topic_id": topic })).await;
    watched.app.sign_in(name).await
}

/// A post of alice's in a topic, which bob reports; gives its case.
async fn reported_in(watched: &Watched, topic: &str, body: &str) -> String {
    let post = watched.alice.posts_in(topic, body).await;
    watched.bob.reports("post", &post, "spam").await;
    case_of(&watched.app, &post).await
}

#[tokio::test]
async fn a_case_has_what_its_post_answers_also_what_is_out_of_sight() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, post, .. } = &watched;
    let (mut above, mut parent) = (vec![post.clone()], post.clone());
    for n in 0..6 {
        let who = if n % 2 == 0 { bob } else { alice };
        parent = who.replies_to(topic, &parent, &format!("Answer {n}.")).await;
        above.push(parent.clone());
    }
    let subject = above.pop().unwrap();
    mallory.acts("post", &above[2], action("hide")).await;
    bob.delete_as_read(&format!("/posts/{}", above[3])).await.is(200);
    bob.reports("post", &subject, "spam").await;
    let case = read(mallory, &case_of(app, &subject).await).await;
    assert_eq!(case["content"]["text"], "Answer 5.");
    // The five next above it, so not the root.
    assert_eq!(ids(&case["thread"]), above[1..]);
    let hidden = &case["thread"][1];
    assert_eq!((&hidden["id"], &hidden["body"]), (&json!(above[2]), &json!("Answer 1.")));
    expect![[r#"
        [
          {
            "author": {
              "id": "00000000-0000-7000-8000-000000000003",
              "role": "member",
              "username": "bob"
            },
            "body": "Answer 0.",
            "created_at": "2026-01-15T12:00:00.000001Z",
            "id": "00000000-0000-7000-8000-000000000013",
            "status": "visible"
          },
          {
            "author": {
              "id": "00000000-0000-7000-8000-000000000001",
              "role": "member",
              "username": "alice"
            },
            "body": "Answer 1.",
            "created_at": "2026-01-15T12:00:00.000002Z",
            "id": "00000000-0000-7000-8000-000000000014",
            "status": "hidden"
          },
          {
            "author": null,
            "body": "",
            "created_at": "2026-01-15T12:00:00.000003Z",
            "id": "00000000-0000-7000-8000-000000000015",
            "status": "deleted"
          },
          {
            "author": {
              "id": "00000000-0000-7000-8000-000000000001",
              "role": "member",
              "username": "alice"
            },
            "body": "Answer 3.",
            "created_at": "2026-01-15T12:00:00.000004Z",
            "id": "00000000-0000-7000-8000-000000000016",
            "status": "visible"
          },
          {
            "author": {
              "id": "00000000-0000-7000-8000-000000000003",
              "role": "member",
              "username": "bob"
            },
            "body": "Answer 4.",
            "created_at": "2026-01-15T12:00:00.000005Z",
            "id": "00000000-0000-7000-8000-000000000017",
            "status": "visible"
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", case["thread"]));
    // A root answers nothing, and so does what is no post.
    bob.reports("post", post, "spam").await;
    assert_eq!(read(mallory, &case_of(app, post).await).await["thread"], json!([]));
    let owner = case["owner"]["id"].as_str().unwrap();
    bob.reports("account", owner, "spam").await;
    let of_account = "SELECT id::text FROM moderation_case WHERE subject_kind = 'account'";
    let of_account = app.rows(of_account).await.remove(0);
    assert_eq!(read(mallory, &of_account).await["thread"], json!([]));
}

#[tokio::test]
async fn a_case_has_what_was_decided_before_of_the_same_person_as_far_as_one_sees_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let case = watched.reported().await;
    let elsewhere = alice.opens_topic("Had it rained at Waterloo").await;
    let here = reported_in(&watched, topic, "And maps of Essex!").await;
    let there = reported_in(&watched, &elsewhere, "And maps of Brabant!").await;
    let open = reported_in(&watched, topic, "And maps of Sussex!").await;
    let others = bob.posts_in(topic, "I draw better ones.").await;
    alice.reports("post", &others, "spam").await;
    let others = case_of(app, &others).await;
    // By another rule than it was reported by.
    let mut insult = action("warn");
    insult["rule"] = json!("harassment");
    let upheld = json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [insult] });
    moves(mallory, &here, "resolve", Some(upheld)).await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    moves(mallory, &there, "resolve", Some(decision("rejected"))).await.is(200);
    moves(mallory, &others, "resolve", Some(decision("rejected"))).await.is(200);
    let seen = read(mallory, &case).await["prior_cases"].clone();
    assert_eq!(
        ids(&seen),
        [there.clone(), here.clone()],
        "the last first, without {open}, {others} and {case}"
    );
    expect![[r#"
        [
          {
            "id": "00000000-0000-7000-8000-000000000020",
            "resolution": "rejected",
            "resolved_at": "2026-01-15T12:01:00Z",
            "rule": "spam",
            "subject": {
              "id": "00000000-0000-7000-8000-00000000001f",
              "kind": "post"
            }
          },
          {
            "id": "00000000-0000-7000-8000-00000000001d",
            "resolution": "upheld",
            "resolved_at": "2026-01-15T12:00:00Z",
            "rule": "harassment",
            "subject": {
              "id": "00000000-0000-7000-8000-00000000001c",
              "kind": "post"
            }
          }
        ]
    "#]]
    .assert_eq(&format!("{seen:#}\n"));
    // Whoever looks after the one topic sees nothing of the other.
    let dora = of_the_topic(&watched, "dora").await;
    assert_eq!(ids(&read(&dora, &case).await["prior_cases"]), std::slice::from_ref(&here));
    // An action that was taken back is not what it was decided by.
    let warned = read(mallory, &here).await["actions"][0]["id"].as_str().unwrap().to_owned();
    let why = json!({ "explanation": "It was a museum after all." });
    mallory.post(&format!("/mod/actions/{warned}/revert"), why).await.is(200);
    assert_eq!(read(mallory, &case).await["prior_cases"][1]["rule"], "spam");
    // What is decided anew is not decided.
    moves(mallory, &there, "reopen", Some(json!({ "note": "I was too quick." }))).await.is(200);
    assert_eq!(ids(&read(mallory, &case).await["prior_cases"]), [here]);
}

#[tokio::test]
async fn of_many_that_were_decided_before_the_last_ten_are_shown() {
    let watched = Watched::new().await;
    let Watched { app, mallory, topic, .. } = &watched;
    let case = watched.reported().await;
    let mut decided = Vec::new();
    for n in 0..12 {
        let other = reported_in(&watched, topic, &format!("And maps of county {n}!")).await;
        moves(mallory, &other, "resolve", Some(decision("rejected"))).await.is(200);
        app.app.clock.advance(TimeDelta::seconds(5));
        decided.insert(0, other);
    }
    assert_eq!(ids(&read(mallory, &case).await["prior_cases"]), decided[..10]);
}

#[tokio::test]
async fn a_case_has_the_open_ones_that_say_nearly_the_same_as_far_as_one_sees_them() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let elsewhere = alice.opens_topic("Had it rained at Waterloo").await;
    let case = reported_in(&watched, topic, OFFER).await;
    let louder = reported_in(&watched, topic, &OFFER.to_uppercase()).await;
    let there = reported_in(&watched, &elsewhere, OFFER).await;
    let decided = reported_in(&watched, topic, &OFFER.replace(", ", " - ")).await;
    moves(mallory, &decided, "resolve", Some(decision("rejected"))).await.is(200);
    reported_in(&watched, topic, "The barges of Parma were never built to cross the open sea in autumn.")
        .await;
    // Nobody has reported it, so there is no case.
    alice.posts_in(topic, OFFER).await;
    let bobs = bob.posts_in(topic, OFFER).await;
    alice.reports("post", &bobs, "spam").await;
    let bobs = case_of(app, &bobs).await;
    let seen = read(mallory, &case).await["similar_cases"].clone();
    assert_eq!(ids(&seen), [louder.clone(), there.clone(), bobs.clone()]);
    expect![[r#"
        [
          {
            "id": "00000000-0000-7000-8000-00000000001e",
            "owner": {
              "id": "00000000-0000-7000-8000-000000000001",
              "role": "member",
              "username": "alice"
            },
            "state": "open",
            "subject": {
              "id": "00000000-0000-7000-8000-00000000001d",
              "kind": "post"
            }
          },
          {
            "id": "00000000-0000-7000-8000-000000000021",
            "owner": {
              "id": "00000000-0000-7000-8000-000000000001",
              "role": "member",
              "username": "alice"
            },
            "state": "open",
            "subject": {
              "id": "00000000-0000-7000-8000-000000000020",
              "kind": "post"
            }
          },
          {
            "id": "00000000-0000-7000-8000-00000000002b",
            "owner": {
              "id": "00000000-0000-7000-8000-000000000003",
              "role": "member",
              "username": "bob"
            },
            "state": "open",
            "subject": {
              "id": "00000000-0000-7000-8000-00000000002a",
              "kind": "post"
            }
          }
        ]
    "#]]
    .assert_eq(&format!("{seen:#}\n"));
    // Of the other topic whoever looks after this one learns nothing, and nobody of a case about themselves.
    let dora = of_the_topic(&watched, "dora").await;
    assert_eq!(ids(&read(&dora, &case).await["similar_cases"]), [louder.clone(), bobs.clone()]);
    grants(carol, "bob", json!({ "kind": "site" })).await;
    assert_eq!(ids(&read(&app.sign_in("bob").await, &case).await["similar_cases"]), [louder, there]);
    // What is too short to be compared is like nothing, not even what says the same.
    let short = reported_in(&watched, topic, "Cheap maps!").await;
    reported_in(&watched, topic, "Cheap maps!").await;
    assert_eq!(read(mallory, &short).await["similar_cases"], json!([]));
}

#[tokio::test]
async fn a_case_says_what_may_be_done_by_whoever_reads_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, post } = &watched;
    let case = watched.reported().await;
    let allowed = async |who: &Client, case: &str| read(who, case).await["allowed_actions"].clone();
    let names = |list: &Value| {
        let names: Vec<_> = list.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
        names.join(" ")
    };
    let dora = of_the_topic(&watched, "dora").await;
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let reader =
        json!({ "permissions": ["report.read"], "scope": { "kind": "site" }, "reason": "Asked for." });
    app.member("nick").await;
    carol.post("/accounts/nick/role-grants", reader).await.is(201);
    let nick = app.sign_in("nick").await;
    bob.reports("topic", &topic_id, "spam").await;
    let owner = read(mallory, &case).await["owner"]["id"].as_str().unwrap().to_owned();
    bob.reports("account", &owner, "spam").await;
    let about = async |kind: &str| {
        let of_kind = format!("SELECT id::text FROM moderation_case WHERE subject_kind = '{kind}'");
        app.rows(&of_kind).await.remove(0)
    };
    let (of_topic, of_account) = (about("topic").await, about("account").await);
    let mut table = String::new();
    for (who, client, case) in [
        ("a moderator about a post", mallory, &case),
        ("a moderator about a topic", mallory, &of_topic),
        ("a moderator about an account", mallory, &of_account),
        ("a moderator of the topic about a post", &dora, &case),
        ("whoever only reads reports", &nick, &case),
    ] {
        table += &format!("{who}: {}\n", names(&allowed(client, case).await));
    }
    expect![[r#"
        a moderator about a post: hide remove lock freeze_votes move relabel merge annotate redact warn silence restrict vote_ban suspend ban
        a moderator about a topic: hide remove lock freeze_votes slow_mode close pin warn silence restrict vote_ban suspend ban
        a moderator about an account: rename warn silence restrict vote_ban suspend ban
        a moderator of the topic about a post: hide remove lock freeze_votes move relabel merge annotate redact warn silence restrict vote_ban
        whoever only reads reports: 
    "#]].assert_eq(&table);
    // Each of them is taken, as far as it needs nothing else, and no other.
    let tries = async |who: &Client, kind: &str| {
        let about = json!({
            "subject": { "kind": "post", "id": post }, "actions": [action(kind)], "dry_run": true,
        });
        who.post("/mod/actions", about).await.status
    };
    for (who, client) in [("dora", &dora), ("mallory", mallory), ("nick", &nick)] {
        let listed = names(&allowed(client, &case).await);
        for kind in ["hide", "remove", "lock", "freeze_votes", "warn", "silence", "vote_ban", "ban"] {
            // Whoever looks after one topic says which.
            let confined = who == "dora" && ["silence", "vote_ban"].contains(&kind);
            let is_listed = listed.split(' ').any(|listed| listed == kind);
            let expected = if is_listed && !confined { 200 } else { 403 };
            assert_eq!(tries(client, kind).await, expected, "{who} {kind}");
        }
    }
    // What one has reported others decide, and what others are at, they are.
    mallory.reports("post", post, "harassment").await;
    assert_eq!(allowed(mallory, &case).await, json!([]));
    assert_ne!(allowed(&dora, &case).await, json!([]));
    moves(&dora, &case, "claim", None).await.is(200);
    assert_ne!(allowed(&dora, &case).await, json!([]), "whoever has it");
    assert_eq!(allowed(carol, &case).await, json!([]), "nobody else");
    app.app.clock.advance(TimeDelta::minutes(3));
    assert_ne!(allowed(carol, &case).await, json!([]), "until the claim has run out");
}

#[tokio::test]
async fn what_may_be_done_follows_where_the_subject_stands() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, post } = &watched;
    let case = watched.reported().await;
    let allows = async |case: &str| {
        let listed = read(mallory, case).await["allowed_actions"].clone();
        ["hide", "remove", "annotate", "purge"].map(|kind| listed.as_array().unwrap().contains(&json!(kind)))
    };
    assert_eq!(allows(&case).await, [true, true, true, false], "to purge takes a job");
    mallory.acts("post", post, action("hide")).await;
    assert_eq!(allows(&case).await, [false, true, true, false]);
    mallory.acts("post", post, action("remove")).await;
    assert_eq!(allows(&case).await, [false, false, true, false]);
    // A tombstone leaves nothing to decide about.
    let gone = reported_in(&watched, topic, "And maps of Essex!").await;
    let written = format!("SELECT subject_post_id::text FROM moderation_case WHERE id = '{gone}'");
    let written = app.rows(&written).await.remove(0);
    alice.delete_as_read(&format!("/posts/{written}")).await.is(200);
    assert_eq!(read(mallory, &gone).await["allowed_actions"], json!([]));
    // Nor is anything decided about somebody of one's own rank.
    let bobs = bob.posts_in(topic, "And maps of Norfolk!").await;
    alice.reports("post", &bobs, "spam").await;
    let bobs = case_of(app, &bobs).await;
    assert_eq!(allows(&bobs).await, [true, true, true, false]);
    grants(carol, "bob", json!({ "kind": "site" })).await;
    assert_eq!(read(mallory, &bobs).await["allowed_actions"], json!([]));
    // What was passed on is for those who decide what is difficult.
    let note = json!({ "note": "It takes a lawyer." });
    let hard = reported_in(&watched, topic, "And maps of Suffolk!").await;
    moves(mallory, &hard, "claim", None).await.is(200);
    moves(mallory, &hard, "escalate", Some(note)).await.is(200);
    assert_eq!(read(mallory, &hard).await["allowed_actions"], json!([]));
    assert_ne!(read(carol, &hard).await["allowed_actions"], json!([]));
}

#[tokio::test]
async fn a_case_has_what_was_reported_however_it_reads_now() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, post, .. } = &watched;
    let case_of_what = async |column: &str| {
        app.rows(&format!("SELECT id::text FROM moderation_case WHERE {column} IS NOT NULL")).await.remove(0)
    };
    let said = async |case: &str| {
        let case = read(mallory, case).await;
        let versions = case["reported_versions"].as_array().unwrap().iter();
        let texts: Vec<String> = versions
            .map(|version| {
                let text = version["text"].as_str().unwrap().to_owned();
                assert_eq!(version["sha256"], hex(&sha256(text.as_bytes())));
                format!("{} {text}", version["revision"])
            })
            .collect();
        (texts, case["content"]["text"].as_str().unwrap().to_owned())
    };
    // An account, reported twice as it was, and once as it became.
    let id = alice.get("/me").await.text("/id");
    alice.patch("/me", json!({ "bio": "Buy maps at my shop." })).await.is(200);
    bob.reports("account", &id, "spam").await;
    bob.reports("account", &id, "personal_data").await;
    alice.patch("/me", json!({ "bio": "Buy globes at my shop." })).await.is(200);
    bob.reports("account", &id, "hatred").await;
    alice.patch("/me", json!({ "bio": "Reads." })).await.is(200);
    let account = case_of_what("subject_account_id").await;
    let (texts, now) = said(&account).await;
    assert_eq!(texts, ["3 alice\n\nBuy globes at my shop.", "2 alice\n\nBuy maps at my shop."]);
    assert_eq!(now, "alice\n\nReads.");

    let id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    bob.reports("topic", &id, "spam").await;
    mallory
        .patch(&format!("/topics/{topic}"), json!({ "title": "Had the Armada landed in Sussex" }))
        .await
        .is(200);
    let (texts, now) = said(&case_of_what("subject_topic_id").await).await;
    assert!(texts[0].contains("landed in Kent") && now.contains("landed in Sussex"), "{texts:?} {now}");

    bob.reports("post", post, "spam").await;
    alice.patch(&format!("/posts/{post}"), json!({ "body": "Maps of Kent are of use here." })).await.is(200);
    let (texts, now) = said(&case_of(app, post).await).await;
    assert_eq!(
        (texts, now.as_str()),
        (vec!["1 Buy maps of Kent, cheap!".to_owned()], "Maps of Kent are of use here.")
    );

    // What people said of themselves goes with them.
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let mallory = app.sign_in("mallory").await;
    assert_eq!(read(&mallory, &account).await["reported_versions"], json!([]));
    assert_eq!(app.rows("SELECT count(*)::text FROM reported_version WHERE text LIKE '%shop%'").await, ["0"]);
}
