-- Lengths in code points, as the service checks them.
ALTER TABLE historical_event
    ADD CONSTRAINT historical_event_title_length CHECK (char_length(title) BETWEEN 1 AND 200),
    ADD CONSTRAINT historical_event_place_length CHECK (char_length(place) BETWEEN 1 AND 200),
    ADD CONSTRAINT historical_event_summary_length CHECK (char_length(summary) BETWEEN 1 AND 2000);
ALTER TABLE topic
    ADD CONSTRAINT topic_title_length CHECK (char_length(title) BETWEEN 10 AND 140),
    ADD CONSTRAINT topic_question_text_length CHECK (char_length(question_text) BETWEEN 20 AND 500),
    ADD CONSTRAINT topic_actual_outcome_length CHECK (char_length(actual_outcome) BETWEEN 1 AND 2000),
    ADD CONSTRAINT topic_antecedent_statement_length CHECK (char_length(antecedent_statement) BETWEEN 1 AND 2000),
    ADD CONSTRAINT topic_consequent_in_question_length CHECK (char_length(consequent_in_question) BETWEEN 1 AND 2000),
    ADD CONSTRAINT topic_outcome_definition_length CHECK (char_length(outcome_definition) BETWEEN 1 AND 2000),
    ADD CONSTRAINT topic_horizon_reason_length CHECK (char_length(horizon_reason) BETWEEN 1 AND 2000),
    ADD CONSTRAINT topic_slug_length CHECK (char_length(slug) <= 80);
ALTER TABLE antecedent_variant
    ADD CONSTRAINT antecedent_variant_statement_length CHECK (char_length(statement) BETWEEN 1 AND 2000);
ALTER TABLE variant_step
    ADD CONSTRAINT variant_step_statement_length CHECK (char_length(statement) BETWEEN 1 AND 2000);
ALTER TABLE background_fact
    ADD CONSTRAINT background_fact_statement_length CHECK (char_length(statement) BETWEEN 1 AND 2000);
ALTER TABLE scenario
    ADD CONSTRAINT scenario_label_length CHECK (char_length(label) BETWEEN 3 AND 80),
    ADD CONSTRAINT scenario_statement_length CHECK (char_length(statement) BETWEEN 10 AND 1000);
ALTER TABLE chain_step
    ADD CONSTRAINT chain_step_statement_length CHECK (char_length(statement) BETWEEN 1 AND 1000),
    ADD CONSTRAINT chain_step_generalisation_length CHECK (char_length(generalisation) BETWEEN 1 AND 1000);
ALTER TABLE post ADD CONSTRAINT post_body_length CHECK (char_length(body) <= 10000);
ALTER TABLE post_revision ADD CONSTRAINT post_revision_body_length CHECK (char_length(body) BETWEEN 1 AND 10000);
ALTER TABLE source
    ADD CONSTRAINT source_authors_at_most_fifty CHECK (cardinality(authors) <= 50),
    ADD CONSTRAINT source_note_length CHECK (char_length(note) BETWEEN 1 AND 1000);
ALTER TABLE quotation ADD CONSTRAINT quotation_text_length CHECK (char_length(text) BETWEEN 1 AND 600);

-- Who brought an entry of the bibliography, where it did not come with the topic: it goes with its post,
-- unless others lean on it by then.
ALTER TABLE source
    ADD COLUMN brought_by_post_id uuid,
    ADD CONSTRAINT source_brought_by_post_fkey FOREIGN KEY (topic_id, brought_by_post_id) REFERENCES post (topic_id, id);
ALTER TABLE quotation
    ADD COLUMN brought_by_post_id uuid,
    ADD CONSTRAINT quotation_brought_by_post_fkey
        FOREIGN KEY (topic_id, brought_by_post_id) REFERENCES post (topic_id, id);
CREATE INDEX source_brought_by_post_idx ON source (brought_by_post_id) WHERE brought_by_post_id IS NOT NULL;
CREATE INDEX quotation_brought_by_post_idx ON quotation (brought_by_post_id) WHERE brought_by_post_id IS NOT NULL;
CREATE INDEX quotation_source_idx ON quotation (source_id);
CREATE INDEX citation_source_idx ON citation (source_id) WHERE source_id IS NOT NULL;

-- A reply is one level below its parent and under the same root, and stays there: so a thread is a tree.
CREATE FUNCTION post_is_in_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a post keeps its place in the thread'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'post_keeps_its_place';
    END IF;
    PERFORM FROM post AS parent
      WHERE parent.id = NEW.parent_id AND parent.depth = NEW.depth - 1 AND parent.root_id = NEW.root_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a reply is one level below its parent and under the same root'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'post_is_below_its_parent';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER post_is_below_its_parent BEFORE INSERT ON post
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION post_is_in_place();
CREATE TRIGGER post_keeps_its_place BEFORE UPDATE ON post
    FOR EACH ROW WHEN ((OLD.id, OLD.topic_id, OLD.parent_id, OLD.root_id, OLD.depth, OLD.created_at)
                       IS DISTINCT FROM (NEW.id, NEW.topic_id, NEW.parent_id, NEW.root_id, NEW.depth, NEW.created_at))
    EXECUTE FUNCTION post_is_in_place();

-- What was checked when a relation or a vote was made is not changed under it.
CREATE FUNCTION row_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this is not changed: make another one' USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER relation_is_fixed BEFORE UPDATE ON relation
    FOR EACH ROW WHEN (
        (OLD.id, OLD.topic_id, OLD.post_id, OLD.type, OLD.target_kind, OLD.target_topic_id, OLD.target_post_id,
         OLD.target_relation_id, OLD.target_scenario_id, OLD.target_chain_step_id, OLD.target_background_fact_id,
         OLD.target_variant_id, OLD.created_at)
        IS DISTINCT FROM
        (NEW.id, NEW.topic_id, NEW.post_id, NEW.type, NEW.target_kind, NEW.target_topic_id, NEW.target_post_id,
         NEW.target_relation_id, NEW.target_scenario_id, NEW.target_chain_step_id, NEW.target_background_fact_id,
         NEW.target_variant_id, NEW.created_at))
    EXECUTE FUNCTION row_is_fixed();
CREATE TRIGGER vote_is_fixed BEFORE UPDATE ON vote
    FOR EACH ROW WHEN ((OLD.post_id, OLD.account_id) IS DISTINCT FROM (NEW.post_id, NEW.account_id))
    EXECUTE FUNCTION row_is_fixed();

-- The cluster whose transactions stamp the stored places. A database restored into another cluster finds
-- another number here, and its stamps are numbered anew.
CREATE TABLE ranking_cluster (
    system_identifier bigint CONSTRAINT ranking_cluster_pkey PRIMARY KEY
);
