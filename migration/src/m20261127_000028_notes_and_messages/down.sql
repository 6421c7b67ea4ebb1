DROP TABLE template;

DELETE FROM mail WHERE kind = 'message_received';
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided'
        )
    );

DELETE FROM case_event WHERE kind IN ('messaged', 'answered');
ALTER TABLE case_event
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided', 'muted', 'unmuted', 'merged', 'unmerged'));
DROP TABLE case_message;
DROP TABLE mod_note;
