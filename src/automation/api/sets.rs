//! Sets that rules look into on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::{Author, authors};
use crate::app::App;
use crate::audit::{self, Object};
use crate::auth::rules::Scope;
use crate::automation::rules::list::MAX_VALUES;
use crate::automation::rules::{SetKind, SetName, SetValue};
use crate::automation::store::sets as store;
use crate::clock::{Time, Timestamp};
use crate::db::{ConnectionTrait, keyset};
use crate::entity::list_set;
use crate::error::{Error, Field, Result};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, Query, patch};
use crate::ids::ListSetId;
use crate::policy::{Actor, EditAutomation};

/// A set to be made, without values.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSet {
    name: SetName,
    kind: SetKind,
}

/// What is changed of a set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SetEdit {
    #[serde(default, deserialize_with = "patch::required")]
    name: Option<SetName>,
}

/// What rules look for in posts, or what they know people by.
#[derive(Debug, Serialize, ToSchema)]
struct SetView {
    id: ListSetId,
    name: String,
    kind: SetKind,
    /// How many values count at the moment.
    value_count: i64,
    created_at: Timestamp,
    /// When it, or its values, were last changed.
    updated_at: Timestamp,
}

async fn views(db: &impl ConnectionTrait, sets: Vec<list_set::Model>, now: Time) -> Result<Vec<SetView>> {
    let counts = store::value_counts(db, &sets, now).await?;
    let view = |set: list_set::Model| SetView {
        value_count: counts.iter().find(|(id, _)| *id == set.id).map_or(0, |(_, count)| *count),
        id: set.id,
        name: set.name,
        kind: set.kind,
        created_at: set.created_at.into(),
        updated_at: set.updated_at.into(),
    };
    Ok(sets.into_iter().map(view).collect())
}

/// The set as it is now, with its version.
async fn answer(app: &App, db: &impl ConnectionTrait, set: list_set::Model) -> Result<Answer> {
    let version = set.version;
    let view = views(db, vec![set], app.now()).await?.pop().ok_or_else(Error::not_found)?;
    Ok(Answer::ok(&view, Cache::No)?.version(version))
}

/// List the sets that rules look into
///
/// The last made first. For whoever has `rule.edit`.
#[utoipa::path(get, path = "/mod/sets", tag = "moderation", params(PageQuery), responses((status = 200, body = Page<SetView>)), security(("bearer" = [])))]
async fn list_sets(State(app): State<App>, actor: Actor, Query(query): Query<PageQuery>) -> Result<Answer> {
    actor.may(EditAutomation)?;
    let before = query.place(&app, "sets")?;
    let rows = store::list(&app.db, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, "sets", &last.id));
    let items = views(&app.db, page.items, app.now()).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Make a set that rules look into
