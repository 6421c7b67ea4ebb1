-- A HistoricDate: what a writer stated, and the days it spans as Julian Day Numbers, so that the
-- database itself can compare dates of either calendar and any precision.
CREATE DOMAIN historic_date AS jsonb CONSTRAINT historic_date_shape CHECK (
    VALUE IS NULL OR (
        jsonb_typeof(VALUE) = 'object'
        AND VALUE ?& ARRAY['value', 'precision', 'calendar', 'circa', 'earliest_day', 'latest_day']
        AND VALUE ->> 'precision' IN ('day', 'month', 'year', 'decade', 'century')
        AND VALUE ->> 'calendar' IN ('gregorian', 'julian')
        AND jsonb_typeof(VALUE -> 'circa') = 'boolean'
        AND (VALUE ->> 'earliest_day')::integer <= (VALUE ->> 'latest_day')::integer
    )
);

CREATE FUNCTION latest_day(date historic_date) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (date ->> 'latest_day')::integer;

-- Somebody who can be named as an author: a person with a way to sign in, or a name that came with an
-- imported debate and that nobody can sign in to.
CREATE TABLE account (
    id uuid CONSTRAINT account_pkey PRIMARY KEY,
    username text NOT NULL,
    username_skeleton text NOT NULL,
    kind text NOT NULL,
    -- As given. Not unique: an address belongs to nobody until its owner has proved it, and a refusal
    -- would tell a stranger who has an account here.
    email text,
    email_key text,
    password_hash text,
    display_name text,
    bio text,
    role text NOT NULL,
    trust_level smallint NOT NULL,
    state text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT account_username_key UNIQUE (username),
    CONSTRAINT account_username_skeleton_key UNIQUE (username_skeleton),
    CONSTRAINT account_kind_known CHECK (kind IN ('person', 'imported')),
    CONSTRAINT account_role_known CHECK (role IN ('member', 'moderator', 'administrator')),
    CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'deleted')),
    CONSTRAINT account_trust_level_range CHECK (trust_level BETWEEN 0 AND 3),
    CONSTRAINT account_version_positive CHECK (version >= 1),
    CONSTRAINT account_email_with_key CHECK ((email IS NULL) = (email_key IS NULL)),
    CONSTRAINT account_imported_cannot_sign_in
        CHECK (kind = 'person' OR (email IS NULL AND password_hash IS NULL AND role = 'member'))
);

CREATE INDEX account_email_key_idx ON account (email_key, created_at DESC) WHERE email_key IS NOT NULL;

-- One sign-in and the refresh tokens that descend from it (a family).
CREATE TABLE session (
    id uuid CONSTRAINT session_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT session_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    user_agent text,
    client_address text NOT NULL,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    -- Refreshing later than this ends nothing well: the idle limit moves, the absolute one does not.
    idle_expires_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_because text,
    CONSTRAINT session_end_has_reason CHECK ((ended_at IS NULL) = (ended_because IS NULL)),
    CONSTRAINT session_end_reason_known
        CHECK (ended_because IN ('signed_out', 'refresh_token_reused'))
);

CREATE INDEX session_account_idx ON session (account_id, id DESC) WHERE ended_at IS NULL;

-- Only the SHA-256 of a token is kept, so that a copy of this table signs nobody in.
CREATE TABLE refresh_token (
    token_hash bytea CONSTRAINT refresh_token_pkey PRIMARY KEY,
    session_id uuid NOT NULL CONSTRAINT refresh_token_session_fkey REFERENCES session (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    rotated_at timestamptz,
    CONSTRAINT refresh_token_is_sha256 CHECK (octet_length(token_hash) = 32)
);

CREATE INDEX refresh_token_session_idx ON refresh_token (session_id);
