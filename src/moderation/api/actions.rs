//! What moderators do, on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::accounts::rules::Username;
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::auth::rules::Scope;
use crate::automation;
use crate::automation::rules::RuleVersion;
use crate::clock::{Time, Timestamp};
use crate::db::{ConnectionTrait, keyset};
use crate::decisions;
use crate::decisions::rules::{
    ActionKind, ActorKind, Annotation, Automation, ClosingSummary, Explanation, ExternalId, Image,
    LegalGround, Passage, SanctionKind, Subject,
};
use crate::entity::{mod_action, sanction};
use crate::error::{Error, Result};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, Path, Query};
use crate::ids::{AccountId, ActionId, CaseId, PostId, RelationId, RuleHitId, TopicId};
use crate::moderation::rules::{CaseOutcome, RuleCode};
use crate::moderation::store::{self, ActionFilter, Charge, Order, Particulars, Purpose};
use crate::policy::{ActOn, Actor, NullifyVotes, ReadCases};
use crate::posts::rules::{RelationType, Target};
use crate::roles::rules::Permission;

/// Something to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    /// What. `hide`, `remove`, `lock` and `freeze_votes` are done to a post or a topic, `slow_mode`, `close` and `pin` to a
    /// topic,
    /// `move`, `relabel`, `merge`, `annotate`, `redact` and `purge` to a post, `rename` to an account, the others to whoever the
    /// subject belongs to. `purge` is for bulk jobs alone.
    kind: ActionKind,
    /// The code of the rule that was broken.
    rule: RuleCode,
    /// Which law, where the rule is `illegal`.
    #[serde(default)]
    legal_ground: Option<LegalGround>,
    /// Why, to whom it concerns. It becomes part of the statement of reasons.
    explanation: Explanation,
    /// Until when; needed for `suspend`, possible for `lock`, `freeze_votes`, `slow_mode`, `silence`, `restrict` and `vote_ban`.
    #[serde(default)]
    ends_at: Option<Timestamp>,
    /// Within which topic; needed for `restrict`, possible for `silence` and `vote_ban`.
    #[serde(default)]
    topic_id: Option<TopicId>,
    /// How many seconds everybody waits between two posts; for `slow_mode`.
    #[serde(default)]
    seconds: Option<i32>,
    /// Below which older post of its topic a post goes, with all below it; at the root where nothing is said. For `move`.
    #[serde(default)]
    parent_id: Option<PostId>,
    /// What a post really does; needed for `relabel`. For `move`, what it does to its new parent, besides what its author
    /// says it does.
    #[serde(default)]
    relation_type: Option<RelationType>,
    /// Which relation of the post is meant; for `relabel`.
    #[serde(default)]
    relation_id: Option<RelationId>,
    /// What the relation bears on from now on, where that is something else; for `relabel`.
    #[serde(default)]
    target: Option<Target>,
    /// Which older post of the topic says the same, and takes the replies; for `merge`.
    #[serde(default)]
    duplicate_of: Option<PostId>,
    /// What the debate came to, for everybody who reads it; for `close`.
    #[serde(default)]
    summary: Option<ClosingSummary>,
    /// What a post lacks, as is said under it from now on; for `annotate`.
    #[serde(default)]
    annotation: Option<Annotation>,
    /// What is blacked out of a post and of all it said before, as it stands in the Markdown; for `redact`.
    #[serde(default)]
    #[schema(max_items = 20)]
    passages: Vec<Passage>,
    /// What an account is called from now on; for `rename`.
    #[serde(default)]
    username: Option<Username>,
    /// What you call it: the same name again is the same action, and is done once.
    #[serde(default)]
    external_id: Option<ExternalId>,
}

impl From<NewAction> for Order {
    fn from(new: NewAction) -> Self {
        Self {
            kind: new.kind,
            rule: new.rule,
            legal_ground: new.legal_ground,
            explanation: new.explanation,
            ends_at: new.ends_at.map(Time::from),
            topic_id: new.topic_id,
            seconds: new.seconds,
            particulars: Particulars {
                parent_id: new.parent_id,
                relation_type: new.relation_type,
                relation_id: new.relation_id,
                target: new.target,
                duplicate_of: new.duplicate_of,
                summary: new.summary,
                annotation: new.annotation,
                passages: new.passages,
                username: new.username,
            },
            external_id: new.external_id,
        }
    }
}

