//! Accounts: registering, profiles, passwords, and names that cannot be mistaken for others.

use std::time::{Duration, Instant};

use axum::http::Method;
use expect_test::expect;
use sea_orm::sqlx::{Connection, PgConnection, query_scalar};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Client, PASSWORD, Reply, TestApp};

/// The cost of hashing that servers have unless they are told otherwise.
const DEFAULT_COST: &str = "[password]\nmemory_kib = 19456\niterations = 2\nparallelism = 1";

/// A cost at which one hash takes so long that other requests surely arrive meanwhile.
const ONE_SLOW_HASH_AT_A_TIME: &str =
    "[password]\nmemory_kib = 65536\niterations = 16\nconcurrency = 1\nqueue = 1";

fn registration(username: &str, password: &str) -> Value {
    json!({ "username": username, "email": format!("{username}@example.org"), "password": password })
}

async fn register_named(client: &Client, username: &str) -> Reply {
    let registration = json!({ "username": username, "email": "somebody@example.org", "password": PASSWORD });
    client.post("/accounts", registration).await
}

async fn signs_in(app: &TestApp, login: &str, password: &str) -> Reply {
    app.guest().post("/sessions", json!({ "login": login, "password": password })).await
}

async fn stored_hash(app: &TestApp, username: &str) -> String {
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    query_scalar("SELECT password_hash FROM account WHERE username = $1")
        .bind(username)
        .fetch_one(&mut db)
        .await
        .unwrap()
}

async fn accounts_stored(app: &TestApp) -> i64 {
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    query_scalar("SELECT count(*) FROM account").fetch_one(&mut db).await.unwrap()
}

/// Everything that a client can tell two answers apart by, the name of the request aside.
fn all_but_request_id(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let headers = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let mut body = reply.body.clone();
    if let Some(id) = body.get_mut("request_id") {
        *id = "…".into();
    }
    (reply.status, headers, body)
}

