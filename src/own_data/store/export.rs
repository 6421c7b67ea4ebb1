//! Copies of what is kept of a person.

use std::collections::HashSet;

use chrono::{SecondsFormat, TimeDelta};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::ring;
use crate::accounts;
use crate::app::App;
use crate::automation::rules::RuleTrigger;
use crate::clock::Time;
use crate::db::{Tx, sql};
use crate::decisions::rules::ActionKind;
use crate::entity::{
    account, account_access, appeal, audit_log, case_event, case_message, case_queue, checkpoint_credence,
    citation, cotenability_flag, credence, credence_part, criterion_rating, data_export, forecast, identity,
    implication, implication_scenario, inevitability, kind_dispute, legal_notice, mail, meta_prediction,
    meta_prediction_part, mind_change, mod_action, mod_job, mod_note, outcome_likelihood, passkey,
    personal_access_token, post, post_revision, quotation, reference_class, relation, report, report_mute,
    role_grant, rule_hit, scenario, scenario_proposal, session, sign_up, source, step_credence, topic,
    username_history, vote, vote_inspection, vote_nullification, webhook,
};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::{AccountId, CredenceId, ForecastId, ImplicationId, PostId, ScenarioId};
use crate::mail as mails;
use crate::mail::rules::MailKind;
use crate::moderation::rules::AccountAccess;
use crate::own_data::rules::{ExportOutcome, FORMAT, FileWriter, TooLarge};
use crate::policy::{ExportAccount, Permit};
use crate::posts::target_of;

/// So many posts or entries are read at a time.
const LOT: u64 = 200;

/// Asks for a copy. The former one is dropped, unless it is still being prepared: then that is the one. The
/// account was read under its lock.
///
/// # Errors
/// The database is away.
pub(in crate::own_data) async fn request(
    app: &App,
    tx: &Tx,
    permit: &Permit<ExportAccount<'_>>,
) -> Result<data_export::Model> {
    let id = permit.act().0.id;
    let running = data_export::Entity::find_by_id(id).filter(data_export::Column::FinishedAt.is_null());
    if let Some(job) = running.one(tx.conn()).await? {
        return Ok(job);
    }
    let statement = "INSERT INTO data_export AS e (account_id, requested_at) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT data_export_pkey DO UPDATE
            SET requested_at = $2, finished_at = NULL, outcome = NULL, sealed_file = NULL, expires_at = NULL
          WHERE e.finished_at IS NOT NULL";
    tx.conn().execute_raw(sql(statement, [id.into(), app.now().into()])).await?;
    ring(tx).await?;
    data_export::Entity::find_by_id(id).one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Finds the copy that somebody asked for last.
///
/// # Errors
/// 404 where there is none any more.
pub(in crate::own_data) async fn find(app: &App, id: AccountId) -> Result<data_export::Model> {
    let found = data_export::Entity::find_by_id(id).one(&app.db).await?;
    let now = app.now();
    found.filter(|job| job.expires_at.is_none_or(|until| until > now)).ok_or_else(Error::not_found)
}

fn context(id: AccountId, requested_at: Time) -> String {
    format!("own data\0{id}\0{}", moment(requested_at))
}

/// Opens the file of a copy.
///
/// # Errors
/// 409 where it is not ready.
pub(in crate::own_data) fn open(app: &App, job: &data_export::Model) -> Result<Vec<u8>> {
    let sealed = job.sealed_file.as_deref().ok_or_else(|| match job.outcome {
        Some(ExportOutcome::TooLarge) => {
            Code::ExportNotReady.error("It is larger than copies are here: ask the operator for it.")
        }
        _ => Code::ExportNotReady.error("It is being prepared; a mail tells when it is ready."),
    })?;
    app.keys.open(&context(job.account_id, job.requested_at), sealed)
}

/// Drops copies that can be had no more.
///
/// # Errors
/// The database is away.
pub async fn forget_expired(app: &App, tx: &Tx) -> Result<u64> {
    let expired = data_export::Entity::delete_many()
        .filter(data_export::Column::ExpiresAt.lte(app.now()))
        .exec(tx.conn())
        .await?;
    Ok(expired.rows_affected)
}

/// Prepares the copy that was asked for first, and says whether there was one. No other worker has it meanwhile;
/// should this one not come back, another one does it.
///
/// # Errors
/// The database is away.
pub async fn prepare_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    let job = data_export::Entity::find()
        .filter(data_export::Column::FinishedAt.is_null())
        .order_by_asc(data_export::Column::RequestedAt)
        .lock_with_behavior(
            sea_orm::sea_query::LockType::Update,
            sea_orm::sea_query::LockBehavior::SkipLocked,
        )
        .one(tx.conn())
        .await?;
    let Some(mut job) = job else { return Ok(false) };
    let account = accounts::require(tx.conn(), job.account_id).await?;
    let now = app.now();
    let mut file = FileWriter::new(app.config.own_data.export_limit_bytes);
    let written = write(&app.snapshot().await?, &account, now, &mut file).await?;
    job.outcome = Some(if written.is_ok() {
        job.sealed_file = Some(app.keys.seal(&context(account.id, job.requested_at), file.finish())?);
        ExportOutcome::Ready
    } else {
        tracing::warn!(account = %account.id, "somebody's data is more than own_data.export_limit_bytes");
        ExportOutcome::TooLarge
    });
    job.finished_at = Some(now);
    job.expires_at = Some(now + TimeDelta::hours(app.config.own_data.export_kept_hours.into()));
    let ready = job.sealed_file.is_some();
    crate::db::update(&tx, job).await?;
    if ready {
        mails::notify(app, &tx, &account, MailKind::ExportReady).await?;
    }
    let event = Event { kind: "export_finished", subject_id: Some(account.id.0), ..Event::default() };
    events::record(app, &tx, event).await?;
    tx.commit().await?;
    Ok(true)
}

