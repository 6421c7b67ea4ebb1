//! Counting contributions, raising levels, and what newcomers are held to.

use chrono::TimeDelta;
use sea_orm::FromQueryResult;
use serde_json::json;

use super::rules::{Contributions, HIGHEST, level, thresholds};
use crate::accounts;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, all, one, sql};
use crate::error::{Code, LimitState, Result};
use crate::events::{self, Event};
use crate::ids::{AccountId, PostId, TopicId};

/// Accounts looked at in one statement, and statements in one round.
const BATCH: i64 = 200;
const BATCHES: usize = 20;

#[derive(FromQueryResult)]
struct Candidate {
    id: AccountId,
    trust_level: i16,
    created_at: Time,
    accepted: i64,
    praised: i64,
}

/// Raises the levels of accounts that earned it, of a few thousand of those that could, beginning after an
/// account. Gives the account after which the next round goes on; nothing at the end, where the walk begins
/// anew.
///
/// # Errors
/// The database is away.
pub async fn raise(app: &App, after: Option<AccountId>) -> Result<Option<AccountId>> {
    let mut after = after;
    for _ in 0..BATCHES {
        let candidates = candidates(app, after).await?;
        raise_those(app, &candidates).await?;
        after = candidates.last().map(|last| last.id);
        if i64::try_from(candidates.len()).unwrap_or(BATCH) < BATCH {
            return Ok(None);
        }
    }
    Ok(after)
}

/// Accounts that are old enough for a level and posted something, each with what it contributed, counted no
/// further than the highest level needs.
async fn candidates(app: &App, after: Option<AccountId>) -> Result<Vec<Candidate>> {
    let thresholds = thresholds(&app.config.trust);
    let days = thresholds.iter().map(|threshold| threshold.days).min().unwrap_or_default();
    let accepted = thresholds.iter().map(|threshold| threshold.accepted).max().unwrap_or_default();
    let praised = thresholds.iter().map(|threshold| threshold.praised).max().unwrap_or_default();
    all(
        &app.db,
        sql(
            "SELECT a.id, a.trust_level, a.created_at,
                    (SELECT count(*) FROM (
                        SELECT FROM post p JOIN post_tally t ON t.post_id = p.id
                        WHERE p.author_id = a.id AND is_shown(p.status) AND t.quality_up >= t.quality_down
                        LIMIT $4) AS counted) AS accepted,
                    (SELECT count(*) FROM (
                        SELECT FROM post p JOIN post_tally t ON t.post_id = p.id
                        WHERE p.author_id = a.id AND is_shown(p.status) AND t.quality_up > t.quality_down
                        LIMIT $5) AS counted) AS praised
             FROM account a
             WHERE a.id > $1 AND a.trust_level < $6 AND a.kind = 'person' AND a.state = 'active'
               AND a.created_at <= $2 AND EXISTS (SELECT FROM post p WHERE p.author_id = a.id)
             ORDER BY a.id LIMIT $3",
            [
                after.unwrap_or(AccountId(uuid::Uuid::nil())).into(),
                (app.now() - TimeDelta::days(days.into())).into(),
                BATCH.into(),
                i64::from(accepted).into(),
                i64::from(praised).into(),
                HIGHEST.into(),
            ],
        ),
    )
    .await
}

async fn raise_those(app: &App, candidates: &[Candidate]) -> Result<()> {
    let thresholds = thresholds(&app.config.trust);
    let now = app.now();
    let earned = |account: &Candidate| {
        let contributions = Contributions { accepted: account.accepted, praised: account.praised };
        let earned = level(now - account.created_at, contributions, &thresholds);
        (earned > account.trust_level).then_some((account.id, earned))
    };
    let raised: Vec<_> = candidates.iter().filter_map(earned).collect();
    if raised.is_empty() {
        return Ok(());
    }
    let tx = app.begin().await?;
    for (id, level) in raised {
        if accounts::raise_trust_level(&tx, id, level).await? {
            let data = json!({ "level": level });
            let event =
                Event { kind: "trust_level_raised", subject_id: Some(id.0), data, ..Event::default() };
            events::record(app, &tx, event).await?;
        }
    }
    tx.commit().await
}

