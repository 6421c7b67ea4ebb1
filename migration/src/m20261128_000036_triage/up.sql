-- Words that moderators put on cases, to find them by.
ALTER TABLE moderation_case
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT moderation_case_tags_length CHECK (cardinality(tags) <= 20);

CREATE INDEX moderation_case_tags_idx ON moderation_case USING gin (tags);

ALTER TABLE case_event
    -- Which tags the case has since, where it was tagged.
    ADD COLUMN tags text[],
    -- The bulk job that it was part of.
    ADD COLUMN batch_id uuid,
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided', 'muted', 'unmuted', 'merged', 'unmerged', 'messaged', 'answered', 'tagged')),
    ADD CONSTRAINT case_event_tagged CHECK ((kind = 'tagged') = (tags IS NOT NULL));

DROP TRIGGER case_event_is_fixed ON case_event;
CREATE TRIGGER case_event_is_fixed BEFORE UPDATE ON case_event
    FOR EACH ROW WHEN ((OLD.case_id, OLD.seq, OLD.kind, OLD.from_state, OLD.to_state, OLD.resolution, OLD.muted_until,
                        OLD.tags, OLD.batch_id, OLD.created_at)
                       IS DISTINCT FROM
                       (NEW.case_id, NEW.seq, NEW.kind, NEW.from_state, NEW.to_state, NEW.resolution, NEW.muted_until,
                        NEW.tags, NEW.batch_id, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

-- A case is what its events come to, in this too.
CREATE FUNCTION moderation_case_tags_are_its_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM moderation_case c WHERE c.id = NEW.id AND c.tags IS DISTINCT FROM
               coalesce((SELECT e.tags FROM case_event e WHERE e.case_id = c.id AND e.kind = 'tagged'
                         ORDER BY e.seq DESC LIMIT 1), '{}')) THEN
        RAISE EXCEPTION 'the tags of a case are what its events come to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_case_tags_are_its_events';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER moderation_case_tags_are_its_events AFTER UPDATE OF tags ON moderation_case
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.tags IS DISTINCT FROM NEW.tags)
    EXECUTE FUNCTION moderation_case_tags_are_its_events();

ALTER TABLE case_queue
    -- Cases that have one of these tags, if any is named.
    ADD COLUMN case_tags text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT case_queue_lists_length,
    ADD CONSTRAINT case_queue_lists_length
        CHECK (greatest(cardinality(rules), cardinality(tags), cardinality(case_tags), cardinality(recommended_rules)) <= 20
               AND cardinality(subject_kinds) <= 3);

-- What waits within a topic, the most urgent first: whoever is in charge of a part of the site is not led through the rest.
CREATE INDEX moderation_case_topic_waits_idx ON moderation_case (topic_id, state, priority DESC, id)
    WHERE topic_id IS NOT NULL AND state NOT IN ('resolved', 'appealed');
CREATE INDEX report_rule_idx ON report (rule_code, case_id);

CREATE FUNCTION rules_of_case(the_case uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT DISTINCT r.rule_code FROM report r WHERE r.case_id = the_case ORDER BY 1)
$$;

CREATE FUNCTION tags_of_topic(the_topic uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT t.tag FROM topic_tag t WHERE t.topic_id = the_topic ORDER BY 1)
$$;

-- Whether cases like this are in a queue: the one place that says so. It asks nothing of other tables, so that cases which
-- are alike can be asked about together, and the planner can write it out where it is called.
CREATE FUNCTION queue_takes(q case_queue, subject_kind text, topic_id uuid, priority smallint, is_escalated boolean,
                            case_tags text[], rules text[], tags text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (cardinality(q.subject_kinds) = 0 OR subject_kind = ANY (q.subject_kinds))
       AND (q.topic_id IS NULL OR topic_id IS NOT DISTINCT FROM q.topic_id)
       AND priority >= q.priority_min
       AND (q.escalated IS NULL OR is_escalated = q.escalated)
       AND (cardinality(q.case_tags) = 0 OR case_tags && q.case_tags)
       AND (cardinality(q.rules) = 0 OR rules && q.rules)
       AND (cardinality(q.tags) = 0 OR tags && q.tags)
$$;

CREATE OR REPLACE FUNCTION case_is_in_queue(c moderation_case, q case_queue) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT queue_takes(q, c.subject_kind, c.topic_id, c.priority, c.is_escalated, c.tags, rules_of_case(c.id),
                       tags_of_topic(c.topic_id))
$$;

DROP FUNCTION case_was_reported_by(uuid, text[]);
DROP FUNCTION topic_has_one_of(uuid, text[]);

-- Of a topic: counts what its author and its readers changed of it, unlike the version, which moderators' restrictions change
-- too. What is reported is a revision.
ALTER TABLE topic
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT topic_revision_positive CHECK (revision >= 1);
UPDATE topic SET revision = version;

-- Whose notices are looked at first, as article 22 of Regulation (EU) 2022/2065 has it: a permission by itself, which gives
-- no rank.
ALTER TABLE role_grant
    DROP CONSTRAINT role_grant_permissions_known,
    ADD CONSTRAINT role_grant_permissions_known CHECK (permissions <@ ARRAY[
        'topic.edit', 'report.read', 'content.hide', 'user.suspend', 'vote.inspect', 'pii.read', 'job.bulk', 'rule.edit',
        'purge', 'role.grant', 'escalation.decide', 'notice.trusted']);

CREATE FUNCTION gives_rank(g role_grant) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT g.role IS NOT NULL OR g.permissions <> ARRAY['notice.trusted']
$$;

ALTER TABLE report
    -- Whether it was made by a trusted flagger, as they stood then.
    ADD COLUMN is_trusted boolean NOT NULL DEFAULT false;

-- Whoever has a webhook is told when it is told nothing more.
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received',
            'notice_received', 'notice_decided', 'sessions_revoked', 'webhook_disabled'
        )
    );
