//! Identities on the wire: the way to a provider and back, and what comes of it.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::rules::{Brought, Purpose, RequestSecret};
use super::store::{self, Answered, Proven, Wanted};
use crate::accounts;
use crate::accounts::rules::{Email, Username};
use crate::app::App;
use crate::audit::rules::Outcome;
use crate::audit::{self, Entry, Object};
use crate::auth::rules::{Assertion, CodeAttempt, FactorProof};
use crate::auth::{self, Arrival, FactorAttempt, SignedInView};
use crate::clock::Timestamp;
use crate::db::keyset;
use crate::entity::{account, identity};
use crate::error::{Code, Error, Result};
use crate::events::{self, Event};
use crate::http::limits::{self, Guest, MailRoute};
use crate::http::page::{Page, PageQuery};
use crate::http::{Answer, Body, Cache, Claimed, Create, Path, Query};
use crate::ids::IdentityId;
use crate::mail;
use crate::mail::rules::MailKind;
use crate::policy::{Actor, EditAccount, Permit};

/// A provider that people may sign in with.
#[derive(Debug, Serialize, ToSchema)]
struct ProviderView<'a> {
    /// Its name in requests.
    name: &'a str,
    /// What people know it by.
    title: &'a str,
}

/// Every provider that people may sign in with.
#[derive(Debug, Serialize, ToSchema)]
struct ProvidersView<'a> {
    /// By name; those that the operator configured, and often none.
    items: Vec<ProviderView<'a>>,
}

/// List the identity providers
#[utoipa::path(get, path = "/identity-providers", tag = "identities", responses((status = 200, body = ProvidersView)), security(()))]
async fn list_identity_providers(State(app): State<App>, _: Guest) -> Result<Answer> {
    let items = app.identity_providers.titles().map(|(name, title)| ProviderView { name, title }).collect();
    Answer::ok(&ProvidersView { items }, Cache::Public)
}

/// Where somebody wants to go, and what for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAuthorizationRequest {
    /// The name of a provider.
    provider: String,
    purpose: Purpose,
}

/// The way to a provider.
#[derive(Debug, Serialize, ToSchema)]
struct AuthorizationRequestView {
    /// Open it in the person's browser. The provider sends them back to its `redirect_uri` with `state` and `code`.
    authorization_url: String,
    /// Keep it where nobody else reads it, and send it with what the provider sends back.
    authorization_request: String,
    /// Until when it is good: ten minutes.
    expires_at: Timestamp,
}

/// Ask for the way to a provider
///
/// For anybody who wants to sign in or to register; to link an identity, for a session with a proof of who asks
/// that is not older than ten minutes; and to prove again who one is, for any session.
#[utoipa::path(post, path = "/authorization-requests", tag = "identities", request_body = NewAuthorizationRequest, responses((status = 201, body = AuthorizationRequestView)), security((), ("bearer" = [])))]
async fn create_authorization_request(
    State(app): State<App>,
    actor: Actor,
    Body(new): Body<NewAuthorizationRequest>,
) -> Result<Answer> {
    let session = match new.purpose {
        Purpose::SignIn => None,
        Purpose::Link => {
            let (own, session) = actor.require_fresh_session(app.fresh_since())?;
            actor.may(EditAccount(&accounts::require(&app.db, own.id).await?))?;
            Some((own.id, session))
        }
        Purpose::Reauthenticate => {
            let (own, session) = actor.require_session()?;
            Some((own.id, session))
        }
    };
    let provider = app.identity_providers.get(&new.provider).ok_or_else(|| {
        Error::field("provider", "unknown_value", "GET /identity-providers lists those that there are.")
    })?;
    let wanted = Wanted { purpose: new.purpose, session };
    let (secret, url, expires_at) = store::begin(&app, wanted, (&new.provider, &**provider)).await?;
    let view = AuthorizationRequestView {
        authorization_url: url.into(),
        authorization_request: secret.expose(),
        expires_at: expires_at.into(),
    };
    // There is nothing to read at an address of its own: whoever has the secret has all there is.
    Answer::created("/api/v1/authorization-requests".to_owned(), &view, Cache::No)
}

/// What a provider sent back, and the second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IdentityProof {
    /// As POST /authorization-requests gave it.
    #[schema(value_type = String, format = "password", example = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    authorization_request: RequestSecret,
    /// As it came back from the provider, like the next two.
    #[schema(value_type = String, min_length = 1, max_length = 2048)]
    state: Brought,
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 2048)]
    code: Brought,
    /// Where the provider sent it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2048)]
    iss: Option<Brought>,
    /// Six digits, where the account has an authenticator app. Not looked at where it has none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    totp_code: Option<CodeAttempt>,
    /// Instead of it, one of the account's recovery codes.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = "password", min_length = 1, max_length = 64)]
    recovery_code: Option<CodeAttempt>,
    /// Instead of both, one of the account's passkeys.
    #[serde(default)]
    passkey: Option<Box<Assertion>>,
}

