-- Since which version of the set of scenarios vectors can be compared with the present one: what was merged since then
-- adds up, what was added or split would have to be made up. And whether guests are shown what the crowd thinks.
ALTER TABLE topic
    ADD COLUMN comparable_since integer NOT NULL DEFAULT 1,
    ADD COLUMN crowd_shown_to_guests boolean NOT NULL DEFAULT false;
UPDATE topic SET comparable_since = scenario_set_version;
-- A table that has checks to come is not altered: they are made now.
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE topic
    ALTER COLUMN comparable_since DROP DEFAULT,
    ALTER COLUMN crowd_shown_to_guests DROP DEFAULT,
    ADD CONSTRAINT topic_comparable_since_range CHECK (comparable_since BETWEEN 1 AND scenario_set_version);

-- What made each version of a set of scenarios after the first.
CREATE TABLE scenario_set_version (
    topic_id uuid NOT NULL CONSTRAINT scenario_set_version_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    version integer NOT NULL,
    change text NOT NULL,
    -- Whether vectors of the version before can be compared with this one.
    comparable boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT scenario_set_version_pkey PRIMARY KEY (topic_id, version),
    CONSTRAINT scenario_set_version_after_first CHECK (version >= 2),
    CONSTRAINT scenario_set_version_change_known CHECK (change IN ('add', 'retire', 'merge', 'split'))
);

-- Whether whoever stated a vector could have seen what the crowd thinks before.
ALTER TABLE credence ADD COLUMN saw_crowd boolean NOT NULL DEFAULT false;
ALTER TABLE credence ALTER COLUMN saw_crowd DROP DEFAULT;
ALTER TABLE credence_in_force ADD COLUMN saw_crowd boolean NOT NULL DEFAULT false;
ALTER TABLE credence_in_force ALTER COLUMN saw_crowd DROP DEFAULT;

-- How many people gave a scenario so many basis points, each by their last vector of those that can be compared with
-- one another. Every pool follows from these lines, however many people there are.
CREATE TABLE credence_tally (
    topic_id uuid NOT NULL,
    comparable_since integer NOT NULL,
    scenario_id uuid NOT NULL,
    bp integer NOT NULL,
    people integer NOT NULL,
    CONSTRAINT credence_tally_pkey PRIMARY KEY (topic_id, comparable_since, scenario_id, bp),
    CONSTRAINT credence_tally_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT credence_tally_bp_range CHECK (bp BETWEEN 0 AND 10000),
    CONSTRAINT credence_tally_people_not_negative CHECK (people >= 0)
) WITH (fillfactor = 70);

-- How many people hold a scenario, and no other, likeliest.
CREATE TABLE favourite_tally (
    topic_id uuid NOT NULL,
    comparable_since integer NOT NULL,
    scenario_id uuid NOT NULL,
    people integer NOT NULL,
    CONSTRAINT favourite_tally_pkey PRIMARY KEY (topic_id, comparable_since, scenario_id),
    CONSTRAINT favourite_tally_scenario_fkey FOREIGN KEY (topic_id, scenario_id)
        REFERENCES scenario (topic_id, id) ON DELETE CASCADE,
    CONSTRAINT favourite_tally_people_not_negative CHECK (people >= 0)
) WITH (fillfactor = 70);

-- What the lines above come to, kept so that nobody who reads has to count.
CREATE TABLE crowd (
    topic_id uuid NOT NULL CONSTRAINT crowd_topic_fkey REFERENCES topic (id) ON DELETE CASCADE,
    comparable_since integer NOT NULL,
    -- Who stated a vector that is counted here, and how many of them have stated one since that is counted elsewhere.
    people integer NOT NULL,
    moved_on integer NOT NULL,
    -- Counts the changes of the lines; the summary is of the state after so many of them.
    changes bigint NOT NULL,
    summarised_changes bigint NOT NULL,
    summary jsonb,
    summarised_at timestamptz,
    CONSTRAINT crowd_pkey PRIMARY KEY (topic_id, comparable_since),
    CONSTRAINT crowd_people_range CHECK (moved_on BETWEEN 0 AND people),
    CONSTRAINT crowd_summarised_changes_known CHECK (summarised_changes BETWEEN 0 AND changes),
    CONSTRAINT crowd_summary_is_dated CHECK (num_nulls(summary, summarised_at) <> 1)
) WITH (fillfactor = 50);

CREATE INDEX crowd_unsummarised_idx ON crowd (people) WHERE summarised_changes < changes;

-- The vectors stated so far are counted.
INSERT INTO credence_tally (topic_id, comparable_since, scenario_id, bp, people)
SELECT c.topic_id, t.comparable_since, p.scenario_id, p.bp, count(*)
FROM credence_in_force f
JOIN credence c ON (c.topic_id, c.account_id, c.number) = (f.topic_id, f.account_id, f.number)
JOIN topic t ON t.id = c.topic_id AND c.scenario_set_version >= t.comparable_since
JOIN credence_part p ON p.credence_id = c.id
GROUP BY c.topic_id, t.comparable_since, p.scenario_id, p.bp;

INSERT INTO favourite_tally (topic_id, comparable_since, scenario_id, people)
SELECT topic_id, comparable_since, favourite::uuid, count(*)
FROM (SELECT c.topic_id, t.comparable_since, min(p.scenario_id::text) AS favourite
      FROM credence_in_force f
      JOIN credence c ON (c.topic_id, c.account_id, c.number) = (f.topic_id, f.account_id, f.number)
      JOIN topic t ON t.id = c.topic_id AND c.scenario_set_version >= t.comparable_since
      JOIN credence_part p ON p.credence_id = c.id
      WHERE p.bp = (SELECT max(bp) FROM credence_part WHERE credence_id = c.id)
      GROUP BY c.id, c.topic_id, t.comparable_since
      HAVING count(*) = 1) held
GROUP BY topic_id, comparable_since, favourite;

INSERT INTO crowd (topic_id, comparable_since, people, moved_on, changes, summarised_changes)
SELECT topic_id, comparable_since, max(people), 0, 1, 0
FROM (SELECT topic_id, comparable_since, sum(people)::integer AS people
      FROM credence_tally GROUP BY topic_id, comparable_since, scenario_id) counted
GROUP BY topic_id, comparable_since;
