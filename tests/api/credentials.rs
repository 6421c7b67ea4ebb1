//! Passwords and addresses: changed, recovered and confirmed, by mail and otherwise.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use sea_orm::sqlx::{Connection, PgConnection, raw_sql};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::mails::{
    CHANGE_REQUESTED, CHANGED, CONFIRM, CONFIRM_NEW, IN_USE, Mail, PASSWORD_CHANGED, RESET, REVERTED,
    SESSION_ENDED,
};
use crate::support::{Client, PASSWORD, Reply, TestApp};

const NEW_PASSWORD: &str = "a wholly different passphrase";

const CONFIRMATION: &str = "/email-verifications/confirmation";
const RESET_CONFIRMATION: &str = "/password-resets/confirmation";
const CHANGE_CONFIRMATION: &str = "/email-changes/confirmation";
const REVERSION: &str = "/email-changes/reversion";

async fn register(app: &TestApp, username: &str, email: &str) {
    let body = json!({ "username": username, "email": email, "password": PASSWORD });
    app.guest().post("/accounts", body).await.is(201);
}

async fn signs_in(app: &TestApp, login: &str, password: &str) -> Reply {
    app.guest().post("/sessions", json!({ "login": login, "password": password })).await
}

/// Uses a token as whoever reads the mail would.
async fn redeem(app: &TestApp, path: &str, token: &str) -> Reply {
    let mut body = json!({ "token": token });
    if path == RESET_CONFIRMATION {
        body["password"] = NEW_PASSWORD.into();
    }
    app.guest().post(path, body).await
}

async fn asks_for_a_reset(app: &TestApp, email: &str) {
    app.guest().post("/password-resets", json!({ "email": email })).await.is(202);
}

/// Registers somebody whose address is confirmed.
async fn confirmed(app: &TestApp, username: &str) -> Client {
    let client = app.member(username).await;
    let email = format!("{username}@example.org");
    let token = app.mail(&email, CONFIRM).await.token();
    redeem(app, CONFIRMATION, &token).await.is(204);
    client
}

/// Asks for another address and gives the token that is mailed to it.
async fn change_token(app: &TestApp, client: &Client, email: &str) -> String {
    client.post("/me/email", json!({ "email": email, "password": PASSWORD })).await.is(202);
    app.mail(email, CONFIRM_NEW).await.token()
}

/// Gives the account another address, and the token that takes this back.
async fn change(app: &TestApp, client: &Client, from: &str, to: &str) -> String {
    let token = change_token(app, client, to).await;
    redeem(app, CHANGE_CONFIRMATION, &token).await.is(204);
    app.mail(from, CHANGED).await.token()
}

/// Whether the sessions of these clients are in force.
async fn in_force<const N: usize>(clients: [&Client; N]) -> [bool; N] {
    let mut found = [false; N];
    for (client, found) in clients.into_iter().zip(&mut found) {
        *found = client.get("/me").await.status == 200;
    }
    found
}

async fn me(client: &Client) -> (Value, Value) {
    let me = client.get("/me").await.is(200);
    (me.body["email"].clone(), me.body["email_verified"].clone())
}

