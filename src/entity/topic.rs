//! The debate about one counterfactual question.

use sea_orm::entity::prelude::*;

use crate::clock::Time;
use crate::decisions::rules::Restrictions;
use crate::historic_date::HistoricDate;
use crate::ids::{AccountId, HistoricalEventId, TopicId, VariantId};
use crate::topics::rules::{Operation, TopicStatus};

/// A row of `topic`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "topic")]
pub struct Model {
    /// The topic.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TopicId,
    /// Its name in addresses.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// The question in full.
    pub question_text: Option<String>,
    /// The event it turns on.
    pub event_id: Option<HistoricalEventId>,
    /// What came of the event in reality.
    pub actual_outcome: Option<String>,
    /// What is supposed to be otherwise.
    pub antecedent_statement: Option<String>,
    /// How the antecedent changes the past.
    pub antecedent_operation: Option<Operation>,
    /// Until when the past is shared.
    pub point_of_divergence: Option<HistoricDate>,
    /// The variant meant where none is named.
    pub primary_variant_id: Option<VariantId>,
    /// What is asked about.
    pub consequent_in_question: Option<String>,
    /// When the outcome counts as having occurred.
    pub outcome_definition: Option<String>,
    /// Whether it did, in reality.
    pub outcome_occurred: Option<bool>,
    /// When it did.
    pub outcome_actual_date: Option<HistoricDate>,
    /// How far from that date still counts as the same time.
    pub tolerance_days: i32,
    /// Until when the question asks.
    pub horizon: Option<HistoricDate>,
    /// Why until then.
    pub horizon_reason: Option<String>,
    /// Draft, open, archived, or out of sight.
    pub status: TopicStatus,
    /// Counts the changes of the set of scenarios, from 1.
    pub scenario_set_version: i32,
    /// Since which version of the set vectors can be compared with the present one.
    pub comparable_since: i32,
    /// Whether guests are shown what the crowd thinks.
    pub crowd_shown_to_guests: bool,
    /// The event and the antecedent in one text, by which topics that ask about the same are found.
    pub likeness: Option<String>,
    /// Who asked.
    pub author_id: AccountId,
    /// Counts the changes, from 1.
    pub version: i32,
    /// Counts what was changed of what it says, from 1.
    pub revision: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
    /// What nobody may do in it.
    pub restrictions: Restrictions,
    /// Whether moderators have everybody see it first.
    pub is_pinned: bool,
    /// What the debate came to, where moderators closed it.
    pub closing_summary: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
