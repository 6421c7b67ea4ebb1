//! The outbox: orders, leases and what came of them.

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use serde::{Deserialize, Serialize};

use super::rules::MailKind;
use super::templates::Text;
use crate::app::App;
use crate::clock::Time;
use crate::db::{Tx, insert, one, sql};
use crate::entity::{account, mail};
use crate::error::{Error, Result};
use crate::ids::{AccountId, MailId};
use crate::keys::random;
use crate::mailer::Message;

/// The channel on which the database says that a mail was ordered.
pub const CHANNEL: &str = "otherwise_mail";

/// How long the record of a mail is kept after it went out, in days. Its text is gone at once.
const KEPT_DAYS: i64 = 30;

/// A mail to be written.
#[derive(Debug)]
pub struct Order {
    /// What it is about.
    pub kind: MailKind,
    /// The account it is about; nobody's where only an address is known.
    pub account_id: Option<AccountId>,
    /// The address that the order is about, as it was given.
    pub email: String,
}

/// What a mail on its way consists of.
#[derive(Debug, Serialize, Deserialize)]
pub enum Content {
    /// It is still to be written, about this address.
    Ordered {
        /// As it was given.
        email: String,
    },
    /// It is written.
    Written {
        /// The reader's address.
        to: String,
        /// One line.
        subject: String,
        /// Lines that end with `\n`.
        body: String,
    },
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was handed over.
    Sent,
    /// There was nothing to say, or nobody to say it to.
    Dropped,
    /// It was tried for as long as it is worth.
    GivenUp,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::GivenUp => "given_up",
        }
    }
}

/// A mail that is this worker's for a while.
#[derive(Debug)]
pub struct Taken {
    /// Its row, as it was before this attempt but for the count of attempts.
    pub mail: mail::Model,
    /// What it consists of; nothing where that cannot be read, because the keys were replaced.
    pub content: Option<Content>,
}

fn context(id: MailId) -> String {
    format!("mail\0{id}")
}

fn sealed(app: &App, id: MailId, content: &Content) -> Result<Vec<u8>> {
    app.keys.seal(&context(id), serde_json::to_vec(content).map_err(Error::internal)?)
}

/// Orders a notice to the owner of an account, if an address of theirs is known.
///
/// # Errors
/// The database is away.
pub async fn notify(app: &App, tx: &Tx, account: &account::Model, kind: MailKind) -> Result<()> {
    match account.email.clone() {
        Some(email) => order(app, tx, Order { kind, account_id: Some(account.id), email }).await,
        None => Ok(()),
    }
}

/// Orders a mail, in the transaction that makes it true. Costs the same whoever it is for.
///
/// # Errors
/// The database is away.
pub async fn order(app: &App, tx: &Tx, order: Order) -> Result<()> {
    let Order { kind, account_id, email } = order;
    put(app, tx, (kind, account_id), Content::Ordered { email }).await
}

/// Orders a mail that is written already, to somebody who need not have an account.
///
/// # Errors
/// The database is away.
pub async fn order_written(app: &App, tx: &Tx, kind: MailKind, (to, text): (&str, Text)) -> Result<()> {
    let Text { subject, body } = text;
    put(app, tx, (kind, None), Content::Written { to: to.to_owned(), subject: subject.to_owned(), body })
        .await
}

async fn put(
    app: &App,
    tx: &Tx,
    (kind, account_id): (MailKind, Option<AccountId>),
    content: Content,
) -> Result<()> {
    // At random: it names the mail to the outside, and when somebody registered is not to be read off it.
    let id = MailId(uuid::Builder::from_random_bytes(random()?).into_uuid());
    let now = app.now();
    let host = app.config.mail.from.rsplit('@').next().unwrap_or_default();
    let row = mail::Model {
        id,
        message_id: format!("<{id}@{host}>"),
        kind,
        account_id,
        sealed_content: Some(sealed(app, id, &content)?),
        attempts: 0,
        created_at: now,
        due_at: now,
        gives_up_at: now + TimeDelta::seconds(app.config.mail.give_up_secs.into()),
        finished_at: None,
        outcome: None,
    };
    insert(tx, row).await?;
    // Heard when this transaction is committed, and not at all if it is not.
    tx.conn().execute_raw(sql("SELECT pg_notify($1, '')", [CHANNEL.into()])).await?;
    Ok(())
}

