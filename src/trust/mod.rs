//! Trust levels, 0 to 3: earned by time and by contributions that others found good, and by nothing else.
//!
//! What counts is whether a post is judged to be a good argument. Whether anybody agrees with it does not.
//! The worker raises levels and nobody else does; a level once earned stays, so that deleting a post, or a
//! late vote, takes no right away from its author.

pub mod rules;
mod store;

pub use store::raise;
