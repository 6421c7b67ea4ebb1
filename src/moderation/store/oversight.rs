//! Counting what moderation does: for everybody, and for those who look after it. All of it is counted anew from rows.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use crate::clock::Time;
use crate::db::{all, one, sql};
use crate::entity::statement_of_reasons;
use crate::error::Result;
use crate::http::page::Limit;
use crate::ids::{AccountId, ActionId, CaseId, ScenarioId, TopicId};
use crate::moderation::rules::agreement::Step;
use crate::moderation::rules::appeal::AppealOutcome;
use crate::moderation::rules::{CaseEventKind, CaseOutcome};

/// How many there are of each name.
pub(in crate::moderation) type Counts = BTreeMap<String, i64>;

#[derive(FromQueryResult)]
struct Named {
    name: String,
    n: i64,
}

async fn counts(
    db: &impl ConnectionTrait,
    statement: &'static str,
    (from, to): (Time, Time),
) -> Result<Counts> {
    let rows: Vec<Named> = all(db, sql(statement, [from.into(), to.into()])).await?;
    Ok(rows.into_iter().map(|row| (row.name, row.n)).collect())
}

/// How long something took, in hours: half of it less than the median, nine in ten less than the other.
#[derive(Debug, Clone, Copy, PartialEq, FromQueryResult, serde::Serialize, utoipa::ToSchema)]
pub(in crate::moderation) struct Duration {
    /// The median; null where there was nothing.
    pub(in crate::moderation) median_hours: Option<f64>,
    /// The ninth decile; null where there was nothing.
    pub(in crate::moderation) p90_hours: Option<f64>,
}

