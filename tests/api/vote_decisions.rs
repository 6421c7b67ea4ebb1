//! Votes that do not count, as decisions about people: told with reasons, appealed against, and taken by two.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{nullify_votes_next, own_data_next};
use serde_json::{Value, json};

use crate::support::builders::action;
use crate::support::{Client, PASSWORD, Reply, TestApp};
use crate::vote_signals::{BECAUSE, Watched, crowd, crowd_votes, grants, id, miscounted, votes};

/// Whose votes are not to count, and why.
fn order(accounts: &[&str]) -> Value {
    json!({ "accounts": accounts, "reason": "They are one person.", "explanation": BECAUSE })
}

/// Bob and dave, who both judged posts of alice's.
struct Struck {
    watched: Watched,
    dave: Client,
    bobs: String,
    daves: String,
}

impl Struck {
    async fn new() -> Self {
        Self::with("").await
    }

    async fn with(settings: &str) -> Self {
        let watched = Watched::with(settings).await;
        let dave = watched.app.member("dave").await;
        let Watched { bob, carol, posts, .. } = &watched;
        votes(bob, &posts[0], -1, 1).await;
        votes(bob, &posts[1], -1, 0).await;
        votes(&dave, &posts[0], -1, -1).await;
        votes(carol, &posts[0], 1, 0).await;
        let (bobs, daves) = (id(bob).await, id(&dave).await);
        Self { watched, dave, bobs, daves }
    }

    fn both(&self) -> Value {
        order(&[&self.bobs, &self.daves])
    }
}

async fn decided(who: &Client) -> String {
    who.get("/me/decisions").await.is(200).text("/items/0/id")
}

async fn decides(who: &Client, appeal: &str, outcome: &str) -> Reply {
    let path = format!("/mod/appeals/{appeal}/decide");
    let verdict = json!({ "outcome": outcome, "reasons": "It was looked at again, by somebody else." });
    who.with("if-match", "*").post(&path, verdict).await
}

async fn reverts(who: &Client, decision: &str) -> Reply {
    let why = json!({ "explanation": "They are brothers, and two people." });
    who.post(&format!("/mod/actions/{decision}/revert"), why).await
}

async fn sends(who: &Client, path: &str) -> Reply {
    who.send(Method::POST, path, None).await
}

/// What was decided about whose votes, and whether it was taken back.
async fn told(app: &TestApp) -> Vec<String> {
    app.rows(
        "SELECT concat_ws(' ', t.username, a.kind, 'by', d.username, s.decision_provision) FROM mod_action a
         JOIN account t ON t.id = a.target_id LEFT JOIN account d ON d.id = a.actor_id
         LEFT JOIN statement_of_reasons s ON s.action_id = a.id ORDER BY a.id",
    )
    .await
}