/// A token for each purpose, each of its own account, with the path that takes it.
async fn one_of_each(app: &TestApp) -> [(&'static str, String); 4] {
    app.member("verify").await;
    let verify = app.mail("verify@example.org", CONFIRM).await.token();
    confirmed(app, "reset").await;
    asks_for_a_reset(app, "reset@example.org").await;
    let reset = app.mail("reset@example.org", RESET).await.token();
    let changing = confirmed(app, "change").await;
    let change_to = change_token(app, &changing, "changed@example.org").await;
    let reverting = confirmed(app, "revert").await;
    let revert = change(app, &reverting, "revert@example.org", "reverted@example.org").await;
    [
        (CONFIRMATION, verify),
        (RESET_CONFIRMATION, reset),
        (CHANGE_CONFIRMATION, change_to),
        (REVERSION, revert),
    ]
}

#[tokio::test]
async fn an_address_is_confirmed_by_the_token_that_is_mailed_to_it() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    assert_eq!(me(&alice).await, (json!("alice@example.org"), json!(false)));
    let etag = alice.get("/me").await.header("etag").unwrap().to_owned();
    let mail = app.mail("alice@example.org", CONFIRM).await;
    let token = mail.token();
    let text = mail.body.replace(&token, "TOKEN");
    expect![[r##"
        The account "alice" was registered with this address. If it is yours,
        confirm the address:

        http://127.0.0.1:8080/verify-email#token=TOKEN

        Without a browser, send this token to POST /api/v1/email-verifications/confirmation:

        TOKEN

        It is good once, for 24 hours.

        If it was not you, do nothing: an address that nobody confirms stays free
        for its owner.
    "##]]
    .assert_eq(&text);
    let reply = redeem(&app, CONFIRMATION, &token).await.is(204);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(me(&alice).await, (json!("alice@example.org"), json!(true)));
    // Whoever edits knows of it: the version is another one.
    alice.with("if-match", &etag).send(Method::PATCH, "/me", Some(b"{}".to_vec())).await.is(412);
    let recorded = app.rows("SELECT kind FROM event WHERE kind = 'email_verified'").await;
    assert_eq!(recorded.len(), 1);
    // There is nothing left to confirm, so nothing is mailed.
    alice.post("/email-verifications", json!({})).await.is(202);
    assert!(app.mails().await.is_empty());
    app.guest().post("/email-verifications", json!({})).await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn n1_looking_at_a_link_changes_nothing() {
    let app = TestApp::new().await;
    for (path, token) in one_of_each(&app).await {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            for _ in 0..10 {
                let reply =
                    app.guest().send(method.clone(), &format!("{path}?token={token}"), None).await.is(405);
                assert_eq!(reply.header("allow"), Some("POST"));
            }
        }
        redeem(&app, path, &token).await.is(204);
        redeem(&app, path, &token).await.is_problem(410, "token_used");
    }
}

#[tokio::test]
async fn n1_a_token_is_good_for_one_purpose() {
    let app = TestApp::new().await;
    let tokens = one_of_each(&app).await;
    let paths = tokens.each_ref().map(|(path, _)| *path);
    for (own, token) in &tokens {
        for path in paths.iter().filter(|path| *path != own) {
            redeem(&app, path, token).await.is_problem(400, "invalid_email_token");
        }
    }
    for path in paths {
        for token in [
            "",
            "x",
            "otw_et_",
            "otw_et_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "otw_rt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "\u{0}",
            &"A".repeat(10_000),
        ] {
            redeem(&app, path, token).await.is_problem(400, "invalid_email_token");
        }
    }
    // None of it used anything up.
    for (path, token) in tokens {
        redeem(&app, path, &token).await.is(204);
    }
}

#[tokio::test]
async fn n1_tokens_expire() {
    let app = TestApp::new().await;
    let hours = TimeDelta::hours;
    for (index, life) in [hours(24), TimeDelta::minutes(30), hours(24), hours(7 * 24)].into_iter().enumerate()
    {
        for (early, status) in [(1, 204), (0, 400)] {
            let app = TestApp::new().await;
            let tokens = one_of_each(&app).await;
            app.app.clock.advance(life - TimeDelta::seconds(early));
            let (path, token) = &tokens[index];
            redeem(&app, path, token).await.is(status);
        }
    }
    // The background work forgets them, and still says of those that were used that they were.
    let [(path, used), (reset, unused), ..] = one_of_each(&app).await;
    redeem(&app, path, &used).await.is(204);
    app.app.clock.advance(hours(24));
    otherwise::worker::tidy(&app.app).await.unwrap();
    redeem(&app, path, &used).await.is_problem(410, "token_used");
    app.app.clock.advance(hours(8 * 24) + TimeDelta::seconds(1));
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert!(app.rows("SELECT purpose FROM email_token").await.is_empty());
    redeem(&app, reset, &unused).await.is_problem(400, "invalid_email_token");
}

#[tokio::test]
async fn n1_the_newest_token_is_the_one_that_counts() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let first = app.mail("alice@example.org", CONFIRM).await.token();
    alice.post("/email-verifications", json!({})).await.is(202);
    let second = app.mail("alice@example.org", CONFIRM).await.token();
    assert_ne!(first, second);
    redeem(&app, CONFIRMATION, &first).await.is_problem(400, "invalid_email_token");

    // Another purpose, and another account, is another matter.
    asks_for_a_reset(&app, "alice@example.org").await;
    let reset = app.mail("alice@example.org", RESET).await.token();
    app.member("bob").await;
    app.mails().await;
    redeem(&app, CONFIRMATION, &second).await.is(204);

    asks_for_a_reset(&app, "alice@example.org").await;
    let newer = app.mail("alice@example.org", RESET).await.token();
    redeem(&app, RESET_CONFIRMATION, &reset).await.is_problem(400, "invalid_email_token");
    redeem(&app, RESET_CONFIRMATION, &newer).await.is(204);

    let bob = app.sign_in("bob").await;
    let first = change_token(&app, &bob, "first@example.org").await;
    let second = change_token(&app, &bob, "second@example.org").await;
    redeem(&app, CHANGE_CONFIRMATION, &first).await.is_problem(400, "invalid_email_token");
    redeem(&app, CHANGE_CONFIRMATION, &second).await.is(204);
    assert_eq!(me(&bob).await.0, "second@example.org");
}

#[tokio::test]
async fn n1_of_many_uses_at_once_one_succeeds() {
    let app = TestApp::new().await;
    for (path, token) in one_of_each(&app).await {
        let uses: JoinSet<Reply> = (0..12)
            .map(|_| {
                let (app, token) = (app.clone(), token.clone());
                async move { redeem(&app, path, &token).await }
            })
            .collect();
        let (used, refused): (Vec<_>, Vec<_>) =
            uses.join_all().await.into_iter().partition(|reply| reply.status == 204);
        assert_eq!(used.len(), 1, "{path}");
        for reply in refused {
            reply.is_problem(410, "token_used");
        }
    }
}

#[tokio::test]
async fn n1_a_token_is_bound_to_its_address() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let verify = app.mail("alice@example.org", CONFIRM).await.token();
    asks_for_a_reset(&app, "alice@example.org").await;
    let reset = app.mail("alice@example.org", RESET).await.token();
    let token = change_token(&app, &alice, "alice@example.net").await;
    redeem(&app, CHANGE_CONFIRMATION, &token).await.is(204);
    for (path, token) in [(CONFIRMATION, verify), (RESET_CONFIRMATION, reset)] {
        redeem(&app, path, &token).await.is_problem(400, "invalid_email_token");
    }
    assert_eq!(me(&alice).await, (json!("alice@example.net"), json!(true)));
}

