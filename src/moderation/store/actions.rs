//! Doing something to the subject of a case or to whoever it belongs to, and taking it back.

use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cases::{
    Charge, Circumstances, Happened, Said, case_or_open, count, go, lapse, standing, take, tell,
};
use super::hits::{self, Unentered};
use super::subjects::{Reported, made_at, subject_of, tags_of};
use crate::accounts::rules::Username;
use crate::app::App;
use crate::audit::{self, Object};
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, one, sql};
use crate::decisions::rules::{
    ActionKind, Aim, Annotation, Bounds, ClosingSummary, Detail, Explanation, ExternalId, Image, LegalGround,
    NoticeSource, Passage, Restriction, Subject, SubjectKind, check_action,
};
use crate::decisions::{self, Act};
use crate::entity::{mod_action, moderation_case, policy_rule};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::page::Limit;
use crate::ids::{AccountId, ActionId, CaseId, PostId, RelationId, TopicId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::moderation::rules::case::{Move, Standing};
use crate::moderation::rules::{CaseEventKind, CaseOutcome, CaseState, RuleCode};
use crate::policy::{Actor, Authority, Moderate, Permit};
use crate::posts::Restructuring;
use crate::posts::rules::{PostStatus, RelationType, Target};
use crate::topics::rules::TopicStatus;
use crate::{accounts, auth, posts, topics, vote_signals};

/// Something that is to be done, as it was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub kind: ActionKind,
    /// Which rule was broken.
    pub rule: RuleCode,
    /// Which law.
    pub legal_ground: Option<LegalGround>,
    /// Why, to whom it concerns.
    pub explanation: Explanation,
    /// Until when.
    pub ends_at: Option<Time>,
    /// Within which topic.
    pub topic_id: Option<TopicId>,
    /// How many seconds between two posts.
    pub seconds: Option<i32>,
    /// What else is said, as few kinds of action take it.
    #[serde(flatten)]
    pub particulars: Particulars,
    /// What the client calls it.
    pub external_id: Option<ExternalId>,
}

impl Order {
    /// The rule of the site by which it is, where it fits a kind of subject; `at` is put before every field.
    ///
    /// # Errors
    /// 422 where something does not fit.
    pub(super) async fn check(
        &self,
        db: &impl ConnectionTrait,
        at: &str,
        subject: SubjectKind,
        now: Time,
    ) -> Result<policy_rule::Model> {
        let rule = decisions::rule(db, &format!("{at}rule"), self.rule.as_str()).await?;
        let bounds = Bounds {
            ends_at: self.ends_at,
            scope: self.topic_id,
            seconds: self.seconds,
            names_law: self.legal_ground.is_some(),
            is_illegal: rule.code == "illegal",
            details: &self.particulars.details(),
        };
        let wrong = check_action(at, self.kind, subject, &bounds, now);
        if wrong.is_empty() { Ok(rule) } else { Err(Error::fields(wrong)) }
    }
}

/// What an order says besides, as few kinds of action take it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Particulars {
    /// Below which post one goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<PostId>,
    /// What it does from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation_type: Option<RelationType>,
    /// Which of its relations is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation_id: Option<RelationId>,
    /// What that bears on from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Of which post it is a duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<PostId>,
    /// What a debate came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<ClosingSummary>,
    /// What a post lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation: Option<Annotation>,
    /// What is blacked out of a post.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<Passage>,
    /// What an account is called from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
}

impl Particulars {
    /// What is said.
    fn details(&self) -> Vec<Detail> {
        let said = |detail: &Detail| match detail {
            Detail::Parent => self.parent_id.is_some(),
            Detail::RelationType => self.relation_type.is_some(),
            Detail::Relation => self.relation_id.is_some(),
            Detail::Target => self.target.is_some(),
            Detail::DuplicateOf => self.duplicate_of.is_some(),
            Detail::Summary => self.summary.is_some(),
            Detail::Annotation => self.annotation.is_some(),
            Detail::Passages => !self.passages.is_empty(),
            Detail::Username => self.username.is_some(),
        };
        Detail::ALL.into_iter().filter(said).collect()
    }

