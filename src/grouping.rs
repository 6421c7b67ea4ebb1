//! Doing together what is asked for at about the same time.
//!
//! Whatever arrives while a group is under way makes the next one. Nothing waits for others to come: whoever finds
//! nobody at work is a group of one. So a group is as large as the load makes it, and what it costs is shared.
//!
//! A second group begins beside the first when that one only waits for something ([`Place::give_up`]), when enough has
//! arrived to be worth it, or when the first takes long: small groups side by side would cost more than one after the other.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How many have to wait before another group begins beside one that is under way.
const WORTHWHILE: usize = 16;

/// How long a group may be under way before it holds up no others.
const LONG: Duration = Duration::from_millis(20);

/// What does a group: it answers each of them.
type Work<K, A, B> = Arc<
    dyn Fn(Vec<Asked<K, A, B>>, Place<K, A, B>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync,
>;

/// Groups of things that are asked for, `A`, and answered with a `B`. What has the same key `K` is done in the order in
/// which it was asked for, so it is never in two groups at a time.
pub struct Groups<K: Key, A: Part, B: Part>(Arc<Inner<K, A, B>>);

/// What tells apart things that may be done at the same time.
pub trait Key: Copy + Eq + Hash + Send + Sync + 'static {}

impl<T: Copy + Eq + Hash + Send + Sync + 'static> Key for T {}

/// What is handed over between those who ask and those who do it.
pub trait Part: Send + 'static {}

impl<T: Send + 'static> Part for T {}

struct Inner<K: Key, A: Part, B: Part> {
    /// How many groups are under way at a time.
    at_a_time: usize,
    /// How many things are in one group.
    most: usize,
    state: Mutex<State<K, A, B>>,
}

struct State<K: Key, A: Part, B: Part> {
    under_way: usize,
    /// When the last group began.
    begun: Instant,
    busy: HashSet<K>,
    waiting: VecDeque<Waiting<K, A, B>>,
}

struct Waiting<K: Key, A: Part, B: Part> {
    key: Option<K>,
    what: A,
    answer: oneshot::Sender<B>,
    work: Work<K, A, B>,
}

/// One thing of a group.
pub struct Asked<K: Key, A: Part, B: Part> {
    /// What is asked for.
    pub what: A,
    answer: oneshot::Sender<B>,
    /// Until all of a key are answered or given up, no other of the same key is begun with.
    turn: Option<Arc<Turn<K, A, B>>>,
}

impl<K: Key, A: Part, B: Part> Asked<K, A, B> {
    /// Answers it. Whoever asked may have gone meanwhile.
    pub fn answer(self, with: B) {
        let Self { answer, turn, .. } = self;
        // The next one may begin when whoever waits for this one can know of it.
        let _ = answer.send(with);
        drop(turn);
    }
}

/// Has a key to itself.
struct Turn<K: Key, A: Part, B: Part> {
    key: K,
    groups: Groups<K, A, B>,
}

impl<K: Key, A: Part, B: Part> Drop for Turn<K, A, B> {
    fn drop(&mut self) {
        self.groups.lock().busy.remove(&self.key);
        self.groups.advance();
    }
}

/// The place of a group that is under way; whoever works on it drops it in the end.
pub struct Place<K: Key, A: Part, B: Part>(Groups<K, A, B>);

impl<K: Key, A: Part, B: Part> Place<K, A, B> {
    /// Lets the next group begin, since this one has nothing left to do but to wait.
    pub fn give_up(self) {}
}

impl<K: Key, A: Part, B: Part> Drop for Place<K, A, B> {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
        self.0.advance();
    }
}