fn moment(at: Time) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn perhaps(at: Option<Time>) -> Value {
    at.map_or(Value::Null, |at| moment(at).into())
}

/// The name of a value that the database keeps as text.
fn named(value: &impl sea_orm::ActiveEnum<Value = String>) -> Value {
    value.to_value().into()
}

/// Passes the end of the file on apart from failures.
macro_rules! fits {
    ($written:expr) => {
        if let Err(full) = $written {
            return Ok(Err(full));
        }
    };
}

/// Writes everything about a person, and nothing about others.
async fn write(
    db: &impl ConnectionTrait,
    account: &account::Model,
    now: Time,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    let id = account.id;
    fits!(file.field("format", &FORMAT.into()));
    fits!(file.field("written_at", &moment(now).into()));
    fits!(file.field(
        "account",
        &json!({
            "id": id, "username": account.username, "display_name": account.display_name, "bio": account.bio,
            "email": account.email, "email_verified_at": perhaps(account.email_verified_at),
            "password_changed_at": perhaps(account.password_changed_at), "role": named(&account.role),
            "trust_level": account.trust_level, "state": named(&account.state),
            "created_at": moment(account.created_at), "updated_at": moment(account.updated_at),
        })
    ));
    file.list("former_usernames");
    let names =
        username_history::Entity::find().filter(username_history::Column::AccountId.eq(id)).all(db).await?;
    for row in names {
        fits!(file.item(&json!({ "username": row.username, "released_at": moment(row.released_at) })));
    }
    file.list("sessions");
    let sessions = session::Entity::find().filter(session::Column::AccountId.eq(id));
    for row in sessions.order_by_asc(session::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "user_agent": row.user_agent, "client_address": row.client_address,
            "created_at": moment(row.created_at), "authenticated_at": moment(row.authenticated_at),
            "last_used_at": moment(row.last_used_at), "expires_at": moment(row.expires_at),
            "ended_at": perhaps(row.ended_at), "ended_because": row.ended_because,
        })));
    }
    file.list("passkeys");
    let passkeys = passkey::Entity::find().filter(passkey::Column::AccountId.eq(id));
    for row in passkeys.order_by_asc(passkey::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "name": row.name, "created_at": moment(row.created_at),
            "last_used_at": perhaps(row.last_used_at),
        })));
    }
    file.list("personal_access_tokens");
    let tokens =
        personal_access_token::Entity::find().filter(personal_access_token::Column::AccountId.eq(id));
    for row in tokens.order_by_asc(personal_access_token::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "name": row.name, "scopes": row.scopes, "created_at": moment(row.created_at),
            "expires_at": moment(row.expires_at), "last_used_at": perhaps(row.last_used_at),
            "revoked_at": perhaps(row.revoked_at),
        })));
    }
    file.list("identities");
    let identities = identity::Entity::find().filter(identity::Column::AccountId.eq(id));
    for row in identities.order_by_asc(identity::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "provider": row.provider, "issuer": row.issuer, "subject": row.subject,
            "linked_at": moment(row.linked_at), "last_used_at": perhaps(row.last_used_at),
        })));
    }
    file.list("role_grants");
    let grants = role_grant::Entity::find().filter(role_grant::Column::AccountId.eq(id));
    for row in grants.order_by_asc(role_grant::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "role": row.role.as_ref().map(named), "permissions": row.permissions,
            "topic_id": row.topic_id, "tag": row.tag, "reason": row.reason,
            "granted_at": moment(row.granted_at), "expires_at": perhaps(row.expires_at),
            "revoked_at": perhaps(row.revoked_at),
        })));
    }
    file.list("mails");
    let mails = mail::Entity::find().filter(mail::Column::AccountId.eq(id));
    for row in mails.order_by_asc(mail::Column::CreatedAt).all(db).await? {
        fits!(file.item(&json!({
            "kind": named(&row.kind), "ordered_at": moment(row.created_at),
            "finished_at": perhaps(row.finished_at), "outcome": row.outcome,
        })));
    }
    fits!(write_topics(db, id, file).await?);
    fits!(write_posts(db, id, file).await?);
    fits!(write_votes(db, id, file).await?);
    fits!(write_credences(db, id, file).await?);
    fits!(write_judgements(db, id, file).await?);
    fits!(write_mind_changes(db, id, file).await?);
    fits!(write_scenario_proposals(db, id, file).await?);
    fits!(write_criteria(db, id, file).await?);
    fits!(write_implications(db, id, file).await?);
    fits!(write_resolutions(db, id, file).await?);
    fits!(write_reports(db, id, file).await?);
    fits!(write_notes(db, id, file).await?);
    fits!(write_queues(db, id, file).await?);
    fits!(write_refusals(db, id, file).await?);
    fits!(write_vote_moderation(db, id, file).await?);
    fits!(write_jobs(db, id, file).await?);
    fits!(write_accesses(db, id, file).await?);
    fits!(write_webhooks(db, id, file).await?);
    fits!(write_forecasts(db, id, file).await?);
    write_entries(db, id, file).await
}

