//! Roles and permissions: what some people may do beyond taking part, where, and until when.
//!
//! A grant gives a role, which is a set of permissions with a name, or a set without one. It holds for the
//! whole site, within a topic, or within all topics of a tag. Grants are the one source of what somebody may
//! do: every request reads those in force, so a grant that expires or is taken back counts at once.
//! `account.role` is what readers see beside a name: the highest role held for the whole site. It is written
//! together with the grants; after one expires, by the worker in its next round.
//!
//! Nobody changes their own grants or those of somebody of higher rank, nobody gives what they do not have
//! in that place, and the last administrator stays one.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{create_administrator, erase, forget_expired, powers, ranks, require_another_administrator};
