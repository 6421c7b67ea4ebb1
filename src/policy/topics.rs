//! Topics, and changes of their sets of scenarios.

use super::{Action, Actor, allow_if};
use crate::auth::rules::Scope;
use crate::entity::{scenario_proposal, topic};
use crate::error::{Code, Result};
use crate::ids::TopicId;
use crate::roles::rules::{Permission, Place};
use crate::scenario_sets::rules::ProposalStatus;
use crate::topics::rules::TopicStatus;

/// Start a topic.
#[derive(Debug)]
pub struct CreateTopic;

impl Action for CreateTopic {
    const SCOPE: Scope = Scope::Post;

    fn decide(&self, _: &Actor) -> Result<()> {
        Ok(())
    }
}

/// Change a topic: its author may while it is a draft, whoever may edit topics there at any time.
#[derive(Debug)]
pub struct EditTopic<'a> {
    /// Which.
    pub topic: &'a topic::Model,
    /// Its tags.
    pub tags: &'a [String],
}

impl Action for EditTopic<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        if who.has(Permission::TopicEdit, Place::Topic { id: self.topic.id, tags: self.tags }) {
            return Ok(());
        }
        allow_if(
            who.is(Some(self.topic.author_id)),
            Code::NotYourTopic,
            "Its author changes a topic, and moderators do.",
        )?;
        allow_if(
            self.topic.status == TopicStatus::Draft,
            Code::TopicNotDraft,
            "Its author changes a topic while it is a draft, moderators at any time. Propose a change of its scenarios.",
        )
    }
}

/// Propose a change of the set of scenarios of a topic.
#[derive(Debug)]
pub struct ProposeScenarios<'a>(pub &'a topic::Model);

impl Action for ProposeScenarios<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.0.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Changes are proposed to open topics: in a draft its author just makes them.",
        )
    }
}

/// Accept or reject a change of the set of scenarios of a topic: its author may, and whoever may edit it.
#[derive(Debug)]
pub struct DecideProposal<'a> {
    /// Which.
    pub proposal: &'a scenario_proposal::Model,
    /// Of which topic.
    pub topic: &'a topic::Model,
    /// The tags of that.
    pub tags: &'a [String],
}

impl Action for DecideProposal<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.is(Some(self.topic.author_id))
                || who.has(Permission::TopicEdit, Place::Topic { id: self.topic.id, tags: self.tags }),
            Code::NotYourTopic,
            "The author of a topic decides what becomes of its scenarios, and moderators.",
        )?;
        allow_if(
            self.proposal.status == ProposalStatus::Open,
            Code::ProposalClosed,
            "It was decided or withdrawn before.",
        )?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "An archived topic stays as it is.",
        )
    }
}

/// Take a proposed change of a set of scenarios back.
#[derive(Debug)]
pub struct WithdrawProposal<'a>(pub &'a scenario_proposal::Model);

impl Action for WithdrawProposal<'_> {
    const SCOPE: Scope = Scope::Post;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.is(Some(self.0.proposer_id)),
            Code::NotYourProposal,
            "Whoever made a proposal takes it back.",
        )?;
        allow_if(
            self.0.status == ProposalStatus::Open,
            Code::ProposalClosed,
            "It was decided or withdrawn before.",
        )
    }
}
