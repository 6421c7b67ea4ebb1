//! When an account has earned a level of trust.

use chrono::TimeDelta;

use crate::config;
use crate::error::Field;

/// The highest level.
pub const HIGHEST: i16 = 3;

/// What a level takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold {
    /// The age of the account in days.
    pub days: u32,
    /// Posts that others found no worse than good: visible, with at least as many votes for their quality as
    /// against it.
    pub accepted: u32,
    /// Posts that others found good: visible, with more votes for their quality than against it.
    pub praised: u32,
}

/// What somebody contributed, as far as it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contributions {
    /// As in [`Threshold::accepted`].
    pub accepted: i64,
    /// As in [`Threshold::praised`].
    pub praised: i64,
}

/// What the levels 1, 2 and 3 take.
pub fn thresholds(settings: &config::Trust) -> [Threshold; 3] {
    [
        Threshold {
            days: settings.level_1_days,
            accepted: settings.level_1_accepted,
            praised: settings.level_1_praised,
        },
        Threshold {
            days: settings.level_2_days,
            accepted: settings.level_2_accepted,
            praised: settings.level_2_praised,
        },
        Threshold {
            days: settings.level_3_days,
            accepted: settings.level_3_accepted,
            praised: settings.level_3_praised,
        },
    ]
}

/// The level of an account of this age with these contributions: as many as it has earned without a gap.
pub fn level(age: TimeDelta, contributions: Contributions, thresholds: &[Threshold; 3]) -> i16 {
    let earned = |threshold: &&Threshold| {
        age >= TimeDelta::days(threshold.days.into())
            && contributions.accepted >= threshold.accepted.into()
            && contributions.praised >= threshold.praised.into()
    };
    thresholds.iter().take_while(earned).zip(1..).map(|(_, level)| level).last().unwrap_or_default()
}

/// What is too much in a post of a newcomer that has so many links and calls so many people.
pub fn check_newcomer(links: usize, mentions: u32, settings: &config::Trust) -> Vec<Field> {
    let links = u32::try_from(links).unwrap_or(u32::MAX);
    let counted = [
        (links, settings.newcomer_links, "too_many_links", "links"),
        (mentions, settings.newcomer_mentions, "too_many_mentions", "people called by `@`"),
    ];
    let too_many = counted.into_iter().filter(|(count, most, ..)| count > most);
    too_many
        .map(|(count, most, code, what)| {
            let detail = format!("A post of a newcomer has {most} {what} at most: these are {count}.");
            Field::new("body", code, detail)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn v5_a_post_of_a_newcomer_has_few_links_and_calls_few_people() {
        let settings = Config::with_overrides("").unwrap().trust;
        let wrong = |links, mentions| {
            let wrong = check_newcomer(links, mentions, &settings);
            wrong.into_iter().map(|field| field.code).collect::<Vec<_>>()
        };
        assert!(wrong(2, 2).is_empty());
        assert_eq!(wrong(3, 2), ["too_many_links"]);
        assert_eq!(wrong(usize::MAX, 3), ["too_many_links", "too_many_mentions"]);
    }

    #[test]
    fn v5_levels_take_time_and_good_posts() {
        let thresholds = thresholds(&Config::with_overrides("").unwrap().trust);
        let of = |days, accepted, praised| {
            level(TimeDelta::days(days), Contributions { accepted, praised }, &thresholds)
        };
        assert_eq!(of(0, 100, 100), 0);
        assert_eq!(of(1000, 0, 0), 0);
        assert_eq!((of(1, 2, 0), of(1, 3, 0)), (0, 1));
        assert_eq!((of(14, 15, 5), of(15, 14, 5), of(15, 15, 4), of(15, 15, 5)), (1, 1, 1, 2));
        assert_eq!((of(59, 60, 30), of(60, 59, 30), of(60, 60, 29), of(60, 60, 30)), (2, 2, 2, 3));
        assert_eq!(level(TimeDelta::hours(23), Contributions { accepted: 9, praised: 9 }, &thresholds), 0);
    }
}
