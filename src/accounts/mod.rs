//! People, and the names that imported debates bring with them.
//!
//! A username is unique by what it looks like. An address belongs to nobody until its owner has proved
//! it: registering with somebody else's address is answered like any other, so that nobody learns who
//! has an account here.

mod api;
pub mod rules;
mod store;

pub use api::{OwnAccount, router};
pub use store::{
    Author, NewAccount, authors, find_by_login, find_by_username, find_for_update, forget_released, insert,
    login_key, raise_trust_level, require, show_role, store_password_hash,
};
