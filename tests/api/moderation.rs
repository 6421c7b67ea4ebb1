//! Rules, reports, and the cases that moderators decide.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use sea_orm::sqlx::{Connection, PgConnection, raw_sql};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, PASSWORD, Reply, TestApp};

/// A topic of alice's with a post of hers, and people who find fault with it.
pub struct Watched {
    pub app: TestApp,
    pub alice: Client,
    pub bob: Client,
    /// A moderator of the whole site.
    pub mallory: Client,
    pub carol: Client,
    pub topic: String,
    pub post: String,
}

impl Watched {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// The same with further settings.
    pub async fn with(settings: &str) -> Self {
        // Shorter than a session goes without a refresh.
        let app = TestApp::with(&format!("[moderation]\nclaim_minutes = 3\n{settings}")).await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        let mallory = app.member("mallory").await;
        let carol = app.administrator("carol").await;
        grants(&carol, "mallory", json!({ "kind": "site" })).await;
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        let post = alice.posts_in(&topic, "Buy maps of Kent, cheap!").await;
        Self { app, alice, bob, mallory, carol, topic, post }
    }

    pub async fn reported(&self) -> String {
        self.bob.reports("post", &self.post, "spam").await;
        self.case().await
    }

    /// The case of the post.
    pub async fn case(&self) -> String {
        case_of(&self.app, &self.post).await
    }

    pub async fn read(&self, case: &str) -> Value {
        self.mallory.get(&format!("/mod/cases/{case}")).await.is(200).body
    }
}

/// The case of a post.
pub async fn case_of(app: &TestApp, post: &str) -> String {
    let case = format!("SELECT id::text FROM moderation_case WHERE subject_post_id = '{post}'");
    app.rows(&case).await.remove(0)
}

/// Has an administrator make somebody a moderator of a part of the site.
pub async fn grants(carol: &Client, name: &str, scope: Value) {
    let grant = json!({ "role": "moderator", "scope": scope, "reason": "Asked for." });
    carol.post(&format!("/accounts/{name}/role-grants"), grant).await.is(201);
}

/// Has somebody move a case as they have just read it.
pub async fn moves(who: &Client, case: &str, act: &str, body: Option<Value>) -> Reply {
    let path = format!("/mod/cases/{case}");
    let read = who.get(&path).await;
    let etag = read.header("etag").unwrap_or("\"0\"").to_owned();
    let body = body.map(|body| body.to_string().into_bytes());
    who.with("if-match", &etag).send(Method::POST, &format!("{path}/{act}"), body).await
}

fn decision(resolution: &str) -> Value {
    json!({ "resolution": resolution, "note": "As the rule says." })
}

