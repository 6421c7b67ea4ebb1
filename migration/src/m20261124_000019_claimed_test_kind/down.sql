DROP TRIGGER relation_is_fixed ON relation;
CREATE TRIGGER relation_is_fixed BEFORE UPDATE ON relation
    FOR EACH ROW WHEN (
        (OLD.id, OLD.topic_id, OLD.post_id, OLD.type, OLD.target_kind, OLD.target_topic_id, OLD.target_post_id,
         OLD.target_relation_id, OLD.target_scenario_id, OLD.target_chain_step_id, OLD.target_background_fact_id,
         OLD.target_variant_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.topic_id, NEW.post_id, NEW.type, NEW.target_kind, NEW.target_topic_id, NEW.target_post_id,
         NEW.target_relation_id, NEW.target_scenario_id, NEW.target_chain_step_id, NEW.target_background_fact_id,
         NEW.target_variant_id, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

CREATE OR REPLACE VIEW relation_document AS
SELECT r.post_id, r.position,
       jsonb_build_object(
           'id', r.id, 'type', r.type,
           'target', jsonb_build_object('kind', r.target_kind, 'id', coalesce(
               r.target_topic_id, r.target_post_id, r.target_relation_id, r.target_scenario_id,
               r.target_chain_step_id, r.target_background_fact_id, r.target_variant_id)),
           'p_if_true', r.p_if_true, 'p_if_false', r.p_if_false) AS document
FROM relation r
WHERE r.withdrawn_at IS NULL;

ALTER TABLE relation DROP COLUMN claimed_test_kind;
