-- What moderators made of texts and names stays as it is; that they did is forgotten.
CREATE TEMPORARY TABLE forgotten AS
SELECT a.id FROM mod_action a LEFT JOIN mod_action r ON r.id = a.reverts_id
WHERE coalesce(r.kind, a.kind) IN ('pin', 'annotate', 'redact', 'purge', 'rename');
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
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'move', 'relabel',
        'merge', 'close', 'warn', 'silence', 'restrict', 'vote_ban', 'suspend', 'ban', 'revert'));
DROP TRIGGER mod_action_is_fixed ON mod_action;
CREATE TRIGGER mod_action_is_fixed BEFORE UPDATE ON mod_action
    FOR EACH ROW WHEN (
        (OLD.id, OLD.kind, OLD.subject_kind, OLD.subject_post_id, OLD.subject_topic_id, OLD.subject_account_id, OLD.topic_id,
         OLD.target_id, OLD.actor_kind, OLD.automation, OLD.rule_code, OLD.rule_version, OLD.scope_topic_id, OLD.strikes,
         OLD.before_image, OLD.after_image, OLD.batch_id, OLD.expires_at, OLD.reverts_id, OLD.rule_hit_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.kind, NEW.subject_kind, NEW.subject_post_id, NEW.subject_topic_id, NEW.subject_account_id, NEW.topic_id,
         NEW.target_id, NEW.actor_kind, NEW.automation, NEW.rule_code, NEW.rule_version, NEW.scope_topic_id, NEW.strikes,
         NEW.before_image, NEW.after_image, NEW.batch_id, NEW.expires_at, NEW.reverts_id, NEW.rule_hit_id, NEW.created_at)
        OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id)
        OR (NEW.actor_id IS NOT NULL AND OLD.actor_id IS DISTINCT FROM NEW.actor_id)
        OR (NEW.explanation <> '' AND OLD.explanation <> NEW.explanation))
    EXECUTE FUNCTION row_is_fixed();
ALTER TABLE statement_of_reasons
    DROP CONSTRAINT statement_of_reasons_visibility_known,
    ADD CONSTRAINT statement_of_reasons_visibility_known CHECK (decision_visibility IN (
        'DECISION_VISIBILITY_CONTENT_REMOVED', 'DECISION_VISIBILITY_CONTENT_DISABLED',
        'DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED'));
ALTER TABLE topic DROP COLUMN is_pinned;
ALTER TABLE post DROP COLUMN annotations;
