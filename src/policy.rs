//! Who may do what: the whole policy, one act after another. No input or output happens here.

use std::net::IpAddr;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::accounts::rules::{AccountKind, AccountState, Role};
use crate::auth::rules::Scope;
use crate::automation::rules::judge::Hit;
use crate::automation::rules::{RuleEffect, RuleVersion};
use crate::clock::{Time, Timestamp};
use crate::decisions::rules::{ActionKind, Aim, Deed, RestrictionKind, Restrictions, Sanction, SanctionKind};
use crate::entity::{
    account, appeal, case_queue, implication, legal_notice, mod_job, mod_note, moderation_case, post,
    reference_class, role_grant, scenario, scenario_proposal, topic, vote_nullification,
};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, LegalNoticeId, ReportId, RuleHitId, SessionId, TokenId, TopicId};
use crate::implications::rules::Resolution;
use crate::moderation::rules::QueueAudience;
use crate::posts::rules::PostStatus;
use crate::roles::rules::{Permission, Place, Power, Powers};
use crate::scenario_sets::rules::ProposalStatus;
use crate::topics::rules::TopicStatus;
use crate::webhooks::rules::WebhookKind;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    /// Somebody with a session or a personal access token in force.
    Account(SignedIn),
}

/// With what somebody proves who they are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// With a session.
    Session {
        /// Which one.
        id: SessionId,
        /// When its owner last proved who they are.
        authenticated_at: Time,
        /// Whether they did with a second factor, then or before in this session.
        second_factor: bool,
    },
    /// With a personal access token: a bot or a script.
    Token {
        /// Which one.
        id: TokenId,
        /// What it is good for.
        scopes: Vec<Scope>,
    },
    /// With nothing any more: they asked for it before, and it is done in the background now.
    Deferred {
        /// The session or the token that they asked with.
        id: SessionId,
    },
}

/// Somebody with a session or a token in force, as of this request.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The account.
    pub id: AccountId,
    /// With what they prove it.
    pub credential: Credential,
    /// The highest role the account has for the whole site.
    pub role: Role,
    /// What it may do beyond what everybody may.
    pub powers: Powers,
    /// What it might do besides, had it signed in with a second factor.
    pub withheld: Powers,
    /// What it may not do at the moment, by decisions of moderators.
    pub sanctions: Vec<Sanction>,
    /// Where the request comes from; nowhere where something is done that was asked for before.
    pub client: Option<IpAddr>,
    /// Whether it may take part in debates: where that needs a confirmed address, whether it has one.
    pub takes_part: bool,
}

impl Actor {
    /// The account, where somebody signed in.
    pub fn id(&self) -> Option<AccountId> {
        self.signed_in().map(|account| account.id)
    }

    /// The one who signed in.
    pub fn signed_in(&self) -> Option<&SignedIn> {
        match self {
            Self::Anonymous => None,
            Self::Account(account) => Some(account),
        }
    }

    /// The one who signed in.
    ///
    /// # Errors
    /// 401 where nobody did.
    pub fn require(&self) -> Result<&SignedIn> {
        self.signed_in()
            .ok_or_else(|| Code::Unauthenticated.error("Send Authorization: Bearer with an access token."))
    }

    /// The one who signed in, if what they signed in with is good for this.
    ///
    /// # Errors
    /// 401 where nobody did, 403 where their token is not good for it.
    pub fn require_scope(&self, scope: Scope) -> Result<&SignedIn> {
        let account = self.require()?;
        if account.has_scope(scope) {
            return Ok(account);
        }
        Err(Code::ScopeMissing.error(format!("It needs the scope `{}`.", scope.name())))
    }

    /// The one who signed in, and their session: for what concerns the safety of the account.
    ///
    /// # Errors
    /// 401 where nobody did, 403 where they did with a token.
    pub fn require_session(&self) -> Result<(&SignedIn, SessionId)> {
        let account = self.require()?;
        match account.credential {
            Credential::Session { id, .. } => Ok((account, id)),
            Credential::Token { .. } | Credential::Deferred { .. } => {
                Err(Code::SessionRequired.error("Sign in: no personal access token is good for this."))
            }
        }
    }

