//! What is measured, row by row.

mod lists;
mod pages;
mod process;
mod replies;
mod votes;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use crate::cpu::{Spent, Watched};
use crate::data::ids::{self, Kind};
use crate::data::plan::Plan;
use crate::load::Measured;
use crate::people::People;
use crate::report::Figure;
use crate::server::{Folder, Server};

/// Connections that ask at a time.
pub(crate) const CONNECTIONS: u32 = 64;

/// What rows are measured with.
pub(crate) struct Bench {
    // Servers stop before their folder is deleted.
    pub(crate) cold: Server,
    pub(crate) server: Server,
    pub(crate) folder: Folder,
    pub(crate) plan: Plan,
    pub(crate) people: People,
    /// How often each side is measured; the medians count.
    pub(crate) rounds: usize,
    /// How long each time, in seconds.
    pub(crate) seconds: f64,
    pub(crate) figures: Vec<Figure>,
    /// Votes a second that were spread over many posts.
    pub(crate) spread: Option<f64>,
}

/// The medians of both sides.
pub(crate) struct Compared {
    pub(crate) ours: Measured,
    pub(crate) reference: Measured,
}

impl Compared {
    /// The processor time of both, for a figure.
    pub(crate) const fn spent(&self) -> (Spent, Spent) {
        (self.ours.spent, self.reference.spent)
    }

    /// What went wrong at either side.
    pub(crate) fn problem(&self) -> Option<String> {
        self.ours.problem.clone().or_else(|| self.reference.problem.clone())
    }
}

impl Bench {
    /// Whose time is counted while this process answers.
    pub(crate) fn watched(&self, id: u32) -> Watched {
        Watched { server: Some(id), postmaster: self.folder.postmaster() }
    }

    /// Whose time is counted while PostgreSQL is asked directly.
    pub(crate) fn only_postgres(&self) -> Watched {
        Watched { server: None, postmaster: self.folder.postmaster() }
    }

    /// Measures both sides in turn, so that what else the machine does meets both.
    pub(crate) fn compare(
        &self,
        mut ours: impl FnMut() -> Measured,
        mut reference: impl FnMut() -> Measured,
    ) -> Compared {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            left.push(ours());
            right.push(reference());
        }
        Compared { ours: median(&left), reference: median(&right) }
    }

    /// Notes a figure and says so.
    pub(crate) fn note(&mut self, figure: Figure) {
        println!(
            "row {}: {}: {:.1} against {:.1} {}, {:.3}",
            figure.row,
            figure.name,
            figure.ours,
            figure.reference,
            figure.unit,
            figure.ours / figure.reference
        );
        self.figures.push(figure);
    }

    /// Waits until nothing is done that nobody asked for: what follows the filling, and what servers look through when they
    /// start, would count for whatever is measured first.
    fn settle(&self) {
        for server in [&self.server, &self.cold] {
            let watched = self.watched(server.id());
            for _ in 0..LONGEST_UNREST {
                let then = Spent::now(watched);
                sleep(Duration::from_secs(1));
                let spent = Spent::now(watched).since(then, 1.0);
                if spent.server + spent.postgres < QUIET {
                    break;
                }
            }
        }
    }

    /// Measures the rows that are wanted.
    pub(crate) async fn measure(&mut self, wanted: &BTreeSet<u32>) {
        self.settle();
        for row in ORDER.iter().filter(|row| wanted.contains(row)) {
            match row {
                1 => votes::spread(self).await,
                2 => votes::on_one_post(self).await,
                3 => pages::signed_out(self).await,
                4 => pages::signed_in(self).await,
                5 => pages::cold(self).await,
                6 => pages::grown_and_small(self),
                7 => replies::durable(self).await,
                8 => lists::reads(self).await,
                9 => process::memory(self).await,
                10 => process::start(self),
                11 => process::under_load(self).await,
                _ => panic!("there is no row {row}"),
            }
        }
        self.figures.sort_by_key(|figure| figure.row);
    }
}

/// What a server at rest and its database spend in a second at the most, in microseconds.
const QUIET: f64 = 30_000.0;

/// For so many seconds it is waited for that.
const LONGEST_UNREST: usize = 60;

/// The order in which rows are measured. Pages come first: of readers in general few voted a moment ago, and after the rows
/// with votes all would have.
pub(crate) const ORDER: [u32; 11] = [3, 4, 5, 6, 1, 2, 7, 8, 9, 10, 11];

/// The median of each number.
fn median(measured: &[Measured]) -> Measured {
    let of = |number: fn(&Measured) -> f64| {
        let mut values: Vec<f64> = measured.iter().map(number).collect();
        middle(&mut values)
    };
    Measured {
        per_second: of(|measured| measured.per_second),
        p99: of(|measured| measured.p99),
        spent: Spent {
            server: of(|measured| measured.spent.server),
            postgres: of(|measured| measured.spent.postgres),
            load: of(|measured| measured.spent.load),
        },
        problem: measured.iter().find_map(|measured| measured.problem.clone()),
    }
}

/// The median of some numbers.
pub(crate) fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The path of a page of a topic: ten roots with four replies each.
pub(crate) fn page(topic: u32) -> String {
    format!("/topics/{}/thread?limit=10&children=4&depth=1", ids::text(Kind::Topic, topic.into()))
}

/// The beginning of a request for a path below `/api/v1`.
pub(crate) fn head(method: &str, path: &str) -> String {
    format!("{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n")
}

/// Headers that say who asks, one for each token.
pub(crate) fn authorizations(tokens: &[String]) -> Vec<String> {
    tokens.iter().map(|token| format!("Authorization: Bearer {token}\r\n")).collect()
}
