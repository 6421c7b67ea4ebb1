//! What is of the whole site: its rules, automatic moderation, webhooks, and what moderation comes to.

use super::{Action, Actor, allow_if};
use crate::auth::rules::Scope;
use crate::error::{Code, Result};
use crate::roles::rules::{Permission, Place};
use crate::webhooks::rules::WebhookKind;

/// Whether somebody writes the rules of the whole site, of whatever kind; `detail` is what whoever does not is told.
fn require_rule_edit(who: &Actor, detail: &'static str) -> Result<()> {
    allow_if(who.has(Permission::RuleEdit, Place::Site), Code::NotAllowed, detail)
}

/// Write the rules of the site.
#[derive(Debug)]
pub struct EditRules;

impl Action for EditRules {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        require_rule_edit(
            who,
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

/// Write the rules of automatic moderation and the sets they look into, try rules out, and see what they met.
#[derive(Debug)]
pub struct EditAutomation;

impl Action for EditAutomation {
    const SCOPE: Scope = Scope::Moderate;
    const TAKES_PART: bool = false;

    fn decide(&self, who: &Actor) -> Result<()> {
        require_rule_edit(
            who,
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
        require_rule_edit(who, "Administrators look after webhooks, and whoever has rule.edit.")
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
