//! The invariants I1 to I18 of the model: whatever people do in whatever order, none of them is broken.
//!
//! A check is a statement that finds the rows which break its invariant. What no row tells, I13 and what is shown of
//! a crowd, is asked through the API; that nothing else differs for whom the crowd is withheld is in `crowd.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use axum::http::Method;
use chrono::TimeDelta;
use expect_test::expect;
use otherwise::worker::{nullify_votes_next, own_data_next};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sea_orm::sqlx::{AssertSqlSafe, Connection, PgConnection, query_as, raw_sql};
use serde_json::{Value, json};

use crate::crowd::plainly;
use crate::scenario_sets::{add, decides, live, merge, proposes, retire, split, stepped};
use crate::support::builders::{day, judged_topic};
use crate::support::{Client, PASSWORD, Reply, TestApp};

const NOTHING: &str = "0198c5f0-0000-7000-8000-00000000dead";

const WHY: &str = "I had not thought of the tides, and without them nobody lands.";

/// What the checks need: what was once seen and has to stay, and what people say in each era of a set of scenarios,
/// that is between the versions which cannot be compared. It counts whoever still has an account.
const WITNESS: &str = "
    CREATE SCHEMA witness;
    CREATE TABLE witness.seen (what text, id uuid, was text, PRIMARY KEY (what, id));
    CREATE VIEW witness.now (what, id, was) AS
        SELECT 'credence', c.id, concat_ws(' ', c.account_id, c.topic_id, c.number, c.scenario_set_version, c.saw_crowd,
            c.created_at, (SELECT string_agg(scenario_id || ' ' || bp, ' ' ORDER BY scenario_id)
                           FROM credence_part WHERE credence_id = c.id))
        FROM credence c
        UNION ALL SELECT 'quotation', id, text FROM quotation q
                  WHERE EXISTS (SELECT FROM citation WHERE quotation_id = q.id)
        UNION ALL SELECT 'post', id, '' FROM post;
    CREATE VIEW witness.era AS
        SELECT topic_id, since, coalesce(lead(since) OVER (PARTITION BY topic_id ORDER BY since), 2147483647) AS until
        FROM (SELECT id AS topic_id, 1 AS since FROM topic
              UNION SELECT topic_id, version FROM scenario_set_version WHERE NOT comparable) begun;
    CREATE VIEW witness.present AS
        WITH RECURSIVE last AS (
            SELECT DISTINCT ON (e.topic_id, e.since, c.account_id) e.*, c.account_id, c.id
            FROM witness.era e JOIN credence c ON c.topic_id = e.topic_id
                AND c.scenario_set_version >= e.since AND c.scenario_set_version < e.until
            JOIN account a ON a.id = c.account_id AND a.state <> 'deleted'
            ORDER BY e.topic_id, e.since, c.account_id, c.number DESC
        ), part AS (
            SELECT l.topic_id, l.since, l.until, l.account_id, p.scenario_id, p.bp
            FROM last l JOIN credence_part p ON p.credence_id = l.id
            JOIN scenario s ON s.id = p.scenario_id AND s.parent_scenario_id IS NULL
            UNION ALL
            SELECT p.topic_id, p.since, p.until, p.account_id, s.merged_into, p.bp
            FROM part p JOIN scenario s ON s.id = p.scenario_id WHERE s.retired_in_version < p.until
        )
        SELECT p.topic_id, p.since, p.account_id, p.scenario_id, sum(p.bp)::integer AS bp
        FROM part p JOIN scenario s ON s.id = p.scenario_id AND (s.retired_in_version < p.until) IS NOT TRUE
        GROUP BY p.topic_id, p.since, p.account_id, p.scenario_id";

/// Without compiling each statement, which would take longer than all of them.
const SEE: &str = "SET jit = off; INSERT INTO witness.seen SELECT * FROM witness.now ON CONFLICT DO NOTHING";

