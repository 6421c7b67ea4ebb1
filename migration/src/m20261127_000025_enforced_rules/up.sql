-- What a rule did is looked at by people: in which case. It is found after the post was made, so it comes later, and once.
ALTER TABLE rule_hit
    ADD COLUMN case_id uuid CONSTRAINT rule_hit_case_fkey REFERENCES moderation_case (id),
    DROP CONSTRAINT rule_hit_did_known,
    ADD CONSTRAINT rule_hit_did_known CHECK (did IN ('nothing', 'refused', 'filtered', 'queued', 'already_reviewed')),
    ADD CONSTRAINT rule_hit_case CHECK (case_id IS NULL OR did IN ('filtered', 'queued'));

CREATE INDEX rule_hit_waiting_idx ON rule_hit (id) WHERE did IN ('filtered', 'queued') AND case_id IS NULL;
CREATE INDEX rule_hit_case_idx ON rule_hit (case_id) WHERE case_id IS NOT NULL;

DROP TRIGGER rule_hit_is_fixed ON rule_hit;
CREATE TRIGGER rule_hit_is_fixed BEFORE UPDATE ON rule_hit
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.mode, OLD.trigger, OLD.post_id, OLD.revision, OLD.reasons,
                        OLD.would_do, OLD.did, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.mode, NEW.trigger, NEW.post_id, NEW.revision, NEW.reasons,
                        NEW.would_do, NEW.did, NEW.created_at) OR NEW.author_id IS NOT NULL
                       OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id))
    EXECUTE FUNCTION row_is_fixed();

-- A report may be a rule's: no person's then, and one for each time that it met something.
ALTER TABLE report
    ADD COLUMN rule_hit_id uuid CONSTRAINT report_rule_hit_fkey REFERENCES rule_hit (id),
    ADD CONSTRAINT report_rule_hit_key UNIQUE (rule_hit_id),
    ADD CONSTRAINT report_by_one CHECK (num_nonnulls(reporter_id, rule_hit_id) <= 1);

-- An action may be a rule's, and is a hidden post then and nothing harsher.
ALTER TABLE mod_action
    ADD COLUMN rule_hit_id uuid CONSTRAINT mod_action_rule_hit_fkey REFERENCES rule_hit (id),
    ADD CONSTRAINT mod_action_rule_hit_key UNIQUE (rule_hit_id),
    ADD CONSTRAINT mod_action_by_rule CHECK ((actor_kind = 'rule') = (rule_hit_id IS NOT NULL)),
    ADD CONSTRAINT mod_action_rules_only_hide CHECK (
        actor_kind <> 'rule'
        OR (kind = 'hide' AND subject_kind = 'post' AND automation = 'full' AND strikes = 0 AND expires_at IS NULL
            AND after_image = '{"status": "hidden"}'));

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
