//! Changing the structure of a debate: where posts stand, what they say of each other, and which say the same. Whoever
//! does holds the lock on the topic's activity, under which a thread changes, so nobody moves anything else meanwhile.

use sea_orm::{ActiveEnum, ConnectionTrait, EntityTrait, FromQueryResult};
use uuid::Uuid;

use super::redaction::restore;
use super::{
    RelationToInsert, count_replies, find, find_for_update, lock_tallies, refuse_younger,
    relations_as_recorded, relations_of, resolve, restricted_above, revise_to, target_of,
};
use crate::app::App;
use crate::basis_points::BasisPoints;
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert, one, sql, update};
use crate::decisions::rules::{Image, RelationImage};
use crate::entity::{post, relation};
use crate::error::{Code, Error, Field, Result};
use crate::ids::{PostId, RelationId, TopicId};
use crate::policy::{Moderate, Permit, takes_posts};
use crate::posts::rules::{
    Evidence, MAX_DEPTH, MAX_RELATIONS, PostStatus, RelationType, Target, TargetKind, TestKind,
    check_relation,
};
use crate::ranking;
use crate::topics;

/// What is to become of a post among others.
#[derive(Debug, Clone, Copy)]
pub enum Restructuring {
    /// It stands below another one, with all below it.
    Move {
        /// Below which; at the root where there is none.
        parent_id: Option<PostId>,
        /// What it does to that one, besides what its author says it does.
        relation_type: Option<RelationType>,
    },
    /// It does something else to what it bears on, or to something else.
    Relabel {
        /// Which of its relations is meant.
        relation_id: RelationId,
        /// What it really does.
        relation_type: RelationType,
        /// To what, if to something else.
        target: Option<Target>,
    },
    /// It says the same as an older one, which takes its replies.
    Merge {
        /// Which one.
        duplicate_of: PostId,
    },
}

/// Changes what becomes of a post among others; gives how that was before and how it is now, or nothing where it is so
/// already. Votes and what others say of the post stay with it. The caller holds the lock on the topic's activity.
///
/// # Errors
/// 409 for a tombstone, and where nothing may be posted; 422 where something does not fit.
pub async fn restructure(
    app: &App,
    tx: &Tx,
    _: &Permit<Moderate<'_>>,
    (topic_id, id): (TopicId, PostId),
    wanted: &Restructuring,
) -> Result<Option<(Image, Image)>> {
    tx.changes(Change::Topic(topic_id));
    match *wanted {
        Restructuring::Move { parent_id, relation_type } => {
            move_below(app, tx, (topic_id, id), parent_id, relation_type).await
        }
        Restructuring::Relabel { relation_id, relation_type, target } => {
            relabel(app, tx, id, relation_id, (relation_type, target)).await
        }
        Restructuring::Merge { duplicate_of } => merge(app, tx, (topic_id, id), duplicate_of).await,
    }
}

/// Has what became of a post be as it was before; gives how it is now. Of the replies to a duplicate those go back that
/// nobody moved since, and the others are named. The caller holds the lock on the topic's activity.
///
/// # Errors
/// 409 where the same was changed since, and for a tombstone.
pub async fn put_back(
    app: &App,
    tx: &Tx,
    _: &Permit<Moderate<'_>>,
    (topic_id, id): (TopicId, PostId),
    (before, after): (&Image, &Image),
) -> Result<Image> {
    tx.changes(Change::Topic(topic_id));
    match (before, after) {
        (Image::Place { parent_id, .. }, Image::Place { parent_id: moved_to, relation_id }) => {
            move_back(app, tx, id, *parent_id, (*moved_to, *relation_id)).await?;
            Ok(before.clone())
        }
        (Image::Relation(before), Image::Relation(after)) => {
            let post = find_there(tx, id).await?;
            let stored = relations_of(tx, id).await?;
            let stored = stored.iter().find(|stored| image_of(stored) == *after).ok_or_else(changed_since)?;
            update(tx, row_of(stored, before)?).await.on_constraint("relation_once_key", changed_since)?;
            note_relations(app, tx, &post).await?;
            Ok(Image::Relation(before.clone()))
        }
        (Image::Duplicate { of: None, .. }, Image::Duplicate { of: Some(of), replies }) => {
            Ok(Image::Duplicate { of: None, replies: split(app, tx, id, *of, replies).await? })
        }
        (Image::Text { body, former, .. }, Image::Text { revision, .. }) => {
            restore(app, tx, id, (body, former), *revision).await
        }
        _ => Err(Error::internal(anyhow::anyhow!("{after:?} is nothing that {before:?} became"))),
    }
}

