//! Reports on the wire.

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::decisions::AppealView;
use crate::app::App;
use crate::auth::rules::Scope;
use crate::automation;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::decisions::rules::{Subject, SubjectKind};
use crate::entity::report;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query};
use crate::ids::{CaseId, PostId, ReportId};
use crate::moderation::rules::{ReportComment, ReportOutcome, RuleCode};
use crate::moderation::store::{self, Purpose};
use crate::policy::{Actor, ReportSubject};
use crate::{posts, topics};

/// That something breaks a rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReport {
    /// What does.
    subject: Subject,
    /// The code of the rule.
    rule: RuleCode,
    /// What the moderators should know.
    #[serde(default)]
    comment: Option<ReportComment>,
}

/// A report, as whoever made it sees it.
#[derive(Debug, Serialize, ToSchema)]
struct ReportView {
    id: ReportId,
    subject: Subject,
    /// The version of the subject that was reported.
    subject_revision: i32,
    /// The code of the rule.
    rule: String,
    rule_version: i32,
    comment: String,
    /// Whether it weighs nothing: `GET /me/sanctions` says why, and until when reports of yours do.
    is_muted: bool,
    /// What came of it; null while it is open.
    outcome: Option<ReportOutcome>,
    created_at: Timestamp,
    closed_at: Option<Timestamp>,
    /// The appeal about it, unless that was taken back.
    appeal: Option<AppealView>,
}

impl ReportView {
    /// Several, with what they are about and the appeals about them.
    async fn all(db: &impl ConnectionTrait, rows: Vec<report::Model>) -> Result<Vec<Self>> {
        let subjects = store::subjects(db, &rows).await?;
        let ids: Vec<ReportId> = rows.iter().map(|row| row.id).collect();
        let mut appeals = store::of_reports(db, &ids).await?;
        let view = |row: report::Model| {
            let appeal = appeals.remove(&row.id).map(AppealView::from);
            Ok(Self { appeal, ..Self::of(row, &subjects)? })
        };
        rows.into_iter().map(view).collect()
    }

    /// One that nobody has appealed about.
    fn of(row: report::Model, subjects: &HashMap<CaseId, Subject>) -> Result<Self> {
        let subject = subjects.get(&row.case_id).copied();
        Ok(Self {
            id: row.id,
            subject: subject.ok_or_else(|| Error::internal(anyhow::anyhow!("a report without a case")))?,
            subject_revision: row.subject_revision,
            rule: row.rule_code,
            rule_version: row.rule_version,
            comment: row.comment,
            is_muted: row.is_muted,
            outcome: row.outcome,
            created_at: row.created_at.into(),
            closed_at: row.closed_at.map(Into::into),
            appeal: None,
        })
    }
}

/// Report something
///
/// That a post, a topic or an account breaks a rule. Who reports the same again by the same rule, while that is open, gets
/// the report there is.
#[utoipa::path(post, path = "/reports", tag = "moderation", request_body = NewReport, responses((status = 201, body = ReportView)), security(("bearer" = [])))]
async fn create_report(State(app): State<App>, actor: Actor, create: Create<NewReport>) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Post)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let reported = store::find_subject(&tx, &actor, new.subject, Purpose::Report).await?;
    let permit = actor.may(ReportSubject { owner_id: reported.owner_id })?;
    let comment = new.comment.map_or_else(String::new, Into::into);
    let (row, is_new) = store::file(&app, &tx, &permit, &reported, &new.rule, comment).await?;
    let id = row.id;
    if is_new {
        let event = Event { kind: "report_filed", subject_id: Some(id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
        // What weighs nothing is nothing that rules go by.
        if let (SubjectKind::Post, Some(topic_id), false) =
            (new.subject.kind, reported.topic_id, row.is_muted)
        {
            let post_id = PostId(new.subject.id);
            // What is judged is what may be hidden: its author changes nothing in between.
            topics::lock_activity(&tx, topic_id).await?;
            posts::find_for_update(&tx, post_id).await?;
            let enforced = automation::judge_report(&app, &tx, &permit, post_id).await?;
            posts::enforce(&app, &tx, post_id, &enforced).await?;
        }
    }
    let subjects = HashMap::from([(row.case_id, new.subject)]);
    let view = ReportView::of(row, &subjects)?;
    let answer = Answer::created(format!("/api/v1/reports/{id}"), &view, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// List one's reports
///
/// With what came of them, the last first.
#[utoipa::path(get, path = "/reports", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<ReportView>)), security(("bearer" = [])))]
async fn list_own_reports(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let own = actor.require()?.id;
    let list = format!("reports/{own}");
    let before = query.place(&app, &list)?;
    let rows = store::list_own_reports(&app.db, own, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = ReportView::all(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Read one's report
#[utoipa::path(get, path = "/reports/{id}", tag = "moderation", params(("id" = ReportId, Path)), responses((status = 200, body = ReportView)), security(("bearer" = [])))]
async fn read_own_report(State(app): State<App>, actor: Actor, Path(id): Path<ReportId>) -> Result<Answer> {
    let own = actor.require()?.id;
    let row = store::find_own_report(&app.db, id, own).await?;
    Answer::ok(&ReportView::all(&app.db, vec![row]).await?.into_iter().next(), Cache::No)
}

/// The paths about reports.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_own_reports, create_report)).routes(routes!(read_own_report))
}
