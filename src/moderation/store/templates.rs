//! Texts that moderators use again and again.

use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::app::App;
use crate::db::{OnConstraint, Tx, insert, update};
use crate::decisions;
use crate::entity::template;
use crate::error::{Error, Result};
use crate::http::page::Limit;
use crate::ids::TemplateId;
use crate::moderation::rules::{Language, RuleCode, TemplateKind, TemplateName, TemplateText};
use crate::policy::{EditRules, Permit};

/// A template that was read from a request.
#[derive(Debug)]
pub(in crate::moderation) struct NewTemplate {
    /// What moderators call it.
    pub(in crate::moderation) name: TemplateName,
    /// What it is for.
    pub(in crate::moderation) kind: TemplateKind,
    /// In which language it is.
    pub(in crate::moderation) language: Language,
    /// The rule that it goes with, if with one.
    pub(in crate::moderation) rule: Option<RuleCode>,
    /// What it says.
    pub(in crate::moderation) text: TemplateText,
}

fn taken() -> Error {
    Error::field("name", "duplicate", "Another template in this language has this name.")
}

/// Adds a template.
///
/// # Errors
/// 422 where another one has its name, or there is no such rule.
pub(in crate::moderation) async fn insert_template(
    app: &App,
    tx: &Tx,
    _: &Permit<EditRules>,
    new: NewTemplate,
) -> Result<template::Model> {
    if let Some(rule) = &new.rule {
        decisions::rule(tx.conn(), "rule", rule.as_str()).await?;
    }
    let now = app.now();
    let row = template::Model {
        id: app.ids.next(),
        name: new.name.into(),
        kind: new.kind,
        language: new.language.into(),
        rule_code: new.rule.map(Into::into),
        text: new.text.into(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(tx, row.clone()).await.on_constraint("template_name_key", taken)?;
    Ok(row)
}

/// Finds a template.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_template(
    db: &impl ConnectionTrait,
    id: TemplateId,
) -> Result<template::Model> {
    template::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds a template and keeps others from changing it until the transaction ends.
///
/// # Errors
/// 404 where there is none.
pub(in crate::moderation) async fn find_template_for_update(
    tx: &Tx,
    id: TemplateId,
) -> Result<template::Model> {
    template::Entity::find_by_id(id).lock_exclusive().one(tx.conn()).await?.ok_or_else(Error::not_found)
}

/// Keeps a template, which is locked, as it was changed; one that was not stays as it is.
///
/// # Errors
/// 422 where another one has its name, or there is no such rule.
pub(in crate::moderation) async fn edit_template(
    app: &App,
    tx: &Tx,
    _: &Permit<EditRules>,
    (old, new): (&template::Model, template::Model),
) -> Result<template::Model> {
    if *old == new {
        return Ok(new);
    }
    if let Some(rule) = new.rule_code.as_ref().filter(|rule| old.rule_code.as_ref() != Some(*rule)) {
        decisions::rule(tx.conn(), "rule", rule).await?;
    }
    let row = template::Model { version: old.version + 1, updated_at: app.now(), ..new };
    update(tx, row.clone()).await.on_constraint("template_name_key", taken)?;
    Ok(row)
}

/// Deletes a template, which is locked.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn delete_template(
    tx: &Tx,
    _: &Permit<EditRules>,
    template: &template::Model,
) -> Result<()> {
    template::Entity::delete_by_id(template.id).exec(tx.conn()).await?;
    Ok(())
}

/// Which templates are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::moderation) struct TemplateFilter {
    /// Those for this.
    pub(in crate::moderation) kind: Option<TemplateKind>,
    /// Those in this language.
    pub(in crate::moderation) language: Option<String>,
    /// Those that go with this rule.
    pub(in crate::moderation) rule: Option<String>,
}

/// Templates, the last made first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn list_templates(
    db: &impl ConnectionTrait,
    filter: &TemplateFilter,
    before: Option<TemplateId>,
    limit: Limit,
) -> Result<Vec<template::Model>> {
    let wanted = Condition::all()
        .add(template::Column::Id.lt(before.unwrap_or(TemplateId(Uuid::max()))))
        .add_option(filter.kind.map(|kind| template::Column::Kind.eq(kind)))
        .add_option(filter.language.as_ref().map(|language| template::Column::Language.eq(language)))
        .add_option(filter.rule.as_ref().map(|rule| template::Column::RuleCode.eq(rule)));
    let rows = template::Entity::find()
        .filter(wanted)
        .order_by_desc(template::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}