pub(super) fn changed_since() -> Error {
    Code::ChangedSince.error("Something else was done to it since: take that back first.")
}

/// A post that is no tombstone, under its locks.
pub(super) async fn find_there(tx: &Tx, id: PostId) -> Result<post::Model> {
    let post = find_for_update(tx, id).await?;
    if post.status == PostStatus::Deleted {
        return Err(Code::PostDeleted.error("It is a tombstone: nothing is left to decide about."));
    }
    Ok(post)
}

/// Refuses what this topic has no such post for. What moderators of one topic do not see of another is not there for them.
async fn require_in_topic(tx: &Tx, topic_id: TopicId, field: &str, id: PostId) -> Result<()> {
    let found = post::Entity::find_by_id(id).one(tx.conn()).await?;
    match found.filter(|post| post.topic_id == topic_id) {
        Some(_) => Ok(()),
        None => Err(Error::field(field, "unknown_id", "This topic has no such post.")),
    }
}

/// Refuses a post that is not older than another: a thread is read as who answered whom.
fn require_older(field: &str, older: &post::Model, post: &post::Model) -> Result<()> {
    if (older.created_at, older.id) < (post.created_at, post.id) {
        return Ok(());
    }
    let detail = "That is the post itself, or younger: a post follows what was there before it.";
    Err(Error::field(field, "not_older", detail))
}

#[derive(FromQueryResult)]
struct Found {
    id: Uuid,
}

/// Locks the tallies of posts with all below and all above them, and of others with all above these, as one statement
/// from the youngest on: whoever changes a post or its counters waits.
async fn lock_branches(tx: &Tx, moved: &[PostId], others: &[PostId]) -> Result<()> {
    let ids = |posts: &[PostId]| posts.iter().map(|post| post.0).collect::<Vec<Uuid>>();
    let statement = "WITH RECURSIVE below AS (
             SELECT unnest($1::uuid[]) AS id
             UNION ALL
             SELECT r.post_id FROM below CROSS JOIN LATERAL (
                 SELECT post_id FROM post_rank WHERE branch_id = below.id AND until IS NULL OFFSET 0) r
         ), up AS (
             SELECT id, parent_id FROM post WHERE id = ANY ($1::uuid[] || $2::uuid[])
             UNION
             SELECT above.id, above.parent_id FROM up CROSS JOIN LATERAL (
                 SELECT id, parent_id FROM post WHERE post.id = up.parent_id OFFSET 0) above)
         SELECT id FROM below UNION SELECT id FROM up";
    let found: Vec<Found> = all(tx.conn(), sql(statement, [ids(moved).into(), ids(others).into()])).await?;
    lock_tallies(tx, found.into_iter().map(|found| found.id).collect()).await
}

/// A post with all below it, as `below`.
macro_rules! branch {
    () => {
        "WITH RECURSIVE below AS (
             SELECT id, depth FROM post WHERE id = $1
             UNION ALL
             SELECT reply.id, reply.depth FROM below
             CROSS JOIN LATERAL (SELECT post_id FROM post_rank WHERE branch_id = below.id AND until IS NULL OFFSET 0) r
             CROSS JOIN LATERAL (SELECT id, depth FROM post WHERE post.id = r.post_id OFFSET 0) reply)"
    };
}

#[derive(FromQueryResult)]
struct Size {
    posts: i64,
    deepest: i32,
}

