//! Sessions: signing in and out, access tokens that cannot be forged, refresh tokens that are good once.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::keys::{new_signing_pem, random, sha256};
use sea_orm::sqlx::{AssertSqlSafe, Connection, PgConnection, query_scalar};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::support::{Client, PASSWORD, Reply, TestApp};

async fn register(app: &TestApp, username: &str) {
    let body =
        json!({ "username": username, "email": format!("{username}@example.org"), "password": PASSWORD });
    app.guest().post("/accounts", body).await.is(201);
}

/// Signs in and gives the whole answer, refresh token included.
async fn begin(app: &TestApp, login: &str) -> Reply {
    let body = json!({ "login": login, "password": PASSWORD });
    app.guest().post("/sessions", body).await.is(201)
}

async fn refresh(app: &TestApp, token: &str) -> Reply {
    app.guest().post("/sessions/refresh", json!({ "refresh_token": token })).await
}

fn refresh_token(reply: &Reply) -> String {
    reply.text("/refresh_token")
}

/// Somebody with the access token of this answer.
fn bearer(app: &TestApp, reply: &Reply) -> Client {
    app.bearer(&reply.text("/access_token"))
}

/// The identifier of a client's own session.
async fn session_of(client: &Client) -> String {
    let sessions = client.get("/sessions").await.is(200);
    let items = sessions.body["items"].as_array().unwrap();
    let current = items.iter().find(|session| session["current"] == true).unwrap();
    current["id"].as_str().unwrap().to_owned()
}

async fn count(app: &TestApp, query: &'static str) -> i64 {
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    query_scalar(query).fetch_one(&mut db).await.unwrap()
}

#[tokio::test]
async fn signing_in_gives_tokens_and_the_account() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let mut reply = begin(&app, "alice").await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(
        reply.header("location").unwrap(),
        format!("/api/v1/sessions/{}", session_of(&bearer(&app, &reply)).await)
    );
    // 256 random bits in base64url behind a prefix that scanners for secrets can look for.
    let token = refresh_token(&reply);
    let bits = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix("otw_rt_").unwrap()).unwrap();
    assert_eq!(bits.len(), 32);
    reply.body["access_token"] = "…".into();
    reply.body["refresh_token"] = "…".into();
    reply.matches(expect![[r#"
        {
          "access_token": "…",
          "account": {
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
          },
          "expires_in": 600,
          "refresh_token": "…",
          "token_type": "Bearer"
        }
    "#]]);
}

#[tokio::test]
async fn people_sign_in_by_name_or_address_in_any_case() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    for login in ["alice", "ALICE", "Ａｌｉｃｅ", "alice@example.org", "Alice@Example.ORG"] {
        let reply = begin(&app, login).await;
        assert_eq!(reply.text("/account/username"), "alice", "{login}");
    }
    for password in ["", "Correct horse battery staple", "correct horse battery staple "] {
        let body = json!({ "login": "alice", "password": password });
        app.guest().post("/sessions", body).await.is_problem(401, "wrong_credentials");
    }
}

#[tokio::test]
async fn an_account_signs_in_many_times_at_once() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    for at_once in [4, 20] {
        let sign_ins: JoinSet<Reply> = (0..at_once)
            .map(|_| {
                let app = app.clone();
                async move { begin(&app, "alice").await }
            })
            .collect();
        for reply in sign_ins.join_all().await {
            bearer(&app, &reply).get("/me").await.is(200);
        }
    }
    assert_eq!(count(&app, "SELECT count(*) FROM session").await, 24);
    assert_eq!(count(&app, "SELECT count(*) FROM event WHERE kind = 'session_began'").await, 24);
}

#[tokio::test]
async fn b7_sign_ins_are_read_strictly() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let guest = app.guest();
    for (body, field, code) in [
        (json!({ "login": "alice" }), "password", "missing"),
        (json!({ "password": PASSWORD }), "login", "missing"),
        (json!({ "login": 1, "password": PASSWORD }), "login", "wrong_type"),
        (json!({ "login": "alice", "password": null }), "password", "wrong_type"),
        (json!({ "login": "alice", "password": PASSWORD, "role": "administrator" }), "role", "unknown_field"),
    ] {
        guest.post("/sessions", body).await.refuses(&[(field, code)]);
    }
    for (body, field, code) in [
        (json!({}), "refresh_token", "missing"),
        (json!({ "refresh_token": 1 }), "refresh_token", "wrong_type"),
        (json!({ "refresh_token": "x", "sub": "x" }), "sub", "unknown_field"),
    ] {
        guest.post("/sessions/refresh", body).await.refuses(&[(field, code)]);
    }
    assert_eq!(count(&app, "SELECT count(*) FROM session").await, 0);
}

// Access tokens. Forgeries are signed with the server's own key, so that nothing but the one thing that is
// wrong with them can be what refuses them.

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Signs any text as if it were a header and claims.
fn sign_text(app: &TestApp, header: &str, claims: &str) -> String {
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(app.app.keys.signing_key().pkcs8()).unwrap();
    let input = format!("{}.{}", base64url(header), base64url(claims));
    let signature = key.sign(input.as_bytes());
    format!("{input}.{}", base64url(signature))
}

/// A forger who has seen one good token.
struct Forger {
    app: TestApp,
    token: String,
    header: Value,
    claims: Value,
}

impl Forger {
    async fn new() -> Self {
        let app = TestApp::new().await;
        register(&app, "alice").await;
        register(&app, "bob").await;
        let token = begin(&app, "alice").await.text("/access_token");
        let forger = Self { header: part(&token, 0), claims: part(&token, 1), app, token };
        // What follows proves something only if the forger can make good tokens.
        let same = forger.with_claims(|_| {});
        forger.passes(&same).await;
        forger
    }