/// The statement that says how long rows took that ended in a span, by what they began and ended with.
macro_rules! duration {
    ($took:literal, $rows:literal) => {
        concat!(
            "SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ",
            $took,
            ") / 3600))::numeric, 2)::double precision AS median_hours,
             round((percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM ",
            $took,
            ") / 3600))::numeric, 2)::double precision AS p90_hours FROM ",
            $rows
        )
    };
}

async fn duration(
    db: &impl ConnectionTrait,
    statement: &'static str,
    (from, to): (Time, Time),
) -> Result<Duration> {
    let row: Option<Duration> = one(db, sql(statement, [from.into(), to.into()])).await?;
    Ok(row.unwrap_or(Duration { median_hours: None, p90_hours: None }))
}

/// What moderation did in a span of time.
#[derive(Debug)]
pub(in crate::moderation) struct Account {
    /// Reports that people filed, by what came of them by now.
    pub(in crate::moderation) reports: Counts,
    /// Actions, by kind; without those that only took others back.
    pub(in crate::moderation) actions: Counts,
    /// The same by the rule that was broken.
    pub(in crate::moderation) actions_by_rule: Counts,
    /// The same by whoever acted: a person, a rule, the server.
    pub(in crate::moderation) actions_by_actor: Counts,
    /// The same by how they came about, in the words of the transparency database.
    pub(in crate::moderation) actions_by_source: Counts,
    /// Of those, the ones that were taken back by now, by who had acted.
    pub(in crate::moderation) reverted_by_actor: Counts,
    /// Appeals that were filed, by what came of them by now.
    pub(in crate::moderation) appeals: Counts,
    /// How long appeals took that were decided.
    pub(in crate::moderation) appeal_time: Duration,
    /// How long reports took that something came of, without those that were closed the moment they came.
    pub(in crate::moderation) report_time: Duration,
}

/// Counts what moderation did from one moment until before another.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn account_of(
    db: &impl ConnectionTrait,
    span: (Time, Time),
) -> Result<Account> {
    Ok(Account {
        reports: counts(
            db,
            "SELECT coalesce(outcome, 'open') AS name, count(*) AS n FROM report
             WHERE created_at >= $1 AND created_at < $2 AND rule_hit_id IS NULL GROUP BY 1",
            span,
        )
        .await?,
        actions: counts(
            db,
            "SELECT kind AS name, count(*) AS n FROM mod_action
             WHERE created_at >= $1 AND created_at < $2 AND kind <> 'revert' GROUP BY 1",
            span,
        )
        .await?,
        actions_by_rule: counts(
            db,
            "SELECT rule_code AS name, count(*) AS n FROM mod_action
             WHERE created_at >= $1 AND created_at < $2 AND kind <> 'revert' GROUP BY 1",
            span,
        )
        .await?,
        actions_by_actor: counts(
            db,
            "SELECT actor_kind AS name, count(*) AS n FROM mod_action
             WHERE created_at >= $1 AND created_at < $2 AND kind <> 'revert' GROUP BY 1",
            span,
        )
        .await?,
        actions_by_source: counts(
            db,
            "SELECT s.source_type AS name, count(*) AS n FROM mod_action a JOIN statement_of_reasons s ON s.action_id = a.id
             WHERE a.created_at >= $1 AND a.created_at < $2 GROUP BY 1",
            span,
        )
        .await?,
        reverted_by_actor: counts(
            db,
            "SELECT a.actor_kind AS name, count(*) AS n FROM mod_action a JOIN mod_action r ON r.reverts_id = a.id
             WHERE a.created_at >= $1 AND a.created_at < $2 GROUP BY 1",
            span,
        )
        .await?,
        appeals: counts(
            db,
            "SELECT coalesce(outcome, state) AS name, count(*) AS n FROM appeal
             WHERE created_at >= $1 AND created_at < $2 GROUP BY 1",
            span,
        )
        .await?,
        appeal_time: duration(
            db,
            duration!(
                "(closed_at - created_at)",
                "appeal WHERE state = 'decided' AND closed_at >= $1 AND closed_at < $2"
            ),
            span,
        )
        .await?,
        report_time: duration(
            db,
            // What was closed the moment it came waited for nobody.
            duration!(
                "(closed_at - created_at)",
                "report WHERE closed_at >= $1 AND closed_at < $2 AND closed_at > created_at AND rule_hit_id IS NULL"
            ),
            span,
        )
        .await?,
    })
}

/// What came of notices that something is against the law.
#[derive(Debug)]
pub(in crate::moderation) struct NoticeAccount {
    /// Those that came, by what came of them by now.
    pub(in crate::moderation) outcomes: Counts,
    /// How many of them are about the sexual abuse of children.
    pub(in crate::moderation) of_child_abuse: i64,
    /// How long those took that were decided, without those that were closed the moment they came.
    pub(in crate::moderation) time: Duration,
}

#[derive(FromQueryResult)]
struct Number {
    n: i64,
}

/// Counts notices from one moment until before another.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn account_of_notices(
    db: &impl ConnectionTrait,
    span: (Time, Time),
) -> Result<NoticeAccount> {
    let of_child_abuse = "SELECT count(*) AS n FROM legal_notice
         WHERE created_at >= $1 AND created_at < $2 AND is_child_abuse";
    let of_child_abuse: Option<Number> = one(db, sql(of_child_abuse, [span.0.into(), span.1.into()])).await?;
    Ok(NoticeAccount {
        outcomes: counts(
            db,
            "SELECT coalesce(r.outcome, 'open') AS name, count(*) AS n
             FROM legal_notice n JOIN report r ON r.id = n.report_id
             WHERE n.created_at >= $1 AND n.created_at < $2 GROUP BY 1",
            span,
        )
        .await?,
        of_child_abuse: of_child_abuse.map_or(0, |row| row.n),
        time: duration(
            db,
            duration!(
                "(r.closed_at - r.created_at)",
                "legal_notice n JOIN report r ON r.id = n.report_id
                 WHERE r.closed_at >= $1 AND r.closed_at < $2 AND r.closed_at > r.created_at"
            ),
            span,
        )
        .await?,
    })
}

/// The statements of reasons of a span of time of what restricts somebody, the first first: those after one, and one more than
/// fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn statements(
    db: &impl ConnectionTrait,
    (from, to): (Time, Time),
    after: Option<ActionId>,
    limit: Limit,
) -> Result<Vec<statement_of_reasons::Model>> {
    let restricts = [
        statement_of_reasons::Column::DecisionVisibility,
        statement_of_reasons::Column::DecisionProvision,
        statement_of_reasons::Column::DecisionAccount,
    ];
    let restricts = restricts.into_iter().fold(Condition::any(), |any, column| any.add(column.is_not_null()));
    let rows = statement_of_reasons::Entity::find()
        .filter(statement_of_reasons::Column::ApplicationDate.gte(from))
        .filter(statement_of_reasons::Column::ApplicationDate.lt(to))
        .filter(statement_of_reasons::Column::ActionId.gt(after.unwrap_or(ActionId(Uuid::nil()))))
        .filter(restricts)
        .order_by_asc(statement_of_reasons::Column::ActionId)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

#[derive(FromQueryResult)]
struct RuleOfAction {
    id: ActionId,
    rule_code: Option<String>,
}

/// By which rules of the site the actions are that these statements are about, by their codes.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn rules_of_statements(
    db: &impl ConnectionTrait,
    statements: &[statement_of_reasons::Model],
) -> Result<HashMap<ActionId, String>> {
    let ids: Vec<Uuid> = statements.iter().map(|statement| statement.action_id.0).collect();
    let statement = "SELECT id, rule_code FROM mod_action WHERE id = ANY ($1)";
    let rows: Vec<RuleOfAction> = all(db, sql(statement, [ids.into()])).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, row.rule_code?))).collect())
}