    /// As [`Actor::require_session`], with a proof of who they are that is not older than `since`.
    ///
    /// # Errors
    /// As there, and 403 where the last proof is older.
    pub fn require_fresh_session(&self, since: Time) -> Result<(&SignedIn, SessionId)> {
        let (account, session) = self.require_session()?;
        match account.credential {
            Credential::Session { authenticated_at, .. } if authenticated_at >= since => {
                Ok((account, session))
            }
            _ => Err(Code::StepUpRequired
                .error("Send your password (and a code, if you have a second factor) to POST /sessions/current/reauthentication, then ask again.")),
        }
    }

    /// Whether this is the account.
    pub fn is(&self, id: Option<AccountId>) -> bool {
        id.is_some() && self.id() == id
    }

    /// Whether this account has a permission in a place, and what it signed in with is good for using it.
    pub fn has(&self, permission: Permission, place: Place<'_>) -> bool {
        self.signed_in().is_some_and(|account| {
            account.has_scope(Scope::Moderate) && account.powers.include(permission, place)
        })
    }

    /// Asks for the permit to do something: the only way to get one.
    ///
    /// # Errors
    /// 401 where nobody signed in, else what the policy says.
    pub fn may<A: Action>(&self, act: A) -> Result<Permit<A>> {
        let account = self.require_scope(A::SCOPE)?;
        if let Some(sanction) = account.forbidding::<A>(&act) {
            return Err(sanctioned(sanction));
        }
        if A::TAKES_PART && !account.takes_part {
            return Err(Code::EmailNotVerified.error("POST /email-verifications mails the link again."));
        }
        if let Err(refused) = act.decide(self) {
            // Whoever is told this may know of what they asked for: with the factor it would be theirs.
            let with_factor = self.with_second_factor();
            return Err(if with_factor.is_some_and(|actor| act.decide(&actor).is_ok()) {
                Code::SecondFactorNeeded.error(
                    "Set one up (POST /me/totp), or sign in with a code of it: your powers are of no use without.",
                )
            } else {
                refused
            });
        }
        Ok(Permit { act, by: account.id })
    }

    /// The same one as they would be with a second factor, where that makes a difference.
    fn with_second_factor(&self) -> Option<Self> {
        let account = self.signed_in().filter(|account| !account.withheld.is_empty())?;
        let mut account = account.clone();
        account.powers = std::mem::take(&mut account.withheld);
        account.role = account.powers.role();
        Some(Self::Account(account))
    }
}

/// What somebody is told whom a sanction keeps from something.
fn sanctioned(sanction: &Sanction) -> Error {
    let kept_from = match sanction.kind {
        SanctionKind::Warn | SanctionKind::Silence => "post",
        SanctionKind::VoteBan => "vote",
        SanctionKind::Restrict => "take part",
        SanctionKind::Suspend | SanctionKind::Ban => "do anything but read",
    };
    let place = if sanction.topic_id.is_some() { " in this topic" } else { "" };
    let until = sanction.ends_at.map_or_else(String::new, |end| {
        format!(" until {}", Time::from(end).to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    });
    Code::Sanctioned.error(format!(
        "You may not {kept_from}{place}{until}. GET /me/sanctions says why, and how to appeal."
    ))
}

impl SignedIn {
    /// The sanction that keeps them from something, if one does.
    fn forbidding<A: Action>(&self, act: &A) -> Option<&Sanction> {
        let topic = act.topic();
        self.sanctions.iter().find(|sanction| !A::OF_RIGHT && sanction.forbids(A::DEED, topic))
    }

    /// Whether what they signed in with is good for this: a session is good for everything.
    pub fn has_scope(&self, scope: Scope) -> bool {
        match &self.credential {
            // What is done later was asked for with the scope that it takes.
            Credential::Session { .. } | Credential::Deferred { .. } => true,
            Credential::Token { scopes, .. } => scopes.contains(&scope),
        }
    }

    /// Whether they are in a session that passed a second factor.
    pub fn passed_second_factor(&self) -> bool {
        matches!(self.credential, Credential::Session { second_factor: true, .. })
    }

    /// By which session or personal access token they are known, for the audit log.
    pub fn credential_id(&self) -> SessionId {
        match self.credential {
            Credential::Session { id, .. } | Credential::Deferred { id } => id,
            Credential::Token { id, .. } => SessionId(id.0),
        }
    }

    /// The session, where they signed in with one.
    pub fn session_id(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session { id, .. } => Some(id),
            Credential::Token { .. } | Credential::Deferred { .. } => None,
        }
    }
}

