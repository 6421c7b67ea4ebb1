//! What comes back from an identity provider is an answer to our request, made for us, and looked at once; and a
//! provider that is away or ill-behaved harms nobody.
//!
//! The provider is a real one. What it would not do by itself is done by a proxy before it (`Trick`), by a browser
//! that changes the address it is sent to, or by a configuration that does not fit.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::identities::{and, asks, fetches, registers, signs_in};
use crate::support::identity_provider::{Browser, Provider, Trick};
use crate::support::{Client, Reply, TestApp};

const BY_IDENTITY: &str = "/sessions/by-identity";

/// A provider, a server that knows it, and alice, who has registered.
async fn world() -> (Provider, TestApp, Browser, Client) {
    let provider = Provider::start().await;
    let app = provider.app().await;
    let browser = provider.browser_of("alice");
    let alice = registers(&app, &browser, "alice").await;
    (provider, app, browser, alice)
}

/// Nothing came of all that was tried but the sessions that there were.
async fn sessions(app: &TestApp) -> usize {
    app.rows("SELECT id::text FROM session").await.len()
}

async fn signs_in_with(app: &TestApp, body: &Value) -> Reply {
    app.guest().post(BY_IDENTITY, body.clone()).await
}

#[tokio::test]
async fn o2_an_answer_is_good_once() {
    let (provider, app, browser, _) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    signs_in_with(&app, &body).await.is(201);
    let taken = provider.was_asked("POST /oauth/token");
    signs_in_with(&app, &body).await.is_problem(400, "invalid_authorization_request");
    // The code with another request, whose answer it is not.
    let other = asks(&app.guest(), "sign_in").await;
    let mixed = and(body.clone(), json!({ "authorization_request": other["authorization_request"] }));
    signs_in_with(&app, &mixed).await.is_problem(401, "identity_not_proven");
    assert_eq!(provider.was_asked("POST /oauth/token"), taken);
    // Nor is the provider's own memory all there is: the code with a state that fits another request.
    let fits = fetches(&app.guest(), &browser, "sign_in").await;
    let replayed = and(fits.clone(), json!({ "code": body["code"] }));
    signs_in_with(&app, &replayed).await.is_problem(401, "identity_not_proven");
    // That was the end of this request, though its own code is good.
    signs_in_with(&app, &fits).await.is_problem(400, "invalid_authorization_request");
    assert_eq!(sessions(&app).await, 2);
}

#[tokio::test]
async fn o2_a_repeated_request_has_the_same_code() {
    let (provider, app, browser, _) = world().await;
    let stranger = provider.browser_of("bob");
    let body = fetches(&app.guest(), &stranger, "sign_in").await;
    signs_in_with(&app, &body).await.is_problem(409, "identity_unknown");
    let taken = provider.was_asked("POST /oauth/token");
    let another = fetches(&app.guest(), &browser, "sign_in").await;
    let changed = and(body.clone(), json!({ "code": another["code"] }));
    signs_in_with(&app, &changed).await.is_problem(400, "invalid_authorization_request");
    signs_in_with(&app, &body).await.is_problem(409, "identity_unknown");
    assert_eq!(provider.was_asked("POST /oauth/token"), taken);
}

#[tokio::test]
async fn o2_an_answer_comes_with_the_state_it_was_asked_with() {
    let (provider, app, browser, _) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let taken = provider.was_asked("POST /oauth/token");
    for state in ["x", &format!("{}A", body["state"].as_str().unwrap())] {
        let wrong = and(body.clone(), json!({ "state": state }));
        signs_in_with(&app, &wrong).await.is_problem(401, "identity_not_proven");
    }
    let refused = "SELECT count(*)::text FROM audit_log WHERE verb = 'sign_in' AND outcome = 'refused'";
    // Registering began with one, for which no account was known.
    assert_eq!(app.rows(refused).await, ["3"]);
    assert_eq!(provider.was_asked("POST /oauth/token"), taken);
    // Whoever sends the right one is not kept from it by that.
    signs_in_with(&app, &body).await.is(201);
    // Nor does the state help once the code was redeemed, without being the right one.
    let factor = fetches(&app.guest(), &provider.browser_of("bob"), "sign_in").await;
    signs_in_with(&app, &factor).await.is_problem(409, "identity_unknown");
    let wrong = and(factor, json!({ "state": "x" }));
    signs_in_with(&app, &wrong).await.is_problem(401, "identity_not_proven");
}

