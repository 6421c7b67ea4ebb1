-- How often anything was changed of what posts are judged by: whoever keeps the rules ready can tell by it, in the
-- transaction that judges, whether they are still those.
CREATE TABLE automation_state (
    id boolean CONSTRAINT automation_state_pkey PRIMARY KEY,
    stamp bigint NOT NULL,
    CONSTRAINT automation_state_one_row CHECK (id)
);

INSERT INTO automation_state VALUES (true, 0);

-- Rules by which posts are judged without a human.
CREATE TABLE automation_rule (
    id uuid CONSTRAINT automation_rule_pkey PRIMARY KEY,
    -- What it consists of at the moment.
    version integer NOT NULL,
    mode text NOT NULL,
    -- Counts its changes, those of the mode too.
    edits integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT automation_rule_version_positive CHECK (version >= 1),
    CONSTRAINT automation_rule_mode_known CHECK (mode IN ('off', 'shadow', 'enforce')),
    CONSTRAINT automation_rule_edits_positive CHECK (edits >= version),
    CONSTRAINT automation_rule_retired_is_off CHECK (retired_at IS NULL OR mode = 'off')
);

CREATE INDEX automation_rule_on_idx ON automation_rule (id) WHERE mode <> 'off';

-- What rules consist of, version by version: what was done by one stays done by that.
CREATE TABLE automation_rule_version (
    rule_id uuid NOT NULL CONSTRAINT automation_rule_version_rule_fkey REFERENCES automation_rule (id) ON DELETE CASCADE,
    number integer NOT NULL,
    content jsonb NOT NULL,
    -- The sets that it looks into.
    set_ids uuid[] NOT NULL,
    -- Nobody once their account was erased.
    made_by uuid CONSTRAINT automation_rule_version_maker_fkey REFERENCES account (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT automation_rule_version_pkey PRIMARY KEY (rule_id, number),
    CONSTRAINT automation_rule_version_number_positive CHECK (number >= 1)
);

CREATE INDEX automation_rule_version_maker_idx ON automation_rule_version (made_by) WHERE made_by IS NOT NULL;

CREATE TRIGGER automation_rule_version_is_fixed BEFORE UPDATE ON automation_rule_version
    FOR EACH ROW WHEN ((OLD.rule_id, OLD.number, OLD.content, OLD.set_ids, OLD.created_at) IS DISTINCT FROM
                       (NEW.rule_id, NEW.number, NEW.content, NEW.set_ids, NEW.created_at) OR NEW.made_by IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE automation_rule
    ADD CONSTRAINT automation_rule_version_fkey FOREIGN KEY (id, version)
        REFERENCES automation_rule_version (rule_id, number) DEFERRABLE INITIALLY DEFERRED;

-- What a version of a rule would have made of posts that were there.
CREATE TABLE automation_trial (
    id uuid CONSTRAINT automation_trial_pkey PRIMARY KEY,
    rule_id uuid NOT NULL,
    version integer NOT NULL,
    -- Nobody once their account was erased.
    run_by uuid CONSTRAINT automation_trial_runner_fkey REFERENCES account (id),
    posts integer NOT NULL,
    matched integer NOT NULL,
    authors integer NOT NULL,
    -- Whether it looked at all that it was asked to look at.
    is_complete boolean NOT NULL,
    ran_at timestamptz NOT NULL,
    CONSTRAINT automation_trial_version_fkey FOREIGN KEY (rule_id, version)
        REFERENCES automation_rule_version (rule_id, number) ON DELETE CASCADE,
    CONSTRAINT automation_trial_counts CHECK (0 <= authors AND authors <= matched AND matched <= posts)
);

CREATE INDEX automation_trial_of_idx ON automation_trial (rule_id, version, ran_at DESC);
CREATE INDEX automation_trial_runner_idx ON automation_trial (run_by) WHERE run_by IS NOT NULL;

CREATE TRIGGER automation_trial_is_fixed BEFORE UPDATE ON automation_trial
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.posts, OLD.matched, OLD.authors, OLD.is_complete, OLD.ran_at)
                       IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.posts, NEW.matched, NEW.authors, NEW.is_complete, NEW.ran_at)
                       OR NEW.run_by IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();

