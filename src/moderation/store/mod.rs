//! What is kept of moderation: every query and write.

mod actions;
mod appeals;
mod cases;
mod oversight;
mod policy_rules;
mod reports;
mod subjects;

pub(super) use actions::{
    ActionFilter, Order, Structure, act, act_on, audit_actions, list_actions, list_public, take_back,
};
pub(super) use appeals::{
    Against, Verdict, decide_appeal, file_appeal, find_appeal, find_appeal_for_update, list_appeals,
    list_own_appeals, of_actions, of_reports, withdraw_appeal,
};
pub(super) use cases::{
    CaseOrder, Charge, Circumstances, Listed, circumstances, claimed_until, find, find_for_update, history,
    list, next, reports, standing, take,
};
pub(super) use oversight::{
    Backlog, Counts, Day, Duration, Stance, account_of, backlog, daily, stances, statements,
};
pub(super) use policy_rules::{NewVersion, rules, versions_of, write_rule};
pub(super) use reports::{accuracy, file, find_own_report, list_own_reports, subjects};
pub(super) use subjects::{Purpose, content, find_subject, subject_of};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use self::cases::{Happened, count, go};
use super::rules::case::Standing;
use super::rules::{CaseEventKind, CaseOutcome, CaseState};
use crate::app::App;
use crate::db::{Tx, sql};
use crate::entity::moderation_case;
use crate::error::Result;
use crate::ids::AccountId;

/// Takes away who reported what, and what they said about it, where their account is erased; what they wrote as a
/// moderator too. Cases about them are moot.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let waiting = moderation_case::Entity::find()
        .filter(moderation_case::Column::SubjectAccountId.eq(account_id))
        .filter(moderation_case::Column::State.ne(CaseState::Resolved))
        .lock_exclusive();
    for mut case in waiting.all(tx.conn()).await? {
        let moot = Standing {
            state: CaseState::Resolved,
            claim: None,
            resolution: Some(CaseOutcome::Moot),
            ..standing(&case)
        };
        go(app, tx, &mut case, moot, Happened::by_itself(CaseEventKind::Resolved)).await?;
        count(app, tx, case).await?;
    }
    for statement in [
        "UPDATE report SET reporter_id = NULL, comment = '' WHERE reporter_id = $1",
        "UPDATE case_event SET actor_id = NULL, note = '' WHERE actor_id = $1",
        "UPDATE appeal SET appellant_id = NULL, text = '', reasons = '' WHERE appellant_id = $1",
        "UPDATE appeal SET decider_id = NULL WHERE decider_id = $1",
        "UPDATE appeal SET reviewer_id = NULL WHERE reviewer_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
