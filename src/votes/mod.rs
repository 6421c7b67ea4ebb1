//! Votes on two axes: whether a post is a good argument, and whether one agrees.
//!
//! One row for a person and a post. The counters of the post equal the sum of the rows that are in no nullification, at
//! every moment:
//! both change in one transaction, under the lock on the post's tally, which is taken before the vote's.
//! Only quality moves a post in the orders.

//!
//! Votes that arrive while others are being written are written together, in one transaction, and answered when it is
//! committed. Whatever of a group is out of the ordinary is left out of it and done alone: so nobody's vote fails for
//! another's sake, and the reasons to refuse one stand in one place.

mod api;
pub mod rules;
mod store;

pub use api::{cast, router};
pub use store::{Casting, restore, strike};
