//! Rules that ask about people: what somebody is known by, who signs up, and votes that come in a burst.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{judge_sign_ups_next, open_cases_next, own_data_next};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::automation::Site;
use crate::own_data::columns_with;
use crate::support::builders::action;
use crate::support::{Client, PASSWORD, TestApp};
use crate::vote_signals::crowd;

/// From here people come whom a rule is to know.
const KNOWN: &str = "198.51.100.9";

/// A site behind a proxy, so that people come from different places. Those who are there already were judged.
async fn behind_a_proxy() -> Site {
    let site = Site::with("[server]\ntrusted_proxies = ['203.0.113.7']\n").await;
    assert_eq!(judges(&site.app).await, 3);
    site
}

/// Signs somebody in from somewhere.
async fn comes(app: &TestApp, username: &str, address: &str) -> Client {
    let there = app.guest().with("x-forwarded-for", address);
    let session = there.post("/sessions", json!({ "login": username, "password": PASSWORD })).await.is(201);
    app.bearer(&session.text("/access_token"))
}

/// Registers somebody from somewhere and signs them in there.
async fn joins(app: &TestApp, username: &str, address: &str) -> Client {
    let new =
        json!({ "username": username, "email": format!("{username}@mail.example"), "password": PASSWORD });
    app.guest().with("x-forwarded-for", address).post("/accounts", new).await.is(201);
    comes(app, username, address).await
}

/// Judges all who signed up and wait for it, and says how many there were.
async fn judges(app: &TestApp) -> u32 {
    let mut judged = 0;
    while judge_sign_ups_next(&app.app).await.unwrap() {
        judged += 1;
    }
    judged
}

/// Opens all cases that wait, and says how many there were.
async fn works(app: &TestApp) -> u32 {
    let mut opened = 0;
    while open_cases_next(&app.app).await.unwrap() {
        opened += 1;
    }
    opened
}

/// What differs in a rule that knows those who sign up by their network.
fn newcomers_from(set: &str) -> Value {
    json!({
        "name": "Newcomers from there", "explanation": "Newcomers are looked at while accounts are bought.",
        "triggers": { "signed_up": true }, "when": { "network_of": set },
    })
}

