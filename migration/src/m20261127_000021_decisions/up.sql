-- Whether a post or a topic of this status is shown to everybody: what every list, count and page goes by.
CREATE FUNCTION is_shown(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN status IN ('visible', 'open', 'archived');

-- What moderators decided of posts and topics: whether they are shown, and what nobody may do there meanwhile, as
-- [{kind, seconds, ends_at}]. What has an end is over when that has come, whether anybody has noticed or not.
ALTER TABLE post
    ADD COLUMN restrictions jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT post_restrictions_are_a_list CHECK (jsonb_typeof(restrictions) = 'array'),
    DROP CONSTRAINT post_status_known,
    ADD CONSTRAINT post_status_known CHECK (status IN ('visible', 'deleted', 'hidden', 'removed'));

ALTER TABLE topic
    ADD COLUMN restrictions jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT topic_restrictions_are_a_list CHECK (jsonb_typeof(restrictions) = 'array'),
    DROP CONSTRAINT topic_status_known,
    ADD CONSTRAINT topic_status_known CHECK (status IN ('draft', 'open', 'archived', 'hidden', 'removed'));

-- Whether somebody is suspended follows from their sanctions and the time, so it is no state of an account.
UPDATE account SET state = 'active' WHERE state = 'suspended';
ALTER TABLE account
    DROP CONSTRAINT account_state_known,
    ADD CONSTRAINT account_state_known CHECK (state IN ('active', 'deleted'));

-- What breaking a rule brings, and what the transparency database of the European Union calls it.
ALTER TABLE policy_rule
    ADD COLUMN default_action text,
    ADD COLUMN strikes smallint,
    ADD COLUMN category text,
    -- A version that says so is the last: the rule holds no more.
    ADD COLUMN is_retired boolean NOT NULL DEFAULT false;
ALTER TABLE policy_rule DISABLE TRIGGER policy_rule_is_fixed;
UPDATE policy_rule r SET default_action = v.default_action, strikes = v.strikes, category = v.category
FROM (VALUES ('off_topic', 'hide', 0, 'STATEMENT_CATEGORY_SCOPE_OF_PLATFORM_SERVICE'),
             ('false_citation', 'hide', 1, 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC'),
             ('spam', 'remove', 1, 'STATEMENT_CATEGORY_OTHER_VIOLATION_TC'),
             ('harassment', 'remove', 2, 'STATEMENT_CATEGORY_CYBER_VIOLENCE'),
             ('personal_data', 'remove', 2, 'STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS'),
             ('hatred', 'remove', 3, 'STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH'),
             ('illegal', 'remove', 3, 'STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH'))
     v (code, default_action, strikes, category)
WHERE v.code = r.code;
ALTER TABLE policy_rule ENABLE TRIGGER policy_rule_is_fixed;
ALTER TABLE policy_rule
    ALTER COLUMN strikes SET NOT NULL,
    ALTER COLUMN category SET NOT NULL,
    ALTER COLUMN is_retired DROP DEFAULT,
    ADD CONSTRAINT policy_rule_strikes_range CHECK (strikes BETWEEN 0 AND 3),
    ADD CONSTRAINT policy_rule_category_shape CHECK (category ~ '^STATEMENT_CATEGORY_[A-Z_]{3,80}$'),
    ADD CONSTRAINT policy_rule_default_action_known CHECK (default_action IN ('hide', 'remove', 'lock', 'warn'));

-- Something that was done to a post, a topic or an account, or taken back. Rows stay as they are: taking back is another.
CREATE TABLE mod_action (
    id uuid CONSTRAINT mod_action_pkey PRIMARY KEY,
    kind text NOT NULL,
    -- None yet where a rule acted by itself and its case is still to be opened.
    case_id uuid CONSTRAINT mod_action_case_fkey REFERENCES moderation_case (id),
    subject_kind text NOT NULL,
    subject_post_id uuid CONSTRAINT mod_action_post_fkey REFERENCES post (id),
    subject_topic_id uuid CONSTRAINT mod_action_topic_fkey REFERENCES topic (id),
    subject_account_id uuid CONSTRAINT mod_action_account_fkey REFERENCES account (id),
    -- The topic that the subject is in, or is.
    topic_id uuid CONSTRAINT mod_action_in_topic_fkey REFERENCES topic (id),
    -- Whose subject it is.
    target_id uuid NOT NULL CONSTRAINT mod_action_target_fkey REFERENCES account (id),
    actor_kind text NOT NULL,
    -- Nobody where a rule or the server acted, or their account was erased.
    actor_id uuid CONSTRAINT mod_action_actor_fkey REFERENCES account (id),
    automation text NOT NULL,
    rule_code text,
    rule_version integer,
    -- To whom it concerns, as the statement of reasons has it.
    explanation text NOT NULL,
    -- Within which topic a sanction holds, if not everywhere.
    scope_topic_id uuid CONSTRAINT mod_action_scope_fkey REFERENCES topic (id),
    strikes smallint NOT NULL,
    -- What it changed, as it was before and after.
    before_image jsonb NOT NULL,
    after_image jsonb NOT NULL,
    -- What whoever did it calls it: the same name again is the same act.
    external_id text,
    batch_id uuid,
    expires_at timestamptz,
    -- The action that this one takes back.
    reverts_id uuid CONSTRAINT mod_action_reverts_fkey REFERENCES mod_action (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT mod_action_reverts_key UNIQUE (reverts_id),
    CONSTRAINT mod_action_external_key UNIQUE (actor_id, external_id),
    CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'warn', 'silence',
        'restrict', 'vote_ban', 'suspend', 'ban', 'revert')),
    CONSTRAINT mod_action_reverts CHECK ((kind = 'revert') = (reverts_id IS NOT NULL)),
    CONSTRAINT mod_action_one_subject CHECK (num_nonnulls(subject_post_id, subject_topic_id, subject_account_id) = 1
        AND (subject_kind = 'post') = (subject_post_id IS NOT NULL)
        AND (subject_kind = 'topic') = (subject_topic_id IS NOT NULL)
        AND (subject_kind = 'account') = (subject_account_id IS NOT NULL)),
    CONSTRAINT mod_action_place CHECK ((subject_kind = 'account') = (topic_id IS NULL)),
    CONSTRAINT mod_action_actor_kind_known CHECK (actor_kind IN ('human', 'rule', 'system')),
    CONSTRAINT mod_action_actor CHECK (actor_kind = 'human' OR actor_id IS NULL),
    CONSTRAINT mod_action_automation_known CHECK (automation IN ('none', 'partial', 'full')),
    CONSTRAINT mod_action_rule_fkey FOREIGN KEY (rule_code, rule_version) REFERENCES policy_rule (code, version),
    CONSTRAINT mod_action_rule_named CHECK (kind = 'revert' OR num_nonnulls(rule_code, rule_version) = 2),
    CONSTRAINT mod_action_explanation_length CHECK (char_length(explanation) <= 2000),
    CONSTRAINT mod_action_scope CHECK (scope_topic_id IS NULL OR kind IN ('silence', 'restrict', 'vote_ban')),
    CONSTRAINT mod_action_strikes_range CHECK (strikes BETWEEN 0 AND 3),
    CONSTRAINT mod_action_external_length CHECK (char_length(external_id) BETWEEN 1 AND 200),
    CONSTRAINT mod_action_expires_later CHECK (expires_at > created_at)
);

CREATE INDEX mod_action_target_idx ON mod_action (target_id, id DESC);
CREATE INDEX mod_action_case_idx ON mod_action (case_id, id) WHERE case_id IS NOT NULL;
CREATE INDEX mod_action_topic_idx ON mod_action (topic_id, id DESC) WHERE topic_id IS NOT NULL;
CREATE INDEX mod_action_post_idx ON mod_action (subject_post_id, id DESC) WHERE subject_post_id IS NOT NULL;
CREATE INDEX mod_action_batch_idx ON mod_action (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX mod_action_actor_idx ON mod_action (actor_id) WHERE actor_id IS NOT NULL;

-- Only whose doing it was, and in which words, is ever taken out of it, when an account is erased; and a case is found
-- for what a rule did.
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

-- What the one whom an action restricts is told: what, why, by which rule, how it was found, what can be done about it.
-- The columns are those of the transparency database of the European Union (Regulation 2022/2065, articles 17 and 24(5)).
CREATE TABLE statement_of_reasons (
    action_id uuid CONSTRAINT statement_of_reasons_pkey PRIMARY KEY
        CONSTRAINT statement_of_reasons_action_fkey REFERENCES mod_action (id),
    recipient_id uuid NOT NULL CONSTRAINT statement_of_reasons_recipient_fkey REFERENCES account (id),
    decision_visibility text,
    decision_provision text,
    decision_account text,
    decision_ground text NOT NULL,
    illegal_content_legal_ground text,
    illegal_content_explanation text,
    incompatible_content_ground text,
    incompatible_content_explanation text,
    category text NOT NULL,
    content_type text NOT NULL,
    content_date timestamptz NOT NULL,
    application_date timestamptz NOT NULL,
    end_date timestamptz,
    territorial_scope text[] NOT NULL,
    decision_facts text NOT NULL,
    source_type text NOT NULL,
    automated_detection boolean NOT NULL,
    automated_decision text NOT NULL,
    CONSTRAINT statement_of_reasons_visibility_known CHECK (decision_visibility IN (
        'DECISION_VISIBILITY_CONTENT_REMOVED', 'DECISION_VISIBILITY_CONTENT_DISABLED',
        'DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED')),
    CONSTRAINT statement_of_reasons_provision_known CHECK (decision_provision IN (
        'DECISION_PROVISION_PARTIAL_SUSPENSION', 'DECISION_PROVISION_TOTAL_SUSPENSION', 'DECISION_PROVISION_TOTAL_TERMINATION')),
    CONSTRAINT statement_of_reasons_account_known CHECK (decision_account IN (
        'DECISION_ACCOUNT_SUSPENDED', 'DECISION_ACCOUNT_TERMINATED')),
    CONSTRAINT statement_of_reasons_ground CHECK (CASE decision_ground
        WHEN 'DECISION_GROUND_ILLEGAL_CONTENT'
            THEN num_nonnulls(illegal_content_legal_ground, illegal_content_explanation) = 2
                 AND num_nonnulls(incompatible_content_ground, incompatible_content_explanation) = 0
        WHEN 'DECISION_GROUND_INCOMPATIBLE_CONTENT'
            THEN num_nonnulls(incompatible_content_ground, incompatible_content_explanation) = 2
                 AND num_nonnulls(illegal_content_legal_ground, illegal_content_explanation) = 0
        ELSE false END),
    CONSTRAINT statement_of_reasons_content_type_known CHECK (content_type IN ('CONTENT_TYPE_TEXT', 'CONTENT_TYPE_OTHER')),
    CONSTRAINT statement_of_reasons_source_known CHECK (source_type IN (
        'SOURCE_ARTICLE_16', 'SOURCE_TRUSTED_FLAGGER', 'SOURCE_TYPE_OTHER_NOTIFICATION', 'SOURCE_VOLUNTARY')),
    CONSTRAINT statement_of_reasons_automated_known CHECK (automated_decision IN (
        'AUTOMATED_DECISION_FULLY', 'AUTOMATED_DECISION_PARTIALLY', 'AUTOMATED_DECISION_NOT_AUTOMATED'))
);

CREATE INDEX statement_of_reasons_recipient_idx ON statement_of_reasons (recipient_id, action_id DESC);

CREATE FUNCTION mod_action_is_explained() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM statement_of_reasons WHERE action_id = NEW.id) THEN
        RAISE EXCEPTION 'whoever is restricted is told why'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'mod_action_is_explained';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER mod_action_is_explained AFTER INSERT ON mod_action
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind <> 'revert') EXECUTE FUNCTION mod_action_is_explained();

