//! The audit log: what is recorded, that nobody changes it unnoticed, and that only those wait for it who must.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use expect_test::expect;
use otherwise::audit::rules::{Flaw, Outcome};
use otherwise::audit::{Entry, Verified, checkpoint, record_alone, verify};
use sea_orm::sqlx::{Connection, PgConnection, query};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{PASSWORD, TestApp};

/// A server whose checkpoints go to a folder of their own.
async fn app_with_checkpoints() -> (TestApp, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("elsewhere/checkpoints.jsonl");
    let app = TestApp::with(&format!("[audit]\ncheckpoint_file = '{}'\n", file.display())).await;
    (app, folder, file)
}

/// The first thing that is wrong with the log.
async fn flaw(app: &TestApp, checkpoints: &Path) -> Flaw {
    let error = verify(&app.app, checkpoints).await.expect_err("the log was tampered with");
    error.downcast::<Flaw>().unwrap()
}

async fn add(app: &TestApp, count: i64) {
    for i in 0..count {
        record_alone(&app.app, Entry { data: json!({ "i": i }), ..Entry::of("test") }).await.unwrap();
    }
}

#[tokio::test]
async fn g2_who_did_what_is_recorded() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let carol = app.administrator("carol").await;
    alice.patch("/me", json!({ "bio": "Draws maps." })).await.is(200);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
    carol.judges(&post, 1).await;
    let guest = app.guest();
    for (login, password) in [("alice", "not her password at all"), ("nobody.here", PASSWORD)] {
        let credentials = json!({ "login": login, "password": password });
        guest.post("/sessions", credentials).await.is_problem(401, "wrong_credentials");
    }
    carol.delete_as_read(&format!("/posts/{post}")).await.is_problem(403, "not_your_post");
    guest
        .post("/topics", json!({ "title": "Had Elizabeth married" }))
        .await
        .is_problem(401, "unauthenticated");
    let session = guest.post("/sessions", json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    let token = json!({ "refresh_token": session.text("/refresh_token") });
    guest.post("/sessions/refresh", token.clone()).await.is(200);
    app.app.clock.advance(TimeDelta::seconds(11));
    guest.post("/sessions/refresh", token).await.is_problem(401, "invalid_refresh_token");
    alice.delete("/sessions/current").await.is(204);
    otherwise::exchange::export(&app.app, &slug, otherwise::exchange::Extent::default()).await.unwrap();
    app.load_first_debate().await;

    let rows = app
        .rows(
            "SELECT format('%s %s %s by %s from %s to %s %s %s', l.seq, l.outcome, l.verb,
                    coalesce(a.username, '-'), CASE WHEN l.client_hash IS NULL THEN '-' ELSE 'there' END,
                    coalesce(l.object_kind, '-'), coalesce(o.username, ''), l.data - 'ids')
             FROM audit_log l LEFT JOIN account a ON a.id = l.actor_id LEFT JOIN account o ON o.id = l.object_id
             ORDER BY seq",
        )
        .await;
    expect![[r#"
        1 done register by alice from there to account alice {}
        2 done sign_in by alice from there to session  {}
        3 done create_administrator by - from - to account carol {}
        4 done sign_in by carol from there to session  {}
        5 done edit_account by alice from there to account alice {"fields": ["bio"]}
        6 refused sign_in by - from there to account alice {}
        7 refused sign_in by - from there to -  {}
        8 refused request by carol from there to -  {"code": "not_your_post", "route": "/api/v1/posts/{id}", "method": "DELETE"}
        9 done sign_in by alice from there to session  {}
        10 refused reuse_refresh_token by alice from there to session  {}
        11 done sign_out by alice from there to session  {}
        12 done export_debate by - from - to topic  {"with_votes": false, "with_credences": false}
        13 done import_debate by - from - to topic  {}
    "#]].assert_eq(&format!("{}\n", rows.join("\n")));
    let denied = app.rows("SELECT data ->> 'ids' FROM audit_log WHERE verb = 'request'").await;
    assert_eq!(denied, [format!("[\"{post}\"]")]);
    let sessions = app
        .rows("SELECT count(*)::text FROM audit_log l JOIN session s ON s.id = l.session_id AND s.account_id = l.actor_id")
        .await;
    assert_eq!(sessions, ["6"], "each entry of somebody signed in names the session");
    let whole = verify(&app.app, Path::new("/nowhere")).await.unwrap();
    assert_eq!(whole.entries, rows.len() as i64);
}

#[tokio::test]
async fn g2_the_log_has_no_secrets_and_nothing_that_people_wrote() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let secret = "a passphrase that is nearly right";
    app.guest().post("/sessions", json!({ "login": "alice", "password": secret })).await.is(401);
    app.guest().post("/sessions", json!({ "login": secret, "password": secret })).await.is(401);
    alice.patch("/me", json!({ "bio": "Said in confidence." })).await.is(200);
    let session =
        app.guest().post("/sessions", json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    let (access, refresh) = (session.text("/access_token"), session.text("/refresh_token"));
    let again = app.bearer(&access);
    again.with("idempotency-key", "a-key-of-alice").delete("/sessions/current").await.is(204);
    let rows = app.rows("SELECT to_jsonb(l)::text FROM audit_log l").await.join("\n");
    assert!(rows.lines().count() >= 7);
    let secrets = [
        PASSWORD,
        secret,
        "confidence",
        &access,
        &refresh,
        "a-key-of-alice",
        "alice@example.org",
        "203.0.113.7",
        "alice",
    ];
    for told in secrets {
        assert!(!rows.contains(told), "{told} in {rows}");
    }
}

#[tokio::test]
async fn g2_a_sign_in_that_fails_is_recorded_alike_for_everybody() {
    let app = TestApp::new().await;
    app.member("alice").await;
    let before = app.rows("SELECT seq::text FROM audit_log").await.len();
    for login in ["alice", "nobody.here", "alice@example.org", "\r\nforged", "no name at all"] {
        app.guest().post("/sessions", json!({ "login": login, "password": "wrong" })).await.is(401);
    }
    let rows = app
        .rows("SELECT format('%s %s', verb, object_id) FROM audit_log WHERE outcome = 'refused' ORDER BY seq")
        .await;
    let alice = app.guest().get("/accounts/alice").await.text("/id");
    let known = format!("sign_in {alice}");
    assert_eq!(rows, [&known, "sign_in ", &known, "sign_in ", "sign_in "]);
    assert_eq!(app.rows("SELECT seq::text FROM audit_log").await.len(), before + 5);
}

/// Statements that put the log back as it was copied.
const RESTORE: &str = "DELETE FROM audit_log; INSERT INTO audit_log SELECT * FROM kept;";

#[tokio::test]
async fn g1_whatever_is_done_to_any_entry_verifying_names_it() {
    let (app, _folder, file) = app_with_checkpoints().await;
    add(&app, 12).await;
    assert!(checkpoint(&app.app).await.unwrap());
    // As somebody with all rights, who turns off what stands in the way.
    app.sql("CREATE TABLE kept AS SELECT * FROM audit_log; ALTER TABLE audit_log DISABLE TRIGGER USER;")
        .await
        .unwrap();
    let whole = Verified { entries: 12, checkpoints: 1, actions: 0, waiting: 0 };
    assert_eq!(verify(&app.app, &file).await.unwrap(), whole);
    let at = app.app.now();
    for seq in 1..=12 {
        let mut cases: Vec<(String, Flaw)> = [
            "verb = 'other'",
            "at = at + interval '1 microsecond'",
            "actor_id = gen_random_uuid()",
            "session_id = gen_random_uuid()",
            "client_hash = '\\x00'",
            "object_kind = 'account', object_id = gen_random_uuid()",
            "outcome = 'refused'",
            "reason = ''",
            "data = data || '{\"j\": 1}'",
            "data = '{\"i\": 99}'",
            "hash = sha256('forged')",
        ]
        .iter()
        .map(|edit| (format!("UPDATE audit_log SET {edit} WHERE seq = {seq}"), Flaw::Changed { seq }))
        .collect();
        cases.push((
            format!("UPDATE audit_log SET prev_hash = sha256('forged') WHERE seq = {seq}"),
            Flaw::Disconnected { seq },
        ));
        let gone = format!("DELETE FROM audit_log WHERE seq = {seq}");
        let cut = format!("DELETE FROM audit_log WHERE seq >= {seq}");
        let cut_off = Flaw::CutOff { seq, signed: 12, signed_at: at };
        cases.push((cut, cut_off.clone()));
        if seq == 12 {
            cases.push((gone, cut_off));
        } else {
            cases.push((gone.clone(), Flaw::Missing { seq, found: seq + 1 }));
            // Gone, and the rest moved up to hide the gap.
            let moved = format!("{gone}; UPDATE audit_log SET seq = -seq, hash = hash WHERE seq > {seq}");
            let moved = format!(
                "ALTER TABLE audit_log DROP CONSTRAINT audit_log_seq_positive; {moved};
                 UPDATE audit_log SET seq = -seq - 1 WHERE seq < 0;
                 ALTER TABLE audit_log ADD CONSTRAINT audit_log_seq_positive CHECK (seq >= 1)"
            );
            cases.push((moved, Flaw::Disconnected { seq }));
            let swapped = format!(
                "UPDATE audit_log SET seq = 1000 WHERE seq = {seq};
                 UPDATE audit_log SET seq = {seq} WHERE seq = {seq} + 1;
                 UPDATE audit_log SET seq = {seq} + 1 WHERE seq = 1000"
            );
            cases.push((swapped, Flaw::Disconnected { seq }));
        }
        for (tampering, expected) in cases {
            app.sql(&tampering).await.unwrap();
            assert_eq!(flaw(&app, &file).await, expected, "{tampering}");
            app.sql(RESTORE).await.unwrap();
        }
    }
    app.sql("TRUNCATE audit_log").await.unwrap();
    assert_eq!(flaw(&app, &file).await, Flaw::CutOff { seq: 1, signed: 12, signed_at: at });
    app.sql(RESTORE).await.unwrap();
    assert_eq!(verify(&app.app, &file).await.unwrap(), whole);
}

#[tokio::test]
async fn g1_a_chain_written_anew_is_told_from_the_one_that_was_signed() {
    let (app, _folder, file) = app_with_checkpoints().await;
    add(&app, 5).await;
    assert!(checkpoint(&app.app).await.unwrap());
    let at = app.app.now();
    add(&app, 5).await;
    app.sql("CREATE TABLE kept AS SELECT * FROM audit_log; ALTER TABLE audit_log DISABLE TRIGGER USER;")
        .await
        .unwrap();
    for from in [1, 3, 5] {
        app.sql(&format!("DELETE FROM audit_log WHERE seq >= {from}")).await.unwrap();
        // The forger knows how to make a chain.
        for _ in from..=10 {
            record_alone(&app.app, Entry::of("forged")).await.unwrap();
        }
        assert_eq!(flaw(&app, &file).await, Flaw::Rewritten { seq: 5, signed_at: at }, "from {from}");
        app.sql(RESTORE).await.unwrap();
    }
    // After the checkpoint nothing shows it, until the next one is made.
    let whole = verify(&app.app, &file).await.unwrap();
    assert_eq!(whole, Verified { entries: 10, checkpoints: 1, actions: 0, waiting: 0 });
}

#[tokio::test]
async fn g1_checkpoints_are_made_hourly_and_cannot_be_forged() {
    let (app, _folder, file) = app_with_checkpoints().await;
    assert!(!checkpoint(&app.app).await.unwrap(), "there is nothing to sign");
    add(&app, 2).await;
    assert!(checkpoint(&app.app).await.unwrap());
    add(&app, 1).await;
    assert!(!checkpoint(&app.app).await.unwrap(), "it is not time yet");
    app.app.clock.advance(TimeDelta::hours(1));
    assert!(checkpoint(&app.app).await.unwrap());
    app.app.clock.advance(TimeDelta::hours(1));
    assert!(!checkpoint(&app.app).await.unwrap(), "nothing was added");
    assert_eq!(
        verify(&app.app, &file).await.unwrap(),
        Verified { entries: 3, checkpoints: 2, actions: 0, waiting: 0 }
    );

    let good = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let hash = serde_json::from_str::<Value>(lines[0]).unwrap()["hash"].as_str().unwrap().to_owned();
    for (forged, line) in [
        (good.replacen("\"seq\":2", "\"seq\":1", 1), 1),
        (good.replacen(&hash, &"0".repeat(64), 1), 1),
        (good.replacen("2026-01-15T12", "2026-01-15T11", 1), 1),
        (format!("{good}nonsense\n"), 3),
        (format!("{}\n{}\n", lines[0], &lines[1][..40]), 2),
    ] {
        assert_ne!(forged, good);
        fs::write(&file, forged).unwrap();
        assert_eq!(flaw(&app, &file).await, Flaw::Checkpoint { line });
    }
    // Left out, a line proves nothing; what the others prove stays.
    fs::write(&file, format!("{}\n", lines[1])).unwrap();
    assert_eq!(
        verify(&app.app, &file).await.unwrap(),
        Verified { entries: 3, checkpoints: 1, actions: 0, waiting: 0 }
    );
}

#[tokio::test]
async fn g1_writers_at_once_keep_the_chain_whole() {
    let app = TestApp::new().await;
    let beside = app.another("").await;
    let writers: JoinSet<()> = (0..64)
        .map(|i| {
            let server = if i % 2 == 0 { app.app.clone() } else { beside.app.clone() };
            async move {
                for _ in 0..3 {
                    let entry = Entry { outcome: Outcome::Refused, ..Entry::of("test") };
                    record_alone(&server, entry).await.unwrap();
                }
            }
        })
        .collect();
    writers.join_all().await;
    let whole = verify(&app.app, Path::new("/nowhere")).await.unwrap();
    assert_eq!(whole, Verified { entries: 192, checkpoints: 0, actions: 0, waiting: 0 });
}

#[tokio::test]
async fn g1_the_log_is_only_added_to() {
    let app = TestApp::new().await;
    add(&app, 1).await;
    for statement in ["UPDATE audit_log SET verb = 'other'", "DELETE FROM audit_log", "TRUNCATE audit_log"] {
        app.refuses_sql("audit_log_is_append_only", statement).await;
    }
    app.refuses_sql(
        "audit_log_prev_hash_key",
        "INSERT INTO audit_log SELECT seq + 1, at, NULL, NULL, NULL, verb, NULL, NULL, outcome, NULL, data, prev_hash, hash
         FROM audit_log",
    )
    .await;
}

#[tokio::test]
async fn g1_posts_and_votes_do_not_wait_for_the_log() {
    let app = TestApp::with("[database]\nlock_timeout_ms = 50\n").await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let mut writer = PgConnection::connect(app.database_url()).await.unwrap();
    let lock = "SELECT pg_advisory_lock(hashtextextended('otherwise audit', 0))";
    query(lock).execute(&mut writer).await.unwrap();
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
    bob.judges(&post, 1).await;
    bob.replies_to(&slug, &post, "It had a river.").await;
    alice.patch(&format!("/posts/{post}"), json!({ "body": "London had old walls." })).await.is(200);
    alice.delete_as_read(&format!("/posts/{post}")).await.is(200);
    // What is recorded does, and changes nothing where it cannot be.
    alice.patch("/me", json!({ "bio": "Draws maps." })).await.is_problem(503, "unavailable");
    assert_eq!(alice.get("/me").await.body["bio"], Value::Null);
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    app.guest().post("/sessions", credentials.clone()).await.is_problem(503, "unavailable");
    // A denial stays one.
    bob.patch(&format!("/topics/{slug}"), json!({ "horizon_reason": "So." }))
        .await
        .is_problem(403, "not_your_topic");
    writer.close().await.unwrap();
    app.guest().post("/sessions", credentials).await.is(201);
}

#[tokio::test]
async fn q2_the_server_s_role_changes_neither_the_schema_nor_the_log() {
    let app = TestApp::new().await;
    app.member("alice").await;
    let url = otherwise::db::embedded::as_app(app.database_url());
    let mut server = PgConnection::connect(&url).await.unwrap();
    query("SELECT count(*) FROM audit_log").execute(&mut server).await.unwrap();
    for (statement, needs_owner) in [
        ("UPDATE audit_log SET verb = 'other'", false),
        ("DELETE FROM audit_log", false),
        ("TRUNCATE audit_log", false),
        ("UPDATE event SET kind = 'other'", false),
        ("DELETE FROM event", false),
        ("TRUNCATE event", false),
        ("TRUNCATE account CASCADE", false),
        ("DELETE FROM seaql_migrations", false),
        ("INSERT INTO seaql_migrations VALUES ('x', 0)", false),
        ("CREATE TABLE mine (id int)", false),
        ("CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1", false),
        ("CREATE SCHEMA mine", false),
        ("CREATE ROLE mine", false),
        ("SET ROLE otherwise", false),
        ("SET session_replication_role = replica", false),
        ("ALTER TABLE audit_log DISABLE TRIGGER USER", true),
        ("ALTER TABLE account ADD COLUMN mine int", true),
        ("DROP TABLE audit_log", true),
        ("DROP TRIGGER audit_log_is_append_only ON audit_log", true),
        ("CREATE INDEX mine ON account (bio)", true),
    ] {
        let refused = query(statement).execute(&mut server).await.expect_err(statement);
        let error = refused.as_database_error().unwrap();
        // insufficient_privilege
        assert_eq!(error.code().as_deref(), Some("42501"), "{statement}: {error}");
        assert_eq!(error.message().starts_with("must be owner"), needs_owner, "{statement}: {error}");
    }
}
