//! What rules of automatic moderation do to posts, and how people come to look at all of it.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::audit::Verified;
use otherwise::worker::{open_cases_next, own_data_next};
use sea_orm::sqlx::{Connection, PgConnection, query};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::automation::Site;
use crate::moderation::{grants, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD, Reply, TestApp};

const SPAM: &str = "Buy maps of Kent, cheap!";

/// A site, and mallory who is a moderator of all of it.
struct Watched {
    site: Site,
    mallory: Client,
}

impl Watched {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(settings: &str) -> Self {
        let site = Site::with(settings).await;
        let mallory = site.app.member("mallory").await;
        grants(&site.carol, "mallory", json!({ "kind": "site" })).await;
        Self { site, mallory }
    }

    /// Has a rule enforced that meets whatever mentions maps, with some of it changed; gives its path.
    async fn enforces(&self, action: &str, changes: Value) -> String {
        let mut rule = json!({
            "name": "Maps", "explanation": "Nobody sells maps here.", "action": action,
            "when": { "pattern": { "pattern": "maps", "ignore_case": true } },
        });
        rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let path = self.site.rule(rule).await;
        self.site.enforces(&path).await;
        path
    }

    /// Has bob post, and gives the post as it was answered.
    async fn posts(&self, body: &str) -> Value {
        self.site.posts(&self.site.bob, body).await.is(201).body
    }

    /// Has bob post, and gives the post and what was decided about it.
    async fn filtered(&self, body: &str) -> (String, String) {
        let post = self.posts(body).await;
        assert_eq!(post["status"], "hidden");
        let decision = self.site.bob.get("/me/decisions").await.text("/items/0/id");
        (post["id"].as_str().unwrap().to_owned(), decision)
    }

    async fn works(&self) -> u32 {
        works(&self.site.app).await
    }

    /// The case of a post, as mallory reads it.
    async fn case(&self, post: &str) -> Value {
        let id = format!("SELECT id::text FROM moderation_case WHERE subject_post_id = '{post}'");
        let id = self.site.app.rows(&id).await.remove(0);
        let mallory = self.site.app.sign_in("mallory").await;
        mallory.get(&format!("/mod/cases/{id}")).await.is(200).body
    }

    async fn status(&self, post: &str) -> Value {
        self.site.app.guest().get(&format!("/posts/{post}")).await.is(200).body["status"].clone()
    }

    async fn verifies(&self) -> Result<Verified, String> {
        let nowhere = std::path::Path::new("/nowhere");
        otherwise::audit::verify(&self.site.app.app, nowhere).await.map_err(|flaw| flaw.to_string())
    }
}

/// Opens all cases that wait, and says how many there were.
async fn works(app: &TestApp) -> u32 {
    let mut opened = 0;
    while open_cases_next(&app.app).await.unwrap() {
        opened += 1;
    }
    opened
}

/// In how many ways something is there that the background work makes.
async fn made(app: &TestApp) -> Vec<String> {
    app.rows(
        "SELECT concat_ws(' ', 'cases', (SELECT count(*) FROM moderation_case), 'reports', (SELECT count(*) FROM report),
                          'events', (SELECT count(*) FROM case_event), 'hits with', (SELECT count(case_id) FROM rule_hit),
                          'actions with', (SELECT count(case_id) FROM mod_action),
                          'entries', (SELECT count(*) FROM audit_log WHERE verb = 'enforce_rule'))",
    )
    .await
}

fn at_reports(n: u32) -> Value {
    json!({ "triggers": { "nth_report": n } })
}

async fn reverts(who: &Client, id: &str) -> Reply {
    let why = json!({ "explanation": "It was a museum after all." });
    who.post(&format!("/mod/actions/{id}/revert"), why).await
}

/// Decides an appeal as somebody has just read it.
async fn decides(who: &Client, appeal: &str, outcome: &str) -> Reply {
    let path = format!("/mod/appeals/{appeal}");
    let etag = who.get(&path).await.header("etag").unwrap_or("\"0\"").to_owned();
    let verdict = json!({ "outcome": outcome, "reasons": "It was looked at by somebody." }).to_string();
    who.with("if-match", &etag)
        .send(Method::POST, &format!("{path}/decide"), Some(verdict.into_bytes()))
        .await
}

