//! What people can ask of their own data: a copy of it, and that it is erased.
//!
//! Both are jobs of the background work. A copy is one JSON file in the format `otherwise-own-data/1`: what its
//! owner gave, did and was told, and nothing about others. It is kept sealed and for a day.
//!
//! Erasing takes away what says who somebody was. What they argued stays, under the name of a deleted account, and
//! so do their votes: others have answered and counted them. The account is left as a number without a person.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{CHANNEL, erase_next, forget_expired, next_due, prepare_next};
