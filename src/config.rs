//! Settings: the compiled-in defaults, then a file, then the environment; checked once, at the start.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

/// Every setting, with its default and its comment.
pub const DEFAULTS: &str = include_str!("../config/default.toml");

/// All settings of one server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the private cluster, the keys and the lock file live.
    pub data_dir: PathBuf,
    /// The public listener.
    pub server: Server,
    /// The listener for Prometheus.
    pub metrics: Metrics,
    /// The database and its pool.
    pub database: Database,
    /// People and their names.
    pub accounts: Accounts,
    /// What people can ask of their own data.
    pub own_data: OwnData,
    /// What trust levels take.
    pub trust: Trust,
    /// Reports and what moderators do.
    pub moderation: Moderation,
    /// Doing the same to many things at a time.
    pub jobs: Jobs,
    /// Rules by which posts are judged without a human.
    pub automation: Automation,
    /// Looking for attacks by votes.
    pub vote_signals: VoteSignals,
    /// Telling moderators' scripts what happens.
    pub webhooks: Webhooks,
    /// Tokens and sessions.
    pub auth: Auth,
    /// Passkeys.
    pub passkeys: Passkeys,
    /// The audit log.
    pub audit: Audit,
    /// The cost of password hashing.
    pub password: Password,
    /// Paging.
    pub lists: Lists,
    /// Answers that all who did not sign in share.
    pub shared_answers: SharedAnswers,
    /// Requests a client may make.
    pub rate_limits: RateLimits,
    /// Who people may sign in with, by the name that clients use.
    pub identity_providers: BTreeMap<String, IdentityProvider>,
    /// Mail, and what is done by it.
    pub mail: Mail,
    /// What is logged, and how.
    pub log: Log,
    /// What an empty database starts with.
    pub debates: Debates,
}

/// The public listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where the API listens.
    pub address: SocketAddr,
    /// How the outside world reaches it, without a slash at the end.
    pub public_url: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Web pages of other origins that may call the API.
    pub allowed_origins: Vec<Origin>,
    /// The largest request body, in bytes.
    pub body_limit_bytes: usize,
    /// How long a new connection may stay silent, in seconds.
    pub first_byte_timeout_secs: u64,
    /// How long the head of a request may take from its first byte, in seconds.
    pub header_timeout_secs: u64,
    /// How long the body of a request may take, in seconds.
    pub body_timeout_secs: u64,
    /// How long the work on a request may take once it has arrived, in seconds.
    pub request_timeout_secs: u64,
    /// How long an answer may wait for a client that takes nothing of it, in seconds.
    pub write_timeout_secs: u64,
    /// How long a connection is kept open for the next request, in seconds.
    pub idle_timeout_secs: u64,
    /// Connections served at a time.
    pub max_connections: usize,
    /// Connections served at a time for one address.
    pub max_connections_per_address: usize,
    /// How long running requests are waited for at the end, in seconds.
    pub drain_timeout_secs: u64,
}

/// The listener for Prometheus.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Where it listens; empty turns it off.
    pub address: String,
}

/// The database and its pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where PostgreSQL is; empty means a private cluster.
    pub url: SecretString,
    /// The same database as the owner of its tables; empty means that `url` names the owner.
    pub migration_url: SecretString,
    /// The folder of PostgreSQL's programs; empty means to search.
    pub postgres_bin: PathBuf,
    /// Connections in the pool.
    pub max_connections: u32,
    /// How long a request waits for a connection, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement may take, in milliseconds.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a lock, in milliseconds.
    pub lock_timeout_ms: u64,
    /// Statements slower than this are logged, in milliseconds.
    pub slow_statement_ms: u64,
}

/// People and their names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The time between two changes of a username, in days.
    pub rename_interval_days: u32,
    /// Whether only those take part in debates who have confirmed their address.
    pub require_verified_email: bool,
    /// For how long it is kept from where somebody signed in, in days.
    pub address_days: u32,
}

/// What people can ask of their own data.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnData {
    /// For how long the copy of somebody's data can be had, in hours.
    pub export_kept_hours: u32,
    /// How large such a copy may be, in bytes.
    pub export_limit_bytes: usize,
    /// The time between asking for an account to be erased and doing it, in days.
    pub erasure_grace_days: u32,
}

/// What trust levels take: the age of an account in days, accepted posts, and praised ones; and what whoever has none is held
/// to. See `trust::rules`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each name says which part of which level it is, or what newcomers are held to"
)]
pub struct Trust {
    pub level_1_days: u32,
    pub level_1_accepted: u32,
    pub level_1_praised: u32,
    pub level_2_days: u32,
    pub level_2_accepted: u32,
    pub level_2_praised: u32,
    pub level_3_days: u32,
    pub level_3_accepted: u32,
    pub level_3_praised: u32,
    pub newcomer_links: u32,
    pub newcomer_mentions: u32,
    pub newcomer_topics_per_day: u32,
    pub newcomer_posts_per_day: u32,
}

/// Reports and what moderators do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moderation {
    /// How long a moderator has a case that they claimed, in minutes.
    pub claim_minutes: u32,
    /// What the reports of a case weigh together, in hundredths, that makes it half as urgent as can be.
    pub half_priority_weight: u32,
    /// How soon after it was opened a case is to be decided, in hours.
    pub sla_hours: u32,
    /// How long strikes count, in days.
    pub strike_days: u32,
    /// How long it is kept who gave notice of something illegal, in days after it was decided.
    pub notice_contact_days: u32,
    /// How long one may appeal against a decision, in calendar months.
    pub appeal_months: u32,
    /// Where decisions hold: countries by their codes (ISO 3166-1).
    pub territorial_scope: Vec<String>,
}

