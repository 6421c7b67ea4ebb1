//! Webhooks: moderators' scripts are told by HTTP that something happened, and read the rest through the API, with their
//! own token and rights.
//!
//! What is sent comes from the log of events. Each webhook has a position in it, a snapshot of the transactions that had
//! ended when it was looked at last: an event is new to it that this snapshot does not see. Events become deliveries, a row
//! each, in the transaction that moves the position on; so none is lost or doubled, whoever is killed when. A delivery is
//! taken by moving its time on, and sent without a transaction: a server that is killed meanwhile sends it again, under the
//! same name. To one webhook goes one at a time.
//!
//! A webhook is its owner's, who made or changed it last, and is told what they may know at that moment. Where it leads is
//! checked when it is set, and again when it is called, by the address that is connected to.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{deliver_next, erase, forget_old, next_due, plan_next};
