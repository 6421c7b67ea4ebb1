//! Bulk jobs.

use super::{Action, Actor, allow_if};
use crate::accounts::rules::Role;
use crate::auth::rules::Scope;
use crate::entity::mod_job;
use crate::error::{Code, Error, Result};
use crate::ids::TopicId;
use crate::roles::rules::{Permission, Place};

/// Do the same to many things, to this one among others.
#[derive(Debug)]
pub struct ActInBulk<'a> {
    /// The topic that it is in, and its tags.
    pub topic: Option<(TopicId, &'a [String])>,
}

impl Action for ActInBulk<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let place = self.topic.map_or(Place::Site, |(id, tags)| Place::Topic { id, tags });
        allow_if(
            who.has(Permission::JobBulk, place),
            Code::NotAllowed,
            "It takes job.bulk there, and what each action takes.",
        )
    }
}

/// Plan bulk jobs, and see those that one may see.
#[derive(Debug)]
pub struct PlanJobs;

impl Action for PlanJobs {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let powers = &who.require()?.powers;
        allow_if(
            powers.include_somewhere(Permission::JobBulk),
            Code::NotAllowed,
            "Moderators act on many things at a time, and whoever has job.bulk.",
        )
    }
}

/// Whether somebody looks after a bulk job: their own, or, with `job.bulk` for the whole site, any.
fn require_job(who: &Actor, job: &mod_job::Model) -> Result<()> {
    if who.has(Permission::JobBulk, Place::Site) || who.is(job.author_id) {
        return Ok(());
    }
    Err(Error::not_found())
}

/// See a bulk job, have it wait or go on, call it off, or plan to take it back.
#[derive(Debug)]
pub struct HandleJob<'a>(pub &'a mod_job::Model);

impl Action for HandleJob<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        require_job(who, self.0)
    }
}

/// Execute what one has planned.
#[derive(Debug)]
pub struct ExecuteJob<'a>(pub &'a mod_job::Model);

impl Action for ExecuteJob<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        PlanJobs.decide(who)?;
        require_job(who, self.0)?;
        allow_if(
            who.is(self.0.author_id),
            Code::NotAllowed,
            "Whoever planned it executes it: plan it yourself, and it is yours.",
        )
    }
}

/// Agree, as the second person, to what somebody else executes.
#[derive(Debug)]
pub struct ApproveJob<'a>(pub &'a mod_job::Model);

impl Action for ApproveJob<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        require_job(who, self.0)?;
        allow_if(!who.is(self.0.author_id), Code::OwnDecision, "It takes somebody else.")?;
        allow_if(
            !self.0.approval_reasons.iter().any(|reason| reason == "staff")
                || who.require()?.powers.rank() == Role::Administrator,
            Code::Outranked,
            "Only administrators agree to what is done about the staff.",
        )?;
        allow_if(
            !self.0.approval_reasons.iter().any(|reason| reason == "for_good")
                || who.has(Permission::Purge, Place::Site),
            Code::NotAllowed,
            "Whoever agrees that something goes for good has purge for the whole site themselves.",
        )
    }
}
