ALTER TABLE legal_notice DROP COLUMN secret_hash;

-- What waited for a second person never was; votes that are struck stay so, and that anybody was told is forgotten.
DELETE FROM vote_nullification WHERE state = 'awaiting_approval' OR (approval_reasons <> '{}' AND approved_at IS NULL);
DROP INDEX vote_nullification_approved_by_idx;
DROP INDEX vote_nullification_waiting_idx;
UPDATE vote_nullification SET state = 'in_force', done_up_to = NULL WHERE state = 'lifting';
ALTER TABLE vote_nullification
    DROP CONSTRAINT vote_nullification_state_known,
    ADD CONSTRAINT vote_nullification_state_known CHECK (state IN ('applying', 'in_force', 'undoing', 'undone')),
    DROP CONSTRAINT vote_nullification_explained_once,
    DROP CONSTRAINT vote_nullification_awaits,
    DROP CONSTRAINT vote_nullification_needs_approval,
    DROP COLUMN rule_code,
    DROP COLUMN explanation,
    DROP COLUMN credential_id,
    DROP COLUMN approval_reasons,
    DROP COLUMN approval_expires_at,
    DROP COLUMN approved_by,
    DROP COLUMN approved_at;
CREATE INDEX vote_nullification_waiting_idx ON vote_nullification (id) WHERE state IN ('applying', 'undoing');

-- Those by the rule go, and those of the kind, with what came of them.
CREATE TEMPORARY TABLE forgotten AS
SELECT a.id FROM mod_action a LEFT JOIN mod_action r ON r.id = a.reverts_id
WHERE coalesce(r.kind, a.kind) = 'nullify_votes' OR coalesce(r.rule_code, a.rule_code) = 'vote_manipulation';
UPDATE moderation_case SET state = 'resolved'
WHERE state = 'appealed' AND id IN (SELECT case_id FROM appeal WHERE action_id IN (SELECT id FROM forgotten));
DELETE FROM case_event WHERE action_id IN (SELECT id FROM forgotten)
    OR appeal_id IN (SELECT id FROM appeal WHERE action_id IN (SELECT id FROM forgotten));
DELETE FROM appeal WHERE action_id IN (SELECT id FROM forgotten);
DELETE FROM sanction WHERE id IN (SELECT id FROM forgotten);
DELETE FROM statement_of_reasons WHERE action_id IN (SELECT id FROM forgotten);
DELETE FROM mod_action WHERE id IN (SELECT id FROM forgotten) AND reverts_id IS NOT NULL;
DELETE FROM mod_action WHERE id IN (SELECT id FROM forgotten);
DELETE FROM report WHERE rule_code = 'vote_manipulation';
SET CONSTRAINTS ALL IMMEDIATE;
DROP TABLE forgotten;
DELETE FROM policy_rule WHERE code = 'vote_manipulation';
ALTER TABLE mod_action
    DROP CONSTRAINT mod_action_kind_known,
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'move', 'relabel',
        'merge', 'close', 'pin', 'annotate', 'redact', 'purge', 'rename',
        'warn', 'silence', 'restrict', 'vote_ban', 'suspend', 'ban', 'revert'));
