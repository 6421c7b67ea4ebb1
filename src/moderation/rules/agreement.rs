//! Whether people who decide the same thing decide it alike: Krippendorff's alpha for nominal data (K. Krippendorff, Content
//! Analysis, 2nd ed. 2004, chapter 11), and of what it is computed.

use std::collections::{BTreeMap, HashSet};

use super::appeal::AppealOutcome;
use super::{CaseEventKind, CaseOutcome};
use crate::ids::{AccountId, CaseId};

/// What somebody found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A rule was broken.
    Broken,
    /// None was, or there was nothing to it.
    NotBroken,
}

/// Something in the history of a case that says what somebody found, or that it is about something else from then on.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Which case.
    pub case_id: CaseId,
    /// What happened: it was resolved, opened again, or an appeal was decided.
    pub kind: CaseEventKind,
    /// Who did it; nobody where the server did, or their account was erased.
    pub by: Option<AccountId>,
    /// What came of the case, where it was resolved.
    pub resolution: Option<CaseOutcome>,
    /// What came of the appeal, where one was decided.
    pub outcome: Option<AppealOutcome>,
    /// Whether that appeal was against something that was done, and not against nothing having been done.
    pub against_action: bool,
    /// Whether somebody had it decided anew as it was; else a report brought something new.
    pub by_hand: bool,
}

impl Step {
    /// What it says was found, after what was found last.
    fn finding(self, last: Option<Finding>) -> Option<Finding> {
        match (self.kind, self.resolution, self.outcome) {
            (CaseEventKind::Resolved, Some(CaseOutcome::Upheld), _)
            | (CaseEventKind::AppealDecided, _, Some(AppealOutcome::Modified)) => Some(Finding::Broken),
            (CaseEventKind::Resolved, Some(CaseOutcome::Rejected | CaseOutcome::Ignored), _) => {
                Some(Finding::NotBroken)
            }
            (CaseEventKind::AppealDecided, _, Some(AppealOutcome::Upheld)) => last,
            (CaseEventKind::AppealDecided, _, Some(AppealOutcome::Overturned)) => {
                Some(if self.against_action { Finding::NotBroken } else { Finding::Broken })
            }
            _ => None,
        }
    }
}

/// What different people found of the same thing, in lists, from the histories of cases, each in its order. Of one person
/// counts what they found first. A case that a report of something new opened again is another thing from then on.
pub fn findings(history: &[Step]) -> Vec<Vec<Finding>> {
    let mut found = Vec::new();
    for steps in history.chunk_by(|a, b| a.case_id == b.case_id) {
        let (mut unit, mut asked, mut last) = (Vec::new(), HashSet::new(), None);
        for step in steps {
            if step.kind == CaseEventKind::Reopened && !step.by_hand {
                found.push(std::mem::take(&mut unit));
                asked.clear();
                last = None;
            }
            let Some(finding) = step.finding(last) else { continue };
            last = Some(finding);
            if step.by.is_some_and(|by| asked.insert(by)) {
                unit.push(finding);
            }
        }
        found.push(unit);
    }
    found
}

/// How far people agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// 1 where they always do, 0 where they do as often as by chance, less where they do more seldom; none where everybody
    /// found the same every time, or nobody was asked besides another.
    pub alpha: Option<f64>,
    /// Of a hundred pairs of people who were asked of the same thing, how many found the same; none where there are none.
    pub percent: Option<f64>,
    /// Things of which two people or more were asked.
    pub units: usize,
    /// Pairs of people who were asked of the same thing.
    pub pairs: usize,
}