#[tokio::test]
async fn n1_the_database_holds_no_token_and_no_mail() {
    let app = TestApp::new().await;
    app.member("alice").await;
    asks_for_a_reset(&app, "alice@example.org").await;
    let dump = async || {
        let mut dump = app.rows("SELECT t::text FROM email_token t").await.join("\n");
        dump += &app.rows("SELECT t::text FROM mail t").await.join("\n");
        dump
    };
    let before = dump().await;
    assert!(before.contains("password_reset") && !before.contains("example.org\""), "{before}");
    let hex = |text: &str| text.bytes().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    assert!(!before.contains("alice@example.org") && !before.contains(&hex("alice@example.org")));
    let mails = app.mails().await;
    assert_eq!(mails.len(), 2);
    let after = dump().await;
    for mail in mails {
        let token = mail.token();
        let body = token.trim_start_matches("otw_et_");
        assert!(!after.contains(body) && !after.contains(&hex(&token)), "{after}");
    }
    assert_eq!(app.rows("SELECT outcome FROM mail WHERE sealed_content IS NULL").await, ["sent", "sent"]);
}

#[tokio::test]
async fn n2_links_lead_where_the_configuration_says() {
    let settings = "[mail]\nlink_base = 'https://debates.example.org/app'";
    for (settings, base) in [("", "http://127.0.0.1:8080"), (settings, "https://debates.example.org/app")] {
        let app = TestApp::with(settings).await;
        let forger = app
            .guest()
            .with("host", "evil.example")
            .with("x-forwarded-host", "evil.example")
            .with("x-forwarded-proto", "ftp")
            .with("forwarded", "host=evil.example;proto=ftp")
            .with("x-original-host", "evil.example")
            .with("origin", "https://evil.example")
            .with("referer", "https://evil.example/");
        let body = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
        forger.post("/accounts", body).await.is(201);
        forger.post("/password-resets", json!({ "email": "alice@example.org" })).await.is(202);
        let mails = app.mails().await;
        assert_eq!(mails.len(), 2);
        for mail in mails {
            assert!(!mail.text.contains("evil"), "{}", mail.text);
            let link = mail.body.lines().find(|line| line.contains("://")).unwrap();
            assert!(link.starts_with(&format!("{base}/")), "{link}");
            // Behind the #: no server learns it, whoever opens the link.
            let token = mail.token();
            assert!(link.ends_with(&format!("#token={token}")) && !link.contains('?'), "{link}");
        }
    }
}

