//! Writing posts and their relations.

mod redaction;
mod structure;

pub use redaction::{purge, redact};
pub use structure::{Restructuring, put_back, restructure};

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::rules::{
    CitationStatus, Criterion, Evidence, NewRelation, PostStatus, RelationType, StanceEffect, Target,
    TargetKind,
};
use crate::accounts;
use crate::app::App;
use crate::automation::rules::RuleTrigger;
use crate::automation::{self, Enforced};
use crate::changes::Change;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert as insert_row, insert_all, one, sql};
use crate::decisions::rules::{
    Annotations, Image, NoticeSource, Restriction, Restrictions, Subject, SubjectKind,
};
use crate::decisions::{self, Act};
use crate::entity::{post, post_revision, post_tally, relation, stance_effect};
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, PostId, RelationId, TopicId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::markdown;
use crate::policy::{Authority, CreatePost, DeletePost, EditPost, EraseAccount, Permit};
use crate::ranking;
use crate::ranking::rules::Standing;
use crate::sources;
use crate::topics;

/// A post that was checked.
#[derive(Debug)]
pub struct PostToInsert {
    /// Its identifier.
    pub id: PostId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Who wrote it.
    pub author_id: Option<AccountId>,
    /// The post it answers, with the root of its branch and its depth.
    pub parent: Option<(PostId, PostId, i32)>,
    /// The text; none for a tombstone.
    pub body: Option<String>,
    /// Whether it says where it has things from.
    pub citation_status: CitationStatus,
    /// Which test it applies.
    pub criterion: Option<Criterion>,
    /// What it bears on.
    pub relations: Vec<RelationToInsert>,
    /// The relations as the first revision records them, if these were others.
    pub first_recorded: Option<serde_json::Value>,
    /// Which scenarios it moves.
    pub stance_effects: Vec<StanceEffect>,
    /// When it was posted.
    pub created_at: Time,
    /// The older post that says the same, where moderators found that.
    pub duplicate_of: Option<PostId>,
}

/// A relation that was checked.
#[derive(Debug, Clone)]
pub struct RelationToInsert {
    /// Its identifier.
    pub id: RelationId,
    /// What the post does.
    pub relation_type: RelationType,
    /// To what.
    pub target: Target,
    /// What is said of it as evidence.
    pub evidence: Evidence,
    /// When it was made, if not with its post.
    pub created_at: Option<Time>,
    /// When it was taken back.
    pub withdrawn_at: Option<Time>,
    /// Whether a moderator says so.
    pub by_moderator: bool,
}

impl RelationToInsert {
    /// A relation as an author states it, under a new identifier.
    pub fn new(app: &App, new: &NewRelation) -> Self {
        Self {
            id: app.ids.next(),
            relation_type: new.relation_type,
            target: new.target,
            evidence: new.evidence(),
            created_at: None,
            withdrawn_at: None,
            by_moderator: false,
        }
    }

    fn row(&self, topic_id: TopicId, post_id: PostId, position: i16, created_at: Time) -> relation::Model {
        let Target { kind, id } = self.target;
        let when = |wanted: TargetKind| (kind == wanted).then_some(id);
        relation::Model {
            id: self.id,
            topic_id,
            post_id,
            position,
            relation_type: self.relation_type,
            target_kind: kind,
            target_topic_id: when(TargetKind::Topic).map(Into::into),
            target_post_id: when(TargetKind::Post).map(Into::into),
            target_relation_id: when(TargetKind::Relation).map(Into::into),
            target_scenario_id: when(TargetKind::Scenario).map(Into::into),
            target_chain_step_id: when(TargetKind::ChainStep).map(Into::into),
            target_background_fact_id: when(TargetKind::BackgroundFact).map(Into::into),
            target_variant_id: when(TargetKind::Variant).map(Into::into),
            p_if_true: self.evidence.p_if_true.map(Into::into),
            p_if_false: self.evidence.p_if_false.map(Into::into),
            claimed_test_kind: self.evidence.claimed_test_kind,
            created_at: self.created_at.unwrap_or(created_at),
            withdrawn_at: self.withdrawn_at,
            by_moderator: self.by_moderator,
        }
    }
}

