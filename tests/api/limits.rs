//! Limits: each fires on its own route and nowhere else, those of sign-ins and mails are kept in the
//! database, and whoever guesses a password is stopped.

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::config::DEFAULTS;
use otherwise::error::Code;
use otherwise::http::limits::{self, MailRoute};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::openapi::{document, operations};
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// The settings under `[rate_limits]` that are numbers.
fn limit_settings() -> Vec<String> {
    let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
    let table = defaults["rate_limits"].as_table().unwrap();
    table.iter().filter(|(_, value)| value.is_integer()).map(|(name, _)| name.clone()).collect()
}

/// Limits that are on, and so wide that none is reached, except for these lines.
fn wide_except(lines: &str) -> String {
    let given: toml::Table = toml::from_str(lines).unwrap();
    let mut settings =
        String::from("[server]\ntrusted_proxies = [\"203.0.113.7\"]\n[rate_limits]\nenabled = true\n");
    for name in limit_settings().iter().filter(|name| !given.contains_key(*name)) {
        let wide = if name == "sign_in_failures" { 50 } else { 1_000_000 };
        settings += &format!("{name} = {wide}\n");
    }
    settings + lines
}

/// Somebody at another address each time.
fn from(app: &TestApp, host: usize) -> Client {
    app.guest().with("x-forwarded-for", &format!("198.51.{}.{}", host / 250, host % 250 + 1))
}

async fn sign_in(client: &Client, login: &str, password: &str) -> Reply {
    client.post("/sessions", json!({ "login": login, "password": password })).await
}

fn registration(name: &str) -> Value {
    json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD })
}

/// Does what one setting limits, so often that it is refused once: what came, the refusal last.
async fn exhaust(app: &TestApp, setting: &str) -> Vec<Reply> {
    let mut replies = Vec::new();
    match setting {
        "read_per_minute" => {
            for _ in 0..3 {
                replies.push(app.guest().get("/topics").await);
            }
        }
        "write_per_minute" => {
            let alice = app.member("alice").await.with("if-match", "*");
            for _ in 0..3 {
                replies.push(alice.send(Method::PATCH, "/me", Some(b"{}".to_vec())).await);
            }
        }
        "vote_per_minute" => {
            let (alice, bob) = (app.member("alice").await, app.member("bob").await);
            let topic = alice.opens_topic("Had the Armada landed in Kent").await;
            let post = alice.posts_in(&topic, "It would have.").await;
            for quality in [1, -1, 1] {
                let vote = json!({ "quality": quality });
                replies.push(bob.put(&format!("/posts/{post}/vote"), vote).await);
            }
        }
        "sign_in_per_address" => {
            for login in ["alice", "bob", "carol"] {
                replies.push(sign_in(&app.guest(), login, "wrong").await);
            }
        }
        "sign_in_per_account" | "sign_in_failures" => {
            for host in 0..3 {
                replies.push(sign_in(&from(app, host), "alice", "wrong").await);
            }
        }
        "sign_in_per_minute" => {
            for (host, login) in ["alice", "bob", "carol"].into_iter().enumerate() {
                replies.push(sign_in(&from(app, host), login, "wrong").await);
            }
        }
        "register_per_hour" => {
            for name in ["alice", "bob", "carol"] {
                replies.push(app.guest().post("/accounts", registration(name)).await);
            }
        }
        "authorization_per_client" => {
            for _ in 0..3 {
                let request = json!({ "provider": "nobody", "purpose": "sign_in" });
                replies.push(app.guest().post("/authorization-requests", request).await);
            }
        }
        "export_per_day" => {
            let alice = app.member("alice").await;
            for _ in 0..3 {
                replies.push(alice.send(Method::POST, "/me/export", None).await);
            }
        }
        "report_per_hour" => {
            let (alice, bob) = (app.member("alice").await, app.member("bob").await);
            let id = alice.get("/me").await.text("/id");
            let report = json!({ "subject": { "kind": "account", "id": id }, "rule": "spam" });
            for _ in 0..3 {
                replies.push(bob.post("/reports", report.clone()).await);
            }
        }
        "network_factor" => {
            for network in ["1", "2", "3"] {
                let address = format!("2001:db8:1:{network}::1");
                replies.push(app.guest().with("x-forwarded-for", &address).get("/topics").await);
            }
        }
        other => panic!("rate_limits.{other} has no case here: say which requests reach it"),
    }
    replies
}