#[tokio::test]
async fn n3_a_reset_sets_the_password_and_nothing_else() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    let also_alice = app.sign_in("alice").await;
    let bob = app.member("bob").await;
    app.mails().await;
    asks_for_a_reset(&app, "ALICE@example.org").await;
    let mail = app.mail("alice@example.org", RESET).await;
    // Asking changes nothing.
    assert_eq!(in_force([&alice, &also_alice, &bob]).await, [true; 3]);
    signs_in(&app, "alice", PASSWORD).await.is(201);

    let reset = |password: &str| {
        let body = json!({ "token": mail.token(), "password": password });
        let guest = app.guest();
        async move { guest.post(RESET_CONFIRMATION, body).await }
    };
    reset("too short").await.refuses(&[("password", "too_short")]);
    let done = reset(NEW_PASSWORD).await.is(204);
    // It signs nobody in.
    assert!(done.bytes.is_empty() && done.header("set-cookie").is_none());
    assert_eq!(in_force([&alice, &also_alice, &bob]).await, [false, false, true]);
    signs_in(&app, "alice", PASSWORD).await.is_problem(401, "wrong_credentials");
    signs_in(&app, "alice@example.org", NEW_PASSWORD).await.is(201);
    let notice = app.mail("alice@example.org", PASSWORD_CHANGED).await;
    assert_eq!(notice.find_token(), None);
    let because = app.rows("SELECT DISTINCT ended_because FROM session WHERE ended_at IS NOT NULL").await;
    assert_eq!(because, ["password_reset"]);
    let recorded = app.rows("SELECT kind FROM event WHERE kind = 'password_reset'").await;
    assert_eq!(recorded.len(), 1);
}

#[tokio::test]
async fn n3_a_reset_ends_refresh_tokens_too() {
    let app = TestApp::new().await;
    confirmed(&app, "alice").await;
    let session = signs_in(&app, "alice", PASSWORD).await.is(201);
    asks_for_a_reset(&app, "alice@example.org").await;
    let token = app.mail("alice@example.org", RESET).await.token();
    redeem(&app, RESET_CONFIRMATION, &token).await.is(204);
    let refresh = json!({ "refresh_token": session.text("/refresh_token") });
    app.guest().post("/sessions/refresh", refresh).await.is_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn n3_a_sign_in_that_a_reset_overtakes_is_refused() {
    let app = TestApp::with("[database]\nlock_timeout_ms = 60000\nstatement_timeout_ms = 60000").await;
    confirmed(&app, "alice").await;
    asks_for_a_reset(&app, "alice@example.org").await;
    let token = app.mail("alice@example.org", RESET).await.token();
    // Somebody else is at work with the same key: the sign-in waits, with the password already checked.
    let mut other = PgConnection::connect(app.database_url()).await.unwrap();
    let hold = "BEGIN; INSERT INTO idempotency_key VALUES ('anonymous', 'held', 'x', '', NULL, now())";
    raw_sql(hold).execute(&mut other).await.unwrap();
    let guest = app.guest().with("idempotency-key", "held");
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    let sign_in = tokio::spawn(async move { guest.post("/sessions", credentials).await });
    while app.waiting().await == 0 {}
    redeem(&app, RESET_CONFIRMATION, &token).await.is(204);
    raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    sign_in.await.unwrap().is_problem(401, "wrong_credentials");
    assert!(app.rows("SELECT id::text FROM session WHERE ended_at IS NULL").await.is_empty());
}

#[tokio::test]
async fn n3_an_address_is_changed_once_it_is_confirmed_at_the_new_one() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    let body = json!({ "email": "alice@example.net", "password": PASSWORD });
    alice.post("/me/email", body).await.is(202);
    assert_eq!(me(&alice).await, (json!("alice@example.org"), json!(true)));
    let mails = app.mails().await;
    let mut told: Vec<_> = mails.iter().map(|mail| (&*mail.to, &*mail.subject)).collect();
    told.sort_unstable();
    assert_eq!(told, [("alice@example.net", CONFIRM_NEW), ("alice@example.org", CHANGE_REQUESTED)]);
    let token = mails.iter().find_map(Mail::find_token).unwrap();
    redeem(&app, CHANGE_CONFIRMATION, &token).await.is(204);
    assert_eq!(me(&alice).await, (json!("alice@example.net"), json!(true)));
    signs_in(&app, "alice@example.net", PASSWORD).await.is(201);
    signs_in(&app, "alice@example.org", PASSWORD).await.is_problem(401, "wrong_credentials");
    let way_back = app.mail("alice@example.org", CHANGED).await;
    assert!(way_back.body.contains("for 7 days"), "{}", way_back.body);
    let kinds = app.rows("SELECT kind FROM event WHERE kind LIKE 'email_change%' ORDER BY seq").await;
    assert_eq!(kinds, ["email_change_requested", "email_changed"]);
}