/// What breaks each invariant; I13 has no row to be seen by.
const CHECKS: [(&str, &str); 22] = [
    (
        "I1",
        "SELECT id FROM topic WHERE status <> 'draft' AND num_nulls(antecedent_statement, antecedent_operation,
             point_of_divergence, consequent_in_question, horizon) > 0",
    ),
    (
        "I2",
        "SELECT t.id FROM topic t
         LEFT JOIN scenario s ON s.topic_id = t.id AND s.retired_in_version IS NULL AND s.parent_scenario_id IS NULL
         WHERE t.status <> 'draft' GROUP BY t.id
         HAVING count(*) FILTER (WHERE NOT s.is_residual) < 2 OR count(*) FILTER (WHERE s.is_residual) <> 1",
    ),
    (
        "I2",
        "SELECT s.id FROM scenario s JOIN topic t ON t.id = s.topic_id
         WHERE t.status <> 'draft' AND s.outcome_vs_actual <> ALL (CASE
             WHEN s.is_residual THEN '{unspecified}'::text[]
             WHEN t.outcome_occurred THEN '{absent,earlier,same,later,different}' ELSE '{present,same,different}' END)",
    ),
    (
        "I3",
        "SELECT t.id FROM topic t CROSS JOIN LATERAL (
             SELECT latest_day(t.horizon) AS day
             UNION ALL SELECT latest_day(date) FROM checkpoint WHERE topic_id = t.id) asked
         WHERE t.status <> 'draft'
           AND asked.day NOT BETWEEN latest_day(t.point_of_divergence) AND latest_day(t.horizon)
         UNION ALL SELECT v.id FROM variant_step s JOIN antecedent_variant v ON v.id = s.variant_id
         JOIN topic t ON t.id = v.topic_id AND t.status <> 'draft'
         WHERE s.kind = 'enabling_step' AND latest_day(s.date) > latest_day(t.point_of_divergence)",
    ),
    (
        "I4",
        "SELECT c.id FROM credence c CROSS JOIN LATERAL (
             SELECT array_agg(id ORDER BY id) AS ids FROM scenario
             WHERE topic_id = c.topic_id AND parent_scenario_id IS NULL
               AND introduced_in_version <= c.scenario_set_version
               AND (retired_in_version <= c.scenario_set_version) IS NOT TRUE) live
         CROSS JOIN LATERAL (
             SELECT array_agg(p.scenario_id ORDER BY p.scenario_id) AS ids, sum(p.bp) AS bp
             FROM credence_part p JOIN scenario s ON s.id = p.scenario_id AND s.parent_scenario_id IS NULL
             WHERE p.credence_id = c.id) said
         WHERE (said.ids, said.bp) IS DISTINCT FROM (live.ids, 10000)",
    ),
    (
        "I5",
        "SELECT s.id FROM witness.seen s LEFT JOIN witness.now n USING (what, id)
         JOIN account a ON a.id = split_part(s.was, ' ', 1)::uuid AND a.state <> 'deleted'
         WHERE s.what = 'credence' AND n.was IS DISTINCT FROM s.was",
    ),
    (
        "I6",
        "SELECT t.id FROM topic t CROSS JOIN LATERAL (
             SELECT 1 + count(*) AS last, 1 + count(*) FILTER (WHERE version <= 1 + t.scenario_set_version) AS known,
                    coalesce(max(version) FILTER (WHERE NOT comparable), 1) AS since
             FROM scenario_set_version WHERE topic_id = t.id) made
         CROSS JOIN LATERAL (SELECT 1 + count(*) AS last FROM scenario_proposal
                             WHERE topic_id = t.id AND status = 'accepted') asked
         WHERE (t.scenario_set_version, t.scenario_set_version, t.scenario_set_version, t.comparable_since)
               IS DISTINCT FROM (made.last, made.known, asked.last, made.since)",
    ),
    (
        // What is new among the wholes is comparable where it took the place of what was merged into it, and else not.
        "I6",
        "SELECT v.topic_id FROM scenario_set_version v
         WHERE v.comparable = EXISTS (
             SELECT FROM scenario s WHERE s.topic_id = v.topic_id AND s.introduced_in_version = v.version
               AND s.parent_scenario_id IS NULL AND NOT EXISTS (SELECT FROM scenario WHERE merged_into = s.id))",
    ),
    (
        "I7",
        "WITH RECURSIVE walk AS (
             SELECT id, topic_id, id AS root_id, 0 AS depth FROM post WHERE parent_id IS NULL
             UNION ALL SELECT p.id, p.topic_id, w.root_id, w.depth + 1
             FROM walk w JOIN post p ON p.parent_id = w.id AND p.topic_id = w.topic_id)
         SELECT id FROM (SELECT id, root_id, depth FROM post EXCEPT SELECT id, root_id, depth FROM walk) astray",
    ),
    (
        "I8",
        "SELECT r.id FROM relation r JOIN post made ON made.id = r.post_id
         LEFT JOIN relation attacked ON attacked.id = r.target_relation_id
         LEFT JOIN post older ON older.id = coalesce(r.target_post_id, attacked.post_id)
         LEFT JOIN scenario s ON s.id = r.target_scenario_id
         WHERE (r.type = 'undercut' AND attacked.id IS NULL)
            OR (older.created_at, older.id) >= (made.created_at, made.id)
            OR r.topic_id <> made.topic_id OR coalesce(older.topic_id, s.topic_id) <> made.topic_id",
    ),
    (
        "I9",
        "SELECT v.post_id FROM vote v JOIN post p ON p.id = v.post_id AND p.author_id = v.account_id
         UNION ALL SELECT post_id FROM vote GROUP BY post_id, account_id HAVING count(*) > 1
         UNION ALL SELECT t.post_id FROM post_tally t CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
                    count(*) FILTER (WHERE agreement = 1) AS agree, count(*) FILTER (WHERE agreement = -1) AS disagree
             FROM vote v WHERE v.post_id = t.post_id AND v.nullified = 0) s
         WHERE (t.quality_up, t.quality_down, t.agree, t.disagree) <> (s.up, s.down, s.agree, s.disagree)
         UNION ALL SELECT v.post_id FROM vote v WHERE v.nullified <> (
             SELECT count(*) FROM vote_nullification_item i
             WHERE (i.post_id, i.account_id) = (v.post_id, v.account_id) AND i.in_force)",
    ),
    (
        // The formulas of the orders, of quality and time alone.
        "I10",
        "SELECT p.id FROM post p JOIN post_rank r ON r.post_id = p.id AND r.until IS NULL
         CROSS JOIN LATERAL (
             SELECT count(*) FILTER (WHERE quality = 1)::float AS up, count(*) FILTER (WHERE quality = -1)::float AS down
             FROM vote WHERE post_id = p.id AND nullified = 0) v
         CROSS JOIN LATERAL (SELECT nullif(up + down, 0) AS n, 1.281551565545 ^ 2 AS zz) f
         CROSS JOIN LATERAL (SELECT
             coalesce((up / n + zz / (2 * n) - sqrt(zz * (up / n * (1 - up / n) + zz / (4 * n)) / n)) / (1 + zz / n), 0) AS best,
             sign(up - down) * log(greatest(abs(up - down), 1)) + extract(epoch FROM p.created_at)::float / 45000 AS hot,
             CASE WHEN least(up, down) = 0 THEN 0 ELSE n ^ (least(up, down) / greatest(up, down)) END AS controversial) s
         WHERE abs(r.best + s.best) + abs(r.top + up - down) + abs(r.hot + s.hot) + abs(r.controversial + s.controversial) > 1e-9",
    ),
    (
        "I11",
        "SELECT m.id FROM mind_change m JOIN post p ON p.id = m.post_id
         JOIN credence b ON b.id = m.before_credence_id JOIN credence a ON a.id = m.after_credence_id
         WHERE p.author_id = m.account_id OR (b.account_id, a.account_id) <> (m.account_id, m.account_id)
            OR (a.number, a.scenario_set_version) <> (b.number + 1, b.scenario_set_version)
            OR a.created_at < b.created_at
            OR 0 = (SELECT coalesce(sum(abs(q.bp - o.bp)), 0) FROM credence_part o
                    JOIN credence_part q ON q.scenario_id = o.scenario_id AND q.credence_id = a.id
                    WHERE o.credence_id = b.id)
         UNION ALL SELECT post_id FROM mind_change GROUP BY post_id, account_id HAVING count(*) > 1",
    ),
    (
        "I12",
        "SELECT q.id FROM quotation q JOIN witness.seen s ON s.id = q.id AND s.what = 'quotation' WHERE q.text <> s.was",
    ),
    (
        "I12",
        "SELECT q.id FROM quotation q JOIN citation_document c ON c.quotation_id = q.id
         WHERE c.document ->> 'source' IS NULL OR c.document #>> '{quotation,text}' IS DISTINCT FROM q.text
            OR c.document #>> '{quotation,locator}' IS DISTINCT FROM q.locator
            OR c.document ->> 'locator' IS DISTINCT FROM c.locator",
    ),
    (
        "I14",
        "WITH plain AS (SELECT topic_id, since, scenario_id, bp, count(*) FROM witness.present GROUP BY 1, 2, 3, 4),
              kept AS (SELECT topic_id, comparable_since, scenario_id, bp, people::bigint FROM credence_tally
                       WHERE people > 0)
         SELECT topic_id FROM ((TABLE plain EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE plain)) differ",
    ),
    (
        "I14",
        "WITH plain AS (SELECT topic_id, since, count(DISTINCT account_id), count(DISTINCT account_id) FILTER (
                            WHERE EXISTS (SELECT FROM witness.present l WHERE l.topic_id = p.topic_id
                                          AND l.account_id = p.account_id AND l.since > p.since))
                        FROM witness.present p GROUP BY topic_id, since),
              kept AS (SELECT topic_id, comparable_since, people::bigint, moved_on::bigint FROM crowd WHERE people > 0)
         SELECT topic_id FROM ((TABLE plain EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE plain)) differ",
    ),
    (
        "I15",
        "SELECT a.id FROM account a CROSS JOIN LATERAL (
             SELECT account_id FROM credence UNION SELECT account_id FROM credence_in_force
             UNION SELECT account_id FROM step_credence UNION SELECT account_id FROM meta_prediction
             UNION SELECT account_id FROM forecast UNION SELECT account_id FROM forecast_in_force
             UNION SELECT account_id FROM mind_change) said
         WHERE a.state = 'deleted' AND said.account_id = a.id
         UNION ALL SELECT id FROM account
         WHERE state = 'deleted' AND (username NOT LIKE 'deleted-%' OR num_nonnulls(email, display_name, bio) > 0)",
    ),
    (
        "I15",
        "SELECT s.id FROM witness.seen s LEFT JOIN post p ON p.id = s.id WHERE s.what = 'post' AND p.id IS NULL
         UNION ALL SELECT id FROM post WHERE status = 'deleted' AND body <> ''",
    ),
    (
        "I16",
        "SELECT id FROM relation
         WHERE (p_if_true BETWEEN 0 AND 10000 AND p_if_false BETWEEN 0 AND 10000 AND p_if_true + p_if_false > 0) IS NOT TRUE
           AND num_nonnulls(p_if_true, p_if_false) > 0",
    ),
    (
        "I17",
        "SELECT i.id FROM implication i LEFT JOIN citation c ON c.id = i.citation_id AND c.implication_id = i.id
         WHERE i.resolution <> 'unresolved' AND num_nonnulls(c.source_id, c.quotation_id) <> 1",
    ),
    (
        "I18",
        "SELECT scenario_id FROM chain_step GROUP BY scenario_id
         HAVING (min(step_no), max(step_no), count(DISTINCT step_no)) <> (1, count(*), count(*)) OR count(*) > 8",
    ),
];