#[tokio::test]
async fn o2_a_request_is_good_for_ten_minutes() {
    let (_provider, app, browser, _) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    app.app.clock.advance(TimeDelta::minutes(10) - TimeDelta::seconds(1));
    let beside = fetches(&app.guest(), &browser, "sign_in").await;
    signs_in_with(&app, &beside).await.is(201);
    app.app.clock.advance(TimeDelta::seconds(1));
    let late = signs_in_with(&app, &body).await.is_problem(400, "invalid_authorization_request");
    assert!(late.text("/detail").contains("too long ago"), "{:#}", late.body);
    let registration = json!({
        "authorization_request": body["authorization_request"], "username": "bob", "email": "bob@example.org",
    });
    app.guest()
        .post("/accounts/by-identity", registration)
        .await
        .is_problem(400, "invalid_authorization_request");
    // An hour later nobody is told any more, and the row is gone.
    let rows = "SELECT count(*)::text FROM authorization_request";
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["3"]);
    app.app.clock.advance(TimeDelta::minutes(60) + TimeDelta::seconds(1));
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["1"]);
}

#[tokio::test]
async fn o2_a_request_is_for_one_purpose_in_one_session() {
    let (provider, app, browser, alice) = world().await;
    let bob = app.member("bob").await;
    let beside = signs_in(&app, &browser).await;
    let again = "/sessions/current/reauthentication/by-identity";
    let taken = provider.was_asked("POST /oauth/token");
    for (made_by, purpose) in [(&app.guest(), "sign_in"), (&alice, "link"), (&alice, "reauthenticate")] {
        let body = fetches(made_by, &browser, purpose).await;
        for (client, path, right) in [
            (&app.guest(), BY_IDENTITY, "sign_in"),
            (&alice, again, "reauthenticate"),
            (&alice, "/me/identities", "link"),
            // Another session of hers, and somebody else's.
            (&beside, again, ""),
            (&beside, "/me/identities", ""),
            (&bob, again, ""),
            (&bob, "/me/identities", ""),
        ] {
            if right != purpose {
                let reply = client.post(path, body.clone()).await;
                reply.is_problem(400, "invalid_authorization_request");
            }
        }
        let registration = json!({
            "authorization_request": body["authorization_request"], "username": "newcomer", "email": "new@example.org",
        });
        app.guest()
            .post("/accounts/by-identity", registration)
            .await
            .is_problem(400, "invalid_authorization_request");
    }
    assert_eq!(provider.was_asked("POST /oauth/token"), taken);
    assert_eq!(bob.get("/me/identities").await.body["items"], json!([]));
    // Once a session has ended, so have its requests.
    let body = fetches(&beside, &browser, "reauthenticate").await;
    beside.delete("/sessions/current").await.is(204);
    beside.post(again, body).await.is_problem(401, "invalid_token");
    for purpose in ["link", "reauthenticate"] {
        let request = json!({ "provider": "example", "purpose": purpose });
        app.guest().post("/authorization-requests", request).await.is_problem(401, "unauthenticated");
    }
    let nobody = json!({ "provider": "nobody", "purpose": "sign_in" });
    app.guest().post("/authorization-requests", nobody).await.refuses(&[("provider", "unknown_value")]);
}

