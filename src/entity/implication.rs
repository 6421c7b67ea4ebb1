//! What the record should show if scenarios are right.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, CitationId, ImplicationId, TopicId};
use crate::implications::rules::Resolution;
use crate::posts::rules::TestKind;

/// A row of `implication`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "implication")]
pub struct Model {
    /// The implication.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ImplicationId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Who proposed it.
    pub author_id: AccountId,
    /// What the record should show.
    pub statement: String,
    /// What kind of test it is.
    pub test_kind: TestKind,
    /// Whether the record shows it.
    pub resolution: Resolution,
    /// What shows that; none while it is unresolved.
    pub citation_id: Option<CitationId>,
    /// Who said so.
    pub resolved_by: Option<AccountId>,
    /// When.
    pub resolved_at: Option<Time>,
    /// Counts its edits and resolutions, from 1.
    pub version: i32,
    /// When it was proposed.
    pub created_at: Time,
    /// When it was last edited or resolved.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
