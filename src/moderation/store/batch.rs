//! The same about many subjects: what would come of it, and one of them after another.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use uuid::Uuid;

use super::actions::{
    Hidden, Order, act, act_on, audit_actions, require_own_or_free, resolve, take_back, take_back_rules,
};
use super::cases::{Circumstances, Said, case_of, circumstances, last_decision, new_case, standing, take};
use super::subjects::{Purpose, Reported, find_subject, tags_of};
use crate::accounts::rules::Role;
use crate::app::App;
use crate::audit::{self, Object};
use crate::clock::Time;
use crate::db::{Tx, all, sql};
use crate::decisions::rules::{ActionKind, Aim, Subject, SubjectKind};
use crate::entity::{mod_action, moderation_case};
use crate::error::{Code, Error, Result};
use crate::ids::{AccountId, CaseId, TopicId};
use crate::moderation::rules::case::Move;
use crate::moderation::rules::{CaseOutcome, CaseState};
use crate::policy::{ActInBulk, ActOn, Actor, Moderate};
use crate::roles;

/// What would come of it for one subject.
#[derive(Debug)]
pub struct Planned {
    /// About what.
    pub subject: Subject,
    /// Whose it is; nobody where it is not there.
    pub owner_id: Option<AccountId>,
    /// The topic that it is in, or is.
    pub topic_id: Option<TopicId>,
    /// Its version.
    pub revision: i32,
    /// Whether whoever it belongs to has a rank.
    pub of_staff: bool,
    /// The beginning of what it says.
    pub excerpt: String,
    /// The code of why it would be left alone; none where it would be done.
    pub blocked: Option<&'static str>,
}

/// A subject as it is.
#[derive(FromQueryResult)]
struct Found {
    id: Uuid,
    revision: i32,
    owner_id: Option<AccountId>,
    topic_id: Option<TopicId>,
    status: String,
    excerpt: String,
}

#[derive(FromQueryResult)]
struct Tag {
    topic_id: TopicId,
    tag: String,
}

#[derive(FromQueryResult)]
struct OwnReport {
    case_id: CaseId,
}

/// All that decides what somebody may do about many subjects, read at once.
struct Survey {
    found: HashMap<Uuid, Found>,
    tags: HashMap<TopicId, Vec<String>>,
    ranks: HashMap<AccountId, Role>,
    cases: HashMap<Uuid, moderation_case::Model>,
    own_reports: Vec<CaseId>,
}

async fn survey(
    db: &impl ConnectionTrait,
    by: AccountId,
    (kind, ids): (SubjectKind, &[Uuid]),
    now: Time,
) -> Result<Survey> {
    let statement = match kind {
        SubjectKind::Post => {
            "SELECT id, revision, author_id AS owner_id, topic_id, status, left(body, 200) AS excerpt
             FROM post WHERE id = ANY ($1)"
        }
        SubjectKind::Topic => {
            "SELECT id, revision, author_id AS owner_id, id AS topic_id, status, title AS excerpt
             FROM topic WHERE id = ANY ($1)"
        }
        SubjectKind::Account => {
            "SELECT id, version AS revision, id AS owner_id, NULL::uuid AS topic_id, 'visible' AS status,
                    coalesce(username, '') AS excerpt
             FROM account WHERE id = ANY ($1) AND kind = 'person' AND state <> 'deleted'"
        }
    };
    let found: Vec<Found> = all(db, sql(statement, [ids.to_vec().into()])).await?;
    let mut topic_ids: Vec<Uuid> = found.iter().filter_map(|row| row.topic_id.map(|id| id.0)).collect();
    topic_ids.sort_unstable();
    topic_ids.dedup();
    let statement = "SELECT topic_id, tag FROM topic_tag WHERE topic_id = ANY ($1) ORDER BY tag";
    let rows: Vec<Tag> = all(db, sql(statement, [topic_ids.into()])).await?;
    let mut tags: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        tags.entry(row.topic_id).or_default().push(row.tag);
    }
    let mut owners: Vec<Uuid> = found.iter().filter_map(|row| row.owner_id.map(|id| id.0)).collect();
    owners.sort_unstable();
    owners.dedup();
    let statement = match kind {
        SubjectKind::Post => "SELECT * FROM moderation_case WHERE subject_post_id = ANY ($1)",
        SubjectKind::Topic => "SELECT * FROM moderation_case WHERE subject_topic_id = ANY ($1)",
        SubjectKind::Account => "SELECT * FROM moderation_case WHERE subject_account_id = ANY ($1)",
    };
    let cases = moderation_case::Entity::find().from_raw_sql(sql(statement, [ids.to_vec().into()]));
    let cases: Vec<_> = cases.all(db).await?;
    let case_ids: Vec<Uuid> = cases.iter().map(|case| case.id.0).collect();
    let statement = "SELECT case_id FROM report WHERE reporter_id = $1 AND case_id = ANY ($2)";
    let reports: Vec<OwnReport> = all(db, sql(statement, [by.into(), case_ids.into()])).await?;
    Ok(Survey {
        found: found.into_iter().map(|row| (row.id, row)).collect(),
        tags,
        ranks: roles::ranks(db, owners, now).await?,
        cases: cases.into_iter().map(|case| (super::subject_of(&case).id, case)).collect(),
        own_reports: reports.into_iter().map(|row| row.case_id).collect(),
    })
}