/// Doing the same to many things at a time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// How long a plan can be executed, in minutes.
    pub plan_minutes: u32,
    /// How long a second person has to agree, in hours.
    pub approval_hours: u32,
    /// A job about more items than this takes a second person.
    pub second_person_above: u32,
    /// How long a job can be taken back, in days.
    pub undo_days: u32,
    /// How many jobs of one person are under way at a time.
    pub at_a_time: u32,
    /// How many jobs of one person wait for a moment before which they do not begin.
    pub scheduled_at_most: u32,
}

/// Rules by which posts are judged without a human.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automation {
    /// How long a trial of a rule may take, in milliseconds.
    pub trial_ms: u64,
    /// For how long a rule may be enforced after a trial, in hours.
    pub trial_valid_hours: u32,
}

/// Looking for attacks by votes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteSignals {
    /// The time between two searches, in minutes.
    pub interval_minutes: u32,
    /// How far back votes are looked at, in days.
    pub window_days: u32,
    /// How many votes are looked at, at most: the last ones.
    pub most_votes: u32,
    /// How long a finding is kept after the last vote that speaks for it, in days.
    pub kept_days: u32,
}

/// Telling moderators' scripts what happens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether anything is sent.
    pub enabled: bool,
    /// Where webhooks may lead besides addresses that are everybody's.
    pub trusted_origins: Vec<Origin>,
    /// How many webhooks are sent something at a time.
    pub at_a_time: u32,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: u32,
    /// How often a delivery is tried.
    pub attempts: u32,
    /// How long is waited after the first attempt at most, in milliseconds.
    pub retry_first_ms: u32,
    /// How long is waited after many at most, in milliseconds.
    pub retry_longest_ms: u32,
    /// After how many deliveries in a row that were given up a webhook is disabled.
    pub disable_after: u32,
    /// How long the key before the last signs besides, in hours.
    pub former_key_hours: u32,
    /// How long it is kept what was sent, in days.
    pub kept_days: u32,
    /// How many webhooks one person has.
    pub per_account: u32,
}

/// Tokens and sessions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// A PKCS #8 PEM with an Ed25519 key; empty means the one in the data folder.
    pub signing_key_file: PathBuf,
    /// Keys of the same kind that sign no more, and whose signatures are still good.
    pub retired_signing_key_files: Vec<PathBuf>,
    /// 32 random bytes in base64; empty means those in the data folder.
    pub secret: SecretString,
    /// Life of an access token, in seconds.
    pub access_token_ttl_secs: u32,
    /// Forgiven clock difference, in seconds.
    pub leeway_secs: u32,
    /// A member's session ends after so long without a refresh, in hours.
    pub session_idle_hours: u32,
    /// A member's session ends after so long in any case, in hours.
    pub session_absolute_hours: u32,
    /// The idle limit for moderators and administrators, in hours.
    pub staff_session_idle_hours: u32,
    /// The absolute limit for moderators and administrators, in hours.
    pub staff_session_absolute_hours: u32,
    /// For how long a lost refresh may be repeated, in seconds.
    pub refresh_grace_secs: u32,
    /// How old a proof of who asks may be where one is asked for, in seconds.
    pub fresh_secs: u32,
    /// Whether powers beyond everybody's are of use only in sessions that passed a second factor.
    pub require_second_factor_for_staff: bool,
}

/// The audit log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Where signed checkpoints are written; empty means a file in the data folder.
    pub checkpoint_file: PathBuf,
    /// The time between two checkpoints, in seconds.
    pub checkpoint_interval_secs: u32,
}

/// The cost of password hashing (Argon2id).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// Memory for one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Hashes computed at a time; 0 means one for each core.
    pub concurrency: usize,
    /// Hashes that may wait.
    pub queue: usize,
}

impl Password {
    fn check(&self) -> anyhow::Result<()> {
        // What Argon2 itself asks for (RFC 9106, 3.1), and no more than a machine has.
        let least = 8 * u64::from(self.parallelism);
        ensure!(
            (1..=255).contains(&self.parallelism)
                && (1..=1_000).contains(&self.iterations)
                && (least..=4 << 20).contains(&u64::from(self.memory_kib)),
            "password.parallelism must be from 1 to 255, password.iterations from 1 to 1000, and password.memory_kib \
             from 8 times the parallelism to 4194304; they are {}, {} and {}",
            self.parallelism,
            self.iterations,
            self.memory_kib
        );
        Ok(())
    }
}

/// Paging.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    /// How long a list can be followed from its first page, in seconds.
    pub cursor_lifetime_secs: u32,
}

/// Answers that all who did not sign in share.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedAnswers {
    /// How much of them is kept, in bytes; 0 keeps none.
    pub memory_bytes: usize,
    /// How old one may be, in milliseconds.
    pub max_age_ms: u32,
}

