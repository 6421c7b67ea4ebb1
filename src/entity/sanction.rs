//! What an account may not do, where and until when.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::SanctionKind;
use crate::ids::{AccountId, ActionId, TopicId};

/// A row of `sanction`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sanction")]
pub struct Model {
    /// The action that it comes from.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActionId,
    /// Whom it concerns.
    pub account_id: AccountId,
    /// What it keeps them from.
    pub kind: SanctionKind,
    /// Within which topic, if not everywhere.
    pub topic_id: Option<TopicId>,
    /// From when on.
    pub starts_at: Time,
    /// Until when, if it has an end.
    pub ends_at: Option<Time>,
    /// How many strikes it brings.
    pub strikes: i16,
    /// Until when these count.
    pub strikes_expire_at: Time,
    /// When it was taken back.
    pub lifted_at: Option<Time>,
}

impl ActiveModelBehavior for ActiveModel {}