-- What an account may not do, where and until when. It is in force from its start until its end, unless it is lifted.
CREATE TABLE sanction (
    id uuid CONSTRAINT sanction_pkey PRIMARY KEY CONSTRAINT sanction_action_fkey REFERENCES mod_action (id),
    account_id uuid NOT NULL CONSTRAINT sanction_account_fkey REFERENCES account (id),
    kind text NOT NULL,
    topic_id uuid CONSTRAINT sanction_topic_fkey REFERENCES topic (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    strikes smallint NOT NULL,
    -- Until when the strikes count.
    strikes_expire_at timestamptz NOT NULL,
    lifted_at timestamptz,
    CONSTRAINT sanction_kind_known CHECK (kind IN ('warn', 'silence', 'restrict', 'vote_ban', 'suspend', 'ban')),
    CONSTRAINT sanction_scope CHECK (CASE kind WHEN 'restrict' THEN topic_id IS NOT NULL
                                               WHEN 'silence' THEN true WHEN 'vote_ban' THEN true
                                               ELSE topic_id IS NULL END),
    CONSTRAINT sanction_end CHECK (CASE kind WHEN 'warn' THEN ends_at = starts_at WHEN 'ban' THEN ends_at IS NULL
                                             WHEN 'suspend' THEN ends_at > starts_at
                                             ELSE ends_at IS NULL OR ends_at > starts_at END),
    CONSTRAINT sanction_strikes_range CHECK (strikes BETWEEN 0 AND 3),
    CONSTRAINT sanction_lifted_later CHECK (lifted_at >= starts_at)
);

CREATE INDEX sanction_account_idx ON sanction (account_id, id DESC);
CREATE INDEX sanction_in_force_idx ON sanction (account_id) WHERE lifted_at IS NULL AND kind <> 'warn';

-- What keeps an account from something at a moment. It waits for whoever is about to keep it from more, and those wait for
-- whoever asked: each statement inside sees what was committed before it, so what was waited for is seen.
CREATE FUNCTION sanctions_of(account uuid, moment timestamptz) RETURNS uuid[] LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('account ' || account, 0));
    RETURN ARRAY(SELECT id FROM sanction WHERE account_id = account AND lifted_at IS NULL AND kind <> 'warn'
                                           AND (ends_at IS NULL OR ends_at > moment));
