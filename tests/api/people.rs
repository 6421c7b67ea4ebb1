//! What moderators find out about people, and the sessions they end.

use std::time::Duration;

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{job_item_next, own_data_next};
use serde_json::{Value, json};

use crate::moderation::{Watched, case_of, grants, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD, Reply, TestApp};

const REASON: &str = "Somebody else has got in.";

async fn revokes(who: &Client, username: &str) -> Reply {
    who.post(&format!("/mod/accounts/{username}/revoke-sessions"), json!({ "reason": REASON })).await
}

/// A token of somebody's for these scopes.
async fn token(app: &TestApp, username: &str, scopes: &[&str]) -> Client {
    let new = json!({ "name": "A script", "scopes": scopes, "expires_at": "2026-02-01T00:00:00Z" });
    let who = app.sign_in(username).await;
    app.bearer(&who.post("/me/tokens", new).await.is(201).text("/token"))
}

/// Grants somebody single permissions.
async fn permits(carol: &Client, name: &str, permissions: &[&str], scope: Value) {
    let grant = json!({ "permissions": permissions, "scope": scope, "reason": "Asked for." });
    carol.post(&format!("/accounts/{name}/role-grants"), grant).await.is(201);
}

#[tokio::test]
async fn t5_a_moderator_ends_every_session_and_token_of_somebody_at_once() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, .. } = &watched;
    let script = token(app, "alice", &["read"]).await;
    let thief =
        app.guest().post("/sessions", json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    app.mails().await;
    revokes(mallory, "alice").await.is(200).matches(expect![[r#"
        {
          "sessions": 3,
          "tokens": 1
        }
    "#]]);
    for of_alice in [alice, &script, &app.bearer(&thief.text("/access_token"))] {
        of_alice.get("/me").await.is_problem(401, "invalid_token");
    }
    let refresh = json!({ "refresh_token": thief.text("/refresh_token") });
    app.guest().post("/sessions/refresh", refresh).await.is_problem(401, "invalid_refresh_token");
    bob.get("/me").await.is(200);
    let ended = "SELECT DISTINCT ended_because FROM session WHERE ended_at IS NOT NULL";
    assert_eq!(app.rows(ended).await, ["revoked_by_moderator"]);
    // Once more it is nothing, and nobody hears of it again.
    revokes(mallory, "alice").await.is(200).matches(expect![[r#"
        {
          "sessions": 0,
          "tokens": 0
        }
    "#]]);
    let mail = app.mail("alice@example.org", "Your sessions were ended").await;
    expect![[r#"
        Moderators ended all sessions of the account "alice" and revoked its
        personal access tokens, to keep it safe: somebody else may have got in.

        Sign in again and set a new password. Then look through the address, the
        passkeys, the authenticator app and the identities of your account, and remove
        what you did not add yourself.
    "#]]
    .assert_eq(&mail.body);
    let logged = "SELECT format('%s by %s about %s %s', l.outcome, a.username, o.username, l.data) FROM audit_log l
                  JOIN account a ON a.id = l.actor_id JOIN account o ON o.id = l.object_id WHERE verb = 'revoke_sessions'";
    assert_eq!(app.rows(logged).await, [r#"done by mallory about alice {"tokens": 1, "sessions": 3}"#]);
    let kept = "SELECT concat_ws(' ', x.kind, a.username, x.reason) FROM account_access x JOIN account a ON a.id = x.actor_id";
    assert_eq!(app.rows(kept).await, [format!("sessions_revoked mallory {REASON}")]);
    // The password is hers still.
    app.sign_in("alice").await.get("/me").await.is(200);
    app.refuses_sql("account_access_is_fixed", "UPDATE account_access SET reason = 'Another one.'").await;
}

#[tokio::test]
async fn a7_nobody_ends_sessions_of_their_own_rank_or_without_being_in_charge() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, .. } = &watched;
    let (dora, emil) = (app.member("dora").await, app.member("emil").await);
    grants(carol, "dora", json!({ "kind": "tag", "tag": "armada" })).await;
    grants(carol, "emil", json!({ "kind": "site" })).await;
    permits(carol, "bob", &["report.read"], json!({ "kind": "site" })).await;
    for who in [bob, &dora] {
        revokes(who, "alice").await.is_problem(403, "not_allowed");
        revokes(who, "nobody").await.is_problem(403, "not_allowed");
    }
    app.guest().post("/mod/accounts/alice/revoke-sessions", json!({ "reason": REASON })).await.is(401);
    revokes(&token(app, "mallory", &["read", "post"]).await, "alice").await.is_problem(403, "scope_missing");
    revokes(mallory, "mallory").await.is_problem(403, "own_subject");
    for of_rank in ["emil", "carol", "dora"] {
        revokes(mallory, of_rank).await.is_problem(403, "outranked");
    }
    revokes(mallory, "nobody").await.is_problem(404, "not_found");
    let path = "/mod/accounts/alice/revoke-sessions";
    mallory.post(path, json!({})).await.refuses(&[("reason", "missing")]);
    mallory.post(path, json!({ "reason": "x" })).await.refuses(&[("reason", "too_short")]);
    let more = json!({ "reason": REASON, "account_id": "0198c5f0-0000-7000-8000-00000000dead" });
    mallory.post(path, more).await.refuses(&[("account_id", "unknown_field")]);
    for who in [alice, bob, &dora, &emil, mallory, carol] {
        who.get("/me").await.is(200);
    }
    assert_eq!(app.rows("SELECT 1::text FROM account_access").await, Vec::<String>::new());
    revokes(&token(app, "mallory", &["read", "moderate"]).await, "alice").await.is(200);
    revokes(carol, "mallory").await.is(200);
    mallory.get("/me").await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn a8_what_somebody_watches_ends_with_their_sessions() {
    let watched = Watched::new().await;
    let Watched { mallory, carol, post, .. } = &watched;
    let job = json!({
        "subjects": { "kind": "post", "ids": [post] }, "actions": [action("hide")], "note": "Let us see.",
    });
    let job = mallory.post("/mod/jobs", job).await.is(201).text("/id");
    let path = format!("/mod/jobs/{job}/events");
    let both = async { tokio::join!(mallory.get(&path), revokes(carol, "mallory")) };
    let (events, revoked) = tokio::time::timeout(Duration::from_mins(1), both).await.expect("it ends");
    revoked.is(200);
    let text = String::from_utf8(events.bytes).unwrap();
    assert!(!text.contains("cancelled") && !text.contains("succeeded"), "{text}");
}

/// A timeline in lines: what happened, and what there is to know of it.
async fn lines(who: &Client, username: &str, query: &str) -> Vec<String> {
    let (mut lines, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/mod/accounts/{username}/timeline?limit=100{query}{after}");
        let page = who.get(&path).await.is(200);
        for item in page.body["items"].as_array().unwrap() {
            let told =
                ["at", "kind", "detail", "outcome", "text", "ends_at"].map(|field| item[field].as_str());
            let subject = item["subject"]["kind"].as_str().map(|kind| format!("about a {kind}"));
            let told: Vec<&str> = told.into_iter().chain([subject.as_deref()]).flatten().collect();
            lines.push(told.join(" ").replacen("2026-01-15T", "", 1));
        }
        let Some(next) = page.body["next"].as_str() else { return lines };
        after = format!("&after={next}");
    }
}

/// Alice with a past: what she was called, wrote, deleted and reported, and what moderators did about her.
async fn with_a_past() -> (Watched, String) {
    let watched = Watched::with("\n[accounts]\nrename_interval_days = 0\n").await;
    let Watched { app, alice, bob, mallory, carol, topic, post } = &watched;
    let later = || app.app.clock.advance(TimeDelta::seconds(1));
    later();
    alice.put("/me/username", json!({ "username": "alicia" })).await.is(200);
    later();
    let second = alice.posts_in(topic, "More maps!").await;
    let bobs = bob.posts_in(topic, "Which maps?").await;
    let mallorys = mallory.posts_in(topic, "I moderate.").await;
    later();
    alice.delete_as_read(&format!("/posts/{second}")).await.is(200);
    alice.reports("post", &bobs, "off_topic").await;
    alice.reports("post", &mallorys, "harassment").await;
    later();
    bob.reports("post", post, "spam").await;
    let case = case_of(app, post).await;
    later();
    let mut silence = action("silence");
    silence["ends_at"] = json!("2026-02-01T00:00:00Z");
    let decision =
        json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [action("hide"), silence] });
    let decided = moves(mallory, &case, "resolve", Some(decision)).await.is(200);
    later();
    let actions = decided.body["actions"].as_array().unwrap();
    let silenced = actions.iter().find(|action| action["kind"] == "silence").unwrap()["id"].as_str().unwrap();
    let why = json!({ "explanation": "It was a museum after all." });
    mallory.post(&format!("/mod/actions/{silenced}/revert"), why).await.is(200);
    later();
    let note = json!({ "text": "The third time this week.", "audience": "moderators" });
    mallory.post("/mod/accounts/alicia/notes", note).await.is(201);
    later();
    app.sql(
        "INSERT INTO event (kind, subject_id, data, created_at)
         SELECT 'trust_level_raised', id, '{\"level\": 1}', '2026-01-15T12:00:08Z' FROM account WHERE username = 'alicia'",
    )
    .await
    .unwrap();
    later();
    revokes(carol, "alicia").await.is(200);
    let account = app.rows("SELECT id::text FROM account WHERE username = 'alicia'").await.remove(0);
    (watched, account)
}

#[tokio::test]
async fn what_happened_with_an_account_is_one_list() {
    let (watched, _) = with_a_past().await;
    let Watched { mallory, carol, topic, post, .. } = &watched;
    let whole = lines(mallory, "alicia", "").await;
    expect![[r#"
        12:00:09Z sessions_revoked Somebody else has got in.
        12:00:08Z trust_level_raised 1
        12:00:07Z note moderators The third time this week.
        12:00:06Z action revert about a post
        12:00:06Z sanction_lifted silence
        12:00:05Z sanction_started silence 2026-02-01T00:00:00Z
        12:00:05Z action silence 2026-02-01T00:00:00Z about a post
        12:00:05Z action hide about a post
        12:00:05Z case_resolved upheld about a post
        12:00:04Z case_opened about a post
        12:00:03Z report off_topic about a post
        12:00:03Z post_deleted
        12:00:02Z post deleted
        12:00:01Z renamed alice
        12:00:00Z post hidden
        12:00:00Z joined
    "#]]
    .assert_eq(&format!("{}\n", whole.join("\n")));
    // Who reported the reader is not for them to know; others see it.
    assert_eq!(lines(carol, "alicia", "&kind=report").await.len(), 2);
    assert_eq!(lines(mallory, "alicia", "&kind=report").await.len(), 1);
    // Page by page it is the same, however small they are.
    let mut paged = Vec::new();
    let mut after = String::new();
    loop {
        let page = mallory.get(&format!("/mod/accounts/alicia/timeline?limit=1{after}")).await.is(200);
        paged.extend(page.body["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page.body["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    let all = mallory.get("/mod/accounts/alicia/timeline?limit=100").await.is(200);
    assert_eq!(json!(paged), all.body["items"]);
    assert_eq!(all.header("cache-control"), Some("no-store"));
    for kind in ["joined", "post_deleted", "case_resolved", "sanction_lifted", "sessions_revoked"] {
        let of_kind = lines(mallory, "alicia", &format!("&kind={kind}")).await;
        let expected: Vec<_> = whole.iter().filter(|line| line.contains(&format!("Z {kind}"))).collect();
        assert_eq!(of_kind.iter().collect::<Vec<_>>(), expected);
        assert_eq!(of_kind.len(), 1, "{kind}");
    }
    let posts = mallory.get("/mod/accounts/alicia/timeline?kind=post&limit=1&after=").await;
    posts.is_problem(400, "invalid_cursor");
    let posts = mallory.get("/mod/accounts/alicia/timeline?kind=post").await.is(200);
    let topic_id = mallory.get(&format!("/topics/{topic}")).await.text("/id");
    let first = json!({
        "kind": "post", "at": "2026-01-15T12:00:00Z", "id": post, "subject": null, "topic_id": topic_id,
        "detail": "hidden", "outcome": null, "text": null, "ends_at": null,
    });
    assert_eq!(posts.body["items"][1], first, "and nothing else is told of it");
}

#[tokio::test]
async fn a_walk_through_a_timeline_is_whole_where_everything_happened_at_once() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, topic, post, .. } = &watched;
    for n in 0..3 {
        let more = alice.posts_in(topic, &format!("Map {n}.")).await;
        alice.delete_as_read(&format!("/posts/{more}")).await.is(200);
    }
    bob.reports("post", post, "spam").await;
    let case = case_of(app, post).await;
    for resolution in ["rejected", "ignored"] {
        let decision = json!({ "resolution": resolution, "note": "It is nothing." });
        moves(mallory, &case, "resolve", Some(decision)).await.is(200);
        moves(mallory, &case, "reopen", Some(json!({ "note": "I was too quick." }))).await.is(200);
    }
    mallory.acts("post", post, action("warn")).await;
    let all = mallory.get("/mod/accounts/alice/timeline?limit=100").await.is(200).body["items"].clone();
    for limit in [1, 2, 5] {
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let page =
                mallory.get(&format!("/mod/accounts/alice/timeline?limit={limit}{after}")).await.is(200);
            paged.extend(page.body["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page.body["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(json!(paged), all, "{limit} a page");
    }
    // Joining, four posts, three of them deleted, a case that was opened three times and decided twice, and a warning.
    assert_eq!(all.as_array().unwrap().len(), 1 + 4 + 3 + 5 + 2);
}

#[tokio::test]
async fn a7_a_timeline_is_for_those_who_read_the_record_and_never_ones_own() {
    let (watched, _) = with_a_past().await;
    let Watched { app, bob, mallory, carol, .. } = &watched;
    let alicia = app.sign_in("alicia").await;
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "tag", "tag": "armada" })).await;
    let path = "/mod/accounts/alicia/timeline";
    for who in [bob, &dora, &alicia] {
        who.get(path).await.is_problem(403, "not_allowed");
        who.get("/mod/accounts/nobody/timeline").await.is_problem(403, "not_allowed");
    }
    app.guest().get(path).await.is_problem(401, "unauthenticated");
    token(app, "mallory", &["read"]).await.get(path).await.is_problem(403, "scope_missing");
    mallory.get("/mod/accounts/mallory/timeline").await.is_problem(403, "not_allowed");
    mallory.get("/mod/accounts/nobody/timeline").await.is_problem(404, "not_found");
    mallory.get(&format!("{path}?kind=everything")).await.refuses(&[("kind", "unknown_value")]);
    mallory.get(&format!("{path}?limit=101")).await.refuses(&[("limit", "out_of_range")]);
    let next = mallory.get(&format!("{path}?limit=1")).await.is(200).text("/next");
    mallory.get(&format!("{path}?kind=post&after={next}")).await.is_problem(400, "invalid_cursor");
    carol.get(&format!("{path}?after={next}")).await.is_problem(400, "invalid_cursor");
    // Who decides about people and reads no reports sees none here.
    permits(carol, "dora", &["user.suspend"], json!({ "kind": "site" })).await;
    let seen = lines(&dora, "alicia", "").await;
    assert!(seen.iter().any(|line| line.contains("sanction_started")), "{seen:?}");
    assert!(!seen.iter().any(|line| line.contains("Z report") || line.contains("Z case_")), "{seen:?}");
    // What is known to nobody but her is not in it.
    let all = carol.get(&format!("{path}?limit=100")).await.is(200).body.to_string();
    for secret in ["example.org", "203.0.113", "hash", "password"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

/// A server behind a proxy, so that people come from different places.
async fn behind_a_proxy() -> (TestApp, Client) {
    let app = TestApp::with("[server]\ntrusted_proxies = ['203.0.113.7']\n").await;
    let carol = app.administrator("carol").await;
    (app, carol)
}

/// Signs somebody in from somewhere.
async fn comes(app: &TestApp, username: &str, address: &str, client: &str) -> Client {
    let there = app.guest().with("x-forwarded-for", address).with("user-agent", client);
    let session = there.post("/sessions", json!({ "login": username, "password": PASSWORD })).await.is(201);
    app.bearer(&session.text("/access_token"))
}

/// Registers somebody from somewhere and signs them in there.
async fn joins(app: &TestApp, username: &str, address: &str, client: &str) -> Client {
    let new =
        json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
    app.guest().with("x-forwarded-for", address).post("/accounts", new).await.is(201);
    comes(app, username, address, client).await
}

async fn looks(who: &Client, query: &str) -> Reply {
    let asking = who.with("inspection-reason", "Three accounts with one voice.");
    asking.get(&format!("/mod/accounts/alice/related{query}")).await
}

/// What accounts share with alice's: the names, and how often what.
fn shared(reply: &Reply) -> Vec<String> {
    let line = |item: &Value| {
        let signals = item["signals"].as_array().unwrap();
        let signals: Vec<_> = signals
            .iter()
            .map(|signal| format!("{} {}", signal["kind"].as_str().unwrap(), signal["times"]))
            .collect();
        format!("{}: {}", item["account"]["username"].as_str().unwrap(), signals.join(", "))
    };
    reply.body["items"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn d3_accounts_that_share_something_are_found_and_not_where_they_are() {
    let (app, carol) = behind_a_proxy().await;
    joins(&app, "alice", "198.51.100.1", "CanaryAgent/1").await;
    comes(&app, "alice", "2001:db8:1:2::9", "CanaryAgent/1").await;
    joins(&app, "bob", "198.51.100.1", "CanaryAgent/1").await;
    comes(&app, "bob", "198.51.100.1", "OtherAgent/2").await;
    joins(&app, "dan", "192.0.2.1", "CanaryAgent/1").await;
    app.app.clock.advance(TimeDelta::minutes(1));
    joins(&app, "erin", "198.51.100.1", "OtherAgent/2").await;
    joins(&app, "frank", "2001:db8:1:2::1", "OtherAgent/2").await;
    joins(&app, "grace", "2001:db8:1:3::1", "CanaryAgent/1").await;
    let seen = looks(&carol, "").await.is(200);
    assert_eq!(
        shared(&seen),
        ["bob: address 2, client 1, sign_up 1", "erin: address 1", "frank: address 1"],
        "dan and grace were elsewhere"
    );
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    let text = seen.body.to_string();
    for secret in ["198.51", "2001:db8", "Agent", "example.org", "hash", "address\":"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let bob = json!({
        "account": { "id": app.guest().get("/accounts/bob").await.text("/id"), "role": "member", "username": "bob" },
        "signals": [
            { "kind": "address", "times": 2 }, { "kind": "client", "times": 1 }, { "kind": "sign_up", "times": 1 },
        ],
    });
    assert_eq!(seen.body["items"][0], bob, "and nothing else is told");
    // Each look is kept with its reason, and entered, with whom it was about.
    looks(&carol, "?days=1").await.is(200);
    let kept = "SELECT concat_ws(' ', x.kind, a.username, o.username, x.reason) FROM account_access x
                JOIN account a ON a.id = x.actor_id JOIN account o ON o.id = x.account_id ORDER BY x.id";
    assert_eq!(app.rows(kept).await, ["related_read carol alice Three accounts with one voice."; 2]);
    let logged =
        "SELECT format('%s by %s about %s %s', l.outcome, a.username, o.username, l.data) FROM audit_log l
                  JOIN account a ON a.id = l.actor_id JOIN account o ON o.id = l.object_id
                  WHERE verb = 'read_related' ORDER BY seq";
    assert_eq!(
        app.rows(logged).await,
        [r#"done by carol about alice {"days": 30}"#, r#"done by carol about alice {"days": 1}"#]
    );
    // What is longer ago than it is asked for, or is kept no more, is not found.
    app.app.clock.advance(TimeDelta::days(31));
    let carol = app.sign_in("carol").await;
    assert_eq!(shared(&looks(&carol, "").await.is(200)), Vec::<String>::new());
    assert_eq!(shared(&looks(&carol, "?days=90").await.is(200)).len(), 3);
    app.sql("UPDATE session SET client_address = NULL").await.unwrap();
    assert_eq!(shared(&looks(&carol, "?days=90").await.is(200)), ["bob: sign_up 1"]);
}

#[tokio::test]
async fn a7_only_who_may_read_personal_data_sees_what_accounts_share() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, .. } = &watched;
    for who in [alice, bob, mallory] {
        looks(who, "").await.is_problem(403, "not_allowed");
        // Whether somebody may is said before what is wrong with the reason, or who is there.
        who.get("/mod/accounts/nobody/related").await.is_problem(403, "not_allowed");
    }
    looks(&app.guest(), "").await.is_problem(401, "unauthenticated");
    permits(carol, "bob", &["pii.read"], json!({ "kind": "tag", "tag": "armada" })).await;
    looks(bob, "").await.is_problem(403, "not_allowed");
    looks(&token(app, "carol", &["read", "post"]).await, "").await.is_problem(403, "scope_missing");
    let reasoned = carol.with("inspection-reason", "Three accounts with one voice.");
    reasoned.get("/mod/accounts/carol/related").await.is_problem(403, "own_subject");
    reasoned.get("/mod/accounts/nobody/related").await.is_problem(404, "not_found");
    let path = "/mod/accounts/alice/related";
    carol.get(path).await.refuses(&[("Inspection-Reason", "missing")]);
    carol.with("inspection-reason", "ab").get(path).await.refuses(&[("Inspection-Reason", "too_short")]);
    for days in ["0", "91"] {
        looks(carol, &format!("?days={days}")).await.refuses(&[("days", "out_of_range")]);
    }
    assert_eq!(
        app.rows("SELECT 1::text FROM account_access").await,
        Vec::<String>::new(),
        "nothing was seen"
    );
    permits(carol, "bob", &["pii.read"], json!({ "kind": "site" })).await;
    looks(bob, "").await.is(200);
}

#[tokio::test]
async fn d1_what_was_done_with_an_account_is_in_copies_and_goes_with_whoever_gave_the_reason() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, .. } = &watched;
    revokes(mallory, "alice").await.is(200);
    revokes(mallory, "bob").await.is(200);
    let copy = async |who: &Client| {
        who.send(Method::POST, "/me/export", None).await.is(202);
        while own_data_next(&app.app).await.unwrap() {}
        who.get("/me/export/file").await.is(200).body
    };
    let of_alice = copy(&app.sign_in("alice").await).await;
    assert_eq!(
        of_alice["session_revocations"],
        json!([{ "reason": REASON, "created_at": "2026-01-15T12:00:00Z" }])
    );
    assert!(!of_alice.to_string().contains("mallory"));
    let of_mallory = copy(mallory).await;
    let done = json!({ "kind": "sessions_revoked", "created_at": "2026-01-15T12:00:00Z" });
    assert_eq!(of_mallory["account_accesses"], json!([done, done]));
    let carols = carol.get("/me").await.is(200).text("/id");
    assert!(!of_mallory["account_accesses"].to_string().contains(&carols));
    for who in [mallory, &app.sign_in("bob").await] {
        who.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    }
    app.app.clock.advance(TimeDelta::days(7));
    while own_data_next(&app.app).await.unwrap() {}
    let left =
        "SELECT format('%s about %s: <%s>', coalesce(x.actor_id::text, 'nobody'), o.username, x.reason)
                FROM account_access x JOIN account o ON o.id = x.account_id";
    assert_eq!(app.rows(left).await, ["nobody about alice: <>"]);
}

#[tokio::test]
async fn a9_what_was_asked_for_with_a_session_that_was_taken_from_somebody_is_not_done() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, post, .. } = &watched;
    let with_token = token(app, "mallory", &["moderate"]).await;
    let other = watched.alice.posts_in(&watched.topic, "The tides were wrong.").await;
    let mut jobs = Vec::new();
    for (who, id) in [(mallory, post), (&with_token, &other)] {
        let job = json!({
            "subjects": { "kind": "post", "ids": [id] }, "actions": [action("remove")], "note": "The wave of this morning.",
        });
        let plan = who.post("/mod/jobs", job).await.is(201);
        let hash = format!("\"{}\"", plan.text("/plan/hash"));
        let path = format!("/mod/jobs/{}", plan.text("/id"));
        who.with("if-match", &hash).post(&format!("{path}/execute"), json!({})).await.is(200);
        jobs.push(path);
    }
    revokes(carol, "mallory").await.is(200);
    while job_item_next(&app.app).await.unwrap() {}
    for path in jobs {
        let job = carol.get(&path).await.is(200).body;
        assert_eq!((&job["state"], &job["left_alone"][0]["code"]), (&json!("failed"), &json!("not_allowed")));
    }
    assert_eq!(app.rows("SELECT DISTINCT status FROM post").await, ["visible"]);
}

#[tokio::test]
async fn m4_personal_data_takes_a_recent_proof_of_who_asks() {
    let watched = Watched::with("[auth]\nfresh_secs = 60").await;
    let Watched { app, carol, .. } = &watched;
    let related = async |who: &Client| {
        who.with("inspection-reason", "They post in turn.").get("/mod/accounts/bob/related").await
    };
    let script = token(app, "carol", &["read", "moderate"]).await;
    related(carol).await.is(200);
    carol.get("/mod/audit").await.is(200);
    app.app.clock.advance(TimeDelta::seconds(61));
    related(carol).await.is_problem(403, "step_up_required");
    carol.get("/mod/audit").await.is_problem(403, "step_up_required");
    related(&script).await.is(200);
    script.get("/mod/audit").await.is(200);
}
