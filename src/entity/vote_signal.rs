//! Something that speaks for an attack by votes.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{PostId, VoteSignalId};
use crate::vote_signals::rules::SignalKind;

/// A row of `vote_signal`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote_signal")]
pub struct Model {
    /// The signal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: VoteSignalId,
    /// What it is.
    pub kind: SignalKind,
    /// What makes it the same finding.
    pub key: String,
    /// The post, where it is about one.
    pub post_id: Option<PostId>,
    /// 0 to 1.
    pub strength: f64,
    /// The kinds that speak for a group being one.
    pub evidence: Vec<String>,
    /// The first of the votes that speak for it.
    pub first_seen: Time,
    /// The last of them.
    pub last_seen: Time,
}

impl ActiveModelBehavior for ActiveModel {}
