//! Random and mutilated values where the API takes opaque ones: none is a fault of the server's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::support::{Client, PASSWORD, TestApp};

/// How many random strings are sent in each place.
const EACH: usize = 5_000;

/// How many at a time.
const WORKERS: usize = 4;

/// xorshift64*: the same strings in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Mostly short; now and then of one byte, or of the letters that tokens are made of.
    fn bytes(&mut self) -> Vec<u8> {
        let length = if self.below(20) == 0 { self.below(3000) } else { self.below(60) };
        let alphabet: &[u8] = match self.below(4) {
            0 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.",
            1 => b"\"W/*,.:;{}[]%\\' \t0123456789",
            _ => &[],
        };
        (0..length)
            .map(|_| match alphabet {
                [] => (self.next() >> 32) as u8,
                _ => alphabet[self.below(alphabet.len())],
            })
            .collect()
    }

    /// One real value with something done to it.
    fn mutilated(&mut self, real: &str) -> Vec<u8> {
        let mut bytes = real.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len().max(1));
            match self.below(5) {
                _ if bytes.is_empty() => {}
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes.truncate(at),
                2 => bytes.extend_from_within(at..),
                3 => drop(bytes.remove(at)),
                _ => bytes.insert(at, (self.next() >> 32) as u8),
            }
        }
        bytes
    }
}

/// A header's value: what HTTP does not let through is left out.
fn header(bytes: &[u8]) -> HeaderValue {
    let sent: Vec<u8> =
        bytes.iter().copied().filter(|byte| *byte == b'\t' || (*byte >= 32 && *byte != 127)).collect();
    HeaderValue::from_bytes(&sent).unwrap()
}

fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"))
}

/// Where a value is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Token,
    Cursor,
    IfMatch,
    IdempotencyKey,
}

/// What real values there are to mutilate, and where they are read.
struct Real {
    client: Client,
    topic: String,
    lists: Vec<String>,
    cursors: Vec<String>,
    etag: String,
}

impl Real {
    async fn new(app: &TestApp) -> Self {
        let client = app.member("alice").await;
        app.sign_in("alice").await;
        let topic = client.opens_topic("Had the Armada landed in Kent").await;
        client.opens_topic("Had the Armada landed in Ireland").await;
        let post = client.posts_in(&topic, "It would have.").await;
        client.posts_in(&topic, "It would not have.").await;
        for reply in ["Or not.", "Or later."] {
            client.replies_to(&topic, &post, reply).await;
        }
        client.patch(&format!("/posts/{post}"), json!({ "body": "It would." })).await.is(200);
        let lists = vec![
            "/topics?limit=1".to_owned(),
            "/sessions?limit=1".to_owned(),
            format!("/topics/{topic}/thread?limit=1"),
            format!("/posts/{post}/replies?limit=1"),
            format!("/posts/{post}/revisions?limit=1"),
        ];
        let mut cursors = Vec::new();
        for list in &lists {
            let page = client.get(list).await.is(200);
            let next = page.body["next"].as_str().or(page.body["posts"]["next"].as_str());
            cursors.push(next.unwrap_or_else(|| panic!("{list}: {:#}", page.body)).to_owned());
        }
        let etag = client.get("/me").await.header("etag").unwrap().to_owned();
        Self { client, topic, lists, cursors, etag }
    }

