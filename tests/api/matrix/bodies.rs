//! What operations are sent.

use serde_json::{Value, json};

use super::world::Role;
use crate::support::PASSWORD;
use crate::support::builders::action;

/// As POST /authorization-requests gives them, and of nobody.
const AUTHORIZATION_REQUEST: &str = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a post moved somebody.
const EXPLANATION: &str = "I had not thought of the tides, and without them nobody lands.";
/// An identifier that no scenario has.
const NO_SCENARIO: &str = "0198c5f0-0000-7000-8000-00000000dead";

/// A body that is right, where the operation takes one.
pub(super) fn body(operation: &str, number: usize, who: &Role) -> Option<Value> {
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
        "create_webhook" => webhook(),
        "edit_webhook" => json!({ "note": "Asked for." }),
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
        "create_queue" => queue(number),
        "edit_queue" => json!({ "sla_hours": 4 }),
        "create_template" => template(number),
        "edit_template" => json!({ "text": "It advertises something." }),
        "reopen_case" => json!({ "note": "I was too quick." }),
        "mute_case" => json!({ "ends_at": "2026-02-01T00:00:00Z" }),
        "tag_case" => json!({ "tags": ["maps"] }),
        "merge_case" => json!({ "into": null, "note": "They are about different things." }),
        "revoke_sessions" => json!({ "reason": "Somebody else has got in." }),
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

/// A queue of the team.
pub(super) fn queue(number: usize) -> Value {
    json!({ "name": format!("Queue {number}"), "audience": "team", "rules": ["spam"] })
}

/// A text that moderators use again and again.
pub(super) fn template(number: usize) -> Value {
    json!({
        "name": format!("Shop {number}"), "kind": "explanation", "language": "en", "rule": "spam",
        "text": "It advertises a shop, and nothing else.",
    })
}

/// A webhook that leads nowhere.
pub(super) fn webhook() -> Value {
    json!({ "url": "https://scripts.example/hook", "kinds": ["case_opened"], "note": "Asked for." })
}

/// A rule of automatic moderation that meets nobody.
pub(super) fn automation_rule(number: usize) -> Value {
    json!({
        "name": format!("Rule {number}"), "explanation": "Nobody posts under such a tag.", "policy_rule": "spam",
        "triggers": { "post_created": true }, "when": { "tag": "never" }, "action": "queue",
    })
}