    /// What becomes of a post among others by an action that was checked; nothing by one that is of another kind.
    fn restructuring(&self, kind: ActionKind) -> Option<Restructuring> {
        match (kind, self.relation_type, self.relation_id, self.duplicate_of) {
            (ActionKind::Move, relation_type, _, _) => {
                Some(Restructuring::Move { parent_id: self.parent_id, relation_type })
            }
            (ActionKind::Relabel, Some(relation_type), Some(relation_id), _) => {
                Some(Restructuring::Relabel { relation_id, relation_type, target: self.target })
            }
            (ActionKind::Merge, _, _, Some(duplicate_of)) => Some(Restructuring::Merge { duplicate_of }),
            _ => None,
        }
    }
}

/// An action, and whether it was done now or before.
#[derive(Debug)]
pub(in crate::moderation) struct Done {
    /// The action.
    pub(in crate::moderation) action: mod_action::Model,
    /// Whether it was done now; otherwise all was so already.
    pub(in crate::moderation) is_new: bool,
}

/// What of that which rules hid is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::moderation) enum Hidden {
    /// What nobody has decided about.
    Undecided,
    /// All of it.
    AtAll,
}

/// Waits for whatever somebody is doing who is about to be kept from it, before anything else is locked.
///
/// # Errors
/// The database is away.
pub async fn hold_back(tx: &Tx, orders: &[Order], target: AccountId) -> Result<()> {
    if orders.iter().any(|order| order.kind.aim() == Aim::Person) {
        tx.queue(&decisions::account_queue(target)).await?;
    }
    Ok(())
}

/// The case of what moderators want to decide about, which nobody else changes until the transaction ends; it is opened
/// where there is none, and whether it was is told.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn act_on(
    app: &App,
    tx: &Tx,
    by: AccountId,
    reported: &Reported,
) -> Result<(moderation_case::Model, bool)> {
    case_or_open(app, tx, reported, Happened::by(CaseEventKind::Opened, by)).await
}

/// Does what was asked for in a case, which is locked: all of it or nothing. What was done under the same name before, or is
/// so already, is not done again.
///
/// # Errors
/// What the policy says; 409 where somebody else has the case, or the subject is not in a state for it; 422 where something
/// does not fit, with `at` and its number before every field.
pub(in crate::moderation) async fn act(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&mut moderation_case::Model, &Circumstances),
    orders: &[Order],
    batch_id: Option<Uuid>,
) -> Result<Vec<Done>> {
    let by = actor.require()?.id;
    lapse(app, tx, case).await?;
    require_own_or_free(case, by)?;
    let mut done = Vec::new();
    for (i, order) in orders.iter().enumerate() {
        if let Some(external_id) = &order.external_id
            && let Some(action) = decisions::with_external_id(tx.conn(), by, external_id).await?
        {
            if action.case_id != Some(case.id) || action.kind != order.kind {
                return Err(Error::field(
                    format!("actions[{i}].external_id"),
                    "duplicate",
                    "You gave this name to something else.",
                ));
            }
            done.push(Done { action, is_new: false });
            continue;
        }
        done.push(act_once(app, tx, actor, (case, circumstances), (i, order), batch_id).await?);
    }
    if done.iter().any(|done| done.is_new) {
        *case = count(app, tx, case.clone()).await?;
    }
    Ok(done)
}

/// Decides a case, which is locked, by what was done in it, alone or in a batch; where it stands decided so already, nothing
/// happens, and this is told.
///
/// # Errors
/// What the policy says; 409 where it stands where it cannot be decided.
pub(in crate::moderation) async fn resolve(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&moderation_case::Model, &Circumstances),
    (outcome, batch_id): (CaseOutcome, Option<Uuid>),
) -> Result<bool> {
    let permit = actor.may(circumstances.decide(case))?;
    let act = Move::Resolve(outcome);
    let Some(to) = standing(case).at(app.now()).after(act, permit.by())? else { return Ok(false) };
    take(app, tx, &permit, (act, to), Said { batch_id, ..Said::default() }).await?;
    Ok(true)
}

