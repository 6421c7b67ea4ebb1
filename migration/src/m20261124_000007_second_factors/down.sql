DELETE FROM mail
 WHERE kind IN ('factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced');
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused'
        )
    );

ALTER TABLE personal_access_token DROP COLUMN second_factor;
UPDATE session SET ended_because = 'signed_out' WHERE ended_because = 'factor_changed';
ALTER TABLE session
    DROP COLUMN second_factor,
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted')
    );

DROP TABLE recovery_code;
DROP TABLE totp_factor;
