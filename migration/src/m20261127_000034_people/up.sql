-- What moderators did with an account that is no decision about its owner, and why: ended its sessions, or looked at what
-- it shares with others.
CREATE TABLE account_access (
    id uuid CONSTRAINT account_access_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT account_access_account_fkey REFERENCES account (id),
    kind text NOT NULL,
    -- Nobody, and no reason, once their account was erased.
    actor_id uuid CONSTRAINT account_access_actor_fkey REFERENCES account (id),
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT account_access_kind_known CHECK (kind IN ('sessions_revoked', 'related_read')),
    CONSTRAINT account_access_reason_length CHECK (
        char_length(reason) <= 2000 AND (actor_id IS NULL OR char_length(reason) >= 3))
);

CREATE INDEX account_access_account_idx ON account_access (account_id, created_at DESC, id DESC);
CREATE INDEX account_access_actor_idx ON account_access (actor_id) WHERE actor_id IS NOT NULL;

-- Only who did it, and why, is ever taken out of it, when their account is erased.
CREATE TRIGGER account_access_is_fixed BEFORE UPDATE ON account_access
    FOR EACH ROW WHEN ((OLD.id, OLD.account_id, OLD.kind, OLD.created_at)
                       IS DISTINCT FROM (NEW.id, NEW.account_id, NEW.kind, NEW.created_at)
                       OR NEW.actor_id IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted',
             'factor_changed', 'banned', 'revoked_by_moderator')
    );

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received',
            'notice_received', 'notice_decided', 'sessions_revoked'
        )
    );

-- What happened with an account, the last first, each kind by an index.
CREATE INDEX post_author_created_idx ON post (author_id, created_at DESC, id DESC) WHERE author_id IS NOT NULL;
CREATE INDEX post_author_deleted_idx ON post (author_id, deleted_at DESC, id DESC) WHERE deleted_at IS NOT NULL;
CREATE INDEX report_reporter_created_idx ON report (reporter_id, created_at DESC, id DESC) WHERE reporter_id IS NOT NULL;
CREATE INDEX mod_action_target_created_idx ON mod_action (target_id, created_at DESC, id DESC);
CREATE INDEX event_trust_level_idx ON event (subject_id) WHERE kind = 'trust_level_raised';

-- The cases that were decided lately.
CREATE INDEX case_event_decided_idx ON case_event (created_at) WHERE kind IN ('resolved', 'appeal_decided');

-- From where somebody signed in, as far as it tells people apart: an IPv4 address, or the network of 64 bits that a
-- household has.
CREATE FUNCTION client_origin(address text) RETURNS cidr LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN network(set_masklen(address::inet, CASE family(address::inet) WHEN 4 THEN 32 ELSE 64 END));

CREATE INDEX session_account_address_idx ON session (account_id, created_at DESC) WHERE client_address IS NOT NULL;
CREATE INDEX session_origin_idx ON session (client_origin(client_address), created_at DESC)
    WHERE client_address IS NOT NULL;

-- The audit log by what an entry is about and what was done; and who registered from one place at one time.
CREATE INDEX audit_log_object_idx ON audit_log (object_kind, object_id, seq) WHERE object_id IS NOT NULL;
CREATE INDEX audit_log_verb_idx ON audit_log (verb, seq);
CREATE INDEX audit_log_registered_idx ON audit_log (client_hash, at) WHERE verb = 'register' AND client_hash IS NOT NULL;
