//! Passkeys, made and shown by a real authenticator: the one that Chromium has for tests.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::browser::{Browser, page};
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// A server whose passkeys are good on one page, and a browser there.
async fn start() -> (TestApp, Browser, String) {
    start_with("").await
}

async fn start_with(settings: &str) -> (TestApp, Browser, String) {
    let page = page().await;
    let app =
        TestApp::with(&format!("[passkeys]\nrp_id = 'localhost'\norigins = ['{page}']\n{settings}")).await;
    let browser = Browser::open(&page).await;
    (app, browser, page)
}

/// A passkey made in answer to a challenge, as the client sends it.
async fn made(browser: &Browser, client: &Client, name: &str) -> Value {
    let asked = client.post("/me/passkey-challenges", json!({})).await.is(200);
    let credential = browser.makes(&asked.body["options"]).await.unwrap();
    json!({ "name": name, "challenge": asked.body["challenge"], "credential": credential })
}

async fn adds(browser: &Browser, client: &Client, name: &str) -> Reply {
    client.post("/me/passkeys", made(browser, client, name).await).await.is(201)
}

/// A passkey shown in answer to a challenge, as the client sends it.
async fn shown(browser: &Browser, app: &TestApp) -> Value {
    let asked = app.guest().post("/passkey-challenges", json!({})).await.is(200);
    let credential = browser.shows(&asked.body["options"]).await.unwrap();
    json!({ "challenge": asked.body["challenge"], "credential": credential })
}

async fn signs_in(app: &TestApp, assertion: &Value) -> Reply {
    app.guest().post("/sessions/by-passkey", assertion.clone()).await
}

async fn with_password(app: &TestApp, login: &str, proof: Value) -> Reply {
    let mut credentials = json!({ "login": login, "password": PASSWORD });
    credentials.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
    app.guest().post("/sessions", credentials).await
}

