//! The counterfactual question under debate: what happened, what is supposed otherwise, and until when.
//!
//! A draft may lack parts and is seen by its author and by whoever may edit it. An open topic has everything that
//! [`rules::check_open`] asks for, and takes posts. Its scenarios, variants and facts can be rewritten
//! while it is a draft; later, arguments bear on them.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{
    Inserted, StoredTopic, StoredVariant, TopicToInsert, apply, erase_drafts, find, find_any,
    find_for_update, hold, insert, lock_activity, next_scenario_set, note_post, note_shown_posts, numbered,
    read, sees_hidden, tags,
};