/// The relations of a post as its revisions record them.
pub(crate) fn recorded(relations: impl IntoIterator<Item = (RelationType, Target)>) -> serde_json::Value {
    let record = |(relation_type, target): (RelationType, Target)| serde_json::json!({ "type": relation_type, "target": target });
    relations.into_iter().map(record).collect()
}

/// Adds a post with its relations and stance effects, and counts it everywhere it counts. The caller
/// holds the lock on the topic's activity.
///
/// # Errors
/// The database is away.
pub async fn insert(app: &App, tx: &Tx, _: &Permit<CreatePost<'_>>, new: &PostToInsert) -> Result<()> {
    let (parent_id, root_id, depth) = match new.parent {
        Some((parent, root, depth)) => (Some(parent), root, depth + 1),
        None => (None, new.id, 0),
    };
    let (body, body_html) = match &new.body {
        Some(body) => (body.clone(), markdown::render(body)),
        None => (String::new(), String::new()),
    };
    let there = new.body.is_some();
    insert_row(
        tx,
        post::Model {
            id: new.id,
            topic_id: new.topic_id,
            author_id: new.author_id,
            parent_id,
            root_id,
            depth,
            body: body.clone(),
            body_html: body_html.clone(),
            renderer_version: markdown::RENDERER_VERSION,
            citation_status: new.citation_status,
            criterion: new.criterion,
            status: if there { PostStatus::Visible } else { PostStatus::Deleted },
            revision: 1,
            created_at: new.created_at,
            edited_at: None,
            deleted_at: (!there).then_some(new.created_at),
            restrictions: Restrictions::default(),
            annotations: Annotations::default(),
            duplicate_of: new.duplicate_of,
        },
    )
    .await?;
    let tally = post_tally::Model {
        post_id: new.id,
        quality_up: 0,
        quality_down: 0,
        agree: 0,
        disagree: 0,
        reply_count: 0,
        descendant_count: 0,
        people_moved: 0,
        median_moved: None,
    };
    insert_row(tx, tally).await?;
    if there {
        let relations = match &new.first_recorded {
            Some(relations) => relations.clone(),
            None => recorded(new.relations.iter().map(|relation| (relation.relation_type, relation.target))),
        };
        let first = post_revision::Model {
            post_id: new.id,
            number: 1,
            body,
            body_html,
            relations,
            created_at: new.created_at,
            by_moderator: false,
        };
        insert_row(tx, first).await?;
    }
    let row = |(position, relation): (i16, &RelationToInsert)| {
        relation.row(new.topic_id, new.id, position, new.created_at)
    };
    insert_all(tx, (1..).zip(&new.relations).map(row).collect()).await?;
    let effect = |effect: &StanceEffect| stance_effect::Model {
        post_id: new.id,
        topic_id: new.topic_id,
        scenario_id: effect.scenario_id,
        direction: effect.direction,
    };
    insert_all(tx, new.stance_effects.iter().map(effect).collect()).await?;
    let branch = parent_id.map_or(new.topic_id.0, |parent| parent.0);
    ranking::insert_post(tx, new.id, branch, Standing::of(0, 0, new.created_at), new.created_at).await?;
    if let Some(parent) = parent_id {
        count_replies(tx, parent, 1, 1).await?;
    }
    topics::note_post(app, tx, new.topic_id, new.author_id.filter(|_| there), new.created_at).await
}

/// Counts replies more or less at a post, and so many posts more or less below it and everything above. The tallies are locked
/// from that post up, in no order that votes know of: a vote holds one tally and waits for none, and who holds several
/// holds the lock on the topic's activity.
async fn count_replies(tx: &Tx, parent: PostId, replies: i32, posts: i32) -> Result<()> {
    tx.conn()
        .execute_raw(sql(
            "WITH RECURSIVE up AS (
                 SELECT id, parent_id, depth FROM post WHERE id = $1
                 UNION ALL
                 SELECT above.id, above.parent_id, above.depth
                 FROM up CROSS JOIN LATERAL (
                     SELECT id, parent_id, depth FROM post WHERE post.id = up.parent_id OFFSET 0) above
             ), locked AS (
                 SELECT t.post_id FROM up JOIN LATERAL (
                     SELECT post_id FROM post_tally WHERE post_tally.post_id = up.id FOR UPDATE) t ON true
             )
             UPDATE post_tally SET descendant_count = descendant_count + $3,
                                   reply_count = reply_count + CASE WHEN post_tally.post_id = $1 THEN $2 ELSE 0 END
             FROM locked WHERE post_tally.post_id = locked.post_id",
            [parent.into(), replies.into(), posts.into()],
        ))
        .await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Found {
    kind: TargetKind,
    id: Uuid,
    created_at: Option<Time>,
}

