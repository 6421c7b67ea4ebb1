//! Work that no request waits for, done from time to time in the same process as the server.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::accounts;
use crate::app::App;
use crate::audit;
use crate::auth;
use crate::automation;
use crate::credences;
use crate::credentials;
use crate::db::{Bell, Tx, idempotency, rate_limit};
use crate::entity::mail as row;
use crate::error::Result;
use crate::events;
use crate::identities;
use crate::jobs;
use crate::keys::random;
use crate::mail::rules::backoff;
use crate::mail::{self, Content, Outcome, Taken};
use crate::mailer::{Failure, Message};
use crate::moderation;
use crate::own_data;
use crate::ranking;
use crate::roles;
use crate::trust;
use crate::vote_signals;
use crate::webhooks;

/// A statement drops so many rows at the most: fewer in all means that nothing is left.
const LOT: u64 = 10_000;

/// How long it rests between two rounds of tidying up.
const REST: Duration = Duration::from_mins(5);

/// How long it rests at most before it looks for mail, should nobody call.
const MAIL_REST: Duration = Duration::from_mins(1);

/// How long it rests at most before it looks for copies to prepare and accounts to erase.
const OWN_DATA_REST: Duration = Duration::from_mins(1);

/// How long it rests at most before it looks for crowds to count.
const CROWD_REST: Duration = Duration::from_mins(1);

/// How long changes of what crowds think gather, once one was counted.
const CROWD_GATHERS: Duration = Duration::from_millis(100);

/// How long it rests at most before it looks for votes to strike and for bulk jobs, should nobody call.
const CHORE_REST: Duration = Duration::from_mins(1);

/// How long it rests at most before it looks for what webhooks are to be told, should nobody call.
const WEBHOOK_REST: Duration = Duration::from_mins(1);

/// How long it waits before it tries again after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// Does what is due, rests, and starts again, until it is told to stop. Stopping waits for a mail that is
/// being handed over.
pub async fn run(app: App, stop: watch::Receiver<()>) {
    let (mut told, mut told_too) = (stop.clone(), stop.clone());
    let tidying = async {
        tokio::select! {
            () = tidy_up(&app) => {}
            _ = told.changed() => {}
        }
    };
    let watching = async {
        tokio::select! {
            () = watch_votes(&app) => {}
            _ = told_too.changed() => {}
        }
    };
    let nullifications = Chore {
        channel: vote_signals::CHANNEL,
        what: "striking votes",
        rests: 0.0,
        next: nullify_votes_next,
    };
    let cases = Chore {
        channel: automation::CHANNEL,
        what: "opening the case of what a rule did",
        rests: 0.0,
        next: open_cases_next,
    };
    let sign_ups = Chore {
        channel: automation::SIGN_UP_CHANNEL,
        what: "judging who signed up",
        rests: 0.0,
        next: judge_sign_ups_next,
    };
    let jobs =
        Chore { channel: jobs::CHANNEL, what: "seeing to a bulk job", rests: 0.5, next: job_item_next };
    tokio::join!(
        tidying,
        watching,
        deliver(&app, stop.clone()),
        see_to_own_data(&app, stop.clone()),
        see_to(&app, stop.clone(), nullifications),
        see_to(&app, stop.clone(), cases),
        see_to(&app, stop.clone(), sign_ups),
        see_to(&app, stop.clone(), jobs),
        see_to_webhooks(&app, stop.clone()),
        summarise_crowds(&app, stop)
    );
}

async fn tidy_up(app: &App) {
    let mut trusted = None;
    loop {
        match tidy(app).await {
            Ok(forgotten) if forgotten > 0 => {
                tracing::info!(forgotten, "dropped what nobody can ask for any more");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "tidying up; will try again in {REST:?}"),
        }
        match trust::raise(app, trusted).await {
            Ok(next) => trusted = next,
            Err(error) => tracing::warn!(%error, "raising trust levels; will try again in {REST:?}"),
        }
        if let Err(error) = audit::checkpoint(app).await {
            let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
            tracing::error!(%error, cause, "signing where the audit log stands; will try again in {REST:?}");
        }
        app.limits.forget_idle();
        tokio::time::sleep(REST).await;
    }
}