/// Whether nobody else is at a case.
pub(super) fn require_own_or_free(case: &moderation_case::Model, by: AccountId) -> Result<()> {
    if case.assignee_id.is_none_or(|assignee| assignee == by) {
        return Ok(());
    }
    Err(Code::CaseClaimed.error("Somebody else is at it: wait until they are done, or let go."))
}

async fn act_once(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&moderation_case::Model, &Circumstances),
    (i, order): (usize, &Order),
    batch_id: Option<Uuid>,
) -> Result<Done> {
    let at = format!("actions[{i}].");
    let subject = subject_of(case);
    let rule = order.check(tx.conn(), &at, subject.kind, app.now()).await?;
    let scope_tags = match order.topic_id {
        Some(id) => scope_tags(tx.conn(), actor, id, &at).await?,
        None => Vec::new(),
    };
    let scope = order.topic_id.map(|id| (id, scope_tags.as_slice()));
    let permit = actor.may(Moderate { case: circumstances.decide(case), kind: order.kind, scope })?;
    if order.kind == ActionKind::Purge && batch_id.is_none() {
        let detail =
            "What cannot be put back takes a second person: plan a bulk job, about one item if it is one.";
        return Err(Error::field(format!("{at}kind"), "needs_second_person", detail));
    }
    let (before, after) = if order.kind.changes_subject() {
        let changed =
            change(app, tx, actor, &permit, case, order).await.map_err(|error| error.within(&at))?;
        let Some(changed) = changed else {
            let after = (order.kind == ActionKind::Annotate).then(|| wanted(order));
            let before = decisions::last_of_kind(tx.conn(), subject, order.kind, after).await?;
            let action = before.ok_or_else(|| Code::InvalidStateTransition.error("It is so already."))?;
            return Ok(Done { action, is_new: false });
        };
        changed
    } else {
        (Image::Nothing, Image::Nothing)
    };
    let (source, met_by_rule) = found_by(tx, case).await?;
    let act = Act {
        subject,
        topic_id: case.topic_id,
        target_id: case.owner_id,
        content_date: made_at(tx.conn(), subject).await?,
        case_id: Some(case.id),
        rule: &rule,
        legal_ground: order.legal_ground.as_ref(),
        explanation: order.explanation.to_string(),
        scope: order.topic_id,
        strikes: if order.kind.sanction().is_some() { rule.strikes } else { 0 },
        ends_at: order.ends_at,
        before,
        after,
        external_id: order.external_id.as_ref(),
        batch_id,
        source,
        met_by_rule,
    };
    let action = decisions::record(app, tx, Authority::Person(&permit), act)
        .await
        .on_constraint("mod_action_external_key", || {
            Error::field(format!("{at}external_id"), "duplicate", "You gave this name to something else.")
        })?;
    if order.kind == ActionKind::Ban {
        auth::end_all(tx, case.owner_id, None, "banned", app.now()).await?;
        auth::revoke_all_tokens(tx, case.owner_id, app.now()).await?;
    }
    tell_all(app, tx, actor, case, &action).await?;
    Ok(Done { action, is_new: true })
}

/// The tags of the topic that an order is to hold in.
pub(super) async fn scope_tags(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: TopicId,
    at: &str,
) -> Result<Vec<String>> {
    match topics::find(db, actor, &id.to_string()).await {
        Ok(topic) => topics::tags(db, topic.id).await,
        // Whoever may not see a topic does not learn that it is there.
        Err(error) if error.code == Code::NotFound => {
            let detail = "There is no such topic, or you may not see it.";
            Err(Error::field(format!("{at}topic_id"), "unknown_id", detail))
        }
        Err(error) => Err(error),
    }
}

/// What an order makes of its subject.
fn wanted(order: &Order) -> Image {
    let restriction = |kind| Image::Restriction {
        kind,
        set: Some(Restriction { kind, seconds: order.seconds, ends_at: order.ends_at.map(Into::into) }),
    };
    match (order.kind, order.kind.restriction()) {
        (ActionKind::Hide, _) => Image::Status(PostStatus::Hidden.to_value()),
        (ActionKind::Remove, _) => Image::Status(PostStatus::Removed.to_value()),
        (ActionKind::Close, _) => Image::Closing {
            status: TopicStatus::Archived.to_value(),
            summary: order.particulars.summary.as_ref().map(ToString::to_string),
        },
        (ActionKind::Pin, _) => Image::Pinned(true),
        (_, Some(kind)) => restriction(kind),
        _ => match order.particulars.annotation {
            Some(kind) => Image::Annotation { kind, is_set: true },
            None => Image::Nothing,
        },
    }
}

