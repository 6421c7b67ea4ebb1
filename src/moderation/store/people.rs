//! What moderators find out about people, and the sessions they end.

use sea_orm::{ActiveEnum, ConnectionTrait, FromQueryResult};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::accounts;
use crate::app::App;
use crate::auth;
use crate::clock::Time;
use crate::db::{Tx, all, insert, sql};
use crate::decisions::rules::SubjectKind;
use crate::entity::account_access;
use crate::error::Result;
use crate::http::page::Limit;
use crate::ids::{AccountId, TopicId};
use crate::mail;
use crate::mail::rules::MailKind;
use crate::moderation::rules::{AccountAccess, CaseNote, TimelineKind};
use crate::policy::{Permit, ReadRelated, RevokeSessions};
use crate::vote_signals::rules::InspectionReason;

/// Keeps that somebody did something with an account, and why.
async fn keep(
    app: &App,
    tx: &Tx,
    (account_id, by): (AccountId, AccountId),
    kind: AccountAccess,
    reason: String,
) -> Result<()> {
    let row = account_access::Model {
        id: app.ids.next(),
        account_id,
        kind,
        actor_id: Some(by),
        reason,
        created_at: app.now(),
    };
    insert(tx, row).await
}

/// How many sessions and tokens were ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(in crate::moderation) struct RevokedSessions {
    /// Sessions.
    pub(in crate::moderation) sessions: u64,
    /// Personal access tokens.
    pub(in crate::moderation) tokens: u64,
}

/// Ends every session of somebody and revokes their tokens, and tells them; says how many that were. Where there are none,
/// nothing is kept and nobody is told.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn revoke_sessions(
    app: &App,
    tx: &Tx,
    permit: &Permit<RevokeSessions>,
    reason: CaseNote,
) -> Result<RevokedSessions> {
    let (account_id, now) = (permit.act().account_id, app.now());
    let sessions = auth::end_all(tx, account_id, None, "revoked_by_moderator", now).await?;
    let tokens = auth::revoke_all_tokens(tx, account_id, now).await?;
    if sessions + tokens > 0 {
        keep(app, tx, (account_id, permit.by()), AccountAccess::SessionsRevoked, reason.into()).await?;
        let account = accounts::require(tx.conn(), account_id).await?;
        mail::notify(app, tx, &account, MailKind::SessionsRevoked).await?;
    }
    Ok(RevokedSessions { sessions, tokens })
}

/// Something that happened with an account.
#[derive(Debug, FromQueryResult)]
pub(in crate::moderation) struct Happening {
    /// When.
    pub(in crate::moderation) at: Time,
    /// What.
    pub(in crate::moderation) kind: TimelineKind,
    /// The post, report, case, action or note; else anything that tells it from others of its kind.
    pub(in crate::moderation) id: Uuid,
    /// Tells it from others of the same thing.
    pub(in crate::moderation) n: i32,
    /// In which topic.
    pub(in crate::moderation) topic_id: Option<TopicId>,
    /// More, by its kind.
    pub(in crate::moderation) detail: Option<String>,
    /// What came of it.
    pub(in crate::moderation) outcome: Option<String>,
    /// What somebody wrote.
    pub(in crate::moderation) text: Option<String>,
    /// About what kind of thing it is.
    pub(in crate::moderation) subject_kind: Option<SubjectKind>,
    /// About which.
    pub(in crate::moderation) subject_id: Option<Uuid>,
    /// Until when it holds.
    pub(in crate::moderation) ends_at: Option<Time>,
}

/// A place in a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::moderation) struct TimelinePlace(Time, Uuid, i32);

impl Happening {
    /// Where it stands.
    pub(in crate::moderation) fn place(&self) -> TimelinePlace {
        TimelinePlace(self.at, self.id, self.n)
    }
}

/// Whose timeline is read, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::moderation) struct Timeline {
    /// Whose.
    pub(in crate::moderation) account_id: AccountId,
    /// What is listed, if not everything.
    pub(in crate::moderation) kind: Option<TimelineKind>,
    /// Who reads it: that they were reported, and by whom, is not for them to know.
    pub(in crate::moderation) reader: AccountId,
    /// Whether they read reports.
    pub(in crate::moderation) reads_reports: bool,
}

