//! The command line, beside a running server and without one.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::{FIRST_DEBATE, Folder, PASSWORD, run};

#[test]
fn help_says_what_there_is() {
    let folder = Folder::new();
    expect![[r"
        A debate server for counterfactual questions.

        `otherwise serve` is all it takes: without a database URL the server runs a private PostgreSQL in
        its data folder and loads the debate of 1956. Settings and their defaults are in
        config/default.toml; each can be set in the environment as `OTHERWISE__SECTION__KEY`.

        Usage: otherwise <COMMAND>

        Commands:
          serve        Run the server, with its background work
          worker       Run the background work only, beside servers over one database
          migrate      Bring the database's schema up to date
          import       Load a debate from a file
          export       Write a debate to standard output
          admin        Make administrators, and help people back in
          mod          Moderate a server through its API, with a personal access token
          keys         Manage the key that signs access tokens
          audit        Look at the audit log
          openapi      Print the OpenAPI document
          schema       Print the JSON Schema of debate files
          config       Look at the configuration
          healthcheck  Ask the running server whether it is well; for container health checks
          help         Print this message or the help of the given subcommand(s)

        Options:
          -h, --help
                  Print help (see a summary with '-h')

          -V, --version
                  Print version
    "]]
    .assert_eq(&folder.run(["--help"], "").succeeded().out);
    let wrong = folder.run(["serv"], "");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.err.contains("serve"), "{}", wrong.err);
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let folder = Folder::new();
    let mut command = folder.command(["config", "check"]);
    command
        .env("OTHERWISE__DATA_DIR", "/somewhere/else")
        .env("OTHERWISE__DATABASE__URL", "postgres://alice:dont-show-me@database/otherwise")
        .env("OTHERWISE__AUTH__SECRET", "9Y2n0RrN8c1m6L3VtqZk5xWJpA7eHbSuDgQfXyTiKoE=");
    let shown = run(&mut command, "").succeeded();
    expect![[r"
        data folder    /somewhere/else
        address        127.0.0.1:0
        public URL     http://127.0.0.1:8080
        metrics        off
        database       as given by database.url
        mail           files in /somewhere/else/mail
        log            info,sqlx=warn,sea_orm_migration=warn
    "]]
    .assert_eq(&shown.out);
    assert_eq!(shown.err, "");

    let mut command = folder.command(["config", "check"]);
    command
        .env("OTHERWISE__MAIL__TRANSPORT", "smtp")
        .env("OTHERWISE__MAIL__SMTP_URL", "smtps://alice:dont-show-me@mail.example.org");
    let shown = run(&mut command, "").succeeded().out;
    assert!(shown.contains("by SMTP to mail.example.org, from otherwise@localhost"), "{shown}");
    assert!(!shown.contains("dont-show-me"), "{shown}");
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_the_name_of_the_setting() {
    let folder = Folder::new();
    for (name, value, because) in [
        ("OTHERWISE__SERVER__ADRESS", "127.0.0.1:1", "adress"),
        ("OTHERWISE__SERVER__ADDRESS", "nowhere", "address"),
        ("OTHERWISE__DATABASE__MAX_CONNECTIONS", "many", "max_connections"),
        ("OTHERWISE__DATABASE__MAX_CONNECTIONS", "0", "database.max_connections"),
        ("OTHERWISE__SERVER__PUBLIC_URL", "example.org", "server.public_url"),
        ("OTHERWISE__AUTH__ACCESS_TOKEN_TTL_SECS", "86400", "auth.access_token_ttl_secs"),
        ("OTHERWISE__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,everybody", "everybody"),
        ("OTHERWISE__LOG__FILTER", "otherwise=loud", "log.filter"),
        ("OTHERWISE__MAIL__TRANSPORT", "pigeon", "transport"),
        ("OTHERWISE__MAIL__TRANSPORT", "smtp", "mail.smtp_url"),
        ("OTHERWISE__MAIL__FROM", "Otherwise <otherwise@example.org>", "mail.from"),
        ("OTHERWISE__MAIL__LINK_BASE", "debates.example.org", "mail.link_base"),
        ("OTHERWISE__MAIL__RETRY_FIRST_MS", "9999999", "mail.retry_first_ms"),
    ] {
        for arguments in [["config", "check"].as_slice(), &["serve"]] {
            let mut command = folder.command([]);
            command.args(arguments).env(name, value);
            run(&mut command, "").refused(because);
        }
    }
    assert!(!folder.data().exists(), "a refused configuration starts nothing");

    let file = folder.path().join("otherwise.toml");
    fs::write(&file, "[lists]\ncursor_lifetime = 5\n").unwrap();
    let mut command = folder.command(["config", "check"]);
    run(command.env("OTHERWISE_CONFIG", &file), "").refused("cursor_lifetime");
    // The environment wins over the file, the file over the defaults.
    fs::write(&file, "data_dir = \"of-the-file\"\n[metrics]\naddress = \"127.0.0.1:1\"\n").unwrap();
    let mut command = folder.command(["config", "check"]);
    command
        .env("OTHERWISE_CONFIG", &file)
        .env("OTHERWISE__METRICS__ADDRESS", "127.0.0.1:2")
        .env_remove("OTHERWISE__DATA_DIR");
    let shown = run(&mut command, "").succeeded().out;
    assert!(shown.contains("of-the-file") && shown.contains("127.0.0.1:2"), "{shown}");
}

#[test]
fn the_health_check_says_whether_the_server_is_well() {
    let folder = Folder::new();
    let server = folder.serve();
    let address = server.base.trim_start_matches("http://").to_owned();
    let check = || {
        let mut command = folder.command(["healthcheck"]);
        run(command.env("OTHERWISE__SERVER__ADDRESS", &address), "")
    };
    check().succeeded();
    // A server that listens everywhere is asked here.
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    let mut command = folder.command(["healthcheck"]);
    run(command.env("OTHERWISE__SERVER__ADDRESS", everywhere), "").succeeded();
    server.stop();
    check().refused(&format!("asking {address}"));
}

#[tokio::test]
async fn an_administrator_is_made_beside_a_running_server() {
    let folder = Folder::new();
    let server = folder.serve();
    let create =
        ["admin", "create", "--username", "alice", "--email", "alice@example.org", "--password-stdin"];
    folder.run(create, "").refused("no password");
    folder.run(create, "too short").refused("15");
    let missing = folder.run(["admin", "create", "--username", "alice", "--email", "alice@example.org"], "");
    assert_eq!(missing.status.code(), Some(2), "{missing:#?}");

    // With the end of line that `echo` adds, which is no part of the password.
    let made = folder.run(create, &format!("{PASSWORD}\n")).succeeded();
    assert_eq!(made.out, "alice is an administrator and can sign in.\n");
    let alice = server.sign_in("alice").await;
    let account = alice.get("/me").await.is(200);
    assert_eq!(account.text("/role"), "administrator");
    folder.run(create, PASSWORD).refused("taken");
    server.stop();
}

#[tokio::test]
async fn m5_a_second_factor_that_was_lost_is_removed_on_the_command_line() {
    let folder = Folder::new();
    let server = folder.serve();
    let alice = server.member("alice").await;
    let remove = |username: &str| folder.run(["admin", "remove-factors", "--username", username], "");
    remove("nobody").refused("Nobody is called \"nobody\"");
    remove("alice").refused("alice has no second factor");
    let secret = alice.post("/me/totp", &json!({})).await.is(201).text("/secret");
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    // RFC 6238, with the clock that the server has.
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let at = usize::from(mac.as_ref()[19] & 15);
    let number = u32::from_be_bytes(mac.as_ref()[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    let code = format!("{:06}", number % 1_000_000);
    alice.post("/me/totp/confirmation", &json!({ "code": code })).await.is(200);
    let password = json!({ "login": "alice", "password": PASSWORD });
    let refused = server.guest().post("/sessions", &password).await.is(401);
    assert_eq!(refused.text("/code"), "second_factor_required");
    let done = remove("alice").succeeded();
    assert_eq!(done.out, "alice signs in with the password alone now.\n");
    server.guest().post("/sessions", &password).await.is(201);
    server.stop();
}

#[tokio::test]
async fn a_debate_goes_out_and_in_while_servers_run() {
    let folder = Folder::new();
    let server = folder.serve();
    let alice = server.member("alice").await;
    let path = format!("/topics/{FIRST_DEBATE}/posts");
    alice.post(&path, &json!({ "body": "Added before the export." })).await.is(201);
    let exported = folder.run(["export", FIRST_DEBATE], "").succeeded().out;
    let document: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(document["format"], "otherwise-debate/1");
    assert_eq!(document["posts"].as_array().unwrap().len(), 16);
    folder.run(["export", "no-such-debate"], "").refused("exporting no-such-debate");
    server.guest().get("//readyz").await.is(200);

    let elsewhere = Folder::new();
    let other = elsewhere.serve_with(&[("OTHERWISE__DEBATES__LOAD_DEFAULT", "false")]);
    let file = elsewhere.path().join("debate.json");
    fs::write(&file, &exported).unwrap();
    let imported = elsewhere.run(["import", file.to_str().unwrap()], "").succeeded().out;
    assert!(imported.contains("16 posts"), "{imported}");
    let thread = other.guest().get(&format!("/topics/{FIRST_DEBATE}/thread?sort=new&limit=1")).await.is(200);
    assert_eq!(thread.text("/posts/items/0/body"), "Added before the export.");
    // The same again, from standard input, changes nothing.
    elsewhere.run(["import", "-"], &exported).succeeded();
    let topics = other.guest().get("/topics").await.is(200);
    assert_eq!(topics.body["items"].as_array().unwrap().len(), 1);
    // Out of there it is the same debate.
    let again = elsewhere.run(["export", FIRST_DEBATE], "").succeeded().out;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["posts"], document["posts"]);

    let broken = exported.replace("otherwise-debate/1", "otherwise-debate/99");
    elsewhere.run(["import", "-"], &broken).refused("format");
    other.stop();
    server.stop();
}

#[tokio::test]
async fn commands_need_no_server() {
    let folder = Folder::new();
    let migrated = folder.run(["migrate"], "").succeeded();
    assert_eq!(migrated.out, "The schema is up to date.\n");
    assert_eq!(folder.postmaster(), None, "PostgreSQL was left behind");
    let create =
        ["admin", "create", "--username", "alice", "--email", "alice@example.org", "--password-stdin"];
    folder.run(create, PASSWORD).succeeded();
    assert_eq!(folder.postmaster(), None, "PostgreSQL was left behind");
    let server = folder.serve();
    let alice = server.sign_in("alice").await;
    assert_eq!(alice.get("/me").await.is(200).text("/role"), "administrator");
    server.stop();
}

#[test]
fn documents_are_printed_without_a_database() {
    let folder = Folder::new();
    let openapi: Value = serde_json::from_str(&folder.run(["openapi"], "").succeeded().out).unwrap();
    assert!(openapi["paths"]["/api/v1/topics/{topic}/thread"]["get"].is_object());
    let schema: Value = serde_json::from_str(&folder.run(["schema"], "").succeeded().out).unwrap();
    assert!(schema["$schema"].is_string(), "{schema}");
    assert!(!folder.data().exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn t4_signing_keys_are_replaced_under_load_and_nobody_is_turned_away() {
    let folder = Folder::new();
    let server = folder.serve();
    let done = Arc::new(AtomicBool::new(false));
    let mut reading = Vec::new();
    for name in ["alice", "bob"] {
        let (client, guest, done) = (server.member(name).await, server.guest(), done.clone());
        reading.push(tokio::spawn(async move {
            let credentials = json!({ "login": name, "password": PASSWORD });
            let (mut client, mut asked) = (client, 0);
            while !done.load(Ordering::Relaxed) {
                client.get("/me").await.is(200);
                asked += 1;
                if asked % 20 == 0 {
                    let session = guest.post("/sessions", &credentials).await.is(201);
                    client = guest.bearer(&session.text("/access_token"));
                }
            }
            asked
        }));
    }
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    let mut kids = vec![kid(server.sign_in("alice").await.token())];
    for _ in 0..10 {
        let said = folder.run(["keys", "rotate"], "").succeeded().out;
        assert!(said.contains("signs from now on") && said.contains("is good until"), "{said}");
        kids.push(kid(server.sign_in("alice").await.token()));
    }
    done.store(true, Ordering::Relaxed);
    let mut asked = 0;
    for reader in reading {
        asked += reader.await.unwrap();
    }
    assert!(asked > 50, "{asked} requests met the rotations");
    kids.sort();
    kids.dedup();
    assert_eq!(kids.len(), 11, "every rotation gave another key");

    let alice = server.sign_in("alice").await;
    alice.get("/me").await.is(200);
    let said = folder.run(["keys", "rotate", "--at-once"], "").succeeded().out;
    assert!(said.contains("is refused"), "{said}");
    alice.get("/me").await.is(401);
    server.sign_in("alice").await.get("/me").await.is(200);
    server.stop();
}