END $$;

-- That somebody holds a decision to be wrong: an action against them, or that nothing was done about their report.
CREATE TABLE appeal (
    id uuid CONSTRAINT appeal_pkey PRIMARY KEY,
    case_id uuid NOT NULL CONSTRAINT appeal_case_fkey REFERENCES moderation_case (id),
    action_id uuid CONSTRAINT appeal_action_fkey REFERENCES mod_action (id),
    report_id uuid CONSTRAINT appeal_report_fkey REFERENCES report (id),
    -- Nobody once their account was erased.
    appellant_id uuid CONSTRAINT appeal_appellant_fkey REFERENCES account (id),
    text text NOT NULL,
    state text NOT NULL,
    -- Who decided what it is against; for them it is not to decide. Nobody where a rule did, or their account was erased.
    decider_id uuid CONSTRAINT appeal_decider_fkey REFERENCES account (id),
    reviewer_id uuid CONSTRAINT appeal_reviewer_fkey REFERENCES account (id),
    outcome text,
    -- Why, to whoever appealed.
    reasons text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT appeal_against_one CHECK (num_nonnulls(action_id, report_id) = 1),
    CONSTRAINT appeal_state_known CHECK (state IN ('open', 'decided', 'withdrawn')),
    CONSTRAINT appeal_outcome_known CHECK (outcome IN ('upheld', 'overturned', 'modified')),
    CONSTRAINT appeal_decided CHECK (CASE state WHEN 'decided' THEN outcome IS NOT NULL AND closed_at IS NOT NULL
                                                WHEN 'withdrawn' THEN outcome IS NULL AND closed_at IS NOT NULL
                                                ELSE num_nonnulls(outcome, closed_at, reviewer_id) = 0 END),
    CONSTRAINT appeal_not_by_the_decider CHECK (reviewer_id <> decider_id),
    CONSTRAINT appeal_text_length CHECK (char_length(text) <= 4000),
    CONSTRAINT appeal_reasons_length CHECK (char_length(reasons) <= 2000),
    CONSTRAINT appeal_version_positive CHECK (version >= 1)
);