fn names(body: &Value) -> Vec<&str> {
    body.as_array().unwrap().iter().map(|person| person["username"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn whose_votes_do_not_count_is_told_why_in_the_same_breath() {
    let struck = Struck::new().await;
    let Struck { watched: Watched { app, alice, bob, mallory, .. }, dave, .. } = &struck;
    app.mails().await;
    let path = struck.watched.nullifies(struck.both()).await;
    // Before any vote was struck.
    assert_eq!(
        told(app).await,
        [
            "bob nullify_votes by mallory DECISION_PROVISION_PARTIAL_SUSPENSION",
            "dave nullify_votes by mallory DECISION_PROVISION_PARTIAL_SUSPENSION"
        ]
    );
    let mut mails: Vec<_> =
        app.mails().await.iter().map(|mail| format!("{} {}", mail.to, mail.subject)).collect();
    mails.sort_unstable();
    assert_eq!(mails, ["bob@example.org A decision about you", "dave@example.org A decision about you"]);
    let decision = decided(bob).await;
    let mut read = bob.get(&format!("/me/decisions/{decision}")).await.is(200).body;
    for varies in ["id", "subject"] {
        read[varies].take();
    }
    read["statement"]["redress"].take();
    read["statement"]["territorial_scope"].take();
    expect![[r#"
        {
          "actor_kind": "human",
          "appeal": null,
          "appeal_until": "2026-07-15T12:00:00Z",
          "created_at": "2026-01-15T12:00:00Z",
          "ends_at": null,
          "explanation": "Several accounts judged the same posts as one.",
          "id": null,
          "is_reverted": false,
          "kind": "nullify_votes",
          "rule": "vote_manipulation",
          "rule_version": 1,
          "scope_topic_id": null,
          "statement": {
            "application_date": "2026-01-15T12:00:00Z",
            "automated_decision": "AUTOMATED_DECISION_NOT_AUTOMATED",
            "automated_detection": false,
            "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
            "category_specification": [],
            "content_date": "2026-01-15T12:00:00Z",
            "content_language": null,
            "content_type": "CONTENT_TYPE_OTHER",
            "decision_account": null,
            "decision_facts": "Several accounts judged the same posts as one.",
            "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
            "decision_ground_reference_url": "http://127.0.0.1:8080/api/v1/rules?rule=vote_manipulation",
            "decision_provision": "DECISION_PROVISION_PARTIAL_SUSPENSION",
            "decision_visibility": [],
            "end_date": null,
            "illegal_content_explanation": null,
            "illegal_content_legal_ground": null,
            "incompatible_content_explanation": "Several accounts judged the same posts as one.",
            "incompatible_content_ground": "Vote manipulation (vote_manipulation, version 1)",
            "incompatible_content_illegal": "No",
            "redress": null,
            "source_type": "SOURCE_VOLUNTARY",
            "territorial_scope": null
          },
          "strikes": 0,
          "subject": null,
          "topic_id": null
        }
    "#]]
    .assert_eq(&format!("{read:#}\n"));
    dave.get(&format!("/me/decisions/{decision}")).await.is_problem(404, "not_found");
    // Whose posts they judged learns nothing; everybody, that it was done.
    assert_eq!(alice.get("/me/decisions").await.is(200).body["items"], json!([]));
    let log = app.guest().get("/modlog?kind=nullify_votes").await.is(200);
    assert_eq!(log.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(log.body["items"][0]["rule"], "vote_manipulation");
    let report = app.guest().get("/transparency?period=2026-01").await.is(200);
    assert!(report.body.to_string().contains("nullify_votes"), "{:#}", report.body);
    // It is asked for by its own call only.
    let by_hand =
        json!({ "subject": { "kind": "account", "id": struck.bobs }, "actions": [action("nullify_votes")] });
    mallory.post("/mod/actions", by_hand).await.refuses(&[("actions[0].kind", "does_not_fit")]);
    struck.watched.work().await;
    struck.watched.undoes(&path).await;
    assert_eq!(
        told(app).await[2..],
        ["bob revert by mallory", "dave revert by mallory"],
        "taking it back is told as well"
    );
    assert_eq!(bob.get("/me/decisions").await.is(200).body["items"][0]["is_reverted"], true);
    otherwise::audit::verify(&app.app, std::path::Path::new("/nowhere")).await.unwrap();
}

#[tokio::test]
async fn what_was_wrong_for_one_is_undone_for_them_and_for_nobody_else() {
    let struck = Struck::new().await;
    let Struck { watched, dave, .. } = &struck;
    let Watched { app, bob, carol, mallory, posts, .. } = watched;
    let before = watched.counted().await;
    let path = watched.nullifies(struck.both()).await;
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    let decision = decided(bob).await;
    let appeal = bob.appeals(&decision).await;
    decides(bob, &appeal, "overturned").await.is_problem(403, "not_allowed");
    decides(mallory, &appeal, "overturned").await.is_problem(403, "own_decision");
    decides(carol, &appeal, "overturned").await.is(200);
    assert_eq!(mallory.get(&path).await.body["state"], "lifting");
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 1, 1, 0], "bob's");
    assert_eq!(watched.tallies(&posts[1]).await, [0, 1, 0, 0]);
    let read = mallory.get(&path).await.is(200).body;
    assert_eq!((&read["state"], &read["votes"]), (&json!("in_force"), &json!(1)));
    assert_eq!((names(&read["lifted"]), names(&read["accounts"])), (vec!["bob"], vec!["bob", "dave"]));
    // What he votes from now on counts, and is not struck again.
    votes(bob, &posts[2], 1, 0).await;
    bob.delete(&format!("/posts/{}/vote", posts[2])).await.is(200);
    // Once more, and by hand, is no more than once.
    decides(carol, &appeal, "overturned").await.is(200);
    reverts(carol, &decision).await.is(200);
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 1, 1, 0]);
    // The case of each is what was decided about them, and stands so.
    let cases = "SELECT concat_ws(' ', a.username, c.state, c.resolution) FROM moderation_case c
                 JOIN account a ON a.id = c.subject_account_id ORDER BY 1";
    assert_eq!(app.rows(cases).await, ["bob resolved rejected"]);
    let daves = decided(dave).await;
    reverts(carol, &daves).await.is(200);
    assert_eq!(app.rows(cases).await, ["bob resolved rejected", "dave resolved upheld"]);
    watched.work().await;
    assert_eq!(watched.counted().await, before);
    // Nothing is left of it to undo, and that is done.
    watched.undoes(&path).await;
    assert_eq!(watched.counted().await, before);
    let back = "SELECT count(*)::text FROM mod_action WHERE kind = 'revert'";
    assert_eq!(app.rows(back).await, ["2"]);
    otherwise::audit::verify(&app.app, std::path::Path::new("/nowhere")).await.unwrap();
}

#[tokio::test]
async fn undone_or_appealed_first_it_is_undone_once() {
    let struck = Struck::new().await;
    let Struck { watched, dave, .. } = &struck;
    let Watched { app, bob, carol, .. } = watched;
    let before = watched.counted().await;
    let path = watched.nullifies(struck.both()).await;
    watched.work().await;
    let appeal = bob.appeals(&decided(bob).await).await;
    watched.undoes(&path).await;
    assert_eq!(watched.counted().await, before);
    // Undone, there is nothing left to appeal against.
    let late = format!("/me/decisions/{}/appeal", decided(dave).await);
    let late = dave.post(&late, json!({ "text": "We are two brothers." })).await;
    late.is_problem(409, "invalid_state_transition");
    // What waited is decided all the same, and changes nothing.
    decides(carol, &appeal, "overturned").await.is(200);
    assert!(!nullify_votes_next(&app.app).await.unwrap());
    assert_eq!(watched.counted().await, before);
    assert_eq!(app.rows("SELECT count(*)::text FROM mod_action WHERE kind = 'revert'").await, ["2"]);
}

#[tokio::test]
async fn what_is_taken_back_while_votes_are_being_struck_is_not_struck_in_the_end() {
    let struck = Struck::new().await;
    let Struck { watched, .. } = &struck;
    let Watched { app, bob, carol, mallory, posts, .. } = watched;
    for begun in [false, true] {
        let path = watched.nullifies(struck.both()).await;
        if begun {
            assert!(nullify_votes_next(&app.app).await.unwrap());
            assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
        }
        let appeal = bob.appeals(&decided(bob).await).await;
        decides(carol, &appeal, "overturned").await.is(200);
        assert_eq!(mallory.get(&path).await.body["state"], "applying");
        watched.work().await;
        assert_eq!(mallory.get(&path).await.body["state"], "in_force");
        assert_eq!(watched.tallies(&posts[0]).await, [1, 1, 1, 0]);
        assert_eq!(watched.tallies(&posts[1]).await, [0, 1, 0, 0]);
        watched.undoes(&path).await;
    }
}

#[tokio::test]
async fn one_appeals_within_the_time_that_there_is() {
    let struck = Struck::new().await;
    let Struck { watched, .. } = &struck;
    watched.nullifies(struck.both()).await;
    let decision = decided(&watched.bob).await;
    watched.app.app.clock.advance(TimeDelta::days(181));
    let bob = watched.app.sign_in("bob").await;
    let appeal = json!({ "text": "We are two brothers." });
    bob.post(&format!("/me/decisions/{decision}/appeal"), appeal).await.is_problem(409, "appeal_too_late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn undone_and_overturned_at_once_it_is_undone_once() {
    let struck = Struck::new().await;
    let Struck { watched, .. } = &struck;
    let Watched { app, bob, carol, mallory, .. } = watched;
    let before = watched.counted().await;
    for _ in 0..6 {
        let path = watched.nullifies(struck.both()).await;
        watched.work().await;
        let decision = decided(bob).await;
        let appeal = bob.appeals(&decision).await;
        let undo = format!("{path}/undo");
        let (overturned, undone, reverted, worked) = tokio::join!(
            decides(carol, &appeal, "overturned"),
            sends(mallory, &undo),
            reverts(carol, &decision),
            nullify_votes_next(&app.app)
        );
        for reply in [overturned, undone, reverted] {
            reply.is(200);
        }
        worked.unwrap();
        watched.work().await;
        assert_eq!(mallory.get(&path).await.body["state"], "undone");
        assert_eq!(watched.counted().await, before);
    }
    let twice =
        "SELECT reverts_id::text FROM mod_action WHERE kind = 'revert' GROUP BY 1 HAVING count(*) > 1";
    assert_eq!(app.rows(twice).await, Vec::<String>::new());
    assert_eq!(app.rows("SELECT count(*)::text FROM mod_action WHERE kind = 'revert'").await, ["12"]);
}

#[tokio::test]
async fn nobody_decides_again_who_judges_their_own_posts() {
    let struck = Struck::new().await;
    let Struck { watched, .. } = &struck;
    let Watched { app, bob, carol, topic, .. } = watched;
    let dora = app.member("dora").await;
    let own = dora.posts_in(topic, "I moderate.").await;
    votes(bob, &own, -1, 0).await;
    grants(carol, "dora", json!({ "kind": "site" })).await;
    watched.nullifies(struck.both()).await;
    watched.work().await;
    let decision = decided(bob).await;
    let appeal = bob.appeals(&decision).await;
    for outcome in ["upheld", "overturned"] {
        decides(&dora, &appeal, outcome).await.is_problem(403, "own_post");
    }
    reverts(&dora, &decision).await.is_problem(403, "own_post");
    assert_eq!(watched.tallies(&own).await, [0, 0, 0, 0]);
    decides(carol, &appeal, "upheld").await.is(200);
}

/// A nullification of more votes than one person may strike.
async fn waits(struck: &Struck) -> String {
    let made = struck.watched.mallory.post("/mod/vote-nullifications", struck.both()).await.is(201);
    assert_eq!(made.body["state"], "awaiting_approval");
    format!("/mod/vote-nullifications/{}", made.text("/id"))
}

#[tokio::test]
async fn many_votes_take_a_second_person() {
    let struck = Struck::with("[jobs]\nsecond_person_above = 2\n[auth]\nfresh_secs = 120").await;
    let Struck { watched, .. } = &struck;
    let Watched { app, alice, bob, carol, mallory, topic, posts, .. } = watched;
    let before = watched.counted().await;
    app.mails().await;
    let path = waits(&struck).await;
    let approve = format!("{path}/approve");
    let mut read = mallory.get(&path).await.is(200).body;
    for varies in ["id", "accounts", "created_by"] {
        read[varies].take();
    }
    expect![[r#"
        {
          "accounts": null,
          "approval_expires_at": "2026-01-16T12:00:00Z",
          "approval_reasons": [
            "many_votes"
          ],
          "approved_at": null,
          "approved_by": null,
          "author": null,
          "created_at": "2026-01-15T12:00:00Z",
          "created_by": null,
          "explanation": "Several accounts judged the same posts as one.",
          "id": null,
          "lifted": [],
          "post_ids": null,
          "reason": "They are one person.",
          "rule": "vote_manipulation",
          "state": "awaiting_approval",
          "undone_at": null,
          "undone_by": null,
          "votes": 0,
          "would_strike": null
        }
    "#]]
    .assert_eq(&format!("{read:#}\n"));
    watched.work().await;
    assert_eq!(watched.counted().await, before, "nothing is struck");
    assert_eq!(told(app).await, Vec::<String>::new(), "and nobody told");
    assert!(app.mails().await.is_empty());
    for who in [alice, bob] {
        sends(who, &approve).await.is_problem(403, "not_allowed");
    }
    sends(mallory, &approve).await.is_problem(403, "own_decision");
    // Whoever may not know of it does not agree to it.
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "site" })).await;
    let own = dora.posts_in(topic, "I moderate.").await;
    votes(bob, &own, -1, 0).await;
    sends(&dora, &approve).await.is_problem(404, "not_found");
    bob.delete(&format!("/posts/{own}/vote")).await.is(200);
    let before = watched.counted().await;
    app.app.clock.advance(TimeDelta::seconds(121));
    sends(carol, &approve).await.is_problem(403, "step_up_required");
    let carol = app.sign_in("carol").await;
    // Of many at once, one agrees.
    let (first, second, third) =
        tokio::join!(sends(&carol, &approve), sends(&carol, &approve), sends(&carol, &approve));
    for reply in [first, second, third] {
        let body = reply.is(200).body;
        assert_eq!((&body["state"], &body["approved_by"]["username"]), (&json!("applying"), &json!("carol")));
        assert_eq!(body["explanation"], Value::Null, "it was told");
    }
    assert_eq!(told(app).await.len(), 2);
    assert!(told(app).await[0].starts_with("bob nullify_votes by mallory"));
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    sends(&carol, &approve).await.is(200);
    let logged = "SELECT verb FROM audit_log WHERE object_kind = 'vote_nullification' ORDER BY seq";
    assert_eq!(app.rows(logged).await, ["nullify_votes", "approve_vote_nullification"]);
    // Neither of the two decides the appeal.
    let bob = app.sign_in("bob").await;
    let appeal = bob.appeals(&decided(&bob).await).await;
    let mallory = app.sign_in("mallory").await;
    for who in [&mallory, &carol] {
        decides(who, &appeal, "overturned").await.is_problem(403, "own_decision");
    }
    let dan = app.administrator("dan").await;
    decides(&dan, &appeal, "overturned").await.is(200);
    watched.work().await;
    sends(&mallory, &format!("{path}/undo")).await.is(200);
    watched.work().await;
    assert_eq!(watched.counted().await, before);
    // So many votes one person may strike, however many accounts they are of.
    let one = mallory.post("/mod/vote-nullifications", order(&[&struck.bobs])).await.is(201);
    assert_eq!(one.body["state"], "awaiting_approval", "three rows of votes, one of them taken back");
    let one = mallory.post("/mod/vote-nullifications", order(&[&struck.daves])).await.is(201);
    assert_eq!(one.body["state"], "applying");
}

#[tokio::test]
async fn what_waits_too_long_or_is_called_off_or_asked_for_by_nobody_any_more_never_happens() {
    let struck = Struck::with("[jobs]\nsecond_person_above = 2\napproval_hours = 1").await;
    let Struck { watched, .. } = &struck;
    let Watched { app, mallory, .. } = watched;
    let before = watched.counted().await;
    let refused = async |path: &str, code: &str| {
        let carol = app.sign_in("carol").await;
        sends(&carol, &format!("{path}/approve")).await.is_problem(409, code);
    };
    let called_off = waits(&struck).await;
    for _ in 0..2 {
        let off = sends(mallory, &format!("{called_off}/undo")).await.is(200).body;
        assert_eq!((&off["state"], &off["explanation"]), (&json!("undone"), &Value::Null));
    }
    refused(&called_off, "invalid_state_transition").await;
    let late = waits(&struck).await;
    app.app.clock.advance(TimeDelta::hours(1));
    refused(&late, "plan_expired").await;
    let carol = app.sign_in("carol").await;
    // It takes two who may when it happens.
    let struck_by_former = {
        let mallory = app.sign_in("mallory").await;
        let made = mallory.post("/mod/vote-nullifications", struck.both()).await.is(201);
        format!("/mod/vote-nullifications/{}", made.text("/id"))
    };
    let held = carol.get("/accounts/mallory/role-grants").await.is(200).text("/items/0/id");
    carol.delete(&format!("/role-grants/{held}")).await.is(204);
    refused(&struck_by_former, "invalid_state_transition").await;
    watched.work().await;
    assert_eq!(watched.counted().await, before);
    assert_eq!(told(app).await, Vec::<String>::new());
    // Where one is enough, there is nothing to agree to.
    let alone = carol.post("/mod/vote-nullifications", order(&[&struck.daves])).await.is(201).text("/id");
    let dan = app.administrator("dan").await;
    let agreed = sends(&dan, &format!("/mod/vote-nullifications/{alone}/approve")).await;
    agreed.is_problem(409, "invalid_state_transition");
}

#[tokio::test]
async fn votes_of_the_staff_take_two_administrators() {
    let struck = Struck::new().await;
    let Struck { watched, .. } = &struck;
    let Watched { app, carol, mallory, posts, .. } = watched;
    votes(mallory, &posts[0], 1, 0).await;
    let mallorys = id(mallory).await;
    let made = carol.post("/mod/vote-nullifications", order(&[&mallorys])).await.is(201);
    assert_eq!(
        (&made.body["state"], &made.body["approval_reasons"]),
        (&json!("awaiting_approval"), &json!(["staff"]))
    );
    let approve = format!("/mod/vote-nullifications/{}/approve", made.text("/id"));
    sends(carol, &approve).await.is_problem(403, "own_decision");
    sends(mallory, &approve).await.is_problem(404, "not_found");
    let dora = app.member("dora").await;
    grants(carol, "dora", json!({ "kind": "site" })).await;
    sends(&dora, &approve).await.is_problem(403, "outranked");
    let dan = app.administrator("dan").await;
    sends(&dan, &approve).await.is(200);
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 2, 1, 1]);
    app.refuses_sql(
        "vote_nullification_two_people",
        "UPDATE vote_nullification SET approved_by = created_by",
    )
    .await;
}

