-- Unknown of what was agreed to before.
ALTER TABLE mod_job ADD COLUMN approval_credential_id uuid;
