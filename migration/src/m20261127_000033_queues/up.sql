-- A choice of cases that has a name: a queue of the team, or a view that a moderator saved.
CREATE TABLE case_queue (
    id uuid CONSTRAINT case_queue_pkey PRIMARY KEY,
    name text NOT NULL,
    -- Whether every moderator has it, or only whoever made it.
    audience text NOT NULL,
    -- Who made it; nobody once their account was erased, which takes along what was their own.
    owner_id uuid CONSTRAINT case_queue_owner_fkey REFERENCES account (id),
    -- Which cases are in it: those that are as each of these says. What is empty or null says nothing.
    subject_kinds text[] NOT NULL,
    rules text[] NOT NULL,
    topic_id uuid CONSTRAINT case_queue_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    tags text[] NOT NULL,
    priority_min smallint NOT NULL,
    escalated boolean,
    -- By which rules of the site its cases are decided as a rule; it binds nobody.
    recommended_rules text[] NOT NULL,
    -- How soon its cases are to be decided; as everywhere on the site where it is null.
    sla_hours integer,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT case_queue_name_length CHECK (char_length(name) BETWEEN 3 AND 80),
    CONSTRAINT case_queue_audience_known CHECK (audience IN ('team', 'own')),
    CONSTRAINT case_queue_own_has_owner CHECK (audience = 'team' OR owner_id IS NOT NULL),
    CONSTRAINT case_queue_subject_kinds_known CHECK (subject_kinds <@ ARRAY['post', 'topic', 'account']),
    CONSTRAINT case_queue_lists_length
        CHECK (greatest(cardinality(rules), cardinality(tags), cardinality(recommended_rules)) <= 20
               AND cardinality(subject_kinds) <= 3),
    CONSTRAINT case_queue_priority_range CHECK (priority_min BETWEEN 0 AND 100),
    CONSTRAINT case_queue_sla_range CHECK (sla_hours BETWEEN 1 AND 8760),
    CONSTRAINT case_queue_version_positive CHECK (version >= 1)
);

CREATE UNIQUE INDEX case_queue_team_name_key ON case_queue (name) WHERE audience = 'team';
CREATE UNIQUE INDEX case_queue_own_name_key ON case_queue (owner_id, name) WHERE audience = 'own';
CREATE INDEX case_queue_owner_idx ON case_queue (owner_id, id DESC) WHERE owner_id IS NOT NULL;
CREATE INDEX case_queue_topic_idx ON case_queue (topic_id) WHERE topic_id IS NOT NULL;

-- What the next function asks of other tables stands by itself: without subqueries the planner can write that one out
-- where it is called.
CREATE FUNCTION case_was_reported_by(the_case uuid, codes text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM report r WHERE r.case_id = the_case AND r.rule_code = ANY (codes))
$$;

CREATE FUNCTION topic_has_one_of(topic uuid, wanted text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM topic_tag t WHERE t.topic_id = topic AND t.tag = ANY (wanted))
$$;

-- Whether a case is in a queue, whoever asks and wherever the case stands: the one place that says so.
CREATE FUNCTION case_is_in_queue(c moderation_case, q case_queue) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (cardinality(q.subject_kinds) = 0 OR c.subject_kind = ANY (q.subject_kinds))
       AND (q.topic_id IS NULL OR c.topic_id IS NOT DISTINCT FROM q.topic_id)
       AND c.priority >= q.priority_min
       AND (q.escalated IS NULL OR c.is_escalated = q.escalated)
       AND (cardinality(q.rules) = 0 OR case_was_reported_by(c.id, q.rules))
       AND (cardinality(q.tags) = 0 OR topic_has_one_of(c.topic_id, q.tags))
$$;
