//! Signing in: sessions, access tokens and refresh tokens.
//!
//! An access token is a signed statement about a session (RFC 9068), good for minutes; each request also
//! asks whether the session is still in force, so signing out is immediate. A refresh token is good once:
//! using it gives its successor, using it again later ends the session (RFC 9700, 4.14.2).

mod actor;
mod api;
mod store;
pub mod token;

pub use api::router;
pub use store::end_all;
