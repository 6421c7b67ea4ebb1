//! Cases of what rules of automatic moderation did, so that people look at all of it.

use super::cases::{Happened, case_or_open, count, go, standing, tell};
use super::reports::{insert_report, take_in, was_reviewed};
use super::subjects::Reported;
use crate::accounts::rules::AccountState;
use crate::app::App;
use crate::audit::{self, Object};
use crate::db::Tx;
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::{report, rule_hit};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::{CaseId, RuleHitId};
use crate::moderation::rules::case::Standing;
use crate::moderation::rules::weight::weight_of_rule;
use crate::moderation::rules::{CaseEventKind, CaseOutcome, CaseState, ReportOutcome};
use crate::posts::rules::PostStatus;
use crate::{accounts, automation, decisions, posts};

/// What is still to be entered in the audit log, at the end of the transaction, since all wait for that log.
#[derive(Debug, Default)]
#[must_use = "what a rule did is entered in the audit log when its case is opened"]
pub(in crate::moderation) struct Unentered(Option<audit::Entry>);

impl Unentered {
    /// Enters it.
    ///
    /// # Errors
    /// The database is away.
    pub(in crate::moderation) async fn record(self, app: &App, tx: &Tx) -> Result<()> {
        match self.0 {
            Some(entry) => audit::record(app, tx, entry).await,
            None => Ok(()),
        }
    }
}

/// Opens the case of the oldest thing that a rule did and that has none yet, or adds it to the case of its subject; says whether
/// there was any. All of it is one transaction: what breaks off is done anew. What goes wrong holds up only itself: the next
/// ten are tried after it.
///
/// # Errors
/// The database is away, or what was tried went wrong: nothing was done, and it is tried again.
pub async fn queue_next(app: &App) -> Result<bool> {
    let (mut after, mut wrong) = (None, None);
    for _ in 0..TRIED {
        let tx = app.begin().await?;
        let Some(hit) = automation::next_waiting(&tx, after).await? else { break };
        match enter(app, &tx, &hit).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(true);
            }
            Err(error) if error.code == Code::Unavailable => return Err(error),
            Err(error) => wrong = wrong.or(Some(error)),
        }
        after = Some(hit.id);
        tx.undo().await?;
    }
    wrong.map_or(Ok(false), Err)
}

/// So many are tried, should those before them go wrong.
const TRIED: usize = 11;

async fn enter(app: &App, tx: &Tx, hit: &rule_hit::Model) -> Result<()> {
    let (_, unentered) = see_to(app, tx, hit).await?;
    unentered.record(app, tx).await
}

/// Does the same at once for somebody who has to do with the case of a hit; another server may be at it.
pub(super) async fn see_to_now(app: &App, tx: &Tx, id: RuleHitId) -> Result<(CaseId, Unentered)> {
    let hit = automation::find_hit_for_update(tx, id).await?;
    match hit.case_id {
        Some(case) => Ok((case, Unentered::default())),
        None => see_to(app, tx, &hit).await,
    }
}

/// What a rule met, as it was then; and whether it is gone by now.
async fn met(tx: &Tx, hit: &rule_hit::Model) -> Result<(Reported, bool)> {
    let without = || Error::internal(anyhow::anyhow!("a rule did something to nothing"));
    if let Some((post_id, revision)) = hit.post_id.zip(hit.revision) {
        let post = posts::find(tx.conn(), post_id).await?;
        let reported = Reported {
            subject: Subject { kind: SubjectKind::Post, id: post_id.0 },
            topic_id: Some(post.topic_id),
            owner_id: post.author_id.ok_or_else(without)?,
            revision,
        };
        return Ok((reported, post.status == PostStatus::Deleted));
    }
    let account = accounts::require(tx.conn(), hit.author_id.ok_or_else(without)?).await?;
    let reported = Reported {
        subject: Subject { kind: SubjectKind::Account, id: account.id.0 },
        topic_id: None,
        owner_id: account.id,
        revision: account.version,
    };
    Ok((reported, account.state == AccountState::Deleted))
}

/// Files the report of a rule that met a post, or somebody who signed up, under the lock of the hit. The hit is locked before
/// the case, as by everybody.
async fn see_to(app: &App, tx: &Tx, hit: &rule_hit::Model) -> Result<(CaseId, Unentered)> {
    let (reported, is_gone) = met(tx, hit).await?;
    let content = automation::content_at(tx.conn(), hit).await?;
    let rule = decisions::rule_as_it_held(tx.conn(), content.policy_rule.as_str()).await?;
    let action = decisions::by_rule(tx.conn(), hit.id).await?;
    let happened = |kind| {
        let said =
            format!("The rule \u{201c}{}\u{201d} ({}, version {}).", content.name, hit.rule_id, hit.version);
        Happened::by_rule(kind, said)
    };
    let (mut case, is_new) = case_or_open(app, tx, &reported, happened(CaseEventKind::Opened)).await?;
    let is_decided = standing(&case).is_decided();
    // What a rule hid is looked at once, whatever was decided while its case was still to be opened.
    let is_settled = is_decided && action.is_none() && was_reviewed(tx, &case, &rule.code, &reported).await?;
    let outcome = if is_gone {
        Some(ReportOutcome::Moot)
    } else {
        is_settled.then_some(ReportOutcome::AlreadyReviewed)
    };
    let now = app.now();
    let row = report::Model {
        id: app.ids.next(),
        case_id: case.id,
        reporter_id: None,
        rule_code: rule.code,
        rule_version: rule.version,
        subject_revision: reported.revision,
        comment: String::new(),
        weight: weight_of_rule(rule.severity),
        outcome,
        created_at: now,
        closed_at: outcome.map(|_| now),
        rule_hit_id: Some(hit.id),
        is_muted: false,
        is_trusted: false,
    };
    let event = Event { kind: "report_filed", subject_id: Some(row.id.0), ..Event::default() };
    insert_report(tx, &reported, row).await?;
    events::record(app, tx, event).await?;
    if !is_new {
        take_in(app, tx, &mut case, is_decided && outcome.is_none(), happened).await?;
    }
    let unentered = match &action {
        Some(action) => {
            decisions::note_case(tx, action.id, case.id).await?;
            tell(app, tx, &case, Happened::acted(None, action.id), Some(case.state)).await?;
            let entry = audit::Entry {
                object: Some(Object::action(action.id)),
                data: serde_json::json!({
                    "kind": action.kind, "case_id": case.id, "target_id": action.target_id,
                    "rule_id": hit.rule_id, "rule_version": hit.version,
                }),
                ..audit::Entry::of("enforce_rule")
            };
            Unentered(Some(entry))
        }
        None => Unentered::default(),
    };
    if is_new && outcome.is_some() {
        // Nothing is left that anybody could decide about.
        let moot =
            Standing { state: CaseState::Resolved, resolution: Some(CaseOutcome::Moot), ..Standing::OPEN };
        go(app, tx, &mut case, moot, Happened::by_itself(CaseEventKind::Resolved)).await?;
    }
    automation::note_case(tx, hit.id, case.id).await?;
    let case = count(app, tx, case).await?;
    Ok((case.id, unentered))
}
