//! Erasing accounts.

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, QuerySelect};

use super::ring;
use crate::accounts::rules::Role;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::db::{OnConstraint, Tx, idempotency, insert, sql};
use crate::entity::{data_export, erasure};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::ids::AccountId;
use crate::policy::{EraseAccount, Permit};
use crate::{
    accounts, auth, automation, credences, credentials, criteria, decisions, identities, implications, jobs,
    mail, mind_changes, moderation, posts, roles, scenario_sets, topics, vote_signals, webhooks,
};

/// Notes that an account is to be erased when the time of grace is over. The account was read under its lock.
///
/// # Errors
/// 409 where that was asked for before, or nobody would be left who can grant anything.
pub(in crate::own_data) async fn request(
    app: &App,
    tx: &Tx,
    permit: &Permit<EraseAccount<'_>>,
    erase_posts: bool,
) -> Result<erasure::Model> {
    let (id, now) = (permit.act().0.id, app.now());
    if roles::powers(tx.conn(), id, now).await?.role() == Role::Administrator {
        roles::require_another_administrator(tx, id, now).await?;
    }
    let row = erasure::Model {
        account_id: id,
        requested_at: now,
        due_at: now + TimeDelta::days(app.config.own_data.erasure_grace_days.into()),
        erase_posts,
        hold_until: None,
    };
    insert(tx, row.clone())
        .await
        .on_constraint("erasure_pkey", || Code::ErasurePending.error("Take it back first, to ask anew."))?;
    ring(tx).await?;
    Ok(row)
}

/// Finds what was asked for an account.
///
/// # Errors
/// 404 where nothing was.
pub(in crate::own_data) async fn find(db: &impl ConnectionTrait, id: AccountId) -> Result<erasure::Model> {
    erasure::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Keeps an account that was to be erased, as long as that is not due.
///
/// # Errors
/// 404 where nothing was asked for, or it is being done.
pub(in crate::own_data) async fn cancel(app: &App, tx: &Tx, permit: &Permit<EraseAccount<'_>>) -> Result<()> {
    let statement = "DELETE FROM erasure WHERE account_id = $1 AND due_at > $2";
    let values = [permit.act().0.id.into(), app.now().into()];
    match tx.conn().execute_raw(sql(statement, values)).await?.rows_affected() {
        0 => Err(Error::not_found()),
        _ => Ok(()),
    }
}

/// Erases the account whose turn it is, and says whether there was one. Work that broke off is done again from
/// the start, and finds less to do.
///
/// # Errors
/// The database is away, or the account is the only administrator by now. It is tried again.
pub async fn erase_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    // Moved on before the work: an account that cannot be erased holds up no other one.
    let statement = "UPDATE erasure SET due_at = $2 WHERE account_id = (
             SELECT account_id FROM erasure WHERE greatest(due_at, hold_until) <= $1
             ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING *";
    let now = app.now();
    let statement = sql(statement, [now.into(), now.into()]);
    let Some(job) = erasure::Entity::find().from_raw_sql(statement).one(tx.conn()).await? else {
        return Ok(false);
    };
    tx.commit().await?;
    let account = accounts::require(&app.db, job.account_id).await?;
    let permit = Permit::deferred(EraseAccount(&account), account.id);
    if job.erase_posts {
        while posts::erase_next(app, &permit).await? {}
    }
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, job.account_id).await?;
    // Another worker may have done it.
    if erasure::Entity::find_by_id(account.id).lock_exclusive().one(tx.conn()).await?.is_none() {
        return Ok(true);
    }
    erase(app, &tx, &Permit::deferred(EraseAccount(&account), account.id)).await?;
    tx.commit().await?;
    tracing::info!(account = %job.account_id, "erased an account, as its owner asked");
    Ok(true)
}

/// Takes away everything that says who the owner of an account was, in one transaction.
async fn erase(app: &App, tx: &Tx, permit: &Permit<EraseAccount<'_>>) -> Result<()> {
    let id = permit.act().0.id;
    roles::erase(tx, id, app.now()).await?;
    identities::erase(tx, id).await?;
    auth::erase(tx, id).await?;
    auth::clear_failures(tx, id).await?;
    credentials::erase(tx, id).await?;
    implications::erase(tx, id).await?;
    criteria::erase(app, tx, id).await?;
    scenario_sets::erase(app, tx, id).await?;
    automation::erase(tx, id).await?;
    jobs::erase(app, tx, id).await?;
    webhooks::erase(tx, id).await?;
    moderation::erase(app, tx, id).await?;
    decisions::erase(tx, id).await?;
    vote_signals::erase(tx, id).await?;
    mail::erase(tx, id).await?;
    idempotency::forget_of(tx, &id.to_string()).await?;
    topics::erase_drafts(tx, permit).await?;
    posts::erase_former_texts(tx, permit).await?;
    // Before the vectors around them go.
    mind_changes::erase(tx, id).await?;
    credences::erase(app, tx, id).await?;
    data_export::Entity::delete_by_id(id).exec(tx.conn()).await?;
    erasure::Entity::delete_by_id(id).exec(tx.conn()).await?;
    accounts::erase(app, tx, permit).await?;
    let event = Event { kind: "account_erased", subject_id: Some(id.0), ..Event::default() };
    events::record(app, tx, event).await?;
    let entry = Entry { object: Some(Object::account(id)), ..Entry::of("erase_account") };
    audit::record(app, tx, entry).await
}