#[tokio::test]
async fn a_post_is_reported_claimed_and_decided_and_its_reporter_is_told() {
    let Watched { app, alice, bob, mallory, post, .. } = Watched::new().await;
    let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "spam", "comment": "The same everywhere." });
    let filed = bob.post("/reports", report.clone()).await.is(201);
    expect![[r#"
        {
          "appeal": null,
          "closed_at": null,
          "comment": "The same everywhere.",
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000014",
          "is_muted": false,
          "outcome": null,
          "rule": "spam",
          "rule_version": 1,
          "subject": {
            "id": "00000000-0000-7000-8000-000000000012",
            "kind": "post"
          },
          "subject_revision": 1
        }
    "#]]
    .assert_eq(&format!("{:#}\n", filed.body));
    let path = format!("/reports/{}", filed.text("/id"));
    assert_eq!(filed.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(bob.get(&path).await.is(200).body, filed.body);
    // Twice is once.
    assert_eq!(bob.post("/reports", report).await.is(201).body, filed.body);
    alice.get(&path).await.is_problem(404, "not_found");
    mallory.get(&path).await.is_problem(404, "not_found");

    let next = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200);
    expect![[r#"
        {
          "actions": [],
          "allowed_actions": [
            "hide",
            "remove",
            "lock",
            "freeze_votes",
            "move",
            "relabel",
            "merge",
            "annotate",
            "redact",
            "warn",
            "silence",
            "restrict",
            "vote_ban",
            "suspend",
            "ban"
          ],
          "assignee": {
            "id": "00000000-0000-7000-8000-000000000005",
            "role": "moderator",
            "username": "mallory"
          },
          "claim_expires_at": "2026-01-15T12:03:00Z",
          "content": {
            "revision": 1,
            "text": "Buy maps of Kent, cheap!",
            "topic_slug": "had-the-armada-landed-in-kent"
          },
          "events": [
            {
              "action_id": null,
              "actor": {
                "id": "00000000-0000-7000-8000-000000000003",
                "role": "member",
                "username": "bob"
              },
              "appeal_id": null,
              "batch_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "from_state": null,
              "kind": "opened",
              "muted_until": null,
              "note": "",
              "related_case_id": null,
              "resolution": null,
              "seq": 1,
              "tags": null,
              "to_state": "open"
            },
            {
              "action_id": null,
              "actor": {
                "id": "00000000-0000-7000-8000-000000000005",
                "role": "moderator",
                "username": "mallory"
              },
              "appeal_id": null,
              "batch_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "from_state": "open",
              "kind": "claimed",
              "muted_until": null,
              "note": "",
              "related_case_id": null,
              "resolution": null,
              "seq": 2,
              "tags": null,
              "to_state": "claimed"
            }
          ],
          "id": "00000000-0000-7000-8000-000000000013",
          "is_escalated": false,
          "moves": [
            "release",
            "escalate",
            "resolve",
            "mute"
          ],
          "muted_until": null,
          "notes": [],
          "opened_at": "2026-01-15T12:00:00Z",
          "owner": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "member",
            "username": "alice"
          },
          "prior_cases": [],
          "priority": 17,
          "related_cases": [],
          "report_count": 1,
          "reported_versions": [
            {
              "revision": 1,
              "sha256": "7d9ae1b27d102731aa9da3c105d811eaa4ae899e792bad45b4e987b35f61dcd0",
              "text": "Buy maps of Kent, cheap!"
            }
          ],
          "reporter_count": 1,
          "reports": [
            {
              "automation_rule": null,
              "comment": "The same everywhere.",
              "created_at": "2026-01-15T12:00:00Z",
              "id": "00000000-0000-7000-8000-000000000014",
              "is_muted": false,
              "is_trusted": false,
              "legal_notice": null,
              "outcome": null,
              "reporter": {
                "id": "00000000-0000-7000-8000-000000000003",
                "role": "member",
                "username": "bob"
              },
              "rule": "spam",
              "rule_version": 1,
              "subject_revision": 1,
              "weight": 2.0
            }
          ],
          "resolution": null,
          "similar_cases": [],
          "sla_due_at": "2026-01-18T12:00:00Z",
          "state": "claimed",
          "subject": {
            "id": "00000000-0000-7000-8000-000000000012",
            "kind": "post"
          },
          "tags": [],
          "thread": [],
          "topic_id": "00000000-0000-7000-8000-00000000000b",
          "updated_at": "2026-01-15T12:00:00Z"
        }
    "#]]
    .assert_eq(&format!("{:#}\n", next.body));
    let case = next.text("/id");
    app.app.clock.advance(TimeDelta::minutes(2));
    let decided = moves(&mallory, &case, "resolve", Some(decision("upheld"))).await.is(200);
    expect![[r#"
        [
          {
            "action_id": null,
            "actor": {
              "id": "00000000-0000-7000-8000-000000000003",
              "role": "member",
              "username": "bob"
            },
            "appeal_id": null,
            "batch_id": null,
            "created_at": "2026-01-15T12:00:00Z",
            "from_state": null,
            "kind": "opened",
            "muted_until": null,
            "note": "",
            "related_case_id": null,
            "resolution": null,
            "seq": 1,
            "tags": null,
            "to_state": "open"
          },
          {
            "action_id": null,
            "actor": {
              "id": "00000000-0000-7000-8000-000000000005",
              "role": "moderator",
              "username": "mallory"
            },
            "appeal_id": null,
            "batch_id": null,
            "created_at": "2026-01-15T12:00:00Z",
            "from_state": "open",
            "kind": "claimed",
            "muted_until": null,
            "note": "",
            "related_case_id": null,
            "resolution": null,
            "seq": 2,
            "tags": null,
            "to_state": "claimed"
          },
          {
            "action_id": null,
            "actor": {
              "id": "00000000-0000-7000-8000-000000000005",
              "role": "moderator",
              "username": "mallory"
            },
            "appeal_id": null,
            "batch_id": null,
            "created_at": "2026-01-15T12:02:00Z",
            "from_state": "claimed",
            "kind": "resolved",
            "muted_until": null,
            "note": "As the rule says.",
            "related_case_id": null,
            "resolution": "upheld",
            "seq": 3,
            "tags": null,
            "to_state": "resolved"
          }
        ]
        [
          "reopen",
          "mute"
        ]
    "#]]
    .assert_eq(&format!("{:#}\n{:#}\n", decided.body["events"], decided.body["moves"]));
    assert_eq!(decided.body["resolution"], "upheld");
    let told = bob.get("/reports").await.is(200).body;
    assert_eq!(
        (&told["items"][0]["outcome"], &told["items"][0]["closed_at"]),
        (&json!("upheld"), &json!("2026-01-15T12:02:00Z"))
    );
    mallory.send(Method::POST, "/mod/cases/next", None).await.is(204);
    let entries =
        "SELECT verb || ' ' || (data->>'resolution') FROM audit_log WHERE object_kind = 'moderation_case'";
    assert_eq!(app.rows(entries).await, ["resolve_case upheld"]);
}

#[tokio::test]
async fn rules_are_there_for_everybody() {
    let app = TestApp::new().await;
    let rules = app.guest().get("/rules").await.is(200).body;
    let codes: Vec<_> = rules["items"].as_array().unwrap().iter().map(|rule| rule["code"].clone()).collect();
    assert_eq!(
        json!(codes),
        json!([
            "off_topic",
            "false_citation",
            "spam",
            "vote_manipulation",
            "harassment",
            "personal_data",
            "hatred",
            "illegal"
        ])
    );
    app.refuses_sql("policy_rule_is_fixed", "UPDATE policy_rule SET title = 'Whatever'").await;
    // The next version takes its place, and what was reported by the first one stays so.
    app.sql("INSERT INTO policy_rule VALUES ('spam', 2, 'Spam', 'Advertising of any kind.', 3, now(), 'remove', 1, 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC', false)")
        .await
        .unwrap();
    let rules = app.guest().get("/rules").await.is(200).body;
    let spam: Vec<_> =
        rules["items"].as_array().unwrap().iter().filter(|rule| rule["code"] == "spam").collect();
    assert_eq!((spam.len(), &spam[0]["version"]), (1, &json!(2)));
}

#[tokio::test]
async fn what_cannot_be_reported_is_refused_and_changes_nothing() {
    let Watched { app, alice, bob, post, .. } = Watched::new().await;
    let reports = async |who: &Client, kind: &str, id: &str, rule: &str| {
        let report = json!({ "subject": { "kind": kind, "id": id }, "rule": rule });
        who.post("/reports", report).await
    };
    reports(&app.guest(), "post", &post, "spam").await.is_problem(401, "unauthenticated");
    reports(&alice, "post", &post, "spam").await.is_problem(403, "own_subject");
    reports(&bob, "post", &post, "heresy").await.refuses(&[("rule", "unknown_rule")]);
    reports(&bob, "post", &post, "No rule").await.refuses(&[("rule", "not_a_rule_code")]);
    reports(&bob, "vote", &post, "spam").await.refuses(&[("subject.kind", "unknown_value")]);
    let nothing = "0198c5f0-0000-7000-8000-00000000dead";
    for kind in ["post", "topic", "account"] {
        reports(&bob, kind, nothing, "spam").await.refuses(&[("subject.id", "unknown_id")]);
    }
    // What one may not see is not there.
    let draft = alice.post("/topics", json!({ "title": "Had Elizabeth married" })).await.is(201).text("/id");
    reports(&bob, "topic", &draft, "spam").await.refuses(&[("subject.id", "unknown_id")]);
    let carol = app.sign_in("carol").await;
    reports(&carol, "topic", &draft, "spam").await.is_problem(409, "topic_not_open");
    let long =
        json!({ "subject": { "kind": "post", "id": post }, "rule": "spam", "comment": "x".repeat(2001) });
    bob.post("/reports", long).await.refuses(&[("comment", "too_long")]);
    alice.delete_as_read(&format!("/posts/{post}")).await.is(200);
    reports(&bob, "post", &post, "spam").await.is_problem(409, "post_deleted");
    for table in ["report", "moderation_case", "case_event"] {
        assert_eq!(app.rows(&format!("SELECT count(*)::text FROM {table}")).await, ["0"], "{table}");
    }
}

#[tokio::test]
async fn forty_reports_of_one_post_are_one_case() {
    let watched = Watched::new().await;
    let mut people = Vec::new();
    for number in 0..40 {
        people.push(watched.app.member(&format!("member{number}")).await);
    }
    let mut filing = JoinSet::new();
    for person in people {
        let post = watched.post.clone();
        filing.spawn(async move {
            let rule = json!({ "subject": { "kind": "post", "id": post }, "rule": "spam" });
            person.post("/reports", rule).await.is(201);
        });
    }
    filing.join_all().await;
    let case = watched.read(&watched.case().await).await;
    // Forty that weigh 2 each: trust level 0 and a rule of the second grade.
    assert_eq!(
        (&case["report_count"], &case["reporter_count"], &case["priority"]),
        (&json!(40), &json!(40), &json!(89))
    );
    assert_eq!(watched.app.rows("SELECT count(*)::text FROM moderation_case").await, ["1"]);
    assert_eq!(case["events"].as_array().unwrap().len(), 40);
    // Whoever finds several rules broken is one person still, who weighs as by the gravest.
    let person = watched.app.sign_in("member0").await;
    person.reports("post", &watched.post, "off_topic").await;
    person.reports("post", &watched.post, "harassment").await;
    let again = watched.read(&watched.case().await).await;
    assert_eq!(
        (&again["report_count"], &again["reporter_count"], &again["priority"]),
        (&json!(42), &json!(40), &json!(89))
    );
    assert_eq!(watched.app.rows("SELECT score::text FROM moderation_case").await, ["8100"]);
    // One decision closes all of them.
    let id = case["id"].as_str().unwrap();
    moves(&watched.mallory, id, "resolve", Some(decision("rejected"))).await.is(200);
    let closed = "SELECT DISTINCT outcome FROM report";
    assert_eq!(watched.app.rows(closed).await, ["rejected"]);
}

#[tokio::test]
async fn what_was_decided_is_not_asked_again_unless_something_is_new() {
    let watched = Watched::new().await;
    let case = watched.reported().await;
    moves(&watched.mallory, &case, "resolve", Some(decision("rejected"))).await.is(200);
    let dora = watched.app.member("dora").await;
    // The same rule and the same words: decided.
    let again = dora.reports("post", &watched.post, "spam").await;
    assert_eq!(dora.get(&format!("/reports/{again}")).await.is(200).body["outcome"], "already_reviewed");
    assert_eq!(watched.read(&case).await["state"], "resolved");
    // Another rule.
    dora.reports("post", &watched.post, "hatred").await;
    let opened = watched.read(&case).await;
    assert_eq!((&opened["state"], &opened["resolution"]), (&json!("open"), &Value::Null));
    moves(&watched.mallory, &case, "resolve", Some(decision("ignored"))).await.is(200);
    // Other words.
    let edit = json!({ "body": "Buy maps of Essex, cheap!" });
    watched.alice.patch(&format!("/posts/{}", watched.post), edit).await.is(200);
    dora.reports("post", &watched.post, "spam").await;
    let opened = watched.read(&case).await;
    assert_eq!((&opened["state"], &opened["report_count"]), (&json!("open"), &json!(1)));
    let kinds: Vec<_> =
        opened["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(json!(kinds), json!(["opened", "resolved", "reported", "reopened", "resolved", "reopened"]));
}

#[tokio::test]
async fn a_claim_is_one_persons_until_it_runs_out() {
    let watched = Watched::new().await;
    let case = watched.reported().await;
    let nick = watched.app.member("nick").await;
    grants(&watched.app.sign_in("carol").await, "nick", json!({ "kind": "site" })).await;
    let claimed = moves(&watched.mallory, &case, "claim", None).await.is(200);
    assert_eq!(claimed.text("/claim_expires_at"), "2026-01-15T12:03:00Z");
    for (act, body) in [
        ("claim", None),
        ("release", Some(json!({}))),
        ("escalate", Some(json!({ "note": "It is not for me." }))),
        ("resolve", Some(decision("upheld"))),
    ] {
        moves(&nick, &case, act, body).await.is_problem(409, "case_claimed");
    }
    assert_eq!(nick.get(&format!("/mod/cases/{case}")).await.is(200).body["moves"], json!([]));
    // Claimed again, it lasts longer; that is nothing that happened.
    watched.app.app.clock.advance(TimeDelta::minutes(2));
    let longer = moves(&watched.mallory, &case, "claim", None).await.is(200);
    assert_eq!(longer.text("/claim_expires_at"), "2026-01-15T12:05:00Z");
    assert_eq!(longer.body["events"].as_array().unwrap().len(), 2);
    watched.app.app.clock.advance(TimeDelta::minutes(3));
    assert_eq!(watched.read(&case).await["state"], "open");
    let other = moves(&nick, &case, "claim", None).await.is(200);
    let kinds: Vec<_> =
        other.body["events"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(json!(kinds), json!(["opened", "claimed", "lapsed", "claimed"]));
    moves(&watched.mallory, &case, "resolve", Some(decision("upheld"))).await.is_problem(409, "case_claimed");
    let back = moves(&nick, &case, "release", Some(json!({ "note": "I know her." }))).await.is(200);
    assert_eq!(
        (&back.body["state"], &back.body["events"][4]["note"]),
        (&json!("open"), &json!("I know her."))
    );
}

#[tokio::test]
async fn a_move_that_is_sent_again_lands_once_and_one_that_cannot_be_changes_nothing() {
    let watched = Watched::new().await;
    let case = watched.reported().await;
    let path = format!("/mod/cases/{case}");
    let resolve = format!("{path}/resolve");
    watched.mallory.post(&resolve, decision("upheld")).await.is_problem(428, "precondition_required");
    let stale = watched.mallory.with("if-match", "\"77\"");
    stale.post(&resolve, decision("upheld")).await.is_problem(412, "precondition_failed");
    let first = moves(&watched.mallory, &case, "resolve", Some(decision("upheld"))).await.is(200);
    // The answer was lost, and the case is no longer what it was.
    assert_eq!(stale.post(&resolve, decision("upheld")).await.is(200).body, first.body);
    for (act, body) in [
        ("claim", None),
        ("release", Some(json!({}))),
        ("escalate", Some(json!({ "note": "It is not for me." }))),
        ("resolve", Some(decision("rejected"))),
    ] {
        moves(&watched.mallory, &case, act, body).await.is_problem(409, "invalid_state_transition");
    }
    assert_eq!(watched.read(&case).await, first.body);
}

#[tokio::test]
async fn what_is_difficult_goes_to_those_who_may_decide_it() {
    let watched = Watched::new().await;
    let case = watched.reported().await;
    moves(&watched.mallory, &case, "escalate", Some(json!({ "note": "Is it the law?" }))).await.is(200);
    for (act, body) in [("claim", None), ("resolve", Some(decision("upheld")))] {
        moves(&watched.mallory, &case, act, body).await.is_problem(403, "not_allowed");
    }
    watched.mallory.send(Method::POST, "/mod/cases/next", None).await.is(204);
    let carol = watched.app.sign_in("carol").await;
    moves(&carol, &case, "resolve", Some(decision("upheld")))
        .await
        .is_problem(409, "invalid_state_transition");
    let claimed = carol.send(Method::POST, "/mod/cases/next", None).await.is(200);
    assert_eq!((claimed.text("/id"), &claimed.body["is_escalated"]), (case.clone(), &json!(true)));
    moves(&carol, &case, "escalate", Some(json!({ "note": "Too hard." })))
        .await
        .is_problem(409, "invalid_state_transition");
    moves(&carol, &case, "resolve", Some(decision("upheld"))).await.is(200);
}

#[tokio::test]
async fn nobody_decides_what_concerns_themselves_or_those_above_them() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, .. } = &watched;
    let carol = app.sign_in("carol").await;
    let nick = app.member("nick").await;
    grants(&carol, "nick", json!({ "kind": "site" })).await;
    let id = async |who: &Client| who.get("/me").await.is(200).text("/id");
    bob.reports("account", &id(mallory).await, "harassment").await;
    let about_mallory = app.rows("SELECT id::text FROM moderation_case").await.remove(0);
    // Not even that there is one.
    mallory.get(&format!("/mod/cases/{about_mallory}")).await.is_problem(404, "not_found");
    assert_eq!(mallory.get("/mod/cases").await.is(200).body["items"], json!([]));
    moves(mallory, &about_mallory, "resolve", Some(decision("rejected"))).await.is_problem(404, "not_found");
    // Another moderator is of the same rank.
    moves(&nick, &about_mallory, "claim", None).await.is_problem(403, "outranked");
    nick.send(Method::POST, "/mod/cases/next", None).await.is(204);
    mallory.send(Method::POST, "/mod/cases/next", None).await.is(204);
    moves(&carol, &about_mallory, "resolve", Some(decision("rejected"))).await.is(200);
    // Whoever reported it leaves it to others.
    let post = bob.posts_in(&watched.topic, "And of Essex.").await;
    mallory.reports("post", &post, "spam").await;
    let case = case_of(app, &post).await;
    moves(mallory, &case, "resolve", Some(decision("upheld"))).await.is_problem(403, "own_case");
    mallory.send(Method::POST, "/mod/cases/next", None).await.is(204);
    assert_eq!(nick.send(Method::POST, "/mod/cases/next", None).await.is(200).text("/id"), case);
}

#[tokio::test]
async fn moderators_of_a_part_see_the_cases_of_that_part() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, .. } = &watched;
    let elsewhere = alice.opens_topic("Had the Armada landed in Essex").await;
    let other = alice.posts_in(&elsewhere, "Buy maps of Essex, cheap!").await;
    let here = watched.reported().await;
    bob.reports("post", &other, "spam").await;
    let alices = alice.get("/me").await.text("/id");
    bob.reports("account", &alices, "spam").await;
    let dora = app.member("dora").await;
    let topic = alice.get(&format!("/topics/{}", watched.topic)).await.text("/id");
    grants(&app.sign_in("carol").await, "dora", json!({ "kind": "topic", "topic_id": topic })).await;
    let listed = dora.get("/mod/cases").await.is(200).body;
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect();
    assert_eq!(json!(ids), json!([here]));
    for case in app.rows("SELECT id::text FROM moderation_case").await {
        let expected = if case == here { 200 } else { 404 };
        dora.get(&format!("/mod/cases/{case}")).await.is(expected);
        moves(&dora, &case, "claim", None).await.is(expected);
    }
    dora.send(Method::POST, "/mod/cases/next", None).await.is(204);
    bob.get("/mod/cases").await.is_problem(403, "not_allowed");
    for case in [&here, "0198c5f0-0000-7000-8000-00000000dead"] {
        bob.get(&format!("/mod/cases/{case}")).await.is_problem(403, "not_allowed");
        moves(bob, case, "claim", None).await.is_problem(403, "not_allowed");
    }
    assert_eq!(watched.mallory.get("/mod/cases").await.is(200).body["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_most_urgent_comes_first_and_lists_are_walked() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    let dora = app.member("dora").await;
    let mut cases = Vec::new();
    for (rule, twice) in [("off_topic", false), ("hatred", true), ("spam", false), ("hatred", false)] {
        let post = alice.posts_in(topic, "Something or other.").await;
        bob.reports("post", &post, rule).await;
        if twice {
            dora.reports("post", &post, rule).await;
        }
        cases.push(case_of(app, &post).await);
    }
    let walk = async |query: &str| {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let page = mallory.get(&format!("/mod/cases?limit=1{query}{after}")).await.is(200).body;
            ids.extend(page["items"].as_array().unwrap().iter().map(|case| case["id"].clone()));
            let Some(next) = page["next"].as_str() else { return json!(ids) };
            after = format!("&after={next}");
        }
    };
    let by = |order: [usize; 4]| json!(order.map(|place| cases[place].clone()));
    assert_eq!(walk("").await, by([1, 3, 2, 0]));
    assert_eq!(walk("&sort=new").await, by([3, 2, 1, 0]));
    assert_eq!(walk("&subject_kind=account").await, json!([]));
    let next = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200);
    assert_eq!(next.text("/id"), cases[1]);
    assert_eq!(walk("&mine=true").await, json!([cases[1]]));
    assert_eq!(walk("&state=claimed").await, json!([cases[1]]));
    assert_eq!(walk("&state=open").await, json!([cases[3], cases[2], cases[0]]));
    app.app.clock.advance(TimeDelta::minutes(3));
    assert_eq!(walk("&state=claimed").await, json!([]));
    assert_eq!(walk("&mine=true").await, json!([]));
    assert_eq!(walk("&state=open").await, by([1, 3, 2, 0]));
    let cursor = mallory.get("/mod/cases?limit=1").await.is(200).text("/next");
    mallory.get(&format!("/mod/cases?limit=1&sort=new&after={cursor}")).await.is(400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_moderators_who_ask_at_once_no_two_get_the_same_case() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, topic, .. } = &watched;
    for _ in 0..12 {
        let post = alice.posts_in(topic, "Something or other.").await;
        bob.reports("post", &post, "spam").await;
    }
    let carol = app.sign_in("carol").await;
    let mut asking = JoinSet::new();
    for number in 0..16 {
        let moderator = app.member(&format!("moderator{number}")).await;
        grants(&carol, &format!("moderator{number}"), json!({ "kind": "site" })).await;
        asking.spawn(async move { moderator.send(Method::POST, "/mod/cases/next", None).await });
    }
    let replies = asking.join_all().await;
    let mut got: Vec<_> =
        replies.iter().filter(|reply| reply.status == 200).map(|reply| reply.text("/id")).collect();
    got.sort();
    let mut all = app.rows("SELECT id::text FROM moderation_case WHERE state = 'claimed'").await;
    all.sort();
    assert_eq!(got, all);
    assert_eq!((got.len(), replies.iter().filter(|reply| reply.status == 204).count()), (12, 4));
}

#[tokio::test]
async fn nothing_waits_is_said_once_nothing_does() {
    let watched = Watched::new().await;
    let case = watched.reported().await;
    // Somebody looks at the only case, and comes to nothing.
    let mut looking = PgConnection::connect(watched.app.database_url()).await.unwrap();
    raw_sql("BEGIN; SELECT FROM moderation_case FOR UPDATE").execute(&mut looking).await.unwrap();
    let mallory = watched.mallory.clone();
    let asks = tokio::spawn(async move { mallory.send(Method::POST, "/mod/cases/next", None).await });
    while watched.app.waiting().await == 0 && !asks.is_finished() {}
    raw_sql("ROLLBACK").execute(&mut looking).await.unwrap();
    assert_eq!(asks.await.unwrap().is(200).text("/id"), case);
}

#[tokio::test]
async fn the_database_keeps_cases_what_their_events_say() {
    let watched = Watched::new().await;
    watched.reported().await;
    let refuses =
        async |constraint: &str, statements: &str| watched.app.refuses_sql(constraint, statements).await;
    let resolve = "UPDATE moderation_case SET state = 'resolved', resolution = 'upheld', resolved_at = now()";
    refuses("moderation_case_is_its_events", resolve).await;
    refuses("moderation_case_resolved", "UPDATE moderation_case SET state = 'resolved'").await;
    refuses("moderation_case_claimed_by_somebody", "UPDATE moderation_case SET state = 'claimed'").await;
    refuses("moderation_case_escalated", "UPDATE moderation_case SET is_escalated = true").await;
    refuses("moderation_case_one_subject", "UPDATE moderation_case SET subject_topic_id = topic_id").await;
    refuses("case_event_is_fixed", "UPDATE case_event SET to_state = 'resolved'").await;
    let event = |seq: i32, from: &str| {
        format!(
            "INSERT INTO case_event SELECT id, {seq}, 'claimed', NULL, '{from}', 'claimed', NULL, '', now()
             FROM moderation_case"
        )
    };
    refuses("case_event_continues", &event(3, "open")).await;
    refuses("case_event_continues", &event(2, "escalated")).await;
    refuses("case_event_pkey", "INSERT INTO case_event SELECT * FROM case_event").await;
    refuses("report_closed", "UPDATE report SET outcome = 'upheld'").await;
    let twice = "INSERT INTO report SELECT gen_random_uuid(), case_id, reporter_id, rule_code, rule_version,
                 subject_revision, comment, weight, NULL, created_at, NULL FROM report";
    refuses("report_open_key", twice).await;
}

#[tokio::test]
async fn whoever_was_right_before_weighs_more() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, .. } = &watched;
    for _ in 0..6 {
        let post = alice.posts_in(topic, "Buy maps of Kent, cheap!").await;
        bob.reports("post", &post, "spam").await;
        let case = case_of(app, &post).await;
        moves(mallory, &case, "resolve", Some(decision("upheld"))).await.is(200);
    }
    let case = watched.reported().await;
    watched.app.member("dora").await.reports("post", &watched.post, "spam").await;
    let weights: Vec<_> = watched.read(&case).await["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| report["weight"].clone())
        .collect();
    assert_eq!(json!(weights), json!([3.94, 2.0]));
}

#[tokio::test]
async fn d2_who_reported_what_goes_with_the_account_and_a_case_about_it_is_moot() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, .. } = &watched;
    let case = watched.reported().await;
    let comment = json!({ "subject": { "kind": "account", "id": alice.get("/me").await.text("/id") },
                          "rule": "personal_data", "comment": "She wrote where I live." });
    bob.post("/reports", comment).await.is(201);
    let dora = app.member("dora").await;
    dora.reports("account", &bob.get("/me").await.text("/id"), "spam").await;
    bob.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let copy = bob.send(Method::GET, "/me/export/file", None).await.is(200);
    let reports: Vec<_> = copy.body["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|report| (report["rule"].clone(), report["comment"].clone()))
        .collect();
    assert_eq!(
        reports,
        [(json!("spam"), json!("")), (json!("personal_data"), json!("She wrote where I live."))]
    );

    bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let mallory = app.sign_in("mallory").await;
    let read = mallory.get(&format!("/mod/cases/{case}")).await.is(200).body;
    assert_eq!((&read["reports"][0]["reporter"], &read["report_count"]), (&Value::Null, &json!(1)));
    assert_eq!(read["events"][0]["actor"], Value::Null);
    assert_eq!(app.rows("SELECT id::text FROM report WHERE comment <> ''").await, Vec::<String>::new());
    let outcome = dora.get("/reports").await;
    let outcome =
        if outcome.status == 401 { app.sign_in("dora").await.get("/reports").await } else { outcome };
    assert_eq!(outcome.is(200).body["items"][0]["outcome"], "moot");
}