-- Words and domains that rules look for.
CREATE TABLE list_set (
    id uuid CONSTRAINT list_set_pkey PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT list_set_name_key UNIQUE (name),
    CONSTRAINT list_set_name_length CHECK (char_length(name) BETWEEN 3 AND 80),
    CONSTRAINT list_set_kind_known CHECK (kind IN ('words', 'domains')),
    CONSTRAINT list_set_version_positive CHECK (version >= 1)
);

CREATE TABLE list_value (
    set_id uuid NOT NULL CONSTRAINT list_value_set_fkey REFERENCES list_set (id) ON DELETE CASCADE,
    value text COLLATE "C" NOT NULL,
    -- From when on it counts no more.
    expires_at timestamptz,
    -- Nobody once their account was erased.
    added_by uuid CONSTRAINT list_value_adder_fkey REFERENCES account (id),
    added_at timestamptz NOT NULL,
    CONSTRAINT list_value_pkey PRIMARY KEY (set_id, value),
    CONSTRAINT list_value_length CHECK (char_length(value) BETWEEN 1 AND 300)
);

CREATE INDEX list_value_adder_idx ON list_value (added_by) WHERE added_by IS NOT NULL;

-- That a rule met a post, or kept one from being made: what it would do, and what it did. Identifiers and places only.
CREATE TABLE rule_hit (
    id uuid CONSTRAINT rule_hit_pkey PRIMARY KEY,
    rule_id uuid NOT NULL,
    version integer NOT NULL,
    mode text NOT NULL,
    trigger text NOT NULL,
    -- The post and its revision; none where it was not taken.
    post_id uuid CONSTRAINT rule_hit_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    revision integer,
    -- Whose post was not taken; nobody once their account was erased.
    author_id uuid CONSTRAINT rule_hit_author_fkey REFERENCES account (id),
    reasons jsonb NOT NULL,
    would_do text NOT NULL,
    did text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT rule_hit_version_fkey FOREIGN KEY (rule_id, version)
        REFERENCES automation_rule_version (rule_id, number) ON DELETE CASCADE,
    CONSTRAINT rule_hit_mode_known CHECK (mode IN ('shadow', 'enforce')),
    CONSTRAINT rule_hit_trigger_known CHECK (trigger IN ('post_created', 'post_revised', 'nth_report')),
    CONSTRAINT rule_hit_would_do_known CHECK (would_do IN ('filter', 'queue', 'rate_limit')),
    CONSTRAINT rule_hit_did_known CHECK (did IN ('nothing', 'refused', 'filtered', 'queued')),
    CONSTRAINT rule_hit_shadow_does_nothing CHECK ((mode = 'shadow') = (did = 'nothing')),
    CONSTRAINT rule_hit_subject CHECK ((did = 'refused') = (post_id IS NULL) AND (post_id IS NULL) = (revision IS NULL)
                                       AND (author_id IS NULL OR post_id IS NULL))
);

-- A version meets a revision of a post once.
CREATE UNIQUE INDEX rule_hit_once_key ON rule_hit (rule_id, version, post_id, revision) WHERE post_id IS NOT NULL;
CREATE INDEX rule_hit_list_idx ON rule_hit (rule_id, id DESC);
CREATE INDEX rule_hit_post_idx ON rule_hit (post_id) WHERE post_id IS NOT NULL;
CREATE INDEX rule_hit_author_idx ON rule_hit (author_id) WHERE author_id IS NOT NULL;

CREATE TRIGGER rule_hit_is_fixed BEFORE UPDATE ON rule_hit
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.mode, OLD.trigger, OLD.post_id, OLD.revision, OLD.reasons,
                        OLD.would_do, OLD.did, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.mode, NEW.trigger, NEW.post_id, NEW.revision, NEW.reasons,
                        NEW.would_do, NEW.did, NEW.created_at) OR NEW.author_id IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();

-- Of posts of the last day: by what those are found that say nearly the same.
CREATE TABLE post_fingerprint (
    post_id uuid CONSTRAINT post_fingerprint_pkey PRIMARY KEY
        CONSTRAINT post_fingerprint_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    author_id uuid NOT NULL CONSTRAINT post_fingerprint_author_fkey REFERENCES account (id),
    fingerprint bigint NOT NULL,
    made_at timestamptz NOT NULL
);

CREATE INDEX post_fingerprint_made_at_idx ON post_fingerprint (made_at);
CREATE INDEX post_fingerprint_author_idx ON post_fingerprint (author_id);
