//! Something that was done to a post, a topic or an account, or taken back.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::{ActionKind, ActorKind, Automation, Image, SubjectKind};
use crate::ids::{AccountId, ActionId, CaseId, PostId, RuleHitId, TopicId};

/// A row of `mod_action`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mod_action")]
pub struct Model {
    /// The action.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActionId,
    /// What was done.
    pub kind: ActionKind,
    /// In which case.
    pub case_id: Option<CaseId>,
    /// To what kind of thing.
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
    pub target_id: AccountId,
    /// Who did it: a person, a rule or the server.
    pub actor_kind: ActorKind,
    /// Which person; nobody once their account was erased.
    pub actor_id: Option<AccountId>,
    /// How much of it was decided without a person.
    pub automation: Automation,
    /// Which rule was broken.
    pub rule_code: Option<String>,
    /// In which version.
    pub rule_version: Option<i32>,
    /// Why, to whom it concerns.
    pub explanation: String,
    /// Within which topic a sanction holds, if not everywhere.
    pub scope_topic_id: Option<TopicId>,
    /// How many strikes it brings.
    pub strikes: i16,
    /// What it changed, as it was before.
    pub before_image: Image,
    /// The same as it was afterwards.
    pub after_image: Image,
    /// What whoever did it calls it.
    pub external_id: Option<String>,
    /// With which others it was done.
    pub batch_id: Option<Uuid>,
    /// Until when it holds, if it has an end.
    pub expires_at: Option<Time>,
    /// The action that this one takes back.
    pub reverts_id: Option<ActionId>,
    /// When.
    pub created_at: Time,
    /// What the rule of automatic moderation met that did it.
    pub rule_hit_id: Option<RuleHitId>,
}

impl ActiveModelBehavior for ActiveModel {}
