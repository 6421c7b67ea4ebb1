//! The data that everything is measured on: generated from a seed, and shaped like real debates.

mod copy;
pub(crate) mod ids;
pub(crate) mod plan;
mod text;
mod tree;
mod votes;

use std::fs;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor, Row};

use crate::server::Folder;
use copy::Rows;
use ids::Kind;
use plan::{Plan, VOTERS};
use text::{Text, Writer};
use tree::Node;
use votes::Counters;

const SEED: u64 = 1956;

const DAY: i64 = 86_400_000_000;

/// When the first post was made, and how long ago the last one, in days.
const AGES: (i64, i64) = (150, 2);

/// The tables that are filled without their further indexes.
const LARGE: [&str; 7] = ["account", "post", "post_tally", "post_rank", "post_revision", "relation", "vote"];

/// What is generated, as far as the tables have it in common.
struct Generated {
    plan: Plan,
    nodes: Vec<Node>,
    votes: Vec<u32>,
    writer: Writer,
    /// Microseconds since 1970, when the first post was made and when the last vote was cast.
    begins: i64,
    ends: i64,
}

impl Generated {
    /// When a post was made: at even distances, so that numbers are in the order of time.
    fn made(&self, number: u32) -> i64 {
        let posts = self.nodes.len() as f64;
        self.begins + (f64::from(number) / posts * (self.ends - self.begins) as f64) as i64
    }

    fn posts(&self) -> impl Iterator<Item = (u32, &Node)> {
        (1..).zip(&self.nodes)
    }

    /// The relation of a reply to its parent, which a third of the posts have.
    fn relation(number: u32, node: &Node) -> Option<&'static str> {
        let types = ["support", "rebut", "support", "rebut", "question", "concede"];
        (node.parent > 0 && number.is_multiple_of(3)).then(|| types[number as usize / 3 % types.len()])
    }

    fn text(&self, number: u32, text: &mut Text) {
        self.writer.write(text, &mut StdRng::seed_from_u64(u64::from(number)));
    }
}

/// Microseconds since 1970.
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(elapsed.as_micros()).unwrap()
}

/// Fills the database, unless it was filled before.
pub(crate) async fn fill(folder: &Folder, posts: u32) -> Plan {
    let mut rng = StdRng::seed_from_u64(SEED);
    let plan = Plan::new(posts, &mut rng);
    let filled = folder.file("filled");
    if let Ok(before) = fs::read_to_string(&filled) {
        assert!(before == posts.to_string(), "the folder was filled with --posts {before}");
        return plan;
    }
    let begun = Instant::now();
    let nodes = tree::grow(&plan, &mut rng);
    let votes = votes::numbers(&nodes, plan.accounts, f64::from(posts) * 10.0, &mut rng);
    let today = now();
    let writer = Writer::new(&mut rng);
    let generated = Arc::new(Generated {
        plan: plan.clone(),
        nodes,
        votes,
        writer,
        begins: today - AGES.0 * DAY,
        ends: today - AGES.1 * DAY,
    });
    load(folder, &generated, &mut rng).await;
    fs::write(filled, posts.to_string()).unwrap();
    println!("filled in {:.0} s", begun.elapsed().as_secs_f64());
    plan
}

/// A connection that checks no foreign keys and runs no triggers.
async fn loader(folder: &Folder) -> PgConnection {
    let mut connection = folder.connect().await;
    run(&mut connection, "SET session_replication_role = replica").await;
    run(&mut connection, "SET maintenance_work_mem = '512MB'").await;
    run(&mut connection, "SET work_mem = '256MB'").await;
    connection
}

