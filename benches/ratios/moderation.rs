//! What moderation costs: the next case of a long queue, and a large bulk job for everybody else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use otherwise::db::embedded;
use sea_orm::sqlx::{Connection, PgConnection, query};
use serde_json::{Value, json};

use crate::everyday::{Asked, Everyday};
use crate::support::{Client, FIRST_DEBATE, Folder, PASSWORD, Server, until};
use crate::{Bound, Row, each, percentile};

/// Cases that wait: few, and many.
const QUEUES: [i32; 2] = [1_000, 100_000];

/// Moderators who claim at the same time, and how often each does.
const MODERATORS: usize = 32;
const CLAIMS: usize = 20;

/// Items of the job.
const ITEMS: usize = 10_000;

/// One factor and one person are enough: what is measured is what comes after.
const SETTINGS: [(&str, &str); 2] = [
    ("OTHERWISE__AUTH__REQUIRE_SECOND_FACTOR_FOR_STAFF", "false"),
    ("OTHERWISE__JOBS__SECOND_PERSON_ABOVE", "100000"),
];

/// Measures all of it.
pub(crate) async fn measure() -> Vec<Row> {
    let mut rows = queue().await;
    rows.extend(job().await);
    rows
}

/// A server, and an administrator of it.
async fn begun() -> (Folder, Server, Client) {
    let folder = Folder::new();
    let server = folder.serve_with(&SETTINGS);
    let arguments =
        ["admin", "create", "--username", "carol", "--email", "carol@example.org", "--password-stdin"];
    folder.run(arguments, PASSWORD).succeeded();
    let carol = server.sign_in("carol").await;
    (folder, server, carol)
}

/// So many open cases, each about somebody of its own.
async fn fill(folder: &Folder, cases: i32) {
    let url = embedded::running(&folder.data()).expect("a private cluster runs");
    let mut database = PgConnection::connect(&url).await.unwrap();
    let people = "INSERT INTO account
         SELECT (jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'username', 'member' || n,
                    'username_skeleton', 'member' || n, 'email', NULL, 'email_key', NULL, 'email_verified_at', NULL,
                    'role', 'member'))).*
         FROM account a, generate_series(1, $1) n WHERE a.username = 'carol'";
    query(people).bind(cases).execute(&mut database).await.unwrap();
    let waiting =
        "INSERT INTO moderation_case (id, subject_kind, subject_account_id, owner_id, state, is_escalated,
                       report_count, reporter_count, score, priority, version, opened_at, updated_at)
         SELECT gen_random_uuid(), 'account', id, id, 'open', false, 1, 1, 100,
                (random() * 100)::smallint, 1, now(), now()
         FROM account WHERE username LIKE 'member%'";
    let opened = "INSERT INTO case_event (case_id, seq, kind, to_state, note, created_at)
                  SELECT id, 1, 'opened', state, '', opened_at FROM moderation_case";
    // At once: a case is what its events come to.
    let mut filling = database.begin().await.unwrap();
    query(waiting).execute(&mut *filling).await.unwrap();
    query(opened).execute(&mut *filling).await.unwrap();
    filling.commit().await.unwrap();
    query("ANALYZE").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// The time to claim the next case of a long queue against that of a short one, turn by turn; and whether those who
