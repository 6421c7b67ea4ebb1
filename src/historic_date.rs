//! Dates of history: as exact as they are known, in the calendar they are known in.
//!
//! A SQL timestamp cannot say "about 490 BC" or "25 October 1917 by the Julian calendar". A
//! [`HistoricDate`] can, and stands for the span of days from [`HistoricDate::earliest_day`] to
//! [`HistoricDate::latest_day`], which order dates of either calendar.
//!
//! Days are numbered by the Julian Day Number (JDN): day 0 began at noon on 1 January 4713 BC of the
//! proleptic Julian calendar, here −4712-01-01. Conversion after Richards (2013), "Calendars", in Urban
//! and Seidelmann (eds), *Explanatory Supplement to the Astronomical Almanac*, 3rd edition, §15.11.

use std::fmt;

use sea_orm::sea_query::{self, ArrayType, ColumnType, Nullable, ValueTypeErr, postgres_array::NotU8};
use sea_orm::{
    ActiveValue, ColIdx, DbErr, IntoActiveValue, JsonValue, QueryResult, TryGetError, TryGetable, Value,
};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::invalid::Invalid;

/// How exactly a date is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// A day: the value is `YYYY-MM-DD`.
    Day,
    /// A month: the value is `YYYY-MM`.
    Month,
    /// A year: the value is `YYYY`.
    Year,
    /// Ten years: the value is the first of them, `YYYY`, divisible by 10.
    Decade,
    /// A hundred years: the value is the first of them, `YYYY`, divisible by 100.
    Century,
}

/// By which calendar a date is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// The Gregorian calendar, extended to the time before its introduction in 1582.
    #[default]
    Gregorian,
    /// The Julian calendar: every fourth year is a leap year.
    Julian,
}

/// A date of history: as exact as it is known, in the calendar it is known in.
///
/// Immutable and always valid. Equality is that of all four parts as written: 25 October 1917 Julian
/// and 7 November 1917 Gregorian are the same day, yet not equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct HistoricDate {
    wire: Wire,
    earliest_day: i32,
    latest_day: i32,
}

/// A date of history: as exact as it is known, in the calendar it is known in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = HistoricDate,
    examples(
        json!({"value": "1956-02-25", "precision": "day", "calendar": "gregorian", "circa": false}),
        json!({"value": "-0489", "precision": "year", "calendar": "julian", "circa": true}),
        json!({"value": "1950", "precision": "decade", "calendar": "gregorian", "circa": false}),
    ),
)]
struct Wire {
    /// ISO 8601 with an astronomical year from -9999 to 9999: year 0000 is 1 BC, -0489 is 490 BC.
    ///
    /// `YYYY-MM-DD` for a day, `YYYY-MM` for a month, else `YYYY`: of a decade or century its first
    /// year, divisible by 10 or 100, so that decade 1950 is 1950 to 1959 and century 1800 is 1800 to 1899.
    #[schema(
        pattern = "^([0-9]{4}|-([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9]))(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$",
        examples("1956-02-25", "1956-06", "-0489")
    )]
    value: String,
    /// How exactly the date is known.
    precision: Precision,
    /// By which calendar it is given.
    #[serde(default)]
    calendar: Calendar,
    /// Whether it is approximate: a mark for readers, which widens nothing.
    #[serde(default)]
    circa: bool,
}

/// A year, a month and a day of some calendar. Month and day are 1 where the precision leaves them open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    year: i32,
    month: i32,
    day: i32,
}

impl HistoricDate {
    /// A date of history.
    ///
    /// `value` is ISO 8601 with an astronomical year in −9999 ..= 9999 (0000 is 1 BC, −0489 is 490 BC):
    /// `YYYY-MM-DD`, `YYYY-MM` or `YYYY` as `precision` asks. A decade or century is named by its first
    /// year, divisible by 10 or 100, and spans that year and the following 9 or 99.
    ///
    /// # Errors
    /// `malformed_date` if the value has not the form that the precision asks, `no_such_date` if the
    /// calendar has no such month or day, `not_a_decade` and `not_a_century` for other first years.
    pub fn new(
        value: impl Into<String>,
        precision: Precision,
        calendar: Calendar,
        circa: bool,
    ) -> Result<Self, Invalid> {
        Self::try_from(Wire { value: value.into(), precision, calendar, circa })
    }

    /// The date as given: ISO 8601, astronomical year.
    pub fn value(&self) -> &str {
        &self.wire.value
    }

