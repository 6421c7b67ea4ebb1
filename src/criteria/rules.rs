//! The criteria for counterfactuals and what follows from judging by them, without a database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credences::rules::Vector;
use crate::error::Field;
use crate::historic_date::HistoricDate;
use crate::ids::ScenarioId;
use crate::invalid::Invalid;
use crate::posts::rules::Criterion;
use crate::scenarios::rules::OutcomeVsActual;
use crate::text::{text, text_enum};

/// How well something meets a criterion: 0 fails, 2 is arguable, 4 is clearly met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i16")]
#[schema(value_type = i16, minimum = 0, maximum = 4)]
pub struct Rating(i16);

impl TryFrom<i64> for Rating {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match i16::try_from(value) {
            Ok(value @ 0..=4) => Ok(Self(value)),
            _ => Err(Invalid::new("out_of_range", "From 0 (fails) to 4 (clearly met).")),
        }
    }
}

impl From<Rating> for i16 {
    fn from(rating: Rating) -> Self {
        rating.0
    }
}

/// Something for each of the six criteria by which scenarios and variants are rated (Tetlock and Belkin, 1996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[serde(bound(deserialize = "T: Deserialize<'de> + Default"))]
pub struct ByCriterion<T> {
    /// Antecedent and consequent are specified.
    #[serde(default)]
    pub clarity: T,
    /// The connecting principles go together with the antecedent.
    #[serde(default)]
    pub cotenability: T,
    /// As little history as possible is rewritten.
    #[serde(default)]
    pub historical_consistency: T,
    /// It fits well-established theory.
    #[serde(default)]
    pub theoretical_consistency: T,
    /// It fits well-established statistics.
    #[serde(default)]
    pub statistical_consistency: T,
    /// It has implications that the record can show.
    #[serde(default)]
    pub projectability: T,
}

/// How somebody rates something: by each criterion, or not.
pub type Ratings = ByCriterion<Option<Rating>>;

impl<T> ByCriterion<T> {
    /// What there is for a criterion; nothing for those by which posts argue and nobody rates.
    pub fn of(&mut self, criterion: Criterion) -> Option<&mut T> {
        match criterion {
            Criterion::Clarity => Some(&mut self.clarity),
            Criterion::Cotenability => Some(&mut self.cotenability),
            Criterion::HistoricalConsistency => Some(&mut self.historical_consistency),
            Criterion::TheoreticalConsistency => Some(&mut self.theoretical_consistency),
            Criterion::StatisticalConsistency => Some(&mut self.statistical_consistency),
            Criterion::Projectability => Some(&mut self.projectability),
            Criterion::SecondOrder | Criterion::Proximity => None,
        }
    }

    /// The same with something else for each criterion.
    pub fn map<U>(self, each: impl Fn(T) -> U) -> ByCriterion<U> {
        ByCriterion {
            clarity: each(self.clarity),
            cotenability: each(self.cotenability),
            historical_consistency: each(self.historical_consistency),
            theoretical_consistency: each(self.theoretical_consistency),
            statistical_consistency: each(self.statistical_consistency),
            projectability: each(self.projectability),
        }
    }
}

/// How many people gave each rating, 0 to 4.
pub type RatingCounts = [i64; 5];

/// What many people's ratings by one criterion come to.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, ToSchema)]
pub struct Median {
    /// The rating in the middle, or the mean of the two in the middle; null where nobody rated.
    pub median: Option<f64>,
    /// How many people rated.
    pub n: i64,
}

impl Median {
    /// The exact median of ratings that were counted.
    pub fn of(counts: RatingCounts) -> Self {
        let n: i64 = counts.iter().sum();
        // The rating at a place of the sorted ratings, from 0.
        let at = |place: i64| {
            let mut before = 0;
            (0..5_i32).zip(counts).find_map(|(rating, people)| {
                before += people;
                (place < before).then_some(f64::from(rating))
            })
        };
        let median = at((n - 1).max(0) / 2).zip(at(n / 2)).map(|(lower, upper)| f64::midpoint(lower, upper));
        Self { median, n }
    }
}

/// How many of those who were asked said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Who said yes.
    pub yes: i64,
    /// Who said anything.
    pub n: i64,
}

/// From so many judgements on, a step or a fact may be called disputed (our threshold).
const DISPUTED_FROM: i64 = 5;

impl Count {
    /// Which part said yes, 0 to 1, rounded to ten-thousandths; none where nobody said anything.
    pub fn share(self) -> Option<f64> {
        share(self.yes, self.n)
    }

    /// Whether five or more judged and a third of them or more say yes (our thresholds).
    pub fn is_disputed(self) -> bool {
        self.n >= DISPUTED_FROM && 3 * self.yes >= self.n
    }
}

