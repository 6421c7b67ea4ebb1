//! What moderators do about posts, topics and people, and what comes of it for everybody else.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use sea_orm::sqlx::{AssertSqlSafe, Connection, raw_sql};
use serde_json::{Value, json};

use crate::moderation::{Watched, grants, moves};
use crate::support::builders::{action, judged_topic};
use crate::support::{Client, Reply, TestApp};

/// Has somebody take an action back.
async fn reverts(who: &Client, id: &str) -> Reply {
    let why = json!({ "explanation": "It was a museum after all." });
    who.post(&format!("/mod/actions/{id}/revert"), why).await
}

fn until(kind: &str, end: &str) -> Value {
    let mut action = action(kind);
    action["ends_at"] = json!(end);
    action
}

async fn id_of(who: &Client) -> String {
    who.get("/me").await.is(200).text("/id")
}

/// A post with everything that hangs on one: a reply, votes, a source that it alone brought, and somebody it moved.
async fn post_with_everything(watched: &Watched) -> (String, String) {
    let Watched { alice, bob, topic, .. } = watched;
    let source = json!({ "type": "webpage", "title": "Maps of Kent", "authors": ["A. Seller"], "source_class": "tertiary" });
    let body = json!({ "body": "Look at the maps.", "citations": [{ "source": source }] });
    let post = alice.post(&format!("/topics/{topic}/posts"), body).await.is(201).text("/id");
    bob.replies_to(topic, &post, "Which maps?").await;
    bob.judges(&post, 1).await;
    watched.mallory.judges(&post, -1).await;
    let other = alice.posts_in(topic, "The tides were wrong.").await;
    (post, other)
}

/// What different people see of a post and what hangs on it.
async fn seen(watched: &Watched, post: &str, by: &Client) -> String {
    let topic = &watched.topic;
    let read = by.get(&format!("/posts/{post}")).await;
    let thread = by.get(&format!("/topics/{topic}/thread?sort=old")).await.is(200);
    let placed =
        thread.body["posts"]["items"].as_array().unwrap().iter().find(|item| item["id"] == post).unwrap();
    let of_topic = by.get(&format!("/topics/{topic}")).await.is(200);
    let sources: Vec<_> =
        of_topic.body["sources"].as_array().unwrap().iter().map(|s| s["title"].clone()).collect();
    format!(
        "post {} {} {} author {}; in the thread {} {}; revisions {}; reply {}; {} posts; sources {}",
        read.status,
        read.body["status"],
        read.body["body"],
        read.body["author"]["username"],
        placed["status"],
        placed["body"],
        by.get(&format!("/posts/{post}/revisions")).await.status,
        placed["replies"]["items"][0]["body"],
        of_topic.body["post_count"],
        Value::from(sources),
    )
}

