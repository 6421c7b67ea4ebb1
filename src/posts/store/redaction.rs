//! Taking what a post says out of it: passages, which can be put back, or all of it, which cannot.

use sea_orm::{ActiveEnum, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::structure::{changed_since, find_there};
use super::{make_tombstone, relations_as_recorded, revise_to};
use crate::app::App;
use crate::changes::Change;
use crate::db::{Tx, sql, update};
use crate::decisions;
use crate::decisions::rules::{FormerText, Image, Passage};
use crate::entity::{post, post_revision};
use crate::error::{Error, Result};
use crate::ids::PostId;
use crate::markdown;
use crate::policy::{Moderate, Permit};
use crate::posts::rules::redaction::redacted;
use crate::posts::rules::{MAX_BODY, PostStatus};

/// Blacks passages out of a post, which becomes another revision by that, and out of all that it said before; gives what it
/// said and what it says. The caller holds the lock on the topic's activity.
///
/// # Errors
/// 409 for a tombstone; 422 where none of the passages occurs in what it says now, or what is left would be too long.
pub async fn redact(
    app: &App,
    tx: &Tx,
    _: &Permit<Moderate<'_>>,
    id: PostId,
    passages: &[Passage],
) -> Result<(Image, Image)> {
    let post = find_there(tx, id).await?;
    let wrong = |code, detail| Error::field("passages", code, detail);
    let body = redacted(&post.body, passages)
        .ok_or_else(|| wrong("no_match", "None of them occurs in what the post says."))?;
    if body.chars().count() > MAX_BODY {
        return Err(wrong(
            "too_long",
            "With a mark in place of each, the post would be too long: name longer passages.",
        ));
    }
    let revisions = post_revision::Entity::find()
        .filter(post_revision::Column::PostId.eq(id))
        .order_by_asc(post_revision::Column::Number);
    let mut former = Vec::new();
    for row in revisions.all(tx.conn()).await? {
        if let Some(left) = redacted(&row.body, passages) {
            let (number, said) = (row.number, row.body.clone());
            // A former text is cut rather than kept: only the last one has to be whole.
            let left: String = left.chars().take(MAX_BODY).collect();
            rewrite(tx, row, left).await?;
            former.push(FormerText { number, body: said });
        }
    }
    let revision = post.revision + 1;
    let before = Image::Text { revision: post.revision, body: post.body.clone(), former };
    revise_by_moderator(app, tx, &post, body.clone()).await?;
    Ok((before, Image::Text { revision, body, former: Vec::new() }))
}

/// Puts passages back that were blacked out, by another revision; gives what the post says now.
pub(super) async fn restore(
    app: &App,
    tx: &Tx,
    id: PostId,
    (body, former): (&str, &[FormerText]),
    redacted_as: i32,
) -> Result<Image> {
    let post = find_there(tx, id).await?;
    if post.revision != redacted_as {
        return Err(changed_since());
    }
    for FormerText { number, body } in former {
        let row = post_revision::Entity::find_by_id((id, *number)).one(tx.conn()).await?;
        rewrite(tx, row.ok_or_else(Error::not_found)?, body.clone()).await?;
    }
    revise_by_moderator(app, tx, &post, body.to_owned()).await?;
    Ok(Image::Text { revision: post.revision + 1, body: body.to_owned(), former: Vec::new() })
}

async fn rewrite(tx: &Tx, row: post_revision::Model, body: String) -> Result<()> {
    let body_html = markdown::render(&body);
    update(tx, post_revision::Model { body, body_html, ..row }).await
}

async fn revise_by_moderator(app: &App, tx: &Tx, post: &post::Model, body: String) -> Result<()> {
    tx.changes(Change::Topic(post.topic_id));
    let relations = relations_as_recorded(tx, post.id).await?;
    revise_to(tx, post, body, relations, (app.now(), true)).await
}

/// Makes a tombstone of a post and keeps nothing of what it said. The caller holds the lock on the topic's activity.
///
/// # Errors
/// 409 for a tombstone.
pub async fn purge(app: &App, tx: &Tx, _: &Permit<Moderate<'_>>, id: PostId) -> Result<(Image, Image)> {
    let post = find_there(tx, id).await?;
    let before = Image::Status(post.status.to_value());
    tx.changes(Change::Topic(post.topic_id));
    make_tombstone(app, tx, post).await?;
    let statement = "DELETE FROM post_revision WHERE post_id = $1";
    tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    decisions::forget_texts(tx, id).await?;
    Ok((before, Image::Status(PostStatus::Deleted.to_value())))
}
