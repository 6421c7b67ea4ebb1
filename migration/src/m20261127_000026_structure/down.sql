-- What moderators made of the structure stays as it is; that they did is forgotten.
CREATE TEMPORARY TABLE forgotten AS
SELECT a.id FROM mod_action a LEFT JOIN mod_action r ON r.id = a.reverts_id
WHERE coalesce(r.kind, a.kind) IN ('move', 'relabel', 'merge', 'close');
UPDATE moderation_case SET state = 'resolved'
WHERE state = 'appealed' AND id IN (SELECT case_id FROM appeal WHERE action_id IN (SELECT id FROM forgotten));
DELETE FROM case_event WHERE action_id IN (SELECT id FROM forgotten)
    OR appeal_id IN (SELECT id FROM appeal WHERE action_id IN (SELECT id FROM forgotten));
DELETE FROM appeal WHERE action_id IN (SELECT id FROM forgotten);
DELETE FROM statement_of_reasons WHERE action_id IN (SELECT id FROM forgotten);
DELETE FROM mod_action WHERE id IN (SELECT id FROM forgotten) AND reverts_id IS NOT NULL;
DELETE FROM mod_action WHERE id IN (SELECT id FROM forgotten);
SET CONSTRAINTS ALL IMMEDIATE;
DROP TABLE forgotten;
ALTER TABLE mod_action
    DROP CONSTRAINT mod_action_kind_known,
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'warn', 'silence',
        'restrict', 'vote_ban', 'suspend', 'ban', 'revert'));

DROP TRIGGER relation_new_target_is_older ON relation;
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

DROP TRIGGER post_is_in_its_place ON post;
DROP TRIGGER post_keeps_its_place ON post;
CREATE TRIGGER post_keeps_its_place BEFORE UPDATE ON post
    FOR EACH ROW WHEN ((OLD.id, OLD.topic_id, OLD.parent_id, OLD.root_id, OLD.depth, OLD.created_at)
                       IS DISTINCT FROM (NEW.id, NEW.topic_id, NEW.parent_id, NEW.root_id, NEW.depth, NEW.created_at))
    EXECUTE FUNCTION post_is_in_place();
DROP FUNCTION post_is_in_its_place;

DROP VIEW relation_document;
CREATE VIEW relation_document AS
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

ALTER TABLE post_revision DROP COLUMN by_moderator;
ALTER TABLE relation DROP COLUMN by_moderator;
ALTER TABLE topic DROP COLUMN closing_summary;
ALTER TABLE post DROP COLUMN duplicate_of;