/// The rows that break an invariant, each with its name.
async fn broken(database: &mut PgConnection) -> Vec<(String, String)> {
    raw_sql(SEE).execute(&mut *database).await.unwrap();
    let each =
        |(name, rows): &(&str, &str)| format!("SELECT '{name}', broken.id::text FROM ({rows}) broken (id)");
    let all: Vec<String> = CHECKS.iter().map(each).collect();
    query_as(AssertSqlSafe(all.join(" UNION ALL "))).fetch_all(database).await.unwrap()
}

/// Kinds of acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Post,
    Edit,
    Delete,
    Vote,
    State,
    Steps,
    Change,
    MindChange,
    Quote,
    Imply,
    Forecast,
    Resolve,
    Open,
    Patch,
    SignUp,
    Erase,
    Time,
}

/// Each as often as it is to come.
const KINDS: [(usize, Kind); 17] = [
    (8, Kind::Post),
    (6, Kind::Edit),
    (1, Kind::Delete),
    (9, Kind::Vote),
    (14, Kind::State),
    (1, Kind::Steps),
    (4, Kind::Change),
    (8, Kind::MindChange),
    (2, Kind::Quote),
    (2, Kind::Imply),
    (3, Kind::Forecast),
    (3, Kind::Resolve),
    (1, Kind::Open),
    (1, Kind::Patch),
    (1, Kind::SignUp),
    (1, Kind::Erase),
    (2, Kind::Time),
];

/// Since when, who, and what they gave each scenario.
type Said = (i64, String, BTreeMap<String, i64>);

/// An act; the numbers choose among what there is at the moment.
type Act = (Kind, [usize; 5]);

fn acts(length: usize, kinds: &[(usize, Kind)]) -> impl Strategy<Value = Vec<Act>> + use<> {
    let each: Vec<Kind> = kinds.iter().flat_map(|(weight, kind)| vec![*kind; *weight]).collect();
    prop::collection::vec((prop::sample::select(each), prop::array::uniform5(0_usize..1000)), length)
}

/// Some people, two topics, and what has come about there.
struct World {
    app: TestApp,
    /// Whose votes of agreement are turned round.
    contrary: bool,
    carol: Client,
    /// The first never says what they think.
    people: Vec<(String, Client)>,
    here: String,
    there: String,
    /// What a relation can have as its target, in both topics.
    things: Vec<(&'static str, String)>,
    /// With their authors.
    posts: Vec<(String, String)>,
    implications: Vec<String>,
    /// What each kind of act was answered.
    answers: BTreeMap<Kind, BTreeSet<String>>,
}

fn id(value: &Value) -> String {
    id_at(value, "id")
}

fn id_at(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(id).collect()
}

/// A vector that is whole: shares of everything, and what is left over for the largest.
fn shared_out(scenarios: &[String], n: [usize; 5]) -> Vec<Value> {
    let shares: Vec<usize> = (0..scenarios.len()).map(|i| n[i % 5] / (1 + i / 5) % 97).collect();
    let total = shares.iter().sum::<usize>().max(1);
    let mut bp: Vec<usize> = shares.iter().map(|share| share * 10_000 / total).collect();
    let (left, largest) = (10_000 - bp.iter().sum::<usize>(), (0..bp.len()).max_by_key(|i| bp[*i]).unwrap());
    bp[largest] += left;
    scenarios.iter().zip(bp).map(|(id, bp)| json!({ "scenario_id": id, "bp": bp })).collect()
}

impl World {
    async fn new(contrary: bool) -> Self {
        let app = TestApp::with(
            "[trust]\nlevel_1_days = 0\nlevel_1_accepted = 1\nlevel_2_days = 0\n\
                                 level_2_accepted = 1\nlevel_2_praised = 1\n",
        )
        .await;
        app.sql(WITNESS).await.unwrap();
        let carol = app.administrator("carol").await;
        let mut people = Vec::new();
        for name in ["dave", "alice", "bob", "erin", "frank", "grace", "heidi"] {
            people.push((name.to_owned(), app.member(name).await));
        }
        let mut world = Self {
            app,
            contrary,
            carol,
            people,
            here: String::new(),
            there: String::new(),
            things: Vec::new(),
            posts: Vec::new(),
            implications: Vec::new(),
            answers: BTreeMap::new(),
        };
        world.app.app.clock.advance(TimeDelta::minutes(1));
        for place in ["Sussex", "Kent"] {
            let mut topic = judged_topic(&format!("Had the Armada landed in {place}"));
            topic["checkpoints"] = json!([day("1590-01-01")]);
            topic["variants"][0]["enabling_steps"] =
                json!([{ "date": day("1588-08-01"), "statement": "The barges come." }]);
            let read = world.person("alice").post("/topics", topic).await.is(201).body;
            world.there = std::mem::replace(&mut world.here, read["slug"].as_str().unwrap().to_owned());
            world.things.push(("topic", id(&read)));
            for (kind, list) in [
                ("scenario", &read["scenarios"]),
                ("background_fact", &read["background_facts"]),
                ("variant", &read["variants"]),
                ("chain_step", &read["scenarios"][0]["chain_steps"]),
            ] {
                world.things.extend(ids(list).into_iter().map(|id| (kind, id)));
            }
        }
        world
    }

    fn person(&self, name: &str) -> &Client {
        &self.people.iter().find(|(other, _)| other == name).unwrap().1
    }

    /// The author of a post as a rule, where they are still there, and now and then somebody else.
    fn author(&self, author: &str, n: usize) -> &Client {
        let known = self.people.iter().find(|(name, _)| name == author && !n.is_multiple_of(5));
        &known.unwrap_or(&self.people[n % self.people.len()]).1
    }

    async fn read(&self) -> Value {
        self.carol.get(&format!("/topics/{}", self.here)).await.is(200).body
    }

    /// Time goes on, longer than access tokens are good.
    async fn pass(&mut self, time: TimeDelta) {
        self.app.app.clock.advance(time);
        while own_data_next(&self.app.app).await.unwrap() {}
        otherwise::trust::raise(&self.app.app, None).await.unwrap();
        self.carol = self.app.sign_in("carol").await;
        for (name, client) in &mut self.people {
            *client = self.app.sign_in(name).await;
        }
    }