    /// How exactly it is known.
    pub fn precision(&self) -> Precision {
        self.wire.precision
    }

    /// By which calendar it is given.
    pub fn calendar(&self) -> Calendar {
        self.wire.calendar
    }

    /// Whether it is approximate. This widens nothing.
    pub fn circa(&self) -> bool {
        self.wire.circa
    }

    /// The first day it may mean, as a Julian Day Number.
    pub fn earliest_day(&self) -> i32 {
        self.earliest_day
    }

    /// The last day it may mean, as a Julian Day Number.
    pub fn latest_day(&self) -> i32 {
        self.latest_day
    }

    /// Whether this date ends no later than the other: compares the last days that they may mean.
    pub fn not_after(&self, other: &Self) -> bool {
        self.latest_day <= other.latest_day
    }
}

impl TryFrom<Wire> for HistoricDate {
    type Error = Invalid;

    fn try_from(wire: Wire) -> Result<Self, Invalid> {
        let first = parse(&wire.value, wire.precision)?;
        let Civil { year, month, day } = first;
        let calendar = wire.calendar;
        if !(1..=12).contains(&month) || !(1..=days_in_month(year, month, calendar)).contains(&day) {
            let calendar = if calendar == Calendar::Julian { "Julian" } else { "Gregorian" };
            return Err(Invalid::new(
                "no_such_date",
                format!("The {calendar} calendar has no {}.", wire.value),
            ));
        }
        let last = match wire.precision {
            Precision::Day => first,
            Precision::Month => Civil { day: days_in_month(year, month, calendar), ..first },
            Precision::Year => Civil { year, month: 12, day: 31 },
            Precision::Decade if year % 10 == 0 => Civil { year: year + 9, month: 12, day: 31 },
            Precision::Century if year % 100 == 0 => Civil { year: year + 99, month: 12, day: 31 },
            Precision::Decade => {
                return Err(Invalid::new(
                    "not_a_decade",
                    "A decade is named by its first year, divisible by 10.",
                ));
            }
            Precision::Century => {
                return Err(Invalid::new(
                    "not_a_century",
                    "A century is named by its first year, divisible by 100.",
                ));
            }
        };
        Ok(Self { earliest_day: day_number(first, calendar), latest_day: day_number(last, calendar), wire })
    }
}

impl From<HistoricDate> for Wire {
    fn from(date: HistoricDate) -> Self {
        date.wire
    }
}

/// Reads the form only: month and day may still not exist.
fn parse(value: &str, precision: Precision) -> Result<Civil, Invalid> {
    let form = match precision {
        Precision::Day => "YYYY-MM-DD",
        Precision::Month => "YYYY-MM",
        Precision::Year | Precision::Decade | Precision::Century => "YYYY",
    };
    let malformed = || {
        Invalid::new(
            "malformed_date",
            format!(
                "With this precision a date is {form}, with a four-digit astronomical year: -0489 is 490 BC."
            ),
        )
    };
    let (sign, digits) = value.strip_prefix('-').map_or((1, value), |digits| (-1, digits));
    let fits = digits.len() == form.len()
        && digits
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| if form == b'-' { byte == b'-' } else { byte.is_ascii_digit() });
    if !fits {
        return Err(malformed());
    }
    let mut parts = digits.split('-').map(|part| part.parse::<i32>().map_err(|_| malformed()));
    let mut next = || parts.next().unwrap_or(Ok(1));
    let civil = Civil { year: sign * next()?, month: next()?, day: next()? };
    if sign < 0 && civil.year == 0 { Err(malformed()) } else { Ok(civil) }
}

