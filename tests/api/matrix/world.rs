//! The people and things that operations are tried by and on.

use serde_json::json;

use super::bodies::{automation_rule, queue, template, webhook};
use super::tried_on::On;
use crate::support::builders::{action, judged_topic};
use crate::support::{Client, TestApp};

/// Somebody who tries.
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) username: &'static str,
    pub(super) client: Client,
}

pub(super) struct World {
    pub(super) app: TestApp,
}

impl World {
    /// Makes what an operation is tried on, for this one attempt, and gives what stands in the path.
    pub(super) async fn thing(&self, operation: &str, on: On, number: usize) -> String {
        let slug = format!("topic-{number}");
        let mut topic = judged_topic("Had the Armada landed in Kent");
        topic["slug"] = json!(slug);
        topic["tags"] = json!(["armada"]);
        let is_post = operation.contains("post") && operation != "create_post"
            || operation.contains("vote")
            || ["list_replies", "list_revisions", "retract_mind_change"].contains(&operation);
        let is_implication =
            ["read_implication", "revise_implication", "delete_implication", "resolve_implication"]
                .contains(&operation)
                || ["state_forecast", "read_own_forecast"].contains(&operation);
        let is_case = operation.ends_with("_case") && !["claim_next_case", "open_case"].contains(&operation)
            || ["create_case_note", "write_message", "list_case_messages"].contains(&operation);
        match on {
            On::Itself => String::new(),
            On::Open | On::Draft | On::Tombstone | On::Hidden => {
                if on == On::Draft && !is_implication {
                    topic["status"] = json!("draft");
                }
                // Some attempts end all sessions.
                let alice = self.app.sign_in("alice").await;
                let made = alice.post("/topics", topic).await.is(201);
                if operation.contains("step_credences") {
                    return made.text("/scenarios/0/id");
                }
                if operation.ends_with("_scenario_proposal") {
                    return alice.proposes_part(&slug).await;
                }
                if is_implication {
                    let made = alice.proposes_in(&slug, "The muster rolls of Kent are short.").await;
                    if on == On::Draft {
                        let hide = format!("UPDATE topic SET status = 'draft' WHERE slug = '{slug}'");
                        self.app.sql(&hide).await.unwrap();
                    }
                    return made;
                }
                match operation {
                    "rate_scenario" => return made.text("/scenarios/0/id"),
                    "rate_variant" | "dispute_variant_kind" | "retract_variant_kind_dispute" => {
                        return made.text("/variants/0/id");
                    }
                    "flag_chain_step" | "unflag_chain_step" => {
                        return made.text("/scenarios/0/chain_steps/0/id");
                    }
                    "flag_background_fact" | "unflag_background_fact" => {
                        return made.text("/background_facts/0/id");
                    }
                    "read_reference_class" | "delete_reference_class" => {
                        return alice.names_reference_class(&slug, 9, 3).await;
                    }
                    _ if !is_post && !is_case && operation != "revert_action" => return slug,
                    _ => {}
                }
                let post = alice.posts_in(&slug, "London had no walls worth the name.").await;
                if on == On::Tombstone {
                    alice.delete_as_read(&format!("/posts/{post}")).await.is(200);
                }
                if on == On::Hidden {
                    self.app.sign_in("mallory").await.acts("post", &post, action("hide")).await;
                }
                if is_case {
                    return self.case_about("post", &post).await;
                }
                if operation == "revert_action" {
                    return self.app.sign_in("mallory").await.acts("post", &post, action("hide")).await;
                }
                post
            }
            On::Alices => match operation {
                "end_session" => {
                    let alice = self.app.sign_in("alice").await;
                    alice.get("/sessions?limit=1").await.is(200).text("/items/0/id")
                }
                "unlink_identity" => {
                    let id = format!("0198c5f0-0000-7000-8000-{number:012}");
                    self.app
                        .sql(&format!(
                            "INSERT INTO identity (id, account_id, provider, issuer, subject, linked_at)
                             SELECT '{id}', id, 'example', 'https://id.example', 'alice', created_at
                             FROM account WHERE username = 'alice'"
                        ))
                        .await
                        .unwrap();
                    id
                }
                "revoke_token" => {
                    let token = json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" });
                    let alice = self.app.sign_in("alice").await;
                    alice.post("/me/tokens", token).await.is(201).text("/id")
                }
                "remove_passkey" => self
                    .app
                    .rows(
                        "INSERT INTO passkey (id, account_id, name, credential_id, credential, created_at)
                         SELECT gen_random_uuid(), id, 'Key', sha256('key'), '{}', now()
                           FROM account WHERE username = 'alice' RETURNING id::text",
                    )
                    .await
                    .remove(0),
                "read_role_grant" | "revoke_role_grant" => {
                    let grant = json!({ "permissions": ["report.read"], "scope": { "kind": "site" }, "reason": "Asked for." });
                    self.app
                        .sign_in("carol")
                        .await
                        .post("/accounts/alice/role-grants", grant)
                        .await
                        .is(201)
                        .text("/id")
                }
                "read_own_report" => {
                    let alice = self.app.sign_in("alice").await;
                    let bob = self.app.sign_in("bob").await.get("/me").await.text("/id");
                    alice.reports("account", &bob, "spam").await
                }
                "appeal_report" => {
                    let alice = self.app.sign_in("alice").await;
                    let bob = self.app.sign_in("bob").await.get("/me").await.text("/id");
                    let report = alice.reports("account", &bob, "spam").await;
                    self.app
                        .sql("UPDATE report SET outcome = 'rejected', closed_at = created_at")
                        .await
                        .unwrap();
                    report
                }
                "appeal_legal_notice" => {
                    let carol = self.app.sign_in("carol").await.get("/me").await.text("/id");
                    let notice = json!({
                        "subject": { "kind": "account", "id": carol }, "explanation": "It copies a book, line by line.",
                        "legal_ground": "Copyright Act, section 16", "name": "Ann Author",
                        "email": format!("{number}@example.net"), "good_faith": true,
                    });
                    let guest = self.app.guest().with("x-forwarded-for", &format!("198.51.{}.1", number % 250));
                    guest.post("/legal-notices", notice).await.is(201).text("/id")
                }
                "revert_action" | "read_decision" | "appeal_decision" | "read_own_appeal"
                | "withdraw_appeal" | "read_appeal" | "decide_appeal" => {
                    let alice = self.app.sign_in("alice").await;
                    let id = alice.get("/me").await.text("/id");
                    let warned = self.app.sign_in("mallory").await.acts("account", &id, action("warn")).await;
                    if operation.ends_with("_appeal") { alice.appeals(&warned).await } else { warned }
                }
                _ if operation.contains("automation_rule") || operation == "list_rule_hits" => {
                    let carol = self.app.sign_in("carol").await;
                    carol.post("/mod/automation-rules", automation_rule(number)).await.is(201).text("/id")
                }
                "delete_note" => {
                    let note = json!({ "text": "The third time this week.", "audience": "moderators" });
                    let mallory = self.app.sign_in("mallory").await;
                    mallory.post("/mod/accounts/alice/notes", note).await.is(201).text("/id")
                }
                "read_queue" | "edit_queue" | "delete_queue" => {
                    let carol = self.app.sign_in("carol").await;
                    carol.post("/mod/queues", queue(number)).await.is(201).text("/id")
                }
                "read_template" | "edit_template" | "delete_template" => {
                    let carol = self.app.sign_in("carol").await;
                    carol.post("/mod/templates", template(number)).await.is(201).text("/id")
                }
                _ if operation.contains("webhook") => {
                    let carol = self.app.sign_in("carol").await;
                    carol.post("/mod/webhooks", webhook()).await.is(201).text("/id")
                }
                _ if operation.contains("_set") => {
                    let carol = self.app.sign_in("carol").await;
                    let set = json!({ "name": format!("Set {number}"), "kind": "words" });
                    let id = carol.post("/mod/sets", set).await.is(201).text("/id");
                    let values = json!({ "values": [{ "value": "spam" }] });
                    carol.post(&format!("/mod/sets/{id}/values"), values).await.is(200);
                    id
                }
                "read_vote_nullification" | "undo_vote_nullification" => self
                    .app
                    .rows(
                        "INSERT INTO vote_nullification (id, state, account_ids, reason, created_by, created_at)
                         SELECT gen_random_uuid(), 'in_force', ARRAY[a.id], 'Asked for.', c.id, now()
                           FROM account a, account c WHERE a.username = 'alice' AND c.username = 'carol'
                         RETURNING id::text",
                    )
                    .await
                    .remove(0),
                "approve_vote_nullification" => self
                    .app
                    .rows(
                        "INSERT INTO vote_nullification (id, state, account_ids, reason, created_by, created_at, rule_code,
                                                         explanation, credential_id, approval_reasons, approval_expires_at)
                         SELECT gen_random_uuid(), 'awaiting_approval', ARRAY[a.id], 'Asked for.', c.id, c.created_at,
                                'vote_manipulation', 'Asked for, and explained.', c.id, '{staff}', '2030-01-01'
                           FROM account a, account c WHERE a.username = 'alice' AND c.username = 'carol'
                         RETURNING id::text",
                    )
                    .await
                    .remove(0),
                _ if operation.ends_with("_job") || operation == "list_job_items" => self.job(operation).await,
                _ if is_case => {
                    let alice = self.app.sign_in("alice").await.get("/me").await.text("/id");
                    self.case_about("account", &alice).await
                }
                _ => "alice".to_owned(),
            },
        }
    }

    /// A job of carol's: where it is to be watched, one that is over.
    async fn job(&self, operation: &str) -> String {
        let state = if operation == "watch_job" { "cancelled" } else { "planned" };
        self.app
            .rows(&format!(
                "INSERT INTO mod_job (id, kind, state, author_id, orders, note, plan_hash, plan_expires_at,
                                      approval_reasons, created_at, turn_at)
                 SELECT gen_random_uuid(), 'act', '{state}', id, '[]', 'Asked for.', 'x', now(), '{{}}', now(), now()
                   FROM account WHERE username = 'carol'
                 RETURNING id::text"
            ))
            .await
            .remove(0)
    }

    /// What bob reports, as a case.
    async fn case_about(&self, kind: &str, id: &str) -> String {
        self.app.sign_in("bob").await.reports(kind, id, "harassment").await;
        self.app
            .rows("SELECT id::text FROM moderation_case ORDER BY opened_at DESC, id DESC LIMIT 1")
            .await
            .remove(0)
    }

    /// Takes back what was made beside topics and posts, so that the next attempt finds alice as she was.
    pub(super) async fn put_back(&self) {
        self.app
            .sql(
                "UPDATE role_grant SET revoked_at = granted_at FROM account a
                 WHERE a.id = account_id AND a.username = 'alice' AND revoked_at IS NULL;
                 DELETE FROM personal_access_token WHERE name = 'A script';
                 DELETE FROM passkey;
                 DELETE FROM case_event e USING moderation_case c, account a
                 WHERE c.id = e.case_id AND a.id = c.owner_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM reported_version;
                 DELETE FROM report_mute;
                 DELETE FROM mod_note;
                 DELETE FROM template;
                 DELETE FROM case_queue;
                 DELETE FROM appeal;
                 DELETE FROM sanction s USING account a WHERE a.id = s.account_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM statement_of_reasons s USING account a
                 WHERE a.id = s.recipient_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM mod_action m USING account a WHERE a.id = m.target_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM moderation_case c USING account a WHERE a.id = c.owner_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM vote_nullification;
                 DELETE FROM mod_job;
                 DELETE FROM webhook;
                 DELETE FROM identity;
                 DELETE FROM automation_rule;
                 DELETE FROM list_set;
                 UPDATE account SET role = 'member' WHERE username = 'alice'",
            )
            .await
            .unwrap();
    }
}

