//! Grants on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{GrantReason, Permission, Power, Powers, Scope};
use super::store;
use crate::accounts::rules::{AccountState, Role, Username};
use crate::accounts::{self, Author};
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::{Time, Timestamp};
use crate::db::{ConnectionTrait, keyset};
use crate::entity::{account, role_grant};
use crate::error::{Code, Error, Field, Result};
use crate::events::{self, Event};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Cache, Claimed, Create, Path, Query};
use crate::ids::{RoleGrantId, TopicId};
use crate::policy::{Actor, GrantRole, ReadGrants, RevokeGrant};
use crate::text::Tag;

/// The kinds of places where grants hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ScopeKind {
    /// Everywhere.
    Site,
    /// Within one topic.
    Topic,
    /// Within all topics of a tag.
    Tag,
}

/// Where a grant holds.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScopeView {
    kind: ScopeKind,
    /// The topic, with `kind` `topic`.
    #[serde(default)]
    topic_id: Option<TopicId>,
    /// The tag, with `kind` `tag`.
    #[serde(default)]
    tag: Option<Tag>,
}

impl ScopeView {
    fn read(self, wrong: &mut Vec<Field>) -> Scope {
        match (self.kind, self.topic_id, self.tag) {
            (ScopeKind::Site, None, None) => return Scope::Site,
            (ScopeKind::Topic, Some(id), None) => return Scope::Topic(id),
            (ScopeKind::Tag, None, Some(tag)) => return Scope::Tag(tag.into()),
            (ScopeKind::Topic, None, None) => {
                wrong.push(Field::new("scope.topic_id", "missing", "Within which topic?"));
            }
            (ScopeKind::Tag, None, None) => {
                wrong.push(Field::new("scope.tag", "missing", "Within which tag?"));
            }
            _ => {
                wrong.push(Field::new("scope", "ambiguous", "A grant holds in one place, that of its kind."));
            }
        }
        Scope::Site
    }
}

impl From<&Scope> for ScopeView {
    fn from(scope: &Scope) -> Self {
        match scope {
            Scope::Site => Self { kind: ScopeKind::Site, topic_id: None, tag: None },
            Scope::Topic(id) => Self { kind: ScopeKind::Topic, topic_id: Some(*id), tag: None },
            Scope::Tag(tag) => {
                Self { kind: ScopeKind::Tag, topic_id: None, tag: Tag::try_from(tag.clone()).ok() }
            }
        }
    }
}

/// A grant to be made: a role, or permissions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRoleGrant {
    /// `moderator` or `administrator`; the latter for the whole site only.
    #[serde(default)]
    role: Option<Role>,
    /// Instead of a role.
    #[serde(default)]
    #[schema(max_items = 10)]
    permissions: Vec<Permission>,
    scope: ScopeView,
    reason: GrantReason,
    /// Until when; for good if it is left out.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

impl NewRoleGrant {
    /// What is to be given, why and until when.
    fn read(self, now: Time) -> Result<(Power, String, Option<Time>)> {
        let mut wrong = Vec::new();
        let scope = self.scope.read(&mut wrong);
        let mut permissions = self.permissions;
        permissions.sort_unstable();
        permissions.dedup();
        match (self.role, permissions.is_empty()) {
            (Some(Role::Member), _) => {
                wrong.push(Field::new(
                    "role",
                    "not_granted",
                    "Everybody is a member; take grants back instead.",
                ));
            }
            (Some(_), false) => wrong.push(Field::new("permissions", "ambiguous", "A role, or permissions.")),
            (None, true) => wrong.push(Field::new("role", "missing", "A role, or permissions.")),
            (Some(Role::Administrator), true) if scope != Scope::Site => {
                wrong.push(Field::new("scope", "site_only", "Administrators are for the whole site."));
            }
            _ => {}
        }
        let expires_at = self.expires_at.map(Time::from);
        if expires_at.is_some_and(|at| at <= now) {
            wrong.push(Field::new("expires_at", "not_in_future", "This moment is over."));
        }
        if wrong.is_empty() {
            Ok((Power { role: self.role, permissions, scope }, self.reason.into(), expires_at))
        } else {
            Err(Error::fields(wrong))
        }
    }
}

/// A grant.
#[derive(Debug, Serialize, ToSchema)]
struct RoleGrantView {
    id: RoleGrantId,
    /// To whom.
    account: Option<Author>,
    role: Option<Role>,
    permissions: Vec<Permission>,
    scope: ScopeView,
    /// Whether it counts at the moment.
    in_force: bool,
    reason: String,
    /// By whom; null where the operator did it at the command line.
    granted_by: Option<Author>,
    granted_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    /// Who took it back.
    revoked_by: Option<Author>,
}

