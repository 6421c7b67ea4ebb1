//! Crashes: what was acknowledged is there afterwards, once, and the counters agree with the rows.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use otherwise::db::embedded;
use reqwest::Method;
use sea_orm::sqlx::{self, Connection, PgConnection, Row};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::support::{Client, FIRST_DEBATE, Folder, Server};

/// Numbers that look random and are the same for the same seed.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }
}

/// A post as it was sent.
#[derive(Debug, Clone)]
struct Sent {
    key: String,
    body: Value,
}

/// What one client knows for sure, and what it was in the middle of.
#[derive(Default)]
struct Known {
    posts: Vec<(String, Sent)>,
    votes: HashMap<String, (i64, i64)>,
    /// Sent and not acknowledged: done or not, nobody said.
    posts_under_way: Vec<Sent>,
    votes_under_way: Vec<(String, (i64, i64))>,
    sent: usize,
}

/// Posts and votes until the server is gone; tells of each answer.
async fn write(
    who: usize,
    client: Client,
    known: Arc<Mutex<Known>>,
    mut random: Random,
    acks: UnboundedSender<()>,
    shared: Arc<Mutex<Vec<(usize, String)>>>,
) {
    let path = format!("/topics/{FIRST_DEBATE}/posts");
    loop {
        let others: Vec<String> = {
            let shared = shared.lock().unwrap();
            let others = shared.iter().filter(|(author, _)| *author != who);
            others.map(|(_, id)| id.clone()).collect()
        };
        if others.is_empty() || random.below(3) == 0 {
            let sent = {
                let mut known = known.lock().unwrap();
                known.sent += 1;
                let parent = (!others.is_empty()).then(|| others[random.below(others.len())].clone());
                let sent = Sent {
                    key: format!("{who}-{}", known.sent),
                    body: json!({ "parent_id": parent, "body": format!("Number {} of writer {who}.", known.sent) }),
                };
                known.posts_under_way.push(sent.clone());
                sent
            };
            let headers = [("idempotency-key", sent.key.as_str())];
            let Ok(reply) = client.try_send(Method::POST, &path, Some(&sent.body), &headers).await else {
                return;
            };
            // A 503 says that nothing was promised.
            if reply.status == 503 {
                continue;
            }
            let id = reply.is(201).text("/id");
            let mut known = known.lock().unwrap();
            known.posts_under_way.pop();
            known.posts.push((id.clone(), sent));
            shared.lock().unwrap().push((who, id));
        } else {
            let post = others[random.below(others.len())].clone();
            let axis = |random: &mut Random| i64::try_from(random.below(3)).unwrap() - 1;
            let vote = (axis(&mut random), axis(&mut random));
            known.lock().unwrap().votes_under_way.push((post.clone(), vote));
            let ballot = json!({ "quality": vote.0, "agreement": vote.1 });
            let path = format!("/posts/{post}/vote");
            let Ok(reply) = client.try_send(Method::PUT, &path, Some(&ballot), &[]).await else {
                return;
            };
            if reply.status == 503 {
                continue;
            }
            reply.is(200);
            let mut known = known.lock().unwrap();
            // What came before this one no longer matters.
            known.votes_under_way.retain(|(of, _)| *of != post);
            known.votes.insert(post, vote);
        }
        if acks.send(()).is_err() {
            return;
        }
    }
}

/// Fails the test unless everything that was acknowledged is there.
async fn check(client: &Client, known: &Mutex<Known>) {
    let (posts, votes, posts_under_way, votes_under_way) = {
        let mut known = known.lock().unwrap();
        let under_way =
            (std::mem::take(&mut known.posts_under_way), std::mem::take(&mut known.votes_under_way));
        (known.posts.clone(), known.votes.clone(), under_way.0, under_way.1)
    };
    for (id, sent) in &posts {
        let found = client.get(&format!("/posts/{id}")).await.is(200);
        assert_eq!(found.body["body"], sent.body["body"], "{id}");
    }
    for (post, acknowledged) in &votes {
        let found = client.get(&format!("/posts/{post}")).await.is(200);
        let axis = |axis: &str| found.body["mine"][axis].as_i64().unwrap();
        let mine = (axis("quality"), axis("agreement"));
        let under_way = votes_under_way.contains(&(post.clone(), mine));
        assert!(mine == *acknowledged || under_way, "{post}: {mine:?}, not {acknowledged:?}");
        known.lock().unwrap().votes.insert(post.clone(), mine);
    }
    // Sent again as they were: the last one that was answered, and those that were not.
    let answered = posts.last().map(|(id, sent)| (Some(id), sent));
    let unanswered = posts_under_way.iter().map(|sent| (None, sent));
    for (id, sent) in answered.into_iter().chain(unanswered) {
        let headers = [("idempotency-key", sent.key.as_str())];
        let path = format!("/topics/{FIRST_DEBATE}/posts");
        let again = client.try_send(Method::POST, &path, Some(&sent.body), &headers);
        let again = again.await.unwrap().is(201).text("/id");
        match id {
            Some(id) => assert_eq!(again, *id, "a retry made another post"),
            None => known.lock().unwrap().posts.push((again, sent.clone())),
        }
    }
}

