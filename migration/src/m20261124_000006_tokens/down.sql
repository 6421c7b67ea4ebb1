DROP TABLE personal_access_token;
ALTER TABLE session DROP COLUMN authenticated_at;
