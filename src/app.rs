//! What every request handler has at hand.

use std::ops::Deref;
use std::sync::{Arc, RwLock};

use chrono::TimeDelta;
use quick_cache::sync::Cache;
use sea_orm::{AccessMode, DatabaseConnection, DatabaseTransaction, IsolationLevel};
use tokio::sync::watch;
use uuid::Uuid;

use crate::auth::rules::Verified;
use crate::automation::rules::judge::RuleBook;
use crate::changes::{About, Changes};
use crate::clock::{Clock, Time};
use crate::config::Config;
use crate::db::{self, Tx};
use crate::entity::{account, post_tally, vote};
use crate::error::{Code, Result};
use crate::grouping::Groups;
use crate::hashing::Hasher;
use crate::http::limits::Limits;
use crate::http::{Answer, Asker, OwnTexts, SharedAnswers};
use crate::ids::{AccountId, Ids, PostId};
use crate::keys::Keys;
use crate::mailer::Mailer;
use crate::openid::Providers;
use crate::outbound::Caller;
use crate::policy::{Actor, Bearer};
use crate::votes::rules::Ballot;

/// How many groups of one kind are worked on at a time. Each has a connection to the database.
const GROUPS: usize = 2;

/// The same of votes: one reads, one writes, one waits for the disk, and one may have to wait for another server.
const GROUPS_OF_VOTES: usize = 4;

/// How many requests are in a group at the most.
const GROUP: usize = 256;

/// How many access tokens are remembered: some 2 MB.
const VERIFIED_TOKENS: usize = 8192;

/// Votes: whose, on which post, and what they say; answered with the counters and the vote as they are afterwards.
pub type Casts = Groups<PostId, (Asker, PostId, Ballot), Result<(post_tally::Model, vote::Model)>>;

/// Readers, and the posts that they read; answered with their votes on them.
pub type OwnVotes = Groups<(), (AccountId, Arc<[Uuid]>), Result<OwnTexts>>;

/// How many readers' votes on pages are remembered: some 4 MB.
const VOTES_READ: usize = 4096;

/// Somebody's votes on the posts of a page, as they were at a moment.
#[derive(Debug, Clone)]
pub struct VotesRead {
    /// As they stand in the page.
    pub votes: OwnTexts,
    /// When they were looked for.
    pub at: Time,
}

/// The state of one server; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The parts of the state.
pub struct Inner {
    /// The pool of connections.
    pub db: DatabaseConnection,
    /// The settings.
    pub config: Config,
    /// Who tells the time.
    pub clock: Clock,
    /// Where identifiers come from.
    pub ids: Ids,
    /// The server's secrets.
    pub keys: Keys,
    /// Who computes password hashes, so many at a time.
    pub hasher: Hasher,
    /// Who counts requests.
    pub limits: Limits,
    /// What was changed lately.
    pub changes: Arc<Changes>,
    /// The votes that are cast together, in their order by post.
    pub casts: Casts,
    /// What people voted on the posts that they read.
    pub own_votes: OwnVotes,
    /// The same as it was read before, by the SHA-256 of the posts.
    pub votes_read: Cache<(AccountId, [u8; 32]), VotesRead>,
    /// Posts with those above them, as guests are given them.
    pub posts_in_context: Groups<(), PostId, Result<(Answer, About)>>,
    /// What everybody sees of accounts, by their names.
    pub profiles: Groups<(), String, Result<Option<account::Profile>>>,
    /// What access tokens say whose signatures were found good, by the SHA-256 of the tokens.
    pub verified_tokens: Cache<[u8; 32], Verified>,
    /// Who asks, where several do at a time.
    pub standings: Groups<(), Bearer, Result<Actor>>,
    /// What everybody is answered.
    pub shared_answers: SharedAnswers,
    /// The rules of automatic moderation, ready to judge by, as they were when they were last asked for.
    pub rule_book: RwLock<Arc<RuleBook>>,
    /// Who hands mail over.
    pub mailer: Mailer,
    /// Who says who people are.
    pub identity_providers: Providers,
    /// Who calls the addresses that people name.
    pub caller: Caller,
    /// Whether the server is about to end, for answers that go on for long.
    pub stopping: watch::Sender<bool>,
}

impl App {
    /// Puts the state together.
    pub fn new(db: DatabaseConnection, config: Config, clock: Clock, ids: Ids, keys: Keys) -> Self {
        let hasher = Hasher::new(&config.password);
        let limits = Limits::new(&config.rate_limits);
        let changes = Arc::default();
        let shared_answers = SharedAnswers::new(&config.shared_answers);
        let mailer = Mailer::new(&config);
        let identity_providers = Providers::new(&config);
        let caller = Caller::new(&config.webhooks);
        Self(Arc::new(Inner {
            db,
            config,
            clock,
            ids,
            keys,
            hasher,
            limits,
            changes,
            casts: Groups::new(GROUPS_OF_VOTES, GROUP),
            own_votes: Groups::new(GROUPS, GROUP),
            votes_read: Cache::new(VOTES_READ),
            posts_in_context: Groups::new(GROUPS, GROUP),
            profiles: Groups::new(GROUPS, GROUP),
            verified_tokens: Cache::new(VERIFIED_TOKENS),
            standings: Groups::new(GROUPS, GROUP),
            shared_answers,
            rule_book: RwLock::default(),
            mailer,
            identity_providers,
            caller,
            stopping: watch::Sender::new(false),
        }))
    }

    /// Begins a transaction; dropping it undoes it.
    ///
    /// # Errors
    /// The database is away, or no connection became free in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx::new(db::begin(&self.db, None, None).await?, self.changes.clone()))
    }

    /// Begins a transaction of somebody's, in which nothing keeps them from what they were free to do when they asked. While
    /// it lasts, nobody is kept from anything: whoever is about to keep them from something waits for its end, and what
    /// they begin after that is refused.
    ///
    /// # Errors
    /// As [`App::begin`], and 503 where they were kept from something since they asked.
    pub async fn begin_as(&self, actor: &Actor) -> Result<Tx> {
        self.begin_for(actor, self.begin().await?).await
    }

    /// The same for what finds everything by keys, whatever its values are: its statements are planned once for a connection
    /// and not each time.
    ///
    /// # Errors
    /// As [`App::begin_as`].
    pub async fn begin_by_keys_as(&self, actor: &Actor) -> Result<Tx> {
        let tx = self.begin().await?;
        tx.plan_once().await?;
        self.begin_for(actor, tx).await
    }

    async fn begin_for(&self, actor: &Actor, tx: Tx) -> Result<Tx> {
        if let Some(account) = actor.signed_in() {
            let in_force = tx.sanctions_of(account.id, self.now()).await?;
            if in_force.iter().any(|id| account.sanctions.iter().all(|known| known.id != *id)) {
                return Err(Code::Unavailable
                    .error("What you may do was decided anew just now: ask again.")
                    .retry_after(1));
            }
        }
        Ok(tx)
    }

    /// Begins a read of several statements that see the database as it is now, whatever is written meanwhile.
    ///
    /// # Errors
    /// As [`App::begin`].
    pub async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
        db::begin(&self.db, Some(isolation), Some(access)).await
    }

    /// Since when a proof of who asks counts as recent.
    pub fn fresh_since(&self) -> Time {
        self.now() - TimeDelta::seconds(self.config.auth.fresh_secs.into())
    }

    /// The present moment.
    pub fn now(&self) -> Time {
        self.clock.now()
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
