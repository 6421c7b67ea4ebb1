-- What really happened, and when.
CREATE TABLE historical_event (
    id uuid CONSTRAINT historical_event_pkey PRIMARY KEY,
    title text NOT NULL,
    date historic_date NOT NULL,
    place text,
    summary text NOT NULL
);

-- The debate about one counterfactual question. A draft may lack parts; what is open may not.
CREATE TABLE topic (
    id uuid CONSTRAINT topic_pkey PRIMARY KEY,
    slug text NOT NULL,
    title text NOT NULL,
    question_text text,
    event_id uuid CONSTRAINT topic_event_fkey REFERENCES historical_event (id),
    actual_outcome text,
    antecedent_statement text,
    antecedent_operation text,
    point_of_divergence historic_date,
    primary_variant_id uuid,
    consequent_in_question text,
    outcome_definition text,
    outcome_occurred boolean,
    outcome_actual_date historic_date,
    tolerance_days integer NOT NULL,
    horizon historic_date,
    horizon_reason text,
    status text NOT NULL,
    scenario_set_version integer NOT NULL,
    author_id uuid NOT NULL CONSTRAINT topic_author_fkey REFERENCES account (id),
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT topic_slug_key UNIQUE (slug),
    CONSTRAINT topic_slug_shape CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    CONSTRAINT topic_status_known CHECK (status IN ('draft', 'open', 'archived')),
    CONSTRAINT topic_operation_known
        CHECK (antecedent_operation IN ('omit_event', 'replace_event', 'add_event', 'change_timing')),
    CONSTRAINT topic_tolerance_not_negative CHECK (tolerance_days >= 0),
    CONSTRAINT topic_scenario_set_version_positive CHECK (scenario_set_version >= 1),
    CONSTRAINT topic_version_positive CHECK (version >= 1),
    CONSTRAINT topic_open_is_specified CHECK (
        status = 'draft' OR num_nulls(
            question_text, event_id, actual_outcome, antecedent_statement, antecedent_operation,
            point_of_divergence, consequent_in_question, outcome_definition, outcome_occurred, horizon
        ) = 0
    ),
    CONSTRAINT topic_actual_date_iff_outcome_occurred CHECK (
        CASE WHEN status = 'draft' AND outcome_actual_date IS NULL THEN true
             ELSE coalesce(outcome_occurred, false) = (outcome_actual_date IS NOT NULL) END
    ),
    CONSTRAINT topic_divergence_not_after_horizon
        CHECK (latest_day(point_of_divergence) <= latest_day(horizon))
);

CREATE INDEX topic_author_idx ON topic (author_id);

-- How busy a topic is. Apart from the topic, so that a new post does not rewrite the question.
CREATE TABLE topic_activity (
    topic_id uuid CONSTRAINT topic_activity_pkey PRIMARY KEY
        CONSTRAINT topic_activity_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    post_count integer NOT NULL,
    participant_count integer NOT NULL,
    last_activity_at timestamptz NOT NULL,
    CONSTRAINT topic_activity_counts_not_negative CHECK (post_count >= 0 AND participant_count >= 0)
) WITH (fillfactor = 50);

CREATE TABLE topic_participant (
    topic_id uuid NOT NULL CONSTRAINT topic_participant_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    account_id uuid NOT NULL CONSTRAINT topic_participant_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    CONSTRAINT topic_participant_pkey PRIMARY KEY (topic_id, account_id)
);

CREATE TABLE topic_tag (
    topic_id uuid NOT NULL CONSTRAINT topic_tag_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    tag text NOT NULL,
    position smallint NOT NULL,
    CONSTRAINT topic_tag_pkey PRIMARY KEY (topic_id, tag),
    CONSTRAINT topic_tag_position_key UNIQUE (topic_id, position),
    CONSTRAINT topic_tag_shape CHECK (tag ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(tag) <= 40)
);

CREATE INDEX topic_tag_tag_idx ON topic_tag (tag, topic_id);