#[tokio::test]
async fn a9_what_a_rule_hides_its_author_is_told_of_at_once() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    watched.enforces("filter", json!({})).await;
    let post = watched.posts(SPAM).await;
    assert_eq!((&post["status"], &post["body"]), (&json!("hidden"), &json!(SPAM)));
    let id = post["id"].as_str().unwrap();
    assert_eq!(watched.status(id).await, "hidden");
    for (who, body) in [(&site.bob, SPAM), (&site.carol, SPAM), (&site.alice, "")] {
        assert_eq!(who.get(&format!("/posts/{id}")).await.is(200).body["body"], body);
    }
    let topic = site.alice.get(&format!("/topics/{}", site.topic)).await.is(200);
    assert_eq!(topic.body["post_count"], 0);
    let decisions = site.bob.get("/me/decisions").await.is(200);
    expect![[r#"
        {
          "items": [
            {
              "actor_kind": "rule",
              "appeal": null,
              "appeal_until": "2026-07-15T12:00:00Z",
              "created_at": "2026-01-15T12:00:00Z",
              "ends_at": null,
              "explanation": "Nobody sells maps here. (Applied without a human: rule 00000000-0000-7000-8000-000000000012, version 1, which serves the rule `spam` of the site.)",
              "id": "00000000-0000-7000-8000-000000000016",
              "is_reverted": false,
              "kind": "hide",
              "rule": "spam",
              "rule_version": 1,
              "scope_topic_id": null,
              "strikes": 0,
              "subject": {
                "id": "00000000-0000-7000-8000-000000000014",
                "kind": "post"
              },
              "topic_id": "00000000-0000-7000-8000-000000000008"
            }
          ],
          "next": null
        }
    "#]].assert_eq(&format!("{:#}\n", decisions.body));
    let decision = decisions.text("/items/0/id");
    let mut statement =
        site.bob.get(&format!("/me/decisions/{decision}")).await.is(200).body["statement"].take();
    statement.as_object_mut().unwrap().remove("territorial_scope");
    expect![[r#"
        {
          "application_date": "2026-01-15T12:00:00Z",
          "automated_decision": "AUTOMATED_DECISION_FULLY",
          "automated_detection": true,
          "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
          "category_specification": [],
          "content_date": "2026-01-15T12:00:00Z",
          "content_language": null,
          "content_type": "CONTENT_TYPE_TEXT",
          "decision_account": null,
          "decision_facts": "Nobody sells maps here. (Applied without a human: rule 00000000-0000-7000-8000-000000000012, version 1, which serves the rule `spam` of the site.)",
          "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
          "decision_ground_reference_url": "http://127.0.0.1:8080/api/v1/rules?rule=spam",
          "decision_provision": null,
          "decision_visibility": [
            "DECISION_VISIBILITY_CONTENT_DISABLED"
          ],
          "end_date": null,
          "illegal_content_explanation": null,
          "illegal_content_legal_ground": null,
          "incompatible_content_explanation": "Nobody sells maps here. (Applied without a human: rule 00000000-0000-7000-8000-000000000012, version 1, which serves the rule `spam` of the site.)",
          "incompatible_content_ground": "Spam (spam, version 1)",
          "incompatible_content_illegal": "No",
          "redress": "POST /api/v1/me/decisions/00000000-0000-7000-8000-000000000016/appeal: somebody else than whoever decided looks at it again, at no cost. You may also turn to a body that settles disputes out of court, or to a court.",
          "source_type": "SOURCE_VOLUNTARY"
        }
    "#]].assert_eq(&format!("{statement:#}\n"));
    let mails = site.app.mails().await;
    let told: Vec<_> = mails.iter().filter(|mail| mail.subject == "A decision about you").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(site.alice.get("/me/decisions").await.body["items"], json!([]));
    // The staff are exempt.
    assert_eq!(site.posts(&site.carol, SPAM).await.is(201).body["status"], "visible");
}

#[tokio::test]
async fn a9_what_rules_hide_or_point_out_comes_to_moderators_within_moments() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    let rule = watched.enforces("filter", json!({})).await;
    let (post, decision) = watched.filtered(SPAM).await;
    assert_eq!(made(&site.app).await, ["cases 0 reports 0 events 0 hits with 0 actions with 0 entries 0"]);
    mallory.send(Method::POST, "/mod/cases/next", None).await.is(204);
    assert_eq!(watched.verifies().await.unwrap().waiting, 1);
    assert_eq!(watched.works().await, 1);
    assert_eq!(made(&site.app).await, ["cases 1 reports 1 events 2 hits with 1 actions with 1 entries 1"]);
    let verified = watched.verifies().await.unwrap();
    assert_eq!((verified.waiting, verified.actions), (0, 1));
    let case = watched.case(&post).await;
    expect![[r#"
        {
          "actions": [
            {
              "actor": null,
              "actor_kind": "rule",
              "after": {
                "status": "hidden"
              },
              "automation": "full",
              "automation_rule": {
                "id": "00000000-0000-7000-8000-000000000012",
                "version": 1
              },
              "batch_id": null,
              "before": {
                "status": "visible"
              },
              "case_id": "00000000-0000-7000-8000-000000000017",
              "created_at": "2026-01-15T12:00:00Z",
              "ends_at": null,
              "explanation": "Nobody sells maps here. (Applied without a human: rule 00000000-0000-7000-8000-000000000012, version 1, which serves the rule `spam` of the site.)",
              "external_id": null,
              "id": "00000000-0000-7000-8000-000000000016",
              "kind": "hide",
              "reverted_by": null,
              "reverts": null,
              "rule": "spam",
              "rule_version": 1,
              "scope_topic_id": null,
              "strikes": 0,
              "subject": {
                "id": "00000000-0000-7000-8000-000000000014",
                "kind": "post"
              },
              "target": {
                "id": "00000000-0000-7000-8000-000000000006",
                "role": "member",
                "username": "bob"
              },
              "topic_id": "00000000-0000-7000-8000-000000000008"
            }
          ],
          "allowed_actions": [
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
          "assignee": null,
          "claim_expires_at": null,
          "content": {
            "revision": 1,
            "text": "Buy maps of Kent, cheap!",
            "topic_slug": "had-the-armada-landed-in-kent"
          },
          "events": [
            {
              "action_id": null,
              "actor": null,
              "appeal_id": null,
              "batch_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "from_state": null,
              "kind": "opened",
              "muted_until": null,
              "note": "The rule “Maps” (00000000-0000-7000-8000-000000000012, version 1).",
              "related_case_id": null,
              "resolution": null,
              "seq": 1,
              "tags": null,
              "to_state": "open"
            },
            {
              "action_id": "00000000-0000-7000-8000-000000000016",
              "actor": null,
              "appeal_id": null,
              "batch_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "from_state": "open",
              "kind": "acted",
              "muted_until": null,
              "note": "",
              "related_case_id": null,
              "resolution": null,
              "seq": 2,
              "tags": null,
              "to_state": "open"
            }
          ],
          "id": "00000000-0000-7000-8000-000000000017",
          "is_escalated": false,
          "moves": [
            "claim",
            "escalate",
            "resolve",
            "mute"
          ],
          "muted_until": null,
          "notes": [],
          "opened_at": "2026-01-15T12:00:00Z",
          "owner": {
            "id": "00000000-0000-7000-8000-000000000006",
            "role": "member",
            "username": "bob"
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
          "reporter_count": 0,
          "reports": [
            {
              "automation_rule": {
                "id": "00000000-0000-7000-8000-000000000012",
                "version": 1
              },
              "comment": "",
              "created_at": "2026-01-15T12:00:00Z",
              "id": "00000000-0000-7000-8000-000000000018",
              "is_muted": false,
              "is_trusted": false,
              "legal_notice": null,
              "outcome": null,
              "reporter": null,
              "rule": "spam",
              "rule_version": 1,
              "subject_revision": 1,
              "weight": 2.0
            }
          ],
          "resolution": null,
          "similar_cases": [],
          "sla_due_at": "2026-01-18T12:00:00Z",
          "state": "open",
          "subject": {
            "id": "00000000-0000-7000-8000-000000000014",
            "kind": "post"
          },
          "tags": [],
          "thread": [],
          "topic_id": "00000000-0000-7000-8000-000000000008",
          "updated_at": "2026-01-15T12:00:00Z"
        }
    "#]].assert_eq(&format!("{case:#}\n"));
    let hits = site.hits(&rule).await;
    assert_eq!((&hits[0]["did"], &hits[0]["case_id"]), (&json!("filtered"), &case["id"]));
    let next = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200);
    assert_eq!(next.body["id"], case["id"]);
    // Everybody can see that a rule did it, and whom nobody else is told.
    let log = site.app.guest().get("/modlog").await.is(200);
    expect![[r#"
        {
          "actor_kind": "rule",
          "automation": "full",
          "created_at": "2026-01-15T12:00:00Z",
          "ends_at": null,
          "id": "00000000-0000-7000-8000-000000000016",
          "kind": "hide",
          "reverted_by": null,
          "reverts": null,
          "rule": "spam",
          "rule_version": 1,
          "scope_topic_id": null,
          "subject": {
            "id": "00000000-0000-7000-8000-000000000014",
            "kind": "post"
          },
          "topic_id": "00000000-0000-7000-8000-000000000008"
        }
    "#]]
    .assert_eq(&format!("{:#}\n", log.body["items"][0]));
    assert_eq!(log.body["items"][0]["id"], decision);
    let report = site.app.guest().get("/transparency?period=2026-01").await.is(200).body;
    let counted = ["actions", "actions_by_actor", "actions_by_rule", "actions_by_source", "reports"];
    let counted = counted.map(|name| report[name].to_string()).join(" ");
    expect![[r#"
        {"hide":1} {"rule":1} {"spam":1} {"SOURCE_VOLUNTARY":1} {}
    "#]]
    .assert_eq(&format!("{counted}\n"));
    let carol = site.app.sign_in("carol").await;
    let filed = carol.get("/mod/transparency/statements?period=2026-01").await.is(200);
    let filed = &filed.body["items"][0];
    assert_eq!(
        json!([
            filed["puid"],
            filed["automated_detection"],
            filed["automated_decision"],
            filed["source_type"]
        ]),
        json!([decision, true, "AUTOMATED_DECISION_FULLY", "SOURCE_VOLUNTARY"])
    );
}

#[tokio::test]
async fn what_a_rule_points_out_stays_where_it_is_and_is_looked_at() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("queue", json!({})).await;
    let post = watched.posts(SPAM).await;
    let id = post["id"].as_str().unwrap();
    assert_eq!(post["status"], "visible");
    assert_eq!(watched.works().await, 1);
    assert_eq!(watched.status(id).await, "visible");
    assert_eq!(site.bob.get("/me/decisions").await.body["items"], json!([]));
    assert_eq!(made(&site.app).await, ["cases 1 reports 1 events 1 hits with 1 actions with 0 entries 0"]);
    let case = watched.case(id).await;
    assert_eq!((&case["state"], &case["actions"]), (&json!("open"), &json!([])));
    // What a person decides then was found by a rule, and says so.
    let upheld =
        json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [action("remove")] });
    let resolved = moves(mallory, case["id"].as_str().unwrap(), "resolve", Some(upheld)).await.is(200);
    assert_eq!(
        json!([
            resolved.body["actions"][0]["actor_kind"],
            resolved.body["actions"][0]["automation"],
            resolved.body["reports"][0]["outcome"]
        ]),
        json!(["human", "partial", "upheld"])
    );
    let decision = site.bob.get("/me/decisions").await.text("/items/0/id");
    let statement =
        site.bob.get(&format!("/me/decisions/{decision}")).await.is(200).body["statement"].clone();
    assert_eq!(
        json!([statement["source_type"], statement["automated_detection"], statement["automated_decision"]]),
        json!(["SOURCE_VOLUNTARY", true, "AUTOMATED_DECISION_PARTIALLY"])
    );
}

#[tokio::test]
async fn a_watched_rule_hides_nothing_and_asks_nobody() {
    let watched = Watched::new().await;
    let path = watched.enforces("filter", json!({})).await;
    watched.site.carol.patch(&path, json!({ "mode": "shadow" })).await.is(200);
    assert_eq!(watched.posts(SPAM).await["status"], "visible");
    assert_eq!(watched.works().await, 0);
    assert_eq!(
        made(&watched.site.app).await,
        ["cases 0 reports 0 events 0 hits with 0 actions with 0 entries 0"]
    );
    assert_eq!(watched.site.hits(&path).await[0]["did"], "nothing");
    assert_eq!(watched.site.bob.get("/me/decisions").await.body["items"], json!([]));
}

#[tokio::test]
async fn what_an_author_changes_is_judged_and_each_revision_once() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    let rule = watched.enforces("filter", json!({})).await;
    let post = watched.posts("The tides were wrong.").await["id"].as_str().unwrap().to_owned();
    let path = format!("/posts/{post}");
    let edited = site.bob.patch(&path, json!({ "body": SPAM })).await.is(200);
    assert_eq!((&edited.body["status"], &edited.body["revision"]), (&json!("hidden"), &json!(2)));
    assert_eq!(watched.status(&post).await, "hidden");
    let again = site.bob.with("if-match", "*").patch(&path, json!({ "body": "Better." })).await;
    again.is_problem(409, "post_hidden");
    assert_eq!(watched.works().await, 1);
    let first = site.bob.get("/me/decisions").await.text("/items/0/id");
    reverts(mallory, &first).await.is(200);
    assert_eq!(watched.status(&post).await, "visible");
    // Another revision is another matter.
    let edited = site.bob.patch(&path, json!({ "body": "Other maps, cheap!" })).await.is(200);
    assert_eq!(edited.body["status"], "hidden");
    assert_eq!(watched.works().await, 1);
    let case = watched.case(&post).await;
    let revisions: Vec<_> =
        case["reports"].as_array().unwrap().iter().map(|r| r["subject_revision"].clone()).collect();
    assert_eq!(revisions, [2, 3]);
    let hits = site.hits(&rule).await;
    let of = |i: usize| json!([hits[i]["trigger"], hits[i]["revision"], hits[i]["did"]]);
    assert_eq!(of(0), json!(["post_revised", 3, "filtered"]));
    assert_eq!(hits.as_array().unwrap().len(), 2);
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn when_enough_people_have_reported_a_post_it_is_hidden_and_comes_back_as_it_was() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", at_reports(2)).await;
    let post = watched.posts(SPAM).await["id"].as_str().unwrap().to_owned();
    site.alice.replies_to(&site.topic, &post, "Which maps?").await;
    site.alice.judges(&post, 1).await;
    mallory.judges(&post, -1).await;
    let guest = site.app.guest();
    let seen = async || {
        [
            guest.get(&format!("/posts/{post}")).await.is(200).body,
            guest.get(&format!("/topics/{}/thread?sort=best", site.topic)).await.is(200).body,
            guest.get(&format!("/topics/{}", site.topic)).await.is(200).body,
        ]
    };
    let before = seen().await;
    site.alice.reports("post", &post, "spam").await;
    assert_eq!((watched.works().await, watched.status(&post).await), (0, json!("visible")));
    let dora = site.app.member("dora").await;
    dora.reports("post", &post, "off_topic").await;
    assert_eq!(watched.status(&post).await, "hidden");
    assert_ne!(seen().await, before);
    let decision = site.bob.get("/me/decisions").await.text("/items/0/id");
    let statement =
        site.bob.get(&format!("/me/decisions/{decision}")).await.is(200).body["statement"].clone();
    assert_eq!(statement["source_type"], "SOURCE_TYPE_OTHER_NOTIFICATION");
    assert_eq!(watched.works().await, 1);
    let case = watched.case(&post).await;
    assert_eq!((&case["report_count"], &case["reporter_count"]), (&json!(3), &json!(2)));
    assert_eq!(reverts(mallory, &decision).await.is(200).body["automation_rule"], Value::Null);
    assert_eq!(seen().await, before, "votes, places and counts are as before");
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn rules_are_nobody_when_reports_are_counted() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    watched.enforces("queue", json!({})).await;
    watched.enforces("queue", json!({ "policy_rule": "off_topic" })).await;
    let nth = watched.enforces("filter", at_reports(2)).await;
    let post = watched.posts(SPAM).await["id"].as_str().unwrap().to_owned();
    assert_eq!(watched.works().await, 2);
    let case = watched.case(&post).await;
    // Together they weigh as much as the gravest.
    let counted = ["report_count", "reporter_count", "priority"].map(|name| case[name].clone());
    assert_eq!(counted, [json!(2), json!(0), json!(17)]);
    site.alice.reports("post", &post, "spam").await;
    assert_eq!(watched.status(&post).await, "visible");
    assert_eq!(site.hits(&nth).await, json!([]));
    site.app.member("dora").await.reports("post", &post, "spam").await;
    assert_eq!(watched.status(&post).await, "hidden");
}

#[tokio::test]
async fn two_rules_that_meet_a_post_hide_it_once_and_are_both_looked_at() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    let first = watched.enforces("filter", json!({})).await;
    let second = watched.enforces("filter", json!({ "name": "More maps", "policy_rule": "off_topic" })).await;
    let third = watched.enforces("queue", json!({ "name": "All maps" })).await;
    let (post, decision) = watched.filtered(SPAM).await;
    assert_eq!(site.bob.get("/me/decisions").await.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(watched.works().await, 3);
    assert_eq!(made(&site.app).await, ["cases 1 reports 3 events 4 hits with 3 actions with 1 entries 1"]);
    for rule in [&first, &second, &third] {
        assert_eq!(site.hits(rule).await[0]["case_id"], watched.case(&post).await["id"]);
    }
    reverts(mallory, &decision).await.is(200);
    assert_eq!(watched.status(&post).await, "visible");
}

#[tokio::test]
async fn who_appeals_before_the_case_is_there_opens_it_and_anybody_else_may_decide() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", json!({})).await;
    let mut fates = Vec::new();
    for (early, outcome) in [(true, "overturned"), (false, "overturned"), (true, "upheld")] {
        let (post, decision) = watched.filtered(SPAM).await;
        if !early {
            assert_eq!(watched.works().await, 1);
        }
        let appeal = site.bob.appeals(&decision).await;
        assert_eq!(watched.works().await, 0, "it was opened once");
        assert_eq!(watched.verifies().await.unwrap().waiting, 0);
        let case = watched.case(&post).await;
        let events: Vec<_> = case["events"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
        assert_eq!(events, ["opened", "acted", "appealed"]);
        let waiting = mallory.get(&format!("/mod/appeals/{appeal}")).await.is(200);
        assert_eq!((&waiting.body["decider"], &waiting.body["case_id"]), (&Value::Null, &case["id"]));
        decides(&site.alice, &appeal, outcome).await.is_problem(403, "not_allowed");
        decides(mallory, &appeal, outcome).await.is(200);
        fates.push((
            watched.status(&post).await,
            site.bob.get(&format!("/appeals/{appeal}")).await.body["outcome"].clone(),
        ));
    }
    let overturned = (json!("visible"), json!("overturned"));
    assert_eq!(fates, [overturned.clone(), overturned, (json!("hidden"), json!("upheld"))]);
    let report = site.app.guest().get("/transparency?period=2026-01").await.is(200).body;
    assert_eq!(
        json!([report["actions_by_actor"], report["reverted_by_actor"]]),
        json!([{ "rule": 3 }, { "rule": 2 }])
    );
}

#[tokio::test]
async fn taking_back_does_not_wait_for_the_case() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", json!({})).await;
    let (post, decision) = watched.filtered(SPAM).await;
    reverts(&site.alice, &decision).await.is_problem(403, "not_allowed");
    assert_eq!(made(&site.app).await, ["cases 0 reports 0 events 0 hits with 0 actions with 0 entries 0"]);
    reverts(mallory, &decision).await.is(200);
    assert_eq!(watched.status(&post).await, "visible");
    assert_eq!(watched.works().await, 0);
    assert_eq!(made(&site.app).await, ["cases 1 reports 1 events 3 hits with 1 actions with 2 entries 1"]);
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
    let log = site.app.guest().get("/modlog").await.is(200).body;
    assert_eq!(
        json!([log["items"][0]["actor_kind"], log["items"][0]["automation"], log["items"][1]["reverted_by"]]),
        json!(["human", "none", log["items"][0]["id"]])
    );
}

#[tokio::test]
async fn where_nothing_was_found_wrong_what_a_rule_hid_is_shown_again() {
    let watched = Watched::new().await;
    let Watched { mallory, .. } = &watched;
    watched.enforces("filter", json!({})).await;
    let mut fates = Vec::new();
    for resolution in ["rejected", "ignored", "upheld", "duplicate"] {
        let (post, _) = watched.filtered(SPAM).await;
        watched.works().await;
        let case = watched.case(&post).await["id"].as_str().unwrap().to_owned();
        let decision = json!({ "resolution": resolution, "note": "As the rule says." });
        let resolved = moves(mallory, &case, "resolve", Some(decision)).await.is(200);
        fates.push(format!(
            "{resolution} {} {}",
            watched.status(&post).await,
            resolved.body["actions"][0]["kind"]
        ));
    }
    expect![[r#"
        rejected "visible" "revert"
        ignored "visible" "revert"
        upheld "hidden" "hide"
        duplicate "hidden" "hide"
    "#]]
    .assert_eq(&(fates.join("\n") + "\n"));
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn what_people_have_decided_about_a_revision_no_rule_decides_again() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    let first = watched.enforces("filter", json!({})).await;
    let (post, decision) = watched.filtered(SPAM).await;
    reverts(mallory, &decision).await.is(200);
    // Put back, though the case is still open.
    let second = watched.enforces("filter", at_reports(1)).await;
    site.alice.reports("post", &post, "off_topic").await;
    assert_eq!(watched.status(&post).await, "visible");
    assert_eq!(site.hits(&second).await[0]["did"], "already_reviewed");
    let case = watched.case(&post).await["id"].as_str().unwrap().to_owned();
    let rejected = json!({ "resolution": "rejected", "note": "It is a museum." });
    moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
    // Decided, and reported anew by another rule: what is enforced by the same one is not.
    let third = watched.enforces("queue", at_reports(1)).await;
    let fourth =
        watched.enforces("queue", json!({ "triggers": { "nth_report": 1 }, "policy_rule": "hatred" })).await;
    site.app.member("dora").await.reports("post", &post, "hatred").await;
    assert_eq!(site.hits(&third).await[0]["did"], "already_reviewed");
    assert_eq!(site.hits(&fourth).await[0]["did"], "queued");
    assert_eq!(watched.works().await, 1);
    assert_eq!(site.hits(&first).await.as_array().unwrap().len(), 1);
    assert_eq!(site.hits(&third).await[0]["case_id"], Value::Null);
}

#[tokio::test]
async fn a_case_that_was_decided_meanwhile_is_not_opened_again_but_for_what_is_hidden() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    let mut states = Vec::new();
    for action in ["queue", "filter"] {
        let rule = watched.enforces(action, at_reports(1)).await;
        let post = watched.posts(SPAM).await["id"].as_str().unwrap().to_owned();
        site.alice.reports("post", &post, "spam").await;
        let case = watched.case(&post).await["id"].as_str().unwrap().to_owned();
        let rejected = json!({ "resolution": "rejected", "note": "It is a museum." });
        moves(mallory, &case, "resolve", Some(rejected)).await.is(200);
        assert_eq!(watched.works().await, 1);
        let case = watched.case(&post).await;
        states.push(format!(
            "{action}: {} {} {}",
            watched.status(&post).await,
            case["state"],
            case["reports"][1]["outcome"]
        ));
        site.carol.delete_as_read(&rule).await.is(200);
    }
    expect![[r#"
        queue: "visible" "resolved" "already_reviewed"
        filter: "hidden" "open" "rejected"
    "#]]
    .assert_eq(&(states.join("\n") + "\n"));
}

#[tokio::test]
async fn a9_work_that_breaks_off_has_done_nothing_and_nobody_who_posts_waits_for_it() {
    let watched = Watched::with("[database]\nlock_timeout_ms = 50\n").await;
    let Watched { site, .. } = &watched;
    watched.enforces("filter", json!({})).await;
    // The audit log comes last: all else of it was done when this fails.
    let mut writer = PgConnection::connect(site.app.database_url()).await.unwrap();
    query("SELECT pg_advisory_lock(hashtextextended('otherwise audit', 0))")
        .execute(&mut writer)
        .await
        .unwrap();
    let (post, decision) = watched.filtered(SPAM).await;
    open_cases_next(&site.app.app).await.unwrap_err();
    assert_eq!(made(&site.app).await, ["cases 0 reports 0 events 0 hits with 0 actions with 0 entries 0"]);
    let appeal = json!({ "text": "I sell nothing: the shop is a museum." });
    site.bob.post(&format!("/me/decisions/{decision}/appeal"), appeal).await.is_problem(503, "unavailable");
    assert_eq!(made(&site.app).await, ["cases 0 reports 0 events 0 hits with 0 actions with 0 entries 0"]);
    writer.close().await.unwrap();
    assert_eq!(watched.works().await, 1);
    assert_eq!(made(&site.app).await, ["cases 1 reports 1 events 2 hits with 1 actions with 1 entries 1"]);
    assert_eq!(watched.case(&post).await["state"], "open");
}

#[tokio::test]
async fn what_cannot_be_seen_to_holds_up_nothing_behind_it() {
    let watched = Watched::new().await;
    let app = &watched.site.app;
    let broken = watched.enforces("filter", json!({})).await;
    let (first, _) = watched.filtered(SPAM).await;
    watched.site.carol.with("if-match", "*").patch(&broken, json!({ "mode": "off" })).await.is(200);
    watched
        .enforces("filter", json!({ "name": "Ships", "when": { "pattern": { "pattern": "ships" } } }))
        .await;
    let (second, _) = watched.filtered("Buy ships in bottles!").await;
    // As no version can be: nobody could say what the rule was that met the first.
    app.sql(
        "ALTER TABLE automation_rule_version DISABLE TRIGGER USER;
         UPDATE automation_rule_version SET content = '{}' WHERE content->>'name' = 'Maps'",
    )
    .await
    .unwrap();
    assert!(open_cases_next(&app.app).await.unwrap());
    let subjects = "SELECT subject_post_id::text FROM moderation_case";
    assert_eq!(app.rows(subjects).await, [second]);
    open_cases_next(&app.app).await.unwrap_err();
    assert_eq!(watched.status(&first).await, "hidden", "and is still to be looked at");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_servers_each_case_is_opened_by_one() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", json!({})).await;
    watched.enforces("queue", json!({})).await;
    let mut decisions = Vec::new();
    for i in 0..6 {
        decisions.push(watched.filtered(&format!("{SPAM} {i}")).await.1);
    }
    let mut at_once = JoinSet::new();
    for _ in 0..4 {
        let app = site.app.app.clone();
        at_once.spawn(async move {
            // Whoever gives way to another one tries again, as the worker does.
            for _ in 0..50 {
                match open_cases_next(&app).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => assert_eq!(error.code.name(), "unavailable"),
                }
            }
        });
    }
    for decision in &decisions[..3] {
        let (bob, decision) = (site.bob.clone(), decision.clone());
        at_once.spawn(async move { drop(bob.appeals(&decision).await) });
    }
    for decision in &decisions[3..] {
        let (mallory, decision) = (mallory.clone(), decision.clone());
        at_once.spawn(async move { drop(reverts(&mallory, &decision).await.is(200)) });
    }
    at_once.join_all().await;
    watched.works().await;
    // Opened or reported twice, acted once; half of them appealed against, half taken back.
    let whole = ["cases 6 reports 12 events 24 hits with 12 actions with 9 entries 6"];
    assert_eq!(made(&site.app).await, whole);
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_edits_replies_votes_and_reports_at_once_as_a_rule_hides_waits_for_nobody_for_ever() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", json!({})).await;
    watched.enforces("filter", at_reports(1)).await;
    for round in 0..4 {
        let post = watched.posts("The tides were wrong.").await["id"].as_str().unwrap().to_owned();
        let mut at_once = JoinSet::new();
        for i in 0..4 {
            let (who, topic, post) =
                ([&site.alice, mallory][i % 2].clone(), site.topic.clone(), post.clone());
            at_once.spawn(async move {
                let reply = json!({ "body": "Which tides?", "parent_id": post });
                let replied = who.post(&format!("/topics/{topic}/posts"), reply).await.status;
                let vote = who.put(&format!("/posts/{post}/vote"), json!({ "quality": 1 })).await.status;
                let report = json!({ "subject": { "kind": "post", "id": post }, "rule": "off_topic" });
                vec![replied, vote, who.post("/reports", report).await.status]
            });
        }
        let (bob, path) = (site.bob.with("if-match", "*"), format!("/posts/{post}"));
        at_once.spawn(async move { vec![bob.patch(&path, json!({ "body": SPAM })).await.status] });
        let statuses = at_once.join_all().await.concat();
        assert!(statuses.iter().all(|status| [200, 201, 409].contains(status)), "{round}: {statuses:?}");
        assert_eq!(watched.status(&post).await, "hidden");
    }
    watched.works().await;
    let shown = "SELECT post_count::text FROM topic_activity UNION ALL
                 SELECT count(*)::text FROM post WHERE is_shown(status)";
    let counted = site.app.rows(shown).await;
    assert_eq!(counted[0], counted[1]);
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn a_rule_of_the_site_that_was_retired_is_named_as_it_held() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    let of_site = |version: i32, is_retired: bool| {
        json!({
            "code": "maps", "version": version, "title": "No maps", "body": "Maps are sold elsewhere.", "severity": 1,
            "strikes": 0, "category": "STATEMENT_CATEGORY_SCAMS_AND_FRAUD", "is_retired": is_retired,
        })
    };
    site.carol.post("/mod/rules", of_site(1, false)).await.is(201);
    let path = watched.enforces("filter", json!({ "policy_rule": "maps" })).await;
    site.carol.post("/mod/rules", of_site(2, true)).await.is(201);
    let (post, decision) = watched.filtered(SPAM).await;
    let decided = site.bob.get(&format!("/me/decisions/{decision}")).await.is(200).body;
    assert_eq!(
        json!([
            decided["rule"],
            decided["rule_version"],
            decided["statement"]["incompatible_content_ground"]
        ]),
        json!(["maps", 1, "No maps (maps, version 1)"])
    );
    // Nor does it matter that the rule of automatic moderation was given up before anybody looked.
    site.carol.delete_as_read(&path).await.is(200);
    assert_eq!(watched.works().await, 1);
    assert_eq!(watched.case(&post).await["reports"][0]["rule_version"], 1);
    let new = watched.site.rule(json!({ "action": "filter" })).await;
    site.carol
        .patch(&new, json!({ "policy_rule": "maps" }))
        .await
        .refuses(&[("policy_rule", "unknown_rule")]);
}

#[tokio::test]
async fn a9_the_database_lets_no_rule_do_more_than_hide() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    watched.enforces("filter", json!({})).await;
    let (post, decision) = watched.filtered(SPAM).await;
    watched.works().await;
    let refuses = async |constraint: &str, statement: &str| site.app.refuses_sql(constraint, statement).await;
    for harsher in [
        r#"{"kind": "remove"}"#,
        r#"{"kind": "ban"}"#,
        r#"{"strikes": 1}"#,
        r#"{"automation": "none"}"#,
        r#"{"after_image": {"status": "removed"}}"#,
    ] {
        let statement = format!(
            "INSERT INTO mod_action SELECT (jsonb_populate_record(a, '{harsher}' || jsonb_build_object(
                 'id', gen_random_uuid()))).* FROM mod_action a"
        );
        refuses("mod_action_rules_only_hide", &statement).await;
    }
    let nobodys = "INSERT INTO mod_action SELECT (jsonb_populate_record(a, jsonb_build_object(
                       'id', gen_random_uuid(), 'rule_hit_id', NULL))).* FROM mod_action a";
    refuses("mod_action_by_rule", nobodys).await;
    let again = "INSERT INTO mod_action SELECT (jsonb_populate_record(a, jsonb_build_object(
                     'id', gen_random_uuid()))).* FROM mod_action a";
    refuses("mod_action_rule_hit_key", again).await;
    refuses("mod_action_is_fixed", "UPDATE mod_action SET case_id = NULL").await;
    refuses("rule_hit_is_fixed", "UPDATE rule_hit SET case_id = NULL").await;
    refuses("report_by_one", "UPDATE report SET reporter_id = (SELECT author_id FROM post LIMIT 1)").await;
    // An entry that is not there is told from one that is still to come.
    watched.verifies().await.unwrap();
    let (_, next) = watched.filtered("More maps").await;
    assert_eq!(watched.verifies().await.unwrap().waiting, 1);
    let case = watched.case(&post).await["id"].clone();
    site.app
        .sql(&format!("UPDATE mod_action SET case_id = {case} WHERE case_id IS NULL").replace('"', "'"))
        .await
        .unwrap();
    assert_eq!(
        watched.verifies().await,
        Err(format!("the action {next} was never recorded in the audit log"))
    );
    assert_ne!(next, decision);
}

