//! Moderators put debates in order: posts are moved, relations relabelled, duplicates merged, topics closed, and all of it
//! is taken back. Nothing that anybody said, voted or believes is lost.

use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::moderation::{Watched, grants};
use crate::support::{Client, Reply, TestApp};

/// A debate with a reply in the wrong place, and with all that hangs on posts.
struct Debate {
    watched: Watched,
    /// Another moderator of the whole site.
    dora: Client,
    /// Bob's, at the root.
    tides: String,
    /// Alice's, below hers at the root.
    maps: String,
    /// Alice's, below bob's: it speaks for it.
    winds: String,
    /// Bob's, below alice's winds.
    which: String,
    /// Bob's, at the root: it undercuts what alice's winds do to his tides.
    undercut: String,
}

impl Debate {
    async fn new() -> Self {
        let watched = Watched::new().await;
        let Watched { app, alice, bob, carol, topic, post, .. } = &watched;
        let dora = app.member("dora").await;
        grants(carol, "dora", json!({ "kind": "site" })).await;
        let said = async |who: &Client, parent: Option<&String>, body: Value| {
            app.app.clock.advance(TimeDelta::seconds(1));
            let mut new = body;
            if let Some(parent) = parent {
                new["parent_id"] = json!(parent);
            }
            who.post(&format!("/topics/{topic}/posts"), new).await.is(201).body
        };
        let id = |post: &Value| post["id"].as_str().unwrap().to_owned();
        let tides = id(&said(bob, None, json!({ "body": "The tides were wrong." })).await);
        let maps = id(&said(alice, Some(post), json!({ "body": "The maps show it." })).await);
        let source = json!({ "type": "webpage", "title": "Winds of Kent", "source_class": "tertiary" });
        let speaks = json!({
            "body": "So were the winds.", "citations": [{ "source": source }],
            "relations": [
                { "type": "support", "target": { "kind": "post", "id": tides } },
                { "type": "evidence", "target": { "kind": "post", "id": post }, "p_if_true": 9000, "p_if_false": 1000 },
            ],
        });
        let made = said(alice, Some(&tides), speaks).await;
        let winds = id(&made);
        let which = id(&said(bob, Some(&winds), json!({ "body": "Which winds?" })).await);
        said(alice, Some(&which), json!({ "body": "Those from the west." })).await;
        let link = json!({ "kind": "relation", "id": made["relations"][0]["id"] });
        let undercuts =
            json!({ "body": "Wind moves no tide.", "relations": [{ "type": "undercut", "target": link }] });
        let undercut = id(&said(bob, None, undercuts).await);
        bob.put(&format!("/posts/{winds}/vote"), json!({ "quality": 1, "agreement": -1 })).await.is(200);
        carol.put(&format!("/posts/{winds}/vote"), json!({ "quality": 1 })).await.is(200);
        alice.put(&format!("/posts/{which}/vote"), json!({ "quality": -1 })).await.is(200);
        bob.states_credences(topic, &[6000, 3000, 1000]).await;
        bob.states_credences(topic, &[2000, 7000, 1000]).await;
        let why =
            json!({ "explanation": "I had thought of ships and soldiers, and never once of the weather." });
        bob.post(&format!("/posts/{winds}/mind-changes"), why).await.is(201);
        Self { watched, dora, tides, maps, winds, which, undercut }
    }

    /// What people see of the thread, oldest first: each post with its direct replies and all below, relations, and votes.
    async fn thread(&self) -> String {
        let path = format!("/topics/{}/thread?sort=old&depth=10", self.watched.topic);
        let read = self.watched.app.guest().get(&path).await.is(200);
        let mut text = String::new();
        outline(&read.body["posts"]["items"], &mut text);
        text
    }

    /// All that moderators must not touch.
    async fn kept(&self) -> Vec<String> {
        self.watched
            .app
            .rows(
                "SELECT 'vote ' || v::text FROM vote v UNION ALL SELECT 'credence ' || c::text FROM credence_part c
                 UNION ALL SELECT 'moved ' || m::text FROM mind_change m UNION ALL SELECT 'cited ' || c::text FROM citation c
                 UNION ALL SELECT concat_ws(' ', 'link', id, post_id, target_relation_id, withdrawn_at) FROM relation
                           WHERE NOT by_moderator
                 UNION ALL SELECT concat_ws(' ', 'text', id, author_id, body, edited_at, status) FROM post
                 UNION ALL SELECT concat_ws(' ', 'activity', post_count, participant_count, last_activity_at)
                           FROM topic_activity ORDER BY 1",
            )
            .await
    }
}

fn outline(posts: &Value, text: &mut String) {
    for post in posts.as_array().unwrap() {
        let indent = "  ".repeat(usize::try_from(post["depth"].as_u64().unwrap()).unwrap());
        let relations = post["relations"].as_array().unwrap().iter().map(|relation| {
            let by = if relation["by_moderator"] == true { "!" } else { "" };
            format!(" {by}{}", relation["type"].as_str().unwrap())
        });
        let mark = if post["duplicate_of"].is_null() { "" } else { " (duplicate)" };
        *text += &format!(
            "{indent}{}{mark} {}/{} +{}{}\n",
            post["body"],
            post["reply_count"],
            post["descendant_count"],
            post["tallies"]["quality"]["up"],
            relations.collect::<String>(),
        );
        outline(&post["replies"]["items"], text);
    }
}

