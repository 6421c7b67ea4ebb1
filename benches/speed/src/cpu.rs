//! What processes have spent on processors, as the system counts it.

use std::fs;

/// The system counts in hundredths of a second.
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

/// Microseconds that a process and the ones it has waited for have spent.
fn of_process(id: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name of the program may have spaces; what follows the last bracket has none.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = fields.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks * MICROSECONDS_PER_TICK
}

/// Microseconds that the processes which this one has waited for have spent: load generators that have ended.
fn of_waited_for() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 = fields.split_whitespace().skip(13).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks * MICROSECONDS_PER_TICK
}

/// The parent of a process.
fn parent(id: &str) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Microseconds that PostgreSQL has spent: its main process, which counts the children that have ended, and those
/// that live.
fn of_postgres(postmaster: u32) -> f64 {
    let living: f64 = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|id| parent(id) == Some(postmaster))
        .map(|id| of_process(&id))
        .sum();
    of_process(&postmaster.to_string()) + living
}

/// Whose time is counted.
#[derive(Clone, Copy)]
pub(crate) struct Watched {
    /// The server, or what stands in its place; none where PostgreSQL is asked directly.
    pub(crate) server: Option<u32>,
    /// PostgreSQL's main process.
    pub(crate) postmaster: u32,
}

/// Microseconds spent, by whom.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Spent {
    pub(crate) server: f64,
    pub(crate) postgres: f64,
    pub(crate) load: f64,
}

impl Spent {
    /// What was spent until now.
    pub(crate) fn now(watched: Watched) -> Self {
        Self {
            server: watched.server.map_or(0.0, |id| of_process(&id.to_string())),
            postgres: of_postgres(watched.postmaster),
            load: of_waited_for(),
        }
    }

    /// What was spent until now, by a load generator that still runs as well.
    pub(crate) fn with_child(watched: Watched, child: u32) -> Self {
        let now = Self::now(watched);
        Self { load: now.load + of_process(&child.to_string()), ..now }
    }

    /// What was spent since then, for each of so many requests.
    pub(crate) fn since(self, then: Self, requests: f64) -> Self {
        let each = |now: f64, then: f64| (now - then).max(0.0) / requests.max(1.0);
        Self {
            server: each(self.server, then.server),
            postgres: each(self.postgres, then.postgres),
            load: each(self.load, then.load),
        }
    }
}

/// The most memory that a process has had at a time, in MiB.
pub(crate) fn peak_memory(id: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1024.0
}