/// The values of a set, as they are listed.
async fn values(site: &Site, set: &str) -> Vec<String> {
    let listed = site.carol.get(&format!("/mod/sets/{set}/values")).await.is(200);
    let values = listed.body["items"].as_array().unwrap().iter();
    values.map(|item| item["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn d3_sets_of_addresses_of_mail_hold_hashes_and_no_address() {
    let site = Site::new().await;
    let set =
        site.set("Bought addresses", "email_hashes", &["Canary@Mail.example", "canary@mail.EXAMPLE"]).await;
    let listed = values(&site, &set).await;
    assert_eq!(listed.len(), 1);
    assert!(listed[0].len() == 64 && listed[0].bytes().all(|byte| byte.is_ascii_hexdigit()), "{listed:?}");
    assert_eq!(columns_with(&site.app, "canary@mail.example").await, Vec::<String>::new());
    assert_eq!(columns_with(&site.app, &listed[0]).await, ["list_value.value"]);
    // The same address by another server, and in another set, is the same.
    let beside = site.app.another("").await.bearer(site.carol.token.as_ref().unwrap());
    let again = json!({ "values": [{ "value": "CANARY@mail.example" }] });
    let path = format!("/mod/sets/{set}/values");
    assert_eq!(beside.post(&path, again.clone()).await.is(200).body["value_count"], 1);
    // It is taken out by its hash, which is all that is read of it, or by the address.
    let hash = listed[0].as_str();
    for known in [hash.to_uppercase().as_str(), "canary%40MAIL.example"] {
        site.carol.delete(&format!("{path}?value={known}")).await.is(200);
        assert_eq!(values(&site, &set).await, Vec::<String>::new());
        for gone in [hash, "canary%40mail.example"] {
            site.carol.delete(&format!("{path}?value={gone}")).await.is_problem(404, "not_found");
        }
        site.carol.post(&path, again.clone()).await.is(200);
    }
    let refused = site.carol.post(&path, json!({ "values": [{ "value": "canary at mail.example" }] })).await;
    assert!(!refused.refuses(&[("values[0].value", "malformed_email")]).body.to_string().contains("canary"));
}

#[tokio::test]
async fn sets_have_values_of_their_kind_in_one_form() {
    let site = Site::new().await;
    let networks = site.set("Networks", "networks", &["203.0.113.77/24", "2001:DB8::1/32", KNOWN]).await;
    assert_eq!(values(&site, &networks).await, ["198.51.100.9/32", "2001:db8::/32", "203.0.113.0/24"]);
    site.carol.delete(&format!("/mod/sets/{networks}/values?value=203.0.113.1/24")).await.is(200);
    let names = site.set("Names", "name_patterns", &["Free**MAPS*", "free*maps*", "Ada Lovelace"]).await;
    assert_eq!(values(&site, &names).await, ["ada lovelace", "free*maps*"]);
    let emails = site.set("Addresses", "email_hashes", &["canary@mail.example"]).await;
    for (set, value, code) in [
        (&networks, "203.0.113.0/33", "not_a_network"),
        (&networks, "example.com", "not_a_network"),
        (&networks, "10.0.0.0/7", "too_wide"),
        (&networks, "2000::/15", "too_wide"),
        (&networks, "::/0", "too_wide"),
        (&names, "*", "not_a_name_pattern"),
        (&names, "a*b*", "not_a_name_pattern"),
        (&names, "a*b*c*d*e*f*", "not_a_name_pattern"),
        (&emails, "nobody", "malformed_email"),
        (&emails, "canary@", "malformed_email"),
    ] {
        let values = json!({ "values": [{ "value": value }] });
        let reply = site.carol.post(&format!("/mod/sets/{set}/values"), values).await;
        reply.refuses(&[("values[0].value", code)]);
    }
    let unknown = json!({ "name": "People", "kind": "people" });
    site.carol.post("/mod/sets", unknown).await.refuses(&[("kind", "unknown_value")]);
    // Each kind for its own condition.
    let words = site.set("Words", "words", &["spam"]).await;
    for (condition, set) in [
        ("network_of", &words),
        ("network_of", &emails),
        ("email_of", &names),
        ("name_of", &networks),
        ("word_of", &names),
        ("domain_of", &networks),
    ] {
        let made =
            site.carol.post("/mod/automation-rules", rule(json!({ "when": { condition: set } }))).await;
        made.refuses(&[(format!("when.{condition}").as_str(), "wrong_kind")]);
    }
}

/// A whole rule for posts, with some of it changed.
fn rule(changes: Value) -> Value {
    let mut rule = json!({
        "name": "A rule", "explanation": "What it is good for.", "policy_rule": "spam",
        "triggers": { "post_created": true }, "when": { "trust_level": { "at_most": 0 } }, "action": "queue",
    });
    rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rule
}

#[tokio::test]
async fn bursts_and_newcomers_are_for_people_to_look_at() {
    let site = Site::new().await;
    let limit = json!({ "rate_limit": { "posts_per_hour": 1 } });
    let of_posts = json!({ "all": [{ "not": { "links": { "at_least": 1 } } }, { "tag": "armada" }] });
    for (changes, refused) in [
        (json!({ "triggers": { "vote_burst": true }, "action": "filter" }), vec![("action", "does_not_fit")]),
        (
            json!({ "triggers": { "vote_burst": true, "post_created": true }, "action": "filter" }),
            vec![("action", "does_not_fit")],
        ),
        (json!({ "triggers": { "signed_up": true }, "action": "filter" }), vec![("action", "does_not_fit")]),
        (
            json!({ "triggers": { "signed_up": true }, "action": limit }),
            vec![("action", "does_not_fit"), ("triggers", "only_post_created")],
        ),
        (
            json!({ "triggers": { "signed_up": true, "vote_burst": true } }),
            vec![("triggers", "only_signed_up")],
        ),
        (
            json!({ "triggers": { "signed_up": true }, "when": of_posts }),
            vec![("when.all[0].not.links", "does_not_fit"), ("when.all[1].tag", "does_not_fit")],
        ),
    ] {
        site.carol.post("/mod/automation-rules", rule(changes)).await.refuses(&refused);
    }
    let path = site.rule(json!({ "triggers": { "vote_burst": true }, "when": of_posts })).await;
    site.carol.patch(&path, json!({ "action": "filter" })).await.refuses(&[("action", "does_not_fit")]);
}

#[tokio::test]
async fn d3_what_authors_are_known_by_is_asked_and_not_told() {
    let site = behind_a_proxy().await;
    let networks = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let emails = site.set("Addresses", "email_hashes", &["Dora@mail.example"]).await;
    let names = site.set("Names", "name_patterns", &["canary*"]).await;
    let mut rules = Vec::new();
    for when in
        [json!({ "network_of": networks }), json!({ "email_of": emails }), json!({ "name_of": names })]
    {
        rules.push(site.rule(json!({ "triggers": { "post_created": true }, "when": when })).await);
    }
    let dora = joins(&site.app, "dora", "192.0.2.1").await;
    let emil = joins(&site.app, "emil", KNOWN).await;
    let fred = joins(&site.app, "canaryfred", "192.0.2.1").await;
    let gina = joins(&site.app, "gina", "192.0.2.1").await;
    gina.patch("/me", json!({ "display_name": "CANARY Gina" })).await.is(200);
    let posts = async |who: &Client| site.posts(who, "Parma had no harbour.").await.is(201).text("/id");
    let met = async |rule: &str| {
        let hits = site.hits(rule).await;
        let met =
            hits.as_array().unwrap().iter().rev().map(|hit| hit["post_id"].as_str().unwrap().to_owned());
        met.collect::<Vec<_>>()
    };
    posts(&site.bob).await;
    let [doras, emils, freds, ginas] =
        [posts(&dora).await, posts(&emil).await, posts(&fred).await, posts(&gina).await];
    assert_eq!(met(&rules[0]).await, [emils.clone()]);
    assert_eq!(met(&rules[1]).await, [doras.clone()]);
    assert_eq!(met(&rules[2]).await, [freds, ginas]);
    // A trial says the same, and neither says by what.
    let mut told = String::new();
    for (rule, matched) in rules.iter().zip([1, 1, 2]) {
        let trial = site.try_out(rule, 10).await.is(200).body;
        assert_eq!((&trial["posts"], &trial["matched"]), (&json!(5), &json!(matched)));
        told += &trial["samples"][0]["reasons"].to_string();
        let hits = site.hits(rule).await.to_string();
        for secret in ["198.51", "192.0.2", "mail.example", "canary"] {
            assert!(!hits.contains(secret), "{secret} in {hits}");
        }
    }
    assert_eq!(
        told,
        r#"[{"condition":"when.network_of"}][{"condition":"when.email_of"}][{"condition":"when.name_of"}]"#
    );
    // What is not in the set any more, or was long ago, or is not kept, is not known.
    site.carol.delete(&format!("/mod/sets/{emails}/values?value=dora%40mail.example")).await.is(200);
    posts(&dora).await;
    assert_eq!(met(&rules[1]).await, [doras]);
    for _ in 0..19 {
        site.app.app.clock.advance(TimeDelta::seconds(1));
        comes(&site.app, "emil", "192.0.2.1").await;
    }
    let again = posts(&emil).await;
    assert_eq!(met(&rules[0]).await, [emils.clone(), again.clone()]);
    site.app.app.clock.advance(TimeDelta::seconds(1));
    comes(&site.app, "emil", "192.0.2.1").await;
    posts(&emil).await;
    assert_eq!(met(&rules[0]).await, [emils.clone(), again.clone()], "twenty sessions ago");
    comes(&site.app, "emil", KNOWN).await;
    site.app.sql("UPDATE session SET client_address = NULL").await.unwrap();
    posts(&emil).await;
    assert_eq!(met(&rules[0]).await, [emils, again], "nobody knows from where any more");
}

#[tokio::test]
async fn who_signs_up_is_watched_and_then_looked_at_once() {
    let site = behind_a_proxy().await;
    let set = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let path = site.rule(newcomers_from(&set)).await;
    joins(&site.app, "dora", KNOWN).await;
    joins(&site.app, "emil", "192.0.2.1").await;
    assert_eq!(judges(&site.app).await, 2);
    let hits = site.hits(&path).await;
    expect![[r#"
        [
          {
            "author": {
              "id": "00000000-0000-7000-8000-000000000011",
              "role": "member",
              "username": "dora"
            },
            "case_id": null,
            "created_at": "2026-01-15T12:00:00Z",
            "did": "nothing",
            "id": "00000000-0000-7000-8000-000000000015",
            "mode": "shadow",
            "post_id": null,
            "reasons": [
              {
                "condition": "when.network_of"
              }
            ],
            "revision": null,
            "trigger": "signed_up",
            "version": 1,
            "would_do": "queue"
          }
        ]
    "#]]
    .assert_eq(&format!("{hits:#}\n"));
    assert_eq!(works(&site.app).await, 0);

    // The trial is of those who signed up, and it takes one to have the rule enforced.
    site.carol.patch(&path, json!({ "mode": "enforce" })).await.is_problem(409, "trial_needed");
    let trial = site.try_out(&path, 10).await.is(200).body;
    assert_eq!(
        json!([trial["posts"], trial["matched"], trial["authors"], trial["is_complete"]]),
        json!([5, 1, 1, true])
    );
    let sample = &trial["samples"][0];
    assert_eq!(json!([sample["post_id"], sample["author"]["username"]]), json!([null, "dora"]));
    assert_eq!(sample["reasons"], json!([{ "condition": "when.network_of" }]));
    assert_eq!(site.try_out(&path, 1).await.is(200).body["matched"], 0, "emil came last");
    site.carol.patch(&path, json!({ "mode": "enforce" })).await.is(200);

    // Whoever was judged is not judged again, however often they come.
    comes(&site.app, "dora", KNOWN).await;
    let fred = joins(&site.app, "fred", KNOWN).await;
    assert_eq!(judges(&site.app).await, 1);
    let hits = site.hits(&path).await;
    assert_eq!(hits.as_array().unwrap().len(), 2);
    assert_eq!(
        json!([hits[0]["author"]["username"], hits[0]["trigger"], hits[0]["did"], hits[0]["case_id"]]),
        json!(["fred", "signed_up", "queued", null])
    );
    site.app.sql("UPDATE sign_up SET judged_at = NULL").await.unwrap();
    assert_eq!(judges(&site.app).await, 6);
    assert_eq!(site.hits(&path).await, hits, "a version meets somebody once");
    assert_eq!(works(&site.app).await, 1);
    let hits = site.hits(&path).await;
    let case =
        site.carol.get(&format!("/mod/cases/{}", hits[0]["case_id"].as_str().unwrap())).await.is(200).body;
    let seen = json!({
        "subject": case["subject"], "topic_id": case["topic_id"], "owner": case["owner"], "state": case["state"],
        "actions": case["actions"], "note": case["events"][0]["note"], "reports": case["reports"],
    });
    expect![[r#"
        {
          "actions": [],
          "note": "The rule “Newcomers from there” (00000000-0000-7000-8000-000000000010, version 1).",
          "owner": {
            "id": "00000000-0000-7000-8000-00000000001a",
            "role": "member",
            "username": "fred"
          },
          "reports": [
            {
              "automation_rule": {
                "id": "00000000-0000-7000-8000-000000000010",
                "version": 1
              },
              "comment": "",
              "created_at": "2026-01-15T12:00:00Z",
              "id": "00000000-0000-7000-8000-000000000022",
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
          "state": "open",
          "subject": {
            "id": "00000000-0000-7000-8000-00000000001a",
            "kind": "account"
          },
          "topic_id": null
        }
    "#]]
    .assert_eq(&format!("{seen:#}\n"));
    // Nothing else came of it.
    site.posts(&fred, "I come from there, and have something to say.").await.is(201);
    assert_eq!(fred.get("/me/decisions").await.is(200).body["items"], json!([]));
    assert_eq!(works(&site.app).await, 0);
    // Another rule asks about the same case; what was decided about it is decided.
    let rejected = json!({ "resolution": "rejected", "note": "A school." });
    crate::moderation::moves(&site.carol, case["id"].as_str().unwrap(), "resolve", Some(rejected))
        .await
        .is(200);
    let second = site.rule(newcomers_from(&set)).await;
    site.enforces(&second).await;
    site.app.sql("UPDATE sign_up SET judged_at = NULL WHERE judged_at IS NOT NULL").await.unwrap();
    judges(&site.app).await;
    assert_eq!(works(&site.app).await, 2, "dora, and fred once more");
    let cases = "SELECT concat_ws(' ', a.username, c.state, c.report_count) FROM moderation_case c
                 JOIN account a ON a.id = c.subject_account_id ORDER BY 1";
    assert_eq!(site.app.rows(cases).await, ["dora open 1", "fred resolved 0"]);
}

#[tokio::test]
async fn rules_for_newcomers_ask_about_people_only() {
    let site = behind_a_proxy().await;
    let emails = site.set("Addresses", "email_hashes", &["dora@mail.example"]).await;
    let names = site.set("Names", "name_patterns", &["*canary*"]).await;
    let mut rules = Vec::new();
    for when in [
        json!({ "email_of": emails }),
        json!({ "name_of": names }),
        json!({ "all": [{ "trust_level": { "at_most": 0 } }, { "author_age_days": { "at_most": 0 } },
                        { "visible_posts": { "at_most": 0 } }] }),
        json!({ "not": { "trust_level": { "at_most": 0 } } }),
    ] {
        rules.push(site.rule(json!({ "triggers": { "signed_up": true }, "when": when })).await);
    }
    for name in ["dora", "thecanary", "emil"] {
        joins(&site.app, name, KNOWN).await;
    }
    // Registered and never came: nobody has signed up by that.
    let new = json!({ "username": "canary2", "email": "dora@mail.example", "password": PASSWORD });
    site.app.guest().post("/accounts", new).await;
    assert_eq!(judges(&site.app).await, 3);
    let mut met = Vec::new();
    for rule in &rules {
        let hits = site.hits(rule).await;
        let mut names: Vec<_> =
            hits.as_array().unwrap().iter().map(|hit| hit["author"]["username"].to_string()).collect();
        names.sort();
        met.push(names.join(" "));
    }
    assert_eq!(met, [r#""dora""#, r#""thecanary""#, r#""dora" "emil" "thecanary""#, ""]);
    // Of posts such rules know nothing, and rules for posts nothing of them.
    site.posts(&site.bob, "Parma had no harbour.").await.is(201);
    assert_eq!(site.app.rows("SELECT count(*)::text FROM rule_hit").await, ["5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_servers_one_judges_whoever_signs_up() {
    let site = behind_a_proxy().await;
    let set = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let path = site.rule(newcomers_from(&set)).await;
    site.enforces(&path).await;
    for i in 0..6 {
        joins(&site.app, &format!("newcomer{i}"), KNOWN).await;
    }
    let mut at_once = JoinSet::new();
    for _ in 0..4 {
        let app = site.app.clone();
        at_once.spawn(async move { judges(&app).await });
    }
    assert_eq!(at_once.join_all().await.iter().sum::<u32>(), 6);
    assert_eq!(site.hits(&path).await.as_array().unwrap().len(), 6);
    assert_eq!(works(&site.app).await, 6);
    assert_eq!(site.app.rows("SELECT count(*)::text FROM moderation_case").await, ["6"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_background_work_is_called_when_somebody_signs_up() {
    let site = behind_a_proxy().await;
    let set = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let path = site.rule(newcomers_from(&set)).await;
    site.enforces(&path).await;
    let (stop, stopped) = tokio::sync::watch::channel(());
    let work = tokio::spawn(otherwise::worker::run(site.app.app.clone(), stopped));
    // Much shorter than it rests uncalled: the second time it rests when it is called.
    let soon = std::time::Duration::from_secs(30);
    let cases = async |count: &str| {
        while site.app.rows("SELECT count(*)::text FROM moderation_case").await != [count] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    for (name, count) in [("dora", "1"), ("emil", "2")] {
        joins(&site.app, name, KNOWN).await;
        tokio::time::timeout(soon, cases(count)).await.unwrap();
    }
    drop(stop);
    tokio::time::timeout(soon, work).await.unwrap().unwrap();
}

#[tokio::test]
async fn d2_who_is_erased_before_anybody_looked_is_not_waited_for() {
    let site = behind_a_proxy().await;
    let set = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let path = site.rule(newcomers_from(&set)).await;
    site.enforces(&path).await;
    let dora = joins(&site.app, "dora", KNOWN).await;
    assert_eq!(judges(&site.app).await, 1);
    dora.send(Method::POST, "/me/export", None).await.is(202);
    while own_data_next(&site.app.app).await.unwrap() {}
    let copy = dora.get("/me/export/file").await.is(200).body;
    assert_eq!(copy["posts_not_taken"], json!([]));
    expect![[r#"
        [
          {
            "at": "2026-01-15T12:00:00Z",
            "judged_at": "2026-01-15T12:00:00Z",
            "met_by": [
              {
                "created_at": "2026-01-15T12:00:00Z",
                "did": "queued",
                "reasons": [
                  {
                    "condition": "when.network_of"
                  }
                ],
                "rule_id": "00000000-0000-7000-8000-000000000010",
                "version": 1
              }
            ]
          }
        ]
    "#]]
    .assert_eq(&format!("{:#}\n", copy["sign_ups"]));
    dora.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    site.app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&site.app.app).await.unwrap() {}
    assert_eq!(works(&site.app).await, 0);
    let hits = site.hits(&path).await;
    assert_eq!(json!([hits[0]["did"], hits[0]["author"], hits[0]["case_id"]]), json!(["queued", null, null]));
    let left =
        "SELECT concat_ws(' ', (SELECT count(*) FROM sign_up), (SELECT count(author_id) FROM rule_hit),
                       (SELECT count(*) FROM moderation_case))";
    assert_eq!(site.app.rows(left).await, ["3 0 0"]);
    // Nor does it hold up who comes after.
    joins(&site.app, "emil", KNOWN).await;
    assert_eq!((judges(&site.app).await, works(&site.app).await), (1, 1));
}

/// Has everybody whose name begins so find a post good, a second after another, from the moment it was made on.
async fn vote(site: &Site, name: &str, post: &str) {
    site.app
        .sql(&format!(
            "INSERT INTO vote (post_id, account_id, quality, agreement, updated_at, quality_at)
             SELECT p.id, a.id, 1, 0, at, at FROM post p
             CROSS JOIN (SELECT id, row_number() OVER (ORDER BY username) AS n FROM account WHERE username LIKE '{name}%') a
             CROSS JOIN LATERAL (SELECT p.created_at + a.n * interval '1 second' AS at) moment
             WHERE p.id = '{post}'"
        ))
        .await
        .unwrap();
}

#[tokio::test]
async fn a9_a_burst_of_votes_has_moderators_look_once_and_hides_nothing() {
    let site = Site::new().await;
    let path = site
        .rule(json!({
            "name": "Votes in a burst", "explanation": "Posts that a crowd votes on are looked at.",
            "triggers": { "vote_burst": true }, "when": { "length": { "at_most": 40 } },
        }))
        .await;
    let burst = site.posts(&site.alice, "Parma had no harbour.").await.is(201).text("/id");
    let usual = site.posts(&site.bob, "The Dutch held the shoals.").await.is(201).text("/id");
    let long = "The Dutch held the shoals, and the winds did the rest of it for them.";
    let long = site.posts(&site.alice, long).await.is(201).text("/id");
    // It is tried on posts.
    let trial = site.try_out(&path, 10).await.is(200).body;
    assert_eq!((&trial["posts"], &trial["matched"]), (&json!(3), &json!(2)));
    site.carol.patch(&path, json!({ "mode": "enforce" })).await.is(200);
    crowd(&site.app, "sock", 12).await;
    crowd(&site.app, "usual", 30).await;
    site.app
        .sql("UPDATE account SET created_at = '2026-01-14T12:00:00Z' WHERE username LIKE 'sock%'")
        .await
        .unwrap();
    vote(&site, "sock", &burst).await;
    vote(&site, "sock", &long).await;
    vote(&site, "usual", &usual).await;
    otherwise::vote_signals::watch(&site.app.app).await.unwrap();
    let bursts = "SELECT post_id::text FROM vote_signal WHERE kind = 'new_account_burst' ORDER BY 1";
    let mut both = vec![burst.clone(), long.clone()];
    both.sort();
    assert_eq!(site.app.rows(bursts).await, both);
    let hits = site.hits(&path).await;
    expect![[r#"
        [
          {
            "author": null,
            "case_id": null,
            "created_at": "2026-01-15T12:00:00Z",
            "did": "queued",
            "id": "00000000-0000-7000-8000-000000000015",
            "mode": "enforce",
            "post_id": "00000000-0000-7000-8000-000000000010",
            "reasons": [
              {
                "condition": "when.length",
                "number": 21
              }
            ],
            "revision": 1,
            "trigger": "vote_burst",
            "version": 1,
            "would_do": "queue"
          }
        ]
    "#]]
    .assert_eq(&format!("{hits:#}\n"));
    let status =
        async || site.app.guest().get(&format!("/posts/{burst}")).await.is(200).body["status"].clone();
    assert_eq!(status().await, "visible");
    // Found again, it is nothing new.
    otherwise::vote_signals::watch(&site.app.app).await.unwrap();
    assert_eq!(site.hits(&path).await, hits);
    assert_eq!(works(&site.app).await, 1);
    let cases = "SELECT concat_ws(' ', subject_post_id, state, report_count) FROM moderation_case";
    assert_eq!(site.app.rows(cases).await, [format!("{burst} open 1")]);
    assert_eq!(status().await, "visible");
    assert_eq!(site.alice.get("/me/decisions").await.is(200).body["items"], json!([]));
    // What it says now nobody has looked at.
    site.alice.patch(&format!("/posts/{burst}"), json!({ "body": "Parma had two." })).await.is(200);
    otherwise::vote_signals::watch(&site.app.app).await.unwrap();
    assert_eq!(site.hits(&path).await.as_array().unwrap().len(), 2);
    // What is out of sight already nobody is asked to look at.
    site.carol.acts("post", &burst, action("hide")).await;
    let second = site
        .rule(json!({ "triggers": { "vote_burst": true }, "when": { "length": { "at_least": 1 } } }))
        .await;
    site.enforces(&second).await;
    otherwise::vote_signals::watch(&site.app.app).await.unwrap();
    let hits = site.hits(&second).await;
    assert_eq!((hits.as_array().unwrap().len(), &hits[0]["post_id"]), (1, &json!(long)));
}

#[tokio::test]
async fn a9_the_database_lets_no_rule_do_more_about_newcomers_than_ask() {
    let site = behind_a_proxy().await;
    let set = site.set("Networks", "networks", &["198.51.100.0/24"]).await;
    let path = site.rule(newcomers_from(&set)).await;
    site.enforces(&path).await;
    joins(&site.app, "dora", KNOWN).await;
    assert_eq!(judges(&site.app).await, 1);
    let refuses = async |constraint: &str, statement: &str| site.app.refuses_sql(constraint, statement).await;
    for (changes, constraint) in [
        (r#"{"would_do": "filter", "did": "filtered"}"#, "rule_hit_only_asks"),
        (r#"{"would_do": "rate_limit", "did": "refused"}"#, "rule_hit_only_asks"),
        (r#"{"trigger": "vote_burst"}"#, "rule_hit_subject"),
        (r#"{"trigger": "post_created"}"#, "rule_hit_subject"),
        (r#"{"trigger": "weather"}"#, "rule_hit_subject"),
        ("{}", "rule_hit_sign_up_key"),
    ] {
        let statement = format!(
            "INSERT INTO rule_hit SELECT (jsonb_populate_record(h, '{changes}' || jsonb_build_object(
                 'id', gen_random_uuid()))).* FROM rule_hit h"
        );
        refuses(constraint, &statement).await;
    }
    let another = "UPDATE rule_hit SET author_id = (SELECT id FROM account WHERE username = 'bob')";
    refuses("rule_hit_is_fixed", another).await;
    refuses("list_set_kind_known", "UPDATE list_set SET kind = 'people'").await;
}
