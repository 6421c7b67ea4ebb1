DROP FUNCTION similar_topics;
ALTER TABLE topic DROP COLUMN likeness;
DROP TABLE scenario_proposal;
DROP EXTENSION IF EXISTS pg_trgm;