    /// Does it, and notes what is there by now.
    async fn act(&mut self, (kind, n): Act) {
        let reply = match kind {
            Kind::Post | Kind::Edit | Kind::Delete | Kind::Vote | Kind::MindChange => {
                self.argue(kind, n).await
            }
            Kind::State | Kind::Steps | Kind::Change => self.believe(kind, n).await,
            Kind::Imply | Kind::Forecast | Kind::Resolve => self.test(kind, n).await,
            Kind::Quote | Kind::Open | Kind::Patch => self.ask(kind, n).await,
            Kind::SignUp | Kind::Erase | Kind::Time => self.come_and_go(kind, n).await,
        };
        let Some(reply) = reply else { return };
        let answer = if reply.status < 300 {
            reply.status.to_string()
        } else {
            assert!((400..500).contains(&reply.status), "{kind:?} {n:?}: {reply:?}");
            let (status, code) = (reply.status, reply.text("/code"));
            let reply = reply.is_problem(status, &code);
            reply.body["errors"][0]["code"].as_str().map_or(code, str::to_owned)
        };
        self.answers.entry(kind).or_default().insert(answer);
    }

    /// What a post says, right or wrong.
    fn argument(&self, n: [usize; 5]) -> Value {
        let types =
            ["support", "rebut", "undercut", "question", "evidence", "concede", "undercut", "evidence"];
        // Anything that there is, or what was said last.
        let argued = |(kind, _): &&(&str, String)| matches!(*kind, "post" | "relation");
        let mut last = self.things.iter().rev().filter(argued);
        let any = &self.things[n[2] / 2 % self.things.len()];
        let (kind, target) = if n[2].is_multiple_of(2) { any } else { last.nth(n[2] / 2 % 6).unwrap_or(any) };
        let mut relation = json!({ "type": types[n[1] % 8], "target": { "kind": kind, "id": target } });
        let likelihoods =
            [(Some(0), Some(0)), (Some(9600), Some(400)), (Some(500), None), (Some(10_000), Some(0))];
        if let Some((p_if_true, p_if_false)) =
            likelihoods.get(n[3] / 2 % if relation["type"] == "evidence" { 6 } else { 24 })
        {
            (relation["p_if_true"], relation["p_if_false"]) = (json!(p_if_true), json!(p_if_false));
        }
        let source =
            json!({ "type": "book", "title": format!("Annals {}", n[4]), "source_class": "secondary" });
        let quotation = json!({ "text": format!("That fleet of {} sails.", n[4]), "attribution": "Camden" });
        let citation = json!({ "source": source, "quotation": quotation, "locator": "p. 3" });
        let is = |one: bool, value: Value| if one { json!([value]) } else { json!([]) };
        json!({ "body": format!("Argument {}.", n[4]), "relations": is(!n[3].is_multiple_of(2), relation),
                "citations": is(n[4].is_multiple_of(3), citation) })
    }

    /// Posts, votes, and minds that are changed by them.
    async fn argue(&mut self, kind: Kind, n: [usize; 5]) -> Option<Reply> {
        // Minds are changed by those who say what they think.
        let least = usize::from(kind == Kind::MindChange);
        let (name, who) = &self.people[least + n[0] % (self.people.len() - least)];
        if kind == Kind::Post {
            let mut post = self.argument(n);
            if !n[4].is_multiple_of(2) && !self.posts.is_empty() {
                post["parent_id"] = json!(self.posts[n[4] % self.posts.len()].0);
            }
            let topic = if n[0].is_multiple_of(7) { &self.there } else { &self.here };
            let reply = who.post(&format!("/topics/{topic}/posts"), post).await;
            if reply.status == 201 {
                self.posts.push((id(&reply.body), name.clone()));
                self.things.push(("post", id(&reply.body)));
                self.things.extend(ids(&reply.body["relations"]).into_iter().map(|id| ("relation", id)));
            }
            return Some(reply);
        }
        // The first ones as a rule, so that people meet.
        let known = self.posts.len();
        let among = match kind {
            Kind::Delete => known,
            Kind::MindChange => known.min(3),
            _ => known.min(6),
        };
        let (post, author) = self.posts.get(n[4] % among.max(1))?;
        let path = format!("/posts/{post}");
        Some(match kind {
            Kind::Edit => {
                let mut edited = self.argument(n);
                drop(edited.as_object_mut().unwrap().remove("citations"));
                self.author(author, n[0]).patch(&path, edited).await
            }
            Kind::Delete => self.author(author, n[0]).delete_as_read(&path).await,
            Kind::Vote if n[1].is_multiple_of(8) => who.delete(&format!("{path}/vote")).await,
            Kind::Vote => {
                let value = |n: usize| i64::try_from(n % 3).unwrap() - 1;
                let agreement = value(n[3]) * if self.contrary { -1 } else { 1 };
                let vote = [
                    json!({ "quality": value(n[2]) }),
                    json!({ "agreement": agreement }),
                    json!({ "quality": value(n[2]), "agreement": agreement }),
                    json!({ "quality": 2 }),
                ];
                who.put(&format!("{path}/vote"), vote[n[1] % 4].clone()).await
            }
            _ if n[2].is_multiple_of(6) => {
                who.send(Method::DELETE, &format!("{path}/mind-changes/mine"), None).await
            }
            _ => {
                let mut said = json!({ "explanation": if n[3].is_multiple_of(8) { "So." } else { WHY } });
                if n[1].is_multiple_of(3) {
                    said["after_number"] = json!(n[1] % 5);
                }
                who.post(&format!("{path}/mind-changes"), said).await
            }
        })
    }

    /// Credences, and the scenarios that they are about.
    async fn believe(&mut self, kind: Kind, n: [usize; 5]) -> Option<Reply> {
        let who = &self.people[1 + n[0] % (self.people.len() - 1)].1;
        let read = self.read().await;
        let live = live(&read);
        let pick = |n: usize| live[n % live.len()].id.as_str();
        if kind == Kind::State {
            let wholes: Vec<String> =
                live.iter().filter(|one| one.parent.is_none()).map(|one| one.id.clone()).collect();
            let mut vector = shared_out(&wholes, n);
            let mut version = read["scenario_set_version"].as_i64().unwrap();
            let all = ids(&read["scenarios"]);
            match n[4] % 16 {
                0 => vector[0]["bp"] = json!(vector[0]["bp"].as_i64().unwrap() + 1),
                1 => drop(vector.pop()),
                2 => vector.push(json!({ "scenario_id": all[n[1] % all.len()], "bp": 0 })),
                3 => version -= 1,
                4 => vector[0]["scenario_id"] = json!(NOTHING),
                _ => {}
            }
            let parts: Vec<_> = live
                .iter()
                .filter(|one| one.parent.is_some())
                .take(n[1] % 2)
                .map(|one| json!({ "scenario_id": one.id, "bp": 100 }))
                .collect();
            let stated = json!({ "scenario_set_version": version, "vector": vector, "sub_vector": parts });
            return Some(who.put(&format!("/topics/{}/credences/mine", self.here), stated).await);
        }
        if kind == Kind::Steps {
            let scenarios = read["scenarios"].as_array().unwrap();
            let scenario = &scenarios[n[1] % scenarios.len()];
            let steps: Vec<_> = ids(&scenario["chain_steps"])
                .into_iter()
                .map(|id| json!({ "chain_step_id": id, "bp": n[2] * 11 }))
                .collect();
            let path = format!("/scenarios/{}/step-credences/mine", id(scenario));
            return Some(who.put(&path, json!({ "steps": steps })).await);
        }
        let scenario = |n: usize| stepped(n, if n.is_multiple_of(5) { n } else { 0 });
        let change = match n[1] % 7 {
            0 => add(scenario(n[2])),
            1 => {
                let mut part = scenario(n[2]);
                part["parent_scenario_id"] = json!(pick(n[3]));
                add(part)
            }
            2 => retire(pick(n[2])),
            3 => merge(&[pick(n[2]), pick(n[3])], json!({ "scenario": scenario(n[2]) })),
            4 | 5 => merge(&[pick(n[2])], json!({ "scenario_id": pick(n[3]) })),
            _ => split(pick(n[2]), &[scenario(n[2]), scenario(n[3])]),
        };
        let proposed = proposes(who, &self.here, change).await;
        if proposed.status != 201 {
            return Some(proposed);
        }
        let decides_it = if n[4].is_multiple_of(6) { who } else { &self.carol };
        let reply = decides(
            decides_it,
            &proposed.text("/id"),
            if n[4].is_multiple_of(9) { "reject" } else { "accept" },
        )
        .await;
        let read = self.read().await;
        for scenario in ids(&read["scenarios"]) {
            if !self.things.contains(&("scenario", scenario.clone())) {
                self.things.push(("scenario", scenario));
            }
        }
        Some(reply)
    }

