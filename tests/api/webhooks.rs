//! Webhooks: what they are told, how that is signed and tried again, where they may lead, and on whose authority.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{job_item_next, own_data_next, plan_webhooks_next, tell_webhooks_next, tidy};
use sea_orm::sqlx::{Connection, PgConnection, raw_sql};
use serde_json::{Value, json};

use crate::moderation::{Watched, moves};
use crate::support::builders::action;
use crate::support::receiver::{Reaction, Received, Receiver};
use crate::support::{Client, PASSWORD, Reply, TestApp};

const ALL: [&str; 8] = [
    "case_opened",
    "case_reopened",
    "case_resolved",
    "appeal_filed",
    "appeal_decided",
    "action_taken",
    "action_reverted",
    "job_finished",
];

/// A debate with moderators, and somebody who receives what happens there.
struct Hooked {
    watched: Watched,
    receiver: Receiver,
}

impl Hooked {
    async fn new() -> Self {
        Self::with("").await
    }

    /// The same with further settings of webhooks.
    async fn with(settings: &str) -> Self {
        let receiver = Receiver::start().await;
        let watched = Watched::with(&format!("{}{settings}", receiver.settings())).await;
        Self { watched, receiver }
    }

    fn new_webhook(&self, kinds: &[&str]) -> Value {
        json!({ "url": format!("{}/hook", self.receiver.origin), "kinds": kinds, "note": "The bot of the desk." })
    }

    /// Has carol make a webhook.
    async fn makes(&self, kinds: &[&str]) -> Reply {
        self.watched.carol.post("/mod/webhooks", self.new_webhook(kinds)).await.is(201)
    }

    /// Has bob report something new of alice's.
    async fn is_reported(&self) {
        let Watched { alice, bob, topic, .. } = &self.watched;
        let post = alice.posts_in(topic, "Buy charts of Kent, cheap!").await;
        bob.reports("post", &post, "spam").await;
    }

    async fn work(&self) -> Vec<String> {
        work(&self.watched.app).await;
        told(&self.receiver.received())
    }
}

/// Sends all that is due.
async fn work(app: &TestApp) {
    while plan_webhooks_next(&app.app).await.unwrap() | tell_webhooks_next(&app.app).await.unwrap() {}
}

/// What was received, by what happened.
fn told(received: &[Received]) -> Vec<String> {
    received.iter().map(|one| one.body()["kind"].as_str().unwrap().to_owned()).collect()
}

fn id(reply: &Reply) -> String {
    reply.text("/id")
}

/// The last delivery of a webhook, in a line.
async fn last_delivery(who: &Client, hook: &str) -> String {
    let page = who.get(&format!("/mod/webhooks/{hook}/deliveries?limit=1")).await.is(200);
    let last = &page.body["items"][0];
    format!(
        "{} {} {} {} {}",
        last["kind"].as_str().unwrap(),
        last["state"].as_str().unwrap(),
        last["attempts"],
        last["last_status"],
        last["last_failure"].as_str().unwrap_or("-")
    )
}

async fn state(who: &Client, hook: &str) -> String {
    who.get(&format!("/mod/webhooks/{hook}")).await.is(200).text("/state")
}