/// Takes the mail that is due first, for as long as an attempt may take: no other worker has it meanwhile,
/// and should this one not come back, another one takes it up then.
///
/// # Errors
/// The database is away.
pub async fn take(app: &App, tx: &Tx) -> Result<Option<Taken>> {
    let now = app.now();
    // Writing it takes statements, handing it over takes the server's time.
    let lease = TimeDelta::seconds(i64::from(app.config.mail.smtp_timeout_secs) * 2 + 30);
    let statement = sql(
        "UPDATE mail SET attempts = attempts + 1, due_at = $2
         WHERE id = (SELECT id FROM mail WHERE finished_at IS NULL AND due_at <= $1
                     ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING *",
        [now.into(), (now + lease).into()],
    );
    let Some(mail) = mail::Entity::find().from_raw_sql(statement).one(tx.conn()).await? else {
        return Ok(None);
    };
    let content = mail
        .sealed_content
        .as_deref()
        .and_then(|sealed| app.keys.open(&context(mail.id), sealed).ok())
        .and_then(|text| serde_json::from_slice(&text).ok());
    Ok(Some(Taken { mail, content }))
}

/// Keeps what was written, so that every attempt sends the same. After `useless_at` nobody tries any more.
///
/// # Errors
/// The database is away.
pub async fn keep_message(
    app: &App,
    tx: &Tx,
    id: MailId,
    message: &Message,
    useless_at: Option<Time>,
) -> Result<()> {
    let Message { to, subject, body, .. } = message;
    let content = Content::Written { to: to.clone(), subject: subject.clone(), body: body.clone() };
    let statement =
        "UPDATE mail SET sealed_content = $2, gives_up_at = LEAST(gives_up_at, COALESCE($3, gives_up_at))
         WHERE id = $1";
    let values = [id.into(), sealed(app, id, &content)?.into(), useless_at.into()];
    tx.conn().execute_raw(sql(statement, values)).await?;
    Ok(())
}

/// Notes what became of a mail, and forgets what it said.
///
/// # Errors
/// The database is away.
pub async fn finish(tx: &Tx, id: MailId, outcome: Outcome, now: Time) -> Result<()> {
    let statement = "UPDATE mail SET sealed_content = NULL, finished_at = $2, outcome = $3
                     WHERE id = $1 AND finished_at IS NULL";
    tx.conn().execute_raw(sql(statement, [id.into(), now.into(), outcome.name().into()])).await?;
    Ok(())
}

/// Tries a mail again at another time, if it is still worth sending then; says whether it is.
///
/// # Errors
/// The database is away.
pub async fn put_off(tx: &Tx, id: MailId, due_at: Time) -> Result<bool> {
    let statement = "UPDATE mail SET due_at = $2 WHERE id = $1 AND finished_at IS NULL AND gives_up_at > $2";
    let changed = tx.conn().execute_raw(sql(statement, [id.into(), due_at.into()])).await?;
    Ok(changed.rows_affected() == 1)
}

#[derive(FromQueryResult)]
struct Next {
    due_at: Option<Time>,
}

/// When the next mail is due.
///
/// # Errors
/// The database is away.
pub async fn next_due(db: &impl ConnectionTrait) -> Result<Option<Time>> {
    let statement = sql("SELECT min(due_at) AS due_at FROM mail WHERE finished_at IS NULL", []);
    Ok(one::<Next>(db, statement).await?.and_then(|next| next.due_at))
}

/// Removes the mails about an account, sent or not.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    tx.conn().execute_raw(sql("DELETE FROM mail WHERE account_id = $1", [account_id.into()])).await?;
    Ok(())
}

/// Forgets mails that are long done with.
///
/// # Errors
/// The database is away.
pub async fn forget_finished(app: &App, tx: &Tx) -> Result<u64> {
    let before = app.now() - TimeDelta::days(KEPT_DAYS);
    let forgotten =
        tx.conn().execute_raw(sql("DELETE FROM mail WHERE finished_at < $1", [before.into()])).await?;
    Ok(forgotten.rows_affected())
}
