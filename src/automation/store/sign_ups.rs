//! Judging those who signed in for the first time: the database notes them, however they did, and the background work sees to
//! one after another.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::author::{AuthorRow, author_columns, author_values};
use super::cases::ring;
use super::judge::{Known, Subject, insert_hit, meet};
use crate::app::App;
use crate::automation::rules::judge::{Facts, Wants};
use crate::automation::rules::{RuleEffect, RuleTrigger};
use crate::db::{Tx, one, sql};
use crate::error::{Error, Result};
use crate::ids::AccountId;

/// Where whoever judges those who signed up listens. The database calls, when somebody's first session begins.
pub const CHANNEL: &str = "otherwise_sign_up";

#[derive(FromQueryResult)]
struct Waiting {
    account_id: AccountId,
}

/// Judges whoever waits longest of those who signed up, and says whether there was anybody; whom others are about to judge is
/// passed over. What rules want is noted in the same transaction that says they were asked: so each is judged once.
///
/// # Errors
/// The database is away.
pub async fn judge_next(app: &App) -> Result<bool> {
    let tx = app.begin().await?;
    let statement = "SELECT account_id FROM sign_up WHERE judged_at IS NULL
                     ORDER BY at, account_id LIMIT 1 FOR UPDATE SKIP LOCKED";
    let waiting: Option<Waiting> = one(tx.conn(), sql(statement, [])).await?;
    let Some(Waiting { account_id }) = waiting else { return Ok(false) };
    let (_, hits) = meet(app, &tx, Subject::SignUp, account_id, RuleTrigger::SignedUp).await?;
    let mut calls = false;
    for hit in hits {
        let is_new = insert_hit(app, &tx, (&hit, hit.did()), None, Some(account_id)).await?.is_some();
        calls |= is_new && hit.did() == RuleEffect::Queued;
    }
    let statement = "UPDATE sign_up SET judged_at = $2 WHERE account_id = $1";
    tx.conn().execute_raw(sql(statement, [account_id.into(), app.now().into()])).await?;
    if calls {
        ring(&tx).await?;
    }
    tx.commit().await?;
    Ok(true)
}

#[derive(FromQueryResult)]
struct SignUpRow {
    stamp: i64,
    #[sea_orm(nested)]
    author: AuthorRow,
}

/// Reads all that the rules ask for of somebody who signed up, in one statement, so that the stamp is of the same moment.
pub(super) async fn known(app: &App, tx: &Tx, id: AccountId, wants: Wants) -> Result<Known> {
    let now = app.now();
    let statement = concat!(
        "SELECT ",
        author_columns!(),
        ", s.stamp,
                CASE WHEN $6 THEN (SELECT count(*) FROM (
                    SELECT FROM post o WHERE o.author_id = a.id AND is_shown(o.status) LIMIT 10000) c)
                     ELSE 0 END::integer AS visible_posts
         FROM automation_state s CROSS JOIN account a WHERE a.id = $5"
    );
    let values = author_values(now, wants).into_iter().chain([id.into(), wants.visible_posts.into()]);
    let row: Option<SignUpRow> = one(tx.conn(), sql(statement, values)).await?;
    let SignUpRow { stamp, author } = row.ok_or_else(Error::not_found)?;
    Ok(Known { stamp, revision: 0, facts: Facts::of_sign_up(now, author.person(app, id, now)) })
}