/// As many as are done at once, at the most.
const MAX_ACTIONS: usize = 10;

/// As many passages are blacked out at once, at the most.
const MAX_PASSAGES: usize = 20;

/// The orders of a request, not too many of them.
///
/// # Errors
/// 422 where they are more than ten, or one names too many passages.
pub fn orders(actions: Vec<NewAction>) -> Result<Vec<Order>> {
    if actions.len() > MAX_ACTIONS {
        return Err(Error::field("actions", "too_many", format!("At most {MAX_ACTIONS} at a time.")));
    }
    if let Some(i) = actions.iter().position(|new| new.passages.len() > MAX_PASSAGES) {
        let field = format!("actions[{i}].passages");
        return Err(Error::field(field, "too_many", format!("At most {MAX_PASSAGES} at a time.")));
    }
    Ok(actions.into_iter().map(Order::from).collect())
}

/// What is to be done about a subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewActions {
    /// About what.
    subject: Subject,
    /// What, all of it or nothing.
    #[schema(min_items = 1, max_items = 10)]
    actions: Vec<NewAction>,
    /// Whether only to say what would come of it.
    #[serde(default)]
    dry_run: bool,
}

/// Something that was done, as moderators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActionView {
    id: ActionId,
    kind: ActionKind,
    case_id: Option<CaseId>,
    subject: Subject,
    /// The topic that the subject is in, or is.
    topic_id: Option<TopicId>,
    /// Whom it concerns.
    target: Option<Author>,
    actor_kind: ActorKind,
    /// Who did it; null where no person did, or their account was erased.
    actor: Option<Author>,
    /// How much of it was decided without a person.
    automation: Automation,
    /// The rule of automatic moderation that did it; null where a person did.
    automation_rule: Option<RuleVersion>,
    rule: Option<String>,
    rule_version: Option<i32>,
    explanation: String,
    /// Within which topic a sanction holds; null where it does everywhere.
    scope_topic_id: Option<TopicId>,
    strikes: i16,
    /// What it changed of the subject, as it was.
    before: Image,
    /// The same afterwards.
    after: Image,
    ends_at: Option<Timestamp>,
    external_id: Option<String>,
    /// With which others it was done.
    batch_id: Option<Uuid>,
    /// The action that it takes back.
    reverts: Option<ActionId>,
    /// The action that took it back.
    reverted_by: Option<ActionId>,
    created_at: Timestamp,
}

/// The subject of an action.
pub(super) fn subject_of(row: &mod_action::Model) -> Subject {
    let id = [
        row.subject_post_id.map(|id| id.0),
        row.subject_topic_id.map(|id| id.0),
        row.subject_account_id.map(|id| id.0),
    ];
    Subject { kind: row.subject_kind, id: id.into_iter().flatten().next().unwrap_or_default() }
}

impl ActionView {
    /// Several, with the names of whom they concern and by whom they were done.
    pub(super) async fn of(db: &impl ConnectionTrait, rows: Vec<mod_action::Model>) -> Result<Vec<Self>> {
        let ids: Vec<ActionId> = rows.iter().map(|row| row.id).collect();
        let reverted = decisions::reverted_by(db, &ids).await?;
        let named = rows.iter().flat_map(|row| [Some(row.target_id), row.actor_id]).flatten();
        let people = authors(db, named.collect()).await?;
        let rules = automation::rules_of(db, rows.iter().filter_map(|row| row.rule_hit_id)).await?;
        Ok(rows.into_iter().map(|row| Self::one(row, &people, (&reverted, &rules))).collect())
    }

    fn one(
        row: mod_action::Model,
        people: &HashMap<AccountId, Author>,
        (reverted, rules): (&HashMap<ActionId, ActionId>, &HashMap<RuleHitId, RuleVersion>),
    ) -> Self {
        Self {
            id: row.id,
            kind: row.kind,
            case_id: row.case_id,
            subject: subject_of(&row),
            topic_id: row.topic_id,
            target: people.get(&row.target_id).cloned(),
            actor_kind: row.actor_kind,
            actor: row.actor_id.and_then(|id| people.get(&id).cloned()),
            automation: row.automation,
            automation_rule: row.rule_hit_id.and_then(|hit| rules.get(&hit).copied()),
            rule: row.rule_code,
            rule_version: row.rule_version,
            explanation: row.explanation,
            scope_topic_id: row.scope_topic_id,
            strikes: row.strikes,
            before: row.before_image,
            after: row.after_image,
            ends_at: row.expires_at.map(Into::into),
            external_id: row.external_id,
            batch_id: row.batch_id,
            reverts: row.reverts_id,
            reverted_by: reverted.get(&row.id).copied(),
            created_at: row.created_at.into(),
        }
    }
}

