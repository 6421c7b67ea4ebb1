//! Rows 1 and 2: votes, spread over many posts and all on one.

use super::{Bench, CONNECTIONS, authorizations, head};
use crate::data::ids::{self, Kind};
use crate::data::plan::{POPULAR, Plan, VOTERS};
use crate::invariants::check_votes;
use crate::load::{Load, Requests};
use crate::pgbench::Script;
use crate::report::{Bound, Figure};
use crate::server::Folder;

/// How many posts are voted on where votes are spread.
const POSTS: u32 = 10_000;

/// The post that all vote on: the first root of the popular topic.
const HOT: u32 = POPULAR;

/// A vote in one transaction: the post is locked, and what a vote changes nothing of is not written.
const VOTE: &str = r"
\set v random(1, VOTERS)
\set q random(-1, 1)
\set a random(-1, 1)
BEGIN;
SELECT post_id AS post, VOTER AS voter FROM post_tally WHERE post_id = POST FOR UPDATE \gset
SELECT coalesce(max(quality), 0) AS oq, coalesce(max(agreement), 0) AS oa
FROM vote WHERE post_id = :post AND account_id = :voter \gset
\if :q <> :oq or :a <> :oa
INSERT INTO vote (post_id, account_id, quality, agreement, updated_at, quality_at)
VALUES (:post, :voter, :q, :a, now(), CASE WHEN :q <> :oq THEN now() END)
ON CONFLICT ON CONSTRAINT vote_pkey
DO UPDATE SET quality = excluded.quality, agreement = excluded.agreement, updated_at = excluded.updated_at,
              quality_at = coalesce(excluded.quality_at, vote.quality_at);
UPDATE post_tally
SET quality_up = quality_up + (:q = 1)::int - (:oq = 1)::int,
    quality_down = quality_down + (:q = -1)::int - (:oq = -1)::int,
    agree = agree + (:a = 1)::int - (:oa = 1)::int, disagree = disagree + (:a = -1)::int - (:oa = -1)::int
WHERE post_id = :post RETURNING quality_up AS up, quality_down AS down \gset
\if :q <> :oq
WITH closed AS (
    UPDATE post_rank SET until = pg_current_xact_id(), closed_at = now() WHERE post_id = :post AND until IS NULL
    RETURNING branch_id, created
), counted AS (SELECT branch_id, created, :up::float8 AS up, :down::float8 AS down FROM closed)
INSERT INTO post_rank (post_id, branch_id, best, top, hot, controversial, created)
SELECT :post, branch_id,
       CASE WHEN up = 0 THEN 0 ELSE 0 - greatest(0, least(1,
           (up / (up + down) + 1.642374415149818 / (2 * (up + down))
            - 1.281551565545 * sqrt((up / (up + down) * (1 - up / (up + down)) + 1.642374415149818 / (4 * (up + down)))
                                    / (up + down))) / (1 + 1.642374415149818 / (up + down)))) END,
       0 - (up - down),
       0 - (sign(up - down) * log(greatest(abs(up - down), 1)) + created / 1000000 / 45000),
       CASE WHEN up = 0 OR down = 0 THEN 0 ELSE 0 - power(up + down, least(up, down) / greatest(up, down)) END,
       created
FROM counted;
\endif
\endif
END;
";

/// The number of the post that stands for a number from 1 to [`POSTS`]: they lie evenly among all.
fn step(plan: &Plan) -> u32 {
    plan.total() / POSTS
}

fn script(folder: &Folder, name: &str, set: &str, post: &str) -> Script {
    let text = VOTE
        .replace("VOTERS", &VOTERS.to_string())
        .replace("VOTER", &ids::sql(Kind::Account, ":v"))
        .replace("POST", &ids::sql(Kind::Post, post));
    Script::prepare(folder, name, &format!("{set}{text}"))
}

/// Requests that vote on some posts.
fn requests(name: &'static str, tokens: &[String], posts: impl Iterator<Item = u32>) -> Requests {
    let path = |post: u32| format!("/posts/{}/vote", ids::text(Kind::Post, post.into()));
    let sides = [-1, 0, 1];
    let ballot = |quality: i32, agreement: i32| {
        let body = format!(r#"{{"quality":{quality},"agreement":{agreement}}}"#);
        format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    Requests {
        name,
        pieces: vec![
            posts.map(|post| head("PUT", &path(post))).collect(),
            authorizations(tokens),
            sides.iter().flat_map(|quality| sides.map(|agreement| ballot(*quality, agreement))).collect(),
        ],
        is_unique: false,
    }
}

/// Votes spread over many posts.
pub(crate) async fn spread_load(bench: &mut Bench) -> Load {
    let step = step(&bench.plan);
    let tokens = bench.people.tokens(&bench.server).await;
    let requests = requests("votes-spread", tokens, (1..=POSTS).map(|number| number * step));
    Load::prepare(&bench.folder, &requests)
}

/// Votes on one post.
pub(crate) async fn hot_load(bench: &mut Bench) -> Load {
    let tokens = bench.people.tokens(&bench.server).await;
    Load::prepare(&bench.folder, &requests("votes-hot", tokens, std::iter::once(HOT)))
}

/// Checks the posts that were voted on.
pub(crate) async fn check(bench: &Bench) {
    let step = step(&bench.plan);
    let spread = ids::sql(Kind::Post, &format!("number * {step}"));
    let posts = format!(
        "post_id IN (SELECT {spread} FROM generate_series(1, {POSTS}) AS number UNION SELECT '{}'::uuid)",
        ids::text(Kind::Post, HOT.into())
    );
    check_votes(&bench.folder, &posts).await;
}

/// Row 1.
pub(crate) async fn spread(bench: &mut Bench) {
    let load = spread_load(bench).await;
    let step = step(&bench.plan);
    let set = format!("\\set p random(1, {POSTS}) * {step}\n");
    let script = script(&bench.folder, "votes-spread", &set, ":p");
    let compared = bench.compare(
        || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
        || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
    );
    check(bench).await;
    bench.spread = Some(compared.ours.per_second);
    bench.note(Figure {
        row: 1,
        name: "votes over 10,000 posts, against pgbench".to_owned(),
        ours: compared.ours.per_second,
        reference: compared.reference.per_second,
        unit: "votes/s",
        bound: Bound::AtLeast(2.0),
        spent: Some(compared.spent()),
        note: None,
        problem: compared.problem(),
    });
}

/// Row 2.
pub(crate) async fn on_one_post(bench: &mut Bench) {
    let load = hot_load(bench).await;
    let script = script(&bench.folder, "votes-hot", "", &HOT.to_string());
    let compared = bench.compare(
        || load.ask(&bench.server.address, CONNECTIONS, bench.seconds, bench.watched(bench.server.id())),
        || script.run(CONNECTIONS, bench.seconds, bench.only_postgres()),
    );
    check(bench).await;
    let ours = compared.ours.per_second;
    bench.note(Figure {
        row: 2,
        name: "votes on one post, against pgbench".to_owned(),
        ours,
        reference: compared.reference.per_second,
        unit: "votes/s",
        bound: Bound::AtLeast(10.0),
        spent: Some(compared.spent()),
        note: None,
        problem: compared.problem(),
    });
    if let Some(reference) = bench.spread {
        bench.note(Figure {
            row: 2,
            name: "votes on one post, against votes over 10,000".to_owned(),
            ours,
            reference,
            unit: "votes/s",
            bound: Bound::AtLeast(0.7),
            spent: None,
            note: None,
            problem: None,
        });
    }
}