async fn run(connection: &mut PgConnection, statement: &str) {
    let done = connection.execute(AssertSqlSafe(statement.to_owned())).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn load(folder: &Folder, generated: &Arc<Generated>, rng: &mut StdRng) {
    let mut one = loader(folder).await;
    let mut other = loader(folder).await;
    run(&mut one, "ALTER SYSTEM SET max_wal_size = '4GB'").await;
    run(&mut one, "SELECT pg_reload_conf()").await;
    let indexes = drop_indexes(&mut one).await;
    topics(&mut one, generated, rng).await;
    accounts(&mut one, generated).await;
    let first = {
        let generated = Arc::clone(generated);
        tokio::spawn(async move {
            let counters = cast(&mut one, &generated).await;
            tallies(&mut one, &generated, &counters).await;
            ranks(&mut one, &generated, &counters).await;
            one
        })
    };
    let second = {
        let generated = Arc::clone(generated);
        tokio::spawn(async move {
            posts(&mut other, &generated).await;
            revisions(&mut other, &generated).await;
            relations(&mut other, &generated).await;
            other
        })
    };
    let (mut one, mut other) = (first.await.unwrap(), second.await.unwrap());
    let (left, right): (Vec<_>, Vec<_>) =
        indexes.into_iter().enumerate().partition(|(place, _)| place % 2 == 0);
    tokio::join!(
        async {
            for (_, index) in left {
                run(&mut one, &index).await;
            }
        },
        async {
            for (_, index) in right {
                run(&mut other, &index).await;
            }
        }
    );
    activity(&mut one).await;
    run(&mut one, "VACUUM ANALYZE").await;
    run(&mut one, "ALTER SYSTEM RESET max_wal_size").await;
    run(&mut one, "SELECT pg_reload_conf()").await;
    run(&mut one, "CHECKPOINT").await;
}

/// Drops the indexes that stand for no constraint, and gives the statements that make them again.
async fn drop_indexes(connection: &mut PgConnection) -> Vec<String> {
    let named = LARGE.map(|table| format!("'{table}'")).join(", ");
    let statement = format!(
        "SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid::regclass::text IN ({named})
           AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
         ORDER BY i.indrelid, 1"
    );
    let found = sqlx::query(AssertSqlSafe(statement)).fetch_all(&mut *connection).await.unwrap();
    let mut definitions = Vec::new();
    for index in found {
        run(connection, &format!("DROP INDEX {}", index.get::<String, _>(0))).await;
        definitions.push(index.get(1));
    }
    definitions
}

/// Makes the topics from the first debate: everything that a topic has of its own, under other names.
async fn topics(connection: &mut PgConnection, generated: &Generated, rng: &mut StdRng) {
    run(
        connection,
        "CREATE TEMPORARY TABLE planned (n integer, id uuid, title text, made timestamptz, author uuid)",
    )
    .await;
    let mut rows = Rows::into(connection, "planned").await;
    for number in 1..=generated.plan.topics() {
        let title = generated.writer.title(rng);
        let author = generated.nodes[number as usize - 1].author;
        let made = generated.made(number) - DAY;
        rows.row(5).await.int4(number).uuid(ids::bytes(Kind::Topic, number.into())).text(&title).time(made);
        rows.uuid(ids::bytes(Kind::Account, author.into()));
    }
    rows.finish().await;
    // A scenario or a variant of a copy has an identifier made from that of the topic and that of the original.
    let child = |table: &str, columns: &str| {
        format!(
            "INSERT INTO {table} SELECT (jsonb_populate_record(t, jsonb_build_object('topic_id', p.id {columns}))).*
             FROM {table} t CROSS JOIN planned p WHERE t.topic_id = (SELECT id FROM topic WHERE slug LIKE 'khrushchev%')"
        )
    };
    let id = ", 'id', md5(t.id::text || p.id::text)::uuid";
    for statement in [
        child("scenario", id),
        child("antecedent_variant", id),
        child("topic_tag", ""),
        "INSERT INTO topic SELECT (jsonb_populate_record(t, jsonb_build_object(
             'id', p.id, 'slug', 'debate-' || p.n, 'title', p.title, 'likeness', p.title, 'author_id', p.author,
             'primary_variant_id', md5(t.primary_variant_id::text || p.id::text)::uuid,
             'created_at', p.made, 'updated_at', p.made))).*
         FROM topic t CROSS JOIN planned p WHERE t.slug LIKE 'khrushchev%'"
            .to_owned(),
    ] {
        run(connection, &statement).await;
    }
}