impl IdentityProof {
    fn answered(&self) -> Answered<'_> {
        let Self { authorization_request: secret, state, code, iss, .. } = self;
        Answered { secret, state, code, iss: iss.as_ref() }
    }

    fn factor(&self) -> Result<Option<FactorProof>> {
        FactorProof::read(self.totp_code.clone(), self.recovery_code.clone(), self.passkey.clone())
    }
}

/// What a request must be for that signs somebody in or registers them.
const SIGN_IN: Wanted = Wanted { purpose: Purpose::SignIn, session: None };

/// Sign in with an identity
///
/// Where the account has a second factor, a code of it is needed: send the same again with it. Where no account has
/// the identity, the request is good for registering (POST /accounts/by-identity).
#[utoipa::path(post, path = "/sessions/by-identity", tag = "identities", request_body = IdentityProof, responses((status = 201, body = SignedInView)), security(()))]
async fn create_session_by_identity(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    create: Create<IdentityProof>,
) -> Result<Answer> {
    let factor = create.input.factor()?;
    let entry = Entry { client: Some(guest.address()), ..Entry::of("sign_in") };
    let refused = |entry: Entry| Entry { outcome: Outcome::Refused, ..entry };
    let proven = match store::prove(&app, SIGN_IN, create.input.answered()).await {
        Ok(proven) => proven,
        Err(error) => {
            if error.code == Code::IdentityNotProven {
                audit::record_alone(&app, refused(entry)).await?;
            }
            return Err(error);
        }
    };
    let Some(identity) = store::find(&app.db, &proven.person).await? else {
        let data = json!({ "identity_provider": proven.provider });
        audit::record_alone(&app, refused(Entry { data, ..entry })).await?;
        return Err(store::unknown());
    };
    let account = accounts::require(&app.db, identity.account_id).await?;
    if !accounts::may_sign_in(&account) {
        return Err(store::unknown());
    }
    let attempt = attempt(&app, &account, &proven).await?;
    let tx = app.begin().await?;
    let (_, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => {
            attempt.succeeded(&app, &tx).await?;
            tx.commit().await?;
            return Ok(answer);
        }
        Claimed::Now(once) => once,
    };
    accounts::hold_unchanged(&tx, &account).await?;
    store::use_up(&tx, &proven, app.now()).await?;
    store::note_used(&tx, &identity, app.now()).await?;
    let entry = Entry { object: Some(Object::account(account.id)), ..entry };
    let (tx, shown) = attempt.pass(&app, tx, &account, factor.as_ref(), entry).await?;
    let arrival = Arrival {
        account: &account,
        second_factor: shown.is_some(),
        data: told(&identity, shown),
        once: Some(once),
    };
    let answer = auth::begin(&app, &tx, &guest, &headers, arrival).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Counts an attempt at the second factor, unless it comes to nothing anyway.
async fn attempt(app: &App, account: &account::Model, proven: &Proven) -> Result<FactorAttempt> {
    if proven.used { Ok(FactorAttempt::default()) } else { FactorAttempt::count(app, account).await }
}

/// What the audit log is told of a proof.
fn told(identity: &identity::Model, factor: Option<&'static str>) -> serde_json::Value {
    match factor {
        Some(factor) => json!({ "identity": identity.id, "second_factor": factor }),
        None => json!({ "identity": identity.id }),
    }
}

/// An account to be made for an identity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RegistrationByIdentity {
    /// For which POST /sessions/by-identity said that no account has the identity.
    #[schema(value_type = String, format = "password", example = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    authorization_request: RequestSecret,
    username: Username,
    email: Email,
}

