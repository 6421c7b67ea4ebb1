//! Second factors: authenticator apps and recovery codes, at signing in and for what moderators may do.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use axum::http::Method;
use chrono::TimeDelta;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use expect_test::expect;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::builders::open_topic;
use crate::support::mails::{Mail, RESET};
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// Powers take a second factor.
const STRICT: &str = "[auth]\nrequire_second_factor_for_staff = true\n";

/// Limits that no test here reaches but the one it is about.
const COUNTED: &str = "[rate_limits]\nenabled = true\nwrite_per_minute = 1000000\nread_per_minute = 1000000\n\
                       sign_in_per_address = 1000000\nsign_in_per_account = 1000000\n";

/// The code of a secret so many steps of 30 seconds from now, as RFC 6238 says.
pub fn code(app: &TestApp, secret: &str, steps: i64) -> String {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let step = app.app.now().timestamp() / 30 + steps;
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let at = usize::from(mac[19] & 15);
    let number = u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// A code that is not good now.
pub fn wrong_code(app: &TestApp, secret: &str) -> String {
    let good = [-1, 0, 1].map(|steps| code(app, secret, steps));
    (0..4).map(|number| format!("{number:06}")).find(|code| !good.contains(code)).unwrap()
}

/// What somebody has besides their password.
pub struct Factor {
    pub secret: String,
    pub recovery_codes: Vec<String>,
}

/// Adds a second factor, and waits until its next code.
pub async fn adds_factor(client: &Client) -> Factor {
    let app = &client.server;
    let secret = client.post("/me/totp", json!({})).await.is(201).text("/secret");
    let confirmed =
        client.post("/me/totp/confirmation", json!({ "code": code(app, &secret, 0) })).await.is(200);
    let recovery_codes = serde_json::from_value(confirmed.body["recovery_codes"].clone()).unwrap();
    app.app.clock.advance(TimeDelta::seconds(30));
    Factor { secret, recovery_codes }
}

fn credentials(login: &str, proof: Value) -> Value {
    let mut credentials = json!({ "login": login, "password": PASSWORD });
    credentials.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
    credentials
}

async fn signs_in(app: &TestApp, login: &str, proof: Value) -> Reply {
    app.guest().post("/sessions", credentials(login, proof)).await
}

async fn session(app: &TestApp, login: &str, proof: Value) -> Client {
    app.bearer(&signs_in(app, login, proof).await.is(201).text("/access_token"))
}

/// What became of the same request sent so many times at once.
async fn at_once(app: &TestApp, times: usize, body: &Value) -> BTreeMap<(u16, String), usize> {
    let mut asking = JoinSet::new();
    for _ in 0..times {
        let (guest, body) = (app.guest(), body.clone());
        asking.spawn(async move { guest.post("/sessions", body).await });
    }
    let mut answers = BTreeMap::new();
    for reply in asking.join_all().await {
        let code = reply.body["code"].as_str().unwrap_or_default().to_owned();
        *answers.entry((reply.status, code)).or_default() += 1;
    }
    answers
}

fn one_of(times: usize) -> BTreeMap<(u16, String), usize> {
    BTreeMap::from([((201, String::new()), 1), ((401, "wrong_second_factor".to_owned()), times - 1)])
}

#[test]
fn m1_these_tests_compute_codes_as_rfc_6238_does() {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345678901234567890");
    // Appendix B, the first row, and RFC 4226, appendix D.
    let mac = hmac::sign(&key, &1_i64.to_be_bytes());
    assert_eq!(HEXLOWER.encode(mac.as_ref()), "75a48a19d4cbe100644e8ac1397eea747a2d33ab");
}

#[tokio::test]
async fn m1_an_app_counts_when_it_is_confirmed() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let beside = app.sign_in("alice").await;
    assert_eq!(
        alice.get("/me/factors").await.is(200).body,
        json!({ "totp": null, "passkeys": [], "recovery_codes_left": 0 })
    );
    alice.post("/me/totp/confirmation", json!({ "code": "123456" })).await.is_problem(404, "not_found");
    let first = alice.post("/me/totp", json!({})).await.is(201);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let second = alice.post("/me/totp", json!({})).await.is(201);
    let secret = second.text("/secret");
    assert_ne!(first.text("/secret"), secret);
    assert_eq!(BASE32_NOPAD.decode(secret.as_bytes()).unwrap().len(), 20);
    assert_eq!(
        second.text("/otpauth_url"),
        format!("otpauth://totp/Otherwise:alice?secret={secret}&issuer=Otherwise")
    );
    // It does not count yet, and the former secret does no more.
    signs_in(&app, "alice", json!({})).await.is(201);
    let former = json!({ "code": code(&app, &first.text("/secret"), 0) });
    if former["code"] != code(&app, &secret, 0) {
        alice.post("/me/totp/confirmation", former).await.refuses(&[("code", "wrong_code")]);
    }
    let right = json!({ "code": code(&app, &secret, 0) });
    let confirmed = alice.post("/me/totp/confirmation", right.clone()).await.is(200);
    assert_eq!(confirmed.header("cache-control"), Some("no-store"));
    assert_eq!(
        alice.get("/me/factors").await.is(200).body,
        json!({ "totp": { "confirmed_at": "2026-01-15T12:00:00Z" }, "passkeys": [], "recovery_codes_left": 10 })
    );
    alice.post("/me/totp/confirmation", right.clone()).await.is_problem(409, "second_factor_exists");
    alice.post("/me/totp", json!({})).await.is_problem(409, "second_factor_exists");
    // Other sessions have ended, and the password alone begins none.
    beside.get("/me").await.is_problem(401, "invalid_token");
    signs_in(&app, "alice", json!({})).await.is_problem(401, "second_factor_required");
    // The code that confirmed was used by that.
    let used = json!({ "totp_code": right["code"] });
    signs_in(&app, "alice", used).await.is_problem(401, "wrong_second_factor");
    app.app.clock.advance(TimeDelta::seconds(30));
    signs_in(&app, "alice", json!({ "totp_code": code(&app, &secret, 0) })).await.is(201);
    let told: Vec<Mail> = app.mails().await;
    assert!(told.iter().any(|mail| mail.subject == "A second factor was added"), "{told:#?}");
    // Who has none is not asked, and nothing is looked at.
    app.member("bob").await;
    signs_in(&app, "bob", json!({ "totp_code": "123456" })).await.is(201);
    // Wrong passwords are answered as ever.
    for body in
        [json!({ "login": "alice", "password": "wrong" }), json!({ "login": "nobody", "password": "x" })]
    {
        app.guest().post("/sessions", body).await.is_problem(401, "wrong_credentials");
    }
    let both = json!({ "totp_code": "123456", "recovery_code": "x" });
    signs_in(&app, "alice", both).await.refuses(&[("recovery_code", "ambiguous")]);
}

