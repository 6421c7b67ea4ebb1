//! Looks at who voted on a post.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::app::App;
use crate::db::{Tx, insert};
use crate::entity::{vote, vote_inspection};
use crate::error::Result;
use crate::http::page::Limit;
use crate::ids::{AccountId, PostId};
use crate::policy::{InspectVotes, Permit};
use crate::vote_signals::rules::InspectionReason;

/// Keeps that somebody looks, and why; to be followed by the look, in the same transaction.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn look(
    app: &App,
    tx: &Tx,
    permit: &Permit<InspectVotes<'_>>,
    reason: InspectionReason,
) -> Result<()> {
    let row = vote_inspection::Model {
        id: app.ids.next(),
        post_id: permit.act().post.id,
        actor_id: Some(permit.by()),
        reason: reason.into(),
        created_at: app.now(),
    };
    insert(tx, row).await
}

/// The votes on the quality of a post, by accounts in the order in which they were made: those after one, and one more than
/// fits on the page. Who agrees is nobody's business but theirs.
///
/// # Errors
/// The database is away.
pub(in crate::vote_signals) async fn voters_of(
    db: &impl ConnectionTrait,
    id: PostId,
    after: Option<AccountId>,
    limit: Limit,
) -> Result<Vec<vote::Model>> {
    let votes = vote::Entity::find()
        .filter(vote::Column::PostId.eq(id))
        .filter(vote::Column::AccountId.gt(after.unwrap_or(AccountId(Uuid::nil()))))
        .filter(vote::Column::Quality.ne(0))
        .order_by_asc(vote::Column::AccountId)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(votes.all(db).await?)
}
