DROP TABLE post_fingerprint, rule_hit, list_value, list_set, automation_trial;
ALTER TABLE automation_rule DROP CONSTRAINT automation_rule_version_fkey;
DROP TABLE automation_rule_version, automation_rule, automation_state;
