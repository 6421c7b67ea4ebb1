//! Whether rings are found, and nobody else: a debate of people and rings that is the same in every run.
//!
//! A thousand people vote as people do: a few authors and posts get most of the votes (Zipf), most votes come soon after
//! a post and some much later, a third of them in the one hour of the day at which everybody reads, good posts get more
//! praise, and every tenth person is a fan who gives up to three fifths of their votes to one author, nearly all of them
//! praise. Some fans read nearly everything that their author writes. Among them are rings of 5 to 50 accounts, for and
//! against an author, hasty and patient, some of whose votes are cast at random to blend in.
//!
//! The thresholds are the catalogue's and round numbers, set before the first run and not changed after any: nothing was
//! fitted to the seeds that are asserted on. Seeds 1 to 24 were looked at besides, where a circle of six fans was named
//! once. Whoever changes a threshold looks at those, and not at the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use chrono::TimeDelta;
use uuid::Uuid;

use super::SignalKind;
use super::detect::{Cast, Finding, Voter, detect};
use crate::clock::Time;
use crate::ids::{AccountId, PostId};

const PEOPLE: usize = 1000;
const AUTHORS: usize = 200;
const DAY: i64 = 86_400;

/// Random numbers that are the same in every run (`SplitMix64`; Steele, Lea and Flood 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 up to 1.
    fn share(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / f64::from(u32::MAX)
    }

    fn happens(&mut self, share: f64) -> bool {
        self.share() < share
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + i64::try_from(self.below(usize::try_from(to - from + 1).unwrap())).unwrap()
    }

    /// A rank below `limit`, the first ones most often (Zipf with exponent 1, by the inverse of its continuous form).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "ranks are small"
    )]
    fn rank(&mut self, limit: usize) -> usize {
        (((limit as f64 + 1.0).powf(self.share())) as usize).clamp(1, limit) - 1
    }

    /// Seconds until something that happens every `mean` seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "seconds of some days")]
    fn wait(&mut self, mean: i64) -> i64 {
        (-(1.0 - self.share()).max(1e-9).ln() * mean as f64) as i64
    }
}

struct Post {
    id: PostId,
    author: usize,
    made: i64,
    /// The share of people who find it good.
    worth: f64,
}

/// What a ring does.
#[derive(Debug, Clone, Copy)]
struct Plan {
    size: usize,
    up: bool,
    /// Within how many seconds its members vote on a post.
    haste: i64,
    /// The share of its votes that are cast at random.
    pads: f64,
}

/// A debate of a month.
struct Debate {
    posts: Vec<Post>,
    casts: HashMap<(usize, usize), Cast>,
    accounts: BTreeMap<AccountId, Voter>,
    members: BTreeSet<AccountId>,
}

fn account(n: usize) -> AccountId {
    AccountId(Uuid::from_u128(n as u128))
}

