//! A copy of one's data, and erasing it.

use axum::http::Method;
use chrono::TimeDelta;
use otherwise::exchange;
use otherwise::worker::{own_data_next, tidy};
use serde_json::{Value, json};

use crate::support::builders::{action, judged_topic};
use crate::support::mails::RESET;
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// What a person leaves in a database, each in its own words.
const LEFT: [&str; 11] = [
    "canary.alice",
    "canary.former",
    "canary@mail.example",
    "Canary Display",
    "About a canary",
    "CanaryAgent/1",
    "198.51.100.77",
    "canary token",
    "Had a canary sung",
    "canary summary",
    "canary-subject",
];

/// Does all the background work on own data that is due.
async fn work(app: &TestApp) {
    while own_data_next(&app.app).await.unwrap() {}
}

async fn asks_for_a_copy(client: &Client) -> Reply {
    client.send(Method::POST, "/me/export", None).await
}

pub async fn is_erased(app: &TestApp, client: &Client, erase_posts: bool) {
    client.post("/me/erasure", json!({ "password": PASSWORD, "erase_posts": erase_posts })).await.is(202);
    app.app.clock.advance(TimeDelta::days(7));
    work(app).await;
}

/// The columns of the database in which this text stands, as it is or as bytes.
pub async fn columns_with(app: &TestApp, text: &str) -> Vec<String> {
    let columns = app
        .rows(
            "SELECT format('SELECT DISTINCT %L FROM %I WHERE strpos(lower(%I::text), $1) > 0
                             OR strpos(%I::text, encode(convert_to($2, ''UTF8''), ''hex'')) > 0',
                           table_name || '.' || column_name, table_name, column_name, column_name)
             FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
             WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'seaql_migrations'",
        )
        .await;
    assert!(columns.len() > 200, "{}", columns.len());
    let (lower, exact) = (format!("'{}'", text.to_lowercase()), format!("'{text}'"));
    let search = columns.join(" UNION ALL ").replace("$1", &lower).replace("$2", &exact);
    app.rows(&search).await
}

/// Somebody who left everything that can be left, and was answered and counted.
async fn canary() -> (TestApp, Client, String, String) {
    let app =
        TestApp::with("[accounts]\nrename_interval_days = 0\n[server]\ntrusted_proxies = ['203.0.113.7']\n")
            .await;
    let registration =
        json!({ "username": "canary.former", "email": "canary@mail.example", "password": PASSWORD });
    app.guest().post("/accounts", registration).await.is(201);
    let there = app.guest().with("user-agent", "CanaryAgent/1").with("x-forwarded-for", "198.51.100.77");
    let signed_in = json!({ "login": "canary.former", "password": PASSWORD });
    let session = there.post("/sessions", signed_in).await.is(201);
    let alice = app.bearer(&session.text("/access_token"));
    alice.put("/me/username", json!({ "username": "canary.alice" })).await.is(200);
    alice.patch("/me", json!({ "display_name": "Canary Display", "bio": "About a canary." })).await.is(200);
    let token = json!({ "name": "canary token", "scopes": ["read"], "expires_at": "2026-03-01T00:00:00Z" });
    alice.with("idempotency-key", "k").post("/me/tokens", token).await.is(201);
    app.guest().post("/password-resets", json!({ "email": "canary@mail.example" })).await.is(202);
    app.mail("canary@mail.example", RESET).await;
    alice.post("/me/email", json!({ "email": "canary@mail.example", "password": PASSWORD })).await.is(202);
    app.sql(
        "INSERT INTO identity (id, account_id, provider, issuer, subject, linked_at)
         SELECT gen_random_uuid(), id, 'example', 'https://id.example', 'canary-subject', created_at
         FROM account WHERE username = 'canary.alice';
         INSERT INTO authorization_request (secret_hash, provider, purpose, created_at, expires_at, code_hash, redeemed_at, issuer, subject)
         SELECT sha256('x'), 'example', 'sign_in', created_at, created_at + interval '1 year', sha256('x'), created_at, issuer, subject
         FROM identity, account WHERE account.id = account_id",
    )
    .await
    .unwrap();
    let carol = app.administrator("carol").await;
    let grant =
        json!({ "permissions": ["report.read"], "scope": { "kind": "site" }, "reason": "The canary asked." });
    carol.post("/accounts/canary.alice/role-grants", grant).await.is(201);
    let mut draft = judged_topic("Had a canary sung");
    draft["status"] = json!("draft");
    draft["event"]["summary"] = json!("A canary summary.");
    alice.post("/topics", draft).await.is(201);
    let slug = alice.opens_topic("Had the Armada landed in Kent").await;
    let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
    let (bob, mallory) = (app.member("bob").await, app.member("mallory").await);
    let reply = bob.replies_to(&slug, &post, "It had a river.").await;
    alice.put(&format!("/posts/{reply}/vote"), json!({ "quality": 1, "agreement": -1 })).await.is(200);
    mallory.judges(&post, -1).await;
    bob.judges(&post, 1).await;
    (app, alice, slug, post)
}

