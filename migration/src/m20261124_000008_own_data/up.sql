-- The copy of their data that somebody asked for, one at a time: the row is the job, and its file.
CREATE TABLE data_export (
    account_id uuid CONSTRAINT data_export_pkey PRIMARY KEY
        CONSTRAINT data_export_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    requested_at timestamptz NOT NULL,
    finished_at timestamptz,
    outcome text,
    -- Sealed (AES-256-GCM): everything about a person in one place.
    sealed_file bytea,
    expires_at timestamptz,
    CONSTRAINT data_export_outcome_known CHECK (outcome IN ('ready', 'too_large')),
    CONSTRAINT data_export_finished_has_outcome CHECK (
        (finished_at IS NULL) = (outcome IS NULL) AND (finished_at IS NULL) = (expires_at IS NULL)),
    CONSTRAINT data_export_ready_has_file CHECK ((outcome IS NOT DISTINCT FROM 'ready') = (sealed_file IS NOT NULL))
);

CREATE INDEX data_export_requested_idx ON data_export (requested_at) WHERE finished_at IS NULL;
CREATE INDEX data_export_expires_idx ON data_export (expires_at) WHERE finished_at IS NOT NULL;

-- Accounts that are to be erased. The row goes with the data.
CREATE TABLE erasure (
    account_id uuid CONSTRAINT erasure_pkey PRIMARY KEY
        CONSTRAINT erasure_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    requested_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    -- Whether posts become tombstones as well; else they stay under the name of a deleted account.
    erase_posts boolean NOT NULL,
    -- Nothing is erased before, where the law says so: set by the operator.
    hold_until timestamptz,
    CONSTRAINT erasure_due_later CHECK (due_at >= requested_at)
);

CREATE INDEX erasure_due_idx ON erasure (due_at);

-- Names of erased accounts, which nobody gets for a year: as keyed hashes of what they look like, and of
-- nobody any more.
CREATE TABLE erased_username (
    skeleton_hash bytea CONSTRAINT erased_username_pkey PRIMARY KEY,
    released_at timestamptz NOT NULL,
    CONSTRAINT erased_username_is_sha256 CHECK (octet_length(skeleton_hash) = 32)
);

CREATE INDEX erased_username_released_idx ON erased_username (released_at);

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled'
        )
    );

-- Where a sign-in came from is forgotten after a while.
ALTER TABLE session ALTER COLUMN client_address DROP NOT NULL;
CREATE INDEX session_client_address_idx ON session (created_at) WHERE client_address IS NOT NULL;

-- What somebody did, for the copy of their data.
CREATE INDEX audit_log_actor_idx ON audit_log (actor_id, seq) WHERE actor_id IS NOT NULL;
