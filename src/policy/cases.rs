//! Reports and notices, and the cases that they make: who sees them, in which queues, and who decides them.

use super::people::require_rank;
use super::{Action, Actor, EditRules, allow_if};
use crate::accounts::rules::Role;
use crate::auth::rules::Scope;
use crate::decisions::rules::Deed;
use crate::entity::{case_queue, moderation_case};
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;
use crate::moderation::rules::QueueAudience;
use crate::roles::rules::{Permission, Place};

/// Report that something breaks a rule of the site.
#[derive(Debug)]
pub struct ReportSubject {
    /// Whose it is.
    pub owner_id: AccountId,
}

impl Action for ReportSubject {
    const SCOPE: Scope = Scope::Post;
    // Who may not post may still say that something is wrong.
    const DEED: Deed = Deed::Other;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            !who.is(Some(self.owner_id)),
            Code::OwnSubject,
            "What is one's own can be changed, or deleted.",
        )
    }
}

/// Where a case is to be decided.
pub(super) fn place_of<'a>(case: &moderation_case::Model, tags: &'a [String]) -> Place<'a> {
    case.topic_id.map_or(Place::Site, |id| Place::Topic { id, tags })
}

/// Whether somebody is in charge of a case. Nobody is of one that is about them: who reported them is not for them to know,
/// nor that anybody did.
pub(super) fn require_charge(who: &Actor, case: &moderation_case::Model, tags: &[String]) -> Result<()> {
    if who.has(Permission::ReportRead, place_of(case, tags)) && !who.is(Some(case.owner_id)) {
        return Ok(());
    }
    Err(Error::not_found())
}

/// See a case, with its reports and who made them.
#[derive(Debug)]
pub struct ReadCase<'a> {
    /// Which.
    pub case: &'a moderation_case::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
}

impl Action for ReadCase<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        require_charge(who, self.case, self.tags)
    }
}

/// See the cases of the places that one is in charge of.
#[derive(Debug)]
pub struct ReadCases;

impl Action for ReadCases {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let powers = &who.require()?.powers;
        allow_if(
            powers.include_somewhere(Permission::ReportRead),
            Code::NotAllowed,
            "Moderators read reports, and whoever has report.read.",
        )
    }
}

/// See a queue of cases: everybody who sees cases sees those of the team, and their own.
#[derive(Debug)]
pub struct ReadQueue<'a>(pub &'a case_queue::Model);

impl Action for ReadQueue<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        ReadCases.decide(who)?;
        let is_theirs = self.0.audience == QueueAudience::Team || who.is(self.0.owner_id);
        // Whoever may not read it does not learn that it is there.
        if is_theirs { Ok(()) } else { Err(Error::not_found()) }
    }
}

/// Make a queue of cases, change it or delete it: those of the team are for whoever writes the rules of the site, and one's
/// own for everybody who sees cases.
#[derive(Debug)]
pub struct EditQueue {
    /// Who has it.
    pub audience: QueueAudience,
    /// Who made it, or is about to.
    pub owner_id: Option<AccountId>,
}

impl EditQueue {
    /// A queue that is there.
    pub fn of(queue: &case_queue::Model) -> Self {
        Self { audience: queue.audience, owner_id: queue.owner_id }
    }
}

impl Action for EditQueue {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        ReadCases.decide(who)?;
        match self.audience {
            QueueAudience::Team => EditRules.decide(who),
            QueueAudience::Own if who.is(self.owner_id) => Ok(()),
            QueueAudience::Own => Err(Error::not_found()),
        }
    }
}

/// The proof that the policy was asked whether somebody, signed in or not, may give notice of something illegal.
#[derive(Debug)]
pub struct NoticeGiver(Option<AccountId>);

impl NoticeGiver {
    /// Who it is, where they signed in.
    pub fn by(&self) -> Option<AccountId> {
        self.0
    }
}

impl Actor {
    /// Asks to give notice that something is against the law: everybody may, but of what is their own.
    ///
    /// # Errors
    /// 403 where it is their own.
    pub fn may_give_notice(&self, owner_id: AccountId) -> Result<NoticeGiver> {
        allow_if(
            !self.is(Some(owner_id)),
            Code::OwnSubject,
            "What is one's own can be changed, or deleted.",
        )?;
        Ok(NoticeGiver(self.id()))
    }
}

/// Answer what moderators wrote about a case: whoever they wrote to may, whatever else they are kept from.
#[derive(Debug)]
pub struct AnswerMessage {
    /// Whether moderators wrote to whoever asks.
    pub was_written_to: bool,
}

impl Action for AnswerMessage {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;
    const OF_RIGHT: bool = true;

    fn decide(&self, _: &Actor) -> Result<()> {
        if self.was_written_to { Ok(()) } else { Err(Error::not_found()) }
    }
}

/// Claim a case, give it back, pass it on or decide it.
#[derive(Debug, Clone, Copy)]
pub struct DecideCase<'a> {
    /// Which.
    pub case: &'a moderation_case::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
    /// The rank of whom it is about.
    pub owner_rank: Role,
    /// Whether whoever asks has reported its subject.
    pub is_reporter: bool,
}

impl Action for DecideCase<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let place = place_of(self.case, self.tags);
        require_charge(who, self.case, self.tags)?;
        allow_if(!self.is_reporter, Code::OwnCase, "You reported it: somebody else decides it.")?;
        require_rank(who, self.owner_rank)?;
        allow_if(
            !self.case.is_escalated || who.has(Permission::EscalationDecide, place),
            Code::NotAllowed,
            "It was passed on to whoever has escalation.decide.",
        )
    }
}
