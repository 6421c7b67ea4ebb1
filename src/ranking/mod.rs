//! In which order lists are read: pure formulas, and the stored places they give.
//!
//! Agreement appears in no formula: whoever ranks by agreement buries every minority. A stored place is
//! a version; see the migration for how a walk through a list stays whole while votes come in.

pub mod rules;
mod store;

pub use store::{forget_closed, insert_post, insert_topic, move_post, update_posts, update_topic};
