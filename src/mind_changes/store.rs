//! Reading and writing changes of mind.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};

use super::rules::MindChangeExplanation;
use crate::app::App;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, insert, insert_all, one, sql};
use crate::entity::{account, mind_change, post, topic};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CredenceId, MindChangeId, PostId, TopicId};
use crate::policy::{CreditPost, Permit};
use crate::posts;
use crate::posts::rules::PostStatus;
use crate::topics::rules::TopicStatus;

/// Two vectors of one person, one stated right after the other.
#[derive(Debug, FromQueryResult)]
struct Step {
    before_id: CredenceId,
    after_id: CredenceId,
    after_at: Time,
    is_comparable: bool,
    moved: Option<i64>,
}

/// Records that a post, whose tally is locked, moved somebody from the vector before one of theirs to that one; to their
/// last where none is named.
///
/// # Errors
/// 409 where they said so before, or did not move after the post was there.
pub(super) async fn credit(
    app: &App,
    tx: &Tx,
    permit: &Permit<CreditPost<'_>>,
    explanation: &MindChangeExplanation,
    number: Option<i32>,
) -> Result<mind_change::Model> {
    let (post, account_id) = (permit.act().post, permit.by());
    let unmoved = |detail: &'static str| Code::CredencesUnmoved.error(detail);
    let statement = "SELECT before.id AS before_id, after.id AS after_id, after.created_at AS after_at,
                after.scenario_set_version = before.scenario_set_version AS is_comparable,
                (SELECT sum(abs(q.bp - p.bp)) FROM credence_part p
                 JOIN credence_part q ON q.credence_id = after.id AND q.scenario_id = p.scenario_id
                 JOIN scenario s ON s.id = p.scenario_id AND s.parent_scenario_id IS NULL
                 WHERE p.credence_id = before.id) AS moved
         FROM credence after
         JOIN credence before ON (before.topic_id, before.account_id, before.number)
                               = (after.topic_id, after.account_id, after.number - 1)
         WHERE after.topic_id = $1 AND after.account_id = $2
           AND after.number = coalesce($3, (SELECT f.number FROM credence_in_force f
                                            WHERE f.topic_id = $1 AND f.account_id = $2))";
    let values = [post.topic_id.into(), account_id.into(), number.into()];
    let step: Option<Step> = one(tx.conn(), sql(statement, values)).await?;
    let Some(step) = step else {
        if number.is_some() {
            return Err(unmoved("You stated no vector of this number."));
        }
        return Err(unmoved("State your credences before and after: it takes two vectors to see a change."));
    };
    if !step.is_comparable {
        return Err(unmoved(
            "The scenarios changed in between: state your credences once more, then what moved you.",
        ));
    }
    if step.after_at < post.created_at {
        return Err(unmoved("You stated these credences before the post was there."));
    }
    let moved = step.moved.and_then(|moved| i32::try_from(moved).ok()).filter(|moved| *moved > 0);
    let Some(moved) = moved else {
        return Err(unmoved("These credences are what they were before: nothing moved."));
    };
    let owner = account::Entity::find_by_id(account_id).one(tx.conn()).await?.ok_or_else(Error::not_found)?;
    let row = mind_change::Model {
        id: app.ids.next(),
        topic_id: post.topic_id,
        post_id: post.id,
        account_id,
        before_credence_id: step.before_id,
        after_credence_id: step.after_id,
        moved,
        counts: owner.created_at < post.created_at,
        explanation: explanation.to_string(),
        created_at: app.now(),
    };
    insert(tx, row.clone()).await.on_constraint("mind_change_once_key", || {
        Code::MindChangeExists.error("You credited this post before: take that back first.")
    })?;
    count(tx, post.id).await?;
    Ok(row)
}

/// Takes over that posts moved people elsewhere, and counts it.
///
/// # Errors
/// The database refuses what did not move, or is away.
pub async fn import(tx: &Tx, _: &Permit<CreditPost<'_>>, rows: Vec<mind_change::Model>) -> Result<()> {
    let posts: BTreeSet<PostId> = rows.iter().map(|row| row.post_id).collect();
    insert_all(tx, rows).await?;
    for post in posts {
        posts::lock_tally(tx, post).await?;
        count(tx, post).await?;
    }
    Ok(())
}

/// Takes back what somebody credited a post with, whose tally is locked.
///
/// # Errors
/// 404 where they did not.
pub(super) async fn retract(tx: &Tx, permit: &Permit<CreditPost<'_>>) -> Result<mind_change::Model> {
    let (post, account_id) = (permit.act().post, permit.by());
    let row = mind_change::Entity::find()
        .filter(mind_change::Column::PostId.eq(post.id))
        .filter(mind_change::Column::AccountId.eq(account_id))
        .one(tx.conn())
        .await?
        .ok_or_else(Error::not_found)?;
    mind_change::Entity::delete_by_id(row.id).exec(tx.conn()).await?;
    count(tx, post.id).await?;
    Ok(row)
}

/// Counts anew whom a post moved; its tally is locked.
async fn count(tx: &Tx, post_id: PostId) -> Result<()> {
    let statement = "UPDATE post_tally SET (people_moved, median_moved) = (
             SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY moved)
             FROM mind_change WHERE post_id = $1 AND counts)
         WHERE post_id = $1";
    tx.conn().execute_raw(sql(statement, [post_id.into()])).await?;
    Ok(())
}

/// By what minds were changed.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// Those by one post.
    Post(PostId),
    /// Those in one topic.
    Topic(TopicId),
    /// Those of one person's own mind.
    MadeBy(AccountId),
    /// Those that one person's posts caused, as long as the posts are there.
    CausedBy(AccountId),
}

/// Reads changes of mind, the last first, those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    of: Of,
    before: Option<MindChangeId>,
    limit: Limit,
) -> Result<Vec<mind_change::Model>> {
    let mut wanted = Condition::all().add(match of {
        Of::Post(id) => mind_change::Column::PostId.eq(id),
        Of::Topic(id) => mind_change::Column::TopicId.eq(id),
        Of::MadeBy(id) => mind_change::Column::AccountId.eq(id),
        Of::CausedBy(id) => {
            let theirs = post::Entity::find()
                .select_only()
                .column(post::Column::Id)
                .filter(post::Column::AuthorId.eq(id))
                .filter(post::Column::Status.eq(PostStatus::Visible));
            mind_change::Column::PostId.in_subquery(theirs.into_query())
        }
    });
    if matches!(of, Of::MadeBy(_) | Of::CausedBy(_)) {
        let shown = topic::Entity::find()
            .select_only()
            .column(topic::Column::Id)
            .filter(topic::Column::Status.is_in([TopicStatus::Open, TopicStatus::Archived]));
        wanted = wanted.add(mind_change::Column::TopicId.in_subquery(shown.into_query()));
    }
    if let Some(before) = before {
        wanted = wanted.add(mind_change::Column::Id.lt(before));
    }
    let found = mind_change::Entity::find()
        .filter(wanted)
        .order_by_desc(mind_change::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(found.all(db).await?)
}

/// Takes away what changed the mind of somebody whose account is erased: the vectors around it go too.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    let rows = mind_change::Entity::find()
        .filter(mind_change::Column::AccountId.eq(account_id))
        .order_by_asc(mind_change::Column::PostId)
        .all(tx.conn())
        .await?;
    for row in rows {
        posts::lock_tally(tx, row.post_id).await?;
        mind_change::Entity::delete_by_id(row.id).exec(tx.conn()).await?;
        count(tx, row.post_id).await?;
    }
    Ok(())
}
