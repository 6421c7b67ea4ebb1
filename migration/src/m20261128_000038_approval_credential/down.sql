ALTER TABLE mod_job DROP COLUMN approval_credential_id;