    fn with_claims(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        sign_text(&self.app, &self.header.to_string(), &claims.to_string())
    }

    fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header.clone();
        change(&mut header);
        sign_text(&self.app, &header.to_string(), &self.claims.to_string())
    }

    async fn passes(&self, token: &str) {
        self.app.bearer(token).get("/me").await.is(200);
    }

    /// Fails the test unless the token is refused, where signing in is needed and where it is not.
    async fn fails(&self, token: &str, what: &str) {
        for path in ["/me", "/topics"] {
            let reply = self.app.bearer(token).get(path).await;
            assert_eq!(reply.status, 401, "{what} on {path}: {:#}", reply.body);
            assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
            reply.is_problem(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn t1_access_tokens_are_made_by_rfc_9068() {
    let forger = Forger::new().await;
    let mut claims = forger.claims.clone();
    claims["jti"] = "…".into();
    expect![[r#"
        {
          "aud": "otherwise",
          "client_id": "otherwise-api",
          "exp": 1768479000,
          "iat": 1768478400,
          "iss": "http://127.0.0.1:8080",
          "jti": "…",
          "sid": "00000000-0000-7000-8000-000000000003",
          "sub": "00000000-0000-7000-8000-000000000001"
        }
    "#]]
    .assert_eq(&format!("{claims:#}\n"));
    let key = forger.app.app.keys.signing_key();
    let kid = key.kid();
    assert_eq!(forger.header, json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid }));
}

#[tokio::test]
async fn t1_every_claim_is_needed_and_checked() {
    let forger = Forger::new().await;
    let names = ["iss", "aud", "sub", "exp", "iat", "jti", "client_id", "sid"];
    assert_eq!(forger.claims.as_object().unwrap().len(), names.len());
    for name in names {
        let missing = forger.with_claims(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        forger.fails(&missing, &format!("no {name}")).await;
        for wrong in [json!(null), json!([]), json!({}), json!(true), json!("")] {
            let what = format!("{name} = {wrong}");
            let token = forger.with_claims(|claims| claims[name] = wrong);
            forger.fails(&token, &what).await;
        }
    }
    let others = begin(&forger.app, "bob").await.text("/access_token");
    let others = part(&others, 1);
    for (name, wrong) in [
        ("iss", json!("http://other.example")),
        ("iss", json!(["http://127.0.0.1:8080"])),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("sub", json!("00000000-0000-7000-8000-0000000000ff")),
        // One's own session with another account, and the other way round.
        ("sub", others["sub"].clone()),
        ("sid", others["sid"].clone()),
        ("sid", json!("00000000-0000-7000-8000-0000000000ff")),
        ("client_id", json!("other")),
        ("jti", json!("not a UUID")),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(1_768_478_400 - 6)),
        ("iat", json!(1_768_478_400 + 6)),
        ("iat", json!(i64::MAX)),
    ] {
        let what = format!("{name} = {wrong}");
        let token = forger.with_claims(|claims| claims[name] = wrong);
        forger.fails(&token, &what).await;
    }
    let early = forger.with_claims(|claims| claims["nbf"] = json!(i64::MAX / 2));
    forger.fails(&early, "nbf in the future").await;
}

#[tokio::test]
async fn t1_no_other_algorithm_will_do() {
    let forger = Forger::new().await;
    let claims = base64url(forger.claims.to_string());
    let signature = forger.token.split('.').nth(2).unwrap();
    for alg in ["none", "NONE", "None", "nOnE", ""] {
        let mut header = forger.header.clone();
        header["alg"] = alg.into();
        let input = format!("{}.{claims}", base64url(header.to_string()));
        for token in [format!("{input}."), input.clone(), format!("{input}.{signature}")] {
            forger.fails(&token, &format!("alg {alg:?}")).await;
        }
    }
    let public = forger.app.app.keys.signing_key().public().to_vec();
    let der = [hex("302a300506032b6570032100"), public.clone()].concat();
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(&der));
    for secret in [public.clone(), der, pem.clone().into(), pem.trim_end().into(), base64url(&public).into()]
    {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let mut header = forger.header.clone();
            header["alg"] = alg.into();
            let input = format!("{}.{claims}", base64url(header.to_string()));
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), input.as_bytes());
            let token = format!("{input}.{}", base64url(tag));
            forger.fails(&token, &format!("{alg} with the public key")).await;
        }
    }
    for alg in ["ES256", "RS256", "PS256", "EdDSA2", "eddsa"] {
        let token = forger.with_header(|header| header["alg"] = alg.into());
        forger.fails(&token, alg).await;
    }
    let none = forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("alg")));
    forger.fails(&none, "no alg").await;
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn t1_keys_come_from_our_own_store_only() {
    let forger = Forger::new().await;
    let pem = new_signing_pem().unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let stranger =
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&BASE64_STANDARD.decode(body).unwrap()).unwrap();
    let jwk = |public: &[u8]| json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(public) });
    let sign_as_stranger = |header: &Value| {
        let input = format!("{}.{}", base64url(header.to_string()), base64url(forger.claims.to_string()));
        let signature = stranger.sign(input.as_bytes());
        format!("{input}.{}", base64url(signature))
    };

    forger.fails(&sign_as_stranger(&forger.header), "another key").await;
    let strangers = stranger.public_key().as_ref();
    let ours = forger.app.app.keys.signing_key().public().to_vec();
    for (name, value) in [
        ("jwk", jwk(strangers)),
        ("jwk", jwk(&ours)),
        ("jku", json!("https://forger.example/keys.json")),
        ("x5u", json!("https://forger.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("x")),
        ("x5t#S256", json!("x")),
    ] {
        let mut header = forger.header.clone();
        header[name] = value;
        forger.fails(&sign_as_stranger(&header), &format!("{name} of another key")).await;
        // Even with a good signature: nobody honest sends these.
        let token = sign_text(&forger.app, &header.to_string(), &forger.claims.to_string());
        forger.fails(&token, &format!("{name} beside a good signature")).await;
    }
    let unknown = base64url(&sha256(strangers)[..12]);
    for kid in [&unknown, "", "../../dev/null", "' OR 1=1 --", "\u{0}"] {
        let token = forger.with_header(|header| header["kid"] = kid.into());
        forger.fails(&token, &format!("kid {kid:?}")).await;
    }
    let none = forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("kid")));
    forger.fails(&none, "no kid").await;
}