async fn write_topics(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("topics");
    let topics = topic::Entity::find().filter(topic::Column::AuthorId.eq(id));
    for row in topics.order_by_asc(topic::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "slug": row.slug, "title": row.title, "status": named(&row.status),
            "question_text": row.question_text, "actual_outcome": row.actual_outcome,
            "antecedent_statement": row.antecedent_statement,
            "consequent_in_question": row.consequent_in_question,
            "closing_summary": row.closing_summary,
            "outcome_definition": row.outcome_definition, "horizon_reason": row.horizon_reason,
            "created_at": moment(row.created_at), "updated_at": moment(row.updated_at),
        })));
    }
    file.list("scenarios");
    let scenarios = scenario::Entity::find().filter(scenario::Column::ProposerId.eq(id));
    for row in scenarios.order_by_asc(scenario::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "topic_id": row.topic_id, "label": row.label, "statement": row.statement,
        })));
    }
    Ok(Ok(()))
}

/// Every post with all it ever said and brought, a lot at a time.
async fn write_posts(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("posts");
    let mut after = PostId(uuid::Uuid::nil());
    loop {
        let lot = post::Entity::find()
            .filter(post::Column::AuthorId.eq(id))
            .filter(post::Column::Id.gt(after))
            .order_by_asc(post::Column::Id)
            .limit(LOT)
            .all(db)
            .await?;
        let Some(last) = lot.last() else { return Ok(Ok(())) };
        after = last.id;
        let ids = || lot.iter().map(|post| post.id);
        let revisions = post_revision::Entity::find()
            .filter(post_revision::Column::PostId.is_in(ids()))
            .order_by_asc(post_revision::Column::Number)
            .all(db)
            .await?;
        let relations =
            relation::Entity::find().filter(relation::Column::PostId.is_in(ids())).all(db).await?;
        let citations =
            citation::Entity::find().filter(citation::Column::PostId.is_in(ids())).all(db).await?;
        let sources =
            source::Entity::find().filter(source::Column::BroughtByPostId.is_in(ids())).all(db).await?;
        let quotations =
            quotation::Entity::find().filter(quotation::Column::BroughtByPostId.is_in(ids())).all(db).await?;
        for row in &lot {
            let revisions = revisions.iter().filter(|revision| revision.post_id == row.id).map(|revision| {
                json!({
                    "number": revision.number, "body": revision.body, "relations": revision.relations,
                    "created_at": moment(revision.created_at), "by_moderator": revision.by_moderator,
                })
            });
            let relations = relations.iter().filter(|relation| relation.post_id == row.id).map(|relation| {
                let target = target_of(relation);
                json!({
                    "id": relation.id, "type": named(&relation.relation_type),
                    "target": { "kind": named(&target.kind), "id": target.id },
                    "p_if_true": relation.p_if_true, "p_if_false": relation.p_if_false,
                    "claimed_test_kind": relation.claimed_test_kind.as_ref().map(named),
                    "created_at": moment(relation.created_at), "withdrawn_at": perhaps(relation.withdrawn_at),
                    "by_moderator": relation.by_moderator,
                })
            });
            let citations =
                citations.iter().filter(|citation| citation.post_id == Some(row.id)).map(|citation| {
                    json!({
                        "source_id": citation.source_id, "quotation_id": citation.quotation_id,
                        "locator": citation.locator,
                    })
                });
            let sources =
                sources.iter().filter(|source| source.brought_by_post_id == Some(row.id)).map(|source| {
                    json!({
                        "id": source.id, "type": source.source_type, "authors": source.authors,
                        "title": source.title, "container_title": source.container_title,
                        "publisher": source.publisher, "url": source.url, "note": source.note,
                    })
                });
            let quotations = quotations
                .iter()
                .filter(|quotation| quotation.brought_by_post_id == Some(row.id))
                .map(|quotation| {
                    json!({
                        "id": quotation.id, "source_id": quotation.source_id, "text": quotation.text,
                        "attribution": quotation.attribution, "locator": quotation.locator,
                        "language": quotation.language,
                    })
                });
            fits!(file.item(&json!({
                "id": row.id, "topic_id": row.topic_id, "parent_id": row.parent_id,
                "duplicate_of": row.duplicate_of, "status": named(&row.status), "created_at": moment(row.created_at),
                "edited_at": perhaps(row.edited_at), "deleted_at": perhaps(row.deleted_at),
                "revisions": revisions.collect::<Vec<_>>(), "relations": relations.collect::<Vec<_>>(),
                "citations": citations.collect::<Vec<_>>(), "sources": sources.collect::<Vec<_>>(),
                "quotations": quotations.collect::<Vec<_>>(),
            })));
        }
    }
}

