//! The database away: every route says so in the words of the API, and all is well when it is back.

use otherwise::db::embedded::{Cluster, Options};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{FIRST_DEBATE, Folder, PASSWORD, until};

/// Routes that ask nobody.
const ALONE: [&str; 4] =
    ["/healthz", "/api/v1/openapi.json", "/api/v1/passkey-challenges", "/api/v1/identity-providers"];

/// A token as mails have them, which is all that can be said of it without the database.
const EMAIL_TOKEN: &str = "otw_et_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A request to an identity provider, of which the same is true.
const AUTHORIZATION_REQUEST: &str = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An identifier, of nothing.
const AN_ID: &str = "0198c5f0-0000-7000-8000-00000000dead";

/// Bodies that are fine as such, so that a refusal can only come from the database.
fn body(method: &Method, path: &str) -> Option<Value> {
    Some(match (method.as_str(), path.trim_start_matches("/api/v1")) {
        ("POST", "/accounts") => {
            json!({ "username": "bob", "email": "bob@example.org", "password": PASSWORD })
        }
        ("POST", "/sessions") => json!({ "login": "alice", "password": PASSWORD }),
        // Of the right form, which is all that can be said without the database.
        ("POST", "/sessions/refresh") => json!({ "refresh_token": "kept" }),
        ("POST", "/topics") => json!({ "title": "Had the Armada landed" }),
        ("PATCH", "/topics/{topic}") => json!({ "title": "Had the Armada landed in Kent" }),
        ("POST", "/topics/{topic}/posts") => json!({ "body": "Nobody will read this." }),
        ("PATCH", "/posts/{id}") => json!({ "body": "Nor this." }),
        ("PUT", "/posts/{id}/vote") => json!({ "quality": 1 }),
        ("POST", "/posts/{id}/mind-changes") => {
            json!({ "explanation": "I had not thought of the tides, and without them nobody lands." })
        }
        ("PUT", "/topics/{topic}/meta-prediction/mine") => {
            json!({ "scenario_set_version": 1, "vector": [] })
        }
        ("PUT", "/scenarios/{id}/step-credences/mine") => json!({ "steps": [] }),
        ("PUT", "/topics/{topic}/inevitability/mine") => json!({ "inevitable_from": null }),
        ("PUT", "/topics/{topic}/checkpoint-credences/mine") => json!({ "checkpoints": [] }),
        ("PUT", "/topics/{topic}/credences/mine") => json!({ "scenario_set_version": 1, "vector": [] }),
        ("POST", "/topics/{topic}/scenario-proposals") => {
            json!({ "change": { "kind": "add" }, "reason": "There is more to it." })
        }
        ("PUT", "/scenario-proposals/{id}/decision") => {
            json!({ "decision": "reject", "reason": "There is no more to it." })
        }
        ("POST", "/topics/{topic}/implications") => json!({
            "statement": "The archives have a second draft.",
            "bears_on": ["0198c5f0-0000-7000-8000-00000000dead"],
            "test_kind": "hoop",
        }),
        ("POST", "/mod/vote-nullifications") => {
            json!({
                "accounts": [AN_ID], "reason": "They are one person.",
                "explanation": "Several accounts judged the same posts as one.",
            })
        }
        ("PATCH", "/implications/{id}") => json!({ "test_kind": "hoop" }),
        ("PUT", "/implications/{id}/resolution") => json!({ "resolution": "unresolved" }),
        ("PUT", "/scenarios/{id}/ratings/mine" | "/variants/{id}/ratings/mine") => {
            json!({ "ratings": { "clarity": 3 } })
        }
        ("PUT", "/chain-steps/{id}/cotenability/mine" | "/background-facts/{id}/cotenability/mine") => {
            json!({ "clashes": true })
        }
        ("PUT", "/variants/{id}/kind-dispute/mine") => json!({ "disputes": true }),
        ("PUT", "/topics/{topic}/outcome-likelihood/mine" | "/implications/{id}/forecast/mine") => {
            json!({ "bp": 5000 })
        }
        ("POST", "/topics/{topic}/reference-classes") => json!({
            "scenario_id": AN_ID, "description": "Landings.", "cases": 9, "with_outcome": 3,
            "citation": { "source_id": AN_ID },
        }),
        ("PUT", "/me/username") => json!({ "username": "alicia" }),
        ("POST", "/accounts/{username}/role-grants") => {
            json!({ "role": "moderator", "scope": { "kind": "site" }, "reason": "Asked for." })
        }
        ("PUT", "/me/password") => {
            json!({ "current_password": PASSWORD, "new_password": "another passphrase entirely" })
        }
        ("POST", "/me/email") => json!({ "email": "alice@example.net", "password": PASSWORD }),
        ("POST", "/password-resets") => json!({ "email": "alice@example.org" }),
        ("POST", "/password-resets/confirmation") => json!({ "token": EMAIL_TOKEN, "password": PASSWORD }),
        (
            "POST",
            "/email-verifications/confirmation" | "/email-changes/confirmation" | "/email-changes/reversion",
        ) => json!({ "token": EMAIL_TOKEN }),
        ("POST", "/me/tokens") => {
            json!({ "name": "A script", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00Z" })
        }
        ("POST", "/me/erasure" | "/sessions/current/reauthentication") => json!({ "password": PASSWORD }),
        ("POST", "/authorization-requests") => json!({ "provider": "example", "purpose": "sign_in" }),
        (
            "POST",
            "/sessions/by-identity" | "/sessions/current/reauthentication/by-identity" | "/me/identities",
        ) => json!({ "authorization_request": AUTHORIZATION_REQUEST, "state": "x", "code": "x" }),
        ("POST", "/accounts/by-identity") => {
            json!({ "authorization_request": AUTHORIZATION_REQUEST, "username": "bob", "email": "bob@example.org" })
        }
        ("POST", "/me/totp/confirmation") => json!({ "code": "123456" }),
        ("POST", "/sessions/by-passkey") => json!({ "challenge": "otw_pc_x", "credential": {
            "id": "AAAA", "rawId": "AAAA", "type": "public-key",
            "response": { "authenticatorData": "AAAA", "clientDataJSON": "AAAA", "signature": "AAAA" },
        } }),
        ("POST", "/me/passkeys") => json!({ "name": "Key", "challenge": "otw_pc_x", "credential": {
            "id": "AAAA", "rawId": "AAAA", "type": "public-key",
            "response": { "attestationObject": "AAAA", "clientDataJSON": "AAAA" },
        } }),
        ("POST", "/me/totp/removal" | "/me/passkeys/{id}/removal" | "/me/recovery-codes") => {
            json!({ "totp_code": "123456" })
        }
        ("PATCH", "/me") => json!({ "bio": "Away." }),
        (method, path) => return body_of_moderation(method, path),
    })
}

/// The same for reports, and for what moderators do.
fn body_of_moderation(method: &str, path: &str) -> Option<Value> {
    Some(match (method, path) {
        ("POST", "/reports") => json!({ "subject": { "kind": "topic", "id": AN_ID }, "rule": "spam" }),
        ("POST", "/mod/rules") => json!({
            "code": "fun", "version": 1, "title": "No fun", "body": "This is a serious place.", "severity": 1,
            "strikes": 0, "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        }),
        ("POST", "/mod/actions") => json!({
            "subject": { "kind": "topic", "id": AN_ID },
            "actions": [{ "kind": "hide", "rule": "spam", "explanation": "It advertises a shop." }],
        }),
        ("POST", "/mod/actions/{id}/revert" | "/mod/jobs/{id}/undo") => {
            json!({ "explanation": "The shop is a museum." })
        }
        ("POST", "/me/decisions/{id}/appeal" | "/reports/{id}/appeal") => {
            json!({ "text": "I sell nothing: the shop is a museum." })
        }
        ("POST", "/legal-notices/{id}/appeal") => {
            json!({ "secret": "otw_ln_AAAAAAAAAAAAAAAAAAAAAA", "text": "The whole book is there." })
        }
        ("POST", "/mod/appeals/{id}/decide") => {
            json!({ "outcome": "upheld", "reasons": "It was looked at again." })
        }
        ("POST", "/mod/jobs") => json!({
            "subjects": { "kind": "topic", "ids": [AN_ID] }, "resolution": "ignored", "note": "It is nothing.",
        }),
        ("POST", "/legal-notices") => json!({
            "subject": { "kind": "topic", "id": AN_ID }, "explanation": "It copies a book, line by line.",
            "legal_ground": "Copyright Act, section 16", "name": "Ann Author", "email": "ann@example.org",
            "good_faith": true,
        }),
        ("POST", "/me/messages") => json!({ "case_id": AN_ID, "text": "It is a museum." }),
        ("POST", "/mod/cases/{id}/messages") => json!({ "to": AN_ID, "text": "Is this your shop?" }),
        ("POST", "/mod/cases/{id}/notes" | "/mod/accounts/{username}/notes") => {
            json!({ "text": "The third time this week.", "audience": "moderators" })
        }
        ("POST", "/mod/queues") => json!({ "name": "Spam", "audience": "own", "rules": ["spam"] }),
        ("PATCH", "/mod/queues/{id}") => json!({ "sla_hours": 4 }),
        ("POST", "/mod/templates") => json!({
            "name": "Shop", "kind": "explanation", "language": "en", "text": "It advertises a shop.",
        }),
        ("PATCH", "/mod/templates/{id}") => json!({ "text": "It advertises something." }),
        ("POST", "/mod/cases") => {
            json!({ "subject": { "kind": "topic", "id": AN_ID }, "note": "I saw it." })
        }
        ("POST", "/mod/cases/{id}/reopen") => json!({ "note": "I was too quick." }),
        ("POST", "/mod/cases/{id}/mute") => json!({ "ends_at": "2027-01-01T00:00:00Z" }),
        ("PUT", "/mod/cases/{id}/tags") => json!({ "tags": ["maps"] }),
        ("POST", "/mod/cases/{id}/merge") => {
            json!({ "into": null, "note": "They are about different things." })
        }
        ("POST", "/mod/accounts/{username}/revoke-sessions") => {
            json!({ "reason": "Somebody else has got in." })
        }
        ("POST", "/mod/accounts/{username}/mute-reports") => {
            json!({ "ends_at": "2027-01-01T00:00:00Z", "reason": "They are all the same." })
        }
        ("POST", "/mod/cases/{id}/release" | "/mod/cases/{id}/unmute") => json!({}),
        ("POST", "/mod/cases/{id}/escalate") => json!({ "note": "It is not for me." }),
        ("POST", "/mod/cases/{id}/resolve") => json!({ "resolution": "rejected", "note": "It is nothing." }),
        ("POST", "/mod/automation-rules") => json!({
            "name": "Links", "explanation": "Nobody links to three places.", "policy_rule": "spam",
            "triggers": { "post_created": true }, "when": { "links": { "at_least": 3 } }, "action": "queue",
        }),
        ("PATCH", "/mod/automation-rules/{id}") => json!({ "mode": "off" }),
        ("POST", "/mod/automation-rules/{id}/test") => json!({ "last": 1 }),
        ("POST", "/mod/sets") => json!({ "name": "Words", "kind": "words" }),
        ("POST", "/mod/webhooks") => {
            json!({ "url": "https://scripts.example/hook", "kinds": ["case_opened"], "note": "A bot." })
        }
        ("PATCH", "/mod/webhooks/{id}") => json!({ "enabled": false }),
        ("PATCH", "/mod/sets/{id}") => json!({ "name": "Other words" }),
        ("POST", "/mod/sets/{id}/values") => json!({ "values": [{ "value": "spam" }] }),
        _ => return None,
    })
}

fn methods(item: &Value) -> Vec<Method> {
    let methods = ["get", "put", "post", "delete", "patch"];
    methods
        .into_iter()
        .filter(|method| item.get(method).is_some())
        .map(|method| method.to_uppercase().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn without_its_database_the_server_says_so_and_recovers_by_itself() {
    let folder = Folder::new();
    let database = Folder::new();
    let options = Options { data_dir: database.data(), postgres_bin: None, max_connections: 30 };
    let cluster = Cluster::start(&options).await.unwrap();
    let url = cluster.url();
    let server = folder.serve_with(&[
        ("OTHERWISE__DATABASE__URL", &url),
        ("OTHERWISE__DATABASE__ACQUIRE_TIMEOUT_MS", "300"),
        ("OTHERWISE__PASSKEYS__RP_ID", "debates.example"),
        ("OTHERWISE__PASSKEYS__ORIGINS", "https://debates.example,https://www.debates.example"),
        // Nobody listens there.
        ("OTHERWISE__IDENTITY_PROVIDERS__EXAMPLE__TITLE", "Example"),
        ("OTHERWISE__IDENTITY_PROVIDERS__EXAMPLE__ISSUER", "http://127.0.0.1:1"),
        ("OTHERWISE__IDENTITY_PROVIDERS__EXAMPLE__CLIENT_ID", "007"),
        ("OTHERWISE__IDENTITY_PROVIDERS__EXAMPLE__REDIRECT_URI", "https://debates.example/signed-in"),
    ]);
    let registration = json!({ "username": "alice", "email": "alice@example.org", "password": PASSWORD });
    server.guest().post("/accounts", &registration).await.is(201);
    let session =
        server.guest().post("/sessions", &json!({ "login": "alice", "password": PASSWORD })).await.is(201);
    let alice = server.guest().bearer(&session.text("/access_token"));
    let post = alice
        .post(&format!("/topics/{FIRST_DEBATE}/posts"), &json!({ "body": "Before." }))
        .await
        .is(201)
        .text("/id");
    let document = server.guest().get("/openapi.json").await.is(200).body;

    cluster.stop().await.unwrap();

    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in methods(item) {
            let operation = &item[method.as_str().to_lowercase()];
            let mut body = body(&method, path);
            assert_eq!(
                body.is_some(),
                operation.get("requestBody").is_some(),
                "{method} {path} is not known to this test: add a body that is fine for it"
            );
            if path.ends_with("/sessions/refresh") {
                body = Some(json!({ "refresh_token": session.text("/refresh_token") }));
            }
            // Sessions, grants and posts have an `id`; any will do, since nothing is found without a database.
            let place =
                path.replace("{topic}", FIRST_DEBATE).replace("{username}", "alice").replace("{id}", &post);
            assert!(!place.contains('{'), "{path} is not known to this test");
            let anonymous_may = operation["security"]
                .as_array()
                .unwrap()
                .iter()
                .any(|way| way.as_object().unwrap().is_empty());
            let guest = anonymous_may.then(|| server.guest());
            for client in guest.iter().chain([&alice]) {
                let reply = client
                    .try_send(method.clone(), &format!("/{place}"), body.as_ref(), &[("if-match", "*")])
                    .await
                    .unwrap();
                if ALONE.contains(&path.as_str()) {
                    reply.is(200);
                    continue;
                }
                let what = format!("{method} {path}: {} {}", reply.status, reply.text);
                assert_eq!(reply.status, 503, "{what}");
                // The way to a provider begins with the provider, for whoever need not be known.
                let by_the_provider = path.ends_with("/authorization-requests") && anonymous_may;
                let code = reply.body["code"].as_str().unwrap();
                assert!(
                    code == "unavailable" || by_the_provider && code == "identity_provider_unavailable",
                    "{what}"
                );
                let wait: u32 = reply.header("retry-after").expect(&what).parse().unwrap();
                assert!(wait > 0, "{what}");
                // The identifier of a request is chance, and may spell anything.
                let chance = reply.body["request_id"].as_str().expect(&what);
                let said = reply.text.replace(chance, "").to_lowercase();
                for internal in ["sql", "postgres", "pool", "socket", "refused", "os error", "/tmp"] {
                    assert!(!said.contains(internal), "{what}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "only {asked} were asked");

    let cluster = Cluster::start(&options).await.unwrap();
    assert_eq!(cluster.url(), url);
    until("readiness", || async { server.guest().get("//readyz").await.status == 200 }).await;
    // With the session, and over the connections, of before.
    alice.get(&format!("/posts/{post}")).await.is(200);
    alice.post(&format!("/topics/{FIRST_DEBATE}/posts"), &json!({ "body": "After." })).await.is(201);
    server.stop();
    cluster.stop().await.unwrap();
}
