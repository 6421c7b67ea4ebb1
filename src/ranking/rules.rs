//! Formulas that order posts by the votes on their quality.
//!
//! A vote has two axes. Only *quality* (is this a good contribution?) enters here; *agreement* (is it
//! right?) appears in no formula, so that a well-made argument for an unpopular view is not buried.
//! All functions are pure and total: for any counts they give a finite number.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::invalid::Invalid;

/// The standard normal quantile of a one-sided 90 % bound, the one Reddit's ranking made usual.
const Z: f64 = 1.281_551_565_545;

/// Seconds of age that weigh as much as a tenfold net score: 12.5 hours.
const SECONDS_PER_DECADE: f64 = 45_000.0;

/// Lower bound of the Wilson score interval for the share of up-votes (Wilson 1927), in 0 ..= 1.
///
/// One-sided at 90 %. It rises with `up` and falls with `down`; without votes it is 0, so that few
/// votes count for less than many of the same share.
pub fn wilson_lower_bound(up: u32, down: u32) -> f64 {
    // Without up-votes the two terms below cancel only up to rounding.
    if up == 0 {
        return 0.0;
    }
    let n = f64::from(up) + f64::from(down);
    let share = f64::from(up) / n;
    let square = Z * Z;
    let centre = share + square / (2.0 * n);
    let margin = Z * ((share * (1.0 - share) + square / (4.0 * n)) / n).sqrt();
    ((centre - margin) / (1.0 + square / n)).clamp(0.0, 1.0)
}

/// The net score on a logarithmic scale plus the time of creation (Reddit's formula; Salihefendic 2010).
///
/// sign(s)·log₁₀(max(|s|, 1)) + t / 45,000 with s = up − down and t = `created_at` in seconds since the
/// Unix epoch: a post 12.5 hours younger is worth ten times the score. Only differences have a meaning.
/// `created_at` must be finite.
pub fn hot(up: u32, down: u32, created_at: f64) -> f64 {
    let score = top(up, down);
    let magnitude = score.abs().max(1.0).log10();
    // `signum` of 0 is 1, but the logarithm is 0 then.
    score.signum() * magnitude + created_at / SECONDS_PER_DECADE
}

/// How much and how evenly votes are divided (Reddit's formula): (up + down) ^ (min / max), 0 if either is 0.
///
/// It is up + down for an even split and near 1 for a lopsided one.
pub fn controversial(up: u32, down: u32) -> f64 {
    if up == 0 || down == 0 {
        return 0.0;
    }
    let balance = f64::from(up.min(down)) / f64::from(up.max(down));
    (f64::from(up) + f64::from(down)).powf(balance)
}

/// The net score: up − down.
pub fn top(up: u32, down: u32) -> f64 {
    f64::from(up) - f64::from(down)
}

/// In which order posts are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Most surely good first: by the lower bound of the share of up-votes on quality.
    #[default]
    Best,
    /// Highest net score on quality first.
    Top,
    /// Newest first.
    New,
    /// Oldest first.
    Old,
    /// High net scores on quality and recent posts first.
    Hot,
    /// Many and evenly divided votes on quality first.
    Controversial,
}

impl Order {
    /// Every order.
    pub const ALL: [Self; 6] = [Self::Best, Self::Top, Self::New, Self::Old, Self::Hot, Self::Controversial];

    /// The name used in addresses and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Top => "top",
            Self::New => "new",
            Self::Old => "old",
            Self::Hot => "hot",
            Self::Controversial => "controversial",
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Order {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|order| order.as_str() == text).ok_or_else(|| {
            Invalid::new(
                "unknown_value",
                format!("Expected one of {}.", Self::ALL.map(Self::as_str).join(", ")),
            )
        })
    }
}

/// Where a post stands in every order that depends on votes.
///
/// Sort keys, not scores: *ascending* order shows first what should come first, so that every order
/// pages in the same direction. Each is finite and never −0.0. `new` and `old` need the time of
/// creation only and have no key here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Minus [`wilson_lower_bound`]: −1 ..= 0.
    pub best: f64,
    /// Minus the net score.
    pub top: f64,
    /// Minus [`hot`].
    pub hot: f64,
    /// Minus [`controversial`]: at most 0.
    pub controversial: f64,
}

impl Standing {
    /// The standing of a post with these votes on its quality.
    pub fn of(quality_up: u32, quality_down: u32, created_at: DateTime<Utc>) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            reason = "exact until the year 2255, and a microsecond off is no matter"
        )]
        let seconds = created_at.timestamp_micros() as f64 / 1e6;
        Self {
            best: key(wilson_lower_bound(quality_up, quality_down)),
            top: key(top(quality_up, quality_down)),
            hot: key(hot(quality_up, quality_down, seconds)),
            controversial: key(controversial(quality_up, quality_down)),
        }
    }
}

