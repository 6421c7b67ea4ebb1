//! Votes that do not count.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::app::App;
use crate::db::{Tx, all, insert, one, sql, update};
use crate::entity::{account, post, vote_nullification};
use crate::error::{Error, Field, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, PostId, VoteNullificationId};
use crate::policy::{NullifyVotes, Permit};
use crate::vote_signals::rules::{NullificationReason, NullificationState};
use crate::{posts, votes};

/// Where whoever strikes votes listens.
pub const CHANNEL: &str = "otherwise_vote_nullification";

/// So many posts are changed in one transaction.
const LOT: i64 = 200;

/// Which votes are not to count.
#[derive(Debug)]
pub(in crate::vote_signals) struct Nullified {
    pub(in crate::vote_signals) account_ids: Vec<Uuid>,
    pub(in crate::vote_signals) author_id: Option<AccountId>,
    pub(in crate::vote_signals) post_ids: Option<Vec<Uuid>>,
    pub(in crate::vote_signals) reason: NullificationReason,
}

#[derive(FromQueryResult)]
struct Staff {
    is_staff: bool,
}

/// Whether anybody of these has a rank, by a grant in force.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn of_staff(
    app: &App,
    db: &impl ConnectionTrait,
    ids: &[Uuid],
) -> Result<bool> {
    let statement = "SELECT EXISTS (SELECT FROM role_grant WHERE account_id = ANY ($1) AND revoked_at IS NULL
                                    AND (expires_at IS NULL OR expires_at > $2)) AS is_staff";
    let found: Option<Staff> = one(db, sql(statement, [ids.to_vec().into(), app.now().into()])).await?;
    Ok(found.is_some_and(|found| found.is_staff))
}

/// Refuses what is not there.
async fn require_known(tx: &Tx, new: &Nullified) -> Result<()> {
    let wanted = new.account_ids.iter().copied().chain(new.author_id.map(|id| id.0));
    let accounts: Vec<AccountId> = account::Entity::find()
        .select_only()
        .column(account::Column::Id)
        .filter(account::Column::Id.is_in(wanted))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let posts: Vec<PostId> = post::Entity::find()
        .select_only()
        .column(post::Column::Id)
        .filter(post::Column::Id.is_in(new.post_ids.iter().flatten().copied()))
        .into_tuple()
        .all(tx.conn())
        .await?;
    let unknown = |field: String| Field::new(field, "unknown_id", "There is no such thing.");
    let mut wrong: Vec<Field> = (new.account_ids.iter().enumerate())
        .filter(|(_, id)| !accounts.contains(&AccountId(**id)))
        .map(|(n, _)| unknown(format!("accounts[{n}]")))
        .collect();
    wrong.extend(
        (new.post_ids.iter().flatten().enumerate())
            .filter(|(_, id)| !posts.contains(&PostId(**id)))
            .map(|(n, _)| unknown(format!("post_ids[{n}]"))),
    );
    wrong.extend(new.author_id.filter(|id| !accounts.contains(id)).map(|_| unknown("author_id".to_owned())));
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// Has votes not count; the background work sees to it.
///
/// # Errors
/// 422 where there is no such account or post.
pub(in crate::vote_signals) async fn create(
    app: &App,
    tx: &Tx,
    permit: &Permit<NullifyVotes<'_>>,
    new: Nullified,
) -> Result<vote_nullification::Model> {
    require_known(tx, &new).await?;
    let Nullified { account_ids, author_id, post_ids, reason } = new;
    let row = vote_nullification::Model {
        id: app.ids.next(),
        state: NullificationState::Applying,
        account_ids,
        author_id,
        post_ids,
        reason: reason.into(),
        created_by: Some(permit.by()),
        created_at: app.now(),
        undone_by: None,
        undone_at: None,
        done_up_to: None,
    };
    insert(tx, row.clone()).await?;
    ring(tx).await?;
    Ok(row)
}

async fn ring(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

/// Has the votes of a nullification, which is locked, count again. Where that was said before, nothing happens.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn undo(
    app: &App,
    tx: &Tx,
    permit: &Permit<NullifyVotes<'_>>,
    mut row: vote_nullification::Model,
) -> Result<vote_nullification::Model> {
    if row.undone_at.is_some() {
        return Ok(row);
    }
    row.state = NullificationState::Undoing;
    row.undone_by = Some(permit.by());
    row.undone_at = Some(app.now());
    row.done_up_to = None;
    update(tx, row.clone()).await?;
    ring(tx).await?;
    Ok(row)
}

/// What a reader may be told of: not what says who votes on their own posts, nor of themselves, unless they said so.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "SELECT n.* FROM vote_nullification n
             WHERE (n.created_by = $1 OR ($1 <> ALL (n.account_ids) AND NOT EXISTS (
                 SELECT FROM post p JOIN vote v ON v.post_id = p.id AND v.account_id = ANY (n.account_ids)
                 WHERE p.author_id = $1 AND (n.author_id IS NULL OR n.author_id = $1)
                   AND (n.post_ids IS NULL OR p.id = ANY (n.post_ids))))) AND ",
            $rest
        )
    };
}

