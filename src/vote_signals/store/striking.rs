//! Striking votes that are not to count, and letting them count again, a lot of posts at a time.

use sea_orm::{EntityTrait, FromQueryResult};
use uuid::Uuid;

use super::nullification::lifted;
use crate::app::App;
use crate::db::{Tx, all, one, sql, update};
use crate::entity::vote_nullification;
use crate::error::Result;
use crate::ids::{AccountId, PostId};
use crate::policy::{NullifyVotes, Permit};
use crate::vote_signals::rules::NullificationState;
use crate::{posts, votes};

/// Where whoever strikes votes listens.
pub const CHANNEL: &str = "otherwise_vote_nullification";

/// So many posts are changed in one transaction.
const LOT: i64 = 200;

#[derive(FromQueryResult)]
struct PostRow {
    post_id: PostId,
}

#[derive(FromQueryResult)]
struct VoteRow {
    post_id: PostId,
    account_id: AccountId,
}

/// The first nullification that is not done with, locked. What others hold is passed over; but they may be about to let go of
/// it, such as a request that came to nothing, so before it is said that nothing waits, they are waited for.
async fn waiting(tx: &Tx) -> Result<Option<vote_nullification::Model>> {
    let free = "SELECT * FROM vote_nullification WHERE state IN ('applying', 'lifting', 'undoing')
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let held = "SELECT * FROM vote_nullification WHERE state IN ('applying', 'lifting', 'undoing')
                ORDER BY id LIMIT 1 FOR UPDATE";
    for statement in [free, held] {
        let found = vote_nullification::Entity::find().from_raw_sql(sql(statement, []));
        if let Some(row) = found.one(tx.conn()).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Takes the nullification that waits longest one lot of posts further, and says whether there was one. No other worker
/// has it meanwhile; should this one not come back, another goes on where it was, for how far it came is written with what
/// was done.
///
/// # Errors
/// The database is away.
pub async fn nullify_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    let Some(mut row) = waiting(&tx).await? else { return Ok(false) };
    let act = NullifyVotes { account_ids: &row.account_ids, author_id: row.author_id, of_staff: false };
    // Whoever asked for it may be gone by now; what they asked for stays.
    let permit = Permit::deferred(act, row.created_by.unwrap_or(AccountId(Uuid::nil())));
    let lifted: Vec<Uuid> =
        lifted(tx.conn(), vec![row.id.0]).await?.into_iter().map(|(_, id)| id.0).collect();
    let strikes = row.state == NullificationState::Applying;
    let whose: Vec<Uuid> = match row.state {
        NullificationState::Applying => {
            row.account_ids.iter().copied().filter(|id| !lifted.contains(id)).collect()
        }
        NullificationState::Lifting => lifted.clone(),
        _ => row.account_ids.clone(),
    };
    let posts =
        if strikes { voted_posts(&tx, &row, &whose).await? } else { struck_posts(&tx, &row, &whose).await? };
    if let Some(last) = posts.last() {
        let last = PostId(*last);
        posts::lock_tallies(&tx, posts.clone()).await?;
        let changed = if strikes {
            "INSERT INTO vote_nullification_item (nullification_id, post_id, account_id, in_force)
             SELECT $1, post_id, account_id, true FROM vote WHERE post_id = ANY ($2) AND account_id = ANY ($3)
             ON CONFLICT ON CONSTRAINT vote_nullification_item_pkey DO NOTHING
             RETURNING post_id, account_id"
        } else {
            "UPDATE vote_nullification_item SET in_force = false
             WHERE nullification_id = $1 AND post_id = ANY ($2) AND account_id = ANY ($3) AND in_force
             RETURNING post_id, account_id"
        };
        let values = [row.id.into(), posts.into(), whose.into()];
        let changed: Vec<VoteRow> = all(tx.conn(), sql(changed, values)).await?;
        let changed: Vec<_> = changed.into_iter().map(|row| (row.post_id, row.account_id)).collect();
        if strikes {
            votes::strike(&tx, &permit, &changed, app.now()).await?;
        } else {
            votes::restore(&tx, &permit, &changed, app.now()).await?;
        }
        row.done_up_to = Some(last);
    } else {
        row.state = match row.state {
            NullificationState::Undoing => NullificationState::Undone,
            // Taken back for some while it went on, it may have struck votes of theirs before.
            NullificationState::Applying if any_struck(&tx, &row, &lifted).await? => {
                NullificationState::Lifting
            }
            _ => NullificationState::InForce,
        };
        row.done_up_to = None;
        tracing::info!(nullification = %row.id, state = ?row.state, "went through the votes of a nullification");
    }
    update(&tx, row).await?;
    tx.commit().await?;
    Ok(true)
}

/// The next posts that somebody voted on whose votes are not to count, in order: as far as the nullification goes, and
/// none by whoever asked for it, for nobody decides who judges them.
async fn voted_posts(tx: &Tx, row: &vote_nullification::Model, whose: &[Uuid]) -> Result<Vec<Uuid>> {
    let statement = "SELECT DISTINCT v.post_id FROM vote v JOIN post p ON p.id = v.post_id
                     WHERE v.account_id = ANY ($1) AND v.post_id > $2 AND ($3::uuid IS NULL OR p.author_id = $3)
                       AND ($4::uuid[] IS NULL OR v.post_id = ANY ($4))
                       AND ($5::uuid IS NULL OR p.author_id IS DISTINCT FROM $5)
                     ORDER BY v.post_id LIMIT $6";
    let values = [
        whose.to_vec().into(),
        row.done_up_to.map_or(Uuid::nil(), |id| id.0).into(),
        row.author_id.into(),
        row.post_ids.clone().into(),
        row.created_by.into(),
        LOT.into(),
    ];
    let rows: Vec<PostRow> = all(tx.conn(), sql(statement, values)).await?;
    Ok(rows.into_iter().map(|row| row.post_id.0).collect())
}

/// The next posts with votes of some that are struck, in order.
async fn struck_posts(tx: &Tx, row: &vote_nullification::Model, whose: &[Uuid]) -> Result<Vec<Uuid>> {
    let statement = "SELECT DISTINCT post_id FROM vote_nullification_item
                     WHERE nullification_id = $1 AND post_id > $2 AND in_force AND account_id = ANY ($4)
                     ORDER BY post_id LIMIT $3";
    let from = row.done_up_to.map_or(Uuid::nil(), |id| id.0);
    let values = [row.id.into(), from.into(), LOT.into(), whose.to_vec().into()];
    let rows: Vec<PostRow> = all(tx.conn(), sql(statement, values)).await?;
    Ok(rows.into_iter().map(|row| row.post_id.0).collect())
}

#[derive(FromQueryResult)]
struct Any {
    any: bool,
}

/// Whether votes of some are struck by a nullification.
async fn any_struck(tx: &Tx, row: &vote_nullification::Model, whose: &[Uuid]) -> Result<bool> {
    let statement = "SELECT EXISTS (SELECT FROM vote_nullification_item
                                    WHERE nullification_id = $1 AND account_id = ANY ($2) AND in_force) AS any";
    let found: Option<Any> = one(tx.conn(), sql(statement, [row.id.into(), whose.to_vec().into()])).await?;
    Ok(found.is_some_and(|found| found.any))
}
