//! What was decided about oneself, and appeals, on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::actions::{NewAction, SanctionView, orders, subject_of};
use super::report_mutes::ReportMuteView;
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions;
use crate::decisions::rules::{ActionKind, ActorKind, NoticeSource, Subject};
use crate::entity::{appeal, mod_action, statement_of_reasons};
use crate::error::{Error, Result};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query};
use crate::ids::{ActionId, AppealId, CaseId, LegalNoticeId, ReportId, TopicId};
use crate::moderation::rules::appeal::{AppealOutcome, AppealReasons, AppealState, AppealText, appeal_until};
use crate::moderation::store::{self, Against, Appellant, Charge, Verdict};
use crate::policy::{Actor, Appeal, DecideAppeal, ReadCases};
use crate::roles::rules::Permission;
use crate::vote_signals;

/// An appeal, as whoever made it sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AppealView {
    id: AppealId,
    /// The decision that it is against, if it is one.
    decision_id: Option<ActionId>,
    /// The report that was refused, if it is about one.
    report_id: Option<ReportId>,
    text: String,
    state: AppealState,
    /// What came of it; null until it is decided.
    outcome: Option<AppealOutcome>,
    /// Why; empty until then.
    reasons: String,
    created_at: Timestamp,
    closed_at: Option<Timestamp>,
}

impl From<appeal::Model> for AppealView {
    fn from(row: appeal::Model) -> Self {
        Self {
            id: row.id,
            decision_id: row.action_id,
            report_id: row.report_id,
            text: row.text,
            state: row.state,
            outcome: row.outcome,
            reasons: row.reasons,
            created_at: row.created_at.into(),
            closed_at: row.closed_at.map(Into::into),
        }
    }
}

/// Something that was decided about the reader, in short.
#[derive(Debug, Serialize, ToSchema)]
struct DecisionView {
    id: ActionId,
    kind: ActionKind,
    subject: Subject,
    /// The topic that the subject is in, or is.
    topic_id: Option<TopicId>,
    /// Within which topic it holds, if not everywhere.
    scope_topic_id: Option<TopicId>,
    /// The code of the rule that was broken.
    rule: Option<String>,
    rule_version: Option<i32>,
    explanation: String,
    /// Whether a person decided it, or a rule; who, is not told.
    actor_kind: ActorKind,
    strikes: i16,
    ends_at: Option<Timestamp>,
    /// Whether it was taken back.
    is_reverted: bool,
    /// Until when one may appeal.
    appeal_until: Timestamp,
    /// The appeal against it, unless that was taken back.
    appeal: Option<AppealView>,
    created_at: Timestamp,
}

impl DecisionView {
    async fn of(app: &App, db: &impl ConnectionTrait, rows: Vec<mod_action::Model>) -> Result<Vec<Self>> {
        let ids: Vec<ActionId> = rows.iter().map(|row| row.id).collect();
        let reverted = decisions::reverted_by(db, &ids).await?;
        let mut appeals = store::of_actions(db, &ids).await?;
        let months = app.config.moderation.appeal_months;
        let decision = |row: mod_action::Model| Self {
            id: row.id,
            kind: row.kind,
            subject: subject_of(&row),
            topic_id: row.topic_id,
            scope_topic_id: row.scope_topic_id,
            rule: row.rule_code,
            rule_version: row.rule_version,
            explanation: row.explanation,
            actor_kind: row.actor_kind,
            strikes: row.strikes,
            ends_at: row.expires_at.map(Into::into),
            is_reverted: reverted.contains_key(&row.id),
            appeal_until: appeal_until(row.created_at, months).into(),
            appeal: appeals.remove(&row.id).map(Into::into),
            created_at: row.created_at.into(),
        };
        Ok(rows.into_iter().map(decision).collect())
    }
}

