ALTER TABLE post_tally DROP COLUMN people_moved, DROP COLUMN median_moved;
DROP TABLE mind_change;
DROP FUNCTION mind_change_is_one;
