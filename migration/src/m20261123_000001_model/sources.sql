-- A topic's bibliography, in the terms of CSL-JSON.
CREATE TABLE source (
    id uuid CONSTRAINT source_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT source_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    position integer NOT NULL,
    type text NOT NULL,
    authors text[] NOT NULL,
    title text,
    container_title text,
    publisher text,
    published historic_date,
    url text,
    source_class text NOT NULL,
    note text,
    CONSTRAINT source_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT source_position_key UNIQUE (topic_id, position),
    CONSTRAINT source_class_known CHECK (source_class IN ('primary', 'participant_memoir', 'secondary', 'tertiary')),
    CONSTRAINT source_url_is_web CHECK (url ~ '^https?://')
);

CREATE TABLE quotation (
    id uuid CONSTRAINT quotation_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    position integer NOT NULL,
    source_id uuid NOT NULL,
    quoted_in_source_id uuid,
    text text NOT NULL,
    attribution text NOT NULL,
    locator text,
    language text NOT NULL,
    translation_of uuid,
    CONSTRAINT quotation_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT quotation_position_key UNIQUE (topic_id, position),
    CONSTRAINT quotation_source_fkey FOREIGN KEY (topic_id, source_id) REFERENCES source (topic_id, id),
    CONSTRAINT quotation_quoted_in_fkey FOREIGN KEY (topic_id, quoted_in_source_id) REFERENCES source (topic_id, id),
    CONSTRAINT quotation_translation_of_fkey FOREIGN KEY (topic_id, translation_of) REFERENCES quotation (topic_id, id),
    CONSTRAINT quotation_not_its_own_translation CHECK (translation_of <> id)
);

-- Who leans on which source: exactly one of the owners, exactly one of source and quotation.
CREATE TABLE citation (
    id uuid CONSTRAINT citation_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    position smallint NOT NULL,
    post_id uuid,
    scenario_id uuid,
    chain_step_id uuid,
    background_fact_id uuid,
    variant_id uuid,
    source_id uuid,
    quotation_id uuid,
    locator text,
    CONSTRAINT citation_one_owner
        CHECK (num_nonnulls(post_id, scenario_id, chain_step_id, background_fact_id, variant_id) = 1),
    CONSTRAINT citation_source_or_quotation CHECK (num_nonnulls(source_id, quotation_id) = 1),
    CONSTRAINT citation_post_fkey FOREIGN KEY (topic_id, post_id) REFERENCES post (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT citation_scenario_fkey
        FOREIGN KEY (topic_id, scenario_id) REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT citation_chain_step_fkey
        FOREIGN KEY (topic_id, chain_step_id) REFERENCES chain_step (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT citation_background_fact_fkey
        FOREIGN KEY (topic_id, background_fact_id) REFERENCES background_fact (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT citation_variant_fkey
        FOREIGN KEY (topic_id, variant_id) REFERENCES antecedent_variant (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT citation_source_fkey FOREIGN KEY (topic_id, source_id) REFERENCES source (topic_id, id),
    CONSTRAINT citation_quotation_fkey FOREIGN KEY (topic_id, quotation_id) REFERENCES quotation (topic_id, id)
);

CREATE INDEX citation_post_idx ON citation (post_id, position) WHERE post_id IS NOT NULL;
CREATE INDEX citation_topic_idx ON citation (topic_id) WHERE post_id IS NULL;
CREATE INDEX citation_quotation_idx ON citation (quotation_id) WHERE quotation_id IS NOT NULL;

-- A reader who followed a citation yesterday finds the same words today.
CREATE FUNCTION quotation_text_is_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM citation WHERE quotation_id = OLD.id) THEN
        RAISE EXCEPTION 'a cited quotation is not altered: add a new one'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'quotation_text_is_fixed';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER quotation_text_is_fixed BEFORE UPDATE ON quotation
    FOR EACH ROW WHEN (OLD.text IS DISTINCT FROM NEW.text) EXECUTE FUNCTION quotation_text_is_fixed();

-- A citation as readers see it: never without its source, and never without where the words were found.
CREATE FUNCTION source_document(s source) RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN s.id IS NOT NULL THEN jsonb_build_object(
        'id', s.id, 'type', s.type, 'authors', to_jsonb(s.authors), 'title', s.title,
        'container_title', s.container_title, 'published', s.published::jsonb - 'earliest_day' - 'latest_day',
        'url', s.url, 'source_class', s.source_class) END;

CREATE VIEW citation_document AS
SELECT c.topic_id, c.position, c.post_id, c.scenario_id, c.chain_step_id, c.background_fact_id, c.variant_id,
       c.source_id, c.quotation_id, c.locator,
       jsonb_build_object(
           'id', c.id,
           'source', source_document(s),
           'quotation', CASE WHEN q.id IS NOT NULL THEN jsonb_build_object(
               'id', q.id, 'text', q.text, 'attribution', q.attribution, 'locator', q.locator,
               'language', q.language, 'quoted_in', source_document(found)) END,
           'locator', c.locator) AS document
FROM citation c
LEFT JOIN quotation q ON q.id = c.quotation_id
LEFT JOIN source s ON s.id = coalesce(c.source_id, q.source_id)
LEFT JOIN source found ON found.id = q.quoted_in_source_id;
