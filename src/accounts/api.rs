//! Accounts on the wire.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{AccountKind, AccountState, Bio, DisplayName, Email, NewPassword, Role, Username};
use super::store::{self, NewAccount};
use crate::app::App;
use crate::clock::Timestamp;
use crate::entity::account;
use crate::error::{Error, Result};
use crate::events::{self, Event};
use crate::http::limits::Guest;
use crate::http::{Answer, Body, Cache, Claimed, Create, IfMatch, Path, patch};
use crate::ids::AccountId;
use crate::mail::rules::MailKind;
use crate::mail::{self, Order};
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
}

impl From<&account::Model> for OwnAccount {
    fn from(account: &account::Model) -> Self {
        Self {
            profile: Profile::from(account),
            email: account.email.clone(),
            email_verified: account.email_verified_at.is_some(),
            trust_level: account.trust_level,
            state: account.state,
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
async fn create_account(State(app): State<App>, _: Guest, create: Create<Registration>) -> Result<Answer> {
    let password_hash = app.hasher.hash(create.input.password.expose().clone()).await?;
    let tx = app.begin().await?;
    let (new, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    new.password.check_for(new.username.as_str()).map_err(|refused| Error::invalid("password", refused))?;
    let id = app.ids.next();
    let email = new.email.to_string();
    let account = NewAccount {
        id,
        username: new.username,
        kind: AccountKind::Person,
        email: Some(new.email),
        password_hash: Some(password_hash),
        display_name: None,
        role: Role::Member,
    };
    store::insert(&tx, account, app.now()).await?;
    let event =
        Event { kind: "account_created", actor_id: Some(id), subject_id: Some(id.0), ..Event::default() };
    events::record(&app, &tx, event).await?;
    let verification = Order { kind: MailKind::EmailVerification, account_id: Some(id), email };
    mail::order(&app, &tx, verification).await?;
    let account = store::require(tx.conn(), id).await?;
    let location = format!("/api/v1/accounts/{}", account.username);
    let answer = Answer::created(location, &OwnAccount::from(&account), Cache::No)?;
    let answer = once.record(&app, &tx, answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Read a profile
#[utoipa::path(get, path = "/accounts/{username}", tag = "accounts", params(("username" = String, Path)), responses((status = 200, body = Profile)), security((), ("bearer" = [])))]
async fn read_profile(State(app): State<App>, actor: Actor, Path(username): Path<String>) -> Result<Answer> {
    let username = Username::try_from(username).map_err(|_| Error::not_found())?;
    let account = store::find_by_username(&app.db, username.as_str()).await?;
    let account =
        account.filter(|account| account.state != AccountState::Deleted).ok_or_else(Error::not_found)?;
    Answer::ok(&Profile::from(&account), Cache::for_reader(&actor))
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
    let tx = app.begin().await?;
    let account = store::find_for_update(&tx, id).await?;
    let permit = actor.may(EditAccount(&account))?;
    if_match.check(account.version)?;
    let display_name = edit.display_name.map(|name| name.map(String::from));
    let bio = edit.bio.map(|bio| bio.map(String::from));
    let account = store::edit(&tx, &permit, display_name, bio, app.now()).await?;
    let event = Event { kind: "account_edited", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    tx.commit().await?;
    Ok(Answer::ok(&OwnAccount::from(&account), Cache::No)?.version(account.version))
}

/// Every path about accounts.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_account))
        .routes(routes!(read_profile))
        .routes(routes!(read_own_account, edit_own_account))
}
