//! What a crowd thinks: its credences pooled, and how far its members are apart.
//!
//! All of it follows from counting tables, one a scenario, which say how many people gave it so many basis points. Such
//! a table has at most 10001 lines however large the crowd, is exact, and changes with each vector by a line or two.

use std::collections::BTreeMap;

use crate::basis_points::BasisPoints;

/// Below so many people nothing pooled is shown.
pub const FEWEST: u64 = 5;

/// What a credence counts as at least, before its logarithm is taken: else whoever calls one scenario impossible would
/// decide for all.
pub const FLOOR: f64 = 0.01;

/// The same in basis points.
pub const FLOOR_BP: i64 = 100;

/// As exact as anybody needs it: to a millionth.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// How many people gave a scenario so many basis points.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    people: BTreeMap<BasisPoints, u64>,
    total: u64,
}

impl Tally {
    /// Counts somebody.
    pub fn add(&mut self, credence: BasisPoints) {
        self.add_many(credence, 1);
    }

    /// Counts several who gave the same.
    pub fn add_many(&mut self, credence: BasisPoints, people: u64) {
        if people > 0 {
            *self.people.entry(credence).or_default() += people;
            self.total += people;
        }
    }

    /// How many people there are.
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 people")]
    fn size(&self) -> f64 {
        self.total as f64
    }

    /// The mean of a function of people's credences; 0 where there are none.
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 people")]
    fn mean_of(&self, function: impl Fn(f64) -> f64) -> f64 {
        let sum: f64 = self
            .people
            .iter()
            .map(|(credence, people)| function(credence.probability()) * *people as f64)
            .sum();
        if self.is_empty() { 0.0 } else { sum / self.size() }
    }

    /// The mean, 0 to 1.
    pub fn mean(&self) -> f64 {
        self.mean_of(|probability| probability)
    }

    /// The credence at a place in the order of all, counted from 0.
    fn at(&self, place: u64) -> f64 {
        let mut before = 0;
        let found = self.people.iter().find(|(_, people)| {
            before += **people;
            before > place
        });
        found.map_or(0.0, |(credence, _)| credence.probability())
    }

    /// A quantile, `share` being 0 to 1: between two people the line that joins them (Hyndman and Fan, 1996, type 7).
    /// So the median of an even number is the mean of the two in the middle.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the number of people"
    )]
    pub fn quantile(&self, share: f64) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let place = share.clamp(0.0, 1.0) * (self.size() - 1.0);
        let (below, above) = (self.at(place.floor() as u64), self.at(place.ceil() as u64));
        below + (above - below) * place.fract()
    }

    /// What each of them gave, the smallest first.
    pub fn each(&self) -> impl Iterator<Item = BasisPoints> {
        let times = |people: u64| usize::try_from(people).unwrap_or(usize::MAX);
        self.people.iter().flat_map(move |(credence, people)| std::iter::repeat_n(*credence, times(*people)))
    }

    /// How many people are in each tenth of the scale; certainty is in the last one.
    pub fn histogram(&self) -> [u64; 10] {
        let mut bins = [0; 10];
        for (credence, people) in &self.people {
            let bin = usize::try_from(i32::from(*credence) / 1000).unwrap_or_default().min(9);
            bins[bin] += people;
        }
        bins
    }
}

/// Divides by the sum, so that the whole is 1; none where the sum is 0.
fn renormalised(values: Vec<f64>) -> Option<Vec<f64>> {
    let sum: f64 = values.iter().sum();
    (sum > 0.0).then(|| values.into_iter().map(|value| value / sum).collect())
}

/// The mean of people's credences in each scenario.
pub fn mean(scenarios: &[Tally]) -> Vec<f64> {
    scenarios.iter().map(Tally::mean).collect()
}

/// The median of people's credences in each scenario, renormalised; the mean where all medians are 0. A minority that
/// puts everything on one scenario moves it least of the three pools.
pub fn median(scenarios: &[Tally]) -> Vec<f64> {
    let medians = scenarios.iter().map(|scenario| scenario.quantile(0.5)).collect();
    renormalised(medians).unwrap_or_else(|| mean(scenarios))
}

/// The geometric mean of people's credences in each scenario, at least [`FLOOR`] each, renormalised. For two scenarios
/// it is the geometric mean of odds. To renormalise each person's credences first would change nothing, since what
/// they would be divided by is common to all scenarios.
pub fn geometric(scenarios: &[Tally]) -> Vec<f64> {
    let means = scenarios.iter().map(|scenario| scenario.mean_of(|p| p.max(FLOOR).ln()).exp()).collect();
    renormalised(means).unwrap_or_default()
}

