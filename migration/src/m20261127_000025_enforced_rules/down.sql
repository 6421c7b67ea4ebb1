-- What rules did stays done; which rule did it is forgotten.
DROP TRIGGER mod_action_is_fixed ON mod_action;
ALTER TABLE mod_action DROP CONSTRAINT mod_action_by_rule, DROP CONSTRAINT mod_action_rules_only_hide, DROP COLUMN rule_hit_id;
CREATE TRIGGER mod_action_is_fixed BEFORE UPDATE ON mod_action
    FOR EACH ROW WHEN (
        (OLD.id, OLD.kind, OLD.subject_kind, OLD.subject_post_id, OLD.subject_topic_id, OLD.subject_account_id, OLD.topic_id,
         OLD.target_id, OLD.actor_kind, OLD.automation, OLD.rule_code, OLD.rule_version, OLD.scope_topic_id, OLD.strikes,
         OLD.before_image, OLD.after_image, OLD.batch_id, OLD.expires_at, OLD.reverts_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.kind, NEW.subject_kind, NEW.subject_post_id, NEW.subject_topic_id, NEW.subject_account_id, NEW.topic_id,
         NEW.target_id, NEW.actor_kind, NEW.automation, NEW.rule_code, NEW.rule_version, NEW.scope_topic_id, NEW.strikes,
         NEW.before_image, NEW.after_image, NEW.batch_id, NEW.expires_at, NEW.reverts_id, NEW.created_at)
        OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id)
        OR (NEW.actor_id IS NOT NULL AND OLD.actor_id IS DISTINCT FROM NEW.actor_id)
        OR (NEW.explanation <> '' AND OLD.explanation <> NEW.explanation))
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE report DROP CONSTRAINT report_by_one, DROP COLUMN rule_hit_id;

DROP TRIGGER rule_hit_is_fixed ON rule_hit;
DELETE FROM rule_hit WHERE did = 'already_reviewed';
ALTER TABLE rule_hit
    DROP CONSTRAINT rule_hit_case,
    DROP COLUMN case_id,
    DROP CONSTRAINT rule_hit_did_known,
    ADD CONSTRAINT rule_hit_did_known CHECK (did IN ('nothing', 'refused', 'filtered', 'queued'));
CREATE TRIGGER rule_hit_is_fixed BEFORE UPDATE ON rule_hit
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.mode, OLD.trigger, OLD.post_id, OLD.revision, OLD.reasons,
                        OLD.would_do, OLD.did, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.mode, NEW.trigger, NEW.post_id, NEW.revision, NEW.reasons,
                        NEW.would_do, NEW.did, NEW.created_at) OR NEW.author_id IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();