async fn assert_counters_are_sums(app: &TestApp) {
    let wrong = app
        .rows(
            "SELECT t.post_id::text FROM post_tally t
             LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
                                       count(*) FILTER (WHERE agreement = 1) AS agree, count(*) FILTER (WHERE agreement = -1) AS disagree
                                FROM vote v WHERE v.post_id = t.post_id) s ON true
             WHERE (t.quality_up, t.quality_down, t.agree, t.disagree) IS DISTINCT FROM (s.up, s.down, s.agree, s.disagree)",
        )
        .await;
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(app.rows("SELECT count(*)::text FROM vote").await, ["3"]);
}

#[tokio::test]
async fn d1_a_copy_has_what_somebody_gave_and_nothing_of_others() {
    let (app, alice, slug, post) = canary().await;
    let (bob, id) = (app.sign_in("bob").await, alice.get("/me").await.text("/id"));
    alice
        .with("if-match", "*")
        .send(Method::PATCH, &format!("/posts/{post}"), Some(b"{\"body\":\"London had one wall.\"}".to_vec()))
        .await
        .is(200);
    bob.posts_in(&slug, "Nothing of this is hers.").await;
    asks_for_a_copy(&alice).await.is(202);
    work(&app).await;
    let file = alice.get("/me/export/file").await.is(200);
    assert_eq!(
        file.header("content-disposition"),
        Some("attachment; filename=\"otherwise-own-data-2026-01-15.json\"")
    );
    assert_eq!(file.header("cache-control"), Some("no-store"));
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    for left in LEFT.iter().filter(|left| **left != "canary summary") {
        assert!(text.contains(left), "{left}: {text}");
    }
    for not_hers in ["bob", "mallory", "carol", "It had a river.", "hers", "argon2", "otw_", "token_hash"] {
        assert!(!text.contains(not_hers), "{not_hers}: {text}");
    }
    let copy = file.body;
    assert_eq!(copy["format"], "otherwise-own-data/1");
    assert_eq!(copy["account"]["id"], id);
    assert_eq!(copy["former_usernames"][0]["username"], "canary.former");
    let bodies: Vec<_> =
        copy["posts"][0]["revisions"].as_array().unwrap().iter().map(|revision| &revision["body"]).collect();
    assert_eq!(bodies, ["London had no walls worth the name.", "London had one wall."]);
    assert_eq!(copy["posts"].as_array().unwrap().len(), 1);
    assert_eq!(copy["topics"].as_array().unwrap().len(), 2);
    assert_eq!(copy["votes"].as_array().unwrap().len(), 1);
    assert_eq!((&copy["votes"][0]["quality"], &copy["votes"][0]["agreement"]), (&json!(1), &json!(-1)));
    assert_eq!(copy["role_grants"][0]["permissions"], json!(["report.read"]));
    let verbs: Vec<_> =
        copy["audit_entries"].as_array().unwrap().iter().filter_map(|entry| entry["verb"].as_str()).collect();
    assert!(verbs.contains(&"sign_in") && verbs.contains(&"request_export"), "{verbs:?}");
    // In the database it is sealed.
    assert_eq!(columns_with(&app, "otherwise-own-data/1").await, Vec::<String>::new());
}

