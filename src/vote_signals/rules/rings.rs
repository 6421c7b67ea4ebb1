//! Accounts that vote as one.
//!
//! Two accounts are linked where one of three holds; rings are what hangs together by such links.
//!
//! 1. *They judge the same*: at least ten posts alike, and those are four fifths of all that either judged (Jaccard ≥ 0.8).
//! 2. *They judge one author the same*: most of what each judges is by one author ([`SignalKind::SingleAuthor`]), and of
//!    that author's posts the above holds. So votes on others' posts, cast to blend in, do not help up to two fifths.
//! 3. *Lockstep*: at least eight posts alike within ten minutes of each other each time, and those are half of the posts
//!    that they judged alike. Votes to blend in do not help at all, since only what they have in common is compared
//!    (Beutel et al. 2013, `CopyCatch`; Cao et al. 2014, `SynchroTrap`).
//!
//! Cost: each vote meets at most 2 · [`REACH`] others on its post and side, its neighbours in time; so a post that
//! everybody votes on costs as much a vote as any other, and the whole is linear in the number of votes. Memory is linear
//! as well: pairs are counted for one account at a time, and only those that come to a link are kept.
//!
//! What is not caught: rings whose votes are apart in time (more than ten minutes, as a rule) and mostly on others' posts
//! (more than about two fifths), for they look as people do who like one author; rings that judge fewer than eight posts
//! together; rings that take turns, so that no two of them meet on many posts; two accounts that meet only on posts with
//! hundreds of votes between theirs. And a circle of people who read one author only, and all of them everything, looks
//! like a ring and is named as one: that is why people look at what is found. Such circles grow with the number of people
//! and rings do not: among 7,000 simulated people and the same rings, 91 % to 96 % of the accounts named were a ring's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::SignalKind;
use super::detect::{Cast, FEWEST_VOTES, Finding, Sorted, Voter, mostly_of_one_origin, share, span, was_new};
use crate::ids::AccountId;

/// How many neighbours in time a vote meets on its post and side, before it and after it.
pub const REACH: usize = 100;

/// Posts judged alike that it takes at least.
const CO_VOTES: usize = 10;

/// How much of what either of two judged they judged alike.
const SAME: f64 = 0.8;

/// Posts judged alike at the same time that it takes at least.
const LOCKSTEP_VOTES: usize = 8;

/// What is the same time, in seconds.
const LOCKSTEP_SECS: i64 = 600;

/// How many accounts make a ring.
const RING: usize = 3;

/// Whoever is linked to fewer of the others of a group was caught up in it by chance.
const LINKED_TO: f64 = 0.2;

/// At most so many authors of a ring are named: those with most of its posts.
const AUTHORS: usize = 20;

/// What two accounts have in common.
#[derive(Debug, Clone, Copy, Default)]
struct Common {
    /// Posts judged alike.
    alike: usize,
    /// Posts judged differently.
    unlike: usize,
    /// Posts judged alike at the same time.
    together: usize,
    /// Posts by the author that both are given to, judged alike and differently.
    of_author: (usize, usize),
}

/// Why two accounts are linked.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Link {
    /// Jaccard of what they judged, or of what they judged by their author.
    same: Option<f64>,
    lockstep: bool,
}

/// An account as the comparison sees it.
struct Side<'a> {
    votes: &'a [Cast],
    /// The author whom it is given to, and how many of its votes.
    given_to: Option<(AccountId, usize)>,
}

fn common(a: &Side<'_>, b: &Side<'_>) -> Common {
    let author = match (a.given_to, b.given_to) {
        (Some((one, _)), Some((other, _))) if one == other => Some(one),
        _ => None,
    };
    let mut common = Common::default();
    let mut theirs = b.votes.iter().peekable();
    for mine in a.votes {
        while theirs.next_if(|cast| cast.post < mine.post).is_some() {}
        let Some(cast) = theirs.next_if(|cast| cast.post == mine.post) else { continue };
        let alike = cast.up == mine.up;
        if Some(mine.author) == author {
            common.of_author.0 += usize::from(alike);
            common.of_author.1 += usize::from(!alike);
        }
        common.alike += usize::from(alike);
        common.unlike += usize::from(!alike);
        common.together += usize::from(alike && (cast.at - mine.at).num_seconds().abs() <= LOCKSTEP_SECS);
    }
    common
}

