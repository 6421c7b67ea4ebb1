//! What is kept of moderation: every query and write.

mod actions;
mod appeals;
mod batch;
mod cases;
mod context;
mod desk;
mod hits;
mod legal_notices;
mod messages;
mod notes;
mod oversight;
mod people;
mod policy_rules;
mod queues;
mod report_mutes;
mod reports;
mod subjects;
mod templates;

pub(super) use actions::{
    ActionFilter, Done, Hidden, Particulars, act, act_on, audit_actions, case_of_action, list_actions,
    list_public, resolve, take_back, take_back_rules,
};
pub use actions::{Order, hold_back};
pub(super) use appeals::{
    Against, Appellant, Verdict, approver_of, decide_appeal, file_appeal, find_appeal,
    find_appeal_for_update, list_appeals, list_own_appeals, of_actions, of_reports, withdraw_appeal,
};
pub use batch::{Planned, act_on_item, plan, take_back_item};
pub(super) use cases::{
    CaseOrder, Charge, Circumstances, Listed, Said, circumstances, claimed_until, find, find_for_update,
    history, last_decision, list, next, reports, standing, take,
};
pub(super) use context::{
    PostAbove, allowed_actions, posts_above, prior_cases, rules_of_cases, similar_cases, tags_of_cases,
};
pub(super) use desk::{find_to_merge, find_with_merged, merge, merged_into, open_by_hand, tag, unknown_main};
pub use hits::queue_next;
pub use legal_notices::forget_old;
pub(super) use legal_notices::{Contact, Notice, file_notice, find_notice, notice_ids, notices_of};
pub(super) use messages::{Messages, answer_message, list_messages, was_written_to, write_message};
pub(super) use notes::{
    cases_of, delete_note, find_note_for_update, note_on_account, note_on_case, notes_for, notes_on_account,
    notes_on_case,
};
pub(super) use oversight::{
    Backlog, Counts, Day, Duration, Stance, account_of, account_of_notices, backlog, daily, decided_again,
    rules_of_statements, stances, statements,
};
pub(super) use people::{Happening, RevokedSessions, Shared, Timeline, related, revoke_sessions, timeline};
pub(super) use policy_rules::{NewVersion, rules, versions_of, write_rule};
pub(super) use queues::{
    NewQueue, QueueCounts, count_queues, delete_queue, edit_queue, find_queue, find_queue_for_update,
    insert_queue, list_queues,
};
pub(super) use report_mutes::{mute_reports, report_mute_of, unmute_reports};
pub(super) use reports::{accuracy, file, find_own_report, list_own_reports, subjects};
pub(super) use subjects::{
    Purpose, ReportedVersion, content, find_subject, reported_versions, subject_of, tags_of,
};
pub(super) use templates::{
    NewTemplate, TemplateFilter, delete_template, edit_template, find_template, find_template_for_update,
    insert_template, list_templates,
};

use sea_orm::{ConnectionTrait, EntityTrait};

use self::cases::{Happened, count, go};
use super::rules::case::Standing;
use super::rules::{CaseEventKind, CaseOutcome, CaseState};
use crate::app::App;
use crate::db::{Tx, sql};
use crate::entity::moderation_case;
use crate::error::Result;
use crate::ids::AccountId;

/// Takes away who reported what, and what they said about it, where their account is erased; what they wrote as a
/// moderator too, but for what they wrote to others in the name of all. Cases about them are moot, and so are
/// those about posts of theirs that are gone.
///
/// # Errors
/// The database is away.
pub async fn erase(app: &App, tx: &Tx, account_id: AccountId) -> Result<()> {
    let waiting = "SELECT c.* FROM moderation_case c
                   WHERE c.owner_id = $1 AND c.state <> 'resolved'
                     AND (c.subject_account_id = $1
                          OR EXISTS (SELECT FROM post p WHERE p.id = c.subject_post_id AND p.status = 'deleted'))
                   ORDER BY c.id FOR UPDATE OF c";
    let waiting = moderation_case::Entity::find().from_raw_sql(sql(waiting, [account_id.into()]));
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
        "UPDATE legal_notice n SET sealed_contact = NULL, secret_hash = NULL FROM report r
             WHERE r.id = n.report_id AND r.reporter_id = $1",
        "UPDATE report SET reporter_id = NULL, comment = '' WHERE reporter_id = $1",
        "DELETE FROM mod_note n WHERE n.author_id = $1 OR n.account_id = $1
             OR EXISTS (SELECT FROM moderation_case c WHERE c.id = n.case_id AND c.owner_id = $1)",
        "DELETE FROM reported_version v USING moderation_case c WHERE c.id = v.case_id AND c.subject_account_id = $1",
        "DELETE FROM case_message WHERE account_id = $1",
        "UPDATE case_message SET sender_id = NULL WHERE sender_id = $1",
        "DELETE FROM case_queue WHERE owner_id = $1 AND audience = 'own'",
        "UPDATE case_queue SET owner_id = NULL WHERE owner_id = $1",
        "DELETE FROM report_mute WHERE account_id = $1",
        "UPDATE report_mute SET created_by = NULL WHERE created_by = $1",
        "DELETE FROM account_access WHERE account_id = $1",
        "UPDATE account_access SET actor_id = NULL, reason = '' WHERE actor_id = $1",
        "UPDATE case_event SET actor_id = NULL, note = '' WHERE actor_id = $1",
        "UPDATE appeal SET appellant_id = NULL, text = '', reasons = '' WHERE appellant_id = $1",
        "UPDATE appeal SET decider_id = NULL WHERE decider_id = $1",
        "UPDATE appeal SET reviewer_id = NULL WHERE reviewer_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}
