//! Cases on the wire.

use std::collections::HashMap;

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{ActionView, NewAction, orders};
use super::context::{CaseContext, Surroundings};
use super::notes::NoteView;
use super::queues::asked_for;
use super::report_mutes::muted_until;
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object, hex};
use crate::auth::rules::Scope;
use crate::automation;
use crate::automation::rules::RuleVersion;
use crate::clock::{Time, Timestamp};
use crate::db::{ConnectionTrait, Tx, keyset};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::{case_event, case_queue, legal_notice, moderation_case, report};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query};
use crate::ids::{
    AccountId, ActionId, AppealId, CaseId, JobId, LegalNoticeId, QueueId, ReportId, RuleHitId, TopicId,
};
use crate::invalid::Invalid;
use crate::moderation::rules::case::Move;
use crate::moderation::rules::queue::check_list;
use crate::moderation::rules::{CaseEventKind, CaseNote, CaseOutcome, CaseState, ReportOutcome, RuleCode};
use crate::moderation::store::{
    self, ActionFilter, CaseOrder, Charge, Circumstances, Contact, Done, Hidden, Listed, Order, Purpose,
    ReportedVersion, Said,
};
use crate::policy::{ActOn, Actor, NullifyVotes, ReadCase, ReadCases};
use crate::roles::rules::Permission;
use crate::text::Tag;

/// What moderators have to decide of a subject, in short.
#[derive(Debug, Serialize, ToSchema)]
struct CaseSummary {
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
fn sla(app: &App, queue: Option<&case_queue::Model>) -> TimeDelta {
    let own = queue.and_then(|queue| queue.sla_hours);
    TimeDelta::hours(own.map_or_else(|| app.config.moderation.sla_hours.into(), i64::from))
}

impl CaseSummary {
    /// As it stands at the moment, to be decided so long after it was opened.
    fn of(
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
struct CaseView {
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

/// What a moderator wants to have looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCase {
    subject: Subject,
    /// Why, for other moderators.
    note: CaseNote,
}

/// How long a case is left out of the queue.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Muting {
    /// Until when, within 366 days.
    ends_at: Timestamp,
    /// Why, for other moderators.
    #[serde(default)]
    note: Option<CaseNote>,
}

/// Why a case is to be decided anew.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reopening {
    /// For other moderators.
    note: CaseNote,
}

/// With which case another one is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Merging {
    /// The case that decides it as well; null has it decided by itself again.
    into: Option<CaseId>,
    /// Why, for other moderators.
    note: CaseNote,
}

/// Which tags a case is to have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tagging {
    /// All of them; none where it is empty.
    #[schema(max_items = 20)]
    tags: Vec<Tag>,
}

/// What is said about a case when it is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Remark {
    /// For the moderators after you.
    #[serde(default)]
    note: Option<CaseNote>,
}

/// Why a case is passed on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Escalation {
    /// What makes it difficult.
    note: CaseNote,
}

/// How a case is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaseResolution {
    /// A rule was broken.
    Upheld,
    /// None was.
    Rejected,
    /// There was nothing to it, either way.
    Ignored,
    /// Another case decides it.
    Duplicate,
}

impl From<CaseResolution> for CaseOutcome {
    fn from(resolution: CaseResolution) -> Self {
        match resolution {
            CaseResolution::Upheld => Self::Upheld,
            CaseResolution::Rejected => Self::Rejected,
            CaseResolution::Ignored => Self::Ignored,
            CaseResolution::Duplicate => Self::Duplicate,
        }
    }
}

/// The decision of a case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaseDecision {
    resolution: CaseResolution,
    /// Why, for other moderators.
    note: CaseNote,
    /// What is done about the subject, all of it or nothing, and only where it is upheld.
    #[serde(default)]
    #[schema(max_items = 10)]
    actions: Vec<NewAction>,
    /// Whether the cases that were merged into it are decided as `duplicate`, as far as you may decide them and nobody else
    /// is at them.
    #[serde(default)]
    resolves_merged: bool,
}

