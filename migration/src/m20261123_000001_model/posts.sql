-- An argument in a topic's thread. Deleting one leaves its place in the tree: a tombstone.
CREATE TABLE post (
    id uuid CONSTRAINT post_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT post_topic_fkey REFERENCES topic (id),
    -- Null only where a tombstone came without its author (an imported one).
    author_id uuid CONSTRAINT post_author_fkey REFERENCES account (id),
    parent_id uuid,
    root_id uuid NOT NULL,
    depth integer NOT NULL,
    body text NOT NULL,
    body_html text NOT NULL,
    renderer_version integer NOT NULL,
    citation_status text NOT NULL,
    criterion text,
    status text NOT NULL,
    revision integer NOT NULL,
    created_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT post_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT post_parent_in_same_topic FOREIGN KEY (topic_id, parent_id) REFERENCES post (topic_id, id),
    CONSTRAINT post_root_in_same_topic FOREIGN KEY (topic_id, root_id) REFERENCES post (topic_id, id),
    CONSTRAINT post_root_has_no_parent
        CHECK ((parent_id IS NULL) = (depth = 0) AND (parent_id IS NULL) = (root_id = id)),
    CONSTRAINT post_depth_range CHECK (depth BETWEEN 0 AND 10000),
    CONSTRAINT post_revision_positive CHECK (revision >= 1),
    CONSTRAINT post_status_known CHECK (status IN ('visible', 'deleted', 'removed')),
    CONSTRAINT post_citation_status_known
        CHECK (citation_status IN ('cited', 'uncited', 'source_forgotten', 'not_applicable')),
    CONSTRAINT post_criterion_known CHECK (criterion IN (
        'clarity', 'cotenability', 'historical_consistency', 'theoretical_consistency', 'statistical_consistency',
        'projectability', 'second_order', 'proximity')),
    CONSTRAINT post_tombstone_is_empty CHECK (
        CASE status WHEN 'deleted' THEN body = '' AND body_html = '' AND deleted_at IS NOT NULL
                    ELSE body <> '' AND author_id IS NOT NULL END)
);

CREATE INDEX post_author_idx ON post (author_id, id DESC);

-- Every text a post has had, the present one included; numbered from 1 without a gap.
CREATE TABLE post_revision (
    post_id uuid NOT NULL CONSTRAINT post_revision_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    number integer NOT NULL,
    body text NOT NULL,
    body_html text NOT NULL,
    -- The relations as they stood, [{type, target: {kind, id}}]: a record to read, not rows to join.
    relations jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT post_revision_pkey PRIMARY KEY (post_id, number),
    CONSTRAINT post_revision_number_positive CHECK (number >= 1)
);

-- What a post does to something older in its topic. A row of its own, so that an undercut can attack it.
CREATE TABLE relation (
    id uuid CONSTRAINT relation_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    post_id uuid NOT NULL,
    position smallint NOT NULL,
    type text NOT NULL,
    target_kind text NOT NULL,
    target_topic_id uuid,
    target_post_id uuid,
    target_relation_id uuid,
    target_scenario_id uuid,
    target_chain_step_id uuid,
    target_background_fact_id uuid,
    target_variant_id uuid,
    p_if_true integer,
    p_if_false integer,
    created_at timestamptz NOT NULL,
    -- An edit takes a relation back without deleting the row: others may have attacked it.
    withdrawn_at timestamptz,
    CONSTRAINT relation_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT relation_post_fkey FOREIGN KEY (topic_id, post_id) REFERENCES post (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT relation_type_known CHECK (type IN ('support', 'rebut', 'undercut', 'question', 'evidence', 'concede')),
    CONSTRAINT relation_target_is_its_kind CHECK (
        num_nonnulls(target_topic_id, target_post_id, target_relation_id, target_scenario_id,
                     target_chain_step_id, target_background_fact_id, target_variant_id) = 1
        AND coalesce(CASE target_kind
            WHEN 'topic' THEN target_topic_id WHEN 'post' THEN target_post_id
            WHEN 'relation' THEN target_relation_id WHEN 'scenario' THEN target_scenario_id
            WHEN 'chain_step' THEN target_chain_step_id WHEN 'background_fact' THEN target_background_fact_id
            WHEN 'variant' THEN target_variant_id END) IS NOT NULL),
    CONSTRAINT relation_target_is_own_topic CHECK (target_topic_id = topic_id),
    CONSTRAINT relation_target_post_fkey FOREIGN KEY (topic_id, target_post_id) REFERENCES post (topic_id, id),
    CONSTRAINT relation_target_relation_fkey
        FOREIGN KEY (topic_id, target_relation_id) REFERENCES relation (topic_id, id),
    CONSTRAINT relation_target_scenario_fkey
        FOREIGN KEY (topic_id, target_scenario_id) REFERENCES scenario (topic_id, id),
    CONSTRAINT relation_target_chain_step_fkey
        FOREIGN KEY (topic_id, target_chain_step_id) REFERENCES chain_step (topic_id, id),
    CONSTRAINT relation_target_background_fact_fkey
        FOREIGN KEY (topic_id, target_background_fact_id) REFERENCES background_fact (topic_id, id),
    CONSTRAINT relation_target_variant_fkey
        FOREIGN KEY (topic_id, target_variant_id) REFERENCES antecedent_variant (topic_id, id),
    CONSTRAINT relation_undercut_attacks_relation CHECK (type <> 'undercut' OR target_kind = 'relation'),
    CONSTRAINT relation_is_undercut_or_questioned
        CHECK (target_kind <> 'relation' OR type IN ('undercut', 'question')),
    CONSTRAINT relation_likelihoods_on_evidence
        CHECK (type = 'evidence' OR num_nonnulls(p_if_true, p_if_false) = 0),
    CONSTRAINT relation_likelihoods_range CHECK (
        num_nonnulls(p_if_true, p_if_false) <> 1
        AND p_if_true BETWEEN 0 AND 10000 AND p_if_false BETWEEN 0 AND 10000
        AND NOT (p_if_true = 0 AND p_if_false = 0))
);

CREATE INDEX relation_post_idx ON relation (post_id, position);
CREATE INDEX relation_target_post_idx ON relation (target_post_id) WHERE target_post_id IS NOT NULL;
CREATE INDEX relation_target_relation_idx ON relation (target_relation_id) WHERE target_relation_id IS NOT NULL;
CREATE UNIQUE INDEX relation_once_key ON relation (
    post_id, type, target_kind,
    coalesce(target_topic_id, target_post_id, target_relation_id, target_scenario_id,
             target_chain_step_id, target_background_fact_id, target_variant_id)
) WHERE withdrawn_at IS NULL;

-- A target is older than the post that bears on it, so the graph of relations has no cycle.
CREATE FUNCTION relation_target_is_older() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM post AS made, post AS target
               WHERE made.id = NEW.post_id AND target.id = NEW.target_post_id
                 AND (target.created_at, target.id) >= (made.created_at, made.id))
       OR EXISTS (SELECT FROM post AS made, relation AS target
                  WHERE made.id = NEW.post_id AND target.id = NEW.target_relation_id
                    AND (target.post_id = made.id
                         OR (target.created_at, target.post_id) > (made.created_at, made.id)))
    THEN
        RAISE EXCEPTION 'the target of a relation is not older than the post that makes it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'relation_target_is_older';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER relation_target_is_older BEFORE INSERT ON relation
    FOR EACH ROW WHEN (NEW.target_kind IN ('post', 'relation')) EXECUTE FUNCTION relation_target_is_older();

