//! The span of time that a report is about: a year or a month, in UTC.

use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::invalid::Invalid;

/// A year or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period {
    year: i32,
    /// 1 to 12; none where the whole year is meant.
    month: Option<u32>,
}

impl Period {
    /// The year of a moment.
    pub fn year_of(now: Time) -> Self {
        Self { year: now.year(), month: None }
    }

    /// Its first moment, and the first after it.
    pub fn span(self) -> (Time, Time) {
        let first = NaiveDate::from_ymd_opt(self.year, self.month.unwrap_or(1), 1).unwrap_or_default();
        let months = Months::new(if self.month.is_some() { 1 } else { 12 });
        let midnight = |date: NaiveDate| date.and_time(chrono::NaiveTime::MIN).and_utc();
        (midnight(first), midnight(first.checked_add_months(months).unwrap_or(NaiveDate::MAX)))
    }
}

impl TryFrom<String> for Period {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("not_a_period", "A year such as 2026, or a month such as 2026-01.");
        let (year, month) = match text.split_once('-') {
            Some((year, month)) => (year, Some(month)),
            None => (text.as_str(), None),
        };
        let number = |text: &str, digits: usize| {
            let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<u32>().ok()).flatten().ok_or_else(wrong)
        };
        let year = i32::try_from(number(year, 4)?).map_err(|_| wrong())?;
        let month = month.map(|month| number(month, 2)).transpose()?;
        if year < 1970 || month.is_some_and(|month| !(1..=12).contains(&month)) {
            return Err(wrong());
        }
        Ok(Self { year, month })
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        match period.month {
            Some(month) => format!("{:04}-{month:02}", period.year),
            None => format!("{:04}", period.year),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_year_or_a_month() {
        let span = |text: &str| {
            let (from, to) = Period::try_from(text.to_owned()).map_err(|refused| refused.code)?.span();
            Ok(format!("{} {}", from.date_naive(), to.date_naive()))
        };
        assert_eq!(span("2026"), Ok("2026-01-01 2027-01-01".to_owned()));
        assert_eq!(span("2026-12"), Ok("2026-12-01 2027-01-01".to_owned()));
        assert_eq!(span("2024-02"), Ok("2024-02-01 2024-03-01".to_owned()));
        for text in
            ["", "26", "2026-1", "2026-13", "2026-00", "1969", "2026-01-01", "+026", "２０２６", "2026-"]
        {
            assert_eq!(span(text), Err("not_a_period"), "{text}");
        }
        assert_eq!(String::from(Period::try_from("2026-01".to_owned()).unwrap()), "2026-01");
        assert_eq!(Period::try_from("9999".to_owned()).unwrap().span().0.year(), 9999);
    }
}
