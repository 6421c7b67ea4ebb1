//! Rules of automatic moderation: every query and write.

mod author;
mod cases;
mod judge;
pub(super) mod sets;
mod sign_ups;
pub(super) mod trial;

pub use cases::{CHANNEL, content_at, find_hit_for_update, next_waiting, note_case, ring, rules_of};
pub use judge::{Enforced, Judged, Refusal, forget_old, judge_post, judge_report, judge_vote_burst, refuse};
pub use sign_ups::{CHANNEL as SIGN_UP_CHANNEL, judge_next as judge_sign_up_next};

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::rules::judge::{Lists, Rule, RuleBook};
use super::rules::list::List;
use super::rules::{RuleContent, RuleMode, SetKind};
use crate::app::App;
use crate::audit;
use crate::clock::Time;
use crate::db::{Tx, all, insert, one, sql, update};
use crate::decisions;
use crate::entity::{automation_rule, automation_rule_version, automation_trial, list_set, rule_hit};
use crate::error::{Code, Error, Field, Result};
use crate::http::page::Limit;
use crate::ids::{AccountId, AutomationRuleId, ListSetId, RuleHitId};
use crate::policy::{EditAutomation, Permit};

/// How many rules there may be that were not retired.
const MAX_RULES: i64 = 100;

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// Notes that something is about to change of what posts are judged by. Whoever changes anything here does so first, and
/// so has it alone until the transaction ends.
async fn change(tx: &Tx) -> Result<()> {
    tx.conn().execute_raw(sql("UPDATE automation_state SET stamp = stamp + 1", [])).await?;
    Ok(())
}

/// Adds a rule.
///
/// # Errors
/// 422 where it names what is not there, or there are too many; 409 where it is to be enforced at once.
pub(super) async fn insert_rule(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAutomation>,
    content: &RuleContent,
    mode: RuleMode,
) -> Result<automation_rule::Model> {
    change(tx).await?;
    let statement = "SELECT count(*) AS count FROM automation_rule WHERE retired_at IS NULL";
    let there: Option<Count> = one(tx.conn(), sql(statement, [])).await?;
    if there.is_some_and(|there| there.count >= MAX_RULES) {
        return Err(Error::field(
            "(body)",
            "too_many",
            format!("At most {MAX_RULES} rules: retire one first."),
        ));
    }
    refuse_unknown(tx, content).await?;
    let now = app.now();
    let row = automation_rule::Model {
        id: app.ids.next(),
        version: 1,
        mode,
        edits: 1,
        created_at: now,
        updated_at: now,
        retired_at: None,
    };
    if mode == RuleMode::Enforce {
        require_trial(app, tx, &row).await?;
    }
    insert(tx, row.clone()).await?;
    insert_version(app, tx, permit, &row, content).await?;
    Ok(row)
}

async fn insert_version(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAutomation>,
    rule: &automation_rule::Model,
    content: &RuleContent,
) -> Result<()> {
    let row = automation_rule_version::Model {
        rule_id: rule.id,
        number: rule.version,
        content: serde_json::to_value(content).map_err(Error::internal)?,
        set_ids: content.sets().into_iter().map(|id| id.0).collect(),
        made_by: Some(permit.by()),
        created_at: app.now(),
    };
    insert(tx, row).await
}

/// Changes a rule, which is locked: what it consists of, which makes a version, or its mode, or both. Says whether
/// anything changed.
///
/// # Errors
/// 422 where it names what is not there; 409 where it is to be enforced, and this version was not tried lately.
pub(super) async fn edit(
    app: &App,
    tx: &Tx,
    permit: &Permit<EditAutomation>,
    (old, old_content): (&automation_rule::Model, &RuleContent),
    (content, mode): (&RuleContent, RuleMode),
) -> Result<Option<automation_rule::Model>> {
    let is_new = content != old_content;
    if !is_new && mode == old.mode {
        return Ok(None);
    }
    let mut row = automation_rule::Model { mode, edits: old.edits + 1, updated_at: app.now(), ..old.clone() };
    if is_new || mode == RuleMode::Enforce {
        refuse_unknown(tx, content).await?;
    }
    if is_new {
        row.version += 1;
        insert_version(app, tx, permit, &row, content).await?;
    }
    if mode == RuleMode::Enforce {
        require_trial(app, tx, &row).await?;
    }
    update(tx, row.clone()).await?;
    Ok(Some(row))
}

/// Gives a rule up, which is locked. What it did stays.
///
/// # Errors
/// The database is away.
pub(super) async fn retire(
    app: &App,
    tx: &Tx,
    _: &Permit<EditAutomation>,
    old: &automation_rule::Model,
) -> Result<automation_rule::Model> {
    let now = app.now();
    let edits = old.edits + 1;
    let row = automation_rule::Model {
        mode: RuleMode::Off,
        edits,
        updated_at: now,
        retired_at: Some(now),
        ..old.clone()
    };
    update(tx, row.clone()).await?;
    Ok(row)
}