fn at(seconds: i64) -> Time {
    Time::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

impl Debate {
    fn new(seed: u64, plans: &[Plan]) -> Self {
        let chance = &mut Chance(seed.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let mut posts = Vec::new();
        for n in 0..2500 {
            // Whoever writes much is not always who is read much.
            let author = if n < 12 * AUTHORS { n / 12 } else { chance.rank(AUTHORS) };
            let (made, worth) = (chance.between(0, 30 * DAY), 0.5 + chance.share() / 2.0);
            posts.push(Post { id: PostId(Uuid::from_u128(1_000_000 + n as u128)), author, made, worth });
        }
        let mut debate =
            Self { posts, casts: HashMap::new(), accounts: BTreeMap::new(), members: BTreeSet::new() };
        let by_author: Vec<Vec<usize>> = (0..AUTHORS)
            .map(|author| {
                (0..debate.posts.len()).filter(|post| debate.posts[*post].author == author).collect()
            })
            .collect();
        for person in 0..PEOPLE {
            debate.comes(person, chance.between(-300 * DAY, 20 * DAY));
            let votes = 5 + chance.rank(150);
            let favourite = chance.happens(0.1).then(|| (chance.rank(40), 0.2 + 0.4 * chance.share()));
            // Every tenth fan reads nearly all of it.
            let reads_all = favourite.is_some() && chance.happens(0.1);
            if let (true, Some((author, _))) = (reads_all, favourite) {
                for post in &by_author[author] {
                    if chance.happens(0.9) {
                        debate.honest(chance, person, *post, Some(0.95));
                    }
                }
            }
            for _ in 0..votes {
                match favourite {
                    Some((author, share)) if chance.happens(share) => {
                        let of = &by_author[author];
                        let post = of[chance.below(of.len())];
                        debate.honest(chance, person, post, Some(0.95));
                    }
                    _ => {
                        let of = &by_author[chance.rank(AUTHORS)];
                        let post = of[chance.rank(of.len())];
                        debate.honest(chance, person, post, None);
                    }
                }
            }
        }
        let mut next = PEOPLE;
        for plan in plans {
            let target = &by_author[chance.below(AUTHORS)];
            let ring: Vec<usize> = (next..next + plan.size).collect();
            next += plan.size;
            for member in &ring {
                debate.comes(*member, chance.between(-60 * DAY, 0));
                debate.members.insert(account(*member));
            }
            for post in target {
                // Soon after the post, or when they come to think of it.
                let start = debate.posts[*post].made + chance.wait(2 * 3600);
                for member in &ring {
                    if chance.happens(0.97) {
                        debate.cast(*member, *post, plan.up, start + chance.between(0, plan.haste));
                    }
                }
            }
            let pads = plan.pads / (1.0 - plan.pads);
            for member in &ring {
                let mut left = pads * f64::from(u32::try_from(target.len()).unwrap());
                while chance.happens(left) {
                    let of = &by_author[chance.rank(AUTHORS)];
                    let post = of[chance.rank(of.len())];
                    debate.honest(chance, *member, post, None);
                    left -= 1.0;
                }
            }
        }
        debate
    }

    fn comes(&mut self, person: usize, made: i64) {
        self.accounts.insert(account(person), Voter { made_at: at(made), addresses: Vec::new() });
    }

    /// A vote as people cast it: most within the first half day. A fan's praise does not depend on the worth.
    fn honest(&mut self, chance: &mut Chance, person: usize, post: usize, praise: Option<f64>) {
        let Post { made, worth, .. } = self.posts[post];
        let wait = if chance.happens(0.7) { chance.wait(DAY / 2) } else { chance.wait(6 * DAY) };
        let mut seconds = made + wait;
        if chance.happens(0.3) {
            // The hour of the day at which everybody reads.
            seconds += DAY - seconds.rem_euclid(DAY) + chance.between(0, 3600);
        }
        let up = chance.happens(praise.unwrap_or(worth));
        self.cast(person, post, up, seconds);
    }

    fn cast(&mut self, person: usize, post: usize, up: bool, seconds: i64) {
        let Post { id, author, .. } = self.posts[post];
        let cast =
            Cast { voter: account(person), post: id, author: account(100_000 + author), up, at: at(seconds) };
        // Whoever votes again changes their mind, and has one vote.
        self.casts.insert((person, post), cast);
    }

    fn votes(&self) -> Vec<Cast> {
        self.casts.values().copied().collect()
    }
}

/// Who is named in rings, and how well that meets who is in one.
#[derive(Debug, Default)]
struct Outcome {
    votes: usize,
    members: usize,
    named: usize,
    right: usize,
}

impl Outcome {
    fn of(debate: &Debate) -> (Self, Vec<Finding>) {
        let found = detect(debate.votes(), &debate.accounts);
        let named: BTreeSet<AccountId> = (found.iter())
            .filter(|finding| finding.kind == SignalKind::Ring)
            .flat_map(|finding| finding.voters.iter().copied())
            .collect();
        let right = named.intersection(&debate.members).count();
        let outcome =
            Self { votes: debate.casts.len(), members: debate.members.len(), named: named.len(), right };
        (outcome, found)
    }

    fn recall(&self) -> f64 {
        super::detect::share(self.right, self.members)
    }

    fn precision(&self) -> f64 {
        super::detect::share(self.right, self.named)
    }

    fn wrong(&self) -> f64 {
        super::detect::share(self.named - self.right, PEOPLE)
    }
}

/// Rings as they are met with: for and against, hasty and patient, with more and less to blend in.
fn usual(seed: u64) -> Vec<Plan> {
    let chance = &mut Chance(seed ^ 0xabcd);
    let sizes = [5, 5, 8, 12, 20, 35, 50];
    let plan = |(n, size): (usize, &usize)| Plan {
        size: *size,
        up: n % 2 == 0,
        haste: [240, 900, 6 * 3600, 3 * DAY][chance.below(4)],
        pads: 0.3 * chance.share(),
    };
    sizes.iter().enumerate().map(plan).collect()
}

fn table(seeds: impl IntoIterator<Item = u64>, plans: impl Fn(u64) -> Vec<Plan>) -> (String, Vec<Outcome>) {
    let mut table = "seed  votes  members  named  recall  precision  people named\n".to_owned();
    let mut outcomes = Vec::new();
    for seed in seeds {
        let (outcome, _) = Outcome::of(&Debate::new(seed, &plans(seed)));
        let Outcome { votes, members, named, .. } = outcome;
        let (recall, precision, wrong) =
            (100.0 * outcome.recall(), 100.0 * outcome.precision(), 100.0 * outcome.wrong());
        writeln!(
            table,
            "{seed:>4} {votes:>6} {members:>8} {named:>6} {recall:>6.1}% {precision:>9.1}% {wrong:>12.2}%"
        )
        .unwrap();
        outcomes.push(outcome);
    }
    (table, outcomes)
}

#[test]
fn v2_rings_are_found_and_people_are_left_alone() {
    let (table, outcomes) = table(101..=106, usual);
    println!("{table}");
    for outcome in outcomes {
        assert!(outcome.recall() >= 0.9, "{table}");
        assert!(outcome.precision() >= 0.95, "{table}");
        assert!(outcome.wrong() <= 0.005, "{table}");
    }
}

#[test]
fn v2_where_nobody_attacks_nobody_is_named() {
    let (table, outcomes) = table(201..=203, |_| Vec::new());
    println!("{table}");
    assert!(outcomes.iter().all(|outcome| outcome.wrong() <= 0.005), "{table}");
}

/// What the head of `rings` says of what is caught and what is not.
#[test]
fn v2_patience_and_blending_in_help_a_ring_only_together() {
    let seen = |haste: i64, pads: f64| {
        let plans = vec![Plan { size: 20, up: true, haste, pads }, Plan { size: 20, up: false, haste, pads }];
        let (table, outcomes) = table(301..=303, |_| plans.clone());
        println!("within {haste} s, {:.0} % at random\n{table}", 100.0 * pads);
        outcomes.iter().map(Outcome::recall).fold(1.0, f64::min)
    };
    assert!(seen(300, 0.5) >= 0.9, "half of its votes at random, in haste");
    assert!(seen(300, 0.8) >= 0.9, "most of its votes at random, in haste");
    assert!(seen(5 * DAY, 0.0) >= 0.9, "nothing at random, within days");
    assert!(seen(5 * DAY, 0.25) >= 0.9, "a quarter at random, within days");
    // Both together are not caught. Should this fail, the head of `rings` promises too little.
    assert!(seen(5 * DAY, 0.5) <= 0.1, "half at random, within days");
}

#[test]
fn what_is_found_says_who_does_it_to_whom() {
    let plans = [Plan { size: 12, up: false, haste: 100, pads: 0.1 }];
    let (_, found) = Outcome::of(&Debate::new(401, &plans));
    let rings: Vec<_> = found.iter().filter(|finding| finding.kind == SignalKind::Ring).collect();
    assert_eq!(rings.len(), 1);
    let [ring] = rings.as_slice() else { unreachable!() };
    assert_eq!((ring.authors.len(), ring.voters.len()), (1, 12));
    assert!(
        ring.evidence.contains(&SignalKind::Lockstep) && ring.evidence.contains(&SignalKind::SingleAuthor)
    );
    assert!((0.7..1.0).contains(&ring.strength), "{}", ring.strength);
}
