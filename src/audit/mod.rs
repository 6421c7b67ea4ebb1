//! The audit log: who did what, when, from where, and what was refused to them.
//!
//! It is a chain: an entry's hash is the SHA-256 of the hash of the entry before it (32 bytes, zeros before
//! the first), followed by the entry itself as JSON in UTF-8 without spaces, with the fields `actor_id`, `at`,
//! `client_hash`, `data`, `object_id`, `object_kind`, `outcome`, `reason`, `seq`, `session_id` and `verb`, in
//! this order: names sorted, as in RFC 8785, at every level. `at` is RFC 3339 in UTC with six digits of the
//! second, `client_hash` hexadecimal, and what is not there is `null`. Numbers in `data` are integers.
//!
//! Whoever can write to the table could still write all of it anew, or leave out its end. So the worker
//! signs where the chain stands, from time to time, in a file that is no part of the database; see
//! [`checkpoint()`]. [`verify()`] walks the chain and compares it with what was signed.
//!
//! Entries hold no secrets and nothing that people wrote, since what is here cannot be erased; accounts appear
//! by their identifiers only. The reasons that the staff give for what they do stand beside what they did. An
//! entry is added under the lock of the whole chain, so [`record`] comes last in a transaction, and ordinary
//! posts and votes are not recorded.

mod checkpoint;
pub mod rules;
mod store;
mod verify;

pub use checkpoint::{checkpoint, checkpoint_file};
pub use store::{Entry, Filter, Object, hex, list, record, record_alone};
pub use verify::{Stretch, Verified, verify, verify_stretch};