/// How urgent a case is at least, 0 to 100.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(try_from = "u64")]
#[schema(value_type = u64, minimum = 0, maximum = 100)]
pub(super) struct Priority(pub(super) i16);

impl TryFrom<u64> for Priority {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match i16::try_from(value) {
            Ok(priority @ 0..=100) => Ok(Self(priority)),
            _ => Err(Invalid::new("out_of_range", "From 0 to 100.")),
        }
    }
}

/// Which cases are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CaseQuery {
    /// The order; `urgent` where nothing is said.
    #[serde(default)]
    #[param(inline)]
    sort: CaseOrder,
    /// Only those of this queue: `overdue` and `sla_due_at` go by its `sla_hours` then.
    queue: Option<QueueId>,
    /// Only those that stand there at the moment.
    #[param(inline)]
    state: Option<CaseState>,
    /// Only those about such subjects.
    #[param(inline)]
    subject_kind: Option<SubjectKind>,
    /// Only those that the reader has claimed.
    #[serde(default)]
    mine: bool,
    /// Only those that this account has claimed.
    assignee: Option<AccountId>,
    /// Only those at least so urgent, 0 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 0, maximum = 100)]
    priority_min: Priority,
    /// Only those that have this tag.
    #[param(value_type = Option<String>)]
    tag: Option<Tag>,
    /// Only those that were reported by the rule with this code.
    #[param(value_type = Option<String>)]
    rule: Option<RuleCode>,
    /// Only those that this account has reported.
    reporter: Option<AccountId>,
    /// Only those about what belongs to this account.
    author: Option<AccountId>,
    /// Only those that were opened before then.
    #[param(value_type = Option<String>, format = DateTime)]
    opened_before: Option<Timestamp>,
    /// Only those that wait though they were to be decided by now.
    #[serde(default)]
    overdue: bool,
    /// Those that are left out of the queue, in place of the others.
    #[serde(default)]
    muted: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List cases
///
/// Those of the places that the reader is in charge of, by `report.read`.
#[utoipa::path(get, path = "/mod/cases", tag = "moderation", params(CaseQuery), responses((status = 200, body = Page<CaseSummary>)), security(("bearer" = [])))]
async fn list_cases(State(app): State<App>, actor: Actor, Query(query): Query<CaseQuery>) -> Result<Answer> {
    let reader = actor.require()?;
    actor.may(ReadCases)?;
    let queue = asked_for(&app.db, &actor, query.queue).await?;
    let sla = sla(&app, queue.as_ref());
    let due = query.overdue.then(|| app.now() - sla);
    let listed = Listed {
        order: query.sort,
        queue: query.queue,
        state: query.state,
        subject_kind: query.subject_kind,
        assignee: if query.mine { Some(reader.id) } else { query.assignee },
        priority_min: query.priority_min.0,
        tag: query.tag.map(Into::into),
        rule: query.rule.map(Into::into),
        reporter: query.reporter,
        author: query.author,
        opened_before: query.opened_before.map(Time::from).into_iter().chain(due).min(),
        undecided: query.overdue,
        muted: query.muted,
    };
    // The moment is another one when the next page is asked for.
    let named = Listed { opened_before: query.opened_before.map(Time::from), ..listed.clone() };
    let list = format!("cases/{}/{named:?}", reader.id);
    let after = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let charge = Charge::of(&reader.powers, Permission::ReportRead);
    let rows = store::list(&app.db, (reader.id, &charge), listed, after, (query.limit, app.now())).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &(last.priority, last.id)));
    let named = page.items.iter().flat_map(|row| [Some(row.owner_id), row.assignee_id]).flatten();
    let people = authors(&app.db, named.collect()).await?;
    let items = page.items.iter().map(|row| CaseSummary::of(&app, row, &people, sla)).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Of which cases the most urgent is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NextQuery {
    /// Of those of this queue only.
    queue: Option<QueueId>,
}

