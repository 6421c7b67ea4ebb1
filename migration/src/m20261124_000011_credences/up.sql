-- How likely somebody takes the scenarios of a topic to be: a whole vector over those that were live in one version of
-- the set. Whoever thinks again adds another one.
CREATE TABLE credence (
    id uuid CONSTRAINT credence_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT credence_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT credence_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- Counts the vectors of this person in this topic, from 1 without a gap.
    number integer NOT NULL,
    scenario_set_version integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT credence_number_key UNIQUE (topic_id, account_id, number),
    CONSTRAINT credence_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT credence_number_positive CHECK (number >= 1)
);

CREATE INDEX credence_account_idx ON credence (account_id);

-- How much of it one scenario has, in basis points.
CREATE TABLE credence_part (
    credence_id uuid NOT NULL,
    topic_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    bp integer NOT NULL,
    CONSTRAINT credence_part_pkey PRIMARY KEY (credence_id, scenario_id),
    CONSTRAINT credence_part_credence_fkey FOREIGN KEY (topic_id, credence_id)
        REFERENCES credence (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT credence_part_scenario_fkey FOREIGN KEY (topic_id, scenario_id) REFERENCES scenario (topic_id, id),
    CONSTRAINT credence_part_bp_range CHECK (bp BETWEEN 0 AND 10000)
);

-- Which vector of a person counts, the last one: locked by whoever adds the next.
CREATE TABLE credence_in_force (
    topic_id uuid NOT NULL CONSTRAINT credence_in_force_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT credence_in_force_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    number integer NOT NULL,
    CONSTRAINT credence_in_force_pkey PRIMARY KEY (topic_id, account_id),
    CONSTRAINT credence_in_force_credence_fkey FOREIGN KEY (topic_id, account_id, number)
        REFERENCES credence (topic_id, account_id, number) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 70);

CREATE FUNCTION credence_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM topic WHERE id = NEW.topic_id AND scenario_set_version >= NEW.scenario_set_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the set of scenarios has no such version yet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_version_known';
    END IF;
    PERFORM FROM (SELECT id FROM scenario
                  WHERE topic_id = NEW.topic_id AND parent_scenario_id IS NULL
                    AND introduced_in_version <= NEW.scenario_set_version
                    AND (retired_in_version IS NULL OR retired_in_version > NEW.scenario_set_version)) live
        FULL JOIN (SELECT scenario_id FROM credence_part WHERE credence_id = NEW.id) part ON part.scenario_id = live.id
        WHERE part.scenario_id IS NULL OR live.id IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'a vector covers exactly the live top-level scenarios of its version'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_covers_scenarios';
    END IF;
    PERFORM FROM credence_part WHERE credence_id = NEW.id HAVING sum(bp) = 10000;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a vector sums to 10000 basis points'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_sums_to_all';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER credence_is_whole AFTER INSERT ON credence
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION credence_is_whole();

CREATE FUNCTION credence_part_comes_with_the_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM credence WHERE id = NEW.credence_id AND xmin = pg_current_xact_id()::xid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a vector gets no parts after the transaction that made it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_part_comes_with_the_whole';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER credence_part_comes_with_the_whole BEFORE INSERT ON credence_part
    FOR EACH ROW EXECUTE FUNCTION credence_part_comes_with_the_whole();

CREATE FUNCTION credence_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a vector is never changed: whoever thinks again adds another one'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_never_changes';
END $$;

CREATE TRIGGER credence_never_changes BEFORE UPDATE ON credence
    FOR EACH ROW EXECUTE FUNCTION credence_never_changes();
CREATE TRIGGER credence_never_changes BEFORE UPDATE ON credence_part
    FOR EACH ROW EXECUTE FUNCTION credence_never_changes();
