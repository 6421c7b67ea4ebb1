//! Signing in: sessions, access tokens and refresh tokens.
//!
//! An access token is a signed statement about a session (RFC 9068), good for minutes; each request also
//! asks whether the session is still in force, so signing out is immediate. A refresh token is good once:
//! using it gives its successor, using it again later ends the session (RFC 9700, 4.14.2).
//!
//! A personal access token is what a person gives to a bot or a script: good for the scopes they chose and as
//! long as they chose, never for what concerns the safety of the account, and never for more than its owner
//! may do now.

mod actor;
mod api;
pub mod rules;
mod store;
mod throttle;
pub mod token;

pub use api::router;
pub use store::{end_all, erase, forget_addresses, revoke_all_tokens};
pub use throttle::{clear_failures, forget_unknown, proves};