/// Posts that are not where they say, or not counted or listed where they are; whatever is not as a recount says.
async fn astray(app: &TestApp) -> Vec<String> {
    app.rows(
        "WITH RECURSIVE walk AS (
             SELECT id, id AS root_id, 0 AS depth, ARRAY[id] AS path FROM post WHERE parent_id IS NULL
             UNION ALL
             SELECT p.id, w.root_id, w.depth + 1, w.path || p.id FROM walk w JOIN post p ON p.parent_id = w.id)
         SELECT 'post ' || p.id FROM post p
         JOIN post_tally t ON t.post_id = p.id
         LEFT JOIN walk w ON w.id = p.id
         LEFT JOIN post_rank r ON r.post_id = p.id AND r.until IS NULL
         WHERE w.id IS NULL OR (w.root_id, w.depth) <> (p.root_id, p.depth)
            OR r.branch_id IS DISTINCT FROM coalesce(p.parent_id, p.topic_id)
            OR t.reply_count <> (SELECT count(*) FROM post c WHERE c.parent_id = p.id)
            OR t.descendant_count <> (SELECT count(*) FROM walk b WHERE p.id = ANY (b.path)) - 1
            OR t.quality_up <> (SELECT count(*) FROM vote v WHERE v.post_id = p.id AND v.quality = 1)
            OR t.quality_down <> (SELECT count(*) FROM vote v WHERE v.post_id = p.id AND v.quality = -1)
         UNION ALL
         SELECT 'topic ' || a.topic_id FROM topic_activity a
         WHERE a.post_count <> (SELECT count(*) FROM post p WHERE p.topic_id = a.topic_id AND is_shown(p.status))",
    )
    .await
}

/// Something that moderators do for the order of a debate.
fn order(kind: &str, details: Value) -> Value {
    let mut action = json!({ "kind": kind, "rule": "off_topic", "explanation": "It answers something else than it says." });
    action.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    action
}

async fn tries(who: &Client, kind: &str, id: &str, actions: Value, dry_run: bool) -> Reply {
    let about = json!({ "subject": { "kind": kind, "id": id }, "actions": actions, "dry_run": dry_run });
    who.post("/mod/actions", about).await
}

async fn reverts(who: &Client, id: &str) -> Reply {
    let why = json!({ "explanation": "It was in its place after all." });
    who.post(&format!("/mod/actions/{id}/revert"), why).await
}

/// What an action changed.
fn images(action: &Value) -> String {
    format!("{:#}\n", json!({ "before": action["before"], "after": action["after"] }))
}

