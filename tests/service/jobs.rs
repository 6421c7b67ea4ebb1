//! Bulk jobs of the program as it is delivered: killed again and again while one goes on, and driven from the command line.

use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use otherwise::db::embedded;
use sea_orm::sqlx::{self, Connection, PgConnection, Row};
use serde_json::{Value, json};

use crate::support::{Client, FIRST_DEBATE, Folder, PASSWORD, PROGRAM, Ran, Server, run, until};

/// One moderator is enough, without a second factor: what is tried here is what comes after.
const SETTINGS: [(&str, &str); 2] = [
    ("OTHERWISE__AUTH__REQUIRE_SECOND_FACTOR_FOR_STAFF", "false"),
    ("OTHERWISE__JOBS__SECOND_PERSON_ABOVE", "100000"),
];

/// A server with a moderator, and so many posts of spam by so many people.
struct Wave {
    folder: Folder,
    posts: Vec<String>,
}

impl Wave {
    async fn new(posts: usize, people: usize) -> (Self, Server, Client) {
        let folder = Folder::new();
        let server = folder.serve_with(&SETTINGS);
        let arguments =
            ["admin", "create", "--username", "carol", "--email", "carol@example.org", "--password-stdin"];
        folder.run(arguments, PASSWORD).succeeded();
        let carol = server.sign_in("carol").await;
        let mut writers = Vec::new();
        for n in 0..people {
            let shill = server.member(&format!("shill{n}")).await;
            let share = posts / people + usize::from(n < posts % people);
            writers.push(tokio::spawn(async move {
                let mut made = Vec::new();
                for i in 0..share {
                    let post = json!({ "body": format!("Cheap maps, offer {i} of number {n}.") });
                    let path = format!("/topics/{FIRST_DEBATE}/posts");
                    made.push(shill.post(&path, &post).await.is(201).text("/id"));
                }
                made
            }));
        }
        let mut all = Vec::new();
        for writer in writers {
            all.extend(writer.await.unwrap());
        }
        (Self { folder, posts: all }, server, carol)
    }

    /// A number that a query counts.
    async fn count(&self, query: &'static str) -> i64 {
        let url = embedded::running(&self.folder.data()).expect("a private cluster runs");
        let mut database = PgConnection::connect(&url).await.unwrap();
        let count = sqlx::query(query).fetch_one(&mut database).await.unwrap().get(0);
        database.close().await.unwrap();
        count
    }
}

async fn executed(carol: &Client, job: &Value) {
    let hash = format!("\"{}\"", job["plan"]["hash"].as_str().unwrap());
    let path = format!("/mod/jobs/{}/execute", job["id"].as_str().unwrap());
    let headers = [("if-match", hash.as_str())];
    carol.try_send(reqwest::Method::POST, &path, Some(&json!({})), &headers).await.unwrap().is(200);
}

async fn read(carol: &Client, job: &Value) -> Value {
    carol.get(&format!("/mod/jobs/{}", job["id"].as_str().unwrap())).await.is(200).body
}

