//! What the record should show if scenarios are right: the part of a counterfactual that sources can settle.
//!
//! Somebody proposes what is to be looked for, and which scenarios it bears on. People forecast whether the record shows
//! it; a forecast is never changed, whoever thinks again adds another one, and the last one counts. Then somebody who
//! did not propose it says what was found, with a citation, and from then on nobody forecasts it. So these are the only
//! scores here that measure people against facts.

mod api;
pub mod rules;
mod store;

pub use api::router;
pub use store::{erase, import, import_forecasts, import_resolution, score_of};
