//! Who may do what: the whole policy, one act after another. No input or output happens here.

use crate::accounts::rules::{AccountState, Role};
use crate::entity::{account, post, topic};
use crate::error::{Code, Result};
use crate::ids::{AccountId, SessionId};
use crate::posts::rules::PostStatus;
use crate::topics::rules::TopicStatus;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    /// Somebody with a session in force.
    Account(SignedIn),
}

/// Somebody with a session in force, as of this request.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The account.
    pub id: AccountId,
    /// The session.
    pub session_id: SessionId,
    /// What the account may do.
    pub role: Role,
    /// Whether it may do anything.
    pub state: AccountState,
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

    /// Whether this is the account.
    pub fn is(&self, id: Option<AccountId>) -> bool {
        id.is_some() && self.id() == id
    }

    /// Whether this is a moderator or an administrator.
    pub fn is_staff(&self) -> bool {
        self.signed_in().is_some_and(|account| account.role != Role::Member)
    }

    /// Asks for the permit to do something: the only way to get one.
    ///
    /// # Errors
    /// 401 where nobody signed in, else what the policy says.
    pub fn may<A: Action>(&self, act: A) -> Result<Permit<A>> {
        let account = self.require()?;
        if account.state != AccountState::Active {
            return Err(Code::NotAllowed.error("This account is suspended."));
        }
        if A::TAKES_PART && !account.takes_part {
            return Err(Code::EmailNotVerified.error("POST /email-verifications mails the link again."));
        }
        act.decide(self)?;
        Ok(Permit { act, by: account.id })
    }
}

/// Something that can be done.
pub trait Action {
    /// Whether it is a contribution to a debate. Looking after one's own account is none, nor is taking back
    /// what one wrote.
    const TAKES_PART: bool = true;

    /// Whether this actor, who is signed in, may do it.
    ///
    /// # Errors
    /// The reason why not.
    fn decide(&self, who: &Actor) -> Result<()>;
}

/// The proof that the policy was asked.
#[derive(Debug)]
pub struct Permit<A> {
    act: A,
    by: AccountId,
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

    /// What was permitted.
    pub fn act(&self) -> &A {
        &self.act
    }

    /// To whom.
    pub fn by(&self) -> AccountId {
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
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(Some(self.0.id)), Code::NotAllowed, "Only its owner changes an account.")
    }
}

/// Start a topic.
#[derive(Debug)]
pub struct CreateTopic;

impl Action for CreateTopic {
    fn decide(&self, _: &Actor) -> Result<()> {
        Ok(())
    }
}

/// Change a topic: its author may while it is a draft, the staff at any time.
#[derive(Debug)]
pub struct EditTopic<'a>(pub &'a topic::Model);

impl Action for EditTopic<'_> {
    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(
            who.is_staff() || who.is(Some(self.0.author_id)) && self.0.status == TopicStatus::Draft,
            Code::NotYourTopic,
            "Its author changes a topic while it is a draft, moderators at any time.",
        )
    }
}

/// Post in a topic, and reply to a post.
#[derive(Debug)]
pub struct CreatePost<'a> {
    /// Where.
    pub topic: &'a topic::Model,
    /// To which post.
    pub parent: Option<&'a post::Model>,
}

impl Action for CreatePost<'_> {
    fn decide(&self, _: &Actor) -> Result<()> {
        allow_if(
            self.topic.status == TopicStatus::Open,
            Code::TopicNotOpen,
            "Only open topics take posts: a draft is not open yet, an archived topic no more.",
        )?;
        allow_if(
            self.parent.is_none_or(|parent| parent.status == PostStatus::Visible),
            Code::PostDeleted,
            "Nobody replies to a post that is no longer there.",
        )
    }
}

/// Revise a post.
#[derive(Debug)]
pub struct EditPost<'a>(pub &'a post::Model);

impl Action for EditPost<'_> {
    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author revises a post.")?;
        allow_if(
            self.0.status == PostStatus::Visible,
            Code::PostDeleted,
            "A post that is gone is not revised.",
        )
    }
}

/// Make a tombstone of a post.
#[derive(Debug)]
pub struct DeletePost<'a>(pub &'a post::Model);

impl Action for DeletePost<'_> {
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(who.is(self.0.author_id), Code::NotYourPost, "Only its author deletes a post.")?;
        allow_if(self.0.status == PostStatus::Visible, Code::PostDeleted, "It is gone already.")
    }
}

/// Vote on a post, or take a vote back.
#[derive(Debug)]
pub struct Vote<'a> {
    /// On which post.
    pub post: &'a post::Model,
    /// In which topic.
    pub topic: &'a topic::Model,
}

impl Action for Vote<'_> {
    fn decide(&self, who: &Actor) -> Result<()> {
        allow_if(!who.is(self.post.author_id), Code::OwnPost, "Others judge it.")?;
        allow_if(self.post.status == PostStatus::Visible, Code::PostDeleted, "Nobody votes on a tombstone.")?;
        allow_if(self.topic.status == TopicStatus::Open, Code::TopicNotOpen, "Votes are cast in open topics.")
    }
}