async fn write_votes(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("votes");
    let votes = vote::Entity::find().filter(vote::Column::AccountId.eq(id));
    for row in votes.order_by_asc(vote::Column::PostId).all(db).await? {
        fits!(file.item(&json!({
            "post_id": row.post_id, "quality": row.quality, "agreement": row.agreement,
            "updated_at": moment(row.updated_at),
        })));
    }
    Ok(Ok(()))
}

async fn write_credences(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("credences");
    let mut after = CredenceId(uuid::Uuid::nil());
    loop {
        let lot = credence::Entity::find()
            .filter(credence::Column::AccountId.eq(id))
            .filter(credence::Column::Id.gt(after))
            .order_by_asc(credence::Column::Id)
            .limit(LOT)
            .all(db)
            .await?;
        let Some(last) = lot.last() else { return Ok(Ok(())) };
        after = last.id;
        let ids = lot.iter().map(|row| row.id);
        let parts = credence_part::Entity::find()
            .filter(credence_part::Column::CredenceId.is_in(ids))
            .order_by_asc(credence_part::Column::ScenarioId)
            .all(db)
            .await?;
        let scenarios = parts.iter().map(|part| part.scenario_id);
        let parts_of_others: HashSet<ScenarioId> = scenario::Entity::find()
            .select_only()
            .column(scenario::Column::Id)
            .filter(scenario::Column::Id.is_in(scenarios))
            .filter(scenario::Column::ParentScenarioId.is_not_null())
            .into_tuple::<ScenarioId>()
            .all(db)
            .await?
            .into_iter()
            .collect();
        for row in &lot {
            let (sub_vector, vector): (Vec<_>, Vec<_>) = parts
                .iter()
                .filter(|part| part.credence_id == row.id)
                .partition(|part| parts_of_others.contains(&part.scenario_id));
            let [vector, sub_vector] = [vector, sub_vector].map(|parts| {
                let part =
                    |part: &credence_part::Model| json!({ "scenario_id": part.scenario_id, "bp": part.bp });
                parts.into_iter().map(part).collect::<Vec<_>>()
            });
            fits!(file.item(&json!({
                "topic_id": row.topic_id, "number": row.number,
                "scenario_set_version": row.scenario_set_version, "vector": vector, "sub_vector": sub_vector,
                "saw_crowd": row.saw_crowd, "created_at": moment(row.created_at),
            })));
        }
    }
}

