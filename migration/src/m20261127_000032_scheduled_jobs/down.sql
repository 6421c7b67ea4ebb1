-- What waits would begin at once.
UPDATE mod_job_item SET state = 'skipped', code = 'cancelled', finished_at = now()
WHERE state = 'pending' AND job_id IN (SELECT id FROM mod_job WHERE starts_at > now() AND state IN ('queued', 'paused'));
UPDATE mod_job SET state = 'cancelled', finished_at = now() WHERE starts_at > now() AND state IN ('queued', 'paused');
ALTER TABLE mod_job DROP COLUMN starts_at;
