-- The rules of the site, each version as it was: what is decided points at a version.
CREATE TABLE policy_rule (
    code text NOT NULL,
    version integer NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    -- How much breaking it weighs: 1 little, 4 most.
    severity smallint NOT NULL,
    effective_from timestamptz NOT NULL,
    CONSTRAINT policy_rule_pkey PRIMARY KEY (code, version),
    CONSTRAINT policy_rule_code_shape CHECK (code ~ '^[a-z0-9]+(_[a-z0-9]+)*$' AND char_length(code) <= 40),
    CONSTRAINT policy_rule_version_positive CHECK (version >= 1),
    CONSTRAINT policy_rule_title_length CHECK (char_length(title) BETWEEN 3 AND 80),
    CONSTRAINT policy_rule_body_length CHECK (char_length(body) BETWEEN 10 AND 2000),
    CONSTRAINT policy_rule_severity_range CHECK (severity BETWEEN 1 AND 4)
);

CREATE TRIGGER policy_rule_is_fixed BEFORE UPDATE ON policy_rule
    FOR EACH ROW EXECUTE FUNCTION row_is_fixed();

INSERT INTO policy_rule (code, version, title, body, severity, effective_from) VALUES
    ('off_topic', 1, 'Beside the question', 'What has no bearing on the question under debate belongs elsewhere.', 1,
     '2026-01-01T00:00:00Z'),
    ('false_citation', 1, 'False citation', 'A quotation that its source does not have, or a source that does not exist, misleads everybody who builds on it.', 2,
     '2026-01-01T00:00:00Z'),
    ('spam', 1, 'Spam', 'Advertising, and the same thing again and again.', 2, '2026-01-01T00:00:00Z'),
    ('harassment', 1, 'Harassment', 'Attacks on a person in place of their argument, threats, and following somebody around.', 3,
     '2026-01-01T00:00:00Z'),
    ('personal_data', 1, 'Personal data', 'What says who or where somebody is who has not said so here themselves.', 3,
     '2026-01-01T00:00:00Z'),
    ('hatred', 1, 'Hatred', 'Contempt for people on account of what they are, also in the clothes of history.', 4,
     '2026-01-01T00:00:00Z'),
    ('illegal', 1, 'Against the law', 'What the law forbids to publish. Say which law in the comment.', 4, '2026-01-01T00:00:00Z');

