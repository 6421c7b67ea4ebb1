//! What people believe would have happened: how likely each takes the scenarios to be, and what that makes of a crowd.
//!
//! A credence is a whole vector over the live top-level scenarios of one version of the set, in basis points that sum
//! to 10000, and is never changed: whoever thinks again adds another one. The last one counts. One that covers an
//! older version of the set counts with what was merged since added up. Where something was added or split since, it is
//! stale, and nothing is filled in for it: not to have been asked is not to say impossible.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{CHANNEL, Said, crowd_changed, erase, import, present_of, recount, summarise_next};
