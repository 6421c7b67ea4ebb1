//! What was changed lately, as far as this server did it: whoever kept an answer can tell whether it still holds.
//!
//! A change is noted when its transaction has ended, before whoever asked for it is answered. So an answer that
//! was read after a moment shows everything that was noted up to that moment. Other servers note nothing here, and
//! neither do bulk jobs until they end: an answer is kept for a moment only, and shows it afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::TopicId;

/// Topics share so many places: two at one place are taken for one, which costs a read and misleads nobody.
const PLACES: usize = 4096;

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A topic, or anything in its thread.
    Topic(TopicId),
    /// What may be shown anywhere, such as the name of an author.
    Everywhere,
}

/// What an answer is about: a change of it makes the answer an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// One topic and what is in its thread.
    Topic(TopicId),
    /// All topics.
    AllTopics,
}

/// How many changes there had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// The changes so far, each known by its number.
#[derive(Debug)]
pub struct Changes {
    /// The number of the last one.
    last: AtomicU64,
    /// That of the last one everywhere.
    everywhere: AtomicU64,
    /// That of the last one of the topics at a place.
    topics: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        let topics = std::iter::repeat_with(AtomicU64::default).take(PLACES).collect();
        Self { last: AtomicU64::default(), everywhere: AtomicU64::default(), topics }
    }
}

impl Changes {
    /// The present moment: what is read from now on shows all that was noted before.
    pub fn now(&self) -> Moment {
        Moment(self.last.load(Ordering::SeqCst))
    }

    /// Notes what a transaction that has ended did, or may have done.
    pub fn note(&self, change: Change) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        let place = match change {
            Change::Topic(id) => self.topic(id),
            Change::Everywhere => &self.everywhere,
        };
        place.fetch_max(number, Ordering::SeqCst);
    }

    /// Whether what an answer is about was changed after a moment.
    pub fn since(&self, moment: Moment, about: About) -> bool {
        let last = match about {
            About::Topic(id) => {
                self.topic(id).load(Ordering::SeqCst).max(self.everywhere.load(Ordering::SeqCst))
            }
            About::AllTopics => self.last.load(Ordering::SeqCst),
        };
        last > moment.0
    }

    fn topic(&self, id: TopicId) -> &AtomicU64 {
        // The end of an identifier is random.
        let place = usize::try_from(id.0.as_u128() % PLACES as u128).unwrap_or_default();
        &self.topics[place]
    }
}

/// The changes of one transaction, noted when it ends in whatever way: one that was given up while it was being
/// committed may have been made.
pub(crate) struct Pending {
    /// Where they are noted; nowhere where nobody is waiting for them.
    changes: Option<Arc<Changes>>,
    made: Mutex<Vec<Change>>,
}

impl Pending {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Self { changes: Some(changes), made: Mutex::default() }
    }

    /// Leaves them to be found out, as those of another server are.
    pub(crate) fn leave_unnoticed(&mut self) {
        self.changes = None;
    }

    pub(crate) fn add(&self, change: Change) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(&change) {
            made.push(change);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let made = self.made.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..);
        if let Some(changes) = &self.changes {
            made.for_each(|change| changes.note(change));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn topic(number: u128) -> TopicId {
        TopicId(Uuid::from_u128(number))
    }

    #[test]
    fn a_change_is_seen_by_what_is_about_it_and_by_nothing_else() {
        let changes = Arc::new(Changes::default());
        let before = changes.now();
        let seen = |moment: Moment| {
            [About::Topic(topic(1)), About::Topic(topic(2)), About::AllTopics]
                .map(|about| changes.since(moment, about))
        };
        assert_eq!(seen(before), [false, false, false]);
        changes.note(Change::Topic(topic(1)));
        assert_eq!(seen(before), [true, false, true]);
        let between = changes.now();
        assert_eq!(seen(between), [false, false, false]);
        changes.note(Change::Everywhere);
        assert_eq!(seen(between), [true, true, true]);
        assert_eq!(seen(changes.now()), [false, false, false]);
    }

    #[test]
    fn changes_count_when_the_transaction_has_ended_and_not_before() {
        let changes = Arc::new(Changes::default());
        let before = changes.now();
        let pending = Pending::new(changes.clone());
        pending.add(Change::Topic(topic(1)));
        pending.add(Change::Topic(topic(1)));
        assert!(!changes.since(before, About::AllTopics));
        drop(pending);
        assert!(changes.since(before, About::Topic(topic(1))));
        assert_eq!(changes.now(), Moment(1));
    }
}
