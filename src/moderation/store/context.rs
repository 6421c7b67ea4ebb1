//! What surrounds a case: what its post answers, what was decided about the same person, what says nearly the same, and what may
//! be done about it.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, Iterable};
use uuid::Uuid;

use super::cases::{Charge, Circumstances, standing};
use super::subjects::{Content, subject_of};
use crate::clock::Time;
use crate::db::{all, sql};
use crate::decisions::rules::ActionKind;
use crate::entity::moderation_case;
use crate::error::Result;
use crate::ids::{AccountId, CaseId, PostId, TopicId};
use crate::policy::{Actor, Moderate};
use crate::posts::rules::PostStatus;

/// A post above another one.
#[derive(Debug, FromQueryResult)]
pub(in crate::moderation) struct PostAbove {
    /// Which.
    pub(in crate::moderation) id: PostId,
    /// Whose it is; nobody's where it is a tombstone.
    pub(in crate::moderation) author_id: Option<AccountId>,
    /// What it says, in sight or not; nothing where it is a tombstone.
    pub(in crate::moderation) body: String,
    /// Where it stands.
    pub(in crate::moderation) status: PostStatus,
    /// When it was posted.
    pub(in crate::moderation) created_at: Time,
}

/// The five posts next above the one that a case is about, the topmost first; none where it is about something else.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn posts_above(
    db: &impl ConnectionTrait,
    case: &moderation_case::Model,
) -> Result<Vec<PostAbove>> {
    let Some(id) = case.subject_post_id else { return Ok(Vec::new()) };
    let statement = "WITH RECURSIVE above AS (
             SELECT parent_id AS id, 1 AS steps FROM post WHERE id = $1 AND parent_id IS NOT NULL
             UNION ALL
             SELECT p.parent_id, a.steps + 1 FROM above a JOIN post p ON p.id = a.id
             WHERE p.parent_id IS NOT NULL AND a.steps < 5)
         SELECT p.id, CASE WHEN p.status <> 'deleted' THEN p.author_id END AS author_id,
                CASE WHEN p.status <> 'deleted' THEN p.body ELSE '' END AS body, p.status, p.created_at
         FROM above a JOIN post p ON p.id = a.id ORDER BY a.steps DESC";
    all(db, sql(statement, [id.into()])).await
}

/// The ten cases that were decided last about things of the owner of one, without that one, in the places that somebody is in
/// charge of: the last first.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn prior_cases(
    db: &impl ConnectionTrait,
    charge: &Charge,
    case: &moderation_case::Model,
) -> Result<Vec<moderation_case::Model>> {
    let statement = "SELECT c.* FROM moderation_case c
         WHERE c.owner_id = $4 AND c.id <> $5 AND c.state IN ('resolved', 'appealed')
           AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
         ORDER BY c.resolved_at DESC, c.id DESC LIMIT 10";
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        case.owner_id.into(),
        case.id.into(),
    ];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// Ten cases that are not decided yet about posts that say nearly the same as the post of one, in the places that somebody is in
