//! What people expect of one another: each predicts how many will hold which scenario likeliest.
//!
//! That more people hold a view than was expected says something about the crowd. It is no signal about a fact: nothing
//! settles a counterfactual, and nobody is paid or ranked by what is computed here.

use super::pool::rounded;

/// What those who hold one scenario likeliest predict, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Predictions {
    /// How many they are.
    pub people: i64,
    /// The basis points that they predict for each scenario.
    pub sums: Vec<i64>,
    /// The squares of these.
    pub squares: Vec<i64>,
}

/// How many more hold a scenario likeliest than people predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surprise {
    /// The share of people who hold it likeliest, 0 to 1.
    pub share: f64,
    /// The mean of the shares predicted for it, 0 to 1.
    pub predicted: f64,
    /// The standard error of the difference; none for fewer than two people.
    pub standard_error: Option<f64>,
}

/// Below so many people nothing is said of what surprises.
pub const FEWEST: i64 = 20;

/// All of something, in basis points.
const ALL: f64 = 10_000.0;

impl Surprise {
    /// The share that holds it likeliest, less what was predicted.
    pub fn excess(&self) -> f64 {
        rounded(self.share - self.predicted)
    }

    /// Whether it is worth saying among so many people: more than two standard errors above nothing.
    pub fn is_notable(&self, people: i64) -> bool {
        people >= FEWEST && self.standard_error.is_some_and(|error| self.excess() > 2.0 * error)
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 people")]
fn number(count: i64) -> f64 {
    count as f64
}

/// How many people predicted.
pub fn people(by_favourite: &[Predictions]) -> i64 {
    by_favourite.iter().map(|predictions| predictions.people).sum()
}

/// How surprisingly popular each scenario is (Prelec and others, 2017). What is given is by the scenario that people
/// hold likeliest, in the order of the scenarios.
pub fn surprisingly_popular(by_favourite: &[Predictions]) -> Vec<Surprise> {
    let size = number(people(by_favourite).max(1));
    let surprise = |(scenario, own): (usize, &Predictions)| {
        let total = |values: fn(&Predictions) -> &Vec<i64>| {
            number(by_favourite.iter().filter_map(|predictions| values(predictions).get(scenario)).sum())
        };
        let share = number(own.people) / size;
        let predicted = total(|predictions| &predictions.sums) / ALL / size;
        // The sum of the squares of 1 less the prediction for those who hold it likeliest, and of the prediction for
        // the others.
        let own_predicted = own.sums.get(scenario).copied().unwrap_or_default();
        let squares = total(|predictions| &predictions.squares) / (ALL * ALL)
            - 2.0 * number(own_predicted) / ALL
            + number(own.people);
        let deviations = (squares - size * (share - predicted).powi(2)).max(0.0);
        let standard_error = (size > 1.0).then(|| (deviations / (size - 1.0) / size).sqrt());
        Surprise { share, predicted, standard_error }
    };
    by_favourite.iter().enumerate().map(surprise).collect()
}

/// The prediction-normalised votes for each scenario: the share that holds it likeliest, times the sum over scenarios of
/// what these people predict for the other by what the others' people predict for it (Prelec and others, 2017, for more
/// than two answers). None where somebody's prediction of nothing would divide.
pub fn normalised_votes(by_favourite: &[Predictions]) -> Option<Vec<f64>> {
    let size = number(people(by_favourite).max(1));
    let mean = |of: usize, by: usize| {
        let predictions = by_favourite.get(by).filter(|predictions| predictions.people > 0)?;
        Some(number(*predictions.sums.get(of)?) / number(predictions.people))
    };
    let votes = |(scenario, own): (usize, &Predictions)| {
        let ratios = (0..by_favourite.len()).map(|other| {
            let (forth, back) = (mean(other, scenario)?, mean(scenario, other)?);
            (back > 0.0).then_some(forth / back)
        });
        Some(number(own.people) / size * ratios.sum::<Option<f64>>()?)
    };
    by_favourite.iter().enumerate().map(votes).collect()
}

#[cfg(test)]
mod tests {
    use super::super::pool::tests::close;
    use super::*;

    fn all_predict(people: i64, bp: &[i64]) -> Predictions {
        Predictions {
            people,
            sums: bp.iter().map(|bp| people * bp).collect(),
            squares: bp.iter().map(|bp| people * bp * bp).collect(),
        }
    }

    fn ten_people() -> [Predictions; 3] {
        [
            all_predict(5, &[7000, 2000, 1000]),
            all_predict(3, &[6000, 3000, 1000]),
            all_predict(2, &[5000, 2500, 2500]),
        ]
    }

    #[test]
    fn what_more_people_hold_than_was_expected() {
        let found = surprisingly_popular(&ten_people());
        close(&found.iter().map(|surprise| surprise.predicted).collect::<Vec<_>>(), &[0.63, 0.24, 0.13]);
        close(&found.iter().map(Surprise::excess).collect::<Vec<_>>(), &[-0.13, 0.06, 0.07]);
        close(&normalised_votes(&ten_people()).unwrap(), &[0.766_667, 1.32, 1.7]);
    }

    #[test]
    fn the_standard_error_is_that_of_the_differences() {
        let predictions = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.5, 0.25, 0.25]];
        let favourites = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2];
        for (scenario, surprise) in surprisingly_popular(&ten_people()).iter().enumerate() {
            let difference = |favourite: &usize| {
                f64::from(u8::from(*favourite == scenario)) - predictions[*favourite][scenario]
            };
            let mean = favourites.iter().map(difference).sum::<f64>() / 10.0;
            let squares: f64 =
                favourites.iter().map(|favourite| (difference(favourite) - mean).powi(2)).sum();
            close(&[surprise.standard_error.unwrap()], &[(squares / 9.0 / 10.0).sqrt()]);
        }
    }

    #[test]
    fn little_is_said_of_few_and_of_nobody() {
        let nobody = vec![Predictions { people: 0, sums: vec![0; 2], squares: vec![0; 2] }; 2];
        let nothing = Surprise { share: 0.0, predicted: 0.0, standard_error: None };
        assert_eq!(surprisingly_popular(&nobody), [nothing; 2]);
        assert_eq!(normalised_votes(&nobody), None);
        let sure = Surprise { share: 0.5, predicted: 0.3, standard_error: Some(0.05) };
        assert!(sure.is_notable(20) && !sure.is_notable(19));
        assert!(!Surprise { share: 0.4, ..sure }.is_notable(1000));
        // Nobody who holds the second likeliest thought that anybody would hold the first so.
        let people = [all_predict(1, &[5000, 5000]), all_predict(1, &[0, 10_000])];
        assert_eq!(normalised_votes(&people), None);
    }
}
