//! Bulk jobs: planned, agreed to, executed item by item, watched, and taken back.

use std::sync::Arc;

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::job_item_next;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, Reply, TestApp};

/// Twelve posts of spam by three people, and one that says something.
struct Wave {
    watched: Watched,
    posts: Vec<String>,
    innocent: String,
}

impl Wave {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(settings: &str) -> Self {
        let watched = Watched::with(settings).await;
        let (app, topic) = (&watched.app, &watched.topic);
        let mut posts = Vec::new();
        for name in ["shill1", "shill2", "shill3"] {
            let shill = app.member(name).await;
            for n in 0..4 {
                posts.push(shill.posts_in(topic, &format!("Cheap maps, offer {n} of {name}.")).await);
            }
        }
        let innocent = watched.bob.posts_in(topic, "The tides were wrong.").await;
        Self { watched, posts, innocent }
    }

    fn job(&self, actions: &Value) -> Value {
        json!({
            "subjects": { "kind": "post", "ids": self.posts }, "actions": actions,
            "note": "The wave of this morning.",
        })
    }

    async fn plans(&self, actions: Value) -> Value {
        self.watched.mallory.post("/mod/jobs", self.job(&actions)).await.is(201).body
    }
}

fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

/// Has somebody execute or approve a plan.
async fn goes(who: &Client, job: &Value, how: &str) -> Reply {
    let hash = format!("\"{}\"", job["plan"]["hash"].as_str().unwrap());
    who.with("if-match", &hash).post(&format!("/mod/jobs/{}/{how}", id(job)), json!({})).await
}

/// Sees to all items there are, and gives how many turns that took.
async fn work(app: &TestApp) -> usize {
    let mut turns = 0;
    while job_item_next(&app.app).await.unwrap() {
        turns += 1;
    }
    turns
}

async fn read(who: &Client, job: &Value) -> Value {
    who.get(&format!("/mod/jobs/{}", id(job))).await.is(200).body
}

/// Where a job stands, and what became of its items, in a line.
fn stands(job: &Value) -> String {
    let counts = job["counts"].as_object().unwrap();
    let counts: Vec<_> =
        counts.iter().filter(|(_, n)| **n != 0).map(|(what, n)| format!("{n} {what}")).collect();
    let left: Vec<_> = (job["left_alone"].as_array().unwrap().iter())
        .map(|one| format!("{} {}", one["items"], one["code"].as_str().unwrap()))
        .collect();
    format!("{}: {}; left alone: {}", job["state"].as_str().unwrap(), counts.join(", "), left.join(", "))
}

async fn statuses(app: &TestApp) -> Vec<String> {
    app.rows("SELECT status || ' ' || count(*) FROM post GROUP BY status ORDER BY status").await
}

