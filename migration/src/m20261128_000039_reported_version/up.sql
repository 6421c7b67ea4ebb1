-- Of a post there is no text here: it is among the revisions of the post.
CREATE TABLE reported_version (
    case_id uuid CONSTRAINT reported_version_case_fkey REFERENCES moderation_case (id),
    revision integer,
    text text,
    sha256 bytea NOT NULL,
    CONSTRAINT reported_version_pkey PRIMARY KEY (case_id, revision),
    CONSTRAINT reported_version_sha256_length CHECK (octet_length(sha256) = 32)
);

-- What was reported before and still reads so; what does not is not known any more.
INSERT INTO reported_version
SELECT DISTINCT r.case_id, r.subject_revision, CASE WHEN p.post_id IS NULL THEN said.text END,
       sha256(convert_to(said.text, 'UTF8'))
FROM report r
JOIN moderation_case c ON c.id = r.case_id
LEFT JOIN post_revision p ON p.post_id = c.subject_post_id AND p.number = r.subject_revision
LEFT JOIN topic t ON t.id = c.subject_topic_id AND t.revision = r.subject_revision
LEFT JOIN account a ON a.id = c.subject_account_id AND a.version = r.subject_revision AND a.state <> 'deleted'
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.post_id IS NOT NULL THEN p.body
                WHEN t.id IS NOT NULL THEN concat_ws(E'\n\n', t.title, t.question_text)
                WHEN a.id IS NOT NULL THEN concat_ws(E'\n\n', a.username, a.display_name, a.bio) END AS text
) said
WHERE said.text IS NOT NULL;