/// Puts a post with all below it below another one, or at the root, and counts it there and no more where it was. What it
/// concerns is locked.
async fn place(tx: &Tx, post: &post::Model, parent: Option<&post::Model>, now: Time) -> Result<()> {
    let (root_id, depth) = parent.map_or((post.id, 0), |parent| (parent.root_id, parent.depth + 1));
    let measure = concat!(branch!(), " SELECT count(*) AS posts, max(depth) AS deepest FROM below");
    let size: Option<Size> = one(tx.conn(), sql(measure, [post.id.into()])).await?;
    let size = size.ok_or_else(Error::not_found)?;
    let lower = depth - post.depth;
    if size.deepest + lower > MAX_DEPTH {
        return Err(Code::ThreadTooDeep.error("What is below it would come too deep: move it further up."));
    }
    let set = concat!(
        branch!(),
        " UPDATE post SET depth = post.depth + $2, root_id = $3,
             parent_id = CASE WHEN post.id = $1 THEN $4 ELSE parent_id END
         FROM below WHERE post.id = below.id"
    );
    let parent_id = parent.map(|parent| parent.id);
    let values = [post.id.into(), lower.into(), root_id.into(), parent_id.into()];
    tx.conn().execute_raw(sql(set, values)).await?;
    let posts = i32::try_from(size.posts).map_err(Error::internal)?;
    if let Some(left) = post.parent_id {
        count_replies(tx, left, -1, -posts).await?;
    }
    if let Some(parent) = parent_id {
        count_replies(tx, parent, 1, posts).await?;
    }
    ranking::move_post(tx, post.id, parent_id.map_or(post.topic_id.0, |parent| parent.0), now).await
}

/// The post below which others are to stand, where it takes posts.
async fn find_host(app: &App, tx: &Tx, topic_id: TopicId, id: PostId) -> Result<post::Model> {
    let host = find(tx.conn(), id).await?;
    let above = restricted_above(tx, id).await?;
    let topic = topics::find_any(tx, topic_id).await?;
    takes_posts(&topic, Some(&host), &above, app.now())?;
    Ok(host)
}

async fn move_below(
    app: &App,
    tx: &Tx,
    (topic_id, id): (TopicId, PostId),
    parent_id: Option<PostId>,
    relation_type: Option<RelationType>,
) -> Result<Option<(Image, Image)>> {
    if let Some(parent_id) = parent_id {
        require_in_topic(tx, topic_id, "parent_id", parent_id).await?;
    }
    lock_branches(tx, &[id], parent_id.as_slice()).await?;
    let post = find_there(tx, id).await?;
    let parent = if let Some(parent_id) = parent_id {
        require_older("parent_id", &find(tx.conn(), parent_id).await?, &post)?;
        Some(find_host(app, tx, topic_id, parent_id).await?)
    } else {
        takes_posts(&topics::find_any(tx, topic_id).await?, None, &[], app.now())?;
        None
    };
    if parent_id != post.parent_id {
        place(tx, &post, parent.as_ref(), app.now()).await?;
    }
    let relation_id = match (relation_type, parent_id) {
        (None, _) => None,
        (Some(relation_type), Some(parent_id)) => relate(app, tx, id, relation_type, parent_id).await?,
        (Some(_), None) => {
            let detail = "At the root there is no parent to do something to.";
            return Err(Error::field("relation_type", "does_not_fit", detail));
        }
    };
    let before = Image::Place { parent_id: post.parent_id, relation_id: None };
    let after = Image::Place { parent_id, relation_id };
    Ok((before != after).then_some((before, after)))
}

/// Says what a post does to its parent, unless its author does.
async fn relate(
    app: &App,
    tx: &Tx,
    id: PostId,
    relation_type: RelationType,
    parent_id: PostId,
) -> Result<Option<RelationId>> {
    if let Some(wrong) = check_relation("", relation_type, TargetKind::Post, Evidence::default()) {
        return Err(Error::fields(vec![Field { field: "relation_type".to_owned(), ..wrong }]));
    }
    let target = Target { kind: TargetKind::Post, id: parent_id.0 };
    let stored = relations_of(tx, id).await?;
    if stored.iter().any(|stored| stored.relation_type == relation_type && target_of(stored) == target) {
        return Ok(None);
    }
    if stored.len() >= MAX_RELATIONS {
        return Err(Error::field("relation_type", "too_many", format!("At most {MAX_RELATIONS}.")));
    }
    let post = find(tx.conn(), id).await?;
    let new = RelationToInsert {
        id: app.ids.next(),
        relation_type,
        target,
        evidence: Evidence::default(),
        created_at: Some(app.now()),
        withdrawn_at: None,
        by_moderator: true,
    };
    let position = stored.last().map_or(1, |last| last.position + 1);
    insert(tx, new.row(post.topic_id, id, position, app.now())).await?;
    note_relations(app, tx, &post).await?;
    Ok(Some(new.id))
}

