//! The rules of the site on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::audit;
use crate::clock::Timestamp;
use crate::decisions::rules::ActionKind;
use crate::entity::policy_rule;
use crate::error::{Error, Field, Result};
use crate::events::{self, Event};
use crate::http::{Answer, Body, Cache, Query};
use crate::moderation::rules::{RuleBody, RuleCategory, RuleCode, RuleTitle};
use crate::moderation::store::{self, NewVersion};
use crate::policy::{Actor, EditRules};

/// A rule of the site.
#[derive(Debug, Serialize, ToSchema)]
struct RuleView {
    /// What reports call it.
    code: String,
    /// Counts its versions, from 1; what was decided by an older one stays decided by that.
    version: i32,
    title: String,
    body: String,
    /// How much breaking it weighs: 1 little, 4 most.
    severity: i16,
    /// What is usually done about it.
    default_action: Option<ActionKind>,
    /// How many strikes a sanction for it brings.
    strikes: i16,
    /// What the transparency database of the European Union calls it.
    category: String,
    /// Whether it holds no more: what was decided by it stays decided.
    is_retired: bool,
    effective_from: Timestamp,
}

impl From<policy_rule::Model> for RuleView {
    fn from(row: policy_rule::Model) -> Self {
        Self {
            code: row.code,
            version: row.version,
            title: row.title,
            body: row.body,
            severity: row.severity,
            default_action: row.default_action,
            strikes: row.strikes,
            category: row.category,
            is_retired: row.is_retired,
            effective_from: row.effective_from.into(),
        }
    }
}

/// The rules of the site.
#[derive(Debug, Serialize, ToSchema)]
struct Rules {
    /// The least grave first.
    items: Vec<RuleView>,
}

/// A rule, or its next version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRule {
    /// What reports call it.
    code: RuleCode,
    /// Which version this is: 1 for a new rule, else one more than the last.
    #[schema(minimum = 1)]
    version: i32,
    title: RuleTitle,
    body: RuleBody,
    /// How much breaking it weighs: 1 little, 4 most.
    #[schema(minimum = 1, maximum = 4)]
    severity: i16,
    /// What is usually done about it: `hide`, `remove`, `lock` or `warn`.
    #[serde(default)]
    default_action: Option<ActionKind>,
    /// How many strikes a sanction for it brings.
    #[schema(minimum = 0, maximum = 3)]
    strikes: i16,
    /// What the transparency database of the European Union calls it.
    category: RuleCategory,
    /// Whether it holds no more.
    #[serde(default)]
    is_retired: bool,
}

impl NewRule {
    fn check(self) -> Result<NewVersion> {
        let mut wrong = Vec::new();
        if !(1..=4).contains(&self.severity) {
            wrong.push(Field::new("severity", "out_of_range", "From 1 to 4."));
        }
        if !(0..=3).contains(&self.strikes) {
            wrong.push(Field::new("strikes", "out_of_range", "From 0 to 3."));
        }
        if self.version < 1 {
            wrong.push(Field::new("version", "out_of_range", "Versions count from 1."));
        }
        let usual = [ActionKind::Hide, ActionKind::Remove, ActionKind::Lock, ActionKind::Warn];
        if self.default_action.is_some_and(|action| !usual.contains(&action)) {
            wrong.push(Field::new(
                "default_action",
                "does_not_fit",
                "hide, remove, lock or warn: harsher things are decided one by one.",
            ));
        }
        // The law does not change by a vote of the staff, and statements of reasons name it by this rule.
        if self.code.as_str() == "illegal" && self.is_retired {
            wrong.push(Field::new(
                "is_retired",
                "does_not_fit",
                "What is against the law stays against the rules.",
            ));
        }
        if !wrong.is_empty() {
            return Err(Error::fields(wrong));
        }
        Ok(NewVersion {
            code: self.code,
            version: self.version,
            title: self.title.into(),
            body: self.body.into(),
            severity: self.severity,
            default_action: self.default_action,
            strikes: self.strikes,
            category: self.category.into(),
            is_retired: self.is_retired,
        })
    }
}

/// Which rules are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RuleQuery {
    /// Every version of the rule with this code, the first first, in place of all rules as they are.
    #[param(value_type = Option<String>)]
    rule: Option<RuleCode>,
}

/// List the rules
///
/// What may not be done here, and what reports refer to; or every version of one of them.
#[utoipa::path(get, path = "/rules", tag = "moderation", params(RuleQuery), responses((status = 200, body = Rules)), security((), ("bearer" = [])))]
async fn list_rules(State(app): State<App>, actor: Actor, Query(query): Query<RuleQuery>) -> Result<Answer> {
    let rows = match query.rule {
        Some(code) => store::versions_of(&app.db, code.as_str()).await?,
        None => store::rules(&app.db).await?,
    };
    let items = rows.into_iter().map(RuleView::from).collect();
    Answer::ok(&Rules { items }, Cache::for_reader(&actor))
}

/// Write a rule
///
/// A new one, the next version of one, or that it holds no more. What was decided by a former version stays decided by that.
/// Sent again as it stands, it changes nothing.
#[utoipa::path(post, path = "/mod/rules", tag = "moderation", request_body = NewRule, responses((status = 201, body = RuleView)), security(("bearer" = [])))]
async fn write_rule(State(app): State<App>, actor: Actor, Body(new): Body<NewRule>) -> Result<Answer> {
    let permit = actor.may(EditRules)?;
    let new = new.check()?;
    let tx = app.begin_as(&actor).await?;
    let (row, is_new) = store::write_rule(&app, &tx, &permit, new).await?;
    let answer =
        Answer::created(format!("/api/v1/rules?rule={}", row.code), &RuleView::from(row.clone()), Cache::No)?;
    if is_new {
        events::record(&app, &tx, Event { kind: "rule_written", ..actor.event() }).await?;
        let data = json!({ "code": row.code, "version": row.version });
        audit::record(&app, &tx, audit::Entry { data, ..actor.entry("write_rule") }).await?;
        tx.commit().await?;
    }
    Ok(answer)
}

/// The paths about the rules of the site.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_rules)).routes(routes!(write_rule))
}
