//! From events to deliveries.

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult};
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::db::{all, insert_all, sql};
use crate::entity::{webhook, webhook_delivery};
use crate::error::Result;
use crate::ids::{CaseId, WebhookId};
use crate::webhooks::rules::{DeliveryState, MessageKind};

/// So many events at a time.
const LOT: usize = 500;

/// How far clocks of servers may be apart.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);

#[derive(FromQueryResult)]
struct Enabled {
    id: WebhookId,
}

/// An event that a webhook is to be told of.
#[derive(FromQueryResult)]
struct Found {
    seq: i64,
    kind: MessageKind,
    subject_id: Option<Uuid>,
    case_id: Option<CaseId>,
    created_at: Time,
    /// Which transactions had ended when it was found.
    snapshot: String,
}

/// Finds what webhooks are to be told of since they were looked at last, and says whether there was anything.
///
/// # Errors
/// The database is away.
pub async fn plan_next(app: &App) -> Result<bool> {
    let enabled: Vec<Enabled> =
        all(&app.db, sql("SELECT id FROM webhook WHERE state = 'enabled' ORDER BY id", [])).await?;
    let mut any = false;
    for Enabled { id } in enabled {
        any |= plan(app, id).await?;
    }
    Ok(any)
}

/// Finds a lot of events that a webhook is to be told of, unless another server is at it.
///
/// An event is new to it whose transaction the position does not see. There is an index for that: what began after the oldest
/// that was still going on. Nobody is told of what is about themselves, as they find no such case, action or job elsewhere.
async fn plan(app: &App, id: WebhookId) -> Result<bool> {
    let tx = app.begin().await?;
    let statement =
        sql("SELECT * FROM webhook WHERE id = $1 AND state = 'enabled' FOR UPDATE SKIP LOCKED", [id.into()]);
    let Some(row) = webhook::Entity::find().from_raw_sql(statement).one(tx.conn()).await? else {
        return Ok(false);
    };
    let now = app.now();
    let since =
        (row.enabled_at - CLOCKS_DIFFER).max(now - TimeDelta::days(app.config.webhooks.kept_days.into()));
    let statement = "SELECT e.seq, e.subject_id, e.created_at, n.kind, c.id AS case_id, pg_current_snapshot()::text AS snapshot
         FROM event e
         LEFT JOIN mod_action a ON e.kind = 'moderated' AND a.id = e.subject_id
         LEFT JOIN appeal p ON e.kind LIKE 'appeal\\_%' AND p.id = e.subject_id
         LEFT JOIN moderation_case c
              ON c.id = CASE WHEN e.kind LIKE 'case\\_%' THEN e.subject_id ELSE coalesce(a.case_id, p.case_id) END
         CROSS JOIN LATERAL (SELECT CASE WHEN e.kind <> 'moderated' THEN e.kind
                                         WHEN a.kind = 'revert' THEN 'action_reverted'
                                         ELSE 'action_taken' END AS kind) n
         WHERE e.kind IN ('case_opened', 'case_reopened', 'case_resolved', 'appeal_filed', 'appeal_decided', 'moderated',
                          'job_finished')
           AND e.xid >= pg_snapshot_xmin($2::pg_snapshot)
           AND NOT pg_visible_in_snapshot(e.xid, $2::pg_snapshot)
           AND e.created_at > $3 AND n.kind = ANY ($4)
           AND c.owner_id IS DISTINCT FROM $5 AND a.target_id IS DISTINCT FROM $5
           AND p.appellant_id IS DISTINCT FROM $5
           AND NOT EXISTS (SELECT FROM mod_job j JOIN mod_job_item i ON i.job_id = j.id
                           WHERE e.kind = 'job_finished' AND j.id = e.subject_id AND i.owner_id = $5
                             AND j.author_id IS DISTINCT FROM $5)
           AND NOT EXISTS (SELECT FROM webhook_delivery d WHERE d.webhook_id = $1 AND d.event_seq = e.seq)
         ORDER BY e.seq LIMIT $6";
    let lot = i64::try_from(LOT).unwrap_or(i64::MAX);
    let values =
        [id.into(), row.position.into(), since.into(), row.kinds.into(), row.owner_id.into(), lot.into()];
    let found: Vec<Found> = all(tx.conn(), sql(statement, values)).await?;
    let (count, snapshot) = (found.len(), found.first().map(|event| event.snapshot.clone()));
    let Some(snapshot) = snapshot else {
        // At once: whoever tells the webhook passes by as long as it is locked.
        tx.undo().await?;
        return Ok(false);
    };
    let deliveries = found.into_iter().map(|event| webhook_delivery::Model {
        id: app.ids.next(),
        webhook_id: id,
        event_seq: Some(event.seq),
        kind: event.kind,
        subject_id: event.subject_id,
        case_id: event.case_id,
        happened_at: event.created_at,
        state: DeliveryState::Pending,
        attempts: 0,
        next_attempt_at: Some(now),
        last_status: None,
        last_failure: None,
        created_at: now,
        finished_at: None,
    });
    insert_all(&tx, deliveries.collect()).await?;
    if count < LOT {
        // All that it sees is sent by now; of a full lot the rest is found from where this one was.
        let statement = "UPDATE webhook SET position = $2 WHERE id = $1";
        tx.conn().execute_raw(sql(statement, [id.into(), snapshot.into()])).await?;
    }
    tx.commit().await?;
    Ok(true)
}