/// Requests a client may make.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    /// Whether the limits are applied.
    pub enabled: bool,
    /// Reads a minute for one account or address.
    pub read_per_minute: u32,
    /// Writes a minute for one account or address.
    pub write_per_minute: u32,
    /// Votes a minute for one account.
    pub vote_per_minute: u32,
    /// Sign-ins in 15 minutes from one address.
    pub sign_in_per_address: u32,
    /// Sign-ins in 15 minutes into one account.
    pub sign_in_per_account: u32,
    /// Sign-ins a minute of everybody together.
    pub sign_in_per_minute: u32,
    /// Wrong passwords in a row by one login after which it signs nobody in.
    pub sign_in_failures: u32,
    /// Requests to identity providers in 15 minutes for one account or from one address.
    pub authorization_per_client: u32,
    /// New accounts an hour from one address.
    pub register_per_hour: u32,
    /// Copies of their data a day that one account asks for.
    pub export_per_day: u32,
    /// Reports an hour that one account files.
    pub report_per_hour: u32,
    /// Mails an hour to one mail address, for each route that sends any.
    pub mail_per_recipient: u32,
    /// Mails an hour that one account causes, for each route that sends any.
    pub mail_per_account: u32,
    /// Mails an hour caused from one address, for each route that sends any.
    pub mail_per_address: u32,
    /// How many addresses an IPv6 network of 48 bits counts for.
    pub network_factor: u32,
}

/// A server that says who people are (OpenID Connect).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// What people know it by.
    pub title: String,
    /// Its address, letter by letter as it writes it itself.
    pub issuer: String,
    /// What it knows this server by.
    pub client_id: String,
    /// How it knows that it is this server; empty where it was told to ask for none.
    #[serde(default)]
    pub client_secret: SecretString,
    /// What it is asked for, with spaces between. Nothing but who somebody is is ever used.
    #[serde(default = "IdentityProvider::default_scopes")]
    pub scopes: String,
    /// Where it sends people back to: a page of the client.
    pub redirect_uri: String,
    /// How long it may take to say what it is, and again to say who somebody is, in milliseconds.
    #[serde(default = "IdentityProvider::default_timeout_ms")]
    pub timeout_ms: u64,
}

impl IdentityProvider {
    fn default_scopes() -> String {
        "openid".to_owned()
    }

    fn default_timeout_ms() -> u64 {
        4_000
    }

    fn check(&self, name: &str) -> anyhow::Result<()> {
        let setting = |part: &str| format!("identity_providers.{name}.{part}");
        ensure!(
            (1..=30).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "identity_providers.{name}: a name has 1 to 30 letters a-z, digits and hyphens"
        );
        ensure!(
            (1..=60).contains(&self.title.chars().count()) && !self.title.chars().any(char::is_control),
            "{} must have 1 to 60 characters",
            setting("title")
        );
        let issuer = url::Url::parse(&self.issuer).ok().filter(|url| {
            is_https_or_local(url)
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        ensure!(
            issuer.is_some(),
            "{} must be an https:// address without a query (http:// only on this machine), as the provider \
             writes it; it is `{}`",
            setting("issuer"),
            self.issuer
        );
        ensure!(!self.client_id.is_empty(), "{} must not be empty", setting("client_id"));
        ensure!(
            self.scopes.split_whitespace().any(|scope| scope == "openid"),
            "{} must have `openid` among them; it is `{}`",
            setting("scopes"),
            self.scopes
        );
        // Apps have schemes of their own, named after a domain of theirs (RFC 8252, 7.1).
        let back = url::Url::parse(&self.redirect_uri).ok();
        let back = back.filter(|url| is_https_or_local(url) || url.scheme().contains('.'));
        ensure!(
            back.is_some_and(|url| url.fragment().is_none()),
            "{} must be an https:// address without a fragment, one on this machine, or one with a scheme like \
             org.example.app; it is `{}`",
            setting("redirect_uri"),
            self.redirect_uri
        );
        ensure!(
            (1..=4_000).contains(&self.timeout_ms),
            "{} must be from 1 to 4000; it is {}",
            setting("timeout_ms"),
            self.timeout_ms
        );
        Ok(())
    }
}

/// Whether nobody on the way can read or change what is sent there: by https, or to this machine.
pub fn is_https_or_local(url: &url::Url) -> bool {
    let local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.host().is_some() && (url.scheme() == "https" || url.scheme() == "http" && local)
}

/// Mail, and what is done by it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Where mail goes.
    pub transport: MailTransport,
    /// The SMTP server, with the password where one is needed.
    pub smtp_url: SecretString,
    /// The sender's address.
    pub from: String,
    /// Where links in mails lead, without a slash at the end; empty means `server.public_url`.
    pub link_base: String,
    /// How long handing one mail over may take, in seconds.
    pub smtp_timeout_secs: u32,
    /// How long is waited after the first failure, in milliseconds.
    pub retry_first_ms: u32,
    /// How long is waited after many, in milliseconds.
    pub retry_longest_ms: u32,
    /// For how long a mail is tried, in seconds.
    pub give_up_secs: u32,
    /// Life of a token that confirms an address, in seconds.
    pub verification_ttl_secs: u32,
    /// Life of a token that resets a password, in seconds.
    pub reset_ttl_secs: u32,
    /// Life of a token that restores an address, in seconds.
    pub reversion_ttl_secs: u32,
}

/// Where mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTransport {
    /// Into files below the data folder.
    Folder,
    /// To an SMTP server.
    Smtp,
    /// Nowhere.
    Off,
}

impl Mail {
    /// The SMTP server's URL in full: over TLS, unless the server is on this machine.
    ///
    /// # Errors
    /// It is no such URL. The message does not repeat it, since it may hold a password.
    pub fn smtp_server(&self) -> anyhow::Result<Url> {
        const HOW: &str = "mail.smtp_url must look like smtps://user:password@host, or smtp:// where the \
                           server speaks STARTTLS or is on this machine (its value is not shown, since it \
                           may hold a password)";
        let mut url = Url::parse(self.smtp_url.expose_secret()).map_err(|_| anyhow::anyhow!(HOW))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let local = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let plain_path = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        ensure!(matches!(url.scheme(), "smtp" | "smtps") && !host.is_empty() && plain_path, HOW);
        if url.scheme() == "smtp" && !local {
            url.set_query(Some("tls=required"));
        }
        Ok(url)
    }