    /// What the record should show.
    async fn test(&mut self, kind: Kind, n: [usize; 5]) -> Option<Reply> {
        let who = &self.people[n[0] % self.people.len()].1;
        if kind == Kind::Imply {
            let scenarios: Vec<_> = self.things.iter().filter(|(kind, _)| *kind == "scenario").collect();
            let bears_on = [&scenarios[n[1] % scenarios.len()].1];
            let new = json!({ "statement": "The muster rolls are short.", "bears_on": bears_on, "test_kind": "hoop" });
            let reply = who.post(&format!("/topics/{}/implications", self.here), new).await;
            self.implications.extend((reply.status == 201).then(|| id(&reply.body)));
            return Some(reply);
        }
        let path = format!("/implications/{}", self.implications.get(n[1] % self.implications.len().max(1))?);
        if kind == Kind::Forecast {
            return Some(who.put(&format!("{path}/forecast/mine"), json!({ "bp": n[2] * 11 })).await);
        }
        let who = if n[0].is_multiple_of(3) { who } else { &self.carol };
        let etag = who.get(&path).await.is(200).header("etag").unwrap().to_owned();
        let read = self.read().await;
        let citations = [
            Value::Null,
            json!({}),
            json!({ "source_id": read["sources"][0]["id"] }),
            json!({ "quotation_id": read["quotations"][0]["id"] }),
            json!({ "source_id": NOTHING }),
        ];
        let resolution = ["found", "not_found", "unclear", "unresolved"][n[2] % 4];
        let body = if n[2] % 8 == 3 {
            json!({ "resolution": resolution })
        } else {
            json!({ "resolution": resolution, "citation": citations[n[3] % 5] })
        };
        Some(who.with("if-match", &etag).put(&format!("{path}/resolution"), body).await)
    }

    /// Questions: opened and changed, right and wrong.
    async fn ask(&mut self, kind: Kind, n: [usize; 5]) -> Option<Reply> {
        let path = format!("/topics/{}", self.here);
        if kind == Kind::Open {
            let mut topic = judged_topic(&format!("Had the Armada landed in county {}", n[1]));
            let late = json!([{ "date": day("1590-01-01"), "statement": "Too late." }]);
            match n[2] % 12 {
                0 => topic["horizon"] = Value::Null,
                1 => topic["antecedent"] = Value::Null,
                2 => topic["horizon"] = day("1500-01-01"),
                3 => topic["checkpoints"] = json!([day("1700-01-01")]),
                4 => topic["variants"][0]["enabling_steps"] = late,
                5 => topic["scenarios"][0]["outcome_vs_actual"] = json!("present"),
                6 => drop(topic["scenarios"].as_array_mut().unwrap().pop()),
                7 => topic["scenarios"] = json!([topic["scenarios"][0], topic["scenarios"][3]]),
                8 => topic["scenarios"][0]["chain_steps"] = json!(vec![json!({ "statement": "On." }); 9]),
                _ => {}
            }
            return Some(self.people[n[0] % self.people.len()].1.post("/topics", topic).await);
        }
        if kind == Kind::Patch {
            let patches = [
                json!({ "horizon": null }),
                json!({ "horizon": day("1500-01-01") }),
                json!({ "checkpoints": [day("1580-01-01")] }),
                json!({ "scenarios": [] }),
                json!({ "checkpoints": [day("1591-01-01")] }),
                json!({ "horizon": day("1604-01-01") }),
                json!({ "outcome_occurred": false, "outcome_actual_date": null }),
            ];
            return Some(self.carol.patch(&path, patches[n[1] % 7].clone()).await);
        }
        let read = self.read().await;
        let key = |id: &Value| {
            read["sources"]
                .as_array()
                .unwrap()
                .iter()
                .find(|source| source["id"] == *id)
                .map(|source| source["key"].clone())
        };
        let as_sent = |read: &Value| {
            json!({ "key": read["key"], "source": key(&read["source_id"]), "text": read["text"], "language": read["language"],
                    "attribution": read["attribution"], "locator": read["locator"] })
        };
        let mut quotations: Vec<Value> = read["quotations"].as_array().unwrap().iter().map(as_sent).collect();
        let at = n[2] % quotations.len();
        if n[1].is_multiple_of(2) {
            quotations[at]["text"] = json!(format!("Other words: {}.", n[3]));
        } else {
            let mut new = quotations[at].clone();
            (new["key"], new["text"]) = (json!("another"), json!(format!("More words: {}.", n[3])));
            quotations.push(new);
        }
        Some(self.carol.patch(&path, json!({ "quotations": quotations })).await)
    }

    /// Accounts, and time.
    async fn come_and_go(&mut self, kind: Kind, n: [usize; 5]) -> Option<Reply> {
        match kind {
            Kind::SignUp => {
                let name = ["ivan", "judy", "mallory", "niaj", "olivia"][n[0] % 5].to_owned();
                let registration =
                    json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
                let reply = self.app.guest().post("/accounts", registration).await;
                if reply.status == 201 {
                    let client = self.app.sign_in(&name).await;
                    self.people.push((name, client));
                }
                return Some(reply);
            }
            Kind::Erase => {
                let (_, who) = self.people.remove(1 + n[0] % (self.people.len() - 1));
                let asked = json!({ "password": PASSWORD, "erase_posts": n[1].is_multiple_of(2) });
                let reply = who.post("/me/erasure", asked).await;
                self.pass(TimeDelta::days(7)).await;
                // Whoever is gone is nobody any more.
                who.get("/me").await.is_problem(401, "invalid_token");
                return Some(reply);
            }
            _ if n[0].is_multiple_of(8) => self.pass(TimeDelta::days(1)).await,
            _ => self.app.app.clock.advance(TimeDelta::seconds(i64::try_from(n[1] % 3).unwrap())),
        }
        None
    }

