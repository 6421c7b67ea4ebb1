DROP TABLE mail, email_token;

-- The reasons that the older schema knows.
UPDATE session SET ended_because = 'signed_out'
WHERE ended_because IN ('password_changed', 'password_reset', 'email_reverted');

ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (ended_because IN ('signed_out', 'refresh_token_reused'));

DROP INDEX account_verified_email_key;

ALTER TABLE account
    DROP CONSTRAINT account_verified_email_exists,
    DROP COLUMN email_verified_at,
    DROP COLUMN password_changed_at;