#[tokio::test]
async fn t1_only_access_tokens_are_access_tokens() {
    let forger = Forger::new().await;
    for typ in ["JWT", "", "rt+jwt", "email+jwt", "at", "at+jwt+x"] {
        let token = forger.with_header(|header| header["typ"] = typ.into());
        forger.fails(&token, &format!("typ {typ:?}")).await;
    }
    let none = forger.with_header(|header| drop(header.as_object_mut().unwrap().remove("typ")));
    forger.fails(&none, "no typ").await;

    let refresh_token = refresh_token(&begin(&forger.app, "alice").await);
    forger.fails(&refresh_token, "a refresh token").await;
    for token in [&forger.token, refresh_token.trim_start_matches("otw_rt_"), "", "otw_rt_", "x"] {
        refresh(&forger.app, token).await.is_problem(401, "invalid_refresh_token");
    }
}

#[tokio::test]
async fn t2_times_are_numbers() {
    let forger = Forger::new().await;
    for (name, wrong) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(1e300)),
        ("exp", json!([9_999_999_999_i64])),
        ("iat", json!("1768478400")),
        ("nbf", json!("1768478400")),
        ("nbf", json!("0")),
    ] {
        let what = format!("{name} = {wrong}");
        let token = forger.with_claims(|claims| claims[name] = wrong);
        forger.fails(&token, &what).await;
    }
    let endless = forger.with_claims(|claims| claims["exp"] = json!(i64::MAX));
    let reply = forger.app.bearer(&endless).get("/me").await;
    assert!(reply.status < 500, "{:#}", reply.body);
}

#[tokio::test]
async fn t3_tokens_are_good_for_ten_minutes_and_a_leeway_of_seconds() {
    let forger = Forger::new().await;
    let clock = &forger.app.app.clock;
    clock.advance(TimeDelta::seconds(600));
    forger.passes(&forger.token).await;
    clock.advance(TimeDelta::seconds(4));
    forger.passes(&forger.token).await;
    clock.advance(TimeDelta::seconds(1));
    forger.fails(&forger.token, "expired beyond the leeway").await;
}

#[tokio::test]
async fn t3_tokens_have_at_most_8_kib() {
    let forger = Forger::new().await;
    // Three bytes of claims are four of the token.
    let pad_to = |pad: usize| forger.with_claims(|claims| claims["pad"] = "x".repeat(pad).into());
    let empty = pad_to(0).len();
    let nearly = (8192 - empty) / 4 * 3;
    let largest =
        (nearly - 8..nearly + 8).map(pad_to).take_while(|token| token.len() <= 8192).last().unwrap();
    assert!(largest.len() > 8188, "{}", largest.len());
    forger.passes(&largest).await;
    let over = pad_to(nearly + 12);
    assert!(over.len() > 8192 && over.len() < 8220, "{}", over.len());
    forger.fails(&over, "over 8 KiB").await;
    forger.fails(&"x".repeat(16_000), "very long").await;
    // As long as no header may be.
    forger.app.bearer(&"x".repeat(100_000)).get("/me").await.is_problem(431, "headers_too_large");
}

#[tokio::test]
async fn t3_tokens_are_neither_compressed_nor_encrypted_nor_doubled() {
    let forger = Forger::new().await;
    for (name, value) in
        [("zip", json!("DEF")), ("enc", json!("A128GCM")), ("crit", json!(["exp"])), ("crit", json!(["b64"]))]
    {
        let token = forger.with_header(|header| header[name] = value);
        forger.fails(&token, name).await;
    }
    let header = forger.header.to_string();
    let claims = forger.claims.to_string();
    for name in ["sub", "exp", "iss", "sid", "client_id"] {
        let doubled = claims.replacen('{', &format!("{{\"{name}\":{},", forger.claims[name]), 1);
        let token = sign_text(&forger.app, &header, &doubled);
        forger.fails(&token, &format!("{name} twice")).await;
    }
    for name in ["alg", "kid", "typ"] {
        let doubled = header.replacen('{', &format!("{{\"{name}\":{},", forger.header[name]), 1);
        let token = sign_text(&forger.app, &doubled, &claims);
        forger.fails(&token, &format!("{name} twice")).await;
    }
}

#[tokio::test]
async fn t3_tampered_and_broken_tokens_are_refused() {
    let forger = Forger::new().await;
    let parts: Vec<&str> = forger.token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{}", forger.token);
    };
    let mut other = forger.claims.clone();
    other["exp"] = json!(9_999_999_999_i64);
    for (token, what) in [
        (format!("{header}.{}.{signature}", base64url(other.to_string())), "other claims"),
        (format!("{header}.{claims}."), "no signature"),
        (format!("{header}.{claims}"), "two parts"),
        (format!("{header}.{claims}.{signature}."), "four parts"),
        (format!("{header}.{claims}.{signature}.{signature}"), "a second signature"),
        (format!("{header}.{claims}.{}", &signature[1..]), "a cut signature"),
        (format!("{header}.{claims}.{signature}=="), "padding"),
        (format!("..{signature}"), "empty parts"),
        (format!("{header}..{signature}"), "no claims"),
        (format!("{}.{claims}.{signature}", base64url("{}")), "an empty header"),
        (format!("{}.{claims}.{signature}", base64url("[]")), "a header that is a list"),
        ("...".to_owned(), "dots"),
        ("\"".to_owned() + &forger.token + "\"", "quotes"),
    ] {
        forger.fails(&token, what).await;
    }
    // Any character changed anywhere.
    for i in (0..forger.token.len()).step_by(7) {
        let mut bytes = forger.token.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).unwrap();
        forger.fails(&token, &format!("character {i}")).await;
    }
}