/// One part of a timeline, by an index, no longer than the page. The columns that it does not have are null.
macro_rules! part {
    ($kind:literal, $at:literal, $id:literal, $n:literal, $columns:literal, $rows:literal) => {
        concat!(
            "(SELECT ",
            $at,
            " AS at, ",
            $kind,
            " AS kind, ",
            $id,
            " AS id, ",
            $n,
            " AS n, ",
            $columns,
            " FROM ",
            $rows,
            " AND ($2::text IS NULL OR $2 = ",
            $kind,
            ") AND (",
            $at,
            ", ",
            $id,
            ", ",
            $n,
            ") < ($3, $4, $5)
              ORDER BY at DESC, id DESC, n DESC LIMIT $6)"
        )
    };
}

/// What happened with an account, in the order of [`TimelinePlace`], the last first.
const TIMELINE: &str = concat!(
    "SELECT * FROM (",
    part!(
        "'joined'",
        "a.created_at",
        "a.id",
        "0",
        "NULL::uuid AS topic_id, NULL::text AS detail, NULL::text AS outcome, NULL::text AS text,
         NULL::text AS subject_kind, NULL::uuid AS subject_id, NULL::timestamptz AS ends_at",
        "account a WHERE a.id = $1"
    ),
    " UNION ALL ",
    part!(
        "'renamed'",
        "h.released_at",
        "md5(h.username)::uuid",
        "0",
        "NULL, h.username, NULL, NULL, NULL, NULL, NULL",
        "username_history h WHERE h.account_id = $1"
    ),
    " UNION ALL ",
    part!(
        "'post'",
        "p.created_at",
        "p.id",
        "1",
        "p.topic_id, p.status, NULL, NULL, NULL, NULL, NULL",
        "post p WHERE p.author_id = $1"
    ),
    " UNION ALL ",
    part!(
        "'post_deleted'",
        "p.deleted_at",
        "p.id",
        "2",
        "p.topic_id, NULL, NULL, NULL, NULL, NULL, NULL",
        "post p WHERE p.author_id = $1 AND p.deleted_at IS NOT NULL"
    ),
    " UNION ALL ",
    part!(
        "'report'",
        "r.created_at",
        "r.id",
        "0",
        "c.topic_id, r.rule_code, r.outcome, NULL, c.subject_kind,
         coalesce(c.subject_post_id, c.subject_topic_id, c.subject_account_id), NULL",
        "report r JOIN moderation_case c ON c.id = r.case_id WHERE r.reporter_id = $1 AND c.owner_id <> $7 AND $8"
    ),
    " UNION ALL ",
    part!(
        "'case_' || e.kind",
        "e.created_at",
        "e.case_id",
        "e.seq",
        "c.topic_id, NULL, e.resolution, NULL, c.subject_kind,
         coalesce(c.subject_post_id, c.subject_topic_id, c.subject_account_id), NULL",
        "moderation_case c JOIN case_event e ON e.case_id = c.id
         WHERE c.owner_id = $1 AND e.kind IN ('opened', 'reopened', 'resolved') AND $8"
    ),
    " UNION ALL ",
    part!(
        "'action'",
        "m.created_at",
        "m.id",
        "0",
        "m.topic_id, m.kind, NULL, NULL, m.subject_kind,
         coalesce(m.subject_post_id, m.subject_topic_id, m.subject_account_id), m.expires_at",
        "mod_action m WHERE m.target_id = $1"
    ),
    " UNION ALL ",
    part!(
        "'sanction_started'",
        "s.starts_at",
        "s.id",
        "1",
        "s.topic_id, s.kind, NULL, NULL, NULL, NULL, s.ends_at",
        "sanction s WHERE s.account_id = $1"
    ),
    " UNION ALL ",
    part!(
        "'sanction_lifted'",
        "s.lifted_at",
        "s.id",
        "2",
        "s.topic_id, s.kind, NULL, NULL, NULL, NULL, NULL",
        "sanction s WHERE s.account_id = $1 AND s.lifted_at IS NOT NULL"
    ),
    " UNION ALL ",
    part!(
        "'note'",
        "t.created_at",
        "t.id",
        "0",
        "NULL, t.audience, NULL, t.text, NULL, NULL, NULL",
        "mod_note t WHERE t.account_id = $1"
    ),
    " UNION ALL ",
    part!(
        "'trust_level_raised'",
        "v.created_at",
        "v.subject_id",
        "(v.data ->> 'level')::integer",
        "NULL, v.data ->> 'level', NULL, NULL, NULL, NULL, NULL",
        "event v WHERE v.subject_id = $1 AND v.kind = 'trust_level_raised'"
    ),
    " UNION ALL ",
    part!(
        "'sessions_revoked'",
        "x.created_at",
        "x.id",
        "0",
        "NULL, NULL, NULL, nullif(x.reason, ''), NULL, NULL, NULL",
        "account_access x WHERE x.account_id = $1 AND x.kind = 'sessions_revoked'"
    ),
    ") happened ORDER BY at DESC, id DESC, n DESC LIMIT $6"
);

