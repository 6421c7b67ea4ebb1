//! Casting votes and taking them back, and striking those that are not to count.

use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QuerySelect};
use uuid::Uuid;

use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, sql};
use crate::entity::{post_tally, vote};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, PostId, TopicId};
use crate::policy::{NullifyVotes, Permit, Vote};
use crate::ranking;
use crate::ranking::rules::Standing;

/// What somebody thinks of a post. An axis that is not there is left as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ballot {
    /// Whether it is a good argument: -1, 0 or 1.
    pub quality: Option<i16>,
    /// Whether they agree: -1, 0 or 1.
    pub agreement: Option<i16>,
}

impl Ballot {
    /// Both axes taken back.
    pub const NONE: Self = Self { quality: Some(0), agreement: Some(0) };
}

/// Casts a vote: the row, the counters, and the post's place. `tally` was read under its lock. Gives the
/// counters and the vote as they are afterwards.
///
/// # Errors
/// 403 on one's own post.
pub async fn cast(
    tx: &Tx,
    permit: &Permit<Vote<'_>>,
    mut tally: post_tally::Model,
    ballot: Ballot,
    now: Time,
) -> Result<(post_tally::Model, vote::Model)> {
    let (post, voter) = (permit.act().post, permit.by());
    let stored = vote::Entity::find_by_id((post.id, voter)).lock_exclusive().one(tx.conn()).await?;
    let old = stored.clone().unwrap_or(vote::Model {
        post_id: post.id,
        account_id: voter,
        quality: 0,
        agreement: 0,
        updated_at: now,
        quality_at: None,
        nullified: 0,
    });
    let mut new = old.clone();
    new.quality = ballot.quality.unwrap_or(old.quality);
    new.agreement = ballot.agreement.unwrap_or(old.agreement);
    if new == old {
        return Ok((tally, new));
    }
    new.updated_at = now;
    if new.quality != old.quality {
        new.quality_at = Some(now);
    }
    tx.changes(Change::Topic(post.topic_id));
    tx.conn()
        .execute_raw(sql(
            "INSERT INTO vote (post_id, account_id, quality, agreement, updated_at, quality_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT vote_pkey
             DO UPDATE SET quality = excluded.quality, agreement = excluded.agreement, updated_at = excluded.updated_at,
                           quality_at = excluded.quality_at",
            [
                post.id.into(),
                voter.into(),
                new.quality.into(),
                new.agreement.into(),
                now.into(),
                new.quality_at.into(),
            ],
        ))
        .await
        .map_err(Error::from)
        .on_constraint("vote_not_on_own_post", || Code::OwnPost.error("Others judge it."))?;
    // A vote that was struck is cast like any other, and moves nothing.
    if old.nullified > 0 {
        return Ok((tally, new));
    }
    let change = |old: i16, new: i16, side: i16| i32::from(new == side) - i32::from(old == side);
    tally.quality_up += change(old.quality, new.quality, 1);
    tally.quality_down += change(old.quality, new.quality, -1);
    tally.agree += change(old.agreement, new.agreement, 1);
    tally.disagree += change(old.agreement, new.agreement, -1);
    tx.conn()
        .execute_raw(sql(
            "UPDATE post_tally SET quality_up = $2, quality_down = $3, agree = $4, disagree = $5 WHERE post_id = $1",
            [
                post.id.into(),
                tally.quality_up.into(),
                tally.quality_down.into(),
                tally.agree.into(),
                tally.disagree.into(),
            ],
        ))
        .await?;
    if new.quality != old.quality {
        let standing = standing(tally.quality_up, tally.quality_down, post.created_at);
        ranking::update_post(tx, post.id, standing, now).await?;
    }
    Ok((tally, new))
}

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
    weigh(
        tx,
        "UPDATE vote v SET nullified = nullified + 1
         FROM unnest($1::uuid[], $2::uuid[]) AS struck (post_id, account_id)
         WHERE v.post_id = struck.post_id AND v.account_id = struck.account_id",
        votes,
        now,
    )
    .await
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
    weigh(
        tx,
        "UPDATE vote v SET nullified = nullified - 1
         FROM unnest($1::uuid[], $2::uuid[]) AS struck (post_id, account_id)
         WHERE v.post_id = struck.post_id AND v.account_id = struck.account_id",
        votes,
        now,
    )
    .await
}

#[derive(FromQueryResult)]
struct Recounted {
    post_id: PostId,
    topic_id: TopicId,
    created_at: Time,
    quality_up: i32,
    quality_down: i32,
}

/// Changes what votes weigh, and counts their posts anew: from the rows, so that nothing depends on what was counted before.
async fn weigh(tx: &Tx, change: &'static str, votes: &[(PostId, AccountId)], now: Time) -> Result<()> {
    let (mut posts, accounts): (Vec<Uuid>, Vec<Uuid>) =
        votes.iter().map(|(post, account)| (post.0, account.0)).unzip();
    tx.conn().execute_raw(sql(change, [posts.clone().into(), accounts.into()])).await?;
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
    for post in all::<Recounted>(tx.conn(), recount).await? {
        tx.changes(Change::Topic(post.topic_id));
        let standing = standing(post.quality_up, post.quality_down, post.created_at);
        ranking::update_post(tx, post.post_id, standing, now).await?;
    }
    Ok(())
}

/// The standing of a post with so many votes, which are never less than none.
fn standing(up: i32, down: i32, created_at: Time) -> Standing {
    let count = |votes: i32| u32::try_from(votes).unwrap_or_default();
    Standing::of(count(up), count(down), created_at)
}
