//! What moderators are shown of a case.

use std::collections::HashMap;

use chrono::TimeDelta;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::hex;
use crate::automation;
use crate::automation::rules::RuleVersion;
use crate::clock::Timestamp;
use crate::db::ConnectionTrait;
use crate::decisions::rules::Subject;
use crate::entity::{case_event, case_queue, legal_notice, moderation_case, report};
use crate::error::Result;
use crate::http::page::Limit;
use crate::http::{Answer, Cache};
use crate::ids::{AccountId, ActionId, AppealId, CaseId, JobId, LegalNoticeId, ReportId, RuleHitId, TopicId};
use crate::moderation::api::actions::ActionView;
use crate::moderation::api::context::{CaseContext, Surroundings};
use crate::moderation::api::notes::NoteView;
use crate::moderation::rules::case::Move;
use crate::moderation::rules::{CaseEventKind, CaseOutcome, CaseState, ReportOutcome};
use crate::moderation::store::{self, ActionFilter, Charge, Circumstances, Contact, ReportedVersion};
use crate::policy::{Actor, NullifyVotes, ReadCase};

/// What moderators have to decide of a subject, in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseSummary {
    id: CaseId,
    subject: Subject,
    /// The topic that the subject is in, or is; null for accounts.
    topic_id: Option<TopicId>,
    /// Whose it is.
    owner: Option<Author>,
    /// Where the case stands.
    state: CaseState,
    /// Whether it was passed on to those who decide what is difficult.
    is_escalated: bool,
    /// What came of it; null until it is resolved.
    resolution: Option<CaseOutcome>,
    /// 0 to 100, by what its open reports weigh together.
    priority: i16,
    /// Words that moderators put on it, in their order.
    tags: Vec<String>,
    /// How many open reports it has.
    report_count: i32,
    /// Of how many people.
    reporter_count: i32,
    /// Who claimed it; null while nobody has.
    assignee: Option<Author>,
    claim_expires_at: Option<Timestamp>,
    /// Until when it is left out of the queue; null where it is not.
    muted_until: Option<Timestamp>,
    /// By when it is to be decided (`moderation.sla_hours`, or `sla_hours` of the queue that is listed); null once it was.
    sla_due_at: Option<Timestamp>,
    opened_at: Timestamp,
    updated_at: Timestamp,
}

/// How long after it was opened a case is to be decided: as a queue says, or as on the whole site.
pub(super) fn sla(app: &App, queue: Option<&case_queue::Model>) -> TimeDelta {
    let own = queue.and_then(|queue| queue.sla_hours);
    TimeDelta::hours(own.map_or_else(|| app.config.moderation.sla_hours.into(), i64::from))
}

