DROP TABLE report_mute;
ALTER TABLE report DROP COLUMN is_muted;

-- What moved no case is forgotten: each of the others goes on from the state before it.
DELETE FROM case_event WHERE kind IN ('muted', 'unmuted', 'merged', 'unmerged');
DROP TRIGGER case_event_is_fixed ON case_event;
ALTER TABLE case_event
    DROP COLUMN muted_until,
    DROP COLUMN related_case_id,
    DROP CONSTRAINT case_event_kind_known,
    ADD CONSTRAINT case_event_kind_known CHECK (kind IN
        ('opened', 'reported', 'reopened', 'claimed', 'lapsed', 'released', 'escalated', 'resolved', 'acted', 'appealed',
         'appeal_withdrawn', 'appeal_decided'));
CREATE TRIGGER case_event_is_fixed BEFORE UPDATE ON case_event
    FOR EACH ROW WHEN ((OLD.case_id, OLD.seq, OLD.kind, OLD.from_state, OLD.to_state, OLD.resolution, OLD.created_at)
                       IS DISTINCT FROM
                       (NEW.case_id, NEW.seq, NEW.kind, NEW.from_state, NEW.to_state, NEW.resolution, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

DROP INDEX moderation_case_opened_idx;
DROP TRIGGER moderation_case_merges_once ON moderation_case;
DROP FUNCTION moderation_case_merges_once;
ALTER TABLE moderation_case
    DROP COLUMN muted_until,
    DROP COLUMN merged_into_id;
