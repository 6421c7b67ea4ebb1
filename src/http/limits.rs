//! How often a client may ask: a token bucket (GCRA) for each limit and each client, and the headers that
//! tell (draft-ietf-httpapi-ratelimit-headers-10).
//!
//! Limits of sign-ins, registrations and mails are kept in the database, the others in memory. Addresses of
//! IPv6 are counted twice: by their network of 64 bits, and, with a larger quota, by that of 48.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::network;
use super::{BASE, ClientAddress};
use crate::app::App;
use crate::config;
use crate::db::rate_limit::{self, Bucket};
use crate::error::{Code, Error, LimitState, Result};
use crate::ids::AccountId;

/// Who is counted in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// Somebody signed in, from wherever.
    Account(AccountId),
    /// Somebody at an address.
    Address(IpAddr),
}

type Buckets = RateLimiter<Client, DashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// One limit in memory: so many requests in a window.
struct Limit {
    name: &'static str,
    quota: u32,
    window: u32,
    buckets: Buckets,
}

impl Limit {
    fn new(name: &'static str, quota: u32, window: u32) -> Self {
        let most = NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN);
        // A full bucket refills within the window.
        let each = Duration::from_secs(window.into()) / most.get();
        let refill = Quota::with_period(each).unwrap_or(Quota::per_second(most)).allow_burst(most);
        Self { name, quota, window, buckets: RateLimiter::keyed(refill).with_middleware() }
    }

    fn check(&self, client: Client) -> (bool, LimitState) {
        let (remaining, wait, allowed) = match self.buckets.check_key(&client) {
            Ok(snapshot) => (snapshot.remaining_burst_capacity(), Duration::ZERO, true),
            Err(refused) => (0, refused.wait_time_from(DefaultClock::default().now()), false),
        };
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let reset = if allowed { self.window } else { seconds };
        let state =
            LimitState { name: self.name.into(), quota: self.quota, window: self.window, remaining, reset };
        (allowed, state)
    }
}

/// A limit in memory, and the larger one of IPv6 networks.
struct Class {
    each: Limit,
    network: Limit,
}

impl Class {
    fn new(names: [&'static str; 2], quota: u32, window: u32, factor: u32) -> Self {
        Self {
            each: Limit::new(names[0], quota, window),
            network: Limit::new(names[1], quota.saturating_mul(factor), window),
        }
    }

    /// Counts a request, and says how the limit stands that is nearer to its end.
    fn check(&self, client: Client) -> (bool, LimitState) {
        let Client::Address(address) = client else {
            return self.each.check(client);
        };
        let first = self.each.check(Client::Address(network(address, 64)));
        if !first.0 || network(address, 64).is_ipv4() {
            return first;
        }
        let second = self.network.check(Client::Address(network(address, 48)));
        if second.0 { first } else { second }
    }

    /// The same, as an error where it is reached.
    fn count(&self, client: Client) -> Result<LimitState> {
        match self.check(client) {
            (true, state) => Ok(state),
            (false, state) => Err(refuse(state)),
        }
    }
}

/// Every limit of a server.
pub struct Limits {
    settings: config::RateLimits,
    read: Class,
    write: Class,
    vote: Class,
}

impl Limits {
    /// Starts counting.
    pub fn new(settings: &config::RateLimits) -> Self {
        let class = |names, quota| Class::new(names, quota, 60, settings.network_factor);
        Self {
            read: class(["read", "read-network"], settings.read_per_minute),
            write: class(["write", "write-network"], settings.write_per_minute),
            vote: class(["vote", "vote-network"], settings.vote_per_minute),
            settings: settings.clone(),
        }
    }

    /// Forgets clients whose buckets in memory are full again.
    pub fn forget_idle(&self) {
        for class in [&self.read, &self.write, &self.vote] {
            class.each.buckets.retain_recent();
            class.network.buckets.retain_recent();
        }
    }
}

/// The limit that a route falls under.
enum Falls<'a> {
    InMemory(&'a Class),
    Durably(Durable),
}

fn falls_under<'a>(limits: &'a Limits, method: &Method, path: &str) -> Falls<'a> {
    match (method, path.trim_start_matches(BASE)) {
        (&Method::GET | &Method::HEAD, _) => Falls::InMemory(&limits.read),
        (&Method::POST, "/accounts" | "/accounts/by-identity") => Falls::Durably(Durable::Register),
        (&Method::POST, "/sessions" | "/sessions/by-passkey" | "/sessions/by-identity") => {
            Falls::Durably(Durable::SignInPerAddress)
        }
        (&Method::POST, "/authorization-requests") => Falls::Durably(Durable::Authorization),
        (&Method::POST, "/me/export") => Falls::Durably(Durable::Export),
        (&Method::POST, "/reports") => Falls::Durably(Durable::Report),
        (&Method::PUT | &Method::DELETE, "/posts/{id}/vote") => Falls::InMemory(&limits.vote),
        _ => Falls::InMemory(&limits.write),
    }
}