/// What this person says of topics besides their credences in scenarios.
async fn write_judgements(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("meta_predictions");
    let parts = meta_prediction_part::Entity::find()
        .filter(meta_prediction_part::Column::AccountId.eq(id))
        .order_by_asc(meta_prediction_part::Column::ScenarioId)
        .all(db)
        .await?;
    let predictions = meta_prediction::Entity::find().filter(meta_prediction::Column::AccountId.eq(id));
    for row in predictions.order_by_asc(meta_prediction::Column::TopicId).all(db).await? {
        let vector = parts.iter().filter(|part| part.topic_id == row.topic_id);
        let vector = vector.map(|part| json!({ "scenario_id": part.scenario_id, "bp": part.bp }));
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "scenario_set_version": row.scenario_set_version,
            "vector": vector.collect::<Vec<_>>(), "updated_at": moment(row.updated_at),
        })));
    }
    file.list("step_credences");
    let steps = step_credence::Entity::find().filter(step_credence::Column::AccountId.eq(id));
    for row in steps.order_by_asc(step_credence::Column::ChainStepId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "chain_step_id": row.chain_step_id, "bp": row.bp,
            "updated_at": moment(row.updated_at),
        })));
    }
    file.list("inevitability");
    let said = inevitability::Entity::find().filter(inevitability::Column::AccountId.eq(id));
    for row in said.order_by_asc(inevitability::Column::TopicId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "inevitable_from": row.inevitable_from, "updated_at": moment(row.updated_at),
        })));
    }
    file.list("checkpoint_credences");
    let said = checkpoint_credence::Entity::find().filter(checkpoint_credence::Column::AccountId.eq(id));
    let said = said.order_by_asc(checkpoint_credence::Column::TopicId);
    for row in said.order_by_asc(checkpoint_credence::Column::Position).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "position": row.position, "occurred_by": row.occurred_by,
            "actual": row.actual, "alternatives": row.alternatives, "updated_at": moment(row.updated_at),
        })));
    }
    Ok(Ok(()))
}

async fn write_mind_changes(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("mind_changes");
    let rows = mind_change::Entity::find().filter(mind_change::Column::AccountId.eq(id));
    for row in rows.order_by_asc(mind_change::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "post_id": row.post_id, "explanation": row.explanation,
            "before_credence_id": row.before_credence_id, "after_credence_id": row.after_credence_id,
            "counts": row.counts, "created_at": moment(row.created_at),
        })));
    }
    Ok(Ok(()))
}

/// What this person proposed to do to sets of scenarios, and what they said to proposals.
async fn write_scenario_proposals(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("scenario_proposals");
    let proposals = scenario_proposal::Entity::find().filter(scenario_proposal::Column::ProposerId.eq(id));
    for row in proposals.order_by_asc(scenario_proposal::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "topic_id": row.topic_id, "change": row.change, "reason": row.reason,
            "status": named(&row.status), "accepted_in_version": row.accepted_in_version,
            "created_at": moment(row.created_at),
        })));
    }
    file.list("scenario_decisions");
    let decided = scenario_proposal::Entity::find().filter(scenario_proposal::Column::DecidedBy.eq(id));
    for row in decided.order_by_asc(scenario_proposal::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "proposal_id": row.id, "topic_id": row.topic_id, "status": named(&row.status),
            "reason": row.decision_reason, "decided_at": perhaps(row.decided_at),
        })));
    }
    Ok(Ok(()))
}

async fn write_implications(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("implications");
    let mut after = ImplicationId(uuid::Uuid::nil());
    loop {
        let lot = implication::Entity::find()
            .filter(implication::Column::AuthorId.eq(id))
            .filter(implication::Column::Id.gt(after))
            .order_by_asc(implication::Column::Id)
            .limit(LOT)
            .all(db)
            .await?;
        let Some(last) = lot.last() else { return Ok(Ok(())) };
        after = last.id;
        let ids = lot.iter().map(|row| row.id);
        let scenarios = implication_scenario::Entity::find()
            .filter(implication_scenario::Column::ImplicationId.is_in(ids))
            .order_by_asc(implication_scenario::Column::ScenarioId)
            .all(db)
            .await?;
        for row in &lot {
            let bears_on = scenarios.iter().filter(|scenario| scenario.implication_id == row.id);
            let bears_on = bears_on.map(|scenario| scenario.scenario_id);
            fits!(file.item(&json!({
                "id": row.id, "topic_id": row.topic_id, "statement": row.statement,
                "bears_on": bears_on.collect::<Vec<_>>(), "test_kind": named(&row.test_kind),
                "created_at": moment(row.created_at), "updated_at": moment(row.updated_at),
            })));
        }
    }
}

/// How they resolved implications, their own and those of others.
async fn write_resolutions(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("implication_resolutions");
    let resolved = implication::Entity::find().filter(implication::Column::ResolvedBy.eq(id));
    for row in resolved.order_by_asc(implication::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "implication_id": row.id, "topic_id": row.topic_id, "resolution": named(&row.resolution),
            "resolved_at": perhaps(row.resolved_at),
        })));
    }
    Ok(Ok(()))
}