async fn views(
    db: &impl ConnectionTrait,
    rows: Vec<role_grant::Model>,
    now: Time,
) -> Result<Vec<RoleGrantView>> {
    let named = |row: &role_grant::Model| [Some(row.account_id), row.granted_by, row.revoked_by];
    let authors = accounts::authors(db, rows.iter().flat_map(named).flatten().collect()).await?;
    let view = |row: role_grant::Model| {
        let power = store::power_of(&row);
        RoleGrantView {
            id: row.id,
            account: authors.get(&row.account_id).cloned(),
            role: power.role,
            permissions: power.permissions,
            scope: ScopeView::from(&power.scope),
            in_force: row.revoked_at.is_none() && row.expires_at.is_none_or(|at| at > now),
            reason: row.reason,
            granted_by: row.granted_by.and_then(|id| authors.get(&id).cloned()),
            granted_at: row.granted_at.into(),
            expires_at: row.expires_at.map(Timestamp::from),
            revoked_at: row.revoked_at.map(Timestamp::from),
            revoked_by: row.revoked_by.and_then(|id| authors.get(&id).cloned()),
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

async fn view(db: &impl ConnectionTrait, row: role_grant::Model, now: Time) -> Result<RoleGrantView> {
    views(db, vec![row], now).await?.pop().ok_or_else(Error::not_found)
}

async fn named(db: &impl ConnectionTrait, username: String) -> Result<account::Model> {
    let username = Username::try_from(username).map_err(|_| Error::not_found())?;
    let account = accounts::find_by_username(db, username.as_str()).await?;
    account.filter(|account| account.state != AccountState::Deleted).ok_or_else(Error::not_found)
}

/// List the grants of an account
///
/// Newest first, those that are over included. For whoever has them, and whoever may grant.
#[utoipa::path(get, path = "/accounts/{username}/role-grants", tag = "roles", params(("username" = String, Path), PageQuery), responses((status = 200, body = Page<RoleGrantView>)), security(("bearer" = [])))]
async fn list_role_grants(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    actor.require()?;
    let account = named(&app.db, username).await?;
    actor.may(ReadGrants { of: account.id })?;
    let name = format!("role-grants/{}", account.id);
    let before = query.place(&app, &name)?;
    let rows = store::list(&app.db, account.id, before, query.limit).await?;
    let page = Page::cut(rows, query.limit, |last| keyset::encode(&app, &name, &last.id));
    let items = views(&app.db, page.items, app.now()).await?;
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// Give a role or permissions
///
/// It counts from the next request of the account on. Nobody gives what they do not have.
#[utoipa::path(post, path = "/accounts/{username}/role-grants", tag = "roles", params(("username" = String, Path)), request_body = NewRoleGrant, responses((status = 201, body = RoleGrantView)), security(("bearer" = [])))]
async fn create_role_grant(
    State(app): State<App>,
    actor: Actor,
    Path(username): Path<String>,
    create: Create<NewRoleGrant>,
) -> Result<Answer> {
    actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin_as(&actor).await?;
    let (new, claimed) = create.claim(&app, &tx, &actor).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let now = app.now();
    let (given, reason, expires_at) = new.read(now)?;
    let to = named(tx.conn(), username).await?;
    let to = accounts::find_for_update(&tx, to.id).await?;
    let has = store::powers(tx.conn(), to.id, now).await?;
    let permit = actor.may(GrantRole { to: &to, has: &has, given: &given })?;
    let row = store::grant(&app, &tx, &permit, reason, expires_at).await?;
    let event = Event { kind: "role_granted", subject_id: Some(to.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let location = format!("/api/v1/role-grants/{}", row.id);
    let data = describe(&row, &given);
    let answer = Answer::created(location, &view(tx.conn(), row, now).await?, Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    let entry = Entry { object: Some(Object::account(to.id)), data, ..actor.entry("grant_role") };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(answer)
}

/// A grant, as the audit log keeps it.
fn describe(row: &role_grant::Model, power: &Power) -> serde_json::Value {
    json!({
        "grant": row.id,
        "role": power.role,
        "permissions": power.permissions,
        "topic": row.topic_id,
        "tag": row.tag,
        "expires_at": row.expires_at.map(Timestamp::from),
    })
}

/// To those who may not know of it, a grant is not there.
fn hidden(refused: Error) -> Error {
    if refused.code == Code::SecondFactorNeeded { refused } else { Error::not_found() }
}

/// Read a grant
#[utoipa::path(get, path = "/role-grants/{id}", tag = "roles", params(("id" = RoleGrantId, Path)), responses((status = 200, body = RoleGrantView)), security(("bearer" = [])))]
async fn read_role_grant(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<RoleGrantId>,
) -> Result<Answer> {
    actor.require()?;
    let row = store::find(&app.db, id).await?;
    // To others it is not there: who has which grant is no secret of theirs to look for.
    actor.may(ReadGrants { of: row.account_id }).map_err(hidden)?;
    Answer::ok(&view(&app.db, row, app.now()).await?, Cache::No)
}

/// Take a grant back
///
/// The next request of the account is decided without it.
#[utoipa::path(delete, path = "/role-grants/{id}", tag = "roles", params(("id" = RoleGrantId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn revoke_role_grant(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<RoleGrantId>,
) -> Result<Answer> {
    actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin_as(&actor).await?;
    let grant = store::find(tx.conn(), id).await?;
    actor.may(ReadGrants { of: grant.account_id }).map_err(hidden)?;
    let of = accounts::find_for_update(&tx, grant.account_id).await?;
    let now = app.now();
    let has: Powers = store::powers(tx.conn(), of.id, now).await?;
    let power = store::power_of(&grant);
    let permit = actor.may(RevokeGrant { grant: &grant, has: &has, power: &power })?;
    store::revoke(&tx, &permit, now).await?;
    let event = Event { kind: "role_revoked", subject_id: Some(of.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry {
        object: Some(Object::account(of.id)),
        data: describe(&grant, &power),
        ..actor.entry("revoke_role")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about roles.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_role_grants, create_role_grant))
        .routes(routes!(read_role_grant, revoke_role_grant))
}
