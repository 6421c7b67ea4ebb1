DROP TRIGGER reference_class_is_cited ON citation;
DELETE FROM citation WHERE reference_class_id IS NOT NULL;
DROP VIEW citation_document;
ALTER TABLE citation
    DROP COLUMN reference_class_id,
    ADD CONSTRAINT citation_one_owner
        CHECK (num_nonnulls(post_id, scenario_id, chain_step_id, background_fact_id, variant_id) = 1);
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
DROP TABLE reference_class, outcome_likelihood, kind_dispute, cotenability_flag, criterion_rating;
DROP FUNCTION reference_class_is_cited;
