DROP TRIGGER session_is_a_sign_up ON session;
DROP FUNCTION session_is_a_sign_up();
DROP TABLE sign_up;

-- The cases stay, and so do the reports in them; which rule asked for that is forgotten.
UPDATE report SET rule_hit_id = NULL
    WHERE rule_hit_id IN (SELECT id FROM rule_hit WHERE trigger IN ('vote_burst', 'signed_up'));
DELETE FROM rule_hit WHERE trigger IN ('vote_burst', 'signed_up');

DROP INDEX rule_hit_waiting_idx;
CREATE INDEX rule_hit_waiting_idx ON rule_hit (id) WHERE did IN ('filtered', 'queued') AND case_id IS NULL;
DROP INDEX rule_hit_sign_up_key;
ALTER TABLE rule_hit
    DROP CONSTRAINT rule_hit_only_asks,
    DROP CONSTRAINT rule_hit_subject,
    ADD CONSTRAINT rule_hit_subject CHECK ((did = 'refused') = (post_id IS NULL) AND (post_id IS NULL) = (revision IS NULL)
                                       AND (author_id IS NULL OR post_id IS NULL)),
    DROP CONSTRAINT rule_hit_trigger_known,
    ADD CONSTRAINT rule_hit_trigger_known CHECK (trigger IN ('post_created', 'post_revised', 'nth_report'));

DROP TRIGGER rule_hit_is_fixed ON rule_hit;
CREATE TRIGGER rule_hit_is_fixed BEFORE UPDATE ON rule_hit
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.mode, OLD.trigger, OLD.post_id, OLD.revision, OLD.reasons,
                        OLD.would_do, OLD.did, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.mode, NEW.trigger, NEW.post_id, NEW.revision, NEW.reasons,
                        NEW.would_do, NEW.did, NEW.created_at) OR NEW.author_id IS NOT NULL
                       OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id))
    EXECUTE FUNCTION row_is_fixed();

-- A rule that asks for what is known no more asks for what never is; its triggers are those that are left.
ALTER TABLE automation_rule_version DISABLE TRIGGER automation_rule_version_is_fixed;
UPDATE automation_rule_version SET content = jsonb_set(content, '{when}', '{"not": {"length": {"at_least": 0}}}')
    WHERE content @? '$.when.**.network_of' OR content @? '$.when.**.email_of' OR content @? '$.when.**.name_of';
UPDATE automation_rule_version SET content = content #- '{triggers,vote_burst}' #- '{triggers,signed_up}';
ALTER TABLE automation_rule_version ENABLE TRIGGER automation_rule_version_is_fixed;
UPDATE automation_state SET stamp = stamp + 1;

DELETE FROM list_set WHERE kind NOT IN ('words', 'domains');
ALTER TABLE list_set
    DROP CONSTRAINT list_set_kind_known,
    ADD CONSTRAINT list_set_kind_known CHECK (kind IN ('words', 'domains'));
