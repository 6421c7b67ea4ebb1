//! Password hashing (Argon2id): dear on purpose, so only so many at a time, and never on a thread that
//! serves requests. Below accounts and sessions alike, since both hash.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::config;
use crate::error::{Code, Error, Result};

/// Computes and checks password hashes.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    argon2: Argon2<'static>,
    /// What an unknown account is checked against, so that it takes as long as a known one.
    dummy: String,
    running: Arc<Semaphore>,
    /// Running and waiting together.
    admitted: Arc<Semaphore>,
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
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = argon2
            .hash_password(b"nobody has this password")
            .map(|hash| hash.to_string())
            .unwrap_or_default();
        let permits = match settings.concurrency {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            set => set,
        };
        Self(Arc::new(Inner {
            argon2,
            dummy,
            running: Arc::new(Semaphore::new(permits)),
            admitted: Arc::new(Semaphore::new(permits + settings.queue)),
        }))
    }

    /// The hash to store, as a PHC string with a random salt of 16 bytes.
    ///
    /// # Errors
    /// Too many are waiting.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.run(move |inner| {
            let hash = inner.argon2.hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| hash.to_string())
                .map_err(|error| Error::internal(anyhow::anyhow!("hashing: {error}")))
        })
        .await?
    }

    /// Whether the password has this hash. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// Too many are waiting.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict> {
        let known = hash.is_some();
        // Here and not in the work: where memory is taken and given back decides whether the allocator keeps
        // the 19 MiB of a hash or asks the system for them again, which would tell the two apart by its time.
        let hash = hash.unwrap_or_else(|| self.0.dummy.clone());
        self.run(move |inner| {
            let Ok(hash) = PasswordHash::new(&hash) else {
                return Verdict::Wrong;
            };
            let right = inner.argon2.verify_password(password.expose_secret().as_bytes(), &hash).is_ok();
            let weak = Params::try_from(&hash).map_or(true, |stored| weaker(&stored, inner.argon2.params()));
            match (right && known, weak) {
                (false, false) => Verdict::Wrong,
                (false, true) => {
                    // A hash from before the cost was raised is refuted sooner, which would tell that
                    // there is one: an attempt at nobody's password makes up for it.
                    if let Ok(dummy) = PasswordHash::new(&inner.dummy) {
                        let _ = inner.argon2.verify_password(password.expose_secret().as_bytes(), &dummy);
                    }
                    Verdict::Wrong
                }
                (true, false) => Verdict::Right,
                (true, true) => Verdict::RightButWeak,
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> Result<T> {
        let busy = || {
            Code::Unavailable.error("Too many people are signing in; try again in a moment.").retry_after(2)
        };
        let admitted = self.0.admitted.clone().try_acquire_owned().map_err(|_| busy())?;
        let running = self.0.running.clone().acquire_owned().await.map_err(|_| busy())?;
        let inner = self.0.clone();
        let work = move || {
            // Held by the work itself: a client that goes away does not make room for another hash.
            let _permits = (admitted, running);
            work(&inner)
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

/// Whether hashes of these costs are cheaper to guess than hashes are made now.
fn weaker(stored: &Params, now: &Params) -> bool {
    stored.m_cost() < now.m_cost() || stored.t_cost() < now.t_cost() || stored.p_cost() < now.p_cost()
}
