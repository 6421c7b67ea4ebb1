DROP FUNCTION case_is_in_queue;
DROP FUNCTION topic_has_one_of;
DROP FUNCTION case_was_reported_by;
DROP TABLE case_queue;
