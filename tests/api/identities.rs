//! Signing in with an identity at a provider: a real one, with a real browser's forms.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use serde_json::{Value, json};

use crate::factors::{adds_factor, code, wrong_code};
use crate::support::identity_provider::{Browser, Provider, set_clock};
use crate::support::mails::{CONFIRM, RESET};
use crate::support::{Client, PASSWORD, TestApp};

/// Asks for the way to the provider.
pub async fn asks(client: &Client, purpose: &str) -> Value {
    let new = json!({ "provider": "example", "purpose": purpose });
    client.post("/authorization-requests", new).await.is(201).body
}

/// Goes to the provider and comes back: what is sent then.
pub async fn fetches(client: &Client, browser: &Browser, purpose: &str) -> Value {
    let request = asks(client, purpose).await;
    let url = request["authorization_url"].as_str().unwrap();
    browser.visits(url).await.with(request["authorization_request"].as_str().unwrap())
}

/// A body with more fields.
pub fn and(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Registers with the identity of a browser, and is signed in.
pub async fn registers(app: &TestApp, browser: &Browser, username: &str) -> Client {
    let body = fetches(&app.guest(), browser, "sign_in").await;
    app.guest().post("/sessions/by-identity", body.clone()).await.is_problem(409, "identity_unknown");
    let registration = json!({
        "authorization_request": body["authorization_request"], "username": username,
        "email": format!("{username}@example.org"),
    });
    let session = app.guest().post("/accounts/by-identity", registration).await.is(201);
    app.bearer(&session.text("/access_token"))
}

/// Signs in with the identity of a browser.
pub async fn signs_in(app: &TestApp, browser: &Browser) -> Client {
    let body = fetches(&app.guest(), browser, "sign_in").await;
    let session = app.guest().post("/sessions/by-identity", body).await.is(201);
    app.bearer(&session.text("/access_token"))
}

async fn links(client: &Client, browser: &Browser) -> String {
    let body = fetches(client, browser, "link").await;
    client.post("/me/identities", body).await.is(201).text("/id")
}

async fn verbs(app: &TestApp) -> String {
    let rows = "SELECT format('%s %s %s', verb, outcome, data - 'identity') FROM audit_log ORDER BY seq";
    app.rows(rows).await.join("\n") + "\n"
}

#[tokio::test]
async fn o1_somebody_registers_and_signs_in_with_an_identity() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let browser = provider.browser_of("alice");
    let listed = app.guest().get("/identity-providers").await.is(200);
    assert_eq!(listed.body, json!({ "items": [{ "name": "example", "title": "The Example" }] }));

    let alice = registers(&app, &browser, "alice").await;
    assert_eq!(browser.filled_in(), ["login", "password", "consent"]);
    let me = alice.get("/me").await.is(200);
    assert_eq!((&me.body["username"], &me.body["email"]), (&json!("alice"), &json!("alice@example.org")));
    assert_eq!(me.body["email_verified"], false);
    // The address is confirmed like any other.
    let token = app.mail("alice@example.org", CONFIRM).await.token();
    app.guest().post("/email-verifications/confirmation", json!({ "token": token })).await.is(204);
    // There is no password, so none is right, and none is looked for in another way.
    for login in ["alice", "alice@example.org", "nobody"] {
        let credentials = json!({ "login": login, "password": PASSWORD });
        app.guest().post("/sessions", credentials).await.is_problem(401, "wrong_credentials");
    }
    let proof = json!({ "password": PASSWORD });
    alice.post("/sessions/current/reauthentication", proof).await.is_problem(401, "wrong_credentials");
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    alice.put("/me/password", change).await.refuses(&[("current_password", "wrong_password")]);

    // The same person, who is known at the provider by now, and by another address there.
    provider.has("alice", "another@id.example");
    let again = signs_in(&app, &browser).await;
    assert_eq!(browser.filled_in(), <[&str; 0]>::default());
    assert_eq!(
        again.get("/me").await.body,
        me.body
            .as_object()
            .map(|me| {
                let mut me = me.clone();
                me["email_verified"] = json!(true);
                Value::Object(me)
            })
            .unwrap()
    );
    let own = again.get("/me/identities").await.is(200);
    let identity = &own.body["items"][0];
    assert_eq!((&identity["provider"], &identity["issuer"]), (&json!("example"), &json!(provider.issuer)));
    assert_eq!(identity["last_used_at"], identity["linked_at"]);
    assert_eq!(own.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(app.rows("SELECT username FROM account").await, ["alice"]);
    expect![[r#"
        sign_in refused {"identity_provider": "example"}
        register done {}
        sign_in done {}
        verify_email done {}
        sign_in refused {}
        sign_in refused {}
        sign_in refused {}
        reauthenticate refused {}
        sign_in done {}
    "#]]
    .assert_eq(&verbs(&app).await);
}

#[tokio::test]
async fn o1_an_address_finds_and_joins_no_account() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let alice = app.member("alice").await;
    let token = app.mail("alice@example.org", CONFIRM).await.token();
    app.guest().post("/email-verifications/confirmation", json!({ "token": token })).await.is(204);
    // Somebody whose provider says that this address is theirs.
    let browser = provider.browser_of("mallory");
    provider.has("mallory", "alice@example.org");
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    app.guest().post("/sessions/by-identity", body.clone()).await.is_problem(409, "identity_unknown");
    // They may register with it as anybody might: the answer says nothing, and it is not theirs.
    let registration = json!({
        "authorization_request": body["authorization_request"], "username": "mallory",
        "email": "alice@example.org",
    });
    let session = app.guest().post("/accounts/by-identity", registration).await.is(201);
    assert_eq!(session.body["account"]["username"], "mallory");
    assert_eq!(session.body["account"]["email_verified"], false);
    app.mail("alice@example.org", "Your address was given for another account").await;
    assert_eq!(alice.get("/me/identities").await.is(200).body["items"], json!([]));
    let signed_in = json!({ "login": "alice@example.org", "password": PASSWORD });
    let session = app.guest().post("/sessions", signed_in).await.is(201);
    assert_eq!(session.body["account"]["username"], "alice");
}

#[tokio::test]
async fn o1_the_same_name_at_another_provider_is_somebody_else() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let app = provider.app_with(&other.settings_with("other", "")).await;
    let browser = provider.browser_of("alice");
    registers(&app, &browser, "alice").await;
    // The same account at the same process, under another issuer.
    let request = json!({ "provider": "other", "purpose": "sign_in" });
    let request = app.guest().post("/authorization-requests", request).await.is(201);
    let returned = browser.visits(&request.text("/authorization_url")).await;
    let body = returned.with(&request.text("/authorization_request"));
    app.guest().post("/sessions/by-identity", body).await.is_problem(409, "identity_unknown");
    let subject = "SELECT subject || ' ' || count(*) FROM authorization_request WHERE subject IS NOT NULL GROUP BY subject";
    assert_eq!(app.rows(subject).await.len(), 1, "the subject is the same");
}

#[tokio::test]
async fn o1_registering_goes_on_until_it_succeeds_and_makes_one_account() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    app.member("bob").await;
    let browser = provider.browser_of("alice");
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let request = body["authorization_request"].clone();
    let registers = async |username: &str, request: &Value| {
        let registration = json!({
            "authorization_request": request, "username": username, "email": "alice@example.org",
        });
        app.guest().with("idempotency-key", username).post("/accounts/by-identity", registration).await
    };
    // Before the provider has said who it is, nobody is registered.
    registers("alice", &request).await.is_problem(400, "invalid_authorization_request");
    app.guest().post("/sessions/by-identity", body.clone()).await.is_problem(409, "identity_unknown");
    registers("bob", &request).await.is_problem(409, "username_taken");
    registers("administrator", &request).await.is(422);
    let first = registers("alice", &request).await.is(201);
    assert_eq!(registers("alice", &request).await.is(201).bytes, first.bytes);
    registers("alicia", &request).await.is_problem(400, "invalid_authorization_request");
    app.guest().post("/sessions/by-identity", body).await.is_problem(400, "invalid_authorization_request");
    // Nor is a second account made with a request of its own.
    let again = asks(&app.guest(), "sign_in").await;
    let url = again["authorization_url"].as_str().unwrap();
    let body = browser.visits(url).await.with(again["authorization_request"].as_str().unwrap());
    app.guest().post("/sessions/by-identity", body.clone()).await.is(201);
    registers("alicia", &body["authorization_request"])
        .await
        .is_problem(400, "invalid_authorization_request");
    assert_eq!(app.rows("SELECT username FROM account ORDER BY 1").await, ["alice", "bob"]);
}

