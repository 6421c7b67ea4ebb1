//! Password hashing (Argon2id): dear on purpose, so only so many at a time, and never on a thread that
//! serves requests. Below accounts and sessions alike, since both hash.
//!
//! Each hash is computed on one of a few threads of its own, which keep the memory that a hash fills: the
//! system is asked for its pages once, and it takes as long for everybody. Where the system can tell
//! threads apart by it, they give way to those that answer requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, oneshot};

use crate::config;
use crate::error::{Code, Error, Result};
use crate::keys::random;

/// How many bytes a new hash has.
const OUTPUT_BYTES: usize = Params::DEFAULT_OUTPUT_LEN;

/// Computes and checks password hashes.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    /// What an unknown account is checked against, so that it takes as long as a known one.
    dummy: String,
    jobs: Sender<Job>,
    /// Running and waiting together.
    admitted: Arc<Semaphore>,
}

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// Where one hash at a time is computed.
struct Desk {
    argon2: Argon2<'static>,
    /// As much as the dearest hash so far filled.
    memory: Vec<Block>,
}

/// Whether a password was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was not.
    Wrong,
    /// It was.
    Right,
    /// It was, and the stored hash is cheaper than hashes are now: store a new one.
    RightButWeak,
}

impl Hasher {
    /// Prepares for hashes of the configured cost, which was checked with the settings.
    pub fn new(settings: &config::Password) -> Self {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None)
            .unwrap_or(Params::DEFAULT);
        let desk = || Desk {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()),
            memory: Vec::new(),
        };
        let dummy = desk().hash(b"nobody has this password").unwrap_or_default();
        let desks = match settings.concurrency {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            set => set,
        };
        let (jobs, taken) = channel();
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..desks {
            let (mut desk, taken) = (desk(), taken.clone());
            // They end when the last hasher is gone, and with it the sender of jobs.
            std::thread::spawn(move || desk.work(&taken));
        }
        Self(Arc::new(Inner { dummy, jobs, admitted: Arc::new(Semaphore::new(desks + settings.queue)) }))
    }

    /// The hash to store, as a PHC string with a random salt of 16 bytes.
    ///
    /// # Errors
    /// Too many are waiting.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move |desk| desk.hash(password.expose_secret().as_bytes())).await?
    }

    /// Whether the password has this hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// Too many are waiting.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict> {
        let inner = self.0.clone();
        self.run(move |desk| {
            let password = password.expose_secret().as_bytes();
            let Ok(stored) = PasswordHash::new(hash.as_ref().unwrap_or(&inner.dummy)) else {
                return Verdict::Wrong;
            };
            let right = desk.verify(password, &stored);
            let weak = Params::try_from(&stored).map_or(true, |stored| weaker(&stored, desk.argon2.params()));
            match (right && hash.is_some(), weak) {
                (false, false) => Verdict::Wrong,
                (false, true) => {
                    // A hash from before the cost was raised is refuted sooner, which would tell that
                    // there is one: an attempt at nobody's password makes up for it.
                    if let Ok(dummy) = PasswordHash::new(&inner.dummy) {
                        desk.verify(password, &dummy);
                    }
                    Verdict::Wrong
                }
                (true, false) => Verdict::Right,
                (true, true) => Verdict::RightButWeak,
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Desk) -> T + Send + 'static) -> Result<T> {
        let busy = || {
            Code::Unavailable.error("Too many people are signing in; try again in a moment.").retry_after(2)
        };
        let admitted = self.0.admitted.clone().try_acquire_owned().map_err(|_| busy())?;
        let (answer, answered) = oneshot::channel();
        let job = move |desk: &mut Desk| {
            // Held by the work itself: a client that goes away does not make room for another hash.
            let _admitted = admitted;
            // Unless nobody waits for it any more.
            if !answer.is_closed() {
                let _ = answer.send(work(desk));
            }
        };
        self.0.jobs.send(Box::new(job)).map_err(|_| busy())?;
        answered.await.map_err(Error::internal)
    }
}

impl Desk {
    fn work(&mut self, jobs: &Mutex<Receiver<Job>>) {
        give_way();
        loop {
            let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = next else { return };
            // Whoever waits for it is told, by the answer that does not come.
            if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
                tracing::error!("computing a password hash panicked");
            }
        }
    }

    fn hash(&mut self, password: &[u8]) -> Result<String> {
        let failed = |error: &dyn std::fmt::Display| Error::internal(anyhow::anyhow!("hashing: {error}"));
        let salt = random::<16>()?;
        let argon2 = self.argon2.clone();
        let hash = self.compute(&argon2, password, &salt, OUTPUT_BYTES).map_err(|error| failed(&error))?;
        let stored = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(|error| failed(&error))?,
            salt: Some(Salt::new(&salt).map_err(|error| failed(&error))?),
            hash: Some(hash),
        };
        Ok(stored.to_string())
    }

    /// Whether a password has a hash, which is compared in constant time; one that cannot be read is nobody's.
    fn verify(&mut self, password: &[u8], stored: &PasswordHash) -> bool {
        let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else { return false };
        let version = stored.version.map_or(Ok(Version::default()), Version::try_from);
        let (Ok(algorithm), Ok(version), Ok(params)) =
            (Algorithm::try_from(stored.algorithm.as_str()), version, Params::try_from(stored))
        else {
            return false;
        };
        let argon2 = Argon2::new(algorithm, version, params);
        self.compute(&argon2, password, salt, hash.len()).is_ok_and(|computed| computed == *hash)
    }

    fn compute(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        length: usize,
    ) -> argon2::password_hash::Result<Output> {
        let blocks = argon2.params().block_count();
        if self.memory.len() < blocks {
            self.memory.resize(blocks, Block::default());
        }
        let mut hash = [0; Output::MAX_LENGTH];
        let hash = hash.get_mut(..length).ok_or(argon2::password_hash::Error::OutputSize)?;
        argon2.hash_password_into_with_memory(password, salt, hash, &mut self.memory[..blocks])?;
        Ok(Output::new(hash)?)
    }
}

/// Lets other threads go first: reading a thread must not take longer because people sign in. Ten steps are about
/// a tenth of the share of a thread that did not give way, so signing in goes on under any load.
fn give_way() {
    // Elsewhere this would be about the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::warn!(%error, "hashing has the priority of requests");
    }
}

/// Whether hashes of these costs are cheaper to guess than hashes are made now.
fn weaker(stored: &Params, now: &Params) -> bool {
    stored.m_cost() < now.m_cost() || stored.t_cost() < now.t_cost() || stored.p_cost() < now.p_cost()
}