/// Claim the most urgent case
///
/// Of those that wait and that one may decide; 204 where none does. However many ask at once, no two get the same.
#[utoipa::path(post, path = "/mod/cases/next", tag = "moderation", params(NextQuery), responses((status = 200, body = CaseView), (status = 204, description = "Nothing waits")), security(("bearer" = [])))]
async fn claim_next_case(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<NextQuery>,
) -> Result<Answer> {
    let reader = actor.require()?;
    actor.may(ReadCases)?;
    let tx = app.begin_as(&actor).await?;
    let queue = asked_for(tx.conn(), &actor, query.queue).await?;
    let Some(case) = store::next(&app, &tx, (reader.id, &reader.powers), queue.as_ref()).await? else {
        // Claims that had run out are ended all the same.
        tx.commit().await?;
        return Ok(Answer::none());
    };
    goes(&app, tx, &actor, (case, Vec::new()), None, Wanted::of(Move::Claim(store::claimed_until(&app))))
        .await
}

/// Read a case
///
/// With what its subject says now, its reports and its history.
#[utoipa::path(get, path = "/mod/cases/{id}", tag = "moderation", params(("id" = CaseId, Path)), responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn read_case(State(app): State<App>, actor: Actor, Path(id): Path<CaseId>) -> Result<Answer> {
    // Before it is looked for: whoever may see no case does not learn which there are.
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let snapshot = app.snapshot().await?;
    let case = store::find(&snapshot, id).await?;
    let circumstances = store::circumstances(&snapshot, &case, by, app.now()).await?;
    actor.may(ReadCase { case: &case, tags: &circumstances.tags })?;
    answer(&app, &snapshot, &actor, &case, &circumstances).await
}

/// Claim a case
///
/// For a quarter of an hour (`moderation.claim_minutes`); claiming it again is going on with it.
#[utoipa::path(post, path = "/mod/cases/{id}/claim", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn claim_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
) -> Result<Answer> {
    let until = store::claimed_until(&app);
    moves(&app, &actor, id, if_match, Wanted::of(Move::Claim(until))).await
}

/// Give a case back
#[utoipa::path(post, path = "/mod/cases/{id}/release", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Remark, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn release_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(remark): Body<Remark>,
) -> Result<Answer> {
    moves(&app, &actor, id, if_match, Wanted { note: remark.note, ..Wanted::of(Move::Release) }).await
}

/// Pass a case on
///
/// To those who decide what is difficult (`escalation.decide`).
#[utoipa::path(post, path = "/mod/cases/{id}/escalate", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Escalation, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn escalate_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(escalation): Body<Escalation>,
) -> Result<Answer> {
    let wanted = Wanted { note: Some(escalation.note), ..Wanted::of(Move::Escalate) };
    moves(&app, &actor, id, if_match, wanted).await
}

/// Decide a case
///
/// Closes all of its reports, whose authors see what came of them. Where no rule was found broken, what rules of automatic
/// moderation hid meanwhile is shown again.
#[utoipa::path(post, path = "/mod/cases/{id}/resolve", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = CaseDecision, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn resolve_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(decision): Body<CaseDecision>,
) -> Result<Answer> {
    let outcome: CaseOutcome = decision.resolution.into();
    let orders = orders(decision.actions)?;
    if outcome != CaseOutcome::Upheld && !orders.is_empty() {
        return Err(Error::field("actions", "does_not_fit", "Where no rule was broken, nothing is done."));
    }
    let wanted = Wanted {
        note: Some(decision.note),
        orders,
        with_merged: decision.resolves_merged,
        ..Wanted::of(Move::Resolve(outcome))
    };
    moves(&app, &actor, id, if_match, wanted).await
}

