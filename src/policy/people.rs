//! What moderators know of people, and what they do about them besides what they decide in cases.

use uuid::Uuid;

use super::{Action, Actor, allow_if};
use crate::accounts::rules::Role;
use crate::auth::rules::Scope;
use crate::entity::mod_note;
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;
use crate::roles::rules::{Permission, Place};

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
pub(super) fn require_rank(who: &Actor, rank: Role) -> Result<()> {
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
