-- What a moderator notes of an account or a case, for other moderators or for whom it concerns.
CREATE TABLE mod_note (
    id uuid CONSTRAINT mod_note_pkey PRIMARY KEY,
    case_id uuid CONSTRAINT mod_note_case_fkey REFERENCES moderation_case (id) ON DELETE CASCADE,
    account_id uuid CONSTRAINT mod_note_account_fkey REFERENCES account (id),
    -- Who may read it: moderators only, or also those who reported the subject of the case, or whose it is.
    audience text NOT NULL,
    text text NOT NULL,
    author_id uuid NOT NULL CONSTRAINT mod_note_author_fkey REFERENCES account (id),
    created_at timestamptz NOT NULL,
    CONSTRAINT mod_note_about_one CHECK (num_nonnulls(case_id, account_id) = 1),
    CONSTRAINT mod_note_audience_known CHECK (audience IN ('moderators', 'reporter', 'author')),
    CONSTRAINT mod_note_audience_fits CHECK (account_id IS NULL OR audience <> 'reporter'),
    CONSTRAINT mod_note_text_length CHECK (char_length(text) BETWEEN 1 AND 2000)
);

CREATE INDEX mod_note_case_idx ON mod_note (case_id, id DESC) WHERE case_id IS NOT NULL;
CREATE INDEX mod_note_account_idx ON mod_note (account_id, id DESC) WHERE account_id IS NOT NULL;
CREATE INDEX mod_note_author_idx ON mod_note (author_id);

CREATE TRIGGER mod_note_is_fixed BEFORE UPDATE ON mod_note
    FOR EACH ROW EXECUTE FUNCTION row_is_fixed();

-- What moderators and somebody whom a case concerns write to each other: whoever the subject belongs to, or reported it.
CREATE TABLE case_message (
    id uuid CONSTRAINT case_message_pkey PRIMARY KEY,
    case_id uuid NOT NULL CONSTRAINT case_message_case_fkey REFERENCES moderation_case (id) ON DELETE CASCADE,
    -- With whom the moderators talk.
    account_id uuid NOT NULL CONSTRAINT case_message_account_fkey REFERENCES account (id),
    is_from_team boolean NOT NULL,
    -- Which of the moderators; nobody once their account was erased.
    sender_id uuid CONSTRAINT case_message_sender_fkey REFERENCES account (id),
    text text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT case_message_sender CHECK (is_from_team OR sender_id IS NULL),
    CONSTRAINT case_message_text_length CHECK (char_length(text) BETWEEN 1 AND 4000)
);

CREATE INDEX case_message_case_idx ON case_message (case_id, id DESC);
CREATE INDEX case_message_account_idx ON case_message (account_id, id DESC);
CREATE INDEX case_message_sender_idx ON case_message (sender_id) WHERE sender_id IS NOT NULL;

-- Only which moderator wrote it is ever taken out of it, when their account is erased.
CREATE TRIGGER case_message_is_fixed BEFORE UPDATE ON case_message
    FOR EACH ROW WHEN ((OLD.id, OLD.case_id, OLD.account_id, OLD.is_from_team, OLD.text, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.case_id, NEW.account_id, NEW.is_from_team, NEW.text, NEW.created_at)
                       OR NEW.sender_id IS NOT NULL)
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE case_event
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided', 'muted', 'unmuted', 'merged', 'unmerged', 'messaged', 'answered'));

ALTER TABLE mail
    DROP CONSTRAINT mail_kind_known,
    ADD CONSTRAINT mail_kind_known CHECK (
        kind IN (
            'email_verification', 'password_reset', 'password_changed', 'email_change',
            'email_change_requested', 'email_changed', 'email_reverted', 'refresh_token_reused',
            'factor_added', 'factor_removed', 'recovery_code_used', 'recovery_codes_replaced',
            'export_ready', 'erasure_requested', 'erasure_cancelled', 'passkey_added', 'passkey_removed',
            'identity_linked', 'identity_unlinked', 'decision_made', 'appeal_decided', 'message_received'
        )
    );

-- Texts that moderators use again and again, for explanations and messages.
CREATE TABLE template (
    id uuid CONSTRAINT template_pkey PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    language text NOT NULL,
    -- The rule of the site that it goes with, in whichever version, if with one.
    rule_code text,
    text text NOT NULL,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT template_name_key UNIQUE (name, language),
    CONSTRAINT template_kind_known CHECK (kind IN ('explanation', 'message')),
    CONSTRAINT template_name_length CHECK (char_length(name) BETWEEN 3 AND 80),
    CONSTRAINT template_language_shape CHECK (language ~ '^[a-z]{2,3}(-[A-Z]{2})?$'),
    CONSTRAINT template_rule_shape CHECK (rule_code ~ '^[a-z0-9]+(_[a-z0-9]+)*$' AND char_length(rule_code) <= 40),
    CONSTRAINT template_text_length CHECK (char_length(text) BETWEEN 3 AND 2000),
    CONSTRAINT template_version_positive CHECK (version >= 1)
);

CREATE INDEX template_rule_idx ON template (rule_code) WHERE rule_code IS NOT NULL;
