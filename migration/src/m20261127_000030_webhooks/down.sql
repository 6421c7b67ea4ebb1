DROP TABLE webhook_delivery, webhook;
DROP INDEX event_of_moderation_idx;
ALTER TABLE event DROP COLUMN xid;