/// Changes a post or a topic; gives how it was and how it is, or nothing where it is so already.
async fn change(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<Moderate<'_>>,
    case: &moderation_case::Model,
    order: &Order,
) -> Result<Option<(Image, Image)>> {
    if let Some(wanted) = order.particulars.restructuring(order.kind) {
        let place = post_of(case)?;
        topics::lock_activity(tx, place.0).await?;
        return posts::restructure(app, tx, permit, place, &wanted).await;
    }
    match order.kind {
        ActionKind::Redact | ActionKind::Purge => {
            let (topic_id, id) = post_of(case)?;
            topics::lock_activity(tx, topic_id).await?;
            return if order.kind == ActionKind::Purge {
                posts::purge(app, tx, permit, id).await.map(Some)
            } else {
                posts::redact(app, tx, permit, id, &order.particulars.passages).await.map(Some)
            };
        }
        ActionKind::Rename => {
            let Some(username) = &order.particulars.username else { return Ok(None) };
            let before = rename(app, tx, permit, case, username).await?;
            let after = Image::Username(username.to_string());
            return Ok((before != after).then_some((before, after)));
        }
        _ => {}
    }
    let after = wanted(order);
    let before = apply(app, tx, actor, permit, case, &after).await?;
    if order.kind == ActionKind::Hide && before == Image::Status(PostStatus::Removed.to_value()) {
        return Err(Code::InvalidStateTransition.error("It was removed: take that back before it is hidden."));
    }
    Ok((before != after).then_some((before, after)))
}

/// Gives the account of a case another name, and tells the one it had.
async fn rename(
    app: &App,
    tx: &Tx,
    permit: &Permit<Moderate<'_>>,
    case: &moderation_case::Model,
    username: &Username,
) -> Result<Image> {
    username.refuse_tombstone().map_err(|refused| Error::invalid("username", refused))?;
    let account = accounts::find_for_update(tx, case.owner_id).await?;
    let before = Image::Username(account.username.clone());
    if account.username != username.as_str() {
        accounts::rename_by_moderator(app, tx, permit, account, username).await?;
    }
    Ok(before)
}

/// The post of a case that is about one, after its topic.
fn post_of(case: &moderation_case::Model) -> Result<(TopicId, PostId)> {
    let place = case.topic_id.zip(case.subject_post_id);
    place.ok_or_else(|| Error::internal(anyhow::anyhow!("what is done to posts is done to no post")))
}

/// Has the post or the topic of a case be as an image says, under its locks; gives how it was.
async fn apply(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<Moderate<'_>>,
    case: &moderation_case::Model,
    image: &Image,
) -> Result<Image> {
    match (case.subject_post_id, case.subject_topic_id) {
        (Some(id), _) => {
            let post = locked_post(tx, case, id).await?;
            posts::apply(tx, Authority::Person(permit), &post, image).await
        }
        (_, Some(id)) => {
            topics::lock_activity(tx, id).await?;
            let topic = topics::find_for_update(tx, actor, id).await?;
            topics::apply(app, tx, permit, &topic, image).await
        }
        _ => Err(Error::internal(anyhow::anyhow!("an action on content has no content"))),
    }
}

/// A post and its topic's activity, in the order in which posts are changed.
async fn locked_post(
    tx: &Tx,
    case: &moderation_case::Model,
    id: PostId,
) -> Result<crate::entity::post::Model> {
    if let Some(topic) = case.topic_id {
        topics::lock_activity(tx, topic).await?;
    }
    posts::find_for_update(tx, id).await
}

#[derive(FromQueryResult)]
struct Origin {
    source: NoticeSource,
    met_by_rule: bool,
}