/// Something that can be done.
pub trait Action {
    /// What a personal access token must be good for.
    const SCOPE: Scope;

    /// Whether it is a contribution to a debate. Looking after one's own account is none, nor is taking back
    /// what one wrote.
    const TAKES_PART: bool = true;

    /// Whether people may do it who are suspended, since the law says that everybody may.
    const OF_RIGHT: bool = false;

    /// What it is to those whom moderators keep from something.
    const DEED: Deed = match (Self::TAKES_PART, Self::SCOPE) {
        (true, Scope::Post) => Deed::Speak,
        (true, Scope::Vote) => Deed::Vote,
        _ => Deed::Other,
    };

    /// In which topic it is done, if in one: some are kept from it there.
    fn topic(&self) -> Option<TopicId> {
        None
    }

    /// Whether this actor, who is signed in, may do it.
    ///
    /// # Errors
    /// The reason why not.
    fn decide(&self, who: &Actor) -> Result<()>;
}

/// The proof that the policy was asked, by somebody who has an account; or by a rule.
#[derive(Debug)]
pub struct Permit<A, By = AccountId> {
    act: A,
    by: By,
}

impl<A> Permit<A> {
    /// The permit of the operator at the command line, who holds the database anyway, to do something in
    /// the name of an account. No request leads here.
    pub(crate) fn operator(act: A, by: AccountId) -> Self {
        Self { act, by }
    }

    /// The permit of somebody who proved by a token from a mail that they own the account's address, to do
    /// to this account what the token is for. Only redeeming a token leads here.
    pub(crate) fn by_mail(act: A, owner: AccountId) -> Self {
        Self { act, by: owner }
    }

    /// The permit of somebody who registers with an identity, to have it in the account that is being made. Only
    /// registering leads here.
    pub(crate) fn registering(act: A, owner: AccountId) -> Self {
        Self { act, by: owner }
    }

    /// The permit of somebody who had it when they asked, for background work to do later what they asked for.
    pub(crate) fn deferred(act: A, owner: AccountId) -> Self {
        Self { act, by: owner }
    }
}

impl<A, By: Copy> Permit<A, By> {
    /// What was permitted.
    pub fn act(&self) -> &A {
        &self.act
    }

    /// To whom.
    pub fn by(&self) -> By {
        self.by
    }
}

fn allow_if(allowed: bool, code: Code, detail: &'static str) -> Result<()> {
    if allowed { Ok(()) } else { Err(code.error(detail)) }
}

/// Change one's own account.
#[derive(Debug)]
pub struct EditAccount<'a>(pub &'a account::Model);

impl Action for EditAccount<'_> {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(Some(self.0.id)), Code::NotAllowed, "Only its owner changes an account.")?;
        // Who asked while it was there may come too late.
        allow_if(self.0.state != AccountState::Deleted, Code::NotAllowed, "This account was erased.")
    }
}

/// Have a copy of all that is kept of oneself.
#[derive(Debug)]
pub struct ExportAccount<'a>(pub &'a account::Model);

impl Action for ExportAccount<'_> {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;
    const OF_RIGHT: bool = true;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(Some(self.0.id)), Code::NotAllowed, "Only its owner has a copy of an account.")
    }
}

/// Have one's own account erased, and take that back.
#[derive(Debug)]
pub struct EraseAccount<'a>(pub &'a account::Model);

impl Action for EraseAccount<'_> {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;
    const OF_RIGHT: bool = true;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(Some(self.0.id)), Code::NotAllowed, "Only its owner has an account erased.")?;
        allow_if(self.0.state != AccountState::Deleted, Code::NotAllowed, "This account was erased.")
    }
}

/// Make a personal access token for oneself.
#[derive(Debug)]
pub struct CreateToken;

impl Action for CreateToken {
    const SCOPE: Scope = Scope::Profile;
    const TAKES_PART: bool = false;

