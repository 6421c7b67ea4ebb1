//! Casting votes and taking them back.

use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, sql};
use crate::entity::{post_tally, vote};
use crate::error::{Code, Error, Result};
use crate::policy::{Permit, Vote};
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
    });
    let mut new = old.clone();
    new.quality = ballot.quality.unwrap_or(old.quality);
    new.agreement = ballot.agreement.unwrap_or(old.agreement);
    if new == old {
        return Ok((tally, new));
    }
    new.updated_at = now;
    tx.changes(Change::Topic(post.topic_id));
    tx.conn()
        .execute_raw(sql(
            "INSERT INTO vote (post_id, account_id, quality, agreement, updated_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT ON CONSTRAINT vote_pkey
             DO UPDATE SET quality = excluded.quality, agreement = excluded.agreement, updated_at = excluded.updated_at",
            [post.id.into(), voter.into(), new.quality.into(), new.agreement.into(), now.into()],
        ))
        .await
        .map_err(Error::from)
        .on_constraint("vote_not_on_own_post", || Code::OwnPost.error("Others judge it."))?;
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
        let count = |votes: i32| u32::try_from(votes).unwrap_or_default();
        let standing = Standing::of(count(tally.quality_up), count(tally.quality_down), post.created_at);
        ranking::update_post(tx, post.id, standing, now).await?;
    }
    Ok((tally, new))
}
