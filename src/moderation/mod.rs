//! Keeping the place in order: the rules of the site, reports of what breaks them, and the cases these make.
//!
//! However many reports a subject has, there is one case of it; a report of another version of the subject, or by another
//! rule, opens it again once it was decided. Where a case stands is what its events come to, and nothing else. Nobody
//! decides what they have a part in, nor about somebody of their own rank.
//!
//! What rules of automatic moderation do comes to cases as well: each files a report of its own, which is nobody's.

mod api;
pub mod rules;
mod store;

pub use api::{CaseResolution, NewAction, orders, router};
pub use store::{
    Order, Planned, act_on_item, erase, forget_old, hold_back, plan, queue_next, take_back_item,
};
