//! What is stated of the scenarios of a topic and of its other parts: credences, judgements by the criteria, likelihoods.

use super::{Action, Actor, allow_if};
use crate::auth::rules::Scope;
use crate::entity::{reference_class, scenario, topic};
use crate::error::{Code, Result};
use crate::ids::TopicId;
use crate::roles::rules::{Permission, Place};
use crate::topics::rules::TopicStatus;

/// State how likely the scenarios of a topic are.
#[derive(Debug)]
pub struct StateCredences<'a>(pub &'a topic::Model);

impl Action for StateCredences<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.0.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Credences are stated in open topics.",
        )
    }
}

/// Judge a part of a topic by the criteria for counterfactuals, or take that back.
#[derive(Debug)]
pub struct JudgeByCriteria<'a> {
    /// In which topic.
    pub topic: &'a topic::Model,
    /// Which scenario, or that of which step.
    pub scenario: Option<&'a scenario::Model>,
}

impl Action for JudgeByCriteria<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Scenarios, variants, steps and facts are judged in open topics.",
        )?;
        allow_if(
            self.scenario.is_none_or(|scenario| scenario.retired_in_version.is_none()),
            Code::ScenarioRetired,
            "Judge one of those that are in force.",
        )
    }
}

/// State how likely the outcome of a topic was given the event, or take that back.
#[derive(Debug)]
pub struct StateOutcomeLikelihood<'a>(pub &'a topic::Model);

impl Action for StateOutcomeLikelihood<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.0.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Likelihoods are stated in open topics.",
        )
    }
}

/// Name a reference class in a topic.
#[derive(Debug)]
pub struct CreateReferenceClass<'a>(pub &'a topic::Model);

impl Action for CreateReferenceClass<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.0.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Reference classes are named in open topics.",
        )
    }
}

/// Delete a reference class: its author may, and whoever may edit topics there.
#[derive(Debug)]
pub struct DeleteReferenceClass<'a> {
    /// Which.
    pub class: &'a reference_class::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
}

impl Action for DeleteReferenceClass<'_> {
    const SCOPE: Scope = Scope::Post;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.is(Some(self.class.author_id))
                || who.has(Permission::TopicEdit, Place::Topic { id: self.class.topic_id, tags: self.tags }),
            Code::NotAllowed,
            "Its author deletes a reference class, and whoever may edit the topic.",
        )
    }
}
