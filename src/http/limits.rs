//! How often a client may ask: a token bucket (GCRA) for each class of request and each client, kept in
//! memory, and the headers that tell (draft-ietf-httpapi-ratelimit-headers-10).

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

use super::ClientAddress;
use crate::app::App;
use crate::config;
use crate::error::{Code, Error, Result};
use crate::ids::AccountId;

type Buckets = RateLimiter<Client, DashMapStateStore<Client>, DefaultClock, StateInformationMiddleware>;

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// Somebody signed in, from wherever.
    Account(AccountId),
    /// Somebody at an address.
    Address(std::net::IpAddr),
    /// Whoever signs in by a name or address that no account has, by its SHA-256.
    Login([u8; 32]),
}

impl Client {
    /// One household has one IPv4 address, or one IPv6 network of 64 bits.
    fn bucket(self) -> Self {
        match self {
            Self::Address(std::net::IpAddr::V6(ip)) => {
                Self::Address(std::net::Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into())
            }
            other => other,
        }
    }
}

/// One limit: so many requests in a window.
struct Limit {
    name: &'static str,
    quota: u32,
    window: Duration,
    buckets: Buckets,
}

impl Limit {
    fn new(name: &'static str, quota: u32, window: Duration) -> Self {
        let most = NonZeroU32::new(quota).unwrap_or(NonZeroU32::MIN);
        // A full bucket refills within the window.
        let refill =
            Quota::with_period(window / most.get()).unwrap_or(Quota::per_second(most)).allow_burst(most);
        Self { name, quota, window, buckets: RateLimiter::keyed(refill).with_middleware() }
    }

    fn check(&self, client: Client) -> (State, bool) {
        let (remaining, wait, allowed) = match self.buckets.check_key(&client.bucket()) {
            Ok(snapshot) => (snapshot.remaining_burst_capacity(), Duration::ZERO, true),
            Err(refused) => (0, refused.wait_time_from(DefaultClock::default().now()), false),
        };
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let reset = if allowed { u32::try_from(self.window.as_secs()).unwrap_or(u32::MAX) } else { seconds };
        (
            State { name: self.name, quota: self.quota, window: self.window.as_secs(), remaining, reset },
            allowed,
        )
    }
}

/// What the headers of an answer tell of the limit that counted it.
#[derive(Debug, Clone, Copy)]
struct State {
    name: &'static str,
    quota: u32,
    window: u64,
    remaining: u32,
    reset: u32,
}

/// Every limit of a server.
pub struct Limits {
    enabled: bool,
    read: Limit,
    write: Limit,
    vote: Limit,
    register: Limit,
    sign_in_per_address: Limit,
    sign_in_per_account: Limit,
}

impl Limits {
    /// Starts counting.
    pub fn new(settings: &config::RateLimits) -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        Self {
            enabled: settings.enabled,
            read: Limit::new("read", settings.read_per_minute, minutes(1)),
            write: Limit::new("write", settings.write_per_minute, minutes(1)),
            vote: Limit::new("vote", settings.vote_per_minute, minutes(1)),
            register: Limit::new("register", settings.register_per_hour, minutes(60)),
            sign_in_per_address: Limit::new("sign-in-address", settings.sign_in_per_address, minutes(15)),
            sign_in_per_account: Limit::new("sign-in-account", settings.sign_in_per_account, minutes(15)),
        }
    }

    /// Forgets clients whose buckets are full again.
    pub fn forget_idle(&self) {
        for limit in [
            &self.read,
            &self.write,
            &self.vote,
            &self.register,
            &self.sign_in_per_address,
            &self.sign_in_per_account,
        ] {
            limit.buckets.retain_recent();
        }
    }

    /// The limit that a route falls under.
    fn of(&self, method: &Method, path: &str) -> &Limit {
        match (method, path.trim_start_matches("/api/v1")) {
            (&Method::GET | &Method::HEAD, _) => &self.read,
            (&Method::POST, "/accounts") => &self.register,
            (&Method::POST, "/sessions") => &self.sign_in_per_address,
            (&Method::PUT | &Method::DELETE, "/posts/{id}/vote") => &self.vote,
            _ => &self.write,
        }
    }
}

/// Where the state of the limit waits for the answer it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted(Arc<Mutex<Option<State>>>);

impl Counted {
    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    /// Writes the headers of a counted request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Some(state) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) else {
            return;
        };
        let State { name, quota, window, remaining, reset } = state;
        for (header, value) in [
            ("ratelimit-policy", format!("\"{name}\";q={quota};w={window}")),
            ("ratelimit", format!("\"{name}\";r={remaining};t={reset}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}

fn refuse(state: State) -> Error {
    Code::RateLimited
        .error(format!("At most {} in {} seconds. Wait {} seconds.", state.quota, state.window, state.reset))
        .retry_after(state.reset)
}

/// Counts a request.
///
/// # Errors
/// 429 where there were too many.
pub fn count(app: &App, parts: &Parts, client: Client) -> Result<()> {
    if !app.limits.enabled {
        return Ok(());
    }
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let (state, allowed) = app.limits.of(&parts.method, path).check(client);
    if let Some(counted) = parts.extensions.get::<Counted>() {
        counted.set(state);
    }
    if allowed { Ok(()) } else { Err(refuse(state)) }
}

/// Somebody who registers, signs in or refreshes: known by address only, whatever they send.
#[derive(Debug)]
pub struct Guest {
    address: std::net::IpAddr,
    counted: Counted,
}

impl FromRequestParts<App> for Guest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        count(app, parts, Client::Address(address))?;
        Ok(Self { address, counted: parts.extensions.get().cloned().unwrap_or_default() })
    }
}

impl Guest {
    /// Where they are.
    pub fn address(&self) -> std::net::IpAddr {
        self.address
    }

    /// Counts a sign-in to one account, from wherever. Accounts that do not exist are counted alike: a
    /// limit that only real ones have would tell which are real.
    ///
    /// # Errors
    /// 429 where there were too many.
    pub fn signs_in_to(&self, app: &App, client: Client) -> Result<()> {
        if !app.limits.enabled {
            return Ok(());
        }
        let (state, allowed) = app.limits.sign_in_per_account.check(client);
        if allowed {
            return Ok(());
        }
        self.counted.set(state);
        Err(refuse(state))
    }
}