    fn request(&self, place: Place, number: usize, random: &mut Random, mutilate: bool) -> Request<Body> {
        let list = number % self.lists.len();
        let token = self.client.token.as_deref().unwrap();
        let real = match place {
            Place::Token => token,
            Place::Cursor => &self.cursors[list],
            Place::IfMatch => &self.etag,
            Place::IdempotencyKey => "018c2f7a-0000-7000-8000-000000000001",
        };
        let mut value = if mutilate { random.mutilated(real) } else { random.bytes() };
        // What HTTP leaves out of a header may have been all that was done to it.
        while header(&value).as_bytes().trim_ascii() == real.as_bytes() {
            value = random.mutilated(real);
        }
        let authorization = format!("Bearer {token}");
        match place {
            Place::Token => {
                let value = header(&[b"Bearer ", value.as_slice()].concat());
                Request::get("/api/v1/me").header("authorization", value).body(Body::empty())
            }
            Place::Cursor => {
                let uri = format!("/api/v1{}&after={}", self.lists[list], percent(&value));
                Request::get(uri).header("authorization", authorization).body(Body::empty())
            }
            Place::IfMatch => Request::patch("/api/v1/me")
                .header("authorization", authorization)
                .header("content-type", "application/json")
                .header("if-match", header(&value))
                .body(Body::from("{}")),
            // A reply to nothing, so that the key is looked up and nothing made.
            Place::IdempotencyKey => Request::post(format!("/api/v1/topics/{}/posts", self.topic))
                .header("authorization", authorization)
                .header("content-type", "application/json")
                .header("idempotency-key", header(&value))
                .body(Body::from(r#"{"body":"x","parent_id":"018c2f7a-0000-7000-8000-000000000001"}"#)),
        }
        .unwrap()
    }
}

/// Sends so many to each place; how often which status came.
async fn send(app: &TestApp, each: usize, mutilate: bool) -> BTreeMap<(Place, u16), usize> {
    let real = std::sync::Arc::new(Real::new(app).await);
    let mut statuses = BTreeMap::new();
    for place in [Place::Token, Place::Cursor, Place::IfMatch, Place::IdempotencyKey] {
        let workers: JoinSet<Vec<u16>> = (0..WORKERS)
            .map(|worker| {
                let (router, real) = (app.router.clone(), real.clone());
                async move {
                    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ (worker as u64 + 1));
                    let mut statuses = Vec::new();
                    for number in 0..each / WORKERS {
                        let mut request = real.request(place, number, &mut random, mutilate);
                        request
                            .extensions_mut()
                            .insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 40000))));
                        let asked = format!("{request:?}");
                        let response = router.clone().oneshot(request).await.unwrap();
                        let status = response.status().as_u16();
                        let body = response.into_body().collect().await.unwrap().to_bytes();
                        assert!(status < 500, "{asked}: {}", String::from_utf8_lossy(&body));
                        statuses.push(status);
                    }
                    statuses
                }
            })
            .collect();
        for status in workers.join_all().await.into_iter().flatten() {
            *statuses.entry((place, status)).or_insert(0) += 1;
        }
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e21_random_bytes_are_refused_and_break_nothing() {
    let app = TestApp::new().await;
    let statuses = send(&app, EACH, false).await;
    println!("{statuses:?}");
    let at = |place, status| statuses.get(&(place, status)).copied().unwrap_or(0);
    assert_eq!(at(Place::Token, 401), EACH, "{statuses:?}");
    assert_eq!(at(Place::Cursor, 400) + at(Place::Cursor, 414), EACH, "{statuses:?}");
    // A `*` among them, between commas, is every version.
    assert_eq!(
        at(Place::IfMatch, 400) + at(Place::IfMatch, 412) + at(Place::IfMatch, 200),
        EACH,
        "{statuses:?}"
    );
    assert!(at(Place::IfMatch, 200) < EACH / 100, "{statuses:?}");
    // Those that are keys, and those that are none.
    assert_eq!(at(Place::IdempotencyKey, 400) + at(Place::IdempotencyKey, 422), EACH, "{statuses:?}");
    assert!(at(Place::IdempotencyKey, 422) > EACH / 10, "{statuses:?}");
    assert_eq!(app.rows("SELECT count(*)::text FROM post").await, ["4"]);
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    app.guest().post("/sessions", credentials).await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e21_real_values_with_something_done_to_them_break_nothing() {
    let app = TestApp::new().await;
    let statuses = send(&app, EACH / 10, true).await;
    println!("{statuses:?}");
    let at = |place, status| statuses.get(&(place, status)).copied().unwrap_or(0);
    assert_eq!(at(Place::Token, 200), 0, "{statuses:?}");
    assert_eq!(at(Place::Cursor, 200), 0, "{statuses:?}");
}
