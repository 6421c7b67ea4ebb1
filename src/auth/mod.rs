//! Signing in: sessions, access tokens and refresh tokens.
//!
//! An access token is a signed statement about a session (RFC 9068), good for minutes; each request also
//! asks whether the session is still in force, so signing out is immediate. A refresh token is good once:
//! using it gives its successor, using it again later ends the session (RFC 9700, 4.14.2).
//!
//! A personal access token is what a person gives to a bot or a script: good for the scopes they chose and as
//! long as they chose, never for what concerns the safety of the account, and never for more than its owner
//! may do now.
//!
//! A second factor is an authenticator app or a passkey, and there are recovery codes for when it is lost.
//! Where there is one, the password alone signs nobody in; each code is good once; and a factor is only removed
//! with a factor, or by the operator at the command line. A passkey also signs in without a password.

mod actor;
mod api;
mod factors;
mod passkeys;
pub mod rules;
mod store;
mod throttle;
pub mod token;
pub mod totp;

pub use api::{Arrival, FactorAttempt, SignedInView, begin, router};
pub use factors::remove_by_operator;
pub use passkeys::{forget_challenges, has_passkey};
pub use store::{
    Whose, actor, again, end_all, erase, forget_addresses, note_authentication, on_behalf, revoke_all_tokens,
    standings,
};
pub use throttle::{clear_failures, forget_unknown, proves};
