//! What has to be true whatever was measured: counters are what rows add up to, and places what counters give.

use sqlx::{AssertSqlSafe, Row};

use crate::server::Folder;

/// Posts whose counters are not what their votes add up to, or that do not stand where their votes put them.
const VOTES: &str = "
    WITH counted AS (
        SELECT post_id, count(*) FILTER (WHERE quality = 1) AS up, count(*) FILTER (WHERE quality = -1) AS down,
               count(*) FILTER (WHERE agreement = 1) AS agree, count(*) FILTER (WHERE agreement = -1) AS disagree
        FROM vote WHERE nullified = 0 AND POSTS GROUP BY post_id
    ), placed AS (
        SELECT post_id, count(*) AS places, min(top) AS top FROM post_rank WHERE until IS NULL AND POSTS GROUP BY post_id
    )
    SELECT count(*), min(t.post_id::text) FROM post_tally t
    LEFT JOIN counted c USING (post_id) LEFT JOIN placed p USING (post_id)
    WHERE POSTS AND ((t.quality_up, t.quality_down, t.agree, t.disagree)
                     IS DISTINCT FROM (coalesce(c.up, 0), coalesce(c.down, 0), coalesce(c.agree, 0), coalesce(c.disagree, 0))
                     OR p.places IS DISTINCT FROM 1 OR p.top IS DISTINCT FROM -(t.quality_up - t.quality_down)::float8)";

/// Posts whose replies are miscounted. What is below a post is what is below its replies, and they themselves: if that
/// holds everywhere, every count is right.
const REPLIES: &str = "
    WITH counted AS (
        SELECT p.parent_id AS post_id, count(*) AS replies, sum(t.descendant_count + 1) AS descendants
        FROM post p JOIN post_tally t ON t.post_id = p.id WHERE p.parent_id IS NOT NULL GROUP BY p.parent_id
    )
    SELECT count(*), min(t.post_id::text) FROM post_tally t LEFT JOIN counted c USING (post_id)
    WHERE (t.reply_count, t.descendant_count) IS DISTINCT FROM (coalesce(c.replies, 0), coalesce(c.descendants, 0))";

async fn require_none(folder: &Folder, what: &str, statement: String) {
    let mut db = folder.connect().await;
    sqlx::query("SET work_mem = '256MB'").execute(&mut db).await.unwrap();
    let wrong = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut db).await.unwrap();
    let count: i64 = wrong.get(0);
    assert!(count == 0, "{what}: {count} posts, the first {:?}", wrong.get::<Option<String>, _>(1));
}

/// Checks the votes on some posts; the condition names `post_id`.
pub(crate) async fn check_votes(folder: &Folder, posts: &str) {
    require_none(folder, "counters are not what votes add up to", VOTES.replace("POSTS", posts)).await;
}

/// Checks everything.
pub(crate) async fn check_all(folder: &Folder) {
    check_votes(folder, "true").await;
    require_none(folder, "replies are miscounted", REPLIES.to_owned()).await;
}
