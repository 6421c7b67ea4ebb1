-- What kind of test the author of evidence takes it to be, whatever their likelihoods make of it.
ALTER TABLE relation ADD COLUMN claimed_test_kind text,
    ADD CONSTRAINT relation_claimed_test_kind_known
        CHECK (claimed_test_kind IN ('doubly_decisive', 'hoop', 'smoking_gun', 'straw_in_the_wind')),
    ADD CONSTRAINT relation_only_evidence_is_a_test CHECK (type = 'evidence' OR claimed_test_kind IS NULL);

CREATE OR REPLACE VIEW relation_document AS
SELECT r.post_id, r.position,
       jsonb_build_object(
           'id', r.id, 'type', r.type,
           'target', jsonb_build_object('kind', r.target_kind, 'id', coalesce(
               r.target_topic_id, r.target_post_id, r.target_relation_id, r.target_scenario_id,
               r.target_chain_step_id, r.target_background_fact_id, r.target_variant_id)),
           'p_if_true', r.p_if_true, 'p_if_false', r.p_if_false,
           'claimed_test_kind', r.claimed_test_kind) AS document
FROM relation r
WHERE r.withdrawn_at IS NULL;

-- Whoever undercuts evidence undercuts what its author said of it, so that is not changed either.
DROP TRIGGER relation_is_fixed ON relation;
CREATE TRIGGER relation_is_fixed BEFORE UPDATE ON relation
    FOR EACH ROW WHEN (
        (OLD.id, OLD.topic_id, OLD.post_id, OLD.type, OLD.target_kind, OLD.target_topic_id, OLD.target_post_id,
         OLD.target_relation_id, OLD.target_scenario_id, OLD.target_chain_step_id, OLD.target_background_fact_id,
         OLD.target_variant_id, OLD.p_if_true, OLD.p_if_false, OLD.claimed_test_kind,
         OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.topic_id, NEW.post_id, NEW.type, NEW.target_kind, NEW.target_topic_id, NEW.target_post_id,
         NEW.target_relation_id, NEW.target_scenario_id, NEW.target_chain_step_id, NEW.target_background_fact_id,
         NEW.target_variant_id, NEW.p_if_true, NEW.p_if_false, NEW.claimed_test_kind,
         NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();
