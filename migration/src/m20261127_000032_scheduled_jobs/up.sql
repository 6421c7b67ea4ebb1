-- A job may wait for a moment before which it does not begin.
ALTER TABLE mod_job ADD COLUMN starts_at timestamptz;
