//! What people expect of one another: each names the scenario they hold likeliest and predicts how many will name which.
//!
//! That more people hold a view than was expected says something about the crowd. It is no signal about a fact: nothing
//! settles a counterfactual, and nobody is paid or ranked by what is computed here.

/// Somebody's choice, by its place among the scenarios, and the shares of people they predict for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Ballot<'a> {
    /// The scenario they hold likeliest.
    pub choice: usize,
    /// The share of people who will choose each scenario, as they predict; they sum to 1.
    pub predicted: &'a [f64],
}

/// How many more choose a scenario than people predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surprise {
    /// The share that chooses it, less the mean of the shares predicted for it.
    pub excess: f64,
    /// The standard error of that; none for fewer than two people.
    pub standard_error: Option<f64>,
}

/// Below so many people nothing is said of what surprises.
pub const FEWEST: usize = 20;

impl Surprise {
    /// Whether it is worth saying among so many people: more than two standard errors above nothing.
    pub fn is_notable(&self, people: usize) -> bool {
        people >= FEWEST && self.standard_error.is_some_and(|error| self.excess > 2.0 * error)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 people")]
fn size(people: &[Ballot<'_>]) -> f64 {
    people.len() as f64
}

fn chosen(ballot: &Ballot<'_>, scenario: usize) -> f64 {
    if ballot.choice == scenario { 1.0 } else { 0.0 }
}

fn predicted(ballot: &Ballot<'_>, scenario: usize) -> f64 {
    ballot.predicted.get(scenario).copied().unwrap_or(0.0)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 people")]
    let number = values.len().max(1) as f64;
    values.sum::<f64>() / number
}

/// How surprisingly popular each scenario is, of so many (Prelec and others, 2017).
pub fn surprisingly_popular(people: &[Ballot<'_>], scenarios: usize) -> Vec<Surprise> {
    let surprise = |scenario| {
        let excess = |ballot: &Ballot<'_>| chosen(ballot, scenario) - predicted(ballot, scenario);
        let mean = mean(people.iter().map(excess));
        let squares: f64 = people.iter().map(|ballot| (excess(ballot) - mean).powi(2)).sum();
        let standard_error =
            (people.len() > 1).then(|| (squares / (size(people) - 1.0) / size(people)).sqrt());
        Surprise { excess: mean, standard_error }
    };
    (0..scenarios).map(surprise).collect()
}

/// The prediction-normalised votes for each scenario: the share that chooses it, times the sum over scenarios of what
/// its choosers predict for the other by what the choosers of that one predict for it (Prelec and others, 2017, for more than
/// two answers). None where somebody's prediction of nothing would divide.
pub fn normalised_votes(people: &[Ballot<'_>], scenarios: usize) -> Option<Vec<f64>> {
    let by_choosers = |of: usize, by: usize| {
        let choosers: Vec<_> = people.iter().filter(|ballot| ballot.choice == by).collect();
        (!choosers.is_empty()).then(|| mean(choosers.iter().map(|ballot| predicted(ballot, of))))
    };
    let votes = |scenario| {
        let share = mean(people.iter().map(|ballot| chosen(ballot, scenario)));
        let ratios = (0..scenarios).map(|other| {
            let (forth, back) = (by_choosers(other, scenario)?, by_choosers(scenario, other)?);
            (back > 0.0).then_some(forth / back)
        });
        Some(share * ratios.sum::<Option<f64>>()?)
    };
    (0..scenarios).map(votes).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pool::tests::close;
    use super::*;

    const PREDICTED: [[f64; 3]; 3] = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.25, 0.25]];

    fn ten_people() -> Vec<Ballot<'static>> {
        [0, 0, 0, 0, 0, 1, 1, 1, 2, 2].map(|choice| Ballot { choice, predicted: &PREDICTED[choice] }).to_vec()
    }

    #[test]
    fn what_more_people_hold_than_was_expected() {
        let found = surprisingly_popular(&ten_people(), 3);
        close(&found.iter().map(|surprise| surprise.excess).collect::<Vec<_>>(), &[-0.13, 0.06, 0.07]);
        close(&normalised_votes(&ten_people(), 3).unwrap(), &[0.766_667, 1.32, 1.7]);
    }

    #[test]
    fn little_is_said_of_few_and_of_nobody() {
        assert_eq!(surprisingly_popular(&[], 2), [Surprise { excess: 0.0, standard_error: None }; 2]);
        assert_eq!(normalised_votes(&[], 2), None);
        let sure = Surprise { excess: 0.2, standard_error: Some(0.05) };
        assert!(sure.is_notable(20) && !sure.is_notable(19));
        assert!(!Surprise { excess: 0.1, ..sure }.is_notable(1000));
        // Nobody who chose the second thought that anybody would choose the first.
        let people =
            [Ballot { choice: 0, predicted: &[0.5, 0.5] }, Ballot { choice: 1, predicted: &[0.0, 1.0] }];
        assert_eq!(normalised_votes(&people, 2), None);
    }
}