/// The ascending key of a score. Subtracting from 0.0 makes 0.0 of both zeros, which negation would not.
fn key(score: f64) -> f64 {
    0.0 - score
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-6
    }

    #[test]
    fn best_matches_its_test_vectors() {
        for (up, down, expected) in [
            (0, 0, 0.0),
            (1, 0, 0.378_448),
            (5, 0, 0.752_743),
            (10, 1, 0.739_495),
            (40, 20, 0.585_151),
            (100, 40, 0.663_092),
            (0, 5, 0.0),
        ] {
            let bound = wilson_lower_bound(up, down);
            assert!(close(bound, expected), "{up} {down}: {bound}");
        }
    }

    #[test]
    fn controversial_matches_its_test_vectors() {
        for (up, down, expected) in
            [(60, 40, 21.544_347), (10, 10, 20.0), (40, 60, 21.544_347), (0, 9, 0.0), (9, 0, 0.0)]
        {
            let score = controversial(up, down);
            assert!(close(score, expected), "{up} {down}: {score}");
        }
    }

    #[test]
    fn ten_times_the_score_is_worth_half_a_day() {
        assert!(close(hot(100, 0, 0.0), 2.0));
        assert!(close(hot(0, 100, 0.0), -2.0));
        assert!(close(hot(7, 7, 90_000.0), 2.0));
        assert!(close(hot(10, 0, 45_000.0), hot(100, 0, 0.0)));
        assert!(close(hot(1, 0, 0.0), hot(0, 1, 0.0)));
    }

    #[test]
    fn the_order_is_best_unless_said_otherwise() {
        assert_eq!(Order::default(), Order::Best);
        assert_eq!("controversial".parse(), Ok(Order::Controversial));
        assert_eq!("Best".parse::<Order>().unwrap_err().code, "unknown_value");
        for order in Order::ALL {
            assert_eq!(order.to_string().parse(), Ok(order));
            assert_eq!(serde_json::to_value(order).unwrap(), order.as_str());
        }
    }

    #[test]
    fn an_unvoted_post_has_no_negative_zero() {
        let standing = Standing::of(0, 0, DateTime::UNIX_EPOCH);
        for key in [standing.best, standing.top, standing.hot, standing.controversial] {
            assert_eq!(key.to_bits(), 0.0_f64.to_bits());
        }
    }

    #[test]
    fn ascending_keys_show_first_what_comes_first() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let (good, poor) = (Standing::of(40, 2, at(0)), Standing::of(2, 40, at(0)));
        assert!(good.best < poor.best && good.top < poor.top && good.hot < poor.hot);
        assert!(Standing::of(9, 9, at(0)).controversial < good.controversial);
        assert!(Standing::of(1, 0, at(60)).hot < Standing::of(1, 0, at(0)).hot);
    }

    proptest! {
        #[test]
        fn wilson_is_a_share_and_monotone(up in 0..u32::MAX, down in 0..u32::MAX) {
            let bound = wilson_lower_bound(up, down);
            prop_assert!((0.0..=1.0).contains(&bound));
            prop_assert!(wilson_lower_bound(up + 1, down) >= bound - 1e-12);
            prop_assert!(wilson_lower_bound(up, down + 1) <= bound + 1e-12);
            let share = f64::from(up) / (f64::from(up) + f64::from(down)).max(1.0);
            prop_assert!(bound <= share + 1e-12);
        }

        #[test]
        fn wilson_is_strictly_monotone_for_few_votes(up in 1..2000_u32, down in 0..2000_u32) {
            prop_assert!(wilson_lower_bound(up + 1, down) > wilson_lower_bound(up, down));
            prop_assert!(wilson_lower_bound(up, down + 1) < wilson_lower_bound(up, down));
        }

        #[test]
        fn keys_are_ordinary_numbers(up: u32, down: u32, seconds in -62_135_596_800_i64..253_402_300_799) {
            let standing = Standing::of(up, down, DateTime::from_timestamp(seconds, 0).unwrap());
            for key in [standing.best, standing.top, standing.hot, standing.controversial] {
                prop_assert!(key.is_finite());
                prop_assert!(key != 0.0 || key.is_sign_positive());
            }
        }

        #[test]
        fn controversy_does_not_care_which_side(up: u32, down: u32) {
            prop_assert_eq!(controversial(up, down).to_bits(), controversial(down, up).to_bits());
        }
    }
}
