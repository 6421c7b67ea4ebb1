//! Cases on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{ActionView, NewAction, hold_back, orders};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::automation;
use crate::automation::rules::RuleVersion;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, Tx, keyset};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::{case_event, moderation_case, report};
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, IfMatch, Path, Query};
use crate::ids::{AccountId, ActionId, AppealId, CaseId, ReportId, RuleHitId, TopicId};
use crate::moderation::rules::case::Move;
use crate::moderation::rules::{CaseEventKind, CaseNote, CaseOutcome, CaseState, ReportOutcome};
use crate::moderation::store::{self, ActionFilter, CaseOrder, Charge, Circumstances, Listed, Order};
use crate::policy::{Actor, ReadCase, ReadCases};
use crate::roles::rules::Permission;

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
    /// How many open reports it has.
    report_count: i32,
    /// Of how many people.
    reporter_count: i32,
    /// Who claimed it; null while nobody has.
    assignee: Option<Author>,
    claim_expires_at: Option<Timestamp>,
    opened_at: Timestamp,
    updated_at: Timestamp,
}

impl CaseSummary {
    /// As it stands at the moment.
    fn of(app: &App, row: &moderation_case::Model, people: &HashMap<AccountId, Author>) -> Self {
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
            report_count: row.report_count,
            reporter_count: row.reporter_count,
            assignee: standing.claim.and_then(|(assignee, _)| person(assignee)),
            claim_expires_at: standing.claim.map(|(_, until)| until.into()),
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
    outcome: Option<ReportOutcome>,
    created_at: Timestamp,
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
    created_at: Timestamp,
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

/// What moderators do with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum MoveName {
    Claim,
    Release,
    Escalate,
    Resolve,
}

/// What moderators have to decide of a subject.
#[derive(Debug, Serialize, ToSchema)]
struct CaseView {
    #[serde(flatten)]
    summary: CaseSummary,
    content: Option<ContentView>,
    /// The hundred weightiest reports, those that are open first.
    reports: Vec<CaseReportView>,
    /// The last hundred things that happened to it, in order.
    events: Vec<CaseEventView>,
    /// What was done in it, the last first: the hundred last.
    actions: Vec<ActionView>,
    /// What the reader may do with it as it stands.
    moves: Vec<MoveName>,
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
enum Decision {
    /// A rule was broken.
    Upheld,
    /// None was.
    Rejected,
    /// There was nothing to it, either way.
    Ignored,
    /// Another case decides it.
    Duplicate,
}

impl From<Decision> for CaseOutcome {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Upheld => Self::Upheld,
            Decision::Rejected => Self::Rejected,
            Decision::Ignored => Self::Ignored,
            Decision::Duplicate => Self::Duplicate,
        }
    }
}

/// The decision of a case.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CaseDecision {
    resolution: Decision,
    /// Why, for other moderators.
    note: CaseNote,
    /// What is done about the subject, all of it or nothing, and only where it is upheld.
    #[serde(default)]
    #[schema(max_items = 10)]
    actions: Vec<NewAction>,
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
    /// Only those that stand there at the moment.
    #[param(inline)]
    state: Option<CaseState>,
    /// Only those about such subjects.
    #[param(inline)]
    subject_kind: Option<SubjectKind>,
    /// Only those that the reader has claimed.
    #[serde(default)]
    mine: bool,
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
    let listed = Listed {
        order: query.sort,
        state: query.state,
        subject_kind: query.subject_kind,
        assignee: query.mine.then_some(reader.id),
    };
    let list = format!("cases/{}/{listed:?}", reader.id);
    let after = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let charge = Charge::of(&reader.powers, Permission::ReportRead);
    let rows = store::list(&app.db, (reader.id, &charge), listed, after, (query.limit, app.now())).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &(last.priority, last.id)));
    let named = page.items.iter().flat_map(|row| [Some(row.owner_id), row.assignee_id]).flatten();
    let people = authors(&app.db, named.collect()).await?;
    let items = page.items.iter().map(|row| CaseSummary::of(&app, row, &people)).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Claim the most urgent case
///
/// Of those that wait and that one may decide; 204 where none does. However many ask at once, no two get the same.
#[utoipa::path(post, path = "/mod/cases/next", tag = "moderation", responses((status = 200, body = CaseView), (status = 204, description = "Nothing waits")), security(("bearer" = [])))]
async fn claim_next_case(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let reader = actor.require()?;
    actor.may(ReadCases)?;
    let tx = app.begin_as(&actor).await?;
    let Some(case) = store::next(&app, &tx, reader.id, &reader.powers).await? else {
        // Claims that had run out are ended all the same.
        tx.commit().await?;
        return Ok(Answer::none());
    };
    goes(&app, tx, &actor, case, None, (Move::Claim(store::claimed_until(&app)), None, Vec::new())).await
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
    moves(&app, &actor, id, if_match, (Move::Claim(until), None, Vec::new())).await
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
    moves(&app, &actor, id, if_match, (Move::Release, remark.note, Vec::new())).await
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
    moves(&app, &actor, id, if_match, (Move::Escalate, Some(escalation.note), Vec::new())).await
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
    moves(&app, &actor, id, if_match, (Move::Resolve(outcome), Some(decision.note), orders)).await
}

