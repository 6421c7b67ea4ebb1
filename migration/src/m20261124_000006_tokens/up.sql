-- When the owner of a session last proved who they are: what is dear to lose asks for a recent proof.
ALTER TABLE session ADD COLUMN authenticated_at timestamptz;
UPDATE session SET authenticated_at = created_at;
ALTER TABLE session ALTER COLUMN authenticated_at SET NOT NULL;

-- What a person gives to a bot or a script instead of a password. Only the SHA-256 is kept.
CREATE TABLE personal_access_token (
    id uuid CONSTRAINT personal_access_token_pkey PRIMARY KEY,
    account_id uuid NOT NULL
        CONSTRAINT personal_access_token_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    name text NOT NULL,
    token_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT personal_access_token_hash_key UNIQUE (token_hash),
    CONSTRAINT personal_access_token_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT personal_access_token_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
    CONSTRAINT personal_access_token_scopes_known CHECK (
        scopes <@ ARRAY['read', 'post', 'vote', 'profile', 'moderate'] AND cardinality(scopes) > 0),
    CONSTRAINT personal_access_token_at_most_a_year
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days')
);

CREATE INDEX personal_access_token_account_idx ON personal_access_token (account_id, id DESC)
    WHERE revoked_at IS NULL;
