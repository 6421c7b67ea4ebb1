//! Adding to the log.

use std::collections::HashMap;
use std::net::IpAddr;

use chrono::SecondsFormat;
use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::rules::{Outcome, Word};
use crate::app::App;
use crate::clock::Time;
use crate::db::{ConnectionTrait, Tx, insert, one, sql};
use crate::entity::{audit_log, mod_action};
use crate::error::Result;
use crate::http::page::Limit;
use crate::ids::{
    AccountId, ActionId, AppealId, AutomationRuleId, CaseId, JobId, ListSetId, PostId, SessionId, TokenId,
    TopicId, VoteNullificationId, WebhookId,
};
use crate::keys::sha256;
use crate::policy::{Actor, SignedIn};

/// What an act was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its kind: `account`, `session`, `topic` …
    pub kind: &'static str,
    /// Which one.
    pub id: Uuid,
}

impl Object {
    /// An account.
    pub fn account(id: AccountId) -> Self {
        Self { kind: "account", id: id.0 }
    }

    /// A topic.
    pub fn topic(id: TopicId) -> Self {
        Self { kind: "topic", id: id.0 }
    }

    /// A personal access token.
    pub fn token(id: TokenId) -> Self {
        Self { kind: "token", id: id.0 }
    }

    /// A case of moderation.
    pub fn case(id: CaseId) -> Self {
        Self { kind: "moderation_case", id: id.0 }
    }

    /// Something that moderators did.
    pub fn action(id: ActionId) -> Self {
        Self { kind: "mod_action", id: id.0 }
    }

    /// A bulk job.
    pub fn job(id: JobId) -> Self {
        Self { kind: "mod_job", id: id.0 }
    }

    /// An appeal.
    pub fn appeal(id: AppealId) -> Self {
        Self { kind: "appeal", id: id.0 }
    }

    /// A rule of automatic moderation.
    pub fn automation_rule(id: AutomationRuleId) -> Self {
        Self { kind: "automation_rule", id: id.0 }
    }

    /// A set of words or domains.
    pub fn list_set(id: ListSetId) -> Self {
        Self { kind: "list_set", id: id.0 }
    }

    /// A post.
    pub fn post(id: PostId) -> Self {
        Self { kind: "post", id: id.0 }
    }

    /// Votes that do not count.
    pub fn vote_nullification(id: VoteNullificationId) -> Self {
        Self { kind: "vote_nullification", id: id.0 }
    }

    /// A webhook.
    pub fn webhook(id: WebhookId) -> Self {
        Self { kind: "webhook", id: id.0 }
    }

    /// A session.
    pub fn session(id: SessionId) -> Self {
        Self { kind: "session", id: id.0 }
    }
}

/// An act to be recorded.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// What it is, in the present tense, since it may have been refused: `sign_in`.
    pub verb: &'static str,
    /// Who; nobody where that is not known, or where the server or its operator acted.
    pub actor_id: Option<AccountId>,
    /// In which session, or by which personal access token.
    pub session_id: Option<SessionId>,
    /// From where. Only a keyed hash of it is kept.
    pub client: Option<IpAddr>,
    /// To what.
    pub object: Option<Object>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// Further facts: no secrets, nothing that people wrote, no numbers but integers.
    pub data: Value,
}

impl Entry {
    /// An entry with this verb, for the rest to be filled in.
    pub fn of(verb: &'static str) -> Self {
        Self { verb, ..Self::default() }
    }
}

impl Actor {
    /// An entry of this actor's doing, for the rest to be filled in.
    pub fn entry(&self, verb: &'static str) -> Entry {
        let signed_in = self.signed_in();
        Entry {
            actor_id: signed_in.map(|account| account.id),
            session_id: signed_in.map(SignedIn::credential_id),
            client: signed_in.and_then(|account| account.client),
            ..Entry::of(verb)
        }
    }
}

/// The hash of the entry before the first.
pub(super) const BEFORE_THE_FIRST: [u8; 32] = [0; 32];

