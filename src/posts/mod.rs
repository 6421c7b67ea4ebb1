//! Arguments: posts in threads, and the relations between them and the parts of a topic.
//!
//! A thread is a tree that only grows; a deleted post leaves a tombstone in it. Relations need not follow
//! the tree: each is a row of its own, bears on something older in the same topic, and can itself be
//! undercut. So the graph of relations has no cycle.

mod api;
pub mod rules;
mod store;
mod thread;

pub use api::{AgreementTally, Mine, QualityTally, Tallies, router};
pub(crate) use store::recorded;
pub use store::{
    PostToInsert, RelationToInsert, apply, enforce, erase_former_texts, erase_next, evidence_by, find,
    find_for_update, insert, lock_tallies, lock_tally, revise_to, target_of,
};
pub use thread::{Branch, statement};
