//! Accounts on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{
    AccountKind, AccountState, Bio, DisplayName, Email, NewPassword, Role, Username, refuse_guessable,
};
use super::store;
use crate::app::App;
use crate::audit::{self, Entry, Object};
use crate::clock::Timestamp;
use crate::entity::account;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::limits::{self, Guest, MailRoute};
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, patch};
use crate::ids::AccountId;
use crate::policy::{Actor, EditAccount};

/// What everybody sees of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Profile {
    id: AccountId,
    username: String,
    /// `person`, or `imported`: the name of an imported debate's author, which nobody signs in to.
    kind: AccountKind,
    display_name: Option<String>,
    bio: Option<String>,
    role: Role,
    created_at: Timestamp,
}

impl From<&account::Model> for Profile {
    fn from(account: &account::Model) -> Self {
        Self {
            id: account.id,
            username: account.username.clone(),
            kind: account.kind,
            display_name: account.display_name.clone(),
            bio: account.bio.clone(),
            role: account.role,
            created_at: account.created_at.into(),
        }
    }
}

impl From<account::Profile> for Profile {
    fn from(row: account::Profile) -> Self {
        let account::Profile { id, username, kind, display_name, bio, role, created_at } = row;
        Self { id, username, kind, display_name, bio, role, created_at: created_at.into() }
    }
}

/// What its owner sees of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnAccount {
    #[serde(flatten)]
    profile: Profile,
    email: Option<String>,
    /// Whether they have confirmed the address.
    email_verified: bool,
    /// 0 to 3.
    trust_level: i16,
    state: AccountState,
    /// Whether everybody sees what they believe and what moved them.
    shows_track_record: bool,
}

impl From<&account::Model> for OwnAccount {
    fn from(account: &account::Model) -> Self {
        Self {
            profile: Profile::from(account),
            email: account.email.clone(),
            email_verified: account.email_verified_at.is_some(),
            trust_level: account.trust_level,
            state: account.state,
            shows_track_record: account.shows_track_record,
        }
    }
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    username: Username,
    email: Email,
    /// 15 to 256 characters, any of them; counted after Unicode normalisation (NFC).
    #[schema(value_type = String, format = "password", min_length = 15, max_length = 256)]
    password: NewPassword,
}

