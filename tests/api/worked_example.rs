//! The worked example of docs/MODERATION.md, request by request as it stands there.

use std::collections::BTreeMap;

use axum::http::Method;
use expect_test::expect;
use otherwise::worker::{job_item_next, open_cases_next};
use serde_json::json;

use crate::support::{Client, Reply, TestApp};

const DOCUMENT: &str = include_str!("../../docs/MODERATION.md");

/// The slug of the debate of 1956.
const DEBATE: &str = "khrushchev-no-secret-speech-1956";

/// A request of the document.
struct Step {
    who: String,
    method: Method,
    path: String,
    if_match: Option<String>,
    body: Option<String>,
    status: u16,
    /// What is kept of the answer: under which name, and where it is, in the body or as its `ETag`.
    kept: Vec<(String, String)>,
}

/// The requests of the document, in their order.
fn steps() -> Vec<Step> {
    let blocks = DOCUMENT.split("```http\n").skip(1).map(|block| block.split("\n```").next().unwrap());
    blocks.map(step).collect()
}

fn step(block: &str) -> Step {
    let mut lines = block.lines();
    let mut first = lines.next().unwrap().split(' ');
    let mut next = || first.next().unwrap().to_owned();
    let (who, method, path) = (next(), next().parse().unwrap(), next());
    let (mut if_match, mut body, mut status, mut kept) = (None, String::new(), 0, Vec::new());
    for line in lines {
        if let Some(tag) = line.strip_prefix("If-Match: ") {
            if_match = Some(tag.to_owned());
        } else if let Some(answer) = line.strip_prefix("→ ") {
            let mut words = answer.split(' ');
            status = words.next().unwrap().parse().unwrap();
            kept = words
                .map(|word| word.split_once('=').unwrap())
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .collect();
        } else {
            body += line;
        }
    }
    Step { who, method, path, if_match, body: Some(body).filter(|body| !body.is_empty()), status, kept }
}

/// The story: who is there, and what was kept.
struct Story {
    app: TestApp,
    people: BTreeMap<&'static str, Client>,
    kept: BTreeMap<String, String>,
    steps: std::vec::IntoIter<Step>,
}

impl Story {
    async fn new() -> Self {
        let app = TestApp::new().await;
        app.load_first_debate().await;
        let mut people = BTreeMap::new();
        for name in ["carol", "dave"] {
            people.insert(name, app.administrator(name).await);
        }
        for name in ["alice", "bob"] {
            people.insert(name, app.member(name).await);
        }
        Self { app, people, kept: BTreeMap::new(), steps: steps().into_iter() }
    }

