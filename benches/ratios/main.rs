//! What things cost the server and everybody else, each figure beside a reference of the same run.
//!
//! `script/bench` builds the program as it is delivered, runs it with a private cluster of its own, and writes
//! `results/latest.json`. It fails when a figure is on the wrong side of its floor or ceiling.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on fails")]
#![expect(clippy::cast_precision_loss, reason = "counts are small")]

mod crowd;
mod everyday;
mod moderation;
mod sign_in;
#[path = "../../tests/service/support.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests of the service use the rest")]
mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Whether the ratio of ours to the reference may not be below its bound, or not above it.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A figure, its reference, and the bound of their ratio.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    pub(crate) reference: f64,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.reference
    }

    fn holds(&self) -> bool {
        match self.bound {
            Bound::AtLeast(floor) => self.ratio() >= floor,
            Bound::AtMost(ceiling) => self.ratio() <= ceiling,
        }
    }

    fn json(&self, number: usize) -> Value {
        let (kind, bound) = match self.bound {
            Bound::AtLeast(floor) => ("at_least", floor),
            Bound::AtMost(ceiling) => ("at_most", ceiling),
        };
        json!({
            "row": number, "name": self.name, "ours": self.ours, "reference": self.reference,
            "unit": self.unit, "ratio": self.ratio(), "floor": bound, "kind": kind,
        })
    }
}

#[tokio::main]
async fn main() {
    // Cargo says `--bench` besides.
    let named: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_wanted = |group: &str| named.is_empty() || named.iter().any(|name| name == group);
    let mut rows = Vec::new();
    if is_wanted("crowd") {
        rows.extend(crowd::measure().await);
    }
    if is_wanted("moderation") {
        rows.extend(moderation::measure().await);
    }
    if is_wanted("sign_in") {
        rows.extend(sign_in::measure().await);
    }
    assert!(!rows.is_empty(), "there are crowd, moderation and sign_in, and not {}", named.join(", "));

    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &rows {
        let (sign, bound) = match row.bound {
            Bound::AtLeast(floor) => ("≥", floor),
            Bound::AtMost(ceiling) => ("≤", ceiling),
        };
        println!(
            "{:width$}  {:>9.2} against {:>9.2} {:<12} ratio {:.3} ({sign} {bound}){}",
            row.name,
            row.ours,
            row.reference,
            row.unit,
            row.ratio(),
            if row.holds() { "" } else { "  NOT HELD" },
        );
    }
    let results: Vec<_> = rows.iter().enumerate().map(|(index, row)| row.json(index + 1)).collect();
    let results_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    fs::create_dir_all(&results_folder).unwrap();
    fs::write(results_folder.join("latest.json"), serde_json::to_string_pretty(&results).unwrap() + "\n")
        .unwrap();
    if !rows.iter().all(Row::holds) {
        std::process::exit(1);
    }
}

pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Does something for each number below `count`, so many at a time.
pub(crate) async fn each<F: Future<Output = ()> + Send + 'static>(
    count: usize,
    at_a_time: usize,
    work: impl Fn(usize) -> F,
) {
    let mut running = JoinSet::new();
    for number in 0..count {
        if running.len() == at_a_time {
            running.join_next().await.unwrap().unwrap();
        }
        running.spawn(work(number));
    }
    running.join_all().await;
}

pub(crate) fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent).div_ceil(100);
    values.get(place.saturating_sub(1)).copied().expect("something was measured")
}