/// Refuses to enforce what was not tried.
async fn require_trial(app: &App, tx: &Tx, rule: &automation_rule::Model) -> Result<()> {
    let since = app.now() - TimeDelta::hours(app.config.automation.trial_valid_hours.into());
    let tried = automation_trial::Entity::find()
        .filter(automation_trial::Column::RuleId.eq(rule.id))
        .filter(automation_trial::Column::Version.eq(rule.version))
        .filter(automation_trial::Column::IsComplete.eq(true))
        .filter(automation_trial::Column::RanAt.gte(since));
    if tried.one(tx.conn()).await?.is_some() {
        return Ok(());
    }
    Err(Code::TrialNeeded.error(format!(
        "Version {} is enforced after a complete trial of it in the last {} hours: save it with `shadow` or `off`, and \
         POST /mod/automation-rules/{}/test.",
        rule.version, app.config.automation.trial_valid_hours, rule.id
    )))
}

#[derive(FromQueryResult)]
struct Known {
    id: ListSetId,
    kind: SetKind,
}

/// Refuses a rule that names a rule of the site, or a set, which is not there.
async fn refuse_unknown(tx: &Tx, content: &RuleContent) -> Result<()> {
    let mut wrong = Vec::new();
    match decisions::rule(tx.conn(), "policy_rule", content.policy_rule.as_str()).await {
        Ok(_) => {}
        Err(error) if error.code == Code::Invalid => wrong.extend(error.fields),
        Err(error) => return Err(error),
    }
    let ids: Vec<Uuid> = content.sets().into_iter().map(|id| id.0).collect();
    let statement = sql("SELECT id, kind FROM list_set WHERE id = ANY ($1)", [ids.into()]);
    let known: Vec<Known> = all(tx.conn(), statement).await?;
    for (place, id, wanted) in content.when.sets("when") {
        match known.iter().find(|known| known.id == id) {
            None => wrong.push(Field::new(place, "unknown_id", "There is no such set.")),
            Some(known) if known.kind != wanted => {
                wrong.push(Field::new(
                    place,
                    "wrong_kind",
                    "`word_of` takes a set of `words`, `domain_of` one of `domains`, `network_of` of `networks`, \
                     `email_of` of `email_hashes`, and `name_of` of `name_patterns`.",
                ));
            }
            Some(_) => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::fields(wrong)) }
}

/// Finds a rule.
///
/// # Errors
/// 404 where there is none.
pub(super) async fn find(db: &impl ConnectionTrait, id: AutomationRuleId) -> Result<automation_rule::Model> {
    automation_rule::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}

/// Finds a rule that is about to be changed, and keeps others from changing any until the transaction ends.
///
/// # Errors
/// 404 where there is none, 409 where it was retired.
pub(super) async fn find_for_update(tx: &Tx, id: AutomationRuleId) -> Result<automation_rule::Model> {
    change(tx).await?;
    let rule = find(tx.conn(), id).await?;
    if rule.retired_at.is_some() {
        return Err(Code::InvalidStateTransition.error("It was retired: make another one."));
    }
    Ok(rule)
}