/// The same request so many times at once: how often each answer came.
async fn at_once(client: &Client, times: usize, path: &'static str, body: &Value) -> BTreeMap<u16, usize> {
    let mut asking = JoinSet::new();
    for _ in 0..times {
        let (client, body) = (client.clone(), body.clone());
        asking.spawn(async move { client.post(path, body).await });
    }
    let mut answers = BTreeMap::new();
    for reply in asking.join_all().await {
        let known = ["", "authorization_request_in_use", "invalid_authorization_request", "identity_taken"];
        assert!(known.contains(&reply.body["code"].as_str().unwrap_or_default()), "{:#}", reply.body);
        *answers.entry(reply.status).or_default() += 1;
    }
    answers
}

#[tokio::test]
async fn o2_of_many_at_once_one_succeeds() {
    let (provider, app, browser, alice) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let (before, taken) = (sessions(&app).await, provider.was_asked("POST /oauth/token"));
    assert_eq!(at_once(&app.guest(), 20, BY_IDENTITY, &body).await.get(&201), Some(&1));
    assert_eq!(sessions(&app).await, before + 1);
    assert_eq!(provider.was_asked("POST /oauth/token"), taken + 1);

    // What the provider said is known by now: all of them get as far as using it.
    let stranger = provider.browser_of("bob");
    let body = fetches(&app.guest(), &stranger, "sign_in").await;
    signs_in_with(&app, &body).await.is_problem(409, "identity_unknown");
    let mut registering = JoinSet::new();
    for i in 0..20 {
        let registration = json!({
            "authorization_request": body["authorization_request"], "username": format!("bob{i}"),
            "email": "bob@example.org",
        });
        let guest = app.guest();
        registering.spawn(async move { guest.post("/accounts/by-identity", registration).await.status });
    }
    let made = registering.join_all().await.into_iter().filter(|status| *status == 201).count();
    assert_eq!(made, 1);

    // Two requests for one identity, each good by itself.
    let carol = provider.browser_of("carol");
    let bodies = [fetches(&alice, &carol, "link").await, fetches(&alice, &carol, "link").await];
    let mut linking = JoinSet::new();
    for i in 0..20 {
        let (alice, body) = (alice.clone(), bodies[i % 2].clone());
        linking.spawn(async move { alice.post("/me/identities", body).await.status });
    }
    let made = linking.join_all().await.into_iter().filter(|status| *status == 201).count();
    assert_eq!(made, 1);
    assert_eq!(app.rows("SELECT count(*)::text FROM identity").await, ["3"]);
    assert_eq!(app.rows("SELECT count(*)::text FROM account").await, ["2"]);
}

#[tokio::test]
async fn o2_nothing_that_opens_a_request_is_kept() {
    let (_provider, app, browser, alice) = world().await;
    let request = asks(&app.guest(), "sign_in").await;
    let url = request["authorization_url"].as_str().unwrap();
    let secret = request["authorization_request"].as_str().unwrap();
    assert!(!url.contains(secret.trim_start_matches("otw_ar_")));
    let body = browser.visits(url).await.with(secret);
    let kept = async || {
        app.rows("SELECT r::text || encode(secret_hash, 'escape') FROM authorization_request r")
            .await
            .join("\n")
            + &app
                .rows("SELECT e::text FROM event e UNION ALL SELECT l::text FROM audit_log l")
                .await
                .join("\n")
    };
    let before = kept().await;
    signs_in_with(&app, &body).await.is(201);
    for kept in [before, kept().await] {
        for field in ["authorization_request", "state", "code"] {
            assert!(!kept.contains(body[field].as_str().unwrap()), "{field} in {kept}");
        }
        // Nor what goes with them on the way.
        for pair in url::Url::parse(url).unwrap().query_pairs() {
            if ["nonce", "code_challenge"].contains(&&*pair.0) {
                assert!(!kept.contains(&*pair.1), "{} in {kept}", pair.0);
            }
        }
    }
    let methods: Vec<_> = url::Url::parse(url)
        .unwrap()
        .query_pairs()
        .filter(|(name, _)| ["code_challenge_method", "response_type", "scope"].contains(&&**name))
        .map(|(_, value)| value.into_owned())
        .collect();
    assert_eq!(methods.len(), 3);
    assert!(methods.contains(&"S256".to_owned()) && methods.contains(&"openid".to_owned()), "{methods:?}");
    drop(alice);
}