#[tokio::test]
async fn m1_codes_are_good_one_step_before_and_after_and_once() {
    let app = TestApp::new().await;
    let factor = adds_factor(&app.member("alice").await).await;
    app.app.clock.advance(TimeDelta::minutes(5));
    let with = |steps| json!({ "totp_code": code(&app, &factor.secret, steps) });
    for steps in [-2, 2] {
        signs_in(&app, "alice", with(steps)).await.is_problem(401, "wrong_second_factor");
    }
    for steps in [-1, 0, 1] {
        signs_in(&app, "alice", with(steps)).await.is(201);
        signs_in(&app, "alice", with(steps)).await.is_problem(401, "wrong_second_factor");
    }
    // Nor is an earlier one good after a later one.
    app.app.clock.advance(TimeDelta::minutes(5));
    signs_in(&app, "alice", with(1)).await.is(201);
    signs_in(&app, "alice", with(0)).await.is_problem(401, "wrong_second_factor");
}

#[tokio::test]
async fn m1_of_many_uses_of_a_code_at_once_one_succeeds() {
    let app = TestApp::new().await;
    let factor = adds_factor(&app.member("alice").await).await;
    let body = credentials("alice", json!({ "totp_code": code(&app, &factor.secret, 0) }));
    assert_eq!(at_once(&app, 12, &body).await, one_of(12));
    // Whoever repeats a sign-in whose answer was lost gets that answer, not a second session.
    app.app.clock.advance(TimeDelta::seconds(30));
    let keyed = app.guest().with("idempotency-key", "a-key-of-alice");
    let body = credentials("alice", json!({ "totp_code": code(&app, &factor.secret, 0) }));
    let first = keyed.post("/sessions", body.clone()).await.is(201);
    assert_eq!(keyed.post("/sessions", body).await.is(201).bytes, first.bytes);
}

