-- A key pair of an authenticator (Web Authentication, W3C) whose public half is kept here.
CREATE TABLE passkey (
    id uuid CONSTRAINT passkey_pkey PRIMARY KEY,
    account_id uuid NOT NULL
        CONSTRAINT passkey_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- What its owner calls it.
    name text NOT NULL CONSTRAINT passkey_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
    -- What the authenticator calls it.
    credential_id bytea NOT NULL
        CONSTRAINT passkey_credential_id_key UNIQUE
        CONSTRAINT passkey_credential_id_length CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    -- The public key with what else the next signature is checked against. Nothing of it is secret.
    credential jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX passkey_account_idx ON passkey (account_id);

-- A challenge is carried by the client, sealed: here stands only which ones were answered, as long as they
-- could be answered again.
CREATE TABLE used_challenge (
    challenge_hash bytea
        CONSTRAINT used_challenge_pkey PRIMARY KEY
        CONSTRAINT used_challenge_is_sha256 CHECK (octet_length(challenge_hash) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_challenge_expires_idx ON used_challenge (expires_at);

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed'
        )
    );