    /// What is shown of the crowd and is not what it should be.
    async fn misshown(&self) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        let mut is = |invariant: &str, right: bool, told: &dyn Debug| {
            if !right {
                wrong.push((invariant.to_owned(), format!("{told:?}")));
            }
        };
        let said = format!(
            "SELECT jsonb_build_array(p.since, a.username, jsonb_object_agg(p.scenario_id, p.bp))::text
             FROM witness.present p JOIN account a ON a.id = p.account_id JOIN topic t ON t.id = p.topic_id
             WHERE t.slug = '{}' GROUP BY p.since, a.username",
            self.here
        );
        let said = self.app.rows(&said).await;
        let said: Vec<Said> = said.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let versions = self.read().await["scenario_set_versions"].take();
        let began = versions.as_array().unwrap().iter().filter(|version| version["comparable"] == false);
        let present = began.map(|version| version["version"].as_i64().unwrap()).max().unwrap_or(1);
        let path = format!("/topics/{}/credences", self.here);
        let (mut crowd, mut spoke) = (None, 0);
        for (name, who) in &self.people {
            let reply = who.get(&path).await;
            if !said.iter().any(|(_, who, _)| who == name) {
                is("I13", (reply.status, &reply.body["code"]) == (403, &json!("crowd_withheld")), &reply);
                continue;
            }
            is("I13", reply.status == 200, &reply);
            (crowd, spoke) = (Some(reply.body), spoke + 1);
            // What was merged adds up, and where something else came nothing is filled in.
            let mine = who.get(&format!("{path}/mine")).await.is(200).body;
            let now = said.iter().find(|(since, who, _)| (*since, who) == (present, name));
            let part = |part: &Value| (id_at(part, "scenario_id"), part["bp"].as_i64().unwrap());
            let shown: Option<BTreeMap<_, _>> =
                mine["present"].as_array().map(|parts| parts.iter().map(part).collect());
            is("I6", shown.as_ref() == now.map(|(_, _, vector)| vector), &(&mine, now));
            is("I6", mine["stale"] == now.is_none(), &mine);
        }
        let Some(crowd) = crowd else { return wrong };
        let mut eras: BTreeMap<i64, Vec<Vec<i64>>> = BTreeMap::new();
        for (since, _, vector) in &said {
            eras.entry(*since).or_default().push(vector.values().copied().collect());
        }
        let fresh = eras.get(&present).map_or(0, Vec::len);
        is("I14", crowd["people"] == json!({ "fresh": fresh, "stale": spoke - fresh }), &crowd);
        // Of the crowds that are large enough, the last.
        let pool = &crowd["pool"];
        let Some((since, vectors)) = eras.iter().rev().find(|(_, vectors)| vectors.len() >= 5) else {
            is("I14", pool.is_null(), &crowd);
            return wrong;
        };
        let of = ["comparable_since", "method", "floor", "people", "stale"].map(|name| pool[name].clone());
        is("I14", json!(of) == json!([since, "median", 100, vectors.len(), *since < present]), &crowd);
        is("I14", pool["as_of"].is_string() && pool["scenario_set_version"].is_number(), &crowd);
        let scenarios = pool["scenarios"].as_array().unwrap().iter();
        let medians: BTreeMap<String, f64> =
            scenarios.map(|one| (id_at(one, "scenario_id"), one["median"].as_f64().unwrap())).collect();
        let plain = plainly(vectors);
        let right = medians.values().zip(&plain).all(|(shown, plain)| (shown - plain).abs() < 1e-6);
        is("I14", right && medians.len() == plain.len(), &(&crowd, plain));
        wrong
    }

    /// Has the votes of some people not count, or those count again that were struck last; the work on it may be cut off.
    async fn strikes(&self, number: usize) {
        let path = "/mod/vote-nullifications";
        let last = self.carol.get(path).await.is(200);
        let last =
            last.body["items"].as_array().unwrap().iter().find(|one| one["undone_at"].is_null()).map(id);
        let voters = "SELECT account_id::text FROM vote GROUP BY account_id ORDER BY account_id LIMIT 3";
        let voters = self.app.rows(voters).await;
        match last {
            Some(last) if number.is_multiple_of(2) => {
                self.carol.send(Method::POST, &format!("{path}/{last}/undo"), None).await.is(200);
            }
            _ if voters.is_empty() => {}
            _ => {
                let strike = json!({
                    "accounts": voters, "reason": "They are one person.",
                    "explanation": "Several accounts judged the same posts as one.",
                });
                self.carol.post(path, strike).await.is(201);
            }
        }
        for _ in 0..=number % 4 {
            nullify_votes_next(&self.app.app).await.unwrap();
        }
    }

    /// Fails the test unless every invariant holds.
    async fn assert_holds(&self, told: &str) {
        let mut database = PgConnection::connect(self.app.database_url()).await.unwrap();
        let mut wrong = broken(&mut database).await;
        database.close().await.unwrap();
        wrong.extend(self.misshown().await);
        assert!(wrong.is_empty(), "{told}: {wrong:#?}");
    }
}

