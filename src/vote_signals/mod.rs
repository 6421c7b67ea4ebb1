//! Votes under attack: what speaks for it, who voted, and votes that do not count.
//!
//! Signals are for people to look into and decide nothing; of a burst of votes on a post rules of automatic moderation may
//! have them asked to, and nothing else. Who voted is seen by those who give a reason, which is kept with
//! each look, and by nobody of their own posts. Votes that are struck stay where they are, weigh nothing, and count again
//! when that is undone: tallies and places are counted from the rows each time. Whose votes are struck is told why, in the
//! transaction that decides it, by an action for each of them whose batch is the nullification; taking one back lets the
//! votes of its person count again, and of nobody else.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{
    CHANNEL, agreed_by, erase, forget_old, hold, lift, nullify_next, require_unconcerned, watch,
};