/// A limit that is kept in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// New accounts from one address.
    Register,
    /// Requests to identity providers, for one account or from one address.
    Authorization,
    /// Sign-ins from one address.
    SignInPerAddress,
    /// Sign-ins into one account.
    SignInPerAccount,
    /// Sign-ins of everybody together.
    SignInInAll,
    /// Copies of their data that somebody asks for.
    Export,
    /// Reports that somebody files.
    Report,
    /// Mails to one mail address.
    MailPerRecipient(MailRoute),
    /// Mails that one account causes.
    MailPerAccount(MailRoute),
    /// Mails caused from one address.
    MailPerAddress(MailRoute),
}

/// A route that sends mail. Each has buckets of its own, named by it: a limit that is shared by name only
/// is one that may count somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailRoute {
    /// Registering, with a password or with an identity, which asks the address for its proof.
    Registration,
    /// Asking for another proof of the address.
    EmailVerification,
    /// Resetting a password.
    PasswordReset,
    /// Changing one's address.
    EmailChange,
    /// Giving notice of something illegal, which is acknowledged.
    LegalNotice,
}

impl MailRoute {
    /// Every route that sends mail.
    pub const ALL: [Self; 5] = [
        Self::Registration,
        Self::EmailVerification,
        Self::PasswordReset,
        Self::EmailChange,
        Self::LegalNotice,
    ];

    /// The route, as it stands in the names of its limits.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registration => "POST /accounts",
            Self::EmailVerification => "POST /email-verifications",
            Self::PasswordReset => "POST /password-resets",
            Self::EmailChange => "POST /me/email",
            Self::LegalNotice => "POST /legal-notices",
        }
    }
}

impl Durable {
    /// Its name, its quota, and the window in seconds.
    fn terms(self, settings: &config::RateLimits) -> (String, u32, u32) {
        const MINUTE: u32 = 60;
        const HOUR: u32 = 60 * MINUTE;
        match self {
            Self::Register => ("register".to_owned(), settings.register_per_hour, HOUR),
            Self::Authorization => {
                ("authorization".to_owned(), settings.authorization_per_client, 15 * MINUTE)
            }
            Self::SignInPerAddress => {
                ("sign-in-address".to_owned(), settings.sign_in_per_address, 15 * MINUTE)
            }
            Self::SignInPerAccount => {
                ("sign-in-account".to_owned(), settings.sign_in_per_account, 15 * MINUTE)
            }
            Self::SignInInAll => ("sign-in-all".to_owned(), settings.sign_in_per_minute, MINUTE),
            Self::Export => ("export".to_owned(), settings.export_per_day, 24 * HOUR),
            Self::Report => ("report".to_owned(), settings.report_per_hour, HOUR),
            Self::MailPerRecipient(route) => {
                (format!("mail-recipient {}", route.name()), settings.mail_per_recipient, HOUR)
            }
            Self::MailPerAccount(route) => {
                (format!("mail-account {}", route.name()), settings.mail_per_account, HOUR)
            }
            Self::MailPerAddress(route) => {
                (format!("mail-address {}", route.name()), settings.mail_per_address, HOUR)
            }
        }
    }
}

/// Who is counted in the database.
#[derive(Debug, Clone, Copy)]
pub enum Key<'a> {
    /// Everybody together.
    All,
    /// A client's address.
    Address(IpAddr),
    /// An account, a login or a mail address, in the form in which it is compared.
    Text(&'a str),
}