#[tokio::test]
async fn d2_what_a_rule_did_goes_into_the_copy_and_is_moot_when_the_post_is_erased() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    watched.enforces("filter", json!({})).await;
    let (post, decision) = watched.filtered(SPAM).await;
    site.bob.send(Method::POST, "/me/export", None).await.is(202);
    while own_data_next(&site.app.app).await.unwrap() {}
    let copy = site.bob.get("/me/export/file").await.is(200).body;
    let decided = copy["decisions"].as_array().unwrap();
    assert_eq!((decided.len(), &decided[0]["id"]), (1, &json!(decision)));
    site.bob.post("/me/erasure", json!({ "password": PASSWORD, "erase_posts": true })).await.is(202);
    site.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&site.app.app).await.unwrap() {}
    assert_eq!(watched.works().await, 1);
    let case = watched.case(&post).await;
    assert_eq!(
        json!([
            case["state"],
            case["resolution"],
            case["reports"][0]["outcome"],
            case["actions"][0]["explanation"]
        ]),
        json!(["resolved", "moot", "moot", ""])
    );
    assert_eq!(watched.verifies().await.unwrap().waiting, 0);
}

#[tokio::test]
async fn overturning_what_somebody_did_beside_a_rule_restores_what_the_rule_hid() {
    let watched = Watched::new().await;
    let Watched { site, mallory } = &watched;
    watched.enforces("filter", json!({})).await;
    let (post, hidden) = watched.filtered(SPAM).await;
    watched.works().await;
    let case = watched.case(&post).await["id"].as_str().unwrap().to_owned();
    let remove =
        json!({ "kind": "remove", "rule": "spam", "explanation": "It advertises a shop, and nothing else." });
    let upheld = json!({ "resolution": "upheld", "note": "A shop.", "actions": [remove] });
    let upheld = moves(mallory, &case, "resolve", Some(upheld)).await.is(200);
    let removed = upheld.text("/actions/0/id");
    // Whoever found the rule right decided what it had done, and leaves it to others.
    let of_rule = site.bob.appeals(&hidden).await;
    decides(mallory, &of_rule, "upheld").await.is_problem(403, "own_decision");
    let appeal = site.bob.appeals(&removed).await;
    decides(&site.carol, &appeal, "overturned").await.is(200);
    assert_eq!(watched.status(&post).await, "visible");
    assert_eq!(watched.case(&post).await["state"], "appealed", "another appeal waits");
    decides(&site.carol, &of_rule, "overturned").await.is(200);
    assert_eq!(watched.case(&post).await["resolution"], "rejected");
}