    /// The next request of the document, which has to begin so.
    async fn next(&mut self, begins: &str) -> Reply {
        let step = self.steps.next().unwrap_or_else(|| panic!("the document ends before {begins}"));
        let says = format!("{} {} {}", step.who, step.method, step.path);
        assert!(says.starts_with(begins), "the document goes on with {says}, not {begins}");
        let filled = |text: String| {
            self.kept.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        };
        let mut who = self.people[step.who.as_str()].clone();
        if let Some(tag) = step.if_match {
            who = who.with("if-match", &filled(tag));
        }
        let body = step.body.map(|body| filled(body).into_bytes());
        let reply = who.send(step.method, &filled(step.path), body).await.is(step.status);
        for (name, pointer) in step.kept {
            let found = if pointer == "ETag" {
                reply.header("etag").map(str::to_owned)
            } else {
                let value = reply.body.pointer(&pointer);
                value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            self.kept.insert(name, found.unwrap_or_else(|| panic!("{says}: no {pointer}")));
        }
        reply
    }

    /// Each of the twenty posts so often.
    async fn wave(&self, shills: &[Client], times: usize) {
        for n in 0..times {
            for (i, shill) in shills.iter().enumerate() {
                let body = format!("Cheap maps of Moscow! Offer {n} of shop {i}.");
                shill.post(&format!("/topics/{DEBATE}/posts"), json!({ "body": body })).await.is(201);
            }
        }
    }
}

/// Posts of the wave, and alice's, by their status.
async fn statuses(app: &TestApp) -> Vec<String> {
    app.rows(
        "SELECT status || ' ' || count(*) FROM post WHERE body ILIKE '%cheap maps%' GROUP BY status ORDER BY status",
    )
    .await
}

#[tokio::test]
async fn a_wave_of_spam_is_caught_cleaned_up_and_answered_for() {
    let mut story = Story::new().await;
    let app = story.app.clone();
    let mut shills = Vec::new();
    for n in 0..20 {
        shills.push(app.member(&format!("shill{n}")).await);
    }
    let accounts = app.rows("SELECT id::text FROM account WHERE username LIKE 'shill%' ORDER BY id").await;
    story.kept.insert("accounts".to_owned(), json!(accounts).to_string());

    story.next("carol POST /mod/automation-rules").await;
    story.wave(&shills, 10).await;
    let alice = story.people["alice"].clone();
    let hers = alice.posts_in(DEBATE, "«Cheap maps of Moscow» answer nothing: what did Mikoyan say?").await;
    story.people["bob"].judges(&hers, 1).await;
    let seen =
        |post: Reply| (post.body["status"].clone(), post.body["body"].clone(), post.body["votes"].clone());
    let before = seen(app.guest().get(&format!("/posts/{hers}")).await.is(200));
    assert_eq!(statuses(&app).await, ["visible 201"], "who watches does nothing");

    let hits = story.next("carol GET /mod/automation-rules/{rule}/hits").await;
    let met = app.rows("SELECT count(*) || ' ' || min(did) || ' ' || max(did) FROM rule_hit").await;
    assert_eq!(
        (hits.body["items"].as_array().unwrap().len(), met),
        (2, vec!["201 nothing nothing".to_owned()])
    );
    let trial = story.next("carol POST /mod/automation-rules/{rule}/test").await;
    assert_eq!((&trial.body["matched"], &trial.body["authors"]), (&json!(201), &json!(21)));
    story.next("carol PATCH /mod/automation-rules/{rule}").await;
    story.wave(&shills, 5).await;
    assert_eq!(statuses(&app).await, ["hidden 100", "visible 201"]);
    while open_cases_next(&app.app).await.unwrap() {}
    let waiting = app.rows("SELECT count(*)::text FROM moderation_case WHERE state = 'open'").await;
    assert_eq!(waiting, ["100"], "each that was hidden waits for a human");

    let plan = story.next("carol POST /mod/jobs").await;
    assert_eq!((&plan.body["counts"]["pending"], &plan.body["plan"]["people"]), (&json!(301), &json!(21)));
    assert_eq!(plan.body["approval_reasons"], json!([]));
    story.next("carol POST /mod/jobs/{job}/execute").await;
    while job_item_next(&app.app).await.unwrap() {}
    let done = story.next("carol GET /mod/jobs/{job}").await;
    assert_eq!((&done.body["state"], &done.body["counts"]["done"]), (&json!("succeeded"), &json!(301)));
    assert_eq!(statuses(&app).await, ["removed 301"]);
    let waiting = app.rows("SELECT count(*)::text FROM moderation_case WHERE state <> 'resolved'").await;
    assert_eq!(waiting, ["0"]);

    story.next("carol POST /mod/jobs").await;
    let asked = story.next("carol POST /mod/jobs/{bans}/execute").await;
    assert_eq!(asked.body["state"], "awaiting_approval");
    assert!(!job_item_next(&app.app).await.unwrap(), "nothing is done before somebody else agreed");
    story.next("dave POST /mod/jobs/{bans}/approve").await;
    while job_item_next(&app.app).await.unwrap() {}
    shills[0].get("/me").await.is_problem(401, "invalid_token");

    story.next("alice GET /me/decisions").await;
    assert_eq!(alice.get(&format!("/posts/{hers}")).await.text("/body"), before.1);
    story.next("alice POST /me/decisions/{decision}/appeal").await;
    let refused = story.next("carol POST /mod/appeals/{appeal}/decide").await;
    assert_eq!(refused.body["code"], "own_decision");
    story.next("dave POST /mod/appeals/{appeal}/decide").await;
    let after = seen(app.guest().get(&format!("/posts/{hers}")).await.is(200));
    assert_eq!(after, before, "it is back, with its votes");
    assert_eq!(statuses(&app).await, ["removed 300", "visible 1"]);

    let report = story.next("bob GET /transparency").await;
    report.matches(expect![[r#"
        {
          "actions": {
            "ban": 20,
            "hide": 100,
            "remove": 301
          },
          "actions_by_actor": {
            "human": 321,
            "rule": 100
          },
          "actions_by_rule": {
            "spam": 421
          },
          "actions_by_source": {
            "SOURCE_VOLUNTARY": 421
          },
          "appeal_time": {
            "median_hours": 0.0,
            "p90_hours": 0.0
          },
          "appeals": {
            "overturned": 1
          },
          "from": "2026-01-01T00:00:00Z",
          "notice_time": {
            "median_hours": null,
            "p90_hours": null
          },
          "notices": {},
          "notices_of_child_abuse": 0,
          "period": "2026-01",
          "report_time": {
            "median_hours": null,
            "p90_hours": null
          },
          "reports": {},
          "reverted_by_actor": {
            "human": 1
          },
          "to": "2026-02-01T00:00:00Z"
        }
    "#]]);
    assert!(story.steps.next().is_none(), "the document says more than was run");
    let of_audit = app
        .rows("SELECT count(DISTINCT object_id)::text FROM audit_log WHERE object_kind = 'mod_action'")
        .await;
    let actions = app.rows("SELECT count(*)::text FROM mod_action").await;
    assert_eq!(of_audit, actions, "every action is in the audit log");
}
