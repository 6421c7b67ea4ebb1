-- Who did what, and who was refused: a chain in which each entry holds the hash of the one before it, so
-- that a change anywhere breaks it from there on. Only added to.
CREATE TABLE audit_log (
    -- Counted without gaps, under the lock of the chain.
    seq bigint CONSTRAINT audit_log_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    -- No foreign keys: an entry outlives what it is about.
    actor_id uuid,
    session_id uuid,
    -- Keyed hash of the client's address: entries can be told to come from one place, and not from which.
    client_hash bytea,
    verb text NOT NULL,
    object_kind text,
    object_id uuid,
    outcome text NOT NULL,
    reason text,
    data jsonb NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_log_seq_positive CHECK (seq >= 1),
    CONSTRAINT audit_log_object_has_kind CHECK ((object_kind IS NULL) = (object_id IS NULL)),
    CONSTRAINT audit_log_outcome_known CHECK (outcome IN ('done', 'refused')),
    CONSTRAINT audit_log_hashes_are_sha256
        CHECK (octet_length(prev_hash) = 32 AND octet_length(hash) = 32),
    -- Two entries never follow the same one: the chain does not fork.
    CONSTRAINT audit_log_prev_hash_key UNIQUE (prev_hash)
);

CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'audit_log_is_append_only';
END $$;

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
