//! What moderators have to decide of a subject.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::SubjectKind;
use crate::ids::{AccountId, CaseId, PostId, TopicId};
use crate::moderation::rules::{CaseOutcome, CaseState};

/// A row of `moderation_case`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "moderation_case")]
pub struct Model {
    /// The case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CaseId,
    /// What kind of thing it is about.
    pub subject_kind: SubjectKind,
    /// The subject, if it is a post.
    pub subject_post_id: Option<PostId>,
    /// The subject, if it is a topic.
    pub subject_topic_id: Option<TopicId>,
    /// The subject, if it is an account.
    pub subject_account_id: Option<AccountId>,
    /// The topic that the subject is in, or is.
    pub topic_id: Option<TopicId>,
    /// Whose subject it is.
    pub owner_id: AccountId,
    /// Where it stands, apart from claims that have run out.
    pub state: CaseState,
    /// Whether it takes more than a moderator to decide it.
    pub is_escalated: bool,
    /// Who claimed it.
    pub assignee_id: Option<AccountId>,
    /// Until when.
    pub claim_expires_at: Option<Time>,
    /// What came of it.
    pub resolution: Option<CaseOutcome>,
    /// When.
    pub resolved_at: Option<Time>,
    /// Until when it is left out of the queue, if it was muted.
    pub muted_until: Option<Time>,
    /// The case that decides this one as well.
    pub merged_into_id: Option<CaseId>,
    /// Words that moderators put on it, in their order.
    pub tags: Vec<String>,
    /// How many open reports that weigh something it has.
    pub report_count: i32,
    /// Of how many people.
    pub reporter_count: i32,
    /// What they weigh together, in hundredths.
    pub score: i32,
    /// How urgent it is, 0 to 100.
    pub priority: i16,
    /// Counts its changes, from 1.
    pub version: i32,
    /// When it was last opened.
    pub opened_at: Time,
    /// When something happened to it last.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