-- Which scenarios a post makes likelier or less likely, in its author's view.
CREATE TABLE stance_effect (
    post_id uuid NOT NULL,
    topic_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    direction text NOT NULL,
    CONSTRAINT stance_effect_pkey PRIMARY KEY (post_id, scenario_id),
    CONSTRAINT stance_effect_post_fkey
        FOREIGN KEY (topic_id, post_id) REFERENCES post (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT stance_effect_scenario_fkey
        FOREIGN KEY (topic_id, scenario_id) REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT stance_effect_direction_known CHECK (direction IN ('raises', 'lowers'))
);

-- One row for a person and a post, both axes in it; 0 is an opinion taken back on that axis.
CREATE TABLE vote (
    post_id uuid NOT NULL CONSTRAINT vote_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT vote_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    quality smallint NOT NULL,
    agreement smallint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT vote_pkey PRIMARY KEY (post_id, account_id),
    CONSTRAINT vote_quality_range CHECK (quality BETWEEN -1 AND 1),
    CONSTRAINT vote_agreement_range CHECK (agreement BETWEEN -1 AND 1)
) WITH (fillfactor = 70);

CREATE INDEX vote_account_idx ON vote (account_id);

CREATE FUNCTION vote_not_on_own_post() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM post WHERE id = NEW.post_id AND author_id = NEW.account_id) THEN
        RAISE EXCEPTION 'nobody votes on their own post'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'vote_not_on_own_post';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER vote_not_on_own_post BEFORE INSERT ON vote
    FOR EACH ROW EXECUTE FUNCTION vote_not_on_own_post();

-- The counters of a post, apart from its text: only the primary key is indexed and every page keeps
-- room, so a vote is a heap-only update of a few dozen bytes.
CREATE TABLE post_tally (
    post_id uuid CONSTRAINT post_tally_pkey PRIMARY KEY
        CONSTRAINT post_tally_post_fkey REFERENCES post (id) ON DELETE CASCADE,
    quality_up integer NOT NULL,
    quality_down integer NOT NULL,
    agree integer NOT NULL,
    disagree integer NOT NULL,
    reply_count integer NOT NULL,
    descendant_count integer NOT NULL,
    CONSTRAINT post_tally_not_negative CHECK (
        least(quality_up, quality_down, agree, disagree, reply_count) >= 0 AND descendant_count >= reply_count)
) WITH (fillfactor = 50);

-- A relation in force, as readers see it.
CREATE VIEW relation_document AS
SELECT r.post_id, r.position,
       jsonb_build_object(
           'id', r.id, 'type', r.type,
           'target', jsonb_build_object('kind', r.target_kind, 'id', coalesce(
               r.target_topic_id, r.target_post_id, r.target_relation_id, r.target_scenario_id,
               r.target_chain_step_id, r.target_background_fact_id, r.target_variant_id)),
           'p_if_true', r.p_if_true, 'p_if_false', r.p_if_false) AS document
FROM relation r
WHERE r.withdrawn_at IS NULL;