/// Drops what nobody can ask for any more: kept answers, old places in lists, counts of limits that would
/// refuse nobody, roles shown beside names after they expired, tokens and requests to providers that expired,
/// challenges that were answered, and the records of mails and of what webhooks were told.
///
/// # Errors
/// The database is away.
pub async fn tidy(app: &App) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        // So many at a time, each lot for good: however much has gathered, no statement takes long.
        let tx = app.begin().await?;
        let lot = idempotency::forget_old(app, &tx).await?
            + ranking::forget_closed(app, &tx).await?
            + rate_limit::forget_full(&tx, app.now()).await?
            + auth::forget_unknown(app, &tx).await?
            + auth::forget_challenges(app, &tx).await?
            + roles::forget_expired(app, &tx).await?
            + accounts::forget_released(app, &tx).await?
            + credentials::forget_expired_tokens(app, &tx).await?
            + identities::forget_expired(app, &tx).await?
            + mail::forget_finished(app, &tx).await?
            + own_data::forget_expired(app, &tx).await?
            + auth::forget_addresses(app, &tx).await?
            + automation::forget_old(app, &tx).await?
            + moderation::forget_old(app, &tx).await?
            + vote_signals::forget_old(app, &tx).await?
            + webhooks::forget_old(app, &tx).await?;
        tx.commit().await?;
        forgotten += lot;
        if lot < LOT {
            return Ok(forgotten);
        }
    }
}

