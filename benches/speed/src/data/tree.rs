//! Who answers whom: the threads, as they would have grown.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, Zipf};

use super::plan::{Plan, VOTERS};

/// A post in its thread. Numbers are those of posts; 0 is no parent.
#[derive(Clone, Copy)]
pub(crate) struct Node {
    pub(crate) topic: u32,
    pub(crate) parent: u32,
    pub(crate) root: u32,
    pub(crate) depth: u32,
    pub(crate) author: u32,
    pub(crate) replies: u32,
    pub(crate) descendants: u32,
}

/// A topic while it grows.
struct Growing {
    posts: Vec<u32>,
    roots: u32,
    /// A root that is owed replies, and how many.
    owed: (u32, u32),
    left: u32,
    is_full: bool,
}

/// All posts in the order of their making: the post with number 1 stands first.
pub(crate) fn grow(plan: &Plan, rng: &mut StdRng) -> Vec<Node> {
    let mut order: Vec<u32> = (1..=plan.topics()).collect();
    let mut rest: Vec<u32> = Vec::with_capacity(plan.total() as usize);
    for (topic, size) in (1..).zip(&plan.sizes) {
        rest.extend(std::iter::repeat_n(topic, *size as usize - 1));
    }
    rest.shuffle(rng);
    order.append(&mut rest);

    let mut topics: Vec<Growing> = plan
        .sizes
        .iter()
        .map(|size| Growing { posts: Vec::new(), roots: 0, owed: (0, 0), left: *size, is_full: *size >= 50 })
        .collect();
    let writers = Zipf::new(f64::from(plan.accounts - VOTERS), 1.0).unwrap();
    let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
    for (number, topic) in (1..).zip(order) {
        let growing = &mut topics[topic as usize - 1];
        let parent = growing.next_parent(number, &nodes, rng);
        let (root, depth) = match parent {
            0 => (number, 0),
            parent => (nodes[parent as usize - 1].root, nodes[parent as usize - 1].depth + 1),
        };
        let author = VOTERS + writers.sample(rng) as u32;
        nodes.push(Node { topic, parent, root, depth, author, replies: 0, descendants: 0 });
    }
    for index in (0..nodes.len()).rev() {
        let Node { parent, descendants, .. } = nodes[index];
        if parent > 0 {
            let parent = &mut nodes[parent as usize - 1];
            parent.replies += 1;
            parent.descendants += descendants + 1;
        }
    }
    nodes
}

impl Growing {
    /// Which post the next one answers; 0 for none. Every root gets four replies at once, so that whichever ten come
    /// first fill a page.
    fn next_parent(&mut self, number: u32, nodes: &[Node], rng: &mut StdRng) -> u32 {
        let parent = if self.posts.is_empty() {
            0
        } else if self.owed.1 > 0 {
            self.owed.1 -= 1;
            self.owed.0
        } else if self.left >= 5 && (self.is_full && self.roots < 10 || rng.random_bool(0.03)) {
            0
        } else {
            self.somebody(nodes, rng)
        };
        if parent == 0 {
            self.roots += 1;
            self.owed = (number, if self.left >= 5 { 4 } else { 0 });
        }
        self.left -= 1;
        self.posts.push(number);
        parent
    }

    /// A post to answer: one of the last or any, or one above it, so that depths are geometric and roots get many.
    fn somebody(&self, nodes: &[Node], rng: &mut StdRng) -> u32 {
        let count = self.posts.len();
        let from = if rng.random_bool(0.5) { count.saturating_sub(40) } else { 0 };
        let mut found = self.posts[rng.random_range(from..count)];
        let mut depth = 0;
        while rng.random_bool(0.6) {
            depth += 1;
        }
        while nodes[found as usize - 1].depth > depth {
            found = nodes[found as usize - 1].parent;
        }
        found
    }
}