    fn decide(&self, _: &Actor) -> Result<()> {
        Ok(())
    }
}

/// See what an account was granted.
#[derive(Debug)]
pub struct ReadGrants {
    /// Which account.
    pub of: AccountId,
}

impl Action for ReadGrants {
    const SCOPE: Scope = Scope::Read;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let account = who.require()?;
        let may_grant =
            account.has_scope(Scope::Moderate) && account.powers.include_somewhere(Permission::RoleGrant);
        allow_if(
            who.is(Some(self.of)) || may_grant,
            Code::NotAllowed,
            "Whoever has them sees them, and whoever may grant.",
        )
    }
}

/// Give a role or permissions.
#[derive(Debug)]
pub struct GrantRole<'a> {
    /// To whom.
    pub to: &'a account::Model,
    /// What they may do already.
    pub has: &'a Powers,
    /// What is given.
    pub given: &'a Power,
}

impl Action for GrantRole<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        hand_on(who, self.to.id, self.has, self.given)?;
        allow_if(
            self.to.kind == AccountKind::Person && self.to.state == AccountState::Active,
            Code::NotAllowed,
            "Only people whose accounts are in use are given roles.",
        )
    }
}

/// Take a grant back.
#[derive(Debug)]
pub struct RevokeGrant<'a> {
    /// Which.
    pub grant: &'a role_grant::Model,
    /// What its owner may do at the moment.
    pub has: &'a Powers,
    /// What it gives.
    pub power: &'a Power,
}

impl Action for RevokeGrant<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        hand_on(who, self.grant.account_id, self.has, self.power)
    }
}

fn hand_on(who: &Actor, to: AccountId, has: &Powers, power: &Power) -> Result<()> {
    let own = &who.require()?.powers;
    allow_if(
        own.include_somewhere(Permission::RoleGrant),
        Code::NotAllowed,
        "Administrators grant roles, and whoever has role.grant.",
    )?;
    allow_if(!who.is(Some(to)), Code::OwnRole, "Ask somebody else who may.")?;
    allow_if(
        own.may_hand_on(power) && own.rank() >= has.rank(),
        Code::Outranked,
        "Nobody gives or takes what they do not have there, nor acts on somebody of higher rank.",
    )
}

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

/// Whether a post is there for everybody.
fn is_there(post: &post::Model, gone: &'static str) -> Result<()> {
    match post.status {
        PostStatus::Visible => Ok(()),
        PostStatus::Deleted => Err(Code::PostDeleted.error(gone)),
        PostStatus::Hidden | PostStatus::Removed => Err(Code::PostHidden
            .error("Moderators took it out of sight: nothing happens to it until they put it back.")),
    }
}

/// Whether nothing of this kind is restricted at the moment.
fn is_free(restrictions: &Restrictions, kind: RestrictionKind, now: Time) -> Result<()> {
    let Some(restriction) = restrictions.in_force(kind, now) else { return Ok(()) };
    let until = restriction.ends_at.map_or_else(String::new, |end: Timestamp| {
        format!(" until {}", Time::from(end).to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    });
    Err(match kind {
        RestrictionKind::Lock | RestrictionKind::SlowMode => {
            Code::Locked.error(format!("Moderators locked this{until}: it is read, and nobody replies."))
        }
        RestrictionKind::FreezeVotes => {
            Code::VotesFrozen.error(format!("Moderators froze the votes here{until}: they stay as they are."))
        }
    })
}

/// Whether the place of a duplicate is taken by the post that says the same.
fn is_no_duplicate(post: &post::Model) -> Result<()> {
    let Some(of) = post.duplicate_of else { return Ok(()) };
    let detail =
        format!("It says the same as an older post, where replies and votes go: /api/v1/posts/{of}.");
    Err(Code::PostIsDuplicate.error(detail))
}

/// Whether a topic takes posts below a post, or at the root: new ones, and those that moderators put there. `above` is what
/// nobody may do to the posts above, the parent included.
///
/// # Errors
/// 409 where it does not.
pub fn takes_posts(
    topic: &topic::Model,
    parent: Option<&post::Model>,
    above: &[Restrictions],
    now: Time,
) -> Result<()> {
    allow_if(
        topic.status == TopicStatus::Open,
        Code::TopicNotOpen,
        "Only open topics take posts: a draft is not open yet, an archived topic no more.",
    )?;
    if let Some(parent) = parent {
        is_there(parent, "Nobody replies to a post that is no longer there.")?;
        is_no_duplicate(parent)?;
    }
    is_free(&topic.restrictions, RestrictionKind::Lock, now)?;
    for restrictions in above {
        is_free(restrictions, RestrictionKind::Lock, now)?;
    }
    Ok(())
}

/// Post in a topic, and reply to a post.
#[derive(Debug)]
pub struct CreatePost<'a> {
    /// Where.
    pub topic: &'a topic::Model,
    /// To which post.
    pub parent: Option<&'a post::Model>,
    /// What nobody may do to the posts above, the parent included.
    pub above: &'a [Restrictions],
    /// When whoever asks posted there last, as far as that is so lately that it matters.
    pub last_posted_at: Option<Time>,
    /// The moment.
    pub now: Time,
}