#[tokio::test]
async fn i1_to_i18_hold_whatever_people_do() {
    let mut runner = TestRunner::deterministic();
    let mut answers: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
    let mut crowds = BTreeSet::new();
    let mut struck = 0;
    for case in 0..7 {
        let acts = acts(75, &KINDS).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(false).await;
        // In every other world all have said what they think before.
        for n in 0..6 * (case % 2) {
            world.act((Kind::State, [n, 300 * n, 70, 20, 5 + n])).await;
        }
        for (number, act) in acts.iter().enumerate() {
            // Now and then twice.
            for _ in 0..=usize::from(number.is_multiple_of(4)) {
                world.act(*act).await;
            }
            if number % 5 == 4 {
                world.strikes(number).await;
            }
            if number % 15 == 14 {
                world.assert_holds(&format!("case {case} after {:?}", &acts[..=number])).await;
            }
        }
        let large = "SELECT CASE c.comparable_since WHEN t.comparable_since THEN 'present' ELSE 'former' END
                     FROM crowd c JOIN topic t ON t.id = c.topic_id WHERE c.people >= 5";
        crowds.extend(world.app.rows(large).await);
        struck += world.app.rows("SELECT post_id::text FROM vote_nullification_item").await.len();
        for (kind, said) in world.answers {
            answers.entry(kind).or_default().extend(said);
        }
    }
    // The acts went everywhere.
    assert_eq!(Vec::from_iter(crowds), ["former", "present"]);
    assert!(struck > 10, "{struck} votes were struck");
    let lines: Vec<String> = answers
        .iter()
        .map(|(kind, said)| format!("{kind:?}: {}\n", said.iter().cloned().collect::<Vec<_>>().join(" ")))
        .collect();
    expect![[r#"
        Post: 201 impossible_evidence only_evidence post_deleted relation_needs_undercut undercut_needs_relation unknown_id
        Edit: 200 impossible_evidence not_older not_your_post one_likelihood post_deleted undercut_needs_relation unknown_id
        Delete: 200 not_your_post post_deleted
        Vote: 200 out_of_range own_post post_deleted
        State: 200 duplicate incomplete not_a_whole retired scenarios_changed unknown_scenario
        Steps: 200
        Change: 200 among_the_merged duplicate not_your_topic residual_stays too_few
        MindChange: 201 204 credences_unmoved mind_change_exists not_found out_of_range own_argument post_deleted too_short
        Quote: 200 fixed_once_open
        Imply: 201 retired unknown_scenario
        Forecast: 200 implication_resolved out_of_range
        Resolve: 200 ambiguous_citation citation_required not_your_topic
        Open: 201 before_divergence missing outcome_not_allowed outside_horizon too_few
        Patch: 200 before_divergence missing outcome_not_allowed outside_horizon too_few
        SignUp: 201 username_taken
        Erase: 202
    "#]].assert_eq(&lines.concat());
}

/// The orders of posts and topics, and what people have earned.
async fn order_of(world: &World) -> Vec<String> {
    let mut order = Vec::new();
    let sorts = ["best", "top", "new", "old", "hot", "controversial"];
    let threads = sorts.map(|sort| format!("/topics/{}/thread?sort={sort}&limit=100", world.here));
    let lists = ["active", "new", "top"].map(|sort| format!("/topics?sort={sort}"));
    for path in threads.into_iter().chain(lists) {
        let read = world.app.guest().get(&path).await.is(200).body;
        order.push(format!("{path}: {:?}", read.pointer("/posts/items").or(read.get("items")).map(ids)));
    }
    let rows = "SELECT concat_ws(' ', post_id, best, top, hot, controversial) FROM post_rank WHERE until IS NULL
                UNION ALL SELECT concat_ws(' ', topic_id, active, top, created) FROM topic_rank WHERE until IS NULL
                UNION ALL SELECT concat_ws(' ', username, trust_level) FROM account ORDER BY 1";
    order.extend(world.app.rows(rows).await);
    order
}

#[tokio::test]
async fn i10_whoever_agrees_or_not_orders_nothing_and_earns_nothing() {
    let mut runner = TestRunner::deterministic();
    let (mut earned, mut praised) = (0, 0);
    for _ in 0..2 {
        let kinds = [(2, Kind::Post), (12, Kind::Vote), (1, Kind::Delete), (1, Kind::Time)];
        let acts = acts(80, &kinds).new_tree(&mut runner).unwrap().current();
        let (mut world, mut contrary) = (World::new(false).await, World::new(true).await);
        for act in &acts {
            world.act(*act).await;
            contrary.act(*act).await;
        }
        for world in [&mut world, &mut contrary] {
            world.pass(TimeDelta::days(1)).await;
        }
        assert_eq!(order_of(&world).await, order_of(&contrary).await, "{acts:?}");
        let agree = "SELECT concat_ws(' ', post_id, agree, disagree) FROM post_tally ORDER BY 1";
        assert_ne!(world.app.rows(agree).await, contrary.app.rows(agree).await, "{acts:?}");
        earned += world.app.rows("SELECT username FROM account WHERE trust_level > 1").await.len();
        praised += world
            .app
            .rows("SELECT post_id::text FROM post_tally WHERE quality_up > quality_down")
            .await
            .len();
    }
    assert!(earned > 0 && praised > 2, "{earned} {praised}");
}

/// A world in which each invariant has something that can be broken, and its posts.
async fn told() -> (World, [String; 4]) {
    let mut world = World::new(false).await;
    let (here, there) = (world.here.clone(), world.there.clone());
    let read = world.read().await;
    let [alice, bob, erin] = ["alice", "bob", "erin"].map(|name| world.person(name).clone());
    let source = json!({ "type": "book", "title": "Annals", "source_class": "secondary" });
    let quotation = json!({ "text": "That fleet.", "attribution": "Camden" });
    let post = json!({
        "body": "The tides were against it.", "citations": [{ "source": source, "quotation": quotation }],
        "relations": [
            { "type": "support", "target": { "kind": "scenario", "id": read["scenarios"][1]["id"] } },
            { "type": "evidence", "target": { "kind": "topic", "id": read["id"] }, "p_if_true": 9000, "p_if_false": 1000 },
        ],
    });
    let first = alice.post(&format!("/topics/{here}/posts"), post).await.is(201).text("/id");
    let reply = bob.replies_to(&here, &first, "So were the winds.").await;
    let answer = erin.replies_to(&here, &reply, "Not all of them.").await;
    let last = bob.posts_in(&there, "Nobody answers here.").await;
    erin.put(&format!("/posts/{first}/vote"), json!({ "quality": 1, "agreement": -1 })).await.is(200);
    bob.put(&format!("/posts/{first}/vote"), json!({ "agreement": 1 })).await.is(200);
    for (_, person) in &world.people[1..] {
        person.states_credences(&here, &[4000, 3000, 2000, 1000]).await;
    }
    for person in [&alice, &bob] {
        person.states_credences(&here, &[1000, 3000, 2000, 4000]).await;
    }
    bob.post(&format!("/posts/{first}/mind-changes"), json!({ "explanation": WHY })).await.is(201);
    let [_, holds, flees, _] = &ids(&read["scenarios"])[..] else { panic!("{read:#}") };
    alice.changes_scenarios(&here, merge(&[holds, flees], json!({ "scenario": stepped(1, 3) }))).await;
    let implication = bob.proposes_in(&here, "The muster rolls are short.").await;
    erin.forecasts(&implication, 7000).await;
    let found = json!({ "resolution": "found", "citation": { "source_id": read["sources"][0]["id"] } });
    let any = world.carol.with("if-match", "*");
    any.put(&format!("/implications/{implication}/resolution"), found).await.is(200);
    // Heidi goes.
    world.come_and_go(Kind::Erase, [5; 5]).await;
    assert!(!world.people.iter().any(|(name, _)| name == "heidi"));
    world.assert_holds("as it was told").await;
    (world, [first, reply, answer, last])
}

/// What the schema refuses is done where the named constraints, all triggers and foreign keys are off, and undone.
const DAMAGES: [(&str, &[&str], &str); 38] = [
    ("I1", &["topic_open_is_specified"], "UPDATE topic SET horizon = NULL"),
    (
        "I2",
        &["topic_open_has_scenarios"],
        "DELETE FROM scenario WHERE topic_id = $there AND NOT is_residual AND label <> 'Elizabeth falls'",
    ),
    (
        "I2",
        &["scenario_outcome_allowed_by_topic"],
        "UPDATE scenario SET outcome_vs_actual = 'present' WHERE label = 'Elizabeth falls'",
    ),
    (
        "I3",
        &["topic_divergence_not_after_horizon"],
        "UPDATE topic SET point_of_divergence = horizon, horizon = point_of_divergence",
    ),
    (
        "I3",
        &["checkpoint_within_horizon"],
        "UPDATE checkpoint SET date = (SELECT date FROM variant_step WHERE kind = 'enabling_step' LIMIT 1)",
    ),
    (
        "I3",
        &["enabling_step_not_after_divergence"],
        "UPDATE variant_step SET date = (SELECT date FROM checkpoint LIMIT 1) WHERE kind = 'enabling_step'",
    ),
    (
        "I4",
        &["credence_covers_scenarios", "credence_number_positive"],
        "$vector SELECT $new, topic_id, scenario_id, bp FROM credence_part WHERE credence_id = $its AND bp < 4000",
    ),
    (
        "I4",
        &["credence_sums_to_all", "credence_number_positive"],
        "$vector SELECT $new, topic_id, scenario_id, bp / 2 FROM credence_part WHERE credence_id = $its",
    ),
    (
        "I5",
        &["credence_never_changes"],
        "UPDATE credence SET created_at = created_at - interval '1 day' WHERE number = 1",
    ),
    ("I5", &[], "DELETE FROM credence WHERE number = 1 AND account_id = $alice"),
    ("I6", &[], "UPDATE topic SET scenario_set_version = scenario_set_version + 1"),
    (
        "I6",
        &[],
        "INSERT INTO scenario (id, topic_id, position, label, statement, outcome_vs_actual, is_residual,
                               introduced_in_version, proposer_id)
         SELECT $new, topic_id, 20, label, statement, outcome_vs_actual, is_residual, 2, proposer_id
         FROM scenario WHERE topic_id = $here AND label = 'Elizabeth falls'",
    ),
    ("I7", &["post_is_in_its_place"], "UPDATE post SET parent_id = $answer WHERE id = $reply"),
    ("I7", &["post_keeps_its_place"], "UPDATE post SET topic_id = $there WHERE id = $answer"),
    (
        "I8",
        &["relation_is_fixed", "relation_undercut_attacks_relation"],
        "UPDATE relation SET type = 'undercut' WHERE target_kind = 'scenario'",
    ),
    (
        "I8",
        &["relation_is_fixed"],
        "UPDATE relation SET target_kind = 'post', target_post_id = $reply, target_scenario_id = NULL
         WHERE target_kind = 'scenario'",
    ),
    (
        "I8",
        &["relation_is_fixed"],
        "UPDATE relation SET target_scenario_id = (SELECT id FROM scenario WHERE topic_id = $there LIMIT 1)
         WHERE target_kind = 'scenario'",
    ),
    ("I9", &["vote_not_on_own_post"], "INSERT INTO vote SELECT id, author_id, 0, 0, created_at FROM post"),
    ("I9", &["vote_pkey"], "INSERT INTO vote SELECT post_id, account_id, 0, 0, updated_at FROM vote"),
    ("I9", &[], "UPDATE post_tally SET agree = agree + 1"),
    ("I9", &[], "UPDATE vote SET nullified = 1 WHERE quality = 0"),
    ("I10", &[], "UPDATE post_rank SET best = best - t.agree - t.disagree FROM post_tally t WHERE t.post_id = post_rank.post_id"),
    ("I10", &[], "UPDATE post_rank SET top = top + 1"),
    ("I10", &[], "UPDATE post_rank SET hot = hot + 1"),
    ("I10", &[], "UPDATE post_rank SET controversial = -1"),
    ("I11", &["mind_change_not_by_own_post"], "UPDATE mind_change SET post_id = $reply"),
    ("I11", &["mind_change_between_consecutive"], "UPDATE mind_change SET after_credence_id = before_credence_id"),
    (
        "I11",
        &["mind_change_once_key"],
        "INSERT INTO mind_change SELECT $new, topic_id, post_id, account_id, before_credence_id, after_credence_id, moved,
                                        counts, explanation, created_at FROM mind_change",
    ),
    ("I12", &["quotation_text_is_fixed"], "UPDATE quotation SET text = 'Other words.'"),
    (
        "I12",
        &["quotation_source_fkey"],
        "DELETE FROM source WHERE id IN (SELECT source_id FROM quotation)",
    ),
    ("I14", &[], "UPDATE credence_tally SET people = people + 1"),
    ("I14", &[], "UPDATE crowd SET people = people + 1"),
    ("I15", &[], "UPDATE account SET username = 'heidi' WHERE state = 'deleted'"),
    (
        "I15",
        &[],
        "INSERT INTO credence_in_force SELECT topic_id, (SELECT id FROM account WHERE state = 'deleted'), number, false
         FROM credence_in_force LIMIT 1",
    ),
    ("I15", &[], "DELETE FROM post WHERE id = $last"),
    (
        "I16",
        &["relation_is_fixed", "relation_likelihoods_range"],
        "UPDATE relation SET p_if_true = 0, p_if_false = 0 WHERE type = 'evidence'",
    ),
    ("I17", &["implication_resolved_has_citation"], "UPDATE implication SET citation_id = NULL"),
    ("I18", &["chain_step_contiguous"], "UPDATE chain_step SET step_no = 8 WHERE step_no = 3"),
];

#[tokio::test]
async fn every_check_reports_what_breaks_its_invariant_and_the_schema_refuses_what_it_can() {
    let (world, [_, reply, answer, last]) = told().await;
    let app = &world.app;
    let alice = "(SELECT id FROM account WHERE username = 'alice')";
    let its = format!("(SELECT id FROM credence WHERE account_id = {alice} AND number = 2)");
    // Another vector of alice's; one with the number 0 is not her last, so that nothing else follows from it.
    let vector = format!(
        "INSERT INTO credence SELECT $new, topic_id, account_id, $number, scenario_set_version, created_at, saw_crowd
         FROM credence WHERE id = {its}; INSERT INTO credence_part"
    );
    let topic = |slug: &str| format!("(SELECT id FROM topic WHERE slug = '{slug}')");
    let written = |statement: &str, number: &str| {
        let known = [
            ("$vector", vector.clone()),
            ("$its", its.clone()),
            ("$number", number.to_owned()),
            ("$alice", alice.to_owned()),
            ("$here", topic(&world.here)),
            ("$there", topic(&world.there)),
            ("$new", format!("'{NOTHING}'")),
            ("$reply", format!("'{reply}'")),
            ("$answer", format!("'{answer}'")),
            ("$last", format!("'{last}'")),
        ];
        known.iter().fold(statement.to_owned(), |text, (name, value)| text.replace(name, value))
    };
    let mut database = PgConnection::connect(app.database_url()).await.unwrap();
    for (invariant, constraints, damage) in DAMAGES {
        if let Some(constraint) = constraints.first() {
            app.refuses_sql(constraint, &written(damage, "3")).await;
        }
        let damaged = format!(
            "BEGIN;
             DO $$ DECLARE it record; BEGIN
                 FOR it IN SELECT conrelid::regclass AS its_table, conname FROM pg_constraint
                           WHERE conname = ANY ('{{{}}}') AND contype IN ('c', 'p', 'u') LOOP
                     EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', it.its_table, it.conname);
                 END LOOP;
             END $$;
             SET LOCAL session_replication_role = replica; {}",
            constraints.join(","),
            written(damage, "0")
        );
        raw_sql(AssertSqlSafe(damaged)).execute(&mut database).await.unwrap();
        let reported = names(broken(&mut database).await);
        raw_sql("ROLLBACK").execute(&mut database).await.unwrap();
        assert_eq!(reported, [invariant], "{damage}");
    }
    // What is shown is asked through the API, so this damage is done.
    let opens = written(
        "INSERT INTO credence_in_force SELECT $here, id, 1, false FROM account WHERE username = 'dave'",
        "",
    );
    app.refuses_sql("credence_in_force_credence_fkey", &opens).await;
    app.sql(&format!("SET session_replication_role = replica; {opens}")).await.unwrap();
    assert_eq!(names(world.misshown().await), ["I13"]);
    app.sql("DELETE FROM credence_in_force WHERE number = 1 AND account_id NOT IN (SELECT account_id FROM credence)").await.unwrap();
    app.sql("UPDATE crowd SET summary = replace(summary::text, '0.', '0.1')::jsonb").await.unwrap();
    assert_eq!(names(world.misshown().await), ["I14"]);
    // Nobody is asked anew, and so the crowd is not what it was either.
    app.sql("UPDATE topic SET comparable_since = scenario_set_version").await.unwrap();
    assert_eq!(names(world.misshown().await), ["I14", "I6"]);
    assert_eq!(names(broken(&mut database).await), ["I6"]);
    let checked: BTreeSet<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    let damaged: BTreeSet<_> = DAMAGES.iter().map(|(name, ..)| *name).collect();
    assert_eq!((checked.len(), checked), (17, damaged), "and I13 is above");
}

/// Which invariants are broken.
fn names(broken: Vec<(String, String)>) -> Vec<String> {
    broken.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>().into_iter().collect()
}