/// Finds a nullification that a reader may be told of.
///
/// # Errors
/// 404 where there is none.
pub(in crate::vote_signals) async fn find(
    db: &impl ConnectionTrait,
    id: VoteNullificationId,
    reader: AccountId,
) -> Result<vote_nullification::Model> {
    let statement = sql(told!("n.id = $2"), [reader.into(), id.into()]);
    vote_nullification::Entity::find().from_raw_sql(statement).one(db).await?.ok_or_else(Error::not_found)
}

/// The same, and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::vote_signals) async fn find_for_update(
    tx: &Tx,
    id: VoteNullificationId,
    reader: AccountId,
) -> Result<vote_nullification::Model> {
    let statement = sql(told!("n.id = $2 FOR UPDATE OF n"), [reader.into(), id.into()]);
    let found = vote_nullification::Entity::find().from_raw_sql(statement).one(tx.conn()).await?;
    found.ok_or_else(Error::not_found)
}

/// The nullifications that a reader may be told of, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn list(
    db: &impl ConnectionTrait,
    reader: AccountId,
    before: Option<VoteNullificationId>,
    limit: Limit,
) -> Result<Vec<vote_nullification::Model>> {
    let before = before.unwrap_or(VoteNullificationId(Uuid::max()));
    let values = [reader.into(), before.into(), limit.and_one().into()];
    let statement = sql(told!("n.id < $2 ORDER BY n.id DESC LIMIT $3"), values);
    Ok(vote_nullification::Entity::find().from_raw_sql(statement).all(db).await?)
}

#[derive(FromQueryResult)]
struct Struck {
    id: VoteNullificationId,
    votes: i64,
}

/// How many votes each of these nullifications has struck at the moment; those that have none are left out.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn struck(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<Vec<(VoteNullificationId, i64)>> {
    let statement = "SELECT nullification_id AS id, count(*) AS votes FROM vote_nullification_item
                     WHERE nullification_id = ANY ($1) AND in_force GROUP BY nullification_id";
    let rows: Vec<Struck> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.votes)).collect())
}

#[derive(FromQueryResult)]
struct PostRow {
    post_id: PostId,
}

#[derive(FromQueryResult)]
struct VoteRow {
    post_id: PostId,
    account_id: AccountId,
}

