//! Rules by which posts are judged without a human: made, tried out, watched, enforced; and the sets they look into.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::own_data_next;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, PASSWORD, Reply, TestApp};

/// A site with a topic, and carol who writes its rules.
pub struct Site {
    pub app: TestApp,
    pub carol: Client,
    pub alice: Client,
    pub bob: Client,
    pub topic: String,
}

impl Site {
    pub async fn new() -> Self {
        Self::with("").await
    }

    pub async fn with(settings: &str) -> Self {
        let app = TestApp::with(settings).await;
        let carol = app.administrator("carol").await;
        let (alice, bob) = (app.member("alice").await, app.member("bob").await);
        let topic = alice.opens_topic("Had the Armada landed in Kent").await;
        Self { app, carol, alice, bob, topic }
    }

    /// Makes a rule that differs from the usual one, and gives its path.
    pub async fn rule(&self, changes: Value) -> String {
        let made = self.carol.post("/mod/automation-rules", rule(changes)).await.is(201);
        format!("/mod/automation-rules/{}", made.text("/id"))
    }

    /// Makes a set of these values, and gives its identifier.
    pub async fn set(&self, name: &str, kind: &str, values: &[&str]) -> String {
        let set = self.carol.post("/mod/sets", json!({ "name": name, "kind": kind })).await.is(201);
        let id = set.text("/id");
        let values: Vec<_> = values.iter().map(|value| json!({ "value": value })).collect();
        self.carol.post(&format!("/mod/sets/{id}/values"), json!({ "values": values })).await.is(200);
        id
    }

    pub async fn hits(&self, rule: &str) -> Value {
        // Tokens end before some of these stories do.
        let carol = self.app.sign_in("carol").await;
        carol.get(&format!("{rule}/hits")).await.is(200).body["items"].clone()
    }

    pub async fn try_out(&self, rule: &str, last: i64) -> Reply {
        self.carol.post(&format!("{rule}/test"), json!({ "last": last })).await
    }

    pub async fn posts(&self, who: &Client, body: &str) -> Reply {
        who.post(&format!("/topics/{}/posts", self.topic), json!({ "body": body })).await
    }

    /// Has a rule enforced, after a trial.
    pub async fn enforces(&self, rule: &str) {
        self.try_out(rule, 10).await.is(200);
        self.carol.patch(rule, json!({ "mode": "enforce" })).await.is(200);
    }
}

/// A rule that watches for links, with some of it changed.
fn rule(changes: Value) -> Value {
    let mut rule = json!({
        "name": "Links of newcomers",
        "explanation": "New accounts link to two places at most.",
        "policy_rule": "spam",
        "triggers": { "post_created": true, "post_revised": true },
        "when": { "all": [{ "links": { "at_least": 3 } }, { "author_age_days": { "at_most": 2 } }] },
        "action": "queue",
        "mode": "shadow",
    });
    rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rule
}

/// A rule by which nobody posts more often than that.
fn limit(posts_per_hour: u32) -> Value {
    json!({
        "name": "Slow down", "explanation": "Newcomers post slowly, so that others can answer.",
        "triggers": { "post_created": true }, "when": { "trust_level": { "at_most": 1 } },
        "action": { "rate_limit": { "posts_per_hour": posts_per_hour } },
    })
}

const THREE_LINKS: &str = "See https://a.example, https://b.example and https://c.example.";