#[tokio::test]
async fn n3_a_change_of_address_is_taken_back_from_the_old_one() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    let mallory = app.sign_in("alice").await;
    let way_back = change(&app, &mallory, "alice@example.org", "mallory@example.net").await;
    // What mallory holds besides: a reset under way.
    asks_for_a_reset(&app, "mallory@example.net").await;
    let reset = app.mail("mallory@example.net", RESET).await.token();

    app.app.clock.advance(TimeDelta::days(7) - TimeDelta::seconds(1));
    redeem(&app, REVERSION, &way_back).await.is(204);
    assert_eq!(in_force([&alice, &mallory]).await, [false, false]);
    redeem(&app, RESET_CONFIRMATION, &reset).await.is_problem(400, "invalid_email_token");
    let mails = app.mails().await;
    let mut told: Vec<_> = mails.iter().map(|mail| (&*mail.to, &*mail.subject)).collect();
    told.sort_unstable();
    // Whoever changed it knew the password, so a way to a new one comes with it.
    assert_eq!(told, [("alice@example.org", RESET), ("mallory@example.net", REVERTED)]);
    let reset = mails.iter().find_map(Mail::find_token).unwrap();
    redeem(&app, RESET_CONFIRMATION, &reset).await.is(204);
    let alice = signs_in(&app, "alice@example.org", NEW_PASSWORD).await.is(201);
    assert_eq!(alice.body["account"]["email_verified"], true);
    signs_in(&app, "alice", PASSWORD).await.is_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn n3_changing_twice_does_not_take_the_way_back_away() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    let to_first = change(&app, &alice, "alice@example.org", "mallory@example.net").await;
    app.app.clock.advance(TimeDelta::minutes(1));
    let to_second = change(&app, &alice, "mallory@example.net", "mallory@example.com").await;
    // Mallory's own way back leads to mallory, and does not take the first one away either.
    redeem(&app, REVERSION, &to_second).await.is(204);
    redeem(&app, REVERSION, &to_first).await.is(204);
    assert_eq!(app.rows("SELECT email FROM account").await, ["alice@example.org"]);

    // Used first, the older one takes the later one with it.
    let bob = confirmed(&app, "bob").await;
    let to_first = change(&app, &bob, "bob@example.org", "trent@example.net").await;
    app.app.clock.advance(TimeDelta::minutes(1));
    let to_second = change(&app, &bob, "trent@example.net", "trent@example.com").await;
    redeem(&app, REVERSION, &to_first).await.is(204);
    redeem(&app, REVERSION, &to_second).await.is_problem(400, "invalid_email_token");
}

