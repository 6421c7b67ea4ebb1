-- What somebody proposes to do to the set of scenarios of a topic, and what came of it.
CREATE TABLE scenario_proposal (
    id uuid CONSTRAINT scenario_proposal_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT scenario_proposal_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    proposer_id uuid NOT NULL CONSTRAINT scenario_proposal_proposer_fkey REFERENCES account (id),
    change jsonb NOT NULL,
    reason text NOT NULL,
    status text NOT NULL,
    decided_by uuid CONSTRAINT scenario_proposal_decided_by_fkey REFERENCES account (id),
    decided_at timestamptz,
    decision_reason text,
    -- The version of the set that it made.
    accepted_in_version integer,
    -- Counts the changes, from 1.
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT scenario_proposal_set_version_fkey FOREIGN KEY (topic_id, accepted_in_version)
        REFERENCES scenario_set_version (topic_id, version),
    CONSTRAINT scenario_proposal_accepted_in_version_key UNIQUE (topic_id, accepted_in_version),
    CONSTRAINT scenario_proposal_change_known CHECK (change ->> 'kind' IN ('add', 'retire', 'merge', 'split')),
    CONSTRAINT scenario_proposal_reason_length CHECK (char_length(reason) BETWEEN 10 AND 1000),
    CONSTRAINT scenario_proposal_decision_reason_length CHECK (char_length(decision_reason) BETWEEN 10 AND 1000),
    CONSTRAINT scenario_proposal_status_known CHECK (status IN ('open', 'accepted', 'rejected', 'withdrawn')),
    CONSTRAINT scenario_proposal_decided_by_somebody
        CHECK (num_nonnulls(decided_by, decided_at, decision_reason)
               = CASE WHEN status IN ('accepted', 'rejected') THEN 3 ELSE 0 END),
    CONSTRAINT scenario_proposal_accepted_makes_version
        CHECK ((status = 'accepted') = (accepted_in_version IS NOT NULL)),
    CONSTRAINT scenario_proposal_version_positive CHECK (version >= 1)
);

CREATE INDEX scenario_proposal_topic_idx ON scenario_proposal (topic_id, id);
CREATE INDEX scenario_proposal_status_idx ON scenario_proposal (topic_id, status, id);
CREATE INDEX scenario_proposal_proposer_idx ON scenario_proposal (proposer_id);
CREATE INDEX scenario_proposal_decided_by_idx ON scenario_proposal (decided_by) WHERE decided_by IS NOT NULL;

-- What was proposed is what is decided, and what was decided stays.
CREATE TRIGGER scenario_proposal_is_fixed BEFORE UPDATE ON scenario_proposal
    FOR EACH ROW WHEN (
        OLD.status <> 'open'
        OR (OLD.id, OLD.topic_id, OLD.proposer_id, OLD.change, OLD.reason, OLD.created_at)
           IS DISTINCT FROM (NEW.id, NEW.topic_id, NEW.proposer_id, NEW.change, NEW.reason, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();

-- Finding topics that resemble one another by the trigrams they share.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The event and the antecedent in one text, by which topics that ask about the same are found.
ALTER TABLE topic ADD COLUMN likeness text;
CREATE INDEX topic_likeness_idx ON topic USING gin (likeness gin_trgm_ops) WHERE status <> 'draft';

-- Only this comparison needs an index that is read as a bitmap, which is off elsewhere. Of pairs of questions about
-- five events, rewordings of one question have a similarity of .36 to .81, other questions about the same event of
-- .24 to .51, and questions about other events of .21 at most: from .3 on all rewordings are found, some neighbours,
-- and nothing that has nothing to do with it.
CREATE FUNCTION similar_topics(wanted text)
RETURNS TABLE (id uuid, slug text, title text, similarity double precision)
LANGUAGE sql STABLE
SET pg_trgm.similarity_threshold = '0.3'
SET enable_bitmapscan = on
AS $$
    SELECT t.id, t.slug, t.title, round(similarity(t.likeness, wanted)::numeric, 2)::double precision
    FROM topic t
    WHERE t.status <> 'draft' AND t.likeness % wanted
    ORDER BY similarity(t.likeness, wanted) DESC, t.id
    LIMIT 5
$$;

-- Last: a table that has checks to come is not altered.
UPDATE topic t
SET likeness = nullif(regexp_replace(normalize(concat_ws(' ', e.title, t.antecedent_statement), NFKD),
                                     U&'[\0300-\036F]', '', 'g'), '')
FROM topic this LEFT JOIN historical_event e ON e.id = this.event_id
WHERE this.id = t.id;
