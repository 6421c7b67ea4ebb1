//! Votes that are not to count, until it is undone.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, PostId, VoteNullificationId};
use crate::vote_signals::rules::NullificationState;

/// A row of `vote_nullification`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote_nullification")]
pub struct Model {
    /// The nullification.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VoteNullificationId,
    /// Where it stands.
    pub state: NullificationState,
    /// Whose votes.
    pub account_ids: Vec<Uuid>,
    /// On whose posts; on everybody's where nobody is named.
    pub author_id: Option<AccountId>,
    /// On which posts; on all of them where none is named.
    pub post_ids: Option<Vec<Uuid>>,
    /// Why; empty once the account of whoever said so was erased.
    pub reason: String,
    /// By whom; nobody once their account was erased.
    pub created_by: Option<AccountId>,
    /// When.
    pub created_at: Time,
    /// Who undid it; nobody once their account was erased.
    pub undone_by: Option<AccountId>,
    /// When it was undone.
    pub undone_at: Option<Time>,
    /// How far the background work came: up to this post.
    pub done_up_to: Option<PostId>,
    /// The rule of the site that those broke whose votes they are; none where nobody was told.
    pub rule_code: Option<String>,
    /// What they are told, while it waits for a second person.
    pub explanation: Option<String>,
    /// With which session or token it was asked for.
    pub credential_id: Option<Uuid>,
    /// Why it takes a second person, where it does.
    pub approval_reasons: Vec<String>,
    /// Until when they may agree.
    pub approval_expires_at: Option<Time>,
    /// Who agreed; nobody once their account was erased.
    pub approved_by: Option<AccountId>,
    /// When they did.
    pub approved_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
