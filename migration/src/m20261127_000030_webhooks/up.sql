-- Which transaction wrote an event: transactions end in another order than that in which they take their numbers from `seq`,
-- so only this says what had not been seen when somebody looked last. Unknown of events from before.
ALTER TABLE event ADD COLUMN xid xid8;
ALTER TABLE event ALTER COLUMN xid SET DEFAULT pg_current_xact_id();

CREATE INDEX event_of_moderation_idx ON event (xid) WHERE kind IN (
    'case_opened', 'case_reopened', 'case_resolved', 'appeal_filed', 'appeal_decided', 'moderated', 'job_finished');

-- Where events of moderation are told of.
CREATE TABLE webhook (
    id uuid CONSTRAINT webhook_pkey PRIMARY KEY,
    -- Who made or changed it last: it is told what they may know.
    owner_id uuid NOT NULL CONSTRAINT webhook_owner_fkey REFERENCES account (id),
    -- With which session they did, for the audit log.
    credential_id uuid NOT NULL,
    url text NOT NULL,
    kinds text[] NOT NULL,
    note text NOT NULL,
    state text NOT NULL,
    -- The number of the key that signs, and the key, sealed.
    key_number integer NOT NULL,
    sealed_key bytea NOT NULL,
    -- The key before it, which signs besides until a moment.
    sealed_former_key bytea,
    former_key_until timestamptz,
    -- How many deliveries were given up in a row.
    failures integer NOT NULL,
    -- What had been written when events were looked for last: a `pg_snapshot`.
    position text NOT NULL,
    -- Since when it has been enabled, the last time.
    enabled_at timestamptz NOT NULL,
    -- Until when a server is sending something there, unless it was killed.
    busy_until timestamptz,
    -- When it had its last turn: of several, the one that waits longest is next.
    turn_at timestamptz NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT webhook_kinds_known CHECK (cardinality(kinds) > 0 AND kinds <@ ARRAY[
        'case_opened', 'case_reopened', 'case_resolved', 'appeal_filed', 'appeal_decided', 'action_taken',
        'action_reverted', 'job_finished']),
    CONSTRAINT webhook_state_known CHECK (state IN ('enabled', 'disabled', 'disabled_by_failures', 'disabled_as_gone')),
    CONSTRAINT webhook_former_key_ends CHECK ((sealed_former_key IS NULL) = (former_key_until IS NULL))
);

CREATE INDEX webhook_owner_idx ON webhook (owner_id);

-- What is sent, or was: an event to a webhook, once.
CREATE TABLE webhook_delivery (
    id uuid CONSTRAINT webhook_delivery_pkey PRIMARY KEY,
    webhook_id uuid NOT NULL CONSTRAINT webhook_delivery_webhook_fkey REFERENCES webhook (id) ON DELETE CASCADE,
    -- Which event; none where somebody asked for a test.
    event_seq bigint,
    kind text NOT NULL,
    subject_id uuid,
    -- The case that the subject is, or belongs to, if there was one by then.
    case_id uuid,
    happened_at timestamptz NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    -- When it is tried next; never where it is done with.
    next_attempt_at timestamptz,
    -- What the last attempt came to: the status that was answered, or why there was none, or it was none of success.
    last_status integer,
    last_failure text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT webhook_delivery_event_key UNIQUE (webhook_id, event_seq),
    CONSTRAINT webhook_delivery_kind_known CHECK (kind IN (
        'ping', 'case_opened', 'case_reopened', 'case_resolved', 'appeal_filed', 'appeal_decided', 'action_taken',
        'action_reverted', 'job_finished')),
    CONSTRAINT webhook_delivery_of_an_event CHECK ((kind = 'ping') = (event_seq IS NULL)),
    CONSTRAINT webhook_delivery_state_known CHECK (state IN ('pending', 'delivered', 'failed', 'dropped')),
    CONSTRAINT webhook_delivery_pending_has_a_turn CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT webhook_delivery_finished CHECK ((state = 'pending') = (finished_at IS NULL))
);

CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (webhook_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_list_idx ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_created_idx ON webhook_delivery (created_at);
