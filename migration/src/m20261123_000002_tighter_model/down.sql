DROP TABLE ranking_cluster;
DROP TRIGGER vote_is_fixed ON vote;
DROP TRIGGER relation_is_fixed ON relation;
DROP TRIGGER post_keeps_its_place ON post;
DROP TRIGGER post_is_below_its_parent ON post;
DROP FUNCTION row_is_fixed(), post_is_in_place();
DROP INDEX citation_source_idx, quotation_source_idx, quotation_brought_by_post_idx, source_brought_by_post_idx;
ALTER TABLE quotation DROP COLUMN brought_by_post_id, DROP CONSTRAINT quotation_text_length;
ALTER TABLE source
    DROP COLUMN brought_by_post_id, DROP CONSTRAINT source_note_length, DROP CONSTRAINT source_authors_at_most_fifty;
ALTER TABLE post_revision DROP CONSTRAINT post_revision_body_length;
ALTER TABLE post DROP CONSTRAINT post_body_length;
ALTER TABLE chain_step
    DROP CONSTRAINT chain_step_generalisation_length, DROP CONSTRAINT chain_step_statement_length;
ALTER TABLE scenario DROP CONSTRAINT scenario_statement_length, DROP CONSTRAINT scenario_label_length;
ALTER TABLE background_fact DROP CONSTRAINT background_fact_statement_length;
ALTER TABLE variant_step DROP CONSTRAINT variant_step_statement_length;
ALTER TABLE antecedent_variant DROP CONSTRAINT antecedent_variant_statement_length;
ALTER TABLE topic
    DROP CONSTRAINT topic_slug_length, DROP CONSTRAINT topic_horizon_reason_length,
    DROP CONSTRAINT topic_outcome_definition_length, DROP CONSTRAINT topic_consequent_in_question_length,
    DROP CONSTRAINT topic_antecedent_statement_length, DROP CONSTRAINT topic_actual_outcome_length,
    DROP CONSTRAINT topic_question_text_length, DROP CONSTRAINT topic_title_length;
ALTER TABLE historical_event
    DROP CONSTRAINT historical_event_summary_length, DROP CONSTRAINT historical_event_place_length,
    DROP CONSTRAINT historical_event_title_length;
