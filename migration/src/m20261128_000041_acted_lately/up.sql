-- When somebody last voted or changed a post is asked wherever they read.
DROP INDEX vote_account_idx;
CREATE INDEX vote_account_updated_idx ON vote (account_id, updated_at);
DROP INDEX post_author_edited_idx;
CREATE INDEX post_author_changed_idx ON post (author_id, (GREATEST(created_at, edited_at, deleted_at)));