/// Counts in the database, in a small transaction of its own that is committed before anything else is
/// done: what fails afterwards has been counted. The first limit that is reached ends the counting.
/// Says how the first limit stands, unless limits are turned off.
///
/// # Errors
/// 429 where one of them is reached; 503 where the database is away.
pub async fn count_durably(app: &App, counted: &[(Durable, Key<'_>)]) -> Result<Option<LimitState>> {
    let settings = &app.limits.settings;
    if !settings.enabled {
        return Ok(None);
    }
    let mut buckets = Vec::new();
    for (limit, key) in counted {
        let (name, quota, window) = limit.terms(settings);
        let mut push = |name: String, key: &str, quota: u32| {
            let key_hash = app.keys.pseudonym(&name, key.as_bytes());
            buckets.push(Bucket { name, key_hash, quota, window });
        };
        match *key {
            Key::All => push(name, "", quota),
            Key::Text(text) => push(name, text, quota),
            Key::Address(address) => {
                let narrow = network(address, 64);
                push(name.clone(), &narrow.to_string(), quota);
                if narrow.is_ipv6() {
                    let wide = network(address, 48).to_string();
                    push(format!("{name}-network"), &wide, quota.saturating_mul(settings.network_factor));
                }
            }
        }
    }
    let tx = app.begin().await?;
    let (mut first, mut refused) = (None, None);
    for bucket in &buckets {
        let (allowed, state) = rate_limit::count(&tx, bucket, app.now()).await?;
        if !allowed {
            refused = Some(state);
            break;
        }
        first = first.or(Some(state));
    }
    tx.commit().await?;
    refused.map_or(Ok(first), |state| Err(refuse(state)))
}

/// Counts a mail before it is put in the outbox: for its recipient (`email_key`, the form in which
/// addresses are compared), for the account that causes it, where somebody is signed in, and for the
/// client's address. Recipients that nobody has are counted like others, or the limit would tell.
///
/// # Errors
/// 429 where one of the limits is reached; 503 where the database is away.
pub async fn mail(
    app: &App,
    route: MailRoute,
    email_key: &str,
    account: Option<AccountId>,
    client: IpAddr,
) -> Result<()> {
    let account = account.map(|account| account.to_string());
    let mut counted = vec![(Durable::MailPerAddress(route), Key::Address(client))];
    if let Some(account) = &account {
        counted.push((Durable::MailPerAccount(route), Key::Text(account)));
    }
    counted.push((Durable::MailPerRecipient(route), Key::Text(email_key)));
    count_durably(app, &counted).await.map(drop)
}

/// Where the state of the limit waits for the answer it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<Option<LimitState>>>);

impl Counted {
    fn set(&self, state: LimitState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Writes the headers of a counted request, unless a limit that refused it has written its own.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(state) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner)
            && !headers.contains_key("ratelimit")
        {
            write(state, headers);
        }
    }
}

/// Writes the headers of a limit.
pub(super) fn write(state: &LimitState, headers: &mut HeaderMap) {
    let LimitState { name, quota, window, remaining, reset } = state;
    for (header, value) in [
        ("ratelimit-policy", format!("\"{name}\";q={quota};w={window}")),
        ("ratelimit", format!("\"{name}\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(header, value);
        }
    }
}

fn refuse(state: LimitState) -> Error {
    let mut refused = Code::RateLimited
        .error(format!("At most {} in {} seconds. Wait {} seconds.", state.quota, state.window, state.reset))
        .retry_after(state.reset);
    refused.limit = Some(Box::new(state));
    refused
}

/// Counts a request under the limit of its route.
///
/// # Errors
/// 429 where there were too many; 503 where the limit is kept in a database that is away.
pub async fn count(app: &App, parts: &Parts, client: Client) -> Result<()> {
    if !app.limits.settings.enabled {
        return Ok(());
    }
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let state = match falls_under(&app.limits, &parts.method, path) {
        Falls::InMemory(class) => Some(class.count(client)?),
        Falls::Durably(limit) => {
            let account;
            let key = match client {
                Client::Address(address) => Key::Address(address),
                Client::Account(id) => {
                    account = id.to_string();
                    Key::Text(&account)
                }
            };
            count_durably(app, &[(limit, key)]).await?
        }
    };
    if let (Some(counted), Some(state)) = (parts.extensions.get::<Counted>(), state) {
        counted.set(state);
    }
    Ok(())
}

/// Counts a guest's reading.
///
/// # Errors
/// 429 where there was too much of it.
pub(super) fn count_guest(app: &App, counted: &Counted, client: IpAddr) -> Result<()> {
    if app.limits.settings.enabled {
        counted.set(app.limits.read.count(Client::Address(client))?);
    }
    Ok(())
}

/// Somebody who registers, signs in, refreshes or reads what is the same for all: known by address only,
/// whatever they send.
#[derive(Debug)]
pub struct Guest {
    address: IpAddr,
}

impl FromRequestParts<App> for Guest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        count(app, parts, Client::Address(address)).await?;
        Ok(Self { address })
    }
}

impl Guest {
    /// Where they are.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}
