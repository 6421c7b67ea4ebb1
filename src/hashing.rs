//! Password hashing (Argon2id): dear on purpose, so only so many at a time, and never on a thread that
//! serves requests. Below accounts and sessions alike, since both hash.
//!
//! Each hash is computed on one of a few threads of its own, as many as there are cores, which keep the memory
//! that a hash fills: the system is asked for its pages once, and it takes as long for everybody. They give way
//! to those that answer requests: by their priority, where the system has one for threads, by staying on a core
//! each, and by leaving one alone while others read.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, oneshot};

use crate::config;
use crate::error::{Code, Error, Result};
use crate::keys::random;

/// How many bytes a new hash has.
const OUTPUT_BYTES: usize = Params::DEFAULT_OUTPUT_LEN;

/// For so long after a request that reads, a core is left alone: longer than a client takes from one to the next.
const WHILE_OTHERS_READ: Duration = Duration::from_millis(50);

/// Computes and checks password hashes.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    /// What an unknown account is checked against, so that it takes as long as a known one.
    dummy: String,
    jobs: Arc<Jobs>,
    /// Running and waiting together.
    admitted: Arc<Semaphore>,
}

type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// What is to be computed, first come, first served.
struct Jobs {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    started: Instant,
    /// When somebody last read, in milliseconds since the start.
    last_read: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// No more will come.
    closed: bool,
}

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
        let jobs = Arc::new(Jobs {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            started: Instant::now(),
            last_read: AtomicU64::new(0),
        });
        for number in 0..desks {
            let (mut desk, jobs) = (desk(), jobs.clone());
            // One of them stands aside while others read, but not the only one.
            let stands_aside = number > 0 && number == desks - 1;
            // They end with the last hasher.
            std::thread::spawn(move || desk.work(&jobs, number, stands_aside));
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

    /// Notes that somebody reads, who should not have to wait for those who sign in.
    pub fn others_read(&self) {
        let jobs = &self.0.jobs;
        jobs.last_read.store(jobs.milliseconds(), Ordering::Relaxed);
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
        self.0.jobs.add(Box::new(job));
        answered.await.map_err(Error::internal)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.jobs.lock().closed = true;
        self.jobs.changed.notify_all();
    }
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn add(&self, job: Job) {
        self.lock().jobs.push_back(job);
        // All: the one that is called might be standing aside.
        self.changed.notify_all();
    }

    /// How much longer a core is left alone because somebody reads.
    fn left_alone(&self) -> Option<Duration> {
        let since = self.milliseconds().saturating_sub(self.last_read.load(Ordering::Relaxed));
        WHILE_OTHERS_READ.checked_sub(Duration::from_millis(since)).filter(|rest| !rest.is_zero())
    }

    /// Waits for the next job; none when no more will come.
    fn next(&self, stands_aside: bool) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            let aside = if stands_aside { self.left_alone() } else { None };
            if aside.is_none()
                && let Some(job) = waiting.jobs.pop_front()
            {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = match aside.filter(|_| !waiting.jobs.is_empty()) {
                Some(rest) => self
                    .changed
                    .wait_timeout(waiting, rest)
                    .map_or_else(|poisoned| poisoned.into_inner().0, |woken| woken.0),
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Desk {
    fn work(&mut self, jobs: &Jobs, number: usize, stands_aside: bool) {
        give_way(number);
        while let Some(job) = jobs.next(stands_aside) {
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
/// a tenth of the share of a thread that did not give way, so signing in goes on under any load. And each stays on one
/// core, the first of them on the last, since the first core is where most interrupts are seen to: a thread that is
/// moved about, as the system tries to be fair to it, is in the way of all.
#[cfg(target_os = "linux")]
fn give_way(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    if let Err(error) = rustix::process::setpriority_process(None, 10) {
        tracing::warn!(%error, "hashing has the priority of requests");
    }
    let stay = || {
        let allowed = sched_getaffinity(None)?;
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).rev().filter(|core| allowed.is_set(*core)).collect();
        let mut own = CpuSet::new();
        if let Some(core) = number.checked_rem(cores.len()).and_then(|number| cores.get(number)) {
            own.set(*core);
            sched_setaffinity(None, &own)?;
        }
        rustix::io::Result::Ok(())
    };
    if let Err(error) = stay() {
        tracing::warn!(%error, "hashing may run on any core");
    }
}

/// Elsewhere threads have no priority and no core of their own.
#[cfg(not(target_os = "linux"))]
fn give_way(_number: usize) {}

/// Whether hashes of these costs are cheaper to guess than hashes are made now.
fn weaker(stored: &Params, now: &Params) -> bool {
    stored.m_cost() < now.m_cost() || stored.t_cost() < now.t_cost() || stored.p_cost() < now.p_cost()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(last_read: u64) -> Jobs {
        Jobs {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            started: Instant::now().checked_sub(Duration::from_secs(10)).unwrap(),
            last_read: AtomicU64::new(last_read),
        }
    }

    #[test]
    fn p5_one_thread_stands_aside_while_others_read_and_the_rest_do_not() {
        for (last_read, aside) in [(u64::MAX, true), (0, false)] {
            let jobs = jobs(last_read);
            jobs.add(Box::new(|_| ()));
            // Or it would wait for the end of the reading, which does not come.
            jobs.lock().closed = true;
            assert_eq!(jobs.next(true).is_none(), aside, "{last_read}");
            assert_eq!(jobs.next(false).is_some(), aside, "{last_read}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn p5_a_thread_that_hashes_stays_on_a_core_and_lets_others_go_first() {
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        let settings =
            config::Config::with_overrides("[password]\nmemory_kib = 64\niterations = 1\nconcurrency = 1");
        let hasher = Hasher::new(&settings.unwrap().password);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let standing = hasher.run(|_| {
            let cores = rustix::thread::sched_getaffinity(None);
            (cores, rustix::process::getpriority_process(None))
        });
        let (cores, priority) = runtime.block_on(standing).unwrap();
        let cores = cores.unwrap();
        let last = (0..rustix::thread::CpuSet::MAX_CPU).rfind(|core| allowed.is_set(*core)).unwrap();
        assert_eq!((cores.count(), cores.is_set(last), priority), (1, true, Ok(10)));
    }

    #[test]
    fn p5_a_job_that_panics_takes_no_thread_with_it() {
        let settings =
            config::Config::with_overrides("[password]\nmemory_kib = 64\niterations = 1\nconcurrency = 1");
        let hasher = Hasher::new(&settings.unwrap().password);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let panicked = runtime.block_on(hasher.run(|_| -> () { panic!("as a defect would") }));
        assert_eq!(panicked.unwrap_err().code, Code::Internal);
        let hash = runtime.block_on(hasher.hash("correct horse battery staple".to_owned().into())).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let verify = |password: &str, hash: &str| {
            runtime.block_on(hasher.verify(password.to_owned().into(), Some(hash.to_owned()))).unwrap()
        };
        assert_eq!(verify("correct horse battery staple", &hash), Verdict::Right);
        assert_eq!(verify("correct horse battery stable", &hash), Verdict::Wrong);
        // Of the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -k 256 -p 1 -l 32 -e`.
        let theirs = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert_eq!(verify("password", theirs), Verdict::Right);
        for unreadable in
            ["", "x", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ", "$scrypt$ln=1$c29tZXNhbHQ$nf65EOgLrQMR"]
        {
            assert_eq!(verify("password", unreadable), Verdict::Wrong, "{unreadable}");
        }
    }
}