/// Which part of a whole this is, 0 to 1, rounded to ten-thousandths; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "people and steps are fewer than 2^53")]
pub fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64, 10_000.0))
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

text! {
    /// Which cases belong to a reference class.
    pub struct ClassDescription, 1..=1000, prose
}

/// How many cases a reference class has, 1 to a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i32")]
#[schema(value_type = i32, minimum = 1, maximum = 1_000_000)]
pub struct Cases(i32);

impl TryFrom<i64> for Cases {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(value @ 1..=1_000_000) => Ok(Self(value)),
            _ => Err(Invalid::new("out_of_range", "From 1 to 1000000 cases.")),
        }
    }
}

impl From<Cases> for i32 {
    fn from(cases: Cases) -> Self {
        cases.0
    }
}

/// How many cases of a reference class ended as the scenario does, 0 to a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "i64", into = "i32")]
#[schema(value_type = i32, minimum = 0, maximum = 1_000_000)]
pub struct CasesWithOutcome(i32);

impl TryFrom<i64> for CasesWithOutcome {
    type Error = Invalid;

    fn try_from(value: i64) -> Result<Self, Invalid> {
        match i32::try_from(value) {
            Ok(value @ 0..=1_000_000) => Ok(Self(value)),
            _ => Err(Invalid::new("out_of_range", "From 0 to as many as there are cases.")),
        }
    }
}

impl From<CasesWithOutcome> for i32 {
    fn from(cases: CasesWithOutcome) -> Self {
        cases.0
    }
}

/// How many reference classes one scenario may have.
pub const MAX_REFERENCE_CLASSES: u64 = 20;

/// Checks that no more cases ended so than there are.
pub fn check_cases(cases: Cases, with_outcome: CasesWithOutcome) -> Option<Field> {
    (with_outcome.0 > cases.0).then(|| {
        Field::new("with_outcome", "more_than_cases", format!("There are {} cases, and no more.", cases.0))
    })
}

/// How often such cases end so, 0 to 1, rounded to ten-thousandths: the posterior mean under Jeffreys' prior
/// (Jeffreys, 1946), which no class takes to be impossible or certain.
pub fn base_rate(cases: i32, with_outcome: i32) -> f64 {
    rounded((f64::from(with_outcome) + 0.5) / (f64::from(cases) + 1.0), 10_000.0)
}

/// How likely somebody takes the outcome without the event, in basis points, by a vector of theirs: what they give the
/// scenarios in which it occurs.
pub fn likelihood_without(
    vector: &Vector,
    outcomes: &BTreeMap<ScenarioId, OutcomeVsActual>,
    occurred: bool,
) -> i32 {
    let has_it =
        |id: &ScenarioId| outcomes.get(id).and_then(|outcome| outcome.occurs(occurred)) == Some(true);
    vector.iter().filter(|(id, _)| has_it(id)).map(|(_, bp)| i32::from(*bp)).sum()
}

/// How much more likely the event made the outcome, in basis points, perhaps negative: adequate causation (von
/// Kries, 1888; Max Weber, 1906). An event is an adequate cause if it raises the probability much, and chance if
/// not.
pub fn adequacy(given_event: i32, without_event: i32) -> i32 {
    given_event - without_event
}

/// How many facts a variant changes: the antecedent itself, and what else must change (minimal rewrite; Tetlock
/// and Belkin, 1996).
pub fn rewrite_count(further_changes: usize) -> usize {
    1 + further_changes
}

/// How many days before the divergence the rewriting begins: from the first day that the earliest changed fact may
/// mean to the first day that the divergence may mean. Negative where all of them come after; none without any.
pub fn rewrite_lead_days<'a>(
    divergence: &HistoricDate,
    further_changes: impl IntoIterator<Item = &'a HistoricDate>,
) -> Option<i32> {
    let earliest = further_changes.into_iter().map(HistoricDate::earliest_day).min()?;
    Some(divergence.earliest_day() - earliest)
}

text_enum! {
    /// Whether a variant shows that people of its time considered it (Ferguson, 1997). Accidents nobody considers,
    /// so this is a badge and no gate (Bunzl, 2004; Evans, 2014).
    pub enum Contemporary {
        /// It cites somebody of the time, or who took part.
        Shown = "shown",
        /// It does not.
        NotShown = "not_shown",
    }
}

text_enum! {
    /// Why little can be said of how things would have gone on (Fearon, 1991).
    pub enum Remoteness {
        /// More than 25 years lie between divergence and horizon (our threshold).
        LongLag = "long_lag",
        /// The chain has more than 6 steps (our threshold).
        ManySteps = "many_steps",
    }
}

