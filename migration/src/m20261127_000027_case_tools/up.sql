ALTER TABLE moderation_case
    -- Until when it is left out of the queue; over when that has come, whether anybody has noticed or not.
    ADD COLUMN muted_until timestamptz,
    -- The case that decides this one as well.
    ADD COLUMN merged_into_id uuid
        CONSTRAINT moderation_case_merged_into_fkey REFERENCES moderation_case (id) ON DELETE SET NULL,
    ADD CONSTRAINT moderation_case_merged_into_another CHECK (merged_into_id <> id);

CREATE INDEX moderation_case_merged_into_idx ON moderation_case (merged_into_id) WHERE merged_into_id IS NOT NULL;
CREATE INDEX moderation_case_opened_idx ON moderation_case (opened_at) WHERE state NOT IN ('resolved', 'appealed');

-- What a case is merged into is a case that stands for itself.
CREATE FUNCTION moderation_case_merges_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM moderation_case WHERE id = NEW.merged_into_id AND merged_into_id IS NOT NULL)
       OR EXISTS (SELECT FROM moderation_case WHERE merged_into_id = NEW.id) THEN
        RAISE EXCEPTION 'cases are merged into one that is not merged itself'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_case_merges_once';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER moderation_case_merges_once BEFORE UPDATE OF merged_into_id ON moderation_case
    FOR EACH ROW WHEN (NEW.merged_into_id IS NOT NULL) EXECUTE FUNCTION moderation_case_merges_once();

ALTER TABLE case_event
    -- Until when the case is left out of the queue, where it was muted.
    ADD COLUMN muted_until timestamptz,
    -- The case that this one was merged into, or taken out of.
    ADD COLUMN related_case_id uuid
        CONSTRAINT case_event_related_case_fkey REFERENCES moderation_case (id) ON DELETE SET NULL,
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided', 'muted', 'unmuted', 'merged', 'unmerged')),
    ADD CONSTRAINT case_event_muted CHECK ((kind = 'muted') = (muted_until IS NOT NULL)),
    ADD CONSTRAINT case_event_related CHECK (related_case_id IS NULL OR kind IN ('merged', 'unmerged'));

CREATE INDEX case_event_related_case_idx ON case_event (related_case_id) WHERE related_case_id IS NOT NULL;

-- Only who wrote an event, and what, is ever taken out of it, when their account is erased.
DROP TRIGGER case_event_is_fixed ON case_event;
CREATE TRIGGER case_event_is_fixed BEFORE UPDATE ON case_event
    FOR EACH ROW WHEN ((OLD.case_id, OLD.seq, OLD.kind, OLD.from_state, OLD.to_state, OLD.resolution, OLD.muted_until,
                        OLD.created_at)
                       IS DISTINCT FROM
                       (NEW.case_id, NEW.seq, NEW.kind, NEW.from_state, NEW.to_state, NEW.resolution, NEW.muted_until,
                        NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

ALTER TABLE report
    -- Whether moderators had decided by then that reports of this person weigh nothing for a while.
    ADD COLUMN is_muted boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT report_muted_weighs_nothing CHECK (NOT is_muted OR weight = 0);

-- That what somebody reports is taken and weighs nothing until then.
CREATE TABLE report_mute (
    id uuid CONSTRAINT report_mute_pkey PRIMARY KEY,
    account_id uuid NOT NULL CONSTRAINT report_mute_account_fkey REFERENCES account (id),
    -- Who decided it; nobody once their account was erased.
    created_by uuid CONSTRAINT report_mute_created_by_fkey REFERENCES account (id),
    -- Why, to whom it concerns.
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    lifted_at timestamptz,
    CONSTRAINT report_mute_ends_later CHECK (ends_at > created_at),
    CONSTRAINT report_mute_lifted_later CHECK (lifted_at >= created_at),
    CONSTRAINT report_mute_reason_length CHECK (char_length(reason) <= 2000)
);

CREATE UNIQUE INDEX report_mute_one_key ON report_mute (account_id) WHERE lifted_at IS NULL;
CREATE INDEX report_mute_account_idx ON report_mute (account_id, id DESC);
CREATE INDEX report_mute_created_by_idx ON report_mute (created_by) WHERE created_by IS NOT NULL;
