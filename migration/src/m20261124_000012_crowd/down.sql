DROP TABLE crowd, favourite_tally, credence_tally, scenario_set_version;
ALTER TABLE credence_in_force DROP COLUMN saw_crowd;
ALTER TABLE credence DROP COLUMN saw_crowd;
ALTER TABLE topic DROP COLUMN comparable_since, DROP COLUMN crowd_shown_to_guests;
