//! What each account, each post and each group of one origin gives away.
//!
//! Everything is near-linear in the number of votes: sorting them by voter, author, post and time is the dearest step.
//! The rings, which compare pairs of accounts, are in [`super::rings`].
//!
//! These are signals for people to look into and no verdicts: whoever reads one author only is a `single_author`, and a
//! post that a newspaper links to has `velocity`.

use std::collections::BTreeMap;

use super::SignalKind;
use super::rings;
use crate::clock::Time;
use crate::ids::{AccountId, PostId};

/// Votes against one author's posts within [`BURST_SECS`] that make a burst (the figure that `ForumMagnum` uses).
pub const BURST_VOTES: usize = 9;

/// How long such a burst may take, in seconds.
pub const BURST_SECS: i64 = 120;

/// An account with fewer votes than this has no pattern.
pub const FEWEST_VOTES: usize = 10;

/// The share of an account's votes, above which it is given to one author.
pub const SINGLE_AUTHOR_SHARE: f64 = 0.6;

/// How old an account is at most that counts as new when it votes, in seconds: a week.
const NEW_SECS: i64 = 7 * 24 * 3600;

/// How long a burst of votes on a post may take, in seconds.
const POST_BURST_SECS: i64 = 3600;

/// How many standard deviations above what is usual an hour must be.
const SIGMAS: f64 = 5.0;

/// Fewer votes in an hour than this are no attack, however unusual.
const FEWEST_IN_AN_HOUR: usize = 10;

/// For so many hours a post must have had votes before its own rate is usual.
const HOURS_OF_ITS_OWN: i64 = 24;

/// Groups of one origin are of so many accounts; more are a school or a carrier, and not a person.
const ORIGIN_SIZES: std::ops::RangeInclusive<usize> = 3..=50;

/// So many posts a group of one origin must have judged together.
const TOGETHER: usize = 3;

/// So many of the origins of an account are looked at.
const ORIGINS: usize = 10;

/// A vote on the quality of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    /// Who voted.
    pub voter: AccountId,
    /// On which post.
    pub post: PostId,
    /// Whose post it is.
    pub author: AccountId,
    /// For its quality, or against it.
    pub up: bool,
    /// When this was last so decided.
    pub at: Time,
}

/// What is known of an account that votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// When it was made.
    pub made_at: Time,
    /// Keyed hashes of the networks it signed in from, as far as that is kept.
    pub addresses: Vec<[u8; 16]>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: SignalKind,
    /// The post, where it is about one.
    pub post: Option<PostId>,
    /// Whose posts were voted on.
    pub authors: Vec<AccountId>,
    /// Who voted, in order of their identifiers.
    pub voters: Vec<AccountId>,
    /// 0 to 1; what it means depends on the kind, and more is stronger.
    pub strength: f64,
    /// What speaks for a group being one.
    pub evidence: Vec<SignalKind>,
    /// The first of the votes that speak for it.
    pub first_at: Time,
    /// The last of them.
    pub last_at: Time,
}

/// Looks for everything: single accounts, posts, origins and rings.
///
/// `accounts` knows each voter; whoever it does not know is taken to be old and from nowhere. The votes may be in any
/// order. In a fixed order of votes the findings are in a fixed order. It takes memory for the votes twice, and little more.
pub fn detect(casts: Vec<Cast>, accounts: &BTreeMap<AccountId, Voter>) -> Vec<Finding> {
    let sorted = Sorted::of(casts);
    let bursts = bursts_on_authors(&sorted);
    let single = single_authors(&sorted);
    let mut found = rings::rings(&sorted, accounts, &single, &bursts);
    found.extend(bursts);
    found.extend(single);
    found.extend(new_account_bursts(&sorted, accounts));
    found.extend(velocities(&sorted));
    found.extend(shared_origins(&sorted, accounts));
    found
}

/// Votes, sorted. There are many, so they are kept side by side and not in a list for each account and post.
#[derive(Debug)]
pub(super) struct Sorted {
    /// By account and post.
    by_voter: Vec<Cast>,
    /// By post, direction and time.
    by_side: Vec<Cast>,
}

