//! Notices that something is against the law.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{own_data_next, tidy};
use serde_json::{Value, json};

use crate::moderation::{Watched, moves};
use crate::support::{Client, PASSWORD};

const RECEIVED: &str = "Your notice was received";
const DECIDED: &str = "Your notice was decided";
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
    let given = app.guest().post("/legal-notices", notice(post)).await.is(201);
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000015",
          "is_told_by_mail": true,
          "legal_ground": "Copyright Act, section 16",
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

        People look into it, and you are told here what they decide.

        If it was not you who gave it, there is nothing to do.
    "#]]
    .assert_eq(&receipt.body);
    let case = watched.case().await;
    let report = &watched.read(&case).await["reports"][0];
    expect![[r#"
        {
          "automation_rule": null,
          "comment": "It copies my book, line by line.",
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000014",
          "is_muted": false,
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
    assert_eq!(app.rows("SELECT comment FROM report").await, [""]);
}
