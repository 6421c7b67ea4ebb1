//! What surrounds a case, on the wire.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::Author;
use crate::clock::{Time, Timestamp};
use crate::db::ConnectionTrait;
use crate::decisions::rules::{ActionKind, Subject};
use crate::entity::moderation_case;
use crate::error::Result;
use crate::ids::{AccountId, CaseId, PostId};
use crate::moderation::rules::{CaseOutcome, CaseState};
use crate::moderation::store::{self, Charge, PostAbove};
use crate::policy::{Actor, ReadCase};
use crate::posts::rules::PostStatus;
use crate::roles::rules::Permission;

/// A post above the one that a case is about.
#[derive(Debug, Serialize, ToSchema)]
struct AnsweredPost {
    id: PostId,
    /// Null for a tombstone.
    author: Option<Author>,
    /// Markdown, also of what was taken out of sight; empty for a tombstone.
    body: String,
    status: PostStatus,
    created_at: Timestamp,
}

/// A case that was decided about something of the same person.
#[derive(Debug, Serialize, ToSchema)]
struct PriorCase {
    id: CaseId,
    subject: Subject,
    /// What came of it.
    resolution: Option<CaseOutcome>,
    /// When.
    resolved_at: Option<Timestamp>,
    /// The code of the rule of the last action in it that was not taken back, else that of its weightiest report; null where
    /// there is neither.
    rule: Option<String>,
}

/// A case about a post that says nearly the same.
#[derive(Debug, Serialize, ToSchema)]
struct SimilarCase {
    id: CaseId,
    subject: Subject,
    /// Whose it is.
    owner: Option<Author>,
    state: CaseState,
}

/// What surrounds a case, as far as its reader may see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseContext {
    /// What the post answers: the five posts next above it, the topmost first. Empty for topics and accounts.
    thread: Vec<AnsweredPost>,
    /// The ten other cases about things of the same person that were decided last, the last first.
    prior_cases: Vec<PriorCase>,
    /// Ten cases that are not decided yet about posts that say nearly the same, the likest first. Posts of the last day are
    /// compared.
    similar_cases: Vec<SimilarCase>,
    /// What the reader may do about the subject as it stands, by `POST /mod/actions`: everywhere, or within the topic of the
    /// case.
    allowed_actions: Vec<ActionKind>,
}

/// What was found around a case.
pub(super) struct Surroundings {
    thread: Vec<PostAbove>,
    prior: Vec<moderation_case::Model>,
    rules: HashMap<CaseId, String>,
    similar: Vec<moderation_case::Model>,
}

impl Surroundings {
    /// Those of a case, as far as somebody may see them who sees the case.
    ///
    /// # Errors
    /// The database is away.
    pub(super) async fn of(
        db: &impl ConnectionTrait,
        actor: &Actor,
        case: &moderation_case::Model,
    ) -> Result<Self> {
        let reader = actor.require()?;
        let charge = Charge::of(&reader.powers, Permission::ReportRead);
        let prior = store::prior_cases(db, &charge, case).await?;
        let similar = store::similar_cases(db, (reader.id, &charge), case).await?;
        let tags = store::tags_of_cases(db, prior.iter().chain(&similar)).await?;
        let may_read = |other: &moderation_case::Model| {
            let tags = other.topic_id.and_then(|id| tags.get(&id)).map_or(&[][..], Vec::as_slice);
            actor.may(ReadCase { case: other, tags }).is_ok()
        };
        let prior: Vec<_> = prior.into_iter().filter(may_read).collect();
        let similar = similar.into_iter().filter(may_read).collect();
        let rules = store::rules_of_cases(db, &prior).await?;
        Ok(Self { thread: store::posts_above(db, case).await?, prior, rules, similar })
    }

    /// Whom it names.
    pub(super) fn people(&self) -> impl Iterator<Item = AccountId> {
        let authors = self.thread.iter().filter_map(|post| post.author_id);
        authors.chain(self.similar.iter().map(|case| case.owner_id))
    }

    /// As it is shown, with what may be done.
    pub(super) fn view(
        mut self,
        people: &HashMap<AccountId, Author>,
        allowed_actions: Vec<ActionKind>,
        now: Time,
    ) -> CaseContext {
        let person = |id: AccountId| people.get(&id).cloned();
        let above = |post: PostAbove| AnsweredPost {
            id: post.id,
            author: post.author_id.and_then(person),
            body: post.body,
            status: post.status,
            created_at: post.created_at.into(),
        };
        let prior = |case: &moderation_case::Model| PriorCase {
            id: case.id,
            subject: store::subject_of(case),
            resolution: case.resolution,
            resolved_at: case.resolved_at.map(Into::into),
            rule: self.rules.remove(&case.id),
        };
        let similar = |case: &moderation_case::Model| SimilarCase {
            id: case.id,
            subject: store::subject_of(case),
            owner: person(case.owner_id),
            state: store::standing(case).at(now).state,
        };
        CaseContext {
            thread: self.thread.into_iter().map(above).collect(),
            prior_cases: self.prior.iter().map(prior).collect(),
            similar_cases: self.similar.iter().map(similar).collect(),
            allowed_actions,
        }
    }
}
