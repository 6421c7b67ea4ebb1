DELETE FROM role_grant WHERE permissions = ARRAY['escalation.decide'];
UPDATE role_grant SET permissions = array_remove(permissions, 'escalation.decide');
ALTER TABLE role_grant
    DROP CONSTRAINT role_grant_permissions_known,
    ADD CONSTRAINT role_grant_permissions_known CHECK (permissions <@ ARRAY[
        'topic.edit', 'report.read', 'content.hide', 'user.suspend', 'vote.inspect', 'pii.read', 'job.bulk', 'rule.edit',
        'purge', 'role.grant']);

DROP TABLE case_event, report, moderation_case, policy_rule;
DROP FUNCTION case_event_continues, moderation_case_is_its_events;
