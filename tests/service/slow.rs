//! Clients that are slow, silent or too many: the server lets go of them, and others notice nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::{Client, Folder, STUCK, Server, until};

/// One second for what is tested, and as good as for ever for everything else.
fn with_timeout(folder: &Folder, short: &str) -> Server {
    let names = ["FIRST_BYTE", "HEADER", "BODY", "REQUEST", "WRITE", "IDLE"];
    assert!(names.contains(&short));
    let settings: Vec<(String, &str)> = names
        .iter()
        .map(|name| {
            (format!("OTHERWISE__SERVER__{name}_TIMEOUT_SECS"), if *name == short { "1" } else { "100000" })
        })
        .chain([("OTHERWISE__LOG__FILTER".to_owned(), "info,otherwise::http=debug")])
        .collect();
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    folder.serve_with(&settings)
}

fn address(server: &Server) -> SocketAddr {
    server.base.trim_start_matches("http://").parse().unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(address(server)).unwrap();
    stream.set_read_timeout(Some(STUCK)).unwrap();
    stream
}

/// Everything that comes until the server closes.
fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(some) => read.extend_from_slice(&part[..some]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("the server neither answers nor closes: {error}"),
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Sends a byte from time to time until the server closes; what it said before.
fn drip(stream: &mut TcpStream) -> String {
    let started = Instant::now();
    let mut read = Vec::new();
    // What paces the drip is the wait for an answer.
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    loop {
        assert!(started.elapsed() < STUCK, "the server neither answers nor closes");
        // Into a connection that was closed, a write fails sooner or later; what counts is the read.
        let _ = stream.write_all(b"x");
        let mut part = [0; 4096];
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(some) => read.extend_from_slice(&part[..some]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => break,
            Err(error) => panic!("{error}"),
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The status and the body of an answer.
fn parts(answer: &str) -> (u16, String, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

async fn is_served(client: &Client) {
    client.get("/topics").await.is(200);
}

#[tokio::test]
async fn l3_a_silent_connection_is_closed() {
    let folder = Folder::new();
    let server = with_timeout(&folder, "FIRST_BYTE");
    let mut silent: Vec<_> = (0..50).map(|_| connect(&server)).collect();
    is_served(&server.guest()).await;
    for stream in &mut silent {
        assert_eq!(read_to_end(stream), "");
    }
    assert!(server.log().contains("the client sent nothing"), "{}", server.log());
    server.stop();
}

#[tokio::test]
async fn l3_a_head_that_comes_in_drips_is_given_up() {
    let folder = Folder::new();
    let server = with_timeout(&folder, "HEADER");
    let mut slow = connect(&server);
    slow.write_all(b"GET /api/v1/topics HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    is_served(&server.guest()).await;
    assert_eq!(drip(&mut slow), "");
    assert!(server.log().contains("the head of a request did not arrive"), "{}", server.log());
    // A second request of a connection has no more time than the first.
    let mut slow = connect(&server);
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nX-Slow: ").unwrap();
    let answer = drip(&mut slow);
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    is_served(&server.guest()).await;
    server.stop();
}

#[tokio::test]
async fn l3_a_body_that_comes_in_drips_is_answered_408() {
    let folder = Folder::new();
    let server = with_timeout(&folder, "BODY");
    let alice = server.member("alice").await;
    for (path, framing) in [
        ("/accounts", "Content-Length: 100000"),
        ("/topics", "Content-Length: 100000"),
        ("/accounts", "Transfer-Encoding: chunked"),
    ] {
        let mut slow = connect(&server);
        write!(
            slow,
            "POST /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\n{framing}\r\n\r\n{}",
            alice.token(),
            if framing.starts_with('C') { "{" } else { "fff\r\n{" },
        )
        .unwrap();
        is_served(&alice).await;
        let (status, head, body) = parts(&drip(&mut slow));
        assert_eq!((status, body["code"].as_str()), (408, Some("timeout")), "{head} {body}");
        assert!(head.contains("connection: close"), "{head}");
        assert!(head.contains("content-type: application/problem+json"), "{head}");
    }
    is_served(&alice).await;
    server.stop();
}

#[tokio::test]
async fn l3_a_reader_that_takes_nothing_is_given_up() {
    const TIMES: usize = 40;
    let folder = Folder::new();
    let server = with_timeout(&folder, "WRITE");
    // Little is taken in its name by the system, and much is asked for: most of it stays with the server.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stalled = socket.connect(address(&server)).await.unwrap().into_std().unwrap();
    stalled.set_nonblocking(false).unwrap();
    stalled.set_read_timeout(Some(STUCK)).unwrap();
    let mut stalled = stalled;
    let path = "/docs/swagger-ui-bundle.js";
    let whole = server.guest().get(&format!("/{path}")).await.is(200).text.len();
    assert!(whole > 1_000_000, "{whole}");
    stalled.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(TIMES).as_bytes()).unwrap();
    is_served(&server.guest()).await;
    until("the server gives up", || async { server.log().contains("took nothing of its answer") }).await;
    let got = read_to_end(&mut stalled);
    assert!(got.len() < TIMES * whole, "{} of {}", got.len(), TIMES * whole);
    is_served(&server.guest()).await;
    server.stop();
}

#[tokio::test]
async fn l3_a_connection_is_not_kept_for_ever_for_another_request() {
    let folder = Folder::new();
    let server = with_timeout(&folder, "IDLE");
    let mut idle = connect(&server);
    for _ in 0..3 {
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        while !answer.ends_with("{\"status\":\"ok\"}") {
            let mut part = [0; 4096];
            let some = idle.read(&mut part).unwrap();
            assert!(some > 0, "closed before it was idle: {answer}");
            answer.push_str(&String::from_utf8_lossy(&part[..some]));
        }
    }
    is_served(&server.guest()).await;
    assert_eq!(read_to_end(&mut idle), "");
    until("the server says why", || async { server.log().contains("no further request came") }).await;
    server.stop();
}

#[tokio::test]
async fn l3_one_address_has_only_so_many_connections() {
    let folder = Folder::new();
    let server = folder.serve_with(&[
        ("OTHERWISE__SERVER__MAX_CONNECTIONS_PER_ADDRESS", "3"),
        ("OTHERWISE__SERVER__FIRST_BYTE_TIMEOUT_SECS", "100000"),
    ]);
    let mut held: Vec<_> = (0..3).map(|_| connect(&server)).collect();
    assert_eq!(read_to_end(&mut connect(&server)), "", "the fourth is closed at once");
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(parts(&read_to_end(stream)).0, 200);
    }
    // As soon as the server has noticed that they are gone there is room again.
    drop(held);
    until("there is room again", || async {
        let mut stream = connect(&server);
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        sent.is_ok() && read_to_end(&mut stream).starts_with("HTTP/1.1 200")
    })
    .await;
    server.stop();

    // A proxy speaks for many.
    let server = folder.serve_with(&[
        ("OTHERWISE__SERVER__MAX_CONNECTIONS_PER_ADDRESS", "3"),
        ("OTHERWISE__SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ]);
    let held: Vec<_> = (0..10).map(|_| connect(&server)).collect();
    is_served(&server.guest()).await;
    drop(held);
    server.stop();
}

#[tokio::test]
async fn l3_further_connections_wait_for_a_place() {
    let folder = Folder::new();
    let server = folder.serve_with(&[("OTHERWISE__SERVER__MAX_CONNECTIONS", "2")]);
    let ask = |stream: &mut TcpStream, name: &str| {
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: {name}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
    };
    let mut held: Vec<_> = (0..2).map(|_| connect(&server)).collect();
    let mut waiting = connect(&server);
    ask(&mut waiting, "who-waits");
    for (stream, name) in held.iter_mut().zip(["first", "second"]) {
        ask(stream, name);
        assert_eq!(parts(&read_to_end(stream)).0, 200);
    }
    assert_eq!(parts(&read_to_end(&mut waiting)).0, 200);
    let log = server.log();
    assert!(log.find("\"first\"").unwrap() < log.find("\"who-waits\"").unwrap(), "{log}");
    server.stop();
}

#[tokio::test]
async fn l1_heads_over_the_limits_are_refused_in_the_words_of_the_api() {
    let folder = Folder::new();
    let server = folder.serve();
    let send = |head: String| {
        let mut stream = connect(&server);
        // The server may have refused and closed before the end was sent.
        let _ = write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n");
        read_to_end(&mut stream)
    };
    for (head, status, code) in [
        (format!("GET /{} HTTP/1.1", "a".repeat(8192)), 414, "uri_too_long"),
        (format!("GET /{} HTTP/1.1", "a".repeat(20_000)), 414, "uri_too_long"),
        (format!("GET /api/v1/topics HTTP/1.1\r\nX-Long: {}", "a".repeat(16_500)), 431, "headers_too_large"),
        (format!("GET /api/v1/topics HTTP/1.1\r\nX-Long: {}", "a".repeat(30_000)), 431, "headers_too_large"),
    ] {
        let (got, head, body) = parts(&send(head));
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    }
    // What is far over them is not read to its end, and what is no HTTP is not understood: the library
    // refuses it by a status alone.
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\nX-Long: {}", "a".repeat(100_000)), "431"),
        ("GET / HTTP/1.1\r\nno header".to_owned(), "400"),
        ("nonsense".to_owned(), "400"),
    ] {
        let answer = send(head);
        // A refusal may be overtaken by the reset that follows it.
        assert!(answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    server.stop();
}

#[tokio::test]
async fn l5_a_crash_does_not_forget_who_tried_to_sign_in() {
    let settings = [
        ("OTHERWISE__RATE_LIMITS__ENABLED", "true"),
        ("OTHERWISE__RATE_LIMITS__SIGN_IN_PER_ACCOUNT", "3"),
        ("OTHERWISE__RATE_LIMITS__REGISTER_PER_HOUR", "1"),
    ];
    let folder = Folder::new();
    let mut server = folder.serve_with(&settings);
    let wrong = json!({ "login": "nobody.here", "password": "wrong" });
    for _ in 0..2 {
        server.guest().post("/sessions", &wrong).await.is(401);
        server.crash();
        server = folder.serve_with(&settings);
    }
    server.guest().post("/sessions", &wrong).await.is(401);
    let refused = server.guest().post("/sessions", &wrong).await.is(429);
    assert_eq!(refused.header("ratelimit-policy"), Some("\"sign-in-account\";q=3;w=900"));
    let register = |name: &str| json!({ "username": name, "email": "a@example.org", "password": crate::support::PASSWORD });
    server.guest().post("/accounts", &register("alice")).await.is(201);
    server.crash();
    server = folder.serve_with(&settings);
    let refused = server.guest().post("/accounts", &register("bob")).await.is(429);
    assert_eq!(refused.header("ratelimit-policy"), Some("\"register\";q=1;w=3600"));
    server.stop();
}