impl CaseSummary {
    /// As it stands at the moment, to be decided so long after it was opened.
    pub(super) fn of(
        app: &App,
        row: &moderation_case::Model,
        people: &HashMap<AccountId, Author>,
        sla: TimeDelta,
    ) -> Self {
        let standing = store::standing(row).at(app.now());
        let person = |id: AccountId| people.get(&id).cloned();
        Self {
            id: row.id,
            subject: store::subject_of(row),
            topic_id: row.topic_id,
            owner: person(row.owner_id),
            state: standing.state,
            is_escalated: standing.is_escalated,
            resolution: standing.resolution,
            priority: row.priority,
            tags: row.tags.clone(),
            report_count: row.report_count,
            reporter_count: row.reporter_count,
            assignee: standing.claim.and_then(|(assignee, _)| person(assignee)),
            claim_expires_at: standing.claim.map(|(_, until)| until.into()),
            muted_until: standing.muted_until.map(Into::into),
            sla_due_at: (!standing.is_decided()).then(|| (row.opened_at + sla).into()),
            opened_at: row.opened_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

/// A report, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
struct CaseReportView {
    id: ReportId,
    /// Null once their account was erased, and where no person made it.
    reporter: Option<Author>,
    /// The rule of automatic moderation that made it; null where a person did.
    automation_rule: Option<RuleVersion>,
    /// The version of the subject that was reported.
    subject_revision: i32,
    /// The code of the rule.
    rule: String,
    rule_version: i32,
    comment: String,
    /// What it weighs: 1, more with the trust and the record of its author, and with the gravity of the rule.
    weight: f64,
    /// Whether a trusted flagger made it.
    is_trusted: bool,
    /// Whether it weighs nothing since moderators had decided so of whoever made it.
    is_muted: bool,
    outcome: Option<ReportOutcome>,
    /// The notice that it comes from, where it is one that something is against the law; null for other reports.
    legal_notice: Option<LegalNoticeView>,
    created_at: Timestamp,
}

/// A notice that something is against the law, as those see it who may decide.
#[derive(Debug, Serialize, ToSchema)]
struct LegalNoticeView {
    id: LegalNoticeId,
    /// Which law, in the words of whoever gave it.
    legal_ground: String,
    is_child_abuse: bool,
    /// Who gave it: null where they did not say, it was forgotten, or the reader may not decide the case.
    contact: Option<LegalNoticeContact>,
}

/// Who gave a notice, as they say.
#[derive(Debug, Serialize, ToSchema)]
struct LegalNoticeContact {
    name: String,
    email: String,
}

/// What happened to a case.
#[derive(Debug, Serialize, ToSchema)]
struct CaseEventView {
    /// Its place in the history, from 1.
    seq: i32,
    kind: CaseEventKind,
    /// Who did it; null where the server did, or their account was erased.
    actor: Option<Author>,
    from_state: Option<CaseState>,
    to_state: CaseState,
    resolution: Option<CaseOutcome>,
    note: String,
    /// What was done, where it was something to the subject.
    action_id: Option<ActionId>,
    /// The appeal that was made, taken back or decided.
    appeal_id: Option<AppealId>,
    /// Until when it was left out of the queue, where it was muted.
    muted_until: Option<Timestamp>,
    /// The case that it was merged into, or taken out of.
    related_case_id: Option<CaseId>,
    /// Which tags it has since, where it was tagged.
    tags: Option<Vec<String>>,
    /// The bulk job that it was part of.
    batch_id: Option<JobId>,
    created_at: Timestamp,
}

/// How another case belongs to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CaseRelation {
    /// It decides this one as well.
    Main,
    /// This one decides it as well.
    Duplicate,
}

/// A case that belongs to another.
#[derive(Debug, Serialize, ToSchema)]
struct RelatedCase {
    id: CaseId,
    relation: CaseRelation,
    subject: Subject,
    state: CaseState,
    resolution: Option<CaseOutcome>,
}

/// What the subject of a case says now.
#[derive(Debug, Serialize, ToSchema)]
struct ContentView {
    /// Its version, to set beside those that were reported.
    revision: i32,
    /// The text: a post's body, a topic's title and question, an account's names and biography.
    text: String,
    /// The slug of the topic that it is in; null for accounts.
    topic_slug: Option<String>,
}

/// What the subject of a case said when it was reported.
#[derive(Debug, Serialize, ToSchema)]
struct ReportedVersionView {
    /// The version, as in the reports.
    revision: i32,
    /// The text of that version, of the same parts as `content`; null where it was purged.
    text: Option<String>,
    /// The SHA-256 of the text as it was reported, in hexadecimal digits: of a post that was redacted since, it is that of
    /// what was there before.
    sha256: String,
}

/// What moderators do with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MoveName {
    Claim,
    Release,
    Escalate,
    Resolve,
    Reopen,
    Mute,
    Unmute,
}

/// What moderators have to decide of a subject.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseView {
    #[serde(flatten)]
    summary: CaseSummary,
    content: Option<ContentView>,
    /// What it said in the versions that were reported, the last first: the hundred last.
    reported_versions: Vec<ReportedVersionView>,
    /// The hundred weightiest reports, those that are open first.
    reports: Vec<CaseReportView>,
    /// The last hundred things that happened to it, in order.
    events: Vec<CaseEventView>,
    /// What was done in it, the last first: the hundred last.
    actions: Vec<ActionView>,
    /// What was noted of it, the last first: the hundred last.
    notes: Vec<NoteView>,
    /// The cases that belong to it, as far as the reader may see them.
    related_cases: Vec<RelatedCase>,
    /// What the reader may do with it as it stands.
    moves: Vec<MoveName>,
    #[serde(flatten)]
    context: CaseContext,
}

/// The case as this reader sees it, with its version.
pub(super) async fn answer(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    case: &moderation_case::Model,
    circumstances: &Circumstances,
) -> Result<Answer> {
    let view = view(app, db, actor, case, circumstances).await?;
    Ok(Answer::ok(&view, Cache::No)?.version(case.version))
}