fn link(a: &Side<'_>, b: &Side<'_>) -> Option<Link> {
    let common = common(a, b);
    let same = |alike: usize, unlike: usize, a: usize, b: usize| {
        let jaccard = share(alike, a + b - alike - unlike);
        (alike >= CO_VOTES && jaccard >= SAME).then_some(jaccard)
    };
    let by_author = a.given_to.zip(b.given_to).and_then(|((_, a), (_, b))| {
        let (alike, unlike) = common.of_author;
        same(alike, unlike, a, b)
    });
    let same = same(common.alike, common.unlike, a.votes.len(), b.votes.len()).or(by_author);
    let lockstep = common.together >= LOCKSTEP_VOTES && 2 * common.together >= common.alike;
    (same.is_some() || lockstep).then_some(Link { same, lockstep })
}

/// The links between accounts, by their places in `sides`, the lower one first.
fn links(
    sorted: &Sorted,
    sides: &[Side<'_>],
    places: &HashMap<AccountId, usize>,
) -> Vec<(usize, usize, Link)> {
    let lists: Vec<Vec<usize>> = sorted
        .sides()
        .map(|list| list.iter().filter_map(|cast| places.get(&cast.voter).copied()).collect())
        .collect();
    // Where each account's votes stand in those lists.
    let mut stands = vec![Vec::new(); sides.len()];
    for (list, voters) in lists.iter().enumerate() {
        for (at, voter) in voters.iter().enumerate() {
            stands[*voter].push((list, at));
        }
    }
    let mut met = vec![0_usize; sides.len()];
    let mut links = Vec::new();
    for (a, stands) in stands.iter().enumerate() {
        let mut others = Vec::new();
        for (list, at) in stands {
            let voters = &lists[*list];
            for b in &voters[at.saturating_sub(REACH)..voters.len().min(at + REACH + 1)] {
                if *b > a {
                    if met[*b] == 0 {
                        others.push(*b);
                    }
                    met[*b] += 1;
                }
            }
        }
        for b in others {
            if std::mem::take(&mut met[b]) >= LOCKSTEP_VOTES
                && let Some(link) = link(&sides[a], &sides[b])
            {
                links.push((a, b, link));
            }
        }
    }
    links
}

/// Who hangs together (union by size, with halved paths; Tarjan 1975).
struct Groups {
    above: Vec<usize>,
    size: Vec<usize>,
}

impl Groups {
    fn apart(count: usize) -> Self {
        Self { above: (0..count).collect(), size: vec![1; count] }
    }

    fn top(&mut self, mut of: usize) -> usize {
        while self.above[of] != of {
            self.above[of] = self.above[self.above[of]];
            of = self.above[of];
        }
        of
    }

    fn join(&mut self, a: usize, b: usize) {
        let (mut a, mut b) = (self.top(a), self.top(b));
        if a == b {
            return;
        }
        if self.size[a] < self.size[b] {
            (a, b) = (b, a);
        }
        self.above[b] = a;
        self.size[a] += self.size[b];
    }
}

/// Finds the groups of accounts that vote as one: [`SignalKind::Ring`] of three and more, [`SignalKind::CoVoting`] or
/// [`SignalKind::Lockstep`] of two. `single` and `bursts` are what was found of accounts alone.
pub(super) fn rings(
    sorted: &Sorted,
    accounts: &BTreeMap<AccountId, Voter>,
    single: &[Finding],
    bursts: &[Finding],
) -> Vec<Finding> {
    let given_to: HashMap<AccountId, AccountId> = single
        .iter()
        .flat_map(|found| found.voters.iter().copied().zip(found.authors.iter().copied()))
        .collect();
    // Whoever votes less than that is linked to nobody.
    let voters: Vec<(AccountId, &[Cast])> =
        sorted.of_each().filter(|(_, votes)| votes.len() >= LOCKSTEP_VOTES).collect();
    let places: HashMap<AccountId, usize> =
        voters.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
    let sides: Vec<Side<'_>> = voters
        .iter()
        .map(|(id, votes)| {
            let given_to = given_to
                .get(id)
                .map(|author| (*author, votes.iter().filter(|cast| cast.author == *author).count()));
            Side { votes, given_to }
        })
        .collect();
    let mut links = links(sorted, &sides, &places);
    let mut found = Vec::new();
    // Once those who were caught up by chance are out, the others may fall apart.
    let mut left = groups_of(&links, sides.len());
    for _ in 0..2 {
        let mut degree: HashMap<usize, usize> = HashMap::new();
        for (a, b, _) in &links {
            *degree.entry(*a).or_default() += 1;
            *degree.entry(*b).or_default() += 1;
        }
        let stays: BTreeSet<usize> = left
            .iter()
            .flat_map(|group| {
                group
                    .iter()
                    .copied()
                    .filter(|one| share(degree[one], group.len() - 1) >= LINKED_TO)
                    .collect::<Vec<_>>()
            })
            .collect();
        links.retain(|(a, b, _)| stays.contains(a) && stays.contains(b));
        left = groups_of(&links, sides.len());
    }
    for group in left {
        let ids: Vec<AccountId> = group.iter().map(|place| voters[*place].0).collect();
        let inner: Vec<Link> = (links.iter())
            .filter(|(a, _, _)| group.binary_search(a).is_ok())
            .map(|(_, _, link)| *link)
            .collect();
        let casts: Vec<Cast> = group.iter().flat_map(|place| sides[*place].votes).copied().collect();
        found.extend(finding(&ids, &inner, &casts, accounts, (single, bursts)));
    }
    found
}

/// The groups of two and more, the places in each in order.
fn groups_of(links: &[(usize, usize, Link)], count: usize) -> Vec<Vec<usize>> {
    let mut groups = Groups::apart(count);
    for (a, b, _) in links {
        groups.join(*a, *b);
    }
    let mut members: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (a, b, _) in links {
        members.entry(groups.top(*a)).or_default().extend([*a, *b]);
    }
    let mut groups: Vec<Vec<usize>> =
        members.into_values().map(|group| group.into_iter().collect()).collect();
    groups.sort_unstable();
    groups
}

/// What is said of a group. The strength is that of several doubts together: voting as one leaves half a doubt, and each
/// thing more that speaks for it takes its part of what is left.
fn finding(
    ids: &[AccountId],
    links: &[Link],
    casts: &[Cast],
    accounts: &BTreeMap<AccountId, Voter>,
    (single, bursts): (&[Finding], &[Finding]),
) -> Option<Finding> {
    // What at least half of them, and two, judged alike is what the group is about.
    let mut sides: BTreeMap<_, Vec<&Cast>> = BTreeMap::new();
    for cast in casts {
        sides.entry((cast.post, cast.up)).or_default().push(cast);
    }
    let least = ids.len().div_ceil(2).max(2);
    let shared: Vec<&Cast> = sides.into_values().filter(|side| side.len() >= least).flatten().collect();
    let mut on: BTreeMap<AccountId, usize> = BTreeMap::new();
    for cast in &shared {
        *on.entry(cast.author).or_default() += 1;
    }
    let mut authors: Vec<(usize, AccountId)> =
        on.into_iter().map(|(author, count)| (count, author)).collect();
    authors.sort_unstable_by_key(|(count, author)| (std::cmp::Reverse(*count), *author));
    authors.truncate(AUTHORS);
    let authors: Vec<AccountId> = authors.into_iter().map(|(_, author)| author).collect();
    let about = if shared.is_empty() { casts.iter().collect() } else { shared };
    let (first_at, last_at) = span(about.iter().copied())?;

    let of = |findings: &[Finding]| {
        let theirs =
            findings.iter().filter(|found| found.voters.iter().any(|id| ids.binary_search(id).is_ok()));
        share(
            theirs.filter(|found| found.authors.iter().any(|author| authors.contains(author))).count(),
            ids.len(),
        )
    };
    let new: BTreeSet<AccountId> =
        about.iter().filter(|cast| was_new(cast, accounts)).map(|cast| cast.voter).collect();
    let one_origin = f64::from(u8::from(mostly_of_one_origin(ids, accounts)));
    let alike = links.iter().filter(|link| link.same.is_some()).count();
    let lockstep = links.iter().filter(|link| link.lockstep).count();
    let speaks = [
        (SignalKind::CoVoting, share(alike, links.len()), 0.2),
        (SignalKind::Lockstep, share(lockstep, links.len()), 0.4),
        (SignalKind::SingleAuthor, of(single), 0.4),
        (SignalKind::BurstOnAuthor, of(bursts), 0.4),
        (SignalKind::NewAccountBurst, share(new.len(), ids.len()), 0.2),
        (SignalKind::SharedOrigin, one_origin, 0.5),
    ];
    let doubt = speaks.iter().fold(0.5, |doubt, (_, share, weight)| doubt * (1.0 - share.min(1.0) * weight));
    let evidence: Vec<SignalKind> =
        speaks.iter().filter(|(_, share, _)| *share >= 0.5).map(|(kind, ..)| *kind).collect();
    let kind = match (ids.len() >= RING, alike > 0) {
        (true, _) => SignalKind::Ring,
        (false, true) => SignalKind::CoVoting,
        (false, false) => SignalKind::Lockstep,
    };
    Some(Finding {
        kind,
        post: None,
        authors,
        voters: ids.to_vec(),
        strength: 1.0 - doubt,
        evidence,
        first_at,
        last_at,
    })
}

// Whoever is given to an author has that many votes, and so has whoever is compared.
const _: () = assert!(CO_VOTES <= FEWEST_VOTES && LOCKSTEP_VOTES <= CO_VOTES);

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::super::detect::detect;
    use super::*;
    use crate::clock::Time;
    use crate::ids::PostId;

    /// Votes of an account on posts, the author of each being its number divided by 100, each so many seconds after the
    /// post.
    fn votes(voter: u128, posts: impl IntoIterator<Item = u128>, up: bool, seconds: i64) -> Vec<Cast> {
        let cast = |post: u128| Cast {
            voter: AccountId(Uuid::from_u128(voter)),
            post: PostId(Uuid::from_u128(post)),
            author: AccountId(Uuid::from_u128(1_000_000 + post / 100)),
            up,
            at: Time::UNIX_EPOCH
                + TimeDelta::hours(i64::try_from(post).unwrap())
                + TimeDelta::seconds(seconds),
        };
        posts.into_iter().map(cast).collect()
    }

    /// The groups in some votes: their kinds and sizes.
    fn groups(casts: &[Vec<Cast>]) -> Vec<(SignalKind, usize)> {
        let mut found = detect(casts.concat(), &BTreeMap::new());
        found.retain(|finding| {
            matches!(finding.kind, SignalKind::Ring | SignalKind::CoVoting | SignalKind::Lockstep)
        });
        found.into_iter().map(|finding| (finding.kind, finding.voters.len())).collect()
    }

    /// Posts by as many authors.
    fn scattered(from: u128, count: u128) -> impl Iterator<Item = u128> {
        (from..from + count).map(|n| n * 100)
    }

    #[test]
    fn v2_two_who_judge_the_same_are_linked_and_three_are_a_ring() {
        let day = 86_400;
        let alike =
            |count| [votes(1, scattered(0, count), true, 0), votes(2, scattered(0, count), true, day)];
        assert_eq!(groups(&alike(10)), [(SignalKind::CoVoting, 2)]);
        assert_eq!(groups(&alike(9)), [], "nine posts are too few");
        let third = votes(3, scattered(0, 10), true, 2 * day);
        let [first, second] = alike(10);
        assert_eq!(groups(&[first.clone(), second.clone(), third]), [(SignalKind::Ring, 3)]);
        assert_eq!(
            groups(&[first.clone(), votes(2, scattered(0, 10), false, day)]),
            [],
            "nor what is judged unlike"
        );
        // What is judged unlike counts against it: 10 of 14.
        let unlike = [votes(1, scattered(0, 14), true, 0), votes(2, scattered(10, 4), false, day)];
        assert_eq!(groups(&[&unlike[..], std::slice::from_ref(&second)].concat()), []);
        // Of 12 they judged 10 alike, of 13 as many: 0.83 and 0.77.
        for (more, linked) in [(2, 1), (3, 0)] {
            let padded = [first.clone(), second.clone(), votes(2, scattered(50, more), true, day)];
            assert_eq!(groups(&padded).len(), linked, "{more}");
        }
    }

    #[test]
    fn v2_votes_on_others_do_not_hide_who_is_given_to_one_author() {
        let of = |voter, after| votes(voter, 100..112, false, after);
        let pads = |voter: u128, count| votes(voter, scattered(10 * voter, count), true, 0);
        let group = |count| {
            groups(&[of(1, 0), of(2, 86_400), of(3, 172_800), pads(1, count), pads(2, count), pads(3, count)])
        };
        assert_eq!(group(7), [(SignalKind::Ring, 3)], "12 of 19");
        assert_eq!(group(8), [], "12 of 20 are no more than three fifths");
    }

    #[test]
    fn v2_lockstep_is_seen_whatever_else_they_judge() {
        let pads = |voter: u128| votes(voter, scattered(1000 * voter, 40), true, 0);
        let group = |count, after| {
            let one = |voter| votes(voter, scattered(0, count), true, i64::try_from(voter).unwrap() * after);
            groups(&[one(1), one(2), pads(1), pads(2)])
        };
        assert_eq!(group(8, 600), [(SignalKind::Lockstep, 2)]);
        assert_eq!(group(8, 601), [], "ten minutes and a second are not the same time");
        assert_eq!(group(7, 0), [], "seven posts are too few");
        // Of 17 that they judged alike, 8 at the same time are less than half.
        let apart = |voter: u128| votes(voter, scattered(500, 9), true, i64::try_from(voter).unwrap() * 7200);
        let one = |voter| votes(voter, scattered(0, 8), true, 0);
        assert_eq!(groups(&[one(1), one(2), apart(1), apart(2), pads(1), pads(2)]), []);
    }

    #[test]
    fn v2_whoever_meets_few_of_a_ring_is_not_named_with_it() {
        // Eleven are one; a stranger is in step with one of them.
        let mut casts: Vec<Vec<Cast>> = (1..12).map(|voter| votes(voter, 100..130, true, 0)).collect();
        casts.push(votes(11, scattered(50, 8), true, 0));
        casts.push(votes(50, scattered(50, 8), true, 5));
        assert_eq!(groups(&casts), [(SignalKind::Ring, 11)]);
    }

    #[test]
    fn v2_a_crowd_hides_no_neighbours_in_time() {
        // Between the first of the crowd and the last stand hundreds; two are side by side on each post.
        let crowd = (0..600).map(|n| votes(1000 + n, [(n % 10) * 100], true, i64::try_from(n).unwrap()));
        let pair = [votes(1, scattered(0, 10), true, 300), votes(2, scattered(0, 10), true, 300)];
        assert_eq!(groups(&crowd.chain(pair).collect::<Vec<_>>()), [(SignalKind::CoVoting, 2)]);
    }
}
