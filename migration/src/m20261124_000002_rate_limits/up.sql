-- The buckets of limits (GCRA). One that is full again has no need of its row.
CREATE TABLE rate_limit (
    name text NOT NULL,
    -- Keyed hash of who is counted: addresses are not kept in clear, nor can guesses be tried on it.
    key_hash bytea NOT NULL,
    -- When the bucket is full again: the theoretical arrival time.
    full_at timestamptz NOT NULL,
    CONSTRAINT rate_limit_pkey PRIMARY KEY (name, key_hash),
    CONSTRAINT rate_limit_key_is_sha256 CHECK (octet_length(key_hash) = 32)
);

CREATE INDEX rate_limit_full_idx ON rate_limit (full_at);

-- Wrong passwords in a row, of accounts and, alike, of logins that no account has.
CREATE TABLE sign_in_failure (
    -- Keyed hash of the account or login.
    subject_hash bytea CONSTRAINT sign_in_failure_pkey PRIMARY KEY,
    account_id uuid CONSTRAINT sign_in_failure_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    failures integer NOT NULL,
    last_failed_at timestamptz NOT NULL,
    CONSTRAINT sign_in_failure_subject_is_sha256 CHECK (octet_length(subject_hash) = 32),
    CONSTRAINT sign_in_failure_failures_positive CHECK (failures >= 1)
);

CREATE INDEX sign_in_failure_account_idx ON sign_in_failure (account_id);
CREATE INDEX sign_in_failure_unknown_idx ON sign_in_failure (last_failed_at) WHERE account_id IS NULL;