#[tokio::test]
async fn m1_nothing_of_a_factor_stands_in_the_database_in_clear() {
    let app = TestApp::new().await;
    let factor = adds_factor(&app.member("alice").await).await;
    let used = &factor.recovery_codes[0];
    signs_in(&app, "alice", json!({ "recovery_code": used })).await.is(201);
    let mut kept = String::new();
    for table in ["totp_factor", "recovery_code", "session", "event", "audit_log", "mail", "account"] {
        kept += &app.rows(&format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")).await[0];
    }
    assert!(kept.contains("alice") && kept.contains("factor_added"), "{kept}");
    let secret = BASE32_NOPAD.decode(factor.secret.as_bytes()).unwrap();
    let compact = used.replace('-', "").to_uppercase();
    let recovery = BASE32_NOPAD.decode(compact.as_bytes()).unwrap();
    for clear in [
        factor.secret.clone(),
        HEXLOWER.encode(&secret),
        HEXLOWER.encode(factor.secret.as_bytes()),
        used.clone(),
        compact,
        HEXLOWER.encode(&recovery),
        HEXLOWER.encode(used.as_bytes()),
    ] {
        assert!(!kept.to_lowercase().contains(&clear.to_lowercase()), "{clear} in {kept}");
    }
}

#[tokio::test]
async fn m2_ten_recovery_codes_each_good_once() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let Factor { secret, recovery_codes } = adds_factor(&alice).await;
    let mut different = recovery_codes.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 10);
    for code in &recovery_codes {
        // 16 characters of base 32 hold 80 bits.
        let compact = code.replace('-', "").to_uppercase();
        assert_eq!(BASE32_NOPAD.decode(compact.as_bytes()).unwrap().len() * 8, 80, "{code}");
    }
    let typed = recovery_codes[0].to_uppercase().replace('-', " ");
    signs_in(&app, "alice", json!({ "recovery_code": typed })).await.is(201);
    let used = json!({ "recovery_code": recovery_codes[0] });
    signs_in(&app, "alice", used.clone()).await.is_problem(401, "wrong_second_factor");
    app.mail("alice@example.org", "A recovery code was used").await;
    assert_eq!(alice.get("/me/factors").await.body["recovery_codes_left"], 9);
    let body = credentials("alice", json!({ "recovery_code": recovery_codes[1] }));
    assert_eq!(at_once(&app, 12, &body).await, one_of(12));
    // One's own codes are of no use to others.
    let bob = app.member("bob").await;
    adds_factor(&bob).await;
    let of_alice = json!({ "recovery_code": recovery_codes[2] });
    signs_in(&app, "bob", of_alice.clone()).await.is_problem(401, "wrong_second_factor");

    // New ones kill the old ones.
    alice.post("/me/recovery-codes", json!({})).await.is_problem(403, "second_factor_needed");
    alice.post("/me/recovery-codes", used).await.is_problem(401, "wrong_second_factor");
    let new = alice.post("/me/recovery-codes", json!({ "totp_code": code(&app, &secret, 0) })).await.is(200);
    assert_eq!(new.body["recovery_codes"].as_array().unwrap().len(), 10);
    signs_in(&app, "alice", of_alice).await.is_problem(401, "wrong_second_factor");
    signs_in(&app, "alice", json!({ "recovery_code": new.body["recovery_codes"][0] })).await.is(201);
    app.mails().await.iter().find(|mail| mail.subject == "Your recovery codes were replaced").unwrap();
}

async fn edits(who: &Client, topic: &str) -> Reply {
    let body = json!({ "horizon_reason": "Her death." }).to_string().into();
    who.with("if-match", "*").send(Method::PATCH, &format!("/topics/{topic}"), Some(body)).await
}

async fn makes_token(who: &Client) -> Reply {
    let scopes = ["read", "post", "moderate"];
    who.post("/me/tokens", json!({ "name": "x", "scopes": scopes, "expires_at": "2026-02-15T12:00:00Z" }))
        .await
}

