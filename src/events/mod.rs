//! The log of what happened: outbox and live feed in one append-only table. What has to be proved later is in
//! the audit log.
//!
//! An event is written in the transaction that makes it true, so it is there exactly when the change is. With it stands
//! which transaction that was (`xid`): whoever keeps a snapshot of what they have seen finds what they have not, in whatever
//! order transactions end.

pub mod rules;
mod store;

pub use store::{CHANNEL, Event, record};
