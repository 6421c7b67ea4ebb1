//! Stopping: running requests are answered, PostgreSQL is shut down, and the status says success.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use otherwise::db::embedded::{Cluster, Options};
use sea_orm::sqlx::{self, Connection, PgConnection, Row};
use serde_json::json;

use crate::support::{FIRST_DEBATE, Folder, STUCK, is_running, read_lines};

/// Stops a server while a client is in the middle of sending a post.
async fn stops_in_order(signal: Signal) {
    let folder = Folder::new();
    let mut server = folder.serve();
    let alice = server.member("alice").await;
    let postmaster = folder.postmaster().expect("a private cluster runs");

    let body = json!({ "body": "Sent slowly." }).to_string();
    let (first, rest) = body.split_at(8);
    let address = server.base.trim_start_matches("http://").to_owned();
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.set_read_timeout(Some(STUCK)).unwrap();
    write!(
        slow,
        "POST /api/v1/topics/{FIRST_DEBATE}/posts HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        alice.token(),
        body.len()
    )
    .unwrap();
    let mut answer = BufReader::new(slow.try_clone().unwrap());
    let mut line = String::new();
    answer.read_line(&mut line).unwrap();
    // The server says so when it begins to read the body: from here on the request is running.
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    answer.read_line(&mut line).unwrap();
    slow.write_all(first.as_bytes()).unwrap();

    server.signal(signal);
    // When the listener is gone the server has taken note of the signal.
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    slow.write_all(rest.as_bytes()).unwrap();
    line.clear();
    answer.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 201 Created\r\n", "{}", server.log());

    let status = server.ended();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(!is_running(postmaster), "PostgreSQL was left behind");
    assert!(!folder.data().join("postgres/postmaster.pid").exists());
    assert!(server.log().contains("every request was answered"), "{}", server.log());

    // What was answered at the last moment is there afterwards.
    let server = folder.serve();
    let thread = server.guest().get(&format!("/topics/{FIRST_DEBATE}/thread?sort=new&limit=1")).await.is(200);
    assert_eq!(thread.text("/posts/items/0/body"), "Sent slowly.");
    server.stop();
}

#[tokio::test]
async fn sigterm_answers_running_requests_and_leaves_no_postgres() {
    stops_in_order(Signal::SIGTERM).await;
}

#[tokio::test]
async fn sigint_does_the_same() {
    stops_in_order(Signal::SIGINT).await;
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_server_up_for_ever() {
    let folder = Folder::new();
    let mut server = folder.serve_with(&[("OTHERWISE__SERVER__DRAIN_TIMEOUT_SECS", "1")]);
    let alice = server.member("alice").await;
    let address = server.base.trim_start_matches("http://").to_owned();
    let mut stuck = TcpStream::connect(&address).unwrap();
    stuck.set_read_timeout(Some(STUCK)).unwrap();
    write!(
        stuck,
        "POST /api/v1/topics HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
        alice.token()
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(stuck.try_clone().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    server.signal(Signal::SIGTERM);
    let status = server.ended();
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(server.log().contains("were cut off"), "{}", server.log());
    assert_eq!(folder.postmaster(), None);
}

#[test]
fn a_command_with_a_cluster_of_its_own_stops_it_too() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = Folder::new();
        let mut worker = folder.command(["worker"]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = read_lines(worker.stderr.take().unwrap());
        while !lines.recv_timeout(STUCK).unwrap().contains("the private database is ready") {}
        let postmaster = folder.postmaster().unwrap();
        kill(Pid::from_raw(i32::try_from(worker.id()).unwrap()), signal).unwrap();
        // Before the schema is there it is a command cut off, afterwards a worker told to stop.
        worker.wait().unwrap();
        assert!(!is_running(postmaster), "PostgreSQL was left behind");
        assert!(!folder.data().join("postgres/postmaster.pid").exists());
    }
}

#[tokio::test]
async fn a_server_that_is_still_starting_stops_too() {
    let database = Folder::new();
    let cluster =
        Cluster::start(&Options { data_dir: database.data(), postgres_bin: None, max_connections: 30 })
            .await
            .unwrap();
    // Its schema is being changed by somebody else, for whom a server waits as long as it takes.
    let mut changing = PgConnection::connect(&cluster.url()).await.unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(0x6f74_6865_7277_6973_i64)
        .execute(&mut changing)
        .await
        .unwrap();
    // PostgreSQL notices only later that somebody who waits in it has gone.
    for (signal, waiting) in [(Signal::SIGTERM, 1), (Signal::SIGINT, 2)] {
        let folder = Folder::new();
        let server = folder
            .command(["serve"])
            .env("OTHERWISE__DATABASE__URL", cluster.url())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        while {
            let found = sqlx::query(count).fetch_one(&mut changing).await.unwrap();
            found.get::<i64, _>(0) < waiting
        } {}
        kill(Pid::from_raw(i32::try_from(server.id()).unwrap()), signal).unwrap();
        let ended = server.wait_with_output().unwrap();
        let log = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{log}");
        assert_eq!(ended.stdout, b"", "it was never ready");
    }
    changing.close().await.unwrap();
    cluster.stop().await.unwrap();
}