impl Sorted {
    fn of(casts: Vec<Cast>) -> Self {
        let mut by_side = casts.clone();
        by_side.sort_unstable_by_key(|cast| (cast.post, cast.up, cast.at, cast.voter));
        let mut by_voter = casts;
        by_voter.sort_unstable_by_key(|cast| (cast.voter, cast.post));
        Self { by_voter, by_side }
    }

    /// The votes of each account by post, the accounts in order.
    pub(super) fn of_each(&self) -> impl Iterator<Item = (AccountId, &[Cast])> {
        self.by_voter.chunk_by(|a, b| a.voter == b.voter).map(|votes| (votes[0].voter, votes))
    }

    /// The votes of an account.
    fn of_voter(&self, id: AccountId) -> &[Cast] {
        let from = self.by_voter.partition_point(|cast| cast.voter < id);
        let to = self.by_voter.partition_point(|cast| cast.voter <= id);
        &self.by_voter[from..to]
    }

    /// The votes on each post in each direction, in order of time.
    pub(super) fn sides(&self) -> impl Iterator<Item = &[Cast]> {
        self.by_side.chunk_by(|a, b| (a.post, a.up) == (b.post, b.up))
    }

    /// The votes on each post, in order of time, and when they were cast, in hours since 1970.
    fn posts(&self) -> impl Iterator<Item = Vec<(i64, Cast)>> {
        self.by_side.chunk_by(|a, b| a.post == b.post).map(|votes| {
            let hour = |cast: &Cast| cast.at.timestamp().div_euclid(3600);
            let mut votes: Vec<_> = votes.iter().map(|cast| (hour(cast), *cast)).collect();
            votes.sort_unstable_by_key(|(_, cast)| cast.at);
            votes
        })
    }
}

/// Votes on a post by the hours in which they were cast.
fn hours(votes: &[(i64, Cast)]) -> impl Iterator<Item = &[(i64, Cast)]> {
    votes.chunk_by(|(one, _), (other, _)| one == other)
}

/// A share of counts, which are small enough to be exact.
#[expect(clippy::cast_precision_loss, reason = "counts of votes are far below 2^52")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// When the first and the last of some votes were cast.
pub(super) fn span<'a>(casts: impl IntoIterator<Item = &'a Cast>) -> Option<(Time, Time)> {
    casts.into_iter().fold(None, |span, cast| {
        let (first, last) = span.unwrap_or((cast.at, cast.at));
        Some((first.min(cast.at), last.max(cast.at)))
    })
}

/// The most votes that lie within so many seconds, of votes in order of time.
fn densest(votes: &[Cast], within_secs: i64) -> &[Cast] {
    let (mut from, mut best) = (0, 0..0);
    for to in 0..votes.len() {
        while (votes[to].at - votes[from].at).num_seconds() > within_secs {
            from += 1;
        }
        if to + 1 - from > best.len() {
            best = from..to + 1;
        }
    }
    &votes[best]
}

