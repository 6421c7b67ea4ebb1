DROP INDEX audit_log_registered_idx, audit_log_verb_idx, audit_log_object_idx, session_origin_idx, session_account_address_idx,
    case_event_decided_idx, event_trust_level_idx, mod_action_target_created_idx, report_reporter_created_idx,
    post_author_deleted_idx, post_author_created_idx;
DROP FUNCTION client_origin(text);

DELETE FROM mail WHERE kind = 'sessions_revoked';
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received',
            'notice_received', 'notice_decided'
        )
    );

UPDATE session SET ended_because = 'signed_out' WHERE ended_because = 'revoked_by_moderator';
ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted',
             'factor_changed', 'banned')
    );

DROP TABLE account_access;
