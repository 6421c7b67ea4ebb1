//! Who may do what: every role and every act, as one table.

use axum::http::Method;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::builders::open_topic;
use crate::support::{Client, Reply, TestApp};

/// What somebody may try.
#[derive(Debug, Clone, Copy)]
enum Act {
    CreateTopic,
    ReadDraft,
    EditDraft,
    EditOpenTopic,
    ArchiveTopic,
    ReadOpenTopic,
    Post,
    Reply,
    EditPost,
    DeletePost,
    ReadRevisions,
    Vote,
    TakeVoteBack,
}

const ACTS: [Act; 13] = [
    Act::CreateTopic,
    Act::ReadDraft,
    Act::EditDraft,
    Act::EditOpenTopic,
    Act::ArchiveTopic,
    Act::ReadOpenTopic,
    Act::Post,
    Act::Reply,
    Act::EditPost,
    Act::DeletePost,
    Act::ReadRevisions,
    Act::Vote,
    Act::TakeVoteBack,
];

/// Who tries it: what they are called in the table, and with which session.
struct Role {
    name: &'static str,
    client: Client,
    /// Whether the account is suspended at the moment of the attempt.
    suspended: bool,
}

/// Lets somebody try an act on things that the author made for this one attempt.
async fn attempt(app: &TestApp, act: Act, author: &Client, role: &Role, number: usize) -> Reply {
    let slug = format!("topic-{number}");
    let mut topic = open_topic("Had the Armada landed in Kent");
    topic["slug"] = json!(slug);
    topic["tags"] = json!(["armada"]);
    if matches!(act, Act::ReadDraft | Act::EditDraft) {
        topic["status"] = json!("draft");
    }
    author.post("/topics", topic).await.is(201);
    let (topic, posts) = (format!("/topics/{slug}"), format!("/topics/{slug}/posts"));
    let post = match act {
        Act::Reply | Act::EditPost | Act::DeletePost | Act::ReadRevisions | Act::Vote | Act::TakeVoteBack => {
            author.posts_in(&slug, "London had no walls worth the name.").await
        }
        _ => String::new(),
    };
    let url = format!("/posts/{post}");
    let who = &role.client;
    let any = who.with("if-match", "*");
    let patch =
        async |path: &str, body: Value| any.send(Method::PATCH, path, Some(body.to_string().into())).await;
    if role.suspended {
        app.suspend("alice").await;
    }
    let reply = match act {
        Act::CreateTopic => who.post("/topics", json!({ "title": "Had Elizabeth married" })).await,
        Act::ReadDraft | Act::ReadOpenTopic => who.get(&topic).await,
        Act::EditDraft => patch(&topic, json!({ "title": "Had Elizabeth married" })).await,
        Act::EditOpenTopic => patch(&topic, json!({ "horizon_reason": "Her death." })).await,
        Act::ArchiveTopic => patch(&topic, json!({ "status": "archived" })).await,
        Act::Post => who.post(&posts, json!({ "body": "So." })).await,
        Act::Reply => who.post(&posts, json!({ "body": "So.", "parent_id": post })).await,
        Act::EditPost => patch(&url, json!({ "body": "So." })).await,
        Act::DeletePost => any.delete(&url).await,
        Act::ReadRevisions => who.get(&format!("{url}/revisions")).await,
        Act::Vote => who.put(&format!("{url}/vote"), json!({ "quality": 1 })).await,
        Act::TakeVoteBack => who.delete(&format!("{url}/vote")).await,
    };
    app.lift_all().await;
    reply
}

#[tokio::test]
async fn who_may_do_what() {
    let app = TestApp::new().await;
    let author = app.member("alice").await;
    let moderator = app.member("mallory").await;
    let carol = app.administrator("carol").await;
    let grant = async |username: &str, scope: Value| {
        let grant = json!({ "role": "moderator", "scope": scope, "reason": "Asked for." });
        carol.post(&format!("/accounts/{username}/role-grants"), grant).await.is(201);
    };
    grant("mallory", json!({ "kind": "site" })).await;
    let (of_tag, of_another) = (app.member("dora").await, app.member("emil").await);
    grant("dora", json!({ "kind": "tag", "tag": "armada" })).await;
    grant("emil", json!({ "kind": "tag", "tag": "cold-war" })).await;
    let role = |name, client, suspended| Role { name, client, suspended };
    let roles = [
        role("anonymous", app.guest(), false),
        role("member", app.member("bob").await, false),
        role("author", author.clone(), false),
        role("moderator", moderator, false),
        role("moderator_here", of_tag, false),
        role("moderator_elsewhere", of_another, false),
        role("administrator", carol.clone(), false),
        role("suspended_author", author.clone(), true),
    ];
    let mut table = format!("{:14}", "");
    for role in &roles {
        table += &format!("  {:<19}", role.name);
    }
    let mut number = 0;
    for act in ACTS {
        table = format!("{}\n{:14}", table.trim_end(), format!("{act:?}"));
        for role in &roles {
            number += 1;
            let reply = attempt(&app, act, &author, role, number).await;
            let code = reply.body["code"].as_str().unwrap_or_default();
            table += &format!("  {:<19}", format!("{} {code}", reply.status));
        }
    }
    expect![[r#"
                        anonymous            member               author               moderator            moderator_here       moderator_elsewhere  administrator        suspended_author
        CreateTopic     401 unauthenticated  201                  201                  201                  201                  201                  201                  403 sanctioned
        ReadDraft       404 not_found        404 not_found        200                  200                  200                  404 not_found        200                  200
        EditDraft       401 unauthenticated  404 not_found        200                  200                  200                  404 not_found        200                  403 sanctioned
        EditOpenTopic   401 unauthenticated  403 not_your_topic   409 topic_not_draft  200                  200                  403 not_your_topic   200                  403 sanctioned
        ArchiveTopic    401 unauthenticated  403 not_your_topic   409 topic_not_draft  200                  200                  403 not_your_topic   200                  403 sanctioned
        ReadOpenTopic   200                  200                  200                  200                  200                  200                  200                  200
        Post            401 unauthenticated  201                  201                  201                  201                  201                  201                  403 sanctioned
        Reply           401 unauthenticated  201                  201                  201                  201                  201                  201                  403 sanctioned
        EditPost        401 unauthenticated  403 not_your_post    200                  403 not_your_post    403 not_your_post    403 not_your_post    403 not_your_post    403 sanctioned
        DeletePost      401 unauthenticated  403 not_your_post    200                  403 not_your_post    403 not_your_post    403 not_your_post    403 not_your_post    403 sanctioned
        ReadRevisions   200                  200                  200                  200                  200                  200                  200                  200
        Vote            401 unauthenticated  200                  403 own_post         200                  200                  200                  200                  403 sanctioned
        TakeVoteBack    401 unauthenticated  200                  403 own_post         200                  200                  200                  200                  403 sanctioned
    "#]]
    .assert_eq(&format!("{}\n", table.trim_end()));
}
