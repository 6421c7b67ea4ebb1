//! What the one whom an action restricts is told of its reasons.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::NoticeSource;
use crate::ids::{AccountId, ActionId};

/// A row of `statement_of_reasons`. The columns are those of the transparency database of the European Union.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "statement_of_reasons")]
pub struct Model {
    /// The action.
    #[sea_orm(primary_key, auto_increment = false)]
    pub action_id: ActionId,
    /// Whom it restricts.
    pub recipient_id: AccountId,
    /// How it restricts that something is seen.
    pub decision_visibility: Option<String>,
    /// How it restricts the use of the service.
    pub decision_provision: Option<String>,
    /// How it restricts the account.
    pub decision_account: Option<String>,
    /// Whether it is for the law or for the rules of the site.
    pub decision_ground: String,
    /// Which law.
    pub illegal_content_legal_ground: Option<String>,
    /// Why it breaks that.
    pub illegal_content_explanation: Option<String>,
    /// Which rule.
    pub incompatible_content_ground: Option<String>,
    /// Why it breaks that.
    pub incompatible_content_explanation: Option<String>,
    /// What kind of wrong that is.
    pub category: String,
    /// What kind of thing it is about.
    pub content_type: String,
    /// When that was made.
    pub content_date: Time,
    /// From when on it holds.
    pub application_date: Time,
    /// Until when, if it has an end.
    pub end_date: Option<Time>,
    /// Where it holds.
    pub territorial_scope: Vec<String>,
    /// What was found.
    pub decision_facts: String,
    /// By whom.
    pub source_type: NoticeSource,
    /// Whether it was found automatically.
    pub automated_detection: bool,
    /// How much was decided automatically.
    pub automated_decision: String,
}

impl ActiveModelBehavior for ActiveModel {}
