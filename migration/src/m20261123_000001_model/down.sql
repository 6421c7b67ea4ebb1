DROP VIEW citation_document, relation_document;
DROP FUNCTION source_document(source);
DROP TABLE debate_import, idempotency_key, event, topic_rank, post_rank, citation, quotation, source,
    post_tally, vote, stance_effect, relation, post_revision, post, chain_step, scenario, background_fact,
    variant_step, antecedent_variant, checkpoint, topic_tag, topic_participant, topic_activity, topic,
    historical_event, refresh_token, session, account CASCADE;
DROP FUNCTION event_is_append_only(), quotation_text_is_fixed(), vote_not_on_own_post(), relation_target_is_older(),
    chain_steps_are_contiguous(), topic_is_complete(), latest_day(historic_date);
DROP DOMAIN historic_date;
