-- When the quality was last judged: what is looked for in votes must not depend on agreement, and the last change does.
-- In how many nullifications in force a vote is: it counts in none of them.
ALTER TABLE vote
    ADD COLUMN quality_at timestamptz,
    ADD COLUMN nullified integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT vote_nullified_not_negative CHECK (nullified >= 0);
UPDATE vote SET quality_at = updated_at WHERE quality <> 0;

-- The votes of the last days, in lots.
CREATE INDEX vote_quality_at_idx ON vote (quality_at, post_id, account_id) WHERE quality <> 0;

-- What was found that speaks for an attack by votes: one row for the same finding, however often it is found.
CREATE TABLE vote_signal (
    id uuid CONSTRAINT vote_signal_pkey PRIMARY KEY,
    kind text NOT NULL,
    -- What makes it the same finding; groups have their identifier here and are told apart by who is in them.
    key text NOT NULL,
    post_id uuid CONSTRAINT vote_signal_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    strength double precision NOT NULL,
    -- The kinds that speak for a group being one.
    evidence text[] NOT NULL,
    -- The first and the last of the votes that speak for it.
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    CONSTRAINT vote_signal_key_key UNIQUE (key),
    CONSTRAINT vote_signal_kind_known CHECK (kind IN (
        'burst_on_author', 'single_author', 'co_voting', 'lockstep', 'new_account_burst', 'velocity', 'shared_origin',
        'ring')),
    CONSTRAINT vote_signal_strength_range CHECK (strength BETWEEN 0 AND 1),
    CONSTRAINT vote_signal_in_order CHECK (first_seen <= last_seen)
);

CREATE INDEX vote_signal_kind_idx ON vote_signal (kind, id);
CREATE INDEX vote_signal_last_seen_idx ON vote_signal (last_seen);
CREATE INDEX vote_signal_post_idx ON vote_signal (post_id) WHERE post_id IS NOT NULL;

-- Who voted, and on whose posts.
CREATE TABLE vote_signal_account (
    signal_id uuid NOT NULL CONSTRAINT vote_signal_account_signal_fkey REFERENCES vote_signal (id) ON DELETE CASCADE,
    part text NOT NULL,
    account_id uuid NOT NULL CONSTRAINT vote_signal_account_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    CONSTRAINT vote_signal_account_pkey PRIMARY KEY (signal_id, part, account_id),
    CONSTRAINT vote_signal_account_part_known CHECK (part IN ('voter', 'author'))
);

CREATE INDEX vote_signal_account_account_idx ON vote_signal_account (account_id);

-- Who looked at who voted, and why: a row for each look.
CREATE TABLE vote_inspection (
    id uuid CONSTRAINT vote_inspection_pkey PRIMARY KEY,
    post_id uuid NOT NULL CONSTRAINT vote_inspection_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    -- Nobody, and no reason, once their account was erased.
    actor_id uuid CONSTRAINT vote_inspection_actor_fkey REFERENCES account (id),
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT vote_inspection_reason_length CHECK (
        char_length(reason) <= 500 AND (actor_id IS NULL OR char_length(reason) >= 3))
);

CREATE INDEX vote_inspection_post_idx ON vote_inspection (post_id);
CREATE INDEX vote_inspection_actor_idx ON vote_inspection (actor_id) WHERE actor_id IS NOT NULL;

-- Votes that are not to count, until it is undone. The background work goes through their posts in order, and keeps here
-- how far it came.
CREATE TABLE vote_nullification (
    id uuid CONSTRAINT vote_nullification_pkey PRIMARY KEY,
    state text NOT NULL,
    account_ids uuid[] NOT NULL,
    -- Only on the posts of this author, and only on these posts, where they are named.
    author_id uuid CONSTRAINT vote_nullification_author_fkey REFERENCES account (id),
    post_ids uuid[],
    reason text NOT NULL,
    created_by uuid CONSTRAINT vote_nullification_created_by_fkey REFERENCES account (id),
    created_at timestamptz NOT NULL,
    undone_by uuid CONSTRAINT vote_nullification_undone_by_fkey REFERENCES account (id),
    undone_at timestamptz,
    done_up_to uuid,
    CONSTRAINT vote_nullification_state_known CHECK (state IN ('applying', 'in_force', 'undoing', 'undone')),
    CONSTRAINT vote_nullification_undone_consistent CHECK ((undone_at IS NOT NULL) = (state IN ('undoing', 'undone'))),
    CONSTRAINT vote_nullification_accounts_count CHECK (cardinality(account_ids) BETWEEN 1 AND 100),
    CONSTRAINT vote_nullification_posts_count CHECK (cardinality(post_ids) BETWEEN 1 AND 200),
    CONSTRAINT vote_nullification_reason_length CHECK (
        char_length(reason) <= 500 AND (created_by IS NULL OR char_length(reason) >= 3))
);

CREATE INDEX vote_nullification_waiting_idx ON vote_nullification (id) WHERE state IN ('applying', 'undoing');
CREATE INDEX vote_nullification_created_by_idx ON vote_nullification (created_by) WHERE created_by IS NOT NULL;
CREATE INDEX vote_nullification_undone_by_idx ON vote_nullification (undone_by) WHERE undone_by IS NOT NULL;

-- The votes that it has struck. They stay struck whatever is voted there meanwhile.
CREATE TABLE vote_nullification_item (
    nullification_id uuid NOT NULL
        CONSTRAINT vote_nullification_item_nullification_fkey REFERENCES vote_nullification (id) ON DELETE CASCADE,
    post_id uuid NOT NULL,
    account_id uuid NOT NULL,
    in_force boolean NOT NULL,
    CONSTRAINT vote_nullification_item_pkey PRIMARY KEY (nullification_id, post_id, account_id),
    CONSTRAINT vote_nullification_item_vote_fkey
        FOREIGN KEY (post_id, account_id) REFERENCES vote (post_id, account_id) ON DELETE CASCADE
);

CREATE INDEX vote_nullification_item_vote_idx ON vote_nullification_item (post_id, account_id);

-- Only who looked, and why, is ever taken out of a look, when their account is erased.
CREATE TRIGGER vote_inspection_is_fixed BEFORE UPDATE ON vote_inspection
    FOR EACH ROW WHEN ((OLD.id, OLD.post_id, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.post_id, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();