#[tokio::test]
async fn l4_each_configured_limit_fires_on_its_own_route_and_nowhere_else() {
    let mut table = String::new();
    for setting in limit_settings() {
        if setting.starts_with("mail_") {
            // Below: several routes have each of these.
            continue;
        }
        let lines = match setting.as_str() {
            // Twice as much for the network as for each address in it, of which each asks once.
            "network_factor" => "read_per_minute = 1\nnetwork_factor = 2".to_owned(),
            _ => format!("{setting} = 2"),
        };
        let app = TestApp::with(&wide_except(&lines)).await;
        let mut replies = exhaust(&app, &setting).await;
        let refused = replies.pop().unwrap();
        assert_eq!(replies.len(), 2, "{setting}: as many as the limit lets through");
        for reply in &replies {
            assert!(![429, 403].contains(&reply.status), "{setting}: {:#}", reply.body);
        }
        let header = |name| refused.header(name).unwrap_or("-").to_owned();
        // How long to wait depends on the moment; that it is told, and told alike, does not.
        let wait = header("retry-after");
        let rest = header("ratelimit").replace(&format!("t={wait}"), "t=<wait>");
        table += &format!(
            "{setting}: {} {} policy {} limit {rest}\n",
            refused.status,
            refused.body["code"].as_str().unwrap(),
            header("ratelimit-policy"),
        );
        if refused.status == 429 {
            assert!(wait.parse::<u32>().unwrap() > 0, "{setting}");
        }
        // Whoever reached this limit reaches no other by it.
        if !["read_per_minute", "network_factor"].contains(&setting.as_str()) {
            app.guest().get("/topics").await.is(200);
        }
        if !setting.starts_with("register") {
            app.guest().post("/accounts", registration("dave")).await.is(201);
        }
        if !setting.starts_with("sign_in") {
            sign_in(&app.guest(), "nobody.here", "wrong").await.is(401);
        }
    }
    expect![[r#"
        authorization_per_client: 429 rate_limited policy "authorization";q=2;w=900 limit "authorization";r=0;t=<wait>
        export_per_day: 429 rate_limited policy "export";q=2;w=86400 limit "export";r=0;t=<wait>
        network_factor: 429 rate_limited policy "read-network";q=2;w=60 limit "read-network";r=0;t=<wait>
        read_per_minute: 429 rate_limited policy "read";q=2;w=60 limit "read";r=0;t=<wait>
        register_per_hour: 429 rate_limited policy "register";q=2;w=3600 limit "register";r=0;t=<wait>
        report_per_hour: 429 rate_limited policy "report";q=2;w=3600 limit "report";r=0;t=<wait>
        sign_in_failures: 403 password_locked policy "sign-in-address";q=1000000;w=900 limit "sign-in-address";r=999999;t=900
        sign_in_per_account: 429 rate_limited policy "sign-in-account";q=2;w=900 limit "sign-in-account";r=0;t=<wait>
        sign_in_per_address: 429 rate_limited policy "sign-in-address";q=2;w=900 limit "sign-in-address";r=0;t=<wait>
        sign_in_per_minute: 429 rate_limited policy "sign-in-all";q=2;w=60 limit "sign-in-all";r=0;t=<wait>
        vote_per_minute: 429 rate_limited policy "vote";q=2;w=60 limit "vote";r=0;t=<wait>
        write_per_minute: 429 rate_limited policy "write";q=2;w=60 limit "write";r=0;t=<wait>
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn n4_mails_are_limited_by_recipient_account_and_address_for_each_route_by_itself() {
    let settings = limit_settings();
    let mail: Vec<_> = settings.iter().filter(|name| name.starts_with("mail_")).collect();
    assert_eq!(
        mail,
        ["mail_per_account", "mail_per_address", "mail_per_recipient"],
        "each has its case here"
    );
    let address = |host: u8| std::net::IpAddr::from([198, 51, 100, host]);
    let account = |number: u128| Some(otherwise::ids::AccountId(uuid::Uuid::from_u128(number)));
    for setting in mail {
        let app = TestApp::with(&wide_except(&format!("{setting} = 5"))).await;
        for route in MailRoute::ALL {
            // All but what is limited changes from one to the next.
            let send = async |i: u8| {
                let fixed = |name: &str, varied: u8| if setting == name { 7 } else { varied };
                let recipient = format!("{}@example.org", fixed("mail_per_recipient", i));
                let (account, address) =
                    (account(fixed("mail_per_account", i).into()), address(fixed("mail_per_address", i)));
                limits::mail(&app.app, route, &recipient, account, address).await
            };
            for i in 10..15 {
                send(i).await.unwrap();
            }
            let refused = send(15).await.unwrap_err();
            assert_eq!(refused.code, Code::RateLimited);
            let limit = refused.limit.unwrap();
            let name = format!("{} {}", setting.replace("_per_", "-"), route.name());
            assert_eq!(
                (limit.name.as_ref(), limit.quota, limit.window, limit.remaining),
                (&*name, 5, 3600, 0)
            );
            assert_eq!(refused.retry_after, Some(limit.reset));
        }
        // A bucket refills: a twelve minutes' wait is one mail more, and no two.
        app.app.clock.advance(TimeDelta::minutes(12));
        for route in MailRoute::ALL {
            let again = || limits::mail(&app.app, route, "7@example.org", account(7), address(7));
            again().await.unwrap();
            assert_eq!(again().await.unwrap_err().code, Code::RateLimited);
        }
    }
}

#[tokio::test]
async fn n4_each_route_that_sends_mail_is_limited_by_its_own_buckets() {
    for setting in ["mail_per_recipient", "mail_per_account", "mail_per_address"] {
        let app = TestApp::with(&wide_except(&format!("{setting} = 2"))).await;
        let alice = sign_in_somewhere(&app, "alice").await;
        for route in MailRoute::ALL {
            let by_account = matches!(route, MailRoute::EmailVerification | MailRoute::EmailChange);
            if setting == "mail_per_account" && !by_account {
                continue;
            }
            let (_, path) = route.name().split_once(' ').unwrap();
            let mut replies = Vec::new();
            for i in 0..3 {
                // All but what is limited changes from one to the next.
                let recipient = match setting {
                    "mail_per_recipient" => "victim@example.org".to_owned(),
                    _ => format!("{i}@example.org"),
                };
                let from = match setting {
                    "mail_per_address" => "198.51.100.1".to_owned(),
                    _ => format!("198.51.100.{}", 10 + i),
                };
                let client = match route {
                    MailRoute::EmailVerification | MailRoute::EmailChange => alice.clone(),
                    _ => app.guest(),
                };
                let body = match route {
                    MailRoute::Registration => {
                        json!({ "username": format!("{}{i}", setting.replace('_', "")), "email": recipient, "password": PASSWORD })
                    }
                    MailRoute::EmailVerification => json!({}),
                    MailRoute::PasswordReset => json!({ "email": recipient }),
                    MailRoute::EmailChange => json!({ "email": recipient, "password": PASSWORD }),
                    MailRoute::LegalNotice => json!({
                        "url": format!("{}/accounts/alice", app.app.config.server.public_url), "explanation": "It copies a book, line by line.",
                        "legal_ground": "Copyright Act", "name": "Ann", "email": recipient, "good_faith": true,
                    }),
                };
                replies.push(client.with("x-forwarded-for", &from).post(path, body).await);
            }
            let last = replies.pop().unwrap().is_problem(429, "rate_limited");
            let named = format!("\"{} {}\";q=2;w=3600", setting.replace("_per_", "-"), route.name());
            assert_eq!(last.header("ratelimit-policy"), Some(&*named));
            assert!(replies.iter().all(|reply| reply.status < 300), "{setting} {path}: {replies:#?}");
        }
    }
}

/// Somebody who registered and signed in from an address that counts for nothing else.
async fn sign_in_somewhere(app: &TestApp, username: &str) -> Client {
    let guest = app.guest().with("x-forwarded-for", "192.0.2.1");
    guest.post("/accounts", registration(username)).await.is(201);
    let session = sign_in(&guest, username, PASSWORD).await.is(201);
    app.bearer(&session.text("/access_token"))
}

#[test]
fn n4_routes_that_send_mail_are_named_as_they_are() {
    let document = document();
    let known: Vec<String> = operations(&document)
        .iter()
        .map(|(path, method, _)| format!("{method} {}", path.trim_start_matches("/api/v1")))
        .collect();
    let named: Vec<_> = MailRoute::ALL.iter().map(|route| route.name()).collect();
    let without_route: Vec<_> = named.iter().filter(|name| !known.contains(&(**name).to_owned())).collect();
    assert!(without_route.is_empty(), "{without_route:?}");
}

#[tokio::test]
async fn l4_every_operation_is_counted_under_the_limit_of_its_class() {
    let app = TestApp::with(&wide_except("")).await;
    let alice = app.member("alice").await;
    let document = document();
    let mut table = String::new();
    for (path, method, _) in operations(&document) {
        if method == Method::DELETE && path.ends_with("/current") {
            continue;
        }
        let id = "0198c5f0-0000-7000-8000-00000000dead";
        let asked = path.replace("{username}", "nobody").replace("{topic}", id).replace("{id}", id);
        let reply = alice.send(method.clone(), &format!("/{asked}"), None).await;
        let policy = reply.header("ratelimit-policy").unwrap_or("-");
        table += &format!("{method} {path} {}\n", policy.split(';').next().unwrap());
    }
    expect![[r#"
        POST /api/v1/accounts "register"
        POST /api/v1/accounts/by-identity "register"
        GET /api/v1/accounts/{username} "read"
        GET /api/v1/accounts/{username}/role-grants "read"
        POST /api/v1/accounts/{username}/role-grants "write"
        GET /api/v1/accounts/{username}/track-record "read"
        GET /api/v1/accounts/{username}/track-record/credences "read"
        GET /api/v1/accounts/{username}/track-record/mind-changes "read"
        DELETE /api/v1/appeals/{id} "write"
        GET /api/v1/appeals/{id} "read"
        POST /api/v1/authorization-requests "authorization"
        DELETE /api/v1/background-facts/{id}/cotenability/mine "write"
        PUT /api/v1/background-facts/{id}/cotenability/mine "write"
        DELETE /api/v1/chain-steps/{id}/cotenability/mine "write"
        PUT /api/v1/chain-steps/{id}/cotenability/mine "write"
        POST /api/v1/email-changes/confirmation "write"
        POST /api/v1/email-changes/reversion "write"
        POST /api/v1/email-verifications "write"
        POST /api/v1/email-verifications/confirmation "write"
        GET /api/v1/identity-providers "read"
        DELETE /api/v1/implications/{id} "write"
        GET /api/v1/implications/{id} "read"
        PATCH /api/v1/implications/{id} "write"
        GET /api/v1/implications/{id}/forecast/mine "read"
        PUT /api/v1/implications/{id}/forecast/mine "write"
        PUT /api/v1/implications/{id}/resolution "write"
        POST /api/v1/legal-notices "write"
        POST /api/v1/legal-notices/{id}/appeal "write"
        GET /api/v1/me "read"
        PATCH /api/v1/me "write"
        GET /api/v1/me/appeals "read"
        GET /api/v1/me/decisions "read"
        GET /api/v1/me/decisions/{id} "read"
        POST /api/v1/me/decisions/{id}/appeal "write"
        POST /api/v1/me/email "write"
        DELETE /api/v1/me/erasure "write"
        GET /api/v1/me/erasure "read"
        POST /api/v1/me/erasure "write"
        GET /api/v1/me/export "read"
        POST /api/v1/me/export "export"
        GET /api/v1/me/export/file "read"
        GET /api/v1/me/factors "read"
        GET /api/v1/me/forecasts "read"
        GET /api/v1/me/identities "read"
        POST /api/v1/me/identities "write"
        DELETE /api/v1/me/identities/{id} "write"
        GET /api/v1/me/messages "read"
        POST /api/v1/me/messages "write"
        GET /api/v1/me/notes "read"
        POST /api/v1/me/passkey-challenges "write"
        POST /api/v1/me/passkeys "write"
        POST /api/v1/me/passkeys/{id}/removal "write"
        PUT /api/v1/me/password "write"
        POST /api/v1/me/recovery-codes "write"
        GET /api/v1/me/sanctions "read"
        GET /api/v1/me/tokens "read"
        POST /api/v1/me/tokens "write"
        DELETE /api/v1/me/tokens/{id} "write"
        POST /api/v1/me/totp "write"
        POST /api/v1/me/totp/confirmation "write"
        POST /api/v1/me/totp/removal "write"
        PUT /api/v1/me/username "write"
        GET /api/v1/mod/accounts/{username} "read"
        POST /api/v1/mod/accounts/{username}/mute-reports "write"
        GET /api/v1/mod/accounts/{username}/notes "read"
        POST /api/v1/mod/accounts/{username}/notes "write"
        GET /api/v1/mod/accounts/{username}/related "read"
        POST /api/v1/mod/accounts/{username}/revoke-sessions "write"
        GET /api/v1/mod/accounts/{username}/timeline "read"
        POST /api/v1/mod/accounts/{username}/unmute-reports "write"
        GET /api/v1/mod/actions "read"
        POST /api/v1/mod/actions "write"
        POST /api/v1/mod/actions/{id}/revert "write"
        GET /api/v1/mod/appeals "read"
        GET /api/v1/mod/appeals/{id} "read"
        POST /api/v1/mod/appeals/{id}/decide "write"
        GET /api/v1/mod/audit "read"
        GET /api/v1/mod/audit/verify "read"
        GET /api/v1/mod/automation-rules "read"
        POST /api/v1/mod/automation-rules "write"
        DELETE /api/v1/mod/automation-rules/{id} "write"
        GET /api/v1/mod/automation-rules/{id} "read"
        PATCH /api/v1/mod/automation-rules/{id} "write"
        GET /api/v1/mod/automation-rules/{id}/hits "read"
        POST /api/v1/mod/automation-rules/{id}/test "write"
        GET /api/v1/mod/cases "read"
        POST /api/v1/mod/cases "write"
        POST /api/v1/mod/cases/next "write"
        GET /api/v1/mod/cases/{id} "read"
        POST /api/v1/mod/cases/{id}/claim "write"
        POST /api/v1/mod/cases/{id}/escalate "write"
        POST /api/v1/mod/cases/{id}/merge "write"
        GET /api/v1/mod/cases/{id}/messages "read"
        POST /api/v1/mod/cases/{id}/messages "write"
        POST /api/v1/mod/cases/{id}/mute "write"
        POST /api/v1/mod/cases/{id}/notes "write"
        POST /api/v1/mod/cases/{id}/release "write"
        POST /api/v1/mod/cases/{id}/reopen "write"
        POST /api/v1/mod/cases/{id}/resolve "write"
        PUT /api/v1/mod/cases/{id}/tags "write"
        POST /api/v1/mod/cases/{id}/unmute "write"
        GET /api/v1/mod/jobs "read"
        POST /api/v1/mod/jobs "write"
        GET /api/v1/mod/jobs/{id} "read"
        POST /api/v1/mod/jobs/{id}/approve "write"
        POST /api/v1/mod/jobs/{id}/cancel "write"
        GET /api/v1/mod/jobs/{id}/events "read"
        POST /api/v1/mod/jobs/{id}/execute "write"
        GET /api/v1/mod/jobs/{id}/items "read"
        POST /api/v1/mod/jobs/{id}/pause "write"
        POST /api/v1/mod/jobs/{id}/resume "write"
        POST /api/v1/mod/jobs/{id}/undo "write"
        DELETE /api/v1/mod/notes/{id} "write"
        GET /api/v1/mod/queues "read"
        POST /api/v1/mod/queues "write"
        DELETE /api/v1/mod/queues/{id} "write"
        GET /api/v1/mod/queues/{id} "read"
        PATCH /api/v1/mod/queues/{id} "write"
        POST /api/v1/mod/rules "write"
        GET /api/v1/mod/sets "read"
        POST /api/v1/mod/sets "write"
        DELETE /api/v1/mod/sets/{id} "write"
        GET /api/v1/mod/sets/{id} "read"
        PATCH /api/v1/mod/sets/{id} "write"
        DELETE /api/v1/mod/sets/{id}/values "write"
        GET /api/v1/mod/sets/{id}/values "read"
        POST /api/v1/mod/sets/{id}/values "write"
        GET /api/v1/mod/stats/agreement "read"
        GET /api/v1/mod/stats/daily "read"
        GET /api/v1/mod/stats/live "read"
        GET /api/v1/mod/stats/stances "read"
        GET /api/v1/mod/templates "read"
        POST /api/v1/mod/templates "write"
        DELETE /api/v1/mod/templates/{id} "write"
        GET /api/v1/mod/templates/{id} "read"
        PATCH /api/v1/mod/templates/{id} "write"
        GET /api/v1/mod/transparency/statements "read"
        GET /api/v1/mod/vote-nullifications "read"
        POST /api/v1/mod/vote-nullifications "write"
        GET /api/v1/mod/vote-nullifications/{id} "read"
        POST /api/v1/mod/vote-nullifications/{id}/approve "write"
        POST /api/v1/mod/vote-nullifications/{id}/undo "write"
        GET /api/v1/mod/vote-signals "read"
        GET /api/v1/mod/webhooks "read"
        POST /api/v1/mod/webhooks "write"
        DELETE /api/v1/mod/webhooks/{id} "write"
        GET /api/v1/mod/webhooks/{id} "read"
        PATCH /api/v1/mod/webhooks/{id} "write"
        GET /api/v1/mod/webhooks/{id}/deliveries "read"
        POST /api/v1/mod/webhooks/{id}/rotate "write"
        POST /api/v1/mod/webhooks/{id}/test "write"
        GET /api/v1/modlog "read"
        GET /api/v1/openapi.json "read"
        POST /api/v1/passkey-challenges "write"
        POST /api/v1/password-resets "write"
        POST /api/v1/password-resets/confirmation "write"
        DELETE /api/v1/posts/{id} "write"
        GET /api/v1/posts/{id} "read"
        PATCH /api/v1/posts/{id} "write"
        GET /api/v1/posts/{id}/mind-changes "read"
        POST /api/v1/posts/{id}/mind-changes "write"
        DELETE /api/v1/posts/{id}/mind-changes/mine "write"
        GET /api/v1/posts/{id}/replies "read"
        GET /api/v1/posts/{id}/revisions "read"
        DELETE /api/v1/posts/{id}/vote "vote"
        PUT /api/v1/posts/{id}/vote "vote"
        GET /api/v1/posts/{id}/votes "read"
        DELETE /api/v1/reference-classes/{id} "write"
        GET /api/v1/reference-classes/{id} "read"
        GET /api/v1/reports "read"
        POST /api/v1/reports "report"
        GET /api/v1/reports/{id} "read"
        POST /api/v1/reports/{id}/appeal "write"
        DELETE /api/v1/role-grants/{id} "write"
        GET /api/v1/role-grants/{id} "read"
        GET /api/v1/rules "read"
        DELETE /api/v1/scenario-proposals/{id} "write"
        GET /api/v1/scenario-proposals/{id} "read"
        PUT /api/v1/scenario-proposals/{id}/decision "write"
        PUT /api/v1/scenarios/{id}/ratings/mine "write"
        GET /api/v1/scenarios/{id}/step-credences/mine "read"
        PUT /api/v1/scenarios/{id}/step-credences/mine "write"
        DELETE /api/v1/sessions "write"
        GET /api/v1/sessions "read"
        POST /api/v1/sessions "sign-in-address"
        POST /api/v1/sessions/by-identity "sign-in-address"
        POST /api/v1/sessions/by-passkey "sign-in-address"
        POST /api/v1/sessions/current/reauthentication "write"
        POST /api/v1/sessions/current/reauthentication/by-identity "write"
        POST /api/v1/sessions/refresh "write"
        DELETE /api/v1/sessions/{id} "write"
        GET /api/v1/topics "read"
        POST /api/v1/topics "write"
        GET /api/v1/topics/{topic} "read"
        PATCH /api/v1/topics/{topic} "write"
        GET /api/v1/topics/{topic}/assessment "read"
        GET /api/v1/topics/{topic}/checkpoint-credences/mine "read"
        PUT /api/v1/topics/{topic}/checkpoint-credences/mine "write"
        GET /api/v1/topics/{topic}/coherence/mine "read"
        GET /api/v1/topics/{topic}/credences "read"
        GET /api/v1/topics/{topic}/credences/mine "read"
        PUT /api/v1/topics/{topic}/credences/mine "write"
        GET /api/v1/topics/{topic}/credences/mine/history "read"
        GET /api/v1/topics/{topic}/implications "read"
        POST /api/v1/topics/{topic}/implications "write"
        DELETE /api/v1/topics/{topic}/inevitability/mine "write"
        GET /api/v1/topics/{topic}/inevitability/mine "read"
        PUT /api/v1/topics/{topic}/inevitability/mine "write"
        GET /api/v1/topics/{topic}/meta-prediction/mine "read"
        PUT /api/v1/topics/{topic}/meta-prediction/mine "write"
        GET /api/v1/topics/{topic}/mind-changes "read"
        DELETE /api/v1/topics/{topic}/outcome-likelihood/mine "write"
        GET /api/v1/topics/{topic}/outcome-likelihood/mine "read"
        PUT /api/v1/topics/{topic}/outcome-likelihood/mine "write"
        POST /api/v1/topics/{topic}/posts "write"
        POST /api/v1/topics/{topic}/reference-classes "write"
        GET /api/v1/topics/{topic}/scenario-proposals "read"
        POST /api/v1/topics/{topic}/scenario-proposals "write"
        GET /api/v1/topics/{topic}/thread "read"
        GET /api/v1/transparency "read"
        DELETE /api/v1/variants/{id}/kind-dispute/mine "write"
        PUT /api/v1/variants/{id}/kind-dispute/mine "write"
        PUT /api/v1/variants/{id}/ratings/mine "write"
        GET /healthz -
        GET /readyz -
    "#]]
    .assert_eq(&table);
}

#[tokio::test]
async fn l5_servers_share_their_counts_and_a_new_one_knows_them() {
    for setting in ["sign_in_per_address", "sign_in_per_account", "sign_in_per_minute"] {
        let settings = wide_except(&format!("{setting} = 3"));
        let app = TestApp::with(&settings).await;
        let beside = app.another(&settings).await;
        for server in [&app, &beside, &app] {
            sign_in(&server.guest(), "alice", "wrong").await.is(401);
        }
        for server in [&app, &beside, &app.another(&settings).await] {
            sign_in(&server.guest(), "alice", "wrong").await.is_problem(429, "rate_limited");
        }
    }
}

#[tokio::test]
async fn l5_attempts_at_the_same_time_count_exactly() {
    let settings = wide_except("sign_in_per_address = 5\nregister_per_hour = 5");
    let app = TestApp::with(&settings).await;
    let beside = app.another(&settings).await;
    let attempts: JoinSet<u16> = (0..40)
        .map(|i| {
            let client = if i % 2 == 0 { app.guest() } else { beside.guest() };
            async move { sign_in(&client, &format!("nobody{i}"), "wrong").await.status }
        })
        .collect();
    let statuses = attempts.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 35, "{statuses:?}");
}

#[tokio::test]
async fn l5_a_bucket_refills_steadily_and_then_needs_no_row() {
    let app = TestApp::with(&wide_except("sign_in_per_account = 3")).await;
    let attempt = async |status: u16| drop(sign_in(&app.guest(), "alice", "wrong").await.is(status));
    for status in [401, 401, 401, 429, 429] {
        attempt(status).await;
    }
    // Three in fifteen minutes: one every five.
    app.app.clock.advance(TimeDelta::seconds(299));
    attempt(429).await;
    app.app.clock.advance(TimeDelta::seconds(1));
    for status in [401, 429] {
        attempt(status).await;
    }
    let rows = "SELECT count(*)::text FROM rate_limit WHERE name = 'sign-in-account'";
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["1"]);
    app.app.clock.advance(TimeDelta::minutes(15));
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["0"]);
    for status in [401, 401, 401] {
        attempt(status).await;
        // Those would be refused for the sake of their number in a row.
        app.sql("DELETE FROM sign_in_failure").await.unwrap();
    }
    attempt(429).await;
}

#[tokio::test]
async fn d3_counts_hold_neither_addresses_nor_names() {
    let app = TestApp::with(&wide_except("")).await;
    app.guest().post("/accounts", registration("alice")).await.is(201);
    sign_in(&app.guest(), "alice@example.org", "wrong").await.is(401);
    sign_in(&app.guest(), "nobody.here", "wrong").await.is(401);
    let rows = app
        .rows("SELECT t::text || encode(key_hash, 'escape') FROM rate_limit t UNION ALL SELECT t::text || encode(subject_hash, 'escape') FROM sign_in_failure t")
        .await
        .join("\n");
    assert!(rows.lines().count() >= 6, "{rows}");
    for known in ["203.0.113.7", "alice", "nobody", "example"] {
        assert!(!rows.contains(known), "{known}: {rows}");
    }
}

/// Guesses wrong as soon as it may.
async fn guess(app: &TestApp, login: &str) -> Reply {
    app.app.clock.advance(TimeDelta::minutes(15));
    sign_in(&app.guest(), login, "a wrong guess, of many").await
}

#[tokio::test]
async fn p7_after_100_wrong_passwords_in_a_row_even_the_right_one_is_refused() {
    let app = TestApp::with(&wide_except("")).await;
    let alice = app.member("alice").await;
    let session = sign_in(&app.guest(), "alice", PASSWORD).await.is(201);
    let id = alice.get("/me").await.text("/id");
    // An account has two logins, each good for fifty failures: shared, they would tell whose address it is.
    for login in ["alice", "ALICE@example.org", "nobody.here"] {
        for _ in 0..50 {
            guess(&app, login).await.is_problem(401, "wrong_credentials");
        }
    }
    app.app.clock.advance(TimeDelta::days(1));
    let refused = |reply: Reply| {
        let mut reply = reply.is_problem(403, "password_locked");
        reply.body["request_id"] = json!("");
        let headers: Vec<_> = reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
        (reply.body, headers)
    };
    let known = refused(sign_in(&app.guest(), "alice", PASSWORD).await);
    assert_eq!(refused(sign_in(&app.guest(), "alice@example.org", "wrong").await), known);
    // A login that no account has is answered alike.
    assert_eq!(refused(sign_in(&app.guest(), "nobody.here", PASSWORD).await), known);
    // Another account is not concerned, and neither is who is signed in.
    app.member("bob").await;
    let token = json!({ "refresh_token": session.text("/refresh_token") });
    let refreshed = app.guest().post("/sessions/refresh", token).await.is(200);
    app.bearer(&refreshed.text("/access_token")).get("/me").await.is(200);
    // Neither time nor tidying unlocks it; resetting the password does.
    app.app.clock.advance(TimeDelta::days(365));
    otherwise::worker::tidy(&app.app).await.unwrap();
    sign_in(&app.guest(), "alice", PASSWORD).await.is_problem(403, "password_locked");
    let tx = app.app.begin().await.unwrap();
    otherwise::auth::clear_failures(&tx, otherwise::ids::AccountId(id.parse().unwrap())).await.unwrap();
    tx.commit().await.unwrap();
    sign_in(&app.guest(), "alice", PASSWORD).await.is(201);
}

#[tokio::test]
async fn p7_a_success_clears_the_failures() {
    let app = TestApp::with(&wide_except("sign_in_failures = 4")).await;
    app.member("alice").await;
    for _ in 0..3 {
        for _ in 0..3 {
            guess(&app, "alice").await.is_problem(401, "wrong_credentials");
        }
        sign_in(&app.guest(), "alice", PASSWORD).await.is(201);
    }
    assert_eq!(app.rows("SELECT count(*)::text FROM sign_in_failure").await, ["0"]);
    // So does the retry of a success whose answer was lost.
    let guest = app.guest().with("idempotency-key", "key-1");
    sign_in(&guest, "alice", PASSWORD).await.is(201);
    sign_in(&guest, "alice", PASSWORD).await.is(201);
    assert_eq!(app.rows("SELECT count(*)::text FROM sign_in_failure").await, ["0"]);
}

#[tokio::test]
async fn p7_attempts_at_the_same_time_count_exactly() {
    // Fewer than make anybody wait.
    let app = TestApp::with(&wide_except("sign_in_failures = 4")).await;
    app.member("alice").await;
    for login in ["alice", "nobody.here"] {
        let attempts: JoinSet<u16> = (0..30)
            .map(|_| {
                let guest = app.guest();
                async move { sign_in(&guest, login, "wrong").await.status }
            })
            .collect();
        let statuses = attempts.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 4, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 26, "{statuses:?}");
    }
}

#[tokio::test]
async fn p7_each_further_failure_makes_the_next_attempt_wait_longer() {
    let app = TestApp::with(&wide_except("")).await;
    app.member("alice").await;
    let mut waits = std::collections::HashMap::new();
    for login in ["alice", "nobody.here"] {
        for _ in 0..5 {
            sign_in(&app.guest(), login, "wrong").await.is(401);
        }
        for _ in 0..12 {
            let refused = sign_in(&app.guest(), login, PASSWORD).await.is_problem(429, "rate_limited");
            let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
            waits.entry(login).or_insert_with(Vec::new).push(wait);
            app.app.clock.advance(TimeDelta::seconds(wait - 1));
            sign_in(&app.guest(), login, PASSWORD).await.is_problem(429, "rate_limited");
            app.app.clock.advance(TimeDelta::seconds(1));
            sign_in(&app.guest(), login, "wrong").await.is_problem(401, "wrong_credentials");
        }
    }
    assert_eq!(waits["alice"], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    assert_eq!(waits["alice"], waits["nobody.here"]);
    app.app.clock.advance(TimeDelta::seconds(900));
    sign_in(&app.guest(), "alice", PASSWORD).await.is(201);
}

#[tokio::test]
async fn p7_failures_of_logins_that_nobody_has_are_forgotten_in_time() {
    let app = TestApp::with(&wide_except("")).await;
    app.member("alice").await;
    for login in ["alice", "nobody.here"] {
        sign_in(&app.guest(), login, "wrong").await.is(401);
    }
    let rows = "SELECT count(*)::text FROM sign_in_failure";
    app.app.clock.advance(TimeDelta::days(90));
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["2"]);
    app.app.clock.advance(TimeDelta::seconds(1));
    otherwise::worker::tidy(&app.app).await.unwrap();
    assert_eq!(app.rows(rows).await, ["1"]);
}
