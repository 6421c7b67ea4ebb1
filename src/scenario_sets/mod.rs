//! Changes of the set of scenarios that a topic asks about: proposed by anybody, decided by its author or the staff.
//!
//! Each accepted change makes a new version of the set. Retiring a scenario merges it into the residual, which stands
//! for everything that has no scenario of its own; what is merged adds up, so credences in the version before can be
//! compared with the new one. What is added or split was not asked about before: older credences are stale then, and
//! nothing is filled in for them. Parts of scenarios are nobody's credences, so changes of theirs leave all comparable.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{erase, import};
