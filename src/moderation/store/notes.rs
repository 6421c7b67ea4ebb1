//! What moderators note of people and cases.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::cases::SHOWN;
use crate::app::App;
use crate::db::{Tx, insert, sql};
use crate::entity::{mod_note, moderation_case};
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, CaseId, ModNoteId};
use crate::moderation::rules::{CaseNote, NoteAudience};
use crate::policy::{DeleteNote, NoteOnAccount, Permit, ReadCase};

/// Notes something of a case.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn note_on_case(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReadCase<'_>>,
    (audience, text): (NoteAudience, CaseNote),
) -> Result<mod_note::Model> {
    let row = mod_note::Model {
        id: app.ids.next(),
        case_id: Some(permit.act().case.id),
        account_id: None,
        audience,
        text: text.into(),
        author_id: permit.by(),
        created_at: app.now(),
    };
    insert(tx, row.clone()).await?;
    Ok(row)
}

/// Notes something of somebody.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn note_on_account(
    app: &App,
    tx: &Tx,
    permit: &Permit<NoteOnAccount>,
    (audience, text): (NoteAudience, CaseNote),
) -> Result<mod_note::Model> {
    let row = mod_note::Model {
        id: app.ids.next(),
        case_id: None,
        account_id: Some(permit.act().account_id),
        audience,
        text: text.into(),
        author_id: permit.by(),
        created_at: app.now(),
    };
    insert(tx, row.clone()).await?;
    Ok(row)
}

/// What was noted of a case, the last hundred, the last first.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn notes_on_case(
    db: &impl ConnectionTrait,
    id: CaseId,
) -> Result<Vec<mod_note::Model>> {
    let rows = mod_note::Entity::find()
        .filter(mod_note::Column::CaseId.eq(id))
        .order_by_desc(mod_note::Column::Id)
        .limit(SHOWN);
    Ok(rows.all(db).await?)
}

/// What was noted of somebody, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn notes_on_account(
    db: &impl ConnectionTrait,
    account_id: AccountId,
    before: Option<ModNoteId>,
    limit: Limit,
) -> Result<Vec<mod_note::Model>> {
    let rows = mod_note::Entity::find()
        .filter(mod_note::Column::AccountId.eq(account_id))
        .filter(mod_note::Column::Id.lt(before.unwrap_or(ModNoteId(Uuid::max()))))
        .order_by_desc(mod_note::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// What was noted for somebody to read: of them, of what is theirs, or of what they reported; the last first, those before
/// one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn notes_for(
    db: &impl ConnectionTrait,
    reader: AccountId,
    before: Option<ModNoteId>,
    limit: Limit,
) -> Result<Vec<mod_note::Model>> {
    let statement = "SELECT n.* FROM mod_note n LEFT JOIN moderation_case c ON c.id = n.case_id
         WHERE n.id < $2 AND CASE n.audience
               WHEN 'author' THEN coalesce(n.account_id, c.owner_id) = $1
               WHEN 'reporter' THEN EXISTS (SELECT FROM report r WHERE r.case_id = n.case_id AND r.reporter_id = $1)
               ELSE false END
         ORDER BY n.id DESC LIMIT $3";
    let values = [reader.into(), before.unwrap_or(ModNoteId(Uuid::max())).into(), limit.and_one().into()];
    Ok(mod_note::Entity::find().from_raw_sql(sql(statement, values)).all(db).await?)
}

/// The cases that notes are about.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn cases_of(
    db: &impl ConnectionTrait,
    ids: Vec<CaseId>,
) -> Result<Vec<moderation_case::Model>> {
    Ok(moderation_case::Entity::find().filter(moderation_case::Column::Id.is_in(ids)).all(db).await?)
}

/// Finds a note and keeps others from deleting it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_note_for_update(tx: &Tx, id: ModNoteId) -> Result<mod_note::Model> {
    mod_note::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Deletes a note, which is locked.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn delete_note(tx: &Tx, permit: &Permit<DeleteNote<'_>>) -> Result<()> {
    mod_note::Entity::delete_by_id(permit.act().0.id).exec(tx.conn()).await?;
    Ok(())
}
