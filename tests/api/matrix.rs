//! The authorisation matrix: every operation of the document, by everybody, on what is theirs, another's or
//! hidden. An operation that is not here fails the test.

use std::collections::BTreeMap;

use axum::http::Method;
use expect_test::expect;
use serde_json::{Value, json};

use crate::support::builders::{action, judged_topic};
use crate::support::{Client, PASSWORD, Reply, TestApp};

/// What an operation is tried on. Everything belongs to alice, unless it belongs to whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// Nothing in particular, or what belongs to whoever asks.
    Itself,
    /// An open topic, or a post in one.
    Open,
    /// A draft.
    Draft,
    /// A post that its author deleted.
    Tombstone,
    /// A post that moderators took out of sight.
    Hidden,
    /// What belongs to alice: an account, a session, a token, a grant.
    Alices,
}

/// What each operation is tried on.
fn tried_on(operation: &str) -> &'static [On] {
    match operation {
        "create_account"
        | "read_openapi"
        | "read_health"
        | "read_readiness"
        | "create_session"
        | "create_session_by_passkey"
        | "create_passkey_challenge"
        | "create_own_passkey_challenge"
        | "create_passkey"
        | "refresh_session"
        | "confirm_email"
        | "confirm_email_change"
        | "revert_email_change"
        | "request_password_reset"
        | "reset_password"
        | "list_topics"
        | "create_topic"
        | "read_own_account"
        | "edit_own_account"
        | "rename_own_account"
        | "request_email_verification"
        | "request_email_change"
        | "change_password"
        | "list_sessions"
        | "end_all_sessions"
        | "end_current_session"
        | "reauthenticate"
        | "list_tokens"
        | "create_token"
        | "read_factors"
        | "create_totp"
        | "confirm_totp"
        | "remove_totp"
        | "replace_recovery_codes"
        | "request_export"
        | "read_export"
        | "read_export_file"
        | "request_erasure"
        | "read_erasure"
        | "cancel_erasure"
        | "list_identity_providers"
        | "create_authorization_request"
        | "create_session_by_identity"
        | "create_account_by_identity"
        | "reauthenticate_by_identity"
        | "list_identities"
        | "link_identity"
        | "list_own_forecasts"
        | "list_rules"
        | "create_report"
        | "list_own_reports"
        | "list_cases"
        | "claim_next_case"
        | "open_case"
        | "give_legal_notice"
        | "list_own_notes"
        | "list_messages"
        | "answer_message"
        | "list_templates"
        | "create_template"
        | "list_actions"
        | "take_actions"
        | "read_log"
        | "list_decisions"
        | "read_own_sanctions"
        | "list_own_appeals"
        | "list_appeals"
        | "write_rule"
        | "read_transparency_report"
        | "list_statements"
        | "read_backlog"
        | "read_daily"
        | "read_stances"
        | "list_automation_rules"
        | "create_automation_rule"
        | "list_sets"
        | "create_set"
        | "list_vote_signals"
        | "list_jobs"
        | "plan_job"
        | "list_vote_nullifications"
        | "create_vote_nullification" => &[On::Itself],
        "read_profile"
        | "read_track_record"
        | "list_recorded_credences"
        | "list_recorded_mind_changes"
        | "list_role_grants"
        | "create_role_grant"
        | "read_role_grant"
        | "revoke_role_grant"
        | "end_session"
        | "revoke_token"
        | "remove_passkey"
        | "unlink_identity"
        | "read_own_report"
        | "read_account_record"
        | "mute_reports"
        | "unmute_reports"
        | "create_account_note"
        | "list_account_notes"
        | "delete_note"
        | "read_template"
        | "edit_template"
        | "delete_template"
        | "read_decision"
        | "appeal_decision"
        | "appeal_report"
        | "appeal_legal_notice"
        | "read_own_appeal"
        | "withdraw_appeal"
        | "read_appeal"
        | "decide_appeal"
        // These are of the site, and of those who write its rules.
        | "read_automation_rule"
        | "edit_automation_rule"
        | "retire_automation_rule"
        | "test_automation_rule"
        | "list_rule_hits"
        | "read_set"
        | "edit_set"
        | "delete_set"
        | "list_set_values"
        | "add_set_values"
        | "remove_set_value"
        | "read_job"
        | "list_job_items"
        | "watch_job"
        | "execute_job"
        | "approve_job"
        | "pause_job"
        | "resume_job"
        | "cancel_job"
        | "undo_job"
        | "read_vote_nullification"
        | "approve_vote_nullification"
        | "undo_vote_nullification" => &[On::Alices],
        "read_case" | "claim_case" | "release_case" | "escalate_case" | "resolve_case" | "reopen_case"
        | "mute_case" | "unmute_case" | "merge_case" | "create_case_note" | "write_message"
        | "list_case_messages" | "revert_action" => &[On::Open, On::Alices],
        "read_topic"
        | "revise_topic"
        | "read_thread"
        | "create_post"
        | "state_credences"
        | "read_own_credences"
        | "list_own_credences"
        | "read_crowd"
        | "predict"
        | "read_own_meta_prediction"
        | "state_step_credences"
        | "read_own_step_credences"
        | "state_inevitability"
        | "read_own_inevitability"
        | "retract_inevitability"
        | "state_checkpoint_credences"
        | "read_own_checkpoint_credences"
        | "read_own_coherence"
        | "list_topic_mind_changes"
        | "create_implication"
        | "list_implications"
        | "read_implication"
        | "revise_implication"
        | "delete_implication"
        | "resolve_implication"
        | "state_forecast"
        | "read_own_forecast"
        | "rate_scenario"
        | "rate_variant"
        | "flag_chain_step"
        | "unflag_chain_step"
        | "flag_background_fact"
        | "unflag_background_fact"
        | "dispute_variant_kind"
        | "retract_variant_kind_dispute"
        | "create_reference_class"
        | "state_outcome_likelihood"
        | "read_outcome_likelihood"
        | "retract_outcome_likelihood"
        | "read_assessment"
        | "propose_scenarios"
        | "list_scenario_proposals" => &[On::Open, On::Draft],
        // There are none in drafts.
        "read_reference_class"
        | "delete_reference_class"
        | "read_scenario_proposal"
        | "decide_scenario_proposal"
        | "withdraw_scenario_proposal" => &[On::Open],
        "read_post"
        | "list_replies"
        | "list_revisions"
        | "revise_post"
        | "delete_post"
        | "cast_vote"
        | "retract_vote"
        | "inspect_votes"
        | "credit_post"
        | "retract_mind_change"
        | "list_post_mind_changes" => &[On::Open, On::Tombstone, On::Hidden],
        other => panic!("the operation {other} is not in the matrix: say what it is tried on"),
    }
}