#[tokio::test]
async fn m3_a_passkey_signs_in_without_a_password() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    let beside = app.sign_in("alice").await;
    app.mails().await;
    let asked = alice.post("/me/passkey-challenges", json!({})).await.is(200);
    assert_eq!(asked.header("cache-control"), Some("no-store"));
    assert_eq!(asked.body["expires_at"], "2026-01-15T12:05:00Z");
    let mut options = asked.body["options"].clone();
    options["challenge"] = json!("…");
    expect![[r#"
        {
          "attestation": "none",
          "authenticatorSelection": {
            "requireResidentKey": true,
            "residentKey": "required",
            "userVerification": "required"
          },
          "challenge": "…",
          "excludeCredentials": [],
          "extensions": {
            "credProps": true,
            "credentialProtectionPolicy": "userVerificationRequired",
            "enforceCredentialProtectionPolicy": false,
            "uvm": true
          },
          "pubKeyCredParams": [
            {
              "alg": -7,
              "type": "public-key"
            },
            {
              "alg": -35,
              "type": "public-key"
            },
            {
              "alg": -257,
              "type": "public-key"
            }
          ],
          "rp": {
            "id": "localhost",
            "name": "Otherwise"
          },
          "timeout": 300000,
          "user": {
            "displayName": "alice",
            "id": "AAAAAAAAcACAAAAAAAAAAQ",
            "name": "alice"
          }
        }
    "#]]
    .assert_eq(&format!("{options:#}\n"));
    let added = adds(&browser, &alice, "My telephone").await;
    let mut body = added.body.clone();
    assert_eq!(body["recovery_codes"].as_array().unwrap().len(), 10);
    body["recovery_codes"] = json!("…");
    expect![[r#"
        {
          "created_at": "2026-01-15T12:00:00Z",
          "id": "00000000-0000-7000-8000-000000000004",
          "last_used_at": null,
          "name": "My telephone",
          "recovery_codes": "…"
        }
    "#]]
    .assert_eq(&format!("{body:#}\n"));
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "A passkey was added");
    beside.get("/me").await.is_problem(401, "invalid_token");

    app.app.clock.advance(TimeDelta::minutes(1));
    let asked = app.guest().post("/passkey-challenges", json!({})).await.is(200);
    let mut options = asked.body["options"].clone();
    options["challenge"] = json!("…");
    expect![[r#"
        {
          "allowCredentials": [],
          "challenge": "…",
          "extensions": {
            "uvm": true
          },
          "rpId": "localhost",
          "timeout": 300000,
          "userVerification": "required"
        }
    "#]]
    .assert_eq(&format!("{options:#}\n"));
    let session = signs_in(&app, &shown(&browser, &app).await).await.is(201);
    assert_eq!(session.text("/account/username"), "alice");
    assert_eq!(session.header("cache-control"), Some("no-store"));
    let phone = app.bearer(&session.text("/access_token"));
    phone.get("/me").await.is(200);
    phone.get("/me/factors").await.is(200).matches(expect![[r#"
        {
          "passkeys": [
            {
              "created_at": "2026-01-15T12:00:00Z",
              "id": "00000000-0000-7000-8000-000000000004",
              "last_used_at": "2026-01-15T12:01:00Z",
              "name": "My telephone"
            }
          ],
          "recovery_codes_left": 10,
          "totp": null
        }
    "#]]);
}

#[tokio::test]
async fn m3_beside_a_password_a_passkey_is_a_second_factor() {
    let (app, browser, _) = start_with("[auth]\nrequire_second_factor_for_staff = true\n").await;
    let carol = app.administrator("carol").await;
    let grant = json!({ "role": "moderator", "scope": { "kind": "site" }, "reason": "Asked for." });
    app.member("bob").await;
    carol.post("/accounts/bob/role-grants", grant.clone()).await.is_problem(403, "second_factor_needed");
    adds(&browser, &carol, "Key").await;
    // The session that made it showed it.
    carol.post("/accounts/bob/role-grants", grant.clone()).await.is(201);
    with_password(&app, "carol", json!({})).await.is_problem(401, "second_factor_required");
    let proof = json!({ "passkey": shown(&browser, &app).await });
    let session = with_password(&app, "carol", proof.clone()).await.is(201);
    app.bearer(&session.text("/access_token")).post("/accounts/bob/role-grants", grant).await.is(201);
    // Once.
    with_password(&app, "carol", proof).await.is_problem(401, "wrong_second_factor");
    let wrong = json!({ "login": "carol", "password": "not the password at all", "passkey": shown(&browser, &app).await });
    app.guest().post("/sessions", wrong).await.is_problem(401, "wrong_credentials");
    // One proof is enough, and two are not better.
    let both = json!({ "passkey": shown(&browser, &app).await, "totp_code": "123456" });
    with_password(&app, "carol", both).await.refuses(&[("passkey", "ambiguous")]);
    // Another one's passkey is none of hers.
    let bob = app.sign_in("bob").await;
    let mut browser = browser;
    browser.plug_in(true).await;
    adds(&browser, &bob, "Key").await;
    let proof = json!({ "passkey": shown(&browser, &app).await });
    with_password(&app, "carol", proof).await.is_problem(401, "wrong_second_factor");
}

#[tokio::test]
async fn m3_a_passkey_proves_again_who_asks() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    adds(&browser, &alice, "Key").await;
    app.app.clock.advance(TimeDelta::minutes(11));
    let session =
        app.bearer(&signs_in(&app, &shown(&browser, &app).await).await.is(201).text("/access_token"));
    app.app.clock.advance(TimeDelta::minutes(11));
    // By then the access token is too old as well.
    session.get("/me").await.is_problem(401, "invalid_token");
    let signed_in = signs_in(&app, &shown(&browser, &app).await).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(8));
    let refreshed = app
        .guest()
        .post("/sessions/refresh", json!({ "refresh_token": signed_in.body["refresh_token"] }))
        .await
        .is(200);
    let session = app.bearer(&refreshed.text("/access_token"));
    app.app.clock.advance(TimeDelta::minutes(3));
    session.post("/me/totp", json!({})).await.is_problem(403, "step_up_required");
    let path = "/sessions/current/reauthentication";
    session.post(path, json!({})).await.refuses(&[("password", "missing")]);
    session.post(path, json!({ "totp_code": "123456" })).await.refuses(&[("password", "missing")]);
    session.post(path, json!({ "password": PASSWORD })).await.is_problem(401, "second_factor_required");
    let proof = json!({ "passkey": shown(&browser, &app).await });
    session.post(path, proof.clone()).await.is(204);
    session.post("/me/totp", json!({})).await.is(201);
    session.post(path, proof).await.is_problem(401, "wrong_second_factor");
}

#[tokio::test]
async fn m3_an_answer_is_good_once_in_time_and_for_what_was_asked() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    // A passkey that was made for somebody is not another one's.
    let new = made(&browser, &alice, "Key").await;
    bob.post("/me/passkeys", new.clone()).await.refuses(&[("challenge", "stale")]);
    alice.post("/me/passkeys", new.clone()).await.is(201);
    alice.post("/me/passkeys", new).await.refuses(&[("challenge", "stale")]);
    // Challenges are not good for each other.
    let made_for = alice.post("/me/passkey-challenges", json!({})).await.is(200);
    let mut crossed = shown(&browser, &app).await;
    crossed["challenge"] = made_for.body["challenge"].clone();
    signs_in(&app, &crossed).await.is_problem(401, "invalid_passkey");
    // Nor is the answer to one good for another.
    let (first, mut second) = (shown(&browser, &app).await, shown(&browser, &app).await);
    second["challenge"] = first["challenge"].clone();
    signs_in(&app, &second).await.is_problem(401, "invalid_passkey");
    // Twenty times at once it signs in once.
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let (app, first) = (app.clone(), first.clone());
        asking.spawn(async move { signs_in(&app, &first).await.status });
    }
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    for status in asking.join_all().await {
        *answers.entry(status).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([(201, 1), (401, 19)]));
    // Five minutes, and not a second more.
    let late = shown(&browser, &app).await;
    let in_time = shown(&browser, &app).await;
    app.app.clock.advance(TimeDelta::seconds(299));
    signs_in(&app, &in_time).await.is(201);
    app.app.clock.advance(TimeDelta::seconds(1));
    signs_in(&app, &late).await.is_problem(401, "invalid_passkey");
    // What was answered is forgotten when it could not be answered again.
    assert_eq!(app.rows("SELECT count(*)::text FROM used_challenge").await, ["3"]);
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows("SELECT count(*)::text FROM used_challenge").await, ["0"]);
    app.app.clock.advance(TimeDelta::seconds(1));
    signs_in(&app, &in_time).await.is_problem(401, "invalid_passkey");
}

#[tokio::test]
async fn m3_pages_of_other_origins_get_nowhere() {
    let (app, browser, home) = start().await;
    let alice = app.member("alice").await;
    let elsewhere = page().await;
    browser.goes_to(&elsewhere).await;
    let new = made(&browser, &alice, "Key").await;
    alice.post("/me/passkeys", new).await.refuses(&[("credential", "not_verified")]);
    browser.goes_to(&home).await;
    adds(&browser, &alice, "Key").await;
    browser.goes_to(&elsewhere).await;
    let assertion = shown(&browser, &app).await;
    signs_in(&app, &assertion).await.is_problem(401, "invalid_passkey");
    browser.goes_to(&home).await;
    signs_in(&app, &shown(&browser, &app).await).await.is(201);
    // Another site's passkeys do not even come into question: the browser asks for this domain's only.
    let asked = app.guest().post("/passkey-challenges", json!({})).await.is(200);
    let mut options = asked.body["options"].clone();
    options["rpId"] = json!("debates.example");
    assert_eq!(browser.shows(&options).await.unwrap_err(), "SecurityError");
}

#[tokio::test]
async fn m3_the_authenticator_has_verified_its_owner() {
    let (app, mut browser, _) = start().await;
    let alice = app.member("alice").await;
    browser.plug_in(false).await;
    // The browser refuses what was asked for; a page that asks for less gets it, and the server refuses that.
    let asked = alice.post("/me/passkey-challenges", json!({})).await.is(200);
    assert_eq!(browser.makes(&asked.body["options"]).await.unwrap_err(), "NotAllowedError");
    let mut less = asked.body["options"].clone();
    less["authenticatorSelection"] =
        json!({ "userVerification": "discouraged", "residentKey": "discouraged" });
    less["extensions"] = json!({});
    let credential = browser.makes(&less).await.unwrap();
    let new = json!({ "name": "Key", "challenge": asked.body["challenge"], "credential": credential });
    alice.post("/me/passkeys", new).await.refuses(&[("credential", "not_verified")]);
    browser.plug_in(true).await;
    adds(&browser, &alice, "Key").await;
    browser.verifies(false).await;
    let asked = app.guest().post("/passkey-challenges", json!({})).await.is(200);
    let mut less = asked.body["options"].clone();
    less["userVerification"] = json!("discouraged");
    let credential = browser.shows(&less).await.unwrap();
    let assertion = json!({ "challenge": asked.body["challenge"], "credential": credential });
    signs_in(&app, &assertion).await.is_problem(401, "invalid_passkey");
}

#[tokio::test]
async fn m3_a_copy_that_counts_backwards_is_noticed() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    adds(&browser, &alice, "Key").await;
    signs_in(&app, &shown(&browser, &app).await).await.is(201);
    let copy = browser.credentials().await.remove(0);
    assert!(copy["signCount"].as_u64().unwrap() > 0, "{copy}");
    signs_in(&app, &shown(&browser, &app).await).await.is(201);
    browser.put(copy).await;
    signs_in(&app, &shown(&browser, &app).await).await.is_problem(401, "invalid_passkey");
    let refused = app
        .rows("SELECT data ->> 'passkey' FROM audit_log WHERE verb = 'sign_in' AND outcome = 'refused'")
        .await;
    assert_eq!(refused, ["counter_regressed"]);
}

#[tokio::test]
async fn m5_a_passkey_is_removed_by_a_factor_and_signs_in_no_more() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    let first = adds(&browser, &alice, "Key").await;
    let recovery_code = first.text("/recovery_codes/0");
    let path = format!("/me/passkeys/{}/removal", first.text("/id"));
    // The authenticator does not make two of one account.
    let asked = alice.post("/me/passkey-challenges", json!({})).await.is(200);
    assert_eq!(browser.makes(&asked.body["options"]).await.unwrap_err(), "InvalidStateError");
    alice.post(&path, json!({})).await.is_problem(403, "second_factor_needed");
    let bob = app.member("bob").await;
    bob.post(&path, json!({ "recovery_code": recovery_code })).await.is_problem(404, "not_found");
    let mut other = browser;
    let assertion = shown(&other, &app).await;
    other.plug_in(true).await;
    let second = adds(&other, &alice, "Another key").await;
    assert_eq!(second.body["recovery_codes"], Value::Null);
    app.mails().await;
    alice.post(&path, json!({ "passkey": assertion })).await.is(204);
    let mails = app.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "A passkey was removed");
    alice.post(&path, json!({ "recovery_code": recovery_code })).await.is_problem(404, "not_found");
    // One is left, and so are the recovery codes and what the session had by a factor.
    let left = alice.get("/me/factors").await.is(200);
    assert_eq!(left.body["passkeys"].as_array().unwrap().len(), 1);
    assert_eq!(left.body["recovery_codes_left"], 10);
    with_password(&app, "alice", json!({})).await.is_problem(401, "second_factor_required");
    // Before the last goes, somebody signs in with it.
    let with_it = app.bearer(&signs_in(&app, &shown(&other, &app).await).await.is(201).text("/access_token"));
    let assertion = shown(&other, &app).await;
    let path = format!("/me/passkeys/{}/removal", second.text("/id"));
    alice.post(&path, json!({ "recovery_code": recovery_code })).await.is(204);
    with_it.get("/me").await.is_problem(401, "invalid_token");
    signs_in(&app, &assertion).await.is_problem(401, "invalid_passkey");
    assert_eq!(
        alice.get("/me/factors").await.is(200).body,
        json!({ "totp": null, "passkeys": [], "recovery_codes_left": 0 })
    );
    with_password(&app, "alice", json!({})).await.is(201);
}

