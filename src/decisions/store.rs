//! Keeping what was decided, with its reasons.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::rules::{
    ActionKind, ActorKind, Automation, ExternalId, Image, LegalGround, NoticeSource, Subject, SubjectKind,
};
use crate::app::App;
use crate::clock::Time;
use crate::db::{OnConstraint, Tx, all, insert, one, sql};
use crate::entity::{mod_action, policy_rule, sanction, statement_of_reasons};
use crate::error::{Code, Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, ActionId, CaseId, PostId, RuleHitId, TopicId};
use crate::policy::Authority;

/// The present version of a rule of the site, by its code.
///
/// # Errors
/// 422 where there is none.
pub async fn rule(db: &impl ConnectionTrait, field: &str, code: &str) -> Result<policy_rule::Model> {
    let found = policy_rule::Entity::find()
        .filter(policy_rule::Column::Code.eq(code))
        .order_by_desc(policy_rule::Column::Version)
        .one(db)
        .await?;
    let found = found.filter(|rule| !rule.is_retired);
    found.ok_or_else(|| Error::field(field, "unknown_rule", "GET /rules lists those there are."))
}

/// The last version in which a rule of the site held, whether it holds still or was retired: for what rules of automatic
/// moderation do that serve it.
///
/// # Errors
/// There never was one: a defect.
pub async fn rule_as_it_held(db: &impl ConnectionTrait, code: &str) -> Result<policy_rule::Model> {
    let found = policy_rule::Entity::find()
        .filter(policy_rule::Column::Code.eq(code))
        .filter(policy_rule::Column::IsRetired.eq(false))
        .order_by_desc(policy_rule::Column::Version)
        .one(db)
        .await?;
    found.ok_or_else(|| Error::internal(anyhow::anyhow!("there never was a rule {code} of the site")))
}

/// The name under which whoever does something, and whoever is about to keep them from it, wait for each other.
pub fn account_queue(id: AccountId) -> String {
    format!("account {id}")
}

/// What something is done to that is permitted, and why.
#[derive(Debug)]
pub struct Act<'a> {
    /// To what.
    pub subject: Subject,
    /// The topic that this is in, or is.
    pub topic_id: Option<TopicId>,
    /// Whose it is.
    pub target_id: AccountId,
    /// When it was made.
    pub content_date: Time,
    /// In which case.
    pub case_id: Option<CaseId>,
    /// Which rule was broken.
    pub rule: &'a policy_rule::Model,
    /// Which law, where that is the rule.
    pub legal_ground: Option<&'a LegalGround>,
    /// Why, to whom it concerns.
    pub explanation: String,
    /// Within which topic a sanction holds, if not everywhere.
    pub scope: Option<TopicId>,
    /// How many strikes it brings.
    pub strikes: i16,
    /// Until when it holds, if it has an end.
    pub ends_at: Option<Time>,
    /// What it changed, as it was.
    pub before: Image,
    /// The same as it is from now on.
    pub after: Image,
    /// What whoever does it calls it.
    pub external_id: Option<&'a ExternalId>,
    /// With which others it is done.
    pub batch_id: Option<Uuid>,
    /// By whom what it is about was found.
    pub source: NoticeSource,
    /// Whether it had been found automatically too.
    pub met_by_rule: bool,
}