/// The places where orders hold that hold within a topic, with their tags.
type Scopes = HashMap<TopicId, Vec<String>>;

/// What would come of the same orders, and of deciding the case so, for each of many subjects of a kind, in their order.
///
/// # Errors
/// 422 where an order does not fit such subjects.
pub async fn plan(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    (kind, ids): (SubjectKind, &[Uuid]),
    (orders, resolution): (&[Order], Option<CaseOutcome>),
) -> Result<Vec<Planned>> {
    let (by, now) = (actor.require()?.id, app.now());
    let scopes = check_orders(db, actor, kind, orders, now).await?;
    let survey = survey(db, by, (kind, ids), now).await?;
    let plan_one = |id: &Uuid| {
        let subject = Subject { kind, id: *id };
        let Some(found) = survey.found.get(id) else {
            let blocked = Some("unknown_id");
            return Planned {
                subject,
                owner_id: None,
                topic_id: None,
                revision: 0,
                of_staff: false,
                excerpt: String::new(),
                blocked,
            };
        };
        let verdict = verdict(app, actor, (subject, found, &survey), (orders, resolution, &scopes));
        // Whose it was may be out of sight there.
        let is_theirs = verdict.as_ref().err().is_none_or(|error| error.code != Code::NotAllowed);
        Planned {
            subject,
            owner_id: found.owner_id.filter(|_| is_theirs),
            topic_id: found.topic_id,
            revision: found.revision,
            of_staff: found.owner_id.is_some_and(|owner| survey.ranks.contains_key(&owner)),
            excerpt: found.excerpt.clone(),
            blocked: verdict.err().map(|error| error.code.name()),
        }
    };
    Ok(ids.iter().map(plan_one).collect())
}

/// Refuses orders that fit no subject of a kind.
async fn check_orders(
    db: &impl ConnectionTrait,
    actor: &Actor,
    kind: SubjectKind,
    orders: &[Order],
    now: Time,
) -> Result<Scopes> {
    let mut scopes = Scopes::new();
    for (i, order) in orders.iter().enumerate() {
        let at = format!("actions[{i}].");
        order.check(db, &at, kind, now).await?;
        if order.external_id.is_some() {
            let detail = "A job has an identifier of its own, by which its actions are found.";
            return Err(Error::field(format!("{at}external_id"), "does_not_fit", detail));
        }
        if let Some(id) = order.topic_id {
            scopes.insert(id, super::actions::scope_tags(db, actor, id, &at).await?);
        }
    }
    Ok(scopes)
}

