//! What everybody is answered.

use expect_test::{Expect, expect};

/// The outcomes of every operation on everything, each with those who meet it.
pub(super) fn of_everybody() -> Expect {
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
        list_related_accounts on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        revoke_sessions on Alices
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_timeline on Alices
          200: moderator administrator
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
        list_audit_entries
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        verify_audit_log
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
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
        tag_case on Open
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        tag_case on Alices
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
        list_queues
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_queue
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_queue on Alices
          204: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_queue on Alices
          200: tag_moderator moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        edit_queue on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
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
        read_agreement
          200: moderator administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator
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
        list_webhooks
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        create_webhook
          201: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        delete_webhook on Alices
          204: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        read_webhook on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        edit_webhook on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        list_webhook_deliveries on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        rotate_webhook on Alices
          200: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
          403 sanctioned: suspended
          403 scope_missing: owner_token_read
        test_webhook on Alices
          202: administrator
          401 unauthenticated: anonymous
          403 not_allowed: owner_token_all member unverified silenced owner tag_moderator moderator
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
    "#]]
}