/// Keeps something that is being done, with the statement of its reasons, and the sanction where it is one.
///
/// # Errors
/// The database is away.
pub async fn record(app: &App, tx: &Tx, authority: Authority<'_>, act: Act<'_>) -> Result<mod_action::Model> {
    let now = app.now();
    let when = |kind| (act.subject.kind == kind).then_some(act.subject.id);
    let (actor_kind, actor_id, automation, rule_hit_id) = match authority {
        Authority::Rule(permit) => (ActorKind::Rule, None, Automation::Full, Some(permit.act().hit_id)),
        Authority::Person(_) | Authority::Nullification(_) => {
            let automation = if act.met_by_rule { Automation::Partial } else { Automation::None };
            (ActorKind::Human, authority.by(), automation, None)
        }
    };
    let row = mod_action::Model {
        id: app.ids.next(),
        kind: authority.kind(),
        case_id: act.case_id,
        subject_kind: act.subject.kind,
        subject_post_id: when(SubjectKind::Post).map(PostId),
        subject_topic_id: when(SubjectKind::Topic).map(TopicId),
        subject_account_id: when(SubjectKind::Account).map(AccountId),
        topic_id: act.topic_id,
        target_id: act.target_id,
        actor_kind,
        actor_id,
        automation,
        rule_code: Some(act.rule.code.clone()),
        rule_version: Some(act.rule.version),
        explanation: act.explanation.clone(),
        scope_topic_id: act.scope,
        strikes: act.strikes,
        before_image: act.before.clone(),
        after_image: act.after.clone(),
        external_id: act.external_id.map(ToString::to_string),
        batch_id: act.batch_id,
        expires_at: act.ends_at,
        reverts_id: None,
        created_at: now,
        rule_hit_id,
    };
    insert(tx, row.clone()).await?;
    if let Some(kind) = row.kind.sanction() {
        let sanction = sanction::Model {
            id: row.id,
            account_id: act.target_id,
            kind,
            topic_id: act.scope,
            starts_at: now,
            // A warning is over as soon as it was given.
            ends_at: if row.kind == ActionKind::Warn { Some(now) } else { act.ends_at },
            strikes: act.strikes,
            strikes_expire_at: now + TimeDelta::days(app.config.moderation.strike_days.into()),
            lifted_at: None,
        };
        insert(tx, sanction).await?;
    }
    insert(tx, statement(app, &row, act)).await?;
    Ok(row)
}

/// The statement of the reasons of an action, to whom it concerns.
fn statement(app: &App, row: &mod_action::Model, act: Act<'_>) -> statement_of_reasons::Model {
    let restricts = row.kind.restricts();
    let is_text = matches!(row.subject_kind, SubjectKind::Post | SubjectKind::Topic);
    let (legal_ground, ground) = match act.legal_ground {
        Some(law) => (Some(law.to_string()), None),
        None => (None, Some(format!("{} ({}, version {})", act.rule.title, act.rule.code, act.rule.version))),
    };
    let of_law = legal_ground.is_some();
    let owned = |text: Option<&'static str>| text.map(str::to_owned);
    statement_of_reasons::Model {
        action_id: row.id,
        recipient_id: row.target_id,
        decision_visibility: owned(restricts.visibility),
        decision_provision: owned(restricts.provision),
        decision_account: owned(restricts.account),
        decision_ground: if of_law {
            "DECISION_GROUND_ILLEGAL_CONTENT"
        } else {
            "DECISION_GROUND_INCOMPATIBLE_CONTENT"
        }
        .to_owned(),
        illegal_content_legal_ground: legal_ground,
        illegal_content_explanation: of_law.then(|| act.explanation.clone()),
        incompatible_content_ground: ground,
        incompatible_content_explanation: (!of_law).then(|| act.explanation.clone()),
        category: act.rule.category.clone(),
        content_type: if is_text { "CONTENT_TYPE_TEXT" } else { "CONTENT_TYPE_OTHER" }.to_owned(),
        content_date: act.content_date,
        application_date: row.created_at,
        end_date: row.expires_at,
        territorial_scope: app.config.moderation.territorial_scope.clone(),
        decision_facts: act.explanation,
        source_type: act.source,
        automated_detection: row.automation != Automation::None,
        automated_decision: row.automation.automated_decision().to_owned(),
    }
}

/// Keeps that an action, which is locked, was taken back by somebody; a sanction that it was ends with that, and so do its
/// strikes.
/// What it had changed was put back already, and is as `after` says.
///
/// # Errors
/// 409 where it was taken back before.
pub async fn revert(
    app: &App,
    tx: &Tx,
    authority: Authority<'_>,
    (action, after): (&mod_action::Model, Image),
    explanation: String,
    batch_id: Option<Uuid>,
) -> Result<mod_action::Model> {
    let now = app.now();
    let row = mod_action::Model {
        id: app.ids.next(),
        kind: ActionKind::Revert,
        actor_kind: ActorKind::Human,
        actor_id: authority.by(),
        automation: Automation::None,
        rule_code: None,
        rule_version: None,
        explanation,
        scope_topic_id: None,
        strikes: 0,
        before_image: action.after_image.clone(),
        after_image: after,
        external_id: None,
        batch_id,
        expires_at: None,
        reverts_id: Some(action.id),
        created_at: now,
        rule_hit_id: None,
        ..action.clone()
    };
    insert(tx, row.clone()).await.on_constraint("mod_action_reverts_key", || {
        Code::InvalidStateTransition.error("It was taken back before.")
    })?;
    let statement = "UPDATE sanction SET lifted_at = $2 WHERE id = $1 AND lifted_at IS NULL";
    tx.conn().execute_raw(sql(statement, [action.id.into(), now.into()])).await?;
    Ok(row)
}