/// What was decided about somebody, and why. The fields are named as in the transparency database of the European Union.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementOfReasons {
    /// Empty where it restricts nothing that is seen.
    decision_visibility: Vec<String>,
    decision_provision: Option<String>,
    decision_account: Option<String>,
    decision_ground: String,
    /// Where the rule of the site is to be read, in all its versions; null where the ground is a law.
    decision_ground_reference_url: Option<String>,
    illegal_content_legal_ground: Option<String>,
    illegal_content_explanation: Option<String>,
    incompatible_content_ground: Option<String>,
    incompatible_content_explanation: Option<String>,
    /// `No`: that it is against the law as well was not found. Null where the ground is a law.
    incompatible_content_illegal: Option<String>,
    category: String,
    /// Empty: of what kind the wrong is within its category is not known.
    category_specification: Vec<String>,
    content_type: String,
    /// Null: in which language something is written is not known.
    content_language: Option<String>,
    content_date: Timestamp,
    application_date: Timestamp,
    /// `end_date_visibility_restriction`, `end_date_service_restriction` or `end_date_account_restriction`.
    end_date: Option<Timestamp>,
    territorial_scope: Vec<String>,
    decision_facts: String,
    source_type: NoticeSource,
    automated_detection: bool,
    automated_decision: String,
}

impl StatementOfReasons {
    /// Of an action, by the code of the rule of the site that it goes by.
    pub(super) fn of(app: &App, row: statement_of_reasons::Model, rule: Option<&str>) -> Self {
        let is_by_rule = row.incompatible_content_ground.is_some();
        let rule = rule.filter(|_| is_by_rule);
        Self {
            decision_visibility: row.decision_visibility.into_iter().collect(),
            decision_provision: row.decision_provision,
            decision_account: row.decision_account,
            decision_ground: row.decision_ground,
            decision_ground_reference_url: rule
                .map(|code| format!("{}/api/v1/rules?rule={code}", app.config.server.public_url)),
            illegal_content_legal_ground: row.illegal_content_legal_ground,
            illegal_content_explanation: row.illegal_content_explanation,
            incompatible_content_ground: row.incompatible_content_ground,
            incompatible_content_explanation: row.incompatible_content_explanation,
            incompatible_content_illegal: is_by_rule.then(|| "No".to_owned()),
            category: row.category,
            category_specification: Vec::new(),
            content_type: row.content_type,
            content_language: None,
            content_date: row.content_date.into(),
            application_date: row.application_date.into(),
            end_date: row.end_date.map(Into::into),
            territorial_scope: row.territorial_scope,
            decision_facts: row.decision_facts,
            source_type: row.source_type,
            automated_detection: row.automated_detection,
            automated_decision: row.automated_decision,
        }
    }
}

/// The same as whoever it is to reads it, with what they can do about it.
#[derive(Debug, Serialize, ToSchema)]
struct OwnStatement {
    #[serde(flatten)]
    reasons: StatementOfReasons,
    /// What can be done against it.
    redress: String,
}

impl OwnStatement {
    fn of(app: &App, row: statement_of_reasons::Model, rule: Option<&str>) -> Self {
        Self {
            redress: format!(
                "POST /api/v1/me/decisions/{}/appeal: somebody else than whoever decided looks at it again, at no cost. You may \
             also turn to a body that settles disputes out of court, or to a court.",
                row.action_id
            ),
            reasons: StatementOfReasons::of(app, row, rule),
        }
    }
}

/// Something that was decided about the reader, with the statement of reasons.
#[derive(Debug, Serialize, ToSchema)]
struct DecisionInFull {
    #[serde(flatten)]
    decision: DecisionView,
    statement: OwnStatement,
}

