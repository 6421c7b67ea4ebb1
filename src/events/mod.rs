//! The log of what happened: audit, outbox and live feed in one append-only table.
//!
//! An event is written in the transaction that makes it true, so it is there exactly when the change is.

mod store;

pub use store::{Event, record};