#[tokio::test]
async fn p7_wrong_passwords_keep_no_passkey_from_signing_in() {
    let (app, browser, _) = start_with("[rate_limits]\nenabled = true\nsign_in_failures = 2\n").await;
    adds(&browser, &app.member("alice").await, "Key").await;
    let wrong = json!({ "login": "alice", "password": "not the password at all" });
    for _ in 0..2 {
        app.guest().post("/sessions", wrong.clone()).await.is_problem(401, "wrong_credentials");
    }
    with_password(&app, "alice", json!({})).await.is_problem(403, "password_locked");
    signs_in(&app, &shown(&browser, &app).await).await.is(201);
}

#[tokio::test]
async fn the_last_way_in_is_not_removed() {
    let (app, mut browser, _) = start().await;
    let alice = app.member("alice").await;
    let first = adds(&browser, &alice, "Key").await;
    // As after registering with an identity, and unlinking that.
    app.sql("UPDATE account SET password_hash = NULL").await.unwrap();
    with_password(&app, "alice", json!({})).await.is_problem(401, "wrong_credentials");
    let path = format!("/me/passkeys/{}/removal", first.text("/id"));
    let proof = json!({ "passkey": shown(&browser, &app).await });
    alice.post(&path, proof).await.is_problem(409, "last_way_in");
    let signed_in = signs_in(&app, &shown(&browser, &app).await).await.is(201);
    let alice = app.bearer(&signed_in.text("/access_token"));
    browser.plug_in(true).await;
    adds(&browser, &alice, "Another key").await;
    let proof = json!({ "passkey": shown(&browser, &app).await });
    alice.post(&path, proof).await.is(204);
}

