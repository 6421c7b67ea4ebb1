//! What is reported and decided about.

use sea_orm::{ConnectionTrait, FromQueryResult};

use crate::accounts::rules::{AccountKind, AccountState};
use crate::clock::Time;
use crate::db::{Tx, all, one, sql};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::moderation_case;
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, CaseId, PostId, TopicId};
use crate::policy::Actor;
use crate::posts::rules::PostStatus;
use crate::topics::rules::TopicStatus;
use crate::{accounts, posts, topics};

/// What is reported, as it is.
#[derive(Debug, Clone)]
pub(in crate::moderation) struct Reported {
    pub(super) subject: Subject,
    /// The topic that it is in, or is.
    pub(in crate::moderation) topic_id: Option<TopicId>,
    /// Whose it is.
    pub(in crate::moderation) owner_id: AccountId,
    pub(super) revision: i32,
}

/// What a subject is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::moderation) enum Purpose {
    /// To report it: it has to be there for everybody.
    Report,
    /// To decide about it: it may be out of sight already.
    Decide,
}

/// Finds what somebody wants to report or to decide about, as far as they may see it.
///
/// # Errors
/// 422 where there is no such thing, or none that they may see; 409 where it is gone.
pub(in crate::moderation) async fn find_subject(
    tx: &Tx,
    actor: &Actor,
    subject: Subject,
    purpose: Purpose,
) -> Result<Reported> {
    let unknown =
        || Error::field("subject.id", "unknown_id", "There is no such thing, or you may not see it.");
    let hide = |error: Error| if error.code == Code::NotFound { unknown() } else { error };
    match subject.kind {
        SubjectKind::Post => {
            let post = posts::find(tx.conn(), PostId(subject.id)).await.map_err(hide)?;
            topics::find(tx.conn(), actor, &post.topic_id.to_string()).await.map_err(hide)?;
            let owner_id = match (post.status, post.author_id) {
                (PostStatus::Visible, Some(owner)) => owner,
                (PostStatus::Hidden | PostStatus::Removed, Some(owner)) if purpose == Purpose::Decide => {
                    owner
                }
                (PostStatus::Hidden | PostStatus::Removed, Some(_)) => {
                    return Err(Code::PostHidden.error("Moderators took it out of sight already."));
                }
                _ => return Err(Code::PostDeleted.error("It is gone already.")),
            };
            Ok(Reported { subject, topic_id: Some(post.topic_id), owner_id, revision: post.revision })
        }
        SubjectKind::Topic => {
            let topic = topics::find(tx.conn(), actor, &subject.id.to_string()).await.map_err(hide)?;
            // Whoever is in charge of cases need not be one who sees drafts.
            if topic.status == TopicStatus::Draft {
                return Err(Code::TopicNotOpen.error("Nobody but its author and the staff sees a draft."));
            }
            Ok(Reported {
                subject,
                topic_id: Some(topic.id),
                owner_id: topic.author_id,
                revision: topic.revision,
            })
        }
        SubjectKind::Account => {
            let found = accounts::find_by_id(tx.conn(), AccountId(subject.id)).await?;
            let account = found.filter(|account| {
                account.kind == AccountKind::Person && account.state != AccountState::Deleted
            });
            let account = account.ok_or_else(unknown)?;
            Ok(Reported { subject, topic_id: None, owner_id: account.id, revision: account.version })
        }
    }
}

/// The tags of a topic, if there is one.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn tags_of(
    db: &impl ConnectionTrait,
    topic_id: Option<TopicId>,
) -> Result<Vec<String>> {
    match topic_id {
        Some(id) => topics::tags(db, id).await,
        None => Ok(Vec::new()),
    }
}

/// What a subject says now.
#[derive(Debug, FromQueryResult)]
pub(in crate::moderation) struct Content {
    pub(in crate::moderation) revision: i32,
    pub(in crate::moderation) text: String,
    pub(in crate::moderation) slug: Option<String>,
    /// Where it stands, in the words of its kind: a draft, out of sight, a tombstone.
    pub(super) status: String,
}

/// What a subject says, as SQL over its row: the same when it is reported as when it is read.
macro_rules! said {
    (topic) => {
        "concat_ws(E'\n\n', title, question_text)"
    };
    (account) => {
        "concat_ws(E'\n\n', username, display_name, bio)"
    };
}