/// Takes the nullification that waits longest one lot of posts further, and says whether there was one. No other worker
/// has it meanwhile; should this one not come back, another goes on where it was, for how far it came is written with what
/// was done.
///
/// # Errors
/// The database is away.
pub async fn nullify_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    let next = "SELECT * FROM vote_nullification WHERE state IN ('applying', 'undoing')
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let Some(mut row) = vote_nullification::Entity::find().from_raw_sql(sql(next, [])).one(tx.conn()).await?
    else {
        return Ok(false);
    };
    let act = NullifyVotes { account_ids: &row.account_ids, author_id: row.author_id, of_staff: false };
    // Whoever asked for it may be gone by now; what they asked for stays.
    let permit = Permit::deferred(act, row.created_by.unwrap_or(AccountId(Uuid::nil())));
    let is_undone = row.state == NullificationState::Undoing;
    let posts = if is_undone { struck_posts(&tx, &row).await? } else { voted_posts(&tx, &row).await? };
    if let Some(last) = posts.last() {
        let last = PostId(*last);
        posts::lock_tallies(&tx, posts.clone()).await?;
        let changed = if is_undone {
            "UPDATE vote_nullification_item SET in_force = false
             WHERE nullification_id = $1 AND post_id = ANY ($2) AND account_id = ANY ($3) AND in_force
             RETURNING post_id, account_id"
        } else {
            "INSERT INTO vote_nullification_item (nullification_id, post_id, account_id, in_force)
             SELECT $1, post_id, account_id, true FROM vote WHERE post_id = ANY ($2) AND account_id = ANY ($3)
             ON CONFLICT ON CONSTRAINT vote_nullification_item_pkey DO NOTHING
             RETURNING post_id, account_id"
        };
        let values = [row.id.into(), posts.into(), row.account_ids.clone().into()];
        let changed: Vec<VoteRow> = all(tx.conn(), sql(changed, values)).await?;
        let changed: Vec<_> = changed.into_iter().map(|row| (row.post_id, row.account_id)).collect();
        if is_undone {
            votes::restore(&tx, &permit, &changed, app.now()).await?;
        } else {
            votes::strike(&tx, &permit, &changed, app.now()).await?;
        }
        row.done_up_to = Some(last);
    } else {
        row.state = if is_undone { NullificationState::Undone } else { NullificationState::InForce };
        row.done_up_to = None;
        tracing::info!(nullification = %row.id, undone = is_undone, "went through the votes of a nullification");
    }
    update(&tx, row).await?;
    tx.commit().await?;
    Ok(true)
}

/// The next posts that somebody voted on whose votes are not to count, in order: as far as the nullification goes, and
/// none by whoever asked for it, for nobody decides who judges them.
async fn voted_posts(tx: &Tx, row: &vote_nullification::Model) -> Result<Vec<Uuid>> {
    let statement = "SELECT DISTINCT v.post_id FROM vote v JOIN post p ON p.id = v.post_id
                     WHERE v.account_id = ANY ($1) AND v.post_id > $2 AND ($3::uuid IS NULL OR p.author_id = $3)
                       AND ($4::uuid[] IS NULL OR v.post_id = ANY ($4))
                       AND ($5::uuid IS NULL OR p.author_id IS DISTINCT FROM $5)
                     ORDER BY v.post_id LIMIT $6";
    let values = [
        row.account_ids.clone().into(),
        row.done_up_to.map_or(Uuid::nil(), |id| id.0).into(),
        row.author_id.into(),
        row.post_ids.clone().into(),
        row.created_by.into(),
        LOT.into(),
    ];
    let rows: Vec<PostRow> = all(tx.conn(), sql(statement, values)).await?;
    Ok(rows.into_iter().map(|row| row.post_id.0).collect())
}

/// The next posts with votes that are struck, in order.
async fn struck_posts(tx: &Tx, row: &vote_nullification::Model) -> Result<Vec<Uuid>> {
    let statement = "SELECT DISTINCT post_id FROM vote_nullification_item
                     WHERE nullification_id = $1 AND post_id > $2 AND in_force ORDER BY post_id LIMIT $3";
    let from = row.done_up_to.map_or(Uuid::nil(), |id| id.0);
    let rows: Vec<PostRow> = all(tx.conn(), sql(statement, [row.id.into(), from.into(), LOT.into()])).await?;
    Ok(rows.into_iter().map(|row| row.post_id.0).collect())
}