#[tokio::test]
async fn m4_powers_are_of_use_with_a_second_factor_only() {
    let app = TestApp::with(STRICT).await;
    let bob = app.member("bob").await;
    bob.post("/topics", open_topic("Had the Armada landed in Kent")).await.is(201);
    let mut draft = open_topic("Had the Armada turned back");
    draft["status"] = json!("draft");
    draft["slug"] = json!("a-draft");
    bob.post("/topics", draft).await.is(201);
    let open = bob.get("/topics").await.text("/items/0/slug");
    let carol = app.administrator("carol").await;
    let grant = json!({ "role": "moderator", "scope": { "kind": "site" }, "reason": "Asked for." });

    // Without one an administrator is a member, who is told what is missing where that is all that is.
    edits(&carol, &open).await.is_problem(403, "second_factor_needed");
    carol.post("/accounts/bob/role-grants", grant.clone()).await.is_problem(403, "second_factor_needed");
    carol.get("/accounts/bob/role-grants").await.is_problem(403, "second_factor_needed");
    makes_token(&carol).await.is_problem(403, "second_factor_needed");
    carol.get("/topics/a-draft").await.is_problem(404, "not_found");
    edits(&carol, "a-draft").await.is_problem(404, "not_found");
    let dora = app.administrator("dora").await;
    let of_dora = dora.get("/accounts/dora/role-grants").await.is(200).text("/items/0/id");
    let of_dora = format!("/role-grants/{of_dora}");
    carol.get(&of_dora).await.is_problem(403, "second_factor_needed");
    carol.delete(&of_dora).await.is_problem(403, "second_factor_needed");
    bob.get(&of_dora).await.is_problem(404, "not_found");
    edits(&app.member("emil").await, &open).await.is_problem(403, "not_your_topic");
    carol.post("/topics", open_topic("Had Elizabeth married")).await.is(201);

    // With one they have what they were granted, at once and in sessions that begin with it.
    let Factor { secret, recovery_codes } = adds_factor(&carol).await;
    edits(&carol, &open).await.is(200);
    carol.get("/topics/a-draft").await.is(200);
    carol.post("/accounts/bob/role-grants", grant).await.is(201);
    let token = app.bearer(&makes_token(&carol).await.is(201).text("/token"));
    edits(&token, &open).await.is(200);
    let began = signs_in(&app, "carol", json!({ "totp_code": code(&app, &secret, 0) })).await.is(201);
    edits(&app.bearer(&began.text("/access_token")), &open).await.is(200);
    let refresh = json!({ "refresh_token": began.text("/refresh_token") });
    let refreshed = app.guest().post("/sessions/refresh", refresh).await.is(200);
    edits(&app.bearer(&refreshed.text("/access_token")), &open).await.is(200);
    // Bob, who was made a moderator, still has none.
    edits(&bob, &open).await.is_problem(403, "second_factor_needed");

    // Without it again, nothing that was begun with it has them.
    let proof = json!({ "recovery_code": recovery_codes[0] });
    carol.post("/me/totp/removal", proof).await.is(204);
    edits(&carol, &open).await.is_problem(403, "second_factor_needed");
    edits(&token, &open).await.is_problem(403, "second_factor_needed");
}

#[tokio::test]
async fn m4_a_token_from_before_a_second_factor_has_no_powers() {
    let app = TestApp::new().await;
    let slug = app.member("bob").await.opens_topic("Had the Armada landed in Kent").await;
    let carol = app.administrator("carol").await;
    let token = makes_token(&carol).await.is(201).text("/token");
    edits(&app.bearer(&token), &slug).await.is(200);
    let strict = app.another(STRICT).await;
    edits(&strict.bearer(&token), &slug).await.is_problem(403, "second_factor_needed");
}