/// What a subject said in a version that was reported.
#[derive(Debug, FromQueryResult)]
pub(in crate::moderation) struct ReportedVersion {
    pub(in crate::moderation) revision: i32,
    /// Nothing where it was purged.
    pub(in crate::moderation) text: Option<String>,
    pub(in crate::moderation) sha256: Vec<u8>,
}

/// Keeps what a subject says in the version that is reported, or what that hashes to where it is kept elsewhere. The
/// first that was kept of a version stays.
pub(super) async fn keep_version(tx: &Tx, case_id: CaseId, reported: &Reported) -> Result<()> {
    macro_rules! keep {
        ($text:expr, $said:expr, $from:literal) => {
            concat!(
                "INSERT INTO reported_version (case_id, revision, text, sha256)
                 SELECT $1, $2, ",
                $text,
                ", sha256(convert_to(",
                $said,
                ", 'UTF8')) FROM ",
                $from,
                " ON CONFLICT DO NOTHING"
            )
        };
    }
    let statement = match reported.subject.kind {
        SubjectKind::Post => keep!("NULL", "body", "post_revision WHERE post_id = $3 AND number = $2"),
        SubjectKind::Topic => keep!(said!(topic), said!(topic), "topic WHERE id = $3 AND revision = $2"),
        SubjectKind::Account => keep!(
            said!(account),
            said!(account),
            "account WHERE id = $3 AND version = $2 AND state <> 'deleted'"
        ),
    };
    let values = [case_id.into(), reported.revision.into(), reported.subject.id.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// What the subject of a case said in the versions that were reported, the last first: the last hundred.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn reported_versions(
    db: &impl ConnectionTrait,
    case_id: CaseId,
) -> Result<Vec<ReportedVersion>> {
    let statement = "SELECT v.revision, coalesce(v.text, r.body) AS text, v.sha256
                     FROM reported_version v
                     JOIN moderation_case c ON c.id = v.case_id
                     LEFT JOIN post_revision r ON r.post_id = c.subject_post_id AND r.number = v.revision
                     WHERE v.case_id = $1 ORDER BY v.revision DESC LIMIT 100";
    all(db, sql(statement, [case_id.into()])).await
}

/// What the subject of a case says now, and the slug of the topic that it is in.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn content(
    db: &impl ConnectionTrait,
    case: &moderation_case::Model,
) -> Result<Option<Content>> {
    let (statement, id) = match (case.subject_post_id, case.subject_topic_id, case.subject_account_id) {
        (Some(id), ..) => (
            "SELECT p.revision, p.body AS text, t.slug, p.status FROM post p JOIN topic t ON t.id = p.topic_id WHERE p.id = $1",
            id.0,
        ),
        (_, Some(id), _) => (
            concat!("SELECT revision, ", said!(topic), " AS text, slug, status FROM topic WHERE id = $1"),
            id.0,
        ),
        (.., Some(id)) => (
            concat!(
                "SELECT version AS revision, ",
                said!(account),
                " AS text, NULL AS slug, state AS status FROM account WHERE id = $1"
            ),
            id.0,
        ),
        _ => return Ok(None),
    };
    one(db, sql(statement, [id.into()])).await
}

/// What is reported, of a case.
pub(in crate::moderation) fn subject_of(case: &moderation_case::Model) -> Subject {
    let id = [
        case.subject_post_id.map(|id| id.0),
        case.subject_topic_id.map(|id| id.0),
        case.subject_account_id.map(|id| id.0),
    ];
    Subject { kind: case.subject_kind, id: id.into_iter().flatten().next().unwrap_or_default() }
}

#[derive(FromQueryResult)]
struct Made {
    made_at: Time,
}

/// When the subject of a case was made.
///
/// # Errors
/// The database is away.
pub(super) async fn made_at(db: &impl ConnectionTrait, subject: Subject) -> Result<Time> {
    let statement = match subject.kind {
        SubjectKind::Post => "SELECT created_at AS made_at FROM post WHERE id = $1",
        SubjectKind::Topic => "SELECT created_at AS made_at FROM topic WHERE id = $1",
        SubjectKind::Account => "SELECT created_at AS made_at FROM account WHERE id = $1",
    };
    let made: Option<Made> = one(db, sql(statement, [subject.id.into()])).await?;
    made.map(|made| made.made_at).ok_or_else(Error::not_found)
}
