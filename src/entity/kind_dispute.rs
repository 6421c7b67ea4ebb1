//! Whether somebody disputes that a variant is plausible, or a miracle.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::ids::{AccountId, TopicId, VariantId};

/// A row of `kind_dispute`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "kind_dispute")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub topic_id: TopicId,
    /// The variant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub variant_id: VariantId,
    /// Whose judgement this is.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// Whether they dispute it.
    pub disputes: bool,
    /// When they last changed it.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}