/// Who voted, each once, in order.
fn voters_of<'a>(votes: impl IntoIterator<Item = &'a Cast>) -> Vec<AccountId> {
    let mut ids: Vec<_> = votes.into_iter().map(|cast| cast.voter).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// [`SignalKind::BurstOnAuthor`]: at least [`BURST_VOTES`] votes of one account against posts of one author within
/// [`BURST_SECS`]. The strength is n / (n + 9).
fn bursts_on_authors(sorted: &Sorted) -> Vec<Finding> {
    let mut found = Vec::new();
    for (voter, votes) in sorted.of_each() {
        let mut against: BTreeMap<AccountId, Vec<Cast>> = BTreeMap::new();
        for cast in votes.iter().filter(|cast| !cast.up) {
            against.entry(cast.author).or_default().push(*cast);
        }
        for (author, mut votes) in against {
            votes.sort_unstable_by_key(|cast| cast.at);
            let burst = densest(&votes, BURST_SECS);
            if burst.len() < BURST_VOTES {
                continue;
            }
            let Some((first_at, last_at)) = span(burst) else { continue };
            found.push(Finding {
                kind: SignalKind::BurstOnAuthor,
                post: None,
                authors: vec![author],
                voters: vec![voter],
                strength: share(burst.len(), burst.len() + BURST_VOTES),
                evidence: Vec::new(),
                first_at,
                last_at,
            });
        }
    }
    found
}

/// [`SignalKind::SingleAuthor`]: more than [`SINGLE_AUTHOR_SHARE`] of an account's votes, of [`FEWEST_VOTES`] or more,
/// are on one author. The strength is the share.
fn single_authors(sorted: &Sorted) -> Vec<Finding> {
    let mut found = Vec::new();
    for (voter, votes) in sorted.of_each().filter(|(_, votes)| votes.len() >= FEWEST_VOTES) {
        let mut on: BTreeMap<AccountId, usize> = BTreeMap::new();
        for cast in votes {
            *on.entry(cast.author).or_default() += 1;
        }
        for (author, count) in on {
            let strength = share(count, votes.len());
            if strength <= SINGLE_AUTHOR_SHARE {
                continue;
            }
            let Some((first_at, last_at)) = span(votes.iter().filter(|cast| cast.author == author)) else {
                continue;
            };
            found.push(Finding {
                kind: SignalKind::SingleAuthor,
                post: None,
                authors: vec![author],
                voters: vec![voter],
                strength,
                evidence: Vec::new(),
                first_at,
                last_at,
            });
        }
    }
    found
}

/// Whether an account was new when it voted.
pub(super) fn was_new(cast: &Cast, accounts: &BTreeMap<AccountId, Voter>) -> bool {
    accounts.get(&cast.voter).is_some_and(|voter| (cast.at - voter.made_at).num_seconds() < NEW_SECS)
}

/// [`SignalKind::NewAccountBurst`]: of nine votes or more in one direction on a post within an hour, more than half are by
/// accounts that were less than a week old, and twice the share that such accounts have of all votes: where most people
/// are new, that says nothing. One finding a post; the strength is the share.
fn new_account_bursts(sorted: &Sorted, accounts: &BTreeMap<AccountId, Voter>) -> Vec<Finding> {
    let new = sorted.by_side.iter().filter(|cast| was_new(cast, accounts)).count();
    let usual = share(new, sorted.by_side.len());
    let mut found = Vec::new();
    for votes in sorted.sides() {
        let post = votes[0].post;
        let burst = densest(votes, POST_BURST_SECS);
        let by_new: Vec<Cast> = burst.iter().filter(|cast| was_new(cast, accounts)).copied().collect();
        let strength = share(by_new.len(), burst.len());
        let Some((first_at, last_at)) = span(&by_new) else { continue };
        if burst.len() < BURST_VOTES || strength <= 0.5 || strength < 2.0 * usual {
            continue;
        }
        // Both sides of a post are one finding: the stronger of them.
        if let Some(other) = found.pop_if(|other: &mut Finding| other.post == Some(post))
            && other.strength >= strength
        {
            found.push(other);
            continue;
        }
        found.push(Finding {
            kind: SignalKind::NewAccountBurst,
            post: Some(post),
            authors: by_new.first().map(|cast| cast.author).into_iter().collect(),
            voters: voters_of(&by_new),
            strength,
            evidence: Vec::new(),
            first_at,
            last_at,
        });
    }
    found
}

/// What is usual: how many votes an hour has, and how far hours differ.
#[derive(Debug, Clone, Copy)]
struct Usual {
    mean: f64,
    deviation: f64,
}

impl Usual {
    /// How many standard deviations above it so many votes are. Counts differ by their square root at the least
    /// (Poisson), and by one vote.
    fn sigmas(self, votes: usize) -> f64 {
        (share(votes, 1) - self.mean) / self.deviation.max(self.mean.sqrt()).max(1.0)
    }
}

/// [`SignalKind::Velocity`]: an hour of a post with ten votes or more, and at least [`SIGMAS`] standard deviations more
/// than is usual: for the post, once it has had votes for [`HOURS_OF_ITS_OWN`], else for posts of the site in hours in which
/// they have any. The strength is z / (z + 5).
fn velocities(sorted: &Sorted) -> Vec<Finding> {
    let counts: Vec<usize> =
        sorted.posts().flat_map(|votes| hours(&votes).map(<[_]>::len).collect::<Vec<_>>()).collect();
    let mean = share(counts.iter().sum(), counts.len());
    let squares: f64 = counts.iter().map(|count| (share(*count, 1) - mean).powi(2)).sum();
    let site = Usual { mean, deviation: (squares / share(counts.len(), 1).max(1.0)).sqrt() };
    let mut found = Vec::new();
    for post in sorted.posts() {
        let (first, Cast { post: id, author, .. }) = post[0];
        let mut before = 0;
        let mut worst: Option<(f64, &[(i64, Cast)])> = None;
        for votes in hours(&post) {
            let lived = votes[0].0 - first;
            let usual = if lived >= HOURS_OF_ITS_OWN {
                let mean = share(before, usize::try_from(lived).unwrap_or(1));
                Usual { mean, deviation: mean.sqrt() }
            } else {
                site
            };
            let sigmas = usual.sigmas(votes.len());
            if votes.len() >= FEWEST_IN_AN_HOUR
                && sigmas >= SIGMAS
                && worst.is_none_or(|(most, _)| sigmas > most)
            {
                worst = Some((sigmas, votes));
            }
            before += votes.len();
        }
        let Some((sigmas, votes)) = worst else { continue };
        let Some((first_at, last_at)) = span(votes.iter().map(|(_, cast)| cast)) else { continue };
        found.push(Finding {
            kind: SignalKind::Velocity,
            post: Some(id),
            authors: vec![author],
            // Who votes on what many vote on is no suspect.
            voters: Vec::new(),
            strength: sigmas / (sigmas + SIGMAS),
            evidence: Vec::new(),
            first_at,
            last_at,
        });
    }
    found
}

/// Where accounts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Address([u8; 16]),
    MadeInMinute(i64),
}