/// By whom what a case is about was found: by those who gave notice of it or reported it, if anybody did; and whether a rule
/// of automatic moderation found it.
async fn found_by(tx: &Tx, case: &moderation_case::Model) -> Result<(NoticeSource, bool)> {
    let statement = "SELECT CASE WHEN bool_or(r.is_trusted) THEN 'SOURCE_TRUSTED_FLAGGER'
                                 WHEN bool_or(n.id IS NOT NULL) THEN 'SOURCE_ARTICLE_16'
                                 WHEN bool_or(r.rule_hit_id IS NULL) THEN 'SOURCE_TYPE_OTHER_NOTIFICATION'
                                 ELSE 'SOURCE_VOLUNTARY' END AS source,
                            coalesce(bool_or(r.rule_hit_id IS NOT NULL), false) AS met_by_rule
                     FROM report r LEFT JOIN legal_notice n ON n.report_id = r.id WHERE r.case_id = $1";
    let found: Option<Origin> = one(tx.conn(), sql(statement, [case.id.into()])).await?;
    Ok(found.map_or((NoticeSource::Voluntary, false), |Origin { source, met_by_rule }| (source, met_by_rule)))
}

/// The case of an action. Where a rule acted whose case is still to be opened, it is opened now.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn case_of_action(
    app: &App,
    tx: &Tx,
    action: &mod_action::Model,
) -> Result<(CaseId, Unentered)> {
    match (action.case_id, action.rule_hit_id) {
        (Some(id), _) => Ok((id, Unentered::default())),
        (None, Some(hit)) => hits::see_to_now(app, tx, hit).await,
        (None, None) if action.kind == ActionKind::NullifyVotes => {
            Ok((case_of_struck_votes(app, tx, action).await?, Unentered::default()))
        }
        (None, None) => Err(Error::internal(anyhow::anyhow!("a person acted in no case"))),
    }
}

/// The case of somebody whose votes were struck, which is opened, and stands decided by that, where they had none.
async fn case_of_struck_votes(app: &App, tx: &Tx, action: &mod_action::Model) -> Result<CaseId> {
    tx.queue(&format!("report {}", action.target_id)).await?;
    // Others may have been at it while this waited.
    if let Some(found) = decisions::find(tx.conn(), action.id).await?.case_id {
        return Ok(found);
    }
    let happened =
        |kind| action.actor_id.map_or_else(|| Happened::by_itself(kind), |by| Happened::by(kind, by));
    let subject = Subject { kind: SubjectKind::Account, id: action.target_id.0 };
    let revision = accounts::require(tx.conn(), action.target_id).await?.version;
    let reported = Reported { subject, topic_id: None, owner_id: action.target_id, revision };
    let (mut case, is_new) = case_or_open(app, tx, &reported, happened(CaseEventKind::Opened)).await?;
    decisions::note_case(tx, action.id, case.id).await?;
    tell(app, tx, &case, Happened::acted(action.actor_id, action.id), Some(case.state)).await?;
    if is_new {
        let upheld =
            Standing { state: CaseState::Resolved, resolution: Some(CaseOutcome::Upheld), ..Standing::OPEN };
        go(app, tx, &mut case, upheld, happened(CaseEventKind::Resolved)).await?;
    }
    Ok(count(app, tx, case).await?.id)
}

/// Takes back what rules hid in a case, which is locked: what nobody had found right, or all of it, where that is found to have
/// been wrong.
///
/// # Errors
/// What the policy says.
pub(in crate::moderation) async fn take_back_rules(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&mut moderation_case::Model, &Circumstances),
    which: Hidden,
) -> Result<Vec<Done>> {
    let mut done = Vec::new();
    for action in decisions::hidden_by_rules(tx.conn(), case.id, which == Hidden::AtAll).await? {
        let why = "Whoever looked at it found no rule broken.".to_owned();
        done.push(take_back(app, tx, actor, (case, circumstances), &action, why, None).await?);
    }
    Ok(done)
}

