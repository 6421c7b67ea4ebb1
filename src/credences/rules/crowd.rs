//! What a crowd thinks of a question, all of it together: what is kept, and shown.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::pool::{self, Tally, rounded};
use super::popular::{self, Predictions};
use crate::historic_date::HistoricDate;
use crate::ids::ScenarioId;
use crate::scenarios::rules::OutcomeVsActual;

/// What is counted of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Which scenario.
    pub scenario_id: ScenarioId,
    /// The outcome in it, set beside the actual one.
    pub outcome: OutcomeVsActual,
    /// Whether the outcome in question occurs in it; none where another one does, or nobody has said.
    pub occurs: Option<bool>,
    /// How many people gave it how much.
    pub tally: Tally,
    /// How many people hold it, and no other, likeliest.
    pub favourite_of: u64,
    /// What these people predict of the others.
    pub predictions: Predictions,
}

/// What a crowd thinks. Shares and credences are numbers from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// How many people's vectors are pooled, each person's last one.
    pub people: u64,
    /// In the order of the topic.
    pub scenarios: Vec<ScenarioSummary>,
    /// How far people differ from one another, 0 to 1 (generalised Jensen-Shannon divergence; Lin, 1991): high where
    /// each is sure, but of different things.
    pub disagreement: f64,
    /// How unsure they are each by themselves, 0 to 1: high where all are unsure.
    pub shared_doubt: f64,
    /// How many people hold several scenarios likeliest.
    pub several_favourites: u64,
    /// The headline pool by what the counterfactual world does.
    pub by_outcome: Vec<OutcomeShare>,
    /// How likely history returns to its course: the headline pool of the scenarios where the outcome comes at the
    /// actual time, or later (Lebow, 2010; Levy, 2008).
    pub reversion: f64,
    /// What the event added (adequate causation; Weber, 1906, after von Kries): how likely the outcome was given the event,
    /// less the headline pool of the scenarios in which it comes without. Null where too few said.
    pub adequacy: Option<f64>,
    /// How many people predicted what the others hold likeliest.
    pub predicted_by: i64,
    /// What people say besides. Empty for a moment of the past, since of this only the last is kept.
    #[serde(flatten)]
    pub further: Further,
}

/// What a crowd says besides its vectors. Whatever fewer than five people say is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Further {
    /// How the chains of scenarios hold, where every step has a figure.
    pub chains: Vec<CrowdChain>,
    /// When the actual outcome became near certain.
    pub inevitability: Option<CrowdInevitability>,
    /// What people believe as of the checkpoints, and of the horizon.
    pub checkpoints: Vec<CrowdCheckpoint>,
    /// How likely the outcome was given the event, judged as of the day before.
    pub given_event: Option<MedianOf>,
}

/// What a crowd makes of the chain that leads to a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CrowdChain {
    /// Where it leads.
    pub scenario_id: ScenarioId,
    /// In order.
    pub steps: Vec<CrowdStep>,
    /// The product of the medians: what the chain implies.
    pub implied: f64,
    /// The number of the least likely step.
    pub weakest_step: i16,
}

/// What a crowd makes of a step, given those before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CrowdStep {
    /// Its number.
    pub step_no: i16,
    /// How many people said.
    pub people: i64,
    /// The median of what they said.
    pub median: f64,
}

/// When a crowd takes the actual outcome to have become near certain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CrowdInevitability {
    /// How many people said.
    pub people: i64,
    /// How many of them said never.
    pub never: i64,
    /// The median, the earlier of two in the middle; null where it is never.
    pub median: Option<HistoricDate>,
}

/// What a crowd believes as of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CrowdCheckpoint {
    /// Which, from 1; 0 is the horizon.
    pub position: i16,
    /// That the outcome has occurred by then, given the antecedent.
    pub occurred_by: Option<MedianOf>,
    /// That history as it stood then would end as it did.
    pub actual: Option<MedianOf>,
    /// That it would end otherwise.
    pub alternatives: Option<MedianOf>,
    /// The mean of what those give together who said both: what is above 1 is contingency inflated (Tetlock and Lebow,
    /// 2001).
    pub both: Option<f64>,
}

/// A median and how many people it is of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MedianOf {
    /// How many people said.
    pub people: i64,
    /// The median of what they said.
    pub median: f64,
}

/// What a crowd thinks of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScenarioSummary {
    /// Which.
    pub scenario_id: ScenarioId,
    /// The headline pool: the medians, renormalised.
    pub median: f64,
    /// The geometric pool, with the floor that is named beside it.
    pub geometric: f64,
    /// The mean.
    pub mean: f64,
    /// How people's credences lie.
    pub quantiles: Quantiles,
    /// How many people are in each tenth of the scale, certainty in the last one.
    pub histogram: [u64; 10],
    /// How many people hold it, and no other, likeliest.
    pub favourite_of: u64,
    /// Whether more people hold it likeliest than was predicted, and by how much; null where fewer than 20 predicted.
    /// It says something of the crowd, and nothing of what would have happened.
    pub than_predicted: Option<ThanPredicted>,
}

/// How credences lie: the line between two people where a quantile falls between them (Hyndman and Fan, 1996, type 7).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quantiles {
    /// A tenth of people give less.
    pub p10: f64,
    /// A quarter gives less.
    pub p25: f64,
    /// Half give less: the median as it is, before it is renormalised.
    pub p50: f64,
    /// A quarter gives more.
    pub p75: f64,
    /// A tenth of people give more.
    pub p90: f64,
}

/// How much of the headline pool is in scenarios of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OutcomeShare {
    /// The outcome, set beside the actual one.
    pub outcome_vs_actual: OutcomeVsActual,
    /// What such scenarios say of the real event; null for the residual.
    pub causal_reading: Option<String>,
    /// How much.
    pub share: f64,
}

