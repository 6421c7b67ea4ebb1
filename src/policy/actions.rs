//! What moderators do, and rules in their stead; and appeals against it.

use super::cases::{place_of, require_charge};
use super::{Action, Actor, DecideCase, NullifyVotes, Permit, allow_if};
use crate::auth::rules::Scope;
use crate::automation::rules::judge::Hit;
use crate::automation::rules::{RuleEffect, RuleVersion};
use crate::decisions::rules::{ActionKind, Aim};
use crate::entity::{appeal, legal_notice};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, LegalNoticeId, ReportId, RuleHitId, TopicId};
use crate::roles::rules::{Permission, Place};

/// Find something that is to be done something about.
#[derive(Debug)]
pub struct ActOn<'a> {
    /// Whose it is.
    pub owner_id: AccountId,
    /// The topic that it is in, and its tags.
    pub topic: Option<(TopicId, &'a [String])>,
}

impl Action for ActOn<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let place = self.topic.map_or(Place::Site, |(id, tags)| Place::Topic { id, tags });
        allow_if(
            who.has(Permission::ReportRead, place),
            Code::NotAllowed,
            "Moderators act where they are in charge, by report.read and what the action takes.",
        )?;
        allow_if(
            !who.is(Some(self.owner_id)),
            Code::OwnSubject,
            "What is one's own can be changed, or deleted: others decide about it.",
        )
    }
}

/// Do something to the subject of a case or to whoever it belongs to, or take that back.
#[derive(Debug)]
pub struct Moderate<'a> {
    /// The case, with all that decides who may decide it.
    pub case: DecideCase<'a>,
    /// What is done, or taken back.
    pub kind: ActionKind,
    /// Within which topic, and its tags, where a sanction is to hold there only.
    pub scope: Option<(TopicId, &'a [String])>,
}

impl Action for Moderate<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        self.case.decide(who)?;
        if self.kind == ActionKind::NullifyVotes {
            return NullifyVotes::AT_ALL.decide(who);
        }
        let here = place_of(self.case.case, self.case.tags);
        let (permission, place) = match (self.kind, self.kind.aim()) {
            (ActionKind::Purge, _) => (Permission::Purge, here),
            (_, Aim::Content) => (Permission::ContentHide, here),
            // A warning goes with what was written, and keeps nobody from anything.
            (ActionKind::Warn, _) if who.has(Permission::ContentHide, here) => {
                (Permission::ContentHide, here)
            }
            (_, Aim::Person) => {
                let scope = self.scope.map_or(Place::Site, |(id, tags)| Place::Topic { id, tags });
                (Permission::UserSuspend, scope)
            }
        };
        allow_if(
            who.has(permission, place),
            Code::NotAllowed,
            "What is written takes content.hide there, and purge to go for good; people take user.suspend: for the whole \
             site, or for the topic that a sanction is to hold in.",
        )
    }
}

/// Hide a post that a rule met. It is no [`Action`], since nobody asks for it.
#[derive(Debug)]
pub struct EnforceRule {
    /// That the rule met it.
    pub hit_id: RuleHitId,
}

impl Permit<EnforceRule, RuleVersion> {
    /// The permit of a rule that is enforced, where it hides what it met. There is none for anything harsher.
    pub(crate) fn of_rule(hit_id: RuleHitId, hit: &Hit) -> Option<Self> {
        (hit.did() == RuleEffect::Filtered).then_some(Self { act: EnforceRule { hit_id }, by: hit.rule })
    }
}

/// By whose authority something is done about a post, a topic or a person.
#[derive(Debug, Clone, Copy)]
pub enum Authority<'a> {
    /// A person's, who decides a case.
    Person(&'a Permit<Moderate<'a>>),
    /// A person's, who decides whether votes count.
    Nullification(&'a Permit<NullifyVotes<'a>>),
    /// That of a rule of automatic moderation.
    Rule(&'a Permit<EnforceRule, RuleVersion>),
}

impl Authority<'_> {
    /// What is permitted.
    pub fn kind(self) -> ActionKind {
        match self {
            Self::Person(permit) => permit.act.kind,
            Self::Nullification(_) => ActionKind::NullifyVotes,
            Self::Rule(_) => ActionKind::Hide,
        }
    }

    /// The person; nobody where a rule acts.
    pub fn by(self) -> Option<AccountId> {
        match self {
            Self::Person(permit) => Some(permit.by),
            Self::Nullification(permit) => Some(permit.by),
            Self::Rule(_) => None,
        }
    }
}

/// Appeal against a decision, or take that back: those whom it concerns may, whatever else they are kept from.
#[derive(Debug)]
pub struct Appeal {
    /// Whom the decision concerns.
    pub concerned: Option<AccountId>,
}

impl Action for Appeal {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;
    const OF_RIGHT: bool = true;

    fn decide(&self, who: &Actor) -> Result<()> {
        if who.is(self.concerned) { Ok(()) } else { Err(Error::not_found()) }
    }
}

/// Appeal against that nothing was done about a notice, by its receipt. It is no [`Action`]: whoever has the receipt needs no
/// account.
#[derive(Debug)]
pub struct AppealByReceipt {
    /// Which notice.
    pub notice_id: LegalNoticeId,
    /// The report that it is.
    pub report_id: ReportId,
}

impl Permit<AppealByReceipt, ()> {
    /// The permit of whoever knows the secret of a receipt, by its hash.
    ///
    /// # Errors
    /// 404 where it is another: whoever does not know it does not learn that there is such a notice.
    pub(crate) fn by_receipt(notice: &legal_notice::Model, secret_hash: &[u8]) -> Result<Self> {
        if notice.secret_hash.as_deref() == Some(secret_hash) {
            return Ok(Self {
                act: AppealByReceipt { notice_id: notice.id, report_id: notice.report_id },
                by: (),
            });
        }
        Err(Error::not_found())
    }
}

/// Decide an appeal.
#[derive(Debug)]
pub struct DecideAppeal<'a> {
    /// The case of what it is against.
    pub case: DecideCase<'a>,
    /// Which.
    pub appeal: &'a appeal::Model,
    /// What is taken back if it is overturned, unless it is about a report.
    pub against: Option<ActionKind>,
    /// Within which topic, and its tags, that holds, if not everywhere.
    pub scope: Option<(TopicId, &'a [String])>,
    /// Who agreed to it, where it took a second person.
    pub agreed_by: Option<AccountId>,
}

impl Action for DecideAppeal<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        // Whoever may not see the case does not learn that there is an appeal.
        require_charge(who, self.case.case, self.case.tags)?;
        allow_if(
            [self.appeal.decider_id, self.appeal.appellant_id, self.agreed_by].iter().all(|id| !who.is(*id)),
            Code::OwnDecision,
            "Somebody else looks at it: not whoever decided what it is against.",
        )?;
        match self.against {
            Some(kind) => Moderate { case: self.case, kind, scope: self.scope }.decide(who),
            None => self.case.decide(who),
        }
    }
}
