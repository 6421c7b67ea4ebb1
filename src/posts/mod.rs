//! Arguments: posts in threads, and the relations between them and the parts of a topic.
//!
//! A thread is a tree of which nothing is ever taken; a deleted post leaves a tombstone in it, and moderators move posts with
//! all that is below them. A post is always below an older one, so no post is above itself. Relations need not follow
//! the tree: each is a row of its own, bears on something older in the same topic, and can itself be
//! undercut. So the graph of relations has no cycle.

mod api;
pub mod rules;
mod store;
mod thread;

pub use api::{AgreementTally, Mine, QualityTally, Tallies, router};
pub(crate) use store::recorded;
pub use store::{
    PostToInsert, RelationToInsert, Restructuring, apply, enforce, erase_former_texts, erase_next,
    evidence_by, find, find_for_update, insert, lock_free_tallies, lock_tallies, lock_tally, purge, put_back,
    redact, restructure, revise_to, target_of,
};
pub use thread::{Branch, statement};