/// The accounts of each origin, those in order.
fn origins(sorted: &Sorted, accounts: &BTreeMap<AccountId, Voter>) -> BTreeMap<Origin, Vec<AccountId>> {
    let mut groups: BTreeMap<Origin, Vec<AccountId>> = BTreeMap::new();
    for (id, _) in sorted.of_each() {
        let Some(voter) = accounts.get(&id) else { continue };
        let mut of: Vec<_> = voter.addresses.iter().take(ORIGINS).copied().map(Origin::Address).collect();
        of.push(Origin::MadeInMinute(voter.made_at.timestamp().div_euclid(60)));
        of.sort_unstable();
        of.dedup();
        for origin in of {
            groups.entry(origin).or_default().push(id);
        }
    }
    groups
}

/// [`SignalKind::SharedOrigin`]: three accounts or more that sign in from one address, or were made in one minute, judged
/// three posts or more in the same way, three at least each time. The strength is their share of those who have that origin
/// and vote.
fn shared_origins(sorted: &Sorted, accounts: &BTreeMap<AccountId, Voter>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for group in origins(sorted, accounts).into_values().filter(|group| ORIGIN_SIZES.contains(&group.len())) {
        let of_group = || group.iter().flat_map(|id| sorted.of_voter(*id));
        let mut sides: BTreeMap<(PostId, bool), usize> = BTreeMap::new();
        for cast in of_group() {
            *sides.entry((cast.post, cast.up)).or_default() += 1;
        }
        let shared: Vec<&Cast> = of_group()
            .filter(|cast| {
                sides.get(&(cast.post, cast.up)).is_some_and(|count| *count >= *ORIGIN_SIZES.start())
            })
            .collect();
        let mut of_each: BTreeMap<AccountId, usize> = BTreeMap::new();
        for cast in &shared {
            *of_each.entry(cast.voter).or_default() += 1;
        }
        of_each.retain(|_, count| *count >= TOGETHER);
        let voters: Vec<AccountId> = of_each.into_keys().collect();
        let mut authors: Vec<AccountId> = shared.iter().map(|cast| cast.author).collect();
        authors.sort_unstable();
        authors.dedup();
        let Some((first_at, last_at)) = span(shared.iter().copied()) else { continue };
        // One address and one minute are one finding, where they are of the same accounts.
        if voters.len() < *ORIGIN_SIZES.start() || found.iter().any(|other| other.voters == voters) {
            continue;
        }
        found.push(Finding {
            kind: SignalKind::SharedOrigin,
            post: None,
            authors,
            strength: share(voters.len(), group.len()),
            voters,
            evidence: Vec::new(),
            first_at,
            last_at,
        });
    }
    found
}

