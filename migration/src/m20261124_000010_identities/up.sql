-- Who somebody is at a provider that says so (OpenID Connect), and whose account that is here. The two columns
-- that the provider is believed, and no address: those change hands.
CREATE TABLE identity (
    id uuid CONSTRAINT identity_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT identity_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- The name that the configuration had for the issuer.
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    linked_at timestamptz NOT NULL,
    last_used_at timestamptz,
    CONSTRAINT identity_subject_key UNIQUE (issuer, subject),
    CONSTRAINT identity_subject_length CHECK (octet_length(subject) BETWEEN 1 AND 255)
);

CREATE INDEX identity_account_idx ON identity (account_id, id DESC);

-- Somebody on their way to a provider and back. Only the SHA-256 of the client's secret is kept; what the
-- provider's answer must be tied to is derived from the secret with a key, and kept nowhere.
CREATE TABLE authorization_request (
    secret_hash bytea CONSTRAINT authorization_request_pkey PRIMARY KEY,
    provider text NOT NULL,
    purpose text NOT NULL,
    -- For whom and in which session, but for those who are still to sign in.
    account_id uuid CONSTRAINT authorization_request_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    session_id uuid CONSTRAINT authorization_request_session_fkey REFERENCES session (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- The code that the provider gave, and when it was taken to it. That is done once.
    code_hash bytea,
    redeemed_at timestamptz,
    -- Who it is, from then on.
    issuer text,
    subject text,
    -- When it did what it was for, or turned out to be good for nothing.
    used_at timestamptz,
    CONSTRAINT authorization_request_is_sha256 CHECK (octet_length(secret_hash) = 32),
    CONSTRAINT authorization_request_code_is_sha256 CHECK (octet_length(code_hash) = 32),
    CONSTRAINT authorization_request_purpose_known CHECK (purpose IN ('sign_in', 'link', 'reauthenticate')),
    CONSTRAINT authorization_request_in_a_session CHECK (
        (purpose = 'sign_in') = (account_id IS NULL) AND (purpose = 'sign_in') = (session_id IS NULL)),
    CONSTRAINT authorization_request_redeemed_by_a_code CHECK ((redeemed_at IS NULL) = (code_hash IS NULL)),
    CONSTRAINT authorization_request_person_after_redeeming CHECK (
        (issuer IS NULL) = (subject IS NULL) AND (subject IS NULL OR redeemed_at IS NOT NULL))
);

CREATE INDEX authorization_request_expires_idx ON authorization_request (expires_at);
CREATE INDEX authorization_request_account_idx ON authorization_request (account_id) WHERE account_id IS NOT NULL;
CREATE INDEX authorization_request_session_idx ON authorization_request (session_id) WHERE session_id IS NOT NULL;

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked'
        )
    );