#[tokio::test]
async fn m3_what_no_authenticator_made_is_refused() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    let good = made(&browser, &alice, "Key").await;
    let mut wrong = good.clone();
    wrong["credential"] = json!({ "id": "x" });
    alice.post("/me/passkeys", wrong).await.is_problem(422, "invalid");
    for pointer in ["/credential/response/clientDataJSON", "/challenge"] {
        let mut wrong = good.clone();
        let text = wrong.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        for at in [0, text.len() / 3, text.len() / 2, text.len() - 5] {
            *wrong.pointer_mut(pointer).unwrap() = json!(flipped(&text, at));
            alice.post("/me/passkeys", wrong.clone()).await.is_problem(422, "invalid");
        }
    }
    // The key itself is taken as it comes, since no authenticator is asked to prove its make; but all of it.
    let mut wrong = good.clone();
    let pointer = "/credential/response/attestationObject";
    let text = wrong.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    for cut in ["", &text[..text.len() / 2], &text[..text.len() - 4]] {
        *wrong.pointer_mut(pointer).unwrap() = json!(cut);
        alice.post("/me/passkeys", wrong.clone()).await.is_problem(422, "invalid");
    }
    alice.post("/me/passkeys", good).await.is(201);
    let good = shown(&browser, &app).await;
    for pointer in [
        "/credential/response/authenticatorData",
        "/credential/response/clientDataJSON",
        "/credential/response/signature",
        "/credential/response/userHandle",
        "/credential/rawId",
        "/challenge",
    ] {
        let mut wrong = good.clone();
        let text = wrong.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        for at in [0, text.len() / 3, text.len() / 2, text.len() - 5] {
            *wrong.pointer_mut(pointer).unwrap() = json!(flipped(&text, at));
            let refused = signs_in(&app, &wrong).await;
            assert!([401, 422].contains(&refused.status), "{pointer} {at}: {:#}", refused.body);
        }
    }
    // No failure used the challenge up, nor counted against the password.
    signs_in(&app, &good).await.is(201);
}