#[tokio::test]
async fn a_post_is_moved_with_all_below_it_and_back_and_nothing_is_lost() {
    let debate = Debate::new().await;
    let Watched { app, alice, mallory, .. } = &debate.watched;
    let Debate { maps, winds, which, .. } = &debate;
    let (kept, before) = (debate.kept().await, debate.thread().await);
    expect![[r#"
        "Buy maps of Kent, cheap!" 1/1 +0
          "The maps show it." 0/0 +0
        "The tides were wrong." 1/3 +0
          "So were the winds." 1/2 +2 support evidence
            "Which winds?" 1/1 +0
              "Those from the west." 0/0 +0
        "Wind moves no tide." 0/0 +0 undercut
    "#]]
    .assert_eq(&before);
    let moved = || json!([order("move", json!({ "parent_id": maps, "relation_type": "rebut" }))]);
    let dry = tries(mallory, "post", winds, moved(), true).await.is(200);
    assert_eq!(dry.body["dry_run"], true);
    assert_eq!(
        (debate.thread().await, debate.kept().await),
        (before.clone(), kept.clone()),
        "nothing was done"
    );
    let done = tries(mallory, "post", winds, moved(), false).await.is(201);
    expect![[r#"
        {
          "actions": [
            {
              "actor": {
                "id": "00000000-0000-7000-8000-000000000005",
                "role": "moderator",
                "username": "mallory"
              },
              "actor_kind": "human",
              "after": {
                "place": {
                  "parent_id": "00000000-0000-7000-8000-000000000017",
                  "relation_id": "00000000-0000-7000-8000-000000000028"
                }
              },
              "automation": "none",
              "automation_rule": null,
              "batch_id": null,
              "before": {
                "place": {
                  "parent_id": "00000000-0000-7000-8000-000000000016",
                  "relation_id": null
                }
              },
              "case_id": "00000000-0000-7000-8000-000000000027",
              "created_at": "2026-01-15T12:00:06Z",
              "ends_at": null,
              "explanation": "It answers something else than it says.",
              "external_id": null,
              "id": "00000000-0000-7000-8000-000000000029",
              "kind": "move",
              "reverted_by": null,
              "reverts": null,
              "rule": "off_topic",
              "rule_version": 1,
              "scope_topic_id": null,
              "strikes": 0,
              "subject": {
                "id": "00000000-0000-7000-8000-000000000018",
                "kind": "post"
              },
              "target": {
                "id": "00000000-0000-7000-8000-000000000001",
                "role": "member",
                "username": "alice"
              },
              "topic_id": "00000000-0000-7000-8000-00000000000b"
            }
          ],
          "case_id": "00000000-0000-7000-8000-000000000027",
          "dry_run": false
        }
    "#]]
    .assert_eq(&format!("{:#}\n", done.body));
    expect![[r#"
        "Buy maps of Kent, cheap!" 1/4 +0
          "The maps show it." 1/3 +0
            "So were the winds." 1/2 +2 support evidence !rebut
              "Which winds?" 1/1 +0
                "Those from the west." 0/0 +0
        "The tides were wrong." 0/0 +0
        "Wind moves no tide." 0/0 +0 undercut
    "#]]
    .assert_eq(&debate.thread().await);
    assert_eq!(debate.kept().await, kept);
    assert_eq!(astray(app).await, Vec::<String>::new());
    let deepest = app.guest().get(&format!("/posts/{which}")).await.is(200);
    let above: Vec<_> =
        deepest.body["ancestors"].as_array().unwrap().iter().map(|post| post["body"].clone()).collect();
    assert_eq!(json!(above), json!(["Buy maps of Kent, cheap!", "The maps show it.", "So were the winds."]));
    // Twice is once.
    let again = tries(mallory, "post", winds, moved(), false).await.is(201);
    assert_eq!(again.text("/actions/0/id"), done.text("/actions/0/id"));
    let told = alice.get("/me/decisions").await.is(200);
    assert_eq!((told.text("/items/0/kind"), told.text("/items/0/rule")), ("move".into(), "off_topic".into()));
    let mails = app.mails().await;
    assert_eq!(mails.iter().filter(|mail| mail.subject == "A decision about you").count(), 1);
    let log = app.guest().get("/modlog").await.is(200);
    assert_eq!(log.text("/items/0/kind"), "move");
    let revisions = app.guest().get(&format!("/posts/{winds}/revisions")).await.is(200);
    expect![[r#"
        {
          "body": "So were the winds.",
          "body_html": "<p>So were the winds.</p>\n",
          "by_moderator": true,
          "created_at": "2026-01-15T12:00:06Z",
          "number": 2,
          "relations": [
            {
              "target": {
                "id": "00000000-0000-7000-8000-000000000016",
                "kind": "post"
              },
              "type": "support"
            },
            {
              "target": {
                "id": "00000000-0000-7000-8000-000000000012",
                "kind": "post"
              },
              "type": "evidence"
            },
            {
              "target": {
                "id": "00000000-0000-7000-8000-000000000017",
                "kind": "post"
              },
              "type": "rebut"
            }
          ]
        }
    "#]]
    .assert_eq(&format!("{:#}\n", revisions.body["items"][0]));
    reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    assert_eq!((debate.thread().await, debate.kept().await), (before, kept), "as before");
    assert_eq!(astray(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_post_goes_to_the_root_and_comes_back_from_there_unless_it_was_moved_on() {
    let debate = Debate::new().await;
    let Watched { app, mallory, .. } = &debate.watched;
    let Debate { maps, winds, dora, .. } = &debate;
    let before = debate.thread().await;
    let to_root = mallory.acts("post", winds, order("move", json!({}))).await;
    expect![[r#"
        "Buy maps of Kent, cheap!" 1/1 +0
          "The maps show it." 0/0 +0
        "The tides were wrong." 0/0 +0
        "So were the winds." 1/2 +2 support evidence
          "Which winds?" 1/1 +0
            "Those from the west." 0/0 +0
        "Wind moves no tide." 0/0 +0 undercut
    "#]]
    .assert_eq(&debate.thread().await);
    let on = dora.acts("post", winds, order("move", json!({ "parent_id": maps }))).await;
    reverts(mallory, &to_root).await.is_problem(409, "changed_since");
    reverts(mallory, &on).await.is(200);
    reverts(dora, &to_root).await.is(200);
    assert_eq!(debate.thread().await, before);
    assert_eq!(astray(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_relation_is_relabelled_under_its_name_and_its_author_is_told_and_does_not_undo_it() {
    let debate = Debate::new().await;
    let Watched { app, alice, mallory, post, .. } = &debate.watched;
    let Debate { winds, tides, undercut, .. } = &debate;
    let path = format!("/posts/{winds}");
    let (kept, before) = (debate.kept().await, alice.get(&path).await.is(200));
    let [speaks, proves] = [0, 1].map(|i| before.text(&format!("/relations/{i}/id")));
    let relabelled =
        |id: &str, kind: &str| order("relabel", json!({ "relation_id": id, "relation_type": kind }));
    let actions = json!([relabelled(&speaks, "rebut"), relabelled(&proves, "concede")]);
    tries(mallory, "post", winds, actions.clone(), true).await.is(200);
    assert_eq!(alice.get(&path).await.body, before.body, "nothing was done");
    let done = tries(mallory, "post", winds, actions, false).await.is(201);
    expect![[r#"
        {
          "after": {
            "relation": {
              "by_moderator": true,
              "claimed_test_kind": null,
              "id": "00000000-0000-7000-8000-000000000019",
              "p_if_false": null,
              "p_if_true": null,
              "target_id": "00000000-0000-7000-8000-000000000016",
              "target_kind": "post",
              "type": "rebut"
            }
          },
          "before": {
            "relation": {
              "by_moderator": false,
              "claimed_test_kind": null,
              "id": "00000000-0000-7000-8000-000000000019",
              "p_if_false": null,
              "p_if_true": null,
              "target_id": "00000000-0000-7000-8000-000000000016",
              "target_kind": "post",
              "type": "support"
            }
          }
        }
        {
          "after": {
            "relation": {
              "by_moderator": true,
              "claimed_test_kind": null,
              "id": "00000000-0000-7000-8000-00000000001a",
              "p_if_false": null,
              "p_if_true": null,
              "target_id": "00000000-0000-7000-8000-000000000012",
              "target_kind": "post",
              "type": "concede"
            }
          },
          "before": {
            "relation": {
              "by_moderator": false,
              "claimed_test_kind": null,
              "id": "00000000-0000-7000-8000-00000000001a",
              "p_if_false": 1000,
              "p_if_true": 9000,
              "target_id": "00000000-0000-7000-8000-000000000012",
              "target_kind": "post",
              "type": "evidence"
            }
          }
        }
    "#]]
    .assert_eq(&(images(&done.body["actions"][0]) + &images(&done.body["actions"][1])));
    let read = alice.get(&path).await.is(200);
    expect![[r#"
        [
          {
            "by_moderator": true,
            "id": "00000000-0000-7000-8000-000000000019",
            "target": {
              "id": "00000000-0000-7000-8000-000000000016",
              "kind": "post"
            },
            "type": "rebut"
          },
          {
            "by_moderator": true,
            "id": "00000000-0000-7000-8000-00000000001a",
            "target": {
              "id": "00000000-0000-7000-8000-000000000012",
              "kind": "post"
            },
            "type": "concede"
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", read.body["relations"]));
    assert_eq!(read.body["edited_at"], Value::Null, "the text was not edited");
    let still = app.guest().get(&format!("/posts/{undercut}")).await.is(200);
    assert_eq!(still.text("/relations/0/target/id"), speaks, "what undercut it still does");
    let links =
        |rows: Vec<String>| rows.into_iter().filter(|row| !row.starts_with("link")).collect::<Vec<_>>();
    assert_eq!(links(debate.kept().await), links(kept.clone()));
    let revisions = app.guest().get(&format!("{path}/revisions")).await.is(200);
    let by: Vec<_> = revisions.body["items"].as_array().unwrap().iter().map(|r| &r["by_moderator"]).collect();
    assert_eq!(json!(by), json!([true, true, null]));
    assert_eq!(alice.get("/me/decisions").await.body["items"].as_array().unwrap().len(), 2);
    // The author edits the text, and keeps what moderators set.
    let only = json!({ "relations": [{ "type": "support", "target": { "kind": "post", "id": tides } }] });
    alice.patch(&path, only).await.refuses(&[("relations", "moderated")]);
    let all = json!({ "body": "And so were the winds.", "relations": [
        { "type": "rebut", "target": { "kind": "post", "id": tides } },
        { "type": "concede", "target": { "kind": "post", "id": post } },
        { "type": "question", "target": { "kind": "post", "id": post } },
    ] });
    let edited = alice.patch(&path, all).await.is(200);
    assert_eq!(edited.text("/relations/0/id"), speaks);
    let [first, second] = [0, 1].map(|i| done.text(&format!("/actions/{i}/id")));
    reverts(mallory, &first).await.is(200);
    reverts(mallory, &second).await.is(200);
    let read = alice.get(&path).await.is(200);
    assert_eq!(read.body["relations"][0], before.body["relations"][0]);
    assert_eq!(read.body["relations"][1], before.body["relations"][1], "with its likelihoods");
    assert_eq!(read.text("/body"), "And so were the winds.");
}

#[tokio::test]
async fn what_attacks_a_link_is_relabelled_as_an_undercut_of_it() {
    let debate = Debate::new().await;
    let Watched { bob, mallory, topic, .. } = &debate.watched;
    let Debate { winds, .. } = &debate;
    let link = bob.get(&format!("/posts/{winds}")).await.text("/relations/0/id");
    let rebuts = json!({ "body": "Winds say nothing of tides.", "parent_id": winds,
                         "relations": [{ "type": "rebut", "target": { "kind": "post", "id": winds } }] });
    let made = bob.post(&format!("/topics/{topic}/posts"), rebuts).await.is(201);
    let (post, relation) = (made.text("/id"), made.text("/relations/0/id"));
    let undercut = |target: Value| {
        let mut action = order("relabel", json!({ "relation_id": relation, "relation_type": "undercut" }));
        if !target.is_null() {
            action["target"] = target;
        }
        json!([action])
    };
    tries(mallory, "post", &post, undercut(Value::Null), false)
        .await
        .refuses(&[("actions[0].target.kind", "undercut_needs_relation")]);
    let target = json!({ "kind": "relation", "id": link });
    let done = tries(mallory, "post", &post, undercut(target.clone()), false).await.is(201);
    let read = bob.get(&format!("/posts/{post}")).await;
    assert_eq!(
        (&read.body["relations"][0]["target"], read.text("/relations/0/type")),
        (&target, "undercut".into())
    );
    reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    assert_eq!(bob.get(&format!("/posts/{post}")).await.body["relations"], made.body["relations"]);
}

#[tokio::test]
async fn a_duplicate_stays_as_a_stub_and_its_replies_and_votes_go_to_the_older_post() {
    let debate = Debate::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &debate.watched;
    let Debate { tides, maps, winds, which, .. } = &debate;
    let (kept, before) = (debate.kept().await, debate.thread().await);
    let merged = || json!([order("merge", json!({ "duplicate_of": maps }))]);
    tries(mallory, "post", winds, merged(), true).await.is(200);
    assert_eq!(debate.thread().await, before, "nothing was done");
    let done = tries(mallory, "post", winds, merged(), false).await.is(201);
    expect![[r#"
        {
          "after": {
            "duplicate": {
              "of": "00000000-0000-7000-8000-000000000017",
              "replies": [
                "00000000-0000-7000-8000-00000000001d"
              ]
            }
          },
          "before": {
            "duplicate": {
              "of": null,
              "replies": []
            }
          }
        }
    "#]]
    .assert_eq(&images(&done.body["actions"][0]));
    expect![[r#"
        "Buy maps of Kent, cheap!" 1/3 +0
          "The maps show it." 1/2 +0
            "Which winds?" 1/1 +0
              "Those from the west." 0/0 +0
        "The tides were wrong." 1/1 +0
          "So were the winds." (duplicate) 0/0 +2 support evidence
        "Wind moves no tide." 0/0 +0 undercut
    "#]]
    .assert_eq(&debate.thread().await);
    assert_eq!(debate.kept().await, kept);
    assert_eq!(astray(app).await, Vec::<String>::new());
    let vote = json!({ "quality": -1 });
    let refused = bob.put(&format!("/posts/{winds}/vote"), vote).await.is_problem(409, "post_is_duplicate");
    assert_eq!(
        refused.text("/detail"),
        format!("It says the same as an older post, where replies and votes go: /api/v1/posts/{maps}.")
    );
    let reply = json!({ "body": "Still?", "parent_id": winds });
    bob.post(&format!("/topics/{topic}/posts"), reply).await.is_problem(409, "post_is_duplicate");
    let statement = alice.get(&format!("/me/decisions/{}", done.text("/actions/0/id"))).await.is(200);
    assert_eq!(
        statement.text("/statement/decision_visibility/0"),
        "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED"
    );
    // Somebody answers meanwhile, and one of the replies is moved on.
    let late = bob.replies_to(topic, maps, "New here.").await;
    mallory.acts("post", which, order("move", json!({ "parent_id": tides }))).await;
    let split = reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    expect![[r#"
        {
          "after": {
            "duplicate": {
              "of": null,
              "replies": [
                "00000000-0000-7000-8000-00000000001d"
              ]
            }
          },
          "before": {
            "duplicate": {
              "of": "00000000-0000-7000-8000-000000000017",
              "replies": [
                "00000000-0000-7000-8000-00000000001d"
              ]
            }
          }
        }
    "#]]
    .assert_eq(&images(&split.body));
    expect![[r#"
        "Buy maps of Kent, cheap!" 1/2 +0
          "The maps show it." 1/1 +0
            "New here." 0/0 +0
        "The tides were wrong." 2/3 +0
          "So were the winds." 0/0 +2 support evidence
          "Which winds?" 1/1 +0
            "Those from the west." 0/0 +0
        "Wind moves no tide." 0/0 +0 undercut
    "#]]
    .assert_eq(&debate.thread().await);
    assert_eq!(astray(app).await, Vec::<String>::new());
    assert_eq!(app.guest().get(&format!("/posts/{late}")).await.text("/parent_id"), *maps);
    bob.judges(winds, -1).await;
}

#[tokio::test]
async fn a_debate_is_closed_with_a_summary_and_opened_again() {
    let debate = Debate::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, post, .. } = &debate.watched;
    let path = format!("/topics/{topic}");
    let id = alice.get(&path).await.text("/id");
    let before = app.guest().get(&path).await.is(200).body;
    let kept = debate.kept().await;
    let summary = "Most hold that the winds decided it; what the maps show stays open.";
    let closed = || json!([order("close", json!({ "summary": summary }))]);
    tries(mallory, "topic", &id, closed(), true).await.is(200);
    assert_eq!(app.guest().get(&path).await.body, before, "nothing was done");
    let done = tries(mallory, "topic", &id, closed(), false).await.is(201);
    expect![[r#"
        {
          "after": {
            "closing": {
              "status": "archived",
              "summary": "Most hold that the winds decided it; what the maps show stays open."
            }
          },
          "before": {
            "closing": {
              "status": "open",
              "summary": null
            }
          }
        }
    "#]]
    .assert_eq(&images(&done.body["actions"][0]));
    let read = app.guest().get(&path).await.is(200);
    assert_eq!((read.text("/status"), read.text("/closing_summary")), ("archived".into(), summary.into()));
    let listed = app.guest().get("/topics").await.is(200);
    assert_eq!(listed.text("/items/0/status"), "archived");
    bob.post(&format!("{path}/posts"), json!({ "body": "Still." })).await.is_problem(409, "topic_not_open");
    bob.put(&format!("/posts/{post}/vote"), json!({ "quality": 1 })).await.is_problem(409, "topic_not_open");
    let vector = bob.vector(topic, &[1000, 1000, 8000]).await;
    bob.put(&format!("{path}/credences/mine"), vector).await.is_problem(409, "topic_not_open");
    assert_eq!(debate.kept().await, kept);
    carol.patch(&path, json!({ "status": "open" })).await.refuses(&[("status", "moderated")]);
    assert_eq!(alice.get("/me/decisions").await.text("/items/0/kind"), "close");
    reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    let mut after = app.guest().get(&path).await.is(200).body;
    after["updated_at"] = before["updated_at"].clone();
    assert_eq!(after, before);
    bob.post(&format!("{path}/posts"), json!({ "body": "Again." })).await.is(201);
    let again = mallory.acts("topic", &id, order("close", json!({ "summary": summary }))).await;
    mallory.acts("topic", &id, order("hide", json!({}))).await;
    reverts(mallory, &again).await.is_problem(409, "changed_since");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_changes_nothing() {
    let debate = Debate::new().await;
    let Watched { app, alice, bob, mallory, topic, post, .. } = &debate.watched;
    let Debate { tides, maps, winds, which, undercut, dora, .. } = &debate;
    let elsewhere = alice.opens_topic("Had it rained at Waterloo").await;
    let there = alice.posts_in(&elsewhere, "The guns would have stuck.").await;
    let draft = json!({ "title": "Had the Armada come again" });
    let draft = alice.post("/topics", draft).await.is(201).text("/id");
    let mallorys = mallory.posts_in(topic, "A word of mine.").await;
    let hidden = bob.posts_in(topic, "Out of sight.").await;
    let gone = bob.posts_in(topic, "Taken back.").await;
    let late = bob.posts_in(topic, "The last word.").await;
    bob.delete_as_read(&format!("/posts/{gone}")).await.is(200);
    mallory.acts("post", &hidden, order("hide", json!({}))).await;
    dora.acts("post", undercut, order("lock", json!({}))).await;
    let relation = alice.get(&format!("/posts/{winds}")).await.text("/relations/0/id");
    let (before, kept) = (debate.thread().await, debate.kept().await);
    let below = |parent: &str| order("move", json!({ "parent_id": parent }));
    let relabel = |details: Value| {
        let mut action = order("relabel", json!({ "relation_id": relation, "relation_type": "rebut" }));
        action.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        action
    };
    let same = |of: &str| order("merge", json!({ "duplicate_of": of }));
    let sum_up = order("close", json!({ "summary": "It came to nothing in the end." }));
    let mut table = String::new();
    for (what, who, (kind, id), action) in [
        ("below itself", mallory, ("post", winds), below(winds)),
        ("below what is below it", mallory, ("post", winds), below(which)),
        ("below a younger post", mallory, ("post", maps), below(winds)),
        ("into another topic", mallory, ("post", winds), below(&there)),
        ("below nothing", mallory, ("post", winds), below(&draft)),
        ("below what is out of sight", mallory, ("post", &late), below(&hidden)),
        ("below a tombstone", mallory, ("post", &late), below(&gone)),
        ("below what is locked", mallory, ("post", &late), below(undercut)),
        ("one's own", mallory, ("post", &mallorys), below(tides)),
        ("by a member", bob, ("post", winds), below(maps)),
        ("a topic", mallory, ("topic", &there), below(maps)),
        (
            "undercutting a post",
            mallory,
            ("post", winds),
            order("move", json!({ "parent_id": maps, "relation_type": "undercut" })),
        ),
        (
            "a relation at the root",
            mallory,
            ("post", winds),
            order("move", json!({ "relation_type": "rebut" })),
        ),
        (
            "with a summary",
            mallory,
            ("post", winds),
            order("move", json!({ "summary": "It came to nothing in the end." })),
        ),
        ("where it is", mallory, ("post", winds), below(tides)),
        ("relabel what it does not do", mallory, ("post", which), relabel(json!({}))),
        ("relabel as nothing", mallory, ("post", winds), order("relabel", json!({}))),
        (
            "relabel to a younger target",
            mallory,
            ("post", winds),
            relabel(json!({ "target": { "kind": "post", "id": which } })),
        ),
        (
            "relabel to a target elsewhere",
            mallory,
            ("post", winds),
            relabel(json!({ "target": { "kind": "post", "id": there } })),
        ),
        (
            "relabel twice the same",
            mallory,
            ("post", winds),
            relabel(json!({ "relation_type": "evidence", "target": { "kind": "post", "id": post } })),
        ),
        ("relabel as it is", mallory, ("post", winds), relabel(json!({ "relation_type": "support" }))),
        ("the older of two", mallory, ("post", maps), same(winds)),
        ("a duplicate of itself", mallory, ("post", winds), same(winds)),
        ("a duplicate elsewhere", mallory, ("post", winds), same(&there)),
        ("a duplicate of what is hidden", mallory, ("post", &late), same(&hidden)),
        ("a duplicate of nothing", mallory, ("post", winds), order("merge", json!({}))),
        ("close a draft", mallory, ("topic", &draft), sum_up.clone()),
        ("close a post", mallory, ("post", winds), sum_up),
        ("close without a word", mallory, ("topic", &there), order("close", json!({}))),
        ("close with a short one", mallory, ("topic", &there), order("close", json!({ "summary": "Done." }))),
    ] {
        let id = if kind == "topic" && id == &there {
            alice.get(&format!("/topics/{elsewhere}")).await.text("/id")
        } else {
            id.clone()
        };
        let reply = tries(who, kind, &id, json!([action]), false).await;
        let errors = reply.body["errors"].as_array().cloned().unwrap_or_default();
        let errors = errors
            .iter()
            .map(|e| format!(" {} {}", e["field"].as_str().unwrap(), e["code"].as_str().unwrap()));
        let code = reply.body["code"].as_str().unwrap_or("done");
        table += &format!("{what}: {} {code}{}\n", reply.status, errors.collect::<String>());
    }
    expect![[r#"
        below itself: 422 invalid actions[0].parent_id not_older
        below what is below it: 422 invalid actions[0].parent_id not_older
        below a younger post: 422 invalid actions[0].parent_id not_older
        into another topic: 422 invalid actions[0].parent_id unknown_id
        below nothing: 422 invalid actions[0].parent_id unknown_id
        below what is out of sight: 409 post_hidden
        below a tombstone: 409 post_deleted
        below what is locked: 409 locked
        one's own: 403 own_subject
        by a member: 403 not_allowed
        a topic: 422 invalid actions[0].kind does_not_fit
        undercutting a post: 422 invalid actions[0].relation_type undercut_needs_relation
        a relation at the root: 422 invalid actions[0].relation_type does_not_fit
        with a summary: 422 invalid actions[0].summary does_not_fit
        where it is: 409 invalid_state_transition
        relabel what it does not do: 422 invalid actions[0].relation_id unknown_id
        relabel as nothing: 422 invalid actions[0].relation_type missing actions[0].relation_id missing
        relabel to a younger target: 422 invalid actions[0].target.id not_older
        relabel to a target elsewhere: 422 invalid actions[0].target.id unknown_id
        relabel twice the same: 422 invalid actions[0].relation_type duplicate
        relabel as it is: 409 invalid_state_transition
        the older of two: 422 invalid actions[0].duplicate_of not_older
        a duplicate of itself: 422 invalid actions[0].duplicate_of not_older
        a duplicate elsewhere: 422 invalid actions[0].duplicate_of unknown_id
        a duplicate of what is hidden: 409 post_hidden
        a duplicate of nothing: 422 invalid actions[0].duplicate_of missing
        close a draft: 409 topic_not_open
        close a post: 422 invalid actions[0].kind does_not_fit
        close without a word: 422 invalid actions[0].summary missing
        close with a short one: 422 invalid actions[0].summary too_short
    "#]]
    .assert_eq(&table);
    assert_eq!((debate.thread().await, debate.kept().await), (before, kept));
    // A chain of duplicates comes about by neither end.
    let merged = mallory.acts("post", winds, same(maps)).await;
    for (id, of) in [(&late, winds), (maps, post), (winds, tides)] {
        let reply = tries(mallory, "post", id, json!([same(of)]), false).await.is(409);
        let code = if of == winds { "post_is_duplicate" } else { "invalid_state_transition" };
        assert_eq!(reply.text("/code"), code);
    }
    tries(mallory, "post", &late, json!([below(winds)]), false).await.is_problem(409, "post_is_duplicate");
    reverts(mallory, &merged).await.is(200);
    // What was moved away from a post that is a duplicate by now does not come back below it.
    let root = mallory.acts("post", which, order("move", json!({}))).await;
    let merged = mallory.acts("post", winds, same(maps)).await;
    reverts(mallory, &root).await.is_problem(409, "changed_since");
    reverts(mallory, &merged).await.is(200);
    reverts(mallory, &merged).await.is(200);
    reverts(mallory, &root).await.is(200);
    let topic_id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    mallory.acts("topic", &topic_id, order("lock", json!({}))).await;
    tries(mallory, "post", winds, json!([below(maps)]), false).await.is_problem(409, "locked");
    tries(mallory, "post", winds, json!([order("move", json!({}))]), false).await.is_problem(409, "locked");
    assert_eq!(astray(app).await, Vec::<String>::new());
}

#[tokio::test]
async fn of_two_moderators_who_move_two_posts_below_each_other_at_once_one_loses() {
    let debate = Debate::new().await;
    let Watched { app, mallory, .. } = &debate.watched;
    let Debate { maps, winds, tides, which, dora, .. } = &debate;
    for _ in 0..5 {
        let below = |parent: &str| json!([order("move", json!({ "parent_id": parent }))]);
        let (one, other) = tokio::join!(
            tries(mallory, "post", winds, below(maps), false),
            tries(dora, "post", maps, below(winds), false),
        );
        other.refuses(&[("actions[0].parent_id", "not_older")]);
        // A branch goes while one goes into it, and the other way round.
        let one = one.is(201).text("/actions/0/id");
        let (back, into) =
            tokio::join!(reverts(dora, &one), tries(mallory, "post", which, below(maps), false),);
        back.is(200);
        let (into, out) =
            (into.is(201).text("/actions/0/id"), tries(dora, "post", maps, below(tides), false));
        let (out, again) = tokio::join!(out, reverts(mallory, &into));
        again.is(200);
        reverts(mallory, &out.is(201).text("/actions/0/id")).await.is(200);
        assert_eq!(astray(app).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn counts_are_right_however_many_reply_and_vote_while_posts_are_moved() {
    let debate = Debate::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &debate.watched;
    let Debate { maps, winds, which, undercut, dora, .. } = &debate;
    let mut work = JoinSet::new();
    for (mover, post, parent) in [(mallory, winds, Some(maps)), (dora, which, None)] {
        let (mover, post, parent) = (mover.clone(), post.clone(), parent.cloned());
        work.spawn(async move {
            for _ in 0..6 {
                let done = mover.acts("post", &post, order("move", json!({ "parent_id": parent }))).await;
                reverts(&mover, &done).await.is(200);
            }
        });
    }
    alice.replies_to(topic, undercut, "It moves ships.").await;
    let (merger, undercut, tides) = (mallory.clone(), undercut.clone(), debate.tides.clone());
    work.spawn(async move {
        for _ in 0..4 {
            let done = merger.acts("post", &undercut, order("merge", json!({ "duplicate_of": tides }))).await;
            reverts(&merger, &done).await.is(200);
        }
    });
    for (who, on) in [(alice, which), (bob, winds)] {
        let (who, topic, on) = (who.clone(), topic.clone(), on.clone());
        work.spawn(async move {
            for _ in 0..15 {
                who.replies_to(&topic, &on, "And then?").await;
            }
        });
    }
    for (who, on) in [(carol, winds), (bob, winds), (alice, which)] {
        let (who, on) = (who.clone(), on.clone());
        work.spawn(async move {
            for n in 0..20 {
                let vote = json!({ "quality": n % 3 - 1 });
                let status = who.put(&format!("/posts/{on}/vote"), vote).await.status;
                assert_eq!(status, 200);
            }
        });
    }
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    assert_eq!(astray(app).await, Vec::<String>::new());
    let read = app.guest().get(&format!("/posts/{winds}")).await.is(200);
    assert_eq!(read.body["descendant_count"], 32, "all that was there and all that came");
}

#[tokio::test]
async fn a_debate_that_was_put_in_order_is_the_same_after_an_export_and_an_import() {
    let debate = Debate::new().await;
    let Watched { app, alice, mallory, topic, .. } = &debate.watched;
    let Debate { maps, winds, undercut, .. } = &debate;
    let relation = alice.get(&format!("/posts/{winds}")).await.text("/relations/0/id");
    mallory
        .acts("post", undercut, order("move", json!({ "parent_id": maps, "relation_type": "question" })))
        .await;
    let relabel = json!({ "relation_id": relation, "relation_type": "rebut" });
    mallory.acts("post", winds, order("relabel", relabel)).await;
    mallory.acts("post", winds, order("merge", json!({ "duplicate_of": maps }))).await;
    let id = alice.get(&format!("/topics/{topic}")).await.text("/id");
    mallory.acts("topic", &id, order("close", json!({ "summary": "It came to nothing in the end." }))).await;
    let extent = otherwise::exchange::Extent { votes: true, credences: false };
    let file = otherwise::exchange::export(&app.app, topic, extent).await.unwrap();
    let (here, there) = (debate.thread().await, TestApp::new().await);
    there.app.clock.advance(TimeDelta::hours(1));
    let progress = otherwise::exchange::Progress::none();
    otherwise::exchange::import(&there.app, file.as_bytes(), &progress).await.unwrap();
    assert_eq!(otherwise::exchange::export(&there.app, topic, extent).await.unwrap(), file);
    let read = there.guest().get(&format!("/topics/{topic}/thread?sort=old&depth=10")).await.is(200);
    let mut seen = String::new();
    outline(&read.body["posts"]["items"], &mut seen);
    assert_eq!(seen, here);
    assert_eq!(astray(&there).await, Vec::<String>::new());
    // What says otherwise than a debate can be is refused.
    let mut wrong: Value = serde_json::from_str(&file).unwrap();
    wrong["topic"]["slug"] = json!("another-one");
    wrong["topic"]["status"] = json!("open");
    let stub =
        wrong["posts"].as_array().unwrap().iter().position(|post| !post["duplicate_of"].is_null()).unwrap();
    let (key, last) = (wrong["posts"][stub]["key"].clone(), wrong["posts"].as_array().unwrap().len() - 1);
    wrong["posts"][last]["parent"] = key.clone();
    wrong["posts"][last]["duplicate_of"] = key;
    wrong["posts"][0]["duplicate_of"] = json!("post-99");
    let refused =
        otherwise::exchange::import(&there.app, wrong.to_string().as_bytes(), &progress).await.unwrap_err();
    let fields: Vec<_> =
        refused.fields.iter().map(|field| format!("{} {}", field.field, field.code)).collect();
    expect![[r#"
        closing_summary not_archived
        posts[0].duplicate_of unknown_key
        posts[2].parent post_is_duplicate
        posts[6].parent post_is_duplicate
        posts[6].duplicate_of post_is_duplicate
    "#]]
    .assert_eq(&format!("{}\n", fields.join("\n")));
}