async fn move_back(
    app: &App,
    tx: &Tx,
    id: PostId,
    parent_id: Option<PostId>,
    (moved_to, relation_id): (Option<PostId>, Option<RelationId>),
) -> Result<()> {
    lock_branches(tx, &[id], parent_id.as_slice()).await?;
    let post = find_there(tx, id).await?;
    let stored = relations_of(tx, id).await?;
    let is_in_force = |id: RelationId| stored.iter().any(|stored| stored.id == id);
    if post.parent_id != moved_to || !relation_id.is_none_or(is_in_force) {
        return Err(changed_since());
    }
    let parent = match parent_id {
        Some(parent_id) => Some(find(tx.conn(), parent_id).await?),
        None => None,
    };
    // What answered a duplicate is below the post that says the same.
    if parent.as_ref().is_some_and(|parent| parent.duplicate_of.is_some()) {
        return Err(changed_since());
    }
    if parent_id != moved_to {
        place(tx, &post, parent.as_ref(), app.now()).await?;
    }
    if let Some(relation_id) = relation_id {
        let statement = "UPDATE relation SET withdrawn_at = $2 WHERE id = $1";
        tx.conn().execute_raw(sql(statement, [relation_id.into(), app.now().into()])).await?;
        note_relations(app, tx, &post).await?;
    }
    Ok(())
}

/// Makes a revision of what a post bears on, which a moderator changed.
async fn note_relations(app: &App, tx: &Tx, post: &post::Model) -> Result<()> {
    let relations = relations_as_recorded(tx, post.id).await?;
    // As it is by now: it may have been moved.
    let post = find(tx.conn(), post.id).await?;
    let body = post.body.clone();
    revise_to(tx, &post, body, relations, (app.now(), true)).await
}

async fn relabel(
    app: &App,
    tx: &Tx,
    id: PostId,
    relation_id: RelationId,
    (relation_type, target): (RelationType, Option<Target>),
) -> Result<Option<(Image, Image)>> {
    let post = find_there(tx, id).await?;
    let stored = relations_of(tx, id).await?;
    let Some(old) = stored.iter().find(|stored| stored.id == relation_id) else {
        return Err(Error::field("relation_id", "unknown_id", "This post has no such relation, or no more."));
    };
    let (was, target) = (target_of(old), target.unwrap_or_else(|| target_of(old)));
    let same = |other: &&relation::Model| other.relation_type == relation_type && target_of(other) == target;
    if same(&old) {
        return Ok(None);
    }
    if stored.iter().any(|other| same(&other)) {
        return Err(Error::field("relation_type", "duplicate", "The post says this already."));
    }
    let before = image_of(old);
    let mut after = RelationImage {
        relation_type: relation_type.to_value(),
        target_kind: target.kind.to_value(),
        target_id: target.id,
        by_moderator: true,
        ..before.clone()
    };
    // What is no evidence has no likelihoods.
    if relation_type != RelationType::Evidence {
        (after.p_if_true, after.p_if_false, after.claimed_test_kind) = (None, None, None);
    }
    if let Some(wrong) = check_relation("", relation_type, target.kind, evidence_of(&after)?) {
        let field = if wrong.field == ".type" { "relation_type" } else { "target.kind" };
        return Err(Error::fields(vec![Field { field: field.to_owned(), ..wrong }]));
    }
    if target != was {
        let added = [(0, target)];
        let here = |mut error: Error| {
            for field in &mut error.fields {
                field.field = field.field.replace("relations[0].", "");
            }
            error
        };
        let found = resolve(tx, post.topic_id, &added).await.map_err(here)?;
        refuse_younger(&post, &added, &found).map_err(here)?;
    }
    update(tx, row_of(old, &after)?).await.on_constraint("relation_target_is_older", || {
        Error::field("target.id", "not_older", "A post bears on what was there before it.")
    })?;
    note_relations(app, tx, &post).await?;
    Ok(Some((Image::Relation(before), Image::Relation(after))))
}

fn image_of(row: &relation::Model) -> RelationImage {
    let target = target_of(row);
    RelationImage {
        id: row.id,
        relation_type: row.relation_type.to_value(),
        target_kind: target.kind.to_value(),
        target_id: target.id,
        p_if_true: row.p_if_true,
        p_if_false: row.p_if_false,
        claimed_test_kind: row.claimed_test_kind.map(|kind| kind.to_value()),
        by_moderator: row.by_moderator,
    }
}