#[tokio::test]
async fn o1_an_account_without_a_password_gets_one_by_mail() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    registers(&app, &provider.browser_of("alice"), "alice").await;
    app.guest().post("/password-resets", json!({ "email": "alice@example.org" })).await.is(202);
    let token = app.mails().await.iter().find(|mail| mail.subject == RESET).unwrap().token();
    let reset = json!({ "token": token, "password": PASSWORD });
    app.guest().post("/password-resets/confirmation", reset).await.is(204);
    app.sign_in("alice").await.get("/me").await.is(200);
}

#[tokio::test]
async fn o1_suspended_accounts_sign_in_as_ever_and_erased_ones_not() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let browser = provider.browser_of("alice");
    registers(&app, &browser, "alice").await;
    app.suspend("alice").await;
    let alice = signs_in(&app, &browser).await;
    assert_eq!(alice.get("/me/sanctions").await.is(200).body["items"][0]["kind"], "suspend");
    let request = json!({ "provider": "example", "purpose": "link" });
    alice.post("/authorization-requests", request).await.is_problem(403, "sanctioned");
    let identity = alice.get("/me/identities").await.text("/items/0/id");
    alice.delete(&format!("/me/identities/{identity}")).await.is_problem(403, "sanctioned");
    app.lift_all().await;

    let pending = fetches(&app.guest(), &browser, "sign_in").await;
    let id = alice.get("/me").await.text("/id");
    app.sql(&format!(
        "INSERT INTO erasure (account_id, requested_at, due_at, erase_posts)
         SELECT id, created_at, created_at, false FROM account WHERE id = '{id}'"
    ))
    .await
    .unwrap();
    while otherwise::worker::own_data_next(&app.app).await.unwrap() {}
    app.guest().post("/sessions/by-identity", pending).await.is_problem(409, "identity_unknown");
    assert_eq!(app.rows("SELECT count(*)::text FROM identity").await, ["0"]);
}