/// Text with another character at one place.
fn flipped(text: &str, at: usize) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    characters[at] = if characters[at] == 'A' { 'B' } else { 'A' };
    characters.into_iter().collect()
}

#[tokio::test]
async fn m3_without_a_domain_there_are_no_passkeys() {
    let app = TestApp::with("[passkeys]\nrp_id = ''\norigins = []").await;
    let alice = app.member("alice").await;
    app.guest().post("/passkey-challenges", json!({})).await.is_problem(409, "passkeys_off");
    alice.post("/me/passkey-challenges", json!({})).await.is_problem(409, "passkeys_off");
}

#[tokio::test]
async fn d1_d2_passkeys_are_exported_and_erased_with_their_owner() {
    let (app, browser, _) = start().await;
    let alice = app.member("alice").await;
    adds(&browser, &alice, "Key of a canary").await;
    alice.post("/me/export", json!({})).await.is(202);
    while otherwise::worker::own_data_next(&app.app).await.unwrap() {}
    let file = alice.get("/me/export/file").await.is(200);
    assert_eq!(file.body["passkeys"][0]["name"], "Key of a canary");
    assert!(file.body["passkeys"][0].get("credential").is_none());
    let assertion = shown(&browser, &app).await;
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(8));
    while otherwise::worker::own_data_next(&app.app).await.unwrap() {}
    assert_eq!(app.rows("SELECT count(*)::text FROM passkey").await, ["0"]);
    signs_in(&app, &assertion).await.is_problem(401, "invalid_passkey");
}
