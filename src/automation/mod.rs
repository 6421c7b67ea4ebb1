//! Rules by which posts, and people who signed up, are judged without a human: typed conditions, and nothing harsher than
//! hiding a post until somebody looks, asking somebody to look, and slowing down.
//!
//! What a rule consists of is a version, which never changes. A rule is off, watched (`shadow`: what it would do is noted)
//! or enforced, and it is enforced only after a trial of the very version on posts that were there. The rules that are on
//! are kept ready in the memory of each server; the transaction that judges a post reads how often anything was changed, so
//! the first post after a change was acknowledged is judged by what holds since. Hits are only added.
//!
//! Whoever makes or changes a post calls [`judge_post`] in their transaction, and does what it says or gives the
//! transaction up: hits are noted as if it were done. People look at all of it: background work opens a case for each post
//! that was hidden or is to be looked at, and notes it with the hit. It judges those who signed up as well, one after
//! another ([`judge_sign_up_next`]), and asks somebody to look at them at the most.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{
    CHANNEL, Enforced, Judged, Refusal, SIGN_UP_CHANNEL, content_at, erase, find_hit_for_update, forget_old,
    judge_post, judge_report, judge_sign_up_next, judge_vote_burst, next_waiting, note_case, refuse, ring,
    rules_of,
};