/// What waits to be decided at the moment.
#[derive(Debug, FromQueryResult, serde::Serialize, utoipa::ToSchema)]
pub(in crate::moderation) struct Backlog {
    /// Cases that nobody has claimed.
    pub(in crate::moderation) open: i64,
    /// Cases that somebody is at.
    pub(in crate::moderation) claimed: i64,
    /// Cases that were passed on.
    pub(in crate::moderation) escalated: i64,
    /// Appeals that wait.
    pub(in crate::moderation) appeals: i64,
    /// For how long the oldest of the cases has waited, in hours; null where none does.
    pub(in crate::moderation) oldest_case_hours: Option<f64>,
    /// The same of the appeals.
    pub(in crate::moderation) oldest_appeal_hours: Option<f64>,
}

/// Counts what waits at a moment.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn backlog(db: &impl ConnectionTrait, now: Time) -> Result<Option<Backlog>> {
    let statement = "SELECT
            count(*) FILTER (WHERE state = 'open' OR (state = 'claimed' AND NOT is_escalated AND claim_expires_at <= $1)) AS open,
            count(*) FILTER (WHERE state = 'claimed' AND claim_expires_at > $1) AS claimed,
            count(*) FILTER (WHERE state = 'escalated' OR (state = 'claimed' AND is_escalated AND claim_expires_at <= $1))
                AS escalated,
            (SELECT count(*) FROM appeal WHERE state = 'open') AS appeals,
            round((extract(epoch FROM $1 - min(opened_at)) / 3600)::numeric, 2)::double precision AS oldest_case_hours,
            (SELECT round((extract(epoch FROM $1 - min(created_at)) / 3600)::numeric, 2)::double precision
             FROM appeal WHERE state = 'open') AS oldest_appeal_hours
         FROM moderation_case WHERE state IN ('open', 'claimed', 'escalated')";
    one(db, sql(statement, [now.into()])).await
}

/// What moderation did on one day, in UTC.
#[derive(Debug, FromQueryResult, serde::Serialize, utoipa::ToSchema)]
pub(in crate::moderation) struct Day {
    /// Which.
    #[schema(value_type = String, format = Date)]
    pub(in crate::moderation) date: String,
    /// Reports of people that came in.
    pub(in crate::moderation) reports: i64,
    /// Cases that were decided.
    pub(in crate::moderation) resolved: i64,
    /// Actions, without those that only took others back.
    pub(in crate::moderation) actions: i64,
    /// Of the actions of that day, those that were taken back by now.
    pub(in crate::moderation) reverted: i64,
    /// Half of the reports that something came of that day had waited for less, in hours; null where there were none. Those that
    /// were closed the moment they came, such as of what had been decided before, are left out.
    pub(in crate::moderation) median_hours: Option<f64>,
    /// Nine in ten had.
    pub(in crate::moderation) p90_hours: Option<f64>,
}

/// Counts day by day, the last first.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn daily(
    db: &impl ConnectionTrait,
    now: Time,
    days: i32,
) -> Result<Vec<Day>> {
    let statement = "SELECT to_char(d.day, 'YYYY-MM-DD') AS date,
            (SELECT count(*) FROM report r WHERE r.created_at >= d.day AND r.created_at < d.day + interval '1 day'
                                           AND r.rule_hit_id IS NULL) AS reports,
            (SELECT count(*) FROM case_event e WHERE e.kind = 'resolved' AND e.created_at >= d.day
                                               AND e.created_at < d.day + interval '1 day') AS resolved,
            (SELECT count(*) FROM mod_action a WHERE a.kind <> 'revert' AND a.created_at >= d.day
                                               AND a.created_at < d.day + interval '1 day') AS actions,
            (SELECT count(*) FROM mod_action a JOIN mod_action r ON r.reverts_id = a.id
             WHERE a.created_at >= d.day AND a.created_at < d.day + interval '1 day') AS reverted,
            took.median_hours, took.p90_hours
         FROM (SELECT (date_trunc('day', $1::timestamptz AT TIME ZONE 'UTC') - make_interval(days => n)) AT TIME ZONE 'UTC' AS day
               FROM generate_series(0, $2 - 1) AS n) d
         CROSS JOIN LATERAL (
             SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY hours))::numeric, 2)::double precision AS median_hours,
                    round((percentile_cont(0.9) WITHIN GROUP (ORDER BY hours))::numeric, 2)::double precision AS p90_hours
             FROM (SELECT extract(epoch FROM closed_at - created_at) / 3600 AS hours FROM report r
                   WHERE r.closed_at >= d.day AND r.closed_at < d.day + interval '1 day' AND r.closed_at > r.created_at
                     AND r.rule_hit_id IS NULL) r) took
         ORDER BY d.day DESC";
    all(db, sql(statement, [now.into(), days.into()])).await
}