/// Register with an identity
///
/// Makes an account without a password, and signs in to it. The address is what is sent here, whatever the provider
/// says, and is confirmed by mail like any other; resetting the password (POST /password-resets) sets one.
#[utoipa::path(post, path = "/accounts/by-identity", tag = "identities", request_body = RegistrationByIdentity, responses((status = 201, body = SignedInView)), security(()))]
async fn create_account_by_identity(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    create: Create<RegistrationByIdentity>,
) -> Result<Answer> {
    let RegistrationByIdentity { authorization_request, username, email } = &create.input;
    username.refuse_tombstone().map_err(|refused| Error::invalid("username", refused))?;
    let proven = store::proven(&app, SIGN_IN, authorization_request).await?;
    limits::mail(&app, MailRoute::Registration, &email.key(), None, guest.address()).await?;
    let tx = app.begin().await?;
    let (new, claimed) = create.claim(&app, &tx, &Actor::Anonymous).await?;
    let once = match claimed {
        Claimed::Before(answer) => return Ok(answer),
        Claimed::Now(once) => once,
    };
    store::use_up(&tx, &proven, app.now()).await?;
    let account = accounts::register(&app, &tx, new.username, new.email, None).await?;
    let permit = Permit::registering(EditAccount(&account), account.id);
    let identity = store::link(&app, &tx, &permit, &proven).await?;
    let event = Event {
        kind: "identity_linked",
        actor_id: Some(account.id),
        subject_id: Some(identity.id.0),
        ..Event::default()
    };
    events::record(&app, &tx, event).await?;
    let data = told(&identity, None);
    let entry = Entry { data: data.clone(), ..accounts::registered(&account, guest.address()) };
    audit::record(&app, &tx, entry).await?;
    let arrival = Arrival { account: &account, second_factor: false, data, once: Some(once) };
    let answer = auth::begin(&app, &tx, &guest, &headers, arrival).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Prove again who one is, with an identity
///
/// One that is linked with the account already. Where the account has a second factor, it is part of the proof.
#[utoipa::path(post, path = "/sessions/current/reauthentication/by-identity", tag = "identities", request_body = IdentityProof, responses((status = 204)), security(("bearer" = [])))]
async fn reauthenticate_by_identity(
    State(app): State<App>,
    actor: Actor,
    Body(proof): Body<IdentityProof>,
) -> Result<Answer> {
    let (own, session) = actor.require_session()?;
    let factor = proof.factor()?;
    let object = Some(Object::account(own.id));
    let wanted = Wanted { purpose: Purpose::Reauthenticate, session: Some((own.id, session)) };
    let shown = match store::prove(&app, wanted, proof.answered()).await {
        Ok(proven) => {
            let linked = store::find(&app.db, &proven.person).await?;
            linked
                .filter(|identity| identity.account_id == own.id)
                .map(|identity| (proven, identity))
                .ok_or_else(|| {
                    Code::IdentityNotProven
                        .error("This identity is not linked with your account: sign in with one that is.")
                })
        }
        Err(error) => Err(error),
    };
    let (proven, identity) = match shown {
        Ok(shown) => shown,
        Err(error) => {
            if error.code == Code::IdentityNotProven {
                let entry = Entry { object, outcome: Outcome::Refused, ..actor.entry("reauthenticate") };
                audit::record_alone(&app, entry).await?;
            }
            return Err(error);
        }
    };
    let account = accounts::require(&app.db, own.id).await?;
    let attempt = attempt(&app, &account, &proven).await?;
    let tx = app.begin().await?;
    accounts::hold_unchanged(&tx, &account).await?;
    store::use_up(&tx, &proven, app.now()).await?;
    store::note_used(&tx, &identity, app.now()).await?;
    let entry = Entry { object, ..actor.entry("reauthenticate") };
    let (tx, shown) = attempt.pass(&app, tx, &account, factor.as_ref(), entry).await?;
    auth::note_authentication(&tx, session, shown.is_some(), app.now()).await?;
    let event = Event { kind: "session_reauthenticated", subject_id: Some(session.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let data = told(&identity, shown);
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("reauthenticate") }).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// An identity that signs in to one's account.
#[derive(Debug, Serialize, ToSchema)]
struct IdentityView {
    id: IdentityId,
    /// The provider's name when the identity was linked.
    provider: String,
    /// The provider's address.
    issuer: String,
    linked_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl From<identity::Model> for IdentityView {
    fn from(row: identity::Model) -> Self {
        Self {
            id: row.id,
            provider: row.provider,
            issuer: row.issuer,
            linked_at: row.linked_at.into(),
            last_used_at: row.last_used_at.map(Into::into),
        }
    }
}

/// List one's own identities
///
/// Newest first.
#[utoipa::path(get, path = "/me/identities", tag = "identities", params(PageQuery), responses((status = 200, body = Page<IdentityView>)), security(("bearer" = [])))]
async fn list_identities(
    State(app): State<App>,
    actor: Actor,
    Query(query): Query<PageQuery>,
) -> Result<Answer> {
    let (own, _) = actor.require_session()?;
    let name = format!("identities/{}", own.id);
    let before = query.place(&app, &name)?;
    let identities = store::list(&app.db, own.id, before, query.limit).await?;
    let page = Page::cut(identities, query.limit, |last| keyset::encode(&app, &name, &last.id));
    let items = page.items.into_iter().map(IdentityView::from).collect();
    Answer::ok(&Page { items, next: page.next }, Cache::No)
}

/// What a provider sent back, for an identity to be linked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewIdentity {
    /// As POST /authorization-requests gave it.
    #[schema(value_type = String, format = "password", example = "otw_ar_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    authorization_request: RequestSecret,
    /// As it came back from the provider, like the next two.
    #[schema(value_type = String, min_length = 1, max_length = 2048)]
    state: Brought,
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 2048)]
    code: Brought,
    /// Where the provider sent it.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2048)]
    iss: Option<Brought>,
}