/// The case as this reader sees it.
pub(super) async fn view(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    case: &moderation_case::Model,
    circumstances: &Circumstances,
) -> Result<CaseView> {
    let by = actor.require()?.id;
    let (reports, events) = (store::reports(db, case.id).await?, store::history(db, case.id).await?);
    let around = Surroundings::of(db, actor, case).await?;
    let named = [Some(case.owner_id), case.assignee_id]
        .into_iter()
        .chain(around.people().map(Some))
        .chain(reports.iter().map(|report| report.reporter_id))
        .chain(events.iter().map(|event| event.actor_id));
    let people = authors(db, named.flatten().collect()).await?;
    let rules = automation::rules_of(db, reports.iter().filter_map(|report| report.rule_hit_id)).await?;
    let may_decide = actor.may(circumstances.decide(case)).is_ok();
    let mut notices = store::notices_of(app, db, &reports).await?;
    if !may_decide {
        for (_, contact) in notices.values_mut() {
            *contact = None;
        }
    }
    let standing = store::standing(case).at(app.now());
    let moves = [
        (MoveName::Claim, Move::Claim(store::claimed_until(app))),
        (MoveName::Release, Move::Release),
        (MoveName::Escalate, Move::Escalate),
        (MoveName::Resolve, Move::Resolve(CaseOutcome::Upheld)),
        (MoveName::Reopen, Move::Reopen),
        (MoveName::Mute, Move::Mute(store::claimed_until(app))),
        (MoveName::Unmute, Move::Unmute),
    ];
    let leads_on =
        |(_, act): &(MoveName, Move)| may_decide && matches!(standing.after(*act, by), Ok(Some(_)));
    let content = store::content(db, case).await?;
    let allowed = store::allowed_actions(actor, (case, circumstances), content.as_ref(), app.now());
    let content = content.map(|content| ContentView {
        revision: content.revision,
        text: content.text,
        topic_slug: content.slug,
    });
    let done = ActionFilter {
        case_id: Some(case.id),
        with_votes: actor.may(NullifyVotes::AT_ALL).is_ok(),
        ..ActionFilter::default()
    };
    let done = store::list_actions(db, (by, &Charge::EVERYWHERE), done, None, Limit::MOST).await?;
    Ok(CaseView {
        actions: ActionView::of(db, done).await?,
        summary: CaseSummary::of(app, case, &people, sla(app, None)),
        content,
        reported_versions: reported_versions(db, case.id).await?,
        reports: reports.into_iter().map(|row| case_report(row, &people, &rules, &mut notices)).collect(),
        events: events.into_iter().map(|row| case_event(row, &people)).collect(),
        notes: NoteView::of(db, store::notes_on_case(db, case.id).await?).await?,
        related_cases: related_cases(app, db, actor, case).await?,
        moves: moves.into_iter().filter(leads_on).map(|(name, _)| name).collect(),
        context: around.view(&people, allowed, app.now()),
    })
}

/// What the subject of a case said in the versions that were reported.
async fn reported_versions(db: &impl ConnectionTrait, id: CaseId) -> Result<Vec<ReportedVersionView>> {
    let versions = store::reported_versions(db, id).await?;
    let view = |ReportedVersion { revision, text, sha256 }| ReportedVersionView {
        revision,
        text,
        sha256: hex(&sha256),
    };
    Ok(versions.into_iter().map(view).collect())
}

/// The cases that belong to one, as far as this reader may see them.
async fn related_cases(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    case: &moderation_case::Model,
) -> Result<Vec<RelatedCase>> {
    let by = actor.require()?.id;
    let mut related = store::merged_into(db, case.id).await?;
    if let Some(main) = case.merged_into_id {
        related.push(store::find(db, main).await?);
    }
    let mut shown = Vec::new();
    for other in related {
        let circumstances = store::circumstances(db, &other, by, app.now()).await?;
        if actor.may(ReadCase { case: &other, tags: &circumstances.tags }).is_ok() {
            let is_main = case.merged_into_id == Some(other.id);
            let standing = store::standing(&other).at(app.now());
            shown.push(RelatedCase {
                id: other.id,
                relation: if is_main { CaseRelation::Main } else { CaseRelation::Duplicate },
                subject: store::subject_of(&other),
                state: standing.state,
                resolution: standing.resolution,
            });
        }
    }
    Ok(shown)
}

fn case_report(
    row: report::Model,
    people: &HashMap<AccountId, Author>,
    rules: &HashMap<RuleHitId, RuleVersion>,
    notices: &mut HashMap<ReportId, (legal_notice::Model, Option<Contact>)>,
) -> CaseReportView {
    let legal_notice = notices.remove(&row.id).map(|(notice, contact)| LegalNoticeView {
        id: notice.id,
        legal_ground: notice.legal_ground,
        is_child_abuse: notice.is_child_abuse,
        contact: contact.map(|Contact { name, email }| LegalNoticeContact { name, email }),
    });
    CaseReportView {
        legal_notice,
        id: row.id,
        reporter: row.reporter_id.and_then(|id| people.get(&id).cloned()),
        automation_rule: row.rule_hit_id.and_then(|hit| rules.get(&hit).copied()),
        subject_revision: row.subject_revision,
        rule: row.rule_code,
        rule_version: row.rule_version,
        comment: row.comment,
        weight: f64::from(row.weight) / 100.0,
        is_trusted: row.is_trusted,
        is_muted: row.is_muted,
        outcome: row.outcome,
        created_at: row.created_at.into(),
    }
}

fn case_event(row: case_event::Model, people: &HashMap<AccountId, Author>) -> CaseEventView {
    CaseEventView {
        seq: row.seq,
        kind: row.kind,
        actor: row.actor_id.and_then(|id| people.get(&id).cloned()),
        from_state: row.from_state,
        to_state: row.to_state,
        resolution: row.resolution,
        note: row.note,
        action_id: row.action_id,
        appeal_id: row.appeal_id,
        muted_until: row.muted_until.map(Into::into),
        related_case_id: row.related_case_id,
        tags: row.tags,
        batch_id: row.batch_id.map(JobId),
        created_at: row.created_at.into(),
    }
}