#[tokio::test]
async fn a_rule_in_shadow_notes_what_it_would_do_and_does_nothing() {
    let site = Site::new().await;
    let made = site.carol.post("/mod/automation-rules", rule(json!({}))).await.is(201);
    let id = made.text("/id");
    let path = format!("/mod/automation-rules/{id}");
    assert_eq!(made.header("location"), Some(format!("/api/v1{path}").as_str()));
    assert_eq!(made.header("cache-control"), Some("no-store"));
    expect![[r#"
        {
          "action": "queue",
          "created_at": "2026-01-15T12:00:00Z",
          "exempt": {
            "staff": true,
            "trust_level": null
          },
          "explanation": "New accounts link to two places at most.",
          "id": "00000000-0000-7000-8000-00000000000f",
          "made_by": {
            "id": "00000000-0000-7000-8000-000000000001",
            "role": "administrator",
            "username": "carol"
          },
          "mode": "shadow",
          "name": "Links of newcomers",
          "policy_rule": "spam",
          "retired_at": null,
          "trial": null,
          "triggers": {
            "nth_report": null,
            "post_created": true,
            "post_revised": true,
            "signed_up": false,
            "vote_burst": false
          },
          "updated_at": "2026-01-15T12:00:00Z",
          "version": 1,
          "when": {
            "all": [
              {
                "links": {
                  "at_least": 3
                }
              },
              {
                "author_age_days": {
                  "at_most": 2
                }
              }
            ]
          }
        }
    "#]]
    .assert_eq(&format!("{:#}\n", made.body));
    assert_eq!(site.carol.get(&path).await.is(200).body, made.body);

    let post = site.posts(&site.bob, THREE_LINKS).await.is(201).text("/id");
    site.posts(&site.bob, "No link at all.").await.is(201);
    site.bob
        .patch(&format!("/posts/{post}"), json!({ "body": format!("{THREE_LINKS} Really.") }))
        .await
        .is(200);
    // What changes nothing is not judged again.
    site.bob
        .patch(&format!("/posts/{post}"), json!({ "body": format!("{THREE_LINKS} Really.") }))
        .await
        .is(200);
    // The staff are exempt.
    site.posts(&site.carol, THREE_LINKS).await.is(201);
    site.app.guest().get(&format!("/posts/{post}")).await.is(200);
    let hits = site.carol.get(&format!("{path}/hits")).await.is(200);
    expect![[r#"
        {
          "items": [
            {
              "author": null,
              "case_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "did": "nothing",
              "id": "00000000-0000-7000-8000-000000000013",
              "mode": "shadow",
              "post_id": "00000000-0000-7000-8000-000000000010",
              "reasons": [
                {
                  "condition": "when.all[0].links",
                  "number": 3
                },
                {
                  "condition": "when.all[1].author_age_days",
                  "number": 0
                }
              ],
              "revision": 2,
              "trigger": "post_revised",
              "version": 1,
              "would_do": "queue"
            },
            {
              "author": null,
              "case_id": null,
              "created_at": "2026-01-15T12:00:00Z",
              "did": "nothing",
              "id": "00000000-0000-7000-8000-000000000011",
              "mode": "shadow",
              "post_id": "00000000-0000-7000-8000-000000000010",
              "reasons": [
                {
                  "condition": "when.all[0].links",
                  "number": 3
                },
                {
                  "condition": "when.all[1].author_age_days",
                  "number": 0
                }
              ],
              "revision": 1,
              "trigger": "post_created",
              "version": 1,
              "would_do": "queue"
            }
          ],
          "next": null
        }
    "#]]
    .assert_eq(&format!("{:#}\n", hits.body));
}

#[tokio::test]
async fn an_enforced_limit_refuses_and_says_until_when_and_why() {
    let site = Site::new().await;
    let path = site.rule(limit(2)).await;
    for _ in 0..3 {
        site.posts(&site.bob, "In shadow nothing is refused.").await.is(201);
    }
    assert_eq!(site.hits(&path).await.as_array().unwrap().len(), 1);
    site.enforces(&path).await;
    let refused = site.posts(&site.bob, "One more.").await.is_problem(429, "limited_by_rule");
    assert_eq!(refused.header("retry-after"), Some("3601"));
    let detail = refused.text("/detail");
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(
        detail,
        format!(
            "Newcomers post slowly, so that others can answer. (Applied without a human: rule {id}, version 1, which \
             serves the rule `spam` of the site.)"
        )
    );
    // Nothing of it is there but that it was refused.
    let count = "SELECT count(*)::text FROM post WHERE body = 'One more.'";
    assert_eq!(site.app.rows(count).await, ["0"]);
    let hits = site.hits(&path).await;
    assert_eq!(hits.as_array().unwrap().len(), 2);
    assert_eq!(
        json!([hits[0]["did"], hits[0]["post_id"], hits[0]["author"]["username"], hits[1]["did"]]),
        json!(["refused", null, "bob", "nothing"])
    );
    // It is for each by themselves; who posted enough for more trust is not met.
    site.posts(&site.alice, "Mine.").await.is(201);
    site.app.sql("UPDATE account SET trust_level = 2 WHERE username = 'bob'").await.unwrap();
    site.posts(&site.bob, "Trusted.").await.is(201);
    site.app.sql("UPDATE account SET trust_level = 0 WHERE username = 'bob'").await.unwrap();
    // Deleting makes no room; an hour does.
    let mine = site
        .app
        .rows("SELECT p.id::text FROM post p JOIN account a ON a.id = p.author_id WHERE a.username = 'bob'")
        .await;
    for post in &mine {
        site.bob.delete_as_read(&format!("/posts/{post}")).await.is(200);
    }
    site.posts(&site.bob, "Again.").await.is_problem(429, "limited_by_rule");
    site.app.app.clock.advance(TimeDelta::hours(1));
    let bob = site.app.sign_in("bob").await;
    site.posts(&bob, "Again.").await.is(201);
}

#[tokio::test]
async fn the_first_post_after_a_change_is_judged_by_it_on_every_server() {
    let site = Site::new().await;
    let beside = site.app.another("").await;
    let mut bob = site.bob.clone();
    bob.server = beside;
    let path = site.rule(limit(1)).await;
    site.posts(&bob, "First.").await.is(201);
    site.posts(&bob, "Second.").await.is(201);
    site.try_out(&path, 10).await.is(200);
    for _ in 0..3 {
        site.carol.patch(&path, json!({ "mode": "enforce" })).await.is(200);
        site.posts(&bob, "No.").await.is_problem(429, "limited_by_rule");
        site.posts(&site.bob, "No.").await.is_problem(429, "limited_by_rule");
        site.carol.patch(&path, json!({ "mode": "off" })).await.is(200);
        site.posts(&bob, "Yes.").await.is(201);
    }
    site.carol.patch(&path, json!({ "mode": "enforce" })).await.is(200);
    site.carol.delete_as_read(&path).await.is(200);
    site.posts(&bob, "Retired.").await.is(201);
    site.posts(&site.bob, "Retired.").await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_posts_at_once_as_many_are_made_as_a_limit_lets_through() {
    let site = Site::new().await;
    let path = site.rule(limit(3)).await;
    site.enforces(&path).await;
    let mut topics = vec![site.topic.clone()];
    for where_else in ["Ireland", "Wales", "Cornwall"] {
        topics.push(site.alice.opens_topic(&format!("Had the Armada landed in {where_else}")).await);
    }
    let mut posting = JoinSet::new();
    for i in 0..16 {
        let (bob, topic) = (site.bob.clone(), topics[i % topics.len()].clone());
        posting.spawn(async move {
            bob.post(&format!("/topics/{topic}/posts"), json!({ "body": format!("Number {i}.") }))
                .await
                .status
        });
    }
    let statuses = posting.join_all().await;
    let count = |status: u16| statuses.iter().filter(|got| **got == status).count();
    assert_eq!((count(201), count(429)), (3, 13), "{statuses:?}");
    assert_eq!(site.app.rows("SELECT count(*)::text FROM rule_hit WHERE did = 'refused'").await, ["13"]);
}

#[tokio::test]
async fn a_rule_is_enforced_after_a_trial_of_the_very_version() {
    let site = Site::new().await;
    let path = site.rule(limit(2)).await;
    let enforce = json!({ "mode": "enforce" });
    site.carol.patch(&path, enforce.clone()).await.is_problem(409, "trial_needed");
    site.try_out(&path, 100).await.is(200);
    // Another version was not tried, nor is one that is made together with the switch.
    site.carol.patch(&path, json!({ "name": "Slower still" })).await.is(200);
    site.carol.patch(&path, enforce.clone()).await.is_problem(409, "trial_needed");
    let both = json!({ "mode": "enforce", "name": "Slowest" });
    site.try_out(&path, 100).await.is(200);
    site.carol.patch(&path, both).await.is_problem(409, "trial_needed");
    // A trial is good for a day.
    site.app.app.clock.advance(TimeDelta::hours(24) + TimeDelta::seconds(1));
    let carol = site.app.sign_in("carol").await;
    carol.patch(&path, enforce.clone()).await.is_problem(409, "trial_needed");
    carol.post(&format!("{path}/test"), json!({ "last": 1 })).await.is(200);
    let enforced = carol.patch(&path, enforce.clone()).await.is(200);
    assert_eq!((&enforced.body["mode"], &enforced.body["version"]), (&json!("enforce"), &json!(2)));
    // It stays enforced; what it says is changed together with its mode.
    carol.patch(&path, json!({ "name": "Faster" })).await.is_problem(409, "trial_needed");
    let changed = carol.patch(&path, json!({ "name": "Faster", "mode": "shadow" })).await.is(200);
    assert_eq!((&changed.body["mode"], &changed.body["version"]), (&json!("shadow"), &json!(3)));
    assert_eq!(changed.body["trial"], Value::Null);
    // To be made so is to be made without a trial.
    let mut made_so = limit(2);
    made_so["mode"] = json!("enforce");
    carol.post("/mod/automation-rules", rule(made_so)).await.is_problem(409, "trial_needed");
}

#[tokio::test]
async fn a_trial_says_how_many_posts_of_how_many_people_it_would_meet() {
    let site = Site::new().await;
    for i in 0..25 {
        let who = if i % 2 == 0 { &site.alice } else { &site.bob };
        site.posts(who, &format!("{THREE_LINKS} {i}")).await.is(201);
        site.posts(who, &format!("Nothing {i}")).await.is(201);
    }
    let path = site.rule(json!({ "mode": "off" })).await;
    let trial = site.try_out(&path, 10_000).await.is(200);
    assert_eq!(
        json!([trial.body["posts"], trial.body["matched"], trial.body["authors"], trial.body["is_complete"]]),
        json!([50, 25, 2, true])
    );
    let samples = trial.body["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 20);
    assert_eq!(samples[19]["author"]["username"], "alice");
    assert_eq!(
        samples[19]["reasons"],
        json!([
            { "condition": "when.all[0].links", "number": 3 },
            { "condition": "when.all[1].author_age_days", "number": 0 },
        ])
    );
    let read = site.carol.get(&path).await.is(200);
    assert_eq!(read.body["trial"]["matched"], 25);
    // Only so many of the last ones.
    assert_eq!(site.try_out(&path, 7).await.is(200).body["posts"], 7);
    assert_eq!(site.hits(&path).await, json!([]), "nothing was met, and nothing done");
    // Limits and near duplicates are judged as the posts came.
    let limited = site.rule(limit(20)).await;
    assert_eq!(site.try_out(&limited, 50).await.is(200).body["matched"], 50 - 40);
    let near = json!({ "near_duplicates": { "posts": 3, "accounts": 2, "hours": 1 } });
    let near = site.rule(json!({ "when": near })).await;
    // All links are the same to it, and so are all digits: from the third on.
    assert_eq!(site.try_out(&near, 50).await.is(200).body["matched"], 23);
    for wrong in [0, -1, 10_001] {
        site.try_out(&path, wrong).await.refuses(&[("last", "out_of_range")]);
    }
}

#[tokio::test]
async fn a_trial_that_did_not_get_to_all_posts_counts_for_nothing() {
    let app = TestApp::with("[automation]\ntrial_ms = 1").await;
    let carol = app.administrator("carol").await;
    let topic = carol.opens_topic("Had the Armada landed in Kent").await;
    for i in 0..3 {
        carol.posts_in(&topic, &format!("{} {i}", "Much to read. ".repeat(700))).await;
    }
    let made = carol.post("/mod/automation-rules", rule(limit(1))).await.is(201);
    let path = format!("/mod/automation-rules/{}", made.text("/id"));
    let trial = carol.post(&format!("{path}/test"), json!({ "last": 3 })).await.is(200);
    assert_eq!(trial.body["is_complete"], false);
    carol.patch(&path, json!({ "mode": "enforce" })).await.is_problem(409, "trial_needed");
}

#[tokio::test]
async fn l8_hostile_patterns_are_refused_by_name_and_place() {
    let site = Site::new().await;
    let with = |pattern: &str| rule(json!({ "when": { "any": [{ "pattern": { "pattern": pattern } }] } }));
    for (pattern, code) in [
        ("(?=a)b", "needs_backtracking"),
        (r"(a)\1", "needs_backtracking"),
        ("a{1000}{1000}", "pattern_too_large"),
        (r"\w{900}", "pattern_too_large"),
        ("(", "not_a_pattern"),
        (&"(".repeat(400), "not_a_pattern"),
        (&"a".repeat(501), "too_long"),
        ("", "blank"),
    ] {
        let refused = site.carol.post("/mod/automation-rules", with(pattern)).await;
        refused.refuses(&[("when.any[0].pattern.pattern", code)]);
    }
    let told = site.carol.post("/mod/automation-rules", with(r"spam (\w+) \1")).await;
    let told = told.body["errors"][0]["detail"].as_str().unwrap();
    assert!(told.starts_with(r"At character 12, `\1` is a back-reference"), "{told}");
    // What takes other engines for ever is taken, and posts are made as ever.
    let path = format!(
        "/mod/automation-rules/{}",
        site.carol.post("/mod/automation-rules", with("(a+)+$")).await.is(201).text("/id")
    );
    site.posts(&site.bob, &format!("{}!", "a".repeat(9_999))).await.is(201);
    site.posts(&site.bob, &"a".repeat(10_000)).await.is(201);
    assert_eq!(site.hits(&path).await[0]["reasons"][0]["end"], 10_000);
}

#[tokio::test]
async fn rules_are_read_strictly() {
    let site = Site::new().await;
    let mut nested = json!({ "tag": "armada" });
    for _ in 0..6 {
        nested = json!({ "not": nested });
    }
    let set = site.set("Words", "words", &["spam"]).await;
    let no_set = "0198c5f0-0000-7000-8000-00000000dead";
    for (changes, refused) in [
        (json!({ "when": {} }), ("when", "wrong_type")),
        (json!({ "when": { "links": [3, null] } }), ("when.links", "wrong_type")),
        (json!({ "when": { "links": {} } }), ("when.links", "missing")),
        (json!({ "when": { "links": { "at_least": -1 } } }), ("when.links.at_least", "wrong_type")),
        (json!({ "when": { "links": { "at_least": 1 }, "tag": "armada" } }), ("when", "wrong_type")),
        (json!({ "when": { "password": "x" } }), ("when", "unknown_value")),
        (json!({ "when": { "all": [] } }), ("when.all", "out_of_range")),
        (json!({ "when": nested }), ("when.not.not.not.not.not", "too_deep")),
        (json!({ "when": { "word_of": no_set } }), ("when.word_of", "unknown_id")),
        (json!({ "when": { "not": { "domain_of": set } } }), ("when.not.domain_of", "wrong_kind")),
        (json!({ "triggers": {} }), ("triggers", "missing")),
        (json!({ "triggers": { "nth_report": 0 } }), ("triggers.nth_report", "out_of_range")),
        (json!({ "action": "ban" }), ("action", "unknown_value")),
        (json!({ "action": "purge" }), ("action", "unknown_value")),
        (json!({ "policy_rule": "no_such_rule" }), ("policy_rule", "unknown_rule")),
        (json!({ "explanation": "Short" }), ("explanation", "too_short")),
        (json!({ "version": 7 }), ("version", "unknown_field")),
        (json!({ "mode": "on" }), ("mode", "unknown_value")),
    ] {
        let reply = site.carol.post("/mod/automation-rules", rule(changes.clone())).await;
        let first = &reply.body["errors"][0];
        assert_eq!(
            (reply.status, first["field"].as_str(), first["code"].as_str()),
            (422, Some(refused.0), Some(refused.1)),
            "{changes}: {:#}",
            reply.body
        );
    }
    assert_eq!(site.app.rows("SELECT count(*)::text FROM automation_rule").await, ["0"]);
}

#[tokio::test]
async fn l7_an_edit_names_the_version_it_edits_and_what_was_retired_stays_so() {
    let site = Site::new().await;
    let path = site.rule(json!({})).await;
    let body = json!({ "name": "Another name" }).to_string().into_bytes();
    let patch = async |who: &Client| who.send(Method::PATCH, &path, Some(body.clone())).await;
    patch(&site.carol).await.is_problem(428, "precondition_required");
    let stale = site.carol.get(&path).await.header("etag").unwrap().to_owned();
    site.carol.patch(&path, json!({ "mode": "off" })).await.is(200);
    patch(&site.carol.with("if-match", &stale)).await.is_problem(412, "precondition_failed");
    site.carol.with("if-match", &stale).delete(&path).await.is_problem(412, "precondition_failed");
    // Of many at once one is made.
    let fresh = site.carol.get(&path).await.header("etag").unwrap().to_owned();
    let mut editing = JoinSet::new();
    for i in 0..8 {
        let (carol, path) = (site.carol.with("if-match", &fresh), path.clone());
        let edit = json!({ "name": format!("Name {i}") }).to_string().into_bytes();
        editing.spawn(async move { carol.send(Method::PATCH, &path, Some(edit)).await.status });
    }
    let statuses = editing.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 7, "{statuses:?}");
    let versions = "SELECT number::text FROM automation_rule_version ORDER BY number";
    assert_eq!(site.app.rows(versions).await, ["1", "2"]);

    let retired = site.carol.delete_as_read(&path).await.is(200);
    assert_eq!((&retired.body["mode"], retired.body["retired_at"].is_string()), (&json!("off"), true));
    site.carol.patch(&path, json!({ "mode": "shadow" })).await.is_problem(409, "invalid_state_transition");
    site.carol.delete_as_read(&path).await.is_problem(409, "invalid_state_transition");
    let names = async |query: &str| {
        let list = site.carol.get(&format!("/mod/automation-rules?{query}")).await.is(200);
        list.body["items"].as_array().unwrap().len()
    };
    assert_eq!((names("").await, names("retired=true").await), (0, 1));
}

#[tokio::test]
async fn sets_are_looked_into_from_the_next_post_on() {
    let site = Site::new().await;
    let words = site.set("Bad words", "words", &["Spam", "cheap  MAPS"]).await;
    let domains = site.set("Bad places", "domains", &["Example.com", "b\u{fc}cher.example."]).await;
    let rule = site
        .rule(json!({ "when": { "any": [{ "word_of": words }, { "domain_of": domains }] }, "triggers": { "post_created": true } }))
        .await;
    let met = async |body: &str| {
        let before = site.hits(&rule).await.as_array().unwrap().len();
        site.posts(&site.bob, body).await.is(201);
        site.hits(&rule).await.as_array().unwrap().len() > before
    };
    assert!(met("This is SPAM.").await);
    assert!(met("Cheap, maps!").await);
    assert!(met("At https://shop.example.com/x").await);
    assert!(!met("At https://attacker-example.com/x").await);
    assert!(!met("Spammers, cheapest maps.").await);

    let path = format!("/mod/sets/{words}/values");
    let read = site.carol.get(&path).await.is(200);
    assert_eq!(
        read.body["items"].as_array().unwrap().iter().map(|item| item["value"].clone()).collect::<Vec<_>>(),
        ["cheap maps", "spam"]
    );
    let soon = json!({ "values": [{ "value": "Tulips", "expires_at": "2026-01-15T12:05:00Z" }] });
    let set = site.carol.post(&path, soon).await.is(200);
    assert_eq!(set.body["value_count"], 3);
    assert!(met("Tulips for sale").await);
    site.app.app.clock.advance(TimeDelta::minutes(5));
    assert!(!met("Tulips for sale").await);
    site.carol.delete(&format!("{path}?value=SPAM")).await.is(200);
    site.carol.delete(&format!("{path}?value=spam")).await.is_problem(404, "not_found");
    assert!(!met("This is spam.").await);
    // Pages of values, in order.
    let page = site.carol.get(&format!("/mod/sets/{domains}/values?limit=1")).await.is(200);
    let next = page.text("/next");
    let page = site.carol.get(&format!("/mod/sets/{domains}/values?limit=1&after={next}")).await.is(200);
    assert_eq!(page.body["items"][0]["value"], "xn--bcher-kva.example");
    site.carol.get(&format!("{path}?limit=1&after={next}")).await.is_problem(400, "invalid_cursor");
}

#[tokio::test]
async fn sets_are_bounded_and_not_pulled_from_under_a_rule() {
    let site = Site::new().await;
    let set = site.set("Words", "words", &["first"]).await;
    let path = format!("/mod/sets/{set}/values");
    let values = |from: usize, count: usize| {
        let values: Vec<_> = (from..from + count).map(|i| json!({ "value": format!("w{i}") })).collect();
        json!({ "values": values })
    };
    site.carol.post(&path, values(0, 1000)).await.is(200);
    site.carol.post(&path, values(1000, 999)).await.is(200);
    site.carol.post(&path, values(1999, 1)).await.refuses(&[("values", "too_many")]);
    // What is there already is not more.
    assert_eq!(site.carol.post(&path, values(0, 1000)).await.is(200).body["value_count"], 2000);
    site.carol.post(&path, values(0, 1001)).await.refuses(&[("(body)", "too_many")]);
    site.carol.post(&path, values(0, 100_000)).await.is_problem(413, "too_large");
    site.carol.post(&path, json!({ "values": [] })).await.refuses(&[("values", "out_of_range")]);
    let wrong = json!({ "values": [{ "value": "fine" }, { "value": "!!!" }, { "value": "a b c d e f" },
                                   { "value": "late", "expires_at": "2026-01-15T12:00:00Z" }] });
    site.carol.post(&path, wrong).await.refuses(&[
        ("values[1].value", "not_words"),
        ("values[2].value", "not_words"),
        ("values[3].expires_at", "not_in_future"),
    ]);
    let domains = site.set("Domains", "domains", &["example.com"]).await;
    for domain in ["https://example.com", "com", "*.example.com", "127.0.0.1", "a b.c"] {
        let value = json!({ "values": [{ "value": domain }] });
        let reply = site.carol.post(&format!("/mod/sets/{domains}/values"), value).await;
        reply.refuses(&[("values[0].value", "not_a_domain")]);
    }
    site.carol
        .post("/mod/sets", json!({ "name": "Words", "kind": "words" }))
        .await
        .refuses(&[("name", "taken")]);
    let place = format!("/mod/sets/{set}");
    site.carol.patch(&place, json!({ "name": "Domains" })).await.refuses(&[("name", "taken")]);
    site.carol.patch(&place, json!({ "kind": "domains" })).await.refuses(&[("kind", "unknown_field")]);
    assert_eq!(
        site.carol.patch(&place, json!({ "name": "More words" })).await.is(200).body["name"],
        "More words"
    );

    let rule = site.rule(json!({ "when": { "word_of": set } })).await;
    site.carol.delete_as_read(&place).await.is_problem(409, "set_in_use");
    site.carol.with("if-match", "\"1\"").delete(&place).await.is_problem(412, "precondition_failed");
    site.carol.delete_as_read(&rule).await.is(200);
    site.carol.delete_as_read(&place).await.is(204);
    site.carol.get(&place).await.is_problem(404, "not_found");
    site.carol.get(&path).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn v7_nearly_the_same_text_of_three_people_within_an_hour_is_found() {
    let site = Site::new().await;
    let near = json!({ "near_duplicates": { "posts": 3, "accounts": 3, "hours": 1 } });
    let rule = site.rule(json!({ "when": near })).await;
    let mut people = vec![site.alice.clone(), site.bob.clone()];
    for name in ["dora", "emil", "fred"] {
        people.push(site.app.member(name).await);
    }
    let count = async || site.hits(&rule).await.as_array().unwrap().len();
    // Replies that quote each other, and short ones that everybody gives.
    let argument =
        "Parma had no harbour deep enough for the galleons, and the Dutch held the shoals off Dunkirk.";
    let own = [
        "Then the barges would have had to cross unescorted, which nobody in his right mind would have ordered.",
        "That is what the pilots said in May, and still the duke wrote to the king that he was ready to sail.",
        "It leaves out the wind: with a westerly for two days the fleet could have closed the strait by itself.",
        "The Dutch boats were few that week, as the muster of the states shows, and most lay in the Scheldt.",
    ];
    site.posts(&people[0], argument).await.is(201);
    for (who, own) in people[1..].iter().zip(own) {
        site.posts(who, &format!("> {argument}\n\n{own}")).await.is(201);
        site.posts(who, "I agree.").await.is(201);
        site.posts(who, &format!("> {argument}\n\nExactly so.")).await.is(201);
    }
    assert_eq!(count().await, 0);
    // One person may repeat themselves, which is another rule's matter, and two are not three.
    let spam = |price: u32, place: &str| {
        format!(
            "Buy the best maps of Kent for only {price} pounds at https://{place}.example/now, today only!"
        )
    };
    for who in [0, 0, 0, 1] {
        site.posts(&people[who], &spam(20, "a")).await.is(201);
    }
    assert_eq!(count().await, 0);
    site.app.app.clock.advance(TimeDelta::minutes(9));
    let third = site.posts(&people[2], &spam(35, "b").to_uppercase()).await.is(201).text("/id");
    let hits = site.hits(&rule).await;
    assert_eq!(hits.as_array().unwrap().len(), 1);
    assert_eq!((&hits[0]["post_id"], &hits[0]["reasons"][0]["number"]), (&json!(third), &json!(5)));
    assert_eq!(hits[0]["reasons"][0]["posts"].as_array().unwrap().len(), 4);
    // Somebody else's post becomes the same by an edit.
    let emil = site.app.sign_in("emil").await;
    let harmless =
        site.posts(&emil, "A question about the tides off Dover in August: who knows a table of them?").await;
    let harmless = harmless.is(201).text("/id");
    assert_eq!(count().await, 1);
    emil.patch(&format!("/posts/{harmless}"), json!({ "body": spam(19, "c") })).await.is(200);
    assert_eq!(count().await, 2);
    // An hour later it is a text like any other.
    site.app.app.clock.advance(TimeDelta::hours(1));
    let fred = site.app.sign_in("fred").await;
    site.posts(&fred, &spam(20, "a")).await.is(201);
    assert_eq!(count().await, 2);
    // What nobody is compared with any more is forgotten.
    assert_ne!(site.app.rows("SELECT count(*)::text FROM post_fingerprint").await, ["0"]);
    site.app.app.clock.advance(TimeDelta::hours(26));
    otherwise::worker::tidy(&site.app.app).await.unwrap();
    assert_eq!(site.app.rows("SELECT count(*)::text FROM post_fingerprint").await, ["0"]);
}

#[tokio::test]
async fn a_rule_is_asked_when_so_many_people_have_reported_a_post() {
    let site = Site::new().await;
    let rule =
        site.rule(json!({ "triggers": { "nth_report": 2 }, "when": { "length": { "at_least": 1 } } })).await;
    let post = site.alice.posts_in(&site.topic, "Buy maps of Kent, cheap!").await;
    let count = async || site.hits(&rule).await.as_array().unwrap().len();
    site.bob.reports("post", &post, "spam").await;
    // The same person by another rule is the same person.
    site.bob.reports("post", &post, "off_topic").await;
    assert_eq!(count().await, 0);
    let (dora, emil) = (site.app.member("dora").await, site.app.member("emil").await);
    dora.reports("post", &post, "spam").await;
    let hits = site.hits(&rule).await;
    assert_eq!(
        json!([hits[0]["trigger"], hits[0]["post_id"], hits[0]["did"]]),
        json!(["nth_report", post, "nothing"])
    );
    // Once.
    dora.reports("post", &post, "off_topic").await;
    emil.reports("post", &post, "spam").await;
    assert_eq!(count().await, 1);
    // Other things than posts are not judged.
    let alice = site.alice.get("/me").await.text("/id");
    for who in [&site.bob, &dora] {
        who.reports("account", &alice, "spam").await;
    }
    assert_eq!(count().await, 1);
    // Who gives notice without an account is nobody who is counted, neither then nor when the rule is tried.
    let other = site.alice.posts_in(&site.topic, "Buy maps of Essex, cheap!").await;
    site.bob.reports("post", &other, "spam").await;
    let notice = json!({
        "subject": { "kind": "post", "id": other }, "explanation": "It copies my book, line by line.",
        "legal_ground": "Copyright Act, section 16", "name": "Ann Author", "email": "ann@example.org",
        "good_faith": true,
    });
    site.app.guest().post("/legal-notices", notice).await.is(201);
    assert_eq!(count().await, 1);
    let trial = site.try_out(&rule, 10).await.is(200);
    assert_eq!(trial.body["matched"], 1);
}

#[tokio::test]
async fn who_may_write_rules_is_for_the_whole_site() {
    let site = Site::new().await;
    let path = site.rule(json!({})).await;
    let set = site.set("Words", "words", &["spam"]).await;
    let mallory = site.app.member("mallory").await;
    let grant = |what: Value, scope: Value| {
        let mut grant = json!({ "scope": scope, "reason": "Asked for." });
        grant.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        grant
    };
    let everything = async |who: &Client, expected: u16| {
        let rule = rule(json!({}));
        for (method, path, body) in [
            (Method::GET, "/mod/automation-rules".to_owned(), None),
            (Method::POST, "/mod/automation-rules".to_owned(), Some(rule)),
            (Method::GET, path.clone(), None),
            (Method::GET, format!("{path}/hits"), None),
            (Method::POST, format!("{path}/test"), Some(json!({ "last": 1 }))),
            (Method::GET, "/mod/sets".to_owned(), None),
            (Method::GET, format!("/mod/sets/{set}/values"), None),
        ] {
            let body = body.map(|body| body.to_string().into_bytes());
            let status = who.send(method.clone(), &path, body).await.status;
            let is_as_expected = status == expected || expected == 200 && status == 201;
            assert!(is_as_expected, "{method} {path}: {status}");
        }
    };
    everything(&site.bob, 403).await;
    let of_tag = grant(json!({ "permissions": ["rule.edit"] }), json!({ "kind": "tag", "tag": "armada" }));
    site.carol.post("/accounts/mallory/role-grants", of_tag).await.is(201);
    everything(&mallory, 403).await;
    let moderator = grant(json!({ "role": "moderator" }), json!({ "kind": "site" }));
    site.carol.post("/accounts/mallory/role-grants", moderator).await.is(201);
    everything(&mallory, 403).await;
    let of_site = grant(json!({ "permissions": ["rule.edit"] }), json!({ "kind": "site" }));
    site.carol.post("/accounts/mallory/role-grants", of_site).await.is(201);
    everything(&mallory, 200).await;
    let audited =
        "SELECT DISTINCT verb FROM audit_log WHERE object_kind IN ('automation_rule', 'list_set') ORDER BY 1";
    assert_eq!(
        site.app.rows(audited).await,
        ["add_list_values", "create_automation_rule", "create_list_set", "test_automation_rule"]
    );
}

#[tokio::test]
async fn the_database_keeps_what_was_decided_by() {
    let site = Site::new().await;
    let path = site.rule(json!({})).await;
    site.try_out(&path, 1).await.is(200);
    site.posts(&site.bob, THREE_LINKS).await.is(201);
    let refuses = async |constraint: &str, statement: &str| site.app.refuses_sql(constraint, statement).await;
    refuses("automation_rule_version_is_fixed", "UPDATE automation_rule_version SET content = '{}'").await;
    refuses("automation_rule_version_fkey", "UPDATE automation_rule SET version = 2, edits = 2").await;
    refuses("automation_rule_retired_is_off", "UPDATE automation_rule SET retired_at = now()").await;
    refuses("automation_trial_is_fixed", "UPDATE automation_trial SET ran_at = now()").await;
    refuses("rule_hit_is_fixed", "UPDATE rule_hit SET did = 'filtered', mode = 'enforce'").await;
    refuses("automation_state_pkey", "INSERT INTO automation_state VALUES (true, 1)").await;
    let twice =
        "INSERT INTO rule_hit SELECT gen_random_uuid(), rule_id, version, mode, trigger, post_id, revision,
                 author_id, reasons, would_do, did, created_at FROM rule_hit";
    refuses("rule_hit_once_key", twice).await;
}

#[tokio::test]
async fn d2_who_made_rules_and_was_kept_from_posting_goes_with_the_account() {
    let site = Site::new().await;
    let dora = site.app.member("dora").await;
    let grant = json!({ "permissions": ["rule.edit"], "scope": { "kind": "site" }, "reason": "Asked for." });
    site.carol.post("/accounts/dora/role-grants", grant).await.is(201);
    let made = dora.post("/mod/automation-rules", rule(limit(1))).await.is(201);
    let path = format!("/mod/automation-rules/{}", made.text("/id"));
    let set = dora.post("/mod/sets", json!({ "name": "Words", "kind": "words" })).await.is(201).text("/id");
    let values = json!({ "values": [{ "value": "spam" }] });
    dora.post(&format!("/mod/sets/{set}/values"), values).await.is(200);
    dora.post(&format!("{path}/test"), json!({ "last": 1 })).await.is(200);
    dora.patch(&path, json!({ "mode": "enforce" })).await.is(200);
    site.posts(&site.bob, "The first post of mine, and a longer one.").await.is(201);
    site.posts(&site.bob, "The second.").await.is_problem(429, "limited_by_rule");

    site.bob.send(Method::POST, "/me/export", None).await.is(202);
    while own_data_next(&site.app.app).await.unwrap() {}
    let copy = site.bob.get("/me/export/file").await.is(200);
    assert_eq!(copy.body["posts_not_taken"][0]["version"], 1);
    for who in [&site.bob, &dora] {
        who.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    }
    site.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&site.app.app).await.unwrap() {}
    let left = "SELECT concat_ws(' ', (SELECT count(made_by) FROM automation_rule_version), (SELECT count(run_by) FROM automation_trial),
                       (SELECT count(added_by) FROM list_value), (SELECT count(author_id) FROM rule_hit),
                       (SELECT count(*) FROM rule_hit), (SELECT count(*) FROM post_fingerprint))";
    assert_eq!(site.app.rows(left).await, ["0 0 0 0 1 0"]);
    let carol = site.app.sign_in("carol").await;
    let read = carol.get(&path).await.is(200);
    assert_eq!((&read.body["made_by"], &read.body["mode"]), (&Value::Null, &json!("enforce")));
    assert_eq!(carol.get(&format!("{path}/hits")).await.is(200).body["items"][0]["author"], Value::Null);
}