#[tokio::test]
async fn d1_a_copy_is_given_to_its_owner_only_and_not_for_long() {
    let app = TestApp::with("[auth]\nsession_idle_hours = 2000\nsession_absolute_hours = 2000\n").await;
    let (alice, bob) = (app.member("alice").await, app.member("bob").await);
    asks_for_a_copy(&app.guest()).await.is_problem(401, "unauthenticated");
    alice.get("/me/export").await.is_problem(404, "not_found");
    let asked = asks_for_a_copy(&alice).await.is(202);
    assert_eq!(asked.header("location"), Some("/api/v1/me/export"));
    assert_eq!(asked.body["state"], "pending");
    alice.get("/me/export/file").await.is_problem(409, "export_not_ready");
    // Asked for twice, it is prepared once.
    assert_eq!(asks_for_a_copy(&alice).await.is(202).body, asked.body);
    work(&app).await;
    assert_eq!(alice.get("/me/export").await.is(200).text("/state"), "ready");
    let mails = app.mails().await;
    let told: Vec<_> = mails.iter().filter(|mail| mail.subject == "Your data is ready").collect();
    assert_eq!(told.len(), 1, "{mails:#?}");
    assert!(told[0].body.contains("/own-data\n") && told[0].body.contains("24 hours"), "{}", told[0].body);
    bob.get("/me/export/file").await.is_problem(404, "not_found");
    alice.get("/me/export/file").await.is(200);

    let token =
        json!({ "name": "Script", "scopes": ["read", "profile"], "expires_at": "2026-03-01T00:00:00Z" });
    let script = app.bearer(&alice.post("/me/tokens", token).await.is(201).text("/token"));
    script.get("/me/export/file").await.is_problem(403, "session_required");
    asks_for_a_copy(&script).await.is_problem(403, "session_required");
    app.app.clock.advance(TimeDelta::minutes(9));
    alice.get("/me/export/file").await.is(200);
    app.sql("UPDATE session SET authenticated_at = authenticated_at - interval '2 minutes'").await.unwrap();
    alice.get("/me/export/file").await.is_problem(403, "step_up_required");
    asks_for_a_copy(&alice).await.is_problem(403, "step_up_required");

    app.app.clock.advance(TimeDelta::hours(24));
    let alice = app.sign_in("alice").await;
    alice.get("/me/export/file").await.is_problem(404, "not_found");
    tidy(&app.app).await.unwrap();
    assert!(app.rows("SELECT account_id::text FROM data_export").await.is_empty());
    // Another one is another job.
    asks_for_a_copy(&alice).await.is(202);
    let verbs = app.rows("SELECT DISTINCT verb FROM audit_log WHERE verb LIKE '%export' ORDER BY 1").await;
    assert_eq!(verbs, ["download_export", "request_export"]);
}

#[tokio::test]
async fn d1_a_copy_is_no_larger_than_copies_may_be_and_no_more_often() {
    let app = TestApp::with(
        "[own_data]\nexport_limit_bytes = 200\n[rate_limits]\nenabled = true\nexport_per_day = 2\n",
    )
    .await;
    let alice = app.member("alice").await;
    for _ in 0..2 {
        asks_for_a_copy(&alice).await.is(202);
        work(&app).await;
    }
    assert_eq!(alice.get("/me/export").await.is(200).text("/state"), "too_large");
    alice.get("/me/export/file").await.is_problem(409, "export_not_ready");
    assert!(app.mails().await.iter().all(|mail| mail.subject != "Your data is ready"));
    asks_for_a_copy(&alice).await.is_problem(429, "rate_limited");
}