fn is_leap(year: i32, calendar: Calendar) -> bool {
    year % 4 == 0 && (calendar == Calendar::Julian || year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i32, month: i32, calendar: Calendar) -> i32 {
    match month {
        2 if is_leap(year, calendar) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The Julian Day Number of a day: algorithm 3 of Richards (2013).
///
/// His divisions truncate, which is right from −4712 on. These round down, which is right for all years.
fn day_number(Civil { year, month, day }: Civil, calendar: Calendar) -> i32 {
    // Years begin in March here, so that the leap day is the last of its year.
    let year = year + 4716 - i32::from(month < 3);
    let month = (month + 9) % 12;
    let julian = (1461 * year).div_euclid(4) + (153 * month + 2) / 5 + day - 1402;
    match calendar {
        Calendar::Julian => julian,
        Calendar::Gregorian => julian - (3 * (year + 184).div_euclid(100)).div_euclid(4) + 38,
    }
}

/// Writes the date for people: `25 February 1956`, `June 1956`, `490 BC`, `1950s`, `1800–1899`.
///
/// Years before 1000 carry `AD`; decades before that and all centuries are written as spans; `c.`
/// precedes what is approximate and ` (Julian)` follows a date of that calendar.
impl fmt::Display for HistoricDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        // Cannot fail: the value was read before it was kept.
        let Civil { year, month, day } =
            parse(&self.wire.value, self.wire.precision).map_err(|_| fmt::Error)?;
        let name = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).ok_or(fmt::Error)?;
        if self.wire.circa {
            f.write_str("c. ")?;
        }
        match self.wire.precision {
            Precision::Day => write!(f, "{day} {name} {}", Year(year))?,
            Precision::Month => write!(f, "{name} {}", Year(year))?,
            Precision::Year => write!(f, "{}", Year(year))?,
            Precision::Decade if year >= 1000 => write!(f, "{year}s")?,
            Precision::Decade => write_span(f, year, year + 9)?,
            Precision::Century => write_span(f, year, year + 99)?,
        }
        if self.wire.calendar == Calendar::Julian { f.write_str(" (Julian)") } else { Ok(()) }
    }
}

/// An astronomical year, written as historians do.
struct Year(i32);

impl fmt::Display for Year {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            year @ ..=0 => write!(f, "{} BC", 1 - year),
            year @ 1..1000 => write!(f, "AD {year}"),
            year => write!(f, "{year}"),
        }
    }
}

fn write_span(f: &mut fmt::Formatter<'_>, first: i32, last: i32) -> fmt::Result {
    match (first, last) {
        (..=0, ..=0) => write!(f, "{}–{} BC", 1 - first, 1 - last),
        (1.., 1..) => write!(f, "{}–{last}", Year(first)),
        _ => write!(f, "{}–{}", Year(first), Year(last)),
    }
}

impl PartialSchema for HistoricDate {
    fn schema() -> RefOr<Schema> {
        Wire::schema()
    }
}

impl ToSchema for HistoricDate {
    fn name() -> std::borrow::Cow<'static, str> {
        "HistoricDate".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Wire::schemas(schemas);
    }
}

/// What a column holds: the four parts, and the two days by which the database compares.
///
/// The days are written and never read: they follow from the parts.
#[derive(Serialize, Deserialize)]
struct Stored {
    value: String,
    precision: Precision,
    calendar: Calendar,
    circa: bool,
    #[serde(skip_deserializing)]
    earliest_day: i32,
    #[serde(skip_deserializing)]
    latest_day: i32,
}

impl From<HistoricDate> for Stored {
    fn from(HistoricDate { wire, earliest_day, latest_day }: HistoricDate) -> Self {
        let Wire { value, precision, calendar, circa } = wire;
        Self { value, precision, calendar, circa, earliest_day, latest_day }
    }
}

/// Reads what a column holds.
fn from_stored(json: JsonValue) -> Result<HistoricDate, DbErr> {
    let stored: Stored = serde_json::from_value(json).map_err(|error| DbErr::Json(error.to_string()))?;
    HistoricDate::new(stored.value, stored.precision, stored.calendar, stored.circa)
        .map_err(|error| DbErr::Json(error.to_string()))
}

impl From<HistoricDate> for Value {
    fn from(date: HistoricDate) -> Self {
        // Strings, numbers and booleans always become JSON, so that `ok` never makes a null of a date.
        Self::Json(serde_json::to_value(Stored::from(date)).ok().map(Box::new))
    }
}

impl TryGetable for HistoricDate {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        from_stored(JsonValue::try_get_by(row, index)?).map_err(TryGetError::DbErr)
    }
}

impl sea_query::ValueType for HistoricDate {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::Json(Some(json)) => from_stored(*json).map_err(|_| ValueTypeErr),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "HistoricDate".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Json
    }

    fn column_type() -> ColumnType {
        ColumnType::JsonBinary
    }
}

impl Nullable for HistoricDate {
    fn null() -> Value {
        Value::Json(None)
    }
}

impl NotU8 for HistoricDate {}