#[tokio::test]
async fn n3_an_address_that_was_never_confirmed_has_no_way_back() {
    let app = TestApp::new().await;
    // Mistyped: this is a stranger's address.
    let alice = app.member("alice").await;
    app.mails().await;
    let token = change_token(&app, &alice, "alice@example.net").await;
    redeem(&app, CHANGE_CONFIRMATION, &token).await.is(204);
    assert!(app.mails().await.is_empty());
    asks_for_a_reset(&app, "alice@example.org").await;
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn p6_a_confirmed_address_is_one_account_s_alone() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    // Registering with it is answered as ever, and only its owner learns of it.
    let body = json!({ "username": "mallory", "email": "Alice@example.org", "password": NEW_PASSWORD });
    let registered = app.guest().post("/accounts", body).await.is(201);
    assert_eq!(registered.body["email"], "Alice@example.org");
    assert_eq!(registered.body["email_verified"], false);
    let mail = app.mail("Alice@example.org", IN_USE).await;
    assert_eq!(mail.find_token(), None);
    assert!(!mail.text.contains("mallory"), "{}", mail.text);
    let mallory = signs_in(&app, "mallory", NEW_PASSWORD).await.is(201).text("/access_token");
    let mallory = app.bearer(&mallory);
    mallory.post("/email-verifications", json!({})).await.is(202);
    app.mail("Alice@example.org", IN_USE).await;
    // The address stands for alice: signing in and resetting.
    signs_in(&app, "alice@example.org", PASSWORD).await.is(201);
    signs_in(&app, "alice@example.org", NEW_PASSWORD).await.is_problem(401, "wrong_credentials");
    asks_for_a_reset(&app, "alice@example.org").await;
    assert!(app.mail("alice@example.org", RESET).await.body.contains("\"alice\""));

    // Asking for it as another address is answered like any other.
    let bob = app.member("bob").await;
    app.mails().await;
    for (email, subject) in [("alice@example.org", IN_USE), ("free@example.org", CONFIRM_NEW)] {
        let reply = bob.post("/me/email", json!({ "email": email, "password": PASSWORD })).await.is(202);
        assert!(reply.bytes.is_empty());
        app.mail(email, subject).await;
    }
    assert_eq!(me(&alice).await, (json!("alice@example.org"), json!(true)));
}

#[tokio::test]
async fn an_address_goes_to_whoever_confirms_it_first() {
    let app = TestApp::new().await;
    register(&app, "alice", "shared@example.org").await;
    let first = app.mail("shared@example.org", CONFIRM).await;
    app.app.clock.advance(TimeDelta::minutes(1));
    register(&app, "mallory", "shared@example.org").await;
    let second = app.mail("shared@example.org", CONFIRM).await;
    // Each mail says which account it is about.
    assert!(first.body.contains("\"alice\"") && second.body.contains("\"mallory\""));
    // While nobody has: the one that claimed it last, for signing in and for resets alike.
    let account = signs_in(&app, "shared@example.org", PASSWORD).await.is(201);
    assert_eq!(account.body["account"]["username"], "mallory");
    asks_for_a_reset(&app, "shared@example.org").await;
    assert!(app.mail("shared@example.org", RESET).await.body.contains("\"mallory\""));

    redeem(&app, CONFIRMATION, &first.token()).await.is(204);
    let account = signs_in(&app, "shared@example.org", PASSWORD).await.is(201);
    assert_eq!(account.body["account"]["username"], "alice");
    asks_for_a_reset(&app, "shared@example.org").await;
    assert!(app.mail("shared@example.org", RESET).await.body.contains("\"alice\""));
    // Too late, and not used up: it may be free again one day.
    redeem(&app, CONFIRMATION, &second.token()).await.is_problem(409, "email_taken");
    redeem(&app, CONFIRMATION, &second.token()).await.is_problem(409, "email_taken");
    app.refuses_sql(
        "account_verified_email_key",
        "UPDATE account SET email_verified_at = now() WHERE username = 'mallory'",
    )
    .await;
    // The account itself goes on.
    signs_in(&app, "mallory", PASSWORD).await.is(201);
}

