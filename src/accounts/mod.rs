//! People, and the names that imported debates bring with them.
//!
//! A username is unique by what it looks like. An address belongs to nobody until its owner has proved
//! it: registering with somebody else's address is answered like any other, so that nobody learns who
//! has an account here. Once it is proved, the address stands for that account alone; others that claim it
//! keep it in their profile, and it signs nobody in to them and resets nothing.

mod api;
pub mod rules;
mod store;

pub use api::{OwnAccount, router};
pub use store::{
    Author, NewAccount, authors, erase, find_by_email, find_by_id, find_by_login, find_by_username,
    find_for_update, find_verified_owner, forget_released, hold_unchanged, insert, login_key, may_sign_in,
    raise_trust_level, register, registered, rename_by_moderator, require, set_password, set_verified_email,
    show_role, store_password_hash,
};