-- Once: what was decided about an appeal stands. One that was withdrawn may be made anew.
CREATE UNIQUE INDEX appeal_action_key ON appeal (action_id) WHERE state <> 'withdrawn';
CREATE UNIQUE INDEX appeal_report_key ON appeal (report_id) WHERE state <> 'withdrawn';
CREATE INDEX appeal_open_idx ON appeal (id) WHERE state = 'open';
CREATE INDEX appeal_case_idx ON appeal (case_id, id);
CREATE INDEX appeal_appellant_idx ON appeal (appellant_id, id DESC) WHERE appellant_id IS NOT NULL;
CREATE INDEX appeal_decider_idx ON appeal (decider_id) WHERE decider_id IS NOT NULL;
CREATE INDEX appeal_reviewer_idx ON appeal (reviewer_id) WHERE reviewer_id IS NOT NULL;

ALTER TABLE moderation_case
    DROP CONSTRAINT moderation_case_state_known,
    ADD CONSTRAINT moderation_case_state_known CHECK (state IN ('open', 'claimed', 'escalated', 'resolved', 'appealed')),
    DROP CONSTRAINT moderation_case_resolved,
    ADD CONSTRAINT moderation_case_resolved
        CHECK (num_nonnulls(resolution, resolved_at) = CASE WHEN state IN ('resolved', 'appealed') THEN 2 ELSE 0 END);

