//! Bulk jobs: the same done to many posts, topics or accounts at a time, watched while it goes on, and taken back.
//!
//! A job is planned first: the plan says what would come of it, item by item, and what is chosen stays chosen. It is
//! executed by whoever says the hash of the plan, and some jobs take a second person. Each item is a transaction of its own
//! that does what `POST /mod/actions` would, asks the policy anew, and marks the item: so however often the server is
//! killed, no item is done twice and none is lost. The job is locked while an item is seen to, and by nothing else than
//! that transaction: no lease has to run out before another server goes on.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{CHANNEL, erase, run_next};
