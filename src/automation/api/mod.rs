//! Rules of automatic moderation on the wire.

mod sets;

use std::collections::HashMap;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::condition::Condition;
use super::rules::judge::HitReason;
use super::rules::{
    RuleAction, RuleContent, RuleEffect, RuleExemption, RuleExplanation, RuleMode, RuleName, RuleTrigger,
    RuleTriggers,
};
use super::store::trial::{self, Sample};
use super::store::{self, Details};
use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::{ConnectionTrait, keyset};
use crate::entity::{automation_rule, automation_trial, rule_hit};
use crate::error::{Error, Result};
use crate::http::page::{Limit, Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::{AccountId, AutomationRuleId, CaseId, PostId, RuleHitId};
use crate::invalid::Invalid;
use crate::policy::{Actor, EditAutomation};
use crate::text::RuleCode;

/// A rule to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAutomationRule {
    name: RuleName,
    /// What people are told whom it meets.
    explanation: RuleExplanation,
    /// The code of the rule of the site that it serves.
    policy_rule: RuleCode,
    /// When it is applied.
    triggers: RuleTriggers,
    /// Which posts it meets.
    when: Condition,
    /// What it does then.
    action: RuleAction,
    /// Whom it does not meet; the staff where nothing is said.
    #[serde(default)]
    exempt: RuleExemption,
    /// Whether it is applied: `off` where nothing is said, and not `enforce`, which takes a trial.
    #[serde(default = "off")]
    #[schema(default = "off")]
    mode: RuleMode,
}

const fn off() -> RuleMode {
    RuleMode::Off
}

/// What is changed of a rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AutomationRuleEdit {
    #[serde(default, deserialize_with = "patch::required")]
    name: Option<RuleName>,
    #[serde(default, deserialize_with = "patch::required")]
    explanation: Option<RuleExplanation>,
    #[serde(default, deserialize_with = "patch::required")]
    policy_rule: Option<RuleCode>,
    #[serde(default, deserialize_with = "patch::required")]
    triggers: Option<RuleTriggers>,
    #[serde(default, deserialize_with = "patch::required")]
    when: Option<Condition>,
    #[serde(default, deserialize_with = "patch::required")]
    action: Option<RuleAction>,
    #[serde(default, deserialize_with = "patch::required")]
    exempt: Option<RuleExemption>,
    /// Whether it is applied. `enforce` takes a trial of this very version in the last day.
    #[serde(default, deserialize_with = "patch::required")]
    mode: Option<RuleMode>,
}

impl AutomationRuleEdit {
    /// What the rule consists of with these changes.
    fn of(self, old: &RuleContent) -> (RuleContent, Option<RuleMode>) {
        let old = old.clone();
        let content = RuleContent {
            name: self.name.unwrap_or(old.name),
            explanation: self.explanation.unwrap_or(old.explanation),
            policy_rule: self.policy_rule.unwrap_or(old.policy_rule),
            triggers: self.triggers.unwrap_or(old.triggers),
            when: self.when.unwrap_or(old.when),
            action: self.action.unwrap_or(old.action),
            exempt: self.exempt.unwrap_or(old.exempt),
        };
        (content, self.mode)
    }
}

/// What a version of a rule would have made of posts that were there, or of those who signed up.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct TrialSummary {
    /// How many posts it looked at; how many sign-ups, where it is asked about those.
    posts: i32,
    /// How many of them it would have met.
    matched: i32,
    /// Of how many people.
    authors: i32,
    /// Whether it looked at all that it was asked to look at; if not, it counts for nothing: ask for fewer.
    is_complete: bool,
    ran_at: Timestamp,
}

impl From<&automation_trial::Model> for TrialSummary {
    fn from(row: &automation_trial::Model) -> Self {
        Self {
            posts: row.posts,
            matched: row.matched,
            authors: row.authors,
            is_complete: row.is_complete,
            ran_at: row.ran_at.into(),
        }
    }
}

