DROP TABLE checkpoint_credence, inevitability, step_credence, meta_prediction_tally, meta_prediction_part, meta_prediction;
DROP FUNCTION meta_prediction_is_whole;
CREATE OR REPLACE FUNCTION credence_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
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
