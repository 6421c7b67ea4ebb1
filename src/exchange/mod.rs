//! Whole debates as files: import and export.
//!
//! An import is one transaction and lands once: a file that was imported before changes nothing. What an
//! export writes, an import into an empty database reads, and another export writes again to the byte.

mod check;
mod export;
mod format;
mod import;

pub use export::{Extent, export};
pub use format::schema;
pub use import::{Imported, Progress, has_no_topics, import};

/// The debate that an empty database starts with.
pub const FIRST_DEBATE: &str = include_str!("../../debates/1956-secret-speech.json");
