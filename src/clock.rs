//! The only place that knows the time.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::invalid::Invalid;

/// A moment, in UTC, as exact as the database keeps it (microseconds).
pub type Time = DateTime<Utc>;

/// Tells the time: the system's, or a fixed one that tests move by hand.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until it is moved.
    Fixed(Arc<Mutex<Time>>),
}

impl Clock {
    /// A clock that shows `time` until it is moved.
    pub fn fixed(time: Time) -> Self {
        Self::Fixed(Arc::new(Mutex::new(time)))
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn now(&self) -> Time {
        match self {
            // Rounded as the database rounds, so that what is answered equals what is read back.
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Fixed(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a fixed clock forward; the system's clock takes no orders.
    pub fn advance(&self, by: TimeDelta) {
        if let Self::Fixed(time) = self {
            *time.lock().unwrap_or_else(PoisonError::into_inner) += by;
        }
    }
}

/// A moment on the wire: RFC 3339 in UTC with a `Z`, with as many fraction digits as it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, format = DateTime, example = "1956-02-25T09:00:00Z")]
pub struct Timestamp(Time);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let refused = || {
            Invalid::new("malformed_time", "A moment as RFC 3339 writes it, such as 1956-02-25T09:00:00Z.")
        };
        let time = DateTime::parse_from_rfc3339(&text).map_err(|_| refused())?.to_utc();
        Ok(Self(time.trunc_subsecs(6)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