/// Hands mail over as soon as it is ordered, or due again.
async fn deliver(app: &App, mut stop: watch::Receiver<()>) {
    let first_retry = Duration::from_millis(app.config.mail.retry_first_ms.into());
    let mut bell = None;
    // An error means that the one who would tell is gone, which is the same order.
    while matches!(stop.has_changed(), Ok(false)) {
        if bell.is_none() {
            // Before looking, so that nothing is ordered in between unheard.
            bell = Bell::listen(&app.db, mail::CHANNEL).await.ok();
        }
        let rest = match deliver_next(app).await {
            Ok(Delivery::Done) => continue,
            Ok(Delivery::Nothing) => match mail::next_due(&app.db).await {
                Ok(Some(due)) => (due - app.now()).to_std().unwrap_or_default().min(MAIL_REST),
                Ok(None) => MAIL_REST,
                Err(_) => first_retry,
            },
            Ok(Delivery::Away) => first_retry,
            Err(error) => {
                tracing::warn!(%error, "looking for mail; will try again in {first_retry:?}");
                tokio::select! {
                    () = tokio::time::sleep(first_retry) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
        };
        rest_until_called(&mut bell, rest, &mut stop).await;
    }
}

/// Rests until the time is over, the bell rings or the server stops. A bell that broke is put away, to be made
/// again.
async fn rest_until_called(bell: &mut Option<Bell>, rest: Duration, stop: &mut watch::Receiver<()>) {
    let called = async {
        match bell {
            Some(listening) => listening.rings().await.is_ok(),
            None => std::future::pending().await,
        }
    };
    let heard = tokio::select! {
        () = tokio::time::sleep(rest) => true,
        heard = called => heard,
        _ = stop.changed() => true,
    };
    if !heard {
        *bell = None;
    }
}

/// Prepares copies of data and erases accounts as soon as that is asked for, or due.
async fn see_to_own_data(app: &App, mut stop: watch::Receiver<()>) {
    let mut bell = None;
    while matches!(stop.has_changed(), Ok(false)) {
        if bell.is_none() {
            // Before looking, so that nothing is asked for in between unheard.
            bell = Bell::listen(&app.db, own_data::CHANNEL).await.ok();
        }
        let rest = match own_data_next(app).await {
            Ok(true) => continue,
            Ok(false) => match own_data::next_due(&app.db).await {
                Ok(Some(due)) => (due - app.now()).to_std().unwrap_or_default().min(OWN_DATA_REST),
                _ => OWN_DATA_REST,
            },
            Err(error) => {
                let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(%error, cause, "preparing a copy of data, or erasing an account; will try again in {OWN_DATA_REST:?}");
                tokio::select! {
                    () = tokio::time::sleep(OWN_DATA_REST) => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
        };
        rest_until_called(&mut bell, rest, &mut stop).await;
    }
}

/// Prepares the next copy of somebody's data, or erases the next account, and says whether there was any.
///
/// # Errors
/// The database is away, or an account cannot be erased yet. It is tried again.
pub async fn own_data_next(app: &App) -> Result<bool> {
    // A copy that cannot be prepared holds up no erasure.
    let prepared = own_data::prepare_next(app).await;
    let erased = own_data::erase_next(app).await?;
    Ok(prepared? || erased)
}

/// Looks for attacks by votes from time to time.
async fn watch_votes(app: &App) {
    let rest = Duration::from_mins(app.config.vote_signals.interval_minutes.into());
    loop {
        match vote_signals::watch(app).await {
            Ok(found) => tracing::debug!(found, "looked for attacks by votes"),
            Err(error) => tracing::warn!(%error, "looking for attacks by votes; will try again in {rest:?}"),
        }
        tokio::time::sleep(rest).await;
    }
}

/// Work that is done one piece after another, whenever there is any.
struct Chore<Next> {
    /// Where it is called for.
    channel: &'static str,
    /// What it is, for the log.
    what: &'static str,
    /// For how many times as long as a piece took it rests afterwards: what people ask for meanwhile comes first.
    rests: f64,
    /// Does the next piece, and says whether there was one.
    next: Next,
}

/// Does a chore as soon as it is called for, and looks for it from time to time should nobody call.
async fn see_to<Next: AsyncFn(&App) -> Result<bool>>(
    app: &App,
    mut stop: watch::Receiver<()>,
    Chore { channel, what, rests, next }: Chore<Next>,
) {
    let mut bell = None;
    while matches!(stop.has_changed(), Ok(false)) {
        if bell.is_none() {
            // Before looking, so that nothing is asked for in between unheard.
            bell = Bell::listen(&app.db, channel).await.ok();
        }
        let began = Instant::now();
        let rest = match next(app).await {
            Ok(true) => began.elapsed().mul_f64(rests),
            Ok(false) => {
                rest_until_called(&mut bell, CHORE_REST, &mut stop).await;
                continue;
            }
            Err(error) => {
                let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(%error, cause, "{what}; will try again in {RETRY:?}");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Sees to the next item of a bulk job, and says whether there was any.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn job_item_next(app: &App) -> Result<bool> {
    jobs::run_next(app).await
}

/// Strikes the votes of one lot of posts, or has them count again, and says whether there was any.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn nullify_votes_next(app: &App) -> Result<bool> {
    vote_signals::nullify_next(app).await
}

/// Opens the case of one thing that a rule did, and says whether there was any.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn open_cases_next(app: &App) -> Result<bool> {
    moderation::queue_next(app).await
}

/// Judges one of those who signed in for the first time, and says whether there was any.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn judge_sign_ups_next(app: &App) -> Result<bool> {
    automation::judge_sign_up_next(app).await
}

/// Tells webhooks what happened as soon as it did, so many of them at a time. Nothing where the operator wants none.
async fn see_to_webhooks(app: &App, stop: watch::Receiver<()>) {
    if !app.config.webhooks.enabled {
        return;
    }
    let planned = watch::Sender::new(());
    let lanes = (0..app.config.webhooks.at_a_time)
        .map(|_| tell_webhooks(app, stop.clone(), planned.subscribe()))
        .collect::<Vec<_>>();
    tokio::join!(plan_for_webhooks(app, stop, &planned), join_all(lanes));
}

/// Finds what webhooks are to be told, and says so to those who tell them.
async fn plan_for_webhooks(app: &App, mut stop: watch::Receiver<()>, planned: &watch::Sender<()>) {
    let mut bell = None;
    while matches!(stop.has_changed(), Ok(false)) {
        if bell.is_none() {
            // Before looking, so that nothing happens in between unheard.
            bell = Bell::listen(&app.db, events::CHANNEL).await.ok();
        }
        match plan_webhooks_next(app).await {
            Ok(found) => {
                // Somebody may have asked for a test, of which there is no event.
                planned.send_replace(());
                if !found {
                    rest_until_called(&mut bell, WEBHOOK_REST, &mut stop).await;
                }
            }
            Err(error) => {
                let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(%error, cause, "looking for what webhooks are to be told; will try again in {RETRY:?}");
                tokio::select! {
                    () = tokio::time::sleep(RETRY) => {}
                    _ = stop.changed() => {}
                }
            }
        }
    }
}

/// Tells webhooks, one after another. Stopping waits for one that is being told.
async fn tell_webhooks(app: &App, mut stop: watch::Receiver<()>, mut planned: watch::Receiver<()>) {
    while matches!(stop.has_changed(), Ok(false)) {
        // Before looking, so that nothing is found in between unheard.
        planned.mark_unchanged();
        let rest = match tell_webhooks_next(app).await {
            Ok(true) => continue,
            Ok(false) => match webhooks::next_due(&app.db).await {
                Ok(Some(due)) => (due - app.now()).to_std().unwrap_or_default().min(WEBHOOK_REST),
                Ok(None) => WEBHOOK_REST,
                Err(_) => RETRY,
            },
            Err(error) => {
                let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(%error, cause, "telling a webhook; will try again in {RETRY:?}");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = planned.changed() => {}
            _ = stop.changed() => {}
        }
    }
}

/// Finds what webhooks are to be told since they were looked at last, and says whether there was anything.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn plan_webhooks_next(app: &App) -> Result<bool> {
    webhooks::plan_next(app).await
}

/// Tells one webhook of one thing, and says whether there was any.
///
/// # Errors
/// The database is away. It is tried again.
pub async fn tell_webhooks_next(app: &App) -> Result<bool> {
    webhooks::deliver_next(app).await
}

/// Counts large crowds as soon as somebody changes what they think, at most ten times a second.
async fn summarise_crowds(app: &App, mut stop: watch::Receiver<()>) {
    let mut bell = None;
    while matches!(stop.has_changed(), Ok(false)) {
        if bell.is_none() {
            // Before looking, so that nothing is changed in between unheard.
            bell = Bell::listen(&app.db, credences::CHANNEL).await.ok();
        }
        let rest = match credences::summarise_next(app).await {
            // What changes meanwhile is counted at once.
            Ok(true) => CROWD_GATHERS,
            Ok(false) => {
                rest_until_called(&mut bell, CROWD_REST, &mut stop).await;
                continue;
            }
            Err(error) => {
                let cause = error.source.as_ref().map(|cause| format!("{cause:#}"));
                tracing::warn!(%error, cause, "counting what a crowd thinks; will try again in {RETRY:?}");
                RETRY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.changed() => {}
        }
    }
}

/// What came of looking for a mail to hand over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// None is due.
    Nothing,
    /// One was seen to, with or without success; there may be more.
    Done,
    /// Nobody takes mail at the moment, so the others need not be tried.
    Away,
}

/// Takes the mail that is due first, writes it if that was not done before, and hands it over.
///
/// # Errors
/// The database is away. The mail is taken up again when its lease ends.
pub async fn deliver_next(app: &App) -> Result<Delivery> {
    let tx = app.begin().await?;
    let Some(Taken { mail, content }) = mail::take(app, &tx).await? else {
        return Ok(Delivery::Nothing);
    };
    // A mail that cannot be written must not come back before others had their turn.
    tx.commit().await?;
    let kind = mail.kind;
    let tx = app.begin().await?;
    if mail.gives_up_at <= app.now() {
        return give_up(app, tx, &mail, "nobody was there to send it").await;
    }
    let message = match content {
        Some(Content::Written { to, subject, body }) => {
            Some(Message { message_id: mail.message_id.clone(), to, subject, body, date: mail.created_at })
        }
        Some(Content::Ordered { email }) => match credentials::write(app, &tx, &mail, &email).await? {
            Some((message, useless_at)) => {
                mail::keep_message(app, &tx, mail.id, &message, useless_at).await?;
                Some(message)
            }
            None => None,
        },
        None => {
            tracing::error!(mail = %mail.id, ?kind, "a mail cannot be opened: were the keys replaced? It was dropped");
            None
        }
    };
    let Some(message) = message else {
        mail::finish(&tx, mail.id, Outcome::Dropped, app.now()).await?;
        tx.commit().await?;
        return Ok(Delivery::Done);
    };
    // Committed first: nothing is locked while the server takes its time.
    tx.commit().await?;
    let handed_over = app.mailer.hand_over(&message).await;
    let tx = app.begin().await?;
    let delivery = match handed_over {
        Ok(()) => {
            mail::finish(&tx, mail.id, Outcome::Sent, app.now()).await?;
            tracing::info!(mail = %mail.id, ?kind, attempts = mail.attempts, "handed a mail over");
            Delivery::Done
        }
        Err(failure) => {
            let (delivery, reason) = match failure {
                Failure::Refused(reason) => (Delivery::Done, reason),
                Failure::Away(reason) => (Delivery::Away, reason),
            };
            // Servers like to quote the address, which is nobody's business here.
            let reason = reason.replace(&message.to, "…");
            let settings = &app.config.mail;
            let milliseconds = |ms: u32| Duration::from_millis(ms.into());
            let [chance] = random()?;
            let wait = backoff(
                mail.attempts.unsigned_abs(),
                milliseconds(settings.retry_first_ms),
                milliseconds(settings.retry_longest_ms),
                chance,
            );
            let due_at = app.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
            if mail::put_off(&tx, mail.id, due_at).await? {
                tracing::warn!(mail = %mail.id, ?kind, attempts = mail.attempts, reason, "a mail was not taken; will try again in {wait:.1?}");
            } else {
                give_up(app, tx, &mail, &reason).await?;
                return Ok(delivery);
            }
            delivery
        }
    };
    tx.commit().await?;
    Ok(delivery)
}

async fn give_up(app: &App, tx: Tx, mail: &row::Model, reason: &str) -> Result<Delivery> {
    mail::finish(&tx, mail.id, Outcome::GivenUp, app.now()).await?;
    tx.commit().await?;
    tracing::error!(mail = %mail.id, kind = ?mail.kind, attempts = mail.attempts, reason, "gave a mail up: it was not taken while it was worth sending");
    Ok(Delivery::Done)
}