/// Finds an action.
///
/// # Errors
/// 404 where there is none.
pub async fn find(db: &impl ConnectionTrait, id: ActionId) -> Result<mod_action::Model> {
    mod_action::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// What a rule of automatic moderation did about something that it met, if it did anything.
///
/// # Errors
/// The database is away.
pub async fn by_rule(db: &impl ConnectionTrait, hit: RuleHitId) -> Result<Option<mod_action::Model>> {
    Ok(mod_action::Entity::find().filter(mod_action::Column::RuleHitId.eq(hit)).one(db).await?)
}

/// Keeps in which case people look at what a rule did.
///
/// # Errors
/// The database is away.
pub async fn note_case(tx: &Tx, id: ActionId, case_id: CaseId) -> Result<()> {
    let statement = "UPDATE mod_action SET case_id = $2 WHERE id = $1";
    tx.conn().execute_raw(sql(statement, [id.into(), case_id.into()])).await?;
    Ok(())
}

/// What rules hid in a case that nobody has decided about since, and that is still hidden.
///
/// # Errors
/// The database is away.
pub async fn hidden_by_rules(
    db: &impl ConnectionTrait,
    id: CaseId,
    decided_too: bool,
) -> Result<Vec<mod_action::Model>> {
    let statement = "SELECT a.* FROM mod_action a JOIN report r ON r.rule_hit_id = a.rule_hit_id
                     JOIN post p ON p.id = a.subject_post_id
                     WHERE a.case_id = $1 AND ($2 OR r.outcome IS NULL) AND p.status = 'hidden'
                       AND NOT EXISTS (SELECT FROM mod_action back WHERE back.reverts_id = a.id)
                     ORDER BY a.id";
    all(db, sql(statement, [id.into(), decided_too.into()])).await
}

/// Finds an action and keeps others from taking it back until the transaction ends.
///
/// # Errors
/// As [`find`].
pub async fn find_for_update(tx: &Tx, id: ActionId) -> Result<mod_action::Model> {
    mod_action::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// The actions of a batch that were not taken back, which nobody else takes back until the transaction ends.
///
/// # Errors
/// The database is away.
pub async fn standing_of_batch(tx: &Tx, batch_id: Uuid) -> Result<Vec<mod_action::Model>> {
    let statement = "SELECT a.* FROM mod_action a
                     WHERE a.batch_id = $1 AND a.kind <> 'revert'
                       AND NOT EXISTS (SELECT FROM mod_action back WHERE back.reverts_id = a.id)
                     ORDER BY a.id FOR UPDATE OF a";
    all(tx.conn(), sql(statement, [batch_id.into()])).await
}

/// The action that somebody calls by this name.
///
/// # Errors
/// The database is away.
pub async fn with_external_id(
    db: &impl ConnectionTrait,
    by: AccountId,
    external_id: &ExternalId,
) -> Result<Option<mod_action::Model>> {
    let found = mod_action::Entity::find()
        .filter(mod_action::Column::ActorId.eq(by))
        .filter(mod_action::Column::ExternalId.eq(external_id.as_str()));
    Ok(found.one(db).await?)
}

/// The last action of a kind on a subject that was not taken back; where the kind alone does not say what it made of that,
/// the last that made this of it.
///
/// # Errors
/// The database is away.
pub async fn last_of_kind(
    db: &impl ConnectionTrait,
    subject: Subject,
    kind: ActionKind,
    after: Option<Image>,
) -> Result<Option<mod_action::Model>> {
    let column = match subject.kind {
        SubjectKind::Post => mod_action::Column::SubjectPostId,
        SubjectKind::Topic => mod_action::Column::SubjectTopicId,
        SubjectKind::Account => mod_action::Column::SubjectAccountId,
    };
    let found = mod_action::Entity::find()
        .filter(column.eq(subject.id))
        .filter(mod_action::Column::Kind.eq(kind))
        .filter(Condition::all().add_option(after.map(|after| mod_action::Column::AfterImage.eq(after))))
        .order_by_desc(mod_action::Column::Id)
        .one(db)
        .await?;
    let Some(found) = found else { return Ok(None) };
    let taken_back = reverted_by(db, &[found.id]).await?.contains_key(&found.id);
    Ok((!taken_back).then_some(found))
}

#[derive(FromQueryResult)]
struct TakenBack {
    reverts_id: ActionId,
    id: ActionId,
}

/// Which of these actions were taken back, and by which.
///
/// # Errors
/// The database is away.
pub async fn reverted_by(db: &impl ConnectionTrait, ids: &[ActionId]) -> Result<HashMap<ActionId, ActionId>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let statement = "SELECT reverts_id, id FROM mod_action WHERE reverts_id = ANY ($1)";
    let rows: Vec<TakenBack> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().map(|row| (row.reverts_id, row.id)).collect())
}