impl Action for CreatePost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, _: &Actor) -> Result<()> {
        takes_posts(self.topic, self.parent, self.above, self.now)?;
        let slow = self.topic.restrictions.in_force(RestrictionKind::SlowMode, self.now);
        let wait = slow.and_then(|slow| slow.seconds).map(|seconds| TimeDelta::seconds(seconds.into()));
        let Some(free_at) = wait.zip(self.last_posted_at).map(|(wait, last)| last + wait) else {
            return Ok(());
        };
        if free_at <= self.now {
            return Ok(());
        }
        let left = (free_at - self.now).num_milliseconds().div_euclid(1000) + 1;
        Err(Code::SlowMode
            .error("Moderators slowed this debate down: everybody waits before they post again.")
            .retry_after(u32::try_from(left).unwrap_or(u32::MAX)))
    }
}

/// Revise a post.
#[derive(Debug)]
pub struct EditPost<'a>(pub &'a post::Model);

impl Action for EditPost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.0.topic_id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author revises a post.")?;
        is_there(self.0, "A post that is gone is not revised.")
    }
}

/// Make a tombstone of a post.
#[derive(Debug)]
pub struct DeletePost<'a>(pub &'a post::Model);

impl Action for DeletePost<'_> {
    const SCOPE: Scope = Scope::Post;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author deletes a post.")?;
        is_there(self.0, "It is gone already.")
    }
}

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

/// Say that a post changed one's mind, or take that back.
#[derive(Debug)]
pub struct CreditPost<'a> {
    /// Which post.
    pub post: &'a post::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
}

impl Action for CreditPost<'_> {
    const SCOPE: Scope = Scope::Post;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(!who.is(self.post.author_id), Code::OwnArgument, "Credit what others wrote.")?;
        is_there(self.post, "It is gone.")?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Posts are credited in open topics.",
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

/// Vote on a post, or take a vote back.
#[derive(Debug)]
pub struct Vote<'a> {
    /// On which post.
    pub post: &'a post::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
    /// The moment.
    pub now: Time,
}

impl Action for Vote<'_> {
    const SCOPE: Scope = Scope::Vote;

    fn topic(&self) -> Option<TopicId> {
        Some(self.topic.id)
    }

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(!who.is(self.post.author_id), Code::OwnPost, "Others judge it.")?;
        is_there(self.post, "Nobody votes on a tombstone.")?;
        is_no_duplicate(self.post)?;
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Votes are cast in open topics.",
        )?;
        is_free(&self.topic.restrictions, RestrictionKind::FreezeVotes, self.now)?;
        is_free(&self.post.restrictions, RestrictionKind::FreezeVotes, self.now)
    }
}

/// See what speaks for attacks by votes, and which votes do not count.
#[derive(Debug)]
pub struct ReadVoteSignals;

impl Action for ReadVoteSignals {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Site),
            Code::NotAllowed,
            "Whoever has vote.inspect for the whole site sees that.",
        )
    }
}

/// See who judged a post how.
#[derive(Debug)]
pub struct InspectVotes<'a> {
    /// Which post.
    pub post: &'a post::Model,
    /// The tags of its topic.
    pub tags: &'a [String],
}

