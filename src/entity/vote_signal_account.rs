//! An account that a signal is about.

use sea_orm::entity::prelude::*;

use crate::ids::{AccountId, VoteSignalId};
use crate::vote_signals::rules::SignalPart;

/// A row of `vote_signal_account`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vote_signal_account")]
pub struct Model {
    /// The signal.
    #[sea_orm(primary_key, auto_increment = false)]
    pub signal_id: VoteSignalId,
    /// What the account has to do with it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: SignalPart,
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
}

impl ActiveModelBehavior for ActiveModel {}
