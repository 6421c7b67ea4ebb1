//! Moderators black passages out of posts, purge them, say under them what they lack, and give accounts other names.

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::job_item_next;
use serde_json::{Value, json};

use crate::moderation::{Watched, grants};
use crate::own_data::{columns_with, is_erased};
use crate::support::builders::action;
use crate::support::{Client, Reply, TestApp};

/// Where somebody lives, which bob says twice of alice: in what he wrote first, and in what he made of it.
const ADDRESS: &str = "12 Elm Street";

struct Told {
    watched: Watched,
    /// Bob's post.
    post: String,
}

impl Told {
    async fn new() -> Self {
        let watched = Watched::new().await;
        let Watched { bob, topic, .. } = &watched;
        let post = bob.posts_in(topic, &format!("Alice of {ADDRESS} is wrong.")).await;
        let revised =
            json!({ "body": format!("Alice, who lives at *{ADDRESS}*, is wrong, and so is {ADDRESS}.") });
        bob.with("if-match", "*").patch(&format!("/posts/{post}"), revised).await.is(200);
        Self { watched, post }
    }

    async fn redacts(&self, passages: Value) -> Reply {
        self.does("redact", json!({ "passages": passages })).await
    }

    async fn does(&self, kind: &str, more: Value) -> Reply {
        does(&self.watched.mallory, ("post", &self.post), kind, more).await
    }

    /// What everybody reads of the post, and of what it was before.
    async fn read(&self) -> (Value, Vec<Value>) {
        let guest = self.watched.app.guest();
        let post = guest.get(&format!("/posts/{}", self.post)).await.is(200).body;
        let revisions = guest.get(&format!("/posts/{}/revisions", self.post)).await.is(200).body;
        (post, revisions["items"].as_array().unwrap().clone())
    }

    /// What everybody reads, the last first.
    async fn texts(&self) -> String {
        let (post, revisions) = self.read().await;
        let mut text = format!("{} {}\n", post["revision"], post["body"]);
        for revision in revisions {
            text += &format!("{} {} {}\n", revision["number"], revision["body"], revision["by_moderator"]);
        }
        text
    }
}

async fn does(who: &Client, (subject, id): (&str, &str), kind: &str, more: Value) -> Reply {
    let mut order = action(kind);
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    who.post("/mod/actions", json!({ "subject": { "kind": subject, "id": id }, "actions": [order] })).await
}

async fn reverts(who: &Client, id: &str) -> Reply {
    let why = json!({ "explanation": "It is a museum, and no home." });
    who.post(&format!("/mod/actions/{id}/revert"), why).await
}