#[tokio::test]
async fn whoever_is_in_charge_of_a_part_is_given_what_waits_there() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, .. } = &watched;
    let first = watched.reported().await;
    let mut tagged = crate::support::builders::open_topic("Had the Armada landed in Essex");
    tagged["tags"] = json!(["armada"]);
    let elsewhere = alice.post("/topics", tagged).await.is(201).text("/slug");
    let (dora, erin) = (app.member("dora").await, app.member("erin").await);
    let mut cases = Vec::new();
    for (place, rule) in [(&elsewhere, "hatred"), (&elsewhere, "spam"), (topic, "hatred")] {
        let post = alice.posts_in(place, "Buy maps of Essex, cheap!").await;
        bob.reports("post", &post, rule).await;
        cases.push(case_of(app, &post).await);
    }
    let here = alice.get(&format!("/topics/{topic}")).await.text("/id");
    grants(carol, "dora", json!({ "kind": "topic", "topic_id": here })).await;
    grants(carol, "erin", json!({ "kind": "tag", "tag": "armada" })).await;
    let next = async |who: &Client| {
        let reply = who.send(Method::POST, "/mod/cases/next", None).await;
        (reply.status == 200).then(|| reply.text("/id"))
    };
    assert_eq!(next(&dora).await, Some(cases[2].clone()));
    assert_eq!(next(&dora).await, Some(first));
    assert_eq!(next(&dora).await, None);
    assert_eq!(next(&erin).await, Some(cases[0].clone()));
    // What was passed on there is for whoever may decide it, where they may see it.
    moves(&erin, &cases[0], "escalate", Some(json!({ "note": "Is it the law?" }))).await.is(200);
    let grant =
        json!({ "permissions": ["escalation.decide"], "scope": { "kind": "site" }, "reason": "Asked for." });
    carol.post("/accounts/dora/role-grants", grant.clone()).await.is(201);
    let dora = app.sign_in("dora").await;
    assert_eq!(next(&dora).await, None, "she may not see it");
    carol.post("/accounts/erin/role-grants", grant).await.is(201);
    let erin = app.sign_in("erin").await;
    assert_eq!(next(&erin).await, Some(cases[0].clone()));
    assert_eq!(next(mallory).await, Some(cases[1].clone()));
}
