//! Probabilities in whole basis points, so that sums are exact.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;
use crate::invalid::Invalid;

/// A probability in basis points, 0 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i32")]
#[schema(value_type = i32, minimum = 0, maximum = 10000)]
pub struct BasisPoints(i32);

impl BasisPoints {
    /// Impossible.
    pub const NONE: Self = Self(0);
    /// Certain.
    pub const ALL: Self = Self(10_000);

    /// One that the database keeps.
    ///
    /// # Errors
    /// It keeps something else there, which its constraints do not let it.
    pub fn stored(value: i32) -> Result<Self, Error> {
        Self::try_from(i64::from(value)).map_err(Error::internal)
    }

    /// As a number from 0 to 1.
    pub fn probability(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ALL.0)
    }
}

impl TryFrom<i64> for BasisPoints {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(value @ 0..=10_000) => Ok(Self(value)),
            _ => Err(Invalid::new("out_of_range", "From 0 to 10000 basis points.")),
        }
    }
}

impl From<BasisPoints> for i32 {
    fn from(value: BasisPoints) -> Self {
        value.0
    }
}

/// How far somebody moved, 0 to 1: half of what their probabilities of exclusive cases changed by, all together, in basis
/// points (total variation distance).
pub fn shift(moved: f64) -> f64 {
    (moved / 2.0 / f64::from(BasisPoints::ALL.0) * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_from_0_to_10000_are_basis_points() {
        for (text, probability) in [("0", 0.0), ("2500", 0.25), ("10000", 1.0)] {
            let read: BasisPoints = serde_json::from_str(text).unwrap();
            assert!((read.probability() - probability).abs() < f64::EPSILON, "{text}");
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        for wrong in ["-1", "10001", "0.5", "9223372036854775807", "\"1\"", "null"] {
            assert!(serde_json::from_str::<BasisPoints>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_shift_is_half_of_all_that_moved() {
        for (moved, expected) in [(0.0, 0.0), (1.0, 0.00005), (4000.0, 0.2), (20_000.0, 1.0)] {
            assert!((shift(moved) - expected).abs() < 1e-9, "{moved}");
        }
    }
}