#[tokio::test]
async fn p6_asking_for_a_reset_is_answered_the_same_whoever_it_is_for() {
    let app = TestApp::new().await;
    confirmed(&app, "alice").await;
    register(&app, "bob", "bob@example.org").await;
    app.mails().await;
    app.sql("UPDATE account SET state = 'deleted' WHERE username = 'bob'").await.unwrap();
    let seen = |reply: &Reply| -> (u16, Vec<(String, String)>, Vec<u8>) {
        let headers = reply.headers.iter().filter(|(name, _)| *name != "x-request-id");
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
        (reply.status, headers.collect(), reply.bytes.clone())
    };
    let mut answers = Vec::new();
    for email in ["alice@example.org", "bob@example.org", "nobody@example.org", "дарья@почта.рф"]
    {
        let reply = app.guest().post("/password-resets", json!({ "email": email })).await.is(202);
        answers.push(seen(&reply));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    // The same rows are written, too; only when nobody waits it is found out who gets one.
    let written =
        app.rows("SELECT kind || ' ' || (account_id IS NULL) FROM mail WHERE finished_at IS NULL").await;
    assert_eq!(written, ["password_reset true"; 4]);
    let mails = app.mails().await;
    assert_eq!(mails.iter().map(|mail| &*mail.to).collect::<Vec<_>>(), ["alice@example.org"]);
    let mut outcomes = app.rows("SELECT outcome FROM mail WHERE kind = 'password_reset'").await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["dropped", "dropped", "dropped", "sent"]);
}

#[tokio::test]
async fn p8_changing_the_password_takes_the_present_one() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let elsewhere = app.sign_in("alice").await;
    let token = change_token(&app, &elsewhere, "mallory@example.org").await;
    asks_for_a_reset(&app, "alice@example.org").await;
    let reset = app.mail("alice@example.org", RESET).await.token();
    let change = |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        let alice = alice.clone();
        async move { alice.put("/me/password", body).await }
    };
    change("not my password, I think", NEW_PASSWORD).await.refuses(&[("current_password", "wrong_password")]);
    change("", NEW_PASSWORD).await.refuses(&[("current_password", "wrong_password")]);
    change(PASSWORD, "too short").await.refuses(&[("new_password", "too_short")]);
    assert_eq!(in_force([&alice, &elsewhere]).await, [true, true]);
    app.guest()
        .put("/me/password", json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD }))
        .await
        .is_problem(401, "unauthenticated");
    assert!(app.mails().await.is_empty());

    change(PASSWORD, NEW_PASSWORD).await.is(204);
    assert_eq!(in_force([&alice, &elsewhere]).await, [true, false]);
    signs_in(&app, "alice", PASSWORD).await.is_problem(401, "wrong_credentials");
    signs_in(&app, "alice", NEW_PASSWORD).await.is(201);
    app.mail("alice@example.org", PASSWORD_CHANGED).await;
    // What was asked for under the old password is taken back.
    redeem(&app, CHANGE_CONFIRMATION, &token).await.is_problem(400, "invalid_email_token");
    redeem(&app, RESET_CONFIRMATION, &reset).await.is_problem(400, "invalid_email_token");
}

#[tokio::test]
async fn p8_of_two_changes_at_once_one_knows_the_password() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let changes: JoinSet<Reply> = (0..6)
        .map(|n| {
            let alice = alice.clone();
            let new = format!("{NEW_PASSWORD} {n}");
            async move {
                alice.put("/me/password", json!({ "current_password": PASSWORD, "new_password": new })).await
            }
        })
        .collect();
    let (made, refused): (Vec<_>, Vec<_>) =
        changes.join_all().await.into_iter().partition(|reply| reply.status == 204);
    assert_eq!(made.len(), 1);
    for reply in refused {
        reply.refuses(&[("current_password", "wrong_password")]);
    }
}

#[tokio::test]
async fn p8_changing_the_address_takes_the_password() {
    let app = TestApp::new().await;
    let alice = confirmed(&app, "alice").await;
    let wrong = json!({ "email": "mallory@example.org", "password": "not my password, I think" });
    alice.post("/me/email", wrong).await.refuses(&[("password", "wrong_password")]);
    let missing = json!({ "email": "mallory@example.org" });
    alice.post("/me/email", missing).await.refuses(&[("password", "missing")]);
    assert!(app.mails().await.is_empty());
    // A request that the password has overtaken before its mail was written.
    let asked = json!({ "email": "mallory@example.org", "password": PASSWORD });
    alice.post("/me/email", asked).await.is(202);
    app.app.clock.advance(TimeDelta::seconds(1));
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    alice.put("/me/password", change).await.is(204);
    let mut told: Vec<_> = app.mails().await.into_iter().map(|mail| mail.subject).collect();
    told.sort_unstable();
    assert_eq!(told, [CHANGE_REQUESTED, PASSWORD_CHANGED]);
}