/// Register
///
/// An address that somebody else used is accepted like any other: it belongs to whoever proves it. A mail to
/// it says how.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = Registration, responses((status = 201, body = OwnAccount)), security(()))]
async fn create_account(
    State(app): State<App>,
    guest: Guest,
    create: Create<Registration>,
) -> Result<Answer> {
    let Registration { username, email, password } = &create.input;
    refuse_guessable(password, [username.as_str(), email.as_str()])
        .map_err(|refused| Error::invalid("password", refused))?;
    username.refuse_tombstone().map_err(|refused| Error::invalid("username", refused))?;
    limits::mail(&app, MailRoute::Registration, &email.key(), None, guest.address()).await?;
    let password_hash = app.hasher.hash(password.expose().clone()).await?;
    let tx = app.begin().await?;
    let (new, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    let account = store::register(&app, &tx, new.username, new.email, Some(password_hash)).await?;
    let location = format!("/api/v1/accounts/{}", account.username);
    let answer = Answer::created(location, &OwnAccount::from(&account), Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    audit::record(&app, &tx, store::registered(&account, guest.address())).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a profile
///
/// For a year after somebody was renamed, their old name leads to the new one.
#[utoipa::path(get, path = "/accounts/{username}", tag = "accounts", params(("username" = String, Path)), responses((status = 200, body = Profile), (status = 301, description = "The account has another name: see Location")), security((), ("bearer" = [])))]
async fn read_profile(State(app): State<App>, actor: Actor, Path(username): Path<String>) -> Result<Answer> {
    let username = Username::try_from(username).map_err(|_| Error::not_found())?;
    let cache = Cache::for_reader(&actor);
    if let Some(row) = store::find_profile(&app, username.to_string()).await? {
        return Answer::ok(&Profile::from(row), cache);
    }
    let renamed = store::find_by_old_username(&app.db, username.as_str(), app.now()).await?;
    let there = |account: &account::Model| account.state != AccountState::Deleted;
    let account = renamed.filter(there).ok_or_else(Error::not_found)?;
    Ok(Answer::moved(format!("/api/v1/accounts/{}", account.username), cache))
}

/// Read one's own account
#[utoipa::path(get, path = "/me", tag = "accounts", responses((status = 200, body = OwnAccount)), security(("bearer" = [])))]
async fn read_own_account(State(app): State<App>, actor: Actor) -> Result<Answer> {
    let account = store::require(&app.db, actor.require()?.id).await?;
    Ok(Answer::ok(&OwnAccount::from(&account), Cache::No)?.version(account.version))
}

/// What people change of their own account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AccountEdit {
    /// How they want to be called; null for the username.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<DisplayName>)]
    display_name: Option<Option<DisplayName>>,
    /// What they say of themselves, as plain text; null for nothing.
    #[serde(default, deserialize_with = "patch::nullable")]
    #[schema(value_type = Option<Bio>)]
    bio: Option<Option<Bio>>,
    /// Whether everybody sees what they believe and what moved them (`/accounts/{username}/track-record`).
    #[serde(default, deserialize_with = "patch::required")]
    shows_track_record: Option<bool>,
}

/// Change one's own account
///
/// A JSON Merge Patch.
#[utoipa::path(patch, path = "/me", tag = "accounts", params(("If-Match" = String, Header)), request_body = AccountEdit, responses((status = 200, body = OwnAccount)), security(("bearer" = [])))]
async fn edit_own_account(
    State(app): State<App>,
    actor: Actor,
    if_match: IfMatch,
    Body(edit): Body<AccountEdit>,
) -> Result<Answer> {
    let id = actor.require()?.id;
    let tx = app.begin_as(&actor).await?;
    let account = store::find_for_update(&tx, id).await?;
    let permit = actor.may(EditAccount(&account))?;
    if_match.check(account.version)?;
    let fields = [
        ("display_name", edit.display_name.is_some()),
        ("bio", edit.bio.is_some()),
        ("shows_track_record", edit.shows_track_record.is_some()),
    ];
    let fields: Vec<_> = fields.into_iter().filter_map(|(name, there)| there.then_some(name)).collect();
    let display_name = edit.display_name.map(|name| name.map(String::from));
    let bio = edit.bio.map(|bio| bio.map(String::from));
    let account = store::edit(&tx, &permit, display_name, bio, edit.shows_track_record, app.now()).await?;
    let event = Event { kind: "account_edited", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry {
        object: Some(Object::account(id)),
        data: json!({ "fields": fields }),
        ..actor.entry("edit_account")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::ok(&OwnAccount::from(&account), Cache::No)?.version(account.version))
}

/// A new name for one's own account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Renaming {
    username: Username,
}

/// Change one's username
///
/// Every 30 days, unless the server says otherwise. The old name is nobody else's for a year. Asks for a
/// proof of who asks that is not older than ten minutes.
#[utoipa::path(put, path = "/me/username", tag = "accounts", request_body = Renaming, responses((status = 200, body = OwnAccount)), security(("bearer" = [])))]
async fn rename_own_account(
    State(app): State<App>,
    actor: Actor,
    Body(renaming): Body<Renaming>,
) -> Result<Answer> {
    let id = actor.require_fresh_session(app.fresh_since())?.0.id;
    let object = Some(Object::account(id));
    let tx = app.begin_as(&actor).await?;
    let account = store::find_for_update(&tx, id).await?;
    let permit = actor.may(EditAccount(&account))?;
    if account.username == renaming.username.as_str() {
        return Err(Error::field("username", "unchanged", "This is the username already."));
    }
    renaming.username.refuse_tombstone().map_err(|refused| Error::invalid("username", refused))?;
    let account = store::rename(&app, &tx, &permit, &renaming.username).await?;
    let event = Event { kind: "account_renamed", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    audit::record(&app, &tx, Entry { object, ..actor.entry("rename") }).await?;
    tx.commit().await?;
    Ok(Answer::ok(&OwnAccount::from(&account), Cache::No)?.version(account.version))
}

/// Every path about accounts.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_account))
        .routes(routes!(read_profile))
        .routes(routes!(read_own_account, edit_own_account))
        .routes(routes!(rename_own_account))
}
