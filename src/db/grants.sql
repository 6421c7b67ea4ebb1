-- What the role of the server may do: everything that requests need, and nothing to the schema. Applied again
-- after each change of the schema, so that new tables are covered.
DO $$
DECLARE
    app text := current_setting('otherwise.app_role');
BEGIN
    IF current_setting('otherwise.make_app_role')::boolean
       AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = app) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', app);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            -- Roles belong to all databases of a cluster: it was made from another one meanwhile.
            NULL;
        END;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', app);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO %I', app);
    -- What is only added to.
    EXECUTE format('REVOKE UPDATE, DELETE ON audit_log, event FROM %I', app);
    -- What only loses the name of whoever did it.
    EXECUTE format('REVOKE DELETE ON automation_rule_version, automation_trial, rule_hit FROM %I', app);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON seaql_migrations FROM %I', app);
    -- Databases of older versions let everybody make tables.
    EXECUTE format('REVOKE CREATE ON SCHEMA public FROM PUBLIC, %I', app);
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END $$;