#[tokio::test]
async fn p8_a_suspended_account_changes_nothing() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    app.suspend("alice").await;
    app.mails().await;
    let password = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    alice.put("/me/password", password).await.is_problem(403, "sanctioned");
    let email = json!({ "email": "alice@example.net", "password": PASSWORD });
    alice.post("/me/email", email).await.is_problem(403, "sanctioned");
    alice.post("/email-verifications", json!({})).await.is_problem(403, "sanctioned");
    assert!(app.mails().await.is_empty());
}

#[tokio::test]
async fn where_it_is_asked_for_only_confirmed_addresses_take_part() {
    let app = TestApp::with("[accounts]\nrequire_verified_email = true").await;
    let alice = confirmed(&app, "alice").await;
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
    let bob = app.member("bob").await;
    let token = app.mail("bob@example.org", CONFIRM).await.token();
    let posts = format!("/topics/{slug}/posts");
    let vote = format!("/posts/{post}/vote");
    bob.post(&posts, json!({ "body": "So." })).await.is_problem(403, "email_not_verified");
    bob.put(&vote, json!({ "quality": 1 })).await.is_problem(403, "email_not_verified");
    bob.post("/topics", json!({ "title": "Had Elizabeth married" }))
        .await
        .is_problem(403, "email_not_verified");
    // Reading, and looking after one's own account, is everybody's.
    bob.get(&format!("/topics/{slug}/thread")).await.is(200);
    bob.patch("/me", json!({ "bio": "Reads." })).await.is(200);
    redeem(&app, CONFIRMATION, &token).await.is(204);
    bob.post(&posts, json!({ "body": "So." })).await.is(201);
    bob.judges(&post, 1).await;
}

#[tokio::test]
async fn r2_the_owner_is_told_of_a_token_used_twice() {
    let app = TestApp::new().await;
    app.member("alice").await;
    app.mails().await;
    let session = signs_in(&app, "alice", PASSWORD).await.is(201);
    let token = json!({ "refresh_token": session.text("/refresh_token") });
    app.guest().post("/sessions/refresh", token.clone()).await.is(200);
    assert!(app.mails().await.is_empty());
    app.app.clock.advance(TimeDelta::seconds(11));
    app.guest().post("/sessions/refresh", token).await.is_problem(401, "invalid_refresh_token");
    app.mail("alice@example.org", SESSION_ENDED).await;
}

#[tokio::test]
async fn n5_a_name_that_looks_like_a_site_is_not_linked() {
    let app = TestApp::new().await;
    register(&app, "evil.com", "alice@example.org").await;
    let mail = app.mail("alice@example.org", CONFIRM).await;
    assert!(mail.body.contains("\"evil[.]com\"") && !mail.text.contains("evil.com"), "{}", mail.text);
    assert!(mail.text.contains("Content-Type: text/plain; charset=utf-8"), "{}", mail.text);
    for email in [
        "alice@example.org\r\nBcc: bob@example.org",
        "alice@example.org\nBcc: bob@example.org",
        "alice@example.org, bob@example.org",
        "alice@example.org\u{2028}Bcc: bob@example.org",
    ] {
        let body = json!({ "email": email });
        app.guest().post("/password-resets", body).await.refuses(&[("email", "malformed_email")]);
    }
}

#[tokio::test]
async fn b7_what_changes_credentials_is_read_strictly() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    for (path, good) in [
        ("/password-resets", json!({ "email": "alice@example.org" })),
        (RESET_CONFIRMATION, json!({ "token": "x", "password": NEW_PASSWORD })),
        (CONFIRMATION, json!({ "token": "x" })),
        (CHANGE_CONFIRMATION, json!({ "token": "x" })),
        (REVERSION, json!({ "token": "x" })),
        ("/me/email", json!({ "email": "alice@example.net", "password": PASSWORD })),
    ] {
        for field in good.as_object().unwrap().keys() {
            let mut body = good.clone();
            body.as_object_mut().unwrap().remove(field);
            alice.post(path, body).await.refuses(&[(field, "missing")]);
            let mut body = good.clone();
            body[field] = json!([1]);
            alice.post(path, body).await.refuses(&[(field, "wrong_type")]);
        }
        let mut body = good.clone();
        body["account_id"] = "x".into();
        alice.post(path, body).await.refuses(&[("account_id", "unknown_field")]);
    }
}