/// Enters what was done in the audit log: at the end of the transaction, since all wait for that log.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn audit_actions(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    done: &[Done],
) -> Result<()> {
    for Done { action, .. } in done.iter().filter(|done| done.is_new) {
        let entry = audit::Entry {
            object: Some(Object::action(action.id)),
            data: serde_json::json!({
                "kind": action.kind, "case_id": action.case_id, "target_id": action.target_id,
            }),
            ..actor.entry("moderate")
        };
        audit::record(app, tx, entry).await?;
    }
    Ok(())
}

/// Says that something was done: in the history of the case, to whom it concerns, and in the log of events.
async fn tell_all(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    case: &moderation_case::Model,
    action: &mod_action::Model,
) -> Result<()> {
    let by = actor.require()?.id;
    tell(app, tx, case, Happened::acted(Some(by), action.id), Some(case.state)).await?;
    let event =
        Event { kind: "moderated", topic_id: case.topic_id, subject_id: Some(action.id.0), ..actor.event() };
    events::record(app, tx, event).await?;
    if told_before(tx, action).await? {
        return Ok(());
    }
    let concerned = accounts::require(tx.conn(), action.target_id).await?;
    mail::notify(app, tx, &concerned, MailKind::DecisionMade).await
}

#[derive(FromQueryResult)]
struct ToldBefore {
    told: bool,
}

/// Whether whom an action concerns was told of another of its batch: of many decisions at a time there is one mail.
async fn told_before(tx: &Tx, action: &mod_action::Model) -> Result<bool> {
    let Some(batch_id) = action.batch_id else { return Ok(false) };
    let statement =
        "SELECT EXISTS (SELECT FROM mod_action WHERE batch_id = $1 AND target_id = $2 AND id <> $3) AS told";
    let values = [batch_id.into(), action.target_id.into(), action.id.into()];
    let found: Option<ToldBefore> = one(tx.conn(), sql(statement, values)).await?;
    Ok(found.is_some_and(|found| found.told))
}

/// Takes an action back, and gives the action that did. What was changed since in the same respect stays, and refuses it.
/// Whoever asks has read the action before it is locked: of what they read only that counts which never changes.
///
/// # Errors
/// What the policy says; 409 where it was taken back by something else, or what it changed was changed since.
pub(in crate::moderation) async fn take_back(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&mut moderation_case::Model, &Circumstances),
    action: &mod_action::Model,
    explanation: String,
    batch_id: Option<Uuid>,
) -> Result<Done> {
    let by = actor.require()?.id;
    lapse(app, tx, case).await?;
    if action.kind == ActionKind::NullifyVotes {
        // Before anything is said of whose votes they are, and on what.
        actor.may(Moderate { case: circumstances.decide(case), kind: action.kind, scope: None })?;
        vote_signals::hold(tx, action).await?;
        vote_signals::require_unconcerned(tx.conn(), action, by).await?;
    }
    let action = decisions::find_for_update(tx, action.id).await?;
    let scope_tags = tags_of(tx.conn(), action.scope_topic_id).await?;
    let scope = action.scope_topic_id.map(|topic| (topic, scope_tags.as_slice()));
    let permit = actor.may(Moderate { case: circumstances.decide(case), kind: action.kind, scope })?;
    if action.kind == ActionKind::Revert {
        return Err(Code::InvalidStateTransition.error("This takes something back: do that anew instead."));
    }
    if let Some(before) = decisions::reverted_by(tx.conn(), &[action.id]).await?.remove(&action.id) {
        return Ok(Done { action: decisions::find(tx.conn(), before).await?, is_new: false });
    }
    require_own_or_free(case, by)?;
    let after = put_back(app, tx, actor, &permit, case, &action).await?;
    let authority = Authority::Person(&permit);
    let reverted = decisions::revert(app, tx, authority, (&action, after), explanation, batch_id).await?;
    tell_all(app, tx, actor, case, &reverted).await?;
    *case = count(app, tx, case.clone()).await?;
    Ok(Done { action: reverted, is_new: true })
}