/// Open a case
///
/// Of something that nobody reported, to have it looked at; nothing is done about it by this. Where there is a case of it,
/// that is given as it stands.
#[utoipa::path(post, path = "/mod/cases", tag = "moderation", request_body = NewCase, responses((status = 201, body = CaseView)), security(("bearer" = [])))]
async fn open_case(State(app): State<App>, actor: Actor, create: Create<NewCase>) -> Result<Answer> {
    // As when something is done about it.
    actor.require_scope(Scope::Moderate)?;
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let reported = store::find_subject(&tx, &actor, new.subject, Purpose::Decide).await?;
    let tags = store::tags_of(tx.conn(), reported.topic_id).await?;
    let topic = reported.topic_id.map(|topic| (topic, tags.as_slice()));
    let permit = actor.may(ActOn { owner_id: reported.owner_id, topic })?;
    let (case, is_new) = store::open_by_hand(&app, &tx, &permit, &reported, new.note).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    if is_new {
        actor.may(circumstances.decide(&case))?;
    }
    let view = view(&app, tx.conn(), &actor, &case, &circumstances).await?;
    let location = format!("/api/v1/mod/cases/{}", case.id);
    let answer = Answer::created(location, &view, Cache::No)?.version(case.version);
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Open a case again
///
/// That was decided: the reports that this closed are open again. Whoever has reported it leaves that to others.
#[utoipa::path(post, path = "/mod/cases/{id}/reopen", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Reopening, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn reopen_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(reopening): Body<Reopening>,
) -> Result<Answer> {
    let wanted = Wanted { note: Some(reopening.note), ..Wanted::of(Move::Reopen) };
    moves(&app, &actor, id, if_match, wanted).await
}

/// Leave a case out of the queue
///
/// Until then, wherever it stands, and whoever reports its subject meanwhile; passing it on or opening it again ends that.
#[utoipa::path(post, path = "/mod/cases/{id}/mute", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Muting, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn mute_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(muting): Body<Muting>,
) -> Result<Answer> {
    let until = muted_until(muting.ends_at, app.now())?;
    let wanted = Wanted { note: muting.note, ..Wanted::of(Move::Mute(until)) };
    moves(&app, &actor, id, if_match, wanted).await
}

/// Put a case back into the queue
#[utoipa::path(post, path = "/mod/cases/{id}/unmute", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Remark, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn unmute_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(remark): Body<Remark>,
) -> Result<Answer> {
    moves(&app, &actor, id, if_match, Wanted { note: remark.note, ..Wanted::of(Move::Unmute) }).await
}

/// Tag a case
///
/// With these words and no others. They say to moderators what belongs together, and decide nothing.
#[utoipa::path(put, path = "/mod/cases/{id}/tags", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Tagging, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn tag_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(tagging): Body<Tagging>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let tags = read_tags(tagging.tags)?;
    let tx = app.begin_as(&actor).await?;
    let case = store::find_for_update(&tx, id).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let permit = actor.may(circumstances.decide(&case))?;
    if case.tags == tags {
        return answer(&app, tx.conn(), &actor, &case, &circumstances).await;
    }
    if_match.check(case.version)?;
    let tagged = store::tag(&app, &tx, &permit, tags).await?;
    let event = Event { kind: "case_tagged", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let answer = answer(&app, tx.conn(), &actor, &tagged, &circumstances).await?;
    tx.commit().await?;
    Ok(answer)
}

/// The tags in their order, each once.
fn read_tags(tags: Vec<Tag>) -> Result<Vec<String>> {
    let mut tags: Vec<String> = tags.into_iter().map(Into::into).collect();
    let wrong = check_list("tags", &tags);
    if !wrong.is_empty() {
        return Err(Error::fields(wrong));
    }
    tags.sort_unstable();
    Ok(tags)
}