#[tokio::test]
async fn d2_of_whom_was_told_nothing_stays_and_the_rest_is_exact() {
    let struck = Struck::with("[jobs]\nsecond_person_above = 2\napproval_hours = 1000").await;
    let Struck { watched, dave, .. } = &struck;
    let Watched { app, carol, posts, .. } = watched;
    let waiting = waits(&struck).await;
    let path = waits(&struck).await;
    sends(carol, &format!("{path}/approve")).await.is(200);
    watched.work().await;
    let appeal = dave.appeals(&decided(dave).await).await;
    dave.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while own_data_next(&app.app).await.unwrap() {}
    // That it was decided stays, and that his votes do not count.
    let left = "SELECT concat_ws(' ', a.explanation = '', s.decision_facts = '') FROM mod_action a
                JOIN statement_of_reasons s ON s.action_id = a.id ORDER BY a.id";
    assert_eq!(app.rows(left).await, ["f f", "t t"]);
    assert_eq!(watched.tallies(&posts[0]).await, [1, 0, 0, 0]);
    // What nobody has agreed to yet would tell the others what was said of him.
    assert_eq!(app.rows("SELECT count(explanation)::text FROM vote_nullification").await, ["0"]);
    let carol = app.sign_in("carol").await;
    sends(&carol, &format!("{waiting}/approve")).await.is_problem(409, "invalid_state_transition");
    let dan = app.administrator("dan").await;
    decides(&dan, &appeal, "overturned").await.is(200);
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 1, 0, 1], "his votes are whoever's he is now");
    sends(&app.sign_in("mallory").await, &format!("{path}/undo")).await.is(200);
    watched.work().await;
    assert_eq!(watched.tallies(&posts[0]).await, [1, 2, 1, 1]);
}