#[tokio::test]
async fn a3_what_was_taken_out_of_sight_is_nowhere_and_comes_back_as_it_was() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let (post, _) = post_with_everything(&watched).await;
    let guest = app.guest();
    let before = [
        guest.get(&format!("/posts/{post}")).await.is(200).body,
        bob.get(&format!("/posts/{post}")).await.is(200).body,
        guest.get(&format!("/topics/{topic}/thread?sort=best")).await.is(200).body,
        guest.get(&format!("/topics/{topic}")).await.is(200).body,
    ];
    let mut tables = Vec::new();
    for kind in ["hide", "remove"] {
        let done = mallory.acts("post", &post, action(kind)).await;
        let mut table = String::new();
        for (name, who) in [("guest", &guest), ("bob", bob), ("alice", alice), ("mallory", mallory)] {
            table += &format!("{name}: {}\n", seen(&watched, &post, who).await);
        }
        tables.push(table.replace(if kind == "hide" { "hidden" } else { "removed" }, "<gone>"));
        bob.put(&format!("/posts/{post}/vote"), json!({ "quality": 1 })).await.is_problem(409, "post_hidden");
        let reply = json!({ "body": "Still?", "parent_id": post });
        bob.post(&format!("/topics/{topic}/posts"), reply).await.is_problem(409, "post_hidden");
        let bears = json!({ "body": "So.", "relations": [{ "type": "rebut", "target": { "kind": "post", "id": post } }] });
        bob.post(&format!("/topics/{topic}/posts"), bears)
            .await
            .refuses(&[("relations[0].target.id", "unknown_id")]);
        let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "spam" });
        bob.post("/reports", report).await.is_problem(409, "post_hidden");
        let edit = alice.with("if-match", "*");
        edit.patch(&format!("/posts/{post}"), json!({ "body": "Better maps." }))
            .await
            .is_problem(409, "post_hidden");
        edit.delete(&format!("/posts/{post}")).await.is_problem(409, "post_hidden");
        let file = otherwise::exchange::export(&app.app, topic, otherwise::exchange::Extent::default())
            .await
            .unwrap();
        assert!(!file.contains("Look at the maps") && !file.contains("Maps of Kent"), "{file}");
        reverts(mallory, &done).await.is(200);
    }
    assert_eq!(tables[0], tables[1], "there is no difference but the name");
    expect![[r#"
        guest: post 200 "<gone>" "" author null; in the thread "<gone>" ""; revisions 404; reply "Which maps?"; 3 posts; sources []
        bob: post 200 "<gone>" "" author null; in the thread "<gone>" ""; revisions 404; reply "Which maps?"; 3 posts; sources []
        alice: post 200 "<gone>" "Look at the maps." author "alice"; in the thread "<gone>" "Look at the maps."; revisions 200; reply "Which maps?"; 3 posts; sources []
        mallory: post 200 "<gone>" "Look at the maps." author "alice"; in the thread "<gone>" "Look at the maps."; revisions 200; reply "Which maps?"; 3 posts; sources []
    "#]]
    .assert_eq(&tables[0]);
    let after = [
        guest.get(&format!("/posts/{post}")).await.is(200).body,
        bob.get(&format!("/posts/{post}")).await.is(200).body,
        guest.get(&format!("/topics/{topic}/thread?sort=best")).await.is(200).body,
        guest.get(&format!("/topics/{topic}")).await.is(200).body,
    ];
    assert_eq!(after, before, "votes, places and counts are as before");
}

#[tokio::test]
async fn a3_a_topic_out_of_sight_is_there_for_its_author_and_for_moderators() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    alice.patch("/me", json!({ "shows_track_record": true })).await.is(200);
    alice.states_credences(topic, &[6000, 3000, 1000]).await;
    let id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "elsewhere" })).await;
    let done = mallory.acts("topic", &id, action("remove")).await;
    let guest = app.guest();
    for path in
        [format!("/topics/{topic}"), format!("/topics/{topic}/thread"), format!("/posts/{}", watched.post)]
    {
        for stranger in [&guest, bob, &dora] {
            stranger.get(&path).await.is_problem(404, "not_found");
        }
        for insider in [alice, mallory] {
            insider.get(&path).await.is(200);
        }
    }
    for (name, who, listed) in
        [("guest", &guest, 0), ("bob", bob, 0), ("alice", alice, 1), ("mallory", mallory, 0)]
    {
        let topics = who.get("/topics").await.is(200);
        assert_eq!(topics.body["items"].as_array().unwrap().len(), listed, "{name}");
    }
    let credences = bob.get("/accounts/alice/track-record/credences").await.is(200);
    assert_eq!(credences.body["items"], json!([]));
    let draft = json!({ "title": "Had the Armada come again", "event": judged_topic("x")["event"], "antecedent": judged_topic("x")["antecedent"] });
    let draft = bob.post("/topics", draft).await.is(201);
    assert_eq!(draft.body["similar_topics"], json!([]), "nobody is sent to what is out of sight");
    let post = json!({ "body": "Still?" });
    alice.post(&format!("/topics/{topic}/posts"), post).await.is_problem(409, "topic_not_open");
    // Not even who may edit it puts it back without a word.
    mallory
        .patch(&format!("/topics/{topic}"), json!({ "status": "open" }))
        .await
        .refuses(&[("status", "moderated")]);
    let refused = otherwise::exchange::export(&app.app, topic, otherwise::exchange::Extent::default()).await;
    assert_eq!(refused.unwrap_err().code.name(), "topic_not_open");
    reverts(mallory, &done).await.is(200);
    guest.get(&format!("/topics/{topic}")).await.is(200);
    assert_eq!(guest.get("/topics").await.body["items"].as_array().unwrap().len(), 1);
    for status in ["hidden", "removed"] {
        let mut topic = judged_topic("Had it rained");
        topic["status"] = json!(status);
        bob.post("/topics", topic).await.refuses(&[("status", "not_a_start")]);
    }
}