impl Action for InspectVotes<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Topic { id: self.post.topic_id, tags: self.tags }),
            Code::NotAllowed,
            "Whoever has vote.inspect there sees who voted.",
        )?;
        allow_if(!who.is(self.post.author_id), Code::OwnPost, "Others look into it.")
    }
}

/// Have votes not count, and have them count again.
#[derive(Debug)]
pub struct NullifyVotes<'a> {
    /// Whose.
    pub account_ids: &'a [Uuid],
    /// On whose posts, where it is on those of one author.
    pub author_id: Option<AccountId>,
    /// Whether any of the voters has a rank.
    pub of_staff: bool,
}

impl NullifyVotes<'_> {
    /// Of nobody yet: whoever may not even that does not learn whom there is.
    pub const AT_ALL: Self = Self { account_ids: &[], author_id: None, of_staff: false };
}

impl Action for NullifyVotes<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::VoteInspect, Place::Site) && who.has(Permission::JobBulk, Place::Site),
            Code::NotAllowed,
            "It takes vote.inspect and job.bulk for the whole site.",
        )?;
        let account = who.require()?;
        allow_if(
            !self.account_ids.contains(&account.id.0),
            Code::NotAllowed,
            "Others decide whether your votes count.",
        )?;
        allow_if(!who.is(self.author_id), Code::OwnPost, "Others decide who judges your posts.")?;
        allow_if(
            !self.of_staff || account.powers.rank() == Role::Administrator,
            Code::Outranked,
            "Only administrators decide about votes of the staff.",
        )
    }
}

/// Agree, as the second person, that votes are not to count.
#[derive(Debug)]
pub struct ApproveNullification<'a> {
    /// What is agreed to.
    pub row: &'a vote_nullification::Model,
    /// Whether any of the voters has a rank.
    pub of_staff: bool,
}

impl Action for ApproveNullification<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        let Self { row, of_staff } = *self;
        let act = NullifyVotes { account_ids: &row.account_ids, author_id: row.author_id, of_staff };
        act.decide(who)?;
        allow_if(!who.is(row.created_by), Code::OwnDecision, "It takes somebody else.")
    }
}

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
fn place_of<'a>(case: &moderation_case::Model, tags: &'a [String]) -> Place<'a> {
    case.topic_id.map_or(Place::Site, |id| Place::Topic { id, tags })
}

/// Whether somebody is in charge of a case. Nobody is of one that is about them: who reported them is not for them to know,
/// nor that anybody did.
fn require_charge(who: &Actor, case: &moderation_case::Model, tags: &[String]) -> Result<()> {
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

/// Write the rules of the site.
#[derive(Debug)]
pub struct EditRules;

impl Action for EditRules {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::RuleEdit, Place::Site),
            Code::NotAllowed,
            "Administrators write the rules, and whoever has rule.edit for the whole site.",
        )
    }
}

/// See what moderation comes to.
#[derive(Debug)]
pub struct Oversee;

impl Action for Oversee {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::ReportRead, Place::Site),
            Code::NotAllowed,
            "Whoever has report.read for the whole site sees what moderation comes to.",
        )
    }
}

/// See what moderators know of somebody.
#[derive(Debug)]
pub struct ReadAccountRecord;

impl Action for ReadAccountRecord {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::ReportRead, Place::Site) || who.has(Permission::UserSuspend, Place::Site),
            Code::NotAllowed,
            "Whoever has report.read or user.suspend for the whole site sees what is known of people.",
        )
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

/// Note something of somebody.
#[derive(Debug)]
pub struct NoteOnAccount {
    /// Of whom.
    pub account_id: AccountId,
}

impl Action for NoteOnAccount {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        ReadAccountRecord.decide(who)?;
        allow_if(!who.is(Some(self.account_id)), Code::OwnSubject, "Others note what concerns you.")
    }
}

/// Delete a note: only whoever wrote it may.
#[derive(Debug)]
pub struct DeleteNote<'a>(pub &'a mod_note::Model);

impl Action for DeleteNote<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        // Whoever may not read it does not learn that it is there.
        if who.is(Some(self.0.author_id)) { Ok(()) } else { Err(Error::not_found()) }
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