/// The name of an account: letters only, which look like no others.
pub(crate) fn username(number: u32) -> String {
    let letter = |digit: u8| char::from(b"abcdefghkt"[usize::from(digit - b'0')]);
    format!("person_{}", number.to_string().bytes().map(letter).collect::<String>())
}

async fn accounts(connection: &mut PgConnection, generated: &Generated) {
    let columns =
        "account (id, username, username_skeleton, kind, role, trust_level, state, version, created_at,
                            updated_at)";
    let mut rows = Rows::into(connection, columns).await;
    let made = generated.begins - 30 * DAY;
    for number in 1..=generated.plan.accounts {
        let name = username(number);
        rows.row(10).await.uuid(ids::bytes(Kind::Account, number.into())).text(&name).text(&name);
        rows.text("person")
            .text("member")
            .int2(i16::from(number <= VOTERS))
            .text("active")
            .int4(1)
            .time(made)
            .time(made);
    }
    rows.finish().await;
}

async fn cast(connection: &mut PgConnection, generated: &Generated) -> Vec<Counters> {
    let mut counters = vec![Counters::default(); generated.nodes.len()];
    let columns = "vote (post_id, account_id, quality, agreement, updated_at, quality_at)";
    let mut rows = Rows::into(connection, columns).await;
    let mut votes = Vec::new();
    for (number, node) in generated.posts() {
        let count = generated.votes[number as usize - 1];
        votes::of_post(number, node, count, generated.plan.accounts, &mut votes);
        let made = generated.made(number);
        for vote in &votes {
            counters[number as usize - 1].count(vote);
            let at = made + ((generated.ends - made) as f64 * vote.when) as i64;
            rows.row(6).await.uuid(ids::bytes(Kind::Post, number.into()));
            rows.uuid(ids::bytes(Kind::Account, vote.account.into()));
            rows.int2(vote.quality).int2(vote.agreement).time(at);
            if vote.quality == 0 {
                rows.null()
            } else {
                rows.time(at)
            };
        }
    }
    rows.finish().await;
    counters
}

async fn tallies(connection: &mut PgConnection, generated: &Generated, counters: &[Counters]) {
    let columns =
        "post_tally (post_id, quality_up, quality_down, agree, disagree, reply_count, descendant_count)";
    let mut rows = Rows::into(connection, columns).await;
    for ((number, node), votes) in generated.posts().zip(counters) {
        rows.row(7).await.uuid(ids::bytes(Kind::Post, number.into()));
        rows.int4(votes.up).int4(votes.down).int4(votes.agree).int4(votes.disagree);
        rows.int4(node.replies).int4(node.descendants);
    }
    rows.finish().await;
}

async fn ranks(connection: &mut PgConnection, generated: &Generated, counters: &[Counters]) {
    let columns = "post_rank (post_id, branch_id, best, top, hot, controversial, created)";
    let mut rows = Rows::into(connection, columns).await;
    for ((number, node), votes) in generated.posts().zip(counters) {
        let branch = match node.parent {
            0 => ids::bytes(Kind::Topic, node.topic.into()),
            parent => ids::bytes(Kind::Post, parent.into()),
        };
        let made = generated.made(number) as f64;
        let [best, top, hot, controversial] = standing(votes.up.into(), votes.down.into(), made / 1e6);
        rows.row(7).await.uuid(ids::bytes(Kind::Post, number.into())).uuid(branch);
        rows.float8(best).float8(top).float8(hot).float8(controversial).float8(made);
    }
    rows.finish().await;
}

