-- Something that is done to many things at a time, or the taking back of such a job.
CREATE TABLE mod_job (
    id uuid CONSTRAINT mod_job_pkey PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    -- Who planned it; nobody once their account was erased.
    author_id uuid CONSTRAINT mod_job_author_fkey REFERENCES account (id),
    -- With which session or personal access token it was executed, for the audit log.
    credential_id uuid,
    undoes_id uuid CONSTRAINT mod_job_undoes_fkey REFERENCES mod_job (id),
    -- What is done to each, and what is decided of its case.
    orders jsonb NOT NULL,
    resolution text,
    -- By what the items were chosen; null where they were named.
    selector jsonb,
    -- Why, for other moderators; empty once the account of whoever said so was erased.
    note text NOT NULL,
    plan_hash text NOT NULL,
    -- Until when the plan can be executed, and then until when it can be approved.
    plan_expires_at timestamptz NOT NULL,
    -- Why it takes a second person; empty where it takes none.
    approval_reasons text[] NOT NULL,
    approved_by uuid CONSTRAINT mod_job_approver_fkey REFERENCES account (id),
    approved_at timestamptz,
    created_at timestamptz NOT NULL,
    executed_at timestamptz,
    finished_at timestamptz,
    -- When it had its last turn: of several, the one that waits longest is next.
    turn_at timestamptz NOT NULL,
    CONSTRAINT mod_job_kind_known CHECK (kind IN ('act', 'undo')),
    CONSTRAINT mod_job_state_known CHECK (state IN (
        'planned', 'awaiting_approval', 'queued', 'running', 'paused', 'succeeded', 'partial', 'failed', 'cancelled',
        'undoing', 'undone', 'undo_partial')),
    CONSTRAINT mod_job_resolution_known CHECK (resolution IN ('upheld', 'rejected', 'ignored', 'duplicate')),
    CONSTRAINT mod_job_undo_undoes CHECK ((kind = 'undo') = (undoes_id IS NOT NULL)),
    CONSTRAINT mod_job_not_approved_by_its_author CHECK (approved_by <> author_id)
);

CREATE INDEX mod_job_turn_idx ON mod_job (turn_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX mod_job_author_idx ON mod_job (author_id, id);
CREATE INDEX mod_job_undoes_idx ON mod_job (undoes_id) WHERE undoes_id IS NOT NULL;

-- One of the many. What was chosen when the job was planned stays what it is about.
CREATE TABLE mod_job_item (
    job_id uuid NOT NULL CONSTRAINT mod_job_item_job_fkey REFERENCES mod_job (id) ON DELETE CASCADE,
    ordinal integer NOT NULL,
    subject_kind text NOT NULL,
    subject_id uuid NOT NULL,
    -- Whose it is; nobody where there is no such thing, or none that the author of the job may see.
    owner_id uuid,
    topic_id uuid,
    -- Its version when the job was planned: another one is left alone.
    revision integer NOT NULL,
    state text NOT NULL,
    -- Why it was skipped, or failed.
    code text,
    finished_at timestamptz,
    CONSTRAINT mod_job_item_pkey PRIMARY KEY (job_id, ordinal),
    CONSTRAINT mod_job_item_subject_key UNIQUE (job_id, subject_id),
    CONSTRAINT mod_job_item_subject_kind_known CHECK (subject_kind IN ('post', 'topic', 'account')),
    CONSTRAINT mod_job_item_state_known CHECK (state IN ('pending', 'done', 'skipped', 'failed', 'undone')),
    CONSTRAINT mod_job_item_says_why CHECK ((state IN ('skipped', 'failed')) = (code IS NOT NULL))
);

CREATE INDEX mod_job_item_pending_idx ON mod_job_item (job_id, ordinal) WHERE state = 'pending';
CREATE INDEX mod_job_item_pending_subject_idx ON mod_job_item (subject_id) WHERE state = 'pending';
CREATE INDEX mod_job_item_owner_idx ON mod_job_item (owner_id);