/// Has a case go where somebody moves it, and shows it.
async fn moves(
    app: &App,
    actor: &Actor,
    id: CaseId,
    if_match: IfMatch,
    act: (Move, Option<CaseNote>, Vec<Order>),
) -> Result<Answer> {
    // As when it is read.
    actor.may(ReadCases)?;
    let tx = app.begin_as(actor).await?;
    if !act.2.is_empty() {
        hold_back(&tx, &act.2, store::find(tx.conn(), id).await?.owner_id).await?;
    }
    let case = store::find_for_update(&tx, id).await?;
    goes(app, tx, actor, case, Some(if_match), act).await
}

/// Has a case, which is locked, go where a move takes it, commits that, and shows it. Where it stands there already,
/// nothing happens, whichever version was read: a move that is sent again lands once.
async fn goes(
    app: &App,
    tx: Tx,
    actor: &Actor,
    mut case: moderation_case::Model,
    if_match: Option<IfMatch>,
    (act, note, orders): (Move, Option<CaseNote>, Vec<Order>),
) -> Result<Answer> {
    let by = actor.require()?.id;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    actor.may(circumstances.decide(&case))?;
    let Some(to) = store::standing(&case).at(app.now()).after(act, by)? else {
        return answer(app, tx.conn(), actor, &case, &circumstances).await;
    };
    if let Some(if_match) = if_match {
        if_match.check(case.version)?;
    }
    let mut done = store::act(app, &tx, actor, (&mut case, &circumstances), &orders, None).await?;
    if let Move::Resolve(CaseOutcome::Rejected | CaseOutcome::Ignored) = act {
        done.extend(store::take_back_rules(app, &tx, actor, (&mut case, &circumstances)).await?);
    }
    let permit = actor.may(circumstances.decide(&case))?;
    let moved = store::take(app, &tx, &permit, (act, to), note).await?;
    let kind = match act {
        Move::Claim(_) => "case_claimed",
        Move::Release => "case_released",
        Move::Escalate => "case_escalated",
        Move::Resolve(_) => "case_resolved",
    };
    let event = Event { kind, subject_id: Some(moved.id.0), ..actor.event() };
    events::record(app, &tx, event).await?;
    let answer = answer(app, tx.conn(), actor, &moved, &circumstances).await?;
    store::audit_actions(app, &tx, actor, &done).await?;
    if let Move::Resolve(outcome) = act {
        let entry = audit::Entry {
            object: Some(Object::case(moved.id)),
            data: json!({ "resolution": outcome }),
            ..actor.entry("resolve_case")
        };
        audit::record(app, &tx, entry).await?;
    }
    tx.commit().await?;
    Ok(answer)
}

/// The case as this reader sees it, with its version.
async fn answer(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    case: &moderation_case::Model,
    circumstances: &Circumstances,
) -> Result<Answer> {
    let by = actor.require()?.id;
    let (reports, events) = (store::reports(db, case.id).await?, store::history(db, case.id).await?);
    let named = [Some(case.owner_id), case.assignee_id]
        .into_iter()
        .chain(reports.iter().map(|report| report.reporter_id))
        .chain(events.iter().map(|event| event.actor_id));
    let people = authors(db, named.flatten().collect()).await?;
    let rules = automation::rules_of(db, reports.iter().filter_map(|report| report.rule_hit_id)).await?;
    let may_decide = actor.may(circumstances.decide(case)).is_ok();
    let standing = store::standing(case).at(app.now());
    let moves = [
        (MoveName::Claim, Move::Claim(store::claimed_until(app))),
        (MoveName::Release, Move::Release),
        (MoveName::Escalate, Move::Escalate),
        (MoveName::Resolve, Move::Resolve(CaseOutcome::Upheld)),
    ];
    let leads_on =
        |(_, act): &(MoveName, Move)| may_decide && matches!(standing.after(*act, by), Ok(Some(_)));
    let content = store::content(db, case).await?.map(|content| ContentView {
        revision: content.revision,
        text: content.text,
        topic_slug: content.slug,
    });
    let done = ActionFilter { case_id: Some(case.id), ..ActionFilter::default() };
    let done = store::list_actions(db, (by, &Charge::EVERYWHERE), done, None, Limit::MOST).await?;
    let view = CaseView {
        actions: ActionView::of(db, done).await?,
        summary: CaseSummary::of(app, case, &people),
        content,
        reports: reports.into_iter().map(|row| case_report(row, &people, &rules)).collect(),
        events: events.into_iter().map(|row| case_event(row, &people)).collect(),
        moves: moves.into_iter().filter(leads_on).map(|(name, _)| name).collect(),
    };
    Ok(Answer::ok(&view, Cache::No)?.version(case.version))
}

fn case_report(
    row: report::Model,
    people: &HashMap<AccountId, Author>,
    rules: &HashMap<RuleHitId, RuleVersion>,
) -> CaseReportView {
    CaseReportView {
        id: row.id,
        reporter: row.reporter_id.and_then(|id| people.get(&id).cloned()),
        automation_rule: row.rule_hit_id.and_then(|hit| rules.get(&hit).copied()),
        subject_revision: row.subject_revision,
        rule: row.rule_code,
        rule_version: row.rule_version,
        comment: row.comment,
        weight: f64::from(row.weight) / 100.0,
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
        created_at: row.created_at.into(),
    }
}

/// The paths about cases.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_cases))
        .routes(routes!(claim_next_case))
        .routes(routes!(read_case))
        .routes(routes!(claim_case))
        .routes(routes!(release_case))
        .routes(routes!(escalate_case))
        .routes(routes!(resolve_case))
}