/// claim at once get the same.
async fn queue() -> Vec<Row> {
    const TURNS: usize = 5;
    const EACH: usize = 60;
    let mut queues = Vec::new();
    for cases in QUEUES {
        println!("Filling a queue of {cases} cases …");
        let (folder, server, carol) = begun().await;
        fill(&folder, cases).await;
        queues.push((folder, server, carol, Vec::new()));
    }
    for _ in 0..TURNS {
        for (_, _, carol, times) in &mut queues {
            for _ in 0..EACH {
                let started = Instant::now();
                carol.post("/mod/cases/next", &json!({})).await.is(200);
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    let medians: Vec<f64> = queues.iter().map(|(_, _, _, times)| percentile(times.clone(), 50)).collect();
    let mut rows = vec![Row {
        name: "claiming the next of 100,000 cases, against 1,000",
        ours: medians[1],
        reference: medians[0],
        unit: "ms",
        bound: Bound::AtMost(1.5),
    }];
    let (_, server, carol, _) = &queues[1];
    rows.push(at_once(server, carol).await);
    for (folder, server, ..) in queues {
        server.stop();
        drop(folder);
    }
    rows
}

/// How many different cases moderators get who claim at the same time, against how often they claim.
async fn at_once(server: &Server, carol: &Client) -> Row {
    let moderators = Arc::new(Mutex::new(Vec::new()));
    for n in 0..MODERATORS {
        let name = format!("moderator{n}");
        let moderator = server.member(&name).await;
        let grant = json!({ "role": "moderator", "scope": { "kind": "site" }, "reason": "Asked for." });
        carol.post(&format!("/accounts/{name}/role-grants"), &grant).await.is(201);
        moderators.lock().unwrap().push(moderator);
    }
    let claimed = Arc::new(Mutex::new(Vec::new()));
    let (of_all, all) = (claimed.clone(), moderators.clone());
    each(MODERATORS, MODERATORS, move |n| {
        let (claimed, moderator) = (of_all.clone(), all.lock().unwrap()[n].clone());
        async move {
            for _ in 0..CLAIMS {
                let case = moderator.post("/mod/cases/next", &json!({})).await.is(200).text("/id");
                claimed.lock().unwrap().push(case);
            }
        }
    })
    .await;
    let claimed = claimed.lock().unwrap();
    let different: HashSet<&String> = claimed.iter().collect();
    Row {
        name: "different cases that 32 moderators get who claim at once, against their claims",
        ours: different.len() as f64,
        reference: claimed.len() as f64,
        unit: "cases",
        bound: Bound::AtLeast(1.0),
    }
}

/// How long 10,000 items take, against five minutes, and what others notice of it who read the debate that it is about,
/// vote in it and look for others, against when it is paused: the median of several turns. Every other turn is that of
/// guests who read that debate all the time.
async fn job() -> Vec<Row> {
    const TURNS: usize = 10;
    let (folder, server, carol) = begun().await;
    println!("Writing {ITEMS} posts …");
    let posts = write(&server).await;
    let (guest, dave) = (server.guest(), server.member("dave").await);
    let post = json!({ "body": "It stays." });
    let stays = carol.post(&format!("/topics/{FIRST_DEBATE}/posts"), &post).await.is(201).text("/id");
    let job = json!({
        "subjects": { "kind": "post", "ids": posts }, "note": "The wave of this morning.",
        "actions": [{ "kind": "hide", "rule": "spam", "explanation": "It advertises a shop, and nothing else." }],
    });
    let job = carol.post("/mod/jobs", &job).await.is(201).body;
    let path = format!("/mod/jobs/{}", job["id"].as_str().unwrap());
    let hash = format!("\"{}\"", job["plan"]["hash"].as_str().unwrap());
    let execute = format!("{path}/execute");
    let headers = [("if-match", hash.as_str())];
    carol.try_send(reqwest::Method::POST, &execute, Some(&json!({})), &headers).await.unwrap().is(200);

    let thread = Asked::Page(format!("/topics/{FIRST_DEBATE}/thread"));
    let people = [
        vec![
            (&guest, thread.clone()),
            (&guest, Asked::Page("/topics".into())),
            (&dave, thread.clone()),
            (&dave, Asked::Vote(stays)),
        ],
        vec![(&guest, thread)],
    ];
    // While it goes on, and while it is paused.
    let mut waits =
        people.each_ref().map(|asked| [vec![Vec::new(); asked.len()], vec![Vec::new(); asked.len()]]);
    let mut took = Duration::ZERO;
    for turn in 1..=TURNS {
        let (asked, waits) = (&people[turn % 2], &mut waits[turn % 2]);
        let started = Instant::now();
        let asking = Everyday::start(&server, asked);
        let left = i64::try_from(ITEMS - ITEMS * turn / TURNS).unwrap();
        until("the job gets on", async || {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let counts = carol.get(&path).await.is(200).body["counts"].clone();
            counts["pending"].as_i64().unwrap() <= left
        })
        .await;
        keep_slowest(&mut waits[0], asking.stop());
        took += started.elapsed();
        if turn < TURNS {
            carol.post(&format!("{path}/pause"), &json!({})).await.is(200);
        }
        let asking = Everyday::start(&server, asked);
        tokio::time::sleep(Duration::from_secs(5)).await;
        keep_slowest(&mut waits[1], asking.stop());
        if turn < TURNS {
            carol.post(&format!("{path}/resume"), &json!({})).await.is(200);
        }
    }
    let done: Value = carol.get(&path).await.is(200).body;
    assert_eq!(done["counts"]["done"], json!(ITEMS), "{done:#}");
    server.stop();
    drop(folder);
    let mut rows = vec![Row {
        name: "a job about 10,000 posts, against five minutes",
        ours: took.as_secs_f64(),
        reference: 300.0,
        unit: "s",
        bound: Bound::AtMost(1.0),
    }];
    let names = [
        "a page of a guest, the slowest of 100, during that job, against while it is paused",
        "the list of topics, the slowest of 100, during that job, against while it is paused",
        "a page of a member, the slowest of 100, during that job, against while it is paused",
        "a vote, the slowest of 100, during that job, against while it is paused",
        "a page of guests who read nothing else, the slowest of 100, during that job, against while it is paused",
    ];
    let slowest = waits.into_iter().flat_map(|[busy, idle]| busy.into_iter().zip(idle));
    rows.extend(names.into_iter().zip(slowest).map(|(name, (busy, idle))| Row {
        name,
        ours: percentile(busy, 50),
        reference: percentile(idle, 50),
        unit: "ms",
        bound: Bound::AtMost(2.0),
    }));
    rows
}

/// Adds the slowest of 100 of each thing that was asked for to those of other turns.
fn keep_slowest(turns: &mut [Vec<f64>], waits: Vec<Vec<f64>>) {
    for (turns, waits) in turns.iter_mut().zip(waits) {
        turns.push(percentile(waits, 99));
    }
}

/// Posts by twenty people.
async fn write(server: &Server) -> Vec<String> {
    const PEOPLE: usize = 20;
    let mut people = Vec::new();
    for n in 0..PEOPLE {
        people.push(server.member(&format!("shill{n}")).await);
    }
    let made = Arc::new(Mutex::new(Vec::new()));
    let (people, of_all) = (Arc::new(people), made.clone());
    each(ITEMS, PEOPLE, move |n| {
        let (person, made) = (people[n % PEOPLE].clone(), of_all.clone());
        async move {
            let post = json!({ "body": format!("Cheap maps, offer {n}.") });
            let id = person.post(&format!("/topics/{FIRST_DEBATE}/posts"), &post).await.is(201).text("/id");
            made.lock().unwrap().push(id);
        }
    })
    .await;
    let made = made.lock().unwrap();
    made.clone()
}