/// Waits until so many items were seen to, however long that takes, as long as there is always another.
async fn seen_to(carol: &Client, job: &Value, items: i64) {
    let mut so_far = 0;
    while so_far < items {
        let more = AtomicI64::default();
        until("the job gets on", async || {
            // Who asks all the time takes from the job what it needs.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let counts = read(carol, job).await["counts"].clone();
            let pending = counts["pending"].as_i64().unwrap();
            more.store(counts["total"].as_i64().unwrap() - pending, Ordering::Relaxed);
            more.load(Ordering::Relaxed) > so_far
        })
        .await;
        so_far = more.into_inner();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_ten_times_does_no_item_twice_and_loses_none() {
    let items: usize =
        std::env::var("OTHERWISE_TEST_JOB_ITEMS").map_or(1_000, |items| items.parse().unwrap());
    let (wave, mut server, carol) = Wave::new(items, 20).await;
    // A session would have to be refreshed before that many are done.
    let mut carol = server.guest().bearer(&token(&carol).await);
    let total = i64::try_from(items).unwrap();
    let job = json!({
        "subjects": { "kind": "post", "ids": wave.posts }, "note": "The wave of this morning.",
        "actions": [{ "kind": "hide", "rule": "spam", "explanation": "It advertises a shop, and nothing else." }],
    });
    let job = carol.post("/mod/jobs", &job).await.is(201).body;
    executed(&carol, &job).await;
    for kill in 1..=10 {
        seen_to(&carol, &job, total * kill / 11).await;
        server.crash();
        drop(server);
        server = wave.folder.serve_with(&SETTINGS);
        carol = carol.at(&server);
    }
    seen_to(&carol, &job, total).await;
    until("the job ends", async || read(&carol, &job).await["state"] == "succeeded").await;
    let done = read(&carol, &job).await;
    assert_eq!(done["counts"]["done"], total, "{done:#}");
    for (what, query, expected) in [
        ("posts out of sight", "SELECT count(*) FROM post WHERE status = 'hidden'", total),
        ("actions", "SELECT count(*) FROM mod_action", total),
        ("posts with an action", "SELECT count(DISTINCT subject_post_id) FROM mod_action", total),
        ("statements of reasons", "SELECT count(*) FROM statement_of_reasons", total),
        ("entries of the audit log", "SELECT count(*) FROM audit_log WHERE verb = 'moderate'", total),
        ("cases", "SELECT count(*) FROM moderation_case WHERE state = 'resolved'", total),
        ("mails", "SELECT count(*) FROM mail WHERE kind = 'decision_made'", 20),
    ] {
        assert_eq!(wave.count(query).await, expected, "{what}");
    }
    // Half of it is taken back, and the server is killed once more on the way.
    let why = json!({ "explanation": "They were maps of a museum." });
    let undo =
        carol.post(&format!("/mod/jobs/{}/undo", job["id"].as_str().unwrap()), &why).await.is(201).body;
    executed(&carol, &undo).await;
    seen_to(&carol, &undo, total / 2).await;
    server.crash();
    drop(server);
    server = wave.folder.serve_with(&SETTINGS);
    carol = carol.at(&server);
    seen_to(&carol, &undo, total).await;
    until("the job is taken back", async || read(&carol, &job).await["state"] == "undone").await;
    assert_eq!(wave.count("SELECT count(*) FROM post WHERE status = 'hidden'").await, 0);
    assert_eq!(wave.count("SELECT count(*) FROM mod_action WHERE kind = 'revert'").await, total);
    wave.folder.run(["audit", "verify"], "").succeeded();
    server.stop();
}

/// A token for scripts.
async fn token(who: &Client) -> String {
    let expires = (DateTime::<Utc>::from(SystemTime::now()) + TimeDelta::days(7)).to_rfc3339();
    let token = json!({ "name": "script", "scopes": ["read", "moderate"], "expires_at": expires });
    who.post("/me/tokens", &token).await.is(201).text("/token")
}

/// Runs a command of moderators against a server.
fn moderator(server: &Server, token: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.arg("mod").args(arguments).env_clear();
    command.env("OTHERWISE_SERVER", &server.base).env("OTHERWISE_TOKEN", token);
    run(&mut command, "")
}

/// The same, as JSON.
fn answered(server: &Server, token: &str, arguments: &[&str]) -> Value {
    let ran = moderator(server, token, &[&["--json"], arguments].concat()).succeeded();
    serde_json::from_str(ran.out.lines().next().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moderator_scripts_with_the_program() {
    let (wave, server, carol) = Wave::new(12, 3).await;
    let token = token(&carol).await;
    let bob = server.member("bob").await;
    let report = json!({ "subject": { "kind": "post", "id": wave.posts[0] }, "rule": "spam" });
    bob.post("/reports", &report).await.is(201);

    let queue = moderator(&server, &token, &["queue"]).succeeded();
    assert!(
        queue.out.contains("open") && queue.out.contains("1 by 1") && queue.out.contains("shill0"),
        "{}",
        queue.out
    );
    let case = answered(&server, &token, &["queue"])["id"].as_str().unwrap().to_owned();
    for (name, audience) in [("Spam", "team"), ("Hatred", "own"), ("Spam", "own")] {
        let new = json!({ "name": name, "audience": audience, "rules": [name.to_lowercase()] });
        carol.post("/mod/queues", &new).await.is(201);
    }
    let hatred = moderator(&server, &token, &["queue", "--queue", "Hatred"]).succeeded().out;
    assert!(hatred.contains("Nothing waits"), "{hatred}");
    let none = moderator(&server, &token, &["next", "--queue", "Hatred"]).succeeded().out;
    assert!(none.contains("Nothing waits"), "{none}");
    moderator(&server, &token, &["queue", "--queue", "Heresy"])
        .refused("these are there: Spam, Hatred, Spam");
    moderator(&server, &token, &["next", "--queue", "Spam"]).refused("give the identifier");
    let spam = carol.get("/mod/queues").await.is(200).text("/items/0/id");
    assert_eq!(answered(&server, &token, &["queue", "--queue", &spam])["id"], *case);
    let shown = moderator(&server, &token, &["show", &case]).succeeded().out;
    assert!(shown.contains("Cheap maps, offer 0") && shown.contains("You may: claim"), "{shown}");
    moderator(&server, &token, &["next"]).succeeded();
    assert!(moderator(&server, &token, &["next"]).succeeded().out.contains("Nothing waits"));
    let because = "It advertises a shop, and nothing else.";
    let act = ["act", "post", &wave.posts[0], "hide", "--rule", "spam", "--because", because];
    let tried = moderator(&server, &token, &[&act[..], &["--dry-run"]].concat()).succeeded().out;
    assert!(tried.contains("Nothing was done"), "{tried}");
    let hidden = answered(&server, &token, &act)["actions"][0]["id"].as_str().unwrap().to_owned();
    let resolved = moderator(&server, &token, &["resolve", &case, "upheld", "--note", "It is spam."]);
    assert!(resolved.succeeded().out.contains("resolved"));
    moderator(&server, &token, &["revert", &hidden, "--because", "It was one of a museum."]).succeeded();

    // A job: planned, executed by the hash of the plan, watched, and taken back.
    let file = wave.folder.path().join("ids");
    std::fs::write(&file, wave.posts.join("\n")).unwrap();
    let ids = file.to_str().unwrap();
    let plan = [
        "job",
        "plan",
        "--ids",
        ids,
        "--do",
        "hide",
        "--rule",
        "spam",
        "--because",
        because,
        "--note",
        "The wave.",
    ];
    let planned = moderator(&server, &token, &plan).succeeded().out;
    assert!(planned.contains("To do it: otherwise mod job run ") && planned.contains("shill2"), "{planned}");
    let plan = answered(&server, &token, &plan);
    let (id, hash) = (plan["id"].as_str().unwrap(), plan["plan"]["hash"].as_str().unwrap());
    moderator(&server, &token, &["job", "run", id, "--hash=x"]).refused("412 precondition_failed");
    let ended = moderator(&server, &token, &["job", "run", id, &format!("--hash={hash}")]).succeeded().out;
    assert!(ended.contains("succeeded"), "{ended}");
    let items = moderator(&server, &token, &["job", "items", id, "--state", "done"]).succeeded().out;
    assert_eq!(items.matches("done").count(), 12, "{items}");
    let undone = moderator(&server, &token, &["undo", id, "--because", "They were of a museum.", "--yes"]);
    assert!(undone.succeeded().out.contains("succeeded"));
    assert_eq!(answered(&server, &token, &["job", "show", id])["state"], "undone");
    assert!(moderator(&server, &token, &["job", "list"]).succeeded().out.contains("undone"));

    // What goes wrong is said in the words of the server, or in plain ones.
    moderator(&server, &token, &["show", id]).refused("404 not_found");
    moderator(&server, &token, &["act", "post", id, "hide"]).refused("--rule");
    moderator(&server, "otw_pat_x", &["queue"]).refused("401 invalid_token");
    moderator(&server, "", &["--server", "http://127.0.0.1:1", "queue"]).refused("cannot be reached");
    moderator(&server, "", &["--server", "http://debates.example", "queue"]).refused("use https");
    let chooser = ["job", "plan", "--do", "hide", "--rule", "spam", "--because", because, "--note", "All."];
    moderator(&server, &token, &chooser).refused("selector");
    server.stop();
}