#[utoipa::path(post, path = "/mod/sets", tag = "moderation", request_body = NewSet, responses((status = 201, body = SetView)), security(("bearer" = [])))]
async fn create_set(State(app): State<App>, actor: Actor, create: Create<NewSet>) -> Result<Answer> {
    // Before the key is looked up: what was answered to a session is not for a token without the scope.
    actor.require_scope(Scope::Moderate)?;
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let set = store::insert_set(&app, &tx, &permit, new.name, new.kind).await?;
    let id = set.id;
    let view = views(tx.conn(), vec![set], app.now()).await?.pop().ok_or_else(Error::not_found)?;
    let answer = Answer::created(format!("/api/v1/mod/sets/{id}"), &view, Cache::No)?.version(1);
    let answer = once.record(&app, &tx, answer).await?;
    let entry = audit::Entry { object: Some(Object::list_set(id)), ..actor.entry("create_list_set") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a set
///
/// Without its values.
#[utoipa::path(get, path = "/mod/sets/{id}", tag = "moderation", params(("id" = ListSetId, Path)), responses((status = 200, body = SetView)), security(("bearer" = [])))]
async fn read_set(State(app): State<App>, actor: Actor, Path(id): Path<ListSetId>) -> Result<Answer> {
    actor.may(EditAutomation)?;
    let set = store::find(&app.db, id).await?;
    answer(&app, &app.db, set).await
}

/// Rename a set
///
/// A JSON Merge Patch.
#[utoipa::path(patch, path = "/mod/sets/{id}", tag = "moderation", params(("id" = ListSetId, Path), ("If-Match" = String, Header)), request_body = SetEdit, responses((status = 200, body = SetView)), security(("bearer" = [])))]
async fn edit_set(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ListSetId>,
    if_match: IfMatch,
    Body(edit): Body<SetEdit>,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let old = store::find_for_update(&tx, id).await?;
    if_match.check(old.version)?;
    let set = match edit.name {
        Some(name) => store::rename(&app, &tx, &permit, &old, name).await?,
        None => old,
    };
    let answer = answer(&app, tx.conn(), set).await?;
    let entry = audit::Entry { object: Some(Object::list_set(id)), ..actor.entry("edit_list_set") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Delete a set
///
/// With its values, unless a rule looks into it.
#[utoipa::path(delete, path = "/mod/sets/{id}", tag = "moderation", params(("id" = ListSetId, Path), ("If-Match" = String, Header)), responses((status = 204)), security(("bearer" = [])))]
async fn delete_set(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ListSetId>,
    if_match: IfMatch,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let set = store::find_for_update(&tx, id).await?;
    if_match.check(set.version)?;
    store::delete(&tx, &permit, &set).await?;
    let entry = audit::Entry { object: Some(Object::list_set(id)), ..actor.entry("delete_list_set") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// A value of a set.
#[derive(Debug, Serialize, ToSchema)]
struct SetValueView {
    /// As it is looked for: words in small letters with one space between, a domain as the name system has it, a network
    /// without the bits of a host, the keyed hash of an address of mail, or the pattern of a name in small letters.
    value: String,
    /// From when on it counts no more; null where it counts for good.
    expires_at: Option<Timestamp>,
    /// Who added it; null once their account was erased.
    added_by: Option<Author>,
    added_at: Timestamp,
}

/// List the values of a set
///
/// In their order. Those that ended are there until others are added.
#[utoipa::path(get, path = "/mod/sets/{id}/values", tag = "moderation", params(("id" = ListSetId, Path), PageQuery), responses((status = 200, body = Page<SetValueView>)), security(("bearer" = [])))]
async fn list_set_values(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ListSetId>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.may(EditAutomation)?;
    store::find(&app.db, id).await?;
    let list = format!("set-values/{id}");
    let after = query.place(&app, &list)?;
    let rows = store::values(&app.db, id, after, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &list, &last.value));
    let people = authors(&app.db, page.items.iter().filter_map(|value| value.added_by).collect()).await?;
    let items = page.items.into_iter().map(|row| SetValueView {
        value: row.value,
        expires_at: row.expires_at.map(Into::into),
        added_by: row.added_by.and_then(|id| people.get(&id).cloned()),
        added_at: row.added_at.into(),
    });
    Answer::ok(&Page { items: items.collect(), next: page.next }, Cache::No)
}

/// A value to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSetValue {
    /// A word, or up to five that follow each other; a domain, which counts for all below it; an address or a network such as
    /// `203.0.113.0/24`; an address of mail, of which a keyed hash is kept and nothing else; or a name, in which `*` stands
    /// for anything.
    value: SetValue,
    /// From when on it counts no more; for good where nothing is said.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Values to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSetValues {
    /// Those that are there already get the end that is said now.
    #[schema(min_items = 1, max_items = 1000)]
    values: Vec<NewSetValue>,
}

/// The values in their one form, each once.
fn read_values(app: &App, kind: SetKind, new: Vec<NewSetValue>) -> Result<Vec<(String, Option<Time>)>> {
    let now = app.now();
    let mut wrong = Vec::new();
    let mut values: Vec<(String, Option<Time>)> = Vec::new();
    if new.is_empty() || new.len() > MAX_VALUES {
        wrong.push(Field::new("values", "out_of_range", "From 1 to 1000 values at a time."));
    }
    for (i, new) in new.into_iter().enumerate() {
        let expires_at = new.expires_at.map(Time::from);
        if expires_at.is_some_and(|at| at <= now) {
            wrong.push(Field::new(
                format!("values[{i}].expires_at"),
                "not_in_future",
                "This moment is over.",
            ));
        }
        match store::kept(app, kind, new.value.as_str()) {
            Ok(value) => match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, ends)) => *ends = expires_at,
                None => values.push((value, expires_at)),
            },
            Err(refused) => {
                wrong.push(Field::new(format!("values[{i}].value"), refused.code, refused.detail));
            }
        }
    }
    if wrong.is_empty() { Ok(values) } else { Err(Error::fields(wrong)) }
}

/// Add values to a set
///
/// Rules that look into it find them from the next post on. Adding one that is there says when it ends.
#[utoipa::path(post, path = "/mod/sets/{id}/values", tag = "moderation", params(("id" = ListSetId, Path)), request_body = NewSetValues, responses((status = 200, body = SetView)), security(("bearer" = [])))]
async fn add_set_values(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ListSetId>,
    Body(new): Body<NewSetValues>,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let tx = app.begin_as(&actor).await?;
    let set = store::find_for_update(&tx, id).await?;
    let values = read_values(&app, set.kind, new.values)?;
    let set = store::add_values(&app, &tx, &permit, &set, &values).await?;
    let answer = answer(&app, tx.conn(), set).await?;
    let entry = audit::Entry {
        object: Some(Object::list_set(id)),
        data: json!({ "values": values.len() }),
        ..actor.entry("add_list_values")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Which value is to go.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ValueQuery {
    /// The value, in any form that adds it; of an address of mail its hash too. It is needed.
    #[param(value_type = Option<String>)]
    value: Option<SetValue>,
}

/// Take a value out of a set
#[utoipa::path(delete, path = "/mod/sets/{id}/values", tag = "moderation", params(("id" = ListSetId, Path), ValueQuery), responses((status = 200, body = SetView)), security(("bearer" = [])))]
async fn remove_set_value(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<ListSetId>,
    Query(query): Query<ValueQuery>,
) -> Result<Answer> {
    let permit = actor.may(EditAutomation)?;
    let Some(value) = query.value else {
        return Err(Error::field("value", "missing", "Which value is to go?"));
    };
    let tx = app.begin_as(&actor).await?;
    let set = store::find_for_update(&tx, id).await?;
    // What cannot be in it is not.
    let value = store::named(&app, set.kind, value.as_str()).map_err(|_| Error::not_found())?;
    let set = store::remove_value(&app, &tx, &permit, &set, value).await?;
    let answer = answer(&app, tx.conn(), set).await?;
    let entry = audit::Entry { object: Some(Object::list_set(id)), ..actor.entry("remove_list_value") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Every path about sets.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_sets, create_set))
        .routes(routes!(read_set, edit_set, delete_set))
        .routes(routes!(list_set_values, add_set_values, remove_set_value))
}
