//! The audit log from the command line, the roles of the database, and a log that nobody can write lines into.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use otherwise::db::embedded::{self, Cluster, Options};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use serde_json::{Value, json};

use crate::support::{FIRST_DEBATE, Folder, PASSWORD, Server, until};

async fn run_sql(url: &str, statements: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    // Written in the tests, with nothing from outside in it.
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn g1_verifying_says_what_is_wrong_and_where() {
    let folder = Folder::new();
    let server = folder.serve();
    server.member("alice").await;
    let whole = folder.run(["audit", "verify"], "").succeeded().out;
    assert!(whole.starts_with("The audit log is whole: 3 entries, "), "{whole}");

    let owner = embedded::running(&folder.data()).unwrap();
    let tamper =
        "ALTER TABLE audit_log DISABLE TRIGGER USER; UPDATE audit_log SET actor_id = NULL WHERE seq = 2";
    run_sql(&owner, tamper).await;
    folder.run(["audit", "verify"], "").refused("entry 2 was changed after it was written");
    server.stop();
    folder.run(["audit", "verify"], "").refused("entry 2 was changed after it was written");
}

#[tokio::test]
async fn g1_a_running_server_signs_where_its_log_stands() {
    let folder = Folder::new();
    let server = folder.serve();
    // The debate that an empty database starts with is the first entry; it is signed in the first round.
    let file = folder.data().join("audit/checkpoints.jsonl");
    until("a checkpoint", async || fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n'))).await;
    let whole = folder.run(["audit", "verify"], "").succeeded().out;
    assert_eq!(whole, "The audit log is whole: 1 entries, 1 checkpoints.\n");

    // Gone from the database, and known from the copy of a file that was kept elsewhere.
    let copy = folder.path().join("copy.jsonl");
    fs::copy(&file, &copy).unwrap();
    fs::remove_file(&file).unwrap();
    let owner = embedded::running(&folder.data()).unwrap();
    run_sql(&owner, "ALTER TABLE audit_log DISABLE TRIGGER USER; DELETE FROM audit_log").await;
    let unproved = folder.run(["audit", "verify"], "").succeeded().out;
    assert!(unproved.starts_with("The audit log is whole: 0 entries"), "{unproved}");
    let against = ["audit", "verify", "--checkpoints", copy.to_str().unwrap()];
    folder.run(against, "").refused("entry 1 is missing, and all after it");
    server.stop();
}

#[tokio::test]
async fn q2_a_server_works_as_a_role_that_owns_nothing() {
    let database = Folder::new();
    let options = Options { data_dir: database.data(), postgres_bin: None, max_connections: 40 };
    let cluster = Cluster::start(&options).await.unwrap();
    let owner = cluster.url();
    let server_url = owner.replacen("//otherwise@", "//worker%20role@", 1);
    let folder = Folder::new();
    let settings =
        [("OTHERWISE__DATABASE__URL", server_url.as_str()), ("OTHERWISE__DATABASE__MIGRATION_URL", &owner)];
    let mut migrate = folder.command(["migrate"]);
    migrate.envs(settings);
    crate::support::run(&mut migrate, "").refused("worker role");
    run_sql(&owner, "CREATE ROLE \"worker role\" LOGIN").await;
    crate::support::run(&mut migrate, "").succeeded();

    // With the schema as it must be, the server does not need the owner's credentials.
    let server = folder.serve_with(&settings[..1]);
    let alice = server.member("alice").await;
    alice.post(&format!("/topics/{FIRST_DEBATE}/posts"), &json!({ "body": "So." })).await.is(201);
    let mut connection = PgConnection::connect(&server_url).await.unwrap();
    for refused in ["DELETE FROM audit_log", "DELETE FROM event", "CREATE TABLE mine (id int)"] {
        let error = sqlx::query(refused).execute(&mut connection).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("42501"), "{refused}: {error}");
    }
    server.stop();
    // With them it works as well, and starts again without a change.
    folder.serve_with(&settings).stop();
    cluster.stop().await.unwrap();
}

/// Sends bytes as they are, and reads the answer to its end.
fn send_raw(server: &Server, request: &[u8]) {
    let mut stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
    stream.write_all(request).unwrap();
    // Where the request is refused, the connection may be reset.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[tokio::test]
async fn g2_nobody_writes_a_line_into_the_log() {
    const FORGED: &str = "2026-01-15T12:00:00Z  INFO forged";
    for format in ["human", "json"] {
        let folder = Folder::new();
        // Talkative: libraries tell what they are given, statements of several lines among it.
        let server = folder.serve_with(&[
            ("OTHERWISE__LOG__FORMAT", format),
            ("OTHERWISE__LOG__FILTER", "debug,sqlx=debug"),
        ]);
        let guest = server.guest();
        let name = format!("alice\r\n{FORGED}\u{1b}[2J\u{85}\u{2028}{FORGED}");
        guest.post("/sessions", &json!({ "login": name, "password": name })).await.is(401);
        let registration = json!({ "username": name, "email": "alice@example.org", "password": PASSWORD });
        guest.post("/accounts", &registration).await.is(422);
        let encoded = "%0d%0a2026-01-15T12:00:00Z%20%20INFO%20forged";
        guest.get(&format!("/accounts/alice{encoded}")).await.is(404);
        guest.get(&format!("/topics?tag={encoded}")).await;
        for header in ["User-Agent", "X-Request-Id", "X-Forwarded-For", "Authorization", "Idempotency-Key"] {
            for end in ["\r\n ", "\n\t", "\r", "\u{85}", "\u{2028}", "\u{b}", "\u{1b}[2J"] {
                let request = format!(
                    "GET /api/v1/me HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{header}: a{end}{FORGED}\r\n\r\n"
                );
                send_raw(&server, request.as_bytes());
            }
        }
        send_raw(&server, format!("GET /\r\n{FORGED} HTTP/1.1\r\n\r\n").as_bytes());
        server.member("alice").await;
        let log = server.log();
        assert!(log.lines().count() > 50, "{log}");
        for line in log.lines() {
            assert!(!line.contains('\u{1b}') && !line.contains('\u{2028}'), "{line:?}");
            if format == "json" {
                let line: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
                assert!(!line["message"].as_str().unwrap_or_default().starts_with("forged"), "{line}");
            } else {
                let level = line.split_whitespace().nth(1).unwrap_or_default();
                let started = line.starts_with("20") && ["DEBUG", "INFO", "WARN", "ERROR"].contains(&level);
                assert!(started && !line.starts_with(FORGED), "{line:?}");
            }
        }
        server.stop();
    }
}
