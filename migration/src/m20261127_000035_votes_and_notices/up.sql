-- What votes are struck for, where nothing else is said.
INSERT INTO policy_rule (code, version, title, body, severity, effective_from, default_action, strikes, category, is_retired) VALUES
    ('vote_manipulation', 1, 'Vote manipulation',
     'Votes are cast by people, each for themselves: not by several accounts of one person, and not by agreement on whom to raise or sink.',
     2, '2026-01-01T00:00:00Z', 'warn', 0, 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC', false);

ALTER TABLE mod_action
    DROP CONSTRAINT mod_action_kind_known,
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'move', 'relabel',
        'merge', 'close', 'pin', 'annotate', 'redact', 'purge', 'rename',
        'warn', 'silence', 'restrict', 'vote_ban', 'nullify_votes', 'suspend', 'ban', 'revert'));

-- Whose votes are struck is told why, by an action for each of them whose batch is the nullification: one that was taken back
-- lets the votes of its person count again. What takes a second person strikes nothing before they have agreed, and nobody is
-- told anything; until then it keeps what they are to be told.
ALTER TABLE vote_nullification
    ADD COLUMN rule_code text,
    ADD COLUMN explanation text,
    -- With which session or token it was asked for.
    ADD COLUMN credential_id uuid,
    -- Why it takes a second person; none where it takes none.
    ADD COLUMN approval_reasons text[] NOT NULL DEFAULT '{}',
    ADD COLUMN approval_expires_at timestamptz,
    ADD COLUMN approved_by uuid CONSTRAINT vote_nullification_approved_by_fkey REFERENCES account (id),
    ADD COLUMN approved_at timestamptz,
    DROP CONSTRAINT vote_nullification_state_known,
    ADD CONSTRAINT vote_nullification_state_known CHECK (state IN
        ('awaiting_approval', 'applying', 'in_force', 'lifting', 'undoing', 'undone')),
    ADD CONSTRAINT vote_nullification_explanation_length CHECK (char_length(explanation) <= 2000),
    ADD CONSTRAINT vote_nullification_explained_once CHECK (explanation IS NULL OR state = 'awaiting_approval'),
    ADD CONSTRAINT vote_nullification_approval_reasons_known CHECK (approval_reasons <@ ARRAY['many_votes', 'staff']),
    ADD CONSTRAINT vote_nullification_approval_ends
        CHECK ((approval_reasons = '{}') = (approval_expires_at IS NULL)),
    ADD CONSTRAINT vote_nullification_awaits CHECK (state <> 'awaiting_approval'
        OR (approval_reasons <> '{}' AND approved_at IS NULL)),
    ADD CONSTRAINT vote_nullification_approved CHECK (approved_by IS NULL OR approved_at IS NOT NULL),
    ADD CONSTRAINT vote_nullification_needs_approval CHECK (state NOT IN ('applying', 'in_force', 'lifting', 'undoing')
        OR approval_reasons = '{}' OR approved_at IS NOT NULL),
    ADD CONSTRAINT vote_nullification_two_people CHECK (approved_by <> created_by);

DROP INDEX vote_nullification_waiting_idx;
CREATE INDEX vote_nullification_waiting_idx ON vote_nullification (id) WHERE state IN ('applying', 'lifting', 'undoing');
CREATE INDEX vote_nullification_approved_by_idx ON vote_nullification (approved_by) WHERE approved_by IS NOT NULL;

-- By this whoever gave a notice appeals without an account: the hash of the secret in their receipt. Older receipts had none.
ALTER TABLE legal_notice
    ADD COLUMN secret_hash bytea,
    ADD CONSTRAINT legal_notice_secret_hash_length CHECK (octet_length(secret_hash) = 32);