    fn check(&self) -> anyhow::Result<()> {
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
        };
        ensure!(
            self.from.split_once('@').is_some_and(|(local, domain)| is_part(local) && is_part(domain)),
            "mail.from must be a bare address such as otherwise@example.org; it is `{}`",
            self.from
        );
        let base = &self.link_base;
        ensure!(
            base.is_empty()
                || (base.starts_with("http://") || base.starts_with("https://"))
                    && !base.ends_with('/')
                    && base.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'),
            "mail.link_base must start with http:// or https:// and not end with a slash; it is `{base}`"
        );
        ensure!(
            self.retry_first_ms <= self.retry_longest_ms,
            "mail.retry_first_ms must not be more than mail.retry_longest_ms; it is {}",
            self.retry_first_ms
        );
        if self.transport == MailTransport::Smtp {
            self.smtp_server()?;
        }
        Ok(())
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// In the syntax of tracing's `EnvFilter`.
    pub filter: String,
    /// For people, for programs, or as fits.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// What an empty database starts with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debates {
    /// Whether the debate of 1956 is loaded.
    pub load_default: bool,
}

/// Passkeys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkeys {
    /// The domain that they are bound to; empty means that of `mail.link_base`.
    pub rp_id: String,
    /// The pages that may use them; empty means that of `mail.link_base`.
    pub origins: Vec<Origin>,
}

/// What passkeys are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain.
    pub id: String,
    /// The origins of pages that may use them: the first, and the others.
    pub origins: (Url, Vec<Url>),
}

impl RelyingParty {
    /// Whether browsers let a page of this origin use passkeys of the domain.
    fn serves(&self, origin: &Url) -> bool {
        let host = origin.domain().unwrap_or_default();
        let within = host == self.id || host.strip_suffix(&self.id).is_some_and(|rest| rest.ends_with('.'));
        let local = host == "localhost" || host.ends_with(".localhost");
        !self.id.is_empty() && within && (origin.scheme() == "https" || local)
    }
}

/// An address, or a network in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the network holds this address; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip.to_canonical() {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, true),
            IpAddr::V6(ip) => (ip.to_bits(), false),
        };
        let ((ours, four), (theirs, theirs_four)) = (bits(self.address), bits(address));
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
        four == theirs_four && ours & mask == theirs & mask
    }

    /// Whether it is one of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// How many bits say which network it is.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }
}

/// In its one form: without the bits of the address that stand for a host within it.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: IpAddr = match self.address {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                Ipv4Addr::from_bits(ip.to_bits() & mask).into()
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix.into())).unwrap_or(0);
                Ipv6Addr::from_bits(ip.to_bits() & mask).into()
            }
        };
        write!(f, "{first}/{}", self.prefix)
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("`{text}` is neither an address nor a network such as 10.0.0.0/8");
        let (address, prefix) = text.split_once('/').map_or((text.as_str(), None), |(a, p)| (a, Some(p)));
        let address = address.parse::<IpAddr>().map_err(|_| wrong())?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| wrong())?;
        if prefix > longest { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

/// An origin as browsers write it: scheme, host and, unless it is the usual one, port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(String);

impl Origin {
    /// As it stands in the `Origin` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Origin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!(
                "`{text}` is no origin such as https://debates.example or http://localhost:3000: {why}"
            ))
        };
        let (Some((_, rest)), usual) = (match text.split_once("://") {
            Some((scheme @ "http", rest)) => (Some((scheme, rest)), 80),
            Some((scheme @ "https", rest)) => (Some((scheme, rest)), 443),
            _ => (None, 0),
        }) else {
            return wrong("it starts with http:// or https://, and neither * nor null is allowed");
        };
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let named = !host.is_empty()
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            });
        let numbered = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.to_string() == host));
        if !named && !numbered {
            return wrong(
                "the host is written in lower case (Punycode for other letters), with nothing behind it",
            );
        }
        match port.map(str::parse::<u16>) {
            None => {}
            Some(Ok(port)) if port != usual && rest.ends_with(&format!(":{port}")) => {}
            Some(_) => return wrong("the port is a number and is left out where it is the usual one"),
        }
        Ok(Self(text))
    }
}

impl Config {
    /// Reads the defaults, the file named by `OTHERWISE_CONFIG`, and the environment.
    ///
    /// # Errors
    /// Says which setting is unknown, of the wrong type or out of its range, and where it was set.
    pub fn load() -> anyhow::Result<Self> {
        let mut builder = Self::defaults();
        if let Some(file) = std::env::var_os("OTHERWISE_CONFIG") {
            builder =
                builder.add_source(config::File::from(PathBuf::from(file)).format(config::FileFormat::Toml));
        }
        let environment = config::Environment::with_prefix("OTHERWISE")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("server.trusted_proxies")
            .with_list_parse_key("auth.retired_signing_key_files")
            .with_list_parse_key("server.allowed_origins")
            .with_list_parse_key("passkeys.origins")
            .with_list_parse_key("webhooks.trusted_origins")
            .with_list_parse_key("moderation.territorial_scope");
        // Once more, as text: an identifier or a secret may consist of digits, and is no number for that.
        let providers =
            std::env::vars().filter(|(name, _)| name.starts_with("OTHERWISE__IDENTITY_PROVIDERS__"));
        let providers = config::Environment::with_prefix("OTHERWISE")
            .prefix_separator("__")
            .separator("__")
            .source(Some(providers.collect()));
        Self::finish(builder.add_source(environment).add_source(providers))
    }

