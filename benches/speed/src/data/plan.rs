//! How large everything is.

use rand::RngExt;
use rand::rngs::StdRng;

/// Accounts that take part in what is measured. They come first, and wrote none of the posts, so that they may vote on
/// all of them.
pub(crate) const VOTERS: u32 = 512;

/// The topic that holds most posts.
pub(crate) const GROWN: u32 = 1;

/// The topic that holds exactly [`THOUSAND_POSTS`].
pub(crate) const THOUSAND: u32 = 2;

/// The most popular of the others.
pub(crate) const POPULAR: u32 = 3;

const THOUSAND_POSTS: u32 = 1000;

/// Posts that every topic of a page has: a page is ten roots with four replies each, and a few are left over.
const FULL: u32 = 56;

/// The sizes of a data set. Topics, accounts and posts are numbered from 1; the first root of a topic has the number of
/// its topic.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Posts in the grown topic; the others hold a fifth of that.
    pub(crate) posts: u32,
    /// Posts of each topic.
    pub(crate) sizes: Vec<u32>,
    /// Topics that have a full page: the first so many.
    pub(crate) full: u32,
    /// Accounts.
    pub(crate) accounts: u32,
}

impl Plan {
    pub(crate) fn new(posts: u32, rng: &mut StdRng) -> Self {
        let others = posts / 5;
        let popular = others / 80;
        let mut sizes = vec![posts, THOUSAND_POSTS];
        let mut small: Vec<u32> = (0..popular / 5).map(|_| rng.random_range(1..=15)).collect();
        let spare = others - popular * FULL - small.iter().sum::<u32>();
        let total: f64 = (1..=popular).map(|rank| 1.0 / f64::from(rank)).sum();
        // Zipf's law: the second topic has half as many as the first, the third a third of it.
        sizes.extend((1..=popular).map(|rank| FULL + (f64::from(spare) / f64::from(rank) / total) as u32));
        sizes.append(&mut small);
        Self { posts, sizes, full: popular + 2, accounts: (posts / 20).max(2000) }
    }

    /// All posts.
    pub(crate) fn total(&self) -> u32 {
        self.sizes.iter().sum()
    }

    /// All topics.
    pub(crate) fn topics(&self) -> u32 {
        u32::try_from(self.sizes.len()).unwrap()
    }
}