/// What they reported, and what they did with cases as a moderator; not what they noted there, which is about others.
async fn write_reports(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("reports");
    let reports = report::Entity::find().filter(report::Column::ReporterId.eq(id));
    for row in reports.order_by_asc(report::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "rule": row.rule_code, "rule_version": row.rule_version,
            "subject_revision": row.subject_revision, "comment": row.comment, "is_muted": row.is_muted,
            "outcome": row.outcome.as_ref().map(named), "created_at": moment(row.created_at),
        })));
    }
    file.list("decisions");
    let decided = mod_action::Entity::find()
        .filter(mod_action::Column::TargetId.eq(id))
        .filter(mod_action::Column::Kind.ne(ActionKind::Revert));
    for row in decided.order_by_asc(mod_action::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "kind": named(&row.kind), "rule": row.rule_code, "rule_version": row.rule_version,
            "explanation": row.explanation, "strikes": row.strikes, "ends_at": perhaps(row.expires_at),
            "created_at": moment(row.created_at),
        })));
    }
    file.list("appeals");
    let appeals = appeal::Entity::find().filter(appeal::Column::AppellantId.eq(id));
    for row in appeals.order_by_asc(appeal::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "decision_id": row.action_id, "report_id": row.report_id, "text": row.text,
            "state": named(&row.state), "outcome": row.outcome.as_ref().map(named), "reasons": row.reasons,
            "created_at": moment(row.created_at),
        })));
    }
    file.list("legal_notices");
    let notices =
        "SELECT n.* FROM legal_notice n JOIN report r ON r.id = n.report_id WHERE r.reporter_id = $1
                   ORDER BY n.id";
    for row in legal_notice::Entity::find().from_raw_sql(sql(notices, [id.into()])).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "report_id": row.report_id, "legal_ground": row.legal_ground,
            "created_at": moment(row.created_at), "decided_at": perhaps(row.decided_at),
        })));
    }
    file.list("report_mutes");
    let mutes = report_mute::Entity::find().filter(report_mute::Column::AccountId.eq(id));
    for row in mutes.order_by_asc(report_mute::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "reason": row.reason, "created_at": moment(row.created_at), "ends_at": moment(row.ends_at),
            "lifted_at": perhaps(row.lifted_at),
        })));
    }
    file.list("case_events");
    let events = case_event::Entity::find().filter(case_event::Column::ActorId.eq(id));
    let events = events.order_by_asc(case_event::Column::CreatedAt);
    for row in events.order_by_asc(case_event::Column::CaseId).all(db).await? {
        fits!(file.item(&json!({
            "case_id": row.case_id, "kind": named(&row.kind), "resolution": row.resolution.as_ref().map(named),
            "created_at": moment(row.created_at),
        })));
    }
    Ok(Ok(()))
}

/// What moderators noted for them and of them, and wrote to them. Who did is not said, nor what was noted of cases for
/// moderators only: that names others, who reported something.
async fn write_notes(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("moderator_notes");
    let notes = "SELECT n.* FROM mod_note n LEFT JOIN moderation_case c ON c.id = n.case_id
         WHERE n.account_id = $1 OR (n.audience = 'author' AND c.owner_id = $1)
            OR (n.audience = 'reporter'
                AND EXISTS (SELECT FROM report r WHERE r.case_id = n.case_id AND r.reporter_id = $1))
         ORDER BY n.id";
    for row in mod_note::Entity::find().from_raw_sql(sql(notes, [id.into()])).all(db).await? {
        fits!(file.item(&json!({
            "case_id": row.case_id, "audience": named(&row.audience), "text": row.text,
            "created_at": moment(row.created_at),
        })));
    }
    file.list("notes_written");
    let notes = mod_note::Entity::find().filter(mod_note::Column::AuthorId.eq(id));
    for row in notes.order_by_asc(mod_note::Column::Id).all(db).await? {
        fits!(file.item(&json!({ "id": row.id, "created_at": moment(row.created_at) })));
    }
    file.list("moderator_messages");
    let messages = case_message::Entity::find().filter(case_message::Column::AccountId.eq(id));
    for row in messages.order_by_asc(case_message::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "case_id": row.case_id, "is_from_team": row.is_from_team, "text": row.text,
            "created_at": moment(row.created_at),
        })));
    }
    Ok(Ok(()))
}

/// The queues of cases that they made, for themselves or for the team.
async fn write_queues(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("case_queues");
    let queues = case_queue::Entity::find().filter(case_queue::Column::OwnerId.eq(id));
    for row in queues.order_by_asc(case_queue::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "name": row.name, "audience": named(&row.audience),
            "subject_kinds": row.subject_kinds, "rules": row.rules, "topic_id": row.topic_id, "tags": row.tags,
            "case_tags": row.case_tags, "priority_min": row.priority_min, "escalated": row.escalated,
            "recommended_rules": row.recommended_rules, "sla_hours": row.sla_hours,
            "created_at": moment(row.created_at), "updated_at": moment(row.updated_at),
        })));
    }
    Ok(Ok(()))
}

