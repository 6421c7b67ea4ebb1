//! What moved whom: that a post changed somebody's mind, with the shift of their credences and their own words for it.
//!
//! A change of mind lies between two vectors of one person, one stated right after the other about the same scenarios. One
//! a person and post; nobody is moved by themselves. Accounts that are younger than the post say so too, but are not
//! counted for it: they could have been made for that.

mod api;
pub mod rules;
mod store;

pub use api::{MindChangeView, page, router};
pub use store::{Of, erase, import};