/// A rule by which posts, or those who sign up, are judged without a human.
#[derive(Debug, Serialize, ToSchema)]
struct AutomationRuleView {
    id: AutomationRuleId,
    /// Which version of it counts; what was done by an older one stays done by that.
    version: i32,
    mode: RuleMode,
    #[serde(flatten)]
    content: RuleContent,
    /// Who made this version; null once their account was erased.
    made_by: Option<Author>,
    /// The last trial of this version; null where there was none.
    trial: Option<TrialSummary>,
    created_at: Timestamp,
    /// When it, or its mode, was last changed.
    updated_at: Timestamp,
    /// When it was given up; null while it can be applied.
    retired_at: Option<Timestamp>,
}

async fn views(
    db: &impl ConnectionTrait,
    rules: Vec<automation_rule::Model>,
) -> Result<Vec<AutomationRuleView>> {
    let Details { versions, trials } = store::details(db, &rules).await?;
    let people = authors(db, versions.values().filter_map(|version| version.made_by).collect()).await?;
    let view = |rule: automation_rule::Model| {
        let version = versions.get(&rule.id);
        let version = version.ok_or_else(|| Error::internal(anyhow::anyhow!("a rule without a version")))?;
        Ok(AutomationRuleView {
            id: rule.id,
            version: rule.version,
            mode: rule.mode,
            content: store::content_of(version)?,
            made_by: version.made_by.and_then(|id| people.get(&id).cloned()),
            trial: trials.get(&rule.id).map(TrialSummary::from),
            created_at: rule.created_at.into(),
            updated_at: rule.updated_at.into(),
            retired_at: rule.retired_at.map(Into::into),
        })
    };
    rules.into_iter().map(view).collect()
}

async fn view(db: &impl ConnectionTrait, rule: automation_rule::Model) -> Result<AutomationRuleView> {
    views(db, vec![rule]).await?.pop().ok_or_else(Error::not_found)
}

/// Which rules are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RuleQuery {
    /// Those that were given up, instead of those that can be applied.
    #[serde(default)]
    retired: bool,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List the rules of automatic moderation
