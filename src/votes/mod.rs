//! Votes on two axes: whether a post is a good argument, and whether one agrees.
//!
//! One row for a person and a post. The counters of the post equal the sum of the rows that are in no nullification, at
//! every moment:
//! both change in one transaction, under the lock on the post's tally, which is taken before the vote's.
//! Only quality moves a post in the orders.

mod api;
mod store;

pub use api::router;
pub use store::{Ballot, cast, restore, strike};