#[tokio::test]
async fn whoever_is_restricted_is_told_why_in_the_words_of_the_law() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, post, .. } = &watched;
    watched.reported().await;
    let mut by_law = action("remove");
    by_law["rule"] = json!("illegal");
    by_law["legal_ground"] = json!("StGB, section 86a");
    let removed = mallory.acts("post", post, by_law).await;
    mallory.acts("post", post, until("silence", "2026-01-20T00:00:00Z")).await;
    let list = alice.get("/me/decisions").await.is(200);
    expect![[r#"
        {
          "items": [
            {
              "actor_kind": "human",
              "appeal": null,
              "appeal_until": "2026-07-15T12:00:00Z",
              "created_at": "2026-01-15T12:00:00Z",
              "ends_at": "2026-01-20T00:00:00Z",
              "explanation": "It advertises a shop, and nothing else.",
              "id": "00000000-0000-7000-8000-000000000016",
              "is_reverted": false,
              "kind": "silence",
              "rule": "spam",
              "rule_version": 1,
              "scope_topic_id": null,
              "strikes": 1,
              "subject": {
                "id": "00000000-0000-7000-8000-000000000012",
                "kind": "post"
              },
              "topic_id": "00000000-0000-7000-8000-00000000000b"
            },
            {
              "actor_kind": "human",
              "appeal": null,
              "appeal_until": "2026-07-15T12:00:00Z",
              "created_at": "2026-01-15T12:00:00Z",
              "ends_at": null,
              "explanation": "It advertises a shop, and nothing else.",
              "id": "00000000-0000-7000-8000-000000000015",
              "is_reverted": false,
              "kind": "remove",
              "rule": "illegal",
              "rule_version": 1,
              "scope_topic_id": null,
              "strikes": 0,
              "subject": {
                "id": "00000000-0000-7000-8000-000000000012",
                "kind": "post"
              },
              "topic_id": "00000000-0000-7000-8000-00000000000b"
            }
          ],
          "next": null
        }
    "#]]
    .assert_eq(&format!("{:#}\n", list.body));
    let in_full = alice.get(&format!("/me/decisions/{removed}")).await.is(200);
    expect![[r#"
        {
          "application_date": "2026-01-15T12:00:00Z",
          "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
          "automated_detection": false,
          "category": "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
          "category_specification": [],
          "content_date": "2026-01-15T12:00:00Z",
          "content_language": null,
          "content_type": "CONTENT_TYPE_TEXT",
          "decision_account": null,
          "decision_facts": "It advertises a shop, and nothing else.",
          "decision_ground": "DECISION_GROUND_ILLEGAL_CONTENT",
          "decision_ground_reference_url": null,
          "decision_provision": null,
          "decision_visibility": [
            "DECISION_VISIBILITY_CONTENT_REMOVED"
          ],
          "end_date": null,
          "illegal_content_explanation": "It advertises a shop, and nothing else.",
          "illegal_content_legal_ground": "StGB, section 86a",
          "incompatible_content_explanation": null,
          "incompatible_content_ground": null,
          "incompatible_content_illegal": null,
          "redress": "POST /api/v1/me/decisions/00000000-0000-7000-8000-000000000015/appeal: somebody else than whoever decided looks at it again, at no cost. You may also turn to a body that settles disputes out of court, or to a court.",
          "source_type": "SOURCE_TYPE_OTHER_NOTIFICATION",
          "territorial_scope": [
            "AT",
            "BE",
            "BG",
            "CY",
            "CZ",
            "DE",
            "DK",
            "EE",
            "ES",
            "FI",
            "FR",
            "GR",
            "HR",
            "HU",
            "IE",
            "IS",
            "IT",
            "LI",
            "LT",
            "LU",
            "LV",
            "MT",
            "NL",
            "NO",
            "PL",
            "PT",
            "RO",
            "SE",
            "SI",
            "SK"
          ]
        }
    "#]].assert_eq(&format!("{:#}\n", in_full.body["statement"]));
    for other in [bob, mallory] {
        other.get(&format!("/me/decisions/{removed}")).await.is_problem(404, "not_found");
        assert_eq!(other.get("/me/decisions").await.body["items"], json!([]));
    }
    expect![[r#"
        {
          "items": [
            {
              "ends_at": "2026-01-20T00:00:00Z",
              "id": "00000000-0000-7000-8000-000000000016",
              "in_force": true,
              "kind": "silence",
              "lifted_at": null,
              "starts_at": "2026-01-15T12:00:00Z",
              "strikes": 1,
              "strikes_expire_at": "2026-07-14T12:00:00Z",
              "topic_id": null
            }
          ],
          "report_mute": null,
          "strikes": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", alice.get("/me/sanctions").await.is(200).body));
    let mail = app.mails().await;
    let told = mail.iter().filter(|mail| mail.subject == "A decision about you").count();
    assert_eq!(told, 2, "each is told of by mail");
    // The database refuses what nobody is told of.
    app.refuses_sql(
        "mod_action_is_explained",
        "INSERT INTO mod_action SELECT (jsonb_populate_record(a, jsonb_build_object(
             'id', gen_random_uuid(), 'external_id', NULL))).* FROM mod_action a WHERE kind = 'remove'",
    )
    .await;
    app.refuses_sql("mod_action_is_fixed", "UPDATE mod_action SET kind = 'hide' WHERE kind = 'remove'").await;
}

#[tokio::test]
async fn what_is_locked_frozen_or_slowed_is_free_again_when_its_end_has_come() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, topic, post, .. } = &watched;
    let id = mallory.get(&format!("/topics/{topic}")).await.text("/id");
    let child = bob.replies_to(topic, post, "Which shop?").await;
    let posts = async |parent: &str| {
        let reply = json!({ "body": "And then?", "parent_id": parent });
        bob.post(&format!("/topics/{topic}/posts"), reply).await
    };
    let votes = async |value: i8| bob.put(&format!("/posts/{post}/vote"), json!({ "quality": value })).await;
    mallory.acts("post", post, until("lock", "2026-01-15T12:05:00Z")).await;
    mallory.acts("post", post, until("freeze_votes", "2026-01-15T12:05:00Z")).await;
    posts(post).await.is_problem(409, "locked");
    posts(&child).await.is_problem(409, "locked");
    votes(1).await.is_problem(409, "votes_frozen");
    let read = bob.get(&format!("/posts/{post}")).await;
    expect![[r#"
        [
          {
            "ends_at": "2026-01-15T12:05:00Z",
            "kind": "lock",
            "seconds": null
          },
          {
            "ends_at": "2026-01-15T12:05:00Z",
            "kind": "freeze_votes",
            "seconds": null
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", read.body["restrictions"]));
    app.app.clock.advance(TimeDelta::minutes(5) - TimeDelta::microseconds(1));
    posts(&child).await.is_problem(409, "locked");
    votes(1).await.is_problem(409, "votes_frozen");
    app.app.clock.advance(TimeDelta::microseconds(1));
    posts(&child).await.is(201);
    votes(1).await.is(200);
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["restrictions"], json!([]));
    let bob = app.sign_in("bob").await;
    let mallory = app.sign_in("mallory").await;
    let mut slow = action("slow_mode");
    slow["seconds"] = json!(60);
    let slowed = mallory.acts("topic", &id, slow).await;
    let new = json!({ "body": "And then?" });
    let refused = bob.post(&format!("/topics/{topic}/posts"), new.clone()).await.is_problem(429, "slow_mode");
    assert_eq!(refused.header("retry-after"), Some("61"));
    app.app.clock.advance(TimeDelta::seconds(60));
    bob.post(&format!("/topics/{topic}/posts"), new.clone()).await.is(201);
    reverts(&mallory, &slowed).await.is(200);
    bob.post(&format!("/topics/{topic}/posts"), new.clone()).await.is(201);
    let locked = mallory.acts("topic", &id, action("lock")).await;
    let frozen = mallory.acts("topic", &id, action("freeze_votes")).await;
    bob.post(&format!("/topics/{topic}/posts"), new.clone()).await.is_problem(409, "locked");
    bob.put(&format!("/posts/{post}/vote"), json!({ "quality": -1 })).await.is_problem(409, "votes_frozen");
    reverts(&mallory, &frozen).await.is(200);
    reverts(&mallory, &locked).await.is(200);
    bob.post(&format!("/topics/{topic}/posts"), new).await.is(201);
}

#[tokio::test]
async fn each_sanction_keeps_from_what_it_says_where_and_for_as_long_as_it_says() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, topic, post, .. } = &watched;
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let elsewhere = alice.opens_topic("Had it rained at Waterloo").await;
    let there = alice.posts_in(&elsewhere, "The guns would have stuck.").await;
    let mut table = String::new();
    for (number, kind) in
        ["warn", "silence", "silence here", "restrict here", "vote_ban", "vote_ban here", "suspend", "ban"]
            .iter()
            .enumerate()
    {
        let name = format!("member{number}");
        let member = app.member(&name).await;
        let own = member.posts_in(topic, "Mine.").await;
        let (bare, here) = kind.split_once(' ').map_or((*kind, false), |(bare, _)| (bare, true));
        let mut sanction = action(bare);
        if here {
            sanction["topic_id"] = json!(topic_id);
        }
        if bare == "suspend" {
            sanction["ends_at"] = json!("2026-01-20T00:00:00Z");
        }
        mallory.acts("post", &own, sanction).await;
        // A ban ends sessions; whoever is banned may sign in to read, and to appeal.
        let member = if bare == "ban" {
            member.get("/me").await.is_problem(401, "invalid_token");
            app.sign_in(&name).await
        } else {
            member
        };
        let said = json!({ "body": "So." });
        let vector = member.vector(topic, &[6000, 3000, 1000]).await;
        let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "spam" });
        let tried = [
            ("read", member.get(&format!("/topics/{topic}/thread")).await),
            ("post", member.post(&format!("/topics/{topic}/posts"), said.clone()).await),
            ("post elsewhere", member.post(&format!("/topics/{elsewhere}/posts"), said).await),
            ("vote", member.put(&format!("/posts/{post}/vote"), json!({ "quality": 1 })).await),
            ("vote elsewhere", member.put(&format!("/posts/{there}/vote"), json!({ "quality": 1 })).await),
            ("credences", member.put(&format!("/topics/{topic}/credences/mine"), vector).await),
            ("open a topic", member.post("/topics", json!({ "title": "Had it snowed" })).await),
            ("report", member.post("/reports", report).await),
            ("delete own", member.delete_as_read(&format!("/posts/{own}")).await),
            ("profile", member.patch("/me", json!({ "bio": "I sell maps." })).await),
        ];
        let refused: Vec<_> = tried
            .into_iter()
            .filter(|(_, reply)| reply.status >= 400)
            .map(|(name, reply)| {
                assert_eq!(reply.body["code"], "sanctioned", "{kind}: {name}: {:#}", reply.body);
                name
            })
            .collect();
        table += &format!("{kind}: {}\n", refused.join(", "));
    }
    expect![[r#"
        warn: 
        silence: post, post elsewhere, open a topic
        silence here: post
        restrict here: post, vote, credences
        vote_ban: vote, vote elsewhere, credences
        vote_ban here: vote, credences
        suspend: post, post elsewhere, vote, vote elsewhere, credences, open a topic, report, delete own, profile
        ban: post, post elsewhere, vote, vote elsewhere, credences, open a topic, report, delete own, profile
    "#]].assert_eq(&table);
    // No timer runs: it is over when its end has come.
    let member = app.member("zoe").await;
    let own = member.posts_in(topic, "Mine.").await;
    mallory.acts("post", &own, until("silence", "2026-01-15T12:01:00Z")).await;
    let said = json!({ "body": "So." });
    let refused =
        member.post(&format!("/topics/{topic}/posts"), said.clone()).await.is_problem(403, "sanctioned");
    assert_eq!(
        refused.body["detail"],
        "You may not post until 2026-01-15T12:01:00Z. GET /me/sanctions says why, and how to appeal."
    );
    app.app.clock.advance(TimeDelta::minutes(1));
    member.post(&format!("/topics/{topic}/posts"), said.clone()).await.is(201);
    let again = mallory.acts("post", &own, action("silence")).await;
    member.post(&format!("/topics/{topic}/posts"), said.clone()).await.is_problem(403, "sanctioned");
    reverts(mallory, &again).await.is(200);
    member.post(&format!("/topics/{topic}/posts"), said).await.is(201);
}

#[tokio::test]
async fn a8_a_suspended_moderator_moderates_no_more_and_a_banned_token_is_dead() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, post, .. } = &watched;
    let id = id_of(mallory).await;
    let token =
        json!({ "name": "A script", "scopes": ["read", "moderate"], "expires_at": "2026-02-01T00:00:00Z" });
    let script = app.bearer(&mallory.post("/me/tokens", token).await.is(201).text("/token"));
    script.get("/mod/cases").await.is(200);
    let suspended = carol.acts("account", &id, until("suspend", "2026-01-20T00:00:00Z")).await;
    for client in [mallory, &script] {
        client.get("/mod/cases").await.is_problem(403, "sanctioned");
        let hide = json!({ "subject": { "kind": "post", "id": post }, "actions": [action("hide")] });
        client.post("/mod/actions", hide).await.is_problem(403, "sanctioned");
    }
    reverts(carol, &suspended).await.is(200);
    script.get("/mod/cases").await.is(200);
    carol.acts("account", &id, action("ban")).await;
    script.get("/mod/cases").await.is_problem(401, "invalid_token");
    mallory.get("/me").await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn what_somebody_begins_before_they_are_kept_from_it_is_done_before_or_not_at_all() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, topic, .. } = &watched;
    let id = id_of(bob).await;
    let mut connection = sea_orm::sqlx::PgConnection::connect(app.database_url()).await.unwrap();
    // The moderator has begun, and waits for something of another's.
    let hold = format!("SELECT pg_advisory_lock(hashtextextended('report {id}', 0))");
    raw_sql(AssertSqlSafe(hold)).execute(&mut connection).await.unwrap();
    let silences = {
        let (mallory, id) = (mallory.clone(), id.clone());
        tokio::spawn(async move { mallory.acts("account", &id, action("silence")).await })
    };
    while app.waiting().await == 0 {}
    let posts = {
        let (bob, topic) = (bob.clone(), topic.clone());
        let post = json!({ "body": "Quick, before they notice." });
        tokio::spawn(async move { bob.post(&format!("/topics/{topic}/posts"), post).await })
    };
    while app.waiting().await < 2 {}
    connection.close().await.unwrap();
    silences.await.unwrap();
    let refused = posts.await.unwrap().is_problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let post = json!({ "body": "Quick, before they notice." });
    bob.post(&format!("/topics/{topic}/posts"), post).await.is_problem(403, "sanctioned");
    let said = app.rows("SELECT count(*)::text FROM post WHERE body LIKE 'Quick%'").await;
    assert_eq!(said, ["0"]);
}