/// What happened with an account, the last first: what was before a place, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn timeline(
    db: &impl ConnectionTrait,
    of: Timeline,
    before: Option<TimelinePlace>,
    limit: Limit,
) -> Result<Vec<Happening>> {
    let TimelinePlace(at, id, n) =
        before.unwrap_or(TimelinePlace(Time::from_timestamp_nanos(i64::MAX), Uuid::max(), i32::MAX));
    let values = [
        of.account_id.into(),
        of.kind.as_ref().map(ActiveEnum::to_value).into(),
        at.into(),
        id.into(),
        n.into(),
        limit.and_one().into(),
        of.reader.into(),
        of.reads_reports.into(),
    ];
    all(db, sql(TIMELINE, values)).await
}

/// How often an account shares something with another one.
#[derive(Debug, FromQueryResult)]
pub(in crate::moderation) struct Shared {
    /// The other one.
    pub(in crate::moderation) account_id: AccountId,
    /// Sessions of its own from an address that both have.
    pub(in crate::moderation) addresses: i64,
    /// Those of them by a client that said the same of itself.
    pub(in crate::moderation) clients: i64,
    /// 1 where both were registered within a minute, from one address.
    pub(in crate::moderation) sign_ups: i64,
}

/// What accounts share with one, those first that share most, at most a hundred; as far as it is kept, since a moment. Of
/// each of the twenty addresses that it was last used from the last thousand sessions are looked at. Keeps that somebody
/// looks, and why. The addresses are compared in the database and do not leave it.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn related(
    app: &App,
    tx: &Tx,
    permit: &Permit<ReadRelated>,
    since: Time,
    reason: InspectionReason,
) -> Result<Vec<Shared>> {
    let account_id = permit.act().account_id;
    keep(app, tx, (account_id, permit.by()), AccountAccess::RelatedRead, reason.into()).await?;
    let statement = "WITH own AS (
             SELECT client_origin(client_address) AS origin, array_agg(DISTINCT user_agent) AS clients
             FROM session WHERE account_id = $1 AND client_address IS NOT NULL AND created_at >= $2
             GROUP BY 1 ORDER BY max(created_at) DESC, 1 LIMIT 20
         ), signed_in AS (
             SELECT s.account_id, count(*) AS addresses, count(*) FILTER (WHERE s.user_agent = ANY (own.clients)) AS clients
             FROM own CROSS JOIN LATERAL (
                 SELECT account_id, user_agent FROM session
                 WHERE client_origin(client_address) = own.origin AND client_address IS NOT NULL AND created_at >= $2
                 ORDER BY created_at DESC LIMIT 1000) s
             WHERE s.account_id <> $1 GROUP BY 1
         ), registered AS (
             SELECT at, client_hash FROM audit_log
             WHERE object_kind = 'account' AND object_id = $1 AND verb = 'register' AND outcome = 'done'
               AND client_hash IS NOT NULL AND at >= $2
             ORDER BY seq LIMIT 1
         ), signed_up AS (
             SELECT DISTINCT l.object_id AS account_id, 1::bigint AS sign_ups
             FROM registered r JOIN audit_log l ON l.client_hash = r.client_hash AND l.verb = 'register'
              AND l.at >= date_trunc('minute', r.at) AND l.at < date_trunc('minute', r.at) + interval '1 minute'
             WHERE l.object_kind = 'account' AND l.object_id <> $1 AND l.outcome = 'done'
         )
         SELECT account_id, coalesce(addresses, 0) AS addresses, coalesce(clients, 0) AS clients,
                coalesce(sign_ups, 0) AS sign_ups
         FROM signed_in FULL JOIN signed_up USING (account_id) JOIN account a ON a.id = account_id
         WHERE a.kind = 'person' AND a.state <> 'deleted'
         ORDER BY num_nonnulls(nullif(addresses, 0), nullif(clients, 0), sign_ups) DESC, addresses DESC NULLS LAST, account_id
         LIMIT 100";
    all(tx.conn(), sql(statement, [account_id.into(), since.into()])).await
}
