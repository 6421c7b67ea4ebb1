-- What somebody's authenticator app and this server share, and codes are computed from (RFC 6238).
CREATE TABLE totp_factor (
    account_id uuid
        CONSTRAINT totp_factor_pkey PRIMARY KEY
        CONSTRAINT totp_factor_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- Sealed (AES-256-GCM).
    sealed_secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- From then on signing in asks for a code.
    confirmed_at timestamptz,
    -- The step of 30 seconds whose code was used last: no code of it or of an earlier one is good any more.
    last_used_step bigint,
    CONSTRAINT totp_factor_confirmed_by_a_code CHECK (confirmed_at IS NULL OR last_used_step IS NOT NULL)
);

-- What its owner keeps for the day on which the app is lost. Only keyed hashes are kept.
CREATE TABLE recovery_code (
    account_id uuid NOT NULL
        CONSTRAINT recovery_code_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT recovery_code_pkey PRIMARY KEY (account_id, code_hash),
    CONSTRAINT recovery_code_is_sha256 CHECK (octet_length(code_hash) = 32)
);

-- Whether a session passed a second factor, and whether the session that made a token had.
ALTER TABLE session
    ADD COLUMN second_factor boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted',
             'factor_changed')
    );
ALTER TABLE personal_access_token ADD COLUMN second_factor boolean NOT NULL DEFAULT false;

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced'
        )
    );