#[tokio::test]
async fn m5_removing_a_factor_takes_a_factor() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let removal = "/me/totp/removal";
    alice.post(removal, json!({ "totp_code": "123456" })).await.is_problem(404, "not_found");
    let Factor { secret, recovery_codes } = adds_factor(&alice).await;
    alice.post(removal, json!({})).await.is_problem(403, "second_factor_needed");
    alice.post(removal, json!({ "password": PASSWORD })).await.is(422);
    let wrong = json!({ "totp_code": wrong_code(&app, &secret) });
    alice.post(removal, wrong.clone()).await.is_problem(401, "wrong_second_factor");
    signs_in(&app, "alice", json!({})).await.is_problem(401, "second_factor_required");

    // A session that is not fresh any more proves who it is with both.
    app.app.clock.advance(TimeDelta::minutes(9));
    let began = signs_in(&app, "alice", json!({ "totp_code": code(&app, &secret, 0) })).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(11));
    let refresh = json!({ "refresh_token": began.text("/refresh_token") });
    let refreshed = app.guest().post("/sessions/refresh", refresh).await.is(200);
    let old = app.bearer(&refreshed.text("/access_token"));
    let right = json!({ "recovery_code": recovery_codes[0] });
    old.post(removal, right.clone()).await.is_problem(403, "step_up_required");
    let again = "/sessions/current/reauthentication";
    old.post(again, json!({ "password": PASSWORD })).await.is_problem(401, "second_factor_required");
    let mut proof = wrong;
    proof["password"] = json!(PASSWORD);
    proof["totp_code"] = json!(wrong_code(&app, &secret));
    old.post(again, proof.clone()).await.is_problem(401, "wrong_second_factor");
    old.post(removal, right.clone()).await.is_problem(403, "step_up_required");
    proof["totp_code"] = json!(code(&app, &secret, 0));
    old.post(again, proof).await.is(204);
    let beside = session(&app, "alice", json!({ "recovery_code": recovery_codes[1] })).await;
    old.post(removal, right).await.is(204);
    beside.get("/me").await.is_problem(401, "invalid_token");
    assert_eq!(
        old.get("/me/factors").await.body,
        json!({ "totp": null, "passkeys": [], "recovery_codes_left": 0 })
    );
    signs_in(&app, "alice", json!({})).await.is(201);
    app.mails().await.iter().find(|mail| mail.subject == "A second factor was removed").unwrap();
    let recorded = app
        .rows(
            "SELECT format('%s %s %s', verb, outcome, data) FROM audit_log
             WHERE verb <> 'register' AND data::text NOT LIKE '%method%' ORDER BY seq",
        )
        .await;
    expect![[r#"
        sign_in done {}
        add_factor done {}
        remove_factors refused {"second_factor": "totp"}
        sign_in refused {"second_factor": "missing"}
        sign_in done {"second_factor": "totp"}
        reauthenticate refused {"second_factor": "missing"}
        reauthenticate refused {"second_factor": "totp"}
        reauthenticate done {"second_factor": "totp"}
        sign_in done {"second_factor": "recovery_code"}
        remove_factors done {"second_factor": "recovery_code"}
        sign_in done {}
    "#]]
    .assert_eq(&format!("{}\n", recorded.join("\n")));
}

#[tokio::test]
async fn m5_guesses_at_password_and_code_share_one_count() {
    let app = TestApp::with(COUNTED).await;
    let Factor { secret, recovery_codes } = adds_factor(&app.member("alice").await).await;
    for i in 0..50 {
        app.app.clock.advance(TimeDelta::minutes(16));
        let reply = if i % 2 == 0 {
            signs_in(&app, "alice", json!({ "totp_code": wrong_code(&app, &secret) })).await
        } else {
            app.guest().post("/sessions", json!({ "login": "alice", "password": "wrong" })).await
        };
        reply.is_problem(401, if i % 2 == 0 { "wrong_second_factor" } else { "wrong_credentials" });
    }
    app.app.clock.advance(TimeDelta::minutes(16));
    let right = json!({ "totp_code": code(&app, &secret, 0) });
    signs_in(&app, "alice", right.clone()).await.is_problem(403, "password_locked");
    // Refused before anything was looked at: the code is as good as it was.
    let by_mail =
        json!({ "login": "alice@example.org", "password": PASSWORD, "totp_code": right["totp_code"] });
    app.guest().post("/sessions", by_mail).await.is(201);
    let recovery = json!({ "recovery_code": recovery_codes[0] });
    signs_in(&app, "alice", recovery).await.is_problem(403, "password_locked");
}

#[tokio::test]
async fn m5_one_factor_alone_does_not_clear_the_count() {
    let app = TestApp::with(&format!("{COUNTED}sign_in_failures = 4\n")).await;
    let alice = app.member("alice").await;
    let Factor { secret, recovery_codes } = adds_factor(&alice).await;
    let wrong = || json!({ "totp_code": wrong_code(&app, &secret) });
    signs_in(&app, "alice", wrong()).await.is_problem(401, "wrong_second_factor");
    alice.post("/me/totp/removal", wrong()).await.is_problem(401, "wrong_second_factor");
    // The password alone, and the code alone.
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    alice.put("/me/password", change.clone()).await.is(204);
    alice.post("/me/recovery-codes", json!({ "recovery_code": recovery_codes[0] })).await.is(200);
    signs_in(&app, "alice", wrong()).await.is_problem(401, "wrong_second_factor");
    signs_in(&app, "alice", json!({})).await.is_problem(401, "second_factor_required");
    let right = json!({ "totp_code": code(&app, &secret, 0) });
    signs_in(&app, "alice", right.clone()).await.is_problem(403, "password_locked");
    alice.put("/me/password", change).await.is_problem(403, "password_locked");
    alice.post("/me/totp/removal", right).await.is_problem(403, "password_locked");
}

#[tokio::test]
async fn m5_both_factors_together_clear_the_count() {
    let app = TestApp::with(&format!("{COUNTED}sign_in_failures = 3\n")).await;
    let Factor { secret, .. } = adds_factor(&app.member("alice").await).await;
    for _ in 0..2 {
        for _ in 0..2 {
            signs_in(&app, "alice", json!({ "totp_code": wrong_code(&app, &secret) })).await.is(401);
        }
        signs_in(&app, "alice", json!({ "totp_code": code(&app, &secret, 0) })).await.is(201);
        app.app.clock.advance(TimeDelta::seconds(30));
    }
}

#[tokio::test]
async fn n3_a_reset_does_not_skip_the_second_factor() {
    let app = TestApp::new().await;
    let Factor { secret, .. } = adds_factor(&app.member("alice").await).await;
    app.guest().post("/password-resets", json!({ "email": "alice@example.org" })).await.is(202);
    let token = app.mail("alice@example.org", RESET).await.token();
    let new = "a wholly different passphrase";
    let reset = json!({ "token": token, "password": new });
    app.guest().post("/password-resets/confirmation", reset).await.is(204);
    let mut body = json!({ "login": "alice", "password": new });
    app.guest().post("/sessions", body.clone()).await.is_problem(401, "second_factor_required");
    body["totp_code"] = json!(code(&app, &secret, 0));
    app.guest().post("/sessions", body).await.is(201);
}

#[tokio::test]
async fn m5_the_operator_helps_whoever_lost_both() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let remove = async || otherwise::auth::remove_by_operator(&app.app, "alice").await;
    assert_eq!(remove().await.unwrap_err().detail, "alice has no second factor.");
    adds_factor(&alice).await;
    remove().await.unwrap();
    signs_in(&app, "alice", json!({})).await.is(201);
    app.mails().await.iter().find(|mail| mail.subject == "A second factor was removed").unwrap();
    let recorded = app.rows("SELECT format('%s %s', coalesce(actor_id::text, 'nobody'), outcome) FROM audit_log WHERE verb = 'remove_factors'").await;
    assert_eq!(recorded, ["nobody done"]);
}

#[tokio::test]
async fn p8_factors_are_changed_by_a_session_and_a_fresh_one() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let token = app.bearer(&makes_token(&alice).await.is(201).text("/token"));
    token.get("/me/factors").await.is_problem(403, "session_required");
    let began = signs_in(&app, "alice", json!({})).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(11));
    let refresh = json!({ "refresh_token": began.text("/refresh_token") });
    let refreshed = app.guest().post("/sessions/refresh", refresh).await.is(200);
    let old = app.bearer(&refreshed.text("/access_token"));
    for (path, body) in [
        ("/me/totp", json!({})),
        ("/me/totp/confirmation", json!({ "code": "123456" })),
        ("/me/totp/removal", json!({ "totp_code": "123456" })),
        ("/me/recovery-codes", json!({ "totp_code": "123456" })),
    ] {
        token.post(path, body.clone()).await.is_problem(403, "session_required");
        old.post(path, body).await.is_problem(403, "step_up_required");
    }
    old.get("/me/factors").await.is(200);
}