/// Goes to the provider by an address that somebody changed on the way.
async fn by_a_changed_address(
    client: &Client,
    browser: &Browser,
    purpose: &str,
    change: impl Fn(&mut Vec<(String, String)>),
) -> Value {
    let request = asks(client, purpose).await;
    let mut url = url::Url::parse(request["authorization_url"].as_str().unwrap()).unwrap();
    let mut pairs: Vec<_> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    change(&mut pairs);
    url.query_pairs_mut().clear().extend_pairs(pairs);
    browser.visits(url.as_str()).await.with(request["authorization_request"].as_str().unwrap())
}

fn set(pairs: &mut [(String, String)], name: &str, value: &str) {
    let pair = pairs.iter_mut().find(|pair| pair.0 == name).unwrap();
    value.clone_into(&mut pair.1);
}

#[tokio::test]
async fn o3_what_was_signed_has_the_nonce_and_the_code_its_verifier() {
    let (_provider, app, browser, _) = world().await;
    let before = sessions(&app).await;
    for (name, value) in
        [("nonce", "another"), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")]
    {
        let change = |pairs: &mut Vec<_>| set(pairs, name, value);
        let body = by_a_changed_address(&app.guest(), &browser, "sign_in", change).await;
        signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
        // That was the end of it.
        signs_in_with(&app, &body).await.is_problem(400, "invalid_authorization_request");
    }
    assert_eq!(sessions(&app).await, before);
}

#[tokio::test]
async fn o3_what_was_signed_for_another_client_is_refused() {
    let (provider, app, browser, _) = world().await;
    let before = sessions(&app).await;
    let other = provider.another_client().await;
    let change = |pairs: &mut Vec<_>| set(pairs, "client_id", &other.id);
    let body = by_a_changed_address(&app.guest(), &browser, "sign_in", change).await;
    // The provider itself gives us nothing for it …
    signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
    // … and what it gives to the other one is not for us.
    let body = by_a_changed_address(&app.guest(), &browser, "sign_in", change).await;
    provider.plays(Trick::RedeemsAs(other.clone()));
    signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
    assert_eq!(sessions(&app).await, before);
}

#[tokio::test]
async fn o3_what_another_issuer_signed_is_refused() {
    let (provider, app, browser, _) = world().await;
    let before = sessions(&app).await;
    // The answer says that it comes from somebody else, or not from whom, which this provider always says.
    for iss in [json!("https://evil.example"), json!(provider.issuer.trim_end_matches('/')), Value::Null] {
        let body = fetches(&app.guest(), &browser, "sign_in").await;
        assert_eq!(body["iss"], json!(provider.issuer));
        let wrong = and(body.clone(), json!({ "iss": iss }));
        signs_in_with(&app, &wrong).await.is_problem(401, "identity_not_proven");
        // It was not taken anywhere, so the right one is good.
        signs_in_with(&app, &body).await.is(201);
    }
    // With the same keys, under another name.
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    provider.plays(Trick::RedeemsAt("localhost"));
    signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
    assert_eq!(sessions(&app).await, before + 3);
}

#[tokio::test]
async fn o3_what_was_altered_has_expired_or_has_no_signature_is_refused() {
    let (provider, app, browser, _) = world().await;
    let before = sessions(&app).await;
    let tricks: [fn(&mut Value); 4] = [
        // One byte of the signature.
        |answer| change_part(answer, 2, |part| part[0] ^= 1),
        // Another subject under the same signature.
        |answer| change_part(answer, 1, |part| replace(part, "alice-", "admin-")),
        // Nothing signed, and said so.
        |answer| {
            change_part(answer, 0, |part| *part = br#"{"alg":"none"}"#.to_vec());
            change_part(answer, 2, Vec::clear);
        },
        // By a key that the provider never named.
        |answer| change_part(answer, 0, |part| replace(part, "\"kid\":\"", "\"kid\":\"x")),
    ];
    for trick in tricks {
        provider.plays(None);
        let body = fetches(&app.guest(), &browser, "sign_in").await;
        provider.plays(Trick::Answers("/oauth/token", trick));
        signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
    }
    provider.plays(None);
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    // The provider's own time is not moved.
    app.app.clock.advance(TimeDelta::minutes(9));
    signs_in_with(&app, &body).await.is(201);
    app.app.clock.advance(TimeDelta::days(30));
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
    assert_eq!(sessions(&app).await, before + 1);
}

/// Changes a part of what was signed: its head, its claims, or the signature.
fn change_part(answer: &mut Value, number: usize, change: impl Fn(&mut Vec<u8>)) {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as CODE;
    let token = answer["id_token"].as_str().unwrap();
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut bytes = CODE.decode(&parts[number]).unwrap();
    change(&mut bytes);
    parts[number] = CODE.encode(bytes);
    answer["id_token"] = json!(parts.join("."));
}

fn replace(part: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(std::mem::take(part)).unwrap();
    assert!(text.contains(from), "{text}");
    *part = text.replace(from, to).into_bytes();
}

#[tokio::test]
async fn o3_keys_that_were_replaced_are_asked_for_at_most_once_a_minute() {
    let (provider, app, browser, _) = world().await;
    let keys = "GET /oauth/jwks.json";
    assert_eq!(provider.was_asked(keys), 1);
    let another_key: fn(&mut Value) =
        |answer| change_part(answer, 0, |part| replace(part, "\"kid\":\"", "\"kid\":\"x"));
    let tries = async || {
        provider.plays(None);
        let body = fetches(&app.guest(), &browser, "sign_in").await;
        provider.plays(Trick::Answers("/oauth/token", another_key));
        signs_in_with(&app, &body).await.is_problem(401, "identity_not_proven");
        provider.was_asked(keys)
    };
    assert_eq!([tries().await, tries().await], [1, 1]);
    app.app.clock.advance(TimeDelta::minutes(1));
    assert_eq!([tries().await, tries().await], [2, 2]);
    // And what a provider says of itself is kept for an hour.
    provider.plays(None);
    app.app.clock.advance(TimeDelta::minutes(60) - TimeDelta::seconds(1));
    asks(&app.guest(), "sign_in").await;
    assert_eq!(provider.was_asked(keys), 2);
    app.app.clock.advance(TimeDelta::seconds(1));
    asks(&app.guest(), "sign_in").await;
    assert_eq!(provider.was_asked(keys), 3);
}

#[tokio::test]
async fn o3_a_proof_of_before_is_no_new_one() {
    let (_provider, app, browser, alice) = world().await;
    let again = "/sessions/current/reauthentication/by-identity";
    // Somebody takes out what asks for a new proof, and the provider remembers the old one.
    let change = |pairs: &mut Vec<(String, String)>| {
        pairs.retain(|(name, _)| name != "prompt" && name != "max_age");
    };
    app.app.clock.advance(TimeDelta::minutes(1));
    browser.filled_in();
    let body = by_a_changed_address(&alice, &browser, "reauthenticate", change).await;
    assert_eq!(browser.filled_in(), <[&str; 0]>::default());
    let refused = alice.post(again, body).await;
    refused.is_problem(401, "identity_not_proven");
    app.app.clock.advance(TimeDelta::minutes(-1));
    let body = fetches(&alice, &browser, "reauthenticate").await;
    alice.post(again, body).await.is(204);
}

#[tokio::test]
async fn o4_a_provider_that_is_away_is_said_to_be() {
    let (provider, app, browser, alice) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let other = fetches(&alice, &browser, "reauthenticate").await;
    for trick in [Trick::Fault, Trick::Elsewhere] {
        provider.plays(trick);
        let away = signs_in_with(&app, &body).await.is_problem(503, "identity_provider_unavailable");
        assert!(away.header("retry-after").is_some());
        let again = "/sessions/current/reauthentication/by-identity";
        alice.post(again, other.clone()).await.is_problem(503, "identity_provider_unavailable");
    }
    // Nothing was changed: when it is back, the same request is good.
    provider.plays(None);
    signs_in_with(&app, &body).await.is(201);

    // A server that has not heard of it yet starts, works, and finds it when it is there.
    let late = app.another(&provider.settings()).await;
    late.app.clock.advance(app.app.now() - late.app.now());
    let request = json!({ "provider": "example", "purpose": "sign_in" });
    for trick in [Trick::Fault, Trick::Elsewhere, Trick::Flood] {
        provider.plays(trick);
        let away = late.guest().post("/authorization-requests", request.clone()).await;
        away.is_problem(503, "identity_provider_unavailable");
        late.app.clock.advance(TimeDelta::seconds(2));
    }
    provider.plays(Trick::Answers("/.well-known/openid-configuration", |said| {
        said["issuer"] = json!("https://evil.example/");
    }));
    let away = late.guest().post("/authorization-requests", request.clone()).await;
    away.is_problem(503, "identity_provider_unavailable");
    // It is left alone for a moment, in which nobody waits for it.
    provider.plays(None);
    let asked = provider.was_asked("GET /.well-known/openid-configuration");
    let away = late.guest().post("/authorization-requests", request.clone()).await;
    away.is_problem(503, "identity_provider_unavailable");
    assert_eq!(provider.was_asked("GET /.well-known/openid-configuration"), asked);
    late.app.clock.advance(TimeDelta::seconds(2));
    late.guest().post("/authorization-requests", request.clone()).await.is(201);

    provider.goes_away().await;
    app.app.clock.advance(TimeDelta::hours(1));
    let away = app.guest().post("/authorization-requests", request).await;
    away.is_problem(503, "identity_provider_unavailable");
    app.guest().get("/identity-providers").await.is(200);
}

/// The same place under an address that the system takes for this machine, and that is none of its own.
fn elsewhere(place: &Value) -> Value {
    json!(place.as_str().unwrap().replace("127.0.0.1", "0.0.0.0"))
}

#[tokio::test]
async fn o4_places_that_anybody_could_listen_to_are_not_spoken_to() {
    let (provider, app, browser, _) = world().await;
    let described = |change| Trick::Answers("/.well-known/openid-configuration", change);
    let changes: [fn(&mut Value); 2] = [
        |said| said["jwks_uri"] = elsewhere(&said["jwks_uri"]),
        |said| said["authorization_endpoint"] = json!("javascript:alert(1)"),
    ];
    for change in changes {
        provider.plays(described(change));
        app.app.clock.advance(TimeDelta::hours(1));
        let request = json!({ "provider": "example", "purpose": "sign_in" });
        let reply = app.guest().post("/authorization-requests", request).await;
        reply.is_problem(503, "identity_provider_unavailable");
    }
    // People are sent where they should be, and codes are not.
    provider.plays(described(|said| said["token_endpoint"] = elsewhere(&said["token_endpoint"])));
    app.app.clock.advance(TimeDelta::hours(1));
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    signs_in_with(&app, &body).await.is_problem(503, "identity_provider_unavailable");
}

#[tokio::test]
async fn o4_a_slow_provider_holds_up_nobody_else() {
    let provider = Provider::start().await;
    // One connection to the database, which everybody needs.
    let slow = format!(
        "{}[database]\nmax_connections = 1\nacquire_timeout_ms = 2000\n",
        provider.settings_with("example", "timeout_ms = 1500")
    );
    let app = TestApp::with(&slow).await;
    provider.plays(Trick::Silence);
    let request = json!({ "provider": "example", "purpose": "sign_in" });
    let mut waiting = JoinSet::new();
    for _ in 0..5 {
        let (guest, request) = (app.guest(), request.clone());
        waiting.spawn(async move { guest.post("/authorization-requests", request).await });
    }
    while provider.was_asked("GET /.well-known/openid-configuration") == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        app.guest().get("/topics").await.is(200);
    }
    assert!(waiting.try_join_next().is_none(), "they wait still");
    for reply in waiting.join_all().await {
        reply.is_problem(503, "identity_provider_unavailable");
    }
    // Asked once for all of them.
    assert_eq!(provider.was_asked("GET /.well-known/openid-configuration"), 1);

    // The same while a code is with it.
    provider.plays(None);
    app.app.clock.advance(TimeDelta::seconds(2));
    let body = fetches(&app.guest(), &provider.browser_of("alice"), "sign_in").await;
    provider.plays(Trick::Silence);
    let guest = app.guest();
    let sent = body.clone();
    let redeeming = tokio::spawn(async move { guest.post(BY_IDENTITY, sent).await });
    while provider.was_asked("POST /oauth/token") == 0 {
        tokio::task::yield_now().await;
    }
    app.guest().get("/topics").await.is(200);
    signs_in_with(&app, &body).await.is_problem(409, "authorization_request_in_use");
    redeeming.await.unwrap().is_problem(503, "identity_provider_unavailable");
    // The proxy swallowed it, so it is good still.
    provider.plays(None);
    signs_in_with(&app, &body).await.is_problem(409, "identity_unknown");
}

#[tokio::test]
async fn o4_a_client_that_hangs_up_leaves_nothing_half_done() {
    let (provider, app, browser, _) = world().await;
    let body = fetches(&app.guest(), &browser, "sign_in").await;
    let before = provider.was_asked("POST /oauth/token");
    {
        let guest = app.guest();
        let mut asking = Box::pin(guest.post(BY_IDENTITY, body.clone()));
        // Until the code is on its way, and no further.
        while provider.was_asked("POST /oauth/token") == before {
            tokio::select! {
                biased;
                () = tokio::task::yield_now() => {}
                _ = &mut asking => panic!("it was answered"),
            }
        }
    }
    // The task goes on by itself; so many questions take far longer than it does.
    let mut reply = signs_in_with(&app, &body).await;
    for _ in 0..10_000 {
        if reply.status != 409 {
            break;
        }
        reply = signs_in_with(&app, &body).await;
    }
    reply.is(201);
    assert_eq!(provider.was_asked("POST /oauth/token"), before + 1);
}

#[tokio::test]
async fn l4_requests_to_providers_are_limited() {
    let provider = Provider::start().await;
    let app = provider.app_with("[rate_limits]\nenabled = true\nauthorization_per_client = 2\n").await;
    let request = json!({ "provider": "example", "purpose": "sign_in" });
    for status in [201, 201, 429] {
        app.guest().post("/authorization-requests", request.clone()).await.is(status);
    }
    assert_eq!(app.rows("SELECT count(*)::text FROM authorization_request").await, ["2"]);
}

#[tokio::test]
async fn o3_a_client_has_the_secret_that_was_agreed_or_none() {
    let (provider, app, browser, _) = world().await;
    let beside = async |client_id: &str, client_secret: &str| {
        let lines = format!("client_id = '{client_id}'\nclient_secret = '{client_secret}'");
        let beside = app.another(&provider.settings_with("example", &lines)).await;
        beside.app.clock.advance(app.app.now() - beside.app.now());
        beside
    };
    let public = provider.public_client().await;
    signs_in(&beside(&public.id, "").await, &browser).await;
    // A wrong one is the operator's mistake, and nothing that the person could do anything about.
    let wrong = beside(&provider.client.id, "not the secret").await;
    let body = fetches(&wrong.guest(), &browser, "sign_in").await;
    wrong.guest().post(BY_IDENTITY, body.clone()).await.is_problem(503, "identity_provider_unavailable");
    app.guest().post(BY_IDENTITY, body).await.is(201);
}