/// How many hold a scenario likeliest beside how many were predicted to (Prelec and others, 2017).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThanPredicted {
    /// The share of those who predicted that holds it likeliest.
    pub share: f64,
    /// The mean of the shares they predicted.
    pub predicted: f64,
    /// The one less the other.
    pub excess: f64,
    /// The standard error of that.
    pub standard_error: f64,
    /// Whether it is more than two standard errors above nothing.
    pub more_than_predicted: bool,
}

impl Summary {
    /// Puts together what was counted; none of fewer than [`pool::FEWEST`] people.
    pub fn of(counted: &[Counted], people: u64, further: Further) -> Option<Self> {
        if people < pool::FEWEST {
            return None;
        }
        let tallies: Vec<Tally> = counted.iter().map(|counted| counted.tally.clone()).collect();
        let (median, geometric, mean) =
            (pool::median(&tallies), pool::geometric(&tallies), pool::mean(&tallies));
        let spread = pool::spread(&tallies);
        let predictions: Vec<Predictions> =
            counted.iter().map(|counted| counted.predictions.clone()).collect();
        let predicted_by = popular::people(&predictions);
        let than_predicted = than_predicted(&predictions);
        let at = |values: &[f64], place: usize| rounded(values.get(place).copied().unwrap_or_default());
        let scenario = |(place, counted): (usize, &Counted)| ScenarioSummary {
            scenario_id: counted.scenario_id,
            median: at(&median, place),
            geometric: at(&geometric, place),
            mean: at(&mean, place),
            quantiles: Quantiles::of(&counted.tally),
            histogram: counted.tally.histogram(),
            favourite_of: counted.favourite_of,
            than_predicted: than_predicted.as_ref().and_then(|all| all.get(place).copied()),
        };
        let share_of = |wanted: &[OutcomeVsActual]| {
            let shares = counted.iter().zip(&median).filter(|(counted, _)| wanted.contains(&counted.outcome));
            rounded(shares.map(|(_, share)| share).sum())
        };
        let mut outcomes = Vec::new();
        for Counted { outcome, .. } in counted {
            if !outcomes.contains(outcome) {
                outcomes.push(*outcome);
            }
        }
        let comes = |(counted, _): &(&Counted, &f64)| counted.occurs == Some(true);
        let without_event: f64 = counted.iter().zip(&median).filter(comes).map(|(_, share)| share).sum();
        let favourites: u64 = counted.iter().map(|counted| counted.favourite_of).sum();
        Some(Self {
            people,
            scenarios: counted.iter().enumerate().map(scenario).collect(),
            disagreement: rounded(spread.disagreement),
            shared_doubt: rounded(spread.shared_doubt),
            several_favourites: people.saturating_sub(favourites),
            by_outcome: outcomes
                .into_iter()
                .map(|outcome| OutcomeShare {
                    outcome_vs_actual: outcome,
                    causal_reading: outcome.causal_reading().map(str::to_owned),
                    share: share_of(&[outcome]),
                })
                .collect(),
            reversion: share_of(&[OutcomeVsActual::Same, OutcomeVsActual::Later]),
            adequacy: further.given_event.map(|given| rounded(given.median - without_event)),
            predicted_by,
            further,
        })
    }
}

/// What surprises, once enough people predicted.
fn than_predicted(predictions: &[Predictions]) -> Option<Vec<ThanPredicted>> {
    let people = popular::people(predictions);
    if people < popular::FEWEST {
        return None;
    }
    let shown = |surprise: &popular::Surprise| ThanPredicted {
        share: rounded(surprise.share),
        predicted: rounded(surprise.predicted),
        excess: surprise.excess(),
        standard_error: rounded(surprise.standard_error.unwrap_or_default()),
        more_than_predicted: surprise.is_notable(people),
    };
    Some(popular::surprisingly_popular(predictions).iter().map(shown).collect())
}

impl Quantiles {
    fn of(tally: &Tally) -> Self {
        let at = |share| rounded(tally.quantile(share));
        Self { p10: at(0.1), p25: at(0.25), p50: at(0.5), p75: at(0.75), p90: at(0.9) }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::pool::tests::{close, crowd};
    use super::*;

    #[test]
    fn a_summary_is_what_the_pools_say() {
        use OutcomeVsActual::{Absent, Later, Same, Unspecified};
        let outcomes = [Later, Same, Absent, Absent, Unspecified];
        let counted: Vec<_> = (1..)
            .zip(outcomes)
            .zip(crowd())
            .map(|((number, outcome), tally)| Counted {
                scenario_id: ScenarioId(Uuid::from_u128(number)),
                outcome,
                occurs: outcome.occurs(true),
                tally,
                favourite_of: u64::from(number == 1),
                predictions: Predictions::default(),
            })
            .collect();
        assert_eq!(Summary::of(&counted, 4, Further::default()), None);
        let summary = Summary::of(&counted, 5, Further::default()).unwrap();
        close(
            &summary.scenarios.iter().map(|scenario| scenario.median).collect::<Vec<_>>(),
            &[0.4, 0.133_333, 0.266_667, 0.133_333, 0.066_667],
        );
        let by_outcome: Vec<_> =
            summary.by_outcome.iter().map(|share| (share.outcome_vs_actual, share.share)).collect();
        assert_eq!(by_outcome, [(Later, 0.4), (Same, 0.133_333), (Absent, 0.4), (Unspecified, 0.066_667)]);
        let first = &summary.scenarios[0];
        close(&[summary.reversion, summary.disagreement, first.quantiles.p50], &[0.533_333, 0.215_569, 0.3]);
        assert_eq!((summary.several_favourites, summary.predicted_by), (4, 0));
        assert_eq!(first.than_predicted, None);
    }
}
