-- That a post moved somebody: between two vectors of theirs, and why, in their words.
CREATE TABLE mind_change (
    id uuid CONSTRAINT mind_change_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    post_id uuid NOT NULL,
    account_id uuid NOT NULL CONSTRAINT mind_change_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    before_credence_id uuid NOT NULL,
    after_credence_id uuid NOT NULL,
    -- What their credences changed by, all together, in basis points: twice what moved from some scenarios to others.
    moved integer NOT NULL,
    -- Whether the account was there before the post: one that was made later could have been made for it.
    counts boolean NOT NULL,
    explanation text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT mind_change_once_key UNIQUE (post_id, account_id),
    CONSTRAINT mind_change_post_fkey FOREIGN KEY (topic_id, post_id) REFERENCES post (topic_id, id),
    CONSTRAINT mind_change_before_fkey FOREIGN KEY (topic_id, before_credence_id)
        REFERENCES credence (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT mind_change_after_fkey FOREIGN KEY (topic_id, after_credence_id)
        REFERENCES credence (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT mind_change_moved_range CHECK (moved BETWEEN 1 AND 20000),
    CONSTRAINT mind_change_explanation_length CHECK (char_length(explanation) BETWEEN 50 AND 2000)
);

CREATE INDEX mind_change_topic_idx ON mind_change (topic_id, id);
CREATE INDEX mind_change_account_idx ON mind_change (account_id, id);
CREATE INDEX mind_change_before_idx ON mind_change (before_credence_id);
CREATE INDEX mind_change_after_idx ON mind_change (after_credence_id);

CREATE FUNCTION mind_change_is_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM post WHERE id = NEW.post_id AND author_id = NEW.account_id;
    IF FOUND THEN
        RAISE EXCEPTION 'nobody is moved by a post of their own'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'mind_change_not_by_own_post';
    END IF;
    PERFORM FROM credence before, credence after
        WHERE before.id = NEW.before_credence_id AND after.id = NEW.after_credence_id
          AND before.account_id = NEW.account_id AND after.account_id = NEW.account_id
          AND after.number = before.number + 1 AND after.scenario_set_version = before.scenario_set_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a change of mind lies between two vectors of one person, one after the other, of one version'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'mind_change_between_consecutive';
    END IF;
    PERFORM FROM credence_part before
        JOIN credence_part after ON after.credence_id = NEW.after_credence_id AND after.scenario_id = before.scenario_id
        JOIN scenario s ON s.id = before.scenario_id AND s.parent_scenario_id IS NULL
        WHERE before.credence_id = NEW.before_credence_id
        HAVING sum(abs(after.bp - before.bp)) = NEW.moved;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'what is said to have moved is what moved'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'mind_change_moved_so_much';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER mind_change_is_one BEFORE INSERT OR UPDATE ON mind_change
    FOR EACH ROW EXECUTE FUNCTION mind_change_is_one();

-- How many people a post moved, and the median of what their credences changed by.
ALTER TABLE post_tally
    ADD COLUMN people_moved integer NOT NULL DEFAULT 0,
    ADD COLUMN median_moved double precision,
    ADD CONSTRAINT post_tally_people_moved_not_negative CHECK (people_moved >= 0),
    ADD CONSTRAINT post_tally_median_of_people CHECK ((people_moved = 0) = (median_moved IS NULL));