#[tokio::test]
async fn a_rule_waits_for_so_many_people_and_notices_without_one_are_none() {
    let watched = Watched::new().await;
    let Watched { site, .. } = &watched;
    let nth = watched.enforces("filter", at_reports(2)).await;
    let post = watched.posts(SPAM).await["id"].as_str().unwrap().to_owned();
    let notice = |name: &str| {
        json!({
            "subject": { "kind": "post", "id": post }, "explanation": "It copies my book, line by line.",
            "legal_ground": "Copyright Act, section 16", "name": name, "email": "ann@example.org", "good_faith": true,
        })
    };
    let guest = site.app.guest();
    for name in ["Ann Author", "Another Author"] {
        guest.post("/legal-notices", notice(name)).await.is(201);
    }
    site.alice.reports("post", &post, "spam").await;
    assert_eq!(watched.status(&post).await, "visible");
    // Of those who have accounts, a notice counts as a report does, at the next of these.
    let dora = site.app.member("dora").await;
    dora.post("/legal-notices", notice("Dora")).await.is(201);
    assert_eq!(watched.status(&post).await, "visible");
    site.app.member("erin").await.reports("post", &post, "spam").await;
    assert_eq!(watched.status(&post).await, "hidden");
    assert_eq!(site.hits(&nth).await.as_array().unwrap().len(), 1);
}