impl IntoActiveValue<Self> for HistoricDate {
    fn into_active_value(self) -> ActiveValue<Self> {
        ActiveValue::Set(self)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const PRECISIONS: [Precision; 5] =
        [Precision::Day, Precision::Month, Precision::Year, Precision::Decade, Precision::Century];

    fn gregorian(value: &str, precision: Precision) -> HistoricDate {
        HistoricDate::new(value, precision, Calendar::Gregorian, false).unwrap()
    }

    fn julian(value: &str, precision: Precision) -> HistoricDate {
        HistoricDate::new(value, precision, Calendar::Julian, false).unwrap()
    }

    fn refused(value: &str, precision: Precision, calendar: Calendar) -> &'static str {
        HistoricDate::new(value, precision, calendar, false).unwrap_err().code
    }

    #[test]
    fn days_have_their_julian_day_numbers() {
        for (date, day) in [
            (gregorian("1956-02-25", Precision::Day), 2_435_529),
            (gregorian("2000-01-01", Precision::Day), 2_451_545),
            (julian("-4712-01-01", Precision::Day), 0),
            (gregorian("-4713-11-24", Precision::Day), 0),
            (julian("1582-10-04", Precision::Day), 2_299_160),
            (gregorian("1582-10-15", Precision::Day), 2_299_161),
            (gregorian("1858-11-17", Precision::Day), 2_400_001),
            // Meeus (1998), *Astronomical Algorithms*, 2nd edition, chapter 7.
            (julian("0333-01-27", Precision::Day), 1_842_713),
            (julian("-1000-07-12", Precision::Day), 1_356_001),
            (julian("-0122-01-01", Precision::Day), 1_676_498),
            (julian("0837-04-10", Precision::Day), 2_026_872),
        ] {
            assert_eq!((date.earliest_day(), date.latest_day()), (day, day), "{date}");
        }
    }

    #[test]
    fn one_day_has_one_number_in_both_calendars() {
        let old = julian("1917-10-25", Precision::Day);
        let new = gregorian("1917-11-07", Precision::Day);
        assert_eq!(old.earliest_day(), new.earliest_day());
        assert!(old.not_after(&new) && new.not_after(&old));
        assert_ne!(old, new);
    }

    #[test]
    fn a_span_ends_with_its_last_day() {
        let day = |value| gregorian(value, Precision::Day).earliest_day();
        for (value, precision, first, last) in [
            ("1956-02", Precision::Month, "1956-02-01", "1956-02-29"),
            ("1900-02", Precision::Month, "1900-02-01", "1900-02-28"),
            ("1956", Precision::Year, "1956-01-01", "1956-12-31"),
            ("-0489", Precision::Year, "-0489-01-01", "-0489-12-31"),
            ("1950", Precision::Decade, "1950-01-01", "1959-12-31"),
            ("1800", Precision::Century, "1800-01-01", "1899-12-31"),
            ("-0500", Precision::Century, "-0500-01-01", "-0401-12-31"),
        ] {
            let date = gregorian(value, precision);
            assert_eq!((date.earliest_day(), date.latest_day()), (day(first), day(last)), "{date}");
        }
        let year = gregorian("-0489", Precision::Year);
        assert_eq!(year.latest_day() - year.earliest_day(), 364);
        let leap = julian("-4712", Precision::Year);
        assert_eq!((leap.earliest_day(), leap.latest_day()), (0, 365));
    }

    #[test]
    fn circa_widens_nothing() {
        let date = |circa| HistoricDate::new("1956", Precision::Year, Calendar::Gregorian, circa).unwrap();
        assert_eq!(date(true).earliest_day(), date(false).earliest_day());
        assert_eq!(date(true).latest_day(), date(false).latest_day());
    }

    #[test]
    fn not_after_compares_the_ends() {
        let (year, day) = (gregorian("1956", Precision::Year), gregorian("1956-12-30", Precision::Day));
        assert!(day.not_after(&year) && !year.not_after(&day));
        assert!(gregorian("1956-12-31", Precision::Day).not_after(&year));
        assert!(year.not_after(&gregorian("1956-12-31", Precision::Day)));
    }

    #[test]
    fn the_leap_day_follows_the_calendar() {
        assert_eq!(
            julian("1700-02-29", Precision::Day).earliest_day() + 1,
            julian("1700-03-01", Precision::Day).earliest_day()
        );
        assert_eq!(refused("1700-02-29", Precision::Day, Calendar::Gregorian), "no_such_date");
        assert_eq!(
            gregorian("-0004-02-29", Precision::Day).earliest_day() + 1,
            gregorian("-0004-03-01", Precision::Day).earliest_day()
        );
        assert_eq!(refused("-0001-02-29", Precision::Day, Calendar::Julian), "no_such_date");
    }

