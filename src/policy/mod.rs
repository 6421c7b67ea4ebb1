//! Who may do what: the whole policy, each act in the file of its subject. No input or output happens here.

mod accounts;
mod actions;
mod cases;
mod implications;
mod jobs;
mod judgements;
mod people;
mod posts;
mod site;
mod topics;
mod votes;

pub use accounts::{
    CreateToken, EditAccount, EraseAccount, ExportAccount, GrantRole, ReadGrants, RevokeGrant,
};
pub use actions::{ActOn, Appeal, AppealByReceipt, Authority, DecideAppeal, EnforceRule, Moderate};
pub use cases::{
    AnswerMessage, DecideCase, EditQueue, NoticeGiver, ReadCase, ReadCases, ReadQueue, ReportSubject,
};
pub use implications::{
    DeleteImplication, EditImplication, ProposeImplication, ResolveImplication, StateForecast,
};
pub use jobs::{ActInBulk, ApproveJob, ExecuteJob, HandleJob, PlanJobs};
pub use judgements::{
    CreateReferenceClass, DeleteReferenceClass, JudgeByCriteria, StateCredences, StateOutcomeLikelihood,
};
pub use people::{DeleteNote, MuteReports, NoteOnAccount, ReadAccountRecord, ReadRelated, RevokeSessions};
pub use posts::{CreatePost, CreditPost, DeletePost, EditPost, takes_posts};
pub use site::{EditAutomation, EditRules, HandleWebhooks, Oversee, ReadAuditLog, ReceiveEvents};
pub use topics::{CreateTopic, DecideProposal, EditTopic, ProposeScenarios, WithdrawProposal};
pub use votes::{ApproveNullification, InspectVotes, NullifyVotes, ReadVoteSignals, Vote};

use std::net::IpAddr;

use crate::accounts::rules::Role;
use crate::auth::rules::Scope;
use crate::clock::Time;
use crate::decisions::rules::{Deed, Sanction, SanctionKind};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, SessionId, TokenId, TopicId};
use crate::roles::rules::{Permission, Place, Powers};

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
    /// When they last voted, or made, revised or deleted a post, if that was within the ten minutes before they asked.
    pub acted_at: Option<Time>,
}

/// Whoever sent an access token that is good, as far as the token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Their session.
    pub session_id: SessionId,
    /// Their account.
    pub account_id: AccountId,
    /// Where the request comes from.
    pub client: IpAddr,
}

/// Who asks, as far as that is known without a question to the database.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Whoever sent an access token: whether its session is in force is still to be read.
    Bearer(Bearer),
    /// Somebody else.
    Known(Actor),
}

impl Caller {
    /// The account, where somebody signed in.
    pub fn id(&self) -> Option<AccountId> {
        match self {
            Self::Bearer(bearer) => Some(bearer.account_id),
            Self::Known(actor) => actor.id(),
        }
    }
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

    /// The same of whoever is signed in with a session; a script has a token for what it does, and that is enough.
    ///
    /// # Errors
    /// 401 where nobody is signed in, and 403 where the last proof is older.
    pub fn require_fresh(&self, since: Time) -> Result<()> {
        match self.require()?.credential {
            Credential::Session { .. } => self.require_fresh_session(since).map(drop),
            Credential::Token { .. } | Credential::Deferred { .. } => Ok(()),
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