#[tokio::test]
async fn d2_after_erasure_nothing_says_who_it_was() {
    let (app, alice, slug, post) = canary().await;
    asks_for_a_copy(&alice).await.is(202);
    work(&app).await;
    for left in LEFT {
        assert!(!columns_with(&app, left).await.is_empty(), "{left} is not looked for where it is");
    }
    let id = alice.get("/me").await.text("/id");
    // What was answered is kept for retries, sealed, so that no column shows what is in it.
    let draft = json!({ "title": "Had London had walls" });
    alice.with("idempotency-key", "draft").post("/topics", draft).await.is(201);
    let kept = format!("SELECT scope FROM idempotency_key WHERE scope = '{id}'");
    assert!(!app.rows(&kept).await.is_empty());
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(6));
    work(&app).await;
    assert!(!columns_with(&app, "canary@mail.example").await.is_empty(), "a week is a week");
    app.app.clock.advance(TimeDelta::days(1));
    work(&app).await;
    for left in LEFT {
        assert_eq!(columns_with(&app, left).await, Vec::<String>::new(), "{left}");
    }
    for table in ["session", "personal_access_token", "email_token", "mail", "role_grant"] {
        let rows = app.rows(&format!("SELECT account_id::text FROM {table} WHERE account_id = '{id}'")).await;
        assert!(rows.is_empty(), "{table}");
    }
    assert!(
        app.rows("SELECT account_id::text FROM data_export UNION SELECT account_id::text FROM erasure")
            .await
            .is_empty()
    );
    assert!(app.rows(&kept).await.is_empty());
    assert_counters_are_sums(&app).await;

    let name = format!("deleted-{}", &id[24..]);
    let read = app.guest().get(&format!("/posts/{post}")).await.is(200);
    assert_eq!(read.body["author"]["username"], name);
    assert_eq!(read.body["body"], "London had no walls worth the name.");
    assert_eq!(read.body["tallies"]["quality"], json!({ "up": 1, "down": 1 }));
    let thread = app.guest().get(&format!("/topics/{slug}/thread")).await.is(200);
    assert_eq!(thread.body["posts"]["items"][0]["author"]["username"], name);
    assert_eq!(app.guest().get(&format!("/topics/{slug}")).await.is(200).body["author"]["username"], name);
    for gone in [&name, "canary.alice", "canary.former"] {
        app.guest().get(&format!("/accounts/{gone}")).await.is_problem(404, "not_found");
    }
    // The debate goes out and comes in again.
    let file: Value = serde_json::from_str(
        &exchange::export(&app.app, &slug, exchange::Extent { votes: true, credences: false }).await.unwrap(),
    )
    .unwrap();
    assert!(file.to_string().contains(&name));
    let other = TestApp::new().await;
    exchange::import(&other.app, file.to_string().as_bytes(), &exchange::Progress::none()).await.unwrap();
    // Nobody signs in, by whatever they had.
    alice.get("/me").await.is_problem(401, "invalid_token");
    for login in ["canary.alice", "canary@mail.example", &name] {
        let signs_in = json!({ "login": login, "password": PASSWORD });
        app.guest().post("/sessions", signs_in).await.is_problem(401, "wrong_credentials");
    }
    let verbs = app.rows("SELECT verb FROM audit_log WHERE verb LIKE '%era%' ORDER BY seq").await;
    assert_eq!(verbs, ["request_erasure", "erase_account"]);
    otherwise::audit::verify(&app.app, &app.app.config.data_dir.join("none")).await.unwrap();
}