#[tokio::test]
async fn registering_answers_with_the_whole_account() {
    let app = TestApp::new().await;
    let reply = app.guest().post("/accounts", registration("Alice", PASSWORD)).await.is(201);
    assert_eq!(reply.header("location"), Some("/api/v1/accounts/alice"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let text = String::from_utf8(reply.bytes.clone()).unwrap();
    assert!(!text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
    let location = format!("/{}", reply.header("location").unwrap());
    reply.matches(expect![[r#"
        {
          "bio": null,
          "created_at": "2026-01-15T12:00:00Z",
          "display_name": null,
          "email": "Alice@example.org",
          "email_verified": false,
          "id": "00000000-0000-7000-8000-000000000001",
          "kind": "person",
          "role": "member",
          "shows_track_record": false,
          "state": "active",
          "trust_level": 0,
          "username": "alice"
        }
    "#]]);
    app.guest().get(&location).await.is(200);
}

#[tokio::test]
async fn a_profile_shows_what_everybody_may_see() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    alice.patch("/me", json!({ "display_name": "Alice", "bio": "Reads.\nWrites." })).await.is(200);
    let seen_by_guest = app.guest().get("/accounts/alice").await.is(200);
    let seen_by_bob = bob.get("/accounts/alice").await.is(200);
    let seen_by_alice = alice.get("/accounts/ALICE").await.is(200);
    assert_eq!(seen_by_guest.body, seen_by_bob.body);
    assert_eq!(seen_by_guest.body, seen_by_alice.body);
    seen_by_guest.matches(expect![[r#"
        {
          "bio": "Reads.\nWrites.",
          "created_at": "2026-01-15T12:00:00Z",
          "display_name": "Alice",
          "id": "00000000-0000-7000-8000-000000000001",
          "kind": "person",
          "role": "member",
          "username": "alice"
        }
    "#]]);
}

#[tokio::test]
async fn there_is_no_profile_of_nobody() {
    let app = TestApp::new().await;
    for name in ["nobody.there", "x", "-", "%00", "%FF", "a%2Fb", "%E2%80%AEalice", "' OR 1=1", "%25"] {
        let path = format!("/accounts/{}", name.replace(' ', "%20"));
        app.guest().get(&path).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn one_s_own_account_has_what_others_do_not_see() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let me = alice.get("/me").await.is(200);
    assert_eq!(me.header("cache-control"), Some("no-store"));
    assert!(me.header("etag").unwrap().starts_with("\"1."));
    me.matches(expect![[r#"
        {
          "bio": null,
          "created_at": "2026-01-15T12:00:00Z",
          "display_name": null,
          "email": "alice@example.org",
          "email_verified": false,
          "id": "00000000-0000-7000-8000-000000000001",
          "kind": "person",
          "role": "member",
          "shows_track_record": false,
          "state": "active",
          "trust_level": 0,
          "username": "alice"
        }
    "#]]);
    app.guest().get("/me").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn people_change_what_they_say_of_themselves() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    app.app.clock.advance(chrono::TimeDelta::seconds(60));
    let edited =
        alice.patch("/me", json!({ "display_name": "  Alice\u{301}  ", "bio": "Likes maps." })).await.is(200);
    // Trimmed, and in NFC.
    assert_eq!(edited.body["display_name"], "Alic\u{e9}");
    assert!(edited.header("etag").unwrap().starts_with("\"2."));
    assert_eq!(edited.body, alice.get("/me").await.body);

    let only_bio = alice.patch("/me", json!({ "bio": "Draws maps." })).await.is(200);
    assert_eq!(only_bio.body["display_name"], "Alic\u{e9}");
    assert_eq!(only_bio.body["bio"], "Draws maps.");

    let cleared = alice.patch("/me", json!({ "display_name": null, "bio": null })).await.is(200);
    cleared.matches(expect![[r#"
        {
          "bio": null,
          "created_at": "2026-01-15T12:00:00Z",
          "display_name": null,
          "email": "alice@example.org",
          "email_verified": false,
          "id": "00000000-0000-7000-8000-000000000001",
          "kind": "person",
          "role": "member",
          "shows_track_record": false,
          "state": "active",
          "trust_level": 0,
          "username": "alice"
        }
    "#]]);
}

#[tokio::test]
async fn an_edit_that_is_refused_changes_nothing() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let before = alice.get("/me").await.is(200);
    for (edit, field, code) in [
        (json!({ "display_name": "" }), "display_name", "blank"),
        (json!({ "display_name": "   " }), "display_name", "blank"),
        (json!({ "display_name": "a".repeat(61) }), "display_name", "too_long"),
        (json!({ "display_name": "a\u{0}b" }), "display_name", "control_character"),
        (json!({ "display_name": "a\u{202e}b" }), "display_name", "bidi_control"),
        (json!({ "display_name": 5 }), "display_name", "wrong_type"),
        (json!({ "bio": "a".repeat(2001) }), "bio", "too_long"),
        (json!({ "bio": ["a"] }), "bio", "wrong_type"),
        (json!({ "bio": "a\u{0}b" }), "bio", "control_character"),
    ] {
        alice.patch("/me", edit).await.refuses(&[(field, code)]);
    }
    let after = alice.get("/me").await.is(200);
    assert_eq!(before.body, after.body);
    assert_eq!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn l7_an_edit_names_the_version_it_edits() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let tag = alice.get("/me").await.header("etag").unwrap().to_owned();
    let edit = |client: Client| async move {
        let body = json!({ "bio": "Changed." }).to_string().into();
        client.send(Method::PATCH, "/me", Some(body)).await
    };

    edit(alice.clone()).await.is_problem(428, "precondition_required");
    for stale in [
        format!("W/{tag}"),
        "\"0.abc\"".to_owned(),
        "\"2.abc\"".to_owned(),
        "nonsense".to_owned(),
        "\"\"".to_owned(),
    ] {
        edit(alice.with("if-match", &stale)).await.is_problem(412, "precondition_failed");
    }
    assert_eq!(alice.get("/me").await.body["bio"], Value::Null);

    edit(alice.with("if-match", &tag)).await.is(200);
    edit(alice.with("if-match", &tag)).await.is_problem(412, "precondition_failed");
    edit(alice.with("if-match", "*")).await.is(200);
    app.guest()
        .with("if-match", "*")
        .send(Method::PATCH, "/me", Some(b"{}".to_vec()))
        .await
        .is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn of_edits_of_one_version_at_once_one_wins() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let tag = alice.get("/me").await.header("etag").unwrap().to_owned();
    let edits: JoinSet<u16> = (0..10)
        .map(|i| {
            let alice = alice.with("if-match", &tag);
            async move {
                let body = json!({ "bio": format!("Number {i}.") }).to_string().into();
                alice.send(Method::PATCH, "/me", Some(body)).await.status
            }
        })
        .collect();
    let mut statuses = edits.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn p1_passwords_have_15_to_256_characters() {
    let app = TestApp::new().await;
    let guest = app.guest();
    for (password, code) in [
        ("a".repeat(14), "too_short"),
        // Fourteen characters, however many code points they are sent as.
        ("e\u{301}".repeat(14), "too_short"),
        (String::new(), "too_short"),
        ("a".repeat(257), "too_long"),
        ("😀".repeat(257), "too_long"),
        // In NFC these are 256 code points of six bytes each.
        ("\u{1D15F}".repeat(256), "too_long"),
        ("a".repeat(100_000), "too_long"),
        (format!("{}\u{0}{}", "a".repeat(10), "b".repeat(10)), "control_character"),
    ] {
        guest.post("/accounts", registration("alice", &password)).await.refuses(&[("password", code)]);
    }
    for (username, password) in [
        ("alice", long(15)),
        // Fifteen characters of two code points each, as they are sent.
        ("bob", "c\u{327}i\u{302}s\u{30c}a\u{304}e\u{301}g\u{306}n\u{303}o\u{308}u\u{30a}y\u{301}z\u{307}r\u{30c}k\u{327}l\u{327}t\u{327}".to_owned()),
        ("carol", long(256)),
        ("dave", (0..256).map(|n| char::from_u32(0x1F300 + n * 97 % 256).unwrap()).collect()),
    ] {
        guest.post("/accounts", registration(username, &password)).await.is(201);
        signs_in(&app, username, &password).await.is(201);
    }
}

#[tokio::test]
async fn p1_a_refusal_does_not_repeat_the_password() {
    let app = TestApp::new().await;
    let reply = app.guest().post("/accounts", registration("alice", "hunter2-hunter")).await.is(422);
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("hunter2"));
    let reply = app.guest().post("/accounts", registration("alice", &"hunter2".repeat(40))).await.is(422);
    assert!(!String::from_utf8_lossy(&reply.bytes).contains("hunter2"));
}

#[tokio::test]
async fn p2_passwords_are_compared_in_nfc_and_otherwise_as_they_are() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let composed = "caf\u{e9} na\u{ef}ve blas\u{e9}";
    let decomposed = "cafe\u{301} nai\u{308}ve blase\u{301}  ";
    guest.post("/accounts", registration("alice", &format!(" {composed} "))).await.is(201);
    signs_in(&app, "alice", &format!(" {composed} ")).await.is(201);
    signs_in(&app, "alice", &format!(" {}", decomposed.trim_end()))
        .await
        .is_problem(401, "wrong_credentials");
    signs_in(&app, "alice", &format!(" {} ", decomposed.trim_end())).await.is(201);
    for wrong in [
        composed.to_owned(),
        format!(" {composed}"),
        format!("{composed} "),
        format!(" {} ", composed.to_uppercase()),
        " cafe naive blase ".to_owned(),
    ] {
        signs_in(&app, "alice", &wrong).await.is_problem(401, "wrong_credentials");
    }

    guest.post("/accounts", registration("bob", &decomposed.replace("  ", "!!"))).await.is(201);
    signs_in(&app, "bob", &format!("{composed}!!")).await.is(201);
}

#[tokio::test]
async fn p2_passwords_are_never_cut() {
    let app = TestApp::new().await;
    let password = long(256);
    app.guest().post("/accounts", registration("alice", &password)).await.is(201);
    signs_in(&app, "alice", &password).await.is(201);
    let differs_at_200 = format!("{}?{}", &password[..199], &password[200..]);
    assert_eq!(differs_at_200.len(), 256);
    for wrong in [differs_at_200, long(255), long(257), long(10_000), String::new()] {
        signs_in(&app, "alice", &wrong).await.is_problem(401, "wrong_credentials");
    }
}

#[tokio::test]
async fn p3_what_is_guessed_first_is_refused_and_the_reason_told() {
    let app = TestApp::new().await;
    for (username, password, code) in [
        ("alice", "qwertyuiop123456789", "common_password"),
        ("alice", "PasswordPassword", "common_password"),
        ("gardener", "gardener2026!!!!", "guessable_password"),
        ("ada.lovelace.of.london", "Ada.Lovelace.Of.London", "guessable_password"),
        ("alice", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "guessable_password"),
        ("alice", "alice@example.org", "guessable_password"),
    ] {
        let reply = app.guest().post("/accounts", registration(username, password)).await;
        let reply = reply.refuses(&[("password", code)]);
        assert!(!String::from_utf8_lossy(&reply.bytes).contains(password), "{password}");
    }
    assert_eq!(accounts_stored(&app).await, 0);
    let refused =
        otherwise::roles::create_administrator(&app.app, "carol", "carol@example.org", "123456789012345678");
    assert_eq!(refused.await.unwrap_err().fields[0].code, "guessable_password");
}

/// A password of so many characters, and not of one letter.
fn long(chars: usize) -> String {
    "correct horse battery staple, ".chars().cycle().take(chars).collect()
}

#[tokio::test]
async fn p4_passwords_are_stored_as_argon2id_with_a_salt_each() {
    let app = TestApp::with(DEFAULT_COST).await;
    for username in ["alice", "bob"] {
        app.guest().post("/accounts", registration(username, PASSWORD)).await.is(201);
    }
    let mut salts = Vec::new();
    for username in ["alice", "bob"] {
        let hash = stored_hash(&app, username).await;
        let parts: Vec<&str> = hash.split('$').collect();
        let ["", "argon2id", "v=19", "m=19456,t=2,p=1", salt, output] = parts[..] else {
            panic!("{hash}");
        };
        // In base64 without padding, 16 bytes are 22 characters and 32 are 43.
        assert_eq!((salt.len(), output.len()), (22, 43), "{hash}");
        salts.push(salt.to_owned());
    }
    assert_ne!(salts[0], salts[1]);
}

#[tokio::test]
async fn p4_the_defaults_are_those_of_owasp() {
    let defaults: toml::Table = toml::from_str(otherwise::config::DEFAULTS).unwrap();
    let cost = &defaults["password"];
    assert_eq!(cost["memory_kib"].as_integer(), Some(19_456));
    assert_eq!(cost["iterations"].as_integer(), Some(2));
    assert_eq!(cost["parallelism"].as_integer(), Some(1));
}

#[tokio::test]
async fn p4_a_cheaper_hash_is_replaced_at_the_next_sign_in() {
    let cheap = TestApp::new().await;
    cheap.guest().post("/accounts", registration("alice", PASSWORD)).await.is(201);
    let first = stored_hash(&cheap, "alice").await;
    assert!(first.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{first}");

    let dear = cheap.another(DEFAULT_COST).await;
    signs_in(&dear, "alice", "a wrong password, though long").await.is_problem(401, "wrong_credentials");
    assert_eq!(stored_hash(&dear, "alice").await, first);
    signs_in(&dear, "alice", PASSWORD).await.is(201);
    let second = stored_hash(&dear, "alice").await;
    assert!(second.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{second}");

    signs_in(&dear, "alice", PASSWORD).await.is(201);
    assert_eq!(stored_hash(&dear, "alice").await, second);
    // A server with a lower cost leaves the better hash alone. Identifiers of sessions count from the
    // start on each server, and two are used.
    for _ in 0..2 {
        cheap.app.ids.next::<otherwise::ids::SessionId>();
    }
    signs_in(&cheap, "alice", PASSWORD).await.is(201);
    assert_eq!(stored_hash(&cheap, "alice").await, second);
}

#[tokio::test]
async fn p5_beyond_the_queue_requests_are_turned_away_at_once() {
    let app = TestApp::with(ONE_SLOW_HASH_AT_A_TIME).await;
    let began = Instant::now();
    let tasks: Vec<_> = ["alice", "bob", "carol", "dave", "erin"]
        .into_iter()
        .map(|username| {
            let guest = app.guest();
            tokio::spawn(async move {
                let reply = guest.post("/accounts", registration(username, PASSWORD)).await;
                (reply, began.elapsed())
            })
        })
        .collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    // One is at work and one waits; they are served, and the others know at once.
    let (first, second) = (replies[0].1, replies[1].1);
    assert_eq!((replies[0].0.status, replies[1].0.status), (201, 201));
    assert!(second > first);
    for (reply, elapsed) in replies.drain(..).skip(2) {
        assert!(elapsed < first, "{elapsed:?} is not before {first:?}");
        assert_eq!(reply.header("retry-after"), Some("2"));
        reply.is_problem(503, "unavailable");
    }
    assert_eq!(accounts_stored(&app).await, 2);
    // Those who come back later are served.
    app.guest().post("/accounts", registration("carol", PASSWORD)).await.is(201);
}

#[tokio::test]
async fn p5_hashing_keeps_nobody_else_waiting() {
    let app = TestApp::with(ONE_SLOW_HASH_AT_A_TIME).await;
    let guest = app.guest();
    let hashing = tokio::spawn(async move { guest.post("/accounts", registration("alice", PASSWORD)).await });
    tokio::task::yield_now().await;
    for _ in 0..5 {
        app.guest().get("/topics").await.is(200);
    }
    assert!(!hashing.is_finished());
    hashing.await.unwrap().is(201);
}

#[tokio::test]
async fn p6_unknown_accounts_and_wrong_passwords_get_the_same_answer() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    app.member("alice").await;
    let wrong = "a wrong password, though long";
    let expected =
        all_but_request_id(&signs_in(&app, "alice", wrong).await.is_problem(401, "wrong_credentials"));
    for login in [
        "alice@example.org",
        "nobody.there",
        "nobody@example.org",
        "",
        " alice",
        "a\u{0}b",
        "a\u{0}b@example.org",
        "admin",
        "' OR 1=1 --",
        "%",
        "@",
    ] {
        let reply = signs_in(&app, login, wrong).await;
        assert_eq!(all_but_request_id(&reply), expected, "{login}");
    }
}

#[tokio::test]
async fn p6_registering_with_a_taken_address_is_answered_like_any_other() {
    let app = TestApp::new().await;
    let register = |username: &'static str, email: &'static str| {
        let guest = app.guest();
        async move {
            let body = json!({ "username": username, "email": email, "password": PASSWORD });
            guest.post("/accounts", body).await.is(201)
        }
    };
    register("alice", "alice@example.org").await;
    let taken = register("trent", "ALICE@example.org").await;
    let free = register("peggy", "peggy@example.org").await;
    let names = |reply: &Reply| -> Vec<String> { reply.headers.keys().map(ToString::to_string).collect() };
    assert_eq!(names(&taken), names(&free));
    let keys = |reply: &Reply| -> Vec<String> { reply.body.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&taken), keys(&free));
    for field in ["kind", "display_name", "bio", "role", "trust_level", "state", "created_at"] {
        assert_eq!(taken.body[field], free.body[field], "{field}");
    }
    assert_eq!(taken.body["email"], "ALICE@example.org");
    // Nobody was locked out by it.
    signs_in(&app, "alice", PASSWORD).await.is(201);
    signs_in(&app, "trent", PASSWORD).await.is(201);
}

/// The medians of two kinds of request, measured in turns, so that whatever else the machine does
/// happens to both.
async fn medians(app: &TestApp, first: [&str; 2], second: [&str; 2]) -> (Duration, Duration) {
    let mut taken = (Vec::new(), Vec::new());
    for round in 0..16 {
        for (case, into) in [(first, &mut taken.0), (second, &mut taken.1)] {
            let began = Instant::now();
            signs_in(app, case[0], case[1]).await.is(401);
            // The first round warms things up.
            if round > 0 {
                into.push(began.elapsed());
            }
        }
    }
    taken.0.sort_unstable();
    taken.1.sort_unstable();
    (taken.0[7], taken.1[7])
}

#[tokio::test]
async fn p6_unknown_accounts_take_as_long_as_wrong_passwords() {
    let app = TestApp::with(DEFAULT_COST).await;
    app.member("alice").await;
    let wrong = "a wrong password, though long";
    let too_long = "a".repeat(1000);
    for (first, second) in [
        (["alice", wrong], ["nobody.there", wrong]),
        (["alice@example.org", wrong], ["nobody@example.org", wrong]),
        (["alice", &too_long], ["nobody.there", &too_long]),
    ] {
        let (known, unknown) = medians(&app, first, second).await;
        let ratio = known.as_secs_f64() / unknown.as_secs_f64();
        assert!((0.5..2.0).contains(&ratio), "{first:?}: {known:?}, {second:?}: {unknown:?}");
    }
}

#[tokio::test]
async fn x4_names_that_could_deceive_are_refused() {
    let app = TestApp::new().await;
    for (username, code) in [
        // Cyrillic er and a before Latin letters.
        ("\u{440}\u{430}ypal", "mixed_scripts"),
        ("admin\u{200b}", "invisible_character"),
        ("ad\u{200d}min", "invisible_character"),
        ("\u{feff}alice", "invisible_character"),
        ("ali\u{ad}ce", "invisible_character"),
        ("ali\u{202e}ce", "bidi_control"),
        ("\u{2067}alice", "bidi_control"),
        ("ali\u{0}ce", "control_character"),
        ("alice\n", "control_character"),
        ("alice\u{7f}", "control_character"),
        ("z\u{301}\u{302}\u{303}\u{304}algo", "too_many_marks"),
        ("ADMIN", "reserved"),
        ("Ａｄｍｉｎ", "reserved"),
        ("adrnin", "reserved"),
        ("rnoderator", "reserved"),
        ("alice bob", "forbidden_character"),
        (" alice", "forbidden_character"),
        ("alice@example.org", "forbidden_character"),
        ("alice/bob", "forbidden_character"),
        ("😀😀😀", "forbidden_character"),
        ("_alice", "misplaced_separator"),
        ("alice.", "misplaced_separator"),
        ("al..ice", "misplaced_separator"),
        ("al", "too_short"),
        ("", "misplaced_separator"),
    ] {
        register_named(&app.guest(), username).await.refuses(&[("username", code)]);
    }
    register_named(&app.guest(), &"a".repeat(31)).await.refuses(&[("username", "too_long")]);
    assert_eq!(accounts_stored(&app).await, 0);
    // The bounds themselves are allowed, and so are other scripts.
    for username in ["abc", &"a".repeat(30), "\u{440}\u{430}\u{437}\u{443}\u{43c}", "ada.lovelace-2_x"] {
        register_named(&app.guest(), username).await.is(201);
    }
}

#[tokio::test]
async fn x4_reserved_names_are_nobody_s() {
    let app = TestApp::new().await;
    for name in otherwise::accounts::rules::RESERVED {
        for name in [name.to_owned(), name.to_uppercase()] {
            let reply = register_named(&app.guest(), &name).await.is(422);
            assert_eq!(reply.body["errors"][0]["field"], "username", "{name}");
        }
    }
    assert_eq!(accounts_stored(&app).await, 0);
}

#[tokio::test]
async fn x4_names_are_unique_by_what_they_look_like() {
    let app = TestApp::new().await;
    register_named(&app.guest(), "paula").await.is(201);
    register_named(&app.guest(), "\u{430}\u{441}\u{435}").await.is(201);
    for lookalike in [
        "paula",
        "PAULA",
        "Ｐａｕｌａ",
        "pau1a",
        // Latin, like the Cyrillic one above.
        "ace",
        "ACE",
    ] {
        register_named(&app.guest(), lookalike).await.is_problem(409, "username_taken");
    }
    assert_eq!(accounts_stored(&app).await, 2);
}

#[tokio::test]
async fn x4_a_name_has_one_winner() {
    let app = TestApp::new().await;
    let names = ["paula", "PAULA", "pau1a", "Ｐａｕｌａ"];
    let registrations: JoinSet<Reply> = (0..20)
        .map(|i| {
            let guest = app.guest();
            async move { register_named(&guest, names[i % names.len()]).await }
        })
        .collect();
    let (made, refused): (Vec<_>, Vec<_>) =
        registrations.join_all().await.into_iter().partition(|reply| reply.status == 201);
    assert_eq!(made.len(), 1);
    for reply in refused {
        reply.is_problem(409, "username_taken");
    }
    assert_eq!(accounts_stored(&app).await, 1);
}

#[tokio::test]
async fn addresses_are_checked() {
    let app = TestApp::new().await;
    let local = "a".repeat(65);
    let long = format!("a@{}.org", "a".repeat(63) + &".b".repeat(100));
    for (email, code) in [
        ("alice", "malformed_email"),
        ("@example.org", "malformed_email"),
        ("alice@", "malformed_email"),
        ("alice@@example.org", "malformed_email"),
        ("alice@example..org", "malformed_email"),
        (" alice@example.org", "malformed_email"),
        ("alice@example.org\r\nBcc: bob@example.org", "malformed_email"),
        ("alice@example.org,bob@example.org", "malformed_email"),
        ("Alice <alice@example.org>", "malformed_email"),
        ("ali\u{0}ce@example.org", "malformed_email"),
        ("ali\u{202e}ce@example.org", "malformed_email"),
        (&format!("{local}@example.org"), "too_long"),
        (&long, "too_long"),
    ] {
        let body = json!({ "username": "alice", "email": email, "password": PASSWORD });
        app.guest().post("/accounts", body).await.refuses(&[("email", code)]);
    }
}

#[tokio::test]
async fn names_of_imported_authors_sign_nobody_in() {
    let app = TestApp::new().await;
    app.load_first_debate().await;
    let thread = app.guest().get("/topics/khrushchev-no-secret-speech-1956/thread").await.is(200);
    let username = thread.text("/posts/items/0/author/username");
    let profile = app.guest().get(&format!("/accounts/{username}")).await.is(200);
    assert_eq!(profile.body["kind"], "imported");
    for password in ["", "nobody has this password", PASSWORD] {
        signs_in(&app, &username, password).await.is_problem(401, "wrong_credentials");
    }
    register_named(&app.guest(), &username).await.is_problem(409, "username_taken");
}

#[tokio::test]
async fn b7_a_registration_is_read_strictly() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let good = registration("alice", PASSWORD);
    for field in ["username", "email", "password"] {
        let mut body = good.clone();
        body.as_object_mut().unwrap().remove(field);
        guest.post("/accounts", body).await.refuses(&[(field, "missing")]);
        for wrong in [json!(null), json!(1), json!(true), json!(["alice"]), json!({ "a": 1 })] {
            let mut body = good.clone();
            body[field] = wrong;
            guest.post("/accounts", body).await.refuses(&[(field, "wrong_type")]);
        }
        let twice = good.to_string().replacen('{', &format!("{{\"{field}\":\"first\","), 1);
        let twice = twice.replace("\"first\"", &good[field].to_string());
        guest
            .send(Method::POST, "/accounts", Some(twice.into()))
            .await
            .refuses(&[(field, "duplicate_field")]);
        let surrogate = good.to_string().replace(&good[field].to_string(), "\"\\ud800 and much more text\"");
        guest.send(Method::POST, "/accounts", Some(surrogate.into())).await.is_problem(400, "malformed_json");
    }
    for body in [json!([]), json!("alice"), json!(null), json!(1)] {
        guest.post("/accounts", body).await.refuses(&[("(body)", "wrong_type")]);
    }
    assert_eq!(accounts_stored(&app).await, 0);
}

#[tokio::test]
async fn a5_nobody_gives_themselves_what_is_not_theirs_to_set() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let before = alice.get("/me").await.is(200);
    for (field, value) in [
        ("role", json!("administrator")),
        ("is_admin", json!(true)),
        ("author_id", json!("018c2f7a-0000-7000-8000-000000000001")),
        ("id", json!("018c2f7a-0000-7000-8000-000000000001")),
        ("state", json!("active")),
        ("kind", json!("imported")),
        ("score", json!(1000)),
        ("trust_level", json!(3)),
        ("verified", json!(true)),
        ("version", json!(7)),
        ("password_hash", json!("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g")),
        ("created_at", json!("2001-01-01T00:00:00Z")),
    ] {
        let mut body = registration("mallory", PASSWORD);
        body[field] = value.clone();
        app.guest().post("/accounts", body).await.refuses(&[(field, "unknown_field")]);
        let mut edit = json!({ "bio": "Changed." });
        edit[field] = value;
        alice.patch("/me", edit).await.refuses(&[(field, "unknown_field")]);
    }
    for field in ["username", "email", "password"] {
        let mut edit = json!({ "bio": "Changed." });
        edit[field] = "mallory@example.org".into();
        alice.patch("/me", edit).await.refuses(&[(field, "unknown_field")]);
    }
    app.guest().get("/accounts/mallory").await.is_problem(404, "not_found");
    let after = alice.get("/me").await.is(200);
    assert_eq!(before.body, after.body);
    assert_eq!(before.header("etag"), after.header("etag"));
}
