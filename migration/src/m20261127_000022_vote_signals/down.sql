-- The older schema counts every vote there is; places follow with the next vote on a post.
UPDATE post_tally t SET (quality_up, quality_down, agree, disagree) = (
    SELECT count(*) FILTER (WHERE quality = 1), count(*) FILTER (WHERE quality = -1),
           count(*) FILTER (WHERE agreement = 1), count(*) FILTER (WHERE agreement = -1)
    FROM vote v WHERE v.post_id = t.post_id)
WHERE EXISTS (SELECT FROM vote v WHERE v.post_id = t.post_id AND v.nullified > 0);
DROP TABLE vote_nullification_item, vote_nullification, vote_inspection, vote_signal_account, vote_signal;
DROP INDEX vote_quality_at_idx;
ALTER TABLE vote DROP COLUMN nullified, DROP COLUMN quality_at;