#[tokio::test]
async fn t1_a_token_of_another_server_is_no_good() {
    let app = TestApp::new().await;
    let token = app.member("alice").await.token.unwrap();
    let moved = app.another("[server]\npublic_url = \"https://debates.example\"").await;
    moved.bearer(&token).get("/me").await.is_problem(401, "invalid_token");
    let beside = app.another("").await;
    beside.bearer(&token).get("/me").await.is(200);
}

#[tokio::test]
async fn only_the_bearer_scheme_is_taken_and_nothing_else_is_anonymous() {
    let app = TestApp::new().await;
    let token = app.member("alice").await.token.unwrap();
    let basic = BASE64_STANDARD.encode(format!("alice:{PASSWORD}"));
    for value in [
        String::new(),
        " ".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer null".to_owned(),
        "Bearer undefined".to_owned(),
        token.clone(),
        format!("Token {token}"),
        format!("Basic {basic}"),
        format!("Bearer{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},Bearer {token}"),
        format!("Basic {basic}, Bearer {token}"),
        format!("DPoP {token}"),
    ] {
        for path in ["/me", "/topics", "/accounts/alice", "/sessions"] {
            let reply = app.guest().with("authorization", &value).get(path).await;
            assert_eq!(reply.status, 401, "{value:?} on {path}");
            reply.is_problem(401, "invalid_token");
        }
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let value = format!("{scheme} {token}");
        app.guest().with("authorization", &value).get("/me").await.is(200);
    }
    let missing = app.guest().get("/me").await;
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    missing.is_problem(401, "unauthenticated");
    app.guest().get("/topics").await.is(200);
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let app = TestApp::new().await;
    let token = app.member("alice").await.token.unwrap();
    let status = async |headers: &[String]| {
        let mut request = Request::get("/api/v1/me");
        for value in headers {
            request = request.header("authorization", value);
        }
        let request = request.body(Body::empty()).unwrap();
        app.router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let good = format!("Bearer {token}");
    assert_eq!(status(std::slice::from_ref(&good)).await, 200);
    assert_eq!(status(&[good.clone(), good.clone()]).await, 401);
    assert_eq!(status(&[good.clone(), "Bearer x".to_owned()]).await, 401);
    assert_eq!(status(&["Basic x".to_owned(), good]).await, 401);
}

#[tokio::test]
async fn t5_signing_out_ends_the_tokens_of_that_session_at_once() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let (first, second) = (begin(&app, "alice").await, begin(&app, "alice").await);
    let (one, other) = (bearer(&app, &first), bearer(&app, &second));
    one.delete("/sessions/current").await.is(204);
    for path in ["/me", "/topics"] {
        one.get(path).await.is_problem(401, "invalid_token");
    }
    refresh(&app, &refresh_token(&first)).await.is_problem(401, "invalid_refresh_token");
    one.delete("/sessions/current").await.is_problem(401, "invalid_token");
    // On a server beside this one, too.
    app.another("")
        .await
        .bearer(&first.text("/access_token"))
        .get("/me")
        .await
        .is_problem(401, "invalid_token");

    other.get("/me").await.is(200);
    refresh(&app, &refresh_token(&second)).await.is(200);
}

#[tokio::test]
async fn t5_a_deleted_account_has_no_sessions() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let session = begin(&app, "alice").await;
    bearer(&app, &session).get("/me").await.is(200);
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    sea_orm::sqlx::query("UPDATE account SET state = 'deleted' WHERE username = 'alice'")
        .execute(&mut db)
        .await
        .unwrap();
    bearer(&app, &session).get("/me").await.is_problem(401, "invalid_token");
    refresh(&app, &refresh_token(&session)).await.is_problem(401, "invalid_refresh_token");
    app.guest()
        .post("/sessions", json!({ "login": "alice", "password": PASSWORD }))
        .await
        .is_problem(401, "wrong_credentials");
}

