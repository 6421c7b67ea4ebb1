-- Names that accounts had. For a year after it was given up, an old name leads to the new one, and nobody
-- else gets it, nor one that looks like it.
CREATE TABLE username_history (
    -- No foreign key: a name stays reserved when its account is gone.
    account_id uuid NOT NULL,
    username text NOT NULL,
    username_skeleton text NOT NULL,
    released_at timestamptz NOT NULL,
    CONSTRAINT username_history_pkey PRIMARY KEY (account_id, released_at, username)
);

CREATE INDEX username_history_username_idx ON username_history (username, released_at);
CREATE INDEX username_history_skeleton_idx ON username_history (username_skeleton, released_at);
CREATE INDEX username_history_released_idx ON username_history (released_at);

-- Whoever changes a name, and for whatever reason, its history is kept.
CREATE FUNCTION account_username_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO username_history (account_id, username, username_skeleton, released_at)
        VALUES (OLD.id, OLD.username, OLD.username_skeleton, greatest(OLD.updated_at, now()));
    ELSIF OLD.username <> NEW.username THEN
        INSERT INTO username_history (account_id, username, username_skeleton, released_at)
        VALUES (OLD.id, OLD.username, OLD.username_skeleton, NEW.updated_at);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER account_username_is_kept AFTER UPDATE OF username OR DELETE ON account
    FOR EACH ROW EXECUTE FUNCTION account_username_is_kept();

-- After the row and not before it: two who want one name wait for each other at its index, and whoever comes
-- second must see what the first one gave up.
CREATE FUNCTION account_username_released() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.username_skeleton = NEW.username_skeleton THEN
        RETURN NULL;
    END IF;
    IF EXISTS (SELECT FROM username_history h
               WHERE h.username_skeleton = NEW.username_skeleton AND h.account_id <> NEW.id
                 AND h.released_at > NEW.updated_at - interval '1 year') THEN
        RAISE EXCEPTION 'somebody else had this name within a year'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'account_username_released';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER account_username_released AFTER INSERT OR UPDATE OF username_skeleton ON account
    FOR EACH ROW EXECUTE FUNCTION account_username_released();