/// Finds the targets of relations, each with its place in the request, and when they were made where
/// that matters.
///
/// # Errors
/// 422 for each that is not in the topic, or is there no more.
pub(super) async fn resolve(
    tx: &Tx,
    topic_id: TopicId,
    targets: &[(usize, Target)],
) -> Result<HashMap<Target, Option<Time>>> {
    if targets.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<Uuid> = targets.iter().map(|(_, target)| target.id).collect();
    let found: Vec<Found> = all(
        tx.conn(),
        sql(
            "SELECT 'topic' AS kind, id, NULL::timestamptz AS created_at FROM topic WHERE id = $1 AND id = ANY($2)
             UNION ALL SELECT 'post', id, created_at FROM post
                       WHERE topic_id = $1 AND id = ANY($2) AND is_shown(status)
             UNION ALL SELECT 'relation', r.id, r.created_at FROM relation r JOIN post p ON p.id = r.post_id
                       WHERE r.topic_id = $1 AND r.id = ANY($2) AND r.withdrawn_at IS NULL AND is_shown(p.status)
             UNION ALL SELECT 'scenario', id, NULL FROM scenario WHERE topic_id = $1 AND id = ANY($2)
             UNION ALL SELECT 'chain_step', id, NULL FROM chain_step WHERE topic_id = $1 AND id = ANY($2)
             UNION ALL SELECT 'background_fact', id, NULL FROM background_fact WHERE topic_id = $1 AND id = ANY($2)
             UNION ALL SELECT 'variant', id, NULL FROM antecedent_variant WHERE topic_id = $1 AND id = ANY($2)",
            [topic_id.into(), ids.into()],
        ),
    )
    .await?;
    let found: HashMap<Target, Option<Time>> = found
        .into_iter()
        .map(|found| (Target { kind: found.kind, id: found.id }, found.created_at))
        .collect();
    let missing = |(i, target): &(usize, Target)| {
        (!found.contains_key(target)).then(|| {
            Field::new(
                format!("relations[{i}].target.id"),
                "unknown_id",
                "This topic has no such thing, or no more.",
            )
        })
    };
    let wrong: Vec<Field> = targets.iter().filter_map(missing).collect();
    if wrong.is_empty() { Ok(found) } else { Err(Error::fields(wrong)) }
}

/// A moment for a new post that is later than its parent and everything it bears on, even where the
/// clocks of two servers differ.
pub(super) fn later_than(now: Time, older: impl Iterator<Item = Time>) -> Time {
    older.max().map_or(now, |latest| now.max(latest + TimeDelta::microseconds(1)))
}

/// Finds a post and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub async fn find_for_update(tx: &Tx, id: PostId) -> Result<post::Model> {
    // Votes take the tally first as well: whoever holds it knows that the post stays as it is.
    lock_tally(tx, id).await?;
    post::Entity::find_by_id(id)
        .lock(LockType::NoKeyUpdate)
        .one(tx.conn())
        .await?
        .ok_or_else(Error::not_found)
}

/// Finds the parent of a new post, and keeps it from being deleted until the transaction ends: whoever
/// changes a post holds its tally first.
///
/// # Errors
/// 422 where the topic has no such post.
pub(super) async fn find_parent(tx: &Tx, topic_id: TopicId, id: PostId) -> Result<post::Model> {
    let unknown = || Error::field("parent_id", "unknown_id", "This topic has no such post.");
    post_tally::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(unknown)?;
    let found = post::Entity::find_by_id(id).one(tx.conn()).await?;
    found.filter(|parent| parent.topic_id == topic_id).ok_or_else(unknown)
}

