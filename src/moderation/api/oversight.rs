//! What moderation comes to, on the wire: the transparency report, statistics, and the statements of reasons.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::decisions::StatementOfReasons;
use crate::app::App;
use crate::clock::Timestamp;
use crate::db::keyset;
use crate::error::Result;
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Cache, Query};
use crate::ids::{ActionId, TopicId};
use crate::invalid::Invalid;
use crate::moderation::rules::period::Period;
use crate::moderation::store::{self, Backlog, Counts, Day, Duration, Stance};
use crate::policy::{Actor, Oversee};
use crate::topics;

/// Which time is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeriodQuery {
    /// A year or a month, in UTC; this year where nothing is said.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
}

/// What moderation did in a year or a month. What came of things is what came of them by now.
#[derive(Debug, Serialize, ToSchema)]
struct TransparencyReport {
    #[schema(value_type = String)]
    period: Period,
    from: Timestamp,
    /// The first moment after it.
    to: Timestamp,
    /// Reports that people filed, by their outcome.
    reports: Counts,
    /// How long it took until something came of those that were closed in it.
    report_time: Duration,
    /// Actions by kind, without those that took others back.
    actions: Counts,
    /// The same by the rule that was broken.
    actions_by_rule: Counts,
    /// The same by who acted: a person (`human`), a rule of automatic moderation (`rule`) or the server (`system`).
    actions_by_actor: Counts,
    /// The same by how what they are about was found.
    actions_by_source: Counts,
    /// Of the actions, those that were taken back, by who had acted.
    reverted_by_actor: Counts,
    /// Appeals that were filed, by their outcome, or state where they have none.
    appeals: Counts,
    /// How long those took that were decided in it.
    appeal_time: Duration,
}

/// Read the transparency report
///
/// Counted anew from what is kept, each time.
#[utoipa::path(get, path = "/transparency", tag = "moderation", params(PeriodQuery), responses((status = 200, body = TransparencyReport)), security((), ("bearer" = [])))]
async fn read_transparency_report(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PeriodQuery>,
) -> Result<Answer> {
    let period = query.period.unwrap_or_else(|| Period::year_of(app.now()));
    let (from, to) = period.span();
    let snapshot = app.snapshot().await?;
    let account = store::account_of(&snapshot, (from, to)).await?;
    let report = TransparencyReport {
        period,
        from: from.into(),
        to: to.into(),
        reports: account.reports,
        report_time: account.report_time,
        actions: account.actions,
        actions_by_rule: account.actions_by_rule,
        actions_by_actor: account.actions_by_actor,
        actions_by_source: account.actions_by_source,
        reverted_by_actor: account.reverted_by_actor,
        appeals: account.appeals,
        appeal_time: account.appeal_time,
    };
    Answer::ok(&report, Cache::for_reader(&actor))
}

/// A statement of reasons as the transparency database of the European Union takes it.
#[derive(Debug, Serialize, ToSchema)]
struct FiledStatement {
    /// What it is known by there.
    puid: ActionId,
    #[serde(flatten)]
    statement: StatementOfReasons,
}

/// Which statements are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StatementQuery {
    /// A year or a month, in UTC; this year where nothing is said.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List statements of reasons
///
/// Of a year or a month, in the fields of the transparency database of the European Union, without whom they are to.
#[utoipa::path(get, path = "/mod/transparency/statements", tag = "moderation", params(StatementQuery), responses((status = 200, body = Page<FiledStatement>)), security(("bearer" = [])))]
async fn list_statements(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<StatementQuery>,
) -> Result<Answer> {
    actor.may(Oversee)?;
    let period = query.period.unwrap_or_else(|| Period::year_of(app.now()));
    let list = format!("statements/{}", String::from(period));
    let after = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::statements(&app.db, period.span(), after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.action_id));
    let filed = |row: crate::entity::statement_of_reasons::Model| FiledStatement {
        puid: row.action_id,
        statement: row.into(),
    };
    let items = page.items.into_iter().map(filed).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read what waits
///
/// How many cases and appeals, and for how long the oldest.
#[utoipa::path(get, path = "/mod/stats/live", tag = "moderation", responses((status = 200, body = Backlog)), security(("bearer" = [])))]
async fn read_backlog(State(app): State<App>, actor: Actor) -> Result<Answer> {
    actor.may(Oversee)?;
    Answer::ok(&store::backlog(&app.db, app.now()).await?, Cache::No)
}

/// How many days are counted, 1 to 366.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Days(i32);

impl TryFrom<u64> for Days {
    type Error = Invalid;

    fn try_from(value: u64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(days @ 1..=366) => Ok(Self(days)),
            _ => Err(Invalid::new("out_of_range", "From 1 to 366 days.")),
        }
    }
}

/// How far back it is counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DaysQuery {
    /// Days, 1 to 366, today among them; 30 where nothing is said.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 366)]
    days: Option<Days>,
}

/// What moderation did day by day.
#[derive(Debug, Serialize, ToSchema)]
struct DailyStatistics {
    /// The last first.
    items: Vec<Day>,
}

/// Read what moderation did day by day
#[utoipa::path(get, path = "/mod/stats/daily", tag = "moderation", params(DaysQuery), responses((status = 200, body = DailyStatistics)), security(("bearer" = [])))]
async fn read_daily(State(app): State<App>, actor: Actor, Query(query): Query<DaysQuery>) -> Result<Answer> {
    actor.may(Oversee)?;
    let days = query.days.map_or(30, |days| days.0);
    Answer::ok(&DailyStatistics { items: store::daily(&app.db, app.now(), days).await? }, Cache::No)
}

/// Which topic is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct StanceQuery {
    /// The topic.
    topic: TopicId,
}

/// How those fared who argue for a scenario.
#[derive(Debug, Serialize, ToSchema)]
struct Stances {
    /// In the order of the scenarios.
    items: Vec<Stance>,
}

/// Read how each side is treated
///
/// Scenario by scenario of a topic: posts that make it likelier in their authors' view, and how many of them and of their
/// authors something was done about. Nothing is decided by this.
#[utoipa::path(get, path = "/mod/stats/stances", tag = "moderation", params(StanceQuery), responses((status = 200, body = Stances)), security(("bearer" = [])))]
async fn read_stances(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<StanceQuery>,
) -> Result<Answer> {
    actor.may(Oversee)?;
    let topic = topics::find(&app.db, &actor, &query.topic.to_string()).await?;
    Answer::ok(&Stances { items: store::stances(&app.db, topic.id).await? }, Cache::No)
}

/// The paths about what moderation comes to.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_transparency_report))
        .routes(routes!(list_statements))
        .routes(routes!(read_backlog))
        .routes(routes!(read_daily))
        .routes(routes!(read_stances))
}
