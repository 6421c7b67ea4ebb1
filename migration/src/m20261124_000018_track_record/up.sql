-- Whether everybody sees what somebody believes and what moved them: private until they say otherwise.
ALTER TABLE account ADD COLUMN shows_track_record boolean NOT NULL DEFAULT false;
