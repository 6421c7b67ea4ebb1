//! How fast Otherwise is: votes, pages, replies and lists, each figure beside a reference of the same run.
//!
//! `script/bench` builds the program as it is delivered. This one starts it as a user would, with a private cluster in a
//! temporary folder, fills it with a large debate, and asks the server and the reference in turn: PostgreSQL itself, by
//! pgbench, or a handler that does nothing. It fails when a figure is on the wrong side of its bound, when anything but
//! success is answered, and when counters do not add up afterwards.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that cannot go on fails")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is drawn is in range")]

mod bare;
mod capture;
mod cpu;
mod data;
mod invariants;
mod load;
mod people;
mod pgbench;
mod report;
mod rows;
mod server;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use sqlx::Row;

use people::People;
use rows::Bench;
use server::Folder;

/// Measures Otherwise.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Fewer posts, and each side measured for a second at a time.
    #[arg(long)]
    quick: bool,
    /// Posts in the largest topic [default: 1000000, or 50000 with --quick].
    #[arg(long, value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    posts: Option<u32>,
    /// How long each side is measured at a time, in seconds [default: 3, or 1 with --quick].
    #[arg(long)]
    seconds: Option<u32>,
    /// How often each side is measured; the medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The rows that are measured [default: all].
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u32>,
    /// A folder that is kept for the next run; it is filled only once.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The program that is measured.
    #[arg(long, default_value = "target/release/otherwise")]
    server: PathBuf,
    /// The folder of PostgreSQL's programs [default: the one in PATH].
    #[arg(long, env = "OTHERWISE__DATABASE__POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
    /// Where the figures are written.
    #[arg(long, default_value = "results")]
    results: PathBuf,
}

#[derive(Subcommand)]
enum Part {
    /// Serves one answer to everybody.
    #[command(hide = true)]
    Bare(bare::Bare),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Part::Bare(bare)) = arguments.part {
        bare.serve().await;
        return ExitCode::SUCCESS;
    }
    let begun = Instant::now();
    let results = arguments.results.clone();
    let wanted: BTreeSet<u32> =
        if arguments.rows.is_empty() { rows::ORDER.into() } else { arguments.rows.iter().copied().collect() };
    let mut bench = set_up(&arguments).await;
    bench.measure(&wanted).await;
    invariants::check_all(&bench.folder).await;
    println!("every counter and every place is right");
    let are_held = report::report(&bench.figures, &results);
    println!("{:.0} s in all", begun.elapsed().as_secs_f64());
    if are_held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts the servers and fills the database.
async fn set_up(arguments: &Arguments) -> Bench {
    let posts = arguments.posts.unwrap_or(if arguments.quick { 50_000 } else { 1_000_000 });
    let seconds = arguments.seconds.unwrap_or(if arguments.quick { 1 } else { 3 });
    let folder = Folder::new(arguments.keep.as_deref(), &arguments.server, arguments.postgres_bin.as_deref());
    let server = folder.serve();
    require_durable(&folder).await;
    let plan = data::fill(&folder, posts).await;
    let people = People::new(&folder, &server).await;
    capture::allow(&folder).await;
    let cold = folder.serve_beside("cold", &[("OTHERWISE__SHARED_ANSWERS__MEMORY_BYTES", "0")]);
    Bench {
        cold,
        server,
        folder,
        plan,
        people,
        rounds: arguments.rounds,
        seconds: seconds.into(),
        figures: Vec::new(),
        spread: None,
    }
}

/// Nothing here counts unless what is answered is on disk.
async fn require_durable(folder: &Folder) {
    let mut db = folder.connect().await;
    for setting in ["SHOW fsync", "SHOW synchronous_commit"] {
        let value: String = sqlx::query(setting).fetch_one(&mut db).await.unwrap().get(0);
        assert!(value == "on", "{setting}: {value}");
    }
}
