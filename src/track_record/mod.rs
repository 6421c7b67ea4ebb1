//! What somebody has to show for their thinking: what they believe in which topic, whom they moved and what moved them, and
//! how their forecasts turned out.
//!
//! It is private until its owner says otherwise. What it says of topics where a reader has not stated credences of
//! their own stays withheld, as everywhere.

mod api;
mod store;

pub use api::router;