/// Link an identity with one's account
///
/// From then on it signs in to it; a mail tells of it. Takes a request that was made for this in the same session.
#[utoipa::path(post, path = "/me/identities", tag = "identities", request_body = NewIdentity, responses((status = 201, body = IdentityView)), security(("bearer" = [])))]
async fn link_identity(State(app): State<App>, actor: Actor, Body(new): Body<NewIdentity>) -> Result<Answer> {
    let (own, session) = actor.require_session()?;
    let object = Some(Object::account(own.id));
    let wanted = Wanted { purpose: Purpose::Link, session: Some((own.id, session)) };
    let NewIdentity { authorization_request: secret, state, code, iss } = &new;
    let linked = async {
        let proven = store::prove(&app, wanted, Answered { secret, state, code, iss: iss.as_ref() }).await?;
        let tx = app.begin().await?;
        let account = accounts::find_for_update(&tx, own.id).await?;
        let permit = actor.may(EditAccount(&account))?;
        store::use_up(&tx, &proven, app.now()).await?;
        let identity = store::link(&app, &tx, &permit, &proven).await?;
        mail::notify(&app, &tx, &account, MailKind::IdentityLinked).await?;
        Ok((tx, identity))
    };
    let (tx, identity) = match linked.await {
        Ok(linked) => linked,
        Err(error) => {
            let error: Error = error;
            if matches!(error.code, Code::IdentityNotProven | Code::IdentityTaken) {
                let entry = Entry { object, outcome: Outcome::Refused, ..actor.entry("link_identity") };
                audit::record_alone(&app, entry).await?;
            }
            return Err(error);
        }
    };
    let event = Event { kind: "identity_linked", subject_id: Some(identity.id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let data = told(&identity, None);
    audit::record(&app, &tx, Entry { object, data, ..actor.entry("link_identity") }).await?;
    tx.commit().await?;
    Answer::created("/api/v1/me/identities".to_owned(), &IdentityView::from(identity), Cache::No)
}

/// Unlink an identity
///
/// It signs in no more. Ends all other sessions; a mail tells of it. Asks for a proof of who asks that is not older
/// than ten minutes, and is refused for the last way in to the account.
#[utoipa::path(delete, path = "/me/identities/{id}", tag = "identities", params(("id" = IdentityId, Path)), responses((status = 204)), security(("bearer" = [])))]
async fn unlink_identity(State(app): State<App>, actor: Actor, Path(id): Path<IdentityId>) -> Result<Answer> {
    let (own, session) = actor.require_fresh_session(app.fresh_since())?;
    let tx = app.begin().await?;
    let account = accounts::find_for_update(&tx, own.id).await?;
    let permit = actor.may(EditAccount(&account))?;
    let identity = store::unlink(&app, &tx, &permit, id).await?;
    auth::end_all(&tx, own.id, Some(session), "factor_changed", app.now()).await?;
    mail::notify(&app, &tx, &account, MailKind::IdentityUnlinked).await?;
    let event = Event { kind: "identity_unlinked", subject_id: Some(id.0), ..actor.event() };
    events::record(&app, &tx, event).await?;
    let entry = Entry {
        object: Some(Object::account(own.id)),
        data: told(&identity, None),
        ..actor.entry("unlink_identity")
    };
    audit::record(&app, &tx, entry).await?;
    tx.commit().await?;
    Ok(Answer::none())
}

/// Every path about identities and their providers.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_identity_providers))
        .routes(routes!(create_authorization_request))
        .routes(routes!(create_session_by_identity))
        .routes(routes!(create_account_by_identity))
        .routes(routes!(reauthenticate_by_identity))
        .routes(routes!(list_identities, link_identity))
        .routes(routes!(unlink_identity))
}