    /// Reads the defaults with one TOML text over them: how tests configure a server.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn with_overrides(toml: &str) -> anyhow::Result<Self> {
        Self::finish(Self::defaults().add_source(config::File::from_str(toml, config::FileFormat::Toml)))
    }

    fn defaults() -> config::ConfigBuilder<config::builder::DefaultState> {
        config::Config::builder().add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
    }

    fn finish(builder: config::ConfigBuilder<config::builder::DefaultState>) -> anyhow::Result<Self> {
        let config: Self = builder.build()?.try_deserialize().context("the configuration is not valid")?;
        config.check()?;
        Ok(config)
    }

    /// The settings that are numbers above 0.
    fn more_than_nothing(&self) -> Vec<(&'static str, u64)> {
        let (limits, mail) = (&self.rate_limits, &self.mail);
        vec![
            ("server.body_limit_bytes", self.server.body_limit_bytes as u64),
            ("server.first_byte_timeout_secs", self.server.first_byte_timeout_secs),
            ("server.header_timeout_secs", self.server.header_timeout_secs),
            ("server.body_timeout_secs", self.server.body_timeout_secs),
            ("server.request_timeout_secs", self.server.request_timeout_secs),
            ("server.write_timeout_secs", self.server.write_timeout_secs),
            ("server.idle_timeout_secs", self.server.idle_timeout_secs),
            ("server.max_connections", self.server.max_connections as u64),
            ("server.max_connections_per_address", self.server.max_connections_per_address as u64),
            ("database.max_connections", self.database.max_connections.into()),
            ("database.acquire_timeout_ms", self.database.acquire_timeout_ms),
            ("database.statement_timeout_ms", self.database.statement_timeout_ms),
            ("database.lock_timeout_ms", self.database.lock_timeout_ms),
            ("auth.fresh_secs", self.auth.fresh_secs.into()),
            ("password.queue", self.password.queue as u64),
            ("moderation.claim_minutes", self.moderation.claim_minutes.into()),
            ("moderation.half_priority_weight", self.moderation.half_priority_weight.into()),
            ("moderation.sla_hours", self.moderation.sla_hours.into()),
            ("moderation.strike_days", self.moderation.strike_days.into()),
            ("moderation.notice_contact_days", self.moderation.notice_contact_days.into()),
            ("moderation.appeal_months", self.moderation.appeal_months.into()),
            ("jobs.plan_minutes", self.jobs.plan_minutes.into()),
            ("jobs.approval_hours", self.jobs.approval_hours.into()),
            ("jobs.second_person_above", self.jobs.second_person_above.into()),
            ("jobs.undo_days", self.jobs.undo_days.into()),
            ("jobs.at_a_time", self.jobs.at_a_time.into()),
            ("jobs.scheduled_at_most", self.jobs.scheduled_at_most.into()),
            ("automation.trial_ms", self.automation.trial_ms),
            ("automation.trial_valid_hours", self.automation.trial_valid_hours.into()),
            ("vote_signals.interval_minutes", self.vote_signals.interval_minutes.into()),
            ("vote_signals.window_days", self.vote_signals.window_days.into()),
            ("vote_signals.most_votes", self.vote_signals.most_votes.into()),
            ("vote_signals.kept_days", self.vote_signals.kept_days.into()),
            ("webhooks.attempts", self.webhooks.attempts.into()),
            ("webhooks.retry_first_ms", self.webhooks.retry_first_ms.into()),
            ("webhooks.disable_after", self.webhooks.disable_after.into()),
            ("webhooks.kept_days", self.webhooks.kept_days.into()),
            ("webhooks.per_account", self.webhooks.per_account.into()),
            ("trust.level_1_accepted", self.trust.level_1_accepted.into()),
            ("trust.level_2_accepted", self.trust.level_2_accepted.into()),
            ("trust.level_3_accepted", self.trust.level_3_accepted.into()),
            ("audit.checkpoint_interval_secs", self.audit.checkpoint_interval_secs.into()),
            ("lists.cursor_lifetime_secs", self.lists.cursor_lifetime_secs.into()),
            ("rate_limits.read_per_minute", limits.read_per_minute.into()),
            ("rate_limits.write_per_minute", limits.write_per_minute.into()),
            ("rate_limits.vote_per_minute", limits.vote_per_minute.into()),
            ("rate_limits.sign_in_per_address", limits.sign_in_per_address.into()),
            ("rate_limits.sign_in_per_account", limits.sign_in_per_account.into()),
            ("rate_limits.sign_in_per_minute", limits.sign_in_per_minute.into()),
            ("rate_limits.sign_in_failures", limits.sign_in_failures.into()),
            ("rate_limits.authorization_per_client", limits.authorization_per_client.into()),
            ("rate_limits.register_per_hour", limits.register_per_hour.into()),
            ("rate_limits.export_per_day", limits.export_per_day.into()),
            ("rate_limits.report_per_hour", limits.report_per_hour.into()),
            ("own_data.export_limit_bytes", self.own_data.export_limit_bytes as u64),
            ("rate_limits.mail_per_recipient", limits.mail_per_recipient.into()),
            ("rate_limits.mail_per_account", limits.mail_per_account.into()),
            ("rate_limits.mail_per_address", limits.mail_per_address.into()),
            ("rate_limits.network_factor", limits.network_factor.into()),
            ("mail.smtp_timeout_secs", mail.smtp_timeout_secs.into()),
            ("mail.retry_first_ms", mail.retry_first_ms.into()),
            ("mail.give_up_secs", mail.give_up_secs.into()),
            ("mail.verification_ttl_secs", mail.verification_ttl_secs.into()),
            ("mail.reset_ttl_secs", mail.reset_ttl_secs.into()),
            ("mail.reversion_ttl_secs", mail.reversion_ttl_secs.into()),
        ]
    }

    fn check(&self) -> anyhow::Result<()> {
        let url = &self.server.public_url;
        ensure!(
            (url.starts_with("http://") || url.starts_with("https://")) && !url.ends_with('/'),
            "server.public_url must start with http:// or https:// and not end with a slash; it is `{url}`"
        );
        self.metrics_address()?;
        ensure!(
            !self.moderation.territorial_scope.is_empty()
                && self
                    .moderation
                    .territorial_scope
                    .iter()
                    .all(|code| { code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()) }),
            "moderation.territorial_scope is a list of the codes of countries, such as [\"DE\", \"FR\"]"
        );
        let (database, owner) =
            (self.database.url.expose_secret(), self.database.migration_url.expose_secret());
        for (name, url) in [("database.url", database), ("database.migration_url", owner)] {
            ensure!(
                url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://"),
                "{name} must start with postgres:// (its value is not shown, since it may hold a password)"
            );
        }
        ensure!(
            owner.is_empty() || !database.is_empty(),
            "database.migration_url is set and database.url is not: the two name one database"
        );
        ensure!(
            (1..=600).contains(&self.auth.access_token_ttl_secs),
            "auth.access_token_ttl_secs must be from 1 to 600; it is {}",
            self.auth.access_token_ttl_secs
        );
        ensure!(
            self.auth.leeway_secs <= 30,
            "auth.leeway_secs must be at most 30; it is {}",
            self.auth.leeway_secs
        );
        self.relying_party()?;
        self.mail.check()?;
        for (name, provider) in &self.identity_providers {
            provider.check(name)?;
        }
        for (name, value) in self.more_than_nothing() {
            ensure!(value > 0, "{name} must be more than 0");
        }
        self.password.check()?;
        ensure!(
            self.webhooks.retry_first_ms <= self.webhooks.retry_longest_ms,
            "webhooks.retry_first_ms must not be more than webhooks.retry_longest_ms; it is {}",
            self.webhooks.retry_first_ms
        );
        ensure!(
            self.shared_answers.max_age_ms <= 1000,
            "shared_answers.max_age_ms must be at most 1000; it is {}",
            self.shared_answers.max_age_ms
        );
        ensure!(
            self.rate_limits.sign_in_failures <= 50,
            "rate_limits.sign_in_failures must be at most 50; it is {}",
            self.rate_limits.sign_in_failures
        );
        for (name, value, most) in [
            ("accounts.address_days", self.accounts.address_days, 90),
            ("own_data.export_kept_hours", self.own_data.export_kept_hours, 168),
            ("own_data.erasure_grace_days", self.own_data.erasure_grace_days, 30),
            ("webhooks.at_a_time", self.webhooks.at_a_time, 32),
            ("webhooks.timeout_ms", self.webhooks.timeout_ms, 30_000),
        ] {
            ensure!((1..=most).contains(&value), "{name} must be from 1 to {most}; it is {value}");
        }
        tracing_subscriber::EnvFilter::try_new(&self.log.filter).context("log.filter cannot be read")?;
        Ok(())
    }

    /// Where Prometheus reads, or nothing where that is turned off.
    ///
    /// # Errors
    /// The setting is not an address with a port.
    pub fn metrics_address(&self) -> anyhow::Result<Option<SocketAddr>> {
        match self.metrics.address.as_str() {
            "" => Ok(None),
            address => match address.parse() {
                Ok(address) => Ok(Some(address)),
                Err(_) => {
                    bail!("metrics.address must be an address with a port, or empty; it is `{address}`")
                }
            },
        }
    }

    /// Where mails are put by the transport `folder`.
    pub fn mail_folder(&self) -> PathBuf {
        self.data_dir.join("mail")
    }

    /// Where links in mails lead: never what a request says of itself.
    pub fn link_base(&self) -> &str {
        if self.mail.link_base.is_empty() { &self.server.public_url } else { &self.mail.link_base }
    }

    /// What passkeys are bound to; nothing where the server has no domain, but an address, that they could be
    /// bound to.
    ///
    /// # Errors
    /// The settings contradict each other, or what browsers allow.
    pub fn relying_party(&self) -> anyhow::Result<Option<RelyingParty>> {
        let settings = &self.passkeys;
        let base = Url::parse(self.link_base()).with_context(|| {
            format!("`{}` (mail.link_base or server.public_url) is no URL", self.link_base())
        })?;
        let first = settings
            .origins
            .first()
            .map_or_else(|| base.origin().ascii_serialization(), |origin| origin.0.clone());
        let parse = |origin: &str| Url::parse(origin).with_context(|| format!("`{origin}` is no origin"));
        let others =
            settings.origins.iter().skip(1).map(|origin| parse(&origin.0)).collect::<anyhow::Result<_>>()?;
        let origins = (parse(&first)?, others);
        let id = match settings.rp_id.as_str() {
            "" => origins.0.domain().unwrap_or_default().to_owned(),
            given => given.to_owned(),
        };
        let party = RelyingParty { id, origins };
        let wrong =
            std::iter::once(&party.origins.0).chain(&party.origins.1).find(|origin| !party.serves(origin));
        match wrong {
            None => Ok(Some(party)),
            Some(_) if settings.rp_id.is_empty() && settings.origins.is_empty() => Ok(None),
            Some(origin) => bail!(
                "passkeys: browsers let no page of {} use passkeys of `{}`: passkeys.rp_id is the domain of every one \
                 of passkeys.origins, or one above it, and pages come by https unless they are on localhost",
                origin.origin().ascii_serialization(),
                party.id
            ),
        }
    }

    /// Where mail goes, in a few words and without secrets.
    pub fn mail_summary(&self) -> String {
        match self.mail.transport {
            MailTransport::Folder => format!("files in {}", self.mail_folder().display()),
            MailTransport::Off => "off".to_owned(),
            MailTransport::Smtp => {
                let server = self.mail.smtp_server().ok();
                let server = server.as_ref().and_then(Url::host_str).unwrap_or_default();
                format!("by SMTP to {server}, from {}", self.mail.from)
            }
        }
    }

    /// The settings in force, a line each, with secrets left out: what `otherwise config check` shows.
    pub fn summary(&self) -> String {
        let private = self.database.url.expose_secret().is_empty();
        format!(
            "data folder    {}\naddress        {}\npublic URL     {}\nmetrics        {}\ndatabase       {}\nmail           {}\nlog            {}",
            self.data_dir.display(),
            self.server.address,
            self.server.public_url,
            if self.metrics.address.is_empty() { "off" } else { &self.metrics.address },
            if private { "a private cluster in the data folder" } else { "as given by database.url" },
            self.mail_summary(),
            self.log.filter,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        Config::with_overrides("").unwrap();
    }

    #[test]
    fn unknown_settings_are_refused() {
        let error = Config::with_overrides("[server]\nadress = '127.0.0.1:1'").unwrap_err();
        assert!(format!("{error:#}").contains("adress"), "{error:#}");
    }

    #[test]
    fn m3_passkeys_are_bound_to_a_domain_that_browsers_accept() {
        let party =
            |settings: &str| Config::with_overrides(settings).and_then(|config| config.relying_party());
        let found = |settings: &str| {
            let party = party(settings).expect(settings)?;
            let others = party.origins.1.iter();
            let origins: Vec<_> = std::iter::once(&party.origins.0).chain(others).map(Url::as_str).collect();
            Some(format!("{} {}", party.id, origins.join(" ")))
        };
        let debates = Some("debates.example https://debates.example/".to_owned());
        assert_eq!(found("[server]\npublic_url = 'https://debates.example/api'"), debates);
        assert_eq!(found("[mail]\nlink_base = 'https://debates.example'"), debates);
        assert_eq!(
            found(
                "[passkeys]\nrp_id = 'debates.example'\norigins = ['https://www.debates.example:8443', 'https://debates.example']"
            ),
            Some("debates.example https://www.debates.example:8443/ https://debates.example/".to_owned())
        );
        assert_eq!(
            found("[passkeys]\norigins = ['http://localhost:3000']"),
            Some("localhost http://localhost:3000/".to_owned())
        );
        // By default there is an address, or no TLS: no passkeys, and nothing wrong with that.
        for off in
            ["", "[server]\npublic_url = 'http://debates.example'", "[server]\npublic_url = 'https://[::1]'"]
        {
            assert_eq!(found(off), None, "{off}");
        }
        for wrong in [
            "[passkeys]\nrp_id = 'debates.example'",
            "[passkeys]\nrp_id = 'debates.example'\norigins = ['http://debates.example']",
            "[passkeys]\nrp_id = 'debates.example'\norigins = ['https://otherdebates.example']",
            "[passkeys]\nrp_id = 'www.debates.example'\norigins = ['https://debates.example']",
            "[passkeys]\norigins = ['https://debates.example', 'https://elsewhere.example']",
            "[passkeys]\norigins = ['https://192.0.2.1']",
        ] {
            let told = format!("{:#}", party(wrong).unwrap_err());
            assert!(told.contains("passkeys.rp_id"), "{wrong}: {told}");
        }
    }

    #[test]
    fn b2_only_whole_origins_are_allowed() {
        for origin in [
            "https://debates.example",
            "http://localhost:3000",
            "http://127.0.0.1:8080",
            "https://[2001:db8::1]:8443",
        ] {
            Config::with_overrides(&format!("[server]\nallowed_origins = ['{origin}']")).expect(origin);
        }
        for wrong in [
            "",
            "*",
            "null",
            "debates.example",
            "https://",
            "https://*.example",
            "https://debates.example/",
            "https://debates.example/app",
            "https://debates.example:443",
            "http://debates.example:80",
            "https://debates.example:0443",
            "https://debates.example:",
            "https://Debates.example",
            "https://débats.example",
            "https://user@debates.example",
            "https://debates..example",
            "https://[2001:db8:0::1]",
            "HTTPS://debates.example",
            "ftp://debates.example",
            "https://a.example https://b.example",
        ] {
            let error =
                Config::with_overrides(&format!("[server]\nallowed_origins = ['{wrong}']")).unwrap_err();
            assert!(format!("{error:#}").contains("is no origin such as"), "{wrong}: {error:#}");
        }
    }

    #[test]
    fn identity_providers_are_named_in_full_and_spoken_to_over_tls_only() {
        let with = |name: &str, changes: &[(&str, &str)]| {
            let mut settings = BTreeMap::from([
                ("title", "Example"),
                ("issuer", "https://id.example.org"),
                ("client_id", "otherwise"),
                ("redirect_uri", "https://debates.example.org/signed-in"),
            ]);
            settings.extend(changes.iter().copied());
            let lines: Vec<_> = settings.iter().map(|(name, value)| format!("{name} = '{value}'")).collect();
            Config::with_overrides(&format!("[identity_providers.{name}]\n{}", lines.join("\n")))
        };
        let plain = with("example-1", &[]).unwrap();
        assert_eq!(plain.identity_providers["example-1"].scopes, "openid");
        for good in [
            ("issuer", "http://127.0.0.1:8080/realms/x"),
            ("issuer", "http://[::1]:8080/"),
            ("issuer", "http://localhost/"),
            ("redirect_uri", "http://localhost:3000/signed-in"),
            ("redirect_uri", "org.example.app:/signed-in"),
            ("scopes", "openid email"),
        ] {
            with("example", &[good]).unwrap_or_else(|error| panic!("{good:?}: {error:#}"));
        }
        for wrong in [
            ("issuer", ""),
            ("issuer", "id.example.org"),
            ("issuer", "http://id.example.org"),
            ("issuer", "http://localhost.example.org"),
            ("issuer", "http://192.0.2.1"),
            ("issuer", "https://id.example.org?x=1"),
            ("issuer", "https://id.example.org#x"),
            ("issuer", "https://user:word@id.example.org"),
            ("issuer", "ftp://id.example.org"),
            ("client_id", ""),
            ("title", ""),
            ("scopes", "email"),
            ("redirect_uri", "/signed-in"),
            ("redirect_uri", "http://debates.example.org/"),
            ("redirect_uri", "https://debates.example.org/#x"),
            ("redirect_uri", "javascript:alert(1)"),
            ("timeout_ms", "0"),
            ("timeout_ms", "4001"),
            ("colour", "blue"),
        ] {
            let error = with("example", &[wrong]).expect_err(wrong.1);
            assert!(format!("{error:#}").contains(wrong.0), "{wrong:?}: {error:#}");
        }
        for name in ["'Example'", "an_example", "'an example'", "abcdefghijklmnopqrstuvwxyz12345"] {
            assert!(with(name, &[]).is_err(), "{name}");
        }
        let told = with("example", &[("client_secret", "dont-show-me"), ("issuer", "x")]).unwrap_err();
        assert!(!format!("{told:#}").contains("dont-show-me"), "{told:#}");
    }

    #[test]
    fn x6_webhooks_are_off_and_trust_exact_origins_only() {
        let with = |line: &str| Config::with_overrides(&format!("[webhooks]\n{line}"));
        let plain = with("").unwrap().webhooks;
        assert!(!plain.enabled && plain.trusted_origins.is_empty());
        with("trusted_origins = ['http://127.0.0.1:8080', 'https://scripts.internal:8443']").unwrap();
        for (wrong, about) in [
            ("trusted_origins = ['*']", "origin"),
            ("trusted_origins = ['http://10.0.0.1/hook']", "origin"),
            ("trusted_origins = ['10.0.0.0/8']", "origin"),
            ("at_a_time = 0", "webhooks.at_a_time"),
            ("at_a_time = 33", "webhooks.at_a_time"),
            ("timeout_ms = 30001", "webhooks.timeout_ms"),
            ("attempts = 0", "webhooks.attempts"),
            ("retry_first_ms = 50000000", "webhooks.retry_first_ms"),
            ("disable_after = 0", "webhooks.disable_after"),
            ("kept_days = 0", "webhooks.kept_days"),
        ] {
            let error = with(wrong).expect_err(wrong);
            assert!(format!("{error:#}").contains(about), "{wrong}: {error:#}");
        }
    }

    #[test]
    fn mail_leaves_the_machine_over_tls_only() {
        let server = |url: &str| {
            let settings = format!("[mail]\ntransport = 'smtp'\nsmtp_url = '{url}'");
            Config::with_overrides(&settings).and_then(|config| config.mail.smtp_server())
        };
        assert_eq!(server("smtp://127.0.0.1:1025").unwrap().as_str(), "smtp://127.0.0.1:1025");
        assert_eq!(server("smtp://[::1]").unwrap().as_str(), "smtp://[::1]");
        assert_eq!(
            server("smtp://mail.example.org").unwrap().as_str(),
            "smtp://mail.example.org?tls=required"
        );
        assert_eq!(server("smtps://u:p@mail.example.org").unwrap().as_str(), "smtps://u:p@mail.example.org");
        for wrong in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://x.example?tls=none",
            "smtp://x/y",
        ] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
        let told = server("imap://u:dont-show-me@x").unwrap_err();
        assert!(!format!("{told:#}").contains("dont-show-me"), "{told:#}");
    }

    #[test]
    fn networks_hold_what_they_should() {
        let network = |text: &str| Network::try_from(text.to_owned()).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(network("10.0.0.0/8").contains(address("10.200.3.4")));
        assert!(network("10.0.0.0/8").contains(address("::ffff:10.1.1.1")));
        assert!(!network("10.0.0.0/8").contains(address("11.0.0.1")));
        assert!(network("0.0.0.0/0").contains(address("8.8.8.8")));
        assert!(!network("0.0.0.0/0").contains(address("2001:db8::1")));
        assert!(network("2001:db8::/32").contains(address("2001:db8:1::1")));
        assert!(network("127.0.0.1").contains(address("127.0.0.1")));
        assert!(Network::try_from("10.0.0.0/33".to_owned()).is_err());
    }
}
