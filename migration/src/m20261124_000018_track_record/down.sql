ALTER TABLE account DROP COLUMN shows_track_record;
