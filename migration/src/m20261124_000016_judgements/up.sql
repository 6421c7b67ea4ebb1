-- A vector may also say how what it gives a scenario is shared out among the parts of it.
CREATE OR REPLACE FUNCTION credence_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM topic WHERE id = NEW.topic_id AND scenario_set_version >= NEW.scenario_set_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the set of scenarios has no such version yet'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_version_known';
    END IF;
    PERFORM FROM (SELECT id, parent_scenario_id IS NULL AS is_whole FROM scenario
                  WHERE topic_id = NEW.topic_id
                    AND introduced_in_version <= NEW.scenario_set_version
                    AND (retired_in_version IS NULL OR retired_in_version > NEW.scenario_set_version)) live
        FULL JOIN (SELECT scenario_id FROM credence_part WHERE credence_id = NEW.id) part ON part.scenario_id = live.id
        WHERE live.id IS NULL OR live.is_whole AND part.scenario_id IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'a vector covers exactly the live top-level scenarios of its version'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_covers_scenarios';
    END IF;
    PERFORM FROM credence_part p JOIN scenario s ON s.id = p.scenario_id AND s.parent_scenario_id IS NULL
        WHERE p.credence_id = NEW.id HAVING sum(p.bp) = 10000;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a vector sums to 10000 basis points'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credence_sums_to_all';
    END IF;
    RETURN NULL;
END $$;

-- What share of people somebody thinks will hold which scenario likeliest.
CREATE TABLE meta_prediction (
    topic_id uuid NOT NULL CONSTRAINT meta_prediction_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT meta_prediction_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    scenario_set_version integer NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT meta_prediction_pkey PRIMARY KEY (topic_id, account_id)
);

CREATE INDEX meta_prediction_account_idx ON meta_prediction (account_id);

CREATE TABLE meta_prediction_part (
    topic_id uuid NOT NULL,
    account_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    bp integer NOT NULL,
    CONSTRAINT meta_prediction_part_pkey PRIMARY KEY (topic_id, account_id, scenario_id),
    CONSTRAINT meta_prediction_part_whole_fkey FOREIGN KEY (topic_id, account_id)
        REFERENCES meta_prediction (topic_id, account_id) ON DELETE CASCADE,
    CONSTRAINT meta_prediction_part_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id),
    CONSTRAINT meta_prediction_part_bp_range CHECK (bp BETWEEN 0 AND 10000)
);

CREATE FUNCTION meta_prediction_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM (SELECT id FROM scenario
                  WHERE topic_id = NEW.topic_id AND parent_scenario_id IS NULL
                    AND introduced_in_version <= NEW.scenario_set_version
                    AND (retired_in_version IS NULL OR retired_in_version > NEW.scenario_set_version)) live
        FULL JOIN (SELECT scenario_id FROM meta_prediction_part
                   WHERE topic_id = NEW.topic_id AND account_id = NEW.account_id) part ON part.scenario_id = live.id
        WHERE part.scenario_id IS NULL OR live.id IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'a prediction covers exactly the live top-level scenarios of its version'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'meta_prediction_covers_scenarios';
    END IF;
    PERFORM FROM meta_prediction_part WHERE topic_id = NEW.topic_id AND account_id = NEW.account_id
        HAVING sum(bp) = 10000;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a prediction sums to 10000 basis points'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'meta_prediction_sums_to_all';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER meta_prediction_is_whole AFTER INSERT OR UPDATE ON meta_prediction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION meta_prediction_is_whole();

-- What those who hold one scenario likeliest predict for each, added up: people, basis points, and their squares.
CREATE TABLE meta_prediction_tally (
    topic_id uuid NOT NULL,
    comparable_since integer NOT NULL,
    favourite_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    people integer NOT NULL,
    sum bigint NOT NULL,
    sum_of_squares bigint NOT NULL,
    CONSTRAINT meta_prediction_tally_pkey PRIMARY KEY (topic_id, comparable_since, favourite_id, scenario_id),
    CONSTRAINT meta_prediction_tally_favourite_fkey FOREIGN KEY (topic_id, favourite_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT meta_prediction_tally_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT meta_prediction_tally_not_negative CHECK (least(people, sum, sum_of_squares) >= 0)
) WITH (fillfactor = 70);

-- How likely somebody takes a step in a chain to be, given the steps before it.
CREATE TABLE step_credence (
    chain_step_id uuid NOT NULL,
    account_id uuid NOT NULL CONSTRAINT step_credence_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    topic_id uuid NOT NULL,
    bp integer NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT step_credence_pkey PRIMARY KEY (chain_step_id, account_id),
    CONSTRAINT step_credence_step_fkey FOREIGN KEY (topic_id, chain_step_id)
        REFERENCES chain_step (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT step_credence_bp_range CHECK (bp BETWEEN 0 AND 10000)
);

CREATE INDEX step_credence_account_idx ON step_credence (account_id, topic_id);

-- From when on somebody takes the actual outcome to have been near certain; without a date, never.
CREATE TABLE inevitability (
    topic_id uuid NOT NULL CONSTRAINT inevitability_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT inevitability_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    inevitable_from historic_date,
    updated_at timestamptz NOT NULL,
    CONSTRAINT inevitability_pkey PRIMARY KEY (topic_id, account_id)
);

CREATE INDEX inevitability_account_idx ON inevitability (account_id);

-- What somebody believes as of a checkpoint, or of the horizon (position 0): that the outcome has occurred by then,
-- given the antecedent; and, of history as it stood then, that it would end as it did, and that it would end otherwise.
CREATE TABLE checkpoint_credence (
    topic_id uuid NOT NULL CONSTRAINT checkpoint_credence_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT checkpoint_credence_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    occurred_by integer,
    actual integer,
    alternatives integer,
    updated_at timestamptz NOT NULL,
    CONSTRAINT checkpoint_credence_pkey PRIMARY KEY (topic_id, account_id, position),
    CONSTRAINT checkpoint_credence_position_range CHECK (position BETWEEN 0 AND 6),
    CONSTRAINT checkpoint_credence_says_something CHECK (num_nonnulls(occurred_by, actual, alternatives) > 0),
    CONSTRAINT checkpoint_credence_range CHECK (
        occurred_by BETWEEN 0 AND 10000 AND actual BETWEEN 0 AND 10000 AND alternatives BETWEEN 0 AND 10000)
);

CREATE INDEX checkpoint_credence_account_idx ON checkpoint_credence (account_id);
