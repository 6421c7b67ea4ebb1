//! What moderators and those whom a case concerns write to each other.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::actions::require_own_or_free;
use super::cases::has_reported;
use super::cases::{Happened, count, lapse, tell};
use crate::accounts;
use crate::accounts::rules::AccountState;
use crate::app::App;
use crate::db::{Tx, insert};
use crate::entity::{case_message, moderation_case};
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CaseId, CaseMessageId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::moderation::rules::{CaseEventKind, MessageText};
use crate::policy::{AnswerMessage, DecideCase, Permit};

/// Writes to somebody whom a case, which is locked, concerns, in the name of all moderators.
///
/// # Errors
/// 422 where it does not concern them, 409 where somebody else has the case.
pub(in crate::moderation) async fn write_message(
    app: &App,
    tx: &Tx,
    permit: &Permit<DecideCase<'_>>,
    (to, text): (AccountId, MessageText),
) -> Result<case_message::Model> {
    let mut case = permit.act().case.clone();
    lapse(app, tx, &mut case).await?;
    require_own_or_free(&case, permit.by())?;
    let stranger = || Error::field("to", "unknown_id", "Nobody whom this case concerns has it.");
    if to != case.owner_id && !has_reported(tx.conn(), case.id, to).await? {
        return Err(stranger());
    }
    let reader = accounts::require(tx.conn(), to).await?;
    if reader.state == AccountState::Deleted {
        return Err(stranger());
    }
    let row = case_message::Model {
        id: app.ids.next(),
        case_id: case.id,
        account_id: to,
        is_from_team: true,
        sender_id: Some(permit.by()),
        text: text.into(),
        created_at: app.now(),
    };
    keep(app, tx, case, &row, Happened::by(CaseEventKind::Messaged, permit.by())).await?;
    mail::notify(app, tx, &reader, MailKind::MessageReceived).await?;
    Ok(row)
}

/// Answers what moderators wrote about a case, which is locked.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn answer_message(
    app: &App,
    tx: &Tx,
    permit: &Permit<AnswerMessage>,
    case: moderation_case::Model,
    text: MessageText,
) -> Result<case_message::Model> {
    let row = case_message::Model {
        id: app.ids.next(),
        case_id: case.id,
        account_id: permit.by(),
        is_from_team: false,
        sender_id: None,
        text: text.into(),
        created_at: app.now(),
    };
    keep(app, tx, case, &row, Happened::by(CaseEventKind::Answered, permit.by())).await?;
    Ok(row)
}

async fn keep(
    app: &App,
    tx: &Tx,
    case: moderation_case::Model,
    row: &case_message::Model,
    happened: Happened,
) -> Result<()> {
    insert(tx, row.clone()).await?;
    tell(app, tx, &case, happened, Some(case.state)).await?;
    count(app, tx, case).await?;
    Ok(())
}

/// Whether moderators wrote to somebody about a case.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn was_written_to(
    db: &impl ConnectionTrait,
    id: CaseId,
    who: AccountId,
) -> Result<bool> {
    let written = case_message::Entity::find()
        .filter(case_message::Column::CaseId.eq(id))
        .filter(case_message::Column::AccountId.eq(who));
    Ok(written.one(db).await?.is_some())
}

/// Whose messages are listed.
#[derive(Debug, Clone, Copy)]
pub(in crate::moderation) enum Messages {
    /// Those about a case.
    About(CaseId),
    /// Those to and from somebody.
    With(AccountId),
}

/// Messages, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_messages(
    db: &impl ConnectionTrait,
    which: Messages,
    before: Option<CaseMessageId>,
    limit: Limit,
) -> Result<Vec<case_message::Model>> {
    let wanted = Condition::all().add(match which {
        Messages::About(id) => case_message::Column::CaseId.eq(id),
        Messages::With(id) => case_message::Column::AccountId.eq(id),
    });
    let rows = case_message::Entity::find()
        .filter(wanted)
        .filter(case_message::Column::Id.lt(before.unwrap_or(CaseMessageId(Uuid::max()))))
        .order_by_desc(case_message::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}