/// charge of, without those about themselves: the likest first. Only posts of the last day are compared.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn similar_cases(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    case: &moderation_case::Model,
) -> Result<Vec<moderation_case::Model>> {
    let Some(id) = case.subject_post_id else { return Ok(Vec::new()) };
    // As rules compare posts, where they say nothing else.
    let statement = "SELECT c.* FROM post_fingerprint own JOIN post_fingerprint f ON f.post_id <> own.post_id
         CROSS JOIN LATERAL (SELECT bit_count((f.fingerprint # own.fingerprint)::bit(64)) AS distance) near
         JOIN moderation_case c ON c.subject_post_id = f.post_id
         WHERE own.post_id = $4 AND near.distance <= 3 AND c.state NOT IN ('resolved', 'appealed') AND c.owner_id <> $5
           AND ($1 OR c.topic_id = ANY ($2) OR EXISTS
                (SELECT FROM topic_tag t WHERE t.topic_id = c.topic_id AND t.tag = ANY ($3)))
         ORDER BY near.distance, c.id LIMIT 10";
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        id.into(),
        reader.into(),
    ];
    Ok(moderation_case::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

#[derive(FromQueryResult)]
struct TopicTag {
    topic_id: TopicId,
    tag: String,
}

/// The tags of the topics that cases are in, by topic.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn tags_of_cases(
    db: &impl ConnectionTrait,
    cases: impl Iterator<Item = &moderation_case::Model>,
) -> Result<HashMap<TopicId, Vec<String>>> {
    let mut topics: Vec<Uuid> = cases.filter_map(|case| case.topic_id.map(|id| id.0)).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut tags: HashMap<_, Vec<_>> = HashMap::new();
    if topics.is_empty() {
        return Ok(tags);
    }
    let statement = "SELECT topic_id, tag FROM topic_tag WHERE topic_id = ANY ($1)";
    let rows: Vec<TopicTag> = all(db, sql(statement, [topics.into()])).await?;
    for row in rows {
        tags.entry(row.topic_id).or_default().push(row.tag);
    }
    Ok(tags)
}

#[derive(FromQueryResult)]
struct CaseRule {
    case_id: CaseId,
    rule: Option<String>,
}

/// By which rule each of these cases was decided: that of the last action in it that stands, else that of its weightiest report.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn rules_of_cases(
    db: &impl ConnectionTrait,
    cases: &[moderation_case::Model],
) -> Result<HashMap<CaseId, String>> {
    let ids: Vec<Uuid> = cases.iter().map(|case| case.id.0).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = "SELECT c.id AS case_id, coalesce(
             (SELECT a.rule_code FROM mod_action a WHERE a.case_id = c.id AND a.kind <> 'revert'
                AND NOT EXISTS (SELECT FROM mod_action back WHERE back.reverts_id = a.id)
              ORDER BY a.id DESC LIMIT 1),
             (SELECT r.rule_code FROM report r WHERE r.case_id = c.id ORDER BY r.weight DESC, r.id LIMIT 1)) AS rule
         FROM moderation_case c WHERE c.id = ANY ($1)";
    let rows: Vec<CaseRule> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.case_id, row.rule?))).collect())
}

/// Whether an action leads anywhere from where a subject stands.
fn is_open_to(kind: ActionKind, status: &str) -> bool {
    !matches!(
        (status, kind),
        ("deleted" | "draft", _)
            | ("hidden" | "removed", ActionKind::Hide | ActionKind::Close)
            | ("removed", ActionKind::Remove)
    )
}

/// The kinds of actions that somebody may take now on the subject of a case that says this, by the same that is asked when they
/// take one: whether nobody else is at the case, whether there is such an action on such a subject, and the policy. What is for
/// bulk jobs alone is not among them.
pub(in crate::moderation) fn allowed_actions(
    actor: &Actor,
    (case, circumstances): (&moderation_case::Model, &Circumstances),
    content: Option<&Content>,
    now: Time,
) -> Vec<ActionKind> {
    let Some(content) = content else { return Vec::new() };
    if standing(case).at(now).claim.is_some_and(|(assignee, _)| !actor.is(Some(assignee))) {
        return Vec::new();
    }
    let here = case.topic_id.map(|id| (id, circumstances.tags.as_slice()));
    let may = |kind: ActionKind| {
        let confined = here.filter(|_| kind.takes_scope());
        [None, confined]
            .into_iter()
            .any(|scope| actor.may(Moderate { case: circumstances.decide(case), kind, scope }).is_ok())
    };
    let fits = |kind: &ActionKind| {
        kind.fits(subject_of(case).kind) && *kind != ActionKind::Purge && is_open_to(*kind, &content.status)
    };
    ActionKind::iter().filter(fits).filter(|kind| may(*kind)).collect()
}