/// The hash that an entry must have; see the head of this feature.
pub(super) fn hash(row: &audit_log::Model) -> [u8; 32] {
    let mut entry = json!({
        "actor_id": row.actor_id,
        "at": row.at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "client_hash": row.client_hash.as_deref().map(hex),
        "data": row.data,
        "object_id": row.object_id,
        "object_kind": row.object_kind,
        "outcome": row.outcome.name(),
        "reason": row.reason,
        "seq": row.seq,
        "session_id": row.session_id,
        "verb": row.verb,
    });
    // The order of fields must not depend on which features of the library some crate turns on.
    entry.sort_all_objects();
    sha256(&[row.prev_hash.as_slice(), entry.to_string().as_bytes()].concat())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The last entry.
///
/// # Errors
/// The database is away.
pub(super) async fn last(db: &impl ConnectionTrait) -> Result<Option<audit_log::Model>> {
    Ok(audit_log::Entity::find().order_by_desc(audit_log::Column::Seq).one(db).await?)
}

/// The entries after one, in their order, so many at most.
///
/// # Errors
/// The database is away.
pub(super) async fn after(db: &impl ConnectionTrait, seq: i64, limit: u64) -> Result<Vec<audit_log::Model>> {
    let rows = audit_log::Entity::find()
        .filter(audit_log::Column::Seq.gt(seq))
        .order_by_asc(audit_log::Column::Seq)
        .limit(limit);
    Ok(rows.all(db).await?)
}

/// Which entries are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this account's doing.
    pub actor_id: Option<AccountId>,
    /// Those with this verb.
    pub verb: Option<Word>,
    /// Those about a thing of this kind.
    pub object_kind: Option<Word>,
    /// Those about this thing, of that kind.
    pub object_id: Option<Uuid>,
    /// Those from this moment on.
    pub from: Option<Time>,
    /// Those before this moment.
    pub until: Option<Time>,
}

