-- Who may do more than take part: a role, or a set of permissions, everywhere or within a topic or a tag,
-- for good or until a day. The one source of what somebody may do; `account.role` is what readers see of it.
CREATE TABLE role_grant (
    id uuid CONSTRAINT role_grant_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT role_grant_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    role text,
    permissions text[] NOT NULL,
    -- Neither: the whole site.
    topic_id uuid CONSTRAINT role_grant_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    tag text,
    -- Nobody, where the operator did it at the command line.
    granted_by uuid CONSTRAINT role_grant_granter_fkey REFERENCES account (id),
    reason text NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by uuid CONSTRAINT role_grant_revoker_fkey REFERENCES account (id),
    CONSTRAINT role_grant_role_known CHECK (role IN ('moderator', 'administrator')),
    CONSTRAINT role_grant_role_or_permissions CHECK ((role IS NULL) = (cardinality(permissions) > 0)),
    CONSTRAINT role_grant_permissions_known CHECK (permissions <@ ARRAY[
        'topic.edit', 'report.read', 'content.hide', 'user.suspend', 'vote.inspect', 'pii.read', 'job.bulk',
        'rule.edit', 'purge', 'role.grant']),
    CONSTRAINT role_grant_tag_shape CHECK (tag ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(tag) <= 40),
    CONSTRAINT role_grant_one_scope CHECK (num_nonnulls(topic_id, tag) <= 1),
    CONSTRAINT role_grant_administrator_of_all
        CHECK (role IS DISTINCT FROM 'administrator' OR num_nonnulls(topic_id, tag) = 0),
    CONSTRAINT role_grant_not_to_oneself CHECK (granted_by <> account_id),
    CONSTRAINT role_grant_expires_later CHECK (expires_at > granted_at),
    CONSTRAINT role_grant_revoked_by_somebody CHECK (revoked_by IS NULL OR revoked_at IS NOT NULL)
);

-- Read by every request of somebody signed in.
CREATE INDEX role_grant_account_idx ON role_grant (account_id) WHERE revoked_at IS NULL;
CREATE INDEX role_grant_history_idx ON role_grant (account_id, id DESC);
CREATE INDEX role_grant_administrator_idx ON role_grant (id) WHERE role = 'administrator' AND revoked_at IS NULL;
CREATE INDEX role_grant_expiry_idx ON role_grant (expires_at) WHERE revoked_at IS NULL;

-- What accounts could do before there were grants.
INSERT INTO role_grant (id, account_id, role, permissions, reason, granted_at)
SELECT gen_random_uuid(), id, role, '{}', 'Held before grants were recorded.', updated_at
FROM account WHERE role <> 'member';