-- What moderators have to decide: one case a subject, however many reports it has. A case that was resolved is opened
-- again by a report of another version of the subject, or by another rule.
CREATE TABLE moderation_case (
    id uuid CONSTRAINT moderation_case_pkey PRIMARY KEY,
    subject_kind text NOT NULL,
    subject_post_id uuid CONSTRAINT moderation_case_post_fkey REFERENCES post (id),
    subject_topic_id uuid CONSTRAINT moderation_case_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    subject_account_id uuid CONSTRAINT moderation_case_account_fkey REFERENCES account (id),
    -- The topic that the subject is in, or is: within it, moderators of a part of the site are in charge.
    topic_id uuid CONSTRAINT moderation_case_in_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    -- Whose subject it is.
    owner_id uuid NOT NULL CONSTRAINT moderation_case_owner_fkey REFERENCES account (id),
    state text NOT NULL,
    -- Whether it takes more than a moderator to decide it.
    is_escalated boolean NOT NULL,
    assignee_id uuid CONSTRAINT moderation_case_assignee_fkey REFERENCES account (id),
    claim_expires_at timestamptz,
    resolution text,
    resolved_at timestamptz,
    -- Of the reports that are open: how many, of how many people, and what they weigh together, in hundredths.
    report_count integer NOT NULL,
    reporter_count integer NOT NULL,
    score integer NOT NULL,
    -- 0 to 100, by the score.
    priority smallint NOT NULL,
    version integer NOT NULL,
    opened_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT moderation_case_subject_known CHECK (subject_kind IN ('post', 'topic', 'account')),
    CONSTRAINT moderation_case_one_subject CHECK (num_nonnulls(subject_post_id, subject_topic_id, subject_account_id) = 1
        AND (subject_kind = 'post') = (subject_post_id IS NOT NULL)
        AND (subject_kind = 'topic') = (subject_topic_id IS NOT NULL)
        AND (subject_kind = 'account') = (subject_account_id IS NOT NULL)),
    CONSTRAINT moderation_case_place CHECK ((subject_kind = 'account') = (topic_id IS NULL)),
    CONSTRAINT moderation_case_post_key UNIQUE (subject_post_id),
    CONSTRAINT moderation_case_topic_key UNIQUE (subject_topic_id),
    CONSTRAINT moderation_case_account_key UNIQUE (subject_account_id),
    CONSTRAINT moderation_case_state_known CHECK (state IN ('open', 'claimed', 'escalated', 'resolved')),
    CONSTRAINT moderation_case_claimed_by_somebody
        CHECK (num_nonnulls(assignee_id, claim_expires_at) = CASE state WHEN 'claimed' THEN 2 ELSE 0 END),
    CONSTRAINT moderation_case_escalated CHECK (CASE state WHEN 'open' THEN NOT is_escalated
                                                           WHEN 'escalated' THEN is_escalated ELSE true END),
    CONSTRAINT moderation_case_resolution_known
        CHECK (resolution IN ('upheld', 'rejected', 'ignored', 'duplicate', 'moot')),
    CONSTRAINT moderation_case_resolved
        CHECK (num_nonnulls(resolution, resolved_at) = CASE state WHEN 'resolved' THEN 2 ELSE 0 END),
    CONSTRAINT moderation_case_counts_not_negative CHECK (least(report_count, reporter_count, score) >= 0),
    CONSTRAINT moderation_case_priority_range CHECK (priority BETWEEN 0 AND 100),
    CONSTRAINT moderation_case_version_positive CHECK (version >= 1)
) WITH (fillfactor = 80);

-- The queue: what nobody has claimed, and what somebody may have claimed too long ago.
CREATE INDEX moderation_case_open_idx ON moderation_case (priority DESC, id) WHERE state = 'open';
CREATE INDEX moderation_case_escalated_idx ON moderation_case (priority DESC, id) WHERE state = 'escalated';
CREATE INDEX moderation_case_claimed_idx ON moderation_case (claim_expires_at) WHERE state = 'claimed';
CREATE INDEX moderation_case_list_idx ON moderation_case (priority DESC, id);
CREATE INDEX moderation_case_in_topic_idx ON moderation_case (topic_id, priority DESC, id) WHERE topic_id IS NOT NULL;
CREATE INDEX moderation_case_owner_idx ON moderation_case (owner_id);
CREATE INDEX moderation_case_assignee_idx ON moderation_case (assignee_id) WHERE assignee_id IS NOT NULL;

-- That somebody holds a subject to break a rule.
CREATE TABLE report (
    id uuid CONSTRAINT report_pkey PRIMARY KEY,
    case_id uuid NOT NULL CONSTRAINT report_case_fkey REFERENCES moderation_case (id) ON DELETE CASCADE,
    -- Nobody once their account was erased.
    reporter_id uuid CONSTRAINT report_reporter_fkey REFERENCES account (id),
    rule_code text NOT NULL,
    rule_version integer NOT NULL,
    -- Of the subject, as it was reported.
    subject_revision integer NOT NULL,
    comment text NOT NULL,
    -- What it weighs, in hundredths, by the reporter's record as it was.
    weight integer NOT NULL,
    -- What came of it; none while it is open.
    outcome text,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT report_rule_fkey FOREIGN KEY (rule_code, rule_version) REFERENCES policy_rule (code, version),
    CONSTRAINT report_revision_positive CHECK (subject_revision >= 1),
    CONSTRAINT report_comment_length CHECK (char_length(comment) <= 2000),
    CONSTRAINT report_weight_not_negative CHECK (weight >= 0),
    CONSTRAINT report_outcome_known
        CHECK (outcome IN ('upheld', 'rejected', 'ignored', 'duplicate', 'already_reviewed', 'moot')),
    CONSTRAINT report_closed CHECK ((outcome IS NULL) = (closed_at IS NULL))
);