#[tokio::test]
async fn d2_names_of_erased_accounts_are_nobodys_for_a_year() {
    let (app, alice, _, _) = canary().await;
    is_erased(&app, &alice, false).await;
    let registers = async |username: &str| {
        let registration = json!({ "username": username, "email": "x@example.org", "password": PASSWORD });
        app.guest().post("/accounts", registration).await
    };
    // Each counts from the day on which it was given up: the former name a week earlier.
    app.app.clock.advance(TimeDelta::days(357));
    let bob = app.sign_in("bob").await;
    for taken in ["canary.alice", "canary.a1ice", "canary.former"] {
        registers(taken).await.is_problem(409, "username_taken");
        bob.put("/me/username", json!({ "username": taken })).await.is_problem(409, "username_taken");
    }
    // Nor does anybody pass for an erased account.
    registers("deleted-alice").await.refuses(&[("username", "reserved")]);
    bob.put("/me/username", json!({ "username": "de1eted-bob" })).await.refuses(&[("username", "reserved")]);
    app.app.clock.advance(TimeDelta::days(9));
    registers("canary.a1ice").await.is(201);
    tidy(&app.app).await.unwrap();
    assert!(app.rows("SELECT encode(skeleton_hash, 'hex') FROM erased_username").await.is_empty());
}

#[tokio::test]
async fn d2_erasure_is_asked_for_with_the_password_and_can_be_taken_back() {
    let app = TestApp::new().await;
    let alice = app.member("alice").await;
    let beside = app.sign_in("alice").await;
    let token = json!({ "name": "Script", "scopes": ["read"], "expires_at": "2026-03-01T00:00:00Z" });
    let script = app.bearer(&alice.post("/me/tokens", token).await.is(201).text("/token"));
    app.guest().post("/me/erasure", json!({ "password": PASSWORD })).await.is_problem(401, "unauthenticated");
    script.post("/me/erasure", json!({ "password": PASSWORD })).await.is_problem(403, "session_required");
    let wrong = json!({ "password": "a password of somebody else" });
    alice.post("/me/erasure", wrong).await.refuses(&[("password", "wrong_password")]);
    alice.get("/me/erasure").await.is_problem(404, "not_found");
    alice.delete("/me/erasure").await.is_problem(404, "not_found");
    app.mails().await;

    let asked = alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    assert_eq!(asked.text("/due_at"), "2026-01-22T12:00:00Z");
    for client in [&alice, &beside, &script] {
        client.get("/me").await.is_problem(401, "invalid_token");
    }
    let mail = app.mail("alice@example.org", "Your account is to be erased").await;
    assert!(mail.body.contains("/keep-account\n") && mail.body.contains("7 days"), "{}", mail.body);
    let alice = app.sign_in("alice").await;
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is_problem(409, "erasure_pending");
    assert_eq!(alice.get("/me/erasure").await.is(200).body, asked.body);
    work(&app).await;
    alice.delete("/me/erasure").await.is(204);
    alice.get("/me/erasure").await.is_problem(404, "not_found");
    app.mail("alice@example.org", "Your account is not erased").await;
    app.app.clock.advance(TimeDelta::days(8));
    work(&app).await;
    let alice = app.sign_in("alice").await;
    alice.get("/me").await.is(200);

    // Once it is due, it is too late.
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    app.app.clock.advance(TimeDelta::days(7));
    app.sign_in("alice").await.delete("/me/erasure").await.is_problem(404, "not_found");
    // Unless somebody holds it up, as the law may ask.
    app.sql("UPDATE erasure SET hold_until = due_at + interval '10 days'").await.unwrap();
    work(&app).await;
    app.sign_in("alice").await;
    app.app.clock.advance(TimeDelta::days(10));
    work(&app).await;
    assert_eq!(app.rows("SELECT state FROM account").await, ["deleted"]);
}

#[tokio::test]
async fn d2_who_is_suspended_has_a_right_to_it_and_the_last_administrator_stays() {
    let app = TestApp::new().await;
    let (alice, carol) = (app.member("alice").await, app.administrator("carol").await);
    let id = alice.get("/me").await.text("/id");
    let mut suspension = action("suspend");
    suspension["ends_at"] = json!("2027-01-01T00:00:00Z");
    carol.acts("account", &id, suspension).await;
    asks_for_a_copy(&alice).await.is(202);
    alice.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    carol.post("/me/erasure", json!({ "password": PASSWORD })).await.is_problem(409, "last_administrator");
    let dora = app.administrator("dora").await;
    for either in [&carol, &dora] {
        either.post("/me/erasure", json!({ "password": PASSWORD })).await.is(202);
    }
    app.app.clock.advance(TimeDelta::days(7));
    // One of the two stays, and holds up nobody else.
    for _ in 0..6 {
        let _ = own_data_next(&app.app).await;
    }
    let left = app.rows("SELECT count(*)::text FROM account WHERE state <> 'deleted'").await;
    assert_eq!(left, ["1"]);
}