/// The entropy of a distribution, in nats (Shannon, 1948).
pub fn entropy(distribution: &[f64]) -> f64 {
    distribution.iter().copied().map(surprise).sum()
}

/// What a probability adds to the entropy.
fn surprise(probability: f64) -> f64 {
    if probability > 0.0 { -probability * probability.ln() } else { 0.0 }
}

/// How a crowd is of several minds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How far its members differ from one another, 0 to 1: the entropy of the mean less the mean of entropies
    /// (generalised Jensen-Shannon divergence; Lin, 1991), by the most it could be.
    pub disagreement: f64,
    /// How unsure they are each by themselves, 0 to 1: the mean of entropies, by the most it could be.
    pub shared_doubt: f64,
}

/// How far people disagree, and how far they merely doubt. The two sum to the entropy of the mean by the most it could be.
#[expect(clippy::cast_precision_loss, reason = "a topic has few scenarios")]
pub fn spread(scenarios: &[Tally]) -> Spread {
    let most = (scenarios.len().max(2) as f64).ln();
    // The entropy of a person is a sum over scenarios, so its mean over people can be had from the tables.
    let within: f64 = scenarios.iter().map(|scenario| scenario.mean_of(surprise)).sum();
    let whole = entropy(&mean(scenarios));
    Spread { disagreement: ((whole - within) / most).max(0.0), shared_doubt: within / most }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::percent;
    use super::*;

    /// Five people over five scenarios.
    pub(crate) fn crowd() -> Vec<Tally> {
        let people = [
            percent([60, 5, 20, 10, 5]),
            percent([30, 30, 20, 10, 10]),
            percent([10, 0, 70, 15, 5]),
            percent([45, 10, 15, 25, 5]),
            percent([5, 80, 5, 5, 5]),
        ];
        tallies(&people)
    }

    pub(crate) fn tallies<const N: usize>(people: &[[BasisPoints; N]]) -> Vec<Tally> {
        let mut scenarios = vec![Tally::default(); N];
        for person in people {
            for (scenario, credence) in scenarios.iter_mut().zip(person) {
                scenario.add(*credence);
            }
        }
        scenarios
    }

    #[track_caller]
    pub(crate) fn close(got: &[f64], expected: &[f64]) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 0.000_000_6, "{got} is not {expected}");
        }
    }

    #[test]
    fn pools_of_a_small_crowd() {
        let crowd = crowd();
        close(&mean(&crowd), &[0.3, 0.25, 0.26, 0.13, 0.06]);
        close(&median(&crowd), &[0.4, 0.133_333, 0.266_667, 0.133_333, 0.066_667]);
        close(&geometric(&crowd), &[0.313_828, 0.155_252, 0.275_198, 0.169_747, 0.085_976]);
    }

    #[test]
    fn disagreement_and_doubt_of_a_small_crowd() {
        let crowd = crowd();
        let Spread { disagreement, shared_doubt } = spread(&crowd);
        let five = 5_f64.ln();
        close(
            &[entropy(&mean(&crowd)), shared_doubt * five, disagreement],
            &[1.492_038, 1.145_093, 0.215_569],
        );
        // Each is sure, but of different things; and all are unsure of the same.
        let torn = spread(&tallies(&[percent([100, 0]), percent([0, 100])]));
        close(&[torn.disagreement, torn.shared_doubt], &[1.0, 0.0]);
        let unsure = spread(&tallies(&[percent([50, 50]), percent([50, 50])]));
        close(&[unsure.disagreement, unsure.shared_doubt], &[0.0, 1.0]);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let mut scenario = Tally::default();
        for credence in percent([10, 20, 40, 90]) {
            scenario.add(credence);
        }
        close(
            &[0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0].map(|share| scenario.quantile(share)),
            &[0.1, 0.13, 0.175, 0.3, 0.525, 0.75, 0.9],
        );
        assert_eq!(scenario.histogram(), [0, 1, 1, 0, 1, 0, 0, 0, 0, 1]);
        scenario.add_many(percent([100])[0], 1000);
        close(&[scenario.quantile(0.5)], &[1.0]);
        assert_eq!((scenario.len(), scenario.histogram()[9]), (1004, 1001));
    }

    #[test]
    fn a_pool_of_medians_that_are_all_nothing_is_the_mean() {
        let scenarios = tallies(&[percent([100, 0, 0]), percent([0, 100, 0]), percent([0, 0, 100])]);
        close(&median(&scenarios), &[1.0 / 3.0; 3]);
        close(&median(&[]), &[]);
        close(&geometric(&vec![Tally::default(); 2]), &[0.5, 0.5]);
    }
}