/// Fails the test unless counters and places agree with the rows they are made of.
async fn check_sums(folder: &Folder) {
    let url = embedded::running(&folder.data()).expect("a private cluster runs");
    let mut database = PgConnection::connect(&url).await.unwrap();
    let mut wrong = String::new();
    for (what, query) in [
        (
            "posts that are there twice",
            "SELECT count(*) FROM (SELECT body FROM post WHERE body LIKE 'Number %' GROUP BY body HAVING count(*) > 1) x",
        ),
        (
            "tallies unlike their votes",
            "SELECT count(*) FROM post_tally t CROSS JOIN LATERAL
             (SELECT count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
                     count(*) FILTER (WHERE agreement = 1) AS yes, count(*) FILTER (WHERE agreement = -1) AS no
              FROM vote WHERE vote.post_id = t.post_id) v
             WHERE (t.quality_up, t.quality_down, t.agree, t.disagree) <> (v.up, v.down, v.yes, v.no)",
        ),
        (
            "posts without a tally",
            "SELECT count(*) FROM post LEFT JOIN post_tally ON post_id = post.id WHERE post_id IS NULL",
        ),
        (
            "reply counts unlike the replies",
            "SELECT count(*) FROM post_tally t WHERE reply_count <> (SELECT count(*) FROM post p WHERE p.parent_id = t.post_id)",
        ),
        (
            "descendant counts unlike the descendants",
            "WITH RECURSIVE below AS (SELECT parent_id AS above, id FROM post WHERE parent_id IS NOT NULL
               UNION ALL SELECT p.parent_id, below.id FROM below JOIN post p ON p.id = below.above WHERE p.parent_id IS NOT NULL)
             SELECT count(*) FROM post_tally t WHERE descendant_count <> (SELECT count(*) FROM below WHERE above = t.post_id)",
        ),
        (
            "topics whose counts are unlike their posts",
            "SELECT count(*) FROM topic_activity t CROSS JOIN LATERAL
             (SELECT count(*) AS posts, count(DISTINCT author_id) AS people
              FROM post WHERE post.topic_id = t.topic_id AND status = 'visible') p
             WHERE (t.post_count, t.participant_count) <> (p.posts, p.people)",
        ),
        (
            "posts without exactly one place in force",
            "SELECT count(*) FROM post p WHERE 1 <> (SELECT count(*) FROM post_rank r WHERE r.post_id = p.id AND r.until IS NULL)",
        ),
    ] {
        let count: i64 = sqlx::query(query).fetch_one(&mut database).await.unwrap().get(0);
        if count > 0 {
            writeln!(wrong, "{count} {what}").unwrap();
        }
    }
    database.close().await.unwrap();
    assert_eq!(wrong, "");
}

/// Who is killed with SIGKILL, in this order.
#[derive(Debug, Clone, Copy)]
enum Crash {
    Server,
    ServerThenPostgres,
    PostgresThenServer,
}

fn crash(server: &mut Server, folder: &Folder, how: Crash) {
    let postmaster = folder.postmaster().unwrap();
    match how {
        Crash::Server => server.crash(),
        Crash::ServerThenPostgres => {
            server.crash();
            kill(postmaster, Signal::SIGKILL).unwrap();
        }
        Crash::PostgresThenServer => {
            kill(postmaster, Signal::SIGKILL).unwrap();
            server.crash();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    const WRITERS: usize = 6;
    let seed = std::env::var("OTHERWISE_TEST_SEED")
        .map_or_else(|_| RandomState::new().build_hasher().finish() | 1, |seed| seed.parse().unwrap());
    println!("OTHERWISE_TEST_SEED={seed}");
    let mut random = Random(seed);

    let folder = Folder::new();
    let mut server = folder.serve();
    let mut clients = Vec::new();
    let known: Vec<Arc<Mutex<Known>>> = (0..WRITERS).map(|_| Arc::default()).collect();
    let shared = Arc::new(Mutex::new(Vec::new()));
    for who in 0..WRITERS {
        clients.push(server.member(&format!("writer{who}")).await);
    }
    for how in [Crash::Server, Crash::ServerThenPostgres, Crash::PostgresThenServer, Crash::Server] {
        let (acks, mut acknowledged) = unbounded_channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|who| {
                let random = Random(random.below(usize::MAX >> 1) as u64 | 1);
                let client = clients[who].at(&server);
                tokio::spawn(write(who, client, known[who].clone(), random, acks.clone(), shared.clone()))
            })
            .collect();
        drop(acks);
        let enough = 60 + random.below(200);
        for _ in 0..enough {
            acknowledged.recv().await.expect("the writers go on");
        }
        crash(&mut server, &folder, how);
        for writer in writers {
            writer.await.unwrap();
        }
        println!("{how:?} after {enough} acknowledged writes");

        drop(server);
        server = folder.serve();
        for (client, known) in clients.iter().zip(&known) {
            check(&client.at(&server), known).await;
        }
        check_sums(&folder).await;
    }
    server.stop();
}