/// How often posts were taken out of sight that make a scenario likelier, in their authors' view.
#[derive(Debug, FromQueryResult, serde::Serialize, utoipa::ToSchema)]
pub(in crate::moderation) struct Stance {
    /// The scenario.
    pub(in crate::moderation) scenario_id: ScenarioId,
    /// Its short name.
    pub(in crate::moderation) label: String,
    /// Posts that raise it.
    pub(in crate::moderation) posts: i64,
    /// Of those, the ones that were hidden or removed, and were not put back.
    pub(in crate::moderation) out_of_sight: i64,
    /// People who wrote such a post.
    pub(in crate::moderation) authors: i64,
    /// Of those, the ones with a sanction that was not lifted, for anything in this topic.
    pub(in crate::moderation) sanctioned: i64,
}

/// Counts, scenario by scenario, how those fared who argue for it. Nothing is decided by this: it is there for people to see
/// whether one side is treated otherwise.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn stances(
    db: &impl ConnectionTrait,
    topic_id: TopicId,
) -> Result<Vec<Stance>> {
    let statement = "SELECT s.id AS scenario_id, s.label, count(p.id) AS posts,
                count(p.id) FILTER (WHERE p.status IN ('hidden', 'removed')) AS out_of_sight,
                count(DISTINCT p.author_id) AS authors,
                count(DISTINCT p.author_id) FILTER (WHERE EXISTS (
                    SELECT FROM sanction x JOIN mod_action a ON a.id = x.id
                    WHERE x.account_id = p.author_id AND x.lifted_at IS NULL AND a.topic_id = $1)) AS sanctioned
         FROM scenario s
         LEFT JOIN stance_effect e ON e.scenario_id = s.id AND e.direction = 'raises'
         LEFT JOIN post p ON p.id = e.post_id AND p.status <> 'deleted'
         WHERE s.topic_id = $1
         GROUP BY s.id, s.label, s.position ORDER BY s.position";
    all(db, sql(statement, [topic_id.into()])).await
}

#[derive(FromQueryResult)]
struct StepRow {
    case_id: CaseId,
    kind: CaseEventKind,
    by: Option<AccountId>,
    resolution: Option<CaseOutcome>,
    outcome: Option<AppealOutcome>,
    against_action: bool,
    by_hand: bool,
}

/// What was found in the cases of which something was decided since a moment, where two people decided or more: case by
/// case, each in the order in which it happened. Only whoever has a case decided anew says why, so a note tells that from a
/// report of something new.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn decided_again(
    db: &impl ConnectionTrait,
    since: Time,
) -> Result<Vec<Step>> {
    let statement = "SELECT e.case_id, e.kind, e.actor_id AS by, e.resolution, p.outcome,
                coalesce(p.action_id IS NOT NULL, false) AS against_action,
                e.kind = 'reopened' AND e.actor_id IS NOT NULL AND e.note <> '' AS by_hand
         FROM case_event e LEFT JOIN appeal p ON p.id = e.appeal_id
         WHERE e.kind IN ('resolved', 'appeal_decided', 'reopened') AND e.case_id IN (
             SELECT d.case_id FROM case_event d
             WHERE d.kind IN ('resolved', 'appeal_decided') AND d.actor_id IS NOT NULL AND d.case_id IN (
                 SELECT l.case_id FROM case_event l
                 WHERE l.kind IN ('resolved', 'appeal_decided') AND l.created_at >= $1)
             GROUP BY d.case_id HAVING count(DISTINCT d.actor_id) > 1)
         ORDER BY e.case_id, e.seq";
    let rows: Vec<StepRow> = all(db, sql(statement, [since.into()])).await?;
    let step = |StepRow { case_id, kind, by, resolution, outcome, against_action, by_hand }| Step {
        case_id,
        kind,
        by,
        resolution,
        outcome,
        against_action,
        by_hand,
    };
    Ok(rows.into_iter().map(step).collect())
}