pub(super) async fn world() -> World {
    let app = TestApp::with("[accounts]\nrequire_verified_email = true\n[webhooks]\nenabled = true").await;
    let carol = app.administrator("carol").await;
    for name in ["alice", "bob", "dora", "mallory", "sid", "sue", "ursula"] {
        app.member(name).await;
    }
    app.sql("UPDATE account SET email_verified_at = created_at WHERE username <> 'ursula'").await.unwrap();
    for (name, scope) in
        [("dora", json!({ "kind": "tag", "tag": "armada" })), ("mallory", json!({ "kind": "site" }))]
    {
        let grant = json!({ "role": "moderator", "scope": scope, "reason": "Asked for." });
        carol.post(&format!("/accounts/{name}/role-grants"), grant).await.is(201);
    }
    let sue = app.rows("SELECT id::text FROM account WHERE username = 'sue'").await.remove(0);
    let mut suspension = action("suspend");
    suspension["ends_at"] = json!("2027-01-01T00:00:00Z");
    carol.acts("account", &sue, suspension).await;
    let sid = app.rows("SELECT id::text FROM account WHERE username = 'sid'").await.remove(0);
    carol.acts("account", &sid, action("silence")).await;
    World { app }
}

/// Everybody, each with a session of this attempt: some operations end sessions.
pub(super) async fn roles(world: &World) -> Vec<Role> {
    let app = &world.app;
    let mut roles = vec![Role { name: "anonymous", username: "nobody", client: app.guest() }];
    // Before their owner, who may do what ends them.
    let scopes: [(&str, &[&str]); 2] = [
        ("owner_token_read", &["read"]),
        ("owner_token_all", &["read", "post", "vote", "profile", "moderate"]),
    ];
    for (name, scopes) in scopes {
        let token = json!({ "name": name, "scopes": scopes, "expires_at": "2026-02-01T00:00:00Z" });
        let token = app.sign_in("alice").await.post("/me/tokens", token).await.is(201).text("/token");
        roles.push(Role { name, username: "alice", client: app.bearer(&token) });
    }
    for (name, username) in [
        ("member", "bob"),
        ("unverified", "ursula"),
        ("silenced", "sid"),
        ("suspended", "sue"),
        ("owner", "alice"),
        ("tag_moderator", "dora"),
        ("moderator", "mallory"),
        ("administrator", "carol"),
    ] {
        roles.push(Role { name, username, client: app.sign_in(username).await });
    }
    roles
}