/// The statement of the reasons of an action, for its recipient.
///
/// # Errors
/// 404 where there is none, or it is for somebody else.
pub async fn find_statement(
    db: &impl ConnectionTrait,
    id: ActionId,
    recipient: AccountId,
) -> Result<(mod_action::Model, statement_of_reasons::Model)> {
    let statement = statement_of_reasons::Entity::find_by_id(id)
        .filter(statement_of_reasons::Column::RecipientId.eq(recipient))
        .one(db)
        .await?
        .ok_or_else(Error::not_found)?;
    Ok((find(db, id).await?, statement))
}

/// What was decided about somebody, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub async fn list_decisions(
    db: &impl ConnectionTrait,
    about: AccountId,
    before: Option<ActionId>,
    limit: Limit,
) -> Result<Vec<mod_action::Model>> {
    let rows = mod_action::Entity::find()
        .filter(mod_action::Column::TargetId.eq(about))
        .filter(mod_action::Column::Kind.ne(ActionKind::Revert))
        .filter(mod_action::Column::Id.lt(before.unwrap_or(ActionId(Uuid::max()))))
        .order_by_desc(mod_action::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// The hundred last sanctions of somebody, the last first.
///
/// # Errors
/// The database is away.
pub async fn sanctions_of(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<sanction::Model>> {
    let rows = sanction::Entity::find()
        .filter(sanction::Column::AccountId.eq(account))
        .order_by_desc(sanction::Column::Id)
        .limit(100);
    Ok(rows.all(db).await?)
}

#[derive(FromQueryResult)]
struct Strikes {
    strikes: i64,
}

/// How many strikes of somebody count at a moment.
///
/// # Errors
/// The database is away.
pub async fn strikes_of(db: &impl ConnectionTrait, account: AccountId, now: Time) -> Result<i64> {
    let statement = "SELECT coalesce(sum(strikes), 0)::bigint AS strikes FROM sanction
                     WHERE account_id = $1 AND lifted_at IS NULL AND strikes_expire_at > $2";
    let row: Option<Strikes> = one(db, sql(statement, [account.into(), now.into()])).await?;
    Ok(row.map_or(0, |row| row.strikes))
}

/// Forgets what a post said that is kept to put it back, where it is never to be put back.
///
/// # Errors
/// The database is away.
pub async fn forget_texts(tx: &Tx, id: PostId) -> Result<()> {
    let statement = r#"UPDATE mod_action SET before_image = '"nothing"', after_image = '"nothing"'
                       WHERE subject_post_id = $1 AND (before_image ? 'text' OR after_image ? 'text')"#;
    tx.conn().execute_raw(sql(statement, [id.into()])).await?;
    Ok(())
}

/// Takes what was said to somebody out of what was decided about them, and their name from what they decided, where their
/// account is erased. That it was decided, and by which rule, stays.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    for statement in [
        "UPDATE mod_action SET explanation = '' WHERE target_id = $1 AND explanation <> ''",
        "UPDATE mod_action SET actor_id = NULL WHERE actor_id = $1",
        r#"UPDATE mod_action SET before_image = '"nothing"', after_image = '"nothing"'
           WHERE target_id = $1 AND (before_image ?| ARRAY['text', 'username'] OR after_image ?| ARRAY['text', 'username'])"#,
        "UPDATE statement_of_reasons SET decision_facts = '',
                illegal_content_explanation = CASE WHEN illegal_content_explanation IS NOT NULL THEN '' END,
                incompatible_content_explanation = CASE WHEN incompatible_content_explanation IS NOT NULL THEN '' END
         WHERE recipient_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
