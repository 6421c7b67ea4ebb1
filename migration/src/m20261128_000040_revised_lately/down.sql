DROP INDEX post_author_edited_idx;
