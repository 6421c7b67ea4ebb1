//! Implications, what is forecast of them, and what came of that.

use super::{Action, Actor, allow_if};
use crate::auth::rules::Scope;
use crate::entity::{implication, topic};
use crate::error::{Code, Result};
use crate::ids::TopicId;
use crate::implications::rules::Resolution;
use crate::roles::rules::{Permission, Place};
use crate::topics::rules::TopicStatus;

/// Propose what the record should show if scenarios of a topic are right.
#[derive(Debug)]
pub struct ProposeImplication<'a>(pub &'a topic::Model);

impl Action for ProposeImplication<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.0.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Implications are proposed in open topics.",
        )
    }
}

fn is_unresolved(implication: &implication::Model) -> Result<()> {
    allow_if(
        implication.resolution == Resolution::Unresolved,
        Code::ImplicationResolved,
        "Whoever resolved it may open it again.",
    )
}

fn others_have_not_forecast(others_forecast: bool) -> Result<()> {
    allow_if(
        !others_forecast,
        Code::ImplicationHasForecasts,
        "What they were asked about stays as it was: propose another one.",
    )
}

/// Change an implication that nobody else has forecast.
#[derive(Debug)]
pub struct EditImplication<'a> {
    /// Which.
    pub implication: &'a implication::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
    /// Whether others than its author have forecast it.
    pub others_forecast: bool,
}

impl Action for EditImplication<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.is(Some(self.implication.author_id)),
            Code::NotYourImplication,
            "Only its author changes an implication.",
        )?;
        is_unresolved(self.implication)?;
        others_have_not_forecast(self.others_forecast)?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Implications are changed in open topics.",
        )
    }
}

/// Take an unresolved implication away: its author may while nobody else has forecast it, whoever may edit the topic
/// at any time.
#[derive(Debug)]
pub struct DeleteImplication<'a> {
    /// Which.
    pub implication: &'a implication::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
    /// Whether others than its author have forecast it.
    pub others_forecast: bool,
}

impl Action for DeleteImplication<'_> {
    const SCOPE: Scope = Scope::Post;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let place = Place::Topic { id: self.implication.topic_id, tags: self.tags };
        let may_edit_topic = who.has(Permission::TopicEdit, place);
        allow_if(
            may_edit_topic || who.is(Some(self.implication.author_id)),
            Code::NotYourImplication,
            "Its author deletes an implication, or whoever may edit the topic.",
        )?;
        is_unresolved(self.implication)?;
        if may_edit_topic { Ok(()) } else { others_have_not_forecast(self.others_forecast) }
    }
}

/// Say whether the record shows an implication, or that this is open again: the author of the topic may, and whoever may
/// edit it, unless they proposed it themselves.
#[derive(Debug)]
pub struct ResolveImplication<'a> {
    /// Which.
    pub implication: &'a implication::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
    /// The tags of the topic.
    pub tags: &'a [String],
}

impl Action for ResolveImplication<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        let place = Place::Topic { id: self.topic.id, tags: self.tags };
        allow_if(
            who.is(Some(self.topic.author_id)) || who.has(Permission::TopicEdit, place),
            Code::NotYourTopic,
            "The author of the topic resolves its implications, or whoever may edit the topic.",
        )?;
        allow_if(
            !who.is(Some(self.implication.author_id)),
            Code::OwnImplication,
            "Somebody else resolves what you proposed: the author of the topic, or whoever may edit it.",
        )
    }
}

/// Forecast whether the record shows an implication.
#[derive(Debug)]
pub struct StateForecast<'a> {
    /// Which implication.
    pub implication: &'a implication::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
}

impl Action for StateForecast<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.implication.resolution == Resolution::Unresolved,
            Code::ImplicationResolved,
            "What is resolved is forecast no more.",
        )?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Forecasts are stated in open topics.",
        )
    }
}