    #[test]
    fn other_forms_are_refused() {
        for (value, precision) in [
            ("", Precision::Year),
            ("56", Precision::Year),
            ("+1956", Precision::Year),
            ("01956", Precision::Year),
            ("-10000", Precision::Year),
            ("-0000", Precision::Year),
            ("-0000-01-01", Precision::Day),
            ("--489", Precision::Year),
            ("1956 ", Precision::Year),
            ("1956\n", Precision::Year),
            ("١٩٥٦", Precision::Year),
            ("1956-2-25", Precision::Day),
            ("19560225", Precision::Day),
            ("1956/02/25", Precision::Day),
            ("1956-02-25T00:00:00Z", Precision::Day),
            ("1956-02-25", Precision::Month),
            ("1956-02", Precision::Day),
            ("1956-02", Precision::Year),
            ("1956", Precision::Month),
        ] {
            assert_eq!(refused(value, precision, Calendar::Gregorian), "malformed_date", "{value}");
        }
        for value in
            ["1956-00-01", "1956-13-01", "1956-02-30", "1955-02-29", "1956-04-31", "1956-01-00", "1956-01-32"]
        {
            assert_eq!(refused(value, Precision::Day, Calendar::Gregorian), "no_such_date", "{value}");
        }
        assert_eq!(refused("1956-13", Precision::Month, Calendar::Julian), "no_such_date");
        assert_eq!(refused("1956", Precision::Decade, Calendar::Gregorian), "not_a_decade");
        assert_eq!(refused("1950", Precision::Century, Calendar::Gregorian), "not_a_century");
        assert_eq!(refused("-0489", Precision::Decade, Calendar::Gregorian), "not_a_decade");
    }

    #[test]
    fn people_read_it_so() {
        let text = |value, precision| gregorian(value, precision).to_string();
        assert_eq!(text("1956-02-25", Precision::Day), "25 February 1956");
        assert_eq!(text("1956-06", Precision::Month), "June 1956");
        assert_eq!(text("1956", Precision::Year), "1956");
        assert_eq!(text("-0489", Precision::Year), "490 BC");
        assert_eq!(text("0000", Precision::Year), "1 BC");
        assert_eq!(text("0800-12-25", Precision::Day), "25 December AD 800");
        assert_eq!(text("1950", Precision::Decade), "1950s");
        assert_eq!(text("0470", Precision::Decade), "AD 470–479");
        assert_eq!(text("-0490", Precision::Decade), "491–482 BC");
        assert_eq!(text("0000", Precision::Decade), "1 BC–AD 9");
        assert_eq!(text("1800", Precision::Century), "1800–1899");
        assert_eq!(text("-0500", Precision::Century), "501–402 BC");
        assert_eq!(julian("1917-10-25", Precision::Day).to_string(), "25 October 1917 (Julian)");
        let marathon = HistoricDate::new("-0489-09", Precision::Month, Calendar::Julian, true).unwrap();
        assert_eq!(marathon.to_string(), "c. September 490 BC (Julian)");
    }

    #[test]
    fn calendar_and_circa_may_be_left_out() {
        let date: HistoricDate =
            serde_json::from_value(json!({"value": "1956-02-25", "precision": "day"})).unwrap();
        assert_eq!(
            serde_json::to_value(&date).unwrap(),
            json!({"value": "1956-02-25", "precision": "day", "calendar": "gregorian", "circa": false})
        );
    }

    #[test]
    fn other_json_is_refused() {
        let message = |json| serde_json::from_value::<HistoricDate>(json).unwrap_err().to_string();
        assert_eq!(message(json!({"value": "1956"})), "missing field `precision`");
        assert!(
            message(json!({"value": "1956", "precision": "year", "era": "BC"}))
                .starts_with("unknown field `era`")
        );
        assert!(
            message(json!({"value": "1956", "precision": "year", "calendar": "mayan"}))
                .starts_with("unknown variant")
        );
        assert!(
            message(json!({"value": "1956", "precision": "year", "earliest_day": 0}))
                .starts_with("unknown field")
        );
        assert!(message(json!("1956")).starts_with("invalid type"));
        let message = message(json!({"value": "1956-02-30", "precision": "day"}));
        assert_eq!(
            Invalid::split(&message),
            Some(("no_such_date", "The Gregorian calendar has no 1956-02-30."))
        );
    }

