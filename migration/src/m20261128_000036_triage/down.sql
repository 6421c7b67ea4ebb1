CREATE FUNCTION case_was_reported_by(the_case uuid, codes text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM report r WHERE r.case_id = the_case AND r.rule_code = ANY (codes))
$$;

CREATE FUNCTION topic_has_one_of(topic uuid, wanted text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM topic_tag t WHERE t.topic_id = topic AND t.tag = ANY (wanted))
$$;

CREATE OR REPLACE FUNCTION case_is_in_queue(c moderation_case, q case_queue) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (cardinality(q.subject_kinds) = 0 OR c.subject_kind = ANY (q.subject_kinds))
       AND (q.topic_id IS NULL OR c.topic_id IS NOT DISTINCT FROM q.topic_id)
       AND c.priority >= q.priority_min
       AND (q.escalated IS NULL OR c.is_escalated = q.escalated)
       AND (cardinality(q.rules) = 0 OR case_was_reported_by(c.id, q.rules))
       AND (cardinality(q.tags) = 0 OR topic_has_one_of(c.topic_id, q.tags))
$$;

DROP FUNCTION queue_takes(case_queue, text, uuid, smallint, boolean, text[], text[], text[]);
DROP FUNCTION tags_of_topic(uuid);
DROP FUNCTION rules_of_case(uuid);
DROP INDEX report_rule_idx;
DROP INDEX moderation_case_topic_waits_idx;

ALTER TABLE case_queue
    DROP CONSTRAINT case_queue_lists_length,
    DROP COLUMN case_tags,
    ADD CONSTRAINT case_queue_lists_length
        CHECK (greatest(cardinality(rules), cardinality(tags), cardinality(recommended_rules)) <= 20
               AND cardinality(subject_kinds) <= 3);

DROP TRIGGER moderation_case_tags_are_its_events ON moderation_case;
DROP FUNCTION moderation_case_tags_are_its_events();

DROP TRIGGER case_event_is_fixed ON case_event;
UPDATE case_event SET kind = 'acted' WHERE kind = 'tagged';
ALTER TABLE case_event
    DROP CONSTRAINT case_event_tagged,
    DROP COLUMN tags,
    DROP COLUMN batch_id,
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided', 'muted', 'unmuted', 'merged', 'unmerged', 'messaged', 'answered'));
CREATE TRIGGER case_event_is_fixed BEFORE UPDATE ON case_event
    FOR EACH ROW WHEN ((OLD.case_id, OLD.seq, OLD.kind, OLD.from_state, OLD.to_state, OLD.resolution, OLD.muted_until,
                        OLD.created_at)
                       IS DISTINCT FROM
                       (NEW.case_id, NEW.seq, NEW.kind, NEW.from_state, NEW.to_state, NEW.resolution, NEW.muted_until,
                        NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE moderation_case DROP COLUMN tags;

ALTER TABLE topic DROP COLUMN revision;

ALTER TABLE report DROP COLUMN is_trusted;
DROP FUNCTION gives_rank(role_grant);
DELETE FROM role_grant WHERE permissions = ARRAY['notice.trusted'];
UPDATE role_grant SET permissions = array_remove(permissions, 'notice.trusted');
ALTER TABLE role_grant
    DROP CONSTRAINT role_grant_permissions_known,
    ADD CONSTRAINT role_grant_permissions_known CHECK (permissions <@ ARRAY[
        'topic.edit', 'report.read', 'content.hide', 'user.suspend', 'vote.inspect', 'pii.read', 'job.bulk', 'rule.edit',
        'purge', 'role.grant', 'escalation.decide']);

DELETE FROM mail WHERE kind = 'webhook_disabled';
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received',
            'notice_received', 'notice_decided', 'sessions_revoked'
        )
    );