/// As POST /authorization-requests gives them, and of nobody.
const AUTHORIZATION_REQUEST: &str = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a post moved somebody.
const EXPLANATION: &str = "I had not thought of the tides, and without them nobody lands.";
/// An identifier that no scenario has.
const NO_SCENARIO: &str = "0198c5f0-0000-7000-8000-00000000dead";

/// A body that is right, where the operation takes one.
fn body(operation: &str, number: usize, who: &Role) -> Option<Value> {
    Some(match operation {
        "create_account" => {
            json!({ "username": format!("new{number}"), "email": "new@example.org", "password": PASSWORD })
        }
        "create_session" => json!({ "login": "alice", "password": PASSWORD }),
        "refresh_session" => json!({ "refresh_token": "otw_rt_x" }),
        "confirm_email" | "confirm_email_change" | "revert_email_change" => json!({ "token": "x" }),
        "request_password_reset" => json!({ "email": "alice@example.org" }),
        "reset_password" => json!({ "token": "x", "password": PASSWORD }),
        "create_topic" => json!({ "title": "Had Elizabeth married" }),
        "edit_own_account" | "request_email_verification" | "release_case" | "unmute_case" => json!({}),
        // Whoever may gets as far as being told that this is the name already.
        "rename_own_account" => json!({ "username": who.username }),
        "request_email_change" => json!({ "email": format!("{number}@example.net"), "password": PASSWORD }),
        "change_password" => json!({ "current_password": PASSWORD, "new_password": PASSWORD }),
        "reauthenticate" | "request_erasure" => json!({ "password": PASSWORD }),
        "create_session_by_passkey" => json!({ "challenge": "otw_pc_x", "credential": {
            "id": "AAAA", "rawId": "AAAA", "type": "public-key",
            "response": { "authenticatorData": "AAAA", "clientDataJSON": "AAAA", "signature": "AAAA" },
        } }),
        "create_passkey" => json!({ "name": "Key", "challenge": "otw_pc_x", "credential": {
            "id": "AAAA", "rawId": "AAAA", "type": "public-key",
            "response": { "attestationObject": "AAAA", "clientDataJSON": "AAAA" },
        } }),
        "confirm_totp" => json!({ "code": "000000" }),
        "remove_totp" | "remove_passkey" | "replace_recovery_codes" => json!({ "totp_code": "000000" }),
        "create_authorization_request" => json!({ "provider": "example", "purpose": "link" }),
        "create_session_by_identity" | "reauthenticate_by_identity" | "link_identity" => {
            json!({ "authorization_request": AUTHORIZATION_REQUEST, "state": "x", "code": "x" })
        }
        "create_account_by_identity" => {
            json!({
                "authorization_request": AUTHORIZATION_REQUEST,
                "username": format!("new{number}"),
                "email": "new@example.org",
            })
        }
        "create_token" => {
            json!({ "name": "A script", "scopes": ["read"], "expires_at": "2026-02-01T00:00:00Z" })
        }
        "create_role_grant" => {
            json!({ "role": "moderator", "scope": { "kind": "tag", "tag": "armada" }, "reason": "Asked for." })
        }
        "revise_topic" => json!({ "horizon_reason": "Her death." }),
        "create_post" | "revise_post" => json!({ "body": "So." }),
        // Whoever may gets as far as being told that they did not move.
        "credit_post" => json!({ "explanation": EXPLANATION }),
        "cast_vote" => json!({ "quality": 1 }),
        // Whoever may gets as far as being told that there is no such scenario.
        "propose_scenarios" => {
            json!({ "change": { "kind": "retire", "scenario_id": NO_SCENARIO }, "reason": "It is gone already." })
        }
        "decide_scenario_proposal" => json!({ "decision": "reject", "reason": "It is as good as others." }),
        // Whoever may gets as far as being told that others are asked about.
        "state_credences" | "predict" => json!({ "scenario_set_version": 2, "vector": [] }),
        "state_step_credences" => json!({ "steps": [] }),
        "state_inevitability" => json!({ "inevitable_from": null }),
        "state_checkpoint_credences" => json!({ "checkpoints": [] }),
        // Whoever may gets as far as being told that there is no such scenario.
        "create_implication" => json!({
            "statement": "The muster rolls of Kent are short.",
            "bears_on": ["0198c5f0-0000-7000-8000-00000000dead"],
            "test_kind": "hoop",
        }),
        // Whoever may gets as far as being told that there is no such thing.
        "create_report" => json!({ "subject": { "kind": "topic", "id": NO_SCENARIO }, "rule": "spam" }),
        "take_actions" => {
            json!({ "subject": { "kind": "topic", "id": NO_SCENARIO }, "actions": [action("hide")] })
        }
        "write_rule" => json!({
            "code": "spam", "version": 1, "title": "Spam", "body": "Advertising of any kind.", "severity": 2,
            "strikes": 1, "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        }),
        "revert_action" | "undo_job" => json!({ "explanation": "The shop is a museum." }),
        "appeal_decision" | "appeal_report" => json!({ "text": "I sell nothing: the shop is a museum." }),
        // Whoever has no receipt learns of no notice.
        "appeal_legal_notice" => {
            json!({ "secret": "otw_ln_AAAAAAAAAAAAAAAAAAAAAA", "text": "The whole book is there." })
        }
        "decide_appeal" => json!({ "outcome": "upheld", "reasons": "It was looked at again." }),
        "create_vote_nullification" => {
            json!({
                "accounts": [NO_SCENARIO], "reason": "They are one person.",
                "explanation": "Several accounts judged the same posts as one.",
            })
        }
        // Whoever may gets as far as a plan that does nothing.
        "plan_job" => json!({
            "subjects": { "kind": "post", "ids": [NO_SCENARIO] }, "actions": [action("hide")], "note": "Asked for.",
        }),
        "open_case" => json!({ "subject": { "kind": "topic", "id": NO_SCENARIO }, "note": "I saw it." }),
        "give_legal_notice" => json!({
            "subject": { "kind": "topic", "id": NO_SCENARIO }, "explanation": "It copies a book, line by line.",
            "legal_ground": "Copyright Act, section 16", "name": "Ann Author", "email": format!("{number}@example.net"),
            "good_faith": true,
        }),
        "answer_message" => json!({ "case_id": NO_SCENARIO, "text": "It is a museum." }),
        "write_message" => json!({ "to": NO_SCENARIO, "text": "Is this your shop?" }),
        "create_case_note" | "create_account_note" => {
            json!({ "text": "The third time this week.", "audience": "moderators" })
        }
        "create_template" => template(number),
        "edit_template" => json!({ "text": "It advertises something." }),
        "reopen_case" => json!({ "note": "I was too quick." }),
        "mute_case" => json!({ "ends_at": "2026-02-01T00:00:00Z" }),
        "merge_case" => json!({ "into": null, "note": "They are about different things." }),
        "mute_reports" => json!({ "ends_at": "2026-02-01T00:00:00Z", "reason": "They are all the same." }),
        "escalate_case" => json!({ "note": "It is not for me." }),
        "resolve_case" => json!({ "resolution": "rejected", "note": "It is nothing." }),
        "create_automation_rule" => automation_rule(number),
        "edit_automation_rule" => json!({ "mode": "shadow" }),
        "test_automation_rule" => json!({ "last": 1 }),
        "create_set" => json!({ "name": format!("Set {number}"), "kind": "words" }),
        "edit_set" => json!({ "name": format!("Renamed {number}") }),
        "add_set_values" => json!({ "values": [{ "value": "spam" }] }),
        "revise_implication" => json!({ "test_kind": "smoking_gun" }),
        "resolve_implication" => json!({ "resolution": "unresolved" }),
        "rate_scenario" | "rate_variant" => json!({ "ratings": { "clarity": 3 } }),
        "flag_chain_step" | "flag_background_fact" => json!({ "clashes": true }),
        "dispute_variant_kind" => json!({ "disputes": true }),
        "state_outcome_likelihood" | "state_forecast" => json!({ "bp": 5000 }),
        "create_reference_class" => json!({
            "scenario_id": uuid::Uuid::nil(), "description": "Landings.", "cases": 9, "with_outcome": 3,
            "citation": { "source_id": uuid::Uuid::nil() },
        }),
        _ => return None,
    })
}

/// A text that moderators use again and again.
fn template(number: usize) -> Value {
    json!({
        "name": format!("Shop {number}"), "kind": "explanation", "language": "en", "rule": "spam",
        "text": "It advertises a shop, and nothing else.",
    })
}

/// A rule of automatic moderation that meets nobody.
fn automation_rule(number: usize) -> Value {
    json!({
        "name": format!("Rule {number}"), "explanation": "Nobody posts under such a tag.", "policy_rule": "spam",
        "triggers": { "post_created": true }, "when": { "tag": "never" }, "action": "queue",
    })
}

/// Somebody who tries.
struct Role {
    name: &'static str,
    username: &'static str,
    client: Client,
}

struct World {
    app: TestApp,
}

impl World {
    /// Makes what an operation is tried on, for this one attempt, and gives what stands in the path.
    async fn thing(&self, operation: &str, on: On, number: usize) -> String {
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
                "read_template" | "edit_template" | "delete_template" => {
                    let carol = self.app.sign_in("carol").await;
                    carol.post("/mod/templates", template(number)).await.is(201).text("/id")
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
    async fn put_back(&self) {
        self.app
            .sql(
                "UPDATE role_grant SET revoked_at = granted_at FROM account a
                 WHERE a.id = account_id AND a.username = 'alice' AND revoked_at IS NULL;
                 DELETE FROM personal_access_token WHERE name = 'A script';
                 DELETE FROM passkey;
                 DELETE FROM case_event e USING moderation_case c, account a
                 WHERE c.id = e.case_id AND a.id = c.owner_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM report_mute;
                 DELETE FROM mod_note;
                 DELETE FROM template;
                 DELETE FROM appeal;
                 DELETE FROM sanction s USING account a WHERE a.id = s.account_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM statement_of_reasons s USING account a
                 WHERE a.id = s.recipient_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM mod_action m USING account a WHERE a.id = m.target_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM moderation_case c USING account a WHERE a.id = c.owner_id AND a.username NOT IN ('sid', 'sue');
                 DELETE FROM vote_nullification;
                 DELETE FROM mod_job;
                 DELETE FROM identity;
                 DELETE FROM automation_rule;
                 DELETE FROM list_set;
                 UPDATE account SET role = 'member' WHERE username = 'alice'",
            )
            .await
            .unwrap();
    }
}

fn operations() -> Vec<(String, Method, String)> {
    let document = serde_json::to_value(otherwise::router::document()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if let (Ok(method), Some(id)) = (method.to_uppercase().parse(), operation["operationId"].as_str())
            {
                // Which value is to go is said there.
                let query = if id == "remove_set_value" { "?value=spam" } else { "" };
                found.push((id.to_owned(), method, format!("{path}{query}")));
            }
        }
    }
    found
}

fn filled(path: &str, thing: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { thing.to_owned() } else { part.to_owned() };
    format!("/{}", path.split('/').map(part).collect::<Vec<_>>().join("/"))
}

async fn attempt(who: &Client, method: &Method, path: &str, body: Option<Value>) -> Reply {
    let body = body.map(|body| body.to_string().into_bytes());
    let who = who.with("if-match", "*").with("inspection-reason", "Asked for.");
    who.send(method.clone(), path, body).await
}

async fn world() -> World {
    let app = TestApp::with("[accounts]\nrequire_verified_email = true").await;
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
async fn roles(world: &World) -> Vec<Role> {
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

#[tokio::test]
async fn a1_every_operation_by_everybody_on_everything() {
    let world = world().await;
    let (mut table, mut number) = (String::new(), 0);
    for (operation, method, path) in operations() {
        for on in tried_on(&operation) {
            let mut outcomes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for role in roles(&world).await {
                number += 1;
                let thing = world.thing(&operation, *on, number).await;
                let body = body(&operation, number, &role);
                let reply = attempt(&role.client, &method, &filled(&path, &thing), body).await;
                world.put_back().await;
                assert!(reply.status < 500, "{operation} {on:?} {}: {:#}", role.name, reply.body);
                let code = reply.body["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
                outcomes.entry(format!("{}{code}", reply.status)).or_default().push(role.name);
            }
            let on = if *on == On::Itself { String::new() } else { format!(" on {on:?}") };
            table += &format!("{operation}{on}\n");
            for (outcome, names) in outcomes {
                let everybody = names.len() == 11;
                table += &format!(
                    "  {outcome}: {}\n",
                    if everybody { "everybody".to_owned() } else { names.join(" ") }
                );
            }
        }
        world.app.sql("DELETE FROM personal_access_token WHERE name LIKE 'owner%'").await.unwrap();
    }
    expect![[r#"
        create_account
          201: everybody
        create_account_by_identity
          400 invalid_authorization_request: everybody
        read_profile on Alices
          200: everybody
        list_role_grants on Alices
          200: owner_token_read owner_token_all owner administrator
          401 unauthenticated: anonymous
          403 not_allowed: member unverified silenced tag_moderator moderator
          403 sanctioned: suspended
        create_role_grant on Alices
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
        read_track_record on Alices
          200: owner_token_read owner_token_all owner
          403 track_record_private: anonymous member unverified silenced suspended tag_moderator moderator administrator
        list_recorded_credences on Alices
          200: owner_token_read owner_token_all owner
          403 track_record_private: anonymous member unverified silenced suspended tag_moderator moderator administrator
        list_recorded_mind_changes on Alices
          200: owner_token_read owner_token_all owner
          403 track_record_private: anonymous member unverified silenced suspended tag_moderator moderator administrator
        withdraw_appeal on Alices
          200: owner_token_all owner
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        read_own_appeal on Alices
          200: owner_token_read owner_token_all owner
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        create_authorization_request
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
          422 invalid: member unverified silenced owner tag_moderator moderator administrator
        unflag_background_fact on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        unflag_background_fact on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        flag_background_fact on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        flag_background_fact on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        unflag_chain_step on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        unflag_chain_step on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        flag_chain_step on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        flag_chain_step on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        confirm_email_change
          400 invalid_email_token: everybody
        revert_email_change
          400 invalid_email_token: everybody
        request_email_verification
          202: member unverified silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
        confirm_email
          400 invalid_email_token: everybody
        list_identity_providers
          200: everybody
        delete_implication on Open
          204: owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_your_implication: member unverified silenced
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_implication on Draft
          204: owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
        read_implication on Open
          200: everybody
        read_implication on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        revise_implication on Open
          200: owner_token_all owner
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_implication: member tag_moderator moderator administrator
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        revise_implication on Draft
          401 unauthenticated: anonymous
          403 not_your_implication: tag_moderator moderator administrator
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner
        read_own_forecast on Open
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_forecast on Draft
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        state_forecast on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        state_forecast on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        resolve_implication on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_topic: member
          403 own_implication: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        resolve_implication on Draft
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 own_implication: owner_token_all owner
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
        give_legal_notice
          403 scope_missing: owner_token_read
          422 invalid: anonymous owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        appeal_legal_notice on Alices
          403 scope_missing: owner_token_read
          404 not_found: anonymous owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_account
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        edit_own_account
          200: owner_token_all member unverified silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_own_appeals
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        list_decisions
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        read_decision on Alices
          200: owner_token_read owner_token_all owner
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        appeal_decision on Alices
          201: owner_token_all owner
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        request_email_change
          202: member unverified silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
        cancel_erasure
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended owner tag_moderator moderator administrator
        read_erasure
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended owner tag_moderator moderator administrator
        request_erasure
          202: member unverified silenced suspended owner tag_moderator moderator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          409 last_administrator: administrator
        read_export
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended owner tag_moderator moderator administrator
        request_export
          202: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        read_export_file
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          409 export_not_ready: member unverified silenced suspended owner tag_moderator moderator administrator
        read_factors
          200: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        list_own_forecasts
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        list_identities
          200: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        link_identity
          400 invalid_authorization_request: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        unlink_identity on Alices
          204: owner
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced tag_moderator moderator administrator
        list_messages
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        answer_message
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        list_own_notes
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        create_own_passkey_challenge
          200: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        create_passkey
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          422 invalid: member unverified silenced suspended owner tag_moderator moderator administrator
        remove_passkey on Alices
          401 unauthenticated: anonymous
          401 wrong_second_factor: owner
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        change_password
          204: member unverified silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
        replace_recovery_codes
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_sanctions
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        list_tokens
          200: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        create_token
          201: member unverified silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
        revoke_token on Alices
          204: owner
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        create_totp
          201: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        confirm_totp
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          422 invalid: member unverified silenced suspended owner tag_moderator moderator administrator
        remove_totp
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended owner tag_moderator moderator administrator
        rename_own_account
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 session_required: owner_token_read owner_token_all
          422 invalid: member unverified silenced owner tag_moderator moderator administrator
        read_account_record on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        mute_reports on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_account_notes on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_account_note on Alices
          201: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        unmute_reports on Alices
          204: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_actions
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        take_actions
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          422 invalid: tag_moderator moderator administrator
        revert_action on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        revert_action on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        list_appeals
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_appeal on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        decide_appeal on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 own_decision: moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        list_automation_rules
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_automation_rule
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        retire_automation_rule on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_automation_rule on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        edit_automation_rule on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_rule_hits on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        test_automation_rule on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_cases
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        open_case
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          422 invalid: tag_moderator moderator administrator
        claim_next_case
          204: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        claim_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        claim_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        escalate_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        escalate_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        merge_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        merge_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        list_case_messages on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_case_messages on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        write_message on Open
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          422 invalid: tag_moderator moderator administrator
        write_message on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          422 invalid: moderator administrator
        mute_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        mute_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        create_case_note on Open
          201: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_case_note on Alices
          201: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        release_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        release_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        reopen_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        reopen_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        resolve_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        resolve_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        unmute_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        unmute_case on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        list_jobs
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        plan_job
          201: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_job on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: owner_token_all member unverified silenced owner tag_moderator
        approve_job on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 own_decision: administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          412 precondition_failed: moderator
        cancel_job on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
        watch_job on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: owner_token_all member unverified silenced owner tag_moderator
        execute_job on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          412 precondition_failed: administrator
        list_job_items on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: owner_token_all member unverified silenced owner tag_moderator
        pause_job on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          409 invalid_state_transition: moderator administrator
        resume_job on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          409 invalid_state_transition: moderator administrator
        undo_job on Alices
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator
          409 invalid_state_transition: moderator administrator
        delete_note on Alices
          204: moderator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          404 not_found: tag_moderator administrator
        write_rule
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          412 precondition_failed: administrator
        list_sets
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_set
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_set on Alices
          204: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_set on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        edit_set on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        remove_set_value on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_set_values on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        add_set_values on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_daily
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_backlog
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_stances
          401 unauthenticated: anonymous
          422 invalid: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        list_templates
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_template
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_template on Alices
          204: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_template on Alices
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        edit_template on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_statements
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_vote_nullifications
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_vote_nullification
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          422 invalid: moderator administrator
        read_vote_nullification on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        approve_vote_nullification on Alices
          200: moderator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 own_decision: administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        undo_vote_nullification on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_vote_signals
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_log
          200: everybody
        read_openapi
          200: everybody
        create_passkey_challenge
          200: everybody
        request_password_reset
          202: everybody
        reset_password
          400 invalid_email_token: everybody
        delete_post on Open
          200: owner_token_all owner
          401 unauthenticated: anonymous
          403 not_your_post: member unverified silenced tag_moderator moderator administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_post on Tombstone
          401 unauthenticated: anonymous
          403 not_your_post: member unverified silenced tag_moderator moderator administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_deleted: owner_token_all owner
        delete_post on Hidden
          401 unauthenticated: anonymous
          403 not_your_post: member unverified silenced tag_moderator moderator administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_hidden: owner_token_all owner
        read_post on Open
          200: everybody
        read_post on Tombstone
          200: everybody
        read_post on Hidden
          200: everybody
        revise_post on Open
          200: owner_token_all owner
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_post: member tag_moderator moderator administrator
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        revise_post on Tombstone
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_post: member tag_moderator moderator administrator
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_deleted: owner_token_all owner
        revise_post on Hidden
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_post: member tag_moderator moderator administrator
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_hidden: owner_token_all owner
        list_post_mind_changes on Open
          200: everybody
        list_post_mind_changes on Tombstone
          200: everybody
        list_post_mind_changes on Hidden
          200: everybody
        credit_post on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 credences_unmoved: member tag_moderator moderator administrator
        credit_post on Tombstone
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_deleted: member tag_moderator moderator administrator
        credit_post on Hidden
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_hidden: member tag_moderator moderator administrator
        retract_mind_change on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          404 not_found: member tag_moderator moderator administrator
        retract_mind_change on Tombstone
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_deleted: member tag_moderator moderator administrator
        retract_mind_change on Hidden
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_argument: owner_token_all owner
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 post_hidden: member tag_moderator moderator administrator
        list_replies on Open
          200: everybody
        list_replies on Tombstone
          200: everybody
        list_replies on Hidden
          200: everybody
        list_revisions on Open
          200: everybody
        list_revisions on Tombstone
          404 not_found: everybody
        list_revisions on Hidden
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        retract_vote on Open
          200: member silenced tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        retract_vote on Tombstone
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_deleted: member silenced tag_moderator moderator administrator
        retract_vote on Hidden
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_hidden: member silenced tag_moderator moderator administrator
        cast_vote on Open
          200: member silenced tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        cast_vote on Tombstone
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_deleted: member silenced tag_moderator moderator administrator
        cast_vote on Hidden
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 own_post: owner_token_all owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 post_hidden: member silenced tag_moderator moderator administrator
        inspect_votes on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        inspect_votes on Tombstone
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        inspect_votes on Hidden
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_reference_class on Open
          204: owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: member unverified silenced
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_reference_class on Open
          200: everybody
        list_own_reports
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        create_report
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          422 invalid: owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_report on Alices
          200: owner_token_read owner_token_all owner
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        appeal_report on Alices
          201: owner_token_all owner
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        revoke_role_grant on Alices
          204: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended tag_moderator moderator
        read_role_grant on Alices
          200: owner_token_read owner_token_all owner administrator
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended tag_moderator moderator
        list_rules
          200: everybody
        withdraw_scenario_proposal on Open
          200: owner_token_all owner
          401 unauthenticated: anonymous
          403 not_your_proposal: member unverified silenced tag_moderator moderator administrator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_scenario_proposal on Open
          200: everybody
        decide_scenario_proposal on Open
          200: owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_topic: member
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        rate_scenario on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        rate_scenario on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_own_step_credences on Open
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        read_own_step_credences on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended
        state_step_credences on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        state_step_credences on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        end_all_sessions
          204: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        list_sessions
          200: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        create_session
          201: everybody
        create_session_by_identity
          400 invalid_authorization_request: everybody
        create_session_by_passkey
          401 invalid_passkey: everybody
        end_current_session
          204: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        reauthenticate
          204: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        reauthenticate_by_identity
          400 invalid_authorization_request: member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
        refresh_session
          401 invalid_refresh_token: everybody
        end_session on Alices
          204: owner
          401 unauthenticated: anonymous
          403 session_required: owner_token_read owner_token_all
          404 not_found: member unverified silenced suspended tag_moderator moderator administrator
        list_topics
          200: everybody
        create_topic
          201: owner_token_all member owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        read_topic on Open
          200: everybody
        read_topic on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        revise_topic on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 not_your_topic: member
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          409 topic_not_draft: owner_token_all owner
        revise_topic on Draft
          200: owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
        read_assessment on Open
          200: everybody
        read_assessment on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        read_own_checkpoint_credences on Open
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        read_own_checkpoint_credences on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended
        state_checkpoint_credences on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        state_checkpoint_credences on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_own_coherence on Open
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        read_own_coherence on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended
        read_crowd on Open
          403 crowd_withheld: everybody
        read_crowd on Draft
          403 crowd_withheld: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        read_own_credences on Open
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_credences on Draft
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        state_credences on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 scenarios_changed: owner_token_all member silenced owner tag_moderator moderator administrator
        state_credences on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        list_own_credences on Open
          200: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
        list_own_credences on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          404 not_found: member unverified silenced suspended
        list_implications on Open
          200: everybody
        list_implications on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        create_implication on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          422 invalid: owner_token_all member owner tag_moderator moderator administrator
        create_implication on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        retract_inevitability on Open
          204: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        retract_inevitability on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_own_inevitability on Open
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_inevitability on Draft
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        state_inevitability on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        state_inevitability on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_own_meta_prediction on Open
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_own_meta_prediction on Draft
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        predict on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
          409 scenarios_changed: owner_token_all member silenced owner tag_moderator moderator administrator
        predict on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        list_topic_mind_changes on Open
          200: everybody
        list_topic_mind_changes on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        retract_outcome_likelihood on Open
          204: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        retract_outcome_likelihood on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_outcome_likelihood on Open
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        read_outcome_likelihood on Draft
          401 unauthenticated: anonymous
          404 not_found: owner_token_read owner_token_all member unverified silenced suspended owner tag_moderator moderator administrator
        state_outcome_likelihood on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        state_outcome_likelihood on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        create_post on Open
          201: owner_token_all member owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
        create_post on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        create_reference_class on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          422 invalid: owner_token_all member owner tag_moderator moderator administrator
        create_reference_class on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        list_scenario_proposals on Open
          200: everybody
        list_scenario_proposals on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        propose_scenarios on Open
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: silenced suspended
          403 scope_missing: owner_token_read
          422 invalid: owner_token_all member owner tag_moderator moderator administrator
        propose_scenarios on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_thread on Open
          200: everybody
        read_thread on Draft
          200: owner_token_read owner_token_all owner tag_moderator moderator administrator
          404 not_found: anonymous member unverified silenced suspended
        read_transparency_report
          200: everybody
        retract_variant_kind_dispute on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        retract_variant_kind_dispute on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        dispute_variant_kind on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        dispute_variant_kind on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        rate_variant on Open
          200: owner_token_all member silenced owner tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 email_not_verified: unverified
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        rate_variant on Draft
          401 unauthenticated: anonymous
          403 scope_missing: owner_token_read
          404 not_found: member unverified silenced suspended
          409 topic_not_open: owner_token_all owner tag_moderator moderator administrator
        read_health
          200: everybody
        read_readiness
          200: everybody
    "#]].assert_eq(&table);
}

#[tokio::test]
async fn a2_what_is_hidden_is_answered_like_what_is_not_there() {
    let world = world().await;
    let mut compared = 0;
    for (operation, method, path) in operations() {
        let hidden: &[On] = match tried_on(&operation) {
            [On::Open, On::Draft] => &[On::Draft],
            [On::Alices]
                if ![
                    "read_profile",
                    "read_track_record",
                    "list_recorded_credences",
                    "list_recorded_mind_changes",
                    "list_role_grants",
                    "create_role_grant",
                ]
                .contains(&&*operation) =>
            {
                &[On::Alices]
            }
            _ => continue,
        };
        for on in hidden {
            for role in roles(&world).await {
                if !["anonymous", "member", "unverified"].contains(&role.name) {
                    continue;
                }
                compared += 1;
                let thing = world.thing(&operation, *on, 1000 + compared).await;
                let nothing = "0198c5f0-0000-7000-8000-00000000dead";
                let mut answers = Vec::new();
                for id in [&*thing, nothing] {
                    let body = body(&operation, compared, &role);
                    let mut reply = attempt(&role.client, &method, &filled(&path, id), body).await;
                    reply.body["request_id"] = json!("");
                    let headers: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
                    answers.push((reply.status, reply.body, headers));
                }
                assert_eq!(answers[0], answers[1], "{operation} by {}", role.name);
                assert!([401, 403, 404].contains(&answers[0].0), "{operation} by {}: {answers:?}", role.name);
                world.put_back().await;
            }
        }
        world.app.sql("DELETE FROM personal_access_token WHERE name LIKE 'owner%'").await.unwrap();
    }
    assert!(compared >= 20, "{compared}");
}
