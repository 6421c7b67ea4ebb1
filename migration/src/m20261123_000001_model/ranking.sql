-- The places of posts and topics in every order a list can be read in.
--
-- A walk through a list takes many requests, and votes move posts meanwhile. So a place is a version:
-- a change closes the row in force (`until`) and adds another, each stamped with its transaction. The
-- first page reads the rows in force and its cursor keeps the snapshot it was read in; later pages read
-- the places as that snapshot had them. Closed rows are dropped once no cursor can ask for them.
--
-- Keys are such that ascending order puts first what a reader should see first.
CREATE TABLE post_rank (
    post_id uuid NOT NULL CONSTRAINT post_rank_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    -- Whose children are ordered: the parent post, or the topic for the roots.
    branch_id uuid NOT NULL,
    best double precision NOT NULL,
    top double precision NOT NULL,
    hot double precision NOT NULL,
    controversial double precision NOT NULL,
    -- Microseconds since 1970, exact in a double until the year 2255.
    created double precision NOT NULL,
    since xid8 NOT NULL DEFAULT pg_current_xact_id(),
    until xid8,
    closed_at timestamptz,
    CONSTRAINT post_rank_closed_when CHECK ((until IS NULL) = (closed_at IS NULL))
);

CREATE UNIQUE INDEX post_rank_in_force_key ON post_rank (post_id) WHERE until IS NULL;
CREATE INDEX post_rank_best_idx ON post_rank (branch_id, best, post_id) WHERE until IS NULL;
CREATE INDEX post_rank_top_idx ON post_rank (branch_id, top, post_id) WHERE until IS NULL;
CREATE INDEX post_rank_hot_idx ON post_rank (branch_id, hot, post_id) WHERE until IS NULL;
CREATE INDEX post_rank_controversial_idx ON post_rank (branch_id, controversial, post_id) WHERE until IS NULL;
CREATE INDEX post_rank_created_idx ON post_rank (branch_id, created, post_id) WHERE until IS NULL;
-- A later page asks for what was closed since its walk began, not for all that was closed in hours of votes.
CREATE INDEX post_rank_closed_idx ON post_rank (branch_id, until) WHERE until IS NOT NULL;
CREATE INDEX post_rank_closed_at_idx ON post_rank (closed_at) WHERE until IS NOT NULL;

CREATE TABLE topic_rank (
    topic_id uuid NOT NULL CONSTRAINT topic_rank_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    active double precision NOT NULL,
    top double precision NOT NULL,
    created double precision NOT NULL,
    since xid8 NOT NULL DEFAULT pg_current_xact_id(),
    until xid8,
    closed_at timestamptz,
    CONSTRAINT topic_rank_closed_when CHECK ((until IS NULL) = (closed_at IS NULL))
);

CREATE UNIQUE INDEX topic_rank_in_force_key ON topic_rank (topic_id) WHERE until IS NULL;
CREATE INDEX topic_rank_active_idx ON topic_rank (active, topic_id) WHERE until IS NULL;
CREATE INDEX topic_rank_top_idx ON topic_rank (top, topic_id) WHERE until IS NULL;
CREATE INDEX topic_rank_created_idx ON topic_rank (created, topic_id) WHERE until IS NULL;
CREATE INDEX topic_rank_closed_idx ON topic_rank (until) WHERE until IS NOT NULL;
CREATE INDEX topic_rank_closed_at_idx ON topic_rank (closed_at) WHERE until IS NOT NULL;
