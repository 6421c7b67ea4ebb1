//! Appeals: where they stand, what comes of them, and until when they are made.

use chrono::Months;

use crate::clock::Time;
use crate::text::{text, text_enum};

text_enum! {
    /// Where an appeal stands.
    pub enum AppealState {
        /// It waits to be decided.
        Open = "open",
        /// It was.
        Decided = "decided",
        /// Whoever made it took it back.
        Withdrawn = "withdrawn",
    }
}

text_enum! {
    /// What came of an appeal.
    pub enum AppealOutcome {
        /// The decision stands.
        Upheld = "upheld",
        /// It was wrong, and is undone.
        Overturned = "overturned",
        /// It is undone, and something else takes its place.
        Modified = "modified",
    }
}

text! {
    /// Why somebody holds a decision to be wrong.
    pub struct AppealText, 10..=4000, prose;
    /// Why an appeal is decided so, to whoever made it.
    pub struct AppealReasons, 10..=2000, prose
}

/// Until when one may appeal against what was decided at a moment: so many calendar months later, to the minute. Six months
/// are 181 to 184 days (Regulation 2022/2065, article 20(1)).
pub fn appeal_until(decided_at: Time, months: u32) -> Time {
    decided_at.checked_add_months(Months::new(months)).unwrap_or(Time::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_those_of_the_calendar() {
        let until = |decided: &str| appeal_until(decided.parse().unwrap(), 6).to_rfc3339();
        assert_eq!(until("2026-01-15T12:00:00Z"), "2026-07-15T12:00:00+00:00");
        assert_eq!(until("2026-08-31T23:59:59Z"), "2027-02-28T23:59:59+00:00");
    }
}
