//! Counting contributions, and raising levels.

use chrono::TimeDelta;
use sea_orm::FromQueryResult;
use serde_json::json;

use super::rules::{Contributions, HIGHEST, level, thresholds};
use crate::accounts;
use crate::app::App;
use crate::clock::Time;
use crate::db::{all, sql};
use crate::error::Result;
use crate::events::{self, Event};
use crate::ids::AccountId;

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