/// Has what an action changed be as it was before, and gives how it is now.
async fn put_back(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    permit: &Permit<Moderate<'_>>,
    case: &moderation_case::Model,
    action: &mod_action::Model,
) -> Result<Image> {
    let (before, after) = (&action.before_image, &action.after_image);
    if action.kind == ActionKind::NullifyVotes {
        vote_signals::lift(tx, permit, action).await?;
    }
    match after {
        Image::Nothing => return Ok(Image::Nothing),
        // What was purged is not there to be put back: it is only said that it was wrong.
        _ if action.kind == ActionKind::Purge => return Ok(after.clone()),
        Image::Username(_) => {
            let Image::Username(username) = before else { return Ok(Image::Nothing) };
            let username = Username::try_from(username.as_str()).map_err(Error::internal)?;
            return match rename(app, tx, permit, case, &username).await? {
                found if found == *after => Ok(before.clone()),
                _ => Err(Code::ChangedSince.error("The account was given another name since.")),
            };
        }
        Image::Place { .. } | Image::Relation(_) | Image::Duplicate { .. } | Image::Text { .. } => {
            let place = post_of(case)?;
            topics::lock_activity(tx, place.0).await?;
            return posts::put_back(app, tx, permit, place, (before, after)).await;
        }
        _ => {}
    }
    let found = apply(app, tx, actor, permit, case, before).await?;
    if found == *after {
        return Ok(before.clone());
    }
    Err(Code::ChangedSince.error("Something else was done to it since: take that back first."))
}

/// Which actions are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::moderation) struct ActionFilter {
    /// Those in this case.
    pub(in crate::moderation) case_id: Option<CaseId>,
    /// Those that concern this account.
    pub(in crate::moderation) target_id: Option<AccountId>,
    /// Those of this topic.
    pub(in crate::moderation) topic_id: Option<TopicId>,
    /// Those of this kind.
    pub(in crate::moderation) kind: Option<ActionKind>,
    /// Those about votes too: for whoever may look at who voted.
    pub(in crate::moderation) with_votes: bool,
}

/// The actions in the places that somebody is in charge of, without those that concern themselves, the last first: those
/// before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_actions(
    db: &impl ConnectionTrait,
    (reader, charge): (AccountId, &Charge),
    filter: ActionFilter,
    before: Option<ActionId>,
    limit: Limit,
) -> Result<Vec<mod_action::Model>> {
    let statement = "SELECT a.* FROM mod_action a
         WHERE ($1 OR a.topic_id = ANY ($2) OR EXISTS
                (SELECT FROM topic_tag t WHERE t.topic_id = a.topic_id AND t.tag = ANY ($3)))
           AND a.target_id <> $4 AND a.id < $5
           AND ($6::uuid IS NULL OR a.case_id = $6) AND ($7::uuid IS NULL OR a.target_id = $7)
           AND ($8::uuid IS NULL OR a.topic_id = $8) AND ($9::text IS NULL OR a.kind = $9)
           AND ($11 OR (a.kind <> 'nullify_votes' AND NOT EXISTS
                (SELECT FROM mod_action o WHERE o.id = a.reverts_id AND o.kind = 'nullify_votes')))
         ORDER BY a.id DESC LIMIT $10";
    let values = [
        charge.everywhere.into(),
        charge.topics.clone().into(),
        charge.tags.clone().into(),
        reader.into(),
        before.unwrap_or(ActionId(Uuid::max())).into(),
        filter.case_id.into(),
        filter.target_id.into(),
        filter.topic_id.into(),
        filter.kind.as_ref().map(ActiveEnum::to_value).into(),
        limit.and_one().into(),
        filter.with_votes.into(),
    ];
    Ok(mod_action::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// Every action, for everybody, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_public(
    db: &impl ConnectionTrait,
    (topic_id, kind): (Option<TopicId>, Option<ActionKind>),
    before: Option<ActionId>,
    limit: Limit,
) -> Result<Vec<mod_action::Model>> {
    let mut wanted = Condition::all().add(mod_action::Column::Id.lt(before.unwrap_or(ActionId(Uuid::max()))));
    if let Some(topic_id) = topic_id {
        wanted = wanted.add(mod_action::Column::TopicId.eq(topic_id));
    }
    if let Some(kind) = kind {
        wanted = wanted.add(mod_action::Column::Kind.eq(kind));
    }
    let rows = mod_action::Entity::find()
        .filter(wanted)
        .order_by_desc(mod_action::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}