async fn post(who: &Client, path: &str) -> Reply {
    who.send(Method::POST, path, None).await
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted_and_its_secret_is_told_once() {
    let hooked = Hooked::new().await;
    let Watched { app, carol, mallory, .. } = &hooked.watched;
    let made = hooked.makes(&["case_opened", "action_taken"]).await;
    let secret = made.text("/secret");
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let path = format!("/mod/webhooks/{}", id(&made));
    assert_eq!(made.header("location"), Some(format!("/api/v1{path}").as_str()));
    let read = carol.get(&path).await.is(200);
    assert_eq!(made.header("etag").map(|tag| &tag[..3]), read.header("etag").map(|tag| &tag[..3]));
    let mut shown = read.body.clone();
    shown["url"] = json!("…");
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "failures": 0,
          "former_key_until": null,
          "id": "00000000-0000-7000-8000-000000000013",
          "key_number": 1,
          "kinds": [
            "case_opened",
            "action_taken"
          ],
          "note": "The bot of the desk.",
          "owner": {
            "id": "00000000-0000-7000-8000-000000000007",
            "role": "administrator",
            "username": "carol"
          },
          "state": "enabled",
          "updated_at": "2026-01-15T12:00:00Z",
          "url": "…"
        }
    "#]]
    .assert_eq(&format!("{shown:#}\n"));
    let mut with_secret = read.body.clone();
    with_secret["secret"] = json!(secret);
    assert_eq!(made.body, with_secret);
    let page = carol.get("/mod/webhooks").await.is(200);
    assert_eq!(page.body, json!({ "items": [read.body], "next": null }));
    mallory.get(&path).await.is_problem(403, "not_allowed");

    let edit = json!({ "kinds": ["job_finished"], "note": "Jobs only." });
    let edited = carol.patch(&path, edit.clone()).await.is(200);
    assert_eq!(
        (&edited.body["kinds"], &edited.body["note"]),
        (&json!(["job_finished"]), &json!("Jobs only."))
    );
    let bytes = || Some(edit.to_string().into_bytes());
    carol.send(Method::PATCH, &path, bytes()).await.is_problem(428, "precondition_required");
    let stale = carol.with("if-match", read.header("etag").unwrap());
    stale.send(Method::PATCH, &path, bytes()).await.is_problem(412, "precondition_failed");
    stale.delete(&path).await.is_problem(412, "precondition_failed");
    let off = carol.patch(&path, json!({ "enabled": false })).await.is(200);
    assert_eq!(off.body["state"], "disabled");
    post(carol, &format!("{path}/test")).await.is_problem(409, "invalid_state_transition");
    assert_eq!(carol.patch(&path, json!({ "enabled": true })).await.is(200).body["state"], "enabled");
    carol.delete_as_read(&path).await.is(204);
    for path in [path.clone(), format!("{path}/deliveries")] {
        carol.get(&path).await.is_problem(404, "not_found");
    }
    for path in [format!("{path}/rotate"), format!("{path}/test")] {
        post(carol, &path).await.is_problem(404, "not_found");
    }
    let entries = "SELECT verb || ' ' || (object_id = '#')::text || ' ' || data::text FROM audit_log
                   WHERE object_kind = 'webhook' ORDER BY seq";
    expect![[r#"
        create_webhook true {"kinds": ["case_opened", "action_taken"]}
        edit_webhook true {"kinds": ["job_finished"], "state": "enabled", "url_changed": false}
        edit_webhook true {"kinds": ["job_finished"], "state": "disabled", "url_changed": false}
        edit_webhook true {"kinds": ["job_finished"], "state": "enabled", "url_changed": false}
        delete_webhook true {}
    "#]]
    .assert_eq(&(app.rows(&entries.replace('#', &id(&made))).await.join("\n") + "\n"));
    // Neither the key nor where it leads stands anywhere else.
    let raw = secret.strip_prefix("whsec_").unwrap();
    let kept =
        app.rows("SELECT l::text FROM audit_log l UNION ALL SELECT e::text FROM event e").await.join("\n");
    assert!(!kept.contains(raw) && !kept.contains("/hook"), "{kept}");
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_by_field() {
    let hooked = Hooked::new().await;
    let carol = &hooked.watched.carol;
    let made = hooked.makes(&["case_opened"]).await;
    let path = format!("/mod/webhooks/{}", id(&made));
    for (field, value, code) in [
        ("url", json!("scripts.example.org"), "malformed_url"),
        ("url", json!("http://scripts.example.org/"), "not_https"),
        ("url", json!("https://scripts.example.org:8443/"), "port_not_allowed"),
        ("url", json!("https://me@scripts.example.org/"), "credentials_in_url"),
        ("url", json!("https://scripts.example.org/#x"), "fragment_in_url"),
        ("url", json!("https://127.0.0.1/"), "address_not_allowed"),
        ("url", json!("https://0x7f.1/"), "address_not_allowed"),
        ("url", json!("https://[::ffff:10.0.0.1]/"), "address_not_allowed"),
        ("url", json!("https://169.254.169.254/latest/meta-data"), "address_not_allowed"),
        ("url", json!(hooked.receiver.origin.replace("http:", "https:")), "port_not_allowed"),
        ("url", json!(format!("https://scripts.example.org/{}", "x".repeat(1000))), "too_long"),
        ("kinds", json!([]), "too_few"),
        ("kinds", json!(["case_opened", "case_opened"]), "duplicate"),
        ("note", json!(""), "blank"),
        ("note", json!("x".repeat(201)), "too_long"),
    ] {
        let mut new = hooked.new_webhook(&["case_opened"]);
        new[field] = value.clone();
        carol.post("/mod/webhooks", new).await.refuses(&[(field, code)]);
        carol.patch(&path, json!({ field: value })).await.refuses(&[(field, code)]);
    }
    for (field, value) in
        [("kinds", json!(["post_created"])), ("kinds", json!(["ping"])), ("secret", json!("x"))]
    {
        let mut new = hooked.new_webhook(&["case_opened"]);
        new[field] = value;
        assert_eq!(carol.post("/mod/webhooks", new).await.status, 422, "{field}");
    }
    assert_eq!(carol.patch(&path, json!({ "enabled": null })).await.status, 422);
    // A name is called by what it stands for.
    let local = json!({ "url": "https://localhost/hook", "kinds": ["case_opened"], "note": "Here." });
    let local = id(&carol.post("/mod/webhooks", local).await.is(201));
    post(carol, &format!("/mod/webhooks/{local}/test")).await.is(202);
    assert!(hooked.work().await.is_empty());
    assert_eq!(last_delivery(carol, &local).await, "ping pending 1 null address_refused");
}

#[tokio::test]
async fn x7_what_happens_is_told_signed_and_says_nothing_about_it() {
    let hooked = Hooked::new().await;
    let Watched { app, alice, bob, mallory, carol, post, topic, .. } = &hooked.watched;
    bob.reports("topic", topic_id(alice, topic).await.as_str(), "spam").await;
    let made = hooked.makes(&ALL).await;
    assert!(hooked.work().await.is_empty(), "what was there before is not told");

    bob.reports("post", post, "spam").await;
    let case = hooked.watched.case().await;
    let decision =
        json!({ "resolution": "upheld", "note": "As the rule says.", "actions": [action("remove")] });
    moves(mallory, &case, "resolve", Some(decision)).await.is(200);
    let removed = app.rows("SELECT id::text FROM mod_action").await.remove(0);
    let appeal = alice.appeals(&removed).await;
    let path = format!("/mod/appeals/{appeal}");
    let etag = carol.get(&path).await.header("etag").unwrap().to_owned();
    let verdict = json!({ "outcome": "overturned", "reasons": "It was looked at again." });
    carol.with("if-match", &etag).post(&format!("{path}/decide"), verdict).await.is(200);
    moves(mallory, &case, "reopen", Some(json!({ "note": "I was too quick." }))).await.is(200);
    let job = json!({
        "subjects": { "kind": "post", "ids": [post] }, "actions": [action("hide")], "note": "Let us see.",
    });
    let job = mallory.post("/mod/jobs", job).await.is(201);
    let hash = format!("\"{}\"", job.text("/plan/hash"));
    let execute = format!("/mod/jobs/{}/execute", id(&job));
    mallory.with("if-match", &hash).post(&execute, json!({})).await.is(200);
    while job_item_next(&app.app).await.unwrap() {}

    work(app).await;
    let received = hooked.receiver.received();
    let lines: Vec<String> = received
        .iter()
        .map(|one| {
            let body = one.body();
            let named = |field: &str, name: &str, what: &str| {
                (body[field] == name).then(|| format!(" {field}={what}"))
            };
            let ids: Vec<_> =
                [(&case, "case"), (&appeal, "appeal"), (&removed, "removed"), (&id(&job), "job")]
                    .iter()
                    .flat_map(|(name, what)| [named("subject_id", name, what), named("case_id", name, what)])
                    .flatten()
                    .collect();
            format!("{}{}", body["kind"].as_str().unwrap(), ids.concat())
        })
        .collect();
    expect![[r#"
        case_opened subject_id=case case_id=case
        action_taken case_id=case subject_id=removed
        case_resolved subject_id=case case_id=case
        appeal_filed case_id=case subject_id=appeal
        action_reverted case_id=case
        appeal_decided case_id=case subject_id=appeal
        case_reopened subject_id=case case_id=case
        action_taken case_id=case
        job_finished subject_id=job
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
    for one in &received {
        let body = one.body();
        assert_eq!(one.path, "/hook");
        assert_eq!(one.header("webhook-id"), body["id"]);
        assert_eq!(one.header("webhook-timestamp"), app.app.now().timestamp().to_string());
        assert_eq!(one.header("webhook-key-numbers"), "1");
        assert_eq!(one.header("content-type"), "application/json");
        assert_eq!(one.signed_by(&made.text("/secret")), [true]);
        // Any other key, or any other body, name or time, is another signature.
        assert_eq!(one.signed_by("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), [false]);
        let forged = Received { text: one.text.replace("case", "Case"), ..one.clone() };
        assert_eq!(forged.signed_by(&made.text("/secret")), [false]);
        let mut replayed = one.clone();
        replayed.headers.insert("webhook-timestamp", "1800000000".parse().unwrap());
        assert_eq!(replayed.signed_by(&made.text("/secret")), [false]);
        let mut fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["at", "case_id", "id", "kind", "subject_id"]);
        for private in ["alice", "bob", "mallory", "maps", "quick", "shop", "Asked", "@"] {
            assert!(!one.text.contains(private), "{}", one.text);
        }
    }
    // Each is told once, under a name of its own.
    let mut names: Vec<_> = received.iter().map(|one| one.header("webhook-id").to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), received.len());
    assert!(hooked.work().await.is_empty());
    let page = carol.get(&format!("/mod/webhooks/{}/deliveries?limit=2", id(&made))).await.is(200);
    let next = page.text("/next");
    let page =
        carol.get(&format!("/mod/webhooks/{}/deliveries?limit=1&after={next}", id(&made))).await.is(200);
    assert_eq!(page.body["items"][0]["state"], "delivered");
}

async fn topic_id(who: &Client, slug: &str) -> String {
    who.get(&format!("/topics/{slug}")).await.is(200).text("/id")
}

#[tokio::test]
async fn a_webhook_is_told_of_the_kinds_it_asked_for_and_while_it_is_enabled() {
    let hooked = Hooked::new().await;
    let carol = &hooked.watched.carol;
    let made = hooked.makes(&["case_resolved"]).await;
    let path = format!("/mod/webhooks/{}", id(&made));
    hooked.is_reported().await;
    assert!(hooked.work().await.is_empty());
    carol.patch(&path, json!({ "kinds": ["case_opened"] })).await.is(200);
    hooked.is_reported().await;
    hooked.work().await;
    carol.patch(&path, json!({ "enabled": false })).await.is(200);
    hooked.is_reported().await;
    assert!(hooked.work().await.is_empty());
    carol.patch(&path, json!({ "enabled": true })).await.is(200);
    assert!(hooked.work().await.is_empty(), "what happened meanwhile is not told later");
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    // What was not sent before it was disabled is not sent either.
    hooked.is_reported().await;
    assert!(plan_webhooks_next(&hooked.watched.app.app).await.unwrap());
    carol.patch(&path, json!({ "enabled": false })).await.is(200);
    carol.patch(&path, json!({ "enabled": true })).await.is(200);
    assert!(hooked.work().await.is_empty());
    assert_eq!(last_delivery(carol, &id(&made)).await, "case_opened dropped 0 null webhook_disabled");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_in_whatever_order_transactions_end() {
    let hooked = Hooked::new().await;
    let app = &hooked.watched.app;
    hooked.makes(&["case_opened"]).await;
    let settings = hooked.receiver.settings();
    // It took its number before others did, and ends after them.
    let mut slow = PgConnection::connect(app.database_url()).await.unwrap();
    raw_sql(
        "BEGIN; INSERT INTO event (kind, subject_id, data, created_at)
         VALUES ('case_opened', gen_random_uuid(), '{}', '2026-01-15T12:00:00Z')",
    )
    .execute(&mut slow)
    .await
    .unwrap();
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    raw_sql("COMMIT").execute(&mut slow).await.unwrap();
    assert_eq!(hooked.work().await, ["case_opened"]);
    assert!(hooked.work().await.is_empty());

    // Two servers, which find it at once.
    let other = app.another(&settings).await;
    for _ in 0..3 {
        hooked.is_reported().await;
    }
    let at_once = || async { futures_util::future::join(work(app), work(&other)).await };
    at_once().await;
    assert_eq!(told(&hooked.receiver.received()), ["case_opened"; 3]);
    at_once().await;
    assert!(hooked.receiver.received().is_empty());

    // More than one look takes in.
    app.sql(
        "INSERT INTO event (kind, subject_id, data, created_at)
         SELECT 'case_opened', gen_random_uuid(), '{}', '2026-01-15T12:00:00Z' FROM generate_series(1, 1234)",
    )
    .await
    .unwrap();
    while plan_webhooks_next(&app.app).await.unwrap() {}
    let count = "SELECT count(*)::text || ' ' || count(DISTINCT event_seq) FROM webhook_delivery";
    assert_eq!(app.rows(count).await, ["1240 1240"]);
}

#[tokio::test]
async fn what_a_server_that_was_killed_had_taken_is_sent_again() {
    let hooked = Hooked::with("[database]\nmax_connections = 1\n").await;
    let Watched { app, carol, .. } = &hooked.watched;
    let made = hooked.makes(&["case_opened"]).await;
    hooked.is_reported().await;
    hooked.receiver.reacts(&[Reaction::Silence]);
    assert!(plan_webhooks_next(&app.app).await.unwrap());
    let server = app.app.clone();
    let telling = tokio::spawn(async move { tell_webhooks_next(&server).await });
    hooked.receiver.has_received(1).await;
    // Nobody waits for whoever receives it: not for the one connection there is, nor for the webhook.
    carol.get(&format!("/mod/webhooks/{}", id(&made))).await.is(200);
    carol.patch(&format!("/mod/webhooks/{}", id(&made)), json!({ "note": "Slow." })).await.is(200);
    // One thing at a time.
    assert!(!tell_webhooks_next(&app.app).await.unwrap());
    telling.abort();
    assert!(telling.await.unwrap_err().is_cancelled());
    assert!(!tell_webhooks_next(&app.app).await.unwrap());
    app.app.clock.advance(TimeDelta::seconds(40));
    assert!(tell_webhooks_next(&app.app).await.unwrap());
    let received = hooked.receiver.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    assert_eq!(received[0].text, received[1].text);
    assert_ne!(received[0].header("webhook-timestamp"), received[1].header("webhook-timestamp"));
    assert_eq!(received[1].signed_by(&made.text("/secret")), [true]);
    assert_eq!(last_delivery(carol, &id(&made)).await, "case_opened delivered 2 204 -");
}

#[tokio::test]
async fn x7_a_key_is_changed_without_a_gap() {
    let hooked = Hooked::new().await;
    let Watched { app, carol, .. } = &hooked.watched;
    let made = hooked.makes(&["case_opened"]).await;
    let path = format!("/mod/webhooks/{}", id(&made));
    let signed = async |secrets: &[&str]| {
        post(&app.sign_in("carol").await, &format!("{path}/test")).await.is(202);
        work(app).await;
        let received = hooked.receiver.received().remove(0);
        let by = secrets.iter().map(|secret| received.signed_by(secret)).collect::<Vec<_>>();
        (received.header("webhook-key-numbers").to_owned(), by)
    };
    let first = made.text("/secret");
    let rotated = post(carol, &format!("{path}/rotate")).await.is(200);
    let second = rotated.text("/secret");
    assert_eq!(rotated.body["former_key_until"], "2026-01-16T12:00:00Z");
    assert_eq!(
        signed(&[&second, &first]).await,
        ("2 1".to_owned(), vec![vec![true, false], vec![false, true]])
    );
    let third = post(carol, &format!("{path}/rotate")).await.is(200).text("/secret");
    let by = vec![vec![true, false], vec![false, true], vec![false, false]];
    assert_eq!(signed(&[&third, &second, &first]).await, ("3 2".to_owned(), by));
    app.app.clock.advance(TimeDelta::hours(24));
    assert_eq!(signed(&[&third, &second]).await, ("3".to_owned(), vec![vec![true], vec![false]]));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT (sealed_former_key IS NULL)::text FROM webhook").await, ["true"]);
    assert_eq!(signed(&[&third]).await, ("3".to_owned(), vec![vec![true]]));
    // What is kept is sealed.
    let sealed = app.rows("SELECT encode(sealed_key, 'base64') FROM webhook").await.remove(0);
    assert!(!sealed.contains(third.strip_prefix("whsec_").unwrap()));
}

#[tokio::test]
async fn x7_what_fails_is_tried_again_and_a_webhook_that_keeps_failing_is_disabled() {
    let hooked = Hooked::with("attempts = 3\ndisable_after = 2\ntimeout_ms = 300\n").await;
    let Watched { app, carol, .. } = &hooked.watched;
    let made = id(&hooked.makes(&["case_opened"]).await);
    let path = format!("/mod/webhooks/{made}");
    let later = async || {
        app.app.clock.advance(TimeDelta::days(1));
        work(app).await;
        app.sign_in("carol").await
    };
    hooked.is_reported().await;
    hooked.receiver.reacts(&[Reaction::Status(500), Reaction::Elsewhere]);
    work(app).await;
    let page = carol.get(&format!("{path}/deliveries")).await.is(200);
    let due = page.text("/items/0/next_attempt_at");
    assert!(("2026-01-15T12:00:00.0001Z"..="2026-01-15T12:00:30Z").contains(&due.as_str()), "{due}");
    assert_eq!(last_delivery(carol, &made).await, "case_opened pending 1 500 status");
    work(app).await;
    assert_eq!(hooked.receiver.received().len(), 1, "it waits");
    assert_eq!(last_delivery(&later().await, &made).await, "case_opened pending 2 307 redirect");
    assert_eq!(last_delivery(&later().await, &made).await, "case_opened delivered 3 204 -");
    let paths: Vec<_> = hooked.receiver.received().into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["/hook", "/hook"], "nobody is followed elsewhere");

    // Two in a row, each tried three times.
    let carol = app.sign_in("carol").await;
    post(&carol, &format!("{path}/test")).await.is(202);
    hooked.receiver.reacts(&[Reaction::Silence, Reaction::Status(503), Reaction::Status(404)]);
    work(app).await;
    assert_eq!(last_delivery(&carol, &made).await, "ping pending 1 null timeout");
    later().await;
    let carol = later().await;
    assert_eq!(last_delivery(&carol, &made).await, "ping failed 3 404 status");
    assert_eq!(carol.get(&path).await.is(200).body["failures"], 1);
    assert_eq!(state(&carol, &made).await, "enabled");
    // A success begins the count anew, however long the answer is.
    hooked.receiver.reacts(&[Reaction::Flood]);
    post(&carol, &format!("{path}/test")).await.is(202);
    work(app).await;
    assert_eq!(last_delivery(&carol, &made).await, "ping delivered 1 200 -");
    assert_eq!(carol.get(&path).await.is(200).body["failures"], 0);
    post(&carol, &format!("{path}/test")).await.is(202);
    post(&carol, &format!("{path}/test")).await.is(202);
    let before = carol.get(&path).await.header("etag").unwrap().to_owned();
    hooked.receiver.reacts(&[Reaction::Status(500); 6]);
    work(app).await;
    later().await;
    let carol = later().await;
    assert_eq!(state(&carol, &made).await, "disabled_by_failures");
    hooked.receiver.received();
    assert!(hooked.work().await.is_empty());
    let edit = Some(json!({ "note": "Look." }).to_string().into_bytes());
    carol
        .with("if-match", &before)
        .send(Method::PATCH, &path, edit)
        .await
        .is_problem(412, "precondition_failed");
    let entry = "SELECT concat_ws(' ', verb, actor_id, object_id = '#', data) FROM audit_log WHERE verb = 'disable_webhook'";
    assert_eq!(
        app.rows(&entry.replace('#', &made)).await,
        ["disable_webhook t {\"state\": \"disabled_by_failures\", \"failures\": 2}"]
    );
    otherwise::audit::verify(&app.app, &app.app.config.data_dir.join("none")).await.unwrap();
    let told = "SELECT a.username FROM mail m JOIN account a ON a.id = m.account_id WHERE m.kind = 'webhook_disabled'";
    assert_eq!(app.rows(told).await, ["carol"], "who looks after it is told");
    // Whoever mended it enables it.
    let enabled = carol.patch(&path, json!({ "enabled": true })).await.is(200);
    assert_eq!((&enabled.body["state"], &enabled.body["failures"]), (&json!("enabled"), &json!(0)));
    hooked.is_reported_by_now().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    // What is gone for good is not tried again.
    hooked.receiver.reacts(&[Reaction::Status(410)]);
    post(&carol, &format!("{path}/test")).await.is(202);
    assert_eq!(hooked.work().await, ["ping"]);
    assert_eq!(last_delivery(&carol, &made).await, "ping failed 1 410 status");
    assert_eq!(state(&carol, &made).await, "disabled_as_gone");
    assert!(hooked.work().await.is_empty());
}

impl Hooked {
    /// The same as [`Hooked::is_reported`], once sessions of the beginning are over.
    async fn is_reported_by_now(&self) {
        let (alice, bob) = (self.watched.app.sign_in("alice").await, self.watched.app.sign_in("bob").await);
        let post = alice.posts_in(&self.watched.topic, "Buy globes, cheap!").await;
        bob.reports("post", &post, "spam").await;
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure_and_an_origin_is_trusted_no_longer_than_it_is_named() {
    let mut hooked = Hooked::new().await;
    let made = id(&hooked.makes(&["case_opened"]).await);
    hooked.is_reported().await;
    // A server of which the operator does not trust the origin any more.
    let other = hooked.watched.app.another("[webhooks]\nenabled = true").await;
    work(&other).await;
    assert!(hooked.receiver.received().is_empty());
    let carol = &hooked.watched.carol;
    assert_eq!(last_delivery(carol, &made).await, "case_opened pending 1 null address_refused");
    let new = hooked.new_webhook(&["case_opened"]);
    other
        .bearer(carol.token.as_ref().unwrap())
        .post("/mod/webhooks", new)
        .await
        .refuses(&[("url", "not_https")]);
    hooked.receiver = Receiver::start().await;
    hooked.watched.app.app.clock.advance(TimeDelta::minutes(1));
    work(&hooked.watched.app).await;
    assert_eq!(last_delivery(carol, &made).await, "case_opened pending 2 null connection_failed");
}

#[tokio::test]
async fn a3_a_webhook_tells_its_owner_what_they_may_know_by_then() {
    let hooked = Hooked::new().await;
    let Watched { app, alice, bob, carol, topic, .. } = &hooked.watched;
    let dora = app.member("dora").await;
    let grant = async |permissions: Value| {
        let grant =
            json!({ "permissions": permissions, "scope": { "kind": "site" }, "reason": "Asked for." });
        id(&carol.post("/accounts/dora/role-grants", grant).await.is(201))
    };
    grant(json!(["rule.edit"])).await;
    let new = hooked.new_webhook(&["case_opened"]);
    dora.post("/mod/webhooks", new.clone()).await.is_problem(403, "not_allowed");
    let jobs = hooked.new_webhook(&["job_finished"]);
    dora.post("/mod/webhooks", jobs).await.is_problem(403, "not_allowed");
    let reads = grant(json!(["report.read"])).await;
    let made = id(&dora.post("/mod/webhooks", new).await.is(201));
    let path = format!("/mod/webhooks/{made}");
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    // What is about themselves is not there for them.
    let doras = dora.posts_in(topic, "I looked at a case today.").await;
    bob.reports("post", &doras, "spam").await;
    let own = dora.get("/me").await.text("/id");
    alice.reports("account", &own, "spam").await;
    assert!(hooked.work().await.is_empty());

    // Without what it takes, nothing is sent, whatever was waiting.
    hooked.is_reported().await;
    assert!(plan_webhooks_next(&app.app).await.unwrap());
    carol.delete(&format!("/role-grants/{reads}")).await.is(204);
    assert!(hooked.work().await.is_empty());
    assert_eq!(last_delivery(carol, &made).await, "case_opened dropped 1 null not_allowed");
    dora.patch(&path, json!({ "note": "Mine." })).await.is_problem(403, "not_allowed");
    post(&dora, &format!("{path}/rotate")).await.is_problem(403, "not_allowed");
    // To turn it off, or to see that it is, takes no more than looking after webhooks.
    dora.patch(&path, json!({ "enabled": false })).await.is(200);
    assert_eq!(dora.get(&path).await.text("/owner/username"), "dora");
    // Whoever changes it has it told what they may know.
    let taken = carol.patch(&path, json!({ "enabled": true })).await.is(200);
    assert_eq!(taken.text("/owner/username"), "carol");
    bob.reports("post", &dora.posts_in(topic, "And another.").await, "spam").await;
    assert_eq!(hooked.work().await, ["case_opened"]);
}

#[tokio::test]
async fn a3_who_is_banned_or_erased_is_told_nothing_more() {
    let hooked = Hooked::new().await;
    let Watched { app, carol, .. } = &hooked.watched;
    let (dora, erin) = (app.administrator("dora").await, app.administrator("erin").await);
    let doras = id(&dora.post("/mod/webhooks", hooked.new_webhook(&["case_opened"])).await.is(201));
    let erins = id(&erin.post("/mod/webhooks", hooked.new_webhook(&["case_opened"])).await.is(201));
    hooked.is_reported().await;
    assert_eq!(hooked.work().await.len(), 2);
    let whom = dora.get("/me").await.text("/id");
    let banned = carol.acts("account", &whom, action("ban")).await;
    // Of the case that this is, one of them is told: it is about the other.
    assert_eq!(hooked.work().await.len(), 1);
    hooked.is_reported().await;
    assert_eq!(hooked.work().await.len(), 1);
    assert_eq!(last_delivery(carol, &doras).await, "case_opened dropped 1 null not_allowed");
    let why = json!({ "explanation": "It was a mistake." });
    carol.post(&format!("/mod/actions/{banned}/revert"), why).await.is(200);
    hooked.is_reported().await;
    assert_eq!(hooked.work().await.len(), 2);

    let copy = erin.clone();
    post(&copy, "/me/export").await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let file = erin.get("/me/export/file").await.is(200);
    let kept = &file.body["webhooks"];
    assert_eq!((&kept[0]["id"], &kept[0]["note"]), (&json!(erins), &json!("The bot of the desk.")));
    erin.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(7));
    while own_data_next(&app.app).await.unwrap() {}
    assert_eq!(app.rows("SELECT id::text FROM webhook").await, [doras.clone()]);
    assert_eq!(app.rows("SELECT DISTINCT webhook_id::text FROM webhook_delivery").await, [doras]);
    let carol = app.sign_in("carol").await;
    carol.get(&format!("/mod/webhooks/{erins}")).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn webhooks_take_a_recent_proof_and_are_off_until_the_operator_turns_them_on() {
    let hooked = Hooked::with("per_account = 2\n").await;
    let Watched { app, carol, .. } = &hooked.watched;
    let token =
        json!({ "name": "Script", "scopes": ["read", "moderate"], "expires_at": "2026-03-01T00:00:00Z" });
    let script = app.bearer(&carol.post("/me/tokens", token).await.is(201).text("/token"));
    let new = hooked.new_webhook(&["case_opened"]);
    script.post("/mod/webhooks", new.clone()).await.is_problem(403, "session_required");
    // The same key is the same webhook, and the same answer.
    let keyed = carol.with("idempotency-key", "one");
    let made = keyed.post("/mod/webhooks", new.clone()).await.is(201);
    assert_eq!(keyed.post("/mod/webhooks", new.clone()).await.is(201).body, made.body);
    let path = format!("/mod/webhooks/{}", id(&made));
    script.get(&path).await.is(200);
    script.patch(&path, json!({ "enabled": false })).await.is_problem(403, "session_required");
    hooked.makes(&["case_opened"]).await;
    carol.post("/mod/webhooks", new.clone()).await.is_problem(409, "too_many_webhooks");
    let old = app.sign_in("carol").await;
    app.app.clock.advance(TimeDelta::seconds(590));
    app.sql("UPDATE session SET authenticated_at = authenticated_at - interval '1 minute'").await.unwrap();
    old.post("/mod/webhooks", new.clone()).await.is_problem(403, "step_up_required");
    for call in ["rotate", "test"] {
        post(&old, &format!("{path}/{call}")).await.is_problem(403, "step_up_required");
    }
    old.patch(&path, json!({ "enabled": false })).await.is_problem(403, "step_up_required");
    old.delete_as_read(&path).await.is_problem(403, "step_up_required");

    let off = app.another("").await;
    let carol = off.bearer(carol.token.as_deref().unwrap());
    carol.post("/mod/webhooks", new).await.is_problem(409, "webhooks_off");
    post(&carol, &format!("{path}/test")).await.is_problem(409, "webhooks_off");
    assert_eq!(carol.get("/mod/webhooks").await.is(200).body["items"].as_array().unwrap().len(), 2);
    carol.patch(&path, json!({ "enabled": false })).await.is(200);
    carol.delete_as_read(&path).await.is(204);
}

#[tokio::test]
async fn what_was_sent_is_forgotten_and_not_sent_again() {
    let hooked = Hooked::with("kept_days = 2\n").await;
    let app = &hooked.watched.app;
    hooked.makes(&["case_opened"]).await;
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    // As long as it may be found again, it is known that it was sent.
    app.sql("UPDATE webhook SET position = '3:3:'").await.unwrap();
    assert!(hooked.work().await.is_empty());
    app.app.clock.advance(TimeDelta::days(1));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT state FROM webhook_delivery").await, ["delivered"]);
    app.app.clock.advance(TimeDelta::days(1) + TimeDelta::seconds(1));
    tidy(&app.app).await.unwrap();
    assert!(app.rows("SELECT state FROM webhook_delivery").await.is_empty());
    app.sql("UPDATE webhook SET position = '3:3:'").await.unwrap();
    assert!(hooked.work().await.is_empty());
}

#[tokio::test]
async fn a_database_that_came_from_another_cluster_tells_what_happens_from_then_on() {
    let hooked = Hooked::new().await;
    let app = &hooked.watched.app;
    hooked.makes(&["case_opened"]).await;
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
    let position = "SELECT position FROM webhook";
    let before = app.rows(position).await;
    otherwise::db::renumber_ranks(&app.app.db).await.unwrap();
    assert_eq!(app.rows(position).await, before, "that of this cluster is left alone");
    app.sql("UPDATE webhook SET position = '900000000000:900000000000:'").await.unwrap();
    hooked.is_reported().await;
    assert!(hooked.work().await.is_empty(), "what is past by that count is not told");
    otherwise::db::renumber_ranks(&app.app.db).await.unwrap();
    hooked.is_reported().await;
    assert_eq!(hooked.work().await, ["case_opened"]);
}
