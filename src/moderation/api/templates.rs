//! Texts that moderators use again and again, on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::rules::Scope;
use crate::clock::Timestamp;
use crate::db::keyset;
use crate::entity::template;
use crate::error::Result;
use crate::events::{self, Event};
use crate::http::page::{Limit, Page};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::TemplateId;
use crate::moderation::rules::{Language, RuleCode, TemplateKind, TemplateName, TemplateText};
use crate::moderation::store::{self, NewTemplate, TemplateFilter};
use crate::policy::{Actor, EditRules, ReadCases};

/// A text that moderators use again and again.
#[derive(Debug, Serialize, ToSchema)]
struct TemplateView {
    id: TemplateId,
    name: String,
    kind: TemplateKind,
    /// A tag as BCP 47 has them: `en`, `de-AT`.
    language: String,
    /// The code of the rule of the site that it goes with; null where it goes with any.
    rule: Option<String>,
    text: String,
    /// Counts its changes, from 1.
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<template::Model> for TemplateView {
    fn from(row: template::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            language: row.language,
            rule: row.rule_code,
            text: row.text,
            version: row.version,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
        }
    }
}

/// A text to be used again and again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateInput {
    name: TemplateName,
    kind: TemplateKind,
    language: Language,
    /// The code of the rule of the site that it goes with, if with one.
    #[serde(default)]
    rule: Option<RuleCode>,
    text: TemplateText,
}

/// What of a template is to be otherwise.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateEdit {
    #[serde(default, deserialize_with = "patch::required")]
    name: Option<TemplateName>,
    #[serde(default, deserialize_with = "patch::required")]
    language: Option<Language>,
    /// Null has it go with any rule.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<RuleCode>)]
    rule: Option<Option<RuleCode>>,
    #[serde(default, deserialize_with = "patch::required")]
    text: Option<TemplateText>,
}

/// Which templates are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TemplateQuery {
    /// Only those for this.
    #[param(inline)]
    kind: Option<TemplateKind>,
    /// Only those in this language.
    #[param(value_type = Option<String>)]
    language: Option<Language>,
    /// Only those that go with the rule with this code.
    #[param(value_type = Option<String>)]
    rule: Option<RuleCode>,
    /// `next` of the page before.
    after: Option<String>,
    /// Items a page, 1 to 100.
    #[serde(default)]
    #[param(value_type = Option<u8>, minimum = 1, maximum = 100, default = 25)]
    limit: Limit,
}

/// List templates
///
/// The last made first. Whoever uses one copies its text into an explanation or a message, and changes it as the case asks.
#[utoipa::path(get, path = "/mod/templates", tag = "moderation", params(TemplateQuery), responses((status = 200, body = Page<TemplateView>)), security(("bearer" = [])))]
async fn list_templates(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<TemplateQuery>,
) -> Result<Answer> {
    actor.may(ReadCases)?;
    let filter = TemplateFilter {
        kind: query.kind,
        language: query.language.map(Into::into),
        rule: query.rule.map(Into::into),
    };
    let list = format!("templates/{filter:?}");
    let before = query.after.as_deref().map(|after| keyset::decode(&app, &list, after)).transpose()?;
    let rows = store::list_templates(&app.db, &filter, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.id));
    let items = page.items.into_iter().map(TemplateView::from).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Make a template
///
/// A name is one template's in each language.
#[utoipa::path(post, path = "/mod/templates", tag = "moderation", request_body = TemplateInput, responses((status = 201, body = TemplateView)), security(("bearer" = [])))]
async fn create_template(
    State(app): State<App>,
    actor: Actor,
    create: Create<TemplateInput>,
) -> Result<Answer> {
    actor.require_scope(Scope::Moderate)?;
    let permit = actor.may(EditRules)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let TemplateInput { name, kind, language, rule, text } = new;
    let new = NewTemplate { name, kind, language, rule, text };
    let row = store::insert_template(&app, &tx, &permit, new).await?;
    let id = row.id;
    let event = Event { kind: "template_created", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let answer = Answer::created(format!("/api/v1/mod/templates/{id}"), &TemplateView::from(row), Cache::No)?;
    let answer = once.record(&app, &tx, answer.version(1)).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a template
#[utoipa::path(get, path = "/mod/templates/{id}", tag = "moderation", params(("id" = TemplateId, Path)), responses((status = 200, body = TemplateView)), security(("bearer" = [])))]
async fn read_template(State(app): State<App>, actor: Actor, Path(id): Path<TemplateId>) -> Result<Answer> {
    actor.may(ReadCases)?;
    let row = store::find_template(&app.db, id).await?;
    let version = row.version;
    Ok(Answer::ok(&TemplateView::from(row), Cache::No)?.version(version))
}

/// Change a template
///
/// A JSON Merge Patch.
#[utoipa::path(patch, path = "/mod/templates/{id}", tag = "moderation", params(("id" = TemplateId, Path), ("If-Match" = String, Header)), request_body = TemplateEdit, responses((status = 200, body = TemplateView)), security(("bearer" = [])))]
async fn edit_template(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<TemplateId>,
    if_match: IfMatch,
    Body(edit): Body<TemplateEdit>,
) -> Result<Answer> {
    let permit = actor.may(EditRules)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_template_for_update(&tx, id).await?;
    if_match.check(old.version)?;
    let mut new = old.clone();
    if let Some(name) = edit.name {
        new.name = name.into();
    }
    if let Some(language) = edit.language {
        new.language = language.into();
    }
    if let Some(text) = edit.text {
        new.text = text.into();
    }
    if let Some(rule) = edit.rule {
        new.rule_code = rule.map(Into::into);
    }
    let row = store::edit_template(&app, &tx, &permit, (&old, new)).await?;
    let version = row.version;
    if version != old.version {
        let event = Event { kind: "template_edited", subject_id: Some(id.0), ..actor.event() };
        events::record(&app, &tx, event).await?;
    }
    tx.commit().await?;
    Ok(Answer::ok(&TemplateView::from(row), Cache::No)?.version(version))
}

/// Delete a template
///
/// What was written with it stays as it was written.
#[utoipa::path(delete, path = "/mod/templates/{id}", tag = "moderation", params(("id" = TemplateId, Path), ("If-Match" = String, Header)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_template(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<TemplateId>,
    if_match: IfMatch,
) -> Result<Answer> {
    let permit = actor.may(EditRules)?;
    let tx = app.begin_as(&actor).await?;
    let row = store::find_template_for_update(&tx, id).await?;
    if_match.check(row.version)?;
    store::delete_template(&tx, &permit, &row).await?;
    let event = Event { kind: "template_deleted", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// The paths about templates.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_templates, create_template)).routes(routes!(
        read_template,
        edit_template,
        delete_template
    ))
}
