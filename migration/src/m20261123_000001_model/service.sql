-- What happened, in the order it was recorded: audit, outbox and live feed in one append-only table.
CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT event_pkey PRIMARY KEY,
    kind text NOT NULL,
    actor_id uuid,
    session_id uuid,
    topic_id uuid,
    subject_id uuid,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX event_subject_idx ON event (subject_id, seq);

CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'events are only added'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'event_is_append_only';
END $$;

CREATE TRIGGER event_is_append_only BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_is_append_only();

-- Answers to creating requests, kept for a day so that a retry gets the same one.
CREATE TABLE idempotency_key (
    -- Who asked: an account, or `anonymous`.
    scope text NOT NULL,
    key text NOT NULL,
    operation text NOT NULL,
    -- Keyed hash of the body; a plain hash would let a reader of this table test guesses at passwords.
    fingerprint bytea NOT NULL,
    -- Sealed (AES-256-GCM): an answer may hold tokens.
    sealed_answer bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_key_created_idx ON idempotency_key (created_at);

-- Debate files that were imported, by the hash of their content: a second import changes nothing.
CREATE TABLE debate_import (
    topic_id uuid CONSTRAINT debate_import_pkey PRIMARY KEY
        CONSTRAINT debate_import_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    content_sha256 bytea NOT NULL,
    imported_at timestamptz NOT NULL,
    CONSTRAINT debate_import_is_sha256 CHECK (octet_length(content_sha256) = 32)
);
