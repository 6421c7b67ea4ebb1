-- Whether somebody revised a post lately is asked wherever they read a thread.
CREATE INDEX post_author_edited_idx ON post (author_id, edited_at DESC) WHERE edited_at IS NOT NULL;