#[tokio::test]
async fn o5_identities_are_linked_and_unlinked_by_their_owner() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    let browser = provider.browser_of("alice");
    let identity = links(&alice, &browser).await;
    app.mails().await.iter().find(|mail| mail.subject == "A way to sign in was added").unwrap();
    signs_in(&app, &browser).await.get("/me").await.is(200);
    // One identity, one account: neither another one nor the same one has it again.
    for client in [&bob, &alice] {
        let body = fetches(client, &browser, "link").await;
        client.post("/me/identities", body).await.is_problem(409, "identity_taken");
    }
    let path = format!("/me/identities/{identity}");
    bob.delete(&path).await.is_problem(404, "not_found");
    bob.get("/me/identities").await.is(200).matches(expect![[r#"
        {
          "items": [],
          "next": null
        }
    "#]]);
    let token = json!({ "name": "x", "scopes": ["read", "profile"], "expires_at": "2027-01-01T00:00:00Z" });
    let script = app.bearer(&alice.post("/me/tokens", token).await.is(201).text("/token"));
    script.get("/me/identities").await.is_problem(403, "session_required");
    script.delete(&path).await.is_problem(403, "session_required");

    let beside = signs_in(&app, &browser).await;
    alice.delete(&path).await.is(204);
    alice.delete(&path).await.is_problem(404, "not_found");
    beside.get("/me").await.is_problem(401, "invalid_token");
    app.mails().await.iter().find(|mail| mail.subject == "A way to sign in was removed").unwrap();
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    app.guest().post("/sessions/by-identity", body).await.is_problem(409, "identity_unknown");
    // Then it is anybody's who can show it.
    links(&bob, &browser).await;
    assert_eq!(signs_in(&app, &browser).await.get("/me").await.body["username"], "bob");
    let recorded = app
        .rows("SELECT format('%s %s', verb, outcome) FROM audit_log WHERE verb LIKE '%identity' ORDER BY seq")
        .await;
    assert_eq!(
        recorded,
        [
            "link_identity done",
            "link_identity refused",
            "link_identity refused",
            "unlink_identity done",
            "link_identity done"
        ]
    );
    let events = app.rows("SELECT kind FROM event WHERE kind LIKE 'identity%' ORDER BY seq").await;
    assert_eq!(events, ["identity_linked", "identity_unlinked", "identity_linked"]);
}

#[tokio::test]
async fn o5_changes_ask_for_a_proof_that_is_not_old() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let browser = provider.browser_of("alice");
    registers(&app, &browser, "alice").await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let session = app.guest().post("/sessions/by-identity", body).await.is(201);
    app.app.clock.advance(TimeDelta::minutes(11));
    let refresh = json!({ "refresh_token": session.text("/refresh_token") });
    let refreshed = app.guest().post("/sessions/refresh", refresh).await.is(200);
    let alice = app.bearer(&refreshed.text("/access_token"));
    let identity = alice.get("/me/identities").await.text("/items/0/id");
    let request = json!({ "provider": "example", "purpose": "link" });
    alice.post("/authorization-requests", request).await.is_problem(403, "step_up_required");
    alice.delete(&format!("/me/identities/{identity}")).await.is_problem(403, "step_up_required");
}

#[tokio::test]
async fn o5_the_last_way_in_stays() {
    let (provider, other) = (Provider::start().await, Provider::start().await);
    let app = provider.app_with(&other.settings_with("other", "")).await;
    let alice = registers(&app, &provider.browser_of("alice"), "alice").await;
    let first = alice.get("/me/identities").await.text("/items/0/id");
    let unlink = async |id: &str| alice.delete(&format!("/me/identities/{id}")).await;
    unlink(&first).await.is_problem(409, "last_way_in");
    // With another one there is another way in.
    let request = json!({ "provider": "other", "purpose": "link" });
    let request = alice.post("/authorization-requests", request).await.is(201);
    let returned = other.browser_of("alice").visits(&request.text("/authorization_url")).await;
    let body = returned.with(&request.text("/authorization_request"));
    let second = alice.post("/me/identities", body).await.is(201).text("/id");
    // Unless its provider is one that nobody signs in with any more.
    let without = app.another(&provider.settings()).await;
    set_clock(&without);
    let beside = without.bearer(alice.token.as_ref().unwrap());
    beside.delete(&format!("/me/identities/{first}")).await.is_problem(409, "last_way_in");
    unlink(&first).await.is(204);
    unlink(&second).await.is_problem(409, "last_way_in");
    // And with a password.
    app.sql("UPDATE account SET password_hash = '$argon2id$'").await.unwrap();
    unlink(&second).await.is(204);
}

#[tokio::test]
async fn o5_a_second_factor_is_asked_for_and_guesses_are_counted() {
    let provider = Provider::start().await;
    let counted = "[rate_limits]\nenabled = true\nsign_in_failures = 4\nsign_in_per_account = 1000\nwrite_per_minute = 1000\n";
    let app = provider.app_with(counted).await;
    let browser = provider.browser_of("alice");
    let alice = registers(&app, &browser, "alice").await;
    let factor = adds_factor(&alice).await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let sends = async |more: Value| app.guest().post("/sessions/by-identity", and(body.clone(), more)).await;
    sends(json!({})).await.is_problem(401, "second_factor_required");
    let wrong = json!({ "totp_code": wrong_code(&app, &factor.secret) });
    sends(wrong.clone()).await.is_problem(401, "wrong_second_factor");
    let both = json!({ "totp_code": "123456", "recovery_code": "x" });
    sends(both).await.refuses(&[("recovery_code", "ambiguous")]);
    let session = sends(json!({ "totp_code": code(&app, &factor.secret, 0) })).await.is(201);
    app.bearer(&session.text("/access_token")).get("/me").await.is(200);
    // The code was taken to the provider once, however often the request was sent.
    assert_eq!(provider.was_asked("POST /oauth/token"), 2);
    sends(json!({ "recovery_code": factor.recovery_codes[0] }))
        .await
        .is_problem(400, "invalid_authorization_request");

    // They are counted with the passwords, and both factors together start the count anew.
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let sends = async |more: Value| app.guest().post("/sessions/by-identity", and(body.clone(), more)).await;
    for _ in 0..2 {
        sends(wrong.clone()).await.is_problem(401, "wrong_second_factor");
        let credentials = json!({ "login": "alice", "password": "wrong" });
        app.guest().post("/sessions", credentials).await.is_problem(401, "wrong_credentials");
    }
    let right = json!({ "recovery_code": factor.recovery_codes[0] });
    sends(right).await.is_problem(403, "password_locked");
    let refused = "SELECT data::text FROM audit_log WHERE verb = 'sign_in' AND outcome = 'refused' AND data ? 'second_factor' ORDER BY seq";
    assert_eq!(
        app.rows(refused).await,
        [
            r#"{"second_factor": "missing"}"#,
            r#"{"second_factor": "totp"}"#,
            r#"{"second_factor": "totp"}"#,
            r#"{"second_factor": "totp"}"#
        ]
    );
}

#[tokio::test]
async fn o5_locked_passwords_keep_nobody_out_who_has_no_second_factor() {
    let provider = Provider::start().await;
    let app = provider.app_with("[rate_limits]\nenabled = true\nsign_in_failures = 2\n").await;
    let browser = provider.browser_of("alice");
    links(&app.member("alice").await, &browser).await;
    for _ in 0..2 {
        app.guest().post("/sessions", json!({ "login": "alice", "password": "wrong" })).await.is(401);
    }
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    app.guest().post("/sessions", credentials.clone()).await.is_problem(403, "password_locked");
    signs_in(&app, &browser).await;
    // And signing in otherwise unlocks no password.
    app.guest().post("/sessions", credentials).await.is_problem(403, "password_locked");
}

#[tokio::test]
async fn o5_somebody_proves_again_who_they_are() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let (browser, others) = (provider.browser_of("alice"), provider.browser_of("bob"));
    registers(&app, &browser, "alice").await;
    registers(&app, &others, "bob").await;
    let alice = signs_in(&app, &browser).await;
    app.sql("UPDATE session SET authenticated_at = authenticated_at - interval '11 minutes'").await.unwrap();
    let is_fresh = async || alice.send(Method::POST, "/me/export", None).await;
    is_fresh().await.is_problem(403, "step_up_required");
    let again = "/sessions/current/reauthentication/by-identity";

    // Somebody else's identity proves nothing here.
    let body = fetches(&alice, &others, "reauthenticate").await;
    alice.post(again, body).await.is_problem(401, "identity_not_proven");
    is_fresh().await.is_problem(403, "step_up_required");

    // Whoever is signed in at the provider signs in there once more.
    browser.filled_in();
    let body = fetches(&alice, &browser, "reauthenticate").await;
    assert_eq!(browser.filled_in(), ["password"]);
    alice.post(again, body.clone()).await.is(204);
    is_fresh().await.is(202);
    alice.post(again, body).await.is_problem(400, "invalid_authorization_request");

    // Where there is a second factor, it is part of the proof.
    let factor = adds_factor(&alice).await;
    // The provider's time again.
    app.app.clock.advance(TimeDelta::seconds(-30));
    app.sql("UPDATE session SET authenticated_at = authenticated_at - interval '11 minutes'").await.unwrap();
    let body = fetches(&alice, &browser, "reauthenticate").await;
    alice.post(again, body.clone()).await.is_problem(401, "second_factor_required");
    is_fresh().await.is_problem(403, "step_up_required");
    let body = and(body, json!({ "recovery_code": factor.recovery_codes[0] }));
    alice.post(again, body).await.is(204);
    is_fresh().await.is(202);
    let recorded = "SELECT format('%s %s', outcome, data - 'identity') FROM audit_log WHERE verb = 'reauthenticate' ORDER BY seq";
    assert_eq!(
        app.rows(recorded).await,
        [
            "refused {}",
            "done {}",
            r#"refused {"second_factor": "missing"}"#,
            r#"done {"second_factor": "recovery_code"}"#
        ]
    );
}

#[tokio::test]
async fn o1_a_copy_of_ones_data_names_ones_identities() {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let alice = registers(&app, &provider.browser_of("alice"), "alice").await;
    alice.send(Method::POST, "/me/export", None).await.is(202);
    while otherwise::worker::own_data_next(&app.app).await.unwrap() {}
    let copy = alice.get("/me/export/file").await.is(200).body;
    let identity = &copy["identities"][0];
    assert_eq!((&identity["provider"], &identity["issuer"]), (&json!("example"), &json!(provider.issuer)));
    assert!(identity["subject"].as_str().unwrap().starts_with("alice-"), "{identity}");
}
