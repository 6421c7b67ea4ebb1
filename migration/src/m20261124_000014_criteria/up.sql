-- How somebody rates a scenario or a variant by the criteria for counterfactuals: 0 fails, 2 is arguable, 4 is
-- clearly met; null where they did not rate. A row has at least one rating.
CREATE TABLE criterion_rating (
    topic_id uuid NOT NULL,
    scenario_id uuid,
    variant_id uuid,
    target_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(scenario_id, variant_id)) STORED,
    account_id uuid NOT NULL CONSTRAINT criterion_rating_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    clarity smallint,
    cotenability smallint,
    historical_consistency smallint,
    theoretical_consistency smallint,
    statistical_consistency smallint,
    projectability smallint,
    updated_at timestamptz NOT NULL,
    CONSTRAINT criterion_rating_pkey PRIMARY KEY (topic_id, target_id, account_id),
    CONSTRAINT criterion_rating_one_target CHECK (num_nonnulls(scenario_id, variant_id) = 1),
    CONSTRAINT criterion_rating_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT criterion_rating_variant_fkey FOREIGN KEY (topic_id, variant_id)
        REFERENCES antecedent_variant (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT criterion_rating_not_empty CHECK (num_nonnulls(
        clarity, cotenability, historical_consistency, theoretical_consistency, statistical_consistency,
        projectability) >= 1),
    CONSTRAINT criterion_rating_range CHECK (
        clarity BETWEEN 0 AND 4 AND cotenability BETWEEN 0 AND 4 AND historical_consistency BETWEEN 0 AND 4
        AND theoretical_consistency BETWEEN 0 AND 4 AND statistical_consistency BETWEEN 0 AND 4
        AND projectability BETWEEN 0 AND 4)
);

CREATE INDEX criterion_rating_account_idx ON criterion_rating (account_id, topic_id);

-- Whether somebody holds that a step or a fact clashes with the antecedent.
CREATE TABLE cotenability_flag (
    topic_id uuid NOT NULL,
    chain_step_id uuid,
    background_fact_id uuid,
    target_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(chain_step_id, background_fact_id)) STORED,
    account_id uuid NOT NULL CONSTRAINT cotenability_flag_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    clashes boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT cotenability_flag_pkey PRIMARY KEY (topic_id, target_id, account_id),
    CONSTRAINT cotenability_flag_one_target CHECK (num_nonnulls(chain_step_id, background_fact_id) = 1),
    CONSTRAINT cotenability_flag_chain_step_fkey FOREIGN KEY (topic_id, chain_step_id)
        REFERENCES chain_step (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT cotenability_flag_background_fact_fkey FOREIGN KEY (topic_id, background_fact_id)
        REFERENCES background_fact (topic_id, id) ON DELETE CASCADE
);

CREATE INDEX cotenability_flag_account_idx ON cotenability_flag (account_id, topic_id);

-- Whether somebody disputes that a variant is of the kind that its author says: plausible, or a miracle.
CREATE TABLE kind_dispute (
    topic_id uuid NOT NULL,
    variant_id uuid NOT NULL,
    account_id uuid NOT NULL CONSTRAINT kind_dispute_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    disputes boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT kind_dispute_pkey PRIMARY KEY (topic_id, variant_id, account_id),
    CONSTRAINT kind_dispute_variant_fkey FOREIGN KEY (topic_id, variant_id)
        REFERENCES antecedent_variant (topic_id, id) ON DELETE CASCADE
);

CREATE INDEX kind_dispute_account_idx ON kind_dispute (account_id, topic_id);

-- How likely somebody takes the outcome to have been given the event, judged as of the day before, in basis
-- points.
CREATE TABLE outcome_likelihood (
    topic_id uuid NOT NULL CONSTRAINT outcome_likelihood_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT outcome_likelihood_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    bp integer NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT outcome_likelihood_pkey PRIMARY KEY (topic_id, account_id),
    CONSTRAINT outcome_likelihood_bp_range CHECK (bp BETWEEN 0 AND 10000)
);

CREATE INDEX outcome_likelihood_account_idx ON outcome_likelihood (account_id);

-- Cases like a scenario, and how many of them ended so. It always has its citation.
CREATE TABLE reference_class (
    id uuid CONSTRAINT reference_class_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    author_id uuid NOT NULL CONSTRAINT reference_class_author_fkey REFERENCES account (id),
    description text NOT NULL,
    cases integer NOT NULL,
    with_outcome integer NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT reference_class_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT reference_class_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT reference_class_description_length CHECK (char_length(description) BETWEEN 1 AND 1000),
    CONSTRAINT reference_class_cases_range CHECK (cases BETWEEN 1 AND 1000000),
    CONSTRAINT reference_class_with_outcome_range CHECK (with_outcome BETWEEN 0 AND cases)
);

CREATE INDEX reference_class_author_idx ON reference_class (author_id);

ALTER TABLE citation
    ADD COLUMN reference_class_id uuid,
    DROP CONSTRAINT citation_one_owner,
    ADD CONSTRAINT citation_one_owner CHECK (num_nonnulls(
        post_id, scenario_id, chain_step_id, background_fact_id, variant_id, reference_class_id) = 1),
    ADD CONSTRAINT citation_reference_class_fkey FOREIGN KEY (topic_id, reference_class_id)
        REFERENCES reference_class (topic_id, id) ON DELETE CASCADE;

CREATE UNIQUE INDEX citation_reference_class_idx ON citation (reference_class_id)
    WHERE reference_class_id IS NOT NULL;

CREATE OR REPLACE VIEW citation_document AS
SELECT c.topic_id, c.position, c.post_id, c.scenario_id, c.chain_step_id, c.background_fact_id, c.variant_id,
       c.source_id, c.quotation_id, c.locator,
       jsonb_build_object(
           'id', c.id,
           'source', source_document(s),
           'quotation', CASE WHEN q.id IS NOT NULL THEN jsonb_build_object(
               'id', q.id, 'text', q.text, 'attribution', q.attribution, 'locator', q.locator,
               'language', q.language, 'quoted_in', source_document(found)) END,
           'locator', c.locator) AS document,
       c.reference_class_id
FROM citation c
LEFT JOIN quotation q ON q.id = c.quotation_id
LEFT JOIN source s ON s.id = coalesce(c.source_id, q.source_id)
LEFT JOIN source found ON found.id = q.quoted_in_source_id;

CREATE FUNCTION reference_class_is_cited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked uuid := CASE TG_TABLE_NAME WHEN 'citation' THEN (to_jsonb(OLD) ->> 'reference_class_id')::uuid
                                     ELSE (to_jsonb(NEW) ->> 'id')::uuid END;
BEGIN
    PERFORM FROM reference_class r
      WHERE r.id = asked AND NOT EXISTS (SELECT FROM citation c WHERE c.reference_class_id = r.id);
    IF FOUND THEN
        RAISE EXCEPTION 'a reference class says where its numbers are from'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reference_class_is_cited';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER reference_class_is_cited AFTER INSERT ON reference_class
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reference_class_is_cited();
CREATE CONSTRAINT TRIGGER reference_class_is_cited AFTER UPDATE OR DELETE ON citation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.reference_class_id IS NOT NULL)
    EXECUTE FUNCTION reference_class_is_cited();

-- What others have read and built on stays as they read it: make another one.
CREATE TRIGGER reference_class_is_fixed BEFORE UPDATE ON reference_class
    FOR EACH ROW EXECUTE FUNCTION row_is_fixed();
