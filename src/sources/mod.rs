//! A topic's bibliography: sources, quotations from them, and who cites what.
//!
//! A source belongs to one topic. A quotation names its source and, where the words were found in
//! another place, that place too; once cited it is not altered (add a new one). A citation points at
//! exactly one source or quotation and belongs to exactly one part of the debate.

pub mod rules;
mod store;

pub use store::{
    Bibliography, CitationOwner, CitationView, OwnedCitation, StoredBibliography, cite, cite_by_id,
    cite_in_post, forget_deleted, forget_unused, insert_bibliography, note_brought, read_bibliography,
};
