//! Identities at providers that say who people are (OpenID Connect): signing in with one, registering with one,
//! and proving with one again who one is.
//!
//! An identity is an issuer and a subject, and belongs to one account. Nothing else that a provider says is
//! looked at: an address there is whoever's the provider says, and finds or joins no account here.
//!
//! Somebody is sent to the provider with a request that this server made, and comes back with a code. The
//! request is known by 256 random bits that only the client has, is good for ten minutes, for one purpose, in
//! the session it was made in, and once. The code is taken to the provider once, by this server; who that said
//! it is stays with the request, which can be sent again with the code of a second factor, or to register.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{erase, forget_expired};
