//! How well scenarios and variants stand up to the criteria by which counterfactuals are judged.
//!
//! People rate scenarios and variants by six criteria, say which steps and facts clash with the antecedent,
//! dispute what kind a variant is of, and name cases to compare with. Each judgement has one row for a person and
//! a thing, and what is shown of many is a median or a share with how many there were: never one score blended of
//! all, since the criteria trade off. How likely somebody takes the outcome given the event is theirs alone to
//! read.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{
    Judged, erase, import_class, import_disputes, import_flag, import_likelihoods, import_rating,
};