/// The keys of a post in every order that depends on votes, as the server computes them.
fn standing(up: f64, down: f64, seconds: f64) -> [f64; 4] {
    let z = 1.281_551_565_545_f64;
    let count = up + down;
    let best = if up > 0.0 {
        let share = up / count;
        let margin = z * ((share * (1.0 - share) + z * z / (4.0 * count)) / count).sqrt();
        ((share + z * z / (2.0 * count) - margin) / (1.0 + z * z / count)).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let score = up - down;
    let hot = score.signum() * score.abs().max(1.0).log10() + seconds / 45_000.0;
    let controversial = if up > 0.0 && down > 0.0 { count.powf(up.min(down) / up.max(down)) } else { 0.0 };
    // Subtracted, so that no key is −0.0.
    [0.0 - best, 0.0 - score, 0.0 - hot, 0.0 - controversial]
}

async fn posts(connection: &mut PgConnection, generated: &Generated) {
    let columns =
        "post (id, topic_id, author_id, parent_id, root_id, depth, body, body_html, renderer_version,
                         citation_status, status, revision, created_at)";
    let mut rows = Rows::into(connection, columns).await;
    let mut text = Text::default();
    for (number, node) in generated.posts() {
        generated.text(number, &mut text);
        let post = |number: u32| ids::bytes(Kind::Post, number.into());
        rows.row(13).await.uuid(post(number)).uuid(ids::bytes(Kind::Topic, node.topic.into()));
        rows.uuid(ids::bytes(Kind::Account, node.author.into()));
        if node.parent == 0 {
            rows.null()
        } else {
            rows.uuid(post(node.parent))
        };
        rows.uuid(post(node.root)).int4(node.depth).text(&text.body).text(&text.html).int4(1);
        rows.text("not_applicable").text("visible").int4(1).time(generated.made(number));
    }
    rows.finish().await;
}

async fn revisions(connection: &mut PgConnection, generated: &Generated) {
    let columns = "post_revision (post_id, number, body, body_html, relations, created_at)";
    let mut rows = Rows::into(connection, columns).await;
    let mut text = Text::default();
    for (number, node) in generated.posts() {
        generated.text(number, &mut text);
        let relations = Generated::relation(number, node).map_or("[]".to_owned(), |relation| {
            let parent = ids::text(Kind::Post, node.parent.into());
            format!(r#"[{{"type": "{relation}", "target": {{"id": "{parent}", "kind": "post"}}}}]"#)
        });
        rows.row(6).await.uuid(ids::bytes(Kind::Post, number.into())).int4(1);
        rows.text(&text.body).text(&text.html).json(&relations).time(generated.made(number));
    }
    rows.finish().await;
}

async fn relations(connection: &mut PgConnection, generated: &Generated) {
    let columns = "relation (id, topic_id, post_id, position, type, target_kind, target_post_id, created_at)";
    let mut rows = Rows::into(connection, columns).await;
    for (number, node) in generated.posts() {
        let Some(relation) = Generated::relation(number, node) else { continue };
        rows.row(8).await.uuid(ids::bytes(Kind::Relation, number.into()));
        rows.uuid(ids::bytes(Kind::Topic, node.topic.into()));
        rows.uuid(ids::bytes(Kind::Post, number.into())).int2(1).text(relation).text("post");
        rows.uuid(ids::bytes(Kind::Post, node.parent.into())).time(generated.made(number));
    }
    rows.finish().await;
}

/// Counts what topics count.
async fn activity(connection: &mut PgConnection) {
    for statement in [
        "INSERT INTO topic_participant SELECT DISTINCT topic_id, author_id FROM post WHERE topic_id IN (SELECT id FROM planned)",
        "INSERT INTO topic_activity (topic_id, post_count, participant_count, last_activity_at)
         SELECT topic_id, count(*), (SELECT count(*) FROM topic_participant t WHERE t.topic_id = post.topic_id),
                max(created_at)
         FROM post WHERE topic_id IN (SELECT id FROM planned) GROUP BY topic_id",
        "INSERT INTO topic_rank (topic_id, active, top, created)
         SELECT p.id, -(extract(epoch FROM a.last_activity_at) * 1000000)::float8, -a.participant_count,
                (extract(epoch FROM p.made) * 1000000)::float8
         FROM planned p JOIN topic_activity a ON a.topic_id = p.id",
    ] {
        run(connection, statement).await;
    }
}