/// Somebody of whom nothing is known yet: without a level of trust, and without a rank.
#[derive(Debug, Clone, Copy)]
pub struct Newcomer(AccountId);

#[derive(FromQueryResult)]
struct Standing {
    is_newcomer: bool,
}

/// The newcomer that somebody is, if they are one.
///
/// # Errors
/// The database is away.
pub async fn newcomer(app: &App, tx: &Tx, id: AccountId) -> Result<Option<Newcomer>> {
    let statement = "SELECT a.trust_level = 0 AND NOT EXISTS (
                         SELECT FROM role_grant g WHERE g.account_id = a.id AND g.revoked_at IS NULL
                         AND (g.expires_at IS NULL OR g.expires_at > $2)) AS is_newcomer
                     FROM account a WHERE a.id = $1";
    let found: Option<Standing> = one(tx.conn(), sql(statement, [id.into(), app.now().into()])).await?;
    Ok(found.filter(|found| found.is_newcomer).map(|_| Newcomer(id)))
}

/// What somebody has just made.
#[derive(Debug, Clone, Copy)]
pub enum Contribution {
    /// A post.
    Post(PostId),
    /// A topic.
    Topic(TopicId),
}

#[derive(FromQueryResult)]
struct Made {
    created_at: Time,
}

/// Whether there was room for what a newcomer has just made, in this transaction, among what they made in the 24 hours before,
/// tombstones included. Of several things that one person makes at once, each sees those before it. Waits for others of
/// theirs, so it comes after all other locks.
///
/// # Errors
/// 429 where there was none, with when there will be.
pub async fn require_room(app: &App, tx: &Tx, newcomer: Newcomer, made: Contribution) -> Result<()> {
    const DAY: u32 = 24 * 60 * 60;
    let Newcomer(id) = newcomer;
    let settings = &app.config.trust;
    let (name, most, own, statement) = match made {
        Contribution::Post(own) => (
            "posts",
            settings.newcomer_posts_per_day,
            own.0,
            "SELECT created_at FROM post WHERE author_id = $1 AND id <> $2 AND created_at > $3
             ORDER BY created_at DESC OFFSET $4 LIMIT 1",
        ),
        Contribution::Topic(own) => (
            "topics",
            settings.newcomer_topics_per_day,
            own.0,
            "SELECT created_at FROM topic WHERE author_id = $1 AND id <> $2 AND created_at > $3
             ORDER BY created_at DESC OFFSET $4 LIMIT 1",
        ),
    };
    tx.queue(&format!("{name} of {id}")).await?;
    let now = app.now();
    let Some(before) = most.checked_sub(1) else {
        let detail =
            format!("Newcomers make no {name} here: a level of trust comes with time and good posts.");
        return Err(Code::NewcomerLimit.error(detail));
    };
    // The one that has to be a day old before there is room again.
    let values =
        [id.into(), own.into(), (now - TimeDelta::seconds(DAY.into())).into(), i64::from(before).into()];
    let Some(Made { created_at }) = one(tx.conn(), sql(statement, values)).await? else { return Ok(()) };
    let free_at = created_at + TimeDelta::seconds(DAY.into());
    let left = (free_at - now).num_milliseconds().div_euclid(1000) + 1;
    let left = u32::try_from(left).unwrap_or(DAY);
    let free_at = free_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let detail = format!(
        "Newcomers make {most} {name} in 24 hours, and none of these is left until {free_at}. A level of trust, which comes \
         with time and good posts, ends that."
    );
    let mut refusal = Code::NewcomerLimit.error(detail).retry_after(left);
    refusal.limit = Some(Box::new(LimitState {
        name: format!("newcomer-{name}").into(),
        quota: most,
        window: DAY,
        remaining: 0,
        reset: left,
    }));
    Err(refusal)
}