impl<K: Key, A: Part, B: Part> Clone for Groups<K, A, B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Part, B: Part> Groups<(), A, Result<B>> {
    /// Has something found, together with whatever else is asked for meanwhile: `find` gives what each of them gets, in their
    /// order. Whoever gives up waiting for it does not stop it.
    ///
    /// # Errors
    /// Those of `find`; or it was given up without an answer: a defect.
    pub async fn find<F, Finding, Found>(&self, what: A, find: F) -> Result<B>
    where
        F: Fn(Vec<A>) -> Finding + Send + Sync + 'static,
        Finding: Future<Output = Result<Found>> + Send + 'static,
        Found: IntoIterator<Item = Result<B>> + Send,
        Found::IntoIter: Send,
    {
        let work = move |group: Vec<Asked<(), A, Result<B>>>, place| {
            let (asked, answers): (Vec<A>, Vec<_>) =
                group.into_iter().map(|asked| (asked.what, asked.answer)).unzip();
            let finding = find(asked);
            async move {
                // Whoever asked may have gone meanwhile.
                match finding.await {
                    Ok(found) => {
                        for (answer, found) in answers.into_iter().zip(found) {
                            let _ = answer.send(found);
                        }
                    }
                    Err(error) => {
                        for answer in answers {
                            let _ = answer.send(Err(error.of_group()));
                        }
                    }
                }
                drop(place);
            }
        };
        self.ask(None, what, work).await?
    }
}

impl<K: Key, A: Part, B: Part> Groups<K, A, B> {
    /// So many groups at a time, of so many things at the most.
    pub fn new(at_a_time: usize, most: usize) -> Self {
        let state =
            State { under_way: 0, begun: Instant::now(), busy: HashSet::new(), waiting: VecDeque::new() };
        Self(Arc::new(Inner { at_a_time, most, state: Mutex::new(state) }))
    }

