//! Notices that something is against the law.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{own_data_next, tidy};
use serde_json::{Value, json};

use crate::moderation::{Watched, case_of, moves};
use crate::support::builders::action;
use crate::support::{Client, PASSWORD, Reply};

const RECEIVED: &str = "Your notice was received";
const DECIDED: &str = "Your notice was decided";
const AGAIN: &str = "Your notice was decided again";
const ANN: &str = "ann@example.org";

/// A notice about a post.
fn notice(post: &str) -> Value {
    json!({
        "subject": { "kind": "post", "id": post }, "explanation": "It copies my book, line by line.",
        "legal_ground": "Copyright Act, section 16", "name": "Ann Author", "email": ANN, "good_faith": true,
    })
}

#[tokio::test]
async fn nobody_needs_an_account_to_give_notice_and_what_is_decided_is_mailed() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, post, .. } = &watched;
    app.mails().await;
    let mut given = app.guest().post("/legal-notices", notice(post)).await.is(201);
    let secret = given.text("/secret");
    given.body["secret"].take();
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000015",
          "is_told_by_mail": true,
          "legal_ground": "Copyright Act, section 16",
          "secret": null,
          "subject": {
            "id": "00000000-0000-7000-8000-000000000012",
            "kind": "post"
          }
        }
    "#]]
    .assert_eq(&format!("{:#}\n", given.body));
    let receipt = app.mail(ANN, RECEIVED).await;
    expect![[r#"
        A notice of something illegal was given with this address. Its number is
        00000000-0000-7000-8000-000000000015.

        People look into it, and you are told here what they decide. Should they do
        nothing, somebody else looks at it again if you ask for it, with this secret:

        SECRET

        Keep it: it is told nowhere again.

        If it was not you who gave it, there is nothing to do.
    "#]]
    .assert_eq(&receipt.body.replace(&secret, "SECRET"));
    // Only its hash is kept, and the receipt is told once.
    let kept = "SELECT encode(secret_hash, 'escape') || octet_length(secret_hash) FROM legal_notice";
    assert!(!app.rows(kept).await[0].contains(&secret[7..]));
    let case = watched.case().await;
    let report = &watched.read(&case).await["reports"][0];
    expect![[r#"
        {
          "automation_rule": null,
          "comment": "It copies my book, line by line.",
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000014",
          "is_muted": false,
          "is_trusted": false,
          "legal_notice": {
            "contact": {
              "email": "ann@example.org",
              "name": "Ann Author"
            },
            "id": "00000000-0000-7000-8000-000000000015",
            "is_child_abuse": false,
            "legal_ground": "Copyright Act, section 16"
          },
          "outcome": null,
          "reporter": null,
          "rule": "illegal",
          "rule_version": 1,
          "subject_revision": 1,
          "weight": 4.0
        }
    "#]]
    .assert_eq(&format!("{report:#}\n"));
    let remove = json!({
        "kind": "remove", "rule": "illegal", "legal_ground": "Copyright Act, section 16",
        "explanation": "The text is from a book that is in copyright.",
    });
    let decision = json!({ "resolution": "upheld", "note": "It is hers.", "actions": [remove] });
    moves(mallory, &case, "resolve", Some(decision)).await.is(200);
    let told = app.mail(ANN, DECIDED).await;
    expect![[r#"
        This is about your notice
        00000000-0000-7000-8000-000000000015.

        It was found to be against the law or the rules of the site.
        People decided it: no automated means were used.

        If you hold that to be wrong, you can also turn to a body that settles
        disputes out of court, or to a court.

        If it was not you who gave the notice, there is nothing to do.
    "#]]
    .assert_eq(&told.body);
    // Whoever is restricted learns how it was found, and not by whom.
    let made = alice.get("/me/decisions").await.is(200).text("/items/0/id");
    let statement = alice.get(&format!("/me/decisions/{made}")).await.is(200);
    assert_eq!(statement.text("/statement/source_type"), "SOURCE_ARTICLE_16");
    assert!(!statement.body.to_string().contains("Ann"), "{:#}", statement.body);
    // Decided anew and otherwise, it is told again.
    app.app.clock.advance(TimeDelta::minutes(1));
    moves(mallory, &case, "reopen", Some(json!({ "note": "It may be quoted." }))).await.is(200);
    assert!(app.mails().await.iter().all(|mail| mail.to != ANN));
    app.app.clock.advance(TimeDelta::minutes(1));
    moves(mallory, &case, "resolve", Some(json!({ "resolution": "rejected", "note": "It may." })))
        .await
        .is(200);
    assert!(app.mail(ANN, DECIDED).await.body.contains("nothing was done"));
    // And the same once more was decided before.
    app.guest().post("/legal-notices", notice(post)).await.is_problem(409, "post_hidden");
}

#[tokio::test]
async fn a_notice_that_lacks_something_says_what_and_changes_nothing() {
    let watched = Watched::new().await;
    let Watched { app, alice, post, .. } = &watched;
    let guest = app.guest();
    for (field, code) in [
        ("subject", ("url", "missing")),
        ("explanation", ("explanation", "missing")),
        ("legal_ground", ("legal_ground", "missing")),
        ("name", ("name", "missing")),
        ("email", ("email", "missing")),
        ("good_faith", ("good_faith", "missing")),
    ] {
        let mut lacking = notice(post);
        lacking.as_object_mut().unwrap().remove(field);
        guest.post("/legal-notices", lacking).await.refuses(&[code]);
    }
    let mut doubtful = notice(post);
    doubtful["good_faith"] = json!(false);
    guest.post("/legal-notices", doubtful).await.refuses(&[("good_faith", "not_confirmed")]);
    let mut twice = notice(post);
    twice["url"] = json!("http://localhost/posts/x");
    guest.post("/legal-notices", twice).await.refuses(&[("url", "does_not_fit")]);
    guest
        .post("/legal-notices", notice("0198c5f0-0000-7000-8000-00000000dead"))
        .await
        .refuses(&[("subject.id", "unknown_id")]);
    alice.post("/legal-notices", notice(post)).await.is_problem(403, "own_subject");
    for table in ["report", "moderation_case", "legal_notice"] {
        assert_eq!(app.rows(&format!("SELECT count(*)::text FROM {table}")).await, ["0"], "{table}");
    }
    assert!(app.mails().await.iter().all(|mail| mail.to != ANN));
}

#[tokio::test]
async fn a_notice_points_to_things_by_their_addresses_too() {
    let watched = Watched::new().await;
    let Watched { app, topic, post, .. } = &watched;
    let base = app.app.config.server.public_url.clone();
    let at = |url: String| {
        let mut at = notice(post);
        at.as_object_mut().unwrap().remove("subject");
        at["url"] = json!(url);
        at
    };
    for (url, kind) in [
        (format!("{base}/api/v1/posts/{post}"), "post"),
        (format!("{base}/topics/{topic}"), "topic"),
        (format!("{base}/accounts/alice"), "account"),
    ] {
        let given = app.guest().post("/legal-notices", at(url)).await.is(201);
        assert_eq!(given.text("/subject/kind"), kind);
    }
    for url in [format!("{base}/topics/nothing"), "https://elsewhere.example/topics/x".to_owned()] {
        app.guest().post("/legal-notices", at(url)).await.refuses(&[("url", "unknown_id")]);
    }
}

#[tokio::test]
async fn whoever_reports_the_abuse_of_children_need_not_say_who_they_are() {
    let watched = Watched::new().await;
    let Watched { app, post, .. } = &watched;
    app.mails().await;
    let mut named = notice(post);
    named["is_child_abuse"] = json!(true);
    let mut nameless = named.clone();
    for part in ["name", "email"] {
        // Half of it is of no use.
        let mut half = named.clone();
        half[part] = Value::Null;
        app.guest().post("/legal-notices", half).await.refuses(&[(part, "missing")]);
        nameless[part] = Value::Null;
    }
    let given = app.guest().post("/legal-notices", nameless).await.is(201);
    assert_eq!(given.body["is_told_by_mail"], false);
    let report = &watched.read(&watched.case().await).await["reports"][0];
    let notice = &report["legal_notice"];
    assert_eq!((&notice["is_child_abuse"], &notice["contact"]), (&json!(true), &Value::Null));
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn notices_are_counted_by_what_came_of_them() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, topic, post, .. } = &watched;
    let guest = app.guest();
    let mut given = vec![post.clone()];
    for county in ["Essex", "Sussex", "Norfolk"] {
        given.push(alice.posts_in(topic, &format!("Maps of {county}, from his book!")).await);
    }
    for post in &given[..3] {
        guest.post("/legal-notices", notice(post)).await.is(201);
    }
    let mut of_abuse = notice(&given[3]);
    of_abuse["is_child_abuse"] = json!(true);
    guest.post("/legal-notices", of_abuse).await.is(201);
    // A report is no notice, whichever rule it is by.
    let reported = alice.posts_in(topic, "Maps of Suffolk!").await;
    bob.reports("post", &reported, "illegal").await;
    let outcomes = ["upheld", "rejected", "ignored"];
    for (n, (post, outcome)) in given.iter().zip(outcomes).enumerate() {
        app.app.clock.advance(TimeDelta::minutes(if n == 0 { 60 } else { 120 }));
        let mallory = app.sign_in("mallory").await;
        let decision = json!({ "resolution": outcome, "note": "As the law says." });
        moves(&mallory, &case_of(app, post).await, "resolve", Some(decision)).await.is(200);
    }
    // What was decided before is closed at once, and took no time.
    guest.post("/legal-notices", notice(&given[1])).await.is(201);
    let report = guest.get("/transparency?period=2026-01").await.is(200).body;
    let counted: serde_json::Map<_, _> = ["notices", "notices_of_child_abuse", "notice_time", "reports"]
        .iter()
        .map(|field| ((*field).to_owned(), report[field].clone()))
        .collect();
    expect![[r#"
        {
          "notice_time": {
            "median_hours": 3.0,
            "p90_hours": 4.6
          },
          "notices": {
            "already_reviewed": 1,
            "ignored": 1,
            "open": 1,
            "rejected": 1,
            "upheld": 1
          },
          "notices_of_child_abuse": 1,
          "reports": {
            "already_reviewed": 1,
            "ignored": 1,
            "open": 2,
            "rejected": 1,
            "upheld": 1
          }
        }
    "#]]
    .assert_eq(&format!("{:#}\n", json!(counted)));
    // The same by the rows.
    let rows = "SELECT coalesce(r.outcome, 'open') || ' ' || count(*) FROM legal_notice n JOIN report r ON r.id = n.report_id
                GROUP BY r.outcome ORDER BY 1";
    let notices = report["notices"].as_object().unwrap();
    let listed: Vec<_> = notices.iter().map(|(outcome, n)| format!("{outcome} {n}")).collect();
    assert_eq!(listed, app.rows(rows).await);
    let before = guest.get("/transparency?period=2025").await.is(200).body;
    assert_eq!((&before["notices"], &before["notices_of_child_abuse"]), (&json!({}), &json!(0)));
    assert_eq!(before["notice_time"]["median_hours"], Value::Null);
}

#[tokio::test]
async fn who_gave_notice_is_for_those_who_decide_and_is_forgotten() {
    let watched = Watched::new().await;
    let Watched { app, bob, mallory, post, .. } = &watched;
    bob.post("/legal-notices", notice(post)).await.is(201);
    // Whoever has an account finds it among their reports, and may appeal.
    let own = &bob.get("/reports").await.is(200).body["items"][0];
    assert_eq!((&own["rule"], &own["outcome"]), (&json!("illegal"), &Value::Null));
    let sealed = "SELECT encode(sealed_contact, 'escape') FROM legal_notice";
    assert!(!app.rows(sealed).await[0].contains("Ann"));
    let case = watched.case().await;
    mallory.reports("post", post, "spam").await;
    let noticed = async |who: &Client| {
        let read = who.get(&format!("/mod/cases/{case}")).await.is(200).body;
        let reports = read["reports"].as_array().unwrap();
        reports.iter().find(|report| report["rule"] == "illegal").unwrap()["legal_notice"].clone()
    };
    // Whoever reported it does not decide it.
    let seen = noticed(mallory).await;
    assert_eq!(
        (&seen["legal_ground"], &seen["contact"]),
        (&json!("Copyright Act, section 16"), &Value::Null)
    );
    let carol = app.sign_in("carol").await;
    assert_eq!(noticed(&carol).await["contact"]["name"], "Ann Author");
    app.mails().await;
    moves(&carol, &case, "resolve", Some(json!({ "resolution": "rejected", "note": "It may be quoted." })))
        .await
        .is(200);
    let told = app.mail(ANN, DECIDED).await;
    let id = own["id"].as_str().unwrap();
    assert!(told.body.contains(&format!("POST /api/v1/reports/{id}/appeal")), "{}", told.body);
    app.app.clock.advance(TimeDelta::days(190));
    tidy(&app.app).await.unwrap();
    let known = "SELECT count(sealed_contact)::text FROM legal_notice";
    assert_eq!(app.rows(known).await, ["1"]);
    app.app.clock.advance(TimeDelta::seconds(1));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(known).await, ["0"]);
}

#[tokio::test]
async fn who_gave_notice_goes_with_their_account() {
    let watched = Watched::new().await;
    let Watched { app, bob, post, .. } = &watched;
    bob.post("/legal-notices", notice(post)).await.is(201);
    bob.post("/me/export", json!({ "password": PASSWORD })).await.is(202);
    while own_data_next(&app.app).await.unwrap() {}
    let copy = bob.send(Method::GET, "/me/export/file", None).await.is(200).body;
    assert_eq!(copy["legal_notices"][0]["legal_ground"], "Copyright Act, section 16");
    bob.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    let left = "SELECT count(sealed_contact)::text FROM legal_notice";
    assert_eq!(app.rows(left).await, ["0"]);
    assert_eq!(app.rows("SELECT count(secret_hash)::text FROM legal_notice").await, ["0"]);
    assert_eq!(app.rows("SELECT comment FROM report").await, [""]);
}

/// What was decided about the notice, by its case.
async fn rejects(who: &Client, case: &str) {
    moves(who, case, "resolve", Some(json!({ "resolution": "rejected", "note": "It may be quoted." })))
        .await
        .is(200);
}

async fn appeals(who: &Client, id: &str, secret: &str) -> Reply {
    let appeal = json!({ "secret": secret, "text": "The whole book is there, not a quotation." });
    who.post(&format!("/legal-notices/{id}/appeal"), appeal).await
}

async fn decides(who: &Client, appeal: &str, decision: Value) -> Reply {
    who.with("if-match", "*").post(&format!("/mod/appeals/{appeal}/decide"), decision).await
}

#[tokio::test]
async fn whoever_gave_notice_without_an_account_appeals_by_the_receipt() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, post, .. } = &watched;
    let guest = app.guest();
    let given = guest.post("/legal-notices", notice(post)).await.is(201);
    let (id, secret) = (given.text("/id"), given.text("/secret"));
    assert!(app.mail(ANN, RECEIVED).await.body.contains(&secret));
    let case = watched.case().await;
    // Until something was decided, there is nothing to appeal against.
    appeals(&guest, &id, &secret).await.is_problem(409, "invalid_state_transition");
    app.app.clock.advance(TimeDelta::minutes(1));
    rejects(mallory, &case).await;
    let told = app.mail(ANN, DECIDED).await.body;
    assert!(
        told.contains(&format!("POST /api/v1/legal-notices/{id}/appeal")) && !told.contains(&secret),
        "{told}"
    );
    let mut made = appeals(&guest, &id, &secret).await.is(201);
    let appeal = made.text("/id");
    for varies in ["id", "legal_notice_id"] {
        made.body[varies].take();
    }
    expect![[r#"
        {
          "created_at": "2026-01-15T12:01:00Z",
          "id": null,
          "is_told_by_mail": true,
          "legal_notice_id": null,
          "state": "open",
          "text": "The whole book is there, not a quotation."
        }
    "#]]
    .assert_eq(&format!("{:#}\n", made.body));
    appeals(&guest, &id, &secret).await.is_problem(409, "appeal_exists");
    // Whoever decided it does not decide it again, and nobody reads it who is not in charge.
    let waiting = carol.get(&format!("/mod/appeals/{appeal}")).await.is(200).body;
    assert_eq!((&waiting["appellant"], &waiting["legal_notice_id"]), (&Value::Null, &json!(id)));
    let upheld =
        json!({ "outcome": "upheld", "reasons": "It is a quotation. See https://evil.example/why." });
    decides(mallory, &appeal, upheld.clone()).await.is_problem(403, "own_decision");
    guest.get(&format!("/appeals/{appeal}")).await.is_problem(401, "unauthenticated");
    app.app.clock.advance(TimeDelta::minutes(1));
    decides(carol, &appeal, upheld).await.is(200);
    let told = app.mail(ANN, AGAIN).await;
    expect![[r#"
        This is about your notice
        NOTICE.

        Somebody else looked at it again, after an appeal.
        It was found not to be against the law: nothing was done.
        People decided it: no automated means were used.

        Why, in the words of whoever decided that:

        > It is a quotation[.] See https[:]//evil[.]example/why[.]

        If you hold that to be wrong, you can also turn to a body that settles
        disputes out of court, or to a court.

        If it was not you who gave the notice, there is nothing to do.
    "#]]
    .assert_eq(&told.body.replace(&id, "NOTICE"));
    appeals(&guest, &id, &secret).await.is_problem(409, "appeal_exists");
}

#[tokio::test]
async fn what_is_not_known_and_what_is_not_theirs_is_answered_alike() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, topic, .. } = &watched;
    let guest = app.guest();
    let given = guest.post("/legal-notices", notice(post)).await.is(201);
    let mut about_topic = notice(post);
    about_topic["subject"] = Value::Null;
    about_topic["url"] = json!(format!("{}/topics/{topic}", app.app.config.server.public_url));
    let other = guest.post("/legal-notices", about_topic).await.is(201);
    rejects(mallory, &watched.case().await).await;
    let nobodys = format!("otw_ln_{}", "A".repeat(22));
    let strange = appeals(&guest, "0198c5f0-0000-7000-8000-00000000dead", &nobodys).await;
    let strange = strange.is_problem(404, "not_found");
    let told = |reply: &Reply| {
        let mut body = reply.body.clone();
        for varies in ["request_id", "instance"] {
            body.as_object_mut().unwrap().remove(varies);
        }
        body
    };
    for secret in [&nobodys, &other.text("/secret")] {
        let wrong = appeals(&guest, &given.text("/id"), secret).await.is_problem(404, "not_found");
        assert_eq!(told(&wrong), told(&strange));
    }
    appeals(&guest, &given.text("/id"), "otw_ln_x").await.refuses(&[("secret", "not_a_receipt")]);
    assert_eq!(app.rows("SELECT count(*)::text FROM appeal").await, ["0"]);
    // Whoever signed in needs what tokens take for appeals.
    let alice = app.sign_in("alice").await;
    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
    let token = alice.post("/me/tokens", token).await.is(201).text("/token");
    let refused = appeals(&app.bearer(&token), &given.text("/id"), &given.text("/secret")).await;
    refused.is_problem(403, "scope_missing");
    // What was lost on the way is answered again, and lands once.
    let once = guest.with("idempotency-key", "one");
    let first = appeals(&once, &given.text("/id"), &given.text("/secret")).await.is(201);
    assert_eq!(appeals(&once, &given.text("/id"), &given.text("/secret")).await.is(201).body, first.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_appeals_at_once_there_is_one() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, .. } = &watched;
    let guest = app.guest();
    let given = guest.post("/legal-notices", notice(post)).await.is(201);
    rejects(mallory, &watched.case().await).await;
    let (id, secret) = (given.text("/id"), given.text("/secret"));
    let (a, b, c) = tokio::join!(
        appeals(&guest, &id, &secret),
        appeals(&guest, &id, &secret),
        appeals(&guest, &id, &secret)
    );
    let mut statuses = [a.status, b.status, c.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
    assert_eq!(app.rows("SELECT count(*)::text FROM appeal").await, ["1"]);
}

#[tokio::test]
async fn a_receipt_is_good_until_the_last_minute_of_six_months() {
    let watched = Watched::new().await;
    let Watched { app, mallory, post, topic, .. } = &watched;
    let guest = app.guest();
    let given = guest.post("/legal-notices", notice(post)).await.is(201);
    let mut second = notice(post);
    second["subject"] = Value::Null;
    second["url"] = json!(format!("{}/topics/{topic}", app.app.config.server.public_url));
    let second = guest.post("/legal-notices", second).await.is(201);
    for case in app.rows("SELECT id::text FROM moderation_case ORDER BY id").await {
        rejects(mallory, &case).await;
    }
    app.app.clock.advance(TimeDelta::days(181) - TimeDelta::minutes(1));
    appeals(&guest, &given.text("/id"), &given.text("/secret")).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(1));
    let late = appeals(&guest, &second.text("/id"), &second.text("/secret")).await;
    late.is_problem(409, "appeal_too_late");
    // Who appealed is known until they are told, and others are forgotten when their time has come.
    app.app.clock.advance(TimeDelta::days(10));
    tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT count(sealed_contact)::text FROM legal_notice").await, ["1"]);
}

#[tokio::test]
async fn what_an_appeal_changes_is_mailed_to_whoever_gave_notice() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, carol, post, .. } = &watched;
    let guest = app.guest();
    let given = guest.post("/legal-notices", notice(post)).await.is(201);
    let case = watched.case().await;
    let remove = json!({
        "kind": "remove", "rule": "illegal", "legal_ground": "Copyright Act, section 16",
        "explanation": "The text is from a book that is in copyright.",
    });
    let decision = json!({ "resolution": "upheld", "note": "It is hers.", "actions": [remove] });
    app.app.clock.advance(TimeDelta::minutes(1));
    moves(mallory, &case, "resolve", Some(decision)).await.is(200);
    let told = app.mail(ANN, DECIDED).await.body;
    assert!(!told.contains("/appeal"), "nothing was refused: {told}");
    // Whoever was restricted appeals, and is right.
    let removed = alice.get("/me/decisions").await.is(200).text("/items/0/id");
    let appeal = alice.appeals(&removed).await;
    app.app.clock.advance(TimeDelta::minutes(1));
    let overturned = json!({ "outcome": "overturned", "reasons": "It may be quoted, as she does." });
    decides(carol, &appeal, overturned).await.is(200);
    let told = app.mail(ANN, AGAIN).await.body;
    assert!(told.contains("nothing was done") && !told.contains("as she does"), "{told}");
    assert!(told.contains(&format!("POST /api/v1/legal-notices/{}/appeal", given.text("/id"))), "{told}");
    // That refused the notice, so whoever gave it appeals in turn; carol refused it, and does not decide that.
    app.app.clock.advance(TimeDelta::minutes(1));
    let appeal = appeals(&guest, &given.text("/id"), &given.text("/secret")).await.is(201).text("/id");
    let mut after_all =
        json!({ "outcome": "overturned", "reasons": "All of it is there: that is no quotation." });
    after_all["actions"] = json!([{
        "kind": "remove", "rule": "illegal", "legal_ground": "Copyright Act, section 16",
        "explanation": "The text is from a book that is in copyright.",
    }]);
    decides(carol, &appeal, after_all.clone()).await.is_problem(403, "own_decision");
    let mallory = app.sign_in("mallory").await;
    decides(&mallory, &appeal, after_all).await.is(200);
    let told: Vec<_> = app.mails().await.into_iter().filter(|mail| mail.to == ANN).collect();
    assert_eq!(told.len(), 1, "once");
    assert!(
        told[0].body.contains("against the law or the rules")
            && told[0].body.contains("> All of it is there")
    );
    assert_eq!(app.rows("SELECT outcome FROM report").await, ["upheld"]);
}

#[tokio::test]
async fn what_a_trusted_flagger_reports_comes_first() {
    let watched = Watched::new().await;
    let Watched { app, alice, bob, mallory, carol, topic, post, .. } = &watched;
    let (flagger, erin) = (app.member("flagger").await, app.member("erin").await);
    let grant = json!({ "permissions": ["notice.trusted"], "scope": { "kind": "site" }, "reason": "Awarded by the coordinator." });
    carol.post("/accounts/flagger/role-grants", grant).await.is(201);
    let flagger_id = flagger.get("/me").await.text("/id");
    let quiet = alice.posts_in(topic, "Buy maps of Essex, cheap!").await;
    bob.reports("post", post, "illegal").await;
    erin.reports("post", post, "illegal").await;
    flagger.reports("post", &quiet, "illegal").await;
    let case = case_of(app, &quiet).await;
    let read = mallory.get(&format!("/mod/cases/{case}")).await.is(200).body;
    assert_eq!(
        (&read["reports"][0]["is_trusted"], &read["reports"][0]["weight"]),
        (&json!(true), &json!(9.0)),
        "as one of the staff"
    );
    let other = watched.read(&watched.case().await).await;
    assert_eq!(other["reports"][0]["is_trusted"], json!(false));
    assert_eq!(mallory.send(Method::POST, "/mod/cases/next", None).await.is(200).text("/id"), case);
    let mut remove = action("remove");
    remove["rule"] = json!("illegal");
    remove["legal_ground"] = json!("Copyright Act, section 16");
    mallory.acts("post", &quiet, remove).await;
    assert_eq!(app.rows("SELECT source_type FROM statement_of_reasons").await, ["SOURCE_TRUSTED_FLAGGER"]);
    // It is no rank: moderators decide about them as about anybody.
    mallory.acts("account", &flagger_id, action("warn")).await;
    erin.reports("account", &flagger_id, "harassment").await;
    let mut next = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200);
    if next.text("/subject/id") == *post {
        next = mallory.send(Method::POST, "/mod/cases/next", None).await.is(200);
    }
    assert_eq!(next.text("/subject/id"), flagger_id);
    // Nor is a moderator one by their role.
    let own = carol.reports("post", post, "spam").await;
    assert_eq!(app.rows(&format!("SELECT is_trusted::text FROM report WHERE id = '{own}'")).await, ["false"]);
}