/// When rules of automatic moderation took no post of theirs, and what became of their signing up.
async fn write_refusals(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("posts_not_taken");
    let hits = rule_hit::Entity::find().filter(rule_hit::Column::AuthorId.eq(id));
    let hits = hits.order_by_asc(rule_hit::Column::Id).all(db).await?;
    let (met, refused): (Vec<_>, Vec<_>) =
        hits.into_iter().partition(|hit| hit.trigger == RuleTrigger::SignedUp);
    for row in refused {
        fits!(file.item(&json!({
            "rule_id": row.rule_id, "version": row.version, "reasons": row.reasons,
            "created_at": moment(row.created_at),
        })));
    }
    file.list("sign_ups");
    for row in sign_up::Entity::find_by_id(id).all(db).await? {
        let met = met.iter().map(|hit| {
            json!({
                "rule_id": hit.rule_id, "version": hit.version, "reasons": hit.reasons, "did": named(&hit.did),
                "created_at": moment(hit.created_at),
            })
        });
        fits!(file.item(&json!({
            "at": moment(row.at), "judged_at": perhaps(row.judged_at), "met_by": met.collect::<Vec<_>>(),
        })));
    }
    Ok(Ok(()))
}

/// What they did as a moderator about attacks by votes; not the reasons they gave, which are about others.
async fn write_vote_moderation(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("vote_inspections");
    let looks = vote_inspection::Entity::find().filter(vote_inspection::Column::ActorId.eq(id));
    for row in looks.order_by_asc(vote_inspection::Column::Id).all(db).await? {
        fits!(file.item(&json!({ "post_id": row.post_id, "created_at": moment(row.created_at) })));
    }
    file.list("vote_nullifications");
    let theirs = Condition::any()
        .add(vote_nullification::Column::CreatedBy.eq(id))
        .add(vote_nullification::Column::ApprovedBy.eq(id))
        .add(vote_nullification::Column::UndoneBy.eq(id));
    let nullifications = vote_nullification::Entity::find().filter(theirs);
    for row in nullifications.order_by_asc(vote_nullification::Column::Id).all(db).await? {
        let by_them = |by: Option<AccountId>, at: Option<Time>| perhaps(at.filter(|_| by == Some(id)));
        fits!(file.item(&json!({
            "id": row.id, "created_at": by_them(row.created_by, Some(row.created_at)),
            "approved_at": by_them(row.approved_by, row.approved_at),
            "undone_at": by_them(row.undone_by, row.undone_at),
        })));
    }
    Ok(Ok(()))
}

/// When moderators ended their sessions, and why; and when they did that to others as a moderator, or looked at what the
/// account of somebody shares with others, without whose it was.
async fn write_accesses(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("session_revocations");
    let revoked = account_access::Entity::find()
        .filter(account_access::Column::AccountId.eq(id))
        .filter(account_access::Column::Kind.eq(AccountAccess::SessionsRevoked));
    for row in revoked.order_by_asc(account_access::Column::Id).all(db).await? {
        fits!(file.item(&json!({ "reason": row.reason, "created_at": moment(row.created_at) })));
    }
    file.list("account_accesses");
    let theirs = account_access::Entity::find().filter(account_access::Column::ActorId.eq(id));
    for row in theirs.order_by_asc(account_access::Column::Id).all(db).await? {
        fits!(file.item(&json!({ "kind": named(&row.kind), "created_at": moment(row.created_at) })));
    }
    Ok(Ok(()))
}

/// The bulk jobs that they planned or agreed to, without what these are about, which is others.
async fn write_jobs(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("jobs");
    let theirs =
        Condition::any().add(mod_job::Column::AuthorId.eq(id)).add(mod_job::Column::ApprovedBy.eq(id));
    let jobs = mod_job::Entity::find().filter(theirs);
    for row in jobs.order_by_asc(mod_job::Column::Id).all(db).await? {
        let is_author = row.author_id == Some(id);
        fits!(file.item(&json!({
            "id": row.id, "kind": row.kind, "note": is_author.then_some(row.note),
            "created_at": perhaps(Some(row.created_at).filter(|_| is_author)),
            "executed_at": perhaps(row.executed_at.filter(|_| is_author)),
            "approved_at": perhaps(row.approved_at.filter(|_| row.approved_by == Some(id))),
        })));
    }
    Ok(Ok(()))
}

/// The webhooks that are theirs, without what these were sent, which is about others.
async fn write_webhooks(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("webhooks");
    let theirs = webhook::Entity::find().filter(webhook::Column::OwnerId.eq(id));
    for row in theirs.order_by_asc(webhook::Column::Id).all(db).await? {
        fits!(file.item(&json!({
            "id": row.id, "url": row.url, "kinds": row.kinds, "note": row.note,
            "created_at": moment(row.created_at), "updated_at": moment(row.updated_at),
        })));
    }
    Ok(Ok(()))
}