fn evidence_of(image: &RelationImage) -> Result<Evidence> {
    let kind = image.claimed_test_kind.as_ref().map(TestKind::try_from_value).transpose();
    Ok(Evidence {
        p_if_true: image.p_if_true.map(BasisPoints::stored).transpose()?,
        p_if_false: image.p_if_false.map(BasisPoints::stored).transpose()?,
        claimed_test_kind: kind.map_err(Error::internal)?,
    })
}

/// A relation as an image says, in its place and under its name, so that whoever bears on it still does.
fn row_of(stored: &relation::Model, image: &RelationImage) -> Result<relation::Model> {
    let kind = TargetKind::try_from_value(&image.target_kind).map_err(Error::internal)?;
    let changed = RelationToInsert {
        id: stored.id,
        relation_type: RelationType::try_from_value(&image.relation_type).map_err(Error::internal)?,
        target: Target { kind, id: image.target_id },
        evidence: evidence_of(image)?,
        created_at: Some(stored.created_at),
        withdrawn_at: stored.withdrawn_at,
        by_moderator: image.by_moderator,
    };
    Ok(changed.row(stored.topic_id, stored.post_id, stored.position, stored.created_at))
}

async fn merge(
    app: &App,
    tx: &Tx,
    (topic_id, id): (TopicId, PostId),
    duplicate_of: PostId,
) -> Result<Option<(Image, Image)>> {
    require_in_topic(tx, topic_id, "duplicate_of", duplicate_of).await?;
    let statement = "SELECT post_id AS id FROM post_rank WHERE branch_id = $1 AND until IS NULL ORDER BY created, post_id";
    let replies: Vec<Found> = all(tx.conn(), sql(statement, [id.into()])).await?;
    let replies: Vec<PostId> = replies.into_iter().map(|reply| PostId(reply.id)).collect();
    lock_branches(tx, &replies, &[id, duplicate_of]).await?;
    let post = find_there(tx, id).await?;
    match post.duplicate_of {
        Some(of) if of == duplicate_of => return Ok(None),
        Some(_) => {
            let detail = "It is marked as a duplicate of another post: take that back first.";
            return Err(Code::InvalidStateTransition.error(detail));
        }
        None => {}
    }
    require_older("duplicate_of", &find(tx.conn(), duplicate_of).await?, &post)?;
    let host = find_host(app, tx, topic_id, duplicate_of).await?;
    let statement = "SELECT id FROM post WHERE duplicate_of = $1 LIMIT 1";
    let others: Option<Found> = one(tx.conn(), sql(statement, [id.into()])).await?;
    if others.is_some() {
        let detail = "Others are marked as duplicates of it: take that back first, and mark them anew.";
        return Err(Code::InvalidStateTransition.error(detail));
    }
    for reply in &replies {
        place(tx, &find(tx.conn(), *reply).await?, Some(&host), app.now()).await?;
    }
    mark(tx, id, Some(duplicate_of)).await?;
    let before = Image::Duplicate { of: None, replies: Vec::new() };
    Ok(Some((before, Image::Duplicate { of: Some(duplicate_of), replies })))
}

async fn mark(tx: &Tx, id: PostId, duplicate_of: Option<PostId>) -> Result<()> {
    let statement = "UPDATE post SET duplicate_of = $2 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [id.into(), duplicate_of.into()])).await?;
    Ok(())
}

/// Takes a mark back, and gives those replies that stay where somebody moved them since.
async fn split(app: &App, tx: &Tx, id: PostId, of: PostId, replies: &[PostId]) -> Result<Vec<PostId>> {
    lock_branches(tx, replies, &[id, of]).await?;
    let post = find_there(tx, id).await?;
    if post.duplicate_of != Some(of) {
        return Err(changed_since());
    }
    let mut stay = Vec::new();
    for reply in replies {
        let reply = find(tx.conn(), *reply).await?;
        if reply.parent_id == Some(of) {
            place(tx, &reply, Some(&post), app.now()).await?;
        } else {
            stay.push(reply.id);
        }
    }
    mark(tx, id, None).await?;
    Ok(stay)
}