CREATE UNIQUE INDEX report_open_key ON report (case_id, reporter_id, rule_code) WHERE outcome IS NULL;
CREATE INDEX report_case_idx ON report (case_id, weight DESC, id);
CREATE INDEX report_reporter_idx ON report (reporter_id, id) WHERE reporter_id IS NOT NULL;

-- What happened to a case, in order: its state is what these come to.
CREATE TABLE case_event (
    case_id uuid NOT NULL CONSTRAINT case_event_case_fkey REFERENCES moderation_case (id) ON DELETE CASCADE,
    seq integer NOT NULL,
    kind text NOT NULL,
    -- Who did it; nobody where the server did.
    actor_id uuid CONSTRAINT case_event_actor_fkey REFERENCES account (id),
    from_state text,
    to_state text NOT NULL,
    -- What came of the case, where it was resolved.
    resolution text,
    note text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT case_event_pkey PRIMARY KEY (case_id, seq),
    CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved')),
    CONSTRAINT case_event_state_known CHECK (to_state IN ('open', 'claimed', 'escalated', 'resolved')),
    CONSTRAINT case_event_first_opens CHECK ((seq = 1) = (from_state IS NULL) AND (seq = 1) = (kind = 'opened')),
    CONSTRAINT case_event_resolution CHECK ((kind = 'resolved') = (resolution IS NOT NULL)),
    CONSTRAINT case_event_note_length CHECK (char_length(note) <= 2000)
);

CREATE INDEX case_event_actor_idx ON case_event (actor_id) WHERE actor_id IS NOT NULL;

CREATE FUNCTION case_event_continues() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq > 1 AND NOT EXISTS (SELECT FROM case_event WHERE case_id = NEW.case_id AND seq = NEW.seq - 1
                                   AND to_state = NEW.from_state) THEN
        RAISE EXCEPTION 'what happens to a case continues what happened before'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_event_continues';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER case_event_continues BEFORE INSERT ON case_event
    FOR EACH ROW EXECUTE FUNCTION case_event_continues();

-- Only who wrote an event, and what, is ever taken out of it, when their account is erased.
CREATE TRIGGER case_event_is_fixed BEFORE UPDATE ON case_event
    FOR EACH ROW WHEN ((OLD.case_id, OLD.seq, OLD.kind, OLD.from_state, OLD.to_state, OLD.resolution, OLD.created_at)
                       IS DISTINCT FROM
                       (NEW.case_id, NEW.seq, NEW.kind, NEW.from_state, NEW.to_state, NEW.resolution, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

CREATE FUNCTION moderation_case_is_its_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM moderation_case c WHERE c.id = NEW.id AND c.state IS DISTINCT FROM
               (SELECT e.to_state FROM case_event e WHERE e.case_id = c.id ORDER BY e.seq DESC LIMIT 1)) THEN
        RAISE EXCEPTION 'the state of a case is what its events come to'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_case_is_its_events';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER moderation_case_is_its_events AFTER INSERT OR UPDATE OF state ON moderation_case
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION moderation_case_is_its_events();

-- What is escalated takes a permission of its own.
ALTER TABLE role_grant
    DROP CONSTRAINT role_grant_permissions_known,
    ADD CONSTRAINT role_grant_permissions_known CHECK (permissions <@ ARRAY[
        'topic.edit', 'report.read', 'content.hide', 'user.suspend', 'vote.inspect', 'pii.read', 'job.bulk', 'rule.edit',
        'purge', 'role.grant', 'escalation.decide']);