ALTER TABLE case_event
    ADD COLUMN action_id uuid CONSTRAINT case_event_action_fkey REFERENCES mod_action (id),
    ADD COLUMN appeal_id uuid CONSTRAINT case_event_appeal_fkey REFERENCES appeal (id),
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided')),
    DROP CONSTRAINT case_event_state_known,
    ADD CONSTRAINT case_event_state_known CHECK (to_state IN ('open', 'claimed', 'escalated', 'resolved', 'appealed')),
    ADD CONSTRAINT case_event_action CHECK ((kind = 'acted') = (action_id IS NOT NULL)),
    ADD CONSTRAINT case_event_appeal
        CHECK ((kind IN ('appealed', 'appeal_withdrawn', 'appeal_decided')) = (appeal_id IS NOT NULL));

ALTER TABLE session
    DROP CONSTRAINT session_end_reason_known,
    ADD CONSTRAINT session_end_reason_known CHECK (
        ended_because IN
            ('signed_out', 'refresh_token_reused', 'password_changed', 'password_reset', 'email_reverted',
             'factor_changed', 'banned')
    );

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided'
        )
    );

CREATE OR REPLACE FUNCTION similar_topics(wanted text)
RETURNS TABLE (id uuid, slug text, title text, similarity double precision)
LANGUAGE sql STABLE
SET pg_trgm.similarity_threshold = '0.3'
SET enable_bitmapscan = on
AS $$
    SELECT t.id, t.slug, t.title, round(similarity(t.likeness, wanted)::numeric, 2)::double precision
    FROM topic t
    WHERE t.status <> 'draft' AND t.status NOT IN ('hidden', 'removed') AND t.likeness % wanted
    ORDER BY similarity(t.likeness, wanted) DESC, t.id
    LIMIT 5
$$;