async fn write_forecasts(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("forecasts");
    let mut after = ForecastId(uuid::Uuid::nil());
    loop {
        let lot = forecast::Entity::find()
            .filter(forecast::Column::AccountId.eq(id))
            .filter(forecast::Column::Id.gt(after))
            .order_by_asc(forecast::Column::Id)
            .limit(LOT)
            .all(db)
            .await?;
        let Some(last) = lot.last() else { return Ok(Ok(())) };
        after = last.id;
        for row in &lot {
            fits!(file.item(&json!({
                "implication_id": row.implication_id, "number": row.number, "bp": row.bp,
                "created_at": moment(row.created_at),
            })));
        }
    }
}

/// What they judged by the criteria, and the reference classes that they named.
async fn write_criteria(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("criterion_ratings");
    let ratings = criterion_rating::Entity::find().filter(criterion_rating::Column::AccountId.eq(id));
    for row in ratings.order_by_asc(criterion_rating::Column::TargetId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "scenario_id": row.scenario_id, "variant_id": row.variant_id,
            "ratings": {
                "clarity": row.clarity, "cotenability": row.cotenability,
                "historical_consistency": row.historical_consistency,
                "theoretical_consistency": row.theoretical_consistency,
                "statistical_consistency": row.statistical_consistency, "projectability": row.projectability,
            },
            "updated_at": moment(row.updated_at),
        })));
    }
    file.list("cotenability_flags");
    let flags = cotenability_flag::Entity::find().filter(cotenability_flag::Column::AccountId.eq(id));
    for row in flags.order_by_asc(cotenability_flag::Column::TargetId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "chain_step_id": row.chain_step_id,
            "background_fact_id": row.background_fact_id, "clashes": row.clashes,
            "updated_at": moment(row.updated_at),
        })));
    }
    file.list("kind_disputes");
    let disputes = kind_dispute::Entity::find().filter(kind_dispute::Column::AccountId.eq(id));
    for row in disputes.order_by_asc(kind_dispute::Column::VariantId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "variant_id": row.variant_id, "disputes": row.disputes,
            "updated_at": moment(row.updated_at),
        })));
    }
    file.list("outcome_likelihoods");
    let likelihoods = outcome_likelihood::Entity::find().filter(outcome_likelihood::Column::AccountId.eq(id));
    for row in likelihoods.order_by_asc(outcome_likelihood::Column::TopicId).all(db).await? {
        fits!(file.item(&json!({
            "topic_id": row.topic_id, "bp": row.bp, "updated_at": moment(row.updated_at),
        })));
    }
    file.list("reference_classes");
    let classes = reference_class::Entity::find().filter(reference_class::Column::AuthorId.eq(id));
    let classes = classes.order_by_asc(reference_class::Column::Id).all(db).await?;
    let ids = classes.iter().map(|class| class.id);
    let citations =
        citation::Entity::find().filter(citation::Column::ReferenceClassId.is_in(ids)).all(db).await?;
    for row in &classes {
        let citation = citations.iter().find(|citation| citation.reference_class_id == Some(row.id));
        let citation = citation.map(|citation| {
            json!({
                "source_id": citation.source_id, "quotation_id": citation.quotation_id,
                "locator": citation.locator,
            })
        });
        fits!(file.item(&json!({
            "id": row.id, "topic_id": row.topic_id, "scenario_id": row.scenario_id,
            "description": row.description, "cases": row.cases, "with_outcome": row.with_outcome,
            "citation": citation, "created_at": moment(row.created_at),
        })));
    }
    Ok(Ok(()))
}

/// What the audit log says that this person did, other than to others.
async fn write_entries(
    db: &impl ConnectionTrait,
    id: AccountId,
    file: &mut FileWriter,
) -> Result<Result<(), TooLarge>> {
    file.list("audit_entries");
    let mut after = 0;
    loop {
        let lot = audit_log::Entity::find()
            .filter(audit_log::Column::ActorId.eq(id.0))
            .filter(audit_log::Column::Seq.gt(after))
            .order_by_asc(audit_log::Column::Seq)
            .limit(LOT)
            .all(db)
            .await?;
        let Some(last) = lot.last() else { return Ok(Ok(())) };
        after = last.seq;
        let about_others = |row: &audit_log::Model| {
            row.object_kind.as_deref() == Some("account") && row.object_id != Some(id.0)
        };
        for row in lot.iter().filter(|row| !about_others(row)) {
            fits!(file.item(&json!({
                "at": moment(row.at), "verb": row.verb, "outcome": row.outcome.name(),
                "session_id": row.session_id, "object_kind": row.object_kind, "object_id": row.object_id,
            })));
        }
    }
}