/// List what was decided about oneself
///
/// The last first, also what was taken back.
#[utoipa::path(get, path = "/me/decisions", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<DecisionView>)), security(("bearer" = [])))]
async fn list_decisions(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("decisions/{own}");
    let before = query.place(&app, &list)?;
    let rows = decisions::list_decisions(&app.db, own, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = DecisionView::of(&app, &app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read a decision about oneself
///
/// With the statement of its reasons.
#[utoipa::path(get, path = "/me/decisions/{id}", tag = "moderation", params(("id" = ActionId, Path)), responses((status = 200, body = DecisionInFull)), security(("bearer" = [])))]
async fn read_decision(State(app): State<App>, actor: Actor, Path(id): Path<ActionId>) -> Result<Answer> {
    let own = actor.require()?.id;
    let (action, row) = decisions::find_statement(&app.db, id, own).await?;
    let statement = OwnStatement::of(&app, row, action.rule_code.as_deref());
    let decision = DecisionView::of(&app, &app.db, vec![action]).await?.into_iter().next();
    let decision = decision.ok_or_else(Error::not_found)?;
    Answer::ok(&DecisionInFull { decision, statement }, Cache::No)
}

/// What one may not do, and how many strikes count.
#[derive(Debug, Serialize, ToSchema)]
struct OwnSanctions {
    /// Strikes that count at the moment.
    strikes: i64,
    /// The hundred last sanctions, the last first.
    items: Vec<SanctionView>,
    /// Until when what one reports weighs nothing, and why; null where it weighs what it does.
    report_mute: Option<ReportMuteView>,
}

/// Read what one is kept from
#[utoipa::path(get, path = "/me/sanctions", tag = "moderation", responses((status = 200, body = OwnSanctions)), security(("bearer" = [])))]
async fn read_own_sanctions(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let own = actor.require()?.id;
    let now = app.now();
    let rows = decisions::sanctions_of(&app.db, own).await?;
    let view = OwnSanctions {
        strikes: decisions::strikes_of(&app.db, own, now).await?,
        items: rows.iter().map(|row| SanctionView::of(row, now)).collect(),
        report_mute: store::report_mute_of(&app.db, own, now).await?.map(Into::into),
    };
    Answer::ok(&view, Cache::No)
}

/// Why somebody appeals.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAppeal {
    /// What is wrong with the decision.
    text: AppealText,
}

async fn appeal(app: &App, actor: &Actor, create: Create<NewAppeal>, against: Against) -> Result<Answer> {
    let tx = app.begin_as(actor).await?;
    let permit = actor.may(Appeal { concerned: against.concerned() })?;
    let (new, claimed) = create.claim(app, &tx, actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let (row, unentered) =
        store::file_appeal(app, &tx, Appellant::Account(&permit), &against, new.text).await?;
    let id = row.id;
    let answer = Answer::created(format!("/api/v1/appeals/{id}"), &AppealView::from(row), Cache::No)?;
    let answer = once.record(app, &tx, answer).await?;
    unentered.record(app, &tx).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Appeal against a decision
///
/// Within six months (`moderation.appeal_months`), once, whatever else one is kept from. Somebody else looks at it again
/// than whoever decided.
#[utoipa::path(post, path = "/me/decisions/{id}/appeal", tag = "moderation", params(("id" = ActionId, Path)), request_body = NewAppeal, responses((status = 201, body = AppealView)), security(("bearer" = [])))]
async fn appeal_decision(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ActionId>,
    create: Create<NewAppeal>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let (action, _) = decisions::find_statement(&app.db, id, own).await?;
    appeal(&app, &actor, create, Against::Action(Box::new(action))).await
}

/// Appeal about a report
///
/// That was rejected or ignored, within six months.
#[utoipa::path(post, path = "/reports/{id}/appeal", tag = "moderation", params(("id" = ReportId, Path)), request_body = NewAppeal, responses((status = 201, body = AppealView)), security(("bearer" = [])))]
async fn appeal_report(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ReportId>,
    create: Create<NewAppeal>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let report = store::find_own_report(&app.db, id, own).await?;
    appeal(&app, &actor, create, Against::Report(report)).await
}

/// List one's appeals
///
/// The last first, with what came of them.
#[utoipa::path(get, path = "/me/appeals", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<AppealView>)), security(("bearer" = [])))]
async fn list_own_appeals(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("own-appeals/{own}");
    let before = query.place(&app, &list)?;
    let rows = store::list_own_appeals(&app.db, own, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = page.items.into_iter().map(AppealView::from).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read one's appeal
#[utoipa::path(get, path = "/appeals/{id}", tag = "moderation", params(("id" = AppealId, Path)), responses((status = 200, body = AppealView)), security(("bearer" = [])))]
async fn read_own_appeal(State(app): State<App>, actor: Actor, Path(id): Path<AppealId>) -> Result<Answer> {
    actor.require()?;
    let row = store::find_appeal(&app.db, id).await?;
    if !actor.is(row.appellant_id) {
        return Err(Error::not_found());
    }
    Answer::ok(&AppealView::from(row), Cache::No)
}

/// Take an appeal back
///
/// As long as it waits; it may be made anew.
#[utoipa::path(delete, path = "/appeals/{id}", tag = "moderation", params(("id" = AppealId, Path)), responses((status = 200, body = AppealView)), security(("bearer" = [])))]
async fn withdraw_appeal(State(app): State<App>, actor: Actor, Path(id): Path<AppealId>) -> Result<Answer> {
    actor.require()?;
    let tx = app.begin_as(&actor).await?;
    let found = store::find_appeal_for_update(&tx, id).await?;
    let permit = actor.may(Appeal { concerned: found.0.appellant_id })?;
    let row = store::withdraw_appeal(&app, &tx, &permit, found).await?;
    tx.commit().await?;
    Answer::ok(&AppealView::from(row), Cache::No)
}

/// An appeal, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
struct WaitingAppeal {
    #[serde(flatten)]
    appeal: AppealView,
    case_id: CaseId,
    /// Null where somebody without an account appeals, by the receipt of a notice, or their account was erased.
    appellant: Option<Author>,
    /// The notice that it is about, where the report was one.
    legal_notice_id: Option<LegalNoticeId>,
    /// Who decided what it is against.
    decider: Option<Author>,
    /// Who decided it.
    reviewer: Option<Author>,
}

impl WaitingAppeal {
    async fn of(db: &impl ConnectionTrait, rows: Vec<appeal::Model>) -> Result<Vec<Self>> {
        let named = rows.iter().flat_map(|row| [row.appellant_id, row.decider_id, row.reviewer_id]).flatten();
        let people = authors(db, named.collect()).await?;
        let notices = store::notice_ids(db, rows.iter().filter_map(|row| row.report_id).collect()).await?;
        let person = |id: Option<crate::ids::AccountId>| id.and_then(|id| people.get(&id).cloned());
        let view = |row: appeal::Model| Self {
            case_id: row.case_id,
            legal_notice_id: row.report_id.and_then(|id| notices.get(&id).copied()),
            appellant: person(row.appellant_id),
            decider: person(row.decider_id),
            reviewer: person(row.reviewer_id),
            appeal: row.into(),
        };
        Ok(rows.into_iter().map(view).collect())
    }
}

/// List appeals that wait
///
/// In the places that the reader is in charge of, the oldest first.
#[utoipa::path(get, path = "/mod/appeals", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<WaitingAppeal>)), security(("bearer" = [])))]
async fn list_appeals(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let reader = actor.require()?;
    let list = format!("appeals/{}", reader.id);
    let after = query.place(&app, &list)?;
    let charge = Charge::of(&reader.powers, Permission::ReportRead);
    let rows = store::list_appeals(&app.db, (reader.id, &charge), after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = WaitingAppeal::of(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// How an appeal is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AppealDecision {
    /// `overturned` undoes the decision; `modified` too, and does something else instead.
    outcome: AppealOutcome,
    /// Why, to whoever appealed.
    reasons: AppealReasons,
    /// What is done instead, or, where a report was refused, after all.
    #[serde(default)]
    #[schema(max_items = 10)]
    actions: Vec<NewAction>,
}

/// Decide an appeal
///
/// Not by whoever decided what it is against. Overturning undoes that, takes its strikes away and lets those who reported
/// know, all at once.
#[utoipa::path(post, path = "/mod/appeals/{id}/decide", tag = "moderation", params(("id" = AppealId, Path), ("If-Match" = String, Header)), request_body = AppealDecision, responses((status = 200, body = WaitingAppeal)), security(("bearer" = [])))]
async fn decide_appeal(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AppealId>,
    if_match: IfMatch,
    Body(decision): Body<AppealDecision>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let orders = orders(decision.actions)?;
    match (decision.outcome, orders.is_empty()) {
        (AppealOutcome::Upheld, false) => {
            return Err(Error::field("actions", "does_not_fit", "What is upheld stays as it is."));
        }
        (AppealOutcome::Modified, true) => {
            return Err(Error::field("actions", "missing", "Say what is done instead."));
        }
        _ => {}
    }
    let tx = app.begin_as(&actor).await?;
    let waiting = store::find_appeal(tx.conn(), id).await?;
    store::hold_back(&tx, &orders, store::find(tx.conn(), waiting.case_id).await?.owner_id).await?;
    let (row, case) = store::find_appeal_for_update(&tx, id).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let against = match row.action_id {
        Some(action) => Some(decisions::find(tx.conn(), action).await?),
        None => None,
    };
    let scope_tags = match against.as_ref().and_then(|action| action.scope_topic_id) {
        Some(topic) => crate::topics::tags(tx.conn(), topic).await?,
        None => Vec::new(),
    };
    let scope = against.as_ref().and_then(|action| action.scope_topic_id);
    let scope = scope.map(|topic| (topic, scope_tags.as_slice()));
    let agreed_by = match &against {
        Some(action) if action.kind == ActionKind::NullifyVotes => {
            vote_signals::agreed_by(tx.conn(), action).await?
        }
        Some(action) => store::approver_of(tx.conn(), action).await?,
        None => None,
    };
    let kind = against.as_ref().map(|action| action.kind);
    let decide = circumstances.decide(&case);
    let permit = actor.may(DecideAppeal { case: decide, appeal: &row, against: kind, scope, agreed_by })?;
    if let Some(action) = against.filter(|action| action.kind == ActionKind::NullifyVotes) {
        vote_signals::require_unconcerned(tx.conn(), &action, by).await?;
    }
    let is_done = row.state == AppealState::Decided && row.outcome == Some(decision.outcome);
    if is_done && row.reviewer_id == Some(by) {
        // A decision that is sent again lands once.
        let view = WaitingAppeal::of(tx.conn(), vec![row.clone()]).await?.into_iter().next();
        return Ok(Answer::ok(&view, Cache::No)?.version(row.version));
    }
    if_match.check(row.version)?;
    let verdict = Verdict { outcome: decision.outcome, reasons: decision.reasons, orders };
    let decided =
        store::decide_appeal(&app, &tx, &actor, &permit, (case.clone(), &circumstances), verdict).await?;
    let version = decided.version;
    let view = WaitingAppeal::of(tx.conn(), vec![decided]).await?.into_iter().next();
    let answer = Answer::ok(&view, Cache::No)?.version(version);
    tx.commit().await?;
    Ok(answer)
}

/// Read an appeal in one's charge
#[utoipa::path(get, path = "/mod/appeals/{id}", tag = "moderation", params(("id" = AppealId, Path)), responses((status = 200, body = WaitingAppeal)), security(("bearer" = [])))]
async fn read_appeal(State(app): State<App>, actor: Actor, Path(id): Path<AppealId>) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let snapshot = app.snapshot().await?;
    let row = store::find_appeal(&snapshot, id).await?;
    let case = store::find(&snapshot, row.case_id).await?;
    let circumstances = store::circumstances(&snapshot, &case, by, app.now()).await?;
    actor.may(crate::policy::ReadCase { case: &case, tags: &circumstances.tags })?;
    let version = row.version;
    let view = WaitingAppeal::of(&snapshot, vec![row]).await?.into_iter().next();
    Ok(Answer::ok(&view, Cache::No)?.version(version))
}

/// The paths about what was decided about oneself, and appeals.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_decisions))
        .routes(routes!(read_decision))
        .routes(routes!(appeal_decision))
        .routes(routes!(appeal_report))
        .routes(routes!(read_own_sanctions))
        .routes(routes!(list_own_appeals))
        .routes(routes!(read_own_appeal, withdraw_appeal))
        .routes(routes!(list_appeals))
        .routes(routes!(read_appeal))
        .routes(routes!(decide_appeal))
}