/// The days of 25 years, of which 7 may be leap days.
const LONG_LAG_DAYS: i32 = 25 * 365 + 7;

/// How many steps a chain may have before it says little.
const FEW_STEPS: usize = 6;

/// How far the horizon is from the divergence (Fearon, 1991): from the last day that the one may mean to the last
/// day that the other may mean, as these are ordered everywhere.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Lag {
    /// In days.
    pub days: i32,
    /// In years of 365.2425 days, rounded to tenths.
    pub years: f64,
}

impl Lag {
    /// The lag between these dates.
    pub fn between(divergence: &HistoricDate, horizon: &HistoricDate) -> Self {
        let days = horizon.latest_day() - divergence.latest_day();
        Self { days, years: rounded(f64::from(days) / 365.2425, 10.0) }
    }

    /// Whether it is so long that little can be said.
    pub fn remoteness(&self) -> Option<Remoteness> {
        (self.days > LONG_LAG_DAYS).then_some(Remoteness::LongLag)
    }
}

/// Whether a chain has so many steps that little can be said.
pub fn remoteness_of_chain(steps: usize) -> Option<Remoteness> {
    (steps > FEW_STEPS).then_some(Remoteness::ManySteps)
}

/// Whether a fact is held though nobody could know it: it is dated after the divergence, by the last days that the
/// dates may mean (closeness of worlds: Lewis, 1973; Elster, 1978).
pub fn is_assumed(held: bool, date: Option<&HistoricDate>, divergence: Option<&HistoricDate>) -> bool {
    held && date.zip(divergence).is_some_and(|(date, divergence)| !date.not_after(divergence))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::basis_points::BasisPoints;
    use crate::historic_date::{Calendar, Precision};

    fn date(value: &str, precision: Precision) -> HistoricDate {
        HistoricDate::new(value, precision, Calendar::Gregorian, false).unwrap()
    }

    fn day(value: &str) -> HistoricDate {
        date(value, Precision::Day)
    }

    #[test]
    fn ratings_are_0_to_4_by_six_criteria() {
        let read = |json: &str| serde_json::from_str::<Ratings>(json);
        let ratings = read(r#"{"clarity": 0, "projectability": 4, "cotenability": null}"#).unwrap();
        assert_eq!(ratings.clarity, Some(Rating(0)));
        assert_eq!((ratings.cotenability, ratings.historical_consistency), (None, None));
        for wrong in [
            r#"{"clarity": 5}"#,
            r#"{"clarity": -1}"#,
            r#"{"clarity": 2.5}"#,
            r#"{"clarity": "2"}"#,
            r#"{"second_order": 2}"#,
            r#"{"proximity": 2}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let mut by_name = ByCriterion::<&str>::default();
        for criterion in <Criterion as sea_orm::Iterable>::iter() {
            if let Some(name) = by_name.of(criterion) {
                *name = "set";
            }
        }
        let set = serde_json::to_value(by_name).unwrap();
        assert!(set.as_object().unwrap().values().all(|name| name == "set"), "{set}");
        assert_eq!(set.as_object().unwrap().len(), 6);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        for (counts, median) in [
            ([0, 0, 0, 0, 0], None),
            ([0, 0, 0, 1, 0], Some(3.0)),
            ([1, 0, 0, 0, 1], Some(2.0)),
            ([0, 1, 1, 0, 0], Some(1.5)),
            ([0, 0, 1, 1, 0], Some(2.5)),
            ([2, 0, 0, 0, 1], Some(0.0)),
            ([3, 0, 0, 0, 3], Some(2.0)),
        ] {
            assert_eq!(Median::of(counts), Median { median, n: counts.iter().sum() }, "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn counting_gives_the_median_of_the_sorted_ratings(ratings in prop::collection::vec(0..5_usize, 0..60)) {
            let mut counts = RatingCounts::default();
            for rating in &ratings {
                counts[*rating] += 1;
            }
            let mut sorted: Vec<u32> = ratings.iter().map(|rating| u32::try_from(*rating).unwrap()).collect();
            sorted.sort_unstable();
            let n = sorted.len();
            let expected = match n {
                0 => None,
                n if n % 2 == 1 => Some(f64::from(sorted[n / 2])),
                n => Some(f64::from(sorted[n / 2 - 1] + sorted[n / 2]) / 2.0),
            };
            prop_assert_eq!(Median::of(counts), Median { median: expected, n: i64::try_from(n).unwrap() });
        }
    }

    #[test]
    fn disputed_is_what_a_third_of_five_or_more_say_clashes() {
        for (yes, n, share, disputed) in [
            (0, 0, None, false),
            (4, 4, Some(1.0), false),
            (1, 5, Some(0.2), false),
            (2, 5, Some(0.4), true),
            (2, 6, Some(0.3333), true),
            (2, 7, Some(0.2857), false),
            (3, 9, Some(0.3333), true),
            (33, 100, Some(0.33), false),
            (34, 100, Some(0.34), true),
        ] {
            let count = Count { yes, n };
            assert_eq!((count.share(), count.is_disputed()), (share, disputed), "{count:?}");
        }
    }

    #[test]
    fn a_base_rate_is_never_nought_or_one_of_few() {
        for (cases, with_outcome, rate) in
            [(1, 0, 0.25), (1, 1, 0.75), (4, 1, 0.3), (10, 0, 0.0455), (99, 50, 0.505)]
        {
            assert!((base_rate(cases, with_outcome) - rate).abs() < 1e-12, "{with_outcome} of {cases}");
        }
        let check = |cases, with_outcome| check_cases(Cases(cases), CasesWithOutcome(with_outcome)).is_none();
        assert!(check(3, 3) && check(3, 0) && !check(3, 4));
        assert!(Cases::try_from(0).is_err() && Cases::try_from(1_000_001).is_err());
        assert!(CasesWithOutcome::try_from(0).is_ok() && CasesWithOutcome::try_from(-1).is_err());
    }

    #[test]
    fn without_the_event_the_outcome_is_as_likely_as_the_scenarios_that_have_it() {
        use OutcomeVsActual::{Absent, Different, Earlier, Later, Present, Same, Unspecified};
        let id = |n: u128| ScenarioId(Uuid::from_u128(n));
        let outcomes = [Absent, Earlier, Same, Later, Different, Unspecified, Present];
        let outcomes: BTreeMap<_, _> = (0..).map(id).zip(outcomes).collect();
        // Each has a digit of its own.
        let bp = |value: i64| BasisPoints::try_from(value).unwrap();
        let vector: Vector = (0..).map(id).zip([1, 2, 4, 8, 16, 32, 64].map(bp)).collect();
        assert_eq!(
            likelihood_without(&vector, &outcomes, true),
            2 + 4 + 8 + 64,
            "`present` may not stand there"
        );
        assert_eq!(
            likelihood_without(&vector, &outcomes, false),
            2 + 8 + 64,
            "only `present` may stand there"
        );
        assert_eq!(likelihood_without(&vector, &BTreeMap::new(), true), 0);
        assert_eq!((adequacy(7000, 2500), adequacy(1000, 2500)), (4500, -1500));
    }

    #[test]
    fn rewriting_begins_with_the_earliest_changed_fact() {
        let divergence = day("1956-02-25");
        let lead = |dates: &[HistoricDate]| rewrite_lead_days(&divergence, dates);
        assert_eq!((rewrite_count(0), lead(&[])), (1, None));
        assert_eq!((rewrite_count(1), lead(&[day("1956-02-25")])), (2, Some(0)));
        assert_eq!(lead(&[day("1956-02-20"), day("1953-02-25"), day("1956-03-01")]), Some(1095));
        assert_eq!(lead(&[date("1956", Precision::Year)]), Some(55));
        assert_eq!(lead(&[day("1956-03-01")]), Some(-5));
    }

    #[test]
    fn proximity_is_few_steps_and_a_short_time() {
        let lag = |from: &str, to: &str| {
            let lag = Lag::between(&day(from), &day(to));
            (lag.days, lag.years, lag.remoteness())
        };
        assert_eq!(lag("1956-02-25", "1956-02-25"), (0, 0.0, None));
        assert_eq!(lag("1956-02-25", "1960-12-31"), (1771, 4.8, None));
        assert_eq!(lag("1956-02-25", "1981-02-25"), (9132, 25.0, None));
        assert_eq!(lag("1956-02-25", "1981-02-26"), (9133, 25.0, Some(Remoteness::LongLag)));
        let imprecise = Lag::between(&date("1956-02", Precision::Month), &date("1956", Precision::Year));
        assert_eq!(imprecise.days, 306);
        assert_eq!(remoteness_of_chain(6), None);
        assert_eq!(remoteness_of_chain(7), Some(Remoteness::ManySteps));
    }

    #[test]
    fn what_is_held_after_the_divergence_is_assumed() {
        let divergence = day("1956-02-25");
        let assumed = |held, date: Option<HistoricDate>| is_assumed(held, date.as_ref(), Some(&divergence));
        assert!(assumed(true, Some(day("1956-02-26"))));
        assert!(assumed(true, Some(date("1956", Precision::Year))));
        assert!(!assumed(true, Some(day("1956-02-25"))));
        assert!(!assumed(false, Some(day("1957-02-25"))));
        assert!(!assumed(true, None));
        assert!(!is_assumed(true, Some(&divergence), None));
    }
}