/// The entries that a filter lets through, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub async fn list(
    db: &impl ConnectionTrait,
    filter: &Filter,
    before: Option<i64>,
    limit: Limit,
) -> Result<Vec<audit_log::Model>> {
    let wanted = Condition::all()
        .add(audit_log::Column::Seq.lt(before.unwrap_or(i64::MAX)))
        .add_option(filter.actor_id.map(|id| audit_log::Column::ActorId.eq(id.0)))
        .add_option(filter.verb.as_ref().map(|verb| audit_log::Column::Verb.eq(verb.as_str())))
        .add_option(filter.object_kind.as_ref().map(|kind| audit_log::Column::ObjectKind.eq(kind.as_str())))
        .add_option(filter.object_id.map(|id| audit_log::Column::ObjectId.eq(id)))
        .add_option(filter.from.map(|from| audit_log::Column::At.gte(from)))
        .add_option(filter.until.map(|until| audit_log::Column::At.lt(until)));
    let rows = audit_log::Entity::find()
        .filter(wanted)
        .order_by_desc(audit_log::Column::Seq)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// An entry by its place.
///
/// # Errors
/// The database is away.
pub(super) async fn find(db: &impl ConnectionTrait, seq: i64) -> Result<Option<audit_log::Model>> {
    Ok(audit_log::Entity::find_by_id(seq).one(db).await?)
}

/// Adds an entry, in the transaction that makes it true. It waits for whoever adds another one and makes
/// others wait until the transaction ends, so it comes last, just before the commit.
///
/// # Errors
/// The database is away, or the wait was too long.
pub async fn record(app: &App, tx: &Tx, entry: Entry) -> Result<()> {
    tx.queue("otherwise audit").await?;
    let (seq, prev_hash) = match last(tx.conn()).await? {
        Some(last) => (last.seq + 1, last.hash),
        None => (1, BEFORE_THE_FIRST.to_vec()),
    };
    let at = app.now();
    let mut row = audit_log::Model {
        seq,
        at,
        actor_id: entry.actor_id.map(|id| id.0),
        session_id: entry.session_id.map(|id| id.0),
        client_hash: entry.client.map(|address| app.keys.client_hash(address, at)),
        verb: entry.verb.to_owned(),
        object_kind: entry.object.map(|object| object.kind.to_owned()),
        object_id: entry.object.map(|object| object.id),
        outcome: entry.outcome,
        // Entries once had the reasons that people gave; what they wrote is kept where it can be erased.
        reason: None,
        data: if entry.data.is_null() { json!({}) } else { entry.data },
        prev_hash,
        hash: Vec::new(),
    };
    row.hash = hash(&row).to_vec();
    insert(tx, row).await
}

/// Adds an entry about something that changed nothing, such as a refusal, in a transaction of its own.
///
/// # Errors
/// As [`record`].
pub async fn record_alone(app: &App, entry: Entry) -> Result<()> {
    let tx = app.begin().await?;
    record(app, &tx, entry).await?;
    tx.commit().await
}

/// Acts of moderators, by their identifiers.
pub(super) async fn actions(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<HashMap<ActionId, mod_action::Model>> {
    let rows = mod_action::Entity::find().filter(mod_action::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Whether an entry says of an act what it was.
pub(super) fn agrees(entry: &audit_log::Model, action: &mod_action::Model) -> bool {
    let said = |name: &str| entry.data.get(name).and_then(|value| value.as_str());
    said("kind") == Some(action.kind.to_value().as_str())
        && said("target_id") == Some(action.target_id.to_string().as_str())
}

#[derive(FromQueryResult)]
struct Unrecorded {
    /// The first that should be recorded.
    first: Option<ActionId>,
    /// How many are still to be.
    waiting: i64,
}

/// An act that no entry tells of though one should, if there is one; and how many are still to be entered. What a rule did
/// is entered together with the case in which people look at it: until then neither the action nor the hit has one.
pub(super) async fn unrecorded_actions(db: &impl ConnectionTrait) -> Result<(Option<ActionId>, i64)> {
    let statement = "SELECT (array_agg(a.id ORDER BY a.id) FILTER (WHERE NOT a.waits))[1] AS first,
                            count(*) FILTER (WHERE a.waits) AS waiting
                     FROM (SELECT a.id, a.actor_kind = 'rule' AND a.case_id IS NULL AND h.case_id IS NULL AS waits
                           FROM mod_action a LEFT JOIN rule_hit h ON h.id = a.rule_hit_id
                           WHERE a.actor_kind <> 'system' AND a.id NOT IN
                                 (SELECT l.object_id FROM audit_log l WHERE l.object_kind = 'mod_action')) a";
    let found: Option<Unrecorded> = one(db, sql(statement, [])).await?;
    Ok(found.map_or((None, 0), |found| (found.first, found.waiting)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g1_the_hash_is_what_the_documentation_says() {
        let row = audit_log::Model {
            seq: 7,
            at: "2026-01-15T12:00:00.5Z".parse().unwrap(),
            actor_id: Some(Uuid::from_u128(1)),
            session_id: None,
            client_hash: Some(vec![0, 255]),
            verb: "edit_account".to_owned(),
            object_kind: Some("account".to_owned()),
            object_id: Some(Uuid::from_u128(1)),
            outcome: Outcome::Done,
            reason: None,
            data: json!({ "fields": ["bio"], "count": 1 }),
            prev_hash: BEFORE_THE_FIRST.to_vec(),
            hash: Vec::new(),
        };
        let id = "00000000-0000-0000-0000-000000000001";
        let text = format!(
            "{{\"actor_id\":\"{id}\",\"at\":\"2026-01-15T12:00:00.500000Z\",\"client_hash\":\"00ff\",\
             \"data\":{{\"count\":1,\"fields\":[\"bio\"]}},\"object_id\":\"{id}\",\"object_kind\":\"account\",\
             \"outcome\":\"done\",\"reason\":null,\"seq\":7,\"session_id\":null,\"verb\":\"edit_account\"}}"
        );
        assert_eq!(hash(&row), sha256(&[[0; 32].as_slice(), text.as_bytes()].concat()));
    }
}
