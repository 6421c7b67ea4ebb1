//! What a job is about: one of the many.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::SubjectKind;
use crate::ids::{AccountId, JobId, TopicId};
use crate::jobs::rules::ItemState;

/// A row of `mod_job_item`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "mod_job_item")]
pub struct Model {
    /// The job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: JobId,
    /// Its place in the job, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ordinal: i32,
    /// What kind of thing it is.
    pub subject_kind: SubjectKind,
    /// Which one.
    pub subject_id: Uuid,
    /// Whose it is; nobody where it is not there.
    pub owner_id: Option<AccountId>,
    /// The topic that it is in, or is.
    pub topic_id: Option<TopicId>,
    /// Its version when the job was planned.
    pub revision: i32,
    /// What became of it.
    pub state: ItemState,
    /// Why it was skipped, or failed.
    pub code: Option<String>,
    /// When it was seen to.
    pub finished_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
