//! Who voted for what.

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::tree::Node;

/// How the number of votes falls from the most to the least popular post: Zipf's law with this exponent.
const EXPONENT: f64 = 0.75;

/// Roots are read by more people than what is below them.
const ROOT_WEIGHT: f64 = 5.0;

/// A vote as it was cast.
pub(crate) struct Vote {
    pub(crate) account: u32,
    pub(crate) quality: i16,
    pub(crate) agreement: i16,
    /// When, as a share of the time since the post was made.
    pub(crate) when: f64,
}

/// The counters of a post.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) up: u32,
    pub(crate) down: u32,
    pub(crate) agree: u32,
    pub(crate) disagree: u32,
}

impl Counters {
    pub(crate) fn count(&mut self, vote: &Vote) {
        self.up += u32::from(vote.quality == 1);
        self.down += u32::from(vote.quality == -1);
        self.agree += u32::from(vote.agreement == 1);
        self.disagree += u32::from(vote.agreement == -1);
    }
}

/// How many votes each post has, about so many in all.
pub(crate) fn numbers(nodes: &[Node], accounts: u32, total: f64, rng: &mut StdRng) -> Vec<u32> {
    let draw = |rng: &mut StdRng, node: &Node| {
        let weight = if node.depth == 0 { ROOT_WEIGHT } else { 1.0 };
        -rng.random::<f64>().max(f64::MIN_POSITIVE).ln() / weight
    };
    let mut ranked: Vec<(f64, usize)> =
        nodes.iter().enumerate().map(|(index, node)| (draw(rng, node), index)).collect();
    ranked.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    let share = |rank: usize| (rank as f64 + 1.0).powf(-EXPONENT);
    let first = total / (0..ranked.len()).map(share).sum::<f64>();
    let most = f64::from(accounts / 3);
    let mut numbers = vec![0; nodes.len()];
    for (rank, (_, index)) in ranked.into_iter().enumerate() {
        numbers[index] = (first * share(rank)).min(most) as u32;
    }
    numbers
}

/// The votes for a post, by account.
pub(crate) fn of_post(number: u32, node: &Node, count: u32, accounts: u32, votes: &mut Vec<Vote>) {
    votes.clear();
    if count == 0 {
        return;
    }
    let mut rng = StdRng::seed_from_u64(u64::from(number));
    // Every so many accounts, beginning anywhere: no draw comes twice, and they come in order.
    let step = f64::from(accounts) / f64::from(count);
    let shift = rng.random::<f64>() * step;
    let liked = rng.random_range(0.4..0.85);
    for place in 0..count {
        let account = ((f64::from(place) * step + shift) as u32).min(accounts - 1) + 1;
        if account == node.author {
            continue;
        }
        let side = |yes: f64, no: f64, drawn: f64| match drawn {
            drawn if drawn < yes => 1,
            drawn if drawn < yes + no => -1,
            _ => 0,
        };
        let quality = side(liked, 0.9 - liked, rng.random());
        let agreement = side(0.45, 0.3, rng.random());
        if quality != 0 || agreement != 0 {
            votes.push(Vote { account, quality, agreement, when: rng.random::<f64>() });
        }
    }
}
