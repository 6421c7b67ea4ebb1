-- Moderators put posts where they belong, say what a relation really is, mark duplicates and close topics with a summary.
ALTER TABLE post
    -- The older post that says the same: replies and votes go there.
    ADD COLUMN duplicate_of uuid,
    ADD CONSTRAINT post_duplicate_in_same_topic FOREIGN KEY (topic_id, duplicate_of) REFERENCES post (topic_id, id),
    ADD CONSTRAINT post_is_no_duplicate_of_itself CHECK (duplicate_of <> id);
CREATE INDEX post_duplicate_idx ON post (duplicate_of) WHERE duplicate_of IS NOT NULL;

ALTER TABLE topic
    ADD COLUMN closing_summary text,
    ADD CONSTRAINT topic_closing_summary_length CHECK (char_length(closing_summary) BETWEEN 10 AND 4000),
    ADD CONSTRAINT topic_summed_up_is_closed
        CHECK (closing_summary IS NULL OR status IN ('archived', 'hidden', 'removed'));

-- Whose hand it is in, its author's or a moderator's.
ALTER TABLE relation ADD COLUMN by_moderator boolean NOT NULL DEFAULT false;
ALTER TABLE post_revision ADD COLUMN by_moderator boolean NOT NULL DEFAULT false;

CREATE OR REPLACE VIEW relation_document AS
SELECT r.post_id, r.position,
       jsonb_build_object(
           'id', r.id, 'type', r.type,
           'target', jsonb_build_object('kind', r.target_kind, 'id', coalesce(
               r.target_topic_id, r.target_post_id, r.target_relation_id, r.target_scenario_id,
               r.target_chain_step_id, r.target_background_fact_id, r.target_variant_id)),
           'p_if_true', r.p_if_true, 'p_if_false', r.p_if_false,
           'claimed_test_kind', r.claimed_test_kind, 'by_moderator', r.by_moderator) AS document
FROM relation r
WHERE r.withdrawn_at IS NULL;

-- A moderator moves a post with all that is below it. Wherever it goes, it is one level below an older post and under the
-- same root, in the same place in the lists, and so is each reply to it. Every parent being older, no post is above itself.
-- Checked when all is done: the posts of a branch move one by one.
CREATE FUNCTION post_is_in_its_place() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is post;
BEGIN
    SELECT * INTO now_is FROM post WHERE id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF now_is.parent_id IS NOT NULL THEN
        PERFORM FROM post AS parent
          WHERE parent.id = now_is.parent_id AND parent.depth = now_is.depth - 1 AND parent.root_id = now_is.root_id
            AND (parent.created_at, parent.id) < (now_is.created_at, now_is.id);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a reply is one level below an older post and under the same root'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'post_is_in_its_place';
        END IF;
    END IF;
    PERFORM FROM post_rank r
      WHERE r.post_id = now_is.id AND r.until IS NULL AND r.branch_id = coalesce(now_is.parent_id, now_is.topic_id);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a post is listed where it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'post_is_in_its_place';
    END IF;
    PERFORM FROM post_rank r JOIN post AS reply ON reply.id = r.post_id
      WHERE r.branch_id = now_is.id AND r.until IS NULL
        AND (reply.depth, reply.root_id) IS DISTINCT FROM (now_is.depth + 1, now_is.root_id);
    IF FOUND THEN
        RAISE EXCEPTION 'the replies to a post go where it goes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'post_is_in_its_place';
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER post_keeps_its_place ON post;
CREATE TRIGGER post_keeps_its_place BEFORE UPDATE ON post
    FOR EACH ROW WHEN ((OLD.id, OLD.topic_id, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.topic_id, NEW.created_at))
    EXECUTE FUNCTION post_is_in_place();
CREATE CONSTRAINT TRIGGER post_is_in_its_place AFTER UPDATE ON post
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.parent_id, OLD.root_id, OLD.depth) IS DISTINCT FROM (NEW.parent_id, NEW.root_id, NEW.depth))
    EXECUTE FUNCTION post_is_in_its_place();

-- What a post says of others is not changed under those who bear on that, unless by a moderator, or back from what one made
-- of it. It keeps its name and its post, so whoever undercuts it still does.
DROP TRIGGER relation_is_fixed ON relation;
CREATE TRIGGER relation_is_fixed BEFORE UPDATE ON relation
    FOR EACH ROW WHEN (
        (OLD.id, OLD.topic_id, OLD.post_id, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.topic_id, NEW.post_id, NEW.created_at)
        OR (NOT OLD.by_moderator AND NOT NEW.by_moderator AND
            (OLD.type, OLD.target_kind, OLD.target_topic_id, OLD.target_post_id,
             OLD.target_relation_id, OLD.target_scenario_id, OLD.target_chain_step_id, OLD.target_background_fact_id,
             OLD.target_variant_id, OLD.p_if_true, OLD.p_if_false, OLD.claimed_test_kind)
            IS DISTINCT FROM
            (NEW.type, NEW.target_kind, NEW.target_topic_id, NEW.target_post_id,
             NEW.target_relation_id, NEW.target_scenario_id, NEW.target_chain_step_id, NEW.target_background_fact_id,
             NEW.target_variant_id, NEW.p_if_true, NEW.p_if_false, NEW.claimed_test_kind)))
    EXECUTE FUNCTION row_is_fixed();
CREATE TRIGGER relation_new_target_is_older BEFORE UPDATE ON relation
    FOR EACH ROW WHEN (NEW.target_kind IN ('post', 'relation')
        AND (OLD.target_post_id, OLD.target_relation_id) IS DISTINCT FROM (NEW.target_post_id, NEW.target_relation_id))
    EXECUTE FUNCTION relation_target_is_older();

ALTER TABLE mod_action
    DROP CONSTRAINT mod_action_kind_known,
    ADD CONSTRAINT mod_action_kind_known CHECK (kind IN ('hide', 'remove', 'lock', 'freeze_votes', 'slow_mode', 'move', 'relabel',
        'merge', 'close', 'warn', 'silence', 'restrict', 'vote_ban', 'suspend', 'ban', 'revert'));