#[tokio::test]
async fn what_was_found_by_the_search_says_so() {
    let watched = Watched::with("[jobs]\nsecond_person_above = 1000").await;
    let Watched { app, alice, mallory, topic, .. } = &watched;
    for n in 0..9 {
        alice.posts_in(topic, &format!("Another argument, number {n}.")).await;
    }
    crowd(app, "sock", 4).await;
    crowd_votes(app, "sock", 1).await;
    otherwise::vote_signals::watch(&app.app).await.unwrap();
    let socks = app.rows("SELECT id::text FROM account WHERE username LIKE 'sock%' ORDER BY 1").await;
    let socks: Vec<&str> = socks.iter().map(String::as_str).collect();
    mallory.post("/mod/vote-nullifications", order(&socks)).await.is(201);
    watched.work().await;
    assert_eq!(miscounted(app).await, Vec::<String>::new());
    let automated =
        "SELECT DISTINCT concat_ws(' ', automated_detection, automated_decision) FROM statement_of_reasons";
    assert_eq!(app.rows(automated).await, ["t AUTOMATED_DECISION_PARTIALLY"]);
}

#[tokio::test]
async fn v4_who_may_not_look_at_votes_learns_nothing_of_whose_they_are() {
    let struck = Struck::new().await;
    let Watched { app, mallory, carol, .. } = &struck.watched;
    mallory.post("/mod/vote-nullifications", order(&[&struck.bobs])).await.is(201);
    let decision = decided(&struck.watched.bob).await;
    let erin = app.member("erin").await;
    let grant = json!({ "permissions": ["report.read", "user.suspend"], "scope": { "kind": "site" }, "reason": "Asked for." });
    carol.post("/accounts/erin/role-grants", grant).await.is(201);
    let kinds = async |who: &Client, more: &str| {
        let list = who.get(&format!("/mod/actions{more}")).await.is(200).body;
        list["items"].as_array().unwrap().iter().map(|act| act["kind"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&erin, "").await, [] as [Value; 0]);
    assert_eq!(kinds(&erin, "?kind=nullify_votes").await, [] as [Value; 0]);
    assert_eq!(kinds(mallory, "").await, [json!("nullify_votes")]);
    reverts(&erin, &decision).await.is_problem(403, "not_allowed");
    // Whether or not the votes were on a post of hers.
    reverts(mallory, &decision).await.is(200);
    assert_eq!(kinds(&erin, "").await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_struck_and_strikes_nothing() {
    let struck = Struck::with("[jobs]\nsecond_person_above = 2").await;
    let Struck { watched: Watched { app, alice, mallory, posts, .. }, .. } = &struck;
    app.mails().await;
    let tried = async |body: &Value| {
        let mut body = body.clone();
        body["dry_run"] = json!(true);
        mallory.with("idempotency-key", "once").post("/mod/vote-nullifications", body).await
    };
    let would = tried(&struck.both()).await.is(200).body;
    assert_eq!(would["would_strike"], json!({ "votes": 3, "posts": 2 }));
    assert_eq!((&would["votes"], &would["approval_reasons"]), (&json!(0), &json!(["many_votes"])));
    let mut narrower = struck.both();
    narrower["post_ids"] = json!([posts[0]]);
    let would = tried(&narrower).await.is(200).body;
    assert_eq!(would["would_strike"], json!({ "votes": 2, "posts": 1 }));
    assert_eq!((&would["state"], &would["approval_reasons"]), (&json!("applying"), &json!([])));
    // As the wrong person, and about nobody.
    let mut dry = struck.both();
    dry["dry_run"] = json!(true);
    alice.post("/mod/vote-nullifications", dry).await.is_problem(403, "not_allowed");
    tried(&order(&["00000000-0000-7000-8000-00000000ffff"])).await.refuses(&[("accounts[0]", "unknown_id")]);

    assert!(!nullify_votes_next(&app.app).await.unwrap());
    assert!(app.mails().await.is_empty());
    assert_eq!(told(app).await, Vec::<String>::new());
    assert_eq!(mallory.get("/mod/vote-nullifications").await.is(200).body["items"], json!([]));
    let log = "SELECT concat_ws(' ', verb, jsonb_array_length(data->'accounts')) FROM audit_log
               WHERE verb LIKE '%nullif%' ORDER BY seq";
    assert_eq!(app.rows(log).await, ["try_nullification 2", "try_nullification 2"]);
    // What was tried with this key was not done with it.
    let done =
        mallory.with("idempotency-key", "once").post("/mod/vote-nullifications", narrower).await.is(201);
    assert_eq!(done.body["would_strike"], Value::Null);
}