#[tokio::test]
async fn d2_posts_are_erased_on_demand_and_work_that_broke_off_goes_on() {
    let (app, alice, slug, post) = canary().await;
    alice
        .with("if-match", "*")
        .send(Method::PATCH, &format!("/posts/{post}"), Some(b"{\"body\":\"Unsaid by now.\"}".to_vec()))
        .await
        .is(200);
    let deleted = alice.posts_in(&slug, "Gone by herself.").await;
    alice.with("if-match", "*").delete(&format!("/posts/{deleted}")).await.is(200);
    // The last step fails: no half of an account is erased, and the rest is done when it can be.
    app.sql(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
         CREATE TRIGGER broken BEFORE UPDATE OF state ON account FOR EACH ROW WHEN (NEW.state = 'deleted') EXECUTE FUNCTION broken()",
    )
    .await
    .unwrap();
    alice.post("/me/erasure", json!({ "password": PASSWORD, "erase_posts": true })).await.is(202);
    app.app.clock.advance(TimeDelta::days(7));
    own_data_next(&app.app).await.unwrap_err();
    app.sign_in("canary.alice").await;
    for left in LEFT {
        assert!(!columns_with(&app, left).await.is_empty(), "{left}");
    }
    app.sql("DROP TRIGGER broken ON account").await.unwrap();
    work(&app).await;
    for left in
        LEFT.iter().chain(&["London had no walls worth the name.", "Unsaid by now.", "Gone by herself."])
    {
        assert_eq!(columns_with(&app, left).await, Vec::<String>::new(), "{left}");
    }
    assert_counters_are_sums(&app).await;
    let read = app.guest().get(&format!("/posts/{post}")).await.is(200);
    assert_eq!((&read.body["status"], &read.body["author"]), (&json!("deleted"), &Value::Null));
    assert_eq!(read.body["reply_count"], 1);
    let thread = app.guest().get(&format!("/topics/{slug}/thread")).await.is(200);
    assert_eq!(thread.body["posts"]["items"][0]["replies"]["items"][0]["body"], "It had a river.");
    exchange::export(&app.app, &slug, exchange::Extent { votes: true, credences: false }).await.unwrap();
    assert!(!own_data_next(&app.app).await.unwrap());
}

#[tokio::test]
async fn d3_addresses_are_forgotten_after_90_days() {
    let app = TestApp::with("[auth]\nsession_idle_hours = 3000\nsession_absolute_hours = 3000\n").await;
    app.member("alice").await;
    app.app.clock.advance(TimeDelta::days(1));
    app.sign_in("alice").await;
    let kept = async || {
        tidy(&app.app).await.unwrap();
        app.rows("SELECT coalesce(client_address, '-') FROM session ORDER BY id").await
    };
    app.app.clock.advance(TimeDelta::days(89) - TimeDelta::seconds(1));
    assert_eq!(kept().await, ["203.0.113.7", "203.0.113.7"]);
    app.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(kept().await, ["-", "203.0.113.7"]);
    app.app.clock.advance(TimeDelta::days(1));
    assert_eq!(kept().await, ["-", "-"]);
    assert_eq!(columns_with(&app, "203.0.113.7").await, Vec::<String>::new());
    let alice = app.sign_in("alice").await;
    let sessions = alice.get("/sessions").await.is(200);
    assert_eq!(sessions.body["items"][1]["client_address"], Value::Null);
}
