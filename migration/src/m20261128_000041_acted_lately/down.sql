DROP INDEX post_author_changed_idx;
CREATE INDEX post_author_edited_idx ON post (author_id, edited_at DESC) WHERE edited_at IS NOT NULL;
DROP INDEX vote_account_updated_idx;
CREATE INDEX vote_account_idx ON vote (account_id);