/// The rules, the last made first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    retired: bool,
    before: Option<AutomationRuleId>,
    limit: Limit,
) -> Result<Vec<automation_rule::Model>> {
    let rows = automation_rule::Entity::find()
        .filter(automation_rule::Column::Id.lt(before.unwrap_or(AutomationRuleId(Uuid::max()))));
    let rows = if retired {
        rows.filter(automation_rule::Column::RetiredAt.is_not_null())
    } else {
        rows.filter(automation_rule::Column::RetiredAt.is_null())
    };
    let rows = rows
        .order_by_desc(automation_rule::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

/// The versions of rules that count, and the last trials of them.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) versions: HashMap<AutomationRuleId, automation_rule_version::Model>,
    pub(super) trials: HashMap<AutomationRuleId, automation_trial::Model>,
}

/// Reads the details of rules.
///
/// # Errors
/// The database is away.
pub(super) async fn details(db: &impl ConnectionTrait, rules: &[automation_rule::Model]) -> Result<Details> {
    let ids: Vec<Uuid> = rules.iter().map(|rule| rule.id.0).collect();
    let versions = "SELECT v.* FROM automation_rule r
                    JOIN automation_rule_version v ON v.rule_id = r.id AND v.number = r.version
                    WHERE r.id = ANY ($1)";
    let versions = automation_rule_version::Entity::find().from_raw_sql(sql(versions, [ids.clone().into()]));
    let trials = "SELECT DISTINCT ON (t.rule_id) t.* FROM automation_rule r
                  JOIN automation_trial t ON t.rule_id = r.id AND t.version = r.version
                  WHERE r.id = ANY ($1) ORDER BY t.rule_id, t.ran_at DESC, t.id DESC";
    let trials = automation_trial::Entity::find().from_raw_sql(sql(trials, [ids.into()]));
    Ok(Details {
        versions: versions.all(db).await?.into_iter().map(|row| (row.rule_id, row)).collect(),
        trials: trials.all(db).await?.into_iter().map(|row| (row.rule_id, row)).collect(),
    })
}

/// What a version consists of.
///
/// # Errors
/// The database holds what the rules refuse: a defect.
pub(super) fn content_of(version: &automation_rule_version::Model) -> Result<RuleContent> {
    serde_json::from_value(version.content.clone()).map_err(Error::internal)
}

/// What a rule consists of.
///
/// # Errors
/// The database is away.
pub(super) async fn content(db: &impl ConnectionTrait, rule: &automation_rule::Model) -> Result<RuleContent> {
    let key = (rule.id, rule.version);
    let version = automation_rule_version::Entity::find_by_id(key).one(db).await?;
    content_of(&version.ok_or_else(|| Error::internal(anyhow::anyhow!("a rule without a version")))?)
}

/// The hits of a rule, the last first: those before one, and one more than fits on the page.
///
/// # Errors
/// The database is away.
pub(super) async fn hits(
    db: &impl ConnectionTrait,
    id: AutomationRuleId,
    before: Option<RuleHitId>,
    limit: Limit,
) -> Result<Vec<rule_hit::Model>> {
    let rows = rule_hit::Entity::find()
        .filter(rule_hit::Column::RuleId.eq(id))
        .filter(rule_hit::Column::Id.lt(before.unwrap_or(RuleHitId(Uuid::max()))))
        .order_by_desc(rule_hit::Column::Id)
        .limit(u64::try_from(limit.and_one()).unwrap_or_default());
    Ok(rows.all(db).await?)
}

#[derive(FromQueryResult)]
struct ValueRow {
    set_id: ListSetId,
    kind: SetKind,
    value: String,
    expires_at: Option<Time>,
}

/// Values of a set, each with the moment at which it ends.
type Values = Vec<(String, Option<Time>)>;

/// The values of sets.
async fn lists(db: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<Lists> {
    let statement = "SELECT v.set_id, s.kind, v.value, v.expires_at
                     FROM list_value v JOIN list_set s ON s.id = v.set_id WHERE v.set_id = ANY ($1)";
    let mut sets = HashMap::<ListSetId, (SetKind, Values)>::new();
    for row in all::<ValueRow>(db, sql(statement, [ids.into()])).await? {
        let (_, values) = sets.entry(row.set_id).or_insert((row.kind, Vec::new()));
        values.push((row.value, row.expires_at));
    }
    Ok(sets.into_iter().map(|(id, (kind, values))| (id, Arc::new(List::new(kind, values)))).collect())
}

#[derive(FromQueryResult)]
struct Stamp {
    stamp: i64,
}

/// An address of mail, as accounts are compared by it, in the form in which sets keep it: a keyed hash in hexadecimal.
fn email_hash(app: &App, key: &str) -> String {
    audit::hex(&app.keys.pseudonym("list_email", key.as_bytes()))
}

/// Makes the rules that are on ready to judge by.
async fn book(db: &impl ConnectionTrait) -> Result<RuleBook> {
    // Read first: what changes meanwhile has another stamp, and is read again by whoever sees that.
    let stamp: Option<Stamp> = one(db, sql("SELECT stamp FROM automation_state", [])).await?;
    let statement = sql("SELECT * FROM automation_rule WHERE mode <> 'off' ORDER BY id", []);
    let on = automation_rule::Entity::find().from_raw_sql(statement).all(db).await?;
    let mut versions = details(db, &on).await?.versions;
    let sets = versions.values().flat_map(|version| version.set_ids.iter().copied()).collect();
    let lists = lists(db, sets).await?;
    let mut rules = Vec::new();
    for rule in on {
        let Some(version) = versions.remove(&rule.id) else { continue };
        match Rule::new(rule.id, rule.version, rule.mode, content_of(&version)?, &lists) {
            Ok(rule) => rules.push(rule),
            // It was taken by another version of this server, and the others still count.
            Err(error) => tracing::error!(rule = %rule.id, %error, "a rule cannot be applied"),
        }
    }
    Ok(RuleBook { stamp: stamp.map_or(-1, |stamp| stamp.stamp), rules })
}

/// Takes away who made, tried and added what, where their account is erased, that they signed up and were kept from
/// posting, and whom rules met.
///
/// # Errors
/// The database is away.
pub async fn erase(tx: &Tx, account_id: AccountId) -> Result<()> {
    for statement in [
        "UPDATE automation_rule_version SET made_by = NULL WHERE made_by = $1",
        "UPDATE automation_trial SET run_by = NULL WHERE run_by = $1",
        "UPDATE list_value SET added_by = NULL WHERE added_by = $1",
        // Before the hits: whoever judges them at the moment has this row, and is waited for.
        "DELETE FROM sign_up WHERE account_id = $1",
        "UPDATE rule_hit SET author_id = NULL WHERE author_id = $1",
        "DELETE FROM post_fingerprint WHERE author_id = $1",
    ] {
        tx.conn().execute_raw(sql(statement, [account_id.into()])).await?;
    }
    Ok(())
}

/// A set, by its identifier.
async fn set(db: &impl ConnectionTrait, id: ListSetId) -> Result<list_set::Model> {
    list_set::Entity::find_by_id(id).one(db).await?.ok_or_else(Error::not_found)
}