/// How far people agree, by what they found, in a list for each thing that they were asked of. Values have no order and no
/// distance: two are the same, or they are not.
///
/// A thing of which `m` people were asked brings each of its ordered pairs with the weight 1/(m - 1), so that each answer
/// weighs the same; where only one was, it brings nothing. With `n` answers in all, `n_c` of them `c`, and `o_cc` the pairs
/// in which both are `c`: `alpha = ((n - 1) Σ o_cc - Σ n_c (n_c - 1)) / (n (n - 1) - Σ n_c (n_c - 1))`.
#[expect(clippy::cast_precision_loss, reason = "decisions are fewer than 2^53")]
pub fn agreement<T: Ord + Copy>(units: &[Vec<T>]) -> Agreement {
    let (mut answers, mut totals) = (0_usize, BTreeMap::<T, usize>::new());
    let (mut alike, mut same, mut pairs, mut compared) = (0.0, 0, 0, 0);
    for unit in units.iter().filter(|unit| unit.len() > 1) {
        let mut counts = BTreeMap::<T, usize>::new();
        for value in unit {
            *counts.entry(*value).or_default() += 1;
            *totals.entry(*value).or_default() += 1;
        }
        let ordered: usize = counts.values().map(|count| count * (count - 1)).sum();
        alike += ordered as f64 / (unit.len() - 1) as f64;
        same += ordered / 2;
        pairs += unit.len() * (unit.len() - 1) / 2;
        answers += unit.len();
        compared += 1;
    }
    let by_chance: usize = totals.values().map(|count| count * (count - 1)).sum();
    let every = answers * answers.saturating_sub(1);
    let alpha = ((answers.saturating_sub(1)) as f64 * alike - by_chance as f64) / (every - by_chance) as f64;
    Agreement {
        alpha: (every > by_chance).then_some(alpha),
        percent: (pairs > 0).then(|| 100.0 * same as f64 / pairs as f64),
        units: compared,
        pairs,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// What several people say of the same things, each in a line; `.` where they said nothing.
    fn units(people: &[&str]) -> Vec<Vec<char>> {
        let said = |i: usize| people.iter().filter_map(move |line| line.chars().nth(i)).filter(|c| *c != '.');
        (0..people[0].len()).map(|i| said(i).collect()).collect()
    }

    fn alpha(people: &[&str]) -> Option<f64> {
        agreement(&units(people)).alpha.map(|alpha| (alpha * 1000.0).round() / 1000.0)
    }

    #[test]
    fn it_is_what_the_textbook_computes() {
        // Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011): the examples A, B and C.
        assert_eq!(alpha(&["0100000010", "1110010000"]), Some(0.095));
        assert_eq!(alpha(&["aabbdcccedda", "babbbccceddd"]), Some(0.692));
        assert_eq!(alpha(&["123321412...", "1233224125.3", ".3332342251.", "12332441251."]), Some(0.743));
        let third = agreement(&units(&["123321412...", "1233224125.3", ".3332342251.", "12332441251."]));
        assert_eq!((third.units, third.pairs), (11, 55), "the twelfth was seen by one person alone");
    }

    #[test]
    fn it_is_one_where_all_agree_and_about_nothing_by_chance() {
        assert_eq!(alpha(&["0110", "0110", "0110"]), Some(1.0));
        // Each of the four ways in which two can answer, as often: what one says tells nothing of the other.
        let by_chance = agreement(&units(&[&"0011".repeat(250), &"0101".repeat(250)]));
        assert!(by_chance.alpha.unwrap().abs() < 0.001, "{by_chance:?}");
        assert_eq!((by_chance.percent, by_chance.pairs), (Some(50.0), 1000));
        assert!(alpha(&["0101", "1010"]).unwrap() < -0.5);
    }

    #[test]
    fn it_is_nothing_where_there_is_nothing_to_tell_apart() {
        for nothing in [vec![], vec![vec![]], vec![vec!['a'], vec!['b']]] {
            let found = agreement(&nothing);
            assert_eq!(found, Agreement { alpha: None, percent: None, units: 0, pairs: 0 });
        }
        let same = agreement(&units(&["aaa", "aaa"]));
        assert_eq!(same, Agreement { alpha: None, percent: Some(100.0), units: 3, pairs: 3 });
    }

    fn step(case: u128, by: Option<u128>, kind: CaseEventKind) -> Step {
        Step {
            case_id: CaseId(Uuid::from_u128(case)),
            kind,
            by: by.map(|id| AccountId(Uuid::from_u128(id))),
            resolution: None,
            outcome: None,
            against_action: true,
            by_hand: false,
        }
    }

    fn resolved(case: u128, by: u128, resolution: CaseOutcome) -> Step {
        Step { resolution: Some(resolution), ..step(case, Some(by), CaseEventKind::Resolved) }
    }

    fn appeal(case: u128, by: u128, outcome: AppealOutcome) -> Step {
        Step { outcome: Some(outcome), ..step(case, Some(by), CaseEventKind::AppealDecided) }
    }

    fn reopened(by_hand: bool) -> Step {
        Step { by_hand, ..step(1, Some(9), CaseEventKind::Reopened) }
    }

    #[test]
    fn what_people_found_is_read_off_the_history_of_cases() {
        use Finding::{Broken, NotBroken};
        let upheld = resolved(1, 1, CaseOutcome::Upheld);
        // Somebody else decides the appeal, and finds the same, the opposite, or that something else was right.
        assert_eq!(findings(&[upheld, appeal(1, 2, AppealOutcome::Upheld)]), [[Broken, Broken]]);
        assert_eq!(findings(&[upheld, appeal(1, 2, AppealOutcome::Overturned)]), [[Broken, NotBroken]]);
        assert_eq!(findings(&[upheld, appeal(1, 2, AppealOutcome::Modified)]), [[Broken, Broken]]);
        let about_a_report = Step { against_action: false, ..appeal(1, 2, AppealOutcome::Overturned) };
        let ignored = resolved(1, 1, CaseOutcome::Ignored);
        assert_eq!(findings(&[ignored, about_a_report]), [[NotBroken, Broken]]);
        // Decided anew by somebody else; of one person counts what they found first.
        let rejected = resolved(1, 2, CaseOutcome::Rejected);
        assert_eq!(findings(&[upheld, reopened(true), rejected]), [[Broken, NotBroken]]);
        let again = resolved(1, 1, CaseOutcome::Rejected);
        assert_eq!(findings(&[upheld, reopened(true), again]), [[Broken]]);
        // A report of something new makes it another thing.
        assert_eq!(findings(&[upheld, reopened(false), rejected]), [[Broken], [NotBroken]]);
        // Who found it is not known, or nothing was found.
        let erased = Step { by: None, ..rejected };
        assert_eq!(findings(&[upheld, erased, resolved(1, 3, CaseOutcome::Moot)]), [[Broken]]);
        assert_eq!(
            findings(&[erased, appeal(1, 2, AppealOutcome::Upheld)]),
            [[NotBroken]],
            "what nobody is known for is still what was held to be right"
        );
        // Cases are told apart.
        assert_eq!(findings(&[upheld, resolved(2, 2, CaseOutcome::Upheld)]), [[Broken], [Broken]]);
        assert_eq!(findings(&[]), Vec::<Vec<Finding>>::new());
    }
}
