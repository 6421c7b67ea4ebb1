//! Trust levels, 0 to 3: earned by time and by contributions that others found good, and by nothing else.
//!
//! What counts is whether a post is judged to be a good argument. Whether anybody agrees with it does not.
//! The worker raises levels and nobody else does; a level once earned stays, so that deleting a post, or a
//! late vote, takes no right away from its author.
//!
//! Whoever has no level yet, and no rank, is a newcomer: of links, of people who are called, of topics and of posts in a day
//! there are only so many from them.

pub mod rules;
mod store;

pub use store::{Contribution, newcomer, raise, require_room};