/// Every row of these tables as text; bytes are written in hexadecimal.
async fn dump(app: &TestApp) -> String {
    let mut db = PgConnection::connect(app.database_url()).await.unwrap();
    let mut dump = String::new();
    for table in ["account", "session", "refresh_token", "idempotency_key", "event"] {
        let rows: Vec<String> = query_scalar(AssertSqlSafe(format!("SELECT t::text FROM {table} t")))
            .fetch_all(&mut db)
            .await
            .unwrap();
        assert!(!rows.is_empty(), "{table}");
        dump.push_str(&rows.join("\n"));
    }
    dump
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[tokio::test]
async fn r1_the_database_has_no_token_and_no_password() {
    let app = TestApp::new().await;
    let guest = app.guest();
    let registration = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
    guest.with("idempotency-key", "register").post("/accounts", registration).await.is(201);
    let credentials = json!({ "login": "alice", "password": PASSWORD });
    let first = guest.with("idempotency-key", "sign-in").post("/sessions", credentials).await.is(201);
    let second = refresh(&app, &refresh_token(&first)).await.is(200);
    let dump = dump(&app).await;

    let mut secrets = vec![PASSWORD.to_owned(), to_hex(PASSWORD.as_bytes())];
    for reply in [&first, &second] {
        let access = reply.text("/access_token");
        let signature = access.rsplit('.').next().unwrap().to_owned();
        let refresh = refresh_token(reply);
        let body = refresh.trim_start_matches("otw_rt_").to_owned();
        let raw = BASE64_URL_SAFE_NO_PAD.decode(&body).unwrap();
        // The dump is one in which it would be found: the hash of each refresh token is there.
        assert!(dump.contains(&to_hex(&sha256(&raw))));
        secrets.extend([to_hex(&raw), to_hex(body.as_bytes()), to_hex(signature.as_bytes())]);
        secrets.extend([access, signature, refresh, body]);
    }
    for secret in secrets {
        assert!(!dump.contains(&secret), "{secret} is in the database");
    }
    // Neither does a hash from the database refresh anything.
    let raw = BASE64_URL_SAFE_NO_PAD.decode(refresh_token(&second).trim_start_matches("otw_rt_")).unwrap();
    refresh(&app, &format!("otw_rt_{}", base64url(sha256(&raw))))
        .await
        .is_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn r1_refresh_tokens_cannot_be_guessed_from_others() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let first = refresh_token(&begin(&app, "alice").await);
    let second = refresh_token(&begin(&app, "alice").await);
    assert_ne!(first, second);
    for guess in [
        format!("otw_rt_{}", base64url(random::<32>().unwrap())),
        format!("otw_rt_{}", base64url([0; 32])),
        format!("otw_rt_{}", base64url([0; 31])),
        format!("{first}A"),
        first.to_uppercase(),
        first.replace("otw_rt_", "OTW_RT_"),
        "otw_rt_\u{0}".to_owned(),
    ] {
        refresh(&app, &guess).await.is_problem(401, "invalid_refresh_token");
    }
    refresh(&app, &first).await.is(200);
}

#[tokio::test]
async fn r1_a_session_that_rests_too_long_ends() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let session = begin(&app, "alice").await;
    app.app.clock.advance(TimeDelta::hours(720) - TimeDelta::seconds(1));
    let session = refresh(&app, &refresh_token(&session)).await.is(200);
    // Refreshing starts the time anew.
    app.app.clock.advance(TimeDelta::hours(720) - TimeDelta::seconds(1));
    let session = refresh(&app, &refresh_token(&session)).await.is(200);
    app.app.clock.advance(TimeDelta::hours(720));
    refresh(&app, &refresh_token(&session)).await.is_problem(401, "invalid_refresh_token");
    let now = bearer(&app, &begin(&app, "alice").await);
    let sessions = now.get("/sessions").await.is(200);
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn r1_a_session_ends_however_often_it_is_refreshed() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let mut session = begin(&app, "alice").await;
    for _ in 0..4 {
        app.app.clock.advance(TimeDelta::hours(500));
        session = refresh(&app, &refresh_token(&session)).await.is(200);
    }
    app.app.clock.advance(TimeDelta::hours(160) - TimeDelta::seconds(1));
    session = refresh(&app, &refresh_token(&session)).await.is(200);
    bearer(&app, &session).get("/me").await.is(200);
    app.app.clock.advance(TimeDelta::seconds(1));
    // Its access token is good for ten minutes more, and the session is not.
    bearer(&app, &session).get("/me").await.is_problem(401, "invalid_token");
    refresh(&app, &refresh_token(&session)).await.is_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn r1_sessions_of_the_staff_are_shorter() {
    let app = TestApp::new().await;
    app.administrator("carol").await;
    let resting = begin(&app, "carol").await;
    let mut busy = begin(&app, "carol").await;
    app.app.clock.advance(TimeDelta::hours(8));
    busy = refresh(&app, &refresh_token(&busy)).await.is(200);
    app.app.clock.advance(TimeDelta::hours(4));
    refresh(&app, &refresh_token(&resting)).await.is_problem(401, "invalid_refresh_token");
    busy = refresh(&app, &refresh_token(&busy)).await.is(200);
    app.app.clock.advance(TimeDelta::hours(12) - TimeDelta::seconds(1));
    busy = refresh(&app, &refresh_token(&busy)).await.is(200);
    app.app.clock.advance(TimeDelta::seconds(1));
    refresh(&app, &refresh_token(&busy)).await.is_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn refreshing_answers_like_signing_in() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let first = begin(&app, "alice").await;
    app.app.clock.advance(TimeDelta::seconds(60));
    let mut second = refresh(&app, &refresh_token(&first)).await.is(200);
    assert_eq!(second.header("cache-control"), Some("no-store"));
    assert_ne!(first.text("/access_token"), second.text("/access_token"));
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(session_of(&bearer(&app, &first)).await, session_of(&bearer(&app, &second)).await);
    second.body["access_token"] = first.body["access_token"].clone();
    second.body["refresh_token"] = first.body["refresh_token"].clone();
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn r2_a_token_used_again_ends_its_session() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let untouched = begin(&app, "alice").await;
    let first = begin(&app, "alice").await;
    let second = refresh(&app, &refresh_token(&first)).await.is(200);
    app.app.clock.advance(TimeDelta::seconds(11));
    bearer(&app, &second).get("/me").await.is(200);
    refresh(&app, &refresh_token(&first)).await.is_problem(401, "invalid_refresh_token");
    refresh(&app, &refresh_token(&second)).await.is_problem(401, "invalid_refresh_token");
    for ended in [&first, &second] {
        bearer(&app, ended).get("/me").await.is_problem(401, "invalid_token");
    }
    let recorded = count(&app, "SELECT count(*) FROM event WHERE kind = 'refresh_token_reused'").await;
    assert_eq!(recorded, 1);
    bearer(&app, &untouched).get("/me").await.is(200);
    refresh(&app, &refresh_token(&untouched)).await.is(200);
}

#[tokio::test]
async fn r3_refreshes_at_once_have_one_successor() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let first = begin(&app, "alice").await;
    let token = refresh_token(&first);
    let refreshes: JoinSet<Reply> = (0..20)
        .map(|_| {
            let (app, token) = (app.clone(), token.clone());
            async move { refresh(&app, &token).await.is(200) }
        })
        .collect();
    let replies = refreshes.join_all().await;
    let successor = refresh_token(&replies[0]);
    for reply in &replies {
        assert_eq!(refresh_token(reply), successor);
        bearer(&app, reply).get("/me").await.is(200);
    }
    assert_eq!(count(&app, "SELECT count(*) FROM refresh_token").await, 2);

    app.app.clock.advance(TimeDelta::seconds(10));
    assert_eq!(refresh_token(&refresh(&app, &token).await.is(200)), successor);
    app.app.clock.advance(TimeDelta::seconds(1));
    refresh(&app, &token).await.is_problem(401, "invalid_refresh_token");
    refresh(&app, &successor).await.is_problem(401, "invalid_refresh_token");
    for reply in &replies {
        bearer(&app, reply).get("/me").await.is_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn r3_a_repeat_after_the_successor_was_used_ends_the_session() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let first = begin(&app, "alice").await;
    let second = refresh(&app, &refresh_token(&first)).await.is(200);
    let third = refresh(&app, &refresh_token(&second)).await.is(200);
    // Not a second later, and yet nobody lost an answer: it was used.
    refresh(&app, &refresh_token(&first)).await.is_problem(401, "invalid_refresh_token");
    refresh(&app, &refresh_token(&third)).await.is_problem(401, "invalid_refresh_token");
    bearer(&app, &third).get("/me").await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn r3_the_successor_is_the_same_on_another_server() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let token = refresh_token(&begin(&app, "alice").await);
    let second = refresh(&app, &token).await.is(200);
    let beside = app.another("").await;
    let again = refresh(&beside, &token).await.is(200);
    assert_eq!(refresh_token(&second), refresh_token(&again));
}

#[tokio::test]
async fn r4_people_list_their_sessions() {
    let app = TestApp::new().await;
    app.member("bob").await;
    register(&app, "alice").await;
    let body = json!({ "login": "alice", "password": PASSWORD });
    let long_agent = "x".repeat(500);
    app.guest().with("user-agent", "Lynx/2.9").post("/sessions", body.clone()).await.is(201);
    app.app.clock.advance(TimeDelta::seconds(60));
    let second = app.guest().with("user-agent", &long_agent).post("/sessions", body).await.is(201);
    let sessions = bearer(&app, &second).get("/sessions").await.is(200);
    assert_eq!(sessions.header("cache-control"), Some("no-store"));
    assert_eq!(sessions.body["items"][0]["user_agent"], "x".repeat(200));
    let mut sessions = sessions;
    sessions.body["items"][0]["user_agent"] = "…".into();
    sessions.matches(expect![[r#"
        {
          "items": [
            {
              "client_address": "203.0.113.7",
              "created_at": "2026-01-15T12:01:00Z",
              "current": true,
              "expires_at": "2026-04-15T12:01:00Z",
              "id": "00000000-0000-7000-8000-000000000005",
              "last_used_at": "2026-01-15T12:01:00Z",
              "user_agent": "…"
            },
            {
              "client_address": "203.0.113.7",
              "created_at": "2026-01-15T12:00:00Z",
              "current": false,
              "expires_at": "2026-04-15T12:00:00Z",
              "id": "00000000-0000-7000-8000-000000000004",
              "last_used_at": "2026-01-15T12:00:00Z",
              "user_agent": "Lynx/2.9"
            }
          ],
          "next": null
        }
    "#]]);
    app.guest().get("/sessions").await.is_problem(401, "unauthenticated");
}

#[tokio::test]
async fn r4_the_list_of_sessions_comes_in_pages() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let mut begun = Vec::new();
    let mut client = app.guest();
    for _ in 0..7 {
        client = bearer(&app, &begin(&app, "alice").await);
        begun.insert(0, session_of(&client).await);
    }
    let mut walked = Vec::new();
    let mut path = "/sessions?limit=3".to_owned();
    for size in [3, 3, 1] {
        let page = client.get(&path).await.is(200);
        let items = page.body["items"].as_array().unwrap();
        assert_eq!(items.len(), size);
        walked.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.body["next"].as_str() {
            Some(next) => path = format!("/sessions?limit=3&after={next}"),
            None => assert_eq!(walked.len(), 7),
        }
    }
    assert_eq!(walked, begun);
}

#[tokio::test]
async fn r4_people_end_their_own_sessions_and_nobody_else_s() {
    let app = TestApp::new().await;
    register(&app, "alice").await;
    let (first, second) = (begin(&app, "alice").await, begin(&app, "alice").await);
    let (one, other) = (bearer(&app, &first), bearer(&app, &second));
    let bob = app.member("bob").await;
    let of_one = format!("/sessions/{}", session_of(&one).await);
    let of_bob = format!("/sessions/{}", session_of(&bob).await);

    // Someone else's is answered like one that does not exist.
    let foreign = one.delete(&of_bob).await.is_problem(404, "not_found");
    let unknown =
        one.delete("/sessions/00000000-0000-7000-8000-0000000000ff").await.is_problem(404, "not_found");
    assert_eq!(foreign.body["detail"], unknown.body["detail"]);
    one.delete("/sessions/not-a-uuid").await.is_problem(404, "not_found");
    bob.get("/me").await.is(200);
    app.guest().delete(&of_one).await.is_problem(401, "unauthenticated");

    let ended = other.delete(&of_one).await.is(204);
    assert!(ended.bytes.is_empty());
    one.get("/me").await.is_problem(401, "invalid_token");
    other.delete(&of_one).await.is_problem(404, "not_found");
    let left = other.get("/sessions").await.is(200);
    assert_eq!(left.body["items"].as_array().unwrap().len(), 1);
    other.delete("/sessions/current").await.is(204);
    other.get("/me").await.is_problem(401, "invalid_token");
}

#[tokio::test]
async fn b6_a_forged_address_is_believed_from_trusted_proxies_only() {
    for (settings, forwarded, expected) in [
        ("", "198.51.100.9", "203.0.113.7"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]", "198.51.100.9", "203.0.113.7"),
        ("[server]\ntrusted_proxies = [\"203.0.113.0/24\"]", "198.51.100.9", "198.51.100.9"),
        // To the left of what the proxy saw stands what the client made up.
        ("[server]\ntrusted_proxies = [\"203.0.113.7\"]", "192.0.2.1, 198.51.100.9", "198.51.100.9"),
        ("[server]\ntrusted_proxies = [\"203.0.113.7\"]", "not an address", "203.0.113.7"),
    ] {
        let app = TestApp::with(settings).await;
        register(&app, "alice").await;
        let session = app
            .guest()
            .with("x-forwarded-for", forwarded)
            .with("forwarded", "for=192.0.2.2")
            .with("x-real-ip", "192.0.2.3")
            .post("/sessions", json!({ "login": "alice", "password": PASSWORD }))
            .await
            .is(201);
        let sessions = bearer(&app, &session).get("/sessions").await.is(200);
        assert_eq!(sessions.text("/items/0/client_address"), expected, "{settings}: {forwarded}");
    }
}

// Limits. Buckets follow the real clock and refill one request at a time: with these numbers the next
// would be let through after ten seconds at the earliest.

fn limits(lines: &str) -> String {
    format!("[rate_limits]\nenabled = true\n{lines}\n[server]\ntrusted_proxies = [\"203.0.113.7\"]")
}

/// The reply of a limit that has fired.
#[track_caller]
fn is_limited(reply: Reply, name: &str, quota: u32, window: u32) {
    let wait: u32 = reply.header("retry-after").unwrap_or_default().parse().unwrap();
    assert!((1..=window / quota + 1).contains(&wait), "{wait}");
    assert_eq!(reply.header("ratelimit-policy").unwrap(), format!("\"{name}\";q={quota};w={window}"));
    assert_eq!(reply.header("ratelimit").unwrap(), format!("\"{name}\";r=0;t={wait}"));
    reply.is_problem(429, "rate_limited");
}

#[track_caller]
fn has_left(reply: &Reply, name: &str, left: u32) {
    let header = reply.header("ratelimit").unwrap();
    assert!(header.starts_with(&format!("\"{name}\";r={left};")), "{header}");
}

#[tokio::test]
async fn l4_reads_are_limited() {
    let app = TestApp::with(&limits("read_per_minute = 3")).await;
    let guest = app.guest();
    for left in [2, 1, 0] {
        let reply = guest.get("/topics").await.is(200);
        assert_eq!(reply.header("ratelimit-policy"), Some("\"read\";q=3;w=60"));
        has_left(&reply, "read", left);
    }
    for path in ["/topics", "/accounts/alice", "/topics/none/thread", "/me"] {
        is_limited(guest.get(path).await, "read", 3, 60);
    }
    // Other people are not, wherever they are, and neither are writes.
    guest.with("x-forwarded-for", "198.51.100.9").get("/topics").await.is(200);
    register(&app, "alice").await;
    let alice = bearer(&app, &begin(&app, "alice").await);
    for _ in 0..3 {
        alice.get("/me").await.is(200);
    }
    is_limited(alice.get("/me").await, "read", 3, 60);
    // An account is one client from wherever it asks.
    let elsewhere = alice.with("x-forwarded-for", "198.51.100.9");
    is_limited(elsewhere.get("/me").await, "read", 3, 60);
}

#[tokio::test]
async fn l4_writes_are_limited() {
    let app = TestApp::with(&limits("write_per_minute = 2")).await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    let edit = |client: &Client| {
        let client = client.with("if-match", "*");
        async move {
            let body = b"{\"bio\":\"Changed.\"}".to_vec();
            client.send(Method::PATCH, "/me", Some(body)).await
        }
    };
    for left in [1, 0] {
        has_left(&edit(&alice).await.is(200), "write", left);
    }
    is_limited(edit(&alice).await, "write", 2, 60);
    is_limited(alice.post("/topics", json!({})).await, "write", 2, 60);
    is_limited(alice.delete("/sessions/current").await, "write", 2, 60);
    alice.get("/me").await.is(200);
    edit(&bob).await.is(200);
    // Refreshing is by address, since nobody is known before the token is read.
    for _ in 0..2 {
        refresh(&app, "otw_rt_x").await.is(401);
    }
    is_limited(refresh(&app, "otw_rt_x").await, "write", 2, 60);
}

#[tokio::test]
async fn l4_votes_are_limited() {
    let app = TestApp::with(&limits("vote_per_minute = 2")).await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&topic, "It would have.").await;
    let path = format!("/posts/{post}/vote");
    has_left(&bob.put(&path, json!({ "quality": 1 })).await.is(200), "vote", 1);
    has_left(&bob.delete(&path).await.is(200), "vote", 0);
    is_limited(bob.put(&path, json!({ "quality": 1 })).await, "vote", 2, 60);
    is_limited(bob.delete(&path).await, "vote", 2, 60);
    bob.posts_in(&topic, "Writing goes on.").await;
}

#[tokio::test]
async fn l4_registrations_are_limited() {
    let app = TestApp::with(&limits("register_per_hour = 2")).await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    let body = json!({ "username": "carol", "email": "carol@example.org", "password": PASSWORD });
    is_limited(app.guest().post("/accounts", body.clone()).await, "register", 2, 3600);
    app.guest().with("x-forwarded-for", "198.51.100.9").post("/accounts", body).await.is(201);
    begin(&app, "alice").await;
}

#[tokio::test]
async fn l4_sign_ins_from_an_address_are_limited() {
    let app = TestApp::with(&limits("sign_in_per_address = 3")).await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    let sign_in = |login: &'static str, password: &'static str| {
        let guest = app.guest();
        async move {
            let body = json!({ "login": login, "password": password });
            guest.post("/sessions", body).await
        }
    };
    has_left(&sign_in("alice", PASSWORD).await.is(201), "sign-in-address", 2);
    sign_in("bob", "wrong").await.is(401);
    sign_in("nobody.there", "wrong").await.is(401);
    is_limited(sign_in("bob", PASSWORD).await, "sign-in-address", 3, 900);
    // One IPv6 network is one client: rotating through it helps nobody.
    for (host, status) in [(1, 401), (2, 401), (3, 401), (4, 429)] {
        let body = json!({ "login": "alice", "password": "wrong" });
        app.guest()
            .with("x-forwarded-for", &format!("2001:db8::{host}"))
            .post("/sessions", body)
            .await
            .is(status);
    }
}

#[tokio::test]
async fn l4_sign_ins_to_an_account_are_limited_from_wherever() {
    let app = TestApp::with(&limits("sign_in_per_account = 2")).await;
    register(&app, "alice").await;
    register(&app, "bob").await;
    let sign_in = |from: u8, login: &'static str, password: &'static str| {
        let guest = app.guest().with("x-forwarded-for", &format!("198.51.100.{from}"));
        async move {
            let body = json!({ "login": login, "password": password });
            guest.post("/sessions", body).await
        }
    };
    let before = sign_in(1, "alice", PASSWORD).await.is(201);
    sign_in(2, "alice", "wrong").await.is(401);
    is_limited(sign_in(3, "ALICE", PASSWORD).await, "sign-in-account", 2, 900);
    // The address counts for itself: if it shared the limit of the name, that would tell whose it is.
    sign_in(4, "alice@example.org", "wrong").await.is(401);
    sign_in(5, "Alice@Example.org", PASSWORD).await.is(201);
    is_limited(sign_in(6, "ALICE@example.org", PASSWORD).await, "sign-in-account", 2, 900);
    sign_in(5, "bob", PASSWORD).await.is(201);
    // Those who are signed in stay signed in.
    bearer(&app, &before).get("/me").await.is(200);
    refresh(&app, &refresh_token(&before)).await.is(200);
}

#[tokio::test]
async fn p6_limits_do_not_tell_whether_there_is_an_account() {
    let app = TestApp::with(&limits("sign_in_per_account = 2")).await;
    register(&app, "alice").await;
    let attempts = async |login: &str| {
        let mut seen = Vec::new();
        for _ in 0..4 {
            let body = json!({ "login": login, "password": "wrong" });
            let reply = app.guest().post("/sessions", body).await;
            seen.push((
                reply.status,
                reply.body["code"].clone(),
                reply.header("ratelimit-policy").map(str::to_owned),
            ));
        }
        seen
    };
    let known = attempts("alice@example.org").await;
    assert_eq!(known.iter().map(|seen| seen.0).collect::<Vec<_>>(), [401, 401, 429, 429]);
    assert_eq!(attempts("nobody@example.org").await, known);
    assert_eq!(attempts("nobody.there").await, known);
    assert_eq!(attempts("not a name").await, known);
}

#[tokio::test]
async fn l4_bad_tokens_are_counted_by_address() {
    let app = TestApp::with(&limits("read_per_minute = 3")).await;
    for _ in 0..3 {
        app.bearer("x").get("/topics").await.is_problem(401, "invalid_token");
    }
    is_limited(app.bearer("x").get("/topics").await, "read", 3, 60);
}

#[tokio::test]
async fn b6_a_forged_address_does_not_escape_a_limit() {
    let app = TestApp::with("[rate_limits]\nenabled = true\nread_per_minute = 2").await;
    for i in 1..=2 {
        let guest = app.guest().with("x-forwarded-for", &format!("198.51.100.{i}"));
        guest.get("/topics").await.is(200);
    }
    let guest = app.guest().with("x-forwarded-for", "198.51.100.3");
    is_limited(guest.get("/topics").await, "read", 2, 60);
}

#[tokio::test]
async fn l4_limits_can_be_turned_off() {
    let app = TestApp::with(
        "[rate_limits]\nenabled = false\nread_per_minute = 1\nwrite_per_minute = 1\nvote_per_minute = 1\n\
         register_per_hour = 1\nsign_in_per_address = 1\nsign_in_per_account = 1",
    )
    .await;
    let alice = app.member("alice").await;
    let bob = app.member("bob").await;
    for _ in 0..3 {
        begin(&app, "alice").await;
        let reply = app.guest().get("/topics").await.is(200);
        assert_eq!(reply.header("ratelimit"), None);
        assert_eq!(reply.header("ratelimit-policy"), None);
    }
    let topic = alice.opens_topic("Had the Armada landed in Kent").await;
    for _ in 0..3 {
        let post = alice.posts_in(&topic, "It would have.").await;
        bob.judges(&post, 1).await;
        bob.judges(&post, -1).await;
    }
}
