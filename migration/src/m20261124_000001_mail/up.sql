ALTER TABLE account
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN password_changed_at timestamptz,
    ADD CONSTRAINT account_verified_email_exists CHECK (email_verified_at IS NULL OR email IS NOT NULL);

-- A confirmed address is one account's alone. Others may go on claiming it, which comes to nothing.
CREATE UNIQUE INDEX account_verified_email_key ON account (email_key) WHERE email_verified_at IS NOT NULL;

ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted')
    );

-- What people hold by having read a mail. Only the SHA-256 is kept, so that a copy of this table opens
-- nothing; a token that was used stays until it would have expired, so that its second use can be told
-- from a wrong token.
CREATE TABLE email_token (
    token_hash bytea CONSTRAINT email_token_pkey PRIMARY KEY,
    purpose text NOT NULL,
    account_id uuid NOT NULL CONSTRAINT email_token_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- A token is good for the address it was sent to and no other.
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT email_token_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT email_token_purpose_known CHECK (purpose IN ('verify', 'reset', 'change', 'revert'))
);

CREATE INDEX email_token_account_idx ON email_token (account_id, purpose);
CREATE INDEX email_token_expires_idx ON email_token (expires_at);

-- The outbox: a row is written in the transaction that the mail tells of.
CREATE TABLE mail (
    id uuid CONSTRAINT mail_pkey PRIMARY KEY,
    message_id text NOT NULL,
    kind text NOT NULL,
    account_id uuid CONSTRAINT mail_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- Sealed (AES-256-GCM), since it holds an address and perhaps a token; gone when it was sent.
    sealed_content bytea,
    attempts integer NOT NULL,
    created_at timestamptz NOT NULL,
    -- When it is taken up next. Whoever takes it up moves this on, so that nobody else does meanwhile.
    due_at timestamptz NOT NULL,
    gives_up_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    CONSTRAINT mail_message_id_key UNIQUE (message_id),
    CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused'
        )
    ),
    CONSTRAINT mail_attempts_range CHECK (attempts >= 0),
    CONSTRAINT mail_outcome_known CHECK (outcome IN ('sent', 'dropped', 'given_up')),
    CONSTRAINT mail_finished_has_outcome CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT mail_content_until_finished CHECK ((finished_at IS NULL) = (sealed_content IS NOT NULL))
);

CREATE INDEX mail_due_idx ON mail (due_at, id) WHERE finished_at IS NULL;
CREATE INDEX mail_account_idx ON mail (account_id);
CREATE INDEX mail_finished_idx ON mail (finished_at) WHERE finished_at IS NOT NULL;