#[tokio::test]
async fn a_plan_says_what_would_come_of_it_and_does_nothing() {
    let wave = Wave::new().await;
    let Watched { app, mallory, bob, alice, .. } = &wave.watched;
    bob.judges(&wave.posts[0], -1).await;
    let own = mallory.posts_in(&wave.watched.topic, "As a moderator, I say.").await;
    let mut new = wave.job(&json!([action("remove")]));
    let ids = new["subjects"]["ids"].as_array_mut().unwrap();
    ids.truncate(2);
    let unknown = app.rows("SELECT id::text FROM topic").await.remove(0);
    ids.extend([json!(own), json!(unknown)]);
    let before = app.rows("SELECT count(*)::text FROM mod_action").await;
    let plan = mallory.post("/mod/jobs", new.clone()).await.is(201);
    assert_eq!(plan.header("location"), Some(format!("/api/v1/mod/jobs/{}", id(&plan.body)).as_str()));
    plan.matches(expect![[r#"
        {
          "actions": [
            {
              "ends_at": null,
              "explanation": "It advertises a shop, and nothing else.",
              "external_id": null,
              "kind": "remove",
              "legal_ground": null,
              "rule": "spam",
              "seconds": null,
              "topic_id": null
            }
          ],
          "approval_reasons": [],
          "approved_at": null,
          "approved_by": null,
          "author": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "counts": {
            "already": 0,
            "done": 0,
            "failed": 0,
            "pending": 2,
            "skipped": 2,
            "total": 4,
            "undone": 0
          },
          "created_at": "2026-01-15T12:00:00Z",
          "executed_at": null,
          "finished_at": null,
          "id": "00000000-0000-7000-8000-000000000027",
          "kind": "act",
          "left_alone": [
            {
              "code": "own_subject",
              "items": 1
            },
            {
              "code": "unknown_id",
              "items": 1
            }
          ],
          "note": "The wave of this morning.",
          "plan": {
            "expires_at": "2026-01-15T12:15:00Z",
            "hash": "D-9CDyuLk4XfWCzvbMk2dj5I-8Fcwnu2Hr2Uo2miWlc",
            "people": 1,
            "samples": [
              {
                "excerpt": "Cheap maps, offer 0 of shill1.",
                "owner": {
                  "id": "00000000-0000-7000-8000-000000000013",
                  "role": "member",
                  "username": "shill1"
                },
                "subject": {
                  "id": "00000000-0000-7000-8000-000000000015",
                  "kind": "post"
                }
              },
              {
                "excerpt": "Cheap maps, offer 1 of shill1.",
                "owner": {
                  "id": "00000000-0000-7000-8000-000000000013",
                  "role": "member",
                  "username": "shill1"
                },
                "subject": {
                  "id": "00000000-0000-7000-8000-000000000016",
                  "kind": "post"
                }
              }
            ],
            "votes": 1
          },
          "rate": 0.0,
          "remaining_secs": null,
          "resolution": null,
          "selector": null,
          "starts_at": null,
          "state": "planned",
          "undoes": null,
          "undone_by": []
        }
    "#]]);
    assert_eq!(app.rows("SELECT count(*)::text FROM mod_action").await, before);
    assert!(!job_item_next(&app.app).await.unwrap(), "what is planned is not begun with");
    // A retry lands once.
    let keyed = mallory.with("idempotency-key", "once");
    let (first, again) =
        (keyed.post("/mod/jobs", new.clone()).await.is(201), keyed.post("/mod/jobs", new).await);
    assert_eq!(first.body, again.body);
    for stranger in [alice, bob] {
        stranger.get(&format!("/mod/jobs/{}", id(&first.body))).await.is_problem(404, "not_found");
        stranger.get("/mod/jobs").await.is_problem(403, "not_allowed");
        stranger.post("/mod/jobs", wave.job(&json!([action("hide")]))).await.is_problem(403, "not_allowed");
    }
}

#[tokio::test]
async fn a_job_does_what_one_action_each_would_and_is_taken_back() {
    let wave = Wave::new().await;
    let Watched { app, mallory, bob, topic, .. } = &wave.watched;
    bob.replies_to(topic, &wave.posts[0], "Which maps?").await;
    bob.judges(&wave.posts[0], -1).await;
    bob.reports("post", &wave.posts[1], "spam").await;
    let thread = format!("/topics/{topic}/thread?sort=old");
    let before = bob.get(&thread).await.is(200).body;
    let mut silence = action("silence");
    silence["ends_at"] = json!("2026-03-01T00:00:00Z");
    let plan = wave.plans(json!([action("remove"), silence])).await;
    let begun = goes(mallory, &plan, "execute").await.is(200).body;
    assert_eq!((&begun["state"], &begun["plan"]), (&json!("queued"), &Value::Null));
    assert_eq!(work(app).await, 13, "twelve items and the end");
    let done = read(mallory, &plan).await;
    expect!["succeeded: 12 done, 12 total; left alone: "].assert_eq(&stands(&done));
    // What is done to people is done to each once; what is done to posts, to each.
    let kinds = "SELECT kind || ' ' || count(*) FROM mod_action WHERE batch_id IS NOT NULL GROUP BY kind ORDER BY kind";
    assert_eq!(app.rows(kinds).await, ["remove 12", "silence 3"]);
    let statements = "SELECT count(*)::text FROM statement_of_reasons";
    assert_eq!(app.rows(statements).await, ["15"]);
    let mails = "SELECT count(*)::text FROM mail WHERE kind = 'decision_made'";
    assert_eq!(app.rows(mails).await, ["3"], "one mail a person and job");
    // The log has a row for each, and the case that somebody reported stays open, for nothing was said about it.
    let log = mallory.get("/modlog?limit=100").await.is(200);
    assert_eq!(log.body["items"].as_array().unwrap().len(), 15);
    let states = "SELECT state || ' ' || count(*) FROM moderation_case GROUP BY state ORDER BY state";
    assert_eq!(app.rows(states).await, ["open 1", "resolved 11"]);

    let undo = mallory
        .post(
            &format!("/mod/jobs/{}/undo", id(&plan)),
            json!({ "explanation": "They were maps of a museum." }),
        )
        .await
        .is(201)
        .body;
    assert_eq!(
        (&undo["kind"], &undo["undoes"], &undo["counts"]["pending"]),
        (&json!("undo"), &plan["id"], &json!(12))
    );
    goes(mallory, &undo, "execute").await.is(200);
    assert_eq!(read(mallory, &plan).await["state"], "undoing");
    work(app).await;
    expect!["succeeded: 12 done, 12 total; left alone: "].assert_eq(&stands(&read(mallory, &undo).await));
    let undone = read(mallory, &plan).await;
    expect!["undone: 12 total, 12 undone; left alone: "].assert_eq(&stands(&undone));
    assert_eq!(undone["undone_by"], json!([undo["id"]]));
    assert_eq!(bob.get(&thread).await.is(200).body, before, "votes, places and counts are as before");
    let lifted = "SELECT count(*)::text FROM sanction WHERE lifted_at IS NULL";
    assert_eq!(app.rows(lifted).await, ["0"]);
    mallory
        .post(&format!("/mod/jobs/{}/undo", id(&plan)), json!({ "explanation": "Once more, please." }))
        .await
        .is_problem(409, "invalid_state_transition");
}

#[tokio::test]
async fn what_changed_since_is_left_alone_and_listed() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    // One is changed by its author, one is removed by another moderator, one is claimed by one.
    let shill = app.sign_in("shill1").await.with("if-match", "*");
    shill.patch(&format!("/posts/{}", wave.posts[0]), json!({ "body": "I take it back." })).await.is(200);
    carol.acts("post", &wave.posts[1], action("remove")).await;
    wave.watched.bob.reports("post", &wave.posts[2], "spam").await;
    carol.post("/mod/cases/next", json!({})).await.is(200);
    shill.delete(&format!("/posts/{}", wave.posts[3])).await.is(200);
    goes(mallory, &plan, "execute").await.is(200);
    work(app).await;
    expect!["partial: 8 done, 4 skipped, 12 total; left alone: 1 case_claimed, 1 changed_since, 1 invalid_state_transition, 1 post_deleted"].assert_eq(&stands(&read(mallory, &plan).await));
    let skipped = mallory.get(&format!("/mod/jobs/{}/items?state=skipped&limit=2", id(&plan))).await.is(200);
    skipped.matches(expect![[r#"
        {
          "items": [
            {
              "code": "changed_since",
              "finished_at": "2026-01-15T12:00:00Z",
              "ordinal": 0,
              "owner": {
                "id": "00000000-0000-7000-8000-000000000013",
                "role": "member",
                "username": "shill1"
              },
              "revision": 1,
              "state": "skipped",
              "subject": {
                "id": "00000000-0000-7000-8000-000000000015",
                "kind": "post"
              },
              "topic_id": "00000000-0000-7000-8000-00000000000b"
            },
            {
              "code": "invalid_state_transition",
              "finished_at": "2026-01-15T12:00:00Z",
              "ordinal": 1,
              "owner": {
                "id": "00000000-0000-7000-8000-000000000013",
                "role": "member",
                "username": "shill1"
              },
              "revision": 1,
              "state": "skipped",
              "subject": {
                "id": "00000000-0000-7000-8000-000000000016",
                "kind": "post"
              },
              "topic_id": "00000000-0000-7000-8000-00000000000b"
            }
          ],
          "next": "aT3Ks_X-1Xonnml3F12bhVsxNzY4NDc4NDAwLDFd"
        }
    "#]]);
    // Undone is what is still so.
    let reply = mallory.get("/mod/actions?limit=100&kind=hide").await.is(200);
    let one = reply.text("/items/0/id");
    mallory
        .post(&format!("/mod/actions/{one}/revert"), json!({ "explanation": "This one was fine." }))
        .await
        .is(200);
    let other = reply.text("/items/1/subject/id");
    carol.acts("post", &other, action("remove")).await;
    let undo = mallory
        .post(&format!("/mod/jobs/{}/undo", id(&plan)), json!({ "explanation": "All of them were fine." }))
        .await
        .is(201)
        .body;
    expect!["planned: 7 pending, 1 skipped, 8 total; left alone: 1 changed_since"].assert_eq(&stands(&undo));
    // Between the plan and its turn, another one is removed.
    let third = reply.text("/items/2/subject/id");
    carol.acts("post", &third, action("remove")).await;
    goes(mallory, &undo, "execute").await.is(200);
    work(app).await;
    expect!["partial: 6 done, 2 skipped, 8 total; left alone: 2 changed_since"]
        .assert_eq(&stands(&read(mallory, &undo).await));
    expect!["undo_partial: 2 done, 4 skipped, 12 total, 6 undone; left alone: 1 case_claimed, 1 changed_since, 1 invalid_state_transition, 1 post_deleted"].assert_eq(&stands(&read(mallory, &plan).await));
    assert_eq!(statuses(app).await, ["deleted 1", "removed 3", "visible 10"]);
}

#[tokio::test]
async fn a_stale_hash_a_stale_plan_and_the_wrong_person() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, alice, .. } = &wave.watched;
    let first = wave.plans(json!([action("hide")])).await;
    let second = wave.plans(json!([action("remove")])).await;
    let path = |job: &Value, how: &str| format!("/mod/jobs/{}/{how}", id(job));
    mallory.post(&path(&first, "execute"), json!({})).await.is_problem(428, "precondition_required");
    let stale = mallory.with("if-match", &format!("\"{}\"", second["plan"]["hash"].as_str().unwrap()));
    stale.post(&path(&first, "execute"), json!({})).await.is_problem(412, "precondition_failed");
    mallory
        .with("if-match", "*")
        .post(&path(&first, "execute"), json!({}))
        .await
        .is_problem(412, "precondition_failed");
    goes(carol, &first, "execute").await.is_problem(403, "not_allowed");
    goes(alice, &first, "execute").await.is_problem(403, "not_allowed");
    for how in ["pause", "resume"] {
        mallory.post(&path(&first, how), json!({})).await.is_problem(409, "invalid_state_transition");
    }
    goes(carol, &first, "approve").await.is_problem(409, "invalid_state_transition");
    app.app.clock.advance(TimeDelta::minutes(15));
    let mallory = &app.sign_in("mallory").await;
    goes(mallory, &first, "execute").await.is_problem(409, "plan_expired");
    assert_eq!(work(app).await, 0);
    assert_eq!(statuses(app).await, ["visible 14"]);
}

#[tokio::test]
async fn who_has_been_signed_in_for_long_proves_who_they_are() {
    let wave = Wave::with("[auth]\nfresh_secs = 60").await;
    let Watched { app, mallory, .. } = &wave.watched;
    let token =
        json!({ "name": "script", "scopes": ["read", "moderate"], "expires_at": "2026-02-01T00:00:00Z" });
    let token = mallory.post("/me/tokens", token).await.is(201).text("/token");
    let plan = wave.plans(json!([action("hide")])).await;
    app.app.clock.advance(TimeDelta::seconds(61));
    goes(mallory, &plan, "execute").await.is_problem(403, "step_up_required");
    // A script has a token for this alone.
    goes(&app.bearer(&token), &plan, "execute").await.is(200);
}

#[tokio::test]
async fn some_jobs_take_two_people() {
    let wave = Wave::with("[jobs]\nsecond_person_above = 11").await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let many = mallory.post("/mod/jobs", wave.job(&json!([action("hide")]))).await.is(201).body;
    assert_eq!(many["approval_reasons"], json!(["many_items"]));
    let mut ban = wave.job(&json!([action("ban")]));
    ban["subjects"]["ids"] = json!([wave.posts[0]]);
    let ban = mallory.post("/mod/jobs", ban).await.is(201).body;
    assert_eq!(ban["approval_reasons"], json!(["without_end"]));
    let waits = goes(mallory, &many, "execute").await.is(200).body;
    assert_eq!(waits["state"], "awaiting_approval");
    assert_eq!(work(app).await, 0, "nothing is done before somebody else agreed");
    goes(mallory, &many, "approve").await.is_problem(403, "own_decision");
    let token =
        json!({ "name": "script", "scopes": ["read", "moderate"], "expires_at": "2026-02-01T00:00:00Z" });
    let token = carol.post("/me/tokens", token).await.is(201).text("/token");
    goes(&app.bearer(&token), &many, "approve").await.is_problem(403, "session_required");
    let agreed = goes(carol, &many, "approve").await.is(200).body;
    assert_eq!((&agreed["state"], &agreed["approved_by"]["username"]), (&json!("queued"), &json!("carol")));
    work(app).await;
    expect!["succeeded: 12 done, 12 total; left alone: "].assert_eq(&stands(&read(mallory, &many).await));
    // What is about the staff takes an administrator.
    grants(carol, "shill1", json!({ "kind": "site" })).await;
    let of_staff = carol.post("/mod/jobs", wave.job(&json!([action("remove")]))).await.is(201).body;
    assert_eq!(of_staff["approval_reasons"], json!(["many_items", "staff"]));
    goes(carol, &of_staff, "execute").await.is(200);
    goes(mallory, &of_staff, "approve").await.is_problem(403, "outranked");
    // Time runs out.
    app.app.clock.advance(TimeDelta::hours(24));
    let dave = app.administrator("dave").await;
    goes(&dave, &of_staff, "approve").await.is_problem(409, "plan_expired");
    let log = "SELECT verb || ' ' || (data->>'to') FROM audit_log WHERE object_kind = 'mod_job' AND data ? 'to' ORDER BY seq";
    assert_eq!(
        app.rows(log).await,
        ["execute_job awaiting_approval", "approve_job queued", "execute_job awaiting_approval"]
    );
}

#[tokio::test]
async fn a_job_waits_goes_on_and_is_called_off() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    let path = |how: &str| format!("/mod/jobs/{}/{how}", id(&plan));
    goes(mallory, &plan, "execute").await.is(200);
    for _ in 0..3 {
        assert!(job_item_next(&app.app).await.unwrap());
    }
    // Somebody else stops it, for instance who sees what goes wrong.
    expect!["paused: 3 done, 9 pending, 12 total; left alone: "]
        .assert_eq(&stands(&carol.post(&path("pause"), json!({})).await.is(200).body));
    assert_eq!(work(app).await, 0);
    carol.post(&path("pause"), json!({})).await.is(200);
    goes(mallory, &plan, "execute").await.is_problem(409, "invalid_state_transition");
    mallory.post(&path("resume"), json!({})).await.is(200);
    goes(mallory, &plan, "execute").await.is(200);
    assert!(job_item_next(&app.app).await.unwrap());
    expect!["cancelled: 4 done, 8 skipped, 12 total; left alone: 8 cancelled"]
        .assert_eq(&stands(&mallory.post(&path("cancel"), json!({})).await.is(200).body));
    assert_eq!(work(app).await, 0);
    mallory.post(&path("cancel"), json!({})).await.is(200);
    mallory.post(&path("resume"), json!({})).await.is_problem(409, "invalid_state_transition");
    assert_eq!(statuses(app).await, ["hidden 4", "visible 10"]);
    let undo = mallory.post(&path("undo"), json!({ "explanation": "That was nothing." })).await.is(201).body;
    goes(mallory, &undo, "execute").await.is(200);
    assert!(job_item_next(&app.app).await.unwrap());
    // A job that takes back is called off as well, and the rest can be taken back later.
    mallory.post(&format!("/mod/jobs/{}/cancel", id(&undo)), json!({})).await.is(200);
    expect!["undo_partial: 3 done, 8 skipped, 12 total, 1 undone; left alone: 8 cancelled"]
        .assert_eq(&stands(&read(mallory, &plan).await));
    let rest = mallory.post(&path("undo"), json!({ "explanation": "That was nothing." })).await.is(201).body;
    goes(mallory, &rest, "execute").await.is(200);
    work(app).await;
    expect!["undone: 8 skipped, 12 total, 4 undone; left alone: 8 cancelled"]
        .assert_eq(&stands(&read(mallory, &plan).await));
    assert_eq!(statuses(app).await, ["visible 14"]);
}

#[tokio::test]
async fn a_moderator_who_is_none_any_more_does_nothing_further() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    for _ in 0..5 {
        assert!(job_item_next(&app.app).await.unwrap());
    }
    let grant = app
        .rows("SELECT g.id::text FROM role_grant g JOIN account a ON a.id = g.account_id WHERE a.username = 'mallory'")
        .await
        .remove(0);
    carol.delete(&format!("/role-grants/{grant}")).await.is(204);
    work(app).await;
    expect!["partial: 5 done, 7 skipped, 12 total; left alone: 7 not_allowed"]
        .assert_eq(&stands(&read(carol, &plan).await));
    assert_eq!(statuses(app).await, ["hidden 5", "visible 9"]);
    let ends = "SELECT data::text FROM audit_log WHERE verb = 'finish_job'";
    expect![[r#"{"done": 5, "state": "partial", "left_alone": {"not_allowed": 7}}"#]]
        .assert_eq(&app.rows(ends).await.join("\n"));
}

#[tokio::test]
async fn jobs_of_one_person_and_about_the_same() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let part = |from: usize, to: usize| {
        let mut job = wave.job(&json!([action("hide")]));
        job["subjects"]["ids"] = json!(wave.posts[from..to]);
        job
    };
    let mut plans = Vec::new();
    for (from, to) in [(0, 4), (3, 6), (4, 8), (8, 12)] {
        plans.push(mallory.post("/mod/jobs", part(from, to)).await.is(201).body);
    }
    goes(mallory, &plans[0], "execute").await.is(200);
    goes(mallory, &plans[1], "execute").await.is_problem(409, "job_overlaps");
    goes(mallory, &plans[2], "execute").await.is(200);
    goes(mallory, &plans[3], "execute").await.is_problem(409, "too_many_jobs");
    // Both get on, turn by turn.
    for _ in 0..4 {
        app.app.clock.advance(TimeDelta::seconds(1));
        assert!(job_item_next(&app.app).await.unwrap());
    }
    let done = |job: Value| job["counts"]["done"].clone();
    assert_eq!(
        (done(read(mallory, &plans[0]).await), done(read(mallory, &plans[2]).await)),
        (json!(2), json!(2))
    );
    work(app).await;
    goes(mallory, &plans[1], "execute").await.is(200);
    work(app).await;
    expect!["succeeded: 3 already, 3 total; left alone: 3 already_so"]
        .assert_eq(&stands(&read(mallory, &plans[1]).await));
    let states = carol.get("/mod/jobs?limit=2").await.is(200);
    let next = states.text("/next");
    let rest = carol.get(&format!("/mod/jobs?limit=2&after={next}")).await.is(200);
    let listed: Vec<_> = [&states, &rest]
        .iter()
        .flat_map(|page| page.body["items"].as_array().unwrap())
        .map(|job| job["state"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, ["planned", "succeeded", "succeeded", "succeeded"]);
    assert_eq!(carol.get("/mod/jobs?state=planned").await.is(200).body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_servers_do_no_item_twice() {
    let wave = Wave::new().await;
    let Watched { app, mallory, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    let barrier = Arc::new(Barrier::new(4));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (app, barrier) = (app.clone(), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                let mut turns = 0;
                while app.rows("SELECT 1::text FROM mod_job WHERE finished_at IS NULL").await.len() == 1 {
                    turns += usize::from(job_item_next(&app.app).await.unwrap());
                }
                turns
            })
        })
        .collect();
    let mut turns = 0;
    for worker in workers {
        turns += worker.await.unwrap();
    }
    assert_eq!(turns, 13);
    expect!["succeeded: 12 done, 12 total; left alone: "].assert_eq(&stands(&read(mallory, &plan).await));
    let twice = "SELECT count(*)::text FROM mod_action WHERE kind = 'hide'";
    assert_eq!(app.rows(twice).await, ["12"]);
}

#[tokio::test]
async fn cases_are_decided_by_the_dozen() {
    let wave = Wave::new().await;
    let Watched { app, mallory, bob, .. } = &wave.watched;
    for post in &wave.posts[..6] {
        bob.reports("post", post, "spam").await;
    }
    let job = json!({
        "selector": { "kind": "post", "reported_for": "spam" }, "resolution": "rejected", "note": "Somebody reports all there is.",
    });
    let plan = mallory.post("/mod/jobs", job).await.is(201).body;
    expect!["planned: 6 pending, 6 total; left alone: "].assert_eq(&stands(&plan));
    goes(mallory, &plan, "execute").await.is(200);
    work(app).await;
    let outcomes = "SELECT outcome || ' ' || count(*) FROM report GROUP BY outcome";
    assert_eq!(app.rows(outcomes).await, ["rejected 6"]);
    assert_eq!(statuses(app).await, ["visible 14"]);
    // What was only decided is decided anew.
    app.app.clock.advance(TimeDelta::minutes(1));
    let anew = json!({ "explanation": "Some of it was spam." });
    let undo = mallory.post(&format!("/mod/jobs/{}/undo", id(&plan)), anew.clone()).await.is(201).body;
    expect!["planned: 6 pending, 6 total; left alone: "].assert_eq(&stands(&undo));
    let reported = case_of(app, &wave.posts[0]).await;
    moves(mallory, &reported, "reopen", Some(json!({ "note": "This one at once." }))).await.is(200);
    goes(mallory, &undo, "execute").await.is(200);
    work(app).await;
    expect!["succeeded: 1 already, 5 done, 6 total; left alone: 1 already_so"]
        .assert_eq(&stands(&read(mallory, &undo).await));
    assert_eq!(app.rows("SELECT count(*)::text FROM report WHERE outcome IS NULL").await, ["6"]);
    assert_eq!(app.rows("SELECT DISTINCT state FROM moderation_case").await, ["open"]);
    let batches = "SELECT kind || ' ' || (batch_id IS NOT NULL) || ' ' || count(*) FROM case_event
                   WHERE kind IN ('resolved', 'reopened') GROUP BY kind, batch_id IS NOT NULL ORDER BY 1";
    assert_eq!(app.rows(batches).await, ["reopened false 1", "reopened true 5", "resolved true 6"]);
    mallory.post(&format!("/mod/jobs/{}/undo", id(&undo)), anew).await.is_problem(409, "nothing_to_undo");
    let named = json!({
        "subjects": { "kind": "post", "ids": [wave.innocent] }, "resolution": "rejected", "note": "There is none.",
    });
    expect!["planned: 1 skipped, 1 total; left alone: 1 no_case"]
        .assert_eq(&stands(&mallory.post("/mod/jobs", named).await.is(201).body));
}

#[tokio::test]
async fn what_a_selector_chooses() {
    let wave = Wave::new().await;
    let Watched { app, mallory, topic, .. } = &wave.watched;
    let topic_id = mallory.get(&format!("/topics/{topic}")).await.text("/id");
    let shill = app.rows("SELECT id::text FROM account WHERE username = 'shill2'").await.remove(0);
    let mut table = String::new();
    for (kind, what) in [
        ("post", json!({ "topic_id": topic_id })),
        ("post", json!({ "topic_id": topic_id, "contains": "CHEAP MAPS" })),
        ("post", json!({ "author_ids": [shill] })),
        ("account", json!({ "topic_id": topic_id, "contains": "cheap maps" })),
        ("post", json!({ "from": "2026-01-15T00:00:00Z", "contains": "offer 3" })),
        ("post", json!({ "from": "2026-01-15T00:00:00Z", "until": "2026-01-15T00:00:01Z" })),
        ("post", json!({ "contains": "maps" })),
        ("post", json!({ "topic_id": topic_id, "contains": "100%_of'" })),
        ("post", json!({ "reported_for": "spam" })),
        ("post", json!({ "met_by": topic_id })),
        ("post", json!({ "from": "2026-01-15T00:00:00Z", "until": "2026-01-14T00:00:01Z" })),
        ("topic", json!({ "topic_id": topic_id })),
    ] {
        let mut selector = what.clone();
        selector["kind"] = json!(kind);
        let job = json!({ "selector": selector, "actions": [action("warn")], "note": "Let us see." });
        let reply = mallory.post("/mod/jobs", job).await;
        let found = if reply.status == 201 {
            let samples: Vec<_> = (reply.body["plan"]["samples"].as_array().unwrap().iter())
                .map(|one| one["excerpt"].as_str().unwrap().chars().take(24).collect::<String>())
                .collect();
            format!("{} {:?}", reply.body["counts"], &samples[..samples.len().min(2)])
        } else {
            format!("{} {}", reply.status, reply.body["errors"])
        };
        let what = what.to_string().replace(&topic_id, "…").replace(&shill, "shill2");
        table += &format!("{kind} {what}\n    {found}\n");
    }
    expect![[r#"
        post {"topic_id":"…"}
            {"already":0,"done":0,"failed":0,"pending":14,"skipped":0,"total":14,"undone":0} ["Buy maps of Kent, cheap!", "Cheap maps, offer 0 of s"]
        post {"contains":"CHEAP MAPS","topic_id":"…"}
            {"already":0,"done":0,"failed":0,"pending":12,"skipped":0,"total":12,"undone":0} ["Cheap maps, offer 0 of s", "Cheap maps, offer 1 of s"]
        post {"author_ids":["shill2"]}
            {"already":0,"done":0,"failed":0,"pending":4,"skipped":0,"total":4,"undone":0} ["Cheap maps, offer 0 of s", "Cheap maps, offer 1 of s"]
        account {"contains":"cheap maps","topic_id":"…"}
            {"already":0,"done":0,"failed":0,"pending":3,"skipped":0,"total":3,"undone":0} ["shill1", "shill2"]
        post {"contains":"offer 3","from":"2026-01-15T00:00:00Z"}
            {"already":0,"done":0,"failed":0,"pending":3,"skipped":0,"total":3,"undone":0} ["Cheap maps, offer 3 of s", "Cheap maps, offer 3 of s"]
        post {"from":"2026-01-15T00:00:00Z","until":"2026-01-15T00:00:01Z"}
            422 [{"code":"no_match","detail":"It chooses nothing.","field":"selector"}]
        post {"contains":"maps"}
            422 [{"code":"too_wide","detail":"Name a topic, people, a beginning, a rule that met them, or one by which they were reported.","field":"selector"}]
        post {"contains":"100%_of'","topic_id":"…"}
            422 [{"code":"no_match","detail":"It chooses nothing.","field":"selector"}]
        post {"reported_for":"spam"}
            422 [{"code":"no_match","detail":"It chooses nothing.","field":"selector"}]
        post {"met_by":"…"}
            422 [{"code":"no_match","detail":"It chooses nothing.","field":"selector"}]
        post {"from":"2026-01-15T00:00:00Z","until":"2026-01-14T00:00:01Z"}
            422 [{"code":"out_of_order","detail":"It begins before it ends.","field":"selector.until"}]
        topic {"topic_id":"…"}
            422 [{"code":"does_not_fit","detail":"Posts, or the people who wrote them: name topics by their identifiers.","field":"selector.kind"}]
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn bad_jobs_are_refused_and_leave_nothing() {
    let wave = Wave::new().await;
    let Watched { app, mallory, .. } = &wave.watched;
    let post = &wave.posts[0];
    let named = |ids: Value| json!({ "kind": "post", "ids": ids });
    let mut named_by_client = action("hide");
    named_by_client["external_id"] = json!("mine");
    let mut no_end = action("suspend");
    no_end["ends_at"] = Value::Null;
    let many: Vec<_> = (0..10_001).map(|n| json!(uuid::Uuid::from_u128(n))).collect();
    for (job, wrong) in [
        (json!({ "actions": [action("hide")], "note": "Why not." }), ("subjects", "missing")),
        (
            json!({ "subjects": named(json!([])), "actions": [action("hide")], "note": "Why not." }),
            ("subjects.ids", "too_few"),
        ),
        (
            json!({ "subjects": named(json!([post, post])), "actions": [action("hide")], "note": "Why not." }),
            ("subjects.ids", "duplicate"),
        ),
        (
            json!({ "subjects": named(json!(many)), "actions": [action("hide")], "note": "Why not." }),
            ("(body)", "too_many"),
        ),
        (json!({ "subjects": named(json!([post])), "note": "Why not." }), ("actions", "missing")),
        (
            json!({ "subjects": named(json!([post])), "actions": [action("hide")], "resolution": "rejected", "note": "Why not." }),
            ("resolution", "does_not_fit"),
        ),
        (
            json!({ "subjects": named(json!([post])), "selector": { "kind": "post" }, "actions": [action("hide")], "note": "Why not." }),
            ("selector", "does_not_fit"),
        ),
        (
            json!({ "subjects": named(json!([post])), "actions": [named_by_client], "note": "Why not." }),
            ("actions[0].external_id", "does_not_fit"),
        ),
        (
            json!({ "subjects": named(json!([post])), "actions": [no_end], "note": "Why not." }),
            ("actions[0].ends_at", "missing"),
        ),
        (
            json!({ "subjects": { "kind": "account", "ids": [post] }, "actions": [action("hide")], "note": "Why not." }),
            ("actions[0].kind", "does_not_fit"),
        ),
        (
            json!({ "subjects": named(json!([post])), "actions": [action("revert")], "note": "Why not." }),
            ("actions[0].kind", "does_not_fit"),
        ),
        (
            json!({ "subjects": named(json!([post])), "actions": [action("hide")], "note": "ab" }),
            ("note", "too_short"),
        ),
    ] {
        mallory.post("/mod/jobs", job).await.refuses(&[wrong]);
    }
    assert_eq!(app.rows("SELECT count(*)::text FROM mod_job").await, ["0"]);
}

#[tokio::test]
async fn ten_thousand_fit_into_one_request() {
    let wave = Wave::new().await;
    let ids: Vec<_> = (0..9_988)
        .map(|n| json!(uuid::Uuid::from_u128(n)))
        .chain(wave.posts.iter().map(|id| json!(id)))
        .collect();
    let mut job = wave.job(&json!([action("hide")]));
    job["subjects"]["ids"] = json!(ids);
    let plan = wave.watched.mallory.post("/mod/jobs", job).await.is(201).body;
    expect!["planned: 12 pending, 9988 skipped, 10000 total; left alone: 9988 unknown_id"]
        .assert_eq(&stands(&plan));
    assert_eq!(plan["plan"]["samples"].as_array().unwrap().len(), 12);
}

#[tokio::test]
async fn who_watches_a_job_sees_it_get_on() {
    let wave = Wave::new().await;
    let Watched { app, mallory, alice, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    let path = format!("/mod/jobs/{}/events", id(&plan));
    alice.get(&path).await.is_problem(404, "not_found");
    let (watched, _) = tokio::join!(mallory.get(&path), work(app));
    let watched = watched.is(200);
    assert_eq!(watched.header("content-type"), Some("text/event-stream"));
    let text = String::from_utf8(watched.bytes).unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.last().unwrap()["state"], "succeeded", "it ends when the job does");
    assert_eq!(text.matches("event: progress").count(), events.len());
    // Who may not see it any more is shown nothing further.
    let other = wave.plans(json!([action("remove")])).await;
    goes(mallory, &other, "execute").await.is(200);
    let path = format!("/mod/jobs/{}/events", id(&other));
    let (watched, ()) = tokio::join!(mallory.get(&path), app.suspend("mallory"));
    let text = String::from_utf8(watched.is(200).bytes).unwrap();
    assert!(!text.contains("succeeded"), "{text}");
}

#[tokio::test]
async fn nobody_is_shown_what_is_about_them() {
    let wave = Wave::new().await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    grants(carol, "shill1", json!({ "kind": "site" })).await;
    let shill = app.sign_in("shill1").await;
    let plan = carol.post("/mod/jobs", wave.job(&json!([action("hide")]))).await.is(201).body;
    for path in ["", "/items", "/events"] {
        shill.get(&format!("/mod/jobs/{}{path}", id(&plan))).await.is_problem(404, "not_found");
    }
    assert_eq!(shill.get("/mod/jobs").await.is(200).body["items"], json!([]));
    shill.post(&format!("/mod/jobs/{}/cancel", id(&plan)), json!({})).await.is_problem(404, "not_found");
    // A moderator of one topic plans there only, and sees their own.
    app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "elsewhere" })).await;
    let dora = app.sign_in("dora").await;
    let theirs = dora.post("/mod/jobs", wave.job(&json!([action("hide")]))).await.is(201).body;
    expect!["planned: 12 skipped, 12 total; left alone: 12 not_allowed"].assert_eq(&stands(&theirs));
    dora.get(&format!("/mod/jobs/{}", id(&plan))).await.is_problem(404, "not_found");
    assert_eq!(dora.get("/mod/jobs").await.is(200).body["items"].as_array().unwrap().len(), 1);
    assert_eq!(mallory.get("/mod/jobs").await.is(200).body["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_selector_tells_nothing_of_ones_own_nor_of_what_is_out_of_sight_elsewhere() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let own = mallory.posts_in(topic, "As a moderator, I say.").await;
    let me = mallory.get("/me").await.text("/id");
    let of_own = json!({
        "selector": { "kind": "post", "author_ids": [me], "reported_for": "harassment" }, "resolution": "rejected",
        "note": "Was I reported?",
    });
    mallory.post("/mod/jobs", of_own.clone()).await.refuses(&[("selector", "no_match")]);
    bob.reports("post", &own, "harassment").await;
    mallory.post("/mod/jobs", of_own).await.refuses(&[("selector", "no_match")]);

    let elsewhere = alice.opens_topic("Had the Armada landed in Essex").await;
    let hidden = alice.posts_in(&elsewhere, "She lives at Mill Lane.").await;
    mallory.acts("post", &hidden, action("hide")).await;
    let dora = app.member("dora").await;
    let here = alice.get(&format!("/topics/{topic}")).await.text("/id");
    grants(carol, "dora", json!({ "kind": "topic", "topic_id": here })).await;
    let there = alice.get(&format!("/topics/{elsewhere}")).await.text("/id");
    let guess = json!({
        "selector": { "kind": "post", "topic_id": there, "contains": "mill lane" }, "actions": [action("remove")],
        "note": "What does it say?",
    });
    mallory.post("/mod/jobs", guess.clone()).await.is(201);
    dora.post("/mod/jobs", guess).await.refuses(&[("selector", "no_match")]);
    let named = json!({
        "subjects": { "kind": "post", "ids": [hidden] }, "actions": [action("remove")], "note": "Whose is it?",
    });
    let plan = dora.post("/mod/jobs", named).await.is(201).body;
    expect!["planned: 1 skipped, 1 total; left alone: 1 not_allowed"].assert_eq(&stands(&plan));
    let items = dora.get(&format!("/mod/jobs/{}/items", id(&plan))).await.is(200);
    assert_eq!(items.body["items"][0]["owner"], Value::Null);
    // In her own topic she chooses.
    bob.posts_in(topic, "She lives at Mill Lane, too.").await;
    let own = json!({
        "selector": { "kind": "post", "topic_id": here, "contains": "mill lane" }, "actions": [action("remove")],
        "note": "Nobody's business.",
    });
    expect!["planned: 1 pending, 1 total; left alone: "]
        .assert_eq(&stands(&dora.post("/mod/jobs", own).await.is(201).body));
}

#[tokio::test]
async fn whoever_agreed_to_a_job_does_not_decide_the_appeal_against_it() {
    let wave = Wave::with("[jobs]\nsecond_person_above = 1").await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    goes(carol, &plan, "approve").await.is(200);
    work(app).await;
    let shill = app.sign_in("shill1").await;
    let appeal = shill.appeals(&shill.get("/me/decisions").await.text("/items/0/id")).await;
    let verdict = json!({ "outcome": "overturned", "reasons": "It was looked at again, by somebody else." });
    let path = format!("/mod/appeals/{appeal}/decide");
    for decider in [mallory, carol] {
        decider.with("if-match", "*").post(&path, verdict.clone()).await.is_problem(403, "own_decision");
    }
    let dave = app.administrator("dave").await;
    dave.with("if-match", "*").post(&path, verdict).await.is(200);
}

#[tokio::test]
async fn whatever_keeps_people_from_something_without_an_end_takes_two() {
    let wave = Wave::new().await;
    for (kind, ends_at, reasons) in [
        ("silence", Value::Null, json!(["without_end"])),
        ("vote_ban", Value::Null, json!(["without_end"])),
        ("silence", json!("2026-03-01T00:00:00Z"), json!([])),
        ("warn", Value::Null, json!([])),
    ] {
        let mut order = action(kind);
        order["ends_at"] = ends_at;
        assert_eq!(wave.plans(json!([order])).await["approval_reasons"], reasons, "{kind}");
    }
}

#[tokio::test]
async fn a_job_ends_with_the_password_of_whoever_had_its_session() {
    let wave = Wave::new().await;
    let Watched { app, mallory, .. } = &wave.watched;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    assert!(job_item_next(&app.app).await.unwrap());
    let owner = app.sign_in("mallory").await;
    let change =
        json!({ "current_password": crate::support::PASSWORD, "new_password": "a walk along the cliffs" });
    owner.put("/me/password", change).await.is(204);
    work(app).await;
    expect!["partial: 1 done, 11 skipped, 12 total; left alone: 11 not_allowed"]
        .assert_eq(&stands(&read(&owner, &plan).await));
}

#[tokio::test]
async fn jobs_that_begin_at_one_moment_take_turns() {
    let wave = Wave::with("[jobs]\nat_a_time = 1").await;
    let Watched { app, mallory, .. } = &wave.watched;
    let mut plans = Vec::new();
    for posts in [&wave.posts[..2], &wave.posts[2..4]] {
        let job = json!({
            "subjects": { "kind": "post", "ids": posts }, "actions": [action("hide")], "note": "At noon.",
            "starts_at": "2026-01-15T12:05:00Z",
        });
        let plan = mallory.post("/mod/jobs", job).await.is(201).body;
        app.app.clock.advance(TimeDelta::seconds(1));
        goes(mallory, &plan, "execute").await.is(200);
        plans.push(plan);
    }
    app.app.clock.advance(TimeDelta::minutes(5));
    let mallory = app.sign_in("mallory").await;
    let mut done = Vec::new();
    for _ in 0..6 {
        assert!(job_item_next(&app.app).await.unwrap());
        let counts = [read(&mallory, &plans[0]).await, read(&mallory, &plans[1]).await];
        done.push(counts.map(|job| job["counts"]["done"].as_i64().unwrap()));
    }
    assert_eq!(done, [[1, 0], [2, 0], [2, 0], [2, 1], [2, 2], [2, 2]]);
}

#[tokio::test]
async fn what_somebody_agreed_to_is_done_for_as_long_as_they_might() {
    let wave = Wave::with("[jobs]\nsecond_person_above = 11").await;
    let Watched { app, mallory, carol, .. } = &wave.watched;
    app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "site" })).await;
    let begun = async |kind: &str| {
        let dora = app.sign_in("dora").await;
        let plan = wave.plans(json!([action(kind)])).await;
        goes(mallory, &plan, "execute").await.is(200);
        assert_eq!(goes(&dora, &plan, "approve").await.is(200).body["approved_by"]["username"], "dora");
        assert!(job_item_next(&app.app).await.unwrap());
        plan
    };
    let became = async |plan: &Value| {
        work(app).await;
        stands(&read(mallory, plan).await)
    };
    // Somebody else may have had the session in which she agreed.
    let plan = begun("hide").await;
    let change =
        json!({ "current_password": crate::support::PASSWORD, "new_password": "a walk along the cliffs" });
    let dora = app.sign_in("dora").await;
    dora.put("/me/password", change).await.is(204);
    let back =
        json!({ "current_password": "a walk along the cliffs", "new_password": crate::support::PASSWORD });
    dora.put("/me/password", back).await.is(204);
    expect!["partial: 1 done, 11 skipped, 12 total; left alone: 11 not_allowed"]
        .assert_eq(&became(&plan).await);
    let plan = begun("remove").await;
    let grant = carol.get("/accounts/dora/role-grants").await.is(200).text("/items/0/id");
    carol.delete(&format!("/role-grants/{grant}")).await.is(204);
    expect!["partial: 1 done, 11 skipped, 12 total; left alone: 11 not_allowed"]
        .assert_eq(&became(&plan).await);
    assert_eq!(statuses(app).await, ["removed 1", "visible 13"]);
}

#[tokio::test]
async fn guests_read_what_is_kept_while_a_job_goes_on_and_see_all_of_it_when_it_is_over() {
    let wave = Wave::new().await;
    let Watched { app, mallory, topic, .. } = &wave.watched;
    let thread = format!("/topics/{topic}/thread?sort=old");
    let visible = async || {
        let body = app.guest().get(&thread).await.is(200).body;
        let posts = body["posts"]["items"].as_array().unwrap().iter();
        posts.filter(|post| post["status"] == "visible").count()
    };
    assert_eq!(visible().await, 14);
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    for _ in 0..3 {
        assert!(job_item_next(&app.app).await.unwrap());
    }
    assert_eq!(visible().await, 14, "nobody looks anew for each item");
    app.app.clock.advance(TimeDelta::milliseconds(100));
    assert_eq!(visible().await, 11);
    work(app).await;
    assert_eq!(visible().await, 2, "no time has passed, and it is over");
}

#[tokio::test]
async fn guests_see_what_a_job_did_that_was_called_off() {
    let wave = Wave::new().await;
    let Watched { app, mallory, topic, .. } = &wave.watched;
    let thread = format!("/topics/{topic}/thread");
    let before = app.guest().get(&thread).await.is(200).body;
    let plan = wave.plans(json!([action("hide")])).await;
    goes(mallory, &plan, "execute").await.is(200);
    assert!(job_item_next(&app.app).await.unwrap());
    assert_eq!(app.guest().get(&thread).await.is(200).body, before);
    mallory.post(&format!("/mod/jobs/{}/cancel", id(&plan)), json!({})).await.is(200);
    assert_ne!(app.guest().get(&thread).await.is(200).body, before, "no time has passed");
}