/// Have reports of somebody weigh nothing for a while, and weigh again.
#[derive(Debug)]
pub struct MuteReports {
    /// Whose.
    pub account_id: AccountId,
    /// Their rank.
    pub rank: Role,
}

impl MuteReports {
    /// Of nobody yet: whoever may not even that does not learn whom there is.
    pub const AT_ALL: Self = Self { account_id: AccountId(Uuid::nil()), rank: Role::Member };
}

impl Action for MuteReports {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::UserSuspend, Place::Site),
            Code::NotAllowed,
            "Whoever has user.suspend for the whole site decides whose reports weigh nothing.",
        )?;
        allow_if(!who.is(Some(self.account_id)), Code::OwnSubject, "Others decide about you.")?;
        require_rank(who, self.rank)
    }
}

/// Whether somebody decides about those of a rank.
fn require_rank(who: &Actor, rank: Role) -> Result<()> {
    let own = who.require()?.powers.rank();
    allow_if(
        own > rank || own == Role::Administrator,
        Code::Outranked,
        "Nobody decides about somebody of their own rank or above; administrators do.",
    )
}

/// End every session of somebody and revoke their tokens.
#[derive(Debug)]
pub struct RevokeSessions {
    /// Whose.
    pub account_id: AccountId,
    /// Their rank.
    pub rank: Role,
}

impl RevokeSessions {
    /// Of nobody yet: whoever may not even that does not learn whom there is.
    pub const AT_ALL: Self = Self { account_id: AccountId(Uuid::nil()), rank: Role::Member };
}

impl Action for RevokeSessions {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::UserSuspend, Place::Site),
            Code::NotAllowed,
            "Whoever has user.suspend for the whole site ends the sessions of others.",
        )?;
        allow_if(
            !who.is(Some(self.account_id)),
            Code::OwnSubject,
            "DELETE /sessions ends one's own, DELETE /me/tokens/{id} revokes a token.",
        )?;
        require_rank(who, self.rank)
    }
}

/// See which accounts share something with somebody's.
#[derive(Debug)]
pub struct ReadRelated {
    /// With whose.
    pub account_id: AccountId,
}

impl ReadRelated {
    /// With nobody's yet: whoever may not even that does not learn whom there is.
    pub const AT_ALL: Self = Self { account_id: AccountId(Uuid::nil()) };
}

impl Action for ReadRelated {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::PiiRead, Place::Site),
            Code::NotAllowed,
            "Whoever has pii.read for the whole site sees which accounts belong together.",
        )?;
        allow_if(!who.is(Some(self.account_id)), Code::OwnSubject, "Others look into it.")
    }
}

/// Read the audit log, and have it checked.
#[derive(Debug)]
pub struct ReadAuditLog;

impl Action for ReadAuditLog {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::PiiRead, Place::Site),
            Code::NotAllowed,
            "Whoever has pii.read for the whole site reads the audit log.",
        )
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

/// Write the rules of automatic moderation and the sets they look into, try rules out, and see what they met.
#[derive(Debug)]
pub struct EditAutomation;

impl Action for EditAutomation {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::RuleEdit, Place::Site),
            Code::NotAllowed,
            "Administrators write the rules of automatic moderation, and whoever has rule.edit.",
        )
    }
}

/// See webhooks, turn them off and delete them.
#[derive(Debug)]
pub struct HandleWebhooks;

impl Action for HandleWebhooks {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.has(Permission::RuleEdit, Place::Site),
            Code::NotAllowed,
            "Administrators look after webhooks, and whoever has rule.edit.",
        )
    }
}

/// Be told by a webhook of events of these kinds, or of none as yet.
#[derive(Debug)]
pub struct ReceiveEvents<'a>(pub &'a [WebhookKind]);

impl Action for ReceiveEvents<'_> {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        HandleWebhooks.decide(who)?;
        allow_if(
            self.0.iter().all(|kind| who.has(kind.takes(), Place::Site)),
            Code::NotAllowed,
            "A webhook tells its owner what they may know: of cases with report.read for the whole site, of bulk jobs with job.bulk.",
        )
    }
}
