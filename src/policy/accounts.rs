//! One's own account, and the roles that accounts are granted.

use super::{Action, Actor, allow_if};
use crate::accounts::rules::{AccountKind, AccountState};
use crate::auth::rules::Scope;
use crate::entity::{account, role_grant};
use crate::error::{Code, Result};
use crate::ids::AccountId;
use crate::roles::rules::{Permission, Power, Powers};

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
