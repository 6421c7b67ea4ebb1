//! Casting votes and taking them back, and striking those that are not to count.

mod casting;

pub use casting::Casting;

use sea_orm::{ConnectionTrait, FromQueryResult};
use uuid::Uuid;

use crate::changes::Change;
use crate::clock::Time;
use crate::db::{Tx, all, sql};
use crate::error::Result;
use crate::ids::{AccountId, PostId, TopicId};
use crate::policy::{NullifyVotes, Permit};
use crate::ranking;
use crate::ranking::rules::Standing;

/// Strikes votes, so that they do not count, once more for each nullification that they are in. The tallies of their posts
/// are locked.
///
/// # Errors
/// The database is away.
pub async fn strike(
    tx: &Tx,
    _: &Permit<NullifyVotes<'_>>,
    votes: &[(PostId, AccountId)],
    now: Time,
) -> Result<()> {
    weigh(tx, 1, votes, now).await
}

/// Takes one nullification off votes; those that are in no other one count again. The tallies of their posts are locked.
///
/// # Errors
/// The database is away.
pub async fn restore(
    tx: &Tx,
    _: &Permit<NullifyVotes<'_>>,
    votes: &[(PostId, AccountId)],
    now: Time,
) -> Result<()> {
    weigh(tx, -1, votes, now).await
}

#[derive(FromQueryResult)]
struct Recounted {
    post_id: PostId,
    topic_id: TopicId,
    created_at: Time,
    quality_up: i32,
    quality_down: i32,
}

/// Puts votes in so many nullifications more, and counts their posts anew: from the rows, so that nothing depends on what was
/// counted before.
async fn weigh(tx: &Tx, more: i32, votes: &[(PostId, AccountId)], now: Time) -> Result<()> {
    let (mut posts, accounts): (Vec<Uuid>, Vec<Uuid>) =
        votes.iter().map(|(post, account)| (post.0, account.0)).unzip();
    let change = "UPDATE vote v SET nullified = nullified + $3
                  FROM unnest($1::uuid[], $2::uuid[]) AS struck (post_id, account_id)
                  WHERE v.post_id = struck.post_id AND v.account_id = struck.account_id";
    tx.conn().execute_raw(sql(change, [posts.clone().into(), accounts.into(), more.into()])).await?;
    posts.sort_unstable();
    posts.dedup();
    let recount = sql(
        "WITH counted AS (
             SELECT p.id, p.topic_id, p.created_at,
                    count(*) FILTER (WHERE v.quality = 1)::integer AS up,
                    count(*) FILTER (WHERE v.quality = -1)::integer AS down,
                    count(*) FILTER (WHERE v.agreement = 1)::integer AS agree,
                    count(*) FILTER (WHERE v.agreement = -1)::integer AS disagree
             FROM post p LEFT JOIN vote v ON v.post_id = p.id AND v.nullified = 0
             WHERE p.id = ANY ($1) GROUP BY p.id)
         UPDATE post_tally t SET quality_up = c.up, quality_down = c.down, agree = c.agree, disagree = c.disagree
         FROM counted c WHERE t.post_id = c.id
         RETURNING t.post_id, c.topic_id, c.created_at, t.quality_up, t.quality_down",
        [posts.into()],
    );
    let mut standings = Vec::new();
    for post in all::<Recounted>(tx.conn(), recount).await? {
        tx.changes(Change::Topic(post.topic_id));
        standings.push((post.post_id, standing(post.quality_up, post.quality_down, post.created_at)));
    }
    ranking::update_posts(tx, &standings, now).await
}

/// The standing of a post with so many votes, which are never less than none.
fn standing(up: i32, down: i32, created_at: Time) -> Standing {
    let count = |votes: i32| u32::try_from(votes).unwrap_or_default();
    Standing::of(count(up), count(down), created_at)
}