/// What refuses this about one subject, if anything does, as far as it is seen from outside.
fn verdict(
    app: &App,
    actor: &Actor,
    (subject, found, survey): (Subject, &Found, &Survey),
    (orders, resolution, scopes): (&[Order], Option<CaseOutcome>, &Scopes),
) -> Result<()> {
    let gone = || Code::PostDeleted.error("It is gone already.");
    let owner_id = found.owner_id.ok_or_else(gone)?;
    match (subject.kind, found.status.as_str()) {
        (SubjectKind::Post, "deleted") => return Err(gone()),
        (SubjectKind::Topic, "draft") => {
            return Err(Code::TopicNotOpen.error("Nobody but its author and the staff sees a draft."));
        }
        _ => {}
    }
    let tags = found.topic_id.and_then(|topic| survey.tags.get(&topic)).cloned().unwrap_or_default();
    let topic = found.topic_id.map(|topic| (topic, tags.as_slice()));
    actor.may(ActOn { owner_id, topic })?;
    actor.may(ActInBulk { topic })?;
    let reported = Reported { subject, topic_id: found.topic_id, owner_id, revision: found.revision };
    let known = survey.cases.get(&subject.id);
    let case = known.cloned().unwrap_or_else(|| new_case(app, &reported, CaseId(Uuid::nil())));
    let by = actor.require()?.id;
    let circumstances = Circumstances {
        owner_rank: survey.ranks.get(&owner_id).copied().unwrap_or_default(),
        is_reporter: survey.own_reports.contains(&case.id),
        tags: tags.clone(),
    };
    actor.may(circumstances.decide(&case))?;
    let present = standing(&case).at(app.now());
    if present.claim.is_some() {
        require_own_or_free(&case, by)?;
    }
    for order in orders {
        let scope = order.topic_id.and_then(|id| Some((id, scopes.get(&id)?.as_slice())));
        actor.may(Moderate { case: circumstances.decide(&case), kind: order.kind, scope })?;
    }
    let is_so = |order: &Order| match order.kind {
        ActionKind::Hide => found.status == "hidden",
        ActionKind::Remove => found.status == "removed",
        _ => false,
    };
    if let Some(outcome) = resolution {
        if orders.is_empty() && known.is_none() {
            return Err(no_case());
        }
        if known.is_some() && present.after(Move::Resolve(outcome), by)?.is_none() && orders.iter().all(is_so)
        {
            return Err(already());
        }
    } else if orders.iter().all(is_so) {
        return Err(already());
    }
    Ok(())
}

fn no_case() -> Error {
    Code::NoCase.error("Nobody has reported it, and nothing was done about it: there is no case to decide.")
}

fn already() -> Error {
    Code::AlreadySo.error("It is so already.")
}

#[derive(FromQueryResult)]
struct DoneTo {
    kind: ActionKind,
}

/// What is done to people is done to each of them once in a batch, however much of theirs is in it.
async fn not_done_yet(tx: &Tx, batch_id: Uuid, owner_id: AccountId, orders: &[Order]) -> Result<Vec<Order>> {
    let statement = "SELECT DISTINCT kind FROM mod_action WHERE batch_id = $1 AND target_id = $2";
    let done: Vec<DoneTo> = all(tx.conn(), sql(statement, [batch_id.into(), owner_id.into()])).await?;
    let is_due =
        |order: &&Order| order.kind.aim() == Aim::Content || done.iter().all(|done| done.kind != order.kind);
    Ok(orders.iter().filter(is_due).cloned().collect())
}