    #[test]
    fn a_column_holds_the_days_as_well() {
        let date = gregorian("1956", Precision::Year);
        let value = Value::from(date.clone());
        let Value::Json(Some(json)) = &value else { panic!("{value:?}") };
        assert_eq!(
            **json,
            json!({
                "value": "1956", "precision": "year", "calendar": "gregorian", "circa": false,
                "earliest_day": 2_435_474, "latest_day": 2_435_839,
            })
        );
        assert_eq!(<HistoricDate as sea_query::ValueType>::try_from(value).unwrap(), date);
        assert_eq!(<HistoricDate as sea_query::ValueType>::column_type(), ColumnType::JsonBinary);
        assert!(matches!(<HistoricDate as Nullable>::null(), Value::Json(None)));
    }

    #[test]
    fn the_days_in_a_column_are_not_believed() {
        let json = json!({
            "value": "1956", "precision": "year", "calendar": "gregorian", "circa": false, "earliest_day": 1, "latest_day": "x",
        });
        assert_eq!(from_stored(json).unwrap(), gregorian("1956", Precision::Year));
        let json =
            json!({"value": "1956-02-30", "precision": "day", "calendar": "gregorian", "circa": false});
        assert!(
            matches!(from_stored(json), Err(DbErr::Json(message)) if message.starts_with("no_such_date: "))
        );
    }

    #[test]
    fn the_schema_is_a_closed_object() {
        assert_eq!(HistoricDate::name(), "HistoricDate");
        let schema = serde_json::to_value(HistoricDate::schema()).unwrap();
        assert_eq!(schema["type"], "object");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["value", "precision"]));
        assert!(schema["properties"]["value"]["pattern"].is_string());
        assert!(schema["description"].as_str().unwrap().starts_with("A date of history"));
        assert_eq!(schema["examples"].as_array().unwrap().len(), 3);
        let mut schemas = Vec::new();
        HistoricDate::schemas(&mut schemas);
        let mut names: Vec<_> = schemas.into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["Calendar", "Precision"]);
    }

    fn written(year: i32) -> String {
        if year < 0 { format!("-{:04}", -year) } else { format!("{year:04}") }
    }

    proptest! {
        #[test]
        fn the_gregorian_calendar_is_that_of_chrono(year in -9999..=9999_i32, ordinal in 1..=366_u32) {
            let Some(other) = NaiveDate::from_yo_opt(year, ordinal) else { return Ok(()) };
            let value = format!("{}-{:02}-{:02}", written(year), other.month(), other.day());
            prop_assert_eq!(gregorian(&value, Precision::Day).earliest_day(), other.num_days_from_ce() + 1_721_425);
        }

        #[test]
        fn spans_leave_no_gap(year in -9999..9990_i32, month in 1..12_i32, is_julian: bool) {
            let calendar = if is_julian { Calendar::Julian } else { Calendar::Gregorian };
            let date = |value: String, precision| HistoricDate::new(value, precision, calendar, false).unwrap();
            let of_year = |year| date(written(year), Precision::Year);
            prop_assert_eq!(of_year(year).latest_day() + 1, of_year(year + 1).earliest_day());
            let of_month = |month| date(format!("{}-{month:02}", written(year)), Precision::Month);
            prop_assert_eq!(of_month(month).latest_day() + 1, of_month(month + 1).earliest_day());
            prop_assert_eq!(of_month(1).earliest_day(), of_year(year).earliest_day());
            prop_assert_eq!(of_month(12).latest_day(), of_year(year).latest_day());
            let decade = year.div_euclid(10) * 10;
            if decade >= -9999 {
                let decade = date(written(decade), Precision::Decade);
                prop_assert!(decade.earliest_day() <= of_year(year).earliest_day());
                prop_assert!(of_year(year).not_after(&decade));
            }
        }

        #[test]
        fn whatever_is_read_is_valid(value in "-?[0-9]{4}(-[0-9]{2}){0,2}|\\PC*", index in 0..5_usize, is_julian: bool, circa: bool) {
            let calendar = if is_julian { Calendar::Julian } else { Calendar::Gregorian };
            if let Ok(date) = HistoricDate::new(value, PRECISIONS[index], calendar, circa) {
                prop_assert!(date.earliest_day() <= date.latest_day());
                prop_assert!(!date.to_string().is_empty());
                let json = serde_json::to_value(&date).unwrap();
                prop_assert_eq!(&serde_json::from_value::<HistoricDate>(json).unwrap(), &date);
                prop_assert_eq!(<HistoricDate as sea_query::ValueType>::try_from(date.clone().into()).unwrap(), date);
            }
        }
    }
}