/// Whether at least half of some accounts share an origin.
pub(super) fn mostly_of_one_origin(ids: &[AccountId], accounts: &BTreeMap<AccountId, Voter>) -> bool {
    let mut count: BTreeMap<Origin, usize> = BTreeMap::new();
    for voter in ids.iter().filter_map(|id| accounts.get(id)) {
        let mut of: Vec<_> = voter.addresses.iter().take(ORIGINS).copied().map(Origin::Address).collect();
        of.push(Origin::MadeInMinute(voter.made_at.timestamp().div_euclid(60)));
        of.sort_unstable();
        of.dedup();
        for origin in of {
            *count.entry(origin).or_default() += 1;
        }
    }
    count.into_values().any(|count| 2 * count >= ids.len())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn seconds(n: u128) -> i64 {
        i64::try_from(n).unwrap()
    }

    fn account(id: u128) -> AccountId {
        AccountId(Uuid::from_u128(id))
    }

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
    }

    /// A vote of somebody on a post of author 900, or of another one.
    fn cast(voter: u128, post: u128, author: u128, up: bool, seconds: i64) -> Cast {
        Cast {
            voter: account(voter),
            post: PostId(Uuid::from_u128(post)),
            author: account(author),
            up,
            at: at(seconds),
        }
    }

    fn found(casts: &[Cast], accounts: &BTreeMap<AccountId, Voter>, kind: SignalKind) -> Vec<Finding> {
        let mut found = detect(casts.to_vec(), accounts);
        found.retain(|finding| finding.kind == kind);
        found
    }

    #[test]
    fn v2_nine_votes_against_an_author_within_two_minutes_are_a_burst() {
        let burst = |count: i64, every: i64, up: bool| {
            let casts: Vec<_> =
                (0..count).map(|n| cast(1, 10 + u128::from(n.unsigned_abs()), 900, up, n * every)).collect();
            found(&casts, &BTreeMap::new(), SignalKind::BurstOnAuthor)
        };
        let one = burst(9, 15, false);
        assert_eq!(
            (one[0].voters.as_slice(), one[0].authors.as_slice()),
            ([account(1)].as_slice(), [account(900)].as_slice())
        );
        assert_eq!((one[0].first_at, one[0].last_at, one.len()), (at(0), at(120), 1));
        assert!(burst(8, 1, false).is_empty(), "eight are none");
        assert!(burst(9, 16, false).is_empty(), "nor are nine in two minutes and eight seconds");
        assert!(burst(20, 1, true).is_empty(), "nor praise");
        // On two authors it is none.
        let two: Vec<_> = (0..16).map(|n| cast(1, 10 + n, 900 + n % 2, false, 1)).collect();
        assert!(found(&two, &BTreeMap::new(), SignalKind::BurstOnAuthor).is_empty());
    }

    #[test]
    fn v2_more_than_three_fifths_on_one_author_are_a_signal() {
        let of = |on: u128, others: u128| {
            let casts: Vec<_> = (0..on + others)
                .map(|n| cast(1, 10 + n, if n < on { 900 } else { 901 + n }, true, 0))
                .collect();
            found(&casts, &BTreeMap::new(), SignalKind::SingleAuthor).len()
        };
        assert_eq!((of(7, 3), of(6, 4), of(9, 0), of(10, 0)), (1, 0, 0, 1));
    }

    #[test]
    fn v2_a_burst_of_new_accounts_is_one_where_they_are_not_usual() {
        let voter = |days: i64| Voter { made_at: at(0) - TimeDelta::days(days), addresses: Vec::new() };
        let accounts: BTreeMap<_, _> =
            (0..200).map(|n| (account(n), voter(if n < 20 { 1 } else { 30 }))).collect();
        let casts = |new: u128, old: u128| -> Vec<_> {
            let burst = (0..new).chain(20..20 + old).map(|n| cast(n, 10, 900, true, 60));
            burst.chain((100..200).map(|n| cast(n, n, 901, true, 9000))).collect()
        };
        let one = found(&casts(6, 5), &accounts, SignalKind::NewAccountBurst);
        assert_eq!((one.len(), one[0].voters.len(), one[0].post), (1, 6, Some(PostId(Uuid::from_u128(10)))));
        assert!(found(&casts(5, 5), &accounts, SignalKind::NewAccountBurst).is_empty());
        assert!(found(&casts(8, 0), &accounts, SignalKind::NewAccountBurst).is_empty());
        // Where everybody is new it says nothing.
        let all: BTreeMap<_, _> = (0..200).map(|n| (account(n), voter(1))).collect();
        assert!(found(&casts(20, 0), &all, SignalKind::NewAccountBurst).is_empty());
    }

    #[test]
    fn v2_an_hour_far_above_what_is_usual_is_a_signal() {
        let quiet =
            |post: u128| (0..48).map(move |hour| cast(500, post, 900, true, hour * 3600 + seconds(post)));
        let mut casts: Vec<_> = (10..40).flat_map(quiet).collect();
        assert!(found(&casts, &BTreeMap::new(), SignalKind::Velocity).is_empty());
        casts.extend((0..12).map(|n| cast(n, 10, 900, true, 40 * 3600 + seconds(n))));
        let one = found(&casts, &BTreeMap::new(), SignalKind::Velocity);
        assert_eq!((one.len(), one[0].voters.len()), (1, 0));
        assert!(one[0].strength > 0.5);
    }

    #[test]
    fn v2_accounts_of_one_origin_that_vote_together_are_a_signal() {
        let voter =
            |n: i64| Voter { made_at: at(-3600 * n - 86_400 * 90), addresses: vec![[u8::from(n < 4); 16]] };
        let mut accounts: BTreeMap<_, _> = (0..60).map(|n| (account(n), voter(seconds(n)))).collect();
        let casts: Vec<_> =
            (0..60).flat_map(|n| (0..3).map(move |post| cast(n, 10 + post, 900, true, 0))).collect();
        // Four from one address; sixty from the other are too many to be anybody.
        let one = found(&casts, &accounts, SignalKind::SharedOrigin);
        assert_eq!((one.len(), one[0].voters.len()), (1, 4));
        // Made within one minute.
        for n in 10..14 {
            accounts
                .insert(account(n), Voter { made_at: at(-86_400 * 50 + seconds(n)), addresses: Vec::new() });
        }
        assert_eq!(found(&casts, &accounts, SignalKind::SharedOrigin).len(), 2);
        // Two posts are too few.
        let casts: Vec<_> =
            casts.into_iter().filter(|cast| cast.post != PostId(Uuid::from_u128(10))).collect();
        assert!(found(&casts, &accounts, SignalKind::SharedOrigin).is_empty());
    }

    #[test]
    fn the_order_of_votes_does_not_matter() {
        let mut casts: Vec<_> =
            (0..4).flat_map(|n| (0..12).map(move |post| cast(n, post, 900, true, 7 * seconds(n)))).collect();
        let found = detect(casts.clone(), &BTreeMap::new());
        assert!(!found.is_empty());
        casts.reverse();
        assert_eq!(detect(casts, &BTreeMap::new()), found);
    }
}
