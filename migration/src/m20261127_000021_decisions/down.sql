CREATE OR REPLACE FUNCTION similar_topics(wanted text)
RETURNS TABLE (id uuid, slug text, title text, similarity double precision)
LANGUAGE sql STABLE
SET pg_trgm.similarity_threshold = '0.3'
SET enable_bitmapscan = on
AS $$
    SELECT t.id, t.slug, t.title, round(similarity(t.likeness, wanted)::numeric, 2)::double precision
    FROM topic t
    WHERE t.status <> 'draft' AND t.likeness % wanted
    ORDER BY similarity(t.likeness, wanted) DESC, t.id
    LIMIT 5
$$;

-- What was decided is forgotten; what was taken out stays out of sight.
DELETE FROM case_event WHERE kind IN ('acted', 'appealed', 'appeal_withdrawn', 'appeal_decided');
UPDATE moderation_case SET state = 'resolved' WHERE state = 'appealed';
UPDATE post SET status = 'removed' WHERE status = 'hidden';
UPDATE topic SET status = 'archived' WHERE status IN ('hidden', 'removed');
SET CONSTRAINTS ALL IMMEDIATE;

ALTER TABLE case_event
    DROP COLUMN action_id,
    DROP COLUMN appeal_id,
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved')),
    DROP CONSTRAINT case_event_state_known,
    ADD CONSTRAINT case_event_state_known CHECK (to_state IN ('open', 'claimed', 'escalated', 'resolved'));
ALTER TABLE moderation_case
    DROP CONSTRAINT moderation_case_state_known,
    ADD CONSTRAINT moderation_case_state_known CHECK (state IN ('open', 'claimed', 'escalated', 'resolved')),
    DROP CONSTRAINT moderation_case_resolved,
    ADD CONSTRAINT moderation_case_resolved
        CHECK (num_nonnulls(resolution, resolved_at) = CASE state WHEN 'resolved' THEN 2 ELSE 0 END);
DROP TABLE appeal;
DROP FUNCTION sanctions_of;
DROP TABLE sanction;
DROP TABLE statement_of_reasons;
DROP TABLE mod_action;
DROP FUNCTION mod_action_is_explained;
ALTER TABLE policy_rule DROP COLUMN default_action, DROP COLUMN strikes, DROP COLUMN category, DROP COLUMN is_retired;
ALTER TABLE account
    DROP CONSTRAINT account_state_known,
    ADD CONSTRAINT account_state_known CHECK (state IN ('active', 'suspended', 'deleted'));
ALTER TABLE topic
    DROP COLUMN restrictions,
    DROP CONSTRAINT topic_status_known,
    ADD CONSTRAINT topic_status_known CHECK (status IN ('draft', 'open', 'archived'));
ALTER TABLE post
    DROP COLUMN restrictions,
    DROP CONSTRAINT post_status_known,
    ADD CONSTRAINT post_status_known CHECK (status IN ('visible', 'deleted', 'removed'));
DROP FUNCTION is_shown;
DELETE FROM mail WHERE kind IN ('decision_made', 'appeal_decided');
ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked'
        )
    );
UPDATE session SET ended_because = 'signed_out' WHERE ended_because = 'banned';
ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted',
             'factor_changed')
    );
