-- Moderators say under a post what it lacks, black passages out of it, purge it, and give accounts other names,
-- and pin topics.
ALTER TABLE post
    ADD COLUMN annotations jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT post_annotations_known CHECK (
        jsonb_typeof(annotations) = 'array'
        AND annotations <@ '["needs_source", "off_premise", "inaccurate_baseline"]');

-- What everybody is to see first.
ALTER TABLE topic ADD COLUMN is_pinned boolean NOT NULL DEFAULT false;
CREATE INDEX topic_pinned_idx ON topic (id) WHERE is_pinned;

ALTER TABLE mod_action
    DROP CONSTRAINT mod_action_kind_known,
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'move', 'relabel',
        'merge', 'close', 'pin', 'annotate', 'redact', 'purge', 'rename',
        'warn', 'silence', 'restrict', 'vote_ban', 'suspend', 'ban', 'revert'));

ALTER TABLE statement_of_reasons
    DROP CONSTRAINT statement_of_reasons_visibility_known,
    ADD CONSTRAINT statement_of_reasons_visibility_known CHECK (decision_visibility IN (
        'DECISION_VISIBILITY_CONTENT_REMOVED', 'DECISION_VISIBILITY_CONTENT_DISABLED',
        'DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED', 'DECISION_VISIBILITY_CONTENT_LABELLED'));

-- What somebody said or was called is forgotten, when it is purged or their account is erased; nothing else is.
DROP TRIGGER mod_action_is_fixed ON mod_action;
CREATE TRIGGER mod_action_is_fixed BEFORE UPDATE ON mod_action
    FOR EACH ROW WHEN (
        (OLD.id, OLD.kind, OLD.subject_kind, OLD.subject_post_id, OLD.subject_topic_id, OLD.subject_account_id, OLD.topic_id,
         OLD.target_id, OLD.actor_kind, OLD.automation, OLD.rule_code, OLD.rule_version, OLD.scope_topic_id, OLD.strikes,
         OLD.batch_id, OLD.expires_at, OLD.reverts_id, OLD.rule_hit_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.kind, NEW.subject_kind, NEW.subject_post_id, NEW.subject_topic_id, NEW.subject_account_id, NEW.topic_id,
         NEW.target_id, NEW.actor_kind, NEW.automation, NEW.rule_code, NEW.rule_version, NEW.scope_topic_id, NEW.strikes,
         NEW.batch_id, NEW.expires_at, NEW.reverts_id, NEW.rule_hit_id, NEW.created_at)
        OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id)
        OR (NEW.actor_id IS NOT NULL AND OLD.actor_id IS DISTINCT FROM NEW.actor_id)
        OR (NEW.explanation <> '' AND OLD.explanation <> NEW.explanation)
        OR (OLD.before_image <> NEW.before_image AND (NEW.before_image <> '"nothing"' OR NOT OLD.before_image ?| ARRAY['text', 'username']))
        OR (OLD.after_image <> NEW.after_image AND (NEW.after_image <> '"nothing"' OR NOT OLD.after_image ?| ARRAY['text', 'username'])))
    EXECUTE FUNCTION row_is_fixed();
