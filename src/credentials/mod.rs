//! Passwords and addresses: how they are changed, recovered and proved to be one's own.
//!
//! What somebody may do who has read a mail is said by a token: 256 random bits of which only the hash is
//! kept, bound to one purpose, one account and the address it was sent to, and used up by a `POST` that
//! succeeds. Programs that open links in mails to look at them send a `GET`, which changes nothing.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{erase, forget_expired_tokens, write};
