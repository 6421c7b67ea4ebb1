//! The wire: what every request and every answer has in common.

mod answer;
mod asked;
mod client;
mod connection;
mod create;
mod cross_origin;
mod gzip;
mod input;
pub mod limits;
pub mod middleware;
pub mod openapi;
pub mod page;
mod precondition;
mod problem;
mod reason;
pub mod serve;
mod shared;
mod timing;

pub use answer::{Answer, Cache, Compressible, OwnParts, OwnTexts};
pub use asked::{AskedBy, Asker};
pub use client::{ClientAddress, network};
pub use create::{Claimed, Create, Once};
pub use input::{Body, Path, Query, StrictValue, parse_json};
pub use precondition::IfMatch;
pub use problem::{FieldProblem, Problem, code_of};
pub use reason::InspectionReason;
pub use shared::{Arrival, SharedAnswers, shared, shared_since};

/// Where the API is.
pub const BASE: &str = "/api/v1";

/// Parts of merge patches (RFC 7396): absent leaves a field, `null` clears it.
pub mod patch {
    use serde::{Deserialize, Deserializer};

    /// Reads a field that is there: `null` becomes `Some(None)`. Used with `#[serde(default)]`.
    pub fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        Option::deserialize(deserializer).map(Some)
    }

    /// Reads a field that is there and cannot be cleared: `null` is refused.
    pub fn required<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        T::deserialize(deserializer).map(Some)
    }
}