/// Reads the counters of a post and keeps others from changing them until the transaction ends.
///
/// # Errors
/// 404 where there is no such post.
pub async fn lock_tally(tx: &Tx, id: PostId) -> Result<post_tally::Model> {
    post_tally::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Keeps others from changing the counters of these posts until the transaction ends. They are locked from the youngest
/// on, as who replies locks the posts above.
///
/// # Errors
/// The database is away.
pub async fn lock_tallies(tx: &Tx, ids: Vec<Uuid>) -> Result<()> {
    let statement = "SELECT FROM post_tally WHERE post_id = ANY($1) ORDER BY post_id DESC FOR UPDATE";
    tx.conn().execute_raw(sql(statement, [ids.into()])).await?;
    Ok(())
}

/// Reads the counters of those of these posts that nobody else holds at the moment, and keeps others from changing them until
/// the transaction ends. It waits for nobody, so the order does not matter.
///
/// # Errors
/// The database is away.
pub async fn lock_free_tallies(tx: &Tx, ids: Vec<Uuid>) -> Result<Vec<post_tally::Model>> {
    let statement = "SELECT t.* FROM unnest($1::uuid[]) AS w (post_id)
                     JOIN LATERAL (
                         SELECT * FROM post_tally WHERE post_tally.post_id = w.post_id FOR UPDATE SKIP LOCKED) t ON true";
    all(tx.conn(), sql(statement, [ids.into()])).await
}

/// The relations of a post that are in force, in order.
///
/// # Errors
/// The database is away.
pub(super) async fn relations_of(tx: &Tx, id: PostId) -> Result<Vec<relation::Model>> {
    Ok(relation::Entity::find()
        .filter(relation::Column::PostId.eq(id))
        .filter(relation::Column::WithdrawnAt.is_null())
        .order_by_asc(relation::Column::Position)
        .all(tx.conn())
        .await?)
}

/// The evidence that somebody's posts in a topic bring, without what was taken back.
///
/// # Errors
/// The database is away.
pub async fn evidence_by(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
    author: AccountId,
) -> Result<Vec<relation::Model>> {
    let statement = "SELECT r.* FROM post p JOIN relation r ON r.post_id = p.id
                     WHERE p.topic_id = $1 AND p.author_id = $2 AND is_shown(p.status)
                       AND r.type = 'evidence' AND r.withdrawn_at IS NULL
                     ORDER BY r.created_at, r.id";
    all(db, sql(statement, [topic_id.into(), author.into()])).await
}

/// What a relation bears on.
pub fn target_of(relation: &relation::Model) -> Target {
    let id = [
        relation.target_topic_id.map(|id| id.0),
        relation.target_post_id.map(|id| id.0),
        relation.target_relation_id.map(|id| id.0),
        relation.target_scenario_id.map(|id| id.0),
        relation.target_chain_step_id.map(|id| id.0),
        relation.target_background_fact_id.map(|id| id.0),
        relation.target_variant_id.map(|id| id.0),
    ]
    .into_iter()
    .flatten()
    .next();
    Target { kind: relation.target_kind, id: id.unwrap_or_default() }
}

/// Revises a post: its text, its relations, or both. A relation that stays keeps its identifier; one that
/// goes is withdrawn, since others may bear on it. Tells whether anything changed.
///
/// # Errors
/// 422 where a new relation bears on something that is not older, or not there.
pub(super) async fn revise(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditPost<'_>>,
    body: Option<String>,
    relations: Option<&[NewRelation]>,
) -> Result<bool> {
    let old = permit.act().0;
    let now = app.now();
    let stored = relations_of(tx, old.id).await?;
    let mut recorded_relations =
        recorded(stored.iter().map(|relation| (relation.relation_type, target_of(relation))));
    let mut changed = body.as_ref().is_some_and(|body| *body != old.body);
    if let Some(wanted) = relations {
        let is_new = |new: &NewRelation| !stored.iter().any(|old| says(old, new));
        let added: Vec<(usize, Target)> = wanted
            .iter()
            .enumerate()
            .filter(|(_, new)| is_new(new))
            .map(|(i, new)| (i, new.target))
            .collect();
        // Their order is what readers see, so another order is another revision.
        refuse_to_unsay(&stored, wanted)?;
        changed |=
            wanted.len() != stored.len() || !stored.iter().zip(wanted).all(|(old, new)| says(old, new));
        if !changed {
            return Ok(false);
        }
        let found = resolve(tx, old.topic_id, &added).await?;
        refuse_younger(old, &added, &found)?;
        withdraw_and_add(app, tx, old, &stored, wanted, now).await?;
        recorded_relations =
            recorded(wanted.iter().map(|relation| (relation.relation_type, relation.target)));
    }
    if !changed {
        return Ok(false);
    }
    let body = body.unwrap_or_else(|| old.body.clone());
    revise_to(tx, old, body, recorded_relations, (now, false)).await?;
    Ok(true)
}

/// What moderators said of a post stays until they take it back.
fn refuse_to_unsay(stored: &[relation::Model], wanted: &[NewRelation]) -> Result<()> {
    let is_kept = |old: &relation::Model| wanted.iter().any(|new| says(old, new));
    if stored.iter().all(|old| !old.by_moderator || is_kept(old)) {
        return Ok(());
    }
    let detail =
        "Moderators set one of them, by_moderator: it stays as it is. Appeal against what they decided.";
    Err(Error::field("relations", "moderated", detail))
}

/// What a post bears on, as a revision of it records that.
async fn relations_as_recorded(tx: &Tx, id: PostId) -> Result<serde_json::Value> {
    let stored = relations_of(tx, id).await?;
    Ok(recorded(stored.iter().map(|relation| (relation.relation_type, target_of(relation)))))
}

/// Whether a stored relation is the one that an author states.
fn says(relation: &relation::Model, new: &NewRelation) -> bool {
    relation.relation_type == new.relation_type
        && target_of(relation) == new.target
        && relation.p_if_true == new.p_if_true.map(Into::into)
        && relation.p_if_false == new.p_if_false.map(Into::into)
        && relation.claimed_test_kind == new.claimed_test_kind
}

/// I8: what a relation bears on is older than the post that makes it.
fn refuse_younger(
    post: &post::Model,
    added: &[(usize, Target)],
    found: &HashMap<Target, Option<Time>>,
) -> Result<()> {
    let younger = |(i, target): &(usize, Target)| {
        let made = found.get(target).copied().flatten()?;
        let is_younger = match target.kind {
            TargetKind::Post => (made, target.id) >= (post.created_at, post.id.0),
            _ => made > post.created_at,
        };
        let field = || {
            Field::new(
                format!("relations[{i}].target.id"),
                "not_older",
                "A post bears on what was there before it; answer it with a new post.",
            )
        };
        is_younger.then(field)
    };
    let wrong: Vec<Field> = added.iter().filter_map(younger).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

async fn withdraw_and_add(
    app: &App,
    tx: &Tx,
    post: &post::Model,
    stored: &[relation::Model],
    wanted: &[NewRelation],
    now: Time,
) -> Result<()> {
    for old in stored.iter().filter(|old| !wanted.iter().any(|new| says(old, new))) {
        let statement = "UPDATE relation SET withdrawn_at = $2 WHERE id = $1";
        tx.conn().execute_raw(sql(statement, [old.id.into(), now.into()])).await?;
    }
    for (position, new) in (1_i16..).zip(wanted) {
        if let Some(old) = stored.iter().find(|old| says(old, new)) {
            let statement = "UPDATE relation SET position = $2 WHERE id = $1 AND position <> $2";
            tx.conn().execute_raw(sql(statement, [old.id.into(), position.into()])).await?;
        } else {
            let row = RelationToInsert::new(app, new).row(post.topic_id, post.id, position, now);
            insert_row(tx, row).await.on_constraint("relation_target_is_older", || {
                Error::field(
                    format!("relations[{}].target.id", position - 1),
                    "not_older",
                    "A post bears on what was there before it.",
                )
            })?;
        }
    }
    Ok(())
}

/// Gives a post its next revision, at some time, by its author or a moderator: one by a moderator is no edit of its text.
///
/// # Errors
/// The database is away.
pub async fn revise_to(
    tx: &Tx,
    old: &post::Model,
    body: String,
    relations: serde_json::Value,
    (at, by_moderator): (Time, bool),
) -> Result<()> {
    let body_html = markdown::render(&body);
    let number = old.revision + 1;
    insert_row(
        tx,
        post_revision::Model {
            post_id: old.id,
            number,
            body: body.clone(),
            body_html: body_html.clone(),
            relations,
            created_at: at,
            by_moderator,
        },
    )
    .await?;
    let mut row = old.clone();
    row.body = body;
    row.body_html = body_html;
    row.renderer_version = markdown::RENDERER_VERSION;
    row.revision = number;
    if !by_moderator {
        row.edited_at = Some(at);
    }
    write(tx, row).await?;
    Ok(())
}

/// Writes what may change of a post, which is locked. Where it stands is changed by moderators alone and is left out: since a
/// trigger watches over that, to name it in a statement takes a lock that waits for whoever refers to the post, such as a
/// new case.
async fn write(tx: &Tx, row: post::Model) -> Result<()> {
    let mut changed = row.into_active_model().reset_all();
    for place in [
        post::Column::TopicId,
        post::Column::AuthorId,
        post::Column::ParentId,
        post::Column::RootId,
        post::Column::Depth,
        post::Column::CreatedAt,
    ] {
        changed.not_set(place);
    }
    post::Entity::update(changed).exec_without_returning(tx.conn()).await?;
    Ok(())
}

/// Makes a tombstone of a post: text and author go from every answer, and so does what it alone brought to
/// the bibliography; its place in the tree stays. The caller holds the lock on the topic's activity.
///
/// # Errors
/// The database is away.
pub(super) async fn delete(app: &App, tx: &Tx, permit: &Permit<DeletePost<'_>>) -> Result<()> {
    make_tombstone(app, tx, permit.act().0.clone()).await
}

async fn make_tombstone(app: &App, tx: &Tx, mut row: post::Model) -> Result<()> {
    let topic_id = row.topic_id;
    let was_shown = row.status == PostStatus::Visible;
    row.body = String::new();
    row.body_html = String::new();
    row.status = PostStatus::Deleted;
    row.deleted_at = Some(app.now());
    let id = row.id;
    write(tx, row).await?;
    sources::forget_deleted(tx, topic_id, id).await?;
    // What was out of sight was not counted.
    if was_shown { topics::note_shown_posts(tx, topic_id, -1).await } else { Ok(()) }
}

/// Has a post, which is locked, be as an action made it, or as it was before one; gives how it was until now, in the same
/// respect. The caller holds the lock on the topic's activity.
///
/// # Errors
/// 409 for a tombstone; a defect where the image is of something else.
pub async fn apply(tx: &Tx, _: Authority<'_>, post: &post::Model, image: &Image) -> Result<Image> {
    if post.status == PostStatus::Deleted {
        return Err(Code::PostDeleted.error("It is a tombstone: nothing is left to decide about."));
    }
    let mut row = post.clone();
    let before = if let Image::Annotation { kind, is_set } = *image {
        Image::Annotation { kind, is_set: row.annotations.set(kind, is_set) }
    } else {
        let (status, restrictions, before) = image.applied(post.status.to_value(), &post.restrictions);
        row.status = PostStatus::try_from_value(&status).map_err(Error::internal)?;
        row.restrictions = restrictions;
        before
    };
    let shown = |post: &post::Model| i32::from(post.status == PostStatus::Visible);
    let difference = shown(&row) - shown(post);
    write(tx, row).await?;
    tx.changes(Change::Topic(post.topic_id));
    if difference == 0 { Ok(()) } else { topics::note_shown_posts(tx, post.topic_id, difference).await }?;
    Ok(before)
}

/// Does about a post, in the transaction that made, changed or reported it, what rules want that met it: hides it, tells its
/// author why, and calls for whoever opens the cases. The caller holds the lock on the topic's activity.
///
/// # Errors
/// The database is away.
pub async fn enforce(app: &App, tx: &Tx, id: PostId, enforced: &[Enforced]) -> Result<()> {
    if enforced.is_empty() {
        return Ok(());
    }
    automation::ring(tx).await?;
    // However many rules want it hidden, it is hidden once, by the first.
    let hiding = enforced.iter().find_map(|enforced| Some((enforced, enforced.hiding()?)));
    let Some((enforced, permit)) = hiding else { return Ok(()) };
    let authority = Authority::Rule(&permit);
    let post = find_for_update(tx, id).await?;
    let (PostStatus::Visible, Some(author_id)) = (post.status, post.author_id) else {
        // Whoever took it out of sight while this waited was there first.
        return Ok(());
    };
    let after = Image::Status(PostStatus::Hidden.to_value());
    let before = apply(tx, authority, &post, &after).await?;
    let source = match enforced.trigger() {
        RuleTrigger::NthReport => NoticeSource::OtherNotification,
        // Nothing is hidden at those two; and nobody gave notice of anything.
        RuleTrigger::VoteBurst
        | RuleTrigger::SignedUp
        | RuleTrigger::PostCreated
        | RuleTrigger::PostRevised => NoticeSource::Voluntary,
    };
    let act = Act {
        subject: Subject { kind: SubjectKind::Post, id: id.0 },
        topic_id: Some(post.topic_id),
        target_id: author_id,
        content_date: post.created_at,
        case_id: None,
        rule: &decisions::rule_as_it_held(tx.conn(), enforced.policy_rule()).await?,
        legal_ground: None,
        explanation: enforced.told(),
        scope: None,
        strikes: 0,
        ends_at: None,
        before,
        after,
        external_id: None,
        batch_id: None,
        source,
        met_by_rule: true,
    };
    let action = decisions::record(app, tx, authority, act).await?;
    let event = Event {
        kind: "moderated",
        topic_id: Some(post.topic_id),
        subject_id: Some(action.id.0),
        ..Event::default()
    };
    events::record(app, tx, event).await?;
    let author = accounts::require(tx.conn(), author_id).await?;
    mail::notify(app, tx, &author, MailKind::DecisionMade).await
}

#[derive(FromQueryResult)]
struct RestrictedRow {
    restrictions: Restrictions,
}

/// What nobody may do to a post and to those above it.
///
/// # Errors
/// The database is away.
pub(super) async fn restricted_above(tx: &Tx, id: PostId) -> Result<Vec<Restrictions>> {
    let statement = "WITH RECURSIVE up AS (
                         SELECT parent_id, restrictions FROM post WHERE id = $1
                         UNION ALL
                         SELECT above.parent_id, above.restrictions
                         FROM up CROSS JOIN LATERAL (
                             SELECT parent_id, restrictions FROM post WHERE post.id = up.parent_id OFFSET 0) above)
                     SELECT restrictions FROM up WHERE restrictions <> '[]'";
    let rows: Vec<RestrictedRow> = all(tx.conn(), sql(statement, [id.into()])).await?;
    Ok(rows.into_iter().map(|row| row.restrictions).collect())
}

#[derive(FromQueryResult)]
struct LastPosted {
    created_at: Option<Time>,
}

/// When somebody posted in a topic last, if that was within the wait of its slow mode.
///
/// # Errors
/// The database is away.
pub(super) async fn last_posted(
    tx: &Tx,
    topic_id: TopicId,
    author: AccountId,
    slow: &Restriction,
    now: Time,
) -> Result<Option<Time>> {
    let since = now - TimeDelta::seconds(slow.seconds.unwrap_or_default().into());
    let statement = "SELECT max(created_at) AS created_at FROM post
                     WHERE author_id = $1 AND topic_id = $2 AND created_at > $3";
    let values = [author.into(), topic_id.into(), since.into()];
    let row: Option<LastPosted> = one(tx.conn(), sql(statement, values)).await?;
    Ok(row.and_then(|row| row.created_at))
}

/// Makes a tombstone of the oldest post of an account that is being erased, and says whether there was one left.
/// Each is durable by itself: whoever has posted much holds nobody up, and work that broke off goes on.
///
/// # Errors
/// The database is away.
pub async fn erase_next(app: &App, permit: &Permit<EraseAccount<'_>>) -> Result<bool> {
    let author = permit.act().0.id;
    let tx = app.begin().await?;
    let next = post::Entity::find()
        .filter(post::Column::AuthorId.eq(author))
        .filter(post::Column::Status.ne(PostStatus::Deleted))
        .order_by_asc(post::Column::Id)
        .one(tx.conn())
        .await?;
    let Some(next) = next else { return Ok(false) };
    topics::lock_activity(&tx, next.topic_id).await?;
    let post = find_for_update(&tx, next.id).await?;
    if post.status != PostStatus::Deleted {
        delete(app, &tx, &Permit::deferred(DeletePost(&post), author)).await?;
        let event = Event {
            kind: "post_deleted",
            topic_id: Some(post.topic_id),
            subject_id: Some(post.id.0),
            ..Event::default()
        };
        events::record(app, &tx, event).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Removes the texts that the tombstones of an account had.
///
/// # Errors
/// The database is away.
pub async fn erase_former_texts(tx: &Tx, permit: &Permit<EraseAccount<'_>>) -> Result<()> {
    let statement = "DELETE FROM post_revision r USING post p
                     WHERE p.id = r.post_id AND p.author_id = $1 AND p.status = 'deleted'";
    tx.conn().execute_raw(sql(statement, [permit.act().0.id.into()])).await?;
    Ok(())
}

/// Finds a post.
///
/// # Errors
/// 404 where there is none.
pub async fn find(db: &impl ConnectionTrait, id: PostId) -> Result<post::Model> {
    post::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// The revisions of a post, newest first, one more than asked for.
///
/// # Errors
/// 404 for a post that is not there, or is there no more.
pub(super) async fn revisions(
    db: &impl ConnectionTrait,
    id: PostId,
    (reader, sees_hidden): (Option<AccountId>, bool),
    before: Option<i32>,
    limit: Limit,
) -> Result<Vec<post_revision::Model>> {
    let post = find(db, id).await?;
    let is_author = reader.is_some() && reader == post.author_id;
    if !post.status.is_shown_to(is_author, sees_hidden) {
        return Err(Error::not_found());
    }
    let revisions = post_revision::Entity::find()
        .filter(post_revision::Column::PostId.eq(id))
        .filter(post_revision::Column::Number.lt(before.unwrap_or(i32::MAX)))
        .order_by_desc(post_revision::Column::Number)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(revisions.all(db).await?)
}

/// Somebody's vote on a post.
#[derive(Debug, Clone, Copy, FromQueryResult)]
pub(super) struct OwnVote {
    pub(super) post_id: PostId,
    pub(super) account_id: AccountId,
    pub(super) quality: i16,
    pub(super) agreement: i16,
}

/// The votes of each of these people on each of these posts.
///
/// # Errors
/// The database is away.
pub(super) async fn own_votes(
    db: &impl ConnectionTrait,
    readers: &[AccountId],
    posts: Vec<Uuid>,
) -> Result<Vec<OwnVote>> {
    let readers: Vec<Uuid> = readers.iter().map(|reader| reader.0).collect();
    let statement = sql(
        "SELECT v.*
         FROM unnest($1::uuid[]) AS w (account_id)
         CROSS JOIN LATERAL (
             SELECT post_id, account_id, quality, agreement
             FROM vote WHERE vote.account_id = w.account_id AND vote.post_id = ANY($2) OFFSET 0) v",
        [readers.into(), posts.into()],
    );
    all(db, statement).await
}

/// Refuses a reply below the deepest level.
///
/// # Errors
/// 409.
pub(super) fn refuse_too_deep(parent: Option<&post::Model>) -> Result<()> {
    match parent {
        Some(parent) if parent.depth >= super::rules::MAX_DEPTH => {
            Err(Code::ThreadTooDeep.error("Reply further up, or start a new branch."))
        }
        _ => Ok(()),
    }
}