#[tokio::test]
async fn a7_nobody_acts_on_themselves_above_their_rank_out_of_their_place_or_on_what_they_do_not_see() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, post } = &watched;
    let elsewhere = {
        let mut other = judged_topic("Had it rained at Waterloo");
        other["tags"] = json!(["waterloo"]);
        alice.post("/topics", other).await.is(201).text("/slug")
    };
    let there = alice.posts_in(&elsewhere, "The guns would have stuck.").await;
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "waterloo" })).await;
    let (mallorys, doras) =
        (mallory.posts_in(topic, "Mine.").await, dora.posts_in(&elsewhere, "Mine.").await);
    let carols = carol.posts_in(topic, "Mine.").await;
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    let waterloo = alice.get(&format!("/topics/{elsewhere}")).await.text("/id");
    let draft = bob.post("/topics", json!({ "title": "Had it snowed" })).await.is(201).text("/id");
    let try_on = async |who: &Client, kind: &str, id: &str, action: Value| {
        let about = json!({ "subject": { "kind": kind, "id": id }, "actions": [action] });
        let reply = who.post("/mod/actions", about).await;
        let fields: Vec<_> = reply.body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| format!(" {}={}", error["field"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect();
        format!("{} {}{}", reply.status, reply.body["code"].as_str().unwrap_or("done"), fields.concat())
    };
    let scoped = |kind: &str, topic: &str| {
        let mut action = action(kind);
        action["topic_id"] = json!(topic);
        action
    };
    let alices = id_of(alice).await;
    let mut table = String::new();
    for (what, outcome) in [
        ("bob, a member", try_on(bob, "post", post, action("hide")).await),
        ("a guest", try_on(&app.guest(), "post", post, action("hide")).await),
        ("mallory on her own post", try_on(mallory, "post", &mallorys, action("hide")).await),
        ("mallory on dora's, of her own rank", try_on(mallory, "post", &doras, action("hide")).await),
        ("mallory on carol's", try_on(mallory, "post", &carols, action("hide")).await),
        ("dora outside her tag", try_on(&dora, "post", post, action("hide")).await),
        ("dora within her tag", try_on(&dora, "post", &there, action("hide")).await),
        ("dora silences everywhere", try_on(&dora, "post", &there, action("silence")).await),
        (
            "dora silences where she is not in charge",
            try_on(&dora, "post", &there, scoped("silence", &topic_id)).await,
        ),
        ("dora silences within her tag", try_on(&dora, "post", &there, scoped("silence", &waterloo)).await),
        ("dora warns", try_on(&dora, "post", &there, action("warn")).await),
        ("dora on an account", try_on(&dora, "account", &alices, action("warn")).await),
        ("mallory on a draft", try_on(mallory, "topic", &draft, action("hide")).await),
        ("mallory on nothing", try_on(mallory, "post", &topic_id, action("hide")).await),
        ("hide an account", try_on(mallory, "account", &alices, action("hide")).await),
        ("revert as an action", try_on(mallory, "post", post, action("revert")).await),
        ("slow mode on a post", try_on(mallory, "post", post, action("slow_mode")).await),
        ("suspend without an end", try_on(mallory, "post", post, action("suspend")).await),
        ("end in the past", try_on(mallory, "post", post, until("lock", "2026-01-15T12:00:00Z")).await),
        ("restrict without a topic", try_on(mallory, "post", post, action("restrict")).await),
        ("restrict where there is none", try_on(mallory, "post", post, scoped("restrict", &alices)).await),
        (
            "a rule that is none",
            try_on(
                mallory,
                "post",
                post,
                json!({
            "kind": "hide", "rule": "fun", "explanation": "It advertises a shop." }),
            )
            .await,
        ),
        (
            "the law without a law",
            try_on(
                mallory,
                "post",
                post,
                json!({
            "kind": "hide", "rule": "illegal", "explanation": "It advertises a shop." }),
            )
            .await,
        ),
        ("no explanation", try_on(mallory, "post", post, json!({ "kind": "hide", "rule": "spam" })).await),
        (
            "a short explanation",
            try_on(
                mallory,
                "post",
                post,
                json!({
            "kind": "hide", "rule": "spam", "explanation": "No." }),
            )
            .await,
        ),
    ] {
        table += &format!("{what}: {outcome}\n");
    }
    expect![[r#"
        bob, a member: 403 not_allowed
        a guest: 401 unauthenticated
        mallory on her own post: 403 own_subject
        mallory on dora's, of her own rank: 403 outranked
        mallory on carol's: 403 outranked
        dora outside her tag: 403 not_allowed
        dora within her tag: 201 done
        dora silences everywhere: 403 not_allowed
        dora silences where she is not in charge: 403 not_allowed
        dora silences within her tag: 201 done
        dora warns: 201 done
        dora on an account: 403 not_allowed
        mallory on a draft: 409 topic_not_open
        mallory on nothing: 422 invalid subject.id=unknown_id
        hide an account: 422 invalid actions[0].kind=does_not_fit
        revert as an action: 422 invalid actions[0].kind=does_not_fit
        slow mode on a post: 422 invalid actions[0].kind=does_not_fit actions[0].seconds=out_of_range
        suspend without an end: 422 invalid actions[0].ends_at=missing
        end in the past: 422 invalid actions[0].ends_at=in_the_past
        restrict without a topic: 422 invalid actions[0].topic_id=missing
        restrict where there is none: 422 invalid actions[0].topic_id=unknown_id
        a rule that is none: 422 invalid actions[0].rule=unknown_rule
        the law without a law: 422 invalid actions[0].legal_ground=missing
        no explanation: 422 invalid actions[0].explanation=missing
        a short explanation: 422 invalid actions[0].explanation=too_short
    "#]]
    .assert_eq(&table);
    let state = "SELECT count(*)::text FROM mod_action UNION ALL SELECT count(*)::text FROM post WHERE status <> 'visible'";
    assert_eq!(app.rows(state).await, ["3", "1"], "what was refused left nothing behind");
    let bob_sees = bob.get("/mod/actions").await;
    bob_sees.is_problem(403, "not_allowed");
    let listed = |reply: Reply| reply.is(200).body["items"].as_array().unwrap().len();
    assert_eq!(listed(mallory.get("/mod/actions").await), 3);
    assert_eq!(listed(dora.get("/mod/actions").await), 3);
    assert_eq!(listed(mallory.get(&format!("/mod/actions?topic={topic_id}")).await), 0);
    assert_eq!(listed(mallory.get("/mod/actions?kind=warn").await), 1);
    assert_eq!(listed(mallory.get(&format!("/mod/actions?target={alices}&limit=2")).await), 2);
}

#[tokio::test]
async fn an_action_lands_once_dry_runs_do_nothing_and_all_of_a_request_is_done_or_none() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, carol, post, .. } = &watched;
    let request = |actions: Value| json!({ "subject": { "kind": "post", "id": post }, "actions": actions });
    let mut dry = request(json!([action("hide"), action("warn")]));
    dry["dry_run"] = json!(true);
    let would = mallory.post("/mod/actions", dry).await.is(200);
    assert_eq!((&would.body["dry_run"], would.body["actions"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(app.rows("SELECT count(*)::text FROM moderation_case").await, ["0"]);
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["status"], "visible");
    // The second is refused, so the first is not done.
    let half = request(json!([action("hide"), action("slow_mode")]));
    mallory
        .post("/mod/actions", half)
        .await
        .refuses(&[("actions[1].kind", "does_not_fit"), ("actions[1].seconds", "out_of_range")]);
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["status"], "visible");
    mallory.post("/mod/actions", request(json!([]))).await.refuses(&[("actions", "missing")]);
    let eleven = vec![action("warn"); 11];
    mallory.post("/mod/actions", request(json!(eleven))).await.refuses(&[("actions", "too_many")]);

    let mut named = action("hide");
    named["external_id"] = json!("bot-17");
    let first = mallory.post("/mod/actions", request(json!([named]))).await.is(201);
    let again = mallory.post("/mod/actions", request(json!([named]))).await.is(201);
    assert_eq!(first.body, again.body);
    let mut warning = action("warn");
    warning["external_id"] = json!("bot-18");
    let warned = mallory.post("/mod/actions", request(json!([warning]))).await.is(201);
    assert_eq!(mallory.post("/mod/actions", request(json!([warning]))).await.is(201).body, warned.body);
    let mut other = action("warn");
    other["external_id"] = json!("bot-17");
    mallory
        .post("/mod/actions", request(json!([other.clone()])))
        .await
        .refuses(&[("actions[0].external_id", "duplicate")]);
    carol.post("/mod/actions", request(json!([other]))).await.is(201);
    // What is so already is the action that made it so.
    let same = mallory.post("/mod/actions", request(json!([action("hide")]))).await.is(201);
    assert_eq!(same.body["actions"][0]["id"], first.body["actions"][0]["id"]);
    let once = mallory.with("idempotency-key", "k1");
    let warned = once.post("/mod/actions", request(json!([action("warn")]))).await.is(201);
    assert_eq!(once.post("/mod/actions", request(json!([action("warn")]))).await.is(201).body, warned.body);
    let kinds = app.rows("SELECT kind FROM mod_action ORDER BY id").await;
    assert_eq!(kinds, ["hide", "warn", "warn", "warn"]);
    // A case that its moderator opened to act on it is decided by that; another one's is theirs.
    let case = watched.case().await;
    assert_eq!(watched.read(&case).await["state"], "resolved");
    bob.reports("post", &watched.alice.posts_in(&watched.topic, "More maps!").await, "spam").await;
    let next = carol.send(Method::POST, "/mod/cases/next", None).await.is(200);
    let subject = next.body["subject"].clone();
    let act = json!({ "subject": subject, "actions": [action("hide")] });
    mallory.post("/mod/actions", act).await.is_problem(409, "case_claimed");
}

#[tokio::test]
async fn taking_back_puts_back_what_was_and_refuses_where_something_came_after() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, post, .. } = &watched;
    let hidden = mallory.acts("post", post, action("hide")).await;
    let removed = mallory.acts("post", post, action("remove")).await;
    let status = async || bob.get(&format!("/posts/{post}")).await.body["status"].clone();
    reverts(mallory, &hidden).await.is_problem(409, "changed_since");
    assert_eq!(status().await, "removed");
    let back = reverts(mallory, &removed).await.is(200);
    assert_eq!(status().await, "hidden");
    assert_eq!(reverts(mallory, &removed).await.is(200).body, back.body, "twice is once");
    reverts(mallory, &back.text("/id")).await.is_problem(409, "invalid_state_transition");
    reverts(mallory, &hidden).await.is(200);
    assert_eq!(status().await, "visible");
    reverts(bob, &hidden).await.is_problem(403, "not_allowed");
    reverts(mallory, "0198c5f0-0000-7000-8000-00000000dead").await.is_problem(404, "not_found");
    mallory.acts("post", post, action("remove")).await;
    mallory
        .post(
            "/mod/actions",
            json!({ "subject": { "kind": "post", "id": post }, "actions": [action("hide")] }),
        )
        .await
        .is_problem(409, "invalid_state_transition");
    let log = app.guest().get("/modlog").await.is(200);
    let lines: Vec<_> = log.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!(
                "{} {} by a {}, reverts {}, reverted {}",
                entry["kind"],
                entry["rule"],
                entry["actor_kind"],
                entry["reverts"].is_string(),
                entry["reverted_by"].is_string()
            )
        })
        .collect();
    expect![[r#"
        "remove" "spam" by a "human", reverts false, reverted false
        "revert" null by a "human", reverts true, reverted false
        "revert" null by a "human", reverts true, reverted false
        "remove" "spam" by a "human", reverts false, reverted true
        "hide" "spam" by a "human", reverts false, reverted true
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
    assert!(!log.body.to_string().contains("mallory") && !log.body.to_string().contains("explanation"));
}

#[tokio::test]
async fn a_case_is_resolved_with_what_is_done_about_it() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, post, .. } = &watched;
    let case = watched.reported().await;
    let mut rejected =
        json!({ "resolution": "rejected", "note": "As the rule says.", "actions": [action("hide")] });
    moves(mallory, &case, "resolve", Some(rejected.clone())).await.refuses(&[("actions", "does_not_fit")]);
    rejected["resolution"] = json!("upheld");
    let mut impossible = rejected.clone();
    impossible["actions"][0]["kind"] = json!("slow_mode");
    moves(mallory, &case, "resolve", Some(impossible)).await.is_problem(422, "invalid");
    assert_eq!(watched.read(&case).await["state"], "open");
    let resolved = moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
    assert_eq!(
        (&resolved.body["state"], &resolved.body["resolution"]),
        (&json!("resolved"), &json!("upheld"))
    );
    let events: Vec<_> = resolved.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["opened", "acted", "resolved"]);
    assert_eq!(resolved.body["actions"][0]["kind"], "hide");
    assert_eq!(bob.get("/reports").await.body["items"][0]["outcome"], "upheld");
    assert_eq!(alice.get(&format!("/posts/{post}")).await.body["status"], "hidden");
    let record = mallory.get("/mod/accounts/alice").await.is(200);
    assert_eq!(
        (&record.body["strikes"], &record.body["reports"]),
        (&json!(0), &json!({ "upheld": 0, "rejected": 0 }))
    );
    assert_eq!(mallory.get("/mod/accounts/bob").await.body["reports"], json!({ "upheld": 1, "rejected": 0 }));
    mallory.acts("post", post, action("warn")).await;
    assert_eq!(mallory.get("/mod/accounts/alice").await.body["strikes"], 1);
    app.app.clock.advance(TimeDelta::days(180));
    let mallory = app.sign_in("mallory").await;
    assert_eq!(mallory.get("/mod/accounts/alice").await.body["strikes"], 0, "they expire");
    bob_sees_nothing(app).await;
}

async fn bob_sees_nothing(app: &TestApp) {
    let bob = app.sign_in("bob").await;
    for path in ["/mod/accounts/alice", "/mod/actions", "/mod/appeals"] {
        bob.get(path).await.is_problem(403, "not_allowed");
    }
}