/// Have a case decided with another one
///
/// It is left to that one until it is decided, and can be decided along with it, as `duplicate` (`resolves_merged`). Or have
/// it decided by itself again.
#[utoipa::path(post, path = "/mod/cases/{id}/merge", tag = "moderation", params(("id" = CaseId, Path), ("If-Match" = String, Header)), request_body = Merging, responses((status = 200, body = CaseView)), security(("bearer" = [])))]
async fn merge_case(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<CaseId>,
    if_match: IfMatch,
    Body(merging): Body<Merging>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let now = app.now();
    let tx = app.begin_as(&actor).await?;
    let (case, main) = store::find_to_merge(&tx, id, merging.into).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, now).await?;
    let permit = actor.may(circumstances.decide(&case))?;
    if let Some(main) = &main {
        let there = store::circumstances(tx.conn(), main, by, now).await?;
        actor.may(ReadCase { case: main, tags: &there.tags }).map_err(|_| store::unknown_main())?;
        if main.id == case.id || main.merged_into_id.is_some() {
            let detail = "A case is merged into another one that is not merged itself.";
            return Err(Error::field("into", "does_not_fit", detail));
        }
    }
    let has_merged = !store::merged_into(tx.conn(), id).await?.is_empty();
    if !store::standing(&case).at(now).merges(by, (case.merged_into_id, has_merged), merging.into)? {
        return answer(&app, tx.conn(), &actor, &case, &circumstances).await;
    }
    if_match.check(case.version)?;
    let merged = store::merge(&app, &tx, &permit, merging.into, merging.note).await?;
    let kind = if merging.into.is_some() { "case_merged" } else { "case_unmerged" };
    let event = Event { kind, subject_id: Some(merged.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let answer = answer(&app, tx.conn(), &actor, &merged, &circumstances).await?;
    let entry = audit::Entry {
        object: Some(Object::case(merged.id)),
        data: json!({ "into": merging.into }),
        ..actor.entry("merge_case")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// What somebody wants to do with a case.
struct Wanted {
    act: Move,
    note: Option<CaseNote>,
    /// What is done about its subject.
    orders: Vec<Order>,
    /// Whether those that were merged into it are decided with it.
    with_merged: bool,
}

impl Wanted {
    /// Nothing but to move it.
    fn of(act: Move) -> Self {
        Self { act, note: None, orders: Vec::new(), with_merged: false }
    }
}

/// Has a case go where somebody moves it, and shows it.
async fn moves(app: &App, actor: &Actor, id: CaseId, if_match: IfMatch, wanted: Wanted) -> Result<Answer> {
    // As when it is read.
    actor.may(ReadCases)?;
    let tx = app.begin_as(actor).await?;
    if !wanted.orders.is_empty() {
        store::hold_back(&tx, &wanted.orders, store::find(tx.conn(), id).await?.owner_id).await?;
    }
    let (case, merged) = if wanted.with_merged {
        store::find_with_merged(&tx, id).await?
    } else {
        (store::find_for_update(&tx, id).await?, Vec::new())
    };
    goes(app, tx, actor, (case, merged), Some(if_match), wanted).await
}

/// Has a case, which is locked, go where a move takes it, commits that, and shows it. Where it stands there already,
/// nothing happens, whichever version was read: a move that is sent again lands once.
async fn goes(
    app: &App,
    tx: Tx,
    actor: &Actor,
    (mut case, merged): (moderation_case::Model, Vec<moderation_case::Model>),
    if_match: Option<IfMatch>,
    Wanted { act, note, orders, .. }: Wanted,
) -> Result<Answer> {
    let by = actor.require()?.id;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    actor.may(circumstances.decide(&case))?;
    let Some(to) = store::standing(&case).at(app.now()).after(act, by)? else {
        // What was to be done along with it was done then, if whoever repeats it had decided it.
        if orders.is_empty() || store::last_decision(&tx, case.id).await?.actor_id == Some(by) {
            return answer(app, tx.conn(), actor, &case, &circumstances).await;
        }
        let detail = "It was decided already, and nothing of this was done: what else is to be done is an action of its own.";
        return Err(Code::InvalidStateTransition.error(detail));
    };
    if let Some(if_match) = if_match {
        if_match.check(case.version)?;
    }
    let mut done = store::act(app, &tx, actor, (&mut case, &circumstances), &orders, None).await?;
    if let Move::Resolve(CaseOutcome::Rejected | CaseOutcome::Ignored) = act {
        done.extend(
            store::take_back_rules(app, &tx, actor, (&mut case, &circumstances), Hidden::Undecided).await?,
        );
    }
    let permit = actor.may(circumstances.decide(&case))?;
    let said = Said { note, ..Said::default() };
    let moved = store::take(app, &tx, &permit, (act, to), said.clone()).await?;
    let (decided, done_there) = match act {
        Move::Resolve(outcome) => resolve_merged(app, &tx, actor, merged, (outcome, said)).await?,
        _ => (Vec::new(), Vec::new()),
    };
    done.extend(done_there);
    for (act, id) in [(act, moved.id)].into_iter().chain(decided.iter().copied()) {
        let Some(kind) = event_kind(act) else { continue };
        let event = Event { kind, subject_id: Some(id.0), ..actor.event() };
        events::record(app, &tx, event).await?;
    }
    let answer = answer(app, tx.conn(), actor, &moved, &circumstances).await?;
    store::audit_actions(app, &tx, actor, &done).await?;
    for (act, id) in [(act, moved.id)].into_iter().chain(decided) {
        if let Some((verb, data)) = audited(act) {
            let entry = audit::Entry { object: Some(Object::case(id)), data, ..actor.entry(verb) };
            audit::record(app, &tx, entry).await?;
        }
    }
    tx.commit().await?;
    Ok(answer)
}

/// Decides the cases that were merged into one along with it, as far as this moderator may and nobody else is at them; gives
/// which, and what was taken back in them. Whoever reported their subjects finds what came of the case that decided them.
async fn resolve_merged(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    merged: Vec<moderation_case::Model>,
    (outcome, said): (CaseOutcome, Said),
) -> Result<(Vec<(Move, CaseId)>, Vec<Done>)> {
    let by = actor.require()?.id;
    let act = Move::Resolve(CaseOutcome::Duplicate);
    let said = Said { finding: Some(outcome.into()), ..said };
    let (mut decided, mut done) = (Vec::new(), Vec::new());
    for mut case in merged {
        let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
        if actor.may(circumstances.decide(&case)).is_err() {
            continue;
        }
        let Ok(Some(to)) = store::standing(&case).at(app.now()).after(act, by) else { continue };
        if matches!(outcome, CaseOutcome::Rejected | CaseOutcome::Ignored) {
            let what = (&mut case, &circumstances);
            done.extend(store::take_back_rules(app, tx, actor, what, Hidden::Undecided).await?);
        }
        let permit = actor.may(circumstances.decide(&case))?;
        store::take(app, tx, &permit, (act, to), said.clone()).await?;
        decided.push((act, case.id));
    }
    Ok((decided, done))
}

/// What a move is in the log of events, unless that is told of where the history of the case is written.
fn event_kind(act: Move) -> Option<&'static str> {
    match act {
        Move::Claim(_) => Some("case_claimed"),
        Move::Release => Some("case_released"),
        Move::Escalate => Some("case_escalated"),
        Move::Mute(_) => Some("case_muted"),
        Move::Unmute => Some("case_unmuted"),
        Move::Resolve(_) | Move::Reopen => None,
    }
}

/// What a move is in the audit log, with what there is to know of it, where it belongs there.
fn audited(act: Move) -> Option<(&'static str, serde_json::Value)> {
    match act {
        Move::Resolve(outcome) => Some(("resolve_case", json!({ "resolution": outcome }))),
        Move::Reopen => Some(("reopen_case", json!({}))),
        Move::Mute(until) => Some(("mute_case", json!({ "ends_at": Timestamp::from(until) }))),
        Move::Unmute => Some(("unmute_case", json!({}))),
        Move::Claim(_) | Move::Release | Move::Escalate => None,
    }
}

/// The case as this reader sees it, with its version.
async fn answer(
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
async fn view(
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

/// The paths about cases.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_cases, open_case))
        .routes(routes!(claim_next_case))
        .routes(routes!(read_case))
        .routes(routes!(claim_case))
        .routes(routes!(release_case))
        .routes(routes!(escalate_case))
        .routes(routes!(resolve_case))
        .routes(routes!(reopen_case))
        .routes(routes!(mute_case))
        .routes(routes!(unmute_case))
        .routes(routes!(merge_case))
        .routes(routes!(tag_case))
}
