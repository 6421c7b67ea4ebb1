-- What the record should show if scenarios are right: what sources can settle.
CREATE TABLE implication (
    id uuid CONSTRAINT implication_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT implication_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    author_id uuid NOT NULL CONSTRAINT implication_author_fkey REFERENCES account (id),
    statement text NOT NULL,
    test_kind text NOT NULL,
    resolution text NOT NULL,
    -- What shows it; who said so, and when.
    citation_id uuid,
    resolved_by uuid CONSTRAINT implication_resolved_by_fkey REFERENCES account (id),
    resolved_at timestamptz,
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT implication_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT implication_statement_length CHECK (char_length(statement) BETWEEN 10 AND 1000),
    CONSTRAINT implication_test_kind_known
        CHECK (test_kind IN ('doubly_decisive', 'hoop', 'smoking_gun', 'straw_in_the_wind')),
    CONSTRAINT implication_resolution_known CHECK (resolution IN ('unresolved', 'found', 'not_found', 'unclear')),
    CONSTRAINT implication_resolved_has_citation CHECK ((resolution = 'unresolved') = (citation_id IS NULL)),
    CONSTRAINT implication_resolved_by_somebody
        CHECK (num_nonnulls(resolved_by, resolved_at) = CASE resolution WHEN 'unresolved' THEN 0 ELSE 2 END),
    CONSTRAINT implication_version_positive CHECK (version >= 1)
);

CREATE INDEX implication_author_idx ON implication (author_id);
CREATE INDEX implication_resolved_by_idx ON implication (resolved_by) WHERE resolved_by IS NOT NULL;

-- The scenarios it bears on.
CREATE TABLE implication_scenario (
    implication_id uuid NOT NULL,
    topic_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    CONSTRAINT implication_scenario_pkey PRIMARY KEY (implication_id, scenario_id),
    CONSTRAINT implication_scenario_implication_fkey FOREIGN KEY (topic_id, implication_id)
        REFERENCES implication (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT implication_scenario_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX implication_scenario_scenario_idx ON implication_scenario (scenario_id);

CREATE FUNCTION implication_bears_on_scenarios() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked uuid := CASE TG_TABLE_NAME WHEN 'implication' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                     ELSE (to_jsonb(coalesce(NEW, OLD)) ->> 'implication_id')::uuid END;
BEGIN
    PERFORM FROM implication WHERE id = asked;
    IF FOUND AND (SELECT count(*) FROM implication_scenario WHERE implication_id = asked) NOT BETWEEN 1 AND 20 THEN
        RAISE EXCEPTION 'an implication bears on 1 to 20 scenarios'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'implication_bears_on_scenarios';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER implication_bears_on_scenarios AFTER INSERT ON implication
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION implication_bears_on_scenarios();
CREATE CONSTRAINT TRIGGER implication_bears_on_scenarios AFTER INSERT OR UPDATE OR DELETE ON implication_scenario
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION implication_bears_on_scenarios();

-- How likely somebody takes it to be that the record shows it. Whoever thinks again adds another one.
CREATE TABLE forecast (
    id uuid CONSTRAINT forecast_pkey PRIMARY KEY,
    implication_id uuid NOT NULL
        CONSTRAINT forecast_implication_fkey REFERENCES implication (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT forecast_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    -- Counts the forecasts of this person for this implication, from 1 without a gap.
    number integer NOT NULL,
    bp integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT forecast_number_key UNIQUE (implication_id, account_id, number),
    CONSTRAINT forecast_number_positive CHECK (number >= 1),
    CONSTRAINT forecast_bp_range CHECK (bp BETWEEN 0 AND 10000)
);

CREATE INDEX forecast_account_idx ON forecast (account_id, id);
CREATE INDEX forecast_first_idx ON forecast (account_id, id) WHERE number = 1;

-- Which forecast of a person counts, the last one: locked by whoever adds the next.
CREATE TABLE forecast_in_force (
    implication_id uuid NOT NULL
        CONSTRAINT forecast_in_force_implication_fkey REFERENCES implication (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT forecast_in_force_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    number integer NOT NULL,
    CONSTRAINT forecast_in_force_pkey PRIMARY KEY (implication_id, account_id),
    CONSTRAINT forecast_in_force_forecast_fkey FOREIGN KEY (implication_id, account_id, number)
        REFERENCES forecast (implication_id, account_id, number) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 70);

CREATE INDEX forecast_in_force_account_idx ON forecast_in_force (account_id);

CREATE FUNCTION forecast_before_resolution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Nobody resolves it meanwhile.
    PERFORM FROM implication WHERE id = NEW.implication_id AND resolution = 'unresolved' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'what is resolved is forecast no more'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'forecast_before_resolution';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER forecast_before_resolution BEFORE INSERT ON forecast
    FOR EACH ROW EXECUTE FUNCTION forecast_before_resolution();

CREATE FUNCTION forecast_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a forecast is never changed: whoever thinks again adds another one'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'forecast_never_changes';
END $$;

CREATE TRIGGER forecast_never_changes BEFORE UPDATE ON forecast
    FOR EACH ROW EXECUTE FUNCTION forecast_never_changes();

-- What resolves an implication is the one citation that it owns.
ALTER TABLE citation
    ADD COLUMN implication_id uuid,
    DROP CONSTRAINT citation_one_owner,
    ADD CONSTRAINT citation_one_owner CHECK (num_nonnulls(
        post_id, scenario_id, chain_step_id, background_fact_id, variant_id, reference_class_id, implication_id) = 1),
    ADD CONSTRAINT citation_implication_fkey FOREIGN KEY (topic_id, implication_id)
        REFERENCES implication (topic_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT citation_of_implication_key UNIQUE (implication_id, id);

CREATE UNIQUE INDEX citation_implication_key ON citation (implication_id) WHERE implication_id IS NOT NULL;

ALTER TABLE implication ADD CONSTRAINT implication_citation_fkey FOREIGN KEY (id, citation_id)
    REFERENCES citation (implication_id, id) DEFERRABLE INITIALLY DEFERRED;

DROP VIEW citation_document;
CREATE VIEW citation_document AS
SELECT c.topic_id, c.position, c.post_id, c.scenario_id, c.chain_step_id, c.background_fact_id, c.variant_id,
       c.reference_class_id, c.implication_id, c.source_id, c.quotation_id, c.locator,
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
