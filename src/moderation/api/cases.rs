//! Cases on the wire.

mod views;

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::views::{CaseSummary, CaseView, answer, sla, view};
use super::actions::{NewAction, orders};
use super::queues::asked_for;
use super::report_mutes::muted_until;
use crate::accounts::authors;
use crate::app::App;
use crate::audit::{self, Object};
use crate::auth::rules::Scope;
use crate::clock::{Time, Timestamp};
use crate::db::{Tx, keyset};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::moderation_case;
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query};
use crate::ids::{AccountId, CaseId, QueueId};
use crate::invalid::Invalid;
use crate::moderation::rules::case::Move;
use crate::moderation::rules::queue::check_list;
use crate::moderation::rules::{CaseNote, CaseOutcome, CaseState, RuleCode};
use crate::moderation::store::{self, CaseOrder, Charge, Done, Hidden, Listed, Order, Purpose, Said};
use crate::policy::{ActOn, Actor, ReadCase, ReadCases};
use crate::roles::rules::Permission;
use crate::text::Tag;

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
