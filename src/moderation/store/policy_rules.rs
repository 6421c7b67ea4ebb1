//! The rules of the site, each in versions that stay as they are.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::app::App;
use crate::db::{OnConstraint, Tx, insert, sql};
use crate::decisions::rules::ActionKind;
use crate::entity::policy_rule;
use crate::error::{Code, Error, Result};
use crate::moderation::rules::RuleCode;
use crate::policy::{EditRules, Permit};

/// The rules of the site as they are, the gravest last.
///
/// # Errors
/// The database is away.
pub(in crate::moderation) async fn rules(db: &impl ConnectionTrait) -> Result<Vec<policy_rule::Model>> {
    let statement =
        "SELECT * FROM (SELECT DISTINCT ON (code) * FROM policy_rule ORDER BY code, version DESC) r
                     WHERE NOT is_retired ORDER BY severity, code";
    Ok(policy_rule::Entity::find().from_raw_sql(sql(statement, [])).all(db).await?)
}

/// Every version of a rule, the first first.
///
/// # Errors
/// 404 where there is no such rule.
pub(in crate::moderation) async fn versions_of(
    db: &impl ConnectionTrait,
    code: &str,
) -> Result<Vec<policy_rule::Model>> {
    let rows = policy_rule::Entity::find()
        .filter(policy_rule::Column::Code.eq(code))
        .order_by_asc(policy_rule::Column::Version)
        .all(db)
        .await?;
    if rows.is_empty() { Err(Error::not_found()) } else { Ok(rows) }
}

/// A version of a rule that was checked.
#[derive(Debug)]
pub(in crate::moderation) struct NewVersion {
    /// Which rule.
    pub(in crate::moderation) code: RuleCode,
    /// Which version this is: one more than the last.
    pub(in crate::moderation) version: i32,
    /// In a few words.
    pub(in crate::moderation) title: String,
    /// In full.
    pub(in crate::moderation) body: String,
    /// How much breaking it weighs, 1 to 4.
    pub(in crate::moderation) severity: i16,
    /// What is usually done about it.
    pub(in crate::moderation) default_action: Option<ActionKind>,
    /// How many strikes that brings, 0 to 3.
    pub(in crate::moderation) strikes: i16,
    /// What the transparency database calls it.
    pub(in crate::moderation) category: String,
    /// Whether the rule holds no more.
    pub(in crate::moderation) is_retired: bool,
}

/// Adds a version of a rule, from now on; says whether it was not there already.
///
/// # Errors
/// 412 where it is not the next one.
pub(in crate::moderation) async fn write_rule(
    app: &App,
    tx: &Tx,
    _: &Permit<EditRules>,
    new: NewVersion,
) -> Result<(policy_rule::Model, bool)> {
    let row = policy_rule::Model {
        code: new.code.to_string(),
        version: new.version,
        title: new.title,
        body: new.body,
        severity: new.severity,
        effective_from: app.now(),
        default_action: new.default_action,
        strikes: new.strikes,
        category: new.category,
        is_retired: new.is_retired,
    };
    // Of several who write a version at once, one does.
    tx.queue(&format!("rule {}", row.code)).await?;
    let last = policy_rule::Entity::find()
        .filter(policy_rule::Column::Code.eq(&row.code))
        .order_by_desc(policy_rule::Column::Version)
        .one(tx.conn())
        .await?;
    if let Some(last) = &last {
        let same = policy_rule::Model { effective_from: last.effective_from, ..row.clone() };
        if *last == same {
            return Ok((same, false));
        }
    }
    let next = last.map_or(1, |last| last.version + 1);
    let stale = || {
        Code::PreconditionFailed.error(
            "Read the rule again: `version` is one more than that of the last one, and 1 for a new rule.",
        )
    };
    if row.version != next {
        return Err(stale());
    }
    insert(tx, row.clone()).await.on_constraint("policy_rule_pkey", stale)?;
    Ok((row, true))
}