    /// Has something done by `work`, together with whatever else is asked for meanwhile. Whoever gives up waiting for it
    /// does not stop it.
    ///
    /// # Errors
    /// It was given up without an answer: a defect.
    pub async fn ask<W, Working>(&self, key: Option<K>, what: A, work: W) -> Result<B>
    where
        W: Fn(Vec<Asked<K, A, B>>, Place<K, A, B>) -> Working + Send + Sync + 'static,
        Working: Future<Output = ()> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work<K, A, B> = Arc::new(move |group, place| Box::pin(work(group, place)));
        self.lock().waiting.push_back(Waiting { key, what, answer, work });
        self.advance();
        answered.await.map_err(|_| Error::internal(anyhow::anyhow!("a group was given up without an answer")))
    }

    fn lock(&self) -> MutexGuard<'_, State<K, A, B>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with as many groups as may be under way.
    fn advance(&self) {
        // Without a runtime the program is about to end, and nobody waits.
        let Ok(runtime) = Handle::try_current() else { return };
        while let Some((work, group)) = self.take() {
            let groups = self.clone();
            runtime.spawn(async move {
                let mut working = work(group, Place(groups.clone()));
                if tokio::time::timeout(LONG, &mut working).await.is_err() {
                    groups.advance();
                    working.await;
                }
            });
        }
    }

    /// Those that waited longest and can be begun with.
    #[expect(clippy::type_complexity, reason = "both belong to the caller")]
    fn take(&self) -> Option<(Work<K, A, B>, Vec<Asked<K, A, B>>)> {
        let mut state = self.lock();
        let is_worthwhile = state.waiting.len() >= WORTHWHILE || state.begun.elapsed() >= LONG;
        if state.under_way >= self.0.at_a_time || state.under_way > 0 && !is_worthwhile {
            return None;
        }
        let State { under_way, begun, busy, waiting } = &mut *state;
        let mut turns: HashMap<K, Arc<Turn<K, A, B>>> = HashMap::new();
        let (mut group, mut work, mut left) = (Vec::new(), None, VecDeque::new());
        while let Some(next) = waiting.pop_front() {
            if next.key.is_some_and(|key| busy.contains(&key)) {
                left.push_back(next);
                continue;
            }
            let turn = next.key.map(|key| {
                let turn = || Arc::new(Turn { key, groups: self.clone() });
                turns.entry(key).or_insert_with(turn).clone()
            });
            work.get_or_insert(next.work);
            group.push(Asked { what: next.what, answer: next.answer, turn });
            if group.len() >= self.0.most {
                break;
            }
        }
        left.append(waiting);
        *waiting = left;
        busy.extend(turns.keys());
        let work = work?;
        *under_way += 1;
        *begun = Instant::now();
        Some((work, group))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    type Sums = Groups<u8, u32, (usize, u32)>;

    /// Answers each with how many were in its group, and with itself; each group waits for a permit.
    async fn asked(groups: &Sums, gate: &Arc<Semaphore>, key: Option<u8>, what: u32) -> (usize, u32) {
        let gate = gate.clone();
        let work = move |group: Vec<Asked<u8, u32, (usize, u32)>>, place: Place<u8, u32, (usize, u32)>| {
            let gate = gate.clone();
            async move {
                // Whoever has a key here gives up its place at once, so that what holds others up is the key.
                let place = if group[0].turn.is_some() {
                    drop(place);
                    None
                } else {
                    Some(place)
                };
                gate.acquire().await.unwrap().forget();
                let size = group.len();
                for asked in group {
                    let what = asked.what;
                    assert!(what != 13, "unlucky");
                    asked.answer((size, what));
                }
                drop(place);
            }
        };
        groups.ask(key, what, work).await.unwrap_or_default()
    }

    fn ask(
        groups: &Sums,
        gate: &Arc<Semaphore>,
        key: Option<u8>,
        what: u32,
    ) -> tokio::task::JoinHandle<(usize, u32)> {
        let (groups, gate) = (groups.clone(), gate.clone());
        tokio::spawn(async move { asked(&groups, &gate, key, what).await })
    }

    /// Lets every task run that can.
    async fn settle() {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_arrives_meanwhile_is_the_next_group() {
        let (groups, gate) = (Sums::new(1, 3), Arc::new(Semaphore::new(0)));
        let mut answers = Vec::new();
        for what in 0..6 {
            answers.push(ask(&groups, &gate, None, what));
            settle().await;
        }
        gate.add_permits(3);
        let mut found = Vec::new();
        for answer in answers {
            found.push(answer.await.unwrap());
        }
        // The first found nobody at work; of the five that came meanwhile three fit in a group.
        assert_eq!(found, [(1, 0), (3, 1), (3, 2), (3, 3), (2, 4), (2, 5)]);
    }

    #[tokio::test]
    async fn what_has_one_key_is_never_in_two_groups_at_a_time() {
        let (groups, gate) = (Sums::new(8, 8), Arc::new(Semaphore::new(0)));
        let first = ask(&groups, &gate, Some(1), 1);
        settle().await;
        let same = [ask(&groups, &gate, Some(1), 2), ask(&groups, &gate, Some(1), 3)];
        let other = ask(&groups, &gate, Some(2), 4);
        settle().await;
        // Two groups were begun: the first, and the other one. One permit each lets both end.
        assert_eq!(groups.lock().under_way, 0);
        assert_eq!(groups.lock().busy.len(), 2);
        assert_eq!(groups.lock().waiting.len(), 2);
        gate.add_permits(2);
        assert_eq!((first.await.unwrap(), other.await.unwrap()), ((1, 1), (1, 4)));
        gate.add_permits(1);
        let [second, third] = same;
        assert_eq!((second.await.unwrap(), third.await.unwrap()), ((2, 2), (2, 3)));
        settle().await;
        assert!(groups.lock().busy.is_empty() && groups.lock().under_way == 0);
    }

    #[tokio::test]
    async fn a_group_that_takes_long_holds_nobody_up() {
        let (groups, shut, open) =
            (Sums::new(2, 8), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(1)));
        let slow = ask(&groups, &shut, None, 1);
        settle().await;
        let behind = [ask(&groups, &open, None, 2), ask(&groups, &open, None, 3)];
        // Nobody else asks, and the first group is still under way.
        for (answer, what) in behind.into_iter().zip([2, 3]) {
            assert_eq!(answer.await.unwrap(), (2, what));
        }
        assert!(!slow.is_finished());
        shut.add_permits(1);
        assert_eq!(slow.await.unwrap(), (1, 1));
    }

    #[tokio::test]
    async fn a_group_that_panics_holds_nobody_up() {
        let (groups, gate) = (Sums::new(1, 8), Arc::new(Semaphore::new(1)));
        let unlucky = ask(&groups, &gate, Some(1), 13);
        settle().await;
        let next = ask(&groups, &gate, Some(1), 5);
        gate.add_permits(1);
        assert_eq!(unlucky.await.unwrap(), (0, 0));
        assert_eq!(next.await.unwrap(), (1, 5));
    }
}