/// Does what was ordered about one of many subjects, if it is still the version that it was planned for, and decides its
/// case; says whether anything changed.
///
/// # Errors
/// What `POST /mod/actions` answers, and 409 where the subject was changed since.
pub async fn act_on_item(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (subject, revision): (Subject, i32),
    (orders, resolution): (&[Order], Option<CaseOutcome>),
    batch_id: Uuid,
) -> Result<bool> {
    let by = actor.require()?.id;
    let reported = find_subject(tx, actor, subject, Purpose::Decide).await?;
    if reported.revision != revision {
        return Err(Code::ChangedSince.error("It was changed since the job was planned."));
    }
    let tags = tags_of(tx.conn(), reported.topic_id).await?;
    let topic = reported.topic_id.map(|topic| (topic, tags.as_slice()));
    actor.may(ActOn { owner_id: reported.owner_id, topic })?;
    actor.may(ActInBulk { topic })?;
    let orders = not_done_yet(tx, batch_id, reported.owner_id, orders).await?;
    let (mut case, is_new) = if orders.is_empty() {
        if resolution.is_none() {
            return Ok(false);
        }
        (case_of(tx, subject).await?.ok_or_else(no_case)?, false)
    } else {
        act_on(app, tx, by, &reported).await?
    };
    let circumstances = circumstances(tx.conn(), &case, by, app.now()).await?;
    let mut done = act(app, tx, actor, (&mut case, &circumstances), &orders, Some(batch_id)).await?;
    if let Some(CaseOutcome::Rejected | CaseOutcome::Ignored) = resolution {
        done.extend(take_back_rules(app, tx, actor, (&mut case, &circumstances), Hidden::Undecided).await?);
    }
    let mut changed = done.iter().any(|done| done.is_new);
    // Of what is gone for good nothing is left to decide.
    let is_purged = done.iter().any(|done| done.action.kind == ActionKind::Purge);
    let outcome = resolution.or((is_new || is_purged).then_some(CaseOutcome::Upheld));
    let mut decided = None;
    if let Some(outcome) = outcome
        && resolve(app, tx, actor, (&case, &circumstances), (outcome, Some(batch_id))).await?
    {
        decided = Some(outcome);
        changed = true;
    }
    audit_actions(app, tx, actor, &done).await?;
    if let Some(outcome) = decided {
        let entry = audit::Entry {
            object: Some(Object::case(case.id)),
            data: serde_json::json!({ "resolution": outcome }),
            ..actor.entry("resolve_case")
        };
        audit::record(app, tx, entry).await?;
    }
    Ok(changed)
}

/// Takes back what a batch did about one subject, the last first, and has the case be decided anew that it had decided; says
/// whether anything changed. No purge is among it: whoever
/// plans to take a batch back leaves out what was purged.
///
/// # Errors
/// What taking an action back answers.
pub async fn take_back_item(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (subject, batch_id): (Subject, Uuid),
    (explanation, undo_id): (&str, Uuid),
) -> Result<bool> {
    let by = actor.require()?.id;
    let actions = done_to(tx.conn(), subject, batch_id).await?;
    let Some(mut case) = case_of(tx, subject).await? else { return Ok(false) };
    let circumstances = circumstances(tx.conn(), &case, by, app.now()).await?;
    let topic = case.topic_id.map(|topic| (topic, circumstances.tags.as_slice()));
    actor.may(ActInBulk { topic })?;
    let mut done = Vec::new();
    for action in &actions {
        let explanation = explanation.to_owned();
        done.push(
            take_back(app, tx, actor, (&mut case, &circumstances), action, explanation, Some(undo_id))
                .await?,
        );
    }
    let is_reopened = reopen(app, tx, actor, (&case, &circumstances), (batch_id, undo_id)).await?;
    audit_actions(app, tx, actor, &done).await?;
    if is_reopened {
        let entry = audit::Entry { object: Some(Object::case(case.id)), ..actor.entry("reopen_case") };
        audit::record(app, tx, entry).await?;
    }
    Ok(is_reopened || done.iter().any(|done| done.is_new))
}

/// Has a case, which is locked, be decided anew where a batch had decided it and nobody since; says whether it had.
async fn reopen(
    app: &App,
    tx: &Tx,
    actor: &Actor,
    (case, circumstances): (&moderation_case::Model, &Circumstances),
    (batch_id, undo_id): (Uuid, Uuid),
) -> Result<bool> {
    if case.state != CaseState::Resolved || last_decision(tx, case.id).await?.batch_id != Some(batch_id) {
        return Ok(false);
    }
    let permit = actor.may(circumstances.decide(case))?;
    let Some(to) = standing(case).at(app.now()).after(Move::Reopen, permit.by())? else { return Ok(false) };
    let said = Said { batch_id: Some(undo_id), ..Said::default() };
    take(app, tx, &permit, (Move::Reopen, to), said).await?;
    Ok(true)
}

/// What a batch did about a subject, the last first.
async fn done_to(
    db: &impl ConnectionTrait,
    subject: Subject,
    batch_id: Uuid,
) -> Result<Vec<mod_action::Model>> {
    let statement = "SELECT * FROM mod_action
                     WHERE batch_id = $1 AND coalesce(subject_post_id, subject_topic_id, subject_account_id) = $2
                       AND kind <> 'revert' ORDER BY id DESC";
    all(db, sql(statement, [batch_id.into(), subject.id.into()])).await
}