#[tokio::test]
async fn passages_are_blacked_out_wherever_the_post_said_them() {
    let told = Told::new().await;
    let Watched { app, alice, bob, mallory, .. } = &told.watched;
    alice.judges(&told.post, -1).await;
    let done = told.redacts(json!([ADDRESS])).await.is(201);
    expect![[r#"
        3 "Alice, who lives at *[redacted]*, is wrong, and so is [redacted]."
        3 "Alice, who lives at *[redacted]*, is wrong, and so is [redacted]." true
        2 "Alice, who lives at *[redacted]*, is wrong, and so is [redacted]." null
        1 "Alice of [redacted] is wrong." null
    "#]]
    .assert_eq(&told.texts().await);
    let (post, _) = told.read().await;
    assert_eq!(
        post["body_html"],
        "<p>Alice, who lives at <em>[redacted]</em>, is wrong, and so is [redacted].</p>\n"
    );
    assert_eq!((&post["tallies"]["quality"]["down"], &post["status"]), (&json!(1), &json!("visible")));
    // It stands nowhere but where moderators find it to put it back, and nobody else is shown that.
    expect![[r#"["mod_action.before_image"]"#]].assert_eq(&format!("{:?}", columns_with(app, ADDRESS).await));
    for who in [app.guest(), alice.clone(), bob.clone()] {
        for path in ["/modlog", "/transparency", "/me/decisions", &format!("/posts/{}", told.post)] {
            assert!(!who.get(path).await.body.to_string().contains(ADDRESS), "{path}");
        }
    }
    let decision = bob.get(&format!("/me/decisions/{}", done.text("/actions/0/id"))).await.is(200);
    assert_eq!(
        decision.body["statement"]["decision_visibility"],
        json!(["DECISION_VISIBILITY_CONTENT_REMOVED"])
    );
    assert_eq!(done.body["actions"][0]["before"]["text"]["former"][0]["number"], 1);
    // Its author goes on from what is left, and so it cannot be put back.
    bob.with("if-match", "*")
        .patch(&format!("/posts/{}", told.post), json!({ "body": "Alice is wrong." }))
        .await
        .is(200);
    reverts(mallory, &done.text("/actions/0/id")).await.is_problem(409, "changed_since");
}

#[tokio::test]
async fn what_was_blacked_out_is_put_back() {
    let told = Told::new().await;
    let Watched { app, mallory, bob, .. } = &told.watched;
    let done = told.redacts(json!(["lives at", ADDRESS, "nowhere said"])).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(1));
    let back = reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    assert_eq!(back.body["kind"], "revert");
    expect![[r#"
        4 "Alice, who lives at *12 Elm Street*, is wrong, and so is 12 Elm Street."
        4 "Alice, who lives at *12 Elm Street*, is wrong, and so is 12 Elm Street." true
        3 "Alice, who [redacted] *[redacted]*, is wrong, and so is [redacted]." true
        2 "Alice, who lives at *12 Elm Street*, is wrong, and so is 12 Elm Street." null
        1 "Alice of 12 Elm Street is wrong." null
    "#]]
    .assert_eq(&told.texts().await);
    // Whoever is erased takes it along, with what was kept to put it back.
    told.redacts(json!([ADDRESS])).await.is(201);
    is_erased(app, bob, false).await;
    expect![[r#"[]"#]].assert_eq(&format!("{:?}", columns_with(app, ADDRESS).await));
}

#[tokio::test]
async fn what_cannot_be_blacked_out_is_refused_and_changes_nothing() {
    let told = Told::new().await;
    let Watched { app, bob, alice, mallory, post, topic, .. } = &told.watched;
    let before = told.texts().await;
    for (passages, field, code) in [
        (json!(["not there"]), "actions[0].passages", "no_match"),
        (json!([]), "actions[0].passages", "missing"),
        (json!(["  "]), "actions[0].passages[0]", "blank"),
        (json!(vec!["wrong"; 21]), "actions[0].passages", "too_many"),
        (json!(["x".repeat(1001)]), "actions[0].passages[0]", "too_long"),
    ] {
        told.redacts(passages).await.refuses(&[(field, code)]);
    }
    told.does("redact", json!({})).await.refuses(&[("actions[0].passages", "missing")]);
    told.does("hide", json!({ "passages": ["wrong"] }))
        .await
        .refuses(&[("actions[0].passages", "does_not_fit")]);
    let armada = app.rows("SELECT id::text FROM topic").await.remove(0);
    does(mallory, ("topic", &armada), "redact", json!({ "passages": ["Armada"] }))
        .await
        .refuses(&[("actions[0].kind", "does_not_fit")]);
    // One letter would become ten, ten thousand times.
    let long = bob.posts_in(topic, &"ab".repeat(4900)).await;
    does(mallory, ("post", &long), "redact", json!({ "passages": ["a"] }))
        .await
        .refuses(&[("actions[0].passages", "too_long")]);
    for stranger in [app.guest(), alice.clone(), bob.clone()] {
        let refused = does(&stranger, ("post", post), "redact", json!({ "passages": ["maps"] })).await;
        assert!([401, 403].contains(&refused.status), "{}", refused.status);
    }
    assert_eq!(told.texts().await, before);
    bob.delete_as_read(&format!("/posts/{}", told.post)).await.is(200);
    told.redacts(json!([ADDRESS])).await.is_problem(409, "post_deleted");
}

#[tokio::test]
async fn moderators_say_under_a_post_what_it_lacks() {
    let told = Told::new().await;
    let Watched { mallory, bob, .. } = &told.watched;
    assert!(told.read().await.0.get("annotations").is_none(), "nothing is said where nothing is lacking");
    let premise = told.does("annotate", json!({ "annotation": "off_premise" })).await.is(201);
    let source = told.does("annotate", json!({ "annotation": "needs_source" })).await.is(201);
    assert_eq!(told.read().await.0["annotations"], json!(["needs_source", "off_premise"]));
    assert_eq!(
        source.body["actions"][0]["after"],
        json!({ "annotation": { "kind": "needs_source", "is_set": true } })
    );
    let (revision, _) = told.read().await;
    assert_eq!(revision["revision"], 2, "its author wrote nothing else");
    // It is answered and voted on as before.
    mallory.judges(&told.post, 1).await;
    let decision = bob.get(&format!("/me/decisions/{}", source.text("/actions/0/id"))).await.is(200);
    assert_eq!(
        decision.body["statement"]["decision_visibility"],
        json!(["DECISION_VISIBILITY_CONTENT_LABELLED"])
    );
    let again = told.does("annotate", json!({ "annotation": "needs_source" })).await.is(201);
    assert_eq!(again.body["actions"][0]["id"], source.body["actions"][0]["id"], "it is said already");
    reverts(mallory, &premise.text("/actions/0/id")).await.is(200);
    assert_eq!(told.read().await.0["annotations"], json!(["needs_source"]));
    told.does("annotate", json!({ "annotation": "too_long" })).await.is_problem(422, "invalid");
    told.does("annotate", json!({})).await.refuses(&[("actions[0].annotation", "missing")]);
}

/// Has somebody execute or approve a plan.
async fn goes(who: &Client, job: &Value, how: &str) -> Reply {
    let hash = format!("\"{}\"", job["plan"]["hash"].as_str().unwrap());
    let path = format!("/mod/jobs/{}/{how}", job["id"].as_str().unwrap());
    who.with("if-match", &hash).post(&path, json!({})).await
}

async fn work(app: &TestApp) {
    while job_item_next(&app.app).await.unwrap() {}
}

async fn planned(who: &Client, ids: &[&str], actions: Value) -> Value {
    let job = json!({ "subjects": { "kind": "post", "ids": ids }, "actions": actions, "note": "By order of a court." });
    who.post("/mod/jobs", job).await.is(201).body
}

#[tokio::test]
async fn a_purge_takes_two_people_and_leaves_nothing() {
    let told = Told::new().await;
    let Watched { app, bob, mallory, carol, topic, .. } = &told.watched;
    let reply = mallory.replies_to(topic, &told.post, "That is nobody's business.").await;
    told.redacts(json!(["lives at"])).await.is(201);
    let about = (("post", told.post.as_str()), "purge");
    does(carol, about.0, about.1, json!({})).await.refuses(&[("actions[0].kind", "needs_second_person")]);
    does(mallory, about.0, about.1, json!({})).await.is_problem(403, "not_allowed");
    let refused = planned(mallory, &[&told.post], json!([action("purge")])).await;
    assert_eq!(refused["left_alone"], json!([{ "code": "not_allowed", "items": 1 }]));

    let plan = planned(carol, &[&told.post], json!([action("purge")])).await;
    assert_eq!(plan["approval_reasons"], json!(["for_good"]));
    assert_eq!(goes(carol, &plan, "execute").await.is(200).body["state"], "awaiting_approval");
    goes(carol, &plan, "approve").await.is_problem(403, "own_decision");
    goes(mallory, &plan, "approve").await.is_problem(403, "not_allowed");
    let grant = json!({ "permissions": ["purge"], "scope": { "kind": "site" }, "reason": "Asked for." });
    carol.post("/accounts/mallory/role-grants", grant).await.is(201);
    goes(mallory, &plan, "approve").await.is(200);
    work(app).await;
    let job = carol.get(&format!("/mod/jobs/{}", plan["id"].as_str().unwrap())).await.is(200).body;
    assert_eq!((&job["state"], &job["counts"]["done"]), (&json!("succeeded"), &json!(1)));

    let read = app.guest().get(&format!("/posts/{}", told.post)).await.is(200).body;
    assert_eq!(
        (&read["status"], &read["body"], &read["author"]),
        (&json!("deleted"), &json!(""), &Value::Null)
    );
    app.guest().get(&format!("/posts/{}/revisions", told.post)).await.is_problem(404, "not_found");
    assert_eq!(app.guest().get(&format!("/posts/{reply}")).await.is(200).body["parent_id"], json!(told.post));
    expect![[r#"[]"#]].assert_eq(&format!("{:?}", columns_with(app, ADDRESS).await));
    // Nothing is left to be undone, nor to be decided.
    let undo = json!({ "explanation": "The court was wrong." });
    let undo =
        carol.post(&format!("/mod/jobs/{}/undo", plan["id"].as_str().unwrap()), undo).await.is(201).body;
    assert_eq!(undo["left_alone"], json!([{ "code": "nothing_to_undo", "items": 1 }]));
    assert_eq!(
        app.rows("SELECT state || ' ' || resolution FROM moderation_case ORDER BY 1").await,
        ["resolved upheld"]
    );
    // That it was wrong can still be said, to whom it was done.
    let purged = app.rows("SELECT id::text FROM mod_action WHERE kind = 'purge'").await.remove(0);
    let appeal = bob.appeals(&purged).await;
    let verdict = json!({ "outcome": "overturned", "reasons": "The address was the museum's own." });
    let frank = app.administrator("frank").await;
    frank.with("if-match", "*").post(&format!("/mod/appeals/{appeal}/decide"), verdict).await.is(200);
    assert_eq!(bob.get(&format!("/me/decisions/{purged}")).await.is(200).body["is_reverted"], true);
    assert_eq!(app.guest().get(&format!("/posts/{}", told.post)).await.body["status"], "deleted");
}

#[tokio::test]
async fn an_account_is_given_another_name() {
    let watched = Watched::new().await;
    let Watched { app, bob, alice, mallory, carol, .. } = &watched;
    let bad = app.member("death-to-kent").await;
    let id = app.rows("SELECT id::text FROM account WHERE username = 'death-to-kent'").await.remove(0);
    let renamed = async |who: &Client, name: &str| {
        does(who, ("account", &id), "rename", json!({ "username": name })).await
    };
    renamed(mallory, "bob").await.is_problem(409, "username_taken");
    renamed(mallory, "no name").await.is_problem(422, "invalid");
    renamed(alice, "ted").await.is_problem(403, "not_allowed");
    let done = renamed(mallory, "ted").await.is(201);
    assert_eq!(done.body["actions"][0]["before"], json!({ "username": "death-to-kent" }));
    assert_eq!(app.guest().get("/accounts/ted").await.is(200).body["username"], "ted");
    let told = bad.get("/me").await.is(200);
    assert_eq!(told.body["username"], "ted", "whoever is signed in stays so");
    bad.put("/me/username", json!({ "username": "death-to-kent" })).await.is_problem(409, "renamed_lately");
    // Nobody learns the old name from what everybody reads.
    assert!(!app.guest().get("/modlog").await.body.to_string().contains("death-to-kent"));
    let again = renamed(mallory, "ted").await.is(201);
    assert_eq!(again.body["actions"][0]["id"], done.body["actions"][0]["id"]);
    reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    assert_eq!(bad.get("/me").await.body["username"], "death-to-kent");
    // Not somebody's who ranks as high, nor in place of what they wrote.
    let staff = app.rows("SELECT id::text FROM account WHERE username = 'carol'").await.remove(0);
    does(mallory, ("account", &staff), "rename", json!({ "username": "caroline" }))
        .await
        .is_problem(403, "outranked");
    does(mallory, ("post", &watched.post), "rename", json!({ "username": "alicia" }))
        .await
        .refuses(&[("actions[0].kind", "does_not_fit")]);
    let _ = (bob, carol);
}

#[tokio::test]
async fn a_job_waits_for_its_moment() {
    let watched = Watched::new().await;
    let Watched { app, mallory, carol, post, .. } = &watched;
    let job = |starts_at: &str| {
        json!({
            "subjects": { "kind": "post", "ids": [post] }, "actions": [action("lock")], "note": "When the vote is over.",
            "starts_at": starts_at,
        })
    };
    for (start, code) in [("2026-01-15T12:00:00Z", "in_the_past"), ("2027-02-01T00:00:00Z", "too_late")] {
        mallory.post("/mod/jobs", job(start)).await.refuses(&[("starts_at", code)]);
    }
    let plan = mallory.post("/mod/jobs", job("2026-01-15T12:05:00Z")).await.is(201).body;
    goes(mallory, &plan, "execute").await.is(200);
    let path = format!("/mod/jobs/{}", plan["id"].as_str().unwrap());
    app.app.clock.advance(TimeDelta::minutes(4));
    assert!(!job_item_next(&app.app).await.unwrap(), "its moment has not come");
    let waits = mallory.get(&path).await.is(200);
    assert_eq!((&waits.body["state"], waits.header("retry-after")), (&json!("queued"), Some("61")));
    // What is not about to begin keeps nobody from anything.
    let other = mallory.post("/mod/jobs", job("2026-01-15T12:08:00Z")).await.is(201).body;
    goes(mallory, &other, "execute").await.is(200);
    app.app.clock.advance(TimeDelta::minutes(1));
    work(app).await;
    let done = mallory.get(&path).await.is(200);
    assert_eq!((&done.body["state"], done.header("retry-after")), (&json!("succeeded"), None));
    // Whoever asked for it has to be allowed to when it is done.
    let grants = carol.get("/accounts/mallory/role-grants").await.is(200).text("/items/0/id");
    carol.delete(&format!("/role-grants/{grants}")).await.is(204);
    app.app.clock.advance(TimeDelta::minutes(3));
    work(app).await;
    let other = carol.get(&format!("/mod/jobs/{}", other["id"].as_str().unwrap())).await.is(200).body;
    expect![[r#""failed" [{"code":"not_allowed","items":1}]"#]]
        .assert_eq(&format!("{} {}", other["state"], other["left_alone"]));
}

#[tokio::test]
async fn so_many_jobs_wait_and_no_more() {
    let watched = Watched::with("[jobs]\nscheduled_at_most = 2\nat_a_time = 1\n").await;
    let Watched { app, mallory, topic, .. } = &watched;
    grants(&watched.carol, "bob", json!({ "kind": "site" })).await;
    let mut plans = Vec::new();
    for n in 0..3 {
        let post = watched.alice.posts_in(topic, &format!("The tides were wrong, {n}.")).await;
        let job = json!({
            "subjects": { "kind": "post", "ids": [post] }, "actions": [action("lock")], "note": "For later.",
            "starts_at": "2026-01-16T12:00:00Z",
        });
        plans.push(mallory.post("/mod/jobs", job).await.is(201).body);
    }
    goes(mallory, &plans[0], "execute").await.is(200);
    goes(mallory, &plans[1], "execute").await.is(200);
    goes(mallory, &plans[2], "execute").await.is_problem(409, "too_many_jobs");
    mallory.post(&format!("/mod/jobs/{}/cancel", plans[0]["id"].as_str().unwrap()), json!({})).await.is(200);
    goes(mallory, &plans[2], "execute").await.is(200);
    assert_eq!(app.rows("SELECT state FROM mod_job ORDER BY id").await, ["cancelled", "queued", "queued"]);
}

#[tokio::test]
async fn a_topic_is_pinned_for_all_to_see_first() {
    let watched = Watched::new().await;
    let Watched { app, alice, mallory, topic, .. } = &watched;
    let other = alice.opens_topic("Had the Great Fire been put out at once").await;
    let pinned = async || {
        let list = app.guest().get("/topics?pinned=true").await.is(200).body;
        list["items"].as_array().unwrap().iter().map(|line| line["slug"].clone()).collect::<Vec<_>>()
    };
    assert!(pinned().await.is_empty());
    let id = app.rows(&format!("SELECT id::text FROM topic WHERE slug = '{topic}'")).await.remove(0);
    let done = does(mallory, ("topic", &id), "pin", json!({})).await.is(201);
    assert_eq!(pinned().await, [json!(topic)]);
    assert_eq!(app.guest().get(&format!("/topics/{topic}")).await.body["is_pinned"], true);
    assert!(app.guest().get(&format!("/topics/{other}")).await.body.get("is_pinned").is_none());
    assert_eq!(app.guest().get("/topics").await.body["items"].as_array().unwrap().len(), 2);
    does(alice, ("topic", &id), "pin", json!({})).await.is_problem(403, "not_allowed");
    reverts(mallory, &done.text("/actions/0/id")).await.is(200);
    assert!(pinned().await.is_empty());
}

#[tokio::test]
async fn what_a_job_blacked_out_is_forgotten_with_the_post() {
    let told = Told::new().await;
    let Watched { app, mallory, carol, .. } = &told.watched;
    let mut redact = action("redact");
    redact["passages"] = json!([ADDRESS]);
    let plan = planned(mallory, &[&told.post], json!([redact])).await;
    goes(mallory, &plan, "execute").await.is(200);
    work(app).await;
    let read =
        async || mallory.get(&format!("/mod/jobs/{}", plan["id"].as_str().unwrap())).await.is(200).body;
    assert_eq!(read().await["actions"][0]["passages"], json!([ADDRESS]));
    let purge = planned(carol, &[&told.post], json!([action("purge")])).await;
    goes(carol, &purge, "execute").await.is(200);
    let grant = json!({ "permissions": ["purge"], "scope": { "kind": "site" }, "reason": "Asked for." });
    carol.post("/accounts/mallory/role-grants", grant).await.is(201);
    let mallory = app.sign_in("mallory").await;
    goes(&mallory, &purge, "approve").await.is(200);
    work(app).await;
    let read = mallory.get(&format!("/mod/jobs/{}", plan["id"].as_str().unwrap())).await.is(200).body;
    assert_eq!(
        (&read["actions"][0]["kind"], &read["actions"][0]["passages"]),
        (&json!("redact"), &Value::Null)
    );
    assert_eq!(columns_with(app, ADDRESS).await, [] as [String; 0]);
}