-- Dates between the divergence and the horizon at which the question is asked again.
CREATE TABLE checkpoint (
    topic_id uuid NOT NULL CONSTRAINT checkpoint_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    date historic_date NOT NULL,
    CONSTRAINT checkpoint_pkey PRIMARY KEY (topic_id, position),
    CONSTRAINT checkpoint_at_most_six CHECK (position BETWEEN 1 AND 6)
);

-- A more exact way in which the antecedent could hold.
CREATE TABLE antecedent_variant (
    id uuid CONSTRAINT antecedent_variant_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT antecedent_variant_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    statement text NOT NULL,
    antecedent_kind text NOT NULL,
    CONSTRAINT antecedent_variant_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT antecedent_variant_position_key UNIQUE (topic_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT antecedent_variant_kind_known CHECK (antecedent_kind IN ('plausible', 'miracle'))
);

ALTER TABLE topic ADD CONSTRAINT topic_primary_variant_fkey
    FOREIGN KEY (id, primary_variant_id) REFERENCES antecedent_variant (topic_id, id) DEFERRABLE INITIALLY DEFERRED;

-- What else a variant needs: steps before the divergence that enable it, and further facts it changes.
CREATE TABLE variant_step (
    variant_id uuid NOT NULL CONSTRAINT variant_step_variant_fkey REFERENCES antecedent_variant (id) ON DELETE CASCADE,
    kind text NOT NULL,
    position smallint NOT NULL,
    date historic_date NOT NULL,
    statement text NOT NULL,
    CONSTRAINT variant_step_pkey PRIMARY KEY (variant_id, kind, position),
    CONSTRAINT variant_step_kind_known CHECK (kind IN ('enabling_step', 'further_change'))
);

-- A fact that the question holds fixed, or names as open.
CREATE TABLE background_fact (
    id uuid CONSTRAINT background_fact_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT background_fact_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    statement text NOT NULL,
    held boolean NOT NULL,
    date historic_date,
    CONSTRAINT background_fact_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT background_fact_position_key UNIQUE (topic_id, position) DEFERRABLE INITIALLY DEFERRED
);

-- One of the rival, exclusive answers.
CREATE TABLE scenario (
    id uuid CONSTRAINT scenario_pkey PRIMARY KEY,
    topic_id uuid NOT NULL CONSTRAINT scenario_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    label text NOT NULL,
    statement text NOT NULL,
    outcome_vs_actual text NOT NULL,
    is_residual boolean NOT NULL,
    introduced_in_version integer NOT NULL,
    retired_in_version integer,
    merged_into uuid,
    parent_scenario_id uuid,
    proposer_id uuid NOT NULL CONSTRAINT scenario_proposer_fkey REFERENCES account (id),
    CONSTRAINT scenario_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT scenario_position_key UNIQUE (topic_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT scenario_merged_into_fkey FOREIGN KEY (topic_id, merged_into)
        REFERENCES scenario (topic_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT scenario_parent_fkey FOREIGN KEY (topic_id, parent_scenario_id)
        REFERENCES scenario (topic_id, id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT scenario_outcome_known CHECK (
        outcome_vs_actual IN ('absent', 'later', 'earlier', 'same', 'different', 'present', 'unspecified')),
    CONSTRAINT scenario_residual_is_unspecified CHECK (is_residual = (outcome_vs_actual = 'unspecified')),
    CONSTRAINT scenario_residual_is_top_level CHECK (NOT is_residual OR parent_scenario_id IS NULL),
    CONSTRAINT scenario_versions_in_order
        CHECK (introduced_in_version >= 1 AND retired_in_version > introduced_in_version),
    CONSTRAINT scenario_merged_is_retired CHECK (merged_into IS NULL OR retired_in_version IS NOT NULL),
    CONSTRAINT scenario_not_its_own_kin CHECK (merged_into <> id AND parent_scenario_id <> id)
);

CREATE UNIQUE INDEX scenario_one_live_residual ON scenario (topic_id)
    WHERE is_residual AND retired_in_version IS NULL;

CREATE TABLE chain_step (
    id uuid CONSTRAINT chain_step_pkey PRIMARY KEY,
    topic_id uuid NOT NULL,
    scenario_id uuid NOT NULL,
    step_no smallint NOT NULL,
    statement text NOT NULL,
    happens_by historic_date,
    generalisation text,
    CONSTRAINT chain_step_in_topic_key UNIQUE (topic_id, id),
    CONSTRAINT chain_step_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT chain_step_no_key UNIQUE (scenario_id, step_no) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT chain_step_no_range CHECK (step_no BETWEEN 1 AND 8)
);

-- What spans rows is checked when the transaction commits, whichever row was touched last.

CREATE FUNCTION topic_is_complete() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked uuid := CASE TG_TABLE_NAME WHEN 'topic' THEN (to_jsonb(NEW) ->> 'id')::uuid
                                     WHEN 'variant_step' THEN (SELECT v.topic_id FROM antecedent_variant v
                                                               WHERE v.id = (to_jsonb(NEW) ->> 'variant_id')::uuid)
                                     ELSE (to_jsonb(coalesce(NEW, OLD)) ->> 'topic_id')::uuid END;
    topic topic%ROWTYPE;
    rivals integer;
    residuals integer;
BEGIN
    SELECT * INTO topic FROM topic AS t WHERE t.id = asked;
    IF NOT FOUND OR topic.status = 'draft' THEN
        RETURN NULL;
    END IF;
    SELECT count(*) FILTER (WHERE NOT is_residual), count(*) FILTER (WHERE is_residual)
      INTO rivals, residuals
      FROM scenario WHERE topic_id = asked AND retired_in_version IS NULL AND parent_scenario_id IS NULL;
    IF rivals < 2 OR residuals <> 1 THEN
        RAISE EXCEPTION 'an open topic has two rival scenarios or more and exactly one residual'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'topic_open_has_scenarios';
    END IF;
    PERFORM FROM scenario
      WHERE topic_id = asked AND NOT is_residual AND retired_in_version IS NULL
        AND outcome_vs_actual <> ALL (CASE WHEN topic.outcome_occurred
            THEN ARRAY['absent', 'earlier', 'same', 'later', 'different']
            ELSE ARRAY['present', 'same', 'different'] END);
    IF FOUND THEN
        RAISE EXCEPTION 'a scenario has an outcome that the topic rules out'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'scenario_outcome_allowed_by_topic';
    END IF;
    PERFORM FROM checkpoint
      WHERE topic_id = asked AND (latest_day(date) < latest_day(topic.point_of_divergence)
                                  OR latest_day(date) > latest_day(topic.horizon));
    IF FOUND THEN
        RAISE EXCEPTION 'a checkpoint lies outside the span from divergence to horizon'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkpoint_within_horizon';
    END IF;
    PERFORM FROM variant_step s JOIN antecedent_variant v ON v.id = s.variant_id
      WHERE v.topic_id = asked AND s.kind = 'enabling_step'
        AND latest_day(s.date) > latest_day(topic.point_of_divergence);
    IF FOUND THEN
        RAISE EXCEPTION 'an enabling step comes after the divergence'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'enabling_step_not_after_divergence';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER topic_is_complete AFTER INSERT OR UPDATE ON topic
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION topic_is_complete();
CREATE CONSTRAINT TRIGGER topic_is_complete AFTER INSERT OR UPDATE OR DELETE ON scenario
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION topic_is_complete();
CREATE CONSTRAINT TRIGGER topic_is_complete AFTER INSERT OR UPDATE ON checkpoint
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION topic_is_complete();
CREATE CONSTRAINT TRIGGER topic_is_complete AFTER INSERT OR UPDATE ON variant_step
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION topic_is_complete();

CREATE FUNCTION chain_steps_are_contiguous() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    asked uuid := coalesce(NEW.scenario_id, OLD.scenario_id);
BEGIN
    PERFORM FROM chain_step WHERE scenario_id = asked HAVING count(*) > 0 AND max(step_no) <> count(*);
    IF FOUND THEN
        RAISE EXCEPTION 'the steps of a chain are numbered from 1 without a gap'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'chain_step_contiguous';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER chain_steps_are_contiguous AFTER INSERT OR UPDATE OR DELETE ON chain_step
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION chain_steps_are_contiguous();
