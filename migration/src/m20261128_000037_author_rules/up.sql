-- Sets of what somebody may be known by: networks, keyed hashes of addresses of mail, and names.
ALTER TABLE list_set
    DROP CONSTRAINT list_set_kind_known,
    ADD CONSTRAINT list_set_kind_known
        CHECK (kind IN ('words', 'domains', 'networks', 'email_hashes', 'name_patterns'));

-- Who signed in for the first time, and whether rules have judged that.
CREATE TABLE sign_up (
    account_id uuid CONSTRAINT sign_up_pkey PRIMARY KEY
        CONSTRAINT sign_up_account_fkey REFERENCES account (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    -- When rules judged it; they have yet to where there is none.
    judged_at timestamptz
);

CREATE INDEX sign_up_at_idx ON sign_up (at, account_id);
CREATE INDEX sign_up_waiting_idx ON sign_up (at, account_id) WHERE judged_at IS NULL;

-- Whoever is there already is not new.
INSERT INTO sign_up (account_id, at, judged_at)
    SELECT id, created_at, now() FROM account WHERE kind = 'person' AND state <> 'deleted';

-- However somebody signs in, it is a session that begins: so nobody who signs them in has to think of it.
CREATE FUNCTION session_is_a_sign_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO sign_up (account_id, at) VALUES (NEW.account_id, NEW.created_at) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('otherwise_sign_up', '');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER session_is_a_sign_up AFTER INSERT ON session
    FOR EACH ROW EXECUTE FUNCTION session_is_a_sign_up();

-- A rule may meet a person, and be asked when votes come in a burst. Neither does more than ask somebody to look.
ALTER TABLE rule_hit
    DROP CONSTRAINT rule_hit_trigger_known,
    ADD CONSTRAINT rule_hit_trigger_known
        CHECK (trigger IN ('post_created', 'post_revised', 'nth_report', 'vote_burst', 'signed_up')),
    DROP CONSTRAINT rule_hit_subject,
    -- Whoever signed up is named until their account is erased.
    ADD CONSTRAINT rule_hit_subject CHECK (
        (post_id IS NULL) = (revision IS NULL) AND (author_id IS NULL OR post_id IS NULL)
        AND (trigger = 'signed_up' OR did = 'refused') = (post_id IS NULL)),
    ADD CONSTRAINT rule_hit_only_asks CHECK (
        trigger NOT IN ('vote_burst', 'signed_up')
        OR (would_do = 'queue' AND did IN ('nothing', 'queued', 'already_reviewed')));

-- A version meets somebody who signed up once.
CREATE UNIQUE INDEX rule_hit_sign_up_key ON rule_hit (rule_id, version, author_id) WHERE trigger = 'signed_up';

-- There is no case about somebody who was erased before it was opened.
DROP INDEX rule_hit_waiting_idx;
CREATE INDEX rule_hit_waiting_idx ON rule_hit (id)
    WHERE did IN ('filtered', 'queued') AND case_id IS NULL AND (post_id IS NOT NULL OR author_id IS NOT NULL);

-- Whoever is named stays so when the case is opened.
DROP TRIGGER rule_hit_is_fixed ON rule_hit;
CREATE TRIGGER rule_hit_is_fixed BEFORE UPDATE ON rule_hit
    FOR EACH ROW WHEN ((OLD.id, OLD.rule_id, OLD.version, OLD.mode, OLD.trigger, OLD.post_id, OLD.revision, OLD.reasons,
                        OLD.would_do, OLD.did, OLD.created_at) IS DISTINCT FROM
                       (NEW.id, NEW.rule_id, NEW.version, NEW.mode, NEW.trigger, NEW.post_id, NEW.revision, NEW.reasons,
                        NEW.would_do, NEW.did, NEW.created_at)
                       OR (NEW.author_id IS NOT NULL AND OLD.author_id IS DISTINCT FROM NEW.author_id)
                       OR (OLD.case_id IS NOT NULL AND OLD.case_id IS DISTINCT FROM NEW.case_id))
    EXECUTE FUNCTION row_is_fixed();