/// What came of a request to do something.
#[derive(Debug, Serialize, ToSchema)]
struct ActionsTaken {
    case_id: CaseId,
    /// Whether nothing was done, and this is what would have come of it.
    dry_run: bool,
    /// In the order in which they were asked for. What was so already is the action that made it so.
    actions: Vec<ActionView>,
}

/// Act on a subject
///
/// Does up to ten things to a post, a topic or an account, or to whoever it belongs to, all or none, each with a statement
/// of reasons. They belong to the case of the subject; one that this opens is resolved by it, one that was open stays open.
#[utoipa::path(post, path = "/mod/actions", tag = "moderation", request_body = NewActions, responses((status = 201, body = ActionsTaken)), security(("bearer" = [])))]
async fn take_actions(State(app): State<App>, actor: Actor, create: Create<NewActions>) -> Result<Answer> {
    // Before the key is looked up, as when reports are made; and whoever may do nothing learns nothing of what is there.
    actor.require_scope(Scope::Moderate)?;
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    if new.actions.is_empty() {
        return Err(Error::field("actions", "missing", "Say what is to be done."));
    }
    let orders = orders(new.actions)?;
    let reported = store::find_subject(&tx, &actor, new.subject, Purpose::Decide).await?;
    let tags = store::tags_of(tx.conn(), reported.topic_id).await?;
    let topic = reported.topic_id.map(|topic| (topic, tags.as_slice()));
    actor.may(ActOn { owner_id: reported.owner_id, topic })?;
    store::hold_back(&tx, &orders, reported.owner_id).await?;
    let (mut case, is_new) = store::act_on(&app, &tx, by, &reported).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let done = store::act(&app, &tx, &actor, (&mut case, &circumstances), &orders, None).await?;
    if is_new {
        store::resolve(&app, &tx, &actor, (&case, &circumstances), (CaseOutcome::Upheld, None)).await?;
    }
    let rows = done.iter().map(|done| done.action.clone()).collect();
    let actions = ActionView::of(tx.conn(), rows).await?;
    let location =
        actions.first().map_or_else(String::new, |first| format!("/api/v1/mod/actions/{}", first.id));
    let view = ActionsTaken { case_id: case.id, dry_run: new.dry_run, actions };
    if new.dry_run {
        return Answer::ok(&view, Cache::No);
    }
    let answer = once.record(&app, &tx, Answer::created(location, &view, Cache::No)?).await?;
    store::audit_actions(&app, &tx, &actor, &done).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Why something is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Reversion {
    /// To whom it concerns.
    explanation: Explanation,
}

/// Take an action back
///
/// By another action, which has what it changed be as it was; a sanction ends, and its strikes with it. Refused where the
/// same was changed since. Taking back what was taken back is answered with the action that did.
#[utoipa::path(post, path = "/mod/actions/{id}/revert", tag = "moderation", params(("id" = ActionId, Path)), request_body = Reversion, responses((status = 200, body = ActionView)), security(("bearer" = [])))]
async fn revert_action(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ActionId>,
    Body(reversion): Body<Reversion>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let by = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let action = decisions::find(tx.conn(), id).await?;
    let (case_id, unentered) = store::case_of_action(&app, &tx, &action).await?;
    let mut case = store::find_for_update(&tx, case_id).await?;
    let circumstances = store::circumstances(tx.conn(), &case, by, app.now()).await?;
    let explanation = reversion.explanation.to_string();
    let done =
        store::take_back(&app, &tx, &actor, (&mut case, &circumstances), &action, explanation, None).await?;
    let view = ActionView::of(tx.conn(), vec![done.action.clone()]).await?;
    if done.is_new {
        unentered.record(&app, &tx).await?;
        store::audit_actions(&app, &tx, &actor, &[done]).await?;
        tx.commit().await?;
    }
    Answer::ok(&view.into_iter().next(), Cache::No)
}

/// Which actions are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ActionQuery {
    /// Only those in this case.
    case: Option<CaseId>,
    /// Only those that concern this account.
    target: Option<AccountId>,
    /// Only those in this topic.
    topic: Option<TopicId>,
    /// Only those of this kind.
    #[param(inline)]
    kind: Option<ActionKind>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List what was done
///
/// In the places that the reader is in charge of, by `report.read`; the last first.
#[utoipa::path(get, path = "/mod/actions", tag = "moderation", params(ActionQuery), responses((status = 200, body = Page<ActionView>)), security(("bearer" = [])))]
async fn list_actions(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<ActionQuery>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let reader = actor.require()?;
    let filter = ActionFilter {
        case_id: query.case,
        target_id: query.target,
        topic_id: query.topic,
        kind: query.kind,
        with_votes: actor.may(NullifyVotes::AT_ALL).is_ok(),
    };
    let list = format!("actions/{}/{filter:?}", reader.id);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let charge = Charge::of(&reader.powers, Permission::ReportRead);
    let rows = store::list_actions(&app.db, (reader.id, &charge), filter, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = ActionView::of(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Something that was done, as everybody sees it.
#[derive(Debug, Serialize, ToSchema)]
struct LogEntry {
    id: ActionId,
    kind: ActionKind,
    subject: Subject,
    topic_id: Option<TopicId>,
    /// Whether a person did it, a rule or the server; who, is not told.
    actor_kind: ActorKind,
    automation: Automation,
    rule: Option<String>,
    rule_version: Option<i32>,
    scope_topic_id: Option<TopicId>,
    ends_at: Option<Timestamp>,
    reverts: Option<ActionId>,
    reverted_by: Option<ActionId>,
    created_at: Timestamp,
}

/// Which part of the log is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// Only what was done in this topic.
    topic: Option<TopicId>,
    /// Only what is of this kind.
    #[param(inline)]
    kind: Option<ActionKind>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// Read the log of moderation
///
/// Everything that was done, and what was taken back, the last first; without the names of those who did it.
#[utoipa::path(get, path = "/modlog", tag = "moderation", params(LogQuery), responses((status = 200, body = Page<LogEntry>)), security((), ("bearer" = [])))]
async fn read_log(State(app): State<App>, actor: Actor, Query(query): Query<LogQuery>) -> Result<Answer> {
    let list = format!("modlog/{:?}/{:?}", query.topic, query.kind);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::list_public(&app.db, (query.topic, query.kind), before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let ids: Vec<ActionId> = page.items.iter().map(|row| row.id).collect();
    let reverted = decisions::reverted_by(&app.db, &ids).await?;
    let entry = |row: mod_action::Model| LogEntry {
        id: row.id,
        kind: row.kind,
        subject: subject_of(&row),
        topic_id: row.topic_id,
        actor_kind: row.actor_kind,
        automation: row.automation,
        rule: row.rule_code,
        rule_version: row.rule_version,
        scope_topic_id: row.scope_topic_id,
        ends_at: row.expires_at.map(Into::into),
        reverts: row.reverts_id,
        reverted_by: reverted.get(&row.id).copied(),
        created_at: row.created_at.into(),
    };
    let items = page.items.into_iter().map(entry).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::for_reader(&actor))
}

/// What somebody may not do, or might not.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SanctionView {
    /// The decision that it comes from.
    id: ActionId,
    kind: SanctionKind,
    /// Within which topic; null where it holds everywhere.
    topic_id: Option<TopicId>,
    starts_at: Timestamp,
    /// Null where it has no end.
    ends_at: Option<Timestamp>,
    lifted_at: Option<Timestamp>,
    /// Whether it keeps them from anything at the moment.
    in_force: bool,
    strikes: i16,
    /// Until when the strikes count.
    strikes_expire_at: Timestamp,
}

impl SanctionView {
    pub(super) fn of(row: &sanction::Model, now: Time) -> Self {
        let in_force =
            row.lifted_at.is_none() && row.starts_at <= now && row.ends_at.is_none_or(|end| end > now);
        Self {
            id: row.id,
            kind: row.kind,
            topic_id: row.topic_id,
            starts_at: row.starts_at.into(),
            ends_at: row.ends_at.map(Into::into),
            lifted_at: row.lifted_at.map(Into::into),
            in_force,
            strikes: row.strikes,
            strikes_expire_at: row.strikes_expire_at.into(),
        }
    }
}

/// The paths about what is done.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_actions, take_actions))
        .routes(routes!(revert_action))
        .routes(routes!(read_log))
}