///
/// The last made first. For whoever has `rule.edit`.
#[utoipa::path(get, path = "/mod/automation-rules", tag = "moderation", params(RuleQuery), responses((status = 200, body = Page<AutomationRuleView>)), security(("bearer" = [])))]
async fn list_automation_rules(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<RuleQuery>,
) -> Result<Answer> {
    actor.may(EditAutomation)?;
    let list = format!("automation-rules/{}", query.retired);
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::list(&app.db, query.retired, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = views(&app.db, page.items).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Make a rule of automatic moderation
///
/// It is off, or watched: to be enforced takes a trial.
#[utoipa::path(post, path = "/mod/automation-rules", tag = "moderation", request_body = NewAutomationRule, responses((status = 201, body = AutomationRuleView)), security(("bearer" = [])))]
async fn create_automation_rule(
    State(app): State<App>,
    actor: Actor,
    create: Create<NewAutomationRule>,
) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Moderate)?;
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let mode = new.mode;
    let content = RuleContent {
        name: new.name,
        explanation: new.explanation,
        policy_rule: new.policy_rule,
        triggers: new.triggers,
        when: new.when,
        action: new.action,
        exempt: new.exempt,
    };
    refuse_wrong(&content)?;
    let rule = store::insert_rule(&app, &tx, &permit, &content, mode).await?;
    let id = rule.id;
    let view = view(tx.conn(), rule).await?;
    let answer = Answer::created(format!("/api/v1/mod/automation-rules/{id}"), &view, Cache::No)?.version(1);
    let answer = once.record(&app, &tx, answer).await?;
    let entry = audit::Entry {
        object: Some(Object::automation_rule(id)),
        data: json!({ "version": 1, "mode": mode }),
        ..actor.entry("create_automation_rule")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

fn refuse_wrong(content: &RuleContent) -> Result<()> {
    let wrong = content.check();
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// Read a rule of automatic moderation
#[utoipa::path(get, path = "/mod/automation-rules/{id}", tag = "moderation", params(("id" = AutomationRuleId, Path)), responses((status = 200, body = AutomationRuleView)), security(("bearer" = [])))]
async fn read_automation_rule(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AutomationRuleId>,
) -> Result<Answer> {
    actor.may(EditAutomation)?;
    let snapshot = app.snapshot().await?;
    let rule = store::find(&snapshot, id).await?;
    let edits = rule.edits;
    Ok(Answer::ok(&view(&snapshot, rule).await?, Cache::No)?.version(edits))
}

/// Change a rule of automatic moderation
///
/// A JSON Merge Patch. What changes more than the mode makes a version, which is enforced after a trial of its own: to
/// change a rule that is enforced, send `"mode": "shadow"` with it.
#[utoipa::path(patch, path = "/mod/automation-rules/{id}", tag = "moderation", params(("id" = AutomationRuleId, Path), ("If-Match" = String, Header)), request_body = AutomationRuleEdit, responses((status = 200, body = AutomationRuleView)), security(("bearer" = [])))]
async fn edit_automation_rule(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AutomationRuleId>,
    if_match: IfMatch,
    Body(edit): Body<AutomationRuleEdit>,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_for_update(&tx, id).await?;
    if_match.check(old.edits)?;
    let old_content = store::content(tx.conn(), &old).await?;
    let (content, mode) = edit.of(&old_content);
    refuse_wrong(&content)?;
    let mode = mode.unwrap_or(old.mode);
    let edited = store::edit(&app, &tx, &permit, (&old, &old_content), (&content, mode)).await?;
    let Some(rule) = edited else {
        return Ok(Answer::ok(&view(tx.conn(), old.clone()).await?, Cache::No)?.version(old.edits));
    };
    let (version, edits) = (rule.version, rule.edits);
    let answer = Answer::ok(&view(tx.conn(), rule).await?, Cache::No)?.version(edits);
    let entry = audit::Entry {
        object: Some(Object::automation_rule(id)),
        data: json!({ "version": version, "mode": mode }),
        ..actor.entry("edit_automation_rule")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Give a rule of automatic moderation up
///
/// It is applied no more, and can be read for ever, as can its hits.
#[utoipa::path(delete, path = "/mod/automation-rules/{id}", tag = "moderation", params(("id" = AutomationRuleId, Path), ("If-Match" = String, Header)), responses((status = 200, body = AutomationRuleView)), security(("bearer" = [])))]
async fn retire_automation_rule(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AutomationRuleId>,
    if_match: IfMatch,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_for_update(&tx, id).await?;
    if_match.check(old.edits)?;
    let rule = store::retire(&app, &tx, &permit, &old).await?;
    let edits = rule.edits;
    let answer = Answer::ok(&view(tx.conn(), rule).await?, Cache::No)?.version(edits);
    let entry =
        audit::Entry { object: Some(Object::automation_rule(id)), ..actor.entry("retire_automation_rule") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// On how many posts, or sign-ups, a rule is tried: 1 to 10,000.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(try_from = "i64")]
#[schema(value_type = i64, minimum = 1, maximum = 10000)]
struct TrialSize(i64);

impl TryFrom<i64> for TrialSize {
    type Error = Invalid;

    fn try_from(last: i64) -> Result<Self, Invalid> {
        if (1..=10_000).contains(&last) {
            Ok(Self(last))
        } else {
            Err(Invalid::new("out_of_range", "From 1 to 10000."))
        }
    }
}

/// What a rule is tried on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrialRun {
    /// The last so many posts that are there; of a rule with `signed_up`, the last so many who signed up.
    last: TrialSize,
}

/// A post that a rule would have met, or somebody who signed up, and why.
#[derive(Debug, Serialize, ToSchema)]
struct TrialSample {
    /// The post; null where somebody signed up.
    post_id: Option<PostId>,
    /// Who wrote it, or signed up.
    author: Option<Author>,
    reasons: Vec<HitReason>,
    /// When it was posted, or they signed up.
    created_at: Timestamp,
}

/// What a version of a rule would have made of posts that were there, or of those who signed up, and some of them.
#[derive(Debug, Serialize, ToSchema)]
struct TrialView {
    rule_id: AutomationRuleId,
    version: i32,
    #[serde(flatten)]
    summary: TrialSummary,
    /// The last twenty that it would have met, the oldest first.
    samples: Vec<TrialSample>,
}

/// Try a rule of automatic moderation out
///
/// On the last posts that are there, as they and their authors are now, or on the last of those who signed up; nothing is done
/// to them.
#[utoipa::path(post, path = "/mod/automation-rules/{id}/test", tag = "moderation", params(("id" = AutomationRuleId, Path)), request_body = TrialRun, responses((status = 200, body = TrialView)), security(("bearer" = [])))]
async fn test_automation_rule(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AutomationRuleId>,
    Body(run): Body<TrialRun>,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let rule = store::find(&app.db, id).await?;
    let (row, samples) = trial::try_out(&app, &permit, &rule, run.last.0).await?;
    let tx = app.begin_as(&actor).await?;
    trial::note(&tx, &permit, &row).await?;
    let people = authors(tx.conn(), samples.iter().map(|sample| sample.author_id).collect()).await?;
    let view = TrialView {
        rule_id: id,
        version: row.version,
        summary: (&row).into(),
        samples: samples.into_iter().map(|found| sample(found, &people)).collect(),
    };
    let entry = audit::Entry {
        object: Some(Object::automation_rule(id)),
        data: json!({ "version": row.version, "posts": row.posts }),
        ..actor.entry("test_automation_rule")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Answer::ok(&view, Cache::No)
}

fn sample(found: Sample, people: &HashMap<AccountId, Author>) -> TrialSample {
    TrialSample {
        post_id: found.post_id,
        author: people.get(&found.author_id).cloned(),
        reasons: found.reasons,
        created_at: found.created_at.into(),
    }
}

/// That a rule met a post, or kept one from being made, or met somebody who signed up.
#[derive(Debug, Serialize, ToSchema)]
struct RuleHitView {
    id: RuleHitId,
    version: i32,
    mode: RuleMode,
    trigger: RuleTrigger,
    /// The post; null where it was not taken, and where somebody signed up.
    post_id: Option<PostId>,
    /// The revision of the post that was judged.
    revision: Option<i32>,
    /// Whose post was not taken, or who signed up; null where a post was taken, and once their account was erased.
    author: Option<Author>,
    reasons: Vec<HitReason>,
    /// What the rule does: `filter`, `queue` or `rate_limit`.
    would_do: String,
    /// What it did.
    did: RuleEffect,
    /// The case in which moderators look at that; null until it is opened, and where they need not.
    case_id: Option<CaseId>,
    created_at: Timestamp,
}

impl RuleHitView {
    fn of(row: rule_hit::Model, people: &HashMap<AccountId, Author>) -> Result<Self> {
        Ok(Self {
            id: row.id,
            version: row.version,
            mode: row.mode,
            trigger: row.trigger,
            post_id: row.post_id,
            revision: row.revision,
            author: row.author_id.and_then(|id| people.get(&id).cloned()),
            reasons: serde_json::from_value(row.reasons).map_err(Error::internal)?,
            would_do: row.would_do,
            did: row.did,
            case_id: row.case_id,
            created_at: row.created_at.into(),
        })
    }
}

/// List what a rule of automatic moderation met
///
/// The last first, with what it would do and what it did.
#[utoipa::path(get, path = "/mod/automation-rules/{id}/hits", tag = "moderation", params(("id" = AutomationRuleId, Path), PageQuery), responses((status = 200, body = Page<RuleHitView>)), security(("bearer" = [])))]
async fn list_rule_hits(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<AutomationRuleId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(EditAutomation)?;
    store::find(&app.db, id).await?;
    let list = format!("rule-hits/{id}");
    let before = query.place(&app, &list)?;
    let rows = store::hits(&app.db, id, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let people = authors(&app.db, page.items.iter().filter_map(|hit| hit.author_id).collect()).await?;
    let items = page.items.into_iter().map(|row| RuleHitView::of(row, &people)).collect::<Result<_>>()?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Every path of automatic moderation.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_automation_rules, create_automation_rule))
        .routes(routes!(read_automation_rule, edit_automation_rule, retire_automation_rule))
        .routes(routes!(test_automation_rule))
        .routes(routes!(list_rule_hits))
        .merge(sets::router())
}
