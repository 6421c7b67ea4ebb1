DROP INDEX audit_log_actor_idx;
DROP INDEX session_client_address_idx;
UPDATE session SET client_address = '' WHERE client_address IS NULL;
ALTER TABLE session ALTER COLUMN client_address SET NOT NULL;
DELETE FROM mail WHERE kind IN ('export_ready', 'erasure_requested', 'erasure_cancelled');
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced'
        )
    );
DROP TABLE erased_username, erasure, data_export;
